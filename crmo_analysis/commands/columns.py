"""The headings of a paper's table: whom each column is of, at which visit, and how many they are."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from crmo_analysis.commands.labels import (
    ESTIMATES,
    NEGATION,
    NOTE,
    OF_MODELS,
    SIZE,
    UNKNOWN,
    key,
    name_of,
    slug,
    statistic_of,
    stems,
    without_summary,
)
from crmo_analysis.commands.notes import test_of
from crmo_analysis.commands.proposals import Draft
from crmo_analysis.study import rounding

_P_COLUMN = re.compile(r"(?:val(?:eur|or)(?: de)? )?p(?:[- ]?(?:values?|wert))?(?:[ ,(].*)?")
_KNOWN = {"n": True, "number": True, "no.": True, "missing": False, "missing, n": False, "n missing": False}
SIZE_ROW = re.compile(
    r"(?:n|(?:n|no\.?|number|total)(?: of)? ?(?:patients|children|cases|subjects)"
    r"|(?:patients|children),? ?\(?n\)?)"
)
CHANGE = re.compile(r"\b(?:mean |median )?changes?\b(?:\W+(?:from|to|between|and|at)\b)*")
SHARE = re.compile(r"(\d+) ?[(\[](\d+(?:[.,]\d+)?) ?%?[)\]]")
ADJUSTED = re.compile(r"multi(?:vari|ple)|(?<!un)adjusted|\ba[oh]?r+\b")
READER = re.compile(r"(?:reader|rater|observer|radiologist|examiner|reading)s? (?:\w|\d+)")
_CONTROLS = re.compile(r"\b(?:control|healthy|unaffected|sibling)")
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

    It can have P values instead, or what two variables give, as `odds_ratio, ci_lower, ci_upper`; say of how
    many something is known, or not; be of an `outcome` among those of each row, a `reading`, an `answer`, or
    a `change` between the visits that it names; and print the sum over the patients of each row.
    """

    label: str
    among: str = ""
    at: str = ""
    size: int = 0
    is_p: bool = False
    of_model: str = ""
    seen: str = ""
    unseen: int = 0
    is_known: bool | None = None
    outcome: str = ""
    reading: str = ""
    answer: str = ""
    change: tuple[str, ...] | None = None
    is_sum: bool = False

    @property
    def is_of_lesions(self) -> bool:
        """Whether it counts lesions, each by itself."""
        is_count = statistic_of(self.label, True).startswith(("count", "percent"))
        return is_count and bool(
            re.search(r"^(?!.*(?:patient|child|case)).*\blesions\b", self.label.casefold())
        )

    @property
    def whom(self) -> str:
        """Among whom its cells are: a group, of whom fewer may have been seen at a visit."""
        return " & ".join(filter(None, [self.among, self.seen]))


def group_label(label: str) -> str:
    """Return whom a heading names, without their number, a visit and marks of footnotes."""
    words = CHANGE.sub(" ", VISIT.sub(" ", SIZE.sub(" ", NOTE.sub("", rounding.plain(label)))))
    words = without_summary(words)
    return re.sub(r"\s+", " ", words).strip(" ,:;-()[]%±+/")


def _size(label: str) -> int:
    size = SIZE.search(rounding.plain(label))
    return int(size[1].replace(",", "")) if size else 0


def read_columns(rows: list[list[str]], found: Draft) -> list[Column]:
    """Read the headings, and add how many patients they name."""
    wide = len(rows[0])
    for line, row in enumerate(rows[1:], start=2):
        if len(row) > wide:
            said = f"row {line} has {len(row)} cells, and the headings are {wide}"
            found.ask(f"{said}: does one with a comma lack quotes?")
    columns = _sized(_headed(rows, found), rows)
    if any(column.size for column in columns) or not any(
        c.of_model or c.answer or c.reading for c in columns
    ):
        _add_sizes(columns, rows, found)
    return _seen(columns, found)


def _headed(rows: list[list[str]], found: Draft) -> list[Column]:
    """Read whom each column is of, at which visit, and which have P values or those of a model."""
    columns = [_column(label) for label in rows[0][1:]]
    if any(column.of_model.partition(",")[0] in OF_MODELS for column in columns):
        columns = [replace(c, of_model="se") if statistic_of(c.label) == "se" else c for c in columns]
    named = {column.label: group_label(column.label) for column in columns}
    rest = [c for c in columns if not (c.is_p or c.of_model or c.is_of_lesions or c.is_known is not None)]
    rest = [c for c in rest if not is_all(named[c.label]) or _are_others(c, rest)]
    groups = {named[column.label]: column.label for column in rest}
    kind = _not_groups(columns, rest, rows, found)
    columns = _counted(kind or columns, bool(groups), found)
    if kind:
        return columns
    if whole := _whole(named, groups, found):
        groups.pop(named[whole])
    among = _among(groups, found)
    return [replace(each, among=among.get(named[each.label], "") * (each in rest)) for each in columns]


def _counted(columns: list[Column], has_groups: bool, found: Draft) -> list[Column]:
    """Let "n" be of how many something is known only beside answers, "Missing", "n (%)", means or medians."""
    for each in columns:
        told, group = statistic_of(each.label), group_label(each.label)
        if each.is_known is False or each.answer or told.startswith(("mean", "median", "min")):
            return columns
        if not group and told.startswith("count, "):
            return columns
    for column in columns if has_groups else ():
        if column.is_known:
            found.ask(f"heading '{column.label}': taken as counts among all patients")
    return [replace(column, is_known=None) for column in columns]


def _are_others(column: Column, rest: Sequence[Column]) -> bool:
    """Say whether "patients" are not all, but those beside the controls of another heading."""
    if re.match(r"$|all|total|overall|everyone|whole|entire", group_label(column.label)):
        return False
    others = [each for each in rest if not is_all(group_label(each.label))]
    return any(_CONTROLS.search(rounding.plain(c.label)) or c.size > column.size > 0 for c in others)


def _not_groups(
    columns: list[Column], rest: list[Column], rows: list[list[str]], found: Draft
) -> list[Column]:
    """Return the columns where headings are no groups of patients, but outcomes, readings, or answers."""
    if any(column.of_model.startswith("rate,") or column.of_model == "rate" for column in columns):
        return _of_rates(columns, found)
    of_model = [column.label for column in columns if column.of_model]
    names = [group_label(column.label) for column in rest]
    if of_model and len(rest) == 1 and not rest[0].size and "count" in statistic_of(rest[0].label, True):
        name = found.expression(names[0])[0] or found.made_up(names[0])
        found.ask(f"heading '{rest[0].label}': taken as the outcome '{name}', among those of each row")
        _ask_about_models(of_model, name, found)
        return [replace(c, outcome=name * (c in rest or bool(c.of_model))) for c in columns]
    if sum(bool(READER.match(name)) for name in names) > 1:
        found.ask(
            f"headings {', '.join(names)}: taken as readings of the same patients, each of its own name"
        )
        return [replace(each, reading=name_of(group_label(each.label)) * (each in rest)) for each in columns]
    if len(rest) > 2 and _are_answers([rows[0].index(column.label) for column in rest], rows):
        found.ask(f"headings {', '.join(names)}: taken as answers, as each row adds up to 100 %")
        return [replace(each, answer=name_of(group_label(each.label)) * (each in rest)) for each in columns]
    if outcomes := _outcomes(columns, rows, found):
        return outcomes
    if len(rest) < 2:
        _ask_about_models(of_model, "", found)
    return []


def _column(label: str) -> Column:
    words, statistic = NOTE.sub("", rounding.plain(label)), statistic_of(label, True)
    visit, size = VISIT.search(words), _size(label)
    is_p = bool(_P_COLUMN.fullmatch(words) or test_of(words)) and not size
    of_two = statistic if statistic.partition(", ")[0] in (*ESTIMATES, "ci_lower") and not is_p else ""
    visits = visits_in(words) if CHANGE.search(words) and not is_p else None
    at = visit[1] if visit and visits is None else ""
    return Column(label, "", at, size, is_p, of_two, is_known=_KNOWN.get(words), change=visits)


def visits_in(words: str) -> tuple[str, ...]:
    """Return the visits that words name."""
    return tuple(match[1] for match in VISIT.finditer(rounding.plain(words)))


def _of_rates(columns: list[Column], found: Draft) -> list[Column]:
    """Return the columns of rates, and of the sums of events and of time that they are of."""
    of_time = lambda each: re.search(r"[- ](?:year|month)s?\b", each.label.casefold())  # noqa: E731
    sums = [each for each in columns if not (each.is_p or each.of_model)]
    time, events = found.made_up("observed"), next((each for each in sums if not of_time(each)), None)
    unit = "months" if any("month" in each.label.casefold() for each in filter(of_time, sums)) else "years"
    found.variables[time] |= {"type": "decimal", "unit": unit, "step": 0.1}
    counted = found.made_up(f"n {group_label(events.label)}") if events else UNKNOWN
    if events:
        found.variables[counted] |= {"type": "integer", "step": 1}
    found.ask("each row is taken as those of whom a rate is, and events and time as sums over them")
    named = lambda each: f"{counted}, {time}" if each.of_model else time if of_time(each) else counted  # noqa: E731
    is_sum = lambda each: each is events or (each in sums and bool(of_time(each)))  # noqa: E731
    return [
        each if each.is_p else replace(each, outcome=named(each), is_sum=is_sum(each)) for each in columns
    ]


def _outcomes(columns: list[Column], rows: list[list[str]], found: Draft) -> list[Column]:
    """Return the columns where each row is a group, of which "30 (49.2)" are shares of its first cell."""
    cells = [[c for c, column in zip(row[1:], columns, strict=False) if not column.is_p] for row in rows[1:]]
    filled = [(n, [of for cell in rest if (of := SHARE.fullmatch(cell))]) for n, *rest in filter(any, cells)]
    if not columns or columns[0].size or not all(n.isdecimal() and n != "0" for n, _ in filled):
        return []
    off = [
        abs(100 * int(of[1]) / int(n) - float(of[2].replace(",", "."))) for n, each in filled for of in each
    ]
    if len(off) < 2 or max(off) >= 1:
        return []
    found.ask(
        f"each row is taken as those counted in '{columns[0].label}', the other columns as what they have"
    )
    read = [replace(columns[0], is_known=None)]
    for column in columns[1:]:
        name, how = ("", "") if column.is_p else found.variable(group_label(column.label))
        if how and not how.endswith(("label", "made up")):
            found.ask(f"heading '{column.label}': taken as '{name}', {how}")
        read.append(replace(column, outcome=name))
    return read


def _ask_about_models(labels: list[str], outcome: str, found: Draft) -> None:
    for label in labels:
        if not outcome:
            found.ask(f"heading '{label}': of which outcome? put it in place of '{UNKNOWN}'")
        if ADJUSTED.search(label.casefold()):
            found.ask(f"heading '{label}': the model is taken as of all rows that have a number there")


def _are_answers(places: list[int], rows: list[list[str]]) -> bool:
    """Say whether the percentages of each row, "7 (6.6)", add up to 100 over these columns."""
    for row in rows[1:]:
        cells = [SHARE.fullmatch(row[place]) for place in places if place < len(row)]
        if not cells or not all(cells) or abs(sum(float(c[2].replace(",", ".")) for c in cells) - 100) > 3:
            return False
    return True


def _whole(named: dict[str, str], groups: dict[str, str], found: Draft) -> str:
    """Return the heading that has as many patients as all others together, if none says that it has all."""
    sizes = {label: size for label in groups.values() if (size := _size(label))}
    if any(is_all(group) for group in named.values()) or len(sizes) < 3:
        return ""
    largest = max(sizes, key=sizes.get)
    if 2 * sizes[largest] != sum(sizes.values()):
        return ""
    found.ask(f"heading '{largest}': taken as all patients, as the others add up to it")
    return largest


def is_all(words: str) -> bool:
    """Say whether words are of all patients."""
    return bool(_EVERYONE.fullmatch(words))


def _among(groups: dict[str, str], found: Draft) -> dict[str, str]:
    """Return an expression for each group, of which a heading is given.

    One group, or two of which one is what the other is not, are a finding; several are categories.
    """
    positive = [g for g in groups if not NEGATION.fullmatch(g)]
    if len(groups) == 2 and len(positive) == 1 and not found.expression(positive[0])[0]:
        other = NEGATION.fullmatch(next(g for g in groups if g not in positive))[1]
        if key(other) == key(positive[0]):  # "responders" and "non-responders"
            found.made_up(positive[0])
    told = {g: found.expression(g) for g in groups}
    names = {name for name, _ in told.values()}
    if len(groups) < 2 or (len(names) == 2 and len({name.removeprefix("~") for name in names}) == 1):
        for group in groups:
            name, how = told[group] if told[group][0] else (found.made_up(group), "made up")
            told[group] = name, how
            if how not in ("its label", "its name", f"'{group}'"):
                found.ask(f"heading '{groups[group]}': the group is taken as '{name}' ({how})")
        return {group: name for group, (name, _) in told.items()}
    categories = {group: name_of(group) for group in groups}
    found.variables["group"] = {"label": "Group", "type": "category", "categories": [*categories.values()]}
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
    if "" not in sizes and found.sizes:
        _add_size("everyone", Column("all", size=int(found.sizes[0])), found)
    elif "" not in sizes:
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
            seen, unseen = found.made_up(f"seen at {column.at}"), most[column.among] - column.size
            column = replace(column, seen=seen, unseen=unseen)
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


# ---- what P values and estimates compare -------------------------------------------------------------------


def compared_by(name: str, column: Column, before: list[Column], found: Draft) -> dict[str, str]:
    """Return what a P value compares: what tells the columns since the last one apart, groups or visits."""
    last = max((at for at, each in enumerate(before) if each.is_p), default=-1)
    if two := _versus(column, before):
        among = " | ".join(two) * (len({each.among for each in before} - {""}) > 2)
        return {"of": f"{name}, {re.sub(r'^~| == .*', '', two[0])}", "among": among}
    before = before[last + 1 :]
    groups = [each for each in before if each.among]
    if before and (before[-1].of_model or before[-1].outcome) and not groups:
        return {"of": f"{before[-1].outcome or UNKNOWN}, {name}"}
    changes = [each.change for each in before if each.change]
    named = [*visits_in(column.label), *(changes[-1] if changes else ())]
    before = [each for each in before if each.change is None]
    compared = [each for each in groups or before if len(named) < 2 or each.at in named]
    visits = dict.fromkeys(visit_name(name, each.at) for each in compared)
    if len({each.among for each in compared}) == 1 and len(visits) == 2:
        return {"of": ", ".join(visits), "among": max((each.whom for each in compared), key=len)}
    exposure = exposure_of(compared)
    if exposure == UNKNOWN:
        found.ask(f"column '{column.label}': which groups does the P value of '{name}' compare?")
    return {"of": f"{name}, {exposure}"}


def _versus(column: Column, before: list[Column]) -> list[str]:
    """Return the two groups that a heading names, "P, A vs B"."""
    parts = re.split(r"\b(?:vs?\.?|versus)\s", rounding.plain(column.label).partition("p")[2])
    found = [
        next(
            (each.among for each in before if each.among and stems(group_label(each.label)) & stems(part)), ""
        )
        for part in parts
    ]
    return found if len(found) == 2 and all(found) and found[0] != found[1] else []


def exposure_of(compared: list[Column]) -> str:
    """Return the variable that tells columns apart."""
    names = {re.sub(r"^~| == .*", "", each.among) for each in compared if each.among}
    return names.pop() if len(names) == 1 else UNKNOWN


def visit_name(name: str, at: str) -> str:
    """Return the name that a variable has at a visit."""
    is_first = at in ("", "baseline", "before treatment")
    return name if is_first else re.sub(r"^(~?\w+)", rf"\1_at_{slug(at)}", name)
