"""What a type of asset is: its signals, units, limits, clock and failure horizon, parsed once from configs/assets/<type>.yaml.

Nothing in the code knows the word voltage: a new kind of machine is one YAML file. docs/asset-types.md lists every key.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from smart_sentry.contracts.derived_features import DerivedFeature, Name, default_features, feature_mistakes
from smart_sentry.errors import ConfigurationError

ASSET_COLUMN = "asset_id"
"""Column that names the machine in every table of the project."""
CYCLE_COLUMN = "cycle"
"""Column that counts an asset's readings from 1, without gaps."""
RUL_COLUMN = "rul_cycles"
"""Column of the true remaining useful life: cycles until the failure, 0 at the asset's last cycle."""
FAST_BELOW_SECONDS = 0.05
"""Machines with less between two readings are fast: they are judged by the second."""
WINDOW_STATISTICS = ("mean", "std", "peak_to_peak", "rms")
"""Of every sensor of a fast machine, over the second; ends of the names of its features."""


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Signal(_Strict):
    """One measured or commanded quantity."""

    name: Name
    unit: str = Field(description="unit of every value in the tables and requests; '1' where the quantity has none")
    role: Literal["setting", "sensor"] = "sensor"
    description: str = ""
    symbol: str | None = None
    limits: tuple[float, float] = Field(description="physically possible range, inclusive, in `unit`")

    @model_validator(mode="after")
    def _limits_are_ordered(self) -> Signal:
        low, high = self.limits
        if not low < high:
            raise ValueError(f"limits of {self.name} must be [low, high] with low < high, not [{low}, {high}]")
        return self


class FailurePolicy(_Strict):
    """What counts as 'about to fail' for this asset type."""

    horizon_cycles: int = Field(
        default=30, ge=1, description="a reading is anomalous when its remaining life is at most this"
    )
    rul_cap_cycles: int = Field(
        default=125, ge=1, description="remaining life above this is not distinguishable and is capped"
    )
    alert_cycles: int = Field(
        default=20, ge=0, description="an engine counts as alerted in time when its alarm stands at this remaining life"
    )


class PhaseRule(_Strict):
    """How the phase of a machine is read off its signals: OFF, STARTUP, STEADY, SHUTDOWN."""

    load_signal: Name = Field(description="signal that is near zero while the machine is off, e.g. its current")
    speed_signal: Name | None = Field(
        default=None, description="signal that rises in a start-up and falls in a shutdown; None: the load signal"
    )
    off_below: float | Literal["auto"] = Field(
        default="auto",
        description="the machine is off while the load is below, in its unit; auto: learnt in calibration",
    )
    moving_above: float | Literal["auto"] = Field(
        default="auto", description="change of speed per second above which it is in transition; auto: learnt"
    )
    window_seconds: float = Field(default=2.0, gt=0, description="span over which the change of speed is taken")
    dwell_seconds: float = Field(
        default=1.0,
        ge=0,
        description="beyond window_seconds, how long it must be calm under load before it counts as at work",
    )


class DetectionPolicy(_Strict):
    """How often a healthy machine may be flagged, and what the forests take for granted."""

    false_alarm_budget: float = Field(
        default=0.002, gt=0, le=0.1, description="share of a healthy machine's steps that may be flagged"
    )
    contamination: float = Field(
        default=0.02,
        gt=0,
        lt=0.5,
        description="share of calibration steps that the isolation forests may call outliers",
    )


class HealthPolicy(_Strict):
    """How damage adds up (docs/calibration.md)."""

    damage_rate_per_hour: float = Field(
        default=1.0, gt=0, description="degradation that an hour at the worst severity adds; 1 is a used-up machine"
    )
    maintenance_after: float = Field(default=0.5, gt=0, le=1, description="degradation at which maintenance is due")


class AlarmRules(_Strict):
    """When an alarm of this asset type rises and falls, and how it behaves in between (docs/alarms.md)."""

    needed: int = Field(default=3, ge=1, description="k: steps of the window that must speak for the alarm")
    window: int = Field(default=5, ge=1, le=50, description="n: last steps that are looked at, the newest included")
    deadband: float = Field(
        default=0.1, ge=0, lt=1, description="a standing condition stays until the score is below 1 less this share"
    )
    on_delay_seconds: float = Field(default=0.0, ge=0, description="k of n must hold this long before an alarm rises")
    off_delay_seconds: float = Field(
        default=60.0, ge=0, description="the condition must be gone this long before an alarm falls"
    )
    priority: Literal["LOW", "MEDIUM", "HIGH", "CRITICAL", "severity"] = Field(
        default="severity", description="severity: by the score at which the alarm rises"
    )
    suppress_in_phases: tuple[Literal["OFF", "STARTUP", "STEADY", "SHUTDOWN", "UNKNOWN"], ...] = Field(
        default=("OFF",), description="no alarm rises in these phases"
    )
    re_alarm_minutes: float | None = Field(
        default=60.0, ge=1, description="an alarm that nobody acknowledges is raised again after this; None: never"
    )
    longest_shelf_hours: float = Field(default=12.0, gt=0, description="longest time for which an alarm may be shelved")

    @model_validator(mode="after")
    def _window_holds_needed(self) -> AlarmRules:
        if self.needed > self.window:
            raise ValueError(f"needed ({self.needed}) must not exceed window ({self.window})")
        return self


class FileMapping(_Strict):
    """How a user's own run-to-failure files are read: the only thing that such a user writes beside the signals."""

    asset_column: str = ASSET_COLUMN
    cycle_column: str | None = Field(
        default=None, description="counting column; None: rows are counted in the order of time_column"
    )
    time_column: str | None = None
    rul_column: str | None = Field(
        default=None, description="true remaining life; None: the last row of each train asset is its failure"
    )
    columns: dict[Name, str] = Field(
        default_factory=dict, description="signal name -> column name in the file, where they differ"
    )


class AssetType(_Strict):
    """A kind of machine.

    Signals keep their order: arrays of readings have one column a signal in that order.
    """

    name: Name
    description: str = ""
    cycle_meaning: str = Field(
        default="one reading", description="what one cycle is, e.g. 'one flight' or '10 s of operation'"
    )
    sampling_seconds: float = Field(
        default=1.0,
        gt=0,
        le=86400,
        description="nominal time between two readings; below 0.05 s they are judged by the second",
    )
    signals: tuple[Signal, ...] = Field(min_length=1)
    features: tuple[DerivedFeature, ...] | None = Field(
        default=None,
        description="derived features that baselines show; None: of a slow machine, default_features of its signals",
    )
    phase: PhaseRule | None = Field(default=None, description="None: the machine's phase is not known")
    detection: DetectionPolicy = DetectionPolicy()
    health: HealthPolicy = HealthPolicy()
    alarms: AlarmRules = AlarmRules()
    failure: FailurePolicy = FailurePolicy()
    files: FileMapping = FileMapping()

    @model_validator(mode="after")
    def _signal_names_are_unique(self) -> AssetType:
        names = [signal.name for signal in self.signals]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"signal names must be unique; given twice: {', '.join(twice)}")
        reserved = sorted({ASSET_COLUMN, CYCLE_COLUMN, RUL_COLUMN} & set(names))
        if reserved:
            raise ValueError(f"{', '.join(reserved)} are column names of the project and cannot name a signal")
        if self.phase is not None:
            named = {self.phase.load_signal, self.phase.speed_signal} - {None}
            if unknown := sorted(str(name) for name in named - set(names)):
                raise ValueError(f"phase names signals that the asset type does not have: {', '.join(unknown)}")
        return self

    @model_validator(mode="after")
    def _features_can_be_computed(self) -> AssetType:
        taken = {signal.name: "a signal" for signal in self.signals}
        taken |= dict.fromkeys((ASSET_COLUMN, CYCLE_COLUMN, RUL_COLUMN), "a column of the project")
        mistakes = []
        if self.is_fast:
            ends = [f"{name}_{statistic}" for name in self.sensor_names for statistic in WINDOW_STATISTICS]
            taken |= dict.fromkeys(ends, "a window's feature")
            mistakes = [
                f"{feature.name} is of kind {feature.kind}, but a machine read every {self.sampling_seconds:g} s (below"
                f" {FAST_BELOW_SECONDS:g} s) has the features of its windows, and beside them only ratios"
                for feature in self.features or ()
                if feature.kind != "ratio"
            ]
        limits = {signal.name: signal.limits for signal in self.signals}
        mistakes += feature_mistakes(self.features or (), limits, taken)
        if mistakes:
            raise ValueError("features: " + "; ".join(mistakes))
        return self

    @property
    def is_fast(self) -> bool:
        """Whether it is judged by the second."""
        return self.sampling_seconds < FAST_BELOW_SECONDS

    @property
    def derived_features(self) -> tuple[DerivedFeature, ...]:
        """The features that its baselines show beside those of its sensors: those that it names, or the default."""
        if self.features is not None:
            return self.features
        return () if self.is_fast else default_features(self.signal_names)

    @property
    def signal_names(self) -> tuple[str, ...]:
        return tuple(signal.name for signal in self.signals)

    @property
    def setting_names(self) -> tuple[str, ...]:
        return tuple(signal.name for signal in self.signals if signal.role == "setting")

    @property
    def sensor_names(self) -> tuple[str, ...]:
        return tuple(signal.name for signal in self.signals if signal.role == "sensor")


def load_asset_type(path: Path) -> AssetType:
    """Reads one asset type.

    Args:
        path: a YAML file such as configs/assets/turbofan.yaml.

    Raises:
        ConfigurationError: the file is missing, is not YAML, or breaks the model; every mistake is named with its key.
    """
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in path.parent.glob("*.yaml"))) or "none"
        raise ConfigurationError(
            path, f"no such asset type (known here: {known})", "Write the file or name a known type."
        )
    try:
        return AssetType.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except yaml.YAMLError as error:
        raise ConfigurationError(path, f"not valid YAML: {error}", "Mend the file's indentation or quoting.") from error
    except ValidationError as error:
        raise ConfigurationError(path, explain_validation(error), "Mend these keys.") from error


def explain_validation(error: ValidationError) -> str:
    """One line for all mistakes that pydantic found: `key: what is wrong (got value)`."""
    return "; ".join(
        f"{'.'.join(str(part) for part in item['loc']) or 'file'}: {item['msg']} (got {item['input']!r:.60})"
        for item in error.errors()
    )
