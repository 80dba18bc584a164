"""Plots of published series: their shares pooled, and those of a cohort beside them."""

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from crmo_analysis.display.canvas import BLUE, FAINT, INK, MUTED, PAPER, VERMILLION, WIDTH, page
from crmo_analysis.display.furniture import (
    LABELS,
    NOTE_TEXT,
    PAIR_TEXT,
    Rows,
    Sheet,
    axes_level,
    grid,
    in_columns,
    interval_rows,
    keys,
)
from crmo_analysis.display.lettering import broken_labels

QUARTERS = range(0, 101, 25)  # percent
HEAD, PAIR_HEAD = 0.95, 0.45  # where headings of columns stand, above the first row
SERIES = {"color": BLUE, "lw": 1.0}
PREDICTED = {"color": VERMILLION, "lw": 1.2}
SIDES = {"published": (BLUE, PAPER), "cohort": (VERMILLION, VERMILLION)}
CIRCLE = {"marker": "o", "ms": 3.8}
DUMBBELL_WIDTH = 170.0  # millimetres, in which a row's numbers stand on one line
DUMBBELL = ("section", "label", "published", "published_low", "published_high")
DUMBBELL += ("cohort", "cohort_low", "cohort_high", "published_text", "cohort_text", "difference_text")


@axes_level
def pooled_forest(on: Sheet, frame: pd.DataFrame, pooled: pd.DataFrame, *, below: str = "") -> Axes:
    """Draw the shares of some series with exact intervals, and below them pooled shares.

    Parameters
    ----------
    frame : DataFrame
        `label, x, n, share, low, high, most, weight, text`; a count that is a smallest one has an arrow to
        `most`.
    pooled : DataFrame
        `label, n, estimate, ci_low, ci_high, pi_low, pi_high, text`, in percent.
    below : str
        A line on the spread between series.
    """
    y, under = -np.arange(len(frame), dtype=float), -len(frame) - 0.4 - np.arange(len(pooled))
    weights = [f"{100 * weight:.0f} %" if len(frame) > 1 else "" for weight in frame["weight"]]
    shares = ["share, % (interval)", *frame["text"], *pooled["text"]]
    texts = in_columns(shares, ["weight", *weights, *[""] * len(pooled)], size=NOTE_TEXT)
    labels = [f"{row.label}  {row.x}/{row.n}" for row in frame.itertuples()]
    rows = Rows([HEAD, *y, *under], ["series, x/n", *labels, *pooled["label"]], texts, sizes=(7, NOTE_TEXT))
    names = ("a series, exact interval", "pooled, interval", "where another series would lie")
    diamond = {"color": INK, "marker": "D", "ms": 4, "ls": ""}
    legend = keys(names, ({**SERIES, "marker": "s", "ms": 4}, diamond, PREDICTED))
    axes = on.rows(rows, legend)
    _draw_series(axes, frame, y)
    _draw_pooled(axes, pooled, under)
    axes.set(xlim=(0, 100), xticks=QUARTERS if on.width >= WIDTH else [0, 50, 100])
    on.name_x(axes, "patients with the outcome, %", below, share=0.62)
    axes.axhline(-len(frame) + 0.3, color=MUTED, lw=0.5)
    grid(axes, "x")
    on.legend(axes, legend)
    return axes


def _draw_series(axes: Axes, frame: pd.DataFrame, y: np.ndarray) -> None:
    axes.hlines(y, 100 * frame["low"], 100 * frame["high"], zorder=2, **SERIES)
    sizes = 8 + 30 * frame["weight"] / max(frame["weight"].max(), 1e-9)
    axes.scatter(100 * frame["share"], y, s=sizes, marker="s", color=BLUE, lw=0, zorder=3, clip_on=False)
    for place, row in zip(y, frame.itertuples(), strict=True):
        if row.most > row.share:
            ends = {"xy": (100 * row.most, place + 0.34), "xytext": (100 * row.share, place + 0.34)}
            arrow = {"arrowstyle": "->", "color": VERMILLION, "lw": 0.8, "shrinkA": 0, "shrinkB": 0}
            axes.annotate("", **ends, arrowprops=arrow)


def _draw_pooled(axes: Axes, pooled: pd.DataFrame, y: np.ndarray) -> None:
    for place, row in zip(y, pooled.itertuples(), strict=True):
        axes.hlines(place, row.pi_low, row.pi_high, zorder=2, **PREDICTED)
        across, along = (row.ci_low, row.estimate, row.ci_high, row.estimate), (0, 0.28, 0, -0.28)
        corners = list(zip(across, place + np.array(along), strict=True))
        axes.add_patch(mpl.patches.Polygon(corners, closed=True, color=INK, lw=0, zorder=3))


@axes_level
def dumbbell(on: Sheet, frame: pd.DataFrame) -> Axes:
    """Draw published shares beside those of a cohort, joined by a bar, with their intervals and numbers.

    Parameters
    ----------
    frame : DataFrame
        The columns `DUMBBELL`, top to bottom: shares and their intervals between 0 and 1, those of the cohort
        missing where they are withheld, and the texts beside them. Headings stand where `section` changes; a
        label may have two lines.
    """
    width = DUMBBELL_WIDTH if page().width == WIDTH else page().width
    wide = width if on.is_page else on.width
    labels = broken_labels(frame["label"], LABELS * wide, PAIR_TEXT)
    begins = (frame["section"] != frame["section"].shift()).to_numpy()
    heights = 1 + 0.55 * np.array([label.count("\n") for label in labels])
    ends = np.cumsum(heights + 1.2 * begins)
    y = heights / 2 - ends
    heads = dict(zip((y + heights / 2 + 0.5)[begins], frame["section"][begins], strict=True))
    texts = _beside_pairs(frame, wide)
    rows = Rows([PAIR_HEAD, *y], ["", *labels], texts, heads, LABELS, (PAIR_TEXT, NOTE_TEXT), "right", 5.4)
    legend = _dumbbell_legend(frame)
    axes = on.rows(rows, legend, wide)
    _draw_pairs(axes, 100 * frame[[*DUMBBELL[2:8]]].astype(float), y)
    axes.set(xlim=(0, 100), ylim=(-ends[-1] - 0.3, 1.1), xticks=QUARTERS, xlabel="patients, %")
    grid(axes, "x")
    on.legend(axes, legend, 2.4)
    return axes


def _draw_pairs(axes: Axes, percent: pd.DataFrame, y: np.ndarray) -> None:
    places = {"published": y + 0.16, "cohort": y - 0.16}
    axes.plot([percent[side] for side in SIDES], [*places.values()], color=FAINT, lw=2.6, zorder=1)
    for side, (colour, fill) in SIDES.items():
        numbers = [percent[f"{side}{end}"] for end in ("", "_low", "_high")]
        point = {**CIRCLE, "color": colour, "mfc": fill, "mew": 0.9, "clip_on": False}
        interval_rows(axes, places[side], numbers, {"color": colour, "lw": 0.8}, point)


def _dumbbell_legend(frame: pd.DataFrame) -> list:
    styles = {
        "published": {**CIRCLE, "color": BLUE, "mfc": PAPER, "mew": 0.9, "lw": 0.8},
        "this cohort": {**CIRCLE, "color": VERMILLION, "lw": 0.8},
    }
    if frame["cohort"].isna().any():
        styles["withheld, as counts are small"] = {"color": INK, "marker": "_", "ms": 3.5, "ls": ""}
    return keys(styles, styles.values())


def _beside_pairs(frame: pd.DataFrame, wide: float) -> list[str]:
    """Return numbers beside rows: on one line, or, with little room, the difference below the counts."""
    columns = [["published", *frame["published_text"]], ["cohort", *frame["cohort_text"]]]
    difference = ["difference", *frame["difference_text"]]
    if wide >= DUMBBELL_WIDTH:
        return in_columns(*columns, difference, size=NOTE_TEXT)
    both = in_columns(*columns, size=NOTE_TEXT)
    return [f"{counts}\n{text}".rstrip() for counts, text in zip(both, difference, strict=True)]
