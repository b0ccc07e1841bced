from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from smart_sentry.prognosis.event_metrics import AlarmPolicy, asset_outcomes
from smart_sentry.prognosis.row_metrics import calibration_curve, confusion, precision_recall_curve
from smart_sentry.prognosis.scored_fleet import ScoredFleet
from smart_sentry.tracking import plots

SCORES = np.array([0.9, 0.8, 0.7, 0.4, 0.2])
POSITIVE = np.array([True, False, True, False, False])


def points_of(figure: Figure, label: str) -> list[tuple[float, float]]:
    """Data of the one line with this label (or the beginning of it)."""
    (line,) = [line for line in figure.axes[0].lines if str(line.get_label()).startswith(label)]
    return [(float(x), float(y)) for x, y in zip(line.get_xdata(), line.get_ydata(), strict=True)]


def texts_of(figure: Figure) -> str:
    return "\n".join(text.get_text() for axes in figure.axes for text in axes.texts)


def outcomes_of_two_due_engines() -> tuple[ScoredFleet, AlarmPolicy]:
    """Engine 1 alarms from RUL 32 on, engine 2 from RUL 9 on: too late."""
    rul = np.tile(np.arange(40, -1, -1), 2)
    asset, cycle = np.repeat([1, 2], 41), np.tile(np.arange(1, 42), 2)
    probability = np.where(rul <= np.where(asset == 1, 33, 10), 0.9, 0.1)
    return ScoredFleet.of(asset, cycle, rul, probability), AlarmPolicy()


def test_precision_recall_figure_marks_the_point_where_the_threshold_works() -> None:
    """At threshold 0.55 three rows are alarms: precision 2/3 at recall 1."""
    figure = plots.precision_recall_figure(precision_recall_curve(SCORES, POSITIVE), 0.55, 5 / 6)
    assert points_of(figure, "working point") == [(1.0, pytest.approx(2 / 3))]
    assert "precision 0.667, recall 1.000" in texts_of(figure)
    assert "average precision 0.833" in texts_of(figure)


def test_precision_recall_figure_with_a_threshold_above_every_score_has_no_working_point() -> None:
    figure = plots.precision_recall_figure(precision_recall_curve(SCORES, POSITIVE), 0.95, 5 / 6)
    assert [line.get_label() for line in figure.axes[0].lines] == ["_child0"]


def test_confusion_figure_shows_each_count_with_its_share_of_the_true_class() -> None:
    figure = plots.confusion_figure(confusion(SCORES >= 0.5, POSITIVE), horizon_cycles=30)
    cells = {text.get_position(): text.get_text() for text in figure.axes[0].texts}
    assert cells == {(0, 0): "2\n66.7%", (1, 0): "1\n33.3%", (0, 1): "0\n0.0%", (1, 1): "2\n100.0%"}
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["RUL > 30", "RUL <= 30"]


def test_calibration_figure_draws_the_bins_and_their_weights() -> None:
    curve = calibration_curve(np.array([0.05, 0.05, 0.95, 0.95]), np.array([False, False, True, False]))
    figure = plots.calibration_figure(curve, 0.25)
    assert points_of(figure, "model") == [(pytest.approx(0.05), 0.0), (pytest.approx(0.95), 0.5)]
    assert [bar.get_height() for bar in figure.axes[1].patches] == [2, 2]


def test_lead_time_figure_ranks_the_due_engines_and_tells_late_ones_apart() -> None:
    fleet, policy = outcomes_of_two_due_engines()
    figure = plots.lead_time_figure(asset_outcomes(fleet, 0.5, policy), policy)
    assert points_of(figure, "alerted in time (1)") == [(1, 32)]
    assert points_of(figure, "too late or never (1)") == [(2, 9)]
    assert "alert due:\n20 cycles" in texts_of(figure)


def test_lead_time_figure_without_due_engines_is_empty_and_does_not_fail() -> None:
    healthy = ScoredFleet.of([1], [1], [100], [0.1])
    figure = plots.lead_time_figure(asset_outcomes(healthy, 0.5, AlarmPolicy()), AlarmPolicy())
    assert points_of(figure, "alerted in time (0)") == []


def test_importance_figure_keeps_the_twenty_largest_and_colours_the_sign() -> None:
    values = np.arange(1.0, 31.0)
    values[29] = -30.0
    figure = plots.importance_figure([f"s{i}" for i in range(1, 31)], values, "change of log-odds")
    bars = figure.axes[0].patches
    assert [bar.get_width() for bar in bars] == [*range(11, 30), -30]
    assert to_hex(bars[-1].get_facecolor()) == plots.ORANGE.lower()
    assert to_hex(bars[0].get_facecolor()) == plots.BLUE.lower()
    assert figure.axes[0].get_yticklabels()[-1].get_text() == "s30"
    assert figure.axes[0].get_xlabel() == "change of log-odds"


def test_remaining_life_figure_tells_intervals_that_miss_the_capped_truth_apart() -> None:
    truth, predicted = np.array([20.0, 50.0, 200.0]), np.array([25.0, 90.0, 120.0])
    figure = plots.remaining_life_figure(truth, predicted, predicted - 10, predicted + 10, cap_cycles=125)
    assert points_of(figure, "interval holds the truth (2)") == [(20, 25), (200, 120)]
    assert points_of(figure, "interval misses it (1)") == [(50, 90)]
    assert points_of(figure, "truth, capped") == [(0, 0), (125, 125), (200, 125)]


def test_trajectories_figure_runs_towards_the_failure_and_draws_at_most_six_assets() -> None:
    rul = np.arange(99.0, -1, -1)
    assets = {f"engine {i}": (rul, np.full(100, i / 10)) for i in range(8)}
    figure = plots.trajectories_figure(assets, threshold=0.4, horizon_cycles=30)
    axes = figure.axes[0]
    assert [line.get_label() for line in axes.lines if str(line.get_label()).startswith("engine")] == [
        f"engine {i}" for i in range(6)
    ]
    assert axes.get_xlim() == (99, 0)


def test_tuning_figure_shows_the_best_so_far_and_the_pruned_trials() -> None:
    figure = plots.tuning_figure({0: 0.8, 1: None, 2: 0.9, 3: 0.85}, "weighted F1")
    assert points_of(figure, "completed (3)") == [(0, 0.8), (2, 0.9), (3, 0.85)]
    assert points_of(figure, "best so far") == [(0, 0.8), (2, 0.9), (3, 0.9)]
    assert [x for x, _ in points_of(figure, "pruned or failed (1)")] == [1]


def test_figures_name_both_axes_with_units_where_they_have_one() -> None:
    fleet, policy = outcomes_of_two_due_engines()
    lead = plots.lead_time_figure(asset_outcomes(fleet, 0.5, policy), policy)
    assert lead.axes[0].get_ylabel() == "lead time of the last episode (cycles)"
    life = plots.remaining_life_figure(np.ones(1), np.ones(1), np.zeros(1), np.ones(1), 125)
    assert life.axes[0].get_xlabel() == "true remaining life (cycles)"
    assert life.axes[0].get_ylabel() == "predicted (cycles)"


def test_png_of_the_same_figure_is_whole_and_the_same_bytes(tmp_path: Path) -> None:
    def written(name: str) -> bytes:
        figure = plots.tuning_figure({0: 0.8, 1: 0.9}, "weighted F1")
        return plots.write_png(figure, tmp_path / "plots" / name).read_bytes()

    first = written("a.png")
    assert first == written("b.png")
    assert first.startswith(b"\x89PNG")
    assert first.endswith(b"IEND\xaeB`\x82")
    assert sorted(path.name for path in (tmp_path / "plots").iterdir()) == ["a.png", "b.png"]
