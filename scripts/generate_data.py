"""Simulated readings for a running service: `smart-sentry simulate` with flags that may be written with underscores.

python scripts/generate_data.py --asset_id motor_01 --duration 300 --interval 1.0 --healthy
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from smart_sentry.cli import main
from smart_sentry.config import load_settings

_SINKS = ("--to", "--out")


def simulate_arguments(given: list[str], address: str) -> list[str]:
    """Arguments of `smart-sentry`: dashes for underscores in flags; sent to `address` unless they say where to.

    >>> simulate_arguments(["--asset_id", "motor_01", "--faulty"], "http://127.0.0.1:3000")
    ['simulate', '--asset-id', 'motor_01', '--faulty', '--to', 'http://127.0.0.1:3000']
    """
    flags = [_dashed(argument) if argument.startswith("--") else argument for argument in given]
    elsewhere = any(flag.split("=", 1)[0] in _SINKS for flag in flags)
    return ["simulate", *flags, *([] if elsewhere else ["--to", address])]


def _dashed(flag: str) -> str:
    name, *value = flag.split("=", 1)
    return "=".join([name.replace("_", "-"), *value])


if __name__ == "__main__":
    os.environ.setdefault("SMART_SENTRY_HOME", str(Path(__file__).resolve().parents[1]))
    settings = load_settings()
    sys.argv[1:] = simulate_arguments(sys.argv[1:], f"http://{settings.host}:{settings.port}")
    main()
