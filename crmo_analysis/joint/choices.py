"""Which statements of a part to give up where not all can stand together.

The choices that keep the most statements: a number that is printed twice counts once. What is derived from
other numbers, as a percentage, goes before what it is derived from.

All are tried together first. Where that fails, a small set is found that cannot stand, then the cheapest
statements that take one from every such set are given up, and the rest is tried again, until it stands
(Moreno-Centeno E, Karp RM. Oper Res 2013;61:453-468). The first choice whose rest stands is the cheapest
there is: every set has to lose one.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TypeVar

from ortools.sat.python import cp_model

from crmo_analysis.files import TooLargeError, UnfinishedError
from crmo_analysis.joint.blocks import Blocks, can_stand, soft_tables
from crmo_analysis.joint.model import Tables
from crmo_analysis.joint.solving import Effort, Model, solve
from crmo_analysis.joint.spreads import not_sides
from crmo_analysis.joint.statements import Plan, Statement, divide, rules_of
from crmo_analysis.joint.witnesses import is_shown
from crmo_analysis.recompute import View

COUNTED = 12
# A mean and an SD go before one value; two percentages do not go before one count.
COSTS = {"percent": 8, "fraction": 8, "rank": 8, "mean": 5, "sd": 4}
MOST_SETS = 60  # that cannot stand, before the tables themselves are asked what to give up
SECONDS_TO_SHOW = 10
OTHER_CHOICES = 20  # so many other choices of what is given up are gone through


Made = TypeVar("Made")


def cost(statement: Statement) -> int:
    """Return what it costs to give a statement up: less for one that is derived from others."""
    return max(COSTS.get(claim.statistic, COUNTED) for claim in statement.claims)


def least_lost(
    make: Callable[[frozenset[str]], Made],
    lost: Callable[[Made], int],
    sets: Callable[[Made], Iterable[Sequence[Statement]]],
) -> Made:
    """Return what is made with all sections rounded as usual, or with some cut off if that loses less.

    Only sections of numbers in the `sets` that cannot stand together are tried, each alone and all together.
    """
    best, cut_off = make(frozenset()), frozenset()
    if lost(best) in (0, math.inf):
        return best
    odd = list(rules_of(s for members in sets(best) for s in members))
    for more in ([section] for section in odd) if len(odd) < 2 else (*([section] for section in odd), odd):
        with suppress(UnfinishedError):
            tried = make(cut_off.union(more))
            if lost(tried) < lost(best):
                best, cut_off = tried, cut_off.union(more)
    return best


def _suspected(tables: Tables, members: Sequence[Statement], effort: Effort) -> list[Statement]:
    """Return those of some statements that the solver needs to see that they cannot stand together."""
    given_up = [kept.negated() for s, kept in tables.kept.items() if s not in members]
    tables.model.add_assumptions([*given_up, *(tables.kept[s] for s in members)])
    status, solved = solve(tables.model, effort)
    tables.model.clear_assumptions()
    needed = (
        set(solved.sufficient_assumptions_for_infeasibility()) if status == cp_model.INFEASIBLE else set()
    )
    fewer = [s for s in members if tables.kept[s].index in needed]
    return fewer if fewer and not can_stand(tables, fewer, effort) else list(members)


def _sharper(plan: Plan, view: View) -> Iterator[Plan]:
    """Yield a part with middle values tied, then with values told apart near a printed median, then all."""
    if any(claim.statistic == "median" for claim in plan.claims):
        yield replace(plan, ties_middles=True)
    for fine in ("near", True):
        with suppress(TooLargeError):
            yield from (
                replace(finer, ties_middles=True) for finer in divide(plan.statements, view, fine=fine)
            )


class Choices:
    """What can be given up of a part so that the rest can stand together, the cheapest first.

    `place` is where statements stand in the study: of as many, those with fewer claims, then those printed
    earlier, are given up. `known` are sets that cannot stand together under this codebook; what is found is
    added.
    """

    def __init__(
        self,
        plan: Plan,
        n: int,
        place: Mapping[Statement, int],
        view: View,
        known: list,
        must_show: bool = True,
    ):
        self.plan, self.n, self.place, self.view, self.known = plan, n, place, view, known
        self.must_show = must_show
        known += [members for members in not_sides(plan) if members not in known]
        self.clauses: list[list[tuple[Statement, bool]]] = []  # of each, one is given up, or kept
        self.most: int | None = None  # may be lost
        self.blocks = Blocks(plan, n, view.codebook, shows=self._is_shown)
        self.knows_tables = False
        self._draw(Model())

    def _draw(self, chart: cp_model.CpModel, given_up: Mapping | None = None) -> None:
        """Start a chart of what is given up, with all that is known of it."""
        self.chart = chart
        self.given_up = given_up or {statement: chart.new_bool_var("") for statement in self.plan.statements}
        large = len(self.place) ** 2 + 1
        self.lost = sum(cost(s) * lost for s, lost in self.given_up.items())
        later = sum((len(s.claims) * large + self.place[s]) * lost for s, lost in self.given_up.items())
        chart.minimize(large**2 * self.lost + later)
        if self.most is not None:
            chart.add(self.lost <= self.most)
        clauses, self.clauses = self.clauses, []
        for clause in clauses:
            self._demand(clause)

    def _demand(self, clause: list[tuple[Statement, bool]]) -> None:
        """Let one of some statements be given up, or kept."""
        self.clauses.append(clause)
        literals = [self.given_up[s] if is_lost else self.given_up[s].negated() for s, is_lost in clause]
        self.chart.add_bool_or(literals)
        if len(self.clauses) > MOST_SETS and not self.knows_tables:
            self.knows_tables = True
            tables = soft_tables(self.plan, self.n)
            self._draw(tables.model, {s: kept.negated() for s, kept in tables.kept.items()})

    def _is_shown(self, chosen: Sequence[Statement], denied: Statement | None = None) -> bool:
        """Say whether a table is soon found in which statements hold, and one perhaps not."""
        effort = Effort(SECONDS_TO_SHOW)
        return is_shown(self.plan, chosen, self.view, self.n, effort, denied, is_soon=True)

    def _stand(self, chosen: Sequence[Statement], effort: Effort) -> bool:
        """Say whether statements can stand together: in a table that was found.

        Where cells leave what no table gives, they are looked at more sharply, from then on if that is needed
        to see what cannot stand. Where a table need not be shown, as what is made of the choice looks for one
        itself, only middle values are looked at so.
        """
        if self._is_shown(chosen):
            return True
        blocks, finer = self.blocks, _sharper(self.plan, self.view)
        has_middles = any(claim.statistic == "median" for claim in self.plan.claims)
        while blocks and blocks.can_stand(chosen, effort, once=True):
            if not (self.must_show or has_middles):
                return True
            if is_shown(blocks.plan, chosen, self.view, self.n, effort):
                return True
            blocks = next(
                (Blocks(plan, self.n, self.view.codebook, shows=self._is_shown) for plan in finer), None
            )
        if blocks is None:
            if self.must_show:
                raise UnfinishedError("no table of patients was found")
            return True
        self.blocks = blocks
        return False

    def first(self, effort: Effort, to_stand: Effort | None = None) -> list[Statement]:
        """Return the fewest statements without which the others can stand together.

        An UnfinishedError says that the effort was spent before that was proved, or what is allowed to see
        whether all stand.
        """
        found = [members for members in self.known if self.given_up.keys() >= set(members)]
        if not found:
            if self._stand(self.plan.statements, to_stand or effort):
                return []
            found = self.blocks.within(self.plan.statements, effort)
            self.known += found
        for members in found:
            self._demand([(s, True) for s in members])
        chosen = self._next(effort)
        if chosen is None:
            raise UnfinishedError("no statement can be given up so that tables are left")
        return chosen

    def others(self, first: Sequence[Statement], effort: Effort) -> Iterator[list[Statement]]:
        """Yield what else could be given up with no more statements."""
        chosen = self._lose_no_more_than(first)
        while chosen:
            self._demand([(s, False) for s in chosen])
            chosen = self._next(effort)
            if chosen:
                yield chosen

    def covering(self, first: Sequence[Statement], effort: Effort) -> list[list[Statement]]:
        """Return choices as good as the first, so that whatever some such choice gives up is in one of them.

        After this nothing else can be asked.
        """
        chosen, found = self._lose_no_more_than(first), []
        while chosen:
            found.append(chosen)
            seen = {s for choice in found for s in choice}
            unseen = [(s, True) for s in self.plan.statements if s not in seen]
            if not unseen:
                break
            self._demand(unseen)
            chosen = self._next(effort)
        return found

    def _lose_no_more_than(self, first: Sequence[Statement]) -> Sequence[Statement]:
        self.most = sum(map(cost, first))
        self.chart.add(self.lost <= self.most)
        return first

    def _next(self, effort: Effort) -> list[Statement] | None:
        """Return the cheapest choice that takes a statement from every set that cannot stand.

        None if there is none.
        """
        while True:
            status, solved = solve(self.chart, effort)
            if status == cp_model.INFEASIBLE:
                return None
            if status != cp_model.OPTIMAL:
                raise UnfinishedError(
                    "which claims can stand together was not proved within the effort allowed"
                )
            chosen = [s for s, given_up in self.given_up.items() if solved.value(given_up)]
            rest = [s for s in self.plan.statements if s not in chosen]
            if self._stand(rest, effort):
                return chosen
            found = self.blocks.within(rest, effort)
            if not found:
                tables = self.blocks.tables(self.blocks.every)
                found = [self.blocks.smallest(_suspected(tables, rest, effort), effort)]
            self.known += found
            for members in found:
                self._demand([(s, True) for s in members])
