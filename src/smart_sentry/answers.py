"""From features to answers: one assessment an asset, after its newest reading, and the signals that moved it. Pure.

The models score newest readings only; the older ones matter through their windows. Several callers' assets may be answered in
one pass: an asset's answer does not depend on what else is in the batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smart_sentry.bundle import Bundle
from smart_sentry.contracts.failure import FailureAssessment, SignalContribution
from smart_sentry.features.pipeline import FeatureBatch, FeatureStream

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_ROWS_AT_ONCE = 4096
"""Rows that the explanation scores in one call: bounds its memory at a few megabytes."""


@dataclass(frozen=True)
class AssetHistory:
    """Recent readings of one asset, oldest first.

    Attributes:
        newest_cycle: cycle of the last reading.
        values: (readings, signals) in the order of the asset type's signals, in their units; at least one reading.
        top: how many contributions to name; 0 spares their cost.
    """

    asset_id: str
    newest_cycle: int
    values: FloatArray
    top: int = 5


@dataclass(frozen=True)
class Newest:
    """The newest reading of one asset.

    Attributes:
        slot: its asset in the stream.
        row: where it stands in the batch.
        values: (signals,)
        restored: whether the asset was found restored in any of the readings that are answered together.
    """

    asset_id: str
    cycle: int
    slot: int
    row: int
    values: FloatArray
    restored: bool
    top: int


def answer_histories(bundle: Bundle, histories: Sequence[AssetHistory]) -> list[FailureAssessment]:
    """Answers once for each history, in their order, remembering nothing.

    Two histories never share state, even where their asset ids are equal.
    """
    lengths = np.array([len(history.values) for history in histories], dtype=np.int64)
    if not lengths.size:
        return []
    stream = bundle.feature_model.stream(explain=any(history.top > 0 for history in histories))
    values = np.concatenate([history.values for history in histories])
    batch = stream.update(values, np.repeat(np.arange(lengths.size), lengths))
    last = np.cumsum(lengths) - 1
    restored = np.logical_or.reduceat(batch.restored, last - lengths + 1).tolist()
    newest = [
        Newest(history.asset_id, history.newest_cycle, slot, row, history.values[-1], found, history.top)
        for slot, (history, row, found) in enumerate(zip(histories, last.tolist(), restored, strict=True))
    ]
    return answer_newest(bundle, stream, batch, newest)


def answer_newest(
    bundle: Bundle, stream: FeatureStream, batch: FeatureBatch, newest: Sequence[Newest]
) -> list[FailureAssessment]:
    """Scores and explains the newest reading of every asset, in the order given.

    Args:
        stream: has taken the batch, and was made to explain where contributions are wanted.
        batch: what the stream said.
    """
    rows = np.array([reading.row for reading in newest], dtype=np.int64)
    features, regime = batch.features[rows], batch.regime[rows]
    probability = bundle.failure_probability(features)
    life = bundle.remaining_life(features).tolist()
    alarm = (probability >= bundle.manifest.threshold).tolist()
    warming = (batch.readings_seen[rows] < bundle.feature_model.params.warm_after).tolist()
    explained = [place for place, reading in enumerate(newest) if reading.top > 0]
    slots = [newest[place].slot for place in explained]
    pushes = dict(
        zip(explained, contributions(bundle, stream, slots, features[explained], regime[explained]), strict=True)
    )
    return [
        FailureAssessment(
            asset_id=reading.asset_id,
            cycle=reading.cycle,
            failure_probability=chance,
            alarm=alarm[place],
            rul_cycles=life[place][0],
            rul_lower_cycles=life[place][1],
            rul_upper_cycles=life[place][2],
            regime=int(regime[place]),
            warming=warming[place],
            restored=reading.restored,
            top_contributions=_largest(bundle, pushes[place], reading) if place in pushes else (),
            model_version=bundle.version,
        )
        for place, (reading, chance) in enumerate(zip(newest, probability.tolist(), strict=True))
    ]


def contributions(
    bundle: Bundle, stream: FeatureStream, slots: Sequence[int], features: FloatArray, regimes: IntArray
) -> FloatArray:
    """How much each moving sensor moves the failure log-odds of assets' newest readings.

    The difference between the log-odds as they are and as they would be had that sensor stayed at its healthy expectation
    (occlusion of one signal; Robnik-Sikonja and Kononenko, 2008). Positive: towards failure.

    Args:
        stream: made with `explain`; it has taken those readings.
        slots: (assets,) in the stream.
        features: (assets, features) of their newest readings.
        regimes: (assets,) of their newest readings.

    Returns:
        (assets, moving sensors)
    """
    sensors = len(bundle.feature_model.moving)
    out = np.empty((len(slots), sensors))
    step = max(1, _ROWS_AT_ONCE // (sensors + 1))
    for start in range(0, len(slots), step):
        chunk = range(start, min(start + step, len(slots)))
        tables = [stream.without_each_sensor(slots[i], features[i], int(regimes[i])) for i in chunk]
        table = np.vstack([features[chunk.start : chunk.stop], *tables])
        probability = np.clip(bundle.failure_probability(table), 1e-7, 1 - 1e-7)
        log_odds = np.log(probability / (1 - probability))
        out[chunk.start : chunk.stop] = log_odds[: len(chunk), None] - log_odds[len(chunk) :].reshape(-1, sensors)
    return out


def _largest(bundle: Bundle, pushes: FloatArray, reading: Newest) -> tuple[SignalContribution, ...]:
    model, signals = bundle.feature_model, bundle.manifest.asset_type.signals
    order = np.argsort(-np.abs(pushes), kind="stable")[: reading.top]
    columns = model.sensor_columns[model.moving[order]]
    return tuple(
        SignalContribution(signal=signals[column].name, contribution=push, value=value, unit=signals[column].unit)
        for column, push, value in zip(
            columns.tolist(), pushes[order].tolist(), reading.values[columns].tolist(), strict=True
        )
    )
