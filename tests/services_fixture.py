"""Kafka, PostgreSQL and Redis of a module's own: real, on free ports, in a new folder, gone with the module's tests.

A program that is missing fails the tests, and the error names the package. `make test` installs them first.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg
import pytest
from postgres_server import folder_for_all

from smart_sentry.errors import ConfigurationError, ServerNotReady
from smart_sentry.servers import demand_free_port
from smart_sentry.services.control import start, stop
from smart_sentry.services.kafka import Kafka
from smart_sentry.services.postgres import Postgres
from smart_sentry.services.process import running_in
from smart_sentry.services.redis_server import RedisServer
from smart_sentry.services.service import Service

PROGRAMS = Path(__file__).parents[1] / "data" / "services" / "programs"
"""Kafka's jars are brought once for the checkout."""
_TRIALS = 3
NEVER_GIVEN = range(20_000, 32_000)
"""Below what Linux (32768) and others (49152) give to outgoing connections."""


@dataclass(frozen=True)
class Services:
    """Running servers; tests may stop, kill and start them."""

    folder: Path
    kafka: Kafka
    postgres: Postgres
    redis: RedisServer

    @property
    def every(self) -> list[Service]:
        return [self.kafka, self.postgres, self.redis]

    @property
    def kafka_bootstrap(self) -> str:
        return self.kafka.bootstrap

    @property
    def postgres_url(self) -> str:
        return self.postgres.url

    @property
    def redis_url(self) -> str:
        return self.redis.url

    def new_database(self, name: str) -> str:
        """URL of an empty database in PostgreSQL."""
        with psycopg.connect(self.postgres_url, autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"')
        return self.postgres_url.rsplit("/", 1)[0] + f"/{name}"

    def start(self, *services: Service) -> list[str]:
        """Those services, or all; what was said about them."""
        said: list[str] = []
        start(services or self.every, self.folder, said.append)
        return said

    def stop(self, *services: Service) -> list[str]:
        """Those services, or all; what was said about them."""
        said: list[str] = []
        stop(services or self.every, self.folder, said.append)
        return said


def services_in(folder: Path) -> Services:
    """Services on free ports, not started."""
    kafka, controller, postgres, redis = _lasting_ports(4)
    return Services(
        folder,
        Kafka(folder / "kafka", PROGRAMS, kafka, controller, heap_mb=256),
        Postgres(folder / "postgres", postgres, options=("fsync=off",)),
        RedisServer(folder / "redis", redis),
    )


def _lasting_ports(count: int) -> list[int]:
    """Free ports that no connection is given as its own end, so that a service that is down gets its port back."""
    found: list[int] = []
    for port in random.SystemRandom().sample(NEVER_GIVEN, len(NEVER_GIVEN)):
        if len(found) == count:
            break
        with suppress(ConfigurationError):
            demand_free_port("the test", "127.0.0.1", port)
            found.append(port)
    return found


@contextmanager
def running_services(*names: str) -> Iterator[Services]:
    """Those services ("kafka", "postgres", "redis"; none named: all) for the length of the block."""
    with folder_for_all() as folder:
        found = _started(folder, names)
        try:
            yield found
        finally:
            found.stop()


def _started(folder: Path, names: tuple[str, ...]) -> Services:
    """On other ports in another folder where somebody took a port between the look at it and the start."""
    trials = itertools.count(1)
    while True:
        trial = next(trials)
        found = services_in(folder / str(trial))
        found.folder.mkdir()
        try:
            found.start(*(service for service in found.every if service.name in names))
            return found
        except (ServerNotReady, ConfigurationError):
            found.stop()
            if trial == _TRIALS:
                raise


@contextmanager
def standing_still(service: Service) -> Iterator[None]:
    """Every process of a service is stopped (SIGSTOP) for the length of the block."""
    record = running_in(service.folder)
    assert record is not None
    first = psutil.Process(record.pid)
    first.suspend()  # no further processes
    others = first.children(recursive=True)
    for process in others:
        with suppress(psutil.NoSuchProcess):
            process.suspend()
    try:
        yield
    finally:
        for process in (*others, first):
            with suppress(psutil.NoSuchProcess):
                process.resume()


@pytest.fixture(scope="module")
def services() -> Iterator[Services]:
    with running_services() as found:
        yield found
