"""What a folder of results tells to somebody who has nothing else, and what two folders tell together.

The attacker stands apart from the program, in `benchmarks/disclosure.py`.
"""

import importlib.util
import json

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from crmo_analysis import files
from crmo_analysis.commands import main
from crmo_analysis.files import InputError
from crmo_analysis.patients import disclosure as own
from crmo_analysis.publish import releases
from crmo_analysis.publish.releases import STATEMENT, check, differences, release, told_by_sweep

if "sag_2019" not in files.study_names():
    pytest.skip("sag_2019 is not here", allow_module_level=True)  # which prints all that is planted
SPEC = importlib.util.spec_from_file_location("disclosing", files.ROOT / "benchmarks" / "disclosure.py")
attacker = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(attacker)


# ---- somebody who has the folder alone ---------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
def test_no_hidden_count_can_be_narrowed_by_somebody_who_has_the_table_alone(tmp_path, seed):
    table = attacker.planted(seed)
    protected = attacker.released(table, 5, tmp_path / "protected")
    shown = attacker.released(table, 0, tmp_path / "open")
    assert not attacker.narrowed(protected, len(table))
    compared, found = check([protected], 5)
    assert compared == len([*protected.glob("*.csv")])
    assert found.empty
    assert bool(attacker.narrowed(shown, len(table))) == (not check([shown], 5)[1].empty)


def test_a_line_with_its_effects_tells_a_child_who_is_far_from_the_others(tmp_path, monkeypatch):
    table, found = attacker.planted(1, 25).head(24), []
    for name in ("mended", "open"):
        shown = [attacker.described(table, 5), *attacker.of_severity(table)]
        found.append(attacker.values_narrowed(attacker.written(shown, tmp_path / name), len(table)))
        monkeypatch.setattr(own, "moments_tell", lambda *given, **settings: False)
    assert not found[0]
    assert "Clinical severity score more than 20: 1 to 1" in found[1]


def test_bands_of_age_in_several_folders_are_looked_at_together(tmp_path):
    head = "label,of,among,cohort_x,cohort_n"
    shares = [("< 6", 13), (">= 6 & age_diagnosis < 9", 12), (">= 9 & age_diagnosis < 12", 12)]
    folders = [tmp_path / str(place) for place in range(3)]
    for folder, (band, x) in zip(folders, shares, strict=True):
        folder.mkdir()
        (folder / "comparison.csv").write_text(
            f"{head}\n{folder.name},age_diagnosis {band},,{x},40\n", encoding="utf-8"
        )
    assert check(folders[:2], 5)[1].empty
    found = check(folders, 5)[1]
    assert found["row"].tolist() == ["Age at diagnosis such as 12.0"]
    assert "13 of 40 with age_diagnosis < 6" in found["shown"][0]


def test_bands_of_age_are_found_whatever_their_columns_are_called(tmp_path):
    rows = [("< 6", 13), (">= 6 & age_diagnosis < 9", 12), (">= 9 & age_diagnosis < 12", 12)]
    for name, among in (("plain", ""), ("among", "male")):
        folder = tmp_path / name
        folder.mkdir()
        lines = [f"{at},age_diagnosis {band},{among},{x}/40" for at, (band, x) in enumerate(rows)]
        (folder / "a.csv").write_text("\n".join(["a,b,c,d", *lines, ""]), encoding="utf-8")
        head = "label,of,among,cohort_x,cohort_n"
        lines = [f"spine,age_diagnosis {band},{among and 'arm == placebo'},{x},40" for band, x in rows]
        (tmp_path / f"named {name}").mkdir()
        (tmp_path / f"named {name}" / "a.csv").write_text("\n".join([head, *lines, ""]), encoding="utf-8")
    for name in ("plain", "named plain"):  # where columns have their names, a label is no group
        assert "Age at diagnosis such as 12.0" in check([tmp_path / name], 5)[1]["row"].tolist()
    assert check([tmp_path / "among"], 5)[1].empty
    assert (
        "Age at diagnosis such as 12.0" not in check([tmp_path / "named among"], 5)[1].get("row", []).tolist()
    )


def test_a_further_share_hides_nothing_that_the_others_tell(tmp_path):
    head, rows = "label,of,among,cohort_x,cohort_n", ["< 10,,20,40", "< 12,,22,40"]
    ends = [11, 10.2, 10.4, 10.6, 10.8, 11.5]
    more = [f"< {end} | age_diagnosis >= 15,,30,40" for end in ends]
    for n in (0, 1, 3, 6):
        folder = tmp_path / str(n)
        folder.mkdir()
        lines = [f"{at},age_diagnosis {row}" for at, row in enumerate([*rows, *more[:n]])]
        (folder / "comparison.csv").write_text("\n".join([head, *lines, ""]), encoding="utf-8")
        found = check([folder], 5)[1]
        assert any(what.startswith("Age at diagnosis such as 10.") for what in found["row"]), n


def test_the_attacker_does_find_planted_children_where_nothing_is_hidden(tmp_path):
    folders = [attacker.released(attacker.planted(seed), 0, tmp_path / str(seed)) for seed in range(3)]
    assert all(attacker.narrowed(folder, 40) for folder in folders)


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


def regressed(table):
    """Return a linear model of a table as a release shows it, with its standard error."""
    x, y = (table[name].to_numpy(dtype=float) for name in ("n_lesions", "score"))
    slope, left = np.polyfit(x, y, 1)
    residuals = y - slope * x - left
    error = (residuals @ residuals / (len(x) - 2) / ((x - x.mean()) ** 2).sum()) ** 0.5
    row = ["linear", "n_lesions", "score", "none", len(x), f"{slope:.6f}", f"{error:.6f}"]
    return pd.DataFrame(
        [row], columns=["model", "exposure", "outcome", "adjusted_for", "n", "estimate", "se"]
    )


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("is_renamed", [False, True])
def test_a_child_follows_from_a_coefficient_and_its_error_and_is_told(tmp_path, seed, is_renamed):
    rng = np.random.default_rng(seed)
    table = pd.DataFrame({"n_lesions": rng.integers(1, 12, 46), "score": rng.integers(0, 11, 46)})
    known = {"slope": float(regressed(table[:40])["estimate"][0])}
    for name, column in (("x", table["n_lesions"][:40]), ("y", table["score"][:40])):
        known |= {f"mean_{name}": round(column.mean(), 6), f"sd_{name}": round(column.std(), 6)}
    shown = regressed(table[:41])
    later = {"slope": float(shown["estimate"][0]), "error": float(shown["se"][0])}
    assert attacker.child_between(known, later, 40) == [tuple(table.loc[40])]
    for folder, n in (("a", 40), ("b", 41), ("c", 46)):
        (tmp_path / folder).mkdir()
        frame, is_other = regressed(table[:n]), is_renamed and folder != "a"
        frame = (
            frame.set_axis([f"c{place}" for place in range(frame.shape[1])], axis=1) if is_other else frame
        )
        frame.to_csv(tmp_path / folder / f"{'other' if is_other else 'effects'}.csv", index=False)
    assert "estimate" in set(check([tmp_path / "a", tmp_path / "b"], 5)[1]["column"])
    assert check([tmp_path / "a", tmp_path / "c"], 5)[1].empty


def test_a_figure_under_other_names_is_set_beside_its_earlier_one(tmp_path):
    for folder, n, fit in (("a", 40, "1.1"), ("b", 41, "1.2")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "t.csv").write_text(f"variable,value\nFever,12/{n} (30 %)\n", encoding="utf-8")
        text = f"{'x,fit' if n == 40 else 'c0,c1'}\n1.0,{fit}\n2.0,2.2\n"
        (tmp_path / folder / f"figure{n}.csv").write_text(text, encoding="utf-8")
    assert "figure41.csv" in set(check([tmp_path / "a", tmp_path / "b"], 5)[1]["table"])


# ---- a release ---------------------------------------------------------------------------------------------


def test_a_folder_is_released_with_a_statement_or_not_at_all(tmp_path):
    folder = compared(tmp_path, "a", cohort())
    out = tmp_path / "out"
    result = CliRunner().invoke(main, ["release", str(folder), "--out", str(out)])
    assert result.exit_code == 0, result.output
    assert {path.name for path in out.iterdir()} == {path.name for path in folder.iterdir()} - {".cohort"} | {
        STATEMENT
    }
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


def test_a_statement_lists_all_that_is_hidden_whatever_the_reason():
    reasons = [
        "fewer than 5, or all but as few", "beside counts of fewer than 5", "adds up counts of fewer than 5",
        "differs from another row by fewer than 5 patients", "all but fewer than 5 have the same value",
        "would tell of fewer than 5 patients with some values", "extremes are not shown",
    ]  # fmt: skip
    table = pd.DataFrame({"label": [f"Row {at}" for at in range(8)], "withheld": [*reasons, ""]})
    said = releases._statement({"comparison.csv": table}, 5, [])
    assert [f"Row {at}" in said for at in range(8)] == [True] * 7 + [False]


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


# ---- all tables together, whichever folder they are in -----------------------------------------------------

TWO = [
    (
        "variable,value\nSpinal involvement,9/40 (22.5 %)",
        "variable,value\nLesion of a thoracic vertebra,7/40 (17.5 %)",
    ),
    ("variable,value\nSpinal involvement,9/40 (22.5 %)", "label,cohort_x,cohort_n\nSpinal involvement,10,41"),
    (
        'variable,statistic,value,n\n"Lesions, per patient",median,4,40',
        "label,statistic,cohort,cohort_n\nLesions,median,5,41",
    ),
    (
        "label,statistic,cohort,cohort_n\nLesions,mean,4.45,40",
        "label,statistic,cohort,cohort_n\nLesions,mean,4.625,40",
    ),
    (
        "model,exposure,outcome,adjusted_for,n,estimate\nspearman,crp,esr,none,40,0.2",
        "model,exposure,outcome,adjusted_for,n,estimate\nspearman,crp,esr,none,37,0.25",
    ),
    (
        "variable,value\nVertebra,20/40 (50 %)\nSpinal involvement,30/40 (75 %)",
        "variable,value\nSacral disease,12/40 (30 %)",
    ),
]


@pytest.mark.parametrize("together", [False, True])
@pytest.mark.parametrize(("one", "other"), TWO)
def test_tables_of_other_names_and_folders_are_looked_at_together(tmp_path, one, other, together):
    folders = [tmp_path / "a", tmp_path / ("a" if together else "b")]
    for folder, name, text in zip(folders, ("t.csv", "u.csv"), (one, other), strict=True):
        folder.mkdir(exist_ok=True)
        (folder / name).write_text(text + "\n", encoding="utf-8")
    assert len(check(dict.fromkeys(folders), 5)[1])
    (folders[1] / "u.csv").write_text(one + "\n", encoding="utf-8")
    assert check(dict.fromkeys(folders), 5)[1].empty


def test_counts_written_as_decimals_under_other_names_are_found(tmp_path):
    (tmp_path / "g.csv").write_text("a,b,c\nSpinal involvement,0.225,40\nFever,0.075,40\n", encoding="utf-8")
    assert check([tmp_path], 5)[1]["derived"].tolist() == ["3 of 40 patients"]
    (tmp_path / "g.csv").write_text("a,b,c\nLesions,0.203012,40\nFever,0.075,40\n", encoding="utf-8")
    assert check([tmp_path], 5)[1].empty  # correlations


def test_runs_of_a_sweep_that_tell_of_few_patients_together_are_said(tmp_path):
    effects = (
        "run,adjustment,model,exposure,outcome,adjusted_for,n,estimate\na,[],spearman,crp,esr,none,40,0.2\n"
    )
    notes = tmp_path / "runs" / "a" / "tables" / "t.json"
    for path, text in ((tmp_path / "tables" / "t.csv", effects), (notes, '{"source": "user data"}')):
        path.parent.mkdir(parents=True)
        path.write_text(text, encoding="utf-8")
    assert told_by_sweep(tmp_path) == 0
    (tmp_path / "tables" / "t.csv").write_text(
        f"{effects}b,[x],spearman,crp,esr,none,37,0.3\n", encoding="utf-8"
    )
    assert told_by_sweep(tmp_path) == 1
    notes.write_text('{"source": "simulated"}', encoding="utf-8")
    assert told_by_sweep(tmp_path) == 0


@pytest.mark.slow
def test_no_number_of_lesions_follows_from_mean_median_and_sd_of_few(tmp_path):
    opened, protected = 0, []
    for seed in range(5):
        table = attacker.planted(seed, 12)
        opened += bool(attacker.values_narrowed(attacker.released(table, 0, tmp_path / f"open{seed}"), 12))
        protected += attacker.values_narrowed(attacker.released(table, 5, tmp_path / f"kept{seed}"), 12)
    assert opened >= 2
    assert not protected
