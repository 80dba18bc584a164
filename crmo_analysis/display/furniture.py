"""What plots share: sizes of text, rows of intervals, grids, and what stands around Axes.

A page and the Axes of somebody else are drawn alike: what stands around is labels of ticks and axes, and a
legend, so that Axes may be moved and resized afterwards.
"""

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise, zip_longest

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.text import Text

from crmo_analysis.display import canvas, frames, lettering
from crmo_analysis.display.canvas import BLUE, FAINT, INK, STYLE
from crmo_analysis.display.lettering import MILLIMETRE, text_width
from crmo_analysis.files import CrmoError, InputError, meant
from crmo_analysis.study import read_codebook

HEADING_TEXT, BESIDE_TEXT, PAIR_TEXT, INSIDE_TEXT, NOTE_TEXT = 7.2, 6.8, 6.6, 6.5, 6.3  # points
BAND = {"alpha": 0.25, "lw": 0}
NUMBER_BOX = {"boxstyle": "round,pad=0.15", "fc": canvas.PAPER, "ec": "none", "alpha": 0.85}
USUAL_SHARE = 0.775  # of what falls to Axes, that they take themselves; the rest is for labels
# Of what falls to Axes, for labels left of them: where texts on the right are long, and where they are short.
LABELS, WIDE_LABELS = 0.32, 0.42
LINE = 8.6  # points from a line of text to the next
LINE_HIGH = 2.8  # millimetres, of a label of several lines
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
    """Let a function draw in the style of the page, and take what all plots take.

    Its first argument is what it draws on; who calls it gives `title`, `subtitle` and `ax` instead.
    """
    styled = mpl.rc_context(STYLE)(draw)

    @functools.wraps(draw)
    def plotted(*given, title: str = "", subtitle: str = "", ax: Axes | None = None, **options) -> Axes:
        if "data" in options:  # as seaborn calls it
            given = (options.pop("data"), *given)
        table = next(iter((*given, *options.values())), None)
        for name in ("patients", "frame"):
            if hasattr(table, name) and not isinstance(table, pd.DataFrame):
                raise InputError(
                    f"crmo.plot draws tables: give it `.{name}` of this, or use its own `.plot()`"
                )
        try:
            return styled(Sheet(ax, title, subtitle), *given, **options)
        except (KeyError, ValueError) as error:
            asked = [*error.args, *given[1:4], *map(options.get, ("x", "y", "by"))]
            names = [name for name in asked if isinstance(name, str) and name.isidentifier()]
            lost = [name for name in names if name not in table] if isinstance(table, pd.DataFrame) else []
            if not lost or isinstance(error, CrmoError):
                raise
            has = f"it has {', '.join(map(str, table))}{meant(lost[0], table)}"
            raise InputError(f"the table has no column {lost[0]!r}; {has}") from None

    taken, shared = inspect.signature(draw), inspect.signature(plotted, follow_wrapped=False).parameters
    own = [*taken.parameters.values()][1:]
    first = [each for each in own if each.kind != each.KEYWORD_ONLY]
    own = [*first, shared["title"], shared["subtitle"], *own[len(first) :], shared["ax"]]
    plotted.__signature__ = taken.replace(parameters=own)
    plotted.__doc__ = f"{inspect.cleandoc(draw.__doc__)}{_SHARED}"
    return plotted


def given(axes: Axes) -> Axes:
    """Give somebody's Axes the look of those of a page: spines, sizes of labels, colours."""
    axes.spines[["left", "right", "top"]].set_visible(False)
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


@dataclass(frozen=True)
class Rows:
    """What stands beside rows: labels on the left, texts on the right, headings between them.

    Attributes
    ----------
    y : sequence of float
        Where rows are, downwards.
    labels, texts : sequence of str
        Labels are broken to a share of the room.
    heads : mapping of float to str
        Headings, and where they are.
    share : float
        Of the room, that labels take at most.
    sizes : tuple of float
        Of labels and of texts, in points.
    align : str
        Of texts with several lines.
    pitch : float
        Millimetres of a page from y to y + 1, or as many as labels of several lines need; 0 for roomy ones.
    above : float
        Rows that are left free above.
    """

    y: Sequence[float]
    labels: Sequence[str]
    texts: Sequence[str] = ()
    heads: Mapping[float, str] = field(default_factory=dict)
    share: float = WIDE_LABELS
    sizes: tuple[float, float] = (7, BESIDE_TEXT)
    align: str = "left"
    pitch: float = 0
    above: float = 0


@dataclass(frozen=True)
class Sheet:
    """What a plot is drawn on: a page with title and subtitle, or somebody's Axes."""

    ax: Axes | None
    title: str = ""
    subtitle: str = ""

    @property
    def is_page(self) -> bool:
        """Whether a page is made."""
        return self.ax is None

    @property
    def width(self) -> float:
        """How many millimetres a plot and all beside it can be wide."""
        return canvas.page().width if self.is_page else room(self.ax)[0]

    def axes(self, height: float, width: float = 0) -> Axes:
        """Return somebody's Axes in the look of a page, or those of a page so many millimetres high."""
        if self.is_page:
            return canvas.blank(height, self.title, self.subtitle, width)[1]
        return given(self.ax)

    def rows(self, rows: Rows, legend: Sequence[Artist] = (), width: float = 0) -> Axes:
        """Return Axes with rows, named on both sides; a page is as high as they and the legend need."""
        wide = width or self.width
        labels = lettering.broken_labels(rows.labels, rows.share * wide, rows.sizes[0])
        beside = zip_longest(labels, rows.texts, fillvalue="")
        lines = [max(text.count("\n") for text in pair) + 1 for pair in beside]
        most = max([sum(each) / 2 for each in pairwise(lines)], default=lines[0] if lines else 1)
        steps = zip(pairwise(lines), pairwise(rows.y), strict=True)
        needed = [LINE_HIGH * (one + other) / 2 / abs(y - below) for (one, other), (y, below) in steps]
        pitch = max([rows.pitch, *needed]) if rows.pitch else max(5.2, 1.5 + 3.0 * most)
        names = [key.get_label() for key in legend]
        keys_high = lettering.legend_columns(names, wide)[1] if names else 0
        span = max([*rows.y, *rows.heads], default=0) - min(rows.y, default=0) + 1.2 + rows.above
        foot = 3.6 * keys_high + 6 * bool(legend)
        axes = self.axes(30 + foot + pitch * span, width)
        places = {**dict(zip(rows.y, labels, strict=True)), **rows.heads}
        axes.set_yticks([*places], [*places.values()], fontsize=rows.sizes[0], color=INK, parse_math=False)
        for label in axes.get_yticklabels()[len(rows.y) :]:
            label.set(color=BLUE, fontsize=HEADING_TEXT)
        if len(rows.texts):
            beside_rows(axes, rows.y, rows.texts, rows.sizes[1], rows.align)
        axes.set_ylim(min(rows.y, default=0) - 0.7, max(places, default=0) + 0.7 + rows.above)
        axes.tick_params(axis="y", length=0)
        return axes

    def name_x(self, axes: Axes, *lines: str, share: float = 0.54) -> None:
        """Write below rows what their scale is, in lines that are no wider than rows leave it."""
        broken = lettering.broken_labels([*filter(None, lines)], share * self.width, STYLE["axes.labelsize"])
        axes.set_xlabel("\n".join(broken))

    def legend(self, axes: Axes, legend: Sequence[Artist], handle: float = 1.6, spacing: float = 1.6) -> None:
        """Give a page a legend at its foot, or somebody's Axes one below their labels, in their middle."""
        names, style = [key.get_label() for key in legend], {"handlelength": handle, "columnspacing": spacing}
        wide = axes.figure.get_figwidth() / MILLIMETRE if self.is_page else room(axes)[0]
        ncols, _ = lettering.legend_columns(names, wide, handle, spacing)
        if self.is_page:
            axes.figure.legend(handles=legend, ncols=ncols, loc="outside lower left", **style)
            return
        written = axes.get_xlabel()
        down = 4 + LINE * any(label.get_text() for label in axes.get_xticklabels())
        down += 5 + LINE * (1 + written.count("\n")) if written else 0
        left = _widest(axes.get_yticklabels())
        right = max((_widest(child.get_yticklabels()) for child in axes.child_axes), default=0)
        aside = ((right - left) / 2 * MILLIMETRE, -down / 72)  # inches
        below = axes.transAxes + mpl.transforms.ScaledTranslation(*aside, axes.figure.dpi_scale_trans)
        place = {
            "loc": "upper center",
            "bbox_to_anchor": (0.5, 0),
            "bbox_transform": below,
            "borderaxespad": 0,
        }
        axes.legend(handles=legend, ncols=ncols, **style, **place)


def sectioned(sections: Sequence[str]) -> tuple[np.ndarray, dict[float, str]]:
    """Return where rows are that have a heading wherever their section changes, and where headings are."""
    sections = pd.Series(list(sections), dtype=object)
    begins = ((sections != sections.shift()) & (sections != "")).to_numpy()
    y = -np.cumsum(np.where(begins, 2.0, 1.0))
    return y, dict(zip((y[begins] + 1).tolist(), sections[begins], strict=True))


def beside_rows(
    axes: Axes, y: Sequence[float], texts: Sequence[str], size: float = BESIDE_TEXT, align: str = "left"
) -> list[Text]:
    """Write texts right of Axes as labels of ticks, which follow when the Axes are moved."""
    right = axes.secondary_yaxis("right")
    style = {"fontsize": size, "color": INK, "multialignment": align}
    right.set_yticks(y, [lettering.true_minus(text) for text in texts], parse_math=False, **style)
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


def apart(heights: Sequence[float], sizes: Sequence[float], bottom: float = -np.inf) -> list[float]:
    """Move the middles of labels, from the highest, down as little as keeps them apart.

    Each is as high as its size. Where the last one would be below the bottom, those above it make room.
    """
    places, top = [], np.inf
    for height, size in zip(heights, sizes, strict=True):
        places.append(min(height, top - size / 2))
        top = places[-1] - size / 2
    for number in reversed(range(len(places))):
        places[number] = max(places[number], bottom)
        bottom = places[number] + (sizes[number] + sizes[number - 1]) / 2
    return places


def keys(names: Sequence[str], styles: Sequence[dict]) -> list[Artist]:
    """Return what a legend shows: a line or mark in each style, named."""
    return [Line2D([], [], label=name, **style) for name, style in zip(names, styles, strict=True)]


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


def grid(axes: Axes, axis: str = "both") -> None:
    """Draw faint lines behind data."""
    axes.grid(axis=axis, color=FAINT, lw=0.4)


def on_two_scales(axes: Axes, lines: str = "both") -> None:
    """Show the left spine and its ticks, of axes that are two scales, and faint lines behind data."""
    axes.spines["left"].set_visible(True)
    like_x = {"size": STYLE["xtick.major.size"], "labelsize": STYLE["xtick.labelsize"]}
    axes.tick_params(axis="y", labelcolor=STYLE["xtick.color"], **like_x)
    grid(axes, lines)


def scale_label(name: str) -> str:
    """Say what the scale of a column is: in the words of the codebook, or in its own."""
    codebook = read_codebook()
    return frames.axis_label(codebook[name]) if name in codebook else name
