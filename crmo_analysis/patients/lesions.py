"""What a table of lesions says of each patient."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from crmo_analysis.patients.mapping import Mapped
from crmo_analysis.patients.problems import Problem, counted, listed, shown, warning
from crmo_analysis.patients.sheet import Sheet
from crmo_analysis.patients.table import MADE, WHOSE, Table, names_of
from crmo_analysis.study import Codebook, read_section

PERIPHERAL = ("n_upper_extremity_lesions", "n_lower_extremity_lesions")
OF_ANY = {
    "periosteal": "periosteal_reaction",
    "expansion": "bone_expansion",
    "collapse": "vertebral_collapse",
}


def derive(
    lesions: pd.DataFrame, patients: pd.Series, codebook: Codebook, bones: Mapping[str, Mapping]
) -> pd.DataFrame:
    """Count and sum up lesions of each patient.

    A patient without a row in the table has missing values, not zeros: nobody says that lesions were looked
    for. A count of a region is missing as well where the bone of one of the patient's lesions is.

    Parameters
    ----------
    lesions : DataFrame
        One row a lesion: `patient` and variables of the codebook's `lesions`, any but `patient` may be
        absent.
    patients : Series
        The patients, each once; lesions of others are left out.
    codebook : mapping of str to Variable
        The patients' variables; nothing else is derived.
    bones : mapping of str to mapping
        For each bone `counted_in` and `involves`, from the codebook.

    Returns
    -------
    DataFrame
        One row a patient in the order of `patients`, with pandas' nullable types.
    """
    row = pd.Index(patients).get_indexer(lesions["patient"])
    lesions, row = lesions[row >= 0], row[row >= 0]
    at = _Rows(row, len(patients))
    total = at.count(np.ones(len(row), dtype=bool))
    derived = {"n_lesions": at.number(total), "multifocal": at.holds(total > 1)}
    bone = None
    if "bone" in lesions:
        bone = pd.Index(list(bones)).get_indexer(lesions["bone"])  # its place; -1 where it is missing
        derived |= _of_bones(bone, at, bones)
        if "side" in lesions:
            side = pd.Index(["left", "right", "midline"]).get_indexer(lesions["side"])
            derived["symmetric_lesions"] = at.holds(*_symmetric(row, bone, side, at))
    if "signal" in lesions:
        derived["signal_sum"] = at.number(*_sum(lesions["signal"], at))
    if "size" in lesions:
        values, unknown = _sum(lesions["size"], at)
        largest = np.zeros(at.n)
        np.maximum.at(largest, row, lesions["size"].fillna(0).to_numpy(dtype=float))
        derived["size_sum"] = at.number(values, unknown, "Float64")
        derived["largest_lesion"] = at.number(largest, unknown, "Float64")
    for name, of_patient in OF_ANY.items():
        if name in lesions:
            left_open = lesions[name].isna().to_numpy()
            if name == "collapse" and bone is not None:  # only a vertebra can collapse
                left_open = left_open & ((bone < 0) | np.isin(bone, _bones_by(bones, "involves")["vertebra"]))
            has = lesions[name].fillna(False).to_numpy(dtype=bool)
            derived[of_patient] = at.holds(at.count(has) > 0, at.count(left_open) > 0)
    table = {name: derived[name].set_axis(patients.index) for name in codebook if name in derived}
    return pd.DataFrame(table, index=patients.index)


@dataclass(frozen=True)
class _Rows:
    """To which of n patients each lesion belongs."""

    row: np.ndarray
    n: int

    def count(self, which: np.ndarray) -> np.ndarray:
        """Count each patient's lesions that are meant."""
        return np.bincount(self.row[which], minlength=self.n)

    def number(self, values: np.ndarray, unknown=False, dtype: str = "Int64") -> pd.Series:
        """Return a number for each patient with a lesion of whom it is known."""
        has_rows = np.bincount(self.row, minlength=self.n) > 0
        return pd.Series(values).astype(dtype).mask(unknown | ~has_rows)

    def holds(self, values: np.ndarray, unknown=False) -> pd.Series:
        """Return yes or no for each patient with a lesion; what one shows holds whatever others lack."""
        has_rows = np.bincount(self.row, minlength=self.n) > 0
        return pd.Series(values).astype("boolean").mask((unknown & ~values) | ~has_rows)


def _of_bones(bone: np.ndarray, at: _Rows, bones: Mapping[str, Mapping]) -> dict[str, pd.Series]:
    unknown = at.count(bone < 0) > 0
    by_region = _bones_by(bones, "counted_in")
    regions = {name: at.count(np.isin(bone, among)) for name, among in by_region.items()}
    derived = {name: at.number(found, unknown) for name, found in regions.items()}
    derived["n_regions"] = at.number(sum((found > 0).astype(int) for found in regions.values()), unknown)
    derived["n_peripheral_lesions"] = at.number(sum(regions[name] for name in PERIPHERAL), unknown)
    for name, among in _bones_by(bones, "involves").items():
        derived[name] = at.holds(at.count(np.isin(bone, among)) > 0, unknown)
    return derived


def _sum(values: pd.Series, at: _Rows) -> tuple[np.ndarray, np.ndarray]:
    """Add up over each patient's lesions; return for whom a value is missing, too."""
    added = np.bincount(at.row, weights=values.fillna(0).to_numpy(dtype=float), minlength=at.n)
    return np.round(added, 6), at.count(values.isna().to_numpy()) > 0


def _bones_by(bones: Mapping[str, Mapping], field: str) -> dict[str, list[int]]:
    """Return, for each of the patients' variables in a field, the places of the bones that have it there."""
    found: dict[str, list[int]] = {}
    for place, fields in enumerate(bones.values()):
        names = fields.get(field, [])
        for name in [names] if isinstance(names, str) else names:
            found.setdefault(name, []).append(place)
    return found


def _symmetric(
    row: np.ndarray, bone: np.ndarray, side: np.ndarray, at: _Rows
) -> tuple[np.ndarray, np.ndarray]:
    """Say who has a lesion of the same bone on both sides, and for whom a bone or a side is missing."""
    known = (bone >= 0) & (side >= 0)
    found = pd.DataFrame({"row": row, "bone": bone, "side": side})[known & (side <= 1)]
    sides = found.drop_duplicates().groupby(["row", "bone"]).size()
    both = sides[sides == 2].index.get_level_values("row").to_numpy(dtype=int)
    return np.bincount(both, minlength=at.n) > 0, at.count(~known) > 0


# ---- the two tables together -------------------------------------------------------------------------------


def add_lesions(table: Table, other: Table, codebook: Codebook) -> None:
    """Derive variables of patients from their lesions.

    Fill those that are not given, report those that differ.
    """
    if (
        not {"patient"} <= set(table.columns) & set(other.columns)
        or table.frame["patient"].duplicated().any()
    ):
        return
    _ask_about_counts(other)
    other.frame = _of_one_scan(other)
    derived = derive(other.frame, table.frame["patient"], codebook, read_section("bones"))
    filled = []
    for name in derived:
        found = derived[name]
        if name not in table.frame:
            table.frame[name] = found
            filled.append(name)
            continue
        given, column = table.frame[name], table.columns[name]
        if codebook[name].is_numeric:
            differs = (given - found).abs() > 0.5 * float(codebook[name].step or 1)
        else:
            differs = given ^ found
        expected = f"is not what {other.sheet.file} gives for the patient"
        table.report(name, differs.fillna(False).to_numpy(dtype=bool), expected)
        empty = (column.kinds == 1)[column.codes]
        if (found.notna() & empty).any():
            table.frame[name] = given.where(~empty, found)
            filled.append(name)
    without = int((~table.frame["patient"].isin(other.frame["patient"])).sum())
    table.frame = table.frame[[name for name in (*WHOSE, *codebook, *MADE) if name in table.frame]]
    if filled:
        table.notes.append(
            f"{other.sheet.file}: derived from the lesions where not given: {', '.join(filled)}"
        )
    if without:
        table.notes.append(
            f"{other.sheet.file}: patients without a row, for whom nothing is derived: {without}"
        )


def without_empty(sheet: Sheet, codebook: Codebook, mapped: Mapped) -> Sheet:
    """Leave out rows in which nothing is said of a lesion: a form that was opened and left empty is none."""
    filled, known = np.zeros(len(sheet.rows), dtype=bool), False
    for (_, name), column in zip(names_of(sheet, codebook, mapped), sheet.columns, strict=True):
        if name in codebook and name != "mri_date":
            nothing = ["", *(text for text, meant in mapped.meanings.get(name, {}).items() if not meant)]
            known = True
            filled |= ~pc.is_in(column, pa.array(nothing)).to_numpy(zero_copy_only=False)
    if not known or filled.all():
        return sheet
    empty = sheet.rows[~filled]
    expected = f"{counted(len(empty), 'row')} without a value of a lesion, left out: {listed(empty)}"
    columns = tuple(column.filter(pa.array(filled)) for column in sheet.columns)
    problems = (*sheet.problems, warning(sheet.file, int(empty[0]), "", "", expected))
    return replace(sheet, columns=columns, rows=sheet.rows[filled], problems=problems)


def _of_one_scan(other: Table) -> pd.DataFrame:
    """Return the lesions of one scan of each patient: a lesion that was seen twice is one lesion."""
    frame, which = other.frame, other.mapped.settings.get("scan")
    dates = frame.get("mri_date")
    if dates is None:
        if which:
            expected = "lesions, scan: there is no column mri_date"
            other.problems.append(Problem(other.mapped.file, None, "", "", expected))
        _report_repeated(other, frame)
        return frame
    several = dates.groupby(frame["patient"]).transform("nunique") > 1
    undated = (dates.isna() & dates.notna().groupby(frame["patient"]).transform("any")).to_numpy(dtype=bool)
    other.report("mri_date", undated, "is missing, while other lesions of the patient have one")
    chosen = dates.groupby(frame["patient"]).transform("max" if which == "last" else "min")
    kept = frame[(dates == chosen) | dates.isna()]
    if several.any() and not which:
        n = frame.loc[several, "patient"].nunique()
        told = [name for name in frame if name not in ("patient", "mri_date")]
        scans = frame[several].fillna(dict.fromkeys(["bone", "side"], "")).astype(str)
        alike = scans.sort_values(told).groupby(["patient", "mri_date"])[told].agg("|".join)
        firsts = alike.groupby(level="patient").transform("first")
        if (alike != firsts).any(axis=None):
            expected = f"several scans of {counted(n, 'patient')} differ; say in a mapping which one counts: "
            expected += "lesions: {scan: last} (or first)"
            other.problems.append(other.problem(None, "mri_date", "", expected))
        else:
            expected = f"several scans of {counted(n, 'patient')} show the same; a lesion counts once"
            other.problems.append(other.problem(None, "mri_date", "", expected, is_error=False))
    elif several.any():
        other.notes.append(
            f"{other.sheet.file}: of several scans the {which} counts, as the mapping file says"
        )
    _report_repeated(other, kept)
    return kept


def _ask_about_counts(other: Table) -> None:
    """Ask about a column that seems to say how many lesions a row stands for."""
    for name, column in zip(other.sheet.names, other.sheet.columns, strict=True):
        if name in other.unread and re.fullmatch(
            r"(n|count|number|anzahl|antal|nombre|quantity)([ _].*)?", name, re.I
        ):
            several = pc.match_substring_regex(column, r"^([2-9]|[1-9][0-9])$").to_numpy(zero_copy_only=False)
            if several.any():
                expected = "is left out, so that each row is one lesion: write one row for each of several"
                row = int(other.sheet.rows[np.flatnonzero(several)[0]])
                other.problems.append(warning(other.sheet.file, row, name, "", expected))


def _report_repeated(other: Table, frame: pd.DataFrame) -> None:
    """Warn of rows that are alike in all that is read of them."""
    again = frame.index[frame.duplicated()]
    if not len(again) or len(frame.columns) < 2:
        return
    unread = (
        f" and differ only in what is left out ({listed(map(shown, other.unread))})" if other.unread else ""
    )
    scans = "; if they are scans of one lesion, map the date of the scan: mri_date" if other.unread else ""
    expected = f"{counted(len(again), 'row')} like an earlier one in all that is read{unread}: "
    expected += f"is a lesion counted twice{scans}?"
    other.problems.append(other.problem(int(other.sheet.rows[again[0]]), "", "", expected, is_error=False))
