"""From messages to columns of readings: a message that is none is refused with its position and stops no batch."""

from __future__ import annotations

import re
import struct
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from smart_sentry.stream.json_form import read_json
from smart_sentry.stream.layouts import NAMED_FIELDS, Layouts
from smart_sentry.stream.messages import (
    EVENT_TYPE,
    JSON_CONTENT,
    PACKED_CONTENT,
    SENT_BACK,
    SPEC_VERSION,
    UNREADABLE_HEADERS,
    Incoming,
    MessageRefused,
    Readings,
    Reason,
    Refusal,
    headers_of,
)
from smart_sentry.stream.packed_form import layout_of_packed, mistakes_of, read_packed

MOST_CHARACTERS = 128
"""Of an asset's id, as in the HTTP service."""
MOST_ID_CHARACTERS = 256
"""Of a reading's id: an asset's id, epoch and sequence find room."""
_TEXT = re.compile(r"[^\x00-\x1f\x7f]+")
_EVENT_TYPE, _SPEC_VERSION = EVENT_TYPE.encode(), SPEC_VERSION.encode()
_KEPT_NAMES = 65_536
_UNREADABLE = "expected the names of headers in UTF-8, found one that is not"


@dataclass(frozen=True)
class _Field:
    """A text beside the value of a message.

    Attributes:
        what: its name, for people.
        most: characters.
        reason: why a message is refused that has it wrong or not at all.
        missing: what is said of the latter.
    """

    what: str
    most: int
    reason: Reason
    missing: str


_KEY = _Field("key", MOST_CHARACTERS, Reason.WRONG_KEY, "expected the asset's id as the key, found none")
_READING_ID = _Field(
    "header ce_id", MOST_ID_CHARACTERS, Reason.WRONG_HEADERS,
    "expected the reading's id in the header ce_id, found none",
)  # fmt: skip


@dataclass(frozen=True)
class Decoded:
    """What a batch of messages holds.

    Attributes:
        readings: one for each asset type that occurs, by name; rows stand in the order of the batch.
        refusals: messages that are no readings, in the order of the batch.
        sent_back: positions of those that were dead letters.
    """

    readings: tuple[Readings, ...]
    refusals: tuple[Refusal, ...]
    sent_back: tuple[int, ...] = ()


def decode_batch(messages: Sequence[Incoming], layouts: Layouts) -> Decoded:
    """Reads messages of any form and asset type.

    Args:
        messages: without errors of the client (`message.error()` is None).
        layouts: of the asset types that are known.
    """
    refusals: list[Refusal] = []
    records: defaultdict[type, list[tuple[int, str, str, Any]]] = defaultdict(list)
    packed: defaultdict[bytes, list[tuple[int, str, str, bytes]]] = defaultdict(list)
    usual: Any = None  # what follows the id in the headers of nearly every message of a sender
    usually_json = usually_back = False
    sent_back: list[int] = []
    for position, message in enumerate(messages):
        try:
            try:
                headers = headers_of(message)
            except UNREADABLE_HEADERS:
                refusals.append(Refusal(position, Reason.WRONG_HEADERS, _UNREADABLE, headers_unreadable=True))
                continue
            if headers and headers[0][0] == "ce_id" and headers[1:] == usual:
                reading_id, is_json, is_back = _text(headers[0][1], _READING_ID), usually_json, usually_back
            else:
                reading_id, is_json = _attributes(headers)
                is_back = any(name == SENT_BACK for name, _ in headers)
                tail = list(headers)[1:]
                if headers[0][0] == "ce_id" and all(name != "ce_id" for name, _ in tail):
                    usual, usually_json, usually_back = tail, is_json, is_back
            if is_back:
                sent_back.append(position)
            asset_id, value = _asset_of(message.key()), message.value()
            if not value:
                raise MessageRefused(Reason.EMPTY, "expected a reading, found no value")
            if is_json:
                record = read_json(value, layouts)
                if record.asset_id != asset_id:
                    raise MessageRefused(
                        Reason.WRONG_KEY, f"expected the key {record.asset_id!r:.140}, the asset_id, found {asset_id!r}"
                    )
                records[type(record)].append((position, asset_id, reading_id, record))
            else:
                packed[layout_of_packed(value, layouts)].append((position, asset_id, reading_id, value))
        except MessageRefused as refused:
            refusals.append(Refusal(position, refused.reason, refused.detail))
    parts: defaultdict[str, list[Readings]] = defaultdict(list)
    for kind, found in records.items():
        name = layouts.by_record[kind].name
        parts[name].append(_of_records(name, found))
    for prefix, rows in packed.items():
        layout, record = layouts.by_prefix[prefix]
        parts[layout.name].append(_of_packed(layout.name, record, rows, refusals))
    merged = (_in_order(of_type) for _, of_type in sorted(parts.items()))
    refusals.sort(key=lambda refusal: refusal.position)
    return Decoded(tuple(readings for readings in merged if len(readings)), tuple(refusals), tuple(sent_back))


def _attributes(headers: Any) -> tuple[str, bool]:
    """The reading's id, and whether its value is JSON."""
    found = dict(headers or ())
    if found.get("ce_type") != _EVENT_TYPE or found.get("ce_specversion") != _SPEC_VERSION:
        raise _wrong_version(found)
    return _text(found.get("ce_id"), _READING_ID), _is_json(found.get("content-type"))


def _wrong_version(found: dict[str, Any]) -> MessageRefused:
    for name, expected in (("ce_specversion", SPEC_VERSION), ("ce_type", EVENT_TYPE)):
        given = found.get(name)
        if given is None:
            return MessageRefused(Reason.WRONG_HEADERS, f"expected the header {name}: {expected}, found none")
        if given != expected.encode():
            return MessageRefused(Reason.UNKNOWN_VERSION, f"expected {name} {expected}, found {given!r:.80}")
    raise AssertionError("both are right")


@lru_cache(maxsize=64)
def _is_json(content: bytes | None) -> bool:
    kind = (content or b"").split(b";")[0].strip().lower().decode("ascii", "replace")
    if kind not in (JSON_CONTENT, PACKED_CONTENT):
        expected = f"expected content-type {JSON_CONTENT} or {PACKED_CONTENT}"
        raise MessageRefused(Reason.UNKNOWN_CONTENT, f"{expected}, found {kind[:80] or 'none'}")
    return kind == JSON_CONTENT


@lru_cache(maxsize=_KEPT_NAMES)
def _asset_of(key: bytes | None) -> str:
    return _text(key, _KEY)


def _text(given: bytes | None, field: _Field) -> str:
    if not given:
        raise MessageRefused(field.reason, field.missing)
    try:
        text = given.decode()
    except UnicodeDecodeError as error:
        raise MessageRefused(Reason.WRONG_UTF8, f"{field.what}: expected UTF-8: {error.reason}") from None
    if len(text) > field.most or not (text.isprintable() or _TEXT.fullmatch(text)):
        expected = f"expected at most {field.most} characters, none of them a control character"
        raise MessageRefused(field.reason, f"{field.what}: {expected}, found {text!r:.80} ({len(text)} characters)")
    return text


def _of_records(name: str, found: list[tuple[int, str, str, Any]]) -> Readings:
    positions, asset_ids, reading_ids, records = zip(*found, strict=True)
    rows = list(map(msgspec.structs.astuple, records))
    return Readings(
        name,
        list(asset_ids),
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


def _of_packed(
    name: str, record: np.dtype[Any], rows: list[tuple[int, str, str, bytes]], refusals: list[Refusal]
) -> Readings:
    records = read_packed([value for *_, value in rows], record)
    if mistakes := mistakes_of(records):
        refusals += [Refusal(rows[row][0], Reason.WRONG_VALUE, detail) for row, detail in mistakes.items()]
        rows = [given for row, given in enumerate(rows) if row not in mistakes]
        records = np.delete(records, list(mistakes))
    return Readings(
        name,
        [asset_id for _, asset_id, _, _ in rows],
        [reading_id for _, _, reading_id, _ in rows],
        records["time_us"] / 1e6,
        records["epoch"].astype(np.int64),
        records["sequence"].astype(np.int64),
        records["values"].astype(np.float64),
        np.array([position for position, *_ in rows], dtype=np.int64),
    )


def _in_order(parts: list[Readings]) -> Readings:
    """One of several of the same type, in the order of the batch."""
    if len(parts) == 1:
        return parts[0]
    order = np.argsort(np.concatenate([part.positions for part in parts]))
    asset_ids = [asset_id for part in parts for asset_id in part.asset_ids]
    reading_ids = [one for part in parts for one in part.reading_ids]
    return Readings(
        parts[0].asset_type,
        [asset_ids[row] for row in order.tolist()],
        [reading_ids[row] for row in order.tolist()],
        np.concatenate([part.seconds for part in parts])[order],
        np.concatenate([part.epochs for part in parts])[order],
        np.concatenate([part.sequences for part in parts])[order],
        np.concatenate([part.values for part in parts])[order],
        np.concatenate([part.positions for part in parts])[order],
    )
