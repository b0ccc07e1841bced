"""The fleet page: every asset, the one that needs attention first at the top."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from dashboard import session
from dashboard.figures import NOT_JUDGED
from dashboard.fleet_table import ANY, chosen_assets, fleet_counts, fleet_table
from dashboard.link import LinkState
from dashboard.live_plant import LiveAsset, PlantView
from dashboard.marks import RISKS
from dashboard.pieces import kpi_row
from dashboard.views import asset_files

_TABLE, _ORDER, _OPEN = "fleet_table", "fleet_order", "fleet_open"
_ROW_PX, _MOST_PX = 36, 760


def page() -> None:
    """Draws it."""
    _counts()
    _assets()
    asset_files.fleet_report()


@st.fragment(run_every=1.0)
def _counts() -> None:
    with st.container(key="fleet-counts"):
        st.html(kpi_row(fleet_counts(list(session.plant().view().assets.values()))))


def _filters(assets: Mapping[str, LiveAsset]) -> None:
    types = sorted({one.update.asset_type for one in assets.values()})
    search, kind, risk, jump = st.columns([3, 2, 2, 3])
    search.text_input(
        "Search", key="fleet_search", placeholder="name, type or reason", icon=":material/search:", live=True
    )
    kind.selectbox("Type", [ANY, *types], key="fleet_type")
    risk.selectbox("Risk", [ANY, *RISKS, NOT_JUDGED.word], key="fleet_risk")
    chosen = jump.selectbox("Open an asset", list(assets), index=None, placeholder="type its name", key="fleet_jump")
    if chosen is not None:
        st.switch_page(st.session_state.asset_page, query_params={"asset": chosen})


@st.fragment(run_every=1.0)
def _assets() -> None:
    """Filters and table: what is typed draws them anew, and nothing else of the page."""
    asked = st.session_state.pop(_OPEN, None)
    if asked is not None:
        st.switch_page(st.session_state.asset_page, query_params={"asset": asked})
    plant, state = session.plant(), st.session_state
    view = plant.view()
    _filters(view.assets)
    assets = list(view.assets.values())
    found = chosen_assets(
        assets, state.get("fleet_search") or "", state.get("fleet_type", ANY), state.get("fleet_risk", ANY)
    )
    state[_ORDER] = [one.update.asset_id for one in found]
    if not found:
        st.info(_nothing(view), icon=":material/search_off:")
        return
    table = fleet_table(found, plant.health)
    height = min(_ROW_PX * (len(table) + 1) + 4, _MOST_PX)
    with st.container(key="fleet"):
        st.dataframe(
            table, key=_TABLE, hide_index=True, height=height, row_height=_ROW_PX, on_select=_picked,
            selection_mode=["single-row", "single-cell"], column_config=_columns(), placeholder="–",
            alt="All assets, the one that needs attention first at the top",
        )  # fmt: skip
    st.caption(
        f"{len(found)} of {len(assets)} assets, the one that needs attention first at the top. Choose a row to open it."
    )


def _nothing(view: PlantView) -> str:
    if view.assets:
        return "No asset fits the search and filters."
    if view.link.state in (LinkState.CONNECTING, LinkState.SILENT):
        return "Nothing was heard of any asset yet."
    return "No machine has sent a reading yet. To see one: smart\\-sentry simulate \\-\\-to " + session.plain(
        session.desk().address
    )


def _picked() -> None:
    """Which asset was chosen, by the order that the page showed when it was."""
    selection: Any = st.session_state[_TABLE].selection
    rows = list(selection.rows) or [cell[0] for cell in selection.cells]
    order = st.session_state.get(_ORDER, [])
    if rows and rows[0] < len(order):
        st.session_state[_OPEN] = order[rows[0]]


def _columns() -> dict[str, Any]:
    config = st.column_config
    marks = [*RISKS.values(), NOT_JUDGED]
    return {
        "Asset": config.TextColumn(width=170),
        "Risk": config.MultiselectColumn(options=[its.text for its in marks], color=[its.colour for its in marks], width=125),
        "Health": config.ProgressColumn(min_value=0, max_value=100, format="%.0f", width=105),
        "Status": config.MultiselectColumn(
            options=["● NORMAL", "▲ ANOMALY", "– NOT JUDGED", "◌ NO DATA"],
            color=["#007a5a", "#b84f00", "#8a8f98", "#8a8f98"], width=130,
        ),
        "Score": config.NumberColumn(format="%.2f", help="anomaly score; 1 is the limit", width=70),
        "Trend": config.LineChartColumn(y_min=0, y_max=104, help="health over the last 15 minutes", width=105),
        "Alarms": config.TextColumn(width=95, help="open alarms; new: nobody has acknowledged it"),
        "Newest": config.TextColumn(width=90, help="when the newest reading came in"),
        "Phase": config.TextColumn(width=100),
        "Why": config.TextColumn(width="large"),
        "Type": config.TextColumn(width=110),
    }  # fmt: skip
