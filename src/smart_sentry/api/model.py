"""What GET /model tells about the served model."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from smart_sentry.bundle import Bundle


class _Told(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SignalDescription(_Told):
    """One signal that every reading must hold."""

    name: str
    unit: str = Field(description="'1' where the quantity has none")
    role: str
    description: str
    low: float = Field(description="lowest possible value, in `unit`; lower ones are refused")
    high: float = Field(description="highest possible value, in `unit`; higher ones are refused")


class ModelDescription(_Told):
    """The served model: what it is, what it takes, and when it raises an alarm."""

    dataset: str
    model_version: str
    bundle_sha256: str
    candidate: str = Field(description="kind of the failure model")
    data_version: str = Field(description="checksum of the training data")
    asset_type: str
    cycle_meaning: str
    signals: tuple[SignalDescription, ...]
    threshold: float = Field(description="failure probability from which a reading counts as alarm")
    alarm_k: int = Field(description="persistence: an alarm should be acted on when k of the last n readings raise it")
    alarm_n: int
    horizon_cycles: int = Field(description="the failure probability is that of a failure within so many cycles")
    rul_cap_cycles: int = Field(description="remaining life above this is not told apart")
    interval_coverage: float = Field(
        description="share of a monitored fleet's readings at which the interval shall hold the capped remaining life"
    )
    warm_after_readings: int = Field(description="readings from which an assessment no longer counts as warming up")


def describe(bundle: Bundle) -> ModelDescription:
    """The description of a bundle."""
    manifest = bundle.manifest
    kind = manifest.asset_type
    return ModelDescription(
        dataset=manifest.dataset,
        model_version=bundle.version,
        bundle_sha256=bundle.checksum,
        candidate=manifest.candidate,
        data_version=manifest.data_version,
        asset_type=kind.name,
        cycle_meaning=kind.cycle_meaning,
        signals=tuple(
            SignalDescription(
                name=signal.name, unit=signal.unit, role=signal.role, description=signal.description,
                low=signal.limits[0], high=signal.limits[1],
            )
            for signal in kind.signals
        ),
        threshold=manifest.threshold,
        alarm_k=manifest.alarm_k,
        alarm_n=manifest.alarm_n,
        horizon_cycles=kind.failure.horizon_cycles,
        rul_cap_cycles=kind.failure.rul_cap_cycles,
        interval_coverage=manifest.interval_coverage,
        warm_after_readings=bundle.feature_model.params.warm_after,
    )  # fmt: skip
