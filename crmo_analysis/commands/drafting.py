"""A paper's table, as people type it, turned into claims to be checked: characteristics by groups.

Nothing is guessed silently: what is proposed says so in its note, and what cannot be told is a question mark
there, which no study accepts.
"""

import difflib
import re
from dataclasses import dataclass

from crmo_analysis.files import InputError
from crmo_analysis.study import Claim, Codebook, rounding

UNKNOWN = "?"
_SIZE = re.compile(r"[(\[,]?\s*\bn\s*=?\s*(\d+)\s*[)\]]?")
_P_COLUMN = re.compile(r"p(?:[- ]?values?)?\*?")
_EVERYONE = re.compile(r"(?:all|total|overall|everyone|whole cohort)(?: (?:patients|children|cases))?")
_STATISTICS = (  # what a label says of its cells
    (r"n\s*/\s*n?\s*\(%\)|n of n \(%\)", "count, n, percent"),
    (r"(?:n|no\.?|number)\s*(?:\(%\)|\(percent\)|, ?%)", "count, percent"),
    (r"median\s*[(\[,]?\s*(?:iqr|interquartile range|q1|25)\D*", "median, quartile_1, quartile_3"),
    (r"median\s*[(\[,]?\s*(?:range|min)[^)]*", "median, min, max"),
    (r"mean\s*(?:±|\+/-|[(\[,])?\s*(?:sd|standard deviation)", "mean, sd"),
    (r"mean\s*(?:±|\+/-|[(\[,])?\s*(?:se|sem|standard error)", "mean, se"),
    (r"\bmedian\b", "median"),
    (r"\bmean\b", "mean"),
    (r"%|\bpercent\w*", "percent"),
    (r"\bno\.|\bn\b|\bnumber of (?:patients|children)\b", "count"),
)
_CELLS = (  # what a cell looks like, where the label says nothing
    (r"\d+ ?/ ?\d+ \([\d.,]+ ?%\)", "count, n, percent"),
    (r"\d+ \([\d.,]+ ?%\)", "count, percent"),
    (r"[\d.,]+ ?\+/- ?[\d.,]+", "mean, sd"),
    (r"[\d.,]+ ?%", "percent"),
)
_OF_PATIENTS = {"count", "percent", "n"}
_UNITS = r"/|years|months|weeks|days|points|mm|mg|%"
_NEGATIONS = re.compile(r"(?:non[- ]?|no |not |without )(.+)")


@dataclass(frozen=True)
class Draft:
    """Rows of claims, what has to be looked at, and variables that the codebook lacks.

    Attributes
    ----------
    rows : list of dict
        In the columns of `claims.csv`.
    questions : list of str
        One sentence each, with the row and the column of the table.
    variables : dict of str to dict
        Proposed name, label, type and unit of each variable that is not in the codebook.
    """

    rows: list[dict]
    questions: list[str]
    variables: dict[str, dict]


def draft(table: list[list[str]], codebook: Codebook, prefix: str, where: str = "table 1") -> Draft:
    """Turn a table into claims.

    Parameters
    ----------
    table : list of list of str
        The first row has the groups, the first column the characteristics.
    codebook : mapping of str to Variable
    prefix : str
        What every id begins with: the study's name.
    where : str
        What the table is called.

    Raises
    ------
    InputError
        If it is no table of characteristics by groups.
    """
    rows = [[cell.strip() for cell in row] for row in table if any(cell.strip() for cell in row)]
    if len(rows) < 2 or len(rows[0]) < 2:
        raise InputError("expected a table: groups in the first row, characteristics in the first column")
    found = Draft([], [], {})
    labels = rows[0][1:]
    groups = [_group(label, codebook, found) for label in labels]
    for label, group in zip(labels, groups, strict=True):
        if size := _SIZE.search(rounding.plain(label)):
            said = {"statistic": "count", "of": group or "everyone", "printed": size[1], "unit": "patients"}
            _add(found, prefix, f"{_slug(label)}.n", f"{where}, heading", said)
    heading = ""
    for line, row in enumerate(rows[1:], start=2):
        cells = [*row[1:], *[""] * (len(rows[0]) - len(row))]
        if not any(cells):
            heading = row[0]
            continue
        name, note = _variable(row[0], heading, codebook, found)
        for cell, column, group in zip(cells, labels, groups, strict=False):
            if not cell or rounding.plain(cell) in ("-", "na", "n/a"):
                continue
            place = f"row {line}, column '{column}'"
            if _P_COLUMN.fullmatch(rounding.plain(column)):
                said, last = _p_value(cell, name, groups, place, found), "p"
            else:
                said = _values(cell, (row[0], heading), name, place, (codebook, found))
                said, last = said | {"among": group}, _slug(column)
            said["note"] = note
            _add(found, prefix, f"{_slug(_bare(row[0]) or row[0])}.{last}", f"{where}, {row[0]}", said)
    return found


def _p_value(cell: str, name: str, groups: list[str], place: str, found: Draft) -> dict:
    """Return a P value of what tells the groups apart: one named group, or a group and its complement."""
    bare = {group.removeprefix("~") for group in groups if group}
    exposure = bare.pop() if len(bare) == 1 else UNKNOWN
    if exposure == UNKNOWN:
        found.questions.append(f"{place}: which groups does the P value compare?")
    return {"statistic": "p_value", "of": f"{name}, {exposure}", "printed": cell}


def _values(cell: str, labels: tuple[str, str], name: str, place: str, known: tuple) -> dict:
    """Return what a cell prints, as far as its label, the heading above it or its form tells."""
    codebook, found = known
    told = [_statistic(label) for label in labels]
    looks = next((s for pattern, s in _CELLS if re.fullmatch(pattern, rounding.plain(cell))), UNKNOWN)
    statistic = next((each for each in (*told, looks) if each != UNKNOWN), UNKNOWN)
    if statistic == UNKNOWN:
        found.questions.append(f"{place}: '{cell}': which statistics? as 'mean, sd' or 'median, min, max'")
    is_of_patients = set(statistic.split(", ")) <= _OF_PATIENTS
    variable = codebook.get(name)
    if variable and statistic != UNKNOWN and variable.is_numeric == is_of_patients:
        found.questions.append(f"{place}: {statistic} of {name}, which is {variable.type}: is it meant?")
    printed = cell.rstrip("% ") if statistic == "percent" else cell
    unit = "patients" if is_of_patients else _unit(labels[0])
    if not unit and variable:
        unit = variable.unit
        found.questions.append(f"{place}: no unit is named; {unit or 'none'}, the codebook's, is taken")
    if name in found.variables and not is_of_patients:
        found.variables[name] |= {"type": "decimal", "unit": unit}
    return {"statistic": statistic, "of": name, "printed": printed, "unit": unit}


def _add(found: Draft, prefix: str, name: str, where: str, said: dict) -> None:
    row = dict.fromkeys(Claim.COLUMNS, "")
    taken = {other["claim_id"] for other in found.rows}
    claim_id, number = f"{prefix}.{name}", 2
    while claim_id in taken:
        claim_id, number = f"{prefix}.{name}.{number}", number + 1
    found.rows.append(row | {"claim_id": claim_id, "where": where, "about": "own"} | said)


def _group(label: str, codebook: Codebook, found: Draft) -> str:
    words = _SIZE.sub("", rounding.plain(label)).strip(" ,:;")
    if not words or _P_COLUMN.fullmatch(words) or _EVERYONE.fullmatch(words):
        return ""
    name, how = _expression(words, codebook, found)
    if not name:
        name, how = _made_up(words, found), "made up"
    if how not in ("its label", "its name"):
        found.questions.append(f"heading '{label}': the group is taken as '{name}' ({how})")
    return name


def _variable(label: str, heading: str, codebook: Codebook, found: Draft) -> tuple[str, str]:
    """Return the variable, or the finding, that a label means, and what to note about it."""
    words = _bare(label)
    name, how = _expression(words, codebook, found)
    if not name and heading:
        name, how = _expression(f"{_bare(heading)} {words}", codebook, found)
    if name:
        return name, f"of '{label}', by {how}"
    name = _made_up(words, found)
    found.questions.append(
        f"'{label}': no variable of the codebook is near; called '{name}', to be described"
    )
    return name, f"of '{label}', made up"


def _made_up(words: str, found: Draft) -> str:
    name = _slug(words) or "unnamed"
    name = name if name[0].isalpha() else f"v_{name}"
    found.variables.setdefault(name, {"label": f"{words[:1].upper()}{words[1:]}", "type": "boolean"})
    return name


def _expression(words: str, codebook: Codebook, found: Draft) -> tuple[str, str]:
    """Return the expression that words mean, and how that is known; empty if they mean none."""
    if words in ("boys", "male", "males", "girls", "female", "females", "male sex", "female sex"):
        return ("male" if words[0] in "bm" else "~male"), "its label"
    of_patients = {name: variable for name, variable in codebook.items() if variable.level == "patient"}
    known = {name.replace("_", " "): name for name in (*of_patients, *found.variables)}
    known |= {variable.label.casefold(): name for name, variable in of_patients.items()}
    negated = {v.negation.casefold(): f"~{name}" for name, v in of_patients.items() if v.negation}
    if words in {**negated, **known}:
        return {**negated, **known}[words], "its label"
    if match := _NEGATIONS.fullmatch(words):
        name, _ = _expression(match[1], codebook, found)
        return (f"~{name}", f"'{words}'") if name else ("", "")
    close = difflib.get_close_matches(words, known, n=1, cutoff=0.8)
    return (known[close[0]], f"'{close[0]}', which is near") if close else ("", "")


def _bare(label: str) -> str:
    """Return a label without its statistic and its unit: "ESR, mm/h, mean ± SD" is "esr"."""
    words = rounding.plain(label)
    for pattern, _ in _STATISTICS:
        words = re.sub(pattern, " ", words)
    words = re.sub(r"[(\[][^)\]]*[)\]]?", " ", words)
    return " ".join(words.partition(",")[0].strip(" :;-*").split())


def _statistic(label: str) -> str:
    words = rounding.plain(label)
    return next((s for pattern, s in _STATISTICS if re.search(pattern, words)), UNKNOWN)


def _unit(label: str) -> str:
    match = re.search(rf"[,(\[]\s*([^,()\[\]]*?(?:{_UNITS})[^,()\[\]]*)", label)
    return match[1].strip() if match else ""


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", _SIZE.sub("", rounding.plain(text)).casefold()).strip("_")[:40]
