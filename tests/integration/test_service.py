"""The Bento, moved to another folder with nothing else in it, under BentoML's real server: answers, load, refusals, end."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from bundle_fixture import asset_columns, asset_rows, expected_values
from tiny_project import ROOT, TINY

from smart_sentry.bundle import Bundle
from smart_sentry.champion import bundle_folder
from smart_sentry.config import Settings
from smart_sentry.contracts.failure import FailureAssessment
from smart_sentry.contracts.prediction import PredictionResponse
from smart_sentry.monitor import Monitor
from smart_sentry.servers import Server, free_port, running
from smart_sentry.serving_package import build_bento

MARK = "0.0.0+moved"


@dataclass(frozen=True)
class Running:
    """A server process and a client of it."""

    process: subprocess.Popen[bytes]
    client: httpx.Client
    port: int


@pytest.fixture(scope="module")
def bento(packaged_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Bento of the packaged champion, taken out of the store and put into a folder of its own.

    Its copy of the sources says another version: so it shows whether the server runs them or those of this environment.
    """
    store = tmp_path_factory.mktemp("store")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BENTOML_HOME", str(store))
        tag = build_bento(bundle_folder(packaged_home, TINY), Settings(home=packaged_home))
    name, version = tag.split(":")
    moved = tmp_path_factory.mktemp("elsewhere") / "bento"
    shutil.copytree(store / "bentos" / name / version, moved)
    (moved / "src" / "smart_sentry" / "__init__.py").write_text(f'"""Moved."""\n\n__version__ = "{MARK}"\n')
    return moved


@contextmanager
def served(what: str, folder: Path, ready_path: str = "/ready", **variables: str) -> Iterator[Running]:
    """Runs `bentoml serve` in a folder, with nothing of this process's settings but its interpreter."""
    port = free_port()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SMART_SENTRY_", "PYTHONPATH"))}
    home = folder / ".bentoml"
    command = ["env", "-i", *(f"{name}={value}" for name, value in kept.items()), f"BENTOML_HOME={home}"]
    command += [f"SMART_SENTRY_PORT={port}", *(f"{name}={value}" for name, value in variables.items())]
    command += [sys.executable, "-m", "bentoml", "serve", what]
    server = Server("bentoml", command, "127.0.0.1", port, ready_path, folder=folder)
    with running(server, folder / "server.log") as live, httpx.Client(base_url=server.address, timeout=60) as client:
        yield Running(live.process, client, port)


@pytest.fixture(scope="module")
def service(bento: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with served(str(bento), tmp_path_factory.mktemp("empty")) as live:
        yield live


def ask(client: httpx.Client, *assets: dict[str, Any], top: int = 3) -> tuple[FailureAssessment, ...]:
    answer = client.post("/predict", json={"assets": list(assets), "top_contributions": top})
    assert answer.status_code == 200, answer.text
    return PredictionResponse.model_validate_json(answer.content).assessments


def expected(bundle: Bundle, asset: dict[str, Any], top: int = 3) -> FailureAssessment:
    """What a monitor in this process says about one columnar asset."""
    cycles, values = expected_values(asset)
    (answer,) = Monitor(bundle, explain=True).answer([asset["asset_id"]] * len(cycles), cycles, values, top)
    return answer


def assert_same(found: FailureAssessment, wanted: FailureAssessment) -> None:
    """Equal but for float32's rounding, which depends on how many rows a matrix product has."""
    numbers = {"failure_probability", "rul_cycles", "rul_lower_cycles", "rul_upper_cycles"}
    assert found.model_dump(include=numbers) == pytest.approx(wanted.model_dump(include=numbers), rel=1e-4, abs=1e-5)
    rest = numbers | {"top_contributions"}
    assert found.model_dump(exclude=rest) == wanted.model_dump(exclude=rest)
    parts = {part.signal: part.contribution for part in wanted.top_contributions}
    assert {part.signal: part.contribution for part in found.top_contributions} == pytest.approx(parts, abs=1e-3)


def test_bento_runs_the_sources_that_it_carries(service: Running) -> None:
    assert service.client.get("/openapi.json").json()["info"]["version"] == MARK


def test_service_tells_that_it_lives_and_which_model_is_ready(service: Running, packaged_bundle: Bundle) -> None:
    assert service.client.get("/health").json() == {"status": "alive"}
    assert service.client.get("/ready").json() == {"status": "ready", "model_version": packaged_bundle.version}
    told = service.client.get("/model").json()
    assert told["bundle_sha256"] == packaged_bundle.checksum
    assert [signal["name"] for signal in told["signals"]] == ["load", "vibration", "temperature", "pressure"]
    assert service.client.get("/readyz").status_code == 200  # BentoML's own probe agrees


def test_documentation_works_without_other_hosts(service: Running) -> None:
    assert service.client.get("/", follow_redirects=True).url.path == "/docs"
    for name in ("swagger-ui-bundle.js", "swagger-ui.css"):
        assert service.client.get(f"/static_content/{name}").status_code == 200


def test_service_listens_on_the_loopback_only(service: Running) -> None:
    listening = (line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:])
    hosts = {local.split(":")[0] for _, local, _, state, *_ in listening
             if state == "0A" and int(local.split(":")[1], 16) == service.port}  # fmt: skip
    assert hosts == {"0100007F"}  # 127.0.0.1


def test_one_asset_is_answered_as_the_monitor_answers(service: Running, packaged_bundle: Bundle) -> None:
    asset = asset_columns("engine", slice(0, 60))
    (found,) = ask(service.client, asset)
    assert_same(found, expected(packaged_bundle, asset))


def test_rows_and_columns_are_answered_alike(service: Running) -> None:
    rows, columns = (ask(service.client, form("engine", slice(10, 55))) for form in (asset_rows, asset_columns))
    assert rows == columns


def test_many_assets_are_answered_each_by_itself_in_their_order(service: Running, packaged_bundle: Bundle) -> None:
    assets = [asset_columns(f"engine-{number}", slice(0, 5 * number), number) for number in range(1, 13)]
    found = ask(service.client, *assets)
    for answer, asset in zip(found, assets, strict=True):
        assert_same(answer, expected(packaged_bundle, asset))


def test_service_remembers_nothing_between_requests(service: Running) -> None:
    first = ask(service.client, asset_columns("engine", slice(0, 30)))
    ask(service.client, asset_columns("engine", slice(40, 70)))
    assert ask(service.client, asset_columns("engine", slice(0, 30))) == first


def test_32_clients_at_once_get_their_own_answers_from_shared_passes(service: Running, packaged_bundle: Bundle) -> None:
    # All name their asset alike: answers that leaked from one request to another would be seen.
    assets = [asset_columns("engine", slice(0, 20 + number % 30), 1 + number % 16) for number in range(32)]
    before = _passes(service.client)

    def client(asset: dict[str, Any]) -> list[FailureAssessment]:
        with httpx.Client(base_url=service.client.base_url, timeout=60) as own:
            return [ask(own, asset)[0] for _ in range(20)]

    with ThreadPoolExecutor(len(assets)) as clients:
        answers = list(clients.map(client, assets))
    for found, asset in zip(answers, assets, strict=True):
        wanted = expected(packaged_bundle, asset)
        for answer in found:
            assert_same(answer, wanted)
    passes, requests = (after - earlier for after, earlier in zip(_passes(service.client), before, strict=True))
    assert requests == 32 * 20
    assert passes < requests  # requests of several clients were answered together


def _passes(client: httpx.Client) -> tuple[int, int]:
    """Passes of the model so far, and requests that they answered."""
    lines = dict(line.rsplit(" ", 1) for line in client.get("/metrics").text.splitlines() if not line.startswith("#"))
    name = "smart_sentry_model_pass_requests"
    return int(float(lines[f"{name}_count"])), int(float(lines[f"{name}_sum"]))


def test_metrics_count_requests_by_status_and_say_which_model_answers(
    service: Running, packaged_bundle: Bundle
) -> None:
    def requests(status: int) -> float:
        lines = service.client.get("/metrics").text.splitlines()
        name = f'smart_sentry_predict_requests_total{{status="{status}"}} '
        return float(next(line.removeprefix(name) for line in lines if line.startswith(name)))

    good, bad = requests(200), requests(422)
    ask(service.client, asset_columns("engine", slice(0, 3)))
    assert service.client.post("/predict", json={"assets": []}).status_code == 422
    assert (requests(200) - good, requests(422) - bad) == (1, 1)
    assert f'model_version="{packaged_bundle.version}"' in service.client.get("/metrics").text


def test_body_of_10_mb_is_refused_and_the_service_goes_on(service: Running) -> None:
    body = b'{"assets": [' + b" " * 10_000_000 + b"]}"
    answer = service.client.post("/predict", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 413
    assert answer.json()["error"]["details"][0]["field"] == "body"
    assert ask(service.client, asset_columns("engine", slice(0, 3)))


def test_service_stops_when_asked_and_leaves_nothing_behind(bento: Path, tmp_path: Path) -> None:
    with served(str(bento), tmp_path) as live:
        live.process.send_signal(signal.SIGTERM)
        assert live.process.wait(30) == 0
        with pytest.raises(ProcessLookupError):
            os.killpg(live.process.pid, 0)  # its workers are gone too
        with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.1", live.port), timeout=5):
            pass


def test_bento_with_a_changed_byte_is_never_ready_and_says_which_file(bento: Path, tmp_path: Path) -> None:
    tampered = tmp_path / "bento"
    shutil.copytree(bento, tampered)
    model = bundle_folder(tampered / "src", TINY) / "failure.onnx"
    content = bytearray(model.read_bytes())
    content[len(content) // 2] ^= 1
    model.write_bytes(content)
    (tmp_path / "empty").mkdir()
    with served(str(tampered), tmp_path / "empty", "/health") as live:
        for answer in (live.client.get("/ready"), live.client.post("/predict", json={})):
            assert answer.status_code == 503
            assert "failure.onnx: expected SHA-256" in answer.json()["error"]["message"]
        assert live.client.get("/readyz").status_code == 503


def test_checkout_is_served_without_a_bento(packaged_home: Path, packaged_bundle: Bundle, tmp_path: Path) -> None:
    sources = {"SMART_SENTRY_HOME": str(packaged_home), "PYTHONPATH": str(ROOT / "src")}
    for name in ("serving", "src"):
        (tmp_path / name).symlink_to(ROOT / name)
    with served("serving.service:PredictionService", tmp_path, SMART_SENTRY_SERVED=TINY, **sources) as live:
        assert live.client.get("/ready").json()["model_version"] == packaged_bundle.version


def test_checkout_with_keys_answers_nobody_without_one_but_probes(packaged_home: Path, tmp_path: Path) -> None:
    key = "read-0123456789abcdef"
    sources = {"SMART_SENTRY_HOME": str(packaged_home), "PYTHONPATH": str(ROOT / "src")}
    keys = {"SMART_SENTRY_SERVED": TINY, "SMART_SENTRY_API_KEYS": f"read:{key}"}
    for name in ("serving", "src"):
        (tmp_path / name).symlink_to(ROOT / name)
    closed = ("/docs", "/openapi.json", "/model", "/metrics", "/docs.json", "/schema.json", "/static_content/index.css")
    with served("serving.service:PredictionService", tmp_path, **keys, **sources) as live:
        for path in ("/health", "/ready", "/livez", "/healthz", "/readyz"):
            assert live.client.get(path).status_code == 200, path
        for path in closed:
            assert live.client.get(path).status_code == 401, path
        body = {"assets": [asset_columns("engine", slice(0, 3))]}
        reading = {"asset_id": "a", "x": 1.0}
        for question, content in (("/predict", body), ("/api/v1/data/simple", reading)):
            assert live.client.post(question, json=content).status_code == 401, question
        live.client.headers["x-api-key"] = key
        assert ask(live.client, asset_columns("engine", slice(0, 3)))
        assert live.client.post("/api/v1/data/simple", json=reading).status_code == 403
        assert live.client.get("/model").status_code == 200
