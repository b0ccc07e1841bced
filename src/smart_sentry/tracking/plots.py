"""Figures of an evaluation, drawn with matplotlib's object interface: no pyplot, no window, no global state.

Each function takes what the evaluation computed and returns a `Figure`; `write_png` writes it. Colours are those of
Okabe and Ito (2008), which people with colour-blindness can tell apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from smart_sentry.files import write_whole
from smart_sentry.prognosis.event_metrics import AlarmPolicy, AssetOutcomes
from smart_sentry.prognosis.row_metrics import CalibrationCurve, Confusion, PrecisionRecallCurve
from smart_sentry.prognosis.scored_fleet import FloatArray

BLUE, ORANGE, GREEN, PURPLE, AMBER, SKY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"
INK, QUIET, FAINT = "#222222", "#767676", "#E3E3E3"
SHOWN_BARS = 20
SHOWN_ASSETS = 6


def write_png(figure: Figure, path: Path) -> Path:
    """Writes a figure as a whole PNG file; the same figure gives the same bytes."""
    return write_whole(path, lambda part: figure.savefig(part, format="png", metadata={"Software": None}))


def precision_recall_figure(curve: PrecisionRecallCurve, threshold: float, average_precision: float) -> Figure:
    """Precision over recall, with the point at which the alarm works."""
    figure, axes = _axes("Precision and recall", "recall (share of failing rows with an alarm)", "precision")
    axes.step(np.r_[0.0, curve.recall], np.r_[curve.precision[0], curve.precision], where="pre", color=BLUE, lw=1.8)
    working = np.flatnonzero(curve.threshold >= threshold)
    if len(working):
        recall, precision = float(curve.recall[working[-1]]), float(curve.precision[working[-1]])
        axes.plot([recall], [precision], "o", color=ORANGE, ms=8, label="working point")
        text = f"threshold {threshold:.3f}\nprecision {precision:.3f}, recall {recall:.3f}"
        axes.annotate(
            text, (recall, precision), (-12, -12), textcoords="offset points", ha="right", va="top", color=INK
        )
    axes.text(0.02, 0.04, f"average precision {average_precision:.3f}", transform=axes.transAxes, color=BLUE)
    axes.set(xlim=(0, 1.02), ylim=(0, 1.04))
    return figure


def confusion_figure(counts: Confusion, horizon_cycles: int) -> Figure:
    """Two by two: counts, and their share of the true class as shade and percentage."""
    figure, axes = _axes("Confusion matrix", "", "", size=(5.2, 4.4))
    cells = np.array([[counts.true_negatives, counts.false_positives], [counts.false_negatives, counts.true_positives]])
    share = cells / np.maximum(cells.sum(axis=1, keepdims=True), 1e-12)
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    for row, column in np.ndindex(2, 2):
        colour = "white" if share[row, column] > 0.5 else INK
        text = f"{cells[row, column]:,.0f}\n{share[row, column]:.1%}"
        axes.text(column, row, text, ha="center", va="center", color=colour, size=12)
    axes.set_xticks([0, 1], ["no alarm", "alarm"])
    axes.set_yticks([0, 1], [f"RUL > {horizon_cycles}", f"RUL <= {horizon_cycles}"])
    axes.grid(False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    return figure


def calibration_figure(curve: CalibrationCurve, expected_calibration_error: float) -> Figure:
    """Reliability diagram: observed rate over predicted probability, and below it how much weight each bin has."""
    figure = _figure((6.0, 5.6))
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    _dress(upper, "Calibration", "", "observed rate of failing rows")
    _dress(lower, "", "predicted probability of failure", "weight of rows")
    upper.plot([0, 1], [0, 1], "--", color=QUIET, lw=1, label="perfect")
    label = f"model, expected calibration error {expected_calibration_error:.4f}"
    upper.plot(curve.mean_probability, curve.observed_rate, "o-", color=BLUE, lw=1.8, ms=6, label=label)
    upper.set(xlim=(0, 1), ylim=(-0.02, 1.02))
    lower.bar(curve.mean_probability, curve.weight, width=0.04, color=SKY)
    lower.set_yscale("log")
    lower.set_ylim(bottom=float(curve.weight.min()) / 2)
    _legend(upper, "upper left")
    return figure


def lead_time_figure(outcomes: AssetOutcomes, policy: AlarmPolicy) -> Figure:
    """Cycles between alarm and failure for every asset that needed an alert, longest first."""
    figure, axes = _axes(
        "Lead time of the alarm",
        "assets that needed an alert, longest lead first",
        "lead time of the last episode (cycles)",
    )
    due = np.flatnonzero(outcomes.due)
    order = due[np.argsort(-outcomes.lead_time_cycles[due], kind="stable")]
    lead, alerted, rank = outcomes.lead_time_cycles[order], outcomes.alerted[order], np.arange(1, len(order) + 1)
    for chosen, colour, marker, label in (
        (alerted, BLUE, "o", "alerted in time"),
        (~alerted, ORANGE, "X", "too late or never"),
    ):
        axes.vlines(rank[chosen], 0, lead[chosen], color=colour, lw=1.0, alpha=0.45)
        axes.plot(rank[chosen], lead[chosen], marker, color=colour, ms=5, label=f"{label} ({int(chosen.sum())})")
    for cycles, name in ((policy.horizon_cycles, "failure horizon"), (policy.alert_cycles, "alert due")):
        _level(axes, cycles, f"{name}:\n{cycles} cycles")
    axes.set(xlim=(0, len(order) + 1), ylim=(0, max(policy.horizon_cycles, lead.max(initial=0.0)) * 1.12))
    _legend(axes)
    return figure


def importance_figure(names: Sequence[str], importances: FloatArray, unit: str, title: str = "Importance") -> Figure:
    """Bars of the largest magnitudes, positive blue and negative orange.

    Args:
        names: signals or features.
        importances: one number a name; signed contributions are welcome.
        unit: what the number means, for the axis.
    """
    order = np.argsort(-np.abs(importances), kind="stable")[:SHOWN_BARS][::-1]
    figure, axes = _axes(title, unit, "", size=(6.4, 1.3 + 0.27 * len(order)))
    values = importances[order]
    axes.barh([names[i] for i in order], values, color=np.where(values >= 0, BLUE, ORANGE).tolist(), height=0.7)
    axes.axvline(0, color=QUIET, lw=0.8)
    axes.grid(axis="y", visible=False)
    return figure


def remaining_life_figure(
    truth: FloatArray, predicted: FloatArray, lower: FloatArray, upper: FloatArray, cap_cycles: int
) -> Figure:
    """Predicted over true remaining life at each asset's last row; intervals that miss the truth are orange."""
    figure, axes = _axes("Remaining life at the last reading", "true remaining life (cycles)", "predicted (cycles)")
    capped = np.minimum(truth, cap_cycles)
    inside = (lower <= capped) & (capped <= upper)
    ideal = np.array([0.0, cap_cycles, max(cap_cycles, float(truth.max(initial=0.0)))])
    axes.plot(ideal, np.minimum(ideal, cap_cycles), "--", color=QUIET, lw=1, label=f"truth, capped at {cap_cycles}")
    for chosen, colour, label in ((inside, BLUE, "interval holds the truth"), (~inside, ORANGE, "interval misses it")):
        axes.vlines(truth[chosen], lower[chosen], upper[chosen], color=colour, lw=1.2, alpha=0.4)
        axes.plot(truth[chosen], predicted[chosen], "o", color=colour, ms=4.5, label=f"{label} ({int(chosen.sum())})")
    axes.set(xlim=(0, None), ylim=(0, None))
    _legend(axes, "lower right")
    return figure


def trajectories_figure(
    assets: Mapping[str, tuple[FloatArray, FloatArray]], threshold: float, horizon_cycles: int
) -> Figure:
    """Failure probability of a few assets on their way to the failure.

    Args:
        assets: name -> (remaining life in cycles, probability), in the order of cycles; the first six are drawn.
        threshold: drawn as a level.
        horizon_cycles: remaining life from which the label is positive; shaded.
    """
    figure, axes = _axes("Failure probability over the last cycles", "remaining life (cycles)", "predicted probability")
    axes.axvspan(0, horizon_cycles, color=FAINT, alpha=0.6, lw=0)
    axes.text(horizon_cycles - 1, 1.05, f"failing: RUL <= {horizon_cycles}", color=QUIET, va="center", size=9)
    for (name, (rul, probability)), colour in zip(
        assets.items(), (BLUE, ORANGE, GREEN, PURPLE, AMBER, SKY), strict=False
    ):
        axes.plot(rul, probability, color=colour, lw=1.5, label=name)
    _level(axes, threshold, f"threshold\n{threshold:.2f}")
    longest = max((float(rul.max()) for rul, _ in list(assets.values())[:SHOWN_ASSETS]), default=1.0)
    axes.set(xlim=(max(longest, 1.0), 0), ylim=(-0.02, 1.1))
    _legend(axes, "upper left")
    return figure


def tuning_figure(values: Mapping[int, float | None], figure_name: str) -> Figure:
    """Validation figure of every trial, and the best so far (higher is better).

    Args:
        values: trial number -> its figure, None where it was pruned or failed.
        figure_name: for the axis.
    """
    figure, axes = _axes("Tuning", "trial", figure_name)
    done = sorted((number, value) for number, value in values.items() if value is not None)
    pruned = sorted(number for number, value in values.items() if value is None)
    if done:
        numbers, figures = np.array(done).T
        axes.plot(numbers, figures, "o", color=SKY, ms=5, label=f"completed ({len(done)})")
        axes.step(numbers, np.maximum.accumulate(figures), where="post", color=BLUE, lw=1.8, label="best so far")
    if pruned:
        low, high = axes.get_ylim()
        height = np.full(len(pruned), low + 0.04 * (high - low))
        axes.plot(pruned, height, "x", color=QUIET, ms=5, label=f"pruned or failed ({len(pruned)})")
        axes.set_ylim(low, high)
    _legend(axes, "lower right", raised=0.06)
    return figure


def _figure(size: tuple[float, float]) -> Figure:
    figure = Figure(figsize=size, dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _axes(title: str, x: str, y: str, size: tuple[float, float] = (6.4, 4.6)) -> tuple[Figure, Axes]:
    figure = _figure(size)
    axes = figure.add_subplot()
    _dress(axes, title, x, y)
    return figure, axes


def _dress(axes: Axes, title: str, x: str, y: str) -> None:
    axes.set_title(title, loc="left", color=INK, size=12, weight="bold")
    axes.set_xlabel(x, color=INK)
    axes.set_ylabel(y, color=INK)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(QUIET)
    axes.tick_params(colors=QUIET, labelcolor=INK, labelsize=9)
    axes.grid(color=FAINT, lw=0.7)
    axes.set_axisbelow(True)


def _level(axes: Axes, height: float, text: str) -> None:
    axes.axhline(height, color=QUIET, lw=1, ls=":")
    axes.annotate(
        text,
        (1, height),
        (4, 0),
        xycoords=("axes fraction", "data"),
        textcoords="offset points",
        ha="left",
        va="center",
        color=QUIET,
        size=9,
    )


def _legend(
    axes: Axes, place: Literal["upper left", "upper right", "lower right"] = "upper right", raised: float = 0.0
) -> None:
    """Shows the labels, `raised` by a share of the axes' height; nothing where nothing is labelled."""
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc=place, frameon=False, fontsize=9, bbox_to_anchor=(0, raised, 1, 1))
