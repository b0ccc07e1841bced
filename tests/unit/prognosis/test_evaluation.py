import json

import numpy as np
import pytest

from smart_sentry.prognosis.bootstrap import BootstrapPolicy
from smart_sentry.prognosis.evaluation import evaluate
from smart_sentry.prognosis.evaluation_report import EvaluationReport
from smart_sentry.prognosis.event_metrics import AlarmPolicy
from smart_sentry.prognosis.scored_fleet import ScoredFleet

LIVES = {1: (60, 0), 2: (140, 25), 3: (45, 5)}
"""First and last observed remaining life of three engines; engine 2 is cut off before an alert was due."""


def fleet(with_rul: bool = True) -> ScoredFleet:
    """The threshold 0.5 is reached at RUL <= 32, so that every engine is alerted and six rows are false positives."""
    rows = [
        (asset, first - rul + 1, rul) for asset, (first, last) in LIVES.items() for rul in range(first, last - 1, -1)
    ]
    asset, cycle, rul = np.array(rows).T
    probability = np.where(rul <= 32, 0.9, 0.1)
    predicted = np.minimum(rul, 125) + 4.0
    intervals = (predicted, predicted - 10, np.where(asset == 3, predicted - 5, predicted + 10))
    return ScoredFleet.of(asset, cycle, rul, probability, rul=intervals if with_rul else None)


def report(seed: int = 0, with_rul: bool = True) -> EvaluationReport:
    bootstrap = BootstrapPolicy(replicates=200, seed=seed)
    return evaluate(fleet(with_rul), 0.5, dataset="motor", split="test", policy=AlarmPolicy(), bootstrap=bootstrap)


def test_report_counts_rows_assets_and_outcomes() -> None:
    figures = report()
    assert (figures.rows, figures.assets) == (61 + 116 + 41, 3)
    assert figures.row.confusion.true_positives == 31 + 6 + 26
    assert figures.row.confusion.false_positives == 6
    assert figures.row.confusion.false_negatives == 0
    assert figures.row.prevalence == pytest.approx(63 / 218)
    assert figures.row.f1.value == pytest.approx(126 / 132)
    assert figures.row.average_precision.value == pytest.approx(63 / 69)
    assert figures.row.brier_score.value == pytest.approx((212 * 0.01 + 6 * 0.81) / 218)


def test_report_of_events_counts_the_due_engines_only() -> None:
    """The alarm stands from RUL 31 on, in the early zone: no false episode, three strict ones."""
    event = report().event
    assert (event.assets_due, event.assets_alerted) == (2, 2)
    assert event.assets_alerted_share.value == 1
    assert event.assets_alerted_share.low == pytest.approx(0.025 ** (1 / 2))
    assert event.lead_time_median_cycles.value == 31
    assert event.detection_delay_median_cycles.value == 0
    assert event.healthy_cycles == 10 + 90
    assert event.false_alarm_episodes == 0
    assert event.false_alarms_per_1000_healthy_cycles.high == pytest.approx(3.68888 / 0.1, abs=1e-3)
    assert event.strict_false_alarm_episodes == 3
    assert event.strict_healthy_cycles == 30 + 110 + 15


def test_report_of_remaining_life_scores_last_rows_and_covers_all_rows() -> None:
    """Every prediction is 4 too late at a last row; engine 3's interval ends one cycle below the truth."""
    rul = report().rul
    assert rul is not None
    assert rul.rmse_capped_cycles.value == pytest.approx(4)
    assert rul.rmse_uncapped_cycles.value == pytest.approx(4)
    assert rul.nasa_score_capped.value == pytest.approx(3 * np.expm1(0.4))
    assert rul.interval_coverage.value == pytest.approx((61 + 116) / 218)
    assert rul.interval_coverage_near_failure.value == pytest.approx((51 + 26) / (51 + 26 + 41))
    assert rul.interval_mean_width_cycles == pytest.approx((20 * 177 + 5 * 41) / 218)


def test_report_with_long_lives_caps_the_truth_where_it_says_so() -> None:
    """One engine that ends at RUL 200, predicted 120: 5 cycles from the capped truth, 80 from the real one."""
    one = ScoredFleet.of([1], [1], [200], [0.1], rul=([120], [110], [130]))
    rul = evaluate(one, 0.5, dataset="motor", split="test", policy=AlarmPolicy()).rul
    assert rul is not None
    assert rul.rmse_capped_cycles.value == pytest.approx(5)
    assert rul.rmse_uncapped_cycles.value == pytest.approx(80)
    assert rul.interval_coverage.value == 1
    assert rul.interval_coverage_near_failure.value is None
    assert rul.interval_mean_width_near_failure_cycles is None


def test_report_as_json_is_the_same_text_for_the_same_seed_and_reads_back() -> None:
    text = report().to_json()
    assert text == report().to_json()
    assert text != report(seed=1).to_json()
    assert EvaluationReport.model_validate_json(text).to_json() == text
    assert json.loads(text)["row"]["f1"]["value"] == round(126 / 132, 6)


def test_report_flat_names_every_figure_with_its_interval() -> None:
    flat = report(with_rul=False).flat()
    assert flat["row.f1"] == pytest.approx(126 / 132)
    assert flat["row.f1.low"] <= flat["row.f1"] <= flat["row.f1.high"]
    assert flat["row.confusion.true_positives"] == 63
    assert flat["event.assets_due"] == 2
    assert flat["threshold"] == 0.5
    assert not any(key.startswith("rul") for key in flat)


def test_report_flat_leaves_figures_without_value_out() -> None:
    """A fleet that never fails has no recall; its false alarms still count."""
    healthy = ScoredFleet.of([1] * 5, range(1, 6), range(105, 100, -1), [0.1, 0.9, 0.9, 0.1, 0.1])
    figures = evaluate(healthy, 0.5, dataset="motor", split="test", policy=AlarmPolicy())
    assert figures.row.recall.value is None
    assert '"recall": {\n      "value": null' in figures.to_json()
    assert "row.recall" not in figures.flat()
    assert figures.flat()["event.false_alarms_per_1000_healthy_cycles"] == pytest.approx(1000 / 5)


def test_report_with_row_weights_weighs_the_rows_but_not_the_events() -> None:
    plain = fleet(with_rul=False)
    weight = np.where(plain.asset == 1, 2.0, 0.0)
    heavy = ScoredFleet.of(plain.asset, plain.cycle, plain.rul_cycles, plain.probability, weight=weight)
    figures = evaluate(heavy, 0.5, dataset="motor", split="cross-validation", policy=AlarmPolicy())
    assert figures.row.confusion.true_positives == 2 * 31
    assert figures.row.f1.value == pytest.approx(62 / 64)
    assert figures.event.assets_due == 2
