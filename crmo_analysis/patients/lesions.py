"""What a table of lesions says of each patient."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from crmo_analysis.study import Codebook

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
    n = len(patients)
    has_rows = _count(row, n) > 0
    derived: dict[str, pd.Series] = {}

    def number(values: np.ndarray, unknown: np.ndarray, dtype: str = "Int64") -> pd.Series:
        return pd.Series(values, index=patients.index).astype(dtype).mask(unknown | ~has_rows)

    def holds(values: np.ndarray, unknown: np.ndarray) -> pd.Series:
        return pd.Series(values, index=patients.index).astype("boolean").mask((unknown & ~values) | ~has_rows)

    none = np.zeros(n, dtype=bool)
    total = _count(row, n)
    derived["n_lesions"], derived["multifocal"] = number(total, none), holds(total > 1, none)
    if "bone" in lesions:
        bone = pd.Index(list(bones)).get_indexer(lesions["bone"])  # its place; -1 where it is missing
        unknown = _count(row[bone < 0], n) > 0
        regions = {
            name: _count(row[np.isin(bone, among)], n)
            for name, among in _bones_by(bones, "counted_in").items()
        }
        derived |= {name: number(found, unknown) for name, found in regions.items()}
        derived["n_regions"] = number(sum((found > 0).astype(int) for found in regions.values()), unknown)
        derived["n_peripheral_lesions"] = number(sum(regions[name] for name in PERIPHERAL), unknown)
        for name, among in _bones_by(bones, "involves").items():
            derived[name] = holds(_count(row[np.isin(bone, among)], n) > 0, unknown)
        if "side" in lesions:
            side = pd.Index(["left", "right", "midline"]).get_indexer(lesions["side"])
            derived["symmetric_lesions"] = holds(*_symmetric(row, bone, side, n))
    if "signal" in lesions:
        values, unknown = _sum(lesions["signal"], row, n)
        derived["signal_sum"] = number(values, unknown)
    if "size" in lesions:
        values, unknown = _sum(lesions["size"], row, n)
        derived["size_sum"] = number(values, unknown, "Float64")
        largest = np.zeros(n)
        np.maximum.at(largest, row, lesions["size"].fillna(0).to_numpy(dtype=float))
        derived["largest_lesion"] = number(largest, unknown, "Float64")
    for name, of_patient in OF_ANY.items():
        if name in lesions:
            left_open = lesions[name].isna().to_numpy()
            if name == "collapse" and "bone" in lesions:  # only a vertebra can collapse
                left_open = left_open & ((bone < 0) | np.isin(bone, _bones_by(bones, "involves")["vertebra"]))
            unknown = _count(row[left_open], n) > 0
            derived[of_patient] = holds(
                _count(row[lesions[name].fillna(False).to_numpy(dtype=bool)], n) > 0, unknown
            )
    return pd.DataFrame({name: derived[name] for name in codebook if name in derived}, index=patients.index)


def _count(rows: np.ndarray, n: int) -> np.ndarray:
    return np.bincount(rows, minlength=n)


def _sum(values: pd.Series, row: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Add up over each patient's lesions; return for whom a value is missing, too."""
    added = np.bincount(row, weights=values.fillna(0).to_numpy(dtype=float), minlength=n)
    return np.round(added, 6), _count(row[values.isna().to_numpy()], n) > 0


def _bones_by(bones: Mapping[str, Mapping], field: str) -> dict[str, list[int]]:
    """Return, for each of the patients' variables in a field, the places of the bones that have it there."""
    found: dict[str, list[int]] = {}
    for place, fields in enumerate(bones.values()):
        names = fields.get(field, [])
        for name in [names] if isinstance(names, str) else names:
            found.setdefault(name, []).append(place)
    return found


def _symmetric(row: np.ndarray, bone: np.ndarray, side: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Say who has a lesion of the same bone on both sides, and for whom a bone or a side is missing."""
    known = (bone >= 0) & (side >= 0)
    found = pd.DataFrame({"row": row, "bone": bone, "side": side})[known & (side <= 1)]
    sides = found.drop_duplicates().groupby(["row", "bone"]).size()
    both = sides[sides == 2].index.get_level_values("row").to_numpy(dtype=int)
    return _count(both, n) > 0, _count(row[~known], n) > 0
