"""Files of an asset: reports that the service makes, and the readings as a table."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from dashboard import session
from dashboard.desk import sentence_of
from smart_sentry.errors import ServiceRefused
from smart_sentry.service_client import Downloaded

REPORTS = {
    "executive": ("Executive report (PDF, 1 page)", "pdf"),
    "industrial": ("Industrial report (PDF, 5 pages)", "pdf"),
    "excel": ("Workbook (Excel)", "xlsx"),
}
_CSV = "history"
_MOST_READINGS = "10000"


def section(name: str) -> None:
    """Draws it."""
    st.caption("Reports are made by the service from what is stored. Prepare one, then download it.")
    with st.container(key="downloads"):
        columns = st.columns(len(REPORTS) + 1)
    for column, (kind, (label, ending)) in zip(columns, REPORTS.items(), strict=False):
        with column, st.container(border=True, key=f"report-{kind}"):
            st.markdown(f"**{label}**")
            _offer(name, kind, f"{kind}-{name}.{ending}")
    with columns[-1], st.container(border=True, key="report-history"):
        st.markdown("**History (CSV)**")
        minutes = st.number_input(
            "Minutes before its newest reading", 1.0, 525_600.0, 60.0, 10.0, key="history_minutes"
        )
        _offer(name, _CSV, f"history-{name}.csv", minutes)


def _offer(name: str, kind: str, file_name: str, minutes: float = 0.0) -> None:
    key = f"file_{kind}_{name}"
    if st.button("Prepare", key=f"prepare_{kind}", icon=":material/build:"):
        st.session_state.pop(key, None)
        with st.spinner("The service is at work"):
            made = _made(name, kind, minutes)
        if made is not None:
            st.session_state[key] = made
    found: Downloaded | None = st.session_state.get(key)
    if found is not None:
        st.download_button(
            f"Download ({max(len(found.content) // 1024, 1):,} kB)", found.content, found.name or safe_name(file_name),
            found.media_type, key=f"download_{kind}", type="primary", icon=":material/download:", on_click="ignore",
        )  # fmt: skip


def _made(name: str, kind: str, minutes: float) -> Downloaded | None:
    try:
        if kind != _CSV:
            return session.desk().fetch(f"/api/v1/reports/{kind}", asset_id=name)
        answer = session.desk().ask("/api/v1/data/history", asset_id=name, minutes=f"{minutes:g}", limit=_MOST_READINGS)
        return Downloaded("", "text/csv", history_csv(answer).encode())
    except ServiceRefused as refusal:
        missing = " This service is older than its reports." if refusal.problem.startswith("404: Not Found") else ""
        st.error(session.plain(sentence_of(refusal) + missing), icon=":material/block:")
        return None


def history_csv(answer: dict[str, Any]) -> str:
    """Readings with what was said of them, oldest first, as CSV: a row a reading, times in UTC.

    Args:
        answer: as GET /api/v1/data/history answers.
    """
    readings = pd.DataFrame(answer["readings"])
    if readings.empty:
        return "timestamp\n"
    assessed = pd.DataFrame(
        answer["assessments"], columns=["time", "phase", "score", "flag", "health", "risk", "reason"]
    )
    joined = readings.merge(
        assessed.drop_duplicates("time"), how="left", left_on="timestamp", right_on="time"
    ).drop(columns="time")  # fmt: skip
    return str(joined.iloc[::-1].to_csv(index=False))


def safe_name(name: str) -> str:
    """A name that every file system takes.

    >>> safe_name('history-<a>/b:c.csv')
    'history-_a__b_c.csv'
    """
    return "".join("_" if sign in '<>:"/\\\\|?*' or ord(sign) < 32 else sign for sign in name)[:150]
