"""The command line. Commands parse, call and print; libraries are imported when a command needs them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from smart_sentry.commands.baselines import baselines_app
from smart_sentry.commands.dashboard import dashboard
from smart_sentry.commands.demo_drift import demo_drift
from smart_sentry.commands.demo_plant import demo_plant
from smart_sentry.commands.drift import drift
from smart_sentry.commands.models import models_app
from smart_sentry.commands.project import project_on_path
from smart_sentry.commands.recalibration import recalibrate, recalibrations_app
from smart_sentry.commands.report import report
from smart_sentry.commands.schedule import schedule
from smart_sentry.feed.command import live
from smart_sentry.worker.command import throughput

if TYPE_CHECKING:
    from smart_sentry.assets import AssetType
    from smart_sentry.baseline_store import BaselineStore
    from smart_sentry.condition_files import Calibrated
    from smart_sentry.config import Settings
    from smart_sentry.detection.baseline import Baseline
    from smart_sentry.stages.stage import StageContext

app = typer.Typer(
    name="smart-sentry", help="Predictive maintenance that a team can run, retrain and trust.", no_args_is_help=True,
    pretty_exceptions_enable=False, rich_markup_mode=None, add_completion=False,
)  # fmt: skip
data_app = typer.Typer(help="Bring and look at data sets.", no_args_is_help=True)
phases_app = typer.Typer(help="Operating phases.", no_args_is_help=True)
asset_app = typer.Typer(help="Asset types (configs/assets).", no_args_is_help=True)
app.add_typer(data_app, name="data")
app.add_typer(phases_app, name="phases")
app.add_typer(asset_app, name="asset")
services_app = typer.Typer(help="Kafka, PostgreSQL and Redis on this machine.", no_args_is_help=True)
app.add_typer(services_app, name="services")
stream_app = typer.Typer(help="Readings through Apache Kafka.", no_args_is_help=True)
app.add_typer(stream_app, name="stream")
app.command()(live)
app.command("demo-plant")(demo_plant)
app.command()(report)
app.command()(schedule)
app.command("demo-drift")(demo_drift)
app.command()(dashboard)
app.command()(drift)
app.command()(recalibrate)
app.add_typer(recalibrations_app, name="recalibrations")
app.add_typer(baselines_app, name="baselines")
app.add_typer(models_app, name="models")
stream_app.command()(throughput)

Dataset = Annotated[str, typer.Argument(help="FD001..FD004, motor_fleet, or your own asset type", metavar="DATASET")]
SCORED_SETS = ("FD001", "FD002", "FD003", "FD004")


def main() -> None:
    """Runs the command line; a known error is one sentence and exit code 1, never a traceback."""
    from smart_sentry.errors import SmartSentryError

    try:
        app()
    except SmartSentryError as error:
        typer.echo(f"smart-sentry: {error}", err=True)
        sys.exit(1)


def _context(dataset: str) -> StageContext:
    from smart_sentry.config import load_settings
    from smart_sentry.environment import prepare_environment
    from smart_sentry.params import load_params
    from smart_sentry.stages.stage import StageContext

    settings = load_settings()
    prepare_environment(settings)
    return StageContext(dataset, load_params(settings.home / "params.yaml"), settings)


@data_app.command("get")
def data_get(dataset: Dataset = "FD001") -> None:
    """Bring a data set's raw files, checked, from a local copy or from NASA."""
    from smart_sentry.datasets.catalog import source_for

    context = _context(dataset)
    settings = context.settings
    report = source_for(dataset, settings, settings.configs_folder / "assets", context.params.seed).fetch(
        settings.raw_folder
    )
    typer.echo(f"{dataset}: {len(report.files)} files, {report.size_bytes / 1e6:.1f} MB, from {report.origin}")
    for name in report.missing:
        typer.echo(f"  missing: {name} (predicting works without it, scoring does not)")


@data_app.command("list")
def data_list() -> None:
    """Name all data sets."""
    from smart_sentry.config import load_settings
    from smart_sentry.datasets.catalog import known_names

    settings = load_settings()
    for name in known_names(settings, settings.configs_folder / "assets"):
        typer.echo(name)


@data_app.command("show")
def data_show(dataset: Dataset) -> None:
    """Show rows, assets and signals of a data set that was brought."""
    from smart_sentry.datasets.catalog import source_for

    context = _context(dataset)
    settings = context.settings
    source = source_for(dataset, settings, settings.configs_folder / "assets", context.params.seed)
    fleet = source.load(settings.raw_folder)
    for split, readings in (("train", fleet.train), ("test", fleet.test)):
        typer.echo(f"{split}: {len(readings)} rows, {readings['asset_id'].nunique()} assets")
    signals = ", ".join(f"{signal.name} [{signal.unit}]" for signal in fleet.asset_type.signals)
    typer.echo(f"signals: {signals}")
    typer.echo(
        f"truth of the test set: {'known' if fleet.test_final_rul_cycles is not None else 'missing: ' + fleet.truth_source}"
    )


@app.command()
def stage(
    name: Annotated[str, typer.Argument(help="get, validate, features, tune, train, evaluate, export or package")],
    dataset: Annotated[str, typer.Option(help="data set")] = "FD001",
) -> None:
    """Run one stage of the pipeline (what dvc.yaml calls)."""
    from smart_sentry.errors import ConfigurationError
    from smart_sentry.stages import STAGES

    if name not in STAGES:
        raise ConfigurationError("stage", f"{name!r} is not a stage", f"Name one of {', '.join(STAGES)}.")
    result = STAGES[name](_context(dataset))
    typer.echo(result.summary)


@app.command()
def train(
    dataset: Dataset = "FD001",
    refresh: Annotated[bool, typer.Option(help="bring the raw data anew")] = False,
) -> None:
    """Run the whole chain as the Prefect flow `train`: data to packaged champion."""
    context = _context(dataset)
    with project_on_path(context.settings.home):
        from pipelines.train import train as flow

        flow(dataset=dataset, refresh=refresh)
    _print_results(context)


@app.command()
def evaluate(
    dataset: Annotated[str | None, typer.Argument(help="data set; or --all")] = None,
    everything: Annotated[bool, typer.Option("--all", help="all four C-MAPSS sets as one table")] = False,
) -> None:
    """Print the champion's figures on the test set, with confidence intervals, beside the seed's method."""
    from smart_sentry.errors import ConfigurationError

    if everything:
        _print_all()
    elif dataset is not None:
        _print_results(_context(dataset), demand_truth=True)
    else:
        raise ConfigurationError("evaluate", "no data set is named", "Name one, or ask for --all.")


@app.command()
def predict(
    dataset: Dataset,
    data: Annotated[Path, typer.Option(help="CSV or Parquet: asset_id, cycle and one column a signal")],
    out: Annotated[Path, typer.Option(help="CSV to write: one row for each row in")],
) -> None:
    """Score a file of readings with a data set's model."""
    from smart_sentry.batch_file import predict_file

    context = _context(dataset)
    rows = predict_file(context.bundle, data, out)
    typer.echo(f"{rows} rows scored: {out}")


@app.command()
def serve(dataset: Dataset = "FD001") -> None:
    """Serve a data set's champion over HTTP (BentoML)."""
    from smart_sentry.serving_package import serve_bento

    context = _context(dataset)
    serve_bento(context.bundle, context.settings)


@app.command()
def ui() -> None:
    """Open MLflow and Prefect on this machine."""
    from smart_sentry.config import load_settings
    from smart_sentry.ui import run_ui

    run_ui(load_settings(), typer.echo)


@app.command()
def demo() -> None:
    """The main job from data to a prediction over HTTP."""
    from smart_sentry.config import load_settings
    from smart_sentry.environment import prepare_environment

    settings = load_settings()
    prepare_environment(settings)
    with project_on_path(settings.home):
        from pipelines.train import train as flow
        from smart_sentry.demo import run_demo

        run_demo(settings, lambda dataset: flow(dataset=dataset), typer.echo)


@app.command("monitor")
def monitor() -> None:
    """Serve the plant over HTTP: readings in, calibration, states, alarms; and the champion, where there is one."""
    from smart_sentry.config import load_settings
    from smart_sentry.serving_package import serve_project

    serve_project(load_settings())


@app.command("demo-motor")
def demo_motor() -> None:
    """Generate, calibrate, verify and inject a fault, on a simulated motor over HTTP."""
    from smart_sentry.config import load_settings
    from smart_sentry.demo_motor import run_motor_demo
    from smart_sentry.environment import prepare_environment

    settings = load_settings()
    prepare_environment(settings)
    run_motor_demo(settings, typer.echo)


@app.command("demo-stream")
def demo_stream() -> None:
    """NASA's test engines through Kafka, a worker, PostgreSQL and Redis; exit code 1 unless the figures are the batch's."""
    from smart_sentry.config import load_settings
    from smart_sentry.environment import prepare_environment

    settings = load_settings()
    prepare_environment(settings)
    with project_on_path(settings.home):
        from smart_sentry.demo_stream import run_stream_demo

        if not run_stream_demo(settings, _train_by_flow, typer.echo):
            raise typer.Exit(1)


def _train_by_flow(dataset: str) -> None:
    from pipelines.train import train as flow

    flow(dataset=dataset)


@phases_app.command("study")
def phases_study(dataset: Dataset = "FD001") -> None:
    """Show what the phases of a C-MAPSS set are worth: counts, shuffle test, clusters; into reports/ and MLflow."""
    from smart_sentry.phase_study.tracked import tracked_phase_study

    typer.echo(tracked_phase_study(_context(dataset)))


@asset_app.command("check")
def asset_check(file: Annotated[Path, typer.Argument(help="a YAML file in configs/assets")]) -> None:
    """Explain every mistake in an asset type's file."""
    from smart_sentry.assets import load_asset_type

    asset_type = load_asset_type(file)
    derived = f", {len(asset_type.features)} derived features" if asset_type.features else ""
    typer.echo(
        f"{asset_type.name}: {len(asset_type.signals)} signals, failure horizon {asset_type.failure.horizon_cycles} cycles"
        f"{derived}"
    )


@asset_app.command("new")
def asset_new(
    name: Annotated[str, typer.Argument(help="name of the new asset type")],
    source: Annotated[Path, typer.Option("--from", help="CSV or Parquet: timestamp, asset_id and one column a signal")],
) -> None:
    """Draft an asset type from a table of readings, into configs/assets/<name>.yaml."""
    from smart_sentry.asset_draft import draft_asset_type
    from smart_sentry.config import load_settings

    out = load_settings().configs_folder / "assets" / f"{name}.yaml"
    drafted = draft_asset_type(name, source, out)
    typer.echo(
        f"{out}: {len(drafted.signals)} signals, a reading every {drafted.sampling_seconds:g} s. Units and limits are guesses:"
        " mend them, or calibrate as it is."
    )


ServiceNames = Annotated[
    list[str] | None, typer.Argument(help="kafka, postgres, redis; none: all", metavar="[NAME]...")
]


@services_app.command("start")
def services_start(names: ServiceNames = None) -> None:
    """Start services that do not run yet, and wait until each answers."""
    from smart_sentry.config import load_settings
    from smart_sentry.services.catalog import services_of
    from smart_sentry.services.control import ENVIRONMENT, start

    settings = load_settings()
    start(services_of(settings, names or ()), settings.services_folder, typer.echo)
    typer.echo(f"Settings that lead to them: source {settings.services_folder / ENVIRONMENT}")


@services_app.command("stop")
def services_stop(names: ServiceNames = None) -> None:
    """End services that were started here, and no others."""
    from smart_sentry.config import load_settings
    from smart_sentry.services.catalog import services_of
    from smart_sentry.services.control import stop

    settings = load_settings()
    stop(services_of(settings, names or ()), settings.services_folder, typer.echo)


@services_app.command("status")
def services_status(names: ServiceNames = None) -> None:
    """Say how each service stands; exit code 1 unless all answer."""
    from smart_sentry.config import load_settings
    from smart_sentry.services.catalog import services_of
    from smart_sentry.services.control import status

    found = [status(service) for service in services_of(load_settings(), names or ())]
    for one in found:
        typer.echo(one.sentence())
    if not all(one.answers for one in found):
        raise typer.Exit(1)


Bootstrap = Annotated[str | None, typer.Option(help="host:port of Kafka; else SMART_SENTRY_KAFKA_BOOTSTRAP")]
Topic = Annotated[str, typer.Option(help="topic of the readings")]
DeadLettersTopic = Annotated[str, typer.Option(help="topic of the messages that are no readings")]


@stream_app.command("replay")
def stream_replay(
    source: Annotated[
        str, typer.Argument(help="FD001..FD004 or another data set, a CSV or Parquet file, or simulator")
    ],
    split: Annotated[str, typer.Option(help="of a data set: train or test")] = "test",
    asset_type: Annotated[
        str | None, typer.Option("--type", help="of a file or the simulator (configs/assets)")
    ] = None,
    assets: Annotated[int, typer.Option(help="simulated machines")] = 10,
    rows: Annotated[int, typer.Option(help="readings of each simulated machine")] = 1000,
    seed: Annotated[int, typer.Option(help="of the simulated machines")] = 20,
    interval: Annotated[float | None, typer.Option(help="seconds between an asset's readings; else its type's")] = None,
    start: Annotated[str, typer.Option(help="time of the first reading, ISO 8601")] = "2026-01-01T00:00:00Z",
    epoch: Annotated[int, typer.Option(help="a higher one says that all assets started anew")] = 0,
    speed: Annotated[float, typer.Option(help="1: real time, 10: ten times as fast, 0: flat out")] = 0.0,
    limit: Annotated[int | None, typer.Option(min=1, help="most readings; else all")] = None,
    encoding: Annotated[str, typer.Option(help="json, binary or binary32")] = "json",
    partitions: Annotated[int | None, typer.Option(min=1, help="of a topic that is not there yet; else 1")] = None,
    bootstrap: Bootstrap = None,
    topic: Topic = "readings",
    dead_letters_topic: DeadLettersTopic = "readings-dead-letters",
) -> None:
    """Play a data set, a file or simulated machines into Kafka; once more, and each reading has the same id."""
    from smart_sentry.config import load_settings
    from smart_sentry.simulation.simulator import parse_start
    from smart_sentry.stream.command import ReplayRequest, run_replay

    first_at = parse_start(start)
    assert first_at is not None
    request = ReplayRequest(
        source, split, asset_type, assets, rows, seed, interval, first_at, epoch, speed, limit, encoding, partitions,
        bootstrap, topic, dead_letters_topic,
    )  # fmt: skip
    typer.echo(run_replay(request, load_settings()))


@stream_app.command("work")
def stream_work() -> None:
    """Take readings from Apache Kafka, judge and store each once; until SIGTERM. Any number of workers share the partitions."""
    from smart_sentry.worker.run import main

    raise typer.Exit(main())


@stream_app.command("dead-letters")
def stream_dead_letters(
    send_back: Annotated[bool, typer.Option("--replay", help="send them back to the topics they came from")] = False,
    everything: Annotated[bool, typer.Option("--all", help="list those that were sent back, too")] = False,
    limit: Annotated[int | None, typer.Option(min=1, help="the first so many; else all")] = None,
    bootstrap: Bootstrap = None,
    topic: DeadLettersTopic = "readings-dead-letters",
    readings_topic: Annotated[str, typer.Option(help="for those that do not say where they came from")] = "readings",
) -> None:
    """List the messages that are no readings, and why; or send them back once the reason is mended."""
    from smart_sentry.config import load_settings
    from smart_sentry.stream.command import list_dead_letters, replay_dead_letters

    settings = load_settings()
    if send_back:
        typer.echo(replay_dead_letters(settings, bootstrap, topic, readings_topic, limit))
    else:
        typer.echo(list_dead_letters(settings, bootstrap, topic, everything, limit))


AssetTypeName = Annotated[str, typer.Option("--type", help="asset type (configs/assets/<type>.yaml)")]


@app.command()
def calibrate(
    asset_type: Annotated[str | None, typer.Option("--type", help="asset type (configs/assets/<type>.yaml)")] = None,
    data: Annotated[
        Path | None, typer.Option(help="CSV or Parquet of healthy operation: timestamp, asset_id, signals")
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="every asset of a running service (of --type, if given)")
    ] = False,
    minutes: Annotated[float, typer.Option(help="with --all: how much of each asset's past it is learnt from")] = 60.0,
    service: Annotated[str | None, typer.Option(help="with --all: its address; else http://127.0.0.1:3000")] = None,
    seed: Annotated[int, typer.Option(help="of the isolation forests")] = 20,
    track: Annotated[bool, typer.Option("--track/--no-track", help="log the calibration in MLflow")] = True,
) -> None:
    """Learn what healthy operation looks like, for every asset in a file, or for every asset of a running service."""
    if every and data is None:
        _calibrate_running(asset_type, minutes, service)
    elif asset_type is None or data is None or every:
        raise typer.BadParameter("expected --type and --data (a file), or --all (a running service)")
    else:
        _calibrate_file(asset_type, data, seed, track)


def _calibrate_running(asset_type: str | None, minutes: float, service: str | None) -> None:
    import getpass

    from rich.progress import Progress

    from smart_sentry.config import load_settings
    from smart_sentry.service_client import ServiceClient, calibrate_over_http

    settings = load_settings()
    key = settings.api_key.get_secret_value() if settings.api_key else None
    with ServiceClient(service or settings.service_address, key) as client:
        known = client.get("/api/v1/assets")
        assets = [one["asset_id"] for one in known if asset_type in (None, one["asset_type"])]
        with Progress(transient=True) as progress:
            bar = progress.add_task("calibrating", total=len(assets))
            done = calibrate_over_http(
                client, assets, minutes, getpass.getuser(), lambda ended, _: progress.update(bar, completed=ended)
            )
    for one in done:
        if one.problem is None:
            report = one.told["acceptance"]
            typer.echo(
                f"{one.asset_id}: baseline {one.told['version']}, grade {report['grade']}; {report['readings']} readings"
            )
        else:
            typer.echo(f"{one.asset_id}: {one.stage}: {one.problem}", err=True)
    refused = sum(one.problem is not None for one in done)
    typer.echo(f"{len(done) - refused} of {len(done)} assets calibrated")
    if refused or not done:
        raise typer.Exit(1)


def _calibrate_file(asset_type: str, data: Path, seed: int, track: bool) -> None:
    from rich.progress import Progress

    from smart_sentry.condition_files import calibrate_file

    kind, store, settings = _condition(asset_type)
    with Progress(transient=True) as progress:
        bar = progress.add_task("calibrating", total=None)
        done = calibrate_file(
            kind, data, store, created=_now(), seed=seed, workers=settings.workers,
            progress=lambda number, of: progress.update(bar, completed=number, total=of),
        )  # fmt: skip
    for one in done[:_SHOWN_ASSETS]:
        if one.baseline is None:
            typer.echo(f"{one.asset_id}: {one.refusal}", err=True)
            continue
        report = one.baseline.acceptance
        phases = ", ".join(f"{phase} {steps}" for phase, steps in report.phases.items())
        typer.echo(
            f"{one.asset_id}: baseline {one.version}, grade {report.grade}; {report.readings} readings, steps by phase: {phases};"
            f" held-out false alarms {report.false_alarms:.2%}"
            f" (95 %: {report.false_alarm_low:.2%} to {report.false_alarm_high:.2%})"
        )
        for remark in (*report.remarks, *_derived(one.baseline)):
            typer.echo(f"  {remark}")
    if track:
        _log_calibration(kind.name, data, seed, done, settings)
    refused = sum(one.baseline is None for one in done)
    if len(done) > _SHOWN_ASSETS:
        typer.echo(
            f"... and {len(done) - _SHOWN_ASSETS} more: {len(done) - refused} calibrated, {refused} refused in all"
        )
    if refused:
        raise typer.Exit(1)


@app.command()
def score(
    asset_type: AssetTypeName,
    data: Annotated[Path, typer.Option(help="CSV or Parquet: timestamp, asset_id, signals")],
    out: Annotated[Path, typer.Option(help="CSV to write: timestamp, asset_id, phase, score, flag, reason")],
) -> None:
    """Score a file of readings against the calibrated baselines: one row out for each row in."""
    from smart_sentry.condition_files import score_file

    kind, store, _ = _condition(asset_type)
    table = score_file(kind, data, out, store)
    typer.echo(f"{out}: {len(table)} rows, {int(table['flag'].sum())} flagged")


@app.command()
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
    sink = sink_for(to, out, batch, typer.echo, key, kind, run.start)
    on_console = to is None and out is None
    each = to is not None and not quiet
    simulator = Simulator(kind, run, sink, lambda line: typer.echo(line, err=on_console), each=each)
    if simulator.simulate().failed:
        raise typer.Exit(1)


def _derived(baseline: Baseline) -> Iterator[str]:
    """Means and standard deviations of the first derived features in steady operation, as one line."""
    known = baseline.steady.statistics.as_dict()
    names = [name for name in baseline.acceptance.derived if name in known]
    shown = [f"{name} {known[name]['mean']:.4g} (std {known[name]['std']:.2g})" for name in names[:_SHOWN_FEATURES]]
    if shown:
        more = f" and {len(names) - len(shown)} more" if len(names) > len(shown) else ""
        yield f"derived features: {', '.join(shown)}{more}"


_SHOWN_ASSETS = 20
_SHOWN_FEATURES = 8


def _condition(asset_type: str) -> tuple[AssetType, BaselineStore, Settings]:
    from smart_sentry.assets import load_asset_type
    from smart_sentry.baseline_store import BaselineStore
    from smart_sentry.config import load_settings

    settings = load_settings()
    kind = load_asset_type(settings.configs_folder / "assets" / f"{asset_type}.yaml")
    return kind, BaselineStore(settings.models_folder / asset_type / "baselines"), settings


def _log_calibration(asset_type: str, data: Path, seed: int, done: list[Calibrated], settings: Settings) -> None:
    """What was calibrated stands whether MLflow takes it or not."""
    from smart_sentry.errors import TrackingFailed
    from smart_sentry.files import sha256_of
    from smart_sentry.tracking.calibration_runs import log_calibration
    from smart_sentry.tracking.records import CalibrationOutcome, CalibrationRecord

    outcomes = [
        CalibrationOutcome(one.asset_id, one.version, one.baseline.acceptance if one.baseline else None, one.refusal)
        for one in done
    ]
    record = CalibrationRecord(asset_type, data.name, sha256_of(data), seed, outcomes)
    try:
        log_calibration(record, settings.mlruns_folder, settings.mlflow_tracking_uri)
    except TrackingFailed as problem:
        typer.echo(str(problem), err=True)


def _now() -> str:
    from datetime import UTC, datetime

    return datetime.now(UTC).isoformat(timespec="seconds")


def _print_results(context: StageContext, demand_truth: bool = False) -> None:
    from rich.console import Console
    from rich.table import Table

    from smart_sentry.datasets.interim import load_interim
    from smart_sentry.results import results_table

    rows = results_table(context.processed)
    if not rows and demand_truth:
        load_interim(context.interim).test_truth()
        again = f"smart-sentry stage evaluate --dataset {context.dataset}"
        typer.echo(f"smart-sentry: the truth of {context.dataset} came after its evaluation: run `{again}`.", err=True)
        raise typer.Exit(1)
    table = Table(
        "figure", "champion", "the seed's method", title=f"{context.dataset}: test set, 95 % confidence intervals"
    )
    for row in rows:
        table.add_row(row.figure, row.champion, row.seed_method)
    if rows:
        Console(width=110).print(table)


def _print_all() -> None:
    from rich.console import Console
    from rich.table import Table

    from smart_sentry.results import SUMMARY_COLUMNS, summary_rows
    from smart_sentry.stages.chain import run_missing

    table = Table("figure", title="Test sets, 95 % confidence intervals by engine; everything chosen on train alone")
    columns, unscored = [], []
    for context in (_context(name) for name in SCORED_SETS):
        run_missing(context, typer.echo)
        row, reason = summary_rows(context.processed, context.dataset)
        table.add_column(row.dataset)
        columns.append(row.cells)
        unscored += [reason] if reason else []
    for figure, *cells in zip(SUMMARY_COLUMNS, *columns, strict=True):
        table.add_row(figure, *cells)
    Console(width=140).print(table)
    for sentence in unscored:
        typer.echo(f"smart-sentry: {sentence}", err=True)
    if unscored:
        raise typer.Exit(1)
