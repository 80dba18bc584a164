"""A table in a file, cell by cell as text: CSV however it was saved, Excel or Parquet.

Nothing is guessed of a cell here and no row is lost: what cannot be read is a problem that says where it
stands.
"""

import csv
import io
import re
import zipfile
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from crmo_analysis.files import InputError

MAXIMUM_BYTES = 500_000_000
MAXIMUM_CELLS = 200_000_000
LISTED = 100  # problems of one kind that are listed one by one
DELIMITERS = (",", ";", "\t", "|")
SUFFIXES = {".csv": "csv", ".tsv": "csv", ".txt": "csv", ".xlsx": "xlsx", ".parquet": "parquet"}
_CHUNK = 1000  # rows that are held as Python objects at a time; more of them is slower
_PLAIN_FROM = 1_000_000  # bytes from which the fast reader is worth its trouble
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")
_SIGNATURES = {
    b"PK\x03\x04": "an Excel workbook or another zip file",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook (.xls); save it as .xlsx",
    b"PAR1": "a Parquet file",
    b"%PDF": "a PDF file",
    b"\x1f\x8b": "a compressed file; unpack it",
}
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1f]")


@dataclass(frozen=True)
class Problem:
    """What is wrong with a cell, a column or a file, and what is expected.

    Attributes
    ----------
    file : str
    row : int or None
        As a spreadsheet counts, the header is row 1; None where no single row is meant.
    column, value : str
        As they stand in the file; empty where none is meant.
    expected : str
    is_error : bool
        False for a warning: the value is kept.
    """

    file: str
    row: int | None
    column: str
    value: str
    expected: str
    is_error: bool = True

    def __str__(self):
        return f"{self.place}: {'' if self.is_error else 'warning: '}{self.expected}"

    @property
    def place(self) -> str:
        """Where it is: file, row, column and value."""
        parts = [self.file]
        parts += [f"row {self.row}"] if self.row is not None else []
        parts += [f"column {shown(self.column)}"] if self.column else []
        parts += [f"value '{shown(self.value)}'"] if self.value else []
        return ", ".join(parts)


@dataclass(frozen=True, eq=False)
class Sheet:
    """A table as text.

    Attributes
    ----------
    file : str
    names : tuple of str
        As in the header, possibly twice.
    columns : tuple of pyarrow.ChunkedArray
        Text without space around it; an empty cell is empty text.
    rows : ndarray of int
        Where each row stands in the file, as a spreadsheet counts.
    problems : tuple of Problem
    notes : tuple of str
    """

    file: str
    names: tuple[str, ...]
    columns: tuple[pa.ChunkedArray, ...]
    rows: np.ndarray
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()


def shown(text: str, length: int = 60) -> str:
    """Write a text from a file so that it fits on one line."""
    line = "".join(character if character.isprintable() else " " for character in text[: length + 1])
    return line if len(line) <= length else f"{line[: length - 1]}…"


def more(like: Problem, count: int) -> list[Problem]:
    """Return the problem that stands for those of a kind that are not listed one by one, if there are any."""
    expected = f"{count - LISTED:,} more rows like these"
    return [Problem(like.file, None, like.column, "", expected, like.is_error)] if count > LISTED else []


def refuse(path: object, expected: str, row: int | None = None) -> InputError:
    """Return the error that a file as a whole gives."""
    return InputError(Problem(shown(str(path), 300), row, "", "", expected))


def read_sheet(
    path: Path | str, known: Collection[str] = (), name: str = "patients", optional: bool = False
) -> Sheet | None:
    """Read a table as text.

    Parameters
    ----------
    path : Path or str
        A file .csv, .tsv, .txt (cells separated by comma, semicolon, tab or bar; UTF-8, UTF-16 or Windows'
        Latin letters), .xlsx or .parquet.
    known : collection of str
        Column names to expect, in small letters; they help to tell what separates the cells.
    name : str
        The sheet of a workbook; where none has this name, the first one is read, or the only one whose header
        has known names where the first one's has none.
    optional : bool
        Read the sheet of a workbook only if one has this name and more than a header.

    Returns
    -------
    Sheet or None
        None where an optional sheet is not there.

    Raises
    ------
    InputError
        If there is no table to read: a missing, empty, too large, binary or wrongly named file.
    """
    if _ADDRESS.match(str(path)):
        raise refuse(path, "is an address; download the file and give its path")
    path = Path(path)
    if not path.is_file():
        raise refuse(path, "is a folder, expected a file" if path.is_dir() else "there is no such file")
    kind = SUFFIXES.get(path.suffix.lower())
    if kind is None:
        raise refuse(path, f"has an unknown ending; expected one of {', '.join(SUFFIXES)}")
    try:
        if path.stat().st_size > MAXIMUM_BYTES:
            raise refuse(path, f"is larger than {MAXIMUM_BYTES:,} bytes")
        with path.open("rb") as file:
            start = file.read(4)
        if not start:
            raise refuse(path, "is empty; expected a header and one row a patient")
        found = next((text for mark, text in _SIGNATURES.items() if start.startswith(mark)), "")
        belongs = {"xlsx": b"PK\x03\x04", "parquet": b"PAR1"}.get(kind)
        if (belongs is None and found) or (belongs is not None and not start.startswith(belongs)):
            raise refuse(
                path, f"is {found or 'text or something else'}, not {kind}; give it its right ending"
            )
        if kind == "csv":
            return _read_csv(path, known)
        return _read_workbook(path, known, name, optional) if kind == "xlsx" else _read_parquet(path)
    except OSError as error:
        raise refuse(path, f"cannot be read ({error.strerror or error})") from None


# ---- CSV ---------------------------------------------------------------------------------------------------


def _read_csv(path: Path, known: Collection[str]) -> Sheet:
    data = path.read_bytes()
    encoding = _encoding(data, path)
    notes = () if encoding.startswith("utf-8") else (f"{path}: read as {encoding}, not UTF-8",)
    stream = io.TextIOWrapper(io.BytesIO(data), encoding=encoding, newline="")
    first = stream.readline()
    marked = re.fullmatch(r'"?sep=([,;\t|])"?\s*', first)
    if not marked:
        stream.seek(0)
    delimiter = marked[1] if marked else _delimiter(first, known)
    if not marked and encoding == "utf-8-sig" and len(data) > _PLAIN_FROM:
        names = first.rstrip("\r\n").split(delimiter)
        columns = _read_plain(data, delimiter, len(names))
        if columns is not None:
            return _sheet(
                path, [" ".join(name.split()) for name in names], columns, np.arange(len(columns[0])) + 2
            )
    return _collect(csv.reader(stream, delimiter=delimiter, strict=True), path, notes, fill=False)


def _read_plain(data: bytes, delimiter: str, width: int) -> list[pa.ChunkedArray] | None:
    """Read a large table fast.

    None where a quotation mark, an empty or a ragged row asks for a closer look.
    """
    if b'"' in data or data.count(b"\r") != data.count(b"\r\n") or width < 2:
        return None
    if data.count(b"\n") * width > MAXIMUM_CELLS:
        return None
    names = [str(place) for place in range(width)]
    try:
        table = pa.csv.read_csv(
            pa.BufferReader(data),
            pa.csv.ReadOptions(column_names=names, skip_rows=1),
            pa.csv.ParseOptions(delimiter=delimiter, quote_char=False, ignore_empty_lines=False),
            pa.csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), null_values=[]),
        )
    except pa.ArrowException:
        return None
    blank = pc.equal(table.column(0), "")
    for column in table.columns if pc.any(blank).as_py() else ():
        blank = pc.and_(blank, pc.equal(column, ""))
    return None if pc.any(blank).as_py() or not len(table) else table.columns


def _encoding(data: bytes, path: Path) -> str:
    head = data[:2000]
    zeros = head[::2].count(0), head[1::2].count(0)
    encoding = "utf-8-sig"
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        encoding = "utf-16"
    elif zeros[1] > 0.4 * len(head) > 10 * zeros[0]:
        encoding = "utf-16-le"
    elif zeros[0] > 0.4 * len(head) > 10 * zeros[1]:
        encoding = "utf-16-be"
    elif match := _CONTROL.search(data):
        row = data[: match.start()].count(b"\n") + 1
        kind = "NUL bytes" if match[0] == b"\0" else f"control characters (byte {match[0][0]:#x})"
        raise refuse(path, f"has {kind}; save the table as CSV in UTF-8", row)
    for attempt in (encoding, "cp1252", "latin-1") if encoding == "utf-8-sig" else (encoding,):
        try:
            text = data.decode(attempt)
        except UnicodeDecodeError:
            continue
        if "\0" in text:
            raise refuse(
                path,
                "has NUL bytes; save the table as CSV in UTF-8",
                text[: text.index("\0")].count("\n") + 1,
            )
        return attempt
    raise refuse(path, f"is not sound {encoding.upper()}; save the table as CSV in UTF-8")


def _delimiter(header: str, known: Collection[str]) -> str:
    """Return what separates a header into the most names that are known, else into the most names."""

    def score(delimiter: str) -> tuple[int, int]:
        names = header.rstrip("\r\n").split(delimiter)
        return sum(name.strip(' "').casefold() in known for name in names), len(names)

    return max(DELIMITERS, key=score)


def _collect(records: Iterable[Sequence[str]], path: Path | str, notes: Sequence[str], fill: bool) -> Sheet:
    """Take a header and rows; `fill` says that a row may end before its empty cells, as in Excel."""
    numbered = _numbered(records, path)
    header = next((record for _, record in numbered if any(record)), None)
    if header is None:
        raise refuse(path, "is empty; expected a header and one row a patient")
    header = [" ".join(name.split()) for name in header]
    while fill and not header[-1]:
        header.pop()
    width = len(header)
    columns: list[list[pa.Array]] = [[] for _ in header]
    rows, blank, ragged = [], [], []
    while block := list(islice(numbered, _CHUNK)):
        kept = []
        for number, record in block:
            if not any(record):
                blank.append(number)
                continue
            if len(record) != width:
                if any(record[width:]) or (len(record) < width and not fill):
                    ragged.append((number, len(record)))
                    continue
                record = [*record[:width], *[""] * (width - len(record))]
            kept.append(record)
            rows.append(number)
        if len(rows) * width > MAXIMUM_CELLS:
            raise refuse(path, f"has more than {MAXIMUM_CELLS:,} cells")
        for column, cells in zip(columns, zip(*kept, strict=True), strict=False):
            column.append(pa.array(cells, pa.string()))
    expected = f"expected {width} as in the header; quote a cell that has the separator"
    problems = [
        Problem(str(path), row, "", "", f"has {cells} cells, {expected}") for row, cells in ragged[:LISTED]
    ]
    problems += more(problems[0], len(ragged)) if ragged else []
    blank = [str(row) for row in blank if rows and row < rows[-1]]
    if blank:
        left_out = (
            "1 empty row is left out, row"
            if len(blank) == 1
            else f"{len(blank):,} empty rows are left out, rows"
        )
        notes = (*notes, f"{path}: {left_out} {_first(blank)}")
    return _sheet(
        path, header, [pa.chunked_array(column, pa.string()) for column in columns], rows, problems, notes
    )


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


def _first(names: Sequence[str], count: int = 10) -> str:
    return ", ".join(names[:count]) + (", …" if len(names) > count else "")


def _sheet(path, names, columns, rows, problems=(), notes=()) -> Sheet:
    """Trim every cell, and leave out columns that have neither a name nor a value."""
    rows = np.asarray(rows, dtype=np.int64)
    if not len(rows) and not problems:
        raise refuse(path, "has a header and no row; expected one row a patient")
    columns = [_without_mark(pc.utf8_trim_whitespace(column)) for column in columns]
    used = [
        bool(name) or (pc.max(pc.binary_length(column)).as_py() or 0) > 0
        for name, column in zip(names, columns, strict=True)
    ]
    problems = [*problems]
    if any(use and not name for use, name in zip(used, names, strict=True)):
        problems.append(Problem(str(path), 1, "", "", "a column with values has no name; name or delete it"))
    used = [use and bool(name) for use, name in zip(used, names, strict=True)]
    return Sheet(
        str(path),
        tuple(name for name, use in zip(names, used, strict=True) if use),
        tuple(column for column, use in zip(columns, used, strict=True) if use),
        rows,
        tuple(problems),
        tuple(notes),
    )


def _without_mark(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Take off the apostrophe that `neutral` puts before what looks like a formula."""
    if not pc.any(pc.starts_with(column, "'")).as_py():
        return column
    return pc.replace_substring_regex(column, r"^'(\s*[=+\-@])", r"\1")


# ---- Excel and Parquet -------------------------------------------------------------------------------------


def _read_workbook(path: Path, known: Collection[str], name: str, optional: bool) -> Sheet | None:
    import openpyxl  # here, not at the top: most tables are CSV and the import takes long

    try:
        with zipfile.ZipFile(path) as archive:
            # A workbook shrinks to a tenth or so: one that unpacks to far more was made to fill the memory.
            most = min(4 * MAXIMUM_BYTES, max(50_000_000, 100 * path.stat().st_size))
            if sum(entry.file_size for entry in archive.infolist()) > most:
                raise refuse(path, f"unpacks to more than {most:,} bytes; save it as CSV")
        workbook = openpyxl.load_workbook(path, read_only=True, data_only=True)
        try:
            titles = {sheet.title.casefold(): sheet for sheet in workbook.worksheets}
            for sheet in titles.values():
                sheet.reset_dimensions()
            chosen = titles.get(name)
            if optional and (chosen is None or len(list(islice(filter(any, chosen.values), 2))) < 2):
                return None
            others = [sheet for title, sheet in titles.items() if title not in ("patients", "lesions")]
            notes = []
            if chosen is None:
                chosen, notes = _choose(path, others or list(titles.values()), known, name)
            place = f"{path}, sheet {shown(chosen.title)}"
            ignored = [shown(sheet.title) for sheet in others if sheet is not chosen]
            if ignored and not optional and not notes:
                notes = [f"{path}: sheets that are not read: {_first(ignored)}"]
            records = (
                [_cell_text(value) for value in record] for record in chosen.iter_rows(values_only=True)
            )
            return _collect(records, place, notes, fill=True)
        finally:
            workbook.close()
    except InputError:
        raise
    except Exception as error:  # openpyxl names no exceptions of its own; a damaged workbook raises any
        raise refuse(
            path, f"is not a readable Excel workbook ({type(error).__name__}: {shown(str(error))})"
        ) from None


def _choose(path: Path, sheets: Sequence, known: Collection[str], name: str) -> tuple[object, list[str]]:
    """Choose the sheet to read where none is named for it; a workbook may begin with a cover."""
    with_names = [sheet for sheet in sheets if _has_known(sheet, known)]
    first = sheets[0]
    if len(sheets) == 1 or first in with_names:
        return first, []
    how = f"to choose another, name it '{name}'"
    if len(with_names) > 1:
        listed = _first([shown(sheet.title) for sheet in with_names])
        expected = (
            f"sheets {listed} have columns of the codebook, the first sheet has none; name the one "
            f"to "
            f"read '{name}'"
        )
        raise refuse(path, expected)
    if with_names:
        [chosen] = with_names
        why = f"as the first one, {shown(first.title)}, has no column of the codebook"
        return chosen, [f"{path}: sheet {shown(chosen.title)} is read, {why}; {how}"]
    if not any(map(any, first.values)):
        raise refuse(path, f"the first sheet, {shown(first.title)}, is empty; name the one to read '{name}'")
    ignored = _first([shown(sheet.title) for sheet in sheets[1:]])
    return first, [f"{path}: sheets that are not read: {ignored}; {how}"]


def _has_known(sheet, known: Collection[str]) -> bool:
    header = next((row for row in sheet.iter_rows(values_only=True) if any(row)), ())
    return any(" ".join(str(name).split()).casefold() in known for name in header if name is not None)


def _cell_text(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case float() if value.is_integer() and abs(value) < 1e15:
            return str(int(value))
        case datetime() if value.time() == value.time().min:
            return value.date().isoformat()
        case datetime():
            return value.isoformat(" ")
        case date():
            return value.isoformat()
    return str(value)


def _read_parquet(path: Path) -> Sheet:
    try:
        file = pq.ParquetFile(path)
        if file.metadata.num_rows * file.metadata.num_columns > MAXIMUM_CELLS:
            raise refuse(path, f"has more than {MAXIMUM_CELLS:,} cells")
        table = file.read()
        names = [" ".join(name.split()) for name in table.column_names]
        problems, columns = [], []
        for name, column in zip(names, table.columns, strict=True):
            try:
                columns.append(_column_text(column))
            except pa.ArrowException:
                expected = f"has values of type {column.type}; expected text, numbers, yes and no, or dates"
                problems.append(Problem(str(path), None, name, "", expected))
                columns.append(pa.chunked_array([pa.repeat("", len(column))]))
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise refuse(path, f"is not a readable Parquet file ({shown(str(error))})") from None
    return _sheet(path, names, columns, np.arange(len(table)) + 2, problems)


def _column_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_floating(column.type):
        column = pc.if_else(pc.is_nan(column), None, column)
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.date32())
    if pa.types.is_boolean(column.type):
        column = pc.if_else(column, "yes", "no")
    column = pc.fill_null(column.cast(pa.string()), "")
    column.validate(full=True)  # a file may hold bytes that are no text
    return column
