import asyncio
import threading
from collections.abc import Sequence

from smart_sentry.api.gathering import Gatherer
from smart_sentry.errors import StoreUnavailable


def test_answers_come_in_the_order_of_the_requests_from_a_thread_of_its_own() -> None:
    passes: list[list[int]] = []
    threads: set[str] = set()

    def double(asked: Sequence[int]) -> list[int]:
        passes.append(list(asked))
        threads.add(threading.current_thread().name)
        return [2 * one for one in asked]

    async def ask() -> list[int]:
        gather: Gatherer[int, int] = Gatherer(double, most=3, thread="doubling")
        told = await asyncio.gather(*(gather(number) for number in range(7)))
        gather.close()
        return told

    assert asyncio.run(ask()) == [0, 2, 4, 6, 8, 10, 12]
    assert passes == [[0, 1, 2], [3, 4, 5], [6]]
    assert len(threads) == 1
    assert threads.pop().startswith("doubling")


def test_request_that_is_refused_leaves_its_neighbours_their_answers() -> None:
    def positive(asked: Sequence[int]) -> list[int]:
        if min(asked) < 0:
            raise ValueError(f"{min(asked)} is negative")
        return list(asked)

    async def ask() -> list[int | BaseException]:
        gather: Gatherer[int, int] = Gatherer(positive)
        told = await asyncio.gather(*(gather(number) for number in (1, -2, 3)), return_exceptions=True)
        gather.close()
        return told

    first, refused, last = asyncio.run(ask())
    assert (first, last) == (1, 3)
    assert isinstance(refused, ValueError)


def test_light_pass_is_answered_at_once_and_by_the_thread_where_that_cannot_be() -> None:
    threads: list[str] = []

    def double(asked: Sequence[int]) -> list[int]:
        threads.append(threading.current_thread().name)
        return [2 * one for one in asked]

    def at_once(asked: Sequence[int]) -> list[int] | None:
        if asked[0] == 2:
            return None
        if asked[0] == 3:
            raise ValueError("not now")
        return double(asked)

    async def ask() -> list[int]:
        gather: Gatherer[int, int] = Gatherer(double, inline=1, at_once=at_once, thread="doubling")
        told = [await gather(number) for number in (1, 2, 3)]
        told += await asyncio.gather(gather(4), gather(5))
        gather.close()
        return told

    assert asyncio.run(ask()) == [2, 4, 6, 8, 10]
    here = threading.current_thread().name
    assert [name == here for name in threads] == [True, False, False, False]


def test_database_that_is_away_is_everybodys_answer_after_one_pass() -> None:
    away = StoreUnavailable("postgresql", "the host cannot be reached", "-")
    passes: list[int] = []

    def answer(asked: Sequence[int]) -> list[int]:
        passes.append(len(asked))
        raise away

    async def ask() -> list[int | BaseException]:
        gather: Gatherer[int, int] = Gatherer(answer)
        told = await asyncio.gather(*(gather(number) for number in range(3)), return_exceptions=True)
        gather.close()
        return told

    assert asyncio.run(ask()) == [away] * 3
    assert passes == [3]
