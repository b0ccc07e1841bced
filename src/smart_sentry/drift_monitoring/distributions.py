"""Whether the distribution of a column moved: Evidently's tests, and its reports. With no network, and no telemetry.

The only file that imports Evidently, which takes seconds: it waits until something is compared.
"""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_sentry.files import write_whole

FloatArray = NDArray[np.float64]

_LEAST_VALUES = 30


@dataclass(frozen=True)
class ColumnDrift:
    """What Evidently says of one column.

    Attributes:
        test: that it chose by the number of rows and of different values, e.g. "wasserstein".
        score: a distance or a p-value, as the test has it.
        threshold: of the score.
        drifted: whether the distribution moved.
    """

    test: str
    score: float
    threshold: float
    drifted: bool


def column_drifts(names: Sequence[str], reference: FloatArray, recent: FloatArray) -> dict[str, ColumnDrift]:
    """Compares columns one by one, each by the test that Evidently's preset would choose.

    Args:
        names: of the columns.
        reference, recent: (rows, columns); NaN where missing. A column of fewer than 30 numbers on a side is left out.
    """
    with _quiet():
        import pandas as pd
        from evidently.legacy.calculations.stattests import get_stattest
        from evidently.legacy.core import ColumnType

        found = {}
        for column, name in enumerate(names):
            before, now = (pd.Series(part[:, column]).dropna() for part in (reference, recent))
            if min(len(before), len(now)) < _LEAST_VALUES:
                continue
            if np.ptp(before) == 0.0 and np.ptp(now) == 0.0:  # a distance by nothing is no number
                moved = bool(before.iloc[0] != now.iloc[0])
                found[name] = ColumnDrift("constant", float(moved), 0.5, moved)
                continue
            test = get_stattest(before, now, ColumnType.Numerical, None)
            told = test(before, now, ColumnType.Numerical, None)
            score = float(told.drift_score)
            finite = score if math.isfinite(score) else float(np.finfo(np.float64).max)
            found[name] = ColumnDrift(test.name, finite, float(told.actual_threshold), bool(told.drifted))
    return found


def drift_share(columns: Mapping[str, ColumnDrift]) -> float | None:
    """Share of the columns that drifted, 0..1; None of none."""
    return sum(one.drifted for one in columns.values()) / len(columns) if columns else None


def write_report(path: Path, names: Sequence[str], reference: FloatArray, recent: FloatArray) -> dict[str, Any]:
    """Writes Evidently's drift preset and data summary as one HTML page that needs no network.

    Args:
        path: of the page.
        names: of the columns.
        reference, recent: (rows, columns); NaN where missing. A column without a number on a side is left out.

    Returns:
        Evidently's metrics: "drift_share", "drifted_columns", and "metrics": a list of name and value; plain JSON values.
    """
    kept = np.asarray(np.isfinite(reference).any(axis=0) & np.isfinite(recent).any(axis=0))
    shown = [name for name, its in zip(names, kept, strict=True) if its]
    with _quiet():
        import pandas as pd
        from evidently import DataDefinition, Dataset, Report
        from evidently.presets import DataDriftPreset, DataSummaryPreset

        definition = DataDefinition(numerical_columns=shown)
        before, now = (
            Dataset.from_pandas(pd.DataFrame(part[:, kept], columns=pd.Index(shown)), definition)
            for part in (reference, recent)
        )
        snapshot = Report([DataDriftPreset(), DataSummaryPreset()]).run(now, before)
        write_whole(path, lambda part: snapshot.save_html(str(part)))
        told = snapshot.dict()
    metrics = [{"name": str(one["metric_name"]), "value": _plain(one["value"])} for one in told["metrics"]]
    counted = metrics[0]["value"]
    return {"drift_share": counted["share"], "drifted_columns": counted["count"], "metrics": metrics}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, np.ndarray):
        return [_plain(part) for part in value.tolist()]
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        return float(value) if math.isfinite(value) else None
    return None if value is None else str(value)


@contextmanager
def _quiet() -> Iterator[None]:
    """Evidently's and its libraries' warnings about their own ways are kept to themselves."""
    os.environ["DO_NOT_TRACK"] = "1"  # read when Evidently is imported
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with np.errstate(all="ignore"):
            yield
