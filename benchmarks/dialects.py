"""Write tables in every way that clinics save them, read them back, and compare each value.

    python benchmarks/dialects.py [--inputs 1000000] [--seed 1]

A table of random values is saved with a random encoding, separator, quotation, line end, decimal mark, form of
dates, words for yes and no, codes for missing values, titles, units, totals, footnotes and empty rows. What is
read has to be what was written, or the cohort has an error; anything else is a silent change and is printed with
the file. Nothing but the declared error may be raised.
"""

import argparse
import datetime
import random
import tempfile
import time
from collections import Counter
from pathlib import Path

import pandas as pd

from crmo_analysis.files import InputError
from crmo_analysis.patients import read_cohort

NAMES = [
    "n_lesions",
    "male",
    "age_diagnosis",
    "crp",
    "platelets",
    "biopsy_date",
    "presenting_symptom",
    "chaq",
]
CATEGORIES = ["unifocal_pain", "multifocal_pain", "limping"]
YES_NO = [("yes", "no"), ("1", "0"), ("true", "false"), ("YES", "No"), ("ja", "nein"), ("x", "o")]
MISSING = ["", "NA", "NR", "k.A.", "99", "-9"]
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "cp1252"]


def drawn(rng: random.Random) -> list[dict]:
    """Draw a table, None where a value is missing."""
    keys = rng.choice(
        [lambda i: f"P{i:03}", lambda i: str(i + 1), lambda i: f"Müller {i}", lambda i: f"{i:04}"]
    )
    rows = []
    for i in range(rng.randint(1, 12)):
        row = {
            "patient": keys(i), "n_lesions": rng.choice([0, 1, 2, 3, 5, 8, 13, 40]), "male": rng.random() < 0.5,
            "age_diagnosis": round(rng.uniform(0, 18), rng.randint(0, 3)), "crp": round(rng.expovariate(1), rng.randint(0, 3)),
            "platelets": rng.randint(100, 600) * 1000, "biopsy_date": datetime.date(2000, 1, 1) + datetime.timedelta(rng.randint(0, 9000)),
            "presenting_symptom": rng.choice(CATEGORIES), "chaq": rng.randint(0, 24) / 8,
        }  # fmt: skip
        rows.append({name: None if name != "patient" and rng.random() < 0.1 else row[name] for name in row})
    return rows


def saved(rows: list[dict], rng: random.Random) -> tuple[bytes, str]:
    """Save a table in one of the ways; return the file and the mapping that belongs to it."""
    names = ["patient", *rng.sample(NAMES, rng.randint(1, len(NAMES)))]
    yes, no = rng.choice(YES_NO)
    gone, mark = rng.choice(MISSING), rng.choice([".", ","])
    thousands = rng.choice(["", "", "", " ", "'", "\u00a0", "." if mark == "," else ","])
    date = rng.choice(
        ["%Y-%m-%d", "%Y/%m/%d", "%Y%m%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%Y-%m-%d 14:20"]
    )

    def text(value) -> str:
        match value:
            case None:
                return gone
            case bool():
                return yes if value else no
            case datetime.date():
                return value.strftime(date)
            case float():
                return f"{value:g}".replace(".", mark)
            case int() if value >= 1000 and thousands:
                return f"{value:,}".replace(",", thousands)
        return str(value)

    table = [names, *([text(row[name]) for name in names] for row in rows)]
    width = len(names)
    extras = rng.random
    if extras() < 0.15:
        table.insert(1, [""] * (width - 1) + ["(years)"])
    if extras() < 0.1 and len(table) > 3:
        table.insert(1, ["Merkmal" for _ in names])  # a second header, of labels
    if extras() < 0.15:
        table.append(
            [rng.choice(["Summe", "Mittelwert", "Moyenne", "Toplam", "MW"]), *["" for _ in names[1:]]]
        )
    if extras() < 0.15:
        table.append(["* exported by the registry of a clinic", *["" for _ in names[1:]]])
    if extras() < 0.15:
        table.insert(rng.randint(1, len(table)), [""] * width)
    if extras() < 0.15:
        table = [["", *table[0]], *([str(i), *row] for i, row in enumerate(table[1:], start=1))]
    if extras() < 0.15:
        table = [["Registry of a clinic"] + [""] * (len(table[0]) - 1), *table]
    return _as_file(table, rng), _mapping(names, (yes, no), gone)


def _as_file(table: list[list[str]], rng: random.Random) -> bytes:
    delimiter, end = rng.choice([",", ";", "\t", "|"]), rng.choice(["\n", "\r\n"])
    quoted = rng.choice(["never", "needed", "always"])

    def cell(text: str) -> str:
        asks = any(mark in text for mark in (delimiter, '"', "\n"))
        return '"' + text.replace('"', '""') + '"' if quoted == "always" or asks else text

    content = end.join(delimiter.join(map(cell, row)) for row in table) + rng.choice(["", end])
    return content.encode(rng.choice(ENCODINGS))


def _mapping(names: list[str], words: tuple[str, str], gone: str) -> str:
    lines = []
    for name in names[1:]:
        meanings = {gone: "NR"} if gone in ("k.A.", "99", "-9") else {}
        if name == "male" and words[0] in ("ja", "x"):
            meanings |= {words[0]: "yes", words[1]: "no"}
        if meanings:
            lines.append(f"  {name}: {{{', '.join(f'{key!r}: {value}' for key, value in meanings.items())}}}")
    return "\n".join(["values:", *lines]) + "\n" if lines else ""


def compared(rows: list[dict], content: bytes, mapping: str, folder: Path) -> str:
    """Read a file and say what came out: "read", "refused", or what was changed without a word."""
    path, said = folder / "table.csv", folder / "map.yaml"
    path.write_bytes(content)
    said.write_text(mapping, encoding="utf-8")
    try:
        cohort = read_cohort(path, said if mapping else None)
    except InputError:
        return "refused"
    if cohort.errors:
        return "refused"
    if len(cohort.patients) != len(rows):
        return f"{len(cohort.patients)} patients in place of {len(rows)}"
    for at, row in enumerate(rows):
        for name in cohort.patients:
            value, found = row[name], cohort.patients[name][at]
            found = None if pd.isna(found) else found
            value = str(value) if name == "patient" else value
            found = (
                str(found)
                if name == "patient"
                else found.date()
                if isinstance(found, pd.Timestamp)
                else found
            )
            same = (
                abs(found - value) < 1e-9
                if isinstance(value, float) and found is not None
                else found == value
            )
            if not same:
                return f"row {at + 1}, {name}: {found!r} in place of {value!r}"
    return "read"


def tried(number: int, folder: Path) -> tuple[str, bytes, str]:
    """Try one input, by its number."""
    rng = random.Random(number)
    rows = drawn(rng)
    content, mapping = saved(rows, rng)
    return compared(rows, content, mapping, folder), content, mapping


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--inputs", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    outcomes, start = Counter(), time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        for number in range(asked.seed * 10_000_000, asked.seed * 10_000_000 + asked.inputs):
            outcome, content, mapping = tried(number, Path(folder))
            outcomes[outcome if outcome in ("read", "refused") else "changed"] += 1
            if outcome not in ("read", "refused"):
                print(f"input {number}: {outcome}\n{content!r}\n{mapping}")
    print(f"{asked.inputs:,} inputs in {time.monotonic() - start:.0f} s: {dict(outcomes)}")


if __name__ == "__main__":
    main()
