"""Drift triage over seeded scenarios of a simulated motor fleet, beside the usual policy (retrain when the share of drifted
columns exceeds 0.3), and what becomes of the false alarms after the recalibrations that it allows.

    python -m benchmarks.drift             the scenarios that the figure is taken from
    python -m benchmarks.drift tuning      those that thresholds were chosen on
"""

from __future__ import annotations

import os
import sys
import time
import warnings
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context

import numpy as np
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from smart_sentry.assets import AssetType, load_asset_type
from smart_sentry.condition_monitor import ConditionMonitor
from smart_sentry.config import load_settings
from smart_sentry.datasets.drift_scenarios import (
    FIGURE_SEEDS,
    KINDS,
    TUNING_SEEDS,
    DriftScenario,
    Recorded,
    drift_scenario,
)
from smart_sentry.detection.baseline import Baseline
from smart_sentry.detection.calibration import Readings, calibrate
from smart_sentry.drift.case import DriftCase, HealthHistory, LogEntry, Neighbour, Triage, Verdict
from smart_sentry.drift.triage import triage
from smart_sentry.errors import ContaminatedCalibration, InsufficientData

SEEDS_A_KIND = 14
LEAST_ACCURACY, LEAST_BACK, MOST_DRIFT_SHARE = 0.95, 0.95, 0.3
MOST_FLAGGED = 0.01
"""Share of fresh healthy readings that may be flagged after a recalibration: as much as benchmarks.calibration allows."""
_SETTLED_S = 3600.0
CREATED = "2026-01-01T00:00:00+00:00"


@dataclass(frozen=True)
class Outcome:
    """One scenario's.

    Attributes:
        kind, seed: which.
        verdict, may_recalibrate: of the triage.
        right: whether the verdict is one of the accepted.
        degrading: the truth.
        seconds: that the triage took.
        drift_share: of Evidently's preset.
        flagged_before, flagged_after: share of fresh healthy readings flagged by the old baseline and by the recalibrated one;
            NaN where no benign recalibration was allowed.
        refused: whether calibration refused the recent data.
    """

    kind: str
    seed: int
    verdict: str
    may_recalibrate: bool
    right: bool
    degrading: bool
    seconds: float
    drift_share: float
    flagged_before: float
    flagged_after: float
    refused: bool


def main(seeds: Sequence[int] = FIGURE_SEEDS) -> bool:
    """Prints the tables; whether every target is met."""
    console = Console(width=150)
    begun = time.perf_counter()
    outcomes = measured(seeds, console)
    console.print(confusion(outcomes))
    met = summary(console, outcomes)
    console.print(f"{len(outcomes)} scenarios in {time.perf_counter() - begun:.0f} s")
    for one in outcomes:
        if not one.right or (one.degrading and one.may_recalibrate):
            console.print(f"not right: {one.kind}, seed {one.seed}: {one.verdict}")
    return met


def measured(seeds: Sequence[int], console: Console) -> list[Outcome]:
    """All scenarios, one process a core."""
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):  # one process a core: their threads would only fight
        os.environ.setdefault(variable, "1")
    work = [(kind, seed) for seed in seeds[:SEEDS_A_KIND] for kind in KINDS]
    outcomes = []
    with (
        Progress(console=console, transient=True) as progress,
        ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool,
    ):
        bar = progress.add_task("scenarios", total=len(work))
        for future in as_completed([pool.submit(one_scenario, *one) for one in work]):
            outcomes.append(future.result())
            progress.advance(bar)
    return sorted(outcomes, key=lambda one: (list(KINDS).index(one.kind), one.seed))


def one_scenario(kind: str, seed: int) -> Outcome:
    """Lives one scenario, triages it, and does what the triage allows."""
    bench = load_asset_type(load_settings().configs_folder / "assets" / "motor_bench.yaml")
    scenario = drift_scenario(kind, seed, bench)
    asset_type, reference, recent = scenario.asset_type, readings(scenario.reference), readings(scenario.recent)
    old = calibrate("m", asset_type, reference, created=CREATED, seed=seed)
    case = case_of(scenario, watched(asset_type, old, recent))
    begun = time.perf_counter()
    found = triage(case)
    seconds = time.perf_counter() - begun
    after, refused = np.nan, False
    before = np.nan
    if found.may_recalibrate and not scenario.degrading:
        before = flagged(asset_type, old, recent, readings(scenario.fresh))
        try:
            new = recalibrated(scenario, found, seed)
            after = flagged(asset_type, new, recent, readings(scenario.fresh))
        except (ContaminatedCalibration, InsufficientData):
            refused = True
    return Outcome(
        kind, seed, str(found.verdict), found.may_recalibrate, str(found.verdict) in scenario.accepted, scenario.degrading,
        seconds, drift_share(scenario), before, after, refused,
    )  # fmt: skip


def case_of(scenario: DriftScenario, health: HealthHistory | None) -> DriftCase:
    """What a triage is shown of a scenario: nothing of its truth."""
    return DriftCase(
        scenario.asset_type, readings(scenario.reference), readings(scenario.recent),
        tuple(LogEntry(line.seconds, line.kind, line.text) for line in scenario.log), health,
        tuple(Neighbour(readings(before), readings(now)) for before, now in scenario.neighbours),
    )  # fmt: skip


def readings(recorded: Recorded) -> Readings:
    return Readings(recorded.seconds, recorded.values)


def watched(asset_type: AssetType, baseline: Baseline, recent: Readings) -> HealthHistory:
    """The degradation index as the product's monitor keeps it over the recent window."""
    monitor = ConditionMonitor(asset_type, {"m": baseline})
    condition = monitor.assess(np.zeros(len(recent.seconds), dtype=np.int64), recent.seconds, recent.values)
    return HealthHistory(recent.seconds, condition.degradation)


def recalibrated(scenario: DriftScenario, found: Triage, seed: int) -> Baseline:
    """A baseline of what came after the change as the triage dates it."""
    onsets = [one.figures["onset_seconds"] for one in found.evidence if "onset_seconds" in one.figures]
    onset = max((one for one in onsets if np.isfinite(one)), default=float(scenario.recent.seconds[0]))
    recent = readings(scenario.recent)
    rows = recent.seconds >= min(onset + _SETTLED_S, float(recent.seconds[-1]) - 2 * _SETTLED_S)
    return calibrate(
        "m", scenario.asset_type, Readings(recent.seconds[rows], recent.values[rows]), created=CREATED, seed=seed
    )


def flagged(asset_type: AssetType, baseline: Baseline, recent: Readings, fresh: Readings) -> float:
    """Share of fresh readings that are flagged; the monitor has seen the hour before them."""
    monitor = ConditionMonitor(asset_type, {"m": baseline})
    late = recent.seconds >= recent.seconds[-1] - _SETTLED_S
    for one in (Readings(recent.seconds[late], recent.values[late]), fresh):
        condition = monitor.assess(np.zeros(len(one.seconds), dtype=np.int64), one.seconds, one.values)
    return float(condition.flag.mean())


def drift_share(scenario: DriftScenario) -> float:
    """Share of the columns that Evidently's preset calls drifted, each by the test that it chooses."""
    import pandas as pd

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from evidently import Report
        from evidently.presets import DataDriftPreset

        names = scenario.asset_type.signal_names
        tables = [pd.DataFrame(one.values, columns=names) for one in (scenario.recent, scenario.reference)]
        report = Report([DataDriftPreset()]).run(*tables).dict()
    return float(report["metrics"][0]["value"]["share"])


def confusion(outcomes: Sequence[Outcome]) -> Table:
    """Kinds against verdicts."""
    table = Table("what happened", *(str(verdict) for verdict in Verdict), "right", "may recalibrate", "drift share > 0.3",
                  title="Triage of drift: scenarios by verdict")  # fmt: skip
    for kind in KINDS:
        its = [one for one in outcomes if one.kind == kind]
        counts = Counter(one.verdict for one in its)
        table.add_row(
            kind, *(str(counts[verdict] or "") for verdict in Verdict), f"{sum(one.right for one in its)}/{len(its)}",
            str(sum(one.may_recalibrate for one in its) or ""), str(sum(one.drift_share > MOST_DRIFT_SHARE for one in its) or ""),
        )  # fmt: skip
    return table


def summary(console: Console, outcomes: Sequence[Outcome]) -> bool:
    """The targets, and the usual policy beside them."""
    degrading = [one for one in outcomes if one.degrading]
    sound = [one for one in outcomes if one.kind in _TO_RECALIBRATE]
    right = sum(one.right for one in outcomes) / len(outcomes)
    wrong = sum(one.may_recalibrate for one in degrading)
    judged = [one for one in outcomes if np.isfinite(one.flagged_after) or one.refused]
    back = sum(one.flagged_after <= MOST_FLAGGED for one in judged) / max(len(judged), 1)
    usual = [one.drift_share > MOST_DRIFT_SHARE for one in degrading]
    table = Table("what", "triage", "target", "retrain when drift share > 0.3", title="Targets")
    table.add_row("decision accuracy", f"{right:.1%}", f">= {LEAST_ACCURACY:.0%}", "")
    table.add_row(
        "recalibrations on a degrading machine", f"{wrong} of {len(degrading)}", "0", f"{sum(usual)} of {len(usual)}"
    )
    table.add_row(
        "recalibrations after a benign change or a maintenance",
        f"{sum(one.may_recalibrate for one in sound)} of {len(sound)}", "",
        f"{sum(one.drift_share > MOST_DRIFT_SHARE for one in sound)} of {len(sound)}",
    )  # fmt: skip
    faulty = [one for one in outcomes if one.kind.startswith("sensor") and one.kind != "sensor replaced"]
    table.add_row(
        "recalibrations on a faulty sensor", f"{sum(one.may_recalibrate for one in faulty)} of {len(faulty)}", "",
        f"{sum(one.drift_share > MOST_DRIFT_SHARE for one in faulty)} of {len(faulty)}",
    )  # fmt: skip
    table.add_row(
        f"after a recalibration at most {MOST_FLAGGED:.0%} flagged",
        f"{back:.1%} of {len(judged)}",
        f">= {LEAST_BACK:.0%}",
        "",
    )
    table.add_row(
        "flagged before it / after it, median (90 % are below)",
        f"{_spread([one.flagged_before for one in judged])} / {_spread([one.flagged_after for one in judged])}", "", "",
    )  # fmt: skip
    table.add_row("recalibrations that calibration refused", str(sum(one.refused for one in judged)), "", "")
    taken = [one.seconds for one in outcomes]
    table.add_row(
        "triage with its neighbours, seconds, median (slowest)", f"{np.median(taken):.2f} ({max(taken):.2f})", "", ""
    )
    console.print(table)
    return right >= LEAST_ACCURACY and wrong == 0 and back >= LEAST_BACK


_TO_RECALIBRATE = ("load change", "duty change", "speed change", "season", "sensor replaced", "maintenance")


def _spread(values: Sequence[float]) -> str:
    known = [value for value in values if np.isfinite(value)]
    return f"{np.median(known):.2%} ({np.quantile(known, 0.9):.2%})" if known else "-"


if __name__ == "__main__":
    sys.exit(0 if main(TUNING_SEEDS if sys.argv[1:] == ["tuning"] else FIGURE_SEEDS) else 1)
