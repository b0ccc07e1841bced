"""From messages to columns of readings: a message that is none is refused with its position and stops no batch.

messages -> runs of 256: alike? -> read together : one by one -> columns of each asset type, refusals
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from operator import attrgetter
from typing import Any

import msgspec

from smart_sentry.stream.columns import in_order, of_packed, of_records
from smart_sentry.stream.json_form import read_json
from smart_sentry.stream.layouts import Layouts
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
from smart_sentry.stream.packed_form import PREFIX_BYTES, layout_of_packed

MOST_CHARACTERS = 128
"""Of an asset's id, as in the HTTP service."""
MOST_ID_CHARACTERS = 256
"""Of a reading's id: an asset's id, epoch and sequence find room."""
RUN = 256
"""Messages that are read together: so few that their numbers are still in the processor's cache when they become columns. With
5000 at once reading took a sixth longer."""
PART = 32
"""Of a run that cannot be read together: what cannot be even then is read one by one."""
_TEXT = re.compile(r"[^\x00-\x1f\x7f]+")
_EVENT_TYPE, _SPEC_VERSION = EVENT_TYPE.encode(), SPEC_VERSION.encode()
_ID = "ce_id"
_asset_id = attrgetter("asset_id")
_KEPT_NAMES = 65_536
_UNREADABLE: Any = object()


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
    batch = _Batch(layouts)
    for first in range(0, len(messages), RUN):
        run = messages[first : first + RUN]
        batch.take_run(first, run, _headers_of(run))
    return batch.decoded()


def _headers_of(messages: Sequence[Incoming]) -> list[Any]:
    """(messages,) the headers of each; _UNREADABLE where a name is not UTF-8. Each is asked once: see `headers_of`."""
    found: list[Any] = []
    left = iter(messages)
    while len(found) < len(messages):
        try:
            found.extend(map(headers_of, left))  # what came before an error stays
        except UNREADABLE_HEADERS:
            found.append(_UNREADABLE)
    return found


class _Batch:
    """What is found in the messages of a batch, which are taken in their order."""

    def __init__(self, layouts: Layouts) -> None:
        self._layouts = layouts
        self._refusals: list[Refusal] = []
        self._sent_back: list[int] = []
        self._records: defaultdict[type, list[tuple[int, str, Any]]] = defaultdict(list)
        self._packed: defaultdict[bytes, list[tuple[int, str, str, bytes]]] = defaultdict(list)
        self._parts: defaultdict[str, list[Readings]] = defaultdict(list)

    def take_run(self, first: int, messages: Sequence[Incoming], headers: list[Any]) -> None:
        """Takes messages together as far as they can be.

        Args:
            first: position of the first.
            messages: the messages.
            headers: (messages,)
        """
        if self._take_alike(first, messages, headers):
            return
        if len(messages) > PART:
            for begin in range(0, len(messages), PART):
                end = begin + PART
                self.take_run(first + begin, messages[begin:end], headers[begin:end])
            return
        for position, (message, its) in enumerate(zip(messages, headers, strict=True), first):
            self._take(position, message, its)

    def _take_alike(self, first: int, messages: Sequence[Incoming], headers: list[Any]) -> bool:
        """Takes messages of one sender and form, without a mistake among them, as nearly all are.

        Returns:
            False where they are not alike, or one may be wrong: none was taken then.
        """
        try:
            tail = headers[0][1:]
            is_json = _is_usual(tail)
            if [one[1:] for one in headers].count(tail) < len(headers):
                return False
            names, ids = zip(*[one[0] for one in headers], strict=True)
            if is_json is None or names.count(_ID) < len(names):
                return False
            reading_ids = list(map(bytes.decode, ids))
            asset_ids = list(map(_asset_of, [message.key() for message in messages]))
        except (MessageRefused, TypeError, IndexError, UnicodeDecodeError):  # no headers, or one without a value
            return False
        lengths = list(map(len, reading_ids))
        if min(lengths) == 0 or max(lengths) > MOST_ID_CHARACTERS or not "".join(reading_ids).isprintable():
            return False
        values = [message.value() for message in messages]
        if not all(values):
            return False
        take = self._take_records if is_json else self._take_packed
        return take(range(first, first + len(messages)), asset_ids, reading_ids, values)

    def _take_records(
        self, positions: range, asset_ids: list[str], reading_ids: list[str], values: Sequence[Any]
    ) -> bool:
        try:
            records = list(map(self._layouts.decoder.decode, values))
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            return False
        if list(map(_asset_id, records)) != asset_ids:
            return False
        for kind, rows in _rows_by(list(map(type, records))).items():
            name = self._layouts.by_record[kind].name
            self._parts[name].append(of_records(name, rows(positions), rows(reading_ids), rows(records)))
        return True

    def _take_packed(
        self, positions: range, asset_ids: list[str], reading_ids: list[str], values: Sequence[Any]
    ) -> bool:
        by_prefix = _rows_by([value[:PREFIX_BYTES] for value in values])
        for prefix, rows in by_prefix.items():
            known = self._layouts.by_prefix.get(prefix)
            if known is None or set(map(len, rows(values))) != {known[1].itemsize}:
                return False
        for prefix, rows in by_prefix.items():
            layout, record = self._layouts.by_prefix[prefix]
            columns = (rows(column) for column in (positions, asset_ids, reading_ids, values))
            readings, refusals = of_packed(layout.name, record, *columns)
            self._parts[layout.name].append(readings)
            self._refusals += refusals
        return True

    def _take(self, position: int, message: Incoming, headers: Any) -> None:
        """Takes one message, whatever it is."""
        if headers is _UNREADABLE:
            told = "expected the names of headers in UTF-8, found one that is not"
            self._refusals.append(Refusal(position, Reason.WRONG_HEADERS, told, headers_unreadable=True))
            return
        try:
            reading_id, is_json = _attributes(headers)
            if any(name == SENT_BACK for name, _ in headers):
                self._sent_back.append(position)
            asset_id, value = _asset_of(message.key()), message.value()
            if not value:
                raise MessageRefused(Reason.EMPTY, "expected a reading, found no value")
            if is_json:
                record = read_json(value, self._layouts)
                if record.asset_id != asset_id:
                    raise MessageRefused(
                        Reason.WRONG_KEY, f"expected the key {record.asset_id!r:.140}, the asset_id, found {asset_id!r}"
                    )
                self._records[type(record)].append((position, reading_id, record))
            else:
                self._packed[layout_of_packed(value, self._layouts)].append((position, asset_id, reading_id, value))
        except MessageRefused as refused:
            self._refusals.append(Refusal(position, refused.reason, refused.detail))

    def decoded(self) -> Decoded:
        """Everything that was taken."""
        for kind, found in self._records.items():
            name = self._layouts.by_record[kind].name
            self._parts[name].append(of_records(name, *zip(*found, strict=True)))
        for prefix, rows in self._packed.items():
            layout, record = self._layouts.by_prefix[prefix]
            readings, refusals = of_packed(layout.name, record, *zip(*rows, strict=True))
            self._parts[layout.name].append(readings)
            self._refusals += refusals
        merged = (in_order(of_type) for _, of_type in sorted(self._parts.items()))
        self._refusals.sort(key=lambda refusal: refusal.position)
        return Decoded(
            tuple(readings for readings in merged if len(readings)), tuple(self._refusals), tuple(self._sent_back)
        )


def _rows_by(kinds: Sequence[Any]) -> dict[Any, Callable[[Sequence[Any]], Sequence[Any]]]:
    """Kind -> what picks its rows out of a column."""
    found = set(kinds)
    if len(found) == 1:
        return {kinds[0]: lambda column: column}
    return {kind: partial(_of_kind, kind, kinds) for kind in found}


def _of_kind(kind: Any, kinds: Sequence[Any], column: Sequence[Any]) -> list[Any]:
    return [value for value, its in zip(column, kinds, strict=True) if its == kind]


def _is_usual(tail: Sequence[tuple[str, bytes]]) -> bool | None:
    """Whether headers behind the reading's id tell of JSON; None where they are not those of a reading that comes first."""
    if any(name in (_ID, SENT_BACK) for name, _ in tail):
        return None
    return _attributes([(_ID, b"any"), *tail])[1]


def _attributes(headers: Any) -> tuple[str, bool]:
    """The reading's id, and whether its value is JSON."""
    found = dict(headers or ())
    if found.get("ce_type") != _EVENT_TYPE or found.get("ce_specversion") != _SPEC_VERSION:
        raise _wrong_version(found)
    return _text(found.get(_ID), _READING_ID), _is_json(found.get("content-type"))


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
