"""Verdicts of whole studies with a known answer, and what they say; the cases are those of `test_cases`."""

from dataclasses import replace

import pytest

from crmo_analysis.joint.conflicts import find_conflicts
from crmo_analysis.joint.ledger import audit_jointly
from crmo_analysis.recompute import Readings
from crmo_analysis.study import read_study, rounding

ACCUSED = ("differs", "conflicts")
SPOILED = "sag.treatments.methotrexate"  # 12, of 13 who had a DMARD, the other one sulfasalazine


@pytest.fixture(scope="module")
def sag():
    """Return the longest of the five studies, and its audited claims."""
    study = read_study("sag_2019")
    return study, audit_jointly(study)


@pytest.fixture
def audit_case(read_case):
    """Return a function that audits a case: audited claims by id."""

    def audit(name, changed=()):
        return {a.claim.claim_id: a for a in audit_jointly(*read_case(name, changed))}

    return audit


@pytest.mark.parametrize(
    ("name", "accused"),
    [
        ("beck_2010", {}),
        ("beck_2010_wrong", {"relapse": "conflicts", "silent": "conflicts"}),  # of two percentages, either
        ("adults", {}),
        ("fa_age_limits", {}),
        ("fa_complement_denominator_wrong", {"g.pc": "differs"}),
        ("fa_mean_sum_wrong", {"m": "differs"}),
        ("fa_median_delay", {}),
        ("fa_missing_denominator", {"crp.pc": "differs"}),
        ("fa_ratio_wrong", {"r": "differs"}),
        ("fa_se_as_sd", {"sd": "differs"}),
        ("fa_timepoints", {}),
        ("fa_wbc", {}),
        ("grim_economist", {"m": "differs"}),
        ("inspect_sr_apgar", {"a1": "differs", "a5": "differs", "b5.sd": "differs"}),
        ("ireland_2021b", {}),
        ("kaiser_2015", {}),
        ("ma_2022", {}),
        ("miss_exclusive_percent", dict.fromkeys("abc", "conflicts")),
        ("miss_sd_range", {"sd": "differs"}),
        ("silent_timeout_small", {"girls.relapse.pc": "differs"}),
        ("toy_known", {}),
        ("toy_rai", {}),
        ("toy_range", {"a.s": "differs"}),
        ("toy_score", {}),
        ("toy_sdneg", {"a.m": "differs", "a.s": "differs"}),
        ("toy_trunc", {"a.m": "differs"}),
    ],
)
def test_the_odd_number_of_a_study_is_accused_and_nobody_else(audit_case, name, accused):
    found = audit_case(name)
    assert {i: a.verdict for i, a in found.items() if a.verdict in ACCUSED} == accused
    assert all(a.verdict != "unfinished" for a in found.values())


@pytest.mark.parametrize(
    ("name", "claim", "verdict", "parts"),
    [
        ("beck_2010", "silent", "matches", ["10/15 = 66.67 %", "15 patients (from 41 % “Radiological relapse”"]),
        ("fa_complement_denominator_wrong", "g.pc", "differs", ["7/28 = 25 %", "from 16 “Male sex” and 44 patients"]),
        ("fa_missing_denominator", "crp.pc", "differs", ["18/40 = 45 %", "It fits n = 38: 18/38 = 47.368 %"]),
        ("fa_ratio_wrong", "r", "differs", ["31/10 = 3.1"]),
        ("fa_se_as_sd", "sd", "differs", ["at least 0.51", "fits as a standard error", "1.55"]),
        ("grim_economist", "m", "differs", ["290/49 = 5.918 or 291/49 = 5.939", "Only cut off"]),
        ("ireland_2021b", "skin.pc", "matches", ["12/44 = 27.273 %", "cut off; abstract is otherwise rounded half up"]),
        ("kaiser_2015", "nsaid.ok", "ambiguous", ["23/41 = 56.1 %", "It fits n = 37", "21/37 = 56.76 %", "37 patients (from 4"]),
        ("kaiser_2015", "multi", "matches", ["41 patients, less 4 “Diagnosis: unifocal cno” and 4 “Diagnosis: sapho”, leave 33"]),
        ("toy_trunc", "a.m", "differs", ["723/27 = 26.778", "Only cut off"]),
        ("fa_timepoints", "r6", "stated", ["Read as at 6 months"]),
    ],
)  # fmt: skip
def test_a_reason_gives_the_numbers_and_a_hint(audit_case, name, claim, verdict, parts):
    found = audit_case(name)[claim]
    assert found.verdict == verdict
    for part in parts:
        assert part in found.reason


@pytest.mark.parametrize(
    ("name", "assumed"),
    [
        ("adults", ["age_diagnosis", "age_onset", "diagnostic_delay"]),
        ("fa_age_limits", ["age_treatment"]),
        ("fa_median_delay", ["age_diagnosis", "diagnostic_delay", "follow_up"]),
        ("fa_wbc", ["platelets", "white_blood_cells"]),
        ("ma_2022", ["diagnostic_delay"]),
        ("toy_score", []),
    ],
)
def test_a_finer_digit_or_a_value_beyond_a_limit_is_said_once(read_case, name, assumed):
    assumptions = Readings(*read_case(name)).assumptions
    assert sorted(a.name for a in assumptions) == assumed
    for assumption in assumptions:
        assert assumption.sentence.count(" is printed (") == 1
        assert "the codebook assumes" in assumption.sentence


def test_one_spoiled_count_accuses_that_count_alone(sag):
    study, audited = sag
    claims = [
        replace(c, printed="14", number=rounding.parse_printed("14")) if c.claim_id == SPOILED else c
        for c in study.claims
    ]
    before, after = (
        {a.claim.claim_id for a in each if a.verdict in ACCUSED}
        for each in (audited, audit_jointly(replace(study, claims=tuple(claims))))
    )
    assert after - before == {SPOILED}


def test_a_number_that_is_printed_twice_does_not_outvote_another(write_study):
    rows = [
        f'{name},"{where}",own,{statistic},time_to_remission,remission,{printed},months,,'
        for name, where, statistic, printed in [
            ("one", "results, p1", "min", "6"),
            ("again", "discussion, p1", "min", "6"),
            ("other", "results, p2", "value", "2"),
        ]
    ]
    found = {a.claim.claim_id: a for a in audit_jointly(read_study.__wrapped__("small", write_study(*rows)))}
    assert [found[name].verdict for name in ("one", "again", "other")] == ["conflicts"] * 3
    for name in ("one", "again", "other"):
        assert "Nothing printed tells which of them is odd" in found[name].reason


def test_a_wrong_number_of_patients_is_accused_where_all_else_agrees(write_study):
    rows = [
        'n,"abstract, 1",own,count,everyone,,25,patients,,',
        'boys,"table, 1",own,count,male,,8,patients,,',
        'boys.pc,"table, 1",own,percent,male,,40,%,,',
        'girls,"table, 2",own,count,~male,,12,patients,,',
        'girls.pc,"table, 2",own,percent,~male,,60,%,,',
    ]
    study = read_study.__wrapped__("small", write_study(*rows, base=False))
    found = {a.claim.claim_id: a.verdict for a in audit_jointly(study)}
    assert {claim_id for claim_id, verdict in found.items() if verdict in ACCUSED} == {"n"}


def test_numbers_of_patients_accuse_nobody_of_those_who_are_not_listed(write_study):
    header = "claim_id,where,statistic,of,printed,unit"
    listed = 'who,"t, a",patients,spine,patients 2 and 20,patients'
    for n, verdict in ((25, "stated"), (20, "stated"), (19, "conflicts")):
        folder = write_study(f'n,"t, a",count,everyone,{n},patients', listed, header=header, base=False)
        verdicts = {
            a.claim.claim_id: a.verdict for a in audit_jointly(read_study.__wrapped__("small", folder))
        }
        assert verdicts == {"n": verdict, "who.count": "stated", "who.listed": "stated"}


def test_a_section_can_say_how_it_rounds(write_study, study_text):
    rows = [
        'm,"Table I, row 1",own,count,everyone,,15,patients,,',
        'k,"Table I, row 2",own,count,femur,,8,patients,,',
        'p,"Table I, row 2",own,percent,femur,,53.4,%,,',
    ]
    said = study_text + "rounding: {Table I: up}\n"
    for text, odd in ((study_text, True), (said, False)):
        study = read_study.__wrapped__("small", write_study(*rows, base=False, study=text))
        found = {a.claim.claim_id: a for a in audit_jointly(study)}["p"]
        assert (found.verdict, found.rule) == ("matches", "up")
        assert ("is otherwise" in found.reason and "100 - 46.6" in found.reason) == odd


def test_a_share_that_a_section_prints_in_two_ways_is_named(write_study):
    rows = [
        'm,"Table I, row 1",own,count,everyone,,15,patients,,',
        *(f'k{i},"Table I, row {i}",own,count,{of},,8,patients,,' for i, of in ((2, "femur"), (3, "tibia"))),
        'p2,"Table I, row 2",own,percent,femur,,53.3,%,,',
        'p3,"Table I, row 3",own,percent,tibia,,53.4,%,,',
    ]
    study = read_study.__wrapped__("small", write_study(*rows, base=False))
    found = {a.claim.claim_id: a for a in audit_jointly(study)}
    assert "The same share is printed as 53.4 (Table I, row 3)" in found["p2"].reason


def test_conflicts_are_those_of_the_ledger_and_say_under_which_reading(sag):
    study, audited = sag
    accused = {a.claim.claim_id for a in audited if a.verdict in ACCUSED}
    found = find_conflicts(study)
    assert found.is_complete
    assert accused <= {claim_id for conflict in found.found for claim_id in conflict.claim_ids}
    assert all(len(set(conflict.claim_ids)) == len(conflict.claim_ids) for conflict in found.found)
    of_dates = [conflict for conflict in found.found if "sag.abstract.window.end" in conflict.claim_ids]
    assert len(of_dates) == 1  # once without the follow-up that is longer, and once for each printed date
    assert {"sag.treatments.follow_up.max", "sag.abstract.window.start"} <= set(of_dates[0].claim_ids)


def test_a_wrong_number_of_patients_does_not_hide_how_a_study_rounds(write_study):
    rows = [
        *(f'n{i},"p{i}, line 1",own,count,everyone,,{n},patients,,' for i, n in enumerate((15, 15, 16))),
        'male,"Table I, row 1",own,count,male,,8,patients,,',
        'male.percent,"Table I, row 1",own,percent,male,,53.4,%,,',
        'pain.percent,"Table I, row 2",own,percent,bone_pain,,53.4,%,,',  # rounded up as the other
    ]
    study = read_study.__wrapped__("small", write_study(*rows, base=False))
    found = {a.claim.claim_id: a.verdict for a in audit_jointly(study)}
    assert found == dict.fromkeys(("n0", "n1"), "matches") | {
        "n2": "conflicts", "male": "matches", "male.percent": "matches", "pain.percent": "matches"
    }  # fmt: skip


@pytest.mark.parametrize("statistic", ["min", "median", "max"])
@pytest.mark.parametrize("printed", [("6", "7"), ("6.2", "6.3"), ("7.5", "6")])
def test_a_value_printed_in_two_ways_conflicts(write_study, statistic, printed):
    # 6.5 months are 6 cut off and 7 rounded, but a study that prints both has printed two numbers.
    rows = [
        f'd1,"results, p1",own,{statistic},diagnostic_delay,,{printed[0]},months,,',
        f'd2,"discussion, p1",own,{statistic},diagnostic_delay,,{printed[1]},months,,',
    ]
    study = read_study.__wrapped__("small", write_study(*rows))
    found = {a.claim.claim_id: a for a in audit_jointly(study)}
    assert {found[name].verdict for name in ("d1", "d2")} == {"conflicts"}
    assert f"{printed[1]} (discussion, p1)" in found["d1"].reason


@pytest.mark.parametrize("printed", [("6.8", "6"), ("6.5", "7"), ("6", "6.0")])
def test_a_value_printed_with_fewer_digits_is_one(write_study, printed):
    rows = [f'd{i},"results, p{i}",own,max,diagnostic_delay,,{p},months,,' for i, p in enumerate(printed)]
    study = read_study.__wrapped__("small", write_study(*rows))
    assert {a.verdict for a in audit_jointly(study) if a.claim.claim_id[0] == "d"} <= {"stated", "matches"}


def test_a_number_without_a_unit_leaves_no_gap_in_a_sentence(write_study):
    rows = ("s,t,own,sum,n_lesions,,18,,,", "m,t,own,mean,n_lesions,,3.6,,,")
    rows = ("n,t,own,count,everyone,,10,patients,,", *rows)
    study = read_study.__wrapped__("small", write_study(*rows, base=False))
    reasons = {a.claim.claim_id: a.reason for a in audit_jointly(study)}
    assert "leave exactly 1.8 as mean “Lesions”" in reasons["m"]


def test_no_sentence_speaks_of_one_patients(sag):
    for a in sag[1]:
        for words in (" 1 patients", "one patients", "steps of 1 "):
            assert words not in a.reason
