"""Tables behind the plots, for `dvc plots`: CSV files of at most 500 rows, equal bytes for equal figures."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from smart_sentry.files import write_whole
from smart_sentry.prognosis.event_metrics import AssetOutcomes
from smart_sentry.prognosis.row_metrics import CalibrationCurve, Confusion, PrecisionRecallCurve
from smart_sentry.prognosis.scored_fleet import IntArray

MOST_ROWS = 500
DIGITS = 6


def write_precision_recall(path: Path, curve: PrecisionRecallCurve) -> Path:
    """recall, precision, threshold; a long curve is thinned evenly along its length, its ends stay."""
    kept = _thinned(curve, MOST_ROWS)
    rows = zip(curve.recall[kept], curve.precision[kept], curve.threshold[kept], strict=True)
    return _write(path, ("recall", "precision", "threshold"), rows)


def write_confusion(path: Path, counts: Confusion) -> Path:
    """actual, predicted, outcome, rows: one line a cell, for a bar plot of `rows` over `outcome`."""
    rows = (
        ("failing", "alarm", "true alarm", counts.true_positives),
        ("healthy", "alarm", "false alarm", counts.false_positives),
        ("failing", "no alarm", "missed", counts.false_negatives),
        ("healthy", "no alarm", "rightly quiet", counts.true_negatives),
    )
    return _write(path, ("actual", "predicted", "outcome", "rows"), rows)


def write_calibration(path: Path, curve: CalibrationCurve) -> Path:
    """mean_probability, observed_rate, weight of every bin that holds rows."""
    rows = zip(curve.mean_probability, curve.observed_rate, curve.weight, strict=True)
    return _write(path, ("mean_probability", "observed_rate", "weight"), rows)


def write_lead_times(path: Path, outcomes: AssetOutcomes) -> Path:
    """rank, asset_id, lead_time_cycles, alerted: the assets that needed an alert, longest lead first."""
    due = np.flatnonzero(outcomes.due)
    order = due[np.argsort(-outcomes.lead_time_cycles[due], kind="stable")][:MOST_ROWS]
    rows = (
        (rank, int(outcomes.asset[i]), outcomes.lead_time_cycles[i], int(outcomes.alerted[i]))
        for rank, i in enumerate(order, start=1)
    )
    return _write(path, ("rank", "asset_id", "lead_time_cycles", "alerted"), rows)


def _thinned(curve: PrecisionRecallCurve, most: int) -> IntArray:
    """Positions of at most `most` points, evenly spread along the drawn line rather than over the thresholds."""
    count = len(curve.recall)
    if count <= most:
        return np.arange(count)
    length = np.r_[0.0, np.cumsum(np.abs(np.diff(curve.recall)) + np.abs(np.diff(curve.precision)))]
    return np.unique(np.searchsorted(length, np.linspace(0.0, length[-1], most), side="left").clip(max=count - 1))


def _write(path: Path, header: Sequence[str], rows: Iterable[Iterable[object]]) -> Path:
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(header)
    table.writerows([_cell(value) for value in row] for row in rows)
    return write_whole(path, text.getvalue())


def _cell(value: object) -> object:
    if not isinstance(value, float):
        return value
    return int(value) if value.is_integer() else round(float(value), DIGITS)
