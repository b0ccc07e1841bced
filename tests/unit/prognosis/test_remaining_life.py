"""Remaining life with intervals that hold what they promise on assets that nobody has seen."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from small_life import fit_small_life

from smart_sentry.prognosis.labels import thinned
from smart_sentry.prognosis.remaining_life import RemainingLifeModel
from smart_sentry.prognosis.row_metrics import monitoring_weight

CAP, HORIZON = 100.0, 20.0


@dataclass(frozen=True)
class Assets:
    """Rows of whole lives: three features tell the remaining life, the worse the farther the failure is."""

    features: np.ndarray
    rul_cycles: np.ndarray
    slot: np.ndarray
    cycle: np.ndarray

    @property
    def weight(self) -> np.ndarray:
        return monitoring_weight(self.rul_cycles, self.cycle + self.rul_cycles)

    def fit(self, seed: int = 1, coverage: float = 0.9, trees: int = 300) -> RemainingLifeModel:
        return fit_small_life(
            self.features, self.rul_cycles, self.cycle, self.slot, thinned(self.cycle, self.rul_cycles, HORIZON),
            cap_cycles=CAP, trees=trees, coverage=coverage, seed=seed,
        )  # fmt: skip


def make_assets(count: int, seed: int) -> Assets:
    rng = np.random.default_rng(seed)
    lives = rng.integers(120, 220, count)
    slot = np.repeat(np.arange(count), lives)
    cycle = np.concatenate([np.arange(1, life + 1) for life in lives])
    rul_cycles = (np.repeat(lives, lives) - cycle).astype(np.float64)
    kind = rng.normal(0, 0.5, count)[slot]  # every asset has its own way to wear
    wear = np.exp(-rul_cycles / 50)
    features = np.column_stack([wear * (3 + kind), wear**2 * 3, -wear]) + rng.normal(0, 0.2, (len(slot), 3))
    return Assets(features.astype(np.float32), rul_cycles, slot, cycle)


TRAINED_ON, HELD_OUT = make_assets(40, seed=1), make_assets(60, seed=2)


@pytest.fixture(scope="module")
def model() -> RemainingLifeModel:
    return TRAINED_ON.fit()


def held(model: RemainingLifeModel) -> np.ndarray:
    """Which held-out rows have their remaining life inside their interval."""
    life = model.predict(HELD_OUT.features)
    truth = np.minimum(HELD_OUT.rul_cycles, CAP)
    return (truth >= life[:, 1]) & (truth <= life[:, 2])


def test_interval_holds_its_share_of_the_rows_of_a_monitored_fleet(model: RemainingLifeModel) -> None:
    assert np.average(held(model), weights=HELD_OUT.weight) == pytest.approx(0.9, abs=0.04)


def test_interval_holds_its_share_where_it_is_closed_and_where_it_is_open(model: RemainingLifeModel) -> None:
    is_open = model.predict(HELD_OUT.features)[:, 2] == CAP
    assert 0.2 < is_open.mean() < 0.9
    for rows in (is_open, ~is_open):
        assert np.average(held(model)[rows], weights=HELD_OUT.weight[rows]) == pytest.approx(0.9, abs=0.07)


def test_estimate_is_close_near_the_failure_and_capped_far_from_it(model: RemainingLifeModel) -> None:
    estimate = model.predict(HELD_OUT.features)[:, 0]
    near, far = HELD_OUT.rul_cycles < 20, HELD_OUT.rul_cycles > 150
    assert np.sqrt(np.mean((estimate - HELD_OUT.rul_cycles)[near] ** 2)) < 15
    assert estimate[far].mean() > 85
    assert estimate.max() <= CAP


def test_interval_is_narrower_for_a_lower_coverage() -> None:
    ninety, sixty = (TRAINED_ON.fit(coverage=share).predict(HELD_OUT.features) for share in (0.9, 0.6))
    assert (sixty[:, 2] - sixty[:, 1]).mean() < 0.8 * (ninety[:, 2] - ninety[:, 1]).mean()


def test_answer_is_ordered_and_within_nothing_and_the_cap(model: RemainingLifeModel) -> None:
    life = model.predict(HELD_OUT.features * 3)  # far outside of what it was trained on
    assert life.min() >= 0
    assert life.max() <= CAP
    assert (np.diff(life[:, [1, 0, 2]], axis=1) >= 0).all()


def test_model_saved_and_loaded_answers_the_same(model: RemainingLifeModel, tmp_path: Path) -> None:
    model.save(tmp_path / "life")
    loaded = RemainingLifeModel.load(tmp_path / "life")
    np.testing.assert_array_equal(loaded.predict(HELD_OUT.features), model.predict(HELD_OUT.features))
    assert {path.suffix for path in (tmp_path / "life").iterdir()} == {".json"}


def test_model_fitted_twice_is_the_same_byte_for_byte(tmp_path: Path) -> None:
    for name in ("first", "second"):
        TRAINED_ON.fit(trees=20).save(tmp_path / name)
    for path in (tmp_path / "first").iterdir():
        assert (tmp_path / "second" / path.name).read_bytes() == path.read_bytes(), path.name


def test_model_depends_on_its_seed(model: RemainingLifeModel) -> None:
    other = TRAINED_ON.fit(seed=2)
    assert not np.array_equal(other.predict(HELD_OUT.features), model.predict(HELD_OUT.features))


def test_one_tree_is_enough_to_fit() -> None:
    life = TRAINED_ON.fit(trees=1).predict(HELD_OUT.features)
    assert np.isfinite(life).all()


def test_two_assets_are_enough() -> None:
    assert np.isfinite(make_assets(2, seed=4).fit(trees=5).predict(HELD_OUT.features)).all()
