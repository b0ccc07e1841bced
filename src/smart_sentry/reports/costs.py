"""What a repair and a failure cost: arithmetic on the settings, and nothing where these are not set."""

from __future__ import annotations

from dataclasses import replace

from smart_sentry.config import Settings
from smart_sentry.contracts.monitoring import Prediction
from smart_sentry.reports.content import Costs

NEEDED = (
    "cost_currency", "cost_downtime_hour", "cost_planned_repair", "cost_unplanned_repair", "downtime_planned_hours",
    "downtime_unplanned_hours",
)  # fmt: skip


def costs_of(
    settings: Settings, prediction: Prediction | None, horizon_cycles: int
) -> tuple[Costs | None, tuple[str, ...]]:
    """The costs, or None and the variables that are not set.

    Args:
        settings: the costs' settings.
        prediction: of a failure model, where one judges the asset.
        horizon_cycles: of its probability.
    """
    missing = tuple(f"SMART_SENTRY_{name.upper()}" for name in NEEDED if getattr(settings, name) is None)
    if missing:
        return None, missing
    currency, hour, planned, unplanned, planned_hours, unplanned_hours = (getattr(settings, name) for name in NEEDED)
    costs = Costs(currency, hour, planned, unplanned, planned_hours, unplanned_hours)
    if prediction is None:
        return costs, ()
    return replace(costs, failure_probability=prediction.failure_probability, horizon_cycles=horizon_cycles), ()
