"""Plots on two scales: curves, patients as points, and the influence of each."""

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib import ticker
from matplotlib.axes import Axes

from crmo_analysis.display.canvas import BLUE, GREEN, INK, MUTED, PAPER, PURPLE, SKY, VERMILLION
from crmo_analysis.display.furniture import (
    BAND,
    INSIDE_TEXT,
    NOTE_TEXT,
    Sheet,
    apart,
    axes_level,
    beside_rows,
    keys,
    on_two_scales,
    scale_label,
)
from crmo_analysis.display.lettering import broken_labels

LINES = [BLUE, VERMILLION, GREEN, PURPLE, INK, MUTED]
DASHES = ["", (5, 2), (1.5, 1.5), (6, 1.5, 1.5, 1.5), (8, 3), (3, 1, 1, 1)]
APART = 0.055  # of the height of curves, from a label to the next
POINT = 16  # square points, of one patient


@axes_level
def curves(
    on: Sheet,
    frame: pd.DataFrame,
    x: str,
    y: str,
    by: str,
    *,
    xlabel: str = "",
    ylabel: str = "",
    ylim: tuple[float, float] | None = None,
) -> Axes:
    """Draw one labelled line for each value of `by`; the label stands at the end of its line.

    Parameters
    ----------
    frame : DataFrame
        One row a point, in the order of its line; columns `low` and `high`, where there are any, give a band.
    x, y, by : str
        Columns: of the two scales, and of what the lines are called.
    xlabel, ylabel : str
        What to call the scales, other than as the codebook, or their columns, do.
    ylim : pair of float, optional
        Ends of the scale of y; the lines' own unless given.
    """
    axes = on.axes(85)
    lines = dict(list(frame.groupby(by, sort=False)))
    inks = dict(zip(lines, LINES * len(lines), strict=False))
    look = {"palette": inks, "dashes": dict(zip(lines, DASHES * len(lines), strict=False))}
    data = frame.assign(**{by: frame[by].astype(str)}) if frame[by].dtype != object else frame
    order = {"hue_order": [*lines], "style_order": [*lines], "sort": False, "estimator": None}
    sns.lineplot(data, x=x, y=y, hue=by, style=by, ax=axes, legend=False, lw=1.4, **look, **order)
    for name, line in lines.items() if "low" in frame else ():
        axes.fill_between(line[x], line["low"], line["high"], color=inks[name], **BAND)
    names = dict(zip(lines, broken_labels([*map(str, lines)], 0.24 * on.width), strict=True))
    low, high = ylim or (float(frame[y].min()), float(frame[y].max()))
    order = sorted(lines, key=lambda name: -float(lines[name][y].iloc[-1]))
    tall = [APART * (high - low) * (names[name].count("\n") + 1) for name in order]
    places = apart([float(lines[name][y].iloc[-1]) for name in order], tall)
    for label, name in zip(beside_rows(axes, places, [names[n] for n in order], 7), order, strict=True):
        label.set_color(inks[name])
    axes.margins(x=0.01)
    axes.set(xlabel=xlabel or scale_label(x), ylabel=ylabel or scale_label(y), ylim=ylim)
    on_two_scales(axes)
    return axes


@axes_level
def scatter(
    on: Sheet,
    frame: pd.DataFrame,
    x: str,
    y: str,
    *,
    xlabel: str = "",
    ylabel: str = "",
    line: pd.DataFrame | None = None,
) -> Axes:
    """Draw patients as points; those with the same values are one point, as large as they are many.

    Parameters
    ----------
    frame : DataFrame
        One row a patient.
    x, y : str
        Columns.
    xlabel, ylabel : str
        What to call the scales, other than as the codebook, or their columns, do.
    line : DataFrame, optional
        A fit with its interval, from `models.diagnostics.linear_fit`.
    """
    axes = on.axes(90)
    if line is not None and len(line):
        axes.fill_between(line["x"], line["low"], line["high"], color=SKY, **BAND)
        axes.plot(line["x"], line["fit"], color=INK, lw=1)
    points = frame.groupby([x, y]).size().rename("patients").reset_index()
    most = int(points["patients"].max()) if len(points) else 1
    style = {"color": BLUE, "edgecolor": PAPER, "linewidth": 0.4, "legend": False, "clip_on": False}
    sizes = {"size": "patients", "sizes": (POINT, POINT * most), "size_norm": (1, max(most, 2))}
    sns.scatterplot(points, x=x, y=y, ax=axes, zorder=3, **sizes, **style)
    axes.set(xlabel=xlabel or scale_label(x), ylabel=ylabel or scale_label(y))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(ticker.MaxNLocator(integer=True))
    on_two_scales(axes)
    if most > 1:
        counts = sorted({1, (1 + most) // 2, most})
        named = [f"{count} patient" + "s" * (count > 1) for count in counts]
        marks = [{"color": BLUE, "marker": "o", "ls": "", "mew": 0, "ms": (POINT * c) ** 0.5} for c in counts]
        on.legend(axes, keys(named, marks))
    return axes


@axes_level
def influence(
    on: Sheet,
    frame: pd.DataFrame,
    with_all: float,
    *,
    ylabel: str = "",
    interval: tuple[float, float] | None = None,
) -> Axes:
    """Draw the estimate without each patient, ordered, beside the estimate with all.

    The scale has 0 and the interval of all patients, beside which a single one counts much or little.

    Parameters
    ----------
    frame : DataFrame
        `left_out, estimate`.
    with_all : float
        The estimate with all patients.
    ylabel : str
        What is estimated.
    interval : pair of float, optional
        Of the estimate with all patients, drawn as a band.
    """
    axes = on.axes(75)
    ordered = frame.dropna(subset=["estimate"]).sort_values("estimate", kind="stable").reset_index(drop=True)
    axes.axhline(0, color=MUTED, lw=0.7)
    if interval and np.isfinite(interval).all():
        axes.axhspan(*interval, color=SKY, zorder=0, **BAND)
        beside_rows(axes, interval, ["95 %", "95 %"], INSIDE_TEXT)
    axes.axhline(with_all, color=INK, lw=0.8)
    axes.vlines(ordered.index, with_all, ordered["estimate"], color=BLUE, lw=0.8)
    axes.plot(ordered.index, ordered["estimate"], "o", color=BLUE, ms=3)
    beside_rows(axes, [with_all], ["all"], INSIDE_TEXT)
    for place in {0, len(ordered) - 1} if len(ordered) else set():
        spot = place, ordered["estimate"].iloc[place]
        offset, side = ((0, -9), "left") if place == 0 else ((0, 6), "right")
        style = {"xytext": offset, "textcoords": "offset points", "ha": side, "fontsize": NOTE_TEXT}
        axes.annotate(f"without {ordered['left_out'].iloc[place]}", spot, **style)
    axes.margins(y=0.12)
    axes.set(xlabel="patients left out, one at a time", ylabel=ylabel, xticks=[], xlim=(-1, len(ordered)))
    on_two_scales(axes, "y")
    return axes


@axes_level
def residuals(on: Sheet, frame: pd.DataFrame) -> Axes:
    """Draw the residual of each patient over the leverage; the size of a point is Cook's distance.

    Parameters
    ----------
    frame : DataFrame
        `patient, leverage, residual, cook`; the three patients of the largest distances are named.
    """
    axes = on.axes(82)
    look = {"sizes": (8, 90), "color": BLUE, "alpha": 0.7, "legend": False}
    sns.scatterplot(frame, x="leverage", y="residual", size="cook", ax=axes, **look)
    axes.axhline(0, color=INK, lw=0.8)
    far = frame.nlargest(3, "cook").groupby(["leverage", "residual"])["patient"]
    for spot, patients in far:
        style = {"xytext": (5, 3), "textcoords": "offset points", "fontsize": NOTE_TEXT}
        axes.annotate(", ".join(map(str, patients)), spot, **style)
    axes.margins(x=0.1, y=0.12)
    axes.set(xlabel="leverage", ylabel="studentised residual")
    on_two_scales(axes)
    return axes
