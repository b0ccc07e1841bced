"""The phase study as a run in MLflow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smart_sentry.datasets.catalog import source_for
from smart_sentry.phase_study.report import run_phase_study, verdict

if TYPE_CHECKING:
    from smart_sentry.stages.stage import StageContext


def tracked_phase_study(context: StageContext) -> str:
    """Studies a data set's phases, writes the report under reports/ and logs it to MLflow.

    Returns:
        the verdict, and where the report is.
    """
    from smart_sentry.stages.tracked import tracker

    settings = context.settings
    source = source_for(context.dataset, settings, settings.configs_folder / "assets", context.params.seed)
    source.fetch(settings.raw_folder)
    folder = settings.reports_folder / context.dataset / "phases"
    study = run_phase_study(source.load(settings.raw_folder), folder)
    with tracker(context).training_run(
        f"phase-study-{context.dataset}", context.dataset, {"kind": "phase study"}
    ) as run:
        run.log_files(folder, "phases")
        run.log_description(verdict(study))
    return f"{verdict(study)}\nReport: {folder / 'phases.html'}"
