"""Readings as JSON: one object a reading, flat, as the HTTP service takes them, with epoch and sequence."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import numpy as np

from smart_sentry.stream.layouts import NAMED_FIELDS, TYPE_FIELD, Layout, Layouts
from smart_sentry.stream.messages import MessageRefused, Readings, Reason

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def write_json(readings: Readings, layout: Layout) -> list[bytes]:
    """(rows,) objects; what is not a finite number is null. Times are written in UTC to the microsecond.

    Raises:
        OverflowError: a time is not within the years 1 to 9999.
    """
    record, encode = layout.record, msgspec.json.Encoder().encode
    micros = np.rint(readings.seconds * 1e6).astype(np.int64).tolist()
    columns = (
        readings.asset_ids,
        micros,
        readings.epochs.tolist(),
        readings.sequences.tolist(),
        readings.values.tolist(),
    )
    return [
        encode(record(asset_id, _EPOCH + timedelta(microseconds=at), epoch, sequence, *values))  # NaN becomes null
        for asset_id, at, epoch, sequence, values in zip(*columns, strict=True)
    ]


def read_json(value: bytes, layouts: Layouts) -> Any:
    """The record (`Layout.record`) of one reading. Without asset_type it is of the type that has exactly its signals.

    Raises:
        MessageRefused: it is not one of a known type; says which field, what was expected and what came.
    """
    try:
        return layouts.decoder.decode(value)
    except UnicodeDecodeError as error:
        raise MessageRefused(Reason.WRONG_UTF8, f"expected UTF-8: {error}") from None
    except msgspec.ValidationError as error:
        if f"required field `{TYPE_FIELD}`" in str(error):
            return _untyped(value, layouts)
        raise _worded(error, layouts) from None
    except (msgspec.DecodeError, RecursionError) as error:
        raise MessageRefused(Reason.WRONG_JSON, f"expected a JSON object: {error}") from None


def _untyped(value: bytes, layouts: Layouts) -> Any:
    try:
        names = frozenset(msgspec.json.decode(value)) - set(NAMED_FIELDS)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise MessageRefused(Reason.WRONG_JSON, f"expected a JSON object: {error}") from None
    layout = layouts.by_signals.get(names)
    if layout is None:
        shown = ", ".join(sorted(names))[:200] or "(none)"
        raise MessageRefused(
            Reason.UNKNOWN_TYPE, f"expected asset_type, or exactly the signals of one type; found signals {shown}"
        )
    try:
        return msgspec.json.decode(value, type=layout.record)
    except msgspec.ValidationError as error:
        raise _worded(error, layouts) from None


def _worded(error: msgspec.ValidationError, layouts: Layouts) -> MessageRefused:
    told = str(error)
    if told.endswith(f"`$.{TYPE_FIELD}`"):
        return MessageRefused(Reason.UNKNOWN_TYPE, f"{told}; known are {', '.join(sorted(layouts.by_name))}")
    return MessageRefused(Reason.WRONG_VALUE, told)
