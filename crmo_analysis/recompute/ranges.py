"""Checks of quantiles, ranges, standard errors, ratios and shares of lesions: each against its own parts."""

import math
from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import permutations

from crmo_analysis.recompute.counts import number_of, printed_range, size
from crmo_analysis.recompute.estimates import given, held
from crmo_analysis.recompute.evidence import overlap
from crmo_analysis.recompute.quantities import Finding, View, together
from crmo_analysis.recompute.shares import lone_share, section_rules
from crmo_analysis.study import entailment, rounding


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
        upper = f"the {other.statistic} of {other.printed}"
        if rounding.interval(one.number)[0] >= rounding.interval(other.number)[1]:
            reason = f"The {one.statistic} of {one.printed} lies above {upper}."
            yield from together((one.claim_id, other.claim_id), "conflicts", reason)
        else:
            yield Finding(one.claim_id, "stated", f"Not above {upper}.", related=(other.claim_id,))


_WIDTHS = {"iqr": ("quartile_1", "quartile_3"), "range": ("min", "max")}


def widths(view: View) -> Iterator[Finding]:
    """Hold an interquartile range, or a range, that is printed as one number against its two ends."""
    for claim in view.of_values:
        names = _WIDTHS.get(claim.statistic, ())
        ends = [view.value_claim(name, claim.of, claim.group) for name in names]
        if ends and all(ends):
            shown = rounding.decimal_text(ends[1].number.value - ends[0].number.value)
            text = f"{ends[1].printed} - {ends[0].printed} = {shown}"
            yield given(claim, text, lambda low, high: high - low, *ends, shown=shown)


def standard_errors(view: View) -> Iterator[Finding]:
    """Hold the standard error of a mean against the SD, and that of a share against x of n."""
    for claim in view.claims:
        if claim.statistic != "se" or claim.number.relation != "=":
            continue
        n, ids = size(view, claim.group)
        if claim.patients is not None and n:
            x, counted = size(view, entailment.conjunction(claim.patients, claim.group))
            if x is not None and x <= n:
                scale = 100 if claim.unit == "%" or claim.number.value > 1 else 1
                error = scale * math.sqrt(x / n * (1 - x / n) / n)
                text = f"{x} of {n} have a standard error of {error:.3g}"
                yield held(claim, text, [(error, error)], (*counted, *ids), f"{error:.3g}")
        sd = view.value_claim("sd", claim.of, claim.group) if claim.is_of_values else None
        if sd is not None and n:
            span = tuple(end / math.sqrt(n) for end in printed_range(sd))
            error = float(sd.number.value) / math.sqrt(n)
            text = f"An SD of {sd.printed} in {n} has a standard error of {error:.3g}"
            yield held(claim, text, [span], (sd.claim_id, *ids), f"{error:.3g}")


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


CHECKS: tuple[Callable[[View], Iterator[Finding]], ...] = (quantiles, widths, standard_errors, ratios, times)
