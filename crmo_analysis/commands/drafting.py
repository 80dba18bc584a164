"""A paper's table, as people type it, turned into claims to be checked: characteristics by groups.

Nothing is guessed silently: what is proposed says so in its note, and what cannot be told is a question mark
there, which no study accepts.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from crmo_analysis.commands import case_tables
from crmo_analysis.commands.columns import SIZE_ROW, VISIT, Column, group_label, read_columns
from crmo_analysis.commands.labels import (
    ESTIMATES,
    NOTE,
    NOTHING,
    UNKNOWN,
    at_label,
    bare,
    footnotes,
    name_of,
    slug,
    statistic_of,
    statistics_in,
    unit_of,
)
from crmo_analysis.commands.proposals import Draft
from crmo_analysis.files import InputError
from crmo_analysis.study import Codebook, Variable, read_section, rounding

_SEXES = re.compile(
    r"(?:(?:sex|gender)\W*)?(m|males?|boys?|f|females?|girls?) ?[:/] ?(m|males?|boys?|f|females?|girls?)\b.*"
)
_CELLS = (  # what a cell looks like, where the label says nothing
    (r"\d+ ?(?:/|of) ?\d+ ?[(\[][\d.,]+ ?%?[)\]]", "count, n, percent"),
    (r"\d+ ?[(\[][\d.,]+ ?%[)\]]", "count, percent"),
    (r"[\d.,]+ ?\+/- ?[\d.,]+", "mean, sd"),
    (r"[\d.,]+ ?%", "percent"),
)
_OF_PATIENTS = {"count", "percent", "n"}
_OF_TIME = ("median_survival", "survival")
_SEX_NAMES = {"male": "boys", "~male": "girls"}


@dataclass(frozen=True)
class _Row:
    """A row of a table: what it is of, its label and the heading above, a visit that they name, its place.

    `means` says what it stands for, where `of` alone does not: that it is not so, or is in a category.
    """

    of: str
    labels: tuple[str, str]
    at: str
    place: str
    is_change: bool = False
    means: str = "{}"

    @property
    def title(self) -> str:
        """How the paper names it."""
        label, heading = self.labels
        return f"{heading}, {label}" if heading and self.of == heading else label


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
    rows = _with_one_label(rows)
    columns = read_columns(rows, found)
    categories = _categories(rows, columns, found)
    heading = ""
    for line, cells in enumerate(rows[1:], start=2):
        label, *cells = *cells, *[""] * (len(rows[0]) - len(cells))
        if _is_heading(cells, columns):
            heading = label
        if any(cells) and not _is_of_sizes(label, cells, columns, found):
            row = categories.get(line) or _row(label, heading, rows[0][0], line)
            _draft_row(row, list(zip(cells, columns, strict=False)), (notes, told), found)
    for said in found.rows:
        if said["statistic"] == "p_value":
            said["method"] = said["method"] or notes.get("", "")
    return found


def _with_one_label(rows: list[list[str]]) -> list[list[str]]:
    """Join two columns of labels: "ESR | mm/h" is "ESR, mm/h", and "FBLIM1 | GG" is "GG" below "FBLIM1"."""
    words = [rounding.plain(row[1]) for row in rows[1:] if len(row) > 2 and row[1]]
    numbers = [word for word in words if re.match(r"[-+<>=~]*\d", word) and not VISIT.fullmatch(word)]
    if numbers or {*words} <= {"yes", "no", "na", "n/a", "-", "+"}:
        return rows
    of_each, joined = [row[0] for row in rows[1:]], [[rows[0][0], *rows[0][2:]]]
    are_own = all(of_each) and len({*of_each}) == len(of_each)
    for first, second, *cells in (row if len(row) > 1 else [*row, ""] for row in rows[1:]):
        joined += [[first]] if first and second and not are_own else []
        joined.append([f"{first}, {second}" if first and second and are_own else second or first, *cells])
    return joined


def _is_heading(cells: Sequence[str], columns: Sequence[Column]) -> bool:
    """Say whether a row prints nothing, but for a P value of the rows below it."""
    return not any(cell for cell, column in zip(cells, columns, strict=False) if not column.is_p)


def _categories(rows: list[list[str]], columns: list[Column], found: Draft) -> dict[int, _Row]:
    """Return rows below headings, by line, whose counts add up to each group's number: categories."""
    categories: dict[int, _Row] = {}
    sizes = {place: c.size for place, c in enumerate(columns, 1) if c.size and not (c.is_p or c.of_model)}
    lines = [line for line, row in enumerate(rows) if line and _is_heading(row[1:], columns)]
    for first, last in pairwise([*lines, len(rows)]):
        for end in range(first + 3, last + 1) if sizes else ():
            below = rows[first + 1 : end]
            if all(_sum(below, place) == size for place, size in sizes.items()):
                heading, labels = rows[first][0], [row[0] for row in below]
                means = _meant(heading, labels, found)
                for line, label, meant in zip(range(first + 2, end + 1), labels, means, strict=False):
                    categories[line] = _Row(heading, (label, heading), "", f"row {line}", means=meant)
                break
    return categories


def _sum(rows: list[list[str]], place: int) -> int | None:
    """Return the sum of the counts of a column, "12 (34.7)", if all cells are such."""
    cells = [re.match(r"(\d+) ?(?:[(\[]|$)", row[place]) for row in rows if len(row) > place]
    return sum(int(cell[1]) for cell in cells) if len(cells) == len(rows) and all(cells) else None


def _meant(heading: str, labels: list[str], found: Draft) -> list[str]:
    """Return what categories mean; none where several are findings of their own."""
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


def _row(label: str, heading: str, corner: str, line: int) -> _Row:
    """Read the label of a row, which can be a visit of what the heading above it names, or its change.

    Or say only whether that is so, or what is printed of it. Above all headings is the corner of the table.
    """
    words, labels, place = bare(label), (label, heading), f"row {line}"
    of, signs = heading or corner, read_section("words")
    if visit := VISIT.fullmatch(words):
        return _Row(of, (label, of), visit[1], place)
    if heading and re.match(r"(?:mean |median )?change\b", words):
        return _Row(heading, labels, "", place, is_change=True)
    if heading and words in ("yes", "no", *signs["yes"], *signs["no"]):
        return _Row(heading, labels, "", place, means="{}" if words in ("yes", *signs["yes"]) else "~{}")
    if not words:
        is_of_two = statistic_of(label).partition(",")[0] in ESTIMATES
        return _Row(corner if is_of_two else of, (label, of), "", place)
    return _Row(*at_label(label, labels), place)


def _draft_row(row: _Row, cells: list[tuple[str, Column]], below: tuple, found: Draft) -> None:
    """Add the claims of a row; what is told below the table are tests by mark, and statistics."""
    notes, told = below
    name, note = (row.means, "made up") if row.means.strip("~{}") else found.variable(row.of, row.labels[1])
    name = row.means.format(name)
    asked = any(cell and column.is_known is not None for cell, column in cells)
    known = found.made_up(f"{bare(row.of)} known") if asked else ""
    more = "change" if row.is_change else row.at or bare(row.labels[0]) * (row.means != "{}")
    stem, is_counted = slug(f"{bare(row.of) or row.of} {more}"), False
    readings = {
        c.reading: found.made_up(f"{bare(row.of)} {c.reading}")
        for _, c in cells
        if c.reading not in ("", "both")
    }
    readings |= {"both": " & ".join(readings.values())} if readings else {}
    for number, (cell, column) in enumerate(cells):
        if rounding.plain(cell) in NOTHING or _is_reference(cell, column):
            continue
        place, before = f"{row.place}, column '{column.label}'", [each for _, each in cells[:number]]
        last = slug(f"{group_label(column.label)} {column.at}") or slug(column.label) or "all"
        if readings and (column.is_p or column.of_model):
            of = ", ".join(each for each in readings.values() if "&" not in each)
            said = {"statistic": column.of_model or "p_value", "of": of, "printed": cell}
        elif column.is_p:
            of_visit = UNKNOWN if row.is_change else _visit_name(name.partition(" == ")[0], row.at)
            said = _p_value(cell, of_visit, column, before, found) | _method(cell, column.label, notes)
        elif column.of_model:
            said = _of_two(cell, UNKNOWN if row.is_change else name, column, before) | {"at": row.at}
            if is_counted:
                said["statistic"] = said["statistic"].replace("mean_difference", "risk_difference")
            if per := re.search(r"\bper \d.*", row.labels[0]):
                found.ask(
                    f"{place}: an estimate {per[0]}: give '{name}' such a unit, in a variable of its own"
                )
        elif column.is_known is not None:
            said = {"statistic": "count", "of": known if column.is_known else f"~{known}", "printed": cell}
        elif column.answer:
            said = _answer(cell, name, column, found) | {"among": known}
        else:
            said = _values(cell, row, readings.get(column.reading, name), (place, column, told), found)
            among = " & ".join(filter(None, [column.whom, known]))
            name, said = said["of"], said | {"among": among, "at": row.at or column.at}
            said |= _change(said, place, found) if row.is_change else {}
            if column.outcome:
                said |= {"of": column.outcome, "among": name}
            elif said["statistic"].partition(",")[0] in (*ESTIMATES, _OF_TIME[0]):
                said |= {"of": f"{name}, {UNKNOWN}"}
            is_counted = said["statistic"].startswith("count")
        last = "p" if column.is_p else column.of_model.partition(",")[0] if last == "95_ci" else last
        found.add(f"{stem}.{last}", row.title, said | {"note": note})


def _is_reference(cell: str, column: Column) -> bool:
    words = rounding.plain(cell)
    return bool(re.fullmatch(r"(?:1(?:[.,]0+)?)?\W*ref\w*\W*", words) or (column.of_model and words == "1"))


def _of_two(cell: str, name: str, column: Column, before: list[Column]) -> dict:
    """Return an estimate of what a row names: of an outcome, or between the groups of the columns before."""
    statistic, exposure = column.of_model, _exposure([each for each in before if each.among])
    if statistic.partition(",")[0] == "rate":
        return {"statistic": statistic, "of": f"{UNKNOWN}, {UNKNOWN}", "among": name, "printed": cell}
    of = f"{name}, {exposure}" if exposure != UNKNOWN else f"{column.outcome or UNKNOWN}, {name}"
    return {"statistic": statistic, "of": of, "printed": cell}


def _answer(cell: str, name: str, column: Column, found: Draft) -> dict:
    """Return how many gave the answer that a heading names."""
    if name in found.variables:
        listed = found.variables[name].get("categories", [])
        categories = [*dict.fromkeys([*listed, column.answer])]
        found.variables[name] |= {"type": "category", "categories": categories}
    return {"statistic": "count, percent", "of": f"{name} == {column.answer}", "printed": cell}


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
            found.add("sex.p", label, _p_value(cell, "male", column, columns[:place], found))
        if column.is_p or len(numbers) != len(signs):
            continue
        stem = slug(group_label(column.label)) or "all"
        for number, sign in zip(numbers, signs, strict=True):
            of, among = (sign, column.among) if sign else (column.among or "everyone", "")
            said = {"statistic": "count", "of": of, "among": among, "printed": number, "unit": "patients"}
            found.add(f"{stem}.{_SEX_NAMES.get(sign, 'n')}", label, said)
    return True


# ---- cells -------------------------------------------------------------------------------------------------


def _p_value(cell: str, name: str, column: Column, before: list[Column], found: Draft) -> dict:
    """Return a P value of what tells the columns since the last one apart: groups, or visits of one group."""
    last = max((at for at, each in enumerate(before) if each.is_p), default=-1)
    before, said = before[last + 1 :], {"statistic": "p_value", "printed": cell}
    named = [match[1] for match in VISIT.finditer(rounding.plain(column.label))]
    if before and before[-1].of_model and not any(each.among for each in before):
        return said | {"of": f"{before[-1].outcome or UNKNOWN}, {name}"}
    compared = [each for each in before if each.among] or before
    if len(named) > 1:  # "P, 12 months vs baseline"
        compared = [each for each in compared if each.at in named]
    groups, visits = {each.among for each in compared}, [_visit_name(name, each.at) for each in compared]
    if len(groups) == 1 and len({*visits}) == 2:
        among = max((each.whom for each in compared), key=len)
        return said | {"of": ", ".join(dict.fromkeys(visits)), "among": among}
    exposure = _exposure(compared)
    if exposure == UNKNOWN:
        found.ask(f"column '{column.label}': which groups does the P value of '{name}' compare?")
    return said | {"of": f"{name}, {exposure}"}


def _exposure(compared: list[Column]) -> str:
    """Return the variable that tells columns apart."""
    names = {re.sub(r"^~| == .*", "", each.among) for each in compared if each.among}
    return names.pop() if len(names) == 1 else UNKNOWN


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
    if re.search(r"surviv|[- ]free\b", rounding.plain(row.of)):
        statistic = re.sub(
            r"^percent(?=, ci)", "survival", re.sub(r"^median(?=, ci)", "median_survival", statistic)
        )
    if statistic == UNKNOWN:
        found.ask(f"{place}: '{cell}': which statistics? as 'mean, sd' or 'median, min, max'")
        return {"statistic": UNKNOWN, "of": name, "printed": cell, "unit": unit}
    variable = found.codebook.get(name)
    if set(statistic.split(", ")) <= _OF_PATIENTS:
        of = _counted(name, variable, f"{row.place}: {statistic}", found)
        return {"statistic": statistic, "of": of, "printed": cell, "unit": "patients"}
    if (variable and not variable.is_numeric) or "categories" in found.variables.get(name, {}):
        name, variable = found.made_up(f"{bare(row.of)} value"), None
        found.ask(f"{row.place}: has numbers, which no variable of that name has; called '{name}'")
    if not unit and variable and variable.unit:
        unit = variable.unit
        found.ask(f"{row.place}: no unit is named; {unit}, the codebook's, is taken")
    if name in found.variables and statistic.partition(",")[0] not in (*ESTIMATES, *_OF_TIME):
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
    is_count = {"count, percent", "count"} & {*told, of_column} or words == "0"
    told += ["count"] * (words.isdecimal() and bool(is_count))
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
