"""The servers of `demo-plant`: the service with SQLite, or with Kafka, a worker, PostgreSQL and Redis; the dashboard."""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from smart_sentry.assets import AssetType
from smart_sentry.config import Settings
from smart_sentry.demos.stream_run import wait_until_stored
from smart_sentry.environment import library_environment
from smart_sentry.servers import RunningServer, Server, free_port, running
from smart_sentry.services.control import start, stop
from smart_sentry.services.kafka import Kafka
from smart_sentry.services.postgres import Postgres
from smart_sentry.services.redis_server import RedisServer
from smart_sentry.services.service import Service
from smart_sentry.simulation.http_sink import HttpSink
from smart_sentry.simulation.shop_floor import write_quick_motor
from smart_sentry.simulation.sinks import Sink
from smart_sentry.stores.store import Store
from smart_sentry.stream.messages import READINGS_TOPIC

_ELSEWHERE = (
    "API_KEY", "API_KEYS", "DATABASE", "INGEST", "KAFKA_BOOTSTRAP", "KAFKA_TOPIC", "METRICS_PORT", "RATE_LIMIT_READINGS",
    "RATE_LIMIT_REQUESTS", "REDIS_URL", "RETENTION_DAYS", "SERVED", "SERVICES_DATA", "SERVICE_URL",
)  # fmt: skip
"""Settings that lead to another plant, or keep the demo out of its own."""
Announce = Callable[[str], object]


@dataclass(frozen=True)
class Site:
    """Where the plant runs.

    Attributes:
        home: SMART_SENTRY_HOME of its processes.
        logs: their logs.
        service: takes readings, calibrates, answers.
        database: URL.
        bootstrap: of Kafka; None where readings go to the service.
        worker: that judges what goes through Kafka; None where the service does.
        variables: environment of its processes.
    """

    home: Path
    logs: Path
    service: RunningServer
    database: str
    bootstrap: str | None
    worker: RunningServer | None
    variables: Mapping[str, str]

    @property
    def address(self) -> str:
        """Of the service."""
        return self.service.address

    def sink(self, asset_type: AssetType) -> Sink:
        """Where an asset's readings go."""
        if self.bootstrap is None:
            return HttpSink(self.address, batched=True, asset_type=asset_type.name)
        from smart_sentry.simulation.kafka_sink import KafkaSink

        return KafkaSink(f"kafka://{self.bootstrap}/{READINGS_TOPIC}", asset_type, round(time.time() * 1e6))

    def wait_until_stored(self, assets: Sequence[str], rows: int) -> None:
        """Waits until the database has so many readings of these assets.

        Raises:
            ServerNotReady: the worker ended, or nothing moves.
        """
        if self.worker is None:  # what the service has answered is stored
            return
        with Store(self.database) as store:

            def stored() -> int:
                with store.view() as view:
                    return sum(view.readings.count(asset) for asset in assets)

            wait_until_stored(stored, rows, self.worker.process, self.worker.address, self.logs / "worker.log")


def prepared_home(settings: Settings, home: Path) -> Path:
    """A folder of a plant's own, made anew, with this project's asset types. Services that a killed demo left are stopped."""
    if (home / "services").exists():
        stop(_services(settings, home), home / "services", lambda _: None)
    shutil.rmtree(home, ignore_errors=True)
    shutil.copytree(settings.configs_folder / "assets", home / "configs" / "assets")
    write_quick_motor(home / "configs" / "assets")
    return home.resolve()


@contextmanager
def open_site(settings: Settings, home: Path, with_services: bool, announce: Announce) -> Iterator[Site]:
    """The service, and with services what it needs and a worker, for the length of the block.

    Raises:
        SmartSentryError: one does not come up.
    """
    project, logs = settings.home.resolve(), home / "logs"
    with _without_other_plants(), ExitStack() as stack:
        variables = library_environment(settings.home) | {
            "SMART_SENTRY_HOME": str(home), "SMART_SENTRY_HOST": settings.host,
            "PYTHONPATH": os.pathsep.join(filter(None, [str(project), os.environ.get("PYTHONPATH")])),
        }  # fmt: skip
        database, bootstrap, worker = f"sqlite:///{home / 'data' / 'smart_sentry.db'}", None, None
        if with_services:
            started = stack.enter_context(_running_services(settings, home, announce))
            variables |= started | {"SMART_SENTRY_INGEST": "kafka"}
            database, bootstrap = started["SMART_SENTRY_DATABASE"], started["SMART_SENTRY_KAFKA_BOOTSTRAP"]
            worker = stack.enter_context(running(_worker(settings, variables, project), logs / "worker.log"))
        server = _service(settings, variables, project, announce)
        variables["SMART_SENTRY_PORT"] = str(server.port)
        service = stack.enter_context(running(server, logs / "service.log"))
        yield Site(home, logs, service, database, bootstrap, worker, variables)


def dashboard_server(settings: Settings, site: Site, announce: Announce) -> Server:
    """The dashboard of a site, not started."""
    port = _port("the dashboard", settings.host, settings.dashboard_port, announce)
    program = str(Path(sysconfig.get_path("scripts")) / "smart-sentry")
    command = [program, "dashboard", "--port", str(port)]
    folder = settings.home.resolve()
    return Server("the dashboard", command, settings.host, port, "/_stcore/health", site.variables, folder)


def _service(settings: Settings, variables: Mapping[str, str], project: Path, announce: Announce) -> Server:
    port = _port("the service", settings.host, settings.port, announce)
    command = [sys.executable, "-m", "bentoml", "serve", "serving.service:PredictionService", "--host", settings.host]
    return Server("the service", [*command, "--port", str(port)], settings.host, port, "/health", variables, project)


def _worker(settings: Settings, variables: Mapping[str, str], project: Path) -> Server:
    port = free_port(settings.host)
    own = {**variables, "SMART_SENTRY_METRICS_PORT": str(port)}
    command = [sys.executable, "-m", "serving.worker"]
    return Server("the stream worker", command, settings.host, port, "/metrics", own, project)


def _port(name: str, host: str, wanted: int, announce: Announce) -> int:
    """The wanted one, or where that is taken a free one, which is said."""
    found = free_port(host, wanted)
    if found != wanted:
        announce(f"  port {wanted} is taken: {name} listens on {found}")
    return found


def _services(settings: Settings, home: Path) -> list[Service]:
    """Kafka, PostgreSQL and Redis of this plant alone; Kafka's program is the project's."""
    folder, programs = home / "services", settings.services_folder / "programs"
    kafka, controller, postgres, redis = (free_port() for _ in range(4))
    return [
        Kafka(folder / "kafka", programs, kafka, controller, settings.kafka_heap_mb),
        Postgres(folder / "postgres", postgres),
        RedisServer(folder / "redis", redis),
    ]


@contextmanager
def _running_services(settings: Settings, home: Path, announce: Announce) -> Iterator[dict[str, str]]:
    """They run within the block; the settings that lead to them."""
    services = _services(settings, home)

    def tell(line: str) -> None:
        announce(f"  {line}")

    try:
        start(services, home / "services", tell)
        found: dict[str, str] = {}
        for service in services:
            found |= service.variables()
        yield found
    finally:
        stop(services, home / "services", lambda _: None)


@contextmanager
def _without_other_plants() -> Iterator[None]:
    """Takes settings that lead to another plant out of the environment, which servers inherit, for the length of the block."""
    names = [f"SMART_SENTRY_{name}" for name in _ELSEWHERE]
    before = {name: os.environ.pop(name) for name in names if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(before)
