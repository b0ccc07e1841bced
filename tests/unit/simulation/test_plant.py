"""Several simulated machines in one process: their past, their pace, orders while they run, and a receiver that is away."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest

from smart_sentry.assets import AssetType, load_asset_type
from smart_sentry.datasets.simulated_motors import Scenario
from smart_sentry.errors import SmartSentryError
from smart_sentry.simulation.asset import AssetPlan
from smart_sentry.simulation.events import Events
from smart_sentry.simulation.orders import Order, order, repair, simulated_machines
from smart_sentry.simulation.plant import PastNotSent, SimulatedPlant
from smart_sentry.simulation.script import Script, Step
from smart_sentry.simulation.shop_floor import peace

ASSETS = Path(__file__).parents[3] / "configs" / "assets"


class Receiver:
    """Keeps what it gets; refuses everything while it is away."""

    destination = "the test"

    def __init__(self) -> None:
        self.rows: list[tuple[str, str, str]] = []
        self.away = self.closed = False

    def send(self, events: Events) -> str | None:
        if self.away:
            return "nobody is there"
        columns = (events.table[name] for name in ("timestamp", "asset_id", "true_condition"))
        self.rows += zip(*columns, strict=True)
        return None

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def quick() -> AssetType:
    """A motor that is read twenty times a second."""
    return load_asset_type(ASSETS / "motor.yaml").model_copy(update={"sampling_seconds": 0.05})


def plant_of(
    home: Path, kind: AssetType, receiver: Receiver, script: Script | None = None, past_s: float = 0.0,
    maintain: Callable[[str, str], object] = lambda *_: None, announce: Callable[[str], object] = lambda _: None,
) -> SimulatedPlant:  # fmt: skip
    plans = [AssetPlan(name, kind, script or peace(), past_s, past_s, seed) for seed, name in enumerate(("a", "b"))]
    return SimulatedPlant(home, plans, {"a": receiver, "b": receiver}, maintain, announce)


def run_while(plant: SimulatedPlant, true: Callable[[], bool]) -> None:
    """Runs the plant in a thread until it is no longer true."""
    stopped = threading.Event()
    thread = threading.Thread(target=plant.run, args=(stopped,))
    thread.start()
    deadline = time.monotonic() + 30.0
    try:
        while true():
            assert time.monotonic() < deadline
            time.sleep(0.01)
    finally:
        stopped.set()
        thread.join()


def test_past_is_sent_whole_before_and_the_present_follows_without_a_gap(tmp_path: Path, quick: AssetType) -> None:
    receiver = Receiver()
    plant = plant_of(tmp_path, quick, receiver, past_s=100.0)
    told: list[int] = []
    assert plant.past_readings == plant.send_past(told.append) == sum(told) == len(receiver.rows) == 2 * 2001
    run_while(plant, lambda: len(receiver.rows) < 4002 + 20)
    times = [datetime.fromisoformat(stamp).timestamp() for stamp, asset, _ in receiver.rows if asset == "a"]
    assert all(later - earlier == pytest.approx(0.05, abs=1e-5) for earlier, later in pairwise(times))
    assert times[-1] <= datetime.now(UTC).timestamp()
    assert plant.count.sent == len(receiver.rows) - 4002


def test_past_that_does_not_arrive_is_an_error(tmp_path: Path, quick: AssetType) -> None:
    receiver = Receiver()
    receiver.away = True
    with pytest.raises(PastNotSent, match="nobody is there"):
        plant_of(tmp_path, quick, receiver, past_s=10.0).send_past()


def test_order_reaches_its_machine_alone_and_repair_ends_it(tmp_path: Path, quick: AssetType) -> None:
    receiver, lines = Receiver(), list[str]()
    plant = plant_of(tmp_path, quick, receiver, announce=lines.append)

    def seen(condition: str, asset: str) -> bool:
        return any(row[1:] == (asset, condition) for row in receiver.rows)

    stopped = threading.Event()
    thread = threading.Thread(target=plant.run, args=(stopped,))
    thread.start()
    try:
        wait(lambda: set(simulated_machines(tmp_path)) == {"a", "b"})
        order(tmp_path, "a", Order("SPIKE", "SEVERE", seconds=600.0))
        wait(lambda: seen("SPIKE SEVERE", "a"))
        wait(lambda: simulated_machines(tmp_path)["a"].fault == "SPIKE")
        repair(tmp_path, "a")
        wait(lambda: receiver.rows[-1][2] == receiver.rows[-2][2] == "HEALTHY")
        wait(lambda: simulated_machines(tmp_path)["a"].fault is None)
    finally:
        stopped.set()
        thread.join()
    assert not seen("SPIKE SEVERE", "b")
    assert [line.split(" ", 1)[1] for line in lines] == ["a: SPIKE SEVERE", "a: well"]


def wait(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30.0
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_readings_that_nobody_takes_are_counted_and_said_once(
    tmp_path: Path, quick: AssetType, caplog: pytest.LogCaptureFixture
) -> None:
    receiver = Receiver()
    receiver.away = True
    plant = plant_of(tmp_path, quick, receiver)
    run_while(plant, lambda: plant.count.failed < 10)
    assert receiver.rows == []
    assert [record.message.split(":")[0] for record in caplog.records] == ["a", "b"]
    receiver.away = False
    run_while(plant, lambda: len(receiver.rows) < 10)
    assert sorted(record.message for record in caplog.records[2:]) == [
        f"{name}: its readings arrive again" for name in "ab"
    ]


@pytest.mark.parametrize("refused", [False, True])
def test_maintenance_of_the_script_is_recorded_and_a_refusal_stops_nothing(
    tmp_path: Path, quick: AssetType, refused: bool, caplog: pytest.LogCaptureFixture
) -> None:
    receiver, done = Receiver(), list[tuple[str, str]]()

    def maintain(asset: str, what: str) -> None:
        done.append((asset, what))
        if refused:
            raise SmartSentryError("no")

    script = Script([Step(0.5, scenario=Scenario("DRIFT")), Step(30.0, maintained="oiled")])
    plant = plant_of(tmp_path, quick, receiver, script, maintain=maintain)
    run_while(plant, lambda: len(receiver.rows) < 40)
    assert sorted(done) == [("a", "oiled"), ("b", "oiled")]
    assert len([record for record in caplog.records if "was not recorded" in record.message]) == (2 if refused else 0)
    assert {row[2] for row in receiver.rows} == {"DRIFT MEDIUM", "HEALTHY"}


def test_closed_plant_is_simulated_no_more(tmp_path: Path, quick: AssetType) -> None:
    receiver = Receiver()
    plant = plant_of(tmp_path, quick, receiver)
    run_while(plant, lambda: len(receiver.rows) < 4)
    assert simulated_machines(tmp_path)
    plant.close()
    assert simulated_machines(tmp_path) == {}
    assert receiver.closed
