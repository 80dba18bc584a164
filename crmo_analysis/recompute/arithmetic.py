"""Checks of a number against the parts that it is made of: percentages, means, spreads, P values."""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import combinations

from crmo_analysis.recompute.granularity import debit, grim_is_informative, grim_sums, grimmer
from crmo_analysis.recompute.quantities import Count, Finding, View, together
from crmo_analysis.study import Claim, describe, expressions, rounding


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
            at_least_one = view.count_of(expressions.Compare(claim.of, ">=", Fraction(1)))
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
        if variable.minimum is not None and not variable.minimum <= value <= variable.maximum:
            reason = (
                f"{variable.label} lies between {rounding.decimal_text(variable.minimum)} and "
                f""
                f"{rounding.decimal_text(variable.maximum)} {variable.unit}."
            )
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
    """Check means for granularity, with the standard deviation where one is printed (GRIM, GRIMMER)."""
    for claim in view.of_values:
        n, denominators = view.size(claim)
        step = view.step(claim.of)
        if claim.statistic != "mean" or not n or step is None or view.codebook[claim.of].counts:
            continue
        sums = grim_sums(claim.number, n, step)
        unit = f"steps of {rounding.decimal_text(step)} {view.codebook[claim.of].unit}"
        if not sums:
            near = round(claim.number.value * n / step)
            shown = " or ".join(
                f"{rounding.decimal_text(s * step)}/{n} = {rounding.decimal_text(s * step / n)}"
                for s in sorted({near, near - 1 if near * step / n > claim.number.value else near + 1})
            )
            reason = f"No sum of {n} values in {unit} has the mean {claim.printed}: {shown}."
            yield Finding(claim.claim_id, "differs", reason, shown, related=denominators)
        elif grim_is_informative(n, claim.number.decimals, step):
            best = min(sums, key=lambda s: abs(s * step / n - claim.number.value))
            mean = best * step / n
            rule = rounding.rules_that_print(mean, claim.number)[0]
            shown = f"{rounding.decimal_text(best * step)}/{n} = {rounding.decimal_text(mean)}"
            yield Finding(
                claim.claim_id,
                "matches",
                f"{n} values in {unit} can have the mean {claim.printed}: {shown}.",
                shown,
                rule,
                denominators,
            )
        else:
            yield Finding(
                claim.claim_id,
                "stated",
                f"Any mean with so many digits is possible for {n} values in {unit}.",
                related=denominators,
            )


def standard_deviations(view: View) -> Iterator[Finding]:
    """Check a standard deviation with the mean of whole steps (GRIMMER), or of yes and no (DEBIT)."""
    for claim in view.of_values:
        n, denominators = view.size(claim)
        variable = view.codebook[claim.of]
        if claim.statistic != "sd" or not n or n < 2:
            continue
        if variable.type == "boolean":
            beside = [
                c
                for c in view.claims
                if c.statistic == "percent"
                and c.patients == expressions.Is(claim.of)
                and c.group == claim.group
            ]
            possible = [debit(other.number, claim.number, n) for other in beside]
        else:
            step = variable.step or Fraction(1, 1000)
            beside = [
                c
                for c in view.of_values
                if c.statistic == "mean" and c.of == claim.of and c.group == claim.group
            ]
            possible = [
                grimmer(other.number, claim.number, n, step, variable.minimum, variable.maximum)
                for other in beside
            ]
        for other, found in zip(beside, possible, strict=True):
            kind = "percentage" if other.statistic == "percent" else "mean"
            reason = (
                f"{n} values with the {kind} {other.printed} {'can' if found else 'cannot'} have the "
                f""
                f"standard deviation {claim.printed}."
            )
            shown = (
                f"{len(found)} possible sums" if kind == "mean" else " or ".join(f"{k}/{n}" for k in found)
            )
            outcome = "matches" if found else "differs"
            yield Finding(
                claim.claim_id,
                outcome,
                reason,
                shown if found else "",
                related=(other.claim_id, *denominators),
            )


def p_values(view: View) -> Iterator[Finding]:
    """Say what a P value of a correlation implies; a derived fact, which the study does not print."""
    for claim in view.claims:
        n, denominators = view.size(claim)
        p = float(claim.number.value) if claim.statistic == "p_value" else 0
        if not n or n < 4 or not 0 < p < 1 or claim.number.relation not in ("<", "<="):
            continue
        reason = (
            f"Derived, not printed: with {n} pairs a two-sided {claim.printed} needs |r| of at least "
            f"{_rounded_up(describe.smallest_pearson(p, n), 4)} (Pearson, or Spearman by t; without ties the "
            f"smallest attainable "
            f"|rho| is {_rounded_up(describe.smallest_spearman(p, n), 4)})."
        )
        yield Finding(claim.claim_id, "stated", reason, related=denominators)


def _rounded_up(value: float, decimals: int) -> str:
    return rounding.decimal_text(rounding.round_by(Fraction(value), decimals, "up"), decimals)


CHECKS = (percentages, fractions_in_words, totals, possible_values, means, standard_deviations, p_values)
