"""A user's cohort: a table of patients, and one of lesions beside it, read and checked against the codebook.

Everything that is wrong comes at once, with file, row, column and value. A message never shows another value
of a patient than the one it is about.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pandas as pd

from crmo_analysis.files import InputError
from crmo_analysis.patients import checks, doubts, keys, redcap_export
from crmo_analysis.patients import lesions as of_lesions
from crmo_analysis.patients.mapping import Mapped, read_mapping
from crmo_analysis.patients.problems import Problem, counted
from crmo_analysis.patients.spreadsheet import Sheet, read_sheet
from crmo_analysis.patients.table import MADE, Table, kinds_of, made, read_table
from crmo_analysis.study import Codebook, read_codebook, read_section


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
    scans : DataFrame or None
        One row an MRI with a date, of which `lesions` has one a patient: `patient, mri_date, n_lesions`.
    problems : tuple of Problem
    notes : tuple of str
        What was renamed, converted, left out or derived.
    missing : mapping of (str, str) to int
        How many cells are empty or hold a code for a missing value, by table and variable.
    kinds, lesion_kinds : DataFrame
        For columns with such codes, which one a cell holds.
    is_reconstructed : bool
        Whether no real patient stands behind the rows.
    columns : mapping of (str, str) to str
        The column of the file that a table's variable was read from, by table and variable.
    """

    file: str
    patients: pd.DataFrame
    lesions: pd.DataFrame | None
    problems: tuple[Problem, ...]
    notes: tuple[str, ...]
    missing: Mapping[tuple[str, str], int]
    kinds: pd.DataFrame
    lesion_kinds: pd.DataFrame
    is_reconstructed: bool = False
    columns: Mapping[tuple[str, str], str] = field(default_factory=dict)
    scans: pd.DataFrame | None = None

    @property
    def errors(self) -> tuple[Problem, ...]:
        """Problems that forbid an analysis."""
        return tuple(problem for problem in self.problems if problem.is_error)

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """Problems that a person should look at."""
        return tuple(problem for problem in self.problems if not problem.is_error)

    @property
    def doubted(self) -> tuple[str, ...]:
        """Variables of patients, from columns that a warning is about."""
        warned = {problem.column for problem in self.warnings}
        named = ((name, column) for (title, name), column in self.columns.items() if title == "patients")
        return tuple(name for name, column in named if name in self.patients and column in warned)


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
    lesion_codebook, codes = read_codebook(section="lesions"), read_section("missing")
    books = codebook, lesion_codebook
    maps = read_mapping(mapping, *books) if mapping else (Mapped(), Mapped())
    sheet, beside = sheets_of(path, lesions, books, maps, codes)
    table = read_table(sheet, "patients", codebook, maps[0], codes)
    other = None
    if beside is not None:
        beside = of_lesions.without_empty(beside, lesion_codebook, maps[1])
        if len(beside.rows) or any(problem.is_error for problem in beside.problems):
            beside, mapped = of_lesions.of_one_side(beside, lesion_codebook, maps[1])
            other = read_table(beside, "lesions", lesion_codebook, mapped, codes)
        else:
            table.problems += beside.problems
    elif not maps[1].is_empty:
        table.notes.append(f"{maps[1].file}: lesions: there is no such table; give it with --lesions")
    scans = None if other is None else _scans(other.frame)
    _check(table, other, books)
    return replace(_cohort(path, [table] if other is None else [table, other], codes), scans=scans)


def _scans(lesions: pd.DataFrame) -> pd.DataFrame | None:
    """Count the lesions of every MRI with a date, before one of each patient is chosen."""
    if not {"patient", "mri_date"} <= set(lesions):
        return None
    return lesions.groupby(["patient", "mri_date"]).size().rename("n_lesions").reset_index()


def _cohort(path: Path | str, tables: list[Table], codes: Mapping[str, str]) -> Cohort:
    table, other = (*tables, None)[:2]
    made = [table.frame[name].fillna(False).any() for name in MADE if name in table.frame]
    of_lesion = pd.DataFrame() if other is None else kinds_of(other, codes).loc[other.frame.index]
    return Cohort(
        file=str(path),
        patients=table.frame,
        lesions=None if other is None else other.frame.reset_index(drop=True),
        problems=tuple(problem for one in tables for problem in one.problems),
        notes=tuple(note for one in tables for note in one.notes),
        missing={
            (one.title, name): int((column.kinds > 0)[column.codes].sum())
            for one in tables
            for name, column in one.columns.items()
        },
        kinds=kinds_of(table, codes),
        lesion_kinds=of_lesion.reset_index(drop=True),
        is_reconstructed=any(made),
        columns={(one.title, name): source for one in tables for name, source in one.sources.items()},
    )


def sheets_of(path, lesions, books, maps, codes) -> tuple[Sheet, Sheet | None]:
    """Read the table of patients as text, and that of lesions where there is one."""
    codebook, lesion_codebook = books
    known = {name.casefold() for name in (*codebook, "patient", *MADE)} | maps[0].names
    sheet = read_sheet(path, known, "patients", maps[0].settings.get("sheet", ""))
    known = {name.casefold() for name in ("patient", *lesion_codebook)} | maps[1].names
    wanted = maps[1].settings.get("sheet", "")
    beside = None if lesions is None else read_sheet(lesions, known, "lesions", wanted)
    if beside is None and str(path).lower().endswith((".xlsx", ".xlsm")):
        beside = read_sheet(path, known, "lesions", wanted, optional=True)
    if redcap_export.is_export(sheet):
        sheet, exported = redcap_export.split_export(sheet, books, maps, codes)
        beside = exported if beside is None else beside
    elif "dictionary" in maps[0].settings:
        raise InputError(f"{maps[0].file}: dictionary: {path} is no export of REDCap by its columns")
    return sheet, beside


def _check(table: Table, other: Table | None, books: tuple[Codebook, Codebook]) -> None:
    codebook, lesion_codebook = books
    doubts.check_columns(table, codebook)
    if other is not None:
        doubts.check_columns(other, lesion_codebook)
    keys.check_keys(table, other)
    if other is not None:
        of_lesions.add_lesions(table, other, codebook)
    keys.check_alike(table)
    checks.check_last_row(table)
    checks.check_times(table, codebook)
    checks.check_counts(table, codebook)
    checks.check_rules(table)


def require_sound(cohort: Cohort, hides: bool = False) -> Cohort:
    """Return a cohort that can be analysed.

    Raises
    ------
    InputError
        Listing every error, if there is one; where small counts are hidden, their number alone, as errors
        repeat values.
    """
    if cohort.errors and hides and not made(cohort.patients):
        count = counted(len(cohort.errors), "error")
        what = "run crmo validate with the same files: it says where each is, and what to do"
        raise InputError(f"{Path(cohort.file).name} cannot be analysed: {count}; {what}")
    if cohort.errors:
        raise InputError(*cohort.errors)
    return cohort
