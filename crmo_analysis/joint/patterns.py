"""Patterns of patients: a table of patients, up to the order of its rows, is a count for each pattern.

Variables that are mentioned together share a bag; a bag lists the combinations of their values that the rules
leave. Bags form a tree in which those of one variable hang together, so counts that agree wherever two bags
share variables always belong to some table (Lauritzen SL, Spiegelhalter DJ. J R Stat Soc B 1988;50:157-224),
whatever the number of patients. A numeric variable is cut into the ranges that the claims can tell apart.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from itertools import pairwise

import numpy as np

from crmo_analysis.files import TooLargeError
from crmo_analysis.study import Codebook, Variable, expressions

MAXIMUM_PATTERNS = 100_000


@dataclass(frozen=True, eq=False)
class Axis:
    """The cells of a variable that the claims can tell apart.

    Attributes
    ----------
    variable : Variable
    lows, highs : ndarray of int
        First and last value of each cell, in steps of the variable; places of values for other types.
    values : ndarray
        One value of each cell, as expressions compare it.
    """

    variable: Variable
    lows: np.ndarray
    highs: np.ndarray
    values: np.ndarray

    def __len__(self) -> int:
        return len(self.lows)


def make_axis(variable: Variable, starts: Iterable[int] = (), every: tuple[int, int] | None = None) -> Axis:
    """Cut a variable into cells.

    A cell begins at each of `starts`, and between the two ends of `every` all values are cells of their own;
    a TooLargeError says that those are too many. All are in steps of the variable.
    """
    if not variable.is_numeric:
        values = np.array(variable.categories if variable.type == "category" else [False, True])
        places = np.arange(len(values))
        return Axis(variable, places, places, values)
    low, high = math.ceil(variable.minimum / variable.step), math.floor(variable.maximum / variable.step)
    gaps = {int(value / variable.step) for value in variable.impossible}
    cuts = {low, *(start for start in starts if low < start <= high)}
    if every is not None:
        first, end = max(low, every[0]), min(high, every[1]) + 2
        if end - first > MAXIMUM_PATTERNS:
            raise TooLargeError(
                f"{variable.name} has {end - first:,} values that would have to be told apart; "
                "give it a larger step, or narrower limits, in the codebook"
            )
        cuts |= set(range(first, end))
    cuts |= {place + 1 for place in gaps} | gaps
    edges = [*sorted(cut for cut in cuts if low <= cut <= high), high + 1]
    cells = [(first, end - 1) for first, end in pairwise(edges) if first not in gaps]
    lows, highs = (np.array(side) for side in zip(*cells, strict=True))
    return Axis(variable, lows, highs, np.array([float(int(first) * variable.step) for first in lows]))


@dataclass(frozen=True, eq=False)
class Bag:
    """Variables that are mentioned together, and the combinations of their cells that can occur.

    Attributes
    ----------
    names : tuple of str
    places : ndarray of shape (len(names), patterns)
        The cell of each variable in each pattern.
    parent : int or None
        The bag's place in the tree: an earlier bag of the list.
    """

    names: tuple[str, ...]
    places: np.ndarray
    parent: int | None

    def place(self, name: str) -> np.ndarray:
        """Return a variable's cell in each pattern."""
        return self.places[self.names.index(name)]

    @property
    def size(self) -> int:
        """The number of patterns."""
        return self.places.shape[1]


@dataclass(frozen=True, eq=False)
class Part:
    """Variables that are tied to each other, directly or through others, and their tree of bags.

    `times` are those that lie between two ages which are among them.
    """

    axes: Mapping[str, Axis]
    bags: tuple[Bag, ...]
    times: tuple[Variable, ...] = ()

    @cached_property
    def names(self) -> frozenset[str]:
        """The variables."""
        return frozenset(self.axes)

    def bag_of(self, names: Iterable[str]) -> int:
        """Return the place of the smallest bag that has all of these variables."""
        names = set(names)
        return min(
            (b for b, bag in enumerate(self.bags) if names <= set(bag.names)), key=lambda b: self.bags[b].size
        )

    def has(self, names: Iterable[str]) -> bool:
        """Say whether some bag has all of these variables."""
        return any(set(names) <= set(bag.names) for bag in self.bags)

    def agreements(self, child: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield the patterns of a bag, and of its parent, that have the same cells of what the two share.

        Of a bag without a parent, all its patterns and all of the first bag.
        """
        names = shared(self.bags, child)
        here, there = (codes(self.bags[p], names, self.axes) for p in (child, self.bags[child].parent or 0))
        for code in np.union1d(here, there):
            yield np.flatnonzero(here == code), np.flatnonzero(there == code)

    def mask(self, tree: expressions.Expression, bag: int) -> np.ndarray:
        """Say of each pattern of a bag whether its patients are in an expression."""
        return _evaluate(tree, self.bags[bag].names, self.bags[bag].places, self.axes)

    def ends(self, name: str, place: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the first and the last value, in steps, of a variable in each pattern of a bag.

        That is its cell, or what a time and the ages around it leave of it.
        """
        axis, bag = self.axes[name], self.bags[place]
        lows, highs = axis.lows[bag.place(name)], axis.highs[bag.place(name)]
        for tie in self.times:
            if name in _tied(tie) and _tied(tie) <= set(bag.names):
                step = float(axis.variable.step)
                low, high = _left_by(tie, name, bag.names, bag.places, self.axes)
                lows = np.maximum(lows, np.ceil(low / step - 1e-6).astype(int))
                highs = np.minimum(highs, np.floor(high / step + 1e-6).astype(int))
        return lows, highs


def _evaluate(
    tree: expressions.Expression, names: Sequence[str], places: np.ndarray, axes: Mapping[str, Axis]
) -> np.ndarray:
    columns = {name: axes[name].values[place] for name, place in zip(names, places, strict=True)}
    return expressions.evaluate(tree, columns, np.ones(places.shape[1], dtype=bool))


def factors(axes: Mapping[str, Axis], tie: Variable) -> tuple[int, int, int, int, int]:
    """Return by what a time's end, its start and the time are multiplied, and how far they may miss.

    Last by how much the end may be before the start, in the same units.
    """
    time, end, start = (axes[name].variable for name in (tie.name, tie.end, tie.start))
    per_unit, slack = time.between(end, start)
    per_year = Fraction(per_unit).limit_denominator(1000)
    scale = per_year.denominator * math.lcm(*(of.step.denominator for of in (time, end, start)))
    ages = (int(per_year * age.step * scale) for age in (end, start))
    before = math.floor(per_year * end.before(start) * scale)
    return *ages, int(time.step * scale), math.floor(slack * scale), before


def make_part(
    scopes: Iterable[frozenset[str]],
    axes: Mapping[str, Axis],
    rules: Sequence[expressions.Expression],
    codebook: Codebook,
) -> Part:
    """List the patterns of variables that are tied to each other.

    `scopes` are sets of variables that are mentioned together, `rules` hold for every patient, and the
    codebook says which times lie between two ages. A TooLargeError says that too many are mentioned together.
    """
    conditions = [
        (expressions.variables(rule), rule) for rule in rules if expressions.variables(rule) <= axes.keys()
    ]
    ties = [
        codebook[name] for name in sorted(axes) if {codebook[name].start, codebook[name].end} <= axes.keys()
    ]
    counts = {
        name: members for name in sorted(axes) for members in [counted_by(name, axes, codebook)] if members
    }
    together = [frozenset([name, *members]) for name, members in counts.items()]
    tree = _tree(
        {*scopes, *(frozenset(names) for names, _ in conditions), *map(_tied, ties), *together}, axes
    )
    bags = [Bag(names, _patterns(names, axes, conditions, ties, counts), parent) for names, parent in tree]
    return Part(axes, tuple(_supported(bags, axes)), tuple(ties))


def _supported(bags: list[Bag], axes: Mapping[str, Axis]) -> list[Bag]:
    """Drop patterns that no pattern of a neighbouring bag goes with, so that every one can be completed."""
    bags = list(bags)
    edges = [(child, bag.parent) for child, bag in enumerate(bags) if bag.parent is not None]
    upward = sorted(edges, reverse=True)  # a parent is an earlier bag
    for child, parent in (*upward, *((parent, child) for child, parent in upward[::-1])):
        names = shared(bags, max(child, parent))
        here, there = (codes(bags[place], names, axes) for place in (parent, child))
        bag = bags[parent]
        bags[parent] = replace(bag, places=bag.places[:, np.isin(here, there)])
    return bags


def _tied(variable: Variable) -> frozenset[str]:
    return frozenset([variable.name, variable.start, variable.end])


def counted_by(name: str, names: Iterable[str], codebook: Codebook) -> tuple[str, ...]:
    """Return which of some variables another one is the number of; none unless there are two."""
    group = codebook[name].counts
    members = tuple(sorted(other for other in names if group and codebook[other].group == group))
    return members if len(members) > 1 else ()


def _patterns(names, axes, conditions, ties, counts) -> np.ndarray:
    """Join one variable after the other, and drop what a rule forbids as soon as it can be seen."""
    places = np.zeros((0, 1), dtype=np.int32)
    for count, name in enumerate(names, start=1):
        size = places.shape[1] * len(axes[name])
        if size > 8 * MAXIMUM_PATTERNS:
            break
        added = np.tile(np.arange(len(axes[name]), dtype=np.int32), places.shape[1])
        places = np.vstack([np.repeat(places, len(axes[name]), axis=1), added])
        joined = names[:count]
        for needed, rule in conditions:
            if name in needed and needed <= set(joined):
                places = places[:, _evaluate(rule, joined, places, axes)]
        for number, members in counts.items():
            if name in (number, *members) and {number, *members} <= set(joined):
                place = places[joined.index(number)]
                total = sum(places[joined.index(member)] for member in members)
                places = places[:, (axes[number].lows[place] <= total) & (total <= axes[number].highs[place])]
        for tie in ties:
            if name in _tied(tie) and _tied(tie) <= set(joined):
                places = places[:, _is_possible(tie, joined, places, axes)]
    else:
        if places.shape[1] <= MAXIMUM_PATTERNS:
            return places
    raise TooLargeError(
        f"more than {MAXIMUM_PATTERNS:,} combinations of {', '.join(names)} are mentioned together; "
        "ask about fewer variables at once, or use fewer rules"
    )


def _is_possible(
    tie: Variable, names: Sequence[str], places: np.ndarray, axes: Mapping[str, Axis]
) -> np.ndarray:
    """Say which cells hold some time that lies between some two ages, the later of which is not earlier."""
    axis, place = axes[tie.name], places[names.index(tie.name)]
    late, early = (axes[name].variable for name in (tie.end, tie.start))
    last = axes[tie.end].highs[places[names.index(tie.end)]] * float(late.step)
    first = axes[tie.start].lows[places[names.index(tie.start)]] * float(early.step)
    is_in_order = last - first >= -float(late.before(early)) - 1e-9
    low, high = _left_by(tie, tie.name, names, places, axes)
    step = float(axis.variable.step)
    is_met = (axis.lows[place] * step <= high + 1e-9) & (axis.highs[place] * step >= low - 1e-9)
    return is_in_order & is_met


def _left_by(
    tie: Variable, name: str, names, places, axes: Mapping[str, Axis]
) -> tuple[np.ndarray, np.ndarray]:
    """Return between which values, in units, two of a time and its two ages leave the third."""
    per_unit, slack = tie.between(axes[tie.end].variable, axes[tie.start].variable)
    first, last = {}, {}
    for other in _tied(tie):
        axis, place, unit = axes[other], places[names.index(other)], float(axes[other].variable.step)
        first[other], last[other] = axis.lows[place] * unit, axis.highs[place] * unit
    time, before = tie.name, float(axes[tie.end].variable.before(axes[tie.start].variable))
    if name == time:
        low, high = (a[tie.end] - b[tie.start] for a, b in ((first, last), (last, first)))
        return per_unit * np.maximum(low, -before) - slack, per_unit * high + slack
    least, most = (first[time] - slack) / per_unit, (last[time] + slack) / per_unit
    least = np.maximum(least, -before)
    if name == tie.end:
        return first[tie.start] + least, last[tie.start] + most
    return first[tie.end] - most, last[tie.end] - least


def _tree(
    scopes: Iterable[frozenset[str]], axes: Mapping[str, Axis]
) -> list[tuple[tuple[str, ...], int | None]]:
    """Arrange variables in a tree of bags: eliminate the one with the fewest combinations around it first."""
    around: dict[str, set[str]] = {name: set() for name in sorted(axes)}
    for scope in scopes:
        for name in scope:
            around[name] |= scope - {name}
    size = {name: len(axes[name]) for name in axes}
    cliques: list[tuple[str, frozenset[str]]] = []
    while around:
        chosen = min(around, key=lambda name: (math.prod(size[n] for n in around[name]) * size[name], name))
        near = around.pop(chosen)
        for name in near:
            around[name] |= near - {name}
            around[name].discard(chosen)
        cliques.append((chosen, frozenset(near)))
    order = {name: place for place, (name, _) in enumerate(cliques)}
    bags: list[tuple[tuple[str, ...], int | None]] = []
    bag_with: dict[str, int] = {}  # the bag in which a variable was eliminated, or one that holds all of it
    for name, near in reversed(cliques):
        parent = bag_with[min(near, key=order.__getitem__)] if near else None
        if parent is not None and set(bags[parent][0]) <= near:  # the parent adds nothing to this bag
            bags[parent] = (tuple(sorted({name, *near})), bags[parent][1])
            bag_with[name] = parent
        else:
            bag_with[name] = len(bags)
            bags.append((tuple(sorted({name, *near})), parent))
    return bags


def shared(bags: Sequence[Bag], child: int) -> tuple[str, ...]:
    """Return the variables that a bag shares with its parent; none where it has no parent."""
    parent = bags[child].parent
    return tuple(name for name in bags[child].names if parent is not None and name in bags[parent].names)


def codes(bag: Bag, names: Sequence[str], axes: Mapping[str, Axis]) -> np.ndarray:
    """Return one number for each pattern of a bag, the same for the same cells of the variables named."""
    result = np.zeros(bag.size, dtype=np.int64)
    for name in names:
        result = result * len(axes[name]) + bag.place(name)
    return result
