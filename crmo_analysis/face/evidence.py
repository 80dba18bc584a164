"""Pooled evidence as rows and words: series with their intervals, every method, what is left open."""

import math
from collections.abc import Sequence
from contextlib import suppress
from itertools import product

import pandas as pd

from crmo_analysis.files import InputError, NotEstimableError, study_names
from crmo_analysis.joint import find_bounds, fit
from crmo_analysis.models import p_text, pooling
from crmo_analysis.patients import responses
from crmo_analysis.study import describe, read_study

METHOD_NAMES = {
    "glmm": "binomial-normal (GLMM)",
    "reml": "logits, REML",
    "paule_mandel": "logits, Paule-Mandel",
    "dersimonian_laird": "logits, DerSimonian-Laird",
    "ml": "logits, ML",
    "beta_binomial": "beta-binomial, ML",
    "beta_binomial_grid": "beta-binomial, posterior",
    "exact": "single series",
}
INTERVAL_NAMES = {
    "z": "normal",
    "t": "t",
    "hartung_knapp": "Hartung-Knapp",
    "credible": "credible",
    "clopper_pearson": "Clopper-Pearson",
}


def study_limits(pool: responses.Pool) -> list[tuple[str, int, int]]:
    """Return `outcome_id`, fewest and most of the counts of a pool, by all that their own studies print.

    Rows with `study`, while it is in the collection, and `bounds`, a question as `crmo bounds` takes it, are
    looked at.
    """
    if pool.rows.empty:
        raise InputError("no series counted this outcome of this drug in this time frame; choose another")
    found = []
    for row in pool.rows.itertuples():
        if row.study in study_names() and row.bounds:
            limits = find_bounds(fit(read_study(row.study)), row.bounds)
            found.append((row.outcome_id, int(limits.lower.value), int(limits.upper.value)))
    return found


def every_method(
    events: Sequence[int], totals: Sequence[int], confidence: float = 0.95
) -> list[pooling.Pooled]:
    """Pool by every method, with the intervals in use for it; a method that has no estimate is left out."""
    if len(events) == 1:
        return [pooling.pool_proportions(events, totals, "exact", confidence)]
    ways = [("glmm", "z"), ("glmm", "t"), ("dersimonian_laird", "z")]
    ways += product(pooling.INVERSE_VARIANCE, ["hartung_knapp"])
    ways += [("beta_binomial", "t"), ("beta_binomial_grid", "t")]
    results = []
    for method, interval in ways:
        with suppress(NotEstimableError):
            results.append(pooling.pool_proportions(events, totals, method, confidence, interval))
    return results


def name(result: pooling.Pooled) -> str:
    """Return what to call a result's method."""
    return f"{METHOD_NAMES[result.method]}; {INTERVAL_NAMES[result.interval]}"


def series_rows(pool: responses.Pool, result: pooling.Pooled) -> pd.DataFrame:
    """Return the series of a pool for a forest: shares with exact intervals.

    `most` is the share where the count is a smallest one.
    """
    rows = []
    for row, weight in zip(pool.rows.itertuples(), result.weights, strict=True):
        found = describe.proportion(row.n_responded, row.n_treated, result.confidence)
        at_least = "≥ " if row.most > row.n_responded else ""
        interval = describe.interval_text(found.exact_low, found.exact_high, 0)
        text = f"{at_least}{describe.percent_text(found.estimate, 0)} ({interval})"
        ends = found.estimate, found.exact_low, found.exact_high, row.most / row.n_treated
        rows.append((row.series, row.n_responded, row.n_treated, *ends, round(weight, 6), text))
    return pd.DataFrame(rows, columns=["label", "x", "n", "share", "low", "high", "most", "weight", "text"])


def method_rows(results: Sequence[pooling.Pooled]) -> pd.DataFrame:
    """Return methods side by side for a table or a forest, in percent; `n` is of series."""
    shares = ["estimate", "ci_low", "ci_high", "pi_low", "pi_high"]
    rows = [
        (name(each), each.k, *(100 * getattr(each, share) for share in shares), each.tau2, share_text(each))
        for each in results
    ]
    return pd.DataFrame(rows, columns=["label", "n", *shares, "tau2", "text"]).round(4)


def share_text(result: pooling.Pooled, decimals: int = 0) -> str:
    """Write a pooled share and its interval in percent."""
    interval = describe.interval_text(result.ci_low, result.ci_high, decimals)
    return f"{describe.percent_text(result.estimate, decimals)} ({interval})"


def heterogeneity(result: pooling.Pooled) -> str:
    """Write a line on the spread between series."""
    if math.isnan(result.tau2):
        return "spread between series: not estimable"
    tau2, share = f"τ² {result.tau2:.2f}", f"I² {describe.percent_text(result.i2, 0)} %"
    if not math.isnan(result.tau2_low + result.tau2_high + result.i2_low + result.i2_high):
        tau2 += f" ({result.tau2_low:.2f} to {result.tau2_high:.2f})"
        share += f" ({describe.interval_text(result.i2_low, result.i2_high, 0)})"
    return f"{tau2}, {share}; test of no spread: Q {result.q:.2f}, {p_text(result.q_p)}"


def pooled_sentence(result: pooling.Pooled, outcome: str, patients: int) -> str:
    """Say a pooled share in words."""
    whose = "on average over series" if result.method.startswith("beta") else "in a typical series"
    share, ends = (
        describe.percent_text(result.estimate),
        describe.interval_text(result.ci_low, result.ci_high),
    )
    said = (
        f"In {result.k} series of {patients} patients, the share with {outcome} {whose} is {share} % "
        f"({100 * result.confidence:g} % interval {ends} %; {name(result)} interval)."
    )
    if result.k == 1:
        said = f"One series of {patients} patients: {share} % had {outcome} (exact interval {ends} %)."
    if not math.isnan(result.pi_low):
        within = describe.interval_text(result.pi_low, result.pi_high)
        said += f" In another such series it would lie within {within} % ({result.prediction_rule})."
    return " ".join([said, *(f"{note[0].upper()}{note[1:]}." for note in result.notes)])
