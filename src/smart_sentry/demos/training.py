"""The main job from end to end, as `make demo` shows it: data, training flow, served prediction, results, where to look next."""

from __future__ import annotations

import json
import os
import sys
import time
import urllib.request
from collections.abc import Callable

from rich.console import Console
from rich.table import Table

from smart_sentry.assets import ASSET_COLUMN, CYCLE_COLUMN
from smart_sentry.config import Settings
from smart_sentry.contracts.prediction import AssetReadings, PredictionRequest, PredictionResponse
from smart_sentry.datasets.catalog import source_for
from smart_sentry.datasets.interim import load_interim
from smart_sentry.datasets.motor_fleet import NAME as MOTOR_FLEET
from smart_sentry.datasets.run_to_failure import RunToFailure
from smart_sentry.environment import library_environment
from smart_sentry.errors import DataUnavailable
from smart_sentry.results import results_table
from smart_sentry.servers import Server, free_port, running

DATASET = "FD001"
Announce = Callable[[str], object]


def run_demo(settings: Settings, train: Callable[[str], object], announce: Announce = print) -> None:
    """Runs everything once.

    Args:
        settings: where things are.
        train: runs the training flow for a data set.
        announce: shows one line to the person.

    Raises:
        SmartSentryError: a step failed; it names what to do.
    """
    began = time.monotonic()
    announce("1 of 4: the data")
    dataset = bring_data(settings, announce)
    announce(
        f"2 of 4: the Prefect flow `train` on {dataset}: validate, features, tune, train, evaluate, export, package"
    )
    train(dataset)
    announce("3 of 4: the packaged champion answers over HTTP")
    ask_the_service(settings, dataset, announce)
    announce(f"4 of 4: the results, {time.monotonic() - began:.0f} s after the start")
    show_results(settings, dataset)
    show_next_steps(settings, dataset, announce)


def bring_data(settings: Settings, announce: Announce) -> str:
    """Fetches C-MAPSS FD001; says so plainly where it is not to be had, and takes the simulated motor fleet.

    Returns:
        the data set that is there.
    """
    source = source_for(DATASET, settings, settings.configs_folder / "assets")
    try:
        report = source.fetch(settings.raw_folder)
    except DataUnavailable as error:
        announce(f"C-MAPSS is not to be had here, so this is NOT the turbofan benchmark. {error}")
        announce(
            f"The demo goes on with {MOTOR_FLEET}: electric motors run to failure by simulation, with known truth."
        )
        return MOTOR_FLEET
    announce(f"{DATASET}: {len(report.files)} files, {report.size_bytes / 1e6:.1f} MB, checked, from {report.origin}")
    return DATASET


def bento_server(settings: Settings, dataset: str) -> Server:
    """The Bento that the stage `package` built; on another port where the service's own is taken."""
    package = settings.processed_folder / dataset / "package.json"
    bento: str = json.loads(package.read_text(encoding="utf-8"))["bento"]
    port = free_port(settings.host, settings.port)
    command = [sys.executable, "-m", "bentoml", "serve", bento, "--host", settings.host, "--port", str(port)]
    defaults = library_environment(settings.home)
    variables = {name: os.environ.get(name, value) for name, value in defaults.items()}
    variables["SMART_SENTRY_API_KEYS"] = ""  # it is asked without a key
    return Server("the prediction service", command, settings.host, port, "/ready", variables)


def ask_the_service(settings: Settings, dataset: str, announce: Announce) -> None:
    """Starts the Bento, asks it about one asset of the test set, tells the answer beside the truth, and stops it."""
    data = load_interim(settings.home / "data" / "interim" / dataset)
    asset, truth = _nearest_to_failure(data)
    request = _request_about(data, asset)
    with running(bento_server(settings, dataset), settings.home.resolve() / ".home" / "logs" / "service.log") as server:
        announce(
            f"POST {server.address}/predict with the {len(request.assets[0].cycles or ())} readings of asset {asset}"
        )
        (found,) = _post(f"{server.address}/predict", request).assessments
    alarm = "ALARM" if found.alarm else "no alarm"
    horizon = data.asset_type.failure.horizon_cycles
    announce(f"  {alarm}: it fails within {horizon} cycles with probability {found.failure_probability:.3f}")
    interval = f"{found.rul_lower_cycles:.0f} to {found.rul_upper_cycles:.0f}"
    known = "unknown" if truth is None else str(truth)
    announce(f"  remaining life: {found.rul_cycles:.0f} cycles ({interval}); in truth {known}")
    causes = ", ".join(f"{part.signal} ({part.contribution:+.2f})" for part in found.top_contributions)
    announce(f"  moved most by {causes}; model {found.model_version}")


def _nearest_to_failure(data: RunToFailure) -> tuple[int, int | None]:
    final = data.test_final_rul_cycles
    if final is None:
        return int(data.test[ASSET_COLUMN].iloc[0]), None
    asset = final.idxmin()
    return int(asset), int(final[asset])


def _request_about(data: RunToFailure, asset: int) -> PredictionRequest:
    rows = data.test[data.test[ASSET_COLUMN] == asset]
    signals = {name: rows[name].astype(float).tolist() for name in data.asset_type.signal_names}
    readings = AssetReadings(asset_id=str(asset), cycles=rows[CYCLE_COLUMN].tolist(), signals=signals)
    return PredictionRequest(assets=[readings])


def _post(url: str, request: PredictionRequest) -> PredictionResponse:
    body = request.model_dump_json(exclude_none=True).encode()
    question = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(question, timeout=30) as answer:
        return PredictionResponse.model_validate_json(answer.read())


def show_results(settings: Settings, dataset: str) -> None:
    """Prints the champion's figures on the test set beside those of the seed's own method."""
    rows = results_table(settings.processed_folder / dataset)
    table = Table("figure", "champion", "the seed's method", title=f"{dataset}: test set, 95 % confidence intervals")
    for row in rows:
        table.add_row(row.figure, row.champion, row.seed_method)
    Console(width=110).print(table)


def show_next_steps(settings: Settings, dataset: str, announce: Announce) -> None:
    """Where to look next."""
    announce("Where to look next:")
    announce("  make ui                      the runs, plots and model card in MLflow, the flow in Prefect")
    announce("  make serve                   the service; its contracts stand at /docs")
    announce("  .venv/bin/dvc metrics show   the figures; `dvc repro` reruns what you change in params.yaml")
    announce(f"  {settings.reports_folder / dataset}  what Great Expectations checked")
    announce("  README.md, docs/             how it works, and why")
