"""Assets with a failure model under watch: the champion says how near their failure is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_sentry.bundle import Bundle
from smart_sentry.contracts.alarms import AlarmTransition
from smart_sentry.health.degradation import degradation_of_life
from smart_sentry.monitor import Assessments, Monitor
from smart_sentry.phase_machine import UNKNOWN
from smart_sentry.plant.watch import FloatArray, IntArray, Judged, Predicted, Watch
from smart_sentry.quality import FLAWS, GOOD, QualityLane

FAILURE = "failure"
"""Key of the alarm that speaks for a machine."""


class FailureWatch(Watch):
    """What is remembered of the assets of a model's type.

    The score is the failure probability over the model's threshold; the alarm needs k of n readings, as the model was evaluated.
    A probability ends at 1, so it does not tell how bad it is: an alarm's priority is by the life that is left.
    A reading of which a sensor is silent or impossible is not judged, and the model's windows do not see it.

    Args:
        bundle: the model.
    """

    def __init__(self, bundle: Bundle) -> None:
        kind, manifest = bundle.manifest.asset_type, bundle.manifest
        rules = kind.alarms.model_copy(update={"needed": manifest.alarm_k, "window": manifest.alarm_n})
        super().__init__(kind, rules, FAILURE)
        self.bundle = bundle
        self.monitor = Monitor(bundle)
        self._quality = QualityLane(kind)
        self._degradation: dict[str, float] = {}

    def assess(
        self, asset_ids: Sequence[str], seconds: FloatArray, values: FloatArray, received: FloatArray
    ) -> tuple[Judged, list[AlarmTransition]]:
        """As `Watch.assess`."""
        flaws = self._quality.told_by_values(values)
        rows = np.flatnonzero((flaws == GOOD).all(axis=1))
        if len(rows) == len(values):
            found = self.monitor.assess(asset_ids, values)
        else:
            found = self.monitor.assess([asset_ids[row] for row in rows.tolist()], values[rows])
        judged = self._judged(asset_ids, rows, found, flaws)
        return judged, self._observe(asset_ids, seconds, received, judged, rows, flaws)

    def judge_of(self, asset_id: str) -> str | None:
        """Version of the model."""
        return self.bundle.version

    def facts(self) -> dict[str, Any]:
        """What the model is, for people."""
        manifest = self.bundle.manifest
        return {
            "candidate": manifest.candidate, "threshold": manifest.threshold, "needed": manifest.alarm_k,
            "window": manifest.alarm_n, "horizon_cycles": self.asset_type.failure.horizon_cycles,
            "interval_coverage": manifest.interval_coverage,
        }  # fmt: skip

    def maintain(self, asset_id: str) -> None:
        """As `Watch.maintain`."""
        self.monitor.forget(asset_id)
        self._degradation.pop(asset_id, None)

    def _judged(self, asset_ids: Sequence[str], rows: IntArray, found: Assessments, flaws: NDArray[np.int8]) -> Judged:
        count = len(asset_ids)
        score, flag = np.full(count, np.nan), np.zeros(count, dtype=np.bool_)
        score[rows] = found.failure_probability / max(self.bundle.manifest.threshold, 1e-9)
        flag[rows] = found.alarm
        cap = float(self.asset_type.failure.rul_cap_cycles)
        known = np.full(count, np.nan)
        known[rows] = degradation_of_life(found.rul_cycles[:, 0], cap)
        degradation = self._remembered(asset_ids, known)
        predicted = Predicted(
            rows, found.failure_probability, found.rul_cycles, found.warming, found.batch.restored, found.batch.regime
        )
        phase = np.full(count, UNKNOWN, dtype=np.int64)
        return Judged(
            phase, score, flag, flag.astype(np.int64), degradation, lambda: self._reasons(predicted, flag, flaws), predicted
        )  # fmt: skip

    def _remembered(self, asset_ids: Sequence[str], known: FloatArray) -> FloatArray:
        """(rows,) degradation, from what is known of it: what is NaN, since it was not judged, stays as it was."""
        kept = self._degradation
        if not np.isnan(known).any():
            kept.update(zip(asset_ids, known.tolist(), strict=True))
            return known
        told = []
        for asset, its in zip(asset_ids, known.tolist(), strict=True):
            if its == its:  # a number
                kept[asset] = its
            told.append(kept.get(asset, 0.0))
        return np.array(told, dtype=np.float64)

    def _reasons(self, predicted: Predicted, flag: NDArray[np.bool_], flaws: NDArray[np.int8]) -> list[str]:
        reasons = [""] * len(flaws)
        for row in np.flatnonzero((flaws != GOOD).any(axis=1)).tolist():
            reasons[row] = self._sensors(flaws[row])
        horizon = self.asset_type.failure.horizon_cycles
        for place in np.flatnonzero(flag[predicted.rows] | predicted.restored).tolist():
            row, parts = int(predicted.rows[place]), []
            if flag[row]:
                life, low, high = predicted.rul_cycles[place]
                parts.append(
                    f"failure within {horizon} cycles with probability {predicted.probability[place]:.2f}; remaining life"
                    f" {life:.0f} cycles ({low:.0f} to {high:.0f})"
                )
            if predicted.restored[place]:
                parts.append("found restored: its windows begin anew")
            if predicted.warming[place]:
                parts.append("few readings yet")
            reasons[row] = "; ".join(parts)
        return reasons

    def _sensors(self, flaws: NDArray[np.int8]) -> str:
        bad = np.flatnonzero(flaws != GOOD).tolist()
        return "not judged, sensor: " + ", ".join(
            f"{self.asset_type.signal_names[i]} {FLAWS[flaws[i]]}" for i in bad[:3]
        )

    def _severity(self, judged: Judged, steps: IntArray) -> FloatArray:
        return judged.degradation[steps]

    def _forget(self, asset_id: str | None) -> None:
        if asset_id is None:
            self.monitor, self._degradation = Monitor(self.bundle), {}
        else:
            self.maintain(asset_id)

    def _snapshot(self) -> dict[str, Any]:
        return self.monitor.snapshot() | {"degradation": dict(self._degradation), "model": self.bundle.checksum}

    def _restore(self, kept: dict[str, Any]) -> bool:
        if kept.get("model") != self.bundle.checksum:
            return False
        self.monitor.restore(kept)
        self._degradation = dict(kept["degradation"])
        return True
