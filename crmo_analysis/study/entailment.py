"""Which patients must be, or cannot be, among which others: decided from what the words mean.

Rules that hold for every patient leave only some combinations of values possible. One expression entails
another when every possible combination that is in the first is in the second. Nothing here knows how many
patients there are, so an answer holds for every table of patients.
"""

import math
from collections.abc import Iterable, Sequence
from fractions import Fraction
from functools import cache
from math import prod

import numpy as np

from crmo_analysis.files import InputError
from crmo_analysis.study.codebook import Codebook, Variable
from crmo_analysis.study.expressions import And, Compare, Everyone, Expression, Not, Or, evaluate, variables

MAXIMUM_COMBINATIONS = 1 << 20


class Meaning:
    """Answers about expressions under the rules of a study; combinations are gone through once.

    Each rule holds for every patient; the expressions that will be asked about say where a numeric variable
    has to be cut.
    """

    def __init__(self, codebook: Codebook, rules: Sequence[Expression], expressions: Iterable[Expression]):
        self._rules = tuple(rules)
        cuts: dict[str, set[Fraction]] = {}
        trees = {*rules, *expressions}
        for tree in trees:
            for name, cut in _cuts(tree):
                cuts.setdefault(name, set()).add(cut)
        names = frozenset().union(*map(variables, trees))
        self._cells = {name: _cells(codebook[name], cuts.get(name, ())) for name in names}
        self.component = cache(self._find_component)
        self._possible = cache(self._find_possible)
        self._combinations = cache(self._join)
        self._mask = cache(lambda tree, names: evaluate(tree, *self._combinations(names)))
        self._tied = cache(lambda tree: frozenset(map(self.component, variables(tree))))
        self._is_empty = cache(lambda tree: not self._mask(tree, variables(tree)).any())
        self.entails = cache(self._entails)
        self.same = cache(self._same)
        self.canonical = cache(self._find_canonical)
        self._canonical: list[Expression] = []

    def _entails(self, inner: Expression, outer: Expression) -> bool:
        """Return whether who is in `inner` must be in `outer`."""
        names = variables(inner) | variables(outer)
        if not self._tied(inner) & self._tied(outer):  # then neither says anything of the other
            return self._is_empty(inner) or self._is_empty(Not(outer))
        return not (self._mask(inner, names) & ~self._mask(outer, names)).any()

    def excludes(self, one: Expression, other: Expression) -> bool:
        """Return whether nobody can be in both."""
        return self.entails(one, Not(other))

    def _same(self, one: Expression, other: Expression) -> bool:
        """Return whether two expressions mean the same patients in every possible table."""
        return one == other or (self.entails(one, other) and self.entails(other, one))

    def _find_canonical(self, tree: Expression) -> Expression:
        """Return one expression for all that mean the same patients."""
        for known in self._canonical:
            if self.same(known, tree):
                return known
        self._canonical.append(tree)
        return tree

    def _find_component(self, name: str) -> frozenset[str]:
        """Return the variables that rules tie to this one, directly or through others."""
        names = frozenset([name])
        while True:
            reached = names.union(*(variables(rule) for rule in self._rules if variables(rule) & names))
            if reached == names:
                return names
            names = reached

    def _find_possible(self, component: frozenset[str]) -> dict[str, np.ndarray]:
        """Return the combinations that the rules leave, as places in each variable's cells."""
        names = sorted(component)
        sizes = [len(self._cells[name]) for name in names]
        _check_size(prod(sizes), component)
        places = dict(zip(names, np.indices(sizes).reshape(len(names), -1), strict=True))
        for rule in self._rules:
            if variables(rule) & component:
                kept = evaluate(
                    rule, {name: self._cells[name][place] for name, place in places.items()}, True
                )
                places = {name: place[kept] for name, place in places.items()}
        if not len(next(iter(places.values()))):
            raise InputError(
                f"the rules about {', '.join(names)} contradict each other: no patient can satisfy them all"
            )
        return places

    def _join(self, names: frozenset[str]) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Return every possible combination of the variables named, however many others they are tied to."""
        tables = []
        for component in sorted({self.component(name) for name in names}, key=sorted):
            kept = sorted(component & names)
            possible = self._possible(component)
            tables.append((kept, np.unique(np.stack([possible[name] for name in kept]), axis=1)))
        lengths = [table.shape[1] for _, table in tables]
        _check_size(prod(lengths), names)
        rows = np.indices(lengths).reshape(len(lengths), prod(lengths))
        columns = {
            name: self._cells[name][table[place][row]]
            for (kept, table), row in zip(tables, rows, strict=True)
            for place, name in enumerate(kept)
        }
        return columns, np.ones(prod(lengths), dtype=bool)


def _check_size(size: int, names: frozenset[str]) -> None:
    if size > MAXIMUM_COMBINATIONS:
        raise InputError(
            f"{size:,} combinations of {', '.join(sorted(names))} are too many to go through; "
            "use fewer rules, or one category variable for exclusive choices"
        )


def _cells(variable: Variable, cuts: Iterable[Fraction]) -> np.ndarray:
    """Return one value for every range of a variable that the cuts can tell apart."""
    if variable.type == "boolean":
        return np.array([False, True])
    if variable.type == "category":
        return np.array(variable.categories)
    step = variable.step or Fraction(1, 1000)
    low, high = variable.minimum, variable.maximum
    values = {end for end in (low, high) if end is not None} or {Fraction(0)}
    for cut in cuts:  # the steps at a cut, and next to it on either side
        below, above = math.floor(cut / step), math.ceil(cut / step)
        values |= {place * step for place in (below - 1, below, above, above + 1)}
    kept = [v for v in values if (low is None or v >= low) and (high is None or v <= high)]
    return np.array(sorted(float(value) for value in kept))


def _cuts(tree: Expression) -> list[tuple[str, Fraction]]:
    match tree:
        case Compare(name, _, Fraction() as value):
            return [(name, value)]
        case Not(inner):
            return _cuts(inner)
        case And(left, right) | Or(left, right):
            return _cuts(left) + _cuts(right)
    return []


def conjunction(*trees: Expression) -> Expression:
    """Return the patients in all of the expressions; everyone if there are none."""
    result: Expression = Everyone()
    for tree in trees:
        if tree != Everyone():
            result = tree if result == Everyone() else And(result, tree)
    return result
