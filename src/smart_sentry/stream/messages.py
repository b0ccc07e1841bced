"""What goes over Kafka: CloudEvents 1.0 in binary content mode (docs/streaming.md).

The attributes of an event are headers, the key is the asset's id, the value is the reading as JSON or packed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from operator import methodcaller
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

READINGS_TOPIC = "readings"
EVENT_TYPE = "smart-sentry.reading.v1"
"""Header ce_type: what the message is, and the version of its form."""
SPEC_VERSION = "1.0"
"""Header ce_specversion: of CloudEvents."""
JSON_CONTENT = "application/json"
PACKED_CONTENT = "application/vnd.smart-sentry.reading"
"""Values of the header content-type."""
SENT_BACK = "dead-letter-sent-back"
"""Header of a dead letter that was sent back: its number may be far behind, so the database is asked whether its id is new."""

Headers = list[tuple[str, bytes]]
_MOST_DETAIL = 500


class Form(StrEnum):
    """How a reading is written into a message's value."""

    JSON = "json"
    BINARY = "binary"
    """Packed, values in double precision: every number arrives as it was."""
    BINARY32 = "binary32"
    """Packed, values in single precision: half the bytes, about seven digits."""


class Reason(StrEnum):
    """Why a message is refused: few, so that they can be counted by name."""

    WRONG_KEY = "wrong_key"
    WRONG_HEADERS = "wrong_headers"
    UNKNOWN_VERSION = "unknown_version"
    UNKNOWN_CONTENT = "unknown_content"
    UNKNOWN_TYPE = "unknown_type"
    OTHER_TYPE = "other_type"
    WRONG_UTF8 = "wrong_utf8"
    WRONG_JSON = "wrong_json"
    WRONG_LENGTH = "wrong_length"
    WRONG_VALUE = "wrong_value"
    EMPTY = "empty"


@dataclass(frozen=True)
class Refusal:
    """A message that is no reading.

    Attributes:
        position: in the batch.
        reason: for counting.
        detail: what was expected and what came, for people.
        headers_unreadable: whether Kafka's client cannot give the message's headers: nobody may ask for them again.
    """

    position: int
    reason: Reason
    detail: str
    headers_unreadable: bool = False


class MessageRefused(Exception):
    """Ends the reading of one message; never leaves `decode_batch`. The detail is cut: a message may hold anything."""

    def __init__(self, reason: Reason, detail: str) -> None:
        self.reason, self.detail = reason, detail[:_MOST_DETAIL]
        super().__init__(detail)


UNREADABLE_HEADERS = (SystemError, UnicodeDecodeError)
"""What Kafka's client raises where the name of a message's header is not UTF-8. It must not be asked for them again: the list
that it then gives lacks a name, which ends the process."""
headers_of = methodcaller("headers")
"""Asks a message for its headers. A plain call in a loop is not safe: Python 3.11 makes it a shortcut that overlooks the error,
and the first look into the list ends the process."""


class Incoming(Protocol):
    """A message as the Kafka client gives it."""

    def key(self) -> bytes | None:
        """The asset's id in UTF-8."""

    def value(self) -> bytes | None:
        """The reading."""

    def headers(self) -> Any:
        """(name, bytes) pairs; None where there are none."""


@dataclass(frozen=True)
class Outgoing:
    """A message to send."""

    key: bytes | None
    value: bytes | None
    headers: Headers


@dataclass(frozen=True)
class Readings:
    """Readings of assets of one type, in the order in which they came.

    An asset's readings are numbered by `sequence`, rising by the order of time; an asset that starts anew, and so numbers anew,
    begins a higher `epoch`. (asset, epoch, sequence) tells what is stale; `reading_id` makes a repeated reading harmless.

    Attributes:
        asset_type: its name.
        asset_ids, reading_ids: (rows,) reading ids are unique within an asset.
        seconds: (rows,) time of each reading since 1970 UTC, to the microsecond.
        epochs, sequences: (rows,) from 0.
        values: (rows, signals) in the asset type's order and units; NaN where there is no number.
        positions: (rows,) in the batch that they came in; empty where they did not come in one.
    """

    asset_type: str
    asset_ids: Sequence[str]
    reading_ids: Sequence[str]
    seconds: NDArray[np.float64]
    epochs: NDArray[np.int64]
    sequences: NDArray[np.int64]
    values: NDArray[np.float64]
    positions: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.seconds)


def reading_id(asset_id: str, epoch: int, sequence: int) -> str:
    """The id of a reading by its place in its asset's life: sending it again gives it no other.

    >>> reading_id("FD001-test-7", 0, 31)
    'FD001-test-7:0:31'
    """
    return f"{asset_id}:{epoch}:{sequence}"


def dead_letters_of(topic: str) -> str:
    """The topic of what came to a topic of readings and is none.

    >>> dead_letters_of("readings")
    'readings-dead-letters'
    """
    return f"{topic}-dead-letters"
