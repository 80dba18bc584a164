"""Medians of even numbers: what stands together does so in a table, what no table gives does not stand."""

import pytest

from crmo_analysis.joint import find_conflicts, fit
from crmo_analysis.joint.bounds import End
from crmo_analysis.joint.ledger import audit_jointly
from crmo_analysis.study import read_study

AGES = (("median", "age_onset", "", "9.2"), ("median", "age_diagnosis", "", "8.4"))


def _read(write_study, n, *said):
    """Read a study of n patients (None: it does not say) with rows of statistic, of, among and printed."""
    said = [("count", "everyone", "", str(n))] * (n is not None) + list(said)
    rows = [f'c{place},"t, a",{",".join(row)},patients' for place, row in enumerate(said)]
    rows = [row.replace(",patients", ",years") if "age" in row else row for row in rows]
    rows = [row.replace(",patients", ",months") if "delay" in row else row for row in rows]
    header = "claim_id,where,statistic,of,among,printed,unit"
    return read_study.__wrapped__("small", write_study(*rows, header=header, base=False))


@pytest.mark.parametrize("n", [2, 3, 4, 15, 30, None])
def test_nobody_is_diagnosed_before_the_disease_begins_in_the_middle_either(write_study, n):
    study = _read(write_study, n, *AGES)
    found = find_conflicts(study)
    assert found.is_complete
    of_ages = {"c0", "c1"} if n is None else {"c1", "c2"}  # whatever the number of patients
    assert [set(conflict.claim_ids) for conflict in found.found] == [of_ages]


@pytest.mark.parametrize(
    ("n", "said", "accused"),
    [
        (
            10,
            (("count", "male", "", "4"), ("median", "age_diagnosis", "", "9.2"),
             ("median", "age_diagnosis", "male", "5.0"), ("median", "age_diagnosis", "~male", "6.1")),
            {"c2", "c3", "c4"},
        ),
        (
            10,
            (("median", "age_diagnosis", "", "9.2"), ("median", "age_onset", "", "8.2"), ("max", "diagnostic_delay", "", "2")),
            {"c1", "c2", "c3"},
        ),
    ],
)  # fmt: skip
def test_middle_values_lie_among_those_of_the_parts_and_as_far_apart_as_patients(
    write_study, n, said, accused
):
    found = find_conflicts(_read(write_study, n, *said))
    assert found.is_complete
    assert [set(conflict.claim_ids) for conflict in found.found] == [accused]


def test_where_all_stand_together_there_is_a_table(write_study):
    said = [
        ("median", "age_diagnosis", "", "8.65"),
        ("median", "age_onset", "", "8.4"),
        ("count", "male", "", "2"),
    ]
    study = _read(write_study, 4, *said, ("median", "age_diagnosis", "male", "8.6"))
    found = find_conflicts(study)
    assert found.found == () and found.is_complete
    assert fit(study).given_up == ()


def test_a_mean_delay_between_two_medians_of_ages_leaves_nothing_open(write_study):
    said = [
        ("median", "age_diagnosis", "", "10.4"),
        ("min", "age_diagnosis", "", "3.9"),
        ("max", "age_diagnosis", "", "15.6"),
    ]
    study = _read(
        write_study,
        30,
        *said,
        ("mean", "diagnostic_delay", "", "14.2"),
        ("sd", "diagnostic_delay", "", "9.8"),
    )
    assert {a.verdict for a in audit_jointly(study)} == {"stated"}


@pytest.mark.parametrize(
    ("end", "lower", "upper"),
    [
        (End(3, True, None), "at least 3 (proved)", "at most 3 (proved)"),
        (End(3, False, None), "3 or less (not proved)", "3 or more (not proved)"),
        (End(3, False, None, False), "at least 3 (no table with it was found)", "at most 3 (no table with it was found)"),
    ],
)  # fmt: skip
def test_an_end_that_was_found_and_not_proved_limits_nothing(end, lower, upper):
    assert (end.told(True, "3"), end.told(False, "3")) == (lower, upper)
