"""Every command of the pages, and of every `--help`, runs as it stands, in order, with files that are shipped."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from crmo_analysis import files
from crmo_analysis.commands import main

PAGES = [
    "README.md",
    "CONTRIBUTING.md",
    *sorted(f"docs/{path.name}" for path in (files.ROOT / "docs").glob("*.md")),
]
# `make` is tried in a fresh clone; a cluster is not here.
ELSEWHERE = (
    "make ",
    "sbatch ",
    "pip ",
    "python3 -m venv",
    ".venv/bin/python -m pip",
    ".venv/bin/jupyter lab",
    ".venv/bin/dask ",
)
REFUSED = "--skeleton"  # a file without a mapping: problems are found, and exit code 2 says so


def commands(page):
    """List the commands of a page: the lines of its blocks, without comments."""
    blocks = re.findall(r"^```sh\n(.*?)^```", (files.ROOT / page).read_text(encoding="utf-8"), re.M | re.S)
    lines = [line.partition("  #")[0].strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line and not line.startswith(ELSEWHERE) and "--cluster" not in line]


def leaves(group, path="crmo"):
    """List the names of all commands, with those of groups before them."""
    for name, command in group.commands.items():
        yield from (
            leaves(command, f"{path} {name}") if isinstance(command, click.Group) else [f"{path} {name}"]
        )


def examples(command):
    """List the lines to try at the end of a command's help."""
    said = CliRunner().invoke(main, [*command.split()[1:], "--help"]).output
    return re.findall(r"^ +(crmo .*)$", said.partition("Examples:")[2], re.M)


@pytest.fixture(scope="module")
def rerun(tmp_path_factory):
    """Copy what git follows, beside the environment, and rerun it."""
    folder = tmp_path_factory.mktemp("pages") / "project"
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"],
        cwd=files.ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in listed.stdout.splitlines():
        if (files.ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(files.ROOT / name, folder / name)
    programs = folder / ".venv" / "bin"
    programs.mkdir(parents=True)
    for name in ("crmo", "papermill", "pytask"):
        (programs / name).symlink_to(Path(sys.prefix) / "bin" / name)
    run(folder, ".venv/bin/crmo reproduce")
    return folder


@pytest.fixture
def project(rerun, tmp_path):
    """Copy a rerun project, as a reader has it after the first command."""
    return shutil.copytree(rerun, tmp_path / "project", symlinks=True)


def run(folder, line):
    """Run a line as a shell would, with the package of that folder."""
    done = subprocess.run(
        ["bash", "-c", line],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), "CRMO_STORE": ""},
        capture_output=True,
        text=True,
        timeout=900,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == (2 if REFUSED in line else 0), (
        f"{line}\n{done.stdout[-2000:]}{done.stderr[-4000:]}"
    )
    assert "Traceback" not in done.stderr, line


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in PAGES if commands(page)])
def test_the_commands_of_a_page_run_in_order(page, project):
    for line in commands(page):
        run(project, line)


@pytest.mark.slow
def test_the_examples_of_all_commands_run(project):
    in_order = sorted(
        leaves(main), key=lambda name: (name != "crmo report", name == "crmo remove study", name)
    )
    for line in [line for command in in_order for line in examples(command)]:
        run(project, f".venv/bin/{line}" + " --yes" * line.startswith("crmo remove"))


@pytest.mark.parametrize("command", sorted(leaves(main)))
def test_every_command_has_an_example(command):
    assert examples(command)


def test_every_page_is_reached_from_the_readme():
    pages = [files.ROOT / "README.md"]
    for page in pages:
        for name in re.findall(r"\]\(([^)#:]+\.md)", page.read_text(encoding="utf-8")):
            found = (page.parent / name).resolve()
            assert found.is_file(), (page, name)
            pages += [found] if found not in pages else []
    assert {files.ROOT / page for page in PAGES} <= set(pages)


@pytest.mark.parametrize("module", ["planning", "paths", "compare", "audit"])
def test_a_module_of_the_first_version_names_its_room(module):
    with pytest.raises(ModuleNotFoundError, match="lists the doors"):
        __import__(f"crmo_analysis.{module}")


def test_what_never_was_is_not_found_as_ever():
    with pytest.raises(ModuleNotFoundError, match="No module named"):
        __import__("crmo_analysis.never_was")
