"""Plant children in cohorts and try to find them in what is released, with protection and without.

    python benchmarks/disclosure.py [--cohorts 100]

Findings are drawn that are part of one another but for a few children. A folder is written as the program does,
once with small counts hidden and once without. The attacker stands apart from the program: it has the folder
alone, knows what is part of what in a body, and asks an integer programme how few and how many children a count
can be of. What it narrows to 1 to 4 children is found.
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

from crmo_analysis.display import frames
from crmo_analysis.study import read_codebook

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
    return pd.DataFrame(table).astype("boolean")


def released(table: pd.DataFrame, smallest: int, folder: Path) -> Path:
    """Write a description of a cohort, as it would be passed on."""
    folder.mkdir(parents=True)
    frames.characteristics(table, read_codebook(), smallest).to_csv(folder / "renamed.csv", index=False)
    return folder


def counts_in(folder: Path) -> dict[str, tuple[int, int]]:
    """Read every x/n beside a label that a folder shows, whatever its columns are called."""
    found = {}
    for path in folder.rglob("*.csv"):
        for row in csv.reader(path.open(encoding="utf-8")):
            for cell in row:
                if match := re.match(r"(\d+)/(\d+)( |$)", cell):
                    found[row[0]] = (int(match[1]), int(match[2]))
    return found


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
    return told


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cohorts", type=int, default=100)
    asked = parser.parse_args()
    for smallest, how in ((5, "protected"), (0, "open")):
        with tempfile.TemporaryDirectory() as folder:
            found = [
                narrowed(released(planted(seed), smallest, Path(folder) / str(seed)), 40)
                for seed in range(asked.cohorts)
            ]
        n_shown = sum(map(bool, found))
        print(
            f"{how}: {sum(map(len, found))} groups of 1 to 4 children found in {n_shown} of {asked.cohorts} cohorts"
        )


if __name__ == "__main__":
    main()
