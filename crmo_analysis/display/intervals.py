"""Plots of rows of intervals: shares with x/n, and effects with their numbers."""

import numpy as np
import pandas as pd
from matplotlib import transforms
from matplotlib.axes import Axes

from crmo_analysis.display.canvas import (
    BLUE,
    INK,
    MUTED,
    PAPER,
    SKY,
    WIDTH,
    blank,
    fitted_labels,
    left_labels,
    page,
    scaled,
    text_width,
)
from crmo_analysis.display.furniture import (
    ABOVE_LINES,
    BESIDE_TEXT,
    HEADING_TEXT,
    LABELS,
    MARGIN,
    NOTE_TEXT,
    WIDE_LABELS,
    across,
    axes_level,
    beside_rows,
    columns_of,
    given,
    grid,
    interval_rows,
    keys,
    legend_below,
    name_rows,
    page_legend,
    room,
)

EXACT, WILSON = {"color": SKY, "lw": 4}, {"color": BLUE, "lw": 0.9}
CAP = {"color": BLUE, "marker": "|", "ms": 4}
DOT = {"color": INK, "marker": "o", "ms": 3.6}
BESIDE = 103  # percent, where x/n begins on a page


@axes_level
def proportion_intervals(
    frame: pd.DataFrame, *, title: str = "", subtitle: str = "", ax: Axes | None = None
) -> Axes:  # fmt: skip
    """Draw shares with exact (thick) and Wilson (thin, capped) 95 % intervals, x/n beside each.

    Parameters
    ----------
    frame : DataFrame
        `label, x, n, share, exact_low, exact_high, wilson_low, wilson_high`, top to bottom; a column
        `section` sets headings where it changes.
    """
    sections = frame["section"] if "section" in frame else pd.Series([""] * len(frame))
    begins = ((sections != sections.shift()) & (sections != "")).to_numpy()
    y = -np.cumsum(np.where(begins, 2.0, 1.0))
    heads = dict(zip(y[begins] + 1, sections[begins], strict=True))
    counts = [f"{x}/{n}" for x, n in zip(frame["x"], frame["n"], strict=True)]
    names = ("share", "exact 95 % interval (Clopper-Pearson)", "Wilson 95 % interval")
    legend = keys(names, ({**DOT, "ls": ""}, EXACT, {**WILSON, **CAP}))
    if ax is None:
        rows = frame.assign(y=y, text=counts)
        axes = _shares_page(rows, heads, legend, (title, subtitle))
    else:
        axes = given(ax)
    _draw_shares(axes, 100 * frame[["share", "exact_low", "exact_high", "wilson_low", "wilson_high"]], y)
    if ax is not None:
        name_rows(axes, y, frame["label"], heads=heads, share=WIDE_LABELS)
        beside_rows(axes, y, counts)
        axes.set_xlim(0, 100)
        legend_below(axes, legend)
    axes.set_ylim(y[-1] - 0.8, -0.3)
    return axes


def _draw_shares(axes: Axes, percent: pd.DataFrame, y: np.ndarray) -> None:
    exact, wilson = [[percent[f"{name}_{end}"] for end in ("low", "high")] for name in ("exact", "wilson")]
    axes.hlines(y, *exact, zorder=2, **EXACT)
    point = {**DOT, "mec": PAPER, "mew": 0.5, "zorder": 4, "clip_on": False}
    interval_rows(axes, y, (percent["share"], *wilson), {**WILSON, "zorder": 3}, point)
    for end in wilson:
        axes.plot(end, y, ls="", zorder=3, **CAP)
    axes.set(xticks=range(0, 101, 20), xlabel="patients, %")
    axes.spines["bottom"].set_bounds(0, 100)
    axes.tick_params(axis="y", pad=3)
    grid(axes, "x")


def _shares_page(rows: pd.DataFrame, heads: dict, legend: list, titles: tuple[str, str]) -> Axes:
    """Make a page, and write around its axes all that stands beside the rows."""
    labels, lines = left_labels(rows["label"], 0.41)
    ncols, more = columns_of(legend)
    height = 32 + more + 5.2 * (1 + 0.5 * (lines - 1)) * float(-rows["y"].iloc[-1])
    figure, axes = blank(height, *titles, left=0.41, bottom=15 + more)
    wide = axes.get_position().width * page().width
    beside = max(text_width(text, BESIDE_TEXT) for text in rows["text"])
    narrow = max(112, BESIDE / (1 - (beside + 1 - 0.03 * page().width) / wide))
    for place, text in zip(rows["y"], rows["text"], strict=True):
        style = {"va": "center", "ha": "left", "fontsize": BESIDE_TEXT, "color": INK, "zorder": ABOVE_LINES}
        axes.text(BESIDE, place, text, **style)
    for place, name in heads.items():
        style = {"va": "center", "color": BLUE, "fontsize": HEADING_TEXT, "zorder": ABOVE_LINES}
        axes.text(MARGIN, place, name, transform=across(axes), **style)
    axes.set(xlim=(0, 112 if page().width >= WIDTH else narrow), yticks=rows["y"], yticklabels=labels)
    page_legend(figure, legend, ncols)
    return axes


@axes_level
def forest(
    frame: pd.DataFrame,
    *,
    title: str = "",
    subtitle: str = "",
    xlabel: str = "",
    null: float = 0.0,
    ax: Axes | None = None,
) -> Axes:
    """Draw estimates with their intervals, one row each, and the numbers beside them.

    Parameters
    ----------
    frame : DataFrame
        `label, n, estimate, ci_low, ci_high, text`; a missing estimate is said in `text` only.
    xlabel : str
        What is estimated.
    null : float
        Where there is no relation.
    """
    y = -np.arange(len(frame), dtype=float)
    if ax is None:
        axes = _forest_page(frame, y, (title, subtitle))
    else:
        axes = given(ax)
        texts, wide = fitted_labels(frame["text"], LABELS * room(axes)[0], NOTE_TEXT)
        name_rows(axes, y, frame["label"], share=min(WIDE_LABELS, 2 * LABELS - wide / room(axes)[0]))
        beside_rows(axes, y, texts, NOTE_TEXT)
    axes.axvline(null, color=MUTED, lw=0.7, zorder=1)
    point = {"color": INK, "ms": 3.8, "mec": PAPER, "mew": 0.5}
    numbers = [frame[name] for name in ("estimate", "ci_low", "ci_high")]
    interval_rows(axes, y, numbers, {"color": BLUE, "lw": 1.2}, point)
    axes.set(ylim=(y[-1] - 0.6, 0.6), xlabel=xlabel)
    grid(axes, "x")
    return axes


def _forest_page(frame: pd.DataFrame, y: np.ndarray, titles: tuple[str, str]) -> Axes:
    labels, left = fitted_labels(frame["label"], scaled(50))
    texts, right = fitted_labels(frame["text"], scaled(56), NOTE_TEXT)
    lines = sum(max(a.count("\n"), b.count("\n")) + 1 for a, b in zip(labels, texts, strict=True))
    _, axes = blank(28 + 5.4 * len(frame) + 2.6 * (lines - len(frame)), *titles, bottom=11)
    box, left, right = axes.get_position(), (left + 4) / page().width, (right + 5) / page().width
    axes.set_position([left, box.y0, 1 - left - right, box.height])
    beside = 1 + min(0.04, 4.7 / ((1 - left - right) * page().width))  # within the 5 mm kept for it
    side = transforms.blended_transform_factory(axes.transAxes, axes.transData)
    for place, text in zip(y, texts, strict=True):
        style = {"va": "center", "fontsize": NOTE_TEXT, "color": INK, "zorder": ABOVE_LINES}
        axes.text(beside, place, text, transform=side, **style)
    axes.set(yticks=y, yticklabels=labels)
    return axes
