"""How findings come to a plant from another process: to the service that holds it, or, where none answers, by opening it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from smart_sentry.config import Settings
from smart_sentry.errors import ServiceRefused
from smart_sentry.plant.drift import Taken, take_findings
from smart_sentry.plant.open import open_plant
from smart_sentry.plant.plant import Plant
from smart_sentry.service_client import ServiceClient
from smart_sentry.stores.drift_findings import Finding

PATH = "/api/v1/drift"
_AT_ONCE = 100


def hand_in(settings: Settings, findings: Sequence[Finding]) -> Taken:
    """Has findings stored, and their alarms stand. Handed in again, they change nothing.

    A plant has one memory of its alarms. The service holds it while it runs, so it is asked first; only where nobody listens at
    its address is the plant opened here, by the same code, and closed again. Where stream workers judge
    (SMART_SENTRY_INGEST=kafka), opening it is always safe: alarms are then asked of the workers.

    Raises:
        ServiceRefused: the service refused, or it is there and does not answer: a plant beside it would have a second memory.
        StoreUnavailable: nobody listens, nor does the database.
    """
    key = None if settings.api_key is None else settings.api_key.get_secret_value()
    stored: list[tuple[str, int]] = []
    unknown: list[str] = []
    try:
        with ServiceClient(settings.service_address, key) as client:
            for first in range(0, len(findings), _AT_ONCE):
                body = {"findings": [_told(one) for one in findings[first : first + _AT_ONCE]]}
                answer = client.post(PATH, body)
                stored += [(one["asset_id"], one["finding_id"]) for one in answer["stored"]]
                unknown += answer["unknown"]
    except ServiceRefused as refusal:
        if not refusal.absent:
            raise
        with opened(settings) as plant:
            return take_findings(plant, findings)
    return Taken(tuple(stored), tuple(unknown))


@contextmanager
def opened(settings: Settings) -> Iterator[Plant]:
    """The plant, for as long as the block lasts; its state is stored at the end."""
    plant = open_plant(settings)
    try:
        yield plant
        with plant.lock, plant.store.transaction() as batch:
            plant.save(batch)
    finally:
        if plant.publisher is not None:
            plant.publisher.close()
        plant.store.close()


def _told(finding: Finding) -> dict[str, Any]:
    """A finding as the service takes it."""
    times = {name: _time(getattr(finding, name)) for name in ("time", "recent_start", "recent_end")}
    return vars(finding) | times | {"evidence": [dict(piece) for piece in finding.evidence]}


def _time(seconds: float) -> str | None:
    return datetime.fromtimestamp(seconds, UTC).isoformat() if 0 < seconds < 253_402_300_800 else None
