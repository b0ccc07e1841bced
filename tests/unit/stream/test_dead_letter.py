"""The form of a dead letter."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from confluent_kafka import Message

from smart_sentry.stream.dead_letters import dead_letter
from smart_sentry.stream.messages import Reason, Refusal

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
