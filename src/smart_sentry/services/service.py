"""What a service is to those who start and stop it."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from smart_sentry.errors import SmartSentryError

LOOPBACK = "127.0.0.1"


class ProgramMissing(SmartSentryError):
    """A program that a service needs is not installed."""

    def __init__(self, program: str, needed_for: str, package: str) -> None:
        self.program, self.needed_for, self.package = program, needed_for, package
        super().__init__(
            f"{needed_for} needs the program {program}, which is not on the path. On Debian or Ubuntu:"
            f" sudo apt-get install --no-install-recommends {package}"
        )


@dataclass(frozen=True)
class Launch:
    """How a service's process is run.

    Attributes:
        command: program and arguments.
        user: whom it runs as; None: the user of this process.
    """

    command: tuple[str, ...]
    user: str | None = None


class Service(Protocol):
    """A server on loopback with its data in a folder of its own."""

    @property
    def name(self) -> str:
        """As on the command line, e.g. "kafka"."""

    @property
    def title(self) -> str:
        """For people, e.g. "Apache Kafka"."""

    @property
    def folder(self) -> Path:
        """Holds the data, the log, secrets and the record of the process."""

    @property
    def ports(self) -> tuple[int, ...]:
        """Where it listens; clients connect to the first."""

    @property
    def stop_signal(self) -> signal.Signals:
        """Asks it to end in good order."""

    def prepare(self) -> Launch:
        """Makes whatever it needs in its folder, and says how it is run. Repeating it changes nothing.

        Raises:
            ProgramMissing: a program is not installed.
            ConfigurationError: it cannot be run as things are.
        """

    def answers(self) -> bool:
        """Whether a client gets an answer now."""

    def variables(self) -> dict[str, str]:
        """The settings that lead to it (environment variables), with its secret."""


def address_of(service: Service) -> str:
    """`host:port` for clients."""
    return f"{LOOPBACK}:{service.ports[0]}"
