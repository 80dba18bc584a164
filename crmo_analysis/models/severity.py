"""An outcome against exposures in any table of patients: every model, and each result in plain words.

Nothing here says that one thing causes another.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from crmo_analysis.files import NotEstimableError
from crmo_analysis.models import imputation
from crmo_analysis.models.association import correlate
from crmo_analysis.models.designs import as_numbers
from crmo_analysis.models.permutation import STATISTICS, adjust
from crmo_analysis.models.question import Effort, Question, models_for, numeric, once
from crmo_analysis.models.regression import Regression, regress
from crmo_analysis.study import describe

COLUMNS = [
    "model", "exposure", "outcome", "adjusted_for", "n", "groups", "estimate", "ci_low", "ci_high", "p",
    "p_error", "p_holm", "family", "method", "library", "effect", "excluded", "imputed", "events",
    "confidence", "p_benjamini_hochberg", "details", "unit",
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
        is_adjusted = bool(question.adjustment) and model not in STATISTICS
        for adjusted in ([], question.adjustment) if is_adjusted else ([],):
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
    known = table[question.names].notna().all(axis=1)
    row = {
        "model": model, "exposure": question.exposures[0],
        "outcome": f"{outcome} >= {cut:g}" if is_cut else outcome, "confidence": question.confidence,
        "adjusted_for": ", ".join(question.adjustment) or "none",
        "effect": f"{model.capitalize()} correlation" if model in STATISTICS else model,
        "n": int(known.sum()), "excluded": int((~known).sum()),
        "unit": "visit" if question.patient and model not in STATISTICS else "patient",
    }  # fmt: skip
    try:
        if model in STATISTICS:
            fit = _correlated(table, model, question, effort)
        else:
            fit = _fit(table, model, question)
    except NotEstimableError as why:
        return row | {"method": f"not estimable: {why}"}
    said = {name: getattr(fit, name, None) for name in COLUMNS}
    return row | {name: value for name, value in said.items() if value is not None and value != ""}


def _correlated(table: pd.DataFrame, statistic: str, question: Question, effort: Effort):
    """Correlate outcome and exposure, each patient once."""
    question.groups(table)  # says so where a patient is in several
    rows = once(table, question)
    x, y = (as_numbers(rows[name], name) for name in (*question.exposures, question.outcome))
    groups = rows[question.cluster] if question.cluster else None
    fit = correlate(x, y, statistic, question.confidence, **vars(effort), groups=groups)
    if question.patient:
        words = f"{fit.method}; means of the visits of each {question.patient}"
        fit = replace(fit, excluded=table[question.patient].nunique() - fit.n, method=words)
    return fit


def _fit(table: pd.DataFrame, model: str, question: Question):
    """Regress the outcome on the exposure, with imputed values where the question wants them."""
    names = question.exposures[0], question.outcome
    exposure, outcome = (pd.Series(as_numbers(table[name], name), table.index, name=name) for name in names)
    others, groups = numeric(table, question.adjustment), question.groups(table)
    if question.imputations:
        plain = [name for name in question.names if len(numeric(table, [name])) == 1]
        return imputation.regress(model, [exposure, outcome, *others], groups, question, plain)
    return regress(model, outcome, exposure, others, groups, **question.terms)


def fitted(table: pd.DataFrame, model: str, question: Question) -> Regression:
    """Fit one of `regression.MODELS` to the first exposure, for its `results` to be opened, without imputing.

    Raises
    ------
    InputError
        If a column is not there, or there is no such model.
    NotEstimableError
        If the data do not determine the model.
    """
    question.check(table)
    return _fit(table, model, replace(question, exposures=question.exposures[:1], imputations=0))


_PHRASES = {
    "linear": "the mean of {outcome} differs by {estimate}",
    "poisson": "the mean of {outcome} is {estimate} times as high",
    "negative_binomial": "the mean of {outcome} is {estimate} times as high",
    "ordinal": "the odds of a higher value of {outcome} are {estimate} times as high",
    "firth": "the odds of {outcome} are {estimate} times as high",
}


def sentence(row: Mapping, labels: Mapping[str, str] | None = None) -> str:
    """Say a row of `analyse` or of a specification curve in words, without a claim of cause.

    Parameters
    ----------
    row : mapping
        The row.
    labels : mapping of str to str
        What to call columns.
    """
    labels = labels or {}
    exposure = labels.get(row["exposure"], row["exposure"])
    name, dichotomised, cut = str(row["outcome"]).partition(" >= ")
    outcome = labels.get(name, name) + (f" of at least {cut}" if dichotomised else "")
    who, others = _who(row), row["adjusted_for"].split(", ")
    adjusted = " and ".join(labels.get(name, name) for name in others if name != "none")
    adjusted = f", adjusted for {adjusted}" if adjusted else ""
    if math.isnan(row["estimate"]):
        what = f"the relation of {exposure} to {outcome} ({row['model']}{adjusted})"
        return f"{who}, {what} is {row['method']}."
    estimate, low, high = (number_text(row[name]) for name in ("estimate", "ci_low", "ci_high"))
    if row["model"] in STATISTICS:
        said = f"{exposure} and {outcome} have a {row['model'].capitalize()} correlation of {estimate}"
    else:
        unit = row["effect"].partition(" per ")[2]
        against = f"for each {unit} more of {exposure}" if unit else f"with {exposure} against without it"
        said = f"{against}, {_PHRASES[row['model']].format(outcome=outcome, estimate=estimate)}{adjusted}"
    has_interval = not (math.isnan(row["ci_low"]) and math.isnan(row["ci_high"]))
    interval = f"{100 * row['confidence']:g} % interval {low} to {high}; " if has_interval else ""
    holm = row.get("p_holm", math.nan)
    is_other = not math.isnan(holm) and holm != row["p"]
    holm = f", by Holm over {row['family']} exposures {describe.p_text(holm)}" if is_other else ""
    method = f"{row['method']}; {row['details']}" if pd.notna(row.get("details")) else row["method"]
    return f"{who}, {said} ({interval}{describe.p_text(row['p'])}{holm}; {method})."


def _who(row: Mapping) -> str:
    """Say how many there were, and how many of them lacked a value."""
    groups = row.get("groups")
    unit = row.get("unit", "patient")
    said = f"In {row['n']} {unit}" + ("" if row["n"] == 1 else "s")
    said += "" if pd.isna(groups) else f" of {groups:.0f} groups"
    said += f" ({row['excluded']} excluded for missing values)" if row["excluded"] else ""
    imputed, left_out = row.get("imputed"), row.get("left_out", "nobody")
    said += "" if pd.isna(imputed) else f" ({imputed:.0f} with imputed values)"
    return said + (f", leaving out {left_out}" if left_out != "nobody" else "")


def number_text(value: float) -> str:
    """Write an estimate with two decimals, with two digits where it is small, with none where it is large."""
    if math.isnan(value):
        return "not determined"
    if math.isinf(value):
        return "infinity" if value > 0 else "minus infinity"
    if abs(value) >= 100:
        return f"{value:.0f}" if abs(value) < 1e6 else f"{value:.1e}"
    return f"{value:.2f}" if abs(value) >= 0.01 or value == 0 else f"{value:.2g}"
