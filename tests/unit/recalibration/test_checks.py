"""What a candidate has to prove: every check passes on a sound one, and fails on one that is not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from condition_sample import CREATED, pump, running, seconds

from smart_sentry.detection.baseline import Baseline
from smart_sentry.detection.calibration import Readings, calibrate
from smart_sentry.recalibration.case import Origin, PastFault, RecalibrationCase, settled_part, split, without
from smart_sentry.recalibration.checks import (
    STILL_FLAGGED,
    check_acceptance,
    check_false_alarms,
    check_injected_faults,
    check_move,
    check_past_faults,
    check_phases,
    check_settled,
    run_checks,
)

PUMP = pump()
DUTY = np.array([2.0, 0.0, 0.0])
"""Two standard deviations of the current: another duty of the healthy pump."""


def learnt(values: np.ndarray) -> Baseline:
    return calibrate("pump 1", PUMP, Readings(seconds(len(values)), values), created=CREATED, seed=1)


def case_of(recent: np.ndarray, old: np.ndarray | None = None) -> RecalibrationCase:
    """A candidate of recent values, beside an active baseline of the same pump at its old duty."""
    before = running(900, 1) if old is None else old
    active = learnt(before)
    training, held_out = split(PUMP, Readings(seconds(len(recent)), recent))
    candidate = learnt(training.values)
    return RecalibrationCase(
        PUMP, active, candidate, Readings(seconds(len(before)), before), training, held_out, (), Origin("v1", active)
    )


@pytest.fixture(scope="module")
def sound() -> RecalibrationCase:
    return case_of(running(1600, 2) + DUTY)


def test_sound_candidate_of_a_new_duty_passes_every_check(sound: RecalibrationCase) -> None:
    checks = run_checks(sound, seed=1)
    assert [check.passed for check in checks] == [True] * 7
    assert [check.name for check in checks] == [
        "acceptance", "settled", "phases", "false alarms", "injected faults", "past faults", "cumulative move",
    ]  # fmt: skip
    injected = checks[4].figures
    assert injected["faults"] == 38
    assert set(injected["by_kind"]) == {
        "offset", "ramp", "variance", "gain", "correlated", "spike", "stuck", "drop-out",
    }  # fmt: skip
    assert injected["flagged_before"] >= 36


def test_candidate_of_a_low_grade_fails(sound: RecalibrationCase) -> None:
    poor = replace(sound.candidate, acceptance=replace(sound.candidate.acceptance, grade="D"))
    check = check_acceptance(replace(sound, candidate=poor))
    assert check.passed is False
    assert "Grade D" in check.sentence


def test_candidate_that_flags_the_held_out_readings_fails(sound: RecalibrationCase) -> None:
    elsewhere = replace(sound.held_out, values=sound.held_out.values + 3 * DUTY)
    check = check_false_alarms(replace(sound, held_out=elsewhere))
    assert check.passed is False
    assert check.figures["share"] > 0.9


def test_few_held_out_readings_leave_it_to_a_person(sound: RecalibrationCase) -> None:
    few = Readings(sound.held_out.seconds[:49], sound.held_out.values[:49])
    assert check_false_alarms(replace(sound, held_out=few)).passed is None


def test_held_out_steps_that_the_candidate_cannot_judge_do_not_count_as_not_flagged(sound: RecalibrationCase) -> None:
    """It knows another phase only than the one that the pump is in."""
    (part,) = sound.candidate.phases.values()
    blind = replace(sound.candidate, phases={"OFF": part})
    check = check_false_alarms(replace(sound, candidate=blind))
    assert check.passed is None
    assert check.figures["steps"] == check.figures["at_work"] == 0


def test_rests_do_not_stand_for_held_out_operation(sound: RecalibrationCase) -> None:
    """A machine with a phase rule stands still during everything that is held out."""
    machine = pump(phase={"load_signal": "current_a", "speed_signal": "speed_rpm"})

    def still(rows: int, seed: int) -> np.ndarray:
        return [0.0, 0.0, 0.001] * np.random.default_rng(seed).uniform(0.9, 1.1, (rows, 3))

    values, rests = running(6000, 5), np.arange(6000) % 600 < 150
    values[rests] = still(int(rests.sum()), 6)
    training = Readings(seconds(6000), values)
    candidate = calibrate("pump 1", machine, training, created=CREATED, seed=1)
    held_out = Readings(6000.0 + seconds(400), still(400, 7))
    case = replace(sound, asset_type=machine, candidate=candidate, training=training, held_out=held_out)
    check = check_false_alarms(case)
    assert check.passed is None
    assert check.figures["at_work"] < 50


def test_candidate_of_a_vibration_that_still_grows_fails(sound: RecalibrationCase) -> None:
    """It grows by 20 deviations over the recent window: judged by its own slow mean, wear would be normal for ever."""
    growing = running(1600, 2)
    growing[:, 2] += np.linspace(0.0, 20 * 0.02, 1600)
    check = check_settled(case_of(growing))
    assert check.passed is False
    assert check.figures == {"moving": ["vibration_g"]}
    assert check_settled(sound).passed is True


def test_candidate_that_does_not_know_a_phase_of_the_active_baseline_leaves_it_to_a_person(
    sound: RecalibrationCase,
) -> None:
    (part,) = sound.active.phases.values()
    with_starts = replace(sound.active, phases={"STARTUP": part, **sound.active.phases})
    check = check_phases(replace(sound, active=with_starts))
    assert check.passed is None
    assert check.figures["forgotten"] == ["STARTUP"]
    assert "STARTUP" in check.sentence
    more = replace(sound.candidate, phases={"STARTUP": part, **sound.candidate.phases})
    assert check_phases(replace(sound, candidate=more)).passed is True


def test_candidate_that_learnt_noise_loses_injected_faults() -> None:
    noisy = running(1600, 2)
    noisy[:, 0] += np.random.default_rng(3).normal(0.0, 8.0, 1600)
    check = check_injected_faults(case_of(noisy), seed=1)
    assert check.passed is False
    assert any("current_a" in lost for lost in check.figures["lost"])


def test_candidate_that_flags_a_fault_in_some_draws_only_fails() -> None:
    """With seven times the scatter small spikes are flagged more often than not, but not in nearly all draws."""
    noisy = running(1600, 2)
    noisy[:, 0] += np.random.default_rng(3).normal(0.0, 7.0, 1600)
    case = case_of(noisy)
    more_often_than_not, nearly_always = (
        set(check_injected_faults(case, 1, least).figures["lost"]) for least in (0.5, STILL_FLAGGED)
    )
    assert more_often_than_not < nearly_always


def test_candidate_that_calls_a_sensor_stuck_far_later_fails(sound: RecalibrationCase) -> None:
    slow = replace(sound.candidate, longest_run=np.full(3, 2000))
    check = check_injected_faults(replace(sound, candidate=slow), seed=1)
    assert check.passed is False
    assert any(lost.startswith("stuck") for lost in check.figures["lost"])


def test_without_the_old_readings_a_person_decides(sound: RecalibrationCase) -> None:
    assert check_injected_faults(replace(sound, old=None), seed=1).passed is None


def test_past_fault_that_looks_normal_to_the_candidate_fails(sound: RecalibrationCase) -> None:
    faulty = running(200, 5) + DUTY
    faulty[100:, 2] += 0.2
    fault, healthy = (PastFault(100.0, Readings(seconds(200), values)) for values in (faulty, running(200, 5) + DUTY))
    assert check_past_faults(replace(sound, past_faults=(fault,))).passed is True
    check = check_past_faults(replace(sound, past_faults=(fault, healthy)))
    assert check.passed is False
    assert check.figures == {"faults": 2, "lost_at": [100.0], "hidden_at": []}


def test_alarm_of_the_healthy_lead_does_not_stand_for_a_past_fault(sound: RecalibrationCase) -> None:
    """It falls 60 s after its cause, long before the fault, which looks normal to the candidate."""
    values = running(300, 5) + DUTY
    values[20:40, 2] += 0.4
    check = check_past_faults(replace(sound, past_faults=(PastFault(200.0, Readings(seconds(300), values)),)))
    assert check.passed is False
    assert check.figures == {"faults": 1, "lost_at": [200.0], "hidden_at": []}


def test_alarm_that_stands_as_a_past_fault_begins_leaves_it_to_a_person(sound: RecalibrationCase) -> None:
    values = running(300, 5) + DUTY
    values[20:, 2] += 0.4
    check = check_past_faults(replace(sound, past_faults=(PastFault(200.0, Readings(seconds(300), values)),)))
    assert check.passed is None
    assert check.figures == {"faults": 1, "lost_at": [], "hidden_at": [200.0]}
    assert "nobody can tell" in check.sentence


def test_move_beyond_the_cap_is_for_a_person_unless_a_maintenance_explains_it(sound: RecalibrationCase) -> None:
    check = check_move(replace(sound, most_move_sigma=1.0))
    assert check.passed is None
    assert check.figures["sigma"] == pytest.approx(2.0, abs=0.15)  # 2 A of 1.02 A
    assert check.figures["moves"][0]["channel"] == "current_a"
    renewed = replace(sound, most_move_sigma=1.0, origin=replace(sound.origin, renewed=True))
    assert check_move(renewed).passed is True


def test_many_small_moves_add_up_from_the_first_baseline(sound: RecalibrationCase) -> None:
    third = case_of(running(1600, 4) + 4 * DUTY, old=running(900, 3) + 3 * DUTY)
    assert check_move(third).passed is True  # from the active one: 2 sigma
    check = check_move(replace(third, origin=Origin("v1", sound.active)))
    assert check.passed is None
    assert check.figures["sigma"] == pytest.approx(7.9, abs=0.4)


def test_origin_that_cannot_be_read_leaves_it_to_a_person(sound: RecalibrationCase) -> None:
    assert check_move(replace(sound, origin=Origin("v1", None))).passed is None


def test_settled_part_begins_a_quarter_after_the_onset() -> None:
    recent = Readings(seconds(1000), np.zeros((1000, 3)))
    assert settled_part(recent, 200.0).seconds[0] == 400.0  # 200 + (999 - 200) / 4, up
    assert settled_part(recent, -5.0) is recent
    assert settled_part(recent, None) is recent
    assert settled_part(Readings(seconds(40_000), np.zeros((40_000, 3))), 200.0).seconds[0] == 3800.0


def test_stretches_of_faults_are_left_out_with_both_ends() -> None:
    left = without(Readings(seconds(10), np.zeros((10, 3))), [(2.0, 4.0), (8.0, np.inf)])
    assert left.seconds.tolist() == [0.0, 1.0, 5.0, 6.0, 7.0]


def test_newest_quarter_is_held_out() -> None:
    training, held_out = split(PUMP, Readings(seconds(100), np.zeros((100, 3))))
    assert (len(training.seconds), held_out.seconds[0], len(held_out.seconds)) == (75, 75.0, 25)
