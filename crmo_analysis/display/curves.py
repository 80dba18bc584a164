"""Plots on two scales: curves, patients as points, the influence of each, and all specifications."""

from collections.abc import Sequence
from itertools import cycle

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib import ticker
from matplotlib.axes import Axes

from crmo_analysis.display.canvas import (
    BLUE,
    FAINT,
    GREEN,
    INK,
    MILLIMETRE,
    MUTED,
    ORANGE,
    PAPER,
    PURPLE,
    SKY,
    VERMILLION,
    blank,
    fitted_labels,
    height_of,
    page,
    scaled,
)
from crmo_analysis.display.furniture import (
    BAND,
    INSIDE_TEXT,
    LABELS,
    LINE,
    NOTE_TEXT,
    USUAL_SHARE,
    axes_level,
    beside_rows,
    given,
    grid,
    name_rows,
    room,
    scale_on_the_left,
)

LINES = [BLUE, VERMILLION, GREEN, PURPLE]
DASHES = ["-", (0, (5, 2)), (0, (1.5, 1.5)), (0, (6, 1.5, 1.5, 1.5))]
APART = 0.05  # of the height of curves, from a label to the next
GOLDEN_ANGLE = 2.4  # radians
MODEL_COLOURS = {"linear": BLUE, "poisson": ORANGE, "negative_binomial": VERMILLION}
MODEL_COLOURS |= {"ordinal": GREEN, "firth": SKY}
CHOICES = {"model": "", "outcome": "", "adjusted_for": "adjusted for ", "left_out": "left out: "}
CURVE = 38  # millimetres that a specification curve is high
QUANTILE = 1.96  # of the normal distribution, for 95 %


@axes_level
def curves(
    frame: pd.DataFrame,
    x: str,
    y: str,
    by: str,
    *,
    title: str = "",
    subtitle: str = "",
    xlabel: str = "",
    ylabel: str = "",
    ax: Axes | None = None,
) -> Axes:
    """Draw one labelled line for each value of `by`; the label stands at the end of its line.

    Parameters
    ----------
    frame : DataFrame
        One row a point, in the order of its line; columns `low` and `high`, where there are any, give a band.
    x, y, by : str
        Columns: of the two scales, and of what the lines are called.
    xlabel, ylabel : str
        What to call the scales, other than as their columns.
    """
    lines = list(frame.groupby(by, sort=False))
    names = [str(name) for name, _ in lines]
    if ax is None:
        _, axes = blank(85, title, subtitle, left=0.1)
        names, wide = fitted_labels(names, scaled(34))
        box = axes.get_position()
        axes.set_position([box.x0, box.y0, 1 - box.x0 - (wide + 4) / page().width, box.height])
        apart = APART
    else:
        axes = given(ax)
        names, _ = fitted_labels(names, LABELS * room(axes)[0])
        apart = max(APART, LINE / 72 / MILLIMETRE / (USUAL_SHARE * room(axes)[1]))
    inks = [LINES[place % len(LINES)] for place in range(len(lines))]
    for (_, line), colour, style in zip(lines, inks, cycle(DASHES), strict=False):
        axes.plot(line[x], line[y], color=colour, ls=style, lw=1.4)
        if "low" in line:
            axes.fill_between(line[x], line["low"], line["high"], color=colour, **BAND)
    places, heights = _ends(lines, y, names, apart * float(frame[y].max() - frame[y].min()))
    labels, colours = [names[place] for place in places], [inks[place] for place in places]
    if ax is None:
        for place, height, text, colour in zip(places, heights, labels, colours, strict=True):
            text = " " + text.replace("\n", "\n ")
            axes.text(lines[place][1][x].iloc[-1], height, text, color=colour, va="center", fontsize=7)
    else:
        axes.margins(x=0.01)
        for label, colour in zip(beside_rows(axes, heights, labels, 7), colours, strict=True):
            label.set_color(colour)
    axes.set(xlabel=xlabel or x, ylabel=ylabel or y)
    scale_on_the_left(axes)
    grid(axes)
    return axes


def _ends(lines: list, y: str, names: list[str], apart: float) -> tuple[list[int], list[float]]:
    """Return lines from the highest end to the lowest, and how high their labels stand.

    A label stands at its line's end, or below it as far as the labels above need.
    """
    top = max(float(line[y].max()) for _, line in lines)
    ends = sorted(((float(line[y].iloc[-1]), place) for place, (_, line) in enumerate(lines)), reverse=True)
    heights = []
    for end, place in ends:
        heights.append(min(end, top))
        top = heights[-1] - apart * (names[place].count("\n") + 1)
    return [place for _, place in ends], heights


@axes_level
def scatter(
    frame: pd.DataFrame,
    x: str,
    y: str,
    *,
    title: str = "",
    subtitle: str = "",
    xlabel: str = "",
    ylabel: str = "",
    line: pd.DataFrame | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw one point a patient; patients with the same values are moved apart a little, in a fixed way.

    Parameters
    ----------
    frame : DataFrame
        One row a patient.
    x, y : str
        Columns.
    xlabel, ylabel : str
        What to call the scales, other than as their columns.
    line : DataFrame, optional
        A fit with its interval, from `severity.linear_fit`.
    """
    axes = blank(90, title, subtitle, left=0.1)[1] if ax is None else given(ax)
    if line is not None and len(line):
        axes.fill_between(line["x"], line["low"], line["high"], color=SKY, **BAND)
        axes.plot(line["x"], line["fit"], color=INK, lw=1)
    together = frame.groupby([x, y]).cumcount()
    angle = GOLDEN_ANGLE * together  # spreads points of a heap evenly
    step = 0.12 * np.sqrt(together)
    style = {"color": BLUE, "ms": 4, "mec": PAPER, "mew": 0.4, "alpha": 0.85}
    axes.plot(frame[x] + step * np.cos(angle), frame[y] + step * np.sin(angle), "o", **style)
    axes.set(xlabel=xlabel or x, ylabel=ylabel or y)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(ticker.MaxNLocator(integer=True))
    scale_on_the_left(axes)
    grid(axes)
    return axes


@axes_level
def influence(
    frame: pd.DataFrame,
    with_all: float,
    *,
    title: str = "",
    subtitle: str = "",
    ylabel: str = "",
    ax: Axes | None = None,
) -> Axes:
    """Draw the estimate without each patient, ordered, beside the estimate with all.

    Parameters
    ----------
    frame : DataFrame
        `left_out, estimate`.
    with_all : float
        The estimate with all patients.
    ylabel : str
        What is estimated.
    """
    axes = blank(75, title, subtitle, left=0.11)[1] if ax is None else given(ax)
    ordered = frame.dropna(subset=["estimate"]).sort_values("estimate", kind="stable").reset_index(drop=True)
    axes.axhline(with_all, color=INK, lw=0.8)
    axes.vlines(ordered.index, with_all, ordered["estimate"], color=SKY, lw=1)
    axes.plot(ordered.index, ordered["estimate"], "o", color=BLUE, ms=3)
    axes.text(len(ordered) + 1.8, with_all, "all", va="bottom", ha="right", fontsize=INSIDE_TEXT, color=INK)
    for place in {0, len(ordered) - 1} if len(ordered) else set():
        row = ordered.iloc[place]
        offset, side = ((0, -8), "left") if place == 0 else ((0, 6), "right")
        style = {"xytext": offset, "textcoords": "offset points", "ha": side, "fontsize": NOTE_TEXT}
        axes.annotate(f"without {row.left_out}", (place, row.estimate), **style)
    axes.margins(y=0.18)
    axes.set(xlabel="patients left out, one at a time", ylabel=ylabel, xticks=[], xlim=(-1, len(ordered) + 2))
    axes.spines["left"].set_visible(True)
    grid(axes, "y")
    return axes


@axes_level
def residuals(frame: pd.DataFrame, *, title: str = "", subtitle: str = "", ax: Axes | None = None) -> Axes:
    """Draw the residual of each patient over the leverage; the size of a point is Cook's distance.

    Parameters
    ----------
    frame : DataFrame
        `patient, leverage, residual, cook`; the three patients of the largest distances are named.
    """
    axes = blank(80, title, subtitle, left=0.11)[1] if ax is None else given(ax)
    sns.scatterplot(
        frame,
        x="leverage",
        y="residual",
        size="cook",
        sizes=(8, 90),
        ax=axes,
        color=BLUE,
        alpha=0.7,
        legend=False,
    )
    axes.axhline(0, color=INK, lw=0.8)
    for row in frame.nlargest(3, "cook").itertuples():
        style = {"xytext": (5, 3), "textcoords": "offset points", "fontsize": NOTE_TEXT}
        axes.annotate(f"{row.patient}", (row.leverage, row.residual), **style)
    axes.margins(x=0.1, y=0.12)
    axes.set(xlabel="leverage", ylabel="studentised residual")
    scale_on_the_left(axes)
    grid(axes)
    return axes


@axes_level
def specification_curve(
    frame: pd.DataFrame, *, title: str = "", subtitle: str = "", ax: Axes | None = None
) -> Axes:  # fmt: skip
    """Draw all specifications of a question in the order of their score statistics, and what each one chose.

    Parameters
    ----------
    frame : DataFrame
        `z, model, outcome, adjusted_for, left_out`, from the lowest z to the highest.
    """
    found = {kind: list(dict.fromkeys(frame[kind])) for kind in CHOICES}
    choices = [(kind, value) for kind, values in found.items() if len(values) > 1 for value in values]
    names = [f"{CHOICES[kind]}{value}".replace("_", " ") for kind, value in choices]
    if ax is None:
        axes = _specifications_page(frame, choices, names, (title, subtitle))
    else:
        axes = _specifications_given(ax, frame, choices, names)
    axes.axhspan(-QUANTILE, QUANTILE, color=FAINT, alpha=0.6, lw=0)
    axes.axhline(0, color=MUTED, lw=0.7)
    colours = [MODEL_COLOURS.get(model, INK) for model in frame["model"]]
    axes.scatter(np.arange(len(frame)), frame["z"], c=colours, s=14, zorder=3, linewidths=0)
    axes.set(xlim=(-0.7, len(frame) - 0.3))
    return axes


def _specifications_page(
    frame: pd.DataFrame, choices: Sequence, names: Sequence[str], titles: tuple[str, str]
) -> Axes:  # fmt: skip
    """Make a page, and draw on axes of their own below what each specification chose."""
    names, left = fitted_labels(names, scaled(62))
    left, step = max(0.11, (left + 4) / page().width), 4.2 if all("\n" not in name for name in names) else 6.4
    figure, axes = blank(70 + step * len(choices), *titles, bottom=8)
    height = height_of(figure)
    axes.set_position([left, (14 + step * len(choices)) / height, 0.97 - left, CURVE / height])
    axes.set(ylabel="score statistic z", xticks=[])
    axes.spines["left"].set_visible(True)
    below = figure.add_axes((left, 8 / height, 0.97 - left, step * len(choices) / height), sharex=axes)
    rows = -np.arange(len(choices))
    _draw_choices(below, frame, choices, rows)
    below.set(yticks=rows, yticklabels=names, ylim=(-len(choices) + 0.4, 0.6))
    below.tick_params(axis="x", length=0, labelbottom=False)
    below.set_xlabel("specifications, by their statistic")
    below.spines[:].set_visible(False)
    return axes


def _draw_choices(axes: Axes, frame: pd.DataFrame, choices: Sequence, rows: np.ndarray) -> None:
    x = np.arange(len(frame))
    for row, (kind, value) in zip(rows, choices, strict=True):
        chosen = (frame[kind] == value).to_numpy()
        axes.plot(x[~chosen], np.full((~chosen).sum(), row), "|", color=FAINT, ms=4)
        axes.plot(x[chosen], np.full(chosen.sum(), row), "|", color=INK, ms=6, mew=1.1)


def _specifications_given(ax: Axes, frame: pd.DataFrame, choices: Sequence, names: Sequence[str]) -> Axes:
    """Draw below the curve, on the same axes, what each specification chose."""
    axes = given(ax)
    low, high = min(frame["z"].min(), -QUANTILE), max(frame["z"].max(), QUANTILE)
    step = 4.2 * (high - low) / CURVE
    rows = low - step * (1.5 + np.arange(len(choices)))
    _draw_choices(axes, frame, choices, rows)
    ticks = [tick for tick in ticker.MaxNLocator(5).tick_values(low, high) if low <= tick <= high]
    name_rows(axes, [*ticks, *rows], [*(f"{tick:g}" for tick in ticks), *names], NOTE_TEXT)
    axes.text(-0.5, high + step, "score statistic z", va="center", color=INK, fontsize=7)
    axes.set(ylim=(low - step * (len(rows) + 1.5), high + 2 * step), xticks=[])
    axes.set_xlabel("specifications, by their statistic")
    return axes
