"""POST /api/v1/data/simple without the dozen layers between the server and a route, which cost more than to judge the reading."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from pydantic import ValidationError

from smart_sentry.api.body import JSON, Message, Receive, Scope, Send
from smart_sentry.api.desk import Desk, status_of
from smart_sentry.api.errors import RequestRefused, error_response
from smart_sentry.api.keys import ApiKeys, key_in
from smart_sentry.api.rates import RateLimits
from smart_sentry.contracts.monitoring import SensorReading
from smart_sentry.errors import SmartSentryError

PATH = "/api/v1/data/simple"
App = Callable[[Scope, Receive, Send], Awaitable[None]]
_PLAIN = (JSON.encode(), b"application/json; charset=utf-8")
_log = logging.getLogger(__name__)


class ReadingShortcut:
    """ASGI middleware that takes a good reading straight to the plant.

    Whatever is not plainly a good reading of somebody who may send it goes on to the documented route as it came, and is refused
    there: this class can only accept, and accepts nothing that the route would not.

    Args:
        app: everything else, the documented route included.
        desk: takes the reading.
        keys: who may send readings.
        limits: how many readings; how many requests, the gate before it has counted.
        body_limit_bytes: a longer body is the route's.
    """

    def __init__(self, app: App, desk: Desk, keys: ApiKeys, limits: RateLimits, body_limit_bytes: int) -> None:
        self._app, self._desk, self._keys, self._limits = app, desk, keys, limits
        self._body_limit_bytes = body_limit_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection, of ASGI."""
        if scope["type"] != "http" or scope["path"] != PATH or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        headers: dict[bytes, bytes] = dict(scope["headers"])
        if headers.get(b"content-type") not in _PLAIN or b"content-encoding" in headers or not self._may(headers):
            await self._app(scope, receive, send)
            return
        message = await receive()
        reading = self._reading(message)
        if reading is None:
            await self._app(scope, _again(message, receive), send)
            return
        await self._answer(scope, receive, send, reading, key_in(headers))

    def _may(self, headers: dict[bytes, bytes]) -> bool:
        return self._keys.allow(key_in(headers), "ingest")

    def _reading(self, message: Message) -> SensorReading | None:
        body = message.get("body", b"")
        if message["type"] != "http.request" or message.get("more_body") or len(body) > self._body_limit_bytes:
            return None
        try:
            return SensorReading.model_validate_json(body)
        except ValidationError:
            return None

    async def _answer(
        self, scope: Scope, receive: Receive, send: Send, reading: SensorReading, key: str | None
    ) -> None:
        try:
            self._admit(scope, key)
            taken = await self._desk.take_one(reading)
        except Exception as error:  # noqa: BLE001 - the outermost loop: whatever failed is logged, the client gets a whole answer
            if not isinstance(error, SmartSentryError):
                _log.exception("a reading was not taken")
            elif not isinstance(error, RequestRefused):
                _log.info("a reading was refused: %s", error)
            await error_response(error)(scope, receive, send)
            return
        body = taken.__pydantic_serializer__.to_json(taken)
        headers = [(b"content-length", str(len(body)).encode()), (b"content-type", JSON.encode())]
        await send({"type": "http.response.start", "status": status_of(taken), "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _admit(self, scope: Scope, key: str | None) -> None:
        self._limits.readings.admit(self._keys.caller(key, (scope.get("client") or ("",))[0]))


def _again(message: Message, receive: Receive) -> Receive:
    """Gives a message that was received already once more, before what comes after it."""
    first = [message]

    async def receive_again() -> Message:
        return first.pop() if first else await receive()

    return receive_again
