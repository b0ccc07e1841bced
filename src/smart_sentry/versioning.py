"""What has changed since the last run and what a run made: DVC, asked through its command line.

DVC decides alone what is up to date. The Prefect flow asks it which stages to run and tells it what it ran, so that a `dvc repro`
after a flow has nothing to do, and the other way round.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from smart_sentry.errors import ConfigurationError, VersioningFailed

PIPELINE_FILE = "dvc.yaml"
SITE_REMOTE = "site"
"""Name of the remote that SMART_SENTRY_DVC_REMOTE sets, kept in .dvc/config.local, which is not in git."""


@dataclass(frozen=True)
class PipelineStage:
    """One stage of dvc.yaml for one data set; paths are relative to the project's folder.

    Attributes:
        name: e.g. "tune".
        target: DVC's name, e.g. "tune@FD001".
    """

    name: str
    target: str
    deps: tuple[PurePosixPath, ...]
    outs: tuple[PurePosixPath, ...]

    def reads_from(self, other: PipelineStage) -> bool:
        """Whether something that the other stage writes is, holds, or is in a dependency of this one."""
        return any(dep == out or out in dep.parents or dep in out.parents for dep in self.deps for out in other.outs)


def load_pipeline(home: Path, dataset: str) -> tuple[PipelineStage, ...]:
    """The stages of dvc.yaml for one data set, in the order of the file, which is the order to run them in.

    Raises:
        ConfigurationError: there is no dvc.yaml.
    """
    path = home / PIPELINE_FILE
    if not path.is_file():
        raise ConfigurationError(
            path, "no such file", "Run the command in the project's folder or set SMART_SENTRY_HOME."
        )
    stages: dict[str, dict[str, Any]] = yaml.safe_load(path.read_text(encoding="utf-8"))["stages"]
    return tuple(_stage(name, entry["do"], dataset) for name, entry in stages.items())


def _stage(name: str, entry: dict[str, Any], dataset: str) -> PipelineStage:
    def paths(*kinds: str) -> tuple[PurePosixPath, ...]:
        named = (item if isinstance(item, str) else next(iter(item)) for kind in kinds for item in entry.get(kind, ()))
        return tuple(PurePosixPath(text.replace("${item}", dataset)) for text in named)

    return PipelineStage(name, f"{name}@{dataset}", paths("deps"), paths("outs", "metrics", "plots"))


def stages_to_run(pipeline: Sequence[PipelineStage], changed: Iterable[str]) -> tuple[str, ...]:
    """The changed stages and everything that reads, directly or not, what they write.

    Args:
        pipeline: in the order to run.
        changed: names of stages that DVC calls changed.

    Returns:
        names in the order to run.
    """
    found = set(changed)
    for place, stage in enumerate(pipeline):
        if any(earlier.name in found and stage.reads_from(earlier) for earlier in pipeline[:place]):
            found.add(stage.name)
    return tuple(stage.name for stage in pipeline if stage.name in found)


def clear_outputs(home: Path, stage: PipelineStage) -> None:
    """Removes what a stage wrote before, as DVC does before it runs a stage: no stale file may survive in a folder."""
    for out in stage.outs:
        path = home / out
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


class Versions:
    """DVC in one project folder. A call costs two to five seconds, mostly DVC's own start."""

    def __init__(self, home: Path) -> None:
        self._home = home.resolve()

    def changed(self, pipeline: Sequence[PipelineStage]) -> tuple[str, ...]:
        """Names of the stages whose command, dependencies, parameters or outputs differ from dvc.lock."""
        answer = json.loads(self._dvc("status", "--json", *(stage.target for stage in pipeline)))
        return tuple(stage.name for stage in pipeline if stage.target in answer)

    def commit(self, stages: Sequence[PipelineStage]) -> None:
        """Records the stages' outputs, dependencies and parameters as they are now, in dvc.lock and DVC's cache."""
        if stages:
            self._dvc("commit", "--force", *(stage.target for stage in stages))

    def push(self, pipeline: Sequence[PipelineStage], remote: str) -> None:
        """Uploads the stages' outputs.

        Args:
            pipeline: the stages.
            remote: a folder or a URL such as s3://bucket/path; becomes the default remote of this checkout.
        """
        self.use_remote(remote)
        self._dvc("push", "--remote", SITE_REMOTE, *(stage.target for stage in pipeline))

    def use_remote(self, remote: str) -> None:
        """Makes a folder or URL this checkout's default remote, without a change to a file in git."""
        self._dvc("remote", "add", "--local", "--default", "--force", SITE_REMOTE, remote)

    def _dvc(self, *arguments: str) -> str:
        # DVC runs `smart-sentry` and git by name: this environment's programs come first.
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
        done = subprocess.run(
            [sys.executable, "-m", "dvc", *arguments],
            cwd=self._home,
            env={**os.environ, "PATH": path},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise VersioningFailed(
                f"dvc {' '.join(arguments)}", done.returncode, done.stderr.strip() or done.stdout.strip()
            )
        return done.stdout
