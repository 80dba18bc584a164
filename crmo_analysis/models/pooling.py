"""Pooling of proportions, and of correlations, over a handful of small series.

The spread between series is taken to be normal on the logit scale (on Fisher's z for correlations), but for
the two beta-binomial methods. An estimate on the logit scale, brought back, is the share in a typical series:
the median over series, not their mean, which is what a beta-binomial method estimates.
"""

import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.special import betainc, logit, polygamma

from crmo_analysis.files import InputError, NotEstimableError
from crmo_analysis.models import random_effects
from crmo_analysis.models.designs import as_numbers
from crmo_analysis.models.pooled import (
    INVERSE_VARIANCE,
    METHODS,
    NO_PREDICTION,
    How,
    Pooled,
    PooledRange,
    summarise,
)
from crmo_analysis.study import describe

MEAN_SHARE = "the estimate is the mean over series; methods on the logit scale estimate the typical series"
NO_MAXIMUM = (
    "the model has no finite maximum, so this is the exact interval of all patients as if of one series"
)
NO_PREDICTION_OF_BETA = "no prediction interval: the fitted beta distribution alone would be far too narrow"
PRIORS = ((1, 1, 1, 1), (1, 1, 1, 4), (1, 1, 1, 9), (0.5, 0.5, 1, 1))
PRIOR = "prior: mean share beta({:g}, {:g}), correlation within series beta({:g}, {:g})"
AGREES = 0.05
MOST_SETS = 2_000  # combinations of counts that are pooled one by one


def pool_proportions(
    events: Sequence[int],
    totals: Sequence[int],
    method: str = "glmm",
    confidence: float = 0.95,
    interval: str = "t",
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
        none. Prediction intervals are by t with k - 2 degrees of freedom; "beta_binomial" gives none, the
        grid that of its posterior.
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
    (x, n), how = _counts(events, totals), How(method, confidence, interval)
    how.check(METHODS, len(x), "exact")
    if method == "exact":
        return _exact(x, n, how, ())
    order = np.lexsort((n, x))
    x, n = x[order], n[order]
    one_sided, variances = x.sum() in (0, n.sum()), random_effects.corrected_logits(x, n)[1]
    if method in INVERSE_VARIANCE:
        result = summarise(_of_logits(x, n, how), variances, how)
    elif method == "beta_binomial_grid":
        result = _pool_on_grid(x, n, how, prior)
    elif one_sided:
        result = _exact(x, n, how, (NO_MAXIMUM,))
    elif ((x == 0) | (x == n)).all():
        reason = f"every series is 0/n or n/n, and the likelihood of {method} rises without end"
        raise NotEstimableError(f"{reason}; use beta_binomial_grid")
    elif method == "glmm":
        result = summarise(random_effects.binomial_normal(x, n, confidence), variances, how)
    else:
        fit = random_effects.beta_binomial(x, n)
        result = summarise(replace(fit, notes=(*fit.notes, MEAN_SHARE)), variances, how)
        none = {"pi_low": math.nan, "pi_high": math.nan, "prediction_rule": NO_PREDICTION_OF_BETA}
        result = replace(result, **none)
    weights = np.empty(len(x))
    weights[order] = result.weights
    more = ("nobody, or everybody, was counted in every series",) if one_sided else ()
    return replace(result, weights=tuple(weights.tolist()), notes=result.notes + more)


def pool_correlations(
    r: Sequence[float], n: Sequence[int], statistic: str = "pearson", **options: object
) -> Pooled:
    """Pool correlations by Fisher's z, weighted by inverse variance.

    Parameters
    ----------
    r, n : sequence of numbers
        Correlation and number of pairs of each study.
    statistic : str
        "pearson", the variance of z being 1 / (n - 3), or "spearman", 1.06 / (n - 3).
    **options
        `method`, one of `INVERSE_VARIANCE` ("reml" unless given), `confidence` and `interval`, as for
        `pool_proportions`.

    References
    ----------
    Fisher RA. Metron 1921;1:3-32. Fieller EC, Hartley HO, Pearson ES. Biometrika 1957;44:470-481.
    """
    r, n = as_numbers(r, "a correlation"), as_numbers(n, "a number of pairs")
    if not ((np.abs(r) < 1) & (n >= 4)).all():
        raise InputError("expected correlations between -1 and 1, each of 4 pairs or more")
    how = How(**({"method": "reml"} | options))
    how.check(INVERSE_VARIANCE, len(r), "describe.fisher_interval")
    v = describe.VARIANCE_OF_Z[statistic] / (n - 3)
    fit = random_effects.inverse_variance(np.arctanh(r), v, how.method, how.confidence)
    return summarise(fit, v, how, math.tanh)


def leave_one_out(events: Sequence[int], totals: Sequence[int], **options: object) -> pd.DataFrame:
    """Pool all series but one, for each in turn.

    There are to be three at least; options are those of `pool_proportions`.

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
            one = pool_proportions(np.delete(x, place), np.delete(n, place), **options)
            change = one.estimate - everything
            rows.append((label, one.estimate, one.ci_low, one.ci_high, one.tau2, change, ""))
        except NotEstimableError as why:
            rows.append((label, *[math.nan] * 5, str(why)))
    return pd.DataFrame(rows, columns=["left_out", "estimate", "ci_low", "ci_high", "tau2", "change", "note"])


def pooled_range(
    fewest: Sequence[int], most: Sequence[int], totals: Sequence[int], method: str = "glmm", **options: object
) -> PooledRange:
    """Pool every combination of counts between the fewest and the most of each series.

    Totals, method and options are as for `pool_proportions`.

    Raises
    ------
    InputError
        If there are more than `MOST_SETS` combinations, or none.
    NotEstimableError
        If none of them can be pooled.
    """
    ranges = [range(int(low), int(high) + 1) for low, high in zip(fewest, most, strict=True)]
    combinations = math.prod(map(len, ranges))
    if not 0 < combinations <= MOST_SETS:
        raise InputError(f"there are {combinations:,} combinations of counts, expected 1 to {MOST_SETS:,}")
    found = []
    for counts in product(*ranges):
        with suppress(NotEstimableError):
            found.append(pool_proportions(counts, totals, method, **options))
    if not found:
        raise NotEstimableError(f"none of {combinations} combinations of counts can be pooled by {method}")
    ends = [(each.estimate, each.ci_low, each.ci_high) for each in found]
    (low, ci_low, _), (high, _, ci_high) = np.min(ends, axis=0).tolist(), np.max(ends, axis=0).tolist()
    return PooledRange(low, high, ci_low, ci_high, combinations, combinations - len(found))


def prior_sensitivity(events: Sequence[int], totals: Sequence[int], confidence: float = 0.95) -> pd.DataFrame:
    """Pool by "beta_binomial_grid" under each of `PRIORS`.

    Returns
    -------
    DataFrame
        `prior` in words, `estimate`, `ci_low`, `ci_high`, `tau2`, `pi_low`, `pi_high`.
    """
    columns, rows = ["estimate", "ci_low", "ci_high", "tau2", "pi_low", "pi_high"], []
    for prior in PRIORS:
        found = pool_proportions(events, totals, "beta_binomial_grid", confidence, prior=prior)
        rows.append((PRIOR.format(*prior), *(getattr(found, name) for name in columns)))
    return pd.DataFrame(rows, columns=["prior", *columns])


def disagreement(results: Sequence[Pooled], named: Callable[[Pooled], str]) -> str:
    """Say in a sentence how far two methods or more differ on the same series.

    They agree where estimates, lower ends and upper ends are no further apart than `AGREES`; `named` gives
    what to call a result.
    """
    if len(results) < 2 or len({(each.k, each.confidence) for each in results}) > 1:
        expected = "at least two results, of the same number of series and the same confidence"
        raise InputError(f"expected {expected}")
    parts, apart = [], 0.0
    names = {"estimate": "the estimate", "ci_low": "the interval's lower end", "ci_high": "its upper end"}
    for field, words in names.items():
        ends = sorted((getattr(each, field), each.method, each.interval, named(each)) for each in results)
        (low, *_, first), (high, *_, last) = ends[0], ends[-1]
        apart, low, high = max(apart, high - low), describe.percent_text(low), describe.percent_text(high)
        parts.append(f"{words} from {low} % ({first}) to {high} % ({last})")
    said, spans = f"The {len(results)} methods on {results[0].k} series", ", ".join(parts)
    if apart <= AGREES:
        return f"{said} agree within {describe.percent_text(apart)} percentage points: {spans}."
    widest = max(results, key=lambda each: (each.ci_high - each.ci_low, each.method, each.interval))
    few = " So few series hardly show how far they spread, and each method assumes its own."
    return (
        f"{said} disagree: {spans}.{few if widest.k < 5 else ''} The widest interval is "
        f"{describe.interval_text(widest.ci_low, widest.ci_high)} % ({named(widest)})."
    )


def _counts(events: Sequence[int], totals: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    x, n = as_numbers(events, "a count of events"), as_numbers(totals, "a total")
    if len(x) != len(n) or not len(x):
        given = f"{len(x)} counts of events and {len(n)} totals"
        raise InputError(f"there are {given}, expected one of each a series")
    for place, (yes, of) in enumerate(zip(x, n, strict=True), start=1):
        if not (0 <= yes <= of and of >= 1 and yes % 1 == 0 and of % 1 == 0):
            expected = "whole numbers, 0 <= events <= total, and a total of 1 or more"
            raise InputError(f"series {place} has {yes:g} of {of:g}, expected {expected}")
    return x, n


def _of_logits(x: np.ndarray, n: np.ndarray, how: How) -> random_effects.Fit:
    logits = random_effects.corrected_logits(x, n)
    fit = random_effects.inverse_variance(*logits, how.method, how.confidence)
    if corrected := int(((x == 0) | (x == n)).sum()):
        words = f"0.5 was added to both cells of {corrected} of {len(x)} series, which had one of 0"
        fit = replace(fit, notes=(*fit.notes, words))
    return fit


def _pool_on_grid(x: np.ndarray, n: np.ndarray, how: How, prior: tuple) -> Pooled:
    """Summarise a posterior: medians, and intervals that leave as much on either side."""
    tails = np.array([0.5, 0.5 - how.confidence / 2, 0.5 + how.confidence / 2])
    quantiles, mean, sizes, cells = random_effects.beta_binomial_grid(x, n, prior, tails)
    estimate, low, high = quantiles.tolist()
    kept = cells > 1e-10
    probability = cells[kept] / cells[kept].sum()
    a, b = (np.outer(part, sizes)[kept] for part in (mean, 1 - mean))
    spreads = polygamma(1, a) + polygamma(1, b)
    order = np.argsort(spreads)
    tau2 = np.interp(tails, np.cumsum(probability[order]) - probability[order] / 2, spreads[order])
    size = float(np.interp(0.5, np.cumsum(cells.sum(axis=0)), sizes))
    moments = [probability @ logit(a / (a + b)) ** power for power in (1, 2)]
    weights, own = n / (size + n), PRIOR.format(*prior)
    fit = random_effects.Fit(
        *(float(logit(estimate)), math.sqrt(moments[1] - moments[0] ** 2), *map(float, tau2)),
        *(weights / weights.sum(), random_effects.likelihood_ratio(x, n), (own, MEAN_SHARE)),
    )
    how = How("beta_binomial_grid", how.confidence)
    result = summarise(fit, random_effects.corrected_logits(x, n)[1], how)
    ends = {"centre_low": float(logit(low)), "centre_high": float(logit(high))}
    result = replace(result, interval="credible", ci_low=low, ci_high=high, **ends)
    if len(x) < 3:
        return result
    below, above = (
        brentq(lambda p, t=tail: probability @ betainc(a, b, p) - t, 0, 1, xtol=1e-7) for tail in tails[1:]
    )
    return replace(result, pi_low=below, pi_high=above, prediction_rule="posterior predictive")


def _exact(x: np.ndarray, n: np.ndarray, how: How, notes: tuple[str, ...]) -> Pooled:
    found = describe.proportion(int(x.sum()), int(n.sum()), how.confidence)
    ends = (found.estimate, found.exact_low, found.exact_high)
    none = (math.nan,) * 8  # variance between series, its share, and a test of it
    scale = (float(logit(found.estimate)), math.nan, *map(float, logit(ends[1:])))
    weights = tuple((n / n.sum()).tolist())
    about = (how.method, "clopper_pearson", how.confidence, len(x), weights, notes)
    return Pooled(*ends, *none, math.nan, math.nan, NO_PREDICTION, *about, *scale)
