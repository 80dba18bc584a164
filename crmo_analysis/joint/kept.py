"""What the joint model found, kept in the store: fits, conflicts, bounds, cohorts and verdicts.

All are pure functions of a study and the codebook, under an effort that is counted and not timed. They are
kept as plain values; a claim is its place in the study, a table its columns.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from fractions import Fraction
from functools import lru_cache

import pandas as pd

from crmo_analysis.files import NoTableError, UnfinishedError
from crmo_analysis.joint import bounds, conflicts, fitting, reconstruction
from crmo_analysis.joint.bounds import Bounds
from crmo_analysis.joint.conflicts import Conflicts
from crmo_analysis.joint.fitting import Fit
from crmo_analysis.joint.statements import Statement
from crmo_analysis.recompute import Audited, Readings
from crmo_analysis.store import kept
from crmo_analysis.study import Claim, Codebook, Study, Variable, expressions

_ANSWERS = (UnfinishedError, NoTableError)  # errors that are found out by searching
_KINDS = {
    kind.__name__: kind
    for kind in (
        *(Audited, Bounds, bounds.End, Conflicts, conflicts.Conflict, Fit, Statement),
        *(expressions.Everyone, expressions.Is, expressions.Compare),
        *(expressions.Not, expressions.And, expressions.Or),
    )
}


def fit(study: Study, codebook: Codebook | None = None, seconds: float = 60) -> Fit:
    """Find the largest set of claims that can stand together; see `fitting.fit`."""
    codebook = codebook or study.codebook

    def made():
        return replace(fitting.fit(study, codebook, seconds), view=None)

    found = recall("fit", study, [codebook, seconds], fitting.__name__, made)
    return replace(found, view=Readings(study, codebook).views(found.scenario)["own"])


def reading_of(study: Study, codebook: Codebook | None = None) -> dict[str, str]:
    """Return the reading under which the most can stand; see `conflicts.base_of`."""
    codebook = codebook or study.codebook
    return recall(
        "readings", study, [codebook], conflicts.__name__, lambda: conflicts.base_of(study, codebook)
    )


def find_conflicts(
    study: Study,
    reading: Mapping[str, str] | None = None,
    codebook: Codebook | None = None,
    seconds: float = 60,
    other_readings: bool = True,
) -> Conflicts:
    """List the minimal sets of claims that cannot stand together; see `conflicts.find_conflicts`."""
    given = (reading, codebook or study.codebook, seconds, other_readings)
    return recall(
        "conflicts", study, given, conflicts.__name__, lambda: conflicts.find_conflicts(study, *given)
    )


def find_bounds(fitted: Fit, text: str, seconds: float = 60, witnesses: bool = True) -> Bounds:
    """Find the smallest and the largest value over all tables that fit; see `bounds.find_bounds`."""

    def made():
        return replace(bounds.find_bounds(fitted, text, seconds, witnesses), fitted=None)

    found = recall(
        "bounds", fitted.view.study, [*_about(fitted), text, seconds, witnesses], bounds.__name__, made
    )
    return replace(found, fitted=fitted)


def reconstruct(fitted: Fit, count: int = 1, seed: int = 0, seconds: float = 60) -> list[pd.DataFrame]:
    """Reconstruct tables of patients; see `reconstruction.reconstruct`."""
    given = [*_about(fitted), count, seed, seconds]
    return recall(
        "cohorts",
        fitted.view.study,
        given,
        reconstruction.__name__,
        lambda: reconstruction.reconstruct(fitted, count, seed, seconds),
    )


def _about(fitted: Fit) -> list:
    sides = (fitted.kept, fitted.given_up, *fitted.others)
    return [fitted.view.codebook, fitted.scenario, [[s.claim_ids for s in side] for side in sides]]


def recall(kind: str, study: Study, given: Sequence, module: str, make: Callable[[], object]) -> object:
    """Return what is found about a study, from the store if it was found before.

    Parameters
    ----------
    kind : str
        Of result.
    study : Study
    given : sequence
        What it depends on besides the study.
    module : str
        The module whose code finds it.
    make : callable
        Finds it.
    """
    place = {claim: number for number, claim in enumerate(study.claims)}

    def plain_value():
        try:
            return _plain(make(), place)
        except _ANSWERS as error:
            return {"!error": type(error).__name__, "said": [str(part) for part in error.args]}

    inputs = [_known(_Same(each)) if _is_large(each) else _plain(each, {}) for each in (study, *given)]
    value = kept(kind, inputs, f"import {module}", plain_value)
    if isinstance(value, dict) and "!error" in value:
        error = next(each for each in _ANSWERS if each.__name__ == value["!error"])
        raise error(*value["said"])
    return _back(value, study.claims)


def _is_large(value: object) -> bool:
    """Say whether it is a study or a codebook, which nobody changes once it is read."""
    return isinstance(value, Study) or (
        isinstance(value, Mapping) and any(isinstance(each, Variable) for each in value.values())
    )


@dataclass(frozen=True, eq=False)
class _Same:
    """Something that is asked about again and again, told apart from others by being itself."""

    value: object

    def __hash__(self):
        return id(self.value)

    def __eq__(self, other):
        return self.value is other.value


@lru_cache(maxsize=64)  # holds what it has seen, so that no other has its id
def _known(same: _Same) -> str:
    return hashlib.sha256(json.dumps(_plain(same.value, {})).encode()).hexdigest()


def _plain(value: object, place: Mapping[Claim, int]) -> object:
    """Write a value with what JSON can hold."""
    match value:
        case None | bool() | int() | float() | str():
            return value
        case Fraction():
            return {"!": "Fraction", "is": str(value)}
        case pd.DataFrame():
            columns = [[name, str(value[name].dtype), _cells(value[name])] for name in value]
            return {"!": "DataFrame", "columns": columns, "rows": len(value)}
        case Claim() if value in place:
            return {"!": "Claim", "place": place[value]}
        case Mapping():
            return {
                "!": "Mapping",
                "pairs": [[_plain(part, place) for part in pair] for pair in value.items()],
            }
        case frozenset() | set():
            return {"!": "set", "of": sorted((_plain(part, place) for part in value), key=repr)}
        case tuple():
            return {"!": "tuple", "of": [_plain(part, place) for part in value]}
        case list():
            return [_plain(part, place) for part in value]
    if is_dataclass(value):
        own = {each.name: _plain(getattr(value, each.name), place) for each in fields(value) if each.compare}
        return {"!": type(value).__name__, "fields": own}
    return {"!": type(value).__name__, "is": str(value)}  # a date, among inputs alone


def _cells(column: pd.Series) -> list:
    """Return the values of a column, as Python's own."""
    return [None if pd.isna(cell) else cell for cell in column.astype(object).tolist()]


def _back(value: object, claims: Sequence[Claim]) -> object:
    """Make again what `_plain` wrote."""
    if isinstance(value, list):
        return [_back(part, claims) for part in value]
    if not isinstance(value, dict):
        return value
    match value["!"]:
        case "Fraction":
            return Fraction(value["is"])
        case "DataFrame":
            columns = {name: pd.Series(cells, dtype=kind) for name, kind, cells in value["columns"]}
            return pd.DataFrame(columns, index=range(value["rows"]))
        case "Claim":
            return claims[value["place"]]
        case "Mapping":
            return {key: _back(part, claims) for key, part in value["pairs"]}
        case "tuple":
            return tuple(_back(part, claims) for part in value["of"])
        case kind:
            return _KINDS[kind](**{name: _back(part, claims) for name, part in value["fields"].items()})
