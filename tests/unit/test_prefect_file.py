"""prefect.yaml says what Prefect, the flows and the work pools understand."""

from __future__ import annotations

import inspect
import json
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from tiny_project import ROOT

from smart_sentry.config import Settings
from smart_sentry.environment import prepare_environment

FILE = ROOT / "prefect.yaml"


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    told: dict[str, Any] = yaml.safe_load(FILE.read_text())
    return told


@pytest.fixture(scope="module")
def deployments(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Name -> what would be registered, with the flow that it runs."""
    before, folder = dict(os.environ), Path.cwd()
    prepare_environment(Settings(home=tmp_path_factory.mktemp("home")))
    os.chdir(ROOT)
    try:
        from pipelines.schedule import deployments_of

        return {one.name: one for one in deployments_of(ROOT)}
    finally:
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(before)


def flow_of(deployment: Any) -> Any:
    from prefect.flows import load_flow_from_entrypoint

    return load_flow_from_entrypoint(str(ROOT / deployment.entrypoint))


def test_every_flow_of_the_folder_is_deployed_under_its_own_name(deployments: dict[str, Any]) -> None:
    flows = {path.name for path in (ROOT / "pipelines").glob("*.py") if "@flow(" in path.read_text()}
    assert {Path(one.entrypoint.partition(":")[0]).name for one in deployments.values()} == flows
    assert {one.flow_name for one in deployments.values()} == set(deployments)


def test_parameters_of_deployments_and_automations_are_the_flows_own(deployments: dict[str, Any]) -> None:
    for one in deployments.values():
        known = set(inspect.signature(flow_of(one).fn).parameters)
        assert set(one.parameters) <= known, one.name
        for trigger in one.triggers:
            assert set(trigger.parameters) <= known, one.name


def test_every_flow_has_a_timeout_and_every_deployment_a_limit_tags_and_a_description(
    deployments: dict[str, Any],
) -> None:
    for one in deployments.values():
        flow = flow_of(one)
        assert flow.timeout_seconds, one.name
        assert one.concurrency_limit, one.name
        assert one.tags[0] == "smart-sentry", one.name
        assert one.description, one.name
        assert one.schedules or one.triggers or "by-hand" in one.tags, one.name


def test_policy_allows_for_one_round_of_monitoring(described: dict[str, Any]) -> None:
    from smart_sentry.recalibration.policy import MOST_BEHIND_S

    (monitoring,) = (one for one in described["deployments"] if one["name"] == "monitor-drift")
    every_hours = monitoring["schedules"][0]["cron"].split()[1].removeprefix("*/")
    assert int(every_hours) * 3600.0 == MOST_BEHIND_S


def test_automation_answers_a_proposal_about_an_asset_and_not_again_within_the_hour(
    deployments: dict[str, Any],
) -> None:
    from pipelines.proposals import ASSET, PROPOSED

    (trigger,) = deployments["recalibrate"].triggers
    assert trigger.expect == {PROPOSED}
    assert trigger.match.model_dump() == {"prefect.resource.id": f"{ASSET}*"}
    assert trigger.for_each == {"prefect.resource.id"}
    assert (trigger.threshold, trigger.within) == (1, timedelta(hours=1))


@pytest.mark.parametrize("pool", ["process", "docker", "kubernetes"])
def test_job_variables_are_those_of_the_work_pools_template(described: dict[str, Any], pool: str) -> None:
    import prefect

    views = Path(prefect.__file__).parent / "server" / "api" / "collections_data" / "views"
    workers = json.loads((views / "aggregate-worker-metadata.json").read_text())
    (template,) = (kinds[pool]["default_base_job_configuration"] for kinds in workers.values() if pool in kinds)
    variables = template["variables"]["properties"]
    told = described["definitions"][pool]["job_variables"]
    assert set(told) <= set(variables)
    for name, value in told.items():
        kinds = {one.get("type") for one in variables[name].get("anyOf", [variables[name]])}
        found = {str: "string", bool: "boolean", int: "integer", list: "array", dict: "object"}[type(value)]
        assert found in kinds, f"{name}: {value!r} is no {kinds}"


def test_every_deployment_runs_in_one_pool_that_the_file_defines(described: dict[str, Any]) -> None:
    pools = {one["work_pool"]["name"] for one in described["deployments"]}
    assert pools == {described["definitions"]["process"]["name"]}
