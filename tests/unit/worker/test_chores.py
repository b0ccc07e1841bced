"""What a worker does between two batches."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from smart_sentry.stores.commands import Command
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

    its = Chores("readings", {0: plant}, settle, lambda task: task(), lambda: busy[0], lambda: None, None)  # type: ignore[dict-item]
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
    its = Chores("readings", {0: plant}, lambda: False, lambda task: task(), lambda: False, lambda: None, None)  # type: ignore[dict-item]
    now[0] = 6.0
    its.do()
    assert plant.passed == []


class Asked:
    """A database with commands, which answers once it is let."""

    def __init__(self, *commands: Command) -> None:
        self.commands, self.answers = list(commands), threading.Event()
        self.looks = 0

    @contextmanager
    def view(self) -> Iterator[SimpleNamespace]:
        self.looks += 1
        assert self.answers.wait(20)
        yield SimpleNamespace(commands=SimpleNamespace(waiting=lambda: list(self.commands)))


class ObedientPlant:
    """Takes .3 s for each command, by the clock that it is given."""

    lost, caught_up = False, True

    def __init__(self, store: Asked, now: list[float]) -> None:
        self.store, self._now, self.obeyed = store, now, list[int]()

    def watches_over(self, asset_id: str) -> bool:
        return True

    def obey(self, command: Command) -> None:
        self.obeyed.append(command.number)
        self.store.commands.remove(command)
        self._now[0] += 0.3


def until_answered(its: Chores) -> None:
    """The look that is under way is over, and what it found is being done."""
    assert its._asked is not None
    its._asked.exception(20)
    its.do()


def test_worker_reads_on_while_it_looks_for_commands_and_does_many_of_them_bit_by_bit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [0.0]
    monkeypatch.setattr(chores, "time", SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr(Chores, "_pass_time", lambda self: None)
    store = Asked(*(Command(number, f"pump {number}", "forget", {}) for number in range(6)))
    plant = ObedientPlant(store, now)
    its = Chores("readings", {0: plant}, lambda: True, lambda task: task(), lambda: False, lambda: None, None)  # type: ignore[dict-item]
    for second in range(1, 30):  # the database hangs, and nobody waits for it
        now[0] = float(second)
        its.do()
    assert (store.looks, plant.obeyed) == (1, [])
    store.answers.set()
    until_answered(its)
    assert plant.obeyed == [0, 1, 2, 3]
    now[0] += 1.0
    its.do()
    until_answered(its)
    assert plant.obeyed == [0, 1, 2, 3, 4, 5]
    its.close()
