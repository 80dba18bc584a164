"""How small or large a number can be that a study did not print: its bounds over all tables that fit."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cache, partial, reduce
from itertools import chain

import numpy as np
import pandas as pd
from ortools.sat.python import cp_model

from crmo_analysis.files import InputError, TooLargeError
from crmo_analysis.joint.axes import TOTALS
from crmo_analysis.joint.drawing import Solved, read_off
from crmo_analysis.joint.extremes import extreme, linear, solve_led
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

SECONDS_FOR_A_SECOND_PROOF = 20  # at least
PIECES = 8  # that a cell is cut in where an answer lies in it that no table attains


@dataclass(frozen=True)
class End:
    """One end of an interval: its value, whether no table can go beyond, and a table that attains it.

    `is_found` says that a table with the value was found; if none was, it is one that no table goes beyond.
    """

    value: Fraction | None
    is_proved: bool
    table: pd.DataFrame | None
    is_found: bool = True

    def told(self, is_lower: bool, text: str) -> str:
        """Say what is known of it: a value that was found and not proved limits nothing."""
        if self.value is None:
            return f"{'at least' if is_lower else 'at most'} not found"
        if self.is_found and not self.is_proved:
            return f"{text} or {'less' if is_lower else 'more'} (not proved)"
        known = "proved" if self.is_proved else "no table with it was found"
        return f"{'at least' if is_lower else 'at most'} {text} ({known})"


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
    ends = _divided(fitted, asked)
    lower, upper = (ends(sign, Effort(seconds), witnesses) for sign in (-1, 1))
    if lower.value is None and upper.value is None and lower.is_proved and upper.is_proved:
        raise InputError(f"in no table that fits is there anybody of whom '{text}' is asked")
    effort = Effort(seconds)
    depends = any(
        ends(sign, effort).value != end.value
        for ends in (_divided(other, asked) for other in _instead(fitted, asked))
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


def _closer(quantity: Quantity, found: Mapping[Plan, Solved]) -> Quantity:
    """Ask again with the cells cut in pieces that a smallest, middle or largest value was found in."""
    if quantity.patients is not None or quantity.statistic in TOTALS:
        return quantity
    solved = next(solved for plan, solved in found.items() if quantity in plan.asked)
    part, bag = solved.plan.part, solved.plan.part.bag_of(names_of(quantity, solved.plan.part.axes))
    counts = np.where(part.mask(quantity.group, bag), solved.counts[bag], 0)
    cells, axis = np.sort(np.repeat(part.bags[bag].place(quantity.of), counts)), part.axes[quantity.of]
    last = len(cells) - 1
    places = {"min": {0}, "max": {last}}.get(quantity.statistic, {last // 2, len(cells) // 2})
    cuts = set(quantity.cuts)
    for cell in cells[[*places]]:
        if axis.lows[cell] < axis.highs[cell]:
            cuts |= set(np.linspace(axis.lows[cell], axis.highs[cell] + 1, PIECES + 1).astype(int).tolist())
    return replace(quantity, cuts=frozenset(cuts))


def _divided(fitted: Fit, quantities: Sequence[Quantity]) -> Callable[..., End]:
    """Return what finds an end, so that a study is divided once for both."""
    return partial(_end, fitted, quantities, cache(partial(plans_of, fitted)))


def _end(
    fitted: Fit,
    quantities: Sequence[Quantity],
    divided: Callable[..., list[Plan]],
    sign: int,
    effort: Effort,
    is_whole: bool = False,
) -> End:
    """Find one end, check it on a table that attains it, and prove it a second time.

    The table has what is tied to the question, and all that the study reports if it is to be `is_whole`.
    """
    outer, n, asked = None, fitted.n, list(quantities)
    names = frozenset().union(*(names_of(quantity, fitted.view.codebook) for quantity in quantities))
    toward = [(q, sign if place == 0 else -sign) for place, q in enumerate(quantities)]
    fineness = [None, False, True]  # with which values of a printed median are told apart
    while fineness:
        try:
            plans = divided(tuple(asked), fineness[0])
        except TooLargeError:
            break
        value, is_proved, found = _best(plans, n, asked, sign, effort)
        if value is None:
            return End(None, True, None) if is_proved else End(outer, False, None, is_found=False)
        outer, own = value if is_proved else outer, list(found)
        near_by = replace(fitted, kept=tuple(s for plan in own for s in plan.statements))
        for solved in _attaining(found, n, asked, sign, value, effort):
            table = write_out(near_by, solved, np.random.default_rng(0), names, toward)
            if not broken(near_by, table) and _value(quantities, table) == value:
                _check_limits(fitted, own, toward, table)
                again = effort.or_more(SECONDS_FOR_A_SECOND_PROOF)
                is_proved = is_proved and _none_beyond(own, n, asked, sign, value, again)
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
        closer = [_closer(quantity, found) for quantity in asked]
        asked, fineness = closer, fineness[closer == asked :]
    return End(outer, False, None, is_found=False)


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
    return solve_led(tables, quantities[0], value, effort, plain=True)[0] == cp_model.INFEASIBLE


def _apart(tables: Tables, quantity: Quantity, sign: int, value: Fraction):
    """Return what is as much above or below 0 as a quantity is above or below a value."""
    above, scale, size = linear(tables, quantity, sign)
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
    read = reproduction.Rows(table)
    values = [reproduction.value_of(quantity, read) for quantity in quantities]
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
