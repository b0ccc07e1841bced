"""What a worker brings into memory before it joins its group, so that a partition that comes is judged at once.

A plant's baselines take milliseconds each, and compiled code is loaded when it is first called: seconds in which nobody else
would read the partition.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from smart_sentry.assets import AssetType
from smart_sentry.bundle import Bundle
from smart_sentry.plant.condition_watch import ConditionWatch
from smart_sentry.plant.failure_watch import FailureWatch
from smart_sentry.plant.watch import Watch
from smart_sentry.stream.sequence import SequenceGate

_ROWS = 40


def warm_up(asset_types: Mapping[str, AssetType], models_folder: Path, model: Bundle | None) -> tuple[Watch, ...]:
    """Reads every active baseline and judges a few made-up readings of each type.

    Returns:
        Watches that nobody needs: as long as they are held, the baselines of every partition are theirs and not read again.
    """
    watches: list[Watch] = []
    for kind in asset_types.values():
        judged_by_model = model is not None and model.manifest.asset_type.signal_names == kind.signal_names
        watch: Watch = (
            FailureWatch(model) if model is not None and judged_by_model else ConditionWatch(kind, models_folder)
        )
        known = watch.monitor.baselines if isinstance(watch, ConditionWatch) else {}
        _judge_something(watch, next(iter(known), "nobody"))
        watches.append(watch)
    nothing = np.zeros(1, dtype=np.int64)
    SequenceGate().judge(["nobody"], nothing, nothing)
    return tuple(watches)


def _judge_something(watch: Watch, asset: str) -> None:
    """Far from normal, so that every detector is asked."""
    kind = watch.asset_type
    seconds = np.arange(_ROWS, dtype=np.float64) * kind.sampling_seconds
    low, high = (np.array([signal.limits[end] for signal in kind.signals], dtype=np.float64) for end in (0, 1))
    share = 0.5 + 0.01 * np.sin(np.arange(_ROWS))[:, None]
    judged, _ = watch.assess([asset] * _ROWS, seconds, low + share * (high - low), seconds)
    judged.reasons()
