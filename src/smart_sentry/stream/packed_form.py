"""Readings packed: 32 bytes and the values, little-endian (docs/streaming.md draws it). A batch is read as one array."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_sentry.stream.layouts import DOUBLE, PACKED_VERSION, Layout, Layouts
from smart_sentry.stream.messages import MessageRefused, Readings, Reason

PREFIX_BYTES = 8
FIRST_US, LAST_US = -62_135_596_800_000_000, 253_402_300_799_999_999
"""Times are within the years 1 to 9999, as they are in JSON."""


def write_packed(readings: Readings, layout: Layout, precision: int) -> list[bytes]:
    """(rows,) packed readings; what is not a finite number (in that precision) is NaN."""
    records = np.empty(len(readings), dtype=layout.packed(precision))
    records["prefix"] = np.void(layout.prefix(precision))
    records["time_us"] = np.rint(readings.seconds * 1e6)
    records["epoch"], records["sequence"] = readings.epochs, readings.sequences
    with np.errstate(over="ignore"):  # beyond single precision: made NaN below
        records["values"] = readings.values
    records["values"][~np.isfinite(records["values"])] = np.nan
    packed, size = records.tobytes(), records.dtype.itemsize
    return [packed[begin : begin + size] for begin in range(0, len(packed), size)]


def layout_of_packed(value: bytes, layouts: Layouts) -> bytes:
    """The first eight bytes, by which packed readings are read together.

    Raises:
        MessageRefused: version or layout are not known, or the length is not the layout's.
    """
    prefix = value[:PREFIX_BYTES]
    known = layouts.by_prefix.get(prefix)
    if known is None:
        raise _unknown(value, layouts)
    if len(value) != known[1].itemsize:
        expected = f"expected {known[1].itemsize} bytes of a {known[0].name}"
        raise MessageRefused(Reason.WRONG_LENGTH, f"{expected}, found {len(value)}")
    return prefix


def _unknown(value: bytes, layouts: Layouts) -> MessageRefused:
    if len(value) < PREFIX_BYTES:
        return MessageRefused(Reason.WRONG_LENGTH, f"expected at least {PREFIX_BYTES} bytes, found {len(value)}")
    if value[0] != PACKED_VERSION:
        return MessageRefused(Reason.UNKNOWN_VERSION, f"expected packed version {PACKED_VERSION}, found {value[0]}")
    if value[1] > DOUBLE:
        return MessageRefused(Reason.UNKNOWN_VERSION, f"expected precision 0 or 1, found {value[1]}")
    found = f"{int.from_bytes(value[2:4], 'little')} signals, fingerprint {value[4:8].hex()}"
    known = ", ".join(f"{name} {one.width} {one.fingerprint.hex()}" for name, one in sorted(layouts.by_name.items()))
    return MessageRefused(Reason.UNKNOWN_TYPE, f"expected the layout of a known asset type ({known}), found {found}")


def read_packed(values: list[bytes], record: np.dtype[Any]) -> NDArray[Any]:
    """(rows,) records of readings with the same prefix and length; a view, nothing is copied but the joined bytes."""
    return np.frombuffer(b"".join(values), dtype=record)


def mistakes_of(records: NDArray[Any]) -> dict[int, str]:
    """Row -> what is wrong with its figures."""
    time = records["time_us"]
    wrong = (records["epoch"] < 0) | (records["sequence"] < 0) | (time < FIRST_US) | (time > LAST_US)
    wrong |= np.isinf(records["values"]).any(axis=1)
    return {int(row): _mistake(records[row]) for row in np.flatnonzero(wrong)}


def _mistake(record: Any) -> str:
    for name in ("epoch", "sequence"):
        if record[name] < 0:
            return f"expected {name} from 0, found {record[name]}"
    if not FIRST_US <= record["time_us"] <= LAST_US:
        return f"expected a time within the years 1 to 9999, found {record['time_us']} microseconds since 1970"
    return f"expected finite numbers, found {record['values'][np.isinf(record['values'])][0]}"
