"""Do the phases survive when the volatility signal is shuffled? If they do, they were noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from smart_sentry.assets import ASSET_COLUMN
from smart_sentry.phase_study.counts import RULE_PHASES, PerPhase, phase_counts
from smart_sentry.phases import Phase, VolatilityTrendRule, classify_phases


@dataclass(frozen=True)
class ShuffleTest:
    """Phase shares before and after the volatility signal is shuffled within each asset.

    Attributes:
        shares: share of readings in each phase, 0 to 1, as the data stand.
        shuffled_mean: mean share over the shuffles.
        shuffled_spread: sample standard deviation of the share over the shuffles.
        shuffles: how many there were.
        autocorrelation: of the volatility signal at lag 1, -1 to 1; near 0 means that its order carries nothing.
    """

    shares: PerPhase
    shuffled_mean: PerPhase
    shuffled_spread: PerPhase
    shuffles: int
    autocorrelation: float


def lag_one_autocorrelation(readings: pd.DataFrame, signal: str) -> float:
    """Autocorrelation at lag 1 within the assets, about each asset's own mean, -1 to 1.

    White noise gives about -1/T for lives of T readings (the own mean takes a degree of freedom): -0.005 for FD001.
    """
    asset = readings[ASSET_COLUMN]
    deviation = readings[signal] - readings.groupby(asset)[signal].transform("mean")
    return float((deviation * deviation.groupby(asset).shift(-1)).sum() / (deviation**2).sum())


def shuffled_within_assets(readings: pd.DataFrame, signal: str, rng: np.random.Generator) -> pd.DataFrame:
    """A copy in which each asset keeps its values of `signal`, in random order."""
    asset = readings[ASSET_COLUMN].to_numpy()
    in_place = np.argsort(asset, kind="stable")
    at_random = np.lexsort((rng.random(len(asset)), asset))
    values = readings[signal].to_numpy(copy=True)
    values[in_place] = values[at_random]
    return readings.assign(**{signal: values})


def shuffle_test(readings: pd.DataFrame, rule: VolatilityTrendRule, shuffles: int, seed: int) -> ShuffleTest:
    """Phase shares as the data stand, and with the volatility signal shuffled `shuffles` times within each asset.

    A start-up is a run of changing readings. Shuffling destroys every run; shares that stay were never made of runs.
    """
    rng = np.random.default_rng(seed)
    shuffled = np.array(
        [
            list(_shares(classify_phases(shuffled_within_assets(readings, rule.volatility_signal, rng), rule)).values())
            for _ in range(shuffles)
        ]
    )
    return ShuffleTest(
        shares=_shares(classify_phases(readings, rule)),
        shuffled_mean=dict(zip(RULE_PHASES, shuffled.mean(axis=0).tolist(), strict=True)),
        shuffled_spread=dict(zip(RULE_PHASES, shuffled.std(axis=0, ddof=1).tolist(), strict=True)),
        shuffles=shuffles,
        autocorrelation=lag_one_autocorrelation(readings, rule.volatility_signal),
    )


def _shares(phases: pd.Series) -> dict[Phase, float]:
    return {phase: count / len(phases) for phase, count in phase_counts(phases).items()}
