"""What is printed beside a P value, an interval or an estimate, and what named tests give for it.

Each source (a correlation, a table of counts, means and SDs, a statistic with its degrees of freedom, an
estimate with its standard error) is one `Evidence`.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from crmo_analysis.recompute import tests_of_difference as tests
from crmo_analysis.recompute.counts import counts_text, printed_range, size, sizes_of_levels, tables
from crmo_analysis.recompute.quantities import View
from crmo_analysis.recompute.tests_of_difference import Outcome, Range
from crmo_analysis.study import Claim, describe, entailment, expressions, reproduction

_OF_RATIOS = ("logistic", "cox", "wald")  # tests of a ratio, by the normal distribution of its logarithm
LARGEST_DEVIATE = 8  # a larger statistic of ranks is a sum of ranks
RATIOS = (
    *("odds_ratio", "risk_ratio", "hazard_ratio", "rate_ratio"),
    *("positive_likelihood_ratio", "negative_likelihood_ratio", "rate"),
)
OF_TABLES = (  # which a table of counts gives
    *(*RATIOS[:2], *RATIOS[4:6], "risk_difference", "number_needed_to_treat", "kappa", "cramers_v"),
)
ESTIMATES = (
    *(*RATIOS[:4], "coefficient", "mean_difference", "mean_change"),
    *("risk_difference", "standardised_mean_difference"),
)
WITH_INTERVALS = (*ESTIMATES, *RATIOS[4:], *OF_TABLES[-3:], *reproduction.KEPT)
_BESIDE = {"p_value", "se", "ci_lower", "ci_upper", "limit_lower", "limit_upper", "df", "df_2"}
_BY_DISTRIBUTION = {
    "t": ("t", "welch", "paired t", "pearson", "spearman", "linear"),
    "chi2": ("chi2", "yates", "mcnemar", "kruskal-wallis", "log-rank", "logistic", "cox"),
    "z": ("mann-whitney", "wilcoxon", "log-rank", "logistic", "cox", "wald"),
    "anova": ("anova", "linear"),
}
_OF_LEVELS = ("kruskal-wallis", "log-rank", "chi2")  # with one degree of freedom less than there are groups
_WITH_DF = ("t", "welch", "anova", "paired t")


@dataclass(frozen=True)
class Evidence:
    """One printed source of a P value: in words, what tests give for it by name, and the claims it is from.

    `confirmed` are those that a P value with enough digits confirms in turn.
    """

    text: str
    outcomes: dict[str, Outcome]
    related: tuple[str, ...]
    confirmed: tuple[str, ...] = ()


def overlap(one: Range, other: Range) -> bool:
    """Say whether two ranges share a value."""
    return one[0] <= other[1] and other[0] <= one[1]


def between(ends: Range, claim: Claim) -> str:
    """Write a range with one digit more than a claim prints."""
    digits = claim.number.decimals + 1
    return " to ".join(dict.fromkeys(f"{end:.{digits}f}".rstrip("0").rstrip(".") or "0" for end in ends))


def are_of_others(view: View, one: Claim, other: Claim) -> bool:
    """Say whether two P values, errors or ends of intervals stand in their cells beside other estimates."""
    if other.statistic not in _BESIDE or one.statistic not in _BESIDE:
        return False
    of, of_other = (
        {c.statistic for c in view.claims if each.cell and c.cell == each.cell} - _BESIDE
        for each in (one, other)
    )
    return bool(of and of_other and of.isdisjoint(of_other))


def beside(view: View, claim: Claim, *statistics: str) -> Claim | None:
    """Return the claim of one of these statistics about the same pair, the nearest if there are several."""
    found = [
        other
        for other in view.claims
        if other.statistic in statistics
        and other is not claim
        and set(other.parts) == set(claim.parts)
        and other.number.relation == "="
        and view.meaning.same(other.group, claim.group)
        and not are_of_others(view, claim, other)
    ]

    def distance(other: Claim) -> tuple:
        is_of_cell = claim.cell and other.cell == claim.cell
        return not is_of_cell, other.where != claim.where, other.method != claim.method

    return min(found, key=distance, default=None)


def of_claim(view: View, claim: Claim) -> Iterator[Evidence]:
    """Yield everything printed that gives a test of what a claim is about."""
    yield from of_patients(view, claim)
    yield from _of_statistic(view, claim)
    yield from _of_estimate(view, claim)


def of_patients(view: View, claim: Claim) -> Iterator[Evidence]:
    """Yield the correlation, counts or means that a claim is about, which give a statistic too."""
    yield from _of_correlation(view, claim)
    yield from _of_counts(view, claim)
    yield from _of_means(view, claim)
    yield from _of_change(view, claim)


def _of_correlation(view: View, claim: Claim) -> Iterator[Evidence]:
    r = claim if claim.statistic == "correlation" else beside(view, claim, "correlation")
    n, ids = size(view, claim.group)
    if r is None or not n or n < 4:
        return
    text = f"A correlation of {r.printed} in {n} pairs"
    yield Evidence(text, tests.correlation(printed_range(r), n), (r.claim_id, *ids), (r.claim_id,))


# ---- counts ------------------------------------------------------------------------------------------------


def _of_counts(view: View, claim: Claim) -> Iterator[Evidence]:
    if claim.test == "mcnemar":
        yield from _of_pairs_of_findings(view, claim)
        return
    found, ids = tables(view, claim)
    ratio = beside(view, claim, *RATIOS[:2])
    name = ratio.statistic if ratio else ""
    each = [outcomes | _of_ratio(table, name) for table in found if (outcomes := tests.table(table))]
    if not each:
        return
    text = " or ".join(dict.fromkeys(counts_text(table) for table in found[:3]))
    shared = [name for name in each[0] if all(name in outcome for outcome in each)]
    outcomes = {name: _joined([outcome[name] for outcome in each]) for name in shared}
    yield Evidence(text, outcomes, ids)


def _of_ratio(table: Sequence[Sequence[int]], statistic: str) -> dict[str, Outcome]:
    """Test whether a ratio that a table gives is 1, by the interval of its logarithm."""
    measure = describe.of_counts(table).get(statistic)
    if measure is None:
        return {}
    value, low, high = (math.log(end) for end in (measure[0], *measure[1]["wald"]))
    return {"wald": tests.of_estimate((value, value), tests.se_of_interval((low, low), (high, high)))}


def _of_pairs_of_findings(view: View, claim: Claim) -> Iterator[Evidence]:
    first, second = claim.levels(0), claim.levels(1)
    if len(first) != 2 or len(second) != 2:
        return
    only = [(first[0], second[1]), (first[1], second[0])]
    found = [size(view, entailment.conjunction(*pair, claim.group)) for pair in only]
    if all(number is not None for number, _ in found):
        b, c = (number for number, _ in found)
        text = f"{b} pairs that changed one way and {c} the other"
        yield Evidence(text, tests.mcnemar(b, c), tuple(name for _, ids in found for name in ids))
        return
    found = [size(view, entailment.conjunction(tree, claim.group)) for tree in (first[0], second[0])]
    (n, whole), (x, y) = size(view, claim.group), (number for number, _ in found)
    if None not in (n, x, y) and max(x, y) <= n:
        every = [tests.mcnemar(x - both, y - both) for both in range(max(0, x + y - n), min(x, y) + 1)]
        outcomes = [each["mcnemar"] for each in every if each]
        ids = (*(name for _, named in found for name in named), *whole)
        if outcomes:
            yield Evidence(f"{x} and {y} of the same {n}", {"mcnemar": _joined(outcomes)}, ids)


def _joined(outcomes: Sequence[Outcome]) -> Outcome:
    statistics = [outcome.statistic for outcome in outcomes if outcome.statistic]
    p = tests.span(*(outcome.p for outcome in outcomes))
    return Outcome(p, tests.span(*statistics) if statistics else None, outcomes[0].df)


# ---- means -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Group:
    """A group with a printed mean and spread."""

    mean: Claim
    sd: Range
    shown: str
    n: int
    related: tuple[str, ...]


def mean_of(view: View, name: str, group: expressions.Expression) -> Group | None:
    """Return the mean, the SD (or that which a printed standard error gives) and the size of a group."""
    n, ids = size(view, group)
    mean, sd, se = (view.value_claim(statistic, name, group) for statistic in ("mean", "sd", "se"))
    if mean is None or n is None or n < 2 or (sd is None and se is None):
        return None
    spread = sd or se
    low, high = (max(end, 0.0) for end in printed_range(spread))
    scale = 1 if sd else math.sqrt(n)
    shown = f"{mean.printed} ± {spread.printed}{'' if sd else ' (SE)'} of {n}"
    return Group(mean, (low * scale, high * scale), shown, n, (mean.claim_id, spread.claim_id, *ids))


def groups_of_means(view: View, claim: Claim) -> list[Group]:
    """Return the groups of an exposure with the mean of an outcome in each; empty if one is lacking."""
    for outcome, exposure in ((0, 1), (1, 0)):
        levels = claim.levels(exposure) if len(claim.parts) == 2 else ()
        name = claim.parts[outcome]
        if levels and name in view.codebook and view.codebook[name].is_numeric:
            trees = [entailment.conjunction(level, claim.group) for level in levels]
            if len(levels) > 2:  # a category of which nobody is has no mean
                trees = [tree for tree in trees if size(view, tree)[0] != 0]
            found = [mean_of(view, name, tree) for tree in trees]
            return found if len(found) > 1 and all(found) else []
    return []


def _of_means(view: View, claim: Claim) -> Iterator[Evidence]:
    groups = groups_of_means(view, claim)
    if not groups:
        return
    given = [*zip(*((printed_range(group.mean), group.sd, group.n) for group in groups), strict=True)]
    outcomes = tests.two_means(*given) if len(groups) == 2 else {}
    outcomes |= {"anova": tests.several_means(*given)}
    text = " against ".join(group.shown for group in groups)
    yield Evidence(text, outcomes, tuple(name for group in groups for name in group.related))


def _of_change(view: View, claim: Claim) -> Iterator[Evidence]:
    mean, sd = beside(view, claim, "mean_change"), beside(view, claim, "sd_change")
    n, ids = size(view, claim.group)
    if mean and sd and n and n > 1:
        outcome = tests.one_mean(printed_range(mean), printed_range(sd), n)
        text = f"A mean change of {mean.printed} ± {sd.printed} in {n}"
        yield Evidence(text, {"paired t": outcome}, (mean.claim_id, sd.claim_id, *ids))


# ---- statistics and estimates ------------------------------------------------------------------------------


def _of_statistic(view: View, claim: Claim) -> Iterator[Evidence]:
    """Yield what a printed statistic gives with its printed degrees of freedom, or with the groups' sizes."""
    found = beside(view, claim, "test_statistic")
    if found is None or (claim.test and found.test and claim.test != found.test):
        return
    df = [beside(view, found, name) for name in ("df", "df_2")]
    df = [each for each in df if each and each.test == found.test]
    n = [number for number, _ in sizes_of_levels(view, claim)]
    text, outcomes = (
        _of_ranks(found, n) if (claim.test or found.test) == "mann-whitney" and not df else ("", {})
    )
    if not outcomes:
        text, outcomes = _by_distribution(found, claim.test or found.test, df, n)
    if outcomes:
        related = (found.claim_id, *(each.claim_id for each in df))
        yield Evidence(text, outcomes, related, (found.claim_id,))


def _of_ranks(u: Claim, n: Sequence[int | None]) -> tuple[str, dict[str, Outcome]]:
    if len(n) != 2 or not all(n) or u.number.value < 0:
        return "", {}
    outcome = tests.mann_whitney(printed_range(u), n)
    return f"U = {u.printed} of {n[0]} and {n[1]}", {"mann-whitney": outcome}


def _by_distribution(found: Claim, method: str, df: Sequence[Claim], n: Sequence[int | None]):
    """Return a statistic in words, and what it gives by the distributions that its test can have."""
    degrees = [float(each.number.value) for each in df]
    degrees = degrees or ([len(n) - 1] if n and method in _OF_LEVELS else [])
    is_sum = method in ("mann-whitney", "wilcoxon") and abs(found.number.value) > LARGEST_DEVIATE
    if is_sum or (not degrees and method in _WITH_DF):
        return "", {}
    outcomes = {
        name: outcome
        for distribution, outcome in tests.of_statistic(printed_range(found), degrees).items()
        for name in _BY_DISTRIBUTION[distribution]
        if method in ("", name)
    }
    said = f" with {' and '.join(f'{number:g}' for number in degrees)} degrees of freedom" * bool(degrees)
    return f"A statistic of {found.printed}{said}", outcomes


def _of_estimate(view: View, claim: Claim) -> Iterator[Evidence]:
    """Yield what a printed estimate gives with its standard error, or with its interval."""
    estimate = beside(view, claim, *ESTIMATES)
    if estimate is None or float(estimate.number.value) <= 0 < (estimate.statistic in RATIOS):
        return
    is_ratio = estimate.statistic in RATIOS
    value, se = printed_range(estimate), beside(view, claim, "se")
    low, high = beside(view, claim, "ci_lower"), beside(view, claim, "ci_upper")
    name = estimate.statistic.replace("_", " ")
    name = f"{'An' if name[0] in 'aeio' else 'A'} {name}"
    if se and not is_ratio:
        text = f"{name} of {estimate.printed} with a standard error of {se.printed}"
        outcomes = _by_error(view, claim, value, lambda _: printed_range(se))
        yield Evidence(text, outcomes, (estimate.claim_id, se.claim_id))
    if low and high and (not is_ratio or low.number.value > 0):
        ends = [printed_range(each) for each in (low, high)]
        if is_ratio:
            value, *ends = (tuple(math.log(max(end, 1e-6)) for end in each) for each in (value, *ends))
        level = (low if low.method else high).level
        outcomes = _by_error(view, claim, value, lambda df: tests.se_of_interval(*ends, level, df))
        text = f"{name} of {estimate.printed} from {low.printed} to {high.printed}"
        yield Evidence(text, outcomes, (estimate.claim_id, low.claim_id, high.claim_id))


def _by_error(view: View, claim: Claim, value: Range, error: Callable) -> dict[str, Outcome]:
    """Return the test of an estimate by the normal distribution and, where n is printed, by t.

    `error` gives the standard error for degrees of freedom.
    """
    n, _ = size(view, claim.group)
    normal = by_t = tests.of_estimate(value, error(None))
    df = n - len(claim.parts) if n else 0
    if df > 0:
        by_t = _joined([normal, tests.of_estimate(value, error(df), df)])
    names = ("linear", "t", "welch", "paired t", *_OF_RATIOS)
    names = _OF_RATIOS if beside(view, claim, *RATIOS) else names
    return {name: normal if name in _OF_RATIOS else by_t for name in names}
