"""A simulated machine's readings through time: at its pace or faster, to a sink, with a line for each and a closing count."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from smart_sentry.assets import AssetType
from smart_sentry.datasets.simulated_motors import Scenario, machine_for, readings_table
from smart_sentry.errors import ConfigurationError
from smart_sentry.simulation.events import Events, ReadingLine, event_ids, timestamps
from smart_sentry.simulation.sinks import ConsoleSink, FileSink, Sink

RULE = "=" * 60
HEALTHY_MACHINE = Scenario()
_LEAST_INTERVAL_S = 0.001
_DRAWN = 1000


@dataclass(frozen=True)
class Run:
    """What is simulated.

    Attributes:
        asset_id: whose readings they are.
        duration_s: time that they span; there are duration / interval of them.
        interval_s: between two readings.
        scenario: what is the matter with the machine.
        speed: 1 is the machine's pace, 10 ten times as fast, 0 as fast as they are taken.
        batch: readings that are sent together.
        seed: the same seed gives the same readings.
        start: time of the first reading; None: such that the last one is not in the future.

    Raises:
        ConfigurationError: a figure is out of range, or `start` names no time zone.
    """

    asset_id: str
    duration_s: float = 300.0
    interval_s: float = 1.0
    scenario: Scenario = HEALTHY_MACHINE
    speed: float = 1.0
    batch: int = 1
    seed: int = 20
    start: datetime | None = None

    def __post_init__(self) -> None:
        for name, given, least in (
            ("interval", self.interval_s, _LEAST_INTERVAL_S), ("duration", self.duration_s, self.interval_s),
            ("speed", self.speed, 0.0), ("batch", self.batch, 1),
        ):  # fmt: skip
            if not least <= given < np.inf:
                raise ConfigurationError(name, f"{given:g} is not {least:g} or more", "Give another one.")
        if not self.asset_id.strip():
            raise ConfigurationError("asset_id", "it is empty", "Name the asset.")
        if self.start is not None and self.start.tzinfo is None:
            raise ConfigurationError("start", f"{self.start.isoformat()} names no time zone", "Add Z for UTC.")

    @property
    def rows(self) -> int:
        """How many readings there are."""
        return round(self.duration_s / self.interval_s)

    def first_at(self, now: datetime) -> datetime:
        """Time of the first reading."""
        if self.start is not None:
            return self.start
        ahead = 1.0 if self.speed == 0 else max(1.0 - 1.0 / self.speed, 0.0)
        return now - timedelta(seconds=self.duration_s * ahead)


def parse_start(text: str | None) -> datetime | None:
    """A time in ISO 8601; without a zone it is UTC.

    Raises:
        ConfigurationError: it is not a time.
    """
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ConfigurationError(
            "start", f"{text!r} is not a time", "Give one such as 2026-01-31T08:00:00Z."
        ) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def sink_for(
    to: str | None, out: Path | None, batch: int, echo: Callable[[str], None], key: str | None = None,
    asset_type: AssetType | None = None, start: datetime | None = None, partitions: int = 1,
) -> Sink:  # fmt: skip
    """The sink that was asked for: a service (with an API key, if it wants one), a topic of Kafka, a file, or none: the console.

    Args:
        to: http://HOST:PORT of a service, or kafka://HOST:PORT/TOPIC.
        out: file.
        batch: readings that are sent together.
        echo: writes a line on the console.
        key: API key of the service.
        asset_type: for Kafka.
        start: for Kafka: a run that names it has the same epoch each time; another one begins its epoch now.
        partitions: for Kafka: of a topic that is made.

    Raises:
        ConfigurationError: both `to` and `out` are named, or one cannot be used.
        KafkaUnavailable: Kafka does not answer.
    """
    if to is not None and out is not None:
        raise ConfigurationError("sink", "a service and a file are named", "Name one of both.")
    if to is not None and asset_type is not None and to.startswith("kafka://"):
        from smart_sentry.simulation.kafka_sink import KafkaSink

        epoch = round((start or datetime.now(UTC)).timestamp() * 1e6)
        return KafkaSink(to, asset_type, epoch, partitions)
    if to is not None:
        from smart_sentry.simulation.http_sink import HttpSink

        return HttpSink(to, batched=batch > 1, key=key)
    return ConsoleSink(echo) if out is None else FileSink(out)


@dataclass(frozen=True)
class Outcome:
    """How many readings arrived, and how many did not."""

    sent: int
    failed: int


class Simulator:
    """Runs a machine.

    Args:
        asset_type: names the signals, their units and symbols.
        run: what is simulated.
        sink: where it goes; `simulate` closes it.
        echo: writes a line for people.
        each: whether every delivery gets its line.
        now, clock, sleep: the time of day, seconds that only go forward, and a wait in seconds.

    Raises:
        ConfigurationError: no simulated machine has the type's signals, or the scenario does not fit it.
    """

    def __init__(
        self, asset_type: AssetType, run: Run, sink: Sink, echo: Callable[[str], None], *, each: bool = True,
        now: Callable[[], datetime] = lambda: datetime.now(UTC), clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:  # fmt: skip
        self._asset_type, self._run, self._sink, self._echo, self._each = asset_type, run, sink, echo, each
        self._now, self._clock, self._sleep = now, clock, sleep
        self._machine = machine_for(asset_type, run.scenario, run.interval_s, run.seed)
        self._line = ReadingLine(asset_type.signals)

    def simulate(self) -> Outcome:
        """Sends all readings; what was sent is closed and counted even where somebody interrupts it."""
        run, sent, failed = self._run, 0, 0
        self._echo(self._banner())
        begin, first_at = self._clock(), run.first_at(self._now())
        try:
            for events in self._batches(first_at):
                rows = len(events)
                if run.speed > 0:  # a batch leaves when its last reading has been taken
                    self._wait_until(begin + (sent + failed + rows - 1) * run.interval_s / run.speed)
                problem = self._sink.send(events)
                sent, failed = (sent, failed + rows) if problem else (sent + rows, failed)
                self._tell(events, problem)
        finally:
            self._sink.close()
            self._echo(f"\n{RULE}\n[COMPLETE] Sent {sent} events, {failed} failed\n{RULE}")
        return Outcome(sent, failed)

    def _batches(self, first_at: datetime) -> Iterator[Events]:
        """Drawn by the thousand, so that neither the readings nor their cost depend on how they are sent."""
        run, names, left = self._run, self._asset_type.signal_names, Events.none()
        for first in range(0, run.rows, _DRAWN):
            rows = min(_DRAWN, run.rows - first)
            at = timestamps(first_at, first, rows, run.interval_s)
            table = readings_table(self._machine, self._machine.take(rows), run.asset_id, at, names)
            drawn = left.followed_by(Events(event_ids(at, f"{run.asset_id} {run.seed} {run.scenario}"), table, names))
            whole = len(drawn) if first + rows == run.rows else len(drawn) - len(drawn) % run.batch
            for begin in range(0, whole, run.batch):
                yield drawn.part(begin, min(begin + run.batch, whole))
            left = drawn.part(whole, len(drawn))

    def _wait_until(self, moment: float) -> None:
        if (left := moment - self._clock()) > 0:
            self._sleep(left)

    def _tell(self, events: Events, problem: str | None) -> None:
        if problem:
            self._echo(f"[FAILED] {_named(events)} | {problem}")
        elif self._each:
            values = events.table[list(events.signal_names)].iloc[-1].tolist()
            self._echo(f"[OK] Sent {_named(events)} | {self._line.of(values)}")

    def _banner(self) -> str:
        run, scenario = self._run, self._run.scenario
        lines = (
            RULE,
            "PREDICTIVE MAINTENANCE - DATA GENERATOR",
            RULE,
            f"Asset ID:   {run.asset_id}",
            f"Duration:   {run.duration_s:g} seconds",
            f"Interval:   {run.interval_s} seconds",
            f"Mode:       {_mode(scenario)}",
            f"Endpoint:   {self._sink.destination}",
            RULE,
            "",
        )
        return "\n".join(lines)


def _named(events: Events) -> str:
    last = f"event {events.event_ids[-1][:8]}..."
    return last if len(events) == 1 else f"{len(events)} events to {last}"


def _mode(scenario: Scenario) -> str:
    if scenario.fault:
        mode = f"FAULTY ({scenario.fault}, {scenario.severity})"
    else:
        mode = "HEALTHY (changing load)" if scenario.load_changes else "HEALTHY (normal operation)"
    return mode if scenario.sensor_fault is None else f"{mode}, sensor {scenario.sensor} {scenario.sensor_fault}"
