"""Simulated readings over HTTP, as a gateway would send them: one by one, or in batches."""

from __future__ import annotations

import time
from collections.abc import Callable

import httpx

from smart_sentry.errors import ConfigurationError
from smart_sentry.service_client import CONNECTIONS, KEY_HEADER
from smart_sentry.simulation.events import Events

ONE_PATH, BATCH_PATH = "/api/v1/data/simple", "/api/v1/data/batch"
ATTEMPTS = 4
_FIRST_PAUSE_S = 0.25
_LONGEST_PAUSE_S = 30.0
_PASSING = frozenset({408, 429, 500, 502, 503, 504})
"""Answers that may be otherwise in a moment; every other refusal stands."""
_SHOWN = 200


class HttpSink:
    """Posts events to a Smart Sentry service.

    A reading carries its event_id in its body and, alone, in the header Idempotency-Key: sending it again does no harm. A passing
    failure is tried up to four times with doubling pauses; while nothing gets through, each further delivery is tried once.

    Args:
        address: of the service, such as http://127.0.0.1:3000.
        batched: whether events go to /api/v1/data/batch together, as {"readings": [...]}, or to /api/v1/data/simple one by one.
        sleep: waits for so many seconds.
        timeout_s: for one answer.
        key: API key, where the service asks for one.
        asset_type: named in every reading; None: the service finds it by the signals.

    Raises:
        ConfigurationError: the address is not one of HTTP.
    """

    def __init__(
        self,
        address: str,
        *,
        batched: bool = False,
        sleep: Callable[[float], None] = time.sleep,
        timeout_s: float = 10.0,
        key: str | None = None,
        asset_type: str | None = None,
    ) -> None:
        url = httpx.URL(address) if address.startswith(("http://", "https://")) else None
        if url is None or not url.host:
            raise ConfigurationError(
                "address", f"{address!r} is not one of HTTP", "Give one such as http://127.0.0.1:3000."
            )
        self.destination = address.rstrip("/") + (BATCH_PATH if batched else ONE_PATH)
        self.retried = 0
        self._named = {} if asset_type is None else {"asset_type": asset_type}
        self._batched, self._sleep, self._reachable = batched, sleep, True
        self._client = httpx.Client(timeout=timeout_s, limits=CONNECTIONS, headers={KEY_HEADER: key} if key else {})

    def send(self, events: Events) -> str | None:
        """Posts them; several at once only where the sink is batched."""
        messages = [self._named | message for message in events.messages()]
        if self._batched:
            return self._post({"readings": messages}, {})
        problems = [self._post(message, {"Idempotency-Key": str(message["event_id"])}) for message in messages]
        return next((problem for problem in problems if problem), None)

    def close(self) -> None:
        """Closes the connection."""
        self._client.close()

    def _post(self, body: dict[str, object], headers: dict[str, str]) -> str | None:
        problem, pause_s = "", _FIRST_PAUSE_S
        for attempt in range(ATTEMPTS if self._reachable else 1):
            if attempt:
                self._sleep(pause_s)
                self.retried += 1
                pause_s *= 2.0
            try:
                answer = self._client.post(self.destination, json=body, headers=headers)
            except httpx.TransportError as error:
                problem = str(error) or type(error).__name__
                continue
            if answer.is_success:
                self._reachable = True
                return None
            problem = f"HTTP {answer.status_code}: {answer.text[:_SHOWN]}"
            if answer.status_code not in _PASSING:
                return problem
            pause_s = max(pause_s, _asked_pause_s(answer))
        self._reachable = False
        return problem


def _asked_pause_s(answer: httpx.Response) -> float:
    """What the header Retry-After asks for in seconds; 0 without it."""
    asked = answer.headers.get("Retry-After", "")
    return min(float(asked), _LONGEST_PAUSE_S) if asked.isdigit() else 0.0
