"""What tests of several folders share: made once, as it takes minutes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import hypothesis
import pytest
from bundle_fixture import packaged_bundle, packaged_home, service  # noqa: F401
from tiny_project import TINY, PrefectServer, Training, environment_of, finished, make_checkout, run_program
from workers import pytest_collection_modifyitems, pytest_xdist_make_scheduler  # noqa: F401

from smart_sentry.config import Settings
from smart_sentry.servers import free_port, running, stop
from smart_sentry.ui import prefect_server as start_of_prefect

if TYPE_CHECKING:
    from small_champion import SmallChampion

# How long an example takes says how busy the machine is, and whether numba had to compile: no property of the code.
hypothesis.settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("any machine")


@pytest.fixture(scope="session")
def small_champion(tmp_path_factory: pytest.TempPathFactory) -> SmallChampion:
    """A model of a few FD001 engines, beside what it was exported from."""
    from small_champion import train_small_champion

    return train_small_champion(tmp_path_factory.mktemp("small_champion"))


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrefectServer]:
    """A Prefect server with a database of its own."""
    folder = tmp_path_factory.mktemp("prefect")
    server = start_of_prefect(Settings(home=folder, prefect_port=free_port()))
    own_database = {**server.variables, "PREFECT_HOME": str(folder)}
    with running(replace(server, variables=own_database), folder / "server.log", patience_s=180) as found:
        yield PrefectServer(found.address)


@pytest.fixture(scope="session")
def training(tmp_path_factory: pytest.TempPathFactory, prefect_server: PrefectServer) -> Training:
    """prefect.yaml deployed as the documentation says, and one run of the deployment by a process worker."""
    checkout = make_checkout(tmp_path_factory.mktemp("project") / "checkout")
    environment = environment_of(checkout, PREFECT_API_URL=f"{prefect_server.address}/api")
    run_program(
        ["prefect", "--no-prompt", "work-pool", "create", "smart-sentry", "--type", "process"], checkout, environment
    )
    run_program(["prefect", "--no-prompt", "deploy", "--all"], checkout, environment)
    deployment = prefect_server.deployment("train")["id"]
    parameters = {"dataset": TINY, "refresh": False}
    run_id = prefect_server.post(f"/deployments/{deployment}/create_flow_run", {"parameters": parameters})["id"]
    log = checkout / ".home" / "worker.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        # Started elsewhere: the pull step has to find the checkout.
        worker = subprocess.Popen(
            [sys.executable, "-m", "prefect", "worker", "start", "--pool", "smart-sentry", "--type", "process"],
            cwd=tmp_path_factory.mktemp("elsewhere"),
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            flow_run = finished(prefect_server, run_id, worker)
        finally:
            stop(worker)  # before its server: else it retries for minutes
    return Training(checkout, prefect_server, environment, flow_run, log.read_text())
