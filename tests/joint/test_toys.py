"""A hundredth of `benchmarks/toys.py`: the joint model against every table of patients there is."""

import importlib.util
import random
import sys

import pytest

from crmo_analysis import files

SPEC = importlib.util.spec_from_file_location("toys", files.ROOT / "benchmarks" / "toys.py")
toys = importlib.util.module_from_spec(SPEC)
sys.modules["toys"] = toys
SPEC.loader.exec_module(toys)


@pytest.mark.parametrize("part", range(10))
def test_answers_about_small_studies_are_those_of_all_tables(part):
    for place in range(part, 100, 10):
        rng = random.Random(f"3 {place}")
        toy = toys.a_toy(rng, 0.5)
        assert toys.judged(toy, rng) == [], toys.told(toy)


@pytest.mark.parametrize("place", [12, 14, 49])
def test_cells_of_ages_that_are_out_of_order_hold_nobody(place):
    rng = random.Random(f"301 {place}")
    toy = toys.a_toy(rng, 0.5, 0.1)
    assert toys.judged(toy, rng) == []


@pytest.mark.parametrize("seed_and_place", ["77 44", "77 185", "47 632", "48 901"])
def test_what_is_forced_beside_an_sd_matches(seed_and_place):
    rng = random.Random(seed_and_place)
    toy = toys.a_toy(rng, 0.5)
    assert toys.wrong_verdicts(toy, toys.audit_jointly(toy.study(), toys.CODEBOOK)) == []


def _toy(n, *claims):
    """Return a toy of n patients that prints these claims: a statistic, of what, among whom, a number."""
    said = tuple((statistic, of, toys.Group(among, None), None) for statistic, of, among, _ in claims)
    return toys.Toy((), n, said, tuple(claim[-1] for claim in claims), ()).study()


@pytest.mark.parametrize(
    "claims",
    [
        (("percent", "~b", "kind != blue", "0"), ("count", "kind != red | b", "", "0")),
        (("percent", "~b", "kind != blue", "100"), ("count", "kind != blue", "", "0")),
        (("percent", "a", "b", "0"), ("count", "a", "b", "0"), ("count", "~b", "", "3")),
        (("mean", "x", "b", "0.0"), ("sum", "x", "b", "0.0"), ("count", "~b", "", "3")),
        (("sd", "x", "b", "0.0"), ("count", "~b", "", "2")),
    ],
)
def test_a_group_that_others_leave_empty_has_no_percentage_mean_or_sd(claims):
    study = _toy(3, *claims)
    verdicts = {a.claim.claim_id: a.verdict for a in toys.audit_jointly(study, toys.CODEBOOK)}
    assert verdicts["c1"] in ("differs", "conflicts")
    found = toys.find_conflicts(study, codebook=toys.CODEBOOK)
    assert found.is_complete
    assert all("c1" in conflict.claim_ids for conflict in found.found) and found.found


@pytest.mark.parametrize(
    ("n", "claims", "verdicts"),
    [
        # 39, 0 and 52 have an SD of 26.99; beside 52 and 0, four with at most 39 have at most 26.7
        (
            3,
            (("min", "v", "", "0.0"), ("sd", "v", "", "27.06"), ("sum", "v", "v >= 40", "52.0")),
            ["matches", "matches", "stated", "stated"],
        ),
        # 5, 11 and 44 alone
        (3, (("mean", "v", "", "20.00"), ("min", "v", "", "5.0"), ("median", "v", "", "11.0"), ("sd", "v", "", "21.00")),
         ["stated", "matches", "matches", "matches", "matches"]),
        # what all others leave of the median of all, by those of its two parts
        (6, (("median", "x", "~a", "1.00"), ("median", "x", "a", "1.0"), ("median", "x", "", "1.00")),
         ["stated", "stated", "stated", "matches"]),
        # two that lie 13 apart have an SD of 9.19, two that lie 35 apart one of 24.75
        (2, (("sd", "v", "", "24.7"), ("max", "v", "", "41.0"), ("sd", "v", "", "9.2")),
         ["stated", "conflicts", "stated", "conflicts"]),
    ],
)  # fmt: skip
def test_nothing_is_left_open_of_a_few_patients_with_an_sd(n, claims, verdicts):
    assert [a.verdict for a in toys.audit_jointly(_toy(n, *claims), toys.CODEBOOK)] == verdicts


def test_nobody_by_one_variable_and_by_another_are_said_at_once():
    # Both counts say the same, so they hang together, though they share no variable.
    study = _toy(2, ("sd", "w", "", "0.00"), ("count", "w < 0", "", "0"), ("count", "a & ~a", "", "0"))
    found = toys.find_bounds(toys.fit(study, toys.CODEBOOK), "count(a)")
    assert (found.lower.value, found.upper.value, found.is_proved) == (0, 2, True)
