"""The services of a project, by name."""

from __future__ import annotations

from collections.abc import Sequence

from smart_sentry.config import Settings
from smart_sentry.errors import ConfigurationError
from smart_sentry.services.kafka import Kafka
from smart_sentry.services.postgres import Postgres
from smart_sentry.services.redis_server import RedisServer
from smart_sentry.services.service import Service


def services_of(settings: Settings, names: Sequence[str] = ()) -> list[Service]:
    """The services as the settings place them.

    Args:
        settings: folder and ports.
        names: which ones; none: all.

    Raises:
        ConfigurationError: there is no service of that name.
    """
    folder = settings.services_folder
    every: list[Service] = [
        Kafka(
            folder / "kafka", folder / "programs", settings.kafka_port, settings.kafka_controller_port,
            settings.kafka_heap_mb,
        ),
        Postgres(folder / "postgres", settings.postgres_port),
        RedisServer(folder / "redis", settings.redis_port),
    ]  # fmt: skip
    known = {service.name: service for service in every}
    if unknown := [name for name in names if name not in known]:
        raise ConfigurationError("services", f"{unknown[0]!r} is not one", f"Name some of {', '.join(known)}, or none.")
    return [known[name] for name in names] or every
