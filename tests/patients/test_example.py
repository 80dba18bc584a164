"""The example registry is what its script makes, its mapping settles it, and the README's commands run on it."""

import importlib.util
import re
import shlex

import pytest
from click.testing import CliRunner

from crmo_analysis import files
from crmo_analysis.commands import main
from crmo_analysis.patients import read_cohort

SPEC = importlib.util.spec_from_file_location("example", files.ROOT / "tools" / "example.py")
example = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(example)
README = (files.ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = re.findall(
    r"^\.venv/bin/crmo ((?:validate|compare|report|redcap) .*?)(?:  .*)?$", README, re.MULTILINE
)


def test_the_files_are_what_the_script_makes(tmp_path, monkeypatch):
    monkeypatch.setattr(example, "FOLDER", tmp_path)
    example.main()
    for path in tmp_path.iterdir():
        assert path.read_bytes() == (files.DATA / "example" / path.name).read_bytes()


def test_the_mapping_settles_what_the_files_leave_open():
    folder = files.DATA / "example"
    cohort = read_cohort(folder / "registry.csv", folder / "map.yaml", lesions=folder / "lesions.csv")
    assert not cohort.errors
    assert len(cohort.patients) == example.N
    assert cohort.is_reconstructed
    assert read_cohort(folder / "registry.csv").errors


def test_the_readme_has_commands_on_the_example():
    assert len(COMMANDS) == 5


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_the_readme_runs_as_it_stands(command, tmp_path, monkeypatch):
    monkeypatch.chdir(files.ROOT)
    words = [word.replace("results/", f"{tmp_path}/") for word in shlex.split(command)]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == (2 if "--skeleton" in words else 0), result.output
    assert any(tmp_path.iterdir()) or "read as lesions" in result.output
