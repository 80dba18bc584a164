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
WIDE = 60  # about so many cells has a variable with more values of which nothing says where they lie
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
    for claim in quantities:
        if isinstance(claim, Claim) and claim.patients is None and claim.number.value is not None:
            printed.setdefault(claim.of, []).extend((claim.number.value, claim.number.place))
    for name, _, value in (found for tree in trees for found in expressions.comparisons(tree)):
        printed.setdefault(name, []).append(value)
    everyone = max((number for _, number in view.everyone.printed), default=1) if view.everyone else 1
    return {
        name: _grounded(variable, printed.get(name, []), max(everyone, 1))
        if variable.is_numeric
        else variable
        for name, variable in view.codebook.items()
    }


def _grounded(variable: Variable, printed: Sequence[Fraction], n: int) -> Variable:
    if None not in (variable.step, variable.minimum, variable.maximum):
        return variable
    found = [Fraction(1), *printed, variable.minimum or 0, variable.maximum or 0]
    far = Fraction(math.ceil(REACH * n * max(map(abs, found))))
    digits = math.lcm(*(value.denominator for value in found))
    return replace(
        variable,
        step=variable.step or Fraction(1, 1 if variable.type == "integer" else digits),
        minimum=-far if variable.minimum is None else variable.minimum,
        maximum=far if variable.maximum is None else variable.maximum,
    )


def cut_axes(
    quantities,
    trees,
    codebook: Codebook,
    names: frozenset[str],
    fine: bool | str | None,
    squared: int = SQUARED,
) -> dict[str, Axis]:
    """Cut every variable where a claim, a rule or a question looks at it.

    Where an SD is printed into `squared` cells, about, or all values if they are no more.

    Every value is told apart where a median is printed: always if `fine`; beside a sum, if they are few, if
    it is False; nowhere but near the median if it is None, or is "near"
    and so without a sum too.
    """
    compared = [found for tree in trees for found in expressions.comparisons(tree)]
    axes = {}
    for name in names:
        asked = [q for q in quantities if q.of == name and q.patients is None]
        ends, cuts, members = None, set(), counted_by(name, names, codebook)
        if codebook[name].is_numeric:
            ends, cuts = _cut(codebook[name], asked, fine, squared)
            for sign, value in ((sign, value) for other, sign, value in compared if other == name):
                cuts.update(_starts(sign, value / codebook[name].step))
        axes[name] = make_axis(codebook[name], cuts, (0, len(members)) if members else ends)
    return axes


def _cut(
    variable: Variable, quantities: Sequence, fine: bool | str | None, squared: int
) -> tuple[tuple | None, set[int]]:
    """Return between which values all are told apart, and where else cells begin, for what is said of one."""
    claims = [q for q in quantities if isinstance(q, Claim)]
    is_summed = any(q.statistic in TOTALS for q in quantities)
    asked = (q.cuts for q in quantities if q not in claims)
    ends, starts = None, _squared(variable, claims, squared).union(*asked)
    for claim in (c for c in claims if c.statistic not in (*TOTALS, "sd")):
        is_median = claim.statistic == "median"
        starts |= _around(
            claim, variable.step, near=NEAR if is_median and (is_summed or fine == "near") else 0
        )
        if is_median and _is_fine(variable, is_summed, fine):
            ends = -UNLIMITED, UNLIMITED
    return ends, starts


def _is_fine(variable: Variable, is_summed: bool, fine: bool | str | None) -> bool:
    """Say whether all values of a variable with a printed median are told apart."""
    return fine is True or (fine is False and is_summed and _last(variable) - _first(variable) <= FEW)


def _around(claim: Claim, step: Fraction, near: int) -> set[int]:
    """Return where cells begin around what is printed as a claim is, with some values on either side."""
    (low, high), (first, last) = window(claim, step), window(sharper(claim), step)
    return {first, last + 1, *range(low - near, low + 1), *range(high + 1, high + near + 2)}


def _starts(sign: str, number: Fraction) -> list[int]:
    """Return where cells begin that a comparison tells apart."""
    at, after = math.ceil(number), math.floor(number) + 1
    return {">=": [at], "<": [at], ">": [after], "<=": [after]}.get(sign, [at, after])


def _squared(variable: Variable, claims: Sequence[Claim], most: int) -> set[int]:
    """Return where cells begin of which squares are added up, for SDs: at every value if there are few.

    Of more, cells are so narrow that what they leave of the squares is less than printed SDs do; beyond one
    SD, where fewer values can be, they grow.
    """
    first, last, step = _first(variable), _last(variable), variable.step
    sds = [(max(1, int(c.number.value / step)), c.number.place / step) for c in claims if c.statistic == "sd"]
    if not sds:
        return set()
    if last - first <= most:
        return set(range(first, last + 1))
    centres = [int(c.number.value / step) for c in claims if c.statistic in ("mean", "median")]
    if not centres:
        return set(range(first, last + 1, (last - first) // min(WIDE, most)))
    reach = max(sd for sd, _ in sds)
    low, high = max(first, min(centres) - reach), min(last, max(centres) + reach)
    width = max(1, min(math.isqrt(int(2 * sd * place)) for sd, place in sds), (high - low) // most)
    cuts, apart = set(range(low, high + 1, width)), reach
    while apart < last - first:
        apart += max(width, width * apart // reach)
        cuts |= {low + reach - apart, high - reach + apart}
    return cuts


def _first(variable: Variable) -> int:
    return math.ceil(variable.minimum / variable.step)


def _last(variable: Variable) -> int:
    return math.floor(variable.maximum / variable.step)
