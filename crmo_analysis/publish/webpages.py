"""The pages of the site, as sources for Sphinx.

Text from results reaches a page through templates that escape it, or as Markdown in which HTML stays text;
what HTML a notebook left is read for its text and written anew.
"""

import base64
import copy
import html
import json
import re
import shutil
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from functools import cache
from pathlib import Path

import jinja2
from markdown_it import MarkdownIt
from markupsafe import Markup

from crmo_analysis import files
from crmo_analysis.display import canvas, frames
from crmo_analysis.publish.exhibits import ENDINGS, Exhibit, Results, Table, digest, joined, read_conflicts
from crmo_analysis.publish.text import software_citation
from crmo_analysis.recompute import VERDICTS

FILES = files.PACKAGE / "publish" / "site_files"
# Figures leave these two empty; words here have room.
SIGNS = {**canvas.VERDICT_SIGNS, "matches": "✓", "stated": "–"}
TITLE = "CRMO: every printed number, checked"
_MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")


@cache
def templates() -> jinja2.Environment:
    """Return the templates, which escape all that is put into them."""
    loader = jinja2.FileSystemLoader(FILES)
    environment = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.globals |= {
        "signs": SIGNS, "verdicts": VERDICTS, "colours": canvas.VERDICT_COLOURS,
        "endings": ENDINGS, **files.read_yaml(FILES / "words.yaml"),
    }  # fmt: skip
    return environment


def show(template: str, **values: object) -> str:
    """Fill in a template of the folder ``site_files``."""
    return templates().get_template(template).render(**values)


def adapted(
    notebook: dict, exhibits: Mapping[str, Exhibit], claim_ids: Collection[str], before: str, after: str
) -> str:
    """Make an executed notebook ready for Sphinx: outputs as escaped HTML, code behind a toggle.

    Parameters
    ----------
    notebook : dict
        As `read_notebook` gives it; it is not changed.
    exhibits : mapping of str to Exhibit
        The figures, by the hash of their PNG.
    claim_ids : collection of str
        The ids that become links to the ledger.
    before, after : str
        HTML to put below the title, and at the end.
    """
    cells, waiting = [], []
    for cell in copy.deepcopy(notebook["cells"]):
        source = joined(cell["source"])
        if cell["cell_type"] == "code":
            waiting.append(source)
            if shown := _outputs(cell.get("outputs", []), exhibits, claim_ids):
                # Code that shows nothing is put together with the next that does: one toggle instead of
                # three.
                cells.append(_code("\n\n".join(waiting), shown, "hide-input"))
                waiting = []
        else:
            cells += [_code("\n\n".join(waiting), "", "hide-input")] * bool(waiting)
            waiting = []
            cells.append({"cell_type": cell["cell_type"], "metadata": {}, "source": source})
            cells += [_code("# added by the site", before, "remove-input")] * bool(before)
            before = ""
    cells += [_code("\n\n".join(waiting), "", "hide-input")] * bool(waiting)
    cells.append({"cell_type": "markdown", "metadata": {}, "source": "## Downloads"})
    cells.append(_code("# added by the site", after, "remove-input"))
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"
    metadata = {"language_info": {"name": "python", "pygments_lexer": "ipython3"}}
    return json.dumps(
        {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}, ensure_ascii=False
    )


def _code(source: str, shown: str, tag: str) -> dict:
    outputs = [{"output_type": "display_data", "metadata": {}, "data": {"text/html": shown}}] if shown else []
    cell = {"cell_type": "code", "execution_count": None, "metadata": {"tags": [tag]}}
    return {**cell, "source": source, "outputs": outputs}


def _outputs(outputs: list[dict], exhibits: Mapping[str, Exhibit], claim_ids: Collection[str]) -> str:
    """Write the outputs of a cell as HTML."""
    shown, said = [], ""
    for output in outputs:
        data = output.get("data", {}).items()
        data = {kind: text if kind.endswith("json") else joined(text) for kind, text in data}
        if "image/png" in data:
            image = base64.b64decode(data["image/png"])
            exhibit = exhibits.get(digest(image))
            said = f"*{exhibit.caption}*" if exhibit else ""
            told = output.get("metadata", {}).get("image/png", {}).get("alt")
            alt = html.unescape(str(told or "A figure"))
            link = f"data:image/png;base64,{base64.b64encode(image).decode()}"
            shown.append(show("figure.html", exhibit=exhibit, alt=alt, link=link))
        elif "text/markdown" in data:
            # The caption stands below its figure already.
            if not said or data["text/markdown"] != said:
                shown.append(_MARKDOWN.render(data["text/markdown"]))
        elif frames.TABLE in data:
            shown.append(show("table.html", table=Table(**data[frames.TABLE]), claim_ids=claim_ids))
        else:
            page, plain = data.get("text/html"), data.get("text/plain", "")
            text = Markup(page).striptags() if page else plain
            shown.append(show("text.html", text=joined(output.get("text", "")) or text))
    return "\n".join(shown)


class _Pages:
    """Writes pages for Sphinx: headings in reStructuredText, everything else as HTML beside it."""

    def __init__(self, folder: Path):
        self.folder, self.names = folder, []
        (folder / "parts").mkdir(parents=True)

    def write(
        self, name: str, title: str, parts: Sequence[tuple[str, str]], more: str = "", toc: bool = True
    ) -> None:
        """Write a page of parts: a heading, empty for none, and HTML."""
        lines = [] if toc else [":hide-toc:", ""]
        lines += [_escaped(title), "=" * 4 * len(title), ""]
        for number, (heading, text) in enumerate(parts):
            part = f"parts/{name}-{number}.html"
            (self.folder / part).write_text(text, encoding="utf-8")
            lines += [_escaped(heading), "-" * 4 * len(heading), ""] if heading else []
            lines += [".. raw:: html", f"   :file: {part}", ""]
        (self.folder / f"{name}.rst").write_text("\n".join(lines) + more, encoding="utf-8")
        self.names.append(name)


def _escaped(text: str) -> str:
    """Take every sign that reStructuredText could take for its own."""
    return re.sub(r"([^\w\s]|_)", r"\\\1", " ".join(text.split()))


def write_sources(read: Results, folder: Path) -> list[str]:
    """Write everything that Sphinx needs into a folder, and return the names of the pages.

    Parameters
    ----------
    read : Results
    folder : Path
        Where to; it is made.
    """
    pages = _Pages(folder)
    shutil.copytree(FILES / "theme", folder / "theme")
    (folder / "static").mkdir()
    (folder / "static" / "site.css").write_text(show("site.css"), encoding="utf-8")
    for name in ("ledger.js", "icon.svg"):
        shutil.copyfile(FILES / name, folder / "static" / name)
    rows, board = list(read.claims.values()), _scoreboard(read)
    totals = Counter(str(row["verdict"]) for row in rows)
    counted = {"scoreboard": board.values(), "totals": totals, "total": len(rows)}
    first = _question()[0]
    counted |= {"answer": _answer(read, first["notebook"]), "figures": _drawn(read, first["figures"][:1])}
    index = show("index.html", **counted, citation=software_citation(files.ROOT))
    pages.write("index", TITLE, [("", index)], _contents(read), toc=False)
    told = show("ledger.html", rows=rows, titles=read.titles)
    pages.write("ledger", "Ledger of all claims", [("", told)], toc=False)
    of_studies = read.titles.items()
    sets = [(title, show("conflicts.html", found=read_conflicts(read, study))) for study, title in of_studies]
    pages.write("conflicts", "Conflicts", [("", show("minimal.html")), *sets])
    pages.write("lesions", "What is known of lesions and severity", _on_lesions(read))
    pages.write("figures", "Figures and tables", _galleries(read))
    first = {row["verdict"]: row for row in reversed(rows)}
    examples = {verdict: first.get(verdict) for verdict in VERDICTS}
    words = show("verdicts.html", totals=totals, examples=examples, titles=read.titles)
    pages.write(
        "verdicts", "How to read the verdicts", [("", words), ("What figures rest on", show("sources.html"))]
    )
    for name, notebook in read.notebooks.items():
        (folder / f"{name}.ipynb").write_text(_notebook(read, name, notebook, board), encoding="utf-8")
    return [*pages.names, *read.notebooks]


def _study_of(name: str, read: Results) -> str:
    """Return the study that a notebook is named after, as 50_sag_2019 is; empty for none."""
    return name.partition("_")[2] if name.partition("_")[2] in read.titles else ""


def _spaced(name: str) -> str:
    words = name.replace("_", " ").strip()
    return words[:1].upper() + words[1:]


def _contents(read: Results) -> str:
    """List all pages for the sidebar, under short titles."""
    numbers = ["The question <lesions>", "Ledger <ledger>", "Conflicts <conflicts>"]
    numbers += ["Figures and tables <figures>", "How to read it <verdicts>"]
    of_studies, others = [], []
    for name in read.notebooks:
        study = _study_of(name, read)
        title = read.titles[study] if study else _spaced(name.partition("_")[2]) or name
        (of_studies if study else others).append(f"{' '.join(title.split())} <{name}>")
    lines = []
    for caption, entries in (("The numbers", numbers), ("Studies", of_studies), ("Across studies", others)):
        lines += ["", ".. toctree::", "   :hidden:", f"   :caption: {caption}", ""] if entries else []
        lines += [f"   {entry}" for entry in entries]
    return "\n".join([*lines, ""])


def _scoreboard(read: Results) -> dict[str, dict[str, object]]:
    """Count verdicts by study."""
    counts = {study: Counter() for study in read.titles}
    for row in read.claims.values():
        counts[row["study"]][row["verdict"]] += 1
    pages = {_study_of(name, read): name for name in read.notebooks}
    return {
        study: {
            "study": study, "title": read.titles[study], "page": pages.get(study), "counts": found,
            "total": found.total(),
        }
        for study, found in counts.items()
    }  # fmt: skip


def _galleries(read: Results) -> list[tuple[str, str]]:
    """Show all figures and tables, by study."""
    folders = {exhibit.folder for exhibit in read.figures.values()} | set(read.tables)
    order = sorted(folders, key=lambda name: (name != "overview", name not in read.titles, name))
    shown = []
    for folder in order:
        figures = [exhibit for exhibit in read.figures.values() if exhibit.folder == folder]
        tables = [(name, f"files/tables/{folder}/{name}.csv") for name in read.tables.get(folder, ())]
        heading = read.titles.get(folder, _spaced(folder))
        shown.append((heading, show("figures.html", figures=figures, tables=tables)))
    return shown


def _on_lesions(read: Results) -> list[tuple[str, str]]:
    """Answer the collection's question: the parts of `lesions.yaml`, with the figures that are there."""
    parts = []
    for part in _question():
        figures = _drawn(read, part.get("figures", ()))
        folder = part.get("tables", "")
        tables = [(name, f"files/tables/{folder}/{name}.csv") for name in read.tables.get(folder, ())]
        page = part.get("notebook", "") if part.get("notebook") in read.notebooks else ""
        if figures or not part.get("figures"):
            told = {"said": part["says"], "answer": _answer(read, page)}
            shown = show("lesions.html", **told, page=page, figures=figures, tables=tables)
            parts.append((part["heading"], shown))
    return parts


def _question() -> list[dict]:
    """Return the parts of the page on the question of the collection."""
    return files.read_yaml(FILES / "lesions.yaml")


def _drawn(read: Results, names: Sequence[str]) -> list[Exhibit]:
    """Return figures by folder and name, of those that are there."""
    there = {f"{exhibit.folder}/{exhibit.name}": exhibit for exhibit in read.figures.values()}
    return [there[name] for name in names if name in there]


def _answer(read: Results, name: str) -> Markup:
    """Return what a notebook answers, in its first screen; nothing where it gives no answer."""
    cells = read.notebooks.get(name, {}).get("cells", [])
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    texts = [joined(output.get("data", {}).get("text/markdown", "")) for output in outputs]
    return Markup(_MARKDOWN.render(next((text for text in texts if text.startswith("**Answer.**")), "")))


def _notebook(read: Results, name: str, notebook: dict, board: Mapping[str, dict[str, object]]) -> str:
    """Write a notebook's page: counts below its title, downloads at its end."""
    outputs = [output for cell in notebook["cells"] for output in cell.get("outputs", [])]
    images = [
        joined(output["data"]["image/png"]) for output in outputs if "image/png" in output.get("data", {})
    ]
    keys = map(digest, map(base64.b64decode, images))
    figures = [read.figures[key] for key in keys if key in read.figures]
    code = "\n".join(joined(cell["source"]) for cell in notebook["cells"])
    study = _study_of(name, read)
    folders = dict.fromkeys([study, *(exhibit.folder for exhibit in figures)])
    tables = [
        (table, f"files/tables/{folder}/{table}.csv")
        for folder in folders
        for table in read.tables.get(folder, ())
        if f'"{table}"' in code
    ]
    before = show("summary.html", row=board[study]) if study else ""
    after = show("downloads.html", figures=figures, tables=tables, notebook=f"files/notebooks/{name}.ipynb")
    return adapted(notebook, read.figures, read.claims, before, after)
