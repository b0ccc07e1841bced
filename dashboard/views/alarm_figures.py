"""The alarm KPI page: whether the alarms are any good."""

from __future__ import annotations

from typing import Any

import streamlit as st

from dashboard import session
from dashboard.alarm_kpis import (
    alarm_figures,
    chattering_rows,
    flood_rows,
    frequent_chart,
    frequent_table,
    priority_chart,
    priority_table,
    stale_rows,
)
from dashboard.pieces import kpi_row, table
from dashboard.times import seconds_of

SPANS = {"8 hours": 8.0, "24 hours": 24.0, "7 days": 168.0, "30 days": 720.0, "1 year": 8760.0}
_EVERY = "every asset"


def page() -> None:
    """Draws it."""
    left, middle, right = st.columns([2, 1, 2])
    hours = SPANS[left.selectbox("Span, until now", list(SPANS), index=1, key="kpi_span")]
    operators = middle.number_input("Operators", 1, 1000, 1, key="kpi_operators", help="who share the alarms")
    asset = right.selectbox("Asset", [_EVERY, *session.plant().view().assets], key="kpi_asset")
    query = {} if asset == _EVERY else {"asset_id": asset}
    _figures(hours, int(operators), query)


@st.fragment(run_every=10.0)
def _figures(hours: float, operators: int, query: dict[str, str]) -> None:
    answer = session.read(
        "/api/v1/alarms/kpis", 5.0, patient=True, hours=f"{hours:g}", operators=str(operators), **query
    )
    if not session.shown(answer):
        return
    told: dict[str, Any] = answer.value
    zone = session.zone()
    with st.container(key="alarm-kpis"):
        st.html(kpi_row(alarm_figures(told)))
    start, end = (zone.full(seconds_of(told[name]) or 0.0) for name in ("start", "end"))
    st.caption(f"From {start} until {end}. Figures and aims after ISA-18.2, section 16.")
    if not told["annunciations"]:
        st.info("No alarm called anybody in this span.", icon=":material/notifications_off:")
    else:
        _charts(told)
    _tables(told)


def _charts(told: dict[str, Any]) -> None:
    left, right = st.columns(2)
    with left, st.container(key="priorities"):
        st.html('<div class="ss-title">Calls by priority, beside the aim</div>')
        st.vega_lite_chart(priority_table(told["priorities"]), priority_chart(), key="priority-chart", width="stretch")
    with right, st.container(key="frequent"):
        st.html('<div class="ss-title">The ten alarms that call most often</div>')
        st.vega_lite_chart(
            frequent_table(told["most_frequent"]), frequent_chart(), key="frequent-chart", width="stretch"
        )


def _tables(told: dict[str, Any]) -> None:
    zone = session.zone()
    parts = (
        ("Floods: more than 10 calls an operator in 10 minutes", ("From", "Until", "Calls"), flood_rows(told["floods"], zone)),
        ("Chattering: 3 rises or falls in a minute", ("Asset", "Alarm", "Most in a minute", "Busiest minute"),
         chattering_rows(told["chattering"], zone)),
        ("Stale: stood for over 24 hours", ("Asset", "Alarm", "Since", "Stood", "Still stands"), stale_rows(told["stale"], zone)),
    )  # fmt: skip
    for number, (title, heads, rows) in enumerate(parts):
        st.html(f'<div class="ss-title">{title}</div>')
        with st.container(key=f"kpi-table-{number}"):
            if rows:
                st.html(table(heads, rows, f"kpi-{number}"))
            else:
                st.caption("None.")
