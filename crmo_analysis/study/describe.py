"""Descriptive statistics, each defined once, and how they are written."""

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pandas as pd
from scipy.special import chdtri, ndtri, stdtrit

from crmo_analysis.files import InputError
from crmo_analysis.study.rounding import round_by

DIGITS = 6
VARIANCE_OF_Z = {"pearson": 1.0, "spearman": 1.06}  # Fisher's z, times n - 3; Fieller 1957 for ranks


@dataclass(frozen=True)
class Proportion:
    """x of n with two 95 % intervals, on the scale of 0 to 1.

    `exact_low` and `exact_high` are Clopper-Pearson's, `wilson_low` and `wilson_high` Wilson's.
    """

    x: int
    n: int
    exact_low: float
    exact_high: float
    wilson_low: float
    wilson_high: float

    @property
    def estimate(self) -> float:
        """The share itself."""
        return self.x / self.n


def share_intervals(x: int, n: int, confidence: float = 0.95) -> dict[str, tuple[float, float]]:
    """Return the interval of x of n as shares: exact (Clopper-Pearson), Wilson's and Wald's.

    References
    ----------
    Clopper CJ, Pearson ES. Biometrika 1934;26:404-413. Wilson EB. J Am Stat Assoc 1927;22:209-212.
    """
    # Here, not at the top: the import takes longer than an audit, which needs no interval.
    from statsmodels.stats.proportion import proportion_confint

    methods = {"exact": "beta", "wilson": "wilson", "wald": "normal"}
    ends = {name: proportion_confint(x, n, alpha=1 - confidence, method=m) for name, m in methods.items()}
    return {name: (float(low), float(high)) for name, (low, high) in ends.items()}


def proportion(x: int, n: int, confidence: float = 0.95) -> Proportion:
    """Describe x of n patients, 0 <= x <= n and n >= 1, with an exact and a Wilson interval.

    A InputError says that they are no part and whole, or that the confidence is not between 0 and 1.
    """
    if int(x) != x or int(n) != n or not 0 <= x <= n or n < 1:
        raise InputError(f"{x} of {n} is no part of a whole; expected whole numbers, 0 <= x <= n and n >= 1")
    if not 0 < confidence < 1:
        raise InputError(f"confidence is {confidence}, expected a number between 0 and 1")
    found = share_intervals(int(x), int(n), confidence)
    ends = [round(end, DIGITS) for end in (*found["exact"], *found["wilson"])]
    return Proportion(int(x), int(n), *ends)


def rounded_text(value: Fraction | float, decimals: int) -> str:
    """Write a number with so many decimals, rounded half away from zero as its digits stand.

    There is no -0.
    """
    exact = value if isinstance(value, Fraction) else Fraction(str(value))
    rounded = round_by(abs(exact), decimals, "half_up")
    return f"{'-' if exact < 0 and rounded else ''}{float(rounded):.{decimals}f}"


def p_text(p: float, alone: bool = False) -> str:
    """Write a P value, never as 0 or 1; alone, as in a column of P values, without P or =."""
    if math.isnan(p):
        return "not determined" if alone else "P not determined"
    text = "<0.001" if p < 0.001 else ">0.999" if p > 0.999 else f"={rounded_text(p, 3)}"
    return text.removeprefix("=") if alone else f"P{text}"


def percent_text(share: Fraction | float, decimals: int = 1) -> str:
    """Write a share of 0 to 1 as a percentage, rounded half up."""
    exact = share if isinstance(share, Fraction) else Fraction(str(share))
    return rounded_text(100 * exact, decimals)


def interval_text(low: float, high: float, decimals: int = 1) -> str:
    """Write an interval of shares as percentages."""
    return f"{percent_text(low, decimals)}–{percent_text(high, decimals)}"


Measure = tuple[float, dict[str, tuple[float, float]]]  # a value, and its interval by each method


def of_counts(table: Sequence[Sequence[int]], confidence: float = 0.95) -> dict[str, Measure]:
    """Return what a table of counts gives: ratios and differences of two groups, association, agreement.

    Rows are the levels of the exposure (or the reference), columns those of the outcome (or the test).

    References
    ----------
    Cramér H. Mathematical Methods of Statistics, 1946, 21.9. Cook RJ, Sackett DL. BMJ 1995;310:452-454.
    Woolf B. Ann Hum Genet 1955;19:251-253. Katz D et al. Biometrics 1978;34:469-474. Cohen J. Educ
    Psychol Meas 1960;20:37-46. Fleiss JL, Cohen J, Everitt BS. Psychol Bull 1969;72:323-327.
    """
    seen = np.array(table, dtype=float)
    found = {"kappa": _kappa(seen, confidence)} if len(seen) == len(seen[0]) else {}
    found["cramers_v"] = _cramers_v(seen[seen.any(axis=1)][:, seen.any(axis=0)])
    if seen.shape != (2, 2) or not seen.sum(axis=1).all():
        return {name: measure for name, measure in found.items() if measure}
    from statsmodels.stats.proportion import confint_proportions_2indep

    (a, b), (c, d) = seen
    first, second = a + b, c + d
    ends = {
        method: confint_proportions_2indep(a, first, c, second, method=how, alpha=1 - confidence)
        for method, how in (("wald", "wald"), ("newcombe", "newcomb"))
    }
    difference = a / first - c / second
    found["risk_difference"] = difference, ends
    if difference:
        apart = {name: pair for name, pair in ends.items() if min(pair) * max(pair) > 0}
        turned = {name: tuple(sorted(1 / abs(end) for end in pair)) for name, pair in apart.items()}
        found["number_needed_to_treat"] = abs(1 / difference), turned
    if a and c:
        variance = 1 / a - 1 / first + 1 / c - 1 / second
        found["risk_ratio"] = _on_logarithm(a / first / (c / second), variance, confidence)
        found["positive_likelihood_ratio"] = found["risk_ratio"]
    if b and d:
        variance = 1 / b - 1 / first + 1 / d - 1 / second
        found["negative_likelihood_ratio"] = _on_logarithm(b / first / (d / second), variance, confidence)
    if seen.all():
        found["odds_ratio"] = _on_logarithm(a * d / (b * c), (1 / seen).sum(), confidence)
    return {name: measure for name, measure in found.items() if measure}


def _cramers_v(seen: np.ndarray) -> Measure | None:
    if min(seen.shape) < 2:
        return None
    expected = np.outer(seen.sum(axis=1), seen.sum(axis=0)) / seen.sum()
    chi2 = ((seen - expected) ** 2 / expected).sum()
    return math.sqrt(chi2 / seen.sum() / (min(seen.shape) - 1)), {}


def _on_logarithm(ratio: float, variance: float, confidence: float) -> Measure:
    half = float(ndtri(0.5 + confidence / 2)) * math.sqrt(variance)
    return float(ratio), {"wald": (float(ratio) * math.exp(-half), float(ratio) * math.exp(half))}


def _kappa(seen: np.ndarray, confidence: float) -> Measure | None:
    share = seen / seen.sum()
    agreed, expected = np.trace(share), share.sum(axis=1) @ share.sum(axis=0)
    if expected == 1:
        return None
    from statsmodels.stats.inter_rater import cohens_kappa

    value, z = (agreed - expected) / (1 - expected), float(ndtri(0.5 + confidence / 2))
    simple = math.sqrt(agreed * (1 - agreed) / seen.sum()) / (1 - expected)
    errors = {"wald": simple, "fleiss": float(cohens_kappa(seen).std_kappa)}
    return float(value), {name: (value - z * error, value + z * error) for name, error in errors.items()}


def standardised_difference(
    means: Sequence[float], sds: Sequence[float], n: Sequence[int]
) -> dict[str, float]:
    """Return the difference of two means in SDs: Cohen's d, and Hedges' g.

    References
    ----------
    Hedges LV, Olkin I. Statistical Methods for Meta-Analysis, 1985, 5.A and 5.E.
    """
    df = n[0] + n[1] - 2
    pooled = math.sqrt(sum((m - 1) * sd**2 for m, sd in zip(n, sds, strict=True)) / df)
    d = (means[0] - means[1]) / pooled
    return {"cohen": d, "hedges": d * (1 - 3 / (4 * df - 1))}


def standardised_interval(d: float, n: Sequence[int], confidence: float = 0.95) -> tuple[float, float]:
    """Return the interval of a difference in SDs by its large-sample error (the same, 5.C)."""
    error = math.sqrt(1 / n[0] + 1 / n[1] + d * d / (2 * (n[0] + n[1])))
    half = float(ndtri(0.5 + confidence / 2)) * error
    return d - half, d + half


def rate_intervals(events: int, time: float, confidence: float = 0.95) -> dict[str, tuple[float, float]]:
    """Return the interval of a rate: exactly by Poisson's distribution, and on the logarithm.

    References
    ----------
    Garwood F. Biometrika 1936;28:437-442.
    """
    tail = (1 - confidence) / 2
    low = float(chdtri(2 * events, 1 - tail)) / 2 if events else 0.0
    found = {"exact": (low / time, float(chdtri(2 * events + 2, tail)) / 2 / time)}
    if events:
        found["wald"] = _on_logarithm(events / time, 1 / events, confidence)[1]["wald"]
    return found


def fisher_interval(
    r: float, n: int, confidence: float = 0.95, statistic: str = "pearson"
) -> tuple[float, float]:
    """Return the interval of a "pearson" or "spearman" correlation by Fisher's z.

    References
    ----------
    Fisher RA. Metron 1921;1:3-32. Fieller EC, Hartley HO, Pearson ES. Biometrika 1957;44:470-481.
    """
    if not -1 < r < 1 or n < 4:
        raise InputError(f"r is {r} and n is {n}; expected r between -1 and 1, and n of at least 4")
    z, half = math.atanh(r), ndtri(0.5 + confidence / 2) * math.sqrt(VARIANCE_OF_Z[statistic] / (n - 3))
    return math.tanh(z - half), math.tanh(z + half)


def fisher_words(statistic: str) -> str:
    """Say how `fisher_interval` makes an interval."""
    return f"Fisher's z with a variance of {VARIANCE_OF_Z[statistic]:g}/(n - 3)"


def statistic(name: str, values: pd.Series | np.ndarray) -> Fraction | None:
    """Compute a statistic of values without missing ones, exactly (but for the digits of an sd, with n - 1).

    For shares, values are 1 for the patients counted and 0 for the others; rank is as count, value the
    smallest. None where there are no values, or one of an sd; a count of nobody is 0.
    """
    ordered = sorted(values.tolist())
    n, exact = len(ordered), {value: Fraction(str(value)) for value in set(ordered)}
    total = sum((exact[value] * times for value, times in Counter(ordered).items()), Fraction(0))
    if name in ("count", "rank", "sum"):
        return total
    if not n:
        return None
    match name:
        case "percent":
            return 100 * total / n
        case "fraction" | "mean":
            return total / n
        case "sd":
            times = Counter(ordered)
            squares = sum((exact[value] ** 2 * times[value] for value in times), Fraction(0))
            return None if n < 2 else Fraction(str(math.sqrt((squares - total**2 / n) / (n - 1))))
        case "median":
            return (exact[ordered[(n - 1) // 2]] + exact[ordered[n // 2]]) / 2
        case "min" | "value":
            return exact[ordered[0]]
        case "max":
            return exact[ordered[-1]]
    raise InputError(f"{name!r} is no statistic of a table")


def smallest_pearson(p: float, n: int) -> float:
    """Return the |r| whose two-sided P value is p in n pairs, 3 at least, by t with n - 2 df."""
    if not 0 < p < 1 or n < 3:
        raise InputError(f"p is {p} and n is {n}; expected p between 0 and 1, and n of at least 3")
    t = -stdtrit(n - 2, p / 2)
    return float(t / math.sqrt(n - 2 + t * t))


def smallest_spearman(p: float, n: int) -> float:
    """Return the smallest attainable |rho| without ties whose two-sided P value by t is below p.

    Without ties rho is 1 - 6 D / (n³ - n), where D, the sum of squared rank differences, is even:
    only these values can occur.
    """
    steps = n**3 - n
    critical = smallest_pearson(p, n)
    largest_d = math.floor((1 - critical) * steps / 6 / 2) * 2
    while largest_d >= 0 and 1 - 6 * largest_d / steps <= critical:
        largest_d -= 2
    return 1 - 6 * largest_d / steps if largest_d >= 0 else math.nan


def number_word(n: int) -> str:
    """Write a count of things as a text does: "no" for 0, words to nine, then digits."""
    words = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
    return words[n] if n < len(words) else str(n)


def in_sentence(label: str) -> str:
    """Write a label as it stands within a sentence.

    A small first letter, unless it begins an abbreviation, a name, or a noun of German: where a later word
    has a capital, or some letter is not English.
    """
    is_short = label[1:2].isupper() or label[1:2] in ("-", "")
    is_kept = is_short or re.search(r"\s[A-ZÄÖÜ][a-zäöüß]|[äöüß]", label)
    return label if is_kept else label[:1].lower() + label[1:]
