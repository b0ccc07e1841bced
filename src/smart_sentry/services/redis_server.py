"""Redis, as Debian packages it, on loopback with a password."""

from __future__ import annotations

import shutil
import signal
from dataclasses import dataclass
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from smart_sentry.services.private_files import kept_password, write_private
from smart_sentry.services.service import LOOPBACK, Launch, ProgramMissing


@dataclass(frozen=True)
class RedisServer:
    """A Redis server that keeps an append-only file: what it took more than a second ago survives its end.

    Attributes:
        folder: holds `data/`, `redis.conf`, `password` and `log`.
        port: where it listens.
    """

    folder: Path
    port: int
    name: str = "redis"
    title: str = "Redis"
    stop_signal: signal.Signals = signal.SIGTERM

    @property
    def ports(self) -> tuple[int, ...]:
        return (self.port,)

    @property
    def url(self) -> str:
        """With the password.

        Raises:
            FileNotFoundError: it was never started.
        """
        password = (self.folder / "password").read_text(encoding="utf-8").strip()
        return f"redis://:{password}@{LOOPBACK}:{self.port}/0"

    def prepare(self) -> Launch:
        """Draws the password once and writes redis.conf.

        Raises:
            ProgramMissing: Redis is not installed.
        """
        program = shutil.which("redis-server")
        if program is None:
            raise ProgramMissing("redis-server", self.title, "redis-server")
        folder = self.folder.resolve()
        (folder / "data").mkdir(exist_ok=True)
        lines = [
            f"bind {LOOPBACK}",
            f"port {self.port}",
            f"requirepass {kept_password(folder / 'password')}",
            f'dir "{folder / "data"}"',
            "appendonly yes",
            'save ""',
            "daemonize no",
        ]
        configuration = write_private(folder / "redis.conf", "\n".join(lines) + "\n")
        return Launch((program, str(configuration)))

    def answers(self) -> bool:
        """Whether it answers PING, which it does once its data are loaded."""
        try:
            once = Retry(NoBackoff(), 0)
            with redis.Redis.from_url(self.url, retry=once, socket_timeout=2, socket_connect_timeout=2) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False

    def variables(self) -> dict[str, str]:
        """SMART_SENTRY_REDIS_URL."""
        return {"SMART_SENTRY_REDIS_URL": self.url}
