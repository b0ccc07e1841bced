"""Each way in which a message is no reading, with its reason and what is said."""

from __future__ import annotations

import json
import struct
from datetime import UTC, datetime

import numpy as np
import pytest
from confluent_kafka import Message
from stream_sample import LAYOUTS, MOTOR, PUMP, readings_of

from smart_sentry.assets import AssetType, Signal
from smart_sentry.errors import ConfigurationError
from smart_sentry.stream.dead_letters import dead_letter
from smart_sentry.stream.decoding import decode_batch
from smart_sentry.stream.encoding import encode
from smart_sentry.stream.layouts import Layout, Layouts
from smart_sentry.stream.messages import Form, Reason, Refusal

RIGHT = {
    "asset_type": "pump",
    "asset_id": "p-1",
    "timestamp": "2026-01-01T00:00:00Z",
    "epoch": 0,
    "sequence": 1,
    "flow": 3.5,
    "class": 2,
}
HEADERS = {
    "ce_id": b"p-1:0:1",
    "ce_specversion": b"1.0",
    "ce_type": b"smart-sentry.reading.v1",
    "ce_source": b"test",
    "content-type": b"application/json",
}
PACKED = encode(readings_of(PUMP, ["p-1"], [1], np.array([[3.5, 2.0]])), LAYOUTS.by_name["pump"], Form.BINARY, "test")[
    0
]


def refusal_of(value: bytes | None, key: bytes | None = b"p-1", **headers: bytes | None) -> Refusal | None:
    """Of one message with the right headers but those; None: it is a reading."""
    named = {**HEADERS, **{name.replace("__", "-"): given for name, given in headers.items()}}
    found = [(name, given) for name, given in named.items() if given is not None]
    decoded = decode_batch([Message("readings", 0, 0, key=key, value=value, headers=found)], LAYOUTS)
    assert len(decoded.refusals) + sum(map(len, decoded.readings)) == 1
    return decoded.refusals[0] if decoded.refusals else None


def json_of(drop: str = "", **changed: object) -> bytes:
    return json.dumps({name: given for name, given in {**RIGHT, **changed}.items() if name != drop}).encode()


def packed_with(at: int, form: str, figure: float) -> bytes:
    value = bytearray(PACKED.value or b"")
    struct.pack_into(form, value, at, figure)
    return bytes(value)


@pytest.mark.parametrize(
    ("value", "reason", "said"),
    [
        (None, Reason.EMPTY, "expected a reading"),
        (b"", Reason.EMPTY, "expected a reading"),
        (b"not json", Reason.WRONG_JSON, "JSON is malformed"),
        (b'{"asset_type": "pump"', Reason.WRONG_JSON, "truncated"),
        (json_of() + json_of(), Reason.WRONG_JSON, "trailing"),
        (b"[" * 100_000, Reason.WRONG_VALUE, "Expected `object`"),
        (b'{"asset_id":' + b"[" * 100_000, Reason.WRONG_JSON, "expected a JSON object"),
        (json_of().replace(b"p-1", b"p-\xff"), Reason.WRONG_UTF8, "expected UTF-8"),
        (json_of(flow=float("nan")), Reason.WRONG_JSON, "malformed"),
        (json_of(flow=float("inf")), Reason.WRONG_JSON, "malformed"),
        (json_of().replace(b"3.5", b"1e999"), Reason.WRONG_VALUE, "out of range - at `$.flow`"),
        (json_of(flow="3.5"), Reason.WRONG_VALUE, "got `str` - at `$.flow`"),
        (json_of(flow=True), Reason.WRONG_VALUE, "got `bool` - at `$.flow`"),
        (json_of(speed=1.0), Reason.WRONG_VALUE, "unknown field `speed`"),
        (json_of(drop="asset_id"), Reason.WRONG_VALUE, "required field `asset_id`"),
        (json_of(drop="timestamp"), Reason.WRONG_VALUE, "required field `timestamp`"),
        (json_of(drop="epoch"), Reason.WRONG_VALUE, "required field `epoch`"),
        (json_of(drop="sequence"), Reason.WRONG_VALUE, "required field `sequence`"),
        (json_of(timestamp="2026-01-01T00:00:00"), Reason.WRONG_VALUE, "timezone"),
        (json_of(timestamp=1.7e9), Reason.WRONG_VALUE, "`$.timestamp`"),
        (json_of(epoch=-1), Reason.WRONG_VALUE, "`$.epoch`"),
        (json_of(sequence=2**63), Reason.WRONG_VALUE, "`$.sequence`"),
        (json_of(sequence=1.5), Reason.WRONG_VALUE, "`$.sequence`"),
        (json_of(asset_type="boat"), Reason.UNKNOWN_TYPE, "known are motor, pump, turbofan"),
        (json_of(asset_type=7), Reason.UNKNOWN_TYPE, "asset_type"),
        (json_of(drop="asset_type", speed=1.0), Reason.UNKNOWN_TYPE, "found signals class, flow, speed"),
        (json_of(**{"x" * 10_000: 1}), Reason.WRONG_VALUE, "unknown field `xxx"),
        (json_of(**{"\ud800": 1}), Reason.WRONG_JSON, ""),
        (json_of(drop="asset_type", **{"\ud800": 1}), Reason.WRONG_JSON, ""),
        (json_of(asset_id="\ud800"), Reason.WRONG_JSON, ""),
        (json_of(asset_id="p-2"), Reason.WRONG_KEY, "expected the key 'p-2', the asset_id, found 'p-1'"),
    ],
)  # fmt: skip
def test_json_that_is_no_reading_is_refused(value: bytes | None, reason: Reason, said: str) -> None:
    refusal = refusal_of(value)
    assert refusal is not None
    assert (refusal.position, refusal.reason) == (0, reason)
    assert said in refusal.detail
    assert len(refusal.detail) <= 500


@pytest.mark.parametrize(
    ("value", "reason", "said"),
    [
        (b"\x01\x01", Reason.WRONG_LENGTH, "at least 8 bytes, found 2"),
        ((PACKED.value or b"")[:-1], Reason.WRONG_LENGTH, "expected 48 bytes of a pump, found 47"),
        ((PACKED.value or b"") + b"\0", Reason.WRONG_LENGTH, "expected 48 bytes of a pump, found 49"),
        (packed_with(0, "<B", 2), Reason.UNKNOWN_VERSION, "expected packed version 1, found 2"),
        (packed_with(1, "<B", 2), Reason.UNKNOWN_VERSION, "precision"),
        (packed_with(2, "<H", 3), Reason.UNKNOWN_TYPE, "3 signals"),
        (packed_with(4, "<I", 0), Reason.UNKNOWN_TYPE, "fingerprint 00000000"),
        (packed_with(8, "<q", 2**62), Reason.WRONG_VALUE, "years 1 to 9999"),
        (packed_with(16, "<q", -1), Reason.WRONG_VALUE, "epoch from 0, found -1"),
        (packed_with(24, "<q", -5), Reason.WRONG_VALUE, "sequence from 0, found -5"),
        (packed_with(32, "<d", float("inf")), Reason.WRONG_VALUE, "finite numbers, found inf"),
    ],
)  # fmt: skip
def test_bytes_that_are_no_packed_reading_are_refused(value: bytes, reason: Reason, said: str) -> None:
    refusal = refusal_of(value, content__type=b"application/vnd.smart-sentry.reading")
    assert refusal is not None
    assert refusal.reason == reason
    assert said in refusal.detail


@pytest.mark.parametrize(
    ("headers", "reason", "said"),
    [
        ({"ce_id": None}, Reason.WRONG_HEADERS, "ce_id"),
        ({"ce_id": b"\xff"}, Reason.WRONG_UTF8, "ce_id"),
        ({"ce_id": b"a\0b"}, Reason.WRONG_HEADERS, "control character"),
        ({"ce_id": b"a" * 257}, Reason.WRONG_HEADERS, "at most 256"),
        ({"ce_type": None}, Reason.WRONG_HEADERS, "ce_type"),
        ({"ce_specversion": None}, Reason.WRONG_HEADERS, "ce_specversion"),
        ({"ce_type": b"smart-sentry.reading.v2"}, Reason.UNKNOWN_VERSION, "reading.v2"),
        ({"ce_specversion": b"2.0"}, Reason.UNKNOWN_VERSION, "2.0"),
        ({"content__type": None}, Reason.UNKNOWN_CONTENT, "found none"),
        ({"content__type": b"text/csv"}, Reason.UNKNOWN_CONTENT, "found text/csv"),
    ],
)
def test_headers_that_do_not_say_what_it_is_are_refused(headers: dict, reason: Reason, said: str) -> None:
    refusal = refusal_of(json_of(), **headers)
    assert refusal is not None
    assert refusal.reason == reason
    assert said in refusal.detail


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        (None, Reason.WRONG_KEY),
        (b"", Reason.WRONG_KEY),
        (b"\xff\xfe", Reason.WRONG_UTF8),
        (b"a\nb", Reason.WRONG_KEY),
        (b"a" * 129, Reason.WRONG_KEY),
    ],
)
def test_a_key_that_names_no_asset_is_refused(key: bytes | None, reason: Reason) -> None:
    refusal = refusal_of(json_of(), key=key)
    assert refusal is not None
    assert refusal.reason == reason


def test_a_message_without_headers_is_refused() -> None:
    (refusal,) = decode_batch([Message("t", 0, 0, key=b"p-1", value=json_of())], LAYOUTS).refusals
    assert refusal.reason == Reason.WRONG_HEADERS


@pytest.mark.parametrize("content", [b"application/json", b"Application/JSON; charset=utf-8"])
def test_right_json_is_a_reading(content: bytes) -> None:
    assert refusal_of(json_of(), content__type=content) is None


def test_json_without_asset_type_is_of_the_type_with_its_signals() -> None:
    assert refusal_of(json_of(drop="asset_type")) is None
    refusal = refusal_of(json_of(drop="asset_type", epoch=-1))
    assert refusal is not None
    assert refusal.reason == Reason.WRONG_VALUE


def test_a_signal_that_json_leaves_out_or_nulls_is_missing() -> None:
    messages = [
        Message("t", 0, 0, key=b"p-1", value=value, headers=list(HEADERS.items()))
        for value in (json_of(drop="flow"), json_of(flow=None))
    ]
    (found,) = decode_batch(messages, LAYOUTS).readings
    np.testing.assert_array_equal(found.values, [[np.nan, 2.0], [np.nan, 2.0]])


def test_types_with_the_same_signals_have_to_be_named() -> None:
    twin = MOTOR.model_copy(update={"name": "twin"})
    layouts = Layouts([MOTOR, twin])
    value = {name: given for name, given in RIGHT.items() if name not in ("asset_type", "flow", "class")}
    value |= dict.fromkeys(MOTOR.signal_names, 1.0)
    messages = [
        Message("t", 0, 0, key=b"p-1", value=json.dumps(one).encode(), headers=list(HEADERS.items()))
        for one in (value, {**value, "asset_type": "twin"})
    ]
    decoded = decode_batch(messages, layouts)
    assert [refusal.reason for refusal in decoded.refusals] == [Reason.UNKNOWN_TYPE]
    assert [one.asset_type for one in decoded.readings] == ["twin"]


@pytest.mark.parametrize("change", ["order", "unit", "name"])
def test_another_order_unit_or_name_is_another_packed_layout(change: str) -> None:
    signals = list(PUMP.signals)
    if change == "order":
        signals.reverse()
    elif change == "unit":
        signals[0] = signals[0].model_copy(update={"unit": "l/s"})
    name = "pump2" if change == "name" else "pump"
    other = Layout(AssetType(name=name, signals=tuple(signals)))
    assert other.fingerprint != LAYOUTS.by_name["pump"].fingerprint


def test_a_signal_named_like_a_field_of_every_message_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="its signal epoch is named like a field of every message"):
        Layout(AssetType(name="clock", signals=(Signal(name="epoch", unit="s", limits=(0, 1)),)))


def test_layout_of_the_packed_form_is_as_documented() -> None:
    """Version, precision, signals, fingerprint, microseconds, epoch, sequence, values: the table of docs/streaming.md."""
    layout = LAYOUTS.by_name["pump"]
    expected = struct.pack("<BBH4sqqq2d", 1, 1, 2, layout.fingerprint, 1_700_000_001_000_000, 0, 1, 3.5, 2.0)
    assert PACKED.value == expected


class Unreadable:
    """A message of which a header's name is not UTF-8, as Kafka's client gives it: to be asked for its headers once."""

    def __init__(self, error: Exception) -> None:
        self._errors = [error]

    def key(self) -> bytes:
        return b"p-1"

    def value(self) -> bytes:
        return json_of()

    def headers(self) -> None:
        raise self._errors.pop()

    def topic(self) -> str:
        return "readings"

    def partition(self) -> int:
        return 0

    def offset(self) -> int:
        return 7


@pytest.mark.parametrize(
    "error", [SystemError("returned a result with an exception set"), UnicodeDecodeError("utf-8", b"\xff", 0, 1, "no")]
)
def test_message_whose_headers_cannot_be_read_is_refused_and_has_a_dead_letter(error: Exception) -> None:
    odd, good = Unreadable(error), Message("readings", 0, 8, key=PACKED.key, value=PACKED.value, headers=PACKED.headers)
    decoded = decode_batch([odd, good], LAYOUTS)
    (refusal,) = decoded.refusals
    assert (refusal.position, refusal.reason) == (0, Reason.WRONG_HEADERS)
    assert [one.reading_ids for one in decoded.readings] == [["p-1:0:1"]]
    letter = dead_letter(odd, refusal, datetime(2026, 1, 1, tzinfo=UTC))
    assert (letter.key, letter.value) == (b"p-1", json_of())
    assert dict(letter.headers)["dead-letter-offset"] == b"7"
