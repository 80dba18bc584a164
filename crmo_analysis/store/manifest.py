"""The manifest of a rerun: the hash of what every task was made from, and of what it left.

It tells in milliseconds that nothing has changed, why a task has to run, and which files nothing makes any
more. pytask keeps books of its own; where the two differ, pytask is asked.
"""

import hashlib
import json
import os
from pathlib import Path

from crmo_analysis.files import write_text_atomically

# Where files are made, and their endings; other files there are somebody's own.
_MADE = (
    *("figures/*/*", "results/tables/*/*", "results/notebooks/*", "results/cohorts/*"),
    *("data/cohorts/*", "results/ledger.csv", "results/numbers.json"),
)
_ENDINGS = (".svg", ".pdf", ".png", ".csv", ".json", ".ipynb")
# A new file here may be the input of a task, or be a task.
_WATCHED = ("notebooks/[0-9]*.ipynb", "data/published/**/*", "data/cohorts/*", "data/*.yaml")


def read(root):
    """Read the manifest of a project: `tasks` by name, names `watched`, `why` the last tasks were run."""
    try:
        found = json.loads(_place(root).read_text(encoding="utf-8"))
        return found if {"tasks", "watched", "why"} <= found.keys() else {}
    except (OSError, ValueError, AttributeError):
        return {}


def write(root, tasks, done, why):
    """Note what a rerun has left.

    Parameters
    ----------
    root : Path
        The project's folder.
    tasks : dict of str to tuple
        Of every task of the project: the study it is about, paths of its inputs and of its products.
    done : collection of str
        Names of those that are as they should be; what was noted of others is kept if they were not `why`,
        and have the inputs that they had.
    why : dict of str to list of str
        Reasons of those that had to run.
    """
    before, hashes = read(root).get("tasks", {}), {}
    noted = {}
    for name, (study, *files) in tasks.items():
        names = [[name_of(root, path) for path in each] for each in files]
        is_as_noted = name in before and {*(before[name]["inputs"] or ())} == {*names[0]}
        if name in done:
            inputs, products = ({name: _hash(root, name, hashes) for name in each} for each in names)
        elif is_as_noted and name not in why:  # a file that came meanwhile has not been seen by it
            inputs, products = before[name]["inputs"], before[name]["products"]
        else:
            inputs, products = None, {name_of(root, path): None for path in files[1]}
        noted[name] = {"study": study, "inputs": inputs, "products": products}
    content = {"tasks": noted, "watched": _watched(root), "why": why}
    write_text_atomically(_place(root), json.dumps(content, indent=1, sort_keys=True) + "\n")


def count_unchanged(root, studies=()):
    """Count the tasks, of some studies or of all, if all are as they were left; 0 if any is not."""
    manifest, hashes = read(root), {}
    if not manifest or manifest["watched"] != _watched(root):
        return 0
    tasks = [task for task in manifest["tasks"].values() if not studies or task["study"] in studies]
    if set(studies) - {task["study"] for task in tasks}:
        return 0
    if any(_changes(root, task, task["inputs"] or (), task["products"], hashes) for task in tasks):
        return 0
    return len(tasks)


def reasons(root, tasks):
    """Say why tasks have to run, of those that have to; `root` and `tasks` as for `write`."""
    before, hashes = read(root).get("tasks", {}), {}
    found = {}
    for name, (_, inputs, products) in tasks.items():
        names = ([name_of(root, path) for path in each] for each in (inputs, products))
        found[name] = _changes(root, before.get(name, {"inputs": None}), *names, hashes)
    return {name: said for name, said in found.items() if said}


def orphans(root):
    """List the files that no task makes any more, in the folders where tasks leave their files."""
    tasks = read(root).get("tasks", {})
    made = {name for task in tasks.values() for name in task["products"]}
    made |= {f"results/notebooks/{name}.failed.ipynb" for name in tasks}
    found = (path for pattern in _MADE for path in Path(root).glob(pattern)) if tasks else ()
    return sorted(
        path
        for path in found
        if path.is_file()
        and (path.suffix in _ENDINGS or path.name.startswith("."))
        and name_of(root, path) not in made
        and path.name != ".gitkeep"
    )


def _changes(root, before, inputs, products, hashes):
    """List what has changed since a task was noted: a sentence a file."""
    if before["inputs"] is None:
        return ["no finished run of it was known"]
    said = [f"{name} is new" for name in inputs if name not in before["inputs"]]
    said += [f"{name} is not used any more" for name in before["inputs"] if name not in inputs]
    for kind, names in (("inputs", inputs), ("products", products)):
        for name in names:
            now, then = _hash(root, name, hashes), before[kind].get(name)
            if now != then and (name in before[kind] or kind == "products"):
                changed = "has changed" if kind == "inputs" else "is not what it left"
                said.append(f"{name} {changed if now else 'is missing'}")
    return said


def _hash(root, name, hashes):
    """Hash a file, each once."""
    path = Path(root, name)
    if path not in hashes:
        hashes[path] = hash_of(path)
    return hashes[path]


def hash_of(path):
    """Hash the content of a file; None if there is none."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None


def name_of(root, path):
    """Write a path as it is seen from a project, with slashes; on another drive, from its beginning."""
    try:
        return Path(os.path.relpath(path, root)).as_posix()
    except ValueError:
        return Path(path).absolute().as_posix()


def _place(root):
    return Path(root) / "results" / "manifest.json"


def _watched(root):
    return sorted({name_of(root, path) for pattern in _WATCHED for path in Path(root).glob(pattern)})
