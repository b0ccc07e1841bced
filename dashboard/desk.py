"""What pages ask of the service over HTTP: answers are kept for a few seconds, refusals come as sentences."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from smart_sentry.errors import ServiceRefused
from smart_sentry.service_client import Downloaded, ServiceClient

_KEPT = 400
_DOWN = "The service does not answer. Start it: smart-sentry monitor."
Question = tuple[str, tuple[tuple[str, str], ...]]


@dataclass(frozen=True)
class Answer:
    """What the service said last.

    Attributes:
        value: decoded JSON; None where it never answered, or refuses now.
        problem: why there is no newer value, with what to do; None where there is one.
        missing: whether the service says that it does not know what is asked for (404).
        asked: seconds of the desk's clock.
    """

    value: Any
    problem: str | None
    missing: bool
    asked: float


class Desk:
    """Asks a service, for any number of threads at once.

    Args:
        client: of the service, with patience for what takes long.
        clock: seconds that only go forward.
        reader: asks what pages need that draw themselves anew: their banner waits for its answers, too. None: the client does.
        is_down: whether it is known that the service does not answer: then nobody waits to find out.
    """

    def __init__(
        self, client: ServiceClient, clock: Callable[[], float] = time.monotonic, *, reader: ServiceClient | None = None,
        is_down: Callable[[], bool] = lambda: False,
    ) -> None:  # fmt: skip
        self._client, self._reader, self._clock, self._is_down = client, reader or client, clock, is_down
        self._lock = threading.Lock()
        self._kept: OrderedDict[Question, Answer] = OrderedDict()

    def close(self) -> None:
        """Lets go of the connections."""
        self._client.close()
        self._reader.close()

    @property
    def address(self) -> str:
        """Of the service."""
        return self._client.address

    def read(self, path: str, max_age_s: float = 3.0, *, patient: bool = False, **query: str) -> Answer:
        """What a GET answers, or what it answered at most so many seconds ago.

        Where nobody answers, there is the earlier value beside the problem; a refusal has none. The service is then left alone
        for as long; while it is down it is not asked at all.

        Args:
            path: of the service.
            max_age_s: how old an answer may be.
            patient: whether it may take as long as an action.
            query: of the GET.
        """
        question = (path, tuple(sorted(query.items())))
        with self._lock:
            known = self._kept.get(question)
        if known is not None and self._clock() - known.asked < max_age_s:
            return known
        if self._is_down():
            return Answer(None if known is None else known.value, _DOWN, False, self._clock())
        answer = self._ask(self._client if patient else self._reader, path, query, known)
        with self._lock:
            self._kept[question] = answer
            self._kept.move_to_end(question)
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return answer

    def send(self, path: str, body: dict[str, Any]) -> Any:
        """What a POST answers; everything that was kept is asked anew afterwards.

        Raises:
            ServiceRefused: nobody answers, or with a refusal.
        """
        try:
            return self._client.post(path, body)
        finally:
            self.forget()

    def forget(self) -> None:
        """Asks everything anew from now on."""
        with self._lock:
            self._kept.clear()

    def ask(self, path: str, **query: str) -> Any:
        """What a GET answers now.

        Raises:
            ServiceRefused: nobody answers, or with a refusal.
        """
        return self._client.get(path, **query)

    def fetch(self, path: str, **query: str) -> Downloaded:
        """A file that a GET answers.

        Raises:
            ServiceRefused: nobody answers, or with a refusal.
        """
        return self._client.download(path, **query)

    def _ask(self, client: ServiceClient, path: str, query: dict[str, str], known: Answer | None) -> Answer:
        began = self._clock()
        try:
            return Answer(client.get(path, **query), None, False, began)
        except ServiceRefused as refusal:
            value = None if known is None or refusal.answered else known.value
            return Answer(value, sentence_of(refusal), refusal.problem.startswith("404"), self._clock())


def sentence_of(refusal: ServiceRefused) -> str:
    """A refusal as operators read it: without addresses and codes where the service said why itself."""
    code, colon, said = refusal.problem.partition(": ")
    if refusal.answered and colon and said:
        remedy = "" if refusal.remedy == "Mend what it names." else f" {refusal.remedy}"
        return f"The service refused: {said.rstrip('.')}.{remedy}"
    if refusal.answered:
        return f"The service refused ({code}). {refusal.remedy}"
    return f"The service does not answer ({refusal.problem}). {refusal.remedy}"
