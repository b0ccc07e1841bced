"""Physics of a three-phase induction motor on a test bench: pure functions of its state, compiled with numba.

Every function takes numbers in the units of its argument names and returns numbers: no clock, no random generator, no state.
`motor_bench.py` steps them through time at any sampling interval, `motor_wear.py` says how faults grow. They are compiled
anew in every process: numba's cache would miss a change made in another file, and give old physics under a new version.

Sources: the equivalent circuit and torque of A. E. Fitzgerald, C. Kingsley and S. D. Umans, Electric Machinery (6th ed.,
2003), chapter 6, with a rotor resistance that rises with slip (deep-bar effect, ibid. 6.7); the first-order thermal
model of IEC 60255-149 (2013) and the copper resistance of IEC 60034-1 (235 K rule); the response to imbalance of
S. S. Rao, Mechanical Vibrations (5th ed., 2011), section 3.7. Single-fault signatures follow S. Nandi, H. A. Toliyat and
X. Li, Condition monitoring and fault diagnosis of electrical motors, IEEE Trans. Energy Conversion 20 (2005) 719-729.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from numba import njit

KELVIN_OF_COPPER = 235.0
"""Copper's resistance is proportional to 235 + its temperature in degrees Celsius (IEC 60034-1)."""
RPM_PER_RAD_S = 30.0 / math.pi


class MotorDesign(NamedTuple):
    """Nameplate, circuit (per phase of the equivalent star), shaft, cooling and vibration of one motor with its bench.

    The defaults are a 4.6 kW two-pole motor, 230 V line to line, that draws 15 A at power factor 0.92 and vibrates with
    0.15 g (RMS) at rated load, coupled to a flywheel so heavy that run-up takes more than 20 s.
    """

    source_voltage_v: float = 231.33
    source_resistance_ohm: float = 0.03
    source_reactance_ohm: float = 0.06
    rated_current_a: float = 15.0
    synchronous_speed_rpm: float = 3000.0
    rated_slip: float = 0.04
    stator_resistance_ohm: float = 0.33
    leakage_reactance_ohm: float = 0.559
    rotor_resistance_ohm: float = 0.3645
    deep_bar_factor: float = 0.4
    magnetising_reactance_ohm: float = 28.28
    core_loss_resistance_ohm: float = 210.0
    rated_torque_nm: float = 15.28
    inertia_kg_m2: float = 3.6
    friction_torque_nm: float = 0.4
    windage_torque_nm: float = 0.4
    rated_rotor_heat_w: float = 202.05
    rated_winding_temperature_c: float = 73.0
    running_conductance_w_k: float = 7.0
    resting_conductance_w_k: float = 2.33
    heat_capacity_j_k: float = 6300.0
    critical_speed_rpm: float = 1750.0
    damping_ratio: float = 0.1
    imbalance_vibration_g: float = 0.1
    load_vibration_g: float = 0.079
    bearing_vibration_g: float = 0.075


class Faults(NamedTuple):
    """Severity of each fault: 0 is as built, 1 is where the protection trips or the part breaks."""

    bearing: float = 0.0
    winding: float = 0.0
    rotor_bar: float = 0.0
    imbalance: float = 0.0


class ElectricalPoint(NamedTuple):
    """What the motor draws and delivers at one slip. Line quantities; torque at the air gap."""

    voltage_v: float
    current_a: float
    power_factor: float
    torque_nm: float
    winding_heat_w: float
    rotor_heat_w: float


@njit()
def rated_speed_rpm(design: MotorDesign) -> float:
    """Shaft speed at rated load: (1 - slip) times the synchronous speed."""
    return (1.0 - design.rated_slip) * design.synchronous_speed_rpm


@njit()
def slip_at(design: MotorDesign, speed_rpm: float) -> float:
    """Slip, 1 at standstill and 0 at synchronous speed, kept above 1e-6 so that the circuit stays finite."""
    return max(1.0 - speed_rpm / design.synchronous_speed_rpm, 1e-6)


@njit()
def electrical_point(
    design: MotorDesign, faults: Faults, source_voltage_v: float, slip: float, winding_temperature_c: float
) -> ElectricalPoint:
    """Solves the equivalent circuit behind the supply's impedance.

    Z = R1 + jX + (R2(1 + k s)/s + jX) || jXm || Rc || Rshort and T = 3 I2^2 R2(1 + k s) / (s w_s). Inrush follows from s = 1 and
    decays with the slip. Faults enter as parameters: shorted turns lower every reactance with the square of the
    remaining turns and burn power in the short (up to 30 % of the turns and about 200 W); a broken cage raises R2 (doubled at 1).

    Args:
        design: the motor.
        faults: severities; winding and rotor_bar matter here.
        source_voltage_v: line to line behind the supply's impedance.
        slip: above 0, up to 1.
        winding_temperature_c: sets the copper's resistance.
    """
    turns_squared = (1.0 - 0.3 * faults.winding) ** 2
    copper = (KELVIN_OF_COPPER + winding_temperature_c) / (KELVIN_OF_COPPER + design.rated_winding_temperature_c)
    stator = complex(design.stator_resistance_ohm * copper, design.leakage_reactance_ohm * turns_squared)
    rotor_resistance = design.rotor_resistance_ohm * (1.0 + design.deep_bar_factor * slip) * (1.0 + faults.rotor_bar)
    rotor = complex(rotor_resistance / slip, design.leakage_reactance_ohm * turns_squared)
    short_conductance = 0.004 * faults.winding
    shunt = complex(
        1.0 / design.core_loss_resistance_ohm + short_conductance,
        -1.0 / (design.magnetising_reactance_ohm * turns_squared),
    )
    air_gap = 1.0 / (1.0 / rotor + shunt)
    motor = stator + air_gap
    current_a = (source_voltage_v / math.sqrt(3.0)) / abs(
        motor + complex(design.source_resistance_ohm, design.source_reactance_ohm)
    )
    air_gap_voltage_v = current_a * abs(air_gap)
    rotor_power_w = 3.0 * (air_gap_voltage_v / abs(rotor)) ** 2 * rotor.real
    core_heat_w = 3.0 * air_gap_voltage_v**2 / design.core_loss_resistance_ohm
    return ElectricalPoint(
        voltage_v=math.sqrt(3.0) * current_a * abs(motor),
        current_a=current_a,
        power_factor=motor.real / abs(motor),
        torque_nm=rotor_power_w * RPM_PER_RAD_S / design.synchronous_speed_rpm,
        winding_heat_w=3.0 * current_a**2 * stator.real
        + 0.5 * core_heat_w
        + 3.0 * air_gap_voltage_v**2 * short_conductance,
        rotor_heat_w=rotor_power_w * slip,
    )


@njit()
def drag_torque_nm(design: MotorDesign, faults: Faults, speed_rpm: float) -> float:
    """Friction and windage: constant (a worn bearing adds up to 15 % of rated torque) plus a part with the square of speed."""
    windage = design.windage_torque_nm * (speed_rpm / rated_speed_rpm(design)) ** 2
    return design.friction_torque_nm + 0.15 * design.rated_torque_nm * faults.bearing + windage


@njit()
def acceleration_rpm_s(
    design: MotorDesign, faults: Faults, motor_torque_nm: float, brake_torque_nm: float, speed_rpm: float
) -> float:
    """Newton's law for the shaft: J dw/dt = motor - brake - friction - windage. Friction never turns a shaft at rest."""
    net_nm = motor_torque_nm - brake_torque_nm - drag_torque_nm(design, faults, speed_rpm)
    if speed_rpm <= 0.0 and net_nm < 0.0:
        return 0.0
    return net_nm / design.inertia_kg_m2 * RPM_PER_RAD_S


@njit()
def cooling_conductance_w_k(design: MotorDesign, speed_rpm: float) -> float:
    """Heat that the frame gives off per kelvin: the fan sits on the shaft, so a resting motor cools three times more slowly."""
    share = speed_rpm / rated_speed_rpm(design)
    return design.resting_conductance_w_k + (design.running_conductance_w_k - design.resting_conductance_w_k) * share


@njit()
def thermal_time_constant_s(design: MotorDesign, speed_rpm: float) -> float:
    """Heat capacity over conductance: 900 s running, about 2700 s at rest."""
    return design.heat_capacity_j_k / cooling_conductance_w_k(design, speed_rpm)


@njit()
def next_winding_temperature_c(
    design: MotorDesign, temperature_c: float, ambient_c: float, heat_w: float, speed_rpm: float, step_s: float
) -> float:
    """First-order lag, exact for constant heat over the step: T' = T_end + (T - T_end) exp(-dt / tau)."""
    end_c = ambient_c + heat_w / cooling_conductance_w_k(design, speed_rpm)
    return end_c + (temperature_c - end_c) * math.exp(-step_s / thermal_time_constant_s(design, speed_rpm))


@njit()
def bearing_heat_w(design: MotorDesign, faults: Faults, speed_rpm: float) -> float:
    """Part of a worn bearing's friction power that reaches the winding through shaft and end shield (a third)."""
    return 0.33 * 0.15 * design.rated_torque_nm * faults.bearing * speed_rpm / RPM_PER_RAD_S


@njit()
def resonance(design: MotorDesign, speed_rpm: float) -> float:
    """Magnification of an imbalance's force near the critical speed: 1 / sqrt((1 - r^2)^2 + (2 z r)^2)."""
    ratio = speed_rpm / design.critical_speed_rpm
    return 1.0 / math.sqrt((1.0 - ratio**2) ** 2 + (2.0 * design.damping_ratio * ratio) ** 2)


@njit()
def vibration_g(design: MotorDesign, faults: Faults, speed_rpm: float, load_share: float, pulsation: float) -> float:
    """RMS acceleration of the drive-end housing.

    Uncorrelated bands add as squares: imbalance (with speed squared and the resonance), electromagnetic force (with
    load), bearing (with speed). At severity 1 the bearing's band is 12-fold and the imbalance's 9-fold; a broken cage
    and shorted turns raise the electromagnetic band 6-fold and 3-fold, the cage's in time with the torque's pulsation.

    Args:
        design: the motor.
        faults: severities.
        speed_rpm: shaft speed.
        load_share: torque at the air gap over rated torque.
        pulsation: cosine of the pulsation's phase (twice the slip frequency), -1 to 1.
    """
    share = speed_rpm / rated_speed_rpm(design)
    magnification = resonance(design, speed_rpm) / resonance(design, rated_speed_rpm(design))
    imbalance = design.imbalance_vibration_g * (1.0 + 8.0 * faults.imbalance) * share**2 * magnification
    cage = 5.0 * faults.rotor_bar * (1.0 + 0.5 * pulsation)
    electromagnetic = design.load_vibration_g * load_share * (1.0 + cage + 2.0 * faults.winding)
    bearing = design.bearing_vibration_g * (1.0 + 11.0 * faults.bearing) * share
    return math.sqrt(imbalance**2 + electromagnetic**2 + bearing**2)


@njit()
def current_pulsation(faults: Faults, pulsation: float) -> float:
    """Factor on the current: a broken cage modulates it by up to 12 % at twice the slip frequency (sidebands (1 +- 2s) f)."""
    return 1.0 + 0.12 * faults.rotor_bar * pulsation
