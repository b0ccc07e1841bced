"""Users' own run-to-failure files: data/raw/<type>/train.csv or .parquet, and test.csv or .parquet where there is one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from smart_sentry.assets import ASSET_COLUMN, CYCLE_COLUMN, RUL_COLUMN, AssetType
from smart_sentry.datasets.fetch_report import FetchReport, report_of
from smart_sentry.datasets.run_to_failure import NAME_COLUMN, RunToFailure
from smart_sentry.datasets.user_split import split_by_asset
from smart_sentry.datasets.user_tables import read_user_table
from smart_sentry.errors import DataUnavailable, InsufficientData, UnreadableData

SUFFIXES = (".csv", ".parquet")


@dataclass(frozen=True)
class UserFiles:
    """Source of a user's data set, which is named like its asset type.

    Attributes:
        asset_type: signals and the mapping of columns.
        test_share: share of the assets that are set aside where there is no test file.
        seed: of that split.
    """

    asset_type: AssetType
    test_share: float = 0.3
    seed: int = 20

    def fetch(self, raw_folder: Path) -> FetchReport:
        """Finds the files; nothing is copied.

        Raises:
            DataUnavailable: there is no train file.
            UnreadableData: there are two train files, or two test files.
        """
        folder = raw_folder / self.asset_type.name
        train, test = self._train(folder), find_file(folder, "test")
        return report_of([train, *([test] if test else [])], str(folder), [] if test else ["test"])

    def load(self, raw_folder: Path) -> RunToFailure:
        """Reads the files as the asset type maps them.

        Text names become numbers in sorted order over both files (whole numbers stay what they are); `asset_names` has them.
        Without a test file `test_share` of the assets are set aside and cut off at a random time.

        Raises:
            ConfigurationError: the mapping names no ordering column.
            DataUnavailable: there is no train file.
            UnreadableData: a file cannot be read as mapped, or a train asset does not run to its failure.
            InsufficientData: the train file holds fewer than two assets.
        """
        folder = raw_folder / self.asset_type.name
        train_path, test_path = self._train(folder), find_file(folder, "test")
        train = read_user_table(train_path, self.asset_type, rul_required=True)
        _refuse_broken_countdown(train, train_path)
        _refuse_survivors(train, train_path)
        assets = train[NAME_COLUMN].nunique()
        if assets < 2:
            raise InsufficientData(f"assets that ran to failure in {train_path}", assets, 2)
        final: pd.Series | None
        if test_path is None:
            train, test, final = split_by_asset(train, self.test_share, self.seed)
            truth_source = str(train_path)
        else:
            test = read_user_table(test_path, self.asset_type, rul_required=False)
            _refuse_broken_countdown(test, test_path)
            final = test.groupby(NAME_COLUMN)[RUL_COLUMN].last() if RUL_COLUMN in test else None
            truth_source = f"{test_path}, column {self.asset_type.files.rul_column or '(none: set rul_column)'}"
        codes = _codes(pd.concat([train[NAME_COLUMN], test[NAME_COLUMN]]))
        return RunToFailure(
            name=self.asset_type.name,
            asset_type=self.asset_type,
            train=self._coded(train, codes),
            test=self._coded(test, codes),
            test_final_rul_cycles=None if final is None else _coded_truth(final, codes),
            truth_source=truth_source,
            asset_names=pd.Series(codes.index, index=pd.Index(codes, name=ASSET_COLUMN), name=NAME_COLUMN),
        )

    def _train(self, folder: Path) -> Path:
        path = find_file(folder, "train")
        if path is None:
            remedy = f"Put the run-to-failure histories there; configs/assets/{self.asset_type.name}.yaml maps their columns."
            raise DataUnavailable(self.asset_type.name, [str(folder / f"train{suffix}") for suffix in SUFFIXES], remedy)
        return path

    def _coded(self, table: pd.DataFrame, codes: pd.Series) -> pd.DataFrame:
        coded = table.assign(**{ASSET_COLUMN: table[NAME_COLUMN].map(codes)})
        coded = coded.sort_values([ASSET_COLUMN, CYCLE_COLUMN], kind="stable", ignore_index=True)
        return coded[[ASSET_COLUMN, CYCLE_COLUMN, *self.asset_type.signal_names]]


def find_file(folder: Path, stem: str) -> Path | None:
    """data/raw/<type>/<stem>.csv or .parquet.

    Raises:
        UnreadableData: both stand there.
    """
    found = [folder / f"{stem}{suffix}" for suffix in SUFFIXES if (folder / f"{stem}{suffix}").is_file()]
    if len(found) > 1:
        names = " and ".join(path.name for path in found)
        raise UnreadableData(folder, f"one {stem} file", names, "Remove the one that is not to be used.")
    return found[0] if found else None


def _codes(names: pd.Series) -> pd.Series:
    """Integer code of every name: the number itself where all names are whole numbers, else 1, 2, ... in sorted order."""
    distinct = sorted(names.unique())
    whole = [int(name) for name in distinct if name.lstrip("-").isdecimal() and str(int(name)) == name]
    values = whole if len(whole) == len(distinct) else range(1, len(distinct) + 1)
    return pd.Series(values, index=pd.Index(distinct, name=NAME_COLUMN), dtype="int64").sort_values()


def _coded_truth(final: pd.Series, codes: pd.Series) -> pd.Series:
    index = pd.Index(codes.loc[final.index].to_numpy(), name=ASSET_COLUMN)
    return pd.Series(final.to_numpy(), index=index, name=RUL_COLUMN, dtype="int64").sort_index()


def _refuse_broken_countdown(table: pd.DataFrame, path: Path) -> None:
    """A mapped remaining life must fall by one with every cycle: a capped or scaled one would give wrong labels."""
    if RUL_COLUMN not in table:
        return
    failure_cycle = table[CYCLE_COLUMN] + table[RUL_COLUMN]
    broken = failure_cycle != failure_cycle.groupby(table[NAME_COLUMN]).transform("last")
    if broken.any():
        row = table[broken].iloc[0]
        found = f"{row[RUL_COLUMN]} at cycle {row[CYCLE_COLUMN]} of asset {row[NAME_COLUMN]}, which does not"
        remedy = "Write it uncapped and in cycles, or leave rul_column out: the last row is then the failure."
        raise UnreadableData(path, "a remaining life that falls by one with every cycle", found, remedy)


def _refuse_survivors(train: pd.DataFrame, path: Path) -> None:
    if RUL_COLUMN not in train:
        return
    last = train.groupby(NAME_COLUMN)[RUL_COLUMN].last()
    survivors = last[last != 0]
    if len(survivors):
        found = f"asset {survivors.index[0]} with {survivors.iloc[0]} cycles left at its last row"
        remedy = "Move assets that did not fail to the test file."
        raise UnreadableData(path, "train assets that run to their failure (remaining life 0)", found, remedy)
