from pathlib import Path

import numpy as np

from smart_sentry.prognosis.event_metrics import AlarmPolicy, asset_outcomes
from smart_sentry.prognosis.row_metrics import calibration_curve, confusion, precision_recall_curve
from smart_sentry.prognosis.scored_fleet import ScoredFleet
from smart_sentry.tracking import plot_data

SCORES = np.array([0.9, 0.8, 0.7, 0.4, 0.2])
POSITIVE = np.array([True, False, True, False, False])


def test_precision_recall_table_of_a_short_curve_holds_every_point(tmp_path: Path) -> None:
    path = plot_data.write_precision_recall(tmp_path / "curve.csv", precision_recall_curve(SCORES, POSITIVE))
    assert path.read_text() == (
        "recall,precision,threshold\n0.5,1,0.9\n0.5,0.5,0.8\n1,0.666667,0.7\n1,0.5,0.4\n1,0.4,0.2\n"
    )


def test_precision_recall_table_of_a_long_curve_is_thinned_and_stays_close_to_it(tmp_path: Path) -> None:
    generator = np.random.default_rng(1)
    scores = generator.random(20_000)
    curve = precision_recall_curve(scores, generator.random(20_000) < scores**8)
    lines = plot_data.write_precision_recall(tmp_path / "curve.csv", curve).read_text().splitlines()[1:]
    rows = np.array([[float(cell) for cell in line.split(",")] for line in lines])
    assert 200 < len(rows) <= 500
    np.testing.assert_allclose(rows[0, :2], [curve.recall[0], curve.precision[0]], atol=1e-6)
    np.testing.assert_allclose(rows[-1, :2], [1, curve.precision[-1]], atol=1e-6)
    assert np.diff(rows[:, 0]).min() >= 0
    assert np.diff(rows[:, 0]).max() < 0.02


def test_confusion_table_has_a_line_a_cell(tmp_path: Path) -> None:
    path = plot_data.write_confusion(tmp_path / "confusion.csv", confusion(SCORES >= 0.75, POSITIVE))
    assert path.read_text() == (
        "actual,predicted,outcome,rows\n"
        "failing,alarm,true alarm,1\n"
        "healthy,alarm,false alarm,1\n"
        "failing,no alarm,missed,1\n"
        "healthy,no alarm,rightly quiet,2\n"
    )


def test_calibration_table_has_a_line_a_filled_bin(tmp_path: Path) -> None:
    curve = calibration_curve(np.array([0.05, 0.05, 0.95, 0.95]), np.array([False, False, True, False]))
    path = plot_data.write_calibration(tmp_path / "calibration.csv", curve)
    assert path.read_text() == "mean_probability,observed_rate,weight\n0.05,0,2\n0.95,0.5,2\n"


def test_lead_time_table_ranks_the_due_assets(tmp_path: Path) -> None:
    rul = np.arange(40, -1, -1)
    fleet = ScoredFleet.of(np.full(41, 7), np.arange(1, 42), rul, np.where(rul <= 33, 0.9, 0.1))
    path = plot_data.write_lead_times(tmp_path / "lead.csv", asset_outcomes(fleet, 0.5, AlarmPolicy()))
    assert path.read_text() == "rank,asset_id,lead_time_cycles,alerted\n1,7,32,1\n"
