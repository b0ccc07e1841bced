"""Change points: when, how much, abrupt or gradual."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smart_sentry.drift.change import Shape, find_change, growth

REFERENCE, RECENT = 24, 24


def series(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=REFERENCE), rng.normal(size=RECENT)


@pytest.mark.parametrize("seed", range(5))
def test_step_is_abrupt_with_its_onset_and_size(seed: int) -> None:
    before, now = series(seed)
    now[9:] += 6.0
    found = find_change(before, now)
    assert found.is_abrupt
    assert not found.is_gradual
    assert found.onset + found.begun == pytest.approx(9, abs=1)
    assert abs(found.size - 6.0) <= 3 * found.error


@pytest.mark.parametrize("seed", range(5))
def test_ramp_is_gradual(seed: int) -> None:
    before, now = series(seed)
    now += np.clip((np.arange(RECENT) - 5) / 18, 0, 1) * 12.0
    found = find_change(before, now)
    assert found.is_gradual
    assert found.size == pytest.approx(12.0, abs=3.0)


def test_step_between_two_values_is_still_a_step() -> None:
    before, now = series(1)
    now[9], now[10:] = now[9] + 15.0, now[10:] + 50.0
    found = find_change(before, now)
    assert found.shape is Shape.STEP
    assert found.onset + found.begun == pytest.approx(9.7, abs=0.1)


def test_noise_is_no_change() -> None:
    found = [find_change(*series(seed)).shape for seed in range(200)]
    assert sum(shape is not Shape.NONE for shape in found) <= 4


def test_a_change_between_the_windows_has_its_onset_at_the_beginning() -> None:
    before, now = series(3)
    found = find_change(before, now + 5.0)
    assert found.onset == 0
    assert found.is_abrupt


def test_growth_is_a_slope_over_its_error() -> None:
    before, now = series(4)
    assert abs(growth(before, now)) < 3
    assert growth(before, now + np.arange(RECENT)) > 10
    assert growth(before, now[:4]) == 0


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), scale=st.floats(1e-3, 1e3), level=st.floats(-1e3, 1e3))
def test_shape_does_not_depend_on_the_unit(seed: int, scale: float, level: float) -> None:
    before, now = series(seed)
    now[12:] += 8.0
    one, other = find_change(before, now), find_change(level + scale * before, level + scale * now)
    assert (one.shape, one.onset) == (other.shape, other.onset)
    assert other.size == pytest.approx(scale * one.size, rel=1e-3)
