"""A table in a file, cell by cell as text: CSV however it was saved, Excel or Parquet.

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
from crmo_analysis.patients.workbook import read_parquet, read_workbook

MAXIMUM_BYTES = 500_000_000
SUFFIXES = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".xlsx": "xlsx",
    ".xlsm": "xlsx",
    ".parquet": "parquet",
}
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")
_SIGNATURES = {
    b"PK\x03\x04": "an Excel workbook or another zip file",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook (.xls); save it as .xlsx",
    b"PAR1": "a Parquet file",
    b"%PDF": "a PDF file",
    b"\x1f\x8b": "a compressed file; unpack it",
}


def read_sheet(
    path: Path | str,
    known: Collection[str] = (),
    name: str = "patients",
    wanted: str = "",
    optional: bool = False,
) -> Sheet | None:
    """Read a table as text.

    Parameters
    ----------
    path : Path or str
        A file .csv, .tsv, .txt (cells separated by comma, semicolon, tab or bar; UTF-8, UTF-16 or Windows'
        Latin letters), .xlsx or .parquet.
    known : collection of str
        Column names to expect, in small letters; they help to tell what separates the cells, where the header
        is, and which sheet holds the table.
    name : str
        The sheet of a workbook; where none has this name, the only visible one with columns that are known.
    wanted : str
        The sheet that a mapping file names.
    optional : bool
        Read the sheet of a workbook only if one has this name and more than a header.

    Returns
    -------
    Sheet or None
        None where an optional sheet is not there.

    Raises
    ------
    InputError
        If there is no table to read: a missing, empty, too large, binary or wrongly named file, or a workbook
        that leaves open which sheet is meant.
    """
    if _ADDRESS.match(str(path)):
        raise refuse(path, "is an address; download the file and give its path")
    path = Path(path)
    if not path.is_file():
        raise refuse(path, "is a folder, expected a file" if path.is_dir() else not_there(path))
    kind = SUFFIXES.get(path.suffix.lower())
    if kind is None:
        raise refuse(path, f"has an unknown ending; expected one of {', '.join(SUFFIXES)}")
    try:
        _require_kind(path, kind)
        if kind == "xlsx":
            return read_workbook(path, known, name, wanted, optional, MAXIMUM_BYTES)
        return read_delimited(path, known) if kind == "csv" else read_parquet(path, known)
    except OSError as error:
        raise refuse(path, f"cannot be read ({error.strerror or error})") from None


def _require_kind(path: Path, kind: str) -> None:
    """Refuse a file that is too large, empty, or not what its ending says."""
    if path.stat().st_size > MAXIMUM_BYTES:
        raise refuse(path, f"is larger than {MAXIMUM_BYTES:,} bytes")
    with path.open("rb") as file:
        start = file.read(4)
    if not start:
        raise refuse(path, "is empty; expected a header and one row a patient")
    found = next((text for mark, text in _SIGNATURES.items() if start.startswith(mark)), "")
    belongs = {"xlsx": b"PK\x03\x04", "parquet": b"PAR1"}.get(kind)
    if (belongs is None and found) or (belongs is not None and not start.startswith(belongs)):
        raise refuse(path, f"is {found or 'text or something else'}, not {kind}; give it its right ending")
