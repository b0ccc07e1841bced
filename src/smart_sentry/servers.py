"""Starting a server as a process of its own, waiting until it answers, and stopping it with everything it started."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from smart_sentry.errors import ConfigurationError, ServerNotReady

POLL_S = 0.5
STOP_PATIENCE_S = 10.0


@dataclass(frozen=True)
class Server:
    """A server to run.

    Attributes:
        name: for messages, e.g. "MLflow".
        command: program and arguments.
        host, port: where it will listen.
        ready_path: a path that answers 200 once the server is ready.
        variables: environment variables beside those of this process.
        folder: the working directory; None for that of this process.
    """

    name: str
    command: Sequence[str]
    host: str
    port: int
    ready_path: str
    variables: Mapping[str, str] = field(default_factory=dict)
    folder: Path | None = None

    @property
    def address(self) -> str:
        """`http://host:port`"""
        return f"http://{self.host}:{self.port}"

    def demand_free_port(self) -> None:
        """Makes sure that nothing else listens there.

        Raises:
            ConfigurationError: the port is taken.
        """
        demand_free_port(self.name, self.host, self.port)


@dataclass(frozen=True)
class RunningServer:
    """A server that answers."""

    address: str
    process: subprocess.Popen[bytes]


def demand_free_port(name: str, host: str, port: int) -> None:
    """Makes sure that nothing listens where a server of that name is about to.

    Raises:
        ConfigurationError: the port is taken.
    """
    if (error := _obstacle(host, port)) is not None:
        raise ConfigurationError(
            f"{host}:{port}",
            f"{name} cannot listen there ({error.strerror})",
            "Stop what runs there, or set another port (docs/settings.md).",
        ) from error


def _obstacle(host: str, port: int) -> OSError | None:
    """What keeps a server from listening there; None: nothing does."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return error
    return None


def free_port(host: str = "127.0.0.1", wanted: int | None = None) -> int:
    """A port that nothing listens on just now: the wanted one, unless it is taken."""
    if wanted is not None and _obstacle(host, wanted) is None:
        return wanted
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(server: Server, log: Path, patience_s: float = 120) -> Iterator[RunningServer]:
    """Runs a server for the length of the block; it answers when the block begins and is gone when it ends.

    Args:
        server: what to run.
        log: takes its output.
        patience_s: how long it may take until it answers.

    Raises:
        ConfigurationError: the port is taken.
        ServerNotReady: it ended, or did not answer in time.
    """
    server.demand_free_port()
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        process = subprocess.Popen(
            server.command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=server.folder,
            env={**os.environ, **server.variables},
            start_new_session=True,  # a group of its own: stopping it stops its children too, and Ctrl-C does not hit it twice
        )
        try:
            _wait_until_ready(server, process, log, patience_s)
            yield RunningServer(server.address, process)
        finally:
            stop(process)


def stop(process: subprocess.Popen[bytes], patience_s: float = STOP_PATIENCE_S) -> None:
    """Ends a process that leads its own group, and every process in that group: asked first, then killed."""
    for how in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, how)
        except ProcessLookupError:
            break
        if _group_ends(process, patience_s):
            break
    process.wait()


def _group_ends(process: subprocess.Popen[bytes], patience_s: float) -> bool:
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        process.poll()  # takes the leader's exit code, so that it does not stay in its group as a zombie
        try:
            os.killpg(process.pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


def _wait_until_ready(server: Server, process: subprocess.Popen[bytes], log: Path, patience_s: float) -> None:
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise ServerNotReady(server.name, server.address, f"it ended with exit code {process.returncode}", log)
        if answers(server.address + server.ready_path):
            return
        time.sleep(POLL_S)
    raise ServerNotReady(server.name, server.address, f"no answer within {patience_s:g} s", log)


def answers(url: str, timeout_s: float = 5) -> bool:
    """Whether a GET gives 200."""
    try:
        with urllib.request.urlopen(url, timeout=timeout_s) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, TimeoutError, ConnectionError):
        return False
