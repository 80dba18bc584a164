"""Whether what is printed leaves one table of patients only: then it describes single patients."""

from collections.abc import Sequence

import numpy as np

from crmo_analysis.files import UnfinishedError
from crmo_analysis.joint.drawing import Solved, read_off
from crmo_analysis.joint.fitting import Fit
from crmo_analysis.joint.model import Tables, fitting_tables
from crmo_analysis.joint.numbers import of_everyone
from crmo_analysis.joint.patterns import codes, shared
from crmo_analysis.joint.solving import FOUND, Effort, is_possible, solve
from crmo_analysis.joint.statements import Plan, divide, reported
from crmo_analysis.study import expressions


def is_only_table(fitted: Fit, seconds: float = 60) -> bool:
    """Say whether the printed numbers leave one table of patients only, up to the order of its rows.

    Then they describe single patients, whoever reads them.

    Raises
    ------
    UnfinishedError
        If the effort is spent before.
    """
    effort, several = Effort(seconds), 0
    plans = divide([s for s in fitted.kept if not of_everyone(s)], fitted.view)
    if not any(plan.part.bags for plan in plans):
        return False  # nothing is printed of single patients
    for plan in plans:
        tables = fitting_tables(plan, fitted.n)
        shown = [_shown(plan, place, reported(fitted.view)) for place in range(len(plan.part.bags))]
        status, first = solve(tables.model, effort)
        if status not in FOUND:
            raise UnfinishedError("no table of patients was found within the effort allowed")
        solved = read_off(tables, first)
        if _has_room(solved, shown) or _has_another(tables, solved, shown, effort):
            return False
        several += any(
            len({keys[i] for i in np.flatnonzero(counts)}) > 1
            for keys, counts in zip(shown, solved.counts, strict=True)
        )
    return several <= 1  # rows of two parts with different rows each can be matched in several ways


def _shown(plan: Plan, place: int, known: dict) -> list[tuple]:
    """Return what a table shows of each pattern of a bag.

    Cells, but none where the study does not report one.
    """
    part, bag = plan.part, plan.part.bags[place]
    cells = bag.places.T.tolist()
    for column, name in enumerate(bag.names):
        groups = known.get(name, ())
        if groups and all(expressions.variables(group) <= set(bag.names) for group in groups):
            for row in np.flatnonzero(~np.any([part.mask(group, place) for group in groups], axis=0)):
                cells[row][column] = -1
    return [tuple(row) for row in cells]


def _has_room(solved: Solved, shown: Sequence[list[tuple]]) -> bool:
    """Say whether a value can be chosen, or rows of two bags be matched, in several ways."""
    part = solved.plan.part
    for place, (bag, counts) in enumerate(zip(part.bags, solved.counts, strict=True)):
        used = np.flatnonzero(counts)
        for column, name in enumerate(bag.names):
            axis = part.axes[name]
            wide = axis.variable.is_numeric & (axis.highs > axis.lows)
            if any(wide[cell] for row in used if (cell := shown[place][row][column]) >= 0):
                return True
        if place:
            names, parent = shared(part.bags, place), bag.parent or 0
            above, here = codes(part.bags[parent], names, part.axes), codes(bag, names, part.axes)
            rows = np.flatnonzero(solved.counts[parent])
            for code in np.unique(here[used]):
                one = {shown[place][row] for row in used if here[row] == code}
                other = {shown[parent][row] for row in rows if above[row] == code}
                if len(one) > 1 and len(other) > 1:
                    return True
    return False


def _has_another(tables: Tables, solved: Solved, shown: Sequence[list[tuple]], effort: Effort) -> bool:
    """Say whether other counts of what is shown satisfy all statements too."""
    others = []
    for counts, found, keys in zip(tables.counts, solved.counts, shown, strict=True):
        for key in dict.fromkeys(keys):
            rows = [row for row, shown_key in enumerate(keys) if shown_key == key]
            size, other = sum(counts[row] for row in rows), int(found[rows].sum())
            for less in (True, False):
                literal = tables.model.new_bool_var("")
                tables.model.add(size <= other - 1 if less else size >= other + 1).only_enforce_if(literal)
                others.append(literal)
    tables.model.add_bool_or(others)
    return is_possible(tables.model, effort)
