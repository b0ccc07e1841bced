"""How many messages a batch may have: more while a backlog is worked off quickly."""

from __future__ import annotations

FULL = 5000
"""Messages of a batch by which readings pile up; no batch is bounded to fewer."""
MOST = 20_000
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
