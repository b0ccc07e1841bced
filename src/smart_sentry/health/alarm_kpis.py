"""Is the alarm system itself healthy? Its key figures after ISA-18.2, section 16 / IEC 62682, from a table of transitions.

An annunciation is a transition that calls an operator: an alarm rises, rises again, or comes back standing from a shelf or
from out of service. Times are seconds on the clock of the transitions. Windows are sliding and half open: [t, t + width).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from smart_sentry.contracts.alarms import AlarmEvent, AlarmPriority, AlarmState, AlarmTransition

RATE_WINDOW_SECONDS = 600.0
FLOOD_ABOVE = 10
"""More annunciations than this per operator within 10 minutes are a flood."""
CHATTER_WINDOW_SECONDS = 60.0
CHATTER_FROM = 3
"""An alarm that rises or falls this often within a minute chatters."""
STALE_HOURS = 24.0

_ACTIVE = (AlarmState.UNACKNOWLEDGED, AlarmState.ACKNOWLEDGED)
_ALARM = ["asset_id", "key"]


@dataclass(frozen=True)
class AlarmRate:
    """Annunciations per operator in 10 minutes: the mean over the time, and the busiest 10 minutes. About 1 is acceptable."""

    mean: float
    peak: float


@dataclass(frozen=True)
class AcknowledgeTime:
    """From the first annunciation of an occurrence to its acknowledgement.

    Attributes:
        mean_seconds: NaN where nothing was acknowledged.
        acknowledged, unacknowledged: occurrences that were, and were not.
    """

    mean_seconds: float
    acknowledged: int
    unacknowledged: int


@dataclass(frozen=True, eq=False)
class AlarmKpis:
    """All figures of a span of time; the tables are those of the functions of this file."""

    annunciations: int
    rate: AlarmRate
    floods: pd.DataFrame
    chattering: pd.DataFrame
    stale: pd.DataFrame
    most_frequent: pd.DataFrame
    priorities: pd.DataFrame
    acknowledge_time: AcknowledgeTime


def transition_table(transitions: Iterable[AlarmTransition]) -> pd.DataFrame:
    """One row a transition, one column a field of `AlarmTransition`, in the order of time."""
    columns = [field.name for field in fields(AlarmTransition)]
    table = pd.DataFrame([asdict(transition) for transition in transitions], columns=columns)
    return table.astype({"time": np.float64}).sort_values("time", kind="stable", ignore_index=True)


def alarm_kpis(transitions: pd.DataFrame, start: float, end: float, operators: int = 1) -> AlarmKpis:
    """All figures of [start, end).

    Args:
        transitions: as `transition_table` makes it. What happened before `start` counts for what stands, not for what is counted.
        start, end: seconds.
        operators: who share the alarms.

    Raises:
        ValueError: `end` is not after `start`, or there is no operator.
    """
    if not start < end or operators < 1:
        raise ValueError(f"expected start < end and at least one operator, found {start}, {end} and {operators}")
    until = transitions[transitions["time"] < end]
    within = until[until["time"] >= start]
    return AlarmKpis(
        annunciations=len(annunciations(within)),
        rate=alarm_rate(within, start, end, operators),
        floods=floods(within, operators),
        chattering=chattering(within),
        stale=stale(until, end),
        most_frequent=most_frequent(within),
        priorities=priorities(within),
        acknowledge_time=acknowledge_time(within),
    )


def annunciations(transitions: pd.DataFrame) -> pd.DataFrame:
    """The rows that call an operator."""
    calls = (transitions["to_state"] == AlarmState.UNACKNOWLEDGED) & (transitions["event"] != AlarmEvent.COMMENTED)
    return transitions[calls]


def alarm_rate(transitions: pd.DataFrame, start: float, end: float, operators: int = 1) -> AlarmRate:
    """Annunciations per operator and 10 minutes over [start, end), all of which `transitions` hold."""
    times = annunciations(transitions)["time"].to_numpy(np.float64)
    busiest = int(_following(times, RATE_WINDOW_SECONDS).max(initial=0))
    return AlarmRate(len(times) / operators * RATE_WINDOW_SECONDS / (end - start), busiest / operators)


def floods(transitions: pd.DataFrame, operators: int = 1) -> pd.DataFrame:
    """Stretches in which every annunciation lies in some 10 minutes with more than 10 an operator.

    Returns:
        One row a flood: start and end (seconds, its first and last annunciation) and count.
    """
    times = annunciations(transitions)["time"].to_numpy(np.float64)
    following = _following(times, RATE_WINDOW_SECONDS)
    found: list[list[int]] = []
    for first in np.flatnonzero(following > FLOOD_ABOVE * operators).tolist():
        last = first + int(following[first]) - 1
        if found and first <= found[-1][1]:
            found[-1][1] = last
        else:
            found.append([first, last])
    rows = [(times[first], times[last], last - first + 1) for first, last in found]
    return pd.DataFrame(rows, columns=["start", "end", "count"])


def chattering(transitions: pd.DataFrame) -> pd.DataFrame:
    """Alarms that rose or fell at least 3 times within a minute.

    Returns:
        asset_id, key, most_per_minute, and start (seconds) of the busiest minute; the worst first.
    """
    moves = transitions[transitions["event"].isin([AlarmEvent.RAISED, AlarmEvent.CLEARED])]
    rows = []
    for alarm, of_alarm in moves.groupby(_ALARM, sort=True):
        times = of_alarm["time"].to_numpy(np.float64)
        following = _following(times, CHATTER_WINDOW_SECONDS)
        busiest = int(np.argmax(following))
        if following[busiest] >= CHATTER_FROM:
            rows.append((*alarm, int(following[busiest]), times[busiest]))
    table = pd.DataFrame(rows, columns=[*_ALARM, "most_per_minute", "start"])
    return table.sort_values("most_per_minute", ascending=False, kind="stable", ignore_index=True)


def stale(transitions: pd.DataFrame, end: float) -> pd.DataFrame:
    """Alarms that stood, acknowledged or not, for more than 24 hours.

    Args:
        transitions: from the first on: what stands is told by the past.
        end: seconds, until which a standing alarm is followed.

    Returns:
        asset_id, key, start (seconds), hours, standing (whether it still does); the longest first.
    """
    rows = []
    for alarm, of_alarm in transitions.groupby(_ALARM, sort=True):
        active = of_alarm["to_state"].isin(_ACTIVE).to_numpy()
        times = np.r_[of_alarm["time"].to_numpy(np.float64), end]
        changes = np.diff(np.r_[False, active, False].astype(np.int64))
        for first, beyond in zip(np.flatnonzero(changes > 0), np.flatnonzero(changes < 0), strict=True):
            hours = float(times[beyond] - times[first]) / 3600.0
            if hours > STALE_HOURS:
                rows.append((*alarm, times[first], hours, bool(beyond == len(active))))
    table = pd.DataFrame(rows, columns=[*_ALARM, "start", "hours", "standing"])
    return table.sort_values("hours", ascending=False, kind="stable", ignore_index=True)


def most_frequent(transitions: pd.DataFrame, most: int = 10) -> pd.DataFrame:
    """The alarms that call most often: asset_id, key, count and share of all annunciations (0..1)."""
    calls = annunciations(transitions)
    counts = calls.groupby(_ALARM, sort=True).size().rename("count").reset_index()
    counts["share"] = counts["count"] / max(len(calls), 1)
    return counts.sort_values("count", ascending=False, kind="stable", ignore_index=True).head(most)


def priorities(transitions: pd.DataFrame) -> pd.DataFrame:
    """Annunciations by priority, LOW first: priority, count and share (0..1). The standard's aim is 80, 15 and 5 %."""
    found = annunciations(transitions)["priority"]
    counts = [int((found == priority).sum()) for priority in AlarmPriority]
    shares = [count / max(len(found), 1) for count in counts]
    return pd.DataFrame({"priority": [priority.value for priority in AlarmPriority], "count": counts, "share": shares})


def acknowledge_time(transitions: pd.DataFrame) -> AcknowledgeTime:
    """How long the alarms that rose waited for an operator."""
    called = annunciations(transitions).groupby("alarm_id")["time"].min()
    acknowledged = transitions[transitions["event"] == AlarmEvent.ACKNOWLEDGED].groupby("alarm_id")["time"].min()
    waited = (acknowledged - called).dropna()
    mean = float(waited.mean()) if len(waited) else float("nan")
    return AcknowledgeTime(mean, len(waited), len(called) - len(waited))


def _following(times: NDArray[np.float64], width: float) -> NDArray[np.int64]:
    """(rows,) how many of the sorted times lie in [time, time + width), itself included."""
    return np.searchsorted(times, times + width, side="left") - np.arange(len(times))
