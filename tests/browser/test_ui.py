"""What a person sees in MLflow and Prefect after a training: opened in a real browser."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from tiny_project import TINY, Training

from smart_sentry.config import Settings
from smart_sentry.servers import free_port
from smart_sentry.tracking.links import model_version_page
from smart_sentry.ui import open_interfaces

PATIENCE_S = 90


@pytest.fixture(scope="module")
def links(training: Training) -> Iterator[dict[str, str]]:
    """Both interfaces as `smart-sentry ui` opens them; Prefect's is the server that ran the training."""
    assert training.flow_run["state"]["type"] == "COMPLETED", training.worker_log
    settings = Settings(home=training.checkout, mlflow_port=free_port())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PREFECT_API_URL", f"{training.server.address}/api")
        with open_interfaces(settings) as found:
            yield {link.text: link.url for link in found}


@pytest.fixture(scope="module")
def screenshots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("screenshots")


def text_of(browser: Chrome, url: str, *wanted: str) -> str:
    """The page's text once it holds everything that is wanted, or as it is when patience ends."""
    browser.get("about:blank")  # a new address behind the same # would not load the page anew
    browser.get(url)
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            text = browser.find_element(By.TAG_NAME, "body").text
        except StaleElementReferenceException:
            text = ""
        if all(part in text for part in wanted) or time.monotonic() > deadline:
            return text
        time.sleep(0.5)


def champion_of(training: Training) -> tuple[str, str]:
    """Version and run name of the registered champion, read from the database itself."""
    with sqlite3.connect(training.checkout / "mlruns" / "mlflow.db") as database:
        found: tuple[str, str] = database.execute(
            "SELECT a.version, r.name FROM registered_model_aliases a"
            " JOIN model_versions v ON v.name = a.name AND v.version = a.version JOIN runs r ON r.run_uuid = v.run_id"
            " WHERE a.alias = 'champion' AND a.name = ?",
            (f"smart-sentry-{TINY}",),
        ).fetchone()
    return str(found[0]), found[1]


def test_interfaces_link_straight_to_the_training_runs(links: dict[str, str]) -> None:
    assert set(links) == {f"MLflow {TINY}", "Prefect flow runs"}
    assert links[f"MLflow {TINY}"].endswith("/runs")


def test_mlflow_shows_the_champions_run(
    training: Training, links: dict[str, str], browser: Chrome, screenshots: Path
) -> None:
    _, run_name = champion_of(training)
    text = text_of(browser, links[f"MLflow {TINY}"], run_name)
    browser.save_screenshot(str(screenshots / "mlflow_runs.png"))
    assert run_name in text


def test_mlflow_shows_the_champion_in_its_registry(
    training: Training, links: dict[str, str], browser: Chrome, screenshots: Path
) -> None:
    version, run_name = champion_of(training)
    address = links[f"MLflow {TINY}"].partition("/#")[0]
    url = model_version_page(address, f"smart-sentry-{TINY}", version)
    text = text_of(browser, url, "champion", run_name)
    browser.save_screenshot(str(screenshots / "mlflow_champion.png"))
    assert "champion" in text
    assert run_name in text


def test_prefect_shows_the_flow_run(
    training: Training, links: dict[str, str], browser: Chrome, screenshots: Path
) -> None:
    text = text_of(browser, links["Prefect flow runs"], training.flow_run["name"])
    browser.save_screenshot(str(screenshots / "prefect_runs.png"))
    assert training.flow_run["name"] in text
    assert "Completed" in text


def test_prefect_shows_the_table_of_results_of_the_flow_run(
    training: Training, links: dict[str, str], browser: Chrome, screenshots: Path
) -> None:
    address = links["Prefect flow runs"].removesuffix("/runs")
    (table,) = training.server.post("/artifacts/filter", {"artifacts": {"key": {"any_": [f"results-{TINY}"]}}})
    text = text_of(browser, f"{address}/artifacts/artifact/{table['id']}", "average precision")
    browser.save_screenshot(str(screenshots / "prefect_results.png"))
    assert "average precision" in text
