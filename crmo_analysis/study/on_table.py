"""What a table of patients gives for spreads, quantiles, intervals, correlations, tests and estimates.

Where a study does not say by which definition or test a number was made, every one that is usual is tried.
Times to an event and models of several variables but linear and logistic ones are not computed.
"""

import math
import warnings
from collections.abc import Callable

import numpy as np
import pandas as pd

from crmo_analysis.study.describe import of_counts, share_intervals, standardised_difference

QUANTILES = {
    "type 7": "linear", "type 6": "weibull", "type 2": "averaged_inverted_cdf", "hinges": "hinges",
    "type 1": "inverted_cdf", "type 3": "closest_observation", "type 4": "interpolated_inverted_cdf",
    "type 5": "hazen", "type 8": "median_unbiased", "type 9": "normal_unbiased",
}  # fmt: skip
OF_COUNTS = (
    *("risk_ratio", "risk_difference", "number_needed_to_treat", "kappa", "cramers_v"),
    *("positive_likelihood_ratio", "negative_likelihood_ratio"),
)


def of_values(claim, values: np.ndarray) -> dict[str, float]:
    """Return what values without missing ones give for a claim of them, by definition; empty if nothing."""
    n = len(values)
    if not n:
        return {}
    if claim.percentile:
        return quantiles(values, claim.percentile / 100)
    if claim.statistic == "iqr":
        upper, lower = quantiles(values, 0.75), quantiles(values, 0.25)
        return {name: upper[name] - lower[name] for name in upper}
    if claim.statistic == "range":
        return {"": float(values.max() - values.min())}
    if n < 2:
        return {}
    sd, mean = float(values.std(ddof=1)), float(values.mean())
    if claim.statistic == "se":
        return {"": sd / math.sqrt(n)}
    from scipy.special import ndtri, stdtrit

    sign = -1 if claim.statistic == "ci_lower" else 1
    halves = {"t": stdtrit(n - 1, 0.5 + claim.level / 2), "wald": ndtri(0.5 + claim.level / 2)}
    return {name: mean + sign * float(half) * sd / math.sqrt(n) for name, half in halves.items()}


def quantiles(values: np.ndarray, share: float) -> dict[str, float]:
    """Return a quantile by each definition, the usual ones first.

    References
    ----------
    Hyndman RJ, Fan Y. Am Stat 1996;50:361-365. Tukey JW. Exploratory Data Analysis, 1977.
    """
    ordered = np.sort(values)
    half = (len(ordered) + 1) // 2
    hinge = np.median(ordered[:half]) if share == 0.25 else np.median(ordered[-half:])
    found = {
        name: float(np.quantile(ordered, share, method=method)) if method != "hinges" else float(hinge)
        for name, method in QUANTILES.items()
    }
    return found if share in (0.25, 0.75) else {k: v for k, v in found.items() if k != "hinges"}


def of_share(claim, counted: np.ndarray) -> dict[str, float]:
    """Return the standard error, or an end of the interval, of the share of a group that is counted."""
    x, n = int(counted.sum()), len(counted)
    if not n:
        return {}
    scale = 100 if claim.unit == "%" or claim.number.value > 1 else 1
    if claim.statistic == "se":
        return {"": scale * math.sqrt(x / n * (1 - x / n) / n)}
    found = share_intervals(x, n, claim.level)
    return {name: scale * ends[claim.statistic == "ci_upper"] for name, ends in found.items()}


def of_pair(claim, columns: list[pd.Series]) -> dict[str, float]:
    """Return what columns give for a claim, by test; empty if nothing.

    A column of the patients of the group for each part of `of`: numbers, or which level each is of.
    """
    frame = pd.concat(columns, axis=1, keys=range(len(columns))).dropna().infer_objects()
    functions = {
        "percent_of_total": _ratio, "ratio": _ratio, "mean_change": _change, "sd_change": _change,
        "median_change": _change, "percent_change": _change, "coefficient": _linear, "r_squared": _linear,
        "odds_ratio": _odds, "mean_difference": _difference, "rate": _ratio,
        "standardised_mean_difference": _difference, **dict.fromkeys(OF_COUNTS, _of_counts),
    }  # fmt: skip
    function = functions.get(claim.statistic, _tested)
    if len(frame) < 3 or (len(columns) > 2 and function not in (_linear, _odds)):
        return {}
    from statsmodels import api  # its import sets filters of its own

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of samples that are small for an approximation
        found = function(claim, frame, api) if function in (_linear, _odds) else function(claim, frame)
    return {name: float(value) for name, value in found.items() if value is not None and np.isfinite(value)}


def _ratio(claim, frame: pd.DataFrame) -> dict:
    if _is_text(frame[0]) or _is_text(frame[1]):
        return {}
    first, second = frame[0].astype(float).sum(), frame[1].astype(float).sum()
    scales = {"percent_of_total": (100,), "rate": claim.rate_scales}.get(claim.statistic, (1,))
    of = float(claim.number.value)
    return {"": min((s * first / second for s in scales), key=lambda v: abs(v - of))} if second else {}


def _change(claim, frame: pd.DataFrame) -> dict:
    before, after = (frame[place].astype(float) for place in (0, 1))
    if claim.statistic == "percent_change":
        return {"of the means": 100 * (after.mean() / before.mean() - 1)} if before.mean() else {}
    summary = {"mean_change": "mean", "sd_change": "std", "median_change": "median"}[claim.statistic]
    return {"": getattr(after - before, summary)()}


def _groups(frame: pd.DataFrame) -> list[np.ndarray]:
    """Return the values of the numeric column in each level of the other; empty unless one is numeric."""
    for outcome, exposure in ((0, 1), (1, 0)):
        levels = frame[exposure].unique()
        if not _is_level(frame[outcome]) and (_is_level(frame[exposure]) or len(levels) == 2):
            values = frame[outcome].astype(float)
            return [
                values[frame[exposure] == level].to_numpy() for level in sorted(levels, key=str, reverse=True)
            ]
    return []


def _is_level(column: pd.Series) -> bool:
    return column.dtype == bool or _is_text(column)


def _is_text(column: pd.Series) -> bool:
    return column.dtype == object or isinstance(column.dtype, pd.StringDtype)


def _difference(claim, frame: pd.DataFrame) -> dict:
    groups = _groups(frame)
    if len(groups) != 2 or min(map(len, groups)) < 2:
        return {}
    means, sds = [group.mean() for group in groups], [group.std(ddof=1) for group in groups]
    if claim.statistic == "mean_difference":
        return {"": means[0] - means[1]}
    return standardised_difference(means, sds, [len(group) for group in groups]) if any(sds) else {}


def _of_counts(claim, frame: pd.DataFrame) -> dict:
    """Return what the counts of two findings, or of two ratings, give."""
    if not all(_is_level(frame[place]) for place in (0, 1)):
        return {}
    is_finding = frame[0].dtype == bool and frame[1].dtype == bool
    levels = (True, False) if is_finding else sorted({*frame[0], *frame[1]}, key=str)
    counts = [[int(((frame[1] == e) & (frame[0] == o)).sum()) for o in levels] for e in levels]
    if not is_finding and claim.statistic not in ("kappa", "cramers_v"):
        return {}
    value, _ = of_counts(counts).get(claim.statistic, (None, {}))
    percent = claim.statistic == "risk_difference" and (claim.unit == "%" or abs(claim.number.value) > 1)
    return {} if value is None else {"": 100 * value if percent else value}


def _odds(claim, frame: pd.DataFrame, api) -> dict:
    if len(frame.columns) == 2 and frame[0].dtype == bool == frame[1].dtype:
        return _of_counts(claim, frame)
    if frame[0].dtype != bool or any(_is_text(frame[place]) for place in frame):
        return {}
    try:
        exposures = api.add_constant(frame.iloc[:, 1:].astype(float))
        fitted = api.Logit(frame[0].astype(float), exposures).fit(disp=0)
    except (np.linalg.LinAlgError, ValueError):
        return {}
    is_found = fitted.mle_retvals["converged"] and len(fitted.params) > 1
    return {"logistic": math.exp(fitted.params.iloc[1])} if is_found else {}


def _linear(claim, frame: pd.DataFrame, api) -> dict:
    if any(_is_text(frame[place]) for place in frame):
        return {}
    fitted = api.OLS(frame[0].astype(float), api.add_constant(frame.iloc[:, 1:].astype(float))).fit()
    if len(fitted.params) < 2:  # an exposure that is the same in all
        return {}
    return {"linear": fitted.rsquared if claim.statistic == "r_squared" else fitted.params.iloc[1]}


def _tested(claim, frame: pd.DataFrame) -> dict:
    """Return the statistic, or the P value, of every test that fits the two columns."""
    from scipy import stats

    groups, table = _groups(frame), pd.crosstab(frame[1], frame[0])
    tests: dict[str, Callable] = {}
    if len(groups) > 1 and all(len(group) > 1 for group in groups):
        tests = {"kruskal-wallis": lambda: stats.kruskal(*groups), "anova": lambda: stats.f_oneway(*groups)}
        if len(groups) == 2:
            tests = {
                "t": lambda: stats.ttest_ind(*groups),
                "welch": lambda: stats.ttest_ind(*groups, equal_var=False),
                "mann-whitney": lambda: stats.mannwhitneyu(*groups),
            } | tests
    elif not any(_is_level(frame[place]) for place in (0, 1)):
        x, y = (frame[place].astype(float).to_numpy() for place in (0, 1))
        tests = {
            "spearman": lambda: stats.spearmanr(x, y), "pearson": lambda: stats.pearsonr(x, y),
            "paired t": lambda: stats.ttest_rel(y, x), "wilcoxon": lambda: stats.wilcoxon(y, x),
        }  # fmt: skip
        paired = ("paired t", "wilcoxon")
        is_paired = claim.parts[1].startswith(f"{claim.parts[0]}_at_") or claim.test in paired
        tests = {name: test for name, test in tests.items() if (name in paired) == is_paired}
    elif min(table.shape) > 1:
        counts = table.to_numpy()
        tests = {"chi2": lambda: stats.chi2_contingency(counts, correction=False)}
        if counts.shape == (2, 2):
            tests |= {"yates": lambda: stats.chi2_contingency(counts)}
            tests |= {"fisher": lambda: stats.fisher_exact(counts)}
    done = {name: test() for name, test in tests.items()}
    if claim.statistic in ("p_value", "correlation", "test_statistic"):
        place = 1 if claim.statistic == "p_value" else 0
        return {name: result[place] for name, result in done.items()}
    if claim.statistic == "df":
        return {name: getattr(result, "df", getattr(result, "dof", None)) for name, result in done.items()}
    return {}
