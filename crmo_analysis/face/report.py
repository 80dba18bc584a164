"""One page about a cohort, for a clinician: who is in it, lesions and severity, published numbers, power."""

import base64
import html
import re
from dataclasses import dataclass
from functools import partial

import pandas as pd

from crmo_analysis import files
from crmo_analysis.display import canvas
from crmo_analysis.face.associations import associations
from crmo_analysis.face.cohorts import Cohort, compare
from crmo_analysis.face.pages import as_html
from crmo_analysis.face.plans import plan
from crmo_analysis.face.relations import Relation, relate
from crmo_analysis.face.results import Result, filled
from crmo_analysis.files import CrmoError, UnfitError
from crmo_analysis.study import read_codebook

IMAGING = ("marrow_edema", "periosteal_reaction", "bone_expansion", "lytic_lesion")
TRUTHS = {"weak": 0.3, "moderate": 0.5, "strong": 0.7}  # correlations before scores and counts are cut
_DOUBTED = " †"
_STYLE = (
    "body{font-family:system-ui,sans-serif;max-width:58em;margin:2em auto;padding:0 1em;line-height:1.5;"
    "color:#222}h1{margin-bottom:.2em}h2{margin-top:2em;border-bottom:2px solid #2a6592;color:#2a6592}"
    "table{border-collapse:collapse;width:100%;font-size:.9em}th{text-align:left;background:#eef3f7}"
    "td,th{padding:.25em .6em;border-bottom:1px solid #ddd;vertical-align:top}"
    "tr:hover{background:#f7f7f2}figure{margin:1.5em 0}img{max-width:100%}figcaption,details{color:#555}"
    "summary{cursor:pointer;margin:1em 0}@media print{details{display:none}tr,figure{break-inside:avoid}"
    "h2,h3,p:has(>strong){break-after:avoid}}"
    "@media screen and (max-width:45em){ul{padding-left:1.2em}.wide{overflow-x:auto}"
    ".wide img{width:46em;max-width:none}"
    ".wide::before{content:'Move the figure sideways to see all of it.';font-size:.8em;position:sticky;"
    "left:0}"
    ".crmo-table:has(th:nth-child(5))::before{content:'Move the table sideways to see all of it.';"
    "font-size:.8em;order:-1;position:sticky;left:0}.crmo-table table.crmo{font-size:.8em}"
    ".crmo-table table.crmo.crmo :is(td,th){padding:.2em .3em;min-width:0}}"
)


@dataclass(frozen=True)
class Page:
    """HTML that needs no other file, and by name the tables that it shows, to look at what they tell."""

    html: str
    tables: dict[str, pd.DataFrame]


def report(
    cohort: Cohort,
    outcome: str = "clinical_severity",
    exposure: str = "n_lesions",
    resamples: int = 10_000,
    file: str = "",
) -> Page:
    """Write a page about a cohort, in which what the cohort hides stays hidden.

    It is about the relation of `outcome` and `exposure`, variables of the codebook, beside other imaging
    parameters, with so many `resamples` of the bootstrap. A part that cannot be made says why. `file` is the
    name of the file that was read, without its folder; no date is told, so that the same file gives the same
    page.
    """
    tables: dict[str, pd.DataFrame] = {}
    parts = [
        ("Participants", lambda: _introduced(cohort, file)),
        ("Description", lambda: _described(cohort, tables)),
        ("Lesions and severity", lambda: _relation(cohort, outcome, exposure, resamples, tables)),
        ("Beside published numbers", lambda: _compared(cohort, tables)),
        ("What a study of this size finds", lambda: _power(len(cohort))),
    ]
    body = "".join(f"<h2>{title}</h2>{_made(make)}" for title, make in parts)
    title = html.escape(cohort.named)
    head = f'<meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style>'
    text = f'<!DOCTYPE html><html lang="en"><head>{head}</head><body><h1>{title}</h1>{body}</body></html>\n'
    return Page(text, tables)


def _made(make) -> str:
    try:
        return make()
    except CrmoError as why:  # what to do about it is for who made the page
        said = re.sub(r"'?\b([a-z]\w*_\w+)\b'?", _label, str(why).partition(";")[0])
        return f"<p>Not shown: {html.escape(said)}.</p>"


def _label(name: re.Match) -> str:
    """Write a variable as the codebook calls it."""
    book = read_codebook()
    return f"‘{book[name[1]].label}’" if name[1] in book else name[0]


def _text(said: str) -> str:
    """Write a sentence into the page, with true minus signs."""
    return html.escape(re.sub(r"(?<=[\s(])-(?=\d)", "−", said))


def _listed(sentences) -> str:
    return f"<ul>{''.join(f'<li>{_text(sentence)}</li>' for sentence in sentences)}</ul>"


def _folded(summary: str, content: str) -> str:
    """Write what few readers ask for, to be opened; it is not printed."""
    return f"<details><summary>{html.escape(summary)}</summary>{content}</details>"


def _introduced(cohort: Cohort, file: str) -> str:
    """Say whose patients these are; how the file was read is for who sent it."""
    notes = {files.markdown(note) for note in cohort.notes}
    said = [sentence for sentence in cohort.introduced() if sentence not in notes]
    plain = [re.sub(r"\\(.)", r"\1", sentence.replace("**", "")) for sentence in said]
    plain += [f"Read from {file}."] if file else []
    return _listed(plain) + (_folded("How the file was read", _listed(cohort.notes)) if notes else "")


def _described(cohort: Cohort, tables: dict) -> str:
    """Describe who is in it, and what is missing, most first."""
    described = cohort.describe()
    tables["description"] = described.frame
    lacking = described.frame[described.frame["missing"] > 0].sort_values(
        "missing", ascending=False, kind="stable"
    )
    said = [f"{row.variable}: {row.missing} of {len(cohort)} patients" for row in lacking.itertuples()]
    missing = (
        _listed(said) if said else "<p>Nothing: every variable of the table is known of every patient.</p>"
    )
    shown = described.frame.drop(columns="missing").drop_duplicates()
    shown["variable"] = shown["variable"].map(partial(_marked, cohort.doubted))
    few = cohort.smallest
    why = (
        "<p>Of numbers the median alone is shown: the smallest and the largest value are one patient's each, "
        f"and beyond a quartile are few. Beside published quartiles those of {4 * few} patients and more are "
        "shown.</p>"
    )
    return f"{as_html(shown, '')}{_doubts(shown)}{why * bool(few)}<h3>What is missing</h3>{missing}"


def _doubts(shown: pd.DataFrame) -> str:
    """Say what a mark in a table means, if one is there."""
    is_marked = shown.map(lambda cell: str(cell).endswith(_DOUBTED)).any(axis=None)
    said = f"<p>{_DOUBTED} A warning is about this column of the file: crmo validate says which.</p>"
    return said * bool(is_marked)


def _marked(doubted: tuple[str, ...], shown: str) -> str:
    """Mark a variable, by its label before a unit or a category, that a warning is about."""
    labels = "|".join(re.escape(read_codebook()[name].label) for name in doubted if name in read_codebook())
    is_doubted = labels and re.match(rf"({labels})(?=[,:]|$)", shown, re.IGNORECASE)
    return f"{shown}{_DOUBTED}" if is_doubted else shown


def _table(result: Result, heading: str = "") -> str:
    return as_html(result.frame, heading or result.heading)


def _relation(cohort: Cohort, outcome: str, exposure: str, resamples: int, tables: dict) -> str:
    also = [name for name in IMAGING if name in cohort.patients and name != exposure]
    relation: Relation = relate(cohort, outcome, exposure, also, resamples=resamples)
    tables["estimates"] = relation.frame
    said = _listed([relation.counted(), *relation.notes, *relation.sentences()])
    figures = _figure(relation.scatter(), "{exposure} and {outcome}: Spearman {r:.2f}")
    if also:
        figures += _figure(relation.forest(), "Which imaging parameter goes with severity?")
    return said + figures


def _compared(cohort: Cohort, tables: dict) -> str:
    found = compare(cohort)
    tables["comparison"] = found.found.table
    shown = found.frame.copy()
    shown[["what", "among"]] = shown[["what", "among"]].map(partial(_marked, cohort.doubted))
    left_out = _folded("Which published numbers are not compared, and why", _table(found.left_out()))
    return as_html(shown, found.heading) + _doubts(shown) + left_out


def _power(n: int) -> str:
    sizes = sorted({n, 2 * n, 4 * n})
    found = plan(list(TRUTHS.values()), sizes, cohorts=1000).power()
    shown = found.frame[["truth", "n", "power"]].rename(columns={"truth": "assumed", "n": "patients"})
    words = dict(zip(shown["assumed"].unique(), TRUTHS, strict=True))
    shown["assumed"] = [f"{words[name]}, {name}" for name in shown["assumed"]]
    assumed = ", ".join(map(str, TRUTHS.values()))
    said = (
        "Simulated studies, not patients: as many as in this table, twice and four times as many. How "
        "lesions and severity truly go together is assumed, not estimated from this table: two normal "
        f"variables, correlated by {assumed}, which span a weak to a strong association, are cut into a "
        "count of lesions and a score. ρ is the rank correlation that is left, a little smaller as many "
        "values tie."
    )
    return f"<p>{said}</p>{as_html(shown, found.heading)}"


def _figure(result: Result, title: str) -> str:
    """Draw a figure into the page, with its caption and alternative text; nothing if it does not fit."""
    values = {**result.terms, "title": filled(title, result.terms)}
    texts = {name: filled(str(getattr(result, name)), values) for name in ("subtitle", "caption", "alt")}
    axes = result._drawn(title=values["title"], subtitle=texts["subtitle"])
    data = files.csv_text(result.frame if result.data is None else result.data)
    try:
        drawn = canvas.rendered(axes.figure, data, texts["caption"], texts["alt"], result.source)
    except UnfitError as why:
        return f"<p>Not drawn: {html.escape(str(why))}</p>"
    picture = base64.b64encode(drawn[".svg"]).decode()
    image = f'<img src="data:image/svg+xml;base64,{picture}" alt="{html.escape(texts["alt"], quote=True)}">'
    caption = f"<figcaption>{_text(texts['caption'])}</figcaption>"
    return f'<figure><div class="wide" tabindex="0">{image}</div>{caption}</figure>'


def associations_beside(cohort, confidence: float) -> Result:
    """Set a cohort's rank correlations beside published statements about lesions and severity."""
    return associations().beside(cohort, confidence)
