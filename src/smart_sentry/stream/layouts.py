"""The forms of readings of each asset type, made once from its signals."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Annotated, Any, Union

import msgspec
import numpy as np

from smart_sentry.assets import ASSET_COLUMN, AssetType
from smart_sentry.errors import ConfigurationError

TYPE_FIELD, TIME_FIELD, EPOCH_FIELD, SEQUENCE_FIELD = "asset_type", "timestamp", "epoch", "sequence"
NAMED_FIELDS = (ASSET_COLUMN, TIME_FIELD, EPOCH_FIELD, SEQUENCE_FIELD)
"""Fields of the JSON form ahead of the signals, after asset_type."""
PACKED_VERSION = 1
SINGLE, DOUBLE = 0, 1
"""Precision byte of the packed form."""
_PREFIX = struct.Struct("<BBH4s")
_Count = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
_Time = Annotated[datetime, msgspec.Meta(tz=True)]


@dataclass(frozen=True)
class Layout:
    """How readings of one asset type are written.

    Raises:
        ConfigurationError: a signal has the name of a field of every reading.
    """

    asset_type: AssetType

    def __post_init__(self) -> None:
        taken = sorted({TYPE_FIELD, *NAMED_FIELDS} & set(self.asset_type.signal_names))
        if taken:
            raise ConfigurationError(
                f"asset type {self.asset_type.name}", f"its signal {taken[0]} is named like a field of every message",
                "Rename the signal to stream its readings.",
            )  # fmt: skip

    @property
    def name(self) -> str:
        return self.asset_type.name

    @cached_property
    def width(self) -> int:
        """How many signals there are."""
        return len(self.asset_type.signals)

    @cached_property
    def fingerprint(self) -> bytes:
        """Four bytes of the SHA-256 of type, signals and units: another order, name or unit is another layout."""
        told = [self.name, *(f"{signal.name} {signal.unit}" for signal in self.asset_type.signals)]
        return hashlib.sha256("\n".join(told).encode()).digest()[:4]

    def prefix(self, precision: int) -> bytes:
        """The first eight bytes of the packed form: version, precision, signals, fingerprint."""
        return _PREFIX.pack(PACKED_VERSION, precision, self.width, self.fingerprint)

    def packed(self, precision: int) -> np.dtype[Any]:
        """The packed form as a record: little-endian, 32 bytes and the values."""
        value = "<f8" if precision == DOUBLE else "<f4"
        return np.dtype(
            [
                ("prefix", "V8"),
                ("time_us", "<i8"),
                ("epoch", "<i8"),
                ("sequence", "<i8"),
                ("values", value, (self.width,)),
            ]
        )

    @cached_property
    def record(self) -> Any:
        """The JSON form as a strict class: unknown fields, texts for numbers and times without a zone are mistakes."""
        places = {f"signal_{place}": name for place, name in enumerate(self.asset_type.signal_names)}
        named: list[tuple[str, Any]] = list(zip(NAMED_FIELDS, (str, _Time, _Count, _Count), strict=True))
        return msgspec.defstruct(
            f"Reading_{self.name}", [*named, *((place, float | None, None) for place in places)], rename=places,
            tag_field=TYPE_FIELD, tag=self.name, forbid_unknown_fields=True, frozen=True, gc=False,
        )  # fmt: skip


class Layouts:
    """The layouts of all asset types that a reader knows.

    Args:
        asset_types: each name once.

    Attributes:
        by_name: name -> layout.
        by_prefix: first eight bytes of a packed reading -> its layout and record.
        by_signals: names of the signals -> layout; of several types with the same signals there is none to tell.
        by_record: class of the JSON form -> layout.
        decoder: of the JSON form.
    """

    def __init__(self, asset_types: Iterable[AssetType]) -> None:
        self.by_name = {one.name: Layout(one) for one in asset_types}
        if not self.by_name:
            raise ValueError("at least one asset type is needed")
        layouts = list(self.by_name.values())
        self.by_prefix = {
            layout.prefix(precision): (layout, layout.packed(precision))
            for layout in layouts
            for precision in (SINGLE, DOUBLE)
        }
        signals = [frozenset(layout.asset_type.signal_names) for layout in layouts]
        self.by_signals = {
            names: layout for names, layout in zip(signals, layouts, strict=True) if signals.count(names) == 1
        }
        self.by_record: dict[type, Layout] = {layout.record: layout for layout in layouts}
        self.decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(Union[tuple(self.by_record)])  # noqa: UP007
