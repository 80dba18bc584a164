"""Lesion count against clinical severity, in any table of patients.

Every model, what it hangs on, in plain words. Nothing here says that one thing causes another.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from crmo_analysis.files import NotEstimableError
from crmo_analysis.models import imputation
from crmo_analysis.models.association import correlate, correlate_groups, leave_one_out
from crmo_analysis.models.permutation import STATISTICS, adjust, as_numbers
from crmo_analysis.models.question import Effort, Question, models_for, numeric, once
from crmo_analysis.models.regression import Regression, p_text, regress

COLUMNS = [
    "model", "exposure", "outcome", "adjusted_for", "n", "groups", "estimate", "ci_low", "ci_high", "p",
    "p_error", "p_holm", "family", "method", "library", "effect", "excluded", "imputed", "events",
    "confidence", "p_benjamini_hochberg",
]  # fmt: skip


def analyse(
    table: pd.DataFrame, question: Question, models: Sequence[str] | None = None, effort: Effort | None = None
) -> pd.DataFrame:
    """Relate an outcome to each exposure by every correlation and model, models also with adjustment.

    Parameters
    ----------
    table : DataFrame
        One row a patient, or a visit where the question names whose. Numbers, yes or no, and ordered
        categories; an adjustment may have plain categories. A correlation takes each patient once (see
        `question.once`); models take every visit, with errors by groups.
    question : Question
        What to relate.
    models : sequence of str
        Of `permutation.STATISTICS` and `regression.MODELS`; those of `models_for` unless given.
    effort : Effort
        As for `association.correlate`; each pair starts anew from the seed.

    Returns
    -------
    DataFrame
        One row for each exposure, model and adjustment, with `COLUMNS`. `p_error` is the Monte Carlo error of
        a P value from random permutations. `p_holm` is Holm's over the exposures of one model and adjustment,
        `family` of them with a P value, and `p_benjamini_hochberg` that method's. What cannot be estimated
        has a `method` that begins with "not estimable".

    Raises
    ------
    InputError
        If a column is not there, is named twice, or holds no numbers, or no patient has the outcome.
    """
    question.check(table)
    models = models_for(table[question.outcome], question.cut) if models is None else models
    rows = []
    for model in models:
        for adjusted in (
            [[], question.adjustment] if question.adjustment and model not in STATISTICS else [[]]
        ):
            for exposure in question.exposures:
                one = replace(question, exposures=[exposure], adjustment=list(adjusted))
                rows.append(row_of(table, model, one, effort or Effort()))
    result = pd.DataFrame(rows).reindex(columns=COLUMNS)
    families = result.groupby(["model", "adjusted_for"], sort=False)["p"]
    result["p_holm"] = families.transform(adjust)
    result["p_benjamini_hochberg"] = families.transform(adjust, "benjamini_hochberg")
    result["family"] = families.transform("count")
    return result


def row_of(table: pd.DataFrame, model: str, question: Question, effort: Effort) -> dict:
    """Fit one model of outcome, one exposure and adjustment, as a row of `analyse`.

    Where that is not possible, its `method` says why.
    """
    outcome, cut = question.outcome, question.cut
    values = as_numbers(table[outcome], outcome)
    is_cut = model == "firth" and cut is not None and not np.isin(values[~np.isnan(values)], (0, 1)).all()
    row = {"model": model, "exposure": question.exposures[0]}
    row |= {"outcome": f"{outcome} >= {cut:g}" if is_cut else outcome, "confidence": question.confidence}
    row |= {"adjusted_for": ", ".join(question.adjustment) or "none"}
    row["effect"] = f"{model} correlation" if model in STATISTICS else model
    known = table[question.names].notna().all(axis=1)
    row |= {"n": int(known.sum()), "excluded": int((~known).sum())}
    try:
        fit = (
            _correlated(table, model, question, effort)
            if model in STATISTICS
            else _fit(table, model, question)
        )
    except NotEstimableError as why:
        return row | {"method": f"not estimable: {why}"}
    return row | {name: getattr(fit, name) for name in COLUMNS if hasattr(fit, name)}


def _correlated(table: pd.DataFrame, statistic: str, question: Question, effort: Effort):
    """Correlate outcome and exposure, each patient once."""
    question.groups(table)  # says so where a patient is in several
    rows = once(table, question)
    x, y = (as_numbers(rows[name], name) for name in (*question.exposures, question.outcome))
    settings = {"confidence": question.confidence, **vars(effort)}
    if question.cluster:
        fit = correlate_groups(x, y, rows[question.cluster], statistic, question.confidence)
    else:
        fit = correlate(x, y, statistic, **settings)
    if question.patient:
        words = f"{fit.method}; means of the visits of each {question.patient}"
        fit = replace(fit, excluded=table[question.patient].nunique() - fit.n, method=words)
    return fit


def _fit(table: pd.DataFrame, model: str, question: Question):
    """Regress the outcome on the exposure, with imputed values where the question wants them."""
    exposure, outcome = (
        pd.Series(as_numbers(table[name], name), table.index, name=name)
        for name in (*question.exposures[:1], question.outcome)
    )
    others, groups = numeric(table, question.adjustment), question.groups(table)
    if question.imputations:
        plain = [name for name in question.names if len(numeric(table, [name])) == 1]
        return imputation.regress(model, [exposure, outcome, *others], groups, question, plain)
    return regress(model, outcome, exposure, others, groups, **question.terms)


def fitted(table: pd.DataFrame, model: str, question: Question) -> Regression:
    """Fit one model of the first exposure, with the names of its variables, for its results to be opened.

    Parameters
    ----------
    table, question
        As for `analyse`; values are not imputed.
    model : str
        Of `regression.MODELS`.

    Returns
    -------
    Regression
        Its `results` are statsmodels', with `summary()`.

    Raises
    ------
    InputError
        If a column is not there, or there is no such model.
    NotEstimableError
        If the data do not determine the model.
    """
    question.check(table)
    return _fit(table, model, replace(question, exposures=question.exposures[:1], imputations=0))


def influence(table: pd.DataFrame, model: str, question: Question) -> pd.DataFrame:
    """Estimate again without each patient in turn.

    Parameters
    ----------
    table : DataFrame
        One row a patient.
    model : str
        Of `permutation.STATISTICS` and `regression.MODELS`.
    question : Question
        Its first exposure is looked at; the SD stays that of all patients, so that estimates can be compared.

    Returns
    -------
    DataFrame
        One row a patient with all values: `left_out` (the row's label), `n`, `estimate`, `change` against all
        patients, and `method`, which says so where the others alone do not determine an estimate.

    Raises
    ------
    NotEstimableError
        If all patients together do not determine an estimate.
    """
    question.check(table)
    exposure, outcome = question.exposures[0], question.outcome
    if model in STATISTICS:
        without = leave_one_out(table[exposure], table[outcome], model)
        words = np.where(
            without["estimate"].isna(), "not estimable: all values of a variable are equal", model
        )
        return without.assign(method=words)
    columns = [as_numbers(table[outcome], outcome), as_numbers(table[exposure], exposure)]
    columns += [column.to_numpy() for column in numeric(table, question.adjustment)]
    known = ~np.isnan(np.column_stack(columns)).any(axis=1)
    y, x, *others = (column[known] for column in columns)
    is_sd = question.per == "sd" and len(x) > 1 and np.ptp(x) > 0
    settings = question.terms | {"wald": True} | ({"per": float(np.std(x, ddof=1))} if is_sd else {})
    with_all = regress(model, y, x, others, **settings).estimate
    rows = []
    for left_out, label in enumerate(table.index[known]):
        stay = np.arange(len(y)) != left_out
        try:
            fit = regress(model, y[stay], x[stay], [column[stay] for column in others], **settings)
            rows.append((label, fit.n, fit.estimate, fit.estimate - with_all, fit.method))
        except NotEstimableError as why:
            rows.append((label, len(y) - 1, math.nan, math.nan, f"not estimable: {why}"))
    return pd.DataFrame(rows, columns=["left_out", "n", "estimate", "change", "method"])


_PHRASES = {
    "linear": "{outcome} differs on average by {estimate}",
    "poisson": "the expected {outcome} is {estimate} times as high",
    "negative_binomial": "the expected {outcome} is {estimate} times as high",
    "ordinal": "the odds of a higher {outcome} are {estimate} times as high",
    "firth": "the odds of {outcome} are {estimate} times as high",
}


def sentence(row: Mapping, labels: Mapping[str, str] | None = None) -> str:
    """Say a row of `analyse` or of a specification curve in words, without a claim of cause.

    Parameters
    ----------
    row : mapping
        The row.
    labels : mapping of str to str
        What to call the columns.
    """
    labels = labels or {}
    exposure = labels.get(row["exposure"], row["exposure"])
    name, dichotomised, cut = str(row["outcome"]).partition(" >= ")
    outcome = labels.get(name, name) + (f" of at least {cut}" if dichotomised else "")
    who = _who(row)
    who += f", leaving out {row['left_out']}" if row.get("left_out", "nobody") != "nobody" else ""
    adjusted = [labels.get(name, name) for name in row["adjusted_for"].split(", ") if name != "none"]
    adjusted = f", adjusted for {' and '.join(adjusted)}" if adjusted else ""
    if math.isnan(row["estimate"]):
        return (
            f"{who}, the relation of {exposure} to {outcome} ({row['model']}{adjusted}) is {row['method']}."
        )
    estimate, low, high = (number_text(row[name]) for name in ("estimate", "ci_low", "ci_high"))
    if row["model"] in STATISTICS:
        said = f"{exposure} and {outcome} have a {row['model'].capitalize()} correlation of {estimate}"
    else:
        unit = row["effect"].partition(" per ")[2]
        against = f"for each {unit} more of {exposure}" if unit else f"with {exposure} against without it"
        said = f"{against}, {_PHRASES[row['model']].format(outcome=outcome, estimate=estimate)}{adjusted}"
    interval = (
        ""
        if math.isnan(row["ci_low"]) and math.isnan(row["ci_high"])
        else f"{100 * row['confidence']:g} % interval {low} to {high}; "
    )
    holm = row.get("p_holm", math.nan)
    holm = (
        ""
        if math.isnan(holm) or holm == row["p"]
        else f", by Holm over {row['family']} exposures {p_text(holm)}"
    )
    return f"{who}, {said} ({interval}{p_text(row['p'])}{holm}; {row['method']})."


def _who(row: Mapping) -> str:
    """Say how many there were, and how many of them lacked a value."""
    groups = row.get("groups")
    unit = "patient" if pd.isna(groups) else "row"
    said = f"In {row['n']} {unit}" + ("" if row["n"] == 1 else "s")
    said += "" if pd.isna(groups) else f" of {groups:.0f} groups"
    said += f" ({row['excluded']} excluded for missing values)" if row["excluded"] else ""
    imputed = row.get("imputed")
    return said if pd.isna(imputed) else f"{said} ({imputed:.0f} with imputed values)"


def number_text(value: float) -> str:
    """Write an estimate with two decimals, with two digits where it is small, with none where it is large."""
    if math.isnan(value):
        return "not determined"
    if math.isinf(value):
        return "infinity" if value > 0 else "minus infinity"
    if abs(value) >= 100:
        return f"{value:.0f}" if abs(value) < 1e6 else f"{value:.1e}"
    return f"{value:.2f}" if abs(value) >= 0.01 or value == 0 else f"{value:.2g}"
