"""New, repeated and stale readings are told from their numbers alone."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from smart_sentry.stream.sequence import DUPLICATE, NEW, REACH, STALE, SequenceGate


def judged(gate: SequenceGate, *numbers: tuple[str, int, int]) -> list[int]:
    assets, epochs, sequences = zip(*numbers, strict=True)
    return gate.judge(assets, np.array(epochs), np.array(sequences)).tolist()


def test_numbers_that_rise_are_new_and_repeated_ones_are_not() -> None:
    gate = SequenceGate()
    assert judged(gate, ("a", 0, 0), ("a", 0, 1), ("b", 0, 1), ("a", 0, 1), ("a", 0, 0)) == [
        NEW,
        NEW,
        NEW,
        DUPLICATE,
        DUPLICATE,
    ]


def test_late_one_is_new_once_and_stale_beyond_the_reach() -> None:
    gate = SequenceGate()
    assert judged(gate, ("a", 0, 100), ("a", 0, 101 - REACH), ("a", 0, 101 - REACH), ("a", 0, 100 - REACH)) == [
        NEW, NEW, DUPLICATE, STALE,
    ]  # fmt: skip


def test_asset_that_starts_anew_is_numbered_anew_and_its_past_is_stale() -> None:
    gate = SequenceGate()
    assert judged(gate, ("a", 0, 500), ("a", 1, 0), ("a", 0, 501), ("a", 1, 0), ("a", 1, 1)) == [
        NEW,
        NEW,
        STALE,
        DUPLICATE,
        NEW,
    ]


def test_far_jump_forgets_what_is_out_of_reach() -> None:
    gate = SequenceGate()
    assert judged(gate, ("a", 0, 0), ("a", 0, 10_000), ("a", 0, 9_999), ("a", 0, 0)) == [NEW, NEW, NEW, STALE]


def test_asset_that_is_forgotten_may_come_anew_and_the_others_stay_known() -> None:
    gate = SequenceGate()
    judged(gate, ("a", 0, 5), ("b", 3, 7), ("c", 0, 9))
    gate.forget("b")
    assert not gate.knows("b")
    assert gate.snapshot()["assets"] == ["a", "c"]
    assert judged(gate, ("a", 0, 5), ("b", 0, 1), ("c", 0, 9), ("c", 0, 10), ("b", 0, 1)) == [
        DUPLICATE, NEW, DUPLICATE, NEW, DUPLICATE,
    ]  # fmt: skip
    gate.forget("nobody")
    gate.forget(None)
    assert judged(gate, ("a", 0, 5), ("c", 0, 9)) == [NEW, NEW]


@settings(deadline=None, max_examples=50)
@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 1), st.integers(0, 90)), max_size=200), st.integers(1, 50)
)
def test_it_agrees_with_a_set_of_all_numbers_and_batches_and_restarts_do_not_matter(
    numbers: list[tuple[str, int, int]], cut: int
) -> None:
    seen: set[tuple[str, int, int]] = set()
    newest: dict[str, tuple[int, int]] = {}
    expected = []
    for asset, epoch, sequence in numbers:
        last = newest.get(asset, (-1, -1))
        if epoch < last[0] or (epoch == last[0] and sequence <= last[1] - REACH):
            expected.append(STALE)
        else:
            expected.append(DUPLICATE if (asset, epoch, sequence) in seen else NEW)
            newest[asset] = max(last, (epoch, sequence))
        seen.add((asset, epoch, sequence))
    gate, found = SequenceGate(), []
    for begin in range(0, len(numbers), cut):
        found += judged(gate, *numbers[begin : begin + cut])
        again = SequenceGate()
        again.restore(gate.snapshot())
        gate = again
    assert found == expected
