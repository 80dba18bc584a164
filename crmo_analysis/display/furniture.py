"""What plots share: sizes of text, rows of intervals, grids, and what stands around Axes that a person gives.

On a page of its own, a plot knows the width and sets its texts by the millimetre. Axes of somebody else may
be moved and resized afterwards: what stands around them is labels of ticks and axes, and a legend of theirs.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence

import matplotlib as mpl
import numpy as np
import seaborn as sns
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text

from crmo_analysis.display import canvas
from crmo_analysis.display.canvas import BLUE, FAINT, INK, MILLIMETRE, STYLE, text_width

HEADING_TEXT, BESIDE_TEXT, PAIR_TEXT, INSIDE_TEXT, NOTE_TEXT = 7.2, 6.8, 6.6, 6.5, 6.3  # points
ABOVE_LINES = 3.5  # zorder of texts beside rows, in whatever order they are drawn
BAND = {"alpha": 0.25, "lw": 0}
BAR = {"lw": 5, "solid_capstyle": "butt"}
KEY_BAR = 4  # points, of a bar in a legend
DASHED = (0, (1.2, 0.4))
MARGIN = 0.015  # of a page's width, left of its texts
CORNER = {"loc": "lower left", "bbox_to_anchor": (0.005, 0)}  # of a page, for its legend
USUAL_SHARE = 0.775  # of what falls to Axes, that they take themselves; the rest is for labels
# Of what falls to Axes, for labels left of them: where texts on the right are long, and where they are short.
LABELS, WIDE_LABELS = 0.32, 0.42
LINE = 8.6  # points from a line of text to the next
FIGURE_SPACE = "\u2007"  # as wide as a digit

_SHARED = """
title, subtitle : str
    Of the page that is made where no `ax` is given.
ax : Axes, optional
    To draw into, at the size that they have; their figure stays as it is.

Returns
-------
Axes
    To be changed at will; `axes.figure` is the figure to be saved.
"""


def axes_level(draw: Callable[..., Axes]) -> Callable[..., Axes]:
    """Let a function draw in the style of the page, and add to its text what all plots take and return."""
    styled = mpl.rc_context(STYLE)(draw)
    styled.__doc__ = f"{inspect.cleandoc(draw.__doc__)}{_SHARED}"
    return styled


def given(axes: Axes) -> Axes:
    """Give somebody's Axes the look of those of a page: spines, sizes of labels, colours."""
    sns.despine(ax=axes, left=True)
    for axis, name in ((axes.xaxis, "xtick"), (axes.yaxis, "ytick")):
        look = {"color": STYLE[f"{name}.color"], "size": STYLE[f"{name}.major.size"]}
        look |= {"labelsize": STYLE[f"{name}.labelsize"], "labelcolor": STYLE[f"{name}.color"]}
        axis.set_tick_params(width=STYLE[f"{name}.major.width"], labelfontfamily=STYLE["font.family"], **look)
        axis.label.set(
            fontsize=STYLE["axes.labelsize"],
            color=STYLE["axes.labelcolor"],
            fontfamily=STYLE["font.family"],
            parse_math=False,
        )
    axes.spines[:].set(color=STYLE["axes.edgecolor"], linewidth=STYLE["axes.linewidth"])
    return axes


def room(axes: Axes) -> tuple[float, float]:
    """Return how many millimetres of their figure, across and up, Axes and their labels can have."""
    figure, box = axes.figure, axes.get_position()
    wide, high = (side / figure.dpi / MILLIMETRE for side in figure.bbox.size)
    return wide * min(1, box.width / USUAL_SHARE), high * min(1, box.height / USUAL_SHARE)


def name_rows(
    axes: Axes,
    y: Sequence[float],
    labels: Sequence[str],
    size: float = 7,
    heads: Mapping[float, str] | None = None,
    share: float = LABELS,
) -> None:
    """Write labels left of rows of somebody's Axes, broken to a share of their room, and headings."""
    labels = canvas.broken_labels(labels, share * room(axes)[0], size)
    axes.set_yticks(y, labels, fontsize=size, color=INK, parse_math=False)
    inside = mpl.transforms.blended_transform_factory(axes.transAxes, axes.transData)
    for place, head in (heads or {}).items():
        axes.text(0, place, f" {head}", transform=inside, va="center", color=BLUE, fontsize=HEADING_TEXT)


def beside_rows(
    axes: Axes, y: Sequence[float], texts: Sequence[str], size: float = BESIDE_TEXT, align: str = "left"
) -> list[Text]:
    """Write texts right of somebody's Axes as labels of ticks, which follow when the Axes are moved."""
    right = axes.secondary_yaxis("right")
    style = {"fontsize": size, "color": INK, "multialignment": align}
    right.set_yticks(y, texts, parse_math=False, **style)
    right.tick_params(length=0, pad=5)
    right.spines[:].set_visible(False)
    return right.get_yticklabels()


def in_columns(*columns: Sequence[str], size: float = BESIDE_TEXT) -> list[str]:
    """Join texts of rows so that columns end at the same place, as far as spaces of a digit's width allow."""
    space = text_width("00", size) - text_width("0", size)
    widest = [max(text_width(text, size) for text in column) for column in columns]
    return [
        (3 * FIGURE_SPACE).join(
            FIGURE_SPACE * round((wide - text_width(text, size)) / space) + text
            for text, wide in zip(row, widest, strict=True)
        )
        for row in zip(*columns, strict=True)
    ]


def keys(names: Sequence[str], styles: Sequence[dict]) -> list[Artist]:
    """Return what a legend shows: a line or mark in each style, named."""
    return [Line2D([], [], label=name, **style) for name, style in zip(names, styles, strict=True)]


def columns_of(
    legend: Sequence[Artist], most: int = 3, handle: float = 1.6, spacing: float = 1.6
) -> tuple[int, float]:  # fmt: skip
    """Return how many columns of a legend fit on the page, and by how many millimetres it grows for it."""
    return canvas.legend_columns([key.get_label() for key in legend], most, handle, spacing)


def page_legend(figure: Figure, legend: Sequence[Artist], ncols: int, spacing: float = 1.6, **style) -> None:
    """Draw a legend at the lower left of a page."""
    style = {"handlelength": 1.6, **CORNER, **style}
    figure.legend(handles=legend, ncols=ncols, columnspacing=spacing, **style)


def legend_below(axes: Axes, legend: Sequence[Artist], handle: float = 1.6, spacing: float = 1.6) -> None:
    """Give somebody's Axes a legend below their labels, in the middle of all that stands around them."""
    names = [key.get_label() for key in legend]
    ncols, _ = canvas.legend_columns(names, len(names), handle, spacing, room(axes)[0])
    written = axes.get_xlabel()
    down = 4 + LINE * any(label.get_text() for label in axes.get_xticklabels())
    down += 5 + LINE * (1 + written.count("\n")) if written else 0
    left = _widest(axes.get_yticklabels())
    right = max((_widest(child.get_yticklabels()) for child in axes.child_axes), default=0)
    aside = ((right - left) / 2 * MILLIMETRE, -down / 72)  # inches
    below = axes.transAxes + mpl.transforms.ScaledTranslation(*aside, axes.figure.dpi_scale_trans)
    style = {"handlelength": handle, "columnspacing": spacing, "borderaxespad": 0}
    place = {"loc": "upper center", "bbox_to_anchor": (0.5, 0), "bbox_transform": below}
    axes.legend(handles=legend, ncols=ncols, **style, **place)


def _widest(labels: Sequence[Text]) -> float:
    """Return how many millimetres labels of ticks take, with the gap between them and the axes."""
    lines = [(line, label.get_fontsize()) for label in labels for line in label.get_text().split("\n")]
    return max((text_width(line, size) + 1.8 for line, size in lines if line), default=0)


def interval_rows(axes: Axes, y: np.ndarray, numbers: Sequence, line: dict, point: dict) -> None:
    """Draw rows of intervals: a line from low to high, and a point on the estimate.

    `numbers` are estimates, lower and upper ends; `line` and `point` are their styles.
    """
    estimate, low, high = numbers
    axes.hlines(y, low, high, **{"zorder": 2, **line})
    axes.plot(estimate, y, **{"marker": "o", "ls": "", "zorder": 3, **point})


def cells(axes: Axes, x: np.ndarray, y: np.ndarray, side: float = 0.84, **style) -> None:
    """Draw squares of a grid that grow and shrink with the Axes; `side` is a share of the grid's."""
    corners = side / 2 * np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)])
    squares = np.column_stack([x, y])[:, None, :] + corners
    axes.add_collection(mpl.collections.PolyCollection(squares, **{"lw": 0, **style}))


def across(axes: Axes) -> mpl.transforms.Transform:
    """Return a transform for texts of rows: across by shares of the page, up by data."""
    return mpl.transforms.blended_transform_factory(axes.figure.transFigure, axes.transData)


def grid(axes: Axes, axis: str = "both") -> None:
    """Draw faint lines behind data."""
    axes.grid(axis=axis, color=FAINT, lw=0.4)


def scale_on_the_left(axes: Axes) -> None:
    """Show the left spine and its ticks, of axes that are two scales."""
    axes.spines["left"].set_visible(True)
    axes.tick_params(axis="y", size=STYLE["xtick.major.size"])
