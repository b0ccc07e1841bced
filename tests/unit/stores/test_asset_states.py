"""The state of each asset."""

from __future__ import annotations

import pytest
from sqlalchemy.exc import IntegrityError

from smart_sentry.stores.asset_states import AssetState
from smart_sentry.stores.store import Store


def test_state_changes_only_from_the_states_that_are_allowed(store: Store) -> None:
    calibrating = AssetState("pump", "CALIBRATING", "motor", 1.0)
    with store.transaction() as batch:
        assert batch.states.find("pump") is None
        assert batch.states.change(calibrating, only_from=["IDLE", "MONITORING"])
        assert not batch.states.change(AssetState("pump", "MONITORING", "motor", 2.0), only_from=["CALIBRATED"])
    with store.view() as view:
        assert view.states.all() == {"pump": calibrating}


def test_state_changes_from_any_state_where_nothing_is_said(store: Store) -> None:
    with store.transaction() as batch:
        for state in ("IDLE", "MONITORING"):
            assert batch.states.change(AssetState("pump", state, "motor", 1.0))  # type: ignore[arg-type]
    with store.view() as view:
        found = view.states.find("pump")
    assert found is not None
    assert found.state == "MONITORING"


def test_state_that_does_not_exist_is_refused_by_the_database(store: Store) -> None:
    with pytest.raises(IntegrityError, match="asset_states"), store.transaction() as batch:
        batch.states.change(AssetState("pump", "BROKEN", "motor", 1.0))  # type: ignore[arg-type]
