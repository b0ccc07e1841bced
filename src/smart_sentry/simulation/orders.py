"""What people ask of simulated machines while they run: a fault, or a repair. By whole files in one folder; no network.

The simulation tells in `machines.json` which machines it has, anew every second or so. Who wants something of one of them
leaves a file in `orders/`, which the simulation takes away.
"""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from pydantic import TypeAdapter, ValidationError

from smart_sentry.errors import ActionRefused, ConfigurationError
from smart_sentry.files import write_json

SEVERITIES = ("MILD", "MEDIUM", "SEVERE")
FRESH_S = 10.0
"""A list of machines that is older is that of a simulation that has ended."""
LONGEST_S = 86_400.0
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class MachineState:
    """A machine that is simulated just now.

    Attributes:
        asset_id, asset_type: whose readings it sends.
        faults: that it can have.
        sensors, sensor_faults: signals whose sensor can fail, and how.
        doing: what it does, in words, e.g. "running", "at rest".
        fault: what is the matter with it (one of `faults` or `sensor_faults`); None: it is well.
        severity: MILD, MEDIUM or SEVERE; None where it is well, and for a sensor's fault.
        sensor: signal whose sensor is at fault; None where all are well.
        until: when the fault ends by itself, seconds since 1970-01-01 UTC; None where it is well.
    """

    asset_id: str
    asset_type: str
    faults: tuple[str, ...]
    sensors: tuple[str, ...]
    sensor_faults: tuple[str, ...]
    doing: str
    fault: str | None = None
    severity: str | None = None
    sensor: str | None = None
    until: float | None = None

    @property
    def condition(self) -> str:
        """What is the matter with it, in words.

        >>> MachineState("m", "motor", (), (), (), "running", "STUCK", None, "current_a").condition
        'sensor of current_a: STUCK'
        """
        if self.sensor is not None:
            return f"sensor of {self.sensor}: {self.fault}"
        return "well" if self.fault is None else f"{self.fault} {self.severity}"


@dataclass(frozen=True)
class Order:
    """A fault that a machine is to have from its next reading on; it takes the place of the one that it has.

    Attributes:
        fault: one of the machine's `faults`, or, with `sensor`, one of its `sensor_faults`.
        severity: MILD, MEDIUM or SEVERE; a sensor's fault has none.
        seconds: after which it ends by itself, above 0, at most a day.
        sensor: signal whose sensor is at fault; None: the machine is.

    Raises:
        ConfigurationError: severity or seconds are out of range.
    """

    fault: str
    severity: str = "MEDIUM"
    seconds: float = 60.0
    sensor: str | None = None

    def __post_init__(self) -> None:
        if self.severity not in SEVERITIES:
            raise ConfigurationError(
                "severity", f"{self.severity!r} is not known", f"Name one of {', '.join(SEVERITIES)}."
            )
        if not 0.0 < self.seconds <= LONGEST_S or math.isnan(self.seconds):
            raise ConfigurationError(
                "seconds", f"{self.seconds:g} is not above 0 and at most {LONGEST_S:g}", "Give another time, e.g. 60."
            )


def simulated_machines(home: Path, now: Callable[[], float] = time.time) -> dict[str, MachineState]:
    """The machines that are simulated just now, by asset; none where no simulation has told of them within 10 s.

    Args:
        home: the project's folder (`Settings.home`).
        now: seconds since 1970-01-01 UTC.

    Raises:
        ConfigurationError: the list is not one of this version.
    """
    path = _folder(home) / "machines.json"
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        if abs(now() - float(told["time"])) > FRESH_S:
            return {}
        machines = _MACHINES.validate_python(told["machines"])
    except FileNotFoundError:
        return {}
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigurationError(
            path, f"not a list of simulated machines ({error})", "Start the simulation anew."
        ) from error
    return {machine.asset_id: machine for machine in machines}


def order(home: Path, asset_id: str, wanted: Order, now: Callable[[], float] = time.time) -> None:
    """Asks a simulated machine to have a fault; it is taken within 0.1 s, and shows with the next reading.

    Raises:
        ActionRefused: the asset is not simulated just now.
        ConfigurationError: it cannot have that fault.
    """
    machine = _simulated(home, asset_id, f"fault {wanted.fault}", now)
    known = machine.faults if wanted.sensor is None else machine.sensor_faults
    for what, named, allowed in (("fault", wanted.fault, known), ("sensor", wanted.sensor, (None, *machine.sensors))):
        if named not in allowed:
            names = ", ".join(filter(None, allowed))
            raise ConfigurationError(what, f"{asset_id} has no {named!r}", f"Name one of {names}.")
    _leave(home, asset_id, asdict(wanted))


def repair(home: Path, asset_id: str, now: Callable[[], float] = time.time) -> None:
    """Asks for a simulated machine to be as new. The service does not know of it: record the maintenance there.

    Raises:
        ActionRefused: the asset is not simulated just now.
    """
    _simulated(home, asset_id, "repair", now)
    _leave(home, asset_id, None)


@dataclass(frozen=True)
class Asked:
    """What was asked of a machine: a fault, or (None) a repair."""

    asset_id: str
    order: Order | None


class OrderBook:
    """The simulation's side: it tells of its machines and takes what is asked of them. Orders of before are dropped.

    Args:
        home: the project's folder.
        now: seconds since 1970-01-01 UTC.
    """

    def __init__(self, home: Path, now: Callable[[], float] = time.time) -> None:
        self._folder, self._now = _folder(home), now
        self.take()

    def tell(self, machines: Sequence[MachineState]) -> None:
        """Says which machines are simulated; to be said anew within 10 s."""
        told = {"time": self._now(), "machines": [asdict(machine) for machine in machines]}
        write_json(self._folder / "machines.json", told)

    def take(self) -> list[Asked]:
        """What was asked since the last time, in its order; what is none is dropped with a line in the log."""
        asked = []
        for path in sorted((self._folder / "orders").glob("[0-9]*.json")):
            content = path.read_bytes()
            path.unlink()
            try:
                asked.append(_ASKED.validate_json(content))
            except (ValidationError, ConfigurationError) as error:
                _LOG.warning("%s is no order to a simulated machine and was dropped: %s", path, error)
        return asked

    def close(self) -> None:
        """Says that no machine is simulated any more."""
        (self._folder / "machines.json").unlink(missing_ok=True)


_MACHINES = TypeAdapter(list[MachineState])
_ASKED = TypeAdapter(Asked)


def _folder(home: Path) -> Path:
    return home / "data" / "simulation"


def _simulated(home: Path, asset_id: str, what: str, now: Callable[[], float]) -> MachineState:
    machines = simulated_machines(home, now)
    if asset_id not in machines:
        raise ActionRefused(
            what, asset_id, "not simulated just now", [f"one of {', '.join(machines)}"] if machines else []
        )
    return machines[asset_id]


def _leave(home: Path, asset_id: str, wanted: Mapping[str, Any] | None) -> None:
    """The name sorts by time."""
    name = f"{time.time_ns():020d}-{uuid4().hex}.json"
    write_json(_folder(home) / "orders" / name, {"asset_id": asset_id, "order": wanted})
