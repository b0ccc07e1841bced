"""What the stored assessments say of why readings were flagged."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from smart_sentry.assets import AssetType
from smart_sentry.reports.columns import stretches, summarised
from smart_sentry.reports.content import Explanation, Told
from smart_sentry.stores.report_rows import JudgedColumns

POINTS = 240
"""Of the chart of scores."""
MOST_TOLD = 12
_APART_SECONDS = 600.0
_SENSOR = "sensor:"


def explanation_of(kind: AssetType, judged: JudgedColumns, span: tuple[float, float]) -> Explanation | None:
    """What was said over a span; None where nothing was.

    Args:
        kind: names signals and derived features.
        judged: the assessments.
        span: start and end, seconds since 1970 UTC.
    """
    if not len(judged.seconds):
        return None
    flagged = np.flatnonzero(judged.flag).tolist()
    points, edges = stretches(judged.seconds, *span, POINTS)
    return Explanation(
        *span, int(np.isfinite(judged.score).sum()), len(flagged), points, summarised(judged.score, edges)[2],
        causes_of(_names(kind), judged.reasons), _told(judged, flagged),
        tuple(Counter(judged.phases).most_common()),
        tuple(sorted(Counter(judged.votes).items())),
    )  # fmt: skip


def causes_of(names: Sequence[str], reasons: Sequence[str]) -> tuple[tuple[str, int], ...]:
    """How many reasons name each signal as the machine's fault, not as a sensor's, most first.

    >>> causes_of(["current_a", "current_a_log"], ["High current_a: 20 A", "Low current_a_log", "High current_a together"])
    (('current_a', 2), ('current_a_log', 1))
    """
    if not names:
        return ()
    longest_first = sorted(names, key=len, reverse=True)
    pattern = re.compile(rf"(?<![\w])({'|'.join(re.escape(name) for name in longest_first)})(?![\w])")
    counts: Counter[str] = Counter()
    for reason, times in Counter(reasons).items():
        of_machine = "; ".join(part for part in reason.split("; ") if not part.startswith(_SENSOR))
        for name in sorted(set(pattern.findall(of_machine))):
            counts[name] += times
    order = {name: place for place, name in enumerate(names)}
    return tuple(sorted(counts.items(), key=lambda found: (-found[1], order[found[0]])))


def _names(kind: AssetType) -> list[str]:
    return [*kind.signal_names, *(feature.name for feature in kind.derived_features)]


def _told(judged: JudgedColumns, flagged: Sequence[int]) -> tuple[Told, ...]:
    found: list[Told] = []
    before = ""
    for row, votes, reason in zip(reversed(flagged), reversed(judged.votes), reversed(judged.reasons), strict=True):
        at, score = float(judged.seconds[row]), float(judged.score[row])
        known = score if math.isfinite(score) else None
        begins = reason.partition(":")[0]
        if found and begins == before and found[-1].first - at <= _APART_SECONDS:
            last = found[-1]
            highest = max((its for its in (last.score, known) if its is not None), default=None)
            found[-1] = replace(last, first=at, readings=last.readings + 1, score=highest)
            continue
        if len(found) == MOST_TOLD:
            break
        found.append(Told(at, at, 1, judged.phases[row], known, votes, reason))
        before = begins
    return tuple(found)
