"""All figures of one scored fleet in one report: row level, event level and remaining life, with intervals by engine.

Pure: arrays in, report out. `EvaluationReport.to_json` is what `dvc metrics` and the model card read;
docs/evaluation.md defines every figure.
"""

from __future__ import annotations

import numpy as np

from smart_sentry.prognosis.bootstrap import (
    BootstrapPolicy,
    Estimate,
    Metric,
    bootstrap_by_asset,
    widen_share,
    widen_zero_rate,
)
from smart_sentry.prognosis.evaluation_report import (
    ConfusionCounts,
    EvaluationReport,
    EventFigures,
    RowFigures,
    RulFigures,
)
from smart_sentry.prognosis.event_metrics import AlarmPolicy, AssetOutcomes, asset_outcomes
from smart_sentry.prognosis.row_metrics import (
    Confusion,
    average_precision_of,
    brier_score,
    confusion,
    expected_calibration_error,
    weighted_mean,
)
from smart_sentry.prognosis.rul_metrics import interval_coverage, last_rows, nasa_score, root_mean_square_error
from smart_sentry.prognosis.scored_fleet import BoolArray, FloatArray, IntArray, RulPredictions, ScoredFleet

NEAR_FAILURE_CYCLES = 50
"""Remaining life up to which the intervals are also judged apart: there they decide about maintenance."""


def evaluate(
    fleet: ScoredFleet,
    threshold: float,
    *,
    dataset: str,
    split: str,
    policy: AlarmPolicy,
    rul_cap_cycles: int = 125,
    bootstrap: BootstrapPolicy | None = None,
) -> EvaluationReport:
    """Scores a fleet.

    Args:
        fleet: predictions and truth. Its row weights count in the row-level figures and the interval coverage only: an
            asset is an asset, and a healthy cycle is a healthy cycle.
        threshold: probability from which on a row speaks for an alarm; chosen on out-of-fold predictions, never here.
        dataset, split: names for the report, e.g. "FD001" and "test" or "cross-validation".
        policy: persistence, horizon and zones.
        rul_cap_cycles: remaining life above this counts as this for the capped figures, in cycles.
        bootstrap: replicates, seed and confidence of the intervals; the policy's defaults if None.
    """
    resampling = bootstrap or BootstrapPolicy()
    estimate = _Estimator(fleet.asset, resampling)
    outcomes = asset_outcomes(fleet, threshold, policy)
    return EvaluationReport(
        dataset=dataset,
        split=split,
        rows=len(fleet),
        assets=len(outcomes.asset),
        threshold=threshold,
        alarm_policy=policy,
        row=_row_figures(fleet, threshold, policy, estimate),
        event=_event_figures(outcomes, _Estimator(outcomes.asset, resampling)),
        rul=None if fleet.rul is None else _rul_figures(fleet, fleet.rul, rul_cap_cycles, estimate),
    )


class _Estimator:
    """A figure with its interval, for one set of rows or assets."""

    def __init__(self, assets: IntArray, policy: BootstrapPolicy) -> None:
        self.assets, self.policy = assets, policy

    def __call__(self, metric: Metric) -> Estimate:
        policy = self.policy
        return bootstrap_by_asset(metric, self.assets, policy.replicates, policy.seed, policy.confidence)


def _row_figures(fleet: ScoredFleet, threshold: float, policy: AlarmPolicy, estimate: _Estimator) -> RowFigures:
    positive, probability, weight = fleet.positive(policy.horizon_cycles), fleet.probability, fleet.weight
    alarm = probability >= threshold
    precision_area = average_precision_of(probability, positive)

    def counted(count: FloatArray) -> Confusion:
        return confusion(alarm, positive, weight * count)

    whole = counted(np.ones(len(fleet)))
    return RowFigures(
        prevalence=float(np.average(positive, weights=weight)),
        f1=estimate(lambda count: counted(count).f1),
        average_precision=estimate(lambda count: precision_area(weight * count)),
        precision=estimate(lambda count: counted(count).precision),
        recall=estimate(lambda count: counted(count).recall),
        brier_score=estimate(lambda count: brier_score(probability, positive, weight * count)),
        expected_calibration_error=expected_calibration_error(probability, positive, weight),
        confusion=ConfusionCounts(
            true_positives=whole.true_positives,
            false_positives=whole.false_positives,
            false_negatives=whole.false_negatives,
            true_negatives=whole.true_negatives,
        ),
    )


def _event_figures(outcomes: AssetOutcomes, estimate: _Estimator) -> EventFigures:
    due, healthy, strict_healthy = (
        int(counted.sum()) for counted in (outcomes.due, outcomes.healthy_cycles, outcomes.strict_healthy_cycles)
    )
    confidence = estimate.policy.confidence
    false_rate, strict_rate = estimate(outcomes.false_alarms_per_1000), estimate(outcomes.strict_false_alarms_per_1000)
    return EventFigures(
        assets_due=due,
        assets_alerted=int(outcomes.alerted.sum()),
        assets_alerted_share=widen_share(estimate(outcomes.alerted_share), due, confidence),
        lead_time_median_cycles=estimate(lambda count: outcomes.lead_time(count, 0.5)),
        lead_time_p10_cycles=estimate(lambda count: outcomes.lead_time(count, 0.1)),
        detection_delay_median_cycles=estimate(lambda count: outcomes.detection_delay(count, 0.5)),
        detection_delay_p90_cycles=estimate(lambda count: outcomes.detection_delay(count, 0.9)),
        healthy_cycles=healthy,
        false_alarm_episodes=int(outcomes.false_episodes.sum()),
        false_alarms_per_1000_healthy_cycles=widen_zero_rate(false_rate, healthy / 1000, confidence),
        strict_healthy_cycles=strict_healthy,
        strict_false_alarm_episodes=int(outcomes.strict_false_episodes.sum()),
        strict_false_alarms_per_1000_healthy_cycles=widen_zero_rate(strict_rate, strict_healthy / 1000, confidence),
    )


def _rul_figures(fleet: ScoredFleet, rul: RulPredictions, cap_cycles: int, estimate: _Estimator) -> RulFigures:
    last = last_rows(fleet.asset)
    at_last = _Estimator(fleet.asset[last], estimate.policy)
    truth, capped = fleet.rul_cycles[last], np.minimum(fleet.rul_cycles[last], cap_cycles)
    predicted = rul.predicted[last]
    all_capped = np.minimum(fleet.rul_cycles, cap_cycles)
    near = fleet.rul_cycles <= NEAR_FAILURE_CYCLES
    width = rul.upper - rul.lower

    def covered(rows: BoolArray) -> Metric:
        weight = fleet.weight * rows
        return lambda count: interval_coverage(all_capped, rul.lower, rul.upper, weight * count)

    return RulFigures(
        cap_cycles=cap_cycles,
        rmse_capped_cycles=at_last(lambda count: root_mean_square_error(predicted, capped, count)),
        rmse_uncapped_cycles=at_last(lambda count: root_mean_square_error(predicted, truth, count)),
        nasa_score_capped=at_last(lambda count: nasa_score(predicted, capped, count)),
        nasa_score_uncapped=at_last(lambda count: nasa_score(predicted, truth, count)),
        interval_coverage=estimate(covered(np.ones_like(near))),
        interval_coverage_near_failure=estimate(covered(near)),
        interval_mean_width_cycles=weighted_mean(width, fleet.weight),
        interval_mean_width_near_failure_cycles=weighted_mean(width, fleet.weight * near) if near.any() else None,
    )
