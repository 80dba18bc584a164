"""A table in a text file, whichever way it was saved: encoding, what separates cells, line ends, quotes."""

import csv
import io
import re
from collections import Counter
from collections.abc import Collection
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from crmo_analysis.patients import layout
from crmo_analysis.patients.problems import refuse
from crmo_analysis.patients.sheet import Sheet

DELIMITERS = (",", ";", "\t", "|")
_PLAIN_FROM = 1_000_000  # bytes from which the fast reader is worth its trouble
_HEAD = 100_000  # characters in which the first records stand
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1f]")


def read_delimited(path: Path, known: Collection[str]) -> Sheet:
    """Read a file of text as a sheet."""
    data = path.read_bytes()
    encoding = _encoding(data, path)
    notes = () if encoding.startswith("utf-8") else (f"{path}: read as {encoding}, not UTF-8",)
    stream = io.TextIOWrapper(io.BytesIO(data), encoding=encoding, newline="")
    marked = re.fullmatch(r'"?sep=([,;\t|])"?\s*', stream.readline())
    if not marked:
        stream.seek(0)
    start = stream.read(_HEAD)
    stream.seek(0)
    if marked:
        stream.readline()
    heads = {delimiter: _records(start, delimiter) for delimiter in ([marked[1]] if marked else DELIMITERS)}
    delimiter = max(heads, key=lambda one: _score(heads[one], known))
    head = heads[delimiter]
    is_plain = not marked and encoding == "utf-8-sig" and len(data) > _PLAIN_FROM
    if is_plain and layout.find_header(head, known) == 0:
        names = [layout.plain_name(name) for name in head[0]]
        columns = _read_plain(data, delimiter, len(names))
        if columns is not None:
            return layout.framed(path, names, (columns, np.arange(len(columns[0])) + 2), known)
    return layout.take(csv.reader(stream, delimiter=delimiter, strict=True), path, known, notes)


def _records(start: str, delimiter: str) -> list[list[str]]:
    """Return the first records, as far as they can be read."""
    found = []
    try:
        for record in csv.reader(io.StringIO(start, newline=""), delimiter=delimiter, strict=True):
            found.append(record)
            if len(found) == layout.HEAD:
                break
    except csv.Error:
        pass
    return found


def _score(records: list[list[str]], known: Collection[str]) -> tuple[int, int, int]:
    """Say how well a delimiter does: most known names, then most records of one width, then width."""
    names = max((len(layout.names_among(record, known)) for record in records), default=0)
    widths = Counter(len(record) for record in records if len(record) > 1)
    width, alike = max(widths.items(), key=lambda item: (item[1], item[0]), default=(0, 0))
    return names, alike, width


def _read_plain(data: bytes, delimiter: str, width: int) -> list[pa.ChunkedArray] | None:
    """Read a large table fast.

    None where a quotation mark, an empty or a ragged row asks for a closer look.
    """
    if b'"' in data or data.count(b"\r") != data.count(b"\r\n") or width < 2:
        return None
    if data.count(b"\n") * width > layout.MAXIMUM_CELLS:
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
    blank = pc.equal(pc.utf8_trim_whitespace(table.column(0)), "")
    for column in table.columns if pc.any(blank).as_py() else ():
        blank = pc.and_(blank, pc.equal(pc.utf8_trim_whitespace(column), ""))
    return None if pc.any(blank).as_py() or not len(table) else table.columns


def _encoding(data: bytes, path: Path) -> str:
    expected = "save the table as CSV in UTF-8"
    is_wide = data[:2] in (b"\xff\xfe", b"\xfe\xff")
    if not is_wide and (match := _CONTROL.search(data)):
        kind = "NUL bytes" if match[0] == b"\0" else f"control characters (byte {match[0][0]:#x})"
        raise refuse(path, f"has {kind}; {expected}", data[: match.start()].count(b"\n") + 1)
    for attempt in ("utf-16",) if is_wide else ("utf-8-sig", "cp1252", "latin-1"):
        try:
            text = data.decode(attempt)
        except UnicodeDecodeError:
            continue
        if "\0" in text:
            raise refuse(path, f"has NUL bytes; {expected}", text[: text.index("\0")].count("\n") + 1)
        return attempt
    raise refuse(path, f"is not sound UTF-16; {expected}")
