"""The model that a service answers with, or the reason why it has none."""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable

import numpy as np

from smart_sentry.answers import AssetHistory, answer_histories
from smart_sentry.bundle import Bundle
from smart_sentry.champion import WatchedModel
from smart_sentry.errors import ModelUnavailable, SmartSentryError

_log = logging.getLogger(__name__)


class ServedModel:
    """A model that is loaded when the service starts, and replaced once another one is there.

    Args:
        load: brings a verified bundle, or raises why it cannot.
        mark: something that differs once `load` may bring another one; None: it never does.
    """

    def __init__(self, load: Callable[[], Bundle], mark: Callable[[], Hashable] | None = None) -> None:
        self.changes = mark is not None
        self._watched = WatchedModel(lambda: _warm(load()), mark or (lambda: None))
        self._loaded: Bundle | None = None
        self._problem: SmartSentryError = ModelUnavailable(
            "the service", "It is still starting: ask again in a few seconds."
        )

    @property
    def loaded(self) -> Bundle | None:
        """The model; None where there is none."""
        return self._loaded

    @property
    def refused(self) -> SmartSentryError | None:
        """Why the newest model is not the one that answers; None where it is, or where there is none at all."""
        return None if self._loaded is None else self._watched.problem

    def start(self) -> None:
        """Loads and warms the model up. A service without one starts all the same, and says why it is not ready."""
        self.look()
        if self._loaded is None:
            _log.error("no model is served: %s", self._problem)

    def look(self) -> bool:
        """Takes the model that is there now; one that is not whole is refused, and the last good one stays.

        Returns:
            Whether another model answers from now on.
        """
        changed = self._watched.look()
        bundle = self._watched.bundle
        if self._watched.problem is not None:
            self._problem = self._watched.problem
        if not changed or bundle is None:
            return False
        before, self._loaded = self._loaded, bundle
        if before is not None:
            _log.warning("%s answers from now on, in place of %s", bundle.version, before.version)
        return True

    def bundle(self) -> Bundle:
        """The model.

        Raises:
            SmartSentryError: what kept it from being loaded.
        """
        if self._loaded is None:
            raise self._problem
        return self._loaded


def _warm(bundle: Bundle) -> Bundle:
    warm_up(bundle)  # reads its last files, too
    return bundle


def warm_up(bundle: Bundle) -> None:
    """Answers once, with and without contributions, so that the first client does not wait for compilers and files."""
    middle = np.array([[sum(signal.limits) / 2 for signal in bundle.manifest.asset_type.signals]])
    for top in (0, 1):
        answer_histories(bundle, [AssetHistory("warm-up", 1, middle, top)])
