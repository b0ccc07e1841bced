"""Single readings of many clients, taken together: what arrives while a transaction runs is the next one.

Alone, a reading is taken at once; under load a transaction grows by itself to whatever has arrived meanwhile. A reading that is
refused does not spoil its neighbours'.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from smart_sentry.contracts.monitoring import ReadingsTaken, SensorReading

Take = Callable[[Sequence[SensorReading]], list[ReadingsTaken]]
_MOST = 1000


@dataclass(frozen=True)
class _Waiting:
    reading: SensorReading
    future: asyncio.Future[ReadingsTaken]


class Gatherer:
    """Takes readings in the order in which they arrive.

    Args:
        take: takes any number of readings, all or none, and answers for each.
    """

    def __init__(self, take: Take) -> None:
        self._take = take
        self._waiting: deque[_Waiting] = deque()
        self._busy = False
        self._thread = ThreadPoolExecutor(1, "readings")

    async def __call__(self, reading: SensorReading) -> ReadingsTaken:
        """What became of one reading."""
        loop = asyncio.get_running_loop()
        waiting = _Waiting(reading, loop.create_future())
        self._waiting.append(waiting)
        if not self._busy:
            self._busy = True
            loop.call_soon(self._next, loop)  # after the readings that are ready in this very turn of the loop
        return await waiting.future

    def close(self) -> None:
        """Lets the running transaction end."""
        self._thread.shutdown()

    def _next(self, loop: asyncio.AbstractEventLoop) -> None:
        jobs = [self._waiting.popleft() for _ in range(min(_MOST, len(self._waiting)))]
        if not jobs:
            self._busy = False
            return
        self._thread.submit(self._run, jobs, loop)

    def _run(self, jobs: list[_Waiting], loop: asyncio.AbstractEventLoop) -> None:
        outcomes = self._outcomes(jobs)
        loop.call_soon_threadsafe(self._settle, jobs, outcomes, loop)

    def _outcomes(self, jobs: list[_Waiting]) -> Sequence[ReadingsTaken | Exception]:
        try:
            return self._take([job.reading for job in jobs])
        except Exception as error:  # noqa: BLE001 - a worker's outermost loop: every waiting client must hear of it
            if len(jobs) == 1:
                return [error]
        return [outcome for job in jobs for outcome in self._outcomes([job])]

    def _settle(
        self, jobs: list[_Waiting], outcomes: Sequence[ReadingsTaken | Exception], loop: asyncio.AbstractEventLoop
    ) -> None:
        for job, outcome in zip(jobs, outcomes, strict=True):
            if job.future.done():  # the client has gone
                continue
            if isinstance(outcome, Exception):
                job.future.set_exception(outcome)
            else:
                job.future.set_result(outcome)
        self._next(loop)
