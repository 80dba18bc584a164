"""What named tests give for printed means, counts, correlations and statistics: pure functions.

A printed number stands for a range, so every argument is a pair (low, high), and every answer too: the least
and the largest that the test gives while the printed numbers move within their digits. All P values are
two-sided.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

import numpy as np
from scipy.special import chdtrc, fdtrc, ndtr, ndtri, stdtr, stdtrit

from crmo_analysis.study import describe

Range = tuple[float, float]
MOST_CORNERS = 6  # groups of an analysis of variance whose corners are all tried
MOST_WAYS = 20_000  # tables with the same margins, of which Fisher's exact test looks at each
EXACT_PAIRS = 2500  # of two groups, up to which the exact distribution of U is counted


@dataclass(frozen=True)
class Outcome:
    """What a test gives: its statistic, its degrees of freedom (none for a normal one) and its P value."""

    p: Range
    statistic: Range | None = None
    df: tuple[Range, ...] = ()


def p_of_z(z: float) -> float:
    """Return the two-sided P value of a standard normal deviate."""
    return float(2 * ndtr(-abs(z)))


def p_of_t(t: float, df: float) -> float:
    """Return the two-sided P value of Student's t."""
    return float(2 * stdtr(df, -abs(t)))


def p_of_f(f: float, df: float, df_within: float) -> float:
    """Return the P value of an F statistic."""
    return float(fdtrc(df, df_within, max(f, 0)))


def p_of_chi2(chi2: float, df: float) -> float:
    """Return the P value of a chi-squared statistic."""
    return float(chdtrc(df, max(chi2, 0)))


def over(function: Callable[..., float], *ranges: Range) -> Range:
    """Return the least and the largest of a function that is monotone in each argument, apart from a sign."""
    ends = [(low, high, 0.0) if low < 0 < high else (low, high) for low, high in ranges]
    found = [function(*corner) for corner in product(*ends)]
    return min(found), max(found)


def correlation(r: Range, n: int) -> dict[str, Outcome]:
    """Test a correlation of n pairs by t with n - 2 degrees of freedom, and Spearman's by normal scores.

    References
    ----------
    Fisher RA. Biometrika 1915;10:507-521. Kendall MG, Gibbons JD. Rank Correlation Methods, 1990, 4.9.
    """
    inside = tuple(min(max(end, -1 + 1e-12), 1 - 1e-12) for end in r)

    def t_of(value: float) -> float:
        return value * math.sqrt((n - 2) / (1 - value * value))

    t = over(t_of, inside)
    by_t = Outcome(over(lambda x: p_of_t(x, n - 2), t), t, ((n - 2, n - 2),))
    z = over(lambda value: value * math.sqrt(n - 1), inside)
    return {"pearson": by_t, "spearman": Outcome(span(by_t.p, over(p_of_z, z)), t, by_t.df)}


def span(*ranges: Range) -> Range:
    """Return the range from the least to the largest of some."""
    return min(low for low, _ in ranges), max(high for _, high in ranges)


def around(value: Range, halves: Sequence[float]) -> tuple[Range, Range]:
    """Return between what the two ends of an interval lie, that is half as wide as one of some numbers."""
    least, most = min(halves), max(halves)
    return (value[0] - most, value[1] - least), (value[0] + least, value[1] + most)


def correlation_of_p(p: Range, n: int) -> Range:
    """Return between which |r| a two-sided P value of n pairs leaves a correlation, by t."""
    found = [describe.smallest_pearson(min(max(end, 1e-300), 1 - 1e-15), n) for end in p]
    return min(found), max(found)


def two_means(means: Sequence[Range], sds: Sequence[Range], n: Sequence[int]) -> dict[str, Outcome]:
    """Compare two means, of at least 2 patients each, by Student's t (equal variances) and by Welch's.

    References
    ----------
    Welch BL. Biometrika 1947;34:28-35.
    """
    difference = (means[0][0] - means[1][1], means[0][1] - means[1][0])
    corners = [(max(a, 1e-12), max(b, 1e-12)) for a, b in product(*sds)]
    ends = (*difference, 0.0) if difference[0] < 0 < difference[1] else difference
    found: dict[str, list[tuple[float, float, float]]] = {"t": [], "welch": []}
    for pair, d in product(corners, ends):
        for name, (error, df) in _errors(pair, n).items():
            found[name].append((d / error, df, p_of_t(d / error, df)))
    gathered = {}
    for name, rows in found.items():
        t, df, p = ((min(column), max(column)) for column in zip(*rows, strict=True))
        gathered[name] = Outcome(p, t, (df,))
    return gathered


def _errors(sds: Sequence[float], n: Sequence[int]) -> dict[str, tuple[float, float]]:
    """Return the standard error of a difference of two means, and its degrees of freedom, by each test."""
    df, (va, vb) = n[0] + n[1] - 2, (sd * sd / size for sd, size in zip(sds, n, strict=True))
    pooled = ((n[0] - 1) * sds[0] ** 2 + (n[1] - 1) * sds[1] ** 2) / df
    return {
        "t": (math.sqrt(pooled * (1 / n[0] + 1 / n[1])), df),
        "welch": (math.sqrt(va + vb), (va + vb) ** 2 / (va**2 / (n[0] - 1) + vb**2 / (n[1] - 1))),
    }


def one_mean(mean: Range, sd: Range, n: int) -> Outcome:
    """Test whether a mean change is 0: the paired t test of n pairs."""
    t = over(lambda m, s: m / (max(s, 1e-12) / math.sqrt(n)), mean, sd)
    return Outcome(over(lambda x: p_of_t(x, n - 1), t), t, ((n - 1, n - 1),))


def several_means(means: Sequence[Range], sds: Sequence[Range], n: Sequence[int]) -> Outcome:
    """Compare the means of k groups by the F test of a one-way analysis of variance.

    The least sum of squares between groups has all means moved towards one common value, the largest lies in
    a corner.
    """
    total, k = sum(n), len(n)
    within = [sum((m - 1) * sd[end] ** 2 for m, sd in zip(n, sds, strict=True)) for end in (0, 1)]
    weights, boxes = np.array(n, dtype=float), np.array(means, dtype=float)
    low, high = boxes.min(), boxes.max()
    for _ in range(60):  # the value that is the mean of what the means become when moved towards it
        middle = (low + high) / 2
        is_above = (weights * (middle - np.clip(middle, boxes[:, 0], boxes[:, 1]))).sum() > 0
        low, high = (low, middle) if is_above else (middle, high)
    least = _between(np.clip(middle, boxes[:, 0], boxes[:, 1]), weights)
    corners = product(*means) if k <= MOST_CORNERS else (boxes[:, 0], boxes[:, 1])
    most = max(_between(np.array(corner), weights) for corner in corners)
    df = k - 1, total - k
    f = least / df[0] / (max(within[1], 1e-12) / df[1]), most / df[0] / (max(within[0], 1e-12) / df[1])
    p = p_of_f(f[1], *df), p_of_f(f[0], *df)
    return Outcome(p, f, tuple((each, each) for each in df))


def _between(means: np.ndarray, n: np.ndarray) -> float:
    return float((n * (means - (n * means).sum() / n.sum()) ** 2).sum())


def table(counts: Sequence[Sequence[int]]) -> dict[str, Outcome]:
    """Test a table of counts by chi-squared; a 2x2 table with Yates' correction and by Fisher as well.

    References
    ----------
    Yates F. Suppl J R Stat Soc 1934;1:217-235. Fisher RA. J R Stat Soc 1935;98:39-82.
    """
    seen = np.array(counts, dtype=float)
    rows, columns = seen.sum(axis=1), seen.sum(axis=0)
    if not rows.all() or not columns.all():
        return {}
    expected = np.outer(rows, columns) / seen.sum()
    df = (len(rows) - 1) * (len(columns) - 1)
    exact = fisher(seen.astype(int))
    found = {"fisher": Outcome((exact, exact))} if exact is not None else {}
    found |= {"chi2": _of_chi2(float(((seen - expected) ** 2 / expected).sum()), df)}
    if seen.shape == (2, 2):
        apart = np.abs(seen - expected)
        yates = float(((apart - np.minimum(0.5, apart)) ** 2 / expected).sum())
        found |= {"yates": _of_chi2(yates, 1)}
    return found


def _of_chi2(chi2: float, df: int) -> Outcome:
    p = p_of_chi2(chi2, df)
    return Outcome((p, p), (chi2, chi2), ((df, df),))


def fisher(counts: np.ndarray) -> float | None:
    """Return Fisher's exact P value of a table of two rows or columns: tables no more likely than this one.

    None where there are too many tables with these margins.

    References
    ----------
    Freeman GH, Halton JH. Biometrika 1951;38:141-149.
    """
    seen = counts if counts.shape[1] == 2 else counts.T
    if seen.shape[1] != 2 or math.prod(int(row.sum()) + 1 for row in seen[1:]) > MOST_WAYS:
        return None
    sizes, total = [int(row.sum()) for row in seen], int(seen[:, 0].sum())
    ways: list[int] = []
    for rest in product(*(range(size + 1) for size in sizes[1:])):
        first = total - sum(rest)
        if 0 <= first <= sizes[0]:
            ways.append(math.prod(map(math.comb, sizes, (first, *rest))))
    own = math.prod(math.comb(size, int(row[0])) for size, row in zip(sizes, seen, strict=True))
    return sum(way for way in ways if way <= own) / math.comb(sum(sizes), total)


def mcnemar(b: int, c: int) -> dict[str, Outcome]:
    """Test the two discordant counts of pairs: by chi-squared, with its correction, and exactly.

    References
    ----------
    McNemar Q. Psychometrika 1947;12:153-157.
    """
    n = b + c
    if not n:
        return {}
    exact = min(1.0, 2 * sum(math.comb(n, k) for k in range(min(b, c) + 1)) / 2**n)
    plain, corrected = (b - c) ** 2 / n, max(abs(b - c) - 1, 0) ** 2 / n
    every = span(_of_chi2(plain, 1).p, _of_chi2(corrected, 1).p, (exact, exact))
    return {"mcnemar": Outcome(every, (min(plain, corrected), max(plain, corrected)), ((1, 1),))}


@lru_cache(maxsize=256)
def _ways(first: int, second: int) -> tuple[int, ...]:
    """Count in how many orders of two groups U is 0, 1, 2, …: Gaussian binomial coefficients."""
    ways = [1] + [0] * (first * second)
    for i in range(1, first + 1):
        for place in range(len(ways) - 1, second + i - 1, -1):
            ways[place] -= ways[place - second - i]
        for place in range(i, len(ways)):
            ways[place] += ways[place - i]
    return tuple(ways)


def mann_whitney(u: Range, n: Sequence[int]) -> Outcome:
    """Return the P value of U of two groups, exactly and by the normal distribution; without ties.

    References
    ----------
    Mann HB, Whitney DR. Ann Math Stat 1947;18:50-60.
    """
    pairs = n[0] * n[1]
    sd = math.sqrt(pairs * (n[0] + n[1] + 1) / 12)
    found = []
    for value in (*u, *((pairs / 2,) if u[0] < pairs / 2 < u[1] else ())):
        apart = abs(min(max(value, 0), pairs) - pairs / 2)
        found += [p_of_z(apart / sd), p_of_z(max(apart - 0.5, 0) / sd)]
        if pairs <= EXACT_PAIRS:
            found.append(_exact_u(pairs / 2 - apart, n))
    return Outcome((min(found), max(found)), u)


def _exact_u(smaller: float, n: Sequence[int]) -> float:
    ways = _ways(min(n), max(n))
    return min(1.0, 2 * float(sum(ways[: math.floor(smaller) + 1])) / float(math.comb(sum(n), min(n))))


def least_p_of_ranks(n: Sequence[int]) -> float:
    """Return the least P value that a rank test of two groups can have, in whichever form is smaller."""
    return mann_whitney((0, 0), n).p[0]


def of_estimate(estimate: Range, se: Range, df: float | None = None) -> Outcome:
    """Test whether an estimate is 0, by its standard error."""
    z = over(lambda b, s: b / max(s, 1e-12), estimate, se)
    p = over(p_of_z if df is None else (lambda t: p_of_t(t, df)), z)
    return Outcome(p, z, () if df is None else ((df, df),))


def se_of_interval(low: Range, high: Range, level: float = 0.95, df: float | None = None) -> Range:
    """Return the standard error that a symmetric interval implies."""
    z = float(ndtri(0.5 + level / 2) if df is None else stdtrit(df, 0.5 + level / 2))
    return max(high[0] - low[1], 0) / 2 / z, (high[1] - low[0]) / 2 / z


def mean_interval(mean: Range, sd: Range, n: int, level: float = 0.95) -> dict[str, tuple[Range, Range]]:
    """Return between what either end of the interval of a mean lies, by t and by the normal."""
    factors = {"t": stdtrit(n - 1, 0.5 + level / 2), "wald": ndtri(0.5 + level / 2)}
    errors = [end / math.sqrt(n) for end in sd]
    return {name: around(mean, [float(z) * error for error in errors]) for name, z in factors.items()}


def difference_interval(
    difference: Range, sds: Sequence[Range], n: Sequence[int], level: float = 0.95
) -> dict[str, tuple[Range, Range]]:
    """Return between what either end of the interval of a difference of means lies: Student's and Welch's."""
    halves: dict[str, list[float]] = {"t": [], "welch": []}
    for pair in product(*(tuple(max(end, 1e-12) for end in sd) for sd in sds)):
        for name, (error, df) in _errors(pair, n).items():
            halves[name].append(float(stdtrit(df, 0.5 + level / 2)) * error)
    return {name: around(difference, half) for name, half in halves.items()}


def of_statistic(statistic: Range, df: Sequence[int]) -> dict[str, Outcome]:
    """Return the P value of a test's statistic with its degrees of freedom, by every distribution that fits.

    Two degrees of freedom are of F, one of t or chi-squared, none of a normal deviate.
    """
    if len(df) == 2:
        functions = {"anova": lambda f: p_of_f(f, *df)}
    elif len(df) == 1:
        functions = {"t": lambda t: p_of_t(t, df[0])}
        functions |= {"chi2": lambda x: p_of_chi2(x, df[0])} if statistic[1] > 0 else {}
    else:
        functions = {"z": p_of_z}
    return {
        name: Outcome(over(function, statistic), statistic, tuple((each, each) for each in df))
        for name, function in functions.items()
    }
