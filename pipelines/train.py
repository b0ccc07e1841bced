"""The flow `train`: data to packaged champion. One task a stage; what DVC finds unchanged is not run again.

python -m pipelines.train --dataset FD001           in this process, or on the server that PREFECT_API_URL names
prefect deployment run train/train -p dataset=FD001  on a worker (prefect.yaml)
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from smart_sentry.config import Settings
from smart_sentry.environment import prepare_environment

prepare_environment(Settings())  # Prefect reads its settings while it is imported

from prefect import Task, flow, get_run_logger, task  # noqa: E402
from prefect.artifacts import create_link_artifact, create_table_artifact  # noqa: E402
from prefect.cache_policies import NO_CACHE  # noqa: E402
from prefect.client.schemas.objects import State  # noqa: E402
from prefect.states import Completed  # noqa: E402

from smart_sentry.errors import BentoNotBuilt, DataUnavailable  # noqa: E402
from smart_sentry.params import load_params  # noqa: E402
from smart_sentry.results import results_table  # noqa: E402
from smart_sentry.stages import STAGES  # noqa: E402
from smart_sentry.stages.stage import StageContext  # noqa: E402
from smart_sentry.tracking.links import champion_run_page  # noqa: E402
from smart_sentry.versioning import PipelineStage, Versions, clear_outputs, load_pipeline, stages_to_run  # noqa: E402

SIX_HOURS_S = 6 * 3600
WORTH_RETRYING: dict[str, type[Exception]] = {"get": DataUnavailable, "package": BentoNotBuilt}
"""What a second try may mend: a download, a build. Any other stage gives the same result from the same input."""


def _stage(stage: PipelineStage, context: StageContext, stale: bool) -> State[Any]:
    if not stale:
        return Completed(name="Cached", message="DVC finds nothing changed")
    clear_outputs(context.settings.home, stage)
    outcome = STAGES[stage.name](context)
    log = get_run_logger()
    log.info("%s", outcome.summary)
    for name, figure in outcome.figures.items():
        log.info("%s = %s", name, figure)
    return Completed(message=outcome.summary)


def _task(name: str) -> Task[[PipelineStage, StageContext, bool], State[Any]]:
    run_name = name + " {context.dataset}"
    retried = WORTH_RETRYING.get(name)
    if retried is None:
        return task(name=name, task_run_name=run_name, cache_policy=NO_CACHE)(_stage)  # DVC decides what is up to date
    return task(
        name=name,
        task_run_name=run_name,
        cache_policy=NO_CACHE,
        retries=2,
        retry_delay_seconds=[5.0, 30.0],
        retry_condition_fn=lambda _task, _run, state: isinstance(state.result(raise_on_failure=False), retried),
    )(_stage)


@flow(name="train", flow_run_name="train {dataset}", timeout_seconds=SIX_HOURS_S, validate_parameters=True)
def train(dataset: str = "FD001", refresh: bool = False) -> dict[str, list[str]]:
    """Trains, judges and packages the failure model of one data set.

    Args:
        dataset: a data set of params.yaml. Another one that is known is trained too, but not versioned: all its stages run.
        refresh: brings the raw data anew even where nothing has changed, as a scheduled retraining on growing data wants.

    Returns:
        names of the stages that were run, and of those that were up to date.
    """
    settings = Settings()
    params = load_params(settings.home / "params.yaml")
    context = StageContext(dataset, params, settings)
    pipeline = load_pipeline(settings.home, dataset)
    versions = Versions(settings.home) if dataset in params.datasets else None
    names = [stage.name for stage in pipeline]
    if versions is None:
        get_run_logger().warning(
            "%s is not in params.yaml's datasets: DVC does not version it, every stage runs.", dataset
        )
        ran = run_stages(pipeline, names, context, None)
    else:
        ran = run_stages(pipeline[:1], names[:1], context, versions) if refresh else []
        rest = pipeline[len(ran) :]
        ran += run_stages(rest, stages_to_run(pipeline, versions.changed(pipeline)), context, versions)
        if settings.dvc_remote:
            versions.push(pipeline, settings.dvc_remote)
    show_results(context)
    return {"ran": ran, "cached": [name for name in names if name not in ran]}


def run_stages(
    pipeline: Sequence[PipelineStage], stale: Sequence[str], context: StageContext, versions: Versions | None
) -> list[str]:
    """Runs the stale stages in order and records in DVC those that succeeded, also when a later one fails."""
    done: list[PipelineStage] = []
    try:
        for stage in pipeline:
            _task(stage.name)(stage, context, stage.name in stale)
            if stage.name in stale:
                done.append(stage)
    finally:
        if versions:
            versions.commit(done)
    return [stage.name for stage in done]


def show_results(context: StageContext) -> None:
    """Puts the table of results and the link to the champion's run into Prefect's web interface."""
    slug = context.dataset.lower().replace("_", "-")
    rows = [asdict(row) for row in results_table(context.processed)]
    create_table_artifact(
        rows, key=f"results-{slug}", description=f"{context.dataset}: test set, champion and the seed's own method"
    )
    page = champion_run_page(context.settings, context.dataset)
    if page:
        create_link_artifact(page, link_text=f"{context.dataset}: champion in MLflow", key=f"champion-{slug}")


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=train.description)
    arguments.add_argument("--dataset", default="FD001")
    arguments.add_argument("--refresh", action="store_true")
    train(**vars(arguments.parse_args()))
