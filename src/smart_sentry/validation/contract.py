"""What must hold for one table of a data set, derived from its asset type and from what the data set pins. Pure.

The signals of configs/assets/<type>.yaml give the columns and limits; a data set that is published once (C-MAPSS) also
pins how many rows and assets each split has.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pandas as pd

from smart_sentry.assets import ASSET_COLUMN, CYCLE_COLUMN, RUL_COLUMN, AssetType
from smart_sentry.errors import Finding
from smart_sentry.validation.sequence_rules import Contiguous, NoGap, Rising, UniqueKey, UniqueRows
from smart_sentry.validation.table_rules import ColumnSet, ColumnType, KnownAssets, RowCount
from smart_sentry.validation.value_rules import AtLeast, DistinctValues, NotNull, WithinLimits

PHASE_COLUMN = "phase"
"""Text column that sources with a known operating phase add to the readings."""


class Rule(Protocol):
    """One thing that must hold, and how its failure is worded."""

    @property
    def name(self) -> str: ...

    @property
    def columns(self) -> tuple[str, ...]: ...

    @property
    def statement(self) -> str: ...

    def explain(self, readings: pd.DataFrame, rows: Sequence[int]) -> tuple[Finding, ...]:
        """Findings for a table that breaks the rule.

        Args:
            readings: the table, index 0..n-1.
            rows: positions of the offending rows, from 0; empty where the rule is about the whole table.

        Returns:
            Nothing where another rule says it better.
        """
        ...


@dataclass(frozen=True)
class SplitCounts:
    """What a data set pins of one split: its number of rows, and its assets, which are numbered from 1 to `assets`."""

    rows: int
    assets: int


PinnedCounts = Mapping[str, SplitCounts]
"""Counts by split, "train" and "test"."""


@dataclass(frozen=True)
class Contract:
    """Everything that must hold for one table.

    Attributes:
        dataset: the data set's name, e.g. "FD001".
        asset_type: the asset type's name, e.g. "turbofan".
        split: "train", "test" or "truth".
        rules: in the order in which their findings are told: structure first.
    """

    dataset: str
    asset_type: str
    split: str
    rules: tuple[Rule, ...]

    @property
    def suite_name(self) -> str:
        """The name of its expectation suite, safe as a file name, e.g. "turbofan.FD001.train"."""
        return ".".join(re.sub(r"[^A-Za-z0-9_-]", "_", part) for part in (self.asset_type, self.dataset, self.split))

    @property
    def reported_signals(self) -> tuple[str, ...]:
        """The signals whose standing still is reported."""
        return tuple(rule.column for rule in self.rules if isinstance(rule, DistinctValues))


def readings_contract(
    asset_type: AssetType, dataset: str, split: str, pinned: SplitCounts | None = None, labelled_phases: bool = False
) -> Contract:
    """The contract of a table of readings.

    Args:
        asset_type: gives columns, limits and units.
        dataset: the data set's name.
        split: "train" or "test".
        pinned: exact counts. None: a train table must be longer than the failure horizon (else no row of it is healthy),
            a test table must hold a row.
        labelled_phases: whether the table has the text column `phase`.
    """
    source = f"configs/assets/{asset_type.name}.yaml"
    labels = (PHASE_COLUMN,) if labelled_phases else ()
    columns = (ASSET_COLUMN, CYCLE_COLUMN, *asset_type.signal_names, *labels)
    at_least = asset_type.failure.horizon_cycles + 1 if split == "train" else 1
    rules: list[Rule] = [ColumnSet(columns, source)]
    rules += [ColumnType(name, "int64") for name in (ASSET_COLUMN, CYCLE_COLUMN)]
    rules += [ColumnType(name, "float64") for name in asset_type.signal_names]
    rules += [ColumnType(name, "str") for name in labels]
    rules += [RowCount(at_least, pinned.rows if pinned else None)]
    rules += [KnownAssets(tuple(range(1, pinned.assets + 1)), f"{dataset} {split}")] if pinned else []
    rules += [NotNull(name) for name in columns]
    rules += [AtLeast(name, 1, f"Number the {name}s from 1.") for name in (ASSET_COLUMN, CYCLE_COLUMN)]
    rules += [WithinLimits(s.name, s.unit, s.limits, source) for s in asset_type.signals]
    rules += [UniqueRows(columns), UniqueKey((ASSET_COLUMN, CYCLE_COLUMN)), NoGap(), Rising(), Contiguous()]
    rules += [DistinctValues(name) for name in asset_type.signal_names]
    return Contract(dataset, asset_type.name, split, tuple(rules))


def truth_contract(asset_type: AssetType, dataset: str, test_assets: Iterable[int]) -> Contract:
    """The contract of the true remaining life at each test asset's last row: asset_id, rul_cycles, each asset once."""
    columns = (ASSET_COLUMN, RUL_COLUMN)
    assets = tuple(sorted({int(asset_id) for asset_id in test_assets}))
    rules: list[Rule] = [ColumnSet(columns, f"configs/assets/{asset_type.name}.yaml")]
    rules += [ColumnType(name, "int64") for name in columns]
    rules += [KnownAssets(assets, f"the test readings of {dataset}"), UniqueRows(columns), UniqueKey((ASSET_COLUMN,))]
    rules += [NotNull(name) for name in columns]
    rules += [AtLeast(RUL_COLUMN, 0, "Remaining life counts the cycles still to run: correct the truth file.")]
    return Contract(dataset, asset_type.name, "truth", tuple(rules))


def can_be_checked(rule: Rule, readings: pd.DataFrame) -> bool:
    """Whether the columns that a rule is about are there, once, and are numbers where it calculates with them.

    A rule that cannot be checked never passes unseen: `columns` or `type` fails then.
    """
    if isinstance(rule, ColumnSet):
        return True
    columns = list(readings.columns)
    if any(columns.count(name) != 1 for name in rule.columns):
        return False
    if isinstance(rule, NoGap | Rising | Contiguous):
        return {ASSET_COLUMN, CYCLE_COLUMN} <= set(columns) and all(
            readings[name].dtype == np.int64 for name in (ASSET_COLUMN, CYCLE_COLUMN)
        )
    if isinstance(rule, AtLeast | WithinLimits | DistinctValues | KnownAssets):
        return all(_is_number(readings[name]) for name in rule.columns)
    return True


def _is_number(values: pd.Series) -> bool:
    return isinstance(values.dtype, np.dtype) and values.dtype.kind in "iuf"
