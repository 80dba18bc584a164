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


@pytest.mark.parametrize("place", [44, 185])
def test_an_sd_that_others_leave_no_choice_matches(place):
    rng = random.Random(f"77 {place}")
    toy = toys.a_toy(rng, 0.5)
    assert toys.wrong_verdicts(toy, toys.audit_jointly(toy.study(), toys.CODEBOOK)) == []
