"""Confidence intervals by resampling whole assets: rows of one engine resemble each other, so they stay together."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from smart_sentry.prognosis.scored_fleet import FloatArray, IntArray


class BootstrapPolicy(BaseModel):
    """How the confidence intervals are made."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    replicates: int = Field(default=1000, ge=1)
    seed: int = Field(default=0, ge=0)
    confidence: float = Field(default=0.95, gt=0, lt=1)


class Estimate(BaseModel):
    """A figure with its confidence interval; None where the data do not give it a value."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    value: float | None
    low: float | None
    high: float | None

    def __str__(self) -> str:
        if self.value is None:
            return "n/a"
        return f"{self.value:.3f}" if self.low is None else f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


Metric = Callable[[FloatArray], float]
"""A figure as a function of what each row counts for: shape (rows,) of whole numbers; NaN where it has no value."""


def bootstrap_by_asset(
    metric: Metric, assets: IntArray, replicates: int = 1000, seed: int = 0, confidence: float = 0.95
) -> Estimate:
    """Percentile interval of a figure under resampling of assets with replacement (Efron and Tibshirani, 1993, ch. 13).

    A replicate draws as many assets as there are, and an asset drawn m times gives all its rows the count m; a metric
    that takes row weights therefore needs no copy of the rows. Replicates in which the figure has no value are left
    out.

    Args:
        metric: the figure; it multiplies the counts with its own row weights, if it has any.
        assets: the asset of every row (rows,), or every asset once for a figure that is made of per-asset outcomes.
        replicates, seed, confidence: number of draws, seed of the generator, share of the draws inside the interval.
    """
    names, code = np.unique(assets, return_inverse=True)
    generator = np.random.default_rng(seed)
    counts = generator.multinomial(len(names), np.full(len(names), 1 / len(names)), size=replicates).astype(np.float64)
    drawn = np.array([metric(count[code]) for count in counts])
    drawn = drawn[np.isfinite(drawn)]
    value = metric(np.ones(len(code)))
    if not math.isfinite(value) or not len(drawn):
        return Estimate(value=None, low=None, high=None)
    tail = 100 * (1 - confidence) / 2
    low, high = np.percentile(drawn, [tail, 100 - tail])
    return Estimate(value=value, low=float(low), high=float(high))


def widen_share(estimate: Estimate, assets: int, confidence: float = 0.95) -> Estimate:
    """Interval of a share of assets that is 0 or 1, where every replicate agrees and a bootstrap would claim certainty.

    The exact binomial bound takes its place (Clopper and Pearson, 1934): 16 of 16 is "at least 0.794", not "surely 1".
    """
    if estimate.value not in (0.0, 1.0) or assets < 1:
        return estimate
    bound = ((1 - confidence) / 2) ** (1 / assets)
    if estimate.value == 1.0:
        return estimate.model_copy(update={"low": bound})
    return estimate.model_copy(update={"high": 1 - bound})


def widen_zero_rate(estimate: Estimate, exposure: float, confidence: float = 0.95) -> Estimate:
    """Interval of an event rate where no event came: up to the exact Poisson bound (Garwood, 1936).

    The bound is -ln((1 - confidence)/2) / exposure: no episode in 10,000 cycles is "at most 0.37 per 1000".

    Args:
        estimate: the bootstrap's estimate of events per unit of exposure.
        exposure: observed exposure in the unit of the rate, e.g. thousands of healthy cycles.
    """
    if estimate.value != 0.0 or exposure <= 0:
        return estimate
    return estimate.model_copy(update={"high": -math.log((1 - confidence) / 2) / exposure})
