"""Stage features: the feature model of the whole fleet, and of each cross-validation fold, with their feature matrices.

In a fold everything about the features (healthy behaviour, indicators) is learnt from the fold's fitted assets alone, so that
validation never sees through them.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np

from smart_sentry.assets import AssetType
from smart_sentry.datasets.interim import load_interim
from smart_sentry.features.pipeline import Fleet
from smart_sentry.features.storage import save_feature_model, write_arrays
from smart_sentry.files import write_whole
from smart_sentry.fleets import compute_features, fleet_of, learn_features
from smart_sentry.prognosis.labels import asset_folds, before_restoration, thinned
from smart_sentry.stages.stage import StageContext, StageResult

MODEL, MATRIX, ROWS = "feature_model.npz", "features.npy", "rows.npz"


def run(context: StageContext) -> StageResult:
    """Writes data/processed/<dataset>/features and .../folds."""
    data, params = load_interim(context.interim), context.params
    fleet = fleet_of(data.train, data.train_truth(), data.asset_type)
    whole, folds = context.processed / "features", context.processed / "folds"
    shutil.rmtree(folds, ignore_errors=True)  # there may have been more of them
    model = learn_features(fleet, data.asset_type, params.features, params.seed)
    batch = compute_features(model, fleet)
    save_feature_model(whole / MODEL, model)
    _save_matrix(whole / MATRIX, batch.features)
    misleading = before_restoration(fleet.slot, batch.restored)
    horizon = data.asset_type.failure.horizon_cycles
    usable = thinned(fleet.cycle, fleet.rul_cycles, horizon) & ~misleading
    write_arrays(
        whole / ROWS,
        {
            "slot": fleet.slot,
            "cycle": fleet.cycle,
            "rul_cycles": fleet.rul_cycles,
            "usable": usable,
            "misleading": misleading,
        },
    )
    for number, (fitted, validated) in enumerate(asset_folds(fleet.slot, params.tune.folds, params.seed)):
        _write_fold(context, fleet, data.asset_type, folds, number, fitted, validated)
    restored = np.unique(fleet.slot[batch.restored]).size
    return StageResult(
        f"{context.dataset}: {len(model.feature_names)} features of {len(fleet.slot)} rows, {model.regimes.count} operating"
        f" regimes, {restored} assets restored in mid-life",
        {"features": len(model.feature_names), "regimes": model.regimes.count, "restored_assets": int(restored)},
        (whole, folds),
    )


def _write_fold(
    context: StageContext,
    fleet: Fleet,
    asset_type: AssetType,
    folder: Path,
    number: int,
    fitted: np.ndarray,
    validated: np.ndarray,
) -> None:
    params = context.params
    model = learn_features(fleet.take(fitted), asset_type, params.features, params.seed)
    batch = compute_features(model, fleet)
    usable = thinned(fleet.cycle, fleet.rul_cycles, asset_type.failure.horizon_cycles)
    usable &= fitted & ~before_restoration(fleet.slot, batch.restored)
    _save_matrix(folder / f"fold_{number}.npy", batch.features)
    write_arrays(folder / f"fold_{number}.npz", {"fitted": usable, "validated": validated})


def _save_matrix(path: Path, features: np.ndarray) -> None:
    def write(part: Path) -> None:
        with part.open("wb") as file:
            np.save(file, features.astype(np.float32))

    write_whole(path, write)
