"""PostgreSQL, as Debian packages it, on loopback with a password."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import psycopg

from smart_sentry.errors import ConfigurationError
from smart_sentry.services.private_files import kept_password
from smart_sentry.services.process import birth_of
from smart_sentry.services.service import LOOPBACK, Launch, ProgramMissing

_DEBIAN = Path("/usr/lib/postgresql")
_SYSTEM_USER = "postgres"
_OWNER = _DATABASE = "smart_sentry"
_REACHABLE = 0o001


@dataclass(frozen=True)
class Postgres:
    """A PostgreSQL server with the database `smart_sentry`; its owner of that name may make others.

    PostgreSQL refuses to be run by root, so root runs it as the system's user `postgres`.

    Attributes:
        folder: holds `data/`, `password` and `log`.
        port: where it listens; there is no socket file.
        options: further settings, e.g. `("fsync=off",)`.
    """

    folder: Path
    port: int
    options: tuple[str, ...] = ()
    name: str = "postgres"
    title: str = "PostgreSQL"
    stop_signal: signal.Signals = signal.SIGINT  # ends sessions and transactions; SIGTERM would wait for the clients

    @property
    def ports(self) -> tuple[int, ...]:
        return (self.port,)

    @property
    def url(self) -> str:
        """Of the database, with the password.

        Raises:
            FileNotFoundError: it was never started.
        """
        password = (self.folder / "password").read_text(encoding="utf-8").strip()
        return f"postgresql://{_OWNER}:{password}@{LOOPBACK}:{self.port}/{_DATABASE}"

    def prepare(self) -> Launch:
        """Makes the cluster and the database at the first start.

        Raises:
            ProgramMissing: PostgreSQL is not installed.
            ConfigurationError: there is a cluster but no password, or root's stand-in cannot reach the folder.
        """
        programs, user, folder = _programs(), _user(), self.folder.resolve()
        if user is not None:
            _demand_reachable(folder, user)
        cluster = folder / "data"
        if not cluster.exists():
            _make_cluster(programs, cluster, kept_password(folder / "password"), user)
        elif not (folder / "password").exists():
            raise ConfigurationError(
                folder,
                "it holds a PostgreSQL cluster, but the file `password` is gone",
                "Bring it back, or move data/.",
            )
        _drop_lock_of_the_dead(cluster / "postmaster.pid")
        settings = ("unix_socket_directories=", f"listen_addresses={LOOPBACK}", f"port={self.port}", *self.options)
        command = [str(programs / "postgres"), "-D", str(cluster)]
        return Launch((*command, *(word for setting in settings for word in ("-c", setting))), user)

    def answers(self) -> bool:
        """Whether a query is answered."""
        try:
            with psycopg.connect(self.url, connect_timeout=2) as connection:
                return connection.execute("SELECT 1").fetchone() == (1,)
        except psycopg.OperationalError:
            return False

    def variables(self) -> dict[str, str]:
        """SMART_SENTRY_DATABASE."""
        return {"SMART_SENTRY_DATABASE": self.url}


def _drop_lock_of_the_dead(lock: Path) -> None:
    """A killed server that nobody has reaped yet (in a container, perhaps nobody ever will) still has its id: PostgreSQL
    would take it for a running one. Whether its memory is still in use PostgreSQL finds out by itself.
    """
    if lock.exists() and birth_of(int(lock.read_text().split("\n", 1)[0])) is None:
        lock.unlink()


def _make_cluster(programs: Path, cluster: Path, password: str, user: str | None) -> None:
    """Under a temporary name first, so that a cluster that is there is whole."""
    part = cluster.with_name("data.part")
    shutil.rmtree(part, ignore_errors=True)
    with tempfile.TemporaryDirectory() as name:
        secret = Path(name) / "password"
        secret.touch(mode=0o600)
        secret.write_text(password + "\n", encoding="utf-8")
        part.mkdir(mode=0o700)
        if user is not None:
            for path in (part, secret, Path(name)):
                shutil.chown(path, user, user)
        access = ["-U", _OWNER, "-A", "scram-sha-256", "--pwfile", str(secret)]
        _run([str(programs / "initdb"), "-D", str(part), *access, "-E", "UTF8", "--locale=C"], user)
    _run([str(programs / "postgres"), "--single", "-D", str(part), "postgres"], user, f"CREATE DATABASE {_DATABASE}\n")
    part.rename(cluster)


def _run(command: list[str], user: str | None, said: str = "") -> None:
    done = subprocess.run(
        command, input=said, capture_output=True, text=True, cwd="/", check=False,
        user=user, group=user, extra_groups=[] if user else None,
    )  # fmt: skip
    if done.returncode:
        raise ConfigurationError(
            "PostgreSQL", f"{Path(command[0]).name} ended with {done.returncode}: {done.stderr.strip()}", "Mend this."
        )


def _programs() -> Path:
    """The folder of the programs: the one on the path, or Debian's newest."""
    on_path = [Path(found).resolve().parent for found in [shutil.which("initdb")] if found]
    debian = sorted(_DEBIAN.glob("*/bin"), key=lambda folder: float(folder.parent.name), reverse=True)
    for folder in (*on_path, *debian):
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    raise ProgramMissing("initdb", "PostgreSQL", "postgresql")


def _user() -> str | None:
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam(_SYSTEM_USER).pw_name
    except KeyError:
        raise ProgramMissing("postgres (and the user of that name)", "PostgreSQL", "postgresql") from None


def _demand_reachable(folder: Path, user: str) -> None:
    for above in (folder, *folder.parents):
        if not above.stat().st_mode & _REACHABLE:
            raise ConfigurationError(
                above,
                f"root runs PostgreSQL as the user {user}, who may not enter this folder",
                "Run as another user than root, or set SMART_SENTRY_SERVICES_DATA to a folder that all may enter.",
            )
