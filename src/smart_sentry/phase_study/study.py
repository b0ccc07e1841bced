"""The whole study of one data set's training fleet: counts, shuffle test, K-means attempt and downstream test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from smart_sentry.datasets.run_to_failure import RunToFailure
from smart_sentry.phase_study.clusters import ClusterAttempt, cluster_attempt
from smart_sentry.phase_study.counts import RULE_PHASES, PerPhase, phase_counts, published_phases
from smart_sentry.phase_study.downstream import DownstreamTest, downstream_test
from smart_sentry.phase_study.shuffle import ShuffleTest, shuffle_test
from smart_sentry.phases import Phase, VolatilityTrendRule, classify_phases


class PhaseStudySettings(BaseModel):
    """How much work the study does."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = Field(default=0, ge=0, description="draws shuffles, clusters, folds and forests")
    shuffles: int = Field(default=20, ge=2, description="times that the volatility signal is shuffled")
    most_clusters: int = Field(default=10, ge=3, description="the elbow plot goes from 1 cluster to this many")
    clusters: int = Field(default=3, ge=2, description="clusters held against the phases; the seed found three")
    folds: int = Field(default=3, ge=2, description="folds of the downstream test, grouped by asset")
    trees: int = Field(default=100, ge=1, description="size of the seed's forest")
    workers: int = Field(default=1, ge=1, description="threads that grow trees")


@dataclass(frozen=True)
class PhaseStudy:
    """All answers for one data set's training fleet.

    Attributes:
        dataset: its name.
        rule: the rule as it was run.
        counts: readings in each phase.
        published_counts: the same with `published_phases`, the seed's dataframe arithmetic.
        median_rul_cycles: of each phase's readings; NaN for a phase without readings.
        shuffle, clusters, downstream: the tests.
    """

    dataset: str
    rule: VolatilityTrendRule
    counts: Mapping[Phase, int]
    published_counts: Mapping[Phase, int]
    median_rul_cycles: PerPhase
    shuffle: ShuffleTest
    clusters: ClusterAttempt
    downstream: DownstreamTest


def measure_phase_study(
    dataset: RunToFailure, rule: VolatilityTrendRule | None = None, settings: PhaseStudySettings | None = None
) -> PhaseStudy:
    """Runs the whole study on a data set's training fleet.

    Args:
        dataset: any run-to-failure data whose asset type has the rule's two signals.
        rule: default: the seed's.
        settings: default: what docs/phases.md was measured with.

    Raises:
        ConfigurationError: the readings lack a signal of the rule.
        InsufficientData: too few anomalous readings to train on.
    """
    rule, settings = rule or VolatilityTrendRule(), settings or PhaseStudySettings()
    readings, rul_cycles = dataset.train, dataset.train_truth()
    phases = classify_phases(readings, rule)
    median_rul = rul_cycles.groupby(phases.to_numpy()).median()
    return PhaseStudy(
        dataset=dataset.name,
        rule=rule,
        counts=phase_counts(phases),
        published_counts=phase_counts(published_phases(readings, rule)),
        median_rul_cycles={phase: float(median_rul.get(phase.value, np.nan)) for phase in RULE_PHASES},
        shuffle=shuffle_test(readings, rule, settings.shuffles, settings.seed),
        clusters=cluster_attempt(
            readings, dataset.asset_type.signal_names, phases,
            settings.clusters, settings.most_clusters, settings.seed,
        ),
        downstream=downstream_test(
            readings, phases, rul_cycles <= dataset.asset_type.failure.horizon_cycles,
            dataset.asset_type.sensor_names, settings.folds, settings.trees, settings.seed, settings.workers,
        ),
    )  # fmt: skip
