"""The project's folder on Python's path: flows are found there, not installed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def project_on_path(home: Path) -> Iterator[None]:
    """`import pipelines.<flow>` works for the length of the block."""
    folder = str(home.resolve())
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        sys.path.remove(folder)
