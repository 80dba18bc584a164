"""What is asked of a table of patients, and its columns as numbers."""

import numbers
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from crmo_analysis.files import InputError, meant
from crmo_analysis.models.designs import as_numbers
from crmo_analysis.models.permutation import STATISTICS
from crmo_analysis.models.regression import Terms


@dataclass(frozen=True)
class Question(Terms):
    """An outcome, exposures and what is adjusted for, on the terms of `regression.Terms`.

    Attributes
    ----------
    outcome : str
        The column of the outcome.
    exposures, adjustment : sequence of str
        Columns, each exposure alone with all of the adjustment.
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
    patient: str = ""
    cluster: str = ""
    imputations: int = 0

    def __post_init__(self):
        super().__post_init__()
        if self.imputations < 0 or self.imputations == 1:
            raise InputError(f"imputations is {self.imputations}, expected 0, or 2 tables or more")

    @property
    def names(self) -> list[str]:
        """All columns that are analysed."""
        return [self.outcome, *self.exposures, *self.adjustment]

    @property
    def terms(self) -> dict[str, object]:
        """What `regression.regress` takes of it."""
        return {"cut": self.cut, "per": self.per, "confidence": self.confidence}

    def check(self, table: pd.DataFrame) -> None:
        """Raise an InputError if a column is not as it must be, or nothing is left to ask."""
        grouping = [name for name in (self.patient, self.cluster) if name]
        for name in [*self.names, *grouping]:
            if name not in table.columns:
                raise InputError(f"the table has no column {name!r}{meant(name, table.columns)}")
            if self.names.count(name) > 1:
                raise InputError(f"{name!r} is named twice among outcome, exposures and adjustment")
        if not self.exposures:
            raise InputError("no exposure is named")
        if self.patient and (nameless := int(table[self.patient].isna().sum())):
            rows = f"{nameless} rows have no {self.patient}"
            raise InputError(f"{rows}, where some have several; expected whose each of them is")
        if table[self.outcome].isna().all():
            raise InputError(f"none of {len(table)} patients has a value of {self.outcome}")

    def groups(self, table: pd.DataFrame) -> pd.Series | None:
        """Return whose errors go together: those of a cluster, else of a patient; None where none do.

        Raises
        ------
        InputError
            If a patient is in two clusters.
        """
        if not (self.cluster or self.patient):
            return None
        if self.cluster and self.patient:
            inside = table.groupby(self.patient)[self.cluster].nunique()
            if (inside > 1).any():
                who = f"{self.patient} {inside.index[inside > 1][0]} is in several of {self.cluster}"
                raise InputError(f"{who}; expected one for all rows of a patient, or another cluster")
        return table[self.cluster or self.patient]


@dataclass(frozen=True)
class Effort:
    """Resamples of the bootstrap, permutations of every test, and the seed of both."""

    resamples: int = 10_000
    permutations: int = 10_000
    seed: int = 1

    def __post_init__(self):
        for name, least in (("resamples", 1), ("permutations", 1), ("seed", 0)):
            value = getattr(self, name)
            if not isinstance(value, numbers.Integral) or value < least:
                raise InputError(f"{name} is {value!r}, expected a whole number from {least}")


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
            made = {f"{name}: {kind}": (values == kind).astype(float).where(known) for kind in shown}
        else:
            made = {name: as_numbers(values, name)}
        columns += [pd.Series(column, table.index, name=label) for label, column in made.items()]
    return columns


def once(table: pd.DataFrame, question: Question) -> pd.DataFrame:
    """Return one row a patient, with the mean over those visits that have all values.

    What stays the same in a patient stays as it is, and so does a table of a question without `patient`.

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
            where = f"{name} of {question.patient} {rows.index[changing][0]} differs between visits"
            raise InputError(f"{where}, and has no mean; expected one value a patient") from None
        rows[name] = values.groupby(known[question.patient]).mean()
    return rows.reset_index()
