"""Figures: a few kinds of plot that serve every study.

Plots take plain tables that are already rounded and give a matplotlib figure at its final size.
"""

from collections.abc import Mapping, Sequence
from itertools import cycle

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from crmo_analysis.display.canvas import (
    BLUE,
    FAINT,
    GREEN,
    INK,
    MUTED,
    ORANGE,
    PAPER,
    PURPLE,
    SKY,
    SMALLEST_TEXT,
    STYLE,
    VERDICT_COLOURS,
    VERDICT_SIGNS,
    VERMILLION,
    WIDTH,
    blank,
    fitted_labels,
    left_labels,
    left_of_axes,
    legend_columns,
    page,
    scaled,
    text_width,
)


def proportion_intervals(frame: pd.DataFrame, title: str, subtitle: str) -> Figure:
    """Draw shares with exact (thick) and Wilson (thin, capped) 95 % intervals, x/n beside each.

    Parameters
    ----------
    frame : DataFrame
        `label, x, n, share, exact_low, exact_high, wilson_low, wilson_high`, top to bottom; a column `section`
        sets headings where it changes.
    """
    sections = frame["section"] if "section" in frame else pd.Series([""] * len(frame))
    steps = np.where((sections != sections.shift()) & (sections != ""), 2.0, 1.0)
    y = -np.cumsum(steps)
    labels, lines = left_labels(frame["label"], 0.41)
    named = ["share", "exact 95 % interval (Clopper-Pearson)", "Wilson 95 % interval"]
    ncols, more = legend_columns(named, 3, 1.6, 1.6)
    height = 32 + more + 5.2 * (1 + 0.5 * (lines - 1)) * float(-y[-1])
    figure, axes = blank(height, title, subtitle, left=0.41, bottom=15 + more)
    room = axes.get_position().width * page().width
    beside = max(text_width(f"{x}/{n}", 6.8) for x, n in zip(frame["x"], frame["n"], strict=True))
    most = 112 if page().width >= WIDTH else max(112, 103 / (1 - (beside + 1 - 0.03 * page().width) / room))
    with mpl.rc_context(STYLE):
        percent = 100 * frame[["share", "exact_low", "exact_high", "wilson_low", "wilson_high"]]
        axes.hlines(y, percent["exact_low"], percent["exact_high"], color=SKY, lw=4, zorder=2)
        axes.hlines(y, percent["wilson_low"], percent["wilson_high"], color=BLUE, lw=0.9, zorder=3)
        for end in ("wilson_low", "wilson_high"):
            axes.plot(percent[end], y, ls="", color=BLUE, marker="|", ms=4, zorder=3)
        axes.plot(percent["share"], y, "o", color=INK, ms=3.6, mec=PAPER, mew=0.5, zorder=4, clip_on=False)
        for place, x, n in zip(y, frame["x"], frame["n"], strict=True):
            axes.text(103, place, f"{x}/{n}", va="center", ha="left", fontsize=6.8, color=INK)
        for place, step, name in zip(y, steps, sections, strict=True):
            if step == 2:
                margin = mpl.transforms.blended_transform_factory(figure.transFigure, axes.transData)
                axes.text(0.015, place + 1, name, transform=margin, va="center", color=BLUE, fontsize=7.2)
        axes.set(xlim=(0, most), ylim=(y[-1] - 0.8, -0.3), yticks=y, yticklabels=labels, xticks=range(0, 101, 20))
        axes.set_xlabel("patients, %")
        styles = (
            {"color": INK, "marker": "o", "ms": 3.6, "ls": ""},
            {"color": SKY, "lw": 4},
            {"color": BLUE, "lw": 0.9, "marker": "|", "ms": 4},
        )
        handles = [mpl.lines.Line2D([], [], label=name, **style) for name, style in zip(named, styles, strict=True)]
        place = {"loc": "lower left", "bbox_to_anchor": (0.005, 0)}
        figure.legend(handles=handles, ncols=ncols, handlelength=1.6, columnspacing=1.6, **place)
        axes.spines["bottom"].set_bounds(0, 100)
        axes.grid(axis="x", color=FAINT, lw=0.4, zorder=0)
        axes.tick_params(axis="y", pad=3)
    return figure


def verdict_map(ledger: pd.DataFrame, titles: Mapping[str, str], title: str, subtitle: str, columns: int = 0) -> Figure:
    """Draw every claim as a small square in its study's order, coloured and signed by verdict.

    A row has so many columns, or, of 0, as many as fit.
    """
    named = [f"{titles[study]}  {count}" for study, count in ledger["study"].value_counts().items()]
    wide = 0.165 * WIDTH if page().width == WIDTH else max(map(text_width, named)) + 4.5
    columns = columns or int((0.97 * page().width - wide) / 2.254)
    counts = ledger["verdict"].value_counts()
    names = [f"{verdict} {counts.get(verdict, 0)}" for verdict in VERDICT_COLOURS]
    ncols, more = legend_columns(names, 5, 2, 2.2)
    rows = {study: -(-len(claims) // columns) for study, claims in ledger.groupby("study", sort=False)}
    height = 24 + more + 2.62 * sum(rows.values()) + 2.6 * len(rows)
    left = wide / min(WIDTH, page().width)
    figure, axes = blank(height, title, subtitle, left=left, bottom=11 + more)
    place = 0.0
    with mpl.rc_context(STYLE):
        for study, claims in ledger.groupby("study", sort=False):
            i = np.arange(len(claims))
            x, y = i % columns, place - i // columns
            for verdict, colour in VERDICT_COLOURS.items():
                shown = (claims["verdict"] == verdict).to_numpy()
                axes.scatter(x[shown], y[shown], marker="s", s=28, color=colour, lw=0)
                for px, py in zip(x[shown], y[shown], strict=True) if VERDICT_SIGNS[verdict] else ():
                    sign = {"ha": "center", "va": "center", "fontsize": SMALLEST_TEXT, "color": PAPER}
                    axes.text(px, py - 0.03, VERDICT_SIGNS[verdict], **sign)
            axes.text(-1.2, place, f"{titles[study]}  {len(claims)}", ha="right", va="center", fontsize=7)
            place -= rows[study] + 0.9
        axes.set(xlim=(-0.8, columns - 0.2), ylim=(place + 0.2, 0.8), xticks=[], yticks=[])
        axes.spines["bottom"].set_visible(False)
        handles = [
            mpl.lines.Line2D([], [], ls="", marker="s", ms=5.3, color=colour, mew=0, label=name)
            for name, colour in zip(names, VERDICT_COLOURS.values(), strict=True)
        ]
        place = {"loc": "lower left", "bbox_to_anchor": (0.155 if page().width >= WIDTH else 0.005, 0)}
        figure.legend(handles=handles, ncols=ncols, handletextpad=0.2, columnspacing=2.2, **place)
    return figure


def verdict_bars(table: pd.DataFrame, title: str, subtitle: str) -> Figure:
    """Draw the share of each verdict by study, the number written in each part."""
    studies = list(table["study"])
    names = [f"{study} ({claims})" for study, claims in zip(studies, table["claims"], strict=True)]
    labels, _ = left_labels(names, 0.2)
    ncols, more = legend_columns([*VERDICT_COLOURS], 5, 1, 1.4)
    figure, axes = blank(24 + more + 8 * len(studies), title, subtitle, left=0.2, bottom=11 + more)
    narrow = 3 * WIDTH / min(WIDTH, page().width)  # percent that a number does not fit in
    with mpl.rc_context(STYLE):
        for place, row in zip(range(0, -len(studies), -1), table.to_dict("records"), strict=True):
            left = 0.0
            for verdict, colour in VERDICT_COLOURS.items():
                width = 100 * row[verdict] / row["claims"]
                axes.barh(place, width, left=left, height=0.62, color=colour, edgecolor=PAPER, lw=0.8)
                text = f"{row[verdict]} {VERDICT_SIGNS[verdict]}".strip()
                ink = INK if verdict in ("stated", "ambiguous") or width < narrow else PAPER
                if width:  # a number that its part is too narrow for stands above
                    y = place if width >= narrow else place + 0.47
                    axes.text(left + width / 2, y, text, ha="center", va="center", fontsize=6.5, color=ink)
                left += width
        handles = [mpl.patches.Patch(color=colour, label=verdict) for verdict, colour in VERDICT_COLOURS.items()]
        place = {"loc": "upper left", "bbox_to_anchor": (-0.01, -0.1)}
        if page().width < WIDTH:  # below all of the figure, where the axes are too narrow for it
            place = {"loc": "lower left", "bbox_to_anchor": (0.005, 0), "bbox_transform": figure.transFigure}
        axes.legend(handles=handles, ncols=ncols, handlelength=1, columnspacing=1.4, **place)
        axes.set(xlim=(0, 100), yticks=range(0, -len(studies), -1), yticklabels=labels, xticks=[])
        axes.spines["bottom"].set_visible(False)
    return figure


def flow(boxes: pd.DataFrame, arrows: Sequence[tuple[str, str]], title: str, subtitle: str, height: float) -> Figure:
    """Draw a flow of patients.

    Parameters
    ----------
    boxes : DataFrame
        `name, text, column, row, width, kind`: columns and rows are places in a grid (0 at the left and top),
        kind is "main", "side" or "outcome".
    arrows : sequence of (str, str)
        Names of the boxes that an arrow joins.
    """
    figure, axes = blank(height, title, subtitle, left=0.015)
    figure.boxed = []  # for _check_fits
    colours = {"main": ("#eaf3f9", BLUE), "side": ("#f5f5f5", MUTED), "outcome": ("#e6f4ef", GREEN)}
    with mpl.rc_context(STYLE):
        box_height = 0.62
        ends = {}
        for box in boxes.itertuples():
            face, edge = colours[box.kind]
            low_left = (box.column - box.width / 2, -box.row - box_height / 2)
            style = {"boxstyle": "round,pad=0,rounding_size=0.05", "fc": face, "ec": edge, "lw": 0.8}
            patch = axes.add_patch(FancyBboxPatch(low_left, box.width, box_height, **style))
            style = {"ha": "center", "va": "center", "fontsize": 6.8, "color": INK, "linespacing": 1.25}
            figure.boxed.append((patch, axes.text(box.column, -box.row, box.text, **style)))
            ends[box.name] = (box.column, -box.row, box.width)
        for start, end in arrows:
            (x0, y0, w0), (x1, y1, w1) = ends[start], ends[end]
            if y0 == y1:
                from_to = ((x0 + np.sign(x1 - x0) * w0 / 2, y0), (x1 - np.sign(x1 - x0) * w1 / 2, y1))
            else:
                from_to = ((x0, y0 - box_height / 2), (x1, y1 + box_height / 2))
            axes.add_patch(
                FancyArrowPatch(*from_to, arrowstyle="-|>", mutation_scale=7, lw=0.8, color=MUTED, shrinkA=1, shrinkB=1)
            )
        axes.set(
            xlim=(0, boxes["column"].max() + boxes["width"].max() / 2 + 0.05), ylim=(-boxes["row"].max() - 0.5, 0.5)
        )
        axes.axis("off")
    return figure


def stacked_parts(
    frame: pd.DataFrame, parts: Mapping[str, str], label: str, title: str, subtitle: str, xlabel: str, marker: str = ""
) -> Figure:
    """Draw rows of exclusive parts side by side, each part's number written in it.

    Parameters
    ----------
    frame : DataFrame
        One row a bar, top to bottom: the column `label` and one column for each of `parts`.
    parts : mapping of str to str
        Column to colour, in the order in which they are stacked.
    marker : str
        A column of numbers to mark on the bars, named in the legend.
    """
    labels, _ = left_labels(frame[label], 0.2)
    ncols, more = legend_columns([marker, *parts] if marker else [*parts], len(parts) + bool(marker), 1.4, 1.4)
    figure, axes = blank(33 + more + 6.6 * len(frame), title, subtitle, left=0.2, bottom=16 + more)
    with mpl.rc_context(STYLE):
        y = -np.arange(len(frame))
        left = np.zeros(len(frame))
        for (part, colour), hatch in zip(parts.items(), ("", "////", "....", "\\\\\\\\", ""), strict=False):
            width = frame[part].to_numpy(float)
            axes.barh(y, width, left=left, height=0.7, color=colour, edgecolor=PAPER, lw=0.8, hatch=hatch, label=part)
            for place, start, value in zip(y, left, width, strict=True):
                if value:
                    box = {"boxstyle": "round,pad=0.15", "fc": PAPER, "ec": "none", "alpha": 0.85}
                    axes.text(
                        start + value / 2,
                        place,
                        f"{value:.0f}",
                        ha="center",
                        va="center",
                        fontsize=6.5,
                        color=INK,
                        bbox=box,
                    )
            left += width
        if marker:
            axes.plot(frame[marker], y + 0.47, ls="", marker="v", ms=5, mew=0, color=INK, label=marker, zorder=5)
            left = np.maximum(left, frame[marker].to_numpy(float))
        axes.set(xlim=(0, float(left.max()) * 1.02), yticks=y, yticklabels=labels, xlabel=xlabel)
        axes.margins(y=0.04)
        place = {"loc": "lower left", "bbox_to_anchor": (0.005, 0)}
        figure.legend(ncols=ncols, handlelength=1.4, columnspacing=1.4, **place)
    return figure


def curves(
    frame: pd.DataFrame, x: str, y: str, by: str, title: str, subtitle: str, xlabel: str, ylabel: str
) -> tuple[Figure, mpl.axes.Axes]:
    """Draw one labelled line for each value of `by`; the label stands at the end of its line.

    Columns `low` and `high`, where there are any, give a band around each line.
    """
    figure, axes = blank(85, title, subtitle, left=0.1)
    lines = list(frame.groupby(by, sort=False))
    names, wide = fitted_labels([str(name) for name, _ in lines], scaled(34))
    inks = [(BLUE, VERMILLION, GREEN, PURPLE)[place % 4] for place in range(len(lines))]
    styles = cycle(["-", (0, (5, 2)), (0, (1.5, 1.5)), (0, (6, 1.5, 1.5, 1.5))])
    with mpl.rc_context(STYLE):
        box = axes.get_position()
        axes.set_position([box.x0, box.y0, 1 - box.x0 - (wide + 4) / page().width, box.height])
        for (_, line), colour, style in zip(lines, inks, styles, strict=False):
            axes.plot(line[x], line[y], color=colour, ls=style, lw=1.4)
            if "low" in line:
                axes.fill_between(line[x], line["low"], line["high"], color=colour, alpha=0.25, lw=0)
        # Each label stands at its line's end, or below it as far as the labels above need.
        gap, room = 0.05 * float(frame[y].max() - frame[y].min()), float(frame[y].max())
        ends = sorted(((float(line[y].iloc[-1]), place) for place, (_, line) in enumerate(lines)), reverse=True)
        for height, place in ends:
            half = gap * (names[place].count("\n") + 1) / 2
            height = min(height, room)
            room = height - 2 * half
            last, text = lines[place][1][x].iloc[-1], " " + names[place].replace("\n", "\n ")
            axes.text(last, height, text, color=inks[place], va="center", fontsize=7)
        axes.set(xlabel=xlabel, ylabel=ylabel)
        axes.spines["left"].set_visible(True)
        axes.tick_params(axis="y", size=2.5)
        axes.grid(color=FAINT, lw=0.4)
    return figure, axes


def ranges(frame: pd.DataFrame, title: str, subtitle: str) -> Figure:
    """Draw printed and derived ranges, each on an axis of its own unit.

    Parameters
    ----------
    frame : DataFrame
        `label, low, high, unit, source`, where source is "printed" or "derived".
    """
    labels, _ = left_labels(frame["label"], 0.33)
    figure, axes = blank(24 + 11 * len(frame), title, subtitle, left=0.33)
    with mpl.rc_context(STYLE):
        for place, row in enumerate(frame.itertuples()):
            share = (row.low / row.high, 1.0)
            derived = row.source == "derived"
            axes.plot(
                share,
                [-place] * 2,
                color=ORANGE if derived else BLUE,
                lw=5,
                ls=(0, (1.2, 0.4)) if derived else "-",
                solid_capstyle="butt",
            )
            axes.text(share[0], -place + 0.24, f"{row.low:g}", ha="center", va="bottom", fontsize=7)
            axes.text(share[1], -place + 0.24, f"{row.high:g} {row.unit}", ha="center", va="bottom", fontsize=7)
        axes.set(
            xlim=(0, 1.12), ylim=(-len(frame) + 0.4, 0.75), xticks=[], yticks=-np.arange(len(frame)), yticklabels=labels
        )
        axes.spines["bottom"].set_visible(False)
        for place in range(len(frame)):
            axes.plot([0, 1], [-place] * 2, color=FAINT, lw=0.6, zorder=0)
        handles = [
            mpl.lines.Line2D([], [], color=BLUE, lw=4, label="printed"),
            mpl.lines.Line2D([], [], color=ORANGE, lw=4, ls=(0, (1.2, 0.4)), label="derived from what is printed"),
        ]
        place = {"loc": "upper left", "bbox_to_anchor": (-0.02, -0.02)}
        if page().width < WIDTH:
            place = {"loc": "lower left", "bbox_to_anchor": (0.005, 0), "bbox_transform": figure.transFigure}
        axes.legend(handles=handles, ncols=2, **place)
    return figure


def bounds(frame: pd.DataFrame, title: str, subtitle: str) -> Figure:
    """Draw how many patients can have both of two findings: one bar a pair, from the fewest to the most.

    Parameters
    ----------
    frame : DataFrame
        `first, second, lower, upper, n, is_proved`: what is counted, in words, and how many of n have both.
    """
    pairs = [
        [line for text in (row.first, f"and {row.second}") for line in left_labels([text], 0.43, 6.6)[0][0].split("\n")]
        for row in frame.itertuples()
    ]
    most = max(map(len, pairs), default=2)
    named = ["possible: some table has so many", "settled: every table has", "all of the smaller group"]
    ncols, more = legend_columns(named, 3, 1.6)
    pitch = 8.4 + 3 * (most - 2)
    figure, axes = blank(26 + more + pitch * len(frame), title, subtitle, left=0.43, bottom=14 + more)
    step = 0.4 * 8.4 / pitch
    margin = mpl.transforms.blended_transform_factory(figure.transFigure, axes.transData)
    with mpl.rc_context(STYLE):
        for place, row in enumerate(frame.itertuples()):
            axes.plot([0, row.n], [-place] * 2, color=FAINT, lw=5, solid_capstyle="butt", zorder=1)
            settled = row.lower == row.upper
            if settled:
                axes.plot(row.lower, -place, "D", color=BLUE, ms=4.4, zorder=3, clip_on=False)
            else:
                style = "-" if row.is_proved else (0, (1.2, 0.4))
                axes.plot([row.lower, row.upper], [-place] * 2, color=ORANGE, lw=5, ls=style, solid_capstyle="butt")
            text = f"{row.lower:g}" if settled else f"{row.lower:g} to {row.upper:g}"
            axes.text(row.n, -place, f"   {text} of {row.n:g}", va="center", ha="left", fontsize=7, color=INK)
            for number, line in enumerate(pairs[place]):
                shift = step * ((len(pairs[place]) - 1) / 2 - number)
                axes.text(0.015, -place + shift, line, transform=margin, va="center", fontsize=6.6, color=INK)
        most = float(frame["n"].max())
        wide = axes.get_position().width * page().width
        beside = 1.3 if page().width >= WIDTH else wide / (wide - 17.4)
        axes.set(xlim=(0, beside * most), ylim=(-len(frame) + 0.4, 0.45), yticks=[], xlabel="patients")
        axes.set_xticks(mpl.ticker.MaxNLocator(5, integer=True).tick_values(0, most))
        axes.set_xticks([tick for tick in axes.get_xticks() if tick <= most])
        axes.spines["bottom"].set_bounds(0, most)
        styles = (
            {"color": ORANGE, "lw": 4},
            {"color": BLUE, "marker": "D", "ms": 4.4, "ls": ""},
            {"color": FAINT, "lw": 4},
        )
        handles = [mpl.lines.Line2D([], [], label=name, **style) for name, style in zip(named, styles, strict=True)]
        figure.legend(handles=handles, ncols=ncols, loc="lower left", bbox_to_anchor=(0.005, 0), handlelength=1.6)
    return figure


def patients(
    frame: pd.DataFrame, sections: Mapping[str, Sequence[str]], labels: Mapping[str, str], title: str, subtitle: str
) -> Figure:
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
    rows = sum(len(names) + 1.6 for names in sections.values())
    key = "row of the table; filled: yes, grey: no, empty: not reported"
    key, _ = fitted_labels([key], 0.97 * page().width - left_of_axes(0.3))
    more = 2.8 * key[0].count("\n")
    figure, axes = blank(24 + more + 4.3 * rows, title, subtitle, left=0.3, bottom=8 + more)
    place, n = 0.6, len(frame)
    with mpl.rc_context(STYLE):
        for heading, names in sections.items():
            place -= 1.3
            heading = left_labels([heading], 0.3, 7.2)[0][0]
            axes.text(-0.6, place, heading, ha="right", va="center", color=BLUE, fontsize=7.2)
            place -= 0.3
            for name in names:
                place -= 1
                values = frame[name]
                for patient, value in enumerate(values):
                    missing = pd.isna(value)
                    colour = PAPER if missing else (BLUE if value else FAINT)
                    axes.plot(patient, place, "s", ms=7.2, color=colour, mec=MUTED if missing else colour, mew=0.4)
                axes.text(-0.8, place, labels[name], ha="right", va="center", fontsize=6.8, color=INK)
                axes.text(
                    n - 0.2,
                    place,
                    f"{int(values.fillna(False).sum())}/{int(values.notna().sum())}",
                    va="center",
                    fontsize=6.8,
                )
        axes.set(xlim=(-0.6, n + 1), ylim=(place - 0.8, 0), yticks=[], xticks=range(n), xticklabels=range(1, n + 1))
        axes.tick_params(axis="x", length=0)
        axes.spines["bottom"].set_visible(False)
        axes.set_xlabel(key[0], labelpad=1)
    return figure


def scatter(
    frame: pd.DataFrame,
    x: str,
    y: str,
    title: str,
    subtitle: str,
    xlabel: str,
    ylabel: str,
    line: pd.DataFrame | None = None,
) -> Figure:
    """Draw one point a patient; patients with the same values are moved apart a little, in a fixed way.

    `line` is a fit with its interval, from `describe.linear_fit`.
    """
    figure, axes = blank(90, title, subtitle, left=0.1)
    together = frame.groupby([x, y]).cumcount()
    angle = 2.4 * together  # the golden angle spreads points of a heap evenly
    step = 0.12 * np.sqrt(together)
    with mpl.rc_context(STYLE):
        if line is not None and len(line):
            axes.fill_between(line["x"], line["low"], line["high"], color=SKY, alpha=0.25, lw=0)
            axes.plot(line["x"], line["fit"], color=INK, lw=1)
        axes.plot(
            frame[x] + step * np.cos(angle),
            frame[y] + step * np.sin(angle),
            "o",
            color=BLUE,
            ms=4,
            mec=PAPER,
            mew=0.4,
            alpha=0.85,
        )
        axes.set(xlabel=xlabel, ylabel=ylabel)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(mpl.ticker.MaxNLocator(integer=True))
        axes.spines["left"].set_visible(True)
        axes.tick_params(axis="y", size=2.5)
        axes.grid(color=FAINT, lw=0.4)
    return figure


def rounding_differences(frame: pd.DataFrame, title: str, subtitle: str) -> Figure:
    """Draw how far printed percentages lie from exact ones, by the rule that gives them.

    Parameters
    ----------
    frame : DataFrame
        As from `report.rounding`.
    """
    kinds = {
        "half_up": ("nearest (half up)", GREEN, "o"),
        "up": ("rounded up", ORANGE, "^"),
        "down": ("cut off", BLUE, "v"),
        "": ("no rule gives it", VERMILLION, "X"),
    }
    below = page().width < WIDTH  # of the axes, in which there is no room for a legend
    figure, axes = blank(88 + 8 * below, title, subtitle, left=0.1, bottom=11 + 8 * below)
    with mpl.rc_context(STYLE):
        axes.axhspan(-0.05, 0.05, color="#f0f0f0", lw=0, zorder=0)
        axes.axhline(0, color=MUTED, lw=0.6)
        nearest = frame["difference"].abs() <= 0.05
        shown = frame.assign(kind=frame["rule"].where(~nearest | (frame["rule"] == ""), "half_up"))
        for kind, (name, colour, mark) in kinds.items():
            points = shown[shown["kind"] == kind]
            axes.plot(
                points["exact"],
                points["difference"],
                ls="",
                marker=mark,
                ms=5,
                color=colour,
                mec=PAPER,
                mew=0.4,
                label=f"{name} ({len(points)})",
            )
        places = [((0, 4), "center", "bottom"), ((0, -4), "center", "top"), ((5, 0), "left", "center")]
        outside = shown[shown["difference"].abs() > 0.05].drop_duplicates(["x_of_n", "printed"]).sort_values("exact")
        for i, point in enumerate(
            outside.itertuples()
        ):  # in turn above, below and beside, so that neighbours do not touch
            offset, across, along = places[i % 3]
            text, spot = f"{point.x_of_n} → {point.printed:g}", (point.exact, point.difference)
            axes.annotate(
                text, spot, xytext=offset, textcoords="offset points", ha=across, va=along, fontsize=6, color=MUTED
            )
        axes.set(xlim=(0, 100), xlabel="exact percentage", ylabel="printed - exact, percentage points")
        axes.margins(y=0.14)
        axes.spines["left"].set_visible(True)
        if below:
            figure.legend(loc="lower left", bbox_to_anchor=(0.005, 0), ncols=2)
        else:
            axes.legend(loc="lower right", ncols=2)
    return figure
