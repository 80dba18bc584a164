"""Studies and their claims are read and checked here."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import cache
from pathlib import Path

from crmo_analysis import files
from crmo_analysis.files import InputError, read_yaml
from crmo_analysis.study import vocabulary
from crmo_analysis.study.codebook import Codebook, read_codebook, read_section, read_variables, units_of_time
from crmo_analysis.study.expressions import Everyone, Expression, parse, variables
from crmo_analysis.study.lists import with_lists
from crmo_analysis.study.printed import is_fraction_in_words, without_note
from crmo_analysis.study.records import Claim, Study
from crmo_analysis.study.rounding import RANK_WORDS, RULES, Printed, parse_date, parse_printed, plain
from crmo_analysis.study.rows import of_those_known, read_rows, split
from crmo_analysis.study.times import with_times

_NEEDED = ("study", "title", "short", "citation", "design", "question")
_WORDS_OF_UNITS = {  # that a cell can print behind its number
    "count": ("patients", "children", "cases", "subjects", "participants"),
    "risk_difference": ("percentage points",),
}
_PARTS = {  # of study.yaml, which can be left out
    **dict.fromkeys(("quoted", "units", "readings", "window", "rounding", "variables"), dict),
    **dict.fromkeys(("rules", "notes", "figures"), list),
}


@cache
def read_study(study: str, folder: Path = files.PUBLISHED, codebook_path: Path = files.CODEBOOK) -> Study:
    """Read a study and its claims, and check every field; an InputError has every problem at once.

    Parameters
    ----------
    study : str
        Name of the study's folder in `folder`, or the path of a folder anywhere.
    folder : Path
        Holds a folder for each study, with `study.yaml` and `claims.csv`.
    codebook_path : Path
        The codebook that gives the variables.
    """
    place = files.study_folder(study, folder)
    problems: list[str] = []
    facts = _read_facts(place / "study.yaml", place.name, problems)
    codebook = _own_variables(place / "study.yaml", facts, read_codebook(codebook_path), problems)
    rows, codebook = with_lists(read_rows(place / "claims.csv", problems), codebook, problems)
    rows = [part for placed in rows for part in split(*placed, problems)]
    codebook = of_those_known(rows, with_times(rows, codebook, problems))
    rules = _read_rules(place / "study.yaml", facts, codebook, problems)
    rules += tuple(  # what is found in a patient is known of him or her
        (parse(f"{name.removesuffix('_known')} -> {name}", codebook), "what is found is known")
        for name in codebook
        if (of := codebook.get(name.removesuffix("_known"))) and of.name != name and of.type == "boolean"
    )
    units = read_section("conversions", codebook_path)
    found = [_read_claim(place.name, row, codebook, facts, units) for _, row in rows]
    for (line, row), (_, wrong) in zip(rows, found, strict=True):
        problems += [f"{line}, column {column}, value '{row[column]}': {said}" for column, said in wrong]
    found = [claim for claim, _ in found]
    _check_ids(rows, problems)
    _check_denominators(list(zip(rows, found, strict=True)), problems)
    wrong = vocabulary.problems_of_figures(facts.get("figures", ()), {claim.claim_id for claim in found})
    problems += [f"{place / 'study.yaml'}: {problem}" for problem in wrong]
    if problems:
        raise InputError("\n".join(sorted(dict.fromkeys(problems), key=_row_of)))
    rules += _rules_of_words(codebook, codebook_path, rules, found)
    codebook = _with_steps(codebook, found)
    found = [replace(claim, codebook=codebook) for claim in found]
    return Study(place.name, facts, rules, facts["readings"], tuple(found), codebook)


def _row_of(problem: str) -> int:
    """Return the row that a problem is in, 0 for none."""
    match = re.search(r"claims\.csv, row (\d+)", problem)
    return int(match[1]) if match else 0


def _own_variables(path: Path, facts: dict, codebook: Codebook, problems: list[str]) -> Codebook:
    """Return the codebook with the variables that only this study has."""
    wrong: list[str] = []
    own = read_variables(facts.get("variables", {}), wrong, codebook)
    wrong += [
        f"{name}: stands in the codebook already; leave it out here, or use another name"
        for name in own
        if name in codebook and own[name] != codebook[name]
    ]
    problems += [f"{path}: variables, {problem}" for problem in wrong]
    return {**codebook, **{name: variable for name, variable in own.items() if variable}}


def _with_steps(codebook: Codebook, claims: list[Claim]) -> Codebook:
    """Return the codebook with steps as fine as the units that values are printed in, where they are others.

    "6 to 156 months" of a variable in tenths of a year was recorded in months.
    """
    steps: dict[str, list[Fraction]] = {}
    for claim in claims:
        if claim.is_of_values and claim.statistic in vocabulary.SINGLE_VALUES and claim.number:
            steps.setdefault(claim.of, []).append(claim.number)
    changed = {}
    for name, numbers in steps.items():
        variable, converted = codebook[name], [number for number in numbers if number.scale != 1]
        if converted and variable.step:
            places = [number.place for number in converted]
            places += [variable.step] if len(converted) < len(numbers) else []
            changed[name] = replace(variable, step=_common(places))
    return {**codebook, **changed}


def _common(steps: list[Fraction]) -> Fraction:
    """Return the largest step of which all are multiples."""
    denominator = math.lcm(*(step.denominator for step in steps))
    return Fraction(math.gcd(*(int(step * denominator) for step in steps)), denominator)


def _rules_of_words(codebook: Codebook, path: Path, rules, claims: Sequence[Claim]):
    """Return the rules that hold by what the codebook's words mean, if all variables have a number."""
    claims = [claim for claim in claims if claim.number is not None]
    trees = [tree for claim in claims for tree in (claim.patients, claim.group) if tree is not None]
    mentioned = {claim.of for claim in claims}.union(*map(variables, [*trees, *(rule for rule, _ in rules)]))
    added = []
    for rule in read_section("rules", path):
        tree = parse(rule["always"], codebook)
        if variables(tree) <= mentioned and tree not in [own for own, _ in rules]:
            added.append((tree, rule["because"]))
    return tuple(added)


def _read_facts(path: Path, study: str, problems: list[str]) -> dict:
    facts = read_yaml(path)
    if not isinstance(facts, dict):
        raise InputError(f"{path}: expected a mapping with study, title, citation, design, …")
    wrong = [f"'{name}' is missing" for name in _NEEDED if not facts.get(name)]
    if facts.get("study", study) != study:
        wrong.append(f"study is '{facts['study']}', expected the folder's name '{study}'")
    given = {name: facts.get(name) or kind() for name, kind in _PARTS.items()}
    for name, kind in _PARTS.items():
        if not isinstance(given[name], kind):
            expected = "mapping" if kind is dict else "list"
            wrong.append(f"'{name}' is {given[name]!r}, expected a {expected}")
            given[name] = kind()
    wrong += [
        f"reading '{name}' is {options!r}, expected options with a text each, and steps that are numbers"
        for name, options in given["readings"].items()
        if not _is_reading(options)
    ]
    given["readings"] = {name: of for name, of in given["readings"].items() if _is_reading(of)}
    wrong += [
        f"'rounding' of {section} is {rule!r}, expected one of {', '.join(RULES)}, by section or for 'all'"
        for section, rule in given["rounding"].items()
        if rule not in RULES
    ]
    if given["window"] and not {"start", "end", "contains"} <= {*given["window"]}:
        wrong.append(f"'window' is {given['window']!r}, expected start, end and contains")
    problems += [f"{path}: {problem}" for problem in wrong]
    return {**facts, **given}


def _is_reading(options: object) -> bool:
    return (
        isinstance(options, dict)
        and bool(options)
        and all(isinstance(each, dict) and each.get("text") for each in options.values())
        and all(_are_steps(each.get("step")) for each in options.values())
    )


def _are_steps(steps: object) -> bool:
    return steps is None or (
        isinstance(steps, dict) and all(isinstance(step, int | float) and step > 0 for step in steps.values())
    )


def _read_rules(path: Path, facts: dict, codebook: Codebook, problems: list[str]):
    rules = []
    for number, rule in enumerate(facts.get("rules", []), start=1):
        if not isinstance(rule, dict) or not rule.get("always") or not rule.get("because"):
            problems.append(f"{path}: rule {number} is {rule!r}, expected 'always' and 'because'")
            continue
        try:
            rules.append((parse(str(rule["always"]), codebook), str(rule["because"])))
        except InputError as error:
            problems.append(f"{path}: rule {number}, always: {rule['always']}: {error}")
    return tuple(rules)


def _read_claim(study: str, row: dict, codebook: Codebook, facts: dict, units):
    """Return the claim of a row, and what is wrong with it, each with its column."""
    wrong = [*_wrong_words(row, facts, codebook)]
    _without_units(row)
    readers = {"among": lambda: parse(row["among"], codebook)}
    if vocabulary.is_statistic(row["statistic"]):  # of another, nothing else can be told
        readers |= {
            "of": lambda: _parse_of(row["statistic"], row["of"], codebook),
            "printed": lambda: _parse_number(row["statistic"], row["printed"]),
            "unit": lambda: _scale(row, codebook, units),
        }
    readers["method"] = lambda: vocabulary.check_method(row["method"])
    read = {"among": Everyone(), "unit": Fraction(1)}
    for column, reader in readers.items():
        if column not in ("of", "printed") or row[column]:
            try:
                read[column] = reader()
            except InputError as error:
                wrong.append((column, error))
    number, scale = read.get("printed"), read["unit"]
    if number and number.value is not None and scale != 1:
        number = replace(number, value=number.value * scale, scale=number.scale * scale)
    trees = {"group": read["among"], "patients": read.get("of")}
    return Claim(study=study, **trees, number=number, codebook=codebook, **row), wrong


def _wrong_words(row: dict, facts: dict, codebook: Codebook) -> Iterator[tuple[str, str]]:
    """Yield the columns of a row that have a word that cannot stand there, and what is expected."""
    for column in ("claim_id", "where", "about", "statistic", "of", "printed"):
        if not row[column]:
            yield column, "must not be empty"
    if row["statistic"] == "other" and not row["method"]:
        yield "method", 'expected the name of the coefficient, as "Cronbach\'s alpha"'
    if not vocabulary.is_statistic(row["statistic"]):
        yield "statistic", vocabulary.expected(row["statistic"])
    if row["about"] not in ("own", *facts.get("quoted", ()), *facts.get("units", ())):
        known = "a cohort under 'quoted' of study.yaml, or lesions and the like under 'units'"
        yield "about", f"expected 'own' or {known}"
    if row["about"] == "own" and row["statistic"] in ("count", "percent") and f"n_{row['unit']}" in codebook:
        unit = row["unit"]
        said = f"a {row['statistic']} of {unit}, not of patients; write '{unit}' in column about, with"
        yield "unit", f"{said} 'units: {{{unit}: …}}' in study.yaml, or 'sum' of 'n_{unit}'"
    name, _, option = row["reading"].partition(":")
    if row["reading"] and option not in facts.get("readings", {}).get(name, ()):
        yield "reading", "expected 'name:option' as study.yaml lists them under 'readings'"


def _without_units(row: dict) -> None:
    """Make a percentage in words a fraction, and leave out a unit, its sign and the mark of a footnote."""
    if row["statistic"] == "percent" and is_fraction_in_words(row["printed"]):
        row["statistic"] = "fraction"
    words, times = plain(row["printed"]), units_of_time()
    unit = plain(row["unit"])
    row["unit"] = times.get(unit, row["unit"])
    alike = [word for word in times if times[word] == row["unit"]]
    for said in {unit, *alike, *_WORDS_OF_UNITS.get(row["statistic"], ())} - {""}:
        if re.search(rf"[\da-z] ?{re.escape(said)}$", words):
            row["printed"] = words.removesuffix(said).strip()
    is_marked = "%" in row["printed"] or plain(row["printed"]) != without_note(row["printed"])
    if row["statistic"] in vocabulary.PERCENTAGES and is_marked:
        row["printed"] = without_note(row["printed"]).strip("% ")


def _scale(row: dict, codebook: Codebook, units: Mapping) -> Fraction:
    """Return what one of the unit that a row prints is in the unit of the codebook."""
    if vocabulary.kind(row["statistic"], row["of"]) != "values" or row["of"] not in codebook:
        return Fraction(1)
    variable = codebook[row["of"]]
    if row["statistic"] == "other" or (variable.type == "boolean" and row["statistic"] in vocabulary.OF_ANY):
        return Fraction(1)  # of a share
    factors = units.get(variable.unit, {})
    names = {_unit(name): Fraction(str(factor)) for name, factor in factors.items()}
    given = _unit(row["unit"])
    unit = re.sub(r"^[a-z]+-?(?=(?:years|months|weeks|days)$)", "", given)
    if _unit(variable.unit) in (given, unit) or not (unit or factors):
        return Fraction(1)
    if unit not in names or variable.level != "patient":
        others = f", or {', '.join(factors)}, which are converted" if factors else ""
        raise InputError(f"expected '{variable.unit}', the unit of {row['of']} in the codebook{others}")
    return 1 / names[unit]


def _unit(text: str) -> str:
    """Write a unit as papers differ in it: "×10⁹/L" and "10^9/l" are the same."""
    return re.sub(r"[\s^]", "", plain(text)).removeprefix("x")


def _parse_of(statistic: str, text: str, codebook: Codebook) -> Expression | None:
    kind = vocabulary.kind(statistic, text)
    if kind == "patients":
        if statistic == "percent" and text in codebook and codebook[text].is_numeric:
            raise InputError(
                f"{text} is a number of each patient; for a share of all lesions write percent_of_total in "
                f"column statistic, and '{text}, n_lesions' here"
            )
        return parse(text, codebook)
    parts = [part.strip() for part in text.split(",")]
    if kind == "values":
        if len(parts) != 1:
            raise InputError("expected one variable")
        return _parse_values(statistic, parts[0], codebook)
    most = 12 if statistic in vocabulary.OF_MODELS else 2
    if not 2 <= len(parts) <= most or not all(parts):
        raise InputError(
            "expected two variables with a comma between" + ", then others of the model" * (most > 2)
        )
    for part in parts:
        if part not in codebook:
            parse(part, codebook)
            continue
        kind = codebook[part].type
        if kind == "date" or (statistic in vocabulary.OF_NUMBERS and kind == "category"):
            raise InputError(f"{part} is of type {kind} and has no {statistic}")
    return None


def _parse_values(statistic: str, name: str, codebook: Codebook) -> Expression | None:
    if name not in codebook:
        tree = parse(name or "(", codebook)  # names the nearest variable where there is one
        if statistic in vocabulary.OF_ANY:
            return tree
        raise InputError(f"{name} is not a variable; a {statistic} is of one variable")
    if statistic in vocabulary.OF_ANY and codebook[name].type == "boolean":
        return parse(name, codebook)
    numeric = statistic not in ("value", "date", "sd", "min", "max", "other")
    if numeric and not codebook[name].is_numeric:
        raise InputError(f"{name} is of type {codebook[name].type} and has no {statistic}")
    return None


def _parse_number(statistic: str, text: str) -> Printed | None:
    if statistic == "rank":
        if text.casefold() not in RANK_WORDS:
            raise InputError(f"expected one of {', '.join(RANK_WORDS)}")
        return None
    if statistic == "date":
        parse_date(text)
        return None
    number = parse_printed(text)
    if statistic == "fraction" and number.relation == "=" and is_fraction_in_words(text):
        number = replace(number, relation="~")  # 23 of 35 are two thirds
    if number.value is None:
        if statistic != "count":
            raise InputError(f"a {statistic} is a number; 'all' is a count")
        return number
    if statistic == "count" and number.value.denominator != 1:
        of_n = re.fullmatch(r"\s*\d+\s*(?:/|of|out of)\s*\d+\s*", text)
        raise InputError(
            "x of n; write 'count, n' in column statistic" if of_n else "a count is a whole number"
        )
    low, high = vocabulary.LIMITS.get(statistic, (None, None))
    if high is not None and number.value > high:
        raise InputError(
            f"a {statistic} {'of patients ' if statistic in ('percent', 'fraction') else ''}is at most {high}"
        )
    if low is not None and number.value < low:
        raise InputError(f"a {statistic} is at least {low}")
    return number


def _check_ids(rows: list[tuple[str, dict]], problems: list[str]) -> None:
    """One id is one statement: rows may share it only as different readings of the same printed text."""
    first: dict[str, tuple[str, dict]] = {}
    seen: set[tuple[str, str]] = set()
    for place, row in rows:
        claim_id = row["claim_id"]
        place_of_first, other = first.setdefault(claim_id, (place, row))
        key = (claim_id, row["reading"])
        if key in seen or (other is not row and not (row["reading"] and other["reading"])):
            problems.append(
                f"{place}, column claim_id, value '{claim_id}': stands already in "
                f"{place_of_first.rpartition(', ')[2]}; "
                "an id is used once, or once for each reading"
            )
        elif any(row[column] != other[column] for column in ("where", "about", "printed")):
            problems.append(
                f"{place}, column claim_id, value '{claim_id}': readings of one claim share where and printed"
            )
        seen.add(key)


def _check_denominators(placed: list[tuple[tuple[str, dict], Claim]], problems: list[str]) -> None:
    """Nothing can be counted or averaged among nobody."""
    asked = {(claim.about, claim.group) for _, claim in placed if claim.statistic not in ("value", "date")}
    for (place, row), claim in placed:
        empty = claim.number is not None and claim.number.value == 0 and claim.statistic == "count"
        if empty and isinstance(claim.group, Everyone) and (claim.about, claim.patients) in asked:
            problems.append(
                f"{place}, column printed, value '{row['printed']}': a denominator of 0; "
                "other claims are among these patients, so expected at least 1"
            )
