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
from smart_sentry.results import headline_metrics, results_table


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
