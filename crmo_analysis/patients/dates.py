"""From the text of cells to dates: every column in one form, and nothing guessed of day and month."""

import re
from collections.abc import Mapping
from datetime import date, timedelta

import numpy as np
import pandas as pd

_ISO = re.compile(
    r"(?P<year>\d{4})(?P<mark>[-./]?)(?P<month>\d\d)(?P=mark)(?P<day>\d\d)"
    r"(?:[T ](?P<time>\d\d:\d\d(?::\d\d(?:\.\d+)?)?)Z?)?",
    re.ASCII,
)
_DOTTED = re.compile(r"(?P<day>\d{1,2})\.(?P<month>\d{1,2})\.(?P<year>\d{4})", re.ASCII)
_SLASHED = re.compile(r"(?P<first>\d{1,2})/(?P<second>\d{1,2})/(?P<year>\d{4})", re.ASCII)
_ISO_EXPECTED = "expected a date as in 2020-12-31"
_SERIAL = re.compile(r"[1-7]\d{4}", re.ASCII)


def read_dates(words, asked, variable, errors, first, notes):
    """Read dates.

    A column is in one form, and whether the day or the month stands first is decided for all of it.
    """
    texts = words.to_pylist()
    forms: dict[str, dict[int, re.Match]] = {"iso": {}, "dotted": {}, "slashed": {}}
    for place in np.flatnonzero(asked):
        for form, pattern in zip(forms, (_ISO, _DOTTED, _SLASHED), strict=True):
            if match := pattern.fullmatch(texts[place]):
                forms[form][place] = match
                break
        else:
            errors[place] = _ISO_EXPECTED
            if _SERIAL.fullmatch(texts[place]):
                day = date(1899, 12, 30) + timedelta(days=int(texts[place]))
                errors[place] += (
                    f"; as a number of Excel it is {day.isoformat()}, format the column as a date"
                )
    for place in [] if first else _undecided(forms["slashed"]):
        errors[place] = f"the day or the month may stand first; {_ISO_EXPECTED}, or in a mapping: dates: day"
    if sum(bool(matches) for matches in forms.values()) > 1:
        for matches in forms.values():
            for place in matches:
                errors[place] = f"the column has dates in several forms; {_ISO_EXPECTED}"
    values = np.full(len(words), np.datetime64("NaT", "s"))
    day_first = first == "day" or any(int(match["first"]) > 12 for match in forms["slashed"].values())
    day_first &= first != "month"
    for place, match in (pair for matches in forms.values() for pair in matches.items()):
        if errors[place]:
            continue
        parts = match.groupdict()
        if "first" in parts:
            parts["day"], parts["month"] = (
                match.group("first", "second") if day_first else match.group("second", "first")
            )
        try:
            found = date(int(parts["year"]), int(parts["month"]), int(parts["day"]))
        except ValueError:
            found = None
        if found is None or not 1900 <= found.year <= 2100:
            errors[place] = f"is no day of 1900 to 2100; {_ISO_EXPECTED}"
        else:
            values[place] = np.datetime64(found, "s")
    if any((match["time"] or "").strip("0:.") for match in forms["iso"].values()):
        notes.append("the time of day is left out")
    return pd.array(values, dtype="datetime64[s]")


def _undecided(slashed: Mapping[int, re.Match]) -> list[int]:
    """Return which dates as 31/12/2020 leave open whether the day stands first.

    All where some say so and some not.
    """
    day_first = [
        place for place, match in slashed.items() if int(match["first"]) > 12 >= int(match["second"])
    ]
    month_first = [
        place for place, match in slashed.items() if int(match["second"]) > 12 >= int(match["first"])
    ]
    return [] if bool(day_first) != bool(month_first) else list(slashed)
