"""The correlation of two variables in patients with many ties: estimate, interval, P value, influence.

An interval is drawn from sorted pairs, so that a table in another order gives the same numbers.
"""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
import scipy
from scipy import stats
from scipy.special import ndtr, ndtri

from crmo_analysis.models.designs import Estimate, as_numbers, said_of_groups
from crmo_analysis.models.jackknife import centred, counted, midranks, without_each
from crmo_analysis.models.permutation import MANY, pairs, permutation_test

LEAST_GROUPS = 5  # whose sums an interval rests on
MOST_DEGENERATE = 0.05  # share of resamples in which a variable may be constant
LIBRARY = f"numpy {np.__version__}, scipy {scipy.__version__}"
_ELEMENTS = 50_000  # drawn at a time; more would not fit the processor's cache
_PRODUCTS = 500_000  # a matrix product up to here stays on one thread, and waits for no other work


def correlate(
    x: Sequence,
    y: Sequence,
    statistic: str = "spearman",
    confidence: float = 0.95,
    resamples: int = 10_000,
    permutations: int = 10_000,
    seed: int = 1,
    groups: Sequence | None = None,
) -> Estimate:
    """Correlate two variables: P by permutation (see `permutation_test`), BCa interval (see `bca_interval`).

    With more than `MANY` patients P is by t with n - 2 degrees of freedom, for Kendall by the normal with the
    variance for ties, and the interval is Fisher's, with a jackknife standard error. With groups, interval
    and P are those of Fisher's z with that error, patients' parts added up in each group before they are
    squared, and t with one degree of freedom less than there are groups: what `regression.regress` does.

    Parameters
    ----------
    x, y : sequence of numbers
        One value a patient; pairs with a missing value are excluded and counted.
    statistic : str
        "spearman" (with midranks), "kendall" (tau-b) or "pearson".
    confidence : float
        Coverage of the interval.
    resamples, permutations, seed : int
        Bootstrap samples, random permutations where there are too many to count, and the seed of both.
    groups : sequence
        A label a patient, where some belong together, such as those of a centre; who has none is excluded.

    Raises
    ------
    NotEstimableError
        If there are fewer than four pairs or all values of a variable are equal.

    References
    ----------
    Fisher RA. Metron 1921;1:3-32. Efron B, Stein C. Ann Stat 1981;9:586-596. Liang KY, Zeger SL. Biometrika
    1986;73:13-22 (sums over groups).
    """
    if groups is not None:
        return _correlate_groups(x, y, groups, statistic, confidence)
    x, y, excluded = pairs(x, y, statistic)
    about = {"n": len(x), "excluded": excluded, "library": LIBRARY}
    if len(x) > MANY:
        estimate, error = _jackknife(x, y, statistic)
        p, method = _approximate(x, y, statistic, estimate)
        low, high, _, words = _by_z(estimate, error, confidence)
        return Estimate(estimate, low, high, p, f"{method}; {words}", **about)
    estimate = float(_correlations(x, y, np.arange(len(x))[None], statistic)[0])
    p, error, method = permutation_test(x, y, statistic, permutations, seed)
    low, high, words = bca_interval(x, y, statistic, confidence, resamples, seed)
    return Estimate(estimate, low, high, p, f"{method}; {words}", p_error=error, **about)


def _correlate_groups(
    x: Sequence, y: Sequence, groups: Sequence, statistic: str, confidence: float
) -> Estimate:
    labels = pd.Series(groups).reset_index(drop=True)
    table = np.column_stack([as_numbers(x, "the first variable"), as_numbers(y, "the second variable")])
    known = ~np.isnan(table).any(axis=1) & labels.notna().to_numpy()
    first, second = table[known].T
    pairs(first, second, statistic)  # says so where there are too few
    codes, kinds = pd.factorize(labels[known])
    estimate, error = _jackknife(first, second, statistic, codes)
    count, ends = len(kinds), (math.nan,) * 3
    if count < LEAST_GROUPS:
        words = f"interval and P not estimable: {count} groups, expected at least {LEAST_GROUPS}"
    else:
        *ends, words = _by_z(estimate, error, confidence, count)
    about = {"n": len(first), "excluded": int((~known).sum()), "library": LIBRARY}
    return Estimate(estimate, *ends, words, groups=count, **about)


def _jackknife(
    x: np.ndarray, y: np.ndarray, statistic: str, groups: np.ndarray | None = None
) -> tuple[float, float]:
    """Return a correlation and its standard error; with groups, from sums over them."""
    estimate, without = without_each(x, y, statistic)
    parts = without - without.mean()
    parts = parts if groups is None else np.bincount(groups, parts)
    count, n = len(parts), len(x)
    return estimate, (n - 1) / n * math.sqrt(count / max(count - 1, 1) * (parts @ parts))


def _by_z(
    estimate: float, error: float, confidence: float, groups: int | None = None
) -> tuple[float, float, float, str]:
    """Return interval and P by Fisher's z, and how; t's with groups, the normal's without."""
    whose = "patient" if groups is None else "group"
    is_whole = abs(estimate) > 1 - 1e-12
    if is_whole or not error > 0:
        why = f"the correlation is {estimate:.0f}" if is_whole else f"one {whose} makes the correlation"
        return *(math.nan,) * 3, f"interval not estimable: {why}"
    z, error = math.atanh(estimate), error / (1 - estimate**2)
    spread, words = stats.norm, "interval of Fisher's z with the jackknife's standard error"
    if groups is not None:
        spread, words = (stats.t(groups - 1), f"Fisher's z, jackknife's {said_of_groups(groups)}")
    half = float(spread.ppf(0.5 + confidence / 2)) * error
    p = float(2 * spread.sf(abs(z) / error))
    return math.tanh(z - half), math.tanh(z + half), p, words


def _approximate(x: np.ndarray, y: np.ndarray, statistic: str, estimate: float) -> tuple[float, str]:
    if statistic == "kendall":
        return float(stats.kendalltau(x, y, method="asymptotic").pvalue), "normal approximation"
    t = abs(estimate) * math.sqrt((len(x) - 2) / max(1 - estimate**2, 1e-300))
    return float(2 * stats.t.sf(t, len(x) - 2)), f"t approximation with {len(x) - 2} degrees of freedom"


def _correlations(x: np.ndarray, y: np.ndarray, rows: np.ndarray, statistic: str) -> np.ndarray:
    """Correlate the patients that each row lists; nan where a variable is constant.

    A resample is not ranked again: how often each value was drawn gives its midrank, by adding up. For
    Kendall's numerator, with s_ij the product of the signs of x_i - x_j and y_i - y_j and w how often a
    patient was drawn, it is the sum of w_i w_j s_ij; the pairs untied in x are n² less the squares of how
    often each x was drawn.
    """
    n = rows.shape[1]
    if statistic == "pearson":
        first, second = (centred(values[rows]) for values in (x, y))
    elif statistic == "spearman":
        first, second = (midranks(*_drawn(values, rows)) for values in (x, y))
    else:
        counts = [_drawn(values, rows)[0] for values in (x, y)]
        spreads = [n * n - (count * count).sum(axis=1) for count in counts]
        signs = np.sign(x[:, None] - x) * np.sign(y[:, None] - y)
        weights = _drawn(np.arange(len(x)), rows)[0].astype(float)
        covariance = np.einsum("ij,ij->i", weights @ signs, weights)
    if statistic != "kendall":
        covariance = np.einsum("ij,ij->i", first, second)
        spreads = [np.einsum("ij,ij->i", part, part) for part in (first, second)]
    scale = np.sqrt(spreads[0] * spreads[1])
    return np.clip(np.divide(covariance, scale, out=np.full(len(scale), np.nan), where=scale > 0), -1, 1)


def _drawn(values: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return how often each value is in each row, and where in that table every entry of a row is."""
    different, codes = np.unique(values, return_inverse=True)
    return counted(codes[rows], len(different))


def bca_interval(
    x: Sequence,
    y: Sequence,
    statistic: str = "spearman",
    confidence: float = 0.95,
    resamples: int = 10_000,
    seed: int = 1,
) -> tuple[float, float, str]:
    """Return the bias-corrected and accelerated bootstrap interval of a correlation, and how it was made.

    Resamples in which a variable is constant have no correlation: they are dropped, and there is no
    interval where they are more than `MOST_DEGENERATE` of all. Resamples equal to the estimate count half
    towards the bias correction; the acceleration is the jackknife's. Ends are nan where there is no interval;
    the words then say why.

    References
    ----------
    Efron B. J Am Stat Assoc 1987;82:171-185, equations 2.3 and 7.1 to 7.4.
    """
    x, y, _ = pairs(x, y, statistic)
    n, rng = len(x), np.random.default_rng(seed)
    size = max(1, _ELEMENTS // n)
    if statistic == "kendall":
        size = _PRODUCTS // n**2 if n <= 100 else 2_000
    sizes = [min(size, resamples - start) for start in range(0, resamples, size)]
    drawn = (rng.integers(n, size=(rows, n)) for rows in sizes)
    values = np.concatenate([_correlations(x, y, rows, statistic) for rows in drawn])
    values = values[~np.isnan(values)]
    degenerate = resamples - len(values)
    none = math.nan, math.nan
    if degenerate > MOST_DEGENERATE * resamples:
        often = f"more than {100 * MOST_DEGENERATE:g} % of resamples"
        return *none, f"interval not estimable: a variable is constant in {often}"
    if np.ptp(values) < 1e-12:
        return *none, f"interval not estimable: every resample gives {values[0]:g}"
    estimate, without = without_each(x, y, statistic)
    # Summed in another order it can differ from an equal resample in the last digit.
    values[np.isclose(values, estimate, rtol=0, atol=1e-12)] = estimate
    bias = ndtri((np.mean(values < estimate) + np.mean(values <= estimate)) / 2)
    apart = np.nanmean(without) - without[~np.isnan(without)]
    acceleration = (apart**3).sum() / (6 * ((apart**2).sum() ** 1.5 or 1))
    z = bias + ndtri(np.array([0.5 - confidence / 2, 0.5 + confidence / 2]))
    if not np.isfinite(bias) or (acceleration * z >= 1).any():
        return *none, "interval not estimable: the estimate is at the edge of its bootstrap distribution"
    ends = np.quantile(values, ndtr(bias + z / (1 - acceleration * z)))
    dropped = ", less those with a constant variable" * bool(degenerate)
    return *map(float, ends), f"BCa interval from {resamples:,} resamples{dropped}"


def leave_one_out(x: Sequence, y: Sequence, statistic: str = "spearman") -> pd.DataFrame:
    """Return the correlation without each patient in turn.

    Returns
    -------
    DataFrame
        `left_out` (the label of the row where x is a Series, else its number), `n`, `estimate` (nan where a
        variable is then constant) and `change` against all patients, in the order of the rows.
    """
    pairs(x, y, statistic)  # says so where there are too few
    known = pd.DataFrame({"x": as_numbers(x), "y": as_numbers(y)}, pd.Series(x).index).dropna()
    with_all, without = without_each(known["x"].to_numpy(), known["y"].to_numpy(), statistic)
    columns = {"left_out": known.index, "n": len(known) - 1, "estimate": without}
    return pd.DataFrame(columns | {"change": without - with_all})
