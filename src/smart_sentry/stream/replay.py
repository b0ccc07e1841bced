"""Readings of the past sent as if they were taken now: at their pace, a multiple of it, or flat out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from smart_sentry.errors import ConfigurationError
from smart_sentry.garbage import seldom_collected
from smart_sentry.stream.encoding import encode
from smart_sentry.stream.layouts import Layout
from smart_sentry.stream.messages import Form, Outgoing
from smart_sentry.stream.producer import Producer
from smart_sentry.stream.sources import Replay

_SLICE_S = 0.01


@dataclass(frozen=True)
class Replayed:
    """What was sent.

    Attributes:
        readings, sent_bytes: acknowledged messages; keys and values that were handed over.
        seconds: from the first one handed over to the last one acknowledged.
    """

    readings: int
    sent_bytes: int
    seconds: float

    def sentence(self) -> str:
        """Readings, seconds, readings a second and bytes in one line."""
        rate = self.readings / max(self.seconds, 1e-9)
        each = self.sent_bytes / max(self.readings, 1)
        return (
            f"{self.readings:,} readings in {self.seconds:.2f} s: {rate:,.0f} readings/s, {self.sent_bytes / 1e6:.2f} MB"
            f" before compression ({each:.0f} bytes a reading)"
        )


def send_replay(
    replay: Replay, producer: Producer, topic: str, form: Form, speed: float,
    progress: Callable[[int], object] = lambda sent: None,
    clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep,
) -> Replayed:  # fmt: skip
    """Sends a replay to its end, or to the first message that cannot be delivered.

    Args:
        replay: what is sent; its chunks are used up.
        producer: a new one; it stays open.
        topic: that is there.
        form: of the messages' values.
        speed: 1 is real time, 10 ten times as fast, 0 flat out.
        progress: takes how many were sent so far.
        clock, sleep: seconds that only go forward, and a wait in seconds.

    Raises:
        ConfigurationError: the speed is negative or not a number.
        NotDelivered: Kafka did not acknowledge all.
    """
    if not 0.0 <= speed < np.inf:
        raise ConfigurationError("speed", f"{speed:g} is not 0 (flat out) or more", "Give another one.")
    layout, begin, first_at = Layout(replay.asset_type), clock(), None
    with seldom_collected():
        for chunk in replay.chunks:
            messages = encode(chunk, layout, form, f"smart-sentry/replay/{replay.name}")
            first_at = float(chunk.seconds[0]) if first_at is None else first_at
            due = (chunk.seconds - first_at) / speed if speed > 0 else np.zeros(len(chunk))
            for offset, together in _by_due_time(messages, due):
                if (left := begin + offset - clock()) > 0:
                    sleep(left)
                producer.send(topic, together)
                progress(producer.sent)
                if producer.failed:
                    break
            if producer.failed:
                break  # what follows would stand in the topic without what is missing
        producer.flush()
    return Replayed(producer.delivered, producer.sent_bytes, clock() - begin)


def _by_due_time(messages: list[Outgoing], due: NDArray[np.float64]) -> Iterator[tuple[float, list[Outgoing]]]:
    """(seconds since the begin, messages due within the next 10 ms), in order: a sleep costs more than a message."""
    slices = np.floor(due / _SLICE_S)
    cuts = [0, *(np.flatnonzero(np.diff(slices)) + 1).tolist(), len(messages)]
    for begin, end in pairwise(cuts):
        yield float(due[begin]), messages[begin:end]
