"""The drift loop from end to end, as `make demo-drift` shows it: a fleet drifts, and the automation does what is safe."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from typing import Any

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from smart_sentry.assets import load_asset_type
from smart_sentry.config import Settings
from smart_sentry.datasets.drift_fleet import HOURS, STORIES, Member, drift_fleet
from smart_sentry.demos.drift_run import Plant, begin_of, make_home, running_plant
from smart_sentry.errors import ServiceRefused
from smart_sentry.service_client import calibrate_over_http

Announce = Callable[[str], object]
_FRESH_S = 7200.0
_PROMOTED = ("WATCHING", "KEPT", "ROLLED_BACK")
_MOVING = ("ASKED", "CHECKED", "SHADOWING")


def run_drift_demo(settings: Settings, announce: Announce = print, kinds: Sequence[str] | None = None) -> bool:
    """Runs everything once, in a folder and on a database of its own.

    Args:
        settings: `home` is a checkout; its own data are not touched.
        announce: shows one line to the person.
        kinds: which stories; None: all.

    Returns:
        Whether no machine that gets worse was recalibrated.

    Raises:
        SmartSentryError: a step failed; it names what to do.
    """
    began = time.monotonic()
    home = settings.home.resolve() / "data" / "demo_drift"
    make_home(settings, home)
    announce("1 of 5: Prefect's server, the scheduler and the service start; the fleet lives")
    with running_plant(settings, home, begin_of(2 * HOURS * 3600.0 + _FRESH_S)) as plant:
        fleet = _live(settings, kinds)
        announce(f"2 of 5: {len(fleet)} motors send {HOURS:g} healthy hours each and are calibrated")
        _calibrate(plant, fleet)
        announce(f"3 of 5: {HOURS:g} more hours, in which things happen; then the flow monitor-drift")
        _each(plant, fleet, "recent hours", lambda member: plant.send(member, member.recent))
        for member in fleet:
            plant.write_log(member)
        plant.run("monitor-drift", {"hours": HOURS, "report": False})
        findings = _findings(plant)
        allowed = [asset for asset, found in findings.items() if found["may_recalibrate"]]
        announce(f"4 of 5: the automation fires for {len(allowed)} of {len(fleet)}: the flow recalibrate")
        _recalibrate(plant, allowed, announce)
        announce("5 of 5: two more hours under the new baselines: kept, or rolled back")
        _watch(plant, fleet)
        done = plant.recalibrations()
    safe = _show(fleet, findings, done)
    announce(
        f"Done in {time.monotonic() - began:.0f} s, of which {_processor_seconds() / (os.cpu_count() or 1):.0f} s of work for"
        f" {os.cpu_count()} processors. How it works: docs/drift.md, docs/recalibration.md."
    )
    return safe


def _processor_seconds() -> float:
    """What this process and those that it started and waited for have worked: on a busy machine they wait for their turn, too."""
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


def _live(settings: Settings, kinds: Sequence[str] | None) -> list[Member]:
    bench = load_asset_type(settings.configs_folder / "assets" / "motor_bench.yaml")
    with Progress(transient=True) as progress:
        bar = progress.add_task("lives", total=len(STORIES) if kinds is None else len(kinds))
        return drift_fleet(bench, kinds, lambda _: progress.advance(bar))


def _each(plant: Plant, fleet: Sequence[Member], what: str, send: Callable[[Member], None]) -> None:
    with Progress(transient=True) as progress:
        for member in progress.track(fleet, description=what):
            send(member)


def _calibrate(plant: Plant, fleet: Sequence[Member]) -> None:
    _each(plant, fleet, "healthy hours", lambda member: plant.send(member, member.reference))
    with Progress(transient=True) as progress:
        bar = progress.add_task("calibrations", total=len(fleet))
        ends = calibrate_over_http(
            plant.client, [member.asset_id for member in fleet], 60.0 * HOURS, "demo",
            lambda number, _: progress.update(bar, completed=number),
        )  # fmt: skip
    for one in ends:
        if one.problem is not None:
            raise ServiceRefused(plant.client.address, f"{one.asset_id}: {one.problem}", "Run the demo again.")


def _findings(plant: Plant) -> dict[str, dict[str, Any]]:
    """Asset -> its newest finding."""
    found = plant.client.get("/api/v1/drift", limit="1000")
    told = found["findings"] if isinstance(found, dict) else found
    return {one["asset_id"]: one for one in reversed(told)}


def _recalibrate(plant: Plant, allowed: Sequence[str], announce: Announce) -> None:
    """Waits for what the automation started; a person approves what waits for one."""
    with Progress(transient=True) as progress:
        bar = progress.add_task("recalibrations", total=len(allowed))

        def all_decided() -> bool:
            found = plant.recalibrations()
            decided = [asset for asset in allowed if asset in found and found[asset]["state"] not in _MOVING]
            progress.update(bar, completed=len(decided))
            return len(decided) == len(allowed)

        plant.wait(all_decided, "not every recalibration was decided")
    for asset, one in sorted(plant.recalibrations().items()):
        if one["state"] == "AWAITING_APPROVAL":
            why = "; ".join(one["checks"]["decision"]["sentences"])
            announce(f"  {asset} waits for a person, who approves: {why}")
            decision = {"author": "Ada (demo)", "reason": "the change is explained"}
            plant.client.post(f"/api/v1/recalibrations/{one['number']}/approve", decision)


def _watch(plant: Plant, fleet: Sequence[Member]) -> None:
    watched = {asset for asset, one in plant.recalibrations().items() if one["state"] == "WATCHING"}
    seen = [member for member in fleet if member.fresh is not None]

    def send(member: Member) -> None:
        if member.fresh is not None:
            plant.send(member, member.fresh)

    _each(plant, seen, "fresh hours", send)
    waited = watched & {member.asset_id for member in seen}

    def all_ended() -> bool:
        found = plant.recalibrations()
        return all(found[asset]["state"] != "WATCHING" for asset in waited)

    plant.wait(all_ended, "a watch period has not ended")


def _show(fleet: Sequence[Member], findings: dict[str, dict[str, Any]], done: dict[str, dict[str, Any]]) -> bool:
    table = Table("motor", "truth", "verdict", "recalibrated", "as it should be")
    safe = True
    for member in fleet:
        verdict = findings.get(member.asset_id, {}).get("verdict", "no finding")
        state = done.get(member.asset_id, {}).get("state")
        recalibrated = state in _PROMOTED
        right = verdict in member.accepted and recalibrated == (member.explained and state != "ROLLED_BACK")
        safe &= not (member.degrading and recalibrated)
        told = "no" if state is None else f"{'yes' if recalibrated else 'no'}: {state}"
        table.add_row(member.asset_id, member.story, verdict, told, "yes" if right else "NO")
    Console(width=120).print(table)
    return safe
