"""The one online path: batches of any cut, state, new assets, and the sensor that is to blame."""

from __future__ import annotations

import itertools
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_champion import SmallChampion

from smart_sentry.contracts.failure import FailureAssessment
from smart_sentry.features.pipeline import FeatureBatch
from smart_sentry.monitor import Assessments, Monitor

TOLERANCE = 1e-6
"""Of figures that ONNX Runtime computes: it may add in another order in another batch."""


def stream_of(champion: SmallChampion, seed: int, engines: int = 5) -> tuple[list[str], list[int], np.ndarray]:
    """Readings of some test engines, in a random order between the engines."""
    test = champion.data.test[champion.data.test["asset_id"] <= engines]
    order = np.random.default_rng(seed).permutation(test["asset_id"].to_numpy())
    rows = np.concatenate([np.flatnonzero(test["asset_id"] == asset) for asset in range(1, engines + 1)])
    place = np.empty(len(order), dtype=np.int64)
    place[np.argsort(order, kind="stable")] = rows
    mixed = test.iloc[place]
    signals = list(champion.data.asset_type.signal_names)
    return mixed["asset_id"].astype(str).tolist(), mixed["cycle"].tolist(), mixed[signals].to_numpy(np.float64)


def assert_same(first: Assessments, second: Assessments) -> None:
    for field in fields(FeatureBatch):
        np.testing.assert_array_equal(getattr(first.batch, field.name), getattr(second.batch, field.name))
    np.testing.assert_allclose(first.failure_probability, second.failure_probability, rtol=0, atol=TOLERANCE)
    np.testing.assert_allclose(first.rul_cycles, second.rul_cycles, rtol=0, atol=125 * TOLERANCE)
    np.testing.assert_array_equal(first.alarm, second.alarm)
    np.testing.assert_array_equal(first.warming, second.warming)


def joined(parts: list[Assessments]) -> Assessments:
    batch = FeatureBatch(
        *(np.concatenate([getattr(part.batch, field.name) for part in parts]) for field in fields(FeatureBatch))
    )
    arrays = (
        np.concatenate([getattr(part, name) for part in parts])
        for name in ("failure_probability", "alarm", "rul_cycles")
    )
    return Assessments(*arrays, batch, np.concatenate([part.warming for part in parts]))


def assess_in_parts(monitor: Monitor, ids: list[str], values: np.ndarray, edges: list[int]) -> Assessments:
    return joined([monitor.assess(ids[start:stop], values[start:stop]) for start, stop in itertools.pairwise(edges)])


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), cuts=st.lists(st.integers(0, 500), max_size=10).map(sorted))
def test_assessments_do_not_depend_on_where_batches_are_cut(
    small_champion: SmallChampion, seed: int, cuts: list[int]
) -> None:
    ids, _, values = stream_of(small_champion, seed)
    edges = [0, *(min(cut, len(ids)) for cut in cuts), len(ids)]
    whole = Monitor(small_champion.bundle).assess(ids, values)
    assert_same(assess_in_parts(Monitor(small_champion.bundle), ids, values, edges), whole)


def test_readings_one_by_one_are_assessed_like_a_batch(small_champion: SmallChampion) -> None:
    ids, _, values = stream_of(small_champion, seed=1)
    whole = Monitor(small_champion.bundle).assess(ids, values)
    assert_same(assess_in_parts(Monitor(small_champion.bundle), ids, values, list(range(len(ids) + 1))), whole)


def test_assessment_of_an_asset_does_not_depend_on_its_neighbours(small_champion: SmallChampion) -> None:
    ids, _, values = stream_of(small_champion, seed=2)
    whole = Monitor(small_champion.bundle).assess(ids, values)
    rows = np.array(ids) == "3"
    alone = Monitor(small_champion.bundle).assess(["3"] * int(rows.sum()), values[rows])
    np.testing.assert_array_equal(alone.batch.features, whole.batch.features[rows])
    np.testing.assert_allclose(alone.failure_probability, whole.failure_probability[rows], rtol=0, atol=TOLERANCE)


def test_assessments_mean_what_they_say(small_champion: SmallChampion) -> None:
    bundle, data = small_champion.bundle, small_champion.data
    names = list(data.asset_type.signal_names)
    found = Monitor(bundle).assess(data.train["asset_id"].astype(str).tolist(), data.train[names].to_numpy(np.float64))
    truth = data.train_truth().to_numpy()
    assert ((found.failure_probability >= 0) & (found.failure_probability <= 1)).all()
    np.testing.assert_array_equal(found.alarm, found.failure_probability >= bundle.manifest.threshold)
    np.testing.assert_array_equal(found.warming, data.train["cycle"] < bundle.feature_model.params.warm_after)
    assert found.alarm[truth <= 10].mean() > 0.9
    assert found.alarm[truth > 100].mean() < 0.01


def test_unknown_asset_begins_and_an_alarm_counts_from_the_threshold_on(small_champion: SmallChampion) -> None:
    ids, _, values = stream_of(small_champion, seed=3)
    monitor = Monitor(small_champion.bundle)
    monitor.assess(ids, values)
    first = monitor.assess(["newcomer"], values[-1:])
    fresh = Monitor(small_champion.bundle).assess(["another name"], values[-1:])
    assert_same(first, fresh)
    assert first.batch.readings_seen.tolist() == [1]
    assert first.warming.tolist() == [True]


def test_assess_without_readings_gives_none_and_changes_nothing(small_champion: SmallChampion) -> None:
    ids, _, values = stream_of(small_champion, seed=4)
    monitor = Monitor(small_champion.bundle)
    head = monitor.assess(ids[:100], values[:100])
    nothing = monitor.assess([], values[:0])
    assert nothing.failure_probability.shape == (0,)
    assert nothing.rul_cycles.shape == (0, 3)
    rest = monitor.assess(ids[100:], values[100:])
    assert_same(joined([head, rest]), Monitor(small_champion.bundle).assess(ids, values))


def test_monitor_restored_from_a_snapshot_goes_on_the_same(small_champion: SmallChampion) -> None:
    ids, cycles, values = stream_of(small_champion, seed=5)
    first, second = (Monitor(small_champion.bundle, explain=True) for _ in range(2))
    first.assess(ids[:200], values[:200])
    kept = first.snapshot()
    wanted = first.answer(ids[200:], cycles[200:], values[200:])  # must not reach into the snapshot
    second.assess(["somebody else"], values[:1])
    second.restore(kept)
    found = second.answer(ids[200:], cycles[200:], values[200:])
    assert [answer.model_dump() for answer in found] == [answer.model_dump() for answer in wanted]


def test_assess_frame_keeps_rows_index_and_columns(small_champion: SmallChampion) -> None:
    table = small_champion.data.test.iloc[50:80]
    found = Monitor(small_champion.bundle).assess_frame(table)
    assert found.index.equals(table.index)
    assert found["asset_id"].tolist() == table["asset_id"].tolist()
    assert found.columns.tolist() == [
        "asset_id", "cycle", "failure_probability", "alarm", "rul_cycles", "rul_lower_cycles", "rul_upper_cycles", "regime",
        "warming", "restored",
    ]  # fmt: skip


def answers_by_asset(champion: SmallChampion, explain: bool = True, top: int = 5) -> dict[str, FailureAssessment]:
    ids, cycles, values = stream_of(champion, seed=6)
    return {answer.asset_id: answer for answer in Monitor(champion.bundle, explain).answer(ids, cycles, values, top)}


def test_answer_is_one_an_asset_after_its_newest_reading(small_champion: SmallChampion) -> None:
    ids, cycles, values = stream_of(small_champion, seed=6)
    found = answers_by_asset(small_champion)
    assert list(found) == list(dict.fromkeys(ids))
    whole = Monitor(small_champion.bundle).assess(ids, values)
    for asset, answer in found.items():
        last = max(row for row, name in enumerate(ids) if name == asset)
        assert answer.cycle == cycles[last]
        assert answer.failure_probability == pytest.approx(whole.failure_probability[last], abs=TOLERANCE)
        told = (answer.rul_cycles, answer.rul_lower_cycles, answer.rul_upper_cycles)
        assert told == pytest.approx(whole.rul_cycles[last].tolist(), abs=125 * TOLERANCE)
        assert answer.model_version == small_champion.bundle.version


def test_answer_names_the_largest_contributions_with_value_and_unit(small_champion: SmallChampion) -> None:
    _, _, values = stream_of(small_champion, seed=6)
    kind = small_champion.data.asset_type
    for answer in answers_by_asset(small_champion, top=3).values():
        sizes = [abs(part.contribution) for part in answer.top_contributions]
        assert len(sizes) == 3
        assert sizes == sorted(sizes, reverse=True)
        for part in answer.top_contributions:
            column = kind.signal_names.index(part.signal)
            assert part.unit == kind.signals[column].unit
            assert part.value in values[:, column]


def test_assets_after_two_were_forgotten_have_a_memory_each(small_champion: SmallChampion) -> None:
    bundle = small_champion.bundle
    ids, _, values = stream_of(small_champion, 3, engines=4)
    monitor, forgets_nobody = Monitor(bundle), Monitor(bundle)
    for one in (monitor, forgets_nobody):
        one.assess(ids, values)
    monitor.forget("1")
    monitor.forget("2")
    restored = Monitor(bundle)
    restored.restore(monitor.snapshot())
    few = values[:30]
    for one in (monitor, restored):
        for newcomer in ("5", "1", "2"):
            assert_same(one.assess([newcomer] * 30, few), Monitor(bundle).assess(["new"] * 30, few))
    for engine in ("3", "4"):
        going_on = forgets_nobody.assess([engine] * 30, few)
        assert_same(monitor.assess([engine] * 30, few), going_on)
        assert_same(restored.assess([engine] * 30, few), going_on)


@pytest.mark.parametrize(("explain", "top"), [(False, 5), (True, 0)])
def test_answer_names_no_contributions_where_none_are_asked_for(
    small_champion: SmallChampion, explain: bool, top: int
) -> None:
    assert all(answer.top_contributions == () for answer in answers_by_asset(small_champion, explain, top).values())


@pytest.mark.parametrize("sensor", ["sensor_4", "sensor_11", "sensor_12", "sensor_15"])
def test_contribution_of_a_sensor_pushed_towards_failure_is_the_largest(
    small_champion: SmallChampion, sensor: str
) -> None:
    champion = small_champion
    names = list(champion.data.asset_type.signal_names)
    readings = champion.data.train.query("asset_id == 7 and cycle <= 60")
    values = readings[names].to_numpy(np.float64)
    place = champion.feature_model.moving_sensors.index(sensor)
    column, moving = names.index(sensor), champion.feature_model.moving[place]
    # Towards failure is where its residual goes late in life.
    late = champion.data.train[champion.data.train_truth() < 10]
    behaviour = champion.feature_model.residual_model
    towards = np.sign(late[sensor].mean() - behaviour.mean[0, moving])
    pushed = values.copy()
    pushed[20:, column] += towards * 6 * behaviour.std[0, moving]
    ids = ["engine"] * len(values)
    monitor = Monitor(champion.bundle, explain=True)
    found = monitor.assess(ids, pushed)
    blame = monitor.contributions("engine", found.batch.features[-1], int(found.batch.regime[-1]))
    assert max(blame, key=lambda name: blame[name]) == sensor
    calm = Monitor(champion.bundle, explain=True)
    before = calm.assess(ids, values)
    assert found.failure_probability[-1] > before.failure_probability[-1]
    assert blame[sensor] > calm.contributions("engine", before.batch.features[-1], 0)[sensor] + 0.1


def test_answer_names_every_moving_sensor_where_that_many_are_asked_for(small_champion: SmallChampion) -> None:
    told = {part.signal for part in answers_by_asset(small_champion, top=20)["1"].top_contributions}
    assert told == set(small_champion.feature_model.moving_sensors)
