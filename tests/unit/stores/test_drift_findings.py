"""Findings of drift."""

from __future__ import annotations

from dataclasses import replace

from smart_sentry.stores.drift_findings import Finding, StoredFinding
from smart_sentry.stores.span import Span
from smart_sentry.stores.store import Store

EVIDENCE = {"kind": "shift", "signals": ["current"], "figures": {"sigma": 4.5, "since": None}, "sentence": "It rose."}
FOUND = Finding("pump", 10.0, "v1", 1.0, 9.0, "degradation", 0.75, False, (EVIDENCE,), 0.25, "http://127.0.0.1/r.html")


def test_finding_comes_back_as_it_was_stored(store: Store) -> None:
    bare = replace(FOUND, asset_id="fan", may_recalibrate=True, evidence=(), drift_share=None, report=None)
    with store.transaction() as batch:
        numbers = [batch.drift_findings.add(FOUND), batch.drift_findings.add(bare)]
    with store.view() as view:
        assert view.drift_findings.find(numbers[0]) == StoredFinding(numbers[0], FOUND)
        assert view.drift_findings.history() == [StoredFinding(numbers[0], FOUND), StoredFinding(numbers[1], bare)]
        assert view.drift_findings.find(99) is None


def test_newest_finding_of_an_asset_is_that_of_the_latest_time(store: Store) -> None:
    with store.transaction() as batch:
        for time, asset in [(30.0, "pump"), (20.0, "pump"), (40.0, "fan")]:
            batch.drift_findings.add(replace(FOUND, asset_id=asset, time=time))
    with store.view() as view:
        newest = view.drift_findings.newest("pump")
        assert newest is not None
        assert newest.finding.time == 30.0
        assert view.drift_findings.newest("mill") is None
        late = view.drift_findings.history(Span(start=25.0, newest_first=True))
        assert [one.finding.time for one in late] == [40.0, 30.0]


def test_latest_is_the_newest_finding_of_every_asset(store: Store) -> None:
    with store.view() as view:
        assert view.drift_findings.latest() == {}
    with store.transaction() as batch:
        for time, asset in [(30.0, "pump"), (20.0, "pump"), (40.0, "fan")]:
            batch.drift_findings.add(replace(FOUND, asset_id=asset, time=time))
    with store.view() as view:
        latest = view.drift_findings.latest()
    assert {asset: one.finding.time for asset, one in latest.items()} == {"pump": 30.0, "fan": 40.0}
