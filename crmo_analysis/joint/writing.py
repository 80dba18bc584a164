"""Counts of patterns written out as patients: one row each, with a value within every cell."""

from collections.abc import Collection, Sequence

import numpy as np
import pandas as pd
from ortools.sat.python import cp_model

from crmo_analysis.joint.axes import TOTALS
from crmo_analysis.joint.drawing import EFFORT, Solved, printed_values
from crmo_analysis.joint.fits import Fit
from crmo_analysis.joint.kept import once
from crmo_analysis.joint.middles import limits
from crmo_analysis.joint.moves import moved_values
from crmo_analysis.joint.patterns import codes, factors, shared
from crmo_analysis.joint.pieces import joined
from crmo_analysis.joint.solving import FOUND, Effort, Model, solve
from crmo_analysis.joint.statements import Statement, reported
from crmo_analysis.study import Codebook, Variable, expressions, reproduction


def write_out(
    fitted: Fit,
    solved: Sequence[Solved],
    rng: np.random.Generator,
    shown: Collection[str] = (),
    toward: Sequence[tuple] = (),
    moved: tuple[Collection, Statement | None] = ((), None),
) -> pd.DataFrame:
    """Turn counts of patterns into one row a patient.

    Rows of parts that share no variable are matched at random.

    What a study does not report of a patient is missing, unless the variable is among those `shown`. `toward`
    has quantities with a sign: the values that give them are as large, or as small, as their cells allow.
    `moved` are statements for which values are moved until they hold, and one that is not to hold.
    """
    codebook, n, solved = fitted.view.codebook, fitted.n, joined(solved)
    table = pd.DataFrame(index=range(n))
    # Parts with a number that has to be at least the number of other variables come after those variables.
    for part in sorted(solved, key=lambda part: any(codebook[name].at_least for name in part.plan.part.axes)):
        patterns = _assign(part, n, rng)
        if moved[0]:
            steps = moved_values(part.plan, patterns, *moved, fitted.view.study.rules, rng)
        else:
            steps = _values(part, patterns, codebook, table, rng, toward)
        columns = {name: _column(axis.variable, steps[name]) for name, axis in part.plan.part.axes.items()}
        table = pd.concat([table, pd.DataFrame(columns, index=table.index)], axis=1)
    for part in solved:
        for name, counted in part.plan.counted.items():
            if set(counted) <= set(table):
                table[name] = table[list(counted)].astype("Int64").sum(axis=1).astype("Int64")
    table = table[[name for name in codebook if name in table]]
    read = reproduction.Rows(table)
    known = {name: _known_in(read, groups) for name, groups in once(reported, fitted.view).items()}
    for name, rows in known.items():
        if name in table and name not in shown and rows is not None:
            table[name] = table[name].where(rows)
    table.insert(0, "patient", range(1, n + 1))
    table["reconstructed"] = pd.Series(True, index=table.index, dtype="boolean")
    return table


def _known_in(read: reproduction.Rows, groups: Sequence[expressions.Expression]) -> np.ndarray | None:
    """Say of each row whether it is in one of these groups; None if the table does not tell of any."""
    told = [group for group in groups if expressions.variables(group) <= set(read.table)]
    return np.any([read.holds(group) for group in told], axis=0) if told else None


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
    part, values, printed = solved.plan.part, {}, printed_values(solved.plan)
    ended = {claim.of for claim in solved.plan.claims if claim.statistic in ("max", "value", *TOTALS, "sd")}
    for name, axis in part.axes.items():
        bag = part.bag_of([name])
        cell = part.bags[bag].place(name)[patterns[bag]]
        lows, highs = axis.lows[cell], axis.highs[cell]
        values[name] = rng.integers(lows, highs + 1)
        if name not in ended and axis.variable.is_numeric:  # up to no printed limit, large ones are rare
            far = np.flatnonzero((highs == axis.highs[-1]) & (lows > 0))
            values[name][far] = rng.uniform((highs[far] + 1.0) ** -2, lows[far] ** -2.0) ** -0.5
        for (low, high), value in printed.get(name, {}).items():
            values[name][(low <= lows) & (lows <= value) & (value <= highs) & (highs <= high)] = value
    for quantity, sign in toward:
        if quantity.patients is None and quantity.of in values:
            _push(quantity, sign, solved, patterns, values[quantity.of])
    for claim in solved.plan.claims:
        if claim.statistic == "median" and claim.of not in solved.sums:
            _meet(claim, solved, patterns, values[claim.of])
    for name in solved.sums:
        of = codebook[name].at_least
        counted = [column for column in table if of and codebook[column].group == of]
        least = table[counted].astype("Int64").sum(axis=1).to_numpy(dtype=int)
        _add_up(name, solved, patterns, values[name], least, rng)
    for variable in codebook.values():
        if variable.start and {variable.name, variable.start, variable.end} <= part.axes.keys():
            _keep_times(variable, solved, patterns, values)
    return values


def _add_up(name: str, solved: Solved, patterns, values: np.ndarray, least: np.ndarray, rng) -> None:
    """Give the patients of each pattern values with its sum, and none fewer than are counted of it."""
    bag, sums = solved.sums[name]
    ends = solved.plan.part.ends(name, bag)
    for pattern in np.flatnonzero(solved.counts[bag]):
        rows = np.flatnonzero(patterns[bag] == pattern)
        low, high = (end[pattern] for end in ends)
        lows = np.clip(least[rows], low, high)
        lows = lows if lows.sum() <= sums[pattern] else np.full(len(rows), low)
        values[rows] = lows + _adding_up(sums[pattern] - lows.sum(), high - lows, rng)


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
    lower, upper = _middle(inside)
    if cell[lower] == cell[upper]:
        return
    least, most = limits(claim, axis.variable.step)
    wanted = min(max((least + most) // 2, least), most)
    lows, highs = axis.lows[cell[[lower, upper]]], axis.highs[cell[[lower, upper]]]
    total = min(max(wanted, lows.sum()), highs.sum())
    first = min(max(values[lower], lows[0], total - highs[1]), highs[0], total - lows[1])
    for rows, value, pick in ((lower, first, np.minimum), (upper, total - first, np.maximum)):
        same = inside[cell[inside] == cell[rows]]
        values[same] = pick(values[same], value)
        values[rows] = value


def _middle(inside: np.ndarray) -> np.ndarray:
    """Return the two rows in the middle of some that are in order; of an odd number the same twice."""
    return inside[[(len(inside) - 1) // 2, len(inside) // 2]]


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


def _keep_times(time: Variable, solved: Solved, patterns, values: dict) -> None:
    """Move ages and the time between them, as little as is needed, until they agree in every row.

    Sums of those that are added up stay what they are, and middle values in the middle.
    """
    part, fixed, names = solved.plan.part, solved.sums, (time.end, time.start, time.name)
    late, early, between, most, before = factors(part.axes, time)
    bag = part.bag_of(names)
    model, chosen, moved = Model(), {}, []
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
        apart = sum(factor * value for factor, value in zip((late, -early, -between), row, strict=True))
        model.add_linear_constraint(apart, -most, most)
        model.add(late * row[0] - early * row[1] >= -before)
    for claim in solved.plan.claims:
        if claim.statistic == "median" and claim.number.relation == "=" and claim.of in chosen.keys() - fixed:
            of = values[claim.of], chosen[claim.of]
            moved.append(len(moved) * _missed_by_middle(model, claim, solved, patterns, *of))
    model.minimize(sum(moved))
    status, found = solve(model, Effort(60), most=EFFORT)
    if status in FOUND:
        for name in names:
            values[name] = np.array([found.value(value) for value in chosen[name]])


def _missed_by_middle(model, claim, solved: Solved, patterns, values: np.ndarray, chosen: Sequence):
    """Let middle values stay in the middle, and return how far they are from what is printed."""
    variable = solved.plan.part.axes[claim.of].variable
    cell, inside = _cells_of(solved, patterns, claim)
    inside = inside[np.lexsort((values[inside], cell[inside]))]
    lower, upper = _middle(inside)
    for place, row in enumerate(inside.tolist()):
        if cell[row] == cell[lower] and 2 * place < len(inside) - 1:
            model.add(chosen[row] <= chosen[lower])
        elif cell[row] == cell[upper] and 2 * place > len(inside) - 1:
            model.add(chosen[row] >= chosen[upper])
    total, missed = chosen[lower] + chosen[upper], model.new_int_var(0, cp_model.INT32_MAX, "")
    model.add_linear_constraint(total, *limits(claim, variable.step))
    model.add_abs_equality(missed, total - round(2 * claim.number.value / variable.step))
    return missed


def _column(variable: Variable, steps: np.ndarray) -> pd.Series:
    match variable.type:
        case "boolean":
            return pd.Series(steps.astype(bool), dtype="boolean")
        case "category":
            return pd.Series([variable.categories[place] for place in steps], dtype=pd.StringDtype("python"))
    exact = {step: step * variable.step for step in set(steps.tolist())}
    kind, number = ("Int64", int) if variable.type == "integer" else ("Float64", float)
    return pd.Series([number(exact[step]) for step in steps.tolist()], dtype=kind)
