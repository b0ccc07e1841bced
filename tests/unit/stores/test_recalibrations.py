"""Where recalibrations stand."""

from __future__ import annotations

import pytest
from sqlalchemy import create_engine
from sqlalchemy.exc import DBAPIError

from smart_sentry.errors import ActionRefused, NotStored
from smart_sentry.stores.drift_findings import Finding
from smart_sentry.stores.engine import parse_url
from smart_sentry.stores.recalibrations import Asked
from smart_sentry.stores.span import Span
from smart_sentry.stores.store import Store
from smart_sentry.stores.tables import recalibrations

ASKED = Asked("pump", 10.0, "ann", "new duty", "v1")


def test_recalibration_moves_on_and_keeps_what_was_said(store: Store) -> None:
    with store.transaction() as batch:
        number = batch.recalibrations.ask(ASKED)
        facts = {"candidate_version": "v2", "checks": {"passed": True, "figures": [1.5, None]}}
        assert batch.recalibrations.move(number, ("ASKED",), "CHECKED", 11.0, **facts)
        assert batch.recalibrations.move(number, ("CHECKED",), "WATCHING", 12.0, decided_by="bob", watch_until=99.0)
    with store.view() as view:
        found = view.recalibrations.find(number)
    assert (found.asked, found.state, found.candidate_version) == (ASKED, "WATCHING", "v2")
    assert (found.checks, found.decided_by) == ({"passed": True, "figures": [1.5, None]}, "bob")
    assert (found.changed, found.watch_until, found.is_open) == (12.0, 99.0, True)


def test_recalibration_is_not_moved_from_where_it_does_not_stand(store: Store) -> None:
    with store.transaction() as batch:
        number = batch.recalibrations.ask(ASKED)
        assert not batch.recalibrations.move(number, ("WATCHING",), "KEPT", 11.0)
        assert batch.recalibrations.find(number).state == "ASKED"


def test_second_open_recalibration_of_an_asset_is_refused_until_the_first_is_over(store: Store) -> None:
    with store.transaction() as batch:
        first = batch.recalibrations.ask(ASKED)
        batch.recalibrations.ask(Asked("fan", 10.0, "ann", "new duty", "v1"))
        with pytest.raises(ActionRefused, match=rf"pump is in recalibration {first}, which is ASKED"):
            batch.recalibrations.ask(ASKED)
        batch.recalibrations.move(first, ("ASKED",), "REFUSED", 11.0)
        second = batch.recalibrations.ask(ASKED)
        current = batch.recalibrations.open_of("pump")
        assert current is not None
        assert current.number == second
        assert [one.number for one in batch.recalibrations.history(asset_id="pump")] == [first, second]
        newest = batch.recalibrations.history(Span(limit=1, newest_first=True), asset_id="pump")
        assert [one.number for one in newest] == [second]


def test_database_itself_refuses_two_open_recalibrations_of_an_asset(store: Store, store_url: str) -> None:
    engine = create_engine(parse_url(store_url))
    row = vars(ASKED) | {"state": "ASKED", "changed": 1.0}
    with engine.begin() as connection:
        connection.execute(recalibrations.insert().values(**row | {"state": "KEPT"}))
        connection.execute(recalibrations.insert().values(**row))
    with pytest.raises(DBAPIError, match=r"(?i)unique"), engine.begin() as connection:
        connection.execute(recalibrations.insert().values(**row | {"state": "WATCHING"}))
    engine.dispose()


def test_recalibration_names_a_finding_of_its_own_asset(store: Store) -> None:
    with store.transaction() as batch:
        other = batch.drift_findings.add(Finding("fan", 1.0, "v1", 0.0, 1.0, "unknown", 0.5, False, ()))
        with pytest.raises(NotStored, match=f"drift finding {other} of pump"):
            batch.recalibrations.ask(Asked("pump", 10.0, "ann", "new duty", "v1", other))


def test_recalibration_that_nobody_asked_for_is_not_found(store: Store) -> None:
    with store.view() as view, pytest.raises(NotStored, match="recalibration 7"):
        view.recalibrations.find(7)
