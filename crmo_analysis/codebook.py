"""The codebook: one vocabulary of variables for every study and every cohort."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path

import yaml

from crmo_analysis import paths

TYPES = ("boolean", "integer", "decimal", "category", "date")
LEVELS = ("patient", "study")
_DEEPEST = 50  # parts within parts of a YAML file
FIELDS = (
    {"label", "negation", "type", "unit", "step", "minimum", "maximum", "categories"}  # what a value can be
    | {"level", "group", "impossible", "counts", "at_least", "from", "to"}  # how it is used
)


class CodebookError(ValueError):
    """The codebook cannot be used; the message lists every problem and where it stands."""


class RepeatedKeyError(yaml.YAMLError):
    """A mapping of a YAML file has a key twice, of which YAML would drop one without a word."""


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
    """The safe loader, with the fast parser where there is one, that refuses a repeated key."""

    def get_single_node(self):
        """Return the root of the file, in which no mapping has a key twice."""
        root = super().get_single_node()
        # Here, not while values are made: by then `<<` has put the keys of one mapping into another.
        nodes = [root]
        while nodes:
            node = nodes.pop()
            if isinstance(node, yaml.MappingNode):
                self._refuse_repeated(key for key, _ in node.value)
                nodes += [part for pair in reversed(node.value) for part in reversed(pair)]
            elif isinstance(node, yaml.SequenceNode):
                nodes += reversed(node.value)
        return root

    def _refuse_repeated(self, keys):
        first = {}
        for key in keys:
            if not isinstance(key, yaml.ScalarNode) or key.tag.endswith(":merge"):
                continue
            value = self.construct_object(key)
            if value in first:
                line, before = key.start_mark.line + 1, first[value].start_mark.line + 1
                expected = f"stands in line {before} already; keep one of the two"
                if key.value != first[value].value:  # as 1 and yes: to Python, 1 is true
                    expected = f"is the same as '{first[value].value}' in line {before}; put one of the two in quotes"
                raise RepeatedKeyError(f"line {line}: the key '{key.value}' {expected}")
            first[value] = key


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

    @property
    def is_numeric(self) -> bool:
        """Whether the variable is a number that can be compared, averaged and ranged."""
        return self.type in ("integer", "decimal")


Codebook = Mapping[str, Variable]


def read_yaml(path: Path) -> object:
    """Read a YAML file of plain values, with the fast parser where there is one; it makes no objects.

    Raises
    ------
    OSError, UnicodeDecodeError, yaml.YAMLError
        If the file cannot be read, a mapping in it has a key twice, or it repeats a part by reference or has very
        many within each other: such files grow without limit.
    """
    text = path.read_text(encoding="utf-8")
    _refuse_growth(text)
    loader = _Loader(text)
    try:
        return loader.get_single_data()
    finally:
        loader.dispose()


def _refuse_growth(text: str) -> None:
    """Refuse what a few lines could let grow without end, before anything is made of them."""
    depth = 0
    for event in yaml.parse(text, _Loader):
        if isinstance(event, yaml.AliasEvent):
            raise yaml.YAMLError("a reference (*) to another part is not read; write the part again")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST:
            raise yaml.YAMLError(f"has more than {_DEEPEST} parts within each other")


@cache
def read_section(section: str, path: Path = paths.CODEBOOK) -> Mapping:
    """Return another part of the codebook as it stands: `missing`, `units`, `bones` or `rules`."""
    return read_yaml(path).get(section, {})


@cache
def read_codebook(path: Path = paths.CODEBOOK, section: str = "variables") -> Codebook:
    """Read and check the codebook.

    Parameters
    ----------
    path : Path
        A YAML file with a mapping of name to fields.
    section : str
        That mapping: `variables` of a patient or a study, or `lesions`, the variables of one lesion.

    Returns
    -------
    Mapping of str to Variable
        In the order of the file.

    Raises
    ------
    CodebookError
        With every problem of the file at once.
    """
    try:
        entries = read_yaml(path)[section]
        items = list(entries.items())
    except (OSError, UnicodeDecodeError, yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        message = f"{path}: not a readable codebook ({error}); expected YAML with a mapping '{section}'"
        raise CodebookError(message) from None
    problems: list[str] = []
    variables = {str(name): _variable(str(name), fields, problems) for name, fields in items}
    for name, fields in items:
        for other in (fields.get("from"), fields.get("to")) if isinstance(fields, dict) else ():
            if other is not None and other not in variables:
                problems.append(f"{name}: from or to is {other!r}, expected a variable of the codebook")
    if problems:
        raise CodebookError("\n".join(f"{path}: {problem}" for problem in problems))
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
        **text,
        **exact,
    )
