"""Questions to the service: answers are kept for as long as was asked, and what was said last stays where nobody answers."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest
from plant_fixture import client_of_pumps, healthy, send_batch

from dashboard.desk import Desk
from smart_sentry.errors import ServiceRefused
from smart_sentry.service_client import ServiceClient

STATUS = "/api/v1/monitoring/status"


def test_answers_are_kept_until_they_are_too_old_or_something_was_sent(tmp_path: Path) -> None:
    now = 0.0
    with client_of_pumps(tmp_path) as http, ServiceClient(str(http.base_url)) as client:
        desk = Desk(client, lambda: now)
        assert desk.read(STATUS, 3.0).value["assets"] == 0
        send_batch(http, healthy(3, 1))
        now = 2.9
        assert desk.read(STATUS, 3.0).value["assets"] == 0
        now = 3.1
        assert desk.read(STATUS, 3.0).value["assets"] == 1
        send_batch(http, healthy(3, 1, "motor_02"))
        desk.send("/api/v1/logs", {"asset_id": "motor_01", "author": "Ada", "text": "heard it"})
        assert desk.read(STATUS, 3.0).value["assets"] == 2
        with pytest.raises(ServiceRefused, match="404"):
            desk.ask("/api/v1/data/history", asset_id="nobody")


def test_where_nobody_answers_the_last_answer_stands_beside_the_problem(tmp_path: Path) -> None:
    now = 0.0
    with client_of_pumps(tmp_path) as http:
        client = ServiceClient(str(http.base_url), timeout_s=2)
        desk = Desk(client, lambda: now)
        assert desk.read(STATUS).problem is None
        missing = desk.read("/api/v1/monitoring/baseline", asset_id="nobody")
        assert missing.missing
        assert missing.value is None
        assert str(missing.problem).startswith("The service refused: ")
    now = 10.0
    answer = desk.read(STATUS)
    assert answer.value["assets"] == 0
    assert "does not answer" in str(answer.problem)
    desk.close()


def test_a_service_that_is_down_is_not_asked_and_what_it_said_last_stands(tmp_path: Path) -> None:
    now, down = 0.0, False
    with client_of_pumps(tmp_path) as http, ServiceClient(str(http.base_url)) as client:
        desk = Desk(client, lambda: now, is_down=lambda: down)
        assert desk.read(STATUS).value["assets"] == 0
        send_batch(http, healthy(3, 1))
        now, down = 10.0, True
        answer = desk.read(STATUS)
        assert answer.value["assets"] == 0
        assert "does not answer" in str(answer.problem)
        assert desk.read("/health").value is None
        down = False
        assert desk.read(STATUS).value["assets"] == 1  # at once: that it was down was no answer


def test_a_service_that_hangs_holds_a_page_up_no_longer_than_a_reader_waits() -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        address = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        desk = Desk(ServiceClient(address, timeout_s=20.0), reader=ServiceClient(address, timeout_s=0.3))
        began = time.monotonic()
        answer = desk.read(STATUS)
        assert 0.3 <= time.monotonic() - began < 5.0
        assert "does not answer" in str(answer.problem)
        desk.close()
