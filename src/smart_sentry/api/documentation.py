"""The OpenAPI page: contracts with the served model's own signals, examples that can be sent, and every refusal."""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import models_json_schema

from smart_sentry.api.errors import STATUS_OF, error_body
from smart_sentry.assets import AssetType
from smart_sentry.bundle import Bundle
from smart_sentry.contracts.prediction import ErrorBody, ErrorDetail, PredictionRequest, PredictionResponse

REASONS = {
    400: "The body is not valid JSON.",
    413: "The body is too large.",
    415: "The body is not plain JSON in UTF-8.",
    422: "The request is not one that this model can answer; `details` names every field and what is wrong with it.",
    500: "The service failed; its log says why.",
    503: "No verified model is loaded; `message` says why.",
}
_REASONS_OF_THE_PLANT = {
    401: "API keys are set, and the request has none or one that nobody knows.",
    403: "The API key's role does not allow this.",
    404: "No such asset is known.",
    409: "The present state does not allow this; `message` says what is allowed now.",
    429: "A rate limit is set, and this caller is above it.",
}
_RETRY_AFTER = {"Retry-After": {"description": "seconds to wait", "schema": {"type": "integer", "minimum": 1}}}
_DETAIL = ErrorDetail(
    field="assets.0.readings.0.signals.sensor_7",
    reason="3823.35 psia is outside what sensor_7 can be: 100 to 650 psia; looks like kPa: psia = 0.145038 * kPa",
)
_REF = "#/components/schemas/{model}"


def with_prediction(document: dict[str, Any], bundle: Bundle | None) -> dict[str, Any]:
    """Adds POST /predict, which is no FastAPI route, to FastAPI's OpenAPI document."""
    models = [(PredictionRequest, "validation"), (PredictionResponse, "serialization"), (ErrorBody, "serialization")]
    _, definitions = models_json_schema(models, ref_template=_REF)  # type: ignore[arg-type]
    schemas = definitions["$defs"]
    examples: dict[str, Any] = {}
    if bundle is not None:
        _name_signals(schemas, bundle.manifest.asset_type)
        examples = request_examples(bundle)
    document.setdefault("components", {}).setdefault("schemas", {}).update(schemas)
    document["paths"]["/predict"] = {"post": {
        "tags": ["prediction"],
        "summary": "Failure probability, alarm and remaining life of one or many assets",
        "description": "Answers once for each asset, after its newest reading. Nothing is remembered between requests: send"
        " its readings from the first one on, or as many as there are, oldest first.",
        "operationId": "predict",
        "requestBody": {"required": True, "content": {"application/json": {
            "schema": {"$ref": _REF.format(model="PredictionRequest")}, "examples": examples,
        }}},
        "responses": {
            "200": {"description": "One assessment an asset, in the order of the request", "content": {"application/json": {
                "schema": {"$ref": _REF.format(model="PredictionResponse")},
            }}},
            **{str(status): refusal(status) for status in sorted({*REASONS, 401, 429})},
        },
    }}  # fmt: skip
    return document


def refusal_of_readings() -> dict[str, Any]:
    """How a 503 of the routes that take readings is documented."""
    reason = (
        "The database, or Apache Kafka where readings go through it, does not answer or has no room; send them again."
    )
    example = error_body("not_published", reason)
    return refusal(503) | {
        "description": reason,
        "content": {
            "application/json": {"schema": {"$ref": _REF.format(model="ErrorBody")}, "example": example.model_dump()}
        },
        "headers": _RETRY_AFTER,
    }


def refusal(status: int) -> dict[str, Any]:
    """How a refusal is documented."""
    code = next((code for known, code in STATUS_OF.values() if known == status), "internal_error")
    reason = (REASONS | _REASONS_OF_THE_PLANT)[status]
    example = error_body(code, reason, [_DETAIL] if status == 422 else [])
    return {
        "description": reason,
        "content": {
            "application/json": {"schema": {"$ref": _REF.format(model="ErrorBody")}, "example": example.model_dump()}
        },
    } | ({"headers": _RETRY_AFTER} if status == 429 else {})


def request_examples(bundle: Bundle) -> dict[str, Any]:
    """The same two readings of one asset in both forms; they can be sent as they stand."""
    mean = {signal.name: round(sum(signal.limits) / 2, 4) for signal in bundle.manifest.asset_type.signals}
    rows = [{"cycle": cycle, "signals": mean} for cycle in (1, 2)]
    columns = {name: [value, value] for name, value in mean.items()}
    return {
        "rows": {"summary": "rows", "value": {"assets": [{"asset_id": "engine-1", "readings": rows}]}},
        "columns": {
            "summary": "columns (faster)",
            "value": {
                "assets": [{"asset_id": "engine-1", "cycles": [1, 2], "signals": columns}],
                "top_contributions": 3,
            },
        },
    }


def _name_signals(schemas: dict[str, Any], asset_type: AssetType) -> None:
    """Puts the signals' names, units and limits in the place of 'any name'."""
    numbers = {
        signal.name: {
            "type": "number", "minimum": signal.limits[0], "maximum": signal.limits[1],
            "description": f"{signal.description or signal.name}, {signal.unit}",
        }
        for signal in asset_type.signals
    }  # fmt: skip
    columns = {name: {"type": "array", "items": number} for name, number in numbers.items()}
    for owner, members in (("Reading", numbers), ("AssetReadings", columns)):
        signals = schemas[owner]["properties"]["signals"]
        signals |= {"properties": members, "required": list(members), "additionalProperties": False}
