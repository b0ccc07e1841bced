"""What is asked of and told about recalibrations."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from smart_sentry.contracts.monitoring import Lines, Name, Person

Number = Annotated[int, Field(ge=1, le=2**63 - 1, strict=True)]
Reason = Annotated[Lines, Field(min_length=1, max_length=2000)]
Count = Annotated[int, Field(ge=0, le=2**31, strict=True)]
Times = Annotated[list[Annotated[float, Field(allow_inf_nan=False)]], Field(max_length=10_000)]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class RecalibrationRequest(_Strict):
    """Which asset is to be recalibrated, and why."""

    asset_id: Name
    author: Person
    reason: Reason
    finding_id: Number | None = Field(default=None, description="number of the drift finding that it follows from")
    override: bool = Field(default=False, strict=True, description="a person does not wait for the pause between two")


class CheckResult(_Strict):
    """What one check said of a candidate."""

    name: Name
    passed: bool | None = Field(description="null: it could not be made, a person has to decide", strict=True)
    figures: dict[str, Any]
    sentence: Reason


class ShadowResult(_Strict):
    """Candidate and active baseline on the same stream."""

    steps: Count
    both: Count = Field(description="steps that both flagged")
    only_active: Count
    only_candidate: Count
    agreement: float = Field(ge=0, le=1)
    alarms_active: Times = Field(description="when anomaly alarms rose, seconds since 1970 UTC")
    alarms_candidate: Times
    mean_score_active: float | None = Field(allow_inf_nan=False)
    mean_score_candidate: float | None = Field(allow_inf_nan=False)


class RecalibrationStep(_Strict):
    """What whoever builds the candidate has done: each step once, in this order. Repeating one changes nothing."""

    step: Literal["built", "checked", "shadowing", "shadowed", "given up"]
    author: Person
    candidate_version: Name | None = Field(
        default=None, description="with `built`, `checked` and `shadowed`: of the candidate that it is about"
    )
    checks: Annotated[list[CheckResult], Field(max_length=50)] | None = Field(
        default=None, description="with `checked`"
    )
    shadow: ShadowResult | None = Field(default=None, description="with `shadowed`")
    problem: Reason | None = Field(default=None, description="with `given up`")


class RecalibrationDecision(_Strict):
    """What a person decides, and why."""

    author: Person
    reason: Reason
    override: bool = Field(
        default=False, strict=True, description="approve although the newest finding is degradation; it is recorded"
    )


class RecalibrationStatus(_Strict):
    """Where a recalibration stands."""

    number: int
    asset_id: str
    asked: datetime
    author: str
    reason: str
    finding_id: int | None
    state: str = Field(
        description="ASKED, CHECKED, SHADOWING, AWAITING_APPROVAL, WATCHING; over: KEPT, REFUSED, ROLLED_BACK, WITHDRAWN"
    )
    active_version: str = Field(description="of the baseline that was active when it was asked for")
    candidate_version: str | None
    checks: dict[str, Any] | None = Field(description="what checks and shadow said, and what was decided")
    decided_by: str | None
    changed: datetime
    watch_until: datetime | None = Field(description="on the clock of the readings")
