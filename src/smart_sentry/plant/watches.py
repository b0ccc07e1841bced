"""Who watches which asset: one watch a type, and the type of each asset."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from smart_sentry.assets import AssetType
from smart_sentry.bundle import Bundle
from smart_sentry.detection.baseline import Baseline
from smart_sentry.errors import ActionRefused, UnknownAsset
from smart_sentry.plant.condition_watch import ConditionWatch
from smart_sentry.plant.failure_watch import FailureWatch
from smart_sentry.plant.watch import Watch
from smart_sentry.stores.asset_states import AssetState, State
from smart_sentry.stores.baseline_index import ActiveBaseline
from smart_sentry.stores.store import Batch

FROM_FILE = "calibrated from a file"
"""Author of an entry of the index that no calibration, promotion or rollback of a service made."""
_log = logging.getLogger(__name__)


class Watches:
    """The watches of a plant. A type's begins when it is first asked for.

    Args:
        asset_types: name -> type.
        models_folder: baselines are below it.
        model: judges the assets of its type, which need no calibration; None: there is none.

    Attributes:
        asset_types, models_folder, model: as given; where `model` changes, `drop` its types.
        type_of: asset -> name of its type.
        monitored: assets that are known to be MONITORING.
        strays: asset -> name of its type, which is not configured any more: nobody watches it.
    """

    def __init__(self, asset_types: Mapping[str, AssetType], models_folder: Path, model: Bundle | None) -> None:
        self.asset_types, self.models_folder, self.model = dict(asset_types), models_folder, model
        self.type_of: dict[str, str] = {}
        self.monitored: set[str] = set()
        self.strays: dict[str, str] = {}
        self._by_type: dict[str, Watch] = {}

    def begin(self, states: Mapping[str, AssetState]) -> None:
        """Knows the assets that the store knows, and remembers nothing of them."""
        types = {asset: its.asset_type for asset, its in states.items()}
        self.type_of = {asset: name for asset, name in types.items() if name in self.asset_types}
        self.strays = {asset: name for asset, name in types.items() if name not in self.asset_types}
        self.monitored = {asset for asset, its in states.items() if its.state == "MONITORING"}
        self._by_type = {}

    @property
    def begun(self) -> tuple[str, ...]:
        """Types whose watch has begun."""
        return tuple(self._by_type)

    def of_type(self, name: str) -> Watch:
        """The watch of a type."""
        watch = self._by_type.get(name)
        if watch is None:  # of two threads that make one, both get the first one's
            watch = self._by_type.setdefault(name, self._new(self.asset_types[name]))
        return watch

    def of(self, asset_id: str) -> Watch:
        """The watch that an asset is under.

        Raises:
            UnknownAsset: no reading of it has come, or its type is not configured any more.
        """
        name = self.type_of.get(asset_id)
        if name is None:
            raise UnknownAsset(asset_id, self.strays.get(asset_id))
        return self.of_type(name)

    def drop(self, name: str) -> Watch:
        """Ends the watch of a type and returns it; the next one begins anew."""
        return self._by_type.pop(name)

    def is_judging(self, model: Bundle) -> bool:
        """Whether assets of the model's type are judged by exactly this one."""
        return self.model is not None and self.model.checksum == model.checksum

    def snapshots(self) -> dict[str, dict[str, Any]]:
        """Type -> a copy of what its watch remembers."""
        return {name: watch.snapshot() for name, watch in self._by_type.items()}

    def forget(self, asset_id: str | None) -> None:
        """Forgets an asset, or all (None): every watch, since a state that was restored may hold what is not known any more."""
        for watch in self._by_type.values():
            watch.forget(asset_id)
        for asset in [asset_id] if asset_id is not None else [*self.type_of, *self.strays]:
            self.type_of.pop(asset, None)
            self.strays.pop(asset, None)
            self.monitored.discard(asset)

    def meet(self, batch: Batch, name: str, assets: Sequence[str], now: float) -> None:
        """New assets begin IDLE; one that is calibrated or has a failure model is MONITORING once it sends readings.

        Args:
            batch: the transaction of the readings.
            name: of the assets' type.
            assets: whose readings came, repeated as they came.
            now: seconds since 1970 UTC.
        """
        watch = self.of_type(name)
        ready: tuple[State, ...] = ("CALIBRATED", "MONITORING") if isinstance(watch, ConditionWatch) else ("IDLE",)
        new: list[AssetState] = []
        for asset in dict.fromkeys(assets):
            if asset in self.monitored and asset in self.type_of:  # nearly all, all the time
                continue
            judged = watch.judge_of(asset) is not None
            if asset not in self.type_of:
                self.type_of[asset] = name
                self.strays.pop(asset, None)
                new.append(AssetState(asset, "MONITORING" if judged else "IDLE", name, now))
                if judged:
                    self.monitored.add(asset)
                baseline = watch.baseline_of(asset) if isinstance(watch, ConditionWatch) else None
                if baseline is not None and batch.baselines.active(asset) is None:
                    enter_from_file(batch, baseline, now)
                continue
            if not judged:
                continue
            if batch.states.change(AssetState(asset, "MONITORING", name, now), only_from=ready):
                self.monitored.add(asset)
        batch.states.begin(new)

    def _new(self, kind: AssetType) -> Watch:
        model = self.model
        if model is not None and model.manifest.asset_type.name == kind.name:
            if model.manifest.asset_type.signal_names == kind.signal_names:
                return FailureWatch(model)
            _log.warning("%s has other signals than the type of %s: it is not judged by it", kind.name, model.version)
        return ConditionWatch(kind, self.models_folder)


def enter_from_file(batch: Batch, baseline: Baseline, now: float) -> None:
    """Notes in the index that a baseline is active which was calibrated from a file, without a database.

    Args:
        batch: a transaction.
        baseline: the active one.
        now: seconds since 1970 UTC; it counts where the baseline does not say when it was created.
    """
    time = baseline.created_seconds if math.isfinite(baseline.created_seconds) else now
    batch.baselines.activate(ActiveBaseline(baseline.asset_id, baseline.version, time, FROM_FILE))


def calibrated(watch: Watch, asset_id: str) -> ConditionWatch:
    """The watch of an asset that is held against a baseline of its own.

    Raises:
        ActionRefused: a failure model judges it.
    """
    if not isinstance(watch, ConditionWatch):
        why = "no calibration is needed"
        raise ActionRefused(
            "calibration", asset_id, f"judged by {watch.judge_of(asset_id)}", ["monitoring/status"], why
        )
    return watch
