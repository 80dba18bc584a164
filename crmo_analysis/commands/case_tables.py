"""A table with a row, or a column, for each patient, as series print it, turned into lists of claims."""

import re
from collections.abc import Sequence

from crmo_analysis.commands.labels import NOTHING, UNKNOWN, bare, slug, statistic_of, unit_of
from crmo_analysis.commands.proposals import Draft
from crmo_analysis.study import read_section, rounding

MOST_WORDS = 30  # different words of a column that are listed; of more they are sentences
_NUMBERED = re.compile(r"(?:patients?|cases?|child|pt\.?|p|no\.?|#)?\s*(\d+)\W*")
_FIRST = re.compile(r"(?:patients?|cases?|child|pts?\.?|subjects?|no\.?|nr\.?|id|#|n|number|/|\W)*")
_NUMBER = re.compile(r"(?:<=|>=|<|>|~)?\s*-?\d+(?:[.,]\d+)?\s*(?:y|yr|yrs|years|mo|months)?")


def of_patients(rows: list[list[str]]) -> list[list[str]]:
    """Return a table with a row for each patient, turned if it has columns; empty if it is none."""
    wide = max(map(len, rows))
    filled = [[*row, *[""] * (wide - len(row))] for row in rows]
    for table in (filled, [list(column) for column in zip(*filled, strict=True)]):
        count = _count(table)
        rest = [row[0] for row in table[1 + count :]]
        if count > 1 and _FIRST.fullmatch(rounding.plain(table[0][0])) and all(map(_is_summary, rest)):
            return table
    return []


def _count(table: Sequence[Sequence[str]]) -> int:
    """Return how many rows are of patients 1, 2, 3 and so on."""
    count = 0
    for row in table[1:]:
        match = _NUMBERED.fullmatch(rounding.plain(row[0]))
        if match is None or int(match[1]) != count + 1:
            break
        count += 1
    return count


def _is_summary(label: str) -> bool:
    return statistic_of(label) != UNKNOWN or rounding.plain(label) in ("total", "all")


def draft(table: list[list[str]], found: Draft) -> None:
    """Add the claims of a table of patients: values by patient, and who has what."""
    count = _count(table)
    found.add(
        "n", "rows", {"statistic": "count", "of": "everyone", "printed": str(count), "unit": "patients"}
    )
    for at, label in enumerate(table[0][1:], start=1):
        cells = [row[at] for row in table[1 : 1 + count]]
        numeric = _column(label, [rounding.plain(cell) for cell in cells], found)
        for row in table[1 + count :]:
            statistic = statistic_of(row[0])
            if numeric and row[at] and statistic != UNKNOWN:
                said = {
                    "statistic": statistic,
                    "of": numeric,
                    "printed": row[at],
                    "unit": _unit(label, numeric, found),
                }
                found.add(f"{slug(bare(label))}.{slug(row[0])}", f"{label}, {row[0]}", said)


def _unit(label: str, name: str, found: Draft) -> str:
    return unit_of(label) or (found.codebook[name].unit if name in found.codebook else "")


def _column(label: str, cells: list[str], found: Draft) -> str:
    """Add what a column says of the patients; its variable is returned if it has numbers."""
    known = [cell for cell in cells if cell not in NOTHING]
    words = read_section("words")
    signs = {"yes": {"yes", *words["yes"]}, "no": {"no", *words["no"]}}
    if not known:
        return ""
    if {*known} <= {*words["boy"], *words["girl"], "boy", "girl"}:
        _who("male", "its label", label, [cell in {"boy", *words["boy"]} for cell in cells], found)
    elif all(_NUMBER.fullmatch(cell) for cell in known) and not {*known} <= {"0", "1"}:
        return _values(label, cells, found)
    elif {*known} <= signs["yes"] | signs["no"]:
        _ask_about_unknown(label, cells, found)
        _who(*found.variable(label), label, [cell in signs["yes"] for cell in cells], found)
    else:
        _listed(label, cells, found)
    return ""


def _values(label: str, cells: list[str], found: Draft) -> str:
    name, note = found.variable(label)
    if name in found.codebook and not found.codebook[name].is_numeric:
        name = found.made_up(f"{bare(label)} value")
        found.ask(f"'{label}': has numbers, which no variable of that name has; called '{name}'")
    if name in found.variables:
        is_whole = all(cell.isdecimal() for cell in cells if cell not in NOTHING)
        unit, step = unit_of(label), 1 if is_whole else 0.1
        found.variables[name] |= {"type": "integer" if is_whole else "decimal", "unit": unit, "step": step}
    printed = "; ".join("NA" if cell in NOTHING else re.sub(r"\s*[a-z]+$", "", cell) for cell in cells)
    said = {"statistic": "values", "of": name, "printed": printed, "unit": _unit(label, name, found)}
    found.add(slug(bare(label)) or name, label, said | {"method": "by patient", "note": note})
    return name


def _listed(label: str, cells: list[str], found: Draft) -> None:
    """Add who has each word of a column whose cells list several: "femur, tibia"."""
    of_each = [[word.strip() for word in re.split(r"[,;/+]|\band\b", cell)] for cell in cells]
    words = list(dict.fromkeys(word for each in of_each for word in each if word not in NOTHING))
    if len(words) > MOST_WORDS:
        found.ask(f"'{label}': {len(words)} different texts; left out")
        return
    _ask_about_unknown(label, cells, found)
    for word in words:
        of = word if found.expression(word)[0] else f"{bare(label)} {word}"  # psoriasis of the family
        _who(*found.variable(of), f"{label}: {word}", [word in each for each in of_each], found)


def _ask_about_unknown(label: str, cells: list[str], found: Draft) -> None:
    without = [str(number) for number, cell in enumerate(cells, start=1) if cell in NOTHING]
    if without:
        found.ask(f"'{label}': nothing is printed of patient {', '.join(without)}; taken as not")


def _who(name: str, note: str, label: str, has: list[bool], found: Draft) -> None:
    numbers = [str(number) for number, each in enumerate(has, start=1) if each]
    said = {"statistic": "patients", "of": name, "printed": ", ".join(numbers), "unit": "patients"}
    if not numbers:
        said |= {"statistic": "count", "printed": "0"}
    found.add(slug(label), label, said | {"note": note})
