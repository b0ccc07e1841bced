import numpy as np
import pytest
from bundle_fixture import asset_columns, expected_values

from smart_sentry.answers import AssetHistory, answer_histories
from smart_sentry.bundle import Bundle
from smart_sentry.contracts.failure import FailureAssessment
from smart_sentry.monitor import Monitor


def history(asset_id: str, rows: slice, number: int = 1, top: int = 4) -> AssetHistory:
    cycles, values = expected_values(asset_columns(asset_id, rows, number))
    return AssetHistory(asset_id, cycles[-1], values, top)


def numbers(answer: FailureAssessment) -> list[float]:
    return [
        answer.failure_probability,
        answer.rul_cycles,
        answer.rul_lower_cycles,
        answer.rul_upper_cycles,
        *(part.contribution for part in sorted(answer.top_contributions, key=lambda part: part.signal)),
    ]


def test_histories_are_answered_like_a_monitor_that_takes_reading_by_reading(packaged_bundle: Bundle) -> None:
    one = history("a", slice(0, 60))
    monitor = Monitor(packaged_bundle, explain=True)
    for row in range(len(one.values)):
        (wanted,) = monitor.answer(["a"], [row + 1], one.values[row : row + 1], top=4)
    (found,) = answer_histories(packaged_bundle, [one])
    assert numbers(found) == pytest.approx(numbers(wanted), abs=1e-6)
    assert (found.cycle, found.regime, found.warming, found.restored) == (60, wanted.regime, False, False)


def test_answer_does_not_depend_on_what_else_is_in_the_batch(packaged_bundle: Bundle) -> None:
    # The neighbours have the same name: histories never share state.
    parts = [history("same", slice(0, 10 + 7 * number), number) for number in range(1, 10)]
    together = answer_histories(packaged_bundle, parts)
    for found, part in zip(together, parts, strict=True):
        (alone,) = answer_histories(packaged_bundle, [part])
        assert numbers(found) == pytest.approx(numbers(alone), abs=1e-5)
        assert found.cycle == alone.cycle == part.newest_cycle


def test_batch_larger_than_one_explained_chunk_is_answered_whole(packaged_bundle: Bundle) -> None:
    one = history("a", slice(0, 40))
    answers = answer_histories(
        packaged_bundle, [one] * 1100
    )  # chunks hold 4096 // (3 moving sensors + 1) = 1024 assets
    assert len(answers) == 1100
    (alone,) = answer_histories(packaged_bundle, [one])
    for answer in (answers[0], answers[1023], answers[1024], answers[-1]):
        assert numbers(answer) == pytest.approx(numbers(alone), abs=1e-5)


def test_contributions_are_the_largest_first_with_newest_value_and_unit(packaged_bundle: Bundle) -> None:
    one = history("a", slice(20, 70))
    (found,) = answer_histories(packaged_bundle, [one])
    sizes = [abs(part.contribution) for part in found.top_contributions]
    assert sizes == sorted(sizes, reverse=True)
    columns = {"vibration": (1, "g"), "temperature": (2, "degC"), "pressure": (3, "bar")}
    told = {part.signal: (part.value, part.unit) for part in found.top_contributions}
    assert told == {name: (one.values[-1, column], unit) for name, (column, unit) in columns.items()}


def test_each_history_gets_as_many_contributions_as_it_asks_for(packaged_bundle: Bundle) -> None:
    answers = answer_histories(packaged_bundle, [history("a", slice(0, 30), top=top) for top in (0, 2, 1)])
    assert [len(answer.top_contributions) for answer in answers] == [0, 2, 1]
    assert answers[1].top_contributions[:1] == answers[2].top_contributions


def test_removed_wear_of_the_worn_signal_would_lower_the_probability(packaged_bundle: Bundle) -> None:
    worn = history("a", slice(0, 40))
    values = worn.values.copy()
    values[20:, 1] += np.linspace(0, 4, 20)  # vibration rises to five times its usual value, nothing else changes
    (found,) = answer_histories(packaged_bundle, [AssetHistory("a", 40, values, top=1)])
    assert found.top_contributions[0].signal == "vibration"
    assert found.top_contributions[0].contribution > 1


def test_no_histories_give_no_answers(packaged_bundle: Bundle) -> None:
    assert answer_histories(packaged_bundle, []) == []
