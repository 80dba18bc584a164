"""Which rows of a table are no patients: header lines that stand again, units, totals, headings, footnotes.

What is left out here is said with its row; nothing is left out without a word.
"""

import re
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from crmo_analysis.patients.problems import LISTED, matches, refuse, warning
from crmo_analysis.patients.sheet import Sheet

_NUMERIC = r"^-?[0-9][0-9.,]*$|^$"
INDEX = r"^(0|[1-9][0-9]{0,8})$"
_TOTAL = (
    r"(?i)^(grand total|totals?|subtotal|sums?|summen?|zwischensumme|gesamt\w*|insgesamt|total g\w+|means?|"
    r"average|mittelwert|mw|durchschnitt|median|somme|moyenne|suma|soma|promedio|media|toplam|ortalama|i alt|"
    r"gennemsnit|gemiddelde|totaal)( *[:=(±+].*)?$"
)
_PERHAPS_TOTAL = (
    r"(?i)^(n|sd|std|stdev|standard deviation|standardabweichung|[ée]cart[- ]type|min|max|minimum|maximum|"
    r"count|anzahl|mittel|range|q1|q3|iqr|%|ø)( *[:=(].*)?$"
)
NOTE = re.compile(r"[*†‡§#¹²³]|//|--|\S.*\s.*\S.*", re.DOTALL)
_PAGE = re.compile(r"(page|seite|side|sayfa|blatt)\W*\d+.*", re.IGNORECASE)
_UNIT = re.compile(
    r"\(?\[?(m?g/d?l|mmol/l|/?mm³?3?|/µl|/ul|10\^?\d/l|mm/(h|hour|std)|y|yrs?|years?|jahre?|months?|monate?|days?|"
    r"tage?|weeks?|wochen?|cm|%|points?|punkte|yes/no|ja/nein|j/n|y/n|0/1|1/0|date|datum|text)\]?\)?",
    re.IGNORECASE,
)


def without_others(sheet: Sheet) -> Sheet:
    """Leave out header lines that stand again, a row of units, totals, and footnotes; warn of each."""
    said: dict[int, str] = {}
    for place in np.flatnonzero(_all_equal(sheet)):
        said[int(place)] = "is left out: the header stands here again"
    if _has_labels(sheet):
        said[0] = "is left out: it holds labels of the columns"
    first, filled = _first_cells(sheet)
    said |= {int(place): "is left out: it is empty" for place in np.flatnonzero(filled == 0)}
    for place in np.flatnonzero(_totals(sheet, first)):
        said.setdefault(int(place), "is left out: it is a total or an average, no patient")
    units = _units(sheet)
    if units:
        said.setdefault(0, "is left out: it holds units")
    said |= _footnotes(first, filled, said) | _headings(first, filled, said)
    kept = np.ones(len(sheet.rows), dtype=bool)
    kept[list(said)] = False
    if not kept.any():
        raise refuse(sheet.file, "has a header and no row of a patient; expected one row a patient")
    alone = np.flatnonzero(kept & (filled == 1)) if len(sheet.names) > 2 else ()
    problems = [
        warning(sheet.file, int(sheet.rows[place]), "", first[place], text)
        for place, text in (
            *sorted(said.items()),
            *((at, "is all that the row holds") for at in alone[:LISTED]),
        )
    ]
    columns = sheet.columns if kept.all() else tuple(c.filter(pa.array(kept)) for c in sheet.columns)
    problems = (*sheet.problems, *problems)
    return replace(sheet, columns=columns, rows=sheet.rows[kept], problems=problems, units=units)


def _totals(sheet: Sheet, first: np.ndarray) -> np.ndarray:
    """Say which rows begin with a word for a total, or with what may be one where it is no patient's name."""
    texts = pa.array(first)
    total = matches(texts, _TOTAL)
    for column in sheet.columns[1:3]:  # the patient may stand beside a running number
        total |= matches(column, _TOTAL) & matches(texts, INDEX)
    perhaps = matches(texts, _PERHAPS_TOTAL)
    if not perhaps.any() or perhaps.all():
        return total
    numbered = matches(texts, r"[0-9]") | (first == "") | total
    others = np.flatnonzero(~(perhaps | total))
    start = others[-1] + 1 if len(others) else 0  # of the last rows, all of which may be totals
    is_apart = 0 < start < len(first) and sheet.rows[start] - sheet.rows[start - 1] > 1
    is_last = start > 0 and (is_apart or total[start:].any())
    rows = np.arange(len(first)) >= start if is_last else np.zeros(len(first), dtype=bool)
    return total | (perhaps & (rows | numbered[~perhaps].all()))


def _all_equal(sheet: Sheet) -> np.ndarray:
    same = np.ones(len(sheet.rows), dtype=bool)
    for name, column in zip(sheet.names, sheet.columns, strict=True):
        if not same.any():
            break
        same &= pc.equal(pc.utf8_lower(column), name.lower()).to_numpy()
    return same


def _has_labels(sheet: Sheet) -> bool:
    """Say whether the first row is a second header: words, in columns that else hold numbers alone."""
    words = [column[0].as_py() for column in sheet.columns]
    if len(sheet.rows) < 3 or not all(words) or any(re.search(r"\d", word) for word in words):
        return False
    rest = [column.slice(1).unique() for column in sheet.columns]
    return sum(bool(pc.all(pc.match_substring_regex(texts, _NUMERIC)).as_py()) for texts in rest) >= 2


def _first_cells(sheet: Sheet) -> tuple[np.ndarray, np.ndarray]:
    """Return the first text of each row, and how many cells have one."""
    first, filled = pa.chunked_array([pa.repeat("", len(sheet.rows))]), np.zeros(len(sheet.rows), dtype=int)
    for column in sheet.columns:
        first = pc.if_else(pc.equal(first, ""), column, first)
        filled += pc.not_equal(column, "").to_numpy()
    return first.to_numpy(), filled


def _units(sheet: Sheet) -> dict[str, str]:
    """Return the units that the first row holds, if it holds nothing else but words."""
    cells = {name: column[0].as_py() for name, column in zip(sheet.names, sheet.columns, strict=True)}
    found = {name: cell.strip("()[] ") for name, cell in cells.items() if _UNIT.fullmatch(cell)}
    others = [cell for name, cell in cells.items() if cell and name not in found]
    measured = [unit for unit in found.values() if unit not in ("0/1", "1/0", "%")]
    is_row = measured and len(others) <= max(1, len(found)) and not re.search(r"\d", "".join(others))
    return found if is_row and len(sheet.rows) > 1 else {}


def _headings(first: np.ndarray, filled: np.ndarray, said: Mapping[int, str]) -> dict[int, str]:
    """Find rows that hold one word without a number, where every key has one: headings of a part."""
    alone = [int(place) for place in np.flatnonzero(filled == 1) if place not in said]
    pages = {place: "is left out: it numbers a page" for place in alone if _PAGE.fullmatch(first[place])}
    is_full = filled > 1
    is_full[list(said)] = False
    if not alone or not is_full.any() or not matches(pa.array(first[is_full], pa.string()), "[0-9]").all():
        return pages
    heading = "is left out: it is a heading, no patient"
    return pages | {place: heading for place in alone if not re.search(r"\d", first[place])}


def _footnotes(first: np.ndarray, filled: np.ndarray, said: Mapping[int, str]) -> dict[int, str]:
    """Find the last rows that have one cell only, in which no name of a patient can stand."""
    found, place = {}, len(first) - 1
    others = [text for text in first[filled > 1][:1000] if text]
    longest, starts = max(map(len, others), default=0), {text[:1] for text in first[:1000][:place]}
    while place > 0 and (filled[place] == 1 or place in said):
        text = first[place]
        is_long = 0 < 1.5 * longest < len(text)
        is_odd = is_long or not (text[:1].isalnum() or text[:1] in starts)
        if place not in said and NOTE.match(text) and is_odd:
            found[place] = "is left out: it is a line of text below the table"
        place -= 1
    return found
