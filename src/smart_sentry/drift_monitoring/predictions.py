"""What a failure model says now: against what it said when it was judged, and, once outcomes are known, against them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from smart_sentry.errors import UnreadableData
from smart_sentry.prognosis.row_metrics import brier_score, calibration_curve, expected_calibration_error
from smart_sentry.stores.span import Span
from smart_sentry.stores.store import Batch

FloatArray = NDArray[np.float64]

TEST_PREDICTIONS = "test_predictions.parquet"
_MOST_ROWS = 2000
_OUTCOME_COLUMNS = ("asset_id", "failed_at")


@dataclass(frozen=True)
class ReliabilityBin:
    """Predictions of nearly the same probability: their mean, the share that came true, and how many they are."""

    mean_probability: float
    observed_rate: float
    rows: int


@dataclass(frozen=True)
class FailureCalibration:
    """How far a failure model's probabilities can be taken at their word.

    Attributes:
        assets, rows: with a known failure, and predictions of them.
        positive: how many of these were within the horizon before the asset's next failure.
        brier: mean squared distance to the outcome; 0 is perfect.
        calibration_error: expected calibration error over ten bins, 0..1.
        reliability: bins of the reliability diagram.
    """

    assets: int
    rows: int
    positive: int
    brier: float
    calibration_error: float
    reliability: tuple[ReliabilityBin, ...]

    def as_dict(self) -> dict[str, Any]:
        """In plain JSON values."""
        return asdict(self) | {"reliability": [asdict(one) for one in self.reliability]}


def prediction_drift(
    batch: Batch, assets: list[str], processed: Path, hours: float
) -> tuple[FloatArray, FloatArray] | None:
    """Failure probabilities of the champion's test set, and recent ones; None where either is missing.

    Args:
        batch: of the database.
        assets: that the model judges.
        processed: data/processed/<data set>, which training wrote.
        hours: before each asset's newest prediction.
    """
    path = processed / TEST_PREDICTIONS
    if not path.is_file():
        return None
    recent = [value for asset in assets for value in _recent(batch, asset, hours)]
    if not recent:
        return None
    judged = pd.read_parquet(path, columns=["failure_probability"])["failure_probability"].to_numpy(np.float64)
    return _thin(judged), _thin(np.array(recent, dtype=np.float64))


def read_outcomes(path: Path) -> dict[str, list[float]]:
    """Asset id -> when it failed, seconds since 1970 UTC, each time that it did, in the order of the file.

    The file is CSV with the columns asset_id and failed_at (ISO 8601), a line a failure.

    Raises:
        UnreadableData: there is no such file, a column is missing, or a time is none.
    """
    expected = f"a CSV file with the columns {' and '.join(_OUTCOME_COLUMNS)} (ISO 8601)"
    try:
        table = pd.read_csv(path, dtype=str)
        times = pd.to_datetime(table["failed_at"], utc=True, format="ISO8601")
        assets = table["asset_id"]
    except (OSError, ValueError, KeyError) as error:
        raise UnreadableData(path, expected, f"{type(error).__name__}: {error}", "Mend the file.") from error
    if times.isna().any() or assets.isna().any():
        raise UnreadableData(path, expected, "a row without a name or a time", "Mend the file.")
    seconds = (times - pd.Timestamp(0, tz="UTC")).dt.total_seconds()
    found: dict[str, list[float]] = {}
    for asset, time in zip(assets, seconds, strict=True):
        found.setdefault(str(asset), []).append(float(time))
    return found


def failure_calibration(
    batch: Batch, outcomes: Mapping[str, Sequence[float]], horizon_cycles: int
) -> FailureCalibration | None:
    """Judges stored predictions by the asset's next failure; None where no asset with an outcome has any.

    Those after an asset's last failure are not judged: what becomes of them is not known yet.

    Args:
        batch: of the database.
        outcomes: asset id -> when it failed, one or more times, seconds since 1970 UTC, in any order.
        horizon_cycles: a prediction was right to expect a failure where so many judged readings, or fewer, lay before it.
    """
    probability, positive, assets = [], [], 0
    for asset, failed in sorted(outcomes.items()):
        history = batch.predictions.history(asset, Span(end=float(np.nextafter(max(failed), np.inf))))
        assets += bool(history)
        left = _readings_left(np.array([one.time for one in history]), np.array(sorted(failed)))
        probability += [one.failure_probability for one in history]
        positive += (left <= horizon_cycles).tolist()
    if not probability:
        return None
    said, came = np.array(probability), np.array(positive, dtype=np.bool_)
    curve = calibration_curve(said, came)
    bins = zip(curve.mean_probability.tolist(), curve.observed_rate.tolist(), curve.weight.tolist(), strict=True)
    return FailureCalibration(
        assets, len(said), int(came.sum()), brier_score(said, came), expected_calibration_error(said, came),
        tuple(ReliabilityBin(mean, rate, int(rows)) for mean, rate, rows in bins),
    )  # fmt: skip


def _readings_left(seconds: FloatArray, failed: FloatArray) -> NDArray[np.int64]:
    """(rows,) how many judged readings lie between each and the next failure; of one at a failure, that is this one.

    Args:
        seconds: (rows,) of the judged readings, rising, none behind the last failure.
        failed: (failures,) seconds, rising.
    """
    last_before = np.searchsorted(seconds, failed, side="right") - 1
    return last_before[np.searchsorted(failed, seconds)] - np.arange(len(seconds))


def _recent(batch: Batch, asset: str, hours: float) -> list[float]:
    newest = batch.predictions.newest(asset)
    if newest is None:
        return []
    history = batch.predictions.history(asset, Span(newest.time - 3600.0 * hours))
    return [one.failure_probability for one in history]


def _thin(values: FloatArray) -> FloatArray:
    return values[np.linspace(0, len(values) - 1, min(_MOST_ROWS, len(values))).round().astype(np.int64)]
