"""The fleet as one table, and its counts: worst first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dashboard.figures import NOT_JUDGED, attention, risk_mark, status_mark
from dashboard.live_plant import LiveAsset
from dashboard.marks import NEEDS_ACKNOWLEDGEMENT, PHASES, RISKS, mark
from dashboard.pieces import Kpi
from dashboard.times import ago
from smart_sentry.contracts.live import AssetUpdate
from smart_sentry.phases import Phase

Course = NDArray[np.float32]
TREND_POINTS = 30
ANY = "any"


def chosen_assets(assets: Sequence[LiveAsset], search: str, kind: str, risk: str) -> list[LiveAsset]:
    """Assets that fit, the one that needs attention first at the top.

    Args:
        assets: all.
        search: part of a name, a type or a reason, in any case.
        kind, risk: asset type and risk; ANY: each.
    """
    wanted = search.strip().casefold()
    found = [
        one for one in assets
        if kind in (ANY, one.update.asset_type) and risk in (ANY, risk_mark(one).word)
        and (not wanted or any(wanted in text.casefold() for text in _texts(one)))
    ]  # fmt: skip
    return sorted(found, key=lambda one: (*attention(one), one.update.asset_id))


def _texts(asset: LiveAsset) -> tuple[str, ...]:
    return asset.update.asset_id, asset.update.asset_type, asset.update.reason


def fleet_counts(assets: Sequence[LiveAsset]) -> list[Kpi]:
    """How many assets there are, by risk, anomalous, silent and with alarms."""
    risks = Counter(risk_mark(one).word for one in assets)
    alarms = [alarm for one in assets for alarm in one.alarms]
    waiting = sum(alarm.to_state in NEEDS_ACKNOWLEDGEMENT for alarm in alarms)
    stale = sum(one.stale for one in assets)
    anomalous = sum(one.update.flag and not one.stale for one in assets)
    by_risk = [
        Kpi(f"risk-{name.lower()}", f"{RISKS[name].text} risk", str(risks.get(name, 0))) for name in reversed(RISKS)
    ]
    return [
        Kpi("assets", "Assets", str(len(assets)), f"{stale} without new readings" if stale else "all are heard"),
        Kpi("anomalous", "▲ Anomalous now", str(anomalous)),
        Kpi("open-alarms", "Open alarms", str(len(alarms)), f"{waiting} not acknowledged" if waiting else "none waits"),
        *by_risk,
        Kpi("not-judged", NOT_JUDGED.text.capitalize(), str(risks.get(NOT_JUDGED.word, 0)), "never calibrated"),
    ]


def fleet_table(assets: Sequence[LiveAsset], health: Callable[[str], Course | None]) -> pd.DataFrame:
    """A row an asset, in the order that is given.

    Args:
        assets: to show.
        health: of an asset over the last quarter of an hour (rows,), 0..100; None where it is not known.
    """
    rows = []
    for one in assets:
        update = one.update
        rows.append({
            "Asset": update.asset_id, "Risk": [risk_mark(one).text], "Health": update.health if one.judged else None,
            "Status": [status_mark(one).text], "Score": update.score,
            "Trend": trend(health(update.asset_id) if one.judged else None),
            "Alarms": _alarms(one), "Newest": ago(one.age), "Phase": _phase(update),
            "Why": update.reason, "Type": update.asset_type,
        })  # fmt: skip
    return pd.DataFrame(rows, columns=list(COLUMNS))


COLUMNS = ("Asset", "Risk", "Health", "Status", "Score", "Trend", "Alarms", "Newest", "Phase", "Why", "Type")


def trend(health: Course | None) -> list[float]:
    """A course (rows,) in few points: the least of each part, so that no dip is lost."""
    if health is None or not len(health):
        return []
    if len(health) <= TREND_POINTS:
        return [float(value) for value in health]
    starts = np.arange(TREND_POINTS) * len(health) // TREND_POINTS
    return [float(least) for least in np.minimum.reduceat(health, starts)]


def _phase(update: AssetUpdate) -> str:
    """Of a machine that a failure model judges: its operating regime."""
    if update.regime is not None:
        return f"regime {update.regime}"
    return "–" if update.phase == Phase.UNKNOWN.value else mark(PHASES, update.phase).text


def _alarms(asset: LiveAsset) -> str:
    waiting = sum(alarm.to_state in NEEDS_ACKNOWLEDGEMENT for alarm in asset.alarms)
    if not asset.alarms:
        return "–"
    return f"▲ {len(asset.alarms)} ({waiting} new)" if waiting else f"◆ {len(asset.alarms)}"
