"""Tables to arrays, and what a fleet with a restored asset teaches."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from tiny_project import TINY_ASSET_TYPE, tiny_histories

from smart_sentry.assets import AssetType
from smart_sentry.datasets.run_to_failure import cycles_to_last_row
from smart_sentry.features.pipeline import FeatureModel, FeatureParams, Fleet, fit_features
from smart_sentry.fleets import compute_features, fleet_of, learn_features

KIND = AssetType.model_validate(TINY_ASSET_TYPE)
PARAMS = FeatureParams(half_lives=(3,), trends=(5,), own_baseline=5, warm_after=5)


def test_fleet_of_a_table_numbers_assets_in_their_order_and_takes_signals_in_the_types_order() -> None:
    table = pd.DataFrame(
        {"pressure": [1, 2, 3], "load": [4, 5, 6], "asset_id": ["z", "a", "a"], "temperature": [7, 8, 9],
         "vibration": [10, 11, 12], "cycle": [5, 1, 2], "phase": ["STEADY"] * 3}
    )  # fmt: skip
    fleet = fleet_of(table, pd.Series([0, 1, 0]), KIND)
    assert fleet.slot.tolist() == [0, 1, 1]
    assert fleet.cycle.tolist() == [5, 1, 2]
    assert fleet.values.tolist() == [[4, 10, 7, 1], [5, 11, 8, 2], [6, 12, 9, 3]]
    assert fleet.rul_cycles.tolist() == [0, 1, 0]
    assert fleet.values.dtype == fleet.rul_cycles.dtype == np.float64


def tiny_fleet() -> Fleet:
    histories = tiny_histories()
    return fleet_of(histories, cycles_to_last_row(histories), KIND)


def assert_same(first: FeatureModel, second: FeatureModel) -> None:
    np.testing.assert_array_equal(first.residual_model.mean, second.residual_model.mean)
    np.testing.assert_array_equal(first.health_index.weights, second.health_index.weights)


def test_learn_features_of_a_fleet_without_restorations_is_one_fit() -> None:
    fleet = tiny_fleet()
    assert_same(learn_features(fleet, KIND, PARAMS, 1), fit_features(fleet, KIND, PARAMS, 1))


def test_learn_features_leaves_out_what_an_asset_showed_before_it_was_restored() -> None:
    fleet = tiny_fleet()
    # Asset 0 is worn out, restored, and fails at the end of a second life: its first life is labelled far too healthy.
    first_life = int((fleet.slot == 0).sum())
    slot = np.where(fleet.slot == 1, 0, fleet.slot)
    cycle = fleet.cycle + first_life * (fleet.slot == 1)
    rul_cycles = fleet.rul_cycles + (fleet.slot == 0) * float((fleet.slot == 1).sum())
    twice = replace(fleet, slot=slot, cycle=cycle, rul_cycles=rul_cycles)
    rough = fit_features(twice, KIND, PARAMS, 1)
    (found,) = np.flatnonzero(compute_features(rough, twice).restored)
    assert first_life < found < first_life + 5
    kept = (slot != 0) | (np.arange(len(slot)) >= found)
    learnt = learn_features(twice, KIND, PARAMS, 1)
    assert_same(learnt, fit_features(twice.take(kept), KIND, PARAMS, 1))
    assert not np.array_equal(learnt.health_index.weights, rough.health_index.weights)
