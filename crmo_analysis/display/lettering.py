"""Texts of a figure: how wide they are, lines that they are broken into, and signs of numbers."""

import math
import re
import warnings
from collections.abc import Sequence
from functools import cache

import matplotlib as mpl
import numpy as np
from matplotlib.ft2font import FT2Font, LoadFlags

MILLIMETRE = 1 / 25.4
# DejaVu ships with matplotlib, so every system draws the same. Embedding a font takes a PDF longer than
# drawing does: so one weight.
FONT = "DejaVu Sans"
SMALLEST_TEXT, LEGEND_TEXT = 6.0, 6.5  # points
_P = re.compile(r"(?<![A-Za-z])[Pp] ?([=<>≤≥]) ?(\.?\d)")
_DECIMAL = re.compile(r"(?<![\d.])(\d+)\.(\d+)(?!\d|\.\d)")
_PERCENT = re.compile(r"(?<=\d)[ \u00a0]%")
_MINUS = re.compile(r"(?<![\w)\]–-])-(?=\d)|(?<=[\w)] )-(?= [\d(])")


def broken_labels(labels: Sequence[str], widest: float, size: float = 7) -> list[str]:
    """Break labels into lines of so many millimetres, or of the longest word; lines that they have stay."""
    # A word that is too long is not cut: it runs over the edge, and the figure is refused.
    words = [word for label in labels for word in str(label).split()]
    room = max([widest, *(text_width(word, size) + 0.01 for word in words)])
    return ["\n".join(evenly(line, room, size) for line in str(label).split("\n")) for label in labels]


def evenly(text: str, widest: float, size: float) -> str:
    """Break a text into as few lines as fit, none much shorter than the others."""
    wide = text_width(text, size)
    word = max((text_width(word, size) for word in text.split()), default=0.0)
    even = max(1.1 * wide / max(1, math.ceil(wide / widest)), word + 0.01)
    tried = [fitted(text, min(room, widest), size) for room in (even, widest)]
    return min(tried, key=lambda broken: broken.count("\n"))


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
    size = LEGEND_TEXT
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
    path = mpl.font_manager.findfont(FONT, fallback_to_default=False)
    font = FT2Font(path)
    font.set_size(size, 720)
    return font


def fitted(text: str, widest: float, size: float = 7) -> str:
    """Break a text into lines of so many millimetres at most; a single longer word is cut.

    A sign such as "=" stays with what stands on both sides of it.
    """
    lines = [""]
    for word in re.split(r"(?<![=<>≤≥])\s+(?![=<>≤≥])", str(text).strip()):
        while text_width(word, size) > widest:
            word = f"{word[: max(1, int(len(word) * 0.9) - 1)]}…"
        longer = f"{lines[-1]} {word}".strip()
        lines = [*lines[:-1], longer] if text_width(longer, size) <= widest else [*lines, word]
    return "\n".join(lines)


def signed(text: str, decimal: str = ".", p: str = "P", zero: bool = True, is_p: bool = False) -> str:
    """Write the numbers of a text as a journal does.

    Parameters
    ----------
    text : str
    decimal, p : str
        The decimal sign, and "P" or "p"; blanks stand around the sign after it, and none before "%".
    zero : bool
        Whether a P value has a zero before its decimal sign.
    is_p : bool
        Whether the text is a P value alone.
    """
    text = _PERCENT.sub("%", re.sub(r"(?<![\w.])P(?!\w|\. ?[a-z\d])", p, _P.sub(r"P \1 \2", text)))
    if not zero:
        text = re.sub(rf"(?<![A-Za-z]){p} ([=<>≤≥]) 0\.", rf"{p} \1 .", text)
        text = re.sub(r"(?<!\d)0\.(?=\d)", ".", text) if is_p else text
    return true_minus(_DECIMAL.sub(rf"\1{decimal}\2", text))


def true_minus(text: str) -> str:
    """Write the sign of negative numbers, and of subtractions, as a minus."""
    return _MINUS.sub("−", text)
