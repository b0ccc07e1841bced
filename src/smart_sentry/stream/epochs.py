"""Epochs that rise from reading to reading and from start to start, whatever the clock does meanwhile."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path

from smart_sentry.files import write_whole

_log = logging.getLogger(__name__)
_US = 1_000_000
_AHEAD_US, _LEAST_AHEAD_US = 30 * _US, 100_000
"""What is reserved at once: of a clock that goes on, so that a file is written twice a minute and not for every request; and of
one that is behind, where each epoch is but one more than the last."""
_SET_BACK_US = 60 * _US


class RisingEpochs:
    """Gives epochs; one thread at a time may ask.

    An epoch is given once a higher one stands in the file. Who starts after a crash, or with its clock set back, begins above.

    Args:
        clock: seconds since 1970 UTC.
        file: for the highest epoch that may have been given; None: they rise within this process alone.
    """

    def __init__(self, clock: Callable[[], float], file: Path | None) -> None:
        self._clock, self._file = clock, file
        self._last = self._reserved = _reserved_in(file)

    def next(self) -> int:
        """Microseconds since 1970 UTC, or one more than the last where the clock is not beyond that."""
        now = round(self._clock() * _US)
        if self._last - now > _SET_BACK_US and self._last == self._reserved:
            _log.warning("the clock is %.0f s behind what was sent already: was it set back?", (self._last - now) / _US)
        self._last = max(self._last + 1, now)
        if self._last > self._reserved:
            self._reserve(max(now + _AHEAD_US, self._last + _LEAST_AHEAD_US))
        return self._last

    def _reserve(self, highest: int) -> None:
        self._reserved = max(highest, _reserved_in(self._file))  # another process may share the file
        if self._file is None:
            return
        try:
            write_whole(self._file, lambda part: _write_through(part, f"{self._reserved}\n"))
            _write_folder_through(self._file.parent)
        except OSError as problem:
            _log.error(
                "%s cannot be written (%s): if the clock is set back before the next start, workers drop readings as stale",
                self._file, problem,
            )  # fmt: skip


def _reserved_in(file: Path | None) -> int:
    try:
        return 0 if file is None else int(file.read_text())
    except FileNotFoundError:
        return 0
    except (OSError, ValueError) as problem:
        _log.error("%s does not say which epochs were given: %s", file, problem)
        return 0


def _write_through(file: Path, text: str) -> None:
    with file.open("w") as opened:
        opened.write(text)
        opened.flush()
        os.fsync(opened.fileno())


def _write_folder_through(folder: Path) -> None:
    """So that the file has its new name also after a power failure."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
