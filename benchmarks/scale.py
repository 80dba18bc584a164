"""Many runs of one small notebook: `crmo sweep` beside what else would run them, and what a thousand runs leave.

    python benchmarks/scale.py [--runs 1,10,100,1000] [--peers 3] [--out FILE.png]

The notebook reads 54 patients, correlates and fits, and draws. Each way does the same runs on one core, start of the
program included: `crmo sweep --jobs 1`; `papermill` and `jupyter nbconvert --execute` called once a run; `nbclient` in
one process, a kernel a run; and the floor, the notebook's cells in one warm interpreter. The last column is the time
of a run over that of `crmo sweep` at the largest number of runs.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOK = ROOT / "benchmarks" / "notebooks" / "small.ipynb"
CRMO = [sys.executable, "-m", "crmo_analysis.cli"]
ONE_CORE = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def cohort(folder: Path, n: int = 54) -> Path:
    """Write n random patients."""
    rng = np.random.default_rng(1)
    lesions = 1 + rng.poisson(5, n)
    severity = np.clip(np.round(lesions / 2 + rng.normal(2, 2, n)), 0, 10).astype(int)
    table = pd.DataFrame({"patient": range(1, n + 1), "n_lesions": lesions, "clinical_severity": severity})
    table.to_csv(folder / "cohort.csv", index=False)
    return folder / "cohort.csv"


def call(*command: object) -> float:
    """Run a command to its end, silently, on one core; return its seconds."""
    start = time.perf_counter()
    words = ["taskset", "-c", "0", *map(str, command)]
    done = subprocess.run(words, cwd=ROOT, env=os.environ | ONE_CORE, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(words)} failed:\n{done.stdout}{done.stderr}")
    return time.perf_counter() - start


def sweep(folder: Path, runs: int) -> float:
    grid = folder / f"grid-{runs}.yaml"
    grid.write_text(f"cohort: {json.dumps(str(folder / 'cohort.csv'))}\nseed: {list(range(runs))}\n", encoding="utf-8")
    return call(*CRMO, "sweep", NOTEBOOK, grid, "--jobs", 1, "--out", folder / f"sweep-{runs}")


def papermill(folder: Path, runs: int) -> float:
    data = folder / "cohort.csv"
    values = [("-p", "cohort", data, "-p", "seed", seed, "-p", "out", folder) for seed in range(runs)]
    return sum(call(sys.executable, "-m", "papermill", NOTEBOOK, folder / "p.ipynb", *value) for value in values)


def filled(folder: Path, seed: int) -> nbformat.NotebookNode:
    book = nbformat.read(NOTEBOOK, as_version=4)
    book.cells[1].source = f"cohort = {str(folder / 'cohort.csv')!r}\nseed = {seed}\nout = {str(folder)!r}"
    return book


def nbconvert(folder: Path, runs: int) -> float:
    seconds = 0.0
    for seed in range(runs):
        nbformat.write(filled(folder, seed), folder / "c.ipynb")
        seconds += call(
            sys.executable,
            "-m",
            "nbconvert",
            "--to",
            "notebook",
            "--execute",
            folder / "c.ipynb",
            "--output",
            "d.ipynb",
        )
    return seconds


LOOP = """import sys, nbformat
from nbclient import NotebookClient
for path in sys.argv[1:]:
    book = nbformat.read(path, as_version=4)
    NotebookClient(book).execute()
    nbformat.write(book, path)
"""
FLOOR = """import sys, nbformat
for path in sys.argv[1:]:
    shell = {"__name__": "__main__"}
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "code":
            exec(compile(cell.source, path, "exec"), shell)
"""


def in_process(program: str, folder: Path, runs: int) -> float:
    paths = []
    for seed in range(runs):
        paths.append(folder / f"n-{seed}.ipynb")
        nbformat.write(filled(folder, seed), paths[-1])
    return call(sys.executable, "-c", program, *paths)


def left_over(before: set[str]) -> str:
    """Say which processes of ours, and which folders of theirs, are there that were not before."""
    mine = [
        path.parent.name
        for path in Path("/proc").glob("[0-9]*/cmdline")
        if b"crmo_analysis.warm" in path.read_bytes() or b"ipykernel" in path.read_bytes()
    ]
    folders = {path.name for path in Path(tempfile.gettempdir()).glob("crmo-*")} - before
    return f"{len(mine)} processes, {len(folders)} temporary folders"


def main() -> None:
    """Print the table, and draw time against number of runs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", default="1,10,100,1000")
    parser.add_argument("--peers", type=int, default=3, help="runs by programs that start anew each time")
    parser.add_argument("--out", type=Path, help="a picture of time against runs")
    given = parser.parse_args()
    counts = [int(count) for count in given.runs.split(",")]
    before = {path.name for path in Path(tempfile.gettempdir()).glob("crmo-*")}
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        cohort(folder)
        for count in counts:
            rows.append(("crmo sweep", count, sweep(folder, count)))
            print(f"crmo sweep: {count} runs in {rows[-1][2]:.1f} s; left: {left_over(before)}", flush=True)
        memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        ways = {"papermill": papermill, "jupyter nbconvert": nbconvert}
        for way, method in ways.items():
            singles = [method(folder, 1) for _ in range(given.peers)]
            rows.append((way, 1, statistics.median(singles)))
        rows.append(("nbclient, one process", 10, in_process(LOOP, folder, 10)))
        ten, many = in_process(FLOOR, folder, 10), in_process(FLOOR, folder, 110)
        rows.append(("floor: cells in one interpreter", 100, many - ten))
    table = pd.DataFrame(rows, columns=["way", "runs", "seconds"])
    table["seconds a run"] = table["seconds"] / table["runs"]
    ours = table.loc[(table["way"] == "crmo sweep") & (table["runs"] == max(counts)), "seconds a run"].iloc[0]
    table["times crmo sweep"] = table["seconds a run"] / ours
    print(table.round(3).to_string(index=False))
    floor = table["seconds a run"].iloc[-1]
    print(f"overhead of a run beyond its own computation: {ours - floor:.2f} s; largest process: {memory:.0f} MB")
    if given.out:
        draw(table, given.out)


def draw(table: pd.DataFrame, path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.5, 3.6), dpi=200, layout="constrained")
    axes = figure.subplots()
    runs = np.array([1, 1000])
    for way, rows in table.groupby("way", sort=False):
        if len(rows) > 1:
            axes.plot(rows["runs"], rows["seconds"], "o-", label=way)
        else:
            axes.plot(
                runs, runs * rows["seconds a run"].iloc[0], "--", lw=1, label=f"{way} (from {rows['runs'].iloc[0]})"
            )
    axes.set(xscale="log", yscale="log", xlabel="runs", ylabel="seconds, one core")
    axes.grid(color="#dddddd", lw=0.5)
    axes.legend(frameon=False, fontsize=7)
    figure.savefig(path, metadata={"Software": None})


if __name__ == "__main__":
    main()
