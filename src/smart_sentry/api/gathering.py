"""Requests of many clients, answered together: what arrives while a pass runs is the next one.

There is no window to wait for and nothing to tune: alone, a request is answered at once; under load, a pass grows by itself to
whatever arrived in the meantime. A request that fails does not spoil its neighbours'; a database that is away fails them all.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic, TypeVar

from smart_sentry.errors import StoreUnavailable

Asked = TypeVar("Asked")
Told = TypeVar("Told")


@dataclass(frozen=True)
class _Job(Generic[Asked, Told]):
    asked: Asked
    future: asyncio.Future[Told]


class Gatherer(Generic[Asked, Told]):
    """Answers requests in the order in which they arrive.

    Args:
        answer: answers any number of requests in one pass, or raises: then each of them is tried alone, except after
            StoreUnavailable, which is everybody's answer: no request is the cause of it, and each try may wait long.
        weigh: how much a request adds to a pass.
        most: a pass takes no further request that would make it heavier.
        inline: a pass up to this weight runs on the event loop, which is faster than to hand it to a thread; a heavier one
            runs in a thread, and meanwhile the loop decodes the next requests.
        at_once: answers a pass on the event loop instead of `answer` without waiting for anybody; where it says None or
            raises, it has done nothing, and `answer` is asked in the thread.
        thread: name of the thread.
    """

    def __init__(
        self, answer: Callable[[Sequence[Asked]], Sequence[Told]], *, weigh: Callable[[Asked], int] = lambda _: 1,
        most: int = 1000, inline: int = 0, at_once: Callable[[Sequence[Asked]], Sequence[Told] | None] | None = None,
        thread: str = "gatherer",
    ) -> None:  # fmt: skip
        self._answer, self._weigh, self._most, self._inline = answer, weigh, most, inline
        self._at_once = at_once
        self._waiting: deque[_Job[Asked, Told]] = deque()
        self._busy = False
        self._thread = ThreadPoolExecutor(1, thread)

    async def __call__(self, asked: Asked) -> Told:
        """The answer to one request."""
        loop = asyncio.get_running_loop()
        job: _Job[Asked, Told] = _Job(asked, loop.create_future())
        self._waiting.append(job)
        if not self._busy:
            self._busy = True
            loop.call_soon(self._next_pass, loop)  # after the requests that are ready in this very turn of the loop
        return await job.future

    def close(self) -> None:
        """Lets the running pass end and takes no further one."""
        self._thread.shutdown()

    def _next_pass(self, loop: asyncio.AbstractEventLoop) -> None:
        jobs, weight = self._gather()
        if not jobs:
            self._busy = False
        elif weight <= self._inline and (outcomes := self._outcomes_at_once(jobs)) is not None:
            _settle(jobs, outcomes)
            if self._waiting:
                loop.call_soon(self._next_pass, loop)
            else:
                self._busy = False
        else:
            self._thread.submit(self._run, jobs, loop)

    def _outcomes_at_once(self, jobs: list[_Job[Asked, Told]]) -> Sequence[Told | Exception] | None:
        if self._at_once is None:
            return self._outcomes(jobs)
        try:
            return self._at_once([job.asked for job in jobs])
        except Exception:  # noqa: BLE001 - `answer` comes upon it again, and tells whom it concerns
            return None

    def _gather(self) -> tuple[list[_Job[Asked, Told]], int]:
        jobs: list[_Job[Asked, Told]] = []
        weight = 0
        while self._waiting:
            heavier = weight + self._weigh(self._waiting[0].asked)
            if jobs and heavier > self._most:
                break
            weight = heavier
            jobs.append(self._waiting.popleft())
        return jobs, weight

    def _run(self, jobs: list[_Job[Asked, Told]], loop: asyncio.AbstractEventLoop) -> None:
        loop.call_soon_threadsafe(self._end_pass, jobs, self._outcomes(jobs), loop)

    def _end_pass(
        self, jobs: list[_Job[Asked, Told]], outcomes: Sequence[Told | Exception], loop: asyncio.AbstractEventLoop
    ) -> None:
        _settle(jobs, outcomes)
        self._next_pass(loop)

    def _outcomes(self, jobs: list[_Job[Asked, Told]]) -> Sequence[Told | Exception]:
        try:
            return self._answer([job.asked for job in jobs])
        except StoreUnavailable as error:
            return [error] * len(jobs)
        except Exception as error:  # noqa: BLE001 - a worker's outermost loop: every waiting client must hear of it
            if len(jobs) == 1:
                return [error]
        return [outcome for job in jobs for outcome in self._outcomes([job])]


def _settle(jobs: list[_Job[Asked, Told]], outcomes: Sequence[Told | Exception]) -> None:
    for job, outcome in zip(jobs, outcomes, strict=True):
        if job.future.done():  # the client has gone
            continue
        if isinstance(outcome, Exception):
            job.future.set_exception(outcome)
        else:
            job.future.set_result(outcome)
