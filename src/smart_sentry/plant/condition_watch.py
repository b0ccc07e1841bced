"""Calibrated assets under watch: each is held against its own baseline."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from smart_sentry.assets import AssetType
from smart_sentry.baseline_store import BaselineStore
from smart_sentry.condition_monitor import ConditionMonitor
from smart_sentry.condition_reasons import row_reasons
from smart_sentry.contracts.alarms import AlarmTransition
from smart_sentry.detection.baseline import Baseline
from smart_sentry.plant.watch import FloatArray, Judged, Watch

_log = logging.getLogger(__name__)
ANOMALY = "anomaly"
"""Key of the alarm that speaks for a machine."""


class ConditionWatch(Watch):
    """What is remembered of the assets of one type.

    Args:
        asset_type: their type.
        models_folder: their baselines are below it.
    """

    def __init__(self, asset_type: AssetType, models_folder: Path) -> None:
        super().__init__(asset_type, asset_type.alarms, ANOMALY)
        self.baselines = BaselineStore(models_folder / asset_type.name / "baselines")
        usable, self.broken = self.baselines.all_usable(asset_type)
        self.monitor = ConditionMonitor(asset_type, usable)
        for asset, problem in self.broken.items():
            _log.error(
                "%s is judged by %s: %s", asset, "its baseline before" if asset in usable else "nothing", problem
            )

    def assess(
        self, asset_ids: Sequence[str], seconds: FloatArray, values: FloatArray, received: FloatArray
    ) -> tuple[Judged, list[AlarmTransition]]:
        """As `Watch.assess`."""
        monitor = self.monitor
        found = monitor.assess(monitor.slots(asset_ids), seconds, values)
        judged = Judged(
            found.phase, found.score, found.flag, found.votes, found.degradation, lambda: row_reasons(monitor, found)
        )
        steps = np.flatnonzero(found.step >= 0)
        return judged, self._observe(asset_ids, seconds, received, judged, steps, found.flaws)

    def judge_of(self, asset_id: str) -> str | None:
        """Version of the asset's baseline."""
        baseline = self.monitor.baselines.get(asset_id)
        return None if baseline is None else baseline.version

    def baseline_of(self, asset_id: str) -> Baseline | None:
        """The asset's baseline; None before its first calibration."""
        return self.monitor.baselines.get(asset_id)

    def switch(self, asset_id: str, baseline: Baseline) -> None:
        """Makes a baseline the one that an asset is scored with."""
        self.monitor = self.monitor.with_baseline(asset_id, baseline)

    def maintain(self, asset_id: str) -> None:
        """As `Watch.maintain`."""
        self.monitor.maintain(asset_id)

    def _forget(self, asset_id: str | None) -> None:
        self.monitor = self.monitor.without(asset_id)

    def keep_degradation(self, snapshot: dict[str, Any]) -> None:
        """As `Watch.keep_degradation`."""
        if "steps" in snapshot["monitor"]:
            self.monitor.restore_degradation(snapshot["monitor"])

    def _snapshot(self) -> dict[str, Any]:
        return self.monitor.snapshot()

    def _restore(self, kept: dict[str, Any]) -> bool:
        if "steps" not in kept:  # a failure model judged these assets
            return False
        if not self.monitor.fits(kept):
            return False
        self.monitor.restore(kept)
        return True
