"""What a folder of results tells to somebody who has nothing else, and what two folders tell together.

The attacker stands apart from the program: it reads the files of a folder, knows what is part of what in a
body, and asks an integer programme how few and how many patients a count can be of.
"""

import csv
import itertools
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from scipy.optimize import Bounds, LinearConstraint, milp

from crmo_analysis.commands import main
from crmo_analysis.display import frames
from crmo_analysis.files import InputError
from crmo_analysis.publish.releases import STATEMENT, check, differences, release
from crmo_analysis.study import read_codebook

PART_OF = {
    "Lesion of a thoracic vertebra": "Spinal involvement", "Vertebra": "Spinal involvement",
    "Sacral disease": "Spinal involvement", "Etanercept": "Anti-TNF agent", "Femur": "Lower extremity",
    "Tibia": "Lower extremity", "Humerus": "Upper extremity",
}  # fmt: skip
NAMES = [
    "spine",
    "thoracic_lesion",
    "sacral_disease",
    "lower_extremity",
    "femur",
    "tibia",
    "anti_tnf",
    "etanercept",
    "male",
]


# ---- the attacker ------------------------------------------------------------------------------------------


def counts_in(folder: Path) -> dict[str, tuple[int, int]]:
    """Read every x/n beside a label that a folder shows, whatever its columns are called."""
    found = {}
    for path in folder.rglob("*.csv"):
        for row in csv.reader(path.open(encoding="utf-8")):
            for cell in row:
                if match := re.match(r"(\d+)/(\d+)( |$)", cell):
                    found[row[0]] = (int(match[1]), int(match[2]))
    return found


def narrowed(folder: Path, labels: list[str], n: int, smallest: int = 5) -> list[str]:
    """Return what the attacker knows to be of 1 to `smallest` - 1 patients."""
    shown = counts_in(folder)
    patterns = [
        pattern
        for pattern in itertools.product((0, 1), repeat=len(labels))
        if not any(
            pattern[labels.index(one)] > pattern[labels.index(whole)]
            for one, whole in PART_OF.items()
            if one in labels and whole in labels
        )
    ]
    column = dict(zip(labels, np.array(patterns, dtype=float).T, strict=True))
    known = [label for label in labels if label in shown]
    rows = [np.ones(len(patterns)), *(column[label] for label in known)]
    values = [n, *(shown[label][0] for label in known)]
    asked = {f"{label}: yes": column[label] for label in labels}
    asked |= {f"{label}: no": 1 - column[label] for label in labels}
    for one, whole in PART_OF.items():
        if one in labels and whole in labels:
            asked[f"{whole} without {one}"] = column[whole] * (1 - column[one])
    told = []
    for what, target in asked.items():
        settings = {"constraints": LinearConstraint(rows, values, values), "bounds": Bounds(0, n)}
        low, high = (sign * milp(sign * target, integrality=1, **settings).fun for sign in (1, -1))
        if round(low) >= 1 and round(high) < smallest:
            told.append(f"{what}: {low:.0f} to {high:.0f}")
    return told


def planted(seed: int, n: int = 40) -> pd.DataFrame:
    """Draw a cohort in which findings are part of one another but for a few children."""
    rng = np.random.default_rng(seed)
    table = {}
    for whole, others in {
        "spine": ["thoracic_lesion", "sacral_disease"],
        "lower_extremity": ["femur", "tibia"],
        "anti_tnf": ["etanercept"],
    }.items():
        holds = np.arange(n) < rng.integers(0, n)
        table[whole] = holds
        for other in others:
            few = rng.permutation(np.flatnonzero(holds))[: rng.integers(0, 7)]
            table[other] = holds & ~np.isin(np.arange(n), few)
    table["male"] = rng.random(n) < 0.5
    return pd.DataFrame(table).astype("boolean")


@pytest.mark.parametrize("seed", range(8))
def test_no_hidden_count_can_be_narrowed_by_somebody_who_has_the_table_alone(tmp_path, seed):
    table, codebook = planted(seed), read_codebook()
    labels = [codebook[name].label for name in NAMES]
    for smallest, folder in ((5, tmp_path / "protected"), (0, tmp_path / "open")):
        folder.mkdir()
        frames.characteristics(table, codebook, smallest).to_csv(folder / "renamed.csv", index=False)
    assert not narrowed(tmp_path / "protected", labels, len(table))
    assert len(counts_in(tmp_path / "open")) == len(NAMES)
    compared, found = check([tmp_path / "protected"], 5)
    assert compared == 1
    assert found.empty
    told = narrowed(tmp_path / "open", labels, len(table))
    assert bool(told) == (not check([tmp_path / "open"], 5)[1].empty)


def test_the_attacker_does_find_planted_children_where_nothing_is_hidden(tmp_path):
    found = 0
    for seed in range(12):
        folder = tmp_path / str(seed)
        folder.mkdir()
        frames.characteristics(planted(seed), read_codebook(), 0).to_csv(folder / "a.csv", index=False)
        found += bool(narrowed(folder, [read_codebook()[name].label for name in NAMES], 40))
    assert found >= 9


# ---- two releases ------------------------------------------------------------------------------------------


def cohort(changed=None, n=40):
    rng = np.random.default_rng(7)
    table = pd.DataFrame({
        "patient": [f"Q{i:02}" for i in range(60)], "n_lesions": rng.integers(1, 12, 60), "male": rng.random(60) < 0.5,
        "age_onset": rng.integers(12, 60, 60) / 4,
    }).head(n)  # fmt: skip
    if changed is not None:
        table.loc[3, "n_lesions"] = changed
    return table


def compared(tmp_path, name, table):
    path, out = tmp_path / f"{name}.csv", tmp_path / name
    table.to_csv(path, index=False)
    result = CliRunner().invoke(main, ["compare", str(path), "sag_2019", "--out", str(out)])
    assert result.exit_code == 0, result.output
    return out


def disclosure(*folders):
    return CliRunner().invoke(main, ["disclosure", *map(str, folders)])


def test_a_corrected_value_follows_from_mean_and_spread_and_is_told(tmp_path):
    old = int(cohort()["n_lesions"][3])
    first, second = compared(tmp_path, "a", cohort()), compared(tmp_path, "b", cohort(changed=30))
    result = disclosure(first, second)
    assert result.exit_code == 1
    assert f"if one value was corrected, from {old} to 30" in result.output
    assert disclosure(first, first).exit_code == 0


def test_a_patient_who_was_added_follows_from_two_means_and_is_told(tmp_path):
    first, second = compared(tmp_path, "a", cohort(n=40)), compared(tmp_path, "b", cohort(n=41))
    result = disclosure(first, second)
    assert f"the patient between has {cohort(n=41)['n_lesions'][40]}" in result.output
    assert result.exit_code == 1


def test_releases_of_other_patients_are_shown_together(tmp_path):
    all_of_them = cohort(n=60).drop(columns="male")
    first, second = (
        compared(tmp_path, "a", all_of_them.head(40)),
        compared(tmp_path, "b", all_of_them.tail(30)),
    )
    assert disclosure(first, second).exit_code == 0


def test_small_differences_between_releases_are_found():
    columns = ["variable", "statistic", "value", "n", "method"]
    earlier = pd.DataFrame(
        [["Spine", "x/n (%)", "20/54 (37.0 %)", "54", "exact"], ["Femur", "x/n (%)", "12/54 (22.2 %)", "54", "exact"],
         ["Age", "median", "10.5", "54", "exact"], ["Gone", "x/n (%)", "9/54 (16.7 %)", "54", "exact"]],
        columns=columns,
    )  # fmt: skip
    later = pd.DataFrame(
        [["Spine", "x/n (%)", "21/59 (35.6 %)", "59", "exact"], ["Femur", "x/n (%)", "12/59 (20.3 %)", "59", "exact"],
         ["Age", "median", "10.5", "60", "exact"], ["New", "x/n (%)", "9/59 (15.3 %)", "59", "exact"]],
        columns=columns,
    )  # fmt: skip
    [[row, name, shown, derived]] = differences(earlier, later, 5)
    assert (row, name, shown) == ("Spine", "value", "20/54 (37.0 %), then 21/59 (35.6 %)")
    assert derived == "1 patient by subtraction"
    assert len(differences(earlier, later, 6)) == 4
    assert not differences(earlier, earlier, 5)
    assert not differences(earlier, earlier[["n"]], 5)


def test_medians_and_coefficients_of_nearly_the_same_patients_are_told():
    rows = {"model": ["linear", "ordinal"], "n": ["54", "54"], "estimate": ["1.2", "3"], "p": ["0.03", "0.5"]}
    earlier = pd.DataFrame(rows)
    later = earlier.assign(n=["55", "70"], estimate=["1.3", "4"], p=["0.02", "0.4"])
    assert [row[:2] for row in differences(earlier, later, 5)] == [["linear", "n"], ["linear", "estimate"]]
    assert not differences(earlier, earlier.assign(p=["0.01", "0.9"]), 5)
    drawn = pd.DataFrame({"x": ["1.0", "2.0"], "fit": ["1.1", "2.2"]})
    assert not differences(drawn, drawn.assign(fit=["1.1", "2.3"]), 5)
    assert differences(drawn, drawn.assign(fit=["1.1", "2.3"]), 5, nearly=True)


# ---- a release ---------------------------------------------------------------------------------------------


def test_a_folder_is_released_with_a_statement_or_not_at_all(tmp_path):
    folder = compared(tmp_path, "a", cohort())
    out = tmp_path / "out"
    result = CliRunner().invoke(main, ["release", str(folder), "--out", str(out)])
    assert result.exit_code == 0, result.output
    assert {path.name for path in out.iterdir()} == {path.name for path in folder.iterdir()} | {STATEMENT}
    said = (out / STATEMENT).read_text(encoding="utf-8")
    assert "No count of 1 to 4 patients" in said
    with pytest.raises(InputError, match="holds files already"):
        release(folder, out, 5)
    later = compared(tmp_path, "b", cohort(n=41))
    result = CliRunner().invoke(
        main, ["release", str(later), "--out", str(tmp_path / "two"), "--beside", str(out)]
    )
    assert result.exit_code == 1
    assert not (tmp_path / "two").exists()


def test_a_table_that_shows_a_small_count_is_not_released(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "t.csv").write_text("variable,value\nFever,3/40 (7.5 %)\n", encoding="utf-8")
    _, found = release(tmp_path / "in", tmp_path / "out", 5)
    assert found["derived"].tolist() == ["3 of 40 patients"]
    assert not (tmp_path / "out").exists()


def test_tables_that_are_not_of_user_data_are_left_aside(tmp_path):
    (tmp_path / "t.csv").write_text("variable,value\nFever,3/40 (7.5 %)\n", encoding="utf-8")
    (tmp_path / "t.json").write_text(json.dumps({"source": "simulated"}), encoding="utf-8")
    assert check([tmp_path], 5)[0] == 0
