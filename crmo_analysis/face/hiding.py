"""What of a question about an own cohort can be shown without telling of a few patients."""

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from crmo_analysis.face.cohorts import Cohort
from crmo_analysis.files import InputError
from crmo_analysis.models import MODELS, severity
from crmo_analysis.patients import disclosure

_ORDERED = (
    "spearman",
    "kendall",
    "ordinal",
    "firth",
)  # of outcomes they take the order, or two groups, alone


def showable(cohort: Cohort, asked: severity.Question) -> tuple[pd.DataFrame, severity.Question, list[str]]:
    """Leave out of a question what would tell of a few patients of an own cohort; InputError if all does.

    Returned are the patients to analyse (without values of the few who are known but for the adjustment, as a
    model with and one without them would show these), the question as far as it can be shown, and what was
    left out, a sentence each.
    """
    table, few, said = cohort.patients, cohort.smallest, []
    if not few:
        return table, asked, said
    outcome, adjustment, main = asked.outcome, asked.adjustment, asked.exposures[0]
    if 0 < _lack(table, asked, [outcome, main], adjustment) < few:
        lacking = table[[outcome, main]].notna().all(axis=1) & table[adjustment].isna().any(axis=1)
        names = {*asked.names} & {*table}
        # Their rows stay, so that they are counted among those who are left out.
        table = table.assign(**{name: table[name].mask(lacking) for name in names})
        said.append(
            f"Fewer than {few} patients lack {', '.join(adjustment)} only; they are left out everywhere."
        )
    if why := _told_by_line(table, asked, few):
        said.append(f"Only what the order of values tells is shown of {outcome}, and no line: {why}.")
        if not {*models_shown(table, asked, few)} & {*MODELS}:
            raise InputError(f"{why}; choose other variables")
    reasons = {name: _reason(table, asked, name, few) for name in asked.exposures}
    if reasons[main]:
        raise InputError(f"{reasons[main]}; choose other variables")
    kept = [name for name in asked.exposures if not reasons[name]]
    said += [f"{name} is not analysed: {reason}." for name, reason in reasons.items() if reason]
    cut = asked.cut
    if cut is not None and any(_reason(table, asked, name, few, cut) for name in kept):
        cut = None
        said.append(f"{outcome} is not cut into yes and no: fewer than {few} patients would share a value.")
    return table, replace(asked, exposures=kept, cut=cut), said


def whose(table: pd.DataFrame) -> str:
    """Return the column that says whose a row is, where patients have several; else nothing."""
    several = "patient" in table and table["patient"].dropna().duplicated().any()
    return "patient" if several else ""


def too_few_together(table: pd.DataFrame, asked: severity.Question, few: int) -> str:
    """Say why results on several exposures together would tell of few patients, beside results on each."""
    complete = people_of(table, asked, [asked.outcome, *asked.exposures]).dropna()
    for name in asked.exposures if few else ():
        if reason := disclosure.too_few(complete, [asked.outcome, name], few, asked.outcome):
            return reason
        if 0 < _lack(table, asked, [asked.outcome, name], asked.exposures) < few:
            return f"fewer than {few} patients who have {name} lack another"
    return ""


def people_of(table: pd.DataFrame, asked: severity.Question, names: Sequence[str]) -> pd.DataFrame:
    """Return one row a patient, so that patients are counted, not their visits.

    A patient has a value of a variable if some visit has it beside all that are named before it: what no
    visit has together is analysed in no model.
    """
    names = list(dict.fromkeys(names))
    if not asked.patient:
        return table[names]
    people = pd.DataFrame(index=table[asked.patient].dropna().unique())
    for count in range(1, len(names) + 1):
        question = replace(asked, outcome=names[0], exposures=names[1:count], adjustment=[])
        rows = severity.once(table, question).set_index(asked.patient)
        for name in names[:count]:
            people[name] = rows[name].combine_first(people[name]) if name in people else rows[name]
    return people


def _lack(table: pd.DataFrame, asked: severity.Question, have: Sequence[str], lack: Sequence[str]) -> int:
    """Count the patients with a row that has values of some columns, and lacks one of others."""
    rows = table[table[list(have)].notna().all(axis=1) & table[list(lack)].isna().any(axis=1)]
    return rows[asked.patient].nunique() if asked.patient else len(rows)


def _reason(
    table: pd.DataFrame, asked: severity.Question, name: str, few: int, cut: float | None = None
) -> str:
    """Say why models of an exposure, with and without adjustment, would tell of few patients."""
    outcome, adjustment = asked.outcome, list(asked.adjustment)
    if 0 < _lack(table, asked, [outcome, name], adjustment) < few:
        return f"fewer than {few} patients who have {name} lack the adjustment"
    for names in ([outcome, name], [outcome, name, *adjustment]):
        people = people_of(table, asked, names)
        if cut is not None:
            severe = (people[outcome] >= cut).astype("boolean").mask(people[outcome].isna())
            people = people.assign(**{outcome: severe})
        if reason := disclosure.too_few(people, names, few, outcome):
            return reason
    return ""


def models_shown(table: pd.DataFrame, asked: severity.Question, few: int) -> list[str]:
    """Return the correlations and models of a question: by the order of outcomes alone where a line tells."""
    models = severity.models_for(table[asked.outcome], asked.cut)
    return [model for model in models if model in _ORDERED or not _told_by_line(table, asked, few)]


def _told_by_line(table: pd.DataFrame, asked: severity.Question, few: int) -> str:
    """Say why a line, or a mean of the outcome, would tell of few patients; nothing if it would not."""
    groups = ([asked.outcome, name, *more] for name in asked.exposures for more in ([], asked.adjustment))
    known = (people_of(table, asked, group).dropna()[asked.outcome] for group in groups)
    return next(filter(None, (disclosure.told_by_moments(values, few) for values in known)), "")
