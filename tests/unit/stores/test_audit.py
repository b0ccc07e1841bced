"""The audit log."""

from __future__ import annotations

from smart_sentry.stores.audit import AuditEntry
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
