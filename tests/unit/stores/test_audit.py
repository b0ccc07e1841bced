"""The audit log."""

from __future__ import annotations

from smart_sentry.stores.audit import PURGE, AuditEntry
from smart_sentry.stores.span import Span
from smart_sentry.stores.store import Store

CALIBRATED = AuditEntry(1.0, "ann", "calibrate", "pump", {"version": "v1", "grade": "A"})
CONFIGURED = AuditEntry(2.0, "bob", "configure", None, {})


def test_audit_entries_are_found_by_time_and_asset(store: Store) -> None:
    with store.transaction() as batch:
        batch.audit.add(CALIBRATED)
        batch.audit.add(CONFIGURED)
    with store.view() as view:
        assert view.audit.history() == [CALIBRATED, CONFIGURED]
        assert view.audit.history(Span(newest_first=True, limit=1)) == [CONFIGURED]
        assert view.audit.history(asset_id="pump") == [CALIBRATED]


def test_newest_of_some_actions_is_that_asset_s_and_not_after_the_time(store: Store) -> None:
    begun = AuditEntry(3.0, "ann", "maintenance begun", "pump", {"until": 9.0})
    ended = AuditEntry(5.0, "ann", "maintenance ended", "pump", {})
    with store.transaction() as batch:
        for entry in (CALIBRATED, begun, ended, AuditEntry(6.0, "ann", "maintenance begun", "fan", {"until": 9.0})):
            batch.audit.add(entry)
    with store.view() as view:
        about = ("maintenance begun", "maintenance ended")
        assert view.audit.newest("pump", about) == ended
        assert view.audit.newest("pump", about, until=4.0) == begun
        assert view.audit.newest("pump", about, until=2.0) is None
        assert view.audit.newest("mixer", about) is None


def test_newest_of_some_actions_may_be_one_on_everything(store: Store) -> None:
    begun = AuditEntry(3.0, "ann", "maintenance begun", "pump", {"until": 9.0})
    purged = AuditEntry(3.0, "bob", PURGE, None, {})
    with store.transaction() as batch:
        for entry in (begun, purged, CONFIGURED):
            batch.audit.add(entry)
    with store.view() as view:
        assert view.audit.newest("pump", ("maintenance begun", PURGE)) == purged
        assert view.audit.newest("pump", ("maintenance begun",)) == begun
