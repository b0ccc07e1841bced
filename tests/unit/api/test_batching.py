import asyncio
import logging
import threading
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from smart_sentry.answers import AssetHistory
from smart_sentry.api.batching import AdaptiveBatcher
from smart_sentry.contracts.failure import FailureAssessment


def history(asset_id: str, readings: int = 1) -> AssetHistory:
    return AssetHistory(asset_id, readings, np.zeros((readings, 1)))


def assessment(one: AssetHistory) -> FailureAssessment:
    return FailureAssessment(
        asset_id=one.asset_id, cycle=one.newest_cycle, failure_probability=0.5, alarm=False, rul_cycles=1.0,
        rul_lower_cycles=0.0, rul_upper_cycles=2.0, regime=0, warming=False, restored=False, model_version="test",
    )  # fmt: skip


class Model:
    """Answers like a model, and notes every pass: the assets in it and the thread that it ran in."""

    def __init__(self) -> None:
        self.passes: list[list[str]] = []
        self.threads: list[str] = []

    def __call__(self, histories: Sequence[AssetHistory]) -> list[FailureAssessment]:
        self.passes.append([one.asset_id for one in histories])
        self.threads.append(threading.current_thread().name)
        if any(one.asset_id == "bad" for one in histories):
            raise ZeroDivisionError("bad")
        return [assessment(one) for one in histories]


def together(
    model: Callable[[Sequence[AssetHistory]], list[FailureAssessment]], *requests: list[AssetHistory], **limits: int
) -> tuple[list[list[str] | BaseException], list[int]]:
    """Sends requests at once; the asset ids or the error that each got, and the observed sizes of the passes."""
    sizes: list[int] = []

    async def send() -> list[list[str] | BaseException]:
        batcher = AdaptiveBatcher(model, sizes.append, **limits)
        answers = await asyncio.gather(*(batcher(request) for request in requests), return_exceptions=True)
        batcher.close()
        return [answer if isinstance(answer, BaseException) else [one.asset_id for one in answer] for answer in answers]

    return asyncio.run(send()), sizes


def test_lone_request_is_answered_in_a_pass_of_its_own() -> None:
    model = Model()
    assert together(model, [history("a"), history("b")]) == ([["a", "b"]], [1])
    assert model.passes == [["a", "b"]]


def test_requests_at_once_share_a_pass_and_each_gets_its_own_answers() -> None:
    model = Model()
    found, sizes = together(model, [history("a")], [history("b"), history("a")], [history("c")])
    assert found == [["a"], ["b", "a"], ["c"]]
    assert model.passes == [["a", "b", "a", "c"]]
    assert sizes == [3]


def test_pass_takes_no_more_readings_than_allowed_and_keeps_the_order_of_arrival() -> None:
    model = Model()
    requests = [[history("a", 3)], [history("b", 3)], [history("c", 4)], [history("d", 12)], [history("e", 1)]]
    found, sizes = together(model, *requests, most_readings=10, inline_readings=100)
    assert found == [["a"], ["b"], ["c"], ["d"], ["e"]]
    assert model.passes == [["a", "b", "c"], ["d"], ["e"]]  # 3 + 3 + 4 readings; 12 alone; 1
    assert sizes == [3, 1, 1]


def test_small_pass_runs_on_the_loop_and_large_pass_in_a_thread() -> None:
    model = Model()
    together(model, [history("small", 10)], [history("large", 11)], most_readings=10, inline_readings=10)
    assert model.passes == [["small"], ["large"]]
    assert model.threads[0] == threading.current_thread().name
    assert model.threads[1].startswith("model")


def test_requests_that_arrive_during_a_large_pass_share_the_next_one() -> None:
    running, proceed = threading.Event(), threading.Event()
    model = Model()

    def slow(histories: Sequence[AssetHistory]) -> list[FailureAssessment]:
        if not running.is_set():
            running.set()
            assert proceed.wait(30)
        return model(histories)

    async def send() -> list[str]:
        batcher = AdaptiveBatcher(slow, lambda _: None, most_readings=10, inline_readings=5)
        first = asyncio.create_task(batcher([history("first", 8)]))
        while not running.is_set():
            await asyncio.sleep(0)  # the loop is free while the model is busy
        later = [asyncio.create_task(batcher([history(name)])) for name in ("b", "c", "d")]
        await asyncio.sleep(0)
        proceed.set()
        answers = await asyncio.gather(first, *later)
        batcher.close()
        return [one.asset_id for answer in answers for one in answer]

    assert asyncio.run(send()) == ["first", "b", "c", "d"]
    assert model.passes == [["first"], ["b", "c", "d"]]


@pytest.mark.parametrize("inline_readings", [100, 0], ids=["on the loop", "in a thread"])
def test_failing_request_does_not_spoil_its_neighbours(caplog: pytest.LogCaptureFixture, inline_readings: int) -> None:
    with caplog.at_level(logging.ERROR):
        found, sizes = together(
            Model(), [history("a")], [history("bad")], [history("c")], inline_readings=inline_readings
        )
    assert found[0] == ["a"]
    assert isinstance(found[1], ZeroDivisionError)
    assert found[2] == ["c"]
    assert sizes == [1, 1]  # the shared pass failed; then each went alone
    assert "a pass over 3 requests failed" in caplog.text


def test_client_that_leaves_does_not_disturb_the_others() -> None:
    async def send() -> list[str]:
        batcher = AdaptiveBatcher(Model(), lambda _: None)
        leaves = asyncio.create_task(batcher([history("gone")]))
        stays = asyncio.create_task(batcher([history("here")]))
        await asyncio.sleep(0)  # both have asked
        leaves.cancel()
        answers = await stays
        batcher.close()
        return [one.asset_id for one in answers]

    assert asyncio.run(send()) == ["here"]
