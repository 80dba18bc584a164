"""The page that a figure is drawn on: size, style, text that fits, and files whose bytes do not change.

Colours are those of Okabe and Ito, and no distinction rests on colour alone.
"""

import io
import json
import re
import unicodedata
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path

import matplotlib as mpl
import numpy as np
import seaborn as sns
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ft2font import FT2Font, LoadFlags

from crmo_analysis.files import UnfitError, write_bytes_atomically

MILLIMETRE = 1 / 25.4
WIDTH = 140.0
SMALLEST_TEXT = 6.0  # points
INK, MUTED, FAINT, PAPER = "#111111", "#5f5f5f", "#d9d9d9", "#ffffff"
BLUE, ORANGE, GREEN, VERMILLION, PURPLE, SKY = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#D55E00",
    "#AA4499",
    "#56B4E9",
)
# A fill that is lighter than 3:1 against paper has an edge that is not.
EDGE = {"edgecolor": MUTED, "linewidth": 0.5}
VERDICT_COLOURS = {
    "matches": GREEN,
    "differs": VERMILLION,
    "conflicts": PURPLE,
    "ambiguous": ORANGE,
    "stated": FAINT,
    "unfinished": PAPER,
}
VERDICT_SIGNS = {"matches": "", "differs": "×", "conflicts": "!", "ambiguous": "?", "stated": ""}
VERDICT_SIGNS |= {"unfinished": "~"}
STYLE = {
    # DejaVu ships with matplotlib, so every system draws the same. Embedding a font takes a PDF longer than
    # drawing does: so one weight.
    "font.family": "DejaVu Sans",
    "axes.unicode_minus": True,
    "text.parse_math": False,  # a dollar sign is one
    "font.size": 7,
    "axes.titlesize": 8,
    "axes.labelsize": 7,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.6,
    "xtick.color": MUTED,
    "ytick.color": INK,
    "xtick.labelsize": 6.5,
    "ytick.labelsize": 7,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 0,
    "legend.fontsize": 6.5,
    "legend.frameon": False,
    "hatch.linewidth": 0.6,
    "pdf.fonttype": 42,
    "svg.fonttype": "path",
    "svg.hashsalt": "crmo_analysis",
    "savefig.dpi": 300,
    "path.simplify": False,
}
STATUS = {"reconstructed": "RECONSTRUCTED", "simulated": "SIMULATED"}
STATUS_BAND = 3.6  # millimetres
PADDING = 2.0  # millimetres around axes and all that stands beside them
SMALLEST_AXES = 14.0  # millimetres; in less, nothing can be read
FORMATS = {
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    "png": {"Software": None},
}
_MINUS = re.compile(r"(?<![\w)\]–-])-(?=\d)")


@dataclass(frozen=True)
class Page:
    """Where figures will stand: `width` in millimetres, `dpi` of bitmaps, and whether titles are drawn.

    Journals want titles in the caption; without titles, a figure carries its own as its label, for the
    caption.
    """

    width: float = WIDTH
    dpi: int = STYLE["savefig.dpi"]
    titles: bool = True


_pages = [Page()]


def page() -> Page:
    """Return the page that figures are drawn for."""
    return _pages[-1]


def use_page(new: Page | None = None) -> None:
    """Draw all further figures of this process for a page; without one, for the usual page."""
    _pages[:] = [new or Page()]


def height_of(figure: Figure) -> float:
    """Return a figure's height in millimetres."""
    return figure.get_figheight() / MILLIMETRE


def blank(
    height: float, title: str = "", subtitle: str = "", width: float = 0
) -> tuple[Figure, mpl.axes.Axes]:
    """Return a figure with a title that says what is seen, and Axes that leave room for what is beside them.

    Parameters
    ----------
    height, width : float
        Millimetres at final size; no width is that of the page. Where titles are not drawn, it is less high.
    title, subtitle : str
        The finding, and what it rests on.
    """
    head = 12 if subtitle else 8
    if not page().titles:
        height, head = height - head, 0
    width = width or page().width
    with mpl.rc_context(STYLE):
        size = (width * MILLIMETRE, height * MILLIMETRE)
        figure = Figure(figsize=size, dpi=page().dpi, facecolor=PAPER, layout="constrained")
        pads = {"w_pad": PADDING * MILLIMETRE, "h_pad": PADDING * MILLIMETRE}
        figure.get_layout_engine().set(**pads, rect=(0, 0, 1, 1 - head / height))
        figure.set_label("\n".join(filter(None, (title, subtitle))))
        texts = ((title, 9.2, 2.2, INK), (subtitle, 6.8, 7.2, MUTED))
        for text, size, down, ink in texts if page().titles else ():
            # A long title is set smaller, as far as it can still be read.
            size = max(SMALLEST_TEXT, min(size, size * 0.965 * width / max(text_width(text, size), 1)))
            text = fitted_labels([text], 0.965 * width, size)[0][0]
            figure.text(0.015, 1 - down / height, text, va="top", fontsize=size, color=ink)
        axes = figure.add_subplot()
        sns.despine(ax=axes, left=True)
    return figure, axes


def broken_labels(labels: Sequence[str], widest: float, size: float = 7) -> list[str]:
    """Break labels into lines of so many millimetres, or of the longest word; lines that they have stay."""
    # A word that is too long is not cut: it runs over the edge, and the figure is refused.
    words = [word for label in labels for word in str(label).split()]
    room = max([widest, *(text_width(word, size) + 0.01 for word in words)])
    return ["\n".join(fitted_labels(str(label).split("\n"), room, size)[0]) for label in labels]


def legend_columns(
    labels: Sequence[str], width: float, handle: float = 2, spacing: float = 2
) -> tuple[int, int]:
    """Return in how many columns, and rows, a legend fits into so many millimetres.

    Parameters
    ----------
    labels : sequence of str
    width : float
    handle, spacing : float
        `handlelength` and `columnspacing`.
    """
    size = STYLE["legend.fontsize"]
    em = size / 72 / MILLIMETRE
    for columns in range(len(labels), 0, -1):
        parts = np.array_split(list(labels), columns)  # as matplotlib does
        wide = sum(max((text_width(text, size) for text in part.tolist()), default=0) for part in parts)
        if wide + columns * em * (handle + 0.8) + (columns - 1) * em * spacing <= width - 7:
            return columns, -(-len(labels) // columns)
    return 1, len(labels)


@cache
def text_width(text: str, size: float = 7) -> float:
    """Return how wide a line of text is, in millimetres."""
    font = _font(size)
    with warnings.catch_warnings(action="ignore"):
        font.set_text(text, 0, flags=LoadFlags.NO_HINTING)
    return font.get_width_height()[0] / 64 / 720 / MILLIMETRE


@cache
def _font(size: float) -> FT2Font:
    path = mpl.font_manager.findfont(STYLE["font.family"], fallback_to_default=False)
    font = FT2Font(path)
    font.set_size(size, 720)
    return font


def fitted_labels(labels: Sequence[str], widest: float = 52, size: float = 7) -> tuple[list[str], float]:
    """Break labels into lines that are not too wide.

    Parameters
    ----------
    labels : sequence of str
    widest : float
        Millimetres; a single longer word is cut.
    size : float
        Of the font, in points.

    Returns
    -------
    tuple of list of str and float
        The labels, and how wide the widest line is in millimetres.
    """
    broken = []
    for label in labels:
        lines = [""]
        for word in str(label).split():
            while text_width(word, size) > widest:
                word = f"{word[: max(1, int(len(word) * 0.9) - 1)]}…"
            longer = f"{lines[-1]} {word}".strip()
            lines = [*lines[:-1], longer] if text_width(longer, size) <= widest else [*lines, word]
        broken.append("\n".join(lines))
    lines = [line for label in broken for line in label.split("\n")]
    return broken, max(text_width(line, size) for line in lines) if lines else 0.0


def ink_on(colour: str) -> str:
    """Return the ink that is read best on a colour."""
    return max((INK, PAPER), key=lambda ink: contrast(ink, colour))


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours, from 1 to 21 (Web Content Accessibility Guidelines 2.2)."""
    rgb = np.array([mpl.colors.to_rgb(colour) for colour in (one, other)])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    low, high = sorted((linear @ [0.2126, 0.7152, 0.0722]).tolist())
    return (high + 0.05) / (low + 0.05)


def true_minus(text: str) -> str:
    """Write the sign of negative numbers as a minus."""
    return _MINUS.sub("−", text)


def _settle(figure: Figure, status: str) -> None:
    """Lay a figure out once, for all formats; and say inside its axes that what is shown was not observed."""
    for text in figure.findobj(mpl.text.Text):
        if true_minus(text.get_text()) != text.get_text():
            text.set_text(true_minus(text.get_text()))
    FigureCanvasAgg(figure)
    if status:
        figure.draw_without_rendering()
        for axes in figure.axes:
            _band(axes, status)
    figure.draw_without_rendering()
    # Not "none", which leaves a placeholder: every format would lay the figure out again, to no effect.
    with mpl.rc_context({"figure.constrained_layout.use": False, "figure.autolayout": False}):
        figure.set_layout_engine(None)


def _band(axes: mpl.axes.Axes, status: str) -> None:
    """Make room at the upper edge inside axes, and write there what all of it is."""
    share = STATUS_BAND / (axes.get_position().height * height_of(axes.figure))
    low, high = axes.get_ylim()
    inside = [tick for tick in axes.get_yticks() if min(low, high) <= tick <= max(low, high)]
    if not isinstance(axes.yaxis.get_major_locator(), mpl.ticker.FixedLocator):
        axes.yaxis.set_major_locator(mpl.ticker.FixedLocator(inside))
    to, back = (
        axes.yaxis.get_transform(),
        axes.yaxis.get_transform().inverted(),
    )  # as scales may be logarithmic
    start, end = to.transform([low, high])
    axes.set_ylim(low, back.transform([start + (end - start) / (1 - share)])[0])
    look = {"transform": axes.transAxes, "zorder": 9, "clip_on": False}
    axes.add_patch(mpl.patches.Rectangle((0, 1 - share), 1, share, fc=MUTED, lw=0, **look))
    wide = axes.get_position().width * axes.figure.get_figwidth() / MILLIMETRE
    times = max(1, int(wide / (2.2 * text_width(status, 6.5))))  # so that a part shows it as well
    style = {"ha": "center", "va": "center_baseline", "fontsize": 6.5, "color": PAPER, **look}
    for place in range(times):
        axes.text((place + 0.5) / times, 1 - share / 2, status, **style)


def _check_fits(figure: Figure) -> None:
    """Refuse a figure that cannot be read: nobody may be looking when it is made."""
    renderer = FigureCanvasAgg(figure).get_renderer()
    edge = figure.bbox.padded(1)
    hidden = set()  # labels of ticks beyond the ends of an axis exist, but are not drawn
    for axes in figure.axes:
        if axes.bbox.width < SMALLEST_AXES * MILLIMETRE * figure.dpi:
            raise UnfitError(
                "what stands beside the axes leaves no room for them; shorten it or widen the figure"
            )
        for patch, text in getattr(axes, "boxed", ()):
            if text.get_window_extent(renderer).width > patch.get_window_extent(renderer).width:
                raise UnfitError(
                    f"the text '{text.get_text()}' runs over its box; shorten it or widen the figure"
                )
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            hidden |= {tick.label1 for tick in axis.get_major_ticks() if not low <= tick.get_loc() <= high}
            _check_ticks(axis, hidden, renderer)
    for text in set(figure.findobj(mpl.text.Text)) - hidden:
        written = text.get_text()
        if not (text.get_visible() and written.strip()):
            continue
        box = text.get_window_extent(renderer)
        if not (edge.x0 <= box.x0 and box.x1 <= edge.x1 and edge.y0 <= box.y0 and box.y1 <= edge.y1):
            raise UnfitError(
                f"the text '{written}' runs over the edge of the figure; shorten it or widen the figure"
            )
        if written.endswith("…") and not page().titles:
            raise UnfitError(f"the text '{written}' had to be cut; shorten it or widen the figure")
        if text.get_fontsize() < SMALLEST_TEXT:
            raise UnfitError(
                f"the text '{written}' is set in {text.get_fontsize():g} pt, expected {SMALLEST_TEXT:g}"
            )
        if any(unicodedata.bidirectional(letter) in ("R", "AL", "AN") for letter in written):
            raise UnfitError(
                f"the text '{written}' runs from right to left, which figures cannot draw; use Latin letters"
            )


def _check_ticks(axis: mpl.axis.Axis, hidden: set, renderer) -> None:
    """Refuse labels of ticks that run into each other."""
    side = 1 if isinstance(axis, mpl.axis.YAxis) else 0
    labels = [tick.label1 for tick in axis.get_major_ticks() if tick.label1.get_text().strip()]
    boxes = [
        (label.get_window_extent(renderer).get_points()[:, side], label.get_text())
        for label in labels
        if label.get_visible() and label not in hidden
    ]
    boxes.sort(key=lambda box: tuple(box[0]))
    for (one, text), (other, below) in pairwise(boxes):
        if other[0] < one[1] - 0.5:
            raise UnfitError(
                f"the labels '{text}' and '{below}' run into each other; shorten them or widen the figure"
            )


def rendered(figure: Figure, data_csv: str, caption: str, alt: str, source: str) -> dict[str, bytes]:
    """Draw a figure as SVG, PDF and PNG; return these, its data and its texts, by their endings.

    Parameters
    ----------
    figure : Figure
    data_csv : str
        What is plotted, as CSV.
    caption, alt : str
        For readers, and for those who cannot see it.
    source : str
        "published", "derived from published numbers", "reconstructed", "simulated" or "user data".

    Raises
    ------
    UnfitError
        If a text runs over the figure's edge or into another, or cannot be written.
    """
    drawn = {ending: io.BytesIO() for ending in FORMATS}
    with mpl.rc_context(STYLE), warnings.catch_warnings():
        warnings.filterwarnings("error", "Glyph .* missing")
        try:
            _settle(figure, STATUS.get(source, ""))
            for ending, metadata in FORMATS.items():
                figure.savefig(drawn[ending], format=ending, metadata=metadata, dpi=figure.dpi)
        except UserWarning as warning:
            raise UnfitError(f"a text has a character that the font lacks: {warning}") from None
        _check_fits(figure)  # labels and legends have found their places by now
    files = {f".{ending}": buffer.getvalue() for ending, buffer in drawn.items()}
    notes = {"caption": caption, "alt": alt, "source": source}
    notes |= {} if page().titles else {"title": figure.get_label()}
    return files | {
        ".csv": data_csv.encode(),
        ".json": (json.dumps(notes, indent=2, ensure_ascii=False) + "\n").encode(),
    }


def save(figure: Figure, stem: Path, data_csv: str, caption: str, alt: str, source: str) -> None:
    """Write the files of `rendered`, at a folder and name without an ending."""
    for ending, content in rendered(figure, data_csv, caption, alt, source).items():
        write_bytes_atomically(stem.with_suffix(ending), content)
