"""The headings of a paper's table: whom each column is of, at which visit, and how many they are."""

import re
from dataclasses import dataclass, replace

from crmo_analysis.commands.labels import ESTIMATES, NEGATION, NOTE, SIZE, UNKNOWN, key, slug, statistic_of
from crmo_analysis.commands.proposals import Draft
from crmo_analysis.study import rounding

_P_COLUMN = re.compile(r"p(?:[- ]?values?)?")
SIZE_ROW = re.compile(
    r"(?:n|(?:n|no\.?|number|total)(?: of)? ?(?:patients|children|cases|subjects)"
    r"|(?:patients|children),? ?\(?n\)?)"
)
_EVERYONE = re.compile(
    r"(?:all|total|overall|everyone|whole|entire|study)?(?: ?(?:the|our))?"
    r"(?: ?(?:patients?|children|cases|cohort|group|series|population|value|values))?"
)
VISIT = re.compile(
    r"\(?\b(?:at |after )?(baseline|diagnosis|before treatment|after treatment|last (?:visit|follow[- ]up)"
    r"|(?:month|week|year) \d+|\d+[- ]?(?:months?|weeks?|years?|mo|yr)\b)\)?"
)


@dataclass(frozen=True)
class Column:
    """A column of a table: whom it is of, when, how many they are, and its heading.

    It can have P values instead, or what a model gives, as `odds_ratio, ci_lower, ci_upper`.
    """

    label: str
    among: str = ""
    at: str = ""
    size: int = 0
    is_p: bool = False
    of_model: str = ""
    seen: str = ""

    @property
    def whom(self) -> str:
        """Among whom its cells are: a group, of whom fewer may have been seen at a visit."""
        return " & ".join(filter(None, [self.among, self.seen]))


def group_label(label: str) -> str:
    """Return whom a heading names, without their number, a visit and marks of footnotes."""
    words = VISIT.sub(" ", SIZE.sub(" ", NOTE.sub("", rounding.plain(label))))
    return re.sub(r"\s+", " ", words).strip(" ,:;-()[]%")


def _size(label: str) -> int:
    size = SIZE.search(rounding.plain(label))
    return int(size[1].replace(",", "")) if size else 0


def read_columns(rows: list[list[str]], found: Draft) -> list[Column]:
    """Read the headings, and add how many patients they name."""
    labels, wide = rows[0][1:], len(rows[0])
    for line, row in enumerate(rows[1:], start=2):
        if 1 < len(row) != wide:
            said = f"row {line} has {len(row)} cells, and the headings are {wide}"
            found.ask(f"{said}: does one with a comma lack quotes?")
    columns = _sized(_headed(labels, found), rows)
    if not any(column.of_model for column in columns):
        _add_sizes(columns, rows, found)
    return _seen(columns, found)


def _headed(labels: list[str], found: Draft) -> list[Column]:
    """Read whom each column is of, at which visit, and which have P values or those of a model."""
    named = {label: group_label(label) for label in labels}
    of_model = {label: _of_model(label, found) for label in labels}
    groups = {
        g: label
        for label, g in named.items()
        if not (_P_COLUMN.fullmatch(g) or _is_all(g) or of_model[label])
    }
    if whole := _whole(named, groups, found):
        groups.pop(named[whole])
    among = _among(groups, found)
    columns = []
    for label in labels:
        group, visit = named[label], VISIT.search(rounding.plain(label))
        at, is_p = "" if visit is None else visit[1], bool(_P_COLUMN.fullmatch(group))
        columns.append(Column(label, among.get(group, ""), at, _size(label), is_p, of_model[label]))
    return columns


def _of_model(label: str, found: Draft) -> str:
    """Return the statistics of a column of estimates, "Adjusted OR (95 % CI)", or of their intervals."""
    statistic = statistic_of(label)
    if statistic.partition(", ")[0] not in (*ESTIMATES, "ci_lower"):
        return ""
    found.ask(f"heading '{label}': of which outcome? put it in place of '{UNKNOWN}'")
    if re.search(r"multi|adjusted|\ba[oh]?r+\b", rounding.plain(label)):
        found.ask(f"heading '{label}': what else is in the model belongs behind the exposure, in column of")
    return statistic


def _whole(named: dict[str, str], groups: dict[str, str], found: Draft) -> str:
    """Return the heading that has as many patients as all others together, if none says that it has all."""
    sizes = {label: size for label in groups.values() if (size := _size(label))}
    if any(_is_all(group) for group in named.values()) or len(sizes) < 3:
        return ""
    largest = max(sizes, key=sizes.get)
    if 2 * sizes[largest] != sum(sizes.values()):
        return ""
    found.ask(f"heading '{largest}': taken as all patients, as the others add up to it")
    return largest


def _is_all(words: str) -> bool:
    return bool(_EVERYONE.fullmatch(words))


def _among(groups: dict[str, str], found: Draft) -> dict[str, str]:
    """Return an expression for each group, of which a heading is given.

    One group, or two of which one is what the other is not, are a finding; several are categories.
    """
    positive = [g for g in groups if not NEGATION.fullmatch(g)]
    told = {g: found.expression(g) for g in groups}
    if len(groups) < 2 or {told[g][0].removeprefix("~") for g in groups} == {"male"}:
        for group in groups:
            name, how = told[group] if told[group][0] else (found.made_up(group), "made up")
            told[group] = name, how
            if how not in ("its label", "its name"):
                found.ask(f"heading '{groups[group]}': the group is taken as '{name}' ({how})")
        return {group: name for group, (name, _) in told.items()}
    if len(groups) == 2 and len(positive) == 1:
        other = next(g for g in groups if g not in positive)
        if key(NEGATION.fullmatch(other)[1]) == key(positive[0]):
            name = told[positive[0]][0] or found.made_up(positive[0])
            return {positive[0]: name, other: f"~{name}"}
    categories = {group: slug(group) for group in groups}
    found.variables["group"] = {
        "label": "Group", "type": "category", "categories": f"[{', '.join(categories.values())}]",
    }  # fmt: skip
    listed = ", ".join(f"'{group}'" for group in groups)
    found.ask(f"headings {listed}: taken as categories of 'group'; are all patients in one each?")
    return {group: f"group == {category}" for group, category in categories.items()}


def _add_sizes(columns: list[Column], rows: list[list[str]], found: Draft) -> None:
    """Add the numbers of patients that the headings print, each group once, the largest at a visit."""
    sizes: dict[str, Column] = {}
    for column in columns:
        if column.size > (sizes[column.among].size if column.among in sizes else 0):
            sizes[column.among] = column
    if not any(SIZE_ROW.fullmatch(rounding.plain(row[0])) for row in rows[1:]):
        for among, column in sizes.items():
            _add_size(among or "everyone", column, found)
    if "" not in sizes:
        total = sum(column.size for column in sizes.values())
        known = f" (the groups add up to {total})" if len(sizes) > 1 else ""
        found.ask(f"no heading has all patients: add a count of everyone{known}")


def _add_size(of: str, column: Column, found: Draft) -> None:
    said = {"statistic": "count", "of": of, "printed": str(column.size), "unit": "patients"}
    name = slug(" ".join(filter(None, [group_label(column.label), column.seen]))) or "all"
    found.add(f"{name}.n", "heading", said)


def _seen(columns: list[Column], found: Draft) -> list[Column]:
    """Let columns of a visit at which fewer of a group were seen be of those, and add how many."""
    most = {column.among: max(c.size for c in columns if c.among == column.among) for column in columns}
    read = []
    for column in columns:
        if 0 < column.size < most[column.among] and column.at:
            column = replace(column, seen=found.made_up(f"seen at {column.at}"))
            fewer = f"fewer than {most[column.among]}"
            found.ask(f"heading '{column.label}': {fewer}, taken as those of '{column.seen}'")
            _add_size(column.whom, column, found)
        read.append(column)
    return read


def _sized(columns: list[Column], rows: list[list[str]]) -> list[Column]:
    """Return the columns with the numbers of patients that a row of the table prints."""
    found = next((row[1:] for row in rows if SIZE_ROW.fullmatch(rounding.plain(row[0]))), [])
    cells = [*found, *[""] * len(columns)]
    return [
        replace(c, size=c.size or int(n) if n.isdecimal() else c.size)
        for c, n in zip(columns, cells, strict=False)
    ]
