"""A paper's table, as people type it, turned into claims to be checked: characteristics by groups.

Nothing is guessed silently: what is proposed says so in its note, and what cannot be told is a question mark
there, which no study accepts.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from crmo_analysis.commands import case_tables
from crmo_analysis.commands.columns import (
    ADJUSTED,
    READER,
    SHARE,
    SIZE_ROW,
    Column,
    compared_by,
    exposure_of,
    group_label,
    is_all,
    read_columns,
    visit_name,
)
from crmo_analysis.commands.labels import (
    ESTIMATES,
    NOTE,
    NOTHING,
    OF_TESTS,
    OF_TWO,
    UNKNOWN,
    bare,
    key,
    slug,
    statistic_of,
    unit_of,
)
from crmo_analysis.commands.notes import footnotes, is_test, spelled_out, test_of
from crmo_analysis.commands.proposals import Draft
from crmo_analysis.commands.table_rows import (
    Row,
    categories,
    is_heading,
    read_row,
    with_one_heading,
    with_one_label,
)
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
_OF_COUNTS = re.compile("chi|χ|fisher|mcnemar")  # tests
_OF_PATIENTS = {"count", "percent", "n"}
NO_TABLE = "expected a table: groups in the first row, characteristics in the first column"
_OF_TIME = ("median_survival", "survival")
_SEX_NAMES = {"male": "boys", "~male": "girls"}


def draft(table: list[list[str]], codebook: Codebook, prefix: str, where: str = "table 1") -> Draft:
    """Turn a table with groups in the first row and characteristics in the first column into claims.

    Or one with a row, or a column, for each patient. Ids of claims begin with `prefix`, the study's name; the
    paper calls the table `where`.
    """
    rows = [[cell.strip() for cell in row] for row in table if any(cell.strip() for cell in row)]
    if len(rows) < 2 or max(map(len, rows)) < 2:
        raise InputError(NO_TABLE)
    found = Draft(codebook, prefix, where)
    rows, unused = footnotes(with_one_heading(rows, found), found)
    if patients := case_tables.of_patients(rows):
        case_tables.draft(patients, found)
        return found
    rows = spelled_out(_turned(with_one_label(rows)), unused, found)
    columns = read_columns(rows, found)
    if not columns:
        raise InputError(NO_TABLE)
    meant = categories(rows, columns, found)
    heading = ""
    for line, cells in enumerate(rows[1:], start=2):
        label, *cells = *cells, *[""] * (len(rows[0]) - len(cells))
        if is_heading(cells, columns):
            heading = label
        if any(cells) and not _is_of_sizes(label, cells, columns, found):
            row = meant.get(line) or read_row(label, heading * (heading != label), rows[0][0], line)
            _draft_row(row, list(zip(cells, columns, strict=False)), found)
    _add_others(found)
    _add_limits(found)
    return found


def _add_limits(found: Draft) -> None:
    """Give each number of its own a step as fine as it is printed, and limits far around what is printed."""
    for name, fields in found.variables.items():
        cells = [rounding.plain(row["printed"]) for row in found.rows if row["of"] == name]
        numbers = re.findall(r"(?<![\d.])-?\d+(?:[.,]\d+)?", "; ".join(cells))
        if "step" in fields and numbers:
            values = [float(number.replace(",", ".")) for number in numbers]
            digits = max(len(number.replace(",", ".").partition(".")[2]) for number in numbers)
            low, high = 10 * min(0, *values), 10 * max(1, *values)
            fields |= {"step": 10**-digits if digits else 1, "minimum": round(low), "maximum": round(high)}
            found.ask(
                f"'{name}': its step and limits are far around what is printed; mend them where it matters"
            )


def _add_others(found: Draft) -> None:
    """Add the others of a model behind each exposure: those with a number in the same column of the table."""
    exposures: dict[str, dict[str, None]] = {}
    models = [(row, row["of"].partition(", ")[2], m) for row in found.rows if (m := row.pop("model", ""))]
    for _, exposure, model in models:
        exposures.setdefault(model, {})[exposure] = None
    for row, exposure, model in models:
        others = [each for each in exposures[model] if each != exposure]
        row["of"] = ", ".join([row["of"], *(others[:10] or [UNKNOWN])])


def _turned(rows: list[list[str]]) -> list[list[str]]:
    """Return a table whose rows are readings, or what two variables give, with these in columns."""
    told = lambda label: statistic_of(label, True).partition(",")[0]  # noqa: E731
    is_of_two = lambda label: bool(READER.match(rounding.plain(label)) or told(label) in OF_TWO)  # noqa: E731
    down, wide = [is_of_two(row[0]) for row in rows[1:]], max(map(len, rows))
    is_turned = len(down) < 2 * sum(down) > 2 or any(told(row[0]) == "rate" for row in rows[1:])
    if any(map(is_of_two, rows[0][1:])) or not is_turned:
        return rows
    return [list(column) for column in zip(*([*row, *[""] * (wide - len(row))] for row in rows), strict=True)]


def _named(row: Row, columns: list[Column], found: Draft) -> tuple[Row, str]:
    """Return a row with the names of its variables, and what to note of them."""
    is_own, of = bool(row.means.strip("~{}")), bare(row.of)
    if any(column.outcome for column in columns) and is_all(of):
        return replace(row, name=""), "all patients"
    name, note = (row.means, "made up") if is_own else found.variable(row.of, row.labels[1])
    if not is_own and any(column.answer for column in columns):
        name, note = _answered(name, note, of, columns, found)
    known = found.made_up(f"{of} known") if any(c.is_known is not None for c in columns) else ""
    own = [column.reading for column in columns if column.reading not in ("", "both")]
    readings = {reading: found.made_up(f"{of} {reading}") for reading in own}
    readings |= {"both": " & ".join(readings.values())} if readings else {}
    return replace(row, name=row.means.format(name), known=known, readings=readings), note


def _answered(name: str, note: str, of: str, columns: list[Column], found: Draft) -> tuple[str, str]:
    """Return the variable that has the answers of the headings: one of its own, if the codebook's has not."""
    answers = list(dict.fromkeys(column.answer for column in columns if column.answer))
    if name in found.codebook and {*answers} <= {*found.codebook[name].categories}:
        return name, note
    name, note = (name, note) if name in found.variables else (found.made_up(f"{of} category"), "made up")
    found.variables[name] |= {"type": "category", "categories": answers}
    return name, note


def _draft_row(row: Row, cells: list[tuple[str, Column]], found: Draft) -> None:
    """Add the claims of a row."""
    later = [(cell, column) for cell, column in cells if column.seen]
    is_of_start = any(re.search("[1-9]", cell) for cell, column in cells if not column.seen)
    if later and not is_of_start and all(cell == str(column.unseen) for cell, column in later):
        found.ask(f"{row.place}: '{row.title}': taken as those who are not seen at a visit")
        for cell, column in later:
            said = {"statistic": "count", "of": f"~{column.seen}", "among": column.among, "printed": cell}
            found.add(f"{slug(row.of)}.{slug(column.at)}", row.title, said)
        return
    row, note = _named(row, [column for cell, column in cells if cell], found)
    more = (
        "change"
        if row.change is not None
        else row.at or bare(row.labels[0]) * (row.means != "{}" and row.labels[0] != row.of)
    )
    stem, printed = slug(f"{bare(row.of) or row.of} {more}"), ""
    for number, (cell, column) in enumerate(cells):
        if rounding.plain(cell) in NOTHING or _is_reference(cell, column):
            continue
        before = [each for _, each in cells[:number]]
        last = slug(f"{group_label(column.label)} {column.at}") or slug(column.label) or "all"
        if column.is_p or column.of_model:
            said, last = _of_two(cell, column, before, row, found), "p" if column.is_p else last
            said["statistic"] = _difference(said, printed, column, row.place, found)
            models = [each.label for each in (*before[-1:], column) if each.of_model]
            said["model"] = next((each for each in models[-1:] if ADJUSTED.search(each.casefold())), "")
            of_all = found.notes.get("", "") if said["statistic"] == "p_value" else ""
            if of_all and (
                printed.startswith(("count", "percent")) or not _OF_COUNTS.search(of_all.casefold())
            ):
                said["method"] = said.get("method") or of_all
        else:
            said = _of_one(cell, column, row, found)
            row, printed = replace(row, name=said.pop("name")), said["statistic"]
        last = column.of_model.partition(",")[0] if last == "95_ci" else last
        of = found.add(f"{stem}.{last}", row.title, said | {"note": note})
        row = replace(row, name=UNKNOWN) if of == UNKNOWN else row


def _difference(said: dict, printed: str, column: Column, place: str, found: Draft) -> str:
    """Return the statistic of an estimate; which difference it is, what its row prints of groups tells."""
    if not said["statistic"].startswith("mean_difference"):
        return said["statistic"]
    if printed.startswith(("count", "percent")):
        return said["statistic"].replace("mean", "risk")
    if printed.startswith("mean") or re.search(r"\bmean\b", rounding.plain(column.label)):
        return said["statistic"]
    found.ask(f"{place}: '{said['printed']}': a difference of which statistic?")
    return UNKNOWN


def _of_one(cell: str, column: Column, row: Row, found: Draft) -> dict:
    """Return a claim of a row's variable, and its name: it can have to be another than was taken."""
    place, name = f"{row.place}, column '{column.label}'", row.name
    if column.is_known is not None:
        of = row.known if column.is_known else f"~{row.known}"
        return {"statistic": "count", "of": of, "printed": cell, "name": name}
    if column.is_sum:
        unit = found.variables[column.outcome].get("unit", "")
        said = {"statistic": "sum", "of": column.outcome, "among": name, "printed": cell, "unit": unit}
        return said | {"name": name}
    if column.answer:
        of = f"{name} == {column.answer}"
        said = {"statistic": "count, percent", "of": of, "among": row.known, "printed": cell}
        return said | {"name": name}
    said = _values(cell, row, column.outcome or row.readings.get(column.reading, name), column, found)
    if column.outcome:
        return said | {"among": name, "at": column.at, "name": name}
    if column.is_of_lesions:
        found.ask(f"heading '{column.label}': of lesions, which 'units: {{lesions: …}}' of study.yaml names")
        return said | {"of": name, "about": "lesions", "unit": "", "name": name}
    among = " & ".join(filter(None, [column.whom, row.known]))
    name, said = said["of"], said | {"among": among, "at": row.at or column.at}
    visits = row.change if row.change is not None else column.change
    said |= _change(said, visits, place, found) if visits is not None else {}
    if said["statistic"].partition(",")[0] in (*ESTIMATES, _OF_TIME[0]):
        said |= {"of": f"{name}, {UNKNOWN}"}
    return said | {"of": said["of"] or "everyone", "name": name}


def _is_reference(cell: str, column: Column) -> bool:
    words = rounding.plain(cell)
    return bool(re.fullmatch(r"(?:1(?:[.,]0+)?)?\W*ref\w*\W*", words) or (column.of_model and words == "1"))


def _of_two(cell: str, column: Column, before: list[Column], row: Row, found: Draft) -> dict:
    """Return a P value or an estimate: between readings, of an outcome, or of the groups before it."""
    name = UNKNOWN if row.change is not None else row.name
    said = {"statistic": column.of_model or "p_value", "printed": cell, "at": row.at}
    if column.is_p:
        said |= _method(cell, column.label, found.notes) | {"at": ""}
    if row.readings:
        return said | {"of": ", ".join(each for each in row.readings.values() if "&" not in each)}
    if column.is_p:
        return said | compared_by(visit_name(name.partition(" == ")[0], row.at), column, before, found)
    if said["statistic"].partition(",")[0] == "rate":
        per = re.search(r"\bper (?:\d[\d ,]* )?[\w-]+", rounding.plain(column.label))
        return said | {"of": column.outcome, "among": name, "unit": per[0] if per else ""}
    if per := re.search(r"\bper \d.*", row.labels[0]):
        asked = f"an estimate {per[0]}: give '{name}' such a unit, in a variable of its own"
        found.ask(f"{row.place}, column '{column.label}': {asked}")
    exposure = exposure_of([each for each in before if each.among])
    is_first = exposure != UNKNOWN or said["statistic"].partition(",")[0] in OF_TESTS
    return said | {"of": f"{name}, {exposure}" if is_first else f"{column.outcome or UNKNOWN}, {name}"}


def _change(said: dict, visits: tuple[str, ...], place: str, found: Draft) -> dict:
    """Return what differs in a claim of a change, between visits that the paper names or nobody knows."""
    name = said["of"]
    of = [visit_name(name, visit) for visit in visits] if len(visits) == 2 else [name, UNKNOWN]
    if UNKNOWN in of:
        found.ask(f"{place}: a change from which visit to which? as '{name}, {name}_at_6_months'")
    statistic = re.sub(r"\b(mean|sd|median|percent)\b", r"\1_change", said["statistic"])
    return {"statistic": statistic, "of": ", ".join(of), "at": ""}


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
            of = compared_by("male", column, columns[:place], found)
            method = found.notes.get("", "")
            found.add("sex.p", label, of | {"statistic": "p_value", "printed": cell, "method": method})
        if column.is_p or len(numbers) != len(signs):
            continue
        stem = slug(group_label(column.label)) or "all"
        for number, sign in zip(numbers, signs, strict=True):
            of, among = (sign, column.among) if sign else (column.among or "everyone", "")
            said = {"statistic": "count", "of": of, "among": among, "printed": number, "unit": "patients"}
            found.add(f"{stem}.{_SEX_NAMES.get(sign, 'n')}", label, said)
    return True


# ---- cells -------------------------------------------------------------------------------------------------


def _method(cell: str, heading: str, notes: Mapping[str, str]) -> dict[str, str]:
    """Return the test that the note of a P value names, or that of its column."""
    marks = (re.search(r"([†‡§¶*#]+|(?<=\d)[a-e])$", text.strip()) for text in (cell, heading))
    said = next((notes[mark[1]] for mark in marks if mark and mark[1] in notes), "")
    return {"method": said} if said and is_test(said) else {"method": test_of(heading)}


def _values(cell: str, row: Row, name: str, column: Column, found: Draft) -> dict:
    """Return what a cell prints, as far as its label, the heading above it, its form or a note tells."""
    statistic = _statistic(cell, (*row.labels, column.label), column.size, found.told)
    of = column.label if column.outcome else row.of
    unit = unit_of(of) if column.outcome else unit_of(row.labels[0]) or unit_of(of)
    unit = unit or found.units.get(key(bare(of)), "")
    if re.search(r"surviv|[- ]free\b", rounding.plain(of)):
        statistic = re.sub(
            r"^percent(?=, ci)", "survival", re.sub(r"^median(?=, ci)", "median_survival", statistic)
        )
    if statistic == UNKNOWN:
        place = f"{row.place}, column '{column.label}'"
        found.ask(f"{place}: '{cell}': which statistics? as 'mean, sd' or 'median, min, max'")
        return {"statistic": UNKNOWN, "of": name, "printed": cell, "unit": unit}
    variable = found.codebook.get(name)
    if set(statistic.split(", ")) <= _OF_PATIENTS:
        of = _counted(name, variable, f"{row.place}: {statistic}", found)
        return {"statistic": statistic, "of": of, "printed": cell, "unit": "patients"}
    if (variable and not variable.is_numeric) or "categories" in found.variables.get(name, {}):
        name, variable = found.made_up(f"{bare(of)} value"), None
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
    of_row, of_column = [statistic_of(label) for label in labels[:2]], statistic_of(labels[2], True)
    told = [*of_row, *(s for pattern, s in _CELLS if re.fullmatch(pattern, words))]
    told += ["count, percent"] * _is_share(words, size)
    told += [of_column] * ("," in of_column or of_column == "percent")
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
    match = SHARE.fullmatch(words)
    share = float(match[2].replace(",", ".")) if match else 0
    return bool(match and size and abs(100 * int(match[1]) / size - share) < 1)
