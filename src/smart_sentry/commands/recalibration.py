"""`smart-sentry recalibrate` and `recalibrations`. What they need is imported when they run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from smart_sentry.service_client import ServiceClient

recalibrations_app = typer.Typer(
    help="Recalibrations: where they stand, and what a person decides.", no_args_is_help=True
)

Asset = Annotated[str, typer.Argument(help="asset", metavar="ASSET")]
Number = Annotated[int, typer.Argument(help="number that `recalibrations list` shows", metavar="NUMBER")]
Author = Annotated[str, typer.Option(help="who decides, for the record")]
Reason = Annotated[str, typer.Option(help="why, for the record")]
Service = Annotated[str | None, typer.Option(help="address of the service; else this machine's")]
_PATH = "/api/v1/recalibrations"
_STEPS = {
    "ASKED": "building the candidate", "CHECKED": "checked", "SHADOWING": "comparing", "AWAITING_APPROVAL": "waits",
    "WATCHING": "promoted",
}  # fmt: skip


def recalibrate(
    asset: Asset,
    reason: Annotated[str, typer.Option(help="why, for the record")] = "asked on the command line",
    author: Annotated[str | None, typer.Option(help="who asks; else the user's name")] = None,
    minutes: Annotated[
        float | None, typer.Option(min=1.0, help="how much of the asset's past it is learnt from; else by the settings")
    ] = None,
    finding: Annotated[int | None, typer.Option(help="number of the drift finding that it follows from")] = None,
    approve: Annotated[bool, typer.Option("--approve", help="approve as AUTHOR what waits for a person")] = False,
    override: Annotated[
        bool, typer.Option("--override", help="neither wait for the pause nor be held by a finding of degradation")
    ] = False,
    wait: Annotated[bool, typer.Option("--wait", help="until the watch period is over")] = False,
    service: Service = None,
) -> None:
    """Learn a new baseline for an asset, check it, and have it promoted where that is safe; takes up one that is open."""
    import getpass

    from rich.console import Console

    from smart_sentry.config import load_settings
    from smart_sentry.plant.recalibration_run import BY_MACHINE, next_step, open_or_ask, standing
    from smart_sentry.plant.recalibration_shop import open_workshop
    from smart_sentry.service_client import decide_over_http

    who = author or getpass.getuser()
    with open_workshop(load_settings(), who, minutes, service) as shop:
        told = open_or_ask(shop, asset, reason, finding, override=override)
        with Console(stderr=True).status("asked") as shown:
            while told["state"] in BY_MACHINE:
                shown.update(_STEPS[told["state"]])
                told = next_step(shop, told["number"])
        if told["state"] == "AWAITING_APPROVAL" and approve:
            _print(told)
            told = decide_over_http(shop.client, told["number"], who, reason, approve=True, override=override)
        if told["state"] == "WATCHING" and wait:
            told = _watched(shop.client, told)
        _print(standing(shop, told["number"], asset))
    if told["state"] in ("REFUSED", "ROLLED_BACK", "WITHDRAWN"):
        raise typer.Exit(1)


@recalibrations_app.command("list")
def list_recalibrations(
    asset: Annotated[str | None, typer.Option(help="of this asset; else of all")] = None,
    open_only: Annotated[bool, typer.Option("--open", help="only those that are not over")] = False,
    service: Service = None,
) -> None:
    """Show recalibrations, the newest first."""
    from rich.console import Console
    from rich.table import Table

    query = {"open_only": str(open_only).lower()} | ({} if asset is None else {"asset_id": asset})
    with _client(service) as client:
        found = client.get(_PATH, **query)
    columns = (
        "number",
        "asset_id",
        "state",
        "asked",
        "author",
        "reason",
        "active_version",
        "candidate_version",
        "decided_by",
    )
    table = Table(*(name.replace("_", " ").removesuffix(" id") for name in columns))
    for one in found:
        told = one | {"asked": f"{one['asked'][:19]}Z"}
        table.add_row(*(str(told[name] if told[name] is not None else "") for name in columns))
    Console(width=160).print(table)


@recalibrations_app.command("approve")
def approve_one(
    number: Number, author: Author, reason: Reason,
    override: Annotated[
        bool, typer.Option("--override", help="although the newest finding is degradation; it is recorded")
    ] = False,
    service: Service = None,
) -> None:  # fmt: skip
    """Promote a candidate that waits for a person; it is watched like any other."""
    from smart_sentry.service_client import decide_over_http

    with _client(service) as client:
        _print(decide_over_http(client, number, author, reason, approve=True, override=override))


@recalibrations_app.command("reject")
def reject_one(number: Number, author: Author, reason: Reason, service: Service = None) -> None:
    """End a recalibration whose candidate is not active."""
    from smart_sentry.service_client import decide_over_http

    with _client(service) as client:
        _print(decide_over_http(client, number, author, reason, approve=False))


def _client(service: str | None) -> ServiceClient:
    from smart_sentry.config import load_settings
    from smart_sentry.service_client import ServiceClient

    settings = load_settings()
    key = settings.api_key.get_secret_value() if settings.api_key else None
    return ServiceClient(service or settings.service_address, key)


def _watched(client: ServiceClient, told: Mapping[str, Any]) -> dict[str, Any]:
    import time

    from rich.console import Console

    with Console(stderr=True).status(f"watched until the readings of {told['watch_until']}"):
        while True:
            found = client.get(_PATH, asset_id=told["asset_id"])
            now = next(one for one in found if one["number"] == told["number"])
            if now["state"] != "WATCHING":
                return dict(now)
            time.sleep(1.0)


def _print(told: Mapping[str, Any]) -> None:
    said = told["checks"] or {}
    words = {True: "passed", False: "FAILED", None: "for a person"}
    for check in said.get("checks", ()):
        typer.echo(f"  {check['name']}: {words[check['passed']]}. {check['sentence']}")
    for sentence in said.get("refused") or said.get("decision", {}).get("sentences", ()):
        typer.echo(f"  {sentence}")
    for sentence in said.get("watch", {}).get("objections", ()):
        typer.echo(f"  {sentence}")
    candidate = f", candidate {told['candidate_version']}" if told["candidate_version"] else ""
    typer.echo(f"recalibration {told['number']} of {told['asset_id']}: {told['state']}{candidate}")
    if told["state"] == "AWAITING_APPROVAL":
        typer.echo(f"  smart-sentry recalibrations approve {told['number']} --author NAME --reason WHY")
