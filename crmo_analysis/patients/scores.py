"""Diagnostic scores of which the points are known; of other instruments a table holds the finished total."""

import pandas as pd

from crmo_analysis.study import expressions, read_codebook

# Points of items, expressions of the codebook: Jansson AF et al. Arthritis Rheum 2009;60(4):1152-9, where
# a raised CRP (mg/dl) adds points, and Front Pediatr 2023, article 1067206 (band neutrophils per mm3).
POINTS = {
    "jansson_score": {
        "normal_blood_count": 13, "symmetric_lesions": 10, "marginal_sclerosis": 10, "normal_temperature": 9,
        "vertebra | clavicle | sternum": 8, "multifocal": 7, "crp >= 1": 6,
    },
    "nbo_score": {"crp <= 5.5": 56, "multifocal": 27, "femur": 17, "band_neutrophils <= 220": 15},
}  # fmt: skip


def score(patients: pd.DataFrame, name: str) -> pd.Series:
    """Add up the points of the items that hold.

    Parameters
    ----------
    patients : DataFrame
        With the variables of the items.
    name : str
        One of `POINTS`.

    Returns
    -------
    Series of Int64
        Missing where an item is.

    Raises
    ------
    ValueError
        If a column is missing, or is not yes or no where it has to be.
    """
    items = {expressions.parse(item, read_codebook()): points for item, points in POINTS[name].items()}
    needed = sorted(set().union(*map(expressions.variables, items)))
    if absent := [column for column in needed if column not in patients]:
        raise ValueError(f"the table has no column {', '.join(absent)}, which the score needs")
    types = {column: "Float64" if read_codebook()[column].is_numeric else "boolean" for column in needed}
    try:
        table = patients[needed].astype(types)
    except (TypeError, ValueError) as why:
        raise ValueError(f"an item is not yes or no, or no number: {why}") from None
    everyone = pd.Series(True, index=table.index, dtype="boolean")
    held = [
        expressions.evaluate(item, table, everyone).astype("Int64") * points for item, points in items.items()
    ]
    return sum(held).rename(name)
