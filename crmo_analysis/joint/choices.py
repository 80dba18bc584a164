"""Which statements of a part to give up where not all can stand together.

The choices that keep the most claims.

All are tried together first. Where that fails, a small set is found that cannot stand, then the cheapest
statements that take one from every such set are given up, and the rest is tried again, until it stands
(Moreno-Centeno E, Karp RM. Oper Res 2013;61:453-468). The first choice whose rest stands is the cheapest
there is: every set has to lose one.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache

from ortools.sat.python import cp_model

from crmo_analysis.files import UnfinishedError
from crmo_analysis.joint.axes import TOTALS
from crmo_analysis.joint.model import Effort, Tables, is_possible, solve
from crmo_analysis.joint.patterns import Bag, Part
from crmo_analysis.joint.statements import Plan, Statement, names_in
from crmo_analysis.study import Codebook


def soft_tables(plan: Plan, n: int | tuple[int, int]) -> Tables:
    """Return the tables of a part, with every statement free to be given up."""
    tables = Tables(plan, n)
    for statement in plan.statements:
        tables.require(statement, soft=True)
    return tables


def can_stand(tables: Tables, chosen, effort: Effort) -> bool:
    """Say whether some of the statements can stand together, the others given up."""
    for statement, kept in tables.kept.items():
        domain = tables.model.proto.variables[kept.index].domain
        domain[0] = domain[1] = int(statement in chosen)
    return is_possible(tables, effort)


def shrunk(tables: Tables, members: Sequence[Statement], fixed, effort: Effort) -> tuple[Statement, ...]:
    """Drop statements, many at a time and then one by one, as long as the rest cannot stand together."""
    left, size = list(members), max(1, len(members) // 2)
    while True:
        place = 0
        while place < len(left):
            tried = left[:place] + left[place + size :]
            if can_stand(tables, {*tried, *fixed}, effort):
                place += size
            else:
                left = tried
        if size == 1:
            return (*fixed, *left)
        size = max(1, size // 2)


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
    return fewer if fewer and not can_stand(tables, set(fewer), effort) else list(members)


class Choices:
    """What can be given up of a part so that the rest can stand together, the cheapest first.

    Parameters
    ----------
    plan : Plan
    n : int
        The number of patients.
    place : mapping of Statement to int
        Where statements stand in the study: of as many claims, those printed earlier are given up.
    codebook : mapping of str to Variable
    known : list of tuples of Statement
        Sets that cannot stand together under this codebook; those that are found are added.
    """

    def __init__(self, plan: Plan, n: int, place: Mapping[Statement, int], codebook: Codebook, known: list):
        self.plan, self.n, self.codebook, self.known = plan, n, codebook, known
        self.chart = cp_model.CpModel()
        self.given_up = {statement: self.chart.new_bool_var("") for statement in plan.statements}
        large = len(place) ** 2 + 1
        cost = {s: len(s.claims) * large + place[s] for s in plan.statements}
        self.chart.minimize(sum(cost[s] * given_up for s, given_up in self.given_up.items()))
        self.tables = cache(self._tables)
        self.standing: dict[Bag, set[Statement]] = {}

    def _tables(self, bag: Bag | None) -> Tables:
        """Return the tables of one bag, or of the whole part."""
        return soft_tables(self.plan if bag is None else self._block(bag), self.n)

    def first(self, effort: Effort) -> list[Statement]:
        """Return the statements with the fewest claims in all without which the others can stand together.

        Raises
        ------
        UnfinishedError
            If the effort is spent before that is proved.
        """
        found = [members for members in self.known if self.given_up.keys() >= set(members)]
        if not found:
            tables = Tables(self.plan, self.n)
            for statement in self.plan.statements:
                tables.require(statement)
            if is_possible(tables, effort):
                return []
            found = self._within_bags(self.plan.statements, effort)
            self.known += found
        for members in found:
            self.chart.add_bool_or([self.given_up[s] for s in members])
        chosen = self._next(effort)
        if chosen is None:
            raise UnfinishedError("no statement can be given up so that tables are left")
        return chosen

    def others(self, first: Sequence[Statement], effort: Effort) -> Iterator[list[Statement]]:
        """Yield what else could be given up with no more claims."""
        if not first:
            return
        claims = sum(len(s.claims) * given_up for s, given_up in self.given_up.items())
        self.chart.add(claims <= sum(len(s.claims) for s in first))
        chosen = first
        while chosen is not None:
            self.chart.add_bool_or([self.given_up[s].negated() for s in chosen])
            chosen = self._next(effort)
            if chosen is not None:
                yield chosen

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
            if can_stand(self.tables(None), set(rest), effort):
                return chosen
            found = self._within_bags(rest, effort)
            if not found:
                suspected = _suspected(self.tables(None), rest, effort)
                found = [shrunk(self.tables(None), suspected, (), effort)]
            self.known += found
            for members in found:
                self.chart.add_bool_or([self.given_up[s] for s in members])

    def _within_bags(self, rest: Sequence[Statement], effort: Effort) -> list[tuple[Statement, ...]]:
        """Return minimal sets that cannot stand, each within a bag; no two share a statement."""
        found: list[tuple[Statement, ...]] = []
        left = set(rest)
        for bag in self.plan.part.bags:
            own = [s for s in self.tables(bag).kept if s in left]
            while not self.standing.get(bag, set()).issuperset(own):
                if can_stand(self.tables(bag), set(own), effort):
                    self.standing[bag] = set(own)
                    break
                found.append(shrunk(self.tables(bag), own, (), effort))
                left -= set(found[-1])
                own = [s for s in own if s in left]
        return found

    def _block(self, bag: Bag) -> Plan:
        """Return a bag as a part of its own, with what is said of its variables alone.

        Less than of the whole.
        """
        names = set(bag.names)
        part = Part(self.plan.part.axes, (replace(bag, parent=None),), self.plan.part.times)
        added_up = {name: among for name, among in self.plan.added_up.items() if among <= names}
        apart = self.plan.added_up.keys() - added_up.keys()
        own = tuple(
            s
            for s in self.plan.statements
            if names_in(s, self.codebook) <= names
            and not any(c.of in apart and c.statistic in TOTALS for c in s.claims)
        )
        return replace(self.plan, part=part, statements=own, asked=(), added_up=added_up, times=())
