"""Plots of verdicts on printed numbers: each claim, and how percentages were rounded."""

from collections.abc import Mapping
from itertools import cycle

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from crmo_analysis.display.canvas import (
    BLUE,
    EDGE,
    GREEN,
    INK,
    MUTED,
    PAPER,
    PURPLE,
    VERDICT_COLOURS,
    VERDICT_SIGNS,
    VERMILLION,
    WIDTH,
    ink_on,
    page,
)
from crmo_analysis.display.furniture import LABELS, Sheet, axes_level, cells, on_two_scales, room
from crmo_analysis.display.lettering import SMALLEST_TEXT, text_width

SQUARE = 2.7  # millimetres from a claim to the next
GAP = 0.9  # rows between studies
RULES = {
    "half_up": ("nearest (half up)", GREEN, "o"),
    "up": ("rounded up", PURPLE, "^"),
    "down": ("cut off", BLUE, "v"),
    "": ("no rule gives it", VERMILLION, "X"),
}


@axes_level
def verdict_map(on: Sheet, ledger: pd.DataFrame, titles: Mapping[str, str]) -> Axes:
    """Draw every claim as a small square in its study's order, coloured and signed by verdict.

    Parameters
    ----------
    ledger : DataFrame
        `study, verdict`, one row a claim.
    titles : mapping of str to str
        What to call each study.
    """
    studies = list(ledger.groupby("study", sort=False)["verdict"])
    sizes = [len(verdicts) for _, verdicts in studies]
    labels = [f"{titles[study]}  {len(verdicts)}" for study, verdicts in studies]
    counts = ledger["verdict"].value_counts()
    signs = {verdict: f"({sign}) " if sign else "" for verdict, sign in VERDICT_SIGNS.items()}
    legend = [
        Patch(label=f"{verdict} {signs[verdict]}{counts[verdict]}", facecolor=colour, **EDGE)
        for verdict, colour in VERDICT_COLOURS.items()
        if verdict in counts
    ]
    if on.is_page:
        beside = max(map(text_width, labels)) + 8
        columns = int((page().width - beside) / SQUARE)
        high = SQUARE * sum(_rows(size, columns) + GAP for size in sizes)
        axes = on.axes(25 + high + 3.6 * (page().width < WIDTH))
    else:
        axes = on.axes(0)
        columns = _columns_that_fit(axes, sizes)
    tops = -np.cumsum([0, *(_rows(size, columns) + GAP for size in sizes)])
    for top, (_, verdicts) in zip(tops, studies, strict=False):
        i = np.arange(len(verdicts))
        _draw_claims(axes, verdicts.to_numpy(), i % columns, top - i // columns)
    axes.set(xlim=(-0.8, columns - 0.2), ylim=(tops[-1] + 0.2, 0.8), xticks=[], aspect="equal", anchor="NW")
    axes.set_yticks(tops[:-1], labels, fontsize=7, color=INK, parse_math=False)
    axes.spines["bottom"].set_visible(False)
    on.legend(axes, legend, 1, 1.4)
    return axes


def _rows(claims: int, columns: int) -> int:
    return -(-claims // columns)


def _columns_that_fit(axes: Axes, sizes: list[int]) -> int:
    """Return in how many columns the squares of somebody's Axes are largest."""
    wide, high = room(axes)
    fewest, most = 5, max(sizes) + 6
    rows = {columns: sum(_rows(size, columns) + GAP for size in sizes) for columns in range(fewest, most)}
    return max(rows, key=lambda columns: min((1 - LABELS) * wide / columns, 0.8 * high / rows[columns]))


def _draw_claims(axes: Axes, verdicts: np.ndarray, x: np.ndarray, y: np.ndarray) -> None:
    for verdict, colour in VERDICT_COLOURS.items():
        shown = verdicts == verdict
        cells(axes, x[shown], y[shown], facecolors=colour, **EDGE)
        for px, py in zip(x[shown], y[shown], strict=True) if VERDICT_SIGNS[verdict] else ():
            sign = {"ha": "center", "va": "center_baseline", "fontsize": SMALLEST_TEXT}
            axes.text(px, py - 0.03, VERDICT_SIGNS[verdict], color=ink_on(colour), **sign)


@axes_level
def rounding_differences(on: Sheet, frame: pd.DataFrame) -> Axes:
    """Draw how far printed percentages lie from exact ones, by the rule that gives them.

    Parameters
    ----------
    frame : DataFrame
        As from `frames.rounding`.
    """
    axes = on.axes(92)
    nearest = frame["place"].min() / 2
    axes.axhspan(-nearest, nearest, color="#f0f0f0", lw=0, zorder=0)
    axes.axhline(0, color=MUTED, lw=0.6)
    is_near = frame["is_nearest"]
    kinds = frame["rule"].mask(is_near, "half_up").where(is_near | (frame["rule"] != "half_up"), "")
    for kind, (name, colour, mark) in RULES.items():
        if (points := frame[kinds == kind]).empty:
            continue
        style = {"ls": "", "marker": mark, "ms": 5, "color": colour, "mec": PAPER, "mew": 0.4}
        axes.plot(points["exact"], points["difference"], label=f"{name} ({len(points)})", **style)
    _name_points(axes, frame[~is_near])
    axes.set(xlim=(0, 100), xlabel="exact percentage", ylabel="printed − exact, percentage points")
    axes.margins(y=0.14)
    on_two_scales(axes, "x")
    on.legend(axes, axes.get_legend_handles_labels()[0], 2, 2)
    return axes


def _name_points(axes: Axes, frame: pd.DataFrame) -> None:
    """Write what was printed, in turn above, below and beside points, so that neighbours do not touch."""
    places = [((0, 4), "center", "bottom"), ((0, -4), "center", "top"), ((5, 0), "left", "center")]
    points = frame.drop_duplicates(["x_of_n", "printed"]).sort_values("exact")
    for (offset, across, along), point in zip(cycle(places), points.itertuples(), strict=False):
        if along != "center" and not 12 < point.exact < 88:
            across = "left" if point.exact < 50 else "right"
        text = f"{point.x_of_n} → {point.printed:g}"
        style = {"ha": across, "va": along, "fontsize": SMALLEST_TEXT, "color": MUTED}
        spot = (point.exact, point.difference)
        axes.annotate(text, spot, xytext=offset, textcoords="offset points", **style)
