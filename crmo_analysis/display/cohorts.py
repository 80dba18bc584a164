"""Plots of patients: a flow, parts of a whole, and a small table with a column for each patient."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Patch
from matplotlib.text import Text

from crmo_analysis.display.canvas import (
    BLUE,
    EDGE,
    FAINT,
    GREEN,
    INK,
    MUTED,
    PAPER,
    SMALLEST_TEXT,
    broken_labels,
)
from crmo_analysis.display.furniture import (
    BESIDE_TEXT,
    INSIDE_TEXT,
    Rows,
    add_legend,
    axes_level,
    keys,
    name_x,
    on_rows,
    stage,
    width_of,
)

KINDS = {"main": ("#eaf3f9", BLUE), "side": ("#f5f5f5", MUTED), "outcome": ("#e6f4ef", GREEN)}
BOX = 0.62  # of a row, how high a box is
ROW = 15.5  # millimetres from a row of boxes to the next
HATCHES = ("", "////", "....", "\\\\\\\\", "")
NUMBER_BOX = {"boxstyle": "round,pad=0.15", "fc": PAPER, "ec": "none", "alpha": 0.85}


@axes_level
def flow(
    boxes: pd.DataFrame,
    arrows: Sequence[tuple[str, str]],
    *,
    title: str = "",
    subtitle: str = "",
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
    """
    wide = boxes["column"].max() + boxes["width"].max() / 2 + 0.05
    axes = stage(ax, 14 + ROW * (boxes["row"].max() + 1), (title, subtitle))
    size = BESIDE_TEXT if ax is None else SMALLEST_TEXT
    inside = boxes["width"] * width_of(ax) / wide - 4
    texts = [broken_labels([text], each, size)[0] for text, each in zip(boxes["text"], inside, strict=True)]
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
    y = -np.arange(len(frame), dtype=float) * (1.35 if marker else 1)
    styles = [{"facecolor": c, "hatch": h, **EDGE} for c, h in zip(parts.values(), HATCHES, strict=False)]
    legend = [Patch(label=part, **style) for part, style in zip(parts, styles, strict=True)]
    mark = {"ls": "", "marker": "v", "ms": 5, "mew": 0, "color": INK}
    legend = [*(keys([marker], [mark]) if marker else []), *legend]
    axes = on_rows(ax, Rows(y, frame[label], share=0.3), (title, subtitle), legend)
    ends = np.zeros(len(frame))
    for part, style in zip(parts, styles, strict=True):
        widths = frame[part].to_numpy(float)
        axes.barh(y, widths, left=ends, height=0.7, **style)
        number = {"ha": "center", "va": "center", "fontsize": INSIDE_TEXT, "color": INK, "bbox": NUMBER_BOX}
        for place, start, width in zip(y, ends, widths, strict=True):
            if width:
                axes.text(start + width / 2, place, f"{width:.0f}", **number)
        ends = ends + widths
    if marker:
        axes.plot(frame[marker], y + 0.47, zorder=5, **mark)
        ends = np.maximum(ends, frame[marker].to_numpy(float))
    axes.set_xlim(0, float(ends.max()) * 1.02)
    name_x(axes, ax, xlabel)
    add_legend(axes, legend, ax is None, 1.4, 1.4)
    return axes


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
    lines = [(heading, name) for heading, names in sections.items() for name in (None, *names)]
    y, heads, named = {}, {}, []
    for place, (heading, name) in enumerate(lines):
        if name is None:
            heads[place + 0.5] = heading
        else:
            y[place + 0.5] = labels[name]
            named.append(name)
    known = frame[named]
    counts = [f"{int(x)}/{n}" for x, n in zip(known.fillna(False).sum(), known.notna().sum(), strict=True)]
    legend = [Patch(label=text, facecolor=fill, **EDGE) for text, fill in (("yes", BLUE), ("no", FAINT))]
    legend += keys(["not reported"], [{"color": MUTED, "marker": "_", "ls": "", "ms": 4}])
    axes = on_rows(ax, Rows([*y], [*y.values()], counts, heads), (title, subtitle), legend)
    ticks = axes.get_yticks(), axes.get_yticklabels()
    table = [[np.nan] * len(frame) if name is None else frame[name].astype(float) for _, name in lines]
    colours, few = ListedColormap([FAINT, BLUE]), {"cbar": False, "yticklabels": False, "xticklabels": False}
    table = np.array(table, dtype=float)
    sns.heatmap(table, vmin=0, vmax=1, cmap=colours, linewidths=0.8, linecolor=PAPER, ax=axes, **few)
    axes.set_yticks(*ticks)
    missing = np.argwhere(np.isnan(table) & np.array([name is not None for _, name in lines])[:, None])
    axes.plot(missing[:, 1] + 0.5, missing[:, 0] + 0.5, "_", color=MUTED, ms=4)
    step = max(1, int(np.ceil(len(frame) * 3.4 / (0.5 * width_of(ax)))))  # millimetres that a number takes
    shown = np.arange(0, len(frame), step)
    axes.set_xticks(shown + 0.5, shown + 1)
    axes.set(xlabel="row of the table", ylim=(len(lines), 0))
    axes.tick_params(axis="both", length=0)
    axes.spines["bottom"].set_visible(False)
    add_legend(axes, legend, ax is None)
    return axes
