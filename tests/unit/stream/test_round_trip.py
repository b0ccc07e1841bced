"""What is encoded is decoded to the same, whatever the form."""

from __future__ import annotations

import struct
from dataclasses import replace

import numpy as np
import pytest
from confluent_kafka import Message
from hypothesis import given
from hypothesis import strategies as st
from stream_sample import LAYOUTS, MOTOR, PUMP, TURBOFAN, readings_of, received

from smart_sentry.stream import decoding
from smart_sentry.stream.decoding import decode_batch
from smart_sentry.stream.encoding import encode
from smart_sentry.stream.messages import SENT_BACK, Form, Outgoing, Readings

NAME = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="".join(map(chr, [*range(32), 127]))),
    min_size=1,
    max_size=128,
)
COUNT = st.integers(0, 2**63 - 1)
MICROSECONDS = st.integers(-62_135_596_800_000_000 // 8, 253_402_300_799_999_999 // 32)
VALUE = st.one_of(st.floats(allow_infinity=False), st.integers(-9, 9).map(float))
ROW = st.tuples(NAME, NAME, MICROSECONDS, COUNT, COUNT, VALUE, VALUE)


def pumps(rows: list[tuple]) -> Readings:
    asset_ids, ids, micros, epochs, sequences, *values = zip(*rows, strict=True)
    return Readings(
        "pump",
        list(asset_ids),
        list(ids),
        np.array(micros, dtype=np.int64) / 1e6,
        np.array(epochs, dtype=np.int64),
        np.array(sequences, dtype=np.int64),
        np.array(values, dtype=np.float64).T,
        np.arange(len(rows), dtype=np.int64),
    )


def demand_same(found: Readings, expected: Readings) -> None:
    assert (found.asset_type, list(found.asset_ids)) == (expected.asset_type, list(expected.asset_ids))
    assert list(found.reading_ids) == list(expected.reading_ids)
    for name in ("seconds", "epochs", "sequences", "values", "positions"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), err_msg=name)
        assert getattr(found, name).dtype == getattr(expected, name).dtype


@given(st.lists(ROW, min_size=1, max_size=20))
@pytest.mark.parametrize("form", [Form.JSON, Form.BINARY])
def test_readings_that_are_sent_arrive_bit_by_bit(form: Form, rows: list[tuple]) -> None:
    sent = pumps(rows)
    decoded = decode_batch(received(encode(sent, LAYOUTS.by_name["pump"], form, "test")), LAYOUTS)
    assert decoded.refusals == ()
    (found,) = decoded.readings
    demand_same(found, sent)


@given(st.lists(ROW, min_size=1, max_size=20))
def test_single_precision_keeps_what_fits_into_it(rows: list[tuple]) -> None:
    sent = pumps(rows)
    decoded = decode_batch(received(encode(sent, LAYOUTS.by_name["pump"], Form.BINARY32, "test")), LAYOUTS)
    with np.errstate(over="ignore"):
        single = sent.values.astype(np.float32).astype(np.float64)
    single[np.isinf(single)] = np.nan
    demand_same(decoded.readings[0], replace(sent, values=single))


@pytest.mark.parametrize("form", list(Form))
def test_what_is_not_finite_is_sent_as_missing(form: Form) -> None:
    sent = readings_of(PUMP, ["p"], [1], np.array([[np.inf, -np.inf]]))
    (found,) = decode_batch(received(encode(sent, LAYOUTS.by_name["pump"], form, "test")), LAYOUTS).readings
    assert np.isnan(found.values).all()


def mixed() -> list[Outgoing]:
    """Two types in three forms, one asset's readings in turns."""
    rng = np.random.default_rng(1)
    motors = readings_of(MOTOR, ["m"] * 6, range(1, 7), rng.normal(100, 1, (6, 4)))
    engines = readings_of(TURBOFAN, ["e"] * 3, range(1, 4), rng.normal(100, 1, (3, 24)))
    of_form = [encode(motors, LAYOUTS.by_name["motor"], form, "test") for form in Form]
    turns = [of_form[row % 3][row] for row in range(6)]
    return [*turns[:3], *encode(engines, LAYOUTS.by_name["turbofan"], Form.JSON, "test"), *turns[3:]]


def test_a_batch_of_types_and_forms_keeps_each_assets_order() -> None:
    motors, engines = decode_batch(received(mixed()), LAYOUTS).readings
    assert motors.positions.tolist() == [0, 1, 2, 6, 7, 8]
    assert motors.sequences.tolist() == [1, 2, 3, 4, 5, 6]
    assert motors.reading_ids == [f"m:0:{number}" for number in range(1, 7)]
    np.testing.assert_array_equal(motors.seconds, 1.7e9 + np.arange(1, 7))
    assert (engines.positions.tolist(), engines.values.shape) == ([3, 4, 5], (3, 24))


def test_malformed_messages_stop_no_batch() -> None:
    good = received(mixed())
    poison = [Message("readings", 0, 0, key=b"m", value=b"\xff" * size, headers=good[0].headers()) for size in (1, 64)]
    turns = [good[0], poison[0], *good[1:8], poison[1], good[8]]
    decoded = decode_batch(turns, LAYOUTS)
    assert [refusal.position for refusal in decoded.refusals] == [1, 9]
    assert decoded.readings[0].positions.tolist() == [0, 2, 3, 7, 8, 10]
    assert decoded.readings[0].sequences.tolist() == [1, 2, 3, 4, 5, 6]


def of_many_senders(rng: np.random.Generator, count: int) -> list[Message]:
    """Types and forms in turns or in stretches, and among them whatever is no reading, was sent back or has odd headers."""
    kinds = [(one, form) for one in (MOTOR, TURBOFAN, PUMP) for form in Form]
    stretch = int(rng.integers(1, 200))
    found, poison = [], float(rng.choice([0.0, 0.01, 0.2]))
    for number in range(count):
        asset_type, form = kinds[(number // stretch) % len(kinds)] if rng.random() < 0.99 else kinds[rng.integers(9)]
        readings = readings_of(asset_type, ["m"], [number], rng.normal(1, 1, (1, len(asset_type.signals))))
        (one,) = encode(readings, LAYOUTS.by_name[asset_type.name], form, "test")
        key, value, headers = one.key, one.value, list(one.headers)
        if rng.random() < poison:
            match rng.integers(9):
                case 0:
                    key = [None, b"", b"other", b"\xff"][rng.integers(4)]
                case 1:
                    value = [None, b"", b"{", value[:-1], value + b" ", b"\xff" * 40][rng.integers(6)]
                case 2:
                    headers = [None, [], headers[1:], headers[::-1], [headers[0]]][rng.integers(5)]
                case 3:
                    headers[0] = (
                        "ce_id",
                        [None, b"", b"\xff", b"a\nb", "\u00ad".encode(), b"x" * 300][rng.integers(6)],
                    )
                case 4:
                    headers.append((SENT_BACK, b"1"))
                case 5:
                    headers.insert(int(rng.integers(len(headers) + 1)), ("ce_id", b"twice"))
                case 6:
                    headers.append(("trace", b"1"))
                case 7:
                    headers[1] = (headers[1][0], b"another")
                case 8:
                    value = struct.pack("<8sqqq", value[:8], -1, -1, -1) + value[32:]
        found.append(Message("readings", 0, number, key=key, value=value, headers=headers))
    return found


@pytest.mark.parametrize("seed", range(30))
def test_messages_that_are_read_together_come_to_what_each_comes_to_alone(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(seed)
    messages = of_many_senders(rng, int(rng.integers(1, 1200)))
    together = decode_batch(messages, LAYOUTS)
    monkeypatch.setattr(decoding._Batch, "_take_alike", lambda *_: False)
    alone = [decode_batch([message], LAYOUTS) for message in messages]
    refused = [replace(one, position=at) for at, found in enumerate(alone) for one in found.refusals]
    assert list(together.refusals) == refused
    assert together.sent_back == tuple(at for at, found in enumerate(alone) if found.sent_back)
    for readings in together.readings:
        its = {
            at: one for at, found in enumerate(alone) for one in found.readings if one.asset_type == readings.asset_type
        }
        assert readings.positions.tolist() == list(its)
        for row, (at, one) in enumerate(its.items()):
            (place,) = readings.positions[row : row + 1].tolist()
            assert (place, readings.asset_ids[row], readings.reading_ids[row]) == (
                at,
                one.asset_ids[0],
                one.reading_ids[0],
            )
            for name in ("seconds", "epochs", "sequences", "values"):
                np.testing.assert_array_equal(getattr(readings, name)[row], getattr(one, name)[0], err_msg=name)
    assert sum(map(len, together.readings)) + len(refused) == len(messages)


def test_an_empty_batch_holds_nothing() -> None:
    assert decode_batch([], LAYOUTS) == decode_batch((), LAYOUTS)
    assert (decode_batch([], LAYOUTS).readings, decode_batch([], LAYOUTS).refusals) == ((), ())


@given(st.lists(st.tuples(*[st.none() | st.binary(max_size=80)] * 5), max_size=5), st.booleans())
def test_whatever_bytes_come_are_refused_with_a_reason_not_raised(rows: list[tuple], right_headers: bool) -> None:
    names = ("ce_id", "ce_type", "content-type")
    right = received(mixed())[0].headers()
    messages = [
        Message(
            "t", 0, 0, key=key, value=value, headers=right if right_headers else list(zip(names, rest, strict=True))
        )
        for key, value, *rest in rows
    ]
    decoded = decode_batch(messages, LAYOUTS)
    assert [refusal.position for refusal in decoded.refusals] == list(range(len(rows)))
    assert all(refusal.detail for refusal in decoded.refusals)
