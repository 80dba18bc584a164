"""What the tables that fit make of every printed number: forced by others, possible beside them, or not.

A number matches if no table of the other numbers denies it. It is in conflict if it is given up in some choice
that keeps the most statements (`choices`); of what is derived from other numbers alone, as a percentage, that
is said as differing from them. Whatever is said has a smallest set of other numbers that forces it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice

from crmo_analysis.files import UnfinishedError
from crmo_analysis.joint.choices import Choices, can_stand, cost, shrunk, soft_tables
from crmo_analysis.joint.denial import deny, free_number
from crmo_analysis.joint.fitting import OTHER_CHOICES, allows, exact_number, number_of_patients, of_everyone
from crmo_analysis.joint.model import Effort, Tables, solve
from crmo_analysis.joint.patterns import Part
from crmo_analysis.joint.statements import Plan, Statement, divide, names_in, statements
from crmo_analysis.recompute import View
from crmo_analysis.study import Codebook

MORE_PATIENTS = 10  # times those printed, where their number is given up
SECONDS_A_CLAIM = 2


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


def judge(view: View, known: dict, effort: Effort) -> dict[Statement, Judgement]:
    """Judge every statement of a cohort under one reading.

    Parameters
    ----------
    view : View
    known : dict
        What was found under other readings; what is found is added.
    effort : Effort
    """
    stated, _ = statements(view)
    numbers = [s for s in stated if of_everyone(s)]
    rest = [s for s in stated if not of_everyone(s)]
    cohort = _Cohort(view, rest, numbers, known, effort)
    n, contested = cohort.best_numbers()
    parts = cohort.inquiries(n)
    found = {s: judgement for part in parts for s, judgement in part.judgements.items()}
    for s in numbers:
        fallen = [m for m in (n, *contested) if isinstance(m, int) and not allows(s, m)]
        if fallen:
            members = cohort.against(s, numbers, parts, effort)
            found[s] = Judgement("conflicts", members, len(fallen) <= len(contested))
        elif exact_number(s) is not None:
            found[s] = _of_number(s, parts, effort)
        else:
            found[s] = Judgement("stated")
    return {s: found[s] for s in stated}


class _Cohort:
    """The statements of a cohort, in parts, under any number of patients."""

    def __init__(self, view: View, rest, numbers: Sequence[Statement], known: dict, effort: Effort):
        self.view, self.numbers, self.known, self.effort = view, numbers, known, effort
        self.plans = divide(rest, view)
        self.place = {statement: place for place, statement in enumerate(rest)}
        self.steps = tuple((v.step, v.minimum, v.maximum) for v in view.codebook.values())

    def inquiries(self, n: int | tuple[int, int]) -> list["_Inquiry"]:
        """Return an inquiry for each part, with so many patients."""
        found = []
        for plan in self.plans:
            key = plan.statements, n, self.steps
            if key not in self.known:
                sets = self.known.setdefault((n, self.steps), [])
                number = next((s for s in self.numbers if exact_number(s) == n), None)
                self.known[key] = _Inquiry(plan, n, number, self.view.codebook, self.effort)
                self.known[key].choose(self.place, sets)
            found.append(self.known[key])
        return found

    def best_numbers(self) -> tuple[int | tuple[int, int], list[int]]:
        """Return the number of patients with which the most can stand, and others that are as good."""
        if not any(exact_number(s) is not None for s in self.numbers):
            printed = [count.value or 0 for count in self.view.counts]
            return (1, MORE_PATIENTS * max([MORE_PATIENTS, *printed])), []
        n = number_of_patients(self.view)
        tried = {n, *(exact_number(s) for s in self.numbers)} - {None}
        if any(part.options[0] for part in self.inquiries(n)):
            tried |= self._unprinted(n)
        if len(tried) == 1:
            return n, []
        lost = {m: self._lost(m) for m in sorted(tried, key=lambda m: (m != n, m))}
        best = [m for m in lost if lost[m] == min(lost.values())]
        return best[0], best[1:]

    def _lost(self, n: int) -> int:
        return sum(cost(s) for s in self.numbers if not allows(s, n)) + sum(p.cost for p in self.inquiries(n))

    def _unprinted(self, n: int) -> set[int]:
        """Return a number of patients, if there is one, with which all else can stand."""
        tables = Tables(_merged(self.plans), (1, MORE_PATIENTS * n))
        for plan in self.plans:
            for statement in plan.statements:
                tables.require(statement)
        status, solved = solve(tables.model, self.effort.or_less(SECONDS_A_CLAIM))
        return {int(solved.value(tables.n))} if status in (2, 4) else set()

    def against(self, number: Statement, numbers, parts, effort: Effort) -> tuple[Statement, ...]:
        """Return a smallest set of statements that a number of patients cannot stand beside."""
        n = exact_number(number)
        for other in numbers:
            m = exact_number(other)
            if other is not number and (m is not None or n is not None) and not (
                allows(other, n) if m is None else allows(number, m)
            ):  # fmt: skip
                return (other,)
        for part in parts:
            members = part.smallest(number, part.plan.statements, False, part.free(number), effort)
            if members is not None:
                return members
        return ()


def _merged(plans: Sequence[Plan]) -> Plan:
    """Return parts that share no variable as one, so that they share the number of patients."""
    bags, axes = [], {}
    for plan in plans:
        shift = len(bags)
        bags += [replace(b, parent=None if b.parent is None else b.parent + shift) for b in plan.part.bags]
        axes |= plan.part.axes
    times = tuple(tie for plan in plans for tie in plan.part.times)
    return replace(
        plans[0],
        part=Part(axes, tuple(bags), times),
        statements=tuple(s for plan in plans for s in plan.statements),
        times=tuple(tie for plan in plans for tie in plan.times),
    )


class _Inquiry:
    """What the statements of one part make of each other, with so many patients."""

    def __init__(self, plan: Plan, n, number: Statement | None, codebook: Codebook, effort: Effort):
        self.plan, self.n, self.number, self.codebook, self.effort = plan, n, number, codebook, effort
        self.options: list[list[Statement]] = [[]]
        self.is_settled = True

    def choose(self, place, sets: list) -> None:
        """Find out what to give up, in every choice that keeps the most."""
        choices = Choices(self.plan, self.n, place, self.codebook, sets)
        try:
            first = choices.first(self.effort)
            self.options = [first, *islice(choices.others(first, self.effort), OTHER_CHOICES)]
        except UnfinishedError:
            self.is_settled = False

    @property
    def cost(self) -> int:
        """What is lost."""
        return sum(map(cost, self.options[0]))

    @cached_property
    def judgements(self) -> dict[Statement, Judgement]:
        """The judgement of every statement."""
        found = {}
        for s in self.plan.statements:
            found[s] = Judgement("unfinished")
            if self.is_settled:
                try:
                    found[s] = self._judge(s, self.effort.or_less(SECONDS_A_CLAIM))
                except UnfinishedError:
                    continue
        return found

    def _judge(self, s: Statement, effort: Effort) -> Judgement:
        losing = [option for option in self.options if s in option]
        contested = {each for option in self.options for each in option}
        if losing:
            rest = [each for each in self.plan.statements if each not in losing[0]]
            members = self.smallest(s, rest, False, self.tables, effort) or ()
            alone = not members or cost(s) < cost(members[0])
            depends = len(losing) < len(self.options)
            return Judgement(
                "differs" if alone and not depends else "conflicts",
                self._with_number(s, members, False, effort),
                depends,
            )
        if len(s.claims) > 1:
            return Judgement("matches")
        rest = [each for each in self.plan.statements if each not in contested and each is not s]
        members = self.smallest(s, rest, True, self.tables, effort)
        if members is None:
            return Judgement("stated")
        return Judgement("matches", self._with_number(s, members, True, effort))

    @cached_property
    def tables(self) -> Tables:
        """The tables of the part, with every statement free to be kept, given up or denied."""
        return self._tables(self.n)

    def _tables(self, n) -> Tables:
        tables = soft_tables(self.plan, n)
        tables.denied |= {s: deny(tables, s) for s in self.plan.statements}
        return tables

    def free(self, number: Statement) -> Tables:
        """Return the tables of any number of patients, and let one be kept or denied."""
        if "_free" not in vars(self):
            most = self.n[1] if isinstance(self.n, tuple) else MORE_PATIENTS * self.n
            self._free = self._tables((1, most))
        if number not in self._free.kept:
            free_number(self._free, number, exact_number(number))
        return self._free

    def _with_number(self, s: Statement, members, denied: bool, effort: Effort) -> tuple[Statement, ...]:
        """Add the number of patients, if the members alone do not suffice."""
        if self.number is None:
            return members
        chosen = {*members} if denied else {*members, s}
        needed = can_stand(self.free(self.number), chosen, effort, s if denied else None)
        return (*members, self.number) if needed else members

    def smallest(self, s: Statement, pool, denied: bool, tables: Tables, effort: Effort):
        """Return a smallest set that a statement, or its denial, cannot stand beside; None if there is none.

        Sets of the same variables come first, for they are the easiest to read.
        """
        names = names_in(s, self.codebook)
        far = {each: names_in(each, self.codebook) for each in pool}
        order = sorted(pool, key=lambda each: (-len(far[each] - names), cost(each)))
        tiers = [
            [each for each in order if far[each] <= names],
            [each for each in order if far[each] & names],
            order,
        ]
        fixed = () if denied else (s,)
        for tier in tiers:
            if not can_stand(tables, {*tier, *fixed}, effort, s if denied else None):
                found = shrunk(tables, tier, fixed, effort, s if denied else None)
                return tuple(each for each in found if each is not s)
        return None


def _of_number(s: Statement, parts: Sequence[_Inquiry], effort: Effort) -> Judgement:
    """Judge a number of patients: some part may leave no other."""
    if len(s.claims) > 1:
        return Judgement("matches")
    for part in parts:
        contested = {each for option in part.options for each in option}
        rest = [each for each in part.plan.statements if each not in contested]
        try:
            members = part.smallest(s, rest, True, part.free(s), effort.or_less(SECONDS_A_CLAIM))
        except UnfinishedError:
            return Judgement("unfinished")
        if members is not None:
            return Judgement("matches", members)
    return Judgement("stated")
