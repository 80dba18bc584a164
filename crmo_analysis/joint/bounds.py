"""How small or large a number can be that a study did not print: its bounds over all tables that fit."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import reduce
from itertools import chain, product

import numpy as np
import pandas as pd
from ortools.sat.python import cp_model

from crmo_analysis.files import InputError, TooLargeError
from crmo_analysis.joint.axes import TOTALS
from crmo_analysis.joint.drawing import Solved, read_off
from crmo_analysis.joint.fitting import Fit
from crmo_analysis.joint.kept import remembered
from crmo_analysis.joint.model import Tables, fitting_tables
from crmo_analysis.joint.numbers import of_everyone
from crmo_analysis.joint.questions import parse_question
from crmo_analysis.joint.reconstruction import broken, plans_of
from crmo_analysis.joint.solving import FOUND, Effort, solve
from crmo_analysis.joint.statements import Plan, Quantity, divide, names_of, reported
from crmo_analysis.joint.witnesses import any_table
from crmo_analysis.joint.writing import write_out
from crmo_analysis.study import entailment, expressions, reproduction


@dataclass(frozen=True)
class End:
    """One end of an interval: its value, whether no table can go beyond, and a table that attains it."""

    value: Fraction | None
    is_proved: bool
    table: pd.DataFrame | None


@dataclass(frozen=True)
class Bounds:
    """The smallest and the largest value of a number over all tables that fit.

    `depends` says that the interval would be another if others of the claims in conflict were given up.
    """

    expression: str
    lower: End
    upper: End
    fitted: Fit = field(compare=False)
    depends: bool

    @property
    def is_proved(self) -> bool:
        """Whether both ends are."""
        return self.lower.is_proved and self.upper.is_proved


def find_bounds(fitted: Fit, text: str, seconds: float = 60, witnesses: bool = True) -> Bounds:
    """Find the smallest and the largest value over all tables that fit, for all patients who are asked about.

    What a study reports of some patients only may be anything of the others (see `told_of_some`).

    Parameters
    ----------
    fitted : Fit
    text : str
        See `parse_question`.
    seconds : float
        Effort allowed for each end, as long as that takes on an ordinary machine; an end on which it is spent
        is not proved.
    witnesses : bool
        Whether to write out, and check, a table of patients that attains each end.

    Raises
    ------
    InputError
        If the text is no question, or about patients of whom there are none in any table that fits.
    """
    return replace(_searched(fitted, text, seconds, witnesses), fitted=fitted)


@remembered("bounds")
def _searched(fitted: Fit, text: str, seconds: float, witnesses: bool) -> Bounds:
    asked = parse_question(text, fitted.view.codebook)
    lower, upper = (_end(fitted, asked, sign, Effort(seconds), witnesses) for sign in (-1, 1))
    if lower.value is None and upper.value is None and lower.is_proved and upper.is_proved:
        raise InputError(f"in no table that fits is there anybody of whom '{text}' is asked")
    effort = Effort(seconds)
    depends = any(
        _end(other, asked, sign, effort).value != end.value
        for other in _instead(fitted, asked)
        for sign, end in ((-1, lower), (1, upper))
    )
    return Bounds(text, lower, upper, fitted, depends)


def _instead(fitted: Fit, asked: Sequence[Quantity]) -> list[Fit]:
    """Return the fits that give up other claims that are tied to the question."""
    if not fitted.others:
        return []
    stated = [s for s in (*fitted.kept, *fitted.given_up) if not of_everyone(s)]
    near_by = {s for plan in divide(stated, fitted.view, asked) if plan.asked for s in plan.statements}
    return [
        replace(fitted, kept=tuple(s for s in stated if s not in given_up))
        for given_up in fitted.others
        if set(given_up) ^ set(fitted.given_up) <= near_by
    ]


def told_of_some(found: Bounds) -> dict[str, expressions.Expression]:
    """Return, for each variable of a question that is reported of some patients only, of whom that is.

    Its bounds are over all patients, with any value for the others; empty if those asked about are among the
    some.
    """
    view, told = found.fitted.view, {}
    for quantity in parse_question(found.expression, view.codebook):
        asked = quantity.counted if quantity.patients is not None else quantity.group
        groups = {name: reduce(expressions.Or, groups) for name, groups in reported(view).items()}
        groups = {name: groups[name] for name in sorted(names_of(quantity, view.codebook) & groups.keys())}
        meaning = entailment.Meaning(
            view.codebook, [rule for rule, _ in view.study.rules], [asked, *groups.values()]
        )
        told |= {name: group for name, group in groups.items() if not meaning.entails(asked, group)}
    return told


def _narrowed(fitted: Fit, quantity: Quantity, effort: Effort) -> Quantity:
    """Ask only about values that somebody can have."""
    if quantity.patients is not None or quantity.statistic in TOTALS:
        return quantity
    ends = []
    for statistic, sign in (("min", -1), ("max", 1)):
        asked = replace(quantity, statistic=statistic)
        [plan] = [plan for plan in plans_of(fitted, [asked]) if plan.asked]
        axis = plan.part.axes[quantity.of]
        value, is_proved, _ = extreme(plan, fitted.n, {asked: 1}, sign, effort)
        far = axis.lows[0] if sign < 0 else axis.highs[-1]
        ends.append(int(value / axis.variable.step if is_proved and value is not None else far))
    return replace(quantity, within=tuple(ends))


def _finer(fitted: Fit, quantities: Sequence[Quantity], effort: Effort) -> Iterator[tuple[list, Sequence]]:
    """Yield the parts, and what is asked of them, with more and more values told apart.

    First where claims tell them apart, then those that somebody can have of whom is asked, then those of
    every variable with a printed median.
    """
    asked = quantities
    for fine in (None, False, True):
        if fine is False:
            asked = [_narrowed(fitted, quantity, effort) for quantity in quantities]
        try:
            yield plans_of(fitted, asked, fine), asked
        except TooLargeError:
            return


def _end(
    fitted: Fit, quantities: Sequence[Quantity], sign: int, effort: Effort, is_whole: bool = False
) -> End:
    """Find one end, check it on a table that attains it, and prove it a second time.

    The table has what is tied to the question, and all that the study reports if it is to be `is_whole`.
    """
    outer, n = None, fitted.n
    names = frozenset().union(*(names_of(quantity, fitted.view.codebook) for quantity in quantities))
    toward = [(q, sign if place == 0 else -sign) for place, q in enumerate(quantities)]
    for plans, asked in _finer(fitted, quantities, effort):
        value, is_proved, found = _best(plans, n, asked, sign, effort)
        if value is None:
            return End(None if is_proved else outer, is_proved, None)
        outer, own = value, list(found)
        near_by = replace(fitted, kept=tuple(s for plan in own for s in plan.statements))
        for solved in _attaining(found, n, asked, sign, value, effort):
            table = write_out(near_by, solved, np.random.default_rng(0), names, toward)
            if not broken(near_by, table) and _value(quantities, table) == value:
                _check_limits(fitted, own, toward, table)
                is_proved = is_proved and _none_beyond(own, n, asked, sign, value, effort)
                rest = [[]] if is_whole else [None]
                rest += [
                    any_table(plan, fitted.view, n, Effort(30))
                    for plan in plans
                    if plan not in own and is_whole
                ]
                table = None
                if None not in rest:
                    every = [*solved, *chain(*rest)]
                    table = write_out(fitted, every, np.random.default_rng(0), names, toward)
                return End(value, is_proved, table)
    return End(outer, False, None)


def _attaining(found: Mapping[Plan, Solved], n: int, quantities, sign: int, value, effort: Effort):
    """Yield solutions that give a value: as they were found, and with SDs multiplied out.

    Of the latter only one quantity is looked for.
    """
    yield list(found.values())
    plan = next(iter(found))
    if len(quantities) > 1 or not any(claim.statistic == "sd" for claim in plan.claims):
        return
    tables = fitting_tables(plan, n, exact=True)
    tables.demand(_apart(tables, quantities[0], sign, value), 0, 0)
    status, solved = solve(tables.model, effort)
    if status in FOUND:
        yield [read_off(tables, solved)]


def _none_beyond(plans: Sequence[Plan], n: int, quantities, sign: int, value, effort: Effort) -> bool:
    """Prove a second time, searching another way, that no table goes beyond a value."""
    if len(quantities) > 1:
        again, is_proved, _ = _best(plans, n, quantities, sign, effort, plain=True)
        return is_proved and again == value
    tables = fitting_tables(plans[0], n)
    tables.demand(sign * _apart(tables, quantities[0], sign, value), 1, None)
    return solve(tables.model, effort, plain=True)[0] == cp_model.INFEASIBLE


def _apart(tables: Tables, quantity: Quantity, sign: int, value: Fraction):
    """Return what is as much above or below 0 as a quantity is above or below a value."""
    above, scale, size = _term(tables, quantity, sign)
    wanted = value / scale
    if size is not None:
        tables.demand(size, 1, None)
    return wanted.denominator * above - wanted.numerator * (1 if size is None else size)


def _check_limits(fitted: Fit, plans: Sequence[Plan], toward, table: pd.DataFrame) -> None:
    """Refuse an end that is where it is because a variable without a limit had to be given one."""
    for quantity, sign in toward:
        variable = fitted.view.codebook.get(quantity.of)
        if quantity.patients is None and (variable.minimum if sign < 0 else variable.maximum) is None:
            axis, *_ = [plan.part.axes[quantity.of] for plan in plans if quantity.of in plan.part.axes]
            values, side = table[quantity.of], "maximum" if sign > 0 else "minimum"
            if (values.max() if sign > 0 else values.min()) == float(getattr(axis.variable, side)):
                raise InputError(
                    f"{quantity.of} has no {side} in the codebook, and nothing printed limits its "
                    f"{quantity.statistic}; give it a {side}"
                )


def _value(quantities: Sequence[Quantity], table: pd.DataFrame) -> Fraction | None:
    """Return what a table gives for a question."""
    values = [reproduction.value_of(quantity, table) for quantity in quantities]
    return None if None in values else values[0] - sum(values[1:])


def _best(
    plans: Sequence[Plan],
    n: int,
    quantities: Sequence[Quantity],
    sign: int,
    effort: Effort,
    plain: bool = False,
):
    """Return the best value of a question, whether it is proved, and the solution of each part."""
    value, is_proved, found, left = Fraction(0), True, {}, list(enumerate(quantities))
    for plan in plans:  # parts share no variable, so what is asked of two of them is best where each is best
        weights: dict[Quantity, int] = {}
        for place, quantity in [pair for pair in left if pair[1] in plan.asked]:
            weights[quantity] = weights.get(quantity, 0) + (-1 if place else 1)
            left.remove((place, quantity))
        if weights:
            best, proved, found[plan] = extreme(plan, n, weights, sign, effort, plain)
            if best is None:
                return None, proved, {}
            value, is_proved = value + best, is_proved and proved
    return value, is_proved, found


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
    terms = [(weight, *_term(tables, quantity, sign * weight)) for quantity, weight in weights.items()]
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
        for place, number in size.items():
            domain = tables.model.proto.variables[place].domain
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
        status, solved = solve(tables.model, effort)
        if status in FOUND:
            best, solution = int(solved.value(goal)), read_off(tables, solved)
        elif status == cp_model.INFEASIBLE and best is not None:
            most = tried - 1
        else:
            value = None if best is None else sign * weight * scale * best
            return value, best is None and status == cp_model.INFEASIBLE, solution
        tried = best + 1 + (most - best) // 2 if most > best else most
    return sign * weight * scale * best, True, solution


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


def _term(tables: Tables, quantity: Quantity, sign: int):
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
        return _place(values, lower) + _place(values, upper), step / 2, None
    ends = (1, 0, 1) if quantity.statistic == "min" else (1, 1, 0)
    return _place(values, tables.reached(quantity.of, quantity.group, *ends)), step, None


def _place(values: Sequence[int], reached: Sequence):
    """Return the value of the first cell that is reached."""
    gaps = np.diff(values).tolist()
    return values[0] + sum(gap * (1 - literal) for gap, literal in zip(gaps, reached[:-1], strict=True))
