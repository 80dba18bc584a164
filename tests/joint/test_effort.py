"""Nothing hangs: effort counts all that is spent, and what is plain costs little."""

import csv
import io

import pytest

from crmo_analysis.joint.auditing import Court
from crmo_analysis.joint.numbers import of_everyone
from crmo_analysis.joint.solving import Effort, Model, solve
from crmo_analysis.joint.statements import divide, statements
from crmo_analysis.joint.witnesses import is_shown
from crmo_analysis.recompute import Readings
from crmo_analysis.study import read_study

STUDY = (
    "study: made_up\ntitle: Made up\ncitation: Made up 2026\nshort: Made up\ndesign: series\nquestion: none\n"
)
FIELDS = ("claim_id", "where", "about", "statistic", "of", "among", "printed", "unit", "method")


@pytest.fixture
def written(tmp_path):
    """Return a function that makes a study of statistics, each of what, among whom, as printed, in which unit."""

    def write(*rows):
        (tmp_path / "made_up").mkdir()
        (tmp_path / "made_up" / "study.yaml").write_text(STUDY, encoding="utf-8")
        text = io.StringIO()
        table = csv.writer(text, lineterminator="\n")
        table.writerow(FIELDS)
        for place, row in enumerate(rows):
            table.writerow([f"c{place}", "table 1", "own", *row, *[""] * (6 - len(row))])
        (tmp_path / "made_up" / "claims.csv").write_text(text.getvalue(), encoding="utf-8")
        return read_study("made_up", tmp_path)

    return write


def spent(study):
    """Return the verdicts of a study, and what was spent on them, in seconds of effort."""
    court = Court(study, study.codebook, None, 60)
    verdicts = {audited.claim.claim_id: audited.verdict for audited in court.verdicts()}
    return verdicts, (Effort(60).left - court.effort.left) / Effort(1).left


def test_what_is_spent_of_a_part_is_spent_of_the_whole():
    whole = Effort(60)
    part = whole.or_less(2)
    part.spend(part.left)
    assert (part.left, whole.left) == (0, pytest.approx(Effort(58).left))


def test_a_question_of_many_leaves_something_for_all_others():
    effort = Effort(60)
    for _ in range(200):
        part = effort.share(30)
        assert 0 < part.left <= effort.left / 8 + 1e-12
        part.spend(part.left)


def test_a_large_model_costs_more_than_a_small_one_though_both_are_solved_at_sight():
    costs = []
    for size in (10, 20_000):
        model, effort = Model(), Effort(60)
        for _ in range(size):
            model.new_int_var(0, 1, "")
        solve(model, effort)
        costs.append(Effort(60).left - effort.left)
    assert costs[1] > 50 * costs[0]
    before = effort.left
    solve(model, effort)
    assert before - effort.left < costs[1] / 10  # it is made once


LISTS = [
    ("count", "everyone", "", "6", "patients"),
    ("values", "age_onset", "", "4.5; 13.3; 8.8; 7.3; 7.8; 4.3", "years", "by patient"),
    ("values", "diagnostic_delay", "", "21; 16; 1; 30; 39; 32", "months", "by patient"),
]


def test_ages_and_times_listed_by_patient_are_not_combined_where_any_time_goes_with_any_age(written):
    view = Readings(written(*LISTS)).views({})["own"]
    [plan] = divide([s for s in statements(view)[0] if not of_everyone(s)], view)
    assert max(len({"age_onset", "diagnostic_delay"} & {*bag.names}) for bag in plan.part.bags) == 1


def test_ages_and_times_listed_by_patient_are_combined_where_some_do_not_go_together(written):
    # Diagnosed at 17.9 after 39 months at most, nobody fell ill at 4.3.
    said = ("min", "age_diagnosis", "", "17.9", "years")
    view = Readings(written(*LISTS, said)).views({})["own"]
    [plan] = divide([s for s in statements(view)[0] if not of_everyone(s)], view)
    assert any({"age_onset", "diagnostic_delay"} <= {*bag.names} for bag in plan.part.bags)


def test_a_mean_of_a_group_of_nobody_knows_how_many_is_decided_with_little_effort(written):
    study = written(
        ("count", "everyone", "", "10", "patients"),
        ("count", "male", "", "5", "patients"),
        ("mean", "diagnostic_delay", "male", "12", "months"),
        ("mean, sd", "age_onset", "", "9.0 ± 2.0", "years"),
        ("mean, sd", "age_diagnosis", "", "10.0 ± 2.0", "years"),
        ("mean", "age_diagnosis", "fever", "10", "years"),
    )
    verdicts, effort = spent(study)
    assert {*verdicts.values()} == {"stated"}
    assert effort < 1


@pytest.mark.slow
def test_what_is_open_of_sds_leaves_effort_for_the_others(written):
    study = written(
        ("count", "everyone", "", "10", "patients"),
        ("sd", "diagnostic_delay", "", "12", "months"),
        ("mean, sd", "age_onset", "", "9.0 ± 2.0", "years"),
        ("mean, sd", "age_diagnosis", "", "10.0 ± 5.0", "years"),
    )
    verdicts, effort = spent(study)
    sds = {name for name, verdict in verdicts.items() if verdict == "conflicts"}
    assert sds == {"c1", "c2.sd", "c3.sd"}
    assert {verdict for name, verdict in verdicts.items() if name not in sds} == {"stated"}
    assert effort < 30


def test_smallest_and_largest_of_groups_are_shown_beside_means_and_sds(written):
    # A solver alone left the SDs of such a table open.
    study = written(
        ("count", "everyone", "", "52", "patients"),
        ("count", "multifocal", "", "38", "patients"),
        ("mean, sd", "age_onset", "", "8.9 (2.9)", "years"),
        ("mean, sd", "age_onset", "~multifocal", "9.3 (2.5)", "years"),
        ("mean, sd", "age_onset", "multifocal", "8.8 (3.0)", "years"),
        ("median, min, max", "crp", "", "8.9 (1.3–52.4)", "mg/l"),
        ("median, min, max", "crp", "~multifocal", "7.3 (1.7–27.4)", "mg/l"),
        ("median, min, max", "n_lesions", "", "5 (1–11)", "lesions"),
        ("median, min, max", "n_lesions", "~multifocal", "1 (1–1)", "lesions"),
        ("median, min, max", "n_lesions", "multifocal", "6 (3–11)", "lesions"),
    )
    view = Readings(study).views({})["own"]
    [plan] = divide([s for s in statements(view)[0] if not of_everyone(s)], view)
    assert is_shown(plan, plan.statements, view, 52, Effort(1), is_soon=True)
