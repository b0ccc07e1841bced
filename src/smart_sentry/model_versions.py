"""Which version of a data set's failure model serves: what the registry says, and what services and workers load.

The bundle is brought and checked first. A promotion then moves the registry's alias, then champion.json; a rollback the other way
round, for the registry says what comes before the champion. Whatever is cut off in between, a whole model serves, and the same
command again finishes it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from smart_sentry.bundle import Bundle, load_bundle
from smart_sentry.champion import champion_folder, load_champion, make_champion
from smart_sentry.config import Settings
from smart_sentry.errors import ChecksumMismatch, ModelUnavailable
from smart_sentry.stores.audit import AuditEntry
from smart_sentry.stores.store import Store
from smart_sentry.tracking.mlflow_tracking import Tracker
from smart_sentry.tracking.model_registry import ModelRegistry, RegisteredVersion


class ModelVersions:
    """The versions of one data set's model.

    Args:
        settings: where MLflow, models and the audit log are.
        dataset: e.g. "FD001".
    """

    def __init__(self, settings: Settings, dataset: str) -> None:
        self._settings, self._dataset = settings, dataset
        self._tracker = Tracker(settings.mlruns_folder, settings.mlflow_tracking_uri)
        self.registry = ModelRegistry(self._tracker, dataset)

    def served(self) -> str | None:
        """Checksum of the bundle that serves here; None where there is none that is whole."""
        try:
            return load_champion(self._settings.home, self._dataset).checksum
        except (ModelUnavailable, ChecksumMismatch):
            return None

    def promote(self, number: str, author: str, reason: str) -> RegisteredVersion:
        """Makes a version champion, here and in the registry.

        Raises:
            ModelUnavailable: there is no such version, or MLflow cannot bring it.
            ChecksumMismatch: its files are not those that were registered; the champion stays.
        """
        chosen = self.registry.version(number)
        with self._bundle(chosen) as bundle:
            champion = self.registry.promote(number, reason, author)
            make_champion(self._settings.home, bundle)
        self._note(author, "promote model", champion, reason)
        return champion

    def rollback(self, author: str, reason: str) -> RegisteredVersion:
        """Makes the champion's predecessor champion again, here and in the registry.

        Raises:
            ModelUnavailable: there is no champion, or none before it. ChecksumMismatch: as of `promote`.
        """
        with self._bundle(self.registry.before_champion()) as bundle:
            make_champion(
                self._settings.home, bundle
            )  # first: after a stop, the registry still knows from whom to go back
            champion = self.registry.rollback(reason, author)
        self._note(author, "roll back model", champion, reason)
        return champion

    def serve_champion(self) -> None:
        """Has the registry's champion serve here; nothing happens where there is none.

        Raises:
            ModelUnavailable, ChecksumMismatch: its files cannot be had whole.
        """
        champion = self.registry.champion()
        if champion is not None:
            with self._bundle(champion) as bundle:
                make_champion(self._settings.home, bundle)

    @contextmanager
    def _bundle(self, version: RegisteredVersion) -> Iterator[Bundle]:
        """A version's bundle for the length of a block: from where promoted bundles are kept, or out of MLflow."""
        checksum = version.model.sha256
        with TemporaryDirectory(prefix="smart-sentry-model-") as folder:
            try:
                found = load_bundle(champion_folder(self._settings.home, self._dataset, checksum), checksum)
            except (ModelUnavailable, ChecksumMismatch):
                brought = self._tracker.fetch_bundle(version.model.uri, Path(folder))
                found = load_bundle(brought, checksum)
            yield found

    def _note(self, author: str, action: str, champion: RegisteredVersion, reason: str) -> None:
        details = {
            "dataset": self._dataset, "version": champion.version, "bundle_sha256": champion.model.sha256,
            "reason": reason,
        }  # fmt: skip
        with Store(self._settings.database_url) as store, store.transaction() as batch:
            batch.audit.add(AuditEntry(time.time(), author, action, None, details))
