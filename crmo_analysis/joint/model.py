"""The joint model: every table of patients at once, as numbers of a solver, and what claims demand of it.

Everything is in whole numbers: patients of a pattern, and values in steps of their variable. What a rule says
always holds; what a statement says holds if it is kept.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from functools import cache, partial

import numpy as np
from ortools.sat.python import cp_model

from crmo_analysis.joint.axes import TOTALS, UNLIMITED, sharper, window
from crmo_analysis.joint.middles import middles, of_median
from crmo_analysis.joint.patterns import Part, codes, factors
from crmo_analysis.joint.solving import Model
from crmo_analysis.joint.spreads import keep_apart, moments, not_sides, spread, squares
from crmo_analysis.joint.statements import ENDS, SUMMED, Plan, Quantity, Statement, divide, merged
from crmo_analysis.recompute import View, can_be_one
from crmo_analysis.study import Claim, Variable, entailment, expressions, rounding

ORDER = {"min": 0, "median": 1, "max": 2}
APART = 30  # tenths of a digit: what a value that is not as printed counts for


class Tables:
    """All tables of patients made of the patterns of a part.

    Parameters
    ----------
    plan : Plan
    n : int or (int, int)
        How many patients, or between how many.
    split : bool or None
        Whether the two middle values of an even number may lie on either side of what their median is printed
        from: in any cells (True), in such as can be written out for each median by itself (False), or not at
        all (None). Where not every value is told apart, tables are more than there are with the first, and
        fewer with the last.
    exact : bool
        Whether the square of a large sum, for a standard deviation, is multiplied out, which is better where
        a table is sought. If not, it is held within narrow limits, which is better where there is none, or
        the best of all is sought: tables are a little more than there are.
    """

    def __init__(self, plan: Plan, n: int | tuple[int, int], split: bool | None = True, exact: bool = False):
        low, high = n if isinstance(n, tuple) else (n, n)
        self.plan, self.part, self.split, self.exact = plan, plan.part, split, exact
        self.least, self.most = low, high
        self.model = Model()
        self.n = self.model.new_int_var(low, high, "")
        self.counts = [[self.number(high) for _ in range(bag.size)] for bag in self.part.bags]
        self.size, self.below, self.sums = cache(self._size), cache(self._below), cache(self._sums)
        self.added, self.summed = cache(self._added), {}
        self.middles, self.known_middles = cache(partial(middles, self)), {}
        self.below_by_kind = cache(self._below_by_kind)
        self.squares, self.moments = cache(partial(squares, self)), cache(partial(moments, self))
        self.spread = partial(spread, self)
        self.kept: dict[Statement, cp_model.IntVar] = {}
        self.denied: dict[Statement, cp_model.IntVar] = {}
        self.printed: dict[str, list] = {}  # for each variable, the claims of its smallest, middle, largest
        self.not_sides, self.required = not_sides(plan), {}
        for place, bag in enumerate(self.part.bags):
            if bag.parent is None:
                self.model.add(sum(self.counts[place]) == self.n)
                continue
            for here, there in self.part.agreements(place):
                one, other = self.counts[place], self.counts[bag.parent]
                self.model.add(sum(one[i] for i in here) == sum(other[i] for i in there))
        for tie in plan.times:
            self._keep_times(tie)
            self._keep_totals(tie)

    def number(self, high: int, low: int = 0) -> cp_model.IntVar:
        """Return a new whole number between two ends."""
        return self.model.new_int_var(low, high, "")

    # ---- numbers of a table -----------------------------------------------------------------------

    def _size(self, tree: expressions.Expression):
        """Return how many patients are in an expression."""
        if isinstance(tree, expressions.Everyone):
            return self.n
        bag = self.part.bag_of(expressions.variables(tree))
        size = self.number(self.most)
        self.model.add(sum(self.counts[bag][i] for i in np.flatnonzero(self.part.mask(tree, bag))) == size)
        return size

    def _below(self, name: str, group: expressions.Expression) -> list:
        """Return, for each cell of a variable, how many patients of a group lie in it or below."""
        bag = self.part.bag_of({name} | expressions.variables(group))
        return self._reached(name, bag, self.part.mask(group, bag))

    def _below_by_kind(self, name: str, group: expressions.Expression) -> list[list]:
        """Return the same for each kind of patients of the group, by what else is said of them with it."""
        bag = self.part.bag_of({name} | expressions.variables(group))
        inside, others = self.part.mask(group, bag), set(self.part.bags[bag].names) - {name}
        kinds = codes(self.part.bags[bag], sorted(others), self.part.axes)
        found = [self._reached(name, bag, inside & (kinds == kind)) for kind in np.unique(kinds[inside])]
        for size, *own in zip(self.below(name, group), *found, strict=True):
            self.model.add(size == sum(own))
        return found

    def _reached(self, name: str, bag: int, inside: np.ndarray) -> list:
        cell = self.part.bags[bag].place(name)
        reached = [self.number(self.most) for _ in range(len(self.part.axes[name]))]
        for place, size in enumerate(reached):
            here = sum(self.counts[bag][i] for i in np.flatnonzero(inside & (cell == place)))
            self.model.add(size == here + (reached[place - 1] if place else 0))
        return reached

    def between(self, name: str, group: expressions.Expression, low: int, high: int):
        """Return how many patients of a group have a value from low to high, both ends of cells."""
        axis, below = self.part.axes[name], self.below(name, group)
        first, end = np.searchsorted(axis.lows, low), np.searchsorted(axis.highs, high, side="right")
        return (below[end - 1] if end else 0) - (below[first - 1] if first else 0)

    def _sums(self, name: str) -> tuple[int, list]:
        """Return a bag and, for each of its patterns, the sum of a variable over the patients, in steps."""
        bag, sums = self.part.bag_of(self.plan.added_up[name]), []
        lows, highs = self.part.ends(name, bag)
        for count, low, high in zip(self.counts[bag], lows.tolist(), highs.tolist(), strict=True):
            if low > high:  # nobody can be there
                self.model.add(count == 0)
            total = low * count
            if low < high:  # every sum from the least to the most is attained
                total = self.number(max(0, high * self.most), min(0, low * self.most))
                self.model.add(total >= low * count)
                self.model.add(total <= high * count)
            sums.append(total)
        self.summed[name] = bag, sums
        return bag, sums

    def _keep_times(self, tie: Variable) -> None:
        """Let the sums of a time and of the two ages around it agree, pattern by pattern."""
        bags = [self.sums(name) for name in (tie.end, tie.start, tie.name)]
        [bag] = {bag for bag, _ in bags}
        late, early, between, most, before = factors(self.part.axes, tie)
        for count, end, start, time in zip(self.counts[bag], *(own for _, own in bags), strict=True):
            later = late * end - early * start
            self.model.add(later >= -before * count)
            self.model.add(later - between * time <= most * count)
            self.model.add(later - between * time >= -most * count)

    def total(self, quantity: Quantity | Claim):
        """Return the sum of a variable over a group, in steps."""
        return self.added(quantity.of, quantity.group)

    def _added(self, name: str, group: expressions.Expression):
        total = self._added_up(name, group)
        if not any(name in (tie.name, tie.start, tie.end) for tie in self.plan.times):
            return total
        reach = max(map(abs, map(int, (self.part.axes[name].lows[0], self.part.axes[name].highs[-1]))))
        known = self.number(reach * self.most, -reach * self.most)  # a solver sees sooner what totals leave
        self.model.add(known == total)
        return known

    def _added_up(self, name: str, group: expressions.Expression):
        if name in self.plan.counted:
            members = self.plan.counted[name]
            return sum(self.size(entailment.conjunction(expressions.Is(member), group)) for member in members)
        bag, sums = self.sums(name)
        return sum(sums[i] for i in np.flatnonzero(self.part.mask(group, bag)))

    def _keep_totals(self, tie: Variable) -> None:
        """Let totals of a time and of the two ages around it agree: it follows, but is seen sooner."""
        names = (tie.end, tie.start, tie.name)
        late, early, between, most, _ = factors(self.part.axes, tie)
        for group in dict.fromkeys(
            c.group for c in self.plan.claims if c.of in names and c.statistic in SUMMED
        ):
            end, start, time = (self.added(name, group) for name in names)
            self.demand(late * end - early * start - between * time - most * self.size(group), None, 0)
            self.demand(late * end - early * start - between * time + most * self.size(group), 0, None)

    def reached(self, name: str, group: expressions.Expression, times: int, of_size: int, more: int) -> list:
        """Say for each cell whether `times` those in it or below are `of_size` times all, and `more`."""
        size, literals = self.size(group), []
        for below in self.below(name, group):
            literal = self.model.new_bool_var("")
            self.model.add(times * below >= of_size * size + more).only_enforce_if(literal)
            self.model.add(times * below < of_size * size + more).only_enforce_if(literal.negated())
            literals.append(literal)
        return literals

    def middle(self, name: str, group: expressions.Expression) -> tuple[list, list]:
        """Say for each cell whether the lower, and the upper, of the two middle values is in it or below."""
        return self.reached(name, group, 2, 1, 0), self.reached(name, group, 2, 1, 1)

    # ---- what claims demand -----------------------------------------------------------------------

    def demand(self, expression, low: int | None, high: int | None, kept=None) -> None:
        """Let an expression lie between two ends, if `kept` holds."""
        if isinstance(expression, int):
            expression = expression + 0 * self.n
        for added in ([expression >= low] if low is not None else []) + (
            [expression <= high] if high is not None else []
        ):
            constraint = self.model.add(added)
            if kept is not None:
                constraint.only_enforce_if(kept)

    def require(self, statement: Statement, soft: bool = False) -> None:
        """Let a statement hold: always, or if it is kept."""
        kept = None
        if soft:
            kept = self.kept[statement] = self.model.new_bool_var("")
        for claim in statement.claims:
            if fewest(claim) and claim.statistic not in ENDS:
                self.demand(self.size(claim.group), fewest(claim), None, kept)
            self._is_one(claim, kept)
            for expression, low, high in self.conditions(claim, statement.rivals):
                self.demand(expression, low, high, kept)
            if claim.statistic == "sd":
                keep_apart(self, claim, kept)
        self.required[statement] = kept
        for members in self.not_sides:
            if statement in members and self.required.keys() >= {*members}:
                literals = [self.required[each] for each in members]
                _clause(self, [literal.negated() for literal in literals if literal is not None], None)

    def _is_one(self, claim: Claim, kept) -> None:
        """Let one number not be two, nor out of order, though rounding, or cells, may leave room for both."""
        if claim.statistic not in ORDER:
            return
        known = self.printed.setdefault(claim.of, [])
        for other, literal in known:
            if not are_in_order(self.part, claim, other):
                _clause(self, [] if literal is None else [literal.negated()], kept)
        known.append((claim, kept))

    def conditions(self, claim: Claim, rivals: Sequence[expressions.Expression] = ()) -> list[tuple]:
        """Return what a claim demands: expressions, and between which ends each lies."""
        if claim.statistic == "rank":
            own = self.size(entailment.conjunction(claim.patients, claim.group))
            return [(own - self.size(rival), 0, None) for rival in rivals]
        if claim.statistic == "sd":
            return self.spread(claim, *rounding.interval(claim.number), is_open=True)
        if claim.statistic == "median":
            return of_median(self, claim)
        if claim.statistic not in ENDS:
            return _between(*(_total if claim.statistic in TOTALS else _share)(self, claim))
        # Of smallest, largest and common values: nobody beyond, and somebody there.
        low, high = window(claim, self.part.axes[claim.of].variable.step)
        size, inside = self.size(claim.group), self.between(claim.of, claim.group, low, high)
        below = self.between(claim.of, claim.group, -UNLIMITED, low - 1)
        beyond = {"min": [below], "max": [size - below - inside], "value": [below, size - below - inside]}
        return [*((outside, 0, 0) for outside in beyond[claim.statistic]), (inside, 1, None)]

    def prefer(self, claim: Claim) -> tuple[int, object]:
        """Return a weight, and a number that is smaller the nearer a table comes to what a claim prints.

        A value, a median or an SD is either as printed, rounded half up, or is not; of a share, a mean or a
        sum the distance counts, in tenths of the last digit.
        """
        if claim.statistic in ("count", "percent", "mean", "sum"):
            return 1, self._distance(claim)
        as_printed = self.model.new_bool_var("")
        if claim.statistic == "sd":
            value, half = claim.number.value, claim.number.place / 2
            conditions = self.spread(claim, value - half, value + half, is_open=False)
        else:
            conditions = self.conditions(sharper(claim))
        for expression, low, high in conditions:
            self.demand(expression, low, high, as_printed)
        return APART, as_printed.negated()

    def _distance(self, claim: Claim):
        """Return how far a share, a mean or a sum is from what is printed, in tenths of its last digit."""
        if claim.patients is not None:
            above = self.size(entailment.conjunction(claim.patients, claim.group))
            scale = Fraction(100 if claim.statistic == "percent" else 1)
        else:
            above = self.total(claim)
            scale = self.part.axes[claim.of].variable.step if claim.of in self.part.axes else Fraction(1)
        below = self.size(claim.group) if claim.statistic in ("percent", "mean") else 1
        value, unit = claim.number.value, claim.number.place / 10
        factor = math.lcm(scale.denominator, unit.denominator)
        apart = int(scale * factor) * above - int(value * factor) * below
        tenth = int(factor * unit)
        distance = self.number(UNLIMITED)
        self.model.add(tenth * distance >= apart)
        self.model.add(tenth * distance >= -apart)
        return distance


def fitting_tables(plan: Plan, n: int | tuple[int, int], **kind: bool | None) -> Tables:
    """Return the tables of a part in which all its statements hold."""
    tables = Tables(plan, n, **kind)
    for statement in plan.statements:
        tables.require(statement)
    return tables


def tables_of(stated: Sequence[Statement], view: View, n: int | tuple[int, int]) -> Tables:
    """Return the tables, of so many patients, in which some statements hold."""
    return fitting_tables(replace(merged(divide(stated, view)), ties_middles=True), n)


def fewest(claim: Claim) -> int:
    """Return of how many patients a claim's number is at least: of nobody there is no mean, nor another."""
    return {"count": 0, "sum": 0, "rank": 0, "sd": 2}.get(claim.statistic, 1)


def are_in_order(part: Part, one: Claim, other: Claim) -> bool:
    """Say whether two values are printed as one rule of rounding can: the smaller not as the larger.

    The smallest is not above the middle one and that not above the largest; what is smallest or largest of
    all is so of a part. Numbers of two sections, with more digits, or in another unit, can be rounded by two
    rules.
    """
    if (one.statistic, one.group) == (other.statistic, other.group):
        return can_be_one(one, other)
    numbers = one.number, other.number
    as_one = one.section == other.section and numbers[0].place == numbers[1].place
    if not as_one or any(number.relation != "=" for number in numbers):
        return True
    apart = numbers[0].value - numbers[1].value
    if one.group == other.group:
        return apart * (ORDER[one.statistic] - ORDER[other.statistic]) >= 0
    if one.statistic != other.statistic or one.statistic == "median":
        return True
    apart *= 1 - ORDER[one.statistic]
    names = expressions.variables(one.group) | expressions.variables(other.group)
    if not apart or not part.has(names):
        return True
    bag = part.bag_of(names)
    part_of, whole = (other, one) if apart > 0 else (one, other)  # what cannot be of a part and its whole
    return bool((part.mask(part_of.group, bag) & ~part.mask(whole.group, bag)).any())


def _share(tables: Tables, claim: Claim) -> tuple:
    counted = tables.size(entailment.conjunction(claim.patients, claim.group))
    group, number = tables.size(claim.group), claim.number
    if claim.statistic == "count" and number.value is None:
        return group - counted, 1, number.fewer, number.fewer, False, False
    if claim.statistic == "count":
        group, times, low, high, is_open = 1, 1, number.value, number.value, [False, False]
    else:
        times = 100 if claim.statistic == "percent" else 1
        low, high, *is_open = rounding.share_limits(number, claim.statistic)
    ends = {"=": (low, high), "~": (low, high), "<": (None, low), "<=": (None, low),
            ">": (low, None), ">=": (low, None)}  # fmt: skip
    is_open = [True, True] if number.relation in ("<", ">") else is_open
    return times * counted, group, *ends[number.relation], *is_open


def _between(above, below, low: Fraction | None, high: Fraction | None, *is_open: bool) -> list[tuple]:
    """Return the conditions that above / below lies between two fractions, an end perhaps excluded."""
    conditions = []
    if low is not None:
        conditions.append((low.denominator * above - low.numerator * below, int(is_open[0]), None))
    if high is not None:
        conditions.append((high.denominator * above - high.numerator * below, None, -int(is_open[1])))
    return conditions


def _total(tables: Tables, claim: Claim) -> tuple:
    variable = tables.part.axes[claim.of].variable if claim.of in tables.part.axes else None
    step = variable.step if variable is not None else Fraction(1)
    if claim.statistic == "sum":
        return tables.total(claim), 1, claim.number.value / step, claim.number.value / step, False, False
    low, high, *is_open = rounding.limits(claim.number)
    return tables.total(claim), tables.size(claim.group), low / step, high / step, *is_open


def _clause(tables: Tables, literals: Sequence, kept) -> None:
    tables.model.add_bool_or([*literals, *([kept.negated()] if kept is not None else [])])
