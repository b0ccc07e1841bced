"""Epochs rise from start to start."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from smart_sentry.stream.epochs import RisingEpochs

SECOND = 1_000_000


def test_epochs_rise_over_a_restart_with_a_clock_that_was_set_back(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file, times = tmp_path / "data" / "readings.epoch", [1000.0, 1000.0, 1020.0, 1100.0]
    first = RisingEpochs(lambda: times.pop(0), file)
    given = [first.next() for _ in range(4)]
    assert given == [1000 * SECOND, 1000 * SECOND + 1, 1020 * SECOND, 1100 * SECOND]
    second = RisingEpochs(lambda: 500.0, file)
    after = [second.next(), second.next()]
    assert 1100 * SECOND < after[0] <= 1131 * SECOND
    assert after[1] == after[0] + 1
    assert [one.getMessage() for one in caplog.records] == [
        "the clock is 630 s behind what was sent already: was it set back?"
    ]
    third = RisingEpochs(lambda: 2000.0, file)
    assert third.next() == 2000 * SECOND


def test_file_is_written_ahead_and_not_for_every_epoch(tmp_path: Path) -> None:
    file = tmp_path / "readings.epoch"
    epochs = RisingEpochs(lambda: 1000.0, file)
    epochs.next()
    written = file.stat().st_ino
    for _ in range(1000):
        epochs.next()
    assert file.stat().st_ino == written
    assert int(file.read_text()) == 1030 * SECOND


def test_many_restarts_do_not_run_ahead_of_the_clock(tmp_path: Path) -> None:
    """Another machine that takes over without the file would be behind."""
    file = tmp_path / "readings.epoch"
    given = [RisingEpochs(lambda: 1000.0, file).next() for _ in range(51)]
    assert given == sorted(set(given))
    assert given[-1] < 1036 * SECOND  # the first reserves 30 s, each of the others a tenth


@pytest.mark.parametrize("content", ["", "many\n"])
def test_file_that_says_nothing_is_told_and_written_anew(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, content: str
) -> None:
    file = tmp_path / "readings.epoch"
    file.write_text(content)
    assert RisingEpochs(lambda: 1000.0, file).next() == 1000 * SECOND
    assert "does not say which epochs were given" in caplog.text
    assert int(file.read_text()) == 1030 * SECOND


def test_file_that_cannot_be_written_holds_nothing_up_and_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "data").write_text("a file where the folder should be")
    caplog.set_level(logging.ERROR)
    epochs = RisingEpochs(lambda: 1000.0, tmp_path / "data" / "readings.epoch")
    assert [epochs.next(), epochs.next()] == [1000 * SECOND, 1000 * SECOND + 1]
    assert "readings.epoch cannot be written" in caplog.text
