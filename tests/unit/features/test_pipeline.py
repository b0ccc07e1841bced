"""Readings to features: the same for any batches, explainable exactly, and the same again from disk."""

from __future__ import annotations

import itertools
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from tiny_project import TINY_ASSET_TYPE, tiny_histories

from smart_sentry.assets import AssetType
from smart_sentry.datasets.run_to_failure import cycles_to_last_row
from smart_sentry.features.pipeline import FeatureBatch, FeatureModel, FeatureParams, FeatureStream, Fleet, fit_features
from smart_sentry.features.storage import load_feature_model, save_feature_model, write_arrays
from smart_sentry.fleets import fleet_of

KIND = AssetType.model_validate(TINY_ASSET_TYPE)
PARAMS = FeatureParams(half_lives=(3, 8), trends=(5, 10), own_baseline=5, warm_after=5)
ALL = np.array([0, 1, 2, 3])


def make_fleet(loads: tuple[float, ...] = (1.0,)) -> Fleet:
    """Twenty tiny assets that run at these loads; at a higher one vibration and temperature are higher too."""
    histories = tiny_histories()
    fleet = fleet_of(histories, cycles_to_last_row(histories), KIND)
    rng = np.random.default_rng(1)
    load = rng.choice(loads, len(fleet.slot)) + rng.normal(0, 0.01, len(fleet.slot))
    values = fleet.values + (load - 1)[:, None] * [0.0, 0.5, 10.0, 0.0]
    values[:, 0] = load
    return replace(fleet, values=values)


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    return make_fleet()


@pytest.fixture(scope="module")
def model(fleet: Fleet) -> FeatureModel:
    model = fit_features(fleet, KIND, PARAMS, seed=1)
    assert model.regimes.count == 1
    return model


@pytest.fixture(scope="module")
def model_of_regimes() -> FeatureModel:
    model = fit_features(make_fleet(loads=(0.5, 1.5)), KIND, PARAMS, seed=1)
    assert model.regimes.count == 2
    return model


def assert_same(first: FeatureBatch, second: FeatureBatch) -> None:
    for field in fields(FeatureBatch):
        np.testing.assert_array_equal(getattr(first, field.name), getattr(second, field.name), err_msg=field.name)


def joined(parts: list[FeatureBatch]) -> FeatureBatch:
    return FeatureBatch(
        *(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(FeatureBatch))
    )


def interleaved(fleet: Fleet, seed: int, assets: int = 6) -> tuple[np.ndarray, np.ndarray]:
    """Readings of some assets in a random order between them; each is restored at its failure and lives once more."""
    rng = np.random.default_rng(seed)
    lives = [fleet.values[fleet.slot == asset] for asset in range(2 * assets)]
    queues = [np.vstack([lives[asset], lives[assets + asset][:40]]) for asset in range(assets)]
    slots = rng.permutation(np.repeat(np.arange(assets), [len(queue) for queue in queues]))
    values = np.empty((len(slots), fleet.values.shape[1]))
    for asset, queue in enumerate(queues):
        values[slots == asset] = queue
    values[rng.random(len(values)) < 0.02, 2] = np.nan
    return values, slots


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), cuts=st.lists(st.integers(0, 500), max_size=15).map(sorted), one=st.booleans())
def test_any_split_of_a_stream_gives_the_same_batch(
    fleet: Fleet, model: FeatureModel, model_of_regimes: FeatureModel, seed: int, cuts: list[int], one: bool
) -> None:
    chosen = model if one else model_of_regimes
    values, slots = interleaved(fleet, seed)
    whole = chosen.stream().update(values, slots)
    stream, edges = chosen.stream(), [0, *cuts, len(slots)]
    parts = [stream.update(values[a:b], slots[a:b]) for a, b in itertools.pairwise(edges)]
    assert_same(joined(parts), whole)


def test_stream_of_lives_that_are_restored_finds_them_and_counts_readings_anew(
    fleet: Fleet, model: FeatureModel
) -> None:
    values, slots = interleaved(fleet, seed=3)
    batch = model.stream().update(values, slots)
    for asset in range(6):
        restored = np.flatnonzero(batch.restored[slots == asset])
        assert len(restored) == 1
        seen, anew = batch.readings_seen[slots == asset], restored[0]
        assert seen[:anew].tolist() == list(range(1, anew + 1))
        assert seen[anew:].tolist() == list(range(1, len(seen) - anew + 1))


def test_features_after_a_restoration_are_those_of_a_fresh_asset(fleet: Fleet, model: FeatureModel) -> None:
    first, second = fleet.values[fleet.slot == 0], fleet.values[fleet.slot == 1][:40]
    batch = model.stream().update(np.vstack([first, second]), np.zeros(len(first) + 40, dtype=np.int64))
    (anew,) = np.flatnonzero(batch.restored)
    rest = np.vstack([first, second])[anew:]
    fresh = model.stream().update(rest, np.zeros(len(rest), dtype=np.int64))
    np.testing.assert_array_equal(batch.features[anew:], fresh.features)


def test_training_and_one_reading_at_a_time_give_the_same_features(fleet: Fleet, model: FeatureModel) -> None:
    rows = fleet.slot == 4
    whole = model.stream().update(fleet.values, fleet.slot).features[rows]
    stream = model.stream()
    single = [stream.update(row[None, :], np.zeros(1, dtype=np.int64)).features[0] for row in fleet.values[rows]]
    np.testing.assert_array_equal(np.array(single), whole)


def test_stream_restored_from_a_snapshot_goes_on_the_same(fleet: Fleet, model: FeatureModel) -> None:
    values, slots = interleaved(fleet, seed=5)
    whole = model.stream().update(values, slots)
    first, second = model.stream(explain=True), model.stream(explain=True)
    head = first.update(values[:300], slots[:300])
    kept = first.snapshot()
    first.update(values[300:], slots[300:])
    second.restore(kept)
    assert_same(joined([head, second.update(values[300:], slots[300:])]), whole)
    row = len(slots) - 1
    np.testing.assert_array_equal(
        second.without_each_sensor(int(slots[row]), whole.features[row], 0),
        first.without_each_sensor(int(slots[row]), whole.features[row], 0),
    )


def test_snapshot_without_sensor_windows_is_refused_by_a_stream_that_explains(model: FeatureModel) -> None:
    plain = model.stream()
    with pytest.raises(ValueError, match="holds no sensor windows"):
        model.stream(explain=True).restore(plain.snapshot())


def test_stream_that_keeps_no_sensor_windows_cannot_explain(fleet: Fleet, model: FeatureModel) -> None:
    stream = model.stream()
    batch = stream.update(fleet.values[:1], fleet.slot[:1])
    with pytest.raises(ValueError, match="make it with explain=True"):
        stream.without_each_sensor(0, batch.features[0], 0)


def explained(stream: FeatureStream, values: np.ndarray) -> tuple[np.ndarray, np.ndarray, FeatureBatch]:
    """Features of one asset's newest row, the same without each sensor, and the batch."""
    batch = stream.update(values, np.zeros(len(values), dtype=np.int64))
    return batch.features[-1], stream.without_each_sensor(0, batch.features[-1], int(batch.regime[-1])), batch


def recomputed(model: FeatureModel, values: np.ndarray, place: int) -> np.ndarray:
    """Features of the newest row of a history in which one moving sensor always reads what a healthy machine would."""
    behaviour, sensor = model.residual_model, model.moving[place]
    settings_ = np.ascontiguousarray(values[:, model.setting_columns])
    regime = model.regimes.assign(settings_)
    effect = ((settings_ - behaviour.setting_mean[regime]) * behaviour.setting_effect[regime, :, sensor]).sum(axis=1)
    healthy = values.copy()
    healthy[:, model.sensor_columns[sensor]] = behaviour.mean[regime, sensor] + effect
    features, _, batch = explained(model.stream(explain=True), healthy)
    assert not batch.restored.any()
    return features


@pytest.mark.parametrize("readings", [1, 4, 25, 60])
def test_features_without_a_sensor_equal_those_of_a_history_with_its_residual_at_zero(
    fleet: Fleet, model: FeatureModel, readings: int
) -> None:
    values = fleet.values[fleet.slot == 2][-readings:]
    _, without, _ = explained(model.stream(explain=True), values)
    for place in range(len(model.moving)):
        np.testing.assert_allclose(without[place], recomputed(model, values, place), rtol=1e-9, atol=1e-9)


def test_features_without_a_sensor_are_close_where_regimes_alternate(model_of_regimes: FeatureModel) -> None:
    model, fleet = model_of_regimes, make_fleet(loads=(0.5, 1.5))
    told, exact = [], []
    for asset in range(10):
        values = fleet.values[fleet.slot == asset]
        features, without, batch = explained(model.stream(explain=True), values)
        assert set(batch.regime) == {0, 1}
        told.append(features - without)
        exact.append([features - recomputed(model, values, place) for place in range(len(model.moving))])
    assert np.corrcoef(np.ravel(told), np.ravel(exact))[0, 1] > 0.95


def test_sensor_that_never_moves_gets_no_windows(fleet: Fleet) -> None:
    still = fleet.values.copy()
    still[:, 3] = 8.0
    model = fit_features(replace(fleet, values=still), KIND, PARAMS, seed=1)
    assert model.moving_sensors == ("vibration", "temperature")
    stream = model.stream(explain=True)
    _, without, _ = explained(stream, still[:20])
    assert without.shape == (2, len(model.feature_names))


def test_feature_names_match_the_columns(fleet: Fleet, model: FeatureModel) -> None:
    batch = model.stream().update(fleet.values, fleet.slot)
    assert batch.features.shape == (len(fleet.slot), len(model.feature_names))
    names = list(model.feature_names)
    assert names[:2] == ["remaining_share_ema3", "remaining_share_ema8"]
    assert names[-1] == "wear_factor_2_from_own_baseline"
    share = batch.features[:, names.index("remaining_share_level10")]
    assert np.corrcoef(share, np.minimum(fleet.rul_cycles, 60))[0, 1] > 0.75


def test_regime_distance_tells_a_setting_that_was_never_seen(fleet: Fleet, model: FeatureModel) -> None:
    usual, unseen = fleet.values[0], fleet.values[0].copy()
    unseen[0] = 1.9  # loads were about 1; their range is 0 to 2
    batch = model.stream().update(np.vstack([usual, unseen]), np.zeros(2, dtype=np.int64))
    assert batch.regime_distance[0] < 0.1
    assert batch.regime_distance[1] == pytest.approx(0.45, abs=0.01)


def test_feature_model_saved_and_loaded_is_the_same_byte_for_byte(
    tmp_path: Path, fleet: Fleet, model_of_regimes: FeatureModel
) -> None:
    first, second = tmp_path / "first.npz", tmp_path / "second.npz"
    save_feature_model(first, model_of_regimes)
    loaded = load_feature_model(first)
    save_feature_model(second, loaded)
    assert second.read_bytes() == first.read_bytes()
    assert loaded.params == PARAMS
    assert loaded.signal_names == KIND.signal_names
    assert_same(
        loaded.stream().update(fleet.values, fleet.slot), model_of_regimes.stream().update(fleet.values, fleet.slot)
    )


def test_feature_model_fitted_twice_is_the_same_byte_for_byte(
    tmp_path: Path, fleet: Fleet, model: FeatureModel
) -> None:
    save_feature_model(tmp_path / "first.npz", model)
    save_feature_model(tmp_path / "second.npz", fit_features(fleet, KIND, PARAMS, seed=1))
    assert (tmp_path / "second.npz").read_bytes() == (tmp_path / "first.npz").read_bytes()


def test_arrays_are_read_without_pickle_and_objects_are_refused(tmp_path: Path) -> None:
    write_arrays(tmp_path / "arrays.npz", {"x": ALL})
    with np.load(tmp_path / "arrays.npz", allow_pickle=False) as arrays:
        np.testing.assert_array_equal(arrays["x"], ALL)


def test_feature_params_with_a_typo_name_the_key() -> None:
    with pytest.raises(ValidationError, match="half_live"):
        FeatureParams.model_validate({"half_live": [5]})


def test_fleet_knows_the_whole_life_and_takes_rows(fleet: Fleet) -> None:
    assert fleet.life_cycles[fleet.slot == 0].tolist() == [(fleet.slot == 0).sum()] * int((fleet.slot == 0).sum())
    part = fleet.take(fleet.slot == 3)
    assert set(part.slot) == {3}
    assert part.cycle[0] == 1
    assert part.rul_cycles[-1] == 0
