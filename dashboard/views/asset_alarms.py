"""An asset's alarms: what stands, what can be done about it, and what was done."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import streamlit as st

from dashboard import session
from dashboard.marks import ALARM_STATES, PRIORITIES, mark
from dashboard.pieces import chip_cell, table
from dashboard.times import seconds_of
from dashboard.views.asset_live import alarm_row
from smart_sentry.contracts.alarms import AlarmAction, AlarmState
from smart_sentry.health.alarm_states import allowed_actions

_ALARMS = "/api/v1/alarms"
_SHOWN_STEPS = 200
_ROWS_BELOW, _HISTORY_PX = 12, 460
_USUAL_SHELF_HOURS = 12.0
_LEAST_SHELF_HOURS = 0.25
_NEED_REASON = (AlarmAction.SHELVE.value, AlarmAction.TAKE_OUT_OF_SERVICE.value, AlarmAction.COMMENT.value)


def section(name: str) -> None:
    """Draws it."""
    _open_alarms(name)
    limit = str(_SHOWN_STEPS + 1)  # one more tells that there are more
    answer = session.read(_ALARMS, 2.0, asset_id=name, open_only="false", transitions="true", limit=limit)
    if not session.shown(answer):
        return
    _act(name, answer.value["alarms"])
    _history(answer.value["transitions"])


@st.fragment(run_every=1.0)
def _open_alarms(name: str) -> None:
    """Alarms as the feed tells them; where one moved, the rest of the page is drawn anew."""
    asset = session.plant().view().assets.get(name)
    alarms = () if asset is None else asset.alarms
    stand = [(alarm.alarm_id, alarm.to_state, alarm.time) for alarm in alarms]
    before = st.session_state.get("alarms_shown")
    st.session_state.alarms_shown = (name, stand)
    if before is not None and before[0] == name and before[1] != stand:
        session.desk().forget()
        st.rerun(scope="app")
    with st.container(key="alarms"):
        for alarm in alarms:
            alarm_row(alarm)
    if not alarms:
        st.success("No alarm of this asset is open.", icon=":material/check_circle:")


def _act(name: str, alarms: list[dict[str, Any]]) -> None:
    if not alarms:
        st.caption("It never had an alarm, so there is nothing to act on.")
        return
    st.subheader("Act on an alarm", anchor=False)
    newest = newest_of_each(alarms)
    with st.container(border=True, key="alarm-action"):
        left, right = st.columns(2)
        key = left.selectbox(
            "Alarm", list(newest), key=f"alarm_key_{name}", format_func=lambda one: _named(newest[one])
        )
        allowed = [action.value for action in allowed_actions(AlarmState(newest[key]["state"]), unread=True)]
        action = right.selectbox("Action", allowed, key=f"alarm_do_{name}_{key}", format_func=str.capitalize)
        with st.form(f"alarm_form_{name}", border=False, clear_on_submit=True):
            hours = _shelf_hours(name) if action == "shelve" else None
            reason = st.text_input("Reason or comment", max_chars=2000, key="alarm_reason")
            if st.form_submit_button("Record", type="primary", key="alarm_record"):
                _record(name, key, action, reason, hours)


def newest_of_each(alarms: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The newest occurrence of each alarm by its key, those that are open first.

    Args:
        alarms: as GET /api/v1/alarms answers them.
    """
    found: dict[str, dict[str, Any]] = {}
    for alarm in sorted(alarms, key=lambda one: (seconds_of(one["since"]) or 0.0, one["alarm_id"])):
        found[alarm["kind"]] = alarm
    return dict(sorted(found.items(), key=lambda one: (one[1]["state"] == "NORMAL", one[0])))


def _named(alarm: dict[str, Any]) -> str:
    return f"{alarm['kind']}: {mark(ALARM_STATES, alarm['state']).word}"


def _shelf_hours(name: str) -> float:
    asset = session.plant().view().assets.get(name)
    kind = None if asset is None else session.asset_types().find(asset.update.asset_type)
    longest = _USUAL_SHELF_HOURS if kind is None else kind.alarms.longest_shelf_hours
    return float(st.number_input(
        f"Hours on the shelf (at most {longest:g})", min_value=min(_LEAST_SHELF_HOURS, longest), max_value=longest,
        value=min(1.0, longest), step=0.25, key="alarm_hours",
    ))  # fmt: skip


def _record(name: str, key: str, action: str, reason: str, hours: float | None) -> None:
    if (author := session.demand_author()) is None:
        return
    if action in _NEED_REASON and not reason.strip():
        st.error("Say why, for the record.", icon=":material/edit:")
        return
    body: dict[str, Any] = {"asset_id": name, "key": key, "action": action, "author": author, "reason": reason.strip()}
    if hours is not None:
        body["until"] = (datetime.now(UTC) + timedelta(hours=hours)).isoformat()
    if session.send(_ALARMS, body, f"Recorded: {action} {key}") is not None:
        st.rerun()


def _history(steps: list[dict[str, Any]]) -> None:
    st.subheader("History", anchor=False)
    if not steps:
        st.caption("No alarm has moved yet.")
        return
    zone = session.zone()
    rows = [
        (
            zone.full(seconds_of(step["time"]) or 0.0), step["key"], step["event"].lower().replace("_", " "),
            chip_cell(mark(ALARM_STATES, step["to_state"])), chip_cell(mark(PRIORITIES, step["priority"])),
            step["author"], step["reason"],
        )
        for step in steps[:_SHOWN_STEPS]
    ]  # fmt: skip
    with st.container(key="alarm-history", height=_HISTORY_PX if len(rows) > _ROWS_BELOW else "content"):
        st.html(table(("Time", "Alarm", "Event", "State after", "Priority", "By", "Reason"), rows, "alarms"))
    if len(steps) > _SHOWN_STEPS:
        st.caption(
            f"The newest {_SHOWN_STEPS} steps. The workbook (section Reports and data) has a row for every alarm that"
            " there was: its first and last step, and how it was answered."
        )
