"""What is written in any way that clinics save tables is read as it was written, or refused: a seeded part."""

import importlib.util

import pytest

from crmo_analysis import files

SPEC = importlib.util.spec_from_file_location("dialects", files.ROOT / "benchmarks" / "dialects.py")
dialects = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(dialects)


@pytest.mark.parametrize("start", range(0, 300, 100))
def test_no_value_is_changed_without_a_word(start, tmp_path):
    outcomes = [dialects.tried(number, tmp_path)[0] for number in range(start, start + 100)]
    assert set(outcomes) <= {"read", "refused"}
    assert outcomes.count("read") > 80


def test_a_change_is_found(tmp_path):
    rows = [{"patient": "1", "crp": 0.5}, {"patient": "2", "crp": 1.5}]
    assert dialects.compared(rows, b"patient,crp\n1,0.5\n2,1.5\n", "", tmp_path) == "read"
    assert dialects.compared(rows, b"patient,crp\n1,0.5\n2,1.6\n", "", tmp_path).startswith("row 2, crp: ")
    assert dialects.compared(rows, b"patient,crp\n1,0.5\n", "", tmp_path) == "1 patients in place of 2"
    assert dialects.compared(rows, b"patient,crp\n1,x\n2,1.5\n", "", tmp_path) == "refused"
