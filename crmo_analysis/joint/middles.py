"""A median as a constraint on tables of patients: the two middle values of a group, as numbers in steps.

Cells say between what each of the two lies. What ties the values of single patients ties middle values: an
age at diagnosis and one at onset in the same group, and those of a whole and of parts that make it up. So
cells may be coarse: they need not tell apart what such ties leave impossible.
"""

import math
from collections.abc import Iterator, Sequence

import numpy as np

from crmo_analysis.joint.axes import NEAR, UNLIMITED, window
from crmo_analysis.joint.patterns import factors
from crmo_analysis.study import Claim, expressions, rounding


def limits(claim: Claim, step) -> tuple[int, int]:
    """Return between what the two middle values, added up, lie, in steps."""
    low, high = (end / step for end in rounding.interval(claim.number))
    return math.floor(2 * low) + 1, math.ceil(2 * high) - 1


def of_median(tables, claim: Claim) -> list[tuple]:
    """Return the conditions that a median is printed: expressions, and between what each lies."""
    step, is_one = tables.part.axes[claim.of].variable.step, _is_one(tables, claim.group)
    if tables.split and (not is_one or tables.plan.ties_middles):
        lower, upper = tables.middles(claim.of, claim.group)
    if tables.split and not is_one:
        return [(lower + upper, *limits(claim, step))]
    low, high = window(claim, step)
    least, met = (1, []) if tables.split is None else (0, [])
    if tables.split is None and not is_one and _is_apart(tables, claim.of, low - NEAR, high + NEAR):
        low, high = low - NEAR, high + NEAR
        met = [(sum(tables.middles(claim.of, claim.group)), *limits(claim, step))]
    size = tables.size(claim.group)
    below = tables.between(claim.of, claim.group, -UNLIMITED, low - 1)
    above = size - below - tables.between(claim.of, claim.group, low, high)
    return [(size - 2 * below, least, None), (size - 2 * above, least, None), *met]


def _is_apart(tables, name: str, low: int, high: int) -> bool:
    """Say whether all values from low to high are told apart."""
    axis = tables.part.axes[name]
    return (
        int(((axis.lows >= low) & (axis.highs <= high) & (axis.lows == axis.highs)).sum()) == high - low + 1
    )


def _is_one(tables, group: expressions.Expression) -> bool:
    """Say whether the two middle values of a group are one: everybody is an odd number of patients."""
    return isinstance(group, expressions.Everyone) and tables.least == tables.most and tables.most % 2 == 1


def place(values: Sequence[int], reached: Sequence):
    """Return the value of the first cell that is reached."""
    gaps = np.diff(values).tolist()
    return values[0] + sum(gap * (1 - literal) for gap, literal in zip(gaps, reached[:-1], strict=True))


def middles(tables, name: str, group: expressions.Expression) -> tuple:
    """Return the two middle values of a group, in steps; of nobody, any two."""
    axis = tables.part.axes[name]
    lows, highs = axis.lows.tolist(), axis.highs.tolist()
    is_one = _is_one(tables, group)
    found = [tables.number(highs[-1], lows[0]) for _ in range(1 if is_one else 2)]
    for value, reached in zip(found, tables.middle(name, group)[: len(found)], strict=True):
        tables.model.add(value >= place(lows, reached))
        tables.model.add(value <= place(highs, reached))
    lower, upper = found[0], found[-1]
    if not is_one:
        tables.model.add(lower <= upper)
    if not is_one and len(axis) < highs[-1] - lows[0] + 1:  # so are those of any odd number
        is_odd = tables.model.new_bool_var("")
        tables.model.add(tables.size(group) == 2 * tables.number(tables.most) + is_odd)
        tables.model.add(lower == upper).only_enforce_if(is_odd)
    tables.known_middles[name, group] = lower, upper
    if tables.plan.ties_middles:
        _tie(tables, name, group)
    return lower, upper


def _tie(tables, name: str, group: expressions.Expression) -> None:
    """Tie the middle values of a group to those that are known."""
    for tie in tables.plan.part.times:
        ages = {(tie.start, group), (tie.end, group)}
        if name in (tie.start, tie.end) and ages <= tables.known_middles.keys():
            _keep_apart(tables, tie, group)
    _keep_among_parts(tables, name, group)


def _keep_apart(tables, tie, group: expressions.Expression) -> None:
    """Let middle values of two ages be as far apart as patients' own: by the shortest to the longest time."""
    among = group if tables.part.has({tie.name} | expressions.variables(group)) else expressions.Everyone()
    axis = tables.part.axes[tie.name]
    shortest = place(axis.lows.tolist(), tables.reached(tie.name, among, 1, 0, 1))
    longest = place(axis.highs.tolist(), tables.reached(tie.name, among, 1, 1, 0))
    late, early, between, most, before = factors(tables.part.axes, tie)
    ages = (tables.known_middles[name, group] for name in (tie.start, tie.end))
    for start, end in zip(*ages, strict=True):
        apart = late * end - early * start
        tables.model.add(apart >= -before)
        tables.model.add(apart - between * shortest >= -most)
        tables.model.add(apart - between * longest <= most)


def _keep_among_parts(tables, name: str, group: expressions.Expression) -> None:
    """Let middle values of a whole lie among those of any parts that make it up.

    So many are up to the largest of the parts' lower ones as to hold the whole's lower one, and to hold its
    upper one where the smallest of the parts' upper ones is not above that; and so from above.
    """
    groups = [each for of, each in tables.known_middles if of == name]
    names = {name}.union(*map(expressions.variables, groups))
    if not tables.part.has(names):
        return
    bag = tables.part.bag_of(names)
    masks = {each: tables.part.mask(each, bag) for each in groups}
    for whole in groups:
        others = [each for each in groups if each is not whole and masks[each].any()]
        for parts in _made_up(masks[whole], others, masks):
            if group is whole or group in parts:
                _tie_parts(tables, name, whole, parts)


def _made_up(left: np.ndarray, groups: Sequence, masks: dict) -> Iterator[list]:
    """Yield every choice of groups without a patient in common that together are those who are left."""
    if not left.any():
        yield []
        return
    first = np.flatnonzero(left)[0]
    for group in groups:
        if masks[group][first] and not (masks[group] & ~left).any():
            yield from ([group, *rest] for rest in _made_up(left & ~masks[group], groups, masks))


def _tie_parts(tables, name: str, whole, parts: Sequence) -> None:
    known, axis = tables.known_middles, tables.part.axes[name]
    lowers, uppers = zip(*(known[name, part] for part in parts), strict=True)
    largest, smallest, low, high = (tables.number(int(axis.highs[-1]), int(axis.lows[0])) for _ in range(4))
    tables.model.add_max_equality(largest, lowers)
    tables.model.add_min_equality(smallest, uppers)
    tables.model.add_min_equality(low, [largest, smallest])
    tables.model.add_max_equality(high, [largest, smallest])
    lower, upper = known[name, whole]
    tables.model.add(lower >= low)
    tables.model.add(lower <= largest)
    tables.model.add(upper >= smallest)
    tables.model.add(upper <= high)
