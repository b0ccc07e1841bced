"""The clock of a plant's alarms: shelves end, delays run out and calls are repeated where no reading comes to tell the time."""

from __future__ import annotations

from smart_sentry.plant.plant import Plant
from smart_sentry.plant.rounds import Rounds

EVERY_SECONDS = 5.0


class AlarmClock(Rounds):
    """Lets time pass for the alarms of silent assets, in the background.

    Args:
        plant: whose.
        every_seconds: between two rounds.
    """

    def __init__(self, plant: Plant, every_seconds: float = EVERY_SECONDS) -> None:
        super().__init__("alarm clock", "no time passed for the alarms of silent assets", every_seconds)
        self._plant = plant

    def round(self) -> None:
        """As `AlarmActions.pass_time`."""
        self._plant.alarms.pass_time()
