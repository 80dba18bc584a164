"""Instruments of which the points are known. Of any other one a table holds the finished total."""

from collections.abc import Iterable, Mapping

import pandas as pd

JANSSON_POINTS = {
    "normal_blood_count": 13,
    "symmetric_lesions": 10,
    "marginal_sclerosis": 10,
    "normal_temperature": 9,
    "typical_location": 8,  # a vertebra, a clavicle or the sternum
    "multifocal": 7,
    "crp_raised": 6,
}
NBO_POINTS = {"crp_low": 56, "multifocal": 27, "femur": 17, "bands_low": 15}
_LOCATIONS = ("vertebra", "clavicle", "sternum")


def jansson_items(patients: pd.DataFrame, crp_from: float = 1.0) -> pd.DataFrame:
    """Take the seven items of the Jansson score from a table of patients.

    Parameters
    ----------
    patients : DataFrame
        With `normal_blood_count, symmetric_lesions, marginal_sclerosis, normal_temperature, vertebra,
        clavicle, sternum, multifocal` (boolean) and `crp` (mg/dl).
    crp_from : float
        From which CRP, in mg/dl, the item holds. A raised CRP adds points.

    Returns
    -------
    DataFrame
        The columns of `JANSSON_POINTS`, boolean; missing where the table leaves an item open.

    Raises
    ------
    ValueError
        If a column is missing.
    """
    derived = ("typical_location", "crp_raised")
    _need(patients, [*(name for name in JANSSON_POINTS if name not in derived), *_LOCATIONS, "crp"])
    items = patients.assign(
        typical_location=patients["vertebra"] | patients["clavicle"] | patients["sternum"],
        crp_raised=patients["crp"].astype("Float64") >= crp_from,
    )
    return items[list(JANSSON_POINTS)].astype("boolean")


def jansson_score(items: pd.DataFrame) -> pd.Series:
    """Add up the Jansson clinical score, 0 to 63 points; it is a diagnostic score, not one of severity.

    Parameters
    ----------
    items : DataFrame
        The seven items as `jansson_items` gives them.

    Returns
    -------
    Series of Int64
        Missing where an item is.

    References
    ----------
    Jansson AF et al. Arthritis Rheum 2009;60(4):1152-9.
    """
    return total(items, JANSSON_POINTS).rename("jansson_score")


def nbo_items(patients: pd.DataFrame, crp_to: float = 5.5, bands_to: float = 220) -> pd.DataFrame:
    """Take the four items of the NBO diagnostic score from a table of patients.

    Parameters
    ----------
    patients : DataFrame
        With `crp` (mg/dl), `multifocal`, `femur` (boolean) and `band_neutrophils` (/mm3, the same as per µl).
    crp_to, bands_to : float
        Up to which CRP (mg/dl) and number of band neutrophils (/mm3) the item holds.

    Returns
    -------
    DataFrame
        The columns of `NBO_POINTS`, boolean.

    Raises
    ------
    ValueError
        If a column is missing.
    """
    _need(patients, ["crp", "multifocal", "femur", "band_neutrophils"])
    crp, bands = (patients[name].astype("Float64") for name in ("crp", "band_neutrophils"))
    items = patients.assign(crp_low=crp <= crp_to, bands_low=bands <= bands_to)
    return items[list(NBO_POINTS)].astype("boolean")


def nbo_score(items: pd.DataFrame) -> pd.Series:
    """Add up the diagnostic score of non-bacterial osteomyelitis, 0 to 115 points; missing where an item is.

    References
    ----------
    Front Pediatr 2023, article 1067206.
    """
    return total(items, NBO_POINTS).rename("nbo_score")


def total(items: pd.DataFrame, points: Mapping[str, int]) -> pd.Series:
    """Add up the points of the items that hold.

    Parameters
    ----------
    items : DataFrame
        A boolean column for each item.
    points : mapping of str to int

    Returns
    -------
    Series of Int64
        Missing where an item is.

    Raises
    ------
    ValueError
        If an item has no column, or one that is not yes or no.
    """
    _need(items, points)
    added = pd.Series(0, index=items.index, dtype="Int64")
    for name, value in points.items():
        if not pd.api.types.is_bool_dtype(items[name]):
            raise ValueError(f"{name} is of type {items[name].dtype}, expected yes or no")
        added = added + items[name].astype("Int64") * value
    return added


def _need(table: pd.DataFrame, names: Iterable[str]) -> None:
    absent = [name for name in names if name not in table]
    if absent:
        raise ValueError(f"the table has no column {', '.join(absent)}, which the score needs")
