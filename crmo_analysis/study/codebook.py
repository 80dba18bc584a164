"""The codebook: one vocabulary of variables for every study and every cohort."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path

from crmo_analysis import files
from crmo_analysis.files import InputError, read_yaml

EXACT = 2**53  # up to here a number of a spreadsheet is a whole one
TYPES = ("boolean", "integer", "decimal", "category", "date")
LEVELS = ("patient", "study")
_FIELD_TYPES = {"decimal": "number", "category": "string"} | {t: t for t in ("boolean", "integer", "date")}
OF_A_YEAR = {"weeks": 365 / 7, "months": 12, "years": 1}
FIELDS = (
    {"label", "negation", "type", "unit", "step", "minimum", "maximum", "categories"}  # what a value can be
    | {"level", "group", "impossible", "counts", "at_least", "from", "to", "fixed"}  # how it is used
)


@dataclass(frozen=True)
class Variable:
    """One variable of the codebook; `step`, `minimum` and `maximum` are exact, in `unit`."""

    name: str
    label: str
    type: str
    negation: str = ""
    unit: str = ""
    step: Fraction | None = None
    minimum: Fraction | None = None
    maximum: Fraction | None = None
    categories: tuple[str, ...] = ()
    level: str = "patient"
    group: str = ""
    impossible: frozenset[int] = frozenset()
    counts: str = ""
    at_least: str = ""
    start: str = ""
    end: str = ""
    fixed: bool = False

    @property
    def is_numeric(self) -> bool:
        """Whether the variable is a number that can be compared, averaged and ranged."""
        return self.type in ("integer", "decimal")

    def not_allowed(self, values):
        """Say of each number of an array what is expected in its place; nothing where it can be."""
        import numpy as np

        said = np.full(len(values), "", dtype=object)
        said[np.isin(values, sorted(self.impossible))] = f"no {self.label} can have this value"
        said[~np.isnan(values) & self.is_beyond(values)] = f"expected {self._limits}"
        return said

    def is_beyond(self, values):
        """Say which numbers of an array are outside the limits, or not whole where they have to be."""
        import numpy as np

        low = -np.inf if self.minimum is None else float(self.minimum) - 1e-9
        high = np.inf if self.maximum is None else float(self.maximum) + 1e-9
        wrong = ~np.isfinite(values) | (values < low) | (values > high)
        if self.type == "integer":
            whole = np.round(np.where(wrong, 0, values), 9)
            wrong |= (whole % 1 != 0) | (np.abs(whole) > EXACT)
        return wrong

    @property
    def _limits(self) -> str:
        """Say which numbers are expected."""
        number = "a whole number" if self.type == "integer" else "a number"
        low, high = (None if end is None else f"{float(end):,.12g}" for end in (self.minimum, self.maximum))
        if low is not None and high is not None:
            number += f" of {low} to {high}"
        elif low is not None:
            number += f" of at least {low}"
        return f"{number} {self.unit}".rstrip()

    def as_field(self) -> dict:
        """Describe a column as a field of a Tabular Data Package (specs.frictionlessdata.io)."""
        field = {"name": self.name, "type": _FIELD_TYPES[self.type], "title": self.label}
        field |= {"unit": self.unit} if self.unit else {}
        if self.type == "boolean":
            field |= {"trueValues": ["yes"], "falseValues": ["no"]}
        ends = {"minimum": self.minimum, "maximum": self.maximum}
        limits = {key: float(end) for key, end in ends.items() if end is not None}
        limits |= {"enum": list(self.categories)} if self.categories else {}
        return field | ({"constraints": limits} if limits else {})

    def between(self, end: "Variable", start: "Variable") -> tuple[float, float]:
        """Return the units of this time in a year, and by how many it may miss a difference of two ages.

        Either age, and the time, was rounded by at most one step in the same direction.
        """
        per_unit = OF_A_YEAR[self.unit]
        return per_unit, float(per_unit * max(end.step, start.step) + self.step)

    def before(self, start: "Variable") -> Fraction:
        """Return by how much this age may be below the one that it follows, as both are written down.

        Rounded to the same step, ages stay in order; 9 in full years follows 9.4.
        """
        return Fraction(0) if self.step == start.step else max(self.step, start.step)


Codebook = Mapping[str, Variable]


@cache
def read_section(section: str, path: Path = files.CODEBOOK) -> Mapping:
    """Return another part of the codebook as it stands: `missing`, `units`, `bones` or `rules`."""
    return read_yaml(path).get(section, {})


@cache
def units_of_time(path: Path = files.CODEBOOK) -> Mapping[str, str]:
    """Return what words of several languages mean a unit of time: "ans" is `years`."""
    known = read_section("words", path).get("units", {})
    return {word: unit for unit in ("years", "months", "weeks", "days") for word in known.get(unit, ())}


@cache
def read_codebook(
    path: Path = files.CODEBOOK, section: str = "variables", study: Path | None = None
) -> Codebook:
    """Read the variables of the codebook, in its order; an InputError has every problem at once.

    Parameters
    ----------
    path : Path
        A YAML file with a mapping of name to fields.
    section : str
        That mapping: `variables` of a patient or a study, or `lesions`, the variables of one lesion.
    study : Path, optional
        The folder of a study, whose own variables are added.
    """
    content = read_yaml(path)
    entries = content.get(section) if isinstance(content, dict) else None
    if not isinstance(entries, dict):
        raise InputError(f"{path}: not a codebook; expected YAML with a mapping '{section}'")
    problems: list[str] = []
    variables = read_variables(entries, problems)
    if problems:
        raise InputError("\n".join(f"{path}: {problem}" for problem in problems))
    if study is None:
        return variables
    facts = read_yaml(study / "study.yaml")
    own = facts.get("variables") if isinstance(facts, dict) else None
    return {**variables, **read_variables(own or {}, problems, variables)}


def read_variables(entries: Mapping, problems: list[str], beside: Codebook | None = None) -> Codebook:
    """Read a mapping of name to fields; what is wrong is added to the problems.

    `beside` are variables that stand elsewhere, which `from` and `to` may name.
    """
    items = list(entries.items())
    variables = {str(name): _variable(str(name), fields, problems) for name, fields in items}
    for name, fields in items:
        for other in (fields.get("from"), fields.get("to")) if isinstance(fields, dict) else ():
            if other is not None and other not in {**(beside or {}), **variables}:
                problems.append(f"{name}: from or to is {other!r}, expected a variable of the codebook")
    return variables


def _variable(name: str, fields: object, problems: list[str]) -> Variable | None:
    found = len(problems)
    if not isinstance(fields, dict):
        problems.append(f"{name}: expected fields such as {{label: …, type: …}}, found {fields!r}")
        return None
    problems += [f"{name}: unknown field {field!r}" for field in fields if field not in FIELDS]
    if not name.isidentifier():
        problems.append(f"{name}: a name has letters, digits and underscores, and starts with a letter")
    if fields.get("type") not in TYPES:
        problems.append(f"{name}: type is {fields.get('type')!r}, expected one of {', '.join(TYPES)}")
    if fields.get("level", "patient") not in LEVELS:
        problems.append(f"{name}: level is {fields.get('level')!r}, expected one of {', '.join(LEVELS)}")
    if not fields.get("label"):
        problems.append(f"{name}: a label is missing")
    if (fields.get("type") == "category") != bool(fields.get("categories")):
        problems.append(f"{name}: categories belong to the type 'category', and only to it")
    exact = {}
    for field in ("step", "minimum", "maximum"):
        try:
            exact[field] = Fraction(str(fields[field])) if field in fields else None
        except ValueError:
            problems.append(f"{name}: {field} is {fields[field]!r}, expected a number")
    if exact.get("step") is not None and exact["step"] <= 0:
        problems.append(f"{name}: step is {fields['step']!r}, expected a number above 0")
    if len(problems) > found:
        return None
    text = {
        field: str(fields.get(field, ""))
        for field in ("label", "negation", "type", "unit", "group", "counts", "at_least")
    }
    return Variable(
        name=name,
        categories=tuple(str(category) for category in fields.get("categories", ())),
        level=fields.get("level", "patient"),
        impossible=frozenset(fields.get("impossible", ())),
        start=str(fields.get("from", "")),
        end=str(fields.get("to", "")),
        fixed=bool(fields.get("fixed", False)),
        **text,
        **exact,
    )
