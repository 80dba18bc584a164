"""The denial of a printed number: the tables of patients in which it is another than printed."""

import math
from collections.abc import Collection

import numpy as np

from crmo_analysis.joint.model import Tables, fewest
from crmo_analysis.joint.statements import Plan, Statement
from crmo_analysis.study import Claim, rounding


def deny(tables: Tables, statement: Statement):
    """Add what it takes that a statement does not hold, and return the literal that demands it.

    Claims of one statement say the same, so one of them is denied, a count if there is one. Where the cells
    of a variable are coarse, more tables than there are deny its median.
    """
    claim = min(statement.claims, key=lambda claim: claim.statistic != "count")
    no = tables.model.new_bool_var("")
    if claim.statistic == "median":
        _other_median(tables, no, claim)
    else:
        ways = []
        for expression, low, high in tables.conditions(claim, statement.rivals):
            ways += [(expression, None, low - 1)] if low is not None else []
            ways += [(expression, high + 1, None)] if high is not None else []
        chosen = [tables.model.new_bool_var("") for _ in ways]
        for literal, way in zip(chosen, ways, strict=True):
            tables.demand(*way, literal)
        tables.model.add_bool_or([*chosen, no.negated()])
    if fewest(claim):
        tables.demand(tables.size(claim.group), fewest(claim), None, no)
    return no


def tables_without(
    plan: Plan, n: int | tuple[int, int], chosen: Collection[Statement], denied: Statement | None
) -> Tables:
    """Return the tables of a part in which some statements hold and one may be denied; others are free."""
    tables = Tables(plan, n)
    for statement in plan.statements:  # in the order of the study: a set has one of its own in every run
        if statement in chosen:
            tables.require(statement)
    if denied is not None:
        tables.model.add_bool_or([deny(tables, denied)])
    return tables


def _other_median(tables: Tables, no, claim: Claim) -> None:
    """Let the two middle values meet below or above what the median is printed from."""
    axis = tables.part.axes[claim.of]
    first, last = (end / axis.variable.step for end in rounding.interval(claim.number))
    least, most = math.floor(2 * first) + 1, math.ceil(2 * last) - 1
    lower, upper = tables.middle(claim.of, claim.group)
    under, over = tables.model.new_bool_var(""), tables.model.new_bool_var("")
    for cell in range(len(axis)):
        before = [lower[cell - 1]] if cell else []
        fits = np.flatnonzero(axis.lows + axis.lows[cell] < least)
        tables.model.add_bool_or([*before, *([upper[fits[-1]]] if len(fits) else []), under.negated()])
        fits = np.flatnonzero(axis.highs + axis.highs[cell] > most)
        after = [upper[fits[0] - 1].negated()] if len(fits) and fits[0] else []
        if after or not len(fits):
            tables.model.add_bool_or([lower[cell].negated(), *after, over.negated()])
    tables.model.add_bool_or([under, over, no.negated()])
