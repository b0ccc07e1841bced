"""What the live feed says: how an asset stands, what an alarm did, and that an asset was purged. One JSON object each.

The numbers are those of the database, bit by bit. Times are seconds since 1970-01-01 UTC.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from smart_sentry.contracts.alarms import AlarmEvent, AlarmPriority, AlarmState, AlarmTransition
from smart_sentry.contracts.monitoring import Prediction

VERSION = 1
"""Another form of the messages has another one; readers refuse it."""


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1] = 1


class AssetUpdate(_Message):
    """An asset's newest reading and what was said of it."""

    kind: Literal["asset"] = "asset"
    asset_id: str
    asset_type: str
    reading_id: str | None = Field(description="None: a step of a window")
    time: float = Field(description="of the reading")
    received: float | None = Field(description="when it was taken; None where the reading has left the database")
    phase: str
    score: float | None = Field(description="1 is the limit; None where nothing was judged")
    flag: bool = Field(description="whether the machine is anomalous, or near its failure")
    votes: int = Field(ge=0, description="how many detectors say so")
    health: float = Field(ge=0, le=100, description="100 is healthy")
    risk: str
    degradation: float = Field(ge=0, le=1)
    reason: str = Field(description="in words, empty where all is well")
    values: dict[str, float | None] = Field(description="signal -> value in its unit; None where there is no number")
    prediction: Prediction | None = Field(default=None, description="of assets that a failure model judges")

    @property
    def regime(self) -> int | None:
        """Operating regime that a failure model found, from 0; None where none judged the reading, or did not note it."""
        return None if self.prediction is None else self.prediction.regime


class AlarmUpdate(_Message):
    """One step in the life of an alarm, as `AlarmTransition`."""

    kind: Literal["alarm"] = "alarm"
    alarm_id: str
    asset_id: str
    key: str
    from_state: AlarmState
    to_state: AlarmState
    event: AlarmEvent
    time: float
    author: str
    reason: str
    priority: AlarmPriority
    score: float | None

    @classmethod
    def of(cls, transition: AlarmTransition) -> AlarmUpdate:
        """The message of a transition."""
        return cls(**vars(transition))

    @property
    def is_open(self) -> bool:
        """Whether the alarm stands after it."""
        return self.to_state is not AlarmState.NORMAL


class AssetGone(_Message):
    """An asset was purged, with its alarms. None: forget everything; it was purged, or comes anew."""

    kind: Literal["gone"] = "gone"
    asset_id: str | None


Update = Annotated[AssetUpdate | AlarmUpdate | AssetGone, Field(discriminator="kind")]
UPDATES: TypeAdapter[AssetUpdate | AlarmUpdate | AssetGone] = TypeAdapter(Update)
"""Reads any message of the feed: `UPDATES.validate_json(text)`."""


class LiveState(BaseModel):
    """The plant as it stands: every asset's newest reading, and the last step of every alarm that is not normal."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    assets: dict[str, AssetUpdate]
    alarms: tuple[AlarmUpdate, ...] = Field(description="the longest-standing first")
