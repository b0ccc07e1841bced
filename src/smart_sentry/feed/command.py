"""`smart-sentry live`: the live feed on a terminal. What it needs is imported when it runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from smart_sentry.feed.feed import LiveFeed, Told

_TURN_S = 0.5
_DEAD_AFTER_S = 10.0


def live(
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object a line (docs/live-feed.md)")] = False,
    alarms_only: Annotated[bool, typer.Option("--alarms-only", help="alarms, and no readings")] = False,
    asset: Annotated[str | None, typer.Option(help="one asset alone")] = None,
    once: Annotated[bool, typer.Option("--once", help="how everything stands now, and no more")] = False,
) -> None:
    """Show how the assets stand and what alarms do, as it comes; until Ctrl-C."""
    from smart_sentry.config import load_settings
    from smart_sentry.feed.open import open_feed

    with open_feed(load_settings()) as feed, suppress(KeyboardInterrupt):
        for update in _updates(feed, once, lambda told: typer.echo(told, err=True)):
            if _is_wanted(update, alarms_only, asset):
                typer.echo(update.model_dump_json() if as_json else line_of(update))


def _updates(feed: LiveFeed, once: bool, warn: Callable[[str], None]) -> Iterator[Told]:
    state = feed.latest()
    yield from state.assets.values()
    yield from state.alarms
    dead = False
    while not once:
        yield from feed.follow(_TURN_S)
        silent = feed.silent_for() > _DEAD_AFTER_S
        if silent and not dead:
            warn(
                f"smart-sentry: nothing was heard for {_DEAD_AFTER_S:g} s: no worker or service feeds this, or it is away"
            )
        dead = silent


def _is_wanted(update: Told, alarms_only: bool, asset: str | None) -> bool:
    if asset is not None and update.asset_id not in (asset, None):
        return False
    return not alarms_only or update.kind == "alarm"


def line_of(update: Told) -> str:
    """One line for people."""
    if update.kind == "gone":
        return f"purged: {'everything' if update.asset_id is None else update.asset_id}"
    at = datetime.fromtimestamp(update.time, UTC).isoformat(sep=" ", timespec="seconds").removesuffix("+00:00")
    if update.kind == "alarm":
        move = f"{update.from_state} -> {update.to_state}"
        told = f"{update.asset_id}  ALARM {update.key} ({update.priority}) {update.event} by {update.author}: {move}"
        return f"{at}  {told}; {update.reason}" if update.reason else f"{at}  {told}"
    score = "not judged" if update.score is None else f"score {update.score:.2f}"
    doing = update.phase if update.regime is None else f"regime {update.regime}"
    parts = [update.asset_id, doing, score, f"health {update.health:.1f}", update.risk]
    if (found := update.prediction) is not None:
        parts.append(
            f"{found.rul_cycles:.0f} cycles left ({found.rul_lower_cycles:.0f} to {found.rul_upper_cycles:.0f})"
        )
    if update.flag:
        parts.append("FLAGGED")
    return "  ".join([at, *parts, *([update.reason] if update.reason else [])])
