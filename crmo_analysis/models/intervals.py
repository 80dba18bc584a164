"""Intervals of what a cohort and a publication give: differences of shares and of means, and a cohort's own centre."""

import math
from collections.abc import Sequence

import numpy as np
from scipy import stats
from scipy.special import ndtr, ndtri

from crmo_analysis.study import describe

LEAST_FOR_INTERVAL = 10
_ELEMENTS = 5_000_000  # resampled counts held at a time


def newcombe_interval(x: int, n: int, other_x: int, other_n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return the hybrid score interval of the difference of two independent shares, the first less the other.

    Raises
    ------
    ValueError
        As `describe.proportion`.

    References
    ----------
    Newcombe RG. Stat Med 1998;17:873-890, method 10.
    """
    one, other = describe.proportion(x, n, confidence), describe.proportion(other_x, other_n, confidence)
    difference = one.estimate - other.estimate
    down = math.hypot(one.estimate - one.wilson_low, other.wilson_high - other.estimate)
    up = math.hypot(one.wilson_high - one.estimate, other.estimate - other.wilson_low)
    return difference - down, difference + up


def welch_interval(
    mean: float, sd: float, n: int, other_mean: float, other_sd: float, other_n: int, confidence: float = 0.95
) -> tuple[float, float, float]:
    """Return the interval and the P value of the difference of two means whose variances may differ.

    nan where neither group varies.

    References
    ----------
    Welch BL. Biometrika 1947;34:28-35.
    """
    one, other = sd**2 / n, other_sd**2 / other_n
    if one + other == 0:
        return math.nan, math.nan, math.nan
    error = math.sqrt(one + other)
    freedom = (one + other) ** 2 / (one**2 / (n - 1) + other**2 / (other_n - 1))
    half = error * stats.t.ppf(0.5 + confidence / 2, freedom)
    difference = mean - other_mean
    return difference - half, difference + half, float(2 * stats.t.sf(abs(difference) / error, freedom))


def bootstrap_interval(
    values: Sequence[float], centre: str, confidence: float = 0.95, resamples: int = 10_000, seed: int = 1
) -> tuple[float, float, str]:
    """Return a bootstrap interval of a median (percentile) or a mean (BCa), and its method.

    A resample is how often each different value is drawn, so that the order of patients does not matter. The median
    has no BCa interval: its jackknife, which gives the acceleration, is not consistent.

    Returns
    -------
    tuple of float, float, str
        nan where there are fewer than ten values or all are equal; the method says so.

    References
    ----------
    Efron B. J Am Stat Assoc 1987;82:171-185. Efron B. The jackknife, the bootstrap and other resampling plans. SIAM
    1982, section 3.4.
    """
    different, counts = np.unique(np.asarray(values, dtype=float), return_counts=True)
    n = int(counts.sum())
    if n < LEAST_FOR_INTERVAL or len(different) == 1:
        why = "all values are equal" if n >= LEAST_FOR_INTERVAL else f"fewer than {LEAST_FOR_INTERVAL} patients"
        return math.nan, math.nan, f"no interval, as {why}"
    rng = np.random.default_rng(seed)
    size = max(1, _ELEMENTS // len(different))
    sizes = [min(size, resamples - start) for start in range(0, resamples, size)]
    found = np.concatenate([_centres(different, rng.multinomial(n, counts / n, rows), centre) for rows in sizes])
    ends = np.array([0.5 - confidence / 2, 0.5 + confidence / 2])
    if centre == "mean":
        ends = _corrected(ends, found, different, counts)
    low, high = np.quantile(found, ends)
    name = "BCa" if centre == "mean" else "percentile"
    return float(low), float(high), f"{name} bootstrap interval, {resamples} resamples"


def _corrected(ends: np.ndarray, found: np.ndarray, different: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Correct quantiles of resampled means for bias and acceleration; resamples equal to the mean count half."""
    mean = np.average(different, weights=counts)
    apart, near = different - mean, 1e-12 * np.ptp(different)
    bias = ndtri(((found < mean - near).mean() + (found <= mean + near).mean()) / 2)
    acceleration = (counts * apart**3).sum() / (6 * (counts * apart**2).sum() ** 1.5)
    z = bias + ndtri(ends)
    return ndtr(bias + z / (1 - acceleration * z))


def _centres(different: np.ndarray, drawn: np.ndarray, centre: str) -> np.ndarray:
    n = drawn[0].sum()
    if centre == "mean":
        return drawn @ different / n
    below = np.cumsum(drawn, axis=1)
    middle = [different[(below > place).argmax(axis=1)] for place in ((n - 1) // 2, n // 2)]
    return (middle[0] + middle[1]) / 2
