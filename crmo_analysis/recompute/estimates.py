"""Checks of estimates and intervals against the counts, means and errors that they are computed from."""

import math
from collections.abc import Iterator, Mapping, Sequence

from crmo_analysis.recompute import tests_of_difference as tests
from crmo_analysis.recompute.evidence import (
    ESTIMATES,
    RATIOS,
    beside,
    between,
    groups_of_means,
    mean_of,
    overlap,
    printed_range,
    size,
    tables,
)
from crmo_analysis.recompute.quantities import Finding, View
from crmo_analysis.recompute.tests_of_difference import Range
from crmo_analysis.study import Claim, entailment

BY = "other numbers"  # what an estimate or an interval matches by


def estimates(view: View) -> Iterator[Finding]:
    """Hold odds and risk ratios against counts, and differences and changes against means."""
    for claim in view.claims:
        if claim.number is None or claim.number.relation != "=":
            continue
        if claim.statistic in ("odds_ratio", "risk_ratio") and len(claim.parts) == 2:
            found, ids = tables(view, claim)
            each = [
                ratio[claim.statistic][0] for (a, b) in _two_rows(found) if (ratio := tests.ratios(*a, *b))
            ]
            if each:
                text = " or ".join(
                    f"{a[0]}/{sum(a)} against {b[0]}/{sum(b)}" for a, b in _two_rows(found)[:2]
                )
                spans = [(min(each), max(each)), (1 / max(each), 1 / min(each))]
                yield _held(claim, text, spans, ids)
        elif claim.statistic == "mean_difference":
            groups = groups_of_means(view, claim)
            if len(groups) == 2:
                low, high = _apart(*(printed_range(group.mean) for group in groups))
                text = f"{groups[0].mean.printed} against {groups[1].mean.printed}"
                ids = tuple(name for group in groups for name in group.related[:1])
                yield _held(claim, text, [(low, high), (-high, -low)], ids)
        elif claim.statistic in ("mean_change", "percent_change"):
            yield from _change(view, claim)
        elif claim.statistic == "r_squared":
            r = beside(view, claim, "correlation")
            if r:
                ends = [end * end for end in printed_range(r)]
                low = 0.0 if r.number.value == 0 else min(ends)
                yield _held(claim, f"A correlation of {r.printed}", [(low, max(ends))], (r.claim_id,))


def _two_rows(found: Sequence[Sequence[Sequence[int]]]) -> list:
    return [table for table in found if len(table) == len(table[0]) == 2]


def _apart(one: Range, other: Range) -> Range:
    return one[0] - other[1], one[1] - other[0]


def _held(claim: Claim, text: str, spans: Sequence[Range], related: tuple[str, ...]) -> Finding:
    """Hold a printed number against the spans that can give it; the first is the one that is shown."""
    shown = between(spans[0], claim)
    if any(overlap(printed_range(claim), span) for span in spans):
        return Finding(claim.claim_id, "matches", f"{text}: {shown}.", shown, "", related, BY)
    return Finding(
        claim.claim_id, "differs", f"{text}: {shown}; {claim.printed} is printed.", shown, related=related
    )


def _change(view: View, claim: Claim) -> Iterator[Finding]:
    """Hold a change against the means before and after; a mean of percentages can be another number."""
    means = [
        next(
            (
                c
                for c in view.of_values
                if c.statistic == "mean" and c.of == part and view.meaning.same(c.group, claim.group)
            ),
            None,
        )
        for part in claim.parts
    ]
    if not all(means):
        return
    before, after = (printed_range(mean) for mean in means)
    low, high = _apart(after, before)
    text = f"From {means[0].printed} to {means[1].printed}"
    related = tuple(mean.claim_id for mean in means)
    if claim.statistic == "mean_change":
        yield _held(claim, text, [(low, high), (-high, -low)], related)
    elif before[0] > 0:
        span = tuple(100 * (end - 1) for end in (after[0] / before[1], after[1] / before[0]))
        held = _held(claim, text, [span, (-span[1], -span[0])], related)
        if held.outcome == "matches":
            yield held
        else:
            said = f"{held.reason[:-1]}; a mean of single changes can be another number."
            yield Finding(claim.claim_id, "stated", said, related=related)


def intervals(view: View) -> Iterator[Finding]:
    """Hold the two ends of an interval against what it is of: a mean, a share, or an estimate."""
    for claim in view.claims:
        if claim.statistic not in ("ci_lower", "ci_upper") or claim.number.relation != "=":
            continue
        is_upper = claim.statistic == "ci_upper"
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
        tail = "." if giving else f"; {claim.printed} is printed."
        yield Finding(
            claim.claim_id, outcome, f"{text}: {shown}{tail}", shown, "", related, BY * bool(giving)
        )


def _known_intervals(view: View, claim: Claim, level: float) -> tuple[str, Mapping, tuple[str, ...]]:
    """Return between what each end lies by every method, what the interval is of, and the claims used."""
    if claim.patients is not None:
        tree = entailment.conjunction(claim.patients, claim.group)
        (x, ids), (n, others) = size(view, tree), size(view, claim.group)
        if x is None or not n or x > n:
            return "", {}, ()
        scale = 1 if claim.unit != "%" and claim.number.value <= 1 else 100
        found = tests.share_interval(x, n, level)
        ends = {name: tuple((scale * end, scale * end) for end in pair) for name, pair in found.items()}
        return f"{x} of {n}", ends, (*ids, *others)
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
    r, (n, ids) = beside(view, claim, "correlation"), size(view, claim.group)
    if r and n and n > 3:
        ends = {}
        for name, variance in (("pearson", 1.0), ("spearman", 1.06)):
            of_ends = [tests.correlation_interval(end, n, level, variance) for end in printed_range(r)]
            ends[name] = tuple(zip(*of_ends, strict=True))
        return f"A correlation of {r.printed} in {n} pairs", ends, (r.claim_id, *ids)
    estimate = beside(view, claim, *ESTIMATES)
    if estimate is None:
        return "", {}, ()
    if estimate.statistic in ("odds_ratio", "risk_ratio") and len(claim.parts) == 2:
        found, ids = tables(view, claim)
        each = [
            table[estimate.statistic][1]
            for a, b in _two_rows(found)
            for rows in ((a, b), (b, a))
            if (table := tests.ratios(*rows[0], *rows[1], level))
        ]
        of = float(estimate.number.value)
        near = [ends for ends in each if ends[0] <= of <= ends[1]]
        if near:
            ends = {"wald": tuple((end, end) for end in near[0])}
            return f"The counts behind {estimate.printed}", ends, (estimate.claim_id, *ids)
    se = beside(view, claim, "se")
    if se and estimate.statistic not in RATIOS:
        value, spread, z = printed_range(estimate), printed_range(se), float(tests.ndtri(0.5 + level / 2))
        low = value[0] - z * spread[1], value[1] - z * spread[0]
        high = value[0] + z * spread[0], value[1] + z * spread[1]
        text = f"{estimate.printed} with a standard error of {se.printed}"
        return text, {"wald": (low, high)}, (estimate.claim_id, se.claim_id)
    return "", {}, ()


def _around(view: View, claim: Claim, is_upper: bool) -> Iterator[Finding]:
    """Say where an estimate lies in its interval: within, and for a ratio in the middle of the logarithms."""
    other = beside(view, claim, "ci_lower" if is_upper else "ci_upper")
    estimate = beside(view, claim, *ESTIMATES)
    if claim.is_of_values:
        same = [c for c in view.of_values if c.of == claim.of and c.group == claim.group]
        estimate = next((c for c in same if c.statistic == "mean"), None)
        other = next((c for c in same if c.statistic in ("ci_lower", "ci_upper") and c is not claim), None)
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
        yield Finding(claim.claim_id, "matches", reason, shown, "", related, BY)
    else:
        reason = f"The middle of {text} {how} is {shown}, and {estimate.printed} is printed."
        outcome = "differs" if estimate.statistic in RATIOS else "stated"
        yield Finding(claim.claim_id, outcome, reason, shown, related=related)


CHECKS = (estimates, intervals)
