"""Who may ask anything at all, and how often: one check in front of every route, also of those that no framework sees."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from smart_sentry.api.body import Receive, Scope, Send
from smart_sentry.api.errors import RequestRefused, error_response
from smart_sentry.api.keys import ApiKeys, key_in
from smart_sentry.api.rates import RateLimits

OPEN = ("/health", "/ready", "/livez", "/healthz", "/readyz")
"""What is asked by those who start, watch and balance a service, and have no key: whether it lives, and whether it is ready."""
_PASSED = "smart_sentry.gate"
"""Key of a scope that has been let through: a gate behind another one neither asks nor counts once more."""


class Gate:
    """ASGI middleware that lets nobody through who may not read, and nobody more often than the limit allows.

    Every route behind it may ask for more than the role `read`.

    Args:
        app: everything else.
        keys: who may read.
        limits: how often.
    """

    def __init__(
        self, app: Callable[[Scope, Receive, Send], Awaitable[None]], keys: ApiKeys, limits: RateLimits
    ) -> None:
        self._app, self._keys, self._limits = app, keys, limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection, of ASGI."""
        if scope["type"] == "http" and scope["path"] not in OPEN and _PASSED not in scope:
            try:
                self._admit(scope)
            except RequestRefused as refusal:
                await error_response(refusal)(scope, receive, send)
                return
            scope[_PASSED] = True
        await self._app(scope, receive, send)

    def _admit(self, scope: Scope) -> None:
        """Counts before it looks at the key, so that nobody may try out keys without end."""
        key = key_in(dict(scope["headers"]))
        self._limits.requests.admit(self._keys.caller(key, (scope.get("client") or ("",))[0]))
        self._keys.demand(key, "read")
