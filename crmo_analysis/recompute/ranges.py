"""Checks of quantiles, of ratios and shares of lesions against their parts, and of times."""

from collections.abc import Iterator, Mapping
from fractions import Fraction
from itertools import permutations, product

from crmo_analysis.recompute.counts import number_of, printed_range
from crmo_analysis.recompute.evidence import overlap
from crmo_analysis.recompute.quantities import Finding, View, together
from crmo_analysis.recompute.shares import lone_share, section_rules
from crmo_analysis.study import Claim, rounding

_NAMES = {"quartile_1": "lower quartile", "quartile_3": "upper quartile", "min": "minimum", "max": "maximum"}
_PLACES = {"min": 0, "max": 100}
_PART = " of a part of the patients"


def quantiles(view: View) -> Iterator[Finding]:
    """Check that quantiles of a group and of its parts follow each other, from minimum to maximum."""
    rules = section_rules(view)
    located = [
        (claim, place)
        for claim in view.of_values
        for place in [_PLACES.get(claim.statistic, claim.percentile)]
        if place is not None
    ]
    for (one, low), (other, high) in permutations(located, 2):
        is_new = {one.statistic, other.statistic} - {*_PLACES, "median"}  # the others are compared elsewhere
        if one.of != other.of or low >= high or not is_new:
            continue
        is_above = one.number.value > other.number.value
        if is_above and not _can_follow(one, other, rules):
            for lower, upper in _whose(view, one, low, other, high):
                reason = f"The {_named(one)}{lower} lies above the {_named(other)}{upper}."
                yield from together((one.claim_id, other.claim_id), "conflicts", reason)
        elif view.meaning.same(one.group, other.group):
            reason = f"Not above the {_named(other)}."
            if is_above:
                reason = f"Above the {_named(other)} as printed, which rounding can explain."
            yield Finding(one.claim_id, "stated", reason, related=(other.claim_id,))


def _named(claim: Claim) -> str:
    unit = f" {claim.unit}" if claim.number.scale != 1 else ""  # another than the codebook has
    return f"{_NAMES.get(claim.statistic, claim.statistic)} of {claim.printed}{unit}"


def _can_follow(one: Claim, other: Claim, rules: Mapping[str, tuple[str, ...]]) -> bool:
    """Say whether what is printed as larger can be the smaller; numbers of one section have one rule."""
    first, second = ({*rounding.USUAL, *rules[claim.section]} for claim in (one, other))
    pairs = zip(first, first, strict=True) if one.section == other.section else product(first, second)
    return any(
        rounding.interval(one.number, rule)[0] < rounding.interval(other.number, of_other)[1]
        for rule, of_other in pairs
    )


def _whose(view: View, one: Claim, low: int, other: Claim, high: int) -> Iterator[tuple[str, str]]:
    """Yield what to say of both groups where the first number cannot be above the second."""
    if view.meaning.same(one.group, other.group):
        yield "", ""
    elif high == 100 and view.meaning.entails(one.group, other.group):
        yield _PART, ""
    elif low == 0 and view.meaning.entails(other.group, one.group):
        yield "", _PART


def ratios(view: View) -> Iterator[Finding]:
    """Hold a ratio, or a percentage of lesions, against two counts of patients or two printed sums."""
    for claim in view.claims:
        if claim.statistic not in ("ratio", "percent_of_total") or claim.number.relation not in ("=", "~"):
            continue
        parts = [number_of(view, claim, place) for place in (0, 1)]
        (first, one), (second, other) = parts
        scale = 100 if claim.statistic == "percent_of_total" else 1
        if second and first is None and claim.statistic == "percent_of_total":
            yield lone_share(claim, int(second), other, _plain(second), section_rules(view)[claim.section])
        if not second or first is None or claim.number.relation == "~":
            continue
        exact = Fraction(scale * first, second)
        shown = f"{_plain(first)}/{_plain(second)} = {_plain(exact, claim.number.decimals + 2)}"
        shown += " %" if scale == 100 else ""
        rules = rounding.rules_that_print(exact, claim.number) if claim.number.scale == 1 else ()
        span = float(exact), float(exact)
        holds = bool(rules) if claim.number.scale == 1 else overlap(printed_range(claim), span)
        rule = rules[0] if rules else ""
        tail = f", printed {claim.printed}" if holds else f"; {claim.printed} is printed"
        tail += f" ({rule.replace('_', ' ')})" if rule else ""
        outcome = "matches" if holds else "differs"
        yield Finding(claim.claim_id, outcome, f"{shown}{tail}.", shown, rule, (*one, *other), "x/n" * holds)


def _plain(number: Fraction, decimals: int = 2) -> str:
    return rounding.decimal_text(number, decimals)


def times(view: View) -> Iterator[Finding]:
    """Say where two visits were told apart by their place alone."""
    for claim in view.claims:
        if claim.told_apart:
            reason = f"Read as at {claim.at}, as its place says; write it in column at."
            yield Finding(claim.claim_id, "stated", reason)


CHECKS = (quantiles, ratios, times)
