"""The pages against a real service and its database, run by Streamlit's own test harness: no browser."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import datetime

import httpx
import numpy as np
import pytest
import streamlit as st
import yaml
from condition_sample import running
from live_stage import wait_until
from plant_fixture import PUMP, calibrate_asset, client_of_pumps, healthy, readings_of, send_batch
from streamlit.testing.v1 import AppTest

from dashboard import session

ASSET, EVIL = "motor_01", "<script>alert(1)</script>"
PATIENCE_S = 60


def fleet_page() -> None:
    from dashboard.views import fleet

    fleet.page()


def asset_page() -> None:
    from dashboard import session
    from dashboard.views import asset

    session.sidebar()
    asset.page()


def models_page() -> None:
    from dashboard.views import models

    models.page()


def kpi_page() -> None:
    from dashboard.views import alarm_figures

    alarm_figures.page()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A calibrated pump that vibrates by now, and one with a name that is no name; the dashboard's settings lead there."""
    home = tmp_path_factory.mktemp("plant")
    (home / "configs" / "assets").mkdir(parents=True)
    (home / "configs" / "assets" / f"{PUMP.name}.yaml").write_text(yaml.safe_dump(PUMP.model_dump(mode="json")))
    with client_of_pumps(home) as client, pytest.MonkeyPatch.context() as patch:
        send_batch(client, healthy(300, 1))
        calibrate_asset(client, ASSET)
        values = running(30, 2)
        values[:, 2] += 0.5
        send_batch(client, readings_of(values, ASSET, range(300, 330)))
        send_batch(client, healthy(3, 3, EVIL))
        patch.setenv("SMART_SENTRY_HOME", str(home))
        patch.setenv("SMART_SENTRY_DATABASE", f"sqlite:///{home / 'plant.db'}")
        patch.setenv("SMART_SENTRY_SERVICE_URL", str(client.base_url).rstrip("/"))
        st.cache_resource.clear()
        try:
            wait_until(lambda: len(session.plant().view().assets) == 2, 30)
            yield client
        finally:
            st.cache_resource.clear()


def opened(page: Callable[[], None], **query: str) -> AppTest:
    test = AppTest.from_function(page, default_timeout=PATIENCE_S)
    for name, value in query.items():
        test.query_params[name] = value
    test.run()
    assert not test.exception, test.exception
    return test


def html_of(test: AppTest) -> str:
    return "\n".join(str(one.proto.body) for one in test.get("html"))


def section(name: str) -> AppTest:
    """A section of the asset's page, with an operator's name."""
    test = opened(asset_page, asset=ASSET, section=name)
    test.text_input(key="author").set_value("Ada")
    return test


def test_fleet_lists_every_asset_the_worst_first(service: httpx.Client) -> None:
    test = opened(fleet_page)
    table = test.dataframe[0].value
    assert table["Asset"].tolist() == [ASSET, EVIL]
    assert "Open alarms" in html_of(test)
    test.text_input(key="fleet_search").set_value("script").run()
    assert test.dataframe[0].value["Asset"].tolist() == [EVIL]
    test.text_input(key="fleet_search").set_value("nothing like it").run()
    assert "No asset fits" in test.info[0].value


def test_asset_shows_figures_cards_and_reason_as_the_service_tells_them(service: httpx.Client) -> None:
    page = html_of(opened(asset_page, asset=ASSET))
    told = service.get("/api/v1/monitoring/status", params={"asset_id": ASSET}).json()["asset"]
    assert f'alt="health {told["health"]:.0f} of 100"' in page
    assert told["risk"] in page
    assert told["reason"] in page.replace("&lt;", "<")
    for signal in PUMP.signals:
        assert f'data-signal="{signal.name}"' in page
    means = service.get("/api/v1/monitoring/baseline", params={"asset_id": ASSET}).json()["phases"]
    (known,) = [its for name, its in means.items() if name in (told["phase"], "UNKNOWN")][:1]
    first = PUMP.sensor_names[0]
    assert f"target {known[first]['mean']:.4g}" in page


def test_a_name_that_is_markup_is_shown_as_text(service: httpx.Client) -> None:
    page = html_of(opened(asset_page, asset=EVIL))
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script>" not in page


def test_an_asset_that_nobody_knows_is_told(service: httpx.Client) -> None:
    assert "No asset is called pump" in opened(asset_page, asset="pump 9").warning[0].value


def test_the_past_before_the_dashboard_is_in_the_charts(service: httpx.Client) -> None:
    opened(asset_page, asset=ASSET)
    history = session.plant().history(ASSET)
    assert history is not None
    assert len(history) == 330
    stored = service.get("/api/v1/data/history", params={"asset_id": ASSET, "minutes": 15, "limit": 10_000}).json()
    flags = [one["flag"] for one in reversed(stored["assessments"])]
    assert history.flag.tolist() == flags
    values = [[one[name] for name in history.signals] for one in reversed(stored["readings"])]
    np.testing.assert_allclose(history.values, np.array(values), rtol=1e-6)


def test_actions_need_a_name(service: httpx.Client) -> None:
    test = opened(asset_page, asset=ASSET)
    (button,) = [one for one in test.button if str(one.key).startswith("acknowledge-")]
    button.click().run()
    assert "Enter your name" in test.error[0].value


def test_an_alarm_is_acknowledged_in_the_operators_name(service: httpx.Client) -> None:
    test = opened(asset_page, asset=ASSET)
    test.text_input(key="author").set_value("Ada")
    (button,) = [one for one in test.button if str(one.key).startswith("acknowledge-")]
    button.click().run()
    assert not test.exception
    steps = service.get("/api/v1/alarms", params={"asset_id": ASSET, "transitions": True}).json()["transitions"]
    assert (steps[0]["event"], steps[0]["author"]) == ("ACKNOWLEDGED", "Ada")
    wait_until(lambda: session.plant().view().assets[ASSET].alarms[0].to_state == "ACKNOWLEDGED", 5)


def test_shelving_needs_a_reason_and_ends_when_it_was_asked_to(service: httpx.Client) -> None:
    test = section("Alarms")
    test.selectbox(key=f"alarm_do_{ASSET}_anomaly").select("shelve").run()
    test.button(key="alarm_record").click().run()
    assert "Say why" in test.error[0].value
    test.number_input(key="alarm_hours").set_value(2.0)
    test.text_input(key="alarm_reason").set_value("fitter is on the way")
    test.button(key="alarm_record").click().run()
    assert not test.exception
    (alarm,) = service.get("/api/v1/alarms", params={"asset_id": ASSET}).json()["alarms"]
    assert alarm["state"] == "SHELVED"
    assert alarm["details"]["shelved_until"] == pytest.approx(time.time() + 7200, abs=120)
    assert "fitter is on the way" in html_of(test)


def test_a_refusal_is_a_sentence(service: httpx.Client) -> None:
    test = opened(asset_page, asset=EVIL, section="Calibration")
    test.text_input(key="author").set_value("Ada")
    test.text_input(key="rollback_reason").set_value("worn")
    test.button(key="rollback").click().run()
    assert test.error[0].value.replace("\\", "").startswith("The service refused: rollback refused")
    assert not test.exception


def test_a_note_is_recorded_and_shown_as_text(service: httpx.Client) -> None:
    test = section("Notes")
    test.text_area(key="note_text").set_value(f"bearing is loud {EVIL}")
    test.button(key="note_add").click().run()
    assert not test.exception
    assert "bearing is loud &lt;script&gt;" in html_of(test)
    note = service.get("/api/v1/logs", params={"asset_id": ASSET}).json()[0]
    assert (note["author"], note["kind"]) == ("Ada", "observation")


def test_calibration_shows_the_acceptance_report_and_can_begin_anew(service: httpx.Client) -> None:
    test = section("Calibration")
    told = service.get("/api/v1/monitoring/baseline", params={"asset_id": ASSET}).json()
    assert told["version"] in html_of(test)
    test.number_input(key="calibration_minutes").set_value(20.0)
    test.button(key="calibrate").click().run()
    assert not test.exception
    deadline = time.monotonic() + 30
    while (status := service.get("/api/v1/calibration/status", params={"asset_id": ASSET}).json())["progress"] < 1:
        assert time.monotonic() < deadline, status
        time.sleep(0.1)
    test.run()
    assert test.success or test.error, "the end of the calibration is told"


def test_what_if_judges_edited_readings(service: httpx.Client) -> None:
    test = section("What if")
    test.selectbox(key=f"preset_{ASSET}").select(f"{PUMP.sensor_names[0]} high").run()
    test.button(key="what_if_judge").click().run()
    assert not test.exception
    assert "ss-table-what-if" in html_of(test)


def test_work_on_a_machine_begins_and_ends_from_the_page(service: httpx.Client) -> None:
    test = section("Upkeep")
    test.button(key="work_begin").click().run()
    assert "Say what is done" in test.error[0].value
    test.text_input(key="work_reason").set_value("belt is changed")
    test.number_input(key="work_hours").set_value(2.0)
    test.button(key="work_begin").click().run()
    assert not test.exception
    until = service.get("/api/v1/monitoring/status", params={"asset_id": ASSET}).json()["asset"]["maintenance_until"]
    assert datetime.fromisoformat(until).timestamp() == pytest.approx(time.time() + 7200, abs=120)
    test = section("Upkeep")
    wait_until(lambda: "People work on it" in html_of(test.run()), 10)  # what the service says is kept for seconds
    test.text_input(key="work_reason").set_value("handed back")
    test.button(key="work_end").click().run()
    assert "People work on it" not in html_of(test.run())
    told = service.get("/api/v1/monitoring/status", params={"asset_id": ASSET}).json()["asset"]
    assert told["maintenance_until"] is None


def test_a_purge_needs_the_name_typed(service: httpx.Client) -> None:
    test = section("Upkeep")
    test.text_input(key="purge_confirm").set_value("motor")
    test.button(key="purge_do").click().run()
    assert "Nothing was deleted" in test.error[0].value
    assert ASSET in {one["asset_id"] for one in service.get("/api/v1/assets").json()}


def test_history_is_offered_as_csv(service: httpx.Client) -> None:
    test = section("Reports and data")
    test.button(key="prepare_history").click().run()
    assert not test.exception
    asset, file = test.session_state["file_history"]
    made = file.content.decode().splitlines()
    assert asset == ASSET
    assert made[0].startswith("event_id,timestamp,")
    assert any("newest 10,000 readings" in one.value for one in test.caption)
    assert len(made) == 331


def test_the_fleet_report_is_offered_on_the_fleet_page(service: httpx.Client) -> None:
    test = opened(fleet_page)
    test.button(key="prepare_fleet").click().run()
    assert not test.exception
    assert not test.error
    _, file = test.session_state["file_fleet"]
    assert file.media_type == "application/pdf"
    assert file.content.startswith(b"%PDF")
    assert file.name.startswith("fleet-")


def test_one_file_of_a_kind_is_kept_and_offered_for_the_asset_that_it_is_of(service: httpx.Client) -> None:
    test = section("Reports and data")
    test.button(key="prepare_history").click().run()
    assert [one.key for one in test.get("download_button")] == ["download_history"]
    test.query_params["asset"] = EVIL
    test.run()
    assert not test.get("download_button")
    test.button(key="prepare_history").click().run()
    assert test.session_state["file_history"][0] == EVIL
    assert [key for key in test.session_state if key.startswith("file_")] == ["file_history"]


def test_address_without_the_name_of_an_asset_asks_for_one(service: httpx.Client) -> None:
    for test in (opened(asset_page), opened(asset_page, asset="")):
        assert not test.warning
        assert "Choose an asset" in test.info[0].value


def test_models_and_alarm_figures_are_drawn(service: httpx.Client) -> None:
    assert "model" in opened(models_page).info[-1].value  # no champion is packaged here, and the page says so
    page = html_of(opened(kpi_page))
    told = service.get("/api/v1/alarms/kpis").json()
    assert f'<span class="ss-value">{told["annunciations"]}</span>' in page


def test_without_the_service_pages_say_so_and_stand(service: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    from dashboard.desk import Desk
    from smart_sentry.service_client import ServiceClient

    with ServiceClient("http://127.0.0.1:9", timeout_s=2) as nobody:
        dead = Desk(nobody)
        monkeypatch.setattr(session, "desk", lambda: dead)
        for page in (models_page, kpi_page):
            test = opened(page)
            told = [one.value for one in (*test.warning, *test.info)]
            assert any("does not answer" in one for one in told), told
        assert "the service did not say" in html_of(opened(asset_page, asset=ASSET))
