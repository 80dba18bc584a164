"""A study as a person asks it: what it prints of itself, and that texts come from what was found."""

import pandas as pd
import pytest

import crmo_analysis as crmo
from crmo_analysis.files import COHORTS, ROOT, study_names
from crmo_analysis.study import read_study


@pytest.fixture(scope="module")
def hospach():
    return crmo.read_study("hospach_2010")


def test_a_study_says_what_it_is(hospach):
    assert repr(hospach).splitlines()[-1] == "21 printed numbers, 21 of its own patients"
    assert list(hospach.claims["claim_id"].unique()) == list(
        dict.fromkeys(claim.claim_id for claim in read_study("hospach_2010").claims)
    )


def test_every_claim_has_a_verdict_and_a_text_of_a_screen(hospach):
    audit = hospach.audit()
    assert set(audit.frame["claim_id"]) == set(hospach.claims["claim_id"])
    lines = repr(audit).splitlines()
    assert lines[0] == "21 printed numbers of Hospach 2010: 5 matches, 16 stated"
    assert len(lines) == 15
    assert lines[-1] == "… and 9 more rows: .frame has all 21"
    assert max(map(len, lines)) <= 160
    assert audit._repr_html_().count("<tr") == 22


def test_bounds_are_those_of_the_joint_model(hospach):
    found = hospach.bounds("back_pain & vertebral_deformity", "median(age_diagnosis)").frame
    assert found.loc[0, ["lower", "upper", "n", "is_proved"]].tolist() == [7, 14, 14, True]
    assert found.loc[1, "first"] == ""
    assert hospach.bounds("median(age_diagnosis)").draw is None


def test_whom_bounds_are_among_is_said_as_people_say_it(hospach):
    lines = {
        "spine": "among those with spinal involvement",
        "~spine": "among those without spinal involvement",
        "~spine & fever": "among those without spinal involvement and with fever",
        "~back_pain": "among those with no back pain",
    }
    for among, said in lines.items():
        title = repr(hospach.bounds("back_pain & vertebral_deformity", among=among)).splitlines()[0]
        assert title == f"How many patients can have both {said}"


def test_numbers_are_named_by_their_claims(hospach):
    assert hospach.numbers["hospach.n"] == hospach.number("n") == 102
    assert hospach.numbers["asymptomatic.n"] == 8
    shares = hospach.shares(
        [("", "Pain gone in {pamidronate.resolution.max} months", "pamidronate.resolved", 7)]
    )
    assert shares.frame.loc[0, ["label", "x", "n"]].tolist() == ["Pain gone in 3 months", 7, 7]
    with pytest.raises(crmo.CrmoError, match=r"is 'hospach.spine.n' meant\?"):
        hospach.shares([("", "{hospach.spin.n}", 1, 7)])
    with pytest.raises(crmo.CrmoError, match="has no claim"):
        hospach.number("hospach.none")


def test_an_unknown_study_names_those_that_are_here():
    with pytest.raises(crmo.CrmoError, match=r"there is no study 'hospach'; is 'hospach_2010' meant\?"):
        crmo.read_study("hospach")


def test_patients_are_the_shipped_cohort_or_others():
    study = crmo.read_study("simm_2008")
    shipped = study.patients()
    assert (shipped.source, len(shipped), shipped.hides) == ("reconstructed", 5, False)
    others = study.patients(2, seed=4)
    assert [each.source for each in others] == ["reconstructed"] * 2
    assert shipped.grid().plot() is not None


def test_what_a_p_value_says_of_a_correlation():
    least = crmo.read_study("menashe_2022").correlation("menashe.lesions.severity.p")
    # R: t <- qt(0.995, 52); t / sqrt(52 + t^2)  gives 0.3476522
    assert f"{least.least:.7f}" == "0.3476522"
    assert least.over_sizes([0.05], range(10, 20)).frame["limit"].unique().tolist() == ["P=0.05", "P=0.01"]
    assert "two limits" in least.over_sizes([0.05], range(10, 20)).caption.format(
        levels="two", n=1, p=1, least=1, spearman=1
    )


def test_a_template_that_names_nothing_known_is_an_error():
    from crmo_analysis.face import Result
    from crmo_analysis.face.results import filled

    assert filled("{x:.1f} of {n}", {"x": 1.26, "n": 3}) == "1.3 of 3"
    assert filled("{a.n} {{of}} {x.real:g}", {"a.n": 1, "x": 3.0}) == "1 {of} 3"
    with pytest.raises(crmo.CrmoError, match=r"cannot be filled in \('y'\); there is n, x"):
        filled("{y}", {"x": 1, "n": 3})
    with pytest.raises(crmo.CrmoError, match="no picture"):
        Result(pd.DataFrame({"a": [1]})).plot()
    assert repr(Result(pd.DataFrame())) == "None."


@pytest.mark.parametrize("name", study_names())
def test_every_figure_that_a_study_wants_says_what_it_shows(name):
    study = crmo.read_study(name)
    kinds = {figure.kind: figure for figure in study.figures}
    for figure in kinds.values():
        shown, title = study.picture(figure)
        assert all((title, shown.caption, shown.alt, shown.source)), figure


@pytest.mark.parametrize("name", study_names())
def test_the_cohort_that_ships_has_every_variable_of_its_study(name):
    path = COHORTS / f"{name}.csv"
    if not path.is_file():
        pytest.skip("no cohort was made yet")
    columns = pd.read_csv(path, nrows=0).columns
    assert set(columns) <= set(crmo.read_study(name).patients().patients)


def test_capponi2021_correlations_have_the_intervals_that_r_gives():
    study = crmo.read_study("capponi_2021")
    [figure] = [each for each in study.figures if each.kind == "correlations"]
    found, _ = study.picture(figure)
    assert found.frame["estimate"].tolist() == [0.32, 0.41, 0.33, 0.38]
    assert found.frame["n"].tolist() == [76, 46, 46, 46]
    assert found.frame["p_printed"].tolist() == ["0.0055", "0.004", "0.025", "0.010"]
    # tanh(atanh(.41) + c(-1, 1) * qnorm(.975) * sqrt(1.06 / (46 - 3))) in R 4.2
    assert found.frame.loc[1, ["ci_low", "ci_high"]].tolist() == pytest.approx([0.1272, 0.6312], abs=5e-5)


def test_a_general_notebook_tells_spread_and_findings_but_not_of_whom_something_is_known():
    paper = crmo.read_study(str(ROOT / "data" / "example" / "paper"))
    esr = paper.values().frame.query("variable == 'Erythrocyte sedimentation rate'")
    assert esr[["mean", "sd"]].to_numpy().tolist() == [["35.2", "14.1"], ["30.2", "12.1"], ["39.3", "14.3"]]
    implied = [(each.name, each.among, each.pairs) for each in paper.figures if each.kind == "implied"]
    pair = ("back_pain & swollen_joint",)
    assert implied == [("implied", "", pair), ("implied_2", "male", pair), ("implied_3", "~male", pair)]
    registry = crmo.read_study(str(ROOT / "tests" / "recompute" / "cases" / "paper_registry"))
    assert len(registry.counts().frame) == 12
    assert not registry.counts().frame["characteristic"].str.contains("known").any()


def test_groups_within_others_are_named_with_them():
    groups = crmo.read_study("sag_2019").groups().frame
    printed = groups.groupby("patients")["printed"].agg(set)
    assert printed["Clinical remission, among: Pamidronate"] == {"one"}
    assert not printed["Clinical remission"] & {"one", "1"}


def test_a_count_stands_with_the_verdict_of_its_percentage_where_that_is_less_good():
    rows = crmo.read_study("sag_2019").counts().frame.set_index("characteristic")
    row = rows.loc["Drug on which remission was reached: methotrexate"]
    assert (row["x/n"], row["printed %"]) == ("3/15", "19.8")
    assert row["verdict"] == "differs (the percentage)"
    assert set(rows["verdict"]) > {"matches", "stated"}


def test_the_table_that_counts_most_bones_is_drawn_unless_one_is_named():
    study = crmo.read_study("sag_2019")
    assert study.skeleton().terms["section"] == "Table II"
    with pytest.raises(crmo.CrmoError, match=r"in 'Table X'; there is .*Table II"):
        study.skeleton("Table X")
    with pytest.raises(crmo.CrmoError, match="there is no count of bones"):
        crmo.read_study("menashe_2022").skeleton()


@pytest.mark.parametrize(("asked", "says"), [
    (lambda study: study.overlaps("femur"), "two findings or more"),
    (lambda study: study.bounds(), "nothing is asked"),
    (lambda study: study.counts("sag.table2.femur").plot(ax="x"), "expected matplotlib's Axes"),
])  # fmt: skip
def test_what_cannot_be_answered_is_refused(asked, says):
    with pytest.raises(crmo.CrmoError, match=says):
        asked(crmo.read_study("sag_2019"))
