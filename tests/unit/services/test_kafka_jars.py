"""Kafka's program: only what is pinned is kept. Maven is a program of the test's own, so that nothing is downloaded."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from rich.console import Console

from smart_sentry.errors import ChecksumMismatch
from smart_sentry.services.kafka_jars import (
    LOCK,
    KafkaNotBrought,
    check,
    kafka_jars,
    kafka_version,
    locked_jars,
    write_lock,
)
from smart_sentry.services.service import ProgramMissing

SILENT = Console(quiet=True)


@pytest.fixture
def maven(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A `mvn` that copies the files of tmp_path/central, or fails if there are none."""
    central, programs = tmp_path / "central", tmp_path / "bin"
    central.mkdir()
    programs.mkdir()
    (programs / "mvn").write_text(
        '#!/bin/bash\nfor word in "$@"; do case "$word" in -DoutputDirectory=*) target="${word#*=}";; esac; done\n'
        f'mkdir -p "$target" && cp {central}/* "$target" || {{ echo "[ERROR] Unknown host"; exit 1; }}\n'
    )
    (programs / "mvn").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    return central


@pytest.fixture
def pins(tmp_path: Path) -> Path:
    lock = tmp_path / "kafka.lock"
    lock.write_text(
        "".join(f"{hashlib.sha256(name.encode()).hexdigest()}  {name}.jar\n" for name in ("broker", "clients"))
    )
    return lock


def put(folder: Path, **files: str) -> None:
    for name, content in files.items():
        (folder / f"{name}.jar").write_text(content)


def test_jars_are_brought_once(maven: Path, pins: Path, tmp_path: Path) -> None:
    put(maven, broker="broker", clients="clients")
    kept = kafka_jars(tmp_path / "programs", SILENT, pins)
    assert {path.name: path.read_text() for path in kept.iterdir()} == {
        "broker.jar": "broker",
        "clients.jar": "clients",
    }
    for path in maven.iterdir():
        path.unlink()
    assert kafka_jars(tmp_path / "programs", SILENT, pins) == kept


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"broker": "broker", "clients": "changed"}, "clients.jar: expected SHA-256 [0-9a-f]{64}, found [0-9a-f]{64}"),
        ({"broker": "broker"}, "clients.jar: expected .* found none .the file is missing"),
        (
            {"broker": "broker", "clients": "clients", "more": "more"},
            "more.jar: expected SHA-256 none .the file is not pinned",
        ),
    ],
)
def test_jars_that_are_not_the_pinned_ones_are_not_kept(
    maven: Path, pins: Path, tmp_path: Path, files: dict[str, str], said: str
) -> None:
    put(maven, **files)
    with pytest.raises(ChecksumMismatch, match=said):
        kafka_jars(tmp_path / "programs", SILENT, pins)
    assert [path.name for path in (tmp_path / "programs").iterdir()] == [".lock"]


def test_jars_without_a_network_say_what_maven_said(maven: Path, pins: Path, tmp_path: Path) -> None:
    with pytest.raises(KafkaNotBrought, match=r"exit code 1 instead of 0\.\n\[ERROR\] Unknown host\nMake sure"):
        kafka_jars(tmp_path / "programs", SILENT, pins)
    assert [path.name for path in (tmp_path / "programs").iterdir()] == [".lock"]


def test_jars_without_maven_name_its_package(pins: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ProgramMissing, match=r"needs the program mvn.*apt-get install --no-install-recommends maven"):
        kafka_jars(tmp_path / "programs", SILENT, pins)


def test_lock_pins_the_broker_of_the_release_with_all_that_it_runs_with() -> None:
    names = locked_jars(LOCK)
    assert f"kafka_2.13-{kafka_version()}.jar" in names
    assert f"kafka-clients-{kafka_version()}.jar" in names
    assert all(len(digest) == 64 for digest in names.values())


def test_lock_that_is_written_is_kept_to(tmp_path: Path) -> None:
    (tmp_path / "jars").mkdir()
    put(tmp_path / "jars", broker="broker")
    lock = write_lock(tmp_path / "jars", tmp_path / "lock")
    check(tmp_path / "jars", locked_jars(lock))
