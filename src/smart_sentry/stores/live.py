"""The database as a live feed: how everything stands, and what came after a row. Every question goes by an index."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from sqlalchemy import Connection, Row, func, select

from smart_sentry.contracts.alarms import AlarmState
from smart_sentry.contracts.live import AlarmUpdate, AssetUpdate, LiveState
from smart_sentry.contracts.monitoring import Prediction
from smart_sentry.stores.assessments import StoredAssessment, latest_numbers
from smart_sentry.stores.layouts import Layouts, read_layouts
from smart_sentry.stores.readings import VALUES
from smart_sentry.stores.tables import (
    alarm_transitions,
    alarms,
    assessments,
    asset_states,
    audit_log,
    failure_predictions,
    readings,
)

_NUMBERS_A_QUERY = 1000
_ALARM = tuple(name for name in AlarmUpdate.model_fields if name in alarm_transitions.c)
_ASSESSMENT = tuple(StoredAssessment.__dataclass_fields__)
_PREDICTION = tuple(Prediction.model_fields)
_PURGE = "purge"
_LAST_NUMBERS = select(
    *(select(func.max(table.c.id)).scalar_subquery() for table in (assessments, alarm_transitions, audit_log))
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
        """Numbers of the last assessment, alarm transition and audit entry; 0 before the first."""
        first, second, third = self._connection.execute(_LAST_NUMBERS).one()
        return int(first or 0), int(second or 0), int(third or 0)

    def assessed_after(self, number: int) -> list[tuple[int, str, float]]:
        """(number, asset id, time) of the assessments after a number, ascending."""
        query = select(assessments.c.id, assessments.c.asset_id, assessments.c.time).where(assessments.c.id > number)
        return [(row.id, row.asset_id, row.time) for row in self._connection.execute(query.order_by(assessments.c.id))]

    def updates(self, numbers: Sequence[int]) -> Iterator[AssetUpdate]:
        """Assessments by their numbers, with the readings and predictions that they belong to."""
        same = (assessments.c.asset_id, assessments.c.reading_id)
        predicted = failure_predictions.c
        query = (
            select(
                *(assessments.c[name] for name in _ASSESSMENT), asset_states.c.asset_type, readings.c.received,
                readings.c.layout, readings.c["values"], *(predicted[name] for name in _PREDICTION),
            )
            .outerjoin(asset_states, asset_states.c.asset_id == assessments.c.asset_id)
            .outerjoin(readings, (readings.c.asset_id == same[0]) & (readings.c.reading_id == same[1]))
            .outerjoin(
                failure_predictions,
                (predicted.asset_id == same[0]) & (predicted.time == assessments.c.time) & (predicted.reading_id == same[1]),
            )
        )  # fmt: skip
        for first in range(0, len(numbers), _NUMBERS_A_QUERY):
            chosen = assessments.c.id.in_(numbers[first : first + _NUMBERS_A_QUERY])
            rows = self._connection.execute(query.where(chosen)).all()
            layouts = read_layouts(self._connection, {row.layout for row in rows if row.layout is not None})
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
    values: dict[str, float | None] = {}
    if row.layout is not None:
        numbers = np.frombuffer(facts["values"], VALUES).tolist()
        values = {
            name: value if value == value else None for name, value in zip(layouts[row.layout], numbers, strict=True)
        }
    predicted = None
    if row.failure_probability is not None:
        predicted = Prediction(**{name: facts[name] for name in _PREDICTION})
    return AssetUpdate(
        **{name: facts[name] for name in _ASSESSMENT}, asset_type=row.asset_type or "", received=row.received,
        values=values, prediction=predicted,
    )  # fmt: skip
