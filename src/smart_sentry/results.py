"""The table of results that people see: the champion's figures on the test set beside those of the seed's own method."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from smart_sentry.errors import ModelUnavailable
from smart_sentry.prognosis.bootstrap import Estimate
from smart_sentry.prognosis.evaluation_report import EvaluationReport

EVALUATION_FILE = "evaluation.json"
CROSS_VALIDATION_METRICS, TEST_METRICS = "cross_validation_metrics.json", "test_metrics.json"
"""The few figures that `dvc metrics` compares between revisions; the reports hold all of them."""
CHAMPION, SEED_METHOD, UNSCORED = "champion", "seed_method", "unscored"
"""Keys of evaluation.json: two evaluation reports, or a sentence that tells why nothing could be scored."""


@dataclass(frozen=True)
class ResultRow:
    """One figure of both methods, as text with its confidence interval; '-' where a method has none."""

    figure: str
    champion: str
    seed_method: str


_FIGURES: tuple[tuple[str, Callable[[EvaluationReport], Estimate | None]], ...] = (
    ("F1", lambda report: report.row.f1),
    ("average precision", lambda report: report.row.average_precision),
    ("precision", lambda report: report.row.precision),
    ("recall", lambda report: report.row.recall),
    ("share of assets alerted in time", lambda report: report.event.assets_alerted_share),
    ("median lead time, cycles", lambda report: report.event.lead_time_median_cycles),
    ("false alarms per 1000 healthy cycles", lambda report: report.event.false_alarms_per_1000_healthy_cycles),
    ("remaining life RMSE, truth capped, cycles", lambda report: report.rul.rmse_capped_cycles if report.rul else None),
    (
        "remaining life RMSE, truth uncapped, cycles",
        lambda report: report.rul.rmse_uncapped_cycles if report.rul else None,
    ),
    ("share of rows inside the interval", lambda report: report.rul.interval_coverage if report.rul else None),
)


def results_table(processed: Path) -> list[ResultRow]:
    """The figures that evaluation.json holds; none where the test set could not be scored.

    Args:
        processed: a data set's folder of derived figures, e.g. data/processed/FD001.

    Raises:
        ModelUnavailable: nothing has been evaluated there.
    """
    path = processed / EVALUATION_FILE
    if not path.is_file():
        raise ModelUnavailable(path, "Train and evaluate one with `smart-sentry train <dataset>`.")
    content = json.loads(path.read_text(encoding="utf-8"))
    if UNSCORED in content:
        return []
    champion, seed = (_report(content.get(key)) for key in (CHAMPION, SEED_METHOD))
    return [ResultRow(name, _text(champion, read), _text(seed, read)) for name, read in _FIGURES]


def headline_metrics(report: EvaluationReport) -> dict[str, float]:
    """The figures that a model is chosen and promoted by, under short names; those without a value are left out."""
    figures = {
        "f1": report.row.f1,
        "average_precision": report.row.average_precision,
        "assets_alerted_share": report.event.assets_alerted_share,
        "false_alarms_per_1000_healthy_cycles": report.event.false_alarms_per_1000_healthy_cycles,
        "lead_time_median_cycles": report.event.lead_time_median_cycles,
    }
    if report.rul is not None:
        figures["rul_rmse_capped_cycles"] = report.rul.rmse_capped_cycles
        figures["rul_rmse_uncapped_cycles"] = report.rul.rmse_uncapped_cycles
        figures["rul_interval_coverage"] = report.rul.interval_coverage
    return {name: round(estimate.value, 6) for name, estimate in figures.items() if estimate.value is not None}


def _report(content: object) -> EvaluationReport | None:
    return None if content is None else EvaluationReport.model_validate(content)


def _text(report: EvaluationReport | None, read: Callable[[EvaluationReport], Estimate | None]) -> str:
    estimate = None if report is None else read(report)
    return "-" if estimate is None else str(estimate)
