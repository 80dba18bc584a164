"""Texts of a manuscript's numbers and tables, filled in from results.

What a cell says is a template over the columns of an output, such as ``{x}/{n} ({share:%1} %)``, so that
numbers are rounded and P values written in one place.
"""

import re
from collections.abc import Mapping

import pandas as pd

from crmo_analysis.files import InputError
from crmo_analysis.publish.documents import MISSING
from crmo_analysis.study import Codebook, describe, read_codebook

_PLACE = re.compile(r"\{([^{}:]+)(?::([^{}]*))?\}")


def fill(template: str, row: Mapping[str, object], codebook: Codebook) -> str:
    """Fill in a template from a row.

    Parameters
    ----------
    template : str
        Text with ``{column}``. After a colon stands how to write it: so many decimals (``:2``, rounded half
        up), a share in percent (``:%1``), a P value (``:p``, or ``:p_alone`` without its P), a name of the
        codebook or of a model in words (``:words``).
    row : mapping of str to object
    codebook : mapping of str to Variable

    Returns
    -------
    str
        `MISSING` if every value is missing.

    Raises
    ------
    InputError
        If a column is not there, or is no number where one is needed.
    """
    if absent := [name for name, _ in _PLACE.findall(template) if name not in row]:
        raise InputError(
            f"'{template}': there is no column {', '.join(absent)}; there are {', '.join(map(str, row))}"
        )
    found = [row[name] for name, _ in _PLACE.findall(template)]
    if found and all(map(_is_missing, found)):
        return MISSING
    return _PLACE.sub(lambda place: _written(row[place[1]], place[2] or "", template, codebook), template)


def _is_missing(value: object) -> bool:
    return value == "" or bool(pd.isna(value))


def _written(value: object, how: str, template: str, codebook: Codebook) -> str:
    if _is_missing(value):
        return MISSING
    if not how:
        return f"{value:g}" if isinstance(value, float) else str(value)
    if how == "words":
        return codebook[value].label if value in codebook else _capital(str(value).replace("_", " "))
    try:
        if how in ("p", "p_alone"):
            return describe.p_text(float(value), alone=how == "p_alone")
        if re.fullmatch(r"%?\d", how):
            return (describe.percent_text if how[0] == "%" else describe.rounded_text)(
                float(value), int(how[-1])
            )
    except (TypeError, ValueError):
        raise InputError(f"'{template}': {value!r} is no number, as :{how} needs") from None
    raise InputError(f"'{template}': cannot write :{how}; expected :2, :%1, :p, :p_alone or :words")


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def rounding(template: str) -> str:
    """Say how a template rounds."""
    said = {"p": "P value with 3 decimals, P<0.001 below", "p_alone": "P value with 3 decimals, <0.001 below"}
    ways = [how for _, how in _PLACE.findall(template) if how and how != "words"]
    each = [
        said.get(how) or f"{'percent with ' if '%' in how else ''}{how[-1]} decimals, half up" for how in ways
    ]
    return "; ".join(dict.fromkeys(each)) or "none"


def chosen(
    frame: pd.DataFrame, columns: Mapping[str, str] | None = None, only: Mapping | None = None
) -> pd.DataFrame:
    """Choose rows of an output and write its columns as texts.

    Parameters
    ----------
    frame : DataFrame
    columns : mapping of str to str, optional
        Heading to template, or to the name of a column; without it, every column as it is.
    only : mapping of str to object, optional
        Column to the value, or the list of values, that rows must have.

    Raises
    ------
    InputError
        If a column is not there, or no row is left.
    """
    for name, values in (only or {}).items():
        if name not in frame:
            raise InputError(f"only: there is no column {name}; there are {', '.join(frame)}")
        wanted = map(str, values if isinstance(values, list) else [values])
        frame = frame[frame[name].astype(str).isin(list(wanted))]
    if frame.empty:
        raise InputError("no row is left")
    templates = columns or {_capital(str(name).replace("_", " ")): name for name in frame}
    templates = {head: f"{{{text}}}" if text in frame else text for head, text in templates.items()}
    for head, text in templates.items():
        if not _PLACE.search(text):
            raise InputError(
                f"columns, {head}: there is no column {text!r}; there are {', '.join(map(str, frame))}"
            )
    codebook = read_codebook()
    rows = frame.to_dict("records")
    return pd.DataFrame(
        {head: [fill(text, row, codebook) for row in rows] for head, text in templates.items()}
    )
