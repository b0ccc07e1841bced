"""A simulated plant with everything that operators have, as `make demo-plant` shows it, until somebody ends it."""

from __future__ import annotations

import fcntl
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from types import FrameType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from smart_sentry.config import Settings
from smart_sentry.demos.plant_servers import Site, dashboard_server, open_site, prepared_home
from smart_sentry.errors import ConfigurationError, ServiceRefused
from smart_sentry.servers import running
from smart_sentry.service_client import ServiceClient, calibrate_over_http
from smart_sentry.simulation.plant import SimulatedPlant
from smart_sentry.simulation.shop_floor import asset_types, shop_floor

AUTHOR = "simulated fitter"
_COLUMNS = (TextColumn("  {task.description}"), BarColumn(), MofNCompleteColumn())
_CALLED_BACK = frozenset({"numba", "llvmlite", "weakref"})
_AGAIN_S = 0.1
"""After which a signal that came at a time when nobody may be interrupted is sent again."""
Announce = Callable[[str], object]


def run_plant_demo(
    settings: Settings, announce: Announce, minutes: float | None = None, services: bool = False, play_faults: bool = True
) -> None:  # fmt: skip
    """Brings up a plant in `data/demo_plant`, plays until Ctrl-C or SIGTERM, and stops everything that it started.

    Args:
        settings: where the project is, and the ports.
        announce: shows one line to the person.
        minutes: after which it ends by itself; None: never.
        services: whether readings go through Kafka and a stream worker into PostgreSQL and Redis; else over HTTP into SQLite.
        play_faults: whether machines break and are repaired by themselves; else only what is ordered on the dashboard.

    Raises:
        SmartSentryError: a step failed; it names what to do.
    """
    try:
        with _ended_by_signals(), _alone(settings.home / "data" / "demo_plant.lock"), ExitStack() as stack:
            home = prepared_home(settings, settings.home / "data" / "demo_plant")
            announce(
                "1 of 4: Kafka, PostgreSQL, Redis, a worker and the service" if services else "1 of 4: the service"
            )
            site = stack.enter_context(open_site(settings, home, services, announce))
            client = stack.enter_context(ServiceClient(site.address))
            plant = stack.enter_context(closing(_plant(site, client, announce)))
            announce("2 of 4: what the machines did in the hours before, healthy, as fast as it is taken")
            _send_past(site, plant)
            announce("3 of 4: calibration")
            _calibrate(site, client, announce)
            announce("4 of 4: the dashboard")
            shown = stack.enter_context(
                running(dashboard_server(settings, site, announce), site.logs / "dashboard.log")
            )
            _tell_what_runs(shown.address, site, play_faults, announce)
            _play(plant, minutes, play_faults)
    except KeyboardInterrupt:
        pass
    announce("Stopped, with everything that was started.")


def _plant(site: Site, client: ServiceClient, announce: Announce) -> SimulatedPlant:
    plans = shop_floor(asset_types(site.home / "configs" / "assets"))

    def maintain(asset_id: str, done: str) -> None:
        client.post("/api/v1/maintenance", {"asset_id": asset_id, "author": AUTHOR, "reason": done})

    sinks = {plan.asset_id: site.sink(plan.asset_type) for plan in plans}
    return SimulatedPlant(site.home, plans, sinks, maintain, lambda line: announce(f"  {line}"))


def _send_past(site: Site, plant: SimulatedPlant) -> None:
    with Progress(*_COLUMNS, transient=True, console=Console(stderr=True)) as progress:
        sent = progress.add_task("sent", total=plant.past_readings)
        readings = plant.send_past(lambda rows: progress.advance(sent, rows))
    site.wait_until_stored(plant.asset_ids, readings)


def _calibrate(site: Site, client: ServiceClient, announce: Announce) -> None:
    plans = shop_floor(asset_types(site.home / "configs" / "assets"))
    with Progress(*_COLUMNS, transient=True, console=Console(stderr=True)) as progress:
        bar = progress.add_task("calibrated", total=len(plans))
        for seconds in sorted({plan.learnt_s for plan in plans}):
            names = [plan.asset_id for plan in plans if plan.learnt_s == seconds]
            for end in calibrate_over_http(client, names, seconds / 60.0, AUTHOR, lambda *_: progress.advance(bar)):
                if end.problem is not None:
                    raise ServiceRefused(site.address, f"{end.asset_id}: {end.problem}", "Run the demo again.")
                announce(f"  {end.asset_id}: grade {end.told['acceptance']['grade']}, baseline {end.told['version']}")


def _play(plant: SimulatedPlant, minutes: float | None, play_faults: bool) -> None:
    stopped = threading.Event()
    alarm = None if minutes is None else threading.Timer(60.0 * minutes, stopped.set)
    if alarm is not None:
        alarm.daemon = True
        alarm.start()
    try:
        plant.run(stopped, play_faults)
    finally:
        if alarm is not None:
            alarm.cancel()


def _tell_what_runs(dashboard: str, site: Site, play_faults: bool, announce: Announce) -> None:
    announce("")
    announce(f"The dashboard: {dashboard}")
    announce(f"The service:   {site.address}/docs")
    announce(f"What is kept:  {site.home} (made anew at each start); logs in {site.logs}")
    happens = "Machines start, break and are repaired by themselves" if play_faults else "Nothing breaks by itself"
    announce(f"{happens}; break one yourself on its page. Ctrl-C stops everything.")
    announce("")


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """One plant at a time: a second one would take the folder away from the first."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise ConfigurationError(lock, "another demo-plant runs in this project", "Stop it first.") from error
        yield


def _loses_exceptions(frame: FrameType | None) -> bool:
    """Whether what runs may be called back by a compiler or by a weak reference: an exception ends with the callback there."""
    while frame is not None:
        if str(frame.f_globals.get("__name__")).partition(".")[0] in _CALLED_BACK:
            return True
        frame = frame.f_back
    return False


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Ctrl-C and SIGTERM end the block alike; while it ends, further ones are not heard, so that everything is stopped."""

    def end(number: int, frame: FrameType | None) -> None:
        if _loses_exceptions(frame):
            again = threading.Timer(_AGAIN_S, os.kill, (os.getpid(), number))
            again.daemon = True
            again.start()
            return
        for number in before:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in before:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
