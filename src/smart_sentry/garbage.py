"""How often Python looks for cycles of objects that nobody needs, in processes that judge batches for months."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_COLLECTED_AFTER = (50_000, 20, 50)
"""Objects, and passes over the younger ones, after which Python looks. With its own 700, a batch of thousands of readings spends
a fifth to a quarter of its time on being looked through in vain."""
_EVERY_SECONDS, _YOUNGER_ONES = 5.0, 60
"""Between two looks at what is young, and how many of them come before everything is looked through."""


@contextmanager
def seldom_collected() -> Iterator[None]:
    """What stands now is not looked through any more, and what comes only rarely; as before when the block ends.

    Without it one request in thousands waits 0.1 s while everything that the process has is looked through.
    """
    usual = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECTED_AFTER)
    try:
        yield
    finally:
        gc.set_threshold(*usual)
        gc.unfreeze()


@contextmanager
def collected_between_batches(clock: Callable[[], float] = time.monotonic) -> Iterator[Callable[[], None]]:
    """Python looks for cycles only when it is told that a batch is done, and seldom then; as before when the block ends.

    While thousands of messages are worked on, all their parts are young: looking through them finds nothing and took an eighth of
    a stream worker's time. Between two batches nearly all of them are gone.

    Args:
        clock: seconds on any clock.

    Yields:
        What to call between two batches.
    """
    gc.collect()
    gc.freeze()
    gc.disable()
    looked_at, younger = clock(), 0

    def between() -> None:
        nonlocal looked_at, younger
        if clock() - looked_at < _EVERY_SECONDS:
            return
        younger = (younger + 1) % _YOUNGER_ONES
        gc.collect(1 if younger else 2)
        looked_at = clock()

    try:
        yield between
    finally:
        gc.enable()
        gc.unfreeze()
