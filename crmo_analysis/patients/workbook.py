"""A table in an Excel workbook, or in a file of Parquet or Stata."""

import re
import zipfile
from collections.abc import Collection, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import date, datetime
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from crmo_analysis.files import InputError
from crmo_analysis.patients import layout
from crmo_analysis.patients.problems import Problem, counted, listed, refuse, shown, warning
from crmo_analysis.patients.sheet import Sheet

_UNCALCULATED = re.compile(
    rb'<c r="([A-Z]+)(\d+)"(?![^>]*t="str")[^>]*><f[^>]*?(?:/>|>[^<]*</f>)(?:<v\s*/>|<v></v>)?</c>'
)
_MERGED = re.compile(rb'<mergeCell ref="([A-Z]+)(\d+):([A-Z]+)(\d+)"')
_HIDDEN_COLUMN = re.compile(rb'<col (?=[^>]*hidden="(?:1|true)")(?=[^>]*min="(\d+)")(?=[^>]*max="(\d+)")')
_STYLED = re.compile(rb'<c r="([A-Z]+)(\d+)" s="(\d+)"')
_HIDDEN_ROW = re.compile(rb'<row r="(\d+)"[^>]*\shidden="(?:1|true)"')


def read_workbook(
    path: Path, known: Collection[str], name: str, wanted: str, optional: bool, most: int
) -> Sheet | None:
    """Read a sheet of an Excel workbook; the parameters are those of `read_sheet`, `most` in bytes."""
    import openpyxl  # here, not at the top: most tables are CSV and the import takes long

    try:
        with zipfile.ZipFile(path) as archive:
            # A workbook shrinks to a tenth or so: one that unpacks to far more was made to fill the memory.
            most = min(4 * most, max(50_000_000, 100 * path.stat().st_size))
            if sum(entry.file_size for entry in archive.infolist()) > most:
                raise refuse(path, f"unpacks to more than {most:,} bytes; save it as CSV")
        workbook = openpyxl.load_workbook(path, read_only=True, data_only=True)
        try:
            for sheet in workbook.worksheets:
                sheet.reset_dimensions()
            chosen, notes = _choose(path, workbook.worksheets, known, name, wanted, optional)
            if chosen is None:
                return None
            with zipfile.ZipFile(path) as archive:
                inside = archive.read(chosen._worksheet_path.lstrip("/"))
            place = f"{path}, sheet {shown(chosen.title)}"
            rows = chosen.iter_rows(values_only=True)
            records = ([_cell_text(value) for value in record] for record in rows)
            found = layout.take(records, place, known, notes, fill=True)
            problems = [*_unseen(place, inside, found), *_marked(place, inside, found, workbook)]
            return replace(found, problems=(*found.problems, *problems))
        finally:
            workbook.close()
    except InputError:
        raise
    except Exception as error:  # openpyxl names no exceptions of its own; a damaged workbook raises any
        raise refuse(
            path, f"is not a readable Excel workbook ({type(error).__name__}: {shown(str(error))})"
        ) from None


def sheet_titles(path: Path) -> list[str]:
    """Return the names of the visible sheets of a workbook; of another file none."""
    import openpyxl

    if path.suffix.lower() not in (".xlsx", ".xlsm"):
        return []
    with closing(openpyxl.load_workbook(path, read_only=True)) as workbook:
        return [sheet.title for sheet in workbook.worksheets if sheet.sheet_state == "visible"]


def _unseen(place: str, inside: bytes, found: Sheet) -> list[Problem]:
    """Say what the cells alone do not: formulas without a value, merged cells, what is hidden."""
    among, problems, formulas = set(found.rows.tolist()), [], {}
    for match in _UNCALCULATED.finditer(inside):
        if int(match[2]) in among:
            formulas.setdefault(match[1].decode(), []).append(int(match[2]))
    open_it = "with a formula without a value; open the file in a spreadsheet program and save it"
    problems += [
        Problem(place, rows[0], letter, "", f"{counted(len(rows), 'cell')} {open_it}")
        for letter, rows in formulas.items()
    ]
    for match in _MERGED.finditer(inside):
        left, first, right, last = (part.decode() for part in match.groups())
        if not among.isdisjoint(range(int(first), int(last) + 1)):
            only = "are merged, of which only the first has a value; unmerge and fill them"
            problems.append(Problem(place, int(first), left, "", f"cells {left}{first}:{right}{last} {only}"))
    spans = (tuple(map(int, match.groups())) for match in _HIDDEN_COLUMN.finditer(inside))
    columns = [
        layout.letter(at - 1) for first, last in spans for at in range(first, min(last, len(found.names)) + 1)
    ]
    rows = [int(match[1]) for match in _HIDDEN_ROW.finditer(inside) if int(match[1]) in among]
    for what, hidden, row in (("column", columns, None), ("row", rows, next(iter(rows), None))):
        expected = f"{counted(len(hidden), what)} hidden in the sheet, but read: {listed(hidden)}"
        problems += [warning(place, row, "", "", expected)] if hidden else []
    return problems


def _marked(place: str, inside: bytes, found: Sheet, workbook) -> list[Problem]:
    """Say which cells are marked in a way that is not read: by a colour, a line through them, comments."""
    marked = {
        number
        for number, style in enumerate(workbook._cell_styles)
        if workbook._fills[style.fillId].fill_type == "solid" or workbook._fonts[style.fontId].strike
    }
    rows, columns = set(found.rows.tolist()), {}
    for letter, row, style in (match.groups() for match in _STYLED.finditer(inside) if marked):
        if int(style) in marked and int(row) in rows:
            columns.setdefault(letter, []).append((letter + row).decode())
    few = (cells for cells in columns.values() if len(cells) < 0.4 * len(rows))  # more are a pattern
    some = [cell for cells in few for cell in cells]
    said = [f"{counted(len(some), 'cell')} coloured or struck out: {listed(some)}"] if some else []
    said += ["comments on cells"] if b"<legacyDrawing" in inside else []
    ask = "which is not read; if it says something of a value, write it into the table"
    return [warning(place, None, "", "", f"has {what}, {ask}") for what in said]


def _choose(
    path: Path, sheets: Sequence, known: Collection[str], name: str, wanted: str, optional: bool
) -> tuple[object, list[str]]:
    """Choose the sheet that is `wanted`, or called `name`, or has known columns; say which are not read."""
    titles = {sheet.title.casefold(): sheet for sheet in sheets}
    if wanted and wanted.casefold() not in titles:
        expected = f"has no sheet '{shown(wanted)}'; it has {listed(sheet.title for sheet in sheets)}"
        raise refuse(path, expected)
    if chosen := titles.get((wanted or name).casefold()):
        is_empty = optional and not wanted and len(list(islice(filter(any, chosen.values), 2))) < 2
        return (None, []) if is_empty else (chosen, [] if wanted else _unread(path, sheets, chosen))
    return _by_columns(path, sheets, known, optional)


def _by_columns(
    path: Path, sheets: Sequence, known: Collection[str], optional: bool
) -> tuple[object, list[str]]:
    """Choose the sheet that has known columns; of patients, which are not `optional`, else the first."""
    others = [sheet for sheet in sheets if sheet.title.casefold() not in ("patients", "lesions")] or [*sheets]
    known_of = {sheet.title: _n_known(sheet, known) for sheet in others}
    visible = [sheet for sheet in others if sheet.sheet_state == "visible"]
    if optional:
        found = _with_columns(path, visible, known_of, "lesions: {{sheet: {}}}", "lesions")
        said = [f"{path}: sheet {shown(sheet.title)} is read as lesions" for sheet in found]
        return (*found, None)[0], said
    if found := _with_columns(path, visible or others, known_of, "sheet: {}", "the codebook"):
        return found[0], _unread(path, sheets, found[0])
    return _first(path, sheets, visible or others, [sheet for sheet in others if known_of[sheet.title]])


def _with_columns(path: Path, sheets: Sequence, known_of: Mapping[str, int], line: str, of: str) -> list:
    """Return the sheet that has known columns, if one has; refuse several."""
    found = [sheet for sheet in sheets if known_of[sheet.title]]
    several = [sheet for sheet in found if known_of[sheet.title] > 1]  # and not the key alone
    found = several if len(several) == 1 and of != "lesions" else found
    if len(found) > 1:
        which = f"sheets {listed(shown(sheet.title) for sheet in found)} have columns of {of}; name the one"
        raise refuse(path, f"{which} to read in a mapping file, as in {line.format(shown(found[0].title))}")
    return found


def _first(path: Path, sheets: Sequence, visible: Sequence, hidden: Sequence) -> tuple[object, list[str]]:
    """Choose the first sheet, where none that can be seen has known columns."""
    if hidden:
        title = shown(hidden[0].title)
        expected = f"only the hidden sheet {title} has columns of the codebook; if it is meant, say so"
        raise refuse(path, f"{expected} in a mapping file, as in sheet: {title}")
    first = visible[0]
    if not any(map(any, first.values)):
        expected = f"the first sheet, {shown(first.title)}, is empty; name the one to read in a mapping file"
        raise refuse(path, f"{expected}, as in sheet: patients")
    how = f"; to choose another, say so in a mapping file, as in sheet: {shown(visible[-1].title)}"
    return first, [note + how * (len(visible) > 1) for note in _unread(path, sheets, first)]


def _unread(path: Path, sheets: Sequence, chosen) -> list[str]:
    left = [
        shown(sheet.title) + (" (hidden)" if sheet.sheet_state != "visible" else "")
        for sheet in sheets
        if sheet is not chosen and sheet.title.casefold() not in ("patients", "lesions")
    ]
    said = f"{path}: sheet {shown(chosen.title)} is read; sheets that are not read: {listed(left)}"
    return [said] if left else []


def _n_known(sheet, known: Collection[str]) -> int:
    """Return how many names that are known one of the first rows has, besides that of the patient."""
    records = [
        [str(cell or "") for cell in row] for row in islice(sheet.iter_rows(values_only=True), layout.HEAD)
    ]
    at = layout.find_header(records, known)
    return 0 if at is None else len(layout.names_among(records[at], known) - {"patient"})


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


def read_table_of(kind: str, path: Path, known: Collection[str]) -> Sheet:
    """Read a file of another program, with its labels of values, as a sheet: Parquet or Stata."""
    readers = {"Parquet": pq.read_table, "Stata": pd.read_stata}
    try:
        table = readers[kind](path)
        if isinstance(table, pd.DataFrame):
            table = pa.Table.from_pandas(table, preserve_index=False)
    except Exception as error:  # a damaged file raises any
        raise refuse(path, f"is not a readable {kind} file ({shown(str(error))})") from None
    if table.num_rows * table.num_columns > layout.MAXIMUM_CELLS:
        raise refuse(path, f"has more than {layout.MAXIMUM_CELLS:,} cells")
    names = [layout.plain_name(name) for name in table.column_names]
    problems, columns = [], []
    for name, column in zip(names, table.columns, strict=True):
        try:
            columns.append(_column_text(column))
        except pa.ArrowException:
            expected = f"has values of type {column.type}; expected text, numbers, yes and no, or dates"
            problems.append(Problem(str(path), None, name, "", expected, name.casefold() in known))
            columns.append(pa.chunked_array([pa.repeat("", len(column))]))
    return layout.framed(path, names, (columns, np.arange(len(table)) + 2), known, (problems, ()))


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
