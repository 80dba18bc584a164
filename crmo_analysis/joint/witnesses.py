"""Tables of patients that show that statements can stand together.

Where not all values are told apart, a solution of the model may be of no table: by middle values in coarse
cells, sums of ages and of the times between them, SDs. So a table is written out, and is checked.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import product

import numpy as np

from crmo_analysis.joint.denial import deny
from crmo_analysis.joint.drawing import Solved, read_off
from crmo_analysis.joint.fits import Fit
from crmo_analysis.joint.model import Tables
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
) -> bool:
    """Say whether statements of a part hold, and one perhaps not, in some table that was found."""
    plan = replace(plan, statements=(*kept, *filter(None, [denied])))
    if not denied and not plan.times and not any(c.statistic in ("median", "sd") for c in plan.claims):
        return True  # then every solution is a table
    return any_table(plan, view, n, effort, denied) is not None


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
    kept = tuple(s for s in plan.statements if s is not denied)
    splits = (None,) if _is_loose(plan) else (None, False, True)
    for split, tight in product(splits, (True, False) if plan.times else (False,)):
        tables = Tables(plan, n, split=split, exact=True, tight=tight)
        for statement in kept:
            tables.require(statement)
        if len(kept) < len(plan.statements):
            tables.model.add_bool_or([deny(tables, denied)])
        status, found = solve(tables.model, effort.or_less(SECONDS))
        if status in FOUND:
            solved = read_off(tables, found)
            near_by = Fit(view, {}, found.value(tables.n), plan.statements, (), ())
            missed = broken(near_by, write_out(near_by, [solved], np.random.default_rng(0)))
            if set(missed) == ({*denied.claim_ids} if len(kept) < len(plan.statements) else set()):
                return solved
    return None


def _is_loose(plan: Plan) -> bool:
    """Say whether middle values lie in cells of several values that are added up: they are not met there."""
    axes = [plan.part.axes[c.of] for c in plan.claims if c.statistic == "median" and c.of in plan.added_up]
    return any((axis.highs > axis.lows).any() for axis in axes)
