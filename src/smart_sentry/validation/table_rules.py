"""Rules about a table as a whole: its columns, their types, how many rows and which assets it holds.

Every rule is a frozen dataclass with four members: `name`, `columns`, `statement` (what must hold, shown in the Data Docs)
and `explain`, which words a failure that `expectations.py` found. Nothing here decides whether a rule holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import ClassVar, Literal

import pandas as pd

from smart_sentry.assets import ASSET_COLUMN
from smart_sentry.errors import Finding
from smart_sentry.validation.findings import count_of, enumerate_some, first_rows

LATER = "Other checks of this column run once that is mended."


@dataclass(frozen=True)
class ColumnSet:
    """The table has exactly these columns, each once, in any order."""

    columns: tuple[str, ...]
    source: str
    name: ClassVar[str] = "columns"

    @property
    def statement(self) -> str:
        return f"The table has exactly {len(self.columns)} columns: {', '.join(self.columns)}."

    def explain(self, readings: pd.DataFrame, rows: Sequence[int]) -> tuple[Finding, ...]:
        found = [str(name) for name in readings.columns]
        missing = [name for name in self.columns if name not in found]
        extra = [name for name in found if name not in self.columns]
        twice = sorted({name for name in found if found.count(name) > 1})
        facts = [("missing", missing), ("unexpected", extra), ("given twice", twice)]
        message = "; ".join(f"{what}: {enumerate_some(names)}" for what, names in facts if names)
        similar = {name: get_close_matches(name.lower(), missing, n=1, cutoff=0.8) for name in extra}
        renamed = [f"Rename {name} to {match[0]}" for name, match in similar.items() if match]
        mend = f"Mend the table, or the signals and files.columns in {self.source}"
        remedy = f"{' and '.join(renamed) or mend}. {LATER}"
        shown = first_rows(readings, range(min(len(readings), 1)), extra) if extra else ()
        return (Finding(self.name, tuple(missing + extra + twice), message, shown, remedy),)


@dataclass(frozen=True)
class ColumnType:
    """A column is stored as whole numbers (int64), numbers (float64) or text (str)."""

    column: str
    dtype: Literal["int64", "float64", "str"]
    name: ClassVar[str] = "type"

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.column,)

    @property
    def statement(self) -> str:
        return f"{self.column} is stored as {self.dtype}."

    def explain(self, readings: pd.DataFrame, rows: Sequence[int]) -> tuple[Finding, ...]:
        """Whole numbers that are stored as floats only because cells are empty are left to the rule `not_null`."""
        values = readings[self.column]
        positions = [] if self.dtype == "str" else _not_of_type(values, whole=self.dtype == "int64")
        if self.dtype == "int64" and values.dtype == "float64" and values.isna().any() and not positions:
            return ()
        what = "not whole numbers" if self.dtype == "int64" else "not numbers"
        message = f"expected {self.dtype}, found {values.dtype}"
        remedy = f"Convert the column to {self.dtype}."
        if positions:
            message += f": {count_of(len(positions), 'value')} {what}"
            remedy = "Write a number into those cells, or leave the whole asset out."
        shown = first_rows(readings, positions, self.columns)
        return (Finding(self.name, self.columns, message, shown, f"{remedy} {LATER}"),)


def _not_of_type(values: pd.Series, *, whole: bool) -> list[int]:
    """Positions of the filled cells that hold no number, or no whole one."""
    number = pd.to_numeric(values, errors="coerce").astype("float64")
    wrong = values.notna() & (number.isna() | (whole & (number % 1 != 0)))
    return [int(position) for position in wrong.to_numpy().nonzero()[0]]


@dataclass(frozen=True)
class RowCount:
    """The table has exactly `rows` rows where the data set pins them, else at least `at_least`."""

    at_least: int
    rows: int | None = None
    name: ClassVar[str] = "row_count"
    columns: ClassVar[tuple[str, ...]] = ()

    @property
    def _expected(self) -> str:
        pinned = self.rows is not None
        return f"exactly {self.rows} rows" if pinned else f"at least {count_of(self.at_least, 'row')}"

    @property
    def statement(self) -> str:
        return f"The table has {self._expected}."

    def explain(self, readings: pd.DataFrame, rows: Sequence[int]) -> tuple[Finding, ...]:
        have, need = len(readings), self.rows if self.rows is not None else self.at_least
        message = (
            f"expected {self._expected}, found {have} ({abs(need - have)} {'missing' if have < need else 'too many'})"
        )
        remedy = "Rows were added: bring the original file again."
        if have < need:
            remedy = (
                "The file looks truncated: bring the original again, whole." if self.rows else "Bring a longer history."
            )
        shown = first_rows(readings, [have - 1], ()) if have else ()
        return (Finding(self.name, (), message + ("; the last row is shown" if have else ""), shown, remedy),)


@dataclass(frozen=True)
class KnownAssets:
    """The table names exactly these assets."""

    assets: tuple[int, ...]
    origin: str
    name: ClassVar[str] = "known_assets"
    columns: ClassVar[tuple[str, ...]] = (ASSET_COLUMN,)

    @property
    def statement(self) -> str:
        return f"The assets are exactly the {len(self.assets)} of {self.origin}."

    def explain(self, readings: pd.DataFrame, rows: Sequence[int]) -> tuple[Finding, ...]:
        asset_ids = readings[ASSET_COLUMN]
        strange = ~asset_ids.isin(self.assets) & asset_ids.notna()
        unknown = [int(asset_id) for asset_id in asset_ids[strange].unique()]
        missing = sorted(set(self.assets) - set(asset_ids))
        facts, remedies = [], []
        if unknown:
            facts.append(f"{count_of(int(strange.sum()), 'row')} of unknown asset_id {enumerate_some(unknown)}")
            remedies.append("Remove the rows of assets that do not belong here.")
        if missing:
            facts.append(f"no row of asset_id {enumerate_some(missing)}")
            remedies.append("Bring the file again with every asset in it.")
        message = f"expected the {len(self.assets)} assets of {self.origin}, found {'; '.join(facts)}"
        shown = first_rows(readings, strange.to_numpy().nonzero()[0].tolist(), self.columns)
        return (Finding(self.name, self.columns, message, shown, " ".join(remedies)),)
