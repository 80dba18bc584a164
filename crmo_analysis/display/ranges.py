"""Plots of what numbers can be: how many patients can have two findings, pair by pair or all at once."""

from collections.abc import Mapping

import matplotlib as mpl
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib import ticker
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from crmo_analysis.display.canvas import BLUE, EDGE, MUTED, ORANGE, PAPER, SHADES, ink_on
from crmo_analysis.display.furniture import INSIDE_TEXT, PAIR_TEXT, Rows, Sheet, axes_level
from crmo_analysis.display.lettering import SMALLEST_TEXT, broken_labels
from crmo_analysis.study import describe

THICK = 0.34  # of a row
FORCED = {"facecolor": BLUE, **EDGE}
OPEN = {"facecolor": ORANGE, "hatch": "////", **EDGE}
EXCLUDED = {"facecolor": "none", **EDGE}


@axes_level
def bounds(on: Sheet, frame: pd.DataFrame) -> Axes:
    """Draw how many patients can have both of two findings: one bar a pair, from nobody to the smaller group.

    Parameters
    ----------
    frame : DataFrame
        `first, second, lower, upper, n, is_proved`: what is counted, in words, and how many of n have both. A
        question mark stands beside ends that are not proved.
    """
    y, most = -np.arange(len(frame), dtype=float), float(frame["n"].max())
    kinds = {"in every table": FORCED, "in some tables": OPEN, "in no table": EXCLUDED}
    spans = [frame["lower"], frame["upper"] - frame["lower"], frame["n"] - frame["upper"]]
    seen = [(span > 0).any() for span in spans]
    named = zip(kinds.items(), seen, strict=True)
    legend = [Patch(label=label, **style) for (label, style), is_seen in named if is_seen]
    pairs = [f"{row.first}\nand {describe.in_sentence(row.second)}" for row in frame.itertuples()]
    rows = Rows(y, pairs, [_bounds_text(row) for row in frame.itertuples()], sizes=(PAIR_TEXT, 7))
    axes = on.rows(rows, legend)
    for place, row in zip(y, frame.itertuples(), strict=True):
        ends = (0, row.lower, row.upper, row.n)
        for start, end, style in zip(ends[:-1], ends[1:], kinds.values(), strict=True):
            if end > start:
                axes.barh(place, end - start, THICK, start, **style)
    ticks = ticker.MaxNLocator(5, integer=True).tick_values(0, most)
    ticks = [tick for tick in ticks if tick <= most]
    axes.set(xlim=(0, most * 1.02), xticks=ticks, xlabel="patients with both")
    axes.spines["bottom"].set(bounds=(0, most), color=MUTED)
    on.legend(axes, legend)
    return axes


def _bounds_text(row) -> str:
    text = f"{row.lower:g}" if row.lower == row.upper else f"{row.lower:g} to {row.upper:g}"
    return f"{text} of {row.n:g}{'' if row.is_proved else ' (?)'}"


@axes_level
def overlaps(on: Sheet, frame: pd.DataFrame, counts: Mapping[str, str]) -> Axes:
    """Draw how many patients have both of every two findings, as a heat map: the fewest and the most.

    The colour is how many of the rarer finding are sure to have the other one as well.

    Parameters
    ----------
    frame : DataFrame
        `first, second, lower, upper, n`, one row a pair; n is the size of the smaller group. Findings stand
        in the order of `counts`. A pair that is not there stays empty.
    counts : mapping of str to str
        The findings, and how many have each.
    """
    names = list(counts)
    share = np.full((len(names), len(names)), np.nan)
    texts = np.full(share.shape, "", dtype=object)
    for row in frame.itertuples():
        down, across = sorted((names.index(row.first), names.index(row.second)), reverse=True)
        share[down, across] = row.lower / row.n if row.n else 0
        texts[down, across] = f"{row.lower:g}" if row.lower == row.upper else f"{row.lower:g}–{row.upper:g}"
    y = -np.arange(1, len(names), dtype=float)
    labels = [f"{name} ({counts[name]})" for name in names]
    axes = on.rows(Rows(y, labels[1:], pitch=8.0))
    written = [tick.get_text() for tick in axes.get_yticklabels()]
    few = {"cbar": False, "xticklabels": False, "yticklabels": False, "linewidths": 0.8, "linecolor": PAPER}
    look = {"vmin": 0, "vmax": 1, "cmap": SHADES, "fmt": "", "annot_kws": {"fontsize": INSIDE_TEXT}}
    sns.heatmap(share[1:, :-1], annot=texts[1:, :-1], ax=axes, **look, **few)
    for text in axes.texts:
        x, place = (int(at) for at in text.get_position())
        text.set_color(ink_on(mpl.colors.to_hex(SHADES(share[place + 1, x]))))
    axes.set_yticks(np.arange(len(y)) + 0.5, written, rotation=0, fontsize=7)
    size = {"fontsize": SMALLEST_TEXT, "rotation": 0, "ha": "center"}
    wide = 0.55 * on.width / len(y)
    axes.set_xticks(np.arange(len(y)) + 0.5, broken_labels(labels[:-1], wide, SMALLEST_TEXT), **size)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    shades = [Patch(label=f"{100 * at:g} %", facecolor=SHADES(at), **EDGE) for at in (0.0, 0.5, 1.0)]
    shades[0].set_label("0 % of the rarer one surely have both")
    on.legend(axes, shades)
    return axes
