"""Small C-MAPSS files with their own checksums, a local web server that can misbehave, and the asset types."""

from __future__ import annotations

import hashlib
import io
import threading
import time
import zipfile
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from smart_sentry.assets import AssetType, load_asset_type
from smart_sentry.datasets import cmapss_files

ASSETS = Path(__file__).parents[3] / "configs" / "assets"
CLOSED_ADDRESS = "http://127.0.0.1:9/cmapss.zip"
"""Nothing listens on the discard port of this machine."""


@pytest.fixture(scope="session")
def turbofan() -> AssetType:
    return load_asset_type(ASSETS / "turbofan.yaml")


@pytest.fixture(scope="session")
def motor_type() -> AssetType:
    return load_asset_type(ASSETS / "motor_fleet.yaml")


@pytest.fixture(scope="session")
def assets_folder() -> Path:
    return ASSETS


@pytest.fixture(scope="session")
def closed_address() -> str:
    return CLOSED_ADDRESS


def line(unit: int, cycle: int) -> str:
    """A line as NASA writes it: single spaces, two at the end."""
    settings = ["-0.0007", "0.0004", "100.0"]
    sensors = [f"{500 + sensor + cycle / 10:.2f}" for sensor in range(20)] + ["23.4190"]
    return " ".join([str(unit), str(cycle), *settings, *sensors]) + "  \n"


@pytest.fixture
def tiny_cmapss(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """All twelve files, small: two train engines of 3 and 2 cycles, two test engines of 2 and 1. Their checksums are pinned."""
    files = {}
    for name in cmapss_files.SETS:
        rows = [(1, 1), (1, 2), (1, 3), (2, 1), (2, 2)]
        files[f"train_{name}.txt"] = "".join(line(*row) for row in rows).encode()
        files[f"test_{name}.txt"] = "".join(line(*row) for row in [(1, 1), (1, 2), (2, 1)]).encode()
        files[f"RUL_{name}.txt"] = b"112 \n98 \n"
    for name, content in files.items():
        monkeypatch.setitem(cmapss_files.SHA256, name, hashlib.sha256(content).hexdigest())
    return files


def zip_of(files: Mapping[str, bytes], prefix: str = "") -> bytes:
    """A zip archive of files under a folder."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(prefix + name, content)
    return buffer.getvalue()


def nasa_zip_of(files: Mapping[str, bytes]) -> bytes:
    """NASA's form: a zip with a folder with the zip."""
    return zip_of({"CMAPSSData.zip": zip_of(files)}, "6. Turbofan Engine Degradation Simulation Data Set/")


class WebServer(ThreadingHTTPServer):
    """Serves `body` the way `manner` says: whole, cut, silent or refused."""

    daemon_threads = True
    body = b""
    manner = "whole"
    requests = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/cmapss.zip"


class _Handler(BaseHTTPRequestHandler):
    server: WebServer

    def do_GET(self) -> None:
        self.server.requests += 1
        if self.server.manner == "silent":
            time.sleep(1.0)
            self.close_connection = True
            return
        if self.server.manner == "refused":
            self.send_error(503)
            return
        body = self.server.body
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body if self.server.manner == "whole" else body[: len(body) // 2])

    def log_message(self, *args: object) -> None:
        """Keeps the test's output clean."""


@pytest.fixture
def web_server() -> Iterator[WebServer]:
    server = WebServer(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def make_zip():
    return zip_of


@pytest.fixture
def make_nasa_zip():
    return nasa_zip_of
