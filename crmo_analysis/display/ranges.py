"""Plots of what numbers can be: how many patients can have two findings."""

import numpy as np
import pandas as pd
from matplotlib import ticker
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from crmo_analysis.display.canvas import BLUE, EDGE, MUTED, ORANGE
from crmo_analysis.display.furniture import PAIR_TEXT, Rows, add_legend, axes_level, on_rows

THICK = 0.34  # of a row
FORCED = {"facecolor": BLUE, **EDGE}
OPEN = {"facecolor": ORANGE, "hatch": "////", **EDGE}
EXCLUDED = {"facecolor": "none", **EDGE}


@axes_level
def bounds(frame: pd.DataFrame, *, title: str = "", subtitle: str = "", ax: Axes | None = None) -> Axes:
    """Draw how many patients can have both of two findings: one bar a pair, from nobody to the smaller group.

    Parameters
    ----------
    frame : DataFrame
        `first, second, lower, upper, n, is_proved`: what is counted, in words, and how many of n have both. A
        question mark stands beside ends that are not proved.
    """
    y, most = -np.arange(len(frame), dtype=float), float(frame["n"].max())
    kinds = {"in every table": FORCED, "in some tables": OPEN, "in no table": EXCLUDED}
    legend = [Patch(label=label, **style) for label, style in kinds.items()]
    pairs = [f"{row.first}\nand {row.second}" for row in frame.itertuples()]
    rows = Rows(y, pairs, [_bounds_text(row) for row in frame.itertuples()], sizes=(PAIR_TEXT, 7))
    axes = on_rows(ax, rows, (title, subtitle), legend)
    for place, row in zip(y, frame.itertuples(), strict=True):
        ends = (0, row.lower, row.upper, row.n)
        for start, end, style in zip(ends[:-1], ends[1:], kinds.values(), strict=True):
            if end > start:
                axes.barh(place, end - start, THICK, start, **style)
    ticks = ticker.MaxNLocator(5, integer=True).tick_values(0, most)
    axes.set(
        xlim=(0, most * 1.02), xticks=[tick for tick in ticks if tick <= most], xlabel="patients with both"
    )
    axes.spines["bottom"].set(bounds=(0, most), color=MUTED)
    add_legend(axes, legend, ax is None)
    return axes


def _bounds_text(row) -> str:
    text = f"{row.lower:g}" if row.lower == row.upper else f"{row.lower:g} to {row.upper:g}"
    return f"{text} of {row.n:g}{'' if row.is_proved else ' (?)'}"
