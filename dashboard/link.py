"""Whether what the pages show is live: a judgement of what was heard, and what to do where it is not."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

SILENT_AFTER_S = 5.0
"""Whoever judges is heard every 2 s, a database answers five times a second."""
DOWN_AFTER_S = 4.0
REFUSALS = 2
"""So many refused connections in a row say at once that nobody is there."""


class LinkState(StrEnum):
    """How the dashboard stands to the plant."""

    CONNECTING = "CONNECTING"
    LIVE = "LIVE"
    QUIET = "QUIET"
    SILENT = "SILENT"
    DOWN = "DOWN"


@dataclass(frozen=True)
class Heard:
    """What is known of both sources, in seconds ago.

    Attributes:
        started: when the dashboard began to listen.
        feed: when the live feed was last heard; None: never.
        service: when the service last answered; None: never.
        reading: when the newest reading of these came in; None: there is none.
        refusals: connections to the service that were refused one after another.
        fresh: whether any asset has sent within the time that is allowed; of those that are read often, where there are any.
        assets: how many are known.
        feed_problem, service_problem: what was said of it last, as a sentence; None: nothing is wrong.
    """

    started: float
    feed: float | None
    service: float | None
    reading: float | None
    refusals: int
    fresh: bool
    assets: int
    feed_problem: str | None
    service_problem: str | None


@dataclass(frozen=True)
class Link:
    """A judgement.

    Attributes:
        state: LIVE only where something was heard within 5 s, the service answers and a machine is sending.
        since: seconds ago that it became so, as far as is known.
        told: what is the matter, as a sentence.
        remedy: what to do; empty where nothing has to be done.
    """

    state: LinkState
    since: float
    told: str
    remedy: str = ""


def judge(heard: Heard, service: str) -> Link:
    """What is to be said of the link.

    Args:
        heard: what is known.
        service: address of the service, for the sentences.
    """
    if _is_down(heard):
        return _down(heard, service)
    if heard.feed is None and heard.started <= SILENT_AFTER_S and heard.feed_problem is None:
        return Link(LinkState.CONNECTING, heard.started, "Waiting for the live feed and the service.")
    if heard.feed is None or heard.feed > SILENT_AFTER_S:
        told = heard.feed_problem or "Nothing is heard on the live feed; the figures below are old."
        remedy = "Check the feed's source (smart-sentry services status) and, where Kafka is used, that a worker runs."
        return Link(LinkState.SILENT, heard.started if heard.feed is None else heard.feed, told, remedy)
    if heard.service is None:
        return Link(LinkState.CONNECTING, heard.started, "Waiting for the service to answer.")
    if heard.assets == 0:
        return Link(
            LinkState.QUIET, heard.started, "Feed and service answer; no machine has sent a reading yet.",
            f"Send readings to {service}/api/v1/data/batch, or try: smart-sentry simulate --to {service}",
        )  # fmt: skip
    if not heard.fresh:
        return Link(
            LinkState.QUIET, heard.reading or 0.0, "Feed and service answer, but no new reading has come.",
            "Check the machines' gateways and network and, where Kafka is used, that a worker runs (smart-sentry stream work);"
            " what is shown is the last that came.",
        )  # fmt: skip
    return Link(LinkState.LIVE, min(heard.feed, heard.reading or 0.0), "Feed and service answer.")


def _is_down(heard: Heard) -> bool:
    if heard.refusals >= REFUSALS:
        return True
    return (heard.started if heard.service is None else heard.service) > DOWN_AFTER_S


def _down(heard: Heard, service: str) -> Link:
    problem = heard.service_problem or f"The service at {service} does not answer."
    also = " The live feed is silent too." if heard.feed is None or heard.feed > SILENT_AFTER_S else ""
    return Link(
        LinkState.DOWN, heard.started if heard.service is None else heard.service,
        f"{problem}{also} Nothing below is live, and nothing can be changed.", "Start the service: smart-sentry monitor",
    )  # fmt: skip
