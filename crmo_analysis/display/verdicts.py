"""Plots of verdicts on printed numbers: each claim, shares by study, and how percentages were rounded."""

from collections.abc import Mapping
from itertools import cycle

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from crmo_analysis.display.canvas import (
    BLUE,
    GREEN,
    INK,
    MUTED,
    ORANGE,
    PAPER,
    SMALLEST_TEXT,
    VERDICT_COLOURS,
    VERDICT_SIGNS,
    VERMILLION,
    WIDTH,
    blank,
    left_labels,
    page,
    text_width,
)
from crmo_analysis.display.furniture import (
    CORNER,
    INSIDE_TEXT,
    LABELS,
    axes_level,
    cells,
    columns_of,
    given,
    keys,
    legend_below,
    name_rows,
    page_legend,
    room,
)

SQUARE, ROW = 2.254, 2.62  # millimetres from a claim to the next, and from a row to the next
NARROW = 3  # percent of the usual page's bars that a number does not fit in
GAP = 0.9  # rows between studies
NEAREST = 0.05  # percentage points that rounding to the nearest may take
RULES = {
    "half_up": ("nearest (half up)", GREEN, "o"),
    "up": ("rounded up", ORANGE, "^"),
    "down": ("cut off", BLUE, "v"),
    "": ("no rule gives it", VERMILLION, "X"),
}


@axes_level
def verdict_map(
    ledger: pd.DataFrame,
    titles: Mapping[str, str],
    *,
    title: str = "",
    subtitle: str = "",
    columns: int = 0,
    ax: Axes | None = None,
) -> Axes:
    """Draw every claim as a small square in its study's order, coloured and signed by verdict.

    Parameters
    ----------
    ledger : DataFrame
        `study, verdict`, one row a claim.
    titles : mapping of str to str
        What to call each study.
    columns : int
        Squares in a row; 0 takes as many as fit.
    """
    studies = list(ledger.groupby("study", sort=False)["verdict"])
    sizes = [len(verdicts) for _, verdicts in studies]
    labels = [f"{titles[study]}  {len(verdicts)}" for study, verdicts in studies]
    legend = _map_legend(ledger["verdict"].value_counts())
    if ax is None:
        axes, columns = _map_page(labels, sizes, columns, legend, (title, subtitle))
    else:
        axes = given(ax)
        columns = columns or _columns_that_fit(axes, sizes)
    tops = -np.cumsum([0, *(_rows(size, columns) + GAP for size in sizes)])
    for top, label, (_, verdicts) in zip(tops, labels, studies, strict=False):
        i = np.arange(len(verdicts))
        _draw_claims(axes, verdicts.to_numpy(), i % columns, top - i // columns, ax is None)
        if ax is None:
            axes.text(-1.2, top, label, ha="right", va="center", fontsize=7)
    axes.set(xlim=(-0.8, columns - 0.2), ylim=(tops[-1] + 0.2, 0.8), xticks=[], yticks=[])
    axes.spines["bottom"].set_visible(False)
    if ax is not None:
        name_rows(axes, tops[:-1], labels)
        legend_below(axes, legend, 1, 1.4)
    return axes


def _rows(claims: int, columns: int) -> int:
    return -(-claims // columns)


def _map_legend(counts: pd.Series) -> list:
    names = [f"{verdict} {counts.get(verdict, 0)}" for verdict in VERDICT_COLOURS]
    square = {"ls": "", "marker": "s", "ms": 5.3, "mew": 0}
    return keys(names, [{**square, "color": colour} for colour in VERDICT_COLOURS.values()])


def _columns_that_fit(axes: Axes, sizes: list[int]) -> int:
    """Return in how many columns the squares of somebody's Axes are largest."""
    wide, high = room(axes)
    fewest, most = 5, max(sizes) + 6
    rows = {columns: sum(_rows(size, columns) + GAP for size in sizes) for columns in range(fewest, most)}
    return max(rows, key=lambda columns: min((1 - LABELS) * wide / columns, 0.8 * high / rows[columns]))


def _map_page(
    labels: list[str], sizes: list[int], columns: int, legend: list, titles: tuple[str, str]
) -> tuple[Axes, int]:
    """Make a page, and say how many squares stand in a row of it."""
    wide = 0.165 * WIDTH if page().width == WIDTH else max(map(text_width, labels)) + 4.5
    columns = columns or int((0.97 * page().width - wide) / SQUARE)
    ncols, more = columns_of(legend, 5, 2, 2.2)
    rows = sum(_rows(size, columns) for size in sizes)
    left = wide / min(WIDTH, page().width)
    figure, axes = blank(24 + more + ROW * rows + 2.6 * len(sizes), *titles, left=left, bottom=11 + more)
    corner = (0.155 if page().width >= WIDTH else CORNER["bbox_to_anchor"][0], 0)
    page_legend(figure, legend, ncols, 2.2, bbox_to_anchor=corner, handletextpad=0.2, handlelength=None)
    return axes, columns


def _draw_claims(axes: Axes, verdicts: np.ndarray, x: np.ndarray, y: np.ndarray, is_page: bool) -> None:
    for verdict, colour in VERDICT_COLOURS.items():
        shown = verdicts == verdict
        if is_page:
            axes.scatter(x[shown], y[shown], marker="s", s=28, color=colour, lw=0)
        else:
            cells(axes, x[shown], y[shown], color=colour)
        for px, py in zip(x[shown], y[shown], strict=True) if VERDICT_SIGNS[verdict] else ():
            sign = {"ha": "center", "va": "center", "fontsize": SMALLEST_TEXT, "color": PAPER}
            axes.text(px, py - 0.03, VERDICT_SIGNS[verdict], **sign)


@axes_level
def verdict_bars(table: pd.DataFrame, *, title: str = "", subtitle: str = "", ax: Axes | None = None) -> Axes:
    """Draw the share of each verdict by study, the number written in each part.

    Parameters
    ----------
    table : DataFrame
        `study, claims` and a column for each verdict, one row a study.
    """
    y = range(0, -len(table), -1)
    names = [f"{study} ({claims})" for study, claims in zip(table["study"], table["claims"], strict=True)]
    legend = [Patch(color=colour, label=verdict) for verdict, colour in VERDICT_COLOURS.items()]
    axes = given(ax) if ax is not None else _bars_page(names, y, legend, (title, subtitle))
    narrow = NARROW * WIDTH / min(WIDTH, page().width if ax is None else room(ax)[0])
    gap, size = (" ", INSIDE_TEXT) if ax is None else ("", SMALLEST_TEXT)
    for place, row in zip(y, table.to_dict("records"), strict=True):
        left = 0.0
        for verdict, colour in VERDICT_COLOURS.items():
            width = 100 * row[verdict] / row["claims"]
            axes.barh(place, width, left=left, height=0.62, color=colour, edgecolor=PAPER, lw=0.8)
            if width:  # a number that its part is too narrow for stands above
                fits, is_light = width >= narrow, verdict in ("stated", "ambiguous")
                style = {"fontsize": size, "color": PAPER if fits and not is_light else INK}
                text = f"{row[verdict]}{gap}{VERDICT_SIGNS[verdict]}".strip()
                up = place if fits else place + 0.47
                axes.text(left + width / 2, up, text, ha="center", va="center", **style)
            left += width
    axes.set(xlim=(0, 100), xticks=[])
    axes.spines["bottom"].set_visible(False)
    if ax is not None:
        name_rows(axes, y, names)
        legend_below(axes, legend, 1, 1.4)
    return axes


def _bars_page(names: list[str], y: range, legend: list, titles: tuple[str, str]) -> Axes:
    labels, _ = left_labels(names, 0.2)
    ncols, more = columns_of(legend, 5, 1, 1.4)
    figure, axes = blank(24 + more + 8 * len(names), *titles, left=0.2, bottom=11 + more)
    place = {"loc": "upper left", "bbox_to_anchor": (-0.01, -0.1)}
    if page().width < WIDTH:  # below all of the figure, where the axes are too narrow for it
        place = {**CORNER, "bbox_transform": figure.transFigure}
    axes.legend(handles=legend, ncols=ncols, handlelength=1, columnspacing=1.4, **place)
    axes.set(yticks=y, yticklabels=labels)
    return axes


@axes_level
def rounding_differences(
    frame: pd.DataFrame, *, title: str = "", subtitle: str = "", ax: Axes | None = None
) -> Axes:  # fmt: skip
    """Draw how far printed percentages lie from exact ones, by the rule that gives them.

    Parameters
    ----------
    frame : DataFrame
        As from `frames.rounding`.
    """
    below = page().width < WIDTH  # of the axes, in which there is no room for a legend
    if ax is None:
        _, axes = blank(88 + 8 * below, title, subtitle, left=0.1, bottom=11 + 8 * below)
    else:
        axes = given(ax)
    axes.axhspan(-NEAREST, NEAREST, color="#f0f0f0", lw=0, zorder=0)
    axes.axhline(0, color=MUTED, lw=0.6)
    is_near = frame["difference"].abs() <= NEAREST
    kinds = frame["rule"].where(~is_near | (frame["rule"] == ""), "half_up")
    for kind, (name, colour, mark) in RULES.items():
        points = frame[kinds == kind]
        style = {"ls": "", "marker": mark, "ms": 5, "color": colour, "mec": PAPER, "mew": 0.4}
        axes.plot(points["exact"], points["difference"], label=f"{name} ({len(points)})", **style)
    _name_points(axes, frame[~is_near], ax is None)
    axes.set(xlim=(0, 100), xlabel="exact percentage", ylabel="printed - exact, percentage points")
    axes.margins(y=0.14)
    axes.spines["left"].set_visible(True)
    if ax is not None:
        legend_below(axes, axes.get_legend_handles_labels()[0], 2, 2)
    elif below:
        axes.figure.legend(ncols=2, **CORNER)
    else:
        axes.legend(loc="lower right", ncols=2)
    return axes


def _name_points(axes: Axes, frame: pd.DataFrame, is_page: bool) -> None:
    """Write what was printed, in turn above, below and beside points, so that neighbours do not touch."""
    places = [((0, 4), "center", "bottom"), ((0, -4), "center", "top"), ((5, 0), "left", "center")]
    points = frame.drop_duplicates(["x_of_n", "printed"]).sort_values("exact")
    for (offset, across, along), point in zip(cycle(places), points.itertuples(), strict=False):
        if not is_page and along != "center" and not 12 < point.exact < 88:
            across = "left" if point.exact < 50 else "right"
        text = f"{point.x_of_n} → {point.printed:g}"
        style = {"ha": across, "va": along, "fontsize": SMALLEST_TEXT, "color": MUTED}
        spot = (point.exact, point.difference)
        axes.annotate(text, spot, xytext=offset, textcoords="offset points", **style)
