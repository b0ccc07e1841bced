import math

import numpy as np
import pytest

from smart_sentry.prognosis.rul_metrics import interval_coverage, last_rows, nasa_score, root_mean_square_error

PREDICTED, TRUTH = np.array([10.0, 50.0, 100.0]), np.array([13.0, 46.0, 100.0])


def test_last_rows_of_assets_with_one_row_are_themselves() -> None:
    assert last_rows(np.array([1, 2, 2, 3])).tolist() == [True, False, True, True]


def test_root_mean_square_error_of_errors_three_four_zero_is_the_root_of_their_mean_square() -> None:
    assert root_mean_square_error(PREDICTED, TRUTH) == pytest.approx(math.sqrt((9 + 16 + 0) / 3))
    assert root_mean_square_error(PREDICTED, TRUTH, np.array([0, 2.0, 0])) == pytest.approx(4)


def test_nasa_score_charges_late_by_tens_and_early_by_thirteens() -> None:
    """Three cycles too early cost exp(3/13) - 1 = 0.25953, four too late exp(4/10) - 1 = 0.49182, none nothing."""
    assert nasa_score(PREDICTED, TRUTH) == pytest.approx(0.25953 + 0.49182, abs=1e-4)
    assert nasa_score(PREDICTED, TRUTH, np.array([2.0, 1, 5])) == pytest.approx(2 * 0.25953 + 0.49182, abs=1e-4)


def test_interval_coverage_counts_truth_at_the_ends_as_inside() -> None:
    lower, upper = np.array([13.0, 40, 90]), np.array([20.0, 45, 110])
    assert interval_coverage(TRUTH, lower, upper) == pytest.approx(2 / 3)
    assert interval_coverage(TRUTH, lower, upper, np.array([1.0, 3, 0])) == pytest.approx(1 / 4)
    assert math.isnan(interval_coverage(TRUTH, lower, upper, np.zeros(3)))
