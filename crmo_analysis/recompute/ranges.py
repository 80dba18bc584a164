"""Checks of quantiles, of ratios and shares of lesions against their parts, and of times."""

from collections.abc import Iterator
from fractions import Fraction
from itertools import permutations

from crmo_analysis.recompute.counts import number_of, printed_range
from crmo_analysis.recompute.evidence import overlap
from crmo_analysis.recompute.quantities import Finding, View, together
from crmo_analysis.recompute.shares import lone_share, section_rules
from crmo_analysis.study import rounding

_NAMES = {"quartile_1": "lower quartile", "quartile_3": "upper quartile", "min": "minimum", "max": "maximum"}


def quantiles(view: View) -> Iterator[Finding]:
    """Check that quantiles of one group follow each other, from the minimum to the maximum."""
    places = {"min": 0, "max": 100}
    located = [
        (claim, place)
        for claim in view.of_values
        for place in [places.get(claim.statistic, claim.percentile)]
        if place is not None
    ]
    for (one, low), (other, high) in permutations(located, 2):
        is_new = {one.statistic, other.statistic} - {*places, "median"}  # the others are compared elsewhere
        if low >= high or one.of != other.of or not is_new or not view.meaning.same(one.group, other.group):
            continue
        upper = f"the {_NAMES.get(other.statistic, other.statistic)} of {other.printed}"
        if rounding.interval(one.number)[0] >= rounding.interval(other.number)[1]:
            reason = f"The {_NAMES.get(one.statistic, one.statistic)} of {one.printed} lies above {upper}."
            yield from together((one.claim_id, other.claim_id), "conflicts", reason)
        else:
            yield Finding(one.claim_id, "stated", f"Not above {upper}.", related=(other.claim_id,))


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
