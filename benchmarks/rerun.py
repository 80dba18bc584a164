"""Time a rerun of all notebooks: ``crmo reproduce --fresh`` beside the usual loops.

Run it from the project's folder, with nothing else going on::

    python benchmarks/rerun.py --repeats 3

Every method starts from nothing, process start included, and runs the same notebooks. The order changes with
every repeat, so that none of them has the warmer disk. `crmo reproduce` also writes the ledger of all claims,
which the others do not. At the end the figures must be what they were before.
"""

import argparse
import hashlib
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parent.parent
CRMO = (sys.executable, "-m", "crmo_analysis")


def fingerprint(folder):
    """Hash every file of a folder."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files
    }


def call(*command):
    """Run a command to its end, silently; stop the benchmark if it fails."""
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
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


METHODS = {
    "papermill, one after another": papermill,
    "nbconvert --execute, one after another": nbconvert,
    "crmo reproduce --fresh": reproduce,
    "crmo reproduce --fresh --jobs 1": reproduce_alone,
    "crmo reproduce, nothing changed": unchanged,
}


def measure(notebooks, repeats):
    """Return the seconds of every method in every repeat."""
    seconds = {name: [] for name in METHODS}
    for repeat in range(repeats):
        names = list(METHODS)
        # "Nothing changed" needs a run before it, and stays last.
        names = names[:-1][:: -1 if repeat % 2 else 1] + names[-1:]
        for name in names:
            with tempfile.TemporaryDirectory() as folder:
                start = time.perf_counter()
                METHODS[name](notebooks, Path(folder))
                seconds[name].append(time.perf_counter() - start)
            print(f"{name}: {seconds[name][-1]:.1f} s", file=sys.stderr, flush=True)
    return seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    repeats = parser.parse_args().repeats
    notebooks = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))
    if not notebooks:
        raise SystemExit(f"There is no notebook in {ROOT / 'notebooks'}.")
    unchanged(notebooks, None)  # so that every method finds the figures made
    before = fingerprint(ROOT / "figures")
    seconds = measure(notebooks, repeats)
    usual = statistics.median(seconds["papermill, one after another"])
    table = Table(title=f"{len(notebooks)} notebooks, median of {repeats}")
    for heading in ("method", "seconds", "range", "times faster"):
        table.add_column(heading, justify="left" if heading == "method" else "right")
    for name, values in seconds.items():
        median = statistics.median(values)
        table.add_row(
            name, f"{median:.1f}", f"{min(values):.1f} to {max(values):.1f}", f"{usual / median:.1f}"
        )
    Console().print(table)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    print(f"Python {platform.python_version()}, {platform.system()} {platform.machine()}, {cores} cores")
    if fingerprint(ROOT / "figures") != before:
        raise SystemExit("The figures have changed: a rerun must leave them as they are.")
    print(f"The {len(before)} files in figures/ are unchanged.")


if __name__ == "__main__":
    main()
