"""Where the variables of claims are cut into cells, and how far a variable without limits goes."""

import math
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from crmo_analysis.joint.patterns import Axis, counted_by, make_axis
from crmo_analysis.recompute import View
from crmo_analysis.study import Claim, Codebook, Variable, expressions, rounding

TOTALS = ("mean", "sum")
UNLIMITED = 1 << 40
NEAR = 3  # values on either side of a median printed beside a sum that are told apart in coarse plans
FEW = 1000  # so many values at most are all told apart where a median is printed beside a sum
SQUARED = 500  # so many values at most are all told apart where an SD is printed
WIDE = 60  # about so many cells has a variable with more values
REACH = 20  # times all patients' largest printed value: so far a variable without a limit goes


def window(claim: Claim, step: Fraction) -> tuple[int, int]:
    """Return the first and the last value, in steps, that can be printed so."""
    low, high = rounding.interval(claim.number)
    match claim.number.relation:
        case "<=":
            return -UNLIMITED, math.floor(claim.number.value / step)
        case "<":
            return -UNLIMITED, math.ceil(claim.number.value / step) - 1
        case ">=":
            return math.ceil(claim.number.value / step), UNLIMITED
        case ">":
            return math.floor(claim.number.value / step) + 1, UNLIMITED
    return math.floor(low / step) + 1, math.ceil(high / step) - 1


def sharper(claim: Claim) -> Claim:
    """Return a claim as if one more digit were printed: what is nearest to its number, by any rounding."""
    return replace(claim, number=replace(claim.number, decimals=claim.number.decimals + 1))


def grounded(view: View, quantities: Sequence, trees: Sequence[expressions.Expression]) -> Codebook:
    """Give every number a step and limits.

    Where the codebook has none, the step is that of the finest digit printed, and the limits lie so far out
    that no sum of printed values reaches them: nothing that is printed depends on them.
    """
    printed: dict[str, list[Fraction]] = {}
    for quantity in quantities:
        if isinstance(quantity, Claim) and quantity.patients is None and quantity.number.value is not None:
            unit = quantity.number.place
            printed.setdefault(quantity.of, []).extend((quantity.number.value, unit))
    for name, _, value in (found for tree in trees for found in _compared(tree)):
        printed.setdefault(name, []).append(value)
    everyone = max((number for _, number in view.everyone.printed), default=1) if view.everyone else 1
    made = dict(view.codebook)
    for name in [name for name, variable in made.items() if variable.is_numeric]:
        variable = made[name]
        if None in (variable.step, variable.minimum, variable.maximum):
            found = [Fraction(1), *printed.get(name, ()), variable.minimum or 0, variable.maximum or 0]
            far = math.ceil(REACH * max(everyone, 1) * max(map(abs, found)))
            digits = math.lcm(*(value.denominator for value in found))
            made[name] = replace(
                variable,
                step=variable.step or Fraction(1, 1 if variable.type == "integer" else digits),
                minimum=Fraction(-far) if variable.minimum is None else variable.minimum,
                maximum=Fraction(far) if variable.maximum is None else variable.maximum,
            )
    return made


def cut_axes(
    quantities, trees, codebook: Codebook, names: frozenset[str], fine: bool | None
) -> dict[str, Axis]:
    """Cut every variable where a claim, a rule or a question looks at it.

    Every value is told apart where a question says so, and where a median is printed: always if `fine`;
    beside a sum, if they are few, if it is False; nowhere but near the median if it is None.
    """
    starts: dict[str, set[int]] = {name: set() for name in names}
    every: dict[str, tuple[int, int]] = {}
    added_up = {quantity.of for quantity in quantities if quantity.statistic in TOTALS}
    for quantity in quantities:
        if quantity.of not in names or quantity.patients is not None or quantity.statistic in TOTALS:
            continue
        if quantity.statistic == "sd":
            starts[quantity.of] |= _cuts(codebook[quantity.of])
            continue
        if not isinstance(quantity, Claim):
            if quantity.within is not None:
                low, high = every.get(quantity.of, quantity.within)
                every[quantity.of] = min(low, quantity.within[0]), max(high, quantity.within[1])
        elif codebook[quantity.of].is_numeric:
            low, high = window(quantity, codebook[quantity.of].step)
            first, last = window(sharper(quantity), codebook[quantity.of].step)
            starts[quantity.of] |= {low, high + 1, first, last + 1}
            is_beside = quantity.statistic == "median" and quantity.of in added_up
            few = _last(codebook[quantity.of]) - _first(codebook[quantity.of]) <= FEW
            if quantity.statistic == "median" and (fine or (fine is False and is_beside and few)):
                every[quantity.of] = (-UNLIMITED, UNLIMITED)
            elif is_beside:
                starts[quantity.of] |= {*range(low - NEAR, low), *range(high + 2, high + NEAR + 2)}
    for tree in trees:
        for name, sign, value in _compared(tree):
            if name in names and codebook[name].is_numeric:
                number = value / codebook[name].step
                starts[name] |= {math.ceil(number)} if sign in (">=", "<", "==", "!=") else set()
                starts[name] |= {math.floor(number) + 1} if sign in (">", "<=", "==", "!=") else set()
    every |= {name: (0, len(m)) for name in names for m in [counted_by(name, names, codebook)] if m}
    return {name: make_axis(codebook[name], starts[name], every.get(name)) for name in names}


def _cuts(variable: Variable) -> set[int]:
    """Return where cells begin of which squares are added up: at every value, or so that there are few."""
    first, last = _first(variable), _last(variable)
    return set(range(first, last + 1, 1 if last - first <= SQUARED else (last - first) // WIDE))


def _first(variable: Variable) -> int:
    return math.ceil(variable.minimum / variable.step)


def _last(variable: Variable) -> int:
    return math.floor(variable.maximum / variable.step)


def _compared(tree: expressions.Expression) -> list[tuple[str, str, Fraction]]:
    match tree:
        case expressions.Compare(name, sign, Fraction() as value):
            return [(name, sign, value)]
        case expressions.Compare() | expressions.Is() | expressions.Everyone():
            return []
    return [found for side in vars(tree).values() for found in _compared(side)]
