"""What a plant does with findings about drift: it stores them, and their alarms stand until a later finding takes them back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass

from smart_sentry.contracts.drift import SKIPPED
from smart_sentry.drift.case import NOTHING_TO_COMPARE
from smart_sentry.errors import UnknownAsset
from smart_sentry.plant.plant import Plant
from smart_sentry.stores.drift_findings import Finding

MAINTENANCE_DUE, ASK, SENSOR_DRIFT = "maintenance", "drift", "sensor drift:"
"""Keys of the alarms: the machine gets worse; a person is asked; beginning of those of sensors. A sensor's has a key of its own:
the readings' own checks speak for `watch.SENSOR`, and would find it well."""
_AUTHOR = "drift monitoring"
_SENSOR_EVIDENCE = ("missing", "stuck", "noise", "alone")


@dataclass(frozen=True)
class Taken:
    """What became of findings.

    Attributes:
        stored: (asset id, number of the finding), also of one that was stored before.
        unknown: assets that the plant does not know.
    """

    stored: tuple[tuple[str, int], ...]
    unknown: tuple[str, ...]


def take_findings(plant: Plant, findings: Iterable[Finding]) -> Taken:
    """Stores findings and lets their alarms stand. One that is stored already, of the same asset and time, changes nothing.

    Raises:
        StoreUnavailable: the database cannot be reached; findings before this one are taken.
    """
    stored, unknown = [], []
    for finding in findings:
        try:
            stored.append((finding.asset_id, _take(plant, finding)))
        except UnknownAsset:
            unknown.append(finding.asset_id)
    return Taken(tuple(stored), tuple(unknown))


def _take(plant: Plant, finding: Finding) -> int:
    asset = finding.asset_id
    with plant.lock:  # no purge between the question whether the asset is known and the finding about it
        plant.type_of(asset)
        with plant.store.transaction(assets=[asset]) as batch:
            newest = batch.drift_findings.newest(asset)
            if newest is not None and newest.finding.time == finding.time:
                number = newest.finding_id
            else:
                number = batch.drift_findings.add(finding)
            active = {one.kind for one in batch.alarms.current(asset) if one.details.get("active")}
        if newest is None or newest.finding.time <= finding.time:
            _let_stand(plant, finding, {key for key in active if is_about_drift(key)})
    return number


def _let_stand(plant: Plant, finding: Finding, active: Set[str]) -> None:
    """Raises the finding's alarms and returns the others; what stands as it should is not touched."""
    standing = standing_alarms(finding)
    if standing is None:
        return
    for key in sorted(active - standing.keys()):
        plant.alarms.state_condition(finding.asset_id, key, False, _AUTHOR, "A later finding does not confirm it.")
    for key in sorted(standing.keys() - active):
        plant.alarms.state_condition(finding.asset_id, key, True, _AUTHOR, standing[key])


def is_about_drift(key: str) -> bool:
    """Whether findings speak for an alarm."""
    return key in (MAINTENANCE_DUE, ASK) or key.startswith(SENSOR_DRIFT)


def standing_alarms(finding: Finding) -> Mapping[str, str] | None:
    """Key -> reason of the alarms that a finding speaks for; every other one about drift is over. None: it says nothing."""
    reason = (
        _joined([str(piece["sentence"]) for piece in finding.evidence]).strip() or f"The verdict is {finding.verdict}."
    )
    if any(piece["kind"] == NOTHING_TO_COMPARE for piece in finding.evidence):
        return None
    match finding.verdict:
        case "degradation":
            return {MAINTENANCE_DUE: reason}
        case "unknown":
            return {ASK: reason}
        case "sensor_fault":
            return dict.fromkeys(_signals_of(finding), reason) or {ASK: reason}
        case verdict if verdict == SKIPPED:
            return None
        case _:
            return {}


def _signals_of(finding: Finding) -> list[str]:
    """Keys of the alarms of the sensors that a finding is about."""
    pieces = [piece for piece in finding.evidence if piece["kind"] in _SENSOR_EVIDENCE]
    return [SENSOR_DRIFT + str(name) for piece in pieces for name in piece["signals"]]


def _joined(sentences: Sequence[str], most: int = 3) -> str:
    """The weightiest sentences; a verdict's own reason stands last."""
    chosen = [*sentences[: most - 1], sentences[-1]] if len(sentences) > most else sentences
    return " ".join(chosen)
