"""Whole studies with a known answer: `cases` holds each as a folder, with what it adds to the codebook."""

from fractions import Fraction

import pytest

from crmo_analysis.joint import ledger
from crmo_analysis.joint.bounds import find_bounds
from crmo_analysis.joint.conflicts import find_conflicts
from crmo_analysis.joint.fitting import fit
from crmo_analysis.joint.reconstruction import broken, reconstruct


def test_loss_of_function_is_told_of_all_with_back_pain(read_case):
    fitted = fit(*read_case("toy_known"))
    found = find_bounds(fitted, "count(back_pain)")
    assert (fitted.given_up, found.lower.value, found.upper.value, found.is_proved) == ((), 5, 5, True)


def test_four_hundred_claims_of_two_hundred_patients_fit(read_case):
    fitted = fit(*read_case("scale_400_claims"), seconds=10)
    assert (fitted.n, fitted.given_up, fitted.others) == (200, (), ())


def test_the_one_wrong_number_of_four_hundred_is_named_alone(read_case):
    wrong = [("sign5,male,30,", "sign5,male,33,")]
    fitted = fit(*read_case("scale_400_claims", wrong), seconds=20)
    assert (fitted.given_up_ids, fitted.others) == (("sign5.male",), ())


def test_conflicts_of_four_hundred_claims_have_the_wrong_one_in_common_alone(read_case):
    study, codebook = read_case("scale_400_claims", [("sign5,male,30,", "sign5,male,33,")])
    found = find_conflicts(study, codebook=codebook)
    members = [set(conflict.claim_ids) for conflict in found.found]
    assert (found.is_complete, set.intersection(*members)) == (True, {"sign5.male"})


@pytest.mark.parametrize("name", ["toy_rai", "toy_rinbo"])
def test_a_score_without_a_maximum_is_audited_and_a_table_made(read_case, name):
    study, codebook = read_case(name)
    assert ledger.audit_jointly(study, codebook)
    fitted = fit(study, codebook)
    [table] = reconstruct(fitted)
    assert broken(fitted, table) == []


def test_a_trial_is_solved_one_measurement_after_the_other(read_case):
    # Counts by arm and the arms themselves are printed, so nothing else ties pain to CRP or to the next visit.
    fitted = fit(*read_case("two_arms"))
    found = [find_bounds(fitted, of, witnesses=False) for of in ("mean(vas)", "mean(vas among male)")]
    ends = [(end.lower.value, end.upper.value, end.is_proved) for end in found]
    # 24 pains of one arm add up to 1,310 or 1,311, of the other to 1,432 to 1,434.
    assert ends[0] == (Fraction(2742, 48), Fraction(2745, 48), True) and ends[1][2]
    [table] = reconstruct(fitted)
    assert broken(fitted, table) == []


@pytest.mark.parametrize(
    ("among", "most"), [(" among group == placebo", 197), pytest.param("", 202, marks=pytest.mark.slow)]
)
def test_middle_values_of_a_trial_are_bounded(read_case, among, most):
    # 13 of one arm and 12 of the other reach 2.026 at most, where those above and those below are as equal as can
    # be; of the placebo arm alone, 13 of 24 reach 1.97.
    found = find_bounds(fit(*read_case("two_arms")), f"median(crp{among})")
    assert (found.upper.value, found.is_proved) == (Fraction(most, 100), True)


def test_a_middle_value_of_two_hundred_is_bounded_with_little_effort(read_case):
    found = find_bounds(fit(*read_case("two_hundred")), "median(vas)", seconds=10)
    assert (found.lower.value, found.upper.value, found.is_proved) == (42, 72, True)


def test_sizes_of_four_arms_follow_from_each_other_beside_means_and_sds(read_case):
    found = {a.claim.claim_id: a.verdict for a in ledger.audit_jointly(*read_case("four_arms"))}
    assert {found[name] for name in ("n", "p.n", "q.n", "r.n", "s.n")} == {"matches"}
    assert "unfinished" not in found.values()
