"""The one online path: readings in, assessments out.

`Monitor.assess` is pure (no clock, no network, no disk), vectorised over a batch of readings of many assets and sequential
within one asset; its state can be snapshotted and restored. Every surface that scores calls it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from smart_sentry.answers import Newest, answer_newest, contributions
from smart_sentry.assets import ASSET_COLUMN, CYCLE_COLUMN
from smart_sentry.bundle import Bundle
from smart_sentry.contracts.failure import FailureAssessment
from smart_sentry.features.pipeline import FeatureBatch
from smart_sentry.features.slots import empty_place, slots_of

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True)
class Assessments:
    """Assessments of a batch, one element a reading, in the order of arrival.

    Attributes:
        failure_probability: (rows,) in [0, 1]
        alarm: (rows,) probability at or above the threshold.
        rul_cycles: (rows, 3) estimate, lower end, upper end, in cycles.
        batch: what the feature stage found (regime, restored, readings seen).
        warming: (rows,) too few readings yet for the windows.
    """

    failure_probability: FloatArray
    alarm: BoolArray
    rul_cycles: FloatArray
    batch: FeatureBatch
    warming: BoolArray


class Monitor:
    """Scores readings of many assets with one model bundle."""

    def __init__(self, bundle: Bundle, explain: bool = False) -> None:
        """Args: bundle: the model. explain: keep per-sensor windows too, so that `answer` can name contributions."""
        self.bundle = bundle
        self._explain = explain
        self._stream = bundle.feature_model.stream(explain)
        self._slot_of: dict[str, int] = {}

    def assess(self, asset_ids: Sequence[str], values: FloatArray) -> Assessments:
        """Takes readings in arrival order.

        Args:
            asset_ids: (rows,) names; an unknown one begins a new asset.
            values: (rows, signals) in the order of the asset type's signals, in their units.
        """
        batch = self._stream.update(values, self._slots(asset_ids))
        features = batch.features.astype(np.float32)  # once for both models
        probability = self.bundle.failure_probability(features)
        return Assessments(
            probability,
            probability >= self.bundle.manifest.threshold,
            self.bundle.remaining_life(features),
            batch,
            batch.readings_seen < self.bundle.feature_model.params.warm_after,
        )

    def _slots(self, asset_ids: Sequence[str]) -> IntArray:
        return slots_of(asset_ids, self._slot_of)

    def assess_frame(self, readings: pd.DataFrame) -> pd.DataFrame:
        """Scores a table: asset_id, cycle and one column a signal; rows of one asset in the order of time."""
        names = list(self.bundle.manifest.asset_type.signal_names)
        found = self.assess(readings[ASSET_COLUMN].astype(str).tolist(), readings[names].to_numpy(np.float64))
        return pd.DataFrame(
            {
                ASSET_COLUMN: readings[ASSET_COLUMN],
                CYCLE_COLUMN: readings[CYCLE_COLUMN],
                "failure_probability": found.failure_probability,
                "alarm": found.alarm,
                "rul_cycles": found.rul_cycles[:, 0],
                "rul_lower_cycles": found.rul_cycles[:, 1],
                "rul_upper_cycles": found.rul_cycles[:, 2],
                "regime": found.batch.regime,
                "warming": found.warming,
                "restored": found.batch.restored,
            },
            index=readings.index,
        )

    def contributions(self, asset_id: str, features: FloatArray, regime: int) -> dict[str, float]:
        """How much each moving sensor moves the failure log-odds of an asset's newest reading.

        See `answers.contributions`; the monitor must have been made with `explain`.

        Args:
            asset_id: an asset that this monitor has seen.
            features: (features,) of its newest reading, from `Assessments.batch`.
            regime: of that reading.
        """
        slots, regimes = [self._slot_of[asset_id]], np.array([regime])
        pushes = contributions(self.bundle, self._stream, slots, features[None, :], regimes)[0]
        return dict(zip(self.bundle.feature_model.moving_sensors, pushes.tolist(), strict=True))

    def answer(
        self, asset_ids: Sequence[str], cycles: Sequence[int], values: FloatArray, top: int = 5
    ) -> list[FailureAssessment]:
        """Takes readings in arrival order and answers once for each asset in them, after its newest reading.

        Args:
            asset_ids, cycles: (rows,)
            values: (rows, signals) in the order of the asset type's signals, in their units.
            top: how many contributions to name; a monitor made without `explain` names none.
        """
        slots = self._slots(asset_ids)
        batch = self._stream.update(values, slots)
        rows_of: dict[str, list[int]] = {}
        for row, asset in enumerate(asset_ids):
            rows_of.setdefault(asset, []).append(row)
        wanted = top if self._explain else 0
        newest = [
            Newest(
                asset, int(cycles[rows[-1]]), int(slots[rows[-1]]), rows[-1], values[rows[-1]],
                bool(batch.restored[rows].any()), wanted,
            )
            for asset, rows in rows_of.items()
        ]  # fmt: skip
        return answer_newest(self.bundle, self._stream, batch, newest)

    def forget(self, asset_id: str) -> None:
        """Readings of this asset begin a new one from here on."""
        if (slot := self._slot_of.pop(asset_id, None)) is not None:
            self._slot_of[empty_place(slot)] = slot

    def snapshot(self) -> dict[str, Any]:
        """A copy of the whole state; `restore` puts it back into a monitor of the same bundle."""
        return {"assets": dict(self._slot_of), "stream": self._stream.snapshot()}

    def restore(self, snapshot: dict[str, Any]) -> None:
        """Puts a snapshot back."""
        self._slot_of = dict(snapshot["assets"])
        self._stream.restore(snapshot["stream"])
