"""Which part of a history is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

from sqlalchemy import Select, Table


@dataclass(frozen=True)
class Span:
    """A stretch of time.

    Attributes:
        start, end: seconds since 1970 UTC, start <= time < end; None is open.
        limit: most rows; None is all.
        newest_first: the order, and with a limit the end that is kept.
    """

    start: float | None = None
    end: float | None = None
    limit: int | None = None
    newest_first: bool = False

    @classmethod
    def last_minutes(cls, minutes: float, now: float, *, limit: int | None = None, newest_first: bool = False) -> Self:
        """The minutes before `now` (seconds since 1970 UTC), and whatever is later than that.

        >>> Span.last_minutes(5, now=1000.0).start
        700.0
        """
        return cls(now - 60.0 * minutes, None, limit, newest_first)

    def of(self, query: Select[Any], table: Table) -> Select[Any]:
        """Narrows a query of the table to this span; rows of one time stand in the order in which they came."""
        time, number = table.c.time, table.c.id
        if self.start is not None:
            query = query.where(time >= self.start)
        if self.end is not None:
            query = query.where(time < self.end)
        order = (time.desc(), number.desc()) if self.newest_first else (time, number)
        return query.order_by(*order).limit(self.limit)


EVERYTHING = Span()
