"""A file of readings scored row by row: the batch route of the one online path."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from smart_sentry.assets import ASSET_COLUMN, CYCLE_COLUMN, AssetType
from smart_sentry.bundle import load_bundle
from smart_sentry.errors import UnreadableData
from smart_sentry.files import write_whole

_MEND = "Mend or drop these rows and try again."


def predict_file(bundle_folder: Path, readings_file: Path, out: Path) -> int:
    """Scores a file and writes one row for each row in, in the same order.

    Args:
        bundle_folder: a model bundle.
        readings_file: CSV or Parquet with asset_id, cycle and one column a signal; an asset's rows in the order of time.
        out: CSV to write, whole or not at all.

    Returns:
        rows scored.

    Raises:
        UnreadableData: the file is missing or empty, lacks a column, names no asset, holds something else than finite numbers
            within the signals' limits, or an asset's cycles do not rise.
    """
    bundle = load_bundle(bundle_folder)
    readings = _checked(readings_file, _read(readings_file), bundle.manifest.asset_type)
    predictions = bundle.predict_frame(readings)
    write_whole(out, lambda part: predictions.to_csv(part, index=False))
    return len(predictions)


def _read(path: Path) -> pd.DataFrame:
    if not path.is_file():
        raise UnreadableData(path, "a CSV or Parquet file", "no file", "Check the path.")
    try:
        if path.suffix == ".parquet":
            return pd.read_parquet(path).reset_index(drop=True)
        return pd.read_csv(path, dtype={ASSET_COLUMN: str})  # names stay as they are: 007 is not 7
    except (ValueError, OSError) as error:
        remedy = "Check that it is whole and in that format."
        raise UnreadableData(path, "a CSV or Parquet file", str(error), remedy) from error


def _checked(path: Path, readings: pd.DataFrame, asset_type: AssetType) -> pd.DataFrame:
    """The readings with numbers for numbers; what a person has to mend is told with its first row."""
    missing = [name for name in (ASSET_COLUMN, CYCLE_COLUMN, *asset_type.signal_names) if name not in readings.columns]
    if missing:
        found = f"columns {', '.join(str(name) for name in readings.columns)}"
        raise UnreadableData(path, f"columns {', '.join(missing)}", found, "Rename or add them and try again.")
    if readings.empty:
        raise UnreadableData(path, "at least one row", "none", "Add readings and try again.")
    _refuse(path, readings, ASSET_COLUMN, f"an asset's name in {ASSET_COLUMN}", readings[ASSET_COLUMN].isna())
    numbers = {CYCLE_COLUMN: _numbers(path, readings, CYCLE_COLUMN)}
    before = numbers[CYCLE_COLUMN].groupby(readings[ASSET_COLUMN]).shift()
    fallen = numbers[CYCLE_COLUMN] <= before
    _refuse(path, readings, CYCLE_COLUMN, f"{CYCLE_COLUMN} rising within each asset", fallen)
    for signal in asset_type.signals:
        low, high = signal.limits
        numbers[signal.name] = _numbers(path, readings, signal.name)
        outside = ~numbers[signal.name].between(low, high)
        _refuse(path, readings, signal.name, f"{signal.name} in [{low:g}, {high:g}] {signal.unit}", outside)
    return readings.assign(**numbers)


def _numbers(path: Path, readings: pd.DataFrame, column: str) -> pd.Series:
    numbers = pd.to_numeric(readings[column], errors="coerce")
    _refuse(path, readings, column, f"finite numbers in {column}", ~numbers.abs().lt(float("inf")))
    return numbers


def _refuse(path: Path, readings: pd.DataFrame, column: str, expected: str, wrong: pd.Series) -> None:
    if wrong.any():
        row = int(wrong.to_numpy().argmax())
        value = readings[column].iloc[row]
        found = f"{repr(value) if isinstance(value, str) else value} in data row {row + 1}"
        more = int(wrong.sum()) - 1
        raise UnreadableData(path, expected, f"{found} and {more} more" if more else found, _MEND)
