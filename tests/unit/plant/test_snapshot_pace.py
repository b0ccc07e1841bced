"""How monitors' state is stored time after time: a large one as what has changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import text

from smart_sentry.plant.snapshots import SnapshotPace
from smart_sentry.stores.snapshots import BASE_FROM_BYTES
from smart_sentry.stores.store import Store


def _state(newest: float) -> dict[str, Any]:
    rings = np.random.default_rng(7).normal(size=BASE_FROM_BYTES // 8)
    rings[0] = newest
    return {"rings": rings}


def _stored(store: Store, pace: SnapshotPace, newest: float) -> int:
    """Bytes that a state takes beside its base."""
    with store.transaction() as batch:
        pace.store(batch, {"watch:pump": _state(newest)}, lambda: 1.0)
    with store.view() as view:
        np.testing.assert_equal(view.snapshots.load("watch:pump"), _state(newest))
    with store._engine.connect() as connection:
        return int(
            connection.execute(text("SELECT sum(length(bytes)) FROM snapshots WHERE name = 'watch:pump'")).scalar_one()
        )


def test_state_is_stored_as_what_has_changed_also_after_a_restart(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'plant.db'}")
    for pace in (SnapshotPace(0.0), SnapshotPace(0.0)):  # the second knows nothing of the first one's base
        for newest in (1.0, 2.0, 3.0):
            assert _stored(store, pace, newest) < BASE_FROM_BYTES / 100
    store.close()


def test_another_owner_s_base_is_not_taken_for_ones_own(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'plant.db'}")
    one, other = SnapshotPace(0.0), SnapshotPace(0.0)
    for newest in range(6):
        _stored(store, (one, other)[newest % 2], float(newest))
    store.close()
