"""What is replayed, in which order, under which ids."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from stream_sample import MOTOR, PUMP, TURBOFAN

from smart_sentry.datasets.run_to_failure import RunToFailure
from smart_sentry.errors import ConfigurationError, UnreadableData
from smart_sentry.stream.messages import Readings
from smart_sentry.stream.sources import Clock, Replay, limited, of_dataset, of_file, of_machines

START = datetime(2026, 1, 1, tzinfo=UTC)
CLOCK = Clock(START, 2.0, epoch=3)


def rows_of(replay: Replay) -> list[tuple[str, str, float, int, int]]:
    return [
        (asset, one, second, epoch, sequence)
        for part in replay.chunks
        for asset, one, second, epoch, sequence in zip(
            part.asset_ids, part.reading_ids, part.seconds.tolist(), part.epochs.tolist(), part.sequences.tolist(), strict=True
        )
    ]  # fmt: skip


def engines(names: pd.Series | None = None) -> RunToFailure:
    """Engine 1 with two cycles, engine 2 with one."""
    columns = {name: [1.0, 2.0, 3.0] for name in TURBOFAN.signal_names}
    table = pd.DataFrame({"asset_id": [1, 1, 2], "cycle": [1, 2, 1], **columns})
    return RunToFailure("FD001", TURBOFAN, table, table, None, "nowhere", names)


def test_a_data_sets_assets_begin_together_and_stand_in_the_order_of_time() -> None:
    begin = START.timestamp()
    assert rows_of(of_dataset(engines(), "test", CLOCK)) == [
        ("FD001-test-1", "FD001-test-1:3:1", begin, 3, 1),
        ("FD001-test-2", "FD001-test-2:3:1", begin, 3, 1),
        ("FD001-test-1", "FD001-test-1:3:2", begin + 2.0, 3, 2),
    ]


def test_a_data_sets_values_stay_with_their_rows() -> None:
    (chunk,) = of_dataset(engines(), "train", CLOCK).chunks
    np.testing.assert_array_equal(chunk.values, np.tile([[1.0], [3.0], [2.0]], 24))


def test_users_names_name_the_assets() -> None:
    named = engines(pd.Series({1: "left", 2: "right"}))
    assert [row[0] for row in rows_of(of_dataset(named, "test", CLOCK))] == ["left", "right", "left"]


def test_a_split_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="Name one of train, test"):
        of_dataset(engines(), "all", CLOCK)


def test_a_files_readings_are_numbered_in_the_order_of_time(tmp_path: Path) -> None:
    path = tmp_path / "pumps.csv"
    path.write_text(
        "timestamp,asset_id,flow,class\n2026-01-01T00:00:02Z,007,2,\n2026-01-01T00:00:01Z,007,1,5\n2026-01-01T00:00:03Z,b,3,6\n"
    )
    replay = of_file(path, PUMP, epoch=0)
    chunks = list(replay.chunks)
    assert replay.rows == 3
    assert chunks[0].reading_ids == ["007:0:1", "007:0:2", "b:0:1"]
    assert (chunks[0].seconds - START.timestamp()).tolist() == [1.0, 2.0, 3.0]
    np.testing.assert_array_equal(chunks[0].values, [[1.0, 5.0], [2.0, np.nan], [3.0, 6.0]])


def test_a_file_with_times_beyond_the_calendar_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "pumps.csv"
    path.write_text("timestamp,asset_id,flow,class\n1,a,1,1\n1e15,a,1,1\n")
    with pytest.raises(UnreadableData, match="expected times within the years 1 to 9999, found 1 to 1e"):
        of_file(path, PUMP, epoch=0)


def test_simulated_machines_differ_and_come_again_with_their_seed() -> None:
    def drawn(seed: int) -> list[Readings]:
        return list(of_machines(MOTOR, 3, 700, seed, CLOCK).chunks)

    first, again, other = drawn(5), drawn(5), drawn(6)
    values = np.concatenate([part.values for part in first])
    np.testing.assert_array_equal(values, np.concatenate([part.values for part in again]))
    assert not np.array_equal(values, np.concatenate([part.values for part in other]))
    assert [len(part) for part in first] == [1000, 1000, 100]
    assert first[0].asset_ids[:4] == ["motor-0001", "motor-0002", "motor-0003", "motor-0001"]
    assert not np.array_equal(values[0::3], values[1::3])
    sequences = np.concatenate([part.sequences for part in first])
    np.testing.assert_array_equal(sequences, np.repeat(np.arange(1, 701), 3))


def test_simulated_readings_do_not_depend_on_how_many_are_drawn() -> None:
    long, short = (next(of_machines(MOTOR, 1, rows, 5, CLOCK).chunks) for rows in (5000, 1000))
    np.testing.assert_array_equal(long.values, short.values)


@pytest.mark.parametrize(("most", "expected"), [(None, 2100), (1, 1), (1000, 1000), (1500, 1500), (9999, 2100)])
def test_a_limited_replay_is_the_first_readings(most: int | None, expected: int) -> None:
    replay = limited(of_machines(MOTOR, 3, 700, 5, CLOCK), most)
    ids = [row[1] for row in rows_of(replay)]
    whole = [row[1] for row in rows_of(of_machines(MOTOR, 3, 700, 5, CLOCK))]
    assert (replay.rows, ids) == (expected, whole[:expected])


def test_times_are_rounded_one_by_one_to_the_microsecond() -> None:
    seconds = Clock(START, 1 / 3).seconds(np.arange(4))
    assert np.rint((seconds - START.timestamp()) * 1e6).tolist() == [0, 333333, 666667, 1000000]


@pytest.mark.parametrize(("interval", "epoch"), [(0.0, 0), (-1.0, 0), (float("nan"), 0), (1.0, -1), (1.0, 2**63)])
def test_a_clock_that_cannot_be_is_refused(interval: float, epoch: int) -> None:
    with pytest.raises(ConfigurationError):
        Clock(START, interval, epoch)
