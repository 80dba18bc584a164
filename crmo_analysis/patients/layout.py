"""Where in a file the table stands, and what its columns are called.

Clinics write titles above the header, units below it, totals and footnotes at the end, and running numbers
beside it. What is left out here is said with its row; nothing is left out without a word.
"""

import csv
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import chain, islice, zip_longest
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from crmo_analysis.patients.other_rows import INDEX, NOTE, without_others
from crmo_analysis.patients.problems import LISTED, Problem, counted, listed, matches, more, refuse, warning
from crmo_analysis.patients.sheet import Sheet

MAXIMUM_CELLS = 200_000_000
HEAD = 30  # records among which the header is looked for
_CHUNK = 1000  # rows that are held as Python objects at a time; more of them is slower
_INVISIBLE = r"[\x{00AD}\x{200B}-\x{200F}\x{202A}-\x{202E}\x{2060}\x{FEFF}]"
_SEEN = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060\ufeff]")
_WRONG_LETTERS = "has letters that seem to have been written otherwise (Mac, DOS, UTF-8); save it as UTF-8"
_CONCEPT = re.compile(
    r"(concept|variable|parameter|attribute|item|merkmal|analy[ts]e?|test)([ _]?(cd|code|name|id))?", re.I
)
_VALUE = re.compile(r"([nt]?val(ue)?|(mess)?wert|result|ergebnis)([ _]?(num|char|text))?", re.I)
_BLANK = r"[\x{00A0}\x{2000}-\x{200A}\x{202F}\x{205F}\x{3000}]"
TURN = (
    "expected one row a patient; turn the table (copy it, Paste special, Transpose), and put patients who "
    "have a sheet each into one"
)


def plain_name(name: str) -> str:
    """Write a name on one line, without blanks around it and characters that cannot be seen."""
    return " ".join(_SEEN.sub("", normal(name)).split())


def normal(text: str) -> str:
    """Write letters with their accents as one character, which systems do differently."""
    import unicodedata

    return text if text.isascii() else unicodedata.normalize("NFC", text)


def has_wrong_letters(name: str) -> bool:
    """Say whether letters of a name were read in another way than they were written."""
    try:
        if not name.isascii() and name.encode("cp1252").decode("utf-8") != name:
            return True
    except UnicodeError:
        pass
    return bool(re.search("[A-Za-z][…‘„”‚™Šš‰†Ž\x80-\x9f][a-z]|^[…‘„”‚™‰†\x80-\x9f][a-z]", name))


def find_header(records: Sequence[Sequence[str]], known: Collection[str]) -> int | None:
    """Return which of the first records is the header: that with most known names, if that is clear.

    Else the first that is no title, which stands in a single cell; None where all are empty.
    """
    cells = {at: [cell.strip() for cell in record if cell.strip()] for at, record in enumerate(records)}
    filled = [place for place, texts in cells.items() if texts]
    if not filled:
        return None
    names = {place: names_among(records[place], known) for place in filled}
    first, best = filled[0], max(filled, key=lambda place: len(names[place]))
    if "patient" in names[first] and len(cells[first]) >= len(cells[best]):
        return first  # below may stand names of bones, of which some are known
    rivals = [p for p in filled if len(names[p]) == len(names[best]) and records[p] != records[best]]
    if len(names[best]) > max(len(names[first]), 1) and not rivals:
        return best
    return first if names[first] else _below_titles([cells[place] for place in filled], filled)


def _below_titles(texts: Sequence[Sequence[str]], places: Sequence[int]) -> int:
    """Return the first place that is no title, in one cell, nor a line on the export, which has a colon."""
    wide = (at for at, cells in enumerate(texts) if len(cells) > 1 and not cells[0].endswith(":"))
    at = next(wide, 0)
    return places[0 if any(re.fullmatch(r"[-+\d.,]+", cell) for cell in texts[at]) else at]


def names_among(record: Sequence[str], known: Collection[str]) -> set[str]:
    """Return the known names that a record has, in small letters."""
    return {plain_name(cell).casefold() for cell in record} & set(known)


def take(
    records: Iterable[Sequence[str]],
    place: Path | str,
    known: Collection[str],
    notes: Sequence[str] = (),
    fill: bool = False,
) -> Sheet:
    """Take the table from records; `fill` says that one may end before its empty cells, as in Excel."""
    numbered = _numbered(records, place)
    head = list(islice(numbered, HEAD))
    at = find_header([record for _, record in head], known)
    if at is None:
        raise refuse(place, "is empty; expected a header and one row a patient")
    _refuse_shape([record for _, record in head], at, place, known)
    expected = "is left out: it stands above the header"
    problems = [
        warning(str(place), row, "", listed(filter(None, record), 2), expected)
        for row, record in head[:at]
        if any(record)
    ]
    header = [plain_name(name) for name in head[at][1]]
    changed = [name for name, raw in zip(header, head[at][1], strict=False) if _SEEN.search(normal(raw))]
    if changed:
        notes = (*notes, f"{place}: names had characters that cannot be seen, taken off: {listed(changed)}")
    while fill and not header[-1]:
        header.pop()
    if all(re.fullmatch(r"(['‘’“”]).*['‘’“”]", name) for name in header if name):
        expected = 'has cells in quotation marks of another kind; save it with " or none'
        raise refuse(place, expected, head[at][0])
    columns, rows, blank, ragged = _filled_rows(chain(head[at + 1 :], numbered), len(header), place, fill)
    if ragged:
        problems += _ragged(str(place), len(header), len(rows), ragged)
    if blank:
        left_out = "is left out, row" if len(blank) == 1 else "are left out, rows"
        notes = (*notes, f"{place}: {counted(len(blank), 'empty row')} {left_out} {listed(blank)}")
    return framed(place, header, (columns, rows), known, (problems, notes))


def _refuse_shape(
    records: Sequence[Sequence[str]], at: int, place: Path | str, known: Collection[str]
) -> None:
    """Refuse a table of which patients are columns, and a header in two lines."""
    header, rest = records[at], records[at + 1 :]
    n_known = len(names_among(header, set(known) - {"patient"}))
    columns = list(zip_longest(*rest, fillvalue=""))
    for column, cells in enumerate(columns):
        in_rows = names_among(cells, set(known) - {"patient"})
        is_of_names = len(in_rows) > max(1, n_known) and not (column and n_known)
        if is_of_names and not _have_key(columns[:column], cells):
            expected = f"variables stand in rows ({listed(sorted(in_rows), 3)})"
            how = "expected one row a patient; spread them (a pivot table, R's pivot_wider), each to a column"
            raise refuse(place, f"{expected}; {how if column else TURN}", at + 1)
    if not n_known and all(any(word.fullmatch(cell) for cell in header) for word in (_CONCEPT, _VALUE)):
        expected = "has a row a value; expected one row a patient, with a column for each variable"
        raise refuse(place, f"{expected}: spread them (a pivot table, R's pivot_wider)", at + 1)
    below = rest[0] if rest else []
    both = zip_longest(header, below, fillvalue="")  # in Excel a row may end before its empty cells
    n_filled = sum(bool(cell.strip() and not name.strip()) for name, cell in both)
    has_names = len(names_among(below, set(known) - {"patient"})) > max(1, n_known)
    is_header = n_filled > 1 or (n_filled and has_names and not below[0].strip())
    if is_header and not any(re.match(r"\W*\d", cell) for cell in below):
        raise refuse(place, "the header stands in two lines; write the name of each column into one", at + 1)


def _have_key(columns: Iterable[Sequence[str]], beside: Sequence[str]) -> bool:
    """Say whether a column has another text in each row that has one beside it, as with a row a patient."""
    rows = [place for place, cell in enumerate(beside) if cell.strip()]
    return any(len({column[place] for place in rows}) == len(rows) for column in columns)


def _numbered(records: Iterable[Sequence[str]], path: Path | str) -> Iterator[tuple[int, Sequence[str]]]:
    number = 0
    try:
        for number, record in enumerate(records, start=1):
            yield number, record
    except csv.Error as error:
        expected = (
            f"is not readable as CSV from here ({error}); look for a quotation mark without its partner"
        )
        raise refuse(path, expected, number + 1) from None


def _filled_rows(numbered, width: int, place: Path | str, fill: bool):
    """Return columns and rows of the records that have as many cells as the header, and which have not."""
    columns: list[list[pa.Array]] = [[] for _ in range(width)]
    rows, blank, ragged = [], [], []
    while block := list(islice(numbered, _CHUNK)):
        kept = []
        for number, record in block:
            if not "".join(record).strip():
                blank.append(number)
                continue
            if len(record) != width:
                is_note = sum(map(bool, record)) == 1 and NOTE.match(record[0])
                if any(record[width:]) or (len(record) < width and not fill and not is_note):
                    ragged.append((number, len(record)))
                    continue
                record = [*record[:width], *[""] * (width - len(record))]
            kept.append(record)
            rows.append(number)
        if len(rows) * width > MAXIMUM_CELLS:
            raise refuse(place, f"has more than {MAXIMUM_CELLS:,} cells")
        for column, cells in zip(columns, zip(*kept, strict=True), strict=False):
            column.append(pa.array(cells, pa.string()))
    whole = [pa.chunked_array(column, pa.string()) for column in columns]
    return whole, rows, [row for row in blank if rows and row < rows[-1]], ragged


def _ragged(place: str, width: int, n_sound: int, ragged: Sequence[tuple[int, int]]) -> list[Problem]:
    if not n_sound and {cells for _, cells in ragged} == {width + 1}:
        how = "commas in numbers of a table with commas between cells (save it with semicolons), or row names"
        expected = f"every row has one cell more than the header: {how} of R's write.table"
        return [Problem(place, 1, "", "", f"{expected} (use row.names = FALSE)")]
    expected = f"expected {width} as in the header; quote a cell that has the separator"
    problems = [
        Problem(place, row, "", "", f"has {cells} cells, {expected}") for row, cells in ragged[:LISTED]
    ]
    return problems + more(problems[0], len(ragged) - LISTED)


# ---- the table as a whole ----------------------------------------------------------------------------------


def framed(place, names, cells, known=(), said=((), ())) -> Sheet:
    """Make a sheet of columns: clean every cell, name every column, and leave out what is no patient.

    `cells` are the columns and where their rows stand, `said` the problems and notes so far.
    """
    (columns, rows), (problems, notes) = cells, map(list, said)
    rows, place = np.asarray(rows, dtype=np.int64), str(place)
    if not len(rows) and not any(problem.is_error for problem in problems):
        raise refuse(place, "has a header and no row; expected one row a patient")
    named, changed = [], []
    for at, (name, raw) in enumerate(zip(names, columns, strict=True)):
        column, is_changed = _clean(raw)
        called = name or f"column {letter(at)}"
        changed += [called] if is_changed else []
        if name or called.casefold() in known:
            named.append((called, column))
        elif at == 0 and matches(column, INDEX).all() and (np.diff(pc.cast(column, pa.int64())) > 0).all():
            notes.append(f"{place}: {called} has no name and numbers the rows; it is left out")
        elif pc.any(pc.not_equal(column, "")).as_py():
            expected = (
                f"a column with values has no name; name or delete it, or call it '{called}' in a mapping"
            )
            problems.append(Problem(place, 1, "", "", f"{expected}, as in columns: {{{called}: patient}}"))
    if changed:
        taken = 'characters that cannot be seen, ="…" or an apostrophe taken off'
        notes.append(f"{place}: {taken}: {listed(changed)}")
    problems += [warning(place, 1, name, "", _WRONG_LETTERS) for name, _ in named if has_wrong_letters(name)]
    names, columns = zip(*named, strict=True) if named else ((), ())
    sheet = Sheet(place, names, columns, rows, tuple(problems), tuple(notes))
    return without_others(sheet) if named and len(rows) else sheet


def _clean(column: pa.ChunkedArray) -> tuple[pa.ChunkedArray, bool]:
    """Trim cells, and take off what a person cannot see; say whether that changed one."""
    column, changed = pc.utf8_trim_whitespace(column), False
    if not pc.all(pc.or_kleene(pc.string_is_ascii(column), pc.equal(column, ""))).as_py():
        spaced = pc.replace_substring_regex(column, _BLANK, " ")
        seen = pc.utf8_trim_whitespace(pc.replace_substring_regex(spaced, _INVISIBLE, ""))
        changed = pc.any(pc.not_equal(seen, pc.utf8_trim_whitespace(spaced))).as_py()
        column = pc.utf8_normalize(seen, "NFC")
    if pc.any(pc.starts_with(column, '="')).as_py():
        column, changed = pc.replace_substring_regex(column, r'^="([^"]*)"$', r"\1"), True
    if pc.any(pc.starts_with(column, "'")).as_py():
        changed |= bool(
            matches(column, "^'[0-9]").any()
        )  # before a formula by `neutral`, before a number by Excel
        column = pc.replace_substring_regex(column, r"^'(\s*[=+\-@].*|[0-9][0-9.,]*)$", r"\1")
    return column, bool(changed)


def letter(at: int) -> str:
    """Return what a spreadsheet calls a column."""
    from openpyxl.utils import get_column_letter  # here, as the import takes long

    return get_column_letter(at + 1)
