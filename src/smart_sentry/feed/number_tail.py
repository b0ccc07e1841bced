"""Which rows of a growing table are new, where rows of one writer may show up after later ones of another."""

from __future__ import annotations

from collections.abc import Iterable


class NumberTail:
    """Follows a table by the numbers of its rows.

    PostgreSQL gives numbers when rows are written and shows them when a transaction ends: a gap may still be filled. It is
    waited for as long as a transaction may last, from when a higher number was seen; afterwards it counts as rolled back.

    Args:
        settled: every row up to this number is known, or never comes.
        patience_s: how long gaps are waited for; 0 where one writer writes at a time.

    >>> tail = NumberTail(10, patience_s=5.0)
    >>> tail.new([11, 14], now=0.0), tail.settled
    ([11, 14], 11)
    >>> tail.new([13, 14], now=1.0), tail.settled
    ([13], 11)
    >>> tail.new([13, 14, 17], now=5.0), tail.settled
    ([17], 14)
    >>> tail.new([16, 17], now=6.0), tail.settled
    ([16], 14)
    """

    def __init__(self, settled: int, patience_s: float) -> None:
        self.settled = settled
        """Rows are to be asked for from the next number on."""
        self._patience_s = patience_s
        self._known: dict[int, float] = {}
        """Numbers above it, and when they were seen first, in the order of that."""

    @property
    def top(self) -> int:
        """The highest number that is known."""
        return max(self._known, default=self.settled)

    @property
    def has_gaps(self) -> bool:
        """Whether numbers below it may still show up."""
        return bool(self._known)

    def new(self, numbers: Iterable[int], now: float) -> list[int]:
        """Those that are seen for the first time.

        Args:
            numbers: of rows behind `settled`, ascending.
            now: seconds on a clock that never goes back.
        """
        found = [number for number in numbers if number > self.settled and number not in self._known]
        self._known.update(dict.fromkeys(found, now))
        self._settle(now)
        return found

    def _settle(self, now: float) -> None:
        for number, seen in self._known.items():
            if now - seen < self._patience_s:
                break
            self.settled = max(self.settled, number)
        while self.settled + 1 in self._known:
            self.settled += 1
        self._known = {number: seen for number, seen in self._known.items() if number > self.settled}
