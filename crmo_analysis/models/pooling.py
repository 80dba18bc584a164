"""Pooling of proportions, and of correlations, over a handful of small series.

The spread between series is taken to be normal on the logit scale (on Fisher's z for correlations), but for
the two beta-binomial methods. An estimate on the logit scale, brought back, is the share in a typical series:
the median over series, not their mean, which is what a beta-binomial method estimates.
"""

import math
from collections.abc import Collection, Sequence
from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.special import betainc, logit, polygamma

from crmo_analysis.files import InputError, NotEstimableError
from crmo_analysis.models.permutation import as_numbers
from crmo_analysis.models.pooled import (
    INTERVALS,
    INVERSE_VARIANCE,
    METHODS,
    NO_PREDICTION,
    How,
    Pooled,
    PooledRange,
    summarise,
)
from crmo_analysis.models.random_effects import (
    Fit,
    beta_binomial,
    beta_binomial_grid,
    binomial_normal,
    corrected_logits,
    inverse_variance,
    likelihood_ratio,
)
from crmo_analysis.study import describe

MEAN_SHARE = (
    "the estimate is the mean over series; methods on the logit scale estimate the typical series instead"
)
PRIORS = ((1, 1, 1, 1), (1, 1, 1, 4), (1, 1, 1, 9), (0.5, 0.5, 1, 1))
PRIOR = "prior: mean share beta({:g}, {:g}), correlation within series beta({:g}, {:g})"
MOST_SETS = 2_000  # combinations of counts that are pooled one by one


def pool_proportions(
    events: Sequence[int],
    totals: Sequence[int],
    method: str = "glmm",
    confidence: float = 0.95,
    interval: str = "t",
    prediction: str = "k-2",
    prior: tuple[float, float, float, float] = PRIORS[0],
) -> Pooled:
    """Pool shares of patients.

    Parameters
    ----------
    events, totals : sequence of int
        Patients counted, and all patients, of each series; their order does not matter.
    method : str
        "glmm": binomial counts with a normal spread of logits, maximum likelihood (adaptive quadrature;
        standard error from the Hessian of both parameters), as metafor's rma.glmm(measure="PLO"). "reml",
        "paule_mandel", "dersimonian_laird", "ml": logits weighted by inverse variance; 0.5 is added to both
        cells of a series, but only where one of them is 0. "beta_binomial": maximum likelihood.
        "beta_binomial_grid": its posterior under `prior`. "exact": Clopper and Pearson's interval of a single
        series.
    confidence : float
        Coverage of all intervals.
    interval : str
        "z" (normal), "t" (with k - 1 degrees of freedom) or, for inverse variance, "hartung_knapp" (the same,
        and the standard error adjusted by a factor which is never taken below 1). The grid and "exact" use
        none.
    prediction : str
        One of `PREDICTIONS`, for methods on the logit scale. "beta_binomial" gives no prediction interval,
        the grid that of its posterior.
    prior : tuple of four floats
        Beta distributions of the mean share and of the correlation within series, for "beta_binomial_grid".

    Raises
    ------
    InputError
        If a count is no whole number, or events are more than a total; if there is one series, unless exact.
    NotEstimableError
        If there is no maximum of the likelihood: all series are 0/n or n/n, and not all the same.

    References
    ----------
    Stijnen T, Hamza TH, Ozdemir P. Stat Med 2010;29:3046-3067. Knapp G, Hartung J. Stat Med
    2003;22:2693-2710. Röver C, Knapp G, Friede T. BMC Med Res Methodol 2015;15:99 (the factor of at least 1).
    Viechtbauer W. Stat Med 2007;26:37-52 (Q-profile). Higgins JPT, Thompson SG, Spiegelhalter DJ. J R Stat
    Soc A 2009;172:137-159.
    """
    (x, n), how = _counts(events, totals), How(method, confidence, interval, prediction)
    how.check(METHODS, len(x), "exact")
    if method == "exact":
        return _exact(x, n, how, ())
    order = np.lexsort((n, x))
    x, n = x[order], n[order]
    one_sided = x.sum() in (0, n.sum())
    if method in INVERSE_VARIANCE:
        result = _pool_logits(x, n, how)
    elif method == "beta_binomial_grid":
        result = _pool_on_grid(x, n, how, prior)
    elif one_sided:
        note = "the model has no finite maximum, so this is the exact interval of all patients as if of one "
        note += "series"
        result = _exact(x, n, how, (note,))
    elif ((x == 0) | (x == n)).all():
        raise NotEstimableError(
            f"every series is 0/n or n/n, and the likelihood of {method} rises without end; use "
            f"beta_binomial_grid"
        )
    else:
        result = _pool_counts(x, n, how)
    weights = np.empty(len(x))
    weights[order] = result.weights
    notes = (
        (*result.notes, "nobody, or everybody, was counted in every series") if one_sided else result.notes
    )
    return replace(result, weights=tuple(weights.tolist()), notes=notes)


def pool_correlations(
    r: Sequence[float],
    n: Sequence[int],
    method: str = "reml",
    confidence: float = 0.95,
    interval: str = "t",
    prediction: str = "k-2",
    statistic: str = "pearson",
) -> Pooled:
    """Pool correlations by Fisher's z, weighted by inverse variance.

    Parameters
    ----------
    r, n : sequence of numbers
        Correlation and number of pairs of each study.
    method, confidence, interval, prediction
        As for `pool_proportions`; the method one of `INVERSE_VARIANCE`.
    statistic : str
        "pearson", the variance of z being 1 / (n - 3), or "spearman", 1.06 / (n - 3).

    References
    ----------
    Fisher RA. Metron 1921;1:3-32. Fieller EC, Hartley HO, Pearson ES. Biometrika 1957;44:470-481.
    """
    r, n = as_numbers(r, "a correlation"), as_numbers(n, "a number of pairs")
    if len(r) != len(n):
        raise InputError(
            f"there are {len(r)} correlations and {len(n)} numbers of pairs, expected one of each a study"
        )
    for place, (value, of) in enumerate(zip(r, n, strict=True), start=1):
        if not (-1 < value < 1 and of >= 4 and of % 1 == 0):
            raise InputError(
                f"study {place} has r = {value:g} of n = {of:g}, expected r between -1 and 1, and n from 4"
            )
    if statistic not in ("pearson", "spearman"):
        raise InputError(f"statistic is {statistic!r}, expected 'pearson' or 'spearman'")
    how = How(method, confidence, interval, prediction)
    how.check(INVERSE_VARIANCE, len(r), "describe.fisher_interval")
    v = (1.06 if statistic == "spearman" else 1.0) / (n - 3)
    fit = inverse_variance(np.arctanh(r), v, method, confidence)
    return summarise(fit, v, how, math.tanh)


def leave_one_out(events: Sequence[int], totals: Sequence[int], **options: object) -> pd.DataFrame:
    """Pool all series but one, for each in turn.

    Parameters
    ----------
    events, totals
        Of at least three series, as for `pool_proportions`.
    **options
        Passed to `pool_proportions`.

    Returns
    -------
    DataFrame
        `left_out` (the label of the row where events is a Series, else its number), `estimate`, `ci_low`,
        `ci_high`, `tau2`, `change` of the estimate against all series, and `note` where there is no estimate.
    """
    labels, (x, n) = pd.Series(events).index, _counts(events, totals)
    if len(x) < 3:
        raise InputError(f"there are {len(x)} series, expected at least 3 to leave one out")
    everything, rows = pool_proportions(x, n, **options).estimate, []
    for place, label in enumerate(labels):
        try:
            without = pool_proportions(np.delete(x, place), np.delete(n, place), **options)
        except NotEstimableError as why:
            rows.append((label, *[math.nan] * 5, str(why)))
            continue
        ends = (without.estimate, without.ci_low, without.ci_high, without.tau2)
        rows.append((label, *ends, without.estimate - everything, ""))
    return pd.DataFrame(rows, columns=["left_out", "estimate", "ci_low", "ci_high", "tau2", "change", "note"])


def pooled_range(
    events_sets: Sequence[int | Collection[int]],
    totals: Sequence[int],
    method: str = "glmm",
    **options: object,
) -> PooledRange:
    """Pool every combination of counts that are possible, and return the range of the estimates.

    Parameters
    ----------
    events_sets : sequence
        For each series its count; or a tuple of the lowest and the highest; or a list, set or range of all
        that are possible.
    totals, method, **options
        As for `pool_proportions`.

    Raises
    ------
    InputError
        If there are more than `MOST_SETS` combinations, or none of them can be pooled.
    """
    sets = [_possible(each) for each in events_sets]
    combinations = math.prod(len(each) for each in sets)
    if not 0 < combinations <= MOST_SETS:
        raise InputError(f"there are {combinations:,} combinations of counts, expected 1 to {MOST_SETS:,}")
    found = {}
    for counts in product(*sets):
        try:
            found[counts] = pool_proportions(counts, totals, method, **options)
        except NotEstimableError:
            continue
    if not found:
        raise NotEstimableError(f"none of {combinations} combinations of counts can be pooled by {method}")
    low, high = (end(found, key=lambda counts: found[counts].estimate) for end in (min, max))
    outer = min(each.ci_low for each in found.values()), max(each.ci_high for each in found.values())
    skipped = combinations - len(found)
    return PooledRange(found[low].estimate, found[high].estimate, low, high, *outer, combinations, skipped)


def prior_sensitivity(
    events: Sequence[int], totals: Sequence[int], priors: Sequence[tuple] = PRIORS, confidence: float = 0.95
) -> pd.DataFrame:
    """Pool by "beta_binomial_grid" under several priors.

    Returns
    -------
    DataFrame
        `prior` in words, `estimate`, `ci_low`, `ci_high`, `tau2`, `pi_low`, `pi_high`, in the order of the
        priors.
    """
    columns, rows = ["estimate", "ci_low", "ci_high", "tau2", "pi_low", "pi_high"], []
    for prior in priors:
        found = pool_proportions(events, totals, "beta_binomial_grid", confidence, prior=prior)
        rows.append((PRIOR.format(*prior), *(getattr(found, name) for name in columns)))
    return pd.DataFrame(rows, columns=["prior", *columns])


def disagreement(results: Sequence[Pooled], tolerance: float = 0.05) -> str:
    """Say in a sentence how far methods differ on the same series.

    Parameters
    ----------
    results : sequence of Pooled
        At least two, of the same number of series and with the same confidence.
    tolerance : float
        Estimates, lower ends and upper ends that are no further apart agree.
    """
    if len(results) < 2 or len({(each.k, each.confidence) for each in results}) > 1:
        raise InputError(
            "expected at least two results, of the same number of series and the same confidence"
        )
    parts, apart = [], 0.0
    names = {"estimate": "the estimate", "ci_low": "the interval's lower end", "ci_high": "its upper end"}
    for field, words in names.items():
        ordered = sorted(results, key=lambda each: (getattr(each, field), each.method, each.interval))
        low, high = (getattr(ordered[end], field) for end in (0, -1))
        apart = max(apart, high - low)
        ends = [
            f"{describe.percent_text(getattr(each, field))} % ({_name(each)})"
            for each in (ordered[0], ordered[-1])
        ]
        parts.append(f"{words} from {ends[0]} to {ends[1]}")
    count = f"{len(results)} methods on {results[0].k} series"
    if apart <= tolerance:
        return (
            f"The {count} agree within {describe.percent_text(apart)} percentage points: {', '.join(parts)}."
        )
    widest = max(results, key=lambda each: (each.ci_high - each.ci_low, _name(each)))
    few = (
        " So few series hardly show how far they spread, and each method assumes its own."
        if widest.k < 5
        else ""
    )
    return (
        f"The {count} disagree: {', '.join(parts)}.{few} The widest interval is "
        f"{describe.interval_text(widest.ci_low, widest.ci_high)} % ({_name(widest)})."
    )


def _name(result: Pooled) -> str:
    return f"{result.method}, {result.interval}" if result.interval in INTERVALS else result.method


def _counts(events: Sequence[int], totals: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    x, n = as_numbers(events, "a count of events"), as_numbers(totals, "a total")
    if len(x) != len(n) or not len(x):
        raise InputError(
            f"there are {len(x)} counts of events and {len(n)} totals, expected one of each a series"
        )
    for place, (yes, of) in enumerate(zip(x, n, strict=True), start=1):
        if not (0 <= yes <= of and of >= 1 and yes % 1 == 0 and of % 1 == 0):
            raise InputError(
                f"series {place} has {yes:g} of {of:g}, expected whole numbers, 0 <= events <= total, and a "
                f"total of 1 or more"
            )
    return x, n


def _pool_logits(x: np.ndarray, n: np.ndarray, how: How) -> Pooled:
    y, v = corrected_logits(x, n)
    fit, corrected = inverse_variance(y, v, how.method, how.confidence), int(((x == 0) | (x == n)).sum())
    if corrected:
        words = f"0.5 was added to both cells of {corrected} of {len(x)} series, which had one of 0"
        fit = replace(fit, notes=(*fit.notes, words))
    return summarise(fit, v, how)


def _pool_counts(x: np.ndarray, n: np.ndarray, how: How) -> Pooled:
    """Pool by maximum likelihood.

    I² needs variances within series, which are those of the corrected logits.
    """
    variances = corrected_logits(x, n)[1]
    if how.method == "glmm":
        fit = binomial_normal(x, n, how.confidence)
        return summarise(fit, variances, how)
    fit = beta_binomial(x, n)
    fit = replace(fit, notes=(*fit.notes, MEAN_SHARE))
    result = summarise(fit, variances, how)
    rule = (
        "no prediction interval: the fitted beta distribution without its uncertainty would be far too narrow"
    )
    return replace(result, pi_low=math.nan, pi_high=math.nan, prediction_rule=rule)


def _pool_on_grid(x: np.ndarray, n: np.ndarray, how: How, prior: tuple) -> Pooled:
    """Summarise a posterior: medians, and intervals that leave as much on either side."""
    if len(prior) != 4 or not all(0 < each < math.inf for each in prior):
        raise InputError(f"prior is {prior}, expected four numbers above 0")
    tails = np.array([0.5, 0.5 - how.confidence / 2, 0.5 + how.confidence / 2])
    posterior = beta_binomial_grid(x, n, prior, tails)
    estimate, low, high = posterior.quantiles.tolist()
    kept = posterior.probability > 1e-10
    probability = posterior.probability[kept] / posterior.probability[kept].sum()
    a, b = (np.outer(part, posterior.size)[kept] for part in (posterior.mean, 1 - posterior.mean))
    spreads = polygamma(1, a) + polygamma(1, b)
    order = np.argsort(spreads)
    tau2 = np.interp(tails, np.cumsum(probability[order]) - probability[order] / 2, spreads[order])
    size = float(np.interp(0.5, np.cumsum(posterior.probability.sum(axis=0)), posterior.size))
    moments = [probability @ logit(a / (a + b)) ** power for power in (1, 2)]
    weights, own = n / (size + n), PRIOR.format(*prior)
    fit = Fit(
        *(float(logit(estimate)), math.sqrt(moments[1] - moments[0] ** 2), *map(float, tau2)),
        *(weights / weights.sum(), likelihood_ratio(x, n), (own, MEAN_SHARE)),
    )
    how = How("beta_binomial_grid", how.confidence)
    result = summarise(fit, corrected_logits(x, n)[1], how)
    ends = {
        "ci_low": low,
        "ci_high": high,
        "centre_low": float(logit(low)),
        "centre_high": float(logit(high)),
    }
    result = replace(result, interval="credible", **ends)
    if len(x) < 3:
        return result
    beyond = [
        brentq(lambda p, t=tail: probability @ betainc(a, b, p) - t, 0, 1, xtol=1e-7) for tail in tails[1:]
    ]
    return replace(result, pi_low=beyond[0], pi_high=beyond[1], prediction_rule="posterior predictive")


def _exact(x: np.ndarray, n: np.ndarray, how: How, notes: tuple[str, ...]) -> Pooled:
    found = describe.proportion(int(x.sum()), int(n.sum()), how.confidence)
    ends = (found.estimate, found.exact_low, found.exact_high)
    none = (math.nan,) * 8  # variance between series, its share, and a test of it
    scale = (float(logit(found.estimate)), math.nan, *map(float, logit(ends[1:])))
    weights = tuple((n / n.sum()).tolist())
    about = (how.method, "clopper_pearson", how.confidence, len(x), weights, notes)
    return Pooled(*ends, *none, math.nan, math.nan, NO_PREDICTION, *about, *scale)


def _possible(counts: int | Collection[int]) -> list[int]:
    if isinstance(counts, tuple):
        if len(counts) != 2 or counts[0] > counts[1]:
            raise InputError(
                f"{counts} is no lowest and highest count; list several counts in a list or a set"
            )
        return list(range(counts[0], counts[1] + 1))
    return sorted(set(counts)) if isinstance(counts, Collection) else [counts]
