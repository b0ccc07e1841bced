"""The dashboard on the other stack: readings through Kafka and a worker into PostgreSQL, pushed by Redis."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from dashboard_stage import Page, Stage, demand_quiet, open_stage
from dashboard_watch import CHANGE_WITHIN_S, await_changes, watch_changes
from postgres_server import folder_for_all
from selenium.webdriver import Chrome

pytestmark = pytest.mark.long

ASSET = "quick_01"


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with folder_for_all() as folder, open_stage(folder, [ASSET], with_services=True) as found:
        yield found


@pytest.mark.timeout(600)
def test_fault_is_seen_acknowledged_and_repaired(browser: Chrome, stage: Stage) -> None:
    page = Page(browser, stage.dashboard.address)
    page.open_asset(ASSET)
    demand_quiet(stage.client, ASSET)
    page.wait(lambda: page.count(".st-key-alarms .ss-alarm") == 0, "no alarm of it is open")
    watch_changes(page.browser)
    page.click(".st-key-inject_fault button")
    took = await_changes(page, 60.0)
    page.type(".st-key-author input", "Ada Lovelace")
    page.click(".st-key-alarms [class*=st-key-acknowledge-] button")
    page.wait(lambda: page.count("[class*=st-key-acknowledge-]") == 0, "it is acknowledged")
    page.click(".st-key-repair button")
    page.wait(lambda: page.text(".st-key-reasons") == "Nothing is out of the ordinary.", "it is well again")
    assert max(took.values()) <= CHANGE_WITHIN_S, took
