"""Faults for machines that are simulated: orders that the simulation takes up at once."""

from __future__ import annotations

import streamlit as st

from dashboard import session
from smart_sentry.simulation.orders import SEVERITIES, MachineState, Order, order, repair, simulated_machines

_MACHINE = "the machine"


def panel(name: str) -> None:
    """Draws it for a simulated asset; nothing for any other."""
    with session.told():
        machine = simulated_machines(session.settings().home).get(name)
        if machine is None:
            return
        with (
            st.expander("Simulated machine: inject a fault", icon=":material/science:", expanded=True),
            st.container(key="fault_injection"),
        ):
            _state(name)
            _order(machine)


@st.fragment(run_every=1.0)
def _state(name: str) -> None:
    machine = simulated_machines(session.settings().home).get(name)
    if machine is None:
        st.caption("The simulation has ended.")
        return
    if machine.fault is None:
        st.caption(f"The simulation says: {session.plain(machine.doing)}, no fault.")
        return
    of = f" of sensor {machine.sensor}" if machine.sensor else f" {machine.severity}" if machine.severity else ""
    until = f", until {session.zone().clock(machine.until)}" if machine.until else ""
    st.caption(session.plain(f"The simulation says: {machine.doing}, fault {machine.fault}{of}{until}."))


def _order(machine: MachineState) -> None:
    name = machine.asset_id
    with st.container(horizontal=True, vertical_alignment="bottom", key="fault-order"):
        places = [_MACHINE, *(f"sensor {sensor}" for sensor in machine.sensors)]
        place = st.selectbox("Fault of", places, key=f"fault_place_{name}", width=210)
        sensor = None if place == _MACHINE else place.removeprefix("sensor ")
        kinds = machine.faults if sensor is None else machine.sensor_faults
        fault = st.selectbox("Fault", kinds, key=f"fault_kind_{name}_{sensor is None}", width=170)
        severity = st.selectbox(
            "Severity", SEVERITIES, index=1, key=f"fault_severity_{name}", width=150, disabled=sensor is not None
        )
        seconds = st.number_input("Seconds", 1.0, 86_400.0, 60.0, 10.0, key=f"fault_seconds_{name}", width=150)
        if st.button("Inject", key="inject_fault", type="primary", icon=":material/bolt:"):
            wanted = Order(fault, severity, float(seconds), sensor)
            order(session.settings().home, name, wanted)
            st.toast(session.plain(f"{name} is to have {fault}."), icon=":material/bolt:")
        if st.button("Repair", key="repair", icon=":material/build:"):
            repair(session.settings().home, name)
            st.toast(
                "The simulated machine is repaired. Record the maintenance too (section Upkeep).",
                icon=":material/build:",
            )
