"""A route that takes JSON, plain or gzip, and never more of it than the limit, before anything of it is parsed."""

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


def json_route(limit_bytes: int, admit: Callable[[Request], None]) -> type[APIRoute]:
    """The class of routes whose bodies are at most so long, packed or unpacked.

    Its routes raise BodyTooLarge, BrokenJson (gzip that is none) and UnsupportedMediaType.

    Args:
        limit_bytes: the largest body.
        admit: is asked before a byte of the body is read, and raises where the request is refused.
    """

    class JsonRoute(APIRoute):
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            handle = super().get_route_handler()

            async def read_and_handle(request: Request) -> Response:
                admit(request)
                if request.method not in _WITHOUT_BODY:
                    # Where Starlette keeps a body that was read: FastAPI's own handler takes it from there.
                    request._body = await _json_body(request, limit_bytes)
                return await handle(request)

            return read_and_handle

    return JsonRoute


async def _json_body(request: Request, limit_bytes: int) -> bytes:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != JSON:
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
