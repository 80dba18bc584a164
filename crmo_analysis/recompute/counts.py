"""Numbers of patients, tables of counts and times, as far as what is printed tells them."""

import math
from collections.abc import Sequence
from fractions import Fraction
from functools import partial
from itertools import islice, product

from crmo_analysis.recompute.granularity import grim_sums
from crmo_analysis.recompute.quantities import View
from crmo_analysis.recompute.tests_of_difference import Range
from crmo_analysis.study import Claim, entailment, expressions, rounding

MOST_TABLES = 200  # of counts that printed percentages leave open
COMPUTED = ("percent", "mean", "sd")


def printed_range(claim: Claim) -> Range:
    """Return the open interval that a printed number leaves, by any rule; no P value is rounded up."""
    low, high = (float(end) for end in rounding.interval(claim.number))
    low += float(claim.number.place) / 2 if claim.statistic == "p_value" else 0
    value, infinite = float(claim.number.value), math.inf
    ends = {"<": (-infinite, value), "<=": (-infinite, high), ">": (value, infinite), ">=": (low, infinite)}
    return ends.get(claim.number.relation, (low, high))


def can_be_one(one: Claim, other: Claim) -> bool:
    """Say whether two printed numbers can be of one value, as their digits leave it.

    With as many digits of one unit they have to be the same, but for what is computed, of which two rules may
    print neighbours.
    """
    are_values = {one.number.relation, other.number.relation} <= {"=", "~"}
    if one.number.place == other.number.place and are_values and one.statistic not in COMPUTED:
        return one.number.value == other.number.value
    (low, high), (other_low, other_high) = printed_range(one), printed_range(other)
    return low < other_high and other_low < high


def size(view: View, tree: expressions.Expression) -> tuple[int | None, tuple[str, ...]]:
    """Return how many patients are in an expression, and the claims that say so.

    As it is printed, or as what is left of all patients, or of a larger group, without a printed part.
    """
    count = view.count_of(tree)
    if count is not None:
        return count.value, count.ids
    parts = [count for count in view.counts if count.value is not None]
    for part in parts:
        if not view.meaning.excludes(part.patients, tree):
            continue
        for whole in parts:
            rest = entailment.conjunction(whole.patients, expressions.Not(part.patients))
            is_part = part.value <= whole.value and view.meaning.entails(part.patients, whole.patients)
            if is_part and view.meaning.same(rest, tree):
                return whole.value - part.value, (*whole.ids, *part.ids)
    return None, ()


def sizes_of_levels(view: View, claim: Claim) -> list[tuple[int | None, tuple[str, ...]]]:
    """Return the sizes of the groups that the exposure of a pair makes, or else the outcome."""
    levels = claim.levels(1) or claim.levels(0)
    return [size(view, entailment.conjunction(level, claim.group)) for level in levels]


def tables(view: View, claim: Claim) -> tuple[list[list[list[int]]], tuple[str, ...]]:
    """Return the tables of counts that the printed ones leave, outcome by exposure, and the claims they use.

    Each row is a level of the second part of `of` (the exposure), each column one of the first. A cell that
    is not printed follows from its row or from all; a printed percentage of a row leaves the counts that it
    can stand for.
    """
    columns, rows = (claim.levels(place) for place in (0, 1))
    if not rows or not columns or len(claim.parts) != 2:
        return [], ()
    ids: dict[str, None] = {}
    known = [expressions.Is(name) for part in claim.parts if (name := f"{part}_known") in claim.codebook]
    _possible = partial(numbers_in, view, ids, known=known)
    totals = [_possible([row, claim.group]) for row in rows]
    all_rows, each = _possible([claim.group]), {}
    _fill(totals, all_rows)
    for place, column in enumerate(columns):
        wholes = _possible([column, claim.group])
        cells = [_possible([column, row, claim.group]) for row in rows]
        _fill(cells, wholes)
        each[place] = cells
    found = []
    for at in range(len(rows)):
        cells = [each[place][at] for place in range(len(columns))]
        _fill(cells, totals[at])
        if not all(cells):
            return [], ()
        found.append([list(row) for row in product(*cells) if [sum(row)] == totals[at] or not totals[at]])
    return [list(table) for table in islice(product(*found), MOST_TABLES)], tuple(ids)


def numbers_in(view: View, ids: dict, trees: Sequence[expressions.Expression], known: list = ()) -> list[int]:
    """Return the numbers of patients that are in all expressions, as far as something printed tells.

    Of those first of whom it is known what is asked, if a study prints how many these are.
    """
    if known and (found := numbers_in(view, ids, [*trees, *known])):
        return found
    tree = entailment.conjunction(*trees)
    number, related = size(view, tree)
    if number is not None:
        ids.update(dict.fromkeys(related))
        return [number]
    for other in view.claims:
        if other.statistic == "percent" and other.number.relation == "=":
            n, denominators = size(view, other.group)
            if n and view.meaning.same(view.patients(other), tree):
                ids.update(dict.fromkeys((other.claim_id, *denominators)))
                return [k for k in grim_sums(other.number, n, 100) if 0 <= k <= n]
    return []


def _fill(parts: list[list[int]], whole: list[int]) -> None:
    """Fill in the one part that is not known from a whole that is."""
    empty = [place for place, part in enumerate(parts) if not part]
    if len(empty) == 1 and len(whole) == 1 and all(len(part) == 1 for part in parts if part):
        left = whole[0] - sum(part[0] for part in parts if part)
        parts[empty[0]] = [left] if left >= 0 else []


def counts_text(table: Sequence[Sequence[int]]) -> str:
    """Say a table of counts: its shares where it is of two by two."""
    if len(table) == len(table[0]) == 2:
        return " against ".join(f"{row[0]}/{sum(row)}" for row in table)
    return f"The table of {len(table)} x {len(table[0])} counts"


def number_of(view: View, claim: Claim, place: int) -> tuple[Fraction | None, tuple[str, ...]]:
    """Return the number of patients, or the printed sum of a variable, that a part of a pair stands for."""
    part = claim.parts[place]
    if part in view.codebook and view.codebook[part].is_numeric:
        for other in view.of_values:
            if other.statistic == "sum" and other.of == part and view.meaning.same(other.group, claim.group):
                return other.number.value, (other.claim_id,)
        return None, ()
    levels = claim.levels(place)
    if not levels or len(levels) > 2:
        return None, ()
    number, ids = size(view, entailment.conjunction(levels[0], claim.group))
    return (None if number is None else Fraction(number)), ids


def parts_of_rate(view: View, claim: Claim) -> tuple[Fraction | None, Range | None, tuple[str, ...]]:
    """Return the events and the time of a rate: a printed sum, or that of the mean and the patients."""
    if len(claim.parts) != 2:
        return None, None, ()
    events, one = number_of(view, claim, 0)
    total = view.value_claim("sum", claim.parts[1], claim.group)
    if total:
        low, high = printed_range(total)
        return events, (max(low, 1e-9), high), (*one, total.claim_id)
    mean, (n, ids) = view.value_claim("mean", claim.parts[1], claim.group), size(view, claim.group)
    if mean is None or not n:
        return events, None, ()
    low, high = printed_range(mean)
    return events, (n * max(low, 1e-9), n * high), (*one, mean.claim_id, *ids)
