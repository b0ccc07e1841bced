"""The plant over HTTP, on a real database: the seed's four steps, refusals, duplicates, restarts and what is deleted."""

from __future__ import annotations

import gzip
import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from condition_sample import running
from live_app import served
from plant_fixture import PUMP, SIGNALS, START, no_model, sqlite_in, take
from postgres_server import PostgresServer, postgres_server  # noqa: F401
from pydantic import SecretStr

from smart_sentry.api.prediction import create_app
from smart_sentry.config import Settings
from smart_sentry.contracts import alarms as words
from smart_sentry.contracts.alarms import AlarmEvent, AlarmPriority, AlarmTransition
from smart_sentry.errors import TrackingFailed
from smart_sentry.plant.calibrations import Track
from smart_sentry.plant.plant import Plant
from smart_sentry.stores.alarm_log import AlarmState as StoredAlarm
from smart_sentry.stores.store import Store
from smart_sentry.tracking.records import CalibrationRecord

on_both_databases = pytest.mark.parametrize("database_in", ["sqlite", "postgresql"], indirect=True)
"""For what the database does; everything else is tested on SQLite alone."""


@pytest.fixture
def database_in(request: pytest.FixtureRequest) -> Iterator[Callable[[Path], str]]:
    """Folder -> URL of the database that belongs to it."""
    if getattr(request, "param", "sqlite") == "sqlite":
        yield sqlite_in
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    urls: dict[Path, str] = {}
    with ExitStack() as opened:

        def url_of(home: Path) -> str:
            if home not in urls:
                urls[home] = opened.enter_context(server.database())
            return urls[home]

        yield url_of


def open_plant(home: Path, url: str) -> Plant:
    return Plant({PUMP.name: PUMP}, home / "models", Store(url))


@contextmanager
def client_of(
    home: Path, url: str | None = None, track: Track | None = None, **settings: Any
) -> Iterator[httpx.Client]:
    database = url or sqlite_in(home)
    app = create_app(
        no_model, Settings(home=home, **settings), open_plant=lambda: open_plant(home, database), track=track
    )
    with served(app) as client:
        yield client


@pytest.fixture
def client(tmp_path: Path, database_in: Callable[[Path], str]) -> Iterator[httpx.Client]:
    with client_of(tmp_path, database_in(tmp_path)) as opened:
        yield opened


@pytest.fixture(scope="module")
def empty_plant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A plant without an asset, for requests that leave it so."""
    with client_of(tmp_path_factory.mktemp("empty")) as opened:
        yield opened


def messages(values: np.ndarray, begin: int = 0, asset: str = "motor_01") -> list[dict[str, Any]]:
    return [
        {"asset_id": asset, "timestamp": (START + timedelta(seconds=begin + row)).isoformat(),
         "event_id": f"{asset}-{begin + row}", **dict(zip(SIGNALS, one, strict=True))}
        for row, one in enumerate(values.tolist())
    ]  # fmt: skip


def send(client: httpx.Client, readings: list[dict[str, Any]]) -> dict[str, Any]:
    answer = client.post("/api/v1/data/batch", json={"readings": readings})
    assert answer.status_code == 200, answer.text
    return answer.json()


def calibrate(client: httpx.Client, asset: str = "motor_01") -> dict[str, Any]:
    answer = client.post("/api/v1/calibration/start", json={"asset_id": asset})
    assert answer.status_code == 200, answer.text
    return finished(client, asset)


def finished(client: httpx.Client, asset: str) -> dict[str, Any]:
    for _ in range(600):
        status = client.get("/api/v1/calibration/status", params={"asset_id": asset}).json()
        if status["progress"] == 1:
            return status
        time.sleep(0.05)
    raise AssertionError("the calibration did not end")


def status(client: httpx.Client, asset: str | None = None) -> dict[str, Any]:
    return client.get("/api/v1/monitoring/status", params={} if asset is None else {"asset_id": asset}).json()


def test_four_steps_of_the_seed(client: httpx.Client) -> None:
    nothing = {"baseline_established": None, "models_loaded": None, "baseline_summary": None, "asset": None}
    assert status(client) == {"system_state": "IDLE", "calibration_active": False, "assets": 0} | nothing
    for reading in messages(running(5, 1)):
        answer = client.post("/api/v1/data/simple", json=reading | {"is_faulty": False}).json()
        assert (answer["accepted"], answer["flagged"]) == (1, 0)
    assert send(client, messages(running(295, 2), 5))["accepted"] == 295
    started = client.post("/api/v1/calibration/start", json={"asset_id": "motor_01"})
    assert started.json() == {
        "status": "calibration_started", "message": "Baseline calibration in progress", "asset_id": "motor_01",
        "data_points_collected": 300,
    }  # fmt: skip
    done = finished(client, "motor_01")
    assert (done["stage"], done["acceptance"]["readings"]) == ("accepted", 300)
    calibrated = status(client)
    assert (calibrated["system_state"], calibrated["asset"]["baseline_established"]) == ("CALIBRATED", True)
    assert calibrated["asset"]["baseline_summary"]["vibration_g"] == pytest.approx(0.15, abs=0.01)
    assert calibrated["baseline_established"]
    learnt = client.get("/api/v1/monitoring/baseline").json()["baseline"]
    assert set(learnt["current_a"]) == {"mean", "std", "min", "max"}
    send(client, messages(running(100, 3), 300))
    healthy = status(client)["asset"]
    assert (healthy["system_state"], healthy["risk"], healthy["flagged"]) == ("MONITORING", "LOW", False)
    assert healthy["health"] > 99
    send(client, messages(running(20, 4) + np.array([0, 0, 0.4]), 400))
    faulty = status(client)["asset"]
    assert faulty["flagged"]
    assert faulty["health"] < 75
    assert faulty["reason"].startswith("High vibration_g")
    assert faulty["remaining_life_hours"] > 0
    (alarm,) = client.get("/api/v1/alarms").json()["alarms"]
    assert (alarm["asset_id"], alarm["kind"], alarm["state"]) == ("motor_01", "anomaly", "UNACKNOWLEDGED")


@on_both_databases
def test_reading_that_is_sent_again_changes_nothing(client: httpx.Client) -> None:
    send(client, messages(running(300, 1)))
    calibrate(client)
    worn = messages(running(30, 2) + np.array([0, 0, 0.4]), 300)
    send(client, worn)
    before = status(client)
    again = send(client, worn)
    assert (again["accepted"], again["duplicates"]) == (0, 30)
    assert status(client) == before


@on_both_databases
def test_service_that_was_stopped_hard_goes_on_as_if_it_had_not_been(
    tmp_path: Path, database_in: Callable[[Path], str]
) -> None:
    values = np.concatenate([running(150, 2), running(50, 3) + np.array([0, 0, 0.1]), running(100, 4)])
    homes = {"whole": tmp_path / "whole", "cut": tmp_path / "cut"}
    found = {}
    for name, home in homes.items():
        home.mkdir()
        url = database_in(home)
        with client_of(home, url) as client:
            send(client, messages(running(300, 1)))
            calibrate(client)
        plant = open_plant(home, url)
        incoming = messages(values, 300)
        for begin in range(0, 300, 25):
            if name == "cut" and begin % 75 == 0:
                plant.store.close()  # nothing is saved: the state of the monitors is lost
                plant = open_plant(home, url)
            take(plant, incoming[begin : begin + 25])
        with plant.store.view() as batch:
            found[name] = [vars(one) for one in batch.assessments.history("motor_01")]
        plant.store.close()
    assert len(found["whole"]) == 600
    assert found["cut"] == found["whole"]


@on_both_databases
def test_batch_that_fails_leaves_no_trace(client: httpx.Client) -> None:
    send(client, messages(running(300, 1)))
    calibrate(client)
    good = messages(running(10, 2), 300)
    bad = [*good[:5], good[5] | {"humidity": 3.0}, *good[6:]]
    refused = client.post("/api/v1/data/batch", json={"readings": bad})
    assert refused.status_code == 422
    assert "humidity" in refused.json()["error"]["message"]
    assert send(client, good)["accepted"] == 10


def test_gzip_is_taken_and_bombs_are_refused(tmp_path: Path) -> None:
    with client_of(tmp_path, body_limit_bytes=100_000) as client:
        body = json.dumps({"readings": messages(running(100, 1))}).encode()
        headers = {"content-type": "application/json", "content-encoding": "gzip"}
        assert client.post("/api/v1/data/batch", content=gzip.compress(body), headers=headers).json()["accepted"] == 100
        bomb = gzip.compress(b" " * 50_000_000)
        assert client.post("/api/v1/data/batch", content=bomb, headers=headers).status_code == 413
        assert client.post("/api/v1/data/batch", content=b"no gzip", headers=headers).status_code == 400


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"current_a": "15"}, "current_a"), ({"current_a": True}, "current_a"), ({"asset_id": ""}, "asset_id"),
        ({"asset_id": "a\u0000b"}, "asset_id"), ({"asset_id": 7}, "asset_id"), ({"asset_id": "x" * 200}, "asset_id"),
        ({"timestamp": "yesterday"}, "timestamp"), ({"timestamp": "2026-01-01T00:00:00"}, "timestamp"),
        ({"timestamp": "2126-01-01T00:00:00Z"}, "timestamp"), ({"timestamp": "1826-01-01T00:00:00Z"}, "timestamp"),
        ({"event_id": ""}, "event_id"), ({"asset_type": "lathe"}, "asset_type"), ({"humidity": 1.0}, "signals"),
    ],
)  # fmt: skip
def test_bad_reading_is_refused_by_the_name_of_its_field(
    empty_plant: httpx.Client, change: dict[str, Any], field: str
) -> None:
    answer = empty_plant.post("/api/v1/data/simple", json=messages(running(1, 1))[0] | change)
    assert answer.status_code == 422, answer.text
    assert field in answer.text
    assert status(empty_plant)["assets"] == 0


def test_null_is_a_missing_value_and_impossible_ones_blame_the_sensor(client: httpx.Client) -> None:
    send(client, messages(running(300, 1)))
    calibrate(client)
    odd = messages(running(2, 2), 300)
    odd[0]["vibration_g"] = None
    odd[1]["vibration_g"] = 1e6
    assert send(client, odd)["flagged"] == 0
    told = client.get("/api/v1/data/history", params={"asset_id": "motor_01", "limit": 2}).json()
    assert [one["reason"] for one in told["assessments"]] == [
        "sensor: vibration_g out of range",
        "sensor: vibration_g missing",
    ]
    assert told["readings"][1]["vibration_g"] is None


def test_refusals_say_what_is_allowed_or_needed(client: httpx.Client) -> None:
    unknown = client.post("/api/v1/calibration/start", json={"asset_id": "nobody"})
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "unknown_asset")
    send(client, messages(running(60, 1)))
    few = client.post("/api/v1/calibration/start", json={"asset_id": "motor_01"})
    assert few.status_code == 422
    assert "have 60, need at least 100" in few.json()["error"]["message"]
    none = client.get("/api/v1/monitoring/baseline")
    assert none.status_code == 503
    assert "Calibrate it first" in none.json()["error"]["message"]


def test_contaminated_calibration_is_refused_and_the_state_put_back(client: httpx.Client) -> None:
    values = running(300, 1)
    values[:20, 2] += 3
    send(client, messages(values))
    refused = calibrate(client)
    assert refused["stage"] == "refused"
    assert "vibration_g" in refused["problem"]
    assert status(client)["system_state"] == "IDLE"


@on_both_databases
def test_alarm_is_acknowledged_once_and_by_name(client: httpx.Client) -> None:
    send(client, messages(running(300, 1)))
    calibrate(client)
    send(client, messages(running(20, 4) + np.array([0, 0, 0.4]), 300))
    asked = {"asset_id": "motor_01", "action": "acknowledge", "author": "Ada", "reason": "seen"}
    done = client.post("/api/v1/alarms", json=asked)
    assert (done.status_code, done.json()["to_state"], done.json()["author"]) == (200, "ACKNOWLEDGED", "Ada")
    again = client.post("/api/v1/alarms", json=asked)
    assert (again.status_code, again.json()["error"]["code"]) == (409, "action_refused")
    steps = client.get("/api/v1/alarms", params={"transitions": True}).json()["transitions"]
    assert [steps[0]["to_state"], steps[-1]["to_state"]] == ["ACKNOWLEDGED", "UNACKNOWLEDGED"]
    assert (steps[0]["event"], steps[0]["reason"]) == ("ACKNOWLEDGED", "seen")
    assert (steps[-1]["event"], steps[-1]["key"]) == ("RAISED", "anomaly")
    assert steps[-1]["reason"].startswith("score ")
    assert steps[-1]["score"] > 1
    assert {step["event"] for step in steps[1:-1]} <= {"RE_ALARMED"}  # the readings are months old


@on_both_databases
def test_key_figures_of_alarms_come_from_the_stored_transitions(client: httpx.Client) -> None:
    for asset in ("motor_01", "motor_02", "motor_03"):
        send(client, messages(running(300, 1), asset=asset))
        calibrate(client, asset)
    faulty = running(20, 4) + np.array([0, 0, 0.4])
    send(client, messages(faulty, 300))
    just_now = int(time.time() - START.timestamp()) - len(faulty)
    send(client, messages(faulty, just_now, "motor_03"))
    asked = {"asset_id": "motor_03", "action": "acknowledge", "author": "Ada"}
    assert client.post("/api/v1/alarms", json=asked).status_code == 200
    send(client, messages(faulty, 300, "motor_02"))
    steps = client.get("/api/v1/alarms", params={"transitions": True}).json()["transitions"]
    raised = {step["asset_id"]: datetime.fromisoformat(step["time"]) for step in steps if step["event"] == "RAISED"}
    hour = {"end": (START + timedelta(hours=1)).isoformat(), "hours": 1}
    told = client.get("/api/v1/alarms/kpis", params=hour).json()
    assert (told["start"], told["end"], told["operators"]) == ("2026-01-01T00:00:00Z", "2026-01-01T01:00:00Z", 1)
    assert told["annunciations"] == 2
    assert told["rate"] == {"mean": pytest.approx(2 / 6), "peak": 2}
    assert [(one["key"], one["count"], one["share"]) for one in told["most_frequent"]] == [("anomaly", 1, 0.5)] * 2
    assert sum(one["count"] for one in told["priorities"]) == 2
    assert told["acknowledge_time"] == {"mean_seconds": None, "acknowledged": 0, "unacknowledged": 2}
    assert told["floods"] == told["chattering"] == told["stale"] == []
    shared = client.get("/api/v1/alarms/kpis", params=hour | {"asset_id": "motor_02", "operators": 2}).json()
    assert (shared["annunciations"], shared["rate"]["peak"]) == (1, 0.5)
    later = hour | {"end": (START + timedelta(days=3)).isoformat()}
    (one, two) = client.get("/api/v1/alarms/kpis", params=later).json()["stale"]  # they rose long before that hour
    assert {one["asset_id"], two["asset_id"]} == {"motor_01", "motor_02"}
    assert datetime.fromisoformat(one["start"]) == raised[one["asset_id"]]
    assert one["standing"]
    now = client.get("/api/v1/alarms/kpis", params={"asset_id": "motor_03"}).json()
    assert now["acknowledge_time"]["acknowledged"] == 1


@pytest.mark.parametrize(
    "asked",
    [
        {"hours": 0}, {"hours": "nan"}, {"hours": 1e9}, {"operators": 0}, {"end": "2026-01-01T00:00:00"},
        {"end": "0001-01-01T00:00:00Z"}, {"end": "9999-12-31T23:59:59-12:00"}, {"end": "9999-12-31T23:59:59.999999Z"},
    ],
)  # fmt: skip
def test_key_figures_of_no_possible_time_are_refused(empty_plant: httpx.Client, asked: dict[str, Any]) -> None:
    answer = empty_plant.get("/api/v1/alarms/kpis", params=asked)
    assert answer.status_code == 422, answer.text
    assert next(iter(asked)) in answer.text


def test_key_figures_of_an_unknown_asset_or_of_nothing(client: httpx.Client) -> None:
    assert client.get("/api/v1/alarms/kpis", params={"asset_id": "nobody"}).status_code == 404
    nothing = client.get("/api/v1/alarms/kpis").json()
    assert (nothing["annunciations"], nothing["most_frequent"]) == (0, [])


def test_old_measurements_leave_a_service_with_a_retention(tmp_path: Path) -> None:
    with client_of(tmp_path) as client:
        send(client, messages(running(50, 1)))
    with client_of(tmp_path, retention_days=1) as client:
        for _ in range(1500):
            left = client.get("/api/v1/data/history", params={"asset_id": "motor_01"}).json()
            if len(left["readings"]) <= 1:
                break
            time.sleep(0.02)
        assert (len(left["readings"]), len(left["assessments"])) == (1, 1)


def test_accepted_calibration_is_tracked_after_it_is_active_and_a_failure_harms_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[CalibrationRecord] = []

    def track(record: CalibrationRecord) -> None:
        told.append(record)
        raise TrackingFailed("it", "no server")

    with client_of(tmp_path, track=track) as client:
        worn = running(300, 1)
        worn[:20, 2] += 3
        send(client, messages(worn, asset="motor_02"))
        assert calibrate(client, "motor_02")["stage"] == "refused"
        send(client, messages(running(300, 1)))
        done = calibrate(client)
        assert done["stage"] == "accepted"
        assert status(client, "motor_01")["system_state"] == "CALIBRATED"
    (record,) = told
    (outcome,) = record.outcomes
    assert (record.asset_type, record.data, outcome.asset_id) == ("pump", "readings over HTTP", "motor_01")
    assert (outcome.version, outcome.acceptance.grade) == (done["version"], done["acceptance"]["grade"])
    assert "it was not logged in MLflow: no server" in caplog.text


@on_both_databases
def test_notes_are_only_added_and_corrected(client: httpx.Client) -> None:
    send(client, messages(running(1, 1)))
    note = {"asset_id": "motor_01", "author": "Ada", "text": "bearing is loud", "kind": "observation"}
    first = client.post("/api/v1/logs", json=note)
    assert first.status_code == 201
    number = first.json()["note_id"]
    client.post("/api/v1/logs", json=note | {"text": "it was the fan", "corrects": number})
    newest, oldest = client.get("/api/v1/logs", params={"asset_id": "motor_01"}).json()
    assert (newest["corrects"], oldest["corrected_by"], oldest["text"]) == (
        number,
        newest["note_id"],
        "bearing is loud",
    )
    assert client.post("/api/v1/logs", json=note | {"corrects": 999}).status_code == 422


def test_what_if_judges_without_touching_anything(client: httpx.Client) -> None:
    send(client, messages(running(300, 1)))
    calibrate(client)
    before = status(client)
    readings = [{"current_a": 15.0, "speed_rpm": 2900.0, "vibration_g": level} for level in (0.15, 0.6)]
    told = client.post("/api/v1/whatif", json={"asset_id": "motor_01", "readings": readings}).json()["assessments"]
    assert [one["flag"] for one in told] == [False, True]
    assert max(told[1]["contributions"], key=told[1]["contributions"].get) == "vibration_g"
    assert status(client) == before


def test_maintenance_begins_the_degradation_anew(client: httpx.Client) -> None:
    send(client, messages(running(300, 1)))
    calibrate(client)
    send(client, messages(running(20, 4) + np.array([0, 0, 0.4]), 300))
    assert status(client)["asset"]["degradation"] > 0.2
    asked = {"asset_id": "motor_01", "author": "Ada", "reason": "new bearing"}
    assert client.post("/api/v1/maintenance", json=asked).status_code == 200
    send(client, messages(running(20, 5), 320))
    assert status(client)["asset"]["degradation"] < 0.01


@on_both_databases
def test_purge_wants_the_name_archives_and_forgets(client: httpx.Client, tmp_path: Path) -> None:
    for asset in ("motor_01", "motor_02"):
        send(client, messages(running(300, 1), asset=asset))
        calibrate(client, asset)
    wrong = client.post("/api/v1/system/purge", json={"asset_id": "motor_01", "confirm": "motor_02"})
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (422, "not_confirmed")
    done = client.post("/api/v1/system/purge", json={"asset_id": "motor_01", "confirm": "motor_01"}).json()
    assert done["deleted"]["readings"] == 300
    assert (Path(done["archive"]) / "readings.parquet").is_file()
    assert status(client)["asset"]["asset_id"] == "motor_02"
    assert client.get("/api/v1/monitoring/baseline", params={"asset_id": "motor_01"}).status_code == 404
    fresh = send(client, messages(running(10, 2)))
    assert (fresh["accepted"], status(client, "motor_01")["system_state"]) == (10, "IDLE")
    everything = client.post("/api/v1/system/purge", json={"confirm": "ALL", "archive": False}).json()
    assert everything["archive"] is None
    assert status(client)["assets"] == 0
    assert not list((tmp_path / "models").rglob("baseline.npz"))


def test_keys_let_each_role_do_its_part_and_nobody_else_in(tmp_path: Path) -> None:
    keys = {role: f"{role}-0123456789abcdef" for role in ("read", "ingest", "operate", "admin")}
    setting = SecretStr(",".join(f"{role}:{key}" for role, key in keys.items()))
    with client_of(tmp_path, api_keys=setting) as client:
        reading = messages(running(1, 1))[0]
        assert client.get("/health").status_code == 200
        assert client.get("/api/v1/assets").status_code == 401
        assert client.get("/api/v1/assets", headers={"x-api-key": "wrong"}).status_code == 401
        assert client.get("/api/v1/assets", headers={"x-api-key": keys["read"]}).status_code == 200
        assert client.post("/api/v1/data/simple", json=reading, headers={"x-api-key": keys["read"]}).status_code == 403
        assert (
            client.post("/api/v1/data/simple", json=reading, headers={"x-api-key": keys["ingest"]}).status_code == 200
        )
        purge = {"confirm": "ALL"}
        assert (
            client.post("/api/v1/system/purge", json=purge, headers={"x-api-key": keys["operate"]}).status_code == 403
        )
        assert client.post("/api/v1/system/purge", json=purge, headers={"x-api-key": keys["admin"]}).status_code == 200
        answers = client.get("/api/v1/assets", headers={"x-api-key": "wrong"}).text
        assert not any(key in answers for key in keys.values())


def test_openapi_describes_every_route(empty_plant: httpx.Client) -> None:
    paths = empty_plant.get("/openapi.json").json()["paths"]
    assert {
        "/api/v1/data/simple", "/api/v1/data/batch", "/api/v1/data/history", "/api/v1/calibration/start",
        "/api/v1/calibration/status", "/api/v1/monitoring/status", "/api/v1/monitoring/baseline", "/api/v1/assets",
        "/api/v1/alarms", "/api/v1/alarms/kpis", "/api/v1/logs", "/api/v1/whatif", "/api/v1/maintenance",
        "/api/v1/system/purge", "/predict", "/health",
    } <= set(paths)  # fmt: skip


def test_documentation_names_every_route_and_no_other(empty_plant: httpx.Client) -> None:
    paths = set(empty_plant.get("/openapi.json").json()["paths"])
    pages = {page.name: page.read_text(encoding="utf-8") for page in (Path(__file__).parents[3] / "docs").glob("*.md")}
    told = re.findall(r"/api/v1/[\w{}/-]+", "".join(pages.values()))
    assert {re.sub(r"/\d+/", "/{number}/", path) for path in told} <= paths
    where = pages["monitoring.md"] + pages["serving.md"]
    assert [path for path in sorted(paths) if not re.search(rf"{re.escape(path)}(?![\w/-])", where)] == []


def test_alarms_of_a_long_life_come_as_the_newest_of_each_and_not_more_than_asked_for(
    tmp_path: Path, client: httpx.Client
) -> None:
    """An asset with 30 occurrences of an alarm, of two steps each; the newest is at 30 s."""
    send(client, messages(running(1, 1)))
    rows = []
    for number in range(1, 31):
        common = {"alarm_id": f"motor_01/anomaly/{number:02}", "asset_id": "motor_01", "priority": AlarmPriority.LOW}
        told = {**common, "time": float(number), "author": "system", "reason": "score", "key": "anomaly", "score": 2.0}
        raised = (words.AlarmState.NORMAL, words.AlarmState.UNACKNOWLEDGED, AlarmEvent.RAISED)
        cleared = (words.AlarmState.UNACKNOWLEDGED, words.AlarmState.NORMAL, AlarmEvent.CLEARED)
        steps = [
            AlarmTransition(**told, from_state=before, to_state=after, event=event)
            for before, after, event in (raised, cleared)
        ]
        rows.append((common, steps))
    store = Store(sqlite_in(tmp_path))
    with store.transaction() as batch:
        for common, steps in rows:
            stands = StoredAlarm(common["alarm_id"], "motor_01", "anomaly", "LOW", "NORMAL", steps[0].time, "too hot")
            batch.alarms.record([stands], steps)
    store.close()

    def asked(**query: Any) -> dict[str, Any]:
        answer = client.get("/api/v1/alarms", params={"asset_id": "motor_01"} | query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    assert asked()["alarms"] == []  # none is open
    newest = asked(open_only=False, transitions=True, limit=5)
    assert [one["alarm_id"] for one in newest["alarms"]] == ["motor_01/anomaly/30"]
    ends = [(one["alarm_id"][-2:], one["event"]) for one in newest["transitions"]]
    assert ends == [("30", "CLEARED"), ("30", "RAISED"), ("29", "CLEARED"), ("29", "RAISED"), ("28", "CLEARED")]
    past = asked(open_only=False, history=True, limit=3)
    assert [one["alarm_id"][-2:] for one in past["alarms"]] == ["30", "29", "28"]
    assert len(asked(open_only=False, history=True, transitions=True)["transitions"]) == 60
    for limit in (0, 10_001):
        assert client.get("/api/v1/alarms", params={"limit": limit}).status_code == 422


@pytest.mark.parametrize("headers", [{}, {"content-type": "application/x-www-form-urlencoded"}])
def test_body_that_curl_sends_without_naming_it_is_read_as_json(client: httpx.Client, headers: dict[str, str]) -> None:
    reading = json.dumps(messages(running(1, 1))[0]).encode()
    assert client.post("/api/v1/data/simple", content=reading, headers=headers).json()["accepted"] == 1
    batch = gzip.compress(json.dumps({"readings": messages(running(299, 2), 1)}).encode())
    packed = headers | {"content-encoding": "gzip"}
    assert client.post("/api/v1/data/batch", content=batch, headers=packed).json()["accepted"] == 299
    started = client.post("/api/v1/calibration/start", content=b'{"asset_id": "motor_01"}', headers=headers)
    assert (started.status_code, started.json()["data_points_collected"]) == (200, 300)
    assert finished(client, "motor_01")["stage"] == "accepted"


def test_status_says_at_the_top_what_is_meant_by_one_asset_and_nothing_of_several(client: httpx.Client) -> None:
    for asset in ("motor_01", "motor_02"):
        send(client, messages(running(300, 1), asset=asset))
    calibrate(client, "motor_02")
    several = status(client)
    assert [several[name] for name in ("baseline_established", "models_loaded", "baseline_summary")] == [None] * 3
    assert status(client, "motor_01")["baseline_established"] is False
    assert status(client, "motor_01")["baseline_summary"] == {}
    one = status(client, "motor_02")
    assert one["baseline_established"] is True
    models = one["asset"]["models_loaded"]
    assert one["models_loaded"] == models | {
        "legacy_model": models["reading_forest"], "batch_model": models["window_forest"],
    }  # fmt: skip
    assert models["reading_forest"]
    summary = one["asset"]["baseline_summary"]
    others = {"current_mean": "current_a", "speed_mean": "speed_rpm", "vibration_mean": "vibration_g"}
    assert one["baseline_summary"] == summary | {other: summary[name] for other, name in others.items()}


def test_purge_without_a_body_says_what_is_to_be_confirmed_and_deletes_nothing(client: httpx.Client) -> None:
    send(client, messages(running(1, 1)))
    refused = client.post("/api/v1/system/purge")
    assert (refused.status_code, refused.json()["error"]["code"]) == (422, "not_confirmed")
    assert 'expected {"confirm": "ALL"} in the body, found no confirmation' in refused.json()["error"]["message"]
    assert status(client)["assets"] == 1
