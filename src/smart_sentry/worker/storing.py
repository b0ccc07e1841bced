"""Judged batches on their way into the database: stored in their order by a thread of its own, while the next one is judged."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Generic, TypeVar

Job = TypeVar("Job")
Done = TypeVar("Done")
MOST_WAITING = 2
"""Batches that are being stored or wait for it: memory stays bounded however slow the database is."""


class Storing(Generic[Job, Done]):
    """Does jobs in the order in which they come.

    Args:
        store: does one job; what it raises is kept for `settled`.
    """

    def __init__(self, store: Callable[[Job], Done]) -> None:
        self._store = store
        self._thread = ThreadPoolExecutor(1, "storing")
        self._jobs: deque[tuple[Job, Future[Done]]] = deque()

    def submit(self, job: Job) -> None:
        """Takes a job; see first that there is room."""
        self._jobs.append((job, self._thread.submit(self._store, job)))

    def wait_for_room(self, seconds: float) -> bool:
        """Waits until another job can be taken, and says whether it can."""
        waiting = [future for _, future in self._jobs if not future.done()]
        if len(waiting) < MOST_WAITING:
            return True
        wait(waiting[:1], seconds)
        return waiting[0].done()

    def drain(self) -> None:
        """Waits until every job is done."""
        wait([future for _, future in self._jobs])

    def settled(self) -> list[tuple[Job, Future[Done]]]:
        """Jobs that were done since this was asked last, in their order."""
        done = []
        while self._jobs and self._jobs[0][1].done():
            done.append(self._jobs.popleft())
        return done

    def close(self) -> None:
        """Ends the thread, after the jobs at hand."""
        self._thread.shutdown()
