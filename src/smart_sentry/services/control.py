"""Starting, stopping and asking services, in a folder that one command at a time works on."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from smart_sentry.errors import ConfigurationError, ServerNotReady
from smart_sentry.servers import demand_free_port
from smart_sentry.services import process
from smart_sentry.services.lock import locked
from smart_sentry.services.private_files import write_private
from smart_sentry.services.service import LOOPBACK, Service, address_of

START_PATIENCE_S = 120.0
STOP_PATIENCE_S = 30.0
_POLL_S = 0.1
ENVIRONMENT = "environment"
"""The file beside the services' folders that a shell sources."""


@dataclass(frozen=True)
class Status:
    """How a service stands.

    Attributes:
        service: which one.
        pid: its process; None: it was not started here, or has ended.
        answers: whether a client gets an answer.
    """

    service: Service
    pid: int | None
    answers: bool

    def sentence(self) -> str:
        """Title, address, state and data folder in one line."""
        silent = "" if self.answers else " (does not answer)"
        state = "stopped" if self.pid is None else f"process {self.pid}{silent}"
        return f"{self.service.title}: {address_of(self.service)}, {state}, data in {self.service.folder}"


def start(services: Sequence[Service], folder: Path, tell: Callable[[str], object]) -> None:
    """Starts the services that do not run, waits until all answer, and writes the file `environment`.

    Args:
        services: which ones.
        folder: where `environment` is written; one command at a time works on it.
        tell: takes one line for each service.

    Raises:
        ProgramMissing: a program is not installed.
        ConfigurationError: a port is taken, or a running service listens on another one than is asked for.
        ServerNotReady: a service ended or did not answer in time; it is stopped again, the others run on.
    """
    with locked(folder):
        for service in services:
            _launch(service)
        for service in services:
            _await(service)
            tell(status(service).sentence())
        _write_environment(services, folder / ENVIRONMENT)


def stop(services: Sequence[Service], folder: Path, tell: Callable[[str], object]) -> None:
    """Ends the services that were started here, in good order: within 30 s each, then by force.

    Raises:
        WillNotStop: one runs on.
    """
    with locked(folder):
        for service in services:
            ran = process.stop(service.folder, service.stop_signal, STOP_PATIENCE_S)
            tell(f"{service.title}: {'stopped' if ran else 'was not running'}")


def status(service: Service) -> Status:
    """How a service stands just now."""
    record = process.running_in(service.folder)
    return Status(service, record.pid if record else None, bool(record and service.answers()))


def _launch(service: Service) -> None:
    record = process.running_in(service.folder)
    if record is None:
        for port in service.ports:
            demand_free_port(service.title, LOOPBACK, port)
        service.folder.mkdir(parents=True, exist_ok=True)
        process.launch(service.prepare(), service.folder, service.ports)
    elif record.ports != service.ports:
        raise ConfigurationError(
            service.title,
            f"it runs on port {record.ports[0]}, and port {service.ports[0]} is asked for",
            f"Stop it first (smart-sentry services stop {service.name}), or set its port back (docs/settings.md).",
        )


def _await(service: Service) -> None:
    deadline, problem = time.monotonic() + START_PATIENCE_S, f"no answer within {START_PATIENCE_S:g} s"
    while time.monotonic() < deadline:
        if process.running_in(service.folder) is None:
            problem = "its process ended"
            break
        if service.answers():
            return
        time.sleep(_POLL_S)
    process.stop(service.folder, service.stop_signal, STOP_PATIENCE_S)
    raise ServerNotReady(service.title, address_of(service), problem, service.folder / "log")


def _write_environment(services: Sequence[Service], path: Path) -> None:
    kept = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    lines = dict(line.removeprefix("export ").split("=", 1) for line in kept if line.startswith("export "))
    for service in services:
        lines |= {name: shlex.quote(value) for name, value in service.variables().items()}
    write_private(path, "".join(f"export {name}={value}\n" for name, value in sorted(lines.items())))
