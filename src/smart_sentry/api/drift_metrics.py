"""What the newest findings about drift tell Prometheus: by asset type, for assets would be too many."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from smart_sentry.errors import StoreUnavailable
from smart_sentry.plant.plant import Plant
from smart_sentry.stores.drift_findings import Finding


class DriftCollector(Collector):
    """Reads the newest finding about each asset whenever Prometheus asks.

    Args:
        plant: has them.
    """

    def __init__(self, plant: Plant) -> None:
        self._plant = plant

    def collect(self) -> Iterator[Metric]:
        """The gauges as they stand; none before the first round, or while the database is away."""
        try:
            with self._plant.store.view() as batch:
                types = {name: state.asset_type for name, state in batch.states.all().items()}
                latest = {name: one.finding for name, one in batch.drift_findings.latest().items() if name in types}
        except StoreUnavailable:
            return
        if not latest:
            return
        share = GaugeMetricFamily(
            "smart_sentry_drift_share", "Share of an asset's signals whose distribution moved, mean over the assets",
            labels=["asset_type"],
        )  # fmt: skip
        verdicts = GaugeMetricFamily(
            "smart_sentry_drift_assets",
            "Assets by the verdict of their newest finding",
            labels=["asset_type", "verdict"],
        )
        for asset_type in sorted({types[name] for name in latest}):
            its = [one for name, one in latest.items() if types[name] == asset_type]
            known = [one.drift_share for one in its if one.drift_share is not None]
            if known:
                share.add_metric([asset_type], sum(known) / len(known))
            for verdict, count in sorted(Counter(one.verdict for one in its).items()):
                verdicts.add_metric([asset_type, verdict], count)
        yield share
        yield verdicts
        yield GaugeMetricFamily(
            "smart_sentry_drift_last_round_seconds", "Since the newest finding", value=self._age(list(latest.values()))
        )

    def _age(self, found: list[Finding]) -> float:
        return max(0.0, self._plant.clock() - max(one.time for one in found))
