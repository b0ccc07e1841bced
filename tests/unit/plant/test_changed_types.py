"""An asset type whose file was changed under assets that are watched: their memory is of other signals, and is made anew."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from condition_sample import baseline, pump, running
from plant_fixture import PUMP, START, sqlite_in

from smart_sentry.assets import AssetType
from smart_sentry.plant.condition_watch import ConditionWatch
from smart_sentry.plant.incoming import Incoming
from smart_sentry.plant.plant import Plant
from smart_sentry.stores.store import Store

SIGNALS = [signal.model_dump(mode="json") for signal in PUMP.signals]
MORE = [{"name": f"extra_{number}", "unit": "1", "limits": [0, 10]} for number in range(5)]
KINDS = {
    "more signals": pump(signals=[*SIGNALS, *MORE]),
    "fewer signals": pump(signals=SIGNALS[:2]),
    "phases": pump(phase={"load_signal": "current_a"}),
}


def opened(home: Path, kind: AssetType) -> Plant:
    return Plant({kind.name: kind}, home / "models", Store(sqlite_in(home)))


def send(plant: Plant, kind: AssetType, first: int, rows: int) -> None:
    values = np.column_stack([running(rows, first), np.ones((rows, len(MORE)))])
    names = [*PUMP.signal_names, *(one["name"] for one in MORE)]
    known = set(kind.signal_names)
    plant.take(
        [
            Incoming(f"pump_{row % 3}", f"r{first + row}", START.timestamp() + first + row,
                     {name: value for name, value in zip(names, its, strict=True) if name in known}, kind.name)
            for row, its in enumerate(values.tolist())
        ],
        "test",
    )  # fmt: skip


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS.keys())
def test_plant_starts_and_goes_on_after_its_assets_type_was_changed(tmp_path: Path, kind: AssetType) -> None:
    plant = opened(tmp_path, PUMP)
    watch = plant.watch(PUMP.name)
    assert isinstance(watch, ConditionWatch)
    watch.baselines.add(baseline(rows=300, seed=0, asset_id="pump_1"))
    plant.restore()
    send(plant, PUMP, 0, 300)
    with plant.changing():
        pass  # the state is stored
    plant.store.close()
    plant = opened(tmp_path, kind)
    send(plant, kind, 300, 300)
    with plant.store.view() as view:
        assert [len(view.assessments.history(f"pump_{number}")) for number in range(3)] == [200, 200, 200]
    plant.store.close()
