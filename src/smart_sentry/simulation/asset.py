"""One simulated asset while it runs: its machine, its script, what was ordered of it, and the readings that are due."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from smart_sentry.assets import AssetType
from smart_sentry.datasets.sensor_faults import SENSOR_FAULTS
from smart_sentry.datasets.simulated_motors import Scenario, machine_for, readings_table
from smart_sentry.simulation.events import Events, event_ids, timestamps
from smart_sentry.simulation.orders import MachineState, Order
from smart_sentry.simulation.script import HEALTHY_MACHINE, Place, Script

_DOING = {"OFF": "at rest", "STARTUP": "starting", "STEADY": "running", "SHUTDOWN": "coasting down"}
_ROUNDING = 1e-5
"""Of a reading's interval: seconds since 1970 are exact to 2.4e-7."""


@dataclass(frozen=True)
class AssetPlan:
    """What is simulated of an asset.

    Attributes:
        asset_id, asset_type: whose readings they are; it is read every `asset_type.sampling_seconds`.
        script: what happens to it, from the begin of the simulation on; before, the same without faults.
        past_s: seconds of operation before the simulation.
        learnt_s: the last seconds of that past, on which it is to be calibrated.
        seed: the same seed gives the same machine.
    """

    asset_id: str
    asset_type: AssetType
    script: Script
    past_s: float
    learnt_s: float
    seed: int


class SimulatedAsset:
    """One machine through time; its speed, temperature and load go on whatever becomes the matter with it.

    An order goes before the script: the machine has the ordered fault until it ends, is repaired, or another one is ordered.

    Args:
        plan: what is simulated.
        now: when the simulation begins, seconds since 1970-01-01 UTC; the past ends there.

    Raises:
        ConfigurationError: no simulated machine has the type's signals, or the script names a fault that it has not.
    """

    def __init__(self, plan: AssetPlan, now: float) -> None:
        self.plan, self._interval_s = plan, plan.asset_type.sampling_seconds
        self._begin, self._offset_s = now - plan.past_s, -plan.past_s % plan.script.seconds
        self._machine = machine_for(plan.asset_type, HEALTHY_MACHINE, self._interval_s, plan.seed)
        for step in plan.script.steps:
            self._machine.change_to(step.scenario)
        self._machine.change_to(HEALTHY_MACHINE)
        self._in_force, self._phase, self._taken = HEALTHY_MACHINE, "", 0
        self._faults_from = math.inf
        self._step, self._mended = -1, -1
        self._order: tuple[Scenario, float] | None = None
        self._maintained: list[str] = []

    @property
    def due_at(self) -> float:
        """When the next reading is taken, seconds since 1970-01-01 UTC."""
        return self._begin + self._taken * self._interval_s

    def play_faults(self, now: float) -> None:
        """From now on the script's faults happen; before, the machine is well."""
        self._faults_from = now

    def obey(self, order: Order | None, now: float) -> None:
        """It has a fault from its next reading on, or (None) is repaired, of a fault of the script, too.

        Raises:
            ConfigurationError: it cannot have that fault; it stays as it is.
        """
        if order is None:
            self._order, self._mended = None, self._place().number
            return
        wanted = Scenario(order.fault, order.severity)
        if order.sensor is not None:
            wanted = Scenario(sensor_fault=order.fault, sensor=order.sensor)
        self._machine.change_to(wanted)
        self._in_force, self._order = wanted, (wanted, now + order.seconds)

    def due_by(self, moment: float) -> int:
        """How many readings are to be taken by then, seconds since 1970-01-01 UTC."""
        return max(math.floor((moment - self.due_at) / self._interval_s + _ROUNDING) + 1, 0)

    def readings(self, until: float, most: int = 1000) -> Events:
        """Those that are due by `until` (seconds since 1970-01-01 UTC), at most so many."""
        found, left = Events.none(), min(self.due_by(until), most)
        while left > 0:
            part = self._stretch(left)
            found, left = found.followed_by(part), left - len(part)
        return found

    def maintained(self) -> Sequence[str]:
        """What the script had done to it since this was asked last."""
        done, self._maintained = self._maintained, []
        return done

    def state(self) -> MachineState:
        """As it stands."""
        plan, scenario = self.plan, self._in_force
        place = self._place()
        until = self._order[1] if self._order else self._ends(place)
        ill = scenario != HEALTHY_MACHINE
        return MachineState(
            plan.asset_id, plan.asset_type.name, self._machine.fault_names, plan.asset_type.signal_names, SENSOR_FAULTS,
            _DOING.get(self._phase, "not read yet"), scenario.fault or scenario.sensor_fault,
            scenario.severity if scenario.fault else None, scenario.sensor, until if ill else None,
        )  # fmt: skip

    def _place(self) -> Place:
        return self.plan.script.at(self._taken * self._interval_s + self._offset_s)

    def _ends(self, place: Place) -> float:
        """Seconds since 1970-01-01 UTC."""
        return self._begin + place.ends - self._offset_s

    def _stretch(self, most: int) -> Events:
        """Readings of one step with one scenario."""
        place, at = self._place(), self.due_at
        ends = [self._ends(place)]
        if self._order is not None and self._order[1] <= at:
            self._order = None
        if self._order is not None:
            ends.append(self._order[1])
        if self._faults_from > at:
            ends.append(self._faults_from)
        self._enter(place, at)
        rows = max(math.ceil(min((min(ends) - at) / self._interval_s, most) - _ROUNDING), 1)
        return self._take(rows)

    def _enter(self, place: Place, at: float) -> None:
        """Drives the machine as the step says, with what is the matter with it now."""
        plays = at >= self._faults_from
        if place.number != self._step and plays and place.step.maintained:
            self._maintained.append(place.step.maintained)
        self._step = place.number
        wanted = place.step.scenario if plays and place.number != self._mended else HEALTHY_MACHINE
        if self._order is not None:
            wanted = self._order[0]
        self._machine.drive(place.step.running, place.step.load_pct)
        if wanted != self._in_force:
            self._machine.change_to(wanted)
            self._in_force = wanted

    def _take(self, rows: int) -> Events:
        plan, names = self.plan, self.plan.asset_type.signal_names
        stamps = timestamps(datetime.fromtimestamp(self._begin, UTC), self._taken, rows, self._interval_s)
        simulated = self._machine.take(rows)
        self._taken, self._phase = self._taken + rows, str(simulated.phase[-1])
        table = readings_table(self._machine, simulated, plan.asset_id, stamps, names)
        return Events(event_ids(stamps, f"{plan.asset_id} {plan.seed}"), table, names)
