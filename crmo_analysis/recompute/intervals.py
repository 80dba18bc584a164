"""Checks of the ends of intervals, and of limits of agreement, against what they are around."""

import math
from collections.abc import Iterator, Mapping

from crmo_analysis.recompute import tests_of_difference as tests
from crmo_analysis.recompute.counts import numbers_in, parts_of_rate, printed_range, size, tables
from crmo_analysis.recompute.estimates import BY, TURNED, held, percent_scale, scale_of
from crmo_analysis.recompute.evidence import (
    OF_TABLES,
    RATIOS,
    WITH_INTERVALS,
    beside,
    between,
    groups_of_means,
    mean_of,
    overlap,
)
from crmo_analysis.recompute.quantities import Finding, View
from crmo_analysis.recompute.tests_of_difference import Range
from crmo_analysis.study import Claim, describe, entailment, reproduction, rounding

_ENDS = (("ci_lower", "ci_upper"), ("limit_lower", "limit_upper"))
OTHER_END = dict(_ENDS) | {upper: lower for lower, upper in _ENDS}
Known = tuple[str, Mapping[str, tuple[Range, Range]], tuple[str, ...]] | None


def intervals(view: View) -> Iterator[Finding]:
    """Hold the two ends of an interval, or limits of agreement, against what they are around."""
    for claim in view.claims:
        if claim.statistic not in OTHER_END or claim.number.relation != "=":
            continue
        is_upper, known = claim.statistic.endswith("upper"), _known(view, claim)
        if known is None:
            yield from _around(view, claim, is_upper)
            continue
        text, ends, related = known
        chosen = {name: pair[is_upper] for name, pair in ends.items()}
        chosen = {name: end for name, end in chosen.items() if name == claim.test} or chosen
        giving = {name: end for name, end in chosen.items() if overlap(printed_range(claim), end)}
        shown = ", ".join(f"{between(end, claim)} ({name})" for name, end in (giving or chosen).items())
        yield held(claim, text, [*chosen.values()], related, shown)


def _known(view: View, claim: Claim) -> Known:
    """Return what an interval is of, between what each end lies by every method, and the claims used."""
    around = beside(view, claim, *reproduction.KEPT)
    if around is not None and around.cell == claim.cell:
        return None  # of the same cell, which nothing else gives
    if claim.patients is not None:
        return _of_share(view, claim)
    if claim.is_of_values:
        group = mean_of(view, claim.of, claim.group)
        ends = group and tests.mean_interval(printed_range(group.mean), group.sd, group.n, claim.level)
        return group and (group.shown, ends, group.related)
    is_limit = claim.statistic.startswith("limit")
    estimate = beside(view, claim, *(("mean_change",) if is_limit else ("correlation", *WITH_INTERVALS)))
    sources = (_of_spread,) if is_limit else SOURCES
    found = (source(view, claim, estimate, claim.level) for source in sources if estimate is not None)
    return next(filter(None, found), None)


def _of_share(view: View, claim: Claim) -> Known:
    (n, others), ids = size(view, claim.group), {}
    counts = numbers_in(view, ids, [entailment.conjunction(claim.patients, claim.group)])
    if len(counts) != 1 or not n or counts[0] > n:
        return None
    found = describe.share_intervals(counts[0], n, claim.level)
    return f"{counts[0]} of {n}", _exactly(found, percent_scale(claim)), (*ids, *others)


def _exactly(ends: Mapping[str, Range], scale: float) -> dict[str, tuple[Range, Range]]:
    """Return the ends of intervals as ranges of one value each."""
    return {name: tuple((scale * end, scale * end) for end in pair) for name, pair in ends.items()}


def _of_correlation(view: View, claim: Claim, estimate: Claim, level: float) -> Known:
    n, ids = size(view, claim.group)
    if estimate.statistic != "correlation" or not n or n < 4:
        return None
    ends, r = {}, [min(max(end, -1 + 1e-9), 1 - 1e-9) for end in printed_range(estimate)]
    for name in describe.VARIANCE_OF_Z:
        of_ends = [describe.fisher_interval(end, n, level, name) for end in r]
        ends[name] = tuple(zip(*of_ends, strict=True))
    return f"A correlation of {estimate.printed} in {n} pairs", ends, (estimate.claim_id, *ids)


def _of_counted(view: View, claim: Claim, estimate: Claim, level: float) -> Known:
    """Return the ends that a table of counts gives around its printed ratio, difference or agreement."""
    if estimate.statistic not in OF_TABLES or len(claim.parts) != 2 or estimate.test == "weighted":
        return None
    found, ids = tables(view, claim)
    turned = [table[::-1] for table in found if estimate.statistic in TURNED]
    scale = scale_of(estimate)
    for table in (*found, *turned):
        value, ends = describe.of_counts(table, level).get(estimate.statistic, (None, {}))
        if value is not None and overlap(printed_range(estimate), (scale * value, scale * value)):
            return f"The counts behind {estimate.printed}", _exactly(ends, scale), (estimate.claim_id, *ids)
    for table in (*found, *turned):  # none gives the estimate: an end that the counts give is not the odd one
        _, ends = describe.of_counts(table, level).get(estimate.statistic, (None, {}))
        given = _exactly(ends, scale)
        if any(overlap(printed_range(claim), pair[claim.statistic == "ci_upper"]) for pair in given.values()):
            return f"The counts, which do not give {estimate.printed}", given, ids
    return None


def _of_rate(view: View, claim: Claim, estimate: Claim, level: float) -> Known:
    events, time, ids = parts_of_rate(view, estimate)
    if estimate.statistic != "rate" or events is None or not time:
        return None
    rate, of = 2 * float(events) / sum(time), float(estimate.number.value)
    scale = min(estimate.rate_scales, key=lambda each: abs(each * rate - of))
    most, least = (_exactly(describe.rate_intervals(int(events), each, level), scale) for each in time)
    ends = {name: tuple((low[0], high[0]) for low, high in zip(least[name], most[name])) for name in most}  # noqa: B905
    return f"{rounding.decimal_text(events)} events", ends, (estimate.claim_id, *ids)


def _of_groups_of(view: View, claim: Claim, estimate: Claim, level: float) -> Known:
    """Return the ends that means, SDs and sizes give around a difference of means, or one in SDs."""
    groups = groups_of_means(view, estimate)
    if estimate.statistic not in ("mean_difference", "standardised_mean_difference") or len(groups) != 2:
        return None
    n = [group.n for group in groups]
    if estimate.statistic == "mean_difference":
        ends = tests.difference_interval(printed_range(estimate), [group.sd for group in groups], n, level)
        ids = tuple(name for group in groups for name in group.related[1:])
        return f"{groups[0].shown} and {groups[1].shown}", ends, (estimate.claim_id, *ids)
    each = [describe.standardised_interval(d, n, level) for d in printed_range(estimate)]
    ids = tuple(name for group in groups for name in group.related)
    text = f"{estimate.printed} of {n[0]} and {n[1]}"
    return text, {"wald": tuple(zip(*each, strict=True))}, (estimate.claim_id, *ids)


def _of_spread(view: View, claim: Claim, estimate: Claim, level: float) -> Known:
    """Return the ends by a standard error, of limits of agreement by an SD (Bland JM, Altman DG. 1986)."""
    is_limit = claim.statistic.startswith("limit")
    spread = beside(view, claim, "sd_change" if is_limit else "se")
    if spread is None or estimate.statistic in RATIOS:
        return None
    usual = {"1.96 SD": 1.96, "2 SD": 2.0}
    factors = usual if is_limit else {"wald": float(tests.ndtri(0.5 + level / 2))}
    value, errors = printed_range(estimate), printed_range(spread)
    ends = {name: tests.around(value, [z * error for error in errors]) for name, z in factors.items()}
    text = f"{estimate.printed} with {'an SD' if is_limit else 'a standard error'} of {spread.printed}"
    return text, ends, (estimate.claim_id, spread.claim_id)


SOURCES = (_of_correlation, _of_counted, _of_rate, _of_groups_of, _of_spread)


def _around(view: View, claim: Claim, is_upper: bool) -> Iterator[Finding]:
    """Say where an estimate lies in its interval: within, and for a ratio in the middle of the logarithms."""
    end = OTHER_END[claim.statistic]
    is_limit = end.startswith("limit")
    other = beside(view, claim, end)
    estimate = beside(view, claim, *(("mean_change",) if is_limit else WITH_INTERVALS))
    if claim.is_of_values and estimate is None:
        estimate, other = (view.value_claim(s, claim.of, claim.group) for s in ("mean", end))
    if estimate is None or other is None:
        return
    low, high = (printed_range(each) for each in ((other, claim) if is_upper else (claim, other)))
    of, related = printed_range(estimate), (estimate.claim_id, other.claim_id)
    text = f"{other.printed} to {claim.printed}" if is_upper else f"{claim.printed} to {other.printed}"
    if estimate.statistic in RATIOS and low[0] > 0 and of[0] > 0:
        middle = math.sqrt(low[0] * high[0]), math.sqrt(low[1] * high[1])
        how = "on the logarithm"
    else:
        middle, how = ((low[0] + high[0]) / 2, (low[1] + high[1]) / 2), "on its scale"
        if estimate.statistic in ("survival", "cumulative_incidence") and not overlap(of, middle):
            twice = _twice_logarithmic(low, high, percent_scale(estimate))
            middle, how = (twice, "on log(-log)") if twice and overlap(of, twice) else (middle, how)
    shown = between(middle, estimate)
    if of[1] <= low[0] or of[0] >= high[1]:
        reason = f"{estimate.printed} lies outside {text}."
        yield Finding(claim.claim_id, "differs", reason, related=related)
    elif overlap(of, middle):
        reason = f"{estimate.printed} is the middle of {text} {how}."
        yield Finding(claim.claim_id, "matches", reason, f"middle {shown}", "", related, BY)
    else:
        reason = f"The middle of {text} {how} is {shown}, and {estimate.printed} is printed."
        outcome = "differs" if estimate.statistic in RATIOS or is_limit else "stated"
        yield Finding(claim.claim_id, outcome, reason, f"middle {shown}", related=related)


def _twice_logarithmic(low: Range, high: Range, whole: int) -> Range | None:
    """Return the middle of an interval of a share of a curve, of 100 % or of 1, on log(-log).

    References
    ----------
    Kalbfleisch JD, Prentice RL. The Statistical Analysis of Failure Time Data, 1980, 1.3.
    """
    if low[0] <= 0 or high[1] >= whole:
        return None
    ends = [
        math.sqrt(math.log(one / whole) * math.log(other / whole))
        for one, other in zip(low, high, strict=True)
    ]
    return whole * math.exp(-ends[0]), whole * math.exp(-ends[1])


CHECKS = (intervals,)
