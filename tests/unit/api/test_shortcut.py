"""The short cut of POST /api/v1/data/simple answers byte by byte what the documented route answers."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from plant_fixture import PUMP, no_model, sqlite_in

from smart_sentry.api.gate import Gate
from smart_sentry.api.prediction import create_app
from smart_sentry.api.shortcut import PATH, ReadingShortcut
from smart_sentry.config import Settings
from smart_sentry.plant.plant import Plant
from smart_sentry.stores.store import Store

NOW = 1_767_225_600.0
JSON = {"content-type": "application/json"}
READING = {
    "asset_id": "motor_01", "event_id": "e1", "timestamp": "2026-01-01T00:00:00Z", "current_a": 15.0, "speed_rpm": 2900,
    "vibration_g": None,
}  # fmt: skip


def reading(**changes: Any) -> bytes:
    """A good reading with changes; `...` takes a key away."""
    return json.dumps({name: value for name, value in (READING | changes).items() if value is not ...}).encode()


def spelt(text: str) -> bytes:
    return reading(current_a=12345.5).replace(b"12345.5", text.encode())


GOOD: dict[str, tuple[bytes, dict[str, str]]] = {
    "plain": (reading(), JSON),
    "sent again": (reading(), JSON),
    "another": (reading(event_id="e2", timestamp="2026-01-01T00:00:01+00:00"), JSON),
    "time zone": (reading(event_id="e3", timestamp="2026-01-01T01:00:02.25+01:00"), JSON),
    "unix time": (reading(event_id="e4", timestamp=1_767_225_603), JSON),
    "no time": (reading(event_id="e5", timestamp=...), JSON),
    "fault known": (reading(event_id="e6", is_faulty=True), JSON),
    "type named": (reading(asset_id="new", asset_type="pump"), JSON),
    "name of other letters": (reading(asset_id="насос №7 🏭"), JSON),
    "key twice": (reading(event_id="e7").replace(b'"current_a": 15.0', b'"current_a": 1.0, "current_a": 15.0'), JSON),
    "charset named": (reading(event_id="e8"), {"content-type": "application/json; charset=utf-8"}),
    "impossible value": (reading(event_id="e9", current_a=-1e300), JSON),
    "a signal less": (reading(event_id="e10", speed_rpm=...), JSON),
    "whole numbers": (spelt("15"), JSON),
}
BAD: dict[str, tuple[bytes, dict[str, str]]] = {
    "nothing": (b"", JSON),
    "no json": (b"{", JSON),
    "trailing comma": (b'{"asset_id": "a",}', JSON),
    "list": (b"[" + reading() + b"]", JSON),
    "null": (b"null", JSON),
    "nan": (spelt("NaN"), JSON),
    "infinity": (spelt("-Infinity"), JSON),
    "too large a number": (spelt("1e400"), JSON),
    "number of 500 digits": (spelt("9" * 500), JSON),
    "number as text": (spelt('"15.0"'), JSON),
    "true": (spelt("true"), JSON),
    "object": (spelt("{}"), JSON),
    "half a surrogate": (reading(asset_id="a").replace(b'"a"', rb'"\ud800"'), JSON),
    "no utf-8": (reading(asset_id="a").replace(b'"a"', b'"\xff"'), JSON),
    "utf-16": (reading(event_id="u16").decode().encode("utf-16"), JSON),
    "byte order mark": (b"\xef\xbb\xbf" + reading(event_id="bom"), JSON),
    "no asset": (reading(asset_id=...), JSON),
    "asset is a number": (reading(asset_id=7), JSON),
    "control character": (reading(asset_id="a\x00"), JSON),
    "name too long": (reading(asset_id="a" * 129), JSON),
    "no zone": (reading(timestamp="2026-01-01T00:00:00"), JSON),
    "no time": (reading(timestamp="yesterday"), JSON),
    "no signal": (json.dumps({"asset_id": "a"}).encode(), JSON),
    "too many signals": (json.dumps({"asset_id": "a"} | {f"s{n}": 1 for n in range(1001)}).encode(), JSON),
    "unknown signals": (reading(asset_id="unknown", rpm=3), JSON),
    "unknown signal of a known asset": (reading(event_id="x", rpm=3), JSON),
    "unknown type": (reading(asset_id="newer", asset_type="насос"), JSON),
    "future": (reading(event_id="f", timestamp="2100-01-01T00:00:00Z"), JSON),
    "before 1970": (reading(event_id="f", timestamp="1969-01-01T00:00:00Z"), JSON),
    "deep": (b'{"a":' * 300 + b"1" + b"}" * 300, JSON),
    "too large": (reading(event_id="l", asset_type="x" * 5000), JSON),
    "no content type": (reading(), {}),
    "text": (reading(), {"content-type": "text/plain"}),
    "other charset": (reading(event_id="latin"), {"content-type": "application/json; charset=latin-1"}),
    "gzip": (gzip.compress(reading(event_id="g")), JSON | {"content-encoding": "gzip"}),
    "no gzip": (reading(), JSON | {"content-encoding": "gzip"}),
    "brotli": (reading(), JSON | {"content-encoding": "br"}),
}
Ask = Callable[..., Awaitable[tuple[int, dict[str, str], bytes]]]


async def asked(app: Any, *parts: bytes, **headers: str) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of the answer to one POST, of ASGI."""
    waiting = [
        {"type": "http.request", "body": part, "more_body": number < len(parts) - 1}
        for number, part in enumerate(parts)
    ]
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return waiting.pop(0)

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "path": PATH, "root_path": "",
        "scheme": "http", "raw_path": PATH.encode(), "query_string": b"", "client": ("10.0.0.1", 4711),
        "server": ("127.0.0.1", 80),
        "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()],
    }  # fmt: skip
    await app(scope, receive, send)
    told = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], told, b"".join(message.get("body", b"") for message in sent[1:])


def both(home: Path, work: Callable[[Ask, Ask, list[str]], Awaitable[None]], **settings: Any) -> None:
    """Runs the work with two plants of their own: the documented route's and the short cut's; and what went past the latter."""

    async def run() -> None:
        apps = []
        for name in ("route", "shortcut"):
            (home / name).mkdir()
            apps.append(create_app(
                no_model, Settings(home=home / name, **settings),
                open_plant=lambda folder=home / name: Plant(
                    {PUMP.name: PUMP}, folder / "models", Store(sqlite_in(folder)), clock=lambda: NOW
                ),
            ))  # fmt: skip
        route, behind = apps
        passed: list[str] = []

        async def noted(scope: Any, receive: Any, send: Any) -> None:
            passed.append(scope["path"])
            await behind(scope, receive, send)

        # As serving/service.py stands them before the application.
        shortcut = Gate(ReadingShortcut(noted, **behind.state.reading_shortcut), **behind.state.gate)
        async with route.router.lifespan_context(route), behind.router.lifespan_context(behind):
            await work(
                lambda *parts, **headers: asked(route, *parts, **headers),
                lambda *parts, **headers: asked(shortcut, *parts, **headers),
                passed,
            )

    asyncio.run(run())


def test_good_readings_are_answered_alike_and_by_the_shortcut_itself(tmp_path: Path) -> None:
    async def work(route: Ask, shortcut: Ask, passed: list[str]) -> None:
        for name, (body, headers) in GOOD.items():
            expected, found = await route(body, **headers), await shortcut(body, **headers)
            assert found == expected, name
            assert found[0] == 200, name
        assert passed == []

    both(tmp_path, work)


def test_bad_readings_are_answered_alike(tmp_path: Path) -> None:
    async def work(route: Ask, shortcut: Ask, _: list[str]) -> None:
        await route(reading(), **JSON), await shortcut(reading(), **JSON)
        refused = 0
        for name, (body, headers) in BAD.items():
            expected, found = await route(body, **headers), await shortcut(body, **headers)
            assert found == expected, name
            refused += 400 <= found[0] < 500
        assert refused >= len(BAD) - 5  # some of them the route takes: the short cut need not know which

    both(tmp_path, work, body_limit_bytes=5000)


def test_body_in_parts_is_left_to_the_route(tmp_path: Path) -> None:
    async def work(route: Ask, shortcut: Ask, passed: list[str]) -> None:
        body = reading()
        parts = (body[:10], body[10:40], body[40:])
        assert await shortcut(*parts, **JSON) == await route(*parts, **JSON)
        assert passed == [PATH]

    both(tmp_path, work)


def test_keys_are_asked_for_alike(tmp_path: Path) -> None:
    keys = {role: f"{role}-{'k' * 16}" for role in ("read", "ingest", "admin")}

    async def work(route: Ask, shortcut: Ask, passed: list[str]) -> None:
        statuses = []
        for key in (None, "wrong", "schlüssel", *keys.values()):
            headers = JSON | ({} if key is None else {"x-api-key": key})
            expected, found = await route(reading(), **headers), await shortcut(reading(), **headers)
            assert found == expected, key
            statuses.append(found[0])
        assert statuses == [401, 401, 401, 403, 200, 200]
        assert len(passed) == 1  # who may read, and not send, is refused by the route; the others come to nobody

    both(tmp_path, work, api_keys=",".join(f"{role}:{key}" for role, key in keys.items()))


@pytest.mark.parametrize("limit", ["rate_limit_requests", "rate_limit_readings"])
def test_rate_is_limited_alike_and_once_a_request(tmp_path: Path, limit: str) -> None:
    async def work(route: Ask, shortcut: Ask, _: list[str]) -> None:
        bodies = [reading(event_id=f"r{number}") for number in range(4)]
        bodies.insert(1, reading(current_a="x"))  # refused, but a request all the same
        statuses = []
        for body in bodies:
            expected, found = await route(body, **JSON), await shortcut(body, **JSON)
            assert found == expected
            statuses.append(found[0])
        assert statuses == ([200, 429, 429, 429, 429] if limit == "rate_limit_requests" else [200, 422, 429, 429, 429])
        assert int(found[1]["retry-after"]) >= 1
        assert json.loads(found[2])["error"]["code"] == "too_many_requests"

    both(tmp_path, work, **{limit: 1e-6})


def test_other_paths_and_methods_are_left_alone() -> None:
    passed: list[tuple[str, str]] = []

    async def behind(scope: Any, receive: Any, send: Any) -> None:
        passed.append((scope["type"], scope.get("path", "")))

    shortcut = ReadingShortcut(behind, None, None, None, 1000)  # type: ignore[arg-type]
    scopes = [
        {"type": "lifespan"},
        {"type": "http", "method": "GET", "path": PATH},
        {"type": "http", "method": "POST", "path": "/api/v1/data/batch"},
    ]
    for scope in scopes:
        asyncio.run(shortcut(scope, None, None))  # type: ignore[arg-type]
    assert passed == [("lifespan", ""), ("http", PATH), ("http", "/api/v1/data/batch")]
