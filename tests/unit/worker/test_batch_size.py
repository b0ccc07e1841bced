"""Batches become larger while a backlog is worked off quickly, and smaller where they take long."""

from __future__ import annotations

from smart_sentry.worker.batch_size import FULL, MOST, BatchSize


def test_full_batches_that_are_stored_quickly_become_larger_up_to_a_limit() -> None:
    size = BatchSize()
    found = [size.most]
    for _ in range(4):
        size.stored(size.most, 0.2)
        found.append(size.most)
    assert found == [FULL, 2 * FULL, MOST, MOST, MOST]


def test_batch_that_was_read_before_they_grew_does_not_let_them_grow_again() -> None:
    size = BatchSize()
    size.stored(FULL, 0.2)
    size.stored(FULL, 0.2)
    assert size.most == 2 * FULL


def test_batches_that_are_not_full_change_nothing() -> None:
    size = BatchSize()
    size.stored(FULL - 1, 0.01)
    size.stored(FULL - 1, 100.0)
    assert size.most == FULL


def test_batches_that_take_long_become_smaller_down_to_a_limit() -> None:
    size = BatchSize()
    size.stored(FULL, 0.2)
    size.stored(2 * FULL, 0.2)
    found = []
    for _ in range(4):
        size.stored(size.most, 2.0)
        found.append(size.most)
    assert found == [2 * FULL, FULL, FULL, FULL]


def test_batches_that_take_neither_long_nor_short_stay_as_they_are() -> None:
    size = BatchSize()
    size.stored(FULL, 0.2)
    size.stored(2 * FULL, 1.0)
    assert size.most == 2 * FULL
