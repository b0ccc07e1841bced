"""What operators see and do on the dashboard, in a real browser against the real stack: service, SQLite, live feed, machines.

Times are measured in the page itself: from the click that the page gets to the moment at which its content has changed.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dashboard_stage import ASSETS, SCRIPT_NAME, Page, Stage, demand_quiet, kill_with_children, open_stage
from dashboard_watch import BESIDE_OTHERS, CHANGE_WITHIN_S, await_changes, watch_changes
from selenium.webdriver import Chrome
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

pytestmark = pytest.mark.long

WARNING_WITHIN_S = 5.0 * BESIDE_OTHERS
QUICK, JAPANESE, _ = ASSETS
OPERATOR = "Ada Lovelace"


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with open_stage(tmp_path_factory.mktemp("stage")) as found:
        yield found


@pytest.fixture(scope="module")
def page(browser: Chrome, stage: Stage) -> Page:
    return Page(browser, stage.dashboard.address)


def test_fleet_lists_every_machine(page: Page) -> None:
    page.open()
    page.wait(lambda: "3 of 3 assets" in page.text(), "all machines are listed")
    script = "return document.querySelector('.st-key-fleet canvas').textContent"
    page.wait(lambda: all(name in page.browser.execute_script(script) for name in ASSETS), "the table names them")


def test_first_controls_are_reached_by_tab(page: Page) -> None:
    page.open()
    page.wait(lambda: "3 of 3 assets" in page.text(), "all machines are listed")
    reached = []
    for _ in range(16):
        ActionChains(page.browser).send_keys(Keys.TAB).perform()
        reached.append(page.browser.execute_script(_FOCUSED))
    for wanted in ("author", "Fleet", "Models", "fleet_search", "fleet_type"):
        assert any(wanted in one for one in reached), (wanted, reached)


_FOCUSED = """
const it = document.activeElement, keyed = it.closest('[class*=st-key-]');
return (keyed ? keyed.className : '') + ' ' + it.tagName + ' ' + (it.textContent || it.placeholder || '').slice(0, 40);
"""


def test_name_with_a_script_is_shown_as_text(page: Page) -> None:
    page.open_asset(SCRIPT_NAME)
    assert SCRIPT_NAME in page.text(".st-key-asset-head h2")
    assert (
        page.browser.execute_script("return [...document.scripts].filter(one => one.text.includes('alert(1)')).length")
        == 0
    )
    page.open()  # an open alert would fail this


@pytest.mark.timeout(300)
def test_injected_fault_changes_card_chart_and_reason_and_raises_an_alarm(page: Page, stage: Stage) -> None:
    page.open_asset(QUICK)
    demand_quiet(stage.client, QUICK)
    page.wait(lambda: page.count(".st-key-alarms .ss-alarm") == 0, "no alarm of it is open")
    page.wait(lambda: page.count(".st-key-inject_fault button") == 1, "a fault can be injected")
    watch_changes(page.browser)
    page.click(".st-key-inject_fault button")
    took = await_changes(page, 30.0)
    print({name: round(seconds, 2) for name, seconds in took.items()})
    assert max(took.values()) <= CHANGE_WITHIN_S, took
    asset = stage.client.get("/api/v1/monitoring/status", asset_id=QUICK)["asset"]
    assert (asset["flagged"], asset["open_alarms"]) == (True, 1)


def test_alarm_is_acknowledged_in_the_operators_name(page: Page, stage: Stage) -> None:
    """Goes on from the fault that was injected."""
    page.open_asset(QUICK)
    page.click(".st-key-alarms [class*=st-key-acknowledge-] button")
    page.wait(lambda: "name" in page.text("[data-testid=stToast], [data-testid=stAlert]"), "it asks who does it")
    page.type(".st-key-author input", OPERATOR)
    page.click(".st-key-alarms [class*=st-key-acknowledge-] button")
    page.wait(lambda: page.count("[class*=st-key-acknowledge-]") == 0, "it is acknowledged")
    steps = stage.client.get("/api/v1/alarms", asset_id=QUICK, open_only="false", transitions="true")["transitions"]
    assert OPERATOR in [step["author"] for step in steps if step["event"] == "ACKNOWLEDGED"]


def test_repaired_machine_is_well_again(page: Page) -> None:
    page.open_asset(QUICK)
    page.click(".st-key-repair button")
    page.wait(lambda: page.text(".st-key-reasons") == "Nothing is out of the ordinary.", "it is well again")


def test_machine_is_recalibrated_and_its_report_shown(page: Page, stage: Stage) -> None:
    before = stage.client.get("/api/v1/calibration/status", asset_id=JAPANESE)["version"]
    page.open_asset(JAPANESE)
    page.type(".st-key-author input", OPERATOR)
    page.section("Calibration")
    page.click(".st-key-calibrate button")

    def told() -> dict[str, Any]:
        status: dict[str, Any] = stage.client.get("/api/v1/calibration/status", asset_id=JAPANESE)
        return status

    def accepted() -> bool:
        status = told()
        return status["stage"] == "accepted" and status["version"] not in (None, before)

    page.wait(accepted, "it is recalibrated")
    page.wait(lambda: told()["version"] in page.text(".st-key-calibration"), "the page names the new baseline")
    assert told()["acceptance"]["grade"] in page.text(".st-key-acceptance")


@pytest.mark.parametrize(
    ("kind", "begins"),
    [("executive", b"%PDF-"), ("industrial", b"%PDF-"), ("excel", b"PK"), ("history", b"event_id,timestamp,")],
)
def test_report_is_prepared_and_downloaded(page: Page, tmp_path: Path, kind: str, begins: bytes) -> None:
    page.browser.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)})
    page.open_asset(JAPANESE)
    page.section("Reports and data")
    page.click(f".st-key-prepare_{kind} button")
    page.click(f".st-key-download_{kind} button")

    def whole() -> list[Path]:
        return [file for file in tmp_path.iterdir() if not file.name.endswith(".crdownload")]

    page.wait(lambda: bool(whole()), f"the {kind} report is downloaded")
    (file,) = whole()
    assert file.read_bytes().startswith(begins)
    assert JAPANESE in file.name


def test_dead_service_is_told_within_five_seconds(page: Page, stage: Stage) -> None:
    """The last test of this file: the service stays dead."""
    page.open_asset(JAPANESE)
    kill_with_children(stage.site.service.process.pid)
    took = page.wait(lambda: page.link() == "DOWN", "the banner says that the service is down")
    assert took <= WARNING_WITHIN_S
    assert "LIVE" not in page.text(".st-key-banner")
    time.sleep(3.0)
    assert page.link() == "DOWN", "it stays down"
