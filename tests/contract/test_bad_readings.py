"""Bad input to the plant: every row gets its 4xx with the field named, or is taken as documented; nothing else changes."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from condition_sample import running
from plant_fixture import SIGNALS, calibrate_asset, client_of_pumps, healthy, readings_of, send_batch

ASSET = "motor_01"
SIMPLE, BATCH, HISTORY = "/api/v1/data/simple", "/api/v1/data/batch", "/api/v1/data/history"
CALIBRATE, ALARMS, NOTES = "/api/v1/calibration/start", "/api/v1/alarms", "/api/v1/logs"
WHAT_IF, PURGE, MAINTAIN = "/api/v1/whatif", "/api/v1/system/purge", "/api/v1/maintenance"
LATER = 1000
"""Seconds after the calibration readings: where these tests put theirs."""
INJECTIONS = (
    "'; DROP TABLE readings; --", '" OR 1=1 --', "<script>alert(1)</script>", "{{7*7}}", "${jndi:ldap://host/a}",
    "../../etc/passwd", "%00%0a", "=cmd|'/c calc'!A1",
)  # fmt: skip
NAMES = ("насос №7", "ポンプ", "pompe à chaleur", "🏭", "a/b\\c", ".", "..", "a" * 128, "ポンプ" * 42, *INJECTIONS)


class Row(NamedTuple):
    """One bad request: where to, what is sent (a function gives it then), and what the answer must be and name."""

    name: str
    path: str
    body: Any
    status: int
    names: str
    headers: dict[str, str] | None = None


def reading(**changes: Any) -> dict[str, Any]:
    """A good reading with changes; `...` takes a key away."""
    good = readings_of(running(1, 9), ASSET, [LATER])[0] | changes
    return {name: value for name, value in good.items() if value is not ...}


def spelt(text: str, signal: str = "current_a") -> bytes:
    """A reading in which a number is spelt in a way that json.dumps cannot be asked for."""
    return json.dumps(reading(**{signal: 12345.5})).replace("12345.5", text).encode()


def in_batch(*readings: Any) -> dict[str, Any]:
    return {"readings": list(readings)}


def ahead(**distance: float) -> str:
    return (datetime.now(UTC) + timedelta(**distance)).isoformat()


def note(**changes: Any) -> dict[str, Any]:
    return {"asset_id": ASSET, "author": "Ada", "text": "bearing is loud"} | changes


def action(**changes: Any) -> dict[str, Any]:
    return {"asset_id": ASSET, "action": "acknowledge", "author": "Ada", "reason": "seen"} | changes


GZIP = {"content-encoding": "gzip"}
FORM = {"content-type": "application/x-www-form-urlencoded"}
WHOLE = json.dumps(in_batch(reading())).encode()
REFUSED = [
    # types
    Row("number as text", SIMPLE, reading(current_a="15"), 422, "current_a"),
    Row("number as a word", SIMPLE, reading(current_a="NaN"), 422, "current_a"),
    Row("boolean as number", SIMPLE, reading(current_a=True), 422, "current_a"),
    Row("list as number", SIMPLE, reading(current_a=[15.0]), 422, "current_a"),
    Row("object as number", SIMPLE, reading(current_a={"value": 15.0}), 422, "current_a"),
    Row("number as text in a batch", BATCH, in_batch(reading(), reading(current_a="15")), 422, "readings.1.current_a"),
    Row("boolean in a batch", BATCH, in_batch(reading(), reading(current_a=False)), 422, "readings.1.current_a"),
    Row("reading that is no object", SIMPLE, [1, 2], 422, "body"),
    Row("null for a reading", BATCH, in_batch(None), 422, "readings.0"),
    Row("readings that are no list", BATCH, {"readings": reading()}, 422, "readings"),
    Row("unknown key of a batch", BATCH, in_batch(reading()) | {"extra": 1}, 422, "extra"),
    # numbers
    Row("NaN", SIMPLE, spelt("NaN"), 422, "current_a"),
    Row("Infinity", SIMPLE, spelt("Infinity"), 422, "current_a"),
    Row("-Infinity", SIMPLE, spelt("-Infinity"), 422, "current_a"),
    Row("1e999", SIMPLE, spelt("1e999"), 422, "current_a"),
    Row("-1e999", SIMPLE, spelt("-1e999"), 422, "current_a"),
    Row("integer beyond floating point", SIMPLE, spelt("1" + "0" * 400), 422, "current_a"),
    Row("integer of 10,000 digits", SIMPLE, spelt("9" * 10_000), 400, "body"),
    Row("NaN in a batch", BATCH, b'{"readings": [' + spelt("NaN") + b"]}", 422, "current_a"),
    Row("1e999 in a batch", BATCH, b'{"readings": [' + spelt("1e999") + b"]}", 422, "current_a"),
    Row("huge integer in a batch", BATCH, b'{"readings": [' + spelt("1" + "0" * 400) + b"]}", 422, "current_a"),
    # times
    Row("time that is none", SIMPLE, reading(timestamp="yesterday"), 422, "timestamp"),
    Row("time without a zone", SIMPLE, reading(timestamp="2026-01-01T00:00:00"), 422, "timestamp"),
    Row("date without a time", SIMPLE, reading(timestamp="2026-01-01"), 422, "timestamp"),
    Row("zone by name", SIMPLE, reading(timestamp="2026-01-01T00:00:00 Europe/Paris"), 422, "timestamp"),
    Row("zone beyond a day", SIMPLE, reading(timestamp="2026-01-01T00:00:00+99:00"), 422, "timestamp"),
    Row("day that is none", SIMPLE, reading(timestamp="2026-02-30T00:00:00Z"), 422, "timestamp"),
    Row("boolean as time", SIMPLE, reading(timestamp=True), 422, "timestamp"),
    Row("ten minutes ahead", SIMPLE, lambda: reading(timestamp=ahead(minutes=10)), 422, "timestamp"),
    Row("a century ahead", BATCH, in_batch(reading(timestamp=ahead(days=36_500))), 422, "timestamp"),
    Row("before 1970", SIMPLE, reading(timestamp="1969-12-31T23:59:59Z"), 422, "timestamp"),
    Row("year 1", SIMPLE, reading(timestamp="0001-01-01T00:00:00+14:00"), 422, "timestamp"),
    # names
    Row("no asset", SIMPLE, reading(asset_id=...), 422, "asset_id"),
    Row("empty asset", SIMPLE, reading(asset_id=""), 422, "asset_id"),
    Row("null asset", SIMPLE, reading(asset_id=None), 422, "asset_id"),
    Row("number as asset", SIMPLE, reading(asset_id=7), 422, "asset_id"),
    Row("asset of 129 characters", SIMPLE, reading(asset_id="a" * 129), 422, "asset_id"),
    Row("null character in the asset", SIMPLE, reading(asset_id="a\0b"), 422, "asset_id"),
    Row("newline in the asset", SIMPLE, reading(asset_id="a\nb"), 422, "asset_id"),
    Row("half a character in the asset", SIMPLE, json.dumps(reading(asset_id="\ud800")).encode(), 422, "asset_id"),
    Row("escape character in the event", SIMPLE, reading(event_id="a\x1bb"), 422, "event_id"),
    Row("null character in a signal", SIMPLE, reading(**{"current\0a": 1.0}), 422, "not a signal"),
    Row("half a character in a signal", SIMPLE, json.dumps(reading(**{"\ud800": 1.0})).encode(), 422, ""),
    Row("unknown signal", SIMPLE, reading(humidity=1.0), 422, "humidity"),
    Row("unknown signal in a batch", BATCH, in_batch(reading(), reading(humidity=1.0)), 422, "humidity"),
    Row("no signals", SIMPLE, reading(**dict.fromkeys(SIGNALS, ...)), 422, "signals"),
    Row("1001 signals", SIMPLE, reading(**{f"s{number}": 1.0 for number in range(1001)}), 422, "signals"),
    Row("unknown asset type", SIMPLE, reading(asset_id="new", asset_type="lathe"), 422, "asset_type"),
    # bodies
    Row("empty body", SIMPLE, b"", 422, "body"),
    Row("empty body of a batch", BATCH, b"", 400, "body"),
    Row("empty list", BATCH, in_batch(), 422, "readings"),
    Row("broken JSON", SIMPLE, b'{"asset_id": ', 400, "body"),
    Row("broken JSON of a batch", BATCH, b'{"readings": [', 400, "body"),
    Row("no UTF-8", SIMPLE, b'{"asset_id": "\xff\xfe"}', 400, "body"),
    Row("no UTF-8 in a batch", BATCH, b'{"readings": "\xff\xfe"}', 400, "body"),
    Row("nested 100,000 deep", SIMPLE, b"[" * 100_000 + b"]" * 100_000, 400, "body"),
    Row("nested 100,000 deep in a batch", BATCH, b'{"readings": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", 400, "body"),
    Row("nested objects as a number", SIMPLE, spelt('{"a":' * 500 + "1" + "}" * 500), 422, "current_a"),
    Row("50 MB", SIMPLE, b" " * 50_000_000, 413, "body"),
    Row("50 MB of a batch", BATCH, b" " * 50_000_000, 413, "body"),
    Row("50 MB of a note", NOTES, b" " * 50_000_000, 413, "body"),
    Row("50 MB after unpacking", BATCH, gzip.compress(b" " * 50_000_000), 413, "body", GZIP),
    Row("no gzip", BATCH, WHOLE, 400, "body", GZIP),
    Row("gzip cut short", BATCH, gzip.compress(WHOLE)[:-9], 400, "body", GZIP),
    Row("gzip with a wrong checksum", BATCH, gzip.compress(WHOLE)[:-8] + bytes(8), 400, "body", GZIP),
    Row("two gzip members", BATCH, gzip.compress(WHOLE) * 2, 400, "body", GZIP),
    Row("unknown encoding", BATCH, WHOLE, 415, "content-encoding", {"content-encoding": "br"}),
    Row("form", SIMPLE, b"asset_id=motor_01", 400, "body", FORM),
    Row("JSON as the form of a page", NOTES, note(), 415, "content-type", FORM | {"origin": "https://elsewhere.example"}),
    Row("JSON of a page, unnamed", NOTES, note(), 415, "content-type", {"content-type": "", "sec-fetch-site": "cross-site"}),
    Row("text", BATCH, WHOLE, 415, "content-type", {"content-type": "text/plain"}),
    Row("no content type and no JSON", NOTES, b"bearing is loud", 400, "body", {"content-type": ""}),
    # the other routes
    Row("history of nobody", HISTORY, {}, 422, "asset_id"),
    Row("history of an unknown asset", HISTORY, {"asset_id": "nobody"}, 404, "nobody"),
    Row("history of no minutes", HISTORY, {"asset_id": ASSET, "minutes": 0}, 422, "minutes"),
    Row("history of NaN minutes", HISTORY, {"asset_id": ASSET, "minutes": "nan"}, 422, "minutes"),
    Row("history of infinite minutes", HISTORY, {"asset_id": ASSET, "minutes": "inf"}, 422, "minutes"),
    Row("history of a million rows", HISTORY, {"asset_id": ASSET, "limit": 1_000_000}, 422, "limit"),
    Row("history of -1 rows", HISTORY, {"asset_id": ASSET, "limit": -1}, 422, "limit"),
    Row("history with a null character", HISTORY, {"asset_id": "a\0b"}, 422, "asset_id"),
    Row("calibration of nobody", CALIBRATE, {}, 422, "asset_id"),
    Row("calibration of an unknown asset", CALIBRATE, {"asset_id": "nobody"}, 404, "nobody"),
    Row("calibration, minutes as text", CALIBRATE, {"asset_id": ASSET, "lookback_minutes": "10"}, 422, "lookback"),
    Row("calibration, negative minutes", CALIBRATE, {"asset_id": ASSET, "lookback_minutes": -1}, 422, "lookback"),
    Row("calibration, boolean minutes", CALIBRATE, {"asset_id": ASSET, "lookback_minutes": True}, 422, "lookback"),
    Row("calibration, unknown key", CALIBRATE, {"asset_id": ASSET, "lookback": 10}, 422, "lookback"),
    Row("calibration on too little", CALIBRATE, {"asset_id": ASSET, "lookback_minutes": 0.1}, 422, "at least 100"),
    Row("alarm of an unknown asset", ALARMS, action(asset_id="nobody"), 404, "nobody"),
    Row("alarm that is none", ALARMS, action(key="'; DROP TABLE alarms; --"), 409, "DROP TABLE"),
    Row("action that is none", ALARMS, action(action="silence"), 422, "action"),
    Row("action of nobody", ALARMS, action(author=""), 422, "author"),
    Row("null character in a reason", ALARMS, action(reason="a\0b"), 422, "reason"),
    Row("shelf until a time without a zone", ALARMS, action(action="shelve", until="2026-01-01T00:00:00"), 422, "until"),
    Row("note about an unknown asset", NOTES, note(asset_id="nobody"), 404, "nobody"),
    Row("note without text", NOTES, note(text=""), 422, "text"),
    Row("note of 10,001 characters", NOTES, note(text="a" * 10_001), 422, "text"),
    Row("null character in a note", NOTES, note(text="a\0b"), 422, "text"),
    Row("half a character in a note", NOTES, json.dumps(note(text="\udfff")).encode(), 422, "text"),
    Row("note of an unknown kind", NOTES, note(kind="gossip"), 422, "kind"),
    Row("newline in an author", NOTES, note(author="Ada\nEve"), 422, "author"),
    Row("correction of a note that is none", NOTES, note(corrects=999), 422, "999"),
    Row("correction of a number too large", NOTES, note(corrects=2**63), 422, "corrects"),
    Row("correction by text", NOTES, note(corrects="1"), 422, "corrects"),
    Row("maintenance without a reason", MAINTAIN, {"asset_id": ASSET, "author": "Ada", "reason": ""}, 422, "reason"),
    Row("what-if of an unknown asset", WHAT_IF, {"asset_id": "nobody", "readings": [{"current_a": 1.0}]}, 404, "nobody"),
    Row("what-if of nothing", WHAT_IF, {"asset_id": ASSET, "readings": []}, 422, "readings"),
    Row("what-if of 1001 readings", WHAT_IF, {"asset_id": ASSET, "readings": [{"current_a": 1.0}] * 1001}, 422, "readings"),
    Row("what-if of text", WHAT_IF, {"asset_id": ASSET, "readings": [{"current_a": "1"}]}, 422, "current_a"),
    Row("what-if of an unknown signal", WHAT_IF, {"asset_id": ASSET, "readings": [{"humidity": 1.0}]}, 422, "humidity"),
    Row("purge without a body", PURGE, b"", 422, '{"confirm": "ALL"}', {"content-type": ""}),
    Row("purge without the name", PURGE, {"asset_id": ASSET}, 422, "confirm"),
    Row("purge with another name", PURGE, {"asset_id": ASSET, "confirm": "motor_1"}, 422, "motor_01"),
    Row("purge of all with a name", PURGE, {"confirm": ASSET}, 422, "ALL"),
    Row("purge of an unknown asset", PURGE, {"asset_id": "nobody", "confirm": "nobody"}, 404, "nobody"),
    Row("purge, archive as text", PURGE, {"asset_id": ASSET, "confirm": ASSET, "archive": "no"}, 422, "archive"),
    Row("purge with injection", PURGE, {"asset_id": "' OR 1=1 --", "confirm": "' OR 1=1 --"}, 404, "OR 1=1"),
]  # fmt: skip


@pytest.fixture(scope="module")
def calibrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a plant with one calibrated asset, closed in good order."""
    home = tmp_path_factory.mktemp("calibrated")
    with client_of_pumps(home) as opened:
        send_batch(opened, healthy(300, 1))
        calibrate_asset(opened, ASSET)
    return home


@pytest.fixture(scope="module")
def client(calibrated: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A plant with that asset, for rows that leave it as it is."""
    with client_of_pumps(Path(shutil.copytree(calibrated, tmp_path_factory.mktemp("plant") / "home"))) as opened:
        yield opened


@pytest.fixture
def own(calibrated: Path, tmp_path: Path) -> Iterator[httpx.Client]:
    """A plant of its own for a test that changes it."""
    with client_of_pumps(Path(shutil.copytree(calibrated, tmp_path / "own"))) as opened:
        yield opened


def everything(client: httpx.Client) -> dict[str, Any]:
    """All that can be seen of the plant."""
    return {
        "history": client.get(HISTORY, params={"asset_id": ASSET, "minutes": 525_600, "limit": 10_000}).json(),
        "status": client.get("/api/v1/monitoring/status", params={"asset_id": ASSET}).json(),
        "assets": client.get("/api/v1/assets").json(),
        "notes": client.get(NOTES).json(),
        "alarms": client.get(ALARMS, params={"open_only": False, "transitions": True}).json(),
        "calibration": client.get("/api/v1/calibration/status", params={"asset_id": ASSET}).json(),
    }


def ask(client: httpx.Client, row: Row) -> httpx.Response:
    if row.path == HISTORY:
        return client.get(row.path, params=row.body)
    content = row.body() if callable(row.body) else row.body
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return client.post(row.path, content=body, headers={"content-type": "application/json"} | (row.headers or {}))


def test_table_is_long_enough_and_has_no_row_twice() -> None:
    names = [row.name for row in REFUSED]
    assert len(names) == len(set(names)) >= 40


@pytest.mark.parametrize("row", REFUSED, ids=[row.name for row in REFUSED])
def test_bad_request_is_refused_by_name_and_changes_nothing(client: httpx.Client, row: Row) -> None:
    before = everything(client)
    answer = ask(client, row)
    assert answer.status_code == row.status, answer.text[:500]
    error = answer.json()["error"]
    told = " ".join([error["message"], *(f"{one['field']}: {one['reason']}" for one in error["details"])])
    assert row.names in told
    assert "Traceback" not in answer.text
    assert len(answer.content) < 20_000
    assert everything(client) == before
    assert len(before["history"]["readings"]) == 300


def newest(client: httpx.Client, rows: int, asset: str = ASSET) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    told = client.get(HISTORY, params={"asset_id": asset, "limit": rows}).json()
    return told["readings"], told["assessments"]


@pytest.mark.parametrize(
    ("value", "why"),
    [(1.7e308, "huge"), (-1.7e308, "huge and negative"), (-1.0, "negative"), (150.0, "mA/10 for A"), (1e300, "huge")],
)
def test_value_that_no_such_machine_can_show_is_taken_and_blames_the_sensor(
    own: httpx.Client, value: float, why: str
) -> None:
    assert send_batch(own, [reading(current_a=value)]) == {
        "accepted": 1, "duplicates": 0, "flagged": 0, "event_ids": [f"at {LATER}"],
    }  # fmt: skip
    (stored,), (judged,) = newest(own, 1)
    assert stored["current_a"] == value, why
    assert judged["reason"] == "sensor: current_a out of range"
    assert not judged["flag"]
    assert judged["degradation"] == 0


def test_missing_values_are_taken_and_blame_the_sensor(own: httpx.Client) -> None:
    taken = [reading(event_id="null", current_a=None), reading(event_id="left out", current_a=...)]
    assert send_batch(own, taken)["accepted"] == 2
    stored, judged = newest(own, 2)
    assert [one["current_a"] for one in stored] == [None, None]
    assert {one["reason"] for one in judged} == {"sensor: current_a missing"}


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2026-01-01T05:45:00+05:45", "2026-01-01T00:00:00+00:00"),
        ("2025-12-31T12:00:00-12:00", "2026-01-01T00:00:00+00:00"),
        ("2026-01-01T14:00:00+14:00", "2026-01-01T00:00:00+00:00"),
        ("2026-01-01t00:00:00z", "2026-01-01T00:00:00+00:00"),
        ("2026-01-01T00:00:00.123456Z", "2026-01-01T00:00:00.123456+00:00"),
        ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00+00:00"),
        (1767225600, "2026-01-01T00:00:00+00:00"),
    ],
)
def test_odd_but_definite_time_is_taken_as_the_moment_that_it_means(
    own: httpx.Client, written: str | int, meant: str
) -> None:
    send_batch(own, [reading(asset_id="clock", timestamp=written)])
    (stored,), _ = newest(own, 1, "clock")
    assert stored["timestamp"] == meant


def test_clock_that_is_a_little_fast_is_taken(own: httpx.Client) -> None:
    assert own.post(SIMPLE, json=reading(timestamp=ahead(minutes=4))).status_code == 200


def test_duplicates_are_taken_once_whichever_way_they_come(own: httpx.Client) -> None:
    twice = send_batch(own, [reading(), reading(current_a=90.0)])
    assert (twice["accepted"], twice["duplicates"]) == (1, 1)
    again = own.post(SIMPLE, json=reading(current_a=80.0)).json()
    assert (again["accepted"], again["duplicates"], again["flagged"]) == (0, 1, 0)
    stored, _ = newest(own, 2)
    assert [one["event_id"] for one in stored] == [f"at {LATER}", "at 299"]
    assert stored[0]["current_a"] == reading()["current_a"]


def test_readings_out_of_order_are_taken_and_told_in_order_of_time(own: httpx.Client) -> None:
    late = healthy(20, 5, begin=LATER)
    assert send_batch(own, late[10:])["accepted"] == 10
    assert send_batch(own, late[:10][::-1])["accepted"] == 10
    stored, judged = newest(own, 20)
    assert [one["event_id"] for one in stored] == [one["event_id"] for one in reversed(late)]
    assert not any(one["flag"] for one in judged)


def test_key_given_twice_counts_as_it_was_given_last(own: httpx.Client) -> None:
    first, last = spelt('14.0, "current_a": 15.5'), spelt("15.5")  # RFC 8259 leaves it open; so do most readers
    assert own.post(SIMPLE, content=first, headers={"content-type": "application/json"}).status_code == 200
    (stored,), _ = newest(own, 1)
    assert stored["current_a"] == json.loads(last)["current_a"] == 15.5
    batch = (b'{"readings": [' + first + b"]}").replace(f"at {LATER}".encode(), b"second")
    assert own.post(BATCH, content=batch, headers={"content-type": "application/json"}).json()["accepted"] == 1
    assert newest(own, 1)[0][0]["current_a"] == 15.5


def test_any_name_is_only_a_name(own: httpx.Client) -> None:
    for name in NAMES:
        assert send_batch(own, healthy(110, 3, name))["accepted"] == 110
        calibrate_asset(own, name)
        told = own.get(HISTORY, params={"asset_id": name}).json()
        assert (told["asset_id"], len(told["readings"])) == (name, 110)
    assert {one["asset_id"] for one in own.get("/api/v1/assets").json()} == {ASSET, *NAMES}
    for name in NAMES:
        done = own.post(PURGE, json={"asset_id": name, "confirm": name})
        assert done.status_code == 200, (name, done.text)
        assert done.json()["deleted"]["readings"] == 110
    assert [one["asset_id"] for one in own.get("/api/v1/assets").json()] == [ASSET]
    assert len(newest(own, 1000)[0]) == 300


def test_text_of_people_is_kept_as_it_is_and_does_nothing(own: httpx.Client) -> None:
    texts = [*INJECTIONS, "two\nlines\tand a tab", "Ünïcödé 🏭", "a" * 10_000]
    for text in texts:
        written = own.post(NOTES, json=note(text=text, author=text[:100].replace("\n", " ").replace("\t", " ")))
        assert written.status_code == 201, written.text
    assert [one["text"] for one in own.get(NOTES).json()] == texts[::-1]
    assert len(newest(own, 1000)[0]) == 300
