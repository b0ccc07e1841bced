"""What the routes of a plant need: the plant and its calibrations, once they are there."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from smart_sentry.api.gathering import Gatherer
from smart_sentry.api.ingest import KafkaIngest
from smart_sentry.contracts.monitoring import ReadingsPublished, ReadingsTaken, ReadingWindow, SensorReading
from smart_sentry.plant.alarm_clock import AlarmClock
from smart_sentry.plant.baseline_settling import settle_baselines
from smart_sentry.plant.calibrations import Calibrations, Track
from smart_sentry.plant.incoming import Incoming, IncomingWindow, ids_of_window, times_of_window
from smart_sentry.plant.plant import Plant, Taken
from smart_sentry.plant.purge import settle_purges
from smart_sentry.plant.recalibration_rules import USUAL, RecalibrationRules
from smart_sentry.plant.recalibration_watch import RecalibrationWatch
from smart_sentry.plant.recalibrations import Recalibrations
from smart_sentry.plant.retention import Retention

_SOURCE = "http"
_AT_ONCE = 4
"""Readings that are judged and stored on the event loop: in less time than it takes to hand them to a thread and back."""


class Desk:
    """Takes what requests bring to the plant.

    Args:
        open_plant: opens the plant when the service starts.
        archive_folder: where purged data go.
        retention_days: how long measurements are kept; None: for ever.
        track: told of every accepted calibration; None: nobody is.
        open_ingest: takes readings for workers; None: the plant itself judges and stores them.
        rules: how recalibrations are decided.
    """

    def __init__(
        self, open_plant: Callable[[], Plant], archive_folder: Path, retention_days: float | None = None,
        track: Track | None = None, open_ingest: Callable[[Plant], KafkaIngest] | None = None,
        rules: RecalibrationRules = USUAL,
    ) -> None:  # fmt: skip
        self._open_plant, self._retention_days, self._track = open_plant, retention_days, track
        self._open_ingest, self._rules = open_ingest, rules
        self.ingest: KafkaIngest | None = None
        self.archive_folder = archive_folder
        self.gather: Gatherer[Incoming, ReadingsTaken] = Gatherer(
            self._take_each, inline=_AT_ONCE, at_once=self._take_each_at_once, thread="readings"
        )
        self.plant: Plant
        self.calibrations: Calibrations
        self.recalibrations: Recalibrations
        self._watch: RecalibrationWatch
        self._alarm_clock: AlarmClock
        self._retention: Retention | None = None

    def start(self) -> None:
        """Opens the plant and settles what a stop cut off."""
        self.plant = self._open_plant()
        settle_purges(self.plant)
        settle_baselines(self.plant)
        if self._open_ingest is not None:
            self.ingest = self._open_ingest(self.plant)
        self.calibrations = Calibrations(self.plant, self._track)
        self.recalibrations = Recalibrations(self.plant, self._rules)
        self._watch = RecalibrationWatch(self.plant, self.recalibrations)
        self._watch.start()
        self._alarm_clock = AlarmClock(self.plant)
        self._alarm_clock.start()
        if self._retention_days is not None:
            self._retention = Retention(self.plant, self._retention_days)
            self._retention.start()

    def close(self) -> None:
        """Stores the state of the monitors and lets go of the database."""
        self.gather.close()
        if self.ingest is not None:
            self.ingest.close()
        self.calibrations.close()
        self._watch.close()
        self._alarm_clock.close()
        if self._retention is not None:
            self._retention.close()
        with self.plant.lock, self.plant.store.transaction() as batch:
            self.plant.save(batch)
        if self.plant.publisher is not None:
            self.plant.publisher.close()
        self.plant.store.close()

    async def take_one(self, reading: SensorReading) -> ReadingsTaken | ReadingsPublished:
        """Takes one reading, from the event loop."""
        incoming = _incoming(reading, self.plant.clock())
        return await (self.gather(incoming) if self.ingest is None else self.ingest.take_one(incoming))

    def take(self, readings: Sequence[SensorReading]) -> ReadingsTaken | ReadingsPublished:
        """Takes readings of one request, all or none."""
        now = self.plant.clock()
        incoming = [_incoming(reading, now) for reading in readings]
        if self.ingest is not None:
            return self.ingest.take(incoming)
        return _told([one.reading_id for one in incoming], self.plant.take(incoming, _SOURCE))

    def take_windows(self, windows: Sequence[ReadingWindow]) -> ReadingsTaken | ReadingsPublished:
        """Takes windows of one request, all or none."""
        incoming = [_window(window) for window in windows]
        if self.ingest is not None:
            return self.ingest.take_windows(incoming)
        return _told([name for one in incoming for name in one.reading_ids], self.plant.take_windows(incoming, _SOURCE))

    def purged(self, asset_id: str | None) -> None:
        """An asset, or everybody, is not known any more."""
        self.calibrations.forget(asset_id)
        if self.ingest is not None:
            self.ingest.forget(asset_id)

    def _take_each(self, readings: Sequence[Incoming]) -> list[ReadingsTaken]:
        return _told_each(readings, self.plant.take(readings, _SOURCE))

    def _take_each_at_once(self, readings: Sequence[Incoming]) -> list[ReadingsTaken] | None:
        taken = self.plant.take_at_once(readings, _SOURCE)
        return None if taken is None else _told_each(readings, taken)


def status_of(taken: ReadingsTaken | ReadingsPublished) -> int:
    """The status code that tells what became of readings: judged and stored, or in Kafka."""
    return 202 if isinstance(taken, ReadingsPublished) else 200


def _incoming(reading: SensorReading, now: float) -> Incoming:
    """A reading as it enters: its id is drawn once, so that the reading counts once however often storing is tried."""
    return Incoming(
        reading.asset_id, reading.event_id or _new_id(),
        now if reading.timestamp is None else reading.timestamp.timestamp(),
        reading.__pydantic_extra__ or {}, reading.asset_type,
    )  # fmt: skip


def _new_id() -> str:
    """128 random bits: what a version 4 UUID is for, at a fifth of its cost."""
    return os.urandom(16).hex()


def _window(window: ReadingWindow) -> IncomingWindow:
    times = times_of_window(window.start, window.interval_seconds, window.count)
    return IncomingWindow(
        window.asset_id, window.interval_seconds, ids_of_window(window.event_id, times), times / 1e6, window.columns,
        window.asset_type,
    )  # fmt: skip


def _told(names: list[str], taken: Taken) -> ReadingsTaken:
    accepted = int(np.count_nonzero(taken.new))
    return ReadingsTaken.model_construct(
        accepted=accepted, duplicates=len(names) - accepted, flagged=int(np.count_nonzero(taken.flag)), event_ids=names
    )


def _told_each(incoming: Sequence[Incoming], taken: Taken) -> list[ReadingsTaken]:
    return [
        ReadingsTaken.model_construct(
            accepted=int(new), duplicates=int(not new), flagged=int(flag), event_ids=[one.reading_id]
        )
        for one, new, flag in zip(incoming, taken.new.tolist(), taken.flag.tolist(), strict=True)
    ]
