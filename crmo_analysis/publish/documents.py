"""Documents of a manuscript: one source, in Markdown, as Word, LaTeX and a web page, by pandoc.

Tables, figures and page breaks are put in as parts of pandoc's own tree, so that no sign of a cell can be
taken for markup. Signs of numbers (decimal point, P) become a journal's there, before references are written.
"""

import io
import json
import os
import re
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from crmo_analysis.display import canvas
from crmo_analysis.files import InputError

FORMATS = {"docx": "docx", "tex": "latex", "html": "html5"}  # by ending, what pandoc calls them
PICTURES = {"docx": "png", "tex": "pdf", "html": "svg"}
_PICTURE = ".picture"  # the ending of a figure's file, until the format is known
NO_PANDOC = (
    "pandoc is not there, which writes the documents; install it with pip install 'crmo_analysis[manuscript]'"
)
MISSING = "–"
LINE, LONG_LINE = 100, 160  # letters of a table across a page, and across one that is wider than high
_NUMBER = re.compile(r"[<>≥≤−-]?[\d.,]+([ /(–%−-].*)?")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff\ud800-\udfff]")
_LONG_WORD = 24  # letters of a word that may be broken where a line has no room for all


@dataclass(frozen=True)
class Signs:
    """How a journal writes numbers: decimal sign, P or p, in italics or not, with a zero before or not."""

    decimal: str = "."
    p: str = "P"
    italic: bool = False
    zero: bool = True

    @property
    def of_texts(self) -> dict[str, object]:
        """What `canvas.signed` takes: the signs that plain text can have, as in figures."""
        return {"decimal": self.decimal, "p": self.p, "zero": self.zero}

    def inlines(self, text: str, is_p: bool = False) -> list[dict]:
        """Write a text as pandoc's inline parts, with the signs; `is_p` for a cell of a P value alone."""
        text = canvas.signed(text, **self.of_texts, is_p=is_p)
        if not self.italic:
            return inlines(text)
        parts = re.split(rf"(?<![\w.]){self.p}(?!\w|\. ?[a-z\d])", text)
        found = inlines(parts[0])
        for part in parts[1:]:
            kept = re.sub("^ ([=<>≤≥]) ", "\u00a0\\1\u00a0", part)
            found += [{"t": "Emph", "c": inlines(self.p)}, *inlines(kept)]
        return found


def inlines(text: str) -> list[dict]:
    """Write a text as pandoc's inline parts, words, blanks and line breaks, with the quotes of a printer."""
    text = re.sub(r'"([^"]*)"', r"“\1”", text).replace("'", "’")
    found: list[dict] = []
    for part in re.split(r"( +|\n)", text):
        if part == "\n":
            found.append({"t": "LineBreak"})
        elif part.strip(" "):
            found.append({"t": "Str", "c": part})
        elif part:
            found.append({"t": "Space"})
    return found


def table_blocks(
    frame: pd.DataFrame, label: str, caption: str, notes: Sequence[str], signs: Signs, line: int = LINE
) -> list[dict]:
    """Write a frame of texts as a table of pandoc's tree, its caption above and its notes below.

    The page is `line` letters wide.

    Raises
    ------
    InputError
        If a text has a character that no document can hold.
    """
    frame = frame.astype(str)
    if (frame == MISSING).any(axis=None):
        notes = [*notes, f"{MISSING}: no value is printed, or none can be estimated."]
    for text in [label, caption, *notes, *frame.columns, *frame.to_numpy().ravel()]:
        if found := _CONTROL.search(text):
            raise InputError(
                f"{label}: the text {text[:60]!r} has the control character {found[0]!r}; take it out"
            )
    numbers = [all(t == MISSING or _NUMBER.fullmatch(t) for t in frame[name]) for name in frame]
    quoted = ["(printed)" in name for name in frame]  # as a study prints it, not as the journal would
    ps = [bool(re.match(r"P\b", name)) for name in frame]
    head = [_cell(signs.inlines(name)) for name in frame]
    rows = [
        [
            _cell(inlines(text) if as_it_is else signs.inlines(text, is_p))
            for text, is_p, as_it_is in zip(row, ps, quoted, strict=True)
        ]
        for row in frame.itertuples(index=False)
    ]
    columns = [
        [{"t": "AlignRight" if number else "AlignLeft"}, {"t": "ColWidth", "c": width}]
        for number, width in zip(numbers, _widths(frame, line), strict=True)
    ]
    table = {
        "t": "Table",
        "c": [
            _attributes(label.replace(" ", "-")),
            [None, [_paragraph(_labelled(label, caption, signs), "Plain")]],
            columns,
            [_attributes(), [[_attributes(), head]]],
            [[_attributes(), 0, [], [[_attributes(), row] for row in rows]]],
            [_attributes(), []],
        ],
    }
    return [table, *(_styled(signs.inlines(note), "note", "Table Note") for note in notes)]


def figure_blocks(label: str, caption: str, alt: str, file: str, width: float, signs: Signs) -> list[dict]:
    """Write a picture, at its width in millimetres, as a figure of pandoc's tree, with its caption below."""
    size = [["width", f"{width:g}mm"], ["alt", alt]]
    image = {"t": "Image", "c": [_attributes(pairs=size), inlines(alt), [f"{file}{_PICTURE}", ""]]}
    caption_of = [None, [_paragraph(_labelled(label, caption, signs), "Plain")]]
    name = _attributes(label.replace(" ", "-"))
    return [{"t": "Figure", "c": [name, caption_of, [_paragraph([image], "Plain")]]}]


def page_break() -> list[dict]:
    """Start a new page, in Word and LaTeX."""
    word = '<w:p><w:pPr><w:suppressLineNumbers/></w:pPr><w:r><w:br w:type="page"/></w:r></w:p>'
    return [{"t": "RawBlock", "c": ["openxml", word]}, {"t": "RawBlock", "c": ["latex", r"\clearpage"]}]


def parsed(text: str) -> dict:
    """Read Markdown as pandoc's tree."""
    reader = "markdown-implicit_figures-raw_html-raw_tex-tex_math_dollars"
    return json.loads(_pandoc([f"--from={reader}", "--to=json"], text.encode()))


def signed(node: object, signs: Signs) -> object:
    """Write every text of a tree with a journal's signs, but for citations, links and code."""
    if isinstance(node, list):
        if any(isinstance(part, dict) and part.get("t") == "Str" for part in node):
            return _signed_inlines(node, signs)
        return [signed(part, signs) for part in node]
    if isinstance(node, dict) and node.get("t") not in ("Cite", "Link", "Code", "RawInline", "RawBlock"):
        return {key: signed(part, signs) for key, part in node.items()}
    return node


def _signed_inlines(parts: Sequence[dict], signs: Signs) -> list[dict]:
    """Write runs of words with the signs; other parts on their own."""
    found, run = [], []
    for part in [*parts, None]:
        if part is not None and part["t"] in ("Str", "Space", "SoftBreak"):
            run.append(part.get("c", " "))
            continue
        found += signs.inlines("".join(run))
        run = []
        found += [signed(part, signs)] if part is not None else []
    return found


def words_of(blocks: Iterable[dict]) -> int:
    """Count the words of a tree, as Word does; figures and tables do not count."""
    text = " ".join(_strings([block for block in blocks if block["t"] not in ("Table", "Figure")]))
    return len(text.split())


def sections(blocks: Sequence[dict]) -> dict[str, list[dict]]:
    """Return the blocks under each heading of the first level, by its text."""
    found: dict[str, list[dict]] = {"": []}
    name = ""
    for block in blocks:
        if block["t"] == "Header" and block["c"][0] == 1:
            (name,) = headings([block])
        found.setdefault(name, []).append(block)
    return found


def headings(blocks: Sequence[dict]) -> list[str]:
    """Return the texts of all headings."""
    found = [" ".join(_strings(block["c"][2])) for block in blocks if block["t"] == "Header"]
    return [" ".join(text.split()) for text in found]


def render(
    tree: dict, stem: str, references: Sequence[Mapping], style: Path, folder: Path, like: str = "manuscript"
) -> dict[str, bytes]:
    """Write a tree as Word, LaTeX and a web page.

    Parameters
    ----------
    tree : dict
        Pandoc's.
    stem : str
        Name of the files.
    references : sequence of mapping
        In CSL's JSON.
    style : Path
        A CSL style; beside it are the looks of documents.
    folder : Path
        What the names of figures are relative to.
    like : str
        Whose look to take: "manuscript", or "supplement" for pages wider than high, as for long tables.

    Returns
    -------
    dict of str to bytes
        By file name. The same tree gives the same bytes.

    Raises
    ------
    InputError
        If pandoc is not there, or warns of anything.
    """
    own = {
        "docx": [f"--reference-doc={like}.docx"],
        "tex": ["--include-in-header=signs.tex", f"--include-in-header={like}.tex"],
        "html": ["--include-in-header=page.html", "--embed-resources", "--section-divs"],
    }
    common = ["--from=json", "--standalone", "--citeproc", f"--csl={style.name}", "--fail-if-warnings"]
    common += ["--bibliography=references.json", f"--resource-path={folder.absolute()}"]
    common += ["--metadata=notes-after-punctuation:true"]  # numbers of references that are raised
    given = json.dumps(tree)
    with tempfile.TemporaryDirectory() as temporary:
        # By names without a folder: Word's properties hold them.
        place = shutil.copytree(style.parent, Path(temporary) / "styles")
        (place / "references.json").write_text(json.dumps(list(references)), encoding="utf-8")

        def made(ending: str) -> bytes:
            text = given.replace(f'{_PICTURE}"', f'.{PICTURES[ending]}"')
            return _pandoc([*common, f"--to={FORMATS[ending]}", *own[ending]], text.encode(), place)

        with ThreadPoolExecutor() as workers:
            contents = dict(zip(FORMATS, workers.map(made, FORMATS), strict=True))
    contents["docx"] = _without_times(contents["docx"])
    return {f"{stem}.{ending}": content for ending, content in contents.items()}


def _without_times(content: bytes) -> bytes:
    """Return a zip archive with the times of its entries set to the first that there is."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(buffer, "w") as new:
        for name in old.namelist():
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.compress_type, entry.create_system = zipfile.ZIP_DEFLATED, 3
            entry.external_attr = 0o600 << 16
            new.writestr(entry, old.read(name))
    return buffer.getvalue()


def _pandoc(arguments: Sequence[str], given: bytes, folder: Path | None = None) -> bytes:
    environment = {**os.environ, "SOURCE_DATE_EPOCH": "315532800"}
    done = subprocess.run(
        [_program(), *arguments], input=given, capture_output=True, env=environment, cwd=folder
    )
    if done.returncode:
        said = " ".join(done.stderr.decode(errors="replace").split())
        raise InputError(f"pandoc could not write the document: {said[:400]}")
    return done.stdout


@cache
def _program() -> str:
    try:
        import pypandoc

        return pypandoc.get_pandoc_path()
    except (ImportError, OSError):
        raise InputError(NO_PANDOC) from None


def _strings(node: object) -> Iterable[str]:
    """Yield the texts of a part of a tree, in order; a blank for a space."""
    if isinstance(node, list):
        for part in node:
            yield from _strings(part)
    elif isinstance(node, dict):
        if node.get("t") == "Str":
            yield node["c"]
        elif node.get("t") != "Cite":
            yield from _strings(node.get("c", []))


def _attributes(name: str = "", classes: Sequence[str] = (), pairs: Sequence = ()) -> list:
    return [name, list(classes), [list(pair) for pair in pairs]]


def _paragraph(parts: list[dict], kind: str = "Para") -> dict:
    return {"t": kind, "c": parts}


def _styled(parts: list[dict], name: str, style: str) -> dict:
    return {"t": "Div", "c": [_attributes("", [name], [["custom-style", style]]), [_paragraph(parts)]]}


def _labelled(label: str, caption: str, signs: Signs) -> list[dict]:
    return [{"t": "Strong", "c": inlines(f"{label}.")}, {"t": "Space"}, *signs.inlines(caption)]


def _cell(parts: list[dict]) -> list:
    filled = parts or inlines("\u00a0")  # Word sets an empty cell as high as two lines of text
    return [_attributes(), {"t": "AlignDefault"}, 1, 1, [_paragraph(filled, "Plain")]]


def _widths(frame: pd.DataFrame, line: int) -> list[float]:
    """Share the line among columns: to each its longest word, the rest where it makes the table shortest."""
    if frame.columns.empty:
        return []
    texts = [[str(name), *frame[name]] for name in frame]
    words = np.array([max(len(word) for text in column for word in [*text.split(), ""]) for column in texts])
    room = line - 3 * len(words)  # the space between columns
    longer = range(words.max(), _LONG_WORD, -1)
    longest = next((most for most in longer if np.minimum(words, most).sum() <= room), _LONG_WORD)
    widths = np.minimum(words, longest) + 3
    lengths = np.array([[len(text) + 3 for text in column] for column in texts])
    while widths.sum() < line:
        wider = widths + np.eye(len(widths), dtype=int)
        lines = np.maximum(1, lengths / wider[:, :, None]).max(axis=1).sum(axis=1)
        widths = wider[lines.argmin()]
    return [round(share / widths.sum(), 4) for share in widths.tolist()]
