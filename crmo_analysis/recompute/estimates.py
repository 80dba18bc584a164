"""Checks of estimates against the printed numbers that they are computed from.

A formula names the parts that may stand beside a statistic; what counts and groups give, a function finds.
Every part is a range of values, as its digits leave it, and so is what they give.
"""

import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import permutations
from operator import sub, truediv

from crmo_analysis.recompute import tests_of_difference as tests
from crmo_analysis.recompute.counts import counts_text, parts_of_rate, printed_range, size, tables
from crmo_analysis.recompute.evidence import OF_TABLES, beside, between, groups_of_means, overlap
from crmo_analysis.recompute.quantities import Finding, View, together
from crmo_analysis.recompute.tests_of_difference import Range
from crmo_analysis.study import Claim, describe, entailment, reproduction, rounding

TURNED = ("odds_ratio", "risk_ratio", "risk_difference")  # of which nothing tells what group comes first
_TIME = re.compile(r"(?P<name>.+)_at_(?P<number>\d+)_(?P<unit>day|week|month)s?")
BY = "other numbers"  # what an estimate or an interval matches by
Given = tuple[str, list[Range], tuple[str, ...]]  # in words, between what it lies, and the claims used


@dataclass(frozen=True)
class Formula:
    """How a statistic follows from printed numbers, by a function of each (infinite where it has no value).

    A part is a statistic of the same variable ("sd"), of either part of a pair ("0 mean"), or printed beside
    it ("beside sd_change"); "x" and "n" are patients counted, and of a group. `is_turned` says that the sign
    depends on what is taken from what, `is_hint` that another number can be right: the first one decides.
    """

    parts: tuple[str, ...]
    function: Callable[..., float]
    text: str
    is_turned: bool = False
    is_hint: bool = False


def _relative(before: float, after: float) -> float:
    return 100 * (after / before - 1) if before > 0 else math.inf


def _in_sd(change: float, sd: float) -> float:
    return change / sd if sd > 0 else math.inf


FORMULAS = {
    "iqr": [Formula(("quartile_3", "quartile_1"), sub, "{0} - {1}")],
    "range": [Formula(("max", "min"), sub, "{0} - {1}")],
    "se": [
        Formula(("sd", "n"), lambda sd, n: sd / math.sqrt(n), "An SD of {0} in {1}"),
        Formula(("x", "n"), lambda x, n: math.sqrt(max(x / n * (1 - x / n), 0) / n), "{0} of {1}"),
    ],
    "r_squared": [Formula(("beside correlation",), lambda r: r * r, "A correlation of {0}")],
    "mean_change": [Formula(("1 mean", "0 mean"), sub, "From {1} to {0}", is_turned=True)],
    "percent_change": [
        Formula((f"0 {name}", f"1 {name}"), _relative, "From {0} to {1}", is_turned=True, is_hint=True)
        for name in ("mean", "median")
    ],
    "standardised_mean_difference": [
        Formula(("beside mean_change", sd), _in_sd, "{0} in SDs of {1}", is_turned=True)
        for sd in ("beside sd_change", "0 sd", "1 sd")
    ],
}


def estimates(view: View) -> Iterator[Finding]:
    """Hold an estimate against each formula and each source; one that gives it is enough."""
    for claim in view.claims:
        if claim.number is None or claim.number.relation != "=":
            continue
        found = []
        for formula in FORMULAS.get(claim.statistic, ()):
            found.append(_by_formula(view, claim, formula))
            if formula.is_hint and found[-1]:  # medians, which are coarser, do not overrule means
                break
        found += [held(claim, *given) for source in SOURCES if (given := source(view, claim))]
        known = [finding for finding in found if finding is not None]
        yield from [each for each in known if each.outcome == "matches"][:1] or known[:1]


def _by_formula(view: View, claim: Claim, formula: Formula) -> Finding | None:
    parts = [_part(view, claim, name) for name in formula.parts]
    if not all(parts):
        return None
    scale, ranges = percent_scale(claim) if "x" in formula.parts else 1, [ends for ends, *_ in parts]
    low, high = (scale * end for end in tests.over(formula.function, *ranges))
    if not math.isfinite(low + high):
        return None
    text, ids = formula.text.format(*(text for _, text, _ in parts)), [ids for *_, ids in parts]
    spans = [(low, high), *[(-high, -low)] * formula.is_turned]
    exact = formula.function(*(sum(ends) / 2 for ends in ranges))  # of what is printed itself
    shown = between((exact, exact), claim) if formula.function is sub and not formula.is_turned else ""
    found = held(claim, text, spans, tuple(name for each in ids for name in each), shown)
    if formula.is_hint and found.outcome == "differs":
        reason = f"{found.reason[:-1]}; a mean of single changes can be another number."
        return replace(found, outcome="stated", reason=reason, recomputed="")
    return found


def _part(view: View, claim: Claim, name: str) -> tuple[Range, str, tuple[str, ...]] | None:
    """Return between what a part lies, how it is printed, and the claims that print it."""
    place, _, statistic = name.rpartition(" ")
    if statistic in ("n", "x"):
        if statistic == "x" and claim.patients is None:
            return None
        tree = claim.group if statistic == "n" else entailment.conjunction(claim.patients, claim.group)
        number, ids = size(view, tree)
        return ((number, number), str(number), ids) if number or (number == 0 and statistic == "x") else None
    if place == "beside":
        found = beside(view, claim, statistic)
    else:
        found = view.value_claim(statistic, claim.parts[int(place)] if place else claim.of, claim.group)
    return found and (printed_range(found), found.printed, (found.claim_id,))


def percent_scale(claim: Claim) -> int:
    """Return 100 for what is printed in percent, of a share or of a difference of shares."""
    return 100 if claim.unit.startswith(("%", "percent")) or abs(claim.number.value) > 1 else 1


def scale_of(claim: Claim) -> int:
    """Return what counts of patients give an estimate times what is printed."""
    return percent_scale(claim) if claim.statistic == "risk_difference" else 1


def held(
    claim: Claim, text: str, spans: Sequence[Range], related: tuple[str, ...], shown: str = ""
) -> Finding:
    """Hold a printed number against the spans that can give it; the first is shown, if nothing else is."""
    shown = shown or between(spans[0], claim)
    fitting = [span for span in spans if overlap(printed_range(claim), span)]
    if fitting:
        rule, said = off_nearest(claim, fitting)
        return Finding(claim.claim_id, "matches", f"{text}: {shown}{said}.", shown, rule, related, BY)
    reason = f"{text}: {shown}; {claim.printed} is printed."
    return Finding(claim.claim_id, "differs", reason, shown, related=related)


def off_nearest(claim: Claim, spans: Sequence[Range]) -> tuple[str, str]:
    """Return the rule that a printed number needs where rounding to the nearest gives none, and its words."""
    value, half = float(claim.number.value), float(claim.number.place) / 2
    if claim.number.relation != "=" or any(overlap((value - half, value + half), each) for each in spans):
        return "", ""
    rule = "down" if (spans[0][0] > value) == (value >= 0) else "up"
    return rule, f", {rounding.in_words(rule)}"


# ---- what counts of patients and groups give ---------------------------------------------------------------


def _of_table(view: View, claim: Claim) -> Given | None:
    if claim.statistic not in OF_TABLES or len(claim.parts) != 2 or claim.test == "weighted":
        return None
    found, ids = tables(view, claim)
    each = [of[claim.statistic][0] for table in found if claim.statistic in (of := describe.of_counts(table))]
    if not each:
        return None
    low, high = (scale_of(claim) * end for end in (min(each), max(each)))
    spans = [(low, high)]
    if claim.statistic in TURNED:
        spans.append((-high, -low) if claim.statistic == "risk_difference" else (1 / high, 1 / low))
    return " or ".join(counts_text(table) for table in found[:2]), spans, ids


def _of_groups(view: View, claim: Claim) -> Given | None:
    """Return a difference of two means, or one in SDs by each definition."""
    if claim.statistic not in ("mean_difference", "standardised_mean_difference"):
        return None
    groups = groups_of_means(view, claim)
    if len(groups) != 2:
        return None
    means, n = [printed_range(group.mean) for group in groups], [group.n for group in groups]
    if claim.statistic == "mean_difference":
        ids = tuple(group.mean.claim_id for group in groups)
        text, spans = " against ".join(group.mean.printed for group in groups), [tests.over(sub, *means)]
    else:
        sds = [(max(group.sd[0], 1e-9), group.sd[1]) for group in groups]
        ids = tuple(name for group in groups for name in group.related)
        text = " against ".join(group.shown for group in groups)
        of = lambda a, b, *sds: describe.standardised_difference((a, b), sds, n)  # noqa: E731
        names = [claim.test] if claim.test in ("cohen", "hedges") else ["cohen", "hedges"]
        spans = [tests.over(lambda *at, name=name: of(*at)[name], *means, *sds) for name in names]
    return text, [*spans, *((-high, -low) for low, high in spans)], ids


def _of_rate(view: View, claim: Claim) -> Given | None:
    events, time, ids = parts_of_rate(view, claim) if claim.statistic == "rate" else (None, None, ())
    if events is None or not time:
        return None
    spans = [(s * float(events) / time[1], s * float(events) / time[0]) for s in claim.rate_scales]
    spans.sort(key=lambda pair: abs(pair[0] - float(claim.number.value)))
    return f"{rounding.decimal_text(events)} in {between(time, claim)}", spans, ids


def _of_rates(view: View, claim: Claim) -> Given | None:
    """Return the ratio of two printed rates, in either direction."""
    is_crude = claim.statistic == "rate_ratio" and len(claim.parts) == 2 and claim.test in ("", "poisson")
    levels = claim.levels(1) if is_crude else ()
    groups = [entailment.conjunction(level, claim.group) for level in levels]
    same = [each for each in view.claims if each.statistic == "rate" and each.parts[0] == claim.parts[0]]
    each_own = [[each for each in same if view.meaning.same(each.group, group)] for group in groups]
    alike = [{(each.printed, each.of, each.unit) for each in own} for own in each_own]
    if len(alike) != 2 or [len(own) for own in alike] != [1, 1]:
        return None
    rates = [own[0] for own in each_own]
    if rates[0].of != rates[1].of or rates[0].unit != rates[1].unit or not rates[0].unit:
        return None
    ranges = [(max(low, 1e-9), high) for low, high in map(printed_range, rates)]
    spans = [tests.over(truediv, *each) for each in (ranges, ranges[::-1])]
    return " against ".join(each.printed for each in rates), spans, tuple(each.claim_id for each in rates)


SOURCES = (_of_table, _of_groups, _of_rate, _of_rates)


def kept(view: View) -> Iterator[Finding]:
    """Say of what nothing printed can give that it is kept as it stands."""
    for claim in view.claims:
        is_weighted = claim.statistic == "kappa" and claim.test == "weighted"
        if is_weighted or claim.statistic in (*reproduction.KEPT, "hazard_ratio"):
            reason = "Kept as printed: only the patients themselves decide it."
            yield Finding(claim.claim_id, "stated", reason)


def changes(view: View) -> Iterator[Finding]:
    """Hold an SD of changes between the difference of the SDs before and after, and their sum.

    Which is so whatever the two have to do with each other (the triangle inequality).
    """
    for claim in view.claims:
        if claim.statistic != "sd_change" or claim.number.relation != "=" or claim.unit == "%":
            continue  # changes in percent have another SD
        sds = [_part(view, claim, f"{place} sd") for place in (0, 1)]
        if all(sds):
            (one, before, first), (other, after, second) = sds
            low, high = max(0, one[0] - other[1], other[0] - one[1]), one[1] + other[1]
            is_off = not overlap(printed_range(claim), (low, high))
            said = (
                f"SDs of {before} and {after} leave one of their changes from {between((low, high), claim)}."
            )
            yield Finding(claim.claim_id, "differs" if is_off else "stated", said, related=(*first, *second))


def curves(view: View) -> Iterator[Finding]:
    """Hold each point of a curve against the earlier ones of the same patients.

    A survival curve does not rise, a cumulative incidence does not fall.
    """
    signs = {"survival": 1, "cumulative_incidence": -1}
    points = [
        (c, _TIME.fullmatch(c.of)) for c in view.claims if c.statistic in signs and c.number.relation == "="
    ]
    for (claim, when), (other, before) in permutations([point for point in points if point[1]], 2):
        alike = ("statistic", "among", "about", "method", "reading")
        is_same = all(getattr(claim, name) == getattr(other, name) for name in alike)
        if not is_same or when["name"] != before["name"] or not _is_earlier(before, when):
            continue
        later, earlier = (
            tuple(end / percent_scale(each) for end in printed_range(each)) for each in (claim, other)
        )
        if signs[claim.statistic] * (sum(later) - sum(earlier)) > 0 and not overlap(later, earlier):
            said = f"{other.printed} at {other.at} is followed by {claim.printed} at {claim.at}."
            yield from together((other.claim_id, claim.claim_id), "conflicts", said)


def _is_earlier(one: re.Match, other: re.Match) -> bool:
    """Say whether a time is before another, whatever was rounded where they are in different units."""
    first, second = int(one["number"]), int(other["number"])
    if one["unit"] == other["unit"]:
        return first < second
    days = {"day": 1, "week": 7, "month": 30.44}
    return (first + 0.5) * days[one["unit"]] < (second - 0.5) * days[other["unit"]]


CHECKS = (estimates, changes, curves, kept)
