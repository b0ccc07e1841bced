"""From columns of readings to messages."""

from __future__ import annotations

from smart_sentry.stream.json_form import write_json
from smart_sentry.stream.layouts import DOUBLE, SINGLE, Layout
from smart_sentry.stream.messages import (
    EVENT_TYPE,
    JSON_CONTENT,
    PACKED_CONTENT,
    SPEC_VERSION,
    Form,
    Headers,
    Outgoing,
    Readings,
)
from smart_sentry.stream.packed_form import write_packed


def encode(readings: Readings, layout: Layout, form: Form, source: str) -> list[Outgoing]:
    """(rows,) messages of readings.

    Args:
        readings: of the layout's asset type.
        layout: says how they are written.
        form: of their values.
        source: who sends them, for the header ce_source, e.g. "smart-sentry/replay/FD001".
    """
    values = write_json(readings, layout) if form is Form.JSON else _packed(readings, layout, form)
    same: Headers = [
        ("ce_specversion", SPEC_VERSION.encode()),
        ("ce_type", EVENT_TYPE.encode()),
        ("ce_source", source.encode()),
        ("content-type", (JSON_CONTENT if form is Form.JSON else PACKED_CONTENT).encode()),
    ]
    return [
        Outgoing(asset_id.encode(), value, [("ce_id", reading_id.encode()), *same])
        for asset_id, reading_id, value in zip(readings.asset_ids, readings.reading_ids, values, strict=True)
    ]


def _packed(readings: Readings, layout: Layout, form: Form) -> list[bytes]:
    return write_packed(readings, layout, DOUBLE if form is Form.BINARY else SINGLE)
