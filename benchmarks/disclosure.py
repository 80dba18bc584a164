"""Plant children in cohorts and try to find them in what is released, with protection and without.

    python benchmarks/disclosure.py [--cohorts 100] [--patients 40]

Findings are drawn that are part of one another but for a few children. A folder is written as the program does (a
description, a comparison with a published study), its columns under other names, once with
small counts hidden and once without. The attacker stands apart from the program: it has the folder alone, knows what is
part of what in a body and within which limits scores lie, and asks an integer programme how few and how many children a
count can be of: from x/n, from decimals that are x/n, and from n, mean, median and SD. What it narrows to 1 to 4
children is found.
"""

import argparse
import csv
import itertools
import re
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.optimize import Bounds, LinearConstraint, milp

from crmo_analysis.comparison import compare
from crmo_analysis.display import frames
from crmo_analysis.study import read_codebook, read_study

PART_OF = {
    "Lesion of a thoracic vertebra": "Spinal involvement", "Vertebra": "Spinal involvement",
    "Sacral disease": "Spinal involvement", "Etanercept": "Anti-TNF agent", "Femur": "Lower extremity",
    "Tibia": "Lower extremity", "Humerus": "Upper extremity",
}  # fmt: skip
PARTS = {
    "spine": ["thoracic_lesion", "sacral_disease"],
    "lower_extremity": ["femur", "tibia"],
    "anti_tnf": ["etanercept"],
}
LABELS = [
    *(
        "Spinal involvement",
        "Lesion of a thoracic vertebra",
        "Sacral disease",
        "Lower extremity",
        "Femur",
        "Tibia",
    ),
    *("Anti-TNF agent", "Etanercept", "Male sex"),
]


STUDIES = [read_study("sag_2019")]  # prints numbers of all that is planted


def planted(seed: int, n: int = 40) -> pd.DataFrame:
    """Draw a cohort in which findings are part of one another but for a few children."""
    rng = np.random.default_rng(seed)
    table = {}
    for whole, others in PARTS.items():
        table[whole] = np.arange(n) < rng.integers(0, n)
        for other in others:
            few = rng.permutation(np.flatnonzero(table[whole]))[: rng.integers(0, 7)]
            table[other] = table[whole] & ~np.isin(np.arange(n), few)
    table["male"] = rng.random(n) < 0.5
    table["n_lesions"] = pd.array(
        1 + rng.poisson(1.5, n), "Int64"
    )  # few values, of which a mean and SD tell most
    return pd.DataFrame(table).astype(
        dict.fromkeys([name for name in table if name != "n_lesions"], "boolean")
    )


def released(table: pd.DataFrame, smallest: int, folder: Path) -> Path:
    """Write what would be passed on of a cohort, with columns under other names."""
    folder.mkdir(parents=True)
    beside = compare(table, STUDIES, read_codebook(), smallest=smallest, resamples=20)
    written = {
        "a": frames.characteristics(table, read_codebook(), smallest),
        "b": beside.table.drop(columns=[name for name in beside.table if name.startswith("published")]),
    }
    for name, frame in written.items():
        frame.set_axis([f"c{place}" for place in range(len(frame.columns))], axis=1).to_csv(
            folder / f"{name}.csv", index=False
        )
    return folder


def counts_in(folder: Path) -> dict[str, tuple[int, int]]:
    """Read every x of n beside a label that a folder shows, as x/n or as two whole numbers and their share."""
    found = {}
    for path in folder.rglob("*.csv"):
        for row in csv.reader(path.open(encoding="utf-8")):
            label = next((cell for cell in row if cell in LABELS), "")
            for cell in row if label else ():
                if match := re.match(r"(\d+)/(\d+)( |$)", cell):
                    found[label] = (int(match[1]), int(match[2]))
            if label and "share" in row and "All patients" in row:
                wholes = [int(cell) for cell in row if re.fullmatch(r"\d+", cell)]
                shares = {cell for cell in row if re.fullmatch(r"[01]\.\d+", cell)}
                for x, n in itertools.permutations(wholes, 2):
                    if n > x and any(abs(x / n - float(share)) < 1e-6 for share in shares):
                        found[label] = (x, n)
    return found


def moments_in(folder: Path, label: str) -> dict[str, float]:
    """Read median, mean and SD of a score by their place in the documented tables, whatever columns are called."""
    found = {}
    for path in folder.rglob("*.csv"):
        for row in csv.reader(path.open(encoding="utf-8")):
            if label in row and any(cell.startswith("median") for cell in row):
                found |= {"median": float(match[0])} if (match := re.match(r"[\d.]+", row[2])) else {}
            if label in row and "mean" in row and "All patients" in row:
                numbers = [float(cell) for cell in row if re.fullmatch(r"\d+(\.\d+)?", cell)]
                found |= {"mean": numbers[0]} if numbers else {}  # the centre, its interval, n, the SD
                found |= {"sd": numbers[4]} if len(numbers) > 5 else {}
    return found


def values_narrowed(folder: Path, n: int, smallest: int = 5, most: int = 100) -> list[str]:
    """Return the numbers of lesions that 1 to `smallest` - 1 children are known to have, and fewer or more."""
    known = moments_in(folder, "Lesions")
    if "mean" not in known:
        return []
    total = round(known["mean"] * n)
    squares = (n - 1) * known["sd"] ** 2 + n * (total / n) ** 2 if "sd" in known else total**2
    grid = np.arange(min(most, int(squares**0.5 + 0.01)) + 1.0)  # nobody has more
    rows, low, high = [np.ones(len(grid)), grid], [n, total], [n, total]
    if "sd" in known:
        rows, low, high = [*rows, grid**2], [*low, squares - 0.01], [*high, squares + 0.01]
    if "median" in known:
        sides = [grid <= known["median"], grid >= known["median"]]
        rows, low, high = [*rows, *sides], [*low, n / 2, n / 2], [*high, n, n]
    settings = {"constraints": LinearConstraint(np.array(rows, dtype=float), low, high), "integrality": 1}
    told = []
    for value in range(13):
        for what, cell in ((f"{value}", grid == value), (f"more than {value}", grid > value)):
            target = cell.astype(float)
            ends = [milp(sign * target, bounds=Bounds(0, n), **settings).fun for sign in (1, -1)]
            if None not in ends and round(ends[0]) >= 1 and round(-ends[1]) < smallest:
                told.append(f"lesions {what}: {ends[0]:.0f} to {-ends[1]:.0f}")
    return told


def narrowed(folder: Path, n: int, smallest: int = 5) -> list[str]:
    """Return what the attacker knows to be of 1 to `smallest` - 1 children."""
    shown, told = counts_in(folder), []
    for whole in dict.fromkeys([*(PART_OF.get(label, label) for label in LABELS)]):
        group = [whole, *(label for label in LABELS if PART_OF.get(label) == whole)]
        patterns = [found for found in itertools.product((0, 1), repeat=len(group)) if max(found) <= found[0]]
        column = dict(zip(group, np.array(patterns, dtype=float).T, strict=True))
        known = [label for label in group if label in shown]
        rows = [np.ones(len(patterns)), *(column[label] for label in known)]
        values = [n, *(shown[label][0] for label in known)]
        asked = {f"{label}: yes": column[label] for label in group}
        asked |= {f"{label}: no": 1 - column[label] for label in group}
        asked |= {f"{whole} without {label}": column[whole] * (1 - column[label]) for label in group[1:]}
        for what, target in asked.items():
            settings = {"constraints": LinearConstraint(rows, values, values), "bounds": Bounds(0, n)}
            low, high = (sign * milp(sign * target, integrality=1, **settings).fun for sign in (1, -1))
            if round(low) >= 1 and round(high) < smallest:
                told.append(f"{what}: {low:.0f} to {high:.0f}")
    return told + (values_narrowed(folder, n, smallest) if n <= 20 else [])  # of more, none was ever narrowed


def child_between(known: dict[str, float], later: dict[str, float], n: int) -> list[tuple[int, int]]:
    """Return which numbers of lesions and scores the one child can have who was added to n others.

    `known` are mean and SD of both and the slope of n children, `later` slope and standard error of n + 1.
    """
    found = []
    sxx, syy = ((n - 1) * known[f"sd_{name}"] ** 2 for name in "xy")
    for x, y in itertools.product(range(101), range(11)):
        away = (x - known["mean_x"]), (y - known["mean_y"])
        share = n / (n + 1)  # of what a new value adds to sums of squares about the mean
        new = [
            sxx + share * away[0] ** 2,
            known["slope"] * sxx + share * away[0] * away[1],
            syy + share * away[1] ** 2,
        ]
        slope = new[1] / new[0]
        error = ((new[2] - slope * new[1]) / (n - 1) / new[0]) ** 0.5
        if abs(slope - later["slope"]) < 1e-5 and abs(error - later["error"]) < 1e-5:
            found.append((x, y))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cohorts", type=int, default=100)
    parser.add_argument("--patients", type=int, default=40)
    asked = parser.parse_args()
    for smallest, how in ((5, "protected"), (0, "open")):
        with tempfile.TemporaryDirectory() as folder:
            found = [
                narrowed(
                    released(planted(seed, asked.patients), smallest, Path(folder) / str(seed)),
                    asked.patients,
                )
                for seed in range(asked.cohorts)
            ]
        n_shown = sum(map(bool, found))
        print(
            f"{how}: {sum(map(len, found))} groups of 1 to 4 children found in {n_shown} of {asked.cohorts} cohorts"
        )


if __name__ == "__main__":
    main()
