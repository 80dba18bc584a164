"""Plots of published series: their shares pooled, and those of a cohort beside them."""

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from crmo_analysis.display.canvas import (
    BLUE,
    FAINT,
    INK,
    MUTED,
    ORANGE,
    PAPER,
    STYLE,
    VERMILLION,
    blank,
    broken_labels,
    fitted_labels,
    height_of,
    left_labels,
    page,
    scaled,
    text_width,
)
from crmo_analysis.display.furniture import (
    ABOVE_LINES,
    BESIDE_TEXT,
    CORNER,
    HEADING_TEXT,
    INSIDE_TEXT,
    LABELS,
    MARGIN,
    NOTE_TEXT,
    PAIR_TEXT,
    across,
    axes_level,
    beside_rows,
    columns_of,
    given,
    grid,
    in_columns,
    interval_rows,
    keys,
    legend_below,
    name_rows,
    page_legend,
    room,
)

QUARTERS = range(0, 101, 25)  # percent
HEAD, PAIR_HEAD = 0.95, 0.45  # where headings of columns stand, above the first row
NOTE_LINE = 2.8  # millimetres
SERIES = {"color": BLUE, "lw": 1.0}
PREDICTED = {"color": VERMILLION, "lw": 1.2}
SIDES = {"published": (BLUE, PAPER), "cohort": (ORANGE, ORANGE)}
CIRCLE = {"marker": "o", "ms": 3.8}
DUMBBELL_WIDTH, DUMBBELL_LABELS = 170.0, 56.0  # millimetres
DUMBBELL = ("section", "label", "published", "published_low", "published_high")
DUMBBELL += ("cohort", "cohort_low", "cohort_high", "published_text", "cohort_text", "difference_text")


@axes_level
def pooled_forest(
    frame: pd.DataFrame,
    pooled: pd.DataFrame,
    *,
    title: str = "",
    subtitle: str = "",
    below: str = "",
    ax: Axes | None = None,
) -> Axes:
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
    places = [*y, *under]
    shown = [f"{100 * weight:.0f} %" if len(frame) > 1 else "" for weight in frame["weight"]]
    texts = {
        "series": [*frame["label"], *pooled["label"]],
        "x/n": [f"{row.x}/{row.n}" for row in frame.itertuples()] + [""] * len(pooled),
        "share, % (interval)": [*frame["text"], *pooled["text"]],
        "weight": shown + [""] * len(pooled),
    }
    names = ("a series, exact interval", "pooled, interval", "where another series would lie")
    diamond = {"color": INK, "marker": "D", "ms": 4, "ls": ""}
    legend = keys(names, ({**SERIES, "marker": "s", "ms": 4}, diamond, PREDICTED))
    axes = given(ax) if ax is not None else _pooled_page(places, texts, legend, below, (title, subtitle))
    _draw_series(axes, frame, y)
    _draw_pooled(axes, pooled, under)
    axes.set(ylim=(places[-1] - 0.7, 1.3), xlim=(0, 100), xlabel="patients with the outcome, %")
    axes.axhline(-len(frame) + 0.3, color=MUTED, lw=0.5)
    grid(axes, "x")
    if ax is not None:
        _around_pooled(axes, places, texts, below)
        legend_below(axes, legend)
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


def _pooled_page(places: list[float], texts: dict, legend: list, below: str, titles: tuple[str, str]) -> Axes:
    labels, wide = fitted_labels(texts["series"], scaled(40))
    ncols, more = columns_of(legend)
    below, lines = left_labels([below], 0.97, NOTE_TEXT)
    more += NOTE_LINE * (lines - 1)
    figure, axes = blank(40 + more + 5.4 * len(labels), *titles, bottom=21 + more)
    left, right = (wide + 16) / page().width, round(1 - max(scaled(47.6), 36) / page().width, 6)
    box = axes.get_position()
    axes.set_position([left, box.y0, right - left, box.height])
    edges = ((MARGIN, "left"), (left - 0.02, "right"), (right + 0.025, "left"), (1 - MARGIN, "right"))
    for (at, side), (head, column) in zip(edges, (texts | {"series": labels}).items(), strict=True):
        style = {"transform": across(axes), "va": "center", "ha": side, "zorder": ABOVE_LINES}
        axes.text(at, HEAD, head, color=MUTED, fontsize=NOTE_TEXT, **style)
        for place, text in zip(places, column, strict=True):
            axes.text(at, place, text, color=INK, fontsize=BESIDE_TEXT, **style)
    narrow = (right - left) * page().width < 25
    axes.set(yticks=[], xticks=[0, 50, 100] if narrow else QUARTERS)
    up = (4.5 + NOTE_LINE * (lines - 1)) / height_of(figure)
    page_legend(figure, legend, ncols, bbox_to_anchor=(CORNER["bbox_to_anchor"][0], up))
    figure.text(MARGIN, MARGIN, below[0], fontsize=NOTE_TEXT, color=MUTED)
    return axes


def _around_pooled(axes: Axes, places: list[float], texts: dict, below: str) -> None:
    labels = [f"{label}  {x}".strip() for label, x in zip(texts["series"], texts["x/n"], strict=True)]
    name_rows(axes, [HEAD, *places], ["series, x/n", *labels])
    numbers = in_columns(*([head, *texts[head]] for head in ("share, % (interval)", "weight")))
    beside_rows(axes, [HEAD, *places], numbers, NOTE_TEXT)
    axes.set_xticks([0, 50, 100])
    note = broken_labels([below], 0.7 * room(axes)[0], STYLE["axes.labelsize"])[0]
    axes.set_xlabel(f"{axes.get_xlabel()}\n{note}".strip())


@axes_level
def dumbbell(frame: pd.DataFrame, *, title: str = "", subtitle: str = "", ax: Axes | None = None) -> Axes:
    """Draw published shares beside those of a cohort, joined by a bar, with their intervals and numbers.

    Parameters
    ----------
    frame : DataFrame
        The columns `DUMBBELL`, top to bottom: shares and their intervals between 0 and 1, those of the cohort
        missing where they are withheld, and the texts beside them. Headings stand where `section` changes; a
        label may have two lines.
    """
    labels = _dumbbell_labels(frame["label"], ax)
    begins = (frame["section"] != frame["section"].shift()).to_numpy()
    heights = 1 + 0.5 * np.array([label.count("\n") for label in labels])
    ends = np.cumsum(heights + 1.2 * begins)
    y = heights / 2 - ends
    heads = dict(zip((y + heights / 2 + 0.5)[begins], frame["section"][begins], strict=True))
    axes = given(ax) if ax is not None else _dumbbell_page(frame, y, heads, labels, (title, subtitle))
    _draw_pairs(axes, 100 * frame[[*DUMBBELL[2:8]]].astype(float), y)
    axes.set(xlim=(0, 100), ylim=(-ends[-1] - 0.3, 1), xticks=QUARTERS, xlabel="patients, %")
    grid(axes, "x")
    if ax is None:
        axes.set_yticks(y, labels, fontsize=PAIR_TEXT, linespacing=1.2, va="center")
        return axes
    name_rows(axes, y, labels, PAIR_TEXT, heads)
    _write_beside_pairs(axes, frame, y)
    legend_below(axes, _dumbbell_legend(frame), 2.4)
    return axes


def _dumbbell_labels(labels: pd.Series, ax: Axes | None) -> list[str]:
    if ax is not None:
        return broken_labels(labels, LABELS * room(ax)[0], PAIR_TEXT)
    return ["\n".join(fitted_labels(label.split("\n"), DUMBBELL_LABELS, PAIR_TEXT)[0]) for label in labels]


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
        "this cohort": {**CIRCLE, "color": ORANGE, "lw": 0.8},
    }
    if frame["cohort"].isna().any():
        styles["withheld, as counts are small"] = {"color": INK, "marker": "_", "ms": 3.5, "ls": ""}
    return keys(styles, styles.values())


def _dumbbell_page(
    frame: pd.DataFrame, y: np.ndarray, heads: dict, labels: list[str], titles: tuple[str, str]
) -> Axes:  # fmt: skip
    left = max(text_width(line, PAIR_TEXT) for label in labels for line in label.split("\n"))
    names = ("published", "cohort", "difference")
    wide = {name: text_width(max([name, *frame[f"{name}_text"]], key=len), INSIDE_TEXT) + 4 for name in names}
    low = y[-1] - (1 + 0.5 * labels[-1].count("\n")) / 2
    width, right = DUMBBELL_WIDTH, sum(wide.values()) + 3
    figure, axes = blank(36 - 4.7 * float(low), *titles, width=width, bottom=17)
    box = axes.get_position()
    axes.set_position([(left + 4) / width, box.y0, 1 - (left + 4 + right) / width, box.height])
    style = {"transform": across(axes), "va": "center", "zorder": ABOVE_LINES}
    edge = width - right
    for name, wanted in wide.items():
        edge += wanted
        for place, text in [(PAIR_HEAD, name), *zip(y, frame[f"{name}_text"], strict=True)]:
            axes.text(edge / width, place, text, ha="right", fontsize=INSIDE_TEXT, color=INK, **style)
    for place, name in heads.items():
        axes.text(MARGIN, place, name, color=BLUE, fontsize=HEADING_TEXT, **style)
    page_legend(figure, _dumbbell_legend(frame), 3, 2, handlelength=2.4)
    return axes


def _write_beside_pairs(axes: Axes, frame: pd.DataFrame, y: np.ndarray) -> None:
    """Write numbers beside rows: on one line, or, with little room, the difference below the counts."""
    columns = [["published", *frame["published_text"]], ["cohort", *frame["cohort_text"]]]
    difference = ["difference", *frame["difference_text"]]
    if room(axes)[0] >= DUMBBELL_WIDTH:
        texts = in_columns(*columns, difference)
    else:
        both = in_columns(*columns)
        texts = [f"{counts}\n{text}".rstrip() for counts, text in zip(both, difference, strict=True)]
    beside_rows(axes, [PAIR_HEAD, *y], texts, NOTE_TEXT, align="right")
