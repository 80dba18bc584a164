"""Plots of what numbers can be: printed and derived ranges, and how many patients can have two findings."""

import numpy as np
import pandas as pd
from matplotlib import ticker
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from crmo_analysis.display.canvas import BLUE, EDGE, FAINT, MUTED, ORANGE
from crmo_analysis.display.furniture import PAIR_TEXT, Rows, add_legend, axes_level, keys, on_rows

SETTLED = {"color": BLUE, "marker": "D", "ms": 4.4, "ls": "", "zorder": 3}
SOURCES = {"printed": {"facecolor": BLUE}, "derived": {"facecolor": ORANGE, "hatch": "////"}}
THICK = 0.34  # of a row


@axes_level
def ranges(frame: pd.DataFrame, *, title: str = "", subtitle: str = "", ax: Axes | None = None) -> Axes:
    """Draw printed and derived ranges, each on an axis of its own unit, from 0 to its upper end.

    Parameters
    ----------
    frame : DataFrame
        `label, low, high, unit, source`, where source is "printed" or "derived".
    """
    y = -np.arange(len(frame), dtype=float)
    names = {"printed": "printed", "derived": "derived from what is printed"}
    legend = [Patch(label=names[source], **style, **EDGE) for source, style in SOURCES.items()]
    texts = [f"{row.low:g} to {row.high:g} {row.unit}" for row in frame.itertuples()]
    axes = on_rows(ax, Rows(y, frame["label"], texts), (title, subtitle), legend)
    for place, row in zip(y, frame.itertuples(), strict=True):
        axes.plot([0, 1], [place] * 2, color=FAINT, lw=0.6, zorder=0)
        axes.barh(place, 1 - row.low / row.high, THICK, row.low / row.high, **SOURCES[row.source], **EDGE)
    axes.set(xlim=(0, 1.01), xticks=[0, 1], xticklabels=["0", "upper end"])
    add_legend(axes, legend, ax is None)
    return axes


@axes_level
def bounds(frame: pd.DataFrame, *, title: str = "", subtitle: str = "", ax: Axes | None = None) -> Axes:
    """Draw how many patients can have both of two findings: one bar a pair, from the fewest to the most.

    Parameters
    ----------
    frame : DataFrame
        `first, second, lower, upper, n, is_proved`: what is counted, in words, and how many of n have both.
    """
    y, most = -np.arange(len(frame), dtype=float), float(frame["n"].max())
    possible, whole = {"facecolor": ORANGE, **EDGE}, {"facecolor": FAINT, **EDGE}
    legend = [Patch(label="possible: some table has so many", **possible)]
    legend += keys(["settled: every table has"], [SETTLED])
    legend.append(Patch(label="all of the smaller group", **whole))
    pairs = [f"{row.first}\nand {row.second}" for row in frame.itertuples()]
    rows = Rows(y, pairs, [_bounds_text(row) for row in frame.itertuples()], sizes=(PAIR_TEXT, 7))
    axes = on_rows(ax, rows, (title, subtitle), legend)
    for place, row in zip(y, frame.itertuples(), strict=True):
        axes.barh(place, row.n, THICK, **whole)
        if row.lower == row.upper:
            axes.plot(row.lower, place, clip_on=False, **SETTLED)
        else:
            hatch = "" if row.is_proved else "////"
            axes.barh(place, row.upper - row.lower, THICK, row.lower, hatch=hatch, **possible)
    ticks = ticker.MaxNLocator(5, integer=True).tick_values(0, most)
    axes.set(xlim=(0, most * 1.02), xticks=[tick for tick in ticks if tick <= most], xlabel="patients")
    axes.spines["bottom"].set(bounds=(0, most), color=MUTED)
    add_legend(axes, legend, ax is None)
    return axes


def _bounds_text(row) -> str:
    text = f"{row.lower:g}" if row.lower == row.upper else f"{row.lower:g} to {row.upper:g}"
    return f"{text} of {row.n:g}"
