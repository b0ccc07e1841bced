"""The table of results and the few figures that DVC compares."""

import json
from pathlib import Path

import numpy as np
import pytest

from smart_sentry.errors import ModelUnavailable
from smart_sentry.prognosis.bootstrap import BootstrapPolicy
from smart_sentry.prognosis.evaluation import evaluate
from smart_sentry.prognosis.evaluation_report import EvaluationReport
from smart_sentry.prognosis.event_metrics import AlarmPolicy
from smart_sentry.prognosis.scored_fleet import ScoredFleet
from smart_sentry.results import SUMMARY_COLUMNS, headline_metrics, results_table, summary_rows


def report_of(wrong_rows: int) -> EvaluationReport:
    """Two assets of 60 cycles, horizon 30; `wrong_rows` healthy rows of each are called failing."""
    cycle = np.tile(np.arange(1, 61), 2)
    rul_cycles = 60 - cycle
    probability = np.where((rul_cycles <= 30) | (cycle <= wrong_rows), 0.9, 0.1)
    fleet = ScoredFleet.of(np.repeat([1, 2], 60), cycle, rul_cycles, probability)
    policy = AlarmPolicy(needed=2, window=3, horizon_cycles=30, alert_cycles=20)
    return evaluate(fleet, 0.5, dataset="X", split="test", policy=policy, bootstrap=BootstrapPolicy(replicates=10))


def test_results_table_puts_both_methods_beside_each_other(tmp_path: Path) -> None:
    content = {"champion": report_of(0).model_dump(mode="json"), "seed_method": report_of(31).model_dump(mode="json")}
    (tmp_path / "evaluation.json").write_text(json.dumps(content))
    rows = {row.figure: row for row in results_table(tmp_path)}
    assert rows["F1"].champion.startswith("1.000")
    # 31 failing rows of 60 found, 29 healthy ones called failing: precision 31/60, recall 1, F1 62/91.
    assert rows["precision"].seed_method.startswith("0.517")
    assert rows["F1"].seed_method.startswith("0.681")
    assert rows["remaining life RMSE, truth capped, cycles"].champion == "-"


def test_results_table_of_an_unscored_test_set_is_empty(tmp_path: Path) -> None:
    (tmp_path / "evaluation.json").write_text('{"unscored": "RUL_FD004.txt is missing"}')
    assert results_table(tmp_path) == []


def test_results_table_before_any_training_says_how_to_train(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match=r"evaluation\.json.*smart-sentry train"):
        results_table(tmp_path)


def test_headline_metrics_are_numbers_and_leave_out_what_has_no_value() -> None:
    metrics = headline_metrics(report_of(0))
    assert metrics["f1"] == 1.0
    assert metrics["assets_alerted_share"] == 1.0
    assert metrics["false_alarms_per_1000_healthy_cycles"] == 0.0
    assert "rul_rmse_capped_cycles" not in metrics


def write_evaluated(folder: Path, evaluation: dict[str, object]) -> None:
    cross_validation = report_of(31).model_dump(mode="json")
    (folder / "choice.json").write_text(json.dumps({"cross_validation": cross_validation}))
    (folder / "evaluation.json").write_text(json.dumps(evaluation))


def with_remaining_life(report: EvaluationReport) -> dict[str, object]:
    """The report with these figures of remaining life, whose confidence intervals nobody looked at."""
    figures = {
        "rmse_capped_cycles": 10.5, "rmse_uncapped_cycles": 11.25, "nasa_score_capped": 180.4, "nasa_score_uncapped": 201.6,
        "interval_coverage": 0.9, "interval_coverage_near_failure": 0.8,
    }  # fmt: skip
    life = {name: {"value": value, "low": None, "high": None} for name, value in figures.items()}
    widths = {"interval_mean_width_cycles": 33.33, "interval_mean_width_near_failure_cycles": None}
    return report.model_dump(mode="json") | {"rul": {"cap_cycles": 125} | life | widths}


def test_summary_row_of_a_scored_set_has_a_cell_for_every_column(tmp_path: Path) -> None:
    evaluation = {"champion": with_remaining_life(report_of(0)), "seed_method": report_of(31).model_dump(mode="json")}
    write_evaluated(tmp_path, evaluation)
    row, reason = summary_rows(tmp_path, "X")
    cells = dict(zip(SUMMARY_COLUMNS, row.cells, strict=True))
    assert reason is None
    assert row.dataset == "X"
    assert cells["test F1"].startswith("1.000")
    assert cells["CV F1 / AP"].startswith("0.681 / ")  # 62/91, as above
    assert cells["seed F1"].startswith("0.681")
    assert cells["RUL RMSE capped / uncapped"] == "10.500 / 11.250"
    assert cells["NASA score"] == "180 / 202"
    assert cells["interval: held / width"] == "0.900 / 33.3"
    assert cells["alerted"] == "2 of 2"


def test_summary_row_of_an_unscored_set_tells_why_and_keeps_cross_validation(tmp_path: Path) -> None:
    write_evaluated(tmp_path, {"unscored": "RUL_FD004.txt is missing"})
    row, reason = summary_rows(tmp_path, "FD004")
    assert reason == "RUL_FD004.txt is missing"
    assert len(row.cells) == len(SUMMARY_COLUMNS)
    assert row.cells[0] == "truth missing"
    assert row.cells[2].startswith("0.681 / ")
    assert set(row.cells[3:]) == {"-"}
