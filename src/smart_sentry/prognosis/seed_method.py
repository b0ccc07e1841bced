"""The seed design's own models, kept as baselines so that everyone sees the distance to them.

- `fit_seed_forest`: a default random forest on SMOTE-balanced raw sensors (section 3.4.3 and 3.5 of the seed).
- `fit_phase_isolation_forests`: one isolation forest a phase (section 3.4.1), given up by the seed for its low recall.

Source: Bhandari and Nerkar, Smart Sentry, 2025. Measured against its figures in docs/phases.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from smart_sentry.errors import InsufficientData

BoolArray = NDArray[np.bool_]
FloatArray = NDArray[np.float64]

_NEIGHBOURS = 5
"""SMOTE's default: a synthetic reading lies between an anomalous reading and one of its 5 nearest anomalous ones."""
_ROWS_A_FOREST = 100
"""An isolation forest on fewer readings than this knows next to nothing of a phase."""
_NOT_JUDGED = -1.0
"""Score of a reading whose phase has no forest: below that of every reading that was judged."""


@dataclass(frozen=True)
class SeedForest:
    """The seed's champion: judges every reading by itself, by its raw sensors.

    Attributes:
        sensor_names: columns that the forest sees, in its order.
        model: a fitted scikit-learn RandomForestClassifier.
    """

    sensor_names: tuple[str, ...]
    model: Any

    def predict_proba(self, readings: pd.DataFrame) -> FloatArray:
        """Share of the trees' votes for anomalous, (rows,), 0 to 1."""
        votes: FloatArray = self.model.predict_proba(readings[list(self.sensor_names)].to_numpy(np.float64))
        return votes[:, 1]

    def predict(self, readings: pd.DataFrame) -> BoolArray:
        """(rows,) True where more than half of the votes say anomalous."""
        return self.predict_proba(readings) > 0.5


@dataclass(frozen=True)
class PhaseIsolationForests:
    """One isolation forest a phase.

    Attributes:
        sensor_names: columns that the forests see, in their order.
        models: phase -> fitted scikit-learn IsolationForest.
    """

    sensor_names: tuple[str, ...]
    models: Mapping[str, Any]

    def anomaly_scores(self, readings: pd.DataFrame, phases: Sequence[str] | pd.Series) -> FloatArray:
        """How far each reading stands out of its phase, (rows,): higher is worse, above 0 is anomalous.

        Args:
            readings: the sensors' columns.
            phases: (rows,) each reading's phase. A reading in a phase without a forest scores -1: nobody can judge it.
        """
        values, phase = readings[list(self.sensor_names)].to_numpy(np.float64), np.asarray(phases, dtype=object)
        scores = np.full(len(values), _NOT_JUDGED)
        for name, model in self.models.items():
            rows = phase == name
            if rows.any():
                scores[rows] = -model.decision_function(values[rows])
        return scores

    def predict(self, readings: pd.DataFrame, phases: Sequence[str] | pd.Series) -> BoolArray:
        """(rows,) True where a reading stands out of its phase."""
        return self.anomaly_scores(readings, phases) > 0.0


def fit_seed_forest(
    readings: pd.DataFrame,
    anomalous: BoolArray,
    sensor_names: Sequence[str],
    seed: int,
    workers: int = 1,
    trees: int = 100,
) -> SeedForest:
    """Balances the readings with SMOTE and fits scikit-learn's default random forest to them, as the seed did.

    Args:
        readings: one row a reading; the sensors' columns in their raw units.
        anomalous: (rows,) the label, True where the remaining life is within the failure horizon (30 cycles).
        sensor_names: columns to learn from: the asset type's sensors, and whatever else is to be tried beside them.
        seed: draws the synthetic readings and the forest; the same seed gives the same forest for any `workers`.
        workers: threads that grow trees.
        trees: size of the forest.

    Raises:
        InsufficientData: fewer than 6 anomalous readings (SMOTE needs five neighbours), or none that is healthy.
    """
    for what, have, need in (
        ("anomalous readings", int(anomalous.sum()), _NEIGHBOURS + 1),
        ("healthy readings", int((~anomalous).sum()), _NEIGHBOURS + 1),
    ):
        if have < need:
            raise InsufficientData(f"{what} for the seed's forest", have, need)
    from imblearn.over_sampling import SMOTE
    from sklearn.ensemble import RandomForestClassifier

    values = readings[list(sensor_names)].to_numpy(np.float64)
    balanced, labels = SMOTE(k_neighbors=_NEIGHBOURS, random_state=seed).fit_resample(values, anomalous)
    whole = (values == np.trunc(values)).all(axis=0)
    balanced[:, whole] = np.trunc(balanced[:, whole])  # a fraction where none is measured would give the synthetic away
    model = RandomForestClassifier(n_estimators=trees, random_state=seed, n_jobs=workers).fit(balanced, labels)
    model.set_params(n_jobs=1)  # threads would add the votes up in any order, and a tie could fall either way
    return SeedForest(tuple(sensor_names), model)


def fit_phase_isolation_forests(
    readings: pd.DataFrame,
    phases: Sequence[str] | pd.Series,
    sensor_names: Sequence[str],
    seed: int,
    phase_names: Sequence[str] = ("STARTUP", "STEADY", "SHUTDOWN"),
    contamination: float = 0.05,
    trees: int = 100,
) -> PhaseIsolationForests:
    """Fits one isolation forest to the readings of each phase.

    The seed shows it every reading of the training set, those before failure too, and does not name its contamination.
    On FD001 every contamination up to 0.05 then gives its finding, a recall below 10 %. Shown healthy readings only,
    the same forests reach a recall of about 66 % at a precision of 34 %: the readings failed, not the method.

    Args:
        readings: one row a reading; the sensors' columns in their raw units.
        phases: (rows,) each reading's phase.
        sensor_names: columns to learn from.
        seed: draws the forests.
        phase_names: the phases that get a forest, if they have 100 readings. A reading of unknown phase is not judged.
        contamination: share of the readings given that is declared anomalous, 0 to 0.5.
        trees: size of each forest.

    Raises:
        InsufficientData: none of the phases has 100 readings.
    """
    from sklearn.ensemble import IsolationForest

    values, phase = readings[list(sensor_names)].to_numpy(np.float64), np.asarray(phases, dtype=object)
    sizes = {str(name): int((phase == name).sum()) for name in phase_names}
    enough = [name for name, size in sizes.items() if size >= _ROWS_A_FOREST]
    if not enough:
        raise InsufficientData("readings of the largest phase", max(sizes.values(), default=0), _ROWS_A_FOREST)
    models = {
        name: IsolationForest(n_estimators=trees, contamination=contamination, random_state=seed).fit(
            values[phase == name]
        )
        for name in enough
    }
    return PhaseIsolationForests(tuple(sensor_names), models)
