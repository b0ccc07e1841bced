"""Readings from before the dashboard listened, out of the service's history."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from dashboard.rings import CLOSEST_S, History, phase_code
from dashboard.times import seconds_of


def past_of(answer: Mapping[str, Any], signals: tuple[str, ...]) -> History:
    """What GET /api/v1/data/history answers as a history, oldest first.

    Args:
        answer: readings and assessments, newest first.
        signals: columns of the values that are wanted.
    """
    assessed = list(reversed(answer["assessments"]))
    readings = list(reversed(answer["readings"]))
    if not assessed or not readings:
        return _empty(signals)
    read_at = np.array([seconds_of(one["timestamp"]) for one in readings])
    seconds = np.array([seconds_of(one["time"]) for one in assessed])
    place = np.clip(np.searchsorted(read_at, seconds, side="right") - 1, 0, None)
    values = np.array([[_number(one.get(name)) for name in signals] for one in readings], np.float32)
    found = History(
        signals, seconds, values[place],
        np.array([_number(one["score"]) for one in assessed], np.float32),
        np.array([one["health"] for one in assessed], np.float32),
        np.array([one["flag"] for one in assessed], np.bool_),
        np.array([phase_code(one["phase"]) for one in assessed], np.uint8),
    )  # fmt: skip
    return found.rows(_apart(seconds))


def _apart(seconds: np.ndarray) -> np.ndarray:
    """Rows that are not too close to the one before that is kept."""
    kept, last = np.zeros(len(seconds), np.bool_), -math.inf
    for row, time in enumerate(seconds.tolist()):
        if time - last >= CLOSEST_S:
            kept[row], last = True, time
    return kept


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def _empty(signals: tuple[str, ...]) -> History:
    none = np.empty(0, np.float32)
    return History(
        signals, np.empty(0), np.empty((0, len(signals)), np.float32), none, none, np.empty(0, np.bool_),
        np.empty(0, np.uint8),
    )  # fmt: skip
