"""What a study of so many patients can say of lesions and severity, by simulated cohorts."""

import math
from bisect import bisect_left
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cache
from itertools import product

import numpy as np
import pandas as pd
from scipy.optimize import minimize_scalar
from scipy.special import log_ndtr, ndtri

from crmo_analysis.files import InputError, NotEstimableError
from crmo_analysis.models.regression import regress
from crmo_analysis.models.simulation import INTERVAL as INTERVAL
from crmo_analysis.models.simulation import TESTS as TESTS
from crmo_analysis.models.simulation import (
    USUAL,
    Simulation,
    drawing,
    population_spearman,
    simulated_correlations,
    spearman_interval,
)
from crmo_analysis.models.simulation import Design as Design
from crmo_analysis.study import describe

QUICK = Simulation(2_000)  # where a number is looked for
LEAST, MOST = 10, 5_000  # patients among whom a number is looked for
LEAST_SIGNIFICANT = 100  # simulated cohorts, of which an estimate given significance is made


def power(
    truths: Sequence[float] | Sequence[Sequence[np.ndarray]],
    sizes: Sequence[int],
    test: str = "spearman",
    alpha: float = 0.05,
    simulation: Simulation = USUAL,
) -> pd.DataFrame:
    """Simulate how often cohorts of some sizes find an association.

    Parameters
    ----------
    truths, simulation
        As for `simulated_correlations`, each truth in turn; cohorts are simulated for each row of the result.
    sizes : sequence of int
        Patients a cohort.
    test : str
        One of `TESTS`.
    alpha : float
        Two-sided.

    Returns
    -------
    DataFrame
        `truth` (its place among `truths`), `n, power, power_error` (Monte Carlo).
    """
    rows = []
    for (place, truth), n in product(enumerate(truths), sizes):
        found = abs(simulated_correlations(truth, n, simulation, test))
        critical = ndtri(1 - alpha / 2) / math.sqrt(n)
        critical = describe.smallest_pearson(alpha, n) if test == "spearman" else critical
        count = int((found > critical).sum())
        rows.append({"truth": place, "n": n, **_mean("power", count, len(found))})
    return pd.DataFrame(rows)


def model_precision(
    model: str, truth: float | Sequence[np.ndarray], sizes: Sequence[int], simulation: Simulation = USUAL
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
    rows, draw = [], drawing(truth, simulation.design)
    for n in sizes:
        estimates, factors = [], []
        cohorts = draw(np.random.default_rng(simulation.seed), simulation.cohorts, n)
        for lesions, severity in zip(*cohorts, strict=True):
            pair = (severity, lesions) if model == "ordinal" else (lesions + 1, severity)
            with suppress(NotEstimableError):
                found = regress(model, *pair, wald=True)
                if found.ci_low > 0 and found.ci_high < math.inf:
                    estimates.append(found.estimate)
                    factors.append(math.log(found.ci_high / found.ci_low))
        count, some = len(factors), factors or [math.nan]
        factor = math.exp(np.mean(some))
        error = factor * float(np.std(some)) / math.sqrt(len(some))
        rows.append((n, float(np.median(estimates or [math.nan])), factor, error, count))
    return pd.DataFrame(rows, columns=["n", "estimate", "factor", "factor_error", "estimable"])


def power_and_precision(
    correlations: Sequence[float], sizes: Sequence[int], alpha: float = 0.05, simulation: Simulation = USUAL
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
    rows, cohorts = [], simulation.cohorts
    for correlation in correlations:
        truth = population_spearman(correlation, simulation.design)
        for n in sizes:
            rho = simulated_correlations(correlation, n, simulation)
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


def needed_patients(width: float, correlation: float, simulation: Simulation = QUICK) -> tuple[int, int, int]:
    """Find how many patients give a 95 % interval (see `spearman_interval`) of a wanted mean width.

    Returns
    -------
    tuple of int
        The fewest patients, and limits of two Monte Carlo errors.

    Raises
    ------
    InputError
        If it takes fewer than `LEAST` or more than `MOST` patients.
    """

    @cache
    def mean_width(n: int) -> tuple[float, float]:
        low, high = spearman_interval(simulated_correlations(correlation, n, simulation), n)
        return float((high - low).mean()), float((high - low).std() / math.sqrt(simulation.cohorts))

    def is_narrow(n: int, errors: float) -> bool:
        found, error = mean_width(n)
        return found + errors * error <= width

    if not mean_width(MOST)[0] < width < mean_width(LEAST)[0]:
        ends = " to ".join(f"{mean_width(n)[0]:.3f}" for n in (MOST, LEAST))
        raise InputError(f"width is {width}; expected {ends}, as {MOST:,} and {LEAST} patients give")
    sizes = range(LEAST, MOST)
    return tuple(
        LEAST + bisect_left(sizes, True, key=lambda n, errors=errors: is_narrow(n, errors))
        for errors in (0, -2, 2)
    )


def evidence_of_significance(
    n: int = 54, alpha: float = 0.01, simulation: Simulation = QUICK
) -> tuple[float, float, float]:
    """Weigh latent correlations by how often they are significant in the published direction.

    Latent correlations from -0.95 to 0.95 are as likely beforehand; nothing is known but that P was below
    alpha.

    Returns
    -------
    tuple of float
        Median, and 2.5 % and 97.5 % points, of Spearman's correlation in everybody.
    """
    latent = np.linspace(-0.95, 0.95, 39)
    truths = np.array([population_spearman(each, simulation.design) for each in latent])
    least = describe.smallest_pearson(alpha, n)
    seeds = [replace(simulation, seed=simulation.seed + i) for i in range(len(latent))]
    rho = [simulated_correlations(each, n, seeded) for each, seeded in zip(latent, seeds, strict=True)]
    significant = np.array(rho) > least
    if significant.sum() < LEAST_SIGNIFICANT:
        raise NotEstimableError(f"P below {alpha:g} in {n} patients is too rare to be simulated")
    share = significant.mean(axis=1)
    cumulated = np.concatenate([[0], np.cumsum((share[1:] + share[:-1]) * np.diff(latent))])
    inside = np.interp([0.5, 0.025, 0.975], cumulated / cumulated[-1], latent)
    return tuple(np.interp(inside, latent, truths).tolist())


def conditional_estimate(rho: float, n: int, alpha: float) -> float:
    """Shrink a significant Spearman correlation, which would not have been published had P been above alpha.

    Fisher's z is normal with variance 1.06 / (n - 3) and cut off between the critical values; this is the
    maximum of that likelihood.

    References
    ----------
    Zöllner S, Pritchard JK. Am J Hum Genet 2007;80:605-615. Fieller EC, Hartley HO, Pearson ES. Biometrika
    1957;44:470-481 (the variance).
    """
    least = describe.smallest_pearson(alpha, n)
    sd = math.sqrt(describe.VARIANCE_OF_Z["spearman"] / (n - 3))
    z, cut = math.atanh(abs(rho)) / sd, math.atanh(least) / sd

    def minus_log(mean: float) -> float:
        return (z - mean) ** 2 / 2 + np.logaddexp(log_ndtr(mean - cut), log_ndtr(-mean - cut))

    found = minimize_scalar(minus_log, bounds=(0, z), method="bounded", options={"xatol": 1e-9}).x
    return math.copysign(math.tanh(found * sd), rho)
