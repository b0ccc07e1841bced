"""Steps: one a reading for slow machines, one a second for fast ones, however a stream is cut."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smart_sentry.assets import AssetType
from smart_sentry.features.steps import StepMaker, Steps, channel_names, window_feature_names, window_length

RNG = np.random.default_rng(1)


def kind(sampling_seconds: float) -> AssetType:
    signals = [
        {"name": "load_pct", "unit": "%", "role": "setting", "limits": [0, 100]},
        {"name": "a", "unit": "1", "limits": [-9, 9]},
        {"name": "b", "unit": "1", "limits": [-9, 9]},
    ]
    return AssetType.model_validate({"name": "m", "sampling_seconds": sampling_seconds, "signals": signals})


def no(rows: int) -> np.ndarray:
    return np.zeros(rows, dtype=np.bool_)


@pytest.mark.parametrize(("interval", "readings"), [(300, 1), (1, 1), (0.05, 1), (0.02, 50), (0.01, 100)])
def test_machine_faster_than_twenty_hertz_is_judged_by_the_second(interval: float, readings: int) -> None:
    assert window_length(kind(interval)) == readings


def test_names_of_channels_and_of_what_baselines_show() -> None:
    assert channel_names(kind(1)) == ("a", "b")
    assert channel_names(kind(0.01)) == ("a_mean", "b_mean", "a_log_std", "b_log_std")
    assert window_feature_names(kind(0.01))[:4] == ("a_mean", "a_std", "a_peak_to_peak", "a_rms")


def test_reading_of_a_slow_machine_is_a_step_of_its_sensors() -> None:
    values = RNG.normal(size=(5, 3))
    steps = StepMaker(kind(1)).update(values, np.zeros(5, np.int64), no(5))
    np.testing.assert_array_equal(steps.channels, values[:, 1:])
    np.testing.assert_array_equal(steps.settings, values[:, :1])


def test_window_has_the_statistics_that_numpy_gives() -> None:
    values = RNG.normal(3, 2, size=(250, 3))
    steps = StepMaker(kind(0.01)).update(values, np.zeros(250, np.int64), no(250))
    assert steps.row.tolist() == [99, 199]
    for number in (0, 1):
        part = values[100 * number : 100 * number + 100]
        sensors = part[:, 1:]
        expected = np.stack([
            sensors.mean(0), sensors.std(0), np.ptp(sensors, axis=0), np.sqrt((sensors**2).mean(0)),
        ], axis=1)  # fmt: skip
        np.testing.assert_allclose(steps.window[number], expected.ravel(), rtol=1e-12)
        np.testing.assert_allclose(steps.channels[number], np.r_[sensors.mean(0), np.log(sensors.std(0) + 1e-9)])
        np.testing.assert_allclose(steps.settings[number], part[:, 0].mean())


def test_sensor_that_was_silent_for_half_a_window_says_nothing() -> None:
    values = RNG.normal(size=(200, 3))
    values[:51, 1] = np.nan
    values[100:150, 1] = np.nan
    steps = StepMaker(kind(0.01)).update(values, np.zeros(200, np.int64), no(200))
    assert np.isnan(steps.channels[0, 0])
    assert steps.channels[1, 0] == pytest.approx(values[150:, 1].mean())
    assert np.isfinite(steps.channels[:, 1]).all()


def test_restart_throws_the_open_window_away() -> None:
    values = RNG.normal(size=(150, 3))
    restarts = no(150)
    restarts[50] = True
    steps = StepMaker(kind(0.01)).update(values, np.zeros(150, np.int64), restarts)
    assert steps.row.tolist() == [149]
    assert steps.channels[0, 0] == pytest.approx(values[50:, 1].mean())


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(1, 120), min_size=1, max_size=8), st.integers(1, 3))
def test_any_split_of_a_stream_gives_the_same_steps(cuts: list[int], assets: int) -> None:
    rows = sum(cuts)
    rng = np.random.default_rng(rows)
    values, slots = rng.normal(size=(rows, 3)), rng.integers(0, assets, rows)
    restarts = rng.random(rows) < 0.01
    whole = StepMaker(kind(0.02)).update(values, slots, restarts)
    maker, parts, begin = StepMaker(kind(0.02)), [], 0
    for length in cuts:
        part = slice(begin, begin + length)
        found = maker.update(values[part], slots[part], restarts[part])
        parts.append(
            Steps(found.row + begin, *(getattr(found, name) for name in ("slot", "channels", "settings", "window")))
        )
        begin += length
    for name in ("row", "slot", "channels", "settings", "window"):
        np.testing.assert_array_equal(np.concatenate([getattr(part, name) for part in parts]), getattr(whole, name))


def test_snapshot_goes_on_where_it_was_taken() -> None:
    values = RNG.normal(size=(150, 3))
    first, second = StepMaker(kind(0.01)), StepMaker(kind(0.01))
    first.update(values[:70], np.zeros(70, np.int64), no(70))
    second.restore(first.snapshot())
    slots = np.zeros(80, np.int64)
    np.testing.assert_array_equal(
        first.update(values[70:], slots, no(80)).channels, second.update(values[70:], slots, no(80)).channels
    )
