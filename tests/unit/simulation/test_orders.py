"""What people ask of simulated machines: left as files, taken by the simulation."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from smart_sentry.errors import ActionRefused, ConfigurationError
from smart_sentry.simulation.orders import Asked, MachineState, Order, OrderBook, order, repair, simulated_machines

MOTOR = MachineState(
    "ポンプ 1/2", "motor", ("SPIKE", "DEFAULT"), ("voltage_v", "current_a"), ("STUCK", "MISSING"), "running"
)  # fmt: skip
NAME = MOTOR.asset_id


@pytest.fixture
def book(tmp_path: Path) -> OrderBook:
    made = OrderBook(tmp_path)
    made.tell([MOTOR])
    return made


def test_machines_are_those_that_the_simulation_told_of(tmp_path: Path, book: OrderBook) -> None:
    assert simulated_machines(tmp_path) == {NAME: MOTOR}
    ill = replace(MOTOR, fault="SPIKE", severity="MILD", until=1e9)
    book.tell([ill])
    assert simulated_machines(tmp_path) == {NAME: ill}


def test_no_machines_where_nothing_was_simulated(tmp_path: Path) -> None:
    assert simulated_machines(tmp_path) == {}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("age_s", "known"), [(9.0, 1), (11.0, 0), (-11.0, 0)])
def test_list_is_believed_for_ten_seconds(tmp_path: Path, age_s: float, known: int) -> None:
    OrderBook(tmp_path, lambda: 1000.0).tell([MOTOR])
    assert len(simulated_machines(tmp_path, lambda: 1000.0 + age_s)) == known


def test_no_machines_after_the_end_of_the_simulation(tmp_path: Path, book: OrderBook) -> None:
    book.close()
    assert simulated_machines(tmp_path) == {}


@pytest.mark.parametrize("content", ["{", "[]", '{"time": 1}', '{"time": 1e99, "machines": []}'])
def test_list_of_another_form_is_no_crash_and_names_the_file(tmp_path: Path, content: str) -> None:
    folder = tmp_path / "data" / "simulation"
    folder.mkdir(parents=True)
    (folder / "machines.json").write_text(content)
    if content.endswith("[]}"):
        assert simulated_machines(tmp_path) == {}
    else:
        with pytest.raises(ConfigurationError, match=r"machines\.json"):
            simulated_machines(tmp_path, lambda: 1.0)


def test_orders_are_taken_once_in_their_order(tmp_path: Path, book: OrderBook) -> None:
    first, second = Order("SPIKE", "MILD", 5.0), Order("STUCK", seconds=7.0, sensor="current_a")
    order(tmp_path, NAME, first)
    order(tmp_path, NAME, second)
    repair(tmp_path, NAME)
    assert book.take() == [Asked(NAME, first), Asked(NAME, second), Asked(NAME, None)]
    assert book.take() == []


def test_orders_of_before_the_simulation_are_dropped(tmp_path: Path, book: OrderBook) -> None:
    repair(tmp_path, NAME)
    assert OrderBook(tmp_path).take() == []


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        (Order("BEARING"), "SPIKE, DEFAULT"), (Order("STUCK"), "SPIKE, DEFAULT"),
        (Order("STUCK", sensor="speed_rpm"), "voltage_v, current_a"), (Order("SPIKE", sensor="voltage_v"), "STUCK, MISSING"),
    ],
)  # fmt: skip
def test_fault_that_the_machine_cannot_have_is_refused_with_those_that_it_can(
    tmp_path: Path, book: OrderBook, wanted: Order, names: str
) -> None:
    with pytest.raises(ConfigurationError, match=names):
        order(tmp_path, NAME, wanted)
    assert book.take() == []


def test_machine_that_is_not_simulated_is_refused(tmp_path: Path, book: OrderBook) -> None:
    with pytest.raises(ActionRefused, match=NAME):
        order(tmp_path, "pump_1", Order("SPIKE"))
    with pytest.raises(ActionRefused, match="pump_1 is not simulated"):
        repair(tmp_path, "pump_1")
    book.close()
    with pytest.raises(ActionRefused, match="nothing"):
        repair(tmp_path, NAME)


@pytest.mark.parametrize("seconds", [0.0, -1.0, 86_401.0, float("nan"), float("inf")])
def test_time_of_a_fault_is_bounded(seconds: float) -> None:
    with pytest.raises(ConfigurationError, match="seconds"):
        Order("SPIKE", seconds=seconds)


def test_severity_is_one_of_three() -> None:
    with pytest.raises(ConfigurationError, match="MILD, MEDIUM, SEVERE"):
        Order("SPIKE", "mild")


def test_file_that_is_no_order_is_dropped_with_a_line_in_the_log(
    tmp_path: Path, book: OrderBook, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "data" / "simulation" / "orders"
    folder.mkdir()
    for number, content in enumerate(("no order", '{"asset_id": "a", "order": {"fault": "SPIKE", "severity": "x"}}')):
        (folder / f"{number}.json").write_text(content)
    repair(tmp_path, NAME)
    assert book.take() == [Asked(NAME, None)]
    assert len(caplog.records) == 2
    assert list(folder.iterdir()) == []


def test_orders_that_are_left_while_others_are_taken_are_whole(tmp_path: Path, book: OrderBook) -> None:
    count, taken = 200, list[Asked]()
    writers = [
        threading.Thread(target=lambda: [order(tmp_path, NAME, Order("SPIKE")) for _ in range(count)]) for _ in range(2)
    ]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        taken += book.take()
        book.tell([MOTOR])
    taken += book.take()
    assert taken == [Asked(NAME, Order("SPIKE"))] * (2 * count)
