"""What a fetch brought: for the command line, the logs and the version record."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from smart_sentry.files import sha256_of


class FetchedFile(NamedTuple):
    """One raw file that stands whole in its folder."""

    path: Path
    sha256: str
    size_bytes: int


@dataclass(frozen=True)
class FetchReport:
    """Facts about a data set's raw files.

    Attributes:
        files: every raw file of the data set, whole and checked.
        origin: where they came from, e.g. a zip, an address, "data/raw" or a seed.
        missing: names of files that are legal to miss and are missing, such as a test set's truth.
    """

    files: tuple[FetchedFile, ...]
    origin: str
    missing: tuple[str, ...] = ()

    @property
    def size_bytes(self) -> int:
        return sum(file.size_bytes for file in self.files)


def report_of(paths: Iterable[Path], origin: str, missing: Iterable[str] = ()) -> FetchReport:
    """Measures files that are already whole."""
    files = tuple(FetchedFile(path, sha256_of(path), path.stat().st_size) for path in paths)
    return FetchReport(files, origin, tuple(missing))
