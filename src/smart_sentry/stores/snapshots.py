"""The monitor's state as bytes, without pickle, with a checksum; a large one as what differs from a state stored before.

A stored state is a beginning of fixed length, a head, and its arrays, each compressed with zstd (RFC 8878):

    beginning   "STATE v1", then two whole numbers of 8 bytes, little-endian: how long the head is, compressed and not
    head        JSON: `state`, with {"__array__": n} where array n stood; `arrays`, of each its dtype, its shape and how many
                bytes it takes, compressed; `base`, see below
    arrays      one after the other, each row by row

Between two snapshots most of a large state stays as it is: of a window of 260 readings, 8 are new. Its arrays are therefore
stored once as a *base*, in a row of its own. What is stored from then on is each array XOR the base's, zeros wherever nothing has
changed, and the head names the base by its checksum. Once that takes half as many bytes as the base, a new base is stored.

Older versions stored a state as .npz; it can still be read.
"""

from __future__ import annotations

import hashlib
import io
import json
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
from numpy.typing import NDArray
from sqlalchemy import Connection, delete, select

from smart_sentry.errors import ChecksumMismatch
from smart_sentry.stores.bulk import put
from smart_sentry.stores.tables import snapshots

BASE_FROM_BYTES = 1_000_000
"""A state whose arrays take less is stored as a whole: that costs less than to keep a base."""
_WORTH_A_NEW_BASE = 0.5
_BEGINNING, _NAME = struct.Struct("<8sQQ"), b"STATE v1"
_TREE, _ARRAY = "tree", "__array__"
_REMEDY = "Delete this snapshot and let the monitor read its history again."
_ZSTD = pa.Codec("zstd", -5)
"""Measured numbers are noise in most of their digits: what a higher level saves costs more time than to store it."""

_Arrays = list[NDArray[Any]]


@dataclass(frozen=True)
class Base:
    """Arrays that were stored.

    Attributes:
        checksum: of their row.
        stored: how many bytes they take there.
        arrays: a copy of them.
    """

    checksum: str
    stored: int
    arrays: _Arrays

    def fits(self, arrays: _Arrays) -> bool:
        """Whether a state of these arrays can be told by what differs."""
        return [_kind(array) for array in self.arrays] == [_kind(array) for array in arrays]


def pack(state: dict[str, Any]) -> bytes:
    """A state as bytes.

    Args:
        state: dicts with text keys, lists, tuples (which come back as lists), text, numbers, None and NumPy arrays, nested.

    Raises:
        TypeError: it holds anything else.
    """
    return _packed(*_taken_apart(state))


def unpack(packed: bytes) -> dict[str, Any]:
    """What `pack` was given, in this or an older version. What differs from a base is `SnapshotTable.load`'s to read."""
    if not packed.startswith(_NAME):
        return _of_npz(packed)
    head, arrays = _opened(packed)
    return _put_together(head["state"], arrays)


class SnapshotTable:
    """The snapshots, within a transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def save(self, name: str, state: dict[str, Any], time: float, base: Base | None = None) -> Base | None:
        """Keeps a state (as `pack` takes it) in place of the one that was kept under this name.

        Args:
            time: of the state, seconds since 1970 UTC.
            base: that the call before this one returned. It need not be in the database any more.

        Returns:
            The base of the state; None for a small one, which needs none.
        """
        tree, arrays = _taken_apart(state)
        if sum(array.nbytes for array in arrays) < BASE_FROM_BYTES:
            self._put(name, _packed(tree, arrays), time)
            self._delete(_base_of(name))
            return None
        if base is not None and base.fits(arrays) and base.checksum == self._checksum(_base_of(name)):
            packed = _packed(tree, arrays, base)
            if len(packed) < _WORTH_A_NEW_BASE * base.stored:
                self._put(name, packed, time)
                return base
        packed = _packed("null", arrays)
        base = Base(self._put(_base_of(name), packed, time), len(packed), [array.copy() for array in arrays])
        self._put(name, _packed(tree, arrays, base), time)
        return base

    def load(self, name: str) -> dict[str, Any] | None:
        """The state that was kept under a name; None where there is none.

        Raises:
            ChecksumMismatch: its bytes are not those that were kept, or its base is not there.
        """
        both = select(snapshots).where(snapshots.c.name.in_((name, _base_of(name))))
        rows = {row.name: row for row in self._connection.execute(both)}
        if name not in rows:
            return None
        packed = _verified(name, rows[name], rows[name].checksum)
        if not packed.startswith(_NAME):
            return unpack(packed)
        head, arrays = _opened(packed)
        if head["base"] is not None:
            _, before = _opened(_verified(_base_of(name), rows.get(_base_of(name)), head["base"]))
            for array, its in zip(arrays, before, strict=True):
                _octets(array)[:] ^= _octets(its)
        return _put_together(head["state"], arrays)

    def delete(self, name: str) -> None:
        """Forgets a snapshot."""
        self._delete(name, _base_of(name))

    def _put(self, name: str, packed: bytes, time: float) -> str:
        checksum = hashlib.sha256(packed).hexdigest()
        put(self._connection, snapshots, [{"name": name, "bytes": packed, "checksum": checksum, "time": time}], "name")
        return checksum

    def _checksum(self, name: str) -> str | None:
        return self._connection.execute(select(snapshots.c.checksum).where(snapshots.c.name == name)).scalar()

    def _delete(self, *names: str) -> None:
        self._connection.execute(delete(snapshots).where(snapshots.c.name.in_(names)))


def _base_of(name: str) -> str:
    return f"{name} (base)"


def _verified(name: str, row: Any, expected: str) -> bytes:
    """The bytes of a row; None is one that is not there."""
    packed = b"" if row is None else bytes(row.bytes)
    found = hashlib.sha256(packed).hexdigest()
    if found != expected:
        raise ChecksumMismatch(f"snapshot {name}", expected, found, _REMEDY)
    return packed


def _taken_apart(state: dict[str, Any]) -> tuple[str, _Arrays]:
    """A state as JSON, and the arrays in it."""
    arrays: _Arrays = []

    def plain(part: Any) -> Any:
        if isinstance(part, np.ndarray):
            if part.dtype.hasobject or np.dtype(part.dtype.str) != part.dtype:
                raise TypeError(f"an array of {part.dtype} cannot be kept without pickle")
            arrays.append(np.asarray(part, order="C"))
            return {_ARRAY: len(arrays) - 1}
        if isinstance(part, np.generic):
            return part.item()
        raise TypeError(f"{part!r} cannot be kept without pickle")

    _expect_text_keys(state)
    return json.dumps(state, default=plain), arrays


def _expect_text_keys(part: Any) -> None:
    """JSON would turn a number that is a key into text."""
    if isinstance(part, dict):
        for key in part:
            if not isinstance(key, str):
                raise TypeError(f"keys of a state must be text, not {key!r}")
        part = part.values()
    for value in part:
        if isinstance(value, (dict, list, tuple)):
            _expect_text_keys(value)


def _put_together(tree: dict[str, Any], arrays: _Arrays) -> dict[str, Any]:
    def whole(part: Any) -> Any:
        if isinstance(part, dict):
            if part.keys() == {_ARRAY}:
                return arrays[part[_ARRAY]]
            return {key: whole(value) for key, value in part.items()}
        return [whole(value) for value in part] if isinstance(part, list) else part

    return {key: whole(value) for key, value in tree.items()}


def _packed(tree: str, arrays: _Arrays, base: Base | None = None) -> bytes:
    if base is None:
        blocks = [_ZSTD.compress(_octets(array)) for array in arrays]
    else:
        changes = (_octets(array) ^ _octets(its) for array, its in zip(arrays, base.arrays, strict=True))
        blocks = [_ZSTD.compress(change) for change in changes]
    kinds = [(*_kind(array), len(block)) for array, block in zip(arrays, blocks, strict=True)]
    facts = json.dumps({"arrays": kinds, "base": None if base is None else base.checksum})
    head = f'{facts[:-1]}, "state": {tree}}}'.encode()
    short = _ZSTD.compress(head)
    return b"".join((_BEGINNING.pack(_NAME, len(short), len(head)), short, *blocks))


def _opened(packed: bytes) -> tuple[dict[str, Any], _Arrays]:
    """Head and arrays."""
    _, short, length = _BEGINNING.unpack_from(packed)
    rest = memoryview(packed)[_BEGINNING.size :]
    head: dict[str, Any] = json.loads(_ZSTD.decompress(rest[:short], length, asbytes=True))
    rest, arrays = rest[short:], []
    for dtype, shape, taken in head["arrays"]:
        array = np.empty(shape, dtype)
        _octets(array)[:] = np.frombuffer(_ZSTD.decompress(rest[:taken], array.nbytes), np.uint8)
        arrays.append(array)
        rest = rest[taken:]
    return head, arrays


def _of_npz(packed: bytes) -> dict[str, Any]:
    with np.load(io.BytesIO(packed), allow_pickle=False) as file:
        tree = json.loads(file[_TREE].tobytes().decode())
        return _put_together(tree, [file[f"a{number}"] for number in range(len(file.files) - 1)])


def _kind(array: NDArray[Any]) -> tuple[str, tuple[int, ...]]:
    return array.dtype.str, array.shape


def _octets(array: NDArray[Any]) -> NDArray[np.uint8]:
    """The bytes of an array that lies row by row, not a copy of them."""
    return array.reshape(-1).view(np.uint8)
