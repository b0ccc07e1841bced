"""Recalibrations that were asked for, and where each of them stands. At most one of an asset is open."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, Row, select, update

from smart_sentry.errors import ActionRefused, NotStored
from smart_sentry.stores.span import EVERYTHING, Span
from smart_sentry.stores.tables import RECALIBRATION_ENDS, drift_findings, recalibrations

RecalibrationState = Literal[
    "ASKED", "CHECKED", "SHADOWING", "AWAITING_APPROVAL", "WATCHING", "KEPT", "REFUSED", "ROLLED_BACK", "WITHDRAWN"
]


@dataclass(frozen=True)
class Asked:
    """A recalibration that somebody asks for.

    Attributes:
        asset_id: of which asset.
        asked: when, seconds since 1970 UTC.
        author: by whom.
        reason: why.
        active_version: of the baseline that is active now.
        finding_id: number of the drift finding that it follows from; None: of none.
    """

    asset_id: str
    asked: float
    author: str
    reason: str
    active_version: str
    finding_id: int | None = None


@dataclass(frozen=True)
class Recalibration:
    """Where a recalibration stands.

    Attributes:
        number: of the recalibration.
        asked: what was asked for.
        state: where it stands.
        candidate_version: of the new baseline; None before it is built.
        checks: what checks and shadow said and what was decided, plain JSON values; None before.
        decided_by: the person or policy that decided last; None before.
        changed: when it came into this state, seconds since 1970 UTC.
        watch_until: end of the watch period, on the clock of the readings; None before.
    """

    number: int
    asked: Asked
    state: RecalibrationState
    candidate_version: str | None
    checks: Mapping[str, Any] | None
    decided_by: str | None
    changed: float
    watch_until: float | None

    @property
    def is_open(self) -> bool:
        """Whether something may still become of it."""
        return self.state not in RECALIBRATION_ENDS


class RecalibrationTable:
    """The recalibrations, within a transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def ask(self, asked: Asked) -> int:
        """Opens a recalibration in the state ASKED and returns its number.

        Raises:
            ActionRefused: one of the asset is open. NotStored: the asset has no such finding.
        """
        if asked.finding_id is not None:
            known = select(drift_findings.c.id).where(
                drift_findings.c.id == asked.finding_id, drift_findings.c.asset_id == asked.asset_id
            )
            if self._connection.execute(known).scalar() is None:
                raise NotStored(
                    f"drift finding {asked.finding_id} of {asked.asset_id}",
                    "Name a finding by the number that the list of findings gives.",
                )
        if (other := self.open_of(asked.asset_id)) is not None:
            stands = f"in recalibration {other.number}, which is {other.state}"
            raise ActionRefused("recalibration", asked.asset_id, stands, [f"approve or reject {other.number}"])
        row = vars(asked) | {"state": "ASKED", "changed": asked.asked}
        inserted = recalibrations.insert().values(**row).returning(recalibrations.c.id)
        return int(self._connection.execute(inserted).scalar_one())

    def find(self, number: int) -> Recalibration:
        """A recalibration by its number.

        Raises:
            NotStored: there is none.
        """
        row = self._connection.execute(select(recalibrations).where(recalibrations.c.id == number)).one_or_none()
        if row is None:
            raise NotStored(f"recalibration {number}", "Name one by the number that the list of recalibrations gives.")
        return _recalibration(row)

    def open_of(self, asset_id: str) -> Recalibration | None:
        """The open recalibration of an asset; None where there is none."""
        found = self.history(asset_id=asset_id, open_only=True)
        return found[0] if found else None

    def history(
        self, span: Span = EVERYTHING, *, asset_id: str | None = None, open_only: bool = False
    ) -> list[Recalibration]:
        """Recalibrations by the time at which they were asked for, of one asset or of all."""
        asked, number = recalibrations.c.asked, recalibrations.c.id
        query = select(recalibrations)
        for condition in (
            None if asset_id is None else recalibrations.c.asset_id == asset_id,
            recalibrations.c.state.not_in(RECALIBRATION_ENDS) if open_only else None,
            None if span.start is None else asked >= span.start,
            None if span.end is None else asked < span.end,
        ):
            query = query if condition is None else query.where(condition)
        order = (asked.desc(), number.desc()) if span.newest_first else (asked, number)
        return [_recalibration(row) for row in self._connection.execute(query.order_by(*order).limit(span.limit))]

    def move(
        self, number: int, only_from: Sequence[RecalibrationState], state: RecalibrationState, now: float, **facts: Any
    ) -> bool:
        """Moves a recalibration on and tells whether it stood where it had to.

        Args:
            number: of the recalibration.
            only_from: states from which it may be moved; it may be among them itself.
            state: where it goes.
            now: seconds since 1970 UTC.
            facts: candidate_version, checks, decided_by and watch_until, where they are known from now on.
        """
        if "checks" in facts:
            facts["checks"] = json.dumps(facts["checks"])
        change = (
            update(recalibrations)
            .where(recalibrations.c.id == number, recalibrations.c.state.in_(only_from))
            .values(state=state, changed=now, **facts)
        )
        return bool(self._connection.execute(change).rowcount)


def _recalibration(row: Row[Any]) -> Recalibration:
    facts = row._asdict()
    return Recalibration(
        facts["id"], Asked(**{name: facts[name] for name in Asked.__dataclass_fields__}), facts["state"],
        facts["candidate_version"], None if facts["checks"] is None else json.loads(facts["checks"]), facts["decided_by"],
        facts["changed"], facts["watch_until"],
    )  # fmt: skip
