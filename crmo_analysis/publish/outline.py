"""What a manuscript consists of.

`manuscript.yml`, the journals, and the checks of both before anything is made.
"""

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path

from crmo_analysis import files
from crmo_analysis.execution import output_files, read_parameters
from crmo_analysis.files import InputError, read_yaml
from crmo_analysis.publish.documents import Signs

FILE = "manuscript.yml"
JOURNALS = "data/journals.yaml"
KINDS = {
    "published": "",
    "derived from published numbers": "Derived from published numbers.",
    "reconstructed": "Reconstructed from published numbers: no row was observed in a patient.",
    "simulated": "Simulated: nobody shown here is a patient.",
    "user data": "",
}
_NUMBERED = {"figures": re.compile(r"Figure S?[1-9]\d*"), "tables": re.compile(r"Table S?[1-9]\d*")}
_KEYS = {
    "figures": {"output", "columns", "caption"},
    "tables": {"output", "columns", "caption", "only", "footnotes"},
}
_PARTS = ("journal", "text", "title", "authors", "keywords", "figures", "tables")
_PERSON = {"name", "affiliation", "email"}
STYLES = "data/styles"
_DEFAULT_TEXT = "data/manuscript_text.md"


@dataclass(frozen=True)
class Journal:
    """A journal.

    Millimetres for each number of columns, points of the smallest text, dots per inch of bitmaps; its style
    of references, signs of numbers, the most words of abstract and text, and headings that a text has to
    have.
    """

    name: str
    columns: Mapping[str, float]
    smallest_text: float
    dpi: int
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
    content, problems, found = _read(root / JOURNALS), [], {}
    for name, entry in content.items():
        where = f"{JOURNALS}, {name}"
        columns = entry.get("columns") if isinstance(entry, dict) else None
        if not isinstance(columns, dict) or not columns:
            problems.append(f"{where}: expected columns, such as {{1: 89, 2: 183}}")
            continue
        settings = {
            "smallest_text": (entry.get("smallest_text", 6), 6, 20),
            "dpi": (entry.get("dpi", 300), 72, 1200),
        }
        settings |= {f"columns, {key}": (value, 30, 500) for key, value in columns.items()}
        for key, (value, low, high) in settings.items():
            if not (_is_number(value) and low <= value <= high):
                problems.append(f"{where}, {key}: is {value!r}, expected a number from {low} to {high}")
        widths = {_short(key): value for key, value in columns.items()}
        manner = _manner(entry, where, root, problems)
        found[str(name)] = Journal(
            str(name), widths, settings["smallest_text"][0], settings["dpi"][0], **manner
        )
    _raise(problems)
    return found


def _manner(entry: Mapping, where: str, root: Path, problems: list[str]) -> dict:
    """Read how a journal wants references, numbers and text."""
    style = entry.get("references", "nature")
    there = sorted(path.stem for path in (root / STYLES).glob("*.csl"))
    if style not in there:
        problems.append(
            f"{where}, references: there is no {STYLES}/{style}.csl; there are {', '.join(there)}"
        )
    signs, words = entry.get("signs") or {}, entry.get("words") or {}
    known = [each.name for each in fields(Signs)]
    if not isinstance(signs, dict) or set(signs) - set(known):
        problems.append(f"{where}, signs: is {signs!r}, expected some of {', '.join(known)}")
        signs = {}
    if (
        not isinstance(words, dict)
        or set(words) - {"abstract", "text"}
        or not all(map(_is_number, words.values()))
    ):
        problems.append(f"{where}, words: is {words!r}, expected numbers for abstract and text")
        words = {}
    statements = entry.get("statements") or []
    if not isinstance(statements, list):
        problems.append(f"{where}, statements: expected a list of headings")
        statements = []
    said = tuple(map(str, statements))
    return {"references": style, "signs": Signs(**signs), "words": words, "statements": said}


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
    journals, content = read_journals(root), _read(root / FILE)
    problems: list[str] = []

    def wrong(place: str, message: str) -> None:
        problems.append(f"{FILE}, {place}: {message}" if place else f"{FILE}: {message}")

    if unknown := set(content) - set(_PARTS):
        wrong("", f"knows {', '.join(_PARTS)}, not {', '.join(map(str, sorted(unknown, key=str)))}")
    name = journal or content.get("journal", "")
    if name not in journals:
        hint = _meant(str(name), journals)
        message = (
            f"there is no journal {name!r}.{hint} {JOURNALS} has {', '.join(journals)}; an entry "
            f"there "
            f"adds one"
        )
        raise InputError(message if journal else f"{FILE}, journal: {message}")
    makers = _figures(root)
    figures = _items(content, "figures", wrong)
    tables = _items(content, "tables", wrong)
    chosen = journals[name]
    figures = [_figure(item, entry, makers, chosen, wrong) for item, entry in figures]
    tables = [_table(item, entry, root, wrong) for item, entry in tables]
    seen: dict[str, str] = {}
    for item in (*figures, *tables):
        if item.output in seen and item.number.split()[0] == seen[item.output].split()[0]:
            wrong(item.number, f"{item.output} is {seen[item.output]} already; keep one of the two")
        seen.setdefault(item.output, item.number)
    text = root / str(content.get("text", _DEFAULT_TEXT))
    if not (files.is_file(text) and text.resolve().is_relative_to(root.resolve())):
        wrong("text", f"there is no file {str(content.get('text', _DEFAULT_TEXT))[:100]} in the project")
    front = _front(content, wrong)
    if not figures and not tables and not problems:
        wrong("", "has neither figures nor tables")
    _raise(problems)
    return Outline(root, chosen, tuple(figures), tuple(tables), text, *front)


def _front(content: Mapping, wrong: Callable) -> tuple[str, tuple, tuple]:
    """Read title, authors and keywords."""
    authors, keywords = content.get("authors") or [], content.get("keywords") or []
    sound = isinstance(authors, list) and all(
        isinstance(each, dict) and each.get("name") and not set(each) - _PERSON for each in authors
    )
    if not sound:
        wrong("authors", f"expected a list with {', '.join(sorted(_PERSON))} each; name is needed")
        authors = []
    if not isinstance(keywords, list):
        wrong("keywords", "expected a list of words")
        keywords = []
    people = tuple({key: str(value) for key, value in each.items()} for each in authors)
    return str(content.get("title") or ""), people, tuple(map(str, keywords))


def _read(path: Path) -> dict:
    content = read_yaml(path)
    if not isinstance(content, dict):
        raise InputError(f"{path.name}: expected names with a colon, and what belongs to each below")
    return content


def _items(content: Mapping, kind: str, wrong: Callable) -> list[tuple[Item, Mapping]]:
    entries, found = content.get(kind) or {}, []
    if not isinstance(entries, dict):
        wrong(
            kind, f"expected numbers, such as '{kind.capitalize()[:-1]} 1: {{output: overview/scoreboard}}'"
        )
        return []
    for number, entry in entries.items():
        entry = {"output": entry} if isinstance(entry, str) else entry
        place = f"{kind}, {number}"
        if not isinstance(number, str) or not _NUMBERED[kind].fullmatch(number):
            wrong(
                place,
                f"expected '{kind.capitalize()[:-1]} ' and a number, as in {kind.capitalize()[:-1]} 1 or S1",
            )
        elif not isinstance(entry, dict) or not isinstance(entry.get("output"), str):
            wrong(place, "expected output: folder/name")
        elif unknown := set(entry) - _KEYS[kind]:
            wrong(place, f"knows {', '.join(sorted(_KEYS[kind]))}, not {', '.join(map(str, unknown))}")
        elif not isinstance(entry.get("caption", ""), str):
            wrong(f"{place}, caption", "expected a text")
        else:
            found.append((Item(number, entry["output"], entry.get("caption", "").strip()), entry))
    return found


def _figures(root: Path) -> dict[str, Path]:
    """Return the notebook behind each figure, folder/name, that any declares."""
    makers = {}
    for notebook in sorted((root / "notebooks").glob("[0-9]*.ipynb")):
        try:
            values = {name: parameter.default for name, parameter in read_parameters(notebook).items()}
        except InputError as error:
            raise InputError(str(error)) from None
        for path in output_files(values, root / "figures"):
            makers[f"{path.parent.name}/{path.stem}"] = notebook
    return makers


def _figure(
    item: Item, entry: Mapping, makers: Mapping[str, Path], journal: Journal, wrong: Callable
) -> Item:
    place = f"figures, {item.number}"
    if item.output not in makers:
        wrong(place, f"no notebook makes a figure {item.output!r}.{_meant(item.output, makers)}")
    columns = entry.get("columns", 1)
    if _short(columns) not in journal.columns:
        there = ", ".join(f"{key} ({width:g} mm)" for key, width in journal.columns.items())
        wrong(f"{place}, columns", f"{journal.name} has no figure of {columns!r} columns; it has {there}")
    width = journal.columns.get(_short(columns), 0)
    return Item(item.number, item.output, item.caption, width, makers.get(item.output))


def _table(item: Item, entry: Mapping, root: Path, wrong: Callable) -> Item:
    place, folder = f"tables, {item.number}", root / "results" / "tables"
    known = [path.relative_to(folder).with_suffix("").as_posix() for path in sorted(folder.glob("*/*.csv"))]
    if item.output not in known:
        hint = _meant(item.output, known) if known else " Run crmo reproduce first."
        wrong(place, f"there is no table {item.output!r} in results/tables.{hint}")
    for name, kind, said in (
        ("columns", dict, "headings with templates"),
        ("only", dict, "columns with values"),
    ):
        if not isinstance(entry.get(name, {}), kind) or not all(
            isinstance(key, str) for key in entry.get(name, {})
        ):
            wrong(f"{place}, {name}", f"expected {said}")
    if not all(isinstance(template, str) for template in (entry.get("columns") or {}).values()):
        wrong(f"{place}, columns", "expected a text behind every heading")
    notes = entry.get("footnotes", [])
    if not isinstance(notes, list) or not all(isinstance(note, str) for note in notes):
        wrong(f"{place}, footnotes", "expected a list of texts")
        notes = []
    settings = {"columns": entry.get("columns"), "only": entry.get("only", {}), "footnotes": tuple(notes)}
    return Item(item.number, item.output, item.caption, **settings)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _short(value: object) -> str:
    return f"{value:g}" if _is_number(value) else str(value)


def _meant(name: str, known) -> str:
    close = difflib.get_close_matches(name, list(known), n=1)
    return f" Did you mean {close[0]}?" if close else ""


def _raise(problems: list[str]) -> None:
    if problems:
        raise InputError("\n".join(problems))
