"""A notebook that a person runs: its files stay apart, and it says what differs from the published run."""

import json
import shutil
import subprocess
import sys

import pandas as pd
import pytest

import crmo_analysis as crmo
from crmo_analysis import files
from crmo_analysis.face import playground

NOTEBOOK = files.ROOT / "notebooks" / "40_menashe_2022.ipynb"


@pytest.fixture
def variables(monkeypatch):
    """Stand in for the variables of a kernel that has run the parameters cell of a notebook."""
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    cells = [f"{''.join(cell['source'])}\n" for cell in playground._cells(NOTEBOOK)]
    found = playground._parameters(NOTEBOOK) | {"out": "", "page": {}, "crmo": None, "In": ["", *cells[:5]]}
    monkeypatch.setattr(playground, "_variables", lambda: found)
    return found


def write_notebook(path, source):
    cell = {"cell_type": "code", "metadata": {"tags": ["parameters"]}, "source": source}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"cells": [cell]}))


def test_a_notebook_is_known_by_its_cells(variables):
    variables |= {"seed": 5, "others": ["spine"], "study": "simm_2008"}
    assert playground.lab_folder("simm_2008") == files.RESULTS / "lab" / NOTEBOOK.stem
    assert playground.differences() == ["study", "seed", "others"]
    variables["In"] = ["", "1 + 1"]
    assert playground.lab_folder("menashe_2022") == files.RESULTS / "lab" / "menashe_2022"
    assert playground.differences() is None


def test_a_notebook_is_known_by_what_jupyter_says(variables, monkeypatch):
    monkeypatch.setenv("JPY_SESSION_NAME", "/somewhere/notebooks/10_simm_2008.ipynb")
    assert playground.lab_folder("other").name == "10_simm_2008"
    monkeypatch.setenv("JPY_SESSION_NAME", "my own.ipynb")
    assert playground.lab_folder("other").name == "my own"


def test_what_differs_is_measured_against_the_last_published_run(variables, monkeypatch, tmp_path):
    monkeypatch.setattr(files, "ROOT", tmp_path)
    monkeypatch.setattr(files, "RESULTS", tmp_path / "results")
    parameters = "seed: int = 2\nstudy = 'menashe_2022'\nout = 'x'"
    write_notebook(tmp_path / "notebooks/1_own.ipynb", parameters)
    variables |= {"seed": 2, "In": ["", parameters]}
    assert playground.differences() == []
    # The file was saved with other values since.
    write_notebook(
        tmp_path / "results/notebooks/1_own.ipynb", "seed: int = 1\nstudy = 'menashe_2022'\nout = ''"
    )
    assert playground.differences() == ["seed"]


@pytest.fixture
def project(variables, monkeypatch, tmp_path):
    """Give the variables of a project whose `40_menashe_2022` alone has been published."""
    monkeypatch.setattr(files, "ROOT", tmp_path)
    monkeypatch.setattr(files, "RESULTS", tmp_path / "results")
    for folder in ("notebooks", "results/notebooks"):
        (tmp_path / folder).mkdir(parents=True)
        shutil.copy(NOTEBOOK, tmp_path / folder / NOTEBOOK.name)
    return variables


def copy_with_seed(folder, name, variables):
    """Write a copy of the notebook with another seed, and let the kernel run it."""
    path = folder / name
    path.write_text(NOTEBOOK.read_text().replace("seed = 0 ", "seed = 5 "))
    assert playground._parameters(path)["seed"] == 5
    code = [f"{''.join(cell['source'])}\n" for cell in playground._cells(path) if cell["cell_type"] == "code"]
    variables |= {"seed": 5, "In": ["", *code[:3]]}


@pytest.mark.parametrize("name", ["mein_40.ipynb", "41_mine.ipynb"])
def test_a_copy_beside_the_notebook_is_held_against_the_published_run(project, tmp_path, name):
    copy_with_seed(tmp_path / "notebooks", name, project)
    assert playground.lab_folder("menashe_2022").name == name.removesuffix(".ipynb")
    assert playground.differences() == ["seed"]


def test_a_copy_elsewhere_is_held_against_the_published_run_if_it_is_certain_which(
    project, monkeypatch, tmp_path
):
    copy_with_seed(tmp_path, NOTEBOOK.name, project)
    assert playground.differences() == ["seed"]
    monkeypatch.setenv("JPY_SESSION_NAME", str(tmp_path / "analysis.ipynb"))
    assert playground.differences() == ["seed"]
    # Its third cell begins two notebooks now.
    shutil.copy(NOTEBOOK, tmp_path / "notebooks" / "42_other.ipynb")
    assert playground.differences() is None
    monkeypatch.setenv("JPY_SESSION_NAME", str(tmp_path / NOTEBOOK.name))
    assert playground.differences() == ["seed"]


@pytest.mark.parametrize("session", ["", "analysis.ipynb", "/somewhere/40_menashe_2022.ipynb"])
def test_nothing_is_said_of_the_published_run_in_a_notebook_of_ones_own(project, monkeypatch, session):
    monkeypatch.setenv("JPY_SESSION_NAME", session)
    project |= {"In": ["", "import crmo_analysis as crmo\n", "run = crmo.start('menashe_2022', folder='x')"]}
    assert playground.differences() is None


def test_plain_papermill_leaves_the_projects_files_alone(tmp_path):
    before = {path: path.stat().st_mtime_ns for path in files.FIGURES.rglob("*")}
    command = [sys.executable, "-m", "papermill", NOTEBOOK, tmp_path / "out.ipynb", "-p", "seed", "3"]
    subprocess.run(
        [*command, "--no-progress-bar"], check=True, cwd=tmp_path, capture_output=True, timeout=300
    )
    assert {path: path.stat().st_mtime_ns for path in files.FIGURES.rglob("*")} == before
    cells = json.loads((tmp_path / "out.ipynb").read_text(encoding="utf-8"))["cells"]
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    first = "".join(outputs[0]["data"]["text/markdown"]).splitlines()
    assert first == [
        "- This run is not the published one; it differs in: seed.",
        f"- Its figures and tables are left in `results/lab/{NOTEBOOK.stem}`.",
    ]
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 3
    assert len(list((files.RESULTS / "lab" / NOTEBOOK.stem / "figures").rglob("*.svg"))) == 3


def test_a_run_by_hand_says_that_a_notebook_left_there_by_another_run_is_not_its_own(monkeypatch, tmp_path):
    said = []
    monkeypatch.setattr(files, "RESULTS", tmp_path)
    monkeypatch.setattr("crmo_analysis.face.notebook.display", lambda shown, **_: said.append(shown.data))
    for folder in ("", str(tmp_path / "lab" / "mine")):  # in a folder that was asked for, no word
        (tmp_path / "lab" / "mine").mkdir(parents=True, exist_ok=True)
        (tmp_path / "lab" / "mine" / "old.ipynb").write_text("{}")
        crmo.start(out=folder, folder="mine", about="About nothing.", tables=[]).finish()
    assert ["earlier `crmo run`" in text for text in said if text.startswith("Left")] == [True, False]


def test_a_folder_of_the_lab_has_the_tables_of_its_last_run_and_what_a_person_left(monkeypatch, tmp_path):
    monkeypatch.setattr(files, "RESULTS", tmp_path)
    folder = tmp_path / "lab" / "mine"
    for name in ("tables/mine/own.csv", "figures/own.pdf", "mine.ipynb"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("")
    for name in ("old", "new"):
        run = crmo.start(out=str(folder), folder="mine", about="About nothing.", tables=[name])
        run.table(name, pd.DataFrame({"a": [1]}))
        run.finish()
    left = {path.name for path in folder.rglob("*") if path.is_file()}
    assert left == {"own.csv", "own.pdf", "mine.ipynb", ".made", "new.csv", "new.json"}


def test_a_note_is_shown_as_it_stands(capsys, tmp_path):
    run = crmo.start("hospach_2010", [], str(tmp_path), tables=[])
    run.note("Sets are written {a, b}.", {"Table 1": "no footnote"})
    with pytest.raises(files.InputError, match="A brace is written twice"):
        run.say("Sets are written {a, b}.")


def test_a_figure_that_is_not_among_the_outputs_is_shown_and_not_kept(tmp_path):
    run = crmo.start("hospach_2010", ["kept"], str(tmp_path), tables=[])
    counts = run.study.counts("hospach.spine.n")
    for name in ("kept", "other"):
        run.show(name, counts, "Spine")
    run.finish()
    assert {path.stem for path in tmp_path.rglob("*.svg")} == {"kept"}


def test_a_page_that_is_text_is_refused_with_how_papermill_takes_it():
    with pytest.raises(files.InputError, match="papermill takes them by -y"):
        crmo.start("hospach_2010", page='{"width": 120}')
