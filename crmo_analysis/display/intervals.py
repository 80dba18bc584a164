"""Plots of rows of intervals: shares with x/n, and effects with their numbers."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from crmo_analysis.display.canvas import BLUE, INK, MUTED, PAPER
from crmo_analysis.display.furniture import (
    LABELS,
    NOTE_TEXT,
    WIDE_LABELS,
    Rows,
    Sheet,
    axes_level,
    grid,
    interval_rows,
    sectioned,
)
from crmo_analysis.display.lettering import broken_labels, text_width

LINE = {"color": BLUE, "lw": 1.4}
DOT = {"color": INK, "ms": 3.8, "mec": PAPER, "mew": 0.5, "clip_on": False, "zorder": 4}


@axes_level
def proportion_intervals(on: Sheet, frame: pd.DataFrame) -> Axes:
    """Draw shares with their exact 95 % intervals (Clopper and Pearson's), x/n beside each.

    Parameters
    ----------
    frame : DataFrame
        `label, x, n, share, exact_low, exact_high`, top to bottom; a column `section` sets headings where it
        changes.
    """
    y, heads = sectioned(frame["section"] if "section" in frame else [""] * len(frame))
    counts = [f"{x}/{n}" for x, n in zip(frame["x"], frame["n"], strict=True)]
    axes = on.rows(Rows(y, frame["label"], counts, heads))
    numbers = [100 * frame[name] for name in ("share", "exact_low", "exact_high")]
    interval_rows(axes, y, numbers, LINE, DOT)
    axes.set(xlim=(0, 100), xticks=range(0, 101, 20))
    on.name_x(axes, "patients, %, with exact 95 % interval (Clopper-Pearson)")
    grid(axes, "x")
    return axes


@axes_level
def forest(
    on: Sheet,
    frame: pd.DataFrame,
    *,
    xlabel: str = "",
    null: float = 0.0,
    xlim: tuple[float, float] | None = None,
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
    xlim : pair of float, optional
        Ends of the scale, where it has any.
    """
    y = -np.arange(len(frame), dtype=float)
    wide = on.width
    beside = max((text_width(text, NOTE_TEXT) for text in frame["text"]), default=0) / wide
    is_long = beside > LABELS + 0.05
    texts = broken_labels(frame["text"], LABELS * wide, NOTE_TEXT) if is_long else frame["text"]
    share = min(WIDE_LABELS, 0.62 - min(beside, LABELS + 0.05))
    rows = Rows(y, frame["label"], texts, share=share, sizes=(7, NOTE_TEXT))
    axes = on.rows(rows)
    axes.axvline(null, color=MUTED, lw=0.7, zorder=1)
    interval_rows(axes, y, [frame[name] for name in ("estimate", "ci_low", "ci_high")], LINE, DOT)
    axes.set(xlim=xlim)
    on.name_x(axes, xlabel)
    grid(axes, "x")
    return axes
