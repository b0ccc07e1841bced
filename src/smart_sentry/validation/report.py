"""What a validation found out, whether or not it passed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from smart_sentry.errors import Finding
from smart_sentry.validation.stuck_signals import StuckSignal


@dataclass(frozen=True)
class SuiteOutcome:
    """How one expectation suite ended.

    Attributes:
        suite: its name, e.g. "turbofan.FD001.train".
        checks: expectations evaluated.
        failed: expectations that did not hold.
    """

    suite: str
    checks: int
    failed: int


@dataclass(frozen=True)
class ValidationReport:
    """The outcome for all tables of a data set.

    Attributes:
        dataset: the data set's name.
        suites: what ran, table by table.
        findings: broken rules, table by table, structure first.
        constant_signals: by split, the signals with one value in the whole fleet: reported, not failed.
        stuck_signals: signals that stand still in one asset only: reported, not failed.
        data_docs_index: the HTML page that lists every suite and result.
    """

    dataset: str
    suites: tuple[SuiteOutcome, ...]
    findings: tuple[Finding, ...]
    constant_signals: Mapping[str, tuple[str, ...]]
    stuck_signals: tuple[StuckSignal, ...]
    data_docs_index: Path

    @property
    def success(self) -> bool:
        return not self.findings

    def summary(self) -> dict[str, object]:
        """The outcome for a JSON file: equal data give equal content, so no time and no path stand in it."""
        return {
            "dataset": self.dataset,
            "success": self.success,
            "checks": {suite.suite: suite.checks for suite in self.suites},
            "findings": [finding.sentence() for finding in self.findings],
            "constant_signals": {split: list(names) for split, names in self.constant_signals.items()},
            "stuck_signals": [
                {"split": s.split, "asset_id": s.asset_id, "signal": s.signal, "value": s.value, "rows": s.rows}
                for s in self.stuck_signals
            ],
        }
