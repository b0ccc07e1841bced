"""From a reading to the alarm that it moved."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from smart_sentry.contracts.alarms import AlarmTransition
from smart_sentry.plant.parts import Part


def alarm_latencies(parts: Sequence[Part], transitions: Sequence[AlarmTransition], now: float) -> Iterator[float]:
    """Seconds from the message of the reading that moved an alarm to `now`, one a transition.

    An alarm that another time than that of a reading moved, such as the end of its shelving, counts from its asset's oldest
    message.
    """
    moved = {step.asset_id for step in transitions}
    came: dict[str, list[tuple[float, float]]] = {}
    for part in parts if moved else ():
        assert part.received is not None
        for asset, seconds, received in zip(part.assets, part.seconds.tolist(), part.received.tolist(), strict=True):
            if asset in moved:
                came.setdefault(asset, []).append((seconds, received))
    for step in transitions:
        its = came.get(step.asset_id, [])
        if its:
            oldest = min(received for _, received in its)
            yield now - next((received for seconds, received in its if seconds == step.time), oldest)
