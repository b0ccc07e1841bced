"""Alarms: where each stands, and every transition that led there. Transitions are only ever added."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from sqlalchemy import Connection, Row, func, select

from smart_sentry.contracts import alarms as words
from smart_sentry.contracts.alarms import AlarmTransition
from smart_sentry.stores.bulk import put
from smart_sentry.stores.span import EVERYTHING, Span
from smart_sentry.stores.tables import alarm_transitions, alarms

_WORDS = {
    "from_state": words.AlarmState, "to_state": words.AlarmState, "event": words.AlarmEvent, "priority": words.AlarmPriority,
}  # fmt: skip
STANDS_SINCE = "stands_since"
"""Among the details of an alarm: when it came into its state."""


@dataclass(frozen=True)
class AlarmState:
    """Where an alarm stands.

    Attributes:
        alarm_id: unique in the store.
        asset_id: whose.
        kind: what it is about.
        priority: as the alarm policy names it.
        state: as ISA-18.2 names it.
        since: of its last step, seconds since 1970 UTC: a call that is repeated and a comment are steps, too.
        message: for people.
        details: whatever else its life cycle must remember, e.g. when a shelving ends; JSON.
    """

    alarm_id: str
    asset_id: str
    kind: str
    priority: str
    state: str
    since: float
    message: str
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def stands_since(self) -> float:
        """When it came into this state, seconds since 1970 UTC; of rows from before that was noted, the time of the last step."""
        return float(self.details.get(STANDS_SINCE, self.since))


class AlarmLog:
    """The alarms, within a transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def record(self, states: Sequence[AlarmState], transitions: Sequence[AlarmTransition]) -> None:
        """Writes where alarms stand now and how they came there.

        Args:
            states: each replaces what was known of its alarm; of several for one alarm the last counts.
            transitions: in the order in which they happened, of alarms that are known or among `states`.
        """
        newest = {state.alarm_id: state for state in states}
        put(self._connection, alarms, [vars(s) | {"details": _as_json(s.details)} for s in newest.values()], "alarm_id")
        if transitions:
            self._connection.execute(alarm_transitions.insert(), [_as_row(transition) for transition in transitions])

    def current(self, asset_id: str | None = None, states: Collection[str] | None = None) -> list[AlarmState]:
        """Alarms as they stand, those that moved last at the end.

        Args:
            asset_id: None: of every asset.
            states: None: in any state.
        """
        query = select(alarms).order_by(alarms.c.since, alarms.c.alarm_id)
        if asset_id is not None:
            query = query.where(alarms.c.asset_id == asset_id)
        if states is not None:
            query = query.where(alarms.c.state.in_(states))
        return [_alarm(row) for row in self._connection.execute(query)]

    def newest(
        self, limit: int, *, asset_id: str | None = None, open_only: bool = False, every: bool = False
    ) -> list[AlarmState]:
        """Alarms as they stand, the newest first.

        Args:
            limit: most of them.
            asset_id: None: of every asset.
            open_only: those that are not normal, whichever occurrence of their alarm they are.
            every: every occurrence of each alarm; else the newest one of each asset and kind.
        """
        over = alarms.c.state == words.AlarmState.NORMAL.value
        # Where one fell as another rose, the one that rose is the newer.
        order = (alarms.c.since.desc(), over, alarms.c.alarm_id.desc())
        mine = [] if asset_id is None else [alarms.c.asset_id == asset_id]
        query = select(alarms).where(*mine).order_by(*order).limit(limit)
        if open_only:
            query = query.where(~over)
        elif not every:
            place = func.row_number().over(partition_by=(alarms.c.asset_id, alarms.c.kind), order_by=order)
            ranked = select(alarms.c.alarm_id, place.label("place")).where(*mine).subquery()
            query = query.where(alarms.c.alarm_id.in_(select(ranked.c.alarm_id).where(ranked.c.place == 1)))
        return [_alarm(row) for row in self._connection.execute(query)]

    def find(self, alarm_id: str) -> AlarmState | None:
        """One alarm; None where there is no such alarm."""
        row = self._connection.execute(select(alarms).where(alarms.c.alarm_id == alarm_id)).one_or_none()
        return None if row is None else _alarm(row)

    def last_number(self) -> int:
        """Number of the newest transition; 0 before the first."""
        return self._connection.execute(select(func.max(alarm_transitions.c.id))).scalar_one() or 0

    def transitions(
        self, span: Span = EVERYTHING, *, asset_id: str | None = None, alarm_id: str | None = None, after: int = 0
    ) -> list[AlarmTransition]:
        """What happened in a stretch of time, to every alarm, those of an asset, or one; all that was stored after a number."""
        query = select(*(alarm_transitions.c[name] for name in AlarmTransition.__dataclass_fields__))
        if asset_id is not None:
            query = query.where(alarm_transitions.c.asset_id == asset_id)
        if alarm_id is not None:
            query = query.where(alarm_transitions.c.alarm_id == alarm_id)
        if after:
            query = query.where(alarm_transitions.c.id > after)
        return [_transition(row) for row in self._connection.execute(span.of(query, alarm_transitions))]

    def transitions_behind(self, start: float, end: float, asset_id: str | None = None) -> list[AlarmTransition]:
        """What happened in start <= time < end, and what led to every alarm that was not normal when it began.

        Args:
            start, end: seconds since 1970 UTC.
            asset_id: None: of every asset.
        """
        # An occurrence that is normal since before the start has nothing to say about what came later.
        standing = alarms.c.state != words.AlarmState.NORMAL.value
        lives = select(alarms.c.alarm_id).where(standing | (alarms.c.since >= start))
        query = select(*(alarm_transitions.c[name] for name in AlarmTransition.__dataclass_fields__))
        query = query.where(alarm_transitions.c.alarm_id.in_(lives))
        if asset_id is not None:
            query = query.where(alarm_transitions.c.asset_id == asset_id)
        return [_transition(row) for row in self._connection.execute(Span(end=end).of(query, alarm_transitions))]


def _as_row(transition: AlarmTransition) -> dict[str, Any]:
    return {name: value.value if isinstance(value, Enum) else value for name, value in vars(transition).items()}


def _transition(row: Row[Any]) -> AlarmTransition:
    return AlarmTransition(**dict(row._mapping) | {name: kind(row._mapping[name]) for name, kind in _WORDS.items()})


def _as_json(details: dict[str, Any]) -> str:
    return json.dumps(details, sort_keys=True, allow_nan=False)


def _alarm(row: Row[Any]) -> AlarmState:
    return AlarmState(**dict(row._mapping) | {"details": json.loads(row.details)})
