"""How many messages a batch may have, and how many batches may be on their way: more while a backlog is worked off quickly."""

from __future__ import annotations

FULL = 5000
"""Messages of a batch by which readings pile up; no batch is bounded to fewer."""
MOST = 20_000
SMALL = 2000
"""Messages of a batch up to which one after another is stored as fast as readings come."""
MOST_WAITING = 4
"""Batches that are on their way: memory stays bounded however slow the database is."""
_QUICK_S, _SLOW_S = 0.7, 1.5
"""From reading to storing, with the batches before it: below and above it, batches may become larger, and must become smaller."""


class BatchSize:
    """Doubles while full batches are stored quickly, and halves where one is not.

    Threads of a busy process wait for each other at every step of a batch, however large it is. A batch that takes long
    would keep a worker from ending, and a partition from its next owner.
    """

    def __init__(self) -> None:
        self.most = FULL

    def stored(self, messages: int, seconds: float) -> None:
        """Learns from a batch.

        Args:
            messages: that it had.
            seconds: from when it was read until it was stored.
        """
        if messages > FULL and seconds > _SLOW_S:
            self.most = max(self.most // 2, FULL)
        elif messages >= self.most and seconds < _QUICK_S:
            self.most = min(2 * self.most, MOST)


def most_on_their_way(messages: int) -> int:
    """Batches that may be on their way, the next one included, after one of so many messages.

    What a batch costs however small it is (transaction, turns at Python's lock) is much of what a small one costs, and threads
    that work at the same time hold each other up: rather than to have several small ones on their way, messages wait in
    Kafka's client and become one.
    """
    if messages >= FULL:
        return MOST_WAITING
    return 2 if messages >= SMALL else 1
