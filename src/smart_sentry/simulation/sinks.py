"""Where simulated readings go. A sink takes events and says how many it could not deliver; a new one is one class here."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import pandas as pd

from smart_sentry.errors import ConfigurationError
from smart_sentry.files import write_whole
from smart_sentry.simulation.events import Events

FILE_SUFFIXES = (".csv", ".parquet")


class Sink(Protocol):
    """Takes events in the order of time."""

    destination: str
    """Where to, for people."""

    def send(self, events: Events) -> str | None:
        """Delivers all of them or none; says why not."""
        ...

    def close(self) -> None:
        """Ends the delivery: nothing more will come."""
        ...


class FileSink:
    """A CSV or Parquet file with the readings and what is true of them; it is there, whole, once the sink is closed.

    Raises:
        ConfigurationError: the file's name ends otherwise.
    """

    def __init__(self, path: Path) -> None:
        if path.suffix not in FILE_SUFFIXES:
            raise ConfigurationError(
                path, "not a file to write readings to", f"End it in {' or '.join(FILE_SUFFIXES)}."
            )
        self._path, self._tables = path, list[pd.DataFrame]()
        self.destination = str(path)

    def send(self, events: Events) -> None:
        """Keeps them until the end."""
        self._tables.append(events.table)

    def close(self) -> None:
        """Writes the file; nothing where nothing came."""
        if not self._tables:
            return
        table = pd.concat(self._tables, ignore_index=True)
        if self._path.suffix == ".parquet":
            write_whole(self._path, lambda part: table.to_parquet(part, index=False))
        else:
            write_whole(self._path, lambda part: table.to_csv(part, index=False, float_format="%.9g"))


class ConsoleSink:
    """One JSON object a line.

    Args:
        echo: writes a line.
    """

    destination = "the console"

    def __init__(self, echo: Callable[[str], None]) -> None:
        self._echo = echo

    def send(self, events: Events) -> None:
        """Writes them."""
        for message in events.messages():
            self._echo(json.dumps(message, allow_nan=False))

    def close(self) -> None:
        """Nothing is held back."""
