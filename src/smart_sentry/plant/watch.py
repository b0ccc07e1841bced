"""One asset type under watch: its monitor, its alarms and where its baselines are kept."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_sentry.assets import AssetType
from smart_sentry.baseline_store import BaselineStore
from smart_sentry.condition_monitor import Condition, ConditionMonitor
from smart_sentry.contracts.alarms import AlarmTransition
from smart_sentry.detection.baseline import Baseline
from smart_sentry.health.alarms import AlarmBook
from smart_sentry.quality import GOOD

FloatArray = NDArray[np.float64]

ANOMALY, SENSOR = "anomaly", "sensor:"
"""Key of the alarm that speaks for a machine, and beginning of the keys of those that speak for a signal's sensor."""
_FLAWED_SCORE = 2.0


class Watch:
    """What is remembered of the assets of one type.

    Args:
        asset_type: their type.
        models_folder: their baselines are below it.
    """

    def __init__(self, asset_type: AssetType, models_folder: Path) -> None:
        self.asset_type = asset_type
        self.baselines = BaselineStore(models_folder / asset_type.name / "baselines")
        self.monitor = ConditionMonitor(asset_type, self.baselines.all_active())
        self.alarms = AlarmBook(asset_type.alarms)
        self._troubled: set[tuple[str, str]] = set()

    def assess(
        self, asset_ids: Sequence[str], seconds: FloatArray, values: FloatArray
    ) -> tuple[Condition, list[AlarmTransition]]:
        """Takes readings in arrival order.

        Args:
            asset_ids: (rows,)
            seconds: (rows,) since 1970 UTC.
            values: (rows, signals), NaN where there is no number.
        """
        condition = self.monitor.assess(self.monitor.slots(asset_ids), seconds, values)
        found = self._observe_machines(asset_ids, seconds, condition)
        return condition, found + self._observe_sensors(asset_ids, seconds, condition)

    def switch(self, asset_id: str, baseline: Baseline) -> None:
        """Makes a baseline the one that an asset is scored with."""
        self.monitor = self.monitor.with_baseline(asset_id, baseline)

    def forget(self, asset_id: str | None) -> None:
        """Forgets an asset, or all of them (None): windows, damage and alarms. Its files are the caller's to remove."""
        self.monitor = self.monitor.without(asset_id)
        kept = self.alarms.snapshot()
        stays = [asset_id is not None and life["asset_id"] != asset_id for life in kept["alarms"]]
        kept["alarms"] = [life for life, stay in zip(kept["alarms"], stays, strict=True) if stay]
        kept["conditions"] = {
            name: [value for value, stay in zip(values, stays, strict=True) if stay]
            for name, values in kept["conditions"].items()
        }
        self.alarms.restore(kept)
        self._remember_trouble()

    def snapshot(self) -> dict[str, Any]:
        """A copy of the whole state."""
        return {"monitor": self.monitor.snapshot(), "alarms": self.alarms.snapshot()}

    def restore(self, snapshot: dict[str, Any]) -> None:
        """Puts a snapshot back; the baselines are those that are active now."""
        self.monitor.restore(snapshot["monitor"])
        self.alarms.restore(snapshot["alarms"])
        self._remember_trouble()

    def _remember_trouble(self) -> None:
        self._troubled = {
            (status.asset_id, status.key.removeprefix(SENSOR))
            for status in self.alarms.statuses()
            if status.key.startswith(SENSOR)
        }

    def _observe_machines(
        self, asset_ids: Sequence[str], seconds: FloatArray, condition: Condition
    ) -> list[AlarmTransition]:
        """One observation a step: k of n counts steps, and a reading of a fast machine is none."""
        rows = np.flatnonzero(condition.step >= 0)
        slots = self.alarms.slots([(asset_ids[row], ANOMALY) for row in rows.tolist()])
        return self.alarms.observe(
            slots, seconds[rows], condition.score[rows], condition.flag[rows], condition.phase[rows]
        )

    def _observe_sensors(
        self, asset_ids: Sequence[str], seconds: FloatArray, condition: Condition
    ) -> list[AlarmTransition]:
        """Only sensors that are or were in trouble are observed: the others cost nothing."""
        bad, names = condition.flaws != GOOD, self.asset_type.signal_names
        for row, column in zip(*(part.tolist() for part in np.nonzero(bad)), strict=True):
            self._troubled.add((asset_ids[row], names[column]))
        if not self._troubled:
            return []
        columns = {name: column for column, name in enumerate(names)}
        of_asset: dict[str, list[int]] = {}
        for asset, name in sorted(self._troubled):
            of_asset.setdefault(asset, []).append(columns[name])
        seen = [(row, column) for row, asset in enumerate(asset_ids) for column in of_asset.get(asset, ())]
        if not seen:
            return []
        rows, watched = np.array(seen, dtype=np.int64).T
        flags = bad[rows, watched]
        slots = self.alarms.slots([(asset_ids[row], SENSOR + names[column]) for row, column in seen])
        return self.alarms.observe(
            slots, seconds[rows], np.where(flags, _FLAWED_SCORE, 0.0), flags, condition.phase[rows]
        )
