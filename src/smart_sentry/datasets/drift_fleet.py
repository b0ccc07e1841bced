"""A small motor fleet of which each machine lives through something else: what the drift demonstration shows, with the truth."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from smart_sentry.assets import AssetType
from smart_sentry.datasets.drift_scenarios import BENIGN, LogLine, Recorded, drift_scenario

HALL, YARD = "motor_hall", "motor_yard"
"""Asset types: motors in a hall, each with its own life, and motors outside, which the season reaches alike."""
INTERVAL_S, HOURS = 10.0, 7.0
SEED = 1
"""None of those that thresholds are chosen on or figures are taken from."""
STORIES: tuple[tuple[str, str], ...] = (
    ("nothing", "nothing happens"),
    ("load change", "benign load change"),
    ("season", "seasonal temperature"),
    ("sensor replaced", "sensor replaced, with an offset"),
    ("sensor stuck", "sensor stuck"),
    ("maintenance", "overhaul, noted"),
    ("mechanical wear", "slow degradation, mechanical"),
    ("electrical ageing", "slow degradation, electrical"),
)
"""Kind of a drift scenario, and what it is in words."""
SEASON = "season"


@dataclass(frozen=True)
class Member:
    """One machine of the fleet.

    Attributes:
        asset_id, asset_type: its name, and that of its type.
        story: what it lives through, in words.
        reference, recent: before it happens, and while it does.
        fresh: two hours after; None: not recorded.
        log: maintenance log, seconds on the readings' clock.
        accepted: verdicts that are right on what can be known.
        explained: whether the truth is a benign change or a step after maintenance.
        degrading: whether it gets worse.
    """

    asset_id: str
    asset_type: str
    story: str
    reference: Recorded
    recent: Recorded
    fresh: Recorded | None
    log: tuple[LogLine, ...]
    accepted: frozenset[str]
    explained: bool
    degrading: bool


def drift_fleet(
    bench: AssetType, kinds: Sequence[str] | None = None, lived: Callable[[str], object] = lambda _: None
) -> list[Member]:
    """Lives the stories; the same arguments give the same readings.

    Args:
        bench: the asset type `motor_bench`.
        kinds: of drift scenarios; None: all of `STORIES`.
        lived: told of each story once it is there.
    """
    fleet: list[Member] = []
    for kind, words in STORIES:
        if kinds is None or kind in kinds:
            fleet += _members(kind, words, bench)
            lived(words)
    return fleet


def _members(kind: str, words: str, bench: AssetType) -> list[Member]:
    its = drift_scenario(kind, SEED, bench, interval_s=INTERVAL_S, hours=HOURS, neighbours=3 if kind == SEASON else 0)
    asset_type = YARD if kind == SEASON else HALL
    explained = not its.degrading and its.truth in (BENIGN, "step_after_maintenance")
    name = f"{asset_type}_{[kind for kind, _ in STORIES].index(kind) + 1:02d}"
    first = Member(
        name, asset_type, words, its.reference, its.recent, its.fresh, its.log, its.accepted, explained, its.degrading
    )
    others = [
        Member(f"{name}{letter}", asset_type, words, reference, recent, None, (), its.accepted, explained, False)
        for letter, (reference, recent) in zip("bcdefg", its.neighbours, strict=False)
    ]
    return [first, *others]
