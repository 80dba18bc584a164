"""Files of patients as cohorts: one's own, and those that the project ships."""

import pandas as pd

from crmo_analysis import files
from crmo_analysis.face.cohorts import OWN, SMALLEST, Cohort
from crmo_analysis.files import InputError
from crmo_analysis.patients import account, made, require_sound
from crmo_analysis.patients import read_cohort as read_file
from crmo_analysis.study import read_study


def read_cohort(path, map=None, lesions=None, hide_below: int = SMALLEST) -> Cohort:
    """Read a table of one's own patients, and check all of it against the codebook.

    Parameters
    ----------
    path : str or Path
        CSV, Excel, Parquet or an export of REDCap; one row a patient.
    map : str or Path, optional
        YAML that renames and recodes columns.
    lesions : str or Path, optional
        A table with one row a lesion.
    hide_below : int
        Findings of fewer patients, and single patients, stay hidden in every result; 0 shows all, and the
        results then identify patients.

    Raises
    ------
    InputError
        If the file has errors. With hiding on they are counted, not listed, as they repeat values.
    """
    if isinstance(path, pd.DataFrame):
        raise InputError("a table needs no reading: relate, compare and others take it as it is")
    if not isinstance(hide_below, int) or hide_below < 0 or hide_below == 1:
        raise InputError(f"hide_below is {hide_below!r}, expected 2 or more, or 0 to show single patients")
    return _taken(read_file(path, map or None, lesions=lesions or None), hide_below)


def _taken(read, hide_below: int = 0) -> Cohort:
    """Take a file that was read for a cohort."""
    require_sound(read, hides=bool(hide_below))
    source = made(read.patients) or OWN
    problems = (*read.warnings, *(account.thin(read) if source == OWN else ()))
    few = hide_below if source == OWN else 0
    about = tuple(read.notes), problems, read.lesions, read.scans, read.doubted
    return Cohort(read.patients, source, few, *about)


def read_shipped(study: str) -> Cohort:
    """Read the cohort that the project ships for a study, made from its numbers, with its own variables."""
    return _taken(read_file(files.COHORTS / f"{study}.csv", codebook=read_study(study).codebook))
