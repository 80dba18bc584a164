"""From the text of cells to dates: every column in one form, and nothing guessed of day and month."""

import re
from datetime import date, timedelta

import numpy as np
import pandas as pd

_FORMS = (
    re.compile(
        r"(?P<year>\d{4})(?P<mark>[-./]?)(?P<month>\d\d)(?P=mark)(?P<day>\d\d)"
        r"(?:[T ](?P<time>\d\d:\d\d(?::\d\d(?:\.\d+)?)?)Z?)?",
        re.ASCII,
    ),
    re.compile(r"(?P<day>\d{1,2})\.(?P<month>\d{1,2})\.(?P<year>\d{4})", re.ASCII),
    re.compile(r"(?P<first>\d{1,2})/(?P<second>\d{1,2})/(?P<year>\d{4})", re.ASCII),
)
_ISO_EXPECTED = "expected a date as in 2020-12-31"
_SERIAL = re.compile(r"[1-7]\d{4}", re.ASCII)


def read_dates(words, asked, variable, errors, first, notes):
    """Read dates.

    A column is in one form, and whether the day or the month stands first is decided for all of it.
    """
    found = _matched(words, asked, errors)
    slashed = {place: parts for place, parts in found.items() if "first" in parts}
    order = {
        "day": any(int(parts["first"]) > 12 >= int(parts["second"]) for parts in slashed.values()),
        "month": any(int(parts["second"]) > 12 >= int(parts["first"]) for parts in slashed.values()),
    }
    day_first = first == "day" or (first != "month" and order["day"])
    values = np.full(len(words), np.datetime64("NaT", "s"))
    for place, parts in found.items():
        try:
            day = _day(parts, day_first)
        except ValueError:
            day = date.min
        if date(1900, 1, 1) <= day <= date.today():
            values[place] = np.datetime64(day, "s")
        else:
            errors[place] = f"is no day from 1900 until today; {_ISO_EXPECTED}"
    if not first and order["day"] == order["month"]:
        for place in slashed:
            errors[place] = (
                f"the day or the month may stand first; {_ISO_EXPECTED}, or in a mapping: dates: day"
            )
    if len({next(iter(parts)) for parts in found.values()}) > 1:
        for place in found:
            errors[place] = f"the column has dates in several forms; {_ISO_EXPECTED}"
    values[errors != ""] = np.datetime64("NaT", "s")
    if any((parts.get("time") or "").strip("0:.") for parts in found.values()):
        notes.append("the time of day is left out")
    return pd.array(values, dtype="datetime64[s]")


def _matched(words, asked, errors) -> dict[int, dict[str, str]]:
    """Return the parts of the date that each text is; one that is none is an error."""
    found = {}
    for place in np.flatnonzero(asked):
        text = words[place].as_py()
        if match := next(filter(None, (form.fullmatch(text) for form in _FORMS)), None):
            found[place] = match.groupdict()
            continue
        errors[place] = _ISO_EXPECTED
        if _SERIAL.fullmatch(text):
            day = date(1899, 12, 30) + timedelta(days=int(text))
            errors[place] += f"; as a number of Excel it is {day.isoformat()}, format the column as a date"
    return found


def _day(parts: dict[str, str], day_first: bool) -> date:
    day, month = ("first", "second") if day_first else ("second", "first")
    return date(
        int(parts["year"]), int(parts.get("month") or parts[month]), int(parts.get("day") or parts[day])
    )
