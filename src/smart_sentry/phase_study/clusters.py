"""Can K-means find the phases? The seed's first attempt, with its elbow plot."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from smart_sentry.datasets.run_to_failure import cycles_to_last_row
from smart_sentry.phase_study.counts import RULE_PHASES
from smart_sentry.phases import Phase


@dataclass(frozen=True)
class ClusterAttempt:
    """K-means on single readings.

    Attributes:
        signals: the signals that move, each scaled to mean 0 and deviation 1.
        inertia: share of the total squared distance that 1, 2, ... clusters leave; the elbow plot.
        elbow: number of clusters at the curve's knee.
        readings: one row a cluster, one column a phase of the rule: how many readings.
        median_rul_cycles: per cluster.
        agreement: adjusted mutual information between cluster and {STARTUP, SHUTDOWN} over the readings in one of the
            two: 0 is chance, 1 is a clean separation. NaN where the rule finds neither.
    """

    signals: tuple[str, ...]
    inertia: tuple[float, ...]
    elbow: int
    readings: pd.DataFrame
    median_rul_cycles: tuple[float, ...]
    agreement: float


def cluster_attempt(
    readings: pd.DataFrame,
    signal_names: tuple[str, ...],
    phases: pd.Series,
    clusters: int,
    most_clusters: int,
    seed: int,
) -> ClusterAttempt:
    """The seed's first attempt (its section 3.2.1): K-means on the settings and sensors of single readings.

    It sees a reading without its neighbours in time. A start-up played backwards is a shutdown with the very same
    readings, so no clustering of single readings can tell the two apart; it finds levels.

    Args:
        readings: the training fleet.
        signal_names: settings and sensors; those that never move are left out.
        phases: (rows,) each reading's phase by the rule.
        clusters: how many clusters are held against the phases.
        most_clusters: the elbow plot goes from 1 to this many.
        seed: draws the first centres.
    """
    from sklearn.cluster import KMeans
    from sklearn.metrics import adjusted_mutual_info_score
    from threadpoolctl import threadpool_limits

    values = readings[list(signal_names)].to_numpy(np.float64)
    deviation = values.std(axis=0)
    moves = deviation > 1e-9 * np.abs(values).max(axis=0)
    scaled = (values[:, moves] - values[:, moves].mean(axis=0)) / deviation[moves]
    with threadpool_limits(1):  # several threads add distances up in any order
        fits = {
            k: KMeans(k, n_init=3, random_state=seed).fit(scaled)
            for k in sorted({*range(1, most_clusters + 1), clusters})
        }
    inertia = np.array([fits[k].inertia_ for k in range(1, most_clusters + 1)])
    cluster, phase = fits[clusters].labels_, phases.to_numpy()
    transient = np.isin(phase, (Phase.STARTUP.value, Phase.SHUTDOWN.value))
    agreement = float(adjusted_mutual_info_score(phase[transient], cluster[transient])) if transient.any() else np.nan
    rul_cycles = cycles_to_last_row(readings).groupby(cluster).median()
    return ClusterAttempt(
        signals=tuple(name for name, keep in zip(signal_names, moves, strict=True) if keep),
        inertia=tuple((inertia / inertia[0]).tolist()),
        elbow=elbow(inertia),
        readings=pd.crosstab(cluster, phase).reindex(columns=[p.value for p in RULE_PHASES], fill_value=0),
        median_rul_cycles=tuple(rul_cycles.tolist()),
        agreement=agreement,
    )


def elbow(inertia: NDArray[np.float64]) -> int:
    """Number of clusters at the knee of an elbow plot: the point furthest below the line between the curve's two ends.

    Source: Satopaa, Albrecht, Irwin and Raghavan, Finding a "Kneedle" in a haystack, 2011.

    Args:
        inertia: of 1, 2, 3, ... clusters, falling.

    >>> elbow(np.array([100.0, 40.0, 10.0, 8.0, 6.0]))
    3
    """
    line = np.linspace(inertia[0], inertia[-1], len(inertia))
    return int(np.argmax(line - inertia)) + 1
