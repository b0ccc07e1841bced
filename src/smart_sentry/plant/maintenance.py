"""People at work on a machine: they begin, they hand it back, and what they did is recorded as a maintenance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from smart_sentry.errors import ActionRefused
from smart_sentry.plant.watch import MAINTENANCE, WORK_BEGUN, WORK_ENDED
from smart_sentry.stores.audit import AuditEntry

if TYPE_CHECKING:
    from smart_sentry.plant.plant import Plant

LONGEST_WORK_SECONDS = 30 * 86_400.0


class Maintenance(Protocol):
    """The maintenance of a plant's machines: noted by the plant, or by the workers that judge in its place."""

    def record(self, asset_id: str, author: str, reason: str) -> None:
        """Records a maintenance: the degradation index begins at 0 again, and whatever work had begun is over.

        Raises:
            UnknownAsset. NoWorker: none answered in time.
        """

    def begin(self, asset_id: str, author: str, reason: str, until: float) -> None:
        """People begin to work on a machine: its alarms are suppressed until they end, or until a time at most.

        Args:
            asset_id: the machine.
            author, reason: for the audit log.
            until: seconds since 1970 UTC; at most `LONGEST_WORK_SECONDS` from now.

        Raises:
            UnknownAsset. ActionRefused: the time is past, or too far away. NoWorker: none answered in time.
        """

    def end(self, asset_id: str, author: str, reason: str) -> None:
        """People hand a machine back; what it has of damage stays, unless a maintenance is recorded, too.

        Raises:
            UnknownAsset. ActionRefused: nobody is at work. NoWorker: none answered in time.
        """


class OwnMaintenance:
    """The maintenance of machines that a plant judges itself.

    Args:
        plant: has what is remembered of them, and the database.
    """

    def __init__(self, plant: Plant) -> None:
        self._plant = plant

    def record(self, asset_id: str, author: str, reason: str) -> None:
        """As `Maintenance.record`."""
        plant = self._plant
        with plant.lock:
            watch = plant.watch_of(asset_id)
            with plant.changing([asset_id]) as batch:
                watch.maintain(asset_id)
                watch.end_work(asset_id)
                batch.audit.add(AuditEntry(plant.clock(), author, MAINTENANCE, asset_id, {"reason": reason}))

    def begin(self, asset_id: str, author: str, reason: str, until: float) -> None:
        """As `Maintenance.begin`."""
        plant = self._plant
        with plant.lock:
            watch, now = plant.watch_of(asset_id), plant.clock()
            if not now < until <= now + LONGEST_WORK_SECONDS:
                days = LONGEST_WORK_SECONDS / 86_400.0
                why = f"its end must be within {days:g} days from now, not after {(until - now) / 86_400.0:.4g}"
                raise ActionRefused("begin the maintenance", asset_id, "in operation", (), why)
            with plant.changing([asset_id]) as batch:
                watch.begin_work(asset_id, until)
                batch.audit.add(AuditEntry(now, author, WORK_BEGUN, asset_id, {"reason": reason, "until": until}))

    def end(self, asset_id: str, author: str, reason: str) -> None:
        """As `Maintenance.end`."""
        plant = self._plant
        with plant.lock:
            watch, now = plant.watch_of(asset_id), plant.clock()
            if asset_id not in watch.worked_on:
                raise ActionRefused("end the maintenance", asset_id, "in operation", ("begin a maintenance",))
            with plant.changing([asset_id]) as batch:
                watch.end_work(asset_id)
                batch.audit.add(AuditEntry(now, author, WORK_ENDED, asset_id, {"reason": reason}))
