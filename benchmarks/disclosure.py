"""Plant children in cohorts and try to find them in what is released, with protection and without.

    python benchmarks/disclosure.py [--cohorts 200] [--first 0] [--patients 40]

Findings are drawn that are part of one another but for a few children, make up one another but for a few, or are added
up, bands of age of which a study prints some, or some put together, and one child of a severity, or with a number of
lesions, that no other has. A folder is written as the program does (a description, a comparison with published studies,
and all tables and figures of lesions and severity), its columns under other names, once with small counts hidden and
once without, and again when one child more has come. The attacker stands apart from the program: it has the folders
alone, knows what is part of what in a body and within which limits scores lie, and asks an integer programme how few
and how many children a count can be of: from x/n, from decimals that are x/n, from n, mean, median and SD, from a line
that is drawn (it passes through the means, whose sums are whole, and with a slope for one SD it tells the SD), and from
what two folders tell of the child between them. What it narrows to 1 to 4 children is found.
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
from crmo_analysis.face import relate
from crmo_analysis.files import CrmoError
from crmo_analysis.publish import releases
from crmo_analysis.study import read_codebook, read_study

PART_OF = {
    "Lesion of a thoracic vertebra": "Vertebra", "Vertebra": "Spinal involvement",
    "Sacral disease": "Spinal involvement", "Etanercept": "Anti-TNF agent", "Femur": "Lower extremity",
    "Tibia": "Lower extremity", "Talus": "Lower extremity", "Calcaneus": "Lower extremity",
    "Humerus": "Upper extremity", "Radius": "Upper extremity", "Ulna": "Upper extremity",
}  # fmt: skip
MADE_UP_OF = {"Spinal involvement": ["Vertebra", "Sacral disease"]}
PARTS = {
    "spine": ["vertebra", "sacral_disease"],
    "vertebra": ["thoracic_lesion"],
    "lower_extremity": ["femur", "tibia", "talus", "calcaneus"],
    "upper_extremity": ["humerus", "radius", "ulna"],
    "anti_tnf": ["etanercept"],
}
ALONE = ["male", "sacroiliitis", "pelvis", "sternum", "clavicle", "mandible"]
BONES = [name for name, variable in read_codebook().items() if variable.group == "affected_bone"]
LABELS = [*{**PART_OF, **dict.fromkeys(PART_OF.values())}, *(read_codebook()[name].label for name in ALONE)]


BANDS = {"Band 1": "age_diagnosis < 6", "Band 2": "age_diagnosis >= 6 & age_diagnosis < 9",
         "Band 3": "age_diagnosis >= 9 & age_diagnosis < 12", "Band 4": "age_diagnosis >= 12",
         "School": "age_diagnosis >= 6", "Younger": "age_diagnosis < 9"}  # fmt: skip
IN_BAND = {"Band 1": [0], "Band 2": [1], "Band 3": [2], "Band 4": [3], "School": [1, 2, 3], "Younger": [0, 1]}


def studies(seed: int) -> list:
    """Return a study that prints numbers of all findings that are planted, and one that prints some bands of age."""
    chosen = np.random.default_rng([seed, 1]).permutation(list(BANDS))[:3]
    head = "claim_id,where,about,statistic,of,among,printed,unit,reading,note\nn,x,own,count,everyone,,60,patients,,\n"
    rows = [f"b{at},x,own,count,{BANDS[name]},,{9 + at},patients,," for at, name in enumerate(chosen)]
    known = ("title", "short", "citation", "read_by", "design", "question")
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "bands"
        place.mkdir()
        (place / "study.yaml").write_text("study: bands\n" + "".join(f"{name}: none\n" for name in known))
        (place / "claims.csv").write_text(head + "\n".join(rows) + "\n")
        return [read_study("sag_2019"), read_study("bands", Path(folder))]


def bands_narrowed(folder: Path, n: int, smallest: int) -> list[str]:
    """Return the bands of age of 1 to `smallest` - 1 children: what is shown of bands are sums of four counts."""
    rows, sums = [np.ones(4)], [n]
    for path in folder.rglob("*.csv"):
        for row in csv.reader(path.open(encoding="utf-8")):
            name = next((name for name, of in BANDS.items() if of in row), "")
            wholes = [int(cell) for cell in row if re.fullmatch(r"\d+", cell)] if name else []
            if n in wholes[1:]:
                rows.append(np.isin(np.arange(4), IN_BAND[name]).astype(float))
                sums.append(wholes[wholes.index(n) - 1])  # x stands before n
    told = []
    for place, target in enumerate(np.eye(4)):
        settings = {"constraints": LinearConstraint(np.array(rows), sums, sums), "integrality": 1}
        ends = [milp(sign * target, bounds=Bounds(0, n), **settings).fun for sign in (1, -1)]
        if None not in ends and round(ends[0]) >= 1 and round(-ends[1]) < smallest:
            told.append(f"Band {place + 1}: {ends[0]:.0f} to {-ends[1]:.0f}")
    return told


def planted(seed: int, n: int = 40) -> pd.DataFrame:
    """Draw a cohort in which findings are part of one another, and make up one another, but for a few children."""
    rng = np.random.default_rng(seed)
    table = {}
    for whole, others in PARTS.items():
        if whole not in table:
            table[whole] = np.arange(n) < rng.integers(0, n)
        for other in others:
            few = rng.permutation(np.flatnonzero(table[whole]))[: rng.integers(0, 7)]
            table[other] = table[whole] & ~np.isin(np.arange(n), few)
    both = rng.permutation(np.flatnonzero(table["spine"]))[
        : rng.integers(0, 7)
    ]  # the rest has one of the two
    if rng.random() < 0.5:
        table["sacral_disease"] = table["spine"] & (np.arange(n) % 2 == 0)
        table["vertebra"] = table["spine"] & (~table["sacral_disease"] | np.isin(np.arange(n), both))
        table["thoracic_lesion"] &= table["vertebra"]
    table["vertebra"] |= table["spine"] & ~table["sacral_disease"]
    table |= {name: rng.random(n) < rng.choice([0.05, 0.3, 0.5]) for name in ALONE}
    found = pd.DataFrame(table).astype("boolean")
    found["n_affected_bones"] = found[BONES].astype("Int64").sum(axis=1)
    few = rng.integers(0, 7)
    sizes = rng.permutation([few, *rng.multinomial(n - few, [1 / 3] * 3)])
    ages = rng.permutation(np.repeat([4.0, 7.0, 10.0, 14.0], sizes))
    found["age_diagnosis"] = ages
    found["n_lesions"] = found["n_affected_bones"].clip(lower=1 + rng.poisson(1.5, n))
    found["clinical_severity"] = (found["n_lesions"] // 2 + rng.integers(0, 4, n)).clip(upper=10)
    if seed % 2:  # a score of few values, so that moments say much
        found["clinical_severity"] = rng.integers(0, 3, n)
    found.loc[rng.integers(n - 1), "clinical_severity"] = rng.integers(11, 61)  # not the one who comes later
    found["patient"] = [f"P{place}" for place in range(n)]
    return found


def released(table: pd.DataFrame, smallest: int, folder: Path, seed: int = 0, is_asked: bool = False) -> Path:
    """Write what would be passed on of a cohort, with columns under other names; severity too if `is_asked`."""
    beside = compare(table, studies(seed), read_codebook(), smallest=smallest, resamples=20).table
    shown = [
        described(table, smallest),
        beside[[name for name in beside if not name.startswith("published")]],
    ]
    return written([*shown, *(of_severity(table) if is_asked and smallest else [])], folder)


def described(table: pd.DataFrame, smallest: int) -> pd.DataFrame:
    """Describe who is in a cohort."""
    return frames.characteristics(table, read_codebook(), smallest)


def written(tables: list[pd.DataFrame], folder: Path) -> Path:
    """Write tables with columns under other names."""
    folder.mkdir(parents=True)
    for place, frame in enumerate(tables):
        renamed = frame.set_axis([f"c{place}" for place in range(len(frame.columns))], axis=1)
        renamed.to_csv(folder / f"{place}.csv", index=False)
    return folder


def of_severity(table: pd.DataFrame) -> list[pd.DataFrame]:
    """Return all that the notebook on lesions and severity writes of a cohort, where it can be shown."""
    try:
        effort = {"resamples": 50, "permutations": 200}
        relation = relate(table, "clinical_severity", "n_lesions", [], cut=5, **effort)
        made = [relation, relation.participants(), relation.diagnostics()]
        made += [relation.scatter(), relation.forest(), relation.specifications(), relation.influence()]
    except CrmoError:
        return []
    return [one.frame if one.data is None else one.data for one in made]


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


def line_in(folder: Path, n: int) -> dict[str, dict[str, float]]:
    """Return sum and standard deviation of lesions and of severity, from a line that is drawn and its effects.

    The line passes through the means of both, whose sums are whole numbers; the effect of one SD is the slope
    times the SD, and Pearson's correlation is what is left of the other's.
    """
    lines, effect, r = [], None, None
    for path in sorted(folder.rglob("*.csv")):
        rows = list(csv.reader(path.open(encoding="utf-8")))[1:]
        numbers = [[float(c) for c in row] for row in rows if all(re.fullmatch(r"-?[\d.]+", c) for c in row)]
        if len(numbers) > 20 and {len(row) for row in numbers} == {4}:
            lines.append(np.array(numbers))
        for row in rows:
            decimals = [float(cell) for cell in row if re.fullmatch(r"-?\d+\.\d+", cell)]
            if (
                row[:1] == ["linear"]
                and decimals
                and any(cell.startswith("difference per SD") for cell in row)
            ):
                effect = decimals[0]
            if row[:1] == ["pearson"] and decimals:
                r = decimals[0]
    if len(lines) != 1 or effect is None or r is None:
        return {}
    slope, level = np.polyfit(lines[0][:, 0], lines[0][:, 1], 1)
    sums = [x for x in range(100 * n) if abs(n * level + slope * x - round(n * level + slope * x)) < n * 5e-6]
    within = [x for x in sums if lines[0][0, 0] <= x / n <= lines[0][-1, 0]]
    if len(within) != 1:
        return {}
    sd = effect / slope
    y = {"sum": round(n * level + slope * within[0]), "sd": slope * sd / r, "off": 2e-4}
    return {"Lesions": {"sum": within[0], "sd": sd, "off": 1e-4}, "Clinical severity score": y}


def values_narrowed(folder: Path, n: int, smallest: int = 5, most: int = 100) -> list[str]:
    """Return the lesions and scores that 1 to `smallest` - 1 children are known to have, and fewer or more."""
    told, lines = [], line_in(folder, n)
    for label, unit in (("Lesions", ""), ("Clinical severity score", ", points")):
        known = moments_in(folder, label) | moments_in(folder, f"{label}{unit}")
        known = {"off": 1e-5} | known | lines.get(label, {})
        if "mean" not in known and "sum" not in known:
            continue
        total = known.get("sum", round(known.get("mean", 0) * n))
        squares = (n - 1) * known["sd"] ** 2 + n * (total / n) ** 2 if "sd" in known else total**2
        grid = np.arange(min(most, int(squares**0.5 + 0.01)) + 1.0)  # nobody has more
        rows, low, high = [np.ones(len(grid)), grid], [n, total], [n, total]
        if "sd" in known:
            off = 2 * known["off"] * (n - 1) * known["sd"] ** 2 + 0.01
            rows, low, high = [*rows, grid**2], [*low, squares - off], [*high, squares + off]
        if "median" in known:
            sides = [grid <= known["median"], grid >= known["median"]]
            rows, low, high = [*rows, *sides], [*low, n / 2, n / 2], [*high, n, n]
        settings = {"constraints": LinearConstraint(np.array(rows, dtype=float), low, high), "integrality": 1}
        for value in range(21):
            for what, cell in ((f"{value}", grid == value), (f"more than {value}", grid > value)):
                target = cell.astype(float)
                ends = [milp(sign * target, bounds=Bounds(0, n), **settings).fun for sign in (1, -1)]
                if None not in ends and round(ends[0]) >= 1 and round(-ends[1]) < smallest:
                    told.append(f"{label} {what}: {ends[0]:.0f} to {-ends[1]:.0f}")
    return told


def narrowed(folder: Path, n: int, smallest: int = 5) -> list[str]:
    """Return what the attacker knows to be of 1 to `smallest` - 1 children."""
    shown, told = counts_in(folder), []
    for whole in dict.fromkeys(label for label in [*PART_OF.values(), *LABELS] if label not in PART_OF):
        group = [whole]
        for label in sorted(PART_OF, key=lambda label: label in PART_OF.values(), reverse=True):
            group += [label] if PART_OF[label] in group else []
        patterns = [found for found in itertools.product((0, 1), repeat=len(group)) if _can_be(found, group)]
        column = dict(zip(group, np.array(patterns, dtype=float).T, strict=True))
        known = [label for label in group if label in shown]
        rows = [np.ones(len(patterns)), *(column[label] for label in known)]
        values = [n, *(shown[label][0] for label in known)]
        asked = {}
        for label in group:
            asked |= {f"{label}: yes": column[label], f"{label}: no": 1 - column[label]}
        for one, other in itertools.combinations(group, 2):
            asked[f"{one} and {other}"] = column[one] * column[other]
            asked[f"{one} without {other}"] = column[one] * (1 - column[other])
            asked[f"{other} without {one}"] = column[other] * (1 - column[one])
        settings = {"constraints": LinearConstraint(rows, values, values), "integrality": 1}
        for what, target in asked.items():
            ends = [milp(sign * target, bounds=Bounds(0, n), **settings).fun for sign in (1, -1)]
            if None not in ends and round(ends[0]) >= 1 and round(-ends[1]) < smallest:
                told.append(f"{what}: {ends[0]:.0f} to {-ends[1]:.0f}")
    told += bones_narrowed(folder, shown, n, smallest) + bands_narrowed(folder, n, smallest)
    return told + values_narrowed(folder, n, smallest)


def _can_be(found: tuple[int, ...], group: list[str]) -> bool:
    """Say whether a body can have these findings and no others of a group."""
    has = dict(zip(group, found, strict=True))
    return all(
        has[label] <= has[PART_OF[label]] for label in group if label in PART_OF
    ) and all(
        has[whole] <= sum(has[label] for label in parts) for whole, parts in MADE_UP_OF.items() if whole in group
    )  # fmt: skip


def bones_narrowed(folder: Path, shown: dict, n: int, smallest: int) -> list[str]:
    """Return the bones of 1 to `smallest` - 1 children, by the mean of how many bones are affected."""
    labels = [read_codebook()[name].label for name in BONES]
    hidden = [label for label in labels if label not in shown]
    mean = moments_in(folder, "Affected bones").get("mean")
    if mean is None or not hidden:
        return []
    left = round(mean * n) - sum(shown[label][0] for label in labels if label in shown)
    least = max(0, left - (len(hidden) - 1) * n)
    return [f"{label}: {least} to {left}" for label in hidden if least >= 1 and left < smallest] or (
        [f"{hidden}: {left}"] if 0 < left < smallest else []
    )


def told_of_one(earlier: Path, later: Path) -> list[str]:
    """Return which findings the child has, or has not, who has come between two folders."""
    before, after = counts_in(earlier), counts_in(later)
    return [
        f"{label}: {after[label][0] - before[label][0]}"
        for label in before.keys() & after.keys()
        if after[label][1] - before[label][1] == 1
    ]


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
    parser.add_argument("--cohorts", type=int, default=200)
    parser.add_argument("--first", type=int, default=0, help="seed of the first cohort")
    parser.add_argument("--patients", type=int, default=0, help="20 to 60 by turns unless given")
    asked = parser.parse_args()
    for smallest, how in ((5, "protected"), (0, "open")):
        found, between, refused = [], 0, 0
        with tempfile.TemporaryDirectory() as folder:
            for seed in range(asked.first, asked.first + asked.cohorts):
                n = asked.patients or (20, 24, 30, 40, 60)[seed % 5]
                table, place = planted(seed, n + 1), Path(folder) / str(seed)
                first = released(table.iloc[:-1], smallest, place / "a", seed, is_asked=True)
                found.append(narrowed(first, n))
                if smallest:
                    later = released(table, smallest, place / "b", seed, is_asked=True)
                    is_told = bool(told_of_one(first, later))
                    between += is_told
                    refused += is_told and bool(len(releases.check([first, later], smallest)[1]))
        n_shown = sum(map(bool, found))
        print(
            f"{how}: {sum(map(len, found))} groups of 1 to 4 children found in {n_shown} of {asked.cohorts} cohorts"
        )
        if smallest:
            print(
                f"  of the child between two folders findings follow in {between}; {refused} of these are refused"
            )
        print(*sorted({told.split(":")[0] for cohort in found for told in cohort})[:30], sep="\n    ")


if __name__ == "__main__":
    main()
