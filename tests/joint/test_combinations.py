"""A hundredth of `benchmarks/combinations.py`: claims of every kind end in an answer or in a declared error."""

import importlib.util
import random
import sys

import pytest

from crmo_analysis import files

SPEC = importlib.util.spec_from_file_location("combinations", files.ROOT / "benchmarks" / "combinations.py")
combinations = importlib.util.module_from_spec(SPEC)
sys.modules["combinations"] = combinations
SPEC.loader.exec_module(combinations)

CHOSEN = random.Random(2).sample(combinations.combinations(), 206)


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    folder = tmp_path_factory.mktemp("combinations")
    return folder, combinations.begun(folder)


@pytest.mark.parametrize("part", range(10))
def test_what_a_file_of_claims_can_hold_ends_in_an_answer_or_a_declared_error(begun, part):
    folder, codebook = begun
    for statistic, of in CHOSEN[part::10]:
        rng = random.Random(f"3 {statistic} {of}")
        assert combinations.tried(combinations.drawn(statistic, of, codebook, rng), folder, codebook, rng)
