"""The last quarter of an hour of an asset, in arrays that never grow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smart_sentry.contracts.live import AssetUpdate
from smart_sentry.phases import PHASES, Phase

SPAN_S = 900.0
"""What is shown: seconds before the newest reading, by the readings' own times."""
ROWS = 1800
"""As many as there are in the span at most."""
CLOSEST_S = 0.5
"""Readings that are closer together share a row: the newest values, the highest score, and the flag of any."""

_PHASE_CODE = {phase.value: code for code, phase in enumerate(PHASES)}
_UNKNOWN = _PHASE_CODE[Phase.UNKNOWN.value]


@dataclass(frozen=True)
class History:
    """Readings of one asset, oldest first.

    Attributes:
        signals: names of the columns of `values`.
        seconds: (rows,) since 1970 UTC.
        values: (rows, signals), NaN where there is no number.
        score: (rows,) 1 is the limit; NaN where nothing was judged.
        health: (rows,) 0..100.
        flag: (rows,) whether the machine was anomalous.
        phase: (rows,) index into `smart_sentry.phases.PHASES`.
    """

    signals: tuple[str, ...]
    seconds: NDArray[np.float64]
    values: NDArray[np.float32]
    score: NDArray[np.float32]
    health: NDArray[np.float32]
    flag: NDArray[np.bool_]
    phase: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.seconds)

    def rows(self, chosen: slice | NDArray[np.bool_] | NDArray[np.int64]) -> History:
        """Some of the rows."""
        return History(
            self.signals, self.seconds[chosen], self.values[chosen], self.score[chosen], self.health[chosen], self.flag[chosen],
            self.phase[chosen],
        )  # fmt: skip

    def followed_by(self, later: History) -> History:
        """Both, one after the other; their signals are the same."""
        return History(
            self.signals, np.concatenate([self.seconds, later.seconds]), np.concatenate([self.values, later.values]),
            np.concatenate([self.score, later.score]), np.concatenate([self.health, later.health]),
            np.concatenate([self.flag, later.flag]), np.concatenate([self.phase, later.phase]),
        )  # fmt: skip


def phase_code(name: str) -> int:
    """Index into `PHASES`; that of UNKNOWN for a name that is none."""
    return _PHASE_CODE.get(name, _UNKNOWN)


class Ring:
    """The newest rows of one asset.

    Args:
        signals: of the asset.
        rows: how many are kept.
    """

    def __init__(self, signals: tuple[str, ...], rows: int = ROWS) -> None:
        self.signals = signals
        self._kept = History(
            signals, np.empty(rows), np.empty((rows, len(signals)), np.float32), np.empty(rows, np.float32),
            np.empty(rows, np.float32), np.empty(rows, np.bool_), np.empty(rows, np.uint8),
        )  # fmt: skip
        self._count, self._next = 0, 0
        self._began = -np.inf

    @property
    def newest(self) -> float:
        """Time of the newest row, seconds since 1970 UTC; -inf where there is none."""
        return float(self._kept.seconds[self._next - 1]) if self._count else -np.inf

    def add(self, update: AssetUpdate) -> None:
        """Takes a reading; one that is not newer than the newest is passed over."""
        if update.time <= self.newest:
            return
        shared = self._count > 0 and update.time - self._began < CLOSEST_S
        if not shared:
            self._began = update.time
        self._write((self._next - 1) % len(self._kept) if shared else self._take_row(), update, shared)

    def fill(self, past: History) -> None:
        """Puts rows before those that are there, as far as there is room; what is not older is passed over."""
        here = self.read()
        if len(here):
            past = past.rows(past.seconds < here.seconds[0])
        whole = past.followed_by(here).rows(slice(-len(self._kept), None))
        count = len(whole)
        for name in ("seconds", "values", "score", "health", "flag", "phase"):
            getattr(self._kept, name)[:count] = getattr(whole, name)
        self._count, self._next = count, count % len(self._kept)

    def read(self, span_s: float = np.inf) -> History:
        """A copy, of the last so many seconds."""
        order = self._order()
        if self._count:
            seconds = self._kept.seconds[order]
            order = order[seconds >= seconds[-1] - span_s]
        return self._kept.rows(order)

    def health(self) -> NDArray[np.float32]:
        """(rows,) the health alone, as `read`."""
        return self._kept.health[self._order()]

    def _order(self) -> NDArray[np.int64]:
        return (np.arange(self._count) + self._next - self._count) % len(self._kept)

    def _take_row(self) -> int:
        row, size = self._next, len(self._kept)
        self._next, self._count = (row + 1) % size, min(self._count + 1, size)
        return row

    def _write(self, row: int, update: AssetUpdate, shared: bool) -> None:
        kept = self._kept
        score = np.nan if update.score is None else update.score
        kept.score[row] = np.fmax(kept.score[row], score) if shared else score
        kept.flag[row] = update.flag or (shared and bool(kept.flag[row]))
        kept.seconds[row], kept.health[row], kept.phase[row] = update.time, update.health, phase_code(update.phase)
        numbers = (update.values.get(name) for name in self.signals)
        kept.values[row] = [np.nan if number is None else number for number in numbers]


def runs(marked: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First and last row of every stretch of marked rows.

    >>> runs(np.array([True, True, False, True]))
    [(0, 1), (3, 3)]
    """
    edges = np.flatnonzero(np.diff(np.concatenate([[0], marked.astype(np.int8), [0]])))
    return [(int(first), int(behind) - 1) for first, behind in zip(edges[::2], edges[1::2], strict=True)]
