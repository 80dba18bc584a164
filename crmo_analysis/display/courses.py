"""Plots of courses: from drug to drug, and patients over their visits."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Patch, PathPatch, Rectangle
from matplotlib.path import Path
from matplotlib.ticker import MaxNLocator

from crmo_analysis.display.canvas import (
    BLUE,
    EDGE,
    FAINT,
    GREEN,
    INK,
    MUTED,
    ORANGE,
    PAPER,
    PURPLE,
    VERMILLION,
)
from crmo_analysis.display.furniture import (
    BESIDE_TEXT,
    NUMBER_BOX,
    Rows,
    Sheet,
    axes_level,
    grid,
    keys,
    on_two_scales,
    scale_label,
)
from crmo_analysis.display.lettering import SMALLEST_TEXT, broken_labels
from crmo_analysis.files import InputError

TALL = 62.0  # millimetres of the tallest column of a treatment flow
NODE = 0.16  # of the way from a column to the next, how wide a node is
LEFT_OPEN = {"facecolor": PAPER, "hatch": "////", **EDGE}
TINT = 0.22  # of its colour, what is left open
ENDS = ((GREEN, "+"), (ORANGE, "−"), (PURPLE, "○"))  # of outcomes, in their order; a sign, as in grey
MARKS = {"marker": ["o", "s", "^", "D", "v", "P"], "color": [BLUE, VERMILLION, GREEN, PURPLE, INK, MUTED]}
DIRECTIONS = {
    "rose": {"color": VERMILLION, "ls": (0, (5, 1.5))},
    "the same": {"color": MUTED, "ls": (0, (1, 1))},
    "fell": {"color": BLUE, "ls": "-"},
}


@axes_level
def treatment_flow(on: Sheet, frame: pd.DataFrame) -> Axes:
    """Draw how many patients moved from which drug to which, and where they ended, as bands.

    A band is as high as the most patients who can have gone that way; its filled part as the fewest.
    What drugs led to stands below the next drug.

    Parameters
    ----------
    frame : DataFrame
        `source, target, least, most`, one row a way: drugs in their order, then what they led to. No way
        leads back.
    """
    ways = frame[frame["most"] > 0].reset_index(drop=True)
    layers = _layers(ways)
    ends = [name for name in layers if name not in set(ways["source"])]
    looks = dict(zip(ends, ENDS, strict=False))
    drugs = {name: layer for name, layer in layers.items() if name not in ends}
    stops, heights = _stops(ways, drugs)
    y = _stacked(heights)
    tallest, last = -min(low for low, _ in y.values()), max(layer for layer, _ in y)
    axes = on.axes(34 + TALL)
    _draw_ways(axes, ways, stops, y, looks)
    room = 0.9 * on.width / (last + 0.5)
    names = broken_labels([*drugs], room - 2, BESIDE_TEXT)
    for (name, layer), text in zip(drugs.items(), names, strict=True):
        low, high = y[layer, name]
        axes.add_patch(Rectangle((layer - NODE / 2, low), NODE, high - low, fc=INK, lw=0, zorder=4))
        style = {"ha": "left", "va": "bottom", "fontsize": BESIDE_TEXT, "color": INK}
        axes.text(layer - NODE / 2, high + 0.015 * tallest, text, **style)
    axes.set(xlim=(-NODE / 2, last + NODE / 2), ylim=(-1.02 * tallest, 0.17 * tallest))
    axes.axis("off")
    kinds = {f"{sign} {name}": {"facecolor": colour, **EDGE} for name, (colour, sign) in looks.items()}
    kinds |= {"another drug": {"facecolor": BLUE, **EDGE}}
    kinds |= {"so many more are possible": LEFT_OPEN} if (ways["most"] > ways["least"]).any() else {}
    on.legend(axes, [Patch(label=name, **style) for name, style in kinds.items()])
    return axes


def _layers(ways: pd.DataFrame) -> dict[str, int]:
    """Return the column of each node: one more than the last of those that lead to it."""
    layers = dict.fromkeys(pd.unique(ways[["source", "target"]].to_numpy().ravel()), 0)
    for _ in layers:
        for way in ways.itertuples():
            layers[way.target] = max(layers[way.target], layers[way.source] + 1)
    if any(layers[way.target] <= layers[way.source] for way in ways.itertuples()):
        raise InputError("some way leads back to where it came from; a flow has one direction: leave it out")
    return layers


def _stops(ways: pd.DataFrame, drugs: Mapping[str, int]) -> tuple[list, dict]:
    """Return each way with the places that it passes, and how high each place of a column is.

    What a drug led to stands beside that drug, so that no band has to cross the others.
    """
    order = {name: place for place, name in enumerate(sorted(drugs, key=drugs.get))}
    heights = {(layer, name): 0.0 for name, layer in sorted(drugs.items(), key=lambda each: each[1])}
    for name, layer in drugs.items():
        sides = [ways.loc[ways[side] == name, "most"].sum() for side in ways.columns[:2]]
        heights[layer, name] = float(max(sides))
    stops = []
    ways = sorted(ways.itertuples(), key=lambda way: (order.get(way.target, len(order)), -order[way.source]))
    for way in ways:
        start, end = drugs[way.source], drugs.get(way.target, drugs[way.source] + 1)
        passed = [(at, way.Index) for at in range(start + 1, end)]
        last = (end, way.target if way.target in drugs else way.Index)
        heights |= dict.fromkeys([*passed, *([last] if way.target not in drugs else [])], float(way.most))
        stops.append((way, [(start, way.source), *passed, last]))
    return stops, heights


def _stacked(heights: Mapping) -> dict:
    """Return the lower and upper end of each place: a drug above, then what passes it, then ends."""
    gap = 0.08 * pd.Series(heights).groupby(level=0).sum().max()
    tops: dict[int, float] = {}
    y = {}
    for place, high in heights.items():
        top = tops.get(place[0], 0.0)
        y[place], tops[place[0]] = (top - high, top), top - high - gap
    return y


def _draw_ways(axes: Axes, ways: pd.DataFrame, stops: list, y: dict, looks: Mapping[str, tuple]) -> None:
    left, entered = ({place: high for place, (_, high) in y.items()} for _ in range(2))
    for way, places in stops:
        tops = [left[places[0]], *(y[place][1] for place in places[1:-1]), entered[places[-1]]]
        left[places[0]] -= way.most
        entered[places[-1]] -= way.most
        colour, sign = looks.get(way.target, (BLUE, ""))
        tint = {"facecolor": (*mpl.colors.to_rgb(colour), TINT), "lw": 0}
        open_ = {**LEFT_OPEN, "facecolor": "none"}  # apart, as SVG makes hatches of what is tinted as faint
        fill, sure, most = {"facecolor": colour, **EDGE}, float(way.least), float(way.most)
        for over, high, style in ((0.0, sure, fill), (sure, most, tint), (sure, most, open_)):
            if high > over:
                corners = _band([place[0] for place in places], np.array(tops), over, high)
                axes.add_patch(PathPatch(corners, zorder=2, **style))
        text = f"{way.least:g}" if way.least == way.most else f"{way.least:g}–{way.most:g}"
        look = {"va": "center", "fontsize": SMALLEST_TEXT, "color": INK, "bbox": NUMBER_BOX, "zorder": 5}
        axes.text(places[0][0] + 0.8 * NODE, tops[0] - way.most / 2, text, ha="left", **look)
        if sign:
            axes.text(places[-1][0] - 0.8 * NODE, tops[-1] - way.most / 2, sign, ha="right", **look)


def _band(columns: Sequence[int], tops: np.ndarray, over: float, high: float) -> Path:
    """Return a band through columns, from so far below its tops to so far."""
    edges = [(x + side * NODE / 2, top) for x, top in zip(columns, tops, strict=True) for side in (-1, 1)]
    edges = edges[1:-1]
    curve = [edges[0]]
    for (x0, y0), (x1, y1) in pairwise(edges):
        curve += [((x0 + x1) / 2, y0), ((x0 + x1) / 2, y1), (x1, y1)]
    curve = np.array(curve)
    codes = [Path.CURVE4] * (len(curve) - 1)
    vertices = np.concatenate([curve - [0, over], curve[::-1] - [0, high], curve[:1] - [0, over]])
    return Path(vertices, [Path.MOVETO, *codes, Path.LINETO, *codes, Path.CLOSEPOLY])


@axes_level
def swimmer(on: Sheet, frame: pd.DataFrame, *, xlabel: str = "months") -> Axes:
    """Draw a lane for each patient, from the first event to the last, with a mark for each event.

    Parameters
    ----------
    frame : DataFrame
        `patient, time, event`, one row an event; a column `text` is written beside its mark.
    xlabel : str
        What time is counted in, and from when.
    """
    lanes = frame.groupby("patient", sort=False)["time"].agg(["min", "max"])
    lanes = lanes.assign(length=lanes["max"] - lanes["min"])
    lanes = lanes.sort_values("length", ascending=False, kind="stable")
    y = dict(zip(lanes.index, -np.arange(len(lanes), dtype=float), strict=True))
    events = list(dict.fromkeys(frame["event"]))
    marks = [{name: values[n % 6] for name, values in MARKS.items()} for n in range(len(events))]
    legend = keys(events, [{"ls": "", "ms": 4.5, **mark} for mark in marks])
    sizes = (SMALLEST_TEXT, SMALLEST_TEXT)
    rows = Rows([*y.values()], [str(patient) for patient in y], sizes=sizes, pitch=3.4)
    axes = on.rows(rows, legend)
    axes.barh([*y.values()], lanes["length"], 0.5, lanes["min"], facecolor=FAINT, zorder=1, **EDGE)
    for event, mark in zip(events, marks, strict=True):
        there = frame[frame["event"] == event]
        axes.plot(there["time"], there["patient"].map(y), ls="", ms=4.5, zorder=3, clip_on=False, **mark)
    for row in frame.itertuples() if "text" in frame else ():
        style = {"xytext": (4, 0), "textcoords": "offset points", "va": "center", "fontsize": SMALLEST_TEXT}
        axes.annotate(row.text, (row.time, y[row.patient]), **style)
    axes.set(xlabel=xlabel)
    axes.margins(x=0.03)
    grid(axes, "x")
    on.legend(axes, legend)
    return axes


@axes_level
def paired_lines(
    on: Sheet, frame: pd.DataFrame, x: str, y: str, by: str, *, xlabel: str = "", ylabel: str = ""
) -> Axes:
    """Draw a line for each patient over visits, coloured by whether the last value is above the first.

    Lines that coincide are one, as thick as they are many.

    Parameters
    ----------
    frame : DataFrame
        One row a visit.
    x, y, by : str
        Columns: when, what, and whose.
    xlabel, ylabel : str
        What to call the scales, other than as the codebook, or their columns, do.
    """
    lines = [each.sort_values(x, kind="stable") for _, each in frame.groupby(by, sort=False)]
    lines = pd.Series([(tuple(each[x]), tuple(each[y])) for each in lines]).value_counts(sort=False)
    change = np.array([int(np.sign(values[-1] - values[0])) for _, values in lines.index], dtype=int)
    axes, legend = on.axes(90), []
    for sign, (name, style) in zip((1, 0, -1), DIRECTIONS.items(), strict=True):
        style = {**style, "marker": "o", "ms": 3.5, "mec": PAPER, "mew": 0.4}
        alike = lines[change == sign]
        for (when, values), count in alike.items():
            axes.plot(when, values, lw=0.8 + 0.7 * (count - 1), zorder=3, clip_on=False, **style)
        legend += keys([f"{name} ({alike.sum()})"], [style])
    axes.set(xlabel=xlabel or scale_label(x), ylabel=ylabel or scale_label(y))
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    if pd.api.types.is_integer_dtype(frame[x]):
        axes.set_xticks(sorted(frame[x].unique()))
    axes.margins(x=0.06)
    axes.set_ylim(min(0, frame[y].min()), None)
    on_two_scales(axes, "y")
    on.legend(axes, legend, 3)
    return axes
