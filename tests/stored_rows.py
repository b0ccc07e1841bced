"""Rows for the tests of the store."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from smart_sentry.stores.assessments import AssessmentRows
from smart_sentry.stores.predictions import PredictionRows
from smart_sentry.stores.readings import ReadingRows
from smart_sentry.stores.store import Batch


def some_readings(
    asset_id: str, numbers: Sequence[int], *, start: float = 1000.0, signals: tuple[str, ...] = ("current", "speed")
) -> ReadingRows:
    """A reading a second, named by its number: the time is start + number, each signal 10 * number + its place."""
    at = np.array(numbers, dtype=np.float64)
    values = 10.0 * at[:, None] + np.arange(len(signals))
    return ReadingRows([asset_id] * len(at), [f"r{n}" for n in numbers], start + at, values, signals, "http", 5000.0)


def some_assessments(asset_id: str, numbers: Sequence[int], *, start: float = 1000.0) -> AssessmentRows:
    """Of `some_readings`: the score is the number, those of 2 and more are flagged; 0 was not judged."""
    at = np.array(numbers, dtype=np.float64)
    count = len(at)
    return AssessmentRows(
        [asset_id] * count, [f"r{n}" for n in numbers], start + at, ["STEADY"] * count, np.where(at == 0, np.nan, at),
        at >= 2, (at >= 2).astype(np.int64), np.full(count, 90.0), ["LOW"] * count, np.full(count, 0.1),
        ["too hot" if n >= 2 else "" for n in numbers],
    )  # fmt: skip


def add_judged(batch: Batch, asset_id: str, numbers: Sequence[int], *, start: float = 1000.0) -> None:
    """Stores `some_readings` with `some_assessments`."""
    batch.readings.append(
        some_readings(asset_id, numbers, start=start), some_assessments(asset_id, numbers, start=start)
    )


def some_predictions(numbers: Sequence[int]) -> PredictionRows:
    """Predictions of the same readings: a failure that comes nearer, the first two of an engine that is warming."""
    order = np.array(numbers, dtype=np.float64)
    life = 100.0 - order
    return PredictionRows(
        np.arange(len(numbers)), order / 100.0,
        np.column_stack([life, life - 5, life + 5]), order < 2, order == 3, "tiny-0123456789ab",
        order.astype(np.int64) % 6,
    )  # fmt: skip
