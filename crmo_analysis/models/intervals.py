"""The interval of a cohort's mean or median."""

import math
from collections.abc import Sequence

import numpy as np
from scipy import stats
from statsmodels.stats.weightstats import DescrStatsW

from crmo_analysis.models.permutation import MANY

LEAST_FOR_INTERVAL = 10
_ELEMENTS = 5_000_000  # resampled values held at a time


def bootstrap_interval(
    values: Sequence[float], centre: str, confidence: float = 0.95, resamples: int = 10_000, seed: int = 1
) -> tuple[float, float, str]:
    """Return a bootstrap interval of a median (percentile) or a mean (BCa), and its method.

    The median has no BCa interval: its jackknife, which gives the acceleration, is not consistent. Of more
    than `MANY` values a mean has Student's interval, a median that of a sign test.

    Returns
    -------
    tuple of float, float, str
        nan where there are fewer than ten values or all are equal; the method says so.

    References
    ----------
    Efron B. J Am Stat Assoc 1987;82:171-185. Efron B. The jackknife, the bootstrap and other resampling
    plans. SIAM 1982, section 3.4. Conover WJ. Practical nonparametric statistics. Wiley 1999, section 3.2
    (order statistics).
    """
    values = np.sort(np.asarray(values, dtype=float))  # so that the order of patients does not matter
    n = len(values)
    if n < LEAST_FOR_INTERVAL:
        return math.nan, math.nan, f"no interval, as fewer than {LEAST_FOR_INTERVAL} patients"
    if values[0] == values[-1]:
        return math.nan, math.nan, "no interval, as all values are equal"
    if n > MANY and centre == "mean":
        return *map(float, DescrStatsW(values).tconfint_mean(1 - confidence)), "Student's t interval"
    if n > MANY:
        rank = int(stats.binom.ppf(0.5 - confidence / 2, n, 0.5))
        return float(values[rank - 1]), float(values[n - rank]), "interval of order statistics"
    name, statistic = ("BCa", np.mean) if centre == "mean" else ("percentile", np.median)
    settings = {"n_resamples": resamples, "batch": max(1, _ELEMENTS // n), "rng": np.random.default_rng(seed)}
    found = stats.bootstrap((values,), statistic, method=name, confidence_level=confidence, **settings)
    return *map(float, found.confidence_interval), f"{name} bootstrap interval, {resamples:,} resamples"
