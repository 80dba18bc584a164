"""A table in an Excel workbook, or in a file of Parquet, Stata or SPSS."""

import re
import zipfile
from collections.abc import Collection, Sequence
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
            records = (
                [_cell_text(value) for value in record] for record in chosen.iter_rows(values_only=True)
            )
            found = layout.take(records, place, known, notes, fill=True)
            return replace(
                found,
                problems=(
                    *found.problems,
                    *_unseen(place, inside, found),
                    *_marked(place, inside, found, workbook),
                ),
            )
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
    workbook = openpyxl.load_workbook(path, read_only=True)
    try:
        return [sheet.title for sheet in workbook.worksheets if sheet.sheet_state == "visible"]
    finally:
        workbook.close()


def _unseen(place: str, inside: bytes, found: Sheet) -> list[Problem]:
    """Say what the cells alone do not: formulas without a value, merged cells, what is hidden."""
    among, width, problems = set(found.rows.tolist()), len(found.names), []
    formulas: dict[str, list[int]] = {}
    for match in _UNCALCULATED.finditer(inside):
        if int(match[2]) in among:
            formulas.setdefault(match[1].decode(), []).append(int(match[2]))
    for letter, at in formulas.items():
        cells = counted(len(at), "cell")
        expected = (
            f"{cells} with a formula without a value; open the file in a spreadsheet program and save it"
        )
        problems.append(Problem(place, at[0], letter, "", expected))
    for match in _MERGED.finditer(inside):
        first, last = int(match[2]), int(match[4])
        if not among.isdisjoint(range(first, last + 1)):
            cells = f"{match[1].decode()}{first}:{match[3].decode()}{last}"
            expected = f"cells {cells} are merged, of which only the first has a value; unmerge and fill them"
            problems.append(Problem(place, first, match[1].decode(), "", expected))
    columns = [
        layout.letter(column - 1)
        for match in _HIDDEN_COLUMN.finditer(inside)
        for column in range(int(match[1]), min(int(match[2]), width) + 1)
    ]
    rows = [int(match[1]) for match in _HIDDEN_ROW.finditer(inside) if int(match[1]) in among]
    for what, hidden in (("column", columns), ("row", rows)):
        if hidden:
            expected = f"{counted(len(hidden), what)} hidden in the sheet, but read: {listed(hidden)}"
            problems.append(warning(place, hidden[0] if what == "row" else None, "", "", expected))
    return problems


def _marked(place: str, inside: bytes, found: Sheet, workbook) -> list[Problem]:
    """Say which cells are marked in a way that is not read: by a colour, a line through them, comments."""
    marked = {
        number
        for number, style in enumerate(workbook._cell_styles)
        if workbook._fills[style.fillId].fill_type == "solid" or workbook._fonts[style.fontId].strike
    }
    rows, columns = set(found.rows.tolist()), {}
    for match in _STYLED.finditer(inside) if marked else ():
        if int(match[3]) in marked and int(match[2]) in rows:
            columns.setdefault(match[1], []).append((match[1] + match[2]).decode())
    some = [
        cell for cells in columns.values() if len(cells) < 0.4 * len(rows) for cell in cells
    ]  # no pattern
    said = [f"{counted(len(some), 'cell')} coloured or struck out: {listed(some)}"] if some else []
    said += ["comments on cells"] if b"<legacyDrawing" in inside else []
    ask = "which is not read; if it says something of a value, write it into the table"
    return [warning(place, None, "", "", f"has {what}, {ask}") for what in said]


def _choose(
    path: Path, sheets: Sequence, known: Collection[str], name: str, wanted: str, optional: bool
) -> tuple[object, list[str]]:
    """Choose the sheet to read; a workbook may begin with a cover, and hide what is old."""
    titles = {sheet.title.casefold(): sheet for sheet in sheets}
    if wanted and wanted.casefold() not in titles:
        raise refuse(
            path, f"has no sheet '{shown(wanted)}'; it has {listed(sheet.title for sheet in sheets)}"
        )
    if chosen := titles.get((wanted or name).casefold()):
        is_empty = optional and not wanted and len(list(islice(filter(any, chosen.values), 2))) < 2
        return (None if is_empty else chosen), [] if wanted or is_empty else _unread(path, sheets, chosen)
    others = [sheet for title, sheet in titles.items() if title not in ("patients", "lesions")] or [*sheets]
    visible = [sheet for sheet in others if sheet.sheet_state == "visible"]
    if optional:
        [chosen] = _with_columns(path, visible, known, "lesions") or [None]
        return chosen, [f"{path}: sheet {shown(chosen.title)} is read as lesions"] if chosen else []
    return _of_patients(path, others, visible, known)


def _of_patients(
    path: Path, sheets: Sequence, visible: Sequence, known: Collection[str]
) -> tuple[object, list[str]]:
    """Choose the sheet of patients: that with columns of the codebook, or the first."""
    if found := _with_columns(path, visible or sheets, known, "the codebook"):
        return found[0], _unread(path, sheets, found[0])
    hidden = [sheet for sheet in sheets if sheet not in visible]
    if title := next((shown(sheet.title) for sheet in hidden if _n_known(sheet, known)), ""):
        expected = f"only the hidden sheet {title} has columns of the codebook; if it is meant, say so"
        raise refuse(path, f"{expected} in a mapping file, as in sheet: {title}")
    first = (visible or sheets)[0]
    if not any(map(any, first.values)):
        expected = f"the first sheet, {shown(first.title)}, is empty; name the one to read in a mapping file"
        raise refuse(path, f"{expected}, as in sheet: patients")
    how = "; to choose another, say so in a mapping file, as in sheet: patients" if len(visible) > 1 else ""
    return first, [note + how for note in _unread(path, sheets, first)]


def _with_columns(path: Path, sheets: Sequence, known: Collection[str], of: str) -> list:
    """Return the sheet that has known columns, if one has; refuse several."""
    n_known = {sheet.title: _n_known(sheet, known) for sheet in sheets}
    found = [sheet for sheet in sheets if n_known[sheet.title]]
    several = [sheet for sheet in found if n_known[sheet.title] > 1]  # and not the key alone
    found = several if len(several) == 1 and of != "lesions" else found
    if len(found) > 1:
        line = "lesions: {{sheet: {}}}" if of == "lesions" else "sheet: {}"
        expected = (
            f"sheets {listed(shown(sheet.title) for sheet in found)} have columns of {of}; name the one"
        )
        line = line.format(shown(found[0].title))
        raise refuse(path, f"{expected} to read in a mapping file, as in {line}")
    return found


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
    """Read a file of another program, with its labels of values, as a sheet: Parquet, Stata or SPSS."""
    readers = {"Parquet": pq.read_table, "Stata": pd.read_stata, "SPSS": pd.read_spss}
    try:
        table = readers[kind](path)
        if isinstance(table, pd.DataFrame):
            table = pa.Table.from_pandas(table, preserve_index=False)
    except ImportError:
        how = "save it in SPSS as CSV with labels of values, or install pyreadstat"
        raise refuse(path, f"is a file of SPSS, which is not read without pyreadstat; {how}") from None
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
            problems.append(Problem(str(path), None, name, "", expected))
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
