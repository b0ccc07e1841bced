"""Readings as they come in, before anybody knows what kind of machine sent them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smart_sentry.assets import AssetType
from smart_sentry.errors import InvalidReadings
from smart_sentry.features.steps import window_length

FARTHEST_AHEAD_SECONDS = 300.0
"""A reading from further in the future has a wrong clock."""
_OLDEST = 0.0


@dataclass(frozen=True)
class Incoming:
    """One reading.

    Attributes:
        asset_id: whose.
        reading_id: what makes sending it again harmless.
        seconds: its time, since 1970 UTC.
        values: signal -> number in its unit; None where the sensor said nothing.
        asset_type: what its sender says it is; None: found by the signals' names.
    """

    asset_id: str
    reading_id: str
    seconds: float
    values: Mapping[str, float | None]
    asset_type: str | None = None


def type_by_signals(asset_types: Mapping[str, AssetType], names: Sequence[str], at: int) -> str:
    """The asset type that has exactly these signals; of several the slowest, which is judged reading by reading.

    Raises:
        InvalidReadings: none has them.
    """
    fitting = [name for name, kind in asset_types.items() if set(kind.signal_names) == set(names)]
    if not fitting:
        known = "; ".join(f"{name}: {', '.join(kind.signal_names)}" for name, kind in sorted(asset_types.items()))
        found = f"no asset type has exactly the signals {', '.join(sorted(names)) or '(none)'}; known are {known}"
        raise InvalidReadings([(at, "signals", found)])
    return min(fitting, key=lambda name: (window_length(asset_types[name]), name))


def values_of(asset_type: AssetType, readings: Sequence[Incoming], positions: Sequence[int]) -> NDArray[np.float64]:
    """(rows, signals) in the type's order, NaN where there is no number.

    Raises:
        InvalidReadings: a reading names a signal that the type does not have.
    """
    column = {name: place for place, name in enumerate(asset_type.signal_names)}
    values = np.full((len(readings), len(column)), np.nan)
    mistakes = []
    for row, reading in enumerate(readings):
        for name, value in reading.values.items():
            if name not in column:
                expected = f"not a signal of {asset_type.name}, which has {', '.join(column)}"
                mistakes.append((positions[row], name, expected))
            elif value is not None:
                values[row, column[name]] = value
    if mistakes:
        raise InvalidReadings(mistakes)
    return values


def refuse_wrong_times(readings: Sequence[Incoming], now: float) -> None:
    """Raises InvalidReadings where a time is before 1970 or too far ahead of `now`."""
    mistakes = []
    for position, reading in enumerate(readings):
        if not _OLDEST <= reading.seconds <= now + FARTHEST_AHEAD_SECONDS:
            reason = f"expected a time since 1970 and at most {FARTHEST_AHEAD_SECONDS:g} s ahead of the service's clock"
            mistakes.append((position, "timestamp", f"{reason}, found {reading.seconds - now:+.0f} s from it"))
    if mistakes:
        raise InvalidReadings(mistakes)
