"""The tasks that pytask runs: one for every notebook, the cohorts and the ledger of all claims.

pytask compares the content of every file that a task depends on, or leaves, with what it was after the last
run, and runs the task again if anything differs. This module is imported to collect the tasks, so it reads
notebooks but imports neither papermill nor pandas.
"""

import ast
import json
import os
from contextlib import suppress
from functools import wraps
from inspect import getsource
from pathlib import Path

from pytask import Mark, NodeInfo, PathNode, PythonNode, Task

from crmo_analysis.execution import execute, output_files, output_folder, read_parameters
from crmo_analysis.files import ROOT, CrmoError, InputError, is_file, study_names, write_text_atomically
from crmo_analysis.store import code_behind, files_beside, notebook_source

# Objects with `started(name)` and `ended(name, state)`; the command line shows its progress with one.
listeners = []


def notebook_studies(root=ROOT):
    """Find the notebooks of a project, whose names start with a digit, and the study that each is about.

    That is its parameter `study`: empty for a notebook about all studies, and for one that cannot be read. A
    study that none of them is about has a copy of the general notebook.
    """
    found = {}
    for notebook in sorted((root / "notebooks").glob("[0-9]*.ipynb")):
        try:
            found[notebook] = str(_defaults(notebook).get("study") or "")
        except (InputError, OSError):
            found[notebook] = ""
    general = root / "notebooks" / "study.ipynb"
    without = [study for study in _studies(root) if study not in found.values()] if general.is_file() else []
    return found | {_copy_for(study, general, root): study for study in without}


def _copy_for(study, general, root):
    """Write a copy of the general notebook for a study that has none, with its figures declared."""
    book = json.loads(general.read_text(encoding="utf-8"))
    record = _read(study, root)
    values = {"study": study, "outputs": [figure.name for figure in record.figures] if record else []}
    [cell] = [each for each in book["cells"] if "parameters" in each["metadata"].get("tags", [])]
    lines = "".join(cell["source"]).splitlines(keepends=True)
    for place, line in enumerate(lines):
        name, _, rest = line.partition(" = ")
        if name in values:
            lines[place] = f"{name} = {json.dumps(values[name])}  #{rest.partition('#')[2]}"
    cell["source"] = lines
    path = root / "results" / "general" / f"90_{study}.ipynb"
    write_text_atomically(path, json.dumps(book, indent=1, ensure_ascii=False) + "\n")
    return path


def _studies(root):
    return study_names(root / "data" / "published")


def _read(study, root):
    """Return a study, or None if its files have problems: its tasks say which."""
    from crmo_analysis.study import read_study

    try:
        return read_study(study, root / "data" / "published", root / "data" / "codebook.yaml")
    except CrmoError:
        return None


def has_cohort(study, root=ROOT):
    """Say whether patients can be made of a study: it prints how many there are, or cannot be read."""
    record = _read(study, root)
    return record is None or record.has_size


def notebook_tasks(root=ROOT):
    """Describe the execution of all notebooks to pytask.

    A notebook that would leave files of another one, as a copy beside the original does, gets a task that
    fails and says so; the shorter name is the original.
    """
    tasks, makers = [], {}
    for notebook in sorted(notebook_studies(root), key=lambda path: (len(path.stem), path.stem)):
        task = notebook_task(notebook, root)
        products = [node.path for node in task.produces["outputs"]]
        if shared := next((path for path in products if path in makers), None):
            said = f"{notebook.name} would leave the files of {makers[shared].name}"
            said += (
                f", such as {shared.relative_to(root)}. Take it out of the folder, or change its parameter"
            )
            task = _refused_task(notebook, f"{said} outputs or folder.", root)
        makers |= {node.path: notebook for node in task.produces["outputs"]}
        tasks.append(task)
    return sorted(tasks, key=lambda task: task.base_name)


def notebook_task(notebook, root=ROOT):
    """Describe the execution of one notebook to pytask.

    It depends on the notebook, the modules beside it that it imports, files that its cells name, the
    codebook, the published numbers and the cohort of the notebook's study (of all studies if it names none),
    the modules that its cells can reach and the versions of the libraries. It produces the executed notebook,
    the figures that its parameter `outputs` declares, and the tables that its list `tables` does. A notebook
    that cannot be read gets a task that fails and says why.
    """
    try:
        values = _defaults(notebook)
        figures = output_files(values, root / "figures")
        source = notebook_source(notebook)
        tables = root / "results" / "tables" / output_folder(values)
        left = [tables / f"{name}{ending}" for name in _tables(source) for ending in (".csv", ".json")]
    except (InputError, OSError) as error:
        return _refused_task(notebook, str(error), root)
    study = values.get("study") or "*"
    cohorts = (root / "data" / "cohorts").glob(f"{study}.csv")
    series = (root / "data" / "published").glob("*.csv") if study == "*" else ()
    inputs = [*_published(study, root), *cohorts, *series, root / "data" / "skeleton.yaml"]
    inputs += _code(source, root)
    inputs += files_beside(source, notebook.parent)
    inputs += [root / "notebooks" / "study.ipynb"] if notebook.parent.name == "general" else []
    inputs = sorted({path for path in inputs if is_file(path)})
    outputs = [root / "results" / "notebooks" / notebook.name, *figures, *left]
    return _notebook_task(notebook, "", (inputs, outputs), root)


def _tables(source):
    """Read the list `tables` of a notebook, which `crmo.start` holds it to."""
    for line in ast.parse(source).body:
        if isinstance(line, ast.Assign) and ast.unparse(line.targets[0]) == "tables":
            with suppress(ValueError):
                return [name for name in ast.literal_eval(line.value) if isinstance(name, str)]
    return []


def _refused_task(notebook, reason, root):
    return _notebook_task(notebook, reason, ([], [root / "results" / "notebooks" / notebook.name]), root)


def _notebook_task(notebook, reason, files, root):
    task = _task(notebook.stem, notebook, run_notebook, files, root)
    task.depends_on["notebook"] = _node(notebook)
    task.depends_on["reason"] = PythonNode(name=f"{notebook.stem}::reason", value=reason)
    return task


def run_notebook(notebook, reason, **_):
    """Execute a notebook with the values in its parameters cell, or say why it cannot be run."""
    root = notebook.parents[2 if notebook.parent.name == "general" else 1]
    if reason:
        raise InputError(reason)
    execute(notebook, results=root / "results", figures=root / "figures")


def _made_tasks(root):
    """Describe what is made of the published numbers without a notebook: ledger, cohorts, data package."""
    data, results = root / "data", root / "results"
    studies = [study for study in _studies(root) if has_cohort(study, root)]
    place = root / "crmo_analysis" / "joint" / "ledger.py"
    left = [results / "ledger.csv", root / "README.md"]
    yield _made_task("ledger", place, write_ledger, ([*_published("*", root)], left), root)
    for study in studies:
        left = [data / "cohorts" / f"{study}.csv", results / "cohorts" / f"{study}.json"]
        place = data / "published" / study / "study.yaml"
        yield _made_task(f"cohort_{study}", place, write_cohort, (_published(study, root), left), root)
    described = [results / "cohorts" / f"{study}.json" for study in studies]
    files = described, [data / "datapackage.json"]
    yield _made_task("datapackage", data / "codebook.yaml", write_package, files, root)


def _numbers_task(notebooks, root):
    """Describe the list of all numbers that a text may quote."""
    sound = [task for task in notebooks if not task.depends_on["reason"].value]
    left = [node.path for task in sound for node in task.produces["outputs"]]
    left = [path for path in left if path.suffix in (".csv", ".json", ".ipynb")]
    path, results = root / "data" / "numbers.yaml", root / "results"
    files = [path, *left, results / "ledger.csv"], [results / "numbers.json"]
    return _made_task("numbers", path, write_numbers, files, root)


def _published(study, root):
    """List the codebook and the files of published numbers, of a study or of all ("*")."""
    files = [*(root / "data" / "published").glob(f"{study}/*"), root / "data" / "codebook.yaml"]
    return sorted(path for path in files if path.is_file())


def _made_task(name, path, write, files, root):
    inputs, outputs = files
    return _task(name, path, write, ([*inputs, *_code(getsource(write), root)], outputs), root)


def write_ledger(**_):
    """Write the table of all claims and their verdicts."""
    from crmo_analysis.joint import ledger

    ledger.write_ledger()


def write_cohort(outputs, **_):
    """Write a study's reconstructed cohort."""
    from crmo_analysis.joint import datapackage

    datapackage.write_cohort(outputs[0].stem)


def write_package(**_):
    """Write the data package of all cohorts."""
    from crmo_analysis.joint import datapackage

    datapackage.write_package()


def write_numbers(**_):
    """Write the numbers that a text may quote."""
    from crmo_analysis.publish import numbers

    numbers.write()


def project_tasks(root=ROOT):
    """Describe to pytask all that a project makes: notebooks, cohorts, ledger, data package and numbers."""
    tasks = notebook_tasks(root)
    numbers = [_numbers_task(tasks, root)] if (root / "data" / "numbers.yaml").is_file() else []
    if (root / "crmo_analysis" / "joint" / "ledger.py").is_file():
        tasks += _made_tasks(root)
    tasks += numbers
    # The work grows with the claims. The longest go first, so that none is left to run alone at the end.
    paths = [[node.path for node in task.depends_on["inputs"]] for task in tasks]
    sizes = [sum(path.stat().st_size for path in inputs if path.is_file()) for inputs in paths]
    for task, size in zip(tasks, sizes, strict=True):
        if size > sum(sizes) / len(sizes):
            task.markers.append(Mark("try_first", (), {}))
    return tasks


def files_of(tasks, root=ROOT):
    """List for the manifest, by name of a task: its study, paths of its inputs, paths of its products."""
    studies = {notebook.stem: study for notebook, study in notebook_studies(root).items()}
    found = {}
    for task in tasks:
        inputs = [node.path for node in task.depends_on["inputs"]]
        inputs += [task.depends_on["notebook"].path] if "notebook" in task.depends_on else []
        products = [node.path for node in task.produces["outputs"]]
        study = studies.get(task.base_name, task.base_name.removeprefix("cohort_"))
        found[task.base_name] = (study, inputs, products)
    return found


def _announced(name, function):
    """Let the listeners know when a task starts and how it ends."""

    @wraps(function)
    def announced(**files):
        for listener in listeners:
            listener.started(name)
        state = "failed"
        try:
            function(**files)
            state = "done"
        finally:
            for listener in listeners:
                listener.ended(name, state)

    return announced


def _defaults(notebook):
    return {name: parameter.value for name, parameter in read_parameters(notebook).items()}


def _task(name, path, function, files, root):
    """Describe a task to pytask: what it runs, and the files that it depends on and makes."""
    inputs, outputs = files
    return Task(
        base_name=name,
        path=path,
        function=_announced(name, function),
        depends_on={
            "inputs": [_node(each) for each in inputs],
            "listing": _listing(name, path, inputs, root),
        },
        produces={"outputs": [_node(each) for each in outputs]},
    )


def _code(source, root):
    """List the modules that a piece of code can reach, and the versions of the libraries."""
    lock = root / "requirements.lock"
    return [*code_behind(source, root / "crmo_analysis"), *[lock] * lock.is_file()]


def _listing(task_name, path, inputs, root):
    """Make the names of the inputs an input too.

    A file that was deleted is on no list of files to compare.
    """
    value = "\n".join(Path(os.path.relpath(item, root)).as_posix() for item in inputs)
    # pytask remembers a value by this place, which must be the task's own.
    place = NodeInfo(arg_name="listing", path=(), task_path=path, task_name=task_name, value=value)
    return PythonNode(name=f"{task_name}::listing", value=value, hash=True, node_info=place)


def _node(path):
    return PathNode(path=path, name=path.as_posix())


# pytask looks for tasks among the names of a module.
globals().update({f"run_{task.base_name}": task for task in project_tasks()})
