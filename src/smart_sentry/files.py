"""Files that are whole or not there: written under a temporary name, then renamed."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

_LONGEST_NAME, _NAME_BEGINS = 145, 80


def write_whole(path: Path, content: bytes | str | Callable[[Path], Any]) -> Path:
    """Writes a file so that nobody ever sees a part of it.

    Args:
        path: where it shall stand; its folder is made.
        content: bytes, text (UTF-8), or a function that writes to the path it is given.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=path.suffix)
    os.close(handle)
    part = Path(name)
    try:
        if callable(content):
            content(part)
        else:
            part.write_bytes(content.encode() if isinstance(content, str) else content)
        part.chmod(0o644)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return path


def file_name_of(text: str) -> str:
    """A name that any file system takes, for any text: quoted, and shortened to at most 145 characters where that is longer.

    Different texts have different names. Only a shortened name, and that of no text at all, holds a `+`; any other is undone by
    `urllib.parse.unquote`.

    >>> file_name_of("pump 7/8"), file_name_of(".."), file_name_of("")
    ('pump%207%2F8', '%2E%2E', '+')
    """
    quoted = quote(text, safe="") or "+"
    if not quoted.strip("."):
        return quoted.replace(".", "%2E")
    if len(quoted) <= _LONGEST_NAME:
        return quoted
    return f"{quoted[:_NAME_BEGINS]}+{hashlib.sha256(text.encode()).hexdigest()}"


def write_json(path: Path, content: Any) -> Path:
    """Writes JSON with sorted keys: equal content gives equal bytes."""
    return write_whole(path, json.dumps(content, indent=1, sort_keys=True, allow_nan=False) + "\n")


def sha256_of(path: Path) -> str:
    """Hex SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
