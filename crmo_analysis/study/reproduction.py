"""What a table of patients gives for a claim, independently of how the table was made."""

from collections.abc import Iterable
from fractions import Fraction

import numpy as np
import pandas as pd
from pandas.api.extensions import ExtensionArray
from pandas.api.types import infer_dtype, is_extension_array_dtype, is_numeric_dtype

from crmo_analysis.study import on_table
from crmo_analysis.study.codebook import Codebook
from crmo_analysis.study.describe import statistic
from crmo_analysis.study.expressions import COMPARED, evaluate, variables
from crmo_analysis.study.records import Claim
from crmo_analysis.study.rounding import decimal_text, interval, share_limits

EXACT = ("count", "percent", "fraction", "rank", "median", "mean", "sd", "sum", "min", "max", "value")
KEPT = ("icc", "auc", "survival", "median_survival", "cumulative_incidence", "other")
LEFT_OUT = (  # which a table of patients does not give here: times to an event, other coefficients
    *("hazard_ratio", "rate_ratio", "df_2", "limit_lower", "limit_upper", *KEPT),
)


def _column(column: pd.Series) -> ExtensionArray:
    """Return a column that knows its missing values, as an array: ten times as fast as a Series of pandas."""
    if column.isna().all():  # whatever it is of, nothing is known
        return pd.array([pd.NA] * len(column), dtype="boolean")
    if is_extension_array_dtype(column.dtype) and is_numeric_dtype(column.dtype):
        return column.array
    kind = infer_dtype(column, skipna=True)
    numbers = ("integer", "floating", "mixed-integer-float", "decimal")
    of_words = "boolean" if kind == "boolean" else pd.StringDtype("python")
    return pd.array(column, dtype="Float64" if kind in numbers else of_words)


def _evaluated(tree, table: pd.DataFrame) -> pd.arrays.BooleanArray:
    everyone = pd.array([True] * len(table), dtype="boolean")
    return evaluate(tree, {name: _column(table[name]) for name in variables(tree)}, everyone)


def _holds(tree, table: pd.DataFrame) -> np.ndarray:
    """Say of which rows it is known that an expression holds."""
    return _evaluated(tree, table).to_numpy(dtype=bool, na_value=False)


def members(tree, table: pd.DataFrame) -> pd.Series:
    """Return for each patient whether an expression holds; missing values leave it open."""
    return pd.Series(_evaluated(tree, table), index=table.index)


def value_of(quantity, table: pd.DataFrame) -> Fraction | None:
    """Return what a table gives for a claim, or another quantity, exactly; None where nobody is meant.

    The quantity has `statistic, of, patients, group`; the table a row for each patient, in columns of the
    codebook with pandas' nullable types.
    """
    group = _holds(quantity.group, table)
    if quantity.statistic not in EXACT:
        found = by_method(quantity, table)
        given = found.get(quantity.test, next(iter(found.values()), None))
        return None if given is None else Fraction(str(given))
    if quantity.patients is not None:
        counted = _holds(quantity.patients, table)
        return statistic(quantity.statistic, counted[group].astype(int))
    return statistic(quantity.statistic, table.loc[group, quantity.of].dropna())


def by_method(claim: Claim, table: pd.DataFrame) -> dict[str, float]:
    """Return what a table gives for a claim by each test or definition that can be meant.

    That which column method names alone, where it names one.
    """
    group = _holds(claim.group, table)
    if claim.patients is not None:
        found = on_table.of_share(claim, _holds(claim.patients, table)[group])
    elif claim.is_of_values:
        found = on_table.of_values(claim, table.loc[group, claim.of].dropna().to_numpy(dtype=float))
    else:
        found = on_table.of_pair(
            claim, [_part(claim, place, table)[group] for place in range(len(claim.parts))]
        )
    if claim.test and "" not in found:  # the only way, or none where it is not computed here
        return {claim.test: found[claim.test]} if claim.test in found else {}
    return found


def _part(claim: Claim, place: int, table: pd.DataFrame) -> pd.Series:
    """Return a part of `of` as a column: numbers, categories, or whether it holds where that is known."""
    part = claim.parts[place]
    variable = claim.codebook.get(part)
    if variable and variable.type == "category":
        return table[part].astype(object).where(table[part].notna(), None)
    if variable and variable.type != "boolean":
        return table[part].astype("Float64").astype(float)
    known = members(claim.levels(place)[0], table)
    return known.astype(object).where(known.notna(), None) if known.isna().any() else known.astype(bool)


def agrees(claim: Claim, table: pd.DataFrame, rivals: Iterable = ()) -> bool:
    """Say whether a table gives what a claim prints."""
    number, value = claim.number, value_of(claim, table)
    if claim.statistic == "rank":
        return all(value >= int(_holds(rival, table).sum()) for rival in rivals)
    if value is None:
        return False
    if claim.statistic == "value":
        group = _holds(claim.group, table)
        values = table.loc[group, claim.of].dropna()
        return all(_prints(Fraction(str(value)), claim) for value in (values.min(), values.max()))
    if claim.statistic == "count" and number.value is None:
        return value == int(_holds(claim.group, table).sum()) - number.fewer
    if claim.statistic not in EXACT:
        return any(_prints(Fraction(str(given)), claim) for given in by_method(claim, table).values())
    return _prints(value, claim)


def _prints(value: Fraction, claim: Claim) -> bool:
    number = claim.number
    if number.relation in COMPARED:
        return COMPARED[number.relation](value, number.value)
    if claim.statistic in ("count", "sum"):
        return value == number.value
    if claim.statistic in ("percent", "fraction"):
        low, high, is_open = share_limits(number, claim.statistic)
    else:
        low, high, is_open = *interval(number), True
    return low < value < high if is_open else low <= value <= high


def named(claim: Claim) -> frozenset[str]:
    """Return the variables that stand in `of`, without those whom it is about."""
    levels = [tree for place in range(len(claim.parts)) for tree in claim.levels(place)]
    return frozenset(claim.parts) & claim.codebook.keys() | frozenset().union(*map(variables, levels))


def reproduce(claims: Iterable[Claim], table: pd.DataFrame, codebook: Codebook) -> pd.DataFrame:
    """Set printed numbers beside what a table of patients gives, a row for each claim."""
    rows = []
    for claim in claims:
        names = variables(claim.group) | (variables(claim.patients) if claim.patients else named(claim))
        if claim.statistic not in ("rank", "date", *LEFT_OUT) and names <= set(table.columns):
            value = value_of(claim, table)
            is_exact = claim.statistic in ("count", "sum", "min", "max", "value")
            digits = 3 if is_exact else claim.number.decimals + 1
            text = "" if value is None else decimal_text(value / claim.number.scale, digits)
            row = [claim.claim_id, claim.where, claim.statistic, claim.of, claim.among, claim.printed]
            rows.append([*row, text, agrees(claim, table)])
    names = ["claim_id", "where", "statistic", "of", "among", "printed", "from_table", "agrees"]
    return pd.DataFrame(rows, columns=names)
