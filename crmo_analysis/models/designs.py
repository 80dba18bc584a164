"""Outcome and predictors of those who have all values, as a regression takes them."""

import math
import numbers
from collections.abc import Sequence

import numpy as np
import pandas as pd

from crmo_analysis.files import InputError, NotEstimableError
from crmo_analysis.models.permutation import as_numbers

LEAST_LEFT = 3  # patients, or groups of them, beyond the number of coefficients
LARGEST_COUNT = 10_000
FARTHEST = 1e5  # SDs of a predictor from 0; farther off, squares leave too few digits


def complete(columns: Sequence[Sequence], cluster) -> tuple[pd.DataFrame, int, np.ndarray | None]:
    """Return adjustment, exposure and outcome of the patients who have all values, and how many have not.

    And the number of each one's group, from 0, where there are groups.
    """
    kinds = [*(["an adjustment"] * (len(columns) - 2)), "the exposure", "the outcome"]
    table = [as_numbers(column, kind) for column, kind in zip(columns, kinds, strict=True)]
    if len({*map(len, table)} | ({len(cluster)} if cluster is not None else set())) > 1:
        reason = "outcome, exposure and adjustment differ in length, expected one value of each a patient"
        raise InputError(reason)
    names = [*(f"adjustment {k}" for k in range(1, len(columns) - 1)), "exposure", "outcome"]
    names = [str(getattr(c, "name", None) or name) for c, name in zip(columns, names, strict=True)]
    frame = pd.DataFrame(np.column_stack(table), columns=names, index=pd.Series(columns[-1]).index)
    stays = frame.notna().all(axis=1).to_numpy()
    groups = None
    if cluster is not None:
        labels = pd.Series(cluster).reset_index(drop=True)
        stays = stays & labels.notna().to_numpy()
        groups = pd.factorize(labels[stays], sort=True)[0]
    return frame[stays], int((~stays).sum()), groups


def unit_of(x: np.ndarray, per: str | float) -> tuple[float, str]:
    """Return what an exposure's difference is counted in, and how that is said."""
    if np.isin(x, (0, 1)).all():
        return 1.0, ", yes against no"
    unit = 1.0 if per == "unit" else x.std(ddof=1) if per == "sd" else float(per)
    return unit, {"sd": f" per SD ({unit:.3g})", "unit": " per unit"}.get(per, f" per {unit:g}")


def is_amount(value: object) -> bool:
    """Return whether something is a finite number above 0."""
    return isinstance(value, numbers.Real) and 0 < value < math.inf


def standardised(predictors: np.ndarray, groups: int | None = None) -> np.ndarray:
    """Return a design matrix: a constant, then the predictors with mean 0 and SD 1.

    Raises
    ------
    NotEstimableError
        If there are too few patients, or groups of them, or the predictors do not differ from each other.
    """
    n, count = predictors.shape
    least = count + 1 + LEAST_LEFT
    for found, what in ((n, "patients"), (groups, "groups")):
        if found is not None and found < least:
            reason = f"{found} {what} for {count + 1} coefficients, expected at least {least}"
            raise NotEstimableError(reason)
    constant = (predictors == predictors[0]).all(axis=0)
    if constant[-1]:
        raise NotEstimableError(f"all {n} values of the exposure are {predictors[0, -1]:g}")
    if constant.any():
        raise NotEstimableError(f"all {n} values of an adjustment are {predictors[0, constant.argmax()]:g}")
    mean, sd = predictors.mean(axis=0), predictors.std(axis=0, ddof=1)
    if (np.abs(mean) > FARTHEST * sd).any():
        reason = "values of the exposure or an adjustment differ too little for their size"
        raise NotEstimableError(f"{reason}; count them from nearer")
    design = np.column_stack([np.ones(n), (predictors - mean) / sd])
    if np.linalg.matrix_rank(design, tol=1e-8 * math.sqrt(n)) < count + 1:
        raise NotEstimableError("exposure and adjustment determine each other")
    return design


def outcome_for(model: str, y: np.ndarray, cut: float | None = None) -> np.ndarray:
    """Return an outcome as the model takes it: severity from the cut up as 1.

    Raises
    ------
    NotEstimableError
        If the outcome does not suit the model.
    """
    if (y == y[0]).all():
        raise NotEstimableError(f"all {len(y)} values of the outcome are {y[0]:g}")
    if model in ("poisson", "negative_binomial"):
        wrong = y[(y < 0) | (y != np.floor(y)) | (y > LARGEST_COUNT)]
        if len(wrong):
            raise NotEstimableError(f"an outcome is no count of 0 to {LARGEST_COUNT}")
    if model == "ordinal" and len(np.unique(y)) < 3:
        raise NotEstimableError("the outcome has two values, expected three or more (use 'firth' for two)")
    if model == "firth" and not np.isin(y, (0, 1)).all():
        if cut is None:
            raise NotEstimableError("the outcome is not 0 and 1, and no cut says what counts as yes")
        y = (y >= cut).astype(float)
        if (y == y[0]).all():
            where = f"{'at least' if y[0] else 'below'} {cut:g}"
            raise NotEstimableError(f"the outcome is {where} in all {len(y)} patients")
    return y
