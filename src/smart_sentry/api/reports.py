"""Reports over HTTP: PDF and workbook files of what is stored. Routes decode, call and encode."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Depends, Query
from fastapi.responses import FileResponse
from pydantic import AwareDatetime
from starlette.background import BackgroundTask

from smart_sentry.api.desk import Desk
from smart_sentry.api.documentation import refusal
from smart_sentry.api.errors import InvalidRequest
from smart_sentry.api.json_route import json_route
from smart_sentry.api.keys import ApiKeys
from smart_sentry.config import Settings
from smart_sentry.contracts.monitoring import Name
from smart_sentry.contracts.prediction import ErrorDetail
from smart_sentry.reports.reports import PDF, REPORTS, XLSX, write_report
from smart_sentry.reports.source import ReportSource

_REFUSALS: dict[int | str, dict[str, Any]] = {code: refusal(code) for code in (401, 403, 404, 422, 429, 503)}
_FILE = {"type": "string", "format": "binary"}
_HEADERS = {"content-disposition": {"description": "the file's name", "schema": {"type": "string"}}}
_AT_ONCE = 2
"""Reports that are made at a time; the others wait, and hold up nothing else."""
_DAY_SECONDS, _LAST_SECONDS = 86_400.0, 253_402_214_400.0  # from 1970-01-02 to the end of 9999, in every time zone
AsOf = Annotated[AwareDatetime | None, Query(description="what was stored up to then; default: the newest stored row")]


class _Pdf(FileResponse):
    media_type = PDF


class _Workbook(FileResponse):
    media_type = XLSX


def reports_router(desk: Desk, keys: ApiKeys, settings: Settings) -> APIRouter:
    """All routes below /api/v1/reports.

    Args:
        desk: has the plant. keys: who may read. settings: costs and time zone.
    """
    route = json_route(settings.body_limit_bytes)
    router = APIRouter(prefix="/api/v1/reports", tags=["reports"], responses=_REFUSALS, route_class=route)
    limiter: list[CapacityLimiter] = []

    async def made(name: str, asset_id: str | None, as_of: AwareDatetime | None) -> FileResponse:
        until = _seconds(as_of)
        if not limiter:
            limiter.append(CapacityLimiter(_AT_ONCE))
        return await to_thread.run_sync(partial(_made, desk, settings, name, asset_id, until), limiter=limiter[0])

    answers: dict[str, Any] = {"dependencies": [Depends(keys.require("read"))]}

    @router.get(
        "/executive", response_class=_Pdf, responses=_told(PDF), summary=REPORTS["executive"].summary, **answers
    )
    async def executive(asset_id: Annotated[Name, Query()], as_of: AsOf = None) -> FileResponse:
        return await made("executive", asset_id, as_of)

    @router.get(
        "/industrial", response_class=_Pdf, responses=_told(PDF), summary=REPORTS["industrial"].summary, **answers
    )
    async def industrial(asset_id: Annotated[Name, Query()], as_of: AsOf = None) -> FileResponse:
        return await made("industrial", asset_id, as_of)

    @router.get("/excel", response_class=_Workbook, responses=_told(XLSX), summary=REPORTS["excel"].summary, **answers)
    async def excel(asset_id: Annotated[Name, Query()], as_of: AsOf = None) -> FileResponse:
        return await made("excel", asset_id, as_of)

    @router.get("/fleet", response_class=_Pdf, responses=_told(PDF), summary=REPORTS["fleet"].summary, **answers)
    async def fleet(as_of: AsOf = None) -> FileResponse:
        return await made("fleet", None, as_of)

    return router


def disposition(name: str) -> str:
    """The header that names a file to be saved (RFC 6266), in ASCII and, for the rest, by RFC 5987.

    >>> print(disposition("executive-é/1.pdf"))
    attachment; filename="executive-__1.pdf"; filename*=UTF-8''executive-%C3%A9_1.pdf
    """
    whole = "".join(_UNSAFE.get(letter, letter) for letter in name)
    plain = "".join(letter if letter.isascii() and (letter.isalnum() or letter in "._- ") else "_" for letter in whole)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(whole, safe='')}"


_UNSAFE = dict.fromkeys('/\\:*?"<>|', "_")


def _made(desk: Desk, settings: Settings, name: str, asset_id: str | None, until: float | None) -> FileResponse:
    """The answer with a report's file, which is deleted once it is sent."""
    folder = tempfile.TemporaryDirectory(prefix="smart-sentry-report-")
    try:
        kind, path = REPORTS[name], Path(folder.name) / f"report{REPORTS[name].ending}"
        source = ReportSource.of_plant(desk.plant, settings)
        called = write_report(source, name, asset_id, path, as_of=until)
    except BaseException:
        folder.cleanup()
        raise
    headers = {"content-disposition": disposition(called)}
    return FileResponse(path, headers=headers, media_type=kind.media_type, background=BackgroundTask(folder.cleanup))


def _seconds(as_of: AwareDatetime | None) -> float | None:
    if as_of is None:
        return None
    seconds = as_of.timestamp()
    if not _DAY_SECONDS <= seconds <= _LAST_SECONDS:
        raise InvalidRequest([ErrorDetail(field="as_of", reason="expected a time from 1970-01-02 to 9999-12-31")])
    return seconds


def _told(media_type: str) -> dict[int | str, dict[str, Any]]:
    return {200: {"description": "The file", "content": {media_type: {"schema": _FILE}}, "headers": _HEADERS}}
