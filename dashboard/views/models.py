"""The model page: what judges the machines, what drifted and why, and recalibrations that wait for a person."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import streamlit as st

from dashboard import session
from dashboard.champion import challengers, model_figures, results_of_test
from dashboard.decisions import (
    CHECK_HEADS,
    FINDING_HEADS,
    RECALIBRATION_HEADS,
    WAITING,
    check_rows,
    doubts,
    finding_rows,
    recalibration_rows,
)
from dashboard.pieces import kpi_row, table
from smart_sentry.champion import last_trained_serves

_RECALIBRATIONS, _DRIFT, _MODEL = "/api/v1/recalibrations", "/api/v1/drift", "/model"
_EVERY_S, _SHOWN = 5.0, "100"


def page() -> None:
    """Draws it."""
    _recalibrations()
    _findings()
    _champion()


def _recalibrations() -> None:
    st.subheader("Recalibrations", anchor=False)
    answer = session.read(_RECALIBRATIONS, _EVERY_S, limit=_SHOWN)
    if not _there(answer.missing, "recalibrations") or not session.shown(answer):
        return
    waiting = [one for one in answer.value if one["state"] == WAITING]
    for one in waiting:
        _decide(one)
    if not answer.value:
        st.caption("None has been asked for yet. Drift monitoring proposes them: smart\\-sentry drift.")
        return
    with st.container(key="recalibrations"):
        st.html(table(RECALIBRATION_HEADS, recalibration_rows(answer.value, session.zone()), "recalibrations"))


def _decide(found: dict[str, Any]) -> None:
    number = found["number"]
    with st.container(border=True, key=f"recalibration-{number}"):
        st.markdown(f"**Recalibration {number} of {session.plain(found['asset_id'])} waits for approval**")
        st.caption(session.plain(f"Asked by {found['author']}: {found['reason']}"))
        for why in doubts(found):
            st.caption(session.plain(f"Why a person decides: {why}"))
        st.html(table(CHECK_HEADS, check_rows(found), f"checks-{number}"))
        with st.form(f"decide_{number}", border=False):
            reason = st.text_input("Reason of your decision", max_chars=2000, key=f"decision_reason_{number}")
            override = st.checkbox(
                "Approve although the newest finding is degradation (recorded)", key=f"decision_override_{number}"
            )
            with st.container(horizontal=True):
                approved = st.form_submit_button(
                    "Approve", type="primary", icon=":material/check:", key=f"approve_{number}"
                )
                rejected = st.form_submit_button("Reject", icon=":material/close:", key=f"reject_{number}")
            if approved or rejected:
                _send(number, "approve" if approved else "reject", reason.strip(), override and approved)


def _send(number: int, decision: str, reason: str, override: bool) -> None:
    if (author := session.demand_author()) is None:
        return
    if not reason:
        st.error("Say why, for the record.", icon=":material/edit:")
        return
    body = {"author": author, "reason": reason, "override": override}
    if (
        session.send(f"{_RECALIBRATIONS}/{number}/{decision}", body, f"Recalibration {number}: {decision} recorded.")
        is not None
    ):
        st.rerun()


def _findings() -> None:
    st.subheader("Drift findings", anchor=False)
    answer = session.read(_DRIFT, _EVERY_S, limit=_SHOWN)
    if not _there(answer.missing, "drift findings") or not session.shown(answer):
        return
    if not answer.value:
        st.caption("Nobody has looked for drift yet: smart\\-sentry drift.")
        return
    with st.container(key="drift"):
        st.html(table(FINDING_HEADS, finding_rows(answer.value, session.zone()), "drift"))


def _champion() -> None:
    st.subheader("Failure model", anchor=False)
    answer = session.read(_MODEL, _EVERY_S)
    if answer.value is None:
        st.info(
            "No failure model serves. Machines with a baseline of their own need none; for those with a history of failures: "
            "smart\\-sentry train FD001",
            icon=":material/info:",
        )
        if answer.problem is not None:
            st.caption(session.plain(answer.problem))
        return
    session.shown(answer)
    model = answer.value
    with st.container(key="champion"):
        st.html(kpi_row(model_figures(model)))
    dataset = str(model["dataset"])
    processed = session.settings().processed_folder / dataset
    with st.container(key="challengers"):
        _candidates(processed, str(model["candidate"]))
    with st.container(key="test-results"):
        _results(processed, last_trained_serves(session.settings().home, dataset))
    command = f"smart-sentry models list --dataset {model['dataset']}"
    st.caption(f"All registered versions, and how to promote another one: {session.plain(command)}")


def _candidates(processed: Path, champion: str) -> None:
    st.html('<div class="ss-title">Candidates of the last choice</div>')
    ranked = challengers(processed, champion)
    if ranked:
        st.html(table(("Candidate", "Average precision, cross-validated", "Role"), ranked, "candidates"))
    else:
        st.caption("The figures of the choice are not on this machine.")


def _results(processed: Path, of_champion: bool) -> None:
    st.html('<div class="ss-title">Test set, 95 % confidence intervals</div>')
    rows, problem = results_of_test(processed)
    if problem is not None:
        st.caption(session.plain(problem))
        return
    shown = [(one.figure, one.champion, one.seed_method) for one in rows]
    if not of_champion:
        st.caption(
            "These are the figures of the model that was trained last. It does not serve: the champion is another one."
        )
    judged = "Champion" if of_champion else "Trained last"
    st.html(table(("Figure", judged, "The seed's method"), shown, "results"))


def _there(missing: bool, what: str) -> bool:
    if missing:
        st.info(f"This service does not know {what} yet: it is older than this dashboard.", icon=":material/info:")
    return not missing
