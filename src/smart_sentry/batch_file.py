"""A file of readings scored row by row: the batch route of the one online path."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from smart_sentry.assets import ASSET_COLUMN, CYCLE_COLUMN
from smart_sentry.bundle import load_bundle
from smart_sentry.errors import UnreadableData
from smart_sentry.files import write_whole


def predict_file(bundle_folder: Path, readings_file: Path, out: Path) -> int:
    """Scores a file and writes one row for each row in, in the same order.

    Args:
        bundle_folder: a model bundle.
        readings_file: CSV or Parquet with asset_id, cycle and one column a signal; an asset's rows in the order of time.
        out: CSV to write, whole or not at all.

    Returns:
        rows scored.

    Raises:
        UnreadableData: the file is missing, lacks a column, or holds something else than finite numbers.
    """
    bundle = load_bundle(bundle_folder)
    readings = _read(readings_file)
    names = list(bundle.manifest.asset_type.signal_names)
    missing = [name for name in (ASSET_COLUMN, CYCLE_COLUMN, *names) if name not in readings.columns]
    if missing:
        raise UnreadableData(readings_file, f"columns {', '.join(missing)}", f"columns {', '.join(readings.columns)}",
                             "Rename or add them and try again.")  # fmt: skip
    for name in (CYCLE_COLUMN, *names):
        numbers = pd.to_numeric(readings[name], errors="coerce")
        bad = readings.index[~numbers.abs().lt(float("inf"))]
        if len(bad):
            raise UnreadableData(readings_file, f"finite numbers in {name}", f"{readings.at[bad[0], name]!r} in data row {bad[0] + 1}",
                                 "Mend or drop these rows and try again.")  # fmt: skip
        readings[name] = numbers
    predictions = bundle.predict_frame(readings)
    write_whole(out, lambda part: predictions.to_csv(part, index=False))
    return len(predictions)


def _read(path: Path) -> pd.DataFrame:
    if not path.is_file():
        raise UnreadableData(path, "a CSV or Parquet file", "no file", "Check the path.")
    try:
        return pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
    except (ValueError, OSError) as error:
        raise UnreadableData(
            path, "a CSV or Parquet file", str(error), "Check that it is whole and in that format."
        ) from error
