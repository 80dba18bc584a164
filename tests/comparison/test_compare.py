"""A cohort beside published numbers.

R, a cohort counted by hand, every shipped cohort, the command.

Values from R come from R 4.2.2 with boot 1.3.28.
"""

import json
import math

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from scipy import stats

from crmo_analysis import files
from crmo_analysis.commands import main
from crmo_analysis.comparison import words
from crmo_analysis.comparison.facts import facts
from crmo_analysis.comparison.side_by_side import compare
from crmo_analysis.display import plot
from crmo_analysis.files import study_names
from crmo_analysis.patients import read_cohort
from crmo_analysis.study import describe, read_codebook, read_study, reproduction

CODEBOOK = read_codebook()


def claim_row(
    claim_id, statistic, of, among, printed, unit="patients", where="abstract, sentence 2", reading=""
):
    return f'{claim_id},"{where}",own,{statistic},{of},{among},"{printed}",{unit},{reading},'


def by_ids(comparison):
    return comparison.table.set_index("claim_ids")


def made_by_hand():
    """Ten patients: 4 of 9 known have spinal lesions, 2 of these 4 a deformity.

    Pain is known of 3 of the 4.
    """
    return pd.DataFrame({
        "patient": [str(i) for i in range(10)],
        "spine": pd.array([True, True, True, True, False, False, False, False, False, None], "boolean"),
        "vertebral_deformity": pd.array([True, True, False, False] + [False] * 6, "boolean"),
        "back_pain": pd.array([True, True, False, None] + [True] * 6, "boolean"),
        "presenting_symptom": pd.array(["limping", None] + ["unifocal_pain"] * 8, "string"),
        "age_onset": pd.array([4, 5, 6, 7, 8, 9, 10, 11, 12, 13], "Float64"),
        "diagnostic_delay": pd.array([10, 20, 30, None, 1, 1, 1, 1, 1, 1], "Float64"),
        "esr": pd.array([None] * 10, "Int64"),
    })  # fmt: skip


# ---- exact intervals


@pytest.mark.parametrize(
    ("x", "n", "low", "high"),
    [
        (12, 38, 0.175025338901, 0.486527054406),
        (27, 102, 0.182243288947, 0.361293567340),
        (0, 7, 0, 0.409616397225),
    ],
)
def test_exact_intervals_against_r(x, n, low, high):
    # binom.test(12, 38)$conf.int; binom.test(27, 102)$conf.int; binom.test(0, 7)$conf.int
    p = describe.proportion(x, n)
    assert (p.exact_low, p.exact_high) == pytest.approx((low, high), abs=1e-6)


# ---- what a study prints


def read_small(write_study, *rows):
    return read_study("small", write_study(*rows))


def test_a_count_and_its_percentage_are_one_fact(write_study):
    found, _ = facts(read_small(write_study), CODEBOOK)
    (fact,) = found
    assert [claim.claim_id for claim in fact.claims] == ["spine.n", "spine.percent"]
    assert (fact.printed["x"], fact.n) == (8, 20)


def test_numbers_that_disagree_stay_apart(write_study):
    rows = (
        claim_row("spine.again", "count", "spine", "", "9"),
        claim_row("spine.wrong", "percent", "spine", "", "41.3", "%"),
        claim_row("spine.other", "percent", "spine", "", "45", "%"),
    )
    found, refused = facts(read_small(write_study, *rows), CODEBOOK)
    assert [[claim.claim_id for claim in fact.claims] for fact in found] == [
        ["spine.n", "spine.percent"],
        ["spine.again", "spine.other"],
    ]
    assert refused["spine.wrong"] == "no number of the group can be printed so"


@pytest.mark.parametrize(("printed", "rows"), [("5", 2), ("6", 3)])
def test_a_share_and_what_it_leaves_are_one_row_where_they_are_of_all(write_study, printed, rows):
    more = claim_row("male", "count", "male", "", "15"), claim_row("female", "count", "~male", "", printed)
    found, refused = facts(read_small(write_study, *more), CODEBOOK)
    assert len(found) == rows  # the first is the spine's; 15 and 6 are not all of 20
    assert ("female" in refused) == (rows == 2)


def test_a_percentage_alone_gives_a_number_only_where_one_fits(write_study):
    rows = (
        claim_row("male.percent", "percent", "male", "", "35.0", "%"),
        claim_row("femur.percent", "percent", "femur", "vertebral_deformity", "50", "%"),
    )
    found, refused = facts(read_small(write_study, *rows), CODEBOOK)
    assert (found[1].printed["x"], found[1].n, found[1].note) == (7, 20, "x from the printed percentage")
    assert refused["femur.percent"] == "size of the group is not printed"
    found, refused = facts(read_study("hospach_2010"), CODEBOOK)
    assert found[0].printed["x"] == 27  # of 102, 26 % can be 26 as well; the count decides


def test_a_median_takes_the_range_that_stands_beside_it(write_study):
    delay = {"of": "diagnostic_delay", "among": "", "unit": "months"}
    rows = (
        claim_row("a.median", "median", printed="12", **delay),
        claim_row("a.min", "min", printed="1", **delay),
        claim_row("a.max", "max", printed="40", **delay),
        claim_row("b.median", "median", printed="15", where="table", **delay),
        claim_row("c.median", "median", printed="12.0", where="discussion", **delay),
        claim_row("c.mean", "mean", printed="14", where="discussion", **delay),
        claim_row("d.min", "min", "age_onset", "", "2", "years"),
    )
    found, _ = facts(read_small(write_study, *rows), CODEBOOK)
    said = {
        (fact.statistic, tuple(claim.claim_id for claim in fact.claims)): fact.printed for fact in found[1:]
    }
    assert said == {
        ("median", ("a.median", "a.min", "a.max", "c.median")): {"median": 12, "min": 1, "max": 40},
        ("mean", ("c.mean",)): {"mean": 14, "min": 1, "max": 40},
        ("median", ("b.median",)): {"median": 15},
        ("range", ("d.min",)): {"min": 2},
    }


def test_readings_that_cannot_stand_are_not_compared_with():
    table = by_ids(
        compare(read_cohort(files.COHORTS / "sag_2019.csv").patients, [read_study("sag_2019")], CODEBOOK)
    )
    assert table.loc["sag.treatments.anti_tnf", ["of", "reading"]].tolist() == [
        "etanercept",
        "switched:etanercept",
    ]


# ---- a cohort counted by hand


def test_a_cohort_counted_by_hand(write_study):
    rows = (
        claim_row("deformity", "count", "vertebral_deformity", "spine", "2"),
        claim_row("pain", "count", "back_pain", "spine", "6"),
        claim_row("limping", "count", "presenting_symptom == limping", "", "1"),
        claim_row("not_limping", "count", "presenting_symptom != limping", "", "19"),
        claim_row("age.mean", "mean", "age_onset", "", "9.5", "years"),
        claim_row("age.sd", "sd", "age_onset", "", "3.0", "years"),
        claim_row("delay", "median", "diagnostic_delay", "spine", "12", "months"),
    )
    table, before = made_by_hand(), made_by_hand()
    found = compare(table, [read_small(write_study, *rows)], CODEBOOK, smallest=0, p_values=True)
    pd.testing.assert_frame_equal(table, before)
    rows = by_ids(found)
    counted = rows[["cohort_x", "cohort_n", "excluded", "published_x", "published_n"]]
    assert counted.loc["spine.n spine.percent"].tolist() == [4, 9, 1, 8, 20]
    assert counted.loc["deformity"].tolist() == [2, 4, 1, 2, 8]
    assert counted.loc["pain"].tolist() == [2, 3, 2, 6, 8]
    assert counted.loc["limping"].tolist() == [1, 9, 1, 1, 20]
    assert counted.loc["not_limping"].tolist() == [8, 9, 1, 19, 20]
    spine = rows.loc["spine.n spine.percent"]
    assert spine["difference"] == pytest.approx(4 / 9 - 8 / 20, abs=1e-6)
    # R: w <- function(x, n) prop.test(x, n, correct = FALSE)$conf.int; a <- w(4, 9); b <- w(8, 20); d <- 4/9 - 8/20
    # c(d - sqrt((4/9 - a[1])^2 + (b[2] - 8/20)^2), d + sqrt((a[2] - 4/9)^2 + (8/20 - b[1])^2)), Newcombe's method 10
    ends = spine[["difference_low", "difference_high"]].tolist()
    assert ends == pytest.approx((-0.2885908693, 0.3854675307), abs=1e-6)
    assert spine["p"] == pytest.approx(stats.fisher_exact([[4, 5], [8, 12]]).pvalue, rel=1e-5)
    age = rows.loc["age.mean age.sd"]
    assert age[["cohort", "cohort_n", "cohort_min", "cohort_max", "published_sd"]].tolist() == [
        8.5,
        10,
        4,
        13,
        3,
    ]
    assert age["cohort_sd"] == pytest.approx(np.std(np.arange(4, 14), ddof=1), abs=1e-6)
    assert age["difference"] == -1
    # R: t.test(4:13, as.vector(scale(1:20)) * 3 + 9.5)
    ends = age[["difference_low", "difference_high", "p"]].tolist()
    assert ends == pytest.approx((-3.456508341, 1.456508341, 0.4036007113), abs=1e-6)
    assert age["cohort_low"] < 8.5 < age["cohort_high"]
    delay = rows.loc["delay"]
    assert delay[["cohort", "cohort_n", "excluded", "difference"]].tolist() == [20, 3, 2, 8]
    assert delay[["cohort_low", "difference_low", "p"]].isna().all()
    assert "fewer than 10 patients" in delay["method"]


def test_p_values_are_only_there_when_asked_for_and_holm_counts_all_rows(write_study):
    study = read_small(
        write_study,
        claim_row("male", "count", "male", "", "4"),
        claim_row("femur", "count", "femur", "", "1"),
    )
    table = pd.DataFrame(
        {name: pd.array([True] * 8 + [False] * 4, "boolean") for name in ("spine", "male", "femur")}
    )
    assert not {"p", "p_holm"} & set(compare(table, [study], CODEBOOK, smallest=0).table)
    found = compare(table, [study], CODEBOOK, smallest=0, p_values=True).table
    # p.adjust(c(fisher.test(...)$p.value, ...), "holm")
    p = sorted(found["p"])
    expected = np.minimum(np.maximum.accumulate([3 * p[0], 2 * p[1], p[2]]), 1)
    assert sorted(found["p_holm"]) == pytest.approx(list(expected), rel=1e-5)
    assert found["method"].str.contains("Fisher").all()


def test_the_order_of_patients_does_not_matter():
    table = read_cohort(files.COHORTS / "sag_2019.csv").patients
    one = compare(table, [read_study("sag_2019")], CODEBOOK)
    other = compare(
        table.sample(frac=1, random_state=2).reset_index(drop=True), [read_study("sag_2019")], CODEBOOK
    )
    pd.testing.assert_frame_equal(one.table, other.table)


def test_types_other_than_nullable_ones_keep_what_is_missing(write_study):
    row = claim_row("limping", "count", "presenting_symptom != limping", "", "19")
    table = made_by_hand()[["spine", "presenting_symptom"]]
    plain = table.astype(object).where(table.notna(), None).astype({"presenting_symptom": "category"})
    study = read_small(write_study, row)
    one, other = (compare(frame, [study], CODEBOOK, smallest=0).table for frame in (table, plain))
    pd.testing.assert_frame_equal(one, other)


# ---- nothing is left out


def shipped(study):
    """Return the table of patients of a study of the collection; of a new one a rerun makes it first."""
    path = files.COHORTS / f"{study}.csv"
    if not path.is_file():
        pytest.skip(f"`crmo reproduce` has not made {path.name} yet")
    return read_cohort(path, codebook=read_study(study).codebook).patients


@pytest.mark.parametrize("cohort", study_names())
def test_every_claim_is_in_one_of_the_tables_once(cohort):
    table = shipped(cohort)
    found = compare(table, [read_study(study) for study in study_names()], CODEBOOK)
    listed = [*" ".join(found.table["claim_ids"]).split(), *found.not_compared["claim_id"]]
    assert len(listed) == len(set(listed))
    assert set(listed) == {claim.claim_id for study in study_names() for claim in read_study(study).claims}
    assert (found.not_compared["reason"] != "").all()
    assert (
        found.not_compared.loc[found.not_compared["about"] != "own", "reason"].str.contains("quotes")
    ).all()


def test_what_a_cohort_lacks_is_named(write_study):
    study = read_small(write_study, claim_row("esr", "median", "esr", "spine", "20", "mm/hour"))
    found = compare(made_by_hand()[["patient", "back_pain"]], [study], CODEBOOK)
    assert found.table.empty
    reasons = found.not_compared.set_index("claim_id")["reason"]
    assert reasons["spine.n"] == "the cohort lacks spine"
    assert reasons["esr"] == "the cohort lacks spine, esr"
    assert reasons["n"] == "size of a group"


def test_a_variable_that_is_known_of_nobody(write_study):
    study = read_small(write_study, claim_row("esr", "median", "esr", "", "20", "mm/hour"))
    found = compare(made_by_hand(), [study], CODEBOOK)
    assert found.not_compared.set_index("claim_id")["reason"]["esr"] == "known of nobody in the cohort"


@pytest.mark.parametrize("study", [study for study in study_names() if study != "menashe_2022"])
def test_a_shipped_cohort_gives_the_numbers_of_its_own_study(study):
    table = shipped(study)
    found = compare(table, [read_study(study)], CODEBOOK).table
    assert (found["withheld"] == "").all()
    claims = {claim.claim_id: claim for claim in read_study(study).claims if not claim.reading}
    for row in found.to_dict("records"):
        for claim in (claims[claim_id] for claim_id in row["claim_ids"].split() if claim_id in claims):
            if claim.statistic in ("min", "max"):
                assert row[f"cohort_{claim.statistic}"] == float(reproduction.value_of(claim, table))
        held = [
            reproduction.agrees(claims[claim_id], table)
            for claim_id in row["claim_ids"].split()
            if claim_id in claims
        ]
        if held and all(held) and row["statistic"] != "mean":  # a mean is printed rounded
            assert row["statistic"] == "range" or row["difference"] == 0
    apart = found[(found["difference"].fillna(0) != 0) & (found["statistic"] != "mean")]
    expected = (
        {"sag.abstract.age_diagnosis.median", "sag.results.jansson.uncertain.biopsy"}
        if "sag" in study
        else set()
    )
    assert {row.split()[0] for row in apart["claim_ids"]} == expected


# ---- disclosure


def protected(spine, symptoms, smallest=5, **columns):
    return pd.DataFrame({
        "spine": pd.array(spine, "boolean"), "presenting_symptom": pd.array(symptoms, "string"),
        "age_onset": pd.array(range(1, len(spine) + 1), "Float64") * 0.5, **columns,
    })  # fmt: skip


def disclosing(write_study):
    symptoms = [
        claim_row(name, "count", f"presenting_symptom == {name}", "", "5")
        for name in ("limping", "unifocal_pain", "multifocal_pain")
    ]
    age = [claim_row(f"age.{name}", name, "age_onset", "", "6", "years") for name in ("median", "min")]
    inside = claim_row("age.spine", "median", "age_onset", "spine", "6", "years")
    return read_small(
        write_study, *symptoms, *age, inside, claim_row("delay", "max", "diagnostic_delay", "", "6", "months")
    )


def test_small_counts_are_withheld_with_those_that_would_give_them_away(write_study):
    symptoms = ["limping"] * 3 + ["unifocal_pain"] * 10 + ["multifocal_pain"] * 12
    delay = {"diagnostic_delay": pd.array(range(25), "Float64")}
    table = protected([True] * 21 + [False] * 4, symptoms, **delay)
    rows = by_ids(compare(table, [disclosing(write_study)], CODEBOOK))
    assert rows["withheld"].to_dict() == {
        "spine.n spine.percent": "fewer than 5, or all but as few",
        "limping": "fewer than 5, or all but as few",
        "unifocal_pain": "beside counts of fewer than 5",
        "multifocal_pain": "beside counts of fewer than 5",
        "age.median age.min": "",
        "age.spine": "fewer than 5, or all but as few",  # all but four: its n would tell how many are outside
        "delay": "extremes are not shown",
    }
    own = [name for name in rows if name.startswith(("cohort", "difference"))] + ["excluded"]
    hidden = rows["withheld"] != ""
    assert rows.loc[hidden, own].isna().all(axis=None)
    assert rows.loc[~hidden, ["cohort_min", "cohort_max"]].isna().all(axis=None)
    assert rows.loc["age.median age.min", "cohort_n"] == 25
    shown = compare(table, [disclosing(write_study)], CODEBOOK, smallest=0).table
    assert (shown["withheld"] == "").all()
    assert shown["cohort_n"].notna().all()


@pytest.mark.parametrize(("more", "shown"), [(3, False), (5, True)])
def test_counts_of_nearly_the_same_patients_are_not_both_shown(write_study, more, shown):
    rows = [claim_row("spine", "count", "spine", "", "5"), claim_row("femur", "count", "femur", "", "5")]
    rows.append(claim_row("either", "count", "spine | femur", "", "5"))
    spine = pd.array([True] * 12 + [False] * 28, "boolean")
    femur = pd.array([True] * 6 + [False] * 6 + [True] * more + [False] * (28 - more), "boolean")
    table = protected(spine, ["limping"] * 40, femur=femur)
    found = by_ids(compare(table, [read_small(write_study, *rows)], CODEBOOK))
    assert found.loc["spine", "cohort_x"] == 12  # as a description of the cohort says as well
    assert (found.loc["either", "withheld"] == "") is shown  # beside it, it tells of so many more
    assert pd.isna(found.loc["either", "cohort_x"]) is not shown
    unknown = table.assign(femur=femur.copy())
    unknown.loc[spine.size - 3 :, "femur"] = pd.NA
    either = by_ids(compare(unknown, [read_small(write_study, *rows)], CODEBOOK)).loc["either", "withheld"]
    assert (either == "") is shown


def test_bands_of_age_that_leave_a_few_over_are_not_shown(write_study):
    ages = "age_onset < 6", "age_onset >= 6 & age_onset < 9", "age_onset >= 9 & age_onset < 12"
    rows = [claim_row(f"band.{place}", "count", of, "male", "3") for place, of in enumerate(ages)]
    study = read_small(write_study, claim_row("male", "count", "male", "", "15"), *rows)
    for last, is_gone in ((3, True), (8, False)):
        known = [4.0] * 15 + [7.0] * 10 + [10.0] * 12 + [15.0] * last
        table = pd.DataFrame({"age_onset": known + [5.0] * 20, "male": [True] * len(known) + [False] * 20})
        found = compare(table.assign(patient=range(len(table))), [study], CODEBOOK, resamples=20)
        bands = by_ids(found).filter(like="band", axis=0)
        assert ((bands["withheld"] != "") == is_gone).all() and len(bands) == 3


def test_counts_that_leave_a_few_over_are_not_all_shown(write_study):
    rows = [
        claim_row(name, "count", f"presenting_symptom == {name}", "", "5")
        for name in ("limping", "unifocal_pain")
    ]
    rows[1:] = [claim_row("not_limping", "count", "~(presenting_symptom == limping) & ~spine", "", "5")]
    spine = [True] * 2 + [False] * 38  # who neither limps nor is counted in the second row
    table = protected(spine, ["unifocal_pain"] * 20 + ["limping"] * 20)
    found = by_ids(compare(table, [read_small(write_study, *rows)], CODEBOOK))
    assert (found["withheld"] != "").sum() >= 1


@pytest.mark.parametrize(
    ("statistic", "of", "among"),
    [
        ("count", "sacral_disease", ""),
        ("count", "~sacral_disease", ""),
        ("count", "~(~sacral_disease)", ""),
        ("count", "sacral_disease & (spine | ~spine)", ""),
        ("median", "age_onset", "~sacral_disease"),
    ],
)
def test_what_a_description_hides_is_hidden_however_it_is_written(write_study, statistic, of, among):
    rows = [claim_row(name, "count", name, "", "5") for name in ("vertebra", "spine")]
    rows.append(claim_row("told", statistic, of, among, "5", "years" if among else "patients"))
    vertebra, sacral = [True] * 20 + [False] * 40, [False] * 18 + [True] * 8 + [False] * 34
    table = protected(
        [True] * 26 + [False] * 34, ["limping", "unifocal_pain"] * 30,
        vertebra=pd.array(vertebra, "boolean"), sacral_disease=pd.array(sacral, "boolean"),
    )  # fmt: skip
    found = by_ids(compare(table, [read_small(write_study, *rows)], CODEBOOK))
    assert found.loc["vertebra", "cohort_x"] == 20
    assert found.filter(regex="^spine", axis=0)["cohort_x"].tolist()[:1] == [26]
    # 20 and 8 of 26 together: two have both.
    assert found.loc["told", "withheld"]
    assert pd.isna(found.loc["told", "cohort_n"])


def test_shares_of_nearly_the_same_known_patients_are_not_both_shown(write_study):
    rows = [claim_row("femur.n", "count", "femur", "", "7")]
    rows += [claim_row(name, "count", "vertebral_deformity", name, "3") for name in ("spine", "femur")]
    table = protected([True] * 30 + [False] * 10, ["limping"] * 40)
    table["femur"] = pd.array([True] * 20 + [False] * 20, "boolean")
    # Known of all with the femur, and of one more with the spine: beside each other the shares tell of this
    # one.
    table["vertebral_deformity"] = pd.array(
        [True, False] * 10 + [False] + [None] * 9 + [False] * 10, "boolean"
    )
    found = by_ids(compare(table, [read_small(write_study, *rows)], CODEBOOK))
    assert found["withheld"].map(bool).to_dict() == {
        "spine.n spine.percent": False, "femur.n": False, "spine": False, "femur": True,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("n", "median", "interval"), [(9, False, False), (11, True, False), (40, True, True)]
)
def test_a_median_and_its_interval_have_enough_patients_on_each_side(write_study, n, median, interval):
    table = protected([True] * n, ["limping"] * n)
    row = by_ids(compare(table, [disclosing(write_study)], CODEBOOK)).loc["age.median age.min"]
    assert (row["withheld"] == "") is median
    assert pd.notna(row["cohort"]) is median
    assert pd.notna(row["cohort_low"]) is interval


def test_counts_of_five_are_shown_and_those_of_nobody_and_everyone_are_not(write_study):
    table = protected([True] * 5 + [False] * 20, ["unifocal_pain"] * 25)
    rows = by_ids(compare(table, [disclosing(write_study)], CODEBOOK))
    assert rows.loc[["spine.n spine.percent", "limping", "unifocal_pain"], "cohort_x"].fillna(
        -1
    ).tolist() == [5, -1, -1]


@pytest.mark.parametrize(("made", "shown"), [([True] * 25, True), ([True] * 24 + [False], False)])
def test_only_tables_without_a_patient_are_exempt(write_study, made, shown):
    table = protected([True] * 3 + [False] * 22, ["limping"] * 25, reconstructed=pd.array(made, "boolean"))
    rows = by_ids(compare(table, [disclosing(write_study)], CODEBOOK))
    assert (rows.loc["spine.n spine.percent", "withheld"] == "") is shown


# ---- for readers


def test_sentences_say_both_sides_and_the_difference(write_study):
    rows = (
        claim_row("age.mean", "mean", "age_onset", "", "9.5", "years"),
        claim_row("age.sd", "sd", "age_onset", "", "3.0", "years"),
        claim_row("delay", "median", "diagnostic_delay", "spine", "12", "months"),
    )
    study = read_small(write_study, *rows)
    found = words.sentences(compare(made_by_hand(), [study], CODEBOOK, smallest=0))
    assert found[0] == (
        "Spinal involvement: 4/9 (44.4 %, 95 % interval 13.7–78.8) in this cohort against 8/20 (40.0 %, 95 % "
        "interval "
        "19.1–63.9) in Small; difference 4.4 percentage points (−28.9 to 38.5)."
    )
    assert found[1].startswith("Age at onset: mean 8.5 years (SD 3.03, range 4 to 13, n 10, 95 % interval ")
    assert "against mean 9.5 years (SD 3, n 20) in Small; difference −1 years (−3.46 to 1.46)." in found[1]
    assert found[2] == (
        "Diagnostic delay (among: Spinal involvement): median 20 months (range 10 to 30, n 3) in this cohort "
        "against "
        "median 12 months (n 8) in Small; difference 8 months."
    )
    assert words.sentences(compare(made_by_hand(), [study], CODEBOOK))[0] == (
        "Spinal involvement: 8/20 (40.0 %, 95 % interval 19.1–63.9) in Small; in this cohort withheld "
        "(fewer than 5, or all but as few)."
    )


@pytest.mark.parametrize(
    ("value", "text"), [(0.475, "0.48"), (-0.505, "-0.51"), (152.25, "152.3"), (4.0, "4")]
)
def test_numbers_of_a_sentence_are_rounded_half_up(value, text):
    assert words._number(value) == text


def test_a_dumbbell_has_both_sides_and_leaves_out_what_is_withheld():
    table = read_cohort(files.COHORTS / "bicetre.csv").patients
    found = compare(table.drop(columns="reconstructed"), [read_study("bicetre")], CODEBOOK)
    rows = words.dumbbell_rows(found)
    assert list(rows) == list(plot.DUMBBELL)
    assert rows["published"].notna().all()
    assert (rows["cohort"].isna() == (rows["cohort_text"] == "–")).all()
    assert rows["cohort"].isna().any()
    figure = plot.dumbbell(rows, title="Title", subtitle="subtitle").figure
    axes = figure.axes[0]
    assert "Bicêtre" in [label.get_text() for label in axes.get_yticklabels()]
    beside = [label.get_text() for label in axes.child_axes[0].get_yticklabels()]
    assert all(word in beside[0] for word in ("published", "cohort", "difference"))
    assert any("13/30" in text for text in beside)


# ---- the command


def test_quartiles_correlations_ratios_and_group_means_stand_beside_a_cohort(write_study):
    rng = np.random.default_rng(3)
    n, male = 60, np.arange(60) % 2 == 0
    esr = rng.integers(5, 80, n)
    table = pd.DataFrame({
        "patient": [str(i) for i in range(n)], "male": pd.array(male, "boolean"),
        "esr": pd.array(esr, "Int64"), "n_lesions": pd.array(esr // 10 + rng.integers(0, 4, n), "Int64"),
        "spine": pd.array(rng.random(n) < 0.4, "boolean"),
        "fever": pd.array([None if i < 9 else i % 3 == 0 for i in range(n)], "boolean"),
    })  # fmt: skip
    folder = write_study(
        claim_row("q", '"median, quartile_1, quartile_3"', "esr", "", "22 (12-40)", "mm/hour"),
        claim_row("r", '"correlation, p_value"', '"esr, n_lesions"', "", "0.42 (p = 0.06)", ""),
        claim_row("o", '"odds_ratio, ci_lower, ci_upper"', '"spine, male"', "", "2.1 (0.3-12.6)", ""),
        claim_row("m", '"mean, se"', "esr", "male", "31.0 (5.0)", "mm/hour", "table 1"),
        claim_row("b", "count", "male", "", "9"),
        claim_row("k", '"count, n, percent"', "fever", "", "3/15 (20.0 %)"),
    )
    found = compare(table, [read_study("small", folder)], CODEBOOK, smallest=0)
    rows = found.table.set_index(found.table["claim_ids"].str.split().str[0])
    assert rows.loc["q.median", "published_quartile_3"] == 40
    assert rows.loc["q.median", "cohort_quartile_3"] == np.quantile(esr, 0.75)
    r = stats.spearmanr(esr, table["n_lesions"].astype(int)).statistic
    assert rows.loc["r.correlation", "cohort"] == pytest.approx(r, abs=1e-6)
    assert rows.loc["r.correlation", "difference"] == pytest.approx(r - 0.42, abs=1e-6)
    ends = np.tanh(np.arctanh(0.42) + np.array([-1, 1]) * stats.norm.ppf(0.975) * math.sqrt(1.06 / 17))
    assert rows.loc["r.correlation", ["published_low", "published_high"]].tolist() == pytest.approx(
        ends, abs=1e-6
    )
    counts = pd.crosstab(table["male"], table["spine"]).to_numpy()
    odds = counts[1, 1] * counts[0, 0] / (counts[1, 0] * counts[0, 1])
    assert rows.loc["o.odds_ratio", "cohort"] == pytest.approx(odds, abs=1e-6)
    assert rows.loc["o.odds_ratio", ["published_low", "published_high"]].tolist() == [0.3, 12.6]
    assert pd.isna(rows.loc["o.odds_ratio", "difference"])  # of ratios there is none
    assert rows.loc["m.mean", "published_sd"] == pytest.approx(15, abs=1e-6)  # 5.0 times the root of 9
    assert rows.loc["m.mean", "cohort"] == pytest.approx(esr[male].mean(), abs=1e-6)
    assert rows.loc["k.count", ["cohort_x", "cohort_n"]].tolist() == [17, 51]
    assert set(found.not_compared["claim_id"]) == {"r.p_value", "n"}
    hidden = compare(table.head(9), [read_study("small", folder)], CODEBOOK)
    assert hidden.table.loc[hidden.table["statistic"] == "correlation", "cohort"].isna().all()


@pytest.mark.parametrize(("method", "times"), [("Pearson", 1), ("Spearman", 1.06), ("", 1.06)])
def test_a_correlation_has_the_variance_of_its_kind(write_study, method, times):
    table = pd.DataFrame({"esr": range(40), "n_lesions": np.arange(40) % 7, "simulated": True})
    rows = [claim_row("n", "count", "everyone", "", "20")]
    rows.append(claim_row("r", "correlation", '"esr, n_lesions"', "", "0.50", ""))
    header = "claim_id,where,about,statistic,of,among,printed,unit,reading,note,method"
    folder = write_study(*(f"{row},{method}" for row in rows), header=header, base=False)
    row = compare(table, [read_study("small", folder)], CODEBOOK, confidence=0.8).table.iloc[0]
    ends = np.tanh(np.arctanh(0.5) + np.array([-1, 1]) * stats.norm.ppf(0.9) * math.sqrt(times / 17))
    assert [row["published_low"], row["published_high"]] == pytest.approx(list(ends), abs=1e-6)
    assert f"variance of {times}/(n - 3)" in row["method"]
    assert row["confidence"] == 0.8


def test_what_cannot_be_computed_is_said_and_not_named_as_a_method(write_study):
    table = pd.DataFrame({
        "male": pd.array([True, False] * 10, "boolean"), "spine": pd.array([True, False] * 10, "boolean"),
        "esr": pd.array([5] * 20, "Int64"), "simulated": True,
    })  # fmt: skip
    folder = write_study(
        claim_row("o", "odds_ratio", '"spine, male"', "", "2.1", ""),
        claim_row("m", '"mean, sd"', "esr", "", "6.0 (0.0)", "mm/hour"),
    )
    found = compare(table, [read_study("small", folder)], CODEBOOK, p_values=True)
    methods = found.table.set_index("statistic")["method"]
    assert methods["odds_ratio"].endswith("the cohort's is not estimable, as a cell is 0")
    assert methods["mean"].endswith("no interval of the difference, as neither side varies")
    said = words.sentences(found)
    assert any("odds ratio not estimable (n 20) in this cohort" in text for text in said)
    assert not any("nan" in text or " ." in text or " ;" in text for text in said)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def own(folder):
    """A cohort of thirty: 12 with spinal lesions, of whom 6 have back pain and 3 a deformity."""
    lines = ["patient,spine,back_pain,vertebral_deformity,male,note"]
    for i in range(30):
        lines.append(
            f"{i},{i < 12},{i < 6},{i < 3},{i % 2 == 0},x".replace("True", "yes").replace("False", "no")
        )
    (folder / "own.csv").write_text("\n".join(lines) + "\n")
    return "own.csv"


def crmo(*words):
    return CliRunner().invoke(main, [str(word) for word in words])


def test_command_prints_a_table_sentences_and_what_was_not_compared(own):
    done = crmo("compare", own, "hospach_2010")
    assert done.exit_code == 0, done.output
    assert "27/102 (26.5 %, 95 % interval" in done.output
    assert "Spinal involvement: 12/30 (40.0 %" in done.output
    assert "not compared: 2 claims: a total, which grows with the number of patients" in done.output
    assert ": about variables that the cohort lacks: kyphoscoliosis, " in done.output
    assert "note: counts of fewer than 5" in done.output
    assert "3/12" not in done.output


def test_notes_name_what_is_compared_of_a_column_that_a_warning_is_about(own, folder):
    lines = ["patient,crp,hemoglobin", *(f"{i},{(0.3, 0.5, 0.7, 34.0)[i % 4]},12.{i % 9}" for i in range(60))]
    (folder / "crp.csv").write_text("\n".join(lines))
    said = "a warning is about columns that are compared: C-reactive protein; see crmo validate"
    assert said in crmo("compare", "crp.csv", "sag_2019").output
    assert said not in crmo("compare", own, "hospach_2010").output


def test_command_shows_small_counts_and_p_values_when_asked(own):
    done = crmo("compare", own, "hospach_2010", "--show-small", "--p-values")
    assert "3/12" in done.output
    assert "note: small counts and extremes are shown, as asked for" in done.output
    assert "Holm P" in done.output


def test_command_prints_csv_and_json_with_every_claim(own):
    ids = {claim.claim_id for claim in read_study("hospach_2010").claims}
    done = crmo("compare", own, "hospach_2010", "--format", "csv")
    lines = pd.read_csv(pd.io.common.StringIO(done.stdout), dtype=str)
    assert set(" ".join(lines["claim_ids"]).split()) == ids
    done = json.loads(crmo("compare", own, "hospach_2010", "--format", "json").stdout)
    listed = [row["claim_ids"] for row in done["compared"]] + [
        row["claim_id"] for row in done["not_compared"]
    ]
    assert set(" ".join(listed).split()) == ids
    assert done["smallest"] == 5


def test_command_writes_the_same_files_again(own, folder):
    done = crmo("compare", own, "hospach_2010", "--out", "out")
    assert done.exit_code == 0, done.output
    names = [".cohort", "associations.csv", "comparison.csv", "comparison.md"]
    names += [f"dumbbell.{ending}" for ending in ("csv", "json", "pdf", "png", "svg")] + ["not_compared.csv"]
    assert sorted(path.name for path in (folder / "out").iterdir()) == names
    before = {path.name: path.read_bytes() for path in (folder / "out").iterdir()}
    (folder / "out" / "dumbbell_2.svg").write_text("of an earlier run, which showed small counts")
    crmo("compare", own, "hospach_2010", "--out", "out")
    assert {path.name: path.read_bytes() for path in (folder / "out").iterdir()} == before
    text = (folder / "out" / "comparison.md").read_text(encoding="utf-8")
    assert text.startswith("# own.csv beside published series\n\n30 patients.\n")
    assert json.loads(before["dumbbell.json"])["source"] == "user data"


def test_command_says_that_a_table_is_made_up(own, folder):
    text = (folder / own).read_text().splitlines()
    lines = [f"{text[0]},simulated", *(f"{line},yes" for line in text[1:])]
    (folder / "made.csv").write_text("\n".join(lines))
    done = crmo("compare", "made.csv", "hospach_2010")
    assert "made.csv is made up: no row was observed in a patient" in done.output
    assert "was made from the numbers" not in done.output


def test_command_says_that_a_table_was_made_from_the_study():
    done = crmo("compare", files.COHORTS / "hospach_2010.csv", "hospach_2010")
    assert (
        "hospach_2010.csv was made from the numbers of hospach_2010: agreement with that study says nothing"
        in done.output
    )
    assert "fewer than 5" not in done.output


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["none.csv"], "none.csv: there is no such file"),
        (["own.csv", "hospach"], "there is no study 'hospach'; is 'hospach_2010' meant?"),
        (["own.csv", "menashe_2022"], "no claim of these studies can be compared"),
        (["own.csv", "--map", "none.yaml"], "none.yaml: there is no such file"),
        (["own.csv", "--confidence", "95"], "--confidence is 95, expected a number between 0 and 1"),
        (["wrong.csv"], "1 error; run crmo validate"),
        (["other.csv", "hospach_2010"], "about variables that the cohort lacks: spine, "),
        (["own.csv", "--out", "own.csv"], "is a file"),
    ],
)
def test_command_explains_what_is_wrong(own, folder, words, message):
    (folder / "wrong.csv").write_text("patient,spine\n1,perhaps\n")
    (folder / "other.csv").write_text("patient,chaq\n1,0.5\n2,1\n")
    done = crmo("compare", *words)
    assert done.exit_code == 2
    assert message in done.output
    assert "Traceback" not in done.output
