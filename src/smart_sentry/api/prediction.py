"""The prediction service as a web application, with any server under it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Hashable
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse, RedirectResponse
from starlette.exceptions import HTTPException
from starlette.routing import Route

from smart_sentry import __version__
from smart_sentry.answers import answer_histories
from smart_sentry.api.batching import AdaptiveBatcher
from smart_sentry.api.desk import Desk
from smart_sentry.api.documentation import refusal, with_prediction
from smart_sentry.api.endpoint import PATH, PredictionEndpoint
from smart_sentry.api.errors import STATUS_NAMES, BrokenJson, InvalidRequest, error_body, error_response
from smart_sentry.api.gate import Gate
from smart_sentry.api.ingest import ingest_of
from smart_sentry.api.keys import ApiKeys
from smart_sentry.api.metrics import CONTENT_TYPE, ServiceMetrics
from smart_sentry.api.model import ModelDescription, describe
from smart_sentry.api.monitoring import monitoring_router
from smart_sentry.api.rates import RateLimits
from smart_sentry.api.reports import reports_router
from smart_sentry.api.served import ServedModel
from smart_sentry.bundle import Bundle
from smart_sentry.config import Settings
from smart_sentry.contracts.prediction import ErrorDetail
from smart_sentry.errors import ModelUnavailable, SmartSentryError
from smart_sentry.garbage import seldom_collected
from smart_sentry.plant.calibrations import Track
from smart_sentry.plant.model_switch import judge_by
from smart_sentry.plant.plant import Plant
from smart_sentry.plant.recalibration_rules import RecalibrationRules

_LOOK_EVERY_S = 1.0
_log = logging.getLogger(__name__)
_UNAVAILABLE: dict[int | str, dict[str, Any]] = {503: refusal(503)}
_GUARDED: dict[int | str, dict[str, Any]] = {code: refusal(code) for code in (401, 429)}


def create_app(
    load: Callable[[], Bundle], settings: Settings, swagger_folder: str = "/static_content",
    open_plant: Callable[[], Plant] | None = None, track: Track | None = None,
    mark: Callable[[], Hashable] | None = None,
) -> FastAPI:  # fmt: skip
    """Builds the application. Its model is loaded when it starts, and again once another one is there.

    Args:
        load: brings a verified bundle, or raises why it cannot; then /ready, /model and /predict answer 503.
        settings: how much one request may ask.
        open_plant: opens the plant that /api/v1 is about; None: predictions only.
        track: told of every accepted calibration; None: nobody is.
        swagger_folder: where the server has Swagger UI's own files, so that /docs needs no network; BentoML's by default.
        mark: something that differs once `load` may bring another model; looked at every second. None: the first one stays.
    """
    served, metrics = ServedModel(load, mark), ServiceMetrics()
    batcher = AdaptiveBatcher(lambda histories: answer_histories(served.bundle(), histories), metrics.passed)
    archive = settings.home / "data" / "archive"
    rules = RecalibrationRules(
        settings.recalibration_approval, settings.recalibration_pause_hours, settings.recalibration_watch_minutes
    )
    desk = None
    if open_plant is not None:
        desk = Desk(open_plant, archive, settings.retention_days, track, ingest_of(settings), rules)
    endpoint = PredictionEndpoint(served, settings, batcher, metrics)
    secret = settings.api_keys
    keys = ApiKeys.parse(None if secret is None else secret.get_secret_value())
    limits = RateLimits.of(settings.rate_limit_requests, settings.rate_limit_readings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        served.start()
        if desk is not None:
            desk.start()
            metrics.feeds(desk.plant.publisher)
            metrics.watches(desk.plant)
            metrics.publishes(desk.ingest)
        endpoint.start()
        metrics.loaded(served.loaded)
        ending = asyncio.Event()
        following = asyncio.create_task(_follow(app, served, metrics, desk, ending))
        with seldom_collected():
            yield
        ending.set()
        await following
        batcher.close()
        if desk is not None:
            desk.close()

    app = FastAPI(
        title="Smart Sentry",
        version=__version__,
        description="Failure probability, alarm and remaining useful life of machines, from their recent readings; below /api/v1"
        " machines that are watched live. Where API keys are set, everything but the probes wants one in the header x-api-key.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    # Inserted, not added: the hot path is the first route that is tried.
    app.router.routes.insert(0, Route(PATH, endpoint, methods=["POST"], name="predict"))
    _add_status_routes(app, served, metrics, keys)
    _add_pages(app, swagger_folder)
    if desk is not None:
        app.include_router(monitoring_router(desk, keys, limits, settings.body_limit_bytes))
        app.include_router(reports_router(desk, keys, settings))
        app.state.reading_shortcut = {
            "desk": desk, "keys": keys, "limits": limits, "body_limit_bytes": settings.body_limit_bytes,
        }  # fmt: skip
    app.add_middleware(Gate, keys=keys, limits=limits)
    app.state.gate = {"keys": keys, "limits": limits}
    app.add_exception_handler(RequestValidationError, _tell_mistakes)
    app.add_exception_handler(SmartSentryError, _tell_error)
    app.add_exception_handler(HTTPException, _tell_http_exception)
    app.add_exception_handler(Exception, _tell_error)  # Starlette raises it again, for the server's log
    app.state.served, app.state.endpoint = served, endpoint
    app.openapi = partial(_openapi, app, served)  # type: ignore[method-assign]
    return app


async def _follow(
    app: FastAPI, served: ServedModel, metrics: ServiceMetrics, desk: Desk | None, ending: asyncio.Event
) -> None:  # fmt: skip
    """Takes another model once it is there: for predictions, and for the plant that judges by the same one."""
    while served.changes and not ending.is_set():
        with suppress(TimeoutError):
            await asyncio.wait_for(ending.wait(), _LOOK_EVERY_S)
            return
        try:
            if await asyncio.to_thread(served.look):
                metrics.loaded(served.loaded)
                app.openapi_schema = None
            metrics.refused(served.refused is not None)
            if desk is not None and served.loaded is not None:
                await asyncio.to_thread(judge_by, desk.plant, served.loaded)
        except Exception:  # noqa: BLE001 - the outermost loop: what failed is tried again
            _log.exception("a new model was not taken over")


def _add_status_routes(app: FastAPI, served: ServedModel, metrics: ServiceMetrics, keys: ApiKeys) -> None:
    @app.get("/health", tags=["status"], summary="Whether the process lives")
    async def health() -> dict[str, str]:
        return {"status": "alive"}

    @app.get("/ready", tags=["status"], summary="Whether a verified model is loaded", responses=_UNAVAILABLE)
    async def ready(request: Request) -> dict[str, str]:
        if not keys.allow(request.headers.get("x-api-key"), "read"):
            return _yes_or_no(served)
        told = {"status": "ready", "model_version": served.bundle().version}
        return told if served.refused is None else told | {"refused": str(served.refused)}

    guarded = _GUARDED | _UNAVAILABLE

    @app.get("/model", tags=["prediction"], summary="The served model and its signals", responses=guarded)
    async def model() -> ModelDescription:
        return describe(served.bundle())

    plain = {"text/plain": {"schema": {"type": "string"}}}
    text: dict[int | str, dict[str, Any]] = {200: {"description": "Prometheus metrics", "content": plain}, **_GUARDED}

    @app.get("/metrics", tags=["status"], summary="Prometheus metrics", response_class=Response, responses=text)
    def exposition() -> Response:  # in a thread: it asks the database
        return Response(metrics.exposition(), headers={"content-type": CONTENT_TYPE})


def _yes_or_no(served: ServedModel) -> dict[str, str]:
    """What somebody without a key hears: neither which model it is, nor where its files are."""
    if served.loaded is None:
        raise ModelUnavailable("the service", "Ask with an API key: the answer then says why.")
    return {"status": "ready"}


def _add_pages(app: FastAPI, swagger_folder: str) -> None:
    @app.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        names = ("swagger-ui-bundle.js", "swagger-ui.css", "favicon-light-32x32.png")
        js, css, icon = (f"{swagger_folder}/{name}" for name in names)
        return get_swagger_ui_html(
            openapi_url="openapi.json",
            title=app.title,
            swagger_js_url=js,
            swagger_css_url=css,
            swagger_favicon_url=icon,
        )

    @app.get("/", include_in_schema=False)
    async def index() -> Response:
        """Stands before BentoML's own page, which would report its visitors to a third party."""
        return RedirectResponse("docs")


async def _tell_error(_: Request, error: Exception) -> Response:
    return error_response(error)


async def _tell_mistakes(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    details = [
        ErrorDetail(field=".".join(str(part) for part in one["loc"]) or "body", reason=str(one["msg"]))
        for one in error.errors()
    ]
    broken = next((one for one in error.errors() if one["type"] == "json_invalid"), None)
    return error_response(InvalidRequest(details) if broken is None else BrokenJson(broken["ctx"]["error"]))


async def _tell_http_exception(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    body = error_body(STATUS_NAMES.get(error.status_code, "refused"), str(error.detail))
    return JSONResponse(body.model_dump(), error.status_code, error.headers)


def _openapi(app: FastAPI, served: ServedModel) -> dict[str, Any]:
    if app.openapi_schema is None:
        document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        app.openapi_schema = with_prediction(document, served.loaded)
    return app.openapi_schema
