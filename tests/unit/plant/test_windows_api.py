"""Readings as columns over HTTP: judged and stored as the same readings sent as rows, known again, and refused by name."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from condition_sample import pump, running
from live_app import served
from plant_fixture import calibrate_asset, no_model, sqlite_in

from smart_sentry.api.data_routes import MOST_READINGS
from smart_sentry.api.prediction import create_app
from smart_sentry.config import Settings
from smart_sentry.plant.plant import Plant
from smart_sentry.stores.store import Store

START = datetime(2026, 1, 1, tzinfo=UTC)
SLOW = pump(health={"damage_rate_per_hour": 200.0})
FAST = pump(name="fast_pump", sampling_seconds=0.01, health={"damage_rate_per_hour": 200.0})
NAMES = SLOW.signal_names
BATCH = "/api/v1/data/batch"


@contextmanager
def client_of(home: Path, **settings: Any) -> Iterator[httpx.Client]:
    home.mkdir(exist_ok=True)
    kinds = {kind.name: kind for kind in (SLOW, FAST)}
    app = create_app(
        no_model, Settings(home=home, **settings),
        open_plant=lambda: Plant(kinds, home / "models", Store(sqlite_in(home))),
    )  # fmt: skip
    with served(app) as client:
        yield client


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """For requests that leave nothing, or look at an asset of their own."""
    with client_of(tmp_path_factory.mktemp("windows")) as client:
        yield client


def window(values: np.ndarray, begin: float = 0.0, **changes: Any) -> dict[str, Any]:
    """(readings, signals) at 100 Hz from so many seconds after START; `...` takes a key away."""
    columns = {
        name: [None if np.isnan(value) else value for value in column]
        for name, column in zip(NAMES, values.T.tolist(), strict=True)
    }
    whole = {
        "asset_id": "p", "start": (START + timedelta(seconds=begin)).isoformat(), "interval_seconds": 0.01, "columns": columns,
    }  # fmt: skip
    return {name: value for name, value in (whole | changes).items() if value is not ...}


def rows(values: np.ndarray, begin: float = 0.0) -> dict[str, Any]:
    """The same as rows, with the ids that the windows' readings have."""
    found = []
    for number, row in enumerate(values.tolist()):
        when = START + timedelta(seconds=begin) + number * timedelta(milliseconds=10)
        found.append(
            {
                "asset_id": "p",
                "asset_type": FAST.name,
                "timestamp": when.isoformat(),
                "event_id": f"{when.timestamp():.6f}",
            }
            | {name: None if np.isnan(value) else value for name, value in zip(NAMES, row, strict=True)}
        )
    return {"readings": found}


def send(client: httpx.Client, body: Any) -> dict[str, Any]:
    answer = client.post(BATCH, json=body)
    assert answer.status_code == 200, answer.text
    taken: dict[str, Any] = answer.json()
    return taken


def history(client: httpx.Client) -> Any:
    return client.get("/api/v1/data/history", params={"asset_id": "p", "limit": 10_000}).json()


def test_columns_are_judged_and_stored_as_the_same_readings_in_rows(tmp_path: Path) -> None:
    healthy = running(12_000, 1)
    live = running(1000, 2)
    live[400:, 0] += 40.0
    live[700:, 2] = np.nan
    found = []
    for form in ("rows", "columns"):
        with client_of(tmp_path / form) as client:
            make = rows if form == "rows" else window
            for part in range(3):  # a stretch in several requests
                send(client, make(healthy[4000 * part : 4000 * (part + 1)], 40.0 * part))
            calibrate_asset(client, "p")
            split = [live[:130], live[130:777], live[777:]]
            begins = [200.0, 201.3, 207.77]
            told = [send(client, make(part, begin)) for part, begin in zip(split, begins, strict=True)]
            status = client.get("/api/v1/monitoring/status", params={"asset_id": "p"}).json()["asset"]
            found.append(
                (sum(one["flagged"] for one in told), history(client), status["degradation"], status["reason"])
            )
    assert found[0][0] > 0
    assert found[1] == found[0]


def test_columns_that_are_sent_again_change_nothing(tmp_path: Path) -> None:
    with client_of(tmp_path) as client:
        values = running(300, 3)
        assert send(client, window(values))["accepted"] == 300
        before = history(client)
        assert send(client, window(values)) | {"event_ids": []} == {
            "accepted": 0, "duplicates": 300, "flagged": 0, "event_ids": [],
        }  # fmt: skip
        # One that reaches over what is known adds what is new.
        later = send(client, window(running(300, 3), 2.0))
        assert (later["accepted"], later["duplicates"]) == (200, 100)
        assert history(client)["readings"][-300:] == before["readings"]


def test_prefix_names_the_readings(shared: httpx.Client) -> None:
    first = window(running(3, 4), asset_id="named", event_id="w1")
    assert send(shared, first)["event_ids"] == ["w1/0", "w1/1", "w1/2"]
    assert send(shared, first)["duplicates"] == 3
    assert send(shared, window(running(3, 4), asset_id="named", event_id="w2"))["accepted"] == 3


def test_readings_without_prefix_are_known_by_their_time(shared: httpx.Client) -> None:
    taken = send(shared, window(running(2, 5), 0.125, asset_id="timed"))
    assert taken["event_ids"] == [f"{START.timestamp() + 0.125:.6f}", f"{START.timestamp() + 0.135:.6f}"]


def test_type_is_found_by_signals_and_interval(shared: httpx.Client) -> None:
    send(shared, window(running(5, 6), asset_id="by interval"))
    send(shared, window(running(5, 6), asset_id="slow one", interval_seconds=1.0))
    kinds = {one["asset_id"]: one["asset_type"] for one in shared.get("/api/v1/assets").json()}
    assert (kinds["by interval"], kinds["slow one"]) == ("fast_pump", "pump")


def test_gzip_and_list_of_windows_are_taken(shared: httpx.Client) -> None:
    windows = [window(running(100, 7), second, asset_id=f"pump {second % 2}") for second in range(4)]
    packed = gzip.compress(json.dumps(windows).encode())
    answer = shared.post(
        BATCH, content=packed, headers={"content-type": "application/json", "content-encoding": "gzip"}
    )
    assert answer.status_code == 200, answer.text
    assert answer.json()["accepted"] == 400


VALUES = running(4, 8)
COLUMNS = window(VALUES)["columns"]
BAD = [
    ("unequal columns", window(VALUES, columns=COLUMNS | {"speed_rpm": [1.0]}), "current_a has 4 values, speed_rpm has 1"),
    ("empty columns", window(VALUES, columns={name: [] for name in NAMES}), "at least one value"),
    ("no columns", window(VALUES, columns={}), "columns"),
    ("columns left out", window(VALUES, columns=...), "columns: Field required"),
    ("a number as text", window(VALUES, columns=COLUMNS | {"speed_rpm": [1, 2, "3", 4]}), "columns.speed_rpm.2"),
    ("true", window(VALUES, columns=COLUMNS | {"speed_rpm": [1, 2, True, 4]}), "columns.speed_rpm.2"),
    ("a list in a column", window(VALUES, columns=COLUMNS | {"speed_rpm": [[1], 2, 3, 4]}), "columns.speed_rpm.0"),
    ("no list", window(VALUES, columns=COLUMNS | {"speed_rpm": 1}), "columns.speed_rpm"),
    ("unknown signals", window(VALUES, columns=COLUMNS | {"torque_nm": [1, 2, 3, 4]}), "torque_nm"),
    ("no zone", window(VALUES, start="2026-01-01T00:00:00"), "start"),
    ("no time", window(VALUES, start="soon"), "start"),
    ("future", window(VALUES, start="2100-01-01T00:00:00Z"), "start: expected a time since 1970 and at most 300 s ahead"),
    ("before 1970", window(VALUES, start="1969-12-31T23:59:59Z"), "start"),
    ("year 9999", window(VALUES, start="9999-12-31T23:59:59Z"), "start"),
    ("interval of nothing", window(VALUES, interval_seconds=0), "interval_seconds"),
    ("interval backwards", window(VALUES, interval_seconds=-0.01), "interval_seconds"),
    ("interval of no type", window(VALUES, interval_seconds=0.5), "expected 1 s, at which pump is read, found 0.5 s"),
    ("other interval", window(VALUES, asset_type="fast_pump", interval_seconds=0.02), "expected 0.01 s"),
    ("unknown type", window(VALUES, asset_type="fan"), "asset_type: expected one of fast_pump, pump, found 'fan'"),
    ("unknown key", window(VALUES, unit="g"), "unit"),
    ("prefix too long", window(VALUES, event_id="e" * 101), "event_id"),
    ("name of control characters", window(VALUES, asset_id="a\x07"), "asset_id"),
    ("no window", [], "at least one window"),
    ("list of other things", [1], "0: "),
    ("second of a list", [window(VALUES), window(VALUES, 1.0, columns=COLUMNS | {"rpm": [1] * 4})], "1."),
    ("rows and columns", window(VALUES) | {"readings": []}, "readings"),
    ("too many", window(np.zeros((MOST_READINGS + 1, 3))), f"at most {MOST_READINGS} readings a request"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "names"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_bad_columns_are_refused_by_name_and_leave_nothing(shared: httpx.Client, body: Any, names: str) -> None:
    answer = shared.post(BATCH, json=body)
    assert answer.status_code == 422, answer.text
    error = answer.json()["error"]
    assert names in "; ".join([error["message"], *(f"{one['field']}: {one['reason']}" for one in error["details"])])
    assert shared.get("/api/v1/data/history", params={"asset_id": "p"}).status_code == 404


def test_column_full_of_mistakes_is_refused_briefly(shared: httpx.Client) -> None:
    answer = shared.post(BATCH, json=window(VALUES, columns=dict.fromkeys(NAMES, ["x"] * 50_000)))
    assert answer.status_code == 422
    assert len(answer.content) < 5000


def test_window_of_an_asset_of_another_type_is_refused(shared: httpx.Client) -> None:
    send(shared, window(running(5, 9), asset_id="settled", interval_seconds=1.0))
    answer = shared.post(BATCH, json=window(running(5, 9), 100.0, asset_id="settled"))
    assert answer.status_code == 422
    assert "expected 1 s, at which pump is read" in answer.json()["error"]["message"]


def test_readings_of_a_batch_count_towards_the_rate_limit(tmp_path: Path) -> None:
    with client_of(tmp_path, rate_limit_readings=50.0) as client:
        assert send(client, window(running(200, 10)))["accepted"] == 200  # whole, and 3 s to wait
        answer = client.post(BATCH, json=window(running(1, 11), 5.0))
        assert answer.status_code == 429
        assert answer.headers["retry-after"] in ("3", "4")
        assert answer.json()["error"]["details"][0]["field"] == "readings"
        assert client.get("/api/v1/assets").status_code == 200  # reading is not limited by it


def test_document_has_both_forms_and_its_examples_can_be_sent(shared: httpx.Client) -> None:
    operation = shared.get("/openapi.json").json()["paths"][BATCH]["post"]
    content = operation["requestBody"]["content"]["application/json"]
    assert [form["title"] for form in content["schema"]["oneOf"]] == ["rows", "columns", "list of columns"]
    assert "Retry-After" in operation["responses"]["429"]["headers"]
    example = content["examples"]["columns"]["value"]
    columns = dict(zip(NAMES, list(example["columns"].values())[: len(NAMES)], strict=True))
    assert send(shared, example | {"asset_type": FAST.name, "columns": columns})["accepted"] == 2


def test_windows_are_summed_up_under_short_names_too(tmp_path: Path) -> None:
    with client_of(tmp_path) as client:
        for part in range(3):
            send(client, window(running(4000, part), 40.0 * part))
        calibrate_asset(client, "p")
        told = client.get("/api/v1/monitoring/baseline", params={"asset_id": "p"}).json()
        status = client.get("/api/v1/monitoring/status", params={"asset_id": "p"}).json()
    learnt = told["batch_baseline"]
    assert told["baseline"] == {}
    for short, name in (("current", "current_a"), ("speed", "speed_rpm"), ("vibration", "vibration_g")):
        for statistic in ("mean", "std", "peak_to_peak", "rms"):
            assert learnt[f"{short}_{statistic}"] == learnt[f"{name}_{statistic}"]
            assert {"mean", "std"} <= set(learnt[f"{short}_{statistic}"])
        assert status["baseline_summary"][f"{short}_mean"] == learnt[f"{name}_mean"]["mean"]
    assert status["models_loaded"]["batch_model"]
