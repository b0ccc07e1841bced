"""Recalibrations over HTTP: asked for, carried forward, decided. Routes decode, call and encode."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query

from smart_sentry.api.data_routes import BODY_REFUSALS, MOST_HISTORY, shown_time
from smart_sentry.api.desk import Desk
from smart_sentry.api.errors import InvalidRequest
from smart_sentry.contracts import recalibration as messages
from smart_sentry.contracts.monitoring import Name
from smart_sentry.contracts.prediction import ErrorDetail
from smart_sentry.plant.recalibrations import Recalibrations
from smart_sentry.recalibration.case import Check
from smart_sentry.recalibration.shadow import Shadow
from smart_sentry.stores.recalibrations import Recalibration
from smart_sentry.stores.span import Span

Number = Annotated[int, Path(ge=1, le=2**63 - 1)]
_NEEDED: dict[str, tuple[str, ...]] = {
    "built": ("candidate_version",), "checked": ("candidate_version", "checks"), "shadowing": (),
    "shadowed": ("candidate_version", "shadow"), "given up": ("problem",),
}  # fmt: skip
_FACTS = ("candidate_version", "checks", "shadow", "problem")


def add_recalibration_routes(router: APIRouter, desk: Desk, may: dict[str, Any]) -> None:
    """Routes below /recalibrations."""

    @router.get(
        "/recalibrations", tags=["calibration"], dependencies=may["read"], summary="Recalibrations, newest first"
    )
    def recalibrations(
        asset_id: Annotated[Name | None, Query()] = None, open_only: bool = False,
        limit: Annotated[int, Query(ge=1, le=MOST_HISTORY)] = 100,
    ) -> list[messages.RecalibrationStatus]:  # fmt: skip
        with desk.plant.store.view() as batch:
            span = Span(limit=limit, newest_first=True)
            found = batch.recalibrations.history(span, asset_id=asset_id, open_only=open_only)
        return [_shown(one) for one in found]

    @router.post(
        "/recalibrations", responses=BODY_REFUSALS, tags=["calibration"], dependencies=may["operate"], status_code=201,
        summary="Ask for a recalibration",
    )  # fmt: skip
    def ask(asked: messages.RecalibrationRequest) -> messages.RecalibrationStatus:
        return _shown(desk.recalibrations.ask(**dict(asked)))

    @router.post(
        "/recalibrations/{number}/advance", responses=BODY_REFUSALS, tags=["calibration"], dependencies=may["operate"],
        summary="Tell what was done of it: candidate built, checked, compared",
    )  # fmt: skip
    def advance(number: Number, done: messages.RecalibrationStep) -> messages.RecalibrationStatus:
        return _shown(_advance(desk.recalibrations, number, done))

    @router.post(
        "/recalibrations/{number}/approve", responses=BODY_REFUSALS, tags=["calibration"], dependencies=may["operate"],
        summary="Promote a candidate that waits for a person",
    )  # fmt: skip
    def approve(number: Number, decided: messages.RecalibrationDecision) -> messages.RecalibrationStatus:
        return _shown(desk.recalibrations.approve(number, decided.author, decided.reason, override=decided.override))

    @router.post(
        "/recalibrations/{number}/reject", responses=BODY_REFUSALS, tags=["calibration"], dependencies=may["operate"],
        summary="End a recalibration whose candidate is not active",
    )  # fmt: skip
    def reject(number: Number, decided: messages.RecalibrationDecision) -> messages.RecalibrationStatus:
        return _shown(desk.recalibrations.reject(number, decided.author, decided.reason))


def _advance(recalibrations: Recalibrations, number: int, done: messages.RecalibrationStep) -> Recalibration:
    needed = _NEEDED[done.step]
    given = tuple(name for name in _FACTS if getattr(done, name) is not None)
    if given != needed:
        reason = f"the step {done.step!r} comes with {_named(needed)}, found {_named(given)}"
        missing = next((name for name in needed if name not in given), "step")
        raise InvalidRequest([ErrorDetail(field=missing, reason=reason)])
    version = done.candidate_version or ""
    if done.checks is not None:
        return recalibrations.checked(number, version, [Check(**one.model_dump()) for one in done.checks], done.author)
    if done.shadow is not None:
        told = done.shadow.model_dump()
        told |= {name: tuple(told[name]) for name in ("alarms_active", "alarms_candidate")}
        return recalibrations.shadowed(number, version, Shadow(**told), done.author)
    if done.candidate_version is not None:
        return recalibrations.built(number, version, done.author)
    if done.problem is not None:
        return recalibrations.give_up(number, done.problem, done.author)
    return recalibrations.shadowing(number, done.author)


def _named(facts: Sequence[str]) -> str:
    return " and ".join(facts) or "nothing else"


def _shown(found: Recalibration) -> messages.RecalibrationStatus:
    its = found.asked
    return messages.RecalibrationStatus(
        number=found.number, asset_id=its.asset_id, asked=shown_time(its.asked), author=its.author, reason=its.reason,
        finding_id=its.finding_id, state=found.state, active_version=its.active_version,
        candidate_version=found.candidate_version, checks=None if found.checks is None else dict(found.checks),
        decided_by=found.decided_by, changed=shown_time(found.changed),
        watch_until=None if found.watch_until is None else shown_time(found.watch_until),
    )  # fmt: skip
