"""Checks of numbers against each other: printed twice, parts and wholes, ranges, ranks, dates."""

import math
from collections.abc import Iterator, Sequence
from fractions import Fraction

from crmo_analysis.recompute.quantities import Count, Finding, View, together
from crmo_analysis.study import Claim, expressions, rounding


def repeated_counts(view: View) -> Iterator[Finding]:
    """Compare the numbers printed for the same patients."""
    for count in view.counts:
        if len(count.printed) < 2:
            continue
        if count.value is None:
            for claim, number in count.printed:
                others = [(other, value) for other, value in count.printed if value != number]
                listed = "; ".join(f"{value} ({other.where})" for other, value in others)
                reason = f"{number} here, and for the same patients {listed}."
                related = tuple(other.claim_id for other, _ in others)
                yield Finding(claim.claim_id, "conflicts", reason, related=related)
            continue
        for claim, number in count.printed:
            others = tuple(other.claim_id for other, _ in count.printed if other is not claim)
            places = "; ".join(dict.fromkeys(other.where for other, _ in count.printed if other is not claim))
            yield Finding(
                claim.claim_id,
                "matches",
                f"Printed again as {number}: {places}.",
                str(number),
                related=others,
            )


def repeated_values(view: View) -> Iterator[Finding]:
    """Compare medians, ranges, means, percentages, thresholds, dates and the like wherever they stand."""
    groups: list[list[Claim]] = []
    for claim in view.claims:
        if claim.statistic not in ("count", "rank"):
            same = next((members for members in groups if _same_target(view, members[0], claim)), None)
            groups.append([claim]) if same is None else same.append(claim)
    for members in groups:
        if len(members) > 1:
            yield from _compare_values(view, members)


def _same_target(view: View, one: Claim, other: Claim) -> bool:
    if one.statistic != other.statistic or not view.meaning.same(one.group, other.group):
        return False
    if one.patients is None:
        return one.of == other.of
    return view.meaning.same(view.patients(one), view.patients(other))


def _compare_values(view: View, members: Sequence[Claim]) -> Iterator[Finding]:
    for claim in members:
        apart = [other for other in members if not _can_be_equal(view, claim, other)]
        if apart:
            listed = ", ".join(f"{other.printed} ({other.where})" for other in apart)
            reason = f"{_name(view, claim)} is printed as {claim.printed} here and as {listed}."
            reason += _other_label(view, claim)
            yield Finding(
                claim.claim_id, "conflicts", reason, related=tuple(other.claim_id for other in apart)
            )
            continue
        others = [other for other in members if other is not claim]
        places = ", ".join(f"{other.printed} ({other.where})" for other in others)
        related = tuple(other.claim_id for other in others)
        yield Finding(
            claim.claim_id, "matches", f"Printed again: {places}.", others[0].printed, related=related
        )


def _other_label(view: View, claim: Claim) -> str:
    """Say where the same number stands under another name, as for an age at onset printed as at diagnosis."""
    unit = view.codebook[claim.of].unit if claim.of in view.codebook else None
    for other in view.claims:
        same = other.statistic == claim.statistic and other.printed == claim.printed and other.of != claim.of
        if (
            same
            and other.of in view.codebook
            and view.codebook[other.of].unit == unit
            and other.group == claim.group
        ):
            return f" The same number stands for {_name(view, other)} ({other.where})."
    return ""


def _can_be_equal(view: View, one: Claim, other: Claim) -> bool:
    if one.statistic == "date":
        (_, first, last), (_, other_first, other_last) = (
            rounding.parse_date(one.printed),
            rounding.parse_date(other.printed),
        )
        return first <= other_last and other_first <= last
    if one.statistic == "value" and view.step(one.of):
        return _edge(view, one) == _edge(view, other)
    alike = one.number.decimals == other.number.decimals and {one.number.relation, other.number.relation} <= {
        "=",
        "~",
    }
    if alike and one.statistic not in ("percent", "mean"):  # of which two rules may print neighbours
        return one.number.value == other.number.value
    (low, high), (other_low, other_high) = _range(one), _range(other)
    return low < other_high and other_low < high


def _range(claim: Claim) -> tuple[Fraction | float, Fraction | float]:
    """Return the open interval that a printed number leaves."""
    low, high = rounding.interval(claim.number)
    ends = {
        "<": (-math.inf, claim.number.value),
        "<=": (-math.inf, high),
        ">": (claim.number.value, math.inf),
        ">=": (low, math.inf),
    }
    return ends.get(claim.number.relation, (low, high))


def _edge(view: View, claim: Claim) -> Fraction:
    """Return the value that a printed edge includes: "lower than 28" points ends at 27."""
    step = view.step(claim.of) or Fraction(0)
    return claim.number.value + {"<": -step, ">": step}.get(claim.number.relation, 0)


def _name(view: View, claim: Claim) -> str:
    if claim.is_of_patients or claim.of not in view.codebook:
        return f"the {claim.statistic} of {claim.of}".capitalize()
    label = view.codebook[claim.of].label
    return label if claim.statistic in ("value", "date") else f"{label} ({claim.statistic})"


def parts_and_wholes(view: View) -> Iterator[Finding]:
    """Check that exclusive parts add up to their whole, and that no part exceeds it.

    A whole is held against its largest printed parts only: theirs are checked against them in turn.
    """
    counts = [count for count in view.counts if count.value is not None]
    for whole in counts:
        parts = [c for c in counts if c is not whole and view.meaning.entails(c.patients, whole.patients)]
        for part in parts:
            if part.value > whole.value:
                reason = f"{part.value} cannot be among {whole.value}{_because(view, part, whole)}."
                yield from together((*part.ids, *whole.ids), "conflicts", reason)
            elif not any(
                q is not part and q is not whole and view.meaning.entails(part.patients, q.patients)
                for q in parts
            ):
                reason = f"At most the {whole.value} it is part of; nothing printed gives it exactly."
                for claim_id in part.ids:
                    yield Finding(claim_id, "stated", reason, related=whole.ids)
        largest = [
            p
            for p in parts
            if not any(q is not p and view.meaning.entails(p.patients, q.patients) for q in parts)
        ]
        for exclusive in _exclusive_sets(view, largest):
            yield from _sum_of_parts(view, whole, exclusive)


def _because(view: View, *counts: Count) -> str:
    """Give the rules of the study that tie the variables of two counts to each other."""
    one, other = (expressions.variables(count.patients) for count in counts)
    given = [
        why
        for rule, why in view.study.rules
        if expressions.variables(rule) & (one - other) and expressions.variables(rule) & (other - one)
    ]
    return f" ({'; '.join(dict.fromkeys(given))})" if given else ""


def _exclusive_sets(view: View, parts: Sequence[Count]) -> Iterator[tuple[Count, ...]]:
    """Yield the largest sets of parts of which no two share a patient (Bron and Kerbosch 1973)."""
    apart = [
        {j for j, other in enumerate(parts) if j != i and view.meaning.excludes(one.patients, other.patients)}
        for i, one in enumerate(parts)
    ]

    def grow(chosen: frozenset[int], open_to: set[int], seen: set[int]) -> Iterator[frozenset[int]]:
        if not open_to and not seen:
            yield chosen
            return
        pivot = max(open_to | seen, key=lambda i: len(apart[i] & open_to))
        for i in sorted(open_to - apart[pivot]):
            yield from grow(chosen | {i}, open_to & apart[i], seen & apart[i])
            open_to, seen = open_to - {i}, seen | {i}

    for chosen in grow(frozenset(), set(range(len(parts))), set()):
        if len(chosen) > 1:
            yield tuple(parts[i] for i in sorted(chosen))


def _sum_of_parts(view: View, whole: Count, parts: Sequence[Count]) -> Iterator[Finding]:
    total = sum(part.value for part in parts)
    added = " + ".join(str(part.value) for part in parts)
    covers = view.meaning.entails(whole.patients, _any_of([part.patients for part in parts]))
    members = [claim_id for part in (*parts, whole) for claim_id in part.ids]
    if total > whole.value:
        why = "".join(dict.fromkeys(_because(view, part, whole) for part in parts))
        reason = (
            f"{added} = {total} exclusive patients are more than the {whole.value} they are part of{why}."
        )
        yield from together(members, "conflicts", reason)
    elif total < whole.value and covers:
        reason = f"The parts {added} = {total} are all of the {whole.value}."
        yield from together(members, "conflicts", reason)
    elif total == whole.value:
        for part in parts:
            rest = [str(p.value) for p in parts if p is not part]
            shown = f"{whole.value} - {' - '.join(rest)} = {part.value}"
            related = tuple(claim_id for p in (*parts, whole) if p is not part for claim_id in p.ids)
            for claim_id in part.ids:
                yield Finding(
                    claim_id, "matches", f"The parts add up: {added} = {total}.", shown, related=related
                )
        related = tuple(claim_id for part in parts for claim_id in part.ids)
        for claim_id in whole.ids:
            yield Finding(
                claim_id,
                "matches",
                f"The parts add up: {added} = {total}.",
                f"{added} = {total}",
                related=related,
            )


def _any_of(trees: Sequence[expressions.Expression]) -> expressions.Expression:
    result = trees[0]
    for tree in trees[1:]:
        result = expressions.Or(result, tree)
    return result


def order_of_values(view: View) -> Iterator[Finding]:
    """Check minimum <= median, mean <= maximum, and that a subgroup lies within its group's range."""
    located = [
        c
        for c in view.of_values
        if c.statistic in ("min", "median", "mean", "max", "value") and view.codebook[c.of].level == "patient"
    ]
    for one in located:
        for other in located:
            if one is other or one.of != other.of or not view.meaning.entails(one.group, other.group):
                continue
            low, high = rounding.interval(one.number)
            other_low, other_high = rounding.interval(other.number)
            # Any rule keeps the order of what it rounds; ends of a range are printed as they were recorded.
            alike = one.section == other.section or one.statistic in ("min", "max", "value")
            exact = alike and one.number.decimals == other.number.decimals
            value, limit = one.number.value, other.number.value
            below = value < limit if exact else high <= other_low
            above = value > limit if exact else low >= other_high
            inside = one.statistic != other.statistic or one.group != other.group
            wrong = (other.statistic == "min" and below) or (other.statistic == "max" and above)
            if inside and wrong:
                side = "below the minimum" if below else "above the maximum"
                reason = (
                    f"{_name(view, one)} of {one.printed} {one.unit} lies {side} of {other.printed} "
                    f""
                    f"{other.unit} that is printed for a group with the same patients."
                )
                yield from together((one.claim_id, other.claim_id), "conflicts", reason)
            elif (
                inside
                and other.statistic in ("min", "max")
                and (one.statistic not in ("min", "max") or one.group != other.group)
            ):
                side = (
                    "below the printed minimum" if other.statistic == "min" else "above the printed maximum"
                )
                reason = f"Not {side} of {other.printed}."
                yield Finding(one.claim_id, "stated", reason, related=(other.claim_id,))


def counts_beside_medians(view: View) -> Iterator[Finding]:
    """Check counts over a threshold against the median and the range of the same variable."""
    for claim in view.of_values:
        n, _denominators = view.size(claim)
        variable = view.codebook[claim.of]
        if (
            claim.statistic not in ("min", "median", "max")
            or not n
            or not variable.is_numeric
            or variable.level != "patient"
        ):
            continue
        low, high = rounding.interval(claim.number)
        if claim.statistic != "median":
            low = high = claim.number.value
        for count in view.counts:
            if not expressions.variables(count.patients) & view.meaning.component(claim.of):
                continue
            least, most = _limits(view, claim, count.patients, n, low, high)
            if least == 0 and most >= n:
                continue
            if count.value is not None and not least <= count.value <= most:
                reason = (
                    f"With a {claim.statistic} of {claim.printed} {claim.unit} in {n} patients, "
                    f"{least} "
                    f"to {most} can be counted, but {count.value} are."
                )
                yield from together((claim.claim_id, *count.ids), "conflicts", reason)
            elif count.value is not None:
                reason = (
                    f"Agrees with the {claim.statistic} of {claim.printed} {claim.unit}, which allows "
                    f""
                    f"{least} to {most}."
                )
                for claim_id in count.ids:
                    yield Finding(claim_id, "stated", reason, related=(claim.claim_id,))


def _limits(
    view: View, claim: Claim, patients: expressions.Expression, n: int, low: Fraction, high: Fraction
) -> tuple[int, int]:
    """Return how few and how many of n patients can be counted, given one median, minimum or maximum."""
    meaning, name = view.meaning, claim.of
    if not (meaning.entails(patients, claim.group)):
        return 0, 10**9
    at_or_above, above = expressions.Compare(name, ">=", high), expressions.Compare(name, ">", high)
    at_or_below, below = expressions.Compare(name, "<=", low), expressions.Compare(name, "<", low)
    half = (n + 1) // 2 if claim.statistic == "median" else 1
    least, most = 0, n
    if claim.statistic in ("median", "max"):
        least = max(least, half * meaning.entails(expressions.Compare(name, ">=", low), patients))
        most = min(
            most, (n - half if claim.statistic == "median" else 0) if meaning.entails(patients, above) else n
        )
    if claim.statistic in ("median", "min"):
        least = max(least, half * meaning.entails(expressions.Compare(name, "<=", high), patients))
        most = min(
            most, (n - half if claim.statistic == "median" else 0) if meaning.entails(patients, below) else n
        )
    if claim.statistic == "max" and meaning.entails(at_or_below, patients):
        least = n
    if claim.statistic == "min" and meaning.entails(at_or_above, patients):
        least = n
    return least, most


def times_between(view: View) -> Iterator[Finding]:
    """Hold a delay against the ages that it lies between, where means or ranges of all three are printed."""
    for claim in view.of_values:
        variable = view.codebook[claim.of]
        if not variable.start:
            continue
        ends = {}
        for other in view.of_values:
            if other.of in (variable.start, variable.end) and other.group == claim.group:
                ends.setdefault((other.of, other.statistic), other)
        per_unit = {"weeks": Fraction(365, 7), "months": 12, "years": 1}[variable.unit]
        means = [ends.get((variable.end, "mean")), ends.get((variable.start, "mean"))]
        if claim.statistic == "median" and all(means):
            gap = (means[0].number.value - means[1].number.value) * per_unit
            reason = (
                f"The mean ages printed lie {rounding.decimal_text(gap, 1)} {variable.unit} apart, which is "
                f"the mean of the times "
                f"between; the median of {claim.printed} is another statistic, and far below it."
            )
            if claim.number.value < gap / 2:
                for member in (claim, *means):
                    related = tuple(other.claim_id for other in (claim, *means) if other is not member)
                    yield Finding(member.claim_id, "stated", reason, related=related)
        latest, earliest = ends.get((variable.end, "max")), ends.get((variable.start, "min"))
        if claim.statistic == "max" and latest and earliest:
            longest = (rounding.interval(latest.number)[1] - rounding.interval(earliest.number)[0]) * per_unit
            if claim.number.value > longest:
                reason = (
                    f"{claim.printed} {variable.unit} are longer than from {earliest.printed} to "
                    f""
                    f"{latest.printed} years."
                )
                yield from together((claim.claim_id, latest.claim_id, earliest.claim_id), "conflicts", reason)


def ranks(view: View) -> Iterator[Finding]:
    """Check "most common" against the other variables of the group, or the other values of the variable."""
    for claim in view.claims:
        own = view.count_of(view.patients(claim)) if claim.statistic == "rank" else None
        others = rivals(view, claim) if own is not None and own.value is not None else []
        if others:
            most = max(others, key=lambda count: count.value)
            outcome = "matches" if own.value >= most.value else "conflicts"
            reason = f"{own.value} patients; the most of any other that is counted is {most.value}."
            yield Finding(claim.claim_id, outcome, reason, str(own.value), related=(*own.ids, *most.ids))


def rivals(view: View, claim: Claim) -> list[Count]:
    """Return the printed counts that what is called most common is compared with."""
    kind = _ranked_among(claim.patients, view)
    beside = [c for c in view.claims if c.statistic == "rank" and c.where == claim.where]
    named = {leaf for c in beside for leaf in _leaves(c.patients)}
    return [
        count
        for count in view.counts
        if count.value is not None and kind and _ranked_among(count.patients, view) == kind
        and not set(_leaves(count.patients)) & named
        and view.meaning.entails(count.patients, claim.group)
    ]  # fmt: skip


def _leaves(patients: expressions.Expression) -> list[expressions.Expression]:
    """Return what is counted, without the group that it is counted in."""
    match patients:
        case expressions.Or(left, right):
            return _leaves(left) + _leaves(right)
        case expressions.And(left, _):
            return _leaves(left)
        case expressions.Is() | expressions.Compare(_, "==", str()):
            return [patients]
    return []


def _ranked_among(patients: expressions.Expression, view: View) -> str:
    """Return the group of variables, or the category variable, in which something is ranked."""
    kinds = {
        view.codebook[leaf.variable].group if isinstance(leaf, expressions.Is) else leaf.variable
        for leaf in _leaves(patients)
    }
    return kinds.pop() if len(kinds) == 1 else ""


def presenting_ranks(view: View) -> Iterator[Finding]:
    """Check a symptom called most common against the patients who did not have it."""
    n = view.everyone.value if view.everyone else None
    for claim in view.claims:
        if claim.statistic != "rank" or not isinstance(claim.patients, expressions.Is) or not n:
            continue
        own, without = view.count_of(claim.patients), view.count_of(expressions.Not(claim.patients))
        if view.codebook[claim.patients.variable].group == "symptom" and own and own.value is not None:
            rest = without.value if without else n - own.value
            outcome = "matches" if own.value > rest else "stated"
            reason = f"{own.value} of {n} patients had it."
            yield Finding(claim.claim_id, outcome, reason, f"{own.value}/{n}", related=own.ids)


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


CHECKS = (
    repeated_counts,
    repeated_values,
    parts_and_wholes,
    order_of_values,
    counts_beside_medians,
    times_between,
    ranks,
    presenting_ranks,
    dates,
)
