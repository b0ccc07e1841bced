"""compose.yaml and the images: nothing open to the network, no secret by default, nothing that runs as root in our images."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from smart_sentry.config import Settings
from smart_sentry.services.kafka_jars import kafka_version

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
IMAGES = sorted((ROOT / "docker").glob("*.Dockerfile"))
SECRET = re.compile("PASSWORD|API_KEY|SECRET|TOKEN")
PUBLISHED = re.compile(r"127\.0\.0\.1:\$\{(SMART_SENTRY_\w+):-(\d+)\}:\d+")


def pinned(lock: Path) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9._-]+)==(\S+)", lock.read_text(encoding="utf-8"), re.MULTILINE))


def test_compose_has_every_role() -> None:
    assert set(SERVICES) >= {
        "service",
        "worker",
        "dashboard",
        "flows",
        "mlflow",
        "prefect",
        "kafka",
        "postgres",
        "redis",
    }


@pytest.mark.parametrize("name", SERVICES)
def test_compose_service_tells_its_health(name: str) -> None:
    health = SERVICES[name]["healthcheck"]
    assert health["test"][0] in ("CMD", "CMD-SHELL")
    assert {"interval", "timeout", "retries"} <= set(health)


@pytest.mark.parametrize("name", SERVICES)
def test_compose_service_is_published_on_loopback_at_the_port_of_its_setting(name: str) -> None:
    for port in SERVICES[name].get("ports", []):
        found = PUBLISHED.fullmatch(port)
        assert found is not None, port
        setting, default = found.groups()
        assert Settings.model_fields[setting.removeprefix("SMART_SENTRY_").lower()].default == int(default)
    assert SERVICES[name].get("network_mode") is None


def test_compose_has_no_secret_by_default() -> None:
    text = (ROOT / "compose.yaml").read_text(encoding="utf-8")
    inserted = re.findall(r"(?<!\$)\$\{(\w+)([^}]*)\}", text)
    secrets = {name for name, how in inserted if SECRET.search(name)}
    assert secrets == {"POSTGRES_PASSWORD", "REDIS_PASSWORD", "SMART_SENTRY_API_KEY", "SMART_SENTRY_API_KEYS"}
    assert all(how.startswith(":?") for name, how in inserted if name in secrets)
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            assert not SECRET.search(name) or value.startswith("${"), name


def test_compose_asks_for_what_the_example_names_and_the_example_holds_no_value() -> None:
    example = re.findall(r"^(\w+)=(.*)$", (ROOT / ".env.example").read_text(encoding="utf-8"), re.MULTILINE)
    required = set(re.findall(r"\$\{(\w+):\?", (ROOT / "compose.yaml").read_text(encoding="utf-8")))
    assert dict(example) == dict.fromkeys(required, "")


def test_compose_settings_are_settings() -> None:
    known = {f"SMART_SENTRY_{name.upper()}" for name in Settings.model_fields}
    used = set(re.findall(r"SMART_SENTRY_\w+", (ROOT / "compose.yaml").read_text(encoding="utf-8")))
    for image in IMAGES:
        used |= set(re.findall(r"SMART_SENTRY_\w+", image.read_text(encoding="utf-8")))
    assert used <= known


def test_compose_builds_from_files_that_exist() -> None:
    built = {name: service["build"] for name, service in SERVICES.items() if "build" in service}
    assert {build["dockerfile"] for build in built.values()} == {f"docker/{image.name}" for image in IMAGES}


@pytest.mark.parametrize("name", ["service", "worker", "dashboard"])
def test_whoever_tells_which_model_serves_sees_what_was_trained_and_what_was_promoted(name: str) -> None:
    mounted = {volume.split(":")[1] for volume in SERVICES[name]["volumes"]}
    assert mounted >= {"/project/data/processed", "/project/models"}


def test_flows_link_mlflow_by_an_address_that_a_browser_on_this_machine_reaches() -> None:
    address = SERVICES["flows"]["environment"]["SMART_SENTRY_MLFLOW_URL"]
    (published,) = SERVICES["mlflow"]["ports"]
    assert published == f"{address.removeprefix('http://')}:5000"


def test_compose_volumes_are_declared_and_used() -> None:
    used = {volume.split(":")[0] for service in SERVICES.values() for volume in service.get("volumes", [])}
    assert {name for name in used if not name.startswith(".")} == set(COMPOSE["volumes"])


def test_compose_images_are_of_the_versions_that_are_tested() -> None:
    versions = pinned(ROOT / "requirements.lock")
    assert SERVICES["kafka"]["image"] == f"apache/kafka:{kafka_version()}"
    assert SERVICES["mlflow"]["image"].endswith(f":v{versions['mlflow']}")
    assert SERVICES["prefect"]["image"] == f"prefecthq/prefect:{versions['prefect']}-python3.11"


@pytest.mark.parametrize("image", IMAGES, ids=lambda image: image.stem)
def test_image_copies_what_exists_and_runs_as_nobody_special(image: Path) -> None:
    lines = image.read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    for line in lines:
        if line.startswith("COPY") and "--from" not in line:
            *sources, _ = [word for word in line.split()[1:] if not word.startswith("--")]
            assert all((ROOT / source).exists() for source in sources), line
            assert all(source.split("/")[0] in allowed for source in sources), line
    assert sum(line.startswith("FROM") for line in lines) == 2
    assert lines.index("USER sentry") > max(number for number, line in enumerate(lines) if line.startswith("RUN"))
    assert "--require-hashes" in image.read_text()


NEEDED = {
    "service": {"confluent-kafka", "psycopg", "redis", "onnxruntime", "alembic", "numba", "scikit-learn", "scipy"},
    "worker": {"confluent-kafka", "psycopg", "redis", "onnxruntime", "alembic", "numba"},
    "dashboard": {"streamlit", "redis"},
}


@pytest.mark.parametrize("lock", NEEDED)
def test_image_lock_names_the_versions_that_are_tested(lock: str) -> None:
    own, every = pinned(ROOT / "docker" / f"{lock}.lock"), pinned(ROOT / "requirements.lock")
    assert own.items() <= every.items()
    assert NEEDED[lock] <= set(own)
    assert not {"mlflow", "xgboost", "prefect", "pytest"} & set(own)
    assert ("scikit-learn" in own) == (lock == "service")  # calibrations are the service's


def test_service_image_holds_all_that_a_calibration_over_http_imports() -> None:
    """They are imported when a calibration runs, so that nothing else would miss them."""
    own = {name.replace("-", "_") for name in pinned(ROOT / "docker" / "service.lock")}
    source = "".join(path.read_text() for path in (ROOT / "src" / "smart_sentry" / "detection").glob("*.py"))
    imported = set(re.findall(r"^ +(?:from|import) (\w+)", source, re.MULTILINE)) - {"smart_sentry"}
    assert {"sklearn", "scipy"} <= imported
    assert {"scikit_learn" if name == "sklearn" else name for name in imported} <= own


def test_flows_run_the_sources_of_the_checkout_that_bentos_are_built_of() -> None:
    variables = (ROOT / "docker" / "flows.Dockerfile").read_text(encoding="utf-8")
    assert re.search(r"^\s+PYTHONPATH=/project/src\b", variables, re.MULTILINE)
    assert ".:/project" in SERVICES["flows"]["volumes"]


def test_example_names_every_setting_that_compose_leaves_open_with_its_default() -> None:
    left_open = re.findall(r"\$\{(\w+):-(\w+)\}", (ROOT / "compose.yaml").read_text(encoding="utf-8"))
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    assert dict(re.findall(r"^# (\w+)=(\w+)$", example, re.MULTILINE)) == dict(left_open)


def test_compose_dashboard_is_given_no_database() -> None:
    assert "SMART_SENTRY_DATABASE" not in SERVICES["dashboard"]["environment"]


def test_compose_gives_each_asset_one_memory_that_of_the_worker() -> None:
    """A service that judged, too, would open a plant of its own on the database that the worker writes."""
    environments = [SERVICES[name]["environment"] for name in ("service", "worker", "flows")]
    assert {one["SMART_SENTRY_DATABASE"] for one in environments} == {environments[0]["SMART_SENTRY_DATABASE"]}
    assert [one.get("SMART_SENTRY_INGEST") for one in environments] == ["kafka"] * 3


def test_compose_whoever_makes_the_topic_gives_it_the_same_partitions() -> None:
    told = {
        SERVICES[name]["environment"].get("SMART_SENTRY_KAFKA_PARTITIONS") for name in ("service", "worker", "flows")
    }
    assert told == {"${SMART_SENTRY_KAFKA_PARTITIONS:-4}"}
