"""Readings and messages that tests of the stream share."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from confluent_kafka import Message

from smart_sentry.assets import AssetType, Signal, load_asset_type
from smart_sentry.stream.layouts import Layouts
from smart_sentry.stream.messages import Outgoing, Readings, reading_id

TYPES = Path(__file__).parents[1] / "configs" / "assets"
MOTOR, TURBOFAN = (load_asset_type(TYPES / f"{name}.yaml") for name in ("motor", "turbofan"))
PUMP = AssetType(
    name="pump",
    signals=(
        Signal(name="flow", unit="m3/h", limits=(0, 100)),
        Signal(name="class", unit="1", limits=(0, 9)),  # a word of Python
    ),
)
LAYOUTS = Layouts([MOTOR, TURBOFAN, PUMP])


def readings_of(
    asset_type: AssetType, asset_ids: Sequence[str], sequences: Sequence[int], values: np.ndarray, epoch: int = 0
) -> Readings:
    """A reading a second."""
    numbers = np.array(sequences, dtype=np.int64)
    ids = [reading_id(asset, epoch, number) for asset, number in zip(asset_ids, sequences, strict=True)]
    rows = np.arange(len(ids), dtype=np.int64)
    epochs = np.full(len(ids), epoch, dtype=np.int64)
    return Readings(asset_type.name, asset_ids, ids, 1.7e9 + numbers, epochs, numbers, values, rows)


def received(messages: Sequence[Outgoing], topic: str = "readings") -> list[Message]:
    """Messages as the Kafka client would give them."""
    return [
        Message(topic, 0, offset, key=one.key, value=one.value, headers=list(one.headers))
        for offset, one in enumerate(messages)
    ]
