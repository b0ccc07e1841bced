"""Every malformed body gets a 4xx that names field and reason, never a 500, and leaves the service well."""

from __future__ import annotations

import gzip
import json
import socket
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any, NamedTuple

import pytest
from bundle_fixture import LiveService, asset_columns, asset_rows

Edit = Callable[[dict[str, Any]], None]


def rows_request() -> dict[str, Any]:
    return {"assets": [asset_rows("a", slice(0, 3))]}


def columns_request() -> dict[str, Any]:
    return {"assets": [asset_columns("a", slice(0, 3))]}


class Mistake(NamedTuple):
    """One edit that spoils a good request, and what the answer must say."""

    name: str
    edit: Edit
    field: str
    reason: str
    good: Callable[[], dict[str, Any]] = rows_request


def first_reading(request: dict[str, Any]) -> dict[str, Any]:
    reading: dict[str, Any] = request["assets"][0]["readings"][0]
    return reading


def put(path: str, value: Any) -> Edit:
    """Sets what stands at a dotted path."""

    def edit(request: dict[str, Any]) -> None:
        *way, last = [int(part) if part.isdigit() else part for part in path.split(".")]
        place: Any = request
        for part in way:
            place = place[part]
        place[last] = value

    return edit


def drop(path: str) -> Edit:
    """Removes what stands at a dotted path."""

    def edit(request: dict[str, Any]) -> None:
        *way, last = [int(part) if part.isdigit() else part for part in path.split(".")]
        place: Any = request
        for part in way:
            place = place[part]
        del place[last]

    return edit


A, R, S = "assets.0", "assets.0.readings.0", "assets.0.readings.0.signals"
NUMBER, INTEGER, LIST = "a valid number", "a valid integer", "a valid list"

MISTAKES = (
    Mistake("no assets", drop("assets"), "assets", "required"),
    Mistake("empty assets", put("assets", []), "assets", "at least 1 item"),
    Mistake("assets as object", put("assets", {}), "assets", "array"),
    Mistake("asset as text", put(A, "engine"), A, "object"),
    Mistake("unknown key of the request", put("asset", 1), "asset", "not permitted"),
    Mistake("unknown key of an asset", put(f"{A}.unit", 1), f"{A}.unit", "not permitted"),
    Mistake("unknown key of a reading", put(f"{R}.time", 1), f"{R}.time", "not permitted"),
    Mistake("no asset_id", drop(f"{A}.asset_id"), f"{A}.asset_id", "required"),
    Mistake("number as asset_id", put(f"{A}.asset_id", 7), f"{A}.asset_id", "string"),
    Mistake("empty asset_id", put(f"{A}.asset_id", ""), f"{A}.asset_id", "at least 1 character"),
    Mistake("long asset_id", put(f"{A}.asset_id", "a" * 129), f"{A}.asset_id", "at most 128 characters"),
    Mistake("same asset twice", lambda r: r["assets"].append(deepcopy(r["assets"][0])), "assets.1.asset_id", "already asset 0"),
    Mistake("no form", drop(f"{A}.readings"), A, "either readings, or cycles"),
    Mistake("both forms", lambda r: r["assets"][0].update(asset_columns("a", slice(0, 3))), A, "either readings, or cycles"),
    Mistake("half a form", drop(f"{A}.signals"), A, "either readings, or cycles", columns_request),
    Mistake("empty readings", put(f"{A}.readings", []), f"{A}.readings", "at least 1 item"),
    Mistake("readings as text", put(f"{A}.readings", "1,2"), f"{A}.readings", "array"),
    Mistake("reading as list", put(R, [1, 2]), R, "object"),
    Mistake("no cycle", drop(f"{R}.cycle"), f"{R}.cycle", "required"),
    Mistake("cycle 0", put(f"{R}.cycle", 0), f"{R}.cycle", "greater than or equal to 1"),
    Mistake("negative cycle", put(f"{R}.cycle", -3), f"{R}.cycle", "greater than or equal to 1"),
    Mistake("fractional cycle", put(f"{R}.cycle", 1.5), f"{R}.cycle", INTEGER),
    Mistake("cycle as text", put(f"{R}.cycle", "1"), f"{R}.cycle", INTEGER),
    Mistake("cycle as truth value", put(f"{R}.cycle", True), f"{R}.cycle", INTEGER),
    Mistake("huge cycle", put(f"{R}.cycle", 10**30), f"{R}.cycle", "less than or equal to"),
    Mistake("repeated cycle", put("assets.0.readings.1.cycle", 1), "assets.0.readings.1.cycle", "cycle 1 after cycle 1"),
    Mistake("falling cycles", put("assets.0.readings.2.cycle", 1), "assets.0.readings.2.cycle", "cycle 1 after cycle 2"),
    Mistake("falling cycles in columns", put(f"{A}.cycles", [3, 2, 1]), f"{A}.cycles.1", "after cycle 3", columns_request),
    Mistake("empty cycles", put(f"{A}.cycles", []), f"{A}.cycles", "at least 1 item", columns_request),
    Mistake("no signals", drop(S), S, "required"),
    Mistake("empty signals", put(S, {}), f"{S}.load", "missing"),
    Mistake("missing signal", drop(f"{S}.load"), f"{S}.load", "missing"),
    Mistake("missing signal in columns", drop(f"{A}.signals.load"), f"{A}.signals.load", "missing", columns_request),
    Mistake("unknown signal", put(f"{S}.humidity", 1.0), f"{S}.humidity", "unknown signal"),
    Mistake("unknown signal later", put("assets.0.readings.2.signals.x", 1.0), "assets.0.readings.2.signals.x", "unk"),
    Mistake("short column", put(f"{A}.signals.load", [1.0]), f"{A}.signals.load", "1 values for 3 cycles", columns_request),
    Mistake("column as number", put(f"{A}.signals.load", 1.0), f"{A}.signals.load", "array", columns_request),
    Mistake("value as text", put(f"{S}.load", "1.0"), f"{S}.load", NUMBER),
    Mistake("value as truth value", put(f"{S}.load", True), f"{S}.load", NUMBER),
    Mistake("value null", put(f"{S}.load", None), f"{S}.load", NUMBER),
    Mistake("value as list", put(f"{S}.load", [1.0]), f"{S}.load", NUMBER),
    Mistake("value NaN", put(f"{S}.load", float("nan")), f"{S}.load", "finite number"),
    Mistake("value Infinity", put(f"{S}.load", float("inf")), f"{S}.load", "finite number"),
    Mistake("value -Infinity", put(f"{S}.load", float("-inf")), f"{S}.load", "finite number"),
    Mistake("NaN in a column", put(f"{A}.signals.load.2", float("nan")), f"{A}.signals.load.2", "finite number", columns_request),
    Mistake("value below its limits", put(f"{S}.load", -0.01), f"{S}.load", "0 to 2"),
    Mistake("value above its limits", put(f"{S}.vibration", 20.5), f"{S}.vibration", "-5 to 20 g"),
    Mistake("value as large as a number can be", put(f"{S}.pressure", 1e308), f"{S}.pressure", "1e+308 bar is outside"),
    Mistake("value in kPa for bar", put(f"{S}.pressure", 800.0), f"{S}.pressure", "looks like kPa: bar = 0.01 * kPa"),
    Mistake("in kPa", put(f"{A}.signals.pressure", [800.0, 9.0, 9.0]), f"{A}.signals.pressure.0", "kPa", columns_request),
    Mistake("negative top", put("top_contributions", -1), "top_contributions", "greater than or equal to 0"),
    Mistake("large top", put("top_contributions", 21), "top_contributions", "less than or equal to 20"),
    Mistake("top as text", put("top_contributions", "5"), "top_contributions", INTEGER),
    Mistake(
        "too many assets",
        put("assets", [asset_columns(f"a{n}", slice(0, 1)) for n in range(21)]),
        "assets",
        "21 assets, at most 20",
    ),
    Mistake(
        "too many readings",
        put("assets", [asset_columns(f"a{n}", slice(0, 60)) for n in range(10)]),
        "assets",
        "600 readings, at most 500",
    ),
)  # fmt: skip


def refused(service: LiveService, content: bytes | Iterator[bytes], status: int, **headers: str) -> dict[str, Any]:
    """Sends a body that must be refused with this status; what the answer says. The service must live on."""
    answer = service.client.post("/predict", content=content, headers={"content-type": "application/json", **headers})
    assert answer.status_code == status, answer.text
    assert service.client.get("/ready").status_code == 200
    error: dict[str, Any] = answer.json()["error"]
    assert error["code"]
    assert error["message"]
    return error


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.name)
def test_body_with_mistake_is_refused_with_field_and_reason(service: LiveService, mistake: Mistake) -> None:
    request = mistake.good()
    mistake.edit(request)
    error = refused(service, json.dumps(request).encode(), 422)
    reasons = {detail["field"]: detail["reason"] for detail in error["details"]}
    assert mistake.field in reasons
    assert mistake.reason in reasons[mistake.field]


@pytest.mark.parametrize("good", [rows_request, columns_request])
def test_body_without_mistake_is_answered(service: LiveService, good: Callable[[], dict[str, Any]]) -> None:
    assert service.client.post("/predict", json=good()).status_code == 200


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        pytest.param(b"", "EOF", id="empty"),
        pytest.param(b"{", "EOF", id="cut off"),
        pytest.param(b"cycle,load\n1,2", "expected value", id="csv"),
        pytest.param(b'{"assets": [1,]}', "trailing comma", id="trailing comma"),
        pytest.param(b"{'assets': []}", "key must be a string", id="single quotes"),
        pytest.param(b'\xff\xfe{"assets"', "expected value", id="utf-16"),
        pytest.param(b'{"assets": "\xe9"}', "invalid unicode", id="latin-1"),
        pytest.param(b"[" * 50_000, "recursion limit", id="deep nesting"),
        pytest.param(b'{"assets":[{"asset_id":"\\ud800"}]}', "hex escape", id="lone surrogate"),
    ],
)
def test_body_that_is_no_json_is_refused_as_broken(service: LiveService, body: bytes, reason: str) -> None:
    error = refused(service, body, 400)
    assert error["code"] == "broken_json"
    assert [detail["field"] for detail in error["details"]] == ["body"]
    assert reason in error["details"][0]["reason"]


@pytest.mark.parametrize("body", [b"[]", b'"text"', b"null", b"3.5", b"true"])
def test_json_that_is_no_object_is_refused_as_a_whole(service: LiveService, body: bytes) -> None:
    assert [detail["field"] for detail in refused(service, body, 422)["details"]] == ["body"]


@pytest.mark.parametrize(
    ("headers", "field"),
    [
        pytest.param({"content-type": "text/csv"}, "header.content-type", id="csv"),
        pytest.param({"content-type": ""}, "header.content-type", id="no type"),
        pytest.param({"content-type": "application/json; charset=latin-1"}, "header.content-type", id="latin-1"),
        pytest.param({"content-encoding": "gzip"}, "header.content-encoding", id="compressed"),
    ],
)
def test_body_of_another_kind_is_refused_with_the_header(
    service: LiveService, headers: dict[str, str], field: str
) -> None:
    body = json.dumps(rows_request()).encode()
    error = refused(service, gzip.compress(body) if "content-encoding" in headers else body, 415, **headers)
    assert [detail["field"] for detail in error["details"]] == [field]


def test_body_in_utf8_by_name_is_answered(service: LiveService) -> None:
    headers = {"content-type": "application/json; charset=UTF-8"}
    assert service.client.post("/predict", content=json.dumps(rows_request()), headers=headers).status_code == 200


def test_body_above_limit_is_refused_before_it_is_parsed(service: LiveService) -> None:
    error = refused(service, b"x" * 10_000_000, 413)  # no JSON at all: had it been parsed, the answer would be 400
    assert error["details"] == [{"field": "body", "reason": error["details"][0]["reason"]}]
    assert "100000 bytes" in error["details"][0]["reason"]


@pytest.mark.parametrize("chunks", [3, 1000], ids=["just above", "far above"])
def test_chunked_body_above_limit_is_refused_before_it_is_parsed(service: LiveService, chunks: int) -> None:
    with socket.create_connection(("127.0.0.1", service.client.base_url.port or 0), timeout=30) as wire:
        wire.sendall(
            b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        status = _send_chunks(wire, chunks)
    assert status.startswith(b"HTTP/1.1 413 ")
    assert service.client.get("/ready").status_code == 200


def _send_chunks(wire: socket.socket, chunks: int) -> bytes:
    """Sends 50 kB chunks until all are sent or the server has answered and hung up; the answer's first line."""
    try:
        for _ in range(chunks):
            wire.sendall(b"C350\r\n" + b"x" * 50_000 + b"\r\n")
        wire.sendall(b"0\r\n\r\n")
    except (BrokenPipeError, ConnectionResetError):
        pass
    return wire.recv(1000)


def test_body_of_exactly_the_limit_is_parsed(service: LiveService) -> None:
    body = json.dumps(rows_request()).encode()
    assert service.client.post(
        "/predict", content=body.ljust(100_000), headers={"content-type": "application/json"}
    ).status_code == 200  # fmt: skip


def test_body_with_very_many_mistakes_is_refused_briefly(service: LiveService) -> None:
    many = {f"x{number}": "text" for number in range(5000)}
    request = {"assets": [{"asset_id": "a", "cycles": [1], "signals": many}]}
    answer = refused(service, json.dumps(request).encode(), 422)
    assert "5000 mistakes" in answer["message"]
    assert len(answer["details"]) == 1


def test_body_with_mistakes_in_every_signal_lists_twenty_at_most(service: LiveService) -> None:
    request = {"assets": [asset_columns(f"a{number}", slice(0, 1)) for number in range(8)]}
    for asset in request["assets"]:
        asset["signals"] = {name: [1e6] for name in asset["signals"]}
    error = refused(service, json.dumps(request).encode(), 422)
    assert len(error["details"]) == 20
    assert "32 mistakes; 20 of them are listed" in error["message"]


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/predict", 405, "method_not_allowed"),
        ("PUT", "/predict", 405, "method_not_allowed"),
        ("POST", "/ready", 405, "method_not_allowed"),
        ("GET", "/nothing", 404, "not_found"),
    ],
)
def test_request_for_nothing_known_is_refused_in_the_same_form(
    service: LiveService, method: str, path: str, status: int, code: str
) -> None:
    answer = service.client.request(method, path)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
