"""A first asset type from a table of readings: numeric columns are sensors with generous limits, at their own interval."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from smart_sentry.assets import ASSET_COLUMN, CYCLE_COLUMN, AssetType
from smart_sentry.errors import ConfigurationError, InsufficientData
from smart_sentry.files import write_whole
from smart_sentry.reading_tables import TIME_COLUMN, as_readings, numbers_of, read_table

_RANGES_BEYOND = 100.0
"""Limits are drafted this many observed ranges or sizes beyond what was seen: only a person knows what is physically possible."""
_NEVER_MOVED_BEYOND = 1e9
"""Of a column that never moved nobody can tell what is possible: a switch that trips must not be taken for a broken sensor."""
_TIMES = {"timestamp", "datetime", "time", "date", "ts"}
_COUNTS = {"index", "id", "row", "rowid", "rownumber", "no", "nr"}
_NEVER_SIGNALS = {
    "flag",
    "phase",
    "rul",
    "rulcycles",
    "rulhours",
    "ttf",
    "timetofailure",
    "traintest",
    "istrain",
    "istest",
}
_LABEL = re.compile(
    r"(is|gt|true|machine)?"
    r"(anomal(y|ies|ous)|outliers?|faults?|faulty|failures?|changepoints?|attacks?(lab.*)?"
    r"|normal(attack)?|labels?|class|target|event|groundtruth)"
    r"(label|flag|class|type|number|no|id|target|p?\d+)?"
)
"""What public data sets call the columns that tell the truth: taken for a signal, one would tell it to the detectors, too."""
_NAME = r"[A-Za-z][A-Za-z0-9_]{0,63}"
_SHOWN = 8
_HEADER = """# Drafted from {source}: {signals} signals, a reading every {seconds:g} s. Mend what is wrong, then run
#   smart-sentry asset check {path}
# unit: write the real one. role: setting for what the operator or controller commands. limits: what is physically possible;
# a value outside is blamed on the sensor. phase: for machines that are switched on and off. features: what its baselines show
# beside the sensors. files: which columns have other names. docs/asset-types.md has them all.
"""


def draft_asset_type(name: str, data: Path, out: Path) -> AssetType:
    """Writes a drafted asset type, whose description tells which columns are no signals and why.

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
    if not re.fullmatch(_NAME, name):
        raise ConfigurationError(
            "asset new", f"{name!r} cannot name an asset type", "Use letters, digits and _, a letter first, 64 at most."
        )
    table = read_table(data)
    files = _mapped(table, "time_column", TIME_COLUMN, _TIMES) | _mapped(
        table, "asset_column", ASSET_COLUMN, {"assetid"}
    )
    spoken_for = {TIME_COLUMN, ASSET_COLUMN, *files.values()}
    why_not = {column: _why_no_signal(table[column], column) for column in table.columns if column not in spoken_for}
    columns = [column for column, why in why_not.items() if why is None]
    if not columns:
        raise InsufficientData(f"columns of {data} that are signals{_left_out(why_not)}", 0, 1)
    names = _names(columns)
    signals = [_signal(signal, table[column]) for signal, column in names.items()]
    head = {
        "name": name,
        "description": f"drafted from {data.name}{_left_out(why_not)}",
        "cycle_meaning": "one reading",
    }
    other_names = {signal: column for signal, column in names.items() if signal != column}
    mapping = files | ({"columns": other_names} if other_names else {})
    last = {"signals": signals} | ({"files": mapping} if mapping else {})
    seconds = _sampling_seconds(AssetType.model_validate(head | last), table, data)
    draft = {**head, "sampling_seconds": seconds, **last}
    asset_type = AssetType.model_validate(draft)
    text = yaml.safe_dump(draft, sort_keys=False, allow_unicode=True, width=130, default_flow_style=None)
    write_whole(out, _HEADER.format(source=data.name, signals=len(signals), seconds=seconds, path=out) + text)
    return asset_type


def _bare(name: str) -> str:
    """A column's name without what people spell differently."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _mapped(table: pd.DataFrame, key: str, usual: str, known_as: set[str]) -> dict[str, str]:
    """The key of `files:` that names a column of the project where it is spelled in another way."""
    if usual in table.columns:
        return {}
    found = next((column for column in table.columns if _bare(column) in known_as), None)
    return {} if found is None else {key: found}


def _why_no_signal(values: pd.Series, column: str) -> str | None:
    """Why a column is not a signal; None where it is one."""
    bare = _bare(column)
    if bare in _TIMES | {CYCLE_COLUMN}:
        return "orders the rows"
    if bare in _NEVER_SIGNALS or _LABEL.fullmatch(bare):
        return "tells what is to be found out"
    found = numbers_of(values)
    known = found[np.isfinite(found)]
    if known.size <= 0.5 * found.size:
        return "no numbers"
    if (bare in _COUNTS or column.startswith("Unnamed:")) and known.size > 1 and np.mean(np.diff(known) == 1.0) > 0.9:
        return "counts the rows"
    return None


def _left_out(why_not: Mapping[str, str | None]) -> str:
    """The columns that are no signals, as the end of a sentence."""
    told = [f"{column} ({why})" for column, why in why_not.items() if why is not None]
    more = f" and {len(told) - _SHOWN} more" if len(told) > _SHOWN else ""
    return f"; left out: {', '.join(told[:_SHOWN])}{more}" if told else ""


def _names(columns: list[str]) -> dict[str, str]:
    """Signal name -> column: the column's own name, or the nearest that a signal may have."""
    taken = {column for column in columns if re.fullmatch(_NAME, column)}
    found: dict[str, str] = {}
    for place, column in enumerate(columns, start=1):
        if column in taken:
            found[column] = column
            continue
        words = re.sub(r"[^A-Za-z0-9]+", "_", column).strip("_")
        nearest = (words if words[:1].isalpha() else f"signal_{words or place}")[:60]
        name, number = nearest, 2
        while name in taken:
            name, number = f"{nearest}_{number}", number + 1
        taken.add(name)
        found[name] = column
    return found


def _signal(name: str, column: pd.Series) -> dict[str, object]:
    values = numbers_of(column)
    known = values[np.isfinite(values)]
    low, high = float(known.min()), float(known.max())
    size = max(abs(low), abs(high), 1.0)
    beyond = _RANGES_BEYOND * max(high - low, size) if high > low else _NEVER_MOVED_BEYOND * size
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
