"""What comes in, before anybody knows what kind of machine sent it: readings one by one, and windows of equally spaced ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from smart_sentry.assets import AssetType
from smart_sentry.errors import InvalidReadings
from smart_sentry.features.steps import window_length

FARTHEST_AHEAD_SECONDS = 300.0
"""A reading from further in the future has a wrong clock."""
OLDEST_SECONDS = 0.0
"""A reading from before 1970 has one, too."""
_INTERVAL_TOLERANCE = 0.01
_MICROSECONDS = 1_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


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


@dataclass(frozen=True)
class IncomingWindow:
    """Equally spaced readings of one asset.

    Attributes:
        asset_id, asset_type: as of a reading.
        interval_seconds: between two readings.
        reading_ids: (readings,)
        seconds: (readings,) since 1970 UTC.
        columns: signal -> (readings,) numbers in its unit; None where the sensor said nothing.
    """

    asset_id: str
    interval_seconds: float
    reading_ids: Sequence[str]
    seconds: NDArray[np.float64]
    columns: Mapping[str, Sequence[float | None]]
    asset_type: str | None = None


def times_of_window(start: datetime, interval_seconds: float, count: int) -> NDArray[np.int64]:
    """(count,) microseconds since 1970 UTC of the readings of a window, each rounded by itself: no error adds up.

    >>> times_of_window(datetime(1970, 1, 1, tzinfo=UTC), 1 / 3, 4).tolist()
    [0, 333333, 666667, 1000000]
    """
    begin = (start - _EPOCH) // timedelta(microseconds=1)
    after: NDArray[np.int64] = np.rint(np.arange(count) * (interval_seconds * _MICROSECONDS)).astype(np.int64)
    return after + begin


def ids_of_window(event_id: str | None, microseconds: NDArray[np.int64]) -> list[str]:
    """Ids of a window's readings: event id and number, or without one each reading's time in seconds since 1970.

    >>> ids_of_window("w7", np.array([0, 10_000])), ids_of_window(None, np.array([0, 10_000]))
    (['w7/0', 'w7/1'], ['0.000000', '0.010000'])
    """
    if event_id is not None:
        return [f"{event_id}/{number}" for number in range(len(microseconds))]
    return [f"{time // _MICROSECONDS}.{time % _MICROSECONDS:06d}" for time in microseconds.tolist()]


def type_by_signals(
    asset_types: Mapping[str, AssetType], names: Sequence[str], at: int, interval_seconds: float | None = None
) -> str:
    """The asset type that has exactly these signals; of several the slowest, which is judged reading by reading.

    Args:
        asset_types: name -> type.
        names: of the signals.
        at: position in the request, for the error.
        interval_seconds: between two readings; of several types the one that is read so often. None: not known.

    Raises:
        InvalidReadings: none has them.
    """
    fitting = [name for name, kind in asset_types.items() if set(kind.signal_names) == set(names)]
    if not fitting:
        known = "; ".join(f"{name}: {', '.join(kind.signal_names)}" for name, kind in sorted(asset_types.items()))
        found = f"no asset type has exactly the signals {', '.join(sorted(names)) or '(none)'}; known are {known}"
        raise InvalidReadings([(at, "signals", found)])
    if interval_seconds is not None:
        fitting = [name for name in fitting if is_interval_of(asset_types[name], interval_seconds)] or fitting
    return min(fitting, key=lambda name: (window_length(asset_types[name]), name))


def is_interval_of(asset_type: AssetType, interval_seconds: float) -> bool:
    """Whether a machine of this type is read so often, to one per cent."""
    return abs(interval_seconds / asset_type.sampling_seconds - 1.0) <= _INTERVAL_TOLERANCE


def values_of(asset_type: AssetType, readings: Sequence[Incoming], positions: Sequence[int]) -> NDArray[np.float64]:
    """(rows, signals) in the type's order, NaN where there is no number.

    Raises:
        InvalidReadings: a reading names a signal that the type does not have.
    """
    names = asset_type.signal_names
    known = set(names)
    mistakes = [
        (position, name, _unknown(asset_type))
        for position, reading in zip(positions, readings, strict=True)
        if not known.issuperset(reading.values)
        for name in reading.values
        if name not in known
    ]
    if mistakes:
        raise InvalidReadings(mistakes)
    rows = [[reading.values.get(name) for name in names] for reading in readings]
    return np.array(rows, dtype=np.float64).reshape(len(readings), len(names))  # None becomes NaN


def values_of_window(asset_type: AssetType, window: IncomingWindow, at: int, field: str) -> NDArray[np.float64]:
    """(readings, signals) in the type's order, NaN where there is no number.

    Args:
        asset_type: of the asset.
        window: its readings.
        at, field: where it stands in the request, for the error.

    Raises:
        InvalidReadings: its interval is not the type's, or it names a signal that the type does not have.
    """
    if not is_interval_of(asset_type, window.interval_seconds):
        expected = f"expected {asset_type.sampling_seconds:g} s, at which {asset_type.name} is read"
        raise InvalidReadings([(at, f"{field}interval_seconds", f"{expected}, found {window.interval_seconds:g} s")])
    unknown = [name for name in window.columns if name not in asset_type.signal_names]
    if unknown:
        raise InvalidReadings([(at, f"{field}columns.{name}", _unknown(asset_type)) for name in unknown])
    values = np.full((len(window.seconds), len(asset_type.signals)), np.nan)
    for place, name in enumerate(asset_type.signal_names):
        if name in window.columns:
            values[:, place] = np.array(window.columns[name], dtype=np.float64)  # None becomes NaN
    return values


def refuse_wrong_times(readings: Sequence[Incoming], now: float) -> None:
    """Raises InvalidReadings where a time is before 1970 or too far ahead of `now`."""
    mistakes = [
        (position, "timestamp", _wrong_time(reading.seconds, now))
        for position, reading in enumerate(readings)
        if not OLDEST_SECONDS <= reading.seconds <= now + FARTHEST_AHEAD_SECONDS
    ]
    if mistakes:
        raise InvalidReadings(mistakes)


def refuse_wrong_window(window: IncomingWindow, at: int, field: str, now: float) -> None:
    """The same of a window: its first and last reading tell."""
    first, last = float(window.seconds[0]), float(window.seconds[-1])
    if first < OLDEST_SECONDS or last > now + FARTHEST_AHEAD_SECONDS:
        wrong = first if first < OLDEST_SECONDS else last
        raise InvalidReadings([(at, f"{field}start", f"{_wrong_time(wrong, now)}, of {len(window.seconds)} readings")])


def _wrong_time(seconds: float, now: float) -> str:
    reason = f"expected a time since 1970 and at most {FARTHEST_AHEAD_SECONDS:g} s ahead of the service's clock"
    return f"{reason}, found {seconds - now:+.0f} s from it"


def _unknown(asset_type: AssetType) -> str:
    return f"not a signal of {asset_type.name}, which has {', '.join(asset_type.signal_names)}"
