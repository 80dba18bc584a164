"""Plots of patients: a flow, parts of a whole, and a small table with a column for each patient."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from matplotlib.text import Text

from crmo_analysis.display.canvas import (
    BLUE,
    FAINT,
    GREEN,
    INK,
    MUTED,
    PAPER,
    SMALLEST_TEXT,
    blank,
    broken_labels,
    fitted_labels,
    left_labels,
    left_of_axes,
    legend_columns,
    page,
)
from crmo_analysis.display.furniture import (
    BESIDE_TEXT,
    HEADING_TEXT,
    INSIDE_TEXT,
    axes_level,
    beside_rows,
    cells,
    given,
    legend_below,
    name_rows,
    page_legend,
    room,
)

KINDS = {"main": ("#eaf3f9", BLUE), "side": ("#f5f5f5", MUTED), "outcome": ("#e6f4ef", GREEN)}
BOX = 0.62  # of a row, how high a box is
HATCHES = ("", "////", "....", "\\\\\\\\", "")
NUMBER_BOX = {"boxstyle": "round,pad=0.15", "fc": PAPER, "ec": "none", "alpha": 0.85}
LEFT = 0.3  # of the usual page, left of a table of patients
KEY = "row of the table; filled: yes, grey: no, empty: not reported"


@axes_level
def flow(
    boxes: pd.DataFrame,
    arrows: Sequence[tuple[str, str]],
    *,
    title: str = "",
    subtitle: str = "",
    height: float = 86,
    ax: Axes | None = None,
) -> Axes:
    """Draw a flow of patients.

    Parameters
    ----------
    boxes : DataFrame
        `name, text, column, row, width, kind`: columns and rows are places in a grid (0 at the left and top),
        kind is "main", "side" or "outcome".
    arrows : sequence of (str, str)
        Names of the boxes that an arrow joins.
    height : float
        Millimetres of the page.
    """
    wide = boxes["column"].max() + boxes["width"].max() / 2 + 0.05
    if ax is None:
        _, axes = blank(height, title, subtitle, left=0.015)
        size, texts = BESIDE_TEXT, boxes["text"]
    else:
        axes = given(ax)
        inside = boxes["width"] * room(axes)[0] / wide - 2
        size, texts = SMALLEST_TEXT, map(_broken_in_box, boxes["text"], inside)
    axes.boxed = []  # texts in boxes, which a page is refused for when they do not fit
    ends = {}
    for box, text in zip(boxes.itertuples(), texts, strict=True):
        axes.boxed.append(_draw_box(axes, box, text, size))
        ends[box.name] = (box.column, -box.row, box.width)
    style = {"arrowstyle": "-|>", "mutation_scale": 7, "lw": 0.8, "color": MUTED, "shrinkA": 1, "shrinkB": 1}
    for start, end in arrows:
        axes.add_patch(FancyArrowPatch(*_from_to(ends[start], ends[end]), **style))
    axes.set(xlim=(0, wide), ylim=(-boxes["row"].max() - 0.5, 0.5))
    axes.axis("off")
    return axes


def _broken_in_box(text: str, inside: float) -> str:
    return broken_labels([text], inside, SMALLEST_TEXT)[0]


def _draw_box(axes: Axes, box, text: str, size: float) -> tuple[FancyBboxPatch, Text]:
    face, edge = KINDS[box.kind]
    low_left = (box.column - box.width / 2, -box.row - BOX / 2)
    style = {"boxstyle": "round,pad=0,rounding_size=0.05", "fc": face, "ec": edge, "lw": 0.8}
    patch = axes.add_patch(FancyBboxPatch(low_left, box.width, BOX, **style))
    style = {"ha": "center", "va": "center", "fontsize": size, "color": INK, "linespacing": 1.25}
    return patch, axes.text(box.column, -box.row, text, **style)


def _from_to(start: tuple[float, float, float], end: tuple[float, float, float]) -> tuple:
    """Return where an arrow leaves a box and meets another: beside each other, or one below the other."""
    (x0, y0, w0), (x1, y1, w1) = start, end
    if y0 == y1:
        return (x0 + np.sign(x1 - x0) * w0 / 2, y0), (x1 - np.sign(x1 - x0) * w1 / 2, y1)
    return (x0, y0 - BOX / 2), (x1, y1 + BOX / 2)


@axes_level
def stacked_parts(
    frame: pd.DataFrame,
    parts: Mapping[str, str],
    label: str,
    *,
    title: str = "",
    subtitle: str = "",
    xlabel: str = "",
    marker: str = "",
    ax: Axes | None = None,
) -> Axes:
    """Draw rows of exclusive parts side by side, each part's number written in it.

    Parameters
    ----------
    frame : DataFrame
        One row a bar, top to bottom: the column `label` and one column for each of `parts`.
    parts : mapping of str to str
        Column to colour, in the order in which they are stacked.
    label : str
        The column of names of the bars.
    xlabel : str
        What is counted.
    marker : str
        A column of numbers to mark on the bars, named in the legend.
    """
    y = -np.arange(len(frame))
    shown = [marker, *parts] if marker else [*parts]
    if ax is None:
        labels, _ = left_labels(frame[label], 0.2)
        ncols, more = legend_columns(shown, len(parts) + bool(marker), 1.4, 1.4)
        figure, axes = blank(33 + more + 6.6 * len(frame), title, subtitle, left=0.2, bottom=16 + more)
        axes.set(yticks=y, yticklabels=labels)
    else:
        axes = given(ax)
        name_rows(axes, y, frame[label])
    ends = _draw_parts(axes, frame, parts, y)
    if marker:
        axes.plot(frame[marker], y + 0.47, ls="", marker="v", ms=5, mew=0, color=INK, label=marker, zorder=5)
        ends = np.maximum(ends, frame[marker].to_numpy(float))
    axes.set(xlim=(0, float(ends.max()) * 1.02), xlabel=xlabel)
    axes.margins(y=0.04)
    legend, _ = axes.get_legend_handles_labels()
    if ax is None:
        page_legend(figure, legend, ncols, 1.4, handlelength=1.4)
    else:
        legend_below(axes, legend, 1.4, 1.4)
    return axes


def _draw_parts(axes: Axes, frame: pd.DataFrame, parts: Mapping[str, str], y: np.ndarray) -> np.ndarray:
    """Draw parts side by side, and return where the bars end."""
    ends = np.zeros(len(frame))
    for (part, colour), hatch in zip(parts.items(), HATCHES, strict=False):
        widths = frame[part].to_numpy(float)
        style = {"color": colour, "edgecolor": PAPER, "lw": 0.8, "hatch": hatch}
        axes.barh(y, widths, left=ends, height=0.7, label=part, **style)
        style = {"ha": "center", "va": "center", "fontsize": INSIDE_TEXT, "color": INK, "bbox": NUMBER_BOX}
        for place, start, width in zip(y, ends, widths, strict=True):
            if width:
                axes.text(start + width / 2, place, f"{width:.0f}", **style)
        ends = ends + widths
    return ends


@axes_level
def patients(
    frame: pd.DataFrame,
    sections: Mapping[str, Sequence[str]],
    labels: Mapping[str, str],
    *,
    title: str = "",
    subtitle: str = "",
    ax: Axes | None = None,
) -> Axes:
    """Draw yes/no variables of a small table of patients: one column a patient, one row a variable.

    Parameters
    ----------
    frame : DataFrame
        One row a patient; boolean columns, missing where not reported.
    sections : mapping of str to sequence of str
        Headings and the columns below them.
    labels : mapping of str to str
        Of the columns.
    """
    place, rows, heads = 0.6, {}, {}
    for heading, names in sections.items():
        heads[place - 1.3] = heading
        rows |= {place - 2.6 - i: name for i, name in enumerate(names)}
        place -= 1.6 + len(names)
    known = frame[[*rows.values()]]
    counts = [f"{int(x)}/{n}" for x, n in zip(known.fillna(False).sum(), known.notna().sum(), strict=True)]
    named = {y: labels[name] for y, name in rows.items()}
    n = len(frame)
    if ax is None:
        axes = _patients_page(named, heads, dict(zip(rows, counts, strict=True)), n, (title, subtitle))
    else:
        axes = given(ax)
        name_rows(axes, [*named], named.values(), BESIDE_TEXT, heads)
        beside_rows(axes, [*rows], counts)
        axes.set(xlim=(-0.6, n - 0.4), xlabel=broken_labels([KEY], 0.6 * room(axes)[0])[0])
    for y, name in rows.items():
        _draw_patients(axes, frame[name], y, ax is None)
    shown = range(0, n, 1 if ax is None else -(-n // 16))
    axes.set(ylim=(place - 0.8, 0), xticks=shown, xticklabels=[patient + 1 for patient in shown])
    axes.tick_params(axis="x", length=0)
    axes.spines["bottom"].set_visible(False)
    return axes


def _draw_patients(axes: Axes, values: pd.Series, y: float, is_page: bool) -> None:
    fills = [PAPER if pd.isna(value) else (BLUE if value else FAINT) for value in values]
    edges = [MUTED if fill == PAPER else fill for fill in fills]
    if not is_page:
        x = np.arange(len(values))
        cells(axes, x, np.full(len(x), y), facecolors=fills, edgecolors=edges, lw=0.4)
        return
    for patient, (fill, edge) in enumerate(zip(fills, edges, strict=True)):
        axes.plot(patient, y, "s", ms=7.2, color=fill, mec=edge, mew=0.4)


def _patients_page(rows: dict, heads: dict, counts: dict, n: int, titles: tuple[str, str]) -> Axes:
    """Make a page for n patients, and write around its axes what rows are called, and their counts."""
    key, _ = fitted_labels([KEY], 0.97 * page().width - left_of_axes(LEFT))
    more = 2.8 * key[0].count("\n")
    high = sum([1.6] * len(heads)) + len(rows)
    _, axes = blank(24 + more + 4.3 * high, *titles, left=LEFT, bottom=8 + more)
    style = {"va": "center", "fontsize": BESIDE_TEXT}
    for y in sorted([*rows, *heads], reverse=True):
        if y in heads:
            heading = left_labels([heads[y]], LEFT, HEADING_TEXT)[0][0]
            axes.text(-0.6, y, heading, ha="right", **style | {"color": BLUE, "fontsize": HEADING_TEXT})
        else:
            axes.text(-0.8, y, rows[y], ha="right", color=INK, **style)
            axes.text(n - 0.2, y, counts[y], **style)
    axes.set(xlim=(-0.6, n + 1), yticks=[])
    axes.set_xlabel(key[0], labelpad=1)
    return axes
