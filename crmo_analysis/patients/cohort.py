"""A user's cohort: a table of patients, and one of lesions beside it, read and checked against the codebook.

Everything that is wrong comes at once, with file, row, column and value. A message never shows another value
of a patient than the one it is about.
"""

import difflib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from crmo_analysis import files
from crmo_analysis.files import InputError, neutral
from crmo_analysis.patients import checks, redcap
from crmo_analysis.patients.cells import read_column
from crmo_analysis.patients.checks import MADE, Table
from crmo_analysis.patients.mapping import OWN, Mapped, hint, near, read_mapping
from crmo_analysis.patients.spreadsheet import Problem, Sheet, read_sheet, refuse, shown
from crmo_analysis.study import Codebook, Variable, read_codebook, read_section

FEW = 10  # patients below which a regression says next to nothing


@dataclass(frozen=True, eq=False)
class Cohort:
    """A table of patients, what was found wrong with it, and what was done to it.

    Attributes
    ----------
    file : str
    patients : DataFrame
        One row a patient: `patient`, variables in the codebook's order with pandas' nullable types, and
        `reconstructed` or `simulated` where the file has them. Values in error are missing.
    lesions : DataFrame or None
        One row a lesion: `patient` and variables of the codebook's `lesions`.
    problems : tuple of Problem
    notes : tuple of str
        What was renamed, converted, left out or derived.
    missing : DataFrame
        One row a column of a file: `table, variable, n`, how many cells are `empty`, and how many hold each
        code for a missing value.
    kinds, lesion_kinds : DataFrame
        For columns with such codes, which one a cell holds.
    is_reconstructed : bool
        Whether no real patient stands behind the rows.
    """

    file: str
    patients: pd.DataFrame
    lesions: pd.DataFrame | None
    problems: tuple[Problem, ...]
    notes: tuple[str, ...]
    missing: pd.DataFrame
    kinds: pd.DataFrame
    lesion_kinds: pd.DataFrame
    is_reconstructed: bool = False

    @property
    def errors(self) -> tuple[Problem, ...]:
        """Problems that forbid an analysis."""
        return tuple(problem for problem in self.problems if problem.is_error)

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """Problems that a person should look at."""
        return tuple(problem for problem in self.problems if not problem.is_error)


def read_cohort(
    path: Path | str,
    mapping: Path | str | None = None,
    codebook: Codebook | None = None,
    lesions: Path | str | None = None,
) -> Cohort:
    """Read a table of patients and check all of it.

    Parameters
    ----------
    path : Path or str
        CSV, Excel or Parquet; an export of REDCap is recognised by its columns. A workbook may have a sheet
        `lesions` as well.
    mapping : Path or str, optional
        A file as `mapping.read_mapping` describes it.
    codebook : mapping of str to Variable, optional
        The patients' variables, the project's unless given.
    lesions : Path or str, optional
        A table with one row a lesion.

    Returns
    -------
    Cohort
        With every problem; `require_sound` refuses one with errors.

    Raises
    ------
    InputError
        If there is no table to read, or the mapping file is wrong.
    """
    given = read_codebook() if codebook is None else codebook
    codebook = {name: variable for name, variable in given.items() if variable.level == "patient"}
    of_lesions, codes = read_codebook(section="lesions"), read_section("missing")
    mapped, mapped_lesions = read_mapping(mapping, codebook, of_lesions) if mapping else (Mapped(), Mapped())
    known = {name.casefold() for name in (*OWN, *codebook, *mapped.columns)}
    sheet = read_sheet(path, known)
    known = {name.casefold() for name in ("patient", *of_lesions, *mapped_lesions.columns)}
    beside = None if lesions is None else read_sheet(lesions, known, "lesions")
    if beside is None and str(path).lower().endswith(".xlsx"):
        beside = read_sheet(path, known, "lesions", optional=True)
    if redcap.is_export(sheet):
        sheet, exported = redcap.split_export(sheet, codebook, of_lesions, codes)
        beside = exported if beside is None else beside
    table = _read_table(sheet, "patients", codebook, mapped, codes)
    other = None if beside is None else _read_table(beside, "lesions", of_lesions, mapped_lesions, codes)
    tables = [table] if other is None else [table, other]
    if other is None and not mapped_lesions.is_empty:
        table.notes.append(f"{mapped_lesions.file}: lesions: there is no such table; give it with --lesions")
    for one in tables:
        is_first = one is table
        checks.check_units(
            one, codebook if is_first else of_lesions, (mapped if is_first else mapped_lesions).units
        )
    how = "; in a mapping file, rename its columns below lesions:" if mapped_lesions.is_empty else ""
    checks.check_keys(table, other, how)
    if other is not None:
        checks.add_lesions(table, other, codebook)
    checks.check_times(table, codebook)
    checks.check_counts(table, codebook)
    checks.check_rules(table)
    made = [table.frame[name].fillna(False).any() for name in MADE if name in table.frame]
    return Cohort(
        file=str(path),
        patients=table.frame,
        lesions=None if other is None else other.frame,
        problems=tuple(problem for one in tables for problem in one.problems),
        notes=tuple(note for one in tables for note in one.notes),
        missing=pd.DataFrame([row for one in tables for row in _count_missing(one, codes)]),
        kinds=_kinds(table, codes),
        lesion_kinds=_kinds(other, codes) if other is not None else pd.DataFrame(),
        is_reconstructed=any(made),
    )


def require_sound(cohort: Cohort) -> Cohort:
    """Return a cohort that can be analysed.

    Raises
    ------
    InputError
        Listing every error, if there is one.
    """
    if cohort.errors:
        raise InputError(*cohort.errors)
    return cohort


def thin(cohort: Cohort) -> tuple[Problem, ...]:
    """Warn of what is sound and still cannot be analysed: empty and constant columns, very few patients.

    Returns
    -------
    tuple of Problem
        None of them an error or one of `cohort.problems`: what cannot be analysed can still be described.
    """
    n, said = len(cohort.patients), []
    for one, title, table in (
        ("patient", "patients", cohort.patients),
        ("lesion", "lesions", cohort.lesions),
    ):
        counts = _missing_cells(cohort, title)
        empty = [name for name, count in counts.items() if count == len(table) == table[name].isna().sum()]
        said += [f"no {one} has a value of {', '.join(empty)}"] if empty else []
    constant = [
        name
        for name, count in _missing_cells(cohort, "patients").items()
        if _is_constant(cohort.patients[name], count)
    ]
    if constant:
        said.append(
            f"all patients with a value have the same one: {', '.join(constant)}; nothing can go with it"
        )
    if n < FEW:
        patients = "1 patient is" if n == 1 else f"{n} patients are"
        said.append(f"{patients} too few for a regression of an outcome; a description is what they allow")
    return tuple(Problem(cohort.file, None, "", "", text, is_error=False) for text in said)


def missing_lines(cohort: Cohort) -> list[str]:
    """Say of every variable of a cohort how many values are missing, fewest first, one line a number.

    Values that were derived from lesions are not missing; those in error are.
    """
    lines = []
    for title, table in (("patients", cohort.patients), ("lesions", cohort.lesions)):
        names: dict[int, list[str]] = {}
        for name in () if table is None else table.columns.difference(OWN, sort=False):
            names.setdefault(int(table[name].isna().sum()), []).append(name)
        lines += [
            f"missing in {count} of {len(table)} {title}: {', '.join(names[count])}"
            for count in sorted(names)
        ]
    return lines


def _missing_cells(cohort: Cohort, title: str) -> dict[str, int]:
    """Return how many cells of a file's columns are empty or hold a code for a missing value."""
    rows = cohort.missing[cohort.missing["table"] == title].set_index("variable")
    counts = rows.drop(columns=["table", "n"]).sum(axis=1)
    return {name: int(count) for name, count in counts.items() if name not in OWN}


def _is_constant(values: pd.Series, n_missing: int) -> bool:
    """Say whether two values or more are all the same, in a column without errors."""
    given = values.dropna()
    has_errors = len(values) - len(given) > n_missing
    return len(given) >= 2 and not has_errors and bool((given == given.iloc[0]).all())


# ---- one table ---------------------------------------------------------------------------------------------


def _read_table(
    sheet: Sheet, title: str, codebook: Codebook, mapped: Mapped, codes: Mapping[str, str]
) -> Table:
    table = Table(sheet, title, problems=list(sheet.problems), notes=list(sheet.notes))
    if not len(sheet.rows):
        raise InputError(*(sheet.problems or [Problem(sheet.file, None, "", "", f"has no row of {title}")]))
    columns = _named(table, codebook, mapped)
    values, read_so = {}, {}
    variables = {"patient": Variable("patient", "Patient", "text"), **codebook, **MADE}
    for name, variable in variables.items():
        if name not in columns:
            continue
        recode = mapped.meanings.get(name, {})
        column = read_column(columns[name], variable, codes, recode, mapped.units.get(name, 1.0))
        table.columns[name] = column
        words = column.words.to_pylist() if recode else []
        recoded = np.array([word in recode for word in words] or [False] * len(column.words), dtype=bool)
        for messages, is_error in ((column.errors, True), (column.doubts, False)):
            for message in dict.fromkeys(messages[(messages != "") & ~recoded]):
                table.report(name, ((messages == message) & ~recoded)[column.codes], message, is_error)
            for place in np.flatnonzero((messages != "") & recoded):
                table.problems.append(
                    _wrong_meaning(table, mapped, name, words[place], messages[place], is_error)
                )
        for note in column.notes:
            read_so.setdefault(note, []).append(shown(table.sources[name]))
        unused = [f"'{shown(text)}'" for text in sorted(set(recode) - set(words))]
        if unused:
            column_place = f"{sheet.file}: column {shown(table.sources[name])}"
            table.notes.append(
                f"{column_place} has no value {', '.join(unused)}, which the mapping file changes"
            )
        values[name] = column.parsed.take(column.codes)
    table.notes += [f"{sheet.file}: {note}: {', '.join(names)}" for note, names in read_so.items()]
    table.frame = pd.DataFrame(values, index=pd.RangeIndex(len(sheet.rows)))
    return table


def _wrong_meaning(
    table: Table, mapped: Mapped, name: str, word: str, expected: str, is_error: bool
) -> Problem:
    """Return the problem of what a mapping file gives a text to mean; the cells are not to blame."""
    section = "lesions, values" if table.title == "lesions" else "values"
    changed = f"{section}, {shown(table.sources[name])}: '{shown(word)}' becomes"
    return Problem(
        mapped.file, None, "", "", f"{changed} '{shown(mapped.meanings[name][word])}': {expected}", is_error
    )


def _named(table: Table, codebook: Codebook, mapped: Mapped) -> dict[str, pa.ChunkedArray]:
    """Give columns their names in the codebook; say what is renamed, unknown, twice there or not there."""
    sheet, found, renamed, ignored, unknown = table.sheet, {}, [], [], []
    small = {name.casefold(): name for name in (*OWN, *codebook)}
    present = {
        *sheet.names,
        *(name for name, target in mapped.columns.items() if target in OWN and target in sheet.names),
    }
    for absent in sorted((set(mapped.columns) | mapped.ignore) - present):
        close = "".join(difflib.get_close_matches(absent, sheet.names[:1000], n=1))
        expected = f"{shown(absent)}: {sheet.file} has no such column{hint(close)}"
        table.problems.append(Problem(mapped.file, None, "", "", expected))
    for source, column in zip(sheet.names, sheet.columns, strict=True):
        if source in mapped.ignore:
            ignored.append(shown(source))
            continue
        name = mapped.columns.get(source) or small.get(source.casefold())
        if name is None:
            unknown.append(source)
        elif name in found:
            expected = f"is the same variable as column {shown(table.sources[name])}; keep one of the two"
            table.problems.append(Problem(sheet.file, 1, source, "", expected))
        else:
            found[name], table.sources[name] = column, source
            if source != name:
                renamed.append(f"{shown(source)} → {name}")
    twice = [name for name, count in Counter(unknown).items() if count > 1]
    table.problems += [Problem(sheet.file, 1, name, "", "stands twice in the header") for name in twice]
    if renamed:
        table.notes.append(f"{sheet.file}: read as: {', '.join(renamed)}")
    if ignored:
        table.notes.append(f"{sheet.file}: left out, as the mapping file says: {', '.join(ignored)}")
    if unknown:
        table.notes.append(f"{sheet.file}: not in the codebook and left out: {_listed(unknown, codebook)}")
    if set(found) <= {*OWN}:
        table.problems.append(Problem(sheet.file, 1, "", "", _nothing_known(table)))
    return found


def _nothing_known(table: Table) -> str:
    expected = "no column is a variable of the codebook; a mapping file can rename columns"
    if table.title == "lesions":
        expected = "no column is a variable of lesions; a mapping file can rename columns below lesions:"
    if ", sheet " in table.sheet.file:
        expected += f". Of a workbook, the sheet named '{table.title}' is read"
    return expected


def _listed(unknown: list[str], codebook: Codebook) -> str:
    texts = []
    for name in unknown[:20]:
        close = near(name, codebook)
        texts.append(f"{shown(name)} (is {close} meant?)" if close else shown(name))
    return ", ".join(texts) + (f" and {len(unknown) - 20} more" if len(unknown) > 20 else "")


def _count_missing(table: Table, codes: Mapping[str, str]) -> list[dict]:
    names, rows = ("empty", *codes), []
    for name, column in table.columns.items():
        counts = np.bincount(column.kinds[column.codes], minlength=len(names) + 1)
        found = dict(zip(names, counts[1:].tolist(), strict=True))
        rows.append({"table": table.title, "variable": name, "n": len(column.codes), **found})
    return rows


def _kinds(table: Table, codes: Mapping[str, str]) -> pd.DataFrame:
    """Say for each cell of a column that has codes for missing values which one it holds."""
    coded = {
        name: column.kinds[column.codes].astype(np.int8) - 2
        for name, column in table.columns.items()
        if (column.kinds > 1).any()
    }
    columns = {
        name: pd.Categorical.from_codes(np.maximum(kinds, -1), list(codes)) for name, kinds in coded.items()
    }
    return pd.DataFrame(columns, index=table.frame.index)


# ---- writing -----------------------------------------------------------------------------------------------


def write_cohort(table: pd.DataFrame, path: Path | str, kinds: pd.DataFrame | None = None) -> Path:
    """Write a table of patients, or of lesions, as `read_cohort` reads it.

    Parameters
    ----------
    table : DataFrame
        As in a `Cohort`, or reconstructed.
    path : Path or str
        A .csv file; UTF-8, cells separated by commas, yes and no, missing cells empty.
    kinds : DataFrame, optional
        Which code for a missing value a cell holds, as in a `Cohort`.

    Returns
    -------
    Path
        Of the file.
    """
    path = Path(path)
    if path.suffix.lower() != ".csv":
        raise refuse(path, "expected a path that ends in .csv")
    codes, written = read_section("missing"), {}
    for name in table:
        column = table[name]
        if pd.api.types.is_bool_dtype(column):
            column = column.map({True: "yes", False: "no"})
        elif pd.api.types.is_datetime64_any_dtype(column):
            column = column.dt.strftime("%Y-%m-%d")
        if kinds is not None and name in kinds:
            code = kinds[name].astype(object).map(codes)
            column = column.astype(object).where(column.notna() | code.isna(), code)
        is_text = not pd.api.types.is_numeric_dtype(column)
        written[name] = column.map(neutral, na_action="ignore") if is_text else column
    text = pd.DataFrame(written, index=table.index).to_csv(index=False, lineterminator="\n")
    files.write_text_atomically(path, text)
    return path
