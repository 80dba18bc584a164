"""What one table of an own cohort can show without telling of single patients.

How many patients lack a value is shown: it tells of the records. What a value is, of fewer than `smallest`,
is not, nor what all patients but as few have. What a folder of tables tells is decided in `publish`.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import combinations, combinations_with_replacement, permutations

import numpy as np
import pandas as pd
from scipy.optimize import Bounds, LinearConstraint, milp

from crmo_analysis.study import Codebook, Variable, read_codebook, read_section

FEWEST_FREE = 10  # degrees of freedom of a model that is shown
_AT_ONCE = 50_000
_MANY, _STEPS = 200, 110  # patients, and steps of a variable, beyond which moments tell of no few


def hidden(counts: Sequence[int], smallest: int) -> list[bool]:
    """Say which parts of a whole, which is shown, to hide by their counts; 0 as `smallest` hides none.

    With counts from 1 below `smallest`, so many of the next larger ones that the hidden are two parts or more
    and `smallest` patients or more together: a single one would follow by subtraction. Parts without patients
    are shown, unless the whole is so small, or all patients are in one part, which would tell of each of
    them: then none is.

    References
    ----------
    Hundepool A, et al. Statistical disclosure control. Wiley 2012, section 4 (secondary suppression).
    """
    everyone_alike = smallest and len(counts) > 1 and sum(count > 0 for count in counts) == 1
    if 0 < sum(counts) < smallest or everyone_alike:
        return [True] * len(counts)
    order = sorted((count, place) for place, count in enumerate(counts) if count > 0)
    chosen = [place for count, place in order if count < smallest]
    for _, place in order:
        enough = len(chosen) > 1 and sum(counts[i] for i in chosen) >= smallest
        if not chosen or enough:
            break
        if place not in chosen:
            chosen.append(place)
    return [place in chosen for place in range(len(counts))]


def withheld(table: pd.DataFrame, codebook: Codebook, smallest: int) -> dict[str, list[bool]]:
    """Say which counts of a description to hide so that none of fewer than `smallest` patients follows.

    By variable that is yes or no, or a category, for each of its `parts`: small counts and what gives them
    away in the same variable (`hidden`), and of variables from which a few patients follow together, one: two
    of which the one is the other and a few more, and those of `sums`. As few variables as do, those of fewer
    patients first. Of counts that are part of one another no other combination tells more: each is bounded by
    sums of differences of two that are shown (docs/tried.md).

    References
    ----------
    Fischetti M, Salazar JJ. Math Program 1999;84:283-312 (secondary suppression as an integer programme).
    """
    counts = {name: parts(table[name], codebook[name]) for name in table if name in codebook}
    chosen = {
        name: hidden([int(holds.sum()) for holds in found], smallest)
        for name, found in counts.items()
        if found
    }
    shown = _shown(counts, chosen) if smallest else []
    names = list(dict.fromkeys(name for name, _ in shown))
    n_yes = {name: int(counts[name][0].sum()) for name in names}
    told = [{shown[one][0], shown[other][0]}
            for one, other in nearly_the_same([sides for _, sides in shown], smallest)]  # fmt: skip
    told += [
        {*more, *less}
        for more, less in sums()
        if {*more, *less} <= set(names)
        and 0 < sum(n_yes[name] for name in more) - sum(n_yes[name] for name in less) < smallest
    ]
    edges = [sorted(map(names.index, together)) for together in told if 1 < len(together) <= len(names)]
    for place in cover(edges, [n_yes[name] for name in names]):
        chosen[names[place]] = [True] * len(chosen[names[place]])
    return chosen


def shown_groups(
    table: pd.DataFrame, codebook: Codebook, chosen: Mapping[str, Sequence[bool]]
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the groups that a description shows where it hides those `chosen`: who is in each, who not."""
    return [
        sides for _, sides in _shown({name: parts(table[name], codebook[name]) for name in chosen}, chosen)
    ]


def _shown(counts, chosen) -> list[tuple[str, tuple[np.ndarray, np.ndarray]]]:
    return [
        (name, (holds.fillna(False).to_numpy(dtype=bool), (~holds.fillna(True)).to_numpy(dtype=bool)))
        for name in chosen
        for holds, is_gone in zip(counts[name], chosen[name], strict=True)
        if not is_gone
    ]


def parts(values: pd.Series, variable) -> list[pd.Series]:
    """Return who is in each part of a variable that is yes or no, or a category, as far as it is known."""
    if variable.type == "boolean":
        holds = values.astype("boolean")
        return [holds, ~holds]
    if variable.type == "category":
        return [
            (values == category).astype("boolean").mask(values.isna()) for category in variable.categories
        ]
    return []


def cover(edges: Sequence[Sequence[int]], sizes: Sequence[float]) -> list[int]:
    """Choose as few places as can be so that one of every edge is chosen, of as small sizes as can be."""
    if not edges:
        return []
    one_of_each = np.zeros((len(edges), len(sizes)))
    for row, edge in enumerate(edges):
        one_of_each[row, list(edge)] = 1
    costs = 1 + np.array(sizes) / (1 + sum(sizes)) + np.arange(len(sizes)) * 1e-9  # the last breaks ties
    found = milp(costs, constraints=LinearConstraint(one_of_each, lb=1), bounds=Bounds(0, 1), integrality=1)
    return [int(place) for place in np.flatnonzero(found.x > 0.5)]


def sums() -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Return which counts less which others are a number of patients, by what the codebook's labels mean.

    A whole less its part are those without the part; and all parts that make up a whole, less the whole, are
    those with several of them.
    """
    bones: dict[str, set[str]] = {}
    for bone, fields in read_section("bones").items():
        for name in fields.get("involves", []):
            bones.setdefault(name, set()).add(bone)
    found = [((whole,), (part,)) for part, whole in sorted(_part_of(bones))]
    for whole in bones:
        within = [name for name in bones if bones[name] < bones[whole]]
        made_up = [
            set(some)
            for size in range(2, len(within) + 1)
            for some in combinations(within, size)
            if set().union(*(bones[name] for name in some)) == bones[whole]
        ]
        fewest = (some for some in made_up if not any(other < some for other in made_up))
        found += [(tuple(sorted(some)), (whole,)) for some in fewest]
    return found


def _part_of(bones: Mapping[str, set[str]]) -> set[tuple[str, str]]:
    """Return which variable that is yes or no is part of which other."""
    book, found = read_codebook(), set()
    for rule in read_section("rules"):
        names = tuple(rule["always"].split(" -> "))
        if len(names) == 2 and all(name in book for name in names):
            found.add(names)
    found |= {(one, other) for one, other in permutations(bones, 2) if bones[one] <= bones[other]}
    while more := {(a, d) for a, b in found for c, d in found if b == c and a != d} - found:
        found |= more
    return found


def spiked(values: pd.Series | np.ndarray, smallest: int) -> bool:
    """Say whether all patients, or all but a few, have one value, so that a mean would tell of the few."""
    counts = pd.Series(values).value_counts()
    return bool(smallest and len(counts)) and int(counts.sum() - counts.max()) < smallest


def moments_tell(
    values: pd.Series | np.ndarray, variable: Variable, smallest: int, spread: bool = True
) -> bool:
    """Say whether how many patients have a value, or more, or less, follows from mean, median and SD.

    By an integer programme: no table of as many patients with the same moments has none of them, and none has
    `smallest`. It happens with few patients, or with few values and one far from them.
    `spread` says whether the SD is shown; a reader knows the limits and the step of the variable, and one
    without them, or with many steps, tells nothing.
    """
    limits = variable.minimum, variable.maximum, variable.step
    if not smallest or not len(values) or len(values) > _MANY or None in limits:
        return False
    low, high = (round(float(end / variable.step)) for end in limits[:2])
    units = np.sort(np.round(np.asarray(values, dtype=float) / float(variable.step)).astype(int))
    return high - low <= _STEPS and _moments_tell(tuple(units.tolist()), (low, high), smallest, spread)


@lru_cache(maxsize=1000)
def _moments_tell(units: tuple[int, ...], ends: tuple[int, int], smallest: int, spread: bool) -> bool:
    given, n = np.array(units), len(units)
    away = given.std() * (n - 1) ** 0.5 if spread else np.inf  # none can be further from the mean (Samuelson)
    first, last = max(ends[0], given.mean() - away), min(ends[1], given.mean() + away)
    grid = np.arange(int(np.ceil(first - 1e-6)), int(np.floor(last + 1e-6)) + 1)
    rows = np.array([np.ones(len(grid)), grid, *([grid**2] if spread else [])], dtype=float)
    sums = rows[:, given - grid[0]].sum(axis=1)
    between = range(units[0] - 1, units[-1] + 2)
    medians = [*_medians(grid, n, float(np.median(given)))]
    tables = []  # others with the same moments
    for cell in (cell for value in between for cell in (grid == value, grid < value, grid > value)):
        if not 0 < cell[given - grid[0]].sum() < smallest or any(
            not 0.5 < cell @ table < smallest - 0.5 for table in tables
        ):
            continue
        found = (
            _fitting(np.vstack([rows, cell, sides]), [*sums, least, *low], [*sums, most, *high])
            for least, most in ((0, 0), (smallest, n))
            for sides, low, high in medians
        )
        table = next((table for table in found if table is not None), None)
        if table is None:
            return True
        tables.append(table)
    return False


def _medians(grid: np.ndarray, n: int, median: float) -> Iterator[tuple[np.ndarray, list, list]]:
    """Yield each way in which n values can have a median: it is the value in the middle, or between two."""
    fewer = (n - 1) // 2
    if median % 1 == 0:
        yield np.array([grid < median, grid > median], dtype=float), [0, 0], [fewer, fewer]
    for below in grid[grid < median] if n % 2 == 0 else ():
        above = 2 * median - below
        if above <= grid[-1]:
            sides = np.array([grid <= below, grid >= above, grid == below, grid == above], dtype=float)
            yield sides, [n / 2, n / 2, 1, 1], [n / 2, n / 2, n, n]


def _fitting(rows: np.ndarray, low: Sequence[float], high: Sequence[float]) -> np.ndarray | None:
    """Find whole numbers of patients of each kind; undecided counts as none."""
    found = milp(
        np.zeros(rows.shape[1]), integrality=1, bounds=Bounds(0, np.inf),
        constraints=LinearConstraint(rows, low, high), options={"node_limit": 2000},
    )  # fmt: skip
    return found.x if found.status == 0 else None


def nearly_the_same(groups: Sequence[tuple[np.ndarray, np.ndarray]], smallest: int) -> list[tuple[int, int]]:
    """Find groups of patients of which one is the other and a few more, who are told of by subtraction.

    A group is who is known to be in it, and who is known not to be. Returned are the places of a smaller and
    a larger one, where nobody of the smaller is known not to be in the larger, and 1 to `smallest` - 1 of the
    larger are known not to be in the smaller.
    """
    if not groups:
        return []
    inside, outside = (np.vstack(side) for side in zip(*groups, strict=True))
    shared = np.zeros((len(groups),) * 2)  # of those in the one, how many are not in the other
    for start in range(0, inside.shape[1], _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        shared += inside[:, part].astype(np.float32) @ outside[:, part].astype(np.float32).T
    smaller, larger = np.nonzero((shared == 0) & (shared.T > 0) & (smallest > shared.T))
    return [(int(one), int(other)) for one, other in zip(smaller, larger, strict=True)]


def follow(groups: Sequence[np.ndarray], smallest: int) -> bool:
    """Say whether sizes of groups on the same variables, and of all, tell of 1 to `smallest` - 1 patients.

    A group is which of the patients are in it. By an integer programme over who is in which: of bands of age
    of which all but the last are shown, the last is what they leave. Groups that no patient is in together
    are taken for known to have none.
    """
    if not smallest or len(groups) < 2:
        return False
    places = np.arange(len(groups))[:, None]
    codes, counts = np.unique((np.vstack(groups) * 2**places).sum(axis=0), return_counts=True)
    patterns = codes >> places & 1
    return any(told(patterns, [counts.sum(), *(patterns @ counts)], smallest))


def told(patterns: np.ndarray, sizes: Sequence[int], smallest: int) -> Iterator[tuple[int, ...]]:
    """Yield some kinds of patients of which together 1 to `smallest` - 1 patients are known to be.

    `patterns` says of each group of patients which kinds are in it, `sizes` how many all and each group are.
    Found are all of up to `smallest` - 1 kinds, and what one group is without another, but for those with
    others in them that are found.
    """
    rows, n = np.vstack([np.ones(patterns.shape[1]), patterns]), sizes[0]
    tables = [_fitting(rows, sizes, sizes)]
    if tables[0] is None:  # the groups are of other patients
        return

    def never(kinds: tuple[int, ...], low: int, high: int) -> bool:
        """Say that in no table `low` to `high` patients are of some kinds."""
        if any(low <= round(table[[*kinds]].sum()) <= high for table in tables):
            return False
        some = np.isin(np.arange(patterns.shape[1]), kinds)
        table = _fitting(np.vstack([rows, some]), [*sizes, low], [*sizes, high])
        tables.extend([] if table is None else [table])
        return table is None

    few = [(kind,) for kind in range(patterns.shape[1])]
    few = [kind for kind in few if never(kind, smallest, n) and not never(kind, 1, n)]
    unions, found = few, []
    for _ in range(1, smallest):
        found += (new := [kinds for kinds in unions if never(kinds, 0, 0)])
        yield from new
        left = [kinds for kinds in unions if kinds not in new]
        larger = [(*kinds, *kind) for kinds in left for kind in few if kind > kinds[-1:]]
        unions = [kinds for kinds in larger if not _within(found, kinds) and never(kinds, smallest, n)]
    for less, more in permutations(range(len(rows)), 2):  # of more kinds, what one group is without another
        between = tuple(np.flatnonzero(rows[more] > rows[less]).tolist())
        is_part = (rows[less] <= rows[more]).all() and not _within(found, between)
        if is_part and 0 < sizes[more] - sizes[less] < smallest:
            found.append(between)
            yield between


def _within(found: Sequence[tuple[int, ...]], kinds: tuple[int, ...]) -> bool:
    return any({*known} <= {*kinds} for known in found)


def too_few(table: pd.DataFrame, names: Sequence[str], smallest: int, ordered: str = "") -> str:
    """Say why a model of some variables would tell of few patients; empty if nothing speaks against it.

    Patients without one of the columns are not in it. From an estimate and the totals the number of those who
    share a value, or values of two columns, that are yes or no or categories could be worked out. A line with
    the effect of one SD tells mean and SD of both variables, as sums of whole numbers are whole; not of one
    of which only the order of values is told.

    References
    ----------
    Griffiths E, et al. Handbook on statistical disclosure control for outputs. Safe Data Access Professionals
    2019: ten degrees of freedom.
    """
    if not smallest:
        return ""
    names = list(dict.fromkeys(names))
    known = table[names].dropna()
    if len(known) - len(names) < FEWEST_FREE:
        return f"fewer than {FEWEST_FREE + len(names)} patients have {', '.join(names)}"
    coarse = [
        name for name in names if known[name].nunique() <= 2 or not pd.api.types.is_numeric_dtype(known[name])
    ]
    for pair in combinations_with_replacement(coarse, 2):
        pair = list(dict.fromkeys(pair))
        counts = known[pair].astype(str).value_counts()
        if counts.min() < smallest:
            return f"fewer than {smallest} patients share a value of {' and '.join(pair)}"
    for name in (name for name in names if pd.api.types.is_numeric_dtype(known[name])):
        if spiked(known[name], smallest):
            return f"fewer than {smallest} patients have another value of {name} than the others"
        if name != ordered and (told := told_by_moments(known[name], smallest)):
            return told
    return ""


def told_by_moments(values: pd.Series, smallest: int) -> str:
    """Say of a variable's values that mean and SD would tell of few patients; empty if they would not."""
    variable = read_codebook().get(values.name)
    if variable is None or not moments_tell(values.to_numpy(float), variable, smallest):
        return ""
    return f"mean and SD of {values.name} follow, and from them what fewer than {smallest} patients have"


def inner_share(n: int, smallest: int) -> float:
    """Return the middle share of n patients with a tenth, and at least `smallest` of them, on each side."""
    return max(0.0, 1 - 2 * max(0.1, smallest / n)) if n else 0.0


def changed_variables(earlier: pd.DataFrame, later: pd.DataFrame, smallest: int) -> list[str]:
    """Return the variables of which results on two tables of patients would tell of a few.

    Those with other values, or values at all, in 1 to `smallest` - 1 patients, whatever their keys and order;
    none where fewer than half of the patients have a like one in the other table: they are other patients.
    """
    shared = [name for name in earlier if name in later and name != "patient"]
    if not shared:
        return []
    one, other = (
        [tuple(map(str, row)) for row in table[shared].itertuples(index=False)] for table in (earlier, later)
    )
    if 2 * sum((Counter(one) & Counter(other)).values()) < min(len(one), len(other)):
        return []
    found = []
    for place, name in enumerate(shared):
        first, second = (Counter(row[place] for row in rows) for rows in (one, other))
        if 0 < max(sum((first - second).values()), sum((second - first).values())) < smallest:
            found.append(name)
    return found
