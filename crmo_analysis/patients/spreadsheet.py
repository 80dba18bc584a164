"""A table in a file, cell by cell as text: CSV however it was saved, Excel, Parquet or Stata.

Nothing is guessed of a cell here and no row is lost: what cannot be read is a problem that says where it
stands.
"""

import re
from collections.abc import Collection
from pathlib import Path

from crmo_analysis.files import not_there
from crmo_analysis.patients.delimited import read_delimited
from crmo_analysis.patients.problems import refuse
from crmo_analysis.patients.sheet import Sheet
from crmo_analysis.patients.workbook import read_table_of, read_workbook

MAXIMUM_BYTES = 500_000_000
SUFFIXES = {
    **dict.fromkeys((".csv", ".tsv", ".txt"), "csv"),
    **dict.fromkeys((".xlsx", ".xlsm"), "xlsx"),
    ".parquet": "Parquet", ".dta": "Stata",
}  # fmt: skip
_ELSEWHERE = {  # what other programs keep, and how it is saved as something that is read here
    ".ods": "is a sheet of LibreOffice; save it there as .xlsx",
    ".numbers": "is a sheet of Numbers; export it there as CSV",
    ".rds": "is an object of R; save it there by write.csv(patients, 'patients.csv', row.names = FALSE)",
    **dict.fromkeys(
        (".sav", ".zsav", ".por"), "is a file of SPSS; save it there as CSV, with labels in place of values"
    ),
    ".json": "is JSON; save the table that is meant as CSV",
    ".sas7bdat": "is a table of SAS; save it there by proc export as CSV",
}
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")
_SIGNATURES = {
    b"PK\x03\x04": "an Excel workbook or another zip file",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook, or one with a password; save it as .xlsx without one",
    b"PAR1": "a Parquet file",
    b"%PDF": "a PDF file",
    b"\x1f\x8b": "a compressed file; unpack it",
    b"$FL": "a file of SPSS; save it there as CSV, with labels in place of values",
    **dict.fromkeys(
        (b"[{", b'{"', b"<!", b"<?", b"<h", b"<H", b"<t", b"<T"),
        "JSON, XML or a web page; save it as CSV where it comes from, or as .xlsx by a spreadsheet program",
    ),
}


def read_sheet(
    path: Path | str,
    known: Collection[str] = (),
    name: str = "patients",
    wanted: str = "",
    optional: bool = False,
) -> Sheet | None:
    """Read a table as text; `None` where an optional sheet is not there.

    `known` are names of columns to expect, in small letters: they help to tell what separates the cells,
    where the header is, and which sheet holds the table. Of a workbook it is the one called `name`, else the
    only visible one with known columns, or the one `wanted` by a mapping file; an `optional` one is read only
    if it has more than a header.

    Raises
    ------
    InputError
        If there is no table to read, or a workbook leaves open which sheet is meant.
    """
    if _ADDRESS.match(str(path)):
        raise refuse(path, "is an address; download the file and give its path")
    path = Path(path)
    if not path.is_file():
        raise refuse(path, "is a folder, expected a file" if path.is_dir() else not_there(path))
    kind = SUFFIXES.get(path.suffix.lower())
    if kind is None and path.suffix.lower() != ".xls":
        unknown = f"has an unknown ending; expected one of {', '.join(SUFFIXES)}"
        raise refuse(path, _ELSEWHERE.get(path.suffix.lower(), unknown))
    try:
        _require_kind(path, kind)
        if kind == "xlsx":
            return read_workbook(path, known, name, wanted, optional, MAXIMUM_BYTES)
        return read_delimited(path, known) if kind == "csv" else read_table_of(kind, path, known)
    except OSError as error:
        raise refuse(path, f"cannot be read ({error.strerror or error})") from None


def _require_kind(path: Path, kind: str | None) -> None:
    """Refuse a file that is too large, empty, or not what its ending says."""
    if path.stat().st_size > MAXIMUM_BYTES:
        raise refuse(path, f"is larger than {MAXIMUM_BYTES:,} bytes")
    with path.open("rb") as file:
        start = file.read(4)
    if not start:
        raise refuse(path, "is empty; expected a header and one row a patient")
    found = next((text for mark, text in _SIGNATURES.items() if start.startswith(mark)), "")
    found = found or "text; save it with the ending .csv" * (kind is None)
    belongs = {"xlsx": b"PK\x03\x04", "Parquet": b"PAR1"}.get(kind)
    if (belongs is None and found) or (belongs is not None and not start.startswith(belongs)):
        ending = "" if "save it" in found else f", not {kind or 'an old one'}; give it its right ending"
        raise refuse(path, f"is {found or 'text or something else'}{ending}")
