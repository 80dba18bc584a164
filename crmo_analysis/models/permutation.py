"""Permutation tests of correlations: exact with ties where feasible, and of several exposures together.

Pairs are sorted before anything random is drawn, so that a table in another order gives the same numbers.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import permutations as arrangements

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from crmo_analysis.files import InputError, NotEstimableError
from crmo_analysis.models.designs import as_numbers, codes_of, without_means

STATISTICS = ("spearman", "kendall", "pearson")
LEAST_PAIRS = 4
MANY = 2_000  # patients from whom on large-sample results are as good as permutations
EXACT_STATES, EXACT_STEPS = 5_000, 30_000  # 12 patients without ties, or many more with few different values
LEVELS = (0.05, 0.01, 0.001)  # at which P values are usually read
CLEAR = 3  # Monte Carlo errors from a level
MOST_DRAWN = 100_000  # permutations, where a P value is close to a level
ROUNDING = 1e-9  # scores that differ by less are equal
_ELEMENTS = 200_000  # random numbers held at a time; more would not fit the processor's cache


def pairs(x: Sequence, y: Sequence, statistic: str) -> tuple[np.ndarray, np.ndarray, int]:
    """Return the pairs without missing values, sorted, and how many were excluded.

    Raises
    ------
    NotEstimableError
        If there are fewer than four pairs or all values of a variable are equal.
    """
    if statistic not in STATISTICS:
        raise InputError(f"statistic is {statistic!r}, expected one of {', '.join(STATISTICS)}")
    first, second = as_numbers(x, "the first variable"), as_numbers(y, "the second variable")
    if len(first) != len(second):
        given = f"{len(first)} and {len(second)} values"
        raise InputError(f"the variables have {given}, expected one of each a patient")
    known = ~np.isnan(first) & ~np.isnan(second)
    first, second = first[known], second[known]
    if len(first) < LEAST_PAIRS:
        raise NotEstimableError(f"{len(first)} patients have both values, expected at least {LEAST_PAIRS}")
    for values in (first, second):
        if (values == values[0]).all():
            raise NotEstimableError(f"all {len(values)} values of a variable are {values[0]:g}")
    order = np.lexsort((second, first))
    return first[order], second[order], int((~known).sum())


def beyond_chance(beyond: Callable[[int], np.ndarray], count: int) -> tuple[np.ndarray, int]:
    """Count how often chance gives as much, and of how many draws.

    `beyond` draws so many more, and says how many of these were beyond what was observed, of each test. So
    many are drawn first; then as many again, up to `MOST_DRAWN`, until every P value is `CLEAR` errors from
    each of `LEVELS`.

    References
    ----------
    Gandy A. J Am Stat Assoc 2009;104:1504-1511 (drawing until a decision is clear).
    """
    found, drawn, more = 0, 0, count
    while more > 0:
        found, drawn = found + beyond(more), drawn + more
        p = (np.atleast_1d(found) + 1) / (drawn + 1)
        apart = np.abs(np.subtract.outer(LEVELS, p))
        is_open = (apart < CLEAR * np.sqrt(p * (1 - p) / drawn)).any()
        more = min(drawn, MOST_DRAWN - drawn) if is_open else 0
    return found, drawn


def permutation_test(
    x: Sequence, y: Sequence, statistic: str = "spearman", permutations: int = 10_000, seed: int = 1
) -> tuple[float, float, str]:
    """Return the two-sided P value of a correlation by permutation, its Monte Carlo error, and the method.

    All rearrangements are counted, ties included, where that is feasible: the patients of each value of one
    variable take their share of the other's values in turn, and arrangements that leave the same values over
    are counted together (a network, as Mehta and Patel's). Otherwise random permutations give (b + 1) / (m +
    1), and more are drawn where that leaves a decision open (see `beyond_chance`). Pearson's is exact for up
    to 8 patients.

    References
    ----------
    Mehta CR, Patel NR. J Am Stat Assoc 1983;78:427-434. Phipson B, Smyth GK. Stat Appl Genet Mol Biol
    2010;9:39.
    """
    x, y, _ = pairs(x, y, statistic)
    first, second = _scores(x, statistic), _scores(y, statistic)
    if statistic != "pearson" and (p := _network(first, second, statistic)) is not None:
        return p, 0.0, "exact permutation test"
    least = abs(_numerators(first, second[None], statistic)[0]) * (1 - 1e-12)
    if statistic == "pearson" and len(x) <= 8:
        every = _numerators(first, np.array(list(arrangements(second))), statistic)
        return float(np.mean(np.abs(every) >= least)), 0.0, "exact permutation test"
    rng = np.random.default_rng(seed)

    def beyond(count: int) -> int:
        everybody = np.zeros(len(second), dtype=int)
        parts = (_numerators(first, part, statistic) for part in shuffled(rng, second, count, everybody))
        return sum(int((np.abs(part) >= least).sum()) for part in parts)

    found, drawn = beyond_chance(beyond, permutations)
    p = (found + 1) / (drawn + 1)
    error = math.sqrt(p * (1 - p) / drawn)
    return p, error, f"permutation test, {drawn:,} random permutations, Monte Carlo error {error:.1g}"


def _scores(values: np.ndarray, statistic: str) -> np.ndarray:
    """Return centred values to be permuted; whole numbers for ranks, so that ties stay ties."""
    if statistic == "kendall":
        return rankdata(values, "dense").astype(float)
    return 2 * rankdata(values) - len(values) - 1 if statistic == "spearman" else values - values.mean()


def _numerators(first: np.ndarray, many: np.ndarray, statistic: str) -> np.ndarray:
    """Return the part of the correlation that permuting changes, for every row of second scores."""
    if statistic != "kendall":
        return many @ first
    signs, many = np.sign(first - first[:, None]).astype(np.float32), many.astype(np.float32)
    return sum(
        np.sign(many[:, i + 1 :] - many[:, i, None]) @ signs[i, i + 1 :] for i in range(len(first) - 1)
    )


def shuffled(
    rng: np.random.Generator, scores: np.ndarray, count: int, groups: np.ndarray
) -> Iterator[np.ndarray]:
    """Give scores in random order within groups, as many rows at a time as fit the processor's cache."""
    rows, places = max(1, _ELEMENTS // len(scores)), [slice(None)]
    if groups.any():
        places = np.split(np.argsort(groups, kind="stable"), np.cumsum(np.bincount(groups))[:-1])
    for start in range(0, count, rows):
        many = np.tile(scores, (min(rows, count - start), 1))
        for place in places:
            many[:, place] = rng.permuted(many[:, place], axis=1)
        yield many


def limit_of_permutations(rows: np.ndarray, moved: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Return the covariances of sums of products of rows with what is permuted within groups."""
    sizes, left = np.bincount(groups), without_means(moved[None], groups)[0]
    spreads = np.bincount(groups, left**2) / np.maximum(sizes - 1, 1)
    apart = without_means(rows, groups)
    return (apart * spreads[groups]) @ apart.T


def _network(first: np.ndarray, second: np.ndarray, statistic: str) -> float | None:
    """Return the exact two-sided P value of whole scores, or None where it would take too long."""
    groups, categories = np.unique_counts(first), np.unique_counts(second)
    if math.prod(groups.counts + 1.0) < math.prod(categories.counts + 1.0):
        groups, categories = categories, groups
    if math.prod(categories.counts + 1.0) > EXACT_STATES:
        return None
    n, spearman = len(first), statistic == "spearman"
    # Scores from 0 up in the smallest steps keep the distributions short.
    (rows, row_step), (columns, column_step) = _smallest(groups.values), _smallest(categories.values)
    if spearman:
        longest = int(np.repeat(rows, groups.counts) @ np.repeat(columns, categories.counts))
        centre = (rows @ groups.counts) * (columns @ categories.counts) / n
    else:
        longest, centre = n * (n - 1), (n * n - groups.counts @ groups.counts) / 2
    if longest > 100 * EXACT_STATES:
        return None
    states, steps = {tuple(categories.counts.tolist()): np.eye(1, longest + 1)[0]}, 0
    for row, size in zip(rows.tolist(), groups.counts.tolist(), strict=True):
        reached = {}
        for left, ways in states.items():
            # Of a patient's pairs with all who come later, those above count 2, those equal 1, those below 0.
            later = 0 if spearman else size * (sum(left) - size)
            worth = row * columns if spearman else 2 * np.cumsum(left[::-1])[::-1] - left - sum(left)
            for taken in _shares(left, size):
                steps += 1
                if steps > EXACT_STEPS:
                    return None
                shift = int(worth @ taken) + later
                target = reached.setdefault(tuple(map(int.__sub__, left, taken)), np.zeros(longest + 1))
                target[shift:] += math.prod(map(math.comb, left, taken)) * ways[: longest + 1 - shift]
        states = reached
    (ways,) = states.values()
    distances = np.abs(np.arange(longest + 1) - centre) * (row_step * column_step if spearman else 1)
    # Scores are whole, so anything within a half is equal.
    beyond = distances > abs(_numerators(first, second[None], statistic)[0]) - 0.5
    return float(ways[beyond].sum() / ways.sum())


def _smallest(scores: np.ndarray) -> tuple[np.ndarray, int]:
    whole = (scores - scores[0]).astype(int)
    step = int(np.gcd.reduce(whole))
    return whole // step, step


def _shares(left: tuple[int, ...], size: int) -> Iterator[tuple[int, ...]]:
    """List every way to take so many of what is left."""
    if len(left) == 1:
        yield (size,)
        return
    rest = sum(left[1:])
    for first in range(max(0, size - rest), min(left[0], size) + 1):
        for others in _shares(left[1:], size - first):
            yield (first, *others)


def adjust(p: Sequence[float], method: str = "holm") -> np.ndarray:
    """Adjust P values for how many there are; those that are nan stay nan and do not count.

    Parameters
    ----------
    p : sequence of float
        P values of one family.
    method : str
        "holm" (chance of any false finding) or "benjamini_hochberg" (share of false findings).

    References
    ----------
    Holm S. Scand J Stat 1979;6:65-70. Benjamini Y, Hochberg Y. J R Stat Soc B 1995;57:289-300.
    """
    methods = {"holm": "holm", "benjamini_hochberg": "fdr_bh"}
    if method not in methods:
        raise InputError(f"method is {method!r}, expected 'holm' or 'benjamini_hochberg'")
    p = np.array(p, dtype=float)
    known = ~np.isnan(p)  # statsmodels would count the others
    if known.sum() > 1:  # one alone stays as it is, and each call of statsmodels collects all garbage
        # Here, not at the top: a P value is written in words where none is adjusted.
        from statsmodels.stats.multitest import multipletests

        p[known] = multipletests(p[known], method=methods[method])[1]
    return p


def maximum_statistic(
    exposures: pd.DataFrame,
    outcome: Sequence,
    permutations: int = 10_000,
    seed: int = 1,
    groups: Sequence | None = None,
) -> pd.DataFrame:
    """Test several exposures against one outcome together, by the largest rank correlation under permutation.

    The outcome is permuted for all exposures at once, so that their relations to each other stay as they are:
    exposures that say nearly the same cost little. The test steps down, from the largest correlation to the
    smallest. Patients who lack any of the values are excluded, so that there is one set of patients. With
    more than `MANY` of them the correlations under permutation are drawn from their normal limit.

    Parameters
    ----------
    exposures : DataFrame of numbers
        One column an exposure.
    outcome : sequence of numbers
        One value a row.
    permutations, seed
        As for `permutation_test`, more being drawn where a decision is open; never exact.
    groups : sequence
        A label a row, where patients of a group are alike: outcomes are permuted within groups alone, and
        correlations are those of what is left of ranks without the means of groups. A centre that differs
        from others in both then makes no correlation.

    Returns
    -------
    DataFrame
        One row an exposure: `exposure, n, excluded, estimate, p, p_error, p_maximum, p_maximum_error,
        method`; errors are Monte Carlo ones.

    Raises
    ------
    NotEstimableError
        If there are fewer than four patients, or all values of the outcome are equal, or those of each group.

    References
    ----------
    Westfall PH, Young SS. Resampling-based multiple testing. Wiley 1993, algorithm 4.1, with correlations in
    the place of P values. Winkler AM, Webster MA, Vidaurre D, et al. Neuroimage 2015;123:253-268 (within
    groups). Hájek J, Šidák Z, Sen PK. Theory of rank tests. Academic Press 1999, section 6.1
    (the limit).
    """
    columns = [as_numbers(outcome, "the outcome"), *(as_numbers(exposures[name], name) for name in exposures)]
    labels = np.zeros(len(columns[0])) if groups is None else codes_of(groups)
    table = np.column_stack([*columns, labels])
    known = table[~np.isnan(table).any(axis=1)]
    pairs(known[:, 0], known[:, 0], "spearman")
    *columns, labels = known[np.lexsort(known.T)].T
    labels, scores = labels.astype(int), np.array([_scores(column, "spearman") for column in columns])
    scores = scores if groups is None else without_means(scores, labels)
    if np.ptp(scores[0]) < ROUNDING:
        raise NotEstimableError("the outcome is the same in all patients of each group")
    usable = np.ptp(scores[1:], axis=1) > ROUNDING
    within = "" if groups is None else f" within {labels.max() + 1} groups"
    result, words = np.full((5, len(usable)), np.nan), ""
    if usable.any():
        rng, family = np.random.default_rng(seed), scores[1:][usable]
        result[:, usable], draws = _stepped_down(scores[0], family, labels, permutations, rng)
        words = f"step-down maximum of {len(family)} Spearman correlations{within}, {draws}"
    empty = f"not estimable: all values are equal{' in each group' if within else ''}"
    rows = {"exposure": list(exposures.columns), "n": len(known), "excluded": len(table) - len(known)}
    rows |= dict(zip(("estimate", "p", "p_error", "p_maximum", "p_maximum_error"), result, strict=True))
    return pd.DataFrame(rows | {"method": np.where(usable, words, empty)})


def _stepped_down(
    outcome: np.ndarray,
    exposures: np.ndarray,
    groups: np.ndarray,
    permutations: int,
    rng: np.random.Generator,
) -> tuple[np.ndarray, str]:
    """Return correlation, P, adjusted P and their errors of each exposure's ranks; and what was drawn."""
    scaled = exposures / np.sqrt((exposures**2).sum(axis=1, keepdims=True) * (outcome @ outcome))
    observed = scaled @ outcome
    order = np.argsort(-np.abs(observed), kind="stable")
    least, is_large = np.abs(observed[order])[:, None] - 1e-12, len(outcome) > MANY

    def beyond(count: int) -> np.ndarray:
        parts = (scaled @ many.T for many in shuffled(rng, outcome, count, groups))
        if is_large:
            limit = limit_of_permutations(scaled, outcome, groups)
            parts = [rng.multivariate_normal(np.zeros(len(scaled)), limit, count, method="eigh").T]
        found = np.zeros((2, len(scaled)))
        for part in parts:
            sizes = np.abs(part)[order]
            largest = np.maximum.accumulate(sizes[::-1])[::-1]  # of this correlation and all smaller ones
            found += (sizes >= least).sum(axis=1), (largest >= least).sum(axis=1)
        return found

    found, drawn = beyond_chance(beyond, permutations)
    p = (np.array([found[0], np.maximum.accumulate(found[1])]) + 1) / (drawn + 1)
    errors = np.sqrt(p * (1 - p) / drawn)
    result = np.array([observed[order], p[0], errors[0], p[1], errors[1]])
    kind = "draws from the limit of permutations" if is_large else "random permutations"
    return result[:, np.argsort(order)], f"{drawn:,} {kind}"
