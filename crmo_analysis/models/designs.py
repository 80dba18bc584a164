"""A table of patients as models take it: numbers, groups, outcome and predictors; and what they give."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from crmo_analysis.files import InputError, NotEstimableError

LEAST_LEFT = 3  # patients, or groups of them, beyond the number of coefficients
LARGEST_COUNT = 10_000
FARTHEST = 1e5  # SDs of a predictor from 0; farther off, squares leave too few digits
LARGEST = 1e100  # of a value's size, and one over it the smallest; the squares of others leave floats
FEW_GROUPS = 40  # below, errors of groups come out too small (Cameron and Miller 2015, section VI)


@dataclass(frozen=True)
class Estimate:
    """What a correlation, or models of several imputed tables, say of one exposure.

    `excluded` patients lacked a value, and `imputed` ones had theirs imputed. The interval is nan where there
    is none to be had; `method` then says why. `p_error` is the Monte Carlo error of a P value from random
    permutations, 0 of an exact one and nan of any other; `groups` how many groups interval and P allow for,
    `events` patients with the outcome of yes or no, and `details` what else was noticed, in their numbers.
    """

    estimate: float
    ci_low: float
    ci_high: float
    p: float
    method: str
    n: int
    excluded: int
    library: str
    p_error: float = math.nan
    groups: int | None = None
    effect: str | None = None
    imputed: int | None = None
    events: int | None = None
    details: str = ""


def as_numbers(values: Sequence, name: str = "the variable") -> np.ndarray:
    """Return values as floats: missing ones as nan, yes as 1, ordered categories as their positions.

    Raises
    ------
    InputError
        If a value is no finite number, or so large or small that its square is none.
    """
    series = pd.Series(values).reset_index(drop=True)
    if isinstance(series.dtype, pd.CategoricalDtype) and series.cat.ordered:
        return np.where(series.isna(), np.nan, series.cat.codes)
    found = series if series.dtype.kind in "fi" else pd.to_numeric(series.astype(object), errors="coerce")
    if found.dtype.kind == "c":
        found = pd.to_numeric(series.astype(str), errors="coerce")
    found = found.to_numpy(dtype=float, na_value=np.nan)
    sizes = np.abs(found)
    beyond = (sizes > LARGEST) | ((sizes > 0) & (sizes < 1 / LARGEST))
    wrong = np.flatnonzero((np.isnan(found) & series.notna().to_numpy()) | beyond)
    if len(wrong):
        raise InputError(f"{name} is '{series[wrong[0]]}' in row {wrong[0] + 1}; expected finite numbers")
    return found


def said_of_groups(count: int, df: float | None = None) -> str:
    """Say how errors of groups are made."""
    few = ", too small with so few" if count < FEW_GROUPS else ""
    return f"standard error by {count} groups{few}, t with {count - 1 if df is None else df:.0f} df"


def codes_of(groups: Sequence) -> np.ndarray:
    """Return the number of each one's group, labels sorted as text; nan where there is none."""
    labels = pd.Series(groups).reset_index(drop=True)
    codes = pd.factorize(labels.map(str, na_action="ignore"), sort=True)[0]
    return np.where(codes < 0, np.nan, codes)


def without_means(rows: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Return each row without the means of its groups."""
    means = [np.bincount(groups, row) / np.maximum(np.bincount(groups), 1) for row in rows]
    return rows - np.array(means)[:, groups]


def complete(columns: Sequence[Sequence], cluster) -> tuple[pd.DataFrame, int, np.ndarray | None]:
    """Return adjustment, exposure and outcome of the patients who have all values, and how many have not.

    And the number of each one's group, from 0, where there are groups.
    """
    kinds = [*(["an adjustment"] * (len(columns) - 2)), "the exposure", "the outcome"]
    table = [as_numbers(column, kind) for column, kind in zip(columns, kinds, strict=True)]
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
