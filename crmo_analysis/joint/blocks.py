"""Whether statements of a part can stand together, asked of the few bags concerned before all of them.

What cannot stand among the statements of a few bags cannot stand at all. What can, together with as many
patients of every kind that these bags share with others as a known table of the rest has, can be put in the
place of that table's bags. Only where neither is so is the whole part asked.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from ortools.sat.python import cp_model

from crmo_analysis.files import UnfinishedError
from crmo_analysis.joint.denial import deny, tables_without
from crmo_analysis.joint.model import Tables
from crmo_analysis.joint.patterns import Part, codes
from crmo_analysis.joint.solving import FOUND, Effort, is_possible, solve
from crmo_analysis.joint.statements import SUMMED, Plan, Quantity, Statement, scopes_of
from crmo_analysis.study import Claim, Codebook, entailment, expressions

MANY = 2  # statements that are given up: tables are made anew without them
FEW_BLOCKS = 6  # that are looked through for one that says all
MOST_FOUND = 20  # tables that are remembered
SECONDS_TO_SPARE = 3  # to see whether a number is forced without one of those that force it
Block = tuple[int, ...]  # the places of some bags in the list of their part


def soft_tables(plan: Plan, n: int | tuple[int, int]) -> Tables:
    """Return the tables of a part, with every statement free to be given up."""
    tables = Tables(plan, n)
    for statement in plan.statements:
        tables.require(statement, soft=True)
    _add_kinds(tables)
    return tables


def _add_kinds(tables: Tables) -> None:
    """Say of groups by the same variables that their sizes are sums of the sizes of kinds.

    It follows from the patterns, but without it a solver may not see that arms add up to all patients.
    """
    for counts in tables.counts:
        tables.model.add(sum(counts) == tables.n)
    groups: dict[frozenset[str], dict[expressions.Expression, None]] = {}
    for claim in tables.plan.claims:
        for tree in (claim.group, entailment.conjunction(claim.patients or claim.group, claim.group)):
            groups.setdefault(expressions.variables(tree), {})[tree] = None
    for names, trees in groups.items():
        if len(trees) < 2 or not names:
            continue
        bag = tables.part.bag_of(names)
        kinds = codes(tables.part.bags[bag], sorted(names), tables.part.axes)
        sizes = {kind: tables.number(tables.most) for kind in np.unique(kinds).tolist()}
        for kind, size in sizes.items():
            tables.model.add(size == sum(tables.counts[bag][row] for row in np.flatnonzero(kinds == kind)))
        tables.model.add(sum(sizes.values()) == tables.n)
        for tree in trees:
            inside = np.unique(kinds[tables.part.mask(tree, bag)]).tolist()
            tables.model.add(tables.size(tree) == sum(sizes[kind] for kind in inside))


def _hold(tables: Tables, chosen: Iterable[Statement], denied: Statement | None = None) -> None:
    """Let some statements hold, the others be given up, and one perhaps be denied."""
    chosen = set(chosen)
    literals = [(kept, statement in chosen) for statement, kept in tables.kept.items()]
    literals += [(no, statement is denied) for statement, no in tables.denied.items()]
    for literal, holds in literals:
        _limit(literal, int(holds), int(holds))


def _limit(variable, low: int, high: int) -> None:
    domain = variable.proto.domain
    domain[0], domain[1] = low, high


def can_stand(
    tables: Tables, chosen, effort: Effort, denied: Statement | None = None, once: bool = False
) -> bool:
    """Say whether some of the statements can stand together, the others given up, and one perhaps denied.

    `once` leaves it at one proof that they cannot, the one that makes nothing of symmetry.
    """
    _hold(tables, chosen, denied)
    return is_possible(tables.model, effort, once)


def shrunk(stands, members: Sequence[Statement], fixed: Sequence[Statement] = ()) -> tuple[Statement, ...]:
    """Drop statements, many at a time and then one by one, as long as the rest cannot stand together.

    `stands` says of a set of statements whether they can; those that are `fixed` stay.
    """
    left, size = list(members), max(1, len(members) // 2)
    while True:
        place = 0
        while place < len(left):
            tried = left[:place] + left[place + size :]
            if stands({*tried, *fixed}):
                place += size
            else:
                left = tried
        if size == 1:
            return (*fixed, *left)
        size = max(1, size // 2)


@dataclass(frozen=True, eq=False)
class _Table:
    """How many patients of each pattern there are in a table that was found, and what holds in it."""

    counts: tuple[np.ndarray, ...]
    n: int
    holds: frozenset[Statement] = frozenset()


class Blocks:
    """The statements of a part, and what of them can stand together.

    `n` is the number of patients, or between what it lies; `number` the statement of it, if that may be given
    up or denied; `shows` soon says, where it can, that some can stand, and one perhaps denied.
    """

    def __init__(
        self,
        plan: Plan,
        n: int | tuple[int, int],
        codebook: Codebook,
        number: Statement | None = None,
        shows: Callable[[Sequence[Statement], Statement | None], bool] | None = None,
    ):
        self.plan, self.n, self.codebook, self.number, self.shows = plan, n, codebook, number, shows
        if number:
            self.plan = replace(plan, statements=(*plan.statements, number))
        self.every = tuple(range(len(plan.part.bags)))
        self._tied = self._ties()
        self.blocks = list(dict.fromkeys(self._tied.values()))
        self.block_of = cache(self._block_of)
        self.tables = cache(lambda block: soft_tables(self.plan_of(block), n))
        self._edges = cache(self._sizes_shared)
        self._found: list[_Table] = []
        self._standing: list[list[Statement]] = []

    # ---- which bags a statement needs -------------------------------------------------------------

    def _ties(self) -> dict[int, Block]:
        """Return, for every bag, those that have to be looked at together: some statement needs them all."""
        group = {bag: frozenset([bag]) for bag in self.every}
        for bags in map(self.bags_of, self.plan.statements):
            if len(bags) > 1:
                merged = frozenset().union(*(group[bag] for bag in bags))
                group |= dict.fromkeys(merged, merged)
        return {bag: tuple(sorted(bags)) for bag, bags in group.items()}

    def _block_of(self, statement: Statement) -> Block:
        return self._tied[min(self.bags_of(statement))] if self.every else ()

    def bags_of(self, said: Statement | Quantity) -> set[int]:
        """Return one bag that has all that is said or asked, or all on the way between those it needs."""
        part, plan = self.plan.part, self.plan
        if not part.bags:
            return set()
        scopes = scopes_of(said, self.codebook, plan.counted)
        claims = said.claims if isinstance(said, Statement) else (said,)
        scopes += [plan.added_up[c.of] for c in claims if self._is_added_up(c)]
        names = frozenset().union(*scopes)
        if any(names <= set(bag.names) for bag in part.bags):
            return {part.bag_of(names)}
        bags = {part.bag_of(scope) for scope in scopes}
        return bags.union(*(self._way_up(bag) for bag in bags))

    def _is_added_up(self, claim: Claim | Quantity) -> bool:
        return claim.statistic in SUMMED and claim.of in self.plan.added_up

    def _way_up(self, bag: int) -> list[int]:
        parent = self.plan.part.bags[bag].parent
        return [bag] if parent is None else [bag, *self._way_up(parent)]

    def plan_of(self, block: Block) -> Plan:
        """Return some bags with all that is said of their variables alone."""
        plan = self.plan
        if block != self.every:
            part, place = plan.part, {bag: number for number, bag in enumerate(block)}
            bags = tuple(replace(part.bags[bag], parent=place.get(part.bags[bag].parent)) for bag in block)
            names = [set(bag.names) for bag in bags]

            def is_within(scope) -> bool:
                return any(scope <= each for each in names)

            added_up = {name: among for name, among in plan.added_up.items() if is_within(among)}
            apart = plan.added_up.keys() - added_up.keys()
            own = tuple(
                s
                for s in plan.statements
                if all(map(is_within, scopes_of(s, self.codebook, plan.counted)))
                and not any(c.of in apart and self._is_added_up(c) for c in s.claims)
            )
            times = tuple(t for t in part.times if is_within({t.name, t.start, t.end}))
            axes = {name: axis for name, axis in part.axes.items() if any(name in each for each in names)}
            part = Part(axes, bags, times)
            plan = replace(plan, part=part, statements=own, asked=(), added_up=added_up)
            plan = replace(plan, times=tuple(t for t in plan.times if t in times))
        return plan

    def _sizes_shared(self, block: Block) -> list[tuple]:
        """Return, for every kind of patients that a block shares with other bags, a bag, its rows, a size."""
        tables, found = self.tables(block), []
        for child, bag in enumerate(self.plan.part.bags):
            if bag.parent is None or (child in block) == (bag.parent in block):
                continue
            inside = child if child in block else bag.parent
            counts = tables.counts[block.index(inside)]
            for here, there in self.plan.part.agreements(child):
                rows, size = here if inside == child else there, tables.number(tables.most)
                tables.model.add(sum(counts[row] for row in rows) == size)
                found.append((inside, rows, size))
        return found

    # ---- what can stand together ------------------------------------------------------------------

    def can_stand(
        self, chosen: Iterable[Statement], effort: Effort, denied: Statement | None = None, once: bool = False
    ) -> bool:
        """Say whether some of the statements can stand together, the others given up, and one perhaps denied.

        `once` leaves it at one proof that they cannot.
        """
        return self._failing(frozenset(chosen), effort, denied, once) is None

    def smallest(
        self, members: Sequence[Statement], effort: Effort, fixed=(), denied: Statement | None = None
    ) -> tuple[Statement, ...] | None:
        """Return a smallest set of statements that cannot stand together; None if all can.

        Of the sets on the way one proof is enough: the smallest is proved again. What forces a number keeps
        a statement of which it takes long to see whether it is needed.
        """
        plain = [s for s in members if s.claims[0].statistic != "sd"]  # that is decided far sooner
        block = self._failing(frozenset([*plain, *fixed]), effort, denied, once=True)
        members = members if block is None else plain
        if block is None and len(plain) < len(members):
            block = self._failing(frozenset([*members, *fixed]), effort, denied, once=True)
        if block is None:
            return None
        if block != self.every:
            members = [s for s in members if s in self.tables(block).kept]

        def stands(some: set[Statement]) -> bool:
            if self.shows and self.shows([s for s in self.plan.statements if s in some], denied):
                return True
            try:
                tried = effort.or_less(SECONDS_TO_SPARE) if denied else effort
                return self.can_stand(some, tried, denied, once=True)
            except UnfinishedError:
                if denied is None:
                    raise
                return True

        found = shrunk(stands, members, fixed)
        if self.can_stand(found, effort, denied):
            raise UnfinishedError("two proofs of what cannot stand together disagree")
        return found

    def within(self, chosen: Sequence[Statement], effort: Effort) -> list[tuple[Statement, ...]]:
        """Return smallest sets that cannot stand, each within a block; no two share a statement."""
        found: list[tuple[Statement, ...]] = []
        left = set(chosen)
        for block in self.blocks if len(self.blocks) > 1 else ():
            tables = self.tables(block)
            while True:
                own = [s for s in tables.kept if s in left]
                if own in self._standing or can_stand(tables, own, effort):
                    self._standing.append(own)
                    break
                found.append(self.smallest(own, effort) or ())
                left -= set(found[-1])
        return found

    def _failing(
        self, chosen: frozenset[Statement], effort: Effort, denied: Statement | None, once: bool = False
    ) -> Block | None:
        """Return the first block in which statements cannot stand, or all bags; None if they can."""
        if not chosen and denied is None and all(bag.size for bag in self.plan.part.bags):
            return None
        base, blocks = self._concerned(chosen, denied)
        if blocks != [self.every] and (base or denied or len(blocks) <= FEW_BLOCKS):
            for block in blocks:
                own = self._denied_in(block, denied)
                is_all = own is denied and self._says_all(block, chosen)
                found = base and not is_all and self._beside(base, block, chosen, effort, own)
                if not found and not self._stands_in(block, chosen, effort, own, once):
                    return block
                if is_all:
                    return None
                base = found
            if base:
                self._remember(base, chosen)
                return None
        return None if self._whole_stands(chosen, effort, denied, once) else self.every

    def _concerned(
        self, chosen: frozenset[Statement], denied: Statement | None
    ) -> tuple[_Table | None, list[Block]]:
        """Return the known table in which most of what is chosen holds, and the blocks of the rest."""
        base = max(self._found, key=lambda table: len(chosen & table.holds), default=None)
        new = {*chosen.difference(base.holds if base else ()), *filter(None, [denied])}
        if self.number in new:
            return None, self.blocks
        return base, sorted({self.block_of(s) for s in new})

    def _denied_in(self, block: Block, denied: Statement | None) -> Statement | None:
        is_here = denied and (denied is self.number or self.block_of(denied) == block)
        return denied if is_here else None

    def _says_all(self, block: Block, chosen: frozenset[Statement]) -> bool:
        """Say whether nothing is chosen but what a block says: its patterns can always be completed."""
        return block != self.every and not self.plan.times and chosen <= self.tables(block).kept.keys()

    def _stands_in(self, block: Block, chosen, effort: Effort, denied, once: bool) -> bool:
        """Say whether what is said of a block alone can stand."""
        return is_possible(self._holding(block, chosen, denied).model, effort, once)

    def _holding(self, block: Block, chosen, denied: Statement | None, lean: bool = True) -> Tables:
        """Return the tables of a block in which statements hold; where much is given up, made without it."""
        tables = self._tables_with(block, denied)
        own = chosen & tables.kept.keys()
        if lean and len(own) + MANY < len(tables.kept):
            lean = tables_without(tables.plan, self.n, own, denied)
            if block == self.every:
                _add_kinds(lean)
            return lean
        _hold(tables, own, denied)
        return tables

    def size(self, group: expressions.Expression, chosen: Iterable[Statement], effort: Effort) -> int | None:
        """Return how many of a group there are in some table in which statements hold; None if in none."""
        chosen = frozenset(chosen)
        known = any(chosen <= table.holds for table in self._found)
        if not known and not self._whole_stands(chosen, effort, None, once=True):
            return None
        table = next(table for table in self._found if chosen <= table.holds)
        bag = self.plan.part.bag_of(expressions.variables(group))
        return int(table.counts[bag][self.plan.part.mask(group, bag)].sum())

    def _whole_stands(self, chosen, effort: Effort, denied: Statement | None, once: bool) -> bool:
        tables = self._holding(self.every, chosen, denied, lean=not once or bool(self.plan.times))
        for plain in (True,) if once else (False, True):
            status, solved = solve(tables.model, effort, plain)
            if status in FOUND:
                counts = tuple(np.array([solved.value(c) for c in each]) for each in tables.counts)
                self._remember(_Table(counts, solved.value(tables.n)), chosen)
                return True
            if status != cp_model.INFEASIBLE:
                raise UnfinishedError("not decided within the effort allowed")
        return False

    def _beside(self, base: _Table, block: Block, chosen, effort: Effort, denied) -> _Table | None:
        """Return a table that is as another one outside a block, and in which statements hold inside."""
        tables = self._tables_with(block, denied)
        _hold(tables, chosen, denied)
        shared_sizes = [(size, int(base.counts[bag][rows].sum())) for bag, rows, size in self._edges(block)]
        ends = tuple(tables.n.proto.domain)
        for size, number in (*shared_sizes, (tables.n, base.n)):
            _limit(size, number, number)
        status, solved = solve(tables.model, effort)
        for size, _ in shared_sizes:
            _limit(size, 0, tables.most)
        _limit(tables.n, *ends)
        if status not in FOUND:
            return None
        counts = list(base.counts)
        for bag, own in zip(block, tables.counts, strict=True):
            counts[bag] = np.array([solved.value(count) for count in own])
        return _Table(tuple(counts), base.n)

    def _tables_with(self, block: Block, denied: Statement | None) -> Tables:
        """Return the tables of a block in which a statement can be denied."""
        tables = self.tables(block)
        if denied is not None and denied not in tables.denied:
            tables.denied[denied] = deny(tables, denied)
        return tables

    def _remember(self, table: _Table, holds: frozenset[Statement]) -> None:
        if not any(holds <= known.holds for known in self._found):
            self._found = [replace(table, holds=holds), *self._found[:MOST_FOUND]]
