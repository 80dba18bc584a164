"""Totals of lesions, scans, courses, eyes or joints, held against what the patients have of them.

A unit of analysis has a cohort of its own; its number is the sum of the patients' own, of `n_lesions`.
"""

from collections.abc import Iterator, Mapping
from fractions import Fraction

from crmo_analysis.recompute.counts import size
from crmo_analysis.recompute.granularity import grim_sums
from crmo_analysis.recompute.quantities import Finding, View
from crmo_analysis.study import Claim, expressions, rounding

BY = "sum"


def totals(views: Mapping[str, View]) -> Iterator[Finding]:
    """Hold every total against the sum, the mean and the ends of what each patient has."""
    own = views.get("own")
    if own is None:
        return
    for name, total, about in _totals(own, views):
        for other in own.of_values:
            if other.of == name and other is not total and own.meaning.same(other.group, total.group):
                yield from _beside(own, total, other, about)


def _totals(own: View, views: Mapping[str, View]) -> Iterator[tuple[str, Claim, str]]:
    """Yield the variable that a total is of, its claim, and the unit. Sums are in the patients' tables."""
    for unit, view in views.items():
        for claim in view.claims if f"n_{unit}" in own.codebook and unit == view.unit else ():
            is_number = claim.number is not None and claim.number.relation == "=" and claim.number.value
            if claim.statistic == "count" and claim.patients == expressions.Everyone() and is_number:
                yield f"n_{unit}", claim, unit


def _beside(own: View, total: Claim, other: Claim, unit: str) -> Iterator[Finding]:
    (n, ids), number, value = size(own, other.group), total.number.value, other.number.value
    if other.statistic == "sum" and total.statistic == "count":
        said, holds = f"The patients have {other.printed} {unit} together", number == value
    elif not n:
        return
    elif other.statistic == "mean" and (sums := grim_sums(other.number, n)):
        said, holds = f"{n} patients have {other.printed} {unit} on average", number in sums
    elif other.statistic in ("min", "max"):
        end = "least" if other.statistic == "min" else "most"
        said = f"Each of {n} patients has {other.printed} {unit} at {end}"
        holds = number >= n * value if other.statistic == "min" else number <= n * value
        if holds:
            return
    else:
        return
    each = f"{rounding.decimal_text(number)}/{n} = {rounding.decimal_text(Fraction(number, n or 1), 3)}"
    shown = each if other.statistic == "mean" else other.printed
    for claim, opponent in ((total, other), (other, total)):
        related = (opponent.claim_id, *ids)
        if holds:
            yield Finding(claim.claim_id, "matches", f"{said}: {shown}.", shown, "", related, BY)
        else:
            reason = f"{said}; {total.printed} {unit} are printed ({total.where}), which is {each} each."
            yield Finding(claim.claim_id, "conflicts", reason, "", "", related)
