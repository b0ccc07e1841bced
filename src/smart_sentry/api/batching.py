"""Adaptive batching: requests that arrive while the model is busy are answered together in its next pass.

There is no window to wait for and nothing to tune: alone, a request is answered at once; under load, the batch grows by itself to
whatever arrived in the meantime. docs/decisions says why BentoML's own dispatcher is not used for it, with figures.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from smart_sentry.answers import AssetHistory
from smart_sentry.contracts.failure import FailureAssessment

Answer = Callable[[Sequence[AssetHistory]], list[FailureAssessment]]
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Job:
    histories: Sequence[AssetHistory]
    future: asyncio.Future[list[FailureAssessment]]

    @property
    def readings(self) -> int:
        return sum(len(history.values) for history in self.histories)


class AdaptiveBatcher:
    """Gathers the requests of many clients into passes of one model, in their order of arrival.

    Args:
        answer: answers any number of histories, each by itself.
        observe: is told how many requests a pass answered.
        most_readings: a pass takes no further request from this many readings on, so that early ones are not kept waiting.
        inline_readings: a smaller pass runs on the event loop, which is faster than to hand it to a thread; a larger one
            runs in a thread, and meanwhile the loop decodes the next requests.
    """

    def __init__(
        self, answer: Answer, observe: Callable[[int], None], most_readings: int = 4000, inline_readings: int = 4000
    ) -> None:
        self._answer, self._observe = answer, observe
        self._most_readings, self._inline_readings = most_readings, inline_readings
        self._waiting: deque[_Job] = deque()
        self._busy = False
        self._thread = ThreadPoolExecutor(1, "model")

    async def __call__(self, histories: Sequence[AssetHistory]) -> list[FailureAssessment]:
        """The answers to one request."""
        loop = asyncio.get_running_loop()
        job = _Job(histories, loop.create_future())
        self._waiting.append(job)
        if not self._busy:
            self._busy = True
            loop.call_soon(self._next_pass)  # after the requests that are ready in this very turn of the loop
        return await job.future

    def close(self) -> None:
        """Lets the running pass end and takes no further one."""
        self._thread.shutdown()

    def _next_pass(self) -> None:
        jobs, readings = self._take()
        if not jobs:
            self._busy = False
        elif readings <= self._inline_readings:
            self._run(jobs, _settle)
            asyncio.get_running_loop().call_soon(self._next_pass)
        else:
            loop = asyncio.get_running_loop()
            running = loop.run_in_executor(
                self._thread, self._run, jobs, lambda *one: loop.call_soon_threadsafe(_settle, *one)
            )
            running.add_done_callback(lambda _: self._next_pass())

    def _take(self) -> tuple[list[_Job], int]:
        jobs: list[_Job] = []
        readings = 0
        while self._waiting and (not jobs or readings + self._waiting[0].readings <= self._most_readings):
            readings += self._waiting[0].readings
            jobs.append(self._waiting.popleft())
        return jobs, readings

    def _run(self, jobs: list[_Job], settle: Callable[[_Job, list[FailureAssessment] | Exception], object]) -> None:
        try:
            answers = self._answer([history for job in jobs for history in job.histories])
        except Exception as error:  # noqa: BLE001 - a worker's outermost loop: every waiting client must hear of it
            _log.exception("a pass over %d requests failed", len(jobs))
            if len(jobs) == 1:
                settle(jobs[0], error)
                return
            for job in jobs:  # one request must not spoil its neighbours'
                self._run([job], settle)
            return
        self._observe(len(jobs))
        start = 0
        for job in jobs:
            settle(job, answers[start : start + len(job.histories)])
            start += len(job.histories)


def _settle(job: _Job, outcome: list[FailureAssessment] | Exception) -> None:
    if job.future.done():  # the client has gone
        return
    if isinstance(outcome, Exception):
        job.future.set_exception(outcome)
    else:
        job.future.set_result(outcome)
