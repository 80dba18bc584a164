"""What other systems lack or do otherwise, simulated on this one: no fork, ports for sockets, files in use, drives."""

import json
import os
import sys
from pathlib import Path, PureWindowsPath
from types import SimpleNamespace

import pytest

from crmo_analysis.execution import NotebookFailed, execute, rerun_command, running, warm
from crmo_analysis.files import write_text_atomically
from crmo_analysis.store import SWITCH, kept, manifest


def write_notebook(path, *sources):
    cells = [
        {"cell_type": "code", "id": f"c{place}", "metadata": {}, "source": source, "outputs": []}
        | {"execution_count": None}
        for place, source in enumerate(sources)
    ]
    path.write_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    return path


@pytest.fixture
def elsewhere(monkeypatch):
    """Return a function that lets what starts kernels believe that it is on another system."""

    def believe(platform):
        warm.stop()
        warm.kernel_manager_class.cache_clear()
        monkeypatch.setattr(warm, "sys", SimpleNamespace(platform=platform, executable=sys.executable))

    yield believe
    warm.kernel_manager_class.cache_clear()


@pytest.mark.slow
@pytest.mark.parametrize(("platform", "transport"), [("darwin", "ipc"), ("win32", "tcp")])
def test_where_nothing_is_forked_kernels_start_the_ordinary_way(tmp_path, elsewhere, platform, transport):
    elsewhere(platform)
    assert warm.start() is None
    connection = "from ipykernel.connect import get_connection_file\nimport json\n"
    connection += "print(json.load(open(get_connection_file()))['transport'])"
    done = execute(write_notebook(tmp_path / "ä b.ipynb", connection), out=tmp_path / "out")
    [output] = json.loads(done.executed.read_text(encoding="utf-8"))["cells"][0]["outputs"]
    assert output["text"] == [f"{transport}\n"]


def test_a_file_that_another_program_holds_stays_and_is_named(tmp_path, monkeypatch):
    def held(source, target):
        raise PermissionError(13, "The process cannot access the file", str(target))

    notebook, place = write_notebook(tmp_path / "a.ipynb", "1"), tmp_path / "out" / "a.ipynb"
    write_text_atomically(place, "as it was")
    monkeypatch.setattr(os, "replace", held)
    with pytest.raises(
        NotebookFailed, match=r"the writing of its results[^/]*\n.*cannot access the file: .*a\.ipynb"
    ):
        execute(notebook, out=tmp_path / "out")
    assert {path.name: path.read_text() for path in place.parent.iterdir()} == {"a.ipynb": "as it was"}


def test_what_is_kept_needs_no_locks(tmp_path, monkeypatch):
    monkeypatch.setenv(SWITCH, str(tmp_path))
    monkeypatch.setitem(sys.modules, "fcntl", None)
    made = []
    for _ in range(2):
        assert kept("test", [1], "", lambda: made.append(1) or [2]) == [2]
    assert made == [1]


def test_a_file_on_another_drive_can_be_an_input(tmp_path, monkeypatch):
    own = tmp_path / "own.csv"
    own.write_text("")

    def relpath(path, start):
        raise ValueError("path is on mount 'D:', start on mount 'C:'")

    monkeypatch.setattr(os.path, "relpath", relpath)
    (tmp_path / "results").mkdir()
    manifest.write(tmp_path, {"10_a": ("a", [own], [])}, ["10_a"], {})
    assert [*manifest.read(tmp_path)["tasks"]["10_a"]["inputs"]] == [own.as_posix()]
    assert manifest.count_unchanged(tmp_path) == 1


def test_the_command_to_run_again_is_quoted_for_the_shell_of_the_system(monkeypatch):
    notebook = Path("my own.ipynb")
    assert rerun_command(notebook, {}, {}, "D:/my out").endswith("'my own.ipynb' --out 'D:/my out'")
    monkeypatch.setattr(running, "sys", SimpleNamespace(platform="win32"))
    out = str(PureWindowsPath("D:/my out"))
    assert rerun_command(notebook, {}, {}, out) == r'crmo run "my own.ipynb" --out "D:\my out"'
