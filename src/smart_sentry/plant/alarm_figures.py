"""Key figures of the alarm system, from the stored transitions."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from smart_sentry.contracts.monitoring import AlarmFigures
from smart_sentry.health.alarm_kpis import alarm_kpis, transition_table
from smart_sentry.plant.plant import Plant

_TIMES = ("start", "end")


def alarm_figures(plant: Plant, asset_id: str | None, start: float, end: float, operators: int) -> AlarmFigures:
    """The figures of start <= time < end, after ISA-18.2, section 16.

    Args:
        plant: whose alarms.
        asset_id: None: of every asset.
        start, end: seconds since 1970 UTC.
        operators: who share the alarms.

    Raises:
        UnknownAsset: no reading of it has come.
    """
    if asset_id is not None:
        plant.type_of(asset_id)
    with plant.store.view() as batch:
        transitions = batch.alarms.transitions_behind(start, end, asset_id)
    found = alarm_kpis(transition_table(transitions), start, end, operators)
    tables = ("floods", "chattering", "stale", "most_frequent", "priorities")
    mean = found.acknowledge_time.mean_seconds
    return AlarmFigures.model_validate({
        "start": _time(start), "end": _time(end), "operators": operators, "annunciations": found.annunciations,
        "rate": vars(found.rate), **{name: _rows(getattr(found, name)) for name in tables},
        "acknowledge_time": vars(found.acknowledge_time) | {"mean_seconds": None if math.isnan(mean) else mean},
    })  # fmt: skip


def _rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [
        {str(name): _time(value) if name in _TIMES else value for name, value in row.items()}
        for row in table.to_dict("records")
    ]


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
