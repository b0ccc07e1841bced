"""Stage validate: the data set's contract, checked by Great Expectations. A broken rule stops the pipeline here."""

from __future__ import annotations

from smart_sentry.datasets.cmapss_counts import PINNED_COUNTS
from smart_sentry.datasets.interim import load_interim
from smart_sentry.environment import prepare_environment
from smart_sentry.files import write_json
from smart_sentry.stages.stage import StageContext, StageResult


def run(context: StageContext) -> StageResult:
    """Writes data/processed/<dataset>/validation.json and Data Docs under reports/<dataset>.

    Raises:
        ValidationFailed: it names rule, columns and the first offending rows.
    """
    prepare_environment(context.settings)
    from smart_sentry.validation.contract import SplitCounts
    from smart_sentry.validation.gate import validate

    pinned = {split: SplitCounts(*counts) for split, counts in PINNED_COUNTS.get(context.dataset, {}).items()}
    report = validate(load_interim(context.interim), context.settings.reports_folder / context.dataset, pinned)
    write_json(context.processed / "validation.json", report.summary())
    rules = sum(suite.checks for suite in report.suites)
    return StageResult(
        f"{context.dataset}: {rules} rules hold; Data Docs: {report.data_docs_index}",
        {"rules": rules, "constant_signals_train": len(report.constant_signals.get("train", ()))},
        (context.processed / "validation.json", report.data_docs_index),
    )
