"""How often Python looks for cycles."""

from __future__ import annotations

import gc
import weakref

import pytest

from smart_sentry.garbage import collected_between_batches, seldom_collected


def test_python_looks_seldom_within_the_block_and_as_before_after_it(request: pytest.FixtureRequest) -> None:
    usual = (700, 10, 10)
    before = gc.get_threshold()
    gc.set_threshold(*usual)  # a server of another test may still be running in this process
    request.addfinalizer(lambda: gc.set_threshold(*before))

    def fail() -> None:
        with seldom_collected():
            assert gc.get_threshold()[0] > usual[0]
            assert gc.get_freeze_count() > 0
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert gc.get_threshold() == usual
    assert gc.get_freeze_count() == 0


class Cycle:
    def __init__(self) -> None:
        self.itself = self


def test_cycles_go_between_batches_every_few_seconds_and_never_within_one() -> None:
    now = [0.0]
    with collected_between_batches(lambda: now[0]) as between:
        assert not gc.isenabled()
        cycle = weakref.ref(Cycle())
        now[0] = 4.9
        between()
        assert cycle() is not None
        now[0] = 5.0
        between()
        assert cycle() is None
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0


def test_old_cycles_go_in_the_end() -> None:
    now = [0.0]
    with collected_between_batches(lambda: now[0]) as between:
        kept = Cycle()
        now[0] = 5.0
        between()  # it is old from here on
        cycle = weakref.ref(kept)
        del kept
        for _ in range(60):
            now[0] += 5.0
            between()
        assert cycle() is None
