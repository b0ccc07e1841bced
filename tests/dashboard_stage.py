"""The whole stack for the browser tests: servers as `demo-plant` starts them, a few simulated machines, and the dashboard."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from selenium.common.exceptions import WebDriverException
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from smart_sentry.assets import AssetType
from smart_sentry.config import Settings
from smart_sentry.demos.plant_servers import Site, dashboard_server, open_site, prepared_home
from smart_sentry.servers import RunningServer, free_port, running
from smart_sentry.service_client import ServiceClient, calibrate_over_http
from smart_sentry.simulation.asset import AssetPlan
from smart_sentry.simulation.plant import SimulatedPlant
from smart_sentry.simulation.shop_floor import QUICK_MOTOR, asset_types, peace

PROJECT = Path(__file__).parents[1]
PAST_S = 600.0
SCRIPT_NAME = "<script>alert(1)</script>"
ASSETS = ("quick_01", "ポンプ_04", SCRIPT_NAME)
PATIENCE_S = 60.0


@dataclass
class Stage:
    """A plant that runs, and its dashboard."""

    site: Site
    client: ServiceClient
    dashboard: RunningServer


@contextmanager
def open_stage(folder: Path, assets: Sequence[str] = ASSETS, with_services: bool = False) -> Iterator[Stage]:
    """Healthy, calibrated machines that are read five times a second, until the block ends.

    Args:
        folder: of the plant; a PostgreSQL of root's has to reach it.
        assets: their names.
        with_services: whether readings go through Kafka and a worker into PostgreSQL and Redis.
    """
    settings = Settings(home=PROJECT, port=free_port(), dashboard_port=free_port(), kafka_heap_mb=256)
    with ExitStack() as stack:
        home = prepared_home(settings, folder / "plant")
        site = stack.enter_context(open_site(settings, home, with_services, print))
        client = stack.enter_context(ServiceClient(site.address))
        kind = asset_types(home / "configs" / "assets")[QUICK_MOTOR]
        plant = stack.enter_context(closing(_plant(site, client, kind, assets)))
        site.wait_until_stored(plant.asset_ids, plant.send_past())
        ends = calibrate_over_http(client, list(assets), PAST_S / 60.0, "the test", lambda *_: None)
        assert [end.problem for end in ends] == [None] * len(assets)
        stopped = threading.Event()
        thread = threading.Thread(target=plant.run, args=(stopped,))
        thread.start()
        stack.callback(thread.join)
        stack.callback(stopped.set)
        dashboard = running(dashboard_server(settings, site, print), site.logs / "dashboard.log")
        yield Stage(site, client, stack.enter_context(dashboard))


def _plant(site: Site, client: ServiceClient, kind: AssetType, assets: Sequence[str]) -> SimulatedPlant:
    plans = [AssetPlan(name, kind, peace(), PAST_S, PAST_S, seed) for seed, name in enumerate(assets, start=1)]
    sinks = {plan.asset_id: site.sink(kind) for plan in plans}
    return SimulatedPlant(site.home, plans, sinks, lambda *_: None)


def kill_with_children(process: int) -> None:
    """kill -9: the server and its workers, which have groups of their own."""
    found = [process]
    for one in found:
        found += map(int, Path(f"/proc/{one}/task/{one}/children").read_text().split())
    for one in found:
        os.kill(one, signal.SIGKILL)


def demand_quiet(client: ServiceClient, asset: str) -> None:
    """Acknowledges what a healthy machine has raised (2 of 1000 readings are beyond its limit); waits until none is open."""
    deadline = time.monotonic() + 90.0  # an alarm goes 60 s after its condition
    while alarms := client.get("/api/v1/alarms", asset_id=asset)["alarms"]:
        assert time.monotonic() < deadline, alarms
        for alarm in alarms:
            if alarm["state"] in ("UNACKNOWLEDGED", "RETURNED_UNACKNOWLEDGED"):
                body = {"asset_id": asset, "key": alarm["kind"], "action": "acknowledge", "author": "the test"}
                client.post("/api/v1/alarms", body)
        time.sleep(0.5)


@dataclass
class Page:
    """The dashboard in a browser, as a person sees it. It is looked at in one go: it is drawn anew every second."""

    browser: Chrome
    address: str

    def open(self, path: str = "/") -> None:
        """Goes to a page and waits until it is live."""
        self.browser.get(self.address + path)
        self.wait(lambda: self.link() == "LIVE", "the banner says LIVE")

    def open_asset(self, name: str) -> None:
        """Goes to an asset's page and waits until its cards are drawn."""
        self.open(f"/asset?asset={quote(name, safe='')}")
        self.wait(lambda: self.count(".st-key-signal_cards .ss-card") > 0, f"the cards of {name}")

    def link(self) -> str:
        """What the banner says: LIVE, DOWN, ...; empty where it is not drawn."""
        found = self.browser.execute_script("return document.querySelector('.st-key-banner .ss-banner')?.dataset.state")
        return str(found or "")

    def count(self, selector: str) -> int:
        """How many elements fit."""
        return int(self.browser.execute_script("return document.querySelectorAll(arguments[0]).length", selector))

    def text(self, selector: str = "body") -> str:
        """What is read there, of all that fits; empty where nothing does."""
        script = "return [...document.querySelectorAll(arguments[0])].map(one => one.innerText).join('\\n')"
        return str(self.browser.execute_script(script, selector)).strip()

    def click(self, selector: str) -> None:
        """Clicks what is there once it can be clicked."""
        self.wait(lambda: self._clicked(By.CSS_SELECTOR, selector), f"{selector} can be clicked")

    def section(self, name: str) -> None:
        """Opens a section of an asset's page."""
        path = f"//*[@data-testid='stButtonGroup']//button[normalize-space()='{name}']"
        self.wait(lambda: self._clicked(By.XPATH, path), f"section {name}")

    def type(self, selector: str, text: str) -> None:
        """Writes into a field in place of what stands there, and leaves it."""
        self.wait(lambda: self._typed(selector, text), f"{selector} can be written into")

    def wait(self, true: Callable[[], bool], what: str, seconds: float = PATIENCE_S) -> float:
        """Waits until it is true; how many seconds that took. What the page replaces while it is looked at counts as not yet."""
        began = time.monotonic()
        while True:
            try:
                if true():
                    return time.monotonic() - began
            except WebDriverException:
                pass
            assert time.monotonic() - began < seconds, f"not within {seconds} s: {what}; the page says:\n{self.text()}"
            time.sleep(0.05)

    def _clicked(self, by: str, selector: str) -> bool:
        found = [one for one in self.browser.find_elements(by, selector) if one.is_enabled()]
        if found:
            self.browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", found[0])
            found[0].click()
        return bool(found)

    def _typed(self, selector: str, text: str) -> bool:
        field = self.browser.find_element(By.CSS_SELECTOR, selector)
        field.send_keys(Keys.CONTROL, "a")
        field.send_keys(Keys.BACKSPACE)
        field.send_keys(text, Keys.TAB)
        return field.get_attribute("value") == text
