"""Tables of patients that show that statements can stand together.

Where not all values are told apart, a solution of the model may be of no table: by middle values in coarse
cells, sums of ages and of the times between them, SDs. So a table is written out, and is checked.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np

from crmo_analysis.joint.denial import tables_without
from crmo_analysis.joint.drawing import Solved, read_off
from crmo_analysis.joint.fits import Fit
from crmo_analysis.joint.model import ORDER, are_in_order, fewest
from crmo_analysis.joint.pieces import joined, pieces
from crmo_analysis.joint.reconstruction import broken
from crmo_analysis.joint.solving import FOUND, Effort, solve
from crmo_analysis.joint.statements import Plan, Statement
from crmo_analysis.joint.writing import write_out
from crmo_analysis.recompute import View

SECONDS = 10  # of effort at most for one way to look for a table


def is_shown(
    plan: Plan,
    kept: Sequence[Statement],
    view: View,
    n: int | tuple[int, int],
    effort: Effort,
    denied: Statement | None = None,
    is_soon: bool = False,
) -> bool:
    """Say whether statements of a part hold, and one perhaps not, in some table that was found.

    `is_soon` leaves it at what takes no solver long: moving values.
    """
    plan = replace(plan, statements=(*kept, *filter(None, [denied])))
    is_slow = plan.times or any(c.statistic == "sd" for c in plan.claims)
    if is_slow and _is_moved(plan, view, n, effort, denied):
        return True
    if is_soon:
        return False
    if not denied and not is_slow and not any(c.statistic == "median" for c in plan.claims):
        return True  # then every solution is a table
    return any_table(plan, view, n, effort, denied) is not None


def _is_moved(plan: Plan, view: View, n, effort: Effort, denied: Statement | None) -> bool:
    """Say whether values that are moved within some table of what is counted give what else is printed."""
    numbers = [s for s in plan.statements if s.claims[0].patients is None]
    counts = tuple(s for s in plan.statements if s not in numbers)
    ordered = [c for s in numbers if s is not denied for c in s.claims if c.statistic in ORDER]
    pairs = ((one, other) for one, other in combinations(ordered, 2) if one.of == other.of)
    if not numbers or not all(are_in_order(plan.part, *pair) for pair in pairs):
        return False
    plain = replace(plan, statements=counts, added_up={}, times=(), ties_middles=False)
    tables = tables_without(plain, n, {*counts} - {denied}, denied if denied in counts else None)
    for claim in (c for s in numbers for c in s.claims):
        tables.demand(tables.size(claim.group), fewest(claim), None)
    status, found = solve(tables.model, effort.or_less(SECONDS))
    if status not in FOUND:
        return False
    near_by = Fit(view, {}, found.value(tables.n), plan.statements, (), ())
    solved, rng = replace(read_off(tables, found), plan=plan), np.random.default_rng(0)
    table = write_out(near_by, [solved], rng, moved=({*numbers}, denied))
    return set(broken(near_by, table)) == {*(denied.claim_ids if denied else ())}


def any_table(
    plan: Plan, view: View, n: int | tuple[int, int], effort: Effort, denied: Statement | None = None
) -> list[Solved] | None:
    """Return some table of a part, in which one statement may be denied; None if none was found."""
    found = []
    for piece in pieces(plan, n, view.codebook):
        found.append(_solved(piece, view, n, effort, denied))
        if found[-1] is None:
            return None
    return joined(found)


def _solved(
    plan: Plan, view: View, n: int | tuple[int, int], effort: Effort, denied: Statement | None
) -> Solved | None:
    denied = denied if denied in plan.statements else None
    for split in (None,) if _is_loose(plan) else (None, False, True):
        tables = tables_without(plan, n, {*plan.statements} - {denied}, denied, split=split, exact=True)
        status, found = solve(tables.model, effort.or_less(SECONDS))
        if status in FOUND:
            solved = read_off(tables, found)
            near_by = Fit(view, {}, found.value(tables.n), plan.statements, (), ())
            missed = broken(near_by, write_out(near_by, [solved], np.random.default_rng(0)))
            if set(missed) == {*(denied.claim_ids if denied else ())}:
                return solved
    return None


def _is_loose(plan: Plan) -> bool:
    """Say whether middle values lie in cells of several values that are added up: they are not met there."""
    axes = [plan.part.axes[c.of] for c in plan.claims if c.statistic == "median" and c.of in plan.added_up]
    return any((axis.highs > axis.lows).any() for axis in axes)
