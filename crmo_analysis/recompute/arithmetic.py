"""Checks of a number alone, given how many patients it is of: means and spreads."""

import math
from collections.abc import Iterator
from fractions import Fraction

from crmo_analysis.recompute.granularity import debit, grim_is_informative, grim_sums
from crmo_analysis.recompute.quantities import Finding, View
from crmo_analysis.recompute.shares import only_by, section_rules
from crmo_analysis.recompute.spread import Limits, Spread, find_values, largest_sd, sd_limits
from crmo_analysis.study import Claim, expressions, rounding


def means(view: View) -> Iterator[Finding]:
    """Check means for granularity (GRIM)."""
    rules = section_rules(view)
    for claim in view.of_values:
        n, ids = view.size(claim)
        step = view.step(claim.of)
        if claim.statistic == "mean" and n and step is not None and not view.codebook[claim.of].counts:
            yield lone_mean(claim, n, ids, step, rules[claim.section])


def lone_mean(claim: Claim, n: int, ids: tuple[str, ...], step: Fraction, rules: tuple[str, ...]) -> Finding:
    """Say whether some sum of so many values gives a mean."""
    sums = grim_sums(claim.number, n, step, rules)
    own = step / claim.number.scale  # in the unit that is printed
    values = f"{n} values in {_steps(own, claim.unit)}"
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


def _steps(step: Fraction, unit: str) -> str:
    return f"whole {unit}" if step == 1 else f"steps of {rounding.decimal_text(step, 3)} {unit}"


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
            reason = f"{values} have a standard deviation of {most}; {claim.printed} is printed."
            return "differs", reason + _as_error(claim, n, step, other, limits), most
        return "differs", f"{values} cannot have the standard deviation {claim.printed}.", ""
    reason = f"{values} can have the standard deviation {claim.printed}"
    variable = view.codebook[claim.of]
    usual = _usual(view, claim, step)
    is_usual = has_range or find_values(other.number, claim.number, n, step, usual).is_possible
    if not is_usual and None not in (variable.minimum, variable.maximum):
        ends = (
            f"{rounding.decimal_text(variable.minimum)} to {rounding.decimal_text(variable.maximum)} "
            f"{variable.unit}"
        )
        return "stated", f"{reason}, but not if all lie within the usual {ends}.", ""
    shown = (
        ", ".join(rounding.decimal_text(value * step, 3) for value in sorted(found.values)) if n <= 12 else ""
    )
    if found.is_informative or has_range:
        return "matches", f"{reason}.", shown
    return "stated", f"{reason}, as any other with so many digits.", ""


def _as_error(claim: Claim, n: int, step: Fraction, mean: Claim, limits: Limits) -> str:
    """Say whether a number that is too small for an SD fits as a standard error of the mean; a hint."""
    low, high = (math.sqrt(n) * float(end) for end in rounding.interval(claim.number))
    least, most = sd_limits(mean.number, n, step, limits) or (math.inf, 0)
    if not (low < most and high > least):
        return ""
    sd = rounding.decimal_text(Fraction((low + high) / 2), claim.number.decimals)
    return f" It fits as a standard error, of a standard deviation of {sd}."


def _short(sd: float, claim: Claim) -> str:
    return rounding.decimal_text(Fraction(sd), claim.number.decimals)


def _step(view: View, claim: Claim) -> Fraction:
    """Return the step of a variable of whole numbers; of another one so fine that it refuses nothing."""
    is_whole = view.codebook[claim.of].type == "integer"
    step = view.step(claim.of) if is_whole else None
    return step or Fraction(1, 10 ** (claim.number.decimals + 1))


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


CHECKS = (means, standard_deviations)
