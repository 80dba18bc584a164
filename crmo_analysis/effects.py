"""Figures of effects: a forest, a specification curve, and how an estimate changes without each patient."""

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from crmo_analysis.figures import BLUE, FAINT, GREEN, INK, MUTED, ORANGE, PAPER, SKY, STYLE, VERMILLION, blank

MODEL_COLOURS = {"linear": BLUE, "poisson": ORANGE, "negative_binomial": VERMILLION, "ordinal": GREEN, "firth": SKY}


def forest(frame: pd.DataFrame, title: str, subtitle: str, xlabel: str, null: float = 0.0) -> Figure:
    """Draw estimates with their intervals, one row each, and the numbers beside them.

    Parameters
    ----------
    frame : DataFrame
        `label, n, estimate, ci_low, ci_high, text`; a missing estimate is said in `text` only.
    null : float
        Where there is no relation.
    """
    figure, axes = blank(28 + 5.4 * len(frame), title, subtitle, left=0.25, bottom=11)
    y = -np.arange(len(frame), dtype=float)
    with mpl.rc_context(STYLE):
        box = axes.get_position()
        axes.set_position([box.x0, box.y0, 0.36, box.height])
        axes.axvline(null, color=MUTED, lw=0.7, zorder=1)
        axes.hlines(y, frame["ci_low"], frame["ci_high"], color=BLUE, lw=1.2, zorder=2)
        axes.plot(frame["estimate"], y, "o", color=INK, ms=3.8, mec=PAPER, mew=0.5, zorder=3)
        side = mpl.transforms.blended_transform_factory(axes.transAxes, axes.transData)
        for place, row in zip(y, frame.itertuples(), strict=True):
            axes.text(1.04, place, row.text, transform=side, va="center", fontsize=6.3, color=INK)
        axes.set(ylim=(y[-1] - 0.6, 0.6), yticks=y, yticklabels=frame["label"], xlabel=xlabel)
        axes.grid(axis="x", color=FAINT, lw=0.4, zorder=0)
    return figure


def specification_curve(frame: pd.DataFrame, title: str, subtitle: str) -> Figure:
    """Draw all specifications of a question in the order of their score statistics, and what each one chose.

    Parameters
    ----------
    frame : DataFrame
        `z, model, outcome, adjusted_for, left_out`, from the lowest z to the highest.
    """
    choices = [
        (kind, value)
        for kind in ("model", "outcome", "adjusted_for", "left_out")
        for value in dict.fromkeys(frame[kind])
        if len(set(frame[kind])) > 1
    ]
    figure, axes = blank(70 + 4.2 * len(choices), title, subtitle, left=0.28, bottom=8)
    height = 70 + 4.2 * len(choices)
    with mpl.rc_context(STYLE):
        x = np.arange(len(frame))
        axes.set_position([0.28, (14 + 4.2 * len(choices)) / height, 0.69, 38 / height])
        axes.axhspan(-1.96, 1.96, color=FAINT, alpha=0.6, lw=0)
        axes.axhline(0, color=MUTED, lw=0.7)
        colours = [MODEL_COLOURS.get(model, INK) for model in frame["model"]]
        axes.scatter(x, frame["z"], c=colours, s=14, zorder=3, linewidths=0)
        axes.set(ylabel="score statistic z", xticks=[], xlim=(-0.7, len(frame) - 0.3))
        axes.spines["left"].set_visible(True)
        below = figure.add_axes((0.28, 8 / height, 0.69, 4.2 * len(choices) / height), sharex=axes)
        for row, (kind, value) in enumerate(choices):
            chosen = (frame[kind] == value).to_numpy()
            below.plot(x[~chosen], np.full((~chosen).sum(), -row), "|", color=FAINT, ms=4)
            below.plot(x[chosen], np.full(chosen.sum(), -row), "|", color=INK, ms=6, mew=1.1)
        kinds = {"adjusted_for": "adjusted for ", "left_out": "left out: "}
        names = [f"{kinds.get(kind, '')}{value}".replace("_", " ") for kind, value in choices]
        below.set(yticks=-np.arange(len(choices)), yticklabels=names, ylim=(-len(choices) + 0.4, 0.6))
        below.tick_params(axis="x", length=0, labelbottom=False)
        below.set_xlabel("specifications, by their statistic")
        for side in ("left", "right", "top", "bottom"):
            below.spines[side].set_visible(False)
    return figure


def influence(frame: pd.DataFrame, with_all: float, title: str, subtitle: str, ylabel: str) -> Figure:
    """Draw the estimate without each patient, ordered, beside the estimate with all.

    Parameters
    ----------
    frame : DataFrame
        `left_out, estimate`.
    with_all : float
        The estimate with all patients.
    """
    ordered = frame.dropna(subset=["estimate"]).sort_values("estimate", kind="stable").reset_index(drop=True)
    figure, axes = blank(75, title, subtitle, left=0.11)
    with mpl.rc_context(STYLE):
        axes.axhline(with_all, color=INK, lw=0.8)
        axes.vlines(ordered.index, with_all, ordered["estimate"], color=SKY, lw=1)
        axes.plot(ordered.index, ordered["estimate"], "o", color=BLUE, ms=3)
        axes.text(len(ordered) - 0.2, with_all, " all", va="center", fontsize=6.5, color=INK)
        for place in {0, len(ordered) - 1} if len(ordered) else set():
            row = ordered.iloc[place]
            axes.annotate(
                f"without {row.left_out}",
                (place, row.estimate),
                fontsize=6.3,
                xytext=(0, -8 if place == 0 else 6),
                textcoords="offset points",
                ha="left" if place == 0 else "right",
            )
        axes.margins(y=0.18)
        axes.set(xlabel="patients left out, one at a time", ylabel=ylabel, xticks=[], xlim=(-1, len(ordered) + 2))
        axes.spines["left"].set_visible(True)
        axes.grid(axis="y", color=FAINT, lw=0.4)
    return figure
