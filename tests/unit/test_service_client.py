"""A running service over HTTP: calibrations of many assets at once, keys, and clear words where it refuses or is away."""

from __future__ import annotations

from pathlib import Path

import pytest
from plant_fixture import client_of_pumps, healthy, readings_of, send_batch
from pydantic import SecretStr
from recalibration_fixture import ASSET, pump_at_new_duty
from typer.testing import CliRunner

from smart_sentry.cli import app
from smart_sentry.errors import ServiceRefused
from smart_sentry.plant.recalibration_run import carry_forward, open_or_ask
from smart_sentry.servers import free_port
from smart_sentry.service_client import ServiceClient, calibrate_over_http, decide_over_http

KEY = "operate-0123456789abcdef"


def test_every_asset_of_a_service_is_calibrated_and_those_that_cannot_say_why(tmp_path: Path) -> None:
    with client_of_pumps(tmp_path) as http:
        for number in range(3):
            send_batch(http, [reading | {"asset_id": f"pump_{number}"} for reading in healthy(200, number)])
        send_batch(http, [reading | {"asset_id": "newcomer"} for reading in healthy(20, 9)])
        told: list[tuple[int, int]] = []
        with ServiceClient(str(http.base_url)) as client:
            ends = calibrate_over_http(
                client, ["pump_0", "newcomer", "pump_1"], 60, "Ada", lambda done, of: told.append((done, of))
            )
        assert [(end.asset_id, end.stage) for end in ends] == [
            ("pump_0", "accepted"), ("newcomer", "not started"), ("pump_1", "accepted"),
        ]  # fmt: skip
        assert "have 20, need at least 100" in str(ends[1].problem)
        assert told == [(1, 3), (2, 3), (3, 3)]
        ran = CliRunner().invoke(app, ["calibrate", "--all", "--service", str(http.base_url)])
        assert ran.exit_code == 1, "one asset has too few readings"
        assert "pump_2: baseline" in ran.output
        assert "3 of 4 assets calibrated" in ran.output
        assert all(
            one["baseline_established"] for one in http.get("/api/v1/assets").json() if one["asset_id"] != "newcomer"
        )


def test_decision_over_http_names_what_is_decided_and_by_whom(tmp_path: Path) -> None:
    with pump_at_new_duty(tmp_path) as moved, ServiceClient(str(moved.client.base_url)) as client:
        first = open_or_ask(moved.shop, ASSET, "time")["number"]
        rejected = decide_over_http(client, first, "Ada", "wait for the sensor", approve=False)
        assert (rejected["state"], rejected["decided_by"]) == ("REFUSED", "Ada")
        second = carry_forward(moved.shop, open_or_ask(moved.shop, ASSET, "time", override=True)["number"])
        with pytest.raises(ServiceRefused, match="it needs a person's name"):
            decide_over_http(client, second["number"], "schedule", "time", approve=True)
        approved = decide_over_http(client, second["number"], "Ada", "two shifts", approve=True)
        assert (approved["state"], approved["decided_by"]) == ("WATCHING", "Ada")


def test_only_assets_of_a_type_are_calibrated_where_one_is_named(tmp_path: Path) -> None:
    with client_of_pumps(tmp_path) as http:
        send_batch(http, healthy(200, 1))
        ran = CliRunner().invoke(app, ["calibrate", "--all", "--type", "fan", "--service", str(http.base_url)])
        assert (ran.exit_code, ran.output.strip()) == (1, "0 of 0 assets calibrated")


def test_key_is_shown_to_the_service_and_to_nobody_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with client_of_pumps(tmp_path, api_keys=SecretStr(f"admin:{KEY}")) as http:
        http.headers["X-API-Key"] = KEY
        send_batch(http, healthy(200, 1))
        command = ["calibrate", "--all", "--service", str(http.base_url)]
        refused = CliRunner().invoke(app, command)
        assert isinstance(refused.exception, ServiceRefused)
        assert "SMART_SENTRY_API_KEY" in str(refused.exception)
        monkeypatch.setenv("SMART_SENTRY_API_KEY", KEY)
        ran = CliRunner().invoke(app, command)
        assert ran.exit_code == 0, ran.output
        assert KEY not in ran.output


def test_service_that_is_away_or_refuses_is_named_with_what_to_do() -> None:
    address = f"http://127.0.0.1:{free_port()}"
    with ServiceClient(address) as client, pytest.raises(ServiceRefused, match="smart-sentry monitor") as away:
        client.get("/api/v1/assets")
    assert address in str(away.value)
    assert not away.value.answered
    with pytest.raises(ServiceRefused, match="not an address"):
        ServiceClient("localhost:3000")


@pytest.mark.parametrize("arguments", [[], ["--type", "motor"], ["--data", "x.csv"], ["--all", "--data", "x.csv"]])
def test_calibrate_says_which_options_go_together(arguments: list[str]) -> None:
    ran = CliRunner().invoke(app, ["calibrate", *arguments])
    assert ran.exit_code == 2
    assert "--all" in ran.output


def test_simulated_readings_reach_a_service_that_asks_for_a_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from smart_sentry.simulation.http_sink import HttpSink
    from smart_sentry.simulation.simulator import sink_for

    with client_of_pumps(tmp_path, api_keys=SecretStr(f"ingest:{KEY}")) as http:
        for key, status in ((None, 401), (KEY, 200)):
            sink = sink_for(str(http.base_url), None, 1, print, key)
            assert isinstance(sink, HttpSink)
            answer = sink._client.post(sink.destination, json=readings_of(healthy_values(), "pump_1", [0])[0])
            sink.close()
            assert answer.status_code == status


def healthy_values() -> object:
    from condition_sample import running

    return running(1, 1)
