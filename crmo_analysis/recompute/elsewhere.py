"""Numbers compared where they are printed again, and dates with the study's window.

What no table of patients gives is held against itself here: values of the study, dates, correlations. Of
other values the sentence is taken from here.
"""

from collections.abc import Iterator, Sequence
from fractions import Fraction

from crmo_analysis.recompute.counts import can_be_one
from crmo_analysis.recompute.evidence import are_of_others
from crmo_analysis.recompute.quantities import Finding, View, rivals, together
from crmo_analysis.study import Claim, rounding


def repeated_values(view: View) -> Iterator[Finding]:
    """Compare medians, ranges, means, percentages, thresholds, dates and the like wherever they stand."""
    groups: list[list[Claim]] = []
    for claim in view.claims:
        if not claim.is_of_patients:
            same = next((members for members in groups if _same_target(view, members[0], claim)), None)
            groups.append([claim]) if same is None else same.append(claim)
    for members in (members for members in groups if len(members) > 1):
        yield from _compare_values(view, members)


def _same_target(view: View, one: Claim, other: Claim) -> bool:
    if one.statistic != other.statistic or not view.meaning.same(one.group, other.group):
        return False
    named = {one.test, other.test} - ({""} if one.statistic not in ("test_statistic", "df") else set())
    if len(named) > 1 or are_of_others(view, one, other):
        return False
    if one.patients is None:
        return one.of == other.of
    return view.meaning.same(view.patients(one), view.patients(other))


def _compare_values(view: View, members: Sequence[Claim]) -> Iterator[Finding]:
    for claim in members:
        apart = [other for other in members if not _can_be_equal(view, claim, other)]
        if apart:
            listed = ", ".join(f"{other.printed} ({other.where})" for other in apart)
            reason = f"{_name(view, claim)} is printed as {claim.printed} ({claim.where}) and as {listed}."
            reason += _other_label(view, claim)
            related = tuple(other.claim_id for other in apart)
            yield Finding(claim.claim_id, "conflicts", reason, related=related, by="printed again")
            continue
        others = [other for other in members if other is not claim]
        places = ", ".join(f"{other.printed} ({other.where})" for other in others)
        related = tuple(other.claim_id for other in others)
        reason = f"Printed again: {places}.{_odd_digit(claim, others)}"
        yield Finding(claim.claim_id, "matches", reason, others[0].printed, "", related, "printed again")


def _odd_digit(claim: Claim, others: Sequence[Claim]) -> str:
    """Name the unusual rule of rounding that alone gives a number from one with more digits."""
    for other in others:
        if not (claim.number and other.number and other.number.decimals > claim.number.decimals):
            continue
        value, half = other.number.value, other.number.place / 2
        rules = {
            r for v in (value - half, value, value + half) for r in rounding.rules_that_print(v, claim.number)
        }
        if rules and not rules & {*rounding.USUAL}:
            return f" Only {rounding.in_words(min(rules))}, {other.printed} is printed so."
    return ""


def _other_label(view: View, claim: Claim) -> str:
    """Say where the same number stands under another name, as for an age at onset printed as at diagnosis."""
    unit = view.codebook[claim.of].unit if claim.of in view.codebook else None
    for other in view.claims:
        same = other.statistic == claim.statistic and other.printed == claim.printed and other.of != claim.of
        same = same and other.group == claim.group and other.of in view.codebook
        if same and view.codebook[other.of].unit == unit:
            return f" The same number stands for {_name(view, other)} ({other.where})."
    return ""


def _can_be_equal(view: View, one: Claim, other: Claim) -> bool:
    if one.statistic == "date":
        (_, first, last), (_, other_first, other_last) = map(
            rounding.parse_date, (one.printed, other.printed)
        )
        return first <= other_last and other_first <= last
    if one.statistic == "value" and view.codebook[one.of].step:
        return _edge(view, one) == _edge(view, other)
    return can_be_one(one, other)


def _edge(view: View, claim: Claim) -> Fraction:
    """Return the value that a printed edge includes: "lower than 28" points ends at 27."""
    step = view.codebook[claim.of].step or Fraction(0)
    return claim.number.value + {"<": -step, ">": step}.get(claim.number.relation, 0)


def _name(view: View, claim: Claim) -> str:
    if claim.is_of_patients or claim.of not in view.codebook:
        return f"the {claim.statistic} of {claim.of}".capitalize()
    label = view.codebook[claim.of].label
    return f"“{label}”" if claim.statistic in ("value", "date") else f"{label} ({claim.statistic})"


def ranks(view: View) -> Iterator[Finding]:
    """Set what is called most common beside the other variables of the group, or values of the variable."""
    for claim in view.claims:
        own = view.count_of(view.patients(claim)) if claim.statistic == "rank" else None
        others = rivals(view, claim) if own is not None and own.value is not None else []
        if others:
            most = max(others, key=lambda count: count.value)
            outcome = "matches" if own.value >= most.value else "differs"
            reason = f"{own.value} here; the most of any other that is counted is {most.value}."
            related = (*own.ids, *most.ids)
            yield Finding(claim.claim_id, outcome, reason, str(own.value), related=related, by="rank")


def dates(view: View) -> Iterator[Finding]:
    """Check dates and durations against the study's window."""
    window = view.study.facts.get("window")
    if not window:
        return
    starts = [c for c in view.claims if c.statistic == "date" and c.of == window["start"]]
    ends = [c for c in view.claims if c.statistic == "date" and c.of == window["end"]]
    if not starts or not ends:
        return
    first, last = rounding.parse_date(starts[0].printed)[1], rounding.parse_date(ends[0].printed)[2]
    months = last - first + 1
    edges = [claim.claim_id for claim in (*starts, *ends)]
    for claim in view.claims:
        if claim.of not in window["contains"] or claim.statistic not in ("min", "median", "max", "mean"):
            continue
        if view.codebook[claim.of].type == "date":
            if not first <= rounding.parse_date(claim.printed)[1] <= last + 12:
                yield from together(
                    (claim.claim_id, *edges), "conflicts", f"{claim.printed} lies outside the study window."
                )
            continue
        per_unit = {"years": 12, "months": 1, "weeks": Fraction(84, 365)}[view.codebook[claim.of].unit]
        if rounding.interval(claim.number)[0] * per_unit >= months:
            reason = (
                f"{claim.printed} {claim.unit} are longer than the {months} months "
                f"({rounding.decimal_text(Fraction(months, 12), 1)} years) from {starts[0].printed} to "
                f"{ends[0].printed}."
            )
            yield from together((claim.claim_id, *edges), "conflicts", reason)


CHECKS = (repeated_values, ranks, dates)
