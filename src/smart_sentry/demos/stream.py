"""The streaming path from end to end, as `make demo-stream` shows it: Kafka, a worker, PostgreSQL, Redis, and the figures."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from smart_sentry.champion import load_champion
from smart_sentry.config import Settings
from smart_sentry.demos.stream_run import Found, StreamRun, row_figures
from smart_sentry.errors import ModelUnavailable
from smart_sentry.prognosis.evaluation_report import DIGITS, EvaluationReport
from smart_sentry.prognosis.row_metrics import Confusion
from smart_sentry.results import CHAMPION, EVALUATION_FILE
from smart_sentry.services.catalog import services_of
from smart_sentry.services.control import start, status, stop
from smart_sentry.services.service import Service
from smart_sentry.stream.replay import Replayed

DATASET = "FD001"
_FEED_PATIENCE_S = 10.0
Announce = Callable[[str], object]


def run_stream_demo(
    settings: Settings, train: Callable[[str], object], announce: Announce = print, dataset: str = DATASET
) -> bool:
    """Runs everything once, on assets and a topic of this run's own: nothing of an earlier run is counted or touched.

    Args:
        settings: where things are; the servers are those of `smart-sentry services`.
        train: runs the training flow for a data set, if none of it is packaged.
        announce: shows one line to the person.
        dataset: whose champion judges its own test set.

    Returns:
        Whether the figures out of the database are those of the champion's evaluation.

    Raises:
        SmartSentryError: a step failed; it names what to do.
    """
    began = time.monotonic()
    announce(f"1 of 4: the champion of {dataset}")
    threshold, batch = _champion(settings, train, announce, dataset)
    announce("2 of 4: Kafka, PostgreSQL and Redis")
    services = services_of(settings)
    with _services(services, settings.services_folder, announce):
        run = StreamRun(settings, services, dataset, datetime.now(UTC))
        announce(f"3 of 4: the {len(run.names)} engines of the test set through topic {run.topic}")
        done, seconds = run.stream(announce)
        found = run.look(_FEED_PATIENCE_S)
    announce(f"4 of 4: what the database and the live feed hold, {time.monotonic() - began:.0f} s after the start")
    equal = _show(found, done, seconds, row_figures(found.predictions, run.fleet, threshold), batch, announce)
    _tell_what_is_left(settings, run, announce)
    return equal


def _champion(
    settings: Settings, train: Callable[[str], object], announce: Announce, dataset: str
) -> tuple[float, EvaluationReport]:
    """Threshold and evaluation of the packaged champion; trained first where there is none."""
    try:
        bundle = load_champion(settings.home, dataset)
    except ModelUnavailable as missing:
        announce(f"  {missing} The Prefect flow `train` runs now, as in `make demo`.")
        train(dataset)
        bundle = load_champion(settings.home, dataset)
    announce(f"  {bundle.version}: {bundle.manifest.candidate}, threshold {bundle.manifest.threshold:.4f}")
    path = settings.processed_folder / dataset / EVALUATION_FILE
    content = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    if CHAMPION not in content:
        raise ModelUnavailable(path, f"Evaluate it: smart-sentry stage evaluate --dataset {dataset}.")
    return bundle.manifest.threshold, EvaluationReport.model_validate(content[CHAMPION])


@contextmanager
def _services(services: Sequence[Service], folder: Path, announce: Announce) -> Iterator[None]:
    """All run within the block; those that did not run before it are stopped after it."""

    def tell(line: str) -> None:
        announce(f"  {line}")

    asleep = [service for service in services if status(service).pid is None]
    try:
        start(services, folder, tell)
        yield
    finally:
        if asleep:
            stop(asleep, folder, tell)


def _show(
    found: Found, done: Replayed, seconds: float, figures: Confusion, batch: EvaluationReport,
    announce: Announce,
) -> bool:  # fmt: skip
    announce(f"  sent: {done.sentence()}")
    rate = found.readings / max(seconds, 1e-9)
    announce(
        f"  stored: {found.readings:,} readings in {seconds:.2f} s: {rate:,.0f} readings/s, from sending to the last commit"
    )
    announce(
        f"  predictions by operating regime: {_counts(found.regimes)}; assessments by risk: {_counts(found.risks)};"
        f" flagged: {found.flagged:,}"
    )
    announce(f"  open alarms: {_counts(found.open_alarms) or 'none'}; engines on the live feed: {found.on_feed}")
    left, right = _figures(figures), _figures(batch.row.confusion)
    table = Table("figure", "out of the database", "batch evaluation", title="rows of the test set, at the threshold")
    for name, value in left.items():
        table.add_row(name, f"{value:.{DIGITS}g}", f"{right[name]:.{DIGITS}g}")
    Console(width=100).print(table)
    equal = left == right
    announce("  equal" if equal else "  NOT equal: the stream does not say what the batch evaluation said")
    return equal


def _figures(counts: object) -> dict[str, float]:
    names = ("true_positives", "false_positives", "false_negatives", "true_negatives")
    its = Confusion(*(float(getattr(counts, name)) for name in names))
    return {
        "rows": sum(vars(its).values()), "precision": its.precision, "recall": its.recall, "F1": its.f1,
        **{name.replace("_", " "): value for name, value in vars(its).items()},
    }  # fmt: skip


def _counts(counted: Counter[str]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counted.most_common())


def _tell_what_is_left(settings: Settings, run: StreamRun, announce: Announce) -> None:
    announce("The worker is stopped, and so is every service that this demo started. What is left:")
    announce(f"  in PostgreSQL the engines {next(iter(run.names))}, ...; in Kafka the topic {run.topic}")
    announce("Where to look next:")
    announce(f"  make services; source {settings.services_folder}/environment; smart-sentry live --once")
    announce("  smart-sentry stream throughput   what workers did; make services-stop ends the services")
    announce("  docs/streaming.md                how it works")
