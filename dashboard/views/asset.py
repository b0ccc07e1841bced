"""The page of one asset: how it stands now, and below it what can be done about it."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from dashboard import session
from dashboard.figures import status_mark
from dashboard.link import LinkState
from dashboard.past import past_of
from dashboard.pieces import Html, chip, escaped
from dashboard.views import (
    asset_alarms,
    asset_calibration,
    asset_files,
    asset_live,
    asset_notes,
    asset_upkeep,
    asset_what_if,
)

_SECTION = "section"
SECTIONS: dict[str, Callable[[str], None]] = {
    "Live": asset_live.section,
    "Alarms": asset_alarms.section,
    "Notes": asset_notes.section,
    "Calibration": asset_calibration.section,
    "What if": asset_what_if.section,
    "Upkeep": asset_upkeep.section,
    "Reports and data": asset_files.section,
}
_PAST_MINUTES, _MOST_READINGS = "15", "10000"


def page() -> None:
    """Draws the asset that the address names: /asset?asset=NAME."""
    view = session.plant().view()
    assets, name = view.assets, st.query_params.get("asset") or None
    if name is not None and name not in assets and view.link.state == LinkState.CONNECTING:
        st.info("Waiting for the live feed.", icon=":material/hourglass_empty:")
        _wait_for(name)
        return
    if name is None or name not in assets:
        _choose(name, list(assets))
        return
    _bring_past(name, tuple(assets[name].update.values))
    _head(name, list(assets))
    asset_live.figures(name)
    chosen = st.segmented_control(
        "Section",
        list(SECTIONS),
        key=_SECTION,
        default="Live",
        required=True,
        label_visibility="collapsed",
        wrap=True,
        bind="query-params",
    )
    SECTIONS[chosen or "Live"](name)


def _choose(asked: str | None, known: list[str]) -> None:
    if asked is not None:
        text = f"No asset is called {session.plain(asked)} just now: it was purged, or it has not sent anything yet."
        st.warning(text, icon=":material/search_off:")
        _wait_for(asked)
    else:
        st.info("Choose an asset, here or on the fleet page.", icon=":material/precision_manufacturing:")
    chosen = st.selectbox("Asset", known, index=None, placeholder="type its name", key="asset_choice")
    if chosen is not None:
        st.query_params["asset"] = chosen
        st.rerun()


@st.fragment(run_every=1.0)
def _wait_for(name: str) -> None:
    """Draws the page anew when the asset is there, or when it is clear that it is not."""
    view = session.plant().view()
    waits_for_feed = view.link.state == LinkState.CONNECTING
    waited_for_feed = st.session_state.setdefault("waits_for_feed", waits_for_feed)
    if name in view.assets or waits_for_feed != waited_for_feed:
        st.session_state.pop("waits_for_feed")
        st.rerun(scope="app")


def _head(name: str, known: list[str]) -> None:
    left, right = st.columns([3, 1], vertical_alignment="bottom")
    with left, st.container(key="asset-head"):
        _title(name)
    chosen = right.selectbox("Go to another asset", known, index=known.index(name), key=f"asset_other_{name}")
    if chosen != name:
        st.query_params["asset"] = chosen
        st.rerun()


@st.fragment(run_every=1.0)
def _title(name: str) -> None:
    asset = session.plant().view().assets.get(name)
    if asset is None:
        st.rerun(scope="app")
    kind = session.asset_types().find(asset.update.asset_type)
    told = f"{asset.update.asset_type} · {kind.description}" if kind and kind.description else asset.update.asset_type
    newest = f"newest reading of {session.zone().full(asset.update.time)}"
    st.html(Html(
        f'<div class="ss-head"><h2>{escaped(name)}</h2>{chip(status_mark(asset))}</div>'
        f'<div class="ss-note">{escaped(told)} · {escaped(newest)}</div>'
    ))  # fmt: skip


def _bring_past(name: str, signals: tuple[str, ...]) -> None:
    """Once a process and asset: what came before the dashboard listened."""
    brought = _assets_with_past()
    if name in brought:
        return
    answer = session.read(
        "/api/v1/data/history", patient=True, asset_id=name, minutes=_PAST_MINUTES, limit=_MOST_READINGS
    )
    if answer.problem is None:
        session.plant().fill(name, past_of(answer.value, signals))
        brought.add(name)


@st.cache_resource(show_spinner=False)
def _assets_with_past() -> set[str]:
    return set()
