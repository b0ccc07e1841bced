"""The phase study as a page, and the edge where it is written to files."""

from __future__ import annotations

import html
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from smart_sentry.datasets.run_to_failure import RunToFailure
from smart_sentry.files import write_whole
from smart_sentry.phase_study.counts import RULE_PHASES
from smart_sentry.phase_study.figure import draw_phase_study
from smart_sentry.phase_study.study import PhaseStudy, PhaseStudySettings, measure_phase_study
from smart_sentry.phases import Phase, VolatilityTrendRule

FIGURE_NAME = "phases.png"
REPORT_NAME = "phases.html"

MEANINGFUL_SHARE = 0.02
"""Phase shares that shuffling moves by less than this were not made by runs of readings."""
MEANINGFUL_AUTOCORRELATION = 0.1
"""A signal that moves through start-ups and shutdowns resembles its last reading by more than this."""

_STYLE = (
    "body{font:16px/1.5 sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}img{max-width:100%}"
    "table{border-collapse:collapse;margin:1rem 0}"
    "td,th{padding:.25rem .75rem;border-bottom:1px solid #ccc;text-align:right}"
    "td:first-child,th:first-child{text-align:left}"
)


def run_phase_study(
    dataset: RunToFailure,
    output_folder: Path,
    rule: VolatilityTrendRule | None = None,
    settings: PhaseStudySettings | None = None,
) -> PhaseStudy:
    """Runs the study and writes phases.html and phases.png into a folder, each whole or not at all.

    Args:
        dataset: any run-to-failure data whose asset type has the rule's two signals.
        output_folder: made if it is not there.
        rule: default: the seed's.
        settings: default: what docs/phases.md was measured with.

    Returns:
        What was measured, for tracking.

    Raises:
        ConfigurationError: the readings lack a signal of the rule.
        InsufficientData: too few anomalous readings to train on.
    """
    study = measure_phase_study(dataset, rule, settings)
    picture = io.BytesIO()
    draw_phase_study(study).savefig(picture, format="png", dpi=120)
    write_whole(output_folder / FIGURE_NAME, picture.getvalue())
    write_whole(output_folder / REPORT_NAME, render_phase_report(study))
    return study


def render_phase_report(study: PhaseStudy) -> str:
    """The study as one HTML page beside its figure `phases.png`. Equal studies give equal pages."""
    name = html.escape(study.dataset)
    return "\n".join(
        [
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            f"<title>Phases of {name}</title><style>{_STYLE}</style></head><body>",
            f"<h1>What the seed's phases are worth on {name}</h1>",
            f"<p><strong>{html.escape(verdict(study))}</strong></p>",
            f'<img src="{FIGURE_NAME}" alt="phase shares, elbow plot, phases inside clusters">',
            *_counts_section(study),
            *_shuffle_section(study),
            *_clusters_section(study),
            *_downstream_section(study),
            "</body></html>",
            "",
        ]
    )


def verdict(study: PhaseStudy) -> str:
    """The conclusion in one or two sentences, drawn from the shuffle test and the downstream test."""
    test = study.shuffle
    furthest = max(abs(test.shares[phase] - test.shuffled_mean[phase]) for phase in RULE_PHASES)
    order = f"{study.rule.volatility_signal} has a lag-1 autocorrelation of {test.autocorrelation:.3f}"
    moved = f"shuffling it moves no phase's share by more than {100 * furthest:.1f} points"
    if furthest < MEANINGFUL_SHARE and abs(test.autocorrelation) >= MEANINGFUL_AUTOCORRELATION:
        return f"The rule does not fit these data: {order}, so its order matters, yet {moved}. Set a new threshold."
    if furthest < MEANINGFUL_SHARE:
        return (
            f"No start-up or shutdown: {order}, and {moved}. As a feature the phase changes the average precision of "
            f"the seed's forest by {study.downstream.gain:+.3f}; "
            f"another random seed changes it by {study.downstream.gain_by_chance:+.3f}."
        )
    return f"The readings' order tells phases: {order}, and shuffling it moves a share by {100 * furthest:.1f} points."


def _counts_section(study: PhaseStudy) -> list[str]:
    rule, counts, published = study.rule, study.counts, study.published_counts
    rows = [
        (phase.value, f"{counts[phase]}", f"{published[phase]}", _cycles(study.median_rul_cycles[phase]))
        for phase in RULE_PHASES
    ]
    return [
        "<h2>Phase counts</h2>",
        (
            f"<p>Steady below a deviation of {rule.threshold:g} of {html.escape(rule.volatility_signal)} over "
            f"{rule.window} readings, else start-up or shutdown by the change of {html.escape(rule.trend_signal)}, "
            f"averaged over {rule.smoothing}.</p>"
        ),
        _table(("Phase", "Readings", "In pandas' arithmetic", "Median remaining life, cycles"), rows),
        (
            f"<p>{abs(counts[Phase.STARTUP] - published[Phase.STARTUP])} readings have a trend of exactly zero that "
            "rounding in pandas' running sums turns into a rise.</p>"
        ),
    ]


def _shuffle_section(study: PhaseStudy) -> list[str]:
    test = study.shuffle
    rows = [
        (
            phase.value,
            _percent(test.shares[phase]),
            _percent(test.shuffled_mean[phase]),
            _percent(test.shuffled_spread[phase]),
        )
        for phase in RULE_PHASES
    ]
    return [
        "<h2>Shuffle test</h2>",
        (
            f"<p>{html.escape(study.rule.volatility_signal)} shuffled within each asset, {test.shuffles} times. "
            f"Its lag-1 autocorrelation is {test.autocorrelation:.4f}.</p>"
        ),
        _table(("Phase", "As recorded", "Shuffled, mean", "Shuffled, spread"), rows),
    ]


def _clusters_section(study: PhaseStudy) -> list[str]:
    attempt = study.clusters
    rows = [
        (
            f"cluster {cluster}",
            *(f"{attempt.readings.loc[cluster, phase.value]}" for phase in RULE_PHASES),
            _cycles(rul),
        )
        for cluster, rul in zip(attempt.readings.index, attempt.median_rul_cycles, strict=True)
    ]
    inertia = ", ".join(f"{value:.3f}" for value in attempt.inertia)
    return [
        "<h2>K-means</h2>",
        (
            f"<p>On {len(attempt.signals)} signals that move. Inertia for 1, 2, ... clusters: {inertia}; knee at "
            f"{attempt.elbow}. Adjusted mutual information between cluster and start-up or shutdown: "
            f"{attempt.agreement:.3f} (0 chance, 1 clean). A start-up played backwards is a shutdown with the "
            "same readings: clusters of single readings are levels.</p>"
        ),
        _table(("Cluster", *(phase.value for phase in RULE_PHASES), "Median remaining life, cycles"), rows),
    ]


def _downstream_section(study: PhaseStudy) -> list[str]:
    test = study.downstream
    rows = [
        (name, *(f"{value:.3f}" for value in values), f"{np.mean(values):.3f}")
        for name, values in (
            ("without phase", test.without_phase),
            ("with phase", test.with_phase),
            ("without phase, another seed", test.reseeded),
        )
    ]
    folds = [f"fold {number}" for number in range(1, len(test.with_phase) + 1)]
    return [
        "<h2>Worth to the seed's forest</h2>",
        "<p>Average precision on held-out assets, random forest on SMOTE-balanced raw sensors.</p>",
        _table(("Features", *folds, "mean"), rows),
    ]


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{html.escape(cell)}</th>" for cell in header)
    body = "".join("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %"


def _cycles(value: float) -> str:
    return "-" if np.isnan(value) else f"{value:g}"
