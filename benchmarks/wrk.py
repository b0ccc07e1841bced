"""Load by wrk (https://github.com/wg/wrk), and what it measured."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MILLISECONDS = {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 6e4}
SCRIPT = """
local file = io.open("{body}", "rb")
wrk.method, wrk.body = "POST", file:read("*a")
wrk.headers["Content-Type"] = "application/json"
"""


@dataclass(frozen=True)
class Load:
    """One run of wrk."""

    requests_per_s: float
    p50_ms: float
    p99_ms: float


def is_installed() -> bool:
    return shutil.which("wrk") is not None


def load(address: str, body: dict[str, Any], clients: int, seconds: int) -> Load:
    """POSTs the body to `address` from so many connections, each sending its next request when it has its answer."""
    with tempfile.TemporaryDirectory() as folder:
        content, script = Path(folder) / "body.json", Path(folder) / "post.lua"
        content.write_text(json.dumps(body))
        script.write_text(SCRIPT.format(body=content))
        command = [
            "wrk",
            "-t1",
            f"-c{clients}",
            f"-d{seconds}s",
            "--latency",
            "--timeout",
            "60s",
            "-s",
            str(script),
            address,
        ]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return read(said)


def read(said: str) -> Load:
    """What wrk printed, as numbers.

    Raises:
        RuntimeError: not every request was answered with a success, or the text is unknown.
    """
    wrong = re.search(r"(Non-2xx.*|Socket errors.*)", said)
    if wrong:
        raise RuntimeError(f"not every request was answered: {wrong[1]}")
    return Load(_number(r"Requests/sec:\s+([\d.]+)()", said), _latency(50, said), _latency(99, said))


def _latency(percent: int, said: str) -> float:
    return _number(rf"\n\s+{percent}%\s+([\d.]+)(us|ms|s|m)\s", said)


def _number(pattern: str, said: str) -> float:
    match = re.search(pattern, said)
    if match is None:
        raise RuntimeError(f"wrk said something unknown:\n{said}")
    return float(match[1]) * MILLISECONDS.get(match[2], 1.0)
