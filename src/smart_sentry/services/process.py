"""A process that outlives the command that started it, found again by a record of its id and of when it was born."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from smart_sentry.errors import SmartSentryError
from smart_sentry.files import write_json
from smart_sentry.services.service import Launch

_POLL_S = 0.05
_KILL_PATIENCE_S = 10.0
_DETACH = 'exec "$@" >&2 & echo $!'
"""The shell ends at once, so that the process belongs to no command; its output goes to the log."""


class WillNotStop(SmartSentryError):
    """A process that stays even when it is killed."""

    def __init__(self, pid: int, patience_s: float) -> None:
        self.pid, self.patience_s = pid, patience_s
        super().__init__(
            f"process {pid} still runs {patience_s:g} s after it was killed. See what holds it: ps -l {pid}"
        )


@dataclass(frozen=True)
class Record:
    """A process that was started here.

    Attributes:
        pid: its id, which another process has once it has ended.
        born: when it was started, as the system tells it: id and birth together belong to one process only.
        ports: where it listens.
    """

    pid: int
    born: str
    ports: tuple[int, ...]

    def alive(self) -> bool:
        """Whether this very process runs."""
        return birth_of(self.pid) == self.born


def launch(how: Launch, folder: Path, ports: tuple[int, ...]) -> Record:
    """Starts a process of its own session and records it in the folder; its output goes to `log` there.

    The log of the run before is kept as `log.previous`.
    """
    log = folder / "log"
    if log.exists():
        log.replace(folder / "log.previous")
    with log.open("wb") as output:
        said = subprocess.run(
            ["/bin/sh", "-c", _DETACH, "sh", *how.command],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=output,
            cwd="/", start_new_session=True, check=True,
            user=how.user, group=how.user, extra_groups=[] if how.user else None,
        )  # fmt: skip
    pid = int(said.stdout)
    record = Record(pid, birth_of(pid) or "ended at once", ports)
    write_json(_file(folder), asdict(record))
    return record


def running_in(folder: Path) -> Record | None:
    """The process that was started for a folder, if it still runs."""
    try:
        said = json.loads(_file(folder).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    record = Record(said["pid"], said["born"], tuple(said["ports"]))
    return record if record.alive() else None


def stop(folder: Path, how: signal.Signals, patience_s: float) -> bool:
    """Ends the process that was started for a folder: asked first, then killed. No other process is touched.

    Returns:
        Whether it ran.

    Raises:
        WillNotStop: it runs on.
    """
    record = running_in(folder)
    if record is not None:
        _end(record, how, patience_s)
    _file(folder).unlink(missing_ok=True)
    return record is not None


def birth_of(pid: int) -> str | None:
    """When a process was born: boot and clock ticks since then on Linux, else what `ps` says; None: it does not run."""
    stat = Path(f"/proc/{pid}/stat")
    if not Path("/proc/self/stat").exists():
        said = subprocess.run(["/bin/ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
        return said.stdout.strip() or None
    try:
        fields = stat.read_text().rpartition(")")[2].split()  # the name before it may hold blanks and brackets
    except (FileNotFoundError, ProcessLookupError):
        return None
    state, threads, ticks = fields[0], int(fields[17]), fields[19]
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    # A zombie has ended, only its parent has not asked yet; but its ports are taken until the last of its threads is gone.
    return None if state == "X" or (state == "Z" and threads <= 1) else f"{boot} {ticks}"


def _end(record: Record, how: signal.Signals, patience_s: float) -> None:
    for number, patience in ((how, patience_s), (signal.SIGKILL, _KILL_PATIENCE_S)):
        try:
            os.kill(record.pid, number)
        except ProcessLookupError:
            return
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            if not record.alive():
                return
            time.sleep(_POLL_S)
    raise WillNotStop(record.pid, _KILL_PATIENCE_S)


def _file(folder: Path) -> Path:
    return folder / "process.json"
