"""What is said of a cohort once it is read: what is missing, what cannot be analysed, what was understood."""

import numpy as np
import pandas as pd

from crmo_analysis.patients.cohort import Cohort
from crmo_analysis.patients.mapping import OWN
from crmo_analysis.patients.problems import Problem, shown, warning
from crmo_analysis.study import read_codebook

FEW = 10  # patients below which a regression says next to nothing
EXAMPLES = 3


def thin(cohort: Cohort) -> tuple[Problem, ...]:
    """Warn of what is sound and cannot be analysed: empty and constant columns, very few patients."""
    n, said, constant = len(cohort.patients), [], []
    missing = {place: n for place, n in cohort.missing.items() if place[1] not in OWN}
    for title, table in (("patients", cohort.patients), ("lesions", cohort.lesions)):
        lacking = {name: n for (where, name), n in missing.items() if where == title}
        empty = [name for name, n in lacking.items() if n == len(table) == table[name].isna().sum()]
        said += [f"no {title[:-1]} has a value of {', '.join(empty)}"] if empty else []
        if title == "patients":
            constant = [name for name, n in lacking.items() if _is_constant(table[name], n)]
    if constant:
        names = ", ".join(constant)
        said.append(f"all patients with a value have the same one: {names}; nothing can go with it")
    if n < FEW:
        patients = "1 patient is" if n == 1 else f"{n} patients are"
        said.append(f"{patients} too few for a regression of an outcome; a description is what they allow")
    return tuple(warning(cohort.file, None, "", "", text) for text in said)


def _is_constant(values: pd.Series, n_missing: int) -> bool:
    """Say whether two values or more are all the same, in a column without errors."""
    given = values.dropna()
    is_sound = len(given) >= max(2, len(values) - n_missing)  # lesions may have filled what was missing
    return is_sound and bool((given == given.iloc[0]).all())


def understood(cohort: Cohort) -> pd.DataFrame:
    """Describe what was read, variable by variable, for those who own the file: it repeats values.

    With the `column` in the file ("derived" if it has none), the `range` of numbers and dates, of others how
    many have which value, and the first three different values.
    """
    rows = []
    for title, table in (("patients", cohort.patients), ("lesions", cohort.lesions)):
        for name in () if table is None else table:
            values = table[name].dropna()
            column = cohort.columns.get((title, name), "derived")
            examples = ", ".join(shown(_text(value), 20) for value in values.unique()[:EXAMPLES])
            sizes = len(values), len(table) - len(values)
            rows.append([title, name, shown(column), *sizes, _range(values, name), examples])
    return pd.DataFrame(rows, columns=["table", "variable", "column", "n", "missing", "range", "examples"])


def _range(values: pd.Series, name: str) -> str:
    if not len(values):
        return ""
    if name == "patient":
        return f"{values.nunique()} different"
    if pd.api.types.is_bool_dtype(values) or pd.api.types.is_string_dtype(values):
        counts = values.map(_text).value_counts()
        return ", ".join(f"{shown(value, 20)} {count}" for value, count in counts.items())
    unit = {**read_codebook(), **read_codebook(section="lesions")}[name].unit
    return f"{_text(values.min())} to {_text(values.max())} {unit}".rstrip()


def _text(value: object) -> str:
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, pd.Timestamp):
        return value.date().isoformat()
    return f"{value:.6g}" if isinstance(value, float) else str(value)
