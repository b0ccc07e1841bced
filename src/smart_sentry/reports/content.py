"""What a report tells: figures with their units, taken from the database at one time, and nothing else. All of it is frozen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smart_sentry.assets import Signal
from smart_sentry.contracts.monitoring import AssetStatus
from smart_sentry.health.maintenance import MaintenanceWindow
from smart_sentry.stores.alarm_log import AlarmState

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Event:
    """Something that was written down: when (seconds since 1970 UTC), what sort, by whom, what."""

    time: float
    kind: str
    author: str
    text: str


@dataclass(frozen=True)
class Action:
    """Something to be done: how soon, what, and the figure or record that asks for it."""

    when: str
    what: str
    why: str


@dataclass(frozen=True)
class Trend:
    """How health went.

    Attributes:
        start, end: seconds since 1970 UTC.
        seconds, health: (points,) health as the newest assessment up to each time told it; NaN before the first with a score.
        spans: (key, from, to) of when alarms stood.
        judged, flagged: readings with a score in it, and how many were flagged; of `counted_from`..end.
        counted_from: later than `start` where there are more readings than are counted.
    """

    start: float
    end: float
    seconds: FloatArray
    health: FloatArray
    spans: tuple[tuple[str, float, float], ...]
    judged: int
    flagged: int
    counted_from: float


@dataclass(frozen=True)
class Costs:
    """What a planned repair and a failure cost, from the settings; None where the costs are not configured.

    Attributes:
        currency: ISO 4217.
        downtime_hour: of standstill. planned_repair, unplanned_repair: parts and work.
        planned_hours, unplanned_hours: of standstill.
        failure_probability: of a failure model, within `horizon_cycles`; None without one.
    """

    currency: str
    downtime_hour: float
    planned_repair: float
    unplanned_repair: float
    planned_hours: float
    unplanned_hours: float
    failure_probability: float | None = None
    horizon_cycles: int | None = None

    @property
    def planned(self) -> float:
        """Of a planned repair: parts, work and standstill."""
        return self.planned_repair + self.planned_hours * self.downtime_hour

    @property
    def unplanned(self) -> float:
        """Of a failure: parts, work and standstill."""
        return self.unplanned_repair + self.unplanned_hours * self.downtime_hour

    @property
    def expected(self) -> float | None:
        """Of running on through the horizon: the cost of a failure, times its probability."""
        return None if self.failure_probability is None else self.failure_probability * self.unplanned


@dataclass(frozen=True)
class SignalFigures:
    """One signal against its baseline, in its unit.

    Attributes:
        signal: name, unit, description.
        newest, mean, std, low, high: of the span; None without a number in it.
        count, missing: readings with and without a number.
        base_mean, base_std, base_low, base_high: of the calibration; None where the baseline has none.
        compared: readings in the baseline's phase, of a fast machine seconds of them. compared_mean: theirs.
        deviation: (compared_mean - base_mean) / base_std; None where that is not known.
        outside: share of what is compared beyond the calibration's least and greatest value, 0..1.
        seconds, lowest, middle, highest: (points,) of stretches of the span, for a chart; NaN where there is no number.
    """

    signal: Signal
    newest: float | None
    count: int
    missing: int
    mean: float | None
    std: float | None
    low: float | None
    high: float | None
    base_mean: float | None
    base_std: float | None
    base_low: float | None
    base_high: float | None
    compared: int
    compared_mean: float | None
    deviation: float | None
    outside: float | None
    seconds: FloatArray
    lowest: FloatArray
    middle: FloatArray
    highest: FloatArray


@dataclass(frozen=True)
class Sensors:
    """Every signal over a span.

    Attributes:
        start, end: seconds since 1970 UTC. readings: in it.
        whole: whether these are all readings of the 24 hours, and not the newest alone.
        phase: of the baseline that is compared with; None without one.
        per_second: whether the baseline is of means over a second (fast machines).
        figures: in the asset type's order.
        sha256: of the readings that were used: times and values, little-endian float64.
    """

    start: float
    end: float
    readings: int
    whole: bool
    phase: str | None
    per_second: bool
    figures: tuple[SignalFigures, ...]
    sha256: str


@dataclass(frozen=True)
class Told:
    """Flagged readings in a row whose reasons begin alike.

    Attributes:
        first, last: of the readings, seconds since 1970 UTC. readings: how many were flagged.
        phase, votes, reason: of the last: its phase, the detectors that voted, why.
        score: the highest; None where none has one.
    """

    first: float
    last: float
    readings: int
    phase: str
    score: float | None
    votes: int
    reason: str


@dataclass(frozen=True)
class Explanation:
    """What the assessments of a span say.

    Attributes:
        start, end: seconds since 1970 UTC.
        judged, flagged: readings.
        seconds, score: (points,) highest score of stretches of the span; NaN where nothing was judged.
        causes: (signal, flagged readings whose reason names it), most first.
        told: the newest flagged readings, newest first.
        phases: (phase, readings), most first.
        votes: (detectors, flagged readings).
    """

    start: float
    end: float
    judged: int
    flagged: int
    seconds: FloatArray
    score: FloatArray
    causes: tuple[tuple[str, int], ...]
    told: tuple[Told, ...]
    phases: tuple[tuple[str, int], ...]
    votes: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Details:
    """What the industrial report and the workbook tell beyond the summary.

    Attributes:
        sensors: None without a reading. explanation: None where nothing was assessed.
        audit: newest first. log_counts: entries of each log up to `as_of`.
        readings: stored in all.
    """

    sensors: Sensors | None
    explanation: Explanation | None
    audit: tuple[Event, ...]
    log_counts: dict[str, int]
    readings: int


@dataclass(frozen=True)
class BaselineFacts:
    """The baseline that judges: facts for people; statistics by phase: feature -> mean, std, min, max."""

    version: str
    created: str
    active_since: float | None
    author: str | None
    grade: str
    readings: int
    seconds: float
    false_alarms: float
    remarks: tuple[str, ...]
    phases: dict[str, dict[str, dict[str, float]]]


@dataclass(frozen=True)
class ModelFacts:
    """The failure model that judges: facts for people; `facts` is empty where the model itself is not packaged any more."""

    version: str
    facts: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class ReportContent:
    """Everything that a report of one asset tells.

    Attributes:
        asset_id, asset_type, description, cycle_meaning: what it is about.
        cap_cycles: the longest remaining life that a failure model tells apart: as much, or any more.
        as_of: seconds since 1970 UTC: what was stored later is not in it.
        newest_reading: seconds; None without a reading.
        status: as GET /api/v1/monitoring/status tells it.
        state_known: whether `system_state` is of that time; only the present one is stored.
        maintenance: None where nothing judges the asset.
        alarms: those that are not normal, the most urgent first.
        trend: None where nothing was assessed.
        happened: newest first.
        actions: the most urgent first.
        costs: None where they are not configured; `costs_missing` says which settings are unset.
        baseline, model: what judges; both None where nothing does.
        why_missing: why there is no health, in words; empty where there is.
        details: None in an executive report.
    """

    asset_id: str
    asset_type: str
    description: str
    cycle_meaning: str
    cap_cycles: int
    as_of: float
    newest_reading: float | None
    status: AssetStatus
    state_known: bool
    maintenance: MaintenanceWindow | None
    alarms: tuple[AlarmState, ...]
    trend: Trend | None
    happened: tuple[Event, ...]
    actions: tuple[Action, ...]
    costs: Costs | None
    costs_missing: tuple[str, ...]
    baseline: BaselineFacts | None
    model: ModelFacts | None
    why_missing: str
    details: Details | None = None
