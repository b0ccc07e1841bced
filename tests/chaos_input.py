"""What the chaos suite sends: readings of several assets out of order, some twice, among messages that are none.

Everything follows from a seed. Of each asset, neighbours are swapped within what a worker puts up with
(`stream.sequence.REACH`); a copy comes soon after its reading, or so late that it is stale.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from condition_sample import running
from plant_fixture import PUMP
from tiny_project import TINY_ASSET_TYPE, tiny_histories

from smart_sentry.assets import AssetType
from smart_sentry.stream.encoding import encode
from smart_sentry.stream.layouts import Layout
from smart_sentry.stream.messages import (
    EVENT_TYPE,
    SPEC_VERSION,
    Form,
    Headers,
    Outgoing,
    Readings,
    Reason,
    reading_id,
)
from smart_sentry.stream.sequence import REACH

ENGINE = AssetType.model_validate(TINY_ASSET_TYPE)
"""What a failure model judges; a pump is judged by its baseline."""
PUMPS = tuple(f"pump_{number}" for number in range(10))
START = 1_767_225_600.0
TWICE, POISON = 0.05, 0.01
"""Shares of the valid readings: how many come twice, and how many messages that are none come with them."""
MARK = "chaos-reason"
"""Header of a message that is no reading: why it must be refused."""
_STRETCH = 200
_FAR = 2_000_000_000.0


@dataclass(frozen=True)
class Plan:
    """What is sent, in this order.

    Attributes:
        messages: all of them.
        valid: (asset id, reading id) -> time and the bytes of the values of every valid reading.
        copies: how many valid readings come a second time.
        poison: how many messages are no readings.
    """

    messages: tuple[Outgoing, ...]
    valid: dict[tuple[str, str], tuple[float, bytes]]
    copies: int
    poison: int


def plan_of(rows_each: int, seed: int) -> Plan:
    """So many readings of each pump, and a life of each engine for every 1000 of them."""
    rng = np.random.default_rng(seed)
    lanes, valid, copies = [], {}, 0
    for readings, form in [*_pumps(rows_each, rng), *_engines(max(rows_each // 1000, 1))]:
        assert isinstance(readings, Readings)
        for row, name in enumerate(readings.reading_ids):
            values = np.ascontiguousarray(readings.values[row], dtype="<f8")
            valid[readings.asset_ids[row], name] = float(readings.seconds[row]), values.tobytes()
        lane = encode(readings, Layout(PUMP if readings.asset_type == PUMP.name else ENGINE), form, "chaos")
        lane = [lane[row] for row in _order(readings.epochs, rng).tolist()]
        lane, more = _with_copies(lane, rng)
        lanes.append(lane)
        copies += more
    messages = _interleaved(lanes)
    poison = [_poison(number, rng) for number in range(round(POISON * len(valid)))]
    # not at the very beginning: an asset is of the type that it comes as first
    for place, one in zip(
        sorted(rng.integers(len(messages) // 20, len(messages), len(poison)).tolist(), reverse=True),
        poison,
        strict=True,
    ):
        messages.insert(place, one)
    return Plan(tuple(messages), valid, copies, len(poison))


def _pumps(rows: int, rng: np.random.Generator) -> list[tuple[Readings, Form]]:
    """Stretches of a fault, missing values and a pause among healthy readings; one pump starts anew in the middle."""
    found = []
    for number, asset in enumerate(PUMPS):
        values = running(rows, 10 + number)
        for begin in rng.integers(0, rows - 60, max(rows // 300, 2)).tolist():
            values[begin : begin + 40, 2] += 0.2
        values[rng.integers(0, rows, max(rows // 200, 1)), 0] = np.nan
        count, half = np.arange(rows), rows // 2
        seconds = START + count + np.where(count > half, 900, 0)
        epochs = np.where((count > half) & (number == 0), 1, 0)
        form = (Form.BINARY, Form.JSON)[number % 2]
        found.append((_readings(PUMP, asset, seconds, epochs, count - epochs * (half + 1), values), form))
    return found


def _engines(lives: int) -> list[tuple[Readings, Form]]:
    found = []
    for asset, history in tiny_histories().groupby("asset_id"):
        values = history[list(ENGINE.signal_names)].to_numpy(np.float64)
        rows = len(values)
        count = np.arange(rows * lives)
        epochs = count // rows
        name = f"engine_{asset}"
        found.append(
            (_readings(ENGINE, name, START + count, epochs, count % rows + 1, np.tile(values, (lives, 1))), Form.BINARY)
        )
    return found


def _readings(
    kind: AssetType, asset: str, seconds: np.ndarray, epochs: np.ndarray, sequences: np.ndarray, values: np.ndarray
) -> Readings:
    names = [
        reading_id(asset, epoch, number) for epoch, number in zip(epochs.tolist(), sequences.tolist(), strict=True)
    ]
    return Readings(
        kind.name, [asset] * len(names), names, seconds, epochs, sequences, values, np.empty(0, dtype=np.int64)
    )


def _order(epochs: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Every other stretch is shuffled, no reading by more than the reach, and none into another life of its asset."""
    place = np.arange(len(epochs), dtype=np.float64)
    shuffled = (place // _STRETCH) % 2 == 1
    key = place + shuffled * rng.uniform(0, REACH - 4, len(place))
    return np.lexsort((key, epochs))


def _with_copies(lane: list[Outgoing], rng: np.random.Generator) -> tuple[list[Outgoing], int]:
    chosen = rng.choice(len(lane), round(TWICE * len(lane)), replace=False)
    later = chosen + np.where(rng.random(len(chosen)) < 0.7, rng.integers(1, REACH // 2, len(chosen)), 3 * REACH)
    places = np.concatenate([np.arange(len(lane)), later + 0.5])
    both = [*lane, *(lane[row] for row in chosen.tolist())]
    return [both[row] for row in np.argsort(places, kind="stable").tolist()], len(chosen)


def _interleaved(lanes: list[list[Outgoing]]) -> list[Outgoing]:
    """All lanes begin and end together, each in its own order."""
    places = np.concatenate([(np.arange(len(lane)) + 0.5) / len(lane) for lane in lanes])
    every = [message for lane in lanes for message in lane]
    return [every[row] for row in np.argsort(places, kind="stable").tolist()]


def _poison(number: int, rng: np.random.Generator) -> Outgoing:
    """A message that must be refused; its sequence number is that of a reading that must not be."""
    asset, sequence = PUMPS[int(rng.integers(len(PUMPS)))], int(rng.integers(200))
    nothing, count = np.zeros(1, dtype=np.int64), np.array([sequence])
    values = np.array([[15.0, 2900.0, 0.15]])
    whole = Readings(PUMP.name, [asset], [f"poison:{number}"], START + count, nothing, count, values, nothing)
    json, packed = (encode(whole, Layout(PUMP), form, "chaos")[0] for form in (Form.JSON, Form.BINARY))
    reason, spoil = _SPOILT[number % len(_SPOILT)]
    spoilt = spoil(packed if spoil in _OF_PACKED else json)
    return replace(spoilt, headers=[*spoilt.headers, (MARK, reason.value.encode())])


def _changed(old: bytes, new: bytes) -> Callable[[Outgoing], Outgoing]:
    def spoil(message: Outgoing) -> Outgoing:
        assert message.value is not None
        assert old in message.value
        return replace(message, value=message.value.replace(old, new))

    return spoil


def _with_header(name: str, value: bytes | None) -> Callable[[Outgoing], Outgoing]:
    def spoil(message: Outgoing) -> Outgoing:
        kept: Headers = [header for header in message.headers if header[0] != name]
        return replace(message, headers=kept if value is None else [*kept, (name, value)])

    return spoil


def _truncated(message: Outgoing) -> Outgoing:
    assert message.value is not None
    return replace(message, value=message.value[:-1])


def _a_few_bytes(message: Outgoing) -> Outgoing:
    assert message.value is not None
    return replace(message, value=message.value[:5])


def _of_another_version(message: Outgoing) -> Outgoing:
    assert message.value is not None
    return replace(message, value=b"\x63" + message.value[1:])


def _of_another_layout(message: Outgoing) -> Outgoing:
    assert message.value is not None
    return replace(message, value=message.value[:4] + b"\0\0\0\0" + message.value[8:])


def _infinite(message: Outgoing) -> Outgoing:
    assert message.value is not None
    return replace(message, value=message.value[:-8] + np.array([np.inf], dtype="<f8").tobytes())


def _from_the_future(message: Outgoing) -> Outgoing:
    assert message.value is not None
    micros = np.array([_FAR * 1e6], dtype="<i8").tobytes()
    return replace(message, value=message.value[:8] + micros + message.value[16:])


def _of_another_type(message: Outgoing) -> Outgoing:
    assert message.key is not None
    nothing, values = np.zeros(1, dtype=np.int64), np.zeros((1, len(ENGINE.signals)))
    other = Readings(ENGINE.name, [message.key.decode()], ["other"], START + nothing, nothing, nothing, values, nothing)
    return replace(encode(other, Layout(ENGINE), Form.JSON, "chaos")[0], headers=message.headers)


_OF_PACKED = (_truncated, _a_few_bytes, _of_another_version, _of_another_layout, _infinite, _from_the_future)
_SPOILT: list[tuple[Reason, Callable[[Outgoing], Outgoing]]] = [
    (Reason.WRONG_KEY, lambda message: replace(message, key=None)),
    (Reason.WRONG_KEY, lambda message: replace(message, key=b"somebody else")),
    (Reason.WRONG_HEADERS, lambda message: replace(message, headers=[])),
    (Reason.WRONG_HEADERS, _with_header("ce_id", None)),
    (Reason.UNKNOWN_VERSION, _with_header("ce_type", EVENT_TYPE.encode().replace(b"v1", b"v2"))),
    (Reason.UNKNOWN_VERSION, _with_header("ce_specversion", SPEC_VERSION.encode() + b"1")),
    (Reason.UNKNOWN_VERSION, _of_another_version),
    (Reason.UNKNOWN_CONTENT, _with_header("content-type", b"text/plain")),
    (Reason.UNKNOWN_TYPE, _changed(b'"pump"', b'"balloon"')),
    (Reason.UNKNOWN_TYPE, _of_another_layout),
    (Reason.OTHER_TYPE, _of_another_type),
    (Reason.WRONG_UTF8, _changed(b'"asset_id":"pump', b'"asset_id":"\xff\xfe')),
    (Reason.WRONG_JSON, _changed(b"{", b"{{")),
    (Reason.WRONG_LENGTH, _truncated),
    (Reason.WRONG_LENGTH, _a_few_bytes),
    (Reason.WRONG_VALUE, _changed(b"0.15", b'"much"')),
    (Reason.WRONG_VALUE, _infinite),
    (Reason.WRONG_VALUE, _from_the_future),
    (Reason.EMPTY, lambda message: replace(message, value=b"")),
    (Reason.EMPTY, lambda message: replace(message, value=None)),
]
assert {reason for reason, _ in _SPOILT} == set(Reason)
