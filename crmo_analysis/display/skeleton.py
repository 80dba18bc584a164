"""Where the lesions are: bones of a drawn child, coloured by how many have one there, or a dot a lesion."""

from collections.abc import Collection, Mapping, Sequence
from functools import cache

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import PathPatch, Rectangle
from matplotlib.path import Path

from crmo_analysis import files
from crmo_analysis.display.canvas import INK, MUTED, ORANGE, PAPER, SHADES
from crmo_analysis.display.furniture import NOTE_TEXT, Sheet, apart, axes_level, room
from crmo_analysis.display.lettering import text_width
from crmo_analysis.files import InputError, read_yaml
from crmo_analysis.study import read_section

UNKNOWN = "#f1f1f1"  # of bones that nothing is said of
HALF, TOP, BOTTOM = 47, 183, -6  # of a drawing: half its width, and its ends
TWO_VIEWS = 110  # millimetres, from which both views have room
LINE = 2.9  # millimetres from a label to the next


@axes_level
def skeleton(on: Sheet, frame: pd.DataFrame) -> Axes:
    """Colour the bones of a child by how many patients have a lesion there.

    Parameters
    ----------
    frame : DataFrame
        `name` (a bone, or a finding of patients that the codebook ties to bones), `label`, `x` and `n`
        (patients); `side` ("left" or "right" of the patient) where it is known, as two rows. A bone that
        several rows name takes the colour of the narrowest. Where `x` is missing, the count is hidden. With
        a column `cohort`, of two names, both stand side by side, seen from the front.
    """
    named = dict(list(frame.groupby("cohort", sort=False))) if "cohort" in frame else {"": frame}
    rows = [[(row, _parts_of(row["name"])) for row in own.to_dict("records")] for own in named.values()]
    views = _views(on.width)
    if len(rows) == 2:
        views = [("front", middle, name) for middle, name in zip((-HALF, HALF), named, strict=True)]
        sides = [(_labels(own, {"front"}), view[1]) for own, view in zip(rows, views, strict=True)]
    else:
        labels = _labels(rows[0], {view for view, *_ in views})  # at the edge of their view, or by turns
        sides = [([each for each in labels if each[1] == view], middle) for view, middle, _ in views]
        sides = sides if len(views) > 1 else [(labels[::2], 0.0), (labels[1::2], 0.0)]
    high = _high(on, sides, len(views))
    axes = on.axes(high + 16)
    _draw(axes, views, [_colours(own) for own in rows] * (len(views) // len(rows)))
    _write(axes, len(views), sides, LINE * (TOP - BOTTOM + 20) / high)
    _key(axes)
    return axes


def _colours(rows: Sequence) -> dict[tuple[int, int], str]:
    """Return the colour of each part and side that rows are about."""
    colours = {}
    for row, places in sorted(rows, key=lambda pair: -len(pair[1])):
        colour = UNKNOWN if pd.isna(row["x"]) else SHADES(row["x"] / row["n"]) if row["x"] else PAPER
        for place in places:
            sides = _sides(_drawing()[place], row.get("side", ""))
            colours |= {(place, side): colour for side in sides}
    return colours


@axes_level
def sites(on: Sheet, frame: pd.DataFrame) -> Axes:
    """Draw a dot for each lesion in its bone, on its side.

    Parameters
    ----------
    frame : DataFrame
        `bone` (of the codebook) and `side` ("left", "right", "midline" or missing), one row a lesion. A
        lesion whose side is not known has a hollow dot, in the half that is drawn left.
    """
    views = _views(on.width)
    axes = on.axes(_high(on, [], len(views)) + 16)
    middles = {view: middle for view, middle, _ in views}
    parts = {(n, side): PAPER for n, part in enumerate(_drawing()) for side in _sides(part)}
    _draw(axes, views, [parts] * len(views))
    by_side = frame.assign(side=frame["side"].fillna("")).groupby(["bone", "side"], sort=True)
    for (bone, side), lesions in by_side:
        seen = [place for place in _parts_of(bone) if _drawing()[place]["view"] in (*middles, "both")]
        place = next((place for place in seen if "anchor" in _drawing()[place]), seen[0])
        x, y = _inside(place, 1 if side == "left" else -1, len(lesions))
        view = _drawing()[place]["anchor"] if len(views) > 1 else "front"
        fill = "none" if side == "" and not _drawing()[place].get("middle") else ORANGE
        x = x * (-1 if view == "back" else 1) + middles[view]
        axes.scatter(x, y, s=9, color=fill, edgecolors=INK, linewidths=0.5, zorder=5)
    return axes


@cache
def on_skeleton() -> frozenset[str]:
    """Return the bones, and the findings of patients, that have a place on the drawing."""
    bones = read_section("bones")
    involved = {finding for of in bones.values() for finding in of.get("involves", ())}
    return frozenset({*bones, *involved, *(part["finding"] for part in _drawing() if "finding" in part)})


@cache
def _drawing() -> tuple[Mapping, ...]:
    """Read the drawing; front parts first."""
    return tuple(read_yaml(files.DATA / "skeleton.yaml")["parts"])


@cache
def _parts_of(name: str) -> tuple[int, ...]:
    """Return the places of the parts that a bone or a finding stands for.

    Raises
    ------
    InputError
        If it is neither.
    """
    bones = read_section("bones")
    of = {name} & bones.keys() or {bone for bone, of in bones.items() if name in of.get("involves", ())}
    parts = enumerate(_drawing())
    places = tuple(n for n, part in parts if part.get("bone") in of or part.get("finding") == name)
    if not places:
        said = "no finding that the codebook ties to bones (bones, involves)"
        raise InputError(f"'{name}' is no bone, and {said}")
    return places


def _sides(part: Mapping, side: str = "") -> tuple[int, ...]:
    """Return on which sides a part is drawn: 1 for the left of a patient seen from the front, -1, or 0."""
    if part.get("middle"):
        return (0,)
    return {"left": (1,), "right": (-1,)}.get(side, (1, -1))


@cache
def _paths(place: int) -> tuple[Path, ...]:
    """Return the shapes of a part, on the side where x is above 0."""
    return tuple(map(_smooth, _drawing()[place]["outlines"]))


def _smooth(points: Sequence) -> Path:
    """Return a closed curve through points (Catmull-Rom, as cubic Bézier pieces)."""
    points = np.asarray(points, dtype=float)
    after = np.roll(points, -1, axis=0)
    slope = (after - np.roll(points, 1, axis=0)) / 6
    pieces = np.stack([points + slope, after - np.roll(slope, -1, axis=0), after], axis=1)
    vertices = np.concatenate([points[:1], pieces.reshape(-1, 2), points[:1]])
    return Path(vertices, [Path.MOVETO, *[Path.CURVE4] * 3 * len(points), Path.CLOSEPOLY])


def _views(width: float) -> list[tuple[str, float, str]]:
    """Return the views that so many millimetres have room for: whence, their middles and names."""
    both = [("front", -HALF, "from the front"), ("back", HALF, "from the back")]
    return both if width >= TWO_VIEWS else [("front", 0.0, "")]


def _draw(axes: Axes, views: Sequence, colours: Sequence[Mapping[tuple[int, int], str]]) -> None:
    """Draw all parts, in each view in its colours by part and side."""
    for place, part in enumerate(_drawing()):
        for (view, middle, _), of in zip(views, colours, strict=True):
            if part["view"] not in (view, "both"):
                continue
            for side in _sides(part):
                colour = of.get((place, side), UNKNOWN)
                if "finding" in part and colour == UNKNOWN:
                    continue
                # From behind, the patient's left is on the left.
                flip = (side or 1) * (-1 if view == "back" else 1)
                for path in _paths(place):
                    shape = Path(path.vertices * [flip, 1] + [middle, 0], path.codes)
                    fill = PAPER if part.get("hole") else colour
                    axes.add_patch(PathPatch(shape, fc=fill, ec=MUTED, lw=0.35))
    span = HALF * len(views)
    axes.set(xlim=(-span, span), ylim=(BOTTOM - 14, TOP + 6), aspect="equal")
    axes.axis("off")
    for _, middle, name in views:
        style = {"ha": "center", "va": "bottom", "fontsize": NOTE_TEXT, "color": MUTED}
        axes.text(middle, TOP - 1, name, **style)


def _labels(rows: Sequence, views: Collection[str]) -> list[tuple[str, str, float, float]]:
    """Return for each finding its text, and in which view and where its line ends; one for both sides."""
    found: dict[str, list] = {}
    for row, places in rows:
        found.setdefault(row["name"], [places, row["label"], {}])[2][row.get("side", "")] = row
    labels = []
    for places, label, sides in found.values():
        seen = [place for place in places if _drawing()[place]["view"] in (*views, "both")]
        anchored = [place for place in seen if "anchor" in _drawing()[place]] or seen
        place = max(anchored, key=lambda part: np.ptp(_ends(part), axis=0).prod())
        x, y = _ends(place).mean(axis=0)
        view = _drawing()[place].get("anchor", "front")
        labels.append((f"{label}  {_count_text(sides)}", view, float(x), float(y)))
    return sorted(labels, key=lambda each: -each[3])


def _ends(place: int) -> np.ndarray:
    """Return the lower left and the upper right corner of a part."""
    vertices = np.concatenate([path.vertices for path in _paths(place)])
    return np.stack([vertices.min(axis=0), vertices.max(axis=0)])


def _inside(place: int, side: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return so many places inside a part, spread along it, the same every time."""
    (left, low), (right, high) = _ends(place)
    steps = np.linspace(0, 1, 60)
    grid = np.meshgrid(left + steps * (right - left), low + steps * (high - low))
    grid = np.stack(grid, axis=-1).reshape(-1, 2)
    held = grid[np.logical_or.reduce([path.contains_points(grid, radius=-0.3) for path in _paths(place)])]
    order = np.lexsort((held[:, 0], held[:, 1])) if high - low > right - left else np.lexsort(held.T[::-1])
    chosen = held[order][((np.arange(count) + 0.5) / count * len(held)).astype(int)]
    flip = 1 if _drawing()[place].get("middle") else side
    return chosen[:, 0] * flip, chosen[:, 1]


def _count_text(sides: Mapping[str, Mapping]) -> str:
    def said(row: Mapping) -> str:
        return "hidden" if pd.isna(row["x"]) else f"{row['x']:g}/{row['n']:g}"

    if "left" in sides or "right" in sides:
        return ", ".join(f"{side} {said(sides[side])}" for side in ("right", "left") if side in sides)
    return said(sides[""])


def _high(on: Sheet, sides: Sequence, views: int) -> float:
    """Return how many millimetres the drawing is high, beside its labels."""
    wide, most = (on.width, 112) if on.is_page else room(on.ax)
    beside = sum(max((text_width(each[0], NOTE_TEXT) for each in side), default=0) + 5 for side, _ in sides)
    return min(most, (wide - beside) * (TOP - BOTTOM + 20) / (2 * HALF * views))


def _write(axes: Axes, views: int, sides: Sequence, line: float) -> None:
    """Write labels at the edges, so far apart from each other, each with a line to its bone."""
    span = HALF * views
    for sign, (labels, middle) in zip((-1, 1), sides, strict=True):
        heights = apart([each[3] for each in labels], [line] * len(labels), BOTTOM)
        for (text, _, x, y), height in zip(labels, heights, strict=True):
            end = (middle + sign * x, y)
            style = {"va": "center", "fontsize": NOTE_TEXT, "color": INK, "annotation_clip": False}
            line_to = {"arrowstyle": "-", "color": MUTED, "lw": 0.5, "shrinkA": 1, "shrinkB": 0}
            style |= {"ha": "right" if sign < 0 else "left", "arrowprops": line_to}
            axes.annotate(text, end, xytext=(sign * (span + 1), height), **style)
            axes.plot(*end, ".", color=INK, ms=2, zorder=6)


def _key(axes: Axes) -> None:
    """Draw below what the colours mean."""
    wide, low, start = 13.0, BOTTOM - 12, -46.0
    style = {"ha": "center", "va": "top", "fontsize": NOTE_TEXT, "color": INK}
    for place, share in enumerate((0.0, 0.25, 0.5, 0.75, 1.0)):
        fill = SHADES(share) if share else PAPER
        axes.add_patch(Rectangle((start + place * wide, low), wide, 4, fc=fill, ec=MUTED, lw=0.35))
        text = f"{share * 100:g}" + " %" * (share == 1) if share in (0, 0.5, 1) else ""
        axes.text(start + (place + 0.5) * wide, low - 1, text, **style)
    rest = start + 5.5 * wide
    axes.add_patch(Rectangle((rest, low), 6, 4, fc=UNKNOWN, ec=MUTED, lw=0.35))
    axes.text(rest + 8, low + 2, "no number", **{**style, "ha": "left", "va": "center"})
