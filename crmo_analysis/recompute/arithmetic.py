"""Checks of a number against the parts that it is made of: percentages, means, spreads, P values."""

import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import combinations

from crmo_analysis.recompute.granularity import debit, grim_is_informative, grim_sums
from crmo_analysis.recompute.quantities import Count, Finding, View, together
from crmo_analysis.recompute.spread import Limits, Spread, find_values, largest_sd, sd_limits
from crmo_analysis.study import Claim, entailment, expressions, rounding


def percentages(view: View) -> Iterator[Finding]:
    """Check percentages against counts and denominators, and find the rules that each section rounds by."""
    parts = {}
    for claim in view.claims:
        if claim.statistic == "percent" and claim.number.relation == "=":
            n, denominators = view.size(claim)
            count = view.count_of(view.patients(claim))
            if not n:
                reason = "No claim prints how many patients it is a share of, or claims disagree on it."
                yield Finding(claim.claim_id, "stated", reason, related=denominators)
            elif count and count.value is None:
                yield _percentage_of_disputed_count(claim, count, n, denominators)
            else:
                parts[claim] = (count, n, denominators)
    sections: dict[str, list[tuple[str, ...]]] = {}
    for claim, (count, n, _) in parts.items():
        rules = _rules_of(claim, count, n)
        if rules:
            sections.setdefault(claim.section, []).append(rules)
    used = {section: smallest_rule_set(rules) for section, rules in sections.items()}
    for claim, (count, n, denominators) in parts.items():
        yield from _percentage(claim, count, n, denominators, used.get(claim.section, ()))


def _percentage_of_disputed_count(
    claim: Claim, count: Count, n: int, denominators: tuple[str, ...]
) -> Finding:
    numbers = sorted({number for _, number in count.printed})
    fitting = [str(k) for k in numbers if rounding.rules_that_print(Fraction(100 * k, n), claim.number)]
    printed = " and ".join(map(str, numbers))
    reason = (
        f"The count is printed as {printed}; of {n} patients {' or '.join(fitting) or 'neither'} gives "
        f""
        f"{claim.printed} %."
    )
    outcome = "stated" if fitting else "differs"
    return Finding(claim.claim_id, outcome, reason, related=(*count.ids, *denominators))


def _rules_of(claim: Claim, count: Count | None, n: int) -> tuple[str, ...]:
    counts = [count.value] if count else _counts_that_print(claim, n)
    rules = {rule for k in counts for rule in rounding.rules_that_print(Fraction(100 * k, n), claim.number)}
    return tuple(rule for rule in rounding.RULES if rule in rules)


def _counts_that_print(claim: Claim, n: int) -> list[int]:
    return [k for k in grim_sums(claim.number, n, Fraction(100)) if 0 <= k <= n]


def smallest_rule_set(explained_by: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """Return the fewest rounding rules of which one explains each percentage; the usual ones first.

    Parameters
    ----------
    explained_by : sequence of sequences of str
        For each percentage the rules that give it.
    """
    for size in range(len(rounding.RULES) + 1):
        for rules in combinations(rounding.RULES, size):
            if all(set(rules) & set(options) for options in explained_by):
                return rules
    return rounding.RULES


def _percentage(claim, count, n, denominators, used) -> Iterator[Finding]:
    digits = claim.number.decimals + 2
    if count:
        exact = Fraction(100 * count.value, n)
        related = tuple(dict.fromkeys((*count.ids, *denominators)))
        options = rounding.rules_that_print(exact, claim.number)
        shown = f"{count.value}/{n} = {rounding.decimal_text(exact, digits)} %"
    else:
        counts = _counts_that_print(claim, n)
        if counts and not grim_is_informative(n, claim.number.decimals, Fraction(100)):
            reason = f"Any percentage with so many digits can be printed of {n} patients."
            yield Finding(claim.claim_id, "stated", reason, related=denominators)
            return
        nearest = counts or _neighbours(claim, n)
        related, options = denominators, _rules_of(claim, None, n) if counts else ()
        shown = " or ".join(
            f"{k}/{n} = {rounding.decimal_text(Fraction(100 * k, n), digits)} %" for k in nearest
        )
    if not options:
        reason = f"No rounding rule gives {claim.printed} %: {shown}."
        yield Finding(claim.claim_id, "differs", reason, shown, related=related)
        for member in count.ids if count else ():
            reason = f"Its percentage is printed as {claim.printed}, which {shown} does not give."
            yield Finding(member, "stated", reason, related=(claim.claim_id, *denominators))
        return
    rule = next(rule for rule in (*used, *options) if rule in options)
    mixed = f"; no single rule explains the percentages of {claim.section}" if len(used) > 1 else ""
    reason = f"{shown}, printed {claim.printed} ({rule.replace('_', ' ')}{mixed})."
    yield Finding(claim.claim_id, "matches", reason, shown, rule, related)
    for k_claim, k in count.printed if count else ():
        if len({*grim_sums(claim.number, n, Fraction(100))}) == 1:
            found = f"{claim.printed} % of {n} patients is {k}."
            yield Finding(k_claim.claim_id, "matches", found, str(k), related=(claim.claim_id, *denominators))
    for member in denominators if count else ():
        reason = f"{shown}, printed {claim.printed}; nothing else printed gives it."
        yield Finding(member, "stated", reason, related=(claim.claim_id, *count.ids))


def _neighbours(claim: Claim, n: int) -> list[int]:
    low = int(claim.number.value * n / 100)
    return [k for k in (low, low + 1) if k <= n]


def fractions_in_words(view: View) -> Iterator[Finding]:
    """Check "about half" and "most" against the count.

    Of quarters, thirds and halves the one named must be nearest; most is more than half.
    """
    for claim in view.claims:
        if claim.statistic != "fraction":
            continue
        n, denominators = view.size(claim)
        count = view.count_of(view.patients(claim))
        if not n or count is None or count.value is None:
            continue
        exact = Fraction(count.value, n)
        shown = f"{count.value}/{n} = {rounding.decimal_text(100 * exact, 1)} %"
        nearest = rounding.nearest_simple_fraction(exact)
        if claim.number.relation == ">":
            holds, why = exact > claim.number.value, f"most is more than {claim.number.value}"
        elif claim.number.relation == ">=":
            holds, why = exact >= claim.number.value, "almost all is at least nine in ten"
        elif claim.number.relation == "~":
            holds, why = nearest == claim.number.value, f"of quarters, thirds and halves {nearest} is nearest"
        else:
            holds, why = exact == claim.number.value, f"printed as exactly {claim.printed}"
        outcome = "matches" if holds else "differs"
        yield Finding(claim.claim_id, outcome, f"{shown}; {why}.", shown, related=(*count.ids, *denominators))


def totals(view: View) -> Iterator[Finding]:
    """Check means of a variable that counts others, and sums that the patients alone make larger."""
    for claim in view.of_values:
        group = view.codebook[claim.of].counts
        if claim.statistic == "mean" and group and claim.group == expressions.Everyone():
            members = [
                c
                for c in view.counts
                if isinstance(c.patients, expressions.Is)
                and view.codebook[c.patients.variable].group == group
            ]
            n, denominators = view.size(claim)
            if not n or not members or any(count.value is None for count in members):
                continue
            total = sum(count.value for count in members)
            mean = Fraction(total, n)
            shown = f"{total}/{n} = {rounding.decimal_text(mean)}"
            rules = rounding.rules_that_print(mean, claim.number)
            related = (*(count.ids[0] for count in members), *denominators)
            reason = (
                f"The counts of the {len(members)} bones printed give {shown}."
                if group == "affected_bone"
                else f"The counts printed give {shown}."
            )
            yield Finding(
                claim.claim_id,
                "matches" if rules else "differs",
                reason,
                shown,
                rules[0] if rules else "",
                related,
            )
        if claim.statistic == "sum" and claim.number.value is not None:
            least = expressions.Compare(claim.of, ">=", Fraction(1))
            at_least_one = view.count_of(entailment.conjunction(least, claim.group))
            if at_least_one and at_least_one.value is not None and claim.number.value < at_least_one.value:
                reason = f"{at_least_one.value} patients with at least 1 make more than {claim.printed}."
                yield from together((claim.claim_id, *at_least_one.ids), "conflicts", reason)


def possible_values(view: View) -> Iterator[Finding]:
    """Check that medians and ranges are values that the variable can take for that number of patients."""
    for claim in view.of_values:
        if claim.statistic not in ("min", "median", "max") or claim.number.relation != "=":
            continue
        variable, value = view.codebook[claim.of], claim.number.value
        n, denominators = view.size(claim)
        single = claim.statistic != "median" or (n is not None and n % 2 == 1)
        low, high = variable.minimum, variable.maximum
        if (low is not None and value < low) or (high is not None and value > high):
            named = [("at least", low), ("at most", high)]
            ends = [f"{word} {rounding.decimal_text(end)}" for word, end in named if end is not None]
            reason = f"{variable.label} is {' and '.join(ends)} {variable.unit}."
            yield Finding(claim.claim_id, "differs", reason)
        elif (
            single
            and variable.type == "integer"
            and (value.denominator != 1 or int(value) in variable.impossible)
        ):
            why = (
                f"is the value of one patient of {n}"
                if claim.statistic == "median"
                else "is the value of one patient"
            )
            yield Finding(
                claim.claim_id,
                "differs",
                f"The {claim.statistic} {why}, and {variable.label} cannot be {claim.printed}.",
                related=denominators,
            )
        elif (
            claim.statistic == "median"
            and n
            and n % 2 == 0
            and variable.type == "integer"
            and (2 * value).denominator != 1
        ):
            yield Finding(
                claim.claim_id,
                "differs",
                f"The median of {n} whole numbers is whole or a half.",
                related=denominators,
            )


def means(view: View) -> Iterator[Finding]:
    """Check means for granularity (GRIM)."""
    for claim in view.of_values:
        n, denominators = view.size(claim)
        step = view.step(claim.of)
        if claim.statistic != "mean" or not n or step is None or view.codebook[claim.of].counts:
            continue
        sums = grim_sums(claim.number, n, step)
        own = step / claim.number.scale  # in the unit that is printed
        unit = f"steps of {rounding.decimal_text(own)} {claim.unit}"

        def shown(total: int, own: Fraction = own, n: int = n) -> str:
            return f"{rounding.decimal_text(total * own)}/{n} = {rounding.decimal_text(total * own / n)}"

        if not sums:
            near = round(claim.number.value * n / step)
            tried = sorted({near, near - 1 if near * step / n > claim.number.value else near + 1})
            text = " or ".join(map(shown, tried))
            reason = f"No sum of {n} values in {unit} has the mean {claim.printed}: {text}."
            yield Finding(claim.claim_id, "differs", reason, text, related=denominators)
        elif grim_is_informative(n, claim.number.decimals, own):
            best = min(sums, key=lambda s: abs(s * step / n - claim.number.value))
            rule = rounding.rules_that_print(best * step / n, claim.number)[0]
            reason = f"{n} values in {unit} can have the mean {claim.printed}: {shown(best)}."
            yield Finding(claim.claim_id, "matches", reason, shown(best), rule, denominators)
        else:
            reason = f"Any mean with so many digits is possible for {n} values in {unit}."
            yield Finding(claim.claim_id, "stated", reason, related=denominators)


def standard_deviations(view: View) -> Iterator[Finding]:
    """Check a standard deviation beside the mean and the range, or the percentage of yes/no data (DEBIT)."""
    for claim in view.of_values:
        n, denominators = view.size(claim)
        if claim.statistic != "sd" or not n or n < 2:
            continue
        if view.codebook[claim.of].type == "boolean":
            yield from _beside_percentage(view, claim, n, denominators)
        else:
            yield from _beside_mean(view, claim, n, denominators)


def _beside_percentage(view: View, claim: Claim, n: int, denominators: tuple[str, ...]) -> Iterator[Finding]:
    for other in view.claims:
        if (
            other.statistic == "percent"
            and other.patients == expressions.Is(claim.of)
            and other.group == claim.group
        ):
            found = debit(other.number, claim.number, n)
            can = "can" if found else "cannot"
            reason = (
                f"{n} values with the percentage {other.printed} {can} have the standard deviation "
                f""
                f"{claim.printed}."
            )
            shown = " or ".join(f"{k}/{n}" for k in found)
            outcome = "matches" if found else "differs"
            yield Finding(claim.claim_id, outcome, reason, shown, related=(other.claim_id, *denominators))


def _beside_mean(view: View, claim: Claim, n: int, denominators: tuple[str, ...]) -> Iterator[Finding]:
    """Look for values with the mean and the SD, from the smallest to the largest printed."""
    step = _step(view, claim)
    limits, ends = _printed_limits(view, claim, step)
    related = (*ends, *denominators)
    least = rounding.interval(claim.number)[0]
    if len(ends) > 1 and least >= largest_sd(n, step, limits):
        most = _short(largest_sd(n, step, limits), claim)
        reason = (
            f"{n} values {_from_to(limits, step)} have a standard deviation of at most {most}, whatever "
            f"their mean; "
            f"{claim.printed} is printed."
        )
        yield Finding(claim.claim_id, "differs", reason, f"at most {most}", related=related)
        return
    for other in view.of_values:
        if other.statistic == "mean" and other.of == claim.of and other.group == claim.group:
            found = find_values(other.number, claim.number, n, step, limits)
            outcome, reason, shown = _said_of(found, (view, claim, other, n), step, limits)
            yield Finding(claim.claim_id, outcome, reason, shown, related=(other.claim_id, *related))


def _said_of(found: Spread, asked: tuple[View, Claim, Claim, int], step: Fraction, limits: Limits):
    """Return what values that were found, or not, make of an SD: outcome, reason, and what is recomputed."""
    view, claim, other, n = asked
    has_range = limits.low is not None and limits.high is not None
    values = f"{n} values {_from_to(limits, step)} with the mean {other.printed}".replace("  ", " ")
    if found.is_possible is None:
        return (
            "stated",
            f"Whether {values} can have the standard deviation {claim.printed} was not decided.",
            "",
        )
    if not found.is_possible:
        low, high = rounding.interval(claim.number)
        least, most = sd_limits(other.number, n, step, limits) or (0, math.inf)
        if low >= most or high <= least:
            most = f"at most {_short(most, claim)}" if low >= most else f"at least {_short(least, claim)}"
            return (
                "differs",
                f"{values} have a standard deviation of {most}; {claim.printed} is printed.",
                most,
            )
        return "differs", f"{values} cannot have the standard deviation {claim.printed}.", ""
    reason = f"{values} can have the standard deviation {claim.printed}"
    if (
        not has_range
        and not find_values(other.number, claim.number, n, step, _usual(view, claim, step)).is_possible
    ):
        variable = view.codebook[claim.of]
        ends = (
            f"{rounding.decimal_text(variable.minimum)} to {rounding.decimal_text(variable.maximum)} "
            f""
            f"{variable.unit}"
        )
        return "stated", f"{reason}, but not if all lie within the usual {ends}.", ""
    shown = (
        ", ".join(rounding.decimal_text(value * step, 3) for value in sorted(found.values)) if n <= 12 else ""
    )
    if found.is_informative or has_range:
        return "matches", f"{reason}.", shown
    return "stated", f"{reason}, as any other with so many digits.", ""


def _short(sd: float, claim: Claim) -> str:
    return rounding.decimal_text(Fraction(sd), claim.number.decimals)


def _step(view: View, claim: Claim) -> Fraction:
    """Return the step of a variable; where none is known, one so fine that it refuses nothing."""
    return view.step(claim.of) or Fraction(1, 10 ** (claim.number.decimals + 2))


def _usual(view: View, claim: Claim, step: Fraction) -> Limits:
    """Return the limits of the codebook, in steps."""
    variable = view.codebook[claim.of]
    low, high = (None if end is None else end / step for end in (variable.minimum, variable.maximum))
    return Limits(None if low is None else math.ceil(low), None if high is None else math.floor(high))


def _printed_limits(view: View, claim: Claim, step: Fraction) -> tuple[Limits, tuple[str, ...]]:
    """Return between which steps the values of a group lie by what is printed, and the claims that say so.

    The codebook's limits are usual values, which nothing printed is held against, but no negative value is
    made up.
    """
    usual = view.codebook[claim.of].minimum
    low, high = [0] if usual is not None and usual >= 0 else [], []
    low_to, high_from, related = [], [], {}
    for other in view.of_values:
        if other.of != claim.of or other.statistic not in ("min", "max"):
            continue
        if not view.meaning.entails(claim.group, other.group):
            continue
        first, last = (end / step for end in rounding.interval(other.number))
        first, last = math.floor(first) + 1, math.ceil(last) - 1
        related.setdefault(other.statistic, other.claim_id)
        (low if other.statistic == "min" else high).append(first if other.statistic == "min" else last)
        if view.meaning.same(claim.group, other.group):
            (low_to if other.statistic == "min" else high_from).append(
                last if other.statistic == "min" else first
            )
    limits = Limits(
        max(low, default=None),
        min(high, default=None),
        max(low_to, default=None),
        min(high_from, default=None),
    )
    return limits, tuple(related.values())


def _from_to(limits: Limits, step: Fraction) -> str:
    """Say between which values all lie, where that is known."""
    if limits.low is None or limits.high is None:
        return ""
    low, high = (rounding.decimal_text(end * step, 3) for end in (limits.low, limits.high))
    return f"from {low} to {high}"


CHECKS = (percentages, fractions_in_words, totals, possible_values, means, standard_deviations)
