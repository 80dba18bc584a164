"""What the tables that fit make of every printed number: forced by others, possible beside them, or not.

A number matches if no table of the other numbers denies it. It is in conflict if it is given up in some
choice that keeps the most statements (`choices`); of what is derived from other numbers alone, as a
percentage, that is said as differing from them. Whatever is said has a smallest set of other numbers that
forces it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, partial

from crmo_analysis.files import UnfinishedError
from crmo_analysis.joint.blocks import Blocks
from crmo_analysis.joint.choices import Choices, cost
from crmo_analysis.joint.denial import tables_without
from crmo_analysis.joint.model import fitting_tables
from crmo_analysis.joint.numbers import (
    MORE_PATIENTS,
    allows,
    any_number,
    exact_number,
    number_of_patients,
    of_everyone,
)
from crmo_analysis.joint.solving import FOUND, Effort, is_possible, solve
from crmo_analysis.joint.statements import SUMMED, Plan, Statement, divide, merged, names_in, statements
from crmo_analysis.joint.witnesses import is_shown
from crmo_analysis.recompute import View
from crmo_analysis.study import Claim, expressions, rounding

SECONDS_A_CLAIM = 2
SECONDS_OF_SPREADS = 5
SECONDS_TO_SHOW = 30  # for a table with another number, where none is proved to be the only one
FEW_PATIENTS = 8  # at most: then a claim is searched longer
SECONDS_OF_FEW = 30


@dataclass(frozen=True)
class Judgement:
    """What one reading makes of a statement.

    Attributes
    ----------
    verdict : str
        matches, differs, conflicts, stated or unfinished.
    members : tuple of Statement
        The others of a smallest set that forces it, the number of patients among them where it is needed.
    depends : bool
        Whether other choices, as good, keep it.
    """

    verdict: str
    members: tuple[Statement, ...] = ()
    depends: bool = False


class Cohort:
    """The statements of a cohort under one reading, in parts, with so many patients as suit them best."""

    def __init__(
        self,
        view: View,
        known: dict,
        effort: Effort,
        number: tuple | None = None,
        cut_off: frozenset[str] = frozenset(),
    ):
        self.view, self.known, self.effort = view, known, effort
        self.statements, _ = statements(view, cut_off)
        self.of_claim = {claim.claim_id: s for s in self.statements for claim in s.claims}
        self.numbers = [s for s in self.statements if of_everyone(s)]
        rest = [s for s in self.statements if not of_everyone(s)]
        self.plans = divide(rest, view)
        self.place = {statement: place for place, statement in enumerate(rest)}
        self.steps = tuple((v.step, v.minimum, v.maximum) for v in view.codebook.values())
        self.n, self.contested = number or self._best_numbers()
        self.parts = self._inquiries(self.n)
        self.part_of = {  # of a number of patients there is none
            s: part for plan, part in zip(self.plans, self.parts, strict=True) for s in plan.statements
        }
        self.judgement = cache(self._judgement)

    def as_printed(self) -> list["_Inquiry"]:
        """Return the inquiries with the number of patients that is printed, even if that is the odd one."""
        is_printed = any(exact_number(s) is not None for s in self.numbers)
        return self._inquiries(number_of_patients(self.view)) if is_printed else self.parts

    def _judgement(self, s: Statement) -> Judgement:
        """Return the judgement of a statement."""
        if s not in self.numbers:
            return self.part_of[s].judgement(s)
        fallen = [m for m in (self.n, *self.contested) if isinstance(m, int) and not allows(s, m)]
        if fallen:
            try:
                return Judgement("conflicts", self._against(s), len(fallen) <= len(self.contested))
            except UnfinishedError:
                return Judgement("unfinished")
        return Judgement("stated") if exact_number(s) is None else _of_number(s, self.parts, self.effort)

    def _inquiries(self, n: int | tuple[int, int]) -> list["_Inquiry"]:
        """Return an inquiry for each part, with so many patients."""
        found = []
        for plan in self.plans:
            key = plan.statements, n, self.steps
            if key not in self.known:
                sets = self.known.setdefault((n, self.steps), [])
                number = next((s for s in self.numbers if exact_number(s) == n), None)
                self.known[key] = _Inquiry(plan, n, number, self.view, self.effort)
                self.known[key].choose(self.place, sets)
            found.append(self.known[key])
        return found

    def _best_numbers(self) -> tuple[int | tuple[int, int], list[int]]:
        """Return the number of patients with which the most can stand, and others that are as good."""
        if not any(exact_number(s) is not None for s in self.numbers):
            return any_number(self.view), []
        n = number_of_patients(self.view)
        tried = {n, *(exact_number(s) for s in self.numbers)} - {None}
        if any(part.options[0] for part in self._inquiries(n)):
            tried |= self._unprinted(n)
        if len(tried) == 1:
            return n, []
        lost = {m: self._lost(m) for m in sorted(tried, key=lambda m: (m != n, m))}
        best = [m for m in lost if lost[m] == min(lost.values())]
        return best[0], best[1:]

    @property
    def lost(self) -> float:
        """What is given up; without end where that is open."""
        return math.inf if any(part.is_open for part in self.parts) else self._lost(self.n)

    @property
    def sets(self) -> list[tuple[Statement, ...]]:
        """Sets of its statements that cannot stand together."""
        own = self.part_of.keys()
        return [members for part in self.parts for members in part.sets if own >= {*members}]

    def _lost(self, n: int) -> int:
        return sum(cost(s) for s in self.numbers if not allows(s, n)) + sum(
            p.cost for p in self._inquiries(n)
        )

    def _unprinted(self, n: int) -> set[int]:
        """Return a number of patients, if there is one, with which all else can stand."""
        plan = replace(merged(self.plans), ties_middles=True)
        tables = fitting_tables(plan, (1, MORE_PATIENTS * n))
        status, solved = solve(tables.model, self.effort.or_less(SECONDS_A_CLAIM))
        return {int(solved.value(tables.n))} if status in FOUND else set()

    def _against(self, number: Statement) -> tuple[Statement, ...]:
        """Return a smallest set of statements that a number of patients cannot stand beside."""
        for other in self.numbers:
            pair = (other, number) if exact_number(number) is None else (number, other)
            if other is not number and exact_number(pair[0]) and not allows(pair[1], exact_number(pair[0])):
                return (other,)
        for part in self.parts if exact_number(number) else ():
            members = part.smallest(number, part.plan.statements, None, part.free(number), self.effort)
            if members is not None:
                return members
        return ()


class _Inquiry:
    """What the statements of one part make of each other, with so many patients."""

    def __init__(self, plan: Plan, n, number: Statement | None, view: View, effort: Effort):
        self.plan, self.n, self.number, self.view, self.effort = plan, n, number, view, effort
        self.options: list[list[Statement]] = [[]]
        self.sets: list[tuple[Statement, ...]] = []  # that cannot stand
        self.is_open = False  # what of all its statements to give up
        self._judged: dict[Statement, Judgement] = {}
        most = n[1] if isinstance(n, tuple) else n
        self.seconds = SECONDS_OF_FEW if most <= FEW_PATIENTS else SECONDS_A_CLAIM
        self.names = cache(partial(names_in, codebook=view.codebook))
        self.free = cache(self._free)

    def choose(self, place, sets: list) -> None:
        """Find out what to give up, in every choice that keeps the most.

        Without standard deviations, where it takes long to see whether they can stand.
        """
        spreads = [s for s in self.plan.statements if s.claims[0].statistic == "sd"]
        self.sets = sets
        little = self.effort.or_less(max(self.seconds, SECONDS_OF_SPREADS))
        for effort in (little, self.effort) if spreads else (self.effort,):
            choices = Choices(self.plan, self.n, place, self.view, sets)
            try:
                first = choices.first(self.effort, effort)
                self.options = choices.covering(first, self.effort) or [[]]
                self.blocks, self.plan = choices.blocks, choices.blocks.plan
                return
            except UnfinishedError:
                self.is_open = True
                rest = tuple(s for s in self.plan.statements if s not in spreads)
                self.plan = replace(self.plan, statements=rest)
                self._judged = {s: self._among(spreads, s) for s in spreads}
        self._judged |= dict.fromkeys(self.plan.statements, Judgement("unfinished"))

    def _among(self, spreads: Sequence[Statement], s: Statement) -> Judgement:
        """Return what is known of an SD where it is open which to give up: which cannot stand together."""
        own = [members for members in self.sets if s in members and {*members} <= {*spreads}]
        others = [tuple(m for m in members if m is not s) for members in own]
        return Judgement("conflicts", min(others, key=len), True) if others else Judgement("unfinished")

    @property
    def cost(self) -> int:
        """What is lost."""
        return sum(map(cost, self.options[0]))

    def stands(self, s: Statement) -> bool:
        """Say whether no best choice gives a statement up."""
        is_decided = self._judged.get(s, Judgement("stated")).verdict in ("stated", "matches")
        return is_decided and not any(s in option for option in self.options)

    def judgement(self, s: Statement) -> Judgement:
        """Return the judgement of a statement."""
        if s not in self._judged:
            try:
                self._judged[s] = self._judge(s, self.effort.or_less(self.seconds))
            except UnfinishedError:
                is_open = self.stands(s) and self.shows(self.n, self.others(s), s)
                self._judged[s] = Judgement("stated" if is_open else "unfinished")
        return self._judged[s]

    def shows(self, n, kept: Sequence[Statement], denied: Statement | None = None, is_soon=False) -> bool:
        """Say whether a table is found in which statements hold, and one perhaps not."""
        return is_shown(self.plan, kept, self.view, n, Effort(SECONDS_TO_SHOW), denied, is_soon)

    def others(self, s: Statement) -> list[Statement]:
        """Return the other statements that no choice gives up."""
        contested = {each for option in self.options for each in option}
        return [each for each in self.plan.statements if each not in contested and each is not s]

    def derived_size(self, s: Statement, group: expressions.Expression) -> tuple[int, tuple[Statement, ...]]:
        """Return how many patients are in a group if the others leave one number only, else 0; and those."""
        effort, others = self.effort.or_less(self.seconds), self.others(s)
        try:
            n = self.blocks.size(group, others, effort) or 0
            size = _count_of(group, n, s.claims[0])
            members = self.smallest(size, others, size, self.blocks, effort)
        except UnfinishedError:
            return 0, ()
        number = [self.number] if self.number else []
        return (0, ()) if members is None else (n, (*members, *number))

    def _judge(self, s: Statement, effort: Effort) -> Judgement:
        losing = [option for option in self.options if s in option]
        if losing:
            rest = [each for each in self.plan.statements if each not in losing[0]]
            try:
                members = self.smallest(s, rest, None, self.blocks, effort) or ()
            except UnfinishedError:  # it is given up because of a set that was found
                known = [tuple(m for m in own if m is not s) for own in self.sets if s in own]
                members = min((own for own in known if {*own} <= {*rest}), key=len, default=())
                if not members:
                    raise
            depends = len(losing) < len(self.options)
            members = self.with_number(members, effort, claimed=s)
            differs = not depends and _differs(s, members)
            return Judgement("differs" if differs else "conflicts", members, depends)
        if len(s.claims) > 1:
            return Judgement("matches")
        if self.shows(self.n, self.others(s), s, is_soon=True):
            return Judgement("stated")
        members = self.smallest(s, self.others(s), s, self.blocks, effort)
        if members is None and s.claims[0].statistic == "median":
            tied = Blocks(replace(self.plan, ties_middles=True), self.n, self.view.codebook)
            members = self.smallest(s, self.others(s), s, tied, effort)
        members = None if members is None else self.with_number(members, effort, denied=s)
        return Judgement("matches", members) if members else Judgement("stated")  # it may hold by definition

    def _free(self, number: Statement) -> Blocks:
        """Return what can stand with any number of patients, where one that is printed is kept or denied."""
        most = self.n[1] if isinstance(self.n, tuple) else MORE_PATIENTS * self.n
        return Blocks(self.plan, (1, most), self.view.codebook, number)

    def with_number(self, members, effort: Effort, claimed=None, denied=None) -> tuple[Statement, ...]:
        """Add the number of patients, if the members alone do not suffice.

        It is added too where that is not decided within the effort allowed, for it is there in what was
        proved.
        """
        if self.number is None:
            return members
        concerned = [*members, *filter(None, [claimed or denied])]
        plan = replace(merged(divide(concerned, self.view)), ties_middles=True)
        tables = tables_without(plan, (1, MORE_PATIENTS * self.n), set(concerned) - {denied}, denied)
        try:
            is_needed = is_possible(tables.model, effort.or_less(SECONDS_A_CLAIM))
        except UnfinishedError:
            is_needed = True
        return (*members, self.number) if is_needed else members

    def smallest(
        self,
        s: Statement,
        pool: Sequence[Statement],
        denied: Statement | None,
        blocks: Blocks,
        effort: Effort,
    ) -> tuple[Statement, ...] | None:
        """Return a smallest set that a statement, or its denial, cannot stand beside; None if there is none.

        Sets of the same variables come first, for they are the easiest to read, then those without averages.
        """
        fixed = () if denied else (s,)
        # What cannot stand without standard deviations cannot beside them, and that is decided far sooner.
        plain = [each for each in pool if all(claim.statistic != "sd" for claim in each.claims)]
        if len(plain) < len(pool) and not blocks.can_stand({*plain, *fixed}, effort, denied, once=True):
            pool = plain
        elif blocks.can_stand({*pool, *fixed}, effort, denied, once=True):
            return None
        for tier in self._tiers(s, pool):
            found = blocks.smallest(tier, effort, fixed, denied)
            if found and not denied:  # a conflict deserves a second try: the fewer numbers the better
                found = min(found, blocks.smallest(tier[::-1], effort, fixed), key=len)
            if found is not None:
                return tuple(each for each in found if each is not s)
        return None

    def _tiers(self, s: Statement, pool: Sequence[Statement]) -> list[list[Statement]]:
        """Return those about the same variables, those that are easy, those near by, and all."""
        names = self.names(s)
        order = sorted(pool, key=lambda each: (-len(self.names(each) - names), cost(each)))
        near_by = [each for each in order if self.names(each) & names]
        same = [each for each in near_by if self.names(each) <= names]
        easy = [each for each in near_by if not {c.statistic for c in each.claims} & {*SUMMED, "median"}]
        return [same, easy, near_by, order]


def _count_of(group: expressions.Expression, n: int, claim: Claim) -> Statement:
    """Return the statement that there are so many patients of a group."""
    number, everyone = rounding.parse_printed(str(n)), expressions.Everyone()
    counted = replace(claim, statistic="count", patients=group, group=everyone, printed=str(n), number=number)
    return Statement((counted,))


def _differs(s: Statement, members: Sequence[Statement]) -> bool:
    """Say whether a statement is derived from the others, or impossible by itself."""
    statistic = s.claims[0].statistic
    if statistic == "rank":
        return False
    if all(map(of_everyone, members)):
        return bool(statistic != "count" or not members)
    return cost(s) < min(map(cost, members))


def _of_number(s: Statement, parts: Sequence[_Inquiry], effort: Effort) -> Judgement:
    """Judge a number of patients: some part may leave no other."""
    if len(s.claims) > 1:
        return Judgement("matches")
    n = exact_number(s)
    if any(all(p.shows(m, p.others(s), is_soon=True) for p in parts) for m in (n + 1, n - 1) if m):
        return Judgement("stated")
    for part in parts:
        try:
            members = part.smallest(s, part.others(s), s, part.free(s), effort.or_less(part.seconds))
        except UnfinishedError:
            is_open = any(all(p.shows(m, p.others(s)) for p in parts) for m in (n + 1, n - 1))
            return Judgement("stated" if is_open else "unfinished")
        if members is not None:
            return Judgement("matches", members)
    return Judgement("stated")
