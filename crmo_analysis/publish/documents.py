"""Documents of a manuscript: one source, in Markdown, as Word, LaTeX and a web page, by pandoc.

Tables, figures and page breaks are put in as parts of pandoc's own tree, so that no sign of a cell can be
taken for markup. Signs of numbers (decimal point, P) become a journal's there, before references are written.
"""

import json
import os
import re
import subprocess
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pandas as pd

from crmo_analysis.display import canvas
from crmo_analysis.files import InputError
from crmo_analysis.publish.word_format import reference, without_times

FORMATS = {"docx": "docx", "tex": "latex", "html": "html5"}  # by ending, what pandoc calls them
PICTURES = {"docx": "png", "tex": "pdf", "html": "svg"}
_PICTURE = ".picture"  # the ending of a figure's file, until the format is known
NO_PANDOC = (
    "pandoc is not there, which writes the documents; install it with pip install 'crmo_analysis[manuscript]'"
)
MISSING = "–"
_NUMBER = re.compile(r"[<>≥≤−-]?[\d.,]+([ /(–%−-].*)?")
_RIGHT_TO_LEFT = re.compile(r"[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff]")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff\ud800-\udfff]")
_LONG_WORD = 24
_PREAMBLE = r"""\usepackage{caption}
\captionsetup{labelformat=empty,justification=raggedright,singlelinecheck=false}
\IfFileExists{float.sty}{\usepackage{float}\floatplacement{figure}{H}}{}
"""
_SIGNS = {
    "2212": "-",
    "2265": r"\geq",
    "2264": r"\leq",
    "2248": r"\approx",
    "2192": r"\rightarrow",
    "00B7": r"\cdot",
}
_SIGNS |= {
    "03C1": r"\rho",
    "03C4": r"\tau",
    "03BA": r"\kappa",
    "03C7": r"\chi",
    "03B1": r"\alpha",
    "03B2": r"\beta",
}
_SIGNS |= {"00B2": "^{2}", "00B3": "^{3}", "00D7": r"\times", "03BC": r"\mu", "2009": r"\,", "202F": r"\,"}
_DECLARED = "".join(
    rf"\DeclareUnicodeCharacter{{{code}}}{{\ensuremath{{{sign}}}}}" for code, sign in _SIGNS.items()
)
_LATEX = rf"{_PREAMBLE}\ifPDFTeX{_DECLARED}\fi"
_STYLE = """<style>
html {background: none; color: #1a1a1a}
body {font: 1.05rem/1.55 "Times New Roman", Times, serif; max-width: 46rem; margin: 0 auto;
  padding: 2rem 1.2rem}
table {border-collapse: collapse; border-top: 2px solid; border-bottom: 2px solid; font-size: .82rem;
  line-height: 1.3; margin: 1rem 0 .4rem; width: 100%}
thead {border-bottom: 1px solid} th, td {padding: .2rem .6rem; vertical-align: top; overflow-wrap: break-word}
caption {text-align: left; padding-bottom: .4rem; font-size: .95rem}
figure {margin: 1.5rem 0} figure img {max-width: 100%; height: auto} figcaption {font-size: .95rem}
.note {font-size: .85rem; margin: .2rem 0}
@media print {body {max-width: none; padding: 0} tr, figure {break-inside: avoid} h1 {break-after: avoid}}
</style>"""


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
        parts = re.split(rf"(?<![A-Za-z]){self.p}(?= [=<>≤≥])", text)
        found = inlines(parts[0])
        for part in parts[1:]:
            found += [{"t": "Emph", "c": inlines(self.p)}, *inlines(part.replace(" ", "\u00a0", 2))]
        return found


def inlines(text: str) -> list[dict]:
    """Write a text as pandoc's inline parts: words, blanks and line breaks."""
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
    frame: pd.DataFrame, label: str, caption: str, notes: Sequence[str], signs: Signs
) -> list[dict]:
    """Write a frame of texts as a table of pandoc's tree, its caption above and its notes below.

    Raises
    ------
    InputError
        If a text has a character that no document can hold.
    """
    frame = frame.astype(str)
    missing = int((frame == MISSING).sum().sum())
    if missing:
        told = f"no value is printed, or none can be estimated ({missing} of {frame.size})."
        notes = [*notes, f"{MISSING}: {told}"]
    for text in [label, caption, *notes, *frame.columns, *frame.to_numpy().ravel()]:
        if found := _CONTROL.search(text):
            raise InputError(
                f"{label}: the text {text[:60]!r} has the control character {found[0]!r}; take it out"
            )
    numbers = [all(t == MISSING or _NUMBER.fullmatch(t) for t in frame[name]) for name in frame]
    ps = [bool(re.match(r"P\b", name)) for name in frame]
    head = [_cell(signs.inlines(name)) for name in frame]
    rows = [
        [_cell(signs.inlines(text, is_p)) for text, is_p in zip(row, ps, strict=True)]
        for row in frame.itertuples(index=False)
    ]
    columns = [
        [{"t": "AlignRight" if number else "AlignLeft"}, {"t": "ColWidth", "c": width}]
        for number, width in zip(numbers, _widths(frame), strict=True)
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
    word = '<w:p><w:r><w:br w:type="page"/></w:r></w:p>'
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
            name = " ".join(" ".join(_strings(block["c"][2])).split())
        found.setdefault(name, []).append(block)
    return found


def headings(blocks: Sequence[dict]) -> list[str]:
    """Return the texts of all headings."""
    found = [" ".join(_strings(block["c"][2])) for block in blocks if block["t"] == "Header"]
    return [" ".join(text.split()) for text in found]


def render(
    tree: dict, stem: str, references: Sequence[Mapping], style: Path, folder: Path, is_wide: bool = False
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
        A CSL style.
    folder : Path
        What the names of figures are relative to.
    is_wide : bool
        Whether pages are wider than high, with single spacing, as for long tables.

    Returns
    -------
    dict of str to bytes
        By file name. The same tree gives the same bytes.

    Raises
    ------
    InputError
        If pandoc is not there, or warns of anything.
    """
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary)
        (place / "references.json").write_text(json.dumps(list(references)), encoding="utf-8")
        (place / "reference.docx").write_bytes(_word_styles(is_wide))
        (place / "preamble.tex").write_text(_preamble(is_wide), encoding="utf-8")
        (place / "style.html").write_text(_STYLE, encoding="utf-8")
        (place / "style.csl").write_bytes(style.read_bytes())
        # By names without a folder: Word's properties hold them.
        common = ["--from=json", "--standalone", "--citeproc", "--csl=style.csl", "--fail-if-warnings"]
        common += ["--bibliography=references.json", f"--resource-path={folder.absolute()}"]
        own = {
            "docx": ["--reference-doc=reference.docx"],
            "tex": ["--include-in-header=preamble.tex"],
            "html": ["--include-in-header=style.html", "--embed-resources", "--section-divs"],
        }
        given = json.dumps(tree)

        def made(ending: str) -> bytes:
            text = given.replace(f'{_PICTURE}"', f'.{PICTURES[ending]}"')
            return _pandoc([*common, f"--to={FORMATS[ending]}", *own[ending]], text.encode(), place)

        with ThreadPoolExecutor() as workers:
            contents = dict(zip(FORMATS, workers.map(made, FORMATS), strict=True))
    contents["docx"] = without_times(contents["docx"])
    return {f"{stem}.{ending}": content for ending, content in contents.items()}


@cache
def _word_styles(is_wide: bool) -> bytes:
    return reference(_pandoc(["--print-default-data-file=reference.docx"], b""), is_wide)


def _preamble(is_wide: bool) -> str:
    if is_wide:
        return rf"{_LATEX}\usepackage[landscape,margin=20mm]{{geometry}}\AtBeginDocument{{\footnotesize}}"
    lines = r"\IfFileExists{lineno.sty}{\usepackage{lineno}\AtBeginDocument{\linenumbers}}{}"
    return rf"{_LATEX}{lines}\usepackage[margin=25mm]{{geometry}}\linespread{{1.6}}"


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
    text = "".join(_strings(parts))
    if _RIGHT_TO_LEFT.search(text):
        parts = [{"t": "Span", "c": [_attributes(pairs=[["dir", "rtl"]]), parts]}]
    return [_attributes(), {"t": "AlignDefault"}, 1, 1, [_paragraph(parts, "Plain")]]


def _widths(frame: pd.DataFrame) -> list[float]:
    """Share the line among columns: to each its longest word, that none is split, the rest by length."""
    texts = [[name, *frame[name]] for name in frame]
    words = [max(len(word) for text in column for word in [*text.split(), ""]) for column in texts]
    least = [min(word, _LONG_WORD) + 3 for word in words]  # and the space between columns
    longest = [min(max(map(len, column)), 110) + 3 for column in texts]
    spare = [max(0, most - few) for most, few in zip(longest, least, strict=True)]
    room = max(0, 100 - sum(least))
    shares = [few + room * more / max(1, sum(spare)) for few, more in zip(least, spare, strict=True)]
    return [round(share / max(100, sum(shares)), 4) for share in shares]
