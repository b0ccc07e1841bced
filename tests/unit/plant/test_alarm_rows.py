"""Where alarms stand in the database, when more happens within one batch of readings than a batch tells."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from condition_sample import baseline, pump, running

from smart_sentry.contracts.alarms import AlarmAction
from smart_sentry.plant import active_baseline
from smart_sentry.plant.incoming import Incoming
from smart_sentry.plant.plant import Plant
from smart_sentry.stores.store import Store

BEGIN = 1_000_000_000.0
ASSET, SENSOR = "pump 1", "sensor:current_a"
AT_ONCE = {"needed": 1, "window": 1, "deadband": 0.0, "off_delay_seconds": 0.0, "re_alarm_minutes": None}
KIND = pump(alarms=AT_ONCE)


def send(plant: Plant, values: np.ndarray, begin: int) -> None:
    plant.take(
        [
            Incoming(ASSET, f"r{begin + row}", BEGIN + begin + row, dict(zip(KIND.signal_names, one, strict=True)))
            for row, one in enumerate(values.tolist())
        ],
        "test",
    )


def with_gaps(rows: int, gaps: list[int]) -> np.ndarray:
    """Readings of a healthy pump whose first sensor gives nothing in some rows."""
    values = running(rows, 2)
    values[gaps, 0] = np.nan
    return values


def states(plant: Plant) -> dict[str, tuple[str, float]]:
    """Occurrence of the sensor's alarm -> where its row says that it stands, and for how many seconds after BEGIN."""
    with plant.store.view() as view:
        return {one.alarm_id: (one.state, one.since - BEGIN) for one in view.alarms.current() if one.kind == SENSOR}


def test_alarm_that_ends_and_rises_anew_within_one_batch_leaves_a_row_of_either_occurrence(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'plant.db'}")
    plant = Plant({KIND.name: KIND}, tmp_path / "models", store, lambda: BEGIN + 1000.0)
    send(plant, running(1, 1), 0)
    active_baseline.commission(plant, ASSET, baseline(asset_type=KIND), "Ada")
    send(plant, with_gaps(2, [1]), 1)
    plant.alarms.act(ASSET, SENSOR, AlarmAction.ACKNOWLEDGE, "Ada", "cable", None)
    first, second = f"{ASSET}:{SENSOR}:1", f"{ASSET}:{SENSOR}:2"
    assert states(plant) == {first: ("ACKNOWLEDGED", 1000.0)}
    send(plant, with_gaps(4, [2, 3]), 1100)
    assert states(plant) == {first: ("NORMAL", 1100.0), second: ("UNACKNOWLEDGED", 1102.0)}
    plant.store.close()


def test_alarm_that_calls_again_stands_since_it_rose(tmp_path: Path) -> None:
    kind = pump(alarms=AT_ONCE | {"re_alarm_minutes": 1.0})
    store = Store(f"sqlite:///{tmp_path / 'plant.db'}")
    plant = Plant({kind.name: kind}, tmp_path / "models", store, lambda: BEGIN + 1000.0)
    send(plant, running(1, 1), 0)
    active_baseline.commission(plant, ASSET, baseline(asset_type=kind), "Ada")
    send(plant, with_gaps(130, list(range(1, 130))), 1)
    with plant.store.view() as view:
        (alarm,) = [one for one in view.alarms.current(ASSET) if one.kind == SENSOR]
    assert (alarm.state, alarm.since - BEGIN, alarm.stands_since - BEGIN) == ("UNACKNOWLEDGED", 122.0, 2.0)
    plant.store.close()
