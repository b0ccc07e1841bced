"""Tables of timestamped readings: a CSV or Parquet file with timestamp, asset_id and one column a signal.

A table for scoring is never refused for a value: one row out for each row in. What is not a number is missing; what is not a time
keeps its place after the reading before it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from smart_sentry.assets import ASSET_COLUMN, AssetType
from smart_sentry.errors import UnreadableData

TIME_COLUMN = "timestamp"
ONLY_ASSET = "asset"
"""Name of the asset in a table without an asset_id column."""
_UNITS = ((1e17, 1e9), (1e14, 1e6), (1e11, 1e3))
"""(size, per second): above 1e17 a number is nanoseconds since 1970, above 1e14 micro-, above 1e11 milliseconds, else seconds."""
_SLASHED = r"^\s*(\d{1,2})[/.-](\d{1,2})[/.-]\d{2,4}\b"
_MONTHS = 12


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
        if path.suffix.lower() in (".parquet", ".pq"):
            table = _without_index(pd.read_parquet(path))
        else:
            table = pd.read_csv(
                path, dtype={ASSET_COLUMN: str, TIME_COLUMN: str}, low_memory=False, **_punctuation(path)
            )
    except (ValueError, OSError) as error:
        remedy = "Check that it is whole and in that format."
        raise UnreadableData(path, "a CSV or Parquet file", str(error), remedy) from error
    if table.empty:
        raise UnreadableData(path, "at least one row", "none", "Add readings and try again.")
    return table.rename(columns=str)


def as_readings(path: Path, table: pd.DataFrame, asset_type: AssetType) -> TimedReadings:
    """A table's readings. A column may have the name that `files:` of the asset type gives it instead of the usual one.

    Raises:
        UnreadableData: it has no timestamp column, or lacks a signal.
    """
    files = asset_type.files
    time_column = _column(table, TIME_COLUMN, files.time_column)
    asset_column = _column(table, ASSET_COLUMN, files.asset_column)
    sources = [_column(table, files.columns.get(name), name) for name in asset_type.signal_names]
    missing = [name for name in (time_column, *sources) if name not in table.columns]
    if missing:
        found = f"columns {', '.join(table.columns)}"
        raise UnreadableData(path, f"columns {', '.join(missing)}", found, "Rename or add them and try again.")
    values = np.column_stack([numbers_of(table[name]) for name in sources])
    if asset_column in table.columns:
        column = table[asset_column]
        names = column.astype(object).where(column.notna(), "").astype(str)
        asset_id = names.where(names.str.strip() != "", ONLY_ASSET).to_numpy(dtype=object)
    else:
        asset_id = np.full(len(table), ONLY_ASSET, dtype=object)
    seconds = _seconds(table[time_column], asset_type.sampling_seconds)
    return TimedReadings(
        table[time_column].astype(str).tolist(), seconds, asset_id, values, np.argsort(seconds, kind="stable")
    )


def numbers_of(column: pd.Series) -> NDArray[np.float64]:
    """(rows,) a column's numbers, true as 1 and false as 0; NaN where it has none, or no finite one."""
    if pd.api.types.is_datetime64_any_dtype(column) or pd.api.types.is_timedelta64_dtype(column):
        return np.full(len(column), np.nan)
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype(object)
    values = pd.to_numeric(column, errors="coerce").to_numpy(np.float64, na_value=np.nan, copy=True)
    unread = np.isnan(values)
    if unread.any() and not pd.api.types.is_numeric_dtype(column):
        words = column[unread].astype(str).str.strip().str.lower()
        values[unread] = words.map({"true": 1.0, "false": 0.0}).to_numpy(np.float64)
    values[~np.isfinite(values)] = np.nan
    return values


def _without_index(table: pd.DataFrame) -> pd.DataFrame:
    """The rows numbered from 0; an index of times becomes the timestamp where there is none."""
    timed = isinstance(table.index, pd.DatetimeIndex) or table.index.name == TIME_COLUMN
    if timed and TIME_COLUMN not in table.columns:
        return table.reset_index(names=TIME_COLUMN)
    return table.reset_index(drop=True)


def _punctuation(path: Path) -> dict[str, Any]:
    """What is between the values of a CSV file, as its header shows: a comma, a semicolon or a tab; and the decimal sign."""
    if path.suffix.lower() not in (".csv", ".tsv", ".txt"):  # a packed one
        return {}
    with path.open(encoding="utf-8", errors="replace") as file:
        header, first = file.readline(), file.readline()
    separator = max(",;\t", key=header.count)
    return {"sep": separator, "decimal": "," if separator != "," and re.search(r"\d,\d", first) else "."}


def _column(table: pd.DataFrame, *names: str | None) -> str:
    """The first of these names that the table has; the first of all where it has none."""
    given = [name for name in names if name is not None]
    return next((name for name in given if name in table.columns), given[0])


def _seconds(column: pd.Series, interval: float) -> NDArray[np.float64]:
    """Seconds since 1970: of times in UTC where they name no zone, of numbers by their size."""
    seconds = _numbered(column)
    if seconds is None:
        seconds = _dated(column)
    seconds = seconds.where(np.isfinite(seconds))
    if seconds.isna().all():
        return np.arange(len(seconds), dtype=np.float64) * interval
    return np.asarray(seconds.ffill().bfill(), dtype=np.float64)


def _numbered(column: pd.Series) -> pd.Series | None:
    """Seconds of a column of numbers; None where most are none. Since 1970 or a start of their own, in the unit of their size."""
    if pd.api.types.is_datetime64_any_dtype(column):
        return None  # pandas would tell them as whole numbers of the unit that they happen to be kept in
    if pd.api.types.is_timedelta64_dtype(column):
        return pd.Series(column.dt.total_seconds())
    numbers = pd.to_numeric(column, errors="coerce").astype(np.float64)
    known = numbers[np.isfinite(numbers)]
    if len(known) <= 0.5 * len(numbers):
        return None
    size = float(known.abs().quantile(interpolation="lower"))  # one that most have: a single wild number says nothing
    return numbers / next((per_second for above, per_second in _UNITS if size > above), 1.0)


def _dated(column: pd.Series) -> pd.Series:
    """Seconds of a column of dates; NaN where one cannot be read."""
    times = pd.to_datetime(column, errors="coerce", utc=True, format="mixed", dayfirst=_day_first(column))
    return ((times - pd.Timestamp(0, tz="UTC")) / pd.Timedelta(seconds=1)).astype(np.float64)


def _day_first(column: pd.Series) -> bool:
    """Whether dates such as 12/01/2024 begin with the day, decided once for all of a column.

    They do where one begins with a number above 12; where none does and none has such a number second, they do if there are more
    different numbers first than second, since days change faster than months. Else the month is first.
    """
    parts = column.astype(str).str.extract(_SLASHED).dropna().astype(np.int64)
    if (parts > _MONTHS).any(axis=None):
        return bool((parts[0] > _MONTHS).any())
    return parts[0].nunique() > parts[1].nunique()
