"""What a study of so many patients can say of lesions and severity, by simulation under a stated model.

Two normal variables of a given latent correlation are cut: one into a lesion count (one more than a negative
binomial number, since everybody has the disease), the other into an ordinal severity. Or cohorts are drawn
from tables. Spearman's correlation is tested by t; proportional odds and negative binomial regression by
their score statistics.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import minimize_scalar
from scipy.special import log_ndtr, ndtr, ndtri
from scipy.stats import nbinom

from crmo_analysis.files import NotEstimableError
from crmo_analysis.models.regression import regress
from crmo_analysis.study import describe

_VALUES = 2_000_000  # drawn at a time, so that memory stays small
TESTS = ("spearman", "ordinal", "negative_binomial")
LEAST, MOST = 10, 5_000  # patients among whom a number is looked for


@dataclass(frozen=True)
class Design:
    """Distributions of the lesion count and of severity, as shares of patients at its levels.

    The negative binomial part of the count has variance m + lesions_dispersion * m², where m is lesions_mean
    - 1.
    """

    lesions_mean: float = 6.0
    lesions_dispersion: float = 0.6
    severity_shares: tuple[float, ...] = (1 / 11,) * 11


@dataclass(frozen=True)
class NeededPatients:
    """The fewest patients whose intervals are as narrow as wanted, with limits of two Monte Carlo errors."""

    n: int
    n_low: int
    n_high: int
    width: float
    width_error: float


@dataclass(frozen=True)
class Evidence:
    """The population's Spearman correlation given "P < alpha" alone, with Monte Carlo errors.

    `smallest` is the least observed |rho| that is significant.
    """

    n: int
    alpha: float
    smallest: float
    median: float
    low: float
    high: float
    median_error: float
    low_error: float
    high_error: float


def simulated_correlations(
    truth: float | Sequence[np.ndarray],
    n: int,
    cohorts: int = 10_000,
    design: Design | None = None,
    seed: int = 1,
    test: str = "spearman",
) -> np.ndarray:
    """Return the correlation that a test rests on, of simulated cohorts; 0 where a variable is constant.

    Parameters
    ----------
    truth : float, or sequence of arrays of shape (m, 2)
        The correlation of the latent normal variables; or tables of lesion count and severity, of which each
        cohort draws one and its patients, with replacement.
    n, cohorts, design, seed
        Patients a cohort, at least 4; how many cohorts; their distributions, where truth is a correlation.
    test : str
        One of `TESTS`: "spearman" correlates midranks; "ordinal" lesion counts and midranks of severity,
        which times the root of n is the score statistic of proportional odds; "negative_binomial" lesion
        counts and severity scores, made smaller where counts spread less than a Poisson variable: times the
        root of n, the score statistic of the count's regression with a dispersion by moments.

    Raises
    ------
    ValueError
        If a number is out of its range, severity shares do not add up to 1, or a table is no table of
        numbers.

    References
    ----------
    Whitehead J. Stat Med 1993;12:2257-2271, section 2 (score of proportional odds). Dean C, Lawless JF. J Am
    Stat Assoc 1989;84:467-472 (dispersion).
    """
    if test not in TESTS or n < 4 or cohorts < 1:
        raise ValueError(
            f"test is {test!r}, n {n} and cohorts {cohorts}; expected one of {', '.join(TESTS)}, at least 4 "
            f"and 1"
        )
    draw = _of_tables(truth) if isinstance(truth, Sequence) else _of_normals(truth, design or Design())
    rng, size, found = np.random.default_rng(seed), max(1, _VALUES // n), []
    for start in range(0, cohorts, size):
        lesions, severity = draw(rng, min(size, cohorts - start), n)
        first = _midranks(lesions) if test == "spearman" else _centred(lesions)
        second = _centred(severity) if test == "negative_binomial" else _midranks(severity)
        products = [
            np.einsum("ij,ij->i", a, b) for a, b in ((first, second), (first, first), (second, second))
        ]
        if test == "negative_binomial":
            products[1] = np.maximum(products[1], (lesions + 1).sum(axis=1))
        scale = np.sqrt(products[1] * products[2])
        found.append(np.divide(products[0], scale, out=np.zeros(len(scale)), where=scale > 0))
    return np.concatenate(found)


def _of_normals(correlation: float, design: Design) -> Callable:
    """Return a function that draws lesion counts less 1, and levels of severity, of some cohorts."""
    cuts = _cuts(design)
    if not -1 <= correlation <= 1:
        raise ValueError(f"correlation is {correlation}, expected -1 to 1")

    def draw(rng: np.random.Generator, count: int, n: int) -> tuple[np.ndarray, np.ndarray]:
        first, other = rng.standard_normal((2, count, n))
        second = correlation * first + math.sqrt(1 - correlation**2) * other
        return np.searchsorted(cuts[0], first), np.searchsorted(cuts[1], second)

    return draw


def _of_tables(tables: Sequence[np.ndarray]) -> Callable:
    """Return a function that draws cohorts from tables of lesion count and severity."""
    rows = [np.asarray(table, dtype=float) for table in tables]
    for row in rows:
        if (
            row.ndim != 2
            or row.shape[1] != 2
            or not len(row)
            or not (row == np.floor(row)).all()
            or row[:, 0].min() < 1
        ):
            raise ValueError(
                "expected tables of two columns: lesion counts of 1 or more, and whole severity scores"
            )
    starts = np.cumsum([0, *map(len, rows)])
    lesions, severity = np.concatenate(rows).astype(int).T if rows else np.zeros((2, 0), int)
    if not rows:
        raise ValueError("there is no table to draw from")

    def draw(rng: np.random.Generator, count: int, n: int) -> tuple[np.ndarray, np.ndarray]:
        table = rng.integers(len(rows), size=(count, 1))
        chosen = starts[table] + rng.integers(0, (starts[1:] - starts[:-1])[table], size=(count, n))
        return lesions[chosen] - 1, severity[chosen] - severity.min()

    return draw


def _centred(values: np.ndarray) -> np.ndarray:
    return values - values.mean(axis=1, keepdims=True)


def _cuts(design: Design) -> tuple[np.ndarray, np.ndarray]:
    """Return where the two normal variables are cut."""
    mean, dispersion, shares = (
        design.lesions_mean,
        design.lesions_dispersion,
        np.array(design.severity_shares),
    )
    if (
        mean <= 1
        or dispersion <= 0
        or len(shares) < 2
        or (shares <= 0).any()
        or not math.isclose(shares.sum(), 1)
    ):
        raise ValueError(
            f"{design} is no design: expected a mean above 1, a dispersion above 0, and shares that add up "
            f"to 1"
        )
    size = 1 / dispersion
    probability = size / (size + mean - 1)
    last = int(nbinom.ppf(1 - 1e-9, size, probability))
    return ndtri(nbinom.cdf(np.arange(last), size, probability)), ndtri(np.cumsum(shares)[:-1])


def _midranks(levels: np.ndarray) -> np.ndarray:
    """Return twice the midranks in each row, centred; a constant row gives zeros."""
    rows, width = np.arange(len(levels))[:, None], int(levels.max()) + 1
    places = levels + width * rows
    counts = np.bincount(places.ravel(), minlength=len(levels) * width).reshape(len(levels), width)
    return (2 * np.cumsum(counts, axis=1) - counts - levels.shape[1]).ravel().astype(float)[places]


def population_spearman(correlation: float, design: Design | None = None) -> float:
    """Return the Spearman correlation, ties included, of everybody at a latent correlation."""
    z = ndtri((np.arange(20_000) + 0.5) / 20_000)
    cuts = _cuts(design or Design())
    (first, _), (second, steps) = (_grades(z, at) for at in cuts)
    above = ndtr((correlation * z[:, None] - cuts[1]) / math.sqrt(max(1 - correlation**2, 1e-12)))
    return float(np.mean(first * (above * steps).sum(axis=1)) / (first.std() * second.std()))


def _grades(z: np.ndarray, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return centred midranks of a population, as shares, and by how much they rise at each cut."""
    shares = np.diff(ndtr(np.concatenate([[-np.inf], at, [np.inf]])))
    steps = (shares[1:] + shares[:-1]) / 2
    grades = np.concatenate([[0], np.cumsum(steps)])[np.searchsorted(at, z)]
    return grades - grades.mean(), steps


def spearman_interval(rho: np.ndarray, n: int, confidence: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
    """Return the interval of Spearman correlations by Fisher's z with variance (1 + rho² / 2) / (n - 3).

    References
    ----------
    Bonett DG, Wright TA. Psychometrika 2000;65:23-28.
    """
    rho = np.clip(rho, -1 + 1e-12, 1 - 1e-12)
    half = ndtri(0.5 + confidence / 2) * np.sqrt((1 + rho**2 / 2) / (n - 3))
    return np.tanh(np.arctanh(rho) - half), np.tanh(np.arctanh(rho) + half)


def power(
    truths: Sequence[float] | Sequence[Sequence[np.ndarray]],
    sizes: Sequence[int],
    tests: Sequence[str] = TESTS,
    alpha: float = 0.05,
    cohorts: int = 10_000,
    design: Design | None = None,
    seed: int = 1,
) -> pd.DataFrame:
    """Simulate how often cohorts of some sizes find an association.

    Parameters
    ----------
    truths, design, seed
        As for `simulated_correlations`, each truth in turn.
    sizes, tests : sequence
        Patients a cohort, and tests of `TESTS`.
    alpha : float
        Two-sided.
    cohorts : int
        For each row of the result.

    Returns
    -------
    DataFrame
        `test, truth` (its place among `truths`), `n, power, power_error` (Monte Carlo).
    """
    rows = []
    for test in tests:
        for place, truth in enumerate(truths):
            for n in sizes:
                found = abs(simulated_correlations(truth, n, cohorts, design, seed, test))
                critical = (
                    describe.smallest_pearson(alpha, n)
                    if test == "spearman"
                    else ndtri(1 - alpha / 2) / math.sqrt(n)
                )
                count = int((found > critical).sum())
                rows.append({"test": test, "truth": place, "n": n, **_mean("power", count, cohorts)})
    return pd.DataFrame(rows)


def model_precision(
    model: str,
    truth: float | Sequence[np.ndarray],
    sizes: Sequence[int],
    cohorts: int = 200,
    design: Design | None = None,
    seed: int = 1,
) -> pd.DataFrame:
    """Simulate how wide a model's 95 % interval is, as the factor from its lower to its upper end.

    Parameters
    ----------
    model : str
        "ordinal": odds ratio of a higher severity per SD of the lesion count; "negative_binomial": ratio of
        lesion counts per SD of severity.
    truth, sizes, cohorts, design, seed
        As for `power`, with one truth; each cohort is fitted by `regression.regress`.

    Returns
    -------
    DataFrame
        One row a size: `n`, the median `estimate`, the mean `factor` (geometric) with its Monte Carlo
        `factor_error`, and `estimable`, of how many cohorts.
    """
    draw = _of_tables(truth) if isinstance(truth, Sequence) else _of_normals(truth, design or Design())
    rows = []
    for n in sizes:
        estimates, factors = [], []
        for lesions, severity in zip(*draw(np.random.default_rng(seed), cohorts, n), strict=True):
            pair = (severity, lesions) if model == "ordinal" else (lesions + 1, severity)
            try:
                found = regress(model, *pair)
            except NotEstimableError:
                continue
            if found.ci_low > 0 and found.ci_high < math.inf:
                estimates.append(found.estimate)
                factors.append(math.log(found.ci_high / found.ci_low))
        count = len(factors)
        mean, error = (
            (np.mean(factors), np.std(factors) / math.sqrt(count)) if count else (math.nan, math.nan)
        )
        row = {
            "n": n,
            "estimate": float(np.median(estimates)) if count else math.nan,
            "factor": math.exp(mean),
        }
        rows.append(row | {"factor_error": math.exp(mean) * error, "estimable": count})
    return pd.DataFrame(rows)


def power_and_precision(
    correlations: Sequence[float],
    sizes: Sequence[int],
    alpha: float = 0.05,
    cohorts: int = 10_000,
    design: Design | None = None,
    seed: int = 1,
) -> pd.DataFrame:
    """Simulate what cohorts of some sizes find at some latent correlations.

    Returns
    -------
    DataFrame
        One row a pair: `correlation`, `n`, `rho` (the population's), `power` (two-sided P below alpha),
        `width` and `coverage` of the 95 % interval by `spearman_interval`, `exaggeration` (mean |observed| of
        significant cohorts over |rho|) and `wrong_sign` (share of significant cohorts), each with its Monte
        Carlo `_error`.

    References
    ----------
    Gelman A, Carlin J. Perspect Psychol Sci 2014;9:641-651 (exaggeration and wrong sign).
    """
    rows = []
    for correlation in correlations:
        truth = population_spearman(correlation, design)
        for n in sizes:
            rho = simulated_correlations(correlation, n, cohorts, design, seed)
            found = rho[abs(rho) > describe.smallest_pearson(alpha, n)]
            low, high = spearman_interval(rho, n)
            row = {"correlation": correlation, "n": n, "rho": truth, **_mean("power", len(found), cohorts)}
            row |= {"width": (high - low).mean(), "width_error": (high - low).std() / math.sqrt(cohorts)}
            row |= _mean("coverage", int(((low <= truth) & (truth <= high)).sum()), cohorts)
            known = len(found) > 1 and abs(truth) > 1e-9
            ratio = abs(found) / abs(truth) if known else np.array([math.nan])
            row |= {"exaggeration": ratio.mean(), "exaggeration_error": ratio.std() / math.sqrt(len(ratio))}
            wrong = int((found * truth < 0).sum()) if known else math.nan
            rows.append(row | _mean("wrong_sign", wrong, len(found) if known else 1))
    return pd.DataFrame(rows)


def _mean(name: str, count: float, of: int) -> dict[str, float]:
    share = count / of
    return {name: share, f"{name}_error": math.sqrt(share * (1 - share) / of)}


def needed_patients(
    width: float,
    correlation: float,
    confidence: float = 0.95,
    cohorts: int = 2_000,
    design: Design | None = None,
) -> NeededPatients:
    """Find how many patients give an interval (see `spearman_interval`) of a wanted mean width.

    Raises
    ------
    ValueError
        If it takes fewer than `LEAST` or more than `MOST` patients.
    """
    known: dict[int, tuple[float, float]] = {}

    def mean_width(n: int) -> tuple[float, float]:
        if n not in known:
            low, high = spearman_interval(
                simulated_correlations(correlation, n, cohorts, design), n, confidence
            )
            known[n] = float((high - low).mean()), float((high - low).std() / math.sqrt(cohorts))
        return known[n]

    def smallest(errors: float) -> int:
        low, high = LEAST, MOST
        while low < high:
            middle = (low + high) // 2
            found, error = mean_width(middle)
            low, high = (low, middle) if found + errors * error <= width else (middle + 1, high)
        return low

    if not mean_width(MOST)[0] < width < mean_width(LEAST)[0]:
        ends = " to ".join(f"{mean_width(n)[0]:.3f}" for n in (MOST, LEAST))
        raise ValueError(f"width is {width}; expected {ends}, as {MOST:,} and {LEAST} patients give")
    n = smallest(0)
    return NeededPatients(n, smallest(-2), smallest(2), *mean_width(n))


def evidence_of_significance(
    n: int = 54, alpha: float = 0.01, cohorts: int = 2_000, design: Design | None = None, seed: int = 1
) -> Evidence:
    """Weigh latent correlations by how often they are significant in the published direction.

    Latent correlations from -0.95 to 0.95 are as likely beforehand; nothing is known but that P was below
    alpha.
    """
    latent = np.linspace(-0.95, 0.95, 39)
    truths = np.array([population_spearman(each, design) for each in latent])
    least, batches = describe.smallest_pearson(alpha, n), 10
    rho = [simulated_correlations(each, n, cohorts, design, seed + i) for i, each in enumerate(latent)]
    significant = np.array(rho) > least

    def quantiles(share: np.ndarray) -> np.ndarray:
        cumulated = np.concatenate([[0], np.cumsum((share[1:] + share[:-1]) * np.diff(latent))])
        return np.interp(np.interp([0.5, 0.025, 0.975], cumulated / cumulated[-1], latent), latent, truths)

    parts = [quantiles(part.mean(axis=1)) for part in np.array_split(significant, batches, axis=1)]
    errors = np.std(parts, axis=0, ddof=1) / math.sqrt(batches)
    return Evidence(n, alpha, least, *quantiles(significant.mean(axis=1)).tolist(), *errors.tolist())


def conditional_estimate(rho: float, n: int, alpha: float) -> float:
    """Shrink a significant Spearman correlation, which would not have been published had P been above alpha.

    Fisher's z is normal with variance 1.06 / (n - 3) and cut off between the critical values; this is the
    maximum of that likelihood.

    Raises
    ------
    ValueError
        If rho is not significant.

    References
    ----------
    Zöllner S, Pritchard JK. Am J Hum Genet 2007;80:605-615. Fieller EC, Hartley HO, Pearson ES. Biometrika
    1957;44:470-481 (the variance).
    """
    least = describe.smallest_pearson(alpha, n)
    if not least < abs(rho) < 1:
        raise ValueError(
            f"rho is {rho}, which is not between {least:.3f} and 1: P is not below {alpha} with n = {n}"
        )
    sd = math.sqrt(1.06 / (n - 3))
    z, cut = math.atanh(abs(rho)) / sd, math.atanh(least) / sd

    def minus_log(mean: float) -> float:
        return (z - mean) ** 2 / 2 + np.logaddexp(log_ndtr(mean - cut), log_ndtr(-mean - cut))

    found = minimize_scalar(minus_log, bounds=(0, z), method="bounded", options={"xatol": 1e-9}).x
    return math.copysign(math.tanh(found * sd), rho)
