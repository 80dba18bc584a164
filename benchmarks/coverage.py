"""Measure coverage of the intervals and size of the tests in simulated patients whose truth is known.

Run it from the project's folder; it takes some minutes::

    python benchmarks/coverage.py --simulations 1000

Lesion counts are negative binomial with mean 6, so that they are skewed and tied; severity is a score of 0 to
10 tied to them by a Gaussian copula, or follows the regression's own model. What a correlation or a slope is
in the whole population is summed up from the joint distribution. Each share stands beside its Monte Carlo
error; a share of 95 % from 1,000 simulations has one of 0.7 points.
"""

import argparse
import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # processes, not threads, share the processor

import math
import platform
import time
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table
from scipy import stats
from scipy.special import expit

from crmo_analysis.files import NotEstimableError
from crmo_analysis.models import MODELS, association, maximum_statistic, regress, severity, specifications

SIZES = (15, 54, 200)
LESIONS = stats.nbinom(2, 2 / (2 + 6))
SD = float(LESIONS.std())
CUTS = stats.norm.ppf([0.06, 0.16, 0.28, 0.42, 0.55, 0.67, 0.78, 0.87, 0.94, 0.98])
LATENT, SLOPE, RESAMPLES, PERMUTATIONS = 0.5, 0.5, 1_999, 499


def copula(rng, n, latent):
    """Draw lesion counts and severity scores."""
    first, second = rng.multivariate_normal([0, 0], [[1, latent], [latent, 1]], n).T
    return LESIONS.ppf(stats.norm.cdf(first)), np.digitize(second, CUTS).astype(float)


def population(latent):
    """Return the correlations and the least-squares slope of the whole population."""
    counts = np.arange(int(LESIONS.ppf(1 - 1e-7)))
    edges = np.clip(stats.norm.ppf(LESIONS.cdf(counts)), -9, 9), np.append(CUTS, 9)
    grid = np.stack(np.meshgrid(*edges, indexing="ij"), axis=-1)
    below = stats.multivariate_normal([0, 0], [[1, latent], [latent, 1]]).cdf(grid)
    share = np.diff(np.diff(below, axis=0, prepend=0), axis=1, prepend=0)
    x, y = share.sum(axis=1), share.sum(axis=0)

    def moments(first, second):
        a, b = first - first @ x, second - second @ y
        return a @ share @ b, a * a @ x, b * b @ y

    covariance, *variances = moments(counts, np.arange(len(y)))
    ranks = moments(x.cumsum() - x / 2, y.cumsum() - y / 2)
    signs = [np.sign(np.subtract.outer(values, values)) for values in (np.arange(len(x)), np.arange(len(y)))]
    pairs = np.einsum("ij,ik,jl,kl->", share, signs[0], signs[1], share, optimize=True)
    return {
        "pearson": covariance / math.sqrt(math.prod(variances)),
        "spearman": ranks[0] / math.sqrt(ranks[1] * ranks[2]),
        "kendall": pairs / math.sqrt((1 - x @ x) * (1 - y @ y)),
        "slope": covariance / variances[0],
    }


def outcome(rng, model, x, slope):
    """Draw an outcome from the regression's own model; slope is per SD of the exposure."""
    eta = slope * (x - LESIONS.mean()) / SD
    match model:
        case "linear":
            return np.digitize(slope * (x - LESIONS.mean()) / SD + rng.normal(size=len(x)), CUTS).astype(
                float
            )
        case "poisson":
            return rng.poisson(np.exp(1.2 + eta)).astype(float)
        case "negative_binomial":
            return rng.poisson(np.exp(1.2 + eta) * rng.gamma(1 / 0.7, 0.7, len(x))).astype(float)
        case "ordinal":
            return np.digitize(eta + rng.logistic(size=len(x)), 1.7 * CUTS).astype(float)
    return (rng.random(len(x)) < expit(eta - 0.4)).astype(float)


def one_correlation(task):
    n, seed = task
    rng, found = np.random.default_rng([n, seed, 1]), {}
    for latent in (LATENT, 0.0):
        x, y = copula(rng, n, latent)
        for name in association.STATISTICS:
            try:
                fit = association.correlate(
                    x, y, name, resamples=RESAMPLES, permutations=PERMUTATIONS, seed=seed
                )
                found[name, latent] = fit.ci_low, fit.ci_high, fit.p
            except NotEstimableError:
                found[name, latent] = (math.nan,) * 3
    return found


def one_regression(task):
    n, seed = task
    rng, found = np.random.default_rng([n, seed, 2]), {}
    x = LESIONS.rvs(n, random_state=rng).astype(float)
    least_squares = copula(rng, n, LATENT)
    for model in MODELS:
        for slope in (SLOPE, 0.0):
            y, exposure = outcome(rng, model, x, slope), x
            if model == "linear" and slope:
                exposure, y = least_squares
            try:
                fit = regress(model, y, exposure, per=SD)
                found[model, slope] = fit.ci_low, fit.ci_high, fit.p
                if model == "ordinal" and fit.p_proportional is not None:
                    found["proportional", slope] = math.nan, math.nan, fit.p_proportional
            except NotEstimableError:
                found[model, slope] = (math.nan,) * 3
    found["overdispersed", 0.0] = found["poisson", 0.0]
    try:
        y = outcome(rng, "negative_binomial", x, 0.0)
        found["overdispersed", 0.0] = math.nan, math.nan, regress("poisson", y, x, wald=True).p
    except NotEstimableError:
        found["overdispersed", 0.0] = (math.nan,) * 3
    return found


def one_family(task):
    """Six exposures that share much, and an outcome and an adjustment that have nothing to do with them but it."""
    n, seed = task
    rng = np.random.default_rng([n, seed, 3])
    age, common = rng.normal(size=n), rng.normal(size=n)
    exposures = pd.DataFrame({f"x{k}": np.round(2 * common + 2 * rng.normal(size=n)) for k in range(6)})
    score = np.digitize(rng.normal(size=n), CUTS).astype(float)
    family = maximum_statistic(exposures, score, permutations=PERMUTATIONS, seed=seed)
    confounded = pd.DataFrame(
        {"age": age, "lesions": np.round(np.exp(1.5 + 0.4 * age + 0.6 * rng.normal(size=n)))}
    )
    confounded["severity"] = np.digitize(0.5 * age + rng.normal(size=n), CUTS).astype(float)
    confounded["pain"] = np.digitize(0.5 * age + rng.normal(size=n), CUTS).astype(float)
    questions = [
        severity.Question(outcome, ["lesions"], adjusted)
        for outcome in ("severity", "pain")
        for adjusted in ([], ["age"])
    ]
    effort = severity.Effort(permutations=PERMUTATIONS, seed=seed)
    curve = specifications.specification_curve(confounded, questions, ["linear", "ordinal"], effort=effort)
    return {
        "unadjusted": ((family["p"] < 0.05).any(),),
        "maximum": ((family["p_maximum"] < 0.05).any(),),
        "median": (curve.p_median < 0.05,),
        "share": (curve.p_share < 0.05,),
    }


def share(hits):
    """Write a share of those known, with its Monte Carlo error."""
    known = np.array([hit for hit in hits if hit is not None], dtype=float)
    if not len(known):
        return "none"
    p = known.mean()
    text = f"{100 * p:.1f} ± {100 * math.sqrt(max(p * (1 - p), 1e-9) / len(known)):.1f}"
    missing = 1 - len(known) / len(hits)
    return text + (f" ({100 * missing:.1f} not estimable)" if missing else "")


def inside(found, key, truth):
    return [None if math.isnan(one[key][0]) else one[key][0] <= truth <= one[key][1] for one in found]


def rejected(found, key):
    return [None if key not in one or math.isnan(one[key][2]) else one[key][2] < 0.05 for one in found]


def rows_of(pool, n, simulations):
    """Yield what is measured, and its share, for one number of patients."""
    tasks = [(n, seed) for seed in range(simulations)]
    found = list(pool.map(one_correlation, tasks, chunksize=10))
    truth, none = population(LATENT), population(0.0)
    for name in association.STATISTICS:
        yield (
            f"coverage, {name}, BCa, true {truth[name]:.2f}",
            share(inside(found, (name, LATENT), truth[name])),
        )
        yield f"coverage, {name}, BCa, true 0", share(inside(found, (name, 0.0), none[name]))
        yield f"size, {name}, permutation", share(rejected(found, (name, 0.0)))
    found = list(pool.map(one_regression, tasks, chunksize=10))
    for model in MODELS:
        expected = SD * truth["slope"] if model == "linear" else math.exp(SLOPE)
        yield f"coverage, {model}, true {expected:.2f} per SD", share(inside(found, (model, SLOPE), expected))
        yield f"coverage, {model}, no relation", share(inside(found, (model, 0.0), float(model != "linear")))
        yield f"size, {model}", share(rejected(found, (model, 0.0)))
    yield "size, poisson where counts are overdispersed", share(rejected(found, ("overdispersed", 0.0)))
    yield "size, check of proportional odds", share(rejected(found, ("proportional", SLOPE)))
    found = list(pool.map(one_family, tasks, chunksize=10))
    yield "any of six exposures, unadjusted", share([one["unadjusted"][0] for one in found])
    yield "any of six exposures, maximum statistic", share([one["maximum"][0] for one in found])
    yield "size, specification curve, median", share([one["median"][0] for one in found])
    yield "size, specification curve, share significant", share([one["share"][0] for one in found])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--simulations", type=int, default=1_000)
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    options = parser.parse_args()
    start = time.perf_counter()
    with ProcessPoolExecutor(options.processes) as pool:
        columns = {n: dict(rows_of(pool, n, options.simulations)) for n in SIZES}
    table = Table(title=f"Percent of {options.simulations} simulations, ± Monte Carlo error")
    table.add_column("what")
    for n in SIZES:
        table.add_column(f"n = {n}", justify="right")
    for name in columns[SIZES[0]]:
        table.add_row(name, *(columns[n][name] for n in SIZES))
    Console(width=140).print(table)
    print(f"Python {platform.python_version()}, {platform.system()} {platform.machine()}, ", end="")
    print(f"{options.processes} processes, {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
