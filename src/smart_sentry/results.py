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


@dataclass(frozen=True)
class SummaryRow:
    """One data set in the table of all: figures as text, '-' where there is none."""

    dataset: str
    cells: tuple[str, ...]


SUMMARY_COLUMNS = (
    "test F1", "test AP", "CV F1 / AP", "seed F1", "RUL RMSE capped / uncapped", "NASA score", "interval: held / width",
    "alerted", "false per 1000",
)  # fmt: skip


def summary_rows(processed: Path, dataset: str) -> tuple[SummaryRow, str | None]:
    """A data set's line in the table of all, and the sentence that tells why it could not be scored, if so."""
    content = json.loads((processed / EVALUATION_FILE).read_text(encoding="utf-8"))
    choice = json.loads((processed / "choice.json").read_text(encoding="utf-8"))
    validated, seed = _report(choice["cross_validation"]), _report(content.get(SEED_METHOD))
    assert validated is not None
    cross = f"{validated.row.f1.value:.3f} / {validated.row.average_precision.value:.3f}"
    report = _report(content.get(CHAMPION))
    if report is None:
        return SummaryRow(dataset, ("truth missing", "-", cross, *["-"] * (len(SUMMARY_COLUMNS) - 3))), content[
            UNSCORED
        ]
    rul, event = report.rul, report.event
    assert rul is not None
    return SummaryRow(dataset, (
        str(report.row.f1),
        str(report.row.average_precision),
        cross,
        _text(seed, lambda found: found.row.f1),
        f"{rul.rmse_capped_cycles} / {rul.rmse_uncapped_cycles}",
        f"{rul.nasa_score_capped.value:.0f} / {rul.nasa_score_uncapped.value:.0f}",
        f"{rul.interval_coverage} / {rul.interval_mean_width_cycles:.1f}",
        f"{event.assets_alerted} of {event.assets_due}",
        f"{event.false_alarms_per_1000_healthy_cycles} (strict {event.strict_false_alarms_per_1000_healthy_cycles.value:.2f})",
    )), None  # fmt: skip
