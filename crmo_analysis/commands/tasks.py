"""The tasks that pytask runs: one for every notebook, the cohorts and the ledger of all claims.

pytask compares the content of every file that a task depends on, or leaves, with what it was after the last
run, and runs the task again if anything differs. This module is imported to collect the tasks, so it reads
notebooks but imports neither papermill nor pandas.
"""

import ast
from contextlib import suppress
from dataclasses import dataclass, field
from functools import wraps
from inspect import getsource
from pathlib import Path

from pytask import Mark, NodeInfo, PathNode, PythonNode, Task

from crmo_analysis.execution import execute, output_files, output_folder, read_parameters
from crmo_analysis.files import ROOT, CrmoError, InputError, is_file, short, study_names
from crmo_analysis.store import code_behind, files_beside, manifest, notebook_source

# Objects with `started(name)` and `ended(name, state)`; the command line shows its progress with one.
listeners = []


@dataclass(frozen=True)
class Book:
    """A notebook as it is run: its file, the name of the run, the study that it is about, values to set."""

    path: Path
    name: str
    study: str
    values: dict = field(default_factory=dict)


def books(root=ROOT):
    """List what is run of a project's notebooks.

    That are those whose names start with a digit, each about the study that is its parameter (none for one
    about all studies, and for one that cannot be read), and the general one for every study of no other.
    """
    found = []
    for path in sorted((root / "notebooks").glob("[0-9]*.ipynb")):
        study = ""
        with suppress(InputError, OSError):
            study = str(_defaults(path).get("study") or "")
        found.append(Book(path, path.stem, study))
    general, known = root / "notebooks" / "study.ipynb", {book.study for book in found}
    for study in _studies(root) if general.is_file() else ():
        if study not in known:
            record = _read(study, root)
            # Of one that cannot be read now, what is there of it stays.
            drawn = sorted((root / "figures" / study).glob("*.svg"))
            figures = [each.name for each in record.figures] if record else [path.stem for path in drawn]
            found.append(Book(general, f"90_{study}", study, {"study": study, "outputs": figures}))
    return found


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
    for book in sorted(books(root), key=lambda book: (len(book.name), book.name)):
        task = notebook_task(book, root)
        products = [node.path for node in task.produces["outputs"]]
        if shared := next((path for path in products if path in makers), None):
            said = f"{book.name}.ipynb would leave the files of {makers[shared]}.ipynb"
            said += (
                f", such as {shared.relative_to(root)}. Take it out of the folder, or change its parameter"
            )
            task = _notebook_task(book, ([], []), root, f"{said} outputs or folder.")
        makers |= {node.path: book.name for node in task.produces["outputs"]}
        tasks.append(task)
    return sorted(tasks, key=lambda task: task.base_name)


def notebook_task(book, root=ROOT):
    """Describe the execution of one notebook to pytask.

    It depends on the notebook, the modules beside it that it imports, files that its cells name, the
    codebook, the published numbers and the cohort of the notebook's study (of all studies if it names none),
    the modules that its cells can reach and the versions of the libraries. It produces the executed notebook,
    the figures that its parameter `outputs` declares, and the tables that its list `tables` does. A notebook
    that cannot be read gets a task that fails and says why.
    """
    try:
        values = _defaults(book.path) | book.values
        figures = output_files(values, root / "figures")
        source = notebook_source(book.path)
        tables = root / "results" / "tables" / output_folder(values)
        left = [tables / f"{name}{ending}" for name in _tables(source) for ending in (".csv", ".json")]
    except (InputError, OSError) as error:
        return _notebook_task(book, ([], []), root, str(error))
    study = values.get("study") or "*"
    # A study that cannot be read has a task that fails; what is about all does not wait for it.
    failing = [name for name in _studies(root) if study == "*" and not _read(name, root)]
    cohorts = [path for path in (root / "data/cohorts").glob(f"{study}.csv") if path.stem not in failing]
    series = (root / "data" / "published").glob("*.csv") if study == "*" else ()
    inputs = [*_published(study, root), *cohorts, *series, root / "data" / "skeleton.yaml"]
    inputs += _code(source, root)
    inputs += files_beside(source, book.path.parent)
    inputs = sorted({path for path in inputs if is_file(path)})
    return _notebook_task(book, (inputs, [*figures, *left]), root)


def edited_parameters(book, root=ROOT):
    """Say which values in a notebook's parameters cell are others than those of the last published run.

    Whoever changed one in Lab and saved it may not have meant to publish it.
    """
    last = root / "results" / "notebooks" / f"{book.name}.ipynb"
    try:
        before, now = (_defaults(path) for path in (last, book.path))
    except (InputError, OSError):
        return []
    both = (name for name in now if name in before and name not in book.values)
    changed = [(name, now[name], before[name]) for name in both if now[name] != before[name]]
    return [
        f"{name} = {value!r} in the notebook, {earlier!r} in its last run; what it leaves is published so"
        for name, value, earlier in changed
    ]


def _tables(source):
    """Read the list `tables` of a notebook, which `crmo.start` holds it to."""
    for line in ast.parse(source).body:
        if isinstance(line, ast.Assign) and ast.unparse(line.targets[0]) == "tables":
            with suppress(ValueError):
                return [name for name in ast.literal_eval(line.value) if isinstance(name, str)]
    return []


def _notebook_task(book, files, root, reason=""):
    """Describe a run; for a `reason` it fails."""
    inputs, left = files
    outputs = [root / "results" / "notebooks" / f"{book.name}.ipynb", *left]

    def run(**_):
        if reason:
            raise InputError(reason)
        places = {"results": root / "results", "figures": root / "figures"}
        execute(book.path, book.values, name=book.name, **places)

    task = _task(book.name, book.path, run, (inputs, outputs), root)
    task.depends_on["notebook"] = _node(book.path)
    is_broken = book.study in _studies(root) and not _read(book.study, root)
    task.attributes["is_refused"] = bool(reason) or is_broken
    return task


def _made_tasks(root):
    """Describe what is made of the published numbers without a notebook: ledger, cohorts, data package."""
    data, results = root / "data", root / "results"
    studies = [study for study in _studies(root) if has_cohort(study, root)]
    left = [results / "ledger.csv", root / "README.md"]
    yield _made_task("ledger", _write_ledger, _published("*", root), left, root)
    described = [results / "cohorts" / f"{study}.json" for study in studies]
    for study, about in zip(studies, described, strict=True):
        left = [data / "cohorts" / f"{study}.csv", about]
        yield _made_task(f"cohort_{study}", _write_cohort, _published(study, root), left, root)
    described = [path for path in described if _read(path.stem, root)]
    yield _made_task("datapackage", _write_package, described, [data / "datapackage.json"], root)


def _numbers_task(notebooks, root):
    """Describe the list of all numbers that a text may quote."""
    sound = [task for task in notebooks if not task.attributes["is_refused"]]
    left = [node.path for task in sound for node in task.produces["outputs"]]
    left = [path for path in left if path.suffix in (".csv", ".json", ".ipynb")]
    inputs = [root / "data" / "numbers.yaml", *left, root / "results" / "ledger.csv"]
    return _made_task("numbers", _write_numbers, inputs, [root / "results" / "numbers.json"], root)


def _published(study, root):
    """List the codebook and the files of published numbers, of a study or of all ("*")."""
    files = [*(root / "data" / "published").glob(f"{study}/*"), root / "data" / "codebook.yaml"]
    return sorted(path for path in files if path.is_file())


def _made_task(name, write, inputs, outputs, root):
    inputs = [*inputs, *_code(getsource(write), root)]
    return _task(name, root / "data" / "codebook.yaml", write, (inputs, outputs), root)


def _write_ledger(**_):
    from crmo_analysis.joint import ledger

    ledger.write_ledger()


def _write_cohort(outputs, **_):
    from crmo_analysis.joint import datapackage

    datapackage.write_cohort(outputs[0].stem)


def _write_package(**_):
    from crmo_analysis.joint import datapackage

    datapackage.write_package()


def _write_numbers(**_):
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
    _watch(tasks, root)
    return tasks


def _watch(tasks, root):
    """Let tasks tell the listeners when they start and end, and fail where their data or code are edited.

    Of what they have read of it nobody knows, and both books would note what is there at their end.
    """
    made = {node.path for task in tasks for node in task.produces["outputs"]}
    before = {}

    def watched(task, function, sources):
        @wraps(function)
        def run(**files):
            for listener in listeners:
                listener.started(task.base_name)
            state = "failed"
            try:
                function(**files)
                if edited := [path for path in sources if manifest.hash_of(path) != before[path]]:
                    raise InputError(f"{short(edited[0])} was edited while this ran. Run it again.")
                state = "done"
            finally:
                for listener in listeners:
                    listener.ended(task.base_name, state)

        return run

    for task in tasks:
        nodes = [*task.depends_on["inputs"], *filter(None, [task.depends_on.get("notebook")])]
        paths = (node.path for node in nodes if node.path not in made)
        sources = [
            path for path in paths if path.suffix in (".py", ".ipynb") or path.is_relative_to(root / "data")
        ]
        before |= {path: manifest.hash_of(path) for path in sources if path not in before}
        task.function = watched(task, task.function, sources)


def files_of(tasks, root=ROOT):
    """List for the manifest, by name of a task: its study, paths of its inputs, paths of its products."""
    studies, found = {book.name: book.study for book in books(root)}, {}
    for task in tasks:
        nodes = [*task.depends_on["inputs"], *filter(None, [task.depends_on.get("notebook")])]
        products = [node.path for node in task.produces["outputs"]]
        study = studies.get(task.base_name, task.base_name.removeprefix("cohort_"))
        found[task.base_name] = (study, [node.path for node in nodes], products)
    return found


def _defaults(notebook):
    return {name: parameter.value for name, parameter in read_parameters(notebook).items()}


def _task(name, path, function, files, root):
    """Describe a task to pytask: what it runs, and the files that it depends on and makes."""
    inputs, outputs = files
    return Task(
        base_name=name,
        path=path,
        function=function,
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
    value = "\n".join(manifest.name_of(root, item) for item in inputs)
    # pytask remembers a value by this place, which must be the task's own.
    place = NodeInfo(arg_name="listing", path=(), task_path=path, task_name=task_name, value=value)
    return PythonNode(name=f"{task_name}::listing", value=value, hash=True, node_info=place)


def _node(path):
    return PathNode(path=path, name=path.as_posix())


# pytask looks for tasks among the names of a module.
globals().update({f"run_{task.base_name}": task for task in project_tasks()})
