"""A manuscript's package.

Figures at their final size, tables, numbers and text, put together beside and swapped in.
"""

import difflib
import hashlib
import json
import os
import platform
import re
import tempfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version
from io import BytesIO
from pathlib import Path

from crmo_analysis import __version__
from crmo_analysis.execution import NotebookFailed, execute, warm
from crmo_analysis.files import InputError, UnfitError, csv_text, markdown, read_yaml, swap_folder
from crmo_analysis.publish.numbers import collect, macros, read_output, to_json
from crmo_analysis.publish.outline import FILE, JOURNALS, Item, Journal, Outline
from crmo_analysis.publish.tables import chosen, render
from crmo_analysis.store import code_behind, notebook_source

MAKER = "crmo manuscript"
STROBE = "data/strobe.yaml"
NOT_REPORTED = "not reported in the source"
KINDS = {
    "published": "",
    "derived from published numbers": "Derived from published numbers.",
    "reconstructed": "Reconstructed from published numbers: no row was observed in a patient.",
    "simulated": "Simulated: nobody shown here is a patient.",
    "user data": "",
}
_LIBRARIES = ("matplotlib", "numpy", "pandas", "python-docx", "scipy", "statsmodels")
_MILLIMETRES = 25.4 / 72
_PLACE = re.compile(r"\{([^{}\n]+)\}")
_NEGLIGIBLE = {".DS_Store", "Thumbs.db", "desktop.ini"}
_README = """This folder is made by `crmo manuscript` from manuscript.yml. It is replaced as a
whole; keep nothing else in it.

figures/     Figure_N.svg, .pdf, .png (.tiff): at final size for {journal}; do not rescale.
             .csv: what is plotted. .json: caption, alternative text, and whether it is published, derived,
             reconstructed or simulated.
tables/      Table_N.docx, .tex (booktabs), .html, .csv: the same cells four times.
captions.md  captions of all of them, with alternative texts.
text.md      methods and results, with the numbers filled in.
numbers.json every number that a text may quote, with its source and rounding; numbers.tex: LaTeX macros.
strobe.md    which section or output answers each item of STROBE; strobe.csv: the same.
CITATION.cff how to cite the software, also at the end of text.md.
manifest.json hashes of these files and of what they were made from, and versions.
"""


@dataclass(frozen=True)
class PdfText:
    """What a figure's PDF says of itself.

    Its width in millimetres, whether every font is inside, the smallest text.
    """

    width: float
    is_embedded: bool
    smallest: float


def pdf_text(content: bytes) -> PdfText:
    """Read width, fonts and sizes of text from a PDF that matplotlib has written."""
    box = re.search(rb"/MediaBox \[ ?([\d. ]+?) ?\]", content)
    left, _, right, _ = map(float, box[1].split())
    sizes = []
    for stream in re.findall(rb"stream\r?\n(.*?)\r?\nendstream", content, re.DOTALL):
        try:
            sizes += [float(size) for size in re.findall(rb"/\S+ ([\d.]+) Tf", zlib.decompress(stream))]
        except zlib.error:
            continue  # a font
    described, inside = content.count(b"/Type /FontDescriptor"), len(re.findall(rb"/FontFile[23]? ", content))
    is_embedded = described == inside > 0 and b"/Subtype /Type3" not in content
    return PdfText((right - left) * _MILLIMETRES, is_embedded, min(sizes, default=0.0))


def assemble(
    outline: Outline, out: Path, tiff: bool = False, say: Callable[[str], None] = print
) -> list[Path]:
    """Make a manuscript's package, and put it in the place of an older one when it is whole.

    Parameters
    ----------
    outline : Outline
    out : Path
        Its folder: new, empty, or a package that nobody has changed.
    tiff : bool
        Whether to make figures as TIFF as well.
    say : callable
        Called with a line on each thing made.

    Returns
    -------
    list of Path
        The files.

    Raises
    ------
    InputError
        If something cannot be made, or the folder holds anything else; an older package stays as it was.
    """
    out = out.absolute()
    _check_replaceable(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    # A neighbour: a folder can only be renamed in one step within a disk.
    with tempfile.TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent) as temporary:
        package = Path(temporary) / "package"
        files, sources = _contents(outline, Path(temporary) / "runs", tiff, say)
        files["manifest.json"] = _manifest(outline, files, sources)
        for name, content in files.items():
            (package / name).parent.mkdir(parents=True, exist_ok=True)
            (package / name).write_bytes(content)
        _check_replaceable(out)
        swap_folder(package, out, Path(temporary) / "old")
    return [out / name for name in files]


def _contents(
    outline: Outline, folder: Path, tiff: bool, say: Callable
) -> tuple[dict[str, bytes], list[Path]]:
    root = outline.root
    numbers = collect(root)
    captions: list[str] = []
    tables, table_notes = _tables(outline)
    text = _text(outline, numbers)
    strobe = _strobe(outline)
    figures, figure_notes = _figures(outline, folder, tiff)
    for item in outline.figures:
        say(f"{item.number}: {item.output}, {item.width:g} mm")
    for item in outline.tables:
        say(f"{item.number}: {item.output}")
    for number, title, caption, alt in (*figure_notes, *table_notes):
        captions.append(f"**{number}.** {markdown(' '.join(filter(None, (title, caption))))}")
        captions += [f"Alternative text: {markdown(alt)}"] if alt else []
    files = {
        **{f"figures/{name}": content for name, content in figures.items()},
        **{f"tables/{name}": content for name, content in tables.items()},
        "captions.md": ("\n\n".join(captions) + "\n").encode(),
        "text.md": text.encode(),
        "numbers.json": to_json(numbers).encode(),
        "numbers.tex": macros(numbers).encode(),
        **{f"strobe{ending}": content for ending, content in strobe.items()},
        "CITATION.cff": (root / "CITATION.cff").read_bytes(),
        "README.txt": _README.format(journal=outline.journal.name).encode(),
    }
    names = [FILE, JOURNALS, STROBE, "data/numbers.yaml", "CITATION.cff", "results/ledger.csv"]
    names += [outline.text.relative_to(root).as_posix()]
    names += [f"results/tables/{item.output}.csv" for item in outline.tables]
    names += [item.notebook.relative_to(root).as_posix() for item in outline.figures]
    code = "\n".join(notebook_source(item.notebook) for item in outline.figures)
    names += [path.relative_to(root).as_posix() for path in code_behind(code, root / "crmo_analysis")]
    return files, [root / name for name in sorted(set(names))]


def _figures(outline: Outline, folder: Path, tiff: bool) -> tuple[dict[str, bytes], list[tuple]]:
    runs: dict[tuple[Path, float], list[Item]] = {}
    for item in outline.figures:
        runs.setdefault((item.notebook, item.width), []).append(item)
    places = {key: folder / str(number) for number, key in enumerate(runs)}
    workers = ThreadPoolExecutor(max_workers=os.cpu_count())
    try:
        jobs = [
            workers.submit(_run, items, width, outline.journal, places[notebook, width])
            for (notebook, width), items in runs.items()
        ]
        for job in jobs:
            job.result()
    except BaseException:
        warm.stop()  # notebooks run in threads, which end when their kernels are gone
        raise
    finally:
        workers.shutdown(cancel_futures=True)
    for place in places.values():
        _check_current(place, outline.root)
    files: dict[str, bytes] = {}
    notes = []
    for item in outline.figures:
        stem = places[item.notebook, item.width] / "figures" / item.output
        made = {ending: stem.with_suffix(ending).read_bytes() for ending in (".svg", ".pdf", ".png", ".csv")}
        _check_pdf(item, made[".pdf"], outline.journal)
        made |= {".tiff": _tiff(made[".png"], outline.journal.dpi)} if tiff else {}
        said = json.loads(stem.with_suffix(".json").read_text(encoding="utf-8"))
        title = " ".join(_sentence(line) for line in said.get("title", "").split("\n"))
        caption = " ".join(filter(None, (item.caption or said["caption"], KINDS[said["source"]])))
        said = {"number": item.number, "output": item.output, "width": item.width} | said
        said |= {"title": title, "caption": caption}
        made[".json"] = (json.dumps(said, indent=2, ensure_ascii=False) + "\n").encode()
        notes.append((item.number, title, caption, said["alt"]))
        files |= {f"{item.stem}{ending}": content for ending, content in made.items()}
    return files, notes


def _sentence(text: str) -> str:
    text = text.strip()
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith(('.', '?', '!')) else '.'}" if text else ""


def _run(items: Sequence[Item], width: float, journal: Journal, folder: Path) -> None:
    """Run a notebook for some figures of one width; say which width works where this one does not."""
    names = [item.output.rpartition("/")[2] for item in items]
    page = {"width": width, "dpi": journal.dpi}
    try:
        execute(items[0].notebook, {"page": page, "outputs": names}, out=folder)
    except NotebookFailed as error:
        if error.kind != UnfitError.__name__:
            raise InputError(str(error)) from None
        item = next(
            (item for item in items if f"'{item.output.rpartition('/')[2]}'" in error.cause), items[0]
        )
        wider = sorted((wide, key) for key, wide in journal.columns.items() if wide > width)
        works = next((key for wide, key in wider if _fits(item, wide, journal, folder)), "")
        now = next(key for key, wide in journal.columns.items() if wide == width)
        advice = f"columns: {works} works" if works else "no width of this journal works"
        message = (
            f"{FILE}, figures, {item.number}, columns: {now} is {width:g} mm: {error.cause}. For it, "
            f""
            f"{advice}."
        )
        raise InputError(message) from None


def _fits(item: Item, width: float, journal: Journal, folder: Path) -> bool:
    page = {"width": width, "dpi": journal.dpi}
    try:
        execute(item.notebook, {"page": page, "outputs": [item.output.rpartition("/")[2]]}, out=folder)
    except NotebookFailed:
        return False
    return True


def _check_current(folder: Path, root: Path) -> None:
    """Refuse results that are older than what the notebooks give now.

    Text and tables would not go with figures.
    """
    made = {path: root / "results" / path.relative_to(folder) for path in folder.glob("tables/*/*.csv")}
    made |= {path: root / path.relative_to(folder) for path in folder.glob("figures/*/*.csv")}
    for new, kept in sorted(made.items()):
        if not kept.is_file() or kept.read_bytes() != new.read_bytes():
            name = kept.relative_to(root).as_posix()
            raise InputError(
                f"{name} is not what its notebook gives now; run crmo reproduce, then this again"
            )


def _check_pdf(item: Item, content: bytes, journal: Journal) -> None:
    found = pdf_text(content)
    if abs(found.width - item.width) > 0.1:
        raise InputError(f"{item.number} came out {found.width:.1f} mm wide, not {item.width:g} mm")
    if not found.is_embedded:
        raise InputError(f"{item.number}: not every font is inside its PDF")
    if found.smallest < journal.smallest_text:
        least = f"{journal.name} asks for {journal.smallest_text:g} pt"
        raise InputError(
            f"{item.number} has text of {found.smallest:g} pt; {least} ({JOURNALS}, smallest_text)"
        )


def _tiff(png: bytes, dpi: int) -> bytes:
    from PIL import Image

    buffer = BytesIO()
    Image.open(BytesIO(png)).convert("RGB").save(buffer, "TIFF", compression="tiff_lzw", dpi=(dpi, dpi))
    return buffer.getvalue()


def _tables(outline: Outline) -> tuple[dict[str, bytes], list[tuple]]:
    files, notes = {}, []
    for item in outline.tables:
        frame, source = read_output(outline.root, f"tables/{item.output}", as_text=True)
        said = json.loads(
            (outline.root / "results" / "tables" / f"{item.output}.json").read_text(encoding="utf-8")
        )
        caption = " ".join(filter(None, (_sentence(item.caption or said["caption"]), KINDS[source])))
        try:
            shown = chosen(frame, item.columns, item.only)
            made = render(shown, item.number, caption, item.footnotes)
        except InputError as error:
            raise InputError(f"{FILE}, tables, {item.number}: {error}") from None
        files |= {f"{item.stem}{ending}": content for ending, content in made.items()}
        notes.append((item.number, "", caption, ""))
    return files, notes


def _text(outline: Outline, numbers: Sequence[Mapping]) -> str:
    """Fill in the text.

    Numbers and sentences by their ids, figures and tables by their numbers in the manuscript.
    """
    known = {number["id"]: number for number in numbers}
    name, lines = outline.text.name, []
    for place, line in enumerate(outline.text.read_text(encoding="utf-8").splitlines(), start=1):
        where = f"{name}, line {place}"
        lines.append(
            _PLACE.sub(lambda found, where=where: _quoted(found[1].strip(), known, outline, where), line)
        )
    return "\n".join([*lines, "", "# Software", "", markdown(citation(outline.root)), ""])


def _quoted(said: str, known: Mapping, outline: Outline, where: str) -> str:
    verb, _, name = said.rpartition(" ")
    if verb in ("figure", "table"):
        return outline.number(verb, name) or f"not numbered here: {verb} {markdown(name)}"
    if name not in known or verb not in ("", "sentence"):
        close = difflib.get_close_matches(name, known, n=1)
        raise InputError(
            f"{where}: there is no number {said!r}.{f' Did you mean {close[0]}?' if close else ''}"
        )
    if verb and "sentence" not in known[name]:
        raise InputError(f"{where}: {name} has no sentence; data/numbers.yaml can give it one")
    return markdown(known[name][verb or "text"])


def citation(root: Path) -> str:
    """Write CITATION.cff as a line."""
    facts = read_yaml(root / "CITATION.cff")
    names = [
        author.get("name") or f"{author['family-names']} {author['given-names'][:1]}"
        for author in facts["authors"]
    ]
    where = "".join(f" {facts[key]}." for key in ("repository-code", "url", "doi") if key in facts)
    return (
        f"{', '.join(names)}. {facts['title']}, version {facts['version']}. Software, {facts['license']} "
        f""
        f"licence.{where}"
    )


def _strobe(outline: Outline) -> dict[str, bytes]:
    import pandas as pd

    headings = re.findall(r"^#+ (.+?)\s*$", outline.text.read_text(encoding="utf-8"), re.MULTILINE)
    rows = []
    for entry in read_yaml(outline.root / STROBE):
        answers = [_answer(text, outline, headings, entry["item"]) for text in entry["answered_by"]]
        rows.append(
            [
                entry["item"],
                entry["section"],
                entry["asks"],
                "; ".join(answers) or NOT_REPORTED,
                entry["note"],
            ]
        )
    names = ["item", "section", "asks for", "answered by", "note"]
    frame = pd.DataFrame(rows, columns=names)
    lines = [f"| {' | '.join(names)} |", "|---:|---|---|---|---|"]
    lines += [f"| {' | '.join(markdown(str(value)) for value in row)} |" for row in rows]
    head = (
        "# STROBE checklist\n\nItems after von Elm et al., Lancet 2007;370:1453-1457, in words of our "
        ""
        "own.\n\n"
    )
    return {".csv": csv_text(frame).encode(), ".md": (head + "\n".join(lines) + "\n").encode()}


def _answer(text: str, outline: Outline, headings: Sequence[str], item: int) -> str:
    kind, _, name = text.partition(" ")
    if kind == "text" and name in headings:
        return f"text.md, {name}"
    folders = {"figure": "figures", "table": "results/tables"}
    path = f"{folders[kind]}/{name}.csv" if kind in folders else text
    if kind != "text" and (outline.root / path).is_file():
        return (kind in folders and outline.number(kind, name)) or path
    raise InputError(
        f"{STROBE}, item {item}: there is no figure, table, file or heading of the text {text!r}"
    )


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _manifest(outline: Outline, files: Mapping[str, bytes], sources: Sequence[Path]) -> bytes:
    root = outline.root
    facts = {
        "made_by": MAKER,
        "journal": outline.journal.name,
        "versions": {
            "crmo_analysis": __version__,
            "python": platform.python_version(),
            **{name: version(name) for name in _LIBRARIES},
        },
        "inputs": {path.relative_to(root).as_posix(): _digest(path.read_bytes()) for path in sources},
        "files": {name: _digest(content) for name, content in files.items()},
    }
    return (json.dumps(facts, indent=1) + "\n").encode()


def _check_replaceable(out: Path) -> None:
    """Refuse to replace anything but a package as it was made: what somebody wrote there would be gone."""
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    try:
        facts = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
        known = facts["files"] if facts["made_by"] == MAKER else None
    except (OSError, ValueError, KeyError, TypeError):
        known = None
    if known is None:
        raise InputError(f"{out} is there already and is no package of this command; choose another --out")
    for path in sorted(out.rglob("*")):
        name = path.relative_to(out).as_posix()
        if path.is_dir() or path.name in _NEGLIGIBLE or name == "manifest.json":
            continue
        if name not in known or _digest(path.read_bytes()) != known[name]:
            what = "is not of this command" if name not in known else "was changed by hand"
            raise InputError(f"{path} {what} and would be lost; move it elsewhere, or choose another --out")
