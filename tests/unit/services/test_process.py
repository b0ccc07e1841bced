"""Processes that outlive their starter: found again by id and birth, and never taken for another."""

from __future__ import annotations

import json
import os
import platform
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from smart_sentry.services.process import birth_of, launch, running_in, stop
from smart_sentry.services.service import Launch

SLEEPER = Launch(("/bin/sleep", "30"))
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(30)"
)


def test_launched_process_is_found_by_another_and_stopped(tmp_path: Path) -> None:
    record = launch(SLEEPER, tmp_path, (7,))
    try:
        program = (
            "import sys; from pathlib import Path; from smart_sentry.services.process import running_in;"
            "print(running_in(Path(sys.argv[1])).pid)"
        )
        found = subprocess.run([sys.executable, "-c", program, tmp_path], capture_output=True, text=True, check=True)
        assert int(found.stdout) == record.pid
        assert running_in(tmp_path) == record
        assert os.getsid(record.pid) != os.getsid(0)
    finally:
        assert stop(tmp_path, signal.SIGTERM, 5)
    assert not record.alive()
    assert running_in(tmp_path) is None
    assert not stop(tmp_path, signal.SIGTERM, 5)


def test_process_that_got_the_recycled_id_is_left_alone(tmp_path: Path) -> None:
    with subprocess.Popen(SLEEPER.command) as stranger:
        born = birth_of(stranger.pid)
        assert born is not None
        boot, ticks = born.split()
        record = {"pid": stranger.pid, "born": f"{boot} {int(ticks) - 1}", "ports": [7]}
        (tmp_path / "process.json").write_text(json.dumps(record))
        assert running_in(tmp_path) is None
        assert not stop(tmp_path, signal.SIGTERM, 5)
        assert stranger.poll() is None
        assert not (tmp_path / "process.json").exists()
        stranger.kill()


def test_process_that_ignores_the_signal_is_killed_after_the_patience(tmp_path: Path) -> None:
    launch(Launch((sys.executable, "-c", STUBBORN)), tmp_path, ())
    deadline = time.monotonic() + 20
    while "deaf" not in (tmp_path / "log").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    began = time.monotonic()
    assert stop(tmp_path, signal.SIGTERM, 0.5)
    assert 0.5 <= time.monotonic() - began < 5
    assert running_in(tmp_path) is None


def test_process_that_has_ended_but_was_not_reaped_does_not_run() -> None:
    with subprocess.Popen(["/bin/true"]) as child:
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert Path(f"/proc/{child.pid}").exists()
        assert birth_of(child.pid) is None


def test_log_of_the_run_before_is_kept(tmp_path: Path) -> None:
    for word in ("first", "second"):
        launch(Launch(("/bin/sh", "-c", f"echo {word}; echo aside >&2")), tmp_path, ())
        deadline = time.monotonic() + 10
        while (tmp_path / "log").read_text() != f"{word}\naside\n":
            assert time.monotonic() < deadline
            time.sleep(0.02)
    assert (tmp_path / "log.previous").read_text() == "first\naside\n"


@pytest.mark.parametrize("name", ["with) bracket", "two words"])
def test_birth_is_read_past_any_name(tmp_path: Path, name: str) -> None:
    program = tmp_path / name
    program.symlink_to("/bin/sleep")
    with subprocess.Popen([program, "30"]) as child:
        ticks = birth_of(child.pid)
        assert ticks is not None
        uptime_s = float(Path("/proc/uptime").read_text().split()[0])
        assert uptime_s - int(ticks.split()[1]) / os.sysconf("SC_CLK_TCK") == pytest.approx(0, abs=5)
        child.kill()


def test_process_runs_until_the_last_of_its_threads_is_gone() -> None:
    exit_of_one_thread = {"x86_64": 60, "aarch64": 93}[platform.machine()]
    program = (
        "import ctypes, threading, time; threading.Thread(target=time.sleep, args=(30,)).start();"
        f"ctypes.CDLL(None).syscall({exit_of_one_thread}, 0)"
    )
    with subprocess.Popen([sys.executable, "-c", program]) as child:
        deadline = time.monotonic() + 20
        while Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert birth_of(child.pid) is not None
        child.kill()
