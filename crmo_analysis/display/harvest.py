"""Evidence of unlike kinds on one plot: P values against patients, with contours of equal size."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from scipy.special import stdtr

from crmo_analysis.display.canvas import BLUE, FAINT, GREEN, INK, MUTED, ORANGE, VERMILLION, page
from crmo_analysis.display.furniture import NUMBER_BOX, Sheet, apart, axes_level, beside_rows, grid, keys
from crmo_analysis.display.lettering import SMALLEST_TEXT

SIZES = (0.1, 0.2, 0.3, 0.5, 0.7)  # of correlations, whose contours are drawn
LEAST_P, BESIDE = 1e-5, 3.0  # the least P value that is told; where rows stand that print none
END = 0.25 * LEAST_P  # of the scale
NARROW = 115.0  # millimetres, up to which every other P value is named
APART = 0.042  # of the height, from a name to the next
KINDS = {
    "coefficient": {"marker": "o", "color": BLUE},
    "odds ratio or other measure": {"marker": "s", "color": GREEN},
    "P value only": {"marker": "^", "color": ORANGE, "mec": MUTED},
    "positive, no P value printed": {"marker": "^", "color": MUTED, "mfc": "none"},
    "null, no P value printed": {"marker": "o", "color": INK, "mfc": "none"},
    "direction not printed": {"marker": "x", "color": VERMILLION},
    "your cohort": {"marker": "*", "color": INK, "ms": 9},
}


@axes_level
def harvest(on: Sheet, frame: pd.DataFrame) -> Axes:
    """Draw one mark a published statement: its P value, and in how many patients.

    Along a contour a correlation has one size (by t with n - 2 degrees of freedom), so that statements of
    unlike kinds can be compared (an albatross plot; Harrison S et al. Res Synth Methods 2017;8:281-289).

    Parameters
    ----------
    frame : DataFrame
        `label, n, p, kind`: whose statement it is, p missing where none is printed, kind one of `KINDS`.
    """
    there = [kind for kind in KINDS if kind in set(frame["kind"])]
    styles = [{"ls": "", "ms": 4.5, **KINDS[kind]} for kind in there]
    axes = on.axes(104)
    top = 10 ** np.ceil(np.log10(1.3 * frame["n"].max()))
    _draw_contours(axes, top)
    for kind, style in zip(there, styles, strict=True):
        rows = frame[frame["kind"] == kind]
        axes.plot(rows["p"].fillna(BESIDE).clip(lower=LEAST_P), rows["n"], zorder=3, clip_on=False, **style)
    axes.axvline(1, color=MUTED, lw=0.6)
    axes.set(xscale="log", yscale="log", xlim=(10, END), ylim=(4, top))
    axes.set(xlabel="two-sided P value", ylabel="patients")
    ticks = [1, 0.05, 0.01, 0.001, 0.0001, 1e-5] if on.width > NARROW else [1, 0.05, 0.001, 1e-5]
    axes.set_xticks(ticks, [page().signed(f"{p:g}", is_p=True) if p > 1e-5 else "10⁻⁵" for p in ticks])
    counts = [5, 10, 20, 50, 100, 200, 500]
    axes.set_yticks(counts, map(str, counts))
    axes.minorticks_off()
    axes.set_ylim(4, top)
    _name_rows(axes, frame)
    axes.text(BESIDE, top, "no P value", ha="center", va="bottom", fontsize=6.3, color=MUTED)
    axes.tick_params(axis="y", labelsize=6.5, labelcolor=MUTED)
    grid(axes, "x")
    on.legend(axes, keys(there, styles))
    return axes


def _name_rows(axes: Axes, frame: pd.DataFrame) -> None:
    """Write on the right whose marks stand in a row: names are moved apart, each with a line to its row."""
    names = frame.groupby("n")["label"].agg(lambda labels: ", ".join(dict.fromkeys(labels))).iloc[::-1]
    bottom, top = np.log(axes.get_ylim())
    heights = apart(np.log(names.index), [APART * (top - bottom)] * len(names), bottom)
    axes.hlines(names.index, BESIDE, 0.7 * LEAST_P, color=FAINT, lw=0.5, zorder=0)
    for n, height in zip(names.index, np.exp(heights), strict=True):
        axes.plot([0.7 * LEAST_P, 0.35 * LEAST_P, END], [n, height, height], color=MUTED, lw=0.5)
    beside_rows(axes, np.exp(heights), names.tolist(), SMALLEST_TEXT)
    axes.child_axes[-1].minorticks_off()


def _draw_contours(axes: Axes, top: float) -> None:
    n = np.geomspace(4, top, 200)
    for size in SIZES:
        p = 2 * stdtr(n - 2, -size * np.sqrt((n - 2) / (1 - size * size)))
        seen = p >= LEAST_P
        axes.plot(p[seen], n[seen], color=FAINT, lw=1, zorder=1)
        place = np.flatnonzero(seen)[-1]
        text = f"|r| = {size:g}" if size == SIZES[0] else f"{size:g}"  # short, as marks stand beside them
        look = {"fontsize": 6, "color": MUTED, "ha": "right", "va": "bottom", "bbox": NUMBER_BOX}
        axes.text(p[place], n[place], text, **look)
