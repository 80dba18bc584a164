"""What is published about lesions and severity: what follows from the digits, and what is only shown."""

import re

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm, spearmanr

import crmo_analysis as crmo
from crmo_analysis import files
from crmo_analysis.face.associations import associations

FILE = files.PUBLISHED / "lesion_severity.csv"


def test_every_row_has_a_source_and_what_is_derived_follows():
    published = associations()
    assert len(published.frame) == len(pd.read_csv(FILE))
    rows = published.coefficients().frame.set_index("row_id")
    assert (rows["agrees"] == "yes").all()
    # R: tanh(atanh(.32) + c(-1, 1) * qnorm(.975) * sqrt(1.06 / 73))
    assert rows.loc["A01", ["r_low", "r_high"]].tolist() == pytest.approx([0.0952, 0.5138], abs=1e-4)
    allowed = published.allowed().frame.set_index("row_id")
    assert allowed.loc["B01", "least_r"] == 0.348  # R: t <- qt(.995, 52); t / sqrt(52 + t^2)
    assert pd.isna(allowed.loc["B01", "most_r"])  # a limit is no estimate
    # R: r <- function(p) { t <- qt(1 - p / 2, 18); t / sqrt(18 + t^2) }; r(c(.035, .025)): P = 0.03 is either
    assert allowed.loc["D03", ["least_r", "most_r"]].tolist() == pytest.approx([0.473, 0.499], abs=1e-3)


def test_what_statements_print_is_said_from_the_rows(tmp_path):
    published = associations()
    said = published.terms["kinds"]
    assert sum(int(number) for number in re.findall(r"\d+", said)) == len(published.frame)
    assert "3 another measure (such as an odds ratio), 6 a null, " in said and said.endswith(
        ", without a test"
    )
    rows = pd.read_csv(FILE, dtype=str, keep_default_na=False)
    rows[rows["kind"] == "spearman"].to_csv(tmp_path / "rows.csv", index=False)
    assert associations(tmp_path / "rows.csv").terms["kinds"] == "4 print a correlation"
    assert published.harvest().frame.set_index("row_id").loc["F01", "kind"] == "odds ratio or other measure"


def test_studies_that_may_share_patients_stand_in_one_row_and_are_not_pooled(tmp_path):
    rows = associations().overlaps().frame
    uk = rows[rows["study"].str.contains("UK/Germany")]["study"].item()
    assert "Bhat" in uk and "Reiser" in uk  # that may share BRISTOL, and NPRD
    studies = ", ".join(rows["study"]).split(", ")
    assert len(studies) == len(set(studies))
    table = pd.read_csv(FILE, dtype=str, keep_default_na=False)
    second = table[table["row_id"] == "A01"].assign(row_id="Z01", overlap_group="MILAN (may share ROME)")
    pd.concat([table, second]).to_csv(tmp_path / "rows.csv", index=False)
    assert associations(tmp_path / "rows.csv").pooled().startswith("No pooled estimate")


def test_one_cohort_is_not_pooled_and_a_second_study_narrows_its_interval():
    published = associations()
    assert published.pooled().startswith(
        "No pooled estimate can be given: 4 coefficients are printed, of 1 cohort"
    )
    rows = published.with_another([25, 200]).frame
    assert (rows["both_high"] - rows["both_low"]).is_monotonic_decreasing
    # R: tanh(atanh(.32) + c(-1, 1) * qnorm(.975) * sqrt(1.06 / (73 + 22)))
    assert rows.loc[0, ["both_low", "both_high"]].tolist() == pytest.approx([0.124, 0.492], abs=1e-3)


def test_cohorts_that_share_no_patients_are_pooled(tmp_path):
    rows = pd.read_csv(FILE, dtype=str, keep_default_na=False)
    second = rows[rows["row_id"] == "A01"].assign(row_id="Z01", overlap_group="another")
    pd.concat([rows, second]).to_csv(tmp_path / "rows.csv", index=False)
    said = associations(tmp_path / "rows.csv").pooled()
    # The same coefficient twice: 0.32, and with one degree of freedom an interval that excludes hardly anything.
    assert said.startswith("2 cohorts that share no patients: pooled correlation 0.32 (-")


def test_nulls_and_unknown_directions_are_shown_as_such():
    harvest = associations().harvest()
    kinds = harvest.frame.set_index("row_id")["kind"]
    assert (kinds["A01"], kinds["B01"]) == ("coefficient", "direction not printed")
    assert (kinds["D01"], kinds["H01"]) == ("null, no P value printed", "positive, no P value printed")
    assert isinstance(harvest.plot(), mpl.axes.Axes)


def test_a_p_value_that_does_not_belong_to_its_coefficient_is_seen(tmp_path):
    text = FILE.read_text(encoding="utf-8").replace("p = 0.0055", "p = 0.055")
    (tmp_path / "rows.csv").write_text(text, encoding="utf-8")
    rows = associations(tmp_path / "rows.csv").coefficients().frame.set_index("row_id")
    assert rows.loc["A01", "agrees"] == "no"


def test_a_row_that_cannot_be_read_is_named(tmp_path):
    text = FILE.read_text(encoding="utf-8").replace("p = 0.0055", "p = 27-Jan")
    (tmp_path / "rows.csv").write_text(text, encoding="utf-8")
    with pytest.raises(crmo.CrmoError, match=r"row 2: .*27-Jan"):
        associations(tmp_path / "rows.csv")


def test_a_cohort_stands_beside_the_statements_about_variables_that_it_has():
    rng = np.random.default_rng(2)
    lesions = rng.integers(1, 20, 40)
    table = pd.DataFrame({"n_lesions": lesions, "clinical_severity": lesions + rng.integers(0, 15, 40)})
    rows = associations().beside(table).frame.set_index("row_id")
    r = spearmanr(table["n_lesions"], table["clinical_severity"]).statistic
    assert rows.loc["B01", ["own_n", "own_r", "least_r"]].tolist() == pytest.approx([40, r, 0.348], abs=1e-3)
    ends = np.tanh(np.arctanh(r) + np.array([-1, 1]) * norm.ppf(0.975) * np.sqrt(1.06 / 37))
    assert rows.loc["B01", ["own_low", "own_high"]].tolist() == pytest.approx(ends, abs=1e-3)
    assert rows.loc["A01", "note"] == "the table has no column 'physician_global'"
    assert pd.isna(rows.loc["A01", "own_r"])


def test_intervals_of_both_sides_have_the_level_that_is_asked_for():
    table = pd.DataFrame({"n_lesions": range(1, 41), "clinical_severity": np.arange(40) % 7})
    half, whole = (associations().beside(table, level).frame.set_index("row_id") for level in (0.5, 0.95))
    assert set(half["confidence"]) == {0.5}
    for low, high in (("r_low", "r_high"), ("own_low", "own_high")):
        widths = [(each[high] - each[low]).dropna() for each in (half, whole)]
        assert len(widths[0])
        assert (widths[0] < 0.5 * widths[1]).all()


def test_an_own_correlation_stands_among_the_others_by_its_own_test_or_not_at_all():
    rng = np.random.default_rng(2)
    table = pd.DataFrame({"n_lesions": rng.integers(1, 9, 40), "clinical_severity": rng.integers(0, 10, 40)})
    table["centre"] = np.arange(40) % 8
    effort = {"cluster": "centre", "resamples": 99, "permutations": 99}
    relation = crmo.relate(table, "clinical_severity", "n_lesions", **effort)
    drawn = associations().harvest(relation).frame.iloc[-1]
    p = relation.frame.set_index("model").loc["spearman", "p"]
    assert (drawn["row_id"], drawn["p"], drawn["n"]) == ("own", p, 40)
    constant = table.assign(n_lesions=5, simulated=True)
    nothing = crmo.relate(constant, "clinical_severity", "n_lesions", **effort)
    assert "own" not in set(associations().harvest(nothing).frame["row_id"])
    note = associations().beside(constant).frame.set_index("row_id").loc["B01", "note"]
    assert note == "not estimable: all 40 values of a variable are 5"
