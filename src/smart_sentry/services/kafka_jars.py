"""Apache Kafka's program: brought by Maven, checked file by file against kafka.lock, kept in a folder."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import tempfile
from collections import deque
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from smart_sentry.errors import ChecksumMismatch, SmartSentryError
from smart_sentry.files import sha256_of, write_whole
from smart_sentry.services.lock import locked
from smart_sentry.services.service import ProgramMissing

POM = Path(__file__).with_name("kafka-pom.xml")
LOCK = Path(__file__).with_name("kafka.lock")
_COPY = "dependency:copy-dependencies"
_SHOWN_LINES = 8


class KafkaNotBrought(SmartSentryError):
    """Maven could not bring Kafka."""

    def __init__(self, exit_code: int, said: str) -> None:
        self.exit_code, self.said = exit_code, said
        super().__init__(
            f"Apache Kafka could not be brought: Maven ended with exit code {exit_code} instead of 0.\n{said}\n"
            "Make sure that Maven reaches its repository from this machine (a proxy or mirror belongs into ~/.m2/settings.xml),"
            " then run it again."
        )


def kafka_version() -> str:
    """The release that is pinned."""
    found = re.search(r"<kafka\.version>(.+?)</kafka\.version>", POM.read_text(encoding="utf-8"))
    assert found is not None
    return found.group(1)


def locked_jars(lock: Path) -> dict[str, str]:
    """SHA-256 by file name."""
    lines = lock.read_text(encoding="utf-8").splitlines()
    return {name: digest for digest, name in (line.split() for line in lines)}


def kafka_jars(cache: Path, console: Console | None = None, lock: Path = LOCK) -> Path:
    """The folder with Kafka's jars; brought and checked if it is not there, with a progress bar.

    Args:
        cache: holds a folder for each state of the lock.
        console: where the bar is drawn; default: standard error.
        lock: what is pinned.

    Raises:
        ProgramMissing: Maven is not installed.
        KafkaNotBrought: Maven failed, for example without a network.
        ChecksumMismatch: a file is not the one that is pinned; nothing is kept.
    """
    pinned = hashlib.sha256(lock.read_bytes()).hexdigest()[:12]
    kept = cache / f"kafka-{kafka_version()}-{pinned}"
    with locked(cache):
        if not kept.is_dir():
            _bring_checked(kept, locked_jars(lock), console or Console(stderr=True))
    return kept


def _bring_checked(kept: Path, expected: Mapping[str, str], console: Console) -> None:
    with tempfile.TemporaryDirectory(dir=kept.parent, prefix=".part-") as name:
        part = Path(name) / "jars"
        bring(part, expected, console)
        check(part, expected)
        part.rename(kept)


def bring(target: Path, expected: Mapping[str, str], console: Console) -> None:
    """Has Maven copy Kafka and everything that it runs with into a folder.

    Raises:
        ProgramMissing: Maven is not installed.
        KafkaNotBrought: Maven failed.
    """
    maven = shutil.which("mvn")
    if maven is None:
        raise ProgramMissing("mvn (Maven)", "bringing Apache Kafka", "maven")
    command = [maven, "--batch-mode", "--file", str(POM), _COPY, f"-DoutputDirectory={target.resolve()}"]
    last: deque[str] = deque(maxlen=_SHOWN_LINES)
    with (
        Progress(console=console) as progress,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd="/") as process,
    ):
        bar = progress.add_task(f"Apache Kafka {kafka_version()}", total=len(expected) or None)
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith(("[ERROR]", "[FATAL]")):
                last.append(line.strip())
            if "Downloaded from" in line and _file_in(line) in expected:
                progress.advance(bar)
        if process.wait() == 0:
            progress.update(bar, completed=len(expected))
    if process.returncode:
        raise KafkaNotBrought(process.returncode, "\n".join(last))


def check(folder: Path, expected: Mapping[str, str]) -> None:
    """Makes sure that a folder holds the pinned files and no others.

    Raises:
        ChecksumMismatch: one differs, is missing or is not pinned.
    """
    found = {path.name: sha256_of(path) for path in folder.iterdir()}
    for name in sorted(expected.keys() | found.keys()):
        if expected.get(name) != found.get(name):
            raise ChecksumMismatch(
                folder / name,
                expected.get(name, "none (the file is not pinned)"),
                found.get(name, "none (the file is missing)"),
                f"Nothing was kept. Empty Maven's copy (~/.m2/repository) and try again; the pins stand in {LOCK.name}.",
            )


def write_lock(folder: Path, lock: Path = LOCK) -> Path:
    """Pins the files of a folder."""
    return write_whole(lock, "".join(f"{sha256_of(path)}  {path.name}\n" for path in sorted(folder.iterdir())))


def _file_in(line: str) -> str:
    return line.partition(" (")[0].rpartition("/")[2].strip()
