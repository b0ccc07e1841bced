"""Reads a request body from the wire: refused by its headers or its size before a byte of it is parsed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from smart_sentry.api.errors import BodyTooLarge, UnsupportedMediaType

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Scope = MutableMapping[str, Any]

JSON = "application/json"


class ClientLeft(Exception):
    """The client closed the connection before its request was whole."""


async def read_json_body(scope: Scope, receive: Receive, limit_bytes: int) -> bytes:
    """The whole body of a JSON request.

    Args:
        scope, receive: of ASGI.
        limit_bytes: the largest body taken, whether announced by its length or sent in chunks.

    Raises:
        UnsupportedMediaType: the content type is not JSON, or the content is compressed.
        BodyTooLarge: more bytes than the limit.
        ClientLeft: nobody waits for the answer.
    """
    headers: dict[bytes, bytes] = dict(scope["headers"])
    _require_plain_json(headers)
    announced = headers.get(b"content-length", b"")
    if announced.isdigit() and int(announced) > limit_bytes:
        raise BodyTooLarge(limit_bytes)
    parts: list[bytes] = []
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientLeft
        part, more = message.get("body", b""), message.get("more_body", False)
        size += len(part)
        if size > limit_bytes:  # uvicorn throws the rest away, so that a client that is still sending gets its answer
            raise BodyTooLarge(limit_bytes)
        parts.append(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _require_plain_json(headers: dict[bytes, bytes]) -> None:
    media_type, _, parameters = headers.get(b"content-type", b"").decode("latin-1").lower().partition(";")
    if media_type.strip() != JSON:
        raise UnsupportedMediaType("content-type", JSON, media_type.strip())
    charset = parameters.strip().removeprefix("charset=").strip('"')
    if charset not in ("", "utf-8", "utf8"):
        raise UnsupportedMediaType("content-type", f"{JSON} in UTF-8", parameters.strip())
    encoding = headers.get(b"content-encoding", b"identity").decode("latin-1").lower()
    if encoding != "identity":
        raise UnsupportedMediaType("content-encoding", "no compression", encoding)
