"""Plots of patients: how many took part, and a small table with a column for each."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Patch

from crmo_analysis.display.canvas import BLUE, EDGE, FAINT, GREEN, INK, MUTED, PAPER
from crmo_analysis.display.furniture import BESIDE_TEXT, Rows, Sheet, axes_level, keys
from crmo_analysis.display.lettering import SMALLEST_TEXT, broken_labels

KINDS = {"main": ("#eaf3f9", BLUE), "side": ("#f5f5f5", MUTED), "outcome": ("#e6f4ef", GREEN)}
BOX, BOX_WIDTH = 0.62, 0.98  # of the way to the next row and column, how high and wide a box is
LINE_HIGH = 4.6  # millimetres of a line of text in a box


@axes_level
def participants(on: Sheet, frame: pd.DataFrame) -> Axes:
    """Draw how many patients there were at each step, and beside it how many left before the next, and why.

    A flow diagram as STROBE asks for (von Elm E et al. Lancet 2007;370:1453-1457, item 13).

    Parameters
    ----------
    frame : DataFrame
        `step, n, left, why`, one row a step: what to call it, how many there were, and how many of them are
        not in the next. Where `left` is missing, nobody is said to have left.
    """
    size = BESIDE_TEXT if on.is_page else SMALLEST_TEXT
    inside = on.width * BOX_WIDTH / 2.16 - 4
    boxes = [(0, place, f"{row.step}\nn = {row.n}") for place, row in enumerate(frame.itertuples())]
    gone = [(place, row) for place, row in enumerate(frame.itertuples()) if pd.notna(row.left)]
    boxes += [(1, place + 0.5, f"{row.why}\nn = {row.left:g}") for place, row in gone]
    texts = broken_labels([text for *_, text in boxes], inside, size)
    lines = 1 + max(text.count("\n") for text in texts)
    axes = on.axes(8 + LINE_HIGH * max(2, lines) / BOX * len(frame))
    axes.boxed = []  # texts in boxes, which a page is refused for when they do not fit
    for (column, down, _), text in zip(boxes, texts, strict=True):
        kind = "side" if column else "outcome" if down == len(frame) - 1 else "main"
        axes.boxed.append(_draw_box(axes, (column, -down), text, kind, size))
    style = {"arrowstyle": "-|>", "mutation_scale": 7, "lw": 0.8, "color": MUTED, "shrinkA": 0, "shrinkB": 0}
    for place in range(len(frame) - 1):
        axes.add_patch(FancyArrowPatch((0, -place - BOX / 2), (0, BOX / 2 - place - 1), **style))
    for place, _ in gone:
        ends = (0, -place - 0.5), (1.08 - BOX_WIDTH / 2, -place - 0.5)
        axes.add_patch(FancyArrowPatch(*ends, **style))
    axes.set(xlim=(-0.52, 1.64), ylim=(-len(frame) + 1 - BOX / 2 - 0.05, BOX / 2 + 0.05))
    axes.axis("off")
    return axes


def _draw_box(axes: Axes, middle: tuple[float, float], text: str, kind: str, size: float) -> tuple:
    """Draw a box and the text in it; those of the second column stand a little to the right."""
    face, edge = KINDS[kind]
    x, y = 1.08 * middle[0], middle[1]
    style = {"boxstyle": "round,pad=0,rounding_size=0.04", "fc": face, "ec": edge, "lw": 0.8}
    patch = axes.add_patch(FancyBboxPatch((x - BOX_WIDTH / 2, y - BOX / 2), BOX_WIDTH, BOX, **style))
    style = {"ha": "center", "va": "center", "fontsize": size, "color": INK, "linespacing": 1.25}
    return patch, axes.text(x, y, text, **style)


@axes_level
def patients(
    on: Sheet, frame: pd.DataFrame, sections: Mapping[str, Sequence[str]], labels: Mapping[str, str]
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
    if known.isna().any(axis=None):
        legend += keys(["not reported"], [{"color": MUTED, "marker": "_", "ls": "", "ms": 4}])
    axes = on.rows(Rows([*y], [*y.values()], counts, heads), legend)
    ticks = axes.get_yticks(), axes.get_yticklabels()
    table = [[np.nan] * len(frame) if name is None else frame[name].astype(float) for _, name in lines]
    colours, few = ListedColormap([FAINT, BLUE]), {"cbar": False, "yticklabels": False, "xticklabels": False}
    table = np.array(table, dtype=float)
    sns.heatmap(table, vmin=0, vmax=1, cmap=colours, linewidths=0.8, linecolor=PAPER, ax=axes, **few)
    axes.set_yticks(*ticks)
    missing = np.argwhere(np.isnan(table) & np.array([name is not None for _, name in lines])[:, None])
    axes.plot(missing[:, 1] + 0.5, missing[:, 0] + 0.5, "_", color=MUTED, ms=4)
    step = max(1, int(np.ceil(len(frame) * 3.4 / (0.5 * on.width))))  # millimetres that a number takes
    shown = np.arange(0, len(frame), step)
    axes.set_xticks(shown + 0.5, shown + 1)
    axes.set(xlabel="row of the table", ylim=(len(lines), 0))
    axes.tick_params(axis="both", length=0)
    axes.spines["bottom"].set_visible(False)
    on.legend(axes, legend)
    return axes
