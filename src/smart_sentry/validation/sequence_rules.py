"""Rules about the order of rows: unique, gap-free from cycle 1, rising, and asset by asset.

Great Expectations looks at one row at a time, so `cycle_steps` first turns neighbourhood into columns that it can judge.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import pandas as pd

from smart_sentry.assets import ASSET_COLUMN, CYCLE_COLUMN
from smart_sentry.errors import Finding
from smart_sentry.validation.findings import count_of, first_rows

KEY = (ASSET_COLUMN, CYCLE_COLUMN)


def cycle_steps(readings: pd.DataFrame) -> pd.DataFrame:
    """What each row's neighbours say about it.

    Assets with a cycle below 1 are left out: the rule `minimum` reports them, and steps from a wrong number mean nothing.

    Args:
        readings: asset_id and cycle as integers, rows in the order in which they came, index 0..n-1.

    Returns:
        asset_id, cycle and, all int64 and 0 where the row is in order, `missing_before` (cycles that the asset lacks right
        before this one), `steps_back` (by how much the cycle is lower than that of the asset's previous row) and `resumes`
        (1 where an asset's rows go on after another's). The index keeps the rows' positions in `readings`.

    >>> cycle_steps(pd.DataFrame({"asset_id": [1, 1, 2, 1], "cycle": [1, 4, 1, 3]})).iloc[:, 2:].to_dict("list")
    {'missing_before': [0, 0, 0, 1], 'steps_back': [0, 0, 0, 1], 'resumes': [0, 0, 0, 1]}
    """
    wrong = readings.loc[readings[CYCLE_COLUMN] < 1, ASSET_COLUMN].unique()
    steps = readings.loc[~readings[ASSET_COLUMN].isin(wrong), list(KEY)].astype("int64")
    ordered = steps.sort_values(list(KEY), kind="stable")
    lower = ordered.groupby(ASSET_COLUMN)[CYCLE_COLUMN].shift(fill_value=0)
    previous = steps.groupby(ASSET_COLUMN)[CYCLE_COLUMN].shift(fill_value=0)
    begins = steps[ASSET_COLUMN] != steps[ASSET_COLUMN].shift()
    seen = steps.groupby(ASSET_COLUMN).cumcount() > 0
    return steps.assign(
        missing_before=(ordered[CYCLE_COLUMN] - lower - 1).clip(lower=0),
        steps_back=(previous - steps[CYCLE_COLUMN]).clip(lower=0),
        resumes=(begins & seen).astype("int64"),
    )


@dataclass(frozen=True)
class UniqueRows:
    """No row repeats another in every column."""

    columns: tuple[str, ...]
    name: ClassVar[str] = "duplicate_row"
    statement: ClassVar[str] = "No row repeats another one in every column."

    def explain(self, readings: pd.DataFrame, rows: Sequence[int]) -> tuple[Finding, ...]:
        copies = readings.duplicated(list(self.columns)).to_numpy().nonzero()[0].tolist()
        message = f"{count_of(len(copies), 'row')} repeating an earlier one in every column"
        return (Finding(self.name, KEY, message, first_rows(readings, copies, ()), "Delete the copies."),)


@dataclass(frozen=True)
class UniqueKey:
    """An asset has each cycle (in the truth: each asset stands) once."""

    columns: tuple[str, ...]

    @property
    def name(self) -> str:
        return "unique_cycle" if CYCLE_COLUMN in self.columns else "unique_asset"

    @property
    def statement(self) -> str:
        return f"{' and '.join(self.columns)} together name one row."

    def explain(self, readings: pd.DataFrame, rows: Sequence[int]) -> tuple[Finding, ...]:
        """Rows that are copies in every column are left to the rule `duplicate_row`."""
        distinct = readings[~readings.duplicated()]
        again = distinct.index[distinct.duplicated(list(self.columns))].tolist()
        if not again:
            return ()
        message = (
            f"{count_of(len(again), 'row')} with the {' and '.join(self.columns)} of an earlier row but other values"
        )
        others = [name for name in readings.columns if name not in self.columns][:1]
        remedy = "Find out which of the rows is right and delete the other, or number the cycles anew."
        return (Finding(self.name, self.columns, message, first_rows(readings, again, others), remedy),)


@dataclass(frozen=True)
class NoGap:
    """Every asset has every cycle from 1 to its last."""

    name: ClassVar[str] = "gap_free"
    columns: ClassVar[tuple[str, ...]] = KEY
    step_column: ClassVar[str] = "missing_before"
    statement: ClassVar[str] = "No cycle of an asset is missing before this one, counted from 1."

    def explain(self, readings: pd.DataFrame, rows: Sequence[int]) -> tuple[Finding, ...]:
        asset_id, cycle = (int(readings[name].iloc[min(rows)]) for name in KEY)
        lower = readings.loc[(readings[ASSET_COLUMN] == asset_id) & (readings[CYCLE_COLUMN] < cycle), CYCLE_COLUMN]
        begin, end = (int(lower.max()) if len(lower) else 0) + 1, cycle - 1
        lacking = f"cycle {end}" if begin == end else f"cycles {begin} to {end}"
        message = f"{count_of(len(rows), 'gap')}; asset_id {asset_id} lacks {lacking}; the rows shown stand after a gap"
        remedy = "Bring the missing rows, or leave the asset out."
        return (Finding(self.name, self.columns, message, first_rows(readings, rows, ()), remedy),)


@dataclass(frozen=True)
class Rising:
    """An asset's rows stand in the order of their cycles."""

    name: ClassVar[str] = "order"
    columns: ClassVar[tuple[str, ...]] = KEY
    step_column: ClassVar[str] = "steps_back"
    statement: ClassVar[str] = "The cycle is not lower than in the asset's row before."

    def explain(self, readings: pd.DataFrame, rows: Sequence[int]) -> tuple[Finding, ...]:
        message = f"{count_of(len(rows), 'row')} with a lower cycle than the row before it of the same asset"
        remedy = "Sort the table by asset_id and cycle; if cycles count a clock that was set back, number them anew."
        return (Finding(self.name, self.columns, message, first_rows(readings, rows, ()), remedy),)


@dataclass(frozen=True)
class Contiguous:
    """The table goes asset by asset."""

    name: ClassVar[str] = "asset_by_asset"
    columns: ClassVar[tuple[str, ...]] = (ASSET_COLUMN,)
    step_column: ClassVar[str] = "resumes"
    statement: ClassVar[str] = "The rows of an asset stand together."

    def explain(self, readings: pd.DataFrame, rows: Sequence[int]) -> tuple[Finding, ...]:
        message = f"rows of an asset go on after another asset's rows, {count_of(len(rows), 'time')}"
        remedy = "Sort the table by asset_id and cycle."
        return (Finding(self.name, self.columns, message, first_rows(readings, rows, ()), remedy),)
