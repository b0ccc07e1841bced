"""Tables of timestamped readings: a CSV or Parquet file with timestamp, asset_id and one column a signal.

A table for scoring is never refused for a value: one row out for each row in. What is not a number is missing; what is not a time
keeps its place after the reading before it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from smart_sentry.assets import ASSET_COLUMN, AssetType
from smart_sentry.errors import UnreadableData

TIME_COLUMN = "timestamp"
ONLY_ASSET = "asset"
"""Name of the asset in a table without an asset_id column."""


@dataclass(frozen=True)
class TimedReadings:
    """Readings in the order of the file.

    Attributes:
        timestamp: (rows,) as text, as it stood there.
        seconds: (rows,) since 1970 UTC; never NaN.
        asset_id: (rows,) text.
        values: (rows, signals) in the asset type's order; NaN where there is no number.
        order: (rows,) positions in the order of time, asset by asset as they come.
    """

    timestamp: list[str]
    seconds: NDArray[np.float64]
    asset_id: NDArray[np.object_]
    values: NDArray[np.float64]
    order: NDArray[np.int64]


def read_table(path: Path) -> pd.DataFrame:
    """A CSV or Parquet file as it stands; text columns stay text.

    Raises:
        UnreadableData: the file is missing, empty or in another format.
    """
    if not path.is_file():
        raise UnreadableData(path, "a CSV or Parquet file", "no file", "Check the path.")
    try:
        if path.suffix == ".parquet":
            table = pd.read_parquet(path).reset_index(drop=True)
        else:
            table = pd.read_csv(path, dtype={ASSET_COLUMN: str, TIME_COLUMN: str}, low_memory=False)
    except (ValueError, OSError) as error:
        remedy = "Check that it is whole and in that format."
        raise UnreadableData(path, "a CSV or Parquet file", str(error), remedy) from error
    if table.empty:
        raise UnreadableData(path, "at least one row", "none", "Add readings and try again.")
    return table


def as_readings(path: Path, table: pd.DataFrame, asset_type: AssetType) -> TimedReadings:
    """A table's readings.

    Raises:
        UnreadableData: it has no timestamp column, or lacks a signal.
    """
    missing = [name for name in (TIME_COLUMN, *asset_type.signal_names) if name not in table.columns]
    if missing:
        found = f"columns {', '.join(str(name) for name in table.columns)}"
        raise UnreadableData(path, f"columns {', '.join(missing)}", found, "Rename or add them and try again.")
    values = np.column_stack([
        pd.to_numeric(table[name], errors="coerce").to_numpy(np.float64) for name in asset_type.signal_names
    ])  # fmt: skip
    values[~np.isfinite(values)] = np.nan
    if ASSET_COLUMN in table.columns:
        asset_id = table[ASSET_COLUMN].fillna("").astype(str).to_numpy(dtype=object)
    else:
        asset_id = np.full(len(table), ONLY_ASSET, dtype=object)
    seconds = _seconds(table[TIME_COLUMN], asset_type.sampling_seconds)
    return TimedReadings(
        table[TIME_COLUMN].astype(str).tolist(), seconds, asset_id, values, np.argsort(seconds, kind="stable")
    )


def _seconds(column: pd.Series, interval: float) -> NDArray[np.float64]:
    """Seconds since 1970: of numbers as they are, of times in UTC where they name no zone."""
    numbers = pd.to_numeric(column, errors="coerce")
    if numbers.notna().mean() <= 0.5:
        times = pd.to_datetime(column, errors="coerce", utc=True, format="mixed")
        numbers = (times - pd.Timestamp(0, tz="UTC")) / pd.Timedelta(seconds=1)
    seconds = numbers.astype(np.float64)
    seconds = seconds.where(np.isfinite(seconds))
    if seconds.isna().all():
        return np.arange(len(seconds), dtype=np.float64) * interval
    return np.asarray(seconds.ffill().bfill(), dtype=np.float64)
