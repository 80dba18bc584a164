"""A table of patients as a person asks it, and what it says of itself."""

import pytest

import crmo_analysis as crmo


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
