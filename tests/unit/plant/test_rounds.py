"""Work that is done round after round."""

from __future__ import annotations

import threading
import time

from smart_sentry.plant.rounds import REST, Rounds


class _Slow(Rounds):
    def __init__(self, takes: float) -> None:
        super().__init__("slow", "nothing is lost", 0.01)
        self.began: list[float] = []
        self.third = threading.Event()
        self._takes = takes

    def round(self) -> None:
        """Takes its time, and fails."""
        self.began.append(time.monotonic())
        if len(self.began) == 3:
            self.third.set()
        end = time.thread_time() + self._takes
        while time.thread_time() < end:
            pass
        raise ZeroDivisionError


def test_rounds_that_take_long_leave_nine_tenths_of_the_time_and_go_on_after_a_failure() -> None:
    slow = _Slow(0.05)
    slow.start()
    assert slow.third.wait(10.0)
    slow.close()
    first, second, third = slow.began[:3]
    assert min(second - first, third - second) >= (1.0 + REST) * 0.05
