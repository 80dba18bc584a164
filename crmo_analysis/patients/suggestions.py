"""A mapping file to fill in, made from a person's table: what is close, and what is left open."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from crmo_analysis.files import InputError
from crmo_analysis.patients.cells import How, read_column
from crmo_analysis.patients.cohort import sheets_of
from crmo_analysis.patients.doubts import other_unit
from crmo_analysis.patients.mapping import BOX, Mapped, at_visit, near, read_mapping
from crmo_analysis.patients.meanings import OPEN, meaning, quoted
from crmo_analysis.patients.sheet import Sheet
from crmo_analysis.patients.spreadsheet import read_sheet
from crmo_analysis.patients.table import names_of
from crmo_analysis.patients.workbook import sheet_titles
from crmo_analysis.study import Codebook, Variable, read_codebook, read_section

_TOLD = {"bone", "side", "signal", "size", "mri_date"}  # by two of which a table of lesions is known
MOST_WORDS = 12  # different texts of a column that are listed to be given a meaning


def mapping_skeleton(
    path: Path | str, lesions: Path | str | None = None, mapping: Path | str | None = None
) -> str:
    """Write a mapping file, as YAML, of which every line is a suggestion to be looked at.

    Empty where every column is recognised and every text of it can be read. It repeats texts of columns with
    few different ones, never those of a column of names. What a `mapping` says already is left out.
    InputError if there is no table to read.
    """
    codes = read_section("missing")
    patients = {name: variable for name, variable in read_codebook().items() if variable.level == "patient"}
    books = patients, read_codebook(section="lesions")
    maps = read_mapping(mapping, *books) if mapping else (Mapped(), Mapped())
    sheets = sheets_of(path, lesions, books, maps, codes)
    title = "" if sheets[1] or lesions else _sheet_of_lesions(Path(path), books[1])
    if title:
        sheets = sheets[0], read_sheet(path, wanted=title)
    elif not sheets[1] and len(within := _of_lesions(sheets[0].names, books)) > 1:  # as in REDCap
        sheets = tuple(_only(sheets[0], within, is_in) for is_in in (False, True))
    parts = [_part(*of_one, codes) for of_one in zip(sheets, books, maps, strict=True) if of_one[0]]
    if not any(any(part.values()) for part in parts):
        return ""
    lines = [
        f"# How {Path(path).name} becomes one of the codebook. Every line is a suggestion; take its # off",
        f"# where it is right, and write something for each {OPEN}. Codes: NA not assessed, NR not reported.",
        *_written(parts[0], ""),
    ]
    if len(parts) > 1 and any(parts[1].values()):
        lines += ["lesions:", *([f"  # sheet: {quoted(title)}"] if title else []), *_written(parts[1], "  ")]
    return "\n".join(lines) + "\n"


def _sheet_of_lesions(path: Path, codebook: Codebook) -> str:
    """Return the visible sheet of a workbook of which two columns may be variables of lesions."""
    for title in sheet_titles(path):
        try:
            names = read_sheet(path, wanted=title).names
        except InputError:
            continue
        if len({near(name, codebook) for name in names} & _TOLD) > 1:
            return title
    return ""


def _of_lesions(names: Sequence[str], books: tuple[Codebook, Codebook]) -> set[str]:
    """Return the names in a table of patients that can be of variables of lesions alone."""
    return {name for name in names if not near(name, books[0]) and near(name, books[1]) in _TOLD}


def _only(sheet: Sheet, names: Collection[str], is_in: bool) -> Sheet:
    """Return a table with some of its columns, or with the others."""
    both = zip(sheet.names, sheet.columns, strict=True)
    kept = [(name, column) for name, column in both if (name in names) == is_in]
    return replace(sheet, names=tuple(name for name, _ in kept), columns=tuple(column for _, column in kept))


def _written(part: Mapping[str, list[str]], indent: str) -> Iterator[str]:
    for section, lines in part.items():
        if lines:
            yield f"{indent}{section}:"
            yield from (f"{indent}  # {line}" for line in lines)


def _part(sheet: Sheet, codebook: Codebook, mapped: Mapped, codes: Mapping[str, str]) -> dict[str, list[str]]:
    part: dict[str, list[str]] = {"columns": [], "values": [], "units": [], "ignore": []}
    usual = read_section("units")
    names = list(names_of(sheet, codebook, mapped))
    taken = {name for _, name in names if name}
    meant = [name or near(source, codebook) for source, name in names]
    for (source, name), close, column in zip(names, meant, sheet.columns, strict=True):
        if source in mapped.ignore:
            continue
        is_visit = meant.count(close) > 1 and at_visit(source)  # of several none is suggested
        if name is None and close and close not in taken and not is_visit:
            part["columns"].append(f"{quoted(source)}: {close}")
            taken.add(close)
        elif name is None:
            part["columns"].append(f"{quoted(source)}: {OPEN}")
            part["ignore"].append(f"- {quoted(source)}")
            continue
        if close in codebook and not BOX.fullmatch(source):  # a box says yes or no once it is named
            how = How(mapped.meanings.get(close, {}), decimal=mapped.settings.get("decimal", ""))
            part["values"] += _values(source, column, codebook[close], codes, how)
        if close in usual and close not in mapped.units:
            unit, factor = other_unit(source, sheet.units.get(source, ""), usual[close])
            said = f"{quoted(source)}: {factor:g}    # {unit} become {codebook[close].unit}"
            part["units"] += [said] if factor else []
    return part


def _values(source: str, column, variable: Variable, codes: Mapping[str, str], how: How) -> list[str]:
    read = read_column(column, variable, codes, how)
    odd = [word for word, error in zip(read.words.to_pylist(), read.errors, strict=True) if error]
    guessed = {word: meant for word in odd[:MOST_WORDS] if (meant := meaning(word, variable))}
    if not guessed:
        return []
    expected = {"boolean": "yes or no", "category": ", ".join(variable.categories)}
    pairs = ", ".join(f"{quoted(word)}: {meant}" for word, meant in guessed.items())
    return [f"{quoted(source)}: {{{pairs}}}    # {expected.get(variable.type, 'a number')}"]
