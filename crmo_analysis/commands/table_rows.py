"""The rows of a paper's table: what each is of, by its label and the heading above it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from crmo_analysis.commands.columns import VISIT, Column, visits_in
from crmo_analysis.commands.labels import ESTIMATES, UNKNOWN, at_label, bare, name_of, statistic_of
from crmo_analysis.commands.proposals import Draft
from crmo_analysis.study import read_section, rounding


@dataclass(frozen=True)
class Row:
    """A row of a table: what it is of, its label and the heading above, a visit that they name, its place.

    `means` says what it stands for, where `of` alone does not: that it is not so, or is in a category. Its
    claims are of the variable `name`, of those of whom it is `known`, and by each of several `readings`.
    """

    of: str
    labels: tuple[str, str]
    at: str
    place: str
    change: tuple[str, ...] | None = None
    means: str = "{}"
    name: str = ""
    known: str = ""
    readings: dict[str, str] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """How the paper names it."""
        label, heading = self.labels
        return f"{heading}, {label}" if heading and self.of == heading else label


def with_one_heading(rows: list[list[str]], found: Draft) -> list[list[str]]:
    """Leave out a title above the headings, and join headings in two rows: "Baseline" above "n" and "%"."""
    while len(rows) > 2 and _are_headings(rows[1][1:]) and sum(map(bool, rows[0])) == 1 and rows[0][0]:
        found.ask(f"row 1, '{rows[0][0]}': taken as the title of the table")
        rows = rows[1:]
    (corner, *above), (label, *below), *rest = rows
    is_below = (
        not (corner and label) and any(below) and not any(re.match(r"[\d<>=~-]", cell) for cell in below)
    )
    if "" not in above or not is_below:
        return rows
    spans = [max((at for at in range(place + 1) if above[at]), default=0) for place in range(len(above))]
    joined = [f"{above[at]}, {cell}".rstrip(", ") for at, cell in zip(spans, below, strict=False)]
    return [[corner or label, *joined], *rest]


def _are_headings(cells: list[str]) -> bool:
    return any(cells) and not any(re.fullmatch(r"[-<>=~]*\d[\d.,]*\s*(?:[(±%/].*)?", cell) for cell in cells)


def with_one_label(rows: list[list[str]]) -> list[list[str]]:
    """Join two columns of labels: "ESR | mm/h" is "ESR, mm/h", and "FBLIM1 | GG" is "GG" below "FBLIM1"."""
    words = [rounding.plain(row[1]) for row in rows[1:] if len(row) > 2 and row[1]]
    numbers = [word for word in words if re.match(r"[-+<>=~]*\d", word) and not VISIT.fullmatch(word)]
    if numbers or {*words} <= {"yes", "no", "na", "n/a", "-", "+"}:
        return rows
    first, *below = [row if len(row) > 1 else [*row, ""] for row in rows]
    joined, of_each = [[first[0], *first[2:]]], [row[0] for row in below]
    if all(of_each) and len({*of_each}) == len(of_each):
        return joined + [[f"{one}, {other}".strip(", "), *cells] for one, other, *cells in below]
    heading = ""
    for one, other, *cells in below:
        joined += [[one]] if one and other and one != heading else []
        heading = one or heading
        joined.append([other or one, *cells])
    return joined


def is_heading(cells: Sequence[str], columns: Sequence[Column]) -> bool:
    """Say whether a row prints nothing, but for a P value of the rows below it."""
    return not any(cell for cell, column in zip(cells, columns, strict=False) if not column.is_p)


def categories(rows: list[list[str]], columns: list[Column], found: Draft) -> dict[int, Row]:
    """Return rows below headings, by line, whose counts add up to each group's number: categories."""
    found_rows: dict[int, Row] = {}
    sizes = {place: c.size for place, c in enumerate(columns, 1) if c.size and not (c.is_p or c.of_model)}
    lines = [line for line, row in enumerate(rows) if line and is_heading(row[1:], columns)]
    for first, last in pairwise([*lines, len(rows)]):
        for end in range(first + 3, last + 1) if sizes else ():
            below = rows[first + 1 : end]
            if all(_sum(below, place) == size for place, size in sizes.items()):
                heading, labels = rows[first][0], [row[0] for row in below]
                means = _meant(heading, labels, found)
                for line, label, meant in zip(range(first + 2, end + 1), labels, means, strict=False):
                    found_rows[line] = Row(heading, (label, heading), "", f"row {line}", means=meant)
                break
        if first < last - 1 and any(rows[first][1:]):
            found_rows |= _of_heading(rows[first][0], first + 1, found_rows.get(first + 2), found)
    return found_rows


def _of_heading(heading: str, line: int, below: Row | None, found: Draft) -> dict[int, Row]:
    """Return the row of a P value beside a heading, if it is of the categories below, or nobody knows."""
    if below is None:
        if not found.expression(bare(heading))[1].endswith("which is near"):
            return {}
        found.ask(f"row {line}: of what below '{heading}' is the P value?")
    means = re.sub(r"^~| == .*", "", below.means) if below else UNKNOWN
    return {line: Row(heading, (heading, ""), "", f"row {line}", means=means)}


def _sum(rows: list[list[str]], place: int) -> int | None:
    """Return the sum of the counts of a column, "12 (34.7)", if all cells are such."""
    cells = [re.match(r"(\d+) ?(?:[(\[]|$)", row[place]) for row in rows if len(row) > place]
    return sum(int(cell[1]) for cell in cells) if len(cells) == len(rows) and all(cells) else None


def _meant(heading: str, labels: list[str], found: Draft) -> list[str]:
    """Return what categories mean; none for "Yes" and "No", or where several are findings of their own."""
    if any(_sign(bare(label)) for label in labels):
        return []
    known = [found.expression(bare(label))[0] for label in labels]
    of = [name for name in known if name]
    if len(of) > 1 or (of and len(labels) > 2):
        return []
    found.ask(f"'{heading}': {', '.join(labels)} add up to all, and are taken as its categories")
    if of:  # of two, one is what the other is not
        return [name or f"~{of[0]}" for name in known]
    listed = [name_of(label) for label in labels]
    name = found.expression(bare(heading))[0]
    name = found.made_up(f"{bare(heading)} category" if name else bare(heading))
    found.variables[name] |= {"type": "category", "categories": listed}
    return [f"{name} == {category}" for category in listed]


def _sign(words: str) -> str:
    """Return what "yes" or "no" makes of the name of a heading; empty for other words."""
    said = read_section("words")
    is_yes, is_no = words in ("yes", *said["yes"]), words in ("no", *said["no"])
    return "{}" if is_yes else "~{}" if is_no else ""


def read_row(label: str, heading: str, corner: str, line: int) -> Row:
    """Read the label of a row, which can be a visit of what the heading above it names, or its change.

    Or say only whether that is so, or what is printed of it. Above all headings is the corner of the table.
    """
    words, labels, place = bare(label), (label, heading), f"row {line}"
    of = heading or corner
    if visit := VISIT.fullmatch(words):
        return Row(of, (label, of), visit[1], place)
    if heading and re.match(r"(?:mean |median )?change\b", words):
        return Row(heading, labels, "", place, change=visits_in(label))
    if change := re.match(r"(?:mean |median )?change (?:in|of) (.+?)(?: from | between | at |$)", words):
        return Row(change[1], labels, "", place, change=visits_in(label))
    if heading and (sign := _sign(words)):
        return Row(heading, labels, "", place, means=sign)
    if not words:
        is_of_two = statistic_of(label).partition(",")[0] in ESTIMATES
        return Row((corner if is_of_two else of) or label, (label, of), "", place)
    return Row(*at_label(label, labels), place)
