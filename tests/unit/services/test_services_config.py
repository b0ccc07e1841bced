"""What services say before any server is started."""

from __future__ import annotations

from pathlib import Path

import pytest

from smart_sentry.config import Settings
from smart_sentry.errors import ConfigurationError
from smart_sentry.services.catalog import services_of
from smart_sentry.services.kafka import Kafka
from smart_sentry.services.postgres import Postgres
from smart_sentry.services.private_files import kept_password, write_private
from smart_sentry.services.redis_server import RedisServer
from smart_sentry.services.service import ProgramMissing


def test_services_stand_side_by_side_in_the_projects_folder(tmp_path: Path) -> None:
    services = services_of(Settings(home=tmp_path))
    assert [service.folder for service in services] == [
        tmp_path / "data" / "services" / name for name in ("kafka", "postgres", "redis")
    ]
    ports = [port for service in services for port in service.ports]
    assert len(set(ports)) == len(ports)


def test_services_are_chosen_by_name_and_placed_by_settings(tmp_path: Path) -> None:
    (redis,) = services_of(Settings(home=tmp_path, services_data=tmp_path / "else", redis_port=7000), ["redis"])
    assert redis.folder == tmp_path / "else" / "redis"
    assert redis.ports == (7000,)


def test_service_of_an_unknown_name_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"'rabbit' is not one\. Name some of kafka, postgres, redis"):
        services_of(Settings(), ["redis", "rabbit"])


@pytest.mark.parametrize(
    ("make", "package"),
    [
        (lambda folder: Kafka(folder, folder, 1, 2), "default-jre-headless"),
        (lambda folder: RedisServer(folder, 1), "redis-server"),
        (lambda folder: Postgres(folder, 1), "postgresql"),
    ],
)
def test_service_whose_program_is_missing_names_the_package(
    make, package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("smart_sentry.services.postgres._DEBIAN", tmp_path)
    with pytest.raises(ProgramMissing, match=f"apt-get install --no-install-recommends {package}$"):
        make(tmp_path).prepare()


def test_password_is_drawn_once_and_private(tmp_path: Path) -> None:
    first, other = kept_password(tmp_path / "one"), kept_password(tmp_path / "other")
    assert kept_password(tmp_path / "one") == first != other
    assert (tmp_path / "one").stat().st_mode & 0o777 == 0o600


def test_private_file_replaces_an_open_one_and_leaves_no_part(tmp_path: Path) -> None:
    path = tmp_path / "environment"
    path.write_text("old")
    path.chmod(0o644)
    write_private(path, "new")
    assert path.read_text() == "new"
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]
