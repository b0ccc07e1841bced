"""A user's CSV or Parquet file into one checked table: asset names as text, ordering columns parsed, signals as numbers.

Values are not judged here (NaN, infinity and readings out of range pass): that is the validation's task. What cannot be read as
the mapping says stops with the file, the column and the first offending rows.
"""

from __future__ import annotations

import csv
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.csv as pa_csv  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]

from smart_sentry.assets import CYCLE_COLUMN, RUL_COLUMN, AssetType
from smart_sentry.datasets.run_to_failure import NAME_COLUMN
from smart_sentry.errors import ConfigurationError, UnreadableData

TIME_COLUMN = "time"
_SHOWN = 3
_EMPTY_CELLS = ["", "NA", "N/A", "NaN", "nan", "NULL", "null", "None"]
"""Texts in a CSV file that stand for a missing value."""
_ZONED = r"[T ]\d{2}.*(?:[zZ]|[+-]\d{2}(?::?\d{2})?)$"
"""A timestamp whose time of day ends in Z or in an offset from UTC."""


def read_user_table(path: Path, asset_type: AssetType, *, rul_required: bool) -> pd.DataFrame:
    """Reads one file as configs/assets/<type>.yaml maps it.

    Args:
        path: a .csv (comma-separated, UTF-8, with a header) or .parquet file.
        asset_type: signals and mapping.
        rul_required: whether a mapped remaining life must be there (a test file may lack it).

    Returns:
        asset_name (str), cycle (int64), rul_cycles (int64, where mapped and there) and one float64 column a signal; rows asset by
        asset in the order of cycle.

    Raises:
        ConfigurationError: the mapping says neither which column counts nor which tells the time.
        UnreadableData: the file cannot be read as mapped; names file, column and first offending rows.
    """
    mapping = asset_type.files
    if mapping.cycle_column is None and mapping.time_column is None:
        problem, remedy = "neither cycle_column nor time_column is set", "Name the column that orders an asset's rows."
        raise ConfigurationError(f"files of asset type {asset_type.name}", problem, remedy)
    source_of = {name: mapping.columns.get(name, name) for name in asset_type.signal_names}
    rul_column = mapping.rul_column if rul_required else None
    ordering = [name for name in (mapping.cycle_column, mapping.time_column, rul_column) if name is not None]
    needed = [mapping.asset_column, *ordering, *source_of.values()]
    raw = _read(path, needed, numeric=set(source_of.values()), optional=mapping.rul_column)
    table = pd.DataFrame({NAME_COLUMN: _names(raw, mapping.asset_column, path)})
    if mapping.time_column is not None:
        table[TIME_COLUMN] = _times(raw[mapping.time_column], path)
    if mapping.cycle_column is not None:
        table[CYCLE_COLUMN] = _whole_numbers(raw[mapping.cycle_column], path)
    if mapping.rul_column in raw:
        table[RUL_COLUMN] = _whole_numbers(raw[mapping.rul_column], path)
    signals = {name: _numbers(raw[source], path) for name, source in source_of.items()}
    return _in_order(pd.concat([table, pd.DataFrame(signals)], axis=1), asset_type, path)


def _read(path: Path, needed: Sequence[str], numeric: Collection[str], optional: str | None) -> pd.DataFrame:
    """The needed columns of a file, and the optional one where it is there.

    Of a CSV file `numeric` columns come as numbers, or all as text if one of them holds text.
    """
    is_csv = path.suffix == ".csv"
    try:
        header = _csv_header(path) if is_csv else list(pq.read_schema(path).names)
        _refuse_header(path, header, needed)
        wanted = list(dict.fromkeys([*needed, *(name for name in header if name == optional)]))
        raw = _read_csv(path, wanted, numeric) if is_csv else _read_parquet(path, wanted)
    except (pa.ArrowInvalid, OSError, UnicodeDecodeError, csv.Error) as error:
        kind = "a CSV file in UTF-8 with a header" if is_csv else "a Parquet file"
        raise UnreadableData(path, kind, f"one that cannot be parsed ({error})", "Export it again.") from error
    if raw.empty:
        raise UnreadableData(path, "rows of readings", "a file without a row", "Export the readings again.")
    return raw


def _refuse_header(path: Path, header: Sequence[str], needed: Sequence[str]) -> None:
    absent = [name for name in dict.fromkeys(needed) if name not in header]
    if absent:
        expected, found = f"the columns {', '.join(absent)}", f"only the columns {', '.join(header) or '(none)'}"
        remedy = "Mend the file, or map the names under `files:` in its configs/assets/<type>.yaml."
        raise UnreadableData(path, expected, found, remedy)
    twice = [name for name in dict.fromkeys(needed) if header.count(name) > 1]
    if twice:
        raise UnreadableData(path, "each column once", f"{', '.join(twice)} twice", "Rename one of them.")


def _csv_header(path: Path) -> list[str]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return next(csv.reader(file), [])


def _read_csv(path: Path, wanted: list[str], numeric: Collection[str]) -> pd.DataFrame:
    """Arrow's reader refuses rows that are longer or shorter than the header; pandas would cut or fill them in silence."""
    types = {name: pa.float64() if name in numeric else pa.string() for name in wanted}
    options = pa_csv.ConvertOptions(
        include_columns=wanted, column_types=types, null_values=_EMPTY_CELLS, strings_can_be_null=True
    )
    one_thread = pa_csv.ReadOptions(use_threads=False)  # with more, a complaint does not number its row
    try:
        return pd.DataFrame(pa_csv.read_csv(path, one_thread, convert_options=options).to_pandas())
    except pa.ArrowInvalid:
        if not numeric:
            raise
        # Text stands in a number: read as text, the offending rows can be shown.
        return _read_csv(path, wanted, ())


def _read_parquet(path: Path, wanted: list[str]) -> pd.DataFrame:
    return pd.DataFrame(pq.read_table(path, columns=wanted).to_pandas(ignore_metadata=True))


def _offending(path: Path, column: pd.Series, wrong: pd.Series, expected: str, remedy: str) -> UnreadableData:
    """An error that shows the first rows where `wrong` holds. Rows are counted from 1, without the header."""
    rows = column[wrong]
    shown = ", ".join(f"{value!r:.40} in row {int(row) + 1}" for row, value in rows.head(_SHOWN).items())  # type: ignore[call-overload]
    more = f" and {len(rows) - _SHOWN} more" if len(rows) > _SHOWN else ""
    return UnreadableData(path, f"{expected} in column {column.name}", f"{shown}{more}", remedy)


def _names(raw: pd.DataFrame, asset_column: str, path: Path) -> pd.Series:
    column = raw[asset_column]
    empty = column.isna() | (column.astype(str).str.strip() == "")
    if empty.any():
        raise _offending(path, column, empty, "the name of an asset", "Name the asset in every row.")
    if pd.api.types.is_float_dtype(column) and (column == column.round()).all():
        column = column.astype("int64")
    return column.astype(str).str.strip()


def _numbers(column: pd.Series, path: Path) -> pd.Series:
    # Times would silently become nanoseconds.
    readable = column.astype(str) if pd.api.types.is_datetime64_any_dtype(column) else column
    numbers = pd.to_numeric(readable, errors="coerce").astype("float64")
    text = numbers.isna() & column.notna()
    if text.any():
        remedy = "Leave a missing reading empty, and write decimals with a point."
        raise _offending(path, column, text, "numbers", remedy)
    return numbers


def _whole_numbers(column: pd.Series, path: Path) -> pd.Series:
    numbers = _numbers(column, path)
    broken = ~np.isfinite(numbers) | (numbers != numbers.round())
    if broken.any():
        raise _offending(
            path, column, broken, "whole numbers", "Count the asset's rows 1, 2, 3, ... without an empty cell."
        )
    return numbers.astype("int64")


def _times(column: pd.Series, path: Path) -> pd.Series:
    """Instants: numbers as they are (seconds of operation, say), timestamps in UTC (those without a zone are taken as UTC)."""
    if pd.api.types.is_numeric_dtype(column) or pd.api.types.is_datetime64_any_dtype(column):
        if column.isna().any():
            raise _offending(path, column, column.isna(), "a time", "Fill in the time of every row.")
        return column
    numbers = pd.to_numeric(column, errors="coerce")
    if numbers.notna().all():
        return numbers
    if numbers.notna().mean() > 0.5:
        raise _offending(path, column, numbers.isna(), "times as numbers", "Mend these rows.")
    text = column.astype("string").str.strip()
    times = pd.to_datetime(text, format="ISO8601", errors="coerce", utc=True)
    if times.isna().any():
        remedy = "Write times as ISO 8601 (2026-03-29T02:00:00Z) or as numbers."
        raise _offending(path, column, times.isna(), "timestamps", remedy)
    zoned = text.str.contains(_ZONED, regex=True).astype(bool)
    if zoned.any() and not zoned.all():
        expected = "either all timestamps with a time zone or none"
        raise _offending(path, column, zoned != zoned.iloc[0], expected, "Write them all in UTC, with a Z.")
    return pd.Series(times)


def _in_order(table: pd.DataFrame, asset_type: AssetType, path: Path) -> pd.DataFrame:
    """Rows asset by asset in the order of cycle (counted here where only the time orders them)."""
    if TIME_COLUMN in table and CYCLE_COLUMN in table:
        _refuse_time_against_cycle(table, asset_type, path)
    elif TIME_COLUMN in table:
        table = table.sort_values([NAME_COLUMN, TIME_COLUMN], kind="stable")
        again = table.duplicated([NAME_COLUMN, TIME_COLUMN])
        if again.any():
            times = table[TIME_COLUMN].rename(str(asset_type.files.time_column))
            remedy = "Remove the repeated rows, or number the rows and map cycle_column."
            raise _offending(path, times, again, "one reading an asset and time", remedy)
        table[CYCLE_COLUMN] = table.groupby(NAME_COLUMN, sort=False).cumcount() + 1
    table = table.sort_values([NAME_COLUMN, CYCLE_COLUMN], kind="stable", ignore_index=True)
    order = [NAME_COLUMN, CYCLE_COLUMN, RUL_COLUMN, *asset_type.signal_names]
    return table[[name for name in order if name in table]]


def _refuse_time_against_cycle(table: pd.DataFrame, asset_type: AssetType, path: Path) -> None:
    by_time = table.sort_values([NAME_COLUMN, TIME_COLUMN, CYCLE_COLUMN], kind="stable")
    falls = by_time.groupby(NAME_COLUMN, sort=False)[CYCLE_COLUMN].diff() < 0
    if falls.any():
        column = by_time[CYCLE_COLUMN].rename(str(asset_type.files.cycle_column))
        remedy = "Mend the times, or map only one of cycle_column and time_column."
        raise _offending(path, column, falls, "cycles that rise with the time", remedy)
