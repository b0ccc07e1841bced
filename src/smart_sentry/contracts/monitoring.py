"""What is sent to and asked of a running plant."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from smart_sentry.contracts.failure import RUL_INTERVAL

Text = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]+$")]
Name = Annotated[Text, Field(min_length=1, max_length=128)]
Person = Annotated[Text, Field(min_length=1, max_length=128, description="who says so, for the record")]
Value = Annotated[float, Field(allow_inf_nan=False, strict=True)] | None
Column = Annotated[list[Value], Field(fail_fast=True)]
Lines = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$")]
"""Text of several lines. A null character is no text: PostgreSQL cannot store it."""

_MOST_SIGNALS = 1000


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SensorReading(BaseModel):
    """One reading: the named keys, and one number (or null) a signal, in the signal's unit."""

    model_config = ConfigDict(frozen=True, extra="allow")
    __pydantic_extra__: dict[str, Value]

    asset_id: Name
    timestamp: AwareDatetime | None = Field(default=None, description="ISO 8601 with a zone; default: now")
    event_id: Name | None = Field(default=None, description="makes sending it again harmless; default: a new one")
    asset_type: Name | None = Field(default=None, description="default: found by the names of the signals")
    is_faulty: bool | None = Field(default=None, description="what a simulator knows; not used")

    @model_validator(mode="after")
    def _has_signals(self) -> SensorReading:
        count = len(self.__pydantic_extra__ or {})
        if not 1 <= count <= _MOST_SIGNALS:
            raise ValueError(f"a reading has 1 to {_MOST_SIGNALS} signals beside the named keys, this one has {count}")
        return self


class ReadingBatch(_Strict):
    """Many readings, in the order in which they are to be judged."""

    readings: Annotated[list[SensorReading], Field(min_length=1, fail_fast=True)]


class ReadingWindow(_Strict):
    """Equally spaced readings of one asset as columns: the form for fast machines, e.g. a second at 100 Hz."""

    asset_id: Name
    start: AwareDatetime = Field(description="time of the first reading, ISO 8601 with a zone")
    interval_seconds: Annotated[float, Field(gt=0, le=86_400, strict=True, allow_inf_nan=False)] = Field(
        description="between two readings: that of the asset's type"
    )
    columns: Annotated[
        dict[Name, Annotated[list[Value], Field(fail_fast=True)]], Field(min_length=1, max_length=_MOST_SIGNALS)
    ] = Field(description="signal -> one number (or null) a reading, in the signal's unit; all of the same length")
    event_id: Annotated[Name, Field(max_length=100)] | None = Field(
        default=None,
        description="makes sending it again harmless: its readings are event_id/0, event_id/1, ...; default: by their times",
    )
    asset_type: Name | None = Field(default=None, description="default: found by the signals and the interval")

    @model_validator(mode="after")
    def _has_equal_columns(self) -> ReadingWindow:
        if self.count == 0:
            raise ValueError("columns must have at least one value each")
        wrong = next((name for name, column in self.columns.items() if len(column) != self.count), None)
        if wrong is not None:
            first = next(iter(self.columns))
            raise ValueError(
                f"columns must be of equal length: {first} has {self.count} values, {wrong} has {len(self.columns[wrong])}"
            )
        return self

    @property
    def count(self) -> int:
        """How many readings it holds."""
        return len(next(iter(self.columns.values())))


class ReadingsTaken(_Strict):
    """What became of readings."""

    accepted: int = Field(description="new readings, stored and judged")
    duplicates: int = Field(description="readings that were known already; nothing was done with them")
    flagged: int = Field(description="new readings that were flagged")
    event_ids: list[str]


class ReadingsPublished(_Strict):
    """Readings that Apache Kafka has acknowledged; a worker judges and stores them."""

    accepted: int = Field(
        description="readings that Kafka has; one that was known already is then dropped by its event_id"
    )
    event_ids: list[str]


class CalibrationRequest(_Strict):
    """Which asset to calibrate, on how much of its past."""

    asset_id: Name
    lookback_minutes: Annotated[float, Field(gt=0, le=525_600, strict=True)] = 10.0
    author: Person = "operator"


class RollbackRequest(_Strict):
    """Which asset goes back to its earlier baseline, and why."""

    asset_id: Name
    author: Person
    reason: Text = Field(min_length=1, max_length=1000)


class RolledBack(_Strict):
    """The earlier baseline is active again."""

    asset_id: str
    baseline_version: str


class CalibrationStarted(_Strict):
    """A calibration has begun."""

    status: Literal["calibration_started"] = "calibration_started"
    message: str = "Baseline calibration in progress"
    asset_id: str
    data_points_collected: int


class CalibrationProgress(_Strict):
    """Where a calibration stands."""

    asset_id: str
    stage: str = Field(description="started, learning, accepted, refused or failed")
    progress: float = Field(ge=0, le=1)
    data_points_collected: int
    version: str | None = None
    acceptance: dict[str, Any] | None = None
    problem: str | None = None


class Prediction(_Strict):
    """What a failure model said of an asset's newest reading that it could judge."""

    failure_probability: float = Field(ge=0, le=1, description="of a failure within the asset type's horizon")
    rul_cycles: float = Field(description="remaining life in cycles, at most the asset type's cap")
    rul_lower_cycles: float = Field(description=f"lower end of {RUL_INTERVAL}")
    rul_upper_cycles: float = Field(description="upper end of that interval; at the cap it means 'or more'")
    warming: bool = Field(description="too few readings yet: take the figures with care")
    restored: bool = Field(description="the asset was found restored with this reading")
    model_version: str
    regime: int | None = Field(None, description="operating regime of the reading, from 0; null where it was not noted")


class AssetStatus(_Strict):
    """One asset as it stands."""

    asset_id: str
    asset_type: str
    system_state: str
    calibration_active: bool
    baseline_established: bool
    models_loaded: dict[str, bool]
    baseline_version: str | None
    baseline_summary: dict[str, float] = Field(description="mean of each signal in steady healthy operation")
    phase: str | None
    score: float | None = Field(description="1 is the limit of the false-alarm budget")
    flagged: bool
    health: float | None = Field(description="0..100")
    risk: str | None
    grade: str | None
    degradation: float | None
    remaining_life_hours: float | None = Field(
        description="at the damage rate since the last hour; null: no damage is done"
    )
    prediction: Prediction | None = Field(default=None, description="of assets with a failure model")
    reason: str
    health_uncertain: bool = Field(description="a sensor or the clock is at fault now: health is what the others say")
    open_alarms: int
    maintenance_until: datetime | None = Field(
        default=None, description="people work on it until then at most, and its alarms call nobody; null: nobody does"
    )
    time: datetime | None = Field(description="of the newest reading")


class PlantStatus(_Strict):
    """The plant as it stands, and one asset of it where there is one or one is asked for."""

    system_state: str
    calibration_active: bool
    assets: int
    baseline_established: bool | None = Field(description="of `asset`; null: no single asset is meant")
    models_loaded: dict[str, bool] | None = Field(
        description="of `asset`; legacy_model is its reading_forest, batch_model its window_forest"
    )
    baseline_summary: dict[str, float] | None = Field(
        description="of `asset`; each mean also under the signal's name without its unit, and `_mean`"
    )
    asset: AssetStatus | None


class AlarmRequest(_Strict):
    """What an operator asks of an alarm."""

    asset_id: Name
    key: Name = "anomaly"
    action: Literal["acknowledge", "shelve", "unshelve", "take out of service", "return to service", "comment"]
    author: Person
    reason: Annotated[Lines, Field(max_length=2000)] = ""
    until: AwareDatetime | None = Field(default=None, description="when a shelf ends")


class AlarmRate(_Strict):
    """Calls of an operator in 10 minutes; about 1 is acceptable."""

    mean: float = Field(description="over the whole span")
    peak: float = Field(description="the busiest 10 minutes")


class AlarmFlood(_Strict):
    """A stretch of 10-minute windows with more than 10 calls an operator."""

    start: datetime
    end: datetime
    count: int


class ChatteringAlarm(_Strict):
    """An alarm that rose or fell 3 times or more within a minute."""

    asset_id: str
    key: str
    most_per_minute: int
    start: datetime = Field(description="of the busiest minute")


class StaleAlarm(_Strict):
    """An alarm that stood for over 24 hours."""

    asset_id: str
    key: str
    start: datetime
    hours: float
    standing: bool = Field(description="whether it still stood at the end")


class FrequentAlarm(_Strict):
    """One of the ten alarms that call most often."""

    asset_id: str
    key: str
    count: int
    share: float = Field(ge=0, le=1, description="of all calls")


class PriorityShare(_Strict):
    """Calls of one priority; the standard's aim is 80 % low, 15 % medium, 5 % high and critical."""

    priority: str
    count: int
    share: float = Field(ge=0, le=1)


class AcknowledgeTime(_Strict):
    """From the first call to the acknowledgement."""

    mean_seconds: float | None = Field(description="null: nothing was acknowledged")
    acknowledged: int
    unacknowledged: int


class AlarmFigures(_Strict):
    """Whether the alarm system itself is healthy: key figures after ISA-18.2 of start <= time < end."""

    start: datetime
    end: datetime
    operators: int
    annunciations: int = Field(description="calls of an operator: an alarm rises, rises again or comes back standing")
    rate: AlarmRate
    floods: list[AlarmFlood]
    chattering: list[ChatteringAlarm]
    stale: list[StaleAlarm]
    most_frequent: list[FrequentAlarm]
    priorities: list[PriorityShare]
    acknowledge_time: AcknowledgeTime


class NoteRequest(_Strict):
    """What an operator writes down."""

    asset_id: Name
    kind: Literal["observation", "maintenance", "operating change", "fault", "false alarm", "other"] = Field(
        default="observation", description="a false alarm calls the asset's newest anomaly alarm wrong"
    )
    author: Person
    text: Annotated[Lines, Field(min_length=1, max_length=10_000)]
    time: AwareDatetime | None = Field(
        default=None, description="when it happened, ISO 8601 with a zone, not in the future; default: now"
    )
    corrects: Annotated[int, Field(ge=1, le=2**63 - 1, strict=True)] | None = Field(
        default=None, description="number of the note that this one corrects"
    )


class MaintenanceRequest(_Strict):
    """A maintenance that was done: the degradation index begins anew."""

    asset_id: Name
    author: Person
    reason: Annotated[Lines, Field(min_length=1, max_length=2000)]


class WorkRequest(_Strict):
    """People begin to work on a machine: its alarms call nobody until they end, or until a time at most."""

    asset_id: Name
    author: Person
    reason: Annotated[Lines, Field(min_length=1, max_length=2000)]
    until: AwareDatetime = Field(description="when they will have ended at the latest; at most 30 days from now")


class WorkEndedRequest(_Strict):
    """People hand a machine back; damage stays as it is."""

    asset_id: Name
    author: Person
    reason: Annotated[Lines, Field(min_length=1, max_length=2000)]


class WhatIfRequest(_Strict):
    """Hypothetical readings, judged without touching anything."""

    asset_id: Name
    readings: Annotated[list[dict[str, Value]], Field(min_length=1, max_length=1000)]


class PurgeRequest(_Strict):
    """What to delete."""

    asset_id: Name | None = Field(default=None, description="null: everything")
    confirm: str = Field(default="", description="the asset's name once more, or ALL; without it nothing is deleted")
    archive: bool = Field(default=True, strict=True, description="write everything to Parquet files first")
    author: Person = "operator"
