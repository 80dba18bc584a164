"""Plots over a grid of choices: every specification of a question, and which findings go together."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib import ticker
from matplotlib.axes import Axes

from crmo_analysis.display.canvas import BLUE, EDGE, FAINT, INK, MUTED, PAPER, VERMILLION
from crmo_analysis.display.furniture import INSIDE_TEXT, Rows, Sheet, axes_level, keys
from crmo_analysis.display.lettering import SMALLEST_TEXT, true_minus

CHOICES = {"model": "Model", "outcome": "Outcome", "adjusted_for": "Adjusted for", "left_out": "Left out"}
HIGH = 9.0  # rows that what stands above a grid is high
PITCH = 4.2  # millimetres of a row
APART = 1.2  # columns between specifications on one scale and those on the next
NULL = {"color": VERMILLION, "lw": 1.1, "ls": (0, (4, 2))}
BELOW = 0.12  # of the height of a scale, that is left beyond the line of no relation
ESTIMATE = {"color": BLUE, "marker": "o", "ms": 3.5, "mew": 0.9}


@axes_level
def specification_curve(on: Sheet, frame: pd.DataFrame) -> Axes:
    """Draw the estimate of every specification on the scale of its own, and below what each one chose.

    Estimates on one scale stand together, from the least to the largest. Ratios are drawn on a logarithmic
    scale, and the dashed line is where there is no relation. Points are filled where |z| is above 1.96.

    Parameters
    ----------
    frame : DataFrame
        `estimate, ci_low, ci_high, effect, z, model, outcome, adjusted_for, left_out`; what is estimated
        is the part of `effect` before "per" or a comma, for how much more is the rest. What the choices are
        called is what they hold.
    """
    scale = frame["effect"].str.split(r",| per ", n=1, regex=True).str[0]
    frame = frame.assign(scale=scale).sort_values(["scale", "estimate"], kind="stable", ignore_index=True)
    begins = frame["scale"] != frame["scale"].shift()
    x = np.arange(len(frame)) + (APART + 0.4) * (begins.cumsum() - 1).to_numpy()
    found = {kind: list(dict.fromkeys(frame[kind])) for kind in CHOICES}
    choices = [(kind, value) for kind, values in found.items() if len(values) > 1 for value in values]
    axes, y = _over_choices(on, choices, CHOICES, _keys(frame))
    for name, rows in frame.groupby("scale", sort=False):
        _draw_scale(axes, name, rows, x[rows.index])
    _draw_choices(axes, x, {row: (frame[c] == v).to_numpy() for row, (c, v) in zip(y, choices, strict=True)})
    axes.set(xlim=(-0.7 - APART, x[-1] + 0.6), xticks=[], xlabel="specifications, one a column")
    axes.spines["bottom"].set_visible(False)
    return axes


def _keys(frame: pd.DataFrame) -> list:
    named = {"estimate, 95 % interval": {**ESTIMATE, "lw": 1.2}, "no relation": NULL}
    if (frame["z"].abs() < 1.96).any():
        named["|z| below 1.96"] = {**ESTIMATE, "lw": 1.2, "mfc": PAPER}
    return keys(named, named.values())


def _draw_scale(axes: Axes, name: str, rows: pd.DataFrame, x: np.ndarray) -> None:
    """Draw the specifications of one scale, with its name above and its ticks on the left."""
    is_ratio = "ratio" in name
    place, null = (np.log, 1.0) if is_ratio else (np.asarray, 0.0)
    numbers = rows[["estimate", "ci_low", "ci_high"]].astype(float)
    numbers = numbers.T.fillna(numbers["estimate"]).T  # an end that is not determined
    low, high = min(null, numbers.min(axis=None)), max(null, numbers.max(axis=None))
    start, end = (float(place(value)) for value in (low, high))
    start, end = start - BELOW * (end - start), end + BELOW * (end - start)

    def height(value):
        return HIGH * (place(np.asarray(value, float)) - start) / (end - start)

    located = ticker.MaxNLocator(4, steps=[1, 2, 5, 10]).tick_values(low, high)
    far = [tick for tick in located if low <= tick <= high and abs(height(tick) - height(null)) > HIGH / 12]
    axes.hlines(height(null), x[0] - 0.55, x[-1] + 0.5, zorder=1, **NULL)
    axes.vlines(x, height(numbers["ci_low"]), height(numbers["ci_high"]), color=BLUE, lw=1.2, zorder=2)
    for column, estimate, z in zip(x, height(numbers["estimate"]), rows["z"], strict=True):
        axes.plot(column, estimate, zorder=3, **{**ESTIMATE, "mfc": PAPER if abs(z) < 1.96 else BLUE})
    edge = x[0] - 0.55
    axes.vlines(edge, 0, HIGH, color=MUTED, lw=0.6)
    style = {"fontsize": SMALLEST_TEXT, "color": INK}
    for tick in (null, *far):
        axes.hlines(height(tick), edge - 0.1, edge, color=MUTED, lw=0.6)
        axes.text(edge - 0.18, height(tick), true_minus(f"{tick:g}"), ha="right", va="center", **style)
    more = rows["effect"].str.removeprefix(name).str.replace(r" \(.*\)", "", regex=True)
    more = more.str.strip(", ").unique()
    axes.text(edge, HIGH + 0.5, "\n".join([name, *more[: len(more) == 1]]), ha="left", va="bottom", **style)


@axes_level
def upset(on: Sheet, frame: pd.DataFrame, labels: Mapping[str, str]) -> Axes:
    """Draw how many patients have exactly which findings together: a bar for each combination.

    After Lex A et al. IEEE Trans Vis Comput Graph 2014;20:1983-1992 (UpSet).

    Parameters
    ----------
    frame : DataFrame
        One row a combination, in the order drawn: `patients`, and for each finding whether it is there.
    labels : mapping of str to str
        The findings, and what to call them, from above.
    """
    x, most = np.arange(len(frame), dtype=float), float(frame["patients"].max())
    axes, y = _over_choices(on, [("finding", text) for text in labels.values()], {}, [])
    tall = HIGH / most
    axes.bar(x, tall * frame["patients"], 0.7, facecolor=BLUE, **EDGE)
    for place, count in zip(x, frame["patients"], strict=True):
        style = {"ha": "center", "va": "bottom", "fontsize": INSIDE_TEXT, "color": INK}
        axes.text(place, tall * count + 0.15, f"{count:g}", **style)
    there = frame[[*labels]].astype(bool).to_numpy()
    _draw_choices(axes, x, dict(zip(y, there.T, strict=True)), "o")
    for place, row in zip(x, there, strict=True):
        if row.sum() > 1:
            axes.vlines(place, min(y[row]), max(y[row]), color=INK, lw=1.1, zorder=2)
    axes.set(xlim=(-0.7, len(frame) - 0.3), xticks=[], xlabel="combinations of findings; bars: patients")
    return axes


def _over_choices(
    on: Sheet, choices: Sequence, heads: Mapping[str, str], legend: Sequence
) -> tuple[Axes, np.ndarray]:
    """Return Axes with room for what stands above, a row for each choice below, and where these are."""
    y, at, named = [], -1.2, {}
    for (kind, _), (before, _) in zip(choices, [("", ""), *choices], strict=False):
        if kind != before and kind in heads:
            at -= 1.2
            named[at] = heads[kind]
        at -= 1
        y.append(at)
    sizes = {"sizes": (SMALLEST_TEXT, SMALLEST_TEXT), "share": 0.34, "pitch": PITCH, "above": HIGH + 2.6}
    axes = on.rows(Rows(y, [str(value) for _, value in choices], heads=named, **sizes), legend)
    axes.set_ylim(min(y, default=-1) - 0.8, HIGH + 2.6)
    if legend:
        on.legend(axes, legend)
    return axes, np.array(y)


def _draw_choices(axes: Axes, x: np.ndarray, chosen: Mapping[float, np.ndarray], mark: str = "s") -> None:
    """Draw which columns chose what: a mark in a row for those that did, a faint one for the others."""
    for row, there in chosen.items():
        style = {"ls": "", "marker": mark, "mew": 0}
        axes.scatter(x[~there], np.full((~there).sum(), row), s=9, marker=mark, color=FAINT, lw=0, zorder=1)
        axes.plot(x[there], np.full(there.sum(), row), color=INK, ms=4.2, zorder=3, **style)
