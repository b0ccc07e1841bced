"""What a page needs of its process and of its visitor: the live plant, the service, the operator's name, the time zone."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import streamlit as st

from dashboard.asset_types import AssetTypes
from dashboard.desk import Answer, Desk, sentence_of
from dashboard.link import SILENT_AFTER_S, LinkState
from dashboard.live_plant import LivePlant
from dashboard.pieces import escaped
from dashboard.times import Zone, zone_of
from smart_sentry.config import Settings, load_settings
from smart_sentry.errors import ServiceRefused, SmartSentryError
from smart_sentry.feed.open import open_feed
from smart_sentry.service_client import ServiceClient

_log = logging.getLogger(__name__)
_HEALTH_PATIENCE_S, _READ_PATIENCE_S, _ANSWER_PATIENCE_S = 3.0, 2.0, 20.0
_AUTHOR, _ZONE = "author", "time_zone"


@st.cache_resource(show_spinner=False)
def settings() -> Settings:
    """Of this process."""
    return load_settings()


@st.cache_resource(show_spinner=False)
def asset_types() -> AssetTypes:
    """Of this project."""
    return AssetTypes(settings().configs_folder / "assets")


@st.cache_resource(show_spinner=False, on_release=LivePlant.close)
def plant() -> LivePlant:
    """The one listener of this process, begun with the first page that is opened."""
    its, health, service = settings(), _health(), desk()
    listener = LivePlant(
        lambda: open_feed(its), lambda: health.get("/health"), its.service_address, asset_types().step_seconds,
        fresh_within_s=SILENT_AFTER_S if its.redis_url is None else math.inf, ask_judged=lambda: _judged(service),
    )  # fmt: skip
    listener.start()
    return listener


@st.cache_resource(show_spinner=False, on_release=ServiceClient.close)
def _health() -> ServiceClient:
    return _client(_HEALTH_PATIENCE_S)


@st.cache_resource(show_spinner=False, on_release=Desk.close)
def desk() -> Desk:
    """The one way from pages to the service."""
    return Desk(_client(_ANSWER_PATIENCE_S), reader=_client(_READ_PATIENCE_S), is_down=_is_down)


def _judged(service: Desk) -> list[str]:
    return [one["asset_id"] for one in service.ask("/api/v1/assets") if one["health"] is not None]


def _is_down() -> bool:
    return plant().view().link.state == LinkState.DOWN


def _client(patience_s: float) -> ServiceClient:
    its = settings()
    return ServiceClient(its.service_address, its.api_key.get_secret_value() if its.api_key else None, patience_s)


def zone() -> Zone:
    """The time zone of this visitor's page: the browser's, or the plant's."""
    return zones().get(str(st.session_state.get(_ZONE)), next(iter(zones().values())))


def zones() -> dict[str, Zone]:
    """What a visitor may choose from, by what it is called; the first is the usual one."""
    of_plant = Zone(settings().report_time_zone, "the plant's")
    of_browser = zone_of(st.context.timezone, "this browser's", of_plant)
    found = {f"{of_browser.name} ({of_browser.whence})": of_browser}
    if of_browser.name != of_plant.name:
        found[f"{of_plant.name} ({of_plant.whence})"] = of_plant
    return found


def sidebar() -> None:
    """Who is at work, and whose clock is shown."""
    with st.sidebar:
        st.text_input(
            "Your name", key=_AUTHOR, max_chars=128, placeholder="for the record of what you do", persist_state="session",
            help="Every action is recorded with a name and a time.",
        )  # fmt: skip
        st.selectbox("Times in", list(zones()), key=_ZONE, persist_state="session")
        st.html(f'<div class="ss-note">Service: {escaped(desk().address)}</div>')


def author() -> str:
    """Name of the operator; empty where none was given."""
    return str(st.session_state.get(_AUTHOR) or "").strip()


def demand_author() -> str | None:
    """Name of the operator; without one a sentence asks for it, and there is None."""
    if name := author():
        return name
    _refuse("Enter your name in the sidebar first: every action is recorded with one.", ":material/person:")
    return None


def _refuse(text: str, icon: str) -> None:
    """Says why something is not done. The error goes with the next drawing of its fragment, the toast stays for a while."""
    st.error(text, icon=icon)
    st.toast(text, icon=icon, duration="long")


def send(path: str, body: dict[str, Any], done: str) -> Any:
    """Asks the service for something, and says how it went.

    Args:
        path: of the service.
        body: of the POST.
        done: what is said when it was done.

    Returns:
        the answer; None where it was refused.
    """
    try:
        answer = desk().send(path, body)
    except ServiceRefused as refusal:
        _refuse(plain(sentence_of(refusal)), ":material/block:")
        return None
    st.toast(plain(done), icon=":material/check_circle:")
    return answer


def read(path: str, max_age_s: float = 3.0, *, patient: bool = False, **query: str) -> Answer:
    """What the service says, at most so old; what takes it long is asked with patience."""
    return desk().read(path, max_age_s, patient=patient, **query)


def shown(answer: Answer) -> bool:
    """Whether there is a value to show; a problem is told in any case."""
    if answer.problem is not None:
        old = "" if answer.value is None else " What follows is the last that it said."
        st.warning(plain(answer.problem + old), icon=":material/warning:")
    return answer.value is not None


@contextmanager
def told() -> Iterator[None]:
    """Known errors of the block become a sentence on the page."""
    try:
        yield
    except SmartSentryError as problem:
        _log.info("%s", problem)
        st.error(plain(str(problem)), icon=":material/block:")


_MARKDOWN = str.maketrans({sign: f"\\{sign}" for sign in r"\`*_{}[]()#+!|<>$~:-"})


def plain(text: str) -> str:
    """Text that Markdown leaves as it is."""
    return text.translate(_MARKDOWN)
