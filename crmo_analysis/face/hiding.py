"""What of a question about an own cohort can be shown without telling of a few patients."""

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from crmo_analysis.face.cohorts import Cohort
from crmo_analysis.files import InputError
from crmo_analysis.models import severity
from crmo_analysis.patients import disclosure


def showable(cohort: Cohort, asked: severity.Question) -> tuple[pd.DataFrame, severity.Question, list[str]]:
    """Leave out of a question what would tell of a few patients of an own cohort; InputError if all does.

    Returned are the patients to analyse (without the few who are known but for the adjustment, as a model
    with and one without them would show their values), the question as far as it can be shown, and what was
    left out, a sentence each.
    """
    table, few, said = cohort.patients, cohort.smallest, []
    if not few:
        return table, asked, said
    outcome, adjustment, main = asked.outcome, asked.adjustment, asked.exposures[0]
    if 0 < disclosure.lack_only(people_of(table, asked), [outcome, main], adjustment) < few:
        table = table[table[[outcome, main]].isna().any(axis=1) | table[adjustment].notna().all(axis=1)]
        said.append(
            f"Fewer than {few} patients lack {', '.join(adjustment)} only; they are left out everywhere."
        )
    people = people_of(table, asked)
    reasons = {name: _reason(people, outcome, name, adjustment, few) for name in asked.exposures}
    if reasons[main]:
        raise InputError(f"{reasons[main]}; choose other variables")
    kept = [name for name in asked.exposures if not reasons[name]]
    said += [f"{name} is not analysed: {reason}." for name, reason in reasons.items() if reason]
    cut = asked.cut
    if cut is not None:
        severe = people.assign(**{outcome: (people[outcome] >= cut).astype("boolean")})
        if any(_reason(severe, outcome, name, adjustment, few) for name in kept):
            cut = None
            said.append(
                f"{outcome} is not cut into yes and no: fewer than {few} patients would share a value."
            )
    return table, replace(asked, exposures=kept, cut=cut), said


def whose(table: pd.DataFrame) -> str:
    """Return the column that says whose a row is, where patients have several; else nothing."""
    several = "patient" in table and table["patient"].dropna().duplicated().any()
    return "patient" if several else ""


def people_of(table: pd.DataFrame, asked: severity.Question) -> pd.DataFrame:
    """Return one row a patient, so that patients are counted, not their visits."""
    return table.groupby(asked.patient, as_index=False).first() if asked.patient else table


def _reason(table: pd.DataFrame, outcome: str, name: str, adjustment: Sequence[str], few: int) -> str:
    """Say why models of an exposure, with and without adjustment, would tell of few patients."""
    if 0 < disclosure.lack_only(table, [outcome, name], adjustment) < few:
        return f"fewer than {few} patients who have {name} lack the adjustment"
    alone = disclosure.too_few(table, [outcome, name], few)
    return alone or disclosure.too_few(table, [outcome, name, *adjustment], few)
