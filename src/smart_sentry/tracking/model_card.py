"""The model card: what a model is for, what it was made of, what it showed and what it cannot do, as Markdown.

After Mitchell et al. (2019), "Model Cards for Model Reporting".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from smart_sentry.prognosis.bootstrap import Estimate
from smart_sentry.prognosis.evaluation_report import EvaluationReport, RulFigures

_SIX_REGIMES = "Engines fly in six operating regimes; a reading far from all six is scored by the nearest one."
_ONE_REGIME = (
    "All engines fly in one operating regime; readings from another one are outside of what the model has seen."
)
_TWO_FAULTS = "Two fault modes (compressor and fan) are mixed and not told apart."
_RESTORED = (
    "Some engines are restored in mid-life (7 in train, 2 in test): their sensors reach failure-like levels and jump"
    " back within a cycle. Those rows look like failure and are labelled healthy: see the figures without them, too."
)
CAVEATS: Mapping[str, tuple[str, ...]] = {
    "FD001": (_ONE_REGIME,),
    "FD002": (_SIX_REGIMES,),
    "FD003": (_ONE_REGIME, _TWO_FAULTS),
    "FD004": (_SIX_REGIMES, _TWO_FAULTS, _RESTORED),
}
"""What a reader must know of a data set, beside the limits of every model."""


@dataclass(frozen=True)
class ModelCardFacts:
    """What the card tells.

    Attributes:
        dataset: e.g. "FD001".
        asset: what is monitored, e.g. "Commercial two-shaft turbofan engine, one snapshot a flight".
        cycle_meaning: what one cycle is, e.g. "one flight".
        candidate: kind of the failure model, e.g. "xgboost".
        bundle_sha256: checksum of the bundle.
        data_version: checksum of the data.
        code_version: commit or release.
        train_rows, train_assets: size of the training set.
        params: what was chosen by tuning.
        cross_validation: figures on out-of-fold predictions, rows weighted as a monitored fleet is seen.
        test: figures on the test set; None where nobody knows its truth.
        baseline: figures of the seed's method on the rows of `test`, or on those of `cross_validation` without a test.
        decision: why the model was promoted, or not.
        reproduce: commands.
        remarks: further caveats, one sentence each.
    """

    dataset: str
    asset: str
    cycle_meaning: str
    candidate: str
    bundle_sha256: str
    data_version: str
    code_version: str
    train_rows: int
    train_assets: int
    params: Mapping[str, object]
    cross_validation: EvaluationReport
    test: EvaluationReport | None
    baseline: EvaluationReport | None
    decision: str
    reproduce: Sequence[str]
    remarks: Sequence[str] = field(default_factory=tuple)


def model_card(facts: ModelCardFacts) -> str:
    """The card as Markdown."""
    sections = (
        _head(facts),
        _use(facts),
        _data(facts),
        _protocol(facts),
        _figures(facts),
        _limits(facts),
        _reproduction(facts),
    )
    return "\n\n".join(sections) + "\n"


def _head(facts: ModelCardFacts) -> str:
    return f"""# Failure model of {facts.dataset}

| | |
|---|---|
| Model | {facts.candidate}, threshold {facts.cross_validation.threshold:.4f} |
| Bundle (SHA-256) | `{facts.bundle_sha256}` |
| Code | `{facts.code_version}` |
| Decision | {facts.decision} |"""


def _use(facts: ModelCardFacts) -> str:
    policy = facts.cross_validation.alarm_policy
    return f"""## Intended use

Asset: {facts.asset}. One cycle is {facts.cycle_meaning}.

After every reading the model gives the probability that the asset fails within {policy.horizon_cycles} cycles, and
its remaining life with an interval. An alarm stands while {policy.needed} of the last {policy.window} readings are at
or above the threshold. It supports the planning of maintenance by people who also see the asset; it is not a safety
function, and must not be the only ground to keep an asset in service."""


def _data(facts: ModelCardFacts) -> str:
    test = (
        "" if facts.test is None else f"\n- Test: {facts.test.rows:,} rows of {facts.test.assets} assets, scored once."
    )
    return f"""## Data

- Version (SHA-256): `{facts.data_version}`
- Training: {facts.train_rows:,} rows of {facts.train_assets} assets, each run to its failure.{test}"""


def _protocol(facts: ModelCardFacts) -> str:
    chosen = "\n".join(f"- {key}: `{value}`" for key, value in sorted(facts.params.items())) or "- none"
    return f"""## Protocol

Features, hyperparameters and threshold were chosen on training assets alone, in folds that keep the rows of an asset
together. A row counts (RUL + 1) / life there, as a fleet that is monitored at a random time shows it; the threshold has
the best F1 of the out-of-fold predictions under these weights. Intervals are 95 % bootstrap intervals over assets.

Chosen by tuning:

{chosen}"""


Value = Estimate | float | int | None
_ROWS: tuple[tuple[str, Callable[[EvaluationReport], Value]], ...] = (
    ("F1", lambda report: report.row.f1),
    ("Average precision", lambda report: report.row.average_precision),
    ("Precision", lambda report: report.row.precision),
    ("Recall", lambda report: report.row.recall),
    ("Brier score", lambda report: report.row.brier_score),
    ("Expected calibration error", lambda report: report.row.expected_calibration_error),
    ("Assets that needed an alert", lambda report: report.event.assets_due),
    ("... alerted in time", lambda report: report.event.assets_alerted_share),
    ("Lead time, median (cycles)", lambda report: report.event.lead_time_median_cycles),
    ("Lead time, 10th percentile (cycles)", lambda report: report.event.lead_time_p10_cycles),
    ("False-alarm episodes per 1000 healthy cycles", lambda report: report.event.false_alarms_per_1000_healthy_cycles),
    ("... early alarms counted too", lambda report: report.event.strict_false_alarms_per_1000_healthy_cycles),
)
_RUL_ROWS: tuple[tuple[str, Callable[[RulFigures], Value]], ...] = (
    ("RUL RMSE, truth capped (cycles)", lambda rul: rul.rmse_capped_cycles),
    ("RUL RMSE, uncapped (cycles)", lambda rul: rul.rmse_uncapped_cycles),
    ("NASA score, truth capped", lambda rul: rul.nasa_score_capped),
    ("NASA score, uncapped", lambda rul: rul.nasa_score_uncapped),
    ("RUL interval coverage", lambda rul: rul.interval_coverage),
    ("... at RUL <= 50", lambda rul: rul.interval_coverage_near_failure),
    ("RUL interval mean width (cycles)", lambda rul: rul.interval_mean_width_cycles),
)


def _figures(facts: ModelCardFacts) -> str:
    columns = [("cross-validation", facts.cross_validation), ("test", facts.test), ("seed's method", facts.baseline)]
    known = [(name, report) for name, report in columns if report is not None]
    cells = [(name, [_cell(value(report)) for _, report in known]) for name, value in _ROWS]
    cells += [(name, [_cell(report.rul and value(report.rul)) for _, report in known]) for name, value in _RUL_ROWS]
    head = ("Figure", [name for name, _ in known])
    lines = [f"| {' | '.join([name, *values])} |" for name, values in [head, *cells]]
    lines.insert(1, "|" + "---|" * (len(known) + 1))
    missing = (
        "" if facts.test is not None else "\n\nThe truth of the test set is not known: it is predicted, not scored."
    )
    return "## Figures\n\n" + "\n".join(lines) + missing + "\n\ndocs/evaluation.md defines every figure."


def _cell(value: object) -> str:
    if value is None:
        return "n/a"
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def _limits(facts: ModelCardFacts) -> str:
    policy = facts.cross_validation.alarm_policy
    cap = facts.cross_validation.rul.cap_cycles if facts.cross_validation.rul else 125
    sentences = (
        "The data are simulated or from one fleet: figures do not carry over to other machines without new data.",
        f"Remaining life above {cap} cycles cannot be told apart from {cap}.",
        "Differences in F1 that are smaller than the interval of either model mean nothing.",
        f"An alarm up to {policy.false_alarm_margin_cycles} cycles before the horizon counts as early, not as false.",
        *CAVEATS.get(facts.dataset, ()),
        *facts.remarks,
    )
    return "## Limits\n\n" + "\n".join(f"- {sentence}" for sentence in sentences)


def _reproduction(facts: ModelCardFacts) -> str:
    return "## Reproduce\n\n```\n" + "\n".join(facts.reproduce) + "\n```"
