"""The data set `motor_fleet`: simulated induction motors run to failure on accelerated-life benches, with their ground truth.

Sixty motors run until they fail, forty more are cut off at a random time, as in C-MAPSS. Every motor has its own branch of
the seed: its history depends on the seed and its number alone, never on the size of the fleet.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]

from smart_sentry.assets import ASSET_COLUMN, CYCLE_COLUMN, RUL_COLUMN, AssetType
from smart_sentry.datasets.fetch_report import FetchReport, report_of
from smart_sentry.datasets.motor_bench import PHASES
from smart_sentry.datasets.motor_instruments import SIGNALS
from smart_sentry.datasets.motor_life import MotorLife, branch, draw_cut, live
from smart_sentry.datasets.run_to_failure import RunToFailure
from smart_sentry.errors import DataUnavailable, UnreadableData
from smart_sentry.files import write_whole

NAME = "motor_fleet"
PHASE_COLUMN = "phase"
_TRAIN, _TEST = 0, 1
_READING_COLUMNS = (ASSET_COLUMN, CYCLE_COLUMN, *SIGNALS, PHASE_COLUMN)
_TRUTH_COLUMNS = (ASSET_COLUMN, RUL_COLUMN)


@dataclass(frozen=True)
class MotorFleet:
    """Source of the simulated fleet.

    Attributes:
        asset_type: configs/assets/motor_fleet.yaml.
        seed: any number from 0; the same seed gives the same bytes.
        train_motors: how many run to their failure.
        test_motors: how many are cut off before it.
    """

    asset_type: AssetType
    seed: int = 20
    train_motors: int = 60
    test_motors: int = 40

    def fetch(self, raw_folder: Path) -> FetchReport:
        """Simulates the fleet and writes train, test, rul and motors (the ground truth of every motor) as Parquet.

        The numba kernel is compiled first, which takes about ten seconds in a fresh process.
        """
        train = [live(branch(self.seed, _TRAIN, number)) for number in range(self.train_motors)]
        test, seen_cycles = [], []
        for number in range(self.test_motors):
            rng = branch(self.seed, _TEST, number)
            test.append(live(rng))
            seen_cycles.append(draw_cut(rng, test[-1].life_cycles))
        final_rul = [life.life_cycles - seen for life, seen in zip(test, seen_cycles, strict=True)]
        tables = {
            "train": _readings(train, [life.life_cycles for life in train]),
            "test": _readings(test, seen_cycles),
            "rul": pa.table({ASSET_COLUMN: _numbers(len(test)), RUL_COLUMN: np.array(final_rul, np.int64)}),
            "motors": _motors(train, test),
        }
        paths = [_write_parquet(table, raw_folder / NAME / f"{name}.parquet") for name, table in tables.items()]
        return report_of(paths, f"simulated with seed {self.seed}")

    def load(self, raw_folder: Path) -> RunToFailure:
        """Reads what `fetch` wrote.

        Raises:
            DataUnavailable: a file is missing.
            UnreadableData: a file is not Parquet, or lacks a column.
        """
        folder = raw_folder / NAME
        truth = _read_parquet(folder / "rul.parquet", _TRUTH_COLUMNS)
        return RunToFailure(
            name=NAME,
            asset_type=self.asset_type,
            train=_read_parquet(folder / "train.parquet", _READING_COLUMNS),
            test=_read_parquet(folder / "test.parquet", _READING_COLUMNS),
            test_final_rul_cycles=truth.set_index(ASSET_COLUMN)[RUL_COLUMN],
            truth_source=str(folder / "rul.parquet"),
        )


def _numbers(motors: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.arange(1, motors + 1, dtype=np.int64)


def _readings(lives: list[MotorLife], seen_cycles: list[int]) -> pa.Table:
    """Rows of all motors up to what is seen of each, motor by motor."""
    readings = np.concatenate([life.trace.readings[:seen] for life, seen in zip(lives, seen_cycles, strict=True)])
    phases = np.concatenate([life.trace.phase[:seen] for life, seen in zip(lives, seen_cycles, strict=True)])
    columns = {
        ASSET_COLUMN: np.repeat(_numbers(len(lives)), seen_cycles),
        CYCLE_COLUMN: np.concatenate([_numbers(seen) for seen in seen_cycles]),
        **{name: readings[:, column] for column, name in enumerate(SIGNALS)},
        PHASE_COLUMN: np.array(PHASES)[phases],
    }
    return pa.table(columns)


def _motors(train: list[MotorLife], test: list[MotorLife]) -> pa.Table:
    """What no sensor tells: the fault that each motor died of, and when."""
    lives = [*train, *test]
    return pa.table(
        {
            "split": ["train"] * len(train) + ["test"] * len(test),
            ASSET_COLUMN: np.concatenate([_numbers(len(train)), _numbers(len(test))]),
            "fault_mode": [life.fault_mode for life in lives],
            "life_cycles": np.array([life.life_cycles for life in lives], np.int64),
        }
    )


def _write_parquet(table: pa.Table, path: Path) -> Path:
    return write_whole(path, lambda part: pq.write_table(table, part, compression="zstd"))


def _read_parquet(path: Path, columns: tuple[str, ...]) -> pd.DataFrame:
    remedy = f"Run `smart-sentry data get {NAME}`."
    if not path.is_file():
        raise DataUnavailable(NAME, [str(path)], remedy)
    try:
        table = pq.read_table(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise UnreadableData(path, "a Parquet file", f"one that cannot be read ({error})", remedy) from error
    absent = [name for name in columns if name not in table.column_names]
    if absent:
        found = f"no {', '.join(absent)} among {', '.join(table.column_names)}"
        raise UnreadableData(path, f"the columns {', '.join(columns)}", found, remedy)
    return pd.DataFrame(table.select(list(columns)).to_pandas())
