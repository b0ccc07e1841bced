"""An application under a real server in this process. It imports no training library: a plant that a test kills starts sooner."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import uvicorn
from fastapi import FastAPI

from smart_sentry.servers import free_port
from smart_sentry.service_client import CONNECTIONS


@contextmanager
def served(app: FastAPI) -> Iterator[httpx.Client]:
    """Serves an application by uvicorn in a thread for the length of the block, and gives a client of it."""
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_config=None, access_log=False))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 60
    while not server.started:
        assert thread.is_alive(), "the server ended while it was starting"
        assert time.monotonic() < deadline, "the server did not start within a minute"
        time.sleep(0.02)
    try:
        # No certificates: they take longer to read than most of these tests take.
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60, verify=False, limits=CONNECTIONS) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join(30)
    assert not thread.is_alive()
