"""Checks of a number alone, given how many patients it is of: means and spreads."""

import math
from collections.abc import Iterator
from fractions import Fraction

from crmo_analysis.recompute.granularity import debit, grim_is_informative, grim_sums
from crmo_analysis.recompute.quantities import Finding, View
from crmo_analysis.recompute.shares import only_by, section_rules
from crmo_analysis.recompute.spread import Limits, find_values, largest_sd, sd_limits
from crmo_analysis.study import Claim, Variable, expressions, rounding


def means(view: View) -> Iterator[Finding]:
    """Check means for granularity (GRIM)."""
    rules = section_rules(view)
    for claim in view.of_values:
        n, ids = view.size(claim)
        step = view.codebook[claim.of].step
        if claim.statistic == "mean" and n and step is not None and not view.codebook[claim.of].counts:
            yield lone_mean(claim, n, ids, step, rules[claim.section])


def lone_mean(claim: Claim, n: int, ids: tuple[str, ...], step: Fraction, rules: tuple[str, ...]) -> Finding:
    """Say whether some sum of so many values gives a mean."""
    sums = grim_sums(claim.number, n, step, rules)
    own = step / claim.number.scale  # in the unit that is printed
    steps = f"whole {claim.unit or 'numbers'}" if own == 1 else f"steps of {rounding.decimal_text(own, 3)}"
    values = f"{n} values in {steps}{f' {claim.unit}' if claim.unit and own != 1 else ''}"
    if not sums:
        near = round(claim.number.value * n / step)
        shown = " or ".join(
            f"{rounding.decimal_text(s * own)}/{n} = {rounding.decimal_text(s * own / n, 3)}"
            for s in sorted({near, near - 1 if near * step / n > claim.number.value else near + 1})
        )
        odd = only_by(claim, n, step)
        reason = f"No sum of {values} has the mean {claim.printed}: {shown}.{odd}"
        return Finding(claim.claim_id, "differs", reason, shown, "", ids)
    if not grim_is_informative(n, claim.number.decimals, own):
        reason = f"Any mean with so many digits is possible for {values}."
        return Finding(claim.claim_id, "stated", reason, related=ids)
    best = min(sums, key=lambda s: abs(s * step / n - claim.number.value))
    used = next(r for r in (*rules, *rounding.RULES) if best in grim_sums(claim.number, n, step, (r,)))
    shown = f"{rounding.decimal_text(best * own)}/{n} = {rounding.decimal_text(best * own / n)}"
    reason = f"{values} can have the mean {claim.printed}: {shown}."
    return Finding(claim.claim_id, "matches", reason, shown, used, ids, by="grain")


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
    asked = expressions.Is(claim.of), claim.group
    for other in view.claims:
        if other.statistic == "percent" and (other.patients, other.group) == asked:
            found = debit(other.number, claim.number, n)
            outcome, can = ("matches", "can") if found else ("differs", "cannot")
            values = f"{n} values with the percentage {other.printed}"
            reason = f"{values} {can} have the standard deviation {claim.printed}."
            shown = " or ".join(f"{k}/{n}" for k in found)
            yield Finding(claim.claim_id, outcome, reason, shown, related=(other.claim_id, *denominators))


def _beside_mean(view: View, claim: Claim, n: int, denominators: tuple[str, ...]) -> Iterator[Finding]:
    """Look for values with the mean and the SD, from the smallest to the largest printed.

    A variable that is not of whole numbers has a step so fine that it refuses nothing.
    """
    variable = view.codebook[claim.of]
    step = variable.step if variable.type == "integer" else None
    step = step or Fraction(1, 10 ** (claim.number.decimals + 1))
    limits, ends = _printed_limits(view, claim, step)
    related = (*ends, *denominators)
    most = largest_sd(n, step, limits) if len(ends) > 1 else math.inf
    if rounding.interval(claim.number)[0] >= most:
        shown = f"at most {_short(most, claim)}"
        values = f"{n} values {_from_to(limits, step)} have a standard deviation of {shown}"
        reason = f"{values}, whatever their mean; {claim.printed} is printed."
        yield Finding(claim.claim_id, "differs", reason, shown, related=related)
        return
    for mean in view.of_values:
        if (mean.statistic, mean.of, mean.group) == ("mean", claim.of, claim.group):
            outcome, reason, shown = _said_of(claim, mean, n, step, limits, variable)
            yield Finding(claim.claim_id, outcome, reason, shown, related=(mean.claim_id, *related))


def _said_of(claim: Claim, mean: Claim, n: int, step: Fraction, limits: Limits, variable: Variable):
    """Return what values with a mean make of an SD: outcome, reason, and what is recomputed."""
    found = find_values(mean.number, claim.number, n, step, limits)
    has_range = None not in (limits.low, limits.high)
    values = f"{n} values {_from_to(limits, step)} with the mean {mean.printed}".replace("  ", " ")
    reason = f"{values} can have the standard deviation {claim.printed}"
    if found.is_possible is None:
        return "stated", f"Whether {reason} was not decided.", ""
    if not found.is_possible:
        low, high = rounding.interval(claim.number)
        least, most = sd_limits(mean.number, n, step, limits) or (0, math.inf)
        if not (low >= most or high <= least):
            return "differs", f"{values} cannot have the standard deviation {claim.printed}.", ""
        shown = f"at most {_short(most, claim)}" if low >= most else f"at least {_short(least, claim)}"
        reason = f"{values} have a standard deviation of {shown}; {claim.printed} is printed."
        # What is too small for a standard deviation may fit as a standard error: a hint.
        low, high = (math.sqrt(n) * float(end) for end in (low, high))
        if low < most and high > least:
            reason += (
                f" It fits as a standard error, of a standard deviation of {_short((low + high) / 2, claim)}."
            )
        return "differs", reason, shown
    usual = [end for end in (variable.minimum, variable.maximum) if end is not None]
    if len(usual) == 2 and not has_range:
        within = Limits(math.ceil(usual[0] / step), math.floor(usual[1] / step))
        if not find_values(mean.number, claim.number, n, step, within).is_possible:
            ends = f"{' to '.join(map(rounding.decimal_text, usual))} {variable.unit}"
            return "stated", f"{reason}, but not if all lie within the usual {ends}.", ""
    if not found.is_informative:
        _, most = sd_limits(mean.number, n, step, limits) or (0, math.inf)
        others = f"up to {_short(most, claim)}" if has_range else "with so many digits"
        return "stated", f"{reason}, as any other {others}.", ""
    shown = [rounding.decimal_text(value * step, 3) for value in sorted(found.values)] if n <= 12 else []
    return "matches", f"{reason}.", ", ".join(shown)


def _short(sd: float, claim: Claim) -> str:
    return rounding.decimal_text(Fraction(sd), claim.number.decimals)


def _printed_limits(view: View, claim: Claim, step: Fraction) -> tuple[Limits, tuple[str, ...]]:
    """Return between which steps the values of a group lie by what is printed, and the claims that say so.

    The codebook's limits are usual values, which nothing printed is held against, but no negative value is
    made up.
    """
    usual = view.codebook[claim.of].minimum
    low, high = [0] if usual is not None and usual >= 0 else [], []
    low_to, high_from, related = [], [], {}
    for other in view.of_values:
        is_end = other.of == claim.of and other.statistic in ("min", "max")
        if not is_end or not view.meaning.entails(claim.group, other.group):
            continue
        first, last = (end / step for end in rounding.interval(other.number))
        ends = math.floor(first) + 1, math.ceil(last) - 1
        is_own, is_least = view.meaning.same(claim.group, other.group), other.statistic == "min"
        beyond, reached = (low, low_to) if is_least else (high, high_from)
        beyond.append(ends[0] if is_least else ends[1])
        reached += [ends[1] if is_least else ends[0]] if is_own else []
        related.setdefault(other.statistic, other.claim_id)
    ends = ((max, low), (min, high), (max, low_to), (min, high_from))
    return Limits(*(pick(found, default=None) for pick, found in ends)), tuple(related.values())


def _from_to(limits: Limits, step: Fraction) -> str:
    """Say between which values all lie, where that is known."""
    if limits.low is None or limits.high is None:
        return ""
    low, high = (rounding.decimal_text(end * step, 3) for end in (limits.low, limits.high))
    return f"from {low} to {high}"


CHECKS = (means, standard_deviations)
