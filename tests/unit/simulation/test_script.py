"""What happens to simulated machines by itself, what is ordered of them, and what of both their readings show."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from smart_sentry.assets import AssetType, load_asset_type
from smart_sentry.datasets.simulated_motors import BenchMotor, Scenario, StatisticalMotor
from smart_sentry.errors import ConfigurationError
from smart_sentry.simulation.asset import AssetPlan, SimulatedAsset
from smart_sentry.simulation.orders import Order
from smart_sentry.simulation.script import Script, Step
from smart_sentry.simulation.shop_floor import QUICK_MOTOR, asset_types, shop_floor, write_quick_motor

ASSETS = Path(__file__).parents[3] / "configs" / "assets"
NOW = 1_767_225_600.0
DRIFT = Scenario("DRIFT", "SEVERE")
STORY = Script([Step(20.0), Step(10.0, scenario=DRIFT), Step(30.0, maintained="oiled")])


@pytest.fixture(scope="module")
def motor() -> AssetType:
    return load_asset_type(ASSETS / "motor.yaml")


def simulated(motor: AssetType, script: Script = STORY, past_s: float = 0.0) -> SimulatedAsset:
    asset = SimulatedAsset(AssetPlan("m", motor, script, past_s, past_s, seed=1), NOW)
    asset.play_faults(NOW)
    return asset


def conditions(asset: SimulatedAsset, until_s: float) -> list[str]:
    """What is true of the readings that are due by then."""
    return list(asset.readings(NOW + until_s, most=100_000).table["true_condition"])


def test_script_begins_anew_at_its_end() -> None:
    places = [STORY.at(seconds) for seconds in (0.0, 19.999, 20.0, 30.0, 59.0, 60.0, 81.0)]
    assert [place.number for place in places] == [0, 0, 1, 2, 2, 3, 4]
    assert [place.ends for place in places] == [20.0, 20.0, 30.0, 60.0, 60.0, 80.0, 90.0]
    assert [place.step for place in places[-2:]] == list(STORY.steps[:2])


@pytest.mark.parametrize("steps", [[], [Step(0.0)], [Step(5.0), Step(-1.0)], [Step(float("nan"))]])
def test_script_without_time_is_refused(steps: list[Step]) -> None:
    with pytest.raises(ConfigurationError, match="script"):
        Script(steps)


def test_readings_show_the_fault_of_the_step_they_are_taken_in(motor: AssetType) -> None:
    found = conditions(simulated(motor), 69.0)
    assert found == ["HEALTHY"] * 20 + ["DRIFT SEVERE"] * 10 + ["HEALTHY"] * 40


def test_readings_do_not_depend_on_how_often_they_are_asked_for(motor: AssetType) -> None:
    whole, parts = simulated(motor), simulated(motor)
    together = whole.readings(NOW + 69.0, most=100_000).table
    pieces = [parts.readings(NOW + at, most=7).table for at in np.arange(0.0, 90.0, 0.7)]
    one_by_one = [row for piece in pieces if len(piece) for row in piece["timestamp"]]
    assert together["timestamp"].tolist() == one_by_one[: len(together)]


def test_readings_are_a_type_interval_apart_and_never_from_the_future(motor: AssetType) -> None:
    asset = simulated(motor, past_s=60.0)
    times = [
        datetime.fromisoformat(stamp).timestamp() for stamp in asset.readings(NOW + 1.5, 100_000).table["timestamp"]
    ]
    assert times == pytest.approx(np.arange(NOW - 60.0, NOW + 1.1, 1.0), abs=1e-6)
    assert len(asset.readings(NOW + 1.9)) == 0
    assert len(asset.readings(NOW + 2.0)) == 1


def test_identity_of_a_reading_is_its_own(motor: AssetType) -> None:
    asset = simulated(motor)
    first, second = asset.readings(NOW + 9.0), asset.readings(NOW + 19.0)
    assert len({*first.event_ids, *second.event_ids}) == 20


def test_past_is_healthy_and_the_script_begins_with_the_simulation(motor: AssetType) -> None:
    asset = simulated(motor, past_s=130.0)  # no whole number of rounds
    found = conditions(asset, 29.0)
    assert found[:150] == ["HEALTHY"] * 150
    assert found[150:] == ["DRIFT SEVERE"] * 10


def test_faults_of_the_script_wait_until_they_may_play(motor: AssetType) -> None:
    asset = SimulatedAsset(AssetPlan("m", motor, STORY, 0.0, 0.0, seed=1), NOW)
    assert set(conditions(asset, 60.0)) == {"HEALTHY"}
    assert asset.maintained() == []
    asset.play_faults(NOW + 85.0)
    found = conditions(asset, 92.0)  # after second 60, the fault of the second round is due from 80 to 90
    assert found == ["HEALTHY"] * 24 + ["DRIFT SEVERE"] * 5 + ["HEALTHY"] * 3
    assert asset.maintained() == ["oiled"]
    assert asset.maintained() == []


def test_order_goes_before_the_script_until_it_ends(motor: AssetType) -> None:
    asset = simulated(motor)
    assert set(conditions(asset, 4.0)) == {"HEALTHY"}
    asset.obey(Order("SPIKE", "MILD", seconds=20.5), NOW + 4.5)
    assert asset.state().condition == "SPIKE MILD"
    assert asset.state().until == NOW + 25.0
    found = conditions(asset, 39.0)
    assert found == ["SPIKE MILD"] * 20 + ["DRIFT SEVERE"] * 5 + ["HEALTHY"] * 10
    assert asset.state().condition == "well"
    assert asset.state().until is None


def test_repair_ends_an_order_and_the_fault_of_the_step(motor: AssetType) -> None:
    asset = simulated(motor)
    asset.obey(Order("SPIKE", seconds=500.0), NOW)
    assert set(conditions(asset, 22.0)) == {"SPIKE MEDIUM"}
    asset.obey(None, NOW + 22.5)
    assert set(conditions(asset, 60.0)) == {"HEALTHY"}
    assert set(conditions(asset, 79.0)) == {"HEALTHY"}
    assert set(conditions(asset, 89.0)) == {"DRIFT SEVERE"}, "the next round has its fault"


def test_order_of_a_sensor_leaves_the_machine_well(motor: AssetType) -> None:
    asset = simulated(motor)
    asset.obey(Order("MISSING", sensor="current_a", seconds=5.0), NOW)
    table = asset.readings(NOW + 9.0).table
    assert table["current_a"].isna().tolist() == [True] * 5 + [False] * 5
    assert not table["is_faulty"].any()


def test_order_that_the_machine_cannot_have_leaves_it_as_it_is(motor: AssetType) -> None:
    asset = simulated(motor)
    with pytest.raises(ConfigurationError):
        asset.obey(Order("BEARING"), NOW)
    assert set(conditions(asset, 9.0)) == {"HEALTHY"}


def test_plan_with_a_fault_that_the_machine_has_not_is_refused_at_once(motor: AssetType) -> None:
    with pytest.raises(ConfigurationError):
        simulated(motor, Script([Step(5.0), Step(5.0, scenario=Scenario("BEARING"))]))


def test_ramp_of_a_changed_motor_begins_with_the_change() -> None:
    machine = StatisticalMotor(Scenario(), 1.0, np.random.default_rng(1))
    machine.take(1000)
    machine.change_to(Scenario("DRIFT", "SEVERE", ramp_seconds=1000.0))
    voltage = machine.take(1000).values[:, 0]
    assert voltage[:50].mean() == pytest.approx(230.0, abs=2.0)
    assert voltage[-50:].mean() > 245.0


def test_bench_goes_on_as_it_is_when_a_fault_comes_and_goes() -> None:
    machine = BenchMotor(Scenario(), 1.0, np.random.default_rng(3))
    names = machine.signal_names
    speed, temperature, vibration = (
        names.index(name) for name in ("speed_rpm", "winding_temperature_c", "vibration_g")
    )
    machine.drive(True, 100.0)
    before = machine.take(300)
    machine.change_to(Scenario("BEARING", "SEVERE"))
    ill = machine.take(60)
    machine.change_to(Scenario())
    well = machine.take(60)
    assert before.phase[-1] == ill.phase[0] == well.phase[0] == "STEADY"
    for left, right in ((before, ill), (ill, well)):
        assert right.values[0, speed] == pytest.approx(left.values[-1, speed], abs=15.0)
        assert right.values[0, temperature] == pytest.approx(left.values[-1, temperature], abs=1.5)
    assert ill.values[:, vibration].mean() > 1.5 * before.values[-60:, vibration].mean()
    assert well.values[:, vibration].mean() == pytest.approx(before.values[-60:, vibration].mean(), rel=0.1)
    assert [ill.condition, well.condition] == ["BEARING SEVERE", "HEALTHY"]


def test_driven_bench_starts_runs_and_coasts_down() -> None:
    machine = BenchMotor(Scenario(), 1.0, np.random.default_rng(3))
    machine.drive(False, 0.0)
    assert set(machine.take(30).phase) == {"OFF"}
    machine.drive(True, 85.0)
    started = machine.take(150)
    assert list(dict.fromkeys(started.phase)) == ["STARTUP", "STEADY"]
    load = started.values[started.phase == "STEADY", machine.signal_names.index("load_pct")]
    assert load[5:].mean() == pytest.approx(85.0, abs=2.0)
    machine.drive(False, 85.0)
    assert list(dict.fromkeys(machine.take(200).phase)) == ["SHUTDOWN", "OFF"]


def test_shop_floor_has_faults_repairs_start_ups_and_a_name_in_japanese(tmp_path: Path) -> None:
    for name in ("motor.yaml", "motor_bench.yaml"):
        (tmp_path / name).write_text((ASSETS / name).read_text())
    write_quick_motor(tmp_path)
    plans = shop_floor(asset_types(tmp_path))
    steps = {plan.asset_id: plan.script.steps for plan in plans}
    assert "ポンプ_04" in steps
    assert len({plan.asset_type.name for plan in plans}) == 3
    assert sum(any(step.scenario.fault for step in its) for its in steps.values()) >= 3
    assert all(any(step.maintained for step in its) for its in steps.values() if any(s.scenario.fault for s in its))
    assert sum(any(not step.running for step in its) for its in steps.values()) == 2
    for plan in plans:
        asset = SimulatedAsset(plan, NOW)
        assert asset.due_by(NOW) > 100
        assert plan.learnt_s <= plan.past_s


def test_quick_motor_is_a_motor_that_is_read_five_times_a_second(motor: AssetType, tmp_path: Path) -> None:
    (tmp_path / "motor.yaml").write_text((ASSETS / "motor.yaml").read_text())
    quick = load_asset_type(write_quick_motor(tmp_path))
    assert (quick.name, quick.sampling_seconds) == (QUICK_MOTOR, 0.2)
    assert (quick.signals, quick.health, quick.alarms) == (motor.signals, motor.health, motor.alarms)
