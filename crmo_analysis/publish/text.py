"""Text of a manuscript: numbers, figures, tables and citations by their keys, and remarks on its parts."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from crmo_analysis.files import InputError, markdown, meant, read_yaml
from crmo_analysis.joint import ledger
from crmo_analysis.publish import documents
from crmo_analysis.publish.outline import Outline

REFERENCES = "data/references.json"
STROBE = "data/strobe.yaml"
GAP = "no number here: "
NOT_REPORTED = "not reported in the source"
_PLACE = re.compile(r"\{([^{}\n]+)\}")
_CITED = re.compile(r"(?<![\w.])@([\w][\w:.+-]*\w)")
_TYPED = re.compile(r"(?<![\w.])\d[\d.,]*(?: ?%)?")
_UNCOUNTED = ("Abstract", "Declarations", "References", "Acknowledgements")


def filled(outline: Outline, numbers: Sequence[Mapping]) -> tuple[str, list[str]]:
    """Fill in the text: numbers and sentences by their ids, figures and tables by their numbers here.

    Returns
    -------
    str
        Markdown, for pandoc.
    list of str
        Numbers that no key gives, each with its line. One that is meant stands as ``{typed 0.33}``.

    Raises
    ------
    InputError
        If a key is not known, and no study that cannot be read may have it; that leaves a gap that is marked.
    """
    known = {number["id"]: number for number in numbers}
    name, lines, typed, problems = outline.text.name, [], [], []

    def quoted(found: re.Match) -> str:
        try:
            return _quoted(found[1].strip(), known, outline, where)
        except InputError as problem:
            problems.append(problem)
            return ""

    for place, line in enumerate(outline.text.read_text(encoding="utf-8").splitlines(), start=1):
        where = f"{name}, line {place}"
        lines.append(_PLACE.sub(quoted, line))
        left = re.sub(r"\[[^\]]*@[^\]]*\]|^#+ .*", "", _PLACE.sub("", line))
        typed += [f"{found[0]} ({where})" for found in _TYPED.finditer(left)]
    if problems:
        raise InputError(*problems)
    return "\n".join([*lines, ""]), typed


def _quoted(said: str, known: Mapping, outline: Outline, where: str) -> str:
    verb, _, name = said.partition(" ")
    if verb == "typed":
        return markdown(name)
    verb, name = (verb, name.strip()) if name else ("", verb)
    if verb in ("figure", "table"):
        number = outline.number(verb, name)
        return number.replace(" ", "\u00a0") if number else f"not numbered here: {verb} {markdown(name)}"
    if name not in known and outline.unread:
        return f"**{GAP}{markdown(name)}**"
    if name not in known or verb not in ("", "sentence"):
        raise InputError(f"{where}: there is no number {said!r}{meant(name, known)}")
    if verb and "sentence" not in known[name]:
        raise InputError(f"{where}: {name} has no sentence; data/numbers.yaml can give it one")
    return markdown(known[name][verb or "text"])


def references(root: Path, text: str) -> list[dict]:
    """Read what a text can cite: the studies, and `data/references.json`.

    Raises
    ------
    InputError
        If the text cites what is in neither.
    """
    folder = root / "data" / "published"
    studies, problems = ledger.read_each(folder)
    found = [_study_reference(study.facts) for study in studies]
    found += [{"id": each, "type": "document", "title": f"{each}, which cannot be read"} for each in problems]
    found += [_software_reference(read_yaml(root / "CITATION.cff"))]
    path = root / REFERENCES
    found += json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
    known = sorted({each["id"] for each in found})
    cited = [
        (number, key) for number, line in enumerate(text.splitlines(), 1) for key in _CITED.findall(line)
    ]
    problems = [
        f"line {number} of the text cites @{key}, no study and not in {REFERENCES}{meant(key, known)}"
        for number, key in cited
        if key not in known
    ]
    if problems:
        raise InputError(*problems)
    return found


def _study_reference(facts: Mapping) -> dict:
    own = dict(facts.get("reference") or {"type": "document", "note": facts["citation"]})
    if "issued" in own:
        own["issued"] = {"date-parts": [[int(part) for part in str(own["issued"]).split("-")]]}
    own = {key: value if isinstance(value, list | dict) else str(value) for key, value in own.items()}
    more = {"DOI": facts.get("doi"), "PMID": facts.get("pmid")}
    return {"id": facts["study"], "title": facts["title"], **own, **{k: v for k, v in more.items() if v}}


def _software_reference(facts: Mapping) -> dict:
    authors = [
        {"literal": each["name"]}
        if "name" in each
        else {"family": each["family-names"], "given": each["given-names"]}
        for each in facts["authors"]
    ]
    where = {"DOI": facts.get("doi"), "URL": facts.get("repository-code") or facts.get("url")}
    title = f"{facts['title']}, version {facts['version']}"  # which few styles print
    own = {"title": title, "author": authors, "type": "software"}
    return {"id": "crmo_analysis", **own, **{key: value for key, value in where.items() if value}}


def software_citation(root: Path) -> str:
    """Write how to cite the software as a line, from CITATION.cff."""
    facts = read_yaml(root / "CITATION.cff")
    where = "".join(f" {facts[key]}." for key in ("repository-code", "url", "doi") if key in facts)
    names = ", ".join(map(_name, facts["authors"]))
    title = f"{facts['title']}, version {facts['version']}"
    return f"{names}. {title}. Software, {facts['license']} licence.{where}"


def front(outline: Outline, blocks: Sequence[dict]) -> tuple[dict, list[dict]]:
    """Make the title page: pandoc's metadata, and what stands under title and authors."""
    facts = read_yaml(outline.root / "CITATION.cff")
    title = outline.title or facts["title"]
    people = outline.authors or tuple({"name": _name(each)} for each in facts["authors"])
    places = list(dict.fromkeys(each["affiliation"] for each in people if each.get("affiliation")))
    names = []
    for each in people:
        place = f" ({places.index(each['affiliation']) + 1})" if each.get("affiliation") else ""
        names.append({"t": "MetaInlines", "c": documents.inlines(f"{each['name']}{place}")})
    meta = {
        "title": {"t": "MetaInlines", "c": documents.inlines(title)},
        "author": {"t": "MetaList", "c": names},
        "lang": {"t": "MetaString", "c": "en-GB"},
    }
    lines = [f"{number}. {place}" for number, place in enumerate(places, start=1)]
    lines += [f"Correspondence: {each['name']}, {each['email']}" for each in people if each.get("email")]
    lines += [f"Keywords: {', '.join(outline.keywords)}"] if outline.keywords else []
    counted = counts(blocks)
    lines.append(f"Words: abstract {counted['abstract']}, text {counted['text']}")
    lines.append(f"Tables: {len(outline.tables)}; figures: {len(outline.figures)}")
    return meta, [{"t": "Para", "c": documents.inlines(line)} for line in lines]


def _name(author: Mapping) -> str:
    return author.get("name") or f"{author['given-names']} {author['family-names']}"


def counts(blocks: Sequence[dict]) -> dict[str, int]:
    """Count the words of the abstract, and of the text without abstract, declarations and references."""
    parts = documents.sections(blocks)
    body = [block for name, part in parts.items() if name not in _UNCOUNTED for block in part]
    return {"abstract": documents.words_of(parts.get("Abstract", [])), "text": documents.words_of(body)}


def remarks(outline: Outline, blocks: Sequence[dict], typed: Sequence[str]) -> list[str]:
    """Say what the journal asks for and the text has not, and which numbers no key gives."""
    journal, found = outline.journal, []
    for part, words in counts(blocks).items():
        most = journal.words.get(part)
        if most and words > most:
            found.append(f"{part} has {words} words; {journal.name} takes {most}")
    there = {heading.casefold() for heading in documents.headings(blocks)}
    lacks = [name for name in journal.statements if name.casefold() not in there]
    found += [
        f"{journal.name} asks for a statement '{name}', which is no heading of the text" for name in lacks
    ]
    return found + [
        f"typed by hand: {each}; quote a number by its key, or write {{typed …}}" for each in typed
    ]


def strobe(outline: Outline, headings: Sequence[str]) -> pd.DataFrame:
    """Answer the items of STROBE: `Item, Section, Asks for, Answered by, Note`, one row an item.

    Raises
    ------
    InputError
        If an answer names what is not there.
    """
    rows = []
    for entry in read_yaml(outline.root / STROBE):
        answers = [_answer(text, outline, headings, entry["item"]) for text in entry["answered_by"]]
        said = "; ".join(dict.fromkeys(answers)) or NOT_REPORTED
        rows.append([str(entry["item"]), entry["section"], entry["asks"], said, entry["note"]])
    return pd.DataFrame(rows, columns=["Item", "Section", "Asks for", "Answered by", "Note"])


def _answer(text: str, outline: Outline, headings: Sequence[str], item: int) -> str:
    kind, _, name = text.partition(" ")
    if kind == "text" and name in headings:
        return f"section “{name}”"
    folders = {"figure": "figures", "table": "results/tables"}
    path = f"{folders[kind]}/{name}.csv" if kind in folders else text
    if kind != "text" and (outline.root / path).is_file():
        return (kind in folders and outline.number(kind, name)) or f"project, {path}"
    raise InputError(
        f"{STROBE}, item {item}: there is no figure, table, file or heading of the text {text!r}"
    )
