"""A paper's table, as people type it, turned into claims to be checked: characteristics by groups.

Nothing is guessed silently: what is proposed says so in its note, and what cannot be told is a question mark
there, which no study accepts.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from crmo_analysis.commands import case_tables
from crmo_analysis.commands.columns import SIZE_ROW, VISIT, Column, group_label, read_columns
from crmo_analysis.commands.labels import (
    NOTE,
    UNKNOWN,
    at_label,
    bare,
    footnotes,
    slug,
    statistic_of,
    statistics_in,
    unit_of,
)
from crmo_analysis.commands.proposals import Draft
from crmo_analysis.files import InputError
from crmo_analysis.study import Codebook, Variable, rounding

_SEXES = re.compile(
    r"(?:(?:sex|gender)\W*)?(m|males?|boys?|f|females?|girls?) ?[:/] ?(m|males?|boys?|f|females?|girls?)\b.*"
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
    columns = read_columns(rows, found)
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
        of_one = f"note {mark}: '{said}', taken as the test of P values"
        of_all = f"note '{said}': taken as the test of all P values"
        found.ask((of_one if mark else of_all) if _is_test(said) else f"note {mark} not used: {said}")
    for said in unused:
        used = f"note '{said}': taken for cells whose label does not say what they print"
        found.ask(used if statistics_in(said) else f"note not used: {said}")


def _is_test(note: str) -> bool:
    """Say whether a note can be one test, and not several or a limit of P."""
    return not re.search(r"^p\s?[<=>]|^signific|,| or | and ", note, re.IGNORECASE)


def _row(label: str, heading: str, line: int) -> _Row:
    """Read the label of a row, which can be a visit of what the heading above it names, or its change."""
    words, labels, place = rounding.plain(label).strip(" :;,"), (label, heading), f"row {line}"
    if heading and (visit := VISIT.fullmatch(words)):
        return _Row(heading, labels, visit[1], place)
    if heading and re.match(r"(?:mean |median )?change\b", words):
        return _Row(heading, labels, "", place, is_change=True)
    return _Row(*at_label(label, labels), place)


def _draft_row(row: _Row, cells: list[tuple[str, Column]], below: tuple, found: Draft) -> None:
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
            last = slug(group_label(column.label))
        else:
            said = _values(cell, row, name, (place, column, told), found)
            last = slug(f"{group_label(column.label)} {column.at}") or "all"
            name, said = said["of"], said | {"among": column.whom, "at": row.at or column.at}
            said |= _change(said, place, found) if row.is_change else {}
        found.add(f"{stem}.{last}", row.title, said | {"note": note})


def _change(said: dict, place: str, found: Draft) -> dict:
    """Return what differs in a claim of a change."""
    name = said["of"]
    found.ask(f"{place}: a change from which visit to which? as '{name}, {name}_at_6_months'")
    statistic = re.sub(r"\b(mean|sd|median|percent)\b", r"\1_change", said["statistic"])
    return {"statistic": statistic, "of": f"{name}, {UNKNOWN}"}


def _is_of_sizes(label: str, cells: list[str], columns: list[Column], found: Draft) -> bool:
    """Add a row that prints how many patients each group has, or how many boys and girls, "8/13"."""
    words = rounding.plain(label)
    sexes = _SEXES.fullmatch(words)
    if not SIZE_ROW.fullmatch(words) and not sexes:
        return False
    signs = ["male" if sex[0] in "mb" else "~male" for sex in sexes.groups()] if sexes else [""]
    for place, (cell, column) in enumerate(zip(cells, columns, strict=False)):
        numbers = re.findall(r"\d+", cell)
        if column.is_p and sexes and cell:
            found.add("sex.p", label, _p_value(cell, "male", columns[:place], f"row '{label}'", found))
        if column.is_p or len(numbers) != len(signs):
            continue
        stem = slug(group_label(column.label)) or "all"
        for number, sign in zip(numbers, signs, strict=True):
            of, among = (sign, column.among) if sign else (column.among or "everyone", "")
            said = {"statistic": "count", "of": of, "among": among, "printed": number, "unit": "patients"}
            found.add(f"{stem}.{_SEX_NAMES.get(sign, 'n')}", label, said)
    return True


# ---- cells -------------------------------------------------------------------------------------------------


def _p_value(cell: str, name: str, before: list[Column], place: str, found: Draft) -> dict:
    """Return a P value of what tells the columns since the last one apart: groups, or visits of one group."""
    last = max((at for at, column in enumerate(before) if column.is_p), default=-1)
    compared = [column for column in before[last + 1 :] if column.among] or before[last + 1 :]
    said = {"statistic": "p_value", "printed": cell}
    if compared and compared[-1].of_model:
        return said | {"of": f"{UNKNOWN}, {name}"}
    groups = dict.fromkeys(column.among for column in compared)
    visits = [_visit_name(name, column.at) for column in compared]
    if len(groups) == 1 and len({*visits}) == 2:
        return said | {"of": ", ".join(dict.fromkeys(visits)), "among": compared[-1].whom}
    bare = {re.sub(r"^~| == .*", "", group) for group in groups if group}
    exposure = bare.pop() if len(bare) == 1 else UNKNOWN
    if exposure == UNKNOWN:
        found.ask(f"{place}: which groups does the P value compare?")
    return said | {"of": f"{name}, {exposure}"}


def _visit_name(name: str, at: str) -> str:
    is_first = at in ("", "baseline", "before treatment")
    return name if is_first else re.sub(r"^(~?\w+)", rf"\1_at_{slug(at)}", name)


def _method(cell: str, heading: str, notes: Mapping[str, str]) -> dict[str, str]:
    """Return the test that the note of a P value names, or that of its column."""
    marks = (re.search(r"([†‡§¶*#]+|(?<=\d)[a-e])$", text.strip()) for text in (cell, heading))
    said = next((notes[mark[1]] for mark in marks if mark and mark[1] in notes), "")
    return {"method": said} if said and _is_test(said) else {}


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


def _statistic(cell: str, labels: Sequence[str], size: int, of_notes: list[tuple]) -> str:
    """Return the first of what the labels and the form of a cell tell that has as many numbers as it.

    Else what the notes below the table say, if only one of it has.
    """
    words = NOTE.sub("", rounding.plain(cell)).strip()
    of_row, of_column = [statistic_of(label) for label in labels[:2]], statistic_of(labels[2])
    told = [*of_row, *(s for pattern, s in _CELLS if re.fullmatch(pattern, words))]
    told += ["count, percent"] * _is_share(words, size) + [of_column] * ("," in of_column)
    told += ["count"] * (words.isdecimal() and ("count, percent" in told or words == "0"))
    numbers = len(re.findall(r"\d+(?:[.,]\d+)?", words))
    fitting = [each for each in told if each != UNKNOWN and len(each.split(", ")) == numbers]
    may_be_count = not size and re.match(r"\d+(?![.,]?\d)", words)
    noted = {
        each
        for each, bracket in of_notes
        if len(each.split(", ")) == numbers and (each != "count, percent" or may_be_count)
        if bracket in words or not re.search(r"[(\[]", words)
    }
    return fitting[0] if fitting else noted.pop() if len(noted) == 1 else UNKNOWN


def _is_share(words: str, size: int) -> bool:
    """Say whether "13 (37.1)" is a number of so many patients with its percentage."""
    match = re.fullmatch(r"(\d+) ?[(\[](\d+(?:[.,]\d+)?)[)\]]", words)
    share = float(match[2].replace(",", ".")) if match else 0
    return bool(match and size and abs(100 * int(match[1]) / size - share) < 1)
