"""What a worker does between two batches: what operators ask, alarms of silent assets, and another champion."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial

from smart_sentry.champion import WatchedModel
from smart_sentry.errors import StoreUnavailable
from smart_sentry.plant.alarm_clock import EVERY_SECONDS as ALARM_CLOCK_SECONDS
from smart_sentry.stores.commands import Command
from smart_sentry.stores.store import Store
from smart_sentry.stores.stream_partitions import Fenced
from smart_sentry.worker.partition import PartitionPlant

_log = logging.getLogger(__name__)
_LOOK_AT_COMMANDS_EVERY_S = 0.5
"""How often a worker looks whether operators have asked for something."""
_OBEY_FOR_S = 1.0
"""Of what they have asked at once, such as to forget thousands of assets: readings come in between."""
_LOOK_AT_MODEL_EVERY_S = 1.0
_LATEST_ALARM_CLOCK_S = 6.0 * ALARM_CLOCK_SECONDS
"""While readings pile up, an asset that seems to be silent may have some among them, and to wait until all that was judged is
stored would make more of them wait: so long then."""


class Chores:
    """Each is done when its time has come.

    Args:
        topic: of the partitions, for the log.
        plants: partition -> its plant, as they come and go.
        settle: waits until everything that was judged is stored, and counts it; false where the worker was told to stop before.
        with_database: does something with the database, and keeps the worker's place in the group while that takes its time.
        is_busy: whether that would take long.
        restore_lost: reads the state of lost partitions again.
        model: the champion as it changes; None: there is never another one.
    """

    def __init__(
        self, topic: str, plants: Mapping[int, PartitionPlant], settle: Callable[[], bool],
        with_database: Callable[[Callable[[], None]], None], is_busy: Callable[[], bool], restore_lost: Callable[[], None],
        model: WatchedModel | None,
    ) -> None:  # fmt: skip
        self._topic, self._plants, self._settle, self._restore_lost = topic, plants, settle, restore_lost
        self._with_database, self._is_busy, self._model = with_database, is_busy, model
        self._looking = ThreadPoolExecutor(1, "looking")
        self._asked: Future[list[Command]] | None = None
        self._commands_seen = self._time_passed_at = self._model_seen = time.monotonic()

    def do(self) -> None:
        """Does what is due."""
        self._obey()
        self._pass_time()
        self._follow_model()

    def close(self) -> None:
        """Ends the thread that looks for what operators ask."""
        self._looking.shutdown()

    def _obey(self) -> None:
        """Does what operators have asked of the assets of its partitions. Nobody waits for the look whether they have."""
        if self._asked is None:
            if self._plants and time.monotonic() - self._commands_seen >= _LOOK_AT_COMMANDS_EVERY_S:
                self._asked = self._looking.submit(_commands_in, next(iter(self._plants.values())).store)
            return
        if not self._asked.done():
            return
        asked, self._asked, self._commands_seen = self._asked, None, time.monotonic()
        try:
            for command in asked.result():
                if time.monotonic() - self._commands_seen > _OBEY_FOR_S:
                    return
                self._obey_one(command)
        except StoreUnavailable as problem:
            _log.warning("%s: what operators asked waits: %s", self._topic, problem)

    def _obey_one(self, command: Command) -> None:
        owner = next((place for place, its in self._plants.items() if its.watches_over(command.asset_id)), None)
        if owner is None:  # another worker's
            return
        if not self._settle():
            return
        plant = self._plants.get(owner)
        if plant is None or plant.lost or not plant.caught_up:
            return
        try:
            self._with_database(partial(plant.obey, command))
        except Fenced as problem:
            _log.warning("%s", problem)

    def _pass_time(self) -> None:
        """Lets time pass for the alarms of assets that have fallen silent."""
        since = time.monotonic() - self._time_passed_at
        if not self._plants or since < ALARM_CLOCK_SECONDS or (since < _LATEST_ALARM_CLOCK_S and self._is_busy()):
            return
        self._time_passed_at = time.monotonic()
        if not self._settle():
            return
        for partition, plant in list(self._plants.items()):
            try:
                if plant.caught_up and not plant.lost:
                    self._with_database(plant.alarms.pass_time)
            except (StoreUnavailable, Fenced) as problem:
                _log.warning("%s[%d]: alarms of silent assets wait: %s", self._topic, partition, problem)

    def _follow_model(self) -> None:
        """Has its partitions judged by another champion once it is there; one that is not whole is refused."""
        model = self._model
        if model is None or time.monotonic() - self._model_seen < _LOOK_AT_MODEL_EVERY_S:
            return
        self._model_seen = time.monotonic()
        if model.look() and model.bundle is not None:
            _log.warning("%s: %s judges from now on", self._topic, model.bundle.version)
        bundle = model.bundle
        if bundle is None or all(plant.watches.is_judging(bundle) for plant in self._plants.values()):
            return
        if not self._settle():
            return
        for partition, plant in list(self._plants.items()):
            try:
                self._with_database(partial(plant.judge_by, bundle))
            except (StoreUnavailable, Fenced) as problem:
                _log.warning("%s[%d] reads some messages again: %s", self._topic, partition, problem)
        self._restore_lost()


def _commands_in(store: Store) -> list[Command]:
    with store.view() as view:
        return view.commands.waiting()
