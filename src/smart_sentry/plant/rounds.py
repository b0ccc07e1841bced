"""Work of a service that is done in the background, round after round."""

from __future__ import annotations

import logging
import threading
import time
from abc import ABC, abstractmethod

from smart_sentry.errors import SmartSentryError

_log = logging.getLogger(__name__)
REST, LONGEST_REST_SECONDS = 9.0, 30.0
"""A pause is at least so many times as long as the processor worked for the last round, up to so many seconds: readings have nine
tenths of it to themselves. What a round waited for, a lock or the database, does not count."""


class Rounds(ABC):
    """A thread of its own that goes on after a round that failed.

    Args:
        name: of the work, for the log.
        not_done: what a round that the database or a file refused has not done, for the log.
        every_seconds: between two rounds, or more where they take long.
    """

    def __init__(self, name: str, not_done: str, every_seconds: float) -> None:
        self._name, self._not_done, self._every_seconds = name, not_done, every_seconds
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    @abstractmethod
    def round(self) -> object:
        """Does the work once."""

    def start(self) -> None:
        """Goes to work at once, and then once in each interval."""
        self._thread.start()

    def close(self) -> None:
        """Stops as soon as the round that is running allows."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while True:
            began = time.thread_time()
            try:
                self.round()
            except SmartSentryError as problem:
                _log.warning("%s: %s: %s", self._name, self._not_done, problem)
            except Exception:  # noqa: BLE001 - the outermost loop of a background thread: the next round may do better
                _log.exception("%s: the round failed", self._name)
            rest = min(REST * (time.thread_time() - began), LONGEST_REST_SECONDS)
            if self._stop.wait(max(self._every_seconds, rest)):
                return
