"""What is asked of a stream's workers, where a worker answers as late as it can, or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from plant_fixture import PUMP, healthy, open_pumps, sqlite_in, take

from smart_sentry.contracts.alarms import AlarmAction, AlarmEvent
from smart_sentry.errors import ActionRefused, NoWorker, SmartSentryError, UnknownAsset
from smart_sentry.plant.commands import do, refusal_of
from smart_sentry.plant.plant import Plant
from smart_sentry.plant.purge import purge
from smart_sentry.plant.worked_plant import WorkedPlant
from smart_sentry.stores.store import Batch, Store

ASSET, ALARM = "motor_01", "drift"


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[Plant]:
    """Judges a pump whose alarm stands."""
    plant = open_pumps(tmp_path)
    take(plant, healthy(5, seed=0))
    plant.alarms.state_condition(ASSET, ALARM, True, "Ada", "it drifts")
    yield plant
    plant.store.close()


@pytest.fixture
def service(tmp_path: Path, worker: Plant) -> Iterator[WorkedPlant]:
    """Has no patience."""
    plant = WorkedPlant({PUMP.name: PUMP}, tmp_path / "models", Store(sqlite_in(tmp_path)))
    plant.workers.patience_seconds = 0.0
    yield plant
    plant.store.close()


@pytest.fixture
def late(service: WorkedPlant, worker: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker comes to every command after the service has looked for the last time, and before it withdraws it."""
    begin = service.store.transaction

    def transaction() -> AbstractContextManager[Batch]:
        work(worker)  # finds nothing when a command is written down, which is a transaction, too
        return begin()

    monkeypatch.setattr(service.store, "transaction", transaction)


def work(worker: Plant) -> None:
    with worker.store.view() as view:
        waiting = view.commands.waiting()
    for command in waiting:
        refusal = None
        try:
            do(worker, command)
        except SmartSentryError as error:
            refusal = refusal_of(error)
        with worker.store.transaction() as batch:
            batch.commands.settle(command.number, refusal, 1.0)


@pytest.mark.usefixtures("late")
def test_maintenance_that_is_refused_at_the_last_moment_is_told_as_refused(service: WorkedPlant) -> None:
    with pytest.raises(ActionRefused, match="end"):
        service.maintenance.end(ASSET, "Ada", "done")


@pytest.mark.usefixtures("late")
def test_maintenance_that_is_done_at_the_last_moment_is_told_as_done(service: WorkedPlant) -> None:
    service.maintenance.record(ASSET, "Ada", "new bearing")


@pytest.mark.usefixtures("late")
def test_action_that_is_refused_at_the_last_moment_is_not_answered_with_an_earlier_step(service: WorkedPlant) -> None:
    done = service.alarms.act(ASSET, ALARM, AlarmAction.ACKNOWLEDGE, "Ada", "seen", None)
    assert (done.event, done.author) == (AlarmEvent.ACKNOWLEDGED, "Ada")
    with pytest.raises(ActionRefused, match="acknowledge refused"):
        service.alarms.act(ASSET, ALARM, AlarmAction.ACKNOWLEDGE, "Ada", "seen", None)


@pytest.mark.usefixtures("late")
def test_action_on_an_alarm_that_is_not_known_is_refused_at_the_last_moment(service: WorkedPlant) -> None:
    with pytest.raises(ActionRefused, match="not known"):
        service.alarms.act(ASSET, "nothing", AlarmAction.ACKNOWLEDGE, "Ada", "seen", None)


@pytest.mark.usefixtures("late")
def test_action_is_answered_with_its_own_step_among_many(
    service: WorkedPlant, worker: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = service.workers.ask

    def ask_as_others_do(asset_id: str, action: str, arguments: dict[str, object]) -> None:
        ask(asset_id, action, arguments)
        for number in range(60):
            worker.alarms.act(ASSET, ALARM, AlarmAction.COMMENT, "Ada", f"remark {number}", None)

    monkeypatch.setattr(service.workers, "ask", ask_as_others_do)
    done = service.alarms.act(ASSET, ALARM, AlarmAction.COMMENT, "Ada", "mine", None)
    assert (done.event, done.reason) == (AlarmEvent.COMMENTED, "mine")


@pytest.mark.usefixtures("late")
def test_action_whose_asset_was_purged_since_is_told_as_of_an_unknown_asset(
    service: WorkedPlant, worker: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = service.workers.ask

    def ask_and_purge(asset_id: str, action: str, arguments: dict[str, object]) -> None:
        ask(asset_id, action, arguments)
        purge(worker, ASSET, ASSET, None, "Ann")

    monkeypatch.setattr(service.workers, "ask", ask_and_purge)
    with pytest.raises(UnknownAsset):
        service.alarms.act(ASSET, ALARM, AlarmAction.COMMENT, "Ada", "mine", None)


def test_command_that_no_worker_comes_to_is_withdrawn(service: WorkedPlant, worker: Plant) -> None:
    with pytest.raises(NoWorker):
        service.maintenance.record(ASSET, "Ada", "new bearing")
    with worker.store.view() as view:
        assert view.commands.waiting() == []
