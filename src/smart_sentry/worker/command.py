"""`smart-sentry stream throughput`: what workers did, as a table. What it needs is imported when it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from smart_sentry.stores.throughput import Throughput

_COLUMNS = (
    "until", "worker", "partition", "seconds", "readings", "per second", "flagged", "dropped", "dead letters", "lag",
    "latency s",
)  # fmt: skip


def throughput(
    limit: Annotated[int, typer.Option(min=1, help="rows; the newest are shown")] = 20,
) -> None:
    """Show how much the workers did, every 10 s and partition."""
    from smart_sentry.config import load_settings
    from smart_sentry.stores.store import Store

    with Store(load_settings().database_url) as store, store.view() as view:
        rows = view.throughput.newest(limit)
    typer.echo(table_of(rows) if rows else "no worker has noted any throughput yet: smart-sentry stream work")


def table_of(rows: Sequence[Throughput]) -> str:
    """The rows as a table, the newest last."""
    from datetime import UTC, datetime

    from rich.console import Console
    from rich.table import Table

    table = Table(*_COLUMNS)
    for row in reversed(rows):
        table.add_row(
            datetime.fromtimestamp(row.time, UTC).isoformat(sep=" ", timespec="seconds").removesuffix("+00:00"),
            row.worker, f"{row.topic}[{row.partition}]", f"{row.seconds:.1f}", str(row.readings),
            f"{row.readings_per_second:.0f}", str(row.flagged), str(row.dropped), str(row.dead_lettered), str(row.lag),
            f"{row.latency_seconds:.3f}",
        )  # fmt: skip
    console = Console(width=160)
    with console.capture() as shown:
        console.print(table)
    return shown.get().rstrip("\n")
