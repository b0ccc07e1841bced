import numpy as np
import pytest

from smart_sentry.errors import InvalidPredictions
from smart_sentry.prognosis.scored_fleet import ScoredFleet

ROWS = {"asset": [2, 1, 1], "cycle": [1, 2, 1], "rul_cycles": [30, 4, 5], "probability": [0.1, 0.9, 0.8]}


def test_fleet_with_shuffled_rows_stands_asset_by_asset_in_the_order_of_cycles() -> None:
    fleet = ScoredFleet.of(**ROWS, weight=[3, 2, 1], rul=([20, 5, 6], [10, 1, 2], [40, 9, 8]))
    assert fleet.asset.tolist() == [1, 1, 2]
    assert fleet.cycle.tolist() == [1, 2, 1]
    assert fleet.rul_cycles.tolist() == [5, 4, 30]
    assert fleet.probability.tolist() == [0.8, 0.9, 0.1]
    assert fleet.weight.tolist() == [1, 2, 3]
    assert fleet.rul is not None
    assert fleet.rul.predicted.tolist() == [6, 5, 20]
    assert fleet.rul.lower.tolist() == [2, 1, 10]
    assert fleet.rul.upper.tolist() == [8, 9, 40]


def test_positive_at_the_horizon_itself_is_true() -> None:
    assert ScoredFleet.of(**ROWS).positive(horizon_cycles=4).tolist() == [False, True, False]
    assert ScoredFleet.of(**ROWS).positive(horizon_cycles=30).all()


@pytest.mark.parametrize(
    ("column", "values", "found"),
    [
        ("probability", [0.1, np.nan, 0.8], "nan at row 1"),
        ("probability", [0.1, 0.9, 1.5], "1.5 at row 2"),
        ("rul_cycles", [-1, 4, 5], "-1.0 at row 0"),
        ("probability", [0.1, 0.9], r"shape \(2,\)"),
    ],
)
def test_fleet_with_a_value_that_cannot_be_scored_is_refused_with_its_place(
    column: str, values: list[float], found: str
) -> None:
    with pytest.raises(InvalidPredictions, match=f"{column} must be .* found {found}") as error:
        ScoredFleet.of(**{**ROWS, column: values})
    assert error.value.column == column


def test_fleet_with_a_row_given_twice_is_refused() -> None:
    with pytest.raises(InvalidPredictions, match="found asset 1 cycle 2 twice"):
        ScoredFleet.of(**{**ROWS, "cycle": [1, 2, 2]})


def test_fleet_without_rows_is_refused() -> None:
    with pytest.raises(InvalidPredictions, match="at least one row"):
        ScoredFleet.of([], [], [], [])
