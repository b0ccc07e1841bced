"""High-rate windows."""

from __future__ import annotations

import numpy as np
import pytest

from smart_sentry.stores.span import Span
from smart_sentry.stores.store import Store
from smart_sentry.stores.windows import HighRateWindow


def _window(start: float, values: list[list[float]] | None = None, asset: str = "motor") -> HighRateWindow:
    points = np.array(values or [[1.0, 2.0], [3.0, 4.0]], dtype=np.float32)
    return HighRateWindow(asset, start, 0.01, points, ("current", "vibration"), "http", 50.0)


def test_windows_are_stored_once_by_their_start(store: Store) -> None:
    with store.transaction() as batch:
        assert batch.windows.add([_window(1.1), _window(2.0), _window(1.1)]).tolist() == [True, True, False]
    with store.transaction() as batch:
        assert batch.windows.add([_window(2.0), _window(3.0), _window(2.0, asset="fan")]).tolist() == [
            False,
            True,
            True,
        ]


def test_history_of_windows_gives_them_back_as_they_were(store: Store) -> None:
    given = _window(1.1, [[0.1, np.nan], [np.inf, -3.0], [7.0, 8.0]])
    with store.transaction() as batch:
        batch.windows.add([given, _window(9.0)])
    with store.view() as view:
        (found,) = view.windows.history("motor", Span(end=9.0))
    assert np.array_equal(found.values, given.values, equal_nan=True)
    assert found.values.dtype == np.float32
    assert (found.start, found.interval_seconds, found.signals) == (1.1, 0.01, ("current", "vibration"))


def test_window_without_a_column_for_each_signal_is_refused(store: Store) -> None:
    with store.transaction() as batch, pytest.raises(ValueError, match=r"\(points, 2\), not \(1, 3\)"):
        batch.windows.add([_window(1.0, [[1.0, 2.0, 3.0]])])
