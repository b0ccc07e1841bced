"""Maintenance, while it lasts and when it is done, and deleting what is known of an asset."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import streamlit as st

from dashboard import session


def section(name: str) -> None:
    """Draws it."""
    left, right = st.columns(2)
    with left:
        _work(name)
        _maintenance(name)
    with right:
        _purge(name)


def _work(name: str) -> None:
    """People at work on the machine: whatever they do to it calls nobody meanwhile."""
    with st.form(f"work_{name}", clear_on_submit=True):
        st.markdown("**People work on it**: its alarms call nobody until they have ended, or until the time is over.")
        reason = st.text_input("What is done", max_chars=2000, key="work_reason", placeholder="e.g. belt is changed")
        hours = st.number_input(
            "Hours at most", min_value=0.25, max_value=720.0, value=4.0, step=0.25, key="work_hours"
        )
        begin, end = st.columns(2)
        begins = begin.form_submit_button("Begin", key="work_begin", icon=":material/engineering:", width="stretch")
        ends = end.form_submit_button("End", key="work_end", width="stretch")
    if not (begins or ends) or (author := session.demand_author()) is None:
        return
    if not reason.strip():
        st.error("Say what is done, for the record.", icon=":material/edit:")
        return
    body = {"asset_id": name, "author": author, "reason": reason.strip()}
    if begins:
        until = datetime.now(UTC) + timedelta(hours=hours)
        told = "Its alarms call nobody while people work on it."
        session.send("/api/v1/maintenance/begin", body | {"until": until.isoformat()}, told)
    else:
        session.send("/api/v1/maintenance/end", body, "Its alarms are judged again.")


def _maintenance(name: str) -> None:
    with st.form(f"maintain_{name}", clear_on_submit=True):
        st.markdown("**Record a maintenance** that was done: the asset's degradation begins anew at 0.")
        reason = st.text_input(
            "What was done", max_chars=2000, key="maintenance_reason", placeholder="e.g. new bearing"
        )
        if st.form_submit_button("Record the maintenance", type="primary", key="maintenance_record"):
            if (author := session.demand_author()) is None:
                return
            if not reason.strip():
                st.error("Say what was done, for the record.", icon=":material/edit:")
                return
            body = {"asset_id": name, "author": author, "reason": reason.strip()}
            session.send("/api/v1/maintenance", body, "The maintenance is recorded.")


def _purge(name: str) -> None:
    with st.form(f"purge_{name}"), st.container(key="purge"):
        st.markdown(
            "**Purge this asset**: its readings, assessments, alarms, notes and baselines are deleted. "
            "Its next reading begins it anew, uncalibrated."
        )
        archive = st.checkbox("Archive everything to Parquet files first", value=True, key="purge_archive")
        st.markdown(f"To confirm, type its name: **{session.plain(name)}**")
        confirm = st.text_input("Name of the asset", key="purge_confirm", autocomplete="off")
        if st.form_submit_button("Purge", key="purge_do", icon=":material/delete_forever:"):
            if (author := session.demand_author()) is None:
                return
            if confirm != name:
                st.error("Nothing was deleted: the name that you typed is not the asset's.", icon=":material/block:")
                return
            body = {"asset_id": name, "confirm": confirm, "archive": archive, "author": author}
            if session.send("/api/v1/system/purge", body, f"{name} was purged.") is not None:
                st.query_params.clear()
                st.rerun()
