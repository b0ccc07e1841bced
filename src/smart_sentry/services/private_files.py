"""Files that only their owner may read: passwords, and what holds them."""

from __future__ import annotations

import os
import secrets
import tempfile
from pathlib import Path

_PASSWORD_BYTES = 24


def write_private(path: Path, content: str) -> Path:
    """Writes a file of mode 600, whole or not at all; its folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")  # of mode 600 from the first moment
    part = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(content)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return path


def kept_password(path: Path) -> str:
    """The password in a file; drawn at random (192 bits, safe in a URL) and written when the file is not there yet."""
    if not path.exists():
        write_private(path, secrets.token_urlsafe(_PASSWORD_BYTES) + "\n")
    return path.read_text(encoding="utf-8").strip()
