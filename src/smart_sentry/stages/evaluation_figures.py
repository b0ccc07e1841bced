"""The plots of an evaluation, as people see them in MLflow."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from smart_sentry.prognosis.evaluation_report import EvaluationReport
from smart_sentry.prognosis.event_metrics import asset_outcomes
from smart_sentry.prognosis.row_metrics import calibration_curve, confusion, precision_recall_curve
from smart_sentry.prognosis.rul_metrics import last_rows
from smart_sentry.prognosis.scored_fleet import ScoredFleet
from smart_sentry.stages.judging import alarm_policy
from smart_sentry.stages.stage import StageContext

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SHOWN_ASSETS = 5


def evaluation_figures(
    context: StageContext, scored: ScoredFleet, report: EvaluationReport, threshold: float
) -> dict[str, Figure]:
    """Name -> figure: precision and recall, confusion, calibration, lead time, trajectories, remaining life."""
    from smart_sentry.tracking import plots

    policy = alarm_policy(context)
    positive = scored.positive(policy.horizon_cycles)
    area = report.row.average_precision.value or 0.0
    figures = {
        "confusion": plots.confusion_figure(
            confusion(scored.probability >= threshold, positive), policy.horizon_cycles
        ),
        "calibration": plots.calibration_figure(
            calibration_curve(scored.probability, positive), report.row.expected_calibration_error
        ),
        "lead_time": plots.lead_time_figure(asset_outcomes(scored, threshold, policy), policy),
        "trajectories": plots.trajectories_figure(_nearest_to_failure(scored), threshold, policy.horizon_cycles),
    }
    if positive.any():
        figures["precision_recall"] = plots.precision_recall_figure(
            precision_recall_curve(scored.probability, positive), threshold, area
        )
    if scored.rul is not None and report.rul is not None:
        last = last_rows(scored.asset)
        figures["remaining_life"] = plots.remaining_life_figure(
            scored.rul_cycles[last], scored.rul.predicted[last], scored.rul.lower[last], scored.rul.upper[last],
            report.rul.cap_cycles,
        )  # fmt: skip
    return figures


def _nearest_to_failure(scored: ScoredFleet) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    last = last_rows(scored.asset)
    nearest = scored.asset[last][np.argsort(scored.rul_cycles[last], kind="stable")][:_SHOWN_ASSETS]
    return {
        f"asset {asset}": (scored.rul_cycles[scored.asset == asset], scored.probability[scored.asset == asset])
        for asset in nearest
    }
