"""Pictures that a study and a cohort share, and what of them an own cohort keeps to itself."""

import itertools
import re
from dataclasses import replace

import pandas as pd
import pytest
from matplotlib.figure import Figure

import crmo_analysis as crmo
from crmo_analysis import files
from crmo_analysis.face.results import Result

EXAMPLE = files.DATA / "example"
HAD = [  # NSAIDs, methotrexate, anti-TNF agent, remission, and how many
    (True, False, False, True, 9), (True, False, False, False, 6), (True, True, False, True, 7),
    (True, True, False, False, 5), (True, True, True, True, 8), (True, False, True, False, 5),
]  # fmt: skip
DRUGS = ["nsaid", "methotrexate", "anti_tnf"]


def table(rows=HAD):
    found = [row[:-1] for row in rows for _ in range(row[-1])]
    frame = pd.DataFrame(found, columns=[*DRUGS, "remission"]).astype("boolean")
    return frame.assign(patient=[f"P{i}" for i in range(len(frame))])


def registry():
    return crmo.read_cohort(EXAMPLE / "registry.csv", EXAMPLE / "map.yaml", EXAMPLE / "lesions.csv")


def ways(result):
    names = [each.str.rpartition(" (")[0] for each in (result.frame["source"], result.frame["target"])]
    return dict(
        zip(zip(*names, strict=True), result.frame[["least", "most"]].to_numpy().tolist(), strict=True)
    )


def test_a_cohort_is_followed_from_drug_to_drug_and_each_patient_ends_once():
    result = cohort(table()).treatment_flow(DRUGS, "remission")
    found = ways(result)
    assert found["NSAIDs", "Methotrexate"] == [20, 20]
    assert found["NSAIDs", "Anti-TNF agent"] == [5, 5]
    assert found["Methotrexate", "Anti-TNF agent"] == [8, 8]
    ends = [
        least
        for (_, end), (least, _) in found.items()
        if end in ("Clinical remission", "No clinical remission")
    ]
    assert sum(ends) == len(table())
    assert result.source == "user data"


def test_a_missing_value_leaves_a_way_open():
    frame = table()
    frame.loc[0, "methotrexate"] = pd.NA
    found = ways(cohort(frame, hide_below=0).treatment_flow(DRUGS, "remission"))
    assert found["NSAIDs", "Methotrexate"] == [20, 21]
    assert found["NSAIDs", "Clinical remission"] == [8, 9]


def cohort(frame, **options):
    return type(registry()).of(frame, **options)


def test_a_way_of_few_patients_of_an_own_cohort_is_not_drawn():
    few = [(*row[:-1], 2) if row[:3] == (True, False, True) else row for row in HAD]
    with pytest.raises(crmo.CrmoError, match=r"some way from NSAIDs .* is of fewer than 5 patients"):
        cohort(table(few)).treatment_flow(DRUGS, "remission")
    assert ways(cohort(table(few), hide_below=0).treatment_flow(DRUGS, "remission"))[
        "NSAIDs", "Anti-TNF agent"
    ] == [2, 2]


def test_the_ways_of_a_study_bound_those_of_its_reconstructed_cohort():
    study = crmo.read_study("sag_2019")
    drugs = ["nsaid", "dmard", "anti_tnf", "pamidronate"]
    bounds = ways(study.treatment_flow(drugs, "remission"))
    table_ = study.patients().patients
    assert "dmard" in table_
    for way, (count, _) in ways(study.patients().treatment_flow(drugs, "remission")).items():
        least, most = bounds[way]
        assert least <= count <= most, way


def test_what_is_not_proved_is_left_open_in_a_picture(monkeypatch):
    study = crmo.read_study("simm_2008")
    bounds = study.bounds

    def unproved(text):
        found = bounds(text)
        return replace(found, frame=found.frame.assign(is_proved="&" not in text))

    monkeypatch.setattr(study, "bounds", unproved)
    shown = study.overlaps("clinical_response", "pain_decreased")
    assert shown.frame[["lower", "upper"]].to_numpy().tolist() == [[0, 5]]
    said = "Not decided within the effort allowed, and left open: 1 of the numbers."
    assert shown.caption.format(**shown.terms).endswith(said)


def test_overlaps_of_a_study_hold_those_of_its_reconstructed_cohort():
    study = crmo.read_study("hospach_2010")
    found = study.overlaps("back_pain", "vertebral_deformity", "kyphoscoliosis").frame
    one = study.patients().patients
    names = ["back_pain", "vertebral_deformity", "kyphoscoliosis"]
    for (first, second), row in zip(itertools.combinations(names, 2), found.itertuples(), strict=True):
        both = int((one[first].fillna(False) & one[second].fillna(False)).sum())
        assert row.lower <= both <= row.upper
    assert found.loc[0, ["lower", "upper"]].tolist() == [7, 14]


def test_combinations_are_counted_exactly_and_rare_ones_of_an_own_cohort_are_refused():
    frame = pd.DataFrame(
        {"vertebra": [True] * 12 + [False] * 8 + [True] * 3, "femur": [False] * 12 + [True] * 11}
    )
    frame = frame.astype("boolean").assign(patient=range(len(frame)))
    all_ = cohort(frame, hide_below=0).together("vertebra", "femur").frame
    assert all_["patients"].tolist() == [12, 8, 3]
    with pytest.raises(
        crmo.CrmoError, match="vertebra, femur are not shown together: some combination is of fewer than 5"
    ):
        cohort(frame).together("vertebra", "femur")
    assert cohort(frame.iloc[:20]).together("vertebra", "femur").frame["patients"].tolist() == [12, 8]
    lacks = frame.iloc[:20].copy()
    lacks.loc[0, "femur"] = pd.NA  # whose vertebra would follow from a description
    with pytest.raises(crmo.CrmoError, match="femur is not known of some patients"):
        cohort(lacks).together("vertebra", "femur")


def test_visits_are_all_scans_of_a_registry():
    raw = pd.read_csv(EXAMPLE / "lesions.csv", sep=";", dtype=str)
    scans = raw.groupby(["ID", "Date"]).size()
    several = scans.groupby("ID").size()
    found = registry().visits()
    assert found["patient"].nunique() == (several > 1).sum()
    assert (
        found["n_lesions"].sum()
        == scans[scans.index.get_level_values("ID").isin(several.index[several > 1])].sum()
    )
    assert (found.groupby("patient")["months"].first() == 0).all()
    assert registry().swimmer().frame["patient"].nunique() == found["patient"].nunique()
    assert registry().paired().plot().get_ylabel() == "lesions"


def test_visits_are_rows_of_a_patient_where_there_is_no_scan():
    frame = pd.DataFrame({"patient": list("aabb"), "clinical_severity": [6, 2, 4, 4]})
    found = cohort(frame, hide_below=0).visits("clinical_severity")
    assert found[["patient", "visit", "clinical_severity"]].to_numpy().tolist() == [
        ["a", 1, 6], ["a", 2, 2], ["b", 1, 4], ["b", 2, 4],
    ]  # fmt: skip
    with pytest.raises(crmo.CrmoError, match="no patient has crp at two visits"):
        cohort(frame.assign(crp=[1.0, None, 2.0, None]), hide_below=0).visits("crp")


@pytest.mark.parametrize("ask", ["sites", "swimmer", "paired", "visits"])
def test_pictures_of_single_patients_are_not_drawn_of_an_own_cohort(own_file, ask):
    with pytest.raises(crmo.CrmoError, match="single patients of this cohort are not shown"):
        getattr(crmo.read_cohort(own_file), ask)()


def test_bones_of_a_registry_are_drawn_and_small_counts_of_an_own_one_hidden():
    found = registry().skeleton()
    raw = pd.read_csv(EXAMPLE / "lesions.csv", sep=";", dtype=str)
    counts = found.frame.set_index("name")["x"]
    assert counts["femur"] == raw.loc[raw["Site"] == "femur", "ID"].nunique()
    own = registry().patients.drop(columns="simulated").iloc[:30]
    few = cohort(own).skeleton().frame
    truth = own["clavicle"].sum()
    assert truth >= 5
    shown = few.dropna(subset=["x"])
    assert not shown["x"].between(1, 4).any()
    assert few["x"].isna().any()


def test_a_cohort_stands_beside_a_study_on_the_skeleton():
    study = crmo.read_study("sag_2019")
    found = study.patients().skeleton(study.skeleton("Table II"))
    counts = found.frame.pivot_table(index="name", columns="cohort", values="x")
    assert list(counts.columns) == ["A reconstructed cohort", "Sağ 2019"]
    assert counts.loc["femur", "Sağ 2019"] == 10
    assert len(found.plot().texts) > 2 * len(counts)


def test_participants_are_left_step_by_step():
    patients = registry().patients
    shown = registry().participants("n_lesions", "clinical_severity", "marrow_edema")
    found = shown.frame
    assert not re.search(r"\d\.0\b", repr(shown))  # whole numbers, though the last row has none
    left = [
        patients[names].notna().all(axis=1).sum()
        for names in (["n_lesions"], ["n_lesions", "clinical_severity"])
    ]
    assert found["n"].tolist()[1:3] == left
    assert (found["n"].iloc[:-1] - found["left"].iloc[:-1]).tolist() == found["n"].iloc[1:].tolist()
    study = crmo.read_study("hospach_2010").participants(
        ("All", "hospach.n", "No spine"),
        ("Spine", "hospach.spine.n", ""),
        ("Treated", "hospach.pamidronate.n", ""),
    )
    assert study.frame["n"].tolist() == [102, 27, 7]
    assert study.frame["left"].tolist()[0] == 75
    assert "75.0" not in repr(study)
    assert study.frame["left"].isna().tolist() == [False, True, True]


@pytest.mark.parametrize("is_own", [False, True])
@pytest.mark.parametrize(("source", "written"), [("simulated", "SIMULATED"), ("user data", "")])
def test_what_a_person_saves_says_that_it_was_not_observed(source, written, is_own):
    rows = pd.DataFrame({"n_lesions": [1, 2, 3.0], "clinical_severity": [4, 2, 5.0]})
    result = Result(rows, source=source).drawn(crmo.plot.scatter, x="n_lesions", y="clinical_severity")
    axes = result.plot(ax=Figure().add_subplot() if is_own else None)
    found = [text.get_text() for text in axes.texts]
    texts = {*found}
    assert (written in texts) == bool(written)
    assert texts.isdisjoint({"RECONSTRUCTED", "SIMULATED"} - {written})
    result.plot(ax=axes)
    assert sum(text.get_text() == written for text in axes.texts) == sum(t == written for t in found)
    if is_own:
        axes.plot([1, 2], [50, 60])
        assert axes.get_ylim()[1] > 60  # what a person adds is seen
