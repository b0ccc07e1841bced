"""`smart-sentry demo-plant`: one command brings everything up, shows where, and leaves nothing behind."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from smart_sentry.servers import answers, free_port
from smart_sentry.simulation.orders import simulated_machines

pytestmark = pytest.mark.long

PROJECT = Path(__file__).parents[2]
PROGRAM = str(Path(sys.executable).with_name("smart-sentry"))
PATIENCE_S = 300.0


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A checkout of its own, so that nobody's demo is touched."""
    for name in ("configs", "serving", "params.yaml"):
        (tmp_path / name).symlink_to(PROJECT / name)
    return tmp_path


@contextmanager
def demo(project: Path, *arguments: str, port: int) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """The command as it runs, and the file that has what it says."""
    said = project / "said.txt"
    others = {name: value for name, value in os.environ.items() if not name.startswith("SMART_SENTRY_")}
    ours = {"HOME": str(project), "PORT": str(port), "DASHBOARD_PORT": str(free_port())}
    environment = others | {f"SMART_SENTRY_{name}": value for name, value in ours.items()} | {"PYTHONUNBUFFERED": "1"}
    with said.open("w") as output:
        process = subprocess.Popen(
            [PROGRAM, "demo-plant", *arguments], env=environment, stdout=output, stderr=output, text=True
        )
        try:
            yield process, said
        finally:
            process.terminate()
            process.wait(60)


def await_words(process: subprocess.Popen[str], said: Path, words: str) -> str:
    """What was said once the words are among it."""
    deadline = time.monotonic() + PATIENCE_S
    while words not in (text := said.read_text()):
        assert process.poll() is None, text
        assert time.monotonic() < deadline, text
        time.sleep(0.2)
    return text


def processes_of(project: Path) -> list[str]:
    """Command lines of the processes that have this project in their environment."""
    found, mark = [], f"SMART_SENTRY_HOME={project}".encode()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (folder / "environ").read_bytes():
                found.append((folder / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue
    return found


@pytest.mark.timeout(600)
def test_demo_shows_its_addresses_and_ends_by_itself(project: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with demo(project, "--minutes", "0.5", port=port) as (process, said):
            text = await_words(process, said, "The dashboard: ")
            assert f"port {port} is taken: the service listens on " in text
            (dashboard,) = re.findall(r"The dashboard: (\S+)", text)
            (service,) = re.findall(r"The service: +(\S+)/docs", text)
            assert answers(f"{dashboard}/_stcore/health")
            assert dashboard.startswith("http://127.0.0.1:")
            machines = simulated_machines(project / "data" / "demo_plant")
            assert "ポンプ_04" in machines
            for asset in machines:
                status = httpx.get(f"{service}/api/v1/monitoring/status", params={"asset_id": asset}).json()["asset"]
                assert status["system_state"] == "MONITORING"
            assert process.wait(PATIENCE_S) == 0
    assert "Stopped" in said.read_text()
    assert processes_of(project) == []
    assert simulated_machines(project / "data" / "demo_plant") == {}
    assert not answers(f"{service}/health")


@pytest.mark.timeout(600)
def test_demo_refuses_a_second_one_and_leaves_nothing_when_it_is_ended_early(project: Path) -> None:
    with demo(project, port=free_port()) as (process, said):
        await_words(process, said, "2 of 4")
        environment = {**os.environ, "SMART_SENTRY_HOME": str(project)}
        second = subprocess.run([PROGRAM, "demo-plant"], env=environment, capture_output=True, text=True)
        assert second.returncode == 1
        assert "another demo-plant runs" in second.stderr
        assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    assert "Stopped" in said.read_text()
    assert processes_of(project) == []
