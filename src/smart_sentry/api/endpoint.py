"""POST /predict as a bare ASGI application: the hot path of the service."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from time import perf_counter

from smart_sentry.answers import AssetHistory
from smart_sentry.api.body import JSON, ClientLeft, Receive, Scope, Send, read_json_body
from smart_sentry.api.errors import RequestRefused, http_error
from smart_sentry.api.metrics import ServiceMetrics
from smart_sentry.api.readings import RequestRules, parse_request
from smart_sentry.api.served import ServedModel
from smart_sentry.bundle import Bundle
from smart_sentry.config import Settings
from smart_sentry.contracts.failure import FailureAssessment
from smart_sentry.contracts.prediction import PredictionResponse
from smart_sentry.errors import SmartSentryError

PATH = "/predict"
_log = logging.getLogger(__name__)


class PredictionEndpoint:
    """Reads, checks, answers and counts one request.

    FastAPI's own request handling would cost as much as the model: routing through it is kept, the rest is done here.
    """

    def __init__(
        self,
        served: ServedModel,
        settings: Settings,
        answer: Callable[[Sequence[AssetHistory]], Awaitable[list[FailureAssessment]]],
        metrics: ServiceMetrics,
    ) -> None:
        self._served, self._settings = served, settings
        self._answer, self._metrics = answer, metrics
        self._ruled: tuple[Bundle, RequestRules] | None = None

    def start(self) -> None:
        """Takes its rules from the model that has been loaded."""
        if (bundle := self._served.loaded) is not None:
            self._rules_of(bundle)

    def _rules_of(self, bundle: Bundle) -> RequestRules:
        if self._ruled is None or self._ruled[0] is not bundle:
            kind = bundle.manifest.asset_type
            rules = RequestRules(kind, self._settings.request_assets, self._settings.request_readings)
            self._ruled = bundle, rules
        return self._ruled[1]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, of ASGI."""
        start = perf_counter()
        try:
            status, body = 200, await self._predict(scope, receive)
        except ClientLeft:
            return
        except SmartSentryError as error:
            status, refusal = http_error(error)
            body = refusal.__pydantic_serializer__.to_json(refusal)
            if not isinstance(error, RequestRefused):
                _log.error("a request was not answered: %s", error)
        except Exception as error:  # noqa: BLE001 - the outermost loop: whatever failed is logged, the client gets a whole answer
            _log.exception("a request failed")
            status, refusal = http_error(error)
            body = refusal.__pydantic_serializer__.to_json(refusal)
        self._metrics.answered(status, perf_counter() - start)
        headers = [(b"content-type", JSON.encode()), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _predict(self, scope: Scope, receive: Receive) -> bytes:
        self._served.bundle()  # without one, nothing is read
        body = await read_json_body(scope, receive, self._settings.body_limit_bytes)
        while True:
            bundle = self._served.bundle()
            histories = parse_request(body, self._rules_of(bundle))
            assessments = await self._answer(histories)
            if (
                self._served.loaded is bundle
            ):  # else another model came meanwhile, and nobody can say which one answered
                break
        self._metrics.assessed(sum(len(history.values) for history in histories), assessments)
        response = PredictionResponse.model_construct(
            dataset=bundle.manifest.dataset, model_version=bundle.version, assessments=tuple(assessments)
        )
        return response.__pydantic_serializer__.to_json(response)


class Shortcut:
    """ASGI middleware that takes one path straight to its endpoint, past whatever routing and middleware lies below.

    Between BentoML's server and a route of a mounted application stand a dozen layers, which together cost as much as the
    model's answer about one reading.
    """

    def __init__(self, app: Callable[[Scope, Receive, Send], Awaitable[None]], endpoint: PredictionEndpoint) -> None:
        self._app, self._endpoint = app, endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection, of ASGI."""
        if scope["type"] == "http" and scope["path"] == PATH and scope["method"] == "POST":
            await self._endpoint(scope, receive, send)
        else:
            await self._app(scope, receive, send)
