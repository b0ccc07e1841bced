"""Where rounds run: in this process, in local processes, or on a Dask cluster. The results are the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from typing import Any, ParamSpec, TypeVar

_P = ParamSpec("_P")
_T = TypeVar("_T")


class InThisProcess(Executor):
    """Runs what is submitted at once, one after another."""

    def submit(self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]:
        """As `Executor.submit`."""
        future: Future[_T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except BaseException as error:  # noqa: BLE001 - the future carries it to whoever waits
            future.set_exception(error)
        return future


@contextmanager
def executor(workers: int, dask_scheduler: str | None = None) -> Iterator[Executor]:
    """What runs rounds for the length of the block.

    Args:
        workers: local processes; with one, this process does it all.
        dask_scheduler: address of a Dask scheduler that is used instead.
    """
    if dask_scheduler is not None:
        from distributed import Client

        with Client(dask_scheduler) as client:  # type: ignore[no-untyped-call]
            yield client.get_executor(pure=False)
    elif workers == 1:
        yield InThisProcess()
    else:
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_one_thread) as pool:
            yield pool


def _one_thread(*_: Any) -> None:
    """One thread a process: those of the linear algebra would only fight for the cores."""
    import sklearn.cluster  # noqa: F401 - only what is loaded can be limited
    from threadpoolctl import threadpool_limits

    threadpool_limits(1)
