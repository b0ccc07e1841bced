"""Files: reports that the service makes of an asset or of the fleet, and an asset's readings as a table."""

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
_FLEET, _CSV = "fleet", "history"
_MOST_READINGS = "10000"
_FORMULA_BEGINNINGS = ("=", "+", "-", "@", "\t", "\r")


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
        st.caption(f"At most the newest {int(_MOST_READINGS):,} readings.")
        _offer(name, _CSV, f"history-{name}.csv", minutes)


def fleet_report() -> None:
    """Draws the report of every asset."""
    with st.container(border=True, key="report-fleet"):
        st.markdown("**Fleet report (PDF)** of every asset, the worst first, from what is stored")
        _offer(None, _FLEET, "fleet.pdf")


def _offer(name: str | None, kind: str, file_name: str, minutes: float = 0.0) -> None:
    """Makes a file when it is asked for, and keeps one of each kind for the visit: the last that was made.

    Args:
        name: of the asset; None: of the fleet.
        kind: of the file.
        file_name: where the service names none.
        minutes: of the readings.
    """
    key = f"file_{kind}"
    if st.button("Prepare", key=f"prepare_{kind}", icon=":material/build:"):
        st.session_state.pop(key, None)
        with st.spinner("The service is at work"):
            made = _made(name, kind, minutes)
        if made is not None:
            st.session_state[key] = (name, made)
    of, found = st.session_state.get(key, (None, None))
    if found is not None and of == name:
        st.download_button(
            f"Download ({max(len(found.content) // 1024, 1):,} kB)", found.content, found.name or safe_name(file_name),
            found.media_type, key=f"download_{kind}", type="primary", icon=":material/download:", on_click="ignore",
        )  # fmt: skip


def _made(name: str | None, kind: str, minutes: float) -> Downloaded | None:
    try:
        named = {} if name is None else {"asset_id": name}
        if kind != _CSV:
            return session.desk().fetch(f"/api/v1/reports/{kind}", **named)
        answer = session.desk().ask("/api/v1/data/history", minutes=f"{minutes:g}", limit=_MOST_READINGS, **named)
        return Downloaded("", "text/csv", history_csv(answer).encode())
    except ServiceRefused as refusal:
        missing = " This service is older than its reports." if refusal.problem.startswith("404: Not Found") else ""
        st.error(session.plain(sentence_of(refusal) + missing), icon=":material/block:")
        return None


def history_csv(answer: dict[str, Any]) -> str:
    """Readings with what was said of them, oldest first, as CSV: a row a reading, times in UTC.

    A name that a sender gave to a reading has an apostrophe before it where a spreadsheet would take it for a formula.

    Args:
        answer: as GET /api/v1/data/history answers.
    """
    readings = pd.DataFrame(answer["readings"])
    if readings.empty:
        return "timestamp\n"
    readings["event_id"] = [_as_text(name) for name in readings["event_id"]]
    assessed = pd.DataFrame(
        answer["assessments"], columns=["time", "phase", "score", "flag", "health", "risk", "reason"]
    )
    joined = readings.merge(
        assessed.drop_duplicates("time"), how="left", left_on="timestamp", right_on="time"
    ).drop(columns="time")  # fmt: skip
    return str(joined.iloc[::-1].to_csv(index=False))


def _as_text(name: str) -> str:
    """A name that no spreadsheet runs.

    >>> _as_text("=1+1"), _as_text("e-2")
    ("'=1+1", 'e-2')
    """
    return f"'{name}" if name.startswith(_FORMULA_BEGINNINGS) else name


def safe_name(name: str) -> str:
    """A name that every file system takes.

    >>> safe_name('history-<a>/b:c.csv')
    'history-_a__b_c.csv'
    """
    return "".join("_" if sign in '<>:"/\\\\|?*' or ord(sign) < 32 else sign for sign in name)[:150]
