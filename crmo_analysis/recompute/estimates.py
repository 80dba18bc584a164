"""Checks of estimates and intervals against the counts, means and errors that they are computed from."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from operator import sub

from crmo_analysis.recompute import tests_of_difference as tests
from crmo_analysis.recompute.counts import counts_text, numbers_in, parts_of_rate, printed_range, size, tables
from crmo_analysis.recompute.evidence import (
    OF_TABLES,
    RATIOS,
    WITH_INTERVALS,
    Group,
    beside,
    between,
    groups_of_means,
    mean_of,
    overlap,
)
from crmo_analysis.recompute.quantities import Finding, View
from crmo_analysis.recompute.tests_of_difference import Range
from crmo_analysis.study import Claim, describe, entailment, reproduction, rounding

TURNED = ("odds_ratio", "risk_ratio", "risk_difference")  # of which nothing tells what group comes first
_ENDS = (("ci_lower", "ci_upper"), ("limit_lower", "limit_upper"))
OTHER_END = dict(_ENDS) | {upper: lower for lower, upper in _ENDS}
BY = "other numbers"  # what an estimate or an interval matches by


def estimates(view: View) -> Iterator[Finding]:
    """Hold odds and risk ratios against counts, and differences and changes against means."""
    for claim in view.claims:
        if claim.number is None or claim.number.relation != "=":
            continue
        if claim.statistic in OF_TABLES and len(claim.parts) == 2 and claim.test != "weighted":
            yield from _of_table(view, claim)
        elif claim.statistic in ("mean_difference", "standardised_mean_difference"):
            yield from _standardised_change(view, claim)
            groups = groups_of_means(view, claim)
            if len(groups) == 2:
                is_mean = claim.statistic == "mean_difference"
                text = " against ".join(group.mean.printed if is_mean else group.shown for group in groups)
                means = [group.mean for group in groups]
                yield (
                    given(claim, text, sub, *means, turned=True) if is_mean else _in_sds(claim, text, groups)
                )
        elif claim.statistic == "rate":
            events, time, ids = parts_of_rate(view, claim)
            if events is not None and time:
                ends = [(s * float(events) / time[1], s * float(events) / time[0]) for s in claim.rate_scales]
                near = sorted(ends, key=lambda pair: abs(pair[0] - float(claim.number.value)))
                text = f"{rounding.decimal_text(events)} in {between(time, claim)}"
                yield held(claim, text, near, ids)
        elif claim.statistic in ("mean_change", "percent_change"):
            yield from _change(view, claim)
        elif claim.statistic == "r_squared":
            r = beside(view, claim, "correlation")
            if r:
                yield given(claim, f"A correlation of {r.printed}", lambda value: value * value, r)


def _of_table(view: View, claim: Claim) -> Iterator[Finding]:
    found, ids = tables(view, claim)
    each = [of[claim.statistic][0] for table in found if claim.statistic in (of := describe.of_counts(table))]
    if not each:
        return
    scale = _scale(claim)
    span = scale * min(each), scale * max(each)
    spans = [span]
    if claim.statistic in TURNED:
        spans.append(
            (-span[1], -span[0]) if claim.statistic == "risk_difference" else (1 / span[1], 1 / span[0])
        )
    yield held(claim, " or ".join(counts_text(table) for table in found[:2]), spans, ids)


def _scale(claim: Claim) -> int:
    """Return 100 for a difference of percentages."""
    is_percent = claim.unit.startswith(("%", "percent")) or abs(claim.number.value) > 1
    return 100 if claim.statistic == "risk_difference" and is_percent else 1


def _in_sds(claim: Claim, text: str, groups: Sequence[Group]) -> Finding:
    """Hold a difference of two means in SDs against the means, by each definition."""
    ranges = [*(printed_range(g.mean) for g in groups), *((max(g.sd[0], 1e-9), g.sd[1]) for g in groups)]
    n = [group.n for group in groups]

    def by(name: str) -> Range:
        return tests.over(lambda a, b, *sds: describe.standardised_difference((a, b), sds, n)[name], *ranges)

    spans = [by(name) for name in ("cohen", "hedges") if claim.test == name] or [by("cohen"), by("hedges")]
    ids = tuple(name for group in groups for name in group.related)
    return held(claim, text, [*spans, *map(_negative, spans)], ids)


def _negative(span: Range) -> Range:
    return -span[1], -span[0]


def held(
    claim: Claim, text: str, spans: Sequence[Range], related: tuple[str, ...], shown: str = ""
) -> Finding:
    """Hold a printed number against the spans that can give it; the first is shown, if nothing else is."""
    shown = shown or between(spans[0], claim)
    fitting = [span for span in spans if overlap(printed_range(claim), span)]
    if fitting:
        rule, said = off_nearest(claim, fitting)
        return Finding(claim.claim_id, "matches", f"{text}: {shown}{said}.", shown, rule, related, BY)
    return Finding(
        claim.claim_id, "differs", f"{text}: {shown}; {claim.printed} is printed.", shown, related=related
    )


def off_nearest(claim: Claim, spans: Sequence[Range]) -> tuple[str, str]:
    """Return the rule that a printed number needs where rounding to the nearest gives none, and its words."""
    value, half = float(claim.number.value), float(claim.number.place) / 2
    if claim.number.relation != "=" or any(overlap((value - half, value + half), each) for each in spans):
        return "", ""
    rule = "down" if (spans[0][0] > value) == (value >= 0) else "up"
    return rule, f", {rounding.in_words(rule)}"


def given(
    claim: Claim,
    text: str,
    function: Callable[..., float],
    *parts: Claim,
    turned: bool = False,
    shown: str = "",
) -> Finding:
    """Hold a number against a function of printed ones; turned, what comes first does not matter."""
    spans = [tests.over(function, *map(printed_range, parts))]
    spans += map(_negative, spans[:1] * turned)
    return held(claim, text, spans, tuple(part.claim_id for part in parts), shown)


def _change(view: View, claim: Claim) -> Iterator[Finding]:
    """Hold a change against the means before and after; a mean of percentages can be another number."""
    means = [view.value_claim("mean", part, claim.group) for part in claim.parts]
    if not all(means):
        means = [view.value_claim("median", part, claim.group) for part in claim.parts]
    if not all(means) or (claim.statistic == "mean_change" and means[0].statistic != "mean"):
        return
    text = f"From {means[0].printed} to {means[1].printed}"
    if claim.statistic == "mean_change":
        yield given(claim, text, lambda before, after: after - before, *means, turned=True)
    elif printed_range(means[0])[0] > 0:
        found = given(claim, text, lambda before, after: 100 * (after / before - 1), *means, turned=True)
        said = f"{found.reason[:-1]}; a mean of single changes can be another number."
        yield (
            found
            if found.outcome == "matches"
            else replace(found, outcome="stated", reason=said, recomputed="")
        )


def _standardised_change(view: View, claim: Claim) -> Iterator[Finding]:
    """Hold a change in SDs against the mean change and any SD: of the changes, or of either visit."""
    change = beside(view, claim, "mean_change")
    if change is None or claim.statistic != "standardised_mean_difference":
        return
    found: list[Finding] = []
    sds = [beside(view, claim, "sd_change")]
    sds += [view.value_claim("sd", part, claim.group) for part in claim.parts]
    for sd in sds:
        if sd is not None and sd.number.value > 0:
            text = f"{change.printed} in SDs of {sd.printed}"
            found.append(given(claim, text, lambda m, s: m / max(s, 1e-9), change, sd, turned=True))
    matching = [finding for finding in found if finding.outcome == "matches"]
    yield from matching[:1] or found[:1]


def intervals(view: View) -> Iterator[Finding]:
    """Hold the two ends of an interval, or limits of agreement, against what they are around."""
    for claim in view.claims:
        if claim.statistic not in OTHER_END or claim.number.relation != "=":
            continue
        is_upper = claim.statistic.endswith("upper")
        level, method = claim.level, claim.test
        text, known, related = _known_intervals(view, claim, level)
        known = {name: ends for name, ends in known.items() if method in ("", name)} or known
        if not known:
            yield from _around(view, claim, is_upper)
            continue
        chosen = {name: ends[is_upper] for name, ends in known.items()}
        giving = [name for name, end in chosen.items() if overlap(printed_range(claim), end)]
        shown = ", ".join(f"{between(chosen[name], claim)} ({name})" for name in giving or chosen)
        outcome = "matches" if giving else "differs"
        rule, said = off_nearest(claim, [chosen[name] for name in giving]) if giving else ("", "")
        tail = f"{said}." if giving else f"; {claim.printed} is printed."
        reason, by = f"{text}: {shown}{tail}", BY * bool(giving)
        yield Finding(claim.claim_id, outcome, reason, shown, rule, related, by)


def _known_intervals(view: View, claim: Claim, level: float) -> tuple[str, Mapping, tuple[str, ...]]:
    """Return between what each end lies by every method, what the interval is of, and the claims used."""
    around = beside(view, claim, *reproduction.KEPT)
    if around is not None and around.cell == claim.cell:
        return "", {}, ()  # of the same cell, which nothing else gives
    if claim.patients is not None:
        tree = entailment.conjunction(claim.patients, claim.group)
        (n, others), ids = size(view, claim.group), {}
        counts = numbers_in(view, ids, [tree])
        if len(counts) != 1 or not n or counts[0] > n:
            return "", {}, ()
        scale = 1 if claim.unit != "%" and claim.number.value <= 1 else 100
        found = describe.share_intervals(counts[0], n, level)
        return f"{counts[0]} of {n}", _exactly(found, scale), (*ids, *others)
    if claim.is_of_values:
        group = mean_of(view, claim.of, claim.group)
        if group is None:
            return "", {}, ()
        return (
            group.shown,
            tests.mean_interval(printed_range(group.mean), group.sd, group.n, level),
            group.related,
        )
    return _of_pair(view, claim, level)


def _of_pair(view: View, claim: Claim, level: float) -> tuple[str, Mapping, tuple[str, ...]]:
    is_limit = claim.statistic.startswith("limit")
    estimate = beside(view, claim, *(("mean_change",) if is_limit else ("correlation", *WITH_INTERVALS)))
    sources = (
        (_of_spread,) if is_limit else (_of_correlation, _of_counted, _of_rate, _of_groups_of, _of_spread)
    )
    for source in () if estimate is None else sources:
        found = source(view, claim, estimate, level)
        if found:
            return found
    return "", {}, ()


Known = tuple[str, Mapping, tuple[str, ...]] | None


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
    scale = _scale(estimate)
    for table in (*found, *turned):
        value, ends = describe.of_counts(table, level).get(estimate.statistic, (None, {}))
        if value is not None and overlap(printed_range(estimate), (scale * value, scale * value)):
            text = f"The counts behind {estimate.printed}"
            return text, _exactly(ends, scale), (estimate.claim_id, *ids)
    for table in (*found, *turned):  # none gives the estimate: an end that the counts give is not the odd one
        _, ends = describe.of_counts(table, level).get(estimate.statistic, (None, {}))
        given = _exactly(ends, scale)
        if any(overlap(printed_range(claim), pair[claim.statistic == "ci_upper"]) for pair in given.values()):
            return f"The counts, which do not give {estimate.printed}", given, ids
    return None


def _of_rate(view: View, claim: Claim, estimate: Claim, level: float) -> Known:
    events, time, ids = parts_of_rate(view, estimate)
    if estimate.statistic != "rate" or events is None or not time or time[0] < time[1]:
        return None
    rate, of = float(events) / time[0], float(estimate.number.value)
    scale = min(estimate.rate_scales, key=lambda each: abs(each * rate - of))
    found = describe.rate_intervals(int(events), time[0], level)
    return f"{rounding.decimal_text(events)} events", _exactly(found, scale), (estimate.claim_id, *ids)


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
    z = float(tests.ndtri(0.5 + level / 2))
    value, (least, most) = printed_range(estimate), printed_range(spread)
    ends = {
        name: tuple(
            (value[0] + min(k * least, k * most), value[1] + max(k * least, k * most)) for k in (-z, z)
        )
        for name, z in (("1.96 SD", 1.96), ("2 SD", 2.0)) * is_limit or (("wald", z),)
    }
    text = f"{estimate.printed} with {'an SD' if is_limit else 'a standard error'} of {spread.printed}"
    return text, ends, (estimate.claim_id, spread.claim_id)


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


def kept(view: View) -> Iterator[Finding]:
    """Say of what nothing printed can give that it is kept as it stands."""
    for claim in view.claims:
        is_weighted = claim.statistic == "kappa" and claim.test == "weighted"
        if is_weighted or claim.statistic in (*reproduction.KEPT, "hazard_ratio"):
            reason = "Kept as printed: only the patients themselves decide it."
            yield Finding(claim.claim_id, "stated", reason)


CHECKS = (estimates, intervals, kept)
