"""One run of NASA's test engines through Kafka and a worker, and what the database and the live feed then hold of it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from smart_sentry.assets import ASSET_COLUMN, CYCLE_COLUMN
from smart_sentry.config import Settings
from smart_sentry.datasets.catalog import source_for
from smart_sentry.datasets.run_to_failure import RunToFailure
from smart_sentry.environment import library_environment
from smart_sentry.errors import ServerNotReady
from smart_sentry.feed.open import open_feed
from smart_sentry.prognosis.row_metrics import Confusion, confusion
from smart_sentry.prognosis.scored_fleet import ScoredFleet
from smart_sentry.servers import RunningServer, Server, free_port, running
from smart_sentry.services.service import Service
from smart_sentry.stores.store import Store
from smart_sentry.stream.broker import bootstrap_of, ensure_topics
from smart_sentry.stream.messages import Form, dead_letters_of
from smart_sentry.stream.producer import Producer
from smart_sentry.stream.replay import Replayed, send_replay
from smart_sentry.stream.sources import Clock, Replay, of_dataset

STALL_S = 60.0
"""A worker that stores nothing for so long is given up."""
_POLL_S = 0.25
_NOT_OPEN = "NORMAL"
Announce = Callable[[str], object]


@dataclass(frozen=True)
class Found:
    """What the database and the live feed hold of a run.

    Attributes:
        readings, flagged: rows.
        regimes: predictions by operating regime.
        risks: assessments by risk.
        open_alarms: by priority.
        on_feed: assets of the run that the live feed knows.
        predictions: one row a predicted reading: asset_id (number), cycle, failure_probability.
    """

    readings: int
    flagged: int
    regimes: Counter[str]
    risks: Counter[str]
    open_alarms: Counter[str]
    on_feed: int
    predictions: pd.DataFrame


class StreamRun:
    """One run: its engines by names that no other run has, its topic, and the settings that lead there.

    Args:
        settings: where things are.
        services: Kafka, PostgreSQL and Redis, which run.
        dataset: whose test set is replayed, and whose champion judges it.
        began: names the run, to the second.

    Attributes:
        fleet: the data set; its test assets are called as in this run.
        names: asset as in this run -> its number in the data set.
        topic: of the readings.
        log: of the worker.

    Raises:
        DataUnavailable: the data set is not to be had.
    """

    def __init__(self, settings: Settings, services: Sequence[Service], dataset: str, began: datetime) -> None:
        name = f"{began:%Y%m%dT%H%M%S}"
        source = source_for(dataset, settings, settings.configs_folder / "assets")
        source.fetch(settings.raw_folder)
        fleet = source.load(settings.raw_folder)
        numbers = fleet.test[ASSET_COLUMN].unique().tolist()
        self.names: dict[str, int] = {f"{dataset}-{name}-{number}": number for number in numbers}
        self.fleet: RunToFailure = replace(fleet, asset_names=pd.Series(list(self.names), index=numbers))
        self.topic = f"demo-stream-{name}"
        self.log = settings.home.resolve() / ".home" / "logs" / "demo_stream_worker.log"
        self._variables: dict[str, str] = {}
        for service in services:
            self._variables |= service.variables()
        found = {key.removeprefix("SMART_SENTRY_").lower(): value for key, value in self._variables.items()}
        self.settings = settings.model_copy(update={**found, "kafka_topic": self.topic, "served": dataset})
        self._began = began

    def stream(self, announce: Announce) -> tuple[Replayed, float]:
        """Replays flat out into a worker of this run's own, and waits until the database has all.

        Returns:
            What was sent, and the seconds from the first reading sent to the last one stored.

        Raises:
            NotDelivered: Kafka did not acknowledge all. ServerNotReady: the worker ended, or nothing moves.
        """
        bootstrap = bootstrap_of(self.settings)
        ensure_topics(bootstrap, {self.topic: 1, dead_letters_of(self.topic): 1})
        replay, producer = self._replay(), Producer(bootstrap)
        columns = (TextColumn("  {task.description}"), BarColumn(), MofNCompleteColumn())
        with (
            running(self._worker(), self.log) as worker,
            Store(self.settings.database_url) as store,
            Progress(*columns, transient=True, console=Console(stderr=True)) as progress,
        ):
            announce(f"  a worker (python -m serving.worker), process {worker.process.pid}; log {self.log}")
            sent, stored = (progress.add_task(name, total=replay.rows) for name in ("sent", "stored"))
            began = time.monotonic()
            try:
                done = send_replay(
                    replay, producer, self.topic, Form.JSON, 0.0, lambda n: progress.update(sent, completed=n)
                )
            finally:
                producer.close()
            self._wait(store, worker, replay.rows, lambda n: progress.update(stored, completed=n))
            return done, time.monotonic() - began

    def look(self, patience_s: float) -> Found:
        """What the database and the live feed hold of this run.

        Args:
            patience_s: for the feed, which follows the database by a moment.

        Raises:
            StoreUnavailable, FeedUnavailable: it does not answer.
        """
        flagged, regimes, risks, rows = 0, Counter[str](), Counter[str](), []
        with Store(self.settings.database_url) as store, store.view() as view:
            for name, number in self.names.items():
                assessed = view.assessments.history(name)
                flagged += sum(one.flag for one in assessed)
                risks.update(one.risk for one in assessed)
                predicted = view.predictions.history(name)
                regimes.update(str(one.regime) for one in predicted)
                rows += [(number, int(one.reading_id.rpartition(":")[2]), one.failure_probability) for one in predicted]
            readings = sum(view.readings.count(name) for name in self.names)
            standing = [alarm for alarm in view.alarms.current() if alarm.state != _NOT_OPEN]
        open_alarms = Counter(alarm.priority for alarm in standing if alarm.asset_id in self.names)
        table = pd.DataFrame(rows, columns=[ASSET_COLUMN, CYCLE_COLUMN, "failure_probability"])
        return Found(readings, flagged, regimes, risks, open_alarms, self._on_feed(patience_s), table)

    def _on_feed(self, patience_s: float) -> int:
        deadline = time.monotonic() + patience_s
        with open_feed(self.settings) as feed:
            while True:
                found = len(self.names.keys() & feed.latest().assets.keys())
                if found == len(self.names) or time.monotonic() > deadline:
                    return found
                time.sleep(_POLL_S)

    def _replay(self) -> Replay:
        """The newest reading is as old as this run: none is from the future, whatever day it is."""
        interval = self.fleet.asset_type.sampling_seconds
        first = self._began - timedelta(seconds=interval * int(self.fleet.test[CYCLE_COLUMN].max()))
        return of_dataset(self.fleet, "test", Clock(first, interval))

    def _worker(self) -> Server:
        home, port = self.settings.home.resolve(), free_port(self.settings.host)
        variables = library_environment(self.settings.home) | self._variables
        variables |= {
            "SMART_SENTRY_HOME": str(home), "SMART_SENTRY_KAFKA_TOPIC": self.topic,
            "SMART_SENTRY_SERVED": str(self.settings.served), "SMART_SENTRY_METRICS_PORT": str(port),
            "PYTHONPATH": os.pathsep.join(filter(None, [str(home), os.environ.get("PYTHONPATH")])),
        }  # fmt: skip
        command = [sys.executable, "-m", "serving.worker"]
        return Server("the stream worker", command, self.settings.host, port, "/metrics", variables, home)

    def _wait(self, store: Store, worker: RunningServer, rows: int, progress: Callable[[int], object]) -> None:
        def stored() -> int:
            with store.view() as view:
                return sum(view.readings.count(name) for name in self.names)

        wait_until_stored(stored, rows, worker.process, worker.address, self.log, progress)


def wait_until_stored(
    stored: Callable[[], int], rows: int, worker: subprocess.Popen[bytes], address: str, log: Path,
    progress: Callable[[int], object] = lambda _: None, stall_s: float = STALL_S,
) -> None:  # fmt: skip
    """Waits until so many rows are stored.

    Args:
        stored: how many are, now.
        rows: how many are to be.
        worker: the process that stores them. address, log: of it, for the error.
        progress: told whenever there are more.
        stall_s: longest time in which none is added.

    Raises:
        ServerNotReady: the worker ended, or nothing moves.
    """
    known, moved = -1, time.monotonic()
    while known < rows:
        code = worker.poll()
        if (found := stored()) > known:
            known, moved = found, time.monotonic()
            progress(found)
        elif code is not None:
            problem = f"it ended with exit code {code} after {known} of {rows} readings"
            raise ServerNotReady("the stream worker", address, problem, log)
        elif time.monotonic() - moved > stall_s:
            problem = f"{known} of {rows} readings are stored, and none was added within {stall_s:g} s"
            raise ServerNotReady("the stream worker", address, problem, log)
        else:
            time.sleep(_POLL_S)


def row_figures(predictions: pd.DataFrame, fleet: RunToFailure, threshold: float) -> Confusion:
    """Rows above the threshold against the truth of the test set.

    Args:
        predictions: asset_id, cycle and failure_probability, in any order.
        fleet: with the truth.
        threshold: probability from which on a row speaks for an alarm.

    Raises:
        TruthMissing: nobody knows it. InvalidPredictions: a row stands twice.
    """
    truth = fleet.test[[ASSET_COLUMN, CYCLE_COLUMN]].assign(rul_cycles=fleet.test_truth())
    predicted = predictions[[ASSET_COLUMN, CYCLE_COLUMN, "failure_probability"]]
    rows = truth.merge(predicted, on=[ASSET_COLUMN, CYCLE_COLUMN], how="inner")
    scored = ScoredFleet.of(rows[ASSET_COLUMN], rows[CYCLE_COLUMN], rows["rul_cycles"], rows["failure_probability"])
    return confusion(scored.probability >= threshold, scored.positive(fleet.asset_type.failure.horizon_cycles))
