"""Where reports take what they tell: the database, the baselines' files and the packaged failure model."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from smart_sentry.assets import AssetType
from smart_sentry.baseline_store import BaselineStore
from smart_sentry.bundle import Bundle
from smart_sentry.config import Settings
from smart_sentry.detection.baseline import Baseline
from smart_sentry.errors import ChecksumMismatch, ModelUnavailable
from smart_sentry.plant.open import failure_model_of, load_asset_types
from smart_sentry.plant.plant import Plant
from smart_sentry.reports.content import BaselineFacts, ModelFacts
from smart_sentry.stores.baseline_index import ActiveBaseline
from smart_sentry.stores.predictions import StoredPrediction
from smart_sentry.stores.store import Batch, Store


@dataclass(frozen=True)
class Judge:
    """What judges an asset at a time.

    Attributes:
        version: of the baseline or of the failure model; None: nothing does.
        baseline: None where a failure model judges it, or nothing does.
        problem: why the baseline that was active cannot be read; the one before it judges then, where there is one.
        activated: when and by whom it was made active; None where that was not written down.
    """

    version: str | None
    baseline: Baseline | None = None
    problem: str = ""
    activated: ActiveBaseline | None = None
    model: ModelFacts | None = None


@dataclass(frozen=True)
class ReportSource:
    """What is read.

    Attributes:
        store: the database.
        asset_types: name -> type.
        models_folder: baselines are below it.
        failure_model: the packaged champion; None: there is none.
        settings: costs and time zone.
    """

    store: Store
    asset_types: Mapping[str, AssetType]
    models_folder: Path
    failure_model: Bundle | None
    settings: Settings

    @classmethod
    def of_plant(cls, plant: Plant, settings: Settings) -> ReportSource:
        """What a running service reads, so that a report says what its other routes say."""
        return cls(plant.store, plant.asset_types, plant.watches.models_folder, plant.watches.model, settings)

    @classmethod
    def open(cls, settings: Settings) -> ReportSource:
        """What the settings name, without a service; `store` is the caller's to close.

        Raises:
            ConfigurationError: an asset type or the database's address is wrong. StoreUnavailable: it cannot be reached.
        """
        types, model = load_asset_types(settings), failure_model_of(settings)
        return cls(Store(settings.database_url), types, settings.models_folder, model, settings)

    def judge_of(
        self, batch: Batch, asset_id: str, kind: AssetType, until: float, predicted: StoredPrediction | None
    ) -> Judge:
        """What judges an asset.

        Args:
            batch: the transaction. asset_id: whose. kind: its type.
            until: seconds since 1970 UTC: what became active later does not count.
            predicted: the newest prediction of a failure model up to then.
        """
        model = self.failure_model
        if model is not None and _fits(model, kind):
            version = model.version if predicted is None else predicted.model_version
            return Judge(version, model=self._model_facts(version))
        noted = batch.baselines.history(asset_id)
        activated = [entry for entry in noted if entry.time <= until]
        if not activated and predicted is not None:
            return Judge(predicted.model_version, model=self._model_facts(predicted.model_version))
        files = BaselineStore(self.models_folder / kind.name / "baselines")
        kept = files.history(asset_id)
        if noted:
            return _readable(files, asset_id, _as_of(kept, activated), activated)
        return _readable(files, asset_id, kept, [], until)

    def _model_facts(self, version: str) -> ModelFacts:
        bundle = self.failure_model
        if bundle is None or bundle.version != version:
            return ModelFacts(version, ())
        its = bundle.manifest
        return ModelFacts(version, (
            ("Data set", its.dataset), ("Kind", its.candidate), ("Threshold", f"{its.threshold:.4f}"),
            ("Alarm", f"{its.alarm_k} of {its.alarm_n} readings above the threshold"),
            ("Horizon", f"{its.asset_type.failure.horizon_cycles} cycles"),
            ("Interval of the remaining life", f"{its.interval_coverage:.0%}"),
            ("Training data (SHA-256)", its.data_version), ("Model (SHA-256)", bundle.checksum),
        ))  # fmt: skip


def baseline_facts(judge: Judge) -> BaselineFacts | None:
    """The baseline for people; None where none judges."""
    its = judge.baseline
    if its is None:
        return None
    report, activated = its.acceptance, judge.activated
    phases = {name: part.statistics.as_dict() for name, part in its.phases.items()}
    return BaselineFacts(
        its.version, its.created, None if activated is None else activated.time,
        None if activated is None else activated.author, report.grade, report.readings, report.seconds,
        report.false_alarms, report.remarks, phases,
    )  # fmt: skip


def _as_of(kept: Sequence[str], activated: Sequence[ActiveBaseline]) -> list[str]:
    """The version that was active last, behind those that a service would fall back to; nothing before the first.

    Args:
        kept: versions in the order in which they became active, as their files tell.
        activated: what the database says of the same, up to a time.
    """
    if not activated:
        return []
    active = activated[-1].version
    return [*kept[: kept.index(active)], active] if active in kept else [active]


def _readable(
    files: BaselineStore, asset_id: str, versions: Sequence[str], activated: Sequence[ActiveBaseline],
    until: float = math.inf,
) -> Judge:  # fmt: skip
    """Judges by the last version that can be read, as `BaselineStore.all_usable` does, and that was learnt up to a time."""
    entries, problem = {entry.version: entry for entry in activated}, ""
    for version in reversed(versions):
        try:
            baseline = files.load(asset_id, version)
        except (ModelUnavailable, ChecksumMismatch) as broken:
            problem = problem or f"baseline {version} cannot be read: {type(broken).__name__}"
            continue
        if datetime.fromisoformat(baseline.created).timestamp() <= until:
            return Judge(version, baseline, problem, entries.get(version))
    return Judge(None, None, problem)


def _fits(model: Bundle, kind: AssetType) -> bool:
    its = model.manifest.asset_type
    return its.name == kind.name and its.signal_names == kind.signal_names
