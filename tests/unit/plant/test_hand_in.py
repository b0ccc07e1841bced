"""Findings from another process: a plant is opened only where nobody listens, never beside a service that is slow."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from smart_sentry.config import Settings
from smart_sentry.errors import ServiceRefused
from smart_sentry.plant.hand_in import hand_in
from smart_sentry.servers import free_port
from smart_sentry.stores.drift_findings import Finding

FOUND = Finding("motor_01", 1000.0, "v1", 0.0, 999.0, "none", 0.9, False, ())


@contextmanager
def hanging_up() -> Iterator[str]:
    """Address of a service that takes a connection and hangs up without an answer."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def take() -> None:
            listening.accept()[0].close()

        thread = threading.Thread(target=take)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        thread.join()


def test_service_that_takes_the_connection_and_does_not_answer_is_not_taken_for_an_absent_one(tmp_path: Path) -> None:
    with hanging_up() as address, pytest.raises(ServiceRefused, match="try again") as refused:
        hand_in(Settings(home=tmp_path, service_url=address), [FOUND])
    assert not refused.value.absent
    assert list(tmp_path.iterdir()) == []  # nobody opened a database


def test_plant_is_opened_where_nobody_listens(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, service_url=f"http://127.0.0.1:{free_port()}")
    assert hand_in(settings, [FOUND]).unknown == ("motor_01",)
    assert (tmp_path / "data" / "smart_sentry.db").is_file()
