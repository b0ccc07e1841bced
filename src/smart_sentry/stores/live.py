"""The database as a live feed: how everything stands, and what came after a row. Every question goes by an index."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from sqlalchemy import Connection, Row, func, select

from smart_sentry.contracts.alarms import AlarmState
from smart_sentry.contracts.live import AlarmUpdate, AssetUpdate, LiveState
from smart_sentry.contracts.monitoring import Prediction
from smart_sentry.stores.assessments import JUDGED, StoredAssessment, latest_numbers
from smart_sentry.stores.layouts import Layouts, read_layouts
from smart_sentry.stores.readings import VALUES
from smart_sentry.stores.tables import (
    alarm_transitions,
    alarms,
    asset_states,
    audit_log,
    readings,
)

_NUMBERS_A_QUERY = 1000
_ALARM = tuple(name for name in AlarmUpdate.model_fields if name in alarm_transitions.c)
_ASSESSMENT = tuple(StoredAssessment.__dataclass_fields__)
_PREDICTION = tuple(Prediction.model_fields)
_PURGE = "purge"
_LAST_NUMBERS = select(
    *(select(func.max(table.c.id)).scalar_subquery() for table in (readings, alarm_transitions, audit_log))
)


class LiveTable:
    """What a live feed reads, within a transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def state(self) -> LiveState:
        """Every asset's newest assessment, and the last transition of every alarm that is not normal."""
        found = {update.asset_id: update for update in self.updates(latest_numbers(self._connection))}
        last = (
            select(func.max(alarm_transitions.c.id))
            .join(alarms, alarms.c.alarm_id == alarm_transitions.c.alarm_id)
            .where(alarms.c.state != AlarmState.NORMAL.value)
            .group_by(alarm_transitions.c.alarm_id)
        )
        chosen = alarm_transitions.c.id.in_(last)
        standing = sorted(self._transitions(chosen), key=lambda numbered: (numbered[1].time, numbered[1].alarm_id))
        return LiveState(assets=dict(sorted(found.items())), alarms=tuple(update for _, update in standing))

    def last_numbers(self) -> tuple[int, int, int]:
        """Numbers of the last reading, alarm transition and audit entry; 0 before the first."""
        first, second, third = self._connection.execute(_LAST_NUMBERS).one()
        return int(first or 0), int(second or 0), int(third or 0)

    def assessed_after(self, number: int) -> list[tuple[int, str, float]]:
        """(number, asset id, time) of the readings after a number of which something was said, ascending."""
        its = readings.c
        query = select(its.id, its.asset_id, its.time).where(its.id > number, JUDGED)
        return [(row.id, row.asset_id, row.time) for row in self._connection.execute(query.order_by(its.id))]

    def updates(self, numbers: Sequence[int]) -> Iterator[AssetUpdate]:
        """What was said of readings, by their numbers, with their values."""
        columns = (*_ASSESSMENT, "received", "layout", "values", *_PREDICTION)
        query = select(*(readings.c[name] for name in columns), asset_states.c.asset_type).outerjoin(
            asset_states, asset_states.c.asset_id == readings.c.asset_id
        )
        for first in range(0, len(numbers), _NUMBERS_A_QUERY):
            chosen = readings.c.id.in_(numbers[first : first + _NUMBERS_A_QUERY])
            rows = self._connection.execute(query.where(chosen)).all()
            layouts = read_layouts(self._connection, {row.layout for row in rows})
            yield from (_update(row, layouts) for row in rows)

    def transitions_after(self, number: int) -> list[tuple[int, AlarmUpdate]]:
        """(number, transition) of what alarms did after a number, ascending."""
        return list(self._transitions(alarm_transitions.c.id > number))

    def last_steps(self, alarm_ids: Sequence[str]) -> list[AlarmUpdate]:
        """The last transition of each of these alarms."""
        found: list[AlarmUpdate] = []
        for first in range(0, len(alarm_ids), _NUMBERS_A_QUERY):
            mine = alarm_transitions.c.alarm_id.in_(alarm_ids[first : first + _NUMBERS_A_QUERY])
            last = select(func.max(alarm_transitions.c.id)).where(mine).group_by(alarm_transitions.c.alarm_id)
            found += [update for _, update in self._transitions(alarm_transitions.c.id.in_(last))]
        return found

    def purged_after(self, number: int) -> list[tuple[int, str | None]]:
        """(number, asset id) of the purges after an audit entry; None: of everything."""
        query = select(audit_log.c.id, audit_log.c.asset_id).where(
            audit_log.c.id > number, audit_log.c.action == _PURGE
        )
        return [(row.id, row.asset_id) for row in self._connection.execute(query.order_by(audit_log.c.id))]

    def _transitions(self, condition: Any) -> Iterator[tuple[int, AlarmUpdate]]:
        columns = (alarm_transitions.c[name] for name in ("id", *_ALARM))
        for row in self._connection.execute(select(*columns).where(condition).order_by(alarm_transitions.c.id)):
            facts = dict(row._mapping)
            yield facts.pop("id"), AlarmUpdate(**facts)


def _update(row: Row[Any], layouts: Layouts) -> AssetUpdate:
    facts = row._mapping
    numbers = np.frombuffer(facts["values"], VALUES).tolist()
    values = {name: value if value == value else None for name, value in zip(layouts[row.layout], numbers, strict=True)}
    predicted = None
    if row.failure_probability is not None:
        predicted = Prediction(**{name: facts[name] for name in _PREDICTION})
    return AssetUpdate(
        **{name: facts[name] for name in _ASSESSMENT}, asset_type=row.asset_type or "", received=row.received,
        values=values, prediction=predicted,
    )  # fmt: skip
