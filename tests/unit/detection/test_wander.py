"""Where else the short stretches of a phase might have stood: as far as the longest phase has seen things wander."""

from __future__ import annotations

import numpy as np

from smart_sentry.detection.covariance import fit_detector
from smart_sentry.detection.wander import offsets

BUDGET, LENGTH, STRETCHES = 0.002, 30, 8


def wandering(rows: int, rng: np.random.Generator, correlation_rows: float = 300.0) -> np.ndarray:
    """(rows,) an Ornstein-Uhlenbeck process of variance 1."""
    keep = np.exp(-1.0 / correlation_rows)
    out = np.empty(rows)
    out[0] = rng.normal()
    for row in range(1, rows):
        out[row] = keep * out[row - 1] + np.sqrt(1 - keep**2) * rng.normal()
    return out


def restarts_every(rows: int, length: int) -> np.ndarray:
    return np.arange(rows) % length == 0


def starts(stood: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(stretches * 30, 2) short stretches: the first channel stands where it wandered to, the second is noise."""
    rows = len(stood) * LENGTH
    return np.column_stack([np.repeat(stood, LENGTH) + rng.normal(0, 0.3, rows), rng.normal(size=rows)])


def long_run(rows: int, rng: np.random.Generator) -> np.ndarray:
    return np.column_stack([wandering(rows, rng) + rng.normal(0, 0.3, rows), rng.normal(size=rows)])


def test_stretches_that_agree_by_chance_are_moved_as_far_as_the_longest_phase_wandered() -> None:
    rng = np.random.default_rng(1)
    rest = starts(np.zeros(STRETCHES), rng)
    found = offsets(rest, restarts_every(len(rest), LENGTH), long_run(6000, rng), restarts_every(6000, 6000), 1)
    assert found is not None
    assert found.shape[1:] == (STRETCHES, 2)
    np.testing.assert_allclose(found.mean(axis=0), 0, atol=1e-12)
    assert 0.5 < found[..., 0].std() < 1.5
    assert found[..., 1].std() < 0.15


def test_stretches_that_wander_enough_by_themselves_stay_where_they_were() -> None:
    rng = np.random.default_rng(2)
    rest = np.repeat(np.linspace(-4, 4, STRETCHES), LENGTH)[:, None] * [[1.0, 1.0]]
    assert offsets(rest, restarts_every(len(rest), LENGTH), long_run(6000, rng), restarts_every(6000, 6000), 1) is None


def test_a_longest_phase_that_is_short_itself_says_nothing() -> None:
    rng = np.random.default_rng(3)
    rest = starts(np.zeros(STRETCHES), rng)
    assert offsets(rest, restarts_every(len(rest), LENGTH), long_run(200, rng), restarts_every(200, 200), 1) is None


def test_channels_that_wander_together_do_so_in_the_copies() -> None:
    rng = np.random.default_rng(4)
    common = long_run(6000, rng)[:, :1] * [[1.0, -2.0]]
    rest = rng.normal(0, 0.1, (STRETCHES * LENGTH, 2))
    found = offsets(rest, restarts_every(len(rest), LENGTH), common, restarts_every(6000, 6000), 1)
    assert found is not None
    assert np.corrcoef(found.reshape(-1, 2).T)[0, 1] < -0.95


def test_values_that_are_missing_are_left_out() -> None:
    rng = np.random.default_rng(5)
    rest, run = starts(np.zeros(STRETCHES), rng), long_run(6000, rng)
    rest[::7, 0], run[::5, 1], rest[:LENGTH, 1] = np.nan, np.nan, np.nan
    found = offsets(rest, restarts_every(len(rest), LENGTH), run, restarts_every(6000, 6000), 1)
    assert found is not None
    assert np.isfinite(found).all()
    assert 0.5 < found[..., 0].std() < 1.5


def test_held_out_scores_of_moved_copies_widen_the_limits_and_not_the_number_of_steps() -> None:
    rng = np.random.default_rng(6)
    values = starts(np.zeros(STRETCHES), rng)
    restarts, nothing = restarts_every(len(values), LENGTH), np.empty((len(values), 0))
    elsewhere = offsets(values, restarts, long_run(6000, rng), restarts_every(6000, 6000), 1)
    assert elsewhere is not None
    alone, _, _ = fit_detector(values, nothing, restarts, BUDGET)
    normal, detector, held = fit_detector(values, nothing, restarts, BUDGET, offsets=elsewhere)
    assert normal.scale[0] > 2 * alone.scale[0]
    np.testing.assert_allclose(normal.centre, alone.centre, atol=1e-9)
    assert np.isfinite(detector.limit).all()
    assert len(held.score) == len(values)
