"""The one shape of run-to-failure data: what every source (C-MAPSS, the simulated fleet, users' files) delivers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pandas as pd

from smart_sentry.assets import ASSET_COLUMN, CYCLE_COLUMN, RUL_COLUMN, AssetType
from smart_sentry.datasets.fetch_report import FetchReport
from smart_sentry.errors import TruthMissing

NAME_COLUMN = "asset_name"


@dataclass(frozen=True)
class RunToFailure:
    """A fleet observed until failure (train) and one observed for a part of its life (test).

    Attributes:
        name: the data set, e.g. "FD001".
        asset_type: signals, units, limits and failure horizon.
        train: asset_id (int64), cycle (int64, from 1), one float64 column a signal; every asset runs to its failure.
            Sources that know it add `phase` (str). Rows stand asset by asset, in the order of cycle.
        test: the same columns; assets are cut off before their failure.
        test_final_rul_cycles: remaining life at each test asset's last row, indexed by asset_id, in cycles;
            None where nobody knows it.
        truth_source: where that truth is expected, for the error message.
        asset_names: what the users call the assets, indexed by asset_id; None where the numbers are the names.
    """

    name: str
    asset_type: AssetType
    train: pd.DataFrame
    test: pd.DataFrame
    test_final_rul_cycles: pd.Series | None
    truth_source: str
    asset_names: pd.Series | None = None

    def test_truth(self) -> pd.Series:
        """Remaining life of every test row in cycles, aligned with `test`.

        Raises:
            TruthMissing: the remaining life at the last rows is not known.
        """
        if self.test_final_rul_cycles is None:
            raise TruthMissing(self.name, self.truth_source)
        final = self.test[ASSET_COLUMN].map(self.test_final_rul_cycles)
        return (cycles_to_last_row(self.test) + final).rename(RUL_COLUMN).astype("int64")

    def train_truth(self) -> pd.Series:
        """Remaining life of every train row in cycles, aligned with `train`; 0 at each asset's failure."""
        return cycles_to_last_row(self.train)


def cycles_to_last_row(readings: pd.DataFrame) -> pd.Series:
    """Cycles from each row to the last row of its asset.

    >>> cycles_to_last_row(pd.DataFrame({"asset_id": [1, 1, 1, 2], "cycle": [1, 2, 3, 1]})).tolist()
    [2, 1, 0, 0]
    """
    last = readings.groupby(ASSET_COLUMN, sort=False)[CYCLE_COLUMN].transform("max")
    return (last - readings[CYCLE_COLUMN]).rename(RUL_COLUMN).astype("int64")


class Source(Protocol):
    """Where a data set comes from. One file a source in this package; `catalog.py` maps names to them."""

    def fetch(self, raw_folder: Path) -> FetchReport:
        """Brings the raw files into `raw_folder`, checked and whole, or raises without leaving a part."""
        ...

    def load(self, raw_folder: Path) -> RunToFailure:
        """Parses the raw files."""
        ...
