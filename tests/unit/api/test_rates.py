import pytest

from smart_sentry.api.errors import TooManyRequests
from smart_sentry.api.rates import RateLimit


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def limit_of(per_second: float | None, most_callers: int = 100) -> tuple[RateLimit, Clock]:
    clock = Clock()
    return RateLimit(per_second, "requests", clock, most_callers), clock


def admitted(limit: RateLimit, caller: str, tries: int) -> int:
    taken = 0
    for _ in range(tries):
        try:
            limit.admit(caller)
        except TooManyRequests:
            continue
        taken += 1
    return taken


def test_seconds_worth_may_come_at_once_and_no_more() -> None:
    limit, _ = limit_of(5)
    assert admitted(limit, "a", 20) == 5


def test_rate_holds_over_time() -> None:
    limit, clock = limit_of(5)
    taken = 0
    for _ in range(1000):
        clock.now += 0.01
        taken += admitted(limit, "a", 1)
    assert 54 <= taken <= 56  # 10 s at 5 a second, and the first second's worth at once


def test_callers_do_not_spoil_each_others_limit() -> None:
    limit, _ = limit_of(2)
    assert [admitted(limit, caller, 5) for caller in ("a", "b", "a")] == [2, 2, 0]


def test_more_than_a_seconds_worth_is_taken_whole_and_waited_for() -> None:
    limit, clock = limit_of(100)
    limit.admit("a", 450)  # 350 in debt: 3.5 s
    clock.now += 3.4
    with pytest.raises(TooManyRequests) as refused:
        limit.admit("a")
    assert refused.value.retry_after_seconds == 1
    clock.now += 0.2
    limit.admit("a")


@pytest.mark.parametrize(("debt", "seconds"), [(1, 1), (99, 1), (100, 2), (350, 4)])
def test_refusal_says_when_to_come_again_and_is_right(debt: int, seconds: int) -> None:
    limit, clock = limit_of(100)
    limit.admit("a", 100 + debt)
    with pytest.raises(TooManyRequests, match="at most 100 requests a second") as refused:
        limit.admit("a")
    assert refused.value.retry_after_seconds == seconds
    clock.now += seconds
    limit.admit("a")


def test_rate_below_one_a_second_still_lets_one_through() -> None:
    limit, clock = limit_of(0.1)
    assert admitted(limit, "a", 3) == 1
    clock.now += 10.1
    assert admitted(limit, "a", 3) == 1


def test_clock_that_stands_still_does_not_fill_the_bucket() -> None:
    limit, clock = limit_of(5)
    assert admitted(limit, "a", 5) == 5
    clock.now += 1000
    assert admitted(limit, "a", 20) == 5  # never more than a second's worth is saved up


def test_caller_that_was_not_seen_for_longest_is_forgotten_first() -> None:
    limit, _ = limit_of(1, most_callers=2)
    for caller in ("a", "b", "a", "c"):
        admitted(limit, caller, 1)
    assert [admitted(limit, caller, 1) for caller in ("a", "c", "b")] == [0, 0, 1]


def test_without_a_limit_everything_passes() -> None:
    limit, _ = limit_of(None)
    assert admitted(limit, "a", 1000) == 1000
