"""A file that says how a user's table becomes one of the codebook: other names, other codes, other units.

columns: {Pat-ID: patient, "CRP (mg/l)": crp}     # name in the file: name in the codebook
                                                  # {DOB: birth_date, Onset: age_onset}: ages of dates
values: {male: {m: yes, w: no}, remission: {9: NR}}   # by either name: text in the file: what it means
                                                  # {patient: {Test: ''}} leaves rows out
                                                  # {side: {bilateral: both}} makes two rows of one
units: {crp: 0.1}                                 # by either name: by which numbers are multiplied
ignore: [address]
decimal: comma                                    # or point: where the numbers themselves leave it open
dates: day                                        # or month: what stands first in 01/02/2020, 01.02.20
sheet: registry                                   # of a workbook that has several
event: baseline_arm_1                             # of a REDCap export that has several, or of a column
                                                  # that is mapped to event: a row a visit. [first, mri]: each
                                                  # variable of the first of them at which it has values
dictionary: dictionary.csv                        # the REDCap project's, beside the mapping file
lesions: {columns: …, scan: last}                 # the same for the table of lesions; the last scan counts
"""

import difflib
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from crmo_analysis.files import InputError, read_yaml
from crmo_analysis.patients.layout import plain_name
from crmo_analysis.patients.problems import Problem, shown
from crmo_analysis.study import Codebook, read_section

SECTIONS = ("columns", "values", "units", "ignore")
CHOICES = {"decimal": ("comma", "point"), "dates": ("day", "month"), "scan": ("first", "last")}
OF_PATIENTS = ("decimal", "dates", "sheet", "event", "dictionary")
OF_LESIONS = ("decimal", "dates", "sheet", "event", "scan")
OWN = ("patient", "centre", "birth_date", "event", "reconstructed", "simulated")  # of every table
_VISIT = re.compile(
    r" ((v|t|m|visite?|time|months?|monate?|fu)? ?\d+ ?(m|mo|months?|monate?|w|j|y)?|baseline|bl)$"
)
BOX = re.compile(r".+(?: \(choice=|___)(.+?)\)?")  # of REDCap, with the label of a choice
CLOSE = 0.75  # how alike, of 1, a name has to be to be suggested


@dataclass(frozen=True)
class Mapped:
    """What a mapping file says of one table."""

    file: str = ""
    columns: Mapping[str, str] = field(default_factory=dict)  # name in the table's file: in the codebook
    meanings: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # by name in the codebook
    units: Mapping[str, float] = field(default_factory=dict)  # name in the codebook: factor
    ignore: frozenset[str] = frozenset()  # names in the table's file
    settings: Mapping[str, str] = field(default_factory=dict)  # decimal, dates, sheet, …
    events: tuple[str, ...] = ()  # that are read, in this order; none named

    @property
    def is_empty(self) -> bool:
        """Whether the file says nothing of the table."""
        return self == Mapped(self.file)

    @property
    def names(self) -> set[str]:
        """The names of the table's file that the mapping mentions, in small letters."""
        return {name.casefold() for name in (*self.columns, *self.ignore)}


def read_mapping(path: Path | str, patients: Codebook, lesions: Codebook) -> tuple[Mapped, Mapped]:
    """Read a mapping file; return what it says of the table of patients and of that of lesions.

    InputError has every error of the file.
    """
    content = read_yaml(path)
    problems: list[Problem] = []

    def wrong(place: str, expected: str) -> None:
        problems.append(Problem(str(path), None, "", "", f"{shown(place, 100)}: {expected}"))

    found = other = Mapped(str(path))
    content = {} if content is None else content
    if not isinstance(content, dict):
        wrong("the file", f"expected a mapping with {', '.join((*SECTIONS, *OF_PATIENTS))} or lesions")
    else:
        inner = content.pop("lesions", {}) or {}
        of_patients = _Place("", patients, lesions, (*SECTIONS, *OF_PATIENTS, "lesions"))
        of_lesions = _Place("lesions, ", lesions, patients, (*SECTIONS, *OF_LESIONS))
        found = _mapped(path, content, of_patients, wrong)
        if isinstance(inner, dict):
            other = _mapped(path, inner, of_lesions, wrong)
        else:
            wrong("lesions", f"expected a mapping with {', '.join(of_lesions.sections)}")
    if problems:
        raise InputError(*problems)
    return found, other


@dataclass(frozen=True)
class _Place:
    """Where in a mapping file something stands, and which variables and keys belong there."""

    name: str
    codebook: Codebook
    other: Codebook
    sections: tuple[str, ...]

    def unknown(self, name: str) -> str:
        """Say that a name is no variable of this table; which one may be meant, or where it belongs."""
        if name not in self.other or self.other[name].level != "patient":
            close = near(name, self.codebook)
            return f"'{shown(name)}' is not in the codebook" + f"; is '{close}' meant?" * bool(close)
        if self.name:
            return f"'{name}' is a variable of patients; put it outside of lesions: in the map"
        return f"'{name}' is a variable of lesions; put it below lesions: in the map"


def _mapped(path: Path, content: dict, place: _Place, wrong: Callable[[str, str], None]) -> Mapped:
    for name in content:
        if name not in place.sections:
            wrong(f"{place.name}{name}", f"is not known; expected one of {', '.join(place.sections)}")
    parts = {}
    for name in SECTIONS:
        kind, what = (list, "list") if name == "ignore" else (dict, "mapping")
        parts[name] = kind() if content.get(name) is None else content[name]
        if not isinstance(parts[name], kind):
            wrong(f"{place.name}{name}", f"expected a {what}")
            parts[name] = kind()
    targets = _by_text(parts["columns"], f"{place.name}columns", wrong)
    columns = {name: _text(target) for name, target in targets}
    ignore = frozenset(map(_text, parts["ignore"]))
    for name, target in columns.items():
        where = f"{place.name}columns, {name}"
        if target not in (*OWN, *place.codebook):
            wrong(where, place.unknown(target))
        elif list(columns.values()).count(target) > 1:
            wrong(where, f"another column becomes {target} as well")
        if name in ignore:
            wrong(f"{place.name}ignore, {name}", "the column is renamed and ignored at once")
    meanings = _by_variable("values", parts["values"], columns, place, wrong)
    factors = _by_variable("units", parts["units"], columns, place, wrong)
    events = content.pop("event", None)
    if not isinstance(events, list) or place.name:  # a lesion that is seen twice is one
        events = [] if events is None else [events]
    is_name = [not isinstance(event, dict | list) and bool(_text(event)) for event in events]
    if not all(is_name) or len({*map(_text, events)}) < len(events):
        wrong(f"{place.name}event", "expected a name" + ", or a list of different ones" * (not place.name))
        events = []
    settings = _settings(content, place, wrong)
    return Mapped(str(path), columns, meanings, factors, ignore, settings, tuple(map(_text, events)))


def _settings(content: dict, place: _Place, wrong: Callable[[str, str], None]) -> dict[str, str]:
    found = {}
    for name in place.sections:
        value = content.get(name)
        if name in (*SECTIONS, "lesions") or value is None:
            continue
        choices = CHOICES.get(name, ())
        if isinstance(value, dict | list) or not _text(value) or (choices and value not in choices):
            expected = f"one of {', '.join(choices)}" if choices else "a name"
            wrong(f"{place.name}{name}", f"is '{shown(_text(value))}', expected {expected}")
        else:
            found[name] = _text(value)
    return found


def exact(factor: float) -> float:
    """Return a factor; one of twelfths that was written with few digits, such as 0.083333, as the twelfth."""
    twelfths = round(12 * factor) / 12
    return twelfths if abs(twelfths - factor) < 1e-5 * factor else float(factor)


def _by_variable(section: str, given: dict, columns: Mapping[str, str], place: _Place, wrong) -> dict:
    """Return what a section says, values or units, by the variable for which a name of it stands."""
    small = {name.casefold(): name for name in (*OWN, *place.codebook)}
    found = {}
    for column, said in _by_text(given, f"{place.name}{section}", wrong):
        name = columns.get(column) or small.get(column.casefold(), column)
        where = f"{place.name}{section}, {column}"
        if name not in (*OWN, *place.codebook):
            wrong(where, place.unknown(name))
        elif section == "units":
            is_factor = isinstance(said, int | float) and not isinstance(said, bool) and 0 < said < math.inf
            if name in OWN or not place.codebook[name].is_numeric:
                wrong(where, "is no number of the codebook")
            elif not is_factor:
                wrong(where, f"the factor is {shown(_text(said))}, expected a number above 0, such as 0.1")
            else:
                found[name] = exact(said)
        elif not isinstance(said, dict):
            wrong(where, "expected a mapping of a text in the file to its meaning")
        elif name in found:
            twice = "by the name in the file and in the codebook"
            wrong(where, f"the values of {name} stand there twice, {twice}")
        else:
            meanings = _by_text(said, where, wrong)
            found[name] = {text: _text(meaning) for text, meaning in meanings}
            for text in (text for text, meaning in meanings if meaning is None):
                expected = f"write '{text}': NA for a missing value, 13.3 or '13,3' for a number"
                wrong(where, f"'{shown(text)}' has no meaning; {expected}")
    return found


def _by_text(given: dict, where: str, wrong: Callable[[str, str], None]) -> list[tuple[str, object]]:
    """Return a mapping's items, each key as text; say which are two keys to YAML and one text in a cell."""
    texts = [_text(key) for key in given]
    for text in sorted({text for text in texts if texts.count(text) > 1}):
        wrong(where, f"'{shown(text)}' stands there twice, in quotes and without them; keep one of the two")
    return list(dict(zip(texts, given.values(), strict=True)).items())


def _text(value: object) -> str:
    """Write a value of YAML as it would stand in a cell.

    YAML itself reads a bare yes or no as true or false.
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict | list):  # not written out: a few lines of YAML can stand for a very long list
        return "several values"
    return "" if value is None else plain_name(str(value))


# ---- which variable may be meant ---------------------------------------------------------------------------


def near(name: str, codebook: Codebook) -> str:
    """Return the variable of the codebook to which a name is close, by its name, label or other names.

    Else nothing.
    """
    known = {
        _plain(label): variable
        for variable, others in read_section("also").items()
        if variable in codebook or variable in OWN
        for label in others
    }
    known |= {_plain(label): name for name, variable in codebook.items() for label in (variable.label, name)}
    known |= {_plain(own): own for own in OWN}
    box = BOX.fullmatch(name)
    plain = _plain((box[1] if box else name)[:60])
    if of_one_lesion(name):
        return ""
    numbered = re.sub(r"^\d+ ", "", plain)  # as questions of a form are
    close = [text for text in (plain, _VISIT.sub("", plain), numbered) if text in known]
    alike = difflib.get_close_matches(plain, known, n=1, cutoff=CLOSE)
    close += [text for text in alike if text[0] == plain[0]]  # "Visite" is no "site"
    found = known[close[0]] if close else ""
    said, (yes, no) = plain.split(), (read_section("words")[kind] for kind in ("yes", "no"))
    is_no = said[1:] and said[-1] in ("no", *no) and {"yes", *yes}.isdisjoint(said)  # a box of a question
    return "" if is_no and found in codebook and codebook[found].type == "boolean" else found


def of_one_lesion(name: str) -> bool:
    """Say whether a column is of one lesion or one side: side by side they are no variables of a patient."""
    plain, categories = _plain(name), read_section("words")["categories"]
    sides = {word for side in ("left", "right") for word in (side, *categories[side])}
    ends = {*plain.split()[:1], *plain.split()[-1:]} if " " in plain else set()
    return bool(re.search(r"l[eä]sion ?\d", plain)) or not ends.isdisjoint(sides)


def at_visit(name: str) -> bool:
    """Say whether a name ends in that of a visit, such as "month 6" or "v2"."""
    return bool(_VISIT.search(_plain(name)))


def _plain(name: str) -> str:
    """Write a name or label without capitals, marks and a unit in brackets."""
    return " ".join(re.findall(r"[^\W_]+", re.sub(r"\(.*?\)|\[.*?\]", " ", name.casefold())))
