"""What failure models predicted of readings: columns of their rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, select

from smart_sentry.stores.span import EVERYTHING, Span
from smart_sentry.stores.tables import readings

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]

_LOOKED_THROUGH = 100


@dataclass(frozen=True)
class PredictionRows:
    """Predictions to be stored, one element a reading that was judged.

    Attributes:
        places: (rows,) of those readings among all that are stored with them, rising.
        probability: (rows,) of a failure within the asset type's horizon, 0..1.
        rul_cycles: (rows, 3) remaining life: estimate, lower and upper end of its interval, in cycles.
        warming: (rows,) too few readings yet. restored: (rows,) the asset was found restored, and its windows began anew.
        model_version: of the model.
        regime: (rows,) operating regime that the model found, from 0.
    """

    places: IntArray
    probability: FloatArray
    rul_cycles: FloatArray
    warming: BoolArray
    restored: BoolArray
    model_version: str
    regime: IntArray


@dataclass(frozen=True)
class StoredPrediction:
    """One prediction, as in `PredictionRows`; regime is None of those that were stored before regimes were."""

    asset_id: str
    reading_id: str
    time: float
    failure_probability: float
    rul_cycles: float
    rul_lower_cycles: float
    rul_upper_cycles: float
    warming: bool
    restored: bool
    model_version: str
    regime: int | None


def columns_of(rows: PredictionRows, part: slice) -> dict[str, Sequence[Any]]:
    """Column name -> value of each reading of a part, as `ReadingTable.append` stores them; None where there is none.

    Args:
        rows: of all readings.
        part: a stretch of the readings.
    """
    first, last = np.searchsorted(rows.places, [part.start, part.stop]).tolist()
    its, places = slice(first, last), rows.places[first:last] - part.start
    columns = {
        "failure_probability": rows.probability[its].tolist(), "rul_cycles": rows.rul_cycles[its, 0].tolist(),
        "rul_lower_cycles": rows.rul_cycles[its, 1].tolist(), "rul_upper_cycles": rows.rul_cycles[its, 2].tolist(),
        "warming": rows.warming[its].tolist(), "restored": rows.restored[its].tolist(),
        "model_version": [rows.model_version] * len(places), "regime": rows.regime[its].tolist(),
    }  # fmt: skip
    count = part.stop - part.start
    if len(places) == count:
        return columns
    return {name: _spread(values, places, count) for name, values in columns.items()}


def _spread(values: Sequence[Any], places: IntArray, count: int) -> list[Any]:
    spread: list[Any] = [None] * count
    for place, value in zip(places.tolist(), values, strict=True):
        spread[place] = value
    return spread


class PredictionTable:
    """The predictions, within a transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def history(self, asset_id: str, span: Span = EVERYTHING) -> list[StoredPrediction]:
        """An asset's predictions of a stretch of time."""
        query = select(*_COLUMNS).where(readings.c.asset_id == asset_id, readings.c.failure_probability.is_not(None))
        return [StoredPrediction(*row) for row in self._connection.execute(span.of(query, readings))]

    def newest(self, asset_id: str, end: float | None = None) -> StoredPrediction | None:
        """The newest prediction among an asset's last 100 readings before `end` (seconds since 1970 UTC; None: of all).

        None where none of them was judged by a failure model: of a machine without one, no more is looked through.
        """
        span = Span(end=end, limit=_LOOKED_THROUGH, newest_first=True)
        query = select(*_COLUMNS).where(readings.c.asset_id == asset_id)
        for row in self._connection.execute(span.of(query, readings)):
            found = StoredPrediction(*row)
            if found.failure_probability is not None:
                return found
        return None


_COLUMNS = [readings.c[name] for name in StoredPrediction.__dataclass_fields__]
