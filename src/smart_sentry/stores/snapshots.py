"""The monitor's state as bytes: arrays and plain values in a .npz, without pickle, with a checksum."""

from __future__ import annotations

import hashlib
import io
import json
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, delete, select

from smart_sentry.errors import ChecksumMismatch
from smart_sentry.stores.bulk import put
from smart_sentry.stores.tables import snapshots

_TREE, _ARRAY = "tree", "__array__"
_REMEDY = "Delete this snapshot and let the monitor read its history again."


def pack(state: dict[str, Any]) -> bytes:
    """A state as bytes.

    Args:
        state: dicts with text keys, lists, tuples (which come back as lists), text, numbers, None and NumPy arrays, nested.

    Raises:
        TypeError: it holds anything else.
    """
    arrays: list[NDArray[Any]] = []

    def plain(part: Any) -> Any:
        if isinstance(part, np.ndarray):
            if part.dtype.hasobject:
                raise TypeError(f"an array of {part.dtype} cannot be kept without pickle")
            arrays.append(part)
            return {_ARRAY: len(arrays) - 1}
        if isinstance(part, dict):
            return {_text_key(key): plain(value) for key, value in part.items()}
        if isinstance(part, (list, tuple)):
            return [plain(value) for value in part]
        return part.item() if isinstance(part, np.generic) else part

    tree = json.dumps(plain(state))
    file = io.BytesIO()
    named = {f"a{number}": array for number, array in enumerate(arrays)}
    np.savez(file, **named | {_TREE: np.frombuffer(tree.encode(), np.uint8)})  # type: ignore[arg-type]
    return file.getvalue()


def unpack(packed: bytes) -> dict[str, Any]:
    """What `pack` was given."""
    with np.load(io.BytesIO(packed), allow_pickle=False) as arrays:

        def whole(part: Any) -> Any:
            if isinstance(part, dict):
                if part.keys() == {_ARRAY}:
                    return arrays[f"a{part[_ARRAY]}"]
                return {key: whole(value) for key, value in part.items()}
            return [whole(value) for value in part] if isinstance(part, list) else part

        state: dict[str, Any] = whole(json.loads(arrays[_TREE].tobytes().decode()))
        return state


class SnapshotTable:
    """The snapshots, within a transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def save(self, name: str, state: dict[str, Any], time: float) -> None:
        """Keeps a state (as `pack` takes it) in place of the one that was kept under this name.

        Args:
            time: of the state, seconds since 1970 UTC.
        """
        packed = pack(state)
        row = {"name": name, "bytes": packed, "checksum": hashlib.sha256(packed).hexdigest(), "time": time}
        put(self._connection, snapshots, [row], "name")

    def load(self, name: str) -> dict[str, Any] | None:
        """The state that was kept under a name; None where there is none.

        Raises:
            ChecksumMismatch: its bytes are not those that were kept.
        """
        row = self._connection.execute(select(snapshots).where(snapshots.c.name == name)).one_or_none()
        if row is None:
            return None
        packed = bytes(row.bytes)
        found = hashlib.sha256(packed).hexdigest()
        if found != row.checksum:
            raise ChecksumMismatch(f"snapshot {name}", row.checksum, found, _REMEDY)
        return unpack(packed)

    def delete(self, name: str) -> None:
        """Forgets a snapshot."""
        self._connection.execute(delete(snapshots).where(snapshots.c.name == name))


def _text_key(key: Any) -> str:
    if not isinstance(key, str):
        raise TypeError(f"keys of a state must be text, not {key!r}")
    return key
