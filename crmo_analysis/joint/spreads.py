"""A standard deviation as a constraint on tables of patients.

Of n values with the sum S and the sum of squares Q, n (n - 1) SD² is n Q - S². S and Q are sums of counts of
patients; S² is multiplied out, or held within chords.
"""

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import pairwise, product

import numpy as np
from ortools.sat.python import cp_model

from crmo_analysis.joint.patterns import factors
from crmo_analysis.joint.statements import Plan, Statement
from crmo_analysis.study import Claim, expressions, rounding

MULTIPLIED = 2000  # a sum up to which its square is always multiplied out
CHORDS = 9  # from which the squares of a cell's values are bounded below


def spread(tables, claim: Claim, low: Fraction, high: Fraction, is_open: bool) -> list[tuple]:
    """Return the conditions that an SD lies between two numbers: expressions, and between what each lies."""
    least, most, below, *_ = tables.moments(claim.of, claim.group)
    step, ends = tables.part.axes[claim.of].variable.step, int(is_open)
    first, last = (low / step) ** 2, (high / step) ** 2
    conditions = [(last.denominator * most - last.numerator * below, None, -ends)]
    return conditions + [(first.denominator * least - first.numerator * below, ends, None)] * (low >= 0)


def moments(tables, of: str, group: expressions.Expression) -> tuple:
    """Return n Q - S² at least and at most, n (n - 1), n, S and Q of a group, and the centre of S and Q."""
    step, most = tables.part.axes[of].variable.step, tables.most
    bag, middle, sums, squares = tables.squares(of)
    inside = np.flatnonzero(tables.part.mask(group, bag))
    mean = next((c for c in _located(tables, of) if c.group == group), None)
    centre = middle if mean is None else round(mean.number.value / step)
    reach = int(np.abs(np.array(tables.part.ends(of, bag)) - centre).max())
    size, total = tables.number(most), tables.number(reach * most, -reach * most)
    is_one = all(squares[i][0] is squares[i][1] for i in inside)
    found, shift = [tables.number(2 * reach**2 * most) for _ in range(1 if is_one else 2)], centre - middle
    are_few = reach * most <= MULTIPLIED
    if tables.exact or are_few:  # chosen first: what they leave of the rest is soon seen
        start = cp_model.SELECT_MIN_VALUE if are_few else cp_model.SELECT_LOWER_HALF
        tables.model.add_decision_strategy([size, total, *found], cp_model.CHOOSE_FIRST, start)
    tables.model.add(size == tables.size(group))
    added = sum(sums[i] for i in inside)
    tables.model.add(total == added - shift * size)
    for side, square in enumerate(found):
        summed = sum(squares[i][side] for i in inside)
        tables.model.add(square == summed - 2 * shift * added + shift**2 * size)
    asked = [c for c in tables.plan.claims if (c.statistic, c.of, c.group) == ("sd", of, group)]
    place = min(claim.number.place for claim in asked)
    usual = max(1, math.ceil(most * place / step))
    squared = _square(tables, total, reach * most, usual, mean is not None)
    above = [_product(tables, size, square, 2 * (reach * most) ** 2) - squared for square in found]
    below = _product(tables, size, size, most**2) - size
    return above[0], above[-1], below, size, total, found[0], centre


def keep_apart(tables, claim: Claim, kept) -> None:
    """Let values lie as far from any number as from their mean: what a solver sees sooner of a large SD.

    Of n values the squares from any number add up to (n - 1) SD² at least.
    """
    *_, size, total, square, centre = tables.moments(claim.of, claim.group)
    axis = tables.part.axes[claim.of]
    low = max(rounding.interval(claim.number)[0] / axis.variable.step, 0) ** 2
    for place in np.unique(np.linspace(axis.lows[0], axis.highs[-1], CHORDS).astype(int)).tolist():
        apart = square - 2 * (place - centre) * total + (place - centre) ** 2 * size
        tables.demand(low.denominator * apart - low.numerator * (size - 1), 0, None, kept)


def not_sides(plan: Plan) -> list[tuple[Statement, ...]]:
    """Return SDs of two ages and of the time between them of which one is larger than the others together."""
    said, found = [(s, c) for s in plan.statements for c in s.claims if c.statistic == "sd"], []
    for tie in plan.times:
        own = [[each for each in said if each[1].of == name] for name in (tie.end, tie.start, tie.name)]
        for members, claims in (zip(*three, strict=True) for three in product(*own)):
            if len({c.group for c in claims}) == 1 and not _can_be_sides(plan.part.axes, tie, claims):
                found.append(tuple(members))
    return found


def _can_be_sides(axes: Mapping, tie, claims: Sequence[Claim]) -> bool:
    """Say whether the SDs of two ages and of the time between them can be the sides of a triangle.

    What a time misses of the difference has an SD too, of sqrt(2) times the most at most, as of two patients.
    """
    *own, most, _ = factors(axes, tie)
    times = [factor / axes[claim.of].variable.step for factor, claim in zip(own, claims, strict=True)]
    ends = [rounding.interval(claim.number) for claim in claims]
    sides = [[scale * end for end in own] for scale, own in zip(times, ends, strict=True)]
    total = sum(high for _, high in sides) + most * Fraction(3, 2)
    return all(low + high <= total for low, high in sides)


def _located(tables, name: str) -> list[Claim]:
    """Return the claims that say where values of a variable lie, means first."""
    claims = [c for c in tables.plan.claims if c.of == name and c.patients is None]
    return [c for kind in ("mean", "median") for c in claims if c.statistic == kind]


def squares(tables, name: str) -> tuple[int, int, list, list]:
    """Return the bag of a variable's sums, a value in the middle, and each pattern's sum and squares from it.

    Of a cell of several values the squares are given at least and at most. Where a table is sought both hold
    for whatever values have its sum: fewer tables than there are. Else both are one number between what its
    sum allows (chords of neighbouring values from below, one of the ends from above): more than there are.
    """
    bag, sums = tables.sums(name)
    lows, highs = tables.part.ends(name, bag)
    located, axis = _located(tables, name), tables.part.axes[name]
    centre = int(axis.lows[0] + axis.highs[-1]) // 2
    centre = round(located[0].number.value / axis.variable.step) if located else centre
    cells = zip((lows - centre).tolist(), (highs - centre).tolist(), strict=True)
    centred, found = [], []
    for count, total, (low, high) in zip(tables.counts[bag], sums, cells, strict=True):
        centred.append(total - centre * count)
        if low >= high:
            found.append([low**2 * count] * 2)
            continue
        line = (low + high) * centred[-1] - low * high * count
        if tables.exact:
            middle = (low + high) // 2
            found.append((2 * middle * centred[-1] - middle**2 * count, line))
            continue
        square = tables.number(max(low**2, high**2) * tables.most)
        for value in np.unique(np.linspace(low, high - 1, CHORDS).astype(int)).tolist():
            tables.model.add(square >= (2 * value + 1) * centred[-1] - value * (value + 1) * count)
        tables.model.add(square <= line)
        found.append([square] * 2)
    return bag, centre, centred, found


def _product(tables, one, other, high: int):
    product = tables.number(high)
    tables.model.add_multiplication_equality(product, [one, other])
    return product


def _square(tables, number, reach: int, usual: int, is_located: bool):
    """Return the square of a number between -reach and reach: multiplied out, or within narrow limits.

    The limits are a chord of the stretch that the number is in; stretches grow, from the usual on, faster
    where a mean says about where the number is.
    """
    square = tables.number(reach**2)
    if tables.exact or reach <= MULTIPLIED:
        tables.model.add_multiplication_equality(square, [number, number])
        return square
    edges, growth = [usual], Fraction(2) if is_located else Fraction(11, 10)
    while edges[-1] < reach:
        edges.append(math.ceil(growth * edges[-1]))
    stretches = [(-usual, usual)]
    for low, high in pairwise(edges):
        stretches += [(low, high), (-high, -low)]
    inside = [tables.model.new_bool_var("") for _ in stretches]
    tables.model.add_exactly_one(inside)
    for literal, (low, high) in zip(inside, stretches, strict=True):
        tables.demand(number, low, high, literal)
        tables.demand((low + high) * number - low * high - square, 0, None, literal)
        for place in sorted({low, high, (low + high) // 2}):
            tables.model.add(square >= 2 * place * number - place**2)
    return square
