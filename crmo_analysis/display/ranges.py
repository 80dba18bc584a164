"""Plots of what numbers can be: printed and derived ranges, and how many patients can have two findings."""

import numpy as np
import pandas as pd
from matplotlib import ticker
from matplotlib.axes import Axes

from crmo_analysis.display.canvas import BLUE, FAINT, INK, ORANGE, WIDTH, blank, left_labels, page
from crmo_analysis.display.furniture import (
    BAR,
    CORNER,
    DASHED,
    KEY_BAR,
    MARGIN,
    PAIR_TEXT,
    WIDE_LABELS,
    across,
    axes_level,
    beside_rows,
    columns_of,
    given,
    keys,
    legend_below,
    name_rows,
    page_legend,
)

LEFT = 0.43  # of the usual page, left of pairs
PITCH = 8.4  # millimetres from a pair to the next
SETTLED = {"color": BLUE, "marker": "D", "ms": 4.4, "ls": ""}


@axes_level
def ranges(frame: pd.DataFrame, *, title: str = "", subtitle: str = "", ax: Axes | None = None) -> Axes:
    """Draw printed and derived ranges, each on an axis of its own unit.

    Parameters
    ----------
    frame : DataFrame
        `label, low, high, unit, source`, where source is "printed" or "derived".
    """
    y = -np.arange(len(frame))
    printed, derived = {"color": BLUE, "lw": KEY_BAR}, {"color": ORANGE, "lw": KEY_BAR, "ls": DASHED}
    legend = keys(("printed", "derived from what is printed"), (printed, derived))
    if ax is None:
        labels, _ = left_labels(frame["label"], 0.33)
        figure, axes = blank(24 + 11 * len(frame), title, subtitle, left=0.33)
    else:
        axes = given(ax)
    for place, row in zip(y, frame.itertuples(), strict=True):
        ends = (row.low / row.high, 1.0)
        style = {"color": ORANGE, "ls": DASHED} if row.source == "derived" else {"color": BLUE, "ls": "-"}
        axes.plot(ends, [place] * 2, **BAR, **style)
        axes.plot([0, 1], [place] * 2, color=FAINT, lw=0.6, zorder=0)
        texts = (f"{row.low:g}", f"{row.high:g} {row.unit}" if ax is None else f"{row.high:g}")
        for end, text in zip(ends, texts, strict=True):
            _write_above(axes, end, place, text, ax is None)
    axes.set(xlim=(0, 1.12), ylim=(-len(frame) + 0.4, 0.75), xticks=[])
    axes.spines["bottom"].set_visible(False)
    if ax is not None:
        name_rows(axes, y, frame["label"])
        beside_rows(axes, y, frame["unit"])
        legend_below(axes, legend)
        return axes
    axes.set(yticks=y, yticklabels=labels)
    place = {"loc": "upper left", "bbox_to_anchor": (-0.02, -0.02)}
    if page().width < WIDTH:
        place = {**CORNER, "bbox_transform": figure.transFigure}
    axes.legend(handles=legend, ncols=2, **place)
    return axes


def _write_above(axes: Axes, x: float, y: float, text: str, is_page: bool) -> None:
    style = {"ha": "center", "va": "bottom", "fontsize": 7}
    if is_page:
        axes.text(x, y + 0.24, text, **style)
    else:
        axes.annotate(text, (x, y), xytext=(0, 4), textcoords="offset points", **style)


@axes_level
def bounds(frame: pd.DataFrame, *, title: str = "", subtitle: str = "", ax: Axes | None = None) -> Axes:
    """Draw how many patients can have both of two findings: one bar a pair, from the fewest to the most.

    Parameters
    ----------
    frame : DataFrame
        `first, second, lower, upper, n, is_proved`: what is counted, in words, and how many of n have both.
    """
    y, most = -np.arange(len(frame)), float(frame["n"].max())
    texts = [_bounds_text(row) for row in frame.itertuples()]
    names = ("possible: some table has so many", "settled: every table has", "all of the smaller group")
    styles = ({"color": ORANGE, "lw": KEY_BAR}, SETTLED, {"color": FAINT, "lw": KEY_BAR})
    legend = keys(names, styles)
    if ax is None:
        axes, step = _bounds_page(frame, legend, (title, subtitle))
    else:
        axes = given(ax)
    for place, text, row in zip(y, texts, frame.itertuples(), strict=True):
        _draw_bounds(axes, row, place)
        if ax is None:
            axes.text(row.n, place, f"   {text}", va="center", ha="left", fontsize=7, color=INK)
            _write_pair(axes, _lines(row), place, step)
    if ax is not None:
        pairs = [f"{row.first}\nand {row.second}" for row in frame.itertuples()]
        name_rows(axes, y, pairs, PAIR_TEXT, share=WIDE_LABELS)
        beside_rows(axes, y, texts)
        axes.set_xlim(0, most)
    ticks = ticker.MaxNLocator(5, integer=True).tick_values(0, most)
    axes.set_xticks([tick for tick in ticks if tick <= most])
    axes.set(ylim=(-len(frame) + 0.4, 0.45), xlabel="patients")
    axes.spines["bottom"].set_bounds(0, most)
    if ax is not None:
        legend_below(axes, legend)
    return axes


def _bounds_text(row) -> str:
    text = f"{row.lower:g}" if row.lower == row.upper else f"{row.lower:g} to {row.upper:g}"
    return f"{text} of {row.n:g}"


def _draw_bounds(axes: Axes, row, place: float) -> None:
    axes.plot([0, row.n], [place] * 2, color=FAINT, zorder=1, **BAR)
    if row.lower == row.upper:
        axes.plot(row.lower, place, zorder=3, clip_on=False, **SETTLED)
    else:
        style = {"color": ORANGE, "ls": "-" if row.is_proved else DASHED, **BAR}
        axes.plot([row.lower, row.upper], [place] * 2, **style)


def _lines(row) -> list[str]:
    """Break what a pair is called into the lines that stand left of it on a page."""
    broken = [left_labels([text], LEFT, PAIR_TEXT)[0][0] for text in (row.first, f"and {row.second}")]
    return "\n".join(broken).split("\n")


def _write_pair(axes: Axes, lines: list[str], place: float, step: float) -> None:
    style = {"va": "center", "fontsize": PAIR_TEXT, "color": INK, "transform": across(axes)}
    for number, line in enumerate(lines):
        axes.text(MARGIN, place + step * ((len(lines) - 1) / 2 - number), line, **style)


def _bounds_page(frame: pd.DataFrame, legend: list, titles: tuple[str, str]) -> tuple[Axes, float]:
    """Make a page; return its axes, and how far apart lines of text are in their data."""
    pitch = PITCH + 3 * (max((len(_lines(row)) for row in frame.itertuples()), default=2) - 2)
    ncols, more = columns_of(legend, 3, 1.6, 2)
    figure, axes = blank(26 + more + pitch * len(frame), *titles, left=LEFT, bottom=14 + more)
    wide = axes.get_position().width * page().width
    beside = 1.3 if page().width >= WIDTH else wide / (wide - 17.4)
    axes.set(xlim=(0, beside * float(frame["n"].max())), yticks=[])
    page_legend(figure, legend, ncols, 2)
    return axes, 0.4 * PITCH / pitch
