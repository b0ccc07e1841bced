"""A message as the Kafka client gives it to a worker."""

from __future__ import annotations

from typing import Protocol

from smart_sentry.stream.dead_letters import Placed


class Timed(Placed, Protocol):
    """A message with its place and its time."""

    def offset(self) -> int:
        """Where in the partition."""

    def timestamp(self) -> tuple[int, int]:
        """Kind of the time, and milliseconds since 1970 UTC."""
