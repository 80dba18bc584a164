"""Tables that are found by moving values, and what is decided by them: means, SDs and times together."""

import pytest

from crmo_analysis import files
from crmo_analysis.files import UnfinishedError
from crmo_analysis.joint import blocks, choices, ledger
from crmo_analysis.joint.conflicts import find_conflicts
from crmo_analysis.joint.denial import tables_without
from crmo_analysis.joint.drawing import read_off
from crmo_analysis.joint.fitting import fit
from crmo_analysis.joint.numbers import of_everyone
from crmo_analysis.joint.solving import Effort, solve
from crmo_analysis.joint.statements import divide, statements
from crmo_analysis.joint.witnesses import is_shown
from crmo_analysis.recompute import Readings
from crmo_analysis.study import read_study


def verdicts(study, codebook):
    return {audited.claim.claim_id: audited for audited in ledger.audit_jointly(study, codebook)}


@pytest.fixture
def shown(read_case):
    """Return a function that says whether a case is shown to stand by moving values, perhaps without a claim."""

    def show(name, changed=(), denied=""):
        fitted = fit(*read_case(name, changed))
        stated = [s for s in fitted.kept if s.claims[0].patients is None]
        [plan] = divide(stated, fitted.view)
        odd = next((s for s in plan.statements if denied in s.claim_ids), None)
        kept = [s for s in plan.statements if s is not odd]
        return is_shown(plan, kept, fitted.view, fitted.n, Effort(10), odd, is_soon=True)

    return show


@pytest.mark.parametrize("denied", ["", "on.mean", "on.sd", "dx.mean", "dx.sd", "de.mean", "de.sd"])
def test_two_ages_and_the_time_between_are_shown_with_mean_and_sd_of_each(shown, denied):
    assert shown("ages_and_delay", denied=denied)


def test_means_and_sds_of_ages_and_the_time_between_are_decided(read_case):
    found = verdicts(*read_case("ages_and_delay"))
    assert {audited.verdict for audited in found.values()} == {"stated"}


@pytest.mark.slow
def test_a_mean_time_that_is_not_between_the_mean_ages_is_named(read_case):
    # 12 (9.7 - 8.2) are 18 months; rounding of means and values hides no 10.
    study, codebook = read_case("ages_and_delay", [("18.0 ± 14.0", "28.0 ± 14.0")])
    found = verdicts(study, codebook)
    assert {name for name, a in found.items() if a.verdict == "conflicts"} == {
        "on.mean",
        "dx.mean",
        "de.mean",
    }


@pytest.mark.slow
def test_an_sd_that_those_of_its_parts_exclude_is_named(read_case):
    # 8 x 17.6² + 7 x 17.3² alone are 4,573; 16 x 12.9² are 2,663.
    study, codebook = read_case("sds_of_groups", [("25.2 ± 16.9", "25.2 ± 12.9")])
    found = verdicts(study, codebook)
    accused = {name for name, audited in found.items() if audited.verdict == "conflicts"}
    assert accused == {"m.b.sd", "m.g.sd", "m.a.sd"}
    assert any(accused <= {*each.claim_ids} for each in find_conflicts(study, codebook=codebook).found)


def test_the_largest_value_of_one_group_follows_beside_medians(read_case):
    found = verdicts(*read_case("medians_of_groups"))
    assert (found["q.b.max"].verdict, found["q.g.max"].verdict) == ("matches", "stated")


def test_what_others_leave_of_a_mean_is_told_beside_it(read_case):
    study, codebook = read_case("fa_mean_sum_wrong")
    told = [a for a in ledger.audit_jointly(study, codebook) if a.verdict == "differs"]
    assert [a.claim.statistic for a in told] == ["mean"] and told[0].recomputed


def ages(study_and_codebook):
    found = verdicts(*study_and_codebook)
    return {name for name, audited in found.items() if audited.verdict == "conflicts"}


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ([], set()),
        ([("8 (3–14)", "8 (2–14)")], {"a.min", "b.min"}),
        ([("8 (3–14)", "8 (3–7)")], {"b.median", "b.max"}),
    ],
)
def test_values_out_of_order_are_named_though_two_rules_of_rounding_could_print_them(
    read_case, changed, named
):
    assert ages(read_case("ages_of_groups", changed)) == named


@pytest.mark.parametrize(("printed", "is_known"), [("9.7 ± 5.0", True), ("9.7 ± 3.2", False)])
def test_sds_that_are_no_sides_of_a_triangle_are_known_before_anything_is_solved(
    read_case, monkeypatch, printed, is_known
):
    def solved(*_, **__):
        raise UnfinishedError("nothing is solved here")

    study, codebook = read_case("ages_and_delay", [("9.7 ± 2.4", printed)])
    for module in (choices, blocks):
        monkeypatch.setattr(module, "solve", solved)
    monkeypatch.setattr(blocks, "is_possible", solved)
    monkeypatch.setattr(choices, "is_shown", lambda *_, **__: False)
    found = verdicts(study, codebook)
    accused = {name for name, audited in found.items() if audited.verdict == "conflicts"}
    assert accused == ({"on.sd", "dx.sd", "de.sd"} if is_known else set())
    listed = find_conflicts(study, codebook=codebook)
    assert [{*each.claim_ids} for each in listed.found] == [{"on.sd", "dx.sd", "de.sd"}] * is_known
    assert not listed.is_complete


@pytest.mark.parametrize(
    "rows",
    [
        ("a,r,own,max,follow_up,spine,16.0,months,,", "b,r,own,max,follow_up,,1.3,years,,"),
        ("a,r,own,max,follow_up,spine,16,months,,", "b,r,own,max,follow_up,,1,years,,"),
        ("a,r,own,min,follow_up,,2,years,,", "b,r,own,median,follow_up,,21,months,,"),
        ("a,r,own,max,follow_up,,16.0,months,,", "b,r,own,max,follow_up,,1.3,years,,"),
    ],
)
def test_values_in_two_units_can_be_rounded_by_two_rules(write_study, rows):
    study = read_study("small", write_study(*rows), files.CODEBOOK)
    found = verdicts(study, study.codebook)
    assert not {found[name].verdict for name in "ab"} & {"conflicts", "differs"}


def test_a_mean_of_a_group_without_a_printed_size_is_shown(read_case):
    changed = [("de,results", "fe,results,mean,age_diagnosis,fever,10,years\nde,results")]
    study, codebook = read_case("ages_and_delay", changed)
    [view] = Readings(study, codebook).views({}).values()
    [plan] = divide([s for s in statements(view)[0] if not of_everyone(s)], view)
    assert is_shown(plan, plan.statements, view, 20, Effort(10), is_soon=True)


def test_of_what_nothing_was_demanded_no_sum_is_read_from_a_solution(write_study):
    """A solver that is asked for a number which it did not know gives whatever stands in memory."""
    rows = ("n,t,own,count,everyone,,20,patients,,", "m,t,own,mean,n_lesions,,4.5,lesions,,")
    study = read_study.__wrapped__("small", write_study(*rows, base=False))
    view = Readings(study).views({})["own"]
    [plan] = divide([s for s in statements(view)[0] if not of_everyone(s)], view)
    for chosen in ((), plan.statements):
        tables = tables_without(plan, 20, {*chosen}, None)
        _, solved = solve(tables.model, Effort(10))
        assert read_off(tables, solved).sums.keys() == ({"n_lesions"} if chosen else set())
