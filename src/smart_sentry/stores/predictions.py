"""What failure models predicted, one row a judged reading."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, select

from smart_sentry.stores.bulk import append
from smart_sentry.stores.span import EVERYTHING, Span
from smart_sentry.stores.tables import failure_predictions

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True)
class PredictionRows:
    """Predictions to be stored, one element a reading that was judged.

    Attributes:
        asset_ids, reading_ids: (rows,)
        seconds: (rows,) since 1970 UTC.
        probability: (rows,) of a failure within the asset type's horizon, 0..1.
        rul_cycles: (rows, 3) remaining life: estimate, lower and upper end of its interval, in cycles.
        warming: (rows,) too few readings yet. restored: (rows,) the asset was found restored, and its windows began anew.
        model_version: of the model.
    """

    asset_ids: Sequence[str]
    reading_ids: Sequence[str]
    seconds: FloatArray
    probability: FloatArray
    rul_cycles: FloatArray
    warming: BoolArray
    restored: BoolArray
    model_version: str


@dataclass(frozen=True)
class StoredPrediction:
    """One prediction, as in `PredictionRows`."""

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


class PredictionTable:
    """The predictions, within a transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, rows: PredictionRows) -> None:
        """Stores predictions of readings that are new, in the transaction that stores these.

        Raises:
            ValueError: the columns do not have the same number of rows.
        """
        columns = {
            "asset_id": rows.asset_ids,
            "time": rows.seconds.tolist(),
            "reading_id": rows.reading_ids,
            "failure_probability": rows.probability.tolist(),
            "rul_cycles": rows.rul_cycles[:, 0].tolist(),
            "rul_lower_cycles": rows.rul_cycles[:, 1].tolist(),
            "rul_upper_cycles": rows.rul_cycles[:, 2].tolist(),
            "warming": rows.warming.tolist(),
            "restored": rows.restored.tolist(),
            "model_version": [rows.model_version] * len(rows.asset_ids),
        }
        append(self._connection, failure_predictions, columns)

    def history(self, asset_id: str, span: Span = EVERYTHING) -> list[StoredPrediction]:
        """An asset's predictions of a stretch of time."""
        query = select(*_COLUMNS).where(failure_predictions.c.asset_id == asset_id)
        return [StoredPrediction(*row) for row in self._connection.execute(span.of(query, failure_predictions))]


_COLUMNS = [failure_predictions.c[name] for name in StoredPrediction.__dataclass_fields__]
