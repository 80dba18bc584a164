"""What a manuscript consists of: `manuscript.yml` and the journals, checked before anything is made.

What both files may hold is written down in `outline.yaml`; what the outputs decide is checked here.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from crmo_analysis import files
from crmo_analysis.execution import import_jsonschema, output_files, read_parameters
from crmo_analysis.files import InputError, meant, read_yaml
from crmo_analysis.joint import ledger
from crmo_analysis.publish.documents import Signs

FILE = "manuscript.yml"
JOURNALS = "data/journals.yaml"
STYLES = "data/styles"
KINDS = {
    "published": "",
    "derived from published numbers": "Derived from published numbers.",
    "reconstructed": "Reconstructed from published numbers: no row was observed in a patient.",
    "simulated": "Simulated: nobody shown here is a patient.",
    "user data": "",
}


@dataclass(frozen=True)
class Journal:
    """A journal.

    Millimetres for each number of columns, dots per inch of bitmaps, its style of references, signs of
    numbers, the most words of abstract and text, and headings that a text has to have.
    """

    name: str
    columns: Mapping[str, float]
    dpi: int = 300
    references: str = "nature"
    signs: Signs = field(default_factory=Signs)
    words: Mapping[str, int] = field(default_factory=dict)
    statements: tuple[str, ...] = ()


@dataclass(frozen=True)
class Item:
    """A numbered figure or table: its number, the output behind it, and how it is shown."""

    number: str
    output: str
    caption: str = ""
    width: float = 0
    notebook: Path | None = None
    columns: Mapping[str, str] | None = None
    only: Mapping = field(default_factory=dict)
    footnotes: tuple[str, ...] = ()

    @property
    def stem(self) -> str:
        """The name of its files."""
        return self.number.replace(" ", "_")


@dataclass(frozen=True)
class Outline:
    """All of a manuscript, checked."""

    root: Path
    journal: Journal
    figures: tuple[Item, ...]
    tables: tuple[Item, ...]
    text: Path
    title: str = ""
    authors: tuple[Mapping[str, str], ...] = ()
    keywords: tuple[str, ...] = ()
    studies: tuple[str, ...] = ()  # its series, which its numbers, tables and figures are about
    unread: Mapping[str, str] = field(default_factory=dict)  # what is wrong with those that cannot be read
    left_out: tuple[Item, ...] = ()  # figures and tables of these

    def number(self, kind: str, output: str) -> str:
        """Return what an output, as a "figure" or a "table", is called; empty if it has no number."""
        items = {"figure": self.figures, "table": self.tables}[kind]
        return next((item.number for item in items if item.output == output), "")

    @property
    def gaps(self) -> list[str]:
        """Numbers that are left out, as "Figure 2"."""
        taken = {item.number for item in (*self.figures, *self.tables)}
        kinds: dict[str, int] = {}
        for number in taken:
            kind, last = re.fullmatch(r"(\D+)(\d+)", number).groups()
            kinds[kind] = max(kinds.get(kind, 0), int(last))
        every = [f"{kind}{number}" for kind, last in sorted(kinds.items()) for number in range(1, last)]
        return [number for number in every if number not in taken]


def read_journals(root: Path = files.ROOT) -> dict[str, Journal]:
    """Read the journals that there are.

    Raises
    ------
    InputError
        If the file has problems; all are listed.
    """
    content = _checked(root / JOURNALS, JOURNALS, "journals")
    there = sorted(path.stem for path in (root / STYLES).glob("*.csl"))
    found = {}
    for name, entry in content.items():
        widths = {_short(key): width for key, width in entry["columns"].items()}
        more = {key: entry[key] for key in ("dpi", "references", "words") if key in entry}
        signs, statements = Signs(**entry.get("signs", {})), tuple(entry.get("statements", ()))
        found[str(name)] = Journal(str(name), widths, signs=signs, statements=statements, **more)
    if lost := [f"{each.name}: {each.references}" for each in found.values() if each.references not in there]:
        raise InputError(f"{JOURNALS}, references: there is no style {lost[0]}; there are {', '.join(there)}")
    return found


def read_outline(root: Path = files.ROOT, journal: str = "") -> Outline:
    """Read what a manuscript consists of, and check all of it.

    Parameters
    ----------
    root : Path
        The project.
    journal : str
        In place of the one that the file names.

    Raises
    ------
    InputError
        With every problem of the file.
    """
    journals, content = read_journals(root), _checked(root / FILE, FILE, "manuscript")
    name = journal or content.get("journal", "")
    if name not in journals:
        message = f"there is no journal {name!r}{meant(name, journals)}"
        more = f"{JOURNALS} has {', '.join(journals)}; an entry there adds one"
        raise InputError(f"{'' if journal else f'{FILE}, journal: '}{message}; {more}")
    figures, problems = _figures(content.get("figures", {}), root, journals[name])
    tables, more = _tables(content.get("tables", {}), root)
    named = content.get("text", "data/manuscript_text.md")
    text = root / named
    if not (files.is_file(text) and text.resolve().is_relative_to(root.resolve())):
        more.append(f"text: there is no file {named} in the project")
    studies = files.study_names(root / "data" / "published")
    more += _wrong_studies(content.get("studies") or "all", studies)
    if problems := [*problems, *_repeated(figures), *_repeated(tables), *more]:
        raise InputError(*(f"{FILE}, {problem}" for problem in problems))
    front = (
        content.get("title", ""),
        tuple(content.get("authors", ())),
        tuple(map(str, content.get("keywords", ()))),
    )
    unread = ledger.read_each(root / "data" / "published")[1]
    lost = tuple(item for item in (*figures, *tables) if item.output.partition("/")[0] in unread)
    figures, tables = (tuple(item for item in items if item not in lost) for items in (figures, tables))
    return Outline(root, journals[name], figures, tables, text, *front, tuple(studies), unread, lost)


def _wrong_studies(listed: Sequence[str] | str, there: Sequence[str]) -> list[str]:
    """Say where a list of series is not that of the studies in the folder, which all outputs are about."""
    if listed == "all":
        return []
    wrong = [f"studies: there is no study {name!r}{meant(name, there)}" for name in {*listed} - {*there}]
    what = "name it, write 'all', or move its folder elsewhere (crmo takes a path too)"
    wrong += [f"studies: {name} is in data/published and not named; {what}" for name in {*there} - {*listed}]
    return sorted(wrong)


@cache
def _schema(name: str) -> dict:
    return read_yaml(Path(__file__).with_suffix(".yaml"))[name]


def _checked(path: Path, name: str, schema: str) -> dict:
    """Read a file that is as its schema says.

    Raises
    ------
    InputError
        With every place that is not so.
    """
    content = _written_short(read_yaml(path))
    found = import_jsonschema().Draft202012Validator(_schema(schema)).iter_errors(content)
    problems = [(", ".join(map(str, [name, *error.absolute_path])), _said(error)) for error in found]
    if problems:
        raise InputError(*(f"{place}: {said}" for place, said in sorted(problems)))
    return content


def _written_short(content: object) -> object:
    """Return what a file holds without empty parts, and with `Figure 1: folder/name` written out."""
    if not isinstance(content, dict):
        return content
    content = {str(key): value for key, value in content.items() if value not in (None, {}, [])}
    for section in ("figures", "tables"):
        if isinstance(entries := content.get(section), dict):
            pairs = ((str(key), {"output": v} if isinstance(v, str) else v) for key, v in entries.items())
            content[section] = dict(pairs)
    return content


def _said(error) -> str:
    """Say what is wrong with a part."""
    if error.validator == "additionalProperties":
        known = error.schema["properties"]
        unknown = [str(key) for key in error.instance if key not in known]
        return f"knows {', '.join(known)}, not {', '.join(unknown)}"
    said = error.schema.get("says", error.message)
    return f"{said}, not {error.instance}" if error.validator == "pattern" else said


def _figures(entries: Mapping, root: Path, journal: Journal) -> tuple[tuple[Item, ...], list[str]]:
    """Return the numbered figures with the notebooks that make them, and what is wrong."""
    makers, found, problems = {}, [], []
    for notebook in sorted((root / "notebooks").glob("[0-9]*.ipynb")):
        values = {name: parameter.default for name, parameter in read_parameters(notebook).items()}
        for path in output_files(values, root / "figures"):
            makers[f"{path.parent.name}/{path.stem}"] = notebook
    for number, entry in entries.items():
        output, columns = entry["output"], entry.get("columns", 1)
        if output not in makers:
            problems.append(f"{number}: no notebook makes a figure {output!r}{meant(output, makers)}")
        if _short(columns) not in journal.columns:
            there = ", ".join(f"{key} ({width:g} mm)" for key, width in journal.columns.items())
            problems.append(f"{number}: {journal.name} has no figure of {columns!r} columns; it has {there}")
        shown = entry.get("caption", "").strip(), journal.columns.get(_short(columns), 0)
        found.append(Item(number, output, *shown, makers.get(output)))
    return tuple(found), problems


def _tables(entries: Mapping, root: Path) -> tuple[tuple[Item, ...], list[str]]:
    """Return the numbered tables, and what is wrong."""
    folder = root / "results" / "tables"
    known = [path.relative_to(folder).with_suffix("").as_posix() for path in sorted(folder.glob("*/*.csv"))]
    found = tuple(
        Item(
            number,
            entry["output"],
            entry.get("caption", "").strip(),
            columns=entry.get("columns"),
            only=entry.get("only", {}),
            footnotes=tuple(entry.get("footnotes", ())),
        )
        for number, entry in entries.items()
    )
    return found, [
        f"{item.number}: there is no table {item.output!r} in results/tables"
        f"{meant(item.output, known) if known else '; run crmo reproduce first'}"
        for item in found
        if item.output not in known
    ]


def _repeated(items: Collection[Item]) -> list[str]:
    """Name outputs that have two numbers."""
    first: dict[str, str] = {}
    return [
        f"{item.number}: {item.output} is {first[item.output]} already; keep one of the two"
        for item in items
        if first.setdefault(item.output, item.number) != item.number
    ]


def _short(value: object) -> str:
    return f"{value:g}" if isinstance(value, int | float) else str(value)
