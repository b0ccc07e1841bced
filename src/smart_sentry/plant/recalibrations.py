"""Recalibrations of running assets: asked, checked, shadowed, decided, promoted, watched, and taken back where that was wrong.

Where each stands is in the database, so that a stop at any moment loses nothing: whoever comes next goes on from there.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from smart_sentry.drift.case import Verdict
from smart_sentry.errors import ActionRefused, ChecksumMismatch, ModelUnavailable, StateForbids
from smart_sentry.plant import active_baseline
from smart_sentry.plant.condition_watch import ConditionWatch
from smart_sentry.plant.plant import Plant
from smart_sentry.plant.recalibration_moves import (
    BEFORE_DECISION,
    NOT_ACTIVE,
    OPEN,
    RecalibrationMoves,
    not_now,
    require_candidate,
)
from smart_sentry.plant.recalibration_rules import (
    POLICY,
    USUAL,
    RecalibrationRules,
    debounce,
    is_person,
    newest_verdict,
)
from smart_sentry.recalibration.case import Check
from smart_sentry.recalibration.policy import Action, NewestFinding, decide, needs_override
from smart_sentry.recalibration.shadow import Shadow
from smart_sentry.stores.recalibrations import Asked, Recalibration, RecalibrationState
from smart_sentry.stores.store import Batch


class Recalibrations:
    """The recalibrations of a plant's assets.

    Args:
        plant: has the baselines and the database.
        rules: how they are decided.
    """

    def __init__(self, plant: Plant, rules: RecalibrationRules = USUAL) -> None:
        self._plant, self._rules, self._moves = plant, rules, RecalibrationMoves(plant)

    def ask(
        self, asset_id: str, author: str, reason: str, finding_id: int | None = None, *, override: bool = False
    ) -> Recalibration:
        """Opens a recalibration.

        Args:
            asset_id: of which asset.
            author, reason: who asks, and why.
            finding_id: number of the drift finding that it follows from.
            override: a named person does not wait for the pause.

        Raises:
            UnknownAsset, ActionRefused: one is open, the pause is not over, the finding had its turn, the last one came to
                nothing and nothing new is known, or there is no baseline.
            StateForbids: a calibration is running. NotStored: the asset has no such finding.
        """
        plant = self._plant
        with plant.lock:
            history = self._watch_of(asset_id).baselines.history(asset_id)
            if not history:
                raise ActionRefused("recalibration", asset_id, "not calibrated", ["calibration/start"])
            now = plant.clock()
            with plant.store.transaction(assets=[asset_id]) as batch:
                state = batch.states.find(asset_id)
                if state is not None and state.state == "CALIBRATING":
                    raise StateForbids("recalibration", asset_id, state.state, ["calibration/status"])
                person = is_person(author)
                debounce(
                    batch, asset_id, finding_id, now, pause_hours=self._rules.pause_hours, waits=not (override and person),
                    by_person=person,
                )  # fmt: skip
                number = batch.recalibrations.ask(Asked(asset_id, now, author, reason, history[-1], finding_id))
                self._moves.note(batch, number, asset_id, "asked", author, {"reason": reason, "finding": finding_id})
                return batch.recalibrations.find(number)

    def built(self, number: int, version: str, author: str) -> Recalibration:
        """Notes the candidate, whose files are kept beside the active baseline; the first one stays, whoever builds another.

        Raises:
            NotStored, ActionRefused. ModelUnavailable, ChecksumMismatch: it cannot be read.
        """
        with self._plant.lock:
            found = self._moves.find(number)
            if found.state != "ASKED" or found.candidate_version is not None:
                return found
            self._watch_of(found.asked.asset_id).baselines.load(found.asked.asset_id, version)
            what = "candidate built"
            return self._moves.move(found, ("ASKED",), "ASKED", what, author, {}, candidate_version=version)

    def checked(self, number: int, version: str, checks: Sequence[Check], author: str) -> Recalibration:
        """Notes what the checks said of the candidate; one that failed refuses it.

        Raises:
            NotStored. ActionRefused: there is no candidate yet, or it is another one.
        """
        with self._plant.lock:
            found = self._moves.find(number)
            if found.state != "ASKED":
                return found
            require_candidate(found, version, "checks")
            kept = dict(found.checks or {}) | {"checks": [asdict(check) for check in checks]}
            failed = [check.sentence for check in checks if check.passed is False] if checks else ["No check was made."]
            if failed:
                return self._moves.refuse(found, kept, failed, POLICY)
            told = {check.name: check.passed for check in checks}
            return self._moves.move(found, ("ASKED",), "CHECKED", "checked", author, told, checks=kept)

    def shadowing(self, number: int, author: str) -> Recalibration:
        """Notes that candidate and active baseline are being compared.

        Raises:
            NotStored.
        """
        with self._plant.lock:
            found = self._moves.find(number)
            if found.state != "CHECKED":
                return found
            return self._moves.move(found, ("CHECKED",), "SHADOWING", "shadowing", author, {})

    def shadowed(self, number: int, version: str, compared: Shadow, author: str) -> Recalibration:
        """Takes the comparison, and decides: refused, promoted, or put before a person.

        Raises:
            NotStored. ActionRefused: it was not checked, or another candidate was. StateForbids: a calibration is running.
            ModelUnavailable, ChecksumMismatch: the candidate is broken; it is refused.
        """
        with self._plant.lock:
            found = self._moves.find(number)
            if found.state not in ("CHECKED", "SHADOWING"):
                if found.state == "ASKED":
                    raise not_now(found, "shadow", "it is not checked")
                return found
            require_candidate(found, version, "shadow")
            checks = [Check(**one) for one in (found.checks or {})["checks"]]
            learnt_until = self._learnt_until(found)
            decision = decide(self._newest_finding(found), checks, compared, learnt_until, self._rules.approval)
            kept = dict(found.checks or {}) | {"shadow": asdict(compared), "decision": asdict(decision)}
            if decision.action is Action.REFUSE:
                return self._moves.refuse(found, kept, decision.sentences, POLICY)
            if decision.action is Action.ASK:
                told = {"why": list(decision.sentences), "shadow": compared.sentence}
                return self._moves.move(
                    found, BEFORE_DECISION, "AWAITING_APPROVAL", "awaits approval", author, told, checks=kept,
                    decided_by=POLICY,
                )  # fmt: skip
            return self._promote(found, kept, POLICY, list(decision.sentences))

    def give_up(self, number: int, problem: str, author: str) -> Recalibration:
        """Refuses a recalibration of which no candidate came, e.g. because its readings are those of a faulty machine.

        Raises:
            NotStored.
        """
        with self._plant.lock:
            found = self._moves.find(number)
            if found.state not in BEFORE_DECISION:
                return found
            return self._moves.refuse(found, dict(found.checks or {}), [problem], author)

    def approve(self, number: int, author: str, reason: str, *, override: bool = False) -> Recalibration:
        """Promotes a candidate that waits for a person.

        Args:
            number: of the recalibration.
            author: a person.
            reason: why.
            override: promotes although the newest finding says that the machine gets worse.

        Raises:
            NotStored. ActionRefused: it does not wait, the author is no person, or the machine gets worse.
            ModelUnavailable, ChecksumMismatch: the candidate is broken; it is refused.
        """
        with self._plant.lock:
            found = self._moves.find(number)
            if found.state != "AWAITING_APPROVAL":
                raise not_now(found, "approval")
            if not is_person(author):
                raise not_now(found, "approval", f"it needs a person's name, not {author!r}")
            worse = needs_override(self._newest_finding(found))
            if worse and not override:
                why = "the newest finding is degradation: a recalibration would learn the fault; override=true is recorded"
                raise not_now(found, "approval", why)
            told = ["approved", reason, *(["overrides the finding of a degradation"] if worse else [])]
            return self._promote(found, dict(found.checks or {}), author, told)

    def reject(self, number: int, author: str, reason: str) -> Recalibration:
        """Ends a recalibration whose candidate is not active yet.

        Raises:
            NotStored. ActionRefused: its candidate is active (roll back), or it is over.
        """
        with self._plant.lock:
            found = self._moves.find(number)
            if found.state not in NOT_ACTIVE:
                raise not_now(found, "rejection")
            return self._moves.refuse(found, dict(found.checks or {}), [reason], author)

    def taken_back(self, found: Recalibration, kept: Mapping[str, Any], reasons: Sequence[str], author: str) -> None:
        """Makes the baseline before a promoted candidate active again, and tells everybody.

        Raises:
            ModelUnavailable, ChecksumMismatch: the earlier one is broken; the candidate stays and the recalibration is over.
        """
        plant, asset = self._plant, found.asked.asset_id

        def end(batch: Batch) -> None:
            self._moves.write(
                batch, found, ("WATCHING",), "ROLLED_BACK", "rolled back", author, {"why": list(reasons)}, checks=kept
            )

        try:
            active_baseline.roll_back(plant, asset, author, " ".join(reasons), end)
        except (ModelUnavailable, ChecksumMismatch) as problem:
            told = {"why": [*reasons, str(problem)]}
            self._moves.move(found, ("WATCHING",), "WITHDRAWN", "not rolled back", author, told, checks=kept)
            raise

    def settled(self, found: Recalibration, state: RecalibrationState, action: str, author: str, why: str) -> None:
        """Ends a recalibration of which something else than itself decided."""
        self._moves.move(found, OPEN, state, action, author, {"why": [why]}, decided_by=author)

    def watched_on(self, found: Recalibration, resumed: float, why: str) -> None:
        """Has a promoted baseline watched for another period, from a reading (its time, on their clock) on."""
        until = resumed + 60.0 * self._rules.watch_minutes
        self._moves.move(found, ("WATCHING",), "WATCHING", "watched on", POLICY, {"why": [why]}, watch_until=until)

    def _promote(self, found: Recalibration, kept: dict[str, Any], author: str, why: list[str]) -> Recalibration:
        plant, asset, version = self._plant, found.asked.asset_id, found.candidate_version
        if version is None:
            raise not_now(found, "promotion", "its candidate is not built")
        with plant.store.view() as batch:
            newest = batch.readings.newest(asset) or plant.clock()
        kept["watch"] = {"from": newest}

        def begin(batch: Batch) -> None:
            self._moves.write(
                batch, found, NOT_ACTIVE, "WATCHING", "promoted", author, {"why": why},
                checks=kept, decided_by=author, watch_until=newest + 60.0 * self._rules.watch_minutes,
            )  # fmt: skip

        try:
            active_baseline.promote(plant, asset, version, author, begin)
        except (ModelUnavailable, ChecksumMismatch) as problem:
            self._moves.refuse(found, kept, [str(problem)], POLICY)
            raise
        return self._moves.find(found.number)

    def _newest_finding(self, found: Recalibration) -> NewestFinding | None:
        with self._plant.store.view() as batch:
            newest = newest_verdict(batch, found.asked.asset_id)
            last = batch.drift_findings.newest(found.asked.asset_id)
        if newest is None or last is None:
            return None
        its = newest.finding
        current, passed_over = its.baseline_version == found.asked.active_version, last.finding_id != newest.finding_id
        return NewestFinding(Verdict(its.verdict), its.may_recalibrate, current, its.recent_end, passed_over)

    def _learnt_until(self, found: Recalibration) -> float:
        """Time of the newest reading that the candidate was learnt from; infinite where that cannot be read."""
        asset, version = found.asked.asset_id, found.candidate_version or ""
        try:
            training = self._watch_of(asset).baselines.readings_of(asset, version)
        except (ModelUnavailable, ChecksumMismatch):
            return math.inf
        return math.inf if training is None else float(training.seconds[-1])

    def _watch_of(self, asset_id: str) -> ConditionWatch:
        return self._plant.calibrated_watch_of(asset_id)
