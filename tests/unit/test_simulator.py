"""The simulator: what arrives at a real receiver, what is said, what is counted, and its pace."""

from __future__ import annotations

import json
import re
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pandas as pd
import pytest

from smart_sentry.assets import AssetType, load_asset_type
from smart_sentry.cli import main
from smart_sentry.datasets.simulated_motors import Scenario
from smart_sentry.errors import ConfigurationError
from smart_sentry.simulation.http_sink import HttpSink
from smart_sentry.simulation.simulator import Outcome, Run, Simulator, parse_start, sink_for
from smart_sentry.simulation.sinks import FileSink, Sink

PROJECT = Path(__file__).parents[2]
START = datetime(2026, 1, 31, 8, 0, tzinfo=UTC)


class Receiver(ThreadingHTTPServer):
    """Keeps what is posted; answers with the codes of `answers` in turn, then 200."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.got: list[tuple[str, str | None, dict]] = []
        self.answers: list[int] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def bodies(self) -> list[dict]:
        return [body for *_, body in self.got]


class _Handler(BaseHTTPRequestHandler):
    server: Receiver
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.got.append((self.path, self.headers["Idempotency-Key"], body))
        code = self.server.answers.pop(0) if self.server.answers else 200
        self.send_response(code)
        if code == 429:
            self.send_header("Retry-After", "7")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *args: object) -> None:
        """Keeps the test's output clean."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    server = Receiver()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="module")
def motor() -> AssetType:
    return load_asset_type(PROJECT / "configs" / "assets" / "motor.yaml")


def simulate(motor: AssetType, sink: Sink, **run: object) -> tuple[Outcome, list[str]]:
    said: list[str] = []
    outcome = Simulator(motor, Run("motor_01", **{"speed": 0.0, "start": START} | run), sink, said.append).simulate()
    return outcome, said


def test_readings_are_posted_one_by_one_in_the_order_of_time(motor, receiver):
    outcome, _ = simulate(motor, HttpSink(receiver.address), duration_s=3.0)
    assert outcome == Outcome(3, 0)
    assert [path for path, *_ in receiver.got] == ["/api/v1/data/simple"] * 3
    first = receiver.bodies()[0]
    assert list(first) == [
        "event_id", "asset_id", "timestamp", "voltage_v", "current_a", "power_factor", "vibration_g", "is_faulty",
    ]  # fmt: skip
    assert [body["timestamp"] for body in receiver.bodies()] == [
        f"2026-01-31T08:00:0{second}.000000+00:00" for second in range(3)
    ]
    assert first["is_faulty"] is False
    assert 220 < first["voltage_v"] < 240
    assert [key for _, key, _ in receiver.got] == [body["event_id"] for body in receiver.bodies()]


def test_batches_are_posted_together_and_the_last_one_may_be_short(motor, receiver):
    outcome, said = simulate(
        motor, HttpSink(receiver.address, batched=True), duration_s=25.0, interval_s=0.01, batch=999
    )
    assert outcome == Outcome(2500, 0)
    assert {path for path, *_ in receiver.got} == {"/api/v1/data/batch"}
    assert [len(body["readings"]) for body in receiver.bodies()] == [999, 999, 502]
    identities = {reading["event_id"] for body in receiver.bodies() for reading in body["readings"]}
    assert len(identities) == 2500
    assert re.fullmatch(r"\[OK\] Sent 999 events to event [0-9a-f]{8}\.\.\. \| V=.*g", said[1])


def test_lines_read_like_the_manual_says(motor, receiver):
    _, said = simulate(motor, HttpSink(receiver.address), duration_s=2.0)
    banner = said[0].splitlines()
    assert banner[:6] == [
        "=" * 60, "PREDICTIVE MAINTENANCE - DATA GENERATOR", "=" * 60, "Asset ID:   motor_01", "Duration:   2 seconds",
        "Interval:   1.0 seconds",
    ]  # fmt: skip
    assert banner[6] == "Mode:       HEALTHY (normal operation)"
    assert banner[7] == f"Endpoint:   {receiver.address}/api/v1/data/simple"
    line = r"\[OK\] Sent event [0-9a-f]{8}\.\.\. \| V=\d{3}\.\dV, I=\d\d\.\dA, PF=0\.\d\d, Vib=0\.\d{3}g"
    assert len(said) == 4
    assert all(re.fullmatch(line, one) for one in said[1:3])
    assert said[-1].splitlines()[1:] == ["=" * 60, "[COMPLETE] Sent 2 events, 0 failed", "=" * 60]


def test_missing_value_is_null_and_says_so(motor, receiver):
    scenario = Scenario(sensor_fault="MISSING", sensor="current_a")
    _, said = simulate(motor, HttpSink(receiver.address), duration_s=1.0, scenario=scenario)
    assert receiver.bodies()[0]["current_a"] is None
    assert receiver.bodies()[0]["is_faulty"] is False
    assert "I=missing" in said[1]


def test_passing_failure_is_tried_again_with_the_same_identity_and_longer_pauses(motor, receiver):
    receiver.answers = [503, 500, 200, 429, 200]
    pauses: list[float] = []
    sink = HttpSink(receiver.address, sleep=pauses.append)
    outcome, _ = simulate(motor, sink, duration_s=2.0)
    assert outcome == Outcome(2, 0)
    assert pauses == [0.25, 0.5, 7.0]
    assert sink.retried == 3
    identities = [body["event_id"] for body in receiver.bodies()]
    assert len(set(identities[:3])) == len(set(identities[3:])) == 1
    assert len(set(identities)) == 2


def test_refused_reading_is_counted_and_not_tried_again(motor, receiver):
    receiver.answers = [422]
    outcome, said = simulate(motor, HttpSink(receiver.address, sleep=pytest.fail), duration_s=3.0)
    assert outcome == Outcome(2, 1)
    assert len(receiver.got) == 3
    assert re.match(r"\[FAILED\] event [0-9a-f]{8}\.\.\. \| HTTP 422", said[1])
    assert "[COMPLETE] Sent 2 events, 1 failed" in said[-1]


def test_service_that_is_away_costs_the_pauses_once_and_is_found_again(motor, receiver):
    receiver.answers = [503] * 6
    pauses: list[float] = []
    outcome, _ = simulate(motor, HttpSink(receiver.address, sleep=pauses.append), duration_s=5.0)
    # four attempts for the first, one each for the second and third; then it is back
    assert outcome == Outcome(2, 3)
    assert pauses == [0.25, 0.5, 1.0]


def test_nobody_listening_is_a_count_not_a_crash(motor):
    outcome, said = simulate(motor, HttpSink("http://127.0.0.1:9", sleep=lambda _: None), duration_s=2.0)
    assert outcome == Outcome(0, 2)
    assert said[1].startswith("[FAILED]")


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_file_holds_every_reading_with_its_truth(motor, tmp_path, suffix):
    path = tmp_path / f"readings{suffix}"
    scenario = Scenario(fault="JITTER", severity="MILD")
    simulate(motor, FileSink(path), duration_s=1200.0, batch=500, scenario=scenario)
    table = pd.read_csv(path) if suffix == ".csv" else pd.read_parquet(path)
    assert len(table) == 1200
    assert table["true_condition"].eq("JITTER MILD").all()
    assert table["is_faulty"].all()
    assert pd.to_datetime(table["timestamp"]).diff().dropna().dt.total_seconds().eq(1.0).all()


def test_readings_do_not_depend_on_how_they_are_sent(motor, tmp_path):
    tables = []
    for batch in (1, 700):
        path = tmp_path / f"{batch}.parquet"
        simulate(motor, FileSink(path), duration_s=1500.0, batch=batch, scenario=Scenario(fault="SPIKE"))
        tables.append(pd.read_parquet(path))
    pd.testing.assert_frame_equal(*tables)


def test_identities_differ_from_run_to_run_and_are_kept_when_a_run_is_repeated(motor, receiver):
    for scenario in (Scenario(), Scenario(), Scenario(fault="DEFAULT")):
        simulate(motor, HttpSink(receiver.address), duration_s=1.0, scenario=scenario)
    first, again, other = (body["event_id"] for body in receiver.bodies())
    assert first == again != other


def test_pace_is_that_of_the_machine_divided_by_the_speed(motor, tmp_path):
    time = [100.0]
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        time[0] += seconds

    run = Run("m", duration_s=3.0, interval_s=0.5, speed=2.0)
    sink = FileSink(tmp_path / "out.csv")
    Simulator(motor, run, sink, lambda _: None, now=lambda: START, clock=lambda: time[0], sleep=sleep).simulate()
    assert waits == pytest.approx([0.25] * 5)


@pytest.mark.parametrize(("speed", "behind_s"), [(1.0, 0.0), (0.0, 60.0), (4.0, 45.0), (0.5, 0.0)])
def test_no_reading_is_ever_from_the_future(speed, behind_s):
    first = Run("m", duration_s=60.0, speed=speed).first_at(START)
    assert (START - first).total_seconds() == behind_s


@pytest.mark.parametrize(
    "wrong",
    [{"interval_s": 0.0}, {"duration_s": 0.5}, {"speed": -1.0}, {"batch": 0}, {"duration_s": float("nan")}, {"asset_id": " "}],
)  # fmt: skip
def test_run_that_cannot_be_is_refused(wrong):
    with pytest.raises(ConfigurationError):
        Run(**{"asset_id": "m"} | wrong)


def test_sink_is_named_once_and_must_be_usable(tmp_path):
    for to, out in (("http://here", tmp_path / "a.csv"), ("ftp://here", None), (None, tmp_path / "a.xlsx")):
        with pytest.raises(ConfigurationError):
            sink_for(to, out, 1, print)
    assert parse_start("2026-01-31T08:00:00") == START
    with pytest.raises(ConfigurationError):
        parse_start("tomorrow")


def test_command_line_sends_a_faulty_motor(monkeypatch, capsys, receiver):
    monkeypatch.setenv("SMART_SENTRY_HOME", str(PROJECT))
    arguments = ["--asset-id", "pump", "--duration", "2", "--faulty", "--severity", "MILD", "--speed", "0"]
    monkeypatch.setattr(sys, "argv", ["smart-sentry", "simulate", *arguments, "--to", receiver.address])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    assert "Mode:       FAULTY (DEFAULT, MILD)" in capsys.readouterr().out
    assert [body["is_faulty"] for body in receiver.bodies()] == [True, True]
    assert {body["asset_id"] for body in receiver.bodies()} == {"pump"}


def test_command_line_prints_readings_as_json_and_the_rest_beside_them(monkeypatch, capsys):
    monkeypatch.setenv("SMART_SENTRY_HOME", str(PROJECT))
    monkeypatch.setattr(sys, "argv", ["smart-sentry", "simulate", "--duration", "2", "--speed", "0"])
    with pytest.raises(SystemExit):
        main()
    printed = capsys.readouterr()
    assert [json.loads(line)["asset_id"] for line in printed.out.splitlines()] == ["motor_01"] * 2
    assert "[COMPLETE] Sent 2 events, 0 failed" in printed.err
