"""C-MAPSS text files into tables: space-separated numbers, no header; a bad line is named."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from smart_sentry.assets import ASSET_COLUMN, CYCLE_COLUMN
from smart_sentry.errors import UnreadableData

_REMEDY = "Delete the file and run `smart-sentry data get`."


def read_readings(path: Path, signal_names: Sequence[str]) -> pd.DataFrame:
    """Reads train_FD00x.txt or test_FD00x.txt: unit, cycle, three settings, 21 sensors.

    "nan" and "inf" are numbers here: judging values is the validation's task, not the parser's.

    Returns:
        asset_id and cycle (int64) and one float64 column a signal, in the order of the file.

    Raises:
        UnreadableData: a line has another number of columns, or text in place of a number; names line and finding.
    """
    names = [ASSET_COLUMN, CYCLE_COLUMN, *signal_names]
    try:
        table = pd.read_csv(
            path, sep=r"\s+", header=None, quoting=csv.QUOTE_NONE, keep_default_na=False, na_values=["nan", "NaN"]
        )
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise _complaint(path, names) or UnreadableData(path, _expected(names), str(error), _REMEDY) from error
    # The parser fills a short line with NaN and turns a column with text into objects: only then are lines looked at.
    suspicious = table.shape[1] != len(names) or any(dtype.kind not in "if" for dtype in table.dtypes)
    if suspicious or table.dtypes.iloc[:2].map(lambda dtype: dtype.kind != "i").any() or table.isna().to_numpy().any():
        complaint = _complaint(path, names)
        if complaint is not None:
            raise complaint
    table.columns = pd.Index(names)
    kinds = dict.fromkeys(names[:2], np.int64) | dict.fromkeys(names[2:], np.float64)
    return table.astype(kinds)


def read_final_rul(path: Path) -> NDArray[np.int64]:
    """Reads RUL_FD00x.txt: the remaining life of each test engine at its last row, in cycles, shape (engines,).

    Raises:
        UnreadableData: a line is not one whole number at or above zero; names line and finding.
    """
    values = []
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
        fields = line.split()
        if not fields:
            continue
        if len(fields) != 1 or not fields[0].isdecimal():
            expected = "one whole number of cycles, 0 or more, in every line"
            raise UnreadableData(path, expected, f"{line.strip()!r:.60} in line {number}", _REMEDY)
        values.append(int(fields[0]))
    return np.array(values, dtype=np.int64)


def _expected(names: Sequence[str]) -> str:
    return f"{len(names)} numbers a line ({', '.join(names[:3])}, ...)"


def _complaint(path: Path, names: Sequence[str]) -> UnreadableData | None:
    """The first line that is not what it should be; None where all lines are."""
    lines = 0
    with path.open(encoding="utf-8", errors="replace") as file:
        for number, line in enumerate(file, start=1):
            fields = line.split()
            lines += bool(fields)
            if fields and len(fields) != len(names):
                return UnreadableData(path, _expected(names), f"{len(fields)} columns in line {number}", _REMEDY)
            for name, field in zip(names, fields, strict=False):
                if not _is_number(field, whole=name in (ASSET_COLUMN, CYCLE_COLUMN)):
                    return UnreadableData(path, _expected(names), f"{field!r:.40} as {name} in line {number}", _REMEDY)
    return None if lines else UnreadableData(path, _expected(names), "an empty file", _REMEDY)


def _is_number(field: str, *, whole: bool) -> bool:
    try:
        value = float(field)
    except ValueError:
        return False
    return value.is_integer() if whole else True
