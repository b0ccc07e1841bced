"""Pieces of HTML. Whatever comes from data is escaped here, and nowhere is it put into a page in another way."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dashboard.link import Link
from dashboard.marks import GREY, LINE, LINKS, VERMILLION, Mark
from dashboard.rings import runs
from dashboard.times import Zone, span

_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d \S+)")
_RING_R = 26.0
_RING_AROUND = 2.0 * np.pi * _RING_R


def escaped(text: str) -> str:
    """Text as HTML."""
    return escape(text)


def chip(its: Mark) -> str:
    """A mark as a coloured label."""
    return (
        f'<span class="ss-chip" style="background:{its.colour};color:{its.ink}">'
        f'<span aria-hidden="true">{escape(its.icon)}</span> {escape(its.word)}</span>'
    )


def banner(link: Link, now: float, zone: Zone) -> str:
    """How the dashboard stands to the plant. Its text has the time, so that the page puts it in anew every second.

    A page that is not refreshed any more tells so by itself: the second line appears where the first was not renewed for 6 s.
    """
    its = LINKS[link.state]
    since = f"since {zone.clock(now - link.since)} ({span(link.since)})" if link.state != "LIVE" else ""
    told = " ".join(filter(None, (link.told, link.remedy)))
    return (
        f'<div class="ss-banner ss-link-{link.state.lower()}" role="status" data-state="{link.state}">'
        f'<span class="ss-fresh">{chip(its)} <span class="ss-told">{escape(since)} {escape(told)}</span></span>'
        f'<span class="ss-frozen" role="alert">{chip(_FROZEN)} this page has not been refreshed since'
        f" {escape(zone.clock(now))}: the dashboard is busy or gone. Reload the page.</span>"
        f'<span class="ss-clock">{escape(zone.clock(now))}</span></div>'
    )


_FROZEN = Mark("■", "NOT UPDATING", "#b84f00", "#ffffff")


@dataclass(frozen=True)
class Kpi:
    """A figure with its name.

    Attributes:
        key: for style sheets and tests: class ss-kpi-<key>.
        label, value, note: text.
        mark: shown instead of the value; None: the value is.
        raw: HTML shown before the value; nothing that comes from data.
    """

    key: str
    label: str
    value: str
    note: str = ""
    mark: Mark | None = None
    raw: str = ""


def kpi_row(kpis: Sequence[Kpi]) -> str:
    """Figures side by side, as many in a row as fit."""
    return f'<div class="ss-kpis">{"".join(_kpi(one) for one in kpis)}</div>'


def _kpi(its: Kpi) -> str:
    value = chip(its.mark) if its.mark else f'<span class="ss-value">{escape(its.value)}</span>'
    note = f'<div class="ss-note">{escape(its.note)}</div>' if its.note else ""
    return (
        f'<div class="ss-kpi ss-kpi-{its.key}"><div class="ss-label">{escape(its.label)}</div>'
        f'<div class="ss-figure">{its.raw}{value}</div>{note}</div>'
    )


def health_ring(health: float, colour: str) -> str:
    """Health 0..100 as a ring with its figure."""
    share = min(max(health, 0.0), 100.0) / 100.0
    drawn = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64"><g fill="none" stroke-width="8">'
        f'<circle cx="32" cy="32" r="{_RING_R:g}" stroke="{GREY}" stroke-opacity="0.3"/>'
        f'<circle cx="32" cy="32" r="{_RING_R:g}" stroke="{colour}" transform="rotate(-90 32 32)"'
        f' stroke-dasharray="{share * _RING_AROUND:.2f} {_RING_AROUND:.2f}"/></g></svg>'
    )
    return f'<span class="ss-ring">{_image(drawn, f"health {health:.0f} of 100")}<b>{health:.0f}</b></span>'


def _image(drawn: str, told: str, look: str = "") -> str:
    """An SVG within the page: browsers show it as a picture, and nothing in it can run."""
    data = b64encode(drawn.encode()).decode()
    return f'<img class="{look}" alt="{escape(told)}" src="data:image/svg+xml;base64,{data}">'


def _stroke(x: NDArray[np.float64], y: NDArray[np.float64], colour: str) -> str:
    points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))
    return f'<polyline points="{points}" stroke="{colour}"/>'


def _stretches(marked: NDArray[np.bool_]) -> list[slice]:
    """Marked points that follow each other, with the one before them: a single one is seen too."""
    return [slice(max(first - 1, 0), last + 1) for first, last in runs(marked)]


def sparkline(values: ArrayLike, flagged: ArrayLike, colour: str = LINE, width: int = 160, height: int = 32) -> str:
    """The course of a value, in another colour where the machine was anomalous. Empty where there are fewer than two numbers.

    Args:
        values: (points,), NaN where there is none.
        flagged: (points,) whether the machine was anomalous.
        colour: of the line.
        width, height: of the drawing; it is stretched to the card's width.
    """
    numbers, marked = np.asarray(values, dtype=np.float64), np.asarray(flagged, dtype=np.bool_)
    good = np.isfinite(numbers)
    if good.sum() < 2:
        return ""
    low, high = float(numbers[good].min()), float(numbers[good].max())
    x = 2.0 + np.arange(len(numbers)) * (width - 4.0) / max(len(numbers) - 1, 1)
    y = height - 3.0 - (numbers - low) * (height - 6.0) / ((high - low) or 1.0)
    drawn = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" preserveAspectRatio="none">'
        f'<g fill="none" stroke-width="1.4" stroke-linejoin="round" stroke-linecap="round">{_stroke(x[good], y[good], colour)}'
        f"{''.join(_stroke(x[part], y[part], VERMILLION) for part in _stretches(good & marked))}</g></svg>"
    )
    return _image(drawn, "course of the last readings", "ss-spark")


@dataclass(frozen=True)
class SignalCard:
    """A signal as it stands.

    Attributes:
        name, title: of the signal: as in the data, and for people.
        value, unit: text; the value is a dash where there is no number.
        target: what is normal, as text.
        deviation: how far it is off, as text.
        state: normal, near, off, or none where nothing is known of it.
        place: of the value between four deviations below (0) and above (1) normal; None where that is not known.
        spark: its course as HTML of `sparkline`.
    """

    name: str
    title: str
    value: str
    unit: str
    target: str
    deviation: str
    state: str
    place: float | None
    spark: str


_STATES = {"normal": "●", "near": "◆", "off": "▲", "none": "–"}


def signal_cards(cards: Sequence[SignalCard]) -> str:
    """A card for each signal."""
    return f'<div class="ss-cards">{"".join(_card(one) for one in cards)}</div>'


def _card(its: SignalCard) -> str:
    bar = ""
    if its.place is not None:
        left = 100.0 * min(max(its.place, 0.0), 1.0)
        bar = f'<div class="ss-bar"><div class="ss-range"></div><div class="ss-needle" style="left:{left:.1f}%"></div></div>'
    return (
        f'<div class="ss-card ss-{its.state}" data-signal="{escape(its.name)}"><div class="ss-label">{escape(its.title)}</div>'
        f'<div class="ss-figure"><span class="ss-value">{escape(its.value)}</span>'
        f' <span class="ss-unit">{escape(its.unit)}</span></div>{bar}'
        f'<div class="ss-note ss-target">{escape(its.target)}</div>'
        f'<div class="ss-note ss-deviation"><span aria-hidden="true">{_STATES[its.state]}</span> {escape(its.deviation)}</div>'
        f"{its.spark}</div>"
    )


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], key: str) -> str:
    """A table of text and chips.

    Args:
        heads: of the columns.
        rows: cells; of `chip_cell`, or text, which is escaped.
        key: for style sheets and tests: class ss-table-<key>.
    """
    head = "".join(f"<th>{escape(name)}</th>" for name in heads)
    body = "".join(f"<tr>{''.join(f'<td>{_cell(cell)}</td>' for cell in row)}</tr>" for row in rows)
    whole = f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody>"
    return f'<div class="ss-scroll"><table class="ss-table ss-table-{key}">{whole}</table></div>'


class Html(str):
    """Text that is HTML already: made by this module alone."""


def _cell(cell: str) -> str:
    if isinstance(cell, Html):
        return str(cell)
    if moment := _MOMENT.fullmatch(cell):  # in a narrow column it breaks between date and time at most
        return "".join(f'<span class="ss-whole">{escape(part)}</span> ' for part in moment.groups()).rstrip()
    return escape(cell)


def chip_cell(its: Mark) -> Html:
    """A mark for a cell of `table`."""
    return Html(chip(its))
