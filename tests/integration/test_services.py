"""The services as they are used: real servers, killed, stopped and started again."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
import redis
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient, NewTopic
from postgres_server import folder_for_all
from redis.backoff import NoBackoff
from redis.retry import Retry
from services_fixture import PROGRAMS, Services, services, services_in  # noqa: F401

from smart_sentry.config import Settings
from smart_sentry.errors import ConfigurationError, ServerNotReady
from smart_sentry.servers import free_port
from smart_sentry.services import process
from smart_sentry.services.control import status
from smart_sentry.services.kafka_jars import kafka_version
from smart_sentry.services.service import Service

PROGRAM = str(Path(sys.executable).with_name("smart-sentry"))
ENDED_BY_FORCE_S = 25.0
"""A stop that takes so long was none in good order: at 30 s the process is killed."""


@pytest.fixture
def folder() -> Iterator[Path]:
    with folder_for_all() as found:
        yield found


def kill(service: Service) -> int:
    record = process.running_in(service.folder)
    assert record is not None
    os.kill(record.pid, signal.SIGKILL)
    deadline = time.monotonic() + 10
    while record.alive():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return record.pid


def pids(found: Services) -> list[int | None]:
    return [status(service).pid for service in found.every]


def send(bootstrap: str, topic: str, value: bytes) -> None:
    producer = Producer({"bootstrap.servers": bootstrap, "log_level": 0})
    producer.produce(topic, value)
    assert producer.flush(20) == 0


def first_message(bootstrap: str, topic: str) -> bytes | None:
    consumer = Consumer(
        {"bootstrap.servers": bootstrap, "group.id": uuid.uuid4().hex, "auto.offset.reset": "earliest", "log_level": 0}
    )
    try:
        consumer.subscribe([topic])
        message = consumer.poll(20)
        assert message is not None
        assert message.error() is None
        return message.value()
    finally:
        consumer.close()


def keep_something(found: Services) -> None:
    admin = AdminClient({"bootstrap.servers": found.kafka_bootstrap, "log_level": 0})
    admin.create_topics([NewTopic("kept", 2, 1)])["kept"].result(20)
    send(found.kafka_bootstrap, "kept", b"a reading")
    with psycopg.connect(found.postgres_url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS value")
    with redis.Redis.from_url(found.redis_url) as client:
        client.set("kept", "latest")
        deadline = time.monotonic() + 10
        while client.info("persistence")["aof_buffer_length"]:
            assert time.monotonic() < deadline


def demand_what_was_kept(found: Services) -> None:
    assert first_message(found.kafka_bootstrap, "kept") == b"a reading"
    with psycopg.connect(found.postgres_url) as connection:
        assert connection.execute("SELECT value FROM kept").fetchone() == (7,)
    with redis.Redis.from_url(found.redis_url) as client:
        assert client.get("kept") == b"latest"


def test_services_that_run_are_left_alone_by_another_start(services: Services) -> None:  # noqa: F811
    before, began = pids(services), time.monotonic()
    said = services.start()
    assert time.monotonic() - began < 5
    assert None not in before
    assert pids(services) == before
    assert [line.split(":")[0] for line in said] == ["Apache Kafka", "PostgreSQL", "Redis"]
    for line, service in zip(said, services.every, strict=True):
        assert f"127.0.0.1:{service.ports[0]}" in line
        assert str(service.folder) in line


def test_service_of_the_pinned_release_makes_no_topic_by_use(services: Services) -> None:  # noqa: F811
    jars = list(PROGRAMS.glob("*/kafka_*.jar"))
    assert f"kafka_2.13-{kafka_version()}.jar" in {jar.name for jar in jars}
    producer = Producer({"bootstrap.servers": services.kafka_bootstrap, "allow.auto.create.topics": True})
    assert producer.list_topics("never_made", timeout=5).topics["never_made"].error is not None
    assert "never_made" not in producer.list_topics(timeout=5).topics


def test_services_listen_on_loopback_only(services: Services) -> None:  # noqa: F811
    listening = Path("/proc/net/tcp").read_text() + Path("/proc/net/tcp6").read_text()
    for port in (port for service in services.every for port in service.ports):
        addresses = {
            line.split()[1].split(":")[0]
            for line in listening.splitlines()
            if line.split()[1].endswith(f":{port:04X}") and line.split()[3] == "0A"
        }
        assert addresses <= {"0100007F", "0000000000000000FFFF00000100007F"}
        assert addresses


def test_services_refuse_whoever_has_no_password(services: Services) -> None:  # noqa: F811
    once = Retry(NoBackoff(), 0)
    with redis.Redis("127.0.0.1", services.redis.port, retry=once) as client, pytest.raises(redis.AuthenticationError):
        client.ping()
    wrong = f"postgresql://smart_sentry:wrong@127.0.0.1:{services.postgres.port}/smart_sentry"
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(wrong)
    none = f"postgresql://smart_sentry@127.0.0.1:{services.postgres.port}/smart_sentry"
    with pytest.raises(psycopg.OperationalError, match="no password supplied"):
        psycopg.connect(none)


def test_service_passwords_stand_in_private_files_and_on_no_command_line(services: Services) -> None:  # noqa: F811
    environment = services.folder / "environment"
    secret = [services.postgres.folder / "password", services.redis.folder / "password"]
    for path in (environment, *secret, services.redis.folder / "redis.conf"):
        assert path.stat().st_mode & 0o777 == 0o600, path
    passwords = [path.read_text().strip() for path in secret]
    assert len(set(passwords)) == 2
    assert all(len(password) >= 32 for password in passwords)
    shown = "".join(Path(f"/proc/{pid}/cmdline").read_text() for pid in pids(services)) + "".join(services.start())
    shown += "".join((service.folder / "log").read_text() for service in services.every)
    assert not any(password in shown for password in passwords)


def test_environment_when_sourced_gives_the_settings_that_lead_to_the_services(services: Services) -> None:  # noqa: F811
    program = (
        "from smart_sentry.config import load_settings\n"
        "settings = load_settings()\n"
        "print(settings.kafka_bootstrap, settings.database, settings.redis_url)"
    )
    said = subprocess.run(
        ["bash", "-c", f'source "{services.folder}/environment" && "$0" -c "$1"', sys.executable, program],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert said.stdout.split() == [services.kafka_bootstrap, services.postgres_url, services.redis_url]


def test_services_keep_their_data_when_killed_and_when_stopped(services: Services) -> None:  # noqa: F811
    keep_something(services)
    killed = [kill(service) for service in services.every]
    assert [status(service).answers for service in services.every] == [False] * 3
    services.start()
    assert not set(killed) & set(pids(services))
    demand_what_was_kept(services)
    killed_again = kill(services.redis)
    began = time.monotonic()
    said = services.stop()
    assert time.monotonic() - began < ENDED_BY_FORCE_S
    assert said == ["Apache Kafka: stopped", "PostgreSQL: stopped", "Redis: was not running"]
    assert pids(services) == [None] * 3
    assert killed_again not in pids(services)
    for service in services.every:
        for port in service.ports:
            with socket.socket() as probe, pytest.raises(ConnectionRefusedError):
                probe.connect(("127.0.0.1", port))
    assert "database system is shut down" in (services.postgres.folder / "log").read_text()
    services.start()
    demand_what_was_kept(services)


def test_service_whose_port_is_taken_is_not_started_and_says_which(folder: Path) -> None:
    found = services_in(folder)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", found.redis.port))
        taken.listen()
        with pytest.raises(ConfigurationError, match=rf"127\.0\.0\.1:{found.redis.port}: Redis cannot listen there"):
            found.start(found.redis)
    assert process.running_in(found.redis.folder) is None


def test_service_that_runs_on_another_port_has_to_be_stopped_first(folder: Path) -> None:
    found, moved = services_in(folder), services_in(folder)
    try:
        found.start(found.redis)
        with pytest.raises(ConfigurationError, match=rf"runs on port {found.redis.port}, and port {moved.redis.port}"):
            moved.start(moved.redis)
    finally:
        assert found.stop(found.redis) == ["Redis: stopped"]


def test_kafka_runs_with_the_smallest_heap_that_the_settings_allow(folder: Path) -> None:
    smallest = Settings.model_fields["kafka_heap_mb"].metadata[0].ge
    found = services_in(folder)
    kafka = replace(found.kafka, heap_mb=smallest)
    try:
        found.start(kafka)
        admin = AdminClient({"bootstrap.servers": kafka.bootstrap, "log_level": 0})
        admin.create_topics([NewTopic("small", 1, 1)])["small"].result(20)
        send(kafka.bootstrap, "small", b"a reading")
        assert first_message(kafka.bootstrap, "small") == b"a reading"
    finally:
        found.stop(kafka)


def test_service_that_ends_at_once_names_its_log(folder: Path) -> None:
    found = services_in(folder)
    found.redis.folder.mkdir()
    (found.redis.folder / "data").mkdir()
    (found.redis.folder / "data" / "appendonlydir").write_text("not a folder")
    with pytest.raises(ServerNotReady, match=r"Redis does not answer at .*its process ended\. Its log is .*/redis/log"):
        found.start(found.redis)
    assert "append-only" in (found.redis.folder / "log").read_text().lower()


def test_postgres_without_its_password_file_says_what_is_gone(folder: Path) -> None:
    found = services_in(folder)
    (found.postgres.folder / "data").mkdir(parents=True)
    with pytest.raises(ConfigurationError, match="the file `password` is gone"):
        found.start(found.postgres)


def test_postgres_in_a_folder_that_its_user_may_not_enter_says_which(folder: Path) -> None:
    (folder / "closed").mkdir(mode=0o700)
    found = services_in(folder / "closed")
    if os.geteuid() != 0:  # whoever else starts it runs it, and may enter a folder of their own
        found.start(found.postgres)
        found.stop(found.postgres)
        return
    with pytest.raises(ConfigurationError, match=r"/closed: root runs PostgreSQL as the user postgres.*SERVICES_DATA"):
        found.start(found.postgres)


def test_command_line_starts_tells_and_stops_one_service(folder: Path) -> None:
    port = free_port()
    environment = {**os.environ, "SMART_SENTRY_HOME": str(folder), "SMART_SENTRY_REDIS_PORT": str(port)}

    def command(*words: str) -> tuple[int, str]:
        done = subprocess.run(
            [PROGRAM, "services", *words, "redis"],
            env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        return done.returncode, done.stdout + done.stderr

    assert command("status") == (1, f"Redis: 127.0.0.1:{port}, stopped, data in {folder}/data/services/redis\n")
    code, said = command("start")
    assert code == 0, said
    try:
        assert said.endswith(f"source {folder}/data/services/environment\n")
        assert command("status")[0] == 0
    finally:
        assert command("stop") == (0, "Redis: stopped\n")
