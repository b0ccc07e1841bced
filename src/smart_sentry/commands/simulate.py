"""`smart-sentry simulate`: a machine's readings. What it needs is imported when it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from smart_sentry.commands.asset_types import AssetTypeName


def simulate(
    asset_id: Annotated[str, typer.Option(help="whose readings they are")] = "motor_01",
    asset_type: AssetTypeName = "motor",
    duration: Annotated[float, typer.Option(help="seconds that the readings span")] = 300.0,
    interval: Annotated[float, typer.Option(help="seconds between two readings (0.01: 100 Hz)")] = 1.0,
    faulty: Annotated[bool, typer.Option("--faulty/--healthy", help="whether the machine has a fault")] = False,
    fault: Annotated[str | None, typer.Option(
        help="SPIKE, DRIFT, JITTER, DEFAULT; of motor_bench: BEARING, WINDING, ROTOR_BAR, IMBALANCE"
    )] = None,
    severity: Annotated[str, typer.Option(help="MILD, MEDIUM or SEVERE")] = "MEDIUM",
    intensity: Annotated[float, typer.Option(help="share of the fault's size: 0.5 is half")] = 1.0,
    signal: Annotated[list[str] | None, typer.Option(help="the fault shows in this signal only (may be repeated)")] = None,
    ramp: Annotated[float, typer.Option(help="seconds in which the fault grows; 0: it is there at once")] = 0.0,
    load_changes: Annotated[bool, typer.Option(help="change the load of a healthy motor every minute")] = False,
    sensor_fault: Annotated[str | None, typer.Option(help="STUCK, MISSING or SPIKING")] = None,
    sensor: Annotated[str | None, typer.Option(help="signal whose sensor is at fault")] = None,
    speed: Annotated[float | None, typer.Option(help="1: real time (default), 10: ten times, 0: at once (so --out)")] = None,
    batch: Annotated[int, typer.Option(help="readings that are sent together")] = 1,
    start: Annotated[str | None, typer.Option(help="time of the first reading, ISO 8601; else the last one is now")] = None,
    seed: Annotated[int | None, typer.Option(help="the same seed gives the same readings; else they are new")] = None,
    to: Annotated[str | None, typer.Option(help="http://HOST:PORT of a service, or kafka://HOST:PORT/TOPIC")] = None,
    out: Annotated[Path | None, typer.Option(help="CSV or Parquet to write, with the truth of each row")] = None,
    quiet: Annotated[bool, typer.Option(help="no line for each delivery")] = False,
) -> None:  # fmt: skip
    """Simulate a machine: its readings over HTTP or Kafka, into a file, or (with none) on the console."""
    import secrets

    from smart_sentry.assets import load_asset_type
    from smart_sentry.config import load_settings
    from smart_sentry.datasets.simulated_motors import Scenario
    from smart_sentry.simulation.simulator import Run, Simulator, parse_start, sink_for

    settings = load_settings()
    kind = load_asset_type(settings.configs_folder / "assets" / f"{asset_type}.yaml")
    scenario = Scenario(
        fault or ("DEFAULT" if faulty else None), severity, intensity, tuple(signal or ()), ramp, load_changes,
        sensor_fault, sensor,
    )  # fmt: skip
    seed = secrets.randbits(32) if seed is None else seed
    if out is not None:
        batch, speed = max(batch, 1000), speed or 0.0
    pace = 1.0 if speed is None else speed
    run = Run(asset_id, duration, interval, scenario, pace, batch, seed, parse_start(start))
    key = settings.api_key.get_secret_value() if settings.api_key else None
    sink = sink_for(to, out, batch, typer.echo, key, kind, run.start, settings.kafka_partitions)
    on_console = to is None and out is None
    each = to is not None and not quiet
    simulator = Simulator(kind, run, sink, lambda line: typer.echo(line, err=on_console), each=each)
    if simulator.simulate().failed:
        raise typer.Exit(1)
