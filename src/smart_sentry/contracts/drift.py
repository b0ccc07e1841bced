"""What a round over the assets tells a running plant of their drift, and what the plant tells of it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from smart_sentry.contracts.monitoring import Lines, Name

DriftVerdict = Literal[
    "none", "benign_operating_change", "step_after_maintenance", "sensor_fault", "degradation", "unknown", "skipped"
]
EXPLAINED = ("benign_operating_change", "step_after_maintenance")
"""Verdicts that may propose a recalibration."""
SKIPPED = "skipped"
"""Verdict on an asset of which nothing can be said."""
_Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DriftEvidence(_Strict):
    """One thing that a verdict stands on."""

    kind: Name = Field(description="what sort, e.g. shift, trend, stuck")
    signals: Annotated[list[Name], Field(max_length=1000)] = Field(description="that it is about")
    figures: dict[Name, Annotated[float, Field(allow_inf_nan=False)] | Lines | None] = Field(
        description="numbers behind the sentence"
    )
    sentence: Annotated[Lines, Field(max_length=10_000)] = Field(description="for people")


class DriftFinding(_Strict):
    """Why an asset's readings are not what its baseline was learnt from."""

    asset_id: Name
    time: AwareDatetime = Field(description="when it was found; a finding of the same asset and time is taken once")
    baseline_version: Annotated[Lines, Field(max_length=128)] = Field(
        description="active then; empty where there was none"
    )
    recent_start: AwareDatetime | None = Field(description="first reading that was looked at; null: it has none")
    recent_end: AwareDatetime | None
    verdict: DriftVerdict = Field(description="skipped: nothing can be said, and the evidence tells why")
    confidence: _Share = Field(description="how clear the evidence is; no probability")
    may_recalibrate: bool = Field(strict=True)
    evidence: Annotated[list[DriftEvidence], Field(max_length=1000)]
    drift_share: _Share | None = Field(default=None, description="share of signals whose distribution moved")
    report: Annotated[Lines, Field(max_length=2000)] | None = Field(
        default=None, description="where the HTML report is"
    )

    @model_validator(mode="after")
    def _recalibration_is_explained(self) -> DriftFinding:
        if self.may_recalibrate and self.verdict not in EXPLAINED:
            raise ValueError(f"may_recalibrate needs the verdict {' or '.join(EXPLAINED)}, not {self.verdict}")
        return self


class DriftFindings(_Strict):
    """What a round found."""

    findings: Annotated[list[DriftFinding], Field(min_length=1, max_length=1000)]


class TakenFinding(_Strict):
    """A finding that is stored."""

    asset_id: str
    finding_id: int


class FindingsTaken(_Strict):
    """What became of a round's findings."""

    stored: list[TakenFinding]
    unknown: list[str] = Field(description="assets that the plant does not know, or not any more")


class ShownFinding(_Strict):
    """A stored finding."""

    finding_id: int
    asset_id: str
    time: datetime
    baseline_version: str
    recent_start: datetime | None
    recent_end: datetime | None
    verdict: str
    confidence: float
    may_recalibrate: bool
    evidence: list[DriftEvidence]
    drift_share: float | None
    report: str | None
