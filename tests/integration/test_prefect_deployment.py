"""prefect.yaml on a real server: the cron is scheduled, and a process worker runs the flow to its end."""

from datetime import UTC, datetime, timedelta

import pytest
from tiny_project import TINY, Training


def test_deployment_schedules_the_cron_by_itself(training: Training) -> None:
    deployment = training.server.deployment("train")["id"]
    scheduled = training.server.flow_runs(state={"type": {"any_": ["SCHEDULED"]}}, deployment_id={"any_": [deployment]})
    assert scheduled, "no run of the cron: with SQLAlchemy 2.1 Prefect's scheduler does nothing"
    assert all(run["auto_scheduled"] for run in scheduled)
    first = min(datetime.fromisoformat(run["expected_start_time"]) for run in scheduled)
    assert (first.weekday(), first.hour, first.minute) == (6, 3, 0)
    assert datetime.now(UTC) < first <= datetime.now(UTC) + timedelta(days=7)
    assert scheduled[0]["parameters"] == {"dataset": "FD001", "refresh": True}


def test_deployment_allows_one_training_at_a_time(training: Training) -> None:
    deployment = training.server.deployment("train")
    assert deployment["global_concurrency_limit"]["limit"] == 1
    assert deployment["tags"] == ["smart-sentry", "training"]


def test_worker_runs_the_flow_to_its_end(training: Training) -> None:
    assert training.flow_run["state"]["type"] == "COMPLETED", training.worker_log
    assert training.flow_run["name"] == f"train {TINY}"


def test_flow_run_has_one_task_run_a_stage_in_order(training: Training) -> None:
    if training.flow_run["state"]["type"] != "COMPLETED":
        pytest.fail(training.worker_log)
    question = {"task_runs": {"flow_run_id": {"any_": [training.flow_run["id"]]}}, "sort": "EXPECTED_START_TIME_ASC"}
    tasks = training.server.post("/task_runs/filter", question)
    stages = ["get", "validate", "features", "tune", "train", "evaluate", "export", "package"]
    assert [task["name"] for task in tasks] == [f"{stage} {TINY}" for stage in stages]
    assert {task["state"]["name"] for task in tasks} == {"Completed"}


def test_flow_run_shows_the_table_of_results_and_the_champions_run(training: Training) -> None:
    question = {"artifacts": {"flow_run_id": {"any_": [training.flow_run["id"]]}}}
    artifacts = {found["key"]: found for found in training.server.post("/artifacts/filter", question)}
    assert set(artifacts) == {f"results-{TINY}", f"champion-{TINY}"}
    assert '"figure": "F1"' in artifacts[f"results-{TINY}"]["data"]
    assert "/#/experiments/" in artifacts[f"champion-{TINY}"]["data"]
