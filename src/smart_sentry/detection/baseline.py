"""What was learnt of one healthy asset: normal values, detectors and their limits, by phase; and how it is kept.

A baseline is two files, without pickle: baseline.npz (arrays) and baseline.json (facts and the acceptance report). Its version is
the checksum of the arrays.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_sentry.assets import AssetType
from smart_sentry.contracts.derived_features import Ratio
from smart_sentry.detection.covariance import Detector, Normal
from smart_sentry.detection.isolation import Forest
from smart_sentry.detection.settings import Settings
from smart_sentry.errors import ChecksumMismatch, ModelUnavailable
from smart_sentry.features.npz import read_arrays
from smart_sentry.features.steps import channel_names
from smart_sentry.features.storage import write_arrays
from smart_sentry.files import sha256_of, write_json
from smart_sentry.phases import Phase

FloatArray = NDArray[np.float64]

ARRAYS, FACTS = "baseline.npz", "baseline.json"
SCHEMA = 2
"""Of both files; the detector of another schema cannot be scored with."""
_AGAIN = "Calibrate the asset again, or roll back to an earlier baseline."


@dataclass(frozen=True)
class FeatureStatistics:
    """Mean, standard deviation, least and greatest value of each feature (features,) over the calibration, for people.

    A feature without a single value is left out.
    """

    names: tuple[str, ...]
    mean: FloatArray
    std: FloatArray
    low: FloatArray
    high: FloatArray

    @classmethod
    def of(cls, names: Sequence[str], values: FloatArray) -> FeatureStatistics:
        """Learns from (steps, features)."""
        known = np.isfinite(values).any(axis=0)
        found = values[:, known]
        return cls(
            tuple(np.asarray(names, dtype=object)[known]), np.nanmean(found, axis=0), np.nanstd(found, axis=0),
            np.nanmin(found, axis=0), np.nanmax(found, axis=0),
        )  # fmt: skip

    def as_dict(self) -> dict[str, dict[str, float]]:
        """Feature name -> mean, std, min, max."""
        columns = zip(self.names, self.mean, self.std, self.low, self.high, strict=True)
        return {
            name: {"mean": float(mean), "std": float(std), "min": float(low), "max": float(high)}
            for name, mean, std, low, high in columns
        }


@dataclass(frozen=True)
class PhaseBaseline:
    """What is normal in one phase."""

    normal: Normal
    detector: Detector
    statistics: FeatureStatistics
    steps: int


@dataclass(frozen=True)
class Acceptance:
    """Why a baseline was accepted, in figures.

    Attributes:
        readings, steps: how many the calibration had.
        seconds: the time that they span.
        phases: steps by phase.
        starts: transitions into STARTUP that were seen.
        outside_three_sigma: largest share of one channel's steps outside 3 standard deviations, 0..1.
        false_alarms, false_alarm_low, false_alarm_high: share of held-out steps above the limit, with its 95 % interval.
        missing: share of values that were missing or masked.
        grade: A to F.
        remarks: what kept it from a better grade.
        derived: names of the derived features whose statistics the baseline has.
    """

    readings: int
    steps: int
    seconds: float
    phases: dict[str, int]
    starts: int
    outside_three_sigma: float
    false_alarms: float
    false_alarm_low: float
    false_alarm_high: float
    missing: float
    grade: str
    remarks: tuple[str, ...]
    derived: tuple[str, ...] = ()


@dataclass(frozen=True)
class Baseline:
    """One asset's healthy behaviour.

    Attributes:
        asset_id, asset_type: whose.
        sampling_seconds: time between readings that it was learnt at.
        channels: names of a step's channels.
        settings: how settings enter.
        phases: phase name -> what is normal in it.
        phase_rule: the learnt numbers of the phase rule, None without one.
        reading_forest, window_forest: the two voters; None where there were too few steps.
        longest_run: (signals,) longest run of equal values in the calibration; 0 for a signal that never moved and for a switch.
        spike_limit: (signals,) from quality.spike_limits.
        adaptation: (channels,) rates of the slow means that channels without a normal value are judged by; 0 for the others.
        acceptance: the report.
        created: ISO 8601 time.
        ratios: of two sensors each, as the asset type declared them when it was calibrated.
        signals: names of the type's signals when it was calibrated; none in baselines of before they were kept.
    """

    asset_id: str
    asset_type: str
    sampling_seconds: float
    channels: tuple[str, ...]
    settings: Settings
    phases: dict[str, PhaseBaseline]
    phase_rule: dict[str, float] | None
    reading_forest: Forest | None
    window_forest: Forest | None
    longest_run: NDArray[np.int64]
    spike_limit: FloatArray
    adaptation: FloatArray
    acceptance: Acceptance
    created: str
    version: str = field(default="", compare=False)
    ratios: tuple[Ratio, ...] = ()
    signals: tuple[str, ...] = ()

    @property
    def steady(self) -> PhaseBaseline:
        """What is normal in steady operation; of the first phase where that was not calibrated."""
        return self.phases.get(Phase.STEADY) or next(iter(self.phases.values()))

    def refuse_changed(self, asset_type: AssetType) -> None:
        """Sees that the asset type still is what it was when this was learnt, as far as scores depend on it.

        Raises:
            ModelUnavailable: its signals, their order or roles, or its sampling interval have changed since.
        """
        names = asset_type.signal_names
        for what, learnt, now in (
            ("the time between readings", f"{self.sampling_seconds:g} s", f"{asset_type.sampling_seconds:g} s"),
            ("its channels", self.channels, channel_names(asset_type)),
            ("the number of its signals", len(self.longest_run), len(names)),
            ("the number of its settings", len(self.settings.centre), len(asset_type.setting_names)),
            ("its signals", self.signals or names, names),
        ):
            if learnt != now:
                raise ModelUnavailable(
                    f"baseline {self.version} of {self.asset_id}",
                    f"The type {asset_type.name} has changed since: {what}: {_listed(learnt)} when it was learnt,"
                    f" now {_listed(now)}; calibrate again.",
                )

    @property
    def created_seconds(self) -> float:
        """When it was created, seconds since 1970 UTC; -inf where `created` is no time."""
        try:
            created = datetime.fromisoformat(self.created)
        except ValueError:
            return -math.inf
        return (created if created.tzinfo is not None else created.replace(tzinfo=UTC)).timestamp()

    def save(self, folder: Path) -> str:
        """Writes both files, the facts last, and returns the version."""
        write_arrays(folder / ARRAYS, self._arrays())
        checksum = sha256_of(folder / ARRAYS)
        facts = {
            "schema": SCHEMA, "asset_id": self.asset_id, "asset_type": self.asset_type, "sampling_seconds": self.sampling_seconds,
            "channels": list(self.channels), "phase_rule": self.phase_rule, "created": self.created,
            "phases": {
                name: {"steps": part.steps, "features": list(part.statistics.names)} for name, part in self.phases.items()
            },
            "forest_limits": [None if part is None else part.limit for part in (self.reading_forest, self.window_forest)],
            "acceptance": vars(self.acceptance),
            "ratios": [ratio.model_dump() for ratio in self.ratios],
            "signals": list(self.signals),
            "sha256": checksum,
        }  # fmt: skip
        write_json(folder / FACTS, facts)
        return checksum[:12]

    @classmethod
    def load(cls, folder: Path) -> Baseline:
        """Reads what `save` wrote.

        Raises:
            ModelUnavailable: no baseline is there. ChecksumMismatch: its arrays are not those that were accepted.
        """
        if not (folder / FACTS).is_file() or not (folder / ARRAYS).is_file():
            raise ModelUnavailable(folder, _AGAIN)
        facts = json.loads((folder / FACTS).read_text(encoding="utf-8"))
        packed = (folder / ARRAYS).read_bytes()
        if (found := hashlib.sha256(packed).hexdigest()) != facts["sha256"]:
            raise ChecksumMismatch(folder / ARRAYS, facts["sha256"], found, _AGAIN)
        arrays = read_arrays(packed)
        if facts.get("schema") != SCHEMA:
            raise ModelUnavailable(folder, f"It was learnt by another version of the detector. {_AGAIN}")
        phases = {
            name: PhaseBaseline(
                Normal(*_parts(arrays, f"{name}/normal", _NORMAL)),
                Detector(*_parts(arrays, f"{name}/detector", Detector._fields)),
                FeatureStatistics(
                    tuple(entry["features"]), *_parts(arrays, f"{name}/statistics", ("mean", "std", "low", "high"))
                ),
                entry["steps"],
            )
            for name, entry in facts["phases"].items()
        }
        report = facts["acceptance"]
        lists = {name: tuple(report.get(name, ())) for name in ("remarks", "derived")}
        forests = [
            None if limit is None else Forest(**{key: arrays[f"{name}/{key}"] for key in _FOREST}, limit=limit)
            for name, limit in zip(("reading_forest", "window_forest"), facts["forest_limits"], strict=True)
        ]
        return cls(
            facts["asset_id"], facts["asset_type"], facts["sampling_seconds"], tuple(facts["channels"]),
            Settings(*_parts(arrays, "settings", _SETTINGS)), phases, facts["phase_rule"], forests[0], forests[1],
            arrays["longest_run"], arrays["spike_limit"], arrays["adaptation"], Acceptance(**report | lists),
            facts["created"], facts["sha256"][:12], tuple(Ratio.model_validate(one) for one in facts.get("ratios", ())),
            tuple(facts.get("signals", ())),
        )  # fmt: skip

    def _learnt_for(self) -> str:
        """What a changed type is told by. It is in the checksum: equal arrays of another type are another version."""
        return json.dumps([self.sampling_seconds, self.channels, self.signals])

    def _arrays(self) -> dict[str, NDArray[Any]]:
        arrays = {f"settings/{name}": getattr(self.settings, name) for name in _SETTINGS} | {
            "longest_run": self.longest_run,
            "spike_limit": self.spike_limit,
            "adaptation": self.adaptation,
            "learnt_for": np.frombuffer(self._learnt_for().encode(), dtype=np.uint8),
        }
        for name, part in self.phases.items():
            arrays |= {f"{name}/normal/{key}": getattr(part.normal, key) for key in _NORMAL}
            arrays |= {f"{name}/detector/{key}": value for key, value in part.detector._asdict().items()}
            arrays |= {
                f"{name}/statistics/{key}": getattr(part.statistics, key) for key in ("mean", "std", "low", "high")
            }
        for name in ("reading_forest", "window_forest"):
            forest = getattr(self, name)
            if forest is not None:
                arrays |= {f"{name}/{key}": getattr(forest, key) for key in _FOREST}
        return arrays


_SETTINGS = ("centre", "scale", "low", "high", "regimes", "reach")
_NORMAL = ("centre", "scale", "slope", "spread")
_FOREST = ("root", "feature", "threshold", "left", "right", "path")


def _listed(what: object) -> str:
    return ", ".join(what) if isinstance(what, tuple) else str(what)


def _parts(arrays: dict[str, NDArray[Any]], prefix: str, names: Sequence[str]) -> list[NDArray[Any]]:
    return [arrays[f"{prefix}/{name}"] for name in names]
