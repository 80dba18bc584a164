"""Time a rerun of all notebooks: ``crmo reproduce --fresh`` beside the usual loops.

Run it from the project's folder, with nothing else going on::

    python benchmarks/rerun.py --repeats 3

Every method starts from nothing, process start included, with an empty store, and runs the same notebooks. The
order changes with every repeat, so that none of them has the warmer disk. `crmo reproduce` also writes the
cohorts and the ledger of all claims, which the others do not. Beside them: a rerun of which nothing has changed,
against the imports that it spares, and a single run of a small notebook. The floor is what nobody can spare:
the libraries are imported once (I), and the cells run, each notebook in a fork of that interpreter without a
kernel (C); by the clock it is I and the larger of C over the cores and the longest notebook. At the end the
figures must be what they were before.
"""

import argparse
import contextlib
import hashlib
import io
import json
import os
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parent.parent
STORE = Path(tempfile.gettempdir()) / f"crmo-benchmark-{os.getpid()}"
FLOOR = STORE.with_suffix(".json") if "--cells" not in sys.argv else Path(os.environ["CRMO_FLOOR"])
CRMO = (sys.executable, "-m", "crmo_analysis")


def fingerprint(folder):
    """Hash every file of a folder."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files
    }


def call(*command):
    """Run a command to its end, silently; stop the benchmark if it fails."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | {"CRMO_STORE": str(STORE), "CRMO_FLOOR": str(FLOOR)}, **pipes
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, command))} failed:\n{done.stdout}")


def reproduce(notebooks, folder, *options):
    call(*CRMO, "reproduce", "--fresh", *options)


def reproduce_alone(notebooks, folder):
    reproduce(notebooks, folder, "--jobs", "1")


def unchanged(notebooks, folder):
    call(*CRMO, "reproduce")


def papermill(notebooks, folder):
    for notebook in notebooks:
        call(sys.executable, "-m", "papermill", notebook, folder / notebook.name)


def nbconvert(notebooks, folder):
    for notebook in notebooks:
        call(
            sys.executable,
            "-m",
            "nbconvert",
            "--to",
            "notebook",
            "--execute",
            "--output-dir",
            folder,
            notebook,
        )


def write_small(folder):
    cell = {"cell_type": "code", "id": "c", "metadata": {}, "source": "print(1)", "outputs": []}
    content = {
        "cells": [cell | {"execution_count": None}],
        "metadata": {},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    (folder / "small.ipynb").write_text(json.dumps(content))
    return folder / "small.ipynb"


def small_papermill(notebooks, folder):
    kernel = ("--kernel", "python3", "--language", "python")
    call(sys.executable, "-m", "papermill", write_small(folder), folder / "executed.ipynb", *kernel)


def small_run(notebooks, folder):
    call(*CRMO, "run", write_small(folder), "--out", folder / "out")


def imports(notebooks, folder):
    call(sys.executable, "-c", "import pandas, statsmodels.api, seaborn")


def floor(notebooks, folder):
    call(sys.executable, __file__, "--cells", *notebooks)


def run_cells(notebooks):
    """Import the libraries once; run the cells of each notebook in a fork, and say what it took."""
    import matplotlib.pyplot  # noqa: F401
    import seaborn  # noqa: F401
    import statsmodels.api  # noqa: F401
    from IPython.core.interactiveshell import InteractiveShell

    import crmo_analysis as crmo

    for door in ("plan", "pool", "read_study", "relate"):
        getattr(crmo, door)  # which loads what is behind it
    own = resource.getrusage(resource.RUSAGE_SELF)
    spent = {"imports": own.ru_utime + own.ru_stime}
    for notebook in notebooks:
        before = processors()
        if not os.fork():
            os.chdir(notebook.parent)
            shell = InteractiveShell.instance()
            for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
                with contextlib.redirect_stdout(io.StringIO()):
                    is_sound = cell["cell_type"] != "code" or shell.run_cell("".join(cell["source"])).success
                if not is_sound:
                    os._exit(1)
            os._exit(0)
        if os.wait()[1]:
            raise SystemExit(f"{notebook}: a cell failed")
        spent[notebook.name] = processors() - before
    FLOOR.write_text(json.dumps(spent))


METHODS = {
    "the floor: imports once, and the cells": floor,
    "papermill, one after another": papermill,
    "nbconvert --execute, one after another": nbconvert,
    "papermill, a small notebook": small_papermill,
    "crmo run, a small notebook": small_run,
    "import pandas, statsmodels.api, seaborn": imports,
    "crmo reproduce --fresh --jobs 1": reproduce_alone,
    "crmo reproduce --fresh": reproduce,
    "crmo reproduce, nothing changed": unchanged,
}
RATIOS = (  # what is to be small, beside what
    ("crmo reproduce --fresh", "papermill, one after another"),
    ("crmo run, a small notebook", "papermill, a small notebook"),
    ("crmo reproduce, nothing changed", "import pandas, statsmodels.api, seaborn"),
)


def measure(notebooks, repeats):
    """Return the seconds that every method took in every repeat, by the clock and of the processors."""
    seconds = {name: [] for name in METHODS}
    for repeat in range(repeats):
        names = list(METHODS)
        # "Nothing changed" needs a run before it, and stays last.
        names = names[:-1][:: -1 if repeat % 2 else 1] + names[-1:]
        for name in names:
            shutil.rmtree(STORE, ignore_errors=True)
            with tempfile.TemporaryDirectory() as folder:
                start, before = time.perf_counter(), processors()
                METHODS[name](notebooks, Path(folder))
                seconds[name].append((time.perf_counter() - start, processors() - before))
            wall, cpu = seconds[name][-1]
            print(f"{name}: {wall:.2f} s, {cpu:.2f} s of the processors", file=sys.stderr, flush=True)
    shutil.rmtree(STORE, ignore_errors=True)
    return seconds


def processors():
    """Return the seconds that processors have spent on ended children."""
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def say_floor(found, cores):
    """Set a fresh rerun beside what nobody can spare."""
    spent = json.loads(FLOOR.read_text())
    FLOOR.unlink()
    imports, longest = spent.pop("imports"), max(spent, key=spent.get)
    work = sum(spent.values())
    clock = imports + max(work / cores, spent[longest])
    print(
        f"the floor: I {imports:.1f} s, C {work:.1f} s of the processors, {spent[longest]:.1f} of them {longest}"
    )
    print(
        f"crmo reproduce --fresh / the floor: {found[0] / clock:.2f} by the clock, {found[1] / (imports + work):.2f}"
        " of the processors"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--without", nargs="*", default=[], metavar="METHOD", help="leave out what starts so")
    parser.add_argument("--cells", nargs="*", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.cells:
        run_cells(given.cells)
        return
    for name in [name for name in METHODS if name.startswith(tuple(given.without or [" "]))]:
        del METHODS[name]
    notebooks = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))
    if not notebooks:
        raise SystemExit(f"There is no notebook in {ROOT / 'notebooks'}.")
    unchanged(notebooks, None)  # so that every method finds the figures made
    before = fingerprint(ROOT / "figures")
    report(measure(notebooks, given.repeats), f"{len(notebooks)} notebooks, median of {given.repeats}")
    if fingerprint(ROOT / "figures") != before:
        raise SystemExit("The figures have changed: a rerun must leave them as they are.")
    print(f"The {len(before)} files in figures/ are unchanged.")


def report(seconds, title):
    """Print what every method took, the ratios and the floor."""
    medians = {
        name: [statistics.median(each) for each in zip(*values, strict=True)]
        for name, values in seconds.items()
    }
    table = Table(title=title)
    for heading in ("method", "seconds", "range", "of the processors"):
        table.add_column(heading, justify="left" if heading == "method" else "right")
    for name, values in seconds.items():
        walls = [wall for wall, _ in values]
        wall, cpu = medians[name]
        table.add_row(name, f"{wall:.2f}", f"{min(walls):.2f} to {max(walls):.2f}", f"{cpu:.2f}")
    Console().print(table)
    for name, beside in RATIOS:
        if not {name, beside} <= medians.keys():
            continue
        wall, cpu = (one / other for one, other in zip(medians[name], medians[beside], strict=True))
        print(f"{name} / {beside}: {wall:.2f} by the clock, {cpu:.2f} of the processors")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    say_floor(medians["crmo reproduce --fresh"], cores)
    print(f"Python {platform.python_version()}, {platform.system()} {platform.machine()}, {cores} cores")


if __name__ == "__main__":
    main()
