"""Try every combination of statistic and variable that a file of claims can hold, with units, groups and texts.

    python benchmarks/combinations.py [--draws 50] [--seed 1]

Each stands in small studies of its own, with a unit, a group, a printed text, a number of patients (one, two,
more), a size of the group (nobody, one, more) and a second claim drawn at random. The study is read, audited, searched
for conflicts, bounded and reconstructed. Every step ends in an answer or in an error of the declared kind, and
what is refused while reading says its row and column. Anything else is printed with the study that did it.
"""

import argparse
import csv
import io
import itertools
import random
import sys
import tempfile
import traceback
from collections import Counter
from pathlib import Path

from crmo_analysis.files import CrmoError, InputError, UnfinishedError
from crmo_analysis.joint import datapackage, find_bounds, find_conflicts, fit
from crmo_analysis.joint.ledger import audit_jointly
from crmo_analysis.study import Codebook, read_codebook, read_study

SECONDS = 10  # of effort a step
CODEBOOK = """
variables:
  flag: {label: Flag, type: boolean}
  sign_a: {label: Sign A, type: boolean, group: sign}
  sign_b: {label: Sign B, type: boolean, group: sign}
  n_signs: {label: Signs, type: integer, unit: signs, step: 1, minimum: 0, maximum: 5, counts: sign}
  n_spots: {label: Spots, type: integer, unit: spots, step: 1, minimum: 0, maximum: 9, at_least: sign}
  kind: {label: Kind, type: category, categories: [red, green, blue]}
  whole: {label: Whole, type: integer, unit: points, step: 1, minimum: 0, maximum: 20}
  gap: {label: Gap, type: integer, unit: points, step: 1, minimum: 0, maximum: 9, impossible: [2, 3]}
  tenth: {label: Tenth, type: decimal, unit: cm, step: 0.1, minimum: 0, maximum: 10}
  endless: {label: Endless, type: integer, unit: points, step: 1, minimum: 0}
  bottomless: {label: Bottomless, type: integer, unit: points, step: 1, maximum: 20}
  stepless: {label: Stepless, type: decimal, unit: cm, minimum: 0, maximum: 10}
  free: {label: Free, type: decimal, unit: cm}
  onset: {label: Onset, type: decimal, unit: years, step: 0.1, minimum: 0, maximum: 18}
  diagnosis: {label: Diagnosis, type: decimal, unit: years, step: 0.1, minimum: 0, maximum: 18}
  delay:
    {label: Delay, type: decimal, unit: months, step: 1, minimum: 0, maximum: 216, from: onset, to: diagnosis}
  day: {label: Day, type: date}
  dose: {label: Dose, type: decimal, unit: mg, level: study}
  agreed: {label: Agreed, type: boolean, level: study}
"""
STUDY = "study: tried\ntitle: Tried\nshort: Tried\ndesign: series\nquestion: none\ncitation: {title: Tried}\n"
COLUMNS = ("claim_id", "where", "about", "statistic", "of", "among", "printed", "unit", "reading", "note")
OF_PATIENTS = ("count", "percent", "fraction", "rank")
OF_VALUES = ("median", "mean", "sd", "min", "max", "sum", "value", "date")
OF_PAIRS = ("p_value", "correlation", "ratio")
VARIABLES = (
    *("flag", "sign_a", "n_signs", "n_spots", "kind", "whole", "gap", "tenth", "endless", "bottomless"),
    *("stepless", "free", "onset", "delay", "day", "dose", "agreed"),
)
TREES = (
    *("everyone", "flag", "~flag", "flag & sign_a", "sign_a | ~sign_a", "sign_a & ~sign_a", "kind == red"),
    *("whole >= 3", "gap == 2", "tenth < 0.25", "endless > 99", "free >= 1", "delay >= 6", "n_signs >= 1"),
    *("dose > 1", "agreed", "day", "whole"),
)
GROUPS = ("", "flag", "~flag", "flag & sign_a", "sign_b", "whole >= 3", "kind == red", "sign_a & ~sign_a")
UNITS = ("patients", "%", "points", "signs", "spots", "cm", "years", "months", "mg", "")
NUMBERS = ("0", "1", "2", "4", "7", "0.0", "0.04", "2.5", "12.35", "33.3", "100", "one", "7,800", "99999999")
LIMITS = ("<3", "at least 2", ">5", "about 1/3", "under 0.5")
TEXTS = {
    **dict.fromkeys(("count", "percent"), (*NUMBERS[:10], *LIMITS[:3], "no", "all", "all but one", "100")),
    "fraction": ("half", "most", "about 1/3", "1/2", "almost all", "0/3"),
    "rank": ("most common",),
    "date": ("January 2008", "before 2014"),
    "p_value": ("P<0.01", "P=0.5", "P > 0.05", "0.04", "0", "1"),
    "correlation": ("-0.3", "0.32", "1.0", "0"),
}
QUESTIONS = (
    "count({tree})",
    "percent({tree} among flag)",
    "median({name})",
    "mean({name} among flag)",
    "max({name})",
)


def combinations() -> list[tuple[str, str]]:
    """List every statistic with everything it can be of."""
    pairs = [f"{one}, {other}" for one in VARIABLES for other in ("flag", "whole", "endless", one)]
    kinds = ((OF_PATIENTS, TREES), (OF_VALUES, VARIABLES), (OF_PAIRS, pairs))
    return [found for statistics, targets in kinds for found in itertools.product(statistics, targets)]


def drawn(statistic: str, of: str, codebook: Codebook, rng: random.Random) -> list[tuple[str, ...]]:
    """Return the rows of a study with such a claim: `statistic, of, among, printed, unit`."""

    def row(statistic: str, of: str, among: str) -> tuple[str, ...]:
        own = codebook[of].unit if statistic in OF_VALUES and of in codebook else "patients"
        unit = own if rng.random() < 0.9 else rng.choice(UNITS)
        texts = TEXTS.get(statistic, (*NUMBERS, *LIMITS))
        every = (*NUMBERS, *LIMITS, *(text for found in TEXTS.values() for text in found))
        return statistic, of, among, rng.choice(texts if rng.random() < 0.9 else every), unit

    n = rng.choice((1, 2, 3, 9))
    rows = [("count", "everyone", "", str(n), "patients")]
    if rng.random() < 0.7:
        rows.append(("count", "flag", "", str(rng.choice((0, 1, min(n, 4)))), "patients"))
    among = rng.choice(GROUPS)
    rows.append(row(statistic, of, among))
    if rng.random() < 0.7:
        second, targets = rng.choice(
            ((OF_PATIENTS, TREES), (OF_VALUES, VARIABLES), (OF_PAIRS, ("flag, whole",)))
        )
        same = statistic in second and rng.random() < 0.7
        rows.append(row(rng.choice(second), of if same else rng.choice(targets), rng.choice((among, ""))))
    return rows


def written(rows: list[tuple[str, ...]]) -> str:
    """Return a file of claims with these rows."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for place, (statistic, of, among, printed, unit) in enumerate(rows):
        writer.writerow([f"c{place}", "table 1, row 1", "own", statistic, of, among, printed, unit, "", ""])
    return text.getvalue()


def begun(folder: Path) -> Codebook:
    """Put a study without claims, and a codebook, into a folder."""
    (folder / "codebook.yaml").write_text(CODEBOOK, encoding="utf-8")
    (folder / "tried").mkdir()
    (folder / "tried" / "study.yaml").write_text(STUDY, encoding="utf-8")
    return read_codebook(folder / "codebook.yaml")


def tried(rows: list[tuple[str, ...]], folder: Path, codebook: Codebook, rng: random.Random) -> list[str]:
    """Go through all steps; return how each ended. What no step declares is raised."""
    (folder / "tried" / "claims.csv").write_text(written(rows), encoding="utf-8", newline="")
    try:
        study = read_study.__wrapped__("tried", folder, folder / "codebook.yaml")
    except InputError as error:
        for line in str(error).splitlines():
            assert ", row " in line and ", column " in line, f"no row and column: {line}"
        return ["refused"]
    asked = rng.choice(QUESTIONS).format(tree=rng.choice(TREES[:4]), name=rng.choice(VARIABLES))
    steps = {
        "audit": lambda: audit_jointly(study, codebook),
        "conflicts": lambda: find_conflicts(study, codebook=codebook, seconds=SECONDS),
        "bounds": lambda: find_bounds(fit(study, codebook, SECONDS), asked, SECONDS),
        "reconstruct": lambda: datapackage.make_cohorts(fit(study, codebook, SECONDS), seconds=SECONDS),
    }
    ended = []
    for name, step in steps.items():
        try:
            step()
            ended.append(f"{name}: answered")
        except CrmoError as error:
            assert str(error).strip(), f"{name}: an error without words"
            kind = "unfinished" if isinstance(error, UnfinishedError) else "refused"
            ended.append(f"{name}: {kind}")
    return ended


def main() -> None:
    """Print how the steps ended, and every study that broke one."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--draws", type=int, default=50, help="studies for each combination")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    ended, broken = Counter(), 0
    with tempfile.TemporaryDirectory() as folder:
        codebook = begun(Path(folder))
        for (statistic, of), draw in itertools.product(combinations(), range(given.draws)):
            rng = random.Random(f"{given.seed} {statistic} {of} {draw}")
            rows = drawn(statistic, of, codebook, rng)
            try:
                how = tried(rows, Path(folder), codebook, rng)
                ended.update(how)
                if any("unfinished" in step for step in how):
                    print(f"\nunfinished: {', '.join(how)}\n{written(rows)}", flush=True)
            except Exception:
                broken += 1
                print(f"\n{written(rows)}{traceback.format_exc(limit=-3)}", flush=True)
    print(*(f"{count:>9,} {name}" for name, count in sorted(ended.items())), sep="\n")
    print(f"{broken:,} broken of {len(combinations()) * given.draws:,}")
    sys.exit(broken > 0)


if __name__ == "__main__":
    main()
