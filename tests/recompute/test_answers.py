"""Whole studies with a known answer, as a person would write them; each says what is right in its study."""

import csv
import re
import shutil
from pathlib import Path

import pytest

import crmo_analysis as crmo
from crmo_analysis.joint.ledger import audit_jointly
from crmo_analysis.study import read_study

CASES = Path(__file__).parent / "cases"
FLAGGED = {  # claims that cannot be; all others hold
    "miss_p_2x2": {"p": "18/19 against 4/10"},
    "miss_r_p_n": {"p": "A correlation of 0.32 in 76 pairs"},
    "toy_r": {"a.p": "A correlation of 0.22 in 30 pairs: P = 0.22 to 0.27"},
    "toy_r2": {"a.p": "A correlation of 0.22 in 30 pairs"},
    "fa_ratio_wrong": {"r": "31/10 = 3.1; 2.1 is printed"},
}
SOUND = "bhat_like_2019 miss_lesion_percent miss_r_negative fa_iqr fa_timepoints fa_unit_months toy_pgt"


@pytest.mark.parametrize("name", [*FLAGGED, *SOUND.split()])
def test_a_case_has_its_right_answer(name):
    study = read_study(name, CASES)
    audited = {each.claim.claim_id: each for each in audit_jointly(study)}
    found = {key for key, each in audited.items() if each.verdict in ("differs", "conflicts")}
    assert found == set(FLAGGED.get(name, ()))
    for key, said in FLAGGED.get(name, {}).items():
        assert said in audited[key].reason


PAPERS = {  # as a person types papers of eight kinds, and slips of one digit
    "trial": [("8 of 19 (42.1 %)", "8 of 19 (41.2 %)")],
    "cohort": [("5.7 to 12.0", "5.7 to 21.0")],
    "imaging": [("0.53–0.79", "0.53–0.97")],
    "registry": [("14 (45.2)", "14 (42.5)")],
    "odd_type": [("19/33 (57·6%)", "19/32 (57·6%)")],
    "groups": [
        ("17 (68.0)", "17 (86.0)"),
        ("3/24 (12.5)", "3/42 (12.5)"),
        ("0.09†", "0.90†"),
        ("8.7 (6.2–10.9)", "8.7 (9.2–10.9)"),
        ("everyone,,124", "everyone,,142"),
    ],
    "series": [
        ("4, 1, 3", "4, 2, 3"),
        (",8 (3–13)", ",6 (3–13)"),
        ("28.6 %", "26.8 %"),
        (",,none,", ",,two,"),
        (",23,", ",32,"),
    ],
    "nested": [
        ("followed,28 (39.4 %)", "followed,28 (34.9 %)"),
        ("Of 112 with data", "Of 121 with data"),
        ("14 of 203", "14 of 230"),
        ("18 (15.4 %)", "81 (15.4 %)"),
        ("188 of 305", "168 of 305"),
    ],
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", PAPERS)
def test_a_paper_as_a_person_types_it_holds_and_its_slips_are_found(kind, tmp_path):
    folder = shutil.copytree(CASES / f"paper_{kind}", tmp_path / f"paper_{kind}")
    typed = (folder / "claims.csv").read_text(encoding="utf-8")
    for right, wrong in [("", ""), *PAPERS[kind]]:
        assert not right or typed.count(right) == 1, right
        (folder / "claims.csv").write_text(typed.replace(right, wrong) if right else typed, encoding="utf-8")
        verdicts = {each.verdict for each in audit_jointly(read_study.__wrapped__(str(folder)))}
        assert bool(verdicts & {"differs", "conflicts"}) is bool(wrong), wrong


@pytest.mark.parametrize("name", ["paper_odd_type", "paper_nested"])
@pytest.mark.parametrize("percent", ["{} %", "% {}", "%{}"])
def test_numbers_are_read_in_german_and_turkish_typography(name, percent, tmp_path):
    """34,7 % and %34,7 are 34.7 %: every verdict is as of the English typography."""
    typed = (CASES / name / "claims.csv").read_text(encoding="utf-8")

    def turned(match):
        return percent.format(match[1].replace(".", ",").replace("·", ","))

    folder = shutil.copytree(CASES / name, tmp_path / name)
    rows = list(csv.reader(typed.splitlines()))
    place = rows[0].index("printed")
    rows = [
        [re.sub(r"(\d+[.·]\d+) ?%", turned, c) if k == place else c for k, c in enumerate(r)] for r in rows
    ]
    with (folder / "claims.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    found = [audit_jointly(read_study.__wrapped__(str(each))) for each in (CASES / name, folder)]
    assert [a.verdict for a in found[0]] == [a.verdict for a in found[1]]


@pytest.mark.parametrize("name", ["bhat_like_2019", "fa_timepoints", "fa_unit_months"])
def test_nothing_conflicts_jointly_where_visits_lesions_and_units_are_said(name):
    assert not [each for each in audit_jointly(read_study(name, CASES)) if each.verdict == "conflicts"]


def test_visits_that_only_their_place_tells_apart_are_explained():
    audited = {each.claim.claim_id: each for each in audit_jointly(read_study("fa_timepoints", CASES))}
    assert "Read as at 6 months, as its place says; write it in column at." in audited["r6"].reason


def test_every_correlation_of_an_abstract_agrees_with_its_p_value():
    audited = {each.claim.claim_id: each for each in audit_jointly(read_study("capponi_2021"))}
    for cell in ("pga", "pga46", "pga6", "pga12"):
        assert audited[f"capponi.{cell}.correlation"].verdict == "matches"
        assert audited[f"capponi.{cell}.p_value"].verdict == "matches"
    assert audited["capponi.rai6.p"].reason == "Kept as printed: only the patients themselves decide it."


def test_a_share_of_lesions_names_its_rule():
    audited = {each.claim.claim_id: each for each in audit_jointly(read_study("miss_lesion_percent", CASES))}
    assert (audited["res.pc"].rule, audited["new.pc"].rule) == ("half_up", "down")


def test_an_abstract_as_a_person_types_it_holds_and_a_slip_is_found(tmp_path):
    study = read_study("dangelo_2021", CASES)
    assert {each.verdict for each in audit_jointly(study)} == {"matches", "stated"}
    assert [figure.kind for figure in study.figures] == ["counts", "implied", "rounding", "verdicts"]
    folder = tmp_path / "dangelo_2021"
    folder.mkdir()
    for name in ("study.yaml", "claims.csv"):
        text = (CASES / "dangelo_2021" / name).read_text(encoding="utf-8")
        (folder / name).write_text(text.replace("26 boys, or 34.7%", "26 boys, or 37.4%"), encoding="utf-8")
    audited = {each.claim.claim_id: each.verdict for each in audit_jointly(read_study(str(folder)))}
    assert audited["boys.percent"] in ("differs", "conflicts")


def test_patients_of_a_study_in_any_folder_are_made_and_set_beside_it():
    study = crmo.read_study(str(CASES / "dangelo_2021"))
    beside = study.reproduced()
    assert beside.frame["kept"].ne("no").all()
    assert len(study.patients()) == 75
