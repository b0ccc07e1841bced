"""Charts as Vega-Lite: one table a chart, and a specification that stays as it is: no chart is drawn anew each second."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dashboard.marks import GREEN, PHASES, VERMILLION
from dashboard.rings import History, runs
from dashboard.times import Zone
from smart_sentry.phases import PHASES as PHASE_CODES
from smart_sentry.phases import Phase

BoolArray = NDArray[np.bool_]
_COLUMNS = ("kind", "t", "t2", "y", "y2", "label")
BANDS = (Phase.OFF.value, Phase.STARTUP.value, Phase.SHUTDOWN.value)
"""Phases that are shown behind a signal; where nothing is, the machine runs steadily."""
_GAP = 5.0
"""A line breaks where readings are this many times farther apart than usual."""
_SCORE_TICKS = [0, 0.5, 1, 2, 5, 10, 20, 50, 100, 500, 1000, 10_000, 100_000]


class Range(NamedTuple):
    """What is normal of a signal, in its unit."""

    low: float
    high: float


def signal_table(history: History, column: int, normal: Range | None, zone: Zone) -> pd.DataFrame:
    """Rows of the chart of one signal: readings, phase bands, anomaly spans and the baseline's range.

    Args:
        history: of the asset.
        column: of the signal.
        normal: the baseline's range; None where there is none.
        zone: whose clock the axis shows.
    """
    rows = _line("reading", history, history.values[:, column], zone)
    for code, phase in enumerate(PHASE_CODES):
        if phase.value in BANDS:
            rows += _bands("phase", history, history.phase == code, zone, phase.value)
    rows += _bands("anomaly", history, history.flag, zone, "anomaly")
    if normal is not None and len(history):
        first, last = (zone.shifted_ms(float(history.seconds[place])) for place in (0, -1))
        rows.append(("range", first, last, normal.low, normal.high, "normal range"))
    return _table(rows)


def score_table(history: History, zone: Zone) -> pd.DataFrame:
    """Rows of the chart of the score: its course and the anomaly spans."""
    rows = _line("reading", history, history.score, zone)
    return _table([*rows, *_bands("anomaly", history, history.flag, zone, "anomaly")])


def signal_chart(title: str, zone: Zone, with_phases: bool, height: int = 280) -> dict[str, Any]:
    """The specification of `signal_table`.

    Args:
        title: of the vertical axis: signal and unit.
        zone: named on the time axis.
        with_phases: whether the machine has phases; their legend is shown then.
        height: in pixels.
    """
    layers = [_anomaly_layer(), _range_layer(), _line_layer(title, {"zero": False})]
    if with_phases:
        layers.insert(0, _phase_layer())
    return _chart(layers, zone, height)


def score_chart(zone: Zone, height: int = 280) -> dict[str, Any]:
    """The specification of `score_table`: with the limit, at 1."""
    limit = {
        "data": {"values": [{"y": 1.0}]},
        "mark": {"type": "rule", "color": VERMILLION, "strokeDash": [6, 4], "strokeWidth": 1.5},
        "encoding": {"y": {"field": "y", "type": "quantitative"}},
    }
    line = _line_layer("anomaly score (limit 1)", {"type": "symlog", "constant": 1})
    line["encoding"]["y"]["axis"] = {"values": _SCORE_TICKS, "format": "~r"}
    return _chart([_anomaly_layer(), line, limit], zone, height)


def _chart(layers: list[dict[str, Any]], zone: Zone, height: int) -> dict[str, Any]:
    x = {
        "field": "t", "type": "temporal", "scale": {"type": "utc"},
        "axis": {"format": "%H:%M:%S", "title": f"time ({zone.name})", "labelOverlap": True, "tickCount": 6},
    }  # fmt: skip
    for layer in layers:
        if "data" not in layer:
            layer["encoding"]["x"] = x
    return {
        "height": height, "layer": layers, "config": {"legend": {"orient": "top", "title": None, "columns": 2}},
        "padding": {"left": 4, "right": 12, "top": 4, "bottom": 4},
    }  # fmt: skip


def _of(kind: str) -> list[dict[str, Any]]:
    return [{"filter": f"datum.kind === '{kind}'"}]


def _phase_layer() -> dict[str, Any]:
    colours = {"domain": list(BANDS), "range": [PHASES[name].colour for name in BANDS]}
    return {
        "transform": _of("phase"), "mark": {"type": "rect", "opacity": 0.16, "tooltip": True},
        "encoding": {"x2": {"field": "t2"}, "color": {"field": "label", "type": "nominal", "scale": colours}},
    }  # fmt: skip


def _range_layer() -> dict[str, Any]:
    return {
        "transform": _of("range"), "mark": {"type": "rect", "color": GREEN, "opacity": 0.25},
        "encoding": {"x2": {"field": "t2"}, "y": {"field": "y", "type": "quantitative"}, "y2": {"field": "y2"}},
    }  # fmt: skip


def _anomaly_layer() -> dict[str, Any]:
    return {
        "transform": _of("anomaly"), "mark": {"type": "rect", "color": VERMILLION, "opacity": 0.22},
        "encoding": {"x2": {"field": "t2"}},
    }  # fmt: skip


def _line_layer(title: str, scale: dict[str, Any]) -> dict[str, Any]:
    y = {"field": "y", "type": "quantitative", "scale": scale, "title": title}
    time = {"field": "t", "type": "temporal", "timeUnit": "utcyearmonthdatehoursminutesseconds", "title": "time"}
    return {
        "transform": _of("reading"), "mark": {"type": "line", "strokeWidth": 1.6},
        "encoding": {"y": y, "tooltip": [time, {"field": "y", "type": "quantitative", "title": title, "format": ".5~g"}]},
    }  # fmt: skip


Row = tuple[str, float, float, float, float, str]


def _line(kind: str, history: History, values: NDArray[np.float32], zone: Zone) -> list[Row]:
    rows: list[Row] = []
    times = _times(history, zone)
    steps = np.diff(times)
    usual = float(np.median(steps)) if len(steps) else 0.0
    for place, (time, value) in enumerate(zip(times.tolist(), values.tolist(), strict=True)):
        if place and steps[place - 1] > _GAP * usual:
            rows.append((kind, time - 1.0, np.nan, np.nan, np.nan, ""))
        rows.append((kind, time, np.nan, value, np.nan, ""))
    return rows


def _bands(kind: str, history: History, marked: BoolArray, zone: Zone, label: str) -> list[Row]:
    """Each stretch reaches to the reading after it, or half a reading beyond the last."""
    times = _times(history, zone)
    steps = np.diff(times)
    usual = float(np.median(steps)) if len(steps) else 1000.0
    ends = np.append(times[:-1] + np.minimum(steps, _GAP * usual), times[-1:] + 0.5 * usual)
    return [(kind, times[first], ends[last], np.nan, np.nan, label) for first, last in runs(marked)]


def _times(history: History, zone: Zone) -> NDArray[np.float64]:
    if not len(history):
        return np.empty(0)
    shift = zone.shifted_ms(float(history.seconds[-1])) - 1000.0 * float(history.seconds[-1])
    return 1000.0 * history.seconds + shift


def _table(rows: list[Row]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=list(_COLUMNS)).astype(
        dict.fromkeys(("t", "t2", "y", "y2"), np.float64)
    )  # fmt: skip
