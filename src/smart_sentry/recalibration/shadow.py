"""The same stream scored by the active baseline and by the candidate, side by side."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from smart_sentry.assets import AssetType
from smart_sentry.detection.baseline import Baseline
from smart_sentry.detection.calibration import Readings
from smart_sentry.recalibration.scoring import joined, score


@dataclass(frozen=True)
class Shadow:
    """Where two baselines agree, and where not.

    Attributes:
        steps: that both judged.
        both, only_active, only_candidate: flagged steps; what one flags counts where the other could not judge it, too.
        agreement: share of the steps that both judged of which both say the same, 0..1; 1 where there are none.
        alarms_active, alarms_candidate: when anomaly alarms rose, on the clock of the readings.
        mean_score_active, mean_score_candidate: 1 is the limit; None where nothing was judged.
    """

    steps: int
    both: int
    only_active: int
    only_candidate: int
    agreement: float
    alarms_active: tuple[float, ...]
    alarms_candidate: tuple[float, ...]
    mean_score_active: float | None
    mean_score_candidate: float | None

    @property
    def sentence(self) -> str:
        """For people."""
        return (
            f"Over {self.steps} steps that both judged they agree on {self.agreement:.1%}: {self.both} flagged by both,"
            f" {self.only_active} by the active baseline only, {self.only_candidate} by the candidate only; alarms"
            f" {len(self.alarms_active)} and {len(self.alarms_candidate)}."
        )


def shadow(asset_type: AssetType, active: Baseline, candidate: Baseline, before: Readings, stream: Readings) -> Shadow:
    """Compares two baselines on a stream.

    Args:
        asset_type: of the asset.
        active, candidate: baselines.
        before: readings that both monitors have seen before the stream; nothing of them is compared.
        stream: recent readings that the candidate was not learnt from, on the same clock.
    """
    readings = joined(before, stream)
    one, other = (score(asset_type, baseline, readings) for baseline in (active, candidate))
    begins = float(stream.seconds[0]) if len(stream.seconds) else np.inf
    rows = one.seconds >= begins
    ours, theirs = one.flag[rows], other.flag[rows]
    judged = np.isfinite(one.score[rows]) & np.isfinite(other.score[rows])
    steps = int(judged.sum())
    return Shadow(
        steps, int((ours & theirs).sum()), int((ours & ~theirs).sum()), int((~ours & theirs).sum()),
        float(np.mean(ours[judged] == theirs[judged])) if steps else 1.0,
        tuple(raised.time for raised in one.raised if raised.time >= begins),
        tuple(raised.time for raised in other.raised if raised.time >= begins),
        float(one.score[rows][judged].mean()) if judged.any() else None,
        float(other.score[rows][judged].mean()) if judged.any() else None,
    )  # fmt: skip
