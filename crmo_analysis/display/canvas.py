"""The page that a figure is drawn on: size, style, and files whose bytes do not change.

Colours are those of Okabe and Ito, and no distinction rests on colour alone.
"""

import io
import json
import unicodedata
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from crmo_analysis.display.lettering import (
    FONT,
    LEGEND_TEXT,
    MILLIMETRE,
    SMALLEST_TEXT,
    evenly,
    signed,
    text_width,
    true_minus,
)
from crmo_analysis.files import UnfitError, write_bytes_atomically

WIDTH = 140.0
INK, MUTED, FAINT, PAPER = "#111111", "#5f5f5f", "#d9d9d9", "#ffffff"
BLUE, ORANGE, GREEN = "#0072B2", "#E69F00", "#009E73"
VERMILLION, PURPLE, SKY = "#D55E00", "#AA4499", "#56B4E9"
SHADES = mpl.colors.LinearSegmentedColormap.from_list("share", ["#e3eef7", "#6aaed6", BLUE, "#00375a"])
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
    "font.family": FONT,
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
    "legend.fontsize": LEGEND_TEXT,
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
LINE_HIGH = 3.2  # millimetres from a line of a title to the next
PADDING = 2.0  # millimetres around axes and all that stands beside them
ADVICE = "shorten it or widen the figure"
SMALLEST_AXES = 14.0  # millimetres; in less, nothing can be read
FORMATS = {
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    "png": {"Software": None},
}


@dataclass(frozen=True)
class Page:
    """Where figures will stand: `width` in millimetres, `dpi` of bitmaps, and whether titles are drawn.

    Journals want titles in the caption; without titles, a figure carries its own as its label, for the
    caption. With `signs`, numbers are written as `signed` writes them.
    """

    width: float = WIDTH
    dpi: int = STYLE["savefig.dpi"]
    titles: bool = True
    signs: Mapping[str, object] | None = None

    def signed(self, text: str, is_p: bool = False) -> str:
        """Write the numbers of a text, or a P value alone, with the signs of the page."""
        return true_minus(text) if self.signs is None else signed(text, **self.signs, is_p=is_p)


_pages = [Page()]


def page() -> Page:
    """Return the page that figures are drawn for."""
    return _pages[-1]


def use_page(new: Page | None = None) -> None:
    """Draw all further figures of this process for a page; without one, for the usual page."""
    _pages[:] = [new or Page()]


def blank(
    height: float, title: str = "", subtitle: str = "", width: float = 0
) -> tuple[Figure, mpl.axes.Axes]:
    """Return a figure with a title that says what is seen, and Axes that leave room for what is beside them.

    Parameters
    ----------
    height, width : float
        Millimetres at final size; no width is that of the page. Without a title it is less high.
    title, subtitle : str
        The finding, and what it rests on.
    """
    width = width or page().width
    texts = _headings(title, subtitle, width) if page().titles and (title or subtitle) else []
    usual = 12 if subtitle else 8
    head = usual + sum(LINE_HIGH * text.count("\n") for text, *_ in texts) if texts else 0
    height += head - usual
    with mpl.rc_context(STYLE):
        size = (width * MILLIMETRE, height * MILLIMETRE)
        figure = Figure(figsize=size, dpi=page().dpi, facecolor=PAPER, layout="constrained")
        pads = {"w_pad": PADDING * MILLIMETRE, "h_pad": PADDING * MILLIMETRE}
        figure.get_layout_engine().set(**pads, rect=(0, 0, 1, 1 - head / height))
        figure.set_label("\n".join(filter(None, (title, subtitle))))
        for text, size, down, ink in texts:
            figure.text(0.015, 1 - down / height, text, va="top", fontsize=size, color=ink)
        axes = figure.add_subplot()
        axes.spines[["left", "right", "top"]].set_visible(False)
    return figure, axes


def _headings(title: str, subtitle: str, width: float) -> list[tuple[str, float, float, str]]:
    """Return title and subtitle with their sizes, how far down they begin, and their inks.

    A long one is set smaller, as far as it can still be read, and then broken into lines.
    """
    found, below, room = [], 0.0, 0.965 * width
    for text, usual, down, ink in ((title, 9.2, 2.2, INK), (subtitle, 6.8, 7.2, MUTED)):
        least = max(SMALLEST_TEXT, 0.8 * usual)
        size = max(least, min(usual, usual * room / max(text_width(text, usual), 1)))
        broken = evenly(text, room, size)
        found.append((broken, size, down + below, ink))
        below += LINE_HIGH * broken.count("\n")
    return found


def ink_on(colour: str) -> str:
    """Return the ink that is read best on a colour."""
    return max((INK, PAPER), key=lambda ink: contrast(ink, colour))


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours, from 1 to 21 (Web Content Accessibility Guidelines 2.2)."""
    rgb = np.array([mpl.colors.to_rgb(colour) for colour in (one, other)])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    low, high = sorted((linear @ [0.2126, 0.7152, 0.0722]).tolist())
    return (high + 0.05) / (low + 0.05)


def _settle(figure: Figure, source: str) -> None:
    """Lay a figure out once, for all formats; and say inside its axes that what is shown was not observed."""
    FigureCanvasAgg(figure)
    if page().signs is not None:
        figure.draw_without_rendering()
        for axes in figure.axes:
            _sign_ticks(axes)
    for text in figure.findobj(mpl.text.Text):
        if page().signed(text.get_text()) != text.get_text():
            text.set_text(page().signed(text.get_text()))
    mark(figure.axes, source)
    figure.draw_without_rendering()
    # Not "none", which leaves a placeholder: every format would lay the figure out again, to no effect.
    with mpl.rc_context({"figure.constrained_layout.use": False, "figure.autolayout": False}):
        figure.set_layout_engine(None)


def _sign_ticks(axes: mpl.axes.Axes) -> None:
    """Write what ticks say with the signs of the page; their places no longer change."""
    for axis in (axes.xaxis, axes.yaxis):
        ends = axis.get_view_interval().copy()
        ticks = [tick for tick in axis.get_major_ticks() if min(ends) <= tick.get_loc() <= max(ends)]
        labels = [tick.label1.get_text() or tick.label2.get_text() for tick in ticks]
        if any(labels):
            axis.set_ticks([tick.get_loc() for tick in ticks], [page().signed(text) for text in labels])
            axis.set_view_interval(*ends, ignore=True)
    for child in axes.child_axes:
        _sign_ticks(child)


def mark(axes: Sequence[mpl.axes.Axes], source: str) -> None:
    """Say at the upper edge of axes of one figure, where it was not, that what is shown was not observed."""
    if source not in STATUS or not axes:
        return
    axes[0].get_figure(root=True).draw_without_rendering()
    with mpl.rc_context(STYLE):
        for each in axes:
            if not getattr(each, "is_marked", False):
                _band(each, STATUS[source])
            each.is_marked = True


def _band(axes: mpl.axes.Axes, status: str) -> None:
    """Make room at the upper edge inside axes, and write there what all of it is."""
    wide, high = axes.get_position().size * (axes.get_figure(root=True).get_size_inches() / MILLIMETRE)
    share = STATUS_BAND / high
    low, top = axes.get_ylim()
    inside = [tick for tick in axes.get_yticks() if min(low, top) <= tick <= max(low, top)]
    if not isinstance(axes.yaxis.get_major_locator(), mpl.ticker.FixedLocator):
        axes.yaxis.set_major_locator(mpl.ticker.FixedLocator(inside))
    to = axes.yaxis.get_transform()  # as scales may be logarithmic
    start, end = to.transform([low, top])
    top = to.inverted().transform([start + (end - start) / (1 - share)])[0]
    axes.set_ylim(low, top, auto=axes.get_autoscaley_on())  # for what a person adds
    look = {"transform": axes.transAxes, "zorder": 9, "clip_on": False}
    axes.add_patch(mpl.patches.Rectangle((0, 1 - share), 1, share, fc=MUTED, lw=0, **look))
    times = max(1, int(wide / (2.2 * text_width(status, 6.5))))  # so that a part shows it as well
    style = {"ha": "center", "va": "center_baseline", "fontsize": 6.5, "color": PAPER, **look}
    for place in range(times):
        axes.text((place + 0.5) / times, 1 - share / 2, status, **style)


def _check_fits(figure: Figure) -> None:
    """Refuse a figure that cannot be read: nobody may be looking when it is made."""
    renderer = FigureCanvasAgg(figure).get_renderer()
    for axes in figure.axes:
        if axes.bbox.width < SMALLEST_AXES * MILLIMETRE * figure.dpi:
            raise UnfitError(f"what stands beside the axes leaves no room for them; {ADVICE}")
        for patch, text in getattr(axes, "boxed", ()):
            inside, box = text.get_window_extent(renderer), patch.get_window_extent(renderer)
            if inside.width > box.width or inside.height > box.height:
                raise UnfitError(f"the text '{text.get_text()}' runs over its box; {ADVICE}")
    hidden = set()  # labels of ticks beyond the ends of an axis, or of none, exist, but are not drawn
    scales = [each for axes in figure.axes for each in (axes, *axes.child_axes)]
    for axis in [axis for axes in scales for axis in (axes.xaxis, axes.yaxis)]:
        low, high = sorted(axis.get_view_interval())
        is_drawn = axis.axes.axison
        seen = {tick.label1: is_drawn and low <= tick.get_loc() <= high for tick in axis.get_major_ticks()}
        hidden |= {label for label, is_seen in seen.items() if not is_seen}
        _check_apart([label for label in seen if seen[label]], axis.axis_name == "y", renderer)
    for text in set(figure.findobj(mpl.text.Text)) - hidden:
        if text.get_visible() and text.get_text().strip():
            _check_text(text.get_text(), text.get_window_extent(renderer), figure.bbox.padded(1))


def _check_text(written: str, box: mpl.transforms.Bbox, edge: mpl.transforms.Bbox) -> None:
    """Refuse a text that runs over the edge, was cut, or cannot be drawn."""
    if not (edge.x0 <= box.x0 and box.x1 <= edge.x1 and edge.y0 <= box.y0 and box.y1 <= edge.y1):
        raise UnfitError(f"the text '{written}' runs over the edge of the figure; {ADVICE}")
    if written.endswith("…") and not page().titles:
        raise UnfitError(f"the text '{written}' had to be cut; {ADVICE}")
    if any(unicodedata.bidirectional(letter) in ("R", "AL", "AN") for letter in written):
        more = "which figures cannot draw; use Latin letters"
        raise UnfitError(f"the text '{written}' runs from right to left, {more}")


def _check_apart(labels: Sequence[mpl.text.Text], is_upright: bool, renderer) -> None:
    """Refuse labels of ticks that run into each other."""
    shown = [label for label in labels if label.get_text().strip() and label.get_visible()]
    boxes = [label.get_window_extent(renderer).get_points()[:, int(is_upright)] for label in shown]
    order = sorted(range(len(shown)), key=lambda place: tuple(boxes[place]))
    for one, other in pairwise(order):
        if boxes[other][0] < boxes[one][1] - 0.5:
            both = f"'{shown[one].get_text()}' and '{shown[other].get_text()}'"
            raise UnfitError(f"the labels {both} run into each other; {ADVICE}")


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
            _settle(figure, source)
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
