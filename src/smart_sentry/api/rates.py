"""So many a second of each caller (token buckets): nobody's mistake or malice may take the service from the others."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from smart_sentry.api.errors import TooManyRequests

_MOST_CALLERS = 10_000


class RateLimit:
    """Admits so many a second of each caller, and a second's worth at once.

    What is admitted is admitted whole, also where it is more than is left: the caller then waits until the debt is paid. So a
    batch that is larger than a second's worth is taken once something is left, and the mean rate holds all the same.

    Args:
        per_second: None: anything goes.
        what: is counted, for the refusal.
        clock: seconds, from any origin.
        most_callers: so many are remembered; the one not seen for longest is forgotten first.
    """

    def __init__(
        self, per_second: float | None, what: str, clock: Callable[[], float] = time.monotonic,
        most_callers: int = _MOST_CALLERS,
    ) -> None:  # fmt: skip
        self._per_second, self._what, self._clock, self._most_callers = per_second, what, clock, most_callers
        self._left: dict[str, tuple[float, float]] = {}  # what is left, and when that was; in the order of use
        self._lock = threading.Lock()

    def admit(self, caller: str, count: int = 1) -> None:
        """Lets a caller's request pass.

        Raises:
            TooManyRequests: nothing is left for this caller; it says from when on something is.
        """
        if self._per_second is None:
            return
        with self._lock:
            most = max(self._per_second, 1.0)
            now = self._clock()
            left, since = self._left.pop(caller, (most, now))
            left = min(left + (now - since) * self._per_second, most)
            admitted = left >= 1.0
            self._left[caller] = (left - count if admitted else left, now)
            if len(self._left) > self._most_callers:
                del self._left[next(iter(self._left))]
        if not admitted:
            raise TooManyRequests(self._what, self._per_second, math.ceil((1.0 - left) / self._per_second))


@dataclass(frozen=True)
class RateLimits:
    """What one caller may ask of /api/v1."""

    requests: RateLimit
    readings: RateLimit

    @classmethod
    def of(cls, requests_per_second: float | None, readings_per_second: float | None) -> RateLimits:
        """Limits by their settings; None: none."""
        return cls(RateLimit(requests_per_second, "requests"), RateLimit(readings_per_second, "readings"))
