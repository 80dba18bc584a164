"""What the joint model found, kept in the store: fits, conflicts, bounds, cohorts and verdicts.

All are pure functions of a study and the codebook, under an effort that is counted and not timed. They are
kept as plain values; a claim is its place in the study, a table its columns.
"""

import hashlib
import inspect
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from fractions import Fraction
from functools import wraps
from importlib import import_module

import pandas as pd

from crmo_analysis.files import NoTableError, UnfinishedError
from crmo_analysis.store import kept
from crmo_analysis.study import Claim, Study

MOST_HELD = 20
_HELD: dict[tuple, tuple] = {}
_ANSWERS = (UnfinishedError, NoTableError)  # errors that are found out by searching


def once(make: Callable, *of):
    """Return what a function makes of a study, a view or a codebook: once, until a part of it is another."""
    parts = [part for value in of for part in _parts(value)]
    key = make, *map(id, parts)
    if key not in _HELD:
        if len(_HELD) == MOST_HELD:
            _HELD.clear()
        _HELD[key] = parts, make(*of)  # while they are held, no others have their ids
    return _HELD[key][1]


def _parts(value: object) -> Iterator[object]:
    """List a value and all in it that can be put in the place of something else."""
    yield value
    inner = ()
    if isinstance(value, Mapping):
        inner = [*value, *value.values()]
    elif isinstance(value, list):
        inner = value
    elif is_dataclass(value):
        inner = [getattr(value, each.name) for each in fields(value)]
    for part in inner:
        yield from _parts(part)


def remembered(kind: str) -> Callable:
    """Let a function of a study, or of a fit of one, find what it found before under the same code.

    What it gives is kept under its `kind` and by all its arguments.
    """

    def remembering(make: Callable) -> Callable:
        signature = inspect.signature(make)

        @wraps(make)
        def recalled(*given, **named):
            call = signature.bind(*given, **named)
            call.apply_defaults()
            about, *rest = call.arguments.values()
            study = about if isinstance(about, Study) else about.view.study
            rest = rest if about is study else [about, once(_told, about.view.codebook), *rest]
            return recall(kind, study, rest, make.__module__, lambda: make(*given, **named))

        return recalled

    return remembering


def recall(kind: str, study: Study, given: Sequence, module: str, make: Callable[[], object]) -> object:
    """Return what is found about a study, from the store if it was found before.

    It depends on the study, on what else is `given`, and on the code behind a `module`.
    """
    place = {claim: number for number, claim in enumerate(study.claims)}

    def plain_value():
        try:
            return _plain(make(), place)
        except _ANSWERS as error:
            return {"!error": type(error).__name__, "said": [str(part) for part in error.args]}

    about = once(_told, study), once(_told, study.codebook)  # two are equal whatever their codebooks say
    inputs = [*about, *(_plain(each, place) for each in given)]
    value = kept(kind, inputs, f"import {module}", plain_value)
    if isinstance(value, dict) and "!error" in value:
        error = next(each for each in _ANSWERS if each.__name__ == value["!error"])
        raise error(*value["said"])
    return _back(value, study.claims)


def _told(value: object) -> str:
    """Return the hash of a study or a codebook."""
    return hashlib.sha256(json.dumps(_plain(value, {})).encode()).hexdigest()


def _plain(value: object, place: Mapping[Claim, int]) -> object:
    """Write a value with what JSON can hold; of a dataclass, the fields that make two of them equal."""
    match value:
        case None | bool() | int() | float() | str():
            return value
        case Fraction():
            return {"!": "Fraction", "is": str(value)}
        case pd.DataFrame():
            columns = [[name, str(value[name].dtype), _cells(value[name])] for name in value]
            return {"!": "DataFrame", "columns": columns, "rows": len(value)}
        case Claim() if value.rounded_by("") in place:
            rule = value.number.rule if value.number else ""
            return {"!": "Claim", "place": place[value.rounded_by("")], "rule": rule}
        case Mapping():
            pairs = [[_plain(part, place) for part in pair] for pair in value.items()]
            return {"!": "Mapping", "pairs": pairs}
        case frozenset() | set():
            return {"!": "set", "of": sorted((_plain(part, place) for part in value), key=repr)}
        case tuple():
            return {"!": "tuple", "of": [_plain(part, place) for part in value]}
        case list():
            return [_plain(part, place) for part in value]
    kind = type(value)
    if is_dataclass(value):
        own = {each.name: _plain(getattr(value, each.name), place) for each in fields(value) if each.compare}
        return {"!": "dataclass", "module": kind.__module__, "name": kind.__name__, "fields": own}
    return {"!": kind.__name__, "is": str(value)}  # a date, among inputs alone


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
            return claims[value["place"]].rounded_by(value["rule"])
        case "Mapping":
            return {key: _back(part, claims) for key, part in value["pairs"]}
        case "tuple":
            return tuple(_back(part, claims) for part in value["of"])
    kind = getattr(import_module(value["module"]), value["name"])
    left_out = {each.name: None for each in fields(kind) if not each.compare}
    return kind(**left_out, **{name: _back(part, claims) for name, part in value["fields"].items()})
