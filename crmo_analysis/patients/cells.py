"""From the text of cells to values of the codebook's types.

Every different text of a column is read once, and what is wrong with it is said once; rows only refer to it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from crmo_analysis.patients.dates import read_dates
from crmo_analysis.patients.problems import matches
from crmo_analysis.study import Variable

BOOLEANS = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}
_NUMBER = {
    "point": r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?$",
    "comma": r"^[+-]?[0-9]+(,[0-9]+)?$",
}
_DECIMAL = {"point": r"^[+-]?[0-9]*\.[0-9]+$", "comma": r"^[+-]?[0-9]+,[0-9]+$"}
_GROUPED = {
    "point": r"^[+-]?[1-9][0-9]{0,2}(,[0-9]{3})+(\.[0-9]+)?$",
    "comma": r"^[+-]?[1-9][0-9]{0,2}(\.[0-9]{3})+(,[0-9]+)?$",
}
_BETWEEN = {"point": "comma", "comma": "point"}  # thousands, by the decimal mark
_IN_MAPPING = "say so in a mapping file, as in decimal:"
_OPEN = (
    "the mark can be a decimal one or stand between thousands; write the column without it, or "
    f"{_IN_MAPPING} comma (or point)"
)
_OTHER_MARK = {
    "comma": "expected a decimal comma, as in the rest of the column",
    "point": "expected a decimal point, or a decimal comma in the whole column",
}
_NO_DATE = "expected a number, not a date, which Excel makes of a text such as 3-5; enter it again as text"
NO_AGE = "expected an age in years, not a date; it is worked out where the date of birth is known"
_NO_NUMBER = "expected a number; a mapping file can say what another text means"
MONTHS = "jan|feb|mar|mär|mrz|apr|may|mai|jun|jul|aug|sep|o[ck]t|nov|de[cz]"
LIKE_A_DATE = (
    r"(?i)^(\d{4}-\d\d-\d\d.*|\d{1,2}\.\d{1,2}\.(\d{2,4})?|"
    rf"(\d{{1,2}}[-. ]+)?({MONTHS})[a-z]*\.?([- ]\d{{2,4}})?)$"
)
_A_DAY = r"^(\d{4}-\d\d-\d\d|\d{1,2}[./]\d{1,2}[./](\d{4}|\d\d$)).*$"
_SPACED = r"^[+-]?[1-9][0-9]{0,2}([ '’][0-9]{3})+([.,][0-9]+)?$"  # thousands, which no mark else can mean
_EXACT = 2**53  # up to here a number of a spreadsheet is a whole one


@dataclass(frozen=True)
class How:
    """How the texts of a column are to be read."""

    recode: Mapping[str, str] = field(default_factory=dict)  # texts and what to read instead
    factor: float = 1.0  # by which numbers are multiplied to come into the codebook's unit
    decimal: str = ""  # mark that the mapping file says, "comma" or "point"
    dates: str = ""  # what stands first in 01/02/2020 by the mapping file, "day" or "month"
    beside: str = ""  # the decimal mark of the file's other columns, where they have one


@dataclass(frozen=True, eq=False)
class Column:
    """A column of a table, each different text once."""

    words: pa.Array  # as in the file
    codes: np.ndarray  # the place among `words` of each row's text
    parsed: pd.api.extensions.ExtensionArray  # what each word means; missing where it is none or wrong
    kinds: np.ndarray  # 0 a value, 1 an empty cell, 2 and more the codebook's codes for missing values
    numbers: np.ndarray  # that words are, sound or not, in the codebook's unit; empty for other types
    errors: np.ndarray  # what is expected instead of a word, empty where it is sound
    doubts: np.ndarray  # the same, where the value is kept
    notes: tuple[str, ...]


def read_column(column: pa.ChunkedArray, variable: Variable, missing: Mapping[str, str], how: How) -> Column:
    """Read a column of text as a variable; the type "text", beside those of the codebook, takes any text.

    `missing` has the code in a cell for each kind of missing value.
    """
    encoded = column.combine_chunks().dictionary_encode()
    words = encoded.dictionary
    meant = words
    if how.recode:
        meant = pa.array([how.recode.get(word, word) for word in words.to_pylist()], pa.string())
    kinds = np.zeros(len(words), dtype=np.int8)
    for kind, code in enumerate(("", *missing.values()), start=1):
        kinds[_mask(pc.equal(meant, code))] = kind
    errors, doubts = (np.full(len(words), "", dtype=object) for _ in range(2))
    notes: list[str] = []
    read = {
        "boolean": _booleans,
        "category": _categories,
        "date": partial(read_dates, first=how.dates, notes=notes),
        "text": _texts,
    }.get(variable.type)
    numbers, codes = np.empty(0), encoded.indices.to_numpy()
    if read is None:
        counts = np.bincount(codes, minlength=len(words))
        told = np.array(
            [word in how.recode for word in words.to_pylist()] if how.recode else [False], dtype=bool
        )
        asked = kinds == 0, np.resize(told, len(words))
        numbers = _numbers(meant, asked, counts, variable, how, (errors, doubts, notes))
        values = _in_limits(numbers, variable, how.factor, errors, doubts)
        _ask_about_points(meant, variable, how.factor, errors)
    else:
        values = read(meant, kinds == 0, variable, errors)
    return Column(words, codes, values, kinds, numbers, errors, doubts, tuple(notes))


def _mask(array: pa.Array) -> np.ndarray:
    return array.to_numpy(zero_copy_only=False).astype(bool)


def _booleans(words, asked, variable, errors):
    place = pc.fill_null(pc.index_in(pc.utf8_lower(words), pa.array(list(BOOLEANS))), -1).to_numpy()
    errors[asked & (place < 0)] = "expected yes or no (or true and false, 1 and 0)"
    numbers = {text: asked & _mask(pc.equal(words, text)) for text in ("0", "1", "2")}
    if numbers["1"].any() and numbers["2"].any() and not numbers["0"].any():
        errors[numbers["1"] | numbers["2"]] = (
            "1 and 2 can mean yes and no either way; a mapping file can say it"
        )
    found = np.array([*BOOLEANS.values(), False])[place]
    return pd.arrays.BooleanArray(found, ~asked | (place < 0))


def _categories(words, asked, variable, errors):
    plain = pc.replace_substring_regex(pc.utf8_lower(words), r"[\s-]+", "_")
    place = pc.fill_null(
        pc.index_in(plain, pa.array([name.casefold() for name in variable.categories])), -1
    ).to_numpy()
    both = "; of a lesion on both sides, which is two, a mapping says both" * (variable.name == "side")
    errors[asked & (place < 0)] = f"expected one of {', '.join(variable.categories)}{both}"
    return pd.array(np.array([*variable.categories, None], dtype=object)[place], dtype="string")


def _texts(words, asked, variable, errors):
    return pd.array(np.where(asked, words.to_numpy(zero_copy_only=False), None), dtype="string")


# ---- numbers -----------------------------------------------------------------------------------------------


def marks(words: pa.Array) -> set[str]:
    """Return which decimal marks texts have beyond doubt: "comma", "point"."""
    return {
        mark
        for mark, number in _DECIMAL.items()
        if (matches(words, number) & ~matches(words, _GROUPED[_BETWEEN[mark]])).any()
    }


def _numbers(words, asked, counts, variable, how, report):
    """Read numbers under the decimal mark that all of a column has, or say that it is left open.

    Numbers that the mapping file gives (the second of `asked`) are as YAML writes them.
    """
    (asked, told), (errors, doubts, notes) = asked, report
    spaced = asked & matches(words, _SPACED)
    if spaced.any():
        words = pc.if_else(pa.array(spaced), pc.replace_substring_regex(words, "[ '’]", ""), words)
        notes.append("read with a blank or an apostrophe between thousands")
    read = {mark: _under(words, asked, mark) * how.factor for mark in ("point", "comma")}
    is_number = np.isfinite(read["point"]) | np.isfinite(read["comma"])
    yaml = told & np.isfinite(read["point"])
    read["comma"][yaml] = read["point"][yaml]
    marked = asked & is_number & ~yaml & matches(words, "[.,]")
    mark, is_open = _mark(words, read, marked, counts, variable, how)
    values = np.where(marked & (is_open == "error"), np.nan, read[mark])
    dates, days = (asked & ~is_number & matches(words, form) for form in (LIKE_A_DATE, _A_DAY))
    days &= variable.unit == "years"
    other = f"expected a decimal {mark}, as the mapping file says" if how.decimal else _OTHER_MARK[mark]
    for rows, text in (
        (marked & np.isnan(values), _OPEN if is_open == "error" else other),
        (asked & ~is_number, _NO_NUMBER),
        (dates, _NO_DATE),
        (days, NO_AGE if variable.name.startswith("age_") else "expected years, not a date"),
    ):
        errors[rows] = text
    has_mark = marked & np.isfinite(values)
    grouped = has_mark & matches(words, _GROUPED[mark])
    if is_open == "doubt":
        doubts[marked] = f"read with a decimal point; if it stands between thousands, {_IN_MAPPING} comma"
    elif mark == "comma" and (has_mark & ~grouped).any():
        notes.append("read with a decimal comma")
    if grouped.any() and not is_open:
        notes.append(f"read with a {_BETWEEN[mark]} between thousands")
    if how.factor != 1:  # 12 times 0.1 is 1.2, not 1.2000000000000002
        values = np.where(np.abs(values) < _EXACT, np.round(values, 9), values)
    return values


def _under(words: pa.Array, asked: np.ndarray, mark: str) -> np.ndarray:
    """Read texts as numbers with a decimal point, or a decimal comma; nan where one is no such number."""
    fits = asked & (matches(words, _NUMBER[mark]) | matches(words, _GROUPED[mark]))
    values = np.full(len(words), np.nan)
    texts = pc.replace_substring(words.filter(pa.array(fits)), "," if mark == "point" else ".", "")
    values[fits] = pc.replace_substring(texts, ",", ".").to_numpy(zero_copy_only=False).astype(float)
    return values


def _mark(words, read, marked, counts, variable, how) -> tuple[str, str]:
    """Decide what a column's decimal mark is; say "error" or "doubt" where that is left open.

    A mark has to fit all numbers of the column. Where both do, the limits of the variable and the other
    columns of the file have to agree; else the mapping file decides.
    """
    if how.decimal or not marked.any():
        return how.decimal or "point", ""
    sound = {mark: np.isfinite(values) & ~variable.is_beyond(values) for mark, values in read.items()}
    fits = [mark for mark in read if np.isfinite(read[mark])[marked].all()]
    fit_and_sound = [mark for mark in fits if sound[mark][marked].all()]
    has_comma = matches(words, ",")[marked].any()
    if len(fits) == 2 and how.beside:
        return (how.beside, "") if how.beside in fit_and_sound or not fit_and_sound else ("point", "error")
    if len(fit_and_sound) == 2:
        return "point", "error" if has_comma else "doubt"
    if len(fits) == 2 and fit_and_sound == ["comma"] and not has_comma:
        return "point", ""  # taken for a decimal point where nothing else in the file speaks against it
    if fit_and_sound:
        return fit_and_sound[0], ""
    numbers = {mark: np.isfinite(values) & marked for mark, values in read.items()}
    return max(read, key=lambda mark: (counts[marked & sound[mark]].sum(), numbers[mark].sum())), ""


def _in_limits(values, variable, factor, errors, doubts):
    said = variable.not_allowed(values)
    converted = f", after multiplying by {factor:g}" * (factor != 1)
    errors[said != ""] = [f"{text}{converted}" for text in said[said != ""]]
    gone = np.isnan(values) | (said != "")
    if variable.type == "integer":
        return pd.arrays.IntegerArray(np.where(gone, 0, values).astype(np.int64), gone)
    if variable.step is not None and variable.unit.endswith("points"):
        steps = values / float(variable.step)
        off = ~gone & (np.abs(steps - np.round(steps)) > 1e-6)
        doubts[off] = f"the instrument goes in steps of {float(variable.step):g}"
    return pd.arrays.FloatingArray(np.where(gone, 0.0, values), gone)


def _ask_about_points(words, variable, factor, errors):
    """Add to an error that a point may separate thousands, where the number without it would be sound."""
    pointed = errors != ""
    if pointed.any():
        pointed &= matches(words, _GROUPED["comma"])
        pointed[pointed] = ~variable.is_beyond(_under(words, pointed, "comma")[pointed] * factor)
        errors[pointed] += (
            f"; if the point stands between thousands, write the number without it, or {_IN_MAPPING} comma"
        )
