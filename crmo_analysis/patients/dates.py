"""From the text of cells to dates: every column in one form, and nothing guessed of day and month."""

import re
from datetime import date, timedelta

import numpy as np
import pandas as pd

_FORMS = (
    re.compile(
        r"(?P<year>\d{4})(?P<mark>[-./]?)(?P<month>\d\d)(?P=mark)(?P<day>\d\d)"
        r"(?:[T ](?P<time>\d\d:\d\d(?::\d\d(?:\.\d+)?)?)(?:Z|[+-]\d\d:?\d\d)?)?",
        re.ASCII,
    ),
    re.compile(r"(?P<day>\d{1,2})\.(?P<month>\d{1,2})\.(?P<year>\d{4})", re.ASCII),
    re.compile(r"(?P<first>\d{1,2})/(?P<second>\d{1,2})/(?P<year>\d{4})", re.ASCII),
    re.compile(r"(?P<first>\d{1,2})(?P<mark>[./])(?P<second>\d{1,2})(?P=mark)(?P<short>\d\d)", re.ASCII),
)
ISO_EXPECTED = "expected a date as in 2020-12-31"
OPEN_ORDER = f"the day or the month may stand first; {ISO_EXPECTED}"
_SEVERAL = f"the column has dates in several forms; {ISO_EXPECTED}"
_EARLIEST = 1950  # year that two digits mean: nobody was scanned before
_SERIAL = re.compile(r"[1-7]\d{4}", re.ASCII)


def read_dates(words, asked, variable, errors, first, notes):
    """Read dates.

    A column is in one form, and whether the day or the month stands first is decided for all of it. Years
    of two digits are read only where the mapping file says which: 21.12.20 may begin with the year.
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
            errors[place] = f"is no day from 1900 until today; {ISO_EXPECTED}"
    has_short = any("short" in parts for parts in slashed.values())
    _refuse_open(found, first, has_short or order["day"] == order["month"], errors)
    if has_short and first:
        span = f"from {_EARLIEST} on that has come"
        notes.append(f"a year of two digits is read as the one {span}")
    values[errors != ""] = np.datetime64("NaT", "s")
    if any((parts.get("time") or "").strip("0:.") for parts in found.values()):
        notes.append("the time of day is left out, the day is the one that is written, in whichever zone")
    return pd.array(values, dtype="datetime64[s]")


def _refuse_open(found, first, is_open, errors) -> None:
    """Make errors of dates whose order is open, or that the column has in several forms."""
    forms = {next(iter(parts)) for parts in found.values()}
    if not first and is_open:
        errors[[place for place, parts in found.items() if "first" in parts]] = OPEN_ORDER
    if len(forms) > 1 and ("year" in forms or first != "day"):
        is_settled = "year" not in forms and not first  # by saying that the day stands first
        errors[list(found)] = OPEN_ORDER if is_settled else _SEVERAL


def _matched(words, asked, errors) -> dict[int, dict[str, str]]:
    """Return the parts of the date that each text is; one that is none is an error."""
    found = {}
    for place in np.flatnonzero(asked):
        text = words[place].as_py()
        if match := next(filter(None, (form.fullmatch(text) for form in _FORMS)), None):
            found[place] = match.groupdict()
            continue
        errors[place] = ISO_EXPECTED
        if _SERIAL.fullmatch(text):
            since = (date(1899, 12, 30), date(1904, 1, 1))  # of Excel, and of Excel on old Macs
            days = " or ".join((first + timedelta(days=int(text))).isoformat() for first in since)
            errors[place] += f"; as a number of Excel it is {days}, format the column as a date there"
    return found


def _day(parts: dict[str, str], day_first: bool) -> date:
    day, month = ("first", "second") if day_first else ("second", "first")
    month, day = int(parts.get("month") or parts[month]), int(parts.get("day") or parts[day])
    if "short" not in parts:
        return date(int(parts["year"]), month, day)
    latest = date(2000 + int(parts["short"]), month, day)
    before = latest.year - 100
    return latest if latest <= date.today() or before < _EARLIEST else date(before, month, day)
