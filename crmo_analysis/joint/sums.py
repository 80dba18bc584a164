"""Which sum of printed counts forces another one: linear programming, whose multipliers are the sum.

Over the patterns of patients the least and the most that can be counted beside some printed numbers; at
either end the multipliers of those numbers say how they add up to it (duality; Dantzig GB. Linear programming
and extensions. Princeton 1963, chapter 6).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from scipy.optimize import linprog

from crmo_analysis.joint.numbers import exact_number, of_everyone
from crmo_analysis.joint.statements import Plan, Quantity, Statement, divide, number_said
from crmo_analysis.recompute import View
from crmo_analysis.study import expressions

MOST_DIGITS = 6  # of a multiplier's denominator


@dataclass(frozen=True)
class Sum:
    """An end of what can be counted, and its terms: how often each number, the number, what prints it."""

    value: int
    terms: tuple[tuple[Fraction, int, Statement], ...]

    @property
    def text(self) -> str:
        """The sum in numbers."""
        shown = [
            f"{'-' if times < 0 else '+'} {number if abs(times) == 1 else f'{abs(times)} x {number}'}"
            for times, number, _ in self.terms
        ]
        return " ".join(shown).removeprefix("+ ")


def counted(statement: Statement, view: View) -> tuple[expressions.Expression, int] | None:
    """Return whom a statement counts and how many they are; None if it says no single number of patients."""
    if of_everyone(statement):
        number = exact_number(statement)
        return None if number is None else (expressions.Everyone(), number)
    claim = min(statement.claims, key=lambda claim: claim.statistic != "count")
    if claim.statistic not in ("count", "percent") or claim.number.relation != "=":
        return None
    number = number_said(claim, view)
    return None if number is None else (view.patients(claim), number)


def sums(target: Statement, members: Sequence[Statement], view: View) -> tuple[Sum | None, Sum | None]:
    """Return the sums that give the least and the most that a count can be beside others.

    None for an end that no sum of counts gives.
    """
    asked, given = counted(target, view), [counted(s, view) for s in members]
    if asked is None or None in given:
        return None, None
    question = Quantity("count", "", asked[0], expressions.Everyone())
    plan = next(p for p in divide([s for s in members if not of_everyone(s)], view, [question]) if p.asked)
    rows, ends = _ties(plan), []
    names = plan.part.names
    used = [(s, k, tree) for s, (tree, k) in zip(members, given, strict=True)
            if expressions.variables(tree) <= names]  # fmt: skip
    matrix = np.vstack([*rows, *(_row(plan, tree) for _, _, tree in used)])
    values = np.concatenate([np.zeros(len(rows)), [k for _, k, _ in used]])
    for sign in (1, -1):
        solved = linprog(sign * _row(plan, asked[0]), A_eq=matrix, b_eq=values, method="highs")
        ends.append(_read(solved, sign, used, len(rows)))
    return ends[0], ends[1]


def _ties(plan: Plan) -> list[np.ndarray]:
    """Return the rows by which bags agree on how many patients there are of each kind."""
    bags, rows = plan.part.bags, []
    starts = np.cumsum([0, *(bag.size for bag in bags)])
    for child in range(1, len(bags)):
        for here, there in plan.part.agreements(child):
            rows.append(np.zeros(starts[-1]))
            rows[-1][starts[child] + here] += 1
            rows[-1][starts[bags[child].parent or 0] + there] -= 1
    return rows


def _row(plan: Plan, tree: expressions.Expression) -> np.ndarray:
    """Return the row that counts the patients of an expression."""
    bags = plan.part.bags
    place = plan.part.bag_of(expressions.variables(tree))
    starts = np.cumsum([0, *(bag.size for bag in bags)])
    row = np.zeros(starts[-1])
    row[starts[place] : starts[place + 1]] = plan.part.mask(tree, place)
    return row


def _read(solved, sign: int, used, n_rows: int) -> Sum | None:
    """Return the sum that the multipliers of a solution say, if they say one exactly."""
    if solved.status != 0:
        return None
    times = [
        Fraction(sign * float(y)).limit_denominator(MOST_DIGITS) for y in solved.eqlin.marginals[n_rows:]
    ]
    value = sum((t * k for t, (_, k, _) in zip(times, used, strict=True)), Fraction(0))
    if value.denominator != 1 or abs(float(value) - sign * solved.fun) > 1e-6:
        return None
    terms = [(t, k, s) for t, (s, k, _) in zip(times, used, strict=True) if t]
    return Sum(int(value), tuple(sorted(terms, key=lambda term: (term[0] < 0, -abs(term[0]) * term[1]))))
