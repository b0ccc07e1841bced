"""The wording of findings that all rules share."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from smart_sentry.assets import ASSET_COLUMN, CYCLE_COLUMN

SHOWN_ROWS = 3
SHOWN_NAMES = 8


def first_rows(
    readings: pd.DataFrame, positions: Sequence[int], columns: Sequence[str]
) -> tuple[dict[str, object], ...]:
    """The first offending rows: position from 1, asset and cycle where the table has them, and the values of `columns`.

    Args:
        readings: the table.
        positions: offending rows, counted from 0.
        columns: columns whose values are shown.

    >>> first_rows(pd.DataFrame({"asset_id": [1, 1], "cycle": [1, 2], "oil_degC": [80.0, 900.0]}), [1], ["oil_degC"])
    ({'row': 2, 'asset_id': 1, 'cycle': 2, 'oil_degC': 900.0},)
    """
    names = list(readings.columns)
    shown = [name for name in dict.fromkeys((ASSET_COLUMN, CYCLE_COLUMN, *columns)) if names.count(name) == 1]
    return tuple(
        {"row": position + 1} | {name: _plain(readings[name].iloc[position]) for name in shown}
        for position in sorted(positions)[:SHOWN_ROWS]
    )


def _plain(value: object) -> object:
    """A Python value for a NumPy scalar; floats keep six digits, enough to find them in a file."""
    plain = value.item() if isinstance(value, np.generic) else value
    return float(f"{plain:.6g}") if isinstance(plain, float) else plain


def enumerate_some(names: Sequence[object]) -> str:
    """At most eight of them, and how many more there are.

    >>> enumerate_some(range(1, 11))
    '1, 2, 3, 4, 5, 6, 7, 8 and 2 more'
    """
    more = len(names) - SHOWN_NAMES
    return ", ".join(str(name) for name in names[:SHOWN_NAMES]) + (f" and {more} more" if more > 0 else "")


def count_of(number: int, what: str) -> str:
    """A number with its noun in the right form.

    >>> count_of(1, "row"), count_of(2, "row")
    ('1 row', '2 rows')
    """
    return f"{number} {what}{'' if number == 1 else 's'}"
