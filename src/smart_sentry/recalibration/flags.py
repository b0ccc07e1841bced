"""How sure a share of flags is, where flags come in runs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MOST_OVER_BUDGET = 5.0
"""A baseline is refused where it is sure that it flags more of a healthy machine than so many times its budget."""
MOST_FLAGGED = 0.05
"""Share of flags that no interval excuses."""


@dataclass(frozen=True)
class FlagShare:
    """A share of flagged steps with its 95 % interval.

    Attributes:
        steps: how many were judged.
        share, low, high: 0..1.
    """

    steps: int
    share: float
    low: float
    high: float

    def within(self, budget: float) -> bool:
        """Whether it may be that of a healthy machine with such a budget (share of steps)."""
        return self.share <= MOST_FLAGGED and self.low <= MOST_OVER_BUDGET * budget


def flag_share(flag: NDArray[np.bool_]) -> FlagShare:
    """The share of flags in steps that follow each other, with Clopper and Pearson's interval (1934).

    A run of flags is one event: the interval counts runs, in as many independent stretches as the mean run goes into the steps.

    >>> found = flag_share(np.arange(1000) < 10)
    >>> found.share, round(found.low, 5), round(found.high, 4)
    (0.01, 0.00025, 0.0545)
    """
    from scipy import stats

    steps, flags = len(flag), int(flag.sum())
    if not steps:
        return FlagShare(0, 0.0, 0.0, 1.0)
    runs = int(np.sum(np.diff(flag.astype(np.int8), prepend=0) == 1))
    trials = steps if not runs else max(steps * runs // flags, runs)
    low = float(stats.beta.ppf(0.025, runs, trials - runs + 1)) if runs else 0.0
    high = float(stats.beta.ppf(0.975, runs + 1, trials - runs)) if runs < trials else 1.0
    return FlagShare(steps, flags / steps, low, high)
