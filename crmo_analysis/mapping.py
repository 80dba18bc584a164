"""A file that says how a user's table becomes one of the codebook: other names, other codes, other units.

columns: {Pat-ID: patient, "CRP (mg/l)": crp}     # name in the file: name in the codebook
values: {male: {m: yes, w: no}, remission: {9: NR}}   # by either name: text in the file: what it means
units: {crp: 0.1}                                 # by either name: by which numbers are multiplied
ignore: [address]
lesions: {columns: …, values: …, units: …, ignore: …}   # the same for the table of lesions
"""

import difflib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from crmo_analysis.codebook import Codebook, read_yaml
from crmo_analysis.spreadsheet import CohortError, Problem, refuse, shown

SECTIONS = ("columns", "values", "units", "ignore")
MAXIMUM_BYTES = 1_000_000
OWN = ("patient", "reconstructed", "simulated")  # columns that every table may have


@dataclass(frozen=True)
class Mapped:
    """What a mapping file says of one table.

    Attributes
    ----------
    file : str
    columns : mapping of str to str
        Name in the table's file to name in the codebook.
    meanings : mapping of str to mapping of str to str
        Name in the codebook to what its texts mean.
    units : mapping of str to float
        Name in the codebook to a factor.
    ignore : frozenset of str
        Names in the table's file.
    """

    file: str = ""
    columns: Mapping[str, str] = field(default_factory=dict)
    meanings: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    units: Mapping[str, float] = field(default_factory=dict)
    ignore: frozenset[str] = frozenset()


def read_mapping(path: Path | str, patients: Codebook, lesions: Codebook) -> tuple[Mapped, Mapped]:
    """Read a mapping file; return what it says of the patients' table and of the table of lesions.

    Raises
    ------
    CohortError
        With every error of the file.
    """
    path = Path(path)
    if not path.is_file():
        raise refuse(path, "there is no such mapping file")
    try:
        if path.stat().st_size > MAXIMUM_BYTES:
            raise refuse(path, f"is larger than {MAXIMUM_BYTES:,} bytes, expected a mapping file")
        content = read_yaml(path)
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError, ValueError) as error:
        if isinstance(error, CohortError):
            raise
        raise refuse(path, f"cannot be read as YAML in UTF-8 ({shown(str(error), 200)})") from None
    problems: list[Problem] = []

    def wrong(place: str, expected: str) -> None:
        problems.append(Problem(str(path), None, "", "", f"{shown(place, 100)}: {expected}"))

    content = {} if content is None else content
    found = Mapped(str(path))
    other = Mapped(str(path))
    if not isinstance(content, dict):
        wrong("the file", f"expected a mapping with {', '.join(SECTIONS)} or lesions")
    else:
        inner = content.pop("lesions", None)
        found = _mapped(path, content, patients, "", wrong)
        if isinstance(inner, dict):
            other = _mapped(path, inner, lesions, "lesions, ", wrong)
        elif inner is not None:
            wrong("lesions", f"expected a mapping with {', '.join(SECTIONS)}")
    if problems:
        raise CohortError(problems)
    return found, other


def _mapped(path: Path, content: dict, codebook: Codebook, place: str, wrong: Callable[[str, str], None]) -> Mapped:
    for name in content:
        if name not in SECTIONS:
            wrong(f"{place}{name}", f"is not known; expected one of {', '.join(SECTIONS)}")
    parts = {}
    for name in SECTIONS:
        kind = list if name == "ignore" else dict
        parts[name] = kind() if content.get(name) is None else content[name]
        if not isinstance(parts[name], kind):
            wrong(f"{place}{name}", f"expected a {'list' if kind is list else 'mapping'}")
            parts[name] = kind()
    columns = {_text(name): _text(target) for name, target in parts["columns"].items()}
    ignore = frozenset(_text(name) for name in parts["ignore"])
    for name, target in columns.items():
        if target not in (*OWN, *codebook):
            wrong(f"{place}columns, {name}", f"'{shown(target)}' is not in the codebook{_near(target, codebook)}")
        elif list(columns.values()).count(target) > 1:
            wrong(f"{place}columns, {name}", f"another column becomes {target} as well")
        if name in ignore:
            wrong(f"{place}ignore, {name}", "the column is renamed and ignored at once")
    values, units = {}, {}
    for given, meanings in parts["values"].items():
        name = columns.get(_text(given), given)
        if name not in (*OWN, *codebook):
            wrong(f"{place}values, {name}", f"is not in the codebook{_near(name, codebook)}")
        elif not isinstance(meanings, dict):
            wrong(f"{place}values, {name}", "expected a mapping of a text in the file to its meaning")
        else:
            values[name] = {_text(text): _text(meaning) for text, meaning in meanings.items()}
    for given, factor in parts["units"].items():
        name = columns.get(_text(given), given)
        if name not in codebook or not codebook[name].is_numeric:
            wrong(f"{place}units, {name}", f"is no number of the codebook{_near(name, codebook)}")
        elif isinstance(factor, bool) or not isinstance(factor, int | float) or not 0 < factor < math.inf:
            wrong(f"{place}units, {name}", f"the factor is {shown(_text(factor))}, expected a number above 0")
        else:
            units[name] = float(factor)
    return Mapped(str(path), columns, values, units, ignore)


def _text(value: object) -> str:
    """Write a value of YAML as it would stand in a cell; YAML itself reads a bare yes or no as true or false."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict | list):  # not written out: a few lines of YAML can stand for a very long list
        return "several values"
    return "" if value is None else " ".join(str(value).split())


def _near(name: object, codebook: Codebook) -> str:
    close = difflib.get_close_matches(str(name)[:60], [*OWN, *codebook], n=1)
    return f"; is '{close[0]}' meant?" if close else ""
