"""A paper's table, as people type it, turned into claims to be checked: characteristics by groups.

Nothing is guessed silently: what is proposed says so in its note, and what cannot be told is a question mark
there, which no study accepts.
"""

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from crmo_analysis.commands.labels import (
    NOTE,
    SIZE,
    UNKNOWN,
    bare,
    footnotes,
    in_unit,
    key,
    parted,
    slug,
    statistic_of,
    unit_of,
)
from crmo_analysis.files import InputError
from crmo_analysis.study import Claim, Codebook, Variable, read_section, rounding

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
_OF_PATIENTS = {"count", "percent", "n"}
_NEGATIONS = re.compile(r"(?:non[- ]?|no |not |without )(.+)")
_SEX_NAMES = {"male": "boys", "~male": "girls"}


@dataclass(frozen=True)
class _Column:
    """A column of a table: whom it is of, when, how many they are, and its heading; `p` of P values."""

    label: str
    among: str = ""
    at: str = ""
    size: int = 0
    is_p: bool = False


@dataclass(frozen=True)
class Draft:
    """Rows of `claims.csv`, what has to be looked at, and variables that the codebook lacks."""

    rows: list[dict]
    questions: list[str]
    variables: dict[str, dict]


def draft(table: list[list[str]], codebook: Codebook, prefix: str, where: str = "table 1") -> Draft:
    """Turn a table with groups in the first row and characteristics in the first column into claims.

    Their ids begin with `prefix`, the study's name; the paper calls the table `where`.
    """
    rows = [[cell.strip() for cell in row] for row in table if any(cell.strip() for cell in row)]
    if len(rows) < 2 or len(rows[0]) < 2:
        raise InputError("expected a table: groups in the first row, characteristics in the first column")
    found = Draft([], [], {})
    rows, notes, unused = footnotes(rows)
    _ask_about_notes(notes, unused, found)
    columns = _columns(rows[0][1:], codebook, found)
    _sizes(columns, prefix, where, found)
    columns = _sized(columns, rows)
    heading = ""
    for line, row in enumerate(rows[1:], start=2):
        cells = [*row[1:], *[""] * (len(rows[0]) - len(row))]
        if not any(cells):
            heading = row[0]
            continue
        if _is_of_sizes(row[0], cells, columns, (prefix, where), found):
            continue
        name, note = _variable(row[0], heading, codebook, found)
        for number, (cell, column) in enumerate(zip(cells, columns, strict=False)):
            if not cell or rounding.plain(cell) in ("-", "--", "na", "n/a", "nr", "nd"):
                continue
            place = f"row {line}, column '{column.label}'"
            if column.is_p:
                said, last = _p_value(cell, name, columns[:number], place, found), "p"
                said |= _method(cell, notes)
            else:
                said = _values(cell, (row[0], heading), name, (place, column), (codebook, found))
                last = slug(f"{_group_label(column.label)} {column.at}") or "all"
                name, said = said["of"], said | {"among": column.among, "at": column.at}
            said["note"] = note
            _add(found, prefix, f"{slug(bare(row[0]) or row[0])}.{last}", f"{where}, {row[0]}", said)
    for said in found.rows:
        if said["statistic"] == "p_value":
            said["method"] = said["method"] or notes.get("", "")
    return Draft(found.rows, list(dict.fromkeys(found.questions)), found.variables)


def _ask_about_notes(notes: Mapping[str, str], unused: Sequence[str], found: Draft) -> None:
    for mark, said in notes.items():
        of_one = f"note {mark}: '{said}', taken as the test of P values"
        found.questions.append(of_one if mark else f"note '{said}': taken as the test of all P values")
    found.questions.extend(f"note not used: {said}" for said in unused)


# ---- columns -----------------------------------------------------------------------------------------------


def _group_label(label: str) -> str:
    """Return whom a heading names, without their number, a visit and marks of footnotes."""
    words = _VISIT.sub(" ", SIZE.sub(" ", NOTE.sub("", rounding.plain(label))))
    return re.sub(r"\s+", " ", words).strip(" ,:;-()[]")


def _columns(labels: list[str], codebook: Codebook, found: Draft) -> list[_Column]:
    """Read the headings: whom each column is of, at which visit, and which have P values."""
    named = {label: _group_label(label) for label in labels}
    groups = {g: label for label, g in named.items() if not _P_COLUMN.fullmatch(g) and not _is_all(g)}
    if whole := _whole(named, groups, found):
        groups.pop(named[whole])
    among = _among(groups, codebook, found)
    columns = []
    for label in labels:
        group = named[label]
        visit, size = _VISIT.search(rounding.plain(label)), SIZE.search(rounding.plain(label))
        at = "" if visit is None else visit[1]
        number = int(size[1]) if size else 0
        columns.append(_Column(label, among.get(group, ""), at, number, bool(_P_COLUMN.fullmatch(group))))
    return columns


def _whole(named: dict[str, str], groups: dict[str, str], found: Draft) -> str:
    """Return the heading that has as many patients as all others together, if none says that it has all."""
    sizes = {label: int(size[1]) for label in groups.values() if (size := SIZE.search(rounding.plain(label)))}
    if any(_is_all(group) for group in named.values()) or len(sizes) < 3:
        return ""
    largest = max(sizes, key=sizes.get)
    if 2 * sizes[largest] != sum(sizes.values()):
        return ""
    found.questions.append(f"heading '{largest}': taken as all patients, as the others add up to it")
    return largest


def _is_all(words: str) -> bool:
    return bool(_EVERYONE.fullmatch(words))


def _among(groups: dict[str, str], codebook: Codebook, found: Draft) -> dict[str, str]:
    """Return an expression for each group, of which a heading is given.

    One group, or two of which one is what the other is not, are a finding; several are categories.
    """
    positive = [g for g in groups if not _NEGATIONS.fullmatch(g)]
    told = {g: _expression(g, codebook, found) for g in groups}
    if len(groups) < 2 or {told[g][0].removeprefix("~") for g in groups} == {"male"}:
        for group in groups:
            name, how = told[group] if told[group][0] else (_made_up(group, found), "made up")
            told[group] = name, how
            if how not in ("its label", "its name"):
                found.questions.append(f"heading '{groups[group]}': the group is taken as '{name}' ({how})")
        return {group: name for group, (name, _) in told.items()}
    if len(groups) == 2 and len(positive) == 1:
        other = next(g for g in groups if g not in positive)
        if key(_NEGATIONS.fullmatch(other)[1]) == key(positive[0]):
            name = told[positive[0]][0] or _made_up(positive[0], found)
            return {positive[0]: name, other: f"~{name}"}
    categories = {group: slug(group) for group in groups}
    found.variables["group"] = {
        "label": "Group", "type": "category", "categories": f"[{', '.join(categories.values())}]",
    }  # fmt: skip
    listed = ", ".join(f"'{group}'" for group in groups)
    found.questions.append(
        f"headings {listed}: taken as categories of 'group'; are all patients in one each?"
    )
    return {group: f"group == {category}" for group, category in categories.items()}


def _sizes(columns: list[_Column], prefix: str, where: str, found: Draft) -> None:
    """Add the numbers of patients that the headings print, each group once."""
    sizes: dict[str, int] = {}
    for column in columns:
        if column.size and sizes.setdefault(column.among, column.size) == column.size:
            name = f"{slug(_group_label(column.label)) or 'all'}.n"
            said = {"statistic": "count", "of": column.among or "everyone", "printed": str(column.size)}
            if not any(row["of"] == said["of"] for row in found.rows):
                _add(found, prefix, name, f"{where}, heading", said | {"unit": "patients"})
    if "" not in sizes:
        known = f" (the groups add up to {sum(sizes.values())})" if len(sizes) > 1 else ""
        found.questions.append(f"no heading has all patients: add a count of everyone{known}")


def _sized(columns: list[_Column], rows: list[list[str]]) -> list[_Column]:
    """Return the columns with the numbers of patients that a row of the table prints."""
    found = next((row[1:] for row in rows if _SIZE_ROW.fullmatch(rounding.plain(row[0]))), [])
    cells = [*found, *[""] * len(columns)]
    return [
        replace(c, size=c.size or int(n) if n.isdecimal() else c.size)
        for c, n in zip(columns, cells, strict=False)
    ]


def _is_of_sizes(label: str, cells: list[str], columns: list[_Column], named: tuple, found: Draft) -> bool:
    """Add a row that prints how many patients each group has, or how many boys and girls, "8/13"."""
    (prefix, where), words = named, rounding.plain(label)
    sexes = _SEXES.fullmatch(words)
    if not _SIZE_ROW.fullmatch(words) and not sexes:
        return False
    signs = ["male" if sex[0] in "mb" else "~male" for sex in sexes.groups()] if sexes else [""]
    for place, (cell, column) in enumerate(zip(cells, columns, strict=False)):
        numbers = re.findall(r"\d+", cell)
        if column.is_p and sexes and cell:
            said = _p_value(cell, "male", columns[:place], f"row '{label}'", found)
            _add(found, prefix, "sex.p", f"{where}, {label}", said)
        if column.is_p or len(numbers) != len(signs):
            continue
        stem = slug(_group_label(column.label)) or "all"
        for number, sign in zip(numbers, signs, strict=True):
            of, among = (sign, column.among) if sign else (column.among or "everyone", "")
            said = {"statistic": "count", "of": of, "among": among, "printed": number, "unit": "patients"}
            _add(found, prefix, f"{stem}.{_SEX_NAMES.get(sign, 'n')}", f"{where}, {label}", said)
    return True


# ---- cells -------------------------------------------------------------------------------------------------


def _p_value(cell: str, name: str, before: list[_Column], place: str, found: Draft) -> dict:
    """Return a P value of what tells the columns since the last one apart: groups, or visits of one group."""
    last = max((at for at, column in enumerate(before) if column.is_p), default=-1)
    compared = [column for column in before[last + 1 :] if column.among] or before[last + 1 :]
    groups = dict.fromkeys(column.among for column in compared)
    visits = [_visit_name(name, column.at) for column in compared]
    said = {"statistic": "p_value", "printed": cell}
    if len(groups) == 1 and len({*visits}) == 2:
        return said | {"of": ", ".join(dict.fromkeys(visits)), "among": next(iter(groups))}
    bare = {re.sub(r"^~| == .*", "", group) for group in groups if group}
    exposure = bare.pop() if len(bare) == 1 else UNKNOWN
    if exposure == UNKNOWN:
        found.questions.append(f"{place}: which groups does the P value compare?")
    return said | {"of": f"{name}, {exposure}"}


def _visit_name(name: str, at: str) -> str:
    number = re.search(r"\d+", at)
    unit = re.search(r"month|week|year|mo|yr", at)
    if number is None or unit is None:
        return name if at in ("", "baseline", "before treatment") else f"{name}_at_{slug(at)}"
    word = {"mo": "month", "yr": "year"}.get(unit[0], unit[0])
    count, word = (12 * int(number[0]), "month") if word == "year" else (int(number[0]), word)
    return f"{name}_at_{count}_{word}{'s' * (count != 1)}"


def _method(cell: str, notes: dict[str, str]) -> dict[str, str]:
    """Return the test that the note of a P value names."""
    mark = re.search(r"([†‡§¶*#]+|(?<=\d)[a-e])$", cell.strip())
    said = notes.get(mark[1], "") if mark else ""
    if not said or re.match(r"p\s?[<=>]|signific", said, re.IGNORECASE):
        return {}
    return {"method": said}


def _values(cell: str, labels: tuple[str, str], name: str, where: tuple, known: tuple) -> dict:
    """Return what a cell prints, as far as its label, the heading above it or its form tells."""
    (codebook, found), (place, column) = known, where
    statistic = _statistic(cell, labels, column.size)
    if statistic == UNKNOWN:
        found.questions.append(f"{place}: '{cell}': which statistics? as 'mean, sd' or 'median, min, max'")
        return {"statistic": UNKNOWN, "of": name, "printed": cell, "unit": unit_of(labels[0])}
    row, variable = place.partition(",")[0], codebook.get(name)
    if set(statistic.split(", ")) <= _OF_PATIENTS:
        of = _counted(name, variable, f"{row}: {statistic}", found)
        return {"statistic": statistic, "of": of, "printed": cell, "unit": "patients"}
    unit = unit_of(labels[0])
    if variable and not variable.is_numeric:
        found.questions.append(f"{row}: {statistic} of {name}, which is {variable.type}: is it meant?")
    if not unit and variable and variable.unit:
        unit = variable.unit
        found.questions.append(f"{row}: no unit is named; {unit}, the codebook's, is taken")
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
    found.questions.append(f"{what} of patients: taken as those with '{of}'{asked}")
    return of


def _statistic(cell: str, labels: tuple[str, str], size: int) -> str:
    """Return the first of what the labels and the form of a cell tell that has as many numbers as it."""
    words = NOTE.sub("", rounding.plain(cell)).strip()
    told = [*map(statistic_of, labels), *(s for pattern, s in _CELLS if re.fullmatch(pattern, words))]
    told += ["count, percent"] * _is_share(words, size)
    numbers = len(re.findall(r"\d+(?:[.,]\d+)?", words))
    fitting = (each for each in told if each != UNKNOWN and len(each.split(", ")) == numbers)
    return next(fitting, UNKNOWN)


def _is_share(words: str, size: int) -> bool:
    """Say whether "13 (37.1)" is a number of so many patients with its percentage."""
    match = re.fullmatch(r"(\d+) ?[(\[](\d+(?:[.,]\d+)?)[)\]]", words)
    share = float(match[2].replace(",", ".")) if match else 0
    return bool(match and size and abs(100 * int(match[1]) / size - share) < 1)


def _add(found: Draft, prefix: str, name: str, where: str, said: dict) -> None:
    row = dict.fromkeys(Claim.COLUMNS, "")
    taken = {other["claim_id"] for other in found.rows}
    claim_id, number = f"{prefix}.{name}", 2
    while claim_id in taken:
        claim_id, number = f"{prefix}.{name}.{number}", number + 1
    found.rows.append(row | {"claim_id": claim_id, "where": where, "about": "own"} | said)


def _variable(label: str, heading: str, codebook: Codebook, found: Draft) -> tuple[str, str]:
    """Return the variable, or the finding, that a label means, and what to note about it."""
    words, limit = parted(label)
    name, how = _expression(words, codebook, found)
    if not name and heading:
        name, how = _expression(f"{bare(heading)} {words}", codebook, found)
    if name in codebook and limit and codebook[name].is_numeric:
        unit, limit = codebook[name].unit, in_unit(limit, label, codebook[name])
        found.questions.append(f"'{label}': taken as those with '{name} {limit}', which is in {unit}")
        return f"{name} {limit}", f"of '{label}', by {how}"
    if name:
        return name, f"of '{label}', by {how}"
    words = bare(label)
    name = _made_up(words, found)
    found.questions.append(
        f"'{label}': no variable of the codebook is near; called '{name}', to be described"
    )
    return name, f"of '{label}', made up"


def _made_up(words: str, found: Draft) -> str:
    name = slug(words) or "unnamed"
    name = name if name[0].isalpha() else f"v_{name}"
    label = f"{words[:1].upper()}{words[1:]}"
    found.variables.setdefault(name, {"label": f'"{label}"' if "," in label else label, "type": "boolean"})
    return name


def _expression(words: str, codebook: Codebook, found: Draft) -> tuple[str, str]:
    """Return the expression that words mean, and how that is known; empty if they mean none."""
    if words in ("boys", "male", "males", "girls", "female", "females", "male sex", "female sex"):
        return ("male" if words[0] in "bm" else "~male"), "its label"
    of_patients = {name: variable for name, variable in codebook.items() if variable.level == "patient"}
    known = {key(name.replace("_", " ")): name for name in (*of_patients, *found.variables)}
    known |= {key(variable.label): name for name, variable in of_patients.items()}
    known |= {key(v.negation): f"~{name}" for name, v in of_patients.items() if v.negation}
    if key(words) in known:
        return known[key(words)], "its label"
    if match := _NEGATIONS.fullmatch(words):
        name, _ = _expression(match[1], codebook, found)
        return (f"~{name}", f"'{words}'") if name else ("", "")
    others = {key(other): name for name, listed in read_section("also").items() for other in listed}
    if key(words) in others and others[key(words)] in of_patients:
        return others[key(words)], "another name of it; is it the same?"
    close = difflib.get_close_matches(key(words), known, n=1, cutoff=0.8)
    return (known[close[0]], f"'{close[0]}', which is near") if close else ("", "")
