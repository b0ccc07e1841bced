from dataclasses import replace

import numpy as np

from smart_sentry.prognosis.bootstrap import BootstrapPolicy
from smart_sentry.prognosis.evaluation import evaluate
from smart_sentry.prognosis.evaluation_report import EvaluationReport
from smart_sentry.prognosis.event_metrics import AlarmPolicy
from smart_sentry.prognosis.scored_fleet import ScoredFleet
from smart_sentry.tracking.model_card import ModelCardFacts, model_card


def report(split: str, with_rul: bool = True) -> EvaluationReport:
    """One engine, RUL 60..0, alarm from RUL 31 on: 31 hits and 2 false rows, so F1 is 62/64."""
    rul = np.arange(60, -1, -1)
    life = (rul + 3, rul - 5, rul + 5)
    fleet = ScoredFleet.of(
        np.ones(61), np.arange(1, 62), rul, np.where(rul <= 32, 0.9, 0.1), rul=life if with_rul else None
    )
    bootstrap = BootstrapPolicy(replicates=20)
    return evaluate(fleet, 0.5, dataset="FD004", split=split, policy=AlarmPolicy(), bootstrap=bootstrap)


FACTS = ModelCardFacts(
    dataset="FD004",
    asset="Commercial two-shaft turbofan engine",
    cycle_meaning="one flight",
    candidate="xgboost",
    bundle_sha256="b" * 64,
    data_version="d" * 64,
    code_version="v0.1.0",
    train_rows=61249,
    train_assets=249,
    params={"max_depth": 4},
    cross_validation=report("cross-validation"),
    test=report("test"),
    baseline=report("test", with_rul=False),
    decision="promoted: validation f1 0.9 against the baseline's 0.7",
    reproduce=("make demo", "dvc repro"),
    remarks=("Sensor 14 was replaced in 2024.",),
)


def test_model_card_tells_data_figures_limits_and_how_to_make_it_again() -> None:
    card = model_card(FACTS)
    assert card.startswith("# Failure model of FD004\n")
    assert f"`{'b' * 64}`" in card
    assert f"`{'d' * 64}`" in card
    assert "61,249 rows of 249 assets" in card
    assert "- max_depth: `4`" in card
    assert "One cycle is one flight." in card
    assert "restored in mid-life" in card
    assert "- Sensor 14 was replaced in 2024." in card
    assert "```\nmake demo\ndvc repro\n```" in card


def test_model_card_table_has_one_column_a_report_and_intervals() -> None:
    lines = model_card(FACTS).splitlines()
    assert "| Figure | cross-validation | test | seed's method |" in lines
    f1 = "0.969 [0.969, 0.969]"
    assert f"| F1 | {f1} | {f1} | {f1} |" in lines
    rmse = "3.000 [3.000, 3.000]"
    assert f"| RUL RMSE, truth capped (cycles) | {rmse} | {rmse} | n/a |" in lines


def test_model_card_without_test_truth_says_so_and_leaves_the_column_out() -> None:
    card = model_card(replace(FACTS, test=None, baseline=None))
    assert "| Figure | cross-validation |\n" in card
    assert "it is predicted, not scored" in card


def test_model_card_of_a_users_fleet_has_no_turbofan_caveat() -> None:
    card = model_card(replace(FACTS, dataset="pumps"))
    assert "regime" not in card
    assert "Remaining life above 125 cycles cannot be told apart" in card
