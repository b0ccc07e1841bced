"""What the messages of a partition come to: readings, without those that are repeated, stale, or cannot be.

Told from messages and the stored state alone, so that whoever reads a partition again decides as was decided.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_sentry.assets import AssetType
from smart_sentry.plant.incoming import FARTHEST_AHEAD_SECONDS, OLDEST_SECONDS
from smart_sentry.plant.parts import Part
from smart_sentry.stream.decoding import decode_batch
from smart_sentry.stream.layouts import Layouts
from smart_sentry.stream.messages import Readings, Reason, Refusal
from smart_sentry.stream.sequence import DUPLICATE, NEW, STALE, SequenceGate
from smart_sentry.worker.asset_types import FirstTypes
from smart_sentry.worker.messages import Timed

QUARANTINED = "quarantined"
"""Readings from the future: they go to the dead letters, and no state sees them."""


@dataclass(frozen=True)
class Read:
    """What a batch of messages comes to, before anything is written.

    Attributes:
        again: readings that the database has already: they advance the state alone.
        parts: readings to store and judge.
        refusals: messages for the dead letters.
        dropped: reason -> how many readings were left out: duplicate, stale, or quarantined, which are among the refusals. Those
            below what the database has were counted when that was stored.
        next_offset: of the first message after the batch.
        careful: whether the database must be asked which of them are new: there are dead letters among them that were sent back.
        numbers: what the reader remembers after them, where the state is to be stored; None: it need not be.
    """

    again: tuple[Part, ...]
    parts: tuple[Part, ...]
    refusals: tuple[Refusal, ...]
    dropped: Mapping[str, int]
    next_offset: int
    careful: bool
    numbers: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class _Numbered:
    """Readings with what tells whether they are new: epochs and sequences, one a row."""

    part: Part
    epochs: NDArray[np.int64]
    sequences: NDArray[np.int64]

    def only(self, chosen: NDArray[np.bool_]) -> _Numbered:
        """The rows that are chosen, (rows,)."""
        return _Numbered(self.part.only(chosen), self.epochs[chosen], self.sequences[chosen])


class PartitionReader:
    """Remembers which numbers of each asset have come, and as which type it came first.

    Args:
        asset_types: name -> type.
    """

    def __init__(self, asset_types: Mapping[str, AssetType]) -> None:
        self._names, self._layouts = frozenset(asset_types), Layouts(asset_types.values())
        self._gate, self._types = SequenceGate(), FirstTypes({})

    def restore(self, kept: Mapping[str, Any] | None, stored_types: Mapping[str, str]) -> None:
        """Becomes what it was.

        Args:
            kept: a snapshot, maybe with more in it; None: there is none, and it begins anew.
            stored_types: asset -> name of its type as the database has it, for assets that the snapshot does not know.
        """
        self._gate = SequenceGate()
        of_type = {} if kept is None else kept.get("types", {})
        own = {asset: name for name, its in of_type.items() if name in self._names for asset in its}
        self._types = FirstTypes({**stored_types, **own})
        if kept is not None:
            self._gate.restore(kept["gate"])

    def snapshot(self) -> dict[str, Any]:
        """A copy of what is remembered."""
        return {"gate": self._gate.snapshot(), "types": self._types.snapshot(self._gate.knows)}

    def knows(self, asset_id: str) -> bool:
        """Whether a reading of an asset has come."""
        return self._gate.knows(asset_id)

    def forget(self, asset_id: str | None) -> None:
        """Forgets an asset, or all (None): the same readings may come anew, and as another type."""
        self._gate.forget(asset_id)
        self._types.forget(asset_id)

    def read(self, messages: Sequence[Timed], stored_until: int) -> Read:
        """Decodes messages and drops what is repeated or stale; what has come is remembered.

        Args:
            messages: without errors, in the order of their offsets.
            stored_until: offset of the first message that the database does not have.
        """
        offsets = np.array([message.offset() for message in messages], dtype=np.int64)
        received = np.array([message.timestamp()[1] for message in messages], dtype=np.float64) / 1000.0
        decoded = decode_batch(messages, self._layouts)
        refusals, dropped = list(decoded.refusals), Counter[str]()
        told = offsets < stored_until  # and counted
        again, parts = [], []
        timely = [
            _timely(its, received[its.positions], ~told[its.positions], refusals, dropped) for its in decoded.readings
        ]
        for its in self._of_their_types(timely, refusals):
            kept = self._new_ones(its, decoded.sent_back, told, dropped).by_asset()
            stored = told[kept.positions]
            again += [kept.only(stored)] if stored.any() else []
            parts += [kept if not stored.any() else kept.only(~stored)]
        # What is no reading was sent to the dead letters before that was stored.
        new = tuple(refusal for refusal in refusals if not told[refusal.position])
        return Read(
            tuple(again), tuple(part for part in parts if len(part.assets)), new, dropped, int(offsets[-1]) + 1,
            bool(decoded.sent_back),
        )  # fmt: skip

    def _new_ones(
        self, its: _Numbered, sent_back: Sequence[int], told: NDArray[np.bool_], dropped: Counter[str]
    ) -> Part:
        """Readings but those that are repeated or stale, which are counted; what was sent back is left to the database."""
        kept, verdict = its.part, self._gate.judge(its.part.assets, its.epochs, its.sequences)
        if sent_back:
            verdict[np.isin(kept.positions, sent_back)] = NEW
        for name, code in (("duplicate", DUPLICATE), ("stale", STALE)):
            dropped[name] += int(np.sum((verdict == code) & ~told[kept.positions]))
        return kept.only(verdict == NEW) if (verdict != NEW).any() else kept

    def _of_their_types(self, found: Sequence[_Numbered], refusals: list[Refusal]) -> Iterator[_Numbered]:
        """Readings but those of assets that are known as another type, which are refused."""
        strangers = self._types.strangers([its.part for its in found])
        for its, rows in zip(found, strangers, strict=True):
            refusals += [self._of_another_type(its.part, row) for row in rows]
            yield its.only(~np.isin(np.arange(len(its.part.assets)), rows)) if rows else its

    def _of_another_type(self, part: Part, row: int) -> Refusal:
        asset = part.assets[row]
        known = f"expected a reading of a {self._types.type_of(asset)}, as which {asset!r:.140} is known"
        return Refusal(int(part.positions[row]), Reason.OTHER_TYPE, f"{known}, found a {part.asset_type}'s")


def _timely(
    readings: Readings,
    came: NDArray[np.float64],
    counts: NDArray[np.bool_],
    refusals: list[Refusal],
    dropped: Counter[str],
) -> _Numbered:
    """Readings but those whose time cannot be; these are refused, and those of the future counted, where they count."""
    ahead = readings.seconds > came + FARTHEST_AHEAD_SECONDS
    wrong = ahead | (readings.seconds < OLDEST_SECONDS)
    dropped[QUARANTINED] += int((ahead & counts).sum())
    refusals += [_of_another_time(readings, row, came[row]) for row in np.flatnonzero(wrong).tolist()]
    part = Part(
        readings.asset_type, readings.positions, readings.asset_ids, readings.reading_ids, readings.seconds,
        readings.values, came,
    )  # fmt: skip
    all_of_them = _Numbered(part, readings.epochs, readings.sequences)
    return all_of_them.only(~wrong) if wrong.any() else all_of_them


def _of_another_time(readings: Readings, row: int, came: float) -> Refusal:
    expected = f"expected a time since 1970 and at most {FARTHEST_AHEAD_SECONDS:g} s after its arrival"
    detail = f"{expected}, found one {float(readings.seconds[row]) - came:+.0f} s from it"
    return Refusal(int(readings.positions[row]), Reason.WRONG_VALUE, detail)
