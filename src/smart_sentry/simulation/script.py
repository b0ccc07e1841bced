"""What happens to a simulated machine by itself: steps of a script that begins anew at its end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from smart_sentry.datasets.simulated_motors import Scenario
from smart_sentry.errors import ConfigurationError

HEALTHY_MACHINE = Scenario()


@dataclass(frozen=True)
class Step:
    """A stretch of time in which a machine is driven in one way.

    Attributes:
        seconds: how long, above 0.
        running: whether it is switched on (on the bench; a `motor` is always at work).
        load_pct: percent of rated torque (on the bench, once up to speed).
        scenario: what is the matter with it.
        maintained: what was done to it at the begin of the step, for the record; empty: nothing.
    """

    seconds: float
    running: bool = True
    load_pct: float = 100.0
    scenario: Scenario = HEALTHY_MACHINE
    maintained: str = ""


class Place(NamedTuple):
    """Where a machine is in its script.

    Attributes:
        number: of the step, counted on from round to round.
        step: what it says.
        ends: seconds since the begin of the script at which it ends.
    """

    number: int
    step: Step
    ends: float


class Script:
    """Steps, played again and again.

    Raises:
        ConfigurationError: there is no step, or one takes no time.
    """

    def __init__(self, steps: Sequence[Step]) -> None:
        if not steps or any(not step.seconds > 0 for step in steps):
            raise ConfigurationError("script", "it needs steps that take time each", "Name one or more.")
        self.steps = tuple(steps)
        self.seconds = sum(step.seconds for step in steps)

    def at(self, seconds: float) -> Place:
        """The step so many seconds, 0 or more, after the begin; where one ends, the next one has begun.

        >>> Script([Step(2.0), Step(3.0, running=False)]).at(7.0)[::2]
        (3, 10.0)
        """
        rounds, left = divmod(seconds, self.seconds)
        begin = rounds * self.seconds
        for number, step in enumerate(self.steps):
            if left < step.seconds or number == len(self.steps) - 1:
                return Place(int(rounds) * len(self.steps) + number, step, begin + step.seconds)
            left, begin = left - step.seconds, begin + step.seconds
        raise AssertionError("a script has steps")

    def without_faults(self) -> Script:
        """The same start-ups, loads and stops of a machine that is always well."""
        return Script([replace(step, scenario=HEALTHY_MACHINE, maintained="") for step in self.steps])
