"""Who is who: the patients' numbers or pseudonyms, in one table and across two."""

import re
from itertools import groupby

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from crmo_analysis.patients.cells import MONTHS
from crmo_analysis.patients.meanings import OPEN, quoted, words
from crmo_analysis.patients.problems import Problem, matches, shown
from crmo_analysis.patients.table import MADE, Table

BY_CHANCE = 0.05  # pairs of patients who are alike, expected if variables were independent
_NUMBERED = r"^(0|[1-9][0-9]{0,17})$"
_SHORTENED = r"^[0-9]([.,][0-9]+)?[eE]\+[0-9]+$"
_DATE = rf"(?i)^(\d{{4}}-\d\d-\d\d|\d{{1,2}}[-. ]+({MONTHS})[a-z]*\.?)$"
_AGAIN = "enter it again as text"
_AND = r"\s(?:and|und|et|y|e|ve|og|en)\s"
_SEVERAL = rf"(?i)[\w)]\s*([,;+&]|{_AND})\s*[\w(]|\w\s*/\s*[[:alpha:]]+[0-9]"
_BETWEEN = rf"(?i)\s*[,;+&/]\s*|{_AND}"
_NOBODY = r"(?i)^(test|dummy|example|beispiel|muster(mann|frau)?|max mustermann|john doe)[ _-]?[0-9]*$"
_LIKENESS = (
    ("capital letters", str.casefold),
    ("a '.0' at the end", lambda text: re.sub(r"[.,]0+$", "", text)),
    ("leading zeros", lambda text: re.sub(r"(?<!\d)0+(?=\d)", "", text)),
    ("blanks, marks or quotes", lambda text: re.sub(r"[\W_]+", "", text)),
)


def check_keys(table: Table, other: Table | None) -> None:
    """Check the patients' keys, and give both tables the same type of key."""
    both, keys = (table, other) if other is not None else (table,), {}
    for one in both:
        column = one.columns.get("patient")
        if column is None:
            if other is not None:
                expected = "is missing; both tables need it to be put together"
                if one is other and one.mapped.is_empty:
                    expected += "; in a mapping file, rename its columns below lesions:"
                one.problems.append(Problem(one.sheet.file, 1, "patient", "", expected))
            else:
                one.notes.append(f"{one.sheet.file}: there is no column patient; rows are numbered from 1")
            one.frame["patient"] = pd.array(range(1, len(one.frame) + 1), dtype="Int64").astype("string")
        else:
            absent = (column.kinds > 0)[column.codes]
            one.report("patient", absent, "expected the patient's number or pseudonym")
            gone = pa.array(words("not_reported") - {"ka"})
            gone = pc.is_in(pc.utf8_lower(column.words), gone).to_numpy(zero_copy_only=False)
            drop = "leave the row out, in a mapping: values: {patient: {…: ''}}"
            for odd, expected in (
                (gone, f"is a word for a missing value: is it a patient? If not, {drop}"),
                (matches(column.words, _NOBODY), f"seems to be made up: is it a patient? If not, {drop}"),
                (_several(column.words), "names two patients? Write a row for each"),
                (
                    matches(column.words, _SHORTENED),
                    f"looks like a long number that Excel shortened; {_AGAIN}",
                ),
                (matches(column.words, _DATE), "looks like a date that Excel made; " + _AGAIN),
            ):
                one.report("patient", (odd & (column.kinds == 0))[column.codes], expected, is_error=False)
        keys[one.title] = one.frame["patient"]
    if "patient" in table.columns:
        _check_twice(table, keys["patients"])
        if other is not None and "patient" in other.columns:
            _check_strays(table, other)
    numbered = all(not key.isna().any() and matches(pa.array(key), _NUMBERED).all() for key in keys.values())
    for one in both:
        key = one.frame.pop("patient")
        one.frame.insert(0, "patient", key.astype("int64") if numbered else key)


def _several(keys: pa.Array) -> np.ndarray:
    """Say which keys are several ones, each of a shape that single keys of the table have."""
    several = matches(keys, _SEVERAL)
    shapes = {_shape(key) for key in keys.filter(pa.array(~several)).to_pylist()} if several.any() else ()
    for at in np.flatnonzero(several):
        several[at] = all(_shape(part) in shapes for part in re.split(_BETWEEN, keys[at].as_py()))
    return several


def _shape(key: str) -> str:
    """Write a key by its kinds of characters: digits, small and capital letters, and others as they are."""
    kinds = ("0" if c.isdigit() else "A" if c.isupper() else "a" if c.isalpha() else c for c in key)
    return "".join(kind for kind, _ in groupby(kinds))


def _check_twice(table: Table, patients: pd.Series) -> None:
    again = (patients.duplicated() & patients.notna()).to_numpy()
    visits = [name for name in table.unread if re.search("visit|event|time|date|datum|besuch", name, re.I)]
    one = "expected one row a patient"
    if visits:
        line = f"columns: {{{quoted(visits[0])}: event}}, event: {OPEN}"
        one += f": keep those of one {shown(visits[0])}, in a mapping: {line}"
    is_first = ~patients.duplicated().to_numpy()
    firsts = pd.Series(np.flatnonzero(is_first), index=patients[is_first])
    said = []
    for at, first in zip(np.flatnonzero(again), firsts.reindex(patients[again]), strict=True):
        how = "" if visits else f": {_compared(table, at, first)}"
        said.append(f"stands in row {table.sheet.rows[first]} as well; {one}{how}")
    table.report("patient", again, said)
    if matches(table.columns["patient"].words, _NUMBERED).all():
        return  # plain numbers are alike only if they are the same
    plain = patients.map(_plain, na_action="ignore")
    firsts = dict(zip(plain[~plain.duplicated()], patients[~plain.duplicated()], strict=True))
    how = np.full(len(patients), "", dtype=object)
    for at in np.flatnonzero(plain.duplicated() & patients.notna() & ~patients.duplicated()):
        how[at] = _difference(patients[at], firsts[plain[at]])
    for one in dict.fromkeys(how[how != ""]):
        expected = f"differs from an earlier patient in {one} only; is it the same one?"
        table.report("patient", how == one, expected, is_error=False)


def _compared(table: Table, at: int, first: int) -> str:
    """Say in which columns two rows of a patient differ, and what to do."""
    row, earlier = (table.frame.drop(columns="patient").iloc[place] for place in (at, first))
    written = [(name, str(row[name]), str(earlier[name])) for name in row.index]  # also what is missing
    differ = [name for name, one, other in written if one != other]
    named = ", ".join(shown(table.sources.get(name, name)) for name in differ)
    return (
        f"they differ in {named}; delete the wrong one" if named else "all that is read is alike; delete one"
    )


def check_alike(table: Table) -> None:
    """Warn of patients with other keys who are alike in all values, where chance hardly makes two such."""
    values = table.frame.drop(columns=["patient", *MADE], errors="ignore")
    again = values.duplicated()
    if "patient" not in table.columns or not again.any():
        return
    n = len(values)
    by_chance = [float(((values[name].value_counts(dropna=False) / n) ** 2).sum()) for name in values]
    alike = (again & ~table.frame["patient"].duplicated()).to_numpy()
    if n * (n - 1) / 2 * np.prod(by_chance) < BY_CHANCE and alike.any():
        expected = "has all values of an earlier patient; is it the same one under another name?"
        table.report("patient", alike, expected, is_error=False)


def _check_strays(table: Table, other: Table) -> None:
    """Report lesions of nobody, and how the key differs from that of a patient, where it nearly is one."""
    patients, column = table.frame["patient"], other.columns["patient"]
    is_known = pc.is_in(column.words, pa.array(patients)).to_numpy(zero_copy_only=False) | (column.kinds > 0)
    known = {} if is_known.all() else {_plain(text): text for text in patients.dropna()}
    said = np.full(len(is_known), "", dtype=object)
    for at in np.flatnonzero(~is_known):  # each different key is looked up once
        key = column.words[at].as_py()
        same = known.get(_plain(key))
        said[at] = f"is no patient of {table.sheet.file}"
        if same is not None:
            said[at] += f"; one there differs in {_difference(key, same)} only, write it alike in both"
    for expected in dict.fromkeys(said[said != ""]):
        other.report("patient", (said == expected)[column.codes], expected)


def _plain(text: str, leave: str = "") -> str:
    """Write a key without what two programs may write differently, but for one kind of it."""
    for name, simplify in _LIKENESS:
        text = text if name == leave else simplify(text)
    return text


def _difference(one: str, other: str) -> str:
    """Name what two keys differ in that are alike when written plainly."""
    found = []
    for name, _ in _LIKENESS:
        first, second = (_plain(text, leave=name) for text in (one, other))
        found += [name] if first != second else []
    return " and ".join(found) or "its writing"
