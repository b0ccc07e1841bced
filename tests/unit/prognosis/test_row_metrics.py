import math

import numpy as np
import pytest

from smart_sentry.errors import InsufficientData
from smart_sentry.prognosis.row_metrics import (
    average_precision,
    best_threshold,
    brier_score,
    calibration_curve,
    confusion,
    expected_calibration_error,
    monitoring_weight,
    precision_recall_curve,
)

SCORES = np.array([0.9, 0.8, 0.7, 0.4, 0.2])
POSITIVE = np.array([True, False, True, False, False])


def test_monitoring_weight_of_every_row_is_the_share_of_inspection_times_that_see_it() -> None:
    """A fleet watched at every possible time: the weight times the life is how often a row was on record."""
    life = 7
    seen = np.zeros(life)
    for inspection in range(1, life + 1):
        seen[:inspection] += 1
    rul = life - np.arange(1, life + 1)
    np.testing.assert_allclose(monitoring_weight(rul, np.full(life, life)), seen / life)


def test_confusion_at_half_counts_each_outcome_in_its_own_cell() -> None:
    counts = confusion(SCORES >= 0.5, POSITIVE)
    assert (counts.true_positives, counts.false_positives) == (2, 1)
    assert (counts.false_negatives, counts.true_negatives) == (0, 2)
    assert counts.precision == pytest.approx(2 / 3)
    assert counts.recall == 1
    assert counts.f1 == pytest.approx(0.8)


def test_confusion_with_weights_counts_the_weights() -> None:
    counts = confusion(SCORES >= 0.75, POSITIVE, np.array([1.0, 0.5, 2.0, 4.0, 8.0]))
    assert (counts.true_positives, counts.false_positives) == (1, 0.5)
    assert (counts.false_negatives, counts.true_negatives) == (2, 12)
    assert counts.f1 == pytest.approx(2 / 4.5)


def test_confusion_without_alarm_has_no_precision_and_an_f1_of_zero() -> None:
    counts = confusion(np.zeros(5, dtype=bool), POSITIVE)
    assert math.isnan(counts.precision)
    assert counts.recall == 0
    assert counts.f1 == 0


def test_confusion_without_failing_row_has_no_recall_and_no_f1() -> None:
    counts = confusion(SCORES >= 0.5, np.zeros(5, dtype=bool))
    assert math.isnan(counts.recall)
    assert math.isnan(counts.f1)
    assert counts.precision == 0


def test_average_precision_of_two_hits_at_first_and_third_place_is_five_sixths() -> None:
    assert average_precision(SCORES, POSITIVE) == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)


def test_average_precision_with_equal_scores_takes_them_in_one_step() -> None:
    assert average_precision(np.array([0.5, 0.5, 0.5, 0.5]), np.array([True, False, False, False])) == 0.25


def test_average_precision_with_ties_and_weights_agrees_with_scikit_learn() -> None:
    from sklearn.metrics import average_precision_score

    generator = np.random.default_rng(7)
    scores = generator.integers(0, 40, size=500) / 40
    positive = generator.random(500) < 0.1 + 0.5 * scores
    weight = generator.random(500)
    expected = average_precision_score(positive, scores, sample_weight=weight)
    assert average_precision(scores, positive, weight) == pytest.approx(expected, abs=1e-12)


def test_average_precision_without_failing_row_has_no_value() -> None:
    assert math.isnan(average_precision(SCORES, np.zeros(5, dtype=bool)))


def test_precision_recall_curve_has_one_point_a_distinct_score() -> None:
    curve = precision_recall_curve(np.array([0.9, 0.7, 0.7, 0.1]), np.array([True, True, False, False]))
    assert curve.threshold.tolist() == [0.9, 0.7, 0.1]
    assert curve.precision.tolist() == pytest.approx([1, 2 / 3, 1 / 2])
    assert curve.recall.tolist() == [0.5, 1, 1]


def test_best_threshold_stands_midway_below_the_score_with_the_best_f1() -> None:
    """F1 from the top: 2/3, 1/2, 4/5, 2/3, 4/7, so the line lies between 0.7 and 0.4."""
    assert best_threshold(SCORES, POSITIVE) == pytest.approx(0.55)


def test_best_threshold_with_a_light_positive_leaves_it_below_the_line() -> None:
    """With 0.1 on the third row, the first alone has F1 = 2/2.1 = 0.95, the first three 2.2/3.2 = 0.69."""
    assert best_threshold(SCORES, POSITIVE, np.array([1, 1, 0.1, 1, 1])) == pytest.approx(0.85)


def test_best_threshold_between_equal_f1_takes_the_one_with_fewer_alarms() -> None:
    """One hit in one alarm and two hits in four alarms both have F1 = 2/3."""
    scores, positive = np.array([0.9, 0.8, 0.7, 0.6]), np.array([True, False, False, True])
    assert best_threshold(scores, positive) == pytest.approx(0.85)


def test_best_threshold_with_the_best_line_below_every_score_is_half_the_lowest() -> None:
    assert best_threshold(np.array([0.9, 0.4]), np.array([True, True])) == pytest.approx(0.2)


def test_best_threshold_between_neighbouring_floats_separates_them() -> None:
    low = 0.5
    high = float(np.nextafter(low, 1))
    threshold = best_threshold(np.array([high, low]), np.array([True, False]))
    assert low < threshold <= high


def test_best_threshold_without_failing_row_says_what_is_missing() -> None:
    with pytest.raises(InsufficientData, match="rows within the failure horizon: have 0"):
        best_threshold(SCORES, np.zeros(5, dtype=bool))


def test_brier_score_is_the_mean_squared_distance() -> None:
    assert brier_score(np.array([0.8, 0.4]), np.array([True, False])) == pytest.approx((0.04 + 0.16) / 2)
    assert brier_score(np.array([0.8, 0.4]), np.array([True, False]), np.array([3, 1.0])) == pytest.approx(0.07)


def test_calibration_curve_leaves_empty_bins_out_and_keeps_certainty_in_the_last() -> None:
    curve = calibration_curve(np.array([0.05, 0.05, 0.95, 1.0]), np.array([False, False, True, False]))
    assert curve.mean_probability.tolist() == pytest.approx([0.05, 0.975])
    assert curve.observed_rate.tolist() == [0, 0.5]
    assert curve.weight.tolist() == [2, 2]


def test_expected_calibration_error_is_the_weighted_mean_gap_of_the_bins() -> None:
    scores, positive = np.array([0.05, 0.05, 0.95, 0.95]), np.array([False, False, True, False])
    assert expected_calibration_error(scores, positive) == pytest.approx((0.05 + 0.45) / 2)
    weighted = expected_calibration_error(scores, positive, np.array([3, 3, 1, 1.0]))
    assert weighted == pytest.approx(0.75 * 0.05 + 0.25 * 0.45)
