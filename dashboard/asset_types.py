"""The asset types of the project, read when they are first needed."""

from __future__ import annotations

import threading
from pathlib import Path

from smart_sentry.assets import AssetType, load_asset_type
from smart_sentry.errors import ConfigurationError

_FAST_STEP_S = 1.0


class AssetTypes:
    """Types by name, from a folder of YAML files; a file that changes needs a restart, as it does of the service.

    Args:
        folder: configs/assets.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._lock = folder, threading.Lock()
        self._known: dict[str, AssetType | None] = {}

    def find(self, name: str) -> AssetType | None:
        """The type of that name; None where its file is missing or wrong."""
        with self._lock:
            if name not in self._known:
                self._known[name] = self._load(name)
            return self._known[name]

    def step_seconds(self, name: str) -> float | None:
        """Time between two judged steps of that type: a second for fast machines; None where it is not known."""
        kind = self.find(name)
        return None if kind is None else max(kind.sampling_seconds, _FAST_STEP_S if kind.is_fast else 0.0)

    def _load(self, name: str) -> AssetType | None:
        path = self._folder / f"{name}.yaml"
        if path.parent != self._folder:
            return None
        try:
            return load_asset_type(path)
        except ConfigurationError:
            return None
