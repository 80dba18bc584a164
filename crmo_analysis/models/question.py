"""What is asked of a table of patients, and its columns as numbers.

A question names an outcome, exposures and adjustment; every analysis takes one.
"""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from crmo_analysis.files import InputError
from crmo_analysis.models.permutation import STATISTICS, as_numbers
from crmo_analysis.models.regression import Terms


@dataclass(frozen=True)
class Question:
    """An outcome, exposures and what is adjusted for.

    Attributes
    ----------
    outcome : str
        The column of the outcome.
    exposures, adjustment : sequence of str
        Columns, each exposure alone with all of the adjustment.
    cut, per, confidence
        As for `regression.regress`.
    patient : str
        A column that says whose row it is, where patients have several; empty where each has one.
    cluster : str
        A column of groups whose patients are alike, such as centres: models allow for it in their errors.
    imputations : int
        Tables with imputed values that models are fitted to; 0 leaves out who lacks a value.
    """

    outcome: str
    exposures: Sequence[str]
    adjustment: Sequence[str] = ()
    cut: float | None = None
    per: str | float = "sd"
    confidence: float = 0.95
    patient: str = ""
    cluster: str = ""
    imputations: int = 0

    @property
    def names(self) -> list[str]:
        """All columns that are analysed."""
        return [self.outcome, *self.exposures, *self.adjustment]

    @property
    def terms(self) -> dict[str, object]:
        """What `regression.regress` takes of it."""
        return {"cut": self.cut, "per": self.per, "confidence": self.confidence}

    def check(self, table: pd.DataFrame) -> None:
        """Raise an InputError if a column or a term is not as it must be, or nothing is left to ask."""
        Terms(**self.terms)
        if self.imputations < 0 or self.imputations == 1:
            raise InputError(f"imputations is {self.imputations}, expected 0, or 2 tables or more")
        grouping = [name for name in (self.patient, self.cluster) if name]
        for name in [*self.names, *grouping]:
            if name not in table.columns:
                near = difflib.get_close_matches(str(name), map(str, table.columns), 1)
                meant = f"; is {near[0]!r} meant?" if near else ""
                raise InputError(f"the table has no column {name!r}{meant}")
            if self.names.count(name) > 1:
                raise InputError(f"{name!r} is named twice among outcome, exposures and adjustment")
        if not self.exposures:
            raise InputError("no exposure is named")
        if table[self.outcome].isna().all():
            raise InputError(f"none of {len(table)} patients has a value of {self.outcome}")

    def groups(self, table: pd.DataFrame) -> pd.Series | None:
        """Return whose errors go together: those of a cluster, else of a patient; None where none do.

        Raises
        ------
        ValueError
            If a patient is in two clusters.
        """
        if not (self.cluster or self.patient):
            return None
        if self.cluster and self.patient:
            inside = table.groupby(self.patient)[self.cluster].nunique()
            if (inside > 1).any():
                patient = inside.index[inside > 1][0]
                raise InputError(
                    f"{self.patient} {patient} is in several of {self.cluster}; expected one for all of a "
                    f"patient's rows, or another cluster"
                )
        return table[self.cluster or self.patient]


@dataclass(frozen=True)
class Effort:
    """How much chance is drawn.

    Resamples of the bootstrap, permutations of every test, and the seed of both.
    """

    resamples: int = 10_000
    permutations: int = 10_000
    seed: int = 1

    def __post_init__(self):
        if self.resamples < 1 or self.permutations < 1 or self.seed < 0:
            raise InputError(f"{self} is no effort: expected 1 or more of each, and a seed from 0")


def models_for(outcome: Sequence, cut: float | None = None) -> tuple[str, ...]:
    """Return the correlations and models that suit an outcome.

    Yes or no has the penalised logistic model only; whole numbers the ordinal one as well, and from 0 up
    those for counts; the logistic one is added where a cut says what counts as yes.
    """
    y = as_numbers(outcome, getattr(outcome, "name", None) or "the outcome")
    y = y[~np.isnan(y)]
    if np.isin(y, (0, 1)).all():
        return *STATISTICS, "firth"
    whole = bool((y == np.floor(y)).all())
    counts = ("poisson", "negative_binomial") if whole and y.min() >= 0 else ()
    of_scores = ("ordinal",) if whole else ()
    return *STATISTICS, "linear", *counts, *of_scores, *(("firth",) if cut is not None else ())


def numeric(table: pd.DataFrame, names: Sequence[str]) -> list[pd.Series]:
    """Return columns as numbers; plain categories as columns of 0 and 1, one for each but the first."""
    columns = []
    for name in names:
        values = table[name]
        plain = isinstance(values.dtype, pd.CategoricalDtype) and not values.cat.ordered
        if plain or values.dropna().map(lambda value: isinstance(value, str)).astype(bool).any():
            known, kinds = values.notna(), sorted(values.dropna().unique(), key=str)
            # Of one kind, or none, a column that is constant or missing, so that the fit says so.
            shown = kinds[1:] or [*kinds, ""]
            made = {
                f"{name}: {kind}": np.where(known, values == kind, np.nan).astype(float) for kind in shown
            }
        else:
            made = {name: as_numbers(values, name)}
        columns += [pd.Series(column, table.index, name=label) for label, column in made.items()]
    return columns


def once(table: pd.DataFrame, question: Question) -> pd.DataFrame:
    """Return one row a patient, with the mean over those visits that have all values.

    What stays the same in a patient stays as it is.

    Parameters
    ----------
    table : DataFrame
        One row a visit.
    question : Question
        Its `patient` says whose; without one, the table is returned as it is.

    Raises
    ------
    InputError
        If a category changes from visit to visit.

    References
    ----------
    Bland JM, Altman DG. BMJ 1995;310:633 (correlation between subjects, by their means).
    """
    if not question.patient:
        return table
    columns = [question.patient, *question.names]
    known = table[[*columns, *filter(None, [question.cluster])]].dropna(subset=columns)
    visits = known.groupby(question.patient, sort=True)
    rows = visits.first()
    for name in question.names:
        changing = visits[name].nunique().gt(1)
        if not changing.any():
            continue
        try:
            values = pd.Series(as_numbers(known[name], name), known.index)
        except ValueError:
            raise InputError(
                f"{name} of {question.patient} {rows.index[changing][0]} differs between visits, and has no "
                f"mean; expected one value a patient"
            ) from None
        rows[name] = values.groupby(known[question.patient]).mean()
    return rows.reset_index()
