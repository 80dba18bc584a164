"""Everything that reads a file or an expression takes broken input with its declared errors, and nothing else."""

import importlib.util
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crmo_analysis import files

SPEC = importlib.util.spec_from_file_location("fuzz", files.ROOT / "benchmarks" / "fuzz.py")
fuzz = importlib.util.module_from_spec(SPEC)
sys.modules["fuzz"] = fuzz
SPEC.loader.exec_module(fuzz)

PIECES = st.one_of(st.sampled_from(fuzz.NASTY), st.binary(max_size=8), st.text(max_size=8).map(str.encode))
NAMES = [
    *("expression", "question", "printed", "date", "cohort", "mapping", "responses", "grid", "notebook"),
    *("lesions", "excel", "parquet", "outline", "release", "claims", "study"),
]


@pytest.fixture(scope="module")
def targets(tmp_path_factory):
    return fuzz.targets(tmp_path_factory.mktemp("inputs"))


def test_every_reader_is_tried(targets):
    assert list(targets) == NAMES


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(data=st.data())
def test_broken_input_is_refused_with_a_declared_error(targets, name, data):
    target = targets[name]
    content = data.draw(st.sampled_from(target.seeds))
    for place, length, piece in data.draw(
        st.lists(st.tuples(st.floats(0, 1), st.integers(0, 30), PIECES), max_size=4)
    ):
        start = int(place * len(content))
        content = content[:start] + piece + content[start + length :]
    try:
        target.read(content)
    except target.declared as error:
        assert str(error).strip()
