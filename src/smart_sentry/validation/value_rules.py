"""Rules about single values: not empty, finite, within the signal's limits, counted from 1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from smart_sentry.errors import Finding
from smart_sentry.validation.findings import count_of, first_rows
from smart_sentry.validation.units import conversion, suspected_unit, unit_name


@dataclass(frozen=True)
class NotNull:
    """No cell of the column is empty."""

    column: str
    name: ClassVar[str] = "not_null"

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.column,)

    @property
    def statement(self) -> str:
        return f"{self.column} has a value in every row."

    def explain(self, readings: pd.DataFrame, rows: Sequence[int]) -> tuple[Finding, ...]:
        message = f"{len(rows)} of {count_of(len(readings), 'value')} empty (NaN)"
        remedy = "Fill the cells from the source; nothing is repaired silently here."
        return (Finding(self.name, self.columns, message, first_rows(readings, rows, self.columns), remedy),)


@dataclass(frozen=True)
class WithinLimits:
    """Every value is finite and lies within the signal's physical limits, inclusive, in `unit`."""

    column: str
    unit: str
    limits: tuple[float, float]
    source: str
    name: ClassVar[str] = "range"

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.column,)

    @property
    def statement(self) -> str:
        return f"{self.column} is finite and within [{self.limits[0]:g}, {self.limits[1]:g}] {unit_name(self.unit)}."

    def explain(self, readings: pd.DataFrame, rows: Sequence[int]) -> tuple[Finding, ...]:
        """Infinite values break the rule `finite`, the others `range`."""
        positions = np.asarray(rows, dtype=np.int64)
        infinite = np.isinf(readings[self.column].to_numpy(dtype=np.float64)[positions])
        findings = []
        if infinite.any():
            findings.append(self._infinite(readings, positions[infinite]))
        if not infinite.all():
            findings.append(self._out_of_range(readings, positions[~infinite]))
        return tuple(findings)

    def _infinite(self, readings: pd.DataFrame, positions: NDArray[np.int64]) -> Finding:
        message = f"{len(positions)} of {count_of(len(readings), 'value')} infinite"
        remedy = "Find the division by zero or the overflow at the source and export the readings again."
        return Finding("finite", self.columns, message, first_rows(readings, positions.tolist(), self.columns), remedy)

    def _out_of_range(self, readings: pd.DataFrame, positions: NDArray[np.int64]) -> Finding:
        values = readings[self.column].to_numpy(dtype=np.float64)
        low, high = self.limits
        fitting = values[(values >= low) & (values <= high)]
        suspect = suspected_unit(self.unit, self.limits, values[positions], fitting)
        unit = unit_name(self.unit)
        message = f"{len(positions)} of {count_of(len(readings), 'value')} outside [{low:g}, {high:g}] {unit}"
        remedy = f"Correct the values, or the limits and unit of {self.column} in {self.source}."
        if suspect:
            message += f"; looks like {unit_name(suspect)} instead of {unit}"
            remedy = f"Convert them ({conversion(suspect, self.unit)}), or correct unit and limits in {self.source}."
        return Finding(self.name, self.columns, message, first_rows(readings, positions.tolist(), self.columns), remedy)


@dataclass(frozen=True)
class AtLeast:
    """Every value is at least `low`: assets and cycles count from 1, remaining life from 0."""

    column: str
    low: int
    remedy: str
    name: ClassVar[str] = "minimum"

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.column,)

    @property
    def statement(self) -> str:
        return f"{self.column} is at least {self.low}."

    def explain(self, readings: pd.DataFrame, rows: Sequence[int]) -> tuple[Finding, ...]:
        message = f"{len(rows)} of {count_of(len(readings), 'value')} below {self.low}"
        return (Finding(self.name, self.columns, message, first_rows(readings, rows, self.columns), self.remedy),)


@dataclass(frozen=True)
class DistinctValues:
    """Never fails: makes the number of distinct values of a signal visible, 1 for a constant one."""

    column: str
    name: ClassVar[str] = "distinct_values"

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.column,)

    @property
    def statement(self) -> str:
        return f"Report only: how many distinct values {self.column} takes (1: constant in the whole fleet)."

    def explain(self, readings: pd.DataFrame, rows: Sequence[int]) -> tuple[Finding, ...]:
        return ()
