"""When maintenance is due: the formula, once, for every surface."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

LONGEST_TOLD_HOURS = 10 * 365 * 24.0
"""Ten years: what an hour's damage rate says of a time beyond is no figure to plan by, and surfaces say "over 10 years"."""
LONGEST_TOLD = "over 10 years"


@dataclass(frozen=True)
class MaintenanceWindow:
    """Until when maintenance should be done.

    Attributes:
        state: due: now; within: before `hours` or `cycles` have passed; none: nothing wears the machine at present, or so little
            that it is due after `LONGEST_TOLD_HOURS` at the earliest.
        hours: from the newest assessment; None where it is not counted in hours.
        cycles: of the asset type; None where it is not counted in cycles.
    """

    state: Literal["due", "within", "none"]
    hours: float | None = None
    cycles: float | None = None


def window_of_damage(degradation: float, life_hours: float | None, due_at: float) -> MaintenanceWindow:
    """The window of a machine whose damage adds up.

    Damage goes on at the rate that the remaining life is told by, (1 - DI) / life: maintenance is due when DI reaches `due_at`.

    Args:
        degradation: DI, 0..1.
        life_hours: remaining life at the present damage rate; None: no damage is being done.
        due_at: degradation at which maintenance is due (`health.maintenance_after` of the asset type), 0..1.

    >>> window_of_damage(0.2, 80.0, 0.5).hours
    30.0
    >>> [window_of_damage(*of, 0.5).state for of in ((0.5, 80.0), (0.2, None), (0.0, 1e6))]
    ['due', 'none', 'none']
    """
    if degradation >= due_at:
        return MaintenanceWindow("due")
    if life_hours is None:
        return MaintenanceWindow("none")
    hours = life_hours * (due_at - degradation) / (1.0 - degradation)
    return MaintenanceWindow("none") if hours > LONGEST_TOLD_HOURS else MaintenanceWindow("within", hours=hours)


def window_of_life(lower_cycles: float, cap_cycles: float, flagged: bool) -> MaintenanceWindow:
    """The window of a machine whose remaining life a failure model tells: the lower end of its interval.

    Args:
        lower_cycles: of the remaining life. cap_cycles: what is not told apart from more.
        flagged: whether the model calls the failure near.

    >>> window_of_life(12.0, 125.0, False).cycles, window_of_life(12.0, 125.0, True).state
    (12.0, 'due')
    >>> window_of_life(125.0, 125.0, False).state
    'none'
    """
    if flagged or lower_cycles <= 0:
        return MaintenanceWindow("due")
    return MaintenanceWindow("none") if lower_cycles >= cap_cycles else MaintenanceWindow("within", cycles=lower_cycles)
