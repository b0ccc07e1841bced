"""API keys with roles. Without any key set the service answers everybody who reaches it (by default: this machine)."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Annotated

from fastapi import Header

from smart_sentry.api.errors import Forbidden, Unauthorised
from smart_sentry.errors import ConfigurationError

ROLES = ("read", "ingest", "operate", "admin")
"""Every role may do what those before it may."""
_LEAST_LENGTH = 16


@dataclass(frozen=True)
class ApiKeys:
    """Key -> place of its role in `ROLES`."""

    roles: tuple[tuple[str, int], ...]

    @classmethod
    def parse(cls, setting: str | None) -> ApiKeys:
        """Reads `role:key` pairs, separated by commas.

        Raises:
            ConfigurationError: a pair has no known role, or a key is too short to keep anybody out. No key is shown.
        """
        roles = []
        for place, pair in enumerate(part.strip() for part in (setting or "").split(",") if part.strip()):
            role, _, key = pair.partition(":")
            if role not in ROLES or len(key) < _LEAST_LENGTH:
                problem = f"pair {place + 1} must be one of {', '.join(ROLES)}, a colon and a key of {_LEAST_LENGTH} characters"
                raise ConfigurationError("SMART_SENTRY_API_KEYS", problem, "Mend it; pairs are separated by commas.")
            roles.append((key, ROLES.index(role)))
        return cls(tuple(roles))

    def require(self, role: str) -> Callable[[str | None], Coroutine[None, None, None]]:
        """A dependency that lets only keys of this role, or of a higher one, through; async, so that it needs no thread."""

        async def check(
            x_api_key: Annotated[str | None, Header(description="API key, where keys are set")] = None,
        ) -> None:
            self.demand(x_api_key, role)

        return check

    def demand(self, given: str | None, role: str) -> None:
        """Lets only keys of this role, or of a higher one, through.

        Raises:
            Unauthorised: keys are set, and this is none.
            Forbidden: its role is a lower one.
        """
        if not self.roles:
            return
        held = self._held(given)
        if not held:
            raise Unauthorised
        if max(held) < ROLES.index(role):
            raise Forbidden(role)

    def allow(self, given: str | None, role: str) -> bool:
        """Whether `demand` lets this key through."""
        return not self.roles or max(self._held(given), default=-1) >= ROLES.index(role)

    def caller(self, given: str | None, address: str) -> str:
        """By whom a request is counted: its key where that is one, else the address that it came from."""
        return f"key {given}" if self._held(given) else f"address {address}"

    def _held(self, given: str | None) -> list[int]:
        return [level for key, level in self.roles if hmac.compare_digest(key.encode(), (given or "").encode())]


def key_in(headers: Mapping[bytes, bytes]) -> str | None:
    """The key among the headers of a request, of ASGI; None where it has none."""
    found = headers.get(b"x-api-key")
    return None if found is None else found.decode("latin-1")
