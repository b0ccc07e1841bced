"""What `features:` of an asset type may name: quantities that are computed of its signals, for people (docs/calibration.md)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, model_validator

_PATTERN = r"^[A-Za-z][A-Za-z0-9_]*$"
Name = Annotated[str, Field(pattern=_PATTERN, max_length=64)]
FeatureName = Annotated[str, Field(pattern=_PATTERN, max_length=96)]
"""Longer than a signal's, because it may be made of one."""
Points = Annotated[int, Field(ge=2, le=1000)]


class _Feature(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, populate_by_name=True)

    name: FeatureName


class _OfOneSignal(_Feature):
    signal: Name

    @property
    def signals(self) -> tuple[str, ...]:
        """Names of the signals that it is made of."""
        return (self.signal,)


class RollingMean(_OfOneSignal):
    """Mean over the last seconds, in the signal's unit."""

    kind: Literal["rolling_mean"]
    seconds: float = Field(gt=0, description="span of the mean, the newest reading included")


class SpikeCount(_OfOneSignal):
    """How many of the last points were spikes: more than `sigma` standard deviations off the mean of the `points` before them."""

    kind: Literal["spike_count"]
    points: Points
    sigma: float = Field(gt=0)


class Percent(_OfOneSignal):
    """(signal - low) / (high - low) * 100."""

    kind: Literal["percent"]
    low: float = Field(description="what is 0 %, in the signal's unit")
    high: float = Field(description="what is 100 %")

    @model_validator(mode="after")
    def _low_is_below_high(self) -> Percent:
        if not self.low < self.high:
            raise ValueError(f"low must be below high, not low {self.low:g} and high {self.high:g}")
        return self


class Rms(_OfOneSignal):
    """Root mean square of the last points, in the signal's unit."""

    kind: Literal["rms"]
    points: Points


class Distance(_OfOneSignal):
    """|signal - target|, in the signal's unit."""

    kind: Literal["distance"]
    target: float = Field(alias="from", description="in the signal's unit")


class Ratio(_Feature):
    """numerator / (denominator + offset)."""

    kind: Literal["ratio"]
    numerator: Name
    denominator: Name
    offset: float = Field(default=0.0, description="in the denominator's unit; keeps the denominator away from zero")

    @property
    def signals(self) -> tuple[str, ...]:
        """Names of the signals that it is made of."""
        return self.numerator, self.denominator


DerivedFeature: TypeAlias = Annotated[
    RollingMean | SpikeCount | Percent | Rms | Distance | Ratio, Field(discriminator="kind")
]


def default_features(signal_names: Sequence[str]) -> tuple[DerivedFeature, ...]:
    """Of every signal the mean of the last hour, and the spikes of 3 standard deviations among the last 10 readings."""
    found: list[DerivedFeature] = []
    for name in signal_names:
        found.append(RollingMean(name=f"{name}_rolling_mean_1h", kind="rolling_mean", signal=name, seconds=3600))
        found.append(SpikeCount(name=f"{name}_spike_count", kind="spike_count", signal=name, points=10, sigma=3))
    return tuple(feature for feature in found if feature.name not in signal_names)


def feature_mistakes(
    features: Sequence[DerivedFeature], limits: Mapping[str, tuple[float, float]], taken: Mapping[str, str]
) -> list[str]:
    """What is wrong with the features of one asset type, a sentence for each mistake.

    Args:
        features: as the asset type names them.
        limits: signal -> its physical limits.
        taken: name that no feature may have -> what it is the name of.
    """
    names = [feature.name for feature in features]
    mistakes = [
        f"{name} is the name of {names.count(name)} features" for name in dict.fromkeys(names) if names.count(name) > 1
    ]
    for feature in features:
        if feature.name in taken:
            mistakes.append(f"{feature.name} is the name of {taken[feature.name]} already")
        if unknown := [name for name in dict.fromkeys(feature.signals) if name not in limits]:
            has = ", ".join(limits)
            mistakes.append(
                f"{feature.name} is made of {', '.join(unknown)}, which is no signal of the type (it has {has})"
            )
        elif isinstance(feature, Ratio):
            mistakes += _ratio_mistakes(feature, limits[feature.denominator])
    return mistakes


def _ratio_mistakes(ratio: Ratio, limits: tuple[float, float]) -> list[str]:
    mistakes = []
    if ratio.numerator == ratio.denominator:
        mistakes.append(f"{ratio.name} divides {ratio.numerator} by itself")
    low, high = (limit + ratio.offset for limit in limits)
    if low <= 0 <= high:
        mistakes.append(
            f"{ratio.name} divides by {ratio.denominator} + {ratio.offset:g}, which can be zero within the limits"
            f" [{limits[0]:g}, {limits[1]:g}] of {ratio.denominator} (offset: above {0 - limits[0]:g} or below {0 - limits[1]:g})"
        )
    return mistakes
