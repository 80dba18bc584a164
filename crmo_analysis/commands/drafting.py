"""A paper's table, as people type it, turned into claims to be checked: characteristics by groups.

Nothing is guessed silently: what is proposed says so in its note, and what cannot be told is a question mark
there, which no study accepts.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from crmo_analysis.commands import case_tables
from crmo_analysis.commands.labels import (
    ESTIMATES,
    NEGATION,
    NOTE,
    SIZE,
    UNKNOWN,
    at_label,
    bare,
    footnotes,
    key,
    slug,
    statistic_of,
    statistics_in,
    unit_of,
)
from crmo_analysis.commands.proposals import Draft
from crmo_analysis.files import InputError
from crmo_analysis.study import Codebook, Variable, rounding

_P_COLUMN = re.compile(r"p(?:[- ]?values?)?")
_SIZE_ROW = re.compile(
    r"(?:n|(?:n|no\.?|number|total)(?: of)? ?(?:patients|children|cases|subjects)"
    r"|(?:patients|children),? ?\(?n\)?)"
)
_SEXES = re.compile(
    r"(?:(?:sex|gender)\W*)?(m|males?|boys?|f|females?|girls?) ?[:/] ?(m|males?|boys?|f|females?|girls?)\b.*"
)
_EVERYONE = re.compile(
    r"(?:all|total|overall|everyone|whole|entire|study)?(?: ?(?:the|our))?"
    r"(?: ?(?:patients?|children|cases|cohort|group|series|population|value|values))?"
)
_VISIT = re.compile(
    r"\(?\b(?:at |after )?(baseline|diagnosis|before treatment|after treatment|last (?:visit|follow[- ]up)"
    r"|(?:month|week|year) \d+|\d+[- ]?(?:months?|weeks?|years?|mo|yr)\b)\)?"
)
_CELLS = (  # what a cell looks like, where the label says nothing
    (r"\d+ ?(?:/|of) ?\d+ ?[(\[][\d.,]+ ?%?[)\]]", "count, n, percent"),
    (r"\d+ ?[(\[][\d.,]+ ?%[)\]]", "count, percent"),
    (r"[\d.,]+ ?\+/- ?[\d.,]+", "mean, sd"),
    (r"[\d.,]+ ?%", "percent"),
)
_REFERENCE = re.compile(r"(?:1(?:\.0+)?)?\W*(?:ref(?:erence|\.)?)?\W*")
_OF_PATIENTS = {"count", "percent", "n"}
_SEX_NAMES = {"male": "boys", "~male": "girls"}


@dataclass(frozen=True)
class _Column:
    """A column of a table: whom it is of, when, how many they are, and its heading.

    It can have P values instead, or what a model gives, as `odds_ratio, ci_lower, ci_upper`.
    """

    label: str
    among: str = ""
    at: str = ""
    size: int = 0
    is_p: bool = False
    of_model: str = ""


@dataclass(frozen=True)
class _Row:
    """A row of a table: what it is of, its label and the heading above, a visit that they name, its place."""

    of: str
    labels: tuple[str, str]
    at: str
    place: str
    is_change: bool = False

    @property
    def title(self) -> str:
        """How the paper names it."""
        label, heading = self.labels
        return f"{heading}, {label}" if self.of == heading else label


def draft(table: list[list[str]], codebook: Codebook, prefix: str, where: str = "table 1") -> Draft:
    """Turn a table with groups in the first row and characteristics in the first column into claims.

    Or one with a row, or a column, for each patient. Ids of claims begin with `prefix`, the study's name; the
    paper calls the table `where`.
    """
    rows = [[cell.strip() for cell in row] for row in table if any(cell.strip() for cell in row)]
    if len(rows) < 2 or len(rows[0]) < 2:
        raise InputError("expected a table: groups in the first row, characteristics in the first column")
    found = Draft(codebook, prefix, where)
    rows, notes, unused = footnotes(rows)
    if patients := case_tables.of_patients(rows):
        case_tables.draft(patients, found)
        return found
    told = [each for note in (*notes.values(), *unused) for each in statistics_in(note)]
    _ask_about_notes(notes, unused, found)
    columns = _columns(rows[0][1:], found)
    if not any(column.of_model for column in columns):
        _sizes(columns, found)
    columns = _sized(columns, rows)
    heading = ""
    for line, cells in enumerate(rows[1:], start=2):
        label, *cells = *cells, *[""] * (len(rows[0]) - len(cells))
        if not any(cells):
            heading = label
        elif not _is_of_sizes(label, cells, columns, found):
            _draft_row(
                _row(label, heading, line), list(zip(cells, columns, strict=False)), (notes, told), found
            )
    for said in found.rows:
        if said["statistic"] == "p_value":
            said["method"] = said["method"] or notes.get("", "")
    return found


def _ask_about_notes(notes: Mapping[str, str], unused: Sequence[str], found: Draft) -> None:
    for mark, said in notes.items():
        if re.search(r",| or | and ", said):
            found.ask(f"note {mark}: '{said}', which names several; column method is left empty")
            continue
        of_one = f"note {mark}: '{said}', taken as the test of P values"
        found.ask(of_one if mark else f"note '{said}': taken as the test of all P values")
    for said in unused:
        used = f"note '{said}': taken for cells whose label does not say what they print"
        found.ask(used if statistics_in(said) else f"note not used: {said}")


def _row(label: str, heading: str, line: int) -> _Row:
    """Read the label of a row, which can be a visit of what the heading above it names, or its change."""
    words, labels, place = rounding.plain(label).strip(" :;,"), (label, heading), f"row {line}"
    if heading and (visit := _VISIT.fullmatch(words)):
        return _Row(heading, labels, visit[1], place)
    if heading and re.match(r"(?:mean |median )?change\b", words):
        return _Row(heading, labels, "", place, is_change=True)
    return _Row(*at_label(label, labels), place)


def _draft_row(row: _Row, cells: list[tuple[str, _Column]], below: tuple, found: Draft) -> None:
    """Add the claims of a row; what is told below the table are tests by mark, and statistics."""
    notes, told = below
    name, note = found.variable(row.of, row.labels[1])
    stem = slug(f"{bare(row.of) or row.of} {'change' if row.is_change else row.at}")
    for number, (cell, column) in enumerate(cells):
        if not cell or rounding.plain(cell) in ("-", "--", "na", "n/a", "nr", "nd"):
            continue
        place = f"{row.place}, column '{column.label}'"
        if column.is_p:
            of_visit = UNKNOWN if row.is_change else _visit_name(name, row.at)
            said = _p_value(cell, of_visit, [each for _, each in cells[:number]], place, found)
            said, last = said | _method(cell, column.label, notes), "p"
        elif column.of_model:
            if _REFERENCE.fullmatch(rounding.plain(cell)):
                continue
            said = {"statistic": column.of_model, "of": f"{UNKNOWN}, {name}", "printed": cell, "at": row.at}
            last = slug(_group_label(column.label))
        else:
            said = _values(cell, row, name, (place, column, told), found)
            last = slug(f"{_group_label(column.label)} {column.at}") or "all"
            name, said = said["of"], said | {"among": column.among, "at": row.at or column.at}
            said |= _change(said, place, found) if row.is_change else {}
        found.add(f"{stem}.{last}", row.title, said | {"note": note})


def _change(said: dict, place: str, found: Draft) -> dict:
    """Return what differs in a claim of a change."""
    name = said["of"]
    found.ask(f"{place}: a change from which visit to which? as '{name}, {name}_at_6_months'")
    statistic = re.sub(r"\b(mean|sd|median|percent)\b", r"\1_change", said["statistic"])
    return {"statistic": statistic, "of": f"{name}, {UNKNOWN}"}


# ---- columns -----------------------------------------------------------------------------------------------


def _group_label(label: str) -> str:
    """Return whom a heading names, without their number, a visit and marks of footnotes."""
    words = _VISIT.sub(" ", SIZE.sub(" ", NOTE.sub("", rounding.plain(label))))
    return re.sub(r"\s+", " ", words).strip(" ,:;-()[]%")


def _size(label: str) -> int:
    size = SIZE.search(rounding.plain(label))
    return int(size[1].replace(",", "")) if size else 0


def _columns(labels: list[str], found: Draft) -> list[_Column]:
    """Read the headings: whom each column is of, at which visit, which have P values or those of a model."""
    named = {label: _group_label(label) for label in labels}
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
        group, visit = named[label], _VISIT.search(rounding.plain(label))
        at, is_p = "" if visit is None else visit[1], bool(_P_COLUMN.fullmatch(group))
        columns.append(_Column(label, among.get(group, ""), at, _size(label), is_p, of_model[label]))
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


def _sizes(columns: list[_Column], found: Draft) -> None:
    """Add the numbers of patients that the headings print, each group once."""
    sizes: dict[str, int] = {}
    for column in columns:
        if column.size and sizes.setdefault(column.among, column.size) == column.size:
            said = {"statistic": "count", "of": column.among or "everyone", "printed": str(column.size)}
            if not any(row["of"] == said["of"] for row in found.rows):
                name = f"{slug(_group_label(column.label)) or 'all'}.n"
                found.add(name, "heading", said | {"unit": "patients"})
    if "" not in sizes:
        known = f" (the groups add up to {sum(sizes.values())})" if len(sizes) > 1 else ""
        found.ask(f"no heading has all patients: add a count of everyone{known}")


def _sized(columns: list[_Column], rows: list[list[str]]) -> list[_Column]:
    """Return the columns with the numbers of patients that a row of the table prints."""
    found = next((row[1:] for row in rows if _SIZE_ROW.fullmatch(rounding.plain(row[0]))), [])
    cells = [*found, *[""] * len(columns)]
    return [
        replace(c, size=c.size or int(n) if n.isdecimal() else c.size)
        for c, n in zip(columns, cells, strict=False)
    ]


def _is_of_sizes(label: str, cells: list[str], columns: list[_Column], found: Draft) -> bool:
    """Add a row that prints how many patients each group has, or how many boys and girls, "8/13"."""
    words = rounding.plain(label)
    sexes = _SEXES.fullmatch(words)
    if not _SIZE_ROW.fullmatch(words) and not sexes:
        return False
    signs = ["male" if sex[0] in "mb" else "~male" for sex in sexes.groups()] if sexes else [""]
    for place, (cell, column) in enumerate(zip(cells, columns, strict=False)):
        numbers = re.findall(r"\d+", cell)
        if column.is_p and sexes and cell:
            found.add("sex.p", label, _p_value(cell, "male", columns[:place], f"row '{label}'", found))
        if column.is_p or len(numbers) != len(signs):
            continue
        stem = slug(_group_label(column.label)) or "all"
        for number, sign in zip(numbers, signs, strict=True):
            of, among = (sign, column.among) if sign else (column.among or "everyone", "")
            said = {"statistic": "count", "of": of, "among": among, "printed": number, "unit": "patients"}
            found.add(f"{stem}.{_SEX_NAMES.get(sign, 'n')}", label, said)
    return True


# ---- cells -------------------------------------------------------------------------------------------------


def _p_value(cell: str, name: str, before: list[_Column], place: str, found: Draft) -> dict:
    """Return a P value of what tells the columns since the last one apart: groups, or visits of one group."""
    last = max((at for at, column in enumerate(before) if column.is_p), default=-1)
    compared = [column for column in before[last + 1 :] if column.among] or before[last + 1 :]
    said = {"statistic": "p_value", "printed": cell}
    if compared and compared[-1].of_model:
        return said | {"of": f"{UNKNOWN}, {name}"}
    groups = dict.fromkeys(column.among for column in compared)
    visits = [_visit_name(name, column.at) for column in compared]
    if len(groups) == 1 and len({*visits}) == 2:
        return said | {"of": ", ".join(dict.fromkeys(visits)), "among": next(iter(groups))}
    bare = {re.sub(r"^~| == .*", "", group) for group in groups if group}
    exposure = bare.pop() if len(bare) == 1 else UNKNOWN
    if exposure == UNKNOWN:
        found.ask(f"{place}: which groups does the P value compare?")
    return said | {"of": f"{name}, {exposure}"}


def _visit_name(name: str, at: str) -> str:
    return name if at in ("", "baseline", "before treatment") else f"{name}_at_{slug(at)}"


def _method(cell: str, heading: str, notes: Mapping[str, str]) -> dict[str, str]:
    """Return the test that the note of a P value names, or that of its column."""
    marks = (re.search(r"([†‡§¶*#]+|(?<=\d)[a-e])$", text.strip()) for text in (cell, heading))
    said = next((notes[mark[1]] for mark in marks if mark and mark[1] in notes), "")
    if not said or re.search(r"^p\s?[<=>]|^signific|,| or | and ", said, re.IGNORECASE):
        return {}
    return {"method": said}


def _values(cell: str, row: _Row, name: str, where: tuple, found: Draft) -> dict:
    """Return what a cell prints, as far as its label, the heading above it, its form or a note tells."""
    place, column, told = where
    statistic = _statistic(cell, (*row.labels, column.label), column.size, told)
    unit = unit_of(row.labels[0]) or unit_of(row.of)
    if statistic == UNKNOWN:
        found.ask(f"{place}: '{cell}': which statistics? as 'mean, sd' or 'median, min, max'")
        return {"statistic": UNKNOWN, "of": name, "printed": cell, "unit": unit}
    variable = found.codebook.get(name)
    if set(statistic.split(", ")) <= _OF_PATIENTS:
        of = _counted(name, variable, f"{row.place}: {statistic}", found)
        return {"statistic": statistic, "of": of, "printed": cell, "unit": "patients"}
    if variable and not variable.is_numeric:
        found.ask(f"{row.place}: {statistic} of {name}, which is {variable.type}: is it meant?")
    if not unit and variable and variable.unit:
        unit = variable.unit
        found.ask(f"{row.place}: no unit is named; {unit}, the codebook's, is taken")
    if name in found.variables:
        found.variables[name] |= {"type": "decimal", "unit": unit, "step": 0.1}
    return {"statistic": statistic, "of": name, "printed": cell, "unit": unit}


def _counted(name: str, variable: Variable | None, what: str, found: Draft) -> str:
    """Return whom a count is of: those with a finding, or with a number from some value on."""
    if variable is None or not variable.is_numeric:
        return name
    of, asked = (
        (f"{name} >= 1", "") if name.startswith("n_") else (f"{name} {UNKNOWN}", "; from which value on?")
    )
    found.ask(f"{what} of patients: taken as those with '{of}'{asked}")
    return of


def _statistic(cell: str, labels: Sequence[str], size: int, of_notes: list[str]) -> str:
    """Return the first of what the labels and the form of a cell tell that has as many numbers as it.

    Else what the notes below the table say, if only one of it has.
    """
    words = NOTE.sub("", rounding.plain(cell)).strip()
    of_row, of_column = [statistic_of(label) for label in labels[:2]], statistic_of(labels[2])
    told = [*of_row, *(s for pattern, s in _CELLS if re.fullmatch(pattern, words))]
    told += ["count, percent"] * _is_share(words, size) + [of_column] * ("," in of_column)
    numbers = len(re.findall(r"\d+(?:[.,]\d+)?", words))
    fitting = [each for each in told if each != UNKNOWN and len(each.split(", ")) == numbers]
    is_count = not size and re.match(r"\d+(?![.,]?\d)", words)
    noted = {each for each in of_notes if len(each.split(", ")) == numbers}
    noted -= set() if is_count else {"count, percent"}
    return fitting[0] if fitting else noted.pop() if len(noted) == 1 else UNKNOWN


def _is_share(words: str, size: int) -> bool:
    """Say whether "13 (37.1)" is a number of so many patients with its percentage."""
    match = re.fullmatch(r"(\d+) ?[(\[](\d+(?:[.,]\d+)?)[)\]]", words)
    share = float(match[2].replace(",", ".")) if match else 0
    return bool(match and size and abs(100 * int(match[1]) / size - share) < 1)
