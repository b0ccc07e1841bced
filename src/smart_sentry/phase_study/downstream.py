"""Do the phases help the seed's own model?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from smart_sentry.assets import ASSET_COLUMN
from smart_sentry.phases import PHASE_COLUMN
from smart_sentry.prognosis.seed_method import fit_seed_forest


@dataclass(frozen=True)
class DownstreamTest:
    """Average precision of the seed's forest on each held-out fold of assets.

    Attributes:
        without_phase: on the raw sensors.
        with_phase: with the phase as 0/1 columns beside them.
        reseeded: on the raw sensors again, with another seed: what chance alone does.
    """

    without_phase: tuple[float, ...]
    with_phase: tuple[float, ...]
    reseeded: tuple[float, ...]

    @property
    def gain(self) -> float:
        """Mean gain of average precision by the phase."""
        return float(np.mean(np.subtract(self.with_phase, self.without_phase)))

    @property
    def gain_by_chance(self) -> float:
        """Mean gain by another seed."""
        return float(np.mean(np.subtract(self.reseeded, self.without_phase)))


def downstream_test(
    readings: pd.DataFrame,
    phases: pd.Series,
    anomalous: pd.Series,
    sensor_names: tuple[str, ...],
    folds: int,
    trees: int,
    seed: int,
    workers: int = 1,
) -> DownstreamTest:
    """Cross-validates the seed's forest with and without the phase as a feature.

    Args:
        readings: the training fleet.
        phases: (rows,) each reading's phase.
        anomalous: (rows,) the label.
        sensor_names: the raw sensors.
        folds: number of folds; an asset is in one of them with all its readings.
        trees: size of each forest.
        seed: draws folds and forests.
        workers: threads that grow trees.

    Raises:
        InsufficientData: too few anomalous readings in a fold's training part.
    """
    from sklearn.metrics import average_precision_score
    from sklearn.model_selection import GroupKFold

    flags = pd.get_dummies(phases, prefix=PHASE_COLUMN).astype(np.float64)
    table, label = pd.concat([readings, flags], axis=1), anomalous.to_numpy(np.bool_)
    variants = (
        (sensor_names, seed),
        ((*sensor_names, *flags.columns), seed),
        (sensor_names, seed + 1),
    )
    split = GroupKFold(folds, shuffle=True, random_state=seed).split(table, groups=table[ASSET_COLUMN])
    precisions: list[list[float]] = []
    for train, held_out in split:
        forests = [
            fit_seed_forest(table.iloc[train], label[train], names, forest_seed, workers, trees)
            for names, forest_seed in variants
        ]
        scores = [forest.predict_proba(table.iloc[held_out]) for forest in forests]
        precisions.append([float(average_precision_score(label[held_out], score)) for score in scores])
    without_phase, with_phase, reseeded = (tuple(column) for column in zip(*precisions, strict=True))
    return DownstreamTest(without_phase, with_phase, reseeded)
