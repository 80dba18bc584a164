"""What is wrong across the rows and columns of a cohort: units, keys, lesions, times, counts and rules."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from crmo_analysis.patients.cells import Column
from crmo_analysis.patients.lesions import derive
from crmo_analysis.patients.spreadsheet import LISTED, Problem, Sheet, more
from crmo_analysis.study import Codebook, Variable, expressions, read_codebook, read_section

MADE = {
    name: Variable(name, "Not observed in a patient", "boolean") for name in ("reconstructed", "simulated")
}
ENOUGH = 5  # values from which a median says something of the unit
_NUMBERED = r"^(0|[1-9][0-9]{0,17})$"


@dataclass(eq=False)
class Table:
    """A table while it is read."""

    sheet: Sheet
    title: str
    columns: dict[str, Column] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)
    frame: pd.DataFrame = field(default_factory=pd.DataFrame)
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def report(self, name: str, wrong: np.ndarray, expected: str, is_error: bool = True) -> None:
        """Add a problem for each row that is wrong."""
        column, rows = self.columns[name], np.flatnonzero(wrong)
        found = []
        for row in rows[:LISTED]:
            value = column.words[column.codes[row]].as_py()
            found.append(self.problem(int(self.sheet.rows[row]), name, value, expected, is_error))
        self.problems += [*found, *(more(found[0], len(rows)) if found else [])]

    def problem(
        self, row: int | None, name: str, value: str, expected: str, is_error: bool = True
    ) -> Problem:
        """Return a problem of a column by its name in the codebook."""
        return Problem(self.sheet.file, row, self.sources.get(name, name), value, expected, is_error)


def check_units(table: Table, codebook: Codebook, converted: Mapping[str, float]) -> None:
    """Ask about the unit of a column whose median is not where a cohort's median lies."""
    for name, usual in read_section("units").items():
        column = table.columns.get(name)
        values = np.empty(0) if column is None else column.numbers[column.codes]
        values = values[np.isfinite(values)]
        if len(values) < ENOUGH:
            continue
        median, (low, high) = float(np.median(values)), usual["median"]
        if low <= median <= high:
            continue
        unit = codebook[name].unit
        explained = [
            f"{other} (times {by:g})" for other, by in usual["instead"].items() if low <= median * by <= high
        ]
        hint = f"; as in {' or '.join(explained)}" if explained and name not in converted else ""
        usual_range = f"{low:,.12g} to {high:,.12g} {unit}"
        expected = f"the median of {len(values)} values is {median:.4g}, expected {usual_range}{hint}. "
        expected += "Check the unit; a mapping file can convert it"
        table.problems.append(table.problem(None, name, "", expected, is_error=False))


def check_keys(table: Table, other: Table | None, hint: str = "") -> None:
    """Check the patients' keys, and give both tables the same type of key.

    `hint` is for lesions without a key.
    """
    keys = {}
    for one in (table, other) if other is not None else (table,):
        column = one.columns.get("patient")
        if column is None:
            if other is not None:
                expected = f"is missing; both tables need it to be put together{hint if one is other else ''}"
                one.problems.append(Problem(one.sheet.file, 1, "patient", "", expected))
            else:
                one.notes.append(f"{one.sheet.file}: there is no column patient; rows are numbered from 1")
            one.frame["patient"] = pd.array(range(1, len(one.frame) + 1), dtype="Int64").astype("string")
        else:
            absent = (column.kinds > 0)[column.codes]
            one.report("patient", absent, "expected the patient's number or pseudonym")
        keys[one.title] = one.frame["patient"]
    patients = keys["patients"]
    if "patient" in table.columns:
        first = ~patients.duplicated()
        again = (~first & patients.notna()).to_numpy()
        table.report("patient", again, "stands in an earlier row as well; expected one row a patient")
    if other is not None and "patient" in table.columns and "patient" in other.columns:
        stray = ~keys["lesions"].isin(patients) & keys["lesions"].notna()
        other.report("patient", stray.to_numpy(), f"is no patient of {table.sheet.file}")
    numbered = all(
        not key.isna().any() and bool(pc.all(pc.match_substring_regex(pa.array(key), _NUMBERED)).as_py())
        for key in keys.values()
    )
    for one in (table, other) if other is not None else (table,):
        key = one.frame.pop("patient")
        one.frame.insert(0, "patient", key.astype("int64") if numbered else key)


def add_lesions(table: Table, other: Table, codebook: Codebook) -> None:
    """Derive variables of patients from their lesions.

    Fill those that are not given, report those that differ.
    """
    if (
        "patient" not in table.columns
        or "patient" not in other.columns
        or table.frame["patient"].duplicated().any()
    ):
        return
    derived = derive(other.frame, table.frame["patient"], codebook, read_section("bones"))
    filled = []
    for name in derived:
        found = derived[name]
        if name not in table.frame:
            table.frame[name] = found
            filled.append(name)
            continue
        given, column = table.frame[name], table.columns[name]
        if codebook[name].is_numeric:
            differs = (given - found).abs() > 0.5 * float(codebook[name].step or 1)
        else:
            differs = given ^ found
        expected = f"is not what {other.sheet.file} gives for the patient"
        table.report(name, differs.fillna(False).to_numpy(dtype=bool), expected)
        empty = (column.kinds == 1)[column.codes]
        if (found.notna() & empty).any():
            table.frame[name] = given.where(~empty, found)
            filled.append(name)
    without = int((~table.frame["patient"].isin(other.frame["patient"])).sum())
    table.frame = table.frame[["patient", *(name for name in (*codebook, *MADE) if name in table.frame)]]
    if filled:
        table.notes.append(
            f"{other.sheet.file}: derived from the lesions where not given: {', '.join(filled)}"
        )
    if without:
        table.notes.append(
            f"{other.sheet.file}: patients without a row, for whom nothing is derived: {without}"
        )


def check_times(table: Table, codebook: Codebook) -> None:
    """Check that an age is not before an earlier one, and a time between two ages against them."""
    for time in (variable for variable in codebook.values() if variable.start and variable.end):
        if not {time.start, time.end} <= set(table.columns):
            continue
        start, end = (table.frame[name] for name in (time.start, time.end))
        before = (end < start).fillna(False).to_numpy(dtype=bool)
        table.report(time.end, before, f"is before {time.start} in the same row")
        if time.name in table.columns:
            # An age in full years may be a year off, whatever the step of the codebook is.
            ages = [
                replace(codebook[name], step=_step(table.frame[name], codebook[name]))
                for name in (time.end, time.start)
            ]
            per_unit, slack = time.between(*ages)
            apart = (per_unit * (end - start) - table.frame[time.name]).abs() > slack + 1e-6
            wrong = apart.fillna(False).to_numpy(dtype=bool) & ~before
            table.report(time.name, wrong, f"is not the time from {time.start} to {time.end} of the same row")


def _step(values: pd.Series, variable: Variable) -> Fraction:
    given = values.dropna()
    return max(variable.step, Fraction(1)) if (given % 1 == 0).all() else variable.step


def check_counts(table: Table, codebook: Codebook) -> None:
    """Check numbers that are at least the number of other variables that are true."""
    for variable in codebook.values():
        group = variable.at_least or variable.counts
        counted = [
            other.name
            for other in codebook.values()
            if group and other.group == group and other.name in table.columns
        ]
        if counted and variable.name in table.columns:
            least = table.frame[counted].fillna(False).astype("Int64").sum(axis=1)
            fewer = (table.frame[variable.name] < least).fillna(False).to_numpy(dtype=bool)
            table.report(
                variable.name, fewer, f"is fewer than the variables of '{group}' that hold in the same row"
            )


def check_rules(table: Table) -> None:
    """Check what always holds, and that a table is made up altogether or not at all."""
    everyone = pd.Series(True, index=table.frame.index, dtype="boolean")
    for rule in read_section("rules"):
        tree = expressions.parse(rule["always"], read_codebook())
        if expressions.variables(tree) <= set(table.columns):
            broken = (~expressions.evaluate(tree, table.frame, everyone)).fillna(False).to_numpy(dtype=bool)
            table.report(rule["about"], broken, f"{rule['because']} ({rule['always']})")
    for name in MADE:
        wrong = (
            ~table.frame[name].fillna(False).to_numpy(dtype=bool)
            if name in table.columns
            else np.ones(0, bool)
        )
        if not wrong.all():
            expected = "other rows are made up; expected a table of patients or of made-up rows, not both"
            table.report(name, wrong, expected)
