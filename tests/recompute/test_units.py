"""Numbers of lesions, scans, courses and eyes against what the patients have of them."""

import pytest

from crmo_analysis.files import InputError
from crmo_analysis.joint.ledger import audit_jointly
from crmo_analysis.study import read_study

HEAD = "claim_id,where,about,statistic,of,among,printed,unit\nn,t,own,count,everyone,,31,patients\n"
FACTS = """study: {name}
title: T
short: T
citation: C
design: D
question: Q
units: {{lesions: all lesions, eyes: affected eyes, courses: courses of pamidronate}}
variables:
  n_eyes: {{label: Eyes, type: integer, unit: eyes, step: 1, minimum: 0, maximum: 2}}
  n_courses: {{label: Courses, type: integer, unit: courses, step: 1, minimum: 0}}
"""


def verdicts(folder, rows):
    (folder / "study.yaml").write_text(FACTS.format(name=folder.name))
    (folder / "claims.csv").write_text(HEAD + rows)
    return {a.claim.claim_id: a for a in audit_jointly(read_study.__wrapped__(str(folder)))}


@pytest.mark.parametrize(
    ("own", "unit", "right", "wrong"),
    [
        ("m,t,own,mean,n_lesions,,3.48,lesions", "lesions", 108, 180),  # 108/31 = 3.484
        ("m,t,own,sum,n_lesions,,108,lesions", "lesions", 108, 180),
        ("m,t,own,max,n_lesions,,5,lesions", "lesions", 108, 180),
        ("m,t,own,mean,n_eyes,,1.45,eyes", "eyes", 45, 54),  # 45/31 = 1.452
        ("m,t,own,min,n_courses,,3,courses", "courses", 97, 79),
    ],
)
def test_a_wrong_total_is_named_with_its_opponent(tmp_path, own, unit, right, wrong):
    for number, is_right in ((right, True), (wrong, False)):
        found = verdicts(tmp_path, f"{own}\ntotal,t,{unit},count,everyone,,{number},\n")
        flagged = {name for name, each in found.items() if each.verdict in ("differs", "conflicts")}
        assert flagged == (set() if is_right else {"m", "total"})
        assert is_right or ("m" in found["total"].related and str(number) in found["m"].reason)


def test_a_mean_differs_from_a_sum_that_is_named(tmp_path):
    found = verdicts(tmp_path, "m,t,own,mean,n_lesions,,3.48,lesions\ns,t,own,sum,n_lesions,,180,lesions\n")
    assert {i: a.verdict for i, a in found.items() if a.verdict in ("differs", "conflicts")} == {
        "m": "differs"
    }
    assert "s" in found["m"].related


def test_totals_of_a_group_are_held_against_that_group_alone(tmp_path):
    rows = "b,t,own,count,male,,11,patients\nm,t,own,mean,n_lesions,male,4.0,lesions\n"
    found = verdicts(
        tmp_path, rows + "l,t,lesions,count,everyone,,108,\nx,t,lesions,count,everyone,male,44,\n"
    )
    assert (found["l"].verdict, found["x"].verdict) == ("stated", "matches")


def test_a_count_of_lesions_is_no_count_of_patients(tmp_path):
    with pytest.raises(InputError, match="write 'lesions' in column about"):
        verdicts(tmp_path, "l,t,own,count,everyone,,108,lesions\n")


def test_a_number_in_another_unit_is_named_with_it(tmp_path):
    rows = 'q,t,own,"quartile_1, quartile_3",diagnostic_delay,,4.0–16.0,months\n'
    rows += "m,t,own,max,diagnostic_delay,,7.2,years\n"
    assert "Not above the maximum of 7.2 years." in verdicts(tmp_path, rows)["q.quartile_3"].reason
