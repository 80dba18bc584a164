"""Tables for a manuscript.

One frame of texts, rendered as a web page, LaTeX, Word and CSV with the same cells.

What a cell says is a template over the columns of an output, such as ``{x}/{n} ({share:%1} %)``, so that
numbers are rounded and P values written in one place.
"""

import html
import io
import re
import zipfile
from collections.abc import Mapping, Sequence

import pandas as pd

from crmo_analysis.files import InputError, csv_text
from crmo_analysis.models import p_text
from crmo_analysis.study import Codebook, describe, read_codebook

MISSING = "–"
ENDINGS = (".html", ".tex", ".docx", ".csv")
_PLACE = re.compile(r"\{([^{}:]+)(?::([^{}]*))?\}")
_NUMBER = re.compile(r"[<>≥≤-]?[\d.,]+([ /(–%-].*)?")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff\ud800-\udfff]")
_RIGHT_TO_LEFT = re.compile(r"[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff]")
_WIDE = 85  # characters that a LaTeX table of natural width can be wide
_LONG_WORD = 24
_STYLE = (
    "body {font: 0.95em/1.4 sans-serif} table {border-collapse: collapse} caption, td, th, p {text-align: "
    "start} "
    "caption {padding-bottom: 0.5em} td, th {padding: 0.2em 0.7em; vertical-align: top; overflow-wrap: "
    "anywhere} "
    "thead {border-top: 2px solid; border-bottom: 1px solid} tbody {border-bottom: 2px solid} "
    "td.number, th.number {text-align: end} p {font-size: 0.9em; margin: 0.3em 0}"
)


def fill(template: str, row: Mapping[str, object], codebook: Codebook | None = None) -> str:
    """Fill in a template from a row.

    Parameters
    ----------
    template : str
        Text with ``{column}``. After a colon stands how to write it: so many decimals (``:2``, rounded half
        up), a share in percent (``:%1``), a P value (``:p``, or ``:p_alone`` without its P), a name of the
        codebook or of a model in words (``:words``).
    row : mapping of str to object
    codebook : mapping of str to Variable, optional

    Returns
    -------
    str
        `MISSING` if every value is missing.

    Raises
    ------
    InputError
        If a column is not there, or is no number where one is needed.
    """
    if absent := [name for name, _ in _PLACE.findall(template) if name not in row]:
        raise InputError(
            f"'{template}': there is no column {', '.join(absent)}; there are {', '.join(map(str, row))}"
        )
    found = [row[name] for name, _ in _PLACE.findall(template)]
    if found and all(map(_is_missing, found)):
        return MISSING
    return _PLACE.sub(lambda place: _written(row[place[1]], place[2] or "", template, codebook), template)


def _is_missing(value: object) -> bool:
    return value == "" or bool(pd.isna(value))


def _written(value: object, how: str, template: str, codebook: Codebook | None) -> str:
    if _is_missing(value):
        return MISSING
    if not how:
        return f"{value:g}" if isinstance(value, float) else str(value)
    if how == "words":
        known = codebook if codebook is not None else read_codebook()
        return known[value].label if value in known else _capital(str(value).replace("_", " "))
    try:
        if how in ("p", "p_alone"):
            return p_text(float(value))[how == "p_alone" :].lstrip("=" if how == "p_alone" else "")
        if re.fullmatch(r"%?\d", how):
            return (describe.percent_text if how[0] == "%" else describe.rounded_text)(
                float(value), int(how[-1])
            )
    except (TypeError, ValueError):
        raise InputError(f"'{template}': {value!r} is no number, as :{how} needs") from None
    raise InputError(f"'{template}': cannot write :{how}; expected :2, :%1, :p, :p_alone or :words")


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def rounding(template: str) -> str:
    """Say how a template rounds."""
    said = {"p": "P value with 3 decimals, P<0.001 below", "p_alone": "P value with 3 decimals, <0.001 below"}
    ways = [how for _, how in _PLACE.findall(template) if how and how != "words"]
    each = [
        said.get(how) or f"{'percent with ' if '%' in how else ''}{how[-1]} decimals, half up" for how in ways
    ]
    return "; ".join(dict.fromkeys(each)) or "none"


def chosen(
    frame: pd.DataFrame, columns: Mapping[str, str] | None = None, only: Mapping | None = None
) -> pd.DataFrame:
    """Choose rows of an output and write its columns as texts.

    Parameters
    ----------
    frame : DataFrame
    columns : mapping of str to str, optional
        Heading to template, or to the name of a column; without it, every column as it is.
    only : mapping of str to object, optional
        Column to the value, or the list of values, that rows must have.

    Raises
    ------
    InputError
        If a column is not there, or no row is left.
    """
    for name, values in (only or {}).items():
        if name not in frame:
            raise InputError(f"only: there is no column {name}; there are {', '.join(frame)}")
        wanted = map(str, values if isinstance(values, list) else [values])
        frame = frame[frame[name].astype(str).isin(list(wanted))]
    if frame.empty:
        raise InputError("no row is left")
    templates = columns or {_capital(str(name).replace("_", " ")): name for name in frame}
    templates = {head: f"{{{text}}}" if text in frame else text for head, text in templates.items()}
    for head, text in templates.items():
        if not _PLACE.search(text):
            raise InputError(
                f"columns, {head}: there is no column {text!r}; there are {', '.join(map(str, frame))}"
            )
    codebook = read_codebook()
    rows = frame.to_dict("records")
    return pd.DataFrame(
        {head: [fill(text, row, codebook) for row in rows] for head, text in templates.items()}
    )


def render(frame: pd.DataFrame, label: str, caption: str, footnotes: Sequence[str] = ()) -> dict[str, bytes]:
    """Render a table four times, from the same texts; a footnote is added where cells have no value.

    Parameters
    ----------
    frame : DataFrame
        Texts, as from `chosen`.
    label : str
        Such as "Table 1".
    caption : str
    footnotes : sequence of str

    Returns
    -------
    dict of str to bytes
        By ending: .html, .tex, .docx, .csv. The same table gives the same bytes.

    Raises
    ------
    InputError
        If a text has a character that no document can hold.
    """
    frame = frame.astype(str)
    missing = int((frame == MISSING).sum().sum())
    if missing:
        footnotes = [
            *footnotes,
            f"{MISSING}: no value is printed, or none can be estimated ({missing} of {frame.size}).",
        ]
    for text in [label, caption, *footnotes, *frame.columns, *frame.to_numpy().ravel()]:
        if found := _CONTROL.search(text):
            raise InputError(
                f"{label}: the text {text[:60]!r} has the control character {found[0]!r}; take it out"
            )
    made = {".html": _html, ".tex": _latex, ".docx": _word}
    files = {ending: make(frame, label, caption, footnotes) for ending, make in made.items()}
    return files | {".csv": csv_text(frame).encode()}


def _are_numbers(frame: pd.DataFrame) -> list[bool]:
    return [all(text == MISSING or _NUMBER.fullmatch(text) for text in frame[name]) for name in frame]


def _html(frame, label, caption, footnotes) -> bytes:
    kinds = [' class="number"' if each else "" for each in _are_numbers(frame)]
    head = [f'<th scope="col" dir="auto"{k}>{html.escape(n)}</th>' for n, k in zip(frame, kinds, strict=True)]
    rows = [
        "".join(
            f'<td dir="auto"{kind}>{html.escape(text)}</td>' for text, kind in zip(row, kinds, strict=True)
        )
        for row in frame.itertuples(index=False)
    ]
    notes = [f'<p dir="auto">{html.escape(note)}</p>' for note in footnotes]
    lines = [
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{html.escape(label)}</title>',
        f"<style>{_STYLE}</style></head><body>\n<table>",
        f'<caption dir="auto"><strong>{html.escape(label)}.</strong> {html.escape(caption)}</caption>',
        f"<thead><tr>{''.join(head)}</tr></thead>\n<tbody>",
        *(f"<tr>{row}</tr>" for row in rows),
        "</tbody></table>",
        *notes,
        "</body></html>",
    ]
    return ("\n".join(lines) + "\n").encode()


_LATEX = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "_": r"\_",
    "%": r"\%",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", '"': r"\textquotedbl{}", "≥": r"$\geq$", "≤": r"$\leq$", "≈": r"$\approx$",
    "×": r"$\times$",
    "²": r"$^{2}$", "³": r"$^{3}$", "→": r"$\rightarrow$", "–": "--", "…": r"\ldots{}", "ρ": r"$\rho$",
    "τ": r"$\tau$", "κ": r"$\kappa$", "χ": r"$\chi$", "µ": r"$\mu$", "μ": r"$\mu$", "α": r"$\alpha$",
    "β": r"$\beta$",
}  # fmt: skip


def latex(text: str) -> str:
    """Escape a text for LaTeX; words that are very long may be broken."""
    words = re.split(r"(\s+)", text)
    parts = [[word[i : i + _LONG_WORD] for i in range(0, len(word), _LONG_WORD)] for word in words]
    return "".join(
        r"\hspace{0pt}".join("".join(_LATEX.get(letter, letter) for letter in part) for part in word)
        for word in parts
    ).replace("\n", r"\newline{}")


def _latex(frame, label, caption, footnotes) -> bytes:
    longest = [max(len(text) for text in [name, *frame[name]]) for name in frame]
    numbers = _are_numbers(frame)
    kinds = ["r" if number else "l" for number in numbers]
    size = r"\small"
    if sum(longest) + 2 * len(longest) > _WIDE:
        # As shares of the line: what short columns take, the longest word of each wide one, and the rest by
        # length.
        wide = {i: min(length, 60) for i, length in enumerate(longest) if length > 12}
        words = {
            i: max(len(word) for text in [frame.columns[i], *frame.iloc[:, i]] for word in text.split())
            for i in wide
        }
        least = {i: 0.0115 * min(word, _LONG_WORD) for i, word in words.items()}
        room = 0.98 - sum(0.0115 * length for i, length in enumerate(longest) if i not in wide)
        room -= 0.019 * len(longest) + sum(least.values())
        size = size if room > 0 else r"\footnotesize"
        for i, length in wide.items():
            share = least[i] + max(0, room) * length / sum(wide.values())
            kinds[i] = rf">{{\raggedright\arraybackslash}}p{{{share:.3f}\linewidth}}"
    text = "\n".join([label, caption, *footnotes, *frame.columns, *frame.to_numpy().ravel()])
    lines = [
        r"% needs \usepackage{booktabs,longtable,array,textcomp} and, for pdfLaTeX, \usepackage[T1]{fontenc}"
    ]
    if _RIGHT_TO_LEFT.search(text):
        lines.append(r"% has text from right to left: use LuaLaTeX with \usepackage[bidi=basic]{babel}")
    lines += [
        rf"\noindent\textbf{{{latex(label)}.}} {latex(caption)}\par\nobreak",
        rf"\begingroup{size}\setlength{{\tabcolsep}}{{4pt}}",
    ]
    lines += [rf"\begin{{longtable}}{{@{{}}{''.join(kinds)}@{{}}}}", r"\toprule"]
    # A row that starts with a bracket would be taken for an option of the line before it.
    lines += [" & ".join(map(latex, frame)) + r" \\", r"\midrule", r"\endhead", r"\bottomrule", r"\endfoot"]
    lines += ["{}" + " & ".join(map(latex, row)) + r" \\" for row in frame.itertuples(index=False)]
    lines += [r"\end{longtable}", r"\endgroup"]
    lines += [rf"\noindent{{\footnotesize {latex(note)}}}\par" for note in footnotes]
    return ("\n".join(lines) + "\n").encode()


def _word(frame, label, caption, footnotes) -> bytes:
    # Here, not at the top: only a manuscript needs it.
    import docx
    from docx.enum.text import WD_ALIGN_PARAGRAPH
    from docx.shared import Pt

    document = docx.Document()
    properties = document.core_properties
    properties.author, properties.title, properties.comments = "", label, ""
    for element in list(properties._element):
        if element.tag.rpartition("}")[2] in ("created", "modified"):
            properties._element.remove(element)
    head = document.add_paragraph()
    _runs(head, ((f"{label}. ", True), (caption, False)), Pt(10))
    head.paragraph_format.keep_with_next = True
    table = document.add_table(rows=1 + len(frame), cols=len(frame.columns))
    numbers = _are_numbers(frame)
    for place, texts in enumerate([tuple(frame.columns), *frame.itertuples(index=False)]):
        # Cells of a row, not of the table: python-docx lays out the whole table for each of those.
        for cell, text, number in zip(table.rows[place].cells, texts, numbers, strict=True):
            _runs(cell.paragraphs[0], ((text, place == 0),), Pt(9))
            if number:
                cell.paragraphs[0].alignment = WD_ALIGN_PARAGRAPH.RIGHT
            _lines(cell, top=12 * (place == 0), bottom={0: 6, len(frame): 12}.get(place, 0))
    table.rows[0]._tr.get_or_add_trPr().append(_element("tblHeader"))
    for note in footnotes:
        _runs(document.add_paragraph(), ((note, False),), Pt(8))
    buffer = io.BytesIO()
    document.save(buffer)
    return _without_times(buffer.getvalue())


def _runs(paragraph, texts, size) -> None:
    is_reversed = _RIGHT_TO_LEFT.search("".join(text for text, _ in texts))
    paragraph.paragraph_format.space_after = 0
    for text, bold in texts:
        run = paragraph.add_run(text)
        run.font.size, run.font.bold = size, bold
        if is_reversed:
            run.font.rtl = True
    if is_reversed:
        # A place of its own in the order that Word wants: before the spacing.
        paragraph._p.get_or_add_pPr().insert_element_before(_element("bidi"), "w:spacing", "w:jc", "w:rPr")


def _lines(cell, **widths) -> None:
    borders = _element("tcBorders")
    for side, width in widths.items():
        if width:
            borders.append(_element(side, val="single", sz=str(width), color="000000"))
    cell._tc.get_or_add_tcPr().append(borders)


def _element(name, **attributes):
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn

    element = OxmlElement(f"w:{name}")
    for key, value in attributes.items():
        element.set(qn(f"w:{key}"), value)
    return element


def _without_times(content: bytes) -> bytes:
    """Return a zip archive with the times of its entries set to the first that there is."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(buffer, "w") as new:
        for name in old.namelist():
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.compress_type, entry.create_system, entry.external_attr = (
                zipfile.ZIP_DEFLATED,
                3,
                0o600 << 16,
            )
            new.writestr(entry, old.read(name))
    return buffer.getvalue()
