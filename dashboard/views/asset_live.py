"""An asset as it stands: key figures, why, a card for each signal, charts, open alarms; anew from memory."""

from __future__ import annotations

from typing import Any

import streamlit as st

from dashboard import session
from dashboard.figures import is_judged, key_figures
from dashboard.live_plant import LiveAsset
from dashboard.marks import ALARM_STATES, NEEDS_ACKNOWLEDGEMENT, PRIORITIES, mark
from dashboard.normal import CLEAR_SIGMAS, Normal, cards_of, normal_signals, title_of, unit_of
from dashboard.pieces import chip, escaped, kpi_row, signal_cards
from dashboard.plots import Range, score_chart, score_table, signal_chart, signal_table
from dashboard.rings import History
from dashboard.times import seconds_of
from dashboard.views import fault_injection
from smart_sentry.assets import AssetType
from smart_sentry.contracts.live import AlarmUpdate

_STATUS, _BASELINE = "/api/v1/monitoring/status", "/api/v1/monitoring/baseline"
_STATUS_AGE_S, _BASELINE_AGE_S = 3.0, 5.0
_STATE_EVERY_S, _CHARTS_EVERY_S = 0.25, 0.5
"""A fault has to be seen within two seconds of its first reading, and k of n readings take the most of them."""


def figures(name: str) -> None:
    """The row of key figures; it stands above every section."""
    with st.container(key="kpis"):
        _figures(name)


@st.fragment(run_every=1.0)
def _figures(name: str) -> None:
    asset = session.plant().view().assets.get(name)
    if asset is None:
        return
    kind, status = session.asset_types().find(asset.update.asset_type), status_of(name)
    st.html(kpi_row(key_figures(asset, status, kind)))
    until = None if status is None else seconds_of(status["maintenance_until"])
    if until is not None:
        text = f"<b>People work on it</b> until {escaped(session.zone().full(until))} at most: its alarms call nobody."
        st.html(f'<div class="ss-reasons ss-old">{text}</div>')


def status_of(name: str) -> dict[str, Any] | None:
    """How an asset stands as the service says; None where it did not answer."""
    answer = session.read(_STATUS, _STATUS_AGE_S, asset_id=name)
    found: dict[str, Any] | None = None if answer.value is None else answer.value["asset"]
    return found


def section(name: str) -> None:
    """Draws everything below the key figures."""
    fault_injection.panel(name)
    _state(name)
    _history(name)


@st.fragment(run_every=_STATE_EVERY_S)
def _state(name: str) -> None:
    plant = session.plant()
    asset, history = plant.view().assets.get(name), plant.history(name)
    if asset is None or history is None:
        return
    kind, normal = session.asset_types().find(asset.update.asset_type), _normal(asset)
    with st.container(key="reasons"):
        st.html(_reasons(asset))
    with st.container(key="alarms"):
        for alarm in asset.alarms:
            alarm_row(alarm)
    with st.container(key="signal_cards"):
        st.html(signal_cards(cards_of(asset.update, kind, normal, history)))


@st.fragment(run_every=_CHARTS_EVERY_S)
def _history(name: str) -> None:
    plant = session.plant()
    asset, history = plant.view().assets.get(name), plant.history(name)
    if asset is not None and history is not None:
        _charts(asset, session.asset_types().find(asset.update.asset_type), _normal(asset), history)


def _normal(asset: LiveAsset) -> dict[str, Normal]:
    if asset.update.prediction is not None:
        return {}
    answer = session.read(_BASELINE, _BASELINE_AGE_S, asset_id=asset.update.asset_id)
    return normal_signals(answer.value, asset.update.phase)


def _reasons(asset: LiveAsset) -> str:
    update = asset.update
    if asset.stale:
        since = escaped(session.zone().full(session.plant().view().now - asset.age))
        text = f"<b>No reading has come since {since}.</b> What is shown is how it stood then. {escaped(update.reason)}"
        return f'<div class="ss-reasons ss-old">{text}</div>'
    if update.reason:
        heading = "Why" if update.flag else "Noted"
        look = "" if update.flag else " ss-well"
        return f'<div class="ss-reasons{look}"><b>{heading}:</b> {escaped(update.reason)}</div>'
    if update.score is None:
        text = "The newest reading has no score."
        if not is_judged(asset, status_of(update.asset_id)):
            text = "Not judged: nothing healthy was learnt of it yet. Calibrate it (section Calibration)."
        return f'<div class="ss-reasons ss-well">{text}</div>'
    return '<div class="ss-reasons ss-well">Nothing is out of the ordinary.</div>'


def alarm_row(alarm: AlarmUpdate) -> None:
    """One alarm as it stands, with a button where somebody has to acknowledge it."""
    state, priority = mark(ALARM_STATES, alarm.to_state), mark(PRIORITIES, alarm.priority)
    told = f"{alarm.event.lower().replace('_', ' ')} by {alarm.author}, {session.zone().full(alarm.time)}"
    with st.container(
        horizontal=True, wrap=False, vertical_alignment="center", key=f"alarm-{alarm.alarm_id}", gap="small"
    ):
        st.html(
            f'<div class="ss-alarm">{chip(state)} {chip(priority)} <b>{escaped(alarm.key)}</b> {escaped(alarm.reason)}'
            f' <span class="ss-note">({escaped(told)})</span></div>'
        )
        if alarm.to_state in NEEDS_ACKNOWLEDGEMENT and st.button(
            "Acknowledge", key=f"acknowledge-{alarm.alarm_id}", icon=":material/check:"
        ):
            acknowledge(alarm)


def acknowledge(alarm: AlarmUpdate) -> None:
    """Acknowledges an alarm in the operator's name."""
    if (author := session.demand_author()) is None:
        return
    body = {"asset_id": alarm.asset_id, "key": alarm.key, "action": "acknowledge", "author": author}
    session.send("/api/v1/alarms", body, f"Acknowledged: {alarm.key} of {alarm.asset_id}")


def _charts(asset: LiveAsset, kind: AssetType | None, normal: dict[str, Normal], history: History) -> None:
    left, right = st.columns(2)
    with left, st.container(key="signal_chart"):
        _signal_chart(kind, normal, history)
    with right, st.container(key="score_chart"):
        zone = session.zone()
        st.html('<div class="ss-title">Anomaly score, limit 1</div>')
        _draw(score_table(history, zone), score_chart(zone), "score")
    st.html(
        '<div class="ss-note">Last 15 minutes of readings. Red spans: anomalous. Green: normal range of the baseline (mean'
        f" ± {CLEAR_SIGMAS:g} deviations in this phase), where that is of single readings. Phases are shaded, but for STEADY."
        "</div>"
    )


def _signal_chart(kind: AssetType | None, normal: dict[str, Normal], history: History) -> None:
    signals = {signal.name: signal for signal in kind.signals} if kind else {}
    chosen = st.selectbox(
        "Signal", sorted(history.signals, key=lambda one: one in signals and signals[one].role == "setting"),
        key=f"signal_of_{'_'.join(history.signals)[:80]}", label_visibility="collapsed",
        format_func=lambda one: f"{title_of(signals[one])} [{unit_of(signals[one]) or '1'}]" if one in signals else one,
    )  # fmt: skip
    its, zone = normal.get(chosen), session.zone()
    usual = None
    if its is not None and not its.of_means:
        usual = Range(its.mean - CLEAR_SIGMAS * its.std, its.mean + CLEAR_SIGMAS * its.std)
    unit = unit_of(signals[chosen]) if chosen in signals else ""
    table = signal_table(history, history.signals.index(chosen), usual, zone)
    _draw(
        table,
        signal_chart(f"{chosen} [{unit}]" if unit else chosen, zone, bool(kind and kind.phase)),
        f"signal-{chosen}",
    )


def _draw(table: Any, chart: dict[str, Any], key: str) -> None:
    st.vega_lite_chart(table, chart, key=f"chart-{key}", width="stretch", theme="streamlit")
