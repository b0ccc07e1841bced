"""From the values of messages of one layout to columns of readings."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from itertools import chain
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from smart_sentry.stream.layouts import NAMED_FIELDS
from smart_sentry.stream.messages import Readings, Reason, Refusal
from smart_sentry.stream.packed_form import mistakes_of, read_packed


def of_records(name: str, positions: Sequence[int], reading_ids: Sequence[str], records: Sequence[Any]) -> Readings:
    """Readings in the JSON form.

    Args:
        name: of their asset type.
        positions: (rows,) of their messages in the batch.
        reading_ids: (rows,)
        records: (rows,) `Layout.record`; no more than stay in the processor's cache while they are taken apart.
    """
    rows = list(map(msgspec.structs.astuple, records))
    return Readings(
        name,
        [row[0] for row in rows],
        list(reading_ids),
        np.array([row[1].timestamp() for row in rows], dtype=np.float64),
        np.array([row[2] for row in rows], dtype=np.int64),
        np.array([row[3] for row in rows], dtype=np.int64),
        _values_of([row[len(NAMED_FIELDS) :] for row in rows]),
        np.array(positions, dtype=np.int64),
    )


def _values_of(rows: Sequence[tuple[float | None, ...]]) -> NDArray[np.float64]:
    """(rows, signals) NaN where there is no number."""
    pack = struct.Struct(f"={len(rows[0])}d").pack
    try:
        packed = bytearray().join([pack(*row) for row in rows])
    except struct.error:  # None is among them, which takes several times as long
        return np.array(rows, dtype=np.float64)
    return np.frombuffer(packed, dtype=np.float64).reshape(len(rows), -1)


def of_packed(
    name: str, record: np.dtype[Any], positions: Sequence[int], asset_ids: Sequence[str], reading_ids: Sequence[str],
    values: Sequence[bytes],
) -> tuple[Readings, list[Refusal]]:  # fmt: skip
    """Readings in the packed form, and refusals of those whose figures cannot be.

    Args:
        name: of their asset type.
        record: of the layout and precision of all of them.
        positions: (rows,) of their messages in the batch.
        asset_ids, reading_ids, values: (rows,)
    """
    records, places = read_packed(list(values), record), np.array(positions, dtype=np.int64)
    mistakes = mistakes_of(records)
    refusals = [Refusal(int(places[row]), Reason.WRONG_VALUE, detail) for row, detail in mistakes.items()]
    if mistakes:
        kept = [row for row in range(len(places)) if row not in mistakes]
        records, places = records[kept], places[kept]
        asset_ids, reading_ids = [asset_ids[row] for row in kept], [reading_ids[row] for row in kept]
    found = Readings(
        name,
        list(asset_ids),
        list(reading_ids),
        records["time_us"] / 1e6,
        records["epoch"].astype(np.int64),
        records["sequence"].astype(np.int64),
        records["values"].astype(np.float64),
        places,
    )
    return found, refusals


def in_order(parts: Sequence[Readings]) -> Readings:
    """One of several of the same type, in the order of the batch."""
    if len(parts) == 1:
        return parts[0]
    one = Readings(
        parts[0].asset_type,
        list(chain.from_iterable(part.asset_ids for part in parts)),
        list(chain.from_iterable(part.reading_ids for part in parts)),
        np.concatenate([part.seconds for part in parts]),
        np.concatenate([part.epochs for part in parts]),
        np.concatenate([part.sequences for part in parts]),
        np.concatenate([part.values for part in parts]),
        np.concatenate([part.positions for part in parts]),
    )
    if (one.positions[1:] > one.positions[:-1]).all():
        return one
    order = np.argsort(one.positions)
    return Readings(
        one.asset_type,
        [one.asset_ids[row] for row in order.tolist()],
        [one.reading_ids[row] for row in order.tolist()],
        one.seconds[order],
        one.epochs[order],
        one.sequences[order],
        one.values[order],
        one.positions[order],
    )
