"""A user's cohort: a table of patients, and one of lesions beside it, read and checked against the codebook.

Everything that is wrong comes at once, with file, row, column and value. A message never shows another value of a
patient than the one it is about.
"""

import difflib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from crmo_analysis import checks, paths, redcap
from crmo_analysis.cells import read_column
from crmo_analysis.checks import MADE, Table
from crmo_analysis.codebook import Codebook, Variable, read_codebook, read_section
from crmo_analysis.mapping import OWN, Mapped, read_mapping
from crmo_analysis.spreadsheet import CohortError, Problem, Sheet, read_sheet, refuse, shown


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
        One row a column of a file: `table, variable, n`, how many cells are `empty`, and how many hold each code
        for a missing value.
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
    CohortError
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
    if other is None and mapped_lesions != Mapped(mapped_lesions.file):
        table.notes.append(f"{mapped_lesions.file}: lesions: there is no table of lesions")
    for one in tables:
        is_first = one is table
        checks.check_units(one, codebook if is_first else of_lesions, (mapped if is_first else mapped_lesions).units)
    checks.check_keys(table, other)
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
    CohortError
        Listing every error, if there is one.
    """
    if cohort.errors:
        raise CohortError(cohort.errors)
    return cohort


# ---- one table ---------------------------------------------------------------------------------------------------


def _read_table(sheet: Sheet, title: str, codebook: Codebook, mapped: Mapped, codes: Mapping[str, str]) -> Table:
    table = Table(sheet, title, problems=list(sheet.problems), notes=list(sheet.notes))
    if not len(sheet.rows):
        raise CohortError(sheet.problems or [Problem(sheet.file, None, "", "", f"has no row of {title}")])
    columns = _named(table, codebook, mapped)
    values = {}
    variables = {"patient": Variable("patient", "Patient", "text"), **codebook, **MADE}
    for name, variable in variables.items():
        if name not in columns:
            continue
        recode = mapped.meanings.get(name, {})
        column = read_column(columns[name], variable, codes, recode, mapped.units.get(name, 1.0))
        table.columns[name] = column
        for messages, is_error in ((column.errors, True), (column.doubts, False)):
            for message in dict.fromkeys(messages[messages != ""]):
                table.report(name, (messages == message)[column.codes], message, is_error)
        place = f"{sheet.file}: column {shown(table.sources[name])}"
        table.notes += [f"{place} is {note}" for note in column.notes]
        unused = sorted(set(recode) - set(column.words.to_pylist())) if recode else []
        table.notes += [f"{place} has no value '{shown(text)}', which the mapping file changes" for text in unused]
        values[name] = column.parsed.take(column.codes)
    table.frame = pd.DataFrame(values, index=pd.RangeIndex(len(sheet.rows)))
    return table


def _named(table: Table, codebook: Codebook, mapped: Mapped) -> dict[str, pa.ChunkedArray]:
    """Give columns their names in the codebook; say what is renamed, unknown, twice there or not there."""
    sheet, found, unknown = table.sheet, {}, []
    small = {name.casefold(): name for name in (*OWN, *codebook)}
    present = {
        *sheet.names,
        *(name for name, target in mapped.columns.items() if target in OWN and target in sheet.names),
    }
    for absent in sorted((set(mapped.columns) | mapped.ignore) - present):
        near = difflib.get_close_matches(absent, sheet.names[:1000], n=1)
        hint = f"; is '{shown(near[0])}' meant?" if near else ""
        table.problems.append(
            Problem(mapped.file, None, "", "", f"{shown(absent)}: {sheet.file} has no such column{hint}")
        )
    for source, column in zip(sheet.names, sheet.columns, strict=True):
        if source in mapped.ignore:
            table.notes.append(f"{sheet.file}: column {shown(source)} is left out, as the mapping file says")
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
                table.notes.append(f"{sheet.file}: column {shown(source)} is read as {name}")
    twice = [name for name, count in Counter(unknown).items() if count > 1]
    table.problems += [Problem(sheet.file, 1, name, "", "stands twice in the header") for name in twice]
    if unknown:
        table.notes.append(f"{sheet.file}: not in the codebook and left out: {_listed(unknown, small)}")
    if set(found) <= {*OWN}:
        expected = "no column is a variable of the codebook; a mapping file can rename columns"
        table.problems.append(Problem(sheet.file, 1, "", "", expected))
    return found


def _listed(unknown: list[str], small: Mapping[str, str]) -> str:
    texts = []
    for name in unknown[:20]:
        near = difflib.get_close_matches(name.casefold()[:60], small, n=1, cutoff=0.75)
        texts.append(f"{shown(name)} (is {small[near[0]]} meant?)" if near else shown(name))
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
    columns = {name: pd.Categorical.from_codes(np.maximum(kinds, -1), list(codes)) for name, kinds in coded.items()}
    return pd.DataFrame(columns, index=table.frame.index)


# ---- writing -----------------------------------------------------------------------------------------------------


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
        written[name] = column
    text = pd.DataFrame(written, index=table.index).to_csv(index=False, lineterminator="\n")
    paths.write_text_atomically(path, text)
    return path
