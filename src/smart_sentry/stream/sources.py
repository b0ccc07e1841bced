"""What can be replayed: a data set, a file, simulated machines. Each gives readings by the thousand, in the order of time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from smart_sentry.assets import ASSET_COLUMN, CYCLE_COLUMN, AssetType
from smart_sentry.datasets.run_to_failure import RunToFailure
from smart_sentry.datasets.simulated_motors import Scenario, machine_for
from smart_sentry.errors import ConfigurationError, UnreadableData
from smart_sentry.reading_tables import as_readings, read_table
from smart_sentry.stream.messages import Readings, reading_id
from smart_sentry.stream.packed_form import FIRST_US, LAST_US

CHUNK = 1000
"""Readings that are made and sent together."""
_SPLITS = ("train", "test")


@dataclass(frozen=True)
class Clock:
    """When replayed readings were taken.

    Attributes:
        start: time of the first one; it names its zone.
        interval_s: between two readings of an asset.
        epoch: of all assets: a higher one says that they started anew.

    Raises:
        ConfigurationError: a figure is out of range.
    """

    start: datetime
    interval_s: float
    epoch: int = 0

    def __post_init__(self) -> None:
        if not 1e-6 <= self.interval_s < np.inf:
            raise ConfigurationError("interval", f"{self.interval_s:g} s is not 1e-06 or more", "Give another one.")
        if not 0 <= self.epoch < 2**63:
            raise ConfigurationError("epoch", f"{self.epoch} is not from 0 to 2^63 - 1", "Give another one.")

    def seconds(self, sequences: NDArray[np.int64]) -> NDArray[np.float64]:
        """(rows,) since 1970 UTC, to the microsecond."""
        begin = round(self.start.timestamp() * 1e6)
        micros: NDArray[np.float64] = begin + np.rint(sequences * (self.interval_s * 1e6))
        return micros / 1e6


@dataclass(frozen=True)
class Replay:
    """What is replayed.

    Attributes:
        name: for the header ce_source, e.g. "FD001/test".
        asset_type: of all its assets.
        rows: how many readings there are.
        chunks: they, in the order of time.
    """

    name: str
    asset_type: AssetType
    rows: int
    chunks: Iterator[Readings]


def of_dataset(fleet: RunToFailure, split: str, clock: Clock) -> Replay:
    """A data set: all assets begin together, one reading a cycle. Asset 7 is `FD001-test-7`, or what its users call it.

    Raises:
        ConfigurationError: there is no such split.
    """
    if split not in _SPLITS:
        raise ConfigurationError("split", f"{split!r} is not one", f"Name one of {', '.join(_SPLITS)}.")
    table = fleet.train if split == "train" else fleet.test
    table = table.sort_values([CYCLE_COLUMN, ASSET_COLUMN], kind="stable")
    names = {asset: _asset_name(fleet, split, asset) for asset in table[ASSET_COLUMN].unique()}
    sequences = table[CYCLE_COLUMN].to_numpy(np.int64)
    values = table[list(fleet.asset_type.signal_names)].to_numpy(np.float64)
    return _of_columns(
        f"{fleet.name}/{split}", fleet.asset_type, table[ASSET_COLUMN].map(names).tolist(),
        clock.seconds(sequences - 1), clock.epoch, sequences, values,
    )  # fmt: skip


def _asset_name(fleet: RunToFailure, split: str, asset: int) -> str:
    return f"{fleet.name}-{split}-{asset}" if fleet.asset_names is None else str(fleet.asset_names[asset])


def of_file(path: Path, asset_type: AssetType, epoch: int) -> Replay:
    """A CSV or Parquet file (`reading_tables`) at its own times; an asset's readings are numbered from 1 in the order of time.

    Raises:
        UnreadableData: it is none, lacks a column, or a time is not within the years 1 to 9999.
    """
    readings = as_readings(path, read_table(path), asset_type)
    asset_ids = pd.Series(readings.asset_id[readings.order])
    sequences = np.asarray(asset_ids.groupby(asset_ids).cumcount() + 1, dtype=np.int64)
    seconds = np.rint(readings.seconds[readings.order] * 1e6) / 1e6
    if seconds[0] * 1e6 < FIRST_US or seconds[-1] * 1e6 > LAST_US:
        found = f"{seconds[0]:g} to {seconds[-1]:g} s since 1970"
        raise UnreadableData(path, "times within the years 1 to 9999", found, "Mend the column timestamp.")
    return _of_columns(
        path.name, asset_type, asset_ids.tolist(), seconds, epoch, sequences, readings.values[readings.order]
    )


def of_machines(asset_type: AssetType, count: int, rows_each: int, seed: int, clock: Clock) -> Replay:
    """Healthy simulated machines `<type>-0001`, ..., each by a seed of its own; however many readings, memory stays flat.

    Raises:
        ConfigurationError: no simulated machine has the type's signals, or a number is out of range.
    """
    if count < 1 or rows_each < 1:
        raise ConfigurationError("simulator", f"{count} assets, {rows_each} readings each", "Ask for at least one.")
    seeds = np.random.SeedSequence(seed).generate_state(count)
    machines = [machine_for(asset_type, Scenario(), clock.interval_s, int(one)) for one in seeds]
    order = [machines[0].signal_names.index(name) for name in asset_type.signal_names]
    names = [f"{asset_type.name}-{number:04d}" for number in range(1, count + 1)]

    def chunks() -> Iterator[Readings]:
        for first in range(0, rows_each, CHUNK):
            rows = min(CHUNK, rows_each - first)
            drawn = np.stack([machine.take(rows).values[:, order] for machine in machines], axis=1)
            sequences = np.repeat(np.arange(first + 1, first + rows + 1, dtype=np.int64), count)
            values = drawn.reshape(rows * count, len(order))
            yield from _cut(asset_type.name, names * rows, clock.seconds(sequences - 1), clock.epoch, sequences, values)

    return Replay(f"simulator/{asset_type.name}/{seed}", asset_type, rows_each * count, chunks())


def limited(replay: Replay, most: int | None) -> Replay:
    """The first readings of a replay; None: all."""
    if most is None or most >= replay.rows:
        return replay

    def chunks() -> Iterator[Readings]:
        left = most
        for chunk in replay.chunks:
            yield chunk if len(chunk) <= left else _part(chunk, 0, left)
            left -= len(chunk)
            if left <= 0:
                return

    return Replay(replay.name, replay.asset_type, max(most, 0), chunks() if most > 0 else iter(()))


def _of_columns(
    name: str, asset_type: AssetType, asset_ids: list[str], seconds: NDArray[np.float64], epoch: int,
    sequences: NDArray[np.int64], values: NDArray[np.float64],
) -> Replay:  # fmt: skip
    chunks = _cut(asset_type.name, asset_ids, seconds, epoch, sequences, values)
    return Replay(name, asset_type, len(asset_ids), chunks)


def _cut(
    asset_type: str, asset_ids: list[str], seconds: NDArray[np.float64], epoch: int, sequences: NDArray[np.int64],
    values: NDArray[np.float64],
) -> Iterator[Readings]:  # fmt: skip
    for begin in range(0, len(asset_ids), CHUNK):
        part = slice(begin, begin + CHUNK)
        names, numbers = asset_ids[part], sequences[part]
        ids = [reading_id(name, epoch, number) for name, number in zip(names, numbers.tolist(), strict=True)]
        epochs, positions = np.full(len(names), epoch, dtype=np.int64), np.arange(len(names), dtype=np.int64)
        yield Readings(asset_type, names, ids, seconds[part], epochs, numbers, values[part], positions)


def _part(readings: Readings, begin: int, end: int) -> Readings:
    part = slice(begin, end)
    return Readings(
        readings.asset_type, readings.asset_ids[part], readings.reading_ids[part], readings.seconds[part],
        readings.epochs[part], readings.sequences[part], readings.values[part], readings.positions[part],
    )  # fmt: skip
