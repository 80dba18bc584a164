"""The denial of a printed number: the tables of patients in which it is another than printed."""

import math
from collections.abc import Sequence

import numpy as np

from crmo_analysis.joint.axes import TOTALS, UNLIMITED, window
from crmo_analysis.joint.model import Tables, share, total
from crmo_analysis.joint.statements import Statement
from crmo_analysis.study import Claim, entailment, rounding


def deny(tables: Tables, statement: Statement):
    """Add what it takes that a statement does not hold, and return the literal that demands it.

    Claims of one statement say the same, so one of them is denied, a count if there is one. Where the cells
    of a variable are coarse, more tables than there are deny its median.

    Parameters
    ----------
    tables : Tables
    statement : Statement
    """
    claim = min(statement.claims, key=lambda claim: claim.statistic != "count")
    no = tables.model.new_bool_var("")
    match claim.statistic:
        case "rank":
            own = tables.size(entailment.conjunction(claim.patients, claim.group))
            _either(tables, no, [(tables.size(rival) - own, 1, None) for rival in statement.rivals])
        case "count" | "percent" | "fraction":
            _outside(tables, no, share(tables, claim))
        case statistic if statistic in TOTALS:
            _outside(tables, no, total(tables, claim))
        case "sd":
            _outside(tables, no, tables.spread(claim))
        case "median":
            _other_median(tables, no, claim)
        case _:
            _other_end(tables, no, claim)
    if claim.statistic not in ("count", "sum", "rank"):  # of nobody there is no mean, nor another
        tables.demand(tables.size(claim.group), 2 if claim.statistic == "sd" else 1, None, no)
    return no


def _either(tables: Tables, no, ways: Sequence[tuple]) -> None:
    """Let one of some expressions lie between its ends."""
    chosen = [tables.model.new_bool_var("") for _ in ways]
    for literal, (expression, low, high) in zip(chosen, ways, strict=True):
        tables.demand(expression, low, high, literal)
    tables.model.add_bool_or([*chosen, no.negated()])


def _outside(tables: Tables, no, between: tuple) -> None:
    above, below, low, high, is_open = between
    ways = []
    if low is not None:
        ways.append((low.denominator * above - low.numerator * below, None, int(is_open) - 1))
    if high is not None:
        ways.append((high.denominator * above - high.numerator * below, 1 - int(is_open), None))
    _either(tables, no, ways)


def _other_end(tables: Tables, no, claim: Claim) -> None:
    """Let somebody be beyond a smallest, largest or common value, or nobody there."""
    low, high = window(claim, tables.part.axes[claim.of].variable.step)
    size, inside = tables.size(claim.group), tables.between(claim.of, claim.group, low, high)
    below = tables.between(claim.of, claim.group, -UNLIMITED, low - 1)
    ways = [(inside, 0, 0)]
    if claim.statistic in ("min", "value"):
        ways.append((below, 1, None))
    if claim.statistic in ("max", "value"):
        ways.append((size - below - inside, 1, None))
    _either(tables, no, ways)


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
