"""Every table of a small part, listed: what holds is looked up, where a solver would take long over an SD.

A table has one row of `seats`, the pattern of each of its patients; a seat may stay empty where the number of
patients is not fixed. Values are told apart one by one, so nothing here is rounded outward.
"""

import math
from collections.abc import Iterable
from functools import cache, lru_cache, reduce
from itertools import chain, combinations_with_replacement, product

import numpy as np

from crmo_analysis.joint.axes import UNLIMITED, window
from crmo_analysis.joint.model import share, total
from crmo_analysis.joint.patterns import Bag, Part, codes
from crmo_analysis.joint.statements import Plan, Statement
from crmo_analysis.study import Claim, entailment, expressions, rounding

MOST_LISTED = 100_000  # tables
NOT_OF_NOBODY = {"count": 0, "sum": 0, "sd": 2}  # patients that a statistic needs; others need one


def listing(plan: Plan, n: int | tuple[int, int]) -> "Listing | None":
    """Return the tables of a part with a printed SD, if they are few; None if they are not.

    Parameters
    ----------
    plan : Plan
    n : int or (int, int)
        How many patients, or between how many: then as many numbers from the first on as are few.
    """
    low, high = n if isinstance(n, tuple) else (n, n)
    has_spread = any(claim.statistic == "sd" for s in plan.statements for claim in s.claims)
    if not has_spread or plan.times or plan.part.times or plan.counted:
        return None
    patterns = _patterns(plan, low)
    if patterns is None:
        return None
    end, kinds = low, len(patterns[1]) + (low < high)  # a seat may be empty
    while end <= high and math.comb(kinds + end - 1, end) <= MOST_LISTED:
        end += 1
    return Listing(plan, *patterns, (low, end - 1), high) if end > low else None


def _patterns(plan: Plan, n: int) -> tuple[Bag, np.ndarray] | None:
    """Return all bags as one, and the values of every variable in each of its patterns; None if too many."""
    part, joined = plan.part, None
    for bag in part.bags:
        joined = bag if joined is None else _join(joined, bag, part)
        if math.comb(joined.size + n - 1, n) > MOST_LISTED:
            return None
    if joined is None:
        return None
    axes = [part.axes[name] for name in joined.names]
    ends = np.array([[a.lows[p], a.highs[p]] for a, p in zip(axes, joined.places, strict=True)])
    wide = np.prod((ends[:, 1] - ends[:, 0] + 1).astype(float), axis=0)
    if math.comb(int(min(wide.sum(), MOST_LISTED)) + n - 1, n) > MOST_LISTED:
        return None
    each = [list(product(*(range(a, b + 1) for a, b in ends[:, :, k]))) for k in range(joined.size)]
    rows = np.repeat(np.arange(joined.size), [len(values) for values in each])
    values = np.array(list(chain.from_iterable(each)), dtype=np.int64).reshape(len(rows), -1)
    return Bag(joined.names, joined.places[:, rows], None), values


def _join(one: Bag, other: Bag, part: Part) -> Bag:
    """Return every pattern of two bags that agree where they share variables."""
    common = [name for name in other.names if name in one.names]
    here, there = codes(one, common, part.axes), codes(other, common, part.axes)
    first, second = np.nonzero(here[:, None] == there[None, :])
    added = [place for place, name in enumerate(other.names) if name not in one.names]
    names = (*one.names, *(other.names[place] for place in added))
    return Bag(names, np.vstack([one.places[:, first], other.places[added][:, second]]), None)


@lru_cache(maxsize=8)
def _seats(patterns: int, low: int, high: int) -> np.ndarray:
    """Return the pattern of every patient in every table, `patterns` for an empty seat."""
    every = combinations_with_replacement(range(patterns + (low < high)), high)
    seats = np.fromiter(chain.from_iterable(every), dtype=np.int32).reshape(-1, high)
    return seats[(seats < patterns).sum(axis=1) >= low]


class Listing:
    """All tables of a part, and in which of them statements hold.

    It has those doors of `model.Tables` by which `share` and `total` read a table, with arrays for numbers.

    Parameters
    ----------
    plan : Plan
    bag : Bag
        All variables of the part.
    values : ndarray of shape (patterns, variables)
        In steps.
    ends : (int, int)
        Between how many patients.
    most : int
        Up to how many patients are asked about.

    Attributes
    ----------
    others : (int, int) or None
        Between how many patients there are in tables that are asked about and not listed.
    """

    def __init__(self, plan: Plan, bag: Bag, values: np.ndarray, ends: tuple[int, int], most: int):
        self.part, self.bag, self._values = Part(plan.part.axes, (bag,)), bag, values
        self.others = (ends[1] + 1, most) if ends[1] < most else None
        self.seats = _seats(bag.size, *ends)
        self.size, self.holds, self.denies = cache(self._size), cache(self._holds), cache(self._denies)

    def can_stand(self, chosen: Iterable[Statement], denied: Statement | None = None) -> bool:
        """Say whether statements hold in some table, and one perhaps is denied."""
        return bool(self.where(chosen, denied).any())

    def where(self, chosen: Iterable[Statement], denied: Statement | None = None) -> np.ndarray:
        """Say of every table whether statements hold in it, and one perhaps is denied."""
        found = np.ones(len(self.seats), dtype=bool) if denied is None else self.denies(denied)
        return reduce(np.logical_and, map(self.holds, chosen), found)

    # ---- numbers of the tables --------------------------------------------------------------------

    def _inside(self, tree: expressions.Expression) -> np.ndarray:
        """Say of every patient whether he or she is in an expression."""
        return np.append(self.part.mask(tree, 0), False)[self.seats]

    def _size(self, tree: expressions.Expression) -> np.ndarray:
        return self._inside(tree).sum(axis=1)

    def _of(self, name: str) -> np.ndarray:
        """Return every patient's value, in steps."""
        return np.append(self._values[:, self.bag.names.index(name)], 0)[self.seats]

    def total(self, claim: Claim) -> np.ndarray:
        """Return the sum of a variable over a group, in steps."""
        return (self._inside(claim.group) * self._of(claim.of)).sum(axis=1)

    def _spread(self, claim: Claim) -> tuple:
        """Return what a squared SD divides by what, between what it lies, and that the ends are out."""
        inside, size = self._inside(claim.group), self.size(claim.group)
        of = self._of(claim.of) - int(self._values[:, self.bag.names.index(claim.of)].min())
        above = size * (inside * of**2).sum(axis=1) - (inside * of).sum(axis=1) ** 2
        low, high = (end / self.part.axes[claim.of].variable.step for end in rounding.interval(claim.number))
        return above, size * (size - 1), low**2 if low >= 0 else None, high**2, True

    def _middle(self, claim: Claim) -> tuple:
        """Return the sum of the two middle values, divided by two, and between what it lies."""
        inside, size = self._inside(claim.group), self.size(claim.group)
        ordered = np.sort(np.where(inside, self._of(claim.of), UNLIMITED), axis=1)
        rows = np.arange(len(ordered))
        both = ordered[rows, np.maximum(size - 1, 0) // 2]
        both = both + ordered[rows, np.minimum(size // 2, ordered.shape[1] - 1)]
        low, high = (end / self.part.axes[claim.of].variable.step for end in rounding.interval(claim.number))
        return both, 2, low, high, True

    # ---- what claims demand -----------------------------------------------------------------------

    def _holds(self, statement: Statement) -> np.ndarray:
        return reduce(np.logical_and, (self._gives(claim, statement) for claim in statement.claims))

    def _denies(self, statement: Statement) -> np.ndarray:
        """Say of every table whether it gives another number than is printed; of nobody there is none."""
        claim = min(statement.claims, key=lambda claim: claim.statistic != "count")
        return self._is_there(claim) & ~self._gives(claim, statement)

    def _is_there(self, claim: Claim) -> np.ndarray:
        needed = 0 if claim.statistic == "rank" else NOT_OF_NOBODY.get(claim.statistic, 1)
        return self.size(claim.group) >= needed

    def _gives(self, claim: Claim, statement: Statement) -> np.ndarray:
        match claim.statistic:
            case "rank":
                own = self.size(entailment.conjunction(claim.patients, claim.group))
                found = reduce(np.logical_and, (own >= self.size(rival) for rival in statement.rivals))
            case "count" | "percent" | "fraction":
                found = _within(*share(self, claim))
            case "mean" | "sum":
                found = _within(*total(self, claim))
            case "sd":
                found = _within(*self._spread(claim))
            case "median":
                found = _within(*self._middle(claim))
            case _:
                found = self._reaches(claim)
        return found & self._is_there(claim)

    def _reaches(self, claim: Claim) -> np.ndarray:
        """Smallest, largest and common values: nobody beyond, and somebody there."""
        low, high = window(claim, self.part.axes[claim.of].variable.step)
        inside, of = self._inside(claim.group), self._of(claim.of)
        found = (inside & (of >= low) & (of <= high)).any(axis=1)
        if claim.statistic in ("min", "value"):
            found &= ~(inside & (of < low)).any(axis=1)
        if claim.statistic in ("max", "value"):
            found &= ~(inside & (of > high)).any(axis=1)
        return found


def _within(above, below, low, high, is_open: bool) -> np.ndarray:
    """Say where above / below lies between two fractions, in whole numbers of any size."""
    above, below = np.asarray(above, dtype=object), np.asarray(below, dtype=object)
    found = np.ones(above.shape, dtype=bool)
    for sign, end in ((1, low), (-1, high)):
        if end is not None:
            beyond = sign * (end.denominator * above - end.numerator * below)
            found &= (beyond >= int(is_open)).astype(bool)
    return found
