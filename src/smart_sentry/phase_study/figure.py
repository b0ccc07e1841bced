"""The phase study as a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from smart_sentry.phase_study.counts import RULE_PHASES
from smart_sentry.phase_study.study import PhaseStudy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def draw_phase_study(study: PhaseStudy) -> Figure:
    """Three panels: phase shares before and after shuffling, the elbow plot, and what the clusters hold."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 4), layout="constrained")
    FigureCanvasAgg(figure)
    shares, elbow, clusters = figure.subplots(1, 3)
    _draw_shares(shares, study)
    _draw_elbow(elbow, study)
    _draw_clusters(clusters, study)
    return figure


def _draw_shares(axes: Axes, study: PhaseStudy) -> None:
    test, places = study.shuffle, np.arange(len(RULE_PHASES))
    axes.bar(places - 0.2, [100 * test.shares[phase] for phase in RULE_PHASES], 0.4, label="as recorded")
    axes.bar(
        places + 0.2,
        [100 * test.shuffled_mean[phase] for phase in RULE_PHASES],
        0.4,
        yerr=[100 * test.shuffled_spread[phase] for phase in RULE_PHASES],
        label=f"shuffled ({test.shuffles} times)",
    )
    axes.set_xticks(places, [phase.value for phase in RULE_PHASES], fontsize="small")
    axes.set(title=f"{study.dataset}: phases before and after shuffling", ylabel="share of readings, %")
    axes.legend()


def _draw_elbow(axes: Axes, study: PhaseStudy) -> None:
    inertia = study.clusters.inertia
    axes.plot(range(1, len(inertia) + 1), inertia, marker="o")
    axes.axvline(study.clusters.elbow, linestyle=":", color="grey", label=f"knee at {study.clusters.elbow}")
    axes.set(title="Elbow plot of K-means", xlabel="clusters", ylabel="inertia, share of one cluster's", ylim=(0, 1.05))
    axes.legend()


def _draw_clusters(axes: Axes, study: PhaseStudy) -> None:
    table = study.clusters.readings
    share = 100 * table.div(table.sum(axis=1), axis=0)
    bottom = np.zeros(len(share))
    for phase in RULE_PHASES:
        axes.bar(share.index.astype(str), share[phase.value], 0.6, bottom=bottom, label=phase.value)
        bottom = bottom + share[phase.value].to_numpy()
    axes.set(title="Phases inside each cluster", xlabel="cluster", ylabel="share of its readings, %")
    axes.legend(fontsize="small", loc="upper center", bbox_to_anchor=(0.5, -0.15), ncols=len(RULE_PHASES))
