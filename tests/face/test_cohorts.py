"""A table of patients as a person asks it: what it says of itself, and scores from its items."""

import pandas as pd
import pytest

import crmo_analysis as crmo

ITEMS = {
    "normal_blood_count": [True, True, None],
    "symmetric_lesions": [True, False, True],
    "marginal_sclerosis": [True, False, True],
    "normal_temperature": [True, True, True],
    "vertebra": [True, False, True],
    "clavicle": [False, False, False],
    "sternum": [False, False, False],
    "multifocal": [True, True, True],
    "crp": [2.0, 0.2, 0.2],
}


def test_scores_are_made_from_items_and_missing_where_an_item_is():
    table = pd.DataFrame(ITEMS).astype(dict.fromkeys([name for name in ITEMS if name != "crp"], "boolean"))
    cohort = crmo.read_study("simm_2008").patients().of(table.assign(patient=[1, 2, 3]), hide_below=0)
    scored = cohort.with_scores()
    # Jansson 2009: 13 + 10 + 10 + 9 + 8 + 7 + 6 = 63; 13 + 9 + 7 = 29
    assert scored.patients["jansson_score"].tolist() == [63, 29, pd.NA]
    assert "jansson_score" not in cohort.patients
    assert [note for note in scored.notes if note.startswith("nbo_score is not made: ") and "femur" in note]


def test_a_cohort_says_what_it_is(own_file):
    assert repr(crmo.read_cohort(own_file)).endswith("; findings of fewer than 5 are hidden")
    assert repr(crmo.read_cohort(own_file, hide_below=0)).endswith("; single patients are shown")
    assert repr(crmo.read_study("sag_2019").patients()).endswith("; no row was observed in a patient")


def test_a_variable_that_is_not_there_is_named_with_those_that_are(own_file):
    cohort = crmo.read_cohort(own_file)
    with pytest.raises(
        crmo.CrmoError, match="the table has no column 'crp'; map a column to it, or choose from"
    ):
        cohort.require(["crp"])
    with pytest.raises(crmo.CrmoError, match="'weight' is no variable of the codebook"):
        cohort.require(["weight"])


def test_a_cohort_beside_studies_says_each_row_and_what_is_left_out(own_file):
    beside = crmo.read_cohort(own_file).beside("sag_2019", crmo.read_study("menashe_2022"))
    assert set(beside.frame["study"]) <= {"Sağ 2019", "Menashe 2022"}
    assert len(beside.sentences()) == len(beside.frame)
    assert beside.left_out().frame["claims"].sum() + len(beside.frame) > 100


def test_a_cohort_says_how_many_warnings_there_are_about_its_file(tmp_path):
    rows = [f"{i},{lesions}" for i, lesions in enumerate([1, 2, 3, 5, 8, 2, 99, 3, 1, 4, 2, 1])]
    (tmp_path / "own.csv").write_text("patient,n_lesions\n" + "\n".join(rows) + "\n", encoding="utf-8")
    cohort = crmo.read_cohort(tmp_path / "own.csv")
    assert repr(cohort).endswith("; 1 warning about the file: .problems")
    assert "values: {n_lesions: {99: NR}}" in str(cohort.problems[0])


def test_a_plain_table_keeps_to_the_codebook_as_a_file_does(own):
    table = own.assign(clinical_severity=own["clinical_severity"].mask(own.index == 3, 999))
    table.loc[4, "n_lesions"] = -5
    with pytest.raises(crmo.CrmoError, match="1 of 60 values of n_lesions: expected a whole") as error:
        crmo.relate(table, "clinical_severity", "n_lesions")
    said = str(error.value)
    assert "1 of 60 values of clinical_severity: expected a whole number of 0 to 100 points" in said
    assert "999" not in said  # errors repeat no value of a patient
    assert len(crmo.compare(own).frame)


@pytest.mark.parametrize("beside", ["sag_2019", pd.DataFrame({"name": ["femur"]})])
def test_a_skeleton_stands_beside_a_skeleton_alone(beside):
    cohort = crmo.read_study("sag_2019").patients()
    with pytest.raises(crmo.CrmoError, match=r"expected \.skeleton\(\) of another cohort"):
        cohort.skeleton(beside)
