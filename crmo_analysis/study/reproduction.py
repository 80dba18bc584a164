"""What a table of patients gives for a claim, independently of how the table was made."""

from collections.abc import Iterable
from fractions import Fraction
from functools import cache

import numpy as np
import pandas as pd
from pandas.api.extensions import ExtensionArray
from pandas.api.types import infer_dtype, is_extension_array_dtype, is_numeric_dtype

from crmo_analysis.study import on_table
from crmo_analysis.study.codebook import Codebook
from crmo_analysis.study.describe import statistic
from crmo_analysis.study.expressions import COMPARED, evaluate, variables
from crmo_analysis.study.records import Claim
from crmo_analysis.study.rounding import decimal_text, is_within, limits, share_limits

EXACT = ("count", "percent", "fraction", "rank", "median", "mean", "sd", "sum", "min", "max", "value")
KEPT = ("icc", "auc", "survival", "median_survival", "cumulative_incidence", "other")
LEFT_OUT = (  # which a table of patients does not give here: times to an event, other coefficients
    *("hazard_ratio", "rate_ratio", "df_2", "limit_lower", "limit_upper", *KEPT),
)


class Rows:
    """A table of patients of which every column is read, and every expression evaluated, once.

    Whoever holds many claims against one table makes it of the table, and gives it in place of that.
    """

    def __init__(self, table: pd.DataFrame):
        self.table, self.everyone = table, np.ones(len(table), dtype=bool)
        self.column, self.known, self.holds = cache(self._column), cache(self._known), cache(self._holds)

    def _column(self, name: str) -> np.ndarray | ExtensionArray:
        """Return a column as an array: one that knows its missing values, where it has some."""
        column = self.table[name]
        missing = column.isna().to_numpy()
        if missing.all():  # whatever it is of, nothing is known
            return pd.array([pd.NA] * len(column), dtype="boolean")
        if is_extension_array_dtype(column.dtype) and is_numeric_dtype(column.dtype):
            return column.array if missing.any() else column.to_numpy()
        kind = infer_dtype(column, skipna=True)
        numbers = ("integer", "floating", "mixed-integer-float", "decimal")
        of_words = "boolean" if kind == "boolean" else pd.StringDtype("python")
        return pd.array(column, dtype="Float64" if kind in numbers else of_words)

    def _known(self, tree) -> np.ndarray | ExtensionArray:
        """Say of which rows an expression holds; missing values leave it open."""
        return evaluate(tree, {name: self.column(name) for name in variables(tree)}, self.everyone)

    def _holds(self, tree) -> np.ndarray:
        """Say of which rows it is known that an expression holds."""
        known = self.known(tree)
        is_whole = isinstance(known, np.ndarray)
        return known.astype(bool) if is_whole else known.to_numpy(dtype=bool, na_value=False)

    def values(self, name: str, group) -> ExtensionArray:
        """Return the values of a column, without missing ones, in the rows of a group."""
        values = self.table[name].array[self.holds(group)]
        return values[~values.isna()]


def _rows(table: pd.DataFrame | Rows) -> Rows:
    return table if isinstance(table, Rows) else Rows(table)


def members(tree, table: pd.DataFrame | Rows) -> pd.Series:
    """Return for each patient whether an expression holds; missing values leave it open."""
    rows = _rows(table)
    return pd.Series(pd.array(rows.known(tree), dtype="boolean"), index=rows.table.index)


def value_of(quantity, table: pd.DataFrame | Rows) -> Fraction | None:
    """Return what a table gives for a claim, or another quantity, exactly; None where nobody is meant.

    The quantity has `statistic, of, patients, group`; the table a row for each patient, in columns of the
    codebook with pandas' nullable types.
    """
    rows = _rows(table)
    if quantity.statistic not in EXACT:
        found = by_method(quantity, rows)
        given = found.get(quantity.test, next(iter(found.values()), None))
        return None if given is None else Fraction(str(given))
    if quantity.patients is None:
        return statistic(quantity.statistic, rows.values(quantity.of, quantity.group))
    counted = rows.holds(quantity.patients)[rows.holds(quantity.group)]
    if quantity.statistic in ("count", "rank"):
        return Fraction(int(counted.sum()))
    return statistic(quantity.statistic, counted.astype(int))


def by_method(claim: Claim, table: pd.DataFrame | Rows) -> dict[str, float]:
    """Return what a table gives for a claim by each test or definition that can be meant.

    That which column method names alone, where it names one.
    """
    rows = _rows(table)
    group = rows.holds(claim.group)
    if claim.patients is not None:
        found = on_table.of_share(claim, rows.holds(claim.patients)[group])
    elif claim.is_of_values:
        found = on_table.of_values(claim, np.asarray(rows.values(claim.of, claim.group), dtype=float))
    else:
        parts = [_part(claim, place, rows)[group] for place in range(len(claim.parts))]
        found = on_table.of_pair(claim, parts)
    if claim.test and "" not in found:  # the only way, or none where it is not computed here
        return {claim.test: found[claim.test]} if claim.test in found else {}
    return found


def _part(claim: Claim, place: int, rows: Rows) -> pd.Series:
    """Return a part of `of` as a column: numbers, categories, or whether it holds where that is known."""
    part, table = claim.parts[place], rows.table
    variable = claim.codebook.get(part)
    if variable and variable.type == "category":
        return table[part].astype(object).where(table[part].notna(), None)
    if variable and variable.type != "boolean":
        return table[part].astype("Float64").astype(float)
    known = members(claim.levels(place)[0], rows)
    return known.astype(object).where(known.notna(), None) if known.isna().any() else known.astype(bool)


def agrees(claim: Claim, table: pd.DataFrame | Rows, rivals: Iterable = ()) -> bool:
    """Say whether a table gives what a claim prints."""
    rows = _rows(table)
    number, value = claim.number, value_of(claim, rows)
    if claim.statistic == "rank":
        return all(value >= int(rows.holds(rival).sum()) for rival in rivals)
    if value is None:
        return False
    if claim.statistic == "value":
        values = rows.values(claim.of, claim.group)
        return all(_prints(Fraction(str(value)), claim) for value in (values.min(), values.max()))
    if claim.statistic == "count" and number.value is None:
        return value == int(rows.holds(claim.group).sum()) - number.fewer
    if claim.statistic not in EXACT:
        return any(_prints(Fraction(str(given)), claim) for given in by_method(claim, rows).values())
    return _prints(value, claim)


def _prints(value: Fraction, claim: Claim) -> bool:
    number = claim.number
    if number.relation in COMPARED:
        return COMPARED[number.relation](value, number.value)
    if claim.statistic in ("count", "sum"):
        return value == number.value
    is_share = claim.statistic in ("percent", "fraction")
    return is_within(value, *(share_limits(number, claim.statistic) if is_share else limits(number)))


def named(claim: Claim) -> frozenset[str]:
    """Return the variables that stand in `of`, without those whom it is about."""
    levels = [tree for place in range(len(claim.parts)) for tree in claim.levels(place)]
    return frozenset(claim.parts) & claim.codebook.keys() | frozenset().union(*map(variables, levels))


def reproduce(claims: Iterable[Claim], table: pd.DataFrame, codebook: Codebook) -> pd.DataFrame:
    """Set printed numbers beside what a table of patients gives, a row for each claim."""
    rows, read = [], Rows(table)
    for claim in claims:
        names = variables(claim.group) | (variables(claim.patients) if claim.patients else named(claim))
        if claim.statistic not in ("rank", "date", *LEFT_OUT) and names <= set(table.columns):
            value = value_of(claim, read)
            is_exact = claim.statistic in ("count", "sum", "min", "max", "value")
            digits = 3 if is_exact else claim.number.decimals + 1
            text = "" if value is None else decimal_text(value / claim.number.scale, digits)
            row = [claim.claim_id, claim.where, claim.statistic, claim.of, claim.among, claim.printed]
            rows.append([*row, text, agrees(claim, read)])
    names = ["claim_id", "where", "statistic", "of", "among", "printed", "from_table", "agrees"]
    return pd.DataFrame(rows, columns=names)
