"""A checkout of the project on a tiny fleet, and what it takes to train it by a real Prefect server."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from smart_sentry.environment import library_environment

ROOT = Path(__file__).parents[1]
IN_A_CHECKOUT = (
    ".dvc/config",
    ".dvc/.gitignore",
    ".dvcignore",
    ".gitignore",
    "bentofile.yaml",
    "dvc.yaml",
    "params.yaml",
    "prefect.yaml",
    "requirements-serve.lock",
)
FOLDERS = ("configs", "pipelines", "serving", "src")
TINY = "tiny"
TINY_ASSET_TYPE = {
    "name": TINY,
    "signals": [
        {"name": "load", "unit": "1", "role": "setting", "limits": [0, 2]},
        {"name": "vibration", "unit": "g", "limits": [-5, 20]},
        {"name": "temperature", "unit": "degC", "limits": [0, 200]},
        {"name": "pressure", "unit": "bar", "limits": [0, 20]},
    ],
    "failure": {"horizon_cycles": 15, "rul_cap_cycles": 60, "alert_cycles": 10},
    "files": {"cycle_column": "cycle"},
}
TINY_PARAMS: dict[str, dict[str, Any]] = {
    "features": {"half_lives": [3, 8], "trends": [5, 10], "own_baseline": 5, "warm_after": 5},
    "tune": {"candidates": ["logistic_regression"], "trials": 1, "folds": 2},
    "train": {"rul_trees": 10},
    "evaluate": {"bootstrap_replicates": 100},
}


def tiny_histories(seed: int = 7) -> pd.DataFrame:
    """Twenty assets run to failure; vibration and temperature rise, pressure falls over the last third of a life."""
    rng = np.random.default_rng(seed)
    lives = []
    for asset in range(1, 21):
        life = int(rng.integers(60, 100))
        wear = np.clip((np.arange(life) - 0.6 * life) / (0.4 * life), 0, 1) ** 2
        lives.append(
            pd.DataFrame(
                {
                    "asset_id": asset,
                    "cycle": np.arange(1, life + 1),
                    "load": 1 + 0.05 * rng.standard_normal(life),
                    "vibration": 1 + 4 * wear + 0.2 * rng.standard_normal(life),
                    "temperature": 60 + 30 * wear + rng.standard_normal(life),
                    "pressure": 8 - 3 * wear + 0.1 * rng.standard_normal(life),
                }
            ).round(4)
        )
    return pd.concat(lives)


def make_checkout(folder: Path) -> Path:
    """A copy of what git holds, with a tiny fleet and small parameters, committed to a repository of its own."""
    for name in FOLDERS:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in IN_A_CHECKOUT:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, folder / name)
    params = yaml.safe_load((folder / "params.yaml").read_text())
    params["datasets"] = [TINY]
    for section, values in TINY_PARAMS.items():
        params[section].update(values)
    (folder / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    (folder / "configs" / "assets" / f"{TINY}.yaml").write_text(yaml.safe_dump(TINY_ASSET_TYPE))
    raw = folder / "data" / "raw" / TINY
    raw.mkdir(parents=True)
    tiny_histories().to_csv(raw / "train.csv", index=False)
    for command in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message", "checkout"]):
        subprocess.run(
            ["git", "-c", "user.name=tests", "-c", "user.email=tests@localhost", *command], cwd=folder, check=True
        )
    return folder


def environment_of(checkout: Path, **more: str) -> dict[str, str]:
    """The environment of a person who works in the checkout with this virtual environment."""
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(("SMART_SENTRY_", "PREFECT_"))
    }
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return (
        inherited
        | library_environment(checkout)
        | {"PATH": path, "SMART_SENTRY_HOME": str(checkout), "SMART_SENTRY_WORKERS": "1"}
        | more
    )


def run_program(arguments: list[str], folder: Path, environment: Mapping[str, str], patience_s: float = 300) -> str:
    """Runs a program of this virtual environment; what it printed, or a failed test that shows it."""
    done = subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=folder,
        env=dict(environment),
        capture_output=True,
        text=True,
        timeout=patience_s,
        check=False,
    )
    assert done.returncode == 0, f"{arguments} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
    return done.stdout


@dataclass(frozen=True)
class PrefectServer:
    """A real Prefect server on this machine."""

    address: str

    def post(self, path: str, question: dict[str, Any]) -> Any:
        """Asks the server's API, by Prefect's own client: it asks again where the server's SQLite was locked (503)."""
        from prefect.client.base import PrefectHttpxSyncClient

        with PrefectHttpxSyncClient(base_url=f"{self.address}/api", timeout=30, enable_csrf_support=False) as client:
            return client.post(path, json=question).raise_for_status().json()

    def deployment(self, name: str) -> dict[str, Any]:
        """A deployment by its name."""
        (found,) = self.post("/deployments/filter", {"deployments": {"name": {"any_": [name]}}})
        return dict(found)

    def flow_runs(self, **filters: Any) -> list[dict[str, Any]]:
        """Flow runs that fit, as the API tells them."""
        found: list[dict[str, Any]] = self.post("/flow_runs/filter", {"flow_runs": filters} if filters else {})
        return found


@dataclass(frozen=True)
class Training:
    """A checkout whose flow `train` a worker has run, and the server that knows it."""

    checkout: Path
    server: PrefectServer
    environment: dict[str, str]
    flow_run: dict[str, Any]
    worker_log: str


def finished(
    server: PrefectServer, run_id: str, worker: subprocess.Popen[bytes], patience_s: float = 420
) -> dict[str, Any]:
    """The flow run once it has ended, or as it is when patience ends."""
    deadline = time.monotonic() + patience_s
    while True:
        (found,) = server.flow_runs(id={"any_": [run_id]})
        ended = found["state"]["type"] in ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
        if ended or worker.poll() is not None or time.monotonic() > deadline:
            return found
        time.sleep(1)
