"""What a worker does between two batches."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from smart_sentry.worker import chores
from smart_sentry.worker.chores import Chores


class QuietPlant:
    """A partition's plant without commands, whose alarms tell when time passed for them."""

    lost, caught_up = False, True

    def __init__(self, now: list[float]) -> None:
        self.passed: list[float] = []
        self.alarms = SimpleNamespace(pass_time=lambda: self.passed.append(now[0]))


def test_time_passes_for_silent_assets_every_5_s_and_under_load_every_30(monkeypatch: pytest.MonkeyPatch) -> None:
    now, busy, settled = [0.0], [False], list[float]()
    monkeypatch.setattr(chores, "time", SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr(Chores, "_obey", lambda self: None)
    plant = QuietPlant(now)

    def settle() -> bool:
        settled.append(now[0])
        return True

    its = Chores("readings", {0: plant}, settle, lambda: busy[0], lambda: None, None)  # type: ignore[dict-item]
    for second in range(1, 101):
        now[0] = float(second)
        busy[0] = second > 12
        its.do()
    assert plant.passed == settled == [5.0, 10.0, 40.0, 70.0, 100.0]


def test_worker_that_was_told_to_stop_while_it_waited_does_nothing_more(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(chores, "time", SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr(Chores, "_obey", lambda self: None)
    plant = QuietPlant(now)
    its = Chores("readings", {0: plant}, lambda: False, lambda: False, lambda: None, None)  # type: ignore[dict-item]
    now[0] = 6.0
    its.do()
    assert plant.passed == []
