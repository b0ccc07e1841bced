"""Stage get: raw files, checked, then readings, truth and asset type in the one form of `datasets.interim`."""

from __future__ import annotations

from dataclasses import replace

from smart_sentry.datasets.catalog import source_for
from smart_sentry.datasets.interim import save_interim
from smart_sentry.stages.stage import StageContext, StageResult


def run(context: StageContext) -> StageResult:
    """Fetches what is not there yet and writes data/interim/<dataset>."""
    settings = context.settings
    source = source_for(context.dataset, settings, settings.configs_folder / "assets", context.params.seed)
    report = source.fetch(settings.raw_folder)
    fleet = source.load(settings.raw_folder)
    # Where this clone stands must not show in what DVC compares between clones.
    source_of_truth = fleet.truth_source.replace(str(settings.raw_folder), "data/raw")
    files = save_interim(context.interim, replace(fleet, truth_source=source_of_truth))
    missing = f"; missing: {', '.join(report.missing)}" if report.missing else ""
    return StageResult(
        f"{context.dataset}: {len(fleet.train)} train and {len(fleet.test)} test rows from {report.origin}{missing}",
        {
            "train_rows": len(fleet.train),
            "train_assets": fleet.train["asset_id"].nunique(),
            "test_rows": len(fleet.test),
            "test_assets": fleet.test["asset_id"].nunique(),
        },
        files,
    )
