"""Measures in the page how long after a click its content has changed: with the page's own clock, without the driver's delays."""

from __future__ import annotations

import os

from dashboard_stage import Page
from selenium.webdriver import Chrome

from dashboard.marks import VERMILLION

_WATCH = """
const all = selector => document.querySelectorAll(selector), spans = arguments[0];
const before = all(spans).length;  // a healthy machine is beyond its limit in 0.2 % of its readings, too
const checks = {
  card: () => all('.st-key-signal_cards .ss-card.ss-off').length >= 3,
  reason: () => [...all('.st-key-reasons .ss-reasons:not(.ss-well)')].some(one => one.innerText.split('against').length > 2),
  chart: () => all(spans).length > before,
  alarm: () => all('.st-key-alarms .ss-alarm').length > 0,
};
window.seen = {};
document.addEventListener('click', () => {
  const began = performance.now();
  const timer = setInterval(() => {
    for (const [name, check] of Object.entries(checks))
      if (!(name in window.seen) && check()) window.seen[name] = (performance.now() - began) / 1000;
    if (Object.keys(window.seen).length === Object.keys(checks).length) clearInterval(timer);
  }, 25);
}, {capture: true, once: true});
return Object.entries(checks).filter(([, check]) => check()).map(([name]) => name);
"""
CHANGES = 4
BESIDE_OTHERS = 3.0 if "PYTEST_XDIST_WORKER" in os.environ else 1.0
"""How much longer everything takes where the suite's other tests run on the same two cores: alone it has to keep the figures."""
CHANGE_WITHIN_S = 2.0 * BESIDE_OTHERS
_SPANS = f".st-key-signal_chart svg path[fill='{VERMILLION}' i]"


def watch_changes(browser: Chrome) -> None:
    """From the next click on; none of the changes may be there yet."""
    there = browser.execute_script(_WATCH, _SPANS)
    assert there == [], f"already there before the click: {there}"


def await_changes(page: Page, seconds: float) -> dict[str, float]:
    """Seconds from the click to each change: three cards beyond normal, a reason of two signals, an anomaly span, an alarm."""
    page.wait(
        lambda: len(page.browser.execute_script("return window.seen")) == CHANGES, "all changes are seen", seconds
    )
    found: dict[str, float] = page.browser.execute_script("return window.seen")
    return found
