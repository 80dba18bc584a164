"""Every number that a text would quote, where it comes from, and how it was rounded."""

import json
import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from difflib import get_close_matches
from fractions import Fraction
from pathlib import Path

import pandas as pd

from crmo_analysis import files
from crmo_analysis.files import InputError, read_yaml
from crmo_analysis.joint.ledger import audit_jointly, read_each
from crmo_analysis.models import severity
from crmo_analysis.publish.tables import MISSING, fill, rounding
from crmo_analysis.recompute import Audited
from crmo_analysis.study import describe, expressions, read_codebook, read_study

NUMBERS = files.RESULTS / "numbers.json"
_KEYS = {"from", "id", "values", "text", "unit", "model", "sentence", "only"}
_SIGNS = {"~": "not", "&": "and", "|": "or", ">=": "at_least", "<=": "at_most", "==": "is", "!=": "is_not"}


def collect(root: Path = files.ROOT) -> list[dict]:
    """Collect every number: the printed claims, and what the notebooks' tables and figures hold.

    Parameters
    ----------
    root : Path
        The project, whose notebooks and ledger have been run.

    Returns
    -------
    list of dict
        `id`, `text` (as a text quotes it), `value` (None if not estimable), `unit`, `kind` ("published",
        "derived from published numbers", "reconstructed", "simulated" or "user data"), `claim` or `model` and
        `output` (where it comes from), `rounding`; for claims also `where`, `about`, `verdict`, and `x` and
        `n` of counts; where there is one, a `sentence`.

    Raises
    ------
    InputError
        If an output or a column is not there, or two numbers have one id.
    """
    _, unread = read_each(root / "data" / "published")
    found = [*_claims(root, unread), *_of_outputs(root, unread)]
    ids = [number["id"] for number in found]
    if repeated := sorted({name for name in ids if ids.count(name) > 1}):
        raise InputError(
            f"data/numbers.yaml: two numbers have the id {repeated[0]}; name what sets them apart"
        )
    return found


def write(root: Path = files.ROOT) -> list[dict]:
    """Collect all numbers and write `results/numbers.json`."""
    found = collect(root)
    files.write_text_atomically(root / NUMBERS.relative_to(files.ROOT), to_json(found))
    return found


def to_json(numbers: Sequence[Mapping]) -> str:
    """Write numbers as JSON."""
    return json.dumps({"numbers": list(numbers)}, ensure_ascii=False, indent=1) + "\n"


def _claims(root: Path, unread: Collection[str]) -> list[dict]:
    path = root / "results" / "ledger.csv"
    if not path.is_file():
        raise InputError("results/ledger.csv is not there; run crmo reproduce first")
    ledger = pd.read_csv(path, dtype=str, keep_default_na=False).set_index("claim_id")
    verdicts, listed = ledger["verdict"], [each for each in ledger["study"].unique() if each not in unread]
    audited = [
        each for study in listed for each in audit_jointly(read_study(study, root / "data" / "published"))
    ]
    for each in audited:
        if verdicts.get(each.claim.claim_id) != each.verdict:
            raise InputError(
                f"results/ledger.csv is older than {each.claim.claim_id}; run crmo reproduce again"
            )
    known = {"unit": "studies", "kind": "published", "model": "number of studies of the collection"}
    count = {"text": describe.number_word(len(listed)), "value": len(listed), "rounding": "as counted"}
    return [*[{"id": "studies.n", **count, **known}] * bool(audited), *map(_claim, audited)]


def _claim(audited: Audited) -> dict:
    """Return a claim as a number: a count with its whole and share, all else as printed with its unit."""
    claim, counted = audited.claim, {}
    if audited.x is not None and audited.n is not None:
        counted = {"x": audited.x, "n": audited.n}
    text, value = claim.printed, claim.number and claim.number.value
    way = "as printed"
    if counted and audited.rule:
        way += f", {audited.rule.replace('_', ' ')} of {audited.x}/{audited.n}"
    unit = "%" if claim.statistic == "percent" else claim.unit
    is_of_everyone = claim.patients == expressions.Everyone()
    if counted and claim.statistic == "count":
        value = audited.x
        text = str(audited.x) if is_of_everyone else text
    if counted and claim.statistic in ("count", "percent") and not is_of_everyone:
        way += "; percent with 1 decimals, half up" if claim.statistic == "count" else ""
        if 0 < audited.n >= audited.x:
            share = text if unit == "%" else describe.percent_text(Fraction(audited.x, audited.n))
            text, unit = f"{audited.x}/{audited.n} ({share} %)", ""
    return {
        "id": claim.claim_id,
        "text": f"{text} {unit}".strip(),
        "value": value if value is None or isinstance(value, int) else float(value),
        "unit": claim.unit,
        "kind": "published",
        "claim": claim.claim_id,
        "where": claim.where,
        "about": claim.about,
        "verdict": audited.verdict,
        "rounding": way,
        **counted,
    }


def _of_outputs(root: Path, unread: Collection[str]) -> list[dict]:
    path = root / "data" / "numbers.yaml"
    entries, found = read_yaml(path) or [], []
    there = _folders(root)
    for place, entry in enumerate(entries, start=1):
        where = f"data/numbers.yaml, entry {place}"
        lacks = {"from", "id", "values", "text"} - set(entry)
        if lacks or set(entry) - _KEYS:
            raise InputError(
                f"{where}: expected {', '.join(sorted(_KEYS))}; lacks {', '.join(sorted(lacks)) or 'none'}"
            )
        folder = Path(entry["from"]).parent.name  # a study's; with it, `crmo remove study` takes its outputs
        if near := folder not in there and get_close_matches(folder, there, 1, 0.8):
            said = f"there is no output of '{folder}'; is '{near[0]}' meant?"
            raise InputError(f"{where}: {said} Take the entry out if its study is gone")
        if folder not in there or folder in unread:
            continue
        frame, kind = read_output(root, entry["from"])
        try:
            for row in frame.to_dict("records"):
                if all(row[name] == value for name, value in (entry.get("only") or {}).items()):
                    found += [
                        _of_row(entry, row | {"column": name, "value": row[name]}, kind)
                        for name in entry["values"]
                    ]
        except KeyError as error:
            raise InputError(f"{where}: {entry['from']} has no column {error}") from None
        except InputError as error:
            raise InputError(f"{where}: {error}") from None
    return found


def _folders(root: Path) -> set[str]:
    return {path.name for place in ("figures", "results/tables") for path in (root / place).glob("*/")}


def passed_over(root: Path) -> list[str]:
    """Say which entries are passed over, because there are no outputs of what they name."""
    named = [Path(entry["from"]).parent.name for entry in read_yaml(root / "data" / "numbers.yaml") or []]
    gone = [each for each in dict.fromkeys(named) if each not in _folders(root)]
    return [f"data/numbers.yaml names outputs of {each!r}, and there are none; passed over" for each in gone]


def read_output(root: Path, name: str, as_text: bool = False) -> tuple[pd.DataFrame, str]:
    """Read a table of the results or the data of a figure, and what kind of numbers it holds.

    Parameters
    ----------
    root : Path
        The project.
    name : str
        Such as "tables/overview/scoreboard" or "figures/planning/power".
    as_text : bool
        Whether numbers stay texts, in which trailing zeros carry information.

    Raises
    ------
    InputError
        If there is no such output.
    """
    folder = root / "results" if name.startswith("tables/") else root
    path = folder / f"{name}.csv"
    if not path.is_file() or not path.with_suffix(".json").is_file():
        raise InputError(f"there is no output {name}; run crmo reproduce, or correct the name")
    notes = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    # Only what is empty is missing: "none" and "NA" are words.
    frame = pd.read_csv(path, keep_default_na=False, na_values=[""], dtype=str if as_text else None)
    return frame, notes["source"]


def _of_row(entry: Mapping, row: Mapping, kind: str) -> dict:
    codebook = read_codebook()
    text = {name: fill(entry.get(name, ""), row, codebook) for name in ("text", "unit", "model")}
    missing = pd.isna(row["value"])
    number = {
        "id": ".".join(slug(fill(part, row, codebook)) for part in entry["id"].split(".")),
        "text": "not estimable" if missing else text["text"],
        "value": None if missing else row["value"],
        "unit": text["unit"].replace(MISSING, ""),
        "kind": kind,
        "model": text["model"],
        "output": entry["from"],
        "rounding": rounding(entry["text"]),
    }
    if said := entry.get("sentence"):
        known = {name: describe.in_sentence(variable.label) for name, variable in codebook.items()}
        number["sentence"] = (
            severity.sentence(row, known) if said == "severity" else fill(said, row, codebook)
        )
    return number


def slug(text: str) -> str:
    """Write a text in small letters, digits and `_` of ASCII."""
    for sign, word in sorted(_SIGNS.items(), key=lambda pair: -len(pair[0])):
        text = text.replace(sign, f" {word} ")
    letters = "".join(map(_ascii, unicodedata.normalize("NFKD", text))).lower()
    return re.sub(r"[^a-z0-9]+", "_", letters).strip("_")


def _ascii(letter: str) -> str:
    if letter.isascii():
        return letter
    if letter.isalpha():
        return f" {unicodedata.name(letter).rpartition(' ')[2]} "
    return "" if unicodedata.combining(letter) else " "
