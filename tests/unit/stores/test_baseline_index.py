"""Which baseline is active."""

from __future__ import annotations

from smart_sentry.stores.baseline_index import ActiveBaseline
from smart_sentry.stores.store import Store


def test_the_version_activated_last_is_active_also_after_going_back(store: Store) -> None:
    steps = [ActiveBaseline("pump", version, time, "ann") for version, time in [("v1", 1.0), ("v2", 2.0), ("v1", 3.0)]]
    with store.transaction() as batch:
        assert batch.baselines.active("pump") is None
        for step in steps:
            batch.baselines.activate(step)
        batch.baselines.activate(ActiveBaseline("fan", "v9", 4.0, "ann"))
    with store.view() as view:
        assert view.baselines.history("pump") == steps
        assert view.baselines.active("pump") == steps[-1]
