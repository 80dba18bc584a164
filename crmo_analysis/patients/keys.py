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
_NEARLY = "but for capital letters, leading zeros, blanks, marks or a '.0' at the end"


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
    firsts = pd.Series(table.sheet.rows, index=patients)[~patients.duplicated().to_numpy()]
    said = [f"stands in row {row} as well; {one}" for row in firsts.reindex(patients[again])]
    table.report("patient", again, said)
    if matches(table.columns["patient"].words, _NUMBERED).all():
        return  # plain numbers are alike only if they are the same
    nearly = (patients.map(_plain, na_action="ignore").duplicated() & patients.notna()).to_numpy() & ~again
    expected = f"is the same as an earlier patient {_NEARLY}; is it the same one?"
    table.report("patient", nearly, expected, is_error=False)


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
    """Report lesions of nobody, and whether the key nearly is a patient's."""
    patients, column = table.frame["patient"], other.columns["patient"]
    is_known = pc.is_in(column.words, pa.array(patients)).to_numpy(zero_copy_only=False) | (column.kinds > 0)
    strange = np.flatnonzero(~is_known)
    plain = {_plain(text) for text in patients.dropna()} if len(strange) else set()
    is_near = np.zeros(len(is_known), dtype=bool)
    is_near[strange] = [_plain(column.words[at].as_py()) in plain for at in strange]
    gone, near = (
        f"is no patient of {table.sheet.file}",
        f"; one there is the same {_NEARLY}: write it alike in both",
    )
    other.report("patient", (~is_known & ~is_near)[column.codes], gone)
    other.report("patient", is_near[column.codes], gone + near)


def _plain(text: str) -> str:
    """Write a key without what two programs may write differently."""
    for pattern in (r"[.,]0+$", r"(?<!\d)0+(?=\d)", r"[\W_]+"):
        text = re.sub(pattern, "", text)
    return text.casefold()
