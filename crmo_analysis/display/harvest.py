"""Evidence of unlike kinds on one plot: P values against patients, with contours of equal size."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from scipy.special import stdtr

from crmo_analysis.display.canvas import BLUE, FAINT, INK, MUTED, ORANGE, VERMILLION
from crmo_analysis.display.furniture import add_legend, axes_level, grid, keys, stage

SIZES = (0.1, 0.2, 0.3, 0.5, 0.7)  # of correlations, whose contours are drawn
LEAST_P, BESIDE = 1e-5, 3.0  # the end of the scale; where rows stand that print no P value
KINDS = {
    "coefficient": {"marker": "o", "color": BLUE},
    "P value only": {"marker": "^", "color": ORANGE, "mec": MUTED},
    "positive, no P value printed": {"marker": "^", "color": MUTED, "mfc": "none"},
    "null, no P value printed": {"marker": "o", "color": INK, "mfc": "none"},
    "direction not printed": {"marker": "x", "color": VERMILLION},
    "your cohort": {"marker": "*", "color": INK, "ms": 9},
}


@axes_level
def harvest(frame: pd.DataFrame, *, title: str = "", subtitle: str = "", ax: Axes | None = None) -> Axes:
    """Draw one mark a published statement: its P value, and in how many patients.

    Along a contour a correlation has one size (by t with n - 2 degrees of freedom), so that statements of
    unlike kinds can be compared (an albatross plot; Harrison S et al. Res Synth Methods 2017;8:281-289).

    Parameters
    ----------
    frame : DataFrame
        `label, n, p, kind`; p is missing where none is printed, kind one of `KINDS`.
    """
    there = [kind for kind in KINDS if kind in set(frame["kind"])]
    styles = [{"ls": "", "ms": 4.5, **KINDS[kind]} for kind in there]
    axes = stage(ax, 104, (title, subtitle))
    top = 10 ** np.ceil(np.log10(1.3 * frame["n"].max()))
    _draw_contours(axes, top)
    for kind, style in zip(there, styles, strict=True):
        rows = frame[frame["kind"] == kind]
        axes.plot(rows["p"].fillna(BESIDE).clip(lower=LEAST_P), rows["n"], zorder=3, clip_on=False, **style)
    _name_marks(axes, frame)
    axes.axvline(1, color=MUTED, lw=0.6)
    axes.set(xscale="log", yscale="log", xlim=(10, 0.5 * LEAST_P), ylim=(4, top))
    axes.set(xlabel="two-sided P value", ylabel="patients")
    axes.set_xticks([1, 0.05, 0.01, 1e-3, 1e-4, 1e-5], ["1", "0.05", "0.01", "0.001", "0.0001", "10⁻⁵"])
    axes.set_yticks([5, 10, 20, 50, 100, 200, 500], ["5", "10", "20", "50", "100", "200", "500"])
    axes.minorticks_off()
    axes.set_ylim(4, top)
    axes.text(BESIDE, top, "no P value", ha="center", va="bottom", fontsize=6.3, color=MUTED)
    grid(axes)
    add_legend(axes, keys(there, styles), ax is None)
    return axes


def _name_marks(axes: Axes, frame: pd.DataFrame) -> None:
    """Write the label of each mark above it, below where a neighbour has the place; without P, beside it."""
    spots = frame.assign(p=frame["p"].fillna(BESIDE).clip(lower=LEAST_P))
    labels = spots.groupby(["n", "p"])["label"].agg(", ".join).reset_index()
    is_in_strip = labels["p"] == BESIDE
    _write(axes, labels[is_in_strip], 1.0, ({"xytext": (4, -2)}, {"xytext": (-4, -2), "ha": "right"}))
    sides = ({"xytext": (0, 4), "ha": "center"}, {"xytext": (0, -9), "ha": "center"})
    _write(axes, labels[~is_in_strip], 2.0, sides)


def _write(axes: Axes, labels: pd.DataFrame, reach: float, sides: tuple[dict, dict]) -> None:
    """Write labels on their first side, and on the other next to one that is near."""
    before, side = None, 0
    for row in labels.itertuples():
        is_near = before is not None and row.n < 1.16 * before.n and 1 / reach <= row.p / before.p <= reach
        side = 1 - side if is_near else 0
        axes.annotate(
            row.label, (row.p, row.n), textcoords="offset points", fontsize=6, zorder=4, **sides[side]
        )
        before = row


def _draw_contours(axes: Axes, top: float) -> None:
    n = np.geomspace(4, top, 200)
    for size in SIZES:
        p = 2 * stdtr(n - 2, -size * np.sqrt((n - 2) / (1 - size * size)))
        seen = p >= LEAST_P
        axes.plot(p[seen], n[seen], color=FAINT, lw=1, zorder=1)
        place = np.flatnonzero(seen)[-1]
        axes.text(p[place], n[place], f"|r| = {size:g}", fontsize=6, color=MUTED, ha="right", va="bottom")
