"""The calibration of an asset: start one, follow it, read its acceptance report, go back."""

from __future__ import annotations

from typing import Any

import streamlit as st

from dashboard import session
from dashboard.acceptance import RUNNING, acceptance_figures, baseline_rows
from dashboard.pieces import kpi_row, table
from dashboard.views.asset_live import status_of

_START, _STATUS, _ROLLBACK = (f"/api/v1/calibration/{name}" for name in ("start", "status", "rollback"))
_USUAL_MINUTES, _MOST_MINUTES = 10.0, 525_600.0


def section(name: str) -> None:
    """Draws it."""
    if _by_failure_model(name):
        st.info("A failure model judges this asset: it needs no calibration. The model page tells of it.")
        _learnt(name)
        return
    with st.container(key="calibration"):
        _progress(name)
    left, right = st.columns(2)
    with left:
        _start(name)
    with right:
        _roll_back(name)
    _learnt(name)


def _by_failure_model(name: str) -> bool:
    """As the service says; where it does not answer, by what the newest reading was told."""
    asset, status = session.plant().view().assets.get(name), status_of(name)
    if status is None:
        return asset is not None and asset.update.prediction is not None
    return bool(status["models_loaded"]["failure"])


@st.fragment(run_every=1.0)
def _progress(name: str) -> None:
    """How far it is; when it ends, the page is drawn anew."""
    answer = session.read(_STATUS, 0.9, asset_id=name)
    if not session.shown(answer):
        return
    told, key = answer.value, f"calibrating_{name}"
    running = told["stage"] in RUNNING
    if st.session_state.get(key) and not running:
        st.session_state[key] = False
        session.desk().forget()
        st.rerun(scope="app")
    st.session_state[key] = running
    if running:
        st.progress(
            float(told["progress"]), text=f"Calibration: {told['stage']}, {told['data_points_collected']} readings"
        )
    elif told["problem"]:
        stands = "The earlier baseline, if any, stays active."
        st.error(
            f"The last calibration was {told['stage']}: {session.plain(told['problem'])} {stands}",
            icon=":material/block:",
        )
    elif told["stage"] == "accepted":
        st.success(f"The last calibration was accepted: baseline {told['version']}.", icon=":material/check_circle:")


def _start(name: str) -> None:
    with st.form(f"calibrate_{name}"):
        st.markdown("**Calibrate** on what the asset has just sent. It must have been healthy and at its usual work.")
        minutes = st.number_input(
            "Minutes before its newest reading", min_value=0.5, max_value=_MOST_MINUTES, value=_USUAL_MINUTES, step=5.0,
            key="calibration_minutes",
        )  # fmt: skip
        if st.form_submit_button("Start the calibration", type="primary", key="calibrate"):
            if (author := session.demand_author()) is None:
                return
            body = {"asset_id": name, "lookback_minutes": float(minutes), "author": author}
            if session.send(_START, body, "The calibration has begun.") is not None:
                st.session_state[f"calibrating_{name}"] = True


def _roll_back(name: str) -> None:
    with st.form(f"rollback_{name}", clear_on_submit=True):
        st.markdown("**Go back** to the baseline before the active one, where there is one.")
        reason = st.text_input("Reason", max_chars=1000, key="rollback_reason")
        if st.form_submit_button("Go back one baseline", key="rollback"):
            if (author := session.demand_author()) is None:
                return
            if not reason.strip():
                st.error("Say why, for the record.", icon=":material/edit:")
                return
            body = {"asset_id": name, "author": author, "reason": reason.strip()}
            session.send(_ROLLBACK, body, "The earlier baseline is active again.")


def _learnt(name: str) -> None:
    answer = session.read("/api/v1/monitoring/baseline", 3.0, asset_id=name)
    if answer.value is None or answer.problem is not None:
        text = answer.problem or "The service did not say what was learnt."
        st.info(session.plain(text), icon=":material/info:")
        return
    told: dict[str, Any] = answer.value
    if "failure_model" in told:
        st.html(
            table(
                ("Fact", "Value"),
                [(key.replace("_", " "), str(its)) for key, its in told["failure_model"].items()],
                "model",
            )
        )
        return
    st.subheader("Acceptance report of the active baseline", anchor=False)
    with st.container(key="acceptance"):
        st.html(kpi_row(acceptance_figures(told["acceptance"], told["version"])))
    for remark in told["acceptance"]["remarks"]:
        st.caption(session.plain(str(remark)))
    with st.expander("What was learnt, by phase"):
        heads = ("Phase", "Channel or feature", "Mean", "Standard deviation", "Least", "Greatest")
        st.html(table(heads, baseline_rows(told["phases"]), "baseline"))
