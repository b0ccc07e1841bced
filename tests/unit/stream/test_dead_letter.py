"""The form of a dead letter."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from confluent_kafka import Message

from smart_sentry.stream.dead_letters import TRUNCATED, dead_letter
from smart_sentry.stream.messages import Reason, Refusal
from smart_sentry.stream.producer import MOST_MESSAGE_BYTES

NOW = datetime(2026, 1, 1, 12, tzinfo=timezone(timedelta(hours=2)))
REFUSAL = Refusal(0, Reason.WRONG_JSON, "expected a JSON object: JSON is malformed")


def test_a_dead_letter_is_the_message_and_why_whence_and_when() -> None:
    headers = [("ce_id", b"7"), ("own", b"\xff"), ("own", b"2"), ("null", None)]
    letter = dead_letter(Message("readings", 3, 99, key=b"\xffm", value=b"{", headers=headers), REFUSAL, NOW)
    assert (letter.key, letter.value) == (b"\xffm", b"{")
    assert letter.headers == [
        *headers,
        ("dead-letter-reason", b"wrong_json"),
        ("dead-letter-detail", b"expected a JSON object: JSON is malformed"),
        ("dead-letter-topic", b"readings"),
        ("dead-letter-partition", b"3"),
        ("dead-letter-offset", b"99"),
        ("dead-letter-time", b"2026-01-01T10:00:00.000+00:00"),
    ]


def test_a_message_that_is_refused_again_tells_the_last_refusal_alone() -> None:
    first = dead_letter(Message("readings", 3, 99, key=b"m", value=b"{", headers=[("ce_id", b"7")]), REFUSAL, NOW)
    again = Message("readings", 1, 5, key=first.key, value=first.value, headers=first.headers)
    told = dead_letter(again, Refusal(0, Reason.EMPTY, "nothing"), NOW.astimezone(UTC)).headers
    assert [name for name, _ in told] == ["ce_id", *(f"dead-letter-{name}" for name in
        ("reason", "detail", "topic", "partition", "offset", "time"))]  # fmt: skip
    assert dict(told)["dead-letter-reason"] == b"empty"


def test_a_message_without_key_value_and_headers_has_a_dead_letter() -> None:
    letter = dead_letter(Message("readings", 0, 0), REFUSAL, NOW)
    assert (letter.key, letter.value, len(letter.headers)) == (None, None, 6)


@pytest.mark.parametrize(
    ("key", "value", "headers"),
    [
        (b"m", b"0" * 1_100_000, [("ce_id", b"7")]),
        (b"m", b"{", [("ce_id", b"7"), ("own", b"0" * 1_100_000)]),
        (b"0" * 1_100_000, b"{", [("ce_id", b"7")]),
        (b"m", b"{", [("h", b"")] * 150_000),
    ],
    ids=["value", "header", "key", "headers"],
)
def test_a_message_that_is_too_large_is_cut_and_says_by_how_much(
    key: bytes, value: bytes, headers: list[tuple[str, bytes]]
) -> None:
    letter = dead_letter(Message("readings", 3, 99, key=key, value=value, headers=headers), REFUSAL, NOW)
    assert letter.key is not None
    assert letter.value is not None
    assert key.startswith(letter.key)
    assert value.startswith(letter.value)
    assert letter.headers[:-7] in (headers, [])
    framed = sum(len(name) + len(its) + 10 for name, its in letter.headers)
    assert len(letter.key) + len(letter.value) + framed <= MOST_MESSAGE_BYTES - 100
    whole = len(key) + len(value) + sum(len(name) + len(its) + 10 for name, its in headers)
    kept = len(letter.key) + len(letter.value) + sum(len(name) + len(its) + 10 for name, its in letter.headers[:-7])
    assert dict(letter.headers)[TRUNCATED] == str(whole - kept).encode()


def test_a_large_message_that_kafka_takes_is_kept_whole() -> None:
    letter = dead_letter(Message("readings", 3, 99, key=b"m", value=b"0" * 999_000, headers=[]), REFUSAL, NOW)
    assert letter.value == b"0" * 999_000
    assert TRUNCATED not in dict(letter.headers)
