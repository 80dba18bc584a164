"""Counts of patients that satisfy all statements of a part, as near as can be to patients as they are.

Patients are drawn at random first; then the counts nearest to theirs are sought that give what is printed.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ortools.sat.python import cp_model

from crmo_analysis.files import UnfinishedError
from crmo_analysis.joint.axes import TOTALS, UNLIMITED, window
from crmo_analysis.joint.fits import Fit
from crmo_analysis.joint.model import Tables, fitting_tables
from crmo_analysis.joint.patterns import Bag, codes, shared
from crmo_analysis.joint.solving import FOUND, Effort, solve
from crmo_analysis.joint.statements import ENDS, Plan
from crmo_analysis.study import Claim, expressions

PRINTED = 20  # times a patient more than were drawn: what a tenth of a printed digit counts for
EFFORT = 2.0  # the solver's own unit of work, so that the same table is found on a slower machine


@dataclass(frozen=True)
class Solved:
    """Counts of patterns of a part: for each bag, and the sums of variables that are added up in one."""

    plan: Plan
    counts: tuple[np.ndarray, ...]
    sums: dict[str, tuple[int, np.ndarray]]


def near(
    fitted: Fit, plan: Plan, rng: np.random.Generator, effort: Effort, fine: bool, unprinted: set[Plan]
) -> Solved | None:
    """Return counts that satisfy all statements of a part, near those of patients drawn at random.

    What they give is as near as can be to what is printed, also for claims that are given up. Parts of which
    no table rounds to all that is printed are remembered among the `unprinted`.
    """
    drawn = _draw(plan, fitted.n, rng)
    printed = [claim for claim in plan.claims if _is_wished(claim)]
    given_up = [claim for s in fitted.given_up for claim in s.claims]
    near_by = [claim for claim in given_up if _is_wished(claim) and _is_held(claim, plan)]
    # All as printed and near those drawn; all as printed; as much as can be so, near those drawn; any table.
    for is_printed, is_near in ((True, True), (True, False), (False, True), (False, False)):
        if is_printed and plan in unprinted:
            continue
        tables = fitting_tables(plan, fitted.n, split=fine, exact=True)
        if is_printed:
            _print_exactly(tables, printed)
        if is_near:
            _come_near(tables, drawn, near_by if is_printed else [*printed, *near_by])
        most = EFFORT if is_printed or is_near else None
        status, solved = solve(tables.model, effort, most=most)
        if status in FOUND:
            return read_off(tables, solved)
        if status == cp_model.INFEASIBLE and not is_printed:
            return None
        if status == cp_model.INFEASIBLE:
            unprinted.add(plan)
    raise UnfinishedError("no table of patients was found within the effort allowed")


def _print_exactly(tables: Tables, claims: Sequence[Claim]) -> None:
    """Let claims be given as they are printed, rounded half up."""
    for claim in claims:
        is_rounded = claim.statistic in ("mean", "percent")
        tables.model.add(tables.prefer(claim)[1] <= (5 * tables.size(claim.group) - 1 if is_rounded else 0))


def _come_near(tables: Tables, drawn: Sequence[np.ndarray], wished: Sequence[Claim]) -> None:
    """Let a table be as near as can be to patients who were drawn and to what claims print."""
    wishes = sum(weight * short for weight, short in map(tables.prefer, wished))
    tables.model.minimize(_beyond(tables, drawn) + PRINTED * wishes)


def _beyond(tables: Tables, drawn: Sequence[np.ndarray]):
    """Return how many more patients of each pattern there are than were drawn.

    No more than needed have exactly the smallest, the middle or the largest value that is printed.
    """
    beyond = []
    for bag, counts, numbers in zip(tables.part.bags, tables.counts, drawn, strict=True):
        for variable, number, weight in zip(counts, numbers, 1 + 4 * _printed(tables.plan, bag), strict=True):
            more = tables.number(tables.most)
            tables.model.add(more >= variable - int(number))
            beyond.append(int(weight) * more)
    return sum(beyond)


def _is_wished(claim: Claim) -> bool:
    return (
        claim.statistic not in ("rank", "fraction")
        and claim.number.relation == "="
        and claim.number.value is not None
    )


def _is_held(claim: Claim, plan: Plan) -> bool:
    """Say whether a part has all that a claim which is given up is about, so that tables can come near it."""
    of = frozenset([claim.of]) if claim.patients is None else expressions.variables(claim.patients)
    names = of | expressions.variables(claim.group)
    if claim.patients is None and not (
        claim.statistic in TOTALS and names <= plan.added_up.get(claim.of, frozenset())
    ):
        return False
    return any(names <= set(bag.names) for bag in plan.part.bags)


def read_off(tables: Tables, solved: cp_model.CpSolver) -> Solved:
    """Take the counts and sums of a solution: those sums that something was said of."""
    counts = tuple(np.array([solved.value(count) for count in bag], dtype=int) for bag in tables.counts)
    sums = {
        name: (bag, np.array([solved.value(total) for total in each]))
        for name, (bag, each) in tables.summed.items()
    }
    return Solved(tables.plan, counts, sums)


def _draw(plan: Plan, n: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Draw patients at random from what the rules and the printed ranges leave; count them by pattern."""
    part, drawn = plan.part, []
    for place, bag in enumerate(part.bags):
        keys = _usual(plan, place) - np.log(-np.log(rng.random((n, bag.size))))  # the largest: Gumbel 1954
        keys -= 100 * _printed(plan, bag) + 1000 * _out_of_range(plan, place)
        if bag.parent is not None:
            names = shared(part.bags, place)
            above = codes(part.bags[bag.parent], names, part.axes)[drawn[bag.parent]]
            keys -= 10000 * (codes(bag, names, part.axes)[None, :] != above[:, None])
        drawn.append(keys.argmax(axis=1))
    return [np.bincount(rows, minlength=bag.size) for rows, bag in zip(drawn, part.bags, strict=True)]


def _usual(plan: Plan, place: int) -> np.ndarray:
    """Return, for each pattern of a bag, the logarithm of how likely its numbers are beside its categories.

    Where a value is printed, each up to the next is as likely as another; where a mean and an SD are, the
    nearer to the mean of its groups, as of a normal distribution, the likelier.
    """
    part, bag = plan.part, plan.part.bags[place]
    printed, total = printed_values(plan), np.zeros(bag.size)
    for name in bag.names:
        lows, highs = part.ends(name, place)
        if printed.get(name):
            low, high = _range(plan, name)
            total += np.log(np.where((lows >= low) & (highs <= high), highs - lows + 1, 1).clip(1))
        apart = [
            np.where(part.mask(group, place), (((lows + highs) / 2 - mean) / sd) ** 2 / 2, np.nan)
            for group, mean, sd in _spreads(plan, name)
            if expressions.variables(group) <= set(bag.names)
        ]
        if apart:
            told = ~np.isnan(apart).all(axis=0)
            total[told] -= np.nanmean(np.array(apart)[:, told], axis=0)
    total = np.maximum(total - total.max(), -50)
    kinds = [name for name in bag.names if not part.axes[name].variable.is_numeric]
    kind = np.unique(codes(bag, kinds, part.axes), return_inverse=True)[1]
    return total - np.log(np.bincount(kind, np.exp(total))[kind])


def _range(plan: Plan, name: str) -> tuple[int, int]:
    """Return between what, in steps, all printed smallest and largest values of a variable lie."""
    step = plan.part.axes[name].variable.step
    found = [window(claim, step) for claim in plan.claims if claim.of == name and claim.statistic in ENDS]
    return (
        (min(low for low, _ in found), max(high for _, high in found)) if found else (-UNLIMITED, UNLIMITED)
    )


def _spreads(plan: Plan, name: str) -> list[tuple[expressions.Expression, float, float]]:
    """Return the groups of which a variable's mean and SD are printed, and both in steps."""
    step = plan.part.axes[name].variable.step
    numbers = {
        (claim.group, claim.statistic): float(claim.number.value / step)
        for claim in plan.claims
        if claim.of == name and claim.statistic in ("mean", "sd")
    }
    return [
        (group, numbers[group, "mean"], sd)
        for (group, statistic), sd in numbers.items()
        if statistic == "sd" and sd and (group, "mean") in numbers
    ]


def _printed(plan: Plan, bag: Bag) -> np.ndarray:
    """Count, for each pattern, the numbers in it that would be printed as one that is printed."""
    found, printed = np.zeros(bag.size), printed_values(plan)
    for name in bag.names:
        axis = plan.part.axes[name]
        for low, high in printed.get(name, ()):
            found += ((axis.lows >= low) & (axis.highs <= high))[bag.place(name)]
    return found


def _out_of_range(plan: Plan, place: int) -> np.ndarray:
    """Say of each pattern of a bag whether a printed range excludes it."""
    part, bag = plan.part, plan.part.bags[place]
    found = np.zeros(bag.size, dtype=bool)
    for claim in plan.claims:
        if claim.statistic in ENDS and {claim.of, *expressions.variables(claim.group)} <= set(bag.names):
            axis, cell = part.axes[claim.of], bag.place(claim.of)
            low, high = window(claim, axis.variable.step)
            below = (axis.highs < low)[cell] & (claim.statistic != "max")
            above = (axis.lows > high)[cell] & (claim.statistic != "min")
            found |= part.mask(claim.group, place) & (below | above)
    return found


def printed_values(plan: Plan) -> dict[str, dict[tuple[int, int], int]]:
    """Return, for each variable with printed values, the value to take in the cell of a printed one."""
    found: dict[str, dict[tuple[int, int], int]] = {}
    for claim in plan.claims:
        if claim.patients is None and claim.of in plan.part.axes:
            step = plan.part.axes[claim.of].variable.step
            value, ends = round(claim.number.value / step), window(claim, step)
            known = found.setdefault(claim.of, {})
            if claim.statistic not in (*TOTALS, "sd") and claim.number.relation == "=":
                known[ends] = value
    return found
