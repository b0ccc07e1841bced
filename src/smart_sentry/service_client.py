"""A running service, asked over HTTP as a person with curl would ask it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from email.message import Message
from typing import Any
from urllib.parse import unquote

import httpx

from smart_sentry.errors import ServiceRefused

KEY_HEADER = "X-API-Key"
CONNECTIONS = httpx.Limits(keepalive_expiry=3.0)
"""The service closes a connection that has been idle for 5 s, as long as httpx keeps one: who asks just then gets no answer."""
START_PATH = "/api/v1/calibration/start"
RECALIBRATIONS_PATH = "/api/v1/recalibrations"
_PAUSE_S = 0.2
_SHOWN = 300


@dataclass(frozen=True)
class Downloaded:
    """A file that a service answered.

    Attributes:
        name: under which it is kept; empty where the service names none.
        media_type: e.g. application/pdf.
        content: its bytes.
    """

    name: str
    media_type: str
    content: bytes


class ServiceClient:
    """A connection to one service.

    Args:
        address: such as http://127.0.0.1:3000.
        key: API key, where the service asks for one; it is sent and never shown.
        timeout_s: for one answer.

    Raises:
        ServiceRefused: the address is not one of HTTP.
    """

    def __init__(self, address: str, key: str | None = None, timeout_s: float = 30.0) -> None:
        url = httpx.URL(address) if address.startswith(("http://", "https://")) else None
        if url is None or not url.host:
            raise ServiceRefused(address, "this is not an address of HTTP", "Give one such as http://127.0.0.1:3000.")
        self.address = address
        self._client = httpx.Client(
            base_url=url, timeout=timeout_s, limits=CONNECTIONS, headers={KEY_HEADER: key} if key else {}
        )

    def __enter__(self) -> ServiceClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def get(self, path: str, **query: str) -> Any:
        """What a GET answers, decoded.

        Raises:
            ServiceRefused: nobody answers, or with a refusal.
        """
        return self._ask("GET", path, params=query).json()

    def download(self, path: str, **query: str) -> Downloaded:
        """The file that a GET answers.

        Raises:
            ServiceRefused: nobody answers, or with a refusal.
        """
        answer = self._ask("GET", path, params=query)
        media_type = answer.headers.get("content-type", "application/octet-stream").partition(";")[0]
        return Downloaded(_file_name(answer.headers.get("content-disposition", "")), media_type, answer.content)

    def close(self) -> None:
        """Lets go of the connection."""
        self._client.close()

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """What a POST of a JSON body answers, decoded.

        Raises:
            ServiceRefused: nobody answers, or with a refusal.
        """
        return self._ask("POST", path, json=body).json()

    def _ask(self, method: str, path: str, **content: Any) -> httpx.Response:
        try:
            answer = self._client.request(method, path, **content)
        except httpx.TransportError as error:
            said = str(error) or type(error).__name__
            absent = isinstance(error, httpx.ConnectError)
            remedy = "Start it: smart-sentry monitor." if absent else "See the service's log, and try again."
            raise ServiceRefused(f"{self.address}{path}", said, remedy, absent=absent) from error
        if answer.is_error:
            remedy = "Mend what it names." if answer.is_client_error else "See the service's log."
            if answer.status_code in (401, 403):
                remedy = "Set SMART_SENTRY_API_KEY to a key that may do this."
            raise ServiceRefused(f"{self.address}{path}", f"{answer.status_code}: {_said(answer)}", remedy)
        return answer


def _file_name(disposition: str) -> str:
    """The name that a header names (RFC 6266): the one in any script before the one in ASCII; empty where there is none.

    >>> _file_name('attachment; filename="_.pdf"; filename*=UTF-8' + 2 * "'" + "%E3%83%A2.pdf")
    'モ.pdf'
    >>> _file_name('attachment; filename="a b.pdf"'), _file_name("")
    ('a b.pdf', '')
    """
    if found := re.search(r"filename\*=UTF-8''([^;\s]+)", disposition, re.IGNORECASE):
        return unquote(found[1])
    named = Message()
    named["content-disposition"] = disposition
    return named.get_filename() or ""


def _said(answer: httpx.Response) -> str:
    """The sentence of a refusal, or what came instead."""
    try:
        return str(answer.json()["error"]["message"]).removesuffix(".")
    except (ValueError, KeyError, TypeError):
        return answer.text[:_SHOWN]


def decide_over_http(
    client: ServiceClient, number: int, author: str, reason: str, *, approve: bool, override: bool = False
) -> dict[str, Any]:
    """Approves or rejects a recalibration, and returns it as the service tells it.

    Args:
        number: of the recalibration.
        author, reason: who decides, and why.
        approve: promotes its candidate; else it is rejected.
        override: approves although the newest finding is degradation.

    Raises:
        ServiceRefused: nobody answers, or it may not be decided so.
    """
    body = {"author": author, "reason": reason} | ({"override": True} if override else {})
    return dict(client.post(f"{RECALIBRATIONS_PATH}/{number}/{'approve' if approve else 'reject'}", body))


@dataclass(frozen=True)
class CalibrationEnd:
    """How one asset's calibration ended.

    Attributes:
        asset_id: whose.
        stage: accepted, refused or failed; "not started" where the service declined to begin.
        told: the service's status, with the report of an accepted one; empty where it did not begin.
        problem: why there is no new baseline; None where there is one.
    """

    asset_id: str
    stage: str
    told: dict[str, Any]
    problem: str | None


def calibrate_over_http(
    client: ServiceClient, assets: Sequence[str], lookback_minutes: float, author: str, progress: Callable[[int, int], None]
) -> list[CalibrationEnd]:  # fmt: skip
    """Starts a calibration of every asset, and waits until all have ended.

    Args:
        assets: whose.
        lookback_minutes: how much of each asset's past it is learnt from.
        author: for the record.
        progress: told (how many have ended, of how many).

    Raises:
        ServiceRefused: the service went away, or a calibration does not end.
    """
    declined: dict[str, CalibrationEnd] = {}
    for asset in assets:
        body = {"asset_id": asset, "lookback_minutes": lookback_minutes, "author": author}
        try:
            client.post(START_PATH, body)
        except ServiceRefused as refusal:
            if not refusal.answered:
                raise
            declined[asset] = CalibrationEnd(asset, "not started", {}, refusal.problem)
    ends = []
    for number, asset in enumerate(assets, start=1):
        ends.append(declined.get(asset) or calibration_end(client, asset))
        progress(number, len(assets))
    return ends


def calibration_end(client: ServiceClient, asset: str, patience_s: float = 600.0) -> CalibrationEnd:
    """Waits until an asset's calibration has ended.

    Raises:
        ServiceRefused: the service went away, or the calibration has not ended after `patience_s`.
    """
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        told = client.get("/api/v1/calibration/status", asset_id=asset)
        if told["progress"] == 1:
            return CalibrationEnd(asset, told["stage"], told, told["problem"])
        time.sleep(_PAUSE_S)
    problem = f"the calibration of {asset} has not ended after {patience_s:g} s"
    raise ServiceRefused(client.address, problem, "See the service's log.")
