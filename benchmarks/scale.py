"""Many runs of one small notebook, and one run of many patients: `crmo` beside what else would run them.

    python benchmarks/scale.py [--runs 1,10,100,1000] [--patients 100,1000,10000,100000,1000000] [--repeats 3]
                               [--out FILE.png]

The notebook reads patients, correlates and fits, and draws. Each way does the same on one core, start of the
program included: `crmo sweep --jobs 1` (`crmo run` for one run); `papermill` and `jupyter nbconvert
--execute`, called once a run; `nbclient` in one process, a kernel a run; and the floor, the notebook's cells
in one warm interpreter. Times are medians of the repeats, but for more than 100 runs. While the longest sweep
goes on, its processes, their memory and open files are looked at; at its end, what it left.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOK = ROOT / "benchmarks" / "notebooks" / "small.ipynb"
CRMO = [sys.executable, "-m", "crmo_analysis"]
ONE_CORE = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
MARK = "CRMO_SCALE_TRIAL"


def cohort(folder: Path, n: int = 54) -> Path:
    """Write n random patients."""
    rng = np.random.default_rng(1)
    lesions = 1 + rng.poisson(5, n)
    severity = np.clip(np.round(lesions / 2 + rng.normal(2, 2, n)), 0, 10).astype(int)
    table = pd.DataFrame({"patient": range(1, n + 1), "n_lesions": lesions, "clinical_severity": severity})
    path = folder / f"cohort-{n}.csv"
    table.to_csv(path, index=False)
    return path


def call(*command: object, watch: Callable[[int], None] | None = None) -> tuple[float, str]:
    """Run a command to its end, on one core; return its seconds and what it printed."""
    start = time.perf_counter()
    words = ["taskset", "-c", "0", *map(str, command)]
    environment = os.environ | ONE_CORE | {MARK: "1"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(words, cwd=ROOT, env=environment, **pipes) as process:
        if watch:
            watch(process.pid)
        said, complained = process.communicate()
    if process.returncode:
        raise SystemExit(f"{' '.join(words)} failed:\n{said}{complained}")
    return time.perf_counter() - start, said


def sweep(folder: Path, data: Path, runs: int, watch: Callable[[int], None] | None = None) -> float:
    place = tempfile.mkdtemp(dir=folder)
    grid = Path(place, "grid.yaml")
    grid.write_text(f"cohort: {json.dumps(str(data))}\nseed: {list(range(runs))}\n", encoding="utf-8")
    return call(*CRMO, "sweep", NOTEBOOK, grid, "--jobs", 1, "--out", place, watch=watch)[0]


def run(folder: Path, data: Path) -> float:
    return call(*CRMO, "run", NOTEBOOK, "-p", "cohort", data, "--out", tempfile.mkdtemp(dir=folder))[0]


def papermill(folder: Path, data: Path) -> float:
    values = ("-p", "cohort", data, "-p", "out", folder)
    return call(sys.executable, "-m", "papermill", NOTEBOOK, folder / "p.ipynb", *values)[0]


def filled(folder: Path, data: Path, seed: int) -> Path:
    book = nbformat.read(NOTEBOOK, as_version=4)
    book.cells[1].source = f"cohort = {str(data)!r}\nseed = {seed}\nout = {str(folder)!r}"
    nbformat.write(book, folder / f"n-{seed}.ipynb")
    return folder / f"n-{seed}.ipynb"


def nbconvert(folder: Path, data: Path) -> float:
    words = (
        "-m",
        "nbconvert",
        "--to",
        "notebook",
        "--execute",
        filled(folder, data, 0),
        "--output",
        "d.ipynb",
    )
    return call(sys.executable, *words)[0]


LOOP = """import sys, nbformat
from nbclient import NotebookClient
for path in sys.argv[1:]:
    book = nbformat.read(path, as_version=4)
    NotebookClient(book).execute()
    nbformat.write(book, path)
"""
FLOOR = """import sys, time, nbformat
for path in sys.argv[1:]:
    start, shell = time.perf_counter(), {"__name__": "__main__"}
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "code":
            exec(compile(cell.source, path, "exec"), shell)
    print(time.perf_counter() - start)
"""


def nbclient(folder: Path, data: Path, runs: int) -> float:
    return call(sys.executable, "-c", LOOP, *(filled(folder, data, seed) for seed in range(runs)))[0]


def floor(folder: Path, data: Path, runs: int) -> float:
    """Return the median seconds of a run in an interpreter that has done one before."""
    said = call(sys.executable, "-c", FLOOR, *(filled(folder, data, seed) for seed in range(runs + 1)))[1]
    return statistics.median(map(float, said.split()[1:]))


class Watch:
    """What a sweep takes while it goes on.

    Memory (MB) and open files of the program, memory of its kernels alone.
    """

    def __init__(self):
        self.seen, self.private, self.largest = [], 0.0, 0.0

    def __call__(self, pid: int) -> None:
        threading.Thread(target=self._look, args=(pid,), daemon=True).start()

    def _look(self, pid: int) -> None:
        program = Path(f"/proc/{pid}")
        while program.exists():
            try:
                self.seen.append((self._memory(program, "VmRSS:"), len(list((program / "fd").iterdir()))))
                for child in self._below(pid):
                    self.largest = max(self.largest, self._memory(Path(f"/proc/{child}"), "VmRSS:"))
                    if child not in self._below(pid, 1):  # below the server that kernels are forked from
                        rollup = Path(f"/proc/{child}/smaps_rollup").read_text().splitlines()
                        own = (
                            sum(int(line.split()[1]) for line in rollup if line.startswith("Private_")) / 1024
                        )
                        self.private = max(self.private, own)
            except (OSError, ValueError, IndexError, StopIteration):
                pass  # a process has ended meanwhile
            time.sleep(0.2)

    @staticmethod
    def _memory(process: Path, name: str) -> float:
        line = next(line for line in (process / "status").read_text().splitlines() if line.startswith(name))
        return int(line.split()[1]) / 1024

    def _below(self, pid: int, depth: int = 9) -> list[int]:
        found = []
        for task in Path(f"/proc/{pid}/task").iterdir() if depth else ():
            for child in map(int, (task / "children").read_text().split()):
                found += [child, *self._below(child, depth - 1)]
        return found

    def said(self) -> str:
        tenth, last = (self.seen[len(self.seen) * share // 100] for share in (10, 90))
        return (
            f"the program: {tenth[0]:.0f} MB and {tenth[1]} open files after a tenth of the time, "
            f"{last[0]:.0f} MB and"
            f" {last[1]} after nine; a kernel: {self.private:.0f} MB of its own, {self.largest:.0f} MB with "
            f"what all share"
        )


def left_over(before: set[str]) -> str:
    """Say which processes and temporary folders of ours, and listening ports, are there that were not before."""
    mine = [path for path in Path("/proc").glob("[0-9]*/environ") if _is_ours(path)]
    folders = {path.name for path in Path(tempfile.gettempdir()).glob("crmo-*")} - before
    ports = len(_ports() - _PORTS)
    return f"{len(mine)} processes, {len(folders)} temporary folders, {ports} ports"


def _is_ours(environ: Path) -> bool:
    try:
        return f"{MARK}=1".encode() in environ.read_bytes()
    except OSError:
        return False


def _ports() -> set[str]:
    """Return the addresses on which somebody listens."""
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    return {line.split()[1] for line in lines if line.split()[3] == "0A"}


_PORTS = _ports()


def runs_table(folder: Path, counts: list[int], repeats: int) -> pd.DataFrame:
    """Time numbers of runs in every way."""
    before = {path.name for path in Path(tempfile.gettempdir()).glob("crmo-*")}
    data, rows = cohort(folder), []
    for count in counts:
        watch = Watch() if count == max(counts) else None
        times = [sweep(folder, data, count, watch) for _ in range(repeats if count <= 100 else 1)]
        rows.append(("crmo sweep", count, statistics.median(times)))
        print(f"crmo sweep: {count} runs in {rows[-1][2]:.1f} s; left: {left_over(before)}", flush=True)
    print(watch.said(), flush=True)
    for way, method in {"papermill": papermill, "jupyter nbconvert": nbconvert}.items():
        rows.append((way, 1, statistics.median([method(folder, data) for _ in range(repeats)])))
    rows.append(
        ("nbclient, one process", 10, statistics.median([nbclient(folder, data, 10) for _ in range(repeats)]))
    )
    rows.append(("floor: cells in one interpreter", 1, floor(folder, data, 50)))
    table = pd.DataFrame(rows, columns=["way", "runs", "seconds"])
    table["seconds a run"] = table["seconds"] / table["runs"]
    ours = table.loc[(table["way"] == "crmo sweep") & (table["runs"] == max(counts)), "seconds a run"].iloc[0]
    table["times crmo sweep"] = table["seconds a run"] / ours
    print(table.round(3).to_string(index=False))
    print(
        f"overhead of a run beyond its own computation: {ours - table['seconds a run'].iloc[-1]:.2f} s\n",
        flush=True,
    )
    return table


PARTS = {
    "start_new_kernel": "a kernel is forked",
    "start_new_kernel_client": "it gets ready to answer",
    "papermill_execute_cells": "cells, and messages about them",
    "_cleanup_kernel": "it ends",
}


def parts_of_a_run(folder: Path, runs: int = 30) -> None:
    """Print where the time of a run goes, as medians, in this process."""
    from papermill.clientwrap import PapermillNotebookClient

    from crmo_analysis.execution import execute, warm

    os.sched_setaffinity(0, {0})
    times: dict[str, list[float]] = {label: [] for label in ("in all", *PARTS.values())}

    def timed(method: Callable, label: str) -> Callable:
        def call(*arguments, **options):
            start = time.perf_counter()
            try:
                return method(*arguments, **options)
            finally:
                times[label].append(time.perf_counter() - start)

        return call

    for name, label in PARTS.items():
        setattr(PapermillNotebookClient, name, timed(getattr(PapermillNotebookClient, name), label))
    data, run_timed = cohort(folder), timed(execute, "in all")
    for seed in range(runs):
        run_timed(NOTEBOOK, {"cohort": str(data), "seed": seed}, out=folder / f"part-{seed}")
    warm.stop()
    said = {label: statistics.median(seconds[3:]) for label, seconds in times.items()}
    print(
        "a run in seconds: " + ", ".join(f"{label} {seconds:.3f}" for label, seconds in said.items()) + "\n"
    )


def patients_table(folder: Path, sizes: list[int], repeats: int) -> pd.DataFrame:
    """Time one run of cohorts of several sizes in every way."""
    ways = {"crmo run": run, "papermill": papermill, "jupyter nbconvert": nbconvert}
    rows = []
    for n in sizes:
        data = cohort(folder, n)
        times = {way: [] for way in ways}
        for _ in range(repeats):
            for way, method in ways.items():
                times[way].append(method(folder, data))
        rows += [(way, n, statistics.median(seconds)) for way, seconds in times.items()]
        rows.append(("floor: cells in one interpreter", n, floor(folder, data, 3)))
    table = pd.DataFrame(rows, columns=["way", "patients", "seconds"])
    print(table.pivot_table("seconds", "patients", "way").round(2).to_string(), flush=True)
    return table


STYLES = {
    "crmo": ("#0072B2", "-", "crmo"),
    "papermill": ("#D55E00", "--", "papermill, called once a run"),
    "jupyter": ("#CC79A7", ":", "jupyter nbconvert, called once a run"),
    "nbclient,": ("#009E73", "-.", "nbclient, one process"),
    "floor:": ("#888888", "-", "the cells in one warm interpreter"),
}


def draw(runs: pd.DataFrame, patients: pd.DataFrame, path: Path) -> None:
    """Draw time against number of runs, and against patients; what was timed has a dot."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 3.7), dpi=200, layout="constrained")
    left, right = figure.subplots(1, 2)
    span = np.geomspace(1, runs["runs"].max(), 4)
    for axes, table, across in ((left, runs, "runs"), (right, patients, "patients")):
        for way, rows in table.groupby("way", sort=False):
            colour, line, label = STYLES[way.split(" ")[0]]
            at, seconds = rows[across].to_numpy(), rows["seconds"].to_numpy()
            if axes is left and len(rows) == 1:
                axes.plot(span, span * rows["seconds a run"].iloc[0], line, color=colour, lw=1.3)
            else:
                axes.plot(at, seconds, line, color=colour, lw=1.6)
            axes.plot(at, seconds, "o", color=colour, ms=3.5)
            if axes is left:
                axes.plot([], [], line, color=colour, label=label)
        axes.set(xscale="log", yscale="log")
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(lambda value, _: f"{value:,.0f}" if value >= 1 else f"{value:g}")
        axes.minorticks_off()
        axes.tick_params(labelsize=8)
        axes.grid(color="#e5e5e5", lw=0.5)
        axes.spines[["top", "right"]].set_visible(False)
    left.set_xlabel("runs of a small notebook, 54 patients", fontsize=8)
    right.set_xlabel("patients of one run", fontsize=8)
    left.set_ylabel("seconds on one core", fontsize=8)
    figure.legend(loc="outside lower center", ncols=3, frameon=False, fontsize=7.5)
    figure.savefig(path, metadata={"Software": None})


def main() -> None:
    """Print both tables, and draw them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", default="1,10,100,1000")
    parser.add_argument("--patients", default="100,1000,10000,100000,1000000")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path, help="a picture of time against runs and against patients")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="scale-") as folder:
        runs = runs_table(Path(folder), [*map(int, given.runs.split(","))], given.repeats)
        parts_of_a_run(Path(folder))
        patients = patients_table(Path(folder), [*map(int, given.patients.split(","))], given.repeats)
    if given.out:
        draw(runs, patients, given.out)


if __name__ == "__main__":
    main()
