"""A calibration in words: how far it is, and the acceptance report of a baseline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dashboard.normal import number
from dashboard.pieces import Kpi
from dashboard.times import span

RUNNING = frozenset({"started", "learning"})


def acceptance_figures(report: Mapping[str, Any], version: str) -> list[Kpi]:
    """The figures of an acceptance report.

    Args:
        report: as the service answers it (`detection.baseline.Acceptance`).
        version: of the baseline.
    """
    low, high = report["false_alarm_low"], report["false_alarm_high"]
    return [
        Kpi("grade", "Grade", str(report["grade"]), "of the calibration; A best"),
        Kpi("version", "Baseline", version),
        Kpi("readings", "Readings", f"{report['readings']:,}", f"{report['steps']:,} steps in {span(report['seconds'])}"),
        Kpi("false-alarms", "False alarms, held out", f"{100 * report['false_alarms']:.2f} %",
            f"{100 * low:.2f} to {100 * high:.2f} % (95 % interval)"),
        Kpi("outside", "Outside 3 σ", f"{100 * report['outside_three_sigma']:.2f} %", "the worst channel; 5 % refuses"),
        Kpi("missing", "Missing values", f"{100 * report['missing']:.2f} %"),
        Kpi("phases", "Phases", str(len(report["phases"])),
            f"steps: {', '.join(f'{name} {steps:,}' for name, steps in report['phases'].items())}; {report['starts']} starts"),
    ]  # fmt: skip


def baseline_rows(phases: Mapping[str, Mapping[str, Mapping[str, float]]]) -> list[Sequence[str]]:
    """What was learnt: phase, channel or derived feature, mean, standard deviation, least and greatest."""
    return [
        (phase, name, *(number(its[key]) for key in ("mean", "std", "min", "max")))
        for phase, channels in phases.items()
        for name, its in channels.items()
    ]
