"""What a cohort of one's own hides stays hidden in every result, text, table and picture."""

import io

import pandas as pd
import pytest

import crmo_analysis as crmo
from crmo_analysis.face import hiding
from crmo_analysis.face.associations import associations
from crmo_analysis.face.cohorts import Cohort
from crmo_analysis.files import csv_text
from crmo_analysis.models import severity
from crmo_analysis.publish import releases

PLANTED = ("P-0417", "P-0001", "17.37")
EFFORT = {"resamples": 200, "permutations": 200}


@pytest.fixture
def cohort(own_file):
    return crmo.read_cohort(own_file)


def texts(result):
    """All that a person, or a file, sees of a result."""
    yield repr(result)
    yield result._repr_html_()
    yield csv_text(result.frame)
    yield result.heading
    if result.data is not None:
        yield csv_text(result.data)
    if result.draw is not None:
        buffer = io.StringIO()
        axes = result.plot()
        axes.figure.savefig(buffer, format="svg")
        yield " ".join(
            text.get_text() for text in axes.figure.findobj(match=lambda artist: hasattr(artist, "get_text"))
        )


def results_of(cohort, **options):
    relation = crmo.relate(
        cohort, "clinical_severity", "n_lesions", ["marrow_edema", "lytic_lesion"], **options, **EFFORT
    )
    return [
        crmo.compare(cohort),
        relation,
        relation.forest(),
        relation.scatter(),
        relation.together(),
        relation.specifications(),
        relation.influence(),
    ]


@pytest.mark.parametrize("options", [{}, {"adjust": ["age_diagnosis", "male"]}, {"cut": 5}])
def test_no_result_tells_of_a_patient(cohort, options):
    for result in [cohort.describe(), *results_of(cohort, **options)]:
        for text in texts(result):
            assert not [value for value in PLANTED if value in text], (result.heading, text[:300])
    assert not [value for value in PLANTED if value in repr(cohort)]


def test_the_same_results_tell_of_patients_where_a_person_chose_so(own_file):
    cohort = crmo.read_cohort(own_file, hide_below=0)
    said = "".join(text for result in [cohort.describe(), *results_of(cohort)] for text in texts(result))
    assert "P-0417" in said
    assert "[1 to 40]" in said


def test_counts_below_the_limit_are_not_shown(cohort):
    described = cohort.describe().frame.set_index("variable")
    assert described.loc["Lytic lesion", "value"].startswith("fewer than 5")
    assert not [value for value in cohort.describe().frame["value"] if value.startswith("3/60")]


def test_a_comparison_withholds_counts_below_the_limit(own):
    few = own.assign(male=own.index < 3)
    beside = crmo.compare(few, "sag_2019")
    boys = beside.frame[beside.frame["what"].str.contains("Male|Boy", case=False)]
    assert len(boys)
    assert not [text for text in texts(beside) if "3/60" in text]
    shown = crmo.compare(crmo.read_study("menashe_2022").patients().of(few, hide_below=0), "sag_2019")
    assert "3/60" in csv_text(shown.frame)


def test_a_plain_table_of_patients_hides_as_a_file_does(own):
    relation = crmo.relate(own, "clinical_severity", "n_lesions", ["lytic_lesion"], **EFFORT)
    assert relation.cohort.hides
    assert list(relation.frame["exposure"].unique()) == ["n_lesions"]
    assert any("lytic_lesion is not analysed" in note for note in relation.notes)
    with pytest.raises(crmo.CrmoError, match="fewer than 5 patients share a value"):
        crmo.relate(own, "clinical_severity", "lytic_lesion", **EFFORT)


def test_points_and_single_patients_are_not_drawn(cohort):
    relation = crmo.relate(cohort, "clinical_severity", "n_lesions", **EFFORT)
    assert "n_lesions" not in relation.scatter().frame
    assert relation.influence().frame["left_out"].str.startswith("one patient (").all()
    assert len(relation.influence().frame) == 5
    assert not relation.specifications().frame["left_out"].str.startswith("highest").any()
    with pytest.raises(crmo.CrmoError, match="single patients of this cohort are not shown"):
        cohort.grid()
    with pytest.raises(crmo.CrmoError, match="single patients"):
        relation["linear"]


def test_a_limit_that_hides_nothing_is_refused(own_file):
    with pytest.raises(crmo.CrmoError, match="expected 2 or more"):
        crmo.read_cohort(own_file, hide_below=1)


def test_errors_are_counted_not_listed_where_values_stay_hidden(own, tmp_path):
    own.assign(age_diagnosis=own["age_diagnosis"].astype(object).where(own.index != 7, "seventeen")).to_csv(
        tmp_path / "bad.csv", index=False
    )
    with pytest.raises(crmo.CrmoError, match="cannot be analysed: 1 error;") as hidden:
        crmo.read_cohort(tmp_path / "bad.csv")
    assert "seventeen" not in str(hidden.value)
    with pytest.raises(crmo.CrmoError, match="seventeen"):
        crmo.read_cohort(tmp_path / "bad.csv", hide_below=0)


def test_a_table_with_some_made_rows_hides_as_an_own_one_does(own, tmp_path):
    own.assign(simulated=["yes"] * 30 + ["no"] * 30).to_csv(tmp_path / "mixed.csv", index=False)
    with pytest.raises(crmo.CrmoError, match="cannot be analysed: 1 error;"):
        crmo.read_cohort(tmp_path / "mixed.csv")
    mixed = own.assign(simulated=own.index < 30)
    assert crmo.relate(mixed, "clinical_severity", "n_lesions", **EFFORT).cohort.hides
    made = own.assign(simulated=True)
    assert not crmo.relate(made, "clinical_severity", "n_lesions", **EFFORT).cohort.hides


def test_drawing_from_few_patients_is_refused(own):
    few = pd.concat([own.head(8)])
    with pytest.raises(crmo.CrmoError, match="fewer than"):
        crmo.plan(
            [0.3], [20], cohorts=20, also={"mine": [crmo.read_study("menashe_2022").patients().of(few)]}
        )


def test_results_on_those_with_all_values_are_not_set_beside_results_on_nearly_as_many():
    table = pd.DataFrame({
        "score": pd.array(range(40), "Float64"), "whole": pd.array([True, False] * 20, "boolean"),
        "few_lack": pd.array([True, False] * 18 + [None] * 4, "boolean"),
        "many_lack": pd.array([True, False] * 15 + [None] * 10, "boolean"),
    })  # fmt: skip
    asked = severity.Question("score", ["whole", "few_lack"])
    together = hiding.too_few_together(table, asked, 5)
    assert together == "fewer than 5 patients who have whole lack another"
    assert hiding.too_few_together(table, asked, 0) == ""
    asked = severity.Question("score", ["whole", "many_lack"])
    assert hiding.too_few_together(table, asked, 5) == ""
    # The same patients twice, and those who lack a value lack it at one visit of the two.
    visits = pd.concat([table, table.assign(few_lack=True)]).assign(patient=[*range(40)] * 2)
    asked = severity.Question("score", ["whole", "few_lack"], patient="patient")
    assert hiding.too_few_together(visits, asked, 5) == "fewer than 5 patients who have whole lack another"


def visits_of(n_together, apart=60):
    """Make patients with both values at a visit, and others with each at a visit of its own."""
    rows = []
    for i in range(n_together + apart):
        lesions, severity = 1 + i * 7 % 11, i * 5 % 9
        both = i < n_together
        rows += [(f"v{i}", lesions, severity if both else None), (f"v{i}", None, severity)]
    return pd.DataFrame(rows, columns=["patient", "n_lesions", "clinical_severity"])


def test_values_of_different_visits_are_not_known_together():
    with pytest.raises(crmo.CrmoError, match="fewer than 12 patients have"):
        crmo.relate(visits_of(5), "clinical_severity", "n_lesions")
    relation = crmo.relate(visits_of(30), "clinical_severity", "n_lesions", **EFFORT)
    assert relation.counted().startswith("30 of 90 have both")
    assert relation.frame["n"].iloc[0] == 30
    assert relation.participants().frame["n"].tolist() == [90, 90, 30]


def test_visits_are_not_counted_as_patients(own):
    visits = pd.concat([own] * 4, ignore_index=True)
    cohort = Cohort.of(visits)
    assert len(cohort) == len(own)
    assert repr(cohort).startswith(f"Your cohort: {len(own)} patients")
    for count in (cohort.describe, lambda: crmo.compare(visits), lambda: cohort.skeleton(),
                  lambda: cohort.participants("n_lesions"), lambda: cohort.together("male")):  # fmt: skip
        with pytest.raises(crmo.CrmoError, match="several rows, and patients are counted"):
            count()


def test_patients_whose_outcome_is_not_known_are_in_no_group_of_it():
    table = pd.DataFrame({"patient": range(60), "n_lesions": [1 + i * 7 % 11 for i in range(60)]})
    table["clinical_severity"] = [9.0] * 3 + [float(i * 5 % 4) for i in range(40)] + [None] * 17
    asked = severity.Question("clinical_severity", ["n_lesions"], cut=5)
    cohort = Cohort.of(table)
    assert hiding.showable(cohort, asked)[1].cut is None


def test_all_who_are_left_out_are_counted(own):
    table = own.assign(male=own["male"].astype("boolean"))
    table.loc[11, "male"] = pd.NA
    table.loc[12, "n_lesions"] = None
    options = {"adjust": ["age_diagnosis", "male"], **EFFORT}
    shown = crmo.relate(table, "clinical_severity", "n_lesions", ["marrow_edema"], **options)
    rows = shown.frame[shown.frame["exposure"] == "n_lesions"]
    assert set(rows["n"] + rows["excluded"]) == {len(own)} and set(rows["n"]) == {58}
    assert all("In 58 patients (2 excluded for missing values)" in text for text in shown.sentences())


@pytest.mark.parametrize("analysed", [True, False])
def test_a_correlation_beside_published_ones_is_of_those_who_are_analysed(own, tmp_path, analysed):
    table = own.assign(male=own["male"].astype("boolean").mask(own.index == 11))
    shown = crmo.relate(table, "clinical_severity", "n_lesions", adjust=["male"], **EFFORT)
    beside = associations().beside(shown.analysed if analysed else table)
    assert beside.frame.set_index("row_id").loc["B01", "own_n"] == (59 if analysed else 60)
    for name, result in {"effects": shown, "published": beside}.items():
        (tmp_path / f"{name}.csv").write_text(csv_text(result.frame))
    found = releases.check([tmp_path], 5)[1]
    assert found.empty == analysed
    assert analysed or "1 patients by subtraction" in set(found["derived"])


def test_where_a_line_would_tell_of_a_child_the_order_of_scores_alone_is_shown():
    table = pd.DataFrame({"n_lesions": [5, 9, 7, 4] * 6, "clinical_severity": [*[0, 1, 2] * 7, 0, 1, 29]})
    effort = {"resamples": 20, "permutations": 50}
    relation = crmo.relate(table, "clinical_severity", "n_lesions", **effort)
    assert "mean and SD of clinical_severity follow" in relation.notes[0]
    assert {*relation.frame["model"]} == {"spearman", "kendall", "ordinal"}
    assert relation.scatter().frame.to_dict("list") == {"not shown": ["the line of least squares"]}
    assert {*relation.specifications().frame["model"], *relation.diagnostics().frame["model"]} == {"ordinal"}
    shown = crmo.relate(
        table.assign(clinical_severity=[0, 1, 2, 3] * 6), "clinical_severity", "n_lesions", **effort
    )
    assert not shown.notes
    assert "linear" in {*shown.frame["model"]}
    assert [*shown.over([table]).frame["model"]] == ["spearman"]  # of others too
    with pytest.raises(
        crmo.CrmoError, match="mean and SD of n_lesions follow"
    ):  # of an exposure values are taken
        crmo.relate(
            table.set_axis(["clinical_severity", "n_lesions"], axis=1), "clinical_severity", "n_lesions"
        )
