"""Carries a recalibration forward: builds the candidate, checks it, compares it, and tells the service each time.

It runs beside the service, in a flow or on the command line. The service keeps where it stands, decides and promotes; whoever
runs this again after a stop goes on from there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from smart_sentry.assets import AssetType
from smart_sentry.baseline_store import BaselineStore
from smart_sentry.detection.baseline import Baseline
from smart_sentry.detection.calibration import Readings, calibrate
from smart_sentry.errors import (
    ChecksumMismatch,
    ContaminatedCalibration,
    InsufficientData,
    ModelUnavailable,
    UnknownAsset,
)
from smart_sentry.plant.recalibration_material import case_of, training_readings
from smart_sentry.recalibration.checks import run_checks
from smart_sentry.recalibration.shadow import shadow
from smart_sentry.service_client import ServiceClient
from smart_sentry.stores.recalibrations import Recalibration
from smart_sentry.stores.store import Store

PATH = "/api/v1/recalibrations"
BY_MACHINE = ("ASKED", "CHECKED", "SHADOWING")
"""States in which the next step needs no person."""
SEED = 20
"""Of a candidate's forests."""
_NO_CANDIDATE = (InsufficientData, ContaminatedCalibration, ModelUnavailable, ChecksumMismatch)


@dataclass(frozen=True)
class Workshop:
    """What a recalibration is carried forward with.

    Attributes:
        store: the service's database, to read.
        asset_types: name -> type.
        models_folder: the service's; candidates are kept in it.
        client: of the service.
        author: who does it, for the record.
        lookback_minutes: how much of an asset's past counts as recent.
        most_move_sigma: cap on the cumulative move.
        clock: seconds since 1970 UTC.
    """

    store: Store
    asset_types: Mapping[str, AssetType]
    models_folder: Path
    client: ServiceClient
    author: str
    lookback_minutes: float
    most_move_sigma: float
    clock: Callable[[], float]


def open_or_ask(
    shop: Workshop, asset_id: str, reason: str, finding_id: int | None = None, *, override: bool = False
) -> dict[str, Any]:
    """The asset's open recalibration, or a new one; as the service tells it.

    Raises:
        ServiceRefused: nobody answers, or there may be none now.
    """
    standing = shop.client.get(PATH, asset_id=asset_id, open_only="true")
    if standing:
        return dict(standing[0])
    body = {"asset_id": asset_id, "author": shop.author, "reason": reason, "override": override}
    return dict(shop.client.post(PATH, body | ({} if finding_id is None else {"finding_id": finding_id})))


def carry_forward(shop: Workshop, number: int) -> dict[str, Any]:
    """Takes every step that needs no person, and returns the recalibration as the service tells it.

    Raises:
        ServiceRefused: the service went away or refused.
    """
    told: dict[str, Any] = {"state": BY_MACHINE[0]}
    while told["state"] in BY_MACHINE:
        told = next_step(shop, number)
    return told


def next_step(shop: Workshop, number: int) -> dict[str, Any]:
    """Takes the step that comes next; where no candidate can be had, the recalibration is given up with the reason.

    Raises:
        ServiceRefused: the service went away or refused.
    """
    with shop.store.view() as batch:
        found = batch.recalibrations.find(number)
    try:
        match found.state, found.candidate_version:
            case "ASKED", None:
                return build_candidate(shop, found)
            case "ASKED", _:
                return check_candidate(shop, found)
            case "CHECKED", _:
                return _tell(shop, found, {"step": "shadowing"})
            case "SHADOWING", _:
                return compare(shop, found)
        return standing(shop, number, found.asked.asset_id)
    except _NO_CANDIDATE as problem:
        return _tell(shop, found, {"step": "given up", "problem": str(problem)})


def build_candidate(shop: Workshop, found: Recalibration) -> dict[str, Any]:
    """Learns a candidate from the recent readings, and keeps it beside the active baseline.

    Raises:
        ServiceRefused. InsufficientData, ContaminatedCalibration: no candidate comes of these readings.
    """
    kind, baselines = _of_asset(shop, found.asked.asset_id)
    training = training_readings(shop.store, kind, found, shop.lookback_minutes)
    created = datetime.fromtimestamp(shop.clock(), UTC).isoformat(timespec="seconds")
    candidate = calibrate(found.asked.asset_id, kind, training, created=created, seed=SEED)
    version = baselines.keep(candidate, training)
    if version == found.asked.active_version:
        problem = f"The recent readings are those that the active baseline {version} was learnt from."
        return _tell(shop, found, {"step": "given up", "problem": problem})
    return _tell(shop, found, {"step": "built", "candidate_version": version})


def check_candidate(shop: Workshop, found: Recalibration) -> dict[str, Any]:
    """Makes every check of a candidate.

    Raises:
        ServiceRefused. ModelUnavailable, ChecksumMismatch: a baseline cannot be read.
    """
    kind, baselines = _of_asset(shop, found.asked.asset_id)
    case = case_of(shop.store, baselines, kind, found, shop.most_move_sigma)
    checks = run_checks(case, seed=found.number)
    done = {
        "step": "checked",
        "candidate_version": found.candidate_version,
        "checks": [vars(check) for check in checks],
    }
    return _tell(shop, found, done)


def compare(shop: Workshop, found: Recalibration) -> dict[str, Any]:
    """Scores what came after the candidate's readings by it and by the active baseline.

    Raises:
        ServiceRefused. ModelUnavailable, ChecksumMismatch: a baseline cannot be read.
    """
    kind, baselines = _of_asset(shop, found.asked.asset_id)
    case = case_of(shop.store, baselines, kind, found, shop.most_move_sigma)
    compared = shadow(kind, case.active, case.candidate, case.training, case.held_out)
    told = {name: list(value) if isinstance(value, tuple) else value for name, value in vars(compared).items()}
    return _tell(shop, found, {"step": "shadowed", "candidate_version": found.candidate_version, "shadow": told})


def candidate_of(shop: Workshop, told: Mapping[str, Any]) -> tuple[Baseline, Readings | None] | None:
    """The candidate of a recalibration and what it was learnt from; None where there is none that can be read."""
    asset, version = told["asset_id"], told["candidate_version"]
    if version is None:
        return None
    baselines = _of_asset(shop, asset)[1]
    try:
        return baselines.load(asset, version), baselines.readings_of(asset, version)
    except (ModelUnavailable, ChecksumMismatch):
        return None


def standing(shop: Workshop, number: int, asset_id: str) -> dict[str, Any]:
    """A recalibration as the service tells it."""
    found: list[dict[str, Any]] = shop.client.get(PATH, asset_id=asset_id)
    return next(one for one in found if one["number"] == number)


def _tell(shop: Workshop, found: Recalibration, done: Mapping[str, Any]) -> dict[str, Any]:
    return dict(shop.client.post(f"{PATH}/{found.number}/advance", {"author": shop.author, **done}))


def _of_asset(shop: Workshop, asset_id: str) -> tuple[AssetType, BaselineStore]:
    with shop.store.view() as batch:
        state = batch.states.find(asset_id)
    if state is None or state.asset_type not in shop.asset_types:
        raise UnknownAsset(asset_id)
    return shop.asset_types[state.asset_type], BaselineStore(shop.models_folder / state.asset_type / "baselines")
