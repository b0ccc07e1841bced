"""The model that a service answers with, or the reason why it has none."""

from __future__ import annotations

import logging
from collections.abc import Callable

import numpy as np

from smart_sentry.answers import AssetHistory, answer_histories
from smart_sentry.bundle import Bundle
from smart_sentry.errors import ModelUnavailable, SmartSentryError

_log = logging.getLogger(__name__)


class ServedModel:
    """A model that is loaded when the service starts.

    Args:
        load: brings a verified bundle, or raises why it cannot.
    """

    def __init__(self, load: Callable[[], Bundle]) -> None:
        self._load = load
        self._loaded: Bundle | None = None
        self._problem: SmartSentryError = ModelUnavailable(
            "the service", "It is still starting: ask again in a few seconds."
        )

    @property
    def loaded(self) -> Bundle | None:
        """The model; None where there is none."""
        return self._loaded

    def start(self) -> None:
        """Loads and warms the model up. A service without one starts all the same, and says why it is not ready."""
        try:
            bundle = self._load()
        except SmartSentryError as problem:
            _log.error("no model is served: %s", problem)
            self._problem = problem
            return
        warm_up(bundle)
        self._loaded = bundle

    def bundle(self) -> Bundle:
        """The model.

        Raises:
            SmartSentryError: what kept it from being loaded.
        """
        if self._loaded is None:
            raise self._problem
        return self._loaded


def warm_up(bundle: Bundle) -> None:
    """Answers once, with and without contributions, so that the first client does not wait for compilers and files."""
    middle = np.array([[sum(signal.limits) / 2 for signal in bundle.manifest.asset_type.signals]])
    for top in (0, 1):
        answer_histories(bundle, [AssetHistory("warm-up", 1, middle, top)])
