"""A route that takes JSON, plain, gzip or as `curl -d` sends it, and never more of it than the limit, before it is parsed."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool

from smart_sentry.api.body import JSON
from smart_sentry.api.errors import BodyTooLarge, BrokenJson, UnsupportedMediaType

_WITHOUT_BODY = ("GET", "HEAD")
_UNNAMED = ("", "application/x-www-form-urlencoded")
"""Content types of bodies whose sender named none: `curl -d` calls whatever it sends a form."""
_OF_A_PAGE = ("origin", "sec-fetch-site")
"""Headers that browsers add. A page of anybody's may send a form to any address unasked, and JSON it may not."""


def json_route(limit_bytes: int) -> type[APIRoute]:
    """The class of routes whose bodies are at most so long, packed or unpacked.

    Its routes raise BodyTooLarge, BrokenJson (gzip that is none) and UnsupportedMediaType.

    Args:
        limit_bytes: the largest body.
    """

    class JsonRoute(APIRoute):
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            handle = super().get_route_handler()

            async def read_and_handle(request: Request) -> Response:
                if request.method not in _WITHOUT_BODY:
                    body = await _json_body(request, limit_bytes)
                    request = _named_json(request)
                    # Where Starlette keeps a body that was read: FastAPI's own handler takes it from there.
                    request._body = body
                return await handle(request)

            return read_and_handle

    return JsonRoute


async def _json_body(request: Request, limit_bytes: int) -> bytes:
    media_type = _media_type(request)
    if media_type != JSON and (media_type not in _UNNAMED or any(name in request.headers for name in _OF_A_PAGE)):
        raise UnsupportedMediaType("content-type", JSON, media_type)
    encoding = request.headers.get("content-encoding", "identity").lower()
    if encoding not in ("identity", "gzip"):
        raise UnsupportedMediaType("content-encoding", "gzip or none", encoding)
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > limit_bytes:
            raise BodyTooLarge(limit_bytes)
        parts.append(part)
    body = b"".join(parts)
    if encoding == "identity":
        return body
    try:
        return await run_in_threadpool(partial(_unpacked, body, limit_bytes))
    except (gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise BrokenJson(f"not valid gzip: {error}") from error


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _named_json(request: Request) -> Request:
    """The same request under the name of JSON, without which FastAPI does not parse it."""
    if _media_type(request) == JSON:
        return request
    others = [(name, value) for name, value in request.scope["headers"] if name != b"content-type"]
    return Request({**request.scope, "headers": [*others, (b"content-type", JSON.encode())]}, request.receive)


def _unpacked(body: bytes, limit_bytes: int) -> bytes:
    unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    unpacked = unpacker.decompress(body, limit_bytes + 1)
    if len(unpacked) > limit_bytes:
        raise BodyTooLarge(limit_bytes)
    if not unpacker.eof:
        raise EOFError("it ends too early")
    if unpacker.unused_data:  # another member: taking the first alone would lose what its sender believes was sent
        raise gzip.BadGzipFile("something follows its end")
    return unpacked
