"""A stored batch of one asset type as the publisher is handed it: columns, of which only each asset's newest row is told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_sentry.contracts.live import VERSION
from smart_sentry.stores.assessments import AssessmentRows
from smart_sentry.stores.predictions import PredictionRows

_NOTHING: Any = None


@dataclass(frozen=True)
class JudgedRows:
    """What was stored of readings of one asset type.

    Attributes:
        asset_type: its name.
        signals: names of the columns of `values`.
        values: (rows, signals) NaN where there is no number.
        received: when they were taken, seconds since 1970 UTC.
        assessments: (rows)
        predictions: of those rows that a failure model judged; None: there is no such model.
    """

    asset_type: str
    signals: tuple[str, ...]
    values: NDArray[np.float64]
    received: float
    assessments: AssessmentRows
    predictions: PredictionRows | None = None


def newest_rows(asset_ids: list[str], seconds: NDArray[np.float64]) -> dict[str, int]:
    """Asset -> its row with the latest time; of equal times the last row, as the database orders them.

    >>> newest_rows(["a", "b", "a", "a"], np.array([5.0, 1.0, 7.0, 6.0]))
    {'b': 1, 'a': 2}
    """
    if seconds.size < 2 or bool((seconds[1:] >= seconds[:-1]).all()):
        return dict(zip(asset_ids, range(len(asset_ids)), strict=True))
    order = np.argsort(seconds, kind="stable").tolist()
    return {asset_ids[row]: row for row in order}


def messages_of(rows: JudgedRows, known: Mapping[str, float]) -> Iterator[dict[str, Any]]:
    """One message an asset, as `AssetUpdate` reads it; its newest row.

    Args:
        rows: the batch.
        known: asset -> time of what is told of it anyway, seconds since 1970 UTC: a row that is no later is left out.
    """
    told = rows.assessments
    newest = newest_rows(list(told.asset_ids), told.seconds)
    if known:
        seconds = told.seconds.tolist()
        newest = {asset: row for asset, row in newest.items() if asset not in known or seconds[row] > known[asset]}
        if not newest:
            return
    chosen = list(newest.values())
    part = slice(None) if chosen == list(range(len(told.asset_ids))) else chosen
    picked = (
        told.seconds[part].tolist(), _numbers(told.scores[part]), told.flags[part].tolist(), told.votes[part].tolist(),
        told.health[part].tolist(), told.degradation[part].tolist(), _numbers(rows.values[part]),
        _predicted(rows.predictions, chosen),
    )  # fmt: skip
    for (asset, row), seconds, score, flag, votes, health, degradation, values, prediction in zip(
        newest.items(), *picked, strict=True
    ):
        reading = told.reading_ids[row]
        yield {
            "version": VERSION, "kind": "asset", "asset_id": asset, "asset_type": rows.asset_type, "reading_id": reading,
            "time": seconds, "received": rows.received, "phase": told.phases[row], "score": score, "flag": flag,
            "votes": votes, "health": health, "risk": told.risks[row], "degradation": degradation,
            "reason": told.reasons[row], "values": dict(zip(rows.signals, values, strict=True)),
            "prediction": prediction,
        }  # fmt: skip


def _numbers(values: NDArray[np.float64]) -> list[Any]:
    """As JSON knows numbers: None where there is none."""
    finite = np.isfinite(values)
    found: list[Any] = values.tolist() if finite.all() else np.where(finite, values.astype(object), _NOTHING).tolist()
    return found


def _predicted(rows: PredictionRows | None, chosen: Sequence[int]) -> list[dict[str, Any] | None]:
    """(chosen,) the prediction of each chosen reading; None where it was not judged."""
    found: list[dict[str, Any] | None] = [None] * len(chosen)
    if rows is None:
        return found
    at = np.minimum(np.searchsorted(rows.places, chosen), len(rows.places) - 1)
    judged = np.flatnonzero(rows.places[at] == chosen)
    at = at[judged]
    columns = (rows.probability[at], rows.rul_cycles[at], rows.warming[at], rows.restored[at], rows.regime[at])
    for place, probability, (life, low, high), warming, restored, regime in zip(
        judged.tolist(), *(column.tolist() for column in columns), strict=True
    ):
        found[place] = {
            "failure_probability": probability, "rul_cycles": life, "rul_lower_cycles": low, "rul_upper_cycles": high,
            "warming": warming, "restored": restored, "model_version": rows.model_version, "regime": regime,
        }  # fmt: skip
    return found
