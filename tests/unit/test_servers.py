"""Servers as processes: up when the block begins, gone with their children when it ends."""

import socket
import sys
import time
from pathlib import Path

import psutil
import pytest

from smart_sentry.errors import ConfigurationError, ServerNotReady
from smart_sentry.servers import Server, answers, free_port, running

STUBBORN = """
import signal, subprocess, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
from http.server import HTTPServer, SimpleHTTPRequestHandler
HTTPServer(("127.0.0.1", int(sys.argv[1])), SimpleHTTPRequestHandler).serve_forever()
"""


def files_server(folder: Path, *command: str) -> Server:
    port = free_port()
    program = command or ("-m", "http.server", "--bind", "127.0.0.1")
    return Server("files", [sys.executable, *program, str(port)], "127.0.0.1", port, "/", folder=folder)


def test_running_server_answers_inside_and_is_gone_after(tmp_path: Path) -> None:
    server = files_server(tmp_path)
    with running(server, tmp_path / "log") as found:
        assert answers(server.address + "/")
    assert found.process.returncode is not None
    assert not answers(server.address + "/")


def test_running_server_that_ignores_sigterm_is_killed_with_its_child(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("smart_sentry.servers._group_ends", lambda process, patience_s: time.sleep(0.2) or False)
    with running(files_server(tmp_path, "-c", STUBBORN), tmp_path / "log") as found:
        (child,) = psutil.Process(found.process.pid).children()
    assert found.process.returncode == -9
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


def test_running_server_that_ends_early_names_its_exit_code_and_log_and_quotes_the_logs_end(tmp_path: Path) -> None:
    server = files_server(tmp_path, "-c", "print('no room', flush=True); raise SystemExit(7)")
    expected = r"(?s)it ended with exit code 7\. Its log is .*server\.log\. It ends with:\nno room$"
    with (
        pytest.raises(ServerNotReady, match=expected),
        running(server, tmp_path / "server.log"),
    ):
        pass


def test_running_server_that_never_answers_is_stopped_after_its_patience(tmp_path: Path) -> None:
    server = files_server(tmp_path, "-c", "import time; time.sleep(600)")
    with pytest.raises(ServerNotReady, match=r"no answer within 1 s"), running(server, tmp_path / "log", patience_s=1):
        pass


def test_wanted_port_is_the_free_one_unless_it_is_taken() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        assert free_port(wanted=port) != port
    assert free_port(wanted=port) == port


def test_running_server_on_a_taken_port_says_which(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        server = Server("MLflow", ["true"], "127.0.0.1", port, "/")
        expected = rf"127\.0\.0\.1:{port}: MLflow cannot listen there"
        with pytest.raises(ConfigurationError, match=expected), running(server, tmp_path / "log"):
            pass
