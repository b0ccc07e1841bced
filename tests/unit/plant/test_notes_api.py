"""Notes over HTTP: when something happened, and alarms that were none."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from plant_fixture import client_of_pumps, healthy, send_batch

ASSET = "motor_01"


@pytest.fixture
def client(tmp_path: Path) -> Iterator[httpx.Client]:
    with client_of_pumps(tmp_path) as found:
        send_batch(found, healthy(10, 1))
        yield found


def write(client: httpx.Client, **more: str) -> httpx.Response:
    note = {"asset_id": ASSET, "kind": "maintenance", "author": "Ada", "text": "Bearing renewed."}
    return client.post("/api/v1/logs", json=note | more)


def test_note_stands_at_the_time_at_which_it_happened(client: httpx.Client) -> None:
    assert write(client, time="2026-01-01T08:30:00+02:00").status_code == 201
    assert write(client).status_code == 201
    now, earlier = (datetime.fromisoformat(one["time"]) for one in client.get("/api/v1/logs").json())
    assert earlier == datetime(2026, 1, 1, 6, 30, tzinfo=UTC)
    assert abs(datetime.now(UTC) - now) < timedelta(minutes=1)


def test_note_about_the_future_is_refused_with_its_field(client: httpx.Client) -> None:
    refused = write(client, time=(datetime.now(UTC) + timedelta(hours=1)).isoformat())
    assert refused.status_code == 422
    assert refused.json()["error"]["details"] == [
        {"field": "time", "reason": "expected a time that is not in the future"}
    ]
    assert client.get("/api/v1/logs").json() == []


def test_false_alarm_is_a_kind_of_note(client: httpx.Client) -> None:
    assert write(client, kind="false alarm").status_code == 201
    assert [one["kind"] for one in client.get("/api/v1/logs").json()] == ["false alarm"]
