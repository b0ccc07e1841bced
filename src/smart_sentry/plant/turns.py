"""Turns at a plant's monitors: whoever has one finds them as the database has them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Self


class Turns:
    """A lock that its holder may take again. Where the monitors are stale, whoever takes it first has them restored.

    Args:
        restore: makes them what the database has; may take the lock.

    Attributes:
        stale: whether the monitors are ahead of the database, after a transaction that failed.
    """

    def __init__(self, restore: Callable[[], None]) -> None:
        self.stale = False
        self._restore, self._lock = restore, threading.RLock()

    def acquire(self) -> None:
        """Waits for the turn.

        Raises:
            StoreUnavailable: the monitors are stale and cannot be restored; it is nobody's turn.
        """
        self._lock.acquire()
        if not self.stale:
            return
        self.stale = False
        try:
            self._restore()
        except BaseException:
            self.stale = True
            self._lock.release()
            raise

    def acquire_at_once(self) -> bool:
        """Takes the turn if nobody has it and there is nothing to restore; says whether it did."""
        if not self._lock.acquire(blocking=False):
            return False
        if self.stale:
            self._lock.release()
            return False
        return True

    def release(self) -> None:
        """Ends the turn."""
        self._lock.release()

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()
