"""The condition monitor: one pass whose answers depend on nothing but an asset's own readings."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from condition_sample import baseline, pump, running, seconds
from hypothesis import given, settings
from hypothesis import strategies as st

from smart_sentry.assets import AssetType
from smart_sentry.condition_monitor import Condition, ConditionMonitor
from smart_sentry.condition_reasons import row_reasons
from smart_sentry.quality import FLAWS

KIND = pump(health={"damage_rate_per_hour": 60.0})
ONE, TWO = baseline(seed=1), baseline(seed=2, asset_id="pump 2")
BOTH = {"pump 1": ONE, "pump 2": TWO}


def assess(values: np.ndarray, at: np.ndarray | None = None, asset: str = "pump 1") -> Condition:
    monitor = ConditionMonitor(KIND, BOTH)
    return monitor.assess(monitor.slots([asset] * len(values)), seconds(len(values)) if at is None else at, values)


def worn(rows: int, seed: int = 5) -> np.ndarray:
    return running(rows, seed) + np.array([0, 0, 0.2])


def test_healthy_pump_is_not_flagged_and_keeps_its_health() -> None:
    found = assess(running(5000, 11))
    assert found.flag.mean() <= 0.006
    assert np.isfinite(found.score).all()
    assert found.degradation[-1] < 0.01
    assert not found.flaws.any()


def test_worn_pump_is_flagged_at_once_and_degrades() -> None:
    found = assess(np.concatenate([running(100, 11), worn(100)]))
    assert found.flag[100:].all()
    assert (found.votes[110:] >= 1).all()
    assert (np.diff(found.degradation) >= 0).all()
    assert found.degradation[-1] > 0.1


def test_degradation_is_the_sum_of_squared_severities_over_time() -> None:
    found = assess(worn(50))
    severity = (found.score - 1) / (found.score + 1)
    np.testing.assert_allclose(found.degradation, np.minimum(np.cumsum(60 * severity**2 / 3600), 1))


def test_maintenance_begins_anew() -> None:
    monitor = ConditionMonitor(KIND, BOTH)
    slots = monitor.slots(["pump 1"] * 50)
    assert monitor.assess(slots, seconds(50), worn(50)).degradation[-1] > 0.05
    monitor.maintain("pump 1")
    assert monitor.assess(slots, 50 + seconds(50), running(50, 12)).degradation[-1] < 0.01


def test_asset_that_was_never_calibrated_is_not_judged() -> None:
    found = assess(running(30, 1), asset="a stranger")
    assert np.isnan(found.score).all()
    assert not found.flag.any()
    assert (found.degradation == 0).all()


def test_stuck_and_missing_sensors_are_blamed_and_do_not_flag_the_machine() -> None:
    values = running(400, 13)
    values[100:, 2] = values[100, 2]
    values[200:250, 0] = np.nan
    found = assess(values)
    assert FLAWS[found.flaws[150, 2]] == "stuck"
    assert FLAWS[found.flaws[220, 0]] == "missing"
    assert found.flag[130:].mean() <= 0.02


def test_gap_forgets_the_windows_but_not_the_damage() -> None:
    at = seconds(200)
    at[100:] += 600
    values = np.concatenate([worn(100), running(100, 14)])
    found = assess(values, at)
    assert found.flag[:100].all()
    assert found.flag[100:].mean() <= 0.02
    assert found.degradation[100] >= found.degradation[99] > 0.1
    without = assess(values)
    assert without.flag[100:140].mean() > 0.2  # the long means remember


def test_readings_of_other_assets_change_nothing() -> None:
    values, strangers = running(100, 15), worn(100)
    monitor = ConditionMonitor(KIND, BOTH)
    names = [name for _ in range(100) for name in ("pump 1", "pump 2")]
    mixed = np.empty((200, 3))
    mixed[::2], mixed[1::2] = values, strangers
    found = monitor.assess(monitor.slots(names), np.repeat(seconds(100), 2), mixed)
    np.testing.assert_array_equal(found.score[::2], assess(values).score)
    np.testing.assert_array_equal(found.score[1::2], assess(strangers, asset="pump 2").score)


def other_kinds() -> list[tuple[str, AssetType]]:
    """Pumps whose memory is laid out otherwise, or means something else."""
    signals = [signal.model_dump(mode="json") for signal in KIND.signals]
    torque = {"name": "torque_nm", "unit": "Nm", "limits": [0, 900]}
    return [
        ("another signal", pump(signals=[*signals, torque])),
        ("one fewer", pump(signals=signals[:2])),
        ("in another order", pump(signals=signals[::-1])),
        ("one of another name", pump(signals=[*signals[:2], torque])),
        ("one is a setting now", pump(signals=[signals[0] | {"role": "setting"}, *signals[1:]])),
        ("phases", pump(phase={"load_signal": "current_a"})),
        ("read more often", pump(sampling_seconds=0.01)),
    ]


@pytest.mark.parametrize("kind", [kind for _, kind in other_kinds()], ids=[what for what, _ in other_kinds()])
def test_snapshot_of_a_type_that_was_changed_does_not_fit_and_gives_the_damage_alone(kind: AssetType) -> None:
    before, now = ConditionMonitor(KIND, BOTH), ConditionMonitor(kind, {})
    damage = before.assess(before.slots(["pump 2"] * 50), seconds(50), worn(50)).degradation[-1]
    kept = before.snapshot()
    assert ConditionMonitor(KIND, {}).fits(kept)
    assert not now.fits(kept)
    now.restore_degradation(kept)
    values = np.ones((3, len(kind.signals)))
    found = now.assess(now.slots(["pump 1", "pump 2", "pump 3"]), seconds(3), values)
    assert found.degradation.tolist() == [0.0, damage, 0.0]


def test_places_of_forgotten_assets_are_not_taken_over_with_the_damage() -> None:
    """Their slots are other ones in a monitor that begins anew, and would be given again."""
    before = ConditionMonitor(KIND, {})
    before.assess(before.slots(["a", "b", "c", "d"]), seconds(4), running(4, 1))
    kept = before.without("b").snapshot()
    now = ConditionMonitor(pump(signals=[signal.model_dump(mode="json") for signal in KIND.signals][::-1]), {})
    now.restore_degradation(kept)
    assert now.slots(["a", "c", "d"]).tolist() == [0, 1, 2]
    now = now.without("c")
    assert now.slots(["a", "d", "e"]).tolist() == [0, 2, 3]


@pytest.mark.parametrize("gone", [False, True], ids=["another baseline", "none any more"])
def test_windows_begin_anew_where_another_baseline_judges_after_a_restart(gone: bool) -> None:
    shifted = running(600, 1) + np.array([0, 0, 0.5])
    before = {name: replace(its, version="1") for name, its in BOTH.items()}
    now = before | {"pump 1": replace(baseline(asset_id="pump 1", values=shifted), version="2")}
    if gone:
        del now["pump 1"]
    monitor = ConditionMonitor(KIND, before)
    for asset in BOTH:
        monitor.assess(monitor.slots([asset] * 50), seconds(50), shifted[:50])
    kept, after, whole = monitor.snapshot(), ConditionMonitor(KIND, now), ConditionMonitor(KIND, before)
    after.restore(kept)
    whole.restore(kept)
    names = ["pump 1"] * 50 + ["pump 2"] * 50
    at, values = np.concatenate([50 + seconds(50)] * 2), np.concatenate([shifted[50:100]] * 2)
    found, expected = (one.assess(one.slots(names), at, values) for one in (after, whole))
    assert found.flag[:50].mean() <= 0.02
    assert expected.flag.all()
    assert found.degradation[0] >= 0.05  # damage stays
    np.testing.assert_array_equal(found.score[50:], expected.score[50:])


def test_assets_behind_one_that_is_forgotten_again_and_again_keep_their_memories() -> None:
    learnt = {name: baseline(seed=1, asset_id=name) for name in ("first", "again", "second", "third")}
    monitor = ConditionMonitor(KIND, {"first": learnt["first"]})

    def take(one: ConditionMonitor, asset: str, begin: int = 0) -> Condition:
        return one.assess(one.slots([asset] * 20), begin + seconds(20), worn(20))

    take(monitor, "first")
    for behind in ("second", "third"):
        for asset in ("again", behind):
            monitor = monitor.with_baseline(asset, learnt[asset])
            take(monitor, asset)
        monitor = monitor.without("again")
    for asset in ("first", "second", "third"):
        forgets_nobody = ConditionMonitor(KIND, {asset: learnt[asset]})
        take(forgets_nobody, asset)
        found, expected = take(monitor, asset, 20), take(forgets_nobody, asset, 20)
        np.testing.assert_array_equal(found.score, expected.score)
        np.testing.assert_array_equal(found.degradation, expected.degradation)
        assert monitor.name_of(int(found.slot[0])) == asset
    monitor = monitor.with_baseline("again", learnt["again"])
    assert take(monitor, "again").degradation[0] < 0.01


def switched(rows: int, seed: int) -> np.ndarray:
    """(rows, 3) a pump that runs for 60 s and rests for 60 s, when a heater draws up to 4 A."""
    values, resting = running(rows, seed), np.arange(rows) % 120 >= 60
    rng = np.random.default_rng(seed)
    values[resting] = np.abs(rng.normal(0, 0.01, (int(resting.sum()), 3)))
    values[resting, 0] = rng.uniform(0, 4, int(resting.sum()))
    return values


def test_first_reading_of_a_phase_counts_as_the_phase_that_explains_it_better() -> None:
    kind = pump(phase={"load_signal": "current_a", "speed_signal": "speed_rpm", "off_below": 4.5})
    learnt = baseline(2400, asset_type=kind, values=switched(2400, 3))

    def follow(values: np.ndarray, at: np.ndarray) -> Condition:
        monitor = ConditionMonitor(kind, {"pump 1": learnt})
        return monitor.assess(monitor.slots(["pump 1"] * len(values)), at, values)

    live, at, row = switched(1200, 4), seconds(1200), 120
    live[row] = [4.8, 0.01, 0.01]  # switched on, but it stands still: like a rest, not like a start
    broken = live.copy()
    broken[row] = [80.0, 3900.0, 40.0]  # like neither
    paused = at + np.where(
        np.arange(1200) >= row, 600.0, 0.0
    )  # nobody knows what it did before: it must look like a start
    found = follow(live, at)
    assert found.phase[row] != found.phase[row - 1]
    assert found.score[row] < 1
    assert follow(live, paused).score[row] > 2
    assert follow(broken, at).flag[row]
    np.testing.assert_array_equal(found.score[row + 1 :], follow(broken, at).score[row + 1 :])  # it is not remembered


@settings(deadline=None, max_examples=20)
@given(st.lists(st.integers(1, 40), min_size=2, max_size=10), st.booleans())
def test_any_split_of_a_stream_gives_the_same_assessments(cuts: list[int], restored: bool) -> None:
    rows = sum(cuts)
    rng = np.random.default_rng(rows)
    names = rng.choice(["pump 1", "pump 2", "a stranger"], rows).tolist()
    values = np.where(rng.random((rows, 1)) < 0.3, worn(rows), running(rows, rows))
    values[rng.random(values.shape) < 0.05] = np.nan
    at = np.cumsum(rng.choice([1.0, 1.0, 100.0], rows))
    whole_monitor = ConditionMonitor(KIND, BOTH)
    whole = whole_monitor.assess(whole_monitor.slots(names), at, values)
    monitor, parts, begin = ConditionMonitor(KIND, BOTH), [], 0
    for length in cuts:
        part = slice(begin, begin + length)
        parts.append(monitor.assess(monitor.slots(names[part]), at[part], values[part]))
        begin += length
        if restored:  # a restart between any two batches
            again = ConditionMonitor(KIND, BOTH)
            again.restore(monitor.snapshot())
            monitor = again
    for field in ("phase", "score", "flag", "votes", "degradation", "flaws"):
        np.testing.assert_array_equal(np.concatenate([getattr(part, field) for part in parts]), getattr(whole, field))


def fast(**more: Any) -> Any:
    return pump(sampling_seconds=0.01, **more)


def test_fast_machine_carries_the_newest_second_on_every_reading() -> None:
    kind = fast()
    learnt = baseline(6000, asset_type=kind)
    monitor = ConditionMonitor(kind, {"pump 1": learnt})
    values = np.concatenate([running(300, 16), running(300, 17) * [1, 1, 2.0]])
    found = monitor.assess(monitor.slots(["pump 1"] * 600), seconds(600, 0.01), values)
    assert np.isnan(found.score[:99]).all()
    assert np.isfinite(found.score[99:]).all()
    for second in range(1, 6):
        assert len(np.unique(found.score[100 * second - 1 : 100 * second + 99])) == 1
    assert len(np.unique(found.score[99:])) > 3
    assert not found.flag[:399].any()
    assert found.flag[399:].all()


@pytest.mark.parametrize("size", [1, 37, 100])
def test_reason_of_a_fast_machine_does_not_depend_on_the_batches(size: int) -> None:
    kind = fast()
    learnt = baseline(6000, asset_type=kind)
    values = np.concatenate([running(250, 16), running(350, 17) * [1, 1, 2.0], running(300, 18)])

    def reasons(cuts: list[int], restored: bool = False) -> list[str]:
        monitor, out = ConditionMonitor(kind, {"pump 1": learnt}), []
        for begin, end in zip([0, *cuts], [*cuts, len(values)], strict=True):
            part = values[begin:end]
            if restored:
                again = ConditionMonitor(kind, {"pump 1": learnt})
                again.restore(monitor.snapshot())
                monitor = again
            at = (begin + np.arange(len(part))) / 100
            out += row_reasons(monitor, monitor.assess(monitor.slots(["pump 1"] * len(part)), at, part))
        return out

    whole = reasons([])
    assert len(set(whole)) > 3
    assert reasons(list(range(size, len(values), size)), restored=True) == whole


@pytest.mark.parametrize("rows", [1, 2, 99])
def test_empty_and_tiny_batches_are_taken(rows: int) -> None:
    monitor = ConditionMonitor(fast(), {})
    found = monitor.assess(monitor.slots(["x"] * rows), seconds(rows, 0.01), running(rows, 1))
    assert np.isnan(found.score).all()
    empty = monitor.assess(monitor.slots([]), np.empty(0), np.empty((0, 3)))
    assert empty.score.shape == (0,)


def test_new_baseline_takes_over_where_the_old_one_stood() -> None:
    monitor = ConditionMonitor(KIND, {"pump 2": TWO})
    slots = monitor.slots(["pump 1", "pump 2"] * 50)  # pump 1 is still a stranger
    values = np.repeat(worn(50), 2, axis=0)
    before = monitor.assess(slots, np.repeat(seconds(50), 2), values)
    assert np.isnan(before.score[::2]).all()
    with_both = monitor.with_baseline("pump 1", ONE)
    after = with_both.assess(with_both.slots(["pump 1", "pump 2"]), np.array([50.0, 50.0]), worn(2))
    assert after.slot.tolist() == slots[:2].tolist()
    assert np.isfinite(after.score).all()
    assert after.degradation[1] > before.degradation[-1]
    assert after.degradation[0] < 0.02


def test_forgotten_asset_is_a_stranger_and_others_go_on() -> None:
    monitor = ConditionMonitor(KIND, BOTH)
    monitor.assess(monitor.slots(["pump 1", "pump 2"] * 50), np.repeat(seconds(50), 2), np.repeat(worn(50), 2, axis=0))
    left = monitor.without("pump 1")
    found = left.assess(left.slots(["pump 1", "pump 2"]), np.array([50.0, 50.0]), worn(2))
    assert np.isnan(found.score[0])
    assert found.degradation[0] == 0
    assert found.degradation[1] > 0.1
    nobody = monitor.without(None)
    assert np.isnan(nobody.assess(nobody.slots(["pump 2"]), np.zeros(1), worn(1)).score).all()
