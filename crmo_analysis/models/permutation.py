"""Permutation tests of correlations.

Exact with ties where that is feasible, and of several exposures together.

Pairs are sorted before anything random is drawn, so that a table in another order gives the same numbers.
"""

import math
from collections.abc import Iterator, Sequence
from itertools import permutations as arrangements

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from crmo_analysis.files import NotEstimableError

STATISTICS = ("spearman", "kendall", "pearson")
LEAST_PAIRS = 4
MANY = 2_000  # patients from whom on large-sample results are as good as permutations
EXACT_STATES, EXACT_STEPS = 5_000, 30_000  # 12 patients without ties, or many more with few different values
_ELEMENTS = 200_000  # random numbers held at a time; more would not fit the processor's cache


def as_numbers(values: Sequence, name: str = "the variable") -> np.ndarray:
    """Return values as floats: missing ones as nan, yes as 1, ordered categories as their positions.

    Raises
    ------
    ValueError
        If a value is no finite number.
    """
    series = pd.Series(values).reset_index(drop=True)
    if isinstance(series.dtype, pd.CategoricalDtype) and series.cat.ordered:
        return np.where(series.isna(), np.nan, series.cat.codes)
    numbers = series if series.dtype.kind in "fi" else pd.to_numeric(series.astype(object), errors="coerce")
    numbers = numbers.to_numpy(dtype=float, na_value=np.nan)
    wrong = np.flatnonzero((np.isnan(numbers) & series.notna().to_numpy()) | np.isinf(numbers))
    if len(wrong):
        raise ValueError(f"{name} is '{series[wrong[0]]}' in row {wrong[0] + 1}; expected finite numbers")
    return numbers


def pairs(x: Sequence, y: Sequence, statistic: str) -> tuple[np.ndarray, np.ndarray, int]:
    """Return the pairs without missing values, sorted, and how many were excluded.

    Raises
    ------
    NotEstimableError
        If there are fewer than four pairs or all values of a variable are equal.
    """
    if statistic not in STATISTICS:
        raise ValueError(f"statistic is {statistic!r}, expected one of {', '.join(STATISTICS)}")
    first, second = as_numbers(x, "the first variable"), as_numbers(y, "the second variable")
    if len(first) != len(second):
        raise ValueError(
            f"the variables have {len(first)} and {len(second)} values, expected one of each a patient"
        )
    known = ~np.isnan(first) & ~np.isnan(second)
    first, second = first[known], second[known]
    if len(first) < LEAST_PAIRS:
        raise NotEstimableError(f"{len(first)} patients have both values, expected at least {LEAST_PAIRS}")
    for values in (first, second):
        if (values == values[0]).all():
            raise NotEstimableError(f"all {len(values)} values of a variable are {values[0]:g}")
    order = np.lexsort((second, first))
    return first[order], second[order], int((~known).sum())


def permutation_test(
    x: Sequence, y: Sequence, statistic: str = "spearman", permutations: int = 10_000, seed: int = 1
) -> tuple[float, str]:
    """Test whether two variables are unrelated, by how often a rearrangement has a correlation as far from 0.

    All rearrangements are counted, ties included, where that is feasible: the patients of each value of one
    variable take their share of the other's values in turn, and arrangements that leave the same values over
    are counted together (a network, as Mehta and Patel's). Otherwise random permutations give (b + 1) / (m +
    1).

    Parameters
    ----------
    x, y : sequence of numbers
        One value a patient; pairs with a missing value are excluded.
    statistic : str
        "spearman", "kendall" or "pearson" (exact for up to 8 patients).
    permutations, seed : int
        How many where there are too many to count, and the seed.

    Returns
    -------
    tuple of float, str
        The two-sided P value, and the method.

    References
    ----------
    Mehta CR, Patel NR. J Am Stat Assoc 1983;78:427-434. Phipson B, Smyth GK. Stat Appl Genet Mol Biol
    2010;9:39.
    """
    x, y, _ = pairs(x, y, statistic)
    first, second = _scores(x, statistic), _scores(y, statistic)
    if statistic != "pearson" and (p := _network(first, second, statistic)) is not None:
        return p, "exact permutation test"
    least = abs(_numerators(first, second[None], statistic)[0]) * (1 - 1e-12)
    if statistic == "pearson" and len(x) <= 8:
        every = _numerators(first, np.array(list(arrangements(second))), statistic)
        return float(np.mean(np.abs(every) >= least)), "exact permutation test"
    rng = np.random.default_rng(seed)
    parts = (_numerators(first, part, statistic) for part in _shuffled(rng, second, permutations))
    beyond = sum(int((np.abs(part) >= least).sum()) for part in parts)
    return (beyond + 1) / (permutations + 1), f"permutation test, {permutations} random permutations"


def _scores(values: np.ndarray, statistic: str) -> np.ndarray:
    """Return what a permutation moves about: centred values.

    For ranks, whole numbers, so that ties stay ties.
    """
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


def _shuffled(rng: np.random.Generator, scores: np.ndarray, count: int) -> Iterator[np.ndarray]:
    rows = max(1, _ELEMENTS // len(scores))
    for start in range(0, count, rows):
        yield rng.permuted(np.tile(scores, (min(rows, count - start), 1)), axis=1)


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
    # Here, not at the top: a P value is written in words where none is adjusted.
    from statsmodels.stats.multitest import multipletests

    methods = {"holm": "holm", "benjamini_hochberg": "fdr_bh"}
    if method not in methods:
        raise ValueError(f"method is {method!r}, expected 'holm' or 'benjamini_hochberg'")
    p = np.array(p, dtype=float)
    known = ~np.isnan(p)  # statsmodels would count the others
    if known.any():
        p[known] = multipletests(p[known], method=methods[method])[1]
    return p


def maximum_statistic(
    exposures: pd.DataFrame,
    outcome: Sequence,
    statistic: str = "spearman",
    permutations: int = 10_000,
    seed: int = 1,
) -> pd.DataFrame:
    """Test several exposures against one outcome together, by the largest correlation under permutation.

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
    statistic, permutations, seed
        As for `permutation_test`; never exact, and Kendall's for at most `MANY` patients.

    Returns
    -------
    DataFrame
        One row an exposure: `exposure, n, excluded, estimate, p, p_maximum, method`.

    Raises
    ------
    NotEstimableError
        If there are fewer than four patients, too many for Kendall's, or all values of the outcome are equal.

    References
    ----------
    Westfall PH, Young SS. Resampling-based multiple testing. Wiley 1993, algorithm 4.1, with correlations in
    the place of P values. Hájek J, Šidák Z, Sen PK. Theory of rank tests. Academic Press 1999, section 6.1
    (the limit).
    """
    columns = [as_numbers(outcome, "the outcome"), *(as_numbers(exposures[name], name) for name in exposures)]
    table = np.column_stack(columns)
    known = table[~np.isnan(table).any(axis=1)]
    pairs(known[:, 0], known[:, 0], statistic)
    if len(known) > MANY and statistic == "kendall":
        raise NotEstimableError(f"Kendall's correlation is not permuted with more than {MANY:,} patients")
    scores = np.array([_scores(column, statistic) for column in known[np.lexsort(known.T)].T])
    usable = np.flatnonzero(np.ptp(scores[1:], axis=1) > 0) + 1
    spread = {k: _numerators(scores[k], scores[k][None], statistic)[0] for k in (0, *usable)}

    def correlations(many: np.ndarray) -> np.ndarray:
        return np.array(
            [_numerators(scores[k], many, statistic) / math.sqrt(spread[k] * spread[0]) for k in usable]
        )

    observed = correlations(scores[:1]).reshape(-1)
    order = np.argsort(-np.abs(observed), kind="stable")
    least = np.abs(observed[order])[:, None] - 1e-12
    beyond = np.zeros((2, len(usable)))
    rng = np.random.default_rng(seed)
    if not len(usable):
        drawn = ()
    elif len(known) > MANY:
        limit = np.atleast_2d(np.corrcoef(scores[usable])) / (len(known) - 1)
        drawn = iter([rng.multivariate_normal(np.zeros(len(usable)), limit, permutations, method="eigh").T])
    else:
        drawn = map(correlations, _shuffled(rng, scores[0], permutations))
    for part in drawn:
        sizes = np.abs(part)[order]
        largest = np.maximum.accumulate(sizes[::-1])[::-1]  # of this correlation and all smaller ones
        beyond += (sizes >= least).sum(axis=1), (largest >= least).sum(axis=1)
    beyond[1] = np.maximum.accumulate(beyond[1])
    rows = pd.DataFrame(
        {"exposure": list(exposures.columns), "n": len(known), "excluded": len(table) - len(known)}
    )
    result = np.full((len(rows), 3), np.nan)
    result[usable[order] - 1] = np.column_stack([observed[order], *(beyond + 1) / (permutations + 1)])
    rows[["estimate", "p", "p_maximum"]] = result
    kind = "draws from the limit of permutations" if len(known) > MANY else "random permutations"
    words = f"step-down maximum of {len(usable)} {statistic} correlations, {permutations} {kind}"
    rows["method"] = np.where(np.isnan(result[:, 0]), "not estimable: all values are equal", words)
    return rows
