"""What a person reads who asks for what is not there: each message says what to do instead."""

import copy
import pickle

import numpy as np
import pandas as pd
import pytest

import crmo_analysis as crmo
from crmo_analysis import files
from crmo_analysis.face.cohorts import Cohort


def relate(table, outcome="clinical_severity", exposure="n_lesions", **options):
    return crmo.relate(table, outcome, exposure, **{"resamples": 99, "permutations": 99, **options})


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"outcome": "clinical_severty"}, "is 'clinical_severity' meant?"),
        ({"exposure": "lesions"}, "is 'n_lesions' meant?"),
        ({"also": ["marrow_oedema"]}, "is 'marrow_edema' meant?"),
        ({"adjust": "mael"}, "is 'male' meant?"),
        ({"adjust": ["clinical_severity"]}, "named twice among outcome, exposures and adjustment"),
        ({"cluster": "mail"}, "no column 'mail'; is 'male' meant?"),
        ({"cut": "5"}, "cut is '5', expected a number, or None"),
        ({"permutation": 9}, r"no option 'permutation'; it has also, .*; is 'permutations' meant\?"),
        ({"adjustment": ["male"]}, r"no option 'adjustment'; it has also, .*; is 'adjust' meant\?"),
        ({"adjust": "age"}, "is 'age_diagnosis' meant?"),
        ({"permutations": -9}, "permutations is -9, expected a whole number from 1"),
        ({"resamples": 1e4}, "resamples is 10000.0, expected a whole number from 1"),
        ({"exposure": ["n_lesions", "male"]}, "expected one variable, and others by also="),
    ],
)
def test_a_wrong_word_is_met_with_the_right_one(own, options, says):
    with pytest.raises(crmo.CrmoError, match=says):
        relate(own, **options)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda table: table.assign(clinical_severity="P-0417"), "60 of 60 values of 'clinical_severity' are no"),
        (lambda table: table.assign(clinical_severity=np.nan), "the table has no value of 'clinical_severity'"),
        (lambda table: table.assign(clinical_severity=3), "another value of clinical_severity than the others"),
        (lambda table: table.iloc[:0], "the table has no patients"),
        (lambda table: table.iloc[:3], "fewer than 12 patients have"),
        (lambda table: pd.concat([table, table[["male"]]], axis=1), "more than one column male; drop or rename"),
        (lambda table: pd.concat({"a": table}, axis=1), "names of several levels; expected one name a column"),
        (lambda table: "menashe_2022", "str is no table of patients; expected a DataFrame"),
    ],
)  # fmt: skip
def test_a_table_that_cannot_be_asked_says_why_and_no_value(own, change, says):
    with pytest.raises(crmo.CrmoError, match=says) as found:
        relate(change(own))
    assert "P-0417" not in str(found.value)


def test_a_plain_table_is_taken_whatever_its_index(own):
    made = own.assign(simulated=True)
    named = relate(made.set_index("patient")).influence().frame
    assert named["left_out"].tolist() == relate(made).influence().frame["left_out"].tolist()
    repeated = relate(made.drop(columns="patient").set_axis([0] * len(made)))
    assert repeated.influence().frame["left_out"].tolist() == list(range(1, 61))
    assert len(repeated.diagnostics().frame)


def test_numbers_that_stand_there_as_text_are_numbers(own):
    as_text = own.assign(n_lesions=own["n_lesions"].astype("Int64").astype(str).astype(object))
    pd.testing.assert_frame_equal(relate(as_text).frame, relate(own).frame)


def test_a_relation_asked_of_other_cohorts_hides_what_they_hide(own):
    relation = relate(own)
    assert relation.over([own, own]).frame["count"].tolist() == [2, 2]
    with pytest.raises(crmo.CrmoError, match="fewer than 12 patients have"):
        relation.over([own.iloc[:11]])


def test_a_variable_that_the_table_lacks_is_left_out_aloud(own):
    relation = relate(own, also="lytic_lesion")
    assert "lytic_lesion is not analysed: " in relation.notes[0]
    assert relate(own, also=["femur"]).notes == ["femur is not analysed: the table has no such column."]


def test_a_relation_reads_as_sentences_in_a_notebook(own):
    relation = relate(own)
    assert relation._repr_mimebundle_()["text/html"].startswith(  # which IPython takes before _repr_html_
        "<ul><li>In 60 patients, lesions and clinical severity score have"
    )


def test_correlations_that_cannot_be_estimated_have_a_forest_of_none(own):
    shown = Cohort.of(own.assign(n_lesions=3), 0)
    assert relate(shown).forest().frame["estimate"].isna().all()


def test_findings_that_cannot_be_shown_together_say_which_can():
    frame = pd.DataFrame({
        "femur": [True] * 20 + [False] * 20, "tibia": ([True] * 10 + [False] * 10) * 2, "spine": [True] * 2 + [False] * 38,
        "patient": range(40),
    })  # fmt: skip
    cohort = crmo.read_study("simm_2008").patients().of(frame)
    with pytest.raises(
        crmo.CrmoError, match=r"not shown together: some combination .* choose femur, tibia, or read"
    ):
        cohort.together("femur", "tibia", "spine")
    with pytest.raises(crmo.CrmoError, match=r"describe\(\) shows each alone"):
        cohort.together("femur", "spine")
    with pytest.raises(crmo.CrmoError, match="expected findings, yes or no; nothing is none"):
        cohort.together()
    with pytest.raises(crmo.CrmoError, match="yes or no; n_lesions is none"):
        cohort.of(frame.assign(n_lesions=2)).together("femur", "n_lesions")


@pytest.mark.parametrize(
    ("ask", "says"),
    [
        (lambda study: study.number("hospach.spin.n"), "is 'hospach.spine.n' meant?"),
        (lambda study: study.counts("hospach.spin.n"), "is 'hospach.spine.n' meant?"),
        (lambda study: study.correlation("hospach.spine.n"), "prints no P value"),
        (lambda study: study.skeleton("Tabel II"), "no bone is counted in 'Tabel II'; there is abstract"),
        (lambda study: study.patients(0), "count is 0, expected a whole number from 1"),
        (lambda study: study.patients("two"), "count is 'two', expected a whole number from 1"),
        (lambda study: study.patients(corelation=0.5), "no assumption corelation; there is correlation, lesions_mean"),
        (lambda study: study.correlation("hospach.p"), "has no claim 'hospach.p'"),
        (lambda study: study.shares([("all", "fever", 5, 3)]), "5 of 3 is no part of a whole"),
        (lambda study: crmo.compare(pd.DataFrame({"male": [True] * 20}), study, confidence=95), "such as 0.95"),
        (lambda study: crmo.plan([0.3], [20], lesions={"mean": 1}).power(), "a mean of 1 .* as all have one"),
        (lambda study: crmo.pool([3, 2], [5, 6], method="REML"), "is 'reml' meant?"),
        (lambda study: crmo.read_cohort("own.csv", hide_below="5"), "hide_below is '5', expected 2 or more"),
        (lambda study: crmo.read_cohort(pd.DataFrame()), "a table needs no reading"),
        (lambda study: crmo.responders().choose("pamidronat", "pain_gone", "up to 3 months"), "'pamidronate' meant"),
    ],
)  # fmt: skip
def test_a_study_names_what_it_has(ask, says):
    with pytest.raises(crmo.CrmoError, match=says):
        ask(crmo.read_study("hospach_2010"))


def test_a_result_that_is_taken_for_its_table_says_where_that_is(own):
    relation = relate(own)
    for thing, table in ((relation, "frame"), (Cohort.of(own), "patients")):
        with pytest.raises(AttributeError, match=rf"has no 'head'; its table has: \.{table}\.head"):
            _ = thing.head
        assert not hasattr(thing, "nothing_of_a_table")
        assert repr(pickle.loads(pickle.dumps(copy.deepcopy(thing)))) == repr(thing)
    assert "ordinal" in relation
    assert "spearman" not in relation


def test_pictures_take_their_table_as_seaborn_does_and_name_a_lost_column(own):
    names = {"x": "n_lesions", "y": "clinical_severity"}
    assert crmo.plot.scatter(data=own, **names).get_xlabel() == "lesions"
    for draw, more in ((crmo.plot.scatter, {}), (crmo.plot.curves, {"by": "male"})):
        with pytest.raises(crmo.CrmoError, match=r"no column 'n_lesion'; it has .*is 'n_lesions' meant\?"):
            draw(own, **names | {"x": "n_lesion"}, **more)


def test_one_number_and_one_table_are_taken_as_they_are(own):
    named = pd.Series([3, 2], index=["Beck", "Simm"])
    assert crmo.pool(named, [5, 6]).frame["label"].tolist() == ["Beck", "Simm"]
    assert crmo.pool(3, 5).sentence.startswith("One series of 5 patients: 60.0 % had a response")
    found = crmo.plan([0.3], [20], cohorts=50, also={"as here": own.assign(simulated=True)})
    assert "as here" in found.power().frame["truth"].tolist()


def test_the_nearest_word_is_asked_for_and_only_if_it_is_near():
    assert files.meant("forst", ["forest", "scatter"]) == "; is 'forest' meant?"
    assert files.meant("x", ["forest"]) == ""


def test_what_is_no_door_is_met_with_the_one_that_is_meant():
    with pytest.raises(AttributeError, match=r"crmo_analysis has no 'read_stdy'; is 'read_study' meant\?"):
        crmo.read_stdy  # noqa: B018
    assert not hasattr(crmo, "nothing_like_it")
    with pytest.raises(crmo.CrmoError, match="there is no study '2010'"):
        crmo.read_study(2010)


def test_a_part_of_several_names_is_met_with_all_of_them():
    assert (
        files.meant("age", ["age_onset", "n", "age_diagnosis", "stage"])
        == "; is 'age_onset' or 'age_diagnosis' meant?"
    )
    assert files.meant("xyz", ["age_onset"]) == ""


def test_an_option_that_a_door_has_not_is_met_with_those_that_it_has():
    with pytest.raises(
        files.InputError, match="read_cohort has no option 'mapping'; it has path, map, lesions"
    ):
        crmo.read_cohort("x.csv", mapping="map.yaml")
    with pytest.raises(files.InputError, match="is 'lesions' meant"):
        crmo.read_cohort("x.csv", lesion="lesions.csv")


@pytest.mark.parametrize("door", ["read_study", "read_cohort", "relate", "pool", "plan"])
def test_a_door_is_found_by_another_process(door):
    assert pickle.loads(pickle.dumps(getattr(crmo, door))) is getattr(crmo, door)
