"""A first asset type from a table of readings: every numeric column a sensor, with generous limits and the sampling interval."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from smart_sentry.assets import ASSET_COLUMN, CYCLE_COLUMN, AssetType
from smart_sentry.errors import ConfigurationError, InsufficientData
from smart_sentry.files import write_whole
from smart_sentry.reading_tables import TIME_COLUMN, as_readings, read_table

_RANGES_BEYOND = 100.0
"""Limits are drafted this many observed ranges beyond what was seen: only a person knows what is physically possible."""
_NEVER_SIGNALS = {TIME_COLUMN, ASSET_COLUMN, CYCLE_COLUMN, "flag", "label", "anomaly", "is_faulty", "phase"}
_HEADER = """# Drafted from {source}: {signals} signals, a reading every {seconds:g} s. Mend what is wrong, then run
#   smart-sentry asset check {path}
# unit: write the real one. role: setting for what the operator or controller commands. limits: what is physically possible;
# a value outside is blamed on the sensor. phase: for machines that are switched on and off. features: what its baselines show
# beside the sensors. docs/calibration.md has both.
"""


def draft_asset_type(name: str, data: Path, out: Path) -> AssetType:
    """Writes a drafted asset type.

    Args:
        name: of the new type.
        data: CSV or Parquet: timestamp, asset_id (optional) and one numeric column a signal.
        out: YAML file to write; must not exist.

    Raises:
        ConfigurationError: `out` exists, or the name cannot name an asset type.
        UnreadableData: the table cannot be read. InsufficientData: no column is numeric.
    """
    if out.exists():
        raise ConfigurationError(out, "the file exists already", "Name another asset type, or remove the file first.")
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name):
        raise ConfigurationError("asset new", f"{name!r} cannot name an asset type", "Use letters, digits and _.")
    table = read_table(data)
    columns = [column for column in table.columns if _is_signal(table, str(column))]
    if not columns:
        raise InsufficientData(f"numeric columns of {data}", 0, 1)
    wrong = [str(column) for column in columns if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,63}", str(column))]
    if wrong:
        raise ConfigurationError(
            data, f"columns that cannot name a signal: {', '.join(wrong)}", "Use letters, digits and _, a letter first."
        )
    signals = [_signal(str(column), table[column]) for column in columns]
    head = {"name": name, "description": f"drafted from {data.name}", "cycle_meaning": "one reading"}
    seconds = _sampling_seconds(AssetType.model_validate({**head, "signals": signals}), table, data)
    draft = {**head, "sampling_seconds": seconds, "signals": signals}
    asset_type = AssetType.model_validate(draft)
    text = yaml.safe_dump(draft, sort_keys=False, allow_unicode=True, width=130, default_flow_style=None)
    write_whole(out, _HEADER.format(source=data.name, signals=len(signals), seconds=seconds, path=out) + text)
    return asset_type


def _is_signal(table: pd.DataFrame, column: str) -> bool:
    if column.lower() in _NEVER_SIGNALS:
        return False
    values = table[column]
    if pd.api.types.is_bool_dtype(values):
        return False
    numbers = pd.to_numeric(values, errors="coerce")
    return bool(np.isfinite(numbers.astype(np.float64)).mean() > 0.5)


def _signal(name: str, column: pd.Series) -> dict[str, object]:
    values = pd.to_numeric(column, errors="coerce").to_numpy(np.float64)
    known = values[np.isfinite(values)]
    low, high = float(known.min()), float(known.max())
    beyond = _RANGES_BEYOND * max(high - low, 0.01 * max(abs(low), abs(high)), 1e-6)
    return {"name": name, "unit": "1", "limits": [float(f"{low - beyond:.3g}"), float(f"{high + beyond:.3g}")]}


def _sampling_seconds(draft: AssetType, table: pd.DataFrame, data: Path) -> float:
    """Median time between two readings of an asset."""
    readings = as_readings(data, table, draft)
    seconds, assets = readings.seconds[readings.order], readings.asset_id[readings.order]
    pauses = pd.Series(seconds).groupby(pd.Series(assets)).diff().to_numpy()
    pauses = pauses[np.isfinite(pauses) & (pauses > 0)]
    if not pauses.size:
        return draft.sampling_seconds
    return float(f"{np.clip(np.median(pauses), 1e-4, 86400):.6g}")
