"""The order in which Python keeps a set differs between runs; no verdict does."""

import os
import subprocess
import sys

import pytest

from crmo_analysis import files

PAPER = files.DATA / "example" / "paper"


@pytest.mark.parametrize("study", ["hospach_2010", str(PAPER)], ids=["hospach_2010", "paper"])
def test_verdicts_are_the_same_under_every_seed_of_hashes(study):
    said = set()
    for seed in ("1", "2", "3"):
        done = subprocess.run(
            [sys.executable, "-m", "crmo_analysis", "--no-store", "audit", study, "--format", "csv"],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        said.add(done.stdout)
    assert len(said) == 1
    assert "unfinished" not in said.pop()
