"""The motor's physics against figures worked out by hand."""

from __future__ import annotations

import math

import pytest

from smart_sentry.datasets import motor
from smart_sentry.datasets.motor import Faults, MotorDesign

DESIGN = MotorDesign()
HEALTHY = Faults()
RATED_RPM = 2880.0  # 3000 rpm less 4 % slip


def point(slip: float, faults: Faults = HEALTHY, temperature_c: float = 73.0) -> motor.ElectricalPoint:
    return motor.electrical_point(DESIGN, faults, DESIGN.source_voltage_v, slip, temperature_c)


def test_electrical_point_at_rated_slip_has_the_nameplate_figures():
    rated = point(0.04)
    assert rated.voltage_v == pytest.approx(230.0, abs=0.1)
    assert rated.current_a == pytest.approx(15.0, abs=0.02)
    assert rated.power_factor == pytest.approx(0.92, abs=0.001)
    # What reaches the air gap drives the brake at rated torque, friction (0.4 Nm) and windage (0.4 Nm).
    assert rated.torque_nm == pytest.approx(15.28 + 0.8, abs=0.01)


def test_electrical_point_conserves_energy():
    rated = point(0.04)
    electrical_w = math.sqrt(3.0) * rated.voltage_v * rated.current_a * rated.power_factor
    shaft_w = rated.torque_nm * RATED_RPM * math.pi / 30.0
    copper_w = 3.0 * rated.current_a**2 * 0.33
    core_w = 2.0 * (rated.winding_heat_w - copper_w)  # half of the core's loss heats the winding
    assert electrical_w == pytest.approx(shaft_w + copper_w + core_w + rated.rotor_heat_w, rel=1e-9)


def test_electrical_point_splits_the_air_gap_power_by_the_slip():
    rated = point(0.04)
    air_gap_w = rated.torque_nm * 3000.0 * math.pi / 30.0
    assert rated.rotor_heat_w == pytest.approx(0.04 * air_gap_w, rel=1e-9)
    assert rated.rotor_heat_w == pytest.approx(DESIGN.rated_rotor_heat_w, abs=0.1)


def test_inrush_is_about_six_times_the_rated_current_and_decays_with_the_slip():
    currents = [point(slip).current_a for slip in (1.0, 0.8, 0.6, 0.4, 0.2, 0.1, 0.04)]
    assert 5.0 < currents[0] / 15.0 < 7.0
    assert currents == sorted(currents, reverse=True)
    assert point(1.0).voltage_v < 0.97 * point(0.04).voltage_v  # the supply sags under the inrush


def test_power_factor_falls_with_the_load():
    assert point(0.04).power_factor > point(0.02).power_factor > point(0.005).power_factor


def test_hot_copper_has_more_resistance():
    # 235 + 150 over 235 + 73: 25 % more stator copper loss at the same current
    cold, hot = point(0.04), point(0.04, temperature_c=150.0)
    copper_w = 3.0 * hot.current_a**2 * 0.33
    core_w = hot.winding_heat_w - 1.25 * copper_w
    assert core_w == pytest.approx(cold.winding_heat_w - 3.0 * cold.current_a**2 * 0.33, rel=0.03)


def test_shorted_turns_raise_current_and_heat_and_lower_the_power_factor():
    healthy, faulty = point(0.04), point(0.04, Faults(winding=0.5))
    assert faulty.current_a > 1.02 * healthy.current_a
    assert faulty.winding_heat_w > 1.2 * healthy.winding_heat_w
    assert faulty.power_factor < healthy.power_factor - 0.01


def test_broken_cage_needs_twice_the_slip_for_the_same_torque():
    # R2/s alone sets torque and current, but for the deep-bar part of R2: 0.4 times the extra slip
    assert point(0.08, Faults(rotor_bar=1.0)).torque_nm == pytest.approx(point(0.04).torque_nm, rel=0.02)


def test_bearing_wear_adds_friction():
    healthy = motor.drag_torque_nm(DESIGN, HEALTHY, RATED_RPM)
    assert healthy == pytest.approx(0.8)
    assert motor.drag_torque_nm(DESIGN, Faults(bearing=1.0), RATED_RPM) == pytest.approx(0.8 + 0.15 * 15.28)


def test_acceleration_of_a_driven_shaft_follows_newton():
    # 20 Nm less 0.8 Nm drag over 3.6 kg m2 is 5.333 rad/s2
    acceleration = motor.acceleration_rpm_s(DESIGN, HEALTHY, 20.0, 0.0, RATED_RPM)
    assert acceleration == pytest.approx(19.2 / 3.6 * 30.0 / math.pi)


def test_acceleration_at_rest_is_never_backwards():
    assert motor.acceleration_rpm_s(DESIGN, HEALTHY, 0.0, 10.0, 0.0) == 0.0


def test_thermal_time_constant_is_900_s_running_and_three_times_as_long_at_rest():
    assert motor.thermal_time_constant_s(DESIGN, RATED_RPM) == pytest.approx(900.0)
    assert motor.thermal_time_constant_s(DESIGN, 0.0) == pytest.approx(2704.0, abs=1.0)


def test_winding_after_one_time_constant_has_covered_63_percent_of_the_way():
    cooled = motor.next_winding_temperature_c(DESIGN, 120.0, 20.0, 0.0, RATED_RPM, 900.0)
    assert cooled == pytest.approx(20.0 + 100.0 / math.e)


def test_winding_at_rated_load_settles_at_its_rated_temperature():
    heat_w = point(0.04).winding_heat_w
    settled = motor.next_winding_temperature_c(DESIGN, 25.0, 25.0, heat_w, RATED_RPM, 1e6)
    assert settled == pytest.approx(73.0, abs=0.5)


def test_winding_temperature_does_not_depend_on_the_step():
    fine = 60.0
    for _ in range(100):
        fine = motor.next_winding_temperature_c(DESIGN, fine, 25.0, 300.0, RATED_RPM, 0.1)
    assert fine == pytest.approx(
        motor.next_winding_temperature_c(DESIGN, 60.0, 25.0, 300.0, RATED_RPM, 10.0), rel=1e-12
    )


def test_vibration_at_rated_load_is_the_nameplate_figure():
    # the torque at the air gap is rated torque plus 0.8 Nm of drag
    assert motor.vibration_g(DESIGN, HEALTHY, RATED_RPM, 16.08 / 15.28, 0.0) == pytest.approx(0.15, abs=0.001)


def test_vibration_at_rest_is_nothing():
    assert motor.vibration_g(DESIGN, Faults(1.0, 1.0, 1.0, 1.0), 0.0, 0.0, 1.0) == 0.0


def test_resonance_at_the_critical_speed_is_one_over_twice_the_damping():
    assert motor.resonance(DESIGN, DESIGN.critical_speed_rpm) == pytest.approx(5.0)
    assert motor.resonance(DESIGN, 0.0) == 1.0


@pytest.mark.parametrize(
    ("faults", "expected_g"),
    [
        (Faults(bearing=1.0), math.hypot(0.1, 0.079, 12 * 0.075)),
        (Faults(imbalance=1.0), math.hypot(9 * 0.1, 0.079, 0.075)),
        (Faults(rotor_bar=1.0), math.hypot(0.1, 6 * 0.079, 0.075)),
        (Faults(winding=1.0), math.hypot(0.1, 3 * 0.079, 0.075)),
    ],
)
def test_vibration_of_each_fault_multiplies_its_own_band(faults, expected_g):
    assert motor.vibration_g(DESIGN, faults, RATED_RPM, 1.0, 0.0) == pytest.approx(expected_g)


def test_broken_cage_modulates_the_current_by_twelve_percent():
    assert motor.current_pulsation(Faults(rotor_bar=1.0), 1.0) == pytest.approx(1.12)
    assert motor.current_pulsation(HEALTHY, 1.0) == 1.0
