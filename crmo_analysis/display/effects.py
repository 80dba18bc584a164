"""Figures of effects: a forest, a specification curve, and how an estimate changes without each patient."""

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from crmo_analysis.display.canvas import (
    BLUE,
    FAINT,
    GREEN,
    INK,
    MUTED,
    ORANGE,
    PAPER,
    SKY,
    STYLE,
    VERMILLION,
    blank,
    fitted_labels,
    height_of,
    left_labels,
    legend_columns,
    page,
    scaled,
    text_width,
)

MODEL_COLOURS = {"linear": BLUE, "poisson": ORANGE, "negative_binomial": VERMILLION, "ordinal": GREEN, "firth": SKY}

DUMBBELL = (
    ["section", "label", "published", "published_low", "published_high", "cohort", "cohort_low", "cohort_high", "published_text", "cohort_text", "difference_text"]
)  # fmt: skip


def forest(frame: pd.DataFrame, title: str, subtitle: str, xlabel: str, null: float = 0.0) -> Figure:
    """Draw estimates with their intervals, one row each, and the numbers beside them.

    Parameters
    ----------
    frame : DataFrame
        `label, n, estimate, ci_low, ci_high, text`; a missing estimate is said in `text` only.
    null : float
        Where there is no relation.
    """
    labels, left = fitted_labels(frame["label"], scaled(50))
    texts, right = fitted_labels(frame["text"], scaled(56), 6.3)
    lines = sum(max(a.count("\n"), b.count("\n")) + 1 for a, b in zip(labels, texts, strict=True))
    figure, axes = blank(28 + 5.4 * len(frame) + 2.6 * (lines - len(frame)), title, subtitle, bottom=11)
    y = -np.arange(len(frame), dtype=float)
    with mpl.rc_context(STYLE):
        box, left, right = axes.get_position(), (left + 4) / page().width, (right + 5) / page().width
        axes.set_position([left, box.y0, 1 - left - right, box.height])
        axes.axvline(null, color=MUTED, lw=0.7, zorder=1)
        axes.hlines(y, frame["ci_low"], frame["ci_high"], color=BLUE, lw=1.2, zorder=2)
        axes.plot(frame["estimate"], y, "o", color=INK, ms=3.8, mec=PAPER, mew=0.5, zorder=3)
        side = mpl.transforms.blended_transform_factory(axes.transAxes, axes.transData)
        for place, text in zip(y, texts, strict=True):
            axes.text(1.04, place, text, transform=side, va="center", fontsize=6.3, color=INK)
        axes.set(ylim=(y[-1] - 0.6, 0.6), yticks=y, yticklabels=labels, xlabel=xlabel)
        axes.grid(axis="x", color=FAINT, lw=0.4, zorder=0)
    return figure


def specification_curve(frame: pd.DataFrame, title: str, subtitle: str) -> Figure:
    """Draw all specifications of a question in the order of their score statistics, and what each one chose.

    Parameters
    ----------
    frame : DataFrame
        `z, model, outcome, adjusted_for, left_out`, from the lowest z to the highest.
    """
    choices = [
        (kind, value)
        for kind in ("model", "outcome", "adjusted_for", "left_out")
        for value in dict.fromkeys(frame[kind])
        if len(set(frame[kind])) > 1
    ]
    kinds = {"adjusted_for": "adjusted for ", "left_out": "left out: "}
    names, left = fitted_labels(
        [f"{kinds.get(kind, '')}{value}".replace("_", " ") for kind, value in choices], scaled(62)
    )
    left, step = max(0.11, (left + 4) / page().width), 4.2 if all("\n" not in name for name in names) else 6.4
    height = 70 + step * len(choices)
    figure, axes = blank(height, title, subtitle, bottom=8)
    height = height_of(figure)
    with mpl.rc_context(STYLE):
        x = np.arange(len(frame))
        axes.set_position([left, (14 + step * len(choices)) / height, 0.97 - left, 38 / height])
        axes.axhspan(-1.96, 1.96, color=FAINT, alpha=0.6, lw=0)
        axes.axhline(0, color=MUTED, lw=0.7)
        colours = [MODEL_COLOURS.get(model, INK) for model in frame["model"]]
        axes.scatter(x, frame["z"], c=colours, s=14, zorder=3, linewidths=0)
        axes.set(ylabel="score statistic z", xticks=[], xlim=(-0.7, len(frame) - 0.3))
        axes.spines["left"].set_visible(True)
        below = figure.add_axes((left, 8 / height, 0.97 - left, step * len(choices) / height), sharex=axes)
        for row, (kind, value) in enumerate(choices):
            chosen = (frame[kind] == value).to_numpy()
            below.plot(x[~chosen], np.full((~chosen).sum(), -row), "|", color=FAINT, ms=4)
            below.plot(x[chosen], np.full(chosen.sum(), -row), "|", color=INK, ms=6, mew=1.1)
        below.set(yticks=-np.arange(len(choices)), yticklabels=names, ylim=(-len(choices) + 0.4, 0.6))
        below.tick_params(axis="x", length=0, labelbottom=False)
        below.set_xlabel("specifications, by their statistic")
        for side in ("left", "right", "top", "bottom"):
            below.spines[side].set_visible(False)
    return figure


def influence(frame: pd.DataFrame, with_all: float, title: str, subtitle: str, ylabel: str) -> Figure:
    """Draw the estimate without each patient, ordered, beside the estimate with all.

    Parameters
    ----------
    frame : DataFrame
        `left_out, estimate`.
    with_all : float
        The estimate with all patients.
    """
    ordered = frame.dropna(subset=["estimate"]).sort_values("estimate", kind="stable").reset_index(drop=True)
    figure, axes = blank(75, title, subtitle, left=0.11)
    with mpl.rc_context(STYLE):
        axes.axhline(with_all, color=INK, lw=0.8)
        axes.vlines(ordered.index, with_all, ordered["estimate"], color=SKY, lw=1)
        axes.plot(ordered.index, ordered["estimate"], "o", color=BLUE, ms=3)
        axes.text(len(ordered) + 1.8, with_all, "all", va="bottom", ha="right", fontsize=6.5, color=INK)
        for place in {0, len(ordered) - 1} if len(ordered) else set():
            row = ordered.iloc[place]
            axes.annotate(
                f"without {row.left_out}",
                (place, row.estimate),
                fontsize=6.3,
                xytext=(0, -8 if place == 0 else 6),
                textcoords="offset points",
                ha="left" if place == 0 else "right",
            )
        axes.margins(y=0.18)
        axes.set(xlabel="patients left out, one at a time", ylabel=ylabel, xticks=[], xlim=(-1, len(ordered) + 2))
        axes.spines["left"].set_visible(True)
        axes.grid(axis="y", color=FAINT, lw=0.4)
    return figure


def pooled_forest(frame: pd.DataFrame, pooled: pd.DataFrame, title: str, subtitle: str, below: str) -> Figure:
    """Draw the shares of some series with exact intervals, and below them pooled shares.

    Parameters
    ----------
    frame : DataFrame
        `label, x, n, share, low, high, most, weight, text`; a count that is a smallest one has an arrow to `most`.
    pooled : DataFrame
        `label, n, estimate, ci_low, ci_high, pi_low, pi_high, text`, in percent.
    below : str
        A line on the spread between series.
    """
    labels, wide = fitted_labels([*frame["label"], *pooled["label"]], scaled(40))
    named = ["a series, exact interval", "pooled, interval", "where another series would lie"]
    ncols, more = legend_columns(named, 3, 1.6, 1.6)
    below, lines = left_labels([below], 0.97, 6.3)
    more += 2.8 * (lines - 1)
    figure, axes = blank(40 + more + 5.4 * len(labels), title, subtitle, bottom=21 + more)
    left, right = (wide + 16) / page().width, round(1 - max(scaled(47.6), 36) / page().width, 6)
    with mpl.rc_context(STYLE):
        box = axes.get_position()
        axes.set_position([left, box.y0, right - left, box.height])
        y, under = -np.arange(len(frame), dtype=float), -len(frame) - 0.4 - np.arange(len(pooled))
        _series(axes, frame, y)
        for place, row in zip(under, pooled.itertuples(), strict=True):
            axes.hlines(place, row.pi_low, row.pi_high, color=VERMILLION, lw=1.2, zorder=2)
            across, along = (row.ci_low, row.estimate, row.ci_high, row.estimate), (0, 0.28, 0, -0.28)
            corners = list(zip(across, place + np.array(along), strict=True))
            axes.add_patch(mpl.patches.Polygon(corners, closed=True, color=INK, lw=0, zorder=3))
        places = [*y, *under]
        counts = [f"{row.x}/{row.n}" for row in frame.itertuples()] + [""] * len(pooled)
        weights = [f"{100 * weight:.0f} %" if len(frame) > 1 else "" for weight in frame["weight"]] + [""] * len(pooled)
        columns = (
            (0.015, "left", "series", labels),
            (left - 0.02, "right", "x/n", counts),
            (right + 0.025, "left", "share, % (interval)", [*frame["text"], *pooled["text"]]),
            (0.985, "right", "weight", weights),
        )
        across = mpl.transforms.blended_transform_factory(figure.transFigure, axes.transData)
        for at, side, head, texts in columns:
            style = {"transform": across, "va": "center", "ha": side}
            axes.text(at, 0.95, head, color=MUTED, fontsize=6.3, **style)
            for place, text in zip(places, texts, strict=True):
                axes.text(at, place, text, color=INK, fontsize=6.8, **style)
        axes.set(ylim=(places[-1] - 0.7, 1.3), xlim=(0, 100), yticks=[], xticks=range(0, 101, 25))
        if (right - left) * page().width < 25:
            axes.set_xticks([0, 50, 100])
        axes.grid(axis="x", color=FAINT, lw=0.4, zorder=0)
        axes.axhline(-len(frame) + 0.3, color=MUTED, lw=0.5)
        axes.set_xlabel("patients with the outcome, %")
        styles = (
            {"color": BLUE, "marker": "s", "ms": 4, "lw": 1},
            {"color": INK, "marker": "D", "ms": 4, "ls": ""},
            {"color": VERMILLION, "lw": 1.2},
        )
        handles = [mpl.lines.Line2D([], [], label=name, **style) for name, style in zip(named, styles, strict=True)]
        place = {"loc": "lower left", "bbox_to_anchor": (0.005, (4.5 + 2.8 * (lines - 1)) / height_of(figure))}
        figure.legend(handles=handles, ncols=ncols, handlelength=1.6, columnspacing=1.6, **place)
        figure.text(0.015, 0.015, below[0], fontsize=6.3, color=MUTED)
    return figure


def _series(axes, frame: pd.DataFrame, y: np.ndarray) -> None:
    axes.hlines(y, 100 * frame["low"], 100 * frame["high"], color=BLUE, lw=1.0, zorder=2)
    sizes = 8 + 30 * frame["weight"] / max(frame["weight"].max(), 1e-9)
    axes.scatter(100 * frame["share"], y, s=sizes, marker="s", color=BLUE, lw=0, zorder=3, clip_on=False)
    for place, row in zip(y, frame.itertuples(), strict=True):
        if row.most > row.share:
            ends = {"xy": (100 * row.most, place + 0.34), "xytext": (100 * row.share, place + 0.34)}
            arrow = {"arrowstyle": "->", "color": VERMILLION, "lw": 0.8, "shrinkA": 0, "shrinkB": 0}
            axes.annotate("", **ends, arrowprops=arrow)


def dumbbell(frame: pd.DataFrame, title: str, subtitle: str) -> Figure:
    """Draw published shares and those of a cohort, a row each, joined by a bar, with their intervals and numbers.

    Parameters
    ----------
    frame : DataFrame
        The columns `DUMBBELL`, top to bottom: shares and their intervals between 0 and 1, those of the cohort missing
        where they are withheld, and the texts beside them. Headings stand where `section` changes; a label may have
        two lines.
    """
    parts = frame["label"].str.split("\n").explode()
    parts[:], left = fitted_labels(parts, 56, 6.6)
    labels = parts.groupby(level=0, sort=False).agg("\n".join)
    is_new = (frame["section"] != frame["section"].shift()).to_numpy()
    heights = 1 + 0.5 * labels.str.count("\n").to_numpy()
    ends = np.cumsum(heights + 1.2 * is_new)
    y = heights / 2 - ends
    columns = dict(zip(("published", "cohort", "difference"), (BLUE, ORANGE, INK), strict=True))
    wide = {name: text_width(max([name, *frame[f"{name}_text"]], key=len), 6.5) + 4 for name in columns}
    width = 170.0
    figure, axes = blank(36 + 4.7 * float(ends[-1]), title, subtitle, width=width, bottom=17)
    with mpl.rc_context(STYLE):
        box, right = axes.get_position(), sum(wide.values()) + 3
        axes.set_position([(left + 4) / width, box.y0, 1 - (left + 4 + right) / width, box.height])
        percent = 100 * frame[[*DUMBBELL[2:8]]].astype(float)
        upper, lower = y + 0.16, y - 0.16
        axes.plot([percent["published"], percent["cohort"]], [upper, lower], color=FAINT, lw=2.6, zorder=1)
        for side, place, fill in (("published", upper, PAPER), ("cohort", lower, ORANGE)):
            colour = columns[side]
            axes.hlines(place, percent[f"{side}_low"], percent[f"{side}_high"], color=colour, lw=0.8, zorder=2)
            axes.plot(
                percent[side], place, "o", color=colour, mfc=fill, ms=3.8, mew=0.9, zorder=3, clip_on=False, ls=""
            )
        margin = mpl.transforms.blended_transform_factory(figure.transFigure, axes.transData)
        beside = {"transform": margin, "va": "center", "fontsize": 6.5, "color": INK}
        edge = width - right
        for name, wanted in wide.items():
            edge += wanted
            for place, text in [(0.45, name), *zip(y, frame[f"{name}_text"], strict=True)]:
                axes.text(edge / width, place, text, ha="right", **beside)
        for place, height, name in zip(y[is_new], heights[is_new], frame["section"][is_new], strict=True):
            axes.text(0.015, place + height / 2 + 0.5, name, transform=margin, va="center", color=BLUE, fontsize=7.2)
        axes.set(xlim=(0, 100), ylim=(-ends[-1] - 0.3, 1), yticks=y, xticks=range(0, 101, 25), xlabel="patients, %")
        axes.set_yticks(y, labels, fontsize=6.6, linespacing=1.2, va="center")
        axes.grid(axis="x", color=FAINT, lw=0.4, zorder=0)
        line = mpl.lines.Line2D
        handles = [
            line([], [], color=BLUE, marker="o", mfc=PAPER, ms=3.8, mew=0.9, lw=0.8, label="published"),
            line([], [], color=ORANGE, marker="o", ms=3.8, lw=0.8, label="this cohort"),
        ]
        if frame["cohort"].isna().any():
            handles.append(line([], [], color=INK, marker="_", ms=3.5, ls="", label="withheld, as counts are small"))
        figure.legend(handles=handles, ncols=3, loc="lower left", bbox_to_anchor=(0.005, 0), handlelength=2.4)
    return figure
