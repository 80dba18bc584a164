"""The best of all tables of a part: how small or large what is asked of them can be."""

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import product

import numpy as np
from ortools.sat.python import cp_model

from crmo_analysis.joint.axes import TOTALS
from crmo_analysis.joint.drawing import Solved, read_off
from crmo_analysis.joint.middles import place
from crmo_analysis.joint.model import Tables, fitting_tables
from crmo_analysis.joint.solving import FOUND, Effort, solve
from crmo_analysis.joint.statements import Plan, Quantity

WORK_UNLED = 0.2  # in the solver's own unit, before it is told what to decide first


def extreme(
    plan: Plan,
    n: int | tuple[int, int],
    weights: Mapping[Quantity, int],
    sign: int,
    effort: Effort,
    plain: bool = False,
) -> tuple[Fraction | None, bool, Solved | None]:
    """Find the largest (`sign` 1) or smallest (-1) weighted sum of quantities over the tables of one part.

    Return it, whether it is proved that no table goes beyond, and a table that attains it; None and None if
    no table was found in time, or nobody is meant in any.
    """
    tables = fitting_tables(plan, n)
    terms = [(weight, *linear(tables, quantity, sign * weight)) for quantity, weight in weights.items()]
    quantity, *others = weights
    if not others and terms[0][3] is not None:
        return _ratio(tables, terms[0], sign, effort)
    if not others and quantity.statistic in ("min", "median", "max"):
        return _nearest(tables, quantity, terms[0], sign, effort)
    return _weighted(tables, terms, sign, effort, plain)


def _weighted(tables: Tables, terms: Sequence[tuple], sign: int, effort: Effort, plain: bool):
    """Find the best weighted sum, with every size that the groups can have that it is divided by."""
    sizes = {size.index: size for *_, size in terms if size is not None}
    ranges = {place: _range(tables, size, effort) for place, size in sizes.items()}
    best, solution, is_proved = None, None, None not in ranges.values()
    for chosen in product(*(found or () for found in ranges.values())):
        size = dict(zip(ranges, chosen, strict=True))
        for index, number in size.items():
            domain = tables.model.proto.variables[index].domain
            domain[0], domain[1] = number, number
        parts = [
            (weight * scale / (size[s.index] if s is not None else 1), above)
            for weight, above, scale, s in terms
        ]
        common = math.lcm(*(factor.denominator for factor, _ in parts))
        tables.model.maximize(sum(int(sign * factor * common) * above for factor, above in parts))
        status, solved = solve(tables.model, effort, plain)
        is_proved &= status in (cp_model.OPTIMAL, cp_model.INFEASIBLE)
        if status in FOUND:
            value = sum(factor * solved.value(above) for factor, above in parts)
            if best is None or sign * value > sign * best:
                best, solution = value, read_off(tables, solved)
    return best, is_proved, solution


def _ratio(tables: Tables, term, sign: int, effort: Effort):
    """Find the best ratio of a number to the size of a group.

    Of any ratio it is asked whether there is a better one (Dinkelbach W. Manage Sci 1967;13:492-498).
    """
    weight, above, scale, size = term
    tables.demand(size, 1, None)
    best, solution = None, None
    while True:
        if best is not None:
            better = best.denominator * above - best.numerator * size
            tables.model.maximize(sign * weight * better)
        status, solved = solve(tables.model, effort)
        if status in FOUND:
            value = Fraction(int(solved.value(above)), int(solved.value(size)))
            if best is not None and sign * weight * (value - best) <= 0:
                return weight * scale * best, status == cp_model.OPTIMAL, solution
            best, solution = value, read_off(tables, solved)
        else:
            value = None if best is None else weight * scale * best
            return value, best is None and status == cp_model.INFEASIBLE, solution


def _nearest(tables: Tables, quantity: Quantity, term, sign: int, effort: Effort):
    """Find the best smallest, middle or largest value: halve what is left beyond one found."""
    weight, above, scale, _ = term
    axis, sign = tables.part.axes[quantity.of], sign * weight
    times = axis.variable.step / scale
    least, most = sorted(int(sign * times * end) for end in (axis.lows[0], axis.highs[-1]))
    goal, best, solution, tried = tables.number(most, least), None, None, least
    tables.model.add(goal == sign * above)
    while best is None or best < most:
        goal.proto.domain[0] = tried
        status, solved = solve_led(tables, quantity, sign * weight * scale * tried, effort)
        if status in FOUND:
            best, solution = int(solved.value(goal)), read_off(tables, solved)
        elif status == cp_model.INFEASIBLE and best is not None:
            most = tried - 1
        else:
            value = None if best is None else sign * weight * scale * best
            return value, best is None and status == cp_model.INFEASIBLE, solution
        tried = best + 1 + (most - best) // 2 if most > best else most
    return sign * weight * scale * best, True, solution


def solve_led(tables: Tables, quantity: Quantity, value: Fraction, effort: Effort, plain: bool = False):
    """Solve; where that takes long, deciding first how many of each kind have less than a value.

    What is printed of single kinds hangs together by that alone.
    """
    status, solved = solve(tables.model, effort, plain, WORK_UNLED)
    if status != cp_model.UNKNOWN or quantity.patients is not None or quantity.statistic in TOTALS:
        return status, solved
    axis, below = tables.part.axes[quantity.of], tables.below_by_kind(quantity.of, quantity.group)
    cell = int(np.searchsorted(axis.highs, float(value / axis.variable.step)))
    cells = [place for place in (cell - 1, cell - 2, cell) if 0 <= place < len(axis)]
    first = [sizes[place] for place in cells for sizes in below]
    tables.model.proto.search_strategy.clear()
    tables.model.add_decision_strategy(first, cp_model.CHOOSE_FIRST, cp_model.SELECT_MEDIAN_VALUE)
    found = solve(tables.model, effort, plain)
    tables.model.proto.search_strategy.clear()
    return found


def _range(tables: Tables, size, effort: Effort) -> range | None:
    """Return the numbers, from 1 up, between which a group's size lies."""
    ends = []
    for sign in (1, -1):
        tables.model.minimize(sign * size)
        status, solved = solve(tables.model, effort)
        if status != cp_model.OPTIMAL:
            return None
        ends.append(int(solved.value(size)))
    tables.model.clear_objective()
    return range(max(1, ends[0]), ends[1] + 1)


def linear(tables: Tables, quantity: Quantity, sign: int):
    """Return a quantity as a linear expression, its multiplier, and the size it is divided by.

    A value within a cell is taken for the cell's last, if `sign` says that it is to be large, or first.
    """
    group = tables.size(quantity.group)
    match quantity.statistic:
        case "count":
            return tables.size(quantity.counted), Fraction(1), None
        case "percent":
            return tables.size(quantity.counted), Fraction(100), group
    axis = tables.part.axes.get(quantity.of)
    step = axis.variable.step if axis else Fraction(1)
    if quantity.statistic in TOTALS:
        return tables.total(quantity), step, group if quantity.statistic == "mean" else None
    tables.demand(group, 1, None)
    values = (axis.highs if sign > 0 else axis.lows).tolist()
    if quantity.statistic == "median":
        lower, upper = tables.middle(quantity.of, quantity.group)
        return place(values, lower) + place(values, upper), step / 2, None
    ends = (1, 0, 1) if quantity.statistic == "min" else (1, 1, 0)
    return place(values, tables.reached(quantity.of, quantity.group, *ends)), step, None
