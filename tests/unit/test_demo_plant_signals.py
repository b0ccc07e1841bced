"""What ends the demo of a plant, whenever it comes."""

from __future__ import annotations

import signal
import time
from typing import Any

import pytest

from smart_sentry.demos.plant import _ended_by_signals

CALLED_BACK = "def called_back(number):\n    signal.raise_signal(number)\n    return 'compiled'\n"


def called_twice(number: signal.Signals) -> None:
    try:
        signal.raise_signal(number)
    finally:
        signal.raise_signal(number)


def called_within(module: str, told: list[str]) -> None:
    names: dict[str, Any] = {"__name__": module, "signal": signal}
    exec(CALLED_BACK, names)
    told.append(names["called_back"](signal.SIGTERM))
    time.sleep(10)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_ends_the_block_and_further_ones_are_not_heard_while_it_ends(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt), _ended_by_signals():
        called_twice(number)
    assert signal.getsignal(number) is before


@pytest.mark.parametrize("module", ["llvmlite.binding.executionengine", "numba.core.dispatcher", "weakref"])
def test_signal_that_comes_while_an_exception_would_be_lost_ends_the_block_right_after(module: str) -> None:
    told: list[str] = []
    with pytest.raises(KeyboardInterrupt), _ended_by_signals():
        called_within(module, told)
    assert told == ["compiled"]
