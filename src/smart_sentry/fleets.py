"""From tables to the arrays that features and models work on."""

from __future__ import annotations

import numpy as np
import pandas as pd

from smart_sentry.assets import ASSET_COLUMN, CYCLE_COLUMN, AssetType
from smart_sentry.features.pipeline import FeatureBatch, FeatureModel, FeatureParams, Fleet, fit_features
from smart_sentry.prognosis.labels import before_restoration


def fleet_of(readings: pd.DataFrame, rul_cycles: pd.Series, asset_type: AssetType) -> Fleet:
    """Arrays of a table whose rows stand asset by asset, each in the order of time.

    Args:
        readings: asset_id, cycle and one column a signal.
        rul_cycles: true remaining life, aligned with `readings`.
        asset_type: the signals and their order.
    """
    slots, _ = pd.factorize(readings[ASSET_COLUMN])
    return Fleet(
        slot=slots.astype(np.int64),
        cycle=readings[CYCLE_COLUMN].to_numpy(np.int64),
        values=readings[list(asset_type.signal_names)].to_numpy(np.float64),
        rul_cycles=rul_cycles.to_numpy(np.float64),
    )


def learn_features(fleet: Fleet, asset_type: AssetType, params: FeatureParams, seed: int) -> FeatureModel:
    """Fits the feature model, and once more without the rows ahead of a restoration where there are any.

    What an asset showed before it was restored did not end in the failure on record: it would teach wear to look healthy.
    """
    model = fit_features(fleet, asset_type, params, seed)
    misleading = before_restoration(fleet.slot, compute_features(model, fleet).restored)
    return fit_features(fleet.take(~misleading), asset_type, params, seed) if misleading.any() else model


def compute_features(model: FeatureModel, fleet: Fleet) -> FeatureBatch:
    """Features of a whole fleet, from each asset's first row on, by the code that scores live readings."""
    return model.stream().update(fleet.values, fleet.slot)
