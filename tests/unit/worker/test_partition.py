"""A partition's plant without Kafka: messages that repeat readings under other numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from condition_sample import baseline, running
from plant_fixture import PUMP, sqlite_in

from smart_sentry.contracts.alarms import AlarmEvent
from smart_sentry.detection.baseline import Baseline
from smart_sentry.errors import StoreUnavailable
from smart_sentry.plant import active_baseline, snapshots
from smart_sentry.plant.commands import CONDITION
from smart_sentry.plant.condition_watch import ConditionWatch
from smart_sentry.plant.plant import Plant
from smart_sentry.plant.purge import purge
from smart_sentry.plant.worked_plant import WorkedPlant
from smart_sentry.stores.commands import CommandTable, Outcome
from smart_sentry.stores.readings import AlreadyStored
from smart_sentry.stores.snapshots import pack
from smart_sentry.stores.store import Store
from smart_sentry.stream.encoding import encode
from smart_sentry.stream.layouts import Layout
from smart_sentry.stream.messages import SENT_BACK, Form, Headers, Outgoing, Readings, Reason
from smart_sentry.worker.partition import PartitionPlant, StateIsLost
from smart_sentry.worker.reader import QUARANTINED

START, ASSET, ROWS = 1_767_225_600.0, "pump_1", 400


@dataclass(frozen=True)
class Lying:
    """A message in its partition, as Kafka's client gives it."""

    sent: Outgoing
    place: int

    def key(self) -> bytes | None:
        return self.sent.key

    def value(self) -> bytes | None:
        return self.sent.value

    def headers(self) -> Headers:
        return self.sent.headers

    def topic(self) -> str:
        return "readings"

    def partition(self) -> int:
        return 0

    def offset(self) -> int:
        return self.place

    def timestamp(self) -> tuple[int, int]:
        return 1, round(START * 1000) + 10_000_000


def condition_watch(plant: Plant) -> ConditionWatch:
    watch = plant.watch(PUMP.name)
    assert isinstance(watch, ConditionWatch)
    return watch


class Partition:
    """A partition, and a plant that reads it."""

    def __init__(self, folder: Path) -> None:
        self.store = Store(sqlite_in(folder))
        self.messages: list[Lying] = []
        self.originals: dict[int, Outgoing] = {}
        """Of those that were spoiled."""
        self._epoch = 0
        plant = PartitionPlant({PUMP.name: PUMP}, folder / "models", self.store, "readings", 0)
        condition_watch(plant).baselines.add(baseline(rows=300, seed=0, asset_id=ASSET))
        self.plant = PartitionPlant({PUMP.name: PUMP}, folder / "models", self.store, "readings", 0)
        self.refused = 0
        """How often a batch could not be stored the fast way."""

    def send(self, rows: Sequence[int]) -> None:
        """Readings by these numbers, as a new life of their asset: their ids stay, their numbers are new."""
        self._epoch += 1
        values = running(ROWS, 9)
        values[200:215, 2] += 0.1
        chosen, count = np.array(rows), np.arange(len(rows))
        readings = Readings(
            PUMP.name, [ASSET] * len(rows), [f"e{row}" for row in rows], START + chosen, np.full(len(rows), self._epoch), count,
            values[chosen % ROWS], count,
        )  # fmt: skip
        first = len(self.messages)
        sent = encode(readings, Layout(PUMP), Form.JSON, "test")
        self.messages += [Lying(one, first + number) for number, one in enumerate(sent)]

    def spoil(self, place: int) -> None:
        """Makes a message one that nobody can read."""
        sent = self.messages[place].sent
        self.originals[place] = sent
        self.messages[place] = Lying(Outgoing(sent.key, b"{broken", sent.headers), place)

    def send_back(self, place: int) -> None:
        """Sends what stood there before it was spoiled, as a dead letter is sent back."""
        sent = self.originals[place]
        self.messages.append(Lying(replace(sent, headers=[*sent.headers, (SENT_BACK, b"1")]), len(self.messages)))

    def repeat(self, places: Sequence[int]) -> None:
        """Sends the same messages again."""
        self.messages += [
            Lying(self.messages[place].sent, len(self.messages) + row) for row, place in enumerate(places)
        ]

    def work(self) -> None:
        """Reads to the end, as a worker does."""
        while self.plant.position < len(self.messages):
            read = self.plant.read(self.messages[self.plant.position :])
            try:
                if read.careful:
                    self.plant.write(read)
                else:
                    self.plant.store_judged(self.plant.judge(read))
            except AlreadyStored:
                self.refused += 1
                self.plant.restore()

    def told(self) -> dict[str | None, tuple[float | None, float, bool]]:
        """Reading -> what was said of it."""
        with self.store.view() as view:
            return {one.reading_id: (one.score, one.degradation, one.flag) for one in view.assessments.history(ASSET)}


def outcome(folder: Path, repeated: Sequence[Sequence[int]]) -> tuple[dict[str | None, object], int]:
    """What is said of all readings where some come again, and how often that was noticed."""
    folder.mkdir()
    partition = Partition(folder)
    partition.send(range(300))
    partition.work()
    for rows in repeated:
        partition.send(rows)
        partition.work()
    partition.send(range(300, ROWS))
    partition.work()
    told = dict(partition.told())
    partition.store.close()
    return told, partition.refused


@pytest.mark.parametrize("times", [1, 2, 3])
def test_readings_that_come_again_under_other_numbers_change_nothing(tmp_path: Path, times: int) -> None:
    expected, refused = outcome(tmp_path / "once", [])
    assert (len(expected), refused) == (ROWS, 0)
    found, refused = outcome(tmp_path / "again", [range(200, 230)] * times)
    assert refused == times
    assert found == expected


def test_batch_in_which_some_readings_are_new_stores_these(tmp_path: Path) -> None:
    expected, _ = outcome(tmp_path / "once", [])
    found, refused = outcome(tmp_path / "mixed", [range(290, 310)])
    assert refused == 2  # the mixed batch, and the last one, whose first readings it had brought
    assert found == expected


def test_state_that_is_stored_after_more_was_read_is_that_of_its_own_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else whoever takes the partition over would take what was only read for repeated."""
    monkeypatch.setattr(snapshots, "SNAPSHOT_READINGS", 50)
    monkeypatch.setattr(snapshots, "SNAPSHOT_PAUSE_SECONDS", 0.0)
    expected, _ = outcome(tmp_path / "once", [])
    (tmp_path / "ahead").mkdir()
    partition = Partition(tmp_path / "ahead")
    partition.send(range(300))
    first = partition.plant.read(partition.messages[:100])
    second = partition.plant.read(partition.messages[100:200])
    partition.plant.store_judged(partition.plant.judge(first))
    partition.plant.judge(second)  # and is killed before it is stored
    partition.plant = PartitionPlant({PUMP.name: PUMP}, tmp_path / "ahead" / "models", partition.store, "readings", 0)
    assert partition.plant.position == partition.plant.next_offset == 100
    partition.work()
    told = partition.told()
    assert len(told) == 300
    assert told == {name: expected[name] for name in told}
    partition.store.close()


def test_state_that_is_stored_while_it_is_read_again_does_not_take_the_offset_back(tmp_path: Path) -> None:
    partition = Partition(tmp_path)
    partition.send(range(ROWS))
    partition.plant.store_judged(partition.plant.judge(partition.plant.read(partition.messages[:300])))
    again = PartitionPlant({PUMP.name: PUMP}, tmp_path / "models", partition.store, "readings", 0)
    assert again.position == 0
    assert not again.caught_up
    again.store_judged(again.judge(again.read(partition.messages[:100])))
    with again.store.transaction() as batch:
        again.save(batch)
    with again.store.transaction() as batch:
        place = batch.stream.claim("readings", 0)
    assert (place.next_offset, place.snapshot_offset) == (300, 100)
    partition.store.close()


def test_message_that_is_no_reading_is_refused_once_however_often_it_is_read(tmp_path: Path) -> None:
    partition = Partition(tmp_path)
    partition.send(range(50))
    partition.spoil(20)
    read = partition.plant.read(partition.messages)
    assert [one.position for one in read.refusals] == [20]
    partition.plant.store_judged(partition.plant.judge(read))
    again = PartitionPlant({PUMP.name: PUMP}, tmp_path / "models", partition.store, "readings", 0)
    assert again.read(partition.messages).refusals == ()
    partition.store.close()


def test_dead_letter_that_is_sent_back_is_taken_once_however_late_it_is(tmp_path: Path) -> None:
    partition = Partition(tmp_path)
    partition.send(range(100))
    partition.spoil(20)
    partition.send(range(100, 300))  # in a later life of the asset: a letter of the earlier one is stale by its number
    partition.work()
    assert "e20" not in partition.told()
    partition.send_back(20)
    partition.send_back(20)
    partition.work()
    partition.send_back(20)
    partition.send(range(300, ROWS))
    partition.work()
    told = partition.told()
    assert len(told) == ROWS
    assert told["e20"][0] is not None
    with partition.store.view() as view:
        assert view.readings.count(ASSET) == ROWS
    partition.store.close()


def test_state_is_the_same_again_where_a_dead_letter_that_was_sent_back_is_read_again(tmp_path: Path) -> None:
    partition = Partition(tmp_path)
    partition.send(range(100))
    partition.spoil(20)
    partition.send(range(100, 200))
    partition.work()
    partition.send_back(20)
    partition.work()
    again = PartitionPlant({PUMP.name: PUMP}, tmp_path / "models", partition.store, "readings", 0)
    assert again.position == 0
    read = again.read(partition.messages)
    assert [len(part.assets) for part in read.again] == [200]
    again.store_judged(again.judge(read))
    assert pack(again.watches.snapshots()) == pack(partition.plant.watches.snapshots())
    partition.store.close()


def test_careful_batch_after_one_that_failed_is_not_stored(tmp_path: Path) -> None:
    """Else its offset would pass over the one that failed."""
    partition = Partition(tmp_path)
    partition.send(range(100))
    read = partition.plant.read(partition.messages)
    partition.plant.lost = True
    with pytest.raises(StateIsLost):
        partition.plant.write(read)
    partition.store.close()


def test_reading_from_before_1970_or_from_the_future_is_a_dead_letter(tmp_path: Path) -> None:
    partition = Partition(tmp_path)
    seconds = np.array([-1.0, 0.0, START, START + 10_301])  # messages come at START + 10,000
    rows = np.arange(4)
    readings = Readings(PUMP.name, [ASSET] * 4, ["a", "b", "c", "d"], seconds, rows * 0, rows, running(4, 9), rows)
    sent = encode(readings, Layout(PUMP), Form.BINARY, "test")
    read = partition.plant.read([Lying(one, place) for place, one in enumerate(sent)])
    assert [(one.position, one.reason) for one in read.refusals] == [(0, Reason.WRONG_VALUE), (3, Reason.WRONG_VALUE)]
    assert "expected a time since 1970 and at most 300 s after its arrival, found one +301 s" in read.refusals[1].detail
    assert read.dropped[QUARANTINED] == 1
    assert [list(part.reading_ids) for part in read.parts] == [["b", "c"]]
    partition.store.close()


@pytest.mark.parametrize("saved", [True, False], ids=["state stored", "state read again"])
def test_purge_is_done_by_a_worker_that_starts_after_it_and_the_same_readings_come_anew(
    tmp_path: Path, saved: bool
) -> None:
    partition = Partition(tmp_path)
    partition.send(range(300))
    partition.work()
    if saved:
        partition.plant.save_now()
    purge(WorkedPlant({PUMP.name: PUMP}, tmp_path / "models", partition.store), ASSET, ASSET, None, "Ann")
    partition.plant = PartitionPlant({PUMP.name: PUMP}, tmp_path / "models", partition.store, "readings", 0)
    partition.work()
    with partition.store.view() as view:
        (command,) = view.commands.waiting()
        assert view.readings.count(ASSET) == 0
    assert partition.plant.watches_over(ASSET)
    partition.plant.obey(command)
    with partition.store.view() as view:
        assert view.commands.outcome(command.number) == Outcome(None)
    assert ASSET not in partition.plant.watch(PUMP.name).snapshot()["monitor"]["names"]
    partition.repeat(range(300))
    partition.work()
    with partition.store.view() as view:
        assert view.readings.count(ASSET) == 300
        assert set(view.states.all()) == {ASSET}
    partition.store.close()


def test_purge_whose_command_cannot_be_written_down_deletes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    partition = Partition(tmp_path)
    partition.send(range(50))
    partition.work()

    def fail(*_: object) -> int:
        raise OSError("no room")

    monkeypatch.setattr(CommandTable, "ask", fail)
    with pytest.raises(OSError, match="no room"):
        purge(WorkedPlant({PUMP.name: PUMP}, tmp_path / "models", partition.store), ASSET, ASSET, None, "Ann")
    with partition.store.view() as view:
        assert view.readings.count(ASSET) == 50
    partition.store.close()


def test_state_and_offset_stay_together_where_a_command_that_changes_nothing_cannot_be_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    partition = Partition(tmp_path)
    partition.send(range(100))
    partition.work()
    partition.plant.save_now()
    partition.send(range(100, 200))
    partition.work()
    with partition.store.transaction() as batch:
        told = {"key": "drift", "holds": False, "author": "Ann", "text": "nothing drifts"}
        batch.commands.ask(ASSET, CONDITION, told, START)
        (command,) = batch.commands.waiting()

    def fail(*_: object) -> bool:
        raise StoreUnavailable("here", "the connection is lost", "Look after it.")

    with monkeypatch.context() as broken:
        broken.setattr(CommandTable, "settle", fail)
        with pytest.raises(StoreUnavailable):
            partition.plant.obey(command)
    assert partition.plant.lost
    partition.plant.restore()
    assert partition.plant.position == 100
    partition.work()
    partition.send(range(200, 300))
    partition.work()
    partition.plant.obey(command)
    again = PartitionPlant({PUMP.name: PUMP}, tmp_path / "models", partition.store, "readings", 0)
    assert again.position == 300
    assert pack(again.watches.snapshots()) == pack(partition.plant.watches.snapshots())
    partition.store.close()


def test_messages_that_are_read_again_are_counted_once(tmp_path: Path) -> None:
    partition = Partition(tmp_path)
    partition.send(range(50))
    partition.repeat(range(10))
    partition.send([20_000])
    first = partition.plant.read(partition.messages)
    assert first.dropped == {"duplicate": 10, "stale": 0, QUARANTINED: 1}
    assert first.careful is False
    taken = partition.plant.store_judged(partition.plant.judge(first))
    assert taken is not None
    assert taken.new.tolist() == [True] * 50
    again = PartitionPlant({PUMP.name: PUMP}, tmp_path / "models", partition.store, "readings", 0)
    read = again.read(partition.messages)
    assert read.next_offset == 61
    assert not any(read.dropped.values())
    assert again.store_judged(again.judge(read)) is None
    partition.store.close()


STRICT = baseline(rows=300, seed=0, asset_id=ASSET)
TOLERANT = baseline(
    asset_id=ASSET, values=running(600, 3) + np.outer(0.1 * np.sin(np.arange(600) * 2 * np.pi / 100), [0, 0, 1])
)
"""Learnt while the vibration went up and down."""


@pytest.mark.parametrize("careful", [False, True], ids=["as ever", "asking the database"])
@pytest.mark.parametrize(("before", "after", "rose"), [(STRICT, TOLERANT, 1), (TOLERANT, STRICT, 0)])
def test_alarms_in_the_database_follow_where_a_killed_workers_successor_judges_by_another_baseline(
    tmp_path: Path, before: Baseline, after: Baseline, rose: int, careful: bool
) -> None:
    partition = Partition(tmp_path)
    service = WorkedPlant({PUMP.name: PUMP}, tmp_path / "models", partition.store)

    def standing() -> tuple[dict[str, str], dict[str, str]]:
        """Alarms that are not normal in the database, and in the worker's memory."""
        with partition.store.view() as view:
            stored = {its.alarm_id: its.state for its in view.alarms.current() if its.state != "NORMAL"}
        known = partition.plant.watch(PUMP.name).alarms.statuses()
        return stored, {its.alarm_id: its.state.value for its in known if its.state != "NORMAL"}

    def other_worker() -> None:
        partition.plant = PartitionPlant({PUMP.name: PUMP}, tmp_path / "models", partition.store, "readings", 0)

    condition_watch(partition.plant).baselines.add(before)
    other_worker()
    partition.send(range(190))
    partition.work()
    partition.plant.save_now()
    partition.send(range(190, 215))
    partition.work()
    stored, known = standing()
    assert stored == known
    assert len(stored) == rose
    active_baseline.commission(service, ASSET, after, "Ann")
    other_worker()  # before the first one came to the switch
    partition.work()
    if careful:
        partition.plant.careful_until = len(partition.messages) + 1
    partition.send([215])
    partition.work()
    stored, known = standing()
    assert stored == known
    assert len(stored) == 1 - rose
    with partition.store.view() as view:
        steps = view.alarms.transitions(asset_id=ASSET)
    assert [step.event for step in steps] == ([AlarmEvent.RAISED, AlarmEvent.CLEARED] if rose else [AlarmEvent.RAISED])
    assert "by another baseline" in steps[-1].reason
    other_worker()
    partition.work()
    partition.send([216])
    partition.work()
    assert standing() == (stored, known)
    with partition.store.view() as view:
        assert len(view.alarms.transitions(asset_id=ASSET)) == len(steps)
    partition.store.close()


VALVE = PUMP.model_copy(update={"name": "valve"})


class Mixed:
    """A partition of pumps and valves, which have the same signals."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.store, self.messages = folder, Store(sqlite_in(folder)), list[Lying]()
        self.plant = self.owner()

    def owner(self) -> PartitionPlant:
        types = {kind.name: kind for kind in (PUMP, VALVE)}
        return PartitionPlant(types, self.folder / "models", self.store, "readings", 0)

    def send(self, *readings: tuple[str, str, int]) -> list[Lying]:
        """(asset, type, number) each."""
        values, first = running(1, 9), len(self.messages)
        for asset, name, number in readings:
            count = np.array([number])
            one = Readings(name, [asset], [f"{name}:{number}"], START + count, count * 0, count, values, count * 0)
            kind = PUMP if name == PUMP.name else VALVE
            self.messages.append(Lying(encode(one, Layout(kind), Form.BINARY, "test")[0], len(self.messages)))
        return self.messages[first:]

    def take(self, *readings: tuple[str, str, int]) -> list[tuple[int, Reason]]:
        read = self.plant.read(self.send(*readings))
        self.plant.store_judged(self.plant.judge(read))
        return [(one.position, one.reason) for one in read.refusals]

    def types(self) -> dict[str, str]:
        with self.store.view() as view:
            return {asset: state.asset_type for asset, state in view.states.all().items()}


def test_asset_keeps_the_type_that_it_came_as_first_also_within_a_batch(tmp_path: Path) -> None:
    found = Mixed(tmp_path)
    assert found.take(("a", "valve", 0), ("a", PUMP.name, 1), ("b", PUMP.name, 0), ("a", "valve", 2)) == [
        (1, Reason.OTHER_TYPE)
    ]
    assert found.take(("b", "valve", 1), ("a", "valve", 3)) == [(0, Reason.OTHER_TYPE)]
    assert found.types() == {"a": "valve", "b": PUMP.name}
    with found.store.view() as view:
        assert [view.readings.count(asset) for asset in ("a", "b")] == [3, 1]
    read = found.plant.read(found.send(("a", PUMP.name, 1)))
    assert read.refusals[0].detail == "expected a reading of a valve, as which 'a' is known, found a pump's"
    found.store.close()


@pytest.mark.parametrize("saved", [True, False], ids=["state stored", "state read again"])
def test_whoever_reads_a_partition_again_decides_alike_of_types(tmp_path: Path, saved: bool) -> None:
    found = Mixed(tmp_path)
    found.take(("a", "valve", 0), ("a", PUMP.name, 1), ("b", PUMP.name, 0))
    if saved:
        found.plant.save_now()
    again = found.owner()
    assert again.position == (3 if saved else 0)
    if not saved:
        read = again.read(found.messages)
        assert [(part.asset_type, list(part.assets)) for part in read.again] == [(PUMP.name, ["b"]), ("valve", ["a"])]
        again.store_judged(again.judge(read))
    assert pack(again.watches.snapshots()) == pack(found.plant.watches.snapshots())
    found.plant = again
    assert found.take(("a", PUMP.name, 2), ("b", "valve", 3)) == [(0, Reason.OTHER_TYPE), (1, Reason.OTHER_TYPE)]
    found.store.close()


def test_asset_that_was_purged_may_come_as_another_type(tmp_path: Path) -> None:
    found = Mixed(tmp_path)
    found.take(("a", "valve", 0))
    purge(WorkedPlant({VALVE.name: VALVE}, tmp_path / "models", found.store), "a", "a", None, "Ann")
    with found.store.view() as view:
        (command,) = view.commands.waiting()
    found.plant.obey(command)
    assert found.take(("a", PUMP.name, 0)) == []
    assert found.types() == {"a": PUMP.name}
    found.store.close()
