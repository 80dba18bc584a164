"""A claim: one printed number and what it says. Studies and their claims are read and checked here."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cache
from pathlib import Path

from crmo_analysis import files
from crmo_analysis.files import InputError, read_yaml
from crmo_analysis.study.codebook import Codebook, read_codebook, read_section
from crmo_analysis.study.expressions import Everyone, Expression, parse, variables
from crmo_analysis.study.rounding import RANK_WORDS, RULES, Printed, parse_date, parse_printed

COLUMNS = ("claim_id", "where", "about", "statistic", "of", "among", "printed", "unit", "reading", "note")
OF_PATIENTS = ("count", "percent", "fraction", "rank")  # `of` says which patients
OF_VALUES = ("median", "mean", "sd", "min", "max", "sum", "value", "date")  # `of` is one variable
OF_PAIRS = ("p_value", "correlation", "ratio")  # `of` is two, with a comma between them
STATISTICS = OF_PATIENTS + OF_VALUES + OF_PAIRS
MAXIMUM_BYTES = 10_000_000


@dataclass(frozen=True)
class Claim:
    """One printed number under one reading.

    `of` and `among` are kept as written; `patients` and `group` are their trees (`patients` only where
    the statistic is about patients). `printed` is the text of the publication, `number` what it says.
    """

    study: str
    claim_id: str
    where: str
    about: str
    statistic: str
    of: str
    among: str
    printed: str
    unit: str
    reading: str
    note: str
    group: Expression
    patients: Expression | None
    number: Printed | None

    def __hash__(self) -> int:
        return hash((self.claim_id, self.reading))  # quick: claims are looked up very often

    @property
    def is_of_patients(self) -> bool:
        """Whether `of` says which patients are counted."""
        return self.statistic in OF_PATIENTS

    @property
    def is_of_values(self) -> bool:
        """Whether `of` is a variable whose values are summed up."""
        return self.statistic in OF_VALUES

    @property
    def section(self) -> str:
        """The table or section, which shares a way of rounding."""
        return self.where.partition(",")[0]


@dataclass(frozen=True)
class Study:
    """A study: what it is, the rules that hold by definition, the readings, and its claims."""

    study: str
    facts: Mapping[str, object]
    rules: tuple[tuple[Expression, str], ...]
    readings: Mapping[str, Mapping[str, Mapping[str, object]]]
    claims: tuple[Claim, ...] = field(repr=False)

    def codebook_under(self, scenario: Mapping[str, str], codebook: Codebook) -> Codebook:
        """Return the codebook with the steps that a scenario's readings give some variables."""
        chosen = [self.readings[name][option].get("step") or {} for name, option in scenario.items()]
        steps = {name: Fraction(str(step)) for option in chosen for name, step in option.items()}
        return {**codebook, **{name: replace(codebook[name], step=step) for name, step in steps.items()}}

    @property
    def recorded(self) -> frozenset[str]:
        """The variables whose step a reading gives."""
        options = (option for found in self.readings.values() for option in found.values())
        return frozenset(name for option in options for name in option.get("step") or {})

    def claim(self, claim_id: str) -> Claim:
        """Return the claim of that id (its first reading).

        Raises
        ------
        KeyError
            If the study has no such claim.
        """
        for claim in self.claims:
            if claim.claim_id == claim_id:
                return claim
        raise KeyError(f"{self.study} has no claim '{claim_id}'")


@cache
def read_study(study: str, folder: Path = files.PUBLISHED, codebook_path: Path = files.CODEBOOK) -> Study:
    """Read a study and its claims, and check every field.

    Parameters
    ----------
    study : str
        Name of the study's folder in `folder`.
    folder : Path
        Holds a folder for each study, with `study.yaml` and `claims.csv`.
    codebook_path : Path
        The codebook that gives the variables.

    Raises
    ------
    InputError
        With every problem of the two files at once.
    """
    codebook = read_codebook(codebook_path)
    if (folder / study).is_dir() and study and not (folder / study / "study.yaml").is_file():
        raise InputError(f"{folder / study}: study.yaml is missing; copy that of another study and change it")
    if study not in files.study_names(folder):
        raise InputError(
            f"there is no study '{study}' in {folder}; there are {', '.join(files.study_names(folder))}"
        )
    problems: list[str] = []
    facts = _read_facts(folder / study / "study.yaml", study, problems)
    rules = _read_rules(folder / study / "study.yaml", facts, codebook, problems)
    rows = _read_rows(folder / study / "claims.csv", problems)
    readings = facts.get("readings") or {}
    found = [_read_claim(study, line, row, codebook, facts, problems) for line, row in rows]
    _check_ids(rows, problems)
    _check_denominators(list(zip(rows, found, strict=True)), problems)
    if problems:
        raise InputError("\n".join(problems))
    rules += _rules_of_words(codebook, codebook_path, rules, found)
    return Study(study, facts, rules, readings, tuple(found))


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
    try:
        facts = read_yaml(path)
    except InputError as error:
        problems.append(str(error))
        return {}
    if not isinstance(facts, dict):
        problems.append(f"{path}: expected a mapping with study, title, citation, design, …")
        return {}
    needed = ("study", "title", "short", "citation", "design", "question")
    problems += [f"{path}: '{name}' is missing" for name in needed if not facts.get(name)]
    if facts.get("study", study) != study:
        problems.append(f"{path}: study is '{facts['study']}', expected the folder's name '{study}'")
    for name, kind in (
        ("quoted", dict),
        ("readings", dict),
        ("rules", list),
        ("window", dict),
        ("rounding", dict),
        ("notes", list),
    ):
        facts[name] = facts.get(name) or kind()
        if not isinstance(facts[name], kind):
            problems.append(
                f"{path}: '{name}' is {facts[name]!r}, expected a {'mapping' if kind is dict else 'list'}"
            )
            facts[name] = kind()
    for name, options in list(facts["readings"].items()):
        sound = (
            isinstance(options, dict)
            and options
            and all(isinstance(o, dict) and o.get("text") for o in options.values())
        )
        if not sound or not all(_are_steps(option.get("step")) for option in options.values()):
            problems.append(
                f"{path}: reading '{name}' is {options!r}, expected options with a text each, and steps that "
                f"are numbers"
            )
            del facts["readings"][name]
    for section, rule in facts["rounding"].items():
        if rule not in RULES:
            expected = f"expected one of {', '.join(RULES)}, by section or for 'all'"
            problems.append(f"{path}: 'rounding' of {section} is {rule!r}, {expected}")
    if facts["window"] and not {"start", "end", "contains"} <= set(facts["window"]):
        problems.append(f"{path}: 'window' is {facts['window']!r}, expected start, end and contains")
    return facts


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


def _read_rows(path: Path, problems: list[str]) -> list[tuple[str, dict]]:
    try:
        if path.stat().st_size > MAXIMUM_BYTES:
            problems.append(f"{path}: larger than {MAXIMUM_BYTES:,} bytes, expected a table of claims")
            return []
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        row = path.read_bytes()[: error.start].count(b"\n") + 1
        problems.append(
            f"{path}, row {row}: not UTF-8 (byte {error.object[error.start]:#x}); save the file as UTF-8"
        )
        return []
    except OSError as error:
        problems.append(f"{path}: cannot be read ({error.strerror})")
        return []
    if "\0" in text:
        problems.append(f"{path}: has NUL bytes; save the file as CSV in UTF-8")
        return []
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    rows = []
    try:
        names = reader.fieldnames or ()
        wrong = [f"column '{name}' is missing" for name in COLUMNS if name not in names]
        wrong += [f"column '{name}' is not known" for name in names if name not in COLUMNS]
        if len(names) == 1 and (";" in names[0] or "\t" in names[0]):
            problems.append(
                f"{path}, row 1: cells are separated by semicolons or tabs; save the file with commas"
            )
            return []
        problems += [f"{path}, row 1: {problem}; expected {', '.join(COLUMNS)}" for problem in wrong]
        for row in reader if not wrong else ():
            place = f"{path}, row {reader.line_num}"
            if None in row or None in row.values():
                problems.append(f"{place}: expected {len(COLUMNS)} cells; quote a cell that has a comma")
                continue
            if any(cell.strip() for cell in row.values()):
                rows.append((place, {name: cell.strip() for name, cell in row.items()}))
    except csv.Error as error:
        problems.append(f"{path}, row {reader.line_num}: not readable as CSV ({error})")
    if not rows and not problems:
        problems.append(f"{path}: has no claims")
    return rows


def _read_claim(study: str, place: str, row: dict, codebook: Codebook, facts: dict, problems: list[str]):
    def wrong(column: str, expected: object) -> None:
        problems.append(f"{place}, column {column}, value '{row[column]}': {expected}")

    for column in ("claim_id", "where", "about", "statistic", "of", "printed"):
        if not row[column]:
            wrong(column, "must not be empty")
    if row["statistic"] not in STATISTICS:
        wrong("statistic", f"expected one of {', '.join(STATISTICS)}")
    if row["about"] != "own" and row["about"] not in (facts.get("quoted") or {}):
        wrong("about", "expected 'own' or a cohort that study.yaml lists under 'quoted'")
    group_name, _, option = row["reading"].partition(":")
    if row["reading"] and option not in ((facts.get("readings") or {}).get(group_name) or {}):
        wrong("reading", "expected 'name:option' as study.yaml lists them under 'readings'")
    if row["statistic"] in OF_VALUES and row["of"] in codebook and row["unit"] != codebook[row["of"]].unit:
        wrong("unit", f"expected '{codebook[row['of']].unit}', the unit of {row['of']} in the codebook")
    group, patients, number = Everyone(), None, None
    try:
        group = parse(row["among"], codebook)
    except InputError as error:
        wrong("among", error)
    try:
        patients = _parse_of(row["statistic"], row["of"], codebook)
    except InputError as error:
        wrong("of", error)
    try:
        number = _parse_number(row["statistic"], row["printed"])
    except InputError as error:
        wrong("printed", error)
    return Claim(study=study, group=group, patients=patients, number=number, **row)


def _parse_of(statistic: str, text: str, codebook: Codebook) -> Expression | None:
    if statistic in OF_PATIENTS:
        return parse(text, codebook)
    parts = [part.strip() for part in text.split(",")]
    if len(parts) != (2 if statistic in OF_PAIRS else 1):
        raise InputError(
            "expected two variables with a comma between"
            if statistic in OF_PAIRS
            else "expected one variable"
        )
    for part in parts:
        if statistic == "ratio":
            parse(part, codebook)
        elif part not in codebook:
            parse(part or "(", codebook)  # names the nearest variable where there is one
            raise InputError(f"{part} is not a variable; a {statistic} is of one variable")
        elif statistic in ("median", "mean", "sum") and not codebook[part].is_numeric:
            raise InputError(f"{part} is of type {codebook[part].type} and has no {statistic}")
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
    if statistic == "count" and number.value is not None and number.value.denominator != 1:
        raise InputError("a count is a whole number")
    if statistic in ("percent", "fraction") and number.value is not None:
        limit = 100 if statistic == "percent" else 1
        if number.value > limit:
            raise InputError(f"a {statistic} of patients is at most {limit}")
    if statistic != "count" and number.value is None:
        raise InputError(f"a {statistic} is a number; 'all' is a count")
    if statistic == "p_value" and not 0 <= number.value <= 1:
        raise InputError("a P value lies between 0 and 1")
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
