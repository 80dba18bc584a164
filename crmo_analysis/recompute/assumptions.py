"""What the codebook assumes of recorded values, and where a study's printed digits show otherwise.

Steps and limits are conventions: a value off the grid refines it, a value beyond a limit widens it. Whole
numbers stay whole, and what cannot occur by the definition of a score still cannot.
"""

import math
from dataclasses import dataclass, replace
from fractions import Fraction

from crmo_analysis.recompute.granularity import grim_sums
from crmo_analysis.recompute.quantities import View
from crmo_analysis.recompute.spread import Limits, find_values
from crmo_analysis.study import Claim, Codebook, Variable, expressions, rounding

SINGLE = ("min", "max", "value")  # the value of one patient
RECORDED = (*SINGLE, "median", "mean", "sd")


@dataclass(frozen=True)
class Assumption:
    """What has to be assumed of a variable in place of what the codebook says; the claim that shows it."""

    name: str
    claim_id: str
    sentence: str


def assume(
    views: list[View], codebook: Codebook, recorded: frozenset[str]
) -> tuple[Codebook, tuple[Assumption, ...]]:
    """Refine steps and widen limits as far as the printed values of any cohort need it; say each change.

    The steps of what is `recorded` are given by a reading of the study, and left as they are.
    """
    changed, said, shown = dict(codebook), {}, {}
    for view in views:
        for claim in view.of_values:
            variable = changed[claim.of]
            if claim.statistic not in RECORDED or not variable.is_numeric or variable.counts:
                continue
            if variable.name not in recorded and (step := _finer(view, claim, variable)):
                changed[claim.of] = variable = replace(variable, step=step)
                said[claim.of, "step"] = _said(codebook[claim.of], claim, "in steps of", "step", step)
            wider = _spread_out(view, claim, variable) if claim.statistic == "sd" else _wider(claim, variable)
            for side, limit in wider.items():
                changed[claim.of] = variable = replace(variable, **{side: limit})
                words = "from" if side == "minimum" else "up to"
                said[claim.of, side] = _said(codebook[claim.of], claim, words, side, limit)
                shown[claim.of, side] = claim, limit
    for view in views:
        for claim, (name, sign, value) in _compared(view):
            variable = changed[name]
            least = value + (variable.step or 1) * (sign == ">")  # of those who are counted
            if sign not in ("<", "<=") and not variable.counts and least > (variable.maximum or least):
                changed[name] = replace(variable, maximum=2 * value)
                said[name, "maximum"] = _said(codebook[name], claim, "up to", "maximum", 2 * value)
                shown[name, "maximum"] = claim, 2 * value
    for time in codebook.values():  # of somebody who is diagnosed at 42, the disease can have begun at 40
        ages = [name for name in (time.start, time.end) if name in changed]
        beyond = [shown[name, "maximum"] for name in ages if (name, "maximum") in shown]
        claim, years = max(beyond, key=lambda pair: pair[1], default=(None, 0))
        limits = dict.fromkeys(ages, years)
        if beyond and len(ages) == 2:
            limits[time.name] = years * Fraction(time.between(*(codebook[name] for name in ages))[0])
        for name, limit in limits.items():
            if changed[name].maximum is not None and changed[name].maximum < limit:
                changed[name] = replace(changed[name], maximum=limit)
                said[name, "maximum"] = _said(codebook[name], claim, "up to", "maximum", limit)
    return changed, tuple(said.values())


def _compared(view: View) -> list[tuple[Claim, tuple[str, str, Fraction]]]:
    """Return claims beside what the groups that they are about compare with numbers."""
    trees = [(claim, tree) for claim in view.claims for tree in (claim.patients, claim.group) if tree]
    return [(claim, found) for claim, tree in trees for found in expressions.comparisons(tree)]


def _said(variable: Variable, claim: Claim, words: str, field: str, value: Fraction) -> Assumption:
    usual = rounding.decimal_text(getattr(variable, field), 3)
    assumed = f"{words} {rounding.decimal_text(value, 3)} {variable.unit}"
    number = f"the standard deviation {claim.printed}" if claim.statistic == "sd" else claim.printed
    shown = f"{number} is printed" if claim.patients is None else f"values beyond {usual} are counted"
    because = f"because {shown} ({claim.where}); the codebook assumes {usual}."
    sentence = f"“{variable.label}” is taken as recorded {assumed}, {because}"
    return Assumption(variable.name, claim.claim_id, sentence)


def _finer(view: View, claim: Claim, variable: Variable) -> Fraction | None:
    """Return the step that a printed value needs, if no value on the codebook's grid is printed so."""
    step, number = variable.step, claim.number
    if step is None or (variable.type == "integer" and step == 1):
        return None
    unit = number.place
    while number.value % (10 * unit) == 0 and number.value and unit < step:
        unit *= 10  # zeros at the end of 4,270 are not digits
    n, _ = view.size(claim)
    if claim.statistic in ("mean", "sd"):
        fits = not n or _is_possible(view, claim, n, step)
    else:
        grid = step / 2 if claim.statistic == "median" and (n is None or n % 2 == 0) else step
        low, high = rounding.interval(number)
        fits = math.floor(low / grid) + 1 <= math.ceil(high / grid) - 1
    if fits:
        return None
    least = Fraction(1) if variable.type == "integer" else unit
    common = step.denominator * unit.denominator
    finer = max(least, Fraction(math.gcd(int(step * common), int(unit * common)), common))
    return finer if finer < step else None


def _spread_out(view: View, claim: Claim, variable: Variable) -> dict[str, Fraction]:
    """Return how far values have to reach for an SD that values within the limits cannot have."""
    (n, _), mean = view.size(claim), view.value_claim("mean", claim.of, claim.group)
    if not n or n < 2 or mean is None or None in (variable.step, variable.minimum, variable.maximum):
        return {}
    low, high = (end / variable.step for end in (variable.minimum, variable.maximum))
    for limits in (Limits(math.ceil(low), math.floor(high)), Limits(math.ceil(low))):
        found = find_values(mean.number, claim.number, n, variable.step, limits)
        if found.is_possible is not False:
            widest = max(found.values, default=0) * variable.step
            return {"maximum": widest} if widest > variable.maximum else {}
    return {}


def _is_possible(view: View, claim: Claim, n: int, step: Fraction) -> bool:
    """Say whether a mean, or an SD beside its mean, can come from values on a grid."""
    if claim.statistic == "mean":
        return bool(grim_sums(claim.number, n, step))
    mean = view.value_claim("mean", claim.of, claim.group)
    return n < 2 or mean is None or find_values(mean.number, claim.number, n, step).is_possible is not False


def _wider(claim: Claim, variable: Variable) -> dict[str, Fraction]:
    """Return the limits that a printed value lies beyond, and where they have to be."""
    low, high = rounding.interval(claim.number)
    wider = {}
    if variable.minimum is not None and high <= variable.minimum:
        wider["minimum"] = claim.number.value
    if variable.maximum is not None and low >= variable.maximum:
        wider["maximum"] = claim.number.value
    return wider
