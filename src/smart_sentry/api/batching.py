"""Adaptive batching of predictions: requests that arrive while the model is busy are answered together in its next pass.

docs/decisions says why BentoML's own dispatcher is not used for it, with figures.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from smart_sentry.answers import AssetHistory
from smart_sentry.api.gathering import Gatherer
from smart_sentry.contracts.failure import FailureAssessment

Answer = Callable[[Sequence[AssetHistory]], list[FailureAssessment]]
_log = logging.getLogger(__name__)


class AdaptiveBatcher:
    """Gathers the requests of many clients into passes of one model, in their order of arrival.

    Args:
        answer: answers any number of histories, each by itself.
        observe: is told how many requests a pass answered.
        most_readings: a pass takes no further request from this many readings on, so that early ones are not kept waiting.
        inline_readings: a smaller pass runs on the event loop, a larger one in a thread.
    """

    def __init__(
        self, answer: Answer, observe: Callable[[int], None], most_readings: int = 4000, inline_readings: int = 4000
    ) -> None:
        self._answer, self._observe = answer, observe
        self._gather: Gatherer[Sequence[AssetHistory], list[FailureAssessment]] = Gatherer(
            self._answer_each, weigh=_readings, most=most_readings, inline=inline_readings, thread="model"
        )

    async def __call__(self, histories: Sequence[AssetHistory]) -> list[FailureAssessment]:
        """The answers to one request."""
        return await self._gather(histories)

    def close(self) -> None:
        """Lets the running pass end and takes no further one."""
        self._gather.close()

    def _answer_each(self, requests: Sequence[Sequence[AssetHistory]]) -> list[list[FailureAssessment]]:
        try:
            answers = iter(self._answer([history for histories in requests for history in histories]))
        except Exception:
            _log.exception("a pass over %d requests failed", len(requests))
            raise
        self._observe(len(requests))
        return [[next(answers) for _ in histories] for histories in requests]


def _readings(histories: Sequence[AssetHistory]) -> int:
    return sum(len(history.values) for history in histories)
