"""The machines of `smart-sentry demo-plant`: motors at work and motors on test benches, and what happens to them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from smart_sentry.assets import AssetType, load_asset_type
from smart_sentry.datasets.simulated_motors import Scenario
from smart_sentry.files import write_whole
from smart_sentry.simulation.asset import AssetPlan
from smart_sentry.simulation.script import Script, Step

MOTOR, QUICK_MOTOR, BENCH = "motor", "motor_5hz", "motor_bench"
TYPES = (MOTOR, QUICK_MOTOR, BENCH)
QUICK_S = 0.2
MOTOR_PAST_S, BENCH_ROUNDS = 1200.0, 16
"""Twenty minutes of a motor; of a bench so many rounds, as its winding warms up for half an hour first."""

_BENCH_ROUND = (
    Step(90, running=False), Step(120, load_pct=85.0), Step(90, load_pct=100.0), Step(90, load_pct=70.0),
    Step(180, running=False),
)  # fmt: skip


def at_work(after_s: float, fault: str, severity: str, seconds: float, repair: str, round_s: float = 480.0) -> Script:
    """A motor at work that gets a fault, is repaired, and has some minutes of peace before it begins anew."""
    peace = round_s - after_s - seconds
    return Script([Step(after_s), Step(seconds, scenario=Scenario(fault, severity)), Step(peace, maintained=repair)])


def sensor_fails(after_s: float, fault: str, sensor: str, seconds: float, round_s: float = 480.0) -> Script:
    """A motor at work that is well; one of its sensors is not, for a time."""
    lying = Scenario(sensor_fault=fault, sensor=sensor)
    return Script([Step(after_s), Step(seconds, scenario=lying), Step(round_s - after_s - seconds)])


def peace() -> Script:
    """A machine at work to which nothing happens by itself."""
    return Script([Step(3600.0)])


def bench_duty(first: int = 0) -> Script:
    """A motor on the bench: rest, start-up, three loads, coast-down; always well. It begins with step `first`."""
    return Script([*_BENCH_ROUND[first:], *_BENCH_ROUND[:first]])


def bench_life(fault: str, repair: str) -> Script:
    """A motor on the bench: start-up, running, a fault at the second and third load, shutdown; repaired at rest."""
    rest, first, second, third, coast = _BENCH_ROUND
    ill = Scenario(fault, "SEVERE")
    repaired = Step(rest.seconds, running=False, maintained=repair)
    broken = [Step(step.seconds, step.running, step.load_pct, ill) for step in (second, third, coast)]
    return Script([rest, first, *broken, repaired, *_BENCH_ROUND[1:]])


def write_quick_motor(folder: Path) -> Path:
    """The asset type of motors that are read five times a second, made of the type `motor`.

    Args:
        folder: of the asset types' files.
    """
    content: dict[str, Any] = yaml.safe_load((folder / f"{MOTOR}.yaml").read_text(encoding="utf-8"))
    content |= {
        "name": QUICK_MOTOR, "sampling_seconds": QUICK_S, "cycle_meaning": f"{QUICK_S:g} s of operation",
        "description": "Induction motor, 230 V and 15 A at power factor 0.92, five readings a second",
    }  # fmt: skip
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
    return write_whole(folder / f"{QUICK_MOTOR}.yaml", text)


def asset_types(folder: Path) -> dict[str, AssetType]:
    """The types of this plant's machines, by name."""
    return {name: load_asset_type(folder / f"{name}.yaml") for name in TYPES}


def shop_floor(types: Mapping[str, AssetType]) -> list[AssetPlan]:
    """The plant: names, types, what happens, and the healthy past that each is calibrated on."""
    bench = BENCH_ROUNDS * bench_duty().seconds
    machines = [
        ("motor_01", MOTOR, peace(), MOTOR_PAST_S),
        ("motor_02", MOTOR, at_work(90, "DRIFT", "MEDIUM", 30, "belt tension set anew"), MOTOR_PAST_S),
        ("motor_03", MOTOR, sensor_fails(150, "STUCK", "current_a", 90), MOTOR_PAST_S),
        ("ポンプ_04", MOTOR, at_work(240, "SPIKE", "SEVERE", 20, "軸受を交換"), MOTOR_PAST_S),
        ("motor_05", QUICK_MOTOR, peace(), MOTOR_PAST_S),
        ("bench_01", BENCH, bench_life("BEARING", "drive-end bearing replaced"), bench),
        ("bench_02", BENCH, bench_duty(first=3), bench),
    ]
    return [
        AssetPlan(name, types[kind], script, past_s, 0.8 * past_s, seed)
        for seed, (name, kind, script, past_s) in enumerate(machines, start=1)
    ]
