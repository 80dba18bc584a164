"""What a table of lesions says of each patient."""

import re
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from crmo_analysis.patients.mapping import Mapped, near
from crmo_analysis.patients.meanings import BOTH, quoted
from crmo_analysis.patients.problems import Problem, counted, listed, matches, shown, warning
from crmo_analysis.patients.sheet import Sheet
from crmo_analysis.patients.table import MADE, WHOSE, Table, names_of
from crmo_analysis.study import Codebook, read_codebook, read_section

PERIPHERAL = ("n_upper_extremity_lesions", "n_lower_extremity_lesions")
OF_ANY = {
    "periosteal": "periosteal_reaction",
    "expansion": "bone_expansion",
    "collapse": "vertebral_collapse",
}


def derive(
    lesions: pd.DataFrame, patients: pd.Series, codebook: Codebook, bones: Mapping[str, Mapping]
) -> pd.DataFrame:
    """Count and sum up the lesions of each patient: one row a patient, variables of the codebook.

    A patient without a row in the table has missing values, not zeros: nobody says that lesions were looked
    for. A count of a region is missing as well where the bone of one of the patient's lesions is. `bones` has
    for each bone `counted_in` and `involves`, from the codebook.
    """
    row = pd.Index(patients).get_indexer(lesions["patient"])
    lesions, row, n = lesions[row >= 0], row[row >= 0], len(patients)
    size = np.bincount(row, minlength=n)
    found = {"n_lesions": (size, False), "multifocal": (size > 1, False)}  # with for whom it is left open
    place = np.full(len(row), -1)
    if "bone" in lesions:
        place = pd.Index(list(bones)).get_indexer(lesions["bone"])  # -1 where it is missing
        found |= _of_bones(lesions, row, place, n, bones)
    for name, total in (("signal", "signal_sum"), ("size", "size_sum")):
        if name in lesions:
            values, left_open = lesions[name], np.bincount(row[lesions[name].isna()], minlength=n) > 0
            sums = np.bincount(row, weights=values.fillna(0).to_numpy(dtype=float), minlength=n)
            found[total] = np.round(sums, 6), left_open
            if name == "size":
                found["largest_lesion"] = values.groupby(row).max().reindex(range(n)).to_numpy(), left_open
    for name, of_patient in OF_ANY.items():
        if name in lesions:
            can_have = np.full(len(row), True)
            if name == "collapse":  # only a vertebra can collapse
                can_have = (place < 0) | np.isin(place, _bones_by(bones, "involves")["vertebra"])
            has = lesions[name].fillna(False).to_numpy(dtype=bool)
            left_open = lesions[name].isna().to_numpy() & can_have
            found[of_patient] = tuple(np.bincount(row[rows], minlength=n) > 0 for rows in (has, left_open))
    dtypes = {"boolean": "boolean", "integer": "Int64", "decimal": "Float64"}
    derived = {}
    for name in (name for name in codebook if name in found):
        values, left_open = found[name]
        if codebook[name].type == "boolean":  # what one lesion shows holds whatever others lack
            left_open = left_open & ~values
        column = pd.Series(values, index=patients.index).astype(dtypes[codebook[name].type])
        derived[name] = column.mask(left_open | (size == 0))
    return pd.DataFrame(derived, index=patients.index)


def _of_bones(lesions: pd.DataFrame, row: np.ndarray, place: np.ndarray, n: int, bones) -> dict[str, tuple]:
    """Return what each patient's bones say, each with for whom it is left open."""

    def counted(rows=slice(None)) -> np.ndarray:
        """Count lesions by patient and bone; those whose bone is missing come last."""
        width = len(bones) + 1
        cells = row[rows] * width + place[rows] % width
        return np.bincount(cells, minlength=n * width).reshape(n, width)

    lesions_of = counted()
    unknown = lesions_of[:, -1] > 0
    regions = {
        name: lesions_of[:, among].sum(axis=1) for name, among in _bones_by(bones, "counted_in").items()
    }
    found = regions | {
        "n_regions": sum((count > 0).astype(int) for count in regions.values()),
        "n_peripheral_lesions": sum(regions[name] for name in PERIPHERAL),
    }
    found |= {name: lesions_of[:, among].any(axis=1) for name, among in _bones_by(bones, "involves").items()}
    found = {name: (values, unknown) for name, values in found.items()}
    if "side" in lesions:
        sides = ((lesions["side"] == side).fillna(False) for side in ("left", "right"))
        left, right = (counted(side.to_numpy(dtype=bool))[:, :-1] > 0 for side in sides)
        without_side = np.bincount(row[lesions["side"].isna()], minlength=n) > 0
        found["symmetric_lesions"] = (left & right).any(axis=1), unknown | without_side
    return found


def _bones_by(bones: Mapping[str, Mapping], field: str) -> dict[str, list[int]]:
    """Return, for each of the patients' variables in a field, the places of the bones that have it there."""
    found: dict[str, list[int]] = {}
    for place, fields in enumerate(bones.values()):
        names = fields.get(field, [])
        for name in [names] if isinstance(names, str) else names:
            found.setdefault(name, []).append(place)
    return found


# ---- the two tables together -------------------------------------------------------------------------------


def add_lesions(table: Table, other: Table, codebook: Codebook) -> None:
    """Derive variables of patients from their lesions.

    Fill those that are not given, report those that differ.
    """
    has_keys = {"patient"} <= set(table.columns) & set(other.columns)
    if not has_keys or table.frame["patient"].duplicated().any():
        return
    _ask_about_counts(other)
    _ask_about_visits(other)
    other.frame = _of_one_scan(other)
    derived = derive(other.frame, table.frame["patient"], codebook, read_section("bones"))
    filled = []
    for name, found in derived.items():
        empty = np.ones(len(found), dtype=bool)
        given = table.frame.get(name, found)
        if name in table.frame:
            slack = 0.5 * float(codebook[name].step or 1)
            differs = (given - found).abs() > slack if codebook[name].is_numeric else given ^ found
            wrong = differs.fillna(False).to_numpy(dtype=bool)
            both = zip(given[wrong], found[wrong], strict=True)
            gives = f"{other.sheet.file} gives"
            said = [f"is read as {_said(a)}; {gives} {_said(b)} for the patient" for a, b in both]
            table.report(name, wrong, said)
            empty = (table.columns[name].kinds == 1)[table.columns[name].codes]
        if name not in table.frame or (found.notna() & empty).any():
            table.frame[name] = given.where(~empty, found)
            filled.append(name)
    without = int((~table.frame["patient"].isin(other.frame["patient"])).sum())
    table.frame = table.frame[[name for name in (*WHOSE, *codebook, *MADE) if name in table.frame]]
    if filled:
        other.note(f"derived from the lesions where not given: {', '.join(filled)}")
    if without:
        other.note(f"patients without a row, for whom nothing is derived: {without}")


def _said(value: object) -> str:
    return f"{value:g}" if not isinstance(value, bool | np.bool_) else "yes" if value else "no"


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


def of_one_side(sheet: Sheet, codebook: Codebook, mapped: Mapped) -> tuple[Sheet, Mapped]:
    """Make two rows of a lesion that the mapping file says is on both sides; what it says is done then."""
    meanings = mapped.meanings.get("side", {})
    both = [text for text, meant in meanings.items() if meant == BOTH]
    names = [name for _, name in names_of(sheet, codebook, mapped)]
    if not both or "side" not in names:
        return sheet, mapped
    is_both = pc.is_in(sheet.columns[names.index("side")], pa.array(both)).to_numpy()
    rows = np.repeat(np.arange(len(is_both)), 1 + is_both)
    columns = [column.take(pa.array(rows)) for column in sheet.columns]
    sides = pa.array(np.where(np.diff(rows, prepend=-1) == 0, "right", "left"))
    columns[names.index("side")] = pc.if_else(pa.array(is_both[rows]), sides, columns[names.index("side")])
    note = f"{sheet.file}: {counted(int(is_both.sum()), 'lesion')} on both sides, each read as two"
    others = {text: meant for text, meant in meanings.items() if meant != BOTH}
    mapped = replace(mapped, meanings={**mapped.meanings, "side": others})
    return replace(sheet, columns=tuple(columns), rows=sheet.rows[rows], notes=(*sheet.notes, note)), mapped


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
        scans = frame[several].astype(dict.fromkeys(told, "string")).fillna(dict.fromkeys(told, ""))
        alike = scans.sort_values(told).groupby(["patient", "mri_date"])[told].agg("|".join)
        firsts = alike.groupby(level="patient").transform("first")
        differ = bool((alike != firsts).any(axis=None))
        line = "say in a mapping which one counts: lesions: {scan: last} (or first)"
        what = f"differ; {line}" if differ else "show the same; a lesion counts once"
        other.say("mri_date", f"several scans of {counted(n, 'patient')} {what}", is_error=differ)
    elif several.any():
        other.note(f"of several scans the {which} counts, as the mapping file says")
    _report_repeated(other, kept)
    return kept


def _ask_about_counts(other: Table) -> None:
    """Ask about a column that seems to say how many lesions a row stands for."""
    says = re.compile(r"(n|count|number|anzahl|antal|nombre|quantity)([ _].*)?", re.IGNORECASE)
    for name, column in zip(other.sheet.names, other.sheet.columns, strict=True):
        several = matches(column, r"^([2-9]|[1-9][0-9])$")
        if name in other.unread and says.fullmatch(name) and several.any():
            expected = "is left out, so that each row is one lesion: write one row for each of several"
            other.say(name, expected, row=int(other.sheet.rows[several][0]))


def _ask_about_visits(other: Table) -> None:
    """Refuse rows of several visits of a patient, of which nothing is read that tells them apart."""
    if {"mri_date", "event"} & {*other.columns, *other.sources}:
        return
    book, ids = read_codebook(section="lesions"), other.frame["patient"].to_numpy()
    for name, column in zip(other.sheet.names, other.sheet.columns, strict=True):
        what = near(name, book) if name in other.unread or name in other.mapped.ignore else ""
        visits = pd.Series(column.to_pylist()).replace("", None)
        if what not in ("mri_date", "event") or not visits.groupby(ids).nunique().max() > 1:
            continue
        choice = f", event: {quoted(visits.dropna().iloc[0])}" if what == "event" else ""
        line = f"lesions: {{columns: {{{quoted(name)}: {what}}}{choice}}}"
        expected = "tells visits of a patient apart and is not read: a lesion seen twice counts twice"
        other.say(name, f"{expected}; in a mapping: {line}", is_error=name in other.unread)


def _report_repeated(other: Table, frame: pd.DataFrame) -> None:
    """Warn of rows that are alike in all that is read of them."""
    again = frame.index[frame.duplicated()]
    if not len(again) or len(frame.columns) < 2:
        return
    expected = f"{counted(len(again), 'row')} like an earlier one in all that is read"
    if other.unread:
        expected += f" and differ only in what is left out ({listed(map(shown, other.unread))})"
    other.say("", f"{expected}: is a lesion counted twice?", row=int(other.sheet.rows[again[0]]))
