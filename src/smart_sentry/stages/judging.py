"""The rules by which every stage judges predictions, made from params.yaml and the asset type in one place."""

from __future__ import annotations

from smart_sentry.datasets.interim import load_interim
from smart_sentry.prognosis.bootstrap import BootstrapPolicy
from smart_sentry.prognosis.event_metrics import AlarmPolicy
from smart_sentry.stages.stage import StageContext


def alarm_policy(context: StageContext) -> AlarmPolicy:
    """Persistence from params.yaml, horizon and zones from the asset type."""
    failure, evaluate = load_interim(context.interim).asset_type.failure, context.params.evaluate
    return AlarmPolicy(
        needed=evaluate.alarm_k,
        window=evaluate.alarm_n,
        horizon_cycles=failure.horizon_cycles,
        alert_cycles=failure.alert_cycles,
    )


def bootstrap_policy(context: StageContext) -> BootstrapPolicy:
    """Replicates from params.yaml."""
    return BootstrapPolicy(replicates=context.params.evaluate.bootstrap_replicates, seed=context.params.seed)
