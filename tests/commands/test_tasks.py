"""What pytask is told about each notebook, and what it runs again when something changes."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytask
import pytest

from crmo_analysis.commands import progress, tasks
from crmo_analysis.execution import FIGURE_FILES

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project with two studies and three notebooks, the last about all studies."""
    (tmp_path / "notebooks").mkdir()
    for notebook in NOTEBOOKS.glob("[0-9]*.ipynb"):
        shutil.copy(notebook, tmp_path / "notebooks")
    for name in (
        *("data/codebook.yaml", "data/published/alpha/claims.csv", "data/published/alpha/study.yaml"),
        *("data/published/beta/claims.csv", "data/cohorts/alpha.csv", "data/cohorts/beta.csv"),
        *(
            "crmo_analysis/study/__init__.py",
            "crmo_analysis/commands/cli.py",
            "requirements.lock",
            "notebooks/draft.ipynb",
        ),
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("" if name.endswith(".py") else name)
    # The first of the notebooks takes something from the package.
    (tmp_path / "crmo_analysis/study/describe.py").write_text("DIGITS = 6\n")
    book = tmp_path / "notebooks/10_alpha.ipynb"
    taken = "from crmo_analysis.study.describe import DIGITS"
    book.write_text(
        book.read_text().replace(
            '"from pathlib import Path"', f'"from pathlib import Path\\n",\n    "{taken}"'
        )
    )
    # The notebooks' own paths are relative to the folder they run in.
    monkeypatch.chdir(tmp_path)
    return tmp_path


def names(nodes, root):
    return {node.path.relative_to(root).as_posix() for node in nodes}


def task_of(root, name):
    return tasks.notebook_task(next(book for book in tasks.books(root) if book.name == name), root)


def build(root):
    """Run all tasks; return what happened to each."""
    session = pytask.build(tasks=tasks.project_tasks(root), paths=root, verbose=0, capture="no")
    return {report.task.base_name: report.outcome.name for report in session.execution_reports}


def test_a_notebook_depends_on_its_study_and_on_what_all_share(project):
    task = task_of(project, "10_alpha")
    assert names(task.depends_on["inputs"], project) == {
        "data/codebook.yaml",
        "data/published/alpha/claims.csv",
        "data/published/alpha/study.yaml",
        "data/cohorts/alpha.csv",
        "crmo_analysis/study/describe.py",
        "requirements.lock",
    }
    assert task.depends_on["notebook"].path == project / "notebooks/10_alpha.ipynb"


def test_a_notebook_produces_itself_executed_and_its_figures(project):
    task = task_of(project, "10_alpha")
    figures = {f"figures/alpha/points{ending}" for ending in FIGURE_FILES}
    assert names(task.produces["outputs"], project) == {"results/notebooks/10_alpha.ipynb", *figures}


def test_a_notebook_about_no_study_depends_on_all_and_draws_for_the_overview(project, monkeypatch):
    monkeypatch.setattr(tasks, "_studies", lambda _: ["alpha"])
    (project / "data/cohorts/alpha.csv").write_text("of a study that cannot be read, and not waited for")
    notebook = project / "notebooks/30_fresh.ipynb"
    notebook.write_text(notebook.read_text().replace('mark = \\"first\\"', 'outputs = [\\"all\\"]'))
    task = task_of(project, notebook.stem)
    inputs = names(task.depends_on["inputs"], project)
    assert {
        "data/published/alpha/claims.csv",
        "data/published/beta/claims.csv",
        "data/cohorts/beta.csv",
    } <= inputs
    assert "data/cohorts/alpha.csv" not in inputs
    assert "figures/overview/all.svg" in names(task.produces["outputs"], project)


def test_a_notebook_produces_the_tables_that_it_lists(project):
    notebook = project / "notebooks/10_alpha.ipynb"
    notebook.write_text(notebook.read_text().replace("import Path", "import Path\\ntables = ['checks']", 1))
    task = task_of(project, notebook.stem)
    tables = {f"results/tables/alpha/checks{ending}" for ending in (".csv", ".json")}
    assert tables <= names(task.produces["outputs"], project)


def test_only_notebooks_with_a_number_are_collected(project):
    assert {book.name: book.study for book in tasks.books(project)} == {
        "10_alpha": "alpha",
        "20_beta": "beta",
        "30_fresh": "",
    }


def test_a_study_without_a_notebook_is_run_by_the_general_one(project):
    shutil.copy(project / "notebooks/10_alpha.ipynb", project / "notebooks/study.ipynb")
    (project / "data/published/gamma").mkdir()
    (project / "data/published/gamma/study.yaml").write_text("")
    assert tasks.books(project)[-1].name == "90_gamma"
    task = task_of(project, "90_gamma")
    assert {"data/published/gamma/study.yaml", "results/notebooks/90_gamma.ipynb"} <= names(
        task.depends_on["inputs"] + task.produces["outputs"], project
    )
    task.function()
    executed = json.loads((project / "results/notebooks/90_gamma.ipynb").read_text(encoding="utf-8"))
    assert executed["metadata"]["papermill"]["parameters"] == {"study": "gamma", "outputs": []}


def test_what_is_edited_while_a_task_runs_is_not_taken_for_used(project):
    data = project / "data/published/alpha/claims.csv"
    notebook = project / "notebooks/10_alpha.ipynb"
    edit = f"Path('{data.as_posix()}').open('a').write('x')\\n"
    notebook.write_text(notebook.read_text().replace("import Path\\n", f"import Path\\n{edit}", 1))
    collected = tasks.project_tasks(project)
    session = pytask.build(tasks=collected, paths=project, verbose=0, capture="no")
    ends = {report.task.base_name: report for report in session.execution_reports}
    assert ends["20_beta"].outcome.name == "SUCCESS"
    said = str(ends["10_alpha"].exc_info[1])
    assert said.endswith("claims.csv was edited while this ran. Run it again.")


ODD = {
    "40 with blanks [1] ä": ("print('fine')", {}, ""),
    "41_empty": (None, {}, "is not a notebook"),
    "42_truncated": ("truncated", {}, "is not a notebook"),
    "43_annotated": ("n: int = 3\nnames: list[str] = []", {"tags": ["parameters"]}, ""),
    "44_r": ("x <- 1", {"kernelspec": {"name": "ir", "language": "R"}}, "is written in R"),
    "45_kernel": (
        "1",
        {"kernelspec": {"name": "nowhere", "language": "python"}},
        "the kernel 'nowhere', which is",
    ),
    "46_outputs": ("outputs = 5", {"tags": ["parameters"]}, "expected a list of names"),
    "47_fails": ("1 / 0", {}, "ZeroDivisionError"),
    "48_two": ("n = 1", {"tags": ["parameters"], "twice": True}, "2 cells are tagged"),
}


def write_odd(folder, name):
    source, about, _ = ODD[name]
    cell = {"cell_type": "code", "id": "a", "metadata": {"tags": about.get("tags", [])}, "source": source}
    cell |= {"outputs": [], "execution_count": None}
    cells = [cell, cell] if about.get("twice") else [cell]
    metadata = {"kernelspec": about["kernelspec"]} if "kernelspec" in about else {}
    text = json.dumps({"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5})
    (folder / f"{name}.ipynb").write_text({None: "", "truncated": text[:80]}.get(source, text))


def test_an_odd_notebook_is_one_failure_and_the_others_finish(project):
    (project / "notebooks/30_fresh.ipynb").unlink()
    for name in ODD:
        write_odd(project / "notebooks", name)
    shutil.copy(project / "notebooks/10_alpha.ipynb", project / "notebooks/10_alpha-Copy1.ipynb")
    found = tasks.project_tasks(project)
    assert [task.base_name for task in found] == sorted(["10_alpha", "10_alpha-Copy1", "20_beta", *ODD])
    session = pytask.build(tasks=found, paths=project, verbose=0, capture="no")
    reports = {report.task.base_name: report for report in session.execution_reports}
    wrong = {name: why for name, (_, _, why) in ODD.items() if why}
    wrong["10_alpha-Copy1"] = "would leave the files of 10_alpha.ipynb, such as figures/alpha/points.svg"
    for name, report in reports.items():
        assert report.outcome.name == ("FAIL" if name in wrong else "SUCCESS"), name
        if name in wrong:
            assert wrong[name] in str(report.exc_info[1])


def test_a_notebook_depends_on_what_lies_beside_it(project):
    (project / "notebooks/helper.py").write_text("")
    (project / "data/private").mkdir()
    (project / "data/private/own.csv").write_text("")
    notebook = project / "notebooks/20_beta.ipynb"
    text = notebook.read_text().replace('divide\\"  #', '../data/private/own.csv\\"  #')
    notebook.write_text(text.replace("import time", "import helper; open('lists/a.csv')"))
    (project / "notebooks/lists").mkdir()
    for name in ("lists/a.csv", "deeper.py", "read_by_helper.txt"):
        (project / "notebooks" / name).write_text("")
    (project / "notebooks/helper.py").write_text("import deeper\nopen('read_by_helper.txt')\n")
    inputs = names(task_of(project, notebook.stem).depends_on["inputs"], project)
    assert {"notebooks/helper.py", "notebooks/../data/private/own.csv"} <= inputs
    assert {"notebooks/lists/a.csv", "notebooks/deeper.py", "notebooks/read_by_helper.txt"} <= inputs


def test_a_file_elsewhere_can_be_named(project, tmp_path_factory):
    own = tmp_path_factory.mktemp("elsewhere") / "own.csv"
    own.write_text("")
    notebook = project / "notebooks/20_beta.ipynb"
    notebook.write_text(notebook.read_text().replace('divide\\"  #', f'{own}\\"  #'))
    assert own in {node.path for node in task_of(project, notebook.stem).depends_on["inputs"]}


def test_the_ledger_depends_on_all_claims(project):
    assert "ledger" not in [task.base_name for task in tasks.project_tasks(project)]
    (project / "crmo_analysis/joint").mkdir()
    (project / "crmo_analysis/joint/ledger.py").write_text("")
    task = next(task for task in tasks.project_tasks(project) if task.base_name == "ledger")
    assert names(task.produces["outputs"], project) == {"results/ledger.csv", "README.md"}
    assert {"data/published/alpha/claims.csv", "data/published/beta/claims.csv"} <= names(
        task.depends_on["inputs"], project
    )


def test_no_more_cores_are_used_than_the_program_may(monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: {0}, raising=False)
    assert progress.cores() == 1


def test_collecting_imports_neither_papermill_nor_pandas():
    heavy = "{'papermill', 'pandas', 'numpy', 'nbformat'}"
    code = f"import sys, crmo_analysis.commands.tasks\nprint({heavy} & set(sys.modules))"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed == "set()\n"


def test_what_changed_is_run_and_nothing_else(project):
    everything = {"10_alpha", "20_beta", "30_fresh"}
    assert build(project) == dict.fromkeys(everything, "SUCCESS")
    assert build(project) == dict.fromkeys(everything, "SKIP_UNCHANGED")

    def ran():
        return {name for name, outcome in build(project).items() if outcome == "SUCCESS"}

    (project / "crmo_analysis/commands/cli.py").write_text("# the command line changes no result")
    assert ran() == set()
    (project / "crmo_analysis/study/describe.py").write_text("DIGITS = 7\n")
    assert ran() == {"10_alpha"}
    (project / "data/published/alpha/claims.csv").write_text("one more claim")
    assert ran() == {"10_alpha", "30_fresh"}
    figure = project / "figures/alpha/points.csv"
    content = figure.read_text()
    figure.write_text("changed by hand")
    (project / "results/notebooks/20_beta.ipynb").unlink()
    assert ran() == {"10_alpha", "20_beta"}
    assert figure.read_text() == content
    # A file that is gone is compared with nothing, so its absence has to be noticed by itself.
    (project / "data/published/beta/claims.csv").unlink()
    assert ran() == {"20_beta", "30_fresh"}
    assert ran() == set()


def test_a_failure_leaves_the_others_running_and_is_tried_again(project):
    (project / "notebooks/30_fresh.ipynb").unlink()
    notebook = project / "notebooks/10_alpha.ipynb"
    good = notebook.read_text()
    notebook.write_text(good.replace('skip = \\"\\"', 'skip = \\".pdf\\"'))
    assert build(project) == {"10_alpha": "FAIL", "20_beta": "SUCCESS"}
    assert build(project) == {"10_alpha": "FAIL", "20_beta": "SKIP_UNCHANGED"}
    notebook.write_text(good)
    assert build(project) == {"10_alpha": "SUCCESS", "20_beta": "SKIP_UNCHANGED"}
    assert not (project / "results/notebooks/10_alpha.failed.ipynb").exists()


def test_a_value_that_was_saved_in_a_notebook_is_named(project):
    book = next(book for book in tasks.books(project) if book.name == "10_alpha")
    assert tasks.edited_parameters(book, project) == []  # never run
    last = project / "results/notebooks/10_alpha.ipynb"
    last.parent.mkdir(parents=True)
    shutil.copy(book.path, last)
    assert tasks.edited_parameters(book, project) == []
    source = book.path.read_text()
    assert source.count('study = \\"alpha\\"') == 1
    book.path.write_text(source.replace('study = \\"alpha\\"', 'study = \\"beta\\"'))
    [said] = tasks.edited_parameters(book, project)
    assert said.startswith("study = 'beta' in the notebook, 'alpha' in its last run")
