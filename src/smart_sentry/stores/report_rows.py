"""What reports read: histories as columns, alarms as they stood at a time, and how old the newest row of an asset is."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Select, Table, func, select

from smart_sentry.contracts import alarms as words
from smart_sentry.stores.alarm_log import STANDS_SINCE, AlarmState
from smart_sentry.stores.assessments import JUDGED
from smart_sentry.stores.layouts import Layouts, read_layouts, union
from smart_sentry.stores.readings import VALUES
from smart_sentry.stores.tables import (
    alarm_transitions,
    alarms,
    asset_states,
    audit_log,
    baselines,
    operator_notes,
    readings,
)

FloatArray = NDArray[np.float64]

_DATED = (readings, alarm_transitions, operator_notes, audit_log, baselines, asset_states)
_IDS_A_QUERY = 1000


@dataclass(frozen=True)
class JudgedColumns:
    """Assessments of a stretch of time as columns, oldest first.

    Attributes:
        seconds: (rows,) since 1970 UTC. phases: (rows,) names.
        score: (rows,) NaN where nothing was judged. flag: (rows,).
        votes, reasons: (flagged,) of those that are flagged alone: detectors that say so, and why.
    """

    seconds: FloatArray
    phases: tuple[str, ...]
    score: FloatArray
    flag: NDArray[np.bool_]
    votes: tuple[int, ...]
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class ReadColumns:
    """Readings of a stretch of time as columns, oldest first: seconds (rows,), values (rows, signals), their names."""

    seconds: FloatArray
    values: FloatArray
    signals: tuple[str, ...]


@dataclass(frozen=True)
class AlarmLife:
    """One occurrence of an alarm, as it stood at a time: its last step, when it rose, and how it was answered.

    Attributes:
        last: its newest transition that the time includes.
        raised: of the first transition, seconds since 1970 UTC.
        acknowledged, by: when and by whom, None where nobody did.
        calls: how often an operator was called.
    """

    last: words.AlarmTransition
    raised: float
    acknowledged: float | None
    by: str | None
    calls: int


class ReportRows:
    """The rows, within a transaction. Every time is seconds since 1970 UTC, and `until` belongs to what is asked for."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def newest(self, asset_id: str) -> float | None:
        """Time of an asset's newest row of any kind; None where nobody knows it."""
        found = (self._latest(table, table.c.asset_id == asset_id) for table in _DATED)
        return max((time for time in found if time is not None), default=None)

    def newest_of(self, asset_ids: Sequence[str]) -> float | None:
        """Time of the newest row of some assets; None without one."""
        return max((time for name in asset_ids if (time := self.newest(name)) is not None), default=None)

    def time_of_last(self, asset_id: str, most: int, until: float, *, judged: bool = False) -> float | None:
        """Time of the `most`-th newest reading (or assessment); None where there are fewer."""
        its = readings.c
        mine = [its.asset_id == asset_id, its.time <= until, *([JUDGED] if judged else [])]
        query = select(its.time).where(*mine).order_by(its.time.desc()).offset(most - 1).limit(1)
        found = self._connection.execute(query).scalar()
        return None if found is None else float(found)

    def oldest(self, asset_id: str, until: float, *, judged: bool = False) -> float | None:
        """Time of the oldest reading (or assessment); None without one."""
        its = readings.c
        mine = [its.asset_id == asset_id, its.time <= until, *([JUDGED] if judged else [])]
        query = select(its.time).where(*mine).order_by(its.time).limit(1)
        found = self._connection.execute(query).scalar()
        return None if found is None else float(found)

    def newest_reading(self, asset_id: str, until: float) -> float | None:
        """Time of the newest reading."""
        return self._latest(readings, (readings.c.asset_id == asset_id) & (readings.c.time <= until))

    def count(self, asset_id: str, until: float) -> int:
        """How many readings are stored."""
        return self._count(readings, asset_id, None, until)

    def judged_count(self, asset_id: str, start: float, until: float) -> tuple[int, int]:
        """How many readings have a score in start <= time <= until, and how many were flagged."""
        scored, flagged = readings.c.score.is_not(None), readings.c.flag
        return (
            self._count(readings, asset_id, start, until, scored),
            self._count(readings, asset_id, start, until, flagged),
        )

    def log_counts(self, asset_id: str, until: float) -> dict[str, int]:
        """Alarm transitions, notes and audit entries up to a time."""
        tables = (alarm_transitions, operator_notes, audit_log)
        return {table.name: self._count(table, asset_id, None, until) for table in tables}

    def health_at(self, asset_id: str, times: Sequence[float]) -> FloatArray:
        """(times,) health as the newest assessment up to each time tells it, by the index; NaN before the first with a score."""
        found, first = np.full(len(times), np.nan), self._first_scored(asset_id)
        mine = (readings.c.asset_id == asset_id) & JUDGED
        for place, time in enumerate(times):
            if first is None or time < first:
                continue
            query = select(readings.c.health).where(mine & (readings.c.time <= time))
            health = self._connection.execute(
                query.order_by(readings.c.time.desc(), readings.c.id.desc()).limit(1)
            ).scalar()
            found[place] = np.nan if health is None else health
        return found

    def judged(self, asset_id: str, start: float, until: float) -> JudgedColumns:
        """Assessments of start <= time <= until."""
        its = readings.c
        query = select(its.time, its.phase, its.score, its.flag).where(JUDGED)
        rows = self._plain(_between(query, asset_id, start, until))
        seconds, phases, score, flag = zip(*rows, strict=True) if rows else ((),) * 4
        flagged = self._plain(_between(select(its.votes, its.reason).where(its.flag), asset_id, start, until))
        votes, reasons = zip(*flagged, strict=True) if flagged else ((), ())
        return JudgedColumns(
            np.array(seconds, dtype=np.float64), phases, np.array(score, dtype=np.float64), np.array(flag, dtype=np.bool_),
            votes, reasons,
        )  # fmt: skip

    def read(self, asset_id: str, start: float, until: float) -> ReadColumns:
        """Readings of start <= time <= until; NaN where there is no number."""
        its = readings.c
        query = select(its.time, its.layout, its["values"])
        rows = self._plain(_between(query, asset_id, start, until))
        seconds, numbers, blobs = zip(*rows, strict=True) if rows else ((), (), ())
        layouts = read_layouts(self._connection, set(numbers))
        signals = union(layouts)
        values = _values(np.array(numbers, dtype=np.int64), blobs, layouts, signals)
        return ReadColumns(np.array(seconds, dtype=np.float64), values, signals)

    def raw(
        self, asset_id: str, start: float, until: float, signals: tuple[str, ...], at_once: int = 5000
    ) -> Iterator[tuple[Any, ...]]:
        """(time, value of each signal, phase, score, flag, votes, health) of readings of start <= time <= until, oldest first.

        No more than `at_once` rows are held. None stands where there is no number, in the last five places of what was not
        assessed, and for the health of what came before the first score: it was stored as 100, and nobody had judged it.
        """
        its = readings.c
        query = select(
            its.id, its.time, its.layout, its["values"], its.phase, its.score, its.flag, its.votes, its.health
        )
        layouts: Layouts = {}
        last, begin, first = 0, start, self._first_scored(asset_id)
        known_from = math.inf if first is None else first
        while True:
            newer = query.where(~((its.time == begin) & (its.id <= last)))
            rows = self._plain(_between(newer, asset_id, begin, until).limit(at_once))
            if not rows:
                return
            ids, times, numbers, blobs, phase, score, flag, votes, told = zip(*rows, strict=True)
            last, begin = ids[-1], times[-1]
            if new := set(numbers) - layouts.keys():
                layouts |= read_layouts(self._connection, new)
            values = _values(np.array(numbers), blobs, layouts, signals)
            scores = _numbers(np.array(score, dtype=np.float64))
            health = [its if time >= known_from else None for time, its in zip(times, told, strict=True)]
            columns = (_numbers(column) for column in values.T)
            yield from zip(times, *columns, phase, scores, flag, votes, health, strict=True)

    def signals(self, asset_id: str, start: float, until: float) -> tuple[str, ...]:
        """Names of the signals of the readings of start <= time <= until."""
        query = select(readings.c.layout).distinct()
        mine = query.where(readings.c.asset_id == asset_id, readings.c.time >= start, readings.c.time <= until)
        return union(read_layouts(self._connection, {row[0] for row in self._connection.execute(mine)}))

    def open_alarms(self, asset_id: str, until: float) -> list[AlarmState]:
        """Alarms that were not normal at a time, the longest-standing first."""
        moved = alarms.c.since > until
        query = select(alarms).where(
            alarms.c.asset_id == asset_id, moved | (alarms.c.state != words.AlarmState.NORMAL.value)
        )
        known = [
            AlarmState(**dict(row._mapping) | {"details": json.loads(row.details)})
            for row in self._connection.execute(query)
        ]
        later = {state.alarm_id: state for state in known if state.since > until}
        earlier = self._last_steps(sorted(later), until)
        since = self._since(sorted(later), until)
        then = [_as_of(later[step.alarm_id], step, since.get(step.alarm_id, step.time)) for step in earlier]
        standing = [state for state in known if state.since <= until] + then
        standing = [state for state in standing if state.state != words.AlarmState.NORMAL.value]
        return sorted(standing, key=lambda state: (state.stands_since, state.alarm_id))

    def alarm_lives(self, asset_id: str, until: float) -> Iterator[AlarmLife]:
        """Every occurrence of an alarm up to a time, in the order of their names; one is held at a time."""
        names = words.AlarmTransition.__dataclass_fields__
        mine = (alarm_transitions.c.asset_id == asset_id) & (alarm_transitions.c.time <= until)
        query = select(*(alarm_transitions.c[name] for name in names)).where(mine)
        query = query.order_by(alarm_transitions.c.alarm_id, alarm_transitions.c.time, alarm_transitions.c.id)
        life: AlarmLife | None = None
        for row in self._connection.execute(query, execution_options={"yield_per": 5000}):
            step = words.AlarmTransition(**row._mapping)
            if life is not None and life.last.alarm_id != step.alarm_id:
                yield life
                life = None
            life = _next(life, step)
        if life is not None:
            yield life

    def alarm_spans(self, asset_id: str, start: float, until: float) -> list[tuple[str, float, float]]:
        """(key, from, to) of when alarms stood within start..until, from what was written of their steps in it."""
        its = alarm_transitions.c
        standing = (words.AlarmState.UNACKNOWLEDGED.value, words.AlarmState.ACKNOWLEDGED.value)
        query = select(its.key, its.time, its.from_state, its.to_state).where(
            its.asset_id == asset_id, its.time <= until, its.time >= start
        )
        begun: dict[str, float] = {}
        spans: list[tuple[str, float, float]] = []
        for key, time, before, after in self._connection.execute(query.order_by(its.time, its.id)):
            if before in standing:
                begun.setdefault(key, start)
            if after in standing:
                begun.setdefault(key, time)
            elif key in begun:
                spans.append((key, begun.pop(key), time))
        for state in self.open_alarms(asset_id, until):
            if state.state in standing:
                begun.setdefault(state.kind, max(start, state.since))
        return sorted(spans + [(key, time, until) for key, time in begun.items()], key=lambda span: (span[1], span[0]))

    def _first_scored(self, asset_id: str) -> float | None:
        """Time of the oldest assessment with a score: what came before it was judged by nothing, and its health says nothing."""
        mine = (readings.c.asset_id == asset_id) & readings.c.score.is_not(None)
        query = select(readings.c.time).where(mine).order_by(readings.c.time).limit(1)
        found = self._connection.execute(query).scalar()
        return None if found is None else float(found)

    def _last_steps(self, alarm_ids: Sequence[str], until: float) -> list[Any]:
        found: list[Any] = []
        for mine in _parts(alarm_ids):
            last = select(func.max(alarm_transitions.c.id)).where(mine, alarm_transitions.c.time <= until)
            query = select(alarm_transitions).where(
                alarm_transitions.c.id.in_(last.group_by(alarm_transitions.c.alarm_id))
            )
            found += self._connection.execute(query).all()
        return found

    def _since(self, alarm_ids: Sequence[str], until: float) -> dict[str, float]:
        """Alarm -> when it came into the state that it was in: its last step that led to another one."""
        found: dict[str, float] = {}
        its = alarm_transitions.c
        for mine in _parts(alarm_ids):
            query = select(its.alarm_id, func.max(its.time)).where(
                mine, its.time <= until, its.from_state != its.to_state
            )
            found |= {alarm: float(time) for alarm, time in self._connection.execute(query.group_by(its.alarm_id))}
        return found

    def _plain(self, query: Select[Any]) -> Sequence[tuple[Any, ...]]:
        """Rows as the driver gives them: of many, a third of the time that naming their columns takes."""
        found = self._connection.execute(query)
        rows: Sequence[tuple[Any, ...]] = found.cursor.fetchall()
        found.close()
        return rows

    def _latest(self, table: Table, condition: Any) -> float | None:
        found = self._connection.execute(select(func.max(table.c.time)).where(condition)).scalar()
        return None if found is None else float(found)

    def _count(self, table: Table, asset_id: str, start: float | None, until: float, also: Any = None) -> int:
        query = select(func.count()).select_from(table).where(table.c.asset_id == asset_id, table.c.time <= until)
        if start is not None:
            query = query.where(table.c.time >= start)
        if also is not None:
            query = query.where(also)
        return int(self._connection.execute(query).scalar_one())


def _between(query: Select[Any], asset_id: str, start: float, until: float) -> Select[Any]:
    its = readings.c
    return query.where(its.asset_id == asset_id, its.time >= start, its.time <= until).order_by(its.time, its.id)


def _parts(alarm_ids: Sequence[str]) -> Iterator[Any]:
    """That a transition is of one of some alarms, for so many at a time as a query takes."""
    for first in range(0, len(alarm_ids), _IDS_A_QUERY):
        yield alarm_transitions.c.alarm_id.in_(alarm_ids[first : first + _IDS_A_QUERY])


def _numbers(column: FloatArray) -> list[float | None]:
    """(rows,) values; None where there is no number."""
    found: list[float | None] = column.tolist()
    for row in np.flatnonzero(~np.isfinite(column)).tolist():
        found[row] = None
    return found


def _values(
    numbers: NDArray[np.int64], blobs: Sequence[bytes], layouts: Layouts, signals: tuple[str, ...]
) -> FloatArray:
    """(rows, signals) stored values, each row by its own layout; NaN where it has none."""
    values = np.full((len(numbers), len(signals)), np.nan)
    for number in np.unique(numbers).tolist():
        mine, names = np.flatnonzero(numbers == number), layouts[number]
        found = np.frombuffer(b"".join([blobs[row] for row in mine.tolist()]), VALUES).reshape(len(mine), len(names))
        known = [place for place, name in enumerate(names) if name in signals]
        values[mine[:, None], [signals.index(names[place]) for place in known]] = found[:, known]
    return values


def _next(life: AlarmLife | None, step: words.AlarmTransition) -> AlarmLife:
    """An occurrence after one more step."""
    life = AlarmLife(step, step.time, None, None, 0) if life is None else replace(life, last=step)
    if step.event == words.AlarmEvent.ACKNOWLEDGED and life.acknowledged is None:
        life = replace(life, acknowledged=step.time, by=step.author)
    called = step.to_state == words.AlarmState.UNACKNOWLEDGED and step.event != words.AlarmEvent.COMMENTED
    return replace(life, calls=life.calls + int(called))


def _as_of(state: AlarmState, step: Any, since: float) -> AlarmState:
    """An alarm as a transition left it; whether its condition stands is then told by its state alone."""
    active = step.to_state in (words.AlarmState.UNACKNOWLEDGED.value, words.AlarmState.ACKNOWLEDGED.value)
    details = {"score": step.score, "active": active, STANDS_SINCE: since}
    return replace(
        state, priority=step.priority, state=step.to_state, since=step.time, message=step.reason, details=details
    )
