"""Where baselines are kept: every version of every asset, and which one is active.

models/<asset type>/baselines/<asset>/<version>/   baseline.npz, baseline.json; readings.npz and readings.json: it was learnt from
models/<asset type>/baselines/<asset>/active.json  the active version and those that were active before it

A new version is whole before it becomes active, in one rename; the earlier one stays active until then.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import unquote
from weakref import WeakValueDictionary

from smart_sentry.assets import AssetType
from smart_sentry.detection.baseline import FACTS, Baseline
from smart_sentry.detection.calibration import Readings
from smart_sentry.errors import ChecksumMismatch, ModelUnavailable
from smart_sentry.features.npz import read_arrays
from smart_sentry.features.storage import write_arrays
from smart_sentry.files import file_name_of, sha256_of, write_json

ACTIVE = "active.json"
READINGS, READINGS_FACTS = "readings.npz", "readings.json"
_HELD: WeakValueDictionary[Path, Baseline] = WeakValueDictionary()
"""By folder: the version in its name is the checksum of what is in it, so it is the same whenever it is read."""
_NEW = ".new"
"""Beginning of folders in which a version is being put together."""
_ASIDE = "=purged="
"""Beginning of folders that a purge has put aside; no quoted name holds a `=`."""


class BaselineStore:
    """The baselines of one asset type's assets.

    Args:
        folder: models/<asset type>/baselines.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def add(self, baseline: Baseline, readings: Readings | None = None) -> str:
        """Keeps a baseline, makes it the active one and returns its version.

        Args:
            baseline: what was learnt.
            readings: what it was learnt from, for whoever asks later whether the machine has moved.
        """
        version = self.keep(baseline, readings)
        self.activate(baseline.asset_id, version)
        return version

    def keep(self, baseline: Baseline, readings: Readings | None = None) -> str:
        """Keeps a baseline beside the active one, which stays active, and returns its version."""
        home = self._home(baseline.asset_id)
        home.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=_NEW, dir=home) as own:  # another builder may be at work beside this one
            part = Path(own) / "whole"
            version = baseline.save(part)
            if readings is not None:
                write_arrays(part / READINGS, {"seconds": readings.seconds, "values": readings.values})
                write_json(part / READINGS_FACTS, {"sha256": sha256_of(part / READINGS), "rows": len(readings.seconds)})
            try:
                part.rename(home / version)
            except OSError:
                if not (home / version).exists():
                    raise
        return version

    def activate(self, asset_id: str, version: str) -> None:
        """Makes a kept version the active one; the one that was active is the one before it.

        Raises:
            ModelUnavailable: it is not kept. ChecksumMismatch: its arrays are not those that were accepted.
        """
        self.load(asset_id, version)
        self.put_back(asset_id, version)

    def put_back(self, asset_id: str, version: str) -> None:
        """Undoes `roll_back`: makes a version the active one again, whether it can be read or not."""
        history = [earlier for earlier in self.history(asset_id) if earlier != version]
        write_json(self._home(asset_id) / ACTIVE, {"history": [*history, version]})

    def load(self, asset_id: str, version: str) -> Baseline:
        """A kept version.

        Raises:
            ModelUnavailable: it is not kept. ChecksumMismatch: its arrays are not those that were accepted.
        """
        return Baseline.load(self._home(asset_id) / version)

    def readings_of(self, asset_id: str, version: str) -> Readings | None:
        """What a version was learnt from; None where that was not kept.

        Raises:
            ChecksumMismatch: they are not what was kept.
        """
        folder = self._home(asset_id) / version
        if not (folder / READINGS_FACTS).is_file():
            return None
        expected = json.loads((folder / READINGS_FACTS).read_text(encoding="utf-8"))["sha256"]
        packed = (folder / READINGS).read_bytes()
        if (found := hashlib.sha256(packed).hexdigest()) != expected:
            raise ChecksumMismatch(folder / READINGS, expected, found, "Calibrate the asset again.")
        arrays = read_arrays(packed)
        return Readings(arrays["seconds"], arrays["values"])

    def active(self, asset_id: str) -> Baseline:
        """The active baseline of an asset.

        Raises:
            ModelUnavailable: it has none. ChecksumMismatch: its arrays are not those that were accepted.
        """
        history = self.history(asset_id)
        if not history:
            raise ModelUnavailable(self._home(asset_id), f"Calibrate {asset_id} first.")
        return Baseline.load(self._home(asset_id) / history[-1])

    def history(self, asset_id: str) -> list[str]:
        """Versions in the order in which they became active, the active one last."""
        path = self._home(asset_id) / ACTIVE
        return list(json.loads(path.read_text(encoding="utf-8"))["history"]) if path.is_file() else []

    def versions(self, asset_id: str) -> list[str]:
        """Every kept version: those that were active in that order, then those that never were, by name."""
        history = self.history(asset_id)
        home = self._home(asset_id)
        kept = sorted(path.parent.name for path in home.glob(f"*/{FACTS}") if not path.parent.name.startswith(_NEW))
        return [*history, *(version for version in kept if version not in history)]

    def roll_back(self, asset_id: str) -> str:
        """Makes the baseline before the active one active again and returns its version.

        Raises:
            ModelUnavailable: there is none before it.
        """
        history = self.history(asset_id)
        if len(history) < 2:
            raise ModelUnavailable(self._home(asset_id), f"{asset_id} has no earlier baseline to roll back to.")
        write_json(self._home(asset_id) / ACTIVE, {"history": history[:-1]})
        return history[-2]

    def restore_history(self, asset_id: str, history: Sequence[str]) -> None:
        """Makes a history, as `history` told it, the one that counts again, whether its versions can be read or not."""
        if history:
            write_json(self._home(asset_id) / ACTIVE, {"history": [*history]})
        else:
            (self._home(asset_id) / ACTIVE).unlink(missing_ok=True)

    def remove(self, asset_id: str, version: str) -> None:
        """Deletes a kept version that is not in the history, with its readings."""
        shutil.rmtree(self._home(asset_id) / version, ignore_errors=True)

    def put_aside(self, asset_id: str) -> None:
        """Takes an asset's baselines out of use, so that `take_back` or `remove_aside` may follow: the first half of a purge."""
        if self._home(asset_id).is_dir():
            self.remove_aside(asset_id)
            self._home(asset_id).rename(self._aside(asset_id))

    def take_back(self, asset_id: str) -> None:
        """Undoes `put_aside`. What has been calibrated since stays as it is."""
        if self._aside(asset_id).is_dir() and not self._home(asset_id).exists():
            self._aside(asset_id).rename(self._home(asset_id))

    def remove_aside(self, asset_id: str) -> None:
        """Deletes what was put aside."""
        shutil.rmtree(self._aside(asset_id), ignore_errors=True)

    def assets_aside(self) -> list[str]:
        """Names of the assets of which something is put aside: a stop came between the halves of a purge."""
        found = self.folder.glob(f"{_ASIDE}*") if self.folder.is_dir() else iter(())
        return sorted(_asset_of(home, home.name.removeprefix(_ASIDE)) for home in found if (home / ACTIVE).is_file())

    def assets(self) -> list[str]:
        """Names of the assets that have an active baseline, sorted."""
        if not self.folder.is_dir():
            return []
        homes = (home for home in self.folder.iterdir() if not home.name.startswith(_ASIDE))
        return sorted(_asset_of(home, home.name) for home in homes if (home / ACTIVE).is_file())

    def all_active(self) -> dict[str, Baseline]:
        """Every asset's active baseline. Those that somebody in this process holds already are not read again."""
        folder = self.folder.absolute()
        return {asset: _held(folder / file_name_of(asset), self.history(asset)[-1]) for asset in self.assets()}

    def all_usable(self, asset_type: AssetType) -> tuple[dict[str, Baseline], dict[str, str]]:
        """As `all_active`, but the newest before it where the active one cannot be read; and asset -> what is broken.

        Args:
            asset_type: what they are to be scored with; a baseline of before it changed is broken, too.
        """
        folder, usable, broken = self.folder.absolute(), dict[str, Baseline](), dict[str, str]()
        for asset in self.assets():
            for version in reversed(self.history(asset)):
                try:
                    found = _held(folder / file_name_of(asset), version)
                    found.refuse_changed(asset_type)
                    usable[asset] = found
                    break
                except (ChecksumMismatch, ModelUnavailable) as problem:
                    broken.setdefault(asset, str(problem))
        return usable, broken

    def folder_of(self, asset_id: str) -> Path:
        """Where everything about an asset's baselines is."""
        return self._home(asset_id)

    def _aside(self, asset_id: str) -> Path:
        return self.folder / f"{_ASIDE}{file_name_of(asset_id)}"

    def _home(self, asset_id: str) -> Path:
        """An asset's folder; any name is a safe file name after quoting."""
        return self.folder / file_name_of(asset_id)


def _asset_of(home: Path, name: str) -> str:
    """Whose folder it is. A name that is long or empty is another in the folder's, and stands as it is in every baseline."""
    if "+" not in name:
        return unquote(name)
    active = json.loads((home / ACTIVE).read_text(encoding="utf-8"))["history"][-1]
    return str(json.loads((home / active / FACTS).read_text(encoding="utf-8"))["asset_id"])


def _held(home: Path, version: str) -> Baseline:
    folder = home / version
    found = _HELD.get(folder)
    if found is None:
        found = _HELD[folder] = Baseline.load(folder)
    return found
