"""What the site exhibits.

The ledger, conflicts, figures with their descriptions and executed notebooks, all checked.
"""

import hashlib
import json
import re
import struct
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from crmo_analysis.display import frames
from crmo_analysis.files import InputError
from crmo_analysis.joint import ledger
from crmo_analysis.recompute import VERDICTS
from crmo_analysis.store import manifest
from crmo_analysis.study import Study, read_codebook, read_study, rounding

ENDINGS = ("svg", "pdf", "png", "csv")
AGAIN = "Run: crmo reproduce --fresh"
LONG_CELL, LONG_TABLE, WIDE_TABLE = 60, 18, 5  # letters, rows, columns from which a table is set otherwise
_NUMBER = re.compile(r"[<>≤≥]?\s*[-−]?\d[\d.,]*((/|–| to )[-−]?\d[\d.,]*)?\s*%?")
_STATISTICS = {"min": "smallest", "max": "largest", "p_value": "P value"}


@dataclass(frozen=True)
class Exhibit:
    """A figure.

    Where its files are within the site, without ending, what it shows, and its size in pixels.
    """

    folder: str
    name: str
    stem: str
    caption: str
    alt: str
    source: str
    width: int
    height: int

    @property
    def slug(self) -> str:
        """What its source is, as the name of a style."""
        return re.sub(r"\W+", "-", self.source)


@dataclass(frozen=True)
class Results:
    """What the pages are made of.

    Claims by id, titles of studies, figures by the hash of their PNG, names of tables by folder, notebooks by
    name.
    """

    folder: Path
    figure_folder: Path
    claims: Mapping[str, Mapping[str, object]]
    titles: Mapping[str, str]
    figures: Mapping[str, Exhibit]
    tables: Mapping[str, tuple[str, ...]]
    notebooks: Mapping[str, dict]


def read_results(results: Path, figures: Path) -> Results:
    """Read and check all that the pages are made of.

    Raises
    ------
    InputError
        Naming the file and the command that makes it.
    """
    claims, gone = _read_ledger(results / "ledger.csv"), set(manifest.orphans(results.parent))
    # A name with a second ending is that of a run which failed, or goes on.
    notebooks = sorted(path for path in (results / "notebooks").glob("[0-9]*.ipynb") if "." not in path.stem)
    notebooks = [path for path in notebooks if path not in gone]
    if not notebooks:
        raise InputError(f"there is no executed notebook in {results / 'notebooks'}. Run: crmo reproduce")
    titles = {}
    for study in dict.fromkeys(str(row["study"]) for row in claims.values()):
        titles[study] = str(record.facts["short"]) if (record := _record(study)) else study
    tables = {}
    for path in sorted({*(results / "tables").glob("*/*.csv")} - gone):
        tables[path.parent.name] = (*tables.get(path.parent.name, ()), path.stem)
    executed = {path.stem: read_notebook(path) for path in notebooks}
    return Results(results, figures, claims, titles, read_figures(figures, gone), tables, executed)


def _record(study: str) -> Study | None:
    """Return a study, or None where it is gone or cannot be read: its results may still be there."""
    with suppress(InputError):
        return read_study(study)


@contextmanager
def _whole(path: Path) -> Iterator[None]:
    """Read a file of the results; where it is not whole, name it and the command that makes it."""
    try:
        yield
    except OSError as error:
        raise InputError(f"{error.filename or path} cannot be read ({error.strerror}). {AGAIN}") from None
    except (ValueError, LookupError, TypeError, AttributeError, struct.error) as error:
        raise InputError(f"{path} cannot be read ({error}). {AGAIN}") from None


def _read_ledger(path: Path) -> dict[str, dict[str, object]]:
    try:
        frame = ledger.read_ledger(path)
    except InputError as error:
        raise InputError(f"{error}. {AGAIN}") from None
    is_whole = len(frame) and {*ledger.LEDGER_COLUMNS} <= {*frame} and frame["verdict"].isin(VERDICTS).all()
    if not is_whole:
        expected = f"a row a claim, with {', '.join(ledger.LEDGER_COLUMNS)}, verdicts {', '.join(VERDICTS)}"
        raise InputError(f"{path}: expected {expected}. {AGAIN}")
    rows = frame.to_dict("records")
    claims = {row["claim_id"]: {**row, "says": _says(row), "value": _value(row)} for row in rows}
    for row in claims.values():
        row["others"] = [claim_id for claim_id in row["related"].split() if claim_id in claims]
    return claims


def _value(row: Mapping[str, str]) -> float | str:
    """Return what a claim prints as a number, by which the ledger is sorted; empty for none."""
    try:
        value = rounding.parse_printed(row["printed"]).value
    except InputError:
        return ""
    return "" if value is None else round(float(value), 6)


def _says(row: Mapping[str, str]) -> dict[str, str]:
    """Say a claim in words: which statistic, of what, among whom."""
    statistic = _STATISTICS.get(row["statistic"], row["statistic"])
    codebook = record.codebook if (record := _record(row["study"])) else read_codebook()
    said = {name: frames.words_of(row[name], codebook) for name in ("of", "among")}
    return {"what": f"{statistic[:1].upper()}{statistic[1:]}", **said}


def read_conflicts(read: Results, study: str) -> list[dict[str, object]] | None:
    """Read the sets of claims that cannot stand together as the study's notebook left them.

    None if it left none.
    """
    path = read.folder / "tables" / study / "conflicts.csv"
    if not path.is_file():
        return None
    readings = record.readings if (record := _record(study)) else {}
    unknown = {"printed": "", "says": None, "where": "", "verdict": ""}
    found = []
    with _whole(path):
        for row in pd.read_csv(path, dtype=str, keep_default_na=False).to_dict("records"):
            members = [read.claims.get(name, {**unknown, "claim_id": name}) for name in row["claims"].split()]
            said = {name: readings_in_words(readings, row[name]) for name in ("reading", "resolved by")}
            why = row["why"][:1].upper() + row["why"][1:]
            found.append({"why": why, "claims": members, "reading": said["reading"]})
            found[-1]["resolved"] = said["resolved by"]
    return found


def readings_in_words(readings: Mapping, text: str) -> list[str]:
    """Say what readings such as ``bands:months none`` are, in the words of their study."""
    pairs = [item.partition(":")[::2] for item in text.split() if ":" in item]
    known = [readings.get(name, {}).get(option, {}).get("text") for name, option in pairs]
    return [str(said or ": ".join(pair)) for said, pair in zip(known, pairs, strict=True)]


def read_figures(folder: Path, gone: Collection[Path] = ()) -> dict[str, Exhibit]:
    """Read the descriptions of all figures that are still made, by the hash of their PNG.

    Raises
    ------
    InputError
        If a figure lacks a file or its description.
    """
    found = {}
    for path in sorted({*folder.glob("*/*.json")} - {*gone}):
        with _whole(path):
            told = json.loads(path.read_text(encoding="utf-8"))
            png = path.with_suffix(".png").read_bytes()
            size = struct.unpack(">II", png[16:24])  # it stands at the same place of every PNG
            texts = [str(told[name]) for name in ("caption", "alt", "source")]
            lacking = [ending for ending in ENDINGS if not path.with_suffix(f".{ending}").is_file()]
            if lacking or not all(text.strip() for text in texts):
                raise ValueError(f"no {', '.join(lacking) or 'caption or alternative text'}")
        stem = f"files/figures/{path.parent.name}/{path.stem}"
        found[digest(png)] = Exhibit(path.parent.name, path.stem, stem, *texts, *size)
    return found


def digest(data: bytes) -> str:
    """Return a hash by which the same picture is found again."""
    return hashlib.sha256(data).hexdigest()


def read_notebook(path: Path) -> dict:
    """Read an executed notebook.

    Raises
    ------
    InputError
        If it is no notebook, was not executed or ended in an error.
    """
    with _whole(path):
        notebook = json.loads(path.read_text(encoding="utf-8"))
        outputs = [output for cell in notebook["cells"] for output in cell.get("outputs", [])]
        texts = [joined(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "markdown"]
        if not re.match(r"#\s", "".join(texts[:1])):
            raise ValueError("its first text must begin with a title, as '# Question?'")
        if not outputs or any(output.get("output_type") == "error" for output in outputs):
            raise ValueError(f"it {'ended in an error' if outputs else 'was not executed'}")
    return notebook


def joined(text: str | list[str]) -> str:
    """Return text that a notebook keeps as one string or as lines."""
    return text if isinstance(text, str) else "".join(text)


# ---- tables that notebooks show ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Table:
    """A table of texts: its caption, its columns, its rows, and what stands below."""

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""

    @property
    def numeric(self) -> tuple[bool, ...]:
        """Which columns hold numbers alone."""
        cells = [[row[place] for row in self.rows if row[place]] for place in range(len(self.columns))]
        return tuple(bool(found) and all(map(_NUMBER.fullmatch, found)) for found in cells)

    @property
    def style(self) -> str:
        """How it is set: as cards on a phone, and in a window of its own if it is long."""
        longest = max((len(cell) for row in self.rows for cell in row), default=0)
        wide = len(self.columns) >= WIDE_TABLE or longest > LONG_CELL
        return " ".join(["crmo"] + ["cards"] * wide + ["long"] * (len(self.rows) > LONG_TABLE))
