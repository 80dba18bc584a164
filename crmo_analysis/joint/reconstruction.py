"""Tables of patients that fit every printed number that can be kept, and tables unlike each other that do."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations

import numpy as np
import pandas as pd
from ortools.sat.python import cp_model

from crmo_analysis.files import NoTableError, UnfinishedError
from crmo_analysis.joint.fitting import Fit
from crmo_analysis.joint.model import Effort, Tables, is_possible, solve
from crmo_analysis.joint.numbers import of_everyone
from crmo_analysis.joint.patterns import Bag, Part, codes, shared
from crmo_analysis.joint.statements import ENDS, TOTALS, Plan, divide, reported, window
from crmo_analysis.study import Codebook, Variable, expressions, reproduction, rounding

CANDIDATES = 3  # tables made for each one that is chosen, where tables are to be unlike each other
EFFORT = 2.0  # the solver's own unit of work, so that the same table is found on a slower machine


@dataclass(frozen=True)
class Solved:
    """Counts of patterns of a part: for each bag, and the sums of variables that are added up in one."""

    plan: Plan
    counts: tuple[np.ndarray, ...]
    sums: dict[str, tuple[int, np.ndarray]]


def reconstruct(fitted: Fit, count: int = 1, seed: int = 0, seconds: float = 60) -> list[pd.DataFrame]:
    """Make tables of patients that fit.

    Parameters
    ----------
    fitted : Fit
    count : int
        How many tables; several are chosen to be as unlike each other as possible. They are no random sample.
    seed : int
        Another seed gives other tables, the same seed the same.
    seconds : float
        Effort allowed, as long as that takes on an ordinary machine.

    Returns
    -------
    list of DataFrame
        One row a patient: `patient`, the study's variables in the order of the codebook, and `reconstructed`.

    Raises
    ------
    UnfinishedError
        If the effort is spent before.
    NoTableError
        If no table that was found satisfies every statement when it is checked again.
    """
    effort = Effort(seconds)
    plans = plans_of(fitted)
    made = CANDIDATES * count if count > 1 else 1
    tables = [_table(fitted, plans, np.random.default_rng([seed, number]), effort) for number in range(made)]
    return unlike(tables, count)


def plans_of(fitted: Fit, asked: Sequence = (), fine: bool | None = False) -> list[Plan]:
    """Return the parts of a study with the statements that are kept."""
    return divide([s for s in fitted.kept if not of_everyone(s)], fitted.view, asked, fine)


def _table(fitted: Fit, plans: Sequence[Plan], rng: np.random.Generator, effort: Effort) -> pd.DataFrame:
    """Solve every part near a random table, and write the patients out."""
    seed, missed = int(rng.integers(1 << 30)), []
    for attempt in range(4):
        # Where no table keeps the two middle values of an even group together, every value is told apart.
        fine = attempt > 1
        tried = plans_of(fitted, fine=True) if fine else plans
        solved = [
            near(plan, fitted.n, np.random.default_rng([seed, attempt]), effort, fine) for plan in tried
        ]
        if None not in solved:
            table = write_out(fitted, solved, np.random.default_rng([seed, attempt, 1]))
            missed = broken(fitted, table)
            if not missed:
                return table
    raise NoTableError(
        f"{fitted.view.study.study}: no table that keeps {', '.join(missed) or 'all claims'} was found"
    )


def broken(fitted: Fit, table: pd.DataFrame) -> list[str]:
    """Check a table, independently of the solver.

    Return the claims kept that it does not give, and rules it breaks.
    """
    claims = [
        claim.claim_id
        for statement in fitted.kept
        for claim in statement.claims
        if not reproduction.agrees(claim, table, statement.rivals)
    ]
    rules = [
        why
        for rule, why in fitted.view.study.rules
        if expressions.variables(rule) <= set(table)
        and not reproduction.members(rule, table).fillna(True).all()
    ]
    return claims + rules + [time for time in _times(fitted, table) if not times_agree(fitted, table, time)]


def _times(fitted: Fit, table: pd.DataFrame) -> list[str]:
    return [
        v.name for v in fitted.view.codebook.values() if v.start and {v.name, v.start, v.end} <= set(table)
    ]


def times_agree(fitted: Fit, table: pd.DataFrame, name: str) -> bool:
    """Say whether a time is everywhere the difference of the ages around it, within what rounding hides."""
    time = fitted.view.codebook[name]
    per_unit, slack = time.between(fitted.view.codebook[time.end], fitted.view.codebook[time.start])
    apart = (per_unit * (table[time.end] - table[time.start]) - table[name]).abs().dropna()
    return bool((apart.astype(float) <= slack + 1e-6).all())


def near(plan: Plan, n: int, rng: np.random.Generator, effort: Effort, fine: bool) -> Solved | None:
    """Return counts that satisfy all statements of a part, near those of patients drawn at random."""
    tables = Tables(plan, n, split=fine, exact=fine)
    for statement in plan.statements:
        tables.require(statement)
    beyond = []
    for bag, counts, drawn in zip(plan.part.bags, tables.counts, _draw(plan, n, rng), strict=True):
        # No more patients than needed have exactly the smallest, the middle or the largest value that is
        # printed.
        for variable, number, weight in zip(counts, drawn, 1 + 4 * _printed(plan, bag), strict=True):
            more = tables.model.new_int_var(0, n, "")
            tables.model.add(more >= variable - int(number))
            beyond.append(int(weight) * more)
    tables.model.minimize(sum(beyond))
    status, solved = solve(tables.model, effort, most=EFFORT)
    if status == cp_model.UNKNOWN:  # then any table will do
        tables.model.clear_objective()
        status, solved = solve(tables.model, effort)
    if status == cp_model.INFEASIBLE:
        return None
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        raise UnfinishedError("no table of patients was found within the effort allowed")
    return read_off(tables, solved)


def read_off(tables: Tables, solved: cp_model.CpSolver) -> Solved:
    """Take the counts and sums of a solution."""
    counts = tuple(np.array([solved.value(count) for count in bag], dtype=int) for bag in tables.counts)
    added = [name for name in tables.plan.added_up if name in tables.part.axes]
    sums = {name: tables.sums(name) for name in added}
    return Solved(
        tables.plan,
        counts,
        {name: (bag, np.array([solved.value(s) for s in each])) for name, (bag, each) in sums.items()},
    )


def _draw(plan: Plan, n: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Draw patients at random from what the rules and the printed ranges leave; count them by pattern."""
    part, drawn = plan.part, []
    for place, bag in enumerate(part.bags):
        keys = rng.random((n, bag.size)) - _printed(plan, bag) - 10 * _out_of_range(plan, place)
        if bag.parent is not None:
            names = shared(part.bags, place)
            above = codes(part.bags[bag.parent], names, part.axes)[drawn[bag.parent]]
            keys -= 100 * (codes(bag, names, part.axes)[None, :] != above[:, None])
        drawn.append(keys.argmax(axis=1))
    return [np.bincount(rows, minlength=bag.size) for rows, bag in zip(drawn, part.bags, strict=True)]


def _printed(plan: Plan, bag: Bag) -> np.ndarray:
    """Count, for each pattern, the numbers in it that lie in the narrow cell of one that is printed."""
    found, printed = np.zeros(bag.size), _printed_values(plan)
    for name in bag.names:
        axis = plan.part.axes[name]
        cells = zip(axis.lows.tolist(), axis.highs.tolist(), strict=True)
        found += np.array([ends in printed.get(name, ()) for ends in cells])[bag.place(name)]
    return found


def _out_of_range(plan: Plan, place: int) -> np.ndarray:
    """Say of each pattern of a bag whether a printed range excludes it."""
    part, bag = plan.part, plan.part.bags[place]
    found = np.zeros(bag.size, dtype=bool)
    for claim in (claim for statement in plan.statements for claim in statement.claims):
        if claim.statistic in ENDS and {claim.of, *expressions.variables(claim.group)} <= set(bag.names):
            axis, cell = part.axes[claim.of], bag.place(claim.of)
            low, high = window(claim, axis.variable.step)
            below = (axis.highs < low)[cell] & (claim.statistic != "max")
            above = (axis.lows > high)[cell] & (claim.statistic != "min")
            found |= part.mask(claim.group, place) & (below | above)
    return found


# ---- writing patients out ----------------------------------------------------------------------------------


def write_out(
    fitted: Fit,
    solved: Sequence[Solved],
    rng: np.random.Generator,
    shown: Collection[str] = (),
    toward: Sequence[tuple] = (),
) -> pd.DataFrame:
    """Turn counts of patterns into one row a patient.

    Rows of parts that share no variable are matched at random.

    What a study does not report of a patient is missing, unless the variable is among those `shown`. `toward`
    has quantities with a sign: the values that give them are as large, or as small, as their cells allow.
    """
    codebook, n = fitted.view.codebook, fitted.n
    table = pd.DataFrame(index=range(n))
    # Parts with a number that has to be at least the number of other variables come after those variables.
    for part in sorted(solved, key=lambda part: any(codebook[name].at_least for name in part.plan.part.axes)):
        patterns = _assign(part, n, rng)
        steps = _values(part, patterns, codebook, table, rng, toward)
        columns = {name: _column(axis.variable, steps[name]) for name, axis in part.plan.part.axes.items()}
        table = pd.concat([table, pd.DataFrame(columns, index=table.index)], axis=1)
    for part in solved:
        for name, counted in part.plan.counted.items():
            if set(counted) <= set(table):
                table[name] = table[list(counted)].astype("Int64").sum(axis=1).astype("Int64")
    table = table[[name for name in codebook if name in table]]
    known = {name: _known_in(table, groups) for name, groups in reported(fitted.view).items()}
    for name, rows in known.items():
        if name in table and name not in shown and rows is not None:
            table[name] = table[name].where(rows)
    table.insert(0, "patient", range(1, n + 1))
    table["reconstructed"] = pd.Series(True, index=table.index, dtype="boolean")
    return table


def _known_in(table: pd.DataFrame, groups: Sequence[expressions.Expression]) -> pd.Series | None:
    """Say of each row whether it is in one of these groups; None if the table does not tell of any."""
    told = [group for group in groups if expressions.variables(group) <= set(table)]
    rows = [reproduction.members(group, table).astype(bool) for group in told]
    return pd.concat(rows, axis=1).any(axis=1) if rows else None


def _assign(solved: Solved, n: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Give every row a pattern of each bag, so that bags agree where they share variables."""
    part, assigned = solved.plan.part, []
    for place, (bag, counts) in enumerate(zip(part.bags, solved.counts, strict=True)):
        patterns = rng.permutation(np.repeat(np.arange(bag.size), counts))
        if bag.parent is not None:
            names = shared(part.bags, place)
            above = codes(part.bags[bag.parent], names, part.axes)[assigned[bag.parent]]
            here = codes(bag, names, part.axes)[patterns]
            rows = np.empty(n, dtype=int)
            rows[np.argsort(above, kind="stable")] = patterns[np.argsort(here, kind="stable")]
            patterns = rows
        assigned.append(patterns)
    return assigned


def _values(
    solved: Solved,
    patterns: Sequence[np.ndarray],
    codebook: Codebook,
    table: pd.DataFrame,
    rng: np.random.Generator,
    toward: Sequence[tuple],
) -> dict[str, np.ndarray]:
    """Choose a value, in steps, within the cell of every row: what is printed where it can be, else any."""
    part, values, printed = solved.plan.part, {}, _printed_values(solved.plan)
    for name, axis in part.axes.items():
        bag = part.bag_of([name])
        cell = part.bags[bag].place(name)[patterns[bag]]
        values[name] = rng.integers(axis.lows[cell], axis.highs[cell] + 1)
        for place, ends in enumerate(zip(axis.lows.tolist(), axis.highs.tolist(), strict=True)):
            if (
                name not in printed
            ):  # nothing is printed of its values but that they are on one side of a limit
                values[name][cell == place] = ends[0]
            elif ends in printed[name]:
                values[name][cell == place] = printed[name][ends]
    for quantity, sign in toward:
        if quantity.patients is None and quantity.of in values:
            _push(quantity, sign, solved, patterns, values[quantity.of])
    for claim in (claim for statement in solved.plan.statements for claim in statement.claims):
        if claim.statistic == "median" and claim.of not in solved.sums:
            _meet(claim, solved, patterns, values[claim.of])
    for name, (bag, sums) in solved.sums.items():
        least_in, most_in = part.ends(name, bag)
        others = (
            [c for c in table if codebook[c].group == codebook[name].at_least]
            if codebook[name].at_least
            else []
        )
        least = (
            table[others].astype("Int64").sum(axis=1).to_numpy(dtype=int)
            if others
            else np.zeros(len(table), int)
        )
        for pattern in np.flatnonzero(solved.counts[bag]):
            rows = np.flatnonzero(patterns[bag] == pattern)
            low, high = least_in[pattern], most_in[pattern]
            lows = np.clip(least[rows], low, high)
            lows = lows if lows.sum() <= sums[pattern] else np.full(len(rows), low)
            values[name][rows] = lows + _adding_up(sums[pattern] - lows.sum(), high - lows, rng)
    for variable in codebook.values():
        if variable.start and {variable.name, variable.start, variable.end} <= part.axes.keys():
            _keep_times(variable, part, patterns, values, solved.sums, rng)
    return values


def _cells_of(solved: Solved, patterns: Sequence[np.ndarray], quantity) -> tuple[np.ndarray, np.ndarray]:
    """Return every row's cell of a variable, and the rows of a group in the order of their cells."""
    part = solved.plan.part
    bag = part.bag_of({quantity.of} | expressions.variables(quantity.group))
    cell = part.bags[bag].place(quantity.of)[patterns[bag]]
    inside = np.flatnonzero(part.mask(quantity.group, bag)[patterns[bag]])
    return cell, inside[np.argsort(cell[inside], kind="stable")]


def _push(quantity, sign: int, solved: Solved, patterns: Sequence[np.ndarray], values: np.ndarray) -> None:
    """Make the values that give a smallest, largest or middle value as large, or small, as cells allow."""
    axis = solved.plan.part.axes[quantity.of]
    cell, inside = _cells_of(solved, patterns, quantity)
    last = len(inside) - 1
    asked = {"min": [0], "max": [last], "median": [last // 2, (last + 1) // 2]}.get(quantity.statistic)
    if asked and len(inside):
        rows = np.isin(cell, cell[inside[asked]])
        values[rows] = (axis.highs if sign > 0 else axis.lows)[cell][rows]


def _meet(claim, solved: Solved, patterns: Sequence[np.ndarray], values: np.ndarray) -> None:
    """Let the two middle values of a group, where they lie in two cells, meet at the printed median."""
    axis = solved.plan.part.axes[claim.of]
    cell, inside = _cells_of(solved, patterns, claim)
    lower, upper = inside[(len(inside) - 1) // 2], inside[len(inside) // 2]
    if cell[lower] == cell[upper]:
        return
    low, high = (2 * end / axis.variable.step for end in rounding.interval(claim.number))
    wanted = min(max(round(low + high) // 2, math.floor(low) + 1), math.ceil(high) - 1)
    lows, highs = axis.lows[cell[[lower, upper]]], axis.highs[cell[[lower, upper]]]
    total = min(max(wanted, lows.sum()), highs.sum())
    first = min(max(values[lower], lows[0], total - highs[1]), highs[0], total - lows[1])
    for rows, value, pick in ((lower, first, np.minimum), (upper, total - first, np.maximum)):
        same = inside[cell[inside] == cell[rows]]
        values[same] = pick(values[same], value)
        values[rows] = value


def _printed_values(plan: Plan) -> dict[str, dict[tuple[int, int], int]]:
    """Return, for each variable with printed values, the value to take in the cell of a printed one."""
    found: dict[str, dict[tuple[int, int], int]] = {}
    for claim in (claim for statement in plan.statements for claim in statement.claims):
        if claim.patients is None and claim.of in plan.part.axes:
            step = plan.part.axes[claim.of].variable.step
            value, ends = round(claim.number.value / step), window(claim, step)
            known = found.setdefault(claim.of, {})
            if claim.statistic not in TOTALS and ends[0] <= value <= ends[1]:
                known[ends] = value
    return found


def _adding_up(total: int, most: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return numbers from 0 to `most` with a given sum, spread by random moves between two of them."""
    values = np.zeros(len(most), dtype=int)
    for place in rng.permutation(len(most)):
        values[place] = min(most[place], total - values.sum())
    for one, other in rng.integers(len(most), size=(8 * len(most), 2)):
        if one != other:
            moved = rng.integers(0, min(most[one] - values[one], values[other]) + 1)
            values[one] += moved
            values[other] -= moved
    return values


def _keep_times(time: Variable, part: Part, patterns, values: dict, fixed: Mapping, rng) -> None:
    """Move ages and the time between them, as little as is needed, until they agree in every row.

    Sums of those that are added up stay what they are.
    """
    names = (time.end, time.start, time.name)
    kinds = [part.axes[name].variable for name in names]
    per_unit, slack = kinds[2].between(*kinds[:2])
    per_year = Fraction(per_unit).limit_denominator(1000)
    scale = per_year.denominator * math.lcm(*(kind.step.denominator for kind in kinds))
    factors = [int(per_year * kinds[0].step * scale), -int(per_year * kinds[1].step * scale)]
    factors.append(-int(kinds[2].step * scale))
    bag = part.bag_of(names)
    model, chosen, moved = cp_model.CpModel(), {}, []
    for name in names:
        axis, cell = part.axes[name], part.bags[bag].place(name)[patterns[bag]]
        chosen[name] = []
        for low, high, value in zip(
            axis.lows[cell].tolist(), axis.highs[cell].tolist(), values[name].tolist(), strict=True
        ):
            chosen[name].append(model.new_int_var(low, high, ""))
            moved.append(model.new_int_var(0, high - low, ""))
            model.add(moved[-1] >= chosen[name][-1] - value)
            model.add(moved[-1] >= value - chosen[name][-1])
        if name in fixed:
            where, _ = fixed[name]
            for pattern in np.unique(patterns[where]):
                rows = np.flatnonzero(patterns[where] == pattern)
                model.add(sum(chosen[name][row] for row in rows) == int(values[name][rows].sum()))
    for row in zip(*chosen.values(), strict=True):
        apart = sum(factor * value for factor, value in zip(factors, row, strict=True))
        model.add_linear_constraint(apart, -math.floor(slack * scale), math.floor(slack * scale))
    model.minimize(sum(moved))
    status, solved = solve(model, Effort(60), most=EFFORT)
    if status in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        for name in names:
            values[name] = np.array([solved.value(value) for value in chosen[name]])


def _column(variable: Variable, steps: np.ndarray) -> pd.Series:
    match variable.type:
        case "boolean":
            return pd.Series(steps.astype(bool), dtype="boolean")
        case "category":
            return pd.Series([variable.categories[place] for place in steps], dtype=pd.StringDtype("python"))
    exact = [int(step) * variable.step for step in steps]
    if variable.type == "integer":
        return pd.Series([int(value) for value in exact], dtype="Int64")
    return pd.Series([float(value) for value in exact], dtype="Float64")


# ---- tables unlike each other ------------------------------------------------------------------------------


def unlike(tables: Sequence[pd.DataFrame], count: int) -> list[pd.DataFrame]:
    """Choose tables as far from each other as possible, one after the other (Gonzalez 1985).

    Two tables are as far apart as their pairs of columns differ: in how many patients are in both of two
    yes/no variables, and in the rank correlation of two numbers.
    """
    if count >= len(tables):
        return list(tables)
    features = np.array([_pairs(table) for table in tables])
    scale = features.std(axis=0)
    features = features[:, scale > 0] / scale[scale > 0]
    chosen = [0]
    while len(chosen) < count:
        apart = np.abs(features[:, None, :] - features[None, chosen, :]).sum(axis=2).min(axis=1)
        apart[chosen] = -1
        chosen.append(int(apart.argmax()))
    return [tables[place] for place in chosen]


def _pairs(table: pd.DataFrame) -> list[float]:
    shown = table.drop(columns=["patient", "reconstructed"])
    yes_no = shown.select_dtypes("boolean").fillna(False).to_numpy(dtype=float)
    both = (yes_no.T @ yes_no)[np.triu_indices(yes_no.shape[1])]
    ranks = shown.select_dtypes("number").astype(float).rank()
    together = ranks.corr(min_periods=3).fillna(0).round(6)
    return [*both, *(float(together.loc[a, b]) for a, b in combinations(together.columns, 2))]


# ---- one table only ----------------------------------------------------------------------------------------


def is_only_table(fitted: Fit, seconds: float = 60) -> bool:
    """Say whether the printed numbers leave one table of patients only, up to the order of its rows.

    Then they describe single patients, whoever reads them.

    Raises
    ------
    UnfinishedError
        If the effort is spent before.
    """
    effort, several, plans = Effort(seconds), 0, plans_of(fitted)
    if not any(plan.part.bags for plan in plans):
        return False  # nothing is printed of single patients
    for plan in plans:
        tables = Tables(plan, fitted.n)
        for statement in plan.statements:
            tables.require(statement)
        shown = [_shown(plan, place, reported(fitted.view)) for place in range(len(plan.part.bags))]
        status, first = solve(tables.model, effort)
        if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
            raise UnfinishedError("no table of patients was found within the effort allowed")
        solved = read_off(tables, first)
        if _has_room(solved, shown) or _has_another(tables, solved, shown, effort):
            return False
        several += any(
            len({keys[i] for i in np.flatnonzero(counts)}) > 1
            for keys, counts in zip(shown, solved.counts, strict=True)
        )
    return several <= 1  # rows of two parts with different rows each can be matched in several ways


def _shown(plan: Plan, place: int, known: dict) -> list[tuple]:
    """Return what a table shows of each pattern of a bag.

    Cells, but none where the study does not report one.
    """
    part, bag = plan.part, plan.part.bags[place]
    cells = bag.places.T.tolist()
    for column, name in enumerate(bag.names):
        groups = known.get(name, ())
        if groups and all(expressions.variables(group) <= set(bag.names) for group in groups):
            for row in np.flatnonzero(~np.any([part.mask(group, place) for group in groups], axis=0)):
                cells[row][column] = -1
    return [tuple(row) for row in cells]


def _has_room(solved: Solved, shown: Sequence[list[tuple]]) -> bool:
    """Say whether a value can be chosen, or rows of two bags be matched, in several ways."""
    part = solved.plan.part
    for place, (bag, counts) in enumerate(zip(part.bags, solved.counts, strict=True)):
        used = np.flatnonzero(counts)
        for column, name in enumerate(bag.names):
            axis = part.axes[name]
            wide = axis.variable.is_numeric & (axis.highs > axis.lows)
            if any(wide[cell] for row in used if (cell := shown[place][row][column]) >= 0):
                return True
        if place:
            names = shared(part.bags, place) if bag.parent is not None else ()
            parent = bag.parent if bag.parent is not None else 0
            above, here = codes(part.bags[parent], names, part.axes), codes(bag, names, part.axes)
            rows = np.flatnonzero(solved.counts[parent])
            for code in np.unique(here[used]):
                one = {shown[place][row] for row in used if here[row] == code}
                other = {shown[parent][row] for row in rows if above[row] == code}
                if len(one) > 1 and len(other) > 1:
                    return True
    return False


def _has_another(tables: Tables, solved: Solved, shown: Sequence[list[tuple]], effort: Effort) -> bool:
    """Say whether other counts of what is shown satisfy all statements too."""
    others = []
    for counts, found, keys in zip(tables.counts, solved.counts, shown, strict=True):
        for key in dict.fromkeys(keys):
            rows = [row for row, shown_key in enumerate(keys) if shown_key == key]
            size, other = sum(counts[row] for row in rows), int(found[rows].sum())
            for less in (True, False):
                literal = tables.model.new_bool_var("")
                tables.model.add(size <= other - 1 if less else size >= other + 1).only_enforce_if(literal)
                others.append(literal)
    tables.model.add_bool_or(others)
    return is_possible(tables, effort)
