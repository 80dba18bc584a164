"""What a study of so many patients can say of lesions and severity, by simulated cohorts."""

import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.optimize import minimize_scalar
from scipy.special import log_ndtr, ndtri

from crmo_analysis.files import InputError, NotEstimableError
from crmo_analysis.models.regression import regress
from crmo_analysis.models.simulation import (
    TESTS,
    Simulation,
    drawing,
    population_spearman,
    simulated_correlations,
    spearman_interval,
)
from crmo_analysis.models.simulation import Design as Design
from crmo_analysis.study import describe

LEAST, MOST = 10, 5_000  # patients among whom a number is looked for


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


def power(
    truths: Sequence[float] | Sequence[Sequence[np.ndarray]],
    sizes: Sequence[int],
    tests: Sequence[str] = TESTS,
    alpha: float = 0.05,
    simulation: Simulation | None = None,
) -> pd.DataFrame:
    """Simulate how often cohorts of some sizes find an association.

    Parameters
    ----------
    truths, simulation
        As for `simulated_correlations`, each truth in turn; cohorts are simulated for each row of the result.
    sizes, tests : sequence
        Patients a cohort, and tests of `TESTS`.
    alpha : float
        Two-sided.

    Returns
    -------
    DataFrame
        `test, truth` (its place among `truths`), `n, power, power_error` (Monte Carlo).
    """
    rows = []
    for test in tests:
        for place, truth in enumerate(truths):
            for n in sizes:
                found = abs(simulated_correlations(truth, n, simulation, test))
                by_rank = test == "spearman"
                critical = (
                    describe.smallest_pearson(alpha, n) if by_rank else ndtri(1 - alpha / 2) / math.sqrt(n)
                )
                count = int((found > critical).sum())
                rows.append({"test": test, "truth": place, "n": n, **_mean("power", count, len(found))})
    return pd.DataFrame(rows)


def model_precision(
    model: str,
    truth: float | Sequence[np.ndarray],
    sizes: Sequence[int],
    simulation: Simulation | None = None,
) -> pd.DataFrame:
    """Simulate how wide a model's 95 % interval is, as the factor from its lower to its upper end.

    Intervals are Wald's, whose factors agree with those of profile likelihood within a tenth with 15
    patients, and a fiftieth with 54, at a fraction of the time.

    Parameters
    ----------
    model : str
        "ordinal": odds ratio of a higher severity per SD of the lesion count; "negative_binomial": ratio of
        lesion counts per SD of severity.
    truth, sizes, simulation
        As for `power`, with one truth; each cohort is fitted by `regression.regress`.

    Returns
    -------
    DataFrame
        One row a size: `n`, the median `estimate`, the mean `factor` (geometric) with its Monte Carlo
        `factor_error`, and `estimable`, of how many cohorts.
    """
    given, rows = simulation or Simulation(), []
    draw = drawing(truth, given.design)
    for n in sizes:
        estimates, factors = [], []
        for lesions, severity in zip(*draw(np.random.default_rng(given.seed), given.cohorts, n), strict=True):
            pair = (severity, lesions) if model == "ordinal" else (lesions + 1, severity)
            with suppress(NotEstimableError):
                found = regress(model, *pair, wald=True)
                if found.ci_low > 0 and found.ci_high < math.inf:
                    estimates.append(found.estimate)
                    factors.append(math.log(found.ci_high / found.ci_low))
        count = len(factors)
        row = {"n": n, "estimate": math.nan, "factor": math.nan, "factor_error": math.nan}
        if count:
            factor = math.exp(np.mean(factors))
            row |= {"estimate": float(np.median(estimates)), "factor": factor}
            row["factor_error"] = factor * float(np.std(factors)) / math.sqrt(count)
        rows.append(row | {"estimable": count})
    return pd.DataFrame(rows)


def power_and_precision(
    correlations: Sequence[float],
    sizes: Sequence[int],
    alpha: float = 0.05,
    simulation: Simulation | None = None,
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
    given, rows = simulation or Simulation(), []
    cohorts = given.cohorts
    for correlation in correlations:
        truth = population_spearman(correlation, given.design)
        for n in sizes:
            rho = simulated_correlations(correlation, n, given)
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
    width: float, correlation: float, confidence: float = 0.95, simulation: Simulation | None = None
) -> NeededPatients:
    """Find how many patients give an interval (see `spearman_interval`) of a wanted mean width.

    Raises
    ------
    InputError
        If it takes fewer than `LEAST` or more than `MOST` patients.
    """
    given, known = simulation or Simulation(2_000), {}

    def mean_width(n: int) -> tuple[float, float]:
        if n not in known:
            low, high = spearman_interval(simulated_correlations(correlation, n, given), n, confidence)
            known[n] = float((high - low).mean()), float((high - low).std() / math.sqrt(given.cohorts))
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
        raise InputError(f"width is {width}; expected {ends}, as {MOST:,} and {LEAST} patients give")
    n = smallest(0)
    return NeededPatients(n, smallest(-2), smallest(2), *mean_width(n))


def evidence_of_significance(
    n: int = 54, alpha: float = 0.01, simulation: Simulation | None = None
) -> Evidence:
    """Weigh latent correlations by how often they are significant in the published direction.

    Latent correlations from -0.95 to 0.95 are as likely beforehand; nothing is known but that P was below
    alpha.
    """
    latent = np.linspace(-0.95, 0.95, 39)
    given = simulation or Simulation(2_000)
    truths = np.array([population_spearman(each, given.design) for each in latent])
    least, batches = describe.smallest_pearson(alpha, n), 10
    seeds = [replace(given, seed=given.seed + i) for i in range(len(latent))]
    rho = [simulated_correlations(each, n, seeded) for each, seeded in zip(latent, seeds, strict=True)]
    significant = np.array(rho) > least
    if any(not part.any() for part in np.array_split(significant, batches, axis=1)):
        raise NotEstimableError(f"P below {alpha:g} in {n} patients is too rare to be simulated")

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
    InputError
        If rho is not significant.

    References
    ----------
    Zöllner S, Pritchard JK. Am J Hum Genet 2007;80:605-615. Fieller EC, Hartley HO, Pearson ES. Biometrika
    1957;44:470-481 (the variance).
    """
    least = describe.smallest_pearson(alpha, n)
    if not least < abs(rho) < 1:
        raise InputError(
            f"rho is {rho}, which is not between {least:.3f} and 1: P is not below {alpha} with n = {n}"
        )
    sd = math.sqrt(1.06 / (n - 3))
    z, cut = math.atanh(abs(rho)) / sd, math.atanh(least) / sd

    def minus_log(mean: float) -> float:
        return (z - mean) ** 2 / 2 + np.logaddexp(log_ndtr(mean - cut), log_ndtr(-mean - cut))

    found = minimize_scalar(minus_log, bounds=(0, z), method="bounded", options={"xatol": 1e-9}).x
    return math.copysign(math.tanh(found * sd), rho)
