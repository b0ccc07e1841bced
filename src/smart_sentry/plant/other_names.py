"""The names under which others know the same figures: signals without their units, models by what they are taught on.

Dashboards and scripts that were written before asset types ask for these. They stand beside the project's own names.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import TypeVar

from smart_sentry.assets import WINDOW_STATISTICS, AssetType, Signal

Figure = TypeVar("Figure")
_MODELS = {"legacy_model": "reading_forest", "batch_model": "window_forest"}


def short_names(kind: AssetType) -> dict[str, str]:
    """Signal -> its name without its unit; the whole name where two signals would be called the same.

    >>> from smart_sentry.assets import Signal
    >>> told = [("flow_m3_h", "m3/h"), ("load_pct", "%"), ("oil_temperature_c", "degC"), ("power_factor", "1")]
    >>> signals = tuple(Signal(name=name, unit=unit, limits=(0, 1)) for name, unit in told)
    >>> list(short_names(AssetType(name="pump", signals=signals)).values())
    ['flow', 'load', 'oil_temperature', 'power_factor']
    """
    short = {signal.name: _without_unit(signal) for signal in kind.signals}
    often = Counter(short.values())
    return {name: other if often[other] == 1 else name for name, other in short.items()}


def with_short_statistics(kind: AssetType, figures: Mapping[str, Figure]) -> dict[str, Figure]:
    """Statistics of windows, e.g. `flow_m3_h_std`, also by the signals' short names: `flow_std`."""
    pairs = [(name, short, kept) for name, short in short_names(kind).items() for kept in WINDOW_STATISTICS]
    known = {f"{short}_{kept}": f"{name}_{kept}" for name, short, kept in pairs}
    others = {other: figures[name] for other, name in known.items() if name in figures}
    return others | dict(figures)


def with_short_means(kind: AssetType, means: Mapping[str, float]) -> dict[str, float]:
    """Means of signals, which go by the signals' names or those of their windows' means, also as `flow_mean`."""
    found = {short: means.get(name, means.get(f"{name}_mean")) for name, short in short_names(kind).items()}
    others = {f"{short}_mean": mean for short, mean in found.items() if mean is not None}
    return others | dict(means)


def with_other_models(loaded: Mapping[str, bool]) -> dict[str, bool]:
    """Which models are there, also by their other names."""
    return {**loaded, **{other: loaded[name] for other, name in _MODELS.items()}}


def _without_unit(signal: Signal) -> str:
    """The name without the unit that it ends with, as units are spelt in names: `pct` for %, `c` for degC, `m3_h` for m3/h."""
    if signal.unit == "1":
        return signal.name
    unit = re.sub(r"\W+", "_", signal.unit.lower().replace("%", "pct"))
    ends = next((end for end in (f"_{unit}", f"_{unit.removeprefix('deg')}") if signal.name.lower().endswith(end)), "")
    return signal.name[: len(signal.name) - len(ends)]
