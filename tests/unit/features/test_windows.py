"""The window kernel against figures worked out by hand, against pandas and NumPy, and cut into batches anywhere."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smart_sentry.features.windows import WindowBank, WindowSpec

SPEC = WindowSpec(half_lives=(2.0, 7.5), trends=(5, 12), spreads=(4, 9), baseline=6, baseline_average=1)


def features_of(values: list[float], spec: WindowSpec) -> np.ndarray:
    """(readings, features) of one channel of one asset."""
    column = np.array(values, dtype=np.float64)[:, None]
    return WindowBank(("x",), spec).update(column, np.zeros(len(values), dtype=np.int64))


def test_exponential_average_halves_the_weight_with_every_half_life() -> None:
    # Weights 1, 1/2, 1/4 from the newest back: (3 + 0/2) / 1.5 and (0 + 3/2 + 0/4) / 1.75.
    features = features_of([0, 3, 0], WindowSpec(half_lives=(1,)))
    np.testing.assert_allclose(features[:, 0], [0, 2, 1.5 / 1.75], rtol=1e-14)


def test_trend_of_a_straight_line_is_the_newest_value_and_its_slope() -> None:
    features = features_of([1, 3, 5, 7, 9], WindowSpec(trends=(3,)))
    np.testing.assert_allclose(features, [[1, 0], [3, 2], [5, 2], [7, 2], [9, 2]], rtol=1e-14)


def test_trend_of_scattered_values_is_the_least_squares_line_at_the_newest() -> None:
    # Times -1, 0, 1 about the middle: slope (0 * -1 + 0 * 0 + 3 * 1) / 2 = 1.5, mean 1, so 1 + 1.5 at the newest.
    features = features_of([0, 0, 3], WindowSpec(trends=(3,)))
    np.testing.assert_allclose(features[2], [2.5, 1.5], rtol=1e-14)


def test_trend_less_than_a_third_full_is_the_mean_without_slope() -> None:
    features = features_of([0, 6, 12], WindowSpec(trends=(9,)))
    np.testing.assert_allclose(features, [[0, 0], [3, 0], [12, 6]], rtol=1e-14)


def test_spread_is_mean_and_population_deviation_of_the_last_readings() -> None:
    features = features_of([1, 5, 5, 8], WindowSpec(spreads=(2,)))
    np.testing.assert_allclose(features, [[1, 0], [3, 2], [5, 0], [6.5, 1.5]], rtol=1e-14)


def test_own_baseline_is_the_average_less_the_mean_of_the_first_readings() -> None:
    # Averages 2, (4 + 2/2) / 1.5 and (10 + 4/2 + 2/4) / 1.75; means of the first two readings 2, 3 and 3.
    features = features_of([2, 4, 10], WindowSpec(half_lives=(1,), baseline=2))
    np.testing.assert_allclose(features[:, 1], [0, 5 / 1.5 - 3, 12.5 / 1.75 - 3], rtol=1e-14)


def expected(values: np.ndarray, spec: WindowSpec) -> np.ndarray:
    """The same features by pandas and np.polyfit, a row at a time."""
    series = pd.Series(values)
    columns = [series.ewm(halflife=half_life).mean().to_numpy() for half_life in spec.half_lives]
    for length in spec.trends:
        columns += list(np.array([line(values[: row + 1], length) for row in range(len(values))]).T)
    for length in spec.spreads:
        rolling = series.rolling(length, min_periods=1)
        columns += [rolling.mean().to_numpy(), rolling.std(ddof=0).to_numpy()]
    own = series.iloc[: spec.baseline].expanding().mean().reindex(series.index).ffill().to_numpy()
    return np.column_stack([*columns, columns[spec.baseline_average] - own])


def line(history: np.ndarray, length: int) -> tuple[float, float]:
    recent = history[-length:]
    if len(recent) < 2 or 3 * len(recent) < length:
        return float(recent.mean()), 0.0
    slope, _ = np.polyfit(np.arange(len(recent)), recent, 1)
    return float(recent.mean() + slope * (len(recent) - 1) / 2), float(slope)


def test_windows_of_random_values_equal_pandas_and_polyfit() -> None:
    values = np.random.default_rng(1).normal(500, 3, 300).cumsum()
    np.testing.assert_allclose(features_of(values.tolist(), SPEC), expected(values, SPEC), rtol=1e-10, atol=1e-7)


def test_windows_of_values_far_from_zero_keep_their_digits() -> None:
    small = np.random.default_rng(2).normal(0, 0.01, 200)
    far = small + 1e9
    shift = np.zeros(features_of([0], SPEC).shape[1])
    names = WindowSpec.feature_names(SPEC, "x")
    shift[[place for place, name in enumerate(names) if not any(kind in name for kind in ("slope", "std", "own"))]] = (
        1e9
    )
    found = features_of(far.tolist(), SPEC) - shift
    # 1e9 itself is a float only to 1e-7, which is what may be lost: sums of squares about zero would lose all of it.
    np.testing.assert_allclose(found, expected(far - 1e9, SPEC), atol=4e-7)


def test_windows_after_a_huge_value_has_left_them_are_exact_again() -> None:
    rng = np.random.default_rng(3)
    values = np.concatenate([rng.normal(size=20), [1e13], rng.normal(size=40)])
    spec = WindowSpec(trends=(5, 12), spreads=(4,))
    found = features_of(values.tolist(), spec)[-1]
    calm = features_of(values[-20:].tolist(), spec)[-1]
    np.testing.assert_allclose(found, calm, rtol=1e-9, atol=1e-9)


def test_missing_value_leaves_the_windows_of_its_channel_as_they_were() -> None:
    values = np.array([[1.0, 1.0], [2.0, 2.0], [np.nan, 3.0], [4.0, 4.0]])
    bank = WindowBank(("gap", "whole"), SPEC)
    gap, whole = np.split(bank.update(values, np.zeros(4, dtype=np.int64)), 2, axis=1)
    np.testing.assert_array_equal(gap[2], gap[1])
    np.testing.assert_array_equal(gap[3], features_of([1, 2, 4], SPEC)[2])
    np.testing.assert_array_equal(whole, features_of([1, 2, 3, 4], SPEC))


@pytest.mark.parametrize("missing", [np.nan, np.inf, -np.inf])
def test_features_before_the_first_value_are_missing(missing: float) -> None:
    found = features_of([missing, missing, 5], SPEC)
    assert np.isnan(found[:2]).all()
    np.testing.assert_array_equal(found[2], features_of([5], SPEC)[0])


def test_restart_begins_the_asset_anew_and_no_other() -> None:
    values = np.random.default_rng(4).normal(size=(40, 1))
    slots = np.tile([0, 1], 20).astype(np.int64)
    restarts = np.zeros(40, dtype=np.bool_)
    restarts[24] = True  # the 13th reading of asset 0
    found = WindowBank(("x",), SPEC).update(values, slots, restarts)
    np.testing.assert_array_equal(found[24::2], features_of(values[24::2, 0].tolist(), SPEC))
    np.testing.assert_array_equal(found[1::2], features_of(values[1::2, 0].tolist(), SPEC))


def test_restart_at_a_missing_value_leaves_nothing() -> None:
    bank = WindowBank(("x",), SPEC)
    bank.update(np.ones((5, 1)), np.zeros(5, dtype=np.int64))
    found = bank.update(np.array([[np.nan]]), np.zeros(1, dtype=np.int64), np.array([True]))
    assert np.isnan(found).all()


def test_bank_growing_for_new_assets_keeps_those_it_has() -> None:
    history = np.random.default_rng(5).normal(size=(10, 1))
    bank = WindowBank(("x",), SPEC)
    for row, newcomer in enumerate([1, 2, 7, 8, 40, 41, 300, 301, 302, 303]):
        both = np.array([0, newcomer], dtype=np.int64)
        found = bank.update(np.vstack([history[row], [0.0]]), both)[0]
    np.testing.assert_array_equal(found, features_of(history[:, 0].tolist(), SPEC)[-1])
    assert bank.slots >= 304


def test_snapshot_restored_into_another_bank_goes_on_the_same() -> None:
    values = np.random.default_rng(6).normal(size=(60, 2))
    slots = np.random.default_rng(7).integers(0, 3, 60)
    whole = WindowBank(("a", "b"), SPEC).update(values, slots)
    first, second = WindowBank(("a", "b"), SPEC), WindowBank(("a", "b"), SPEC)
    first.update(values[:25], slots[:25])
    kept = first.snapshot()
    first.update(values[25:], slots[25:])  # must not reach into the snapshot
    second.restore(kept)
    np.testing.assert_array_equal(second.update(values[25:40], slots[25:40]), whole[25:40])
    second.restore(kept)  # nor may the bank that it was restored into
    np.testing.assert_array_equal(second.update(values[25:], slots[25:]), whole[25:])


def test_snapshot_holds_the_assets_that_came_and_others_may_come_after_it() -> None:
    values = np.random.default_rng(6).normal(size=(60, 1))
    slots = np.concatenate([np.tile([0, 1], 10), np.tile([0, 1, 2], 10), np.arange(10) % 5]).astype(np.int64)
    first, second = WindowBank(("x",), SPEC), WindowBank(("x",), SPEC)
    first.update(values[:20], slots[:20])
    first.update(values[20:50], slots[20:50])
    kept = first.snapshot()
    assert first.slots == 4
    assert {array.shape[0] for array in kept.values()} == {3}
    second.restore(kept)
    assert {array.shape[0] for array in second.snapshot().values()} == {3}
    np.testing.assert_array_equal(second.update(values[50:], slots[50:]), first.update(values[50:], slots[50:]))
    assert {array.shape[0] for array in second.snapshot().values()} == {5}


@pytest.mark.parametrize(
    ("channels", "spec"),
    [(("a", "b"), SPEC), (("x",), WindowSpec(half_lives=(2.0, 7.5), trends=(5, 13), spreads=(4, 9)))],
)
def test_snapshot_of_other_windows_is_refused(channels: tuple[str, ...], spec: WindowSpec) -> None:
    bank = WindowBank(("x",), SPEC)
    bank.update(np.ones((1, 1)), np.zeros(1, dtype=np.int64))
    with pytest.raises(ValueError, match=r"snapshot does not fit these windows: shapes of .*recent"):
        WindowBank(channels, spec).restore(bank.snapshot())


def test_advance_then_now_equals_update() -> None:
    values, slots = np.random.default_rng(8).normal(size=(30, 2)), np.tile([0, 1, 2], 10).astype(np.int64)
    written, silent = WindowBank(("a", "b"), SPEC), WindowBank(("a", "b"), SPEC)
    found = written.update(values, slots)
    silent.advance(values, slots)
    for slot in range(3):
        np.testing.assert_array_equal(silent.now(slot).reshape(-1), found[slot - 3])


def test_update_with_no_rows_gives_none_and_changes_nothing() -> None:
    bank = WindowBank(("x",), SPEC)
    nothing = bank.update(np.empty((0, 1)), np.empty(0, dtype=np.int64))
    assert nothing.shape == (0, SPEC.features_per_channel)
    assert bank.slots == 0


def test_update_takes_tables_of_any_memory_layout() -> None:
    values = np.random.default_rng(9).normal(size=(20, 3)).astype(np.float32)
    slots = np.zeros(20, dtype=np.int64)
    wanted = WindowBank(("a", "b", "c"), SPEC).update(values.astype(np.float64), slots)
    np.testing.assert_array_equal(WindowBank(("a", "b", "c"), SPEC).update(np.asfortranarray(values), slots), wanted)


def test_feature_names_are_in_the_order_of_the_columns() -> None:
    bank = WindowBank(("a", "b"), SPEC)
    assert bank.feature_names[:3] == ["a_ema2", "a_ema7.5", "a_level5"]
    assert bank.feature_names[SPEC.features_per_channel] == "b_ema2"
    assert len(bank.feature_names) == 2 * SPEC.features_per_channel == 2 * (2 + 2 * 2 + 2 * 2 + 1)
    rising = features_of(np.arange(100.0).tolist(), SPEC)[-1]
    named = dict(zip(SPEC.feature_names("x"), rising, strict=True))
    assert named["x_level12"] == pytest.approx(99)
    assert named["x_slope5"] == pytest.approx(1)
    assert named["x_mean9"] == pytest.approx(95)
    assert named["x_std4"] == pytest.approx(np.std([0, 1, 2, 3]))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"half_lives": (5, 0)}, "half-lives must be positive"),
        ({"trends": (30, 1)}, "windows must span at least 2 readings"),
        ({"spreads": (1,)}, "windows must span at least 2 readings"),
        ({"baseline": 10}, "a baseline needs one of the exponential averages"),
        (
            {"half_lives": (5,), "baseline": 10, "baseline_average": 1},
            "a baseline needs one of the exponential averages",
        ),
    ],
)
def test_window_spec_that_has_no_meaning_is_refused(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        WindowSpec(**wrong)  # type: ignore[arg-type]


@st.composite
def streams(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[int]]:
    """Values with gaps, slots, restarts, and where the stream is cut."""
    rows = draw(st.integers(1, 80))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    values = rng.normal(draw(st.sampled_from([0.0, 1e6])), 2, (rows, 2))
    values[rng.random((rows, 2)) < 0.05] = np.nan
    slots = rng.integers(0, draw(st.integers(1, 6)), rows)
    restarts = rng.random(rows) < 0.05
    cuts = draw(st.lists(st.integers(0, rows), max_size=12).map(sorted))
    return values, slots, restarts, cuts


@settings(max_examples=150, deadline=None)
@given(streams())
def test_any_split_of_a_stream_gives_bit_identical_features(
    stream: tuple[np.ndarray, np.ndarray, np.ndarray, list[int]],
) -> None:
    values, slots, restarts, cuts = stream
    whole = WindowBank(("a", "b"), SPEC).update(values, slots, restarts)
    bank = WindowBank(("a", "b"), SPEC)
    edges = [0, *cuts, len(slots)]
    parts = [
        bank.update(values[start:stop], slots[start:stop], restarts[start:stop])
        for start, stop in itertools.pairwise(edges)
    ]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


@settings(max_examples=50, deadline=None)
@given(streams())
def test_features_of_an_asset_do_not_depend_on_its_slot_or_its_neighbours(
    stream: tuple[np.ndarray, np.ndarray, np.ndarray, list[int]],
) -> None:
    values, slots, restarts, _ = stream
    whole = WindowBank(("a", "b"), SPEC).update(values, slots, restarts)
    for slot in np.unique(slots):
        rows = slots == slot
        alone = WindowBank(("a", "b"), SPEC).update(
            values[rows], np.full(rows.sum(), 3, dtype=np.int64), restarts[rows]
        )
        np.testing.assert_array_equal(alone, whole[rows])
