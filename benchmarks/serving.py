"""POST /predict of the BentoML service against a bare FastAPI handler with the same model, in the same run, under wrk.

Both run as one process. Runs of the two alternate, and what counts is the median of the ratios of neighbouring runs: a
machine that is busy with something else slows both.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks import wrk
from benchmarks.champion import request_body, subject
from smart_sentry.config import Settings
from smart_sentry.servers import Server, free_port, running

ROUNDS = 5
CASES = ((1, 1, 3), (1, 32, 4), (1000, 1, 4), (1000, 32, 8))
"""Rows of a body, clients, seconds of a run."""
LEAST_THROUGHPUT, MOST_P99 = 0.8, 1.5
"""Targets: the service's throughput and 99th percentile of latency as multiples of the bare handler's."""


def main() -> bool:
    """Prints the table; whether every target is met."""
    if not wrk.is_installed():
        print("serving is not measured: wrk is not installed (Debian, Ubuntu: apt-get install wrk)")
        return True
    of = subject()
    bodies = {1: request_body(of, 1, 1), 1000: request_body(of, 10, 100)}
    logs = of.settings.home.resolve() / ".home" / "logs"
    with ExitStack() as stack:
        peer, project = (
            stack.enter_context(running(server, logs / f"bench_{server.name}.log")).address
            for server in servers(of.settings, of.name)
        )
        measured = [measure(peer, project, bodies[rows], clients, seconds) for rows, clients, seconds in CASES]
    return show(measured, of.bundle.version)


def servers(settings: Settings, dataset: str) -> tuple[Server, Server]:
    """The bare handler and the service, on free ports of the loopback."""
    host, first, second = "127.0.0.1", free_port(), free_port()
    root = Path(__file__).resolve().parents[1]
    variables = {
        "SMART_SENTRY_HOME": str(settings.home.resolve()),
        "SMART_SENTRY_SERVED": dataset,
        "SMART_SENTRY_HOST": host,
        "SMART_SENTRY_PORT": str(second),
    }
    bare = ["uvicorn", "benchmarks.bare_fastapi:app", "--host", host, "--port", str(first), "--no-access-log"]
    service = ["bentoml", "serve", "serving.service:PredictionService"]
    return (
        Server("bare", [sys.executable, "-m", *bare], host, first, "/ready", variables, root),
        Server("service", [sys.executable, "-m", *service], host, second, "/ready", variables, root),
    )


def measure(peer: str, project: str, body: dict[str, Any], clients: int, seconds: int) -> Mapping[str, float]:
    """Alternating runs against both; medians, and the medians of the ratios of neighbours."""
    for address in (peer, project):
        wrk.load(f"{address}/predict", body, clients, 1)  # warm
    rounds = []
    for number in range(ROUNDS):
        order = (peer, project) if number % 2 == 0 else (project, peer)
        loads = {address: wrk.load(f"{address}/predict", body, clients, seconds) for address in order}
        rounds.append((loads[peer], loads[project]))
    return {
        "rows": len(body["assets"]) * len(body["assets"][0]["cycles"]),
        "clients": clients,
        "peer_rps": median(a.requests_per_s for a, _ in rounds),
        "rps": median(b.requests_per_s for _, b in rounds),
        "rps_ratio": median(b.requests_per_s / a.requests_per_s for a, b in rounds),
        "peer_p50": median(a.p50_ms for a, _ in rounds),
        "p50": median(b.p50_ms for _, b in rounds),
        "peer_p99": median(a.p99_ms for a, _ in rounds),
        "p99": median(b.p99_ms for _, b in rounds),
        "p99_ratio": median(b.p99_ms / a.p99_ms for a, b in rounds),
    }


def show(measured: list[Mapping[str, float]], model: str) -> bool:
    """The table; whether every target is met."""
    table = Table(
        title=f"POST /predict: bare FastAPI / this service, model {model}, median of {ROUNDS} alternating runs"
    )
    for title in ("rows", "clients", "requests/s", "ratio", "p50 ms", "p99 ms", "ratio", "targets"):
        table.add_column(title, justify="right")
    verdicts = []
    for one in measured:
        met = one["rps_ratio"] >= LEAST_THROUGHPUT and one["p99_ratio"] <= MOST_P99
        verdicts.append(met)
        table.add_row(
            f"{one['rows']:.0f}", f"{one['clients']:.0f}", f"{one['peer_rps']:.0f} / {one['rps']:.0f}", f"{one['rps_ratio']:.2f}",
            f"{one['peer_p50']:.2f} / {one['p50']:.2f}", f"{one['peer_p99']:.1f} / {one['p99']:.1f}", f"{one['p99_ratio']:.2f}",
            "met" if met else "MISSED",
        )  # fmt: skip
    Console(width=120).print(table)
    print(f"targets: throughput at least {LEAST_THROUGHPUT} of the bare handler's, p99 at most {MOST_P99} times its")
    return all(verdicts)


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
