"""What is wrong within the rows of a cohort: times, counts and rules."""

import re
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pandas as pd

from crmo_analysis.patients.problems import Problem, listed, shown
from crmo_analysis.patients.table import MADE, Table
from crmo_analysis.study import Codebook, Variable, expressions, read_codebook, read_section

MANY = 5  # rows above of which one that adds them up can be told


def check_last_row(table: Table) -> None:
    """Report one of the last rows in which every number is the sum, or the mean, of those above."""
    for place in range(-1, max(-4, -len(table.frame)) - 1, -1):
        sums, means = [], []
        for column in table.columns.values():
            values = column.numbers[column.codes] if len(column.numbers) else column.codes * np.nan
            above, last = values[:place][np.isfinite(values[:place])], values[place]
            if np.isfinite(last) and len(above) >= MANY and np.ptp(above):  # of one value all are the mean
                decimals = len(re.split("[.,]", f"{column.words[column.codes[place]].as_py()}.")[1])
                sums.append(abs(last - above.sum()) < 1e-6 and last > above.max())
                means.append(abs(last - above.mean()) <= 0.5 * 10.0**-decimals + 1e-9)
        what = "sum" if sums and all(sums) else "mean" if len(means) > 1 and all(means) else ""
        if what:
            row = int(table.sheet.rows[place])
            expected = f"every number is the {what} of the rows above: it is no patient; delete the row"
            table.problems.append(Problem(table.sheet.file, row, "", "", expected))


def check_times(table: Table, codebook: Codebook) -> None:
    """Check that an age is not before an earlier one, and a time between two ages against them."""
    for time in (variable for variable in codebook.values() if variable.start and variable.end):
        if not {time.start, time.end} <= set(table.columns):
            continue
        start, end = (table.frame[name] for name in (time.start, time.end))
        ages = [
            replace(codebook[name], step=_step(table.frame[name], codebook[name]))
            for name in (time.end, time.start)
        ]
        before = (end + float(ages[0].before(ages[1])) <= start) & (end < start)
        before = before.fillna(False).to_numpy(dtype=bool)
        table.report(time.end, before, f"is before {time.start} in the same row")
        if time.name in table.columns:
            per_unit, slack = time.between(*ages)
            apart = (per_unit * (end - start) - table.frame[time.name]).abs() > slack + 1e-6
            wrong = apart.fillna(False).to_numpy(dtype=bool) & ~before
            expected = f"is not the time from {time.start} to {time.end} of the same row"
            table.report(time.name, wrong, expected)


def _step(values: pd.Series, variable: Variable) -> Fraction:
    """Return the step in which ages were written down: years, that of the codebook, or none."""
    given = values.dropna()
    for step in (max(variable.step, Fraction(1)), variable.step):
        if ((given / float(step)).round(6) % 1 == 0).all():
            return step
    return Fraction(0)


def check_counts(table: Table, codebook: Codebook) -> None:
    """Check numbers that are at least the number of other variables that are true.

    A made-up table keeps to what is counted exactly, and that lesions are as many as bones as far as it can.
    """
    is_made = any(name in table.columns and table.frame[name].fillna(False).all() for name in MADE)
    for variable in codebook.values():
        group = variable.counts or ("" if is_made else variable.at_least)
        counted = [
            other.name
            for other in codebook.values()
            if group and other.group == group and other.name in table.columns
        ]
        if counted and variable.name in table.columns:
            least = table.frame[counted].fillna(False).astype("Int64").sum(axis=1)
            fewer = (table.frame[variable.name] < least).fillna(False).to_numpy(dtype=bool)
            names = listed((shown(table.sources.get(name, name)) for name in counted), 40)
            expected = f"is fewer than the columns that hold in the same row of these: {names}"
            table.report(variable.name, fewer, expected)


def check_rules(table: Table) -> None:
    """Check what always holds, and that a table is made up altogether or not at all."""
    everyone = pd.Series(True, index=table.frame.index, dtype="boolean")
    for rule in read_section("rules"):
        tree = expressions.parse(rule["always"], read_codebook())
        if expressions.variables(tree) <= set(table.columns):
            broken = (~expressions.evaluate(tree, table.frame, everyone)).fillna(False).to_numpy(dtype=bool)
            table.report(rule["about"], broken, f"{rule['because']} ({rule['always']})")
    for name in (name for name in MADE if name in table.columns):
        wrong = ~table.frame[name].fillna(False).to_numpy(dtype=bool)
        if not wrong.all():
            expected = "other rows are made up; expected a table of patients or of made-up rows, not both"
            table.report(name, wrong, expected)
