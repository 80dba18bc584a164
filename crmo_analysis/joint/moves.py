"""Values of patients moved, one after the other, until a table gives what is printed.

Who is in which group stays; only values move, within the cells that claims about patients and rules leave. A
move is kept if it brings the table nearer to what is printed, or, at first, not much farther from it
(threshold accepting: Dueck G, Scheuer T. J Comput Phys 1990;90:161-175). All is whole numbers and square
roots, so that every machine moves the same.
"""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from crmo_analysis.joint.axes import window
from crmo_analysis.joint.patterns import factors
from crmo_analysis.joint.statements import Plan
from crmo_analysis.study import Claim, expressions, rounding

MOVES = 9000
ROUND = 3000  # after so many, moves may lead away again
TRIES = 10  # to bring an age and a time of a patient together
PATIENCE = 0.5  # of a printed digit: by so much a move at first may lead away


@dataclass
class Wish:
    """A printed number of a variable in some rows, in steps, and how far values are from it."""

    of: str
    statistic: str
    rows: np.ndarray
    low: float  # values between the two, the ends not among them, are printed so
    high: float
    place: float
    is_denied: bool = False

    def missed(self, values: np.ndarray) -> float:
        """Return how many last digits the values are from what is printed, or, if it is denied, into it."""
        value = _value(self.statistic, values[self.rows])
        inside = min(value - self.low, self.high - value) / self.place
        if self.is_denied:
            return max(inside + 0.01, 0.0)
        return max(0.01 - inside, 0.0) if inside <= 0 else 0.0


def _value(statistic: str, values: np.ndarray) -> float:
    n = len(values)
    match statistic:
        case "mean":
            return int(values.sum()) / n
        case "sum":
            return int(values.sum())
        case "sd":
            return math.sqrt(n * int((values * values).sum()) - int(values.sum()) ** 2) / math.sqrt(
                n * (n - 1)
            )
        case "median":
            ordered = np.sort(values)
            return int(ordered[(n - 1) // 2] + ordered[n // 2]) / 2
    return int(values.min() if statistic == "min" else values.max())


def wishes_of(claim: Claim, step, rows: np.ndarray, is_denied: bool) -> list[Wish]:
    """Return what a claim wishes of some rows; a common value is the smallest and the largest."""
    low, high = (float(end / step) for end in rounding.interval(claim.number))
    statistics = ("min", "max") if claim.statistic == "value" else (claim.statistic,)
    if claim.statistic in ("min", "max", "value"):
        low, high = (end + side for end, side in zip(window(claim, step), (-1, 1), strict=True))
    place = float(claim.number.place / step)
    return [Wish(claim.of, each, rows, low, high, place, is_denied) for each in statistics]


def moved_values(
    plan: Plan, patterns: Sequence[np.ndarray], numbers: Collection, denied, rules, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Return values of every row, in steps, moved until statements of numbers hold and a denied one does not.

    Where no moves lead there, values that come near.
    """
    part, wishes, cells = plan.part, [], _cells(plan, patterns, rules)
    values = {name: rng.integers(low, high + 1) for name, (low, high) in cells.items()}
    for s in plan.statements:
        for claim in s.claims if s in numbers else ():
            names = {claim.of} | expressions.variables(claim.group)
            if not part.has(names):  # as of a number of findings: it is counted, not moved
                return values
            bag = part.bag_of(names)
            rows = np.flatnonzero(part.mask(claim.group, bag)[patterns[bag]])
            if len(rows) < 1 + (claim.statistic == "sd"):
                return values
            wishes += wishes_of(claim, part.axes[claim.of].variable.step, rows, s is denied)
    ties = []
    for time in part.times:
        end, start, between, most, before = factors(part.axes, time)
        ties.append(((time.end, time.start, time.name), (end, -start, -between), most, before))
    _start(wishes, values, cells, rng)
    Moving(values, cells, wishes, ties, rng).settle()
    return values


def _cells(plan: Plan, patterns: Sequence[np.ndarray], rules) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return between what each value may lie: anywhere, where a variable is in no expression."""
    trees = [rule for rule, _ in rules] + [c.group for c in plan.claims]
    trees += [c.patients for c in plan.claims if c.patients is not None]
    bound, found = frozenset().union(*map(expressions.variables, trees)), {}
    for name, axis in plan.part.axes.items():
        bag = plan.part.bag_of([name])
        cell = plan.part.bags[bag].place(name)[patterns[bag]]
        variable = axis.variable
        is_free = variable.is_numeric and not (name in bound or variable.impossible or variable.counts)
        first, last = (0 * cell, 0 * cell + len(axis) - 1) if is_free else (cell, cell)
        found[name] = axis.lows[first], axis.highs[last]
    return found


def _start(wishes: Sequence[Wish], values: dict, cells: dict, rng: np.random.Generator) -> None:
    """Begin near printed means and middle values, as far around as an SD says, and within printed limits."""
    for wish in sorted(wishes, key=lambda wish: -len(wish.rows)):
        if wish.statistic in ("mean", "median"):
            spread = next((w.low for w in wishes if w.statistic == "sd" and w.of == wish.of), 1)
            apart = (rng.random((len(wish.rows), 4)).sum(axis=1) - 2) * max(spread, 1) * 3**0.5
            values[wish.of][wish.rows] = np.rint((wish.low + wish.high) / 2 + apart)
    for wish in wishes:
        own = values[wish.of]
        if wish.statistic in ("min", "max"):
            near = math.floor(wish.low) + 1 if wish.statistic == "min" else math.ceil(wish.high) - 1
            beyond = np.maximum if wish.statistic == "min" else np.minimum
            own[wish.rows] = beyond(own[wish.rows], near)
    for name, (low, high) in cells.items():
        values[name] = np.clip(values[name], low, high)


class Moving:
    """Rows whose values move, in steps: with the cell of each, what is wished of them, times between ages."""

    def __init__(self, values: dict, cells: dict, wishes: Sequence[Wish], ties: Sequence[tuple], rng):
        self.values, self.cells, self.wishes, self.ties, self.rng = values, cells, wishes, ties, rng
        self.missed: list[float] = []

    def settle(self) -> bool:
        """Move values until all that is wished is so; say whether it is."""
        for tie, row in product(self.ties, range(len(next(iter(self.values.values()))))):
            located = {wish.of for wish in self.wishes if wish.statistic in ("mean", "median")}
            loose = [name for name in tie[0] if name not in located] or tie[0]
            if not any(self._is_kept(tie, row, names) for names in [loose] * TRIES + [tie[0]] * TRIES):
                return False
        self.missed = [wish.missed(self.values[wish.of]) for wish in self.wishes]
        for place in range(MOVES):
            open_ones = [number for number, missed in enumerate(self.missed) if missed > 0]
            if not open_ones:
                return True
            self._try(self.wishes[self._any(open_ones)], PATIENCE * max(0, 1 - 2 * (place % ROUND) / ROUND))
        return False

    def _any(self, of: Sequence):
        return of[int(self.rng.integers(len(of)))]

    def _try(self, wish: Wish, patience: float) -> None:
        """Move a value of a wish; take it back if it leads away."""
        row = int(self._any(wish.rows))
        before = {name: int(values[row]) for name, values in self.values.items()}
        low, high = (int(end[row]) for end in self.cells[wish.of])
        far = 4 * (wish.high - wish.low) + wish.missed(self.values[wish.of]) * wish.place * len(wish.rows)
        reach = max(1, min(high - low, int(far) + 2) >> int(self.rng.integers(6)))
        if self.rng.random() < 0.2:
            reach = max(1, (high - low) >> int(self.rng.integers(4)))
        moved = before[wish.of] + int(self.rng.integers(-reach, reach + 1))
        self.values[wish.of][row] = min(max(moved, low), high)
        others = [[name for name in tie[0] if name != wish.of] for tie in self.ties]
        if not all(map(self._is_kept, self.ties, [row] * len(others), others)):
            self._put(row, before)
            return
        changed = {name for name, value in before.items() if self.values[name][row] != value}
        found = [
            each.missed(self.values[each.of]) if each.of in changed else known
            for each, known in zip(self.wishes, self.missed, strict=True)
        ]
        if sum(found) <= sum(self.missed) + patience * self.rng.random():
            self.missed = found
        else:
            self._put(row, before)

    def _put(self, row: int, before: dict[str, int]) -> None:
        for name, value in before.items():
            self.values[name][row] = value

    def _is_kept(self, tie: tuple, row: int, loose: Sequence[str]) -> bool:
        """Let one of some follow the other two of a time and its ages; say whether they agree then."""
        names, times, most, before = tie

        def apart(number: int = 3) -> int:
            return sum(
                f * int(self.values[name][row]) for name, f in zip(names[:number], times, strict=False)
            )

        def is_kept() -> bool:
            return abs(apart()) <= most and apart(2) >= -before

        if not is_kept():
            name, wanted = self._any(loose), int(self.rng.integers(-most, most + 1))
            factor = times[names.index(name)]
            value = int(self.values[name][row]) + round((wanted - apart()) / factor)
            low, high = (int(end[row]) for end in self.cells[name])
            self.values[name][row] = min(max(value, low), high)
        return is_kept()
