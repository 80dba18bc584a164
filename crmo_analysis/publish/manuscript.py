"""A manuscript's package: documents, figures at their final size and numbers, put together and swapped in."""

import hashlib
import json
import platform
import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import pandas as pd

from crmo_analysis import __version__
from crmo_analysis.files import InputError, csv_text, swap_folder
from crmo_analysis.joint import ledger
from crmo_analysis.publish import documents, plates, text
from crmo_analysis.publish.exhibits import readings_in_words
from crmo_analysis.publish.numbers import collect, passed_over, read_output, to_json
from crmo_analysis.publish.outline import FILE, JOURNALS, KINDS, STYLES, Outline
from crmo_analysis.publish.tables import chosen
from crmo_analysis.store import code_behind, notebook_source
from crmo_analysis.study import read_study

MAKER = "crmo manuscript"
_REPRODUCE = (
    "Files that figures, tables and numbers were made from, with the first 16 digits of the SHA-256 of each. "
    "The same files and the locked environment give the same bytes by make reproduce and crmo manuscript."
)
_LIBRARIES = ("matplotlib", "numpy", "pandas", "pypandoc-binary", "scipy", "seaborn", "statsmodels")
_NEGLIGIBLE = {".DS_Store", "Thumbs.db", "desktop.ini"}
_README = """This folder is made by `crmo manuscript` from manuscript.yml. It is replaced as a
whole; keep nothing else in it.

manuscript.docx, .tex, .html   title page, text, references, tables and figures; .md is the text with its
             numbers filled in; references.json what it cites.
supplement.docx, .tex, .html   every printed number with its verdict, what cannot stand together, STROBE,
             and what this was made from.
figures/     Figure_N.svg, .pdf, .png (.tiff): at final size for {journal}; do not rescale.
             .csv: what is plotted. .json: title, caption, alternative text, and whether it is published,
             derived, reconstructed or simulated.
tables/      Table_N.csv: the cells of the tables. strobe.csv: the checklist.
numbers.json every number that a text may quote, with its source and rounding.
CITATION.cff how to cite the software.
manifest.json hashes of these files and of what they were made from, and versions.
"""


@dataclass(frozen=True)
class Written:
    """What was made: the files, and remarks on what is missing, too long or typed by hand."""

    files: tuple[Path, ...]
    remarks: tuple[str, ...]


def assemble(
    outline: Outline,
    out: Path,
    tiff: bool = False,
    text_only: bool = False,
    say: Callable[[str], None] = print,
) -> Written:
    """Make a manuscript's package, and put it in the place of an older one when it is whole.

    Parameters
    ----------
    outline : Outline
    out : Path
        Its folder: new, empty, or a package that nobody has changed.
    tiff : bool
        Whether to make figures as TIFF as well.
    text_only : bool
        Whether to take the figures of the package that is there, which takes seconds.
    say : callable
        Called with a line on each thing made.

    Raises
    ------
    InputError
        If something cannot be made, or the folder holds anything else; an older package stays as it was.
    """
    out = out.absolute()
    _check_replaceable(out)
    if outline.studies:
        say(f"{len(outline.studies)} series, all of data/published: {', '.join(outline.studies)}")
    out.parent.mkdir(parents=True, exist_ok=True)
    # A neighbour: a folder can only be renamed in one step within a disk.
    with tempfile.TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent) as temporary:
        package = Path(temporary) / "package"
        sources = _sources(outline)
        files, remarks = _documents(outline)  # what is wrong with the text is said before notebooks run
        figures = _kept_figures(outline, out, sources) if text_only else {}
        figures = figures or plates.draw(outline, Path(temporary) / "runs", tiff)
        for item in (*outline.figures, *outline.tables):
            say(f"{item.number}: {item.output}" + f", {item.width:g} mm" * bool(item.width))
        files |= {f"figures/{name}": content for name, content in figures.items()}
        files["README.txt"] = _README.format(journal=outline.journal.name).encode()
        _write(package, files)
        files |= _rendered(outline, files, sources, package)
        files["manifest.json"] = _manifest(outline, files, sources)
        _write(package, files)
        _check_replaceable(out)
        swap_folder(package, out, Path(temporary) / "old")
    return Written(tuple(out / name for name in files), tuple(remarks))


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def _documents(outline: Outline) -> tuple[dict[str, bytes], list[str]]:
    """Fill in text and tables, and check both; what does not depend on figures."""
    numbers = collect(outline.root)
    said, typed = text.filled(outline, numbers)
    cited = text.references(outline.root, said)
    uncited = [name for name in outline.studies if f"@{name}" not in said]
    blocks = documents.parsed(said)["blocks"]
    checklist = text.strobe(outline, documents.headings(blocks))
    files = {
        "manuscript.md": said.encode(),
        "references.json": _json(cited),
        "numbers.json": to_json(numbers).encode(),
        "strobe.csv": csv_text(checklist).encode(),
        "CITATION.cff": (outline.root / "CITATION.cff").read_bytes(),
        **{f"tables/{item.stem}.csv": csv_text(_table(outline, item)[0]).encode() for item in outline.tables},
    }
    remarks = [f"{name} is one of the series, and the text does not cite it" for name in uncited]
    unwritten = re.findall(r"^#+ (.+)\n+To be written", said, re.MULTILINE)
    remarks += [f"section '{name}' is still to be written" for name in unwritten]
    remarks += passed_over(outline.root)
    remarks += [f"gap: {text.GAP}{name}" for name in re.findall(rf"{text.GAP}([^*]+)", said)]
    remarks += [f"gap: {item.number}, {item.output}" for item in outline.left_out]
    return files, [*remarks, *text.remarks(outline, blocks, typed)]


def _json(value: object) -> bytes:
    return (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode()


def _table(outline: Outline, item) -> tuple[pd.DataFrame, str]:
    """Return the texts of a table, and its caption."""
    frame, source = read_output(outline.root, f"tables/{item.output}", as_text=True)
    path = outline.root / "results" / "tables" / f"{item.output}.json"
    said = json.loads(path.read_text(encoding="utf-8"))
    caption = " ".join(filter(None, (plates.sentence(item.caption or said["caption"]), KINDS[source])))
    try:
        return chosen(frame, item.columns, item.only), caption
    except InputError as error:
        raise InputError(f"{FILE}, tables, {item.number}: {error}") from None


def _rendered(outline: Outline, files: Mapping[str, bytes], sources, package: Path) -> dict[str, bytes]:
    """Write the manuscript and its supplement in every format."""
    cited = json.loads(files["references.json"])
    style = outline.root / STYLES / f"{outline.journal.references}.csl"
    tree = documents.parsed(files["manuscript.md"].decode())
    signs = outline.journal.signs
    meta, front = text.front(outline, tree["blocks"])
    blocks = [*front, *documents.page_break(), *documents.signed(tree["blocks"], signs)]
    blocks += documents.parsed("# References\n\n::: {#refs}\n:::\n")["blocks"]
    for item in outline.tables:
        frame, caption = _table(outline, item)
        blocks += documents.page_break()
        blocks += documents.table_blocks(frame, item.number, caption, item.footnotes, signs)
    for item in outline.figures:
        facts = json.loads(files[f"figures/{item.stem}.json"])
        caption = " ".join(filter(None, (facts["title"], facts["caption"])))
        shown = (item.number, caption, facts["alt"], f"figures/{item.stem}", item.width)
        blocks += documents.page_break() + documents.figure_blocks(*shown, signs)
    made = documents.render({**tree, "meta": meta, "blocks": blocks}, "manuscript", cited, style, package)
    title = {"t": "MetaInlines", "c": documents.inlines("Supplement")}
    supplement = {**tree, "meta": {**meta, "title": title}}
    checklist = text.strobe(outline, documents.headings(tree["blocks"]))
    supplement["blocks"] = _supplement(outline, checklist, sources)
    return made | documents.render(supplement, "supplement", cited, style, package, "supplement")


def _supplement(outline: Outline, checklist: pd.DataFrame, sources: Sequence[Path]) -> list[dict]:
    """Put together what a reader can check: verdicts, conflicts, STROBE, and what all was made from."""
    taken = [int(item.number[7:]) for item in outline.tables if item.number.startswith("Table S")]
    number, signs = max(taken, default=0), outline.journal.signs
    inputs = [
        (path.relative_to(outline.root).as_posix(), _digest(path.read_bytes())[:16]) for path in sources
    ]
    inputs = pd.DataFrame(inputs, columns=["File", "SHA-256, first 16 digits"])
    blocks: list[dict] = []
    for heading, tables in (
        ("Every printed number, and whether it holds", _ledgers(outline.root, outline.unread)),
        ("Printed numbers that cannot stand together", _conflicts(outline.root)),
        ("STROBE checklist, items in words of our own", [("", checklist)]),
        ("What this was made from", [(_REPRODUCE, inputs)]),
    ):
        blocks += [{"t": "Header", "c": [1, ["", [], []], documents.inlines(heading)]}]
        for caption, frame in tables:
            number += 1
            shown = (frame, f"Table S{number}", caption or heading + ".", (), signs, documents.LONG_LINE)
            blocks += documents.table_blocks(*shown)
    return blocks


def _ledgers(root: Path, unread: Mapping[str, str]) -> list[tuple[str, pd.DataFrame]]:
    """Return the ledger of each study with a caption."""
    claims = ledger.read_ledger(root / "results" / "ledger.csv")
    names = {"claim_id": "Claim", "where": "Where", "printed": "Printed", "recomputed": "Recomputed"}
    names |= {"verdict": "Verdict", "reason": "Reason"}
    found = []
    claims = claims[~claims["study"].isin(unread)]
    for study, own in claims.groupby("study", sort=True) if len(claims) else ():
        facts = read_study(study, root / "data" / "published").facts
        own = own.assign(claim_id=own["claim_id"].str.partition(".")[2])
        caption = f"{facts['short']}: every printed number with its verdict."
        found.append((caption, own[list(names)].rename(columns=names)))
    return found


def _conflicts(root: Path) -> list[tuple[str, pd.DataFrame]]:
    """Return the conflicts of all studies in one table."""
    frames = []
    for read in ledger.read_each(root / "data" / "published")[0]:
        path = root / "results" / "tables" / read.study / "conflicts.csv"
        if path.is_file():
            own = pd.read_csv(path, dtype=str, keep_default_na=False)
            for name in ("reading", "resolved by"):
                own[name] = ["; ".join(readings_in_words(read.readings, text)) for text in own[name]]
            frames.append(own.assign(Study=read.facts["short"])[["Study", "why", "reading", "resolved by"]])
    found = pd.concat(frames, ignore_index=True).drop_duplicates() if frames else pd.DataFrame()
    names = {"why": "What cannot stand together", "reading": "Read as", "resolved by": "Resolved if read as"}
    return [("", found.rename(columns=names))] if len(found) else []


def _sources(outline: Outline) -> list[Path]:
    """List the files that a package is made from."""
    root = outline.root
    names = [FILE, JOURNALS, text.STROBE, "data/numbers.yaml", "CITATION.cff", "results/ledger.csv"]
    names += [name for name in (text.REFERENCES,) if (root / name).is_file()]
    names += [outline.text.relative_to(root).as_posix(), f"{STYLES}/{outline.journal.references}.csl"]
    names += [f"results/tables/{item.output}.csv" for item in outline.tables]
    names += [item.notebook.relative_to(root).as_posix() for item in outline.figures]
    code = "\n".join(notebook_source(item.notebook) for item in outline.figures)
    names += [path.relative_to(root).as_posix() for path in code_behind(code, root / "crmo_analysis")]
    return [root / name for name in sorted(set(names))]


def _kept_figures(outline: Outline, out: Path, sources: Sequence[Path]) -> dict[str, bytes]:
    """Return the figures of the package that is there, if they are those that would be drawn now.

    Raises
    ------
    InputError
        If they are not.
    """
    path = out / "manifest.json"
    facts = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {"inputs": {}, "figures": []}
    # A text, a caption or a table may be another; what figures are drawn from may not.
    drawn = [each for each in sources if each.suffix in (".ipynb", ".py")]
    names = {each.relative_to(outline.root).as_posix(): _digest(each.read_bytes()) for each in drawn}
    if facts["figures"] != _drawn(outline) or any(facts["inputs"].get(n) != d for n, d in names.items()):
        raise InputError(
            f"{out} has not the figures that {FILE} asks for now; run crmo manuscript without --text"
        )
    found = {each.name: each.read_bytes() for each in sorted((out / "figures").iterdir())}
    for item in outline.figures:
        said = json.loads(found[f"{item.stem}.json"])
        found[f"{item.stem}.json"] = plates.described(item, {name: said[name] for name in plates.DRAWN})
    return found


def _drawn(outline: Outline) -> list:
    """Say which figures are drawn, and how."""
    journal = outline.journal
    shown = [[item.number, item.output, item.width] for item in outline.figures]
    return [*shown, journal.dpi]


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _manifest(outline: Outline, files: Mapping[str, bytes], sources: Sequence[Path]) -> bytes:
    root = outline.root
    facts = {
        "made_by": MAKER,
        "journal": outline.journal.name,
        "figures": _drawn(outline),
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
