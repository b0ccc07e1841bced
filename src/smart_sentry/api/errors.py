"""The one map from errors to HTTP status codes, and the body that every refusal has."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.responses import JSONResponse

from smart_sentry.contracts.prediction import Error, ErrorBody, ErrorDetail
from smart_sentry.errors import (
    ActionRefused,
    ChecksumMismatch,
    IngestBusy,
    InsufficientData,
    InvalidReadings,
    ModelUnavailable,
    NotConfirmed,
    NotPublished,
    NotStored,
    NoWorker,
    ReportsUnavailable,
    SmartSentryError,
    StateForbids,
    StoreUnavailable,
    UnknownAsset,
)

_LISTED = 20


class RequestRefused(SmartSentryError):
    """A request that cannot be answered, through the client's fault. Its subclasses say in which way."""

    def __init__(self, message: str, details: Sequence[ErrorDetail]) -> None:
        self.message, self.details = message, tuple(details)
        super().__init__(f"{message} {'; '.join(f'{detail.field}: {detail.reason}' for detail in details)}")


class BrokenJson(RequestRefused):
    """The body is not JSON."""

    def __init__(self, reason: str) -> None:
        super().__init__("The body is not valid JSON.", [ErrorDetail(field="body", reason=reason)])


class BodyTooLarge(RequestRefused):
    """The body is longer than the service takes."""

    def __init__(self, limit_bytes: int) -> None:
        reason = f"larger than {limit_bytes} bytes: send fewer assets a request, or columns instead of rows"
        super().__init__("The body is too large.", [ErrorDetail(field="body", reason=reason)])


class UnsupportedMediaType(RequestRefused):
    """The body is of another kind than JSON."""

    def __init__(self, header: str, expected: str, found: str) -> None:
        reason = f"expected {expected}, found {found or 'none'}"
        super().__init__("The body must be plain JSON.", [ErrorDetail(field=f"header.{header}", reason=reason)])


class InvalidRequest(RequestRefused):
    """The body is JSON, but not a request that this model can answer."""

    def __init__(self, details: Sequence[ErrorDetail], count: int | None = None) -> None:
        listed = tuple(details[:_LISTED])
        self.count = count or len(details)
        some = f"; {len(listed)} of them are listed" if self.count > len(listed) else ""
        super().__init__(f"The request has {self.count} mistake{'s' if self.count > 1 else ''}{some}.", listed)


class Unauthorised(RequestRefused):
    """No API key, or one that nobody knows."""

    def __init__(self) -> None:
        reason = "an API key is needed, and this is none"
        super().__init__("Not authorised.", [ErrorDetail(field="header.x-api-key", reason=reason)])


class Forbidden(RequestRefused):
    """An API key that does not allow this."""

    def __init__(self, role: str) -> None:
        reason = f"this needs a key with the role {role}"
        super().__init__("Not allowed.", [ErrorDetail(field="header.x-api-key", reason=reason)])


class TooManyRequests(RequestRefused):
    """The caller asks for more than its rate limit allows.

    Attributes:
        retry_after_seconds: from when on something is allowed again, whole seconds.
    """

    def __init__(self, what: str, per_second: float, retry_after_seconds: int) -> None:
        self.retry_after_seconds = retry_after_seconds
        reason = f"at most {per_second:g} {what} a second; send it again in {retry_after_seconds} s"
        super().__init__("Too many requests.", [ErrorDetail(field=what, reason=reason)])


STATUS_OF: dict[type[SmartSentryError], tuple[int, str]] = {
    BrokenJson: (400, "broken_json"),
    BodyTooLarge: (413, "body_too_large"),
    UnsupportedMediaType: (415, "unsupported_media_type"),
    InvalidRequest: (422, "invalid_request"),
    Unauthorised: (401, "unauthorised"),
    Forbidden: (403, "forbidden"),
    TooManyRequests: (429, "too_many_requests"),
    InvalidReadings: (422, "invalid_readings"),
    InsufficientData: (422, "insufficient_data"),
    NotConfirmed: (422, "not_confirmed"),
    NotStored: (422, "not_stored"),
    UnknownAsset: (404, "unknown_asset"),
    StateForbids: (409, "state_forbids"),
    ActionRefused: (409, "action_refused"),
    StoreUnavailable: (503, "store_unavailable"),
    NotPublished: (503, "not_published"),
    IngestBusy: (503, "ingest_busy"),
    NoWorker: (503, "no_worker"),
    ReportsUnavailable: (503, "reports_unavailable"),
    ModelUnavailable: (503, "model_unavailable"),
    ChecksumMismatch: (503, "model_unavailable"),
}
"""Status code and stable error code of every error that a client can meet."""

STATUS_NAMES = {400: "broken_json", 404: "not_found", 405: "method_not_allowed"}
"""Error codes of what the framework itself refuses."""


def http_error(error: Exception) -> tuple[int, ErrorBody]:
    """Status and body for an error; one that is not in the map is the service's own fault and tells nothing."""
    for kind, (status, code) in STATUS_OF.items():
        if isinstance(error, kind):
            if isinstance(error, RequestRefused):
                return status, error_body(code, error.message, error.details)
            return status, error_body(code, str(error))
    return 500, error_body("internal_error", "The service failed; its log says why.")


def error_response(error: Exception) -> JSONResponse:
    """The answer to a request that failed."""
    status, body = http_error(error)
    headers = None
    if isinstance(error, TooManyRequests | NotPublished | IngestBusy):
        headers = {"retry-after": str(error.retry_after_seconds)}
    return JSONResponse(body.model_dump(), status, headers)


def error_body(code: str, message: str, details: Sequence[ErrorDetail] = ()) -> ErrorBody:
    """The body of a refusal."""
    return ErrorBody(error=Error(code=code, message=message, details=list(details)))
