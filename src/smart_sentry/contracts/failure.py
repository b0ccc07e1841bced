"""What the failure model answers about an asset."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

RUL_INTERVAL = (
    "the interval that shall hold the capped remaining life at a share `interval_coverage` of a monitored fleet's readings (told"
    " with the model; 0.9 unless it was trained for another)"
)
"""What `rul_lower_cycles` and `rul_upper_cycles` promise (prognosis/life_interval.py)."""


class SignalContribution(BaseModel):
    """How much one signal moved the failure log-odds away from those of the average row of the training fleet."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    signal: str
    contribution: float = Field(description="log-odds; positive: towards failure")
    value: float = Field(description="the signal's newest value")
    unit: str


class FailureAssessment(BaseModel):
    """One asset's state after its newest reading."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    asset_id: str
    cycle: int = Field(description="cycle of the newest reading")
    failure_probability: Annotated[float, Field(ge=0, le=1)] = Field(
        description="probability that the asset fails within the asset type's horizon"
    )
    alarm: bool = Field(description="probability at or above the model's threshold")
    rul_cycles: float = Field(
        ge=0, description="estimated remaining useful life, capped at the asset type's rul_cap_cycles"
    )
    rul_lower_cycles: float = Field(ge=0, description=f"lower end of {RUL_INTERVAL}")
    rul_upper_cycles: float = Field(ge=0, description="upper end of that interval; at the cap it means 'or more'")
    regime: int = Field(description="operating regime of the newest reading")
    warming: bool = Field(description="too few readings yet for the windows: take the figures with care")
    restored: bool = Field(description="the asset was found restored within these readings and its filters began anew")
    top_contributions: tuple[SignalContribution, ...] = ()
    model_version: str
