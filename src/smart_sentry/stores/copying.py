"""COPY into PostgreSQL in few, large pieces. Imported only where PostgreSQL is used: its driver is an extra."""

from __future__ import annotations

from typing import Any

from psycopg.copy import LibpqWriter
from psycopg.types.string import BytesBinaryDumper

FIRST_PIECE_BYTES, PIECE_BYTES = 32_000, 100_000


class GatheringWriter(LibpqWriter):
    """Hands rows to the server a few hundred at a time: it stores them while the next ones are made ready. The first pieces are
    smaller, so that of a small batch, too, something is stored meanwhile.

    With a megabyte at a time the server had nothing to do meanwhile: a fifth fewer motors' readings a second. After each of the
    driver's own pieces of 32 kB, a thread of a busy process waits for its turn to go on.
    """

    def __init__(self, cursor: Any) -> None:
        super().__init__(cursor)
        self._gathered: list[bytes] = []
        self._size, self._piece = 0, FIRST_PIECE_BYTES

    def write(self, data: Any) -> None:
        """Takes some bytes, a copy of which is kept until there are enough of them."""
        self._gathered.append(bytes(data))
        self._size += len(data)
        if self._size >= self._piece:
            self._hand_over()

    def finish(self, exc: BaseException | None = None) -> None:
        """Hands over the rest and ends the COPY; with an exception it is undone."""
        if exc is None:
            self._hand_over()
        super().finish(exc)

    def _hand_over(self) -> None:
        if self._gathered:
            super().write(b"".join(self._gathered))
            self._gathered, self._size = [], 0
            self._piece = min(2 * self._piece, PIECE_BYTES)


def dump_bytes_as_they_are(connection: Any) -> None:
    """Has COPY pack a connection's plain bytes by compiled code.

    It finds the dumper of a column by its type, and the last one registered for bytea is in Python, for DB-API's `Binary`: it
    would be called for every row.
    """
    connection.adapters.register_dumper(bytes, BytesBinaryDumper)
