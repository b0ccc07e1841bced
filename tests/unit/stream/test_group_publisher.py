"""Publishing together, where nobody takes anything: what is said, what is held, and in which order numbers rise."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future, wait
from pathlib import Path

import numpy as np
import pytest
from stream_sample import MOTOR, readings_of

from smart_sentry.errors import IngestBusy, NotPublished
from smart_sentry.servers import free_port
from smart_sentry.stream import group_publisher
from smart_sentry.stream.group_publisher import GroupPublisher, PublishCounts
from smart_sentry.stream.messages import Readings


def some(count: int, asset: str = "m") -> list[Readings]:
    return [readings_of(MOTOR, [asset] * count, list(range(count)), np.ones((count, 4)))]


def publisher(**settings: float) -> GroupPublisher:
    return GroupPublisher(f"127.0.0.1:{free_port()}", "readings", [MOTOR], "test", **settings)  # type: ignore[arg-type]


def test_whoever_sends_where_nobody_answers_hears_it_in_time_and_what_to_do() -> None:
    found = publisher(patience_s=0.5)
    begin = time.monotonic()
    done = [found.publish(some(2)) for _ in range(5)]
    for one in done:
        with pytest.raises(NotPublished, match="Apache Kafka does not answer") as told:
            one.result(30)
        assert told.value.retry_after_seconds == 5
        assert "with the same event_id" in str(told.value)
    assert time.monotonic() - begin < 10
    found.close()
    with pytest.raises(NotPublished, match="the service is ending"):
        found.publish(some(1))


def test_what_waits_is_bounded_and_there_is_room_again_once_it_has_failed() -> None:
    row = 4 * 8 + 256
    found = publisher(patience_s=0.5, most_waiting_bytes=10 * row)
    first = found.publish(some(8))
    assert found.counts.waiting_bytes == 8 * row
    with pytest.raises(IngestBusy, match="No room for 3 readings: 8 wait") as told:
        found.publish(some(3))
    assert told.value.retry_after_seconds == 1
    second = found.publish(some(2))
    wait([first, second], 30)
    third = found.publish(some(30))  # alone it may be larger than the bound: no request could ever be taken else
    with pytest.raises(IngestBusy):
        found.publish(some(1))
    wait([third], 30)
    found.close()
    assert (found._rows, found._bytes) == (0, 0)
    assert found.counts == PublishCounts(published=0, failed=40, refused=4, waiting_bytes=0)


def test_caller_that_has_gone_is_not_waited_for_and_the_others_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    held = threading.Event()
    monkeypatch.setattr(group_publisher, "ensure_topics", lambda *_, **__: held.wait(10) or held.set())
    found = publisher(patience_s=0.2)
    first = found.publish(some(1))
    time.sleep(0.1)  # it is under way
    gone, other = found.publish(some(1)), found.publish(some(1))
    assert gone.cancel()
    held.set()
    for one in (first, other):
        with pytest.raises(NotPublished, match="did not acknowledge"):
            one.result(30)
    found.close()
    assert (found._rows, found._bytes) == (0, 0)


@pytest.mark.parametrize("clock", [[5.0, 5.0, 5.0], [5.0, 4.0, 6.0]], ids=["stands still", "goes back"])
def test_epochs_rise_from_caller_to_caller_whatever_the_clock_does(clock: list[float]) -> None:
    times = iter(clock)
    found = GroupPublisher(
        f"127.0.0.1:{free_port()}", "readings", [MOTOR], "test", clock=lambda: next(times), patience_s=0.2
    )
    sent: list[int] = []

    def keep(jobs: list[group_publisher._Job]) -> None:
        sent.extend(int(one.epochs[0]) for job in jobs for one in job.readings)

    found._send = keep  # type: ignore[method-assign, assignment]
    done: list[Future[None]] = [found.publish(some(2)) for _ in clock]
    wait(done, 10)
    found.close()
    assert len(sent) == 3
    assert sent == sorted(set(sent))
    assert sent[0] == 5_000_000


def test_epochs_rise_over_a_restart_with_a_clock_that_was_set_back(tmp_path: Path) -> None:
    sent: list[int] = []
    for now in (5000.0, 40.0):
        found = GroupPublisher(
            f"127.0.0.1:{free_port()}", "readings", [MOTOR], "test", clock=lambda now=now: now, epochs_file=tmp_path / "epoch"
        )  # fmt: skip
        found._send = lambda jobs: sent.extend(int(one.epochs[0]) for job in jobs for one in job.readings)  # type: ignore[method-assign]
        wait([found.publish(some(2))], 10)
        found.close()
    assert sent[0] == 5_000_000_000
    assert sent[1] > sent[0]
