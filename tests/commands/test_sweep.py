"""A grid of runs: what is in it, that each is done once, and that a cluster loses none."""

import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import CancelledError
from dataclasses import replace
from pathlib import Path
from unittest.mock import MagicMock, Mock

import nbformat
import pytest

from crmo_analysis.commands import sweep as module
from crmo_analysis.commands.sweep import plan, read_grid, run_one
from crmo_analysis.files import PACKAGE, InputError

PARAMETERS = """a = 1  # a number
names = ["x"]  # a list
file = ""  # an input
seconds = 0.0  # to wait
out = ""  # folder"""
BODY = """import os, time
from pathlib import Path
time.sleep(seconds)
hold = Path(out).parent.parent / "hold"
for _ in range(6000):
    if a < 20 or not hold.exists():
        break
    time.sleep(0.05)
if a == 13:
    raise ValueError("thirteen")
log = Path(out).parent.parent / "log"
log.mkdir(exist_ok=True)
(log / f"{a}-{os.getpid()}-{time.monotonic_ns()}").touch()
content = Path(file).read_text() if file else ""
Path(out, "tables").mkdir(exist_ok=True)
Path(out, "tables", "squares.csv").write_text(f"square,names,content\\n{a * a},{'+'.join(names)},{content}\\n")"""


@pytest.fixture
def notebook(tmp_path, monkeypatch):
    """Write a notebook that leaves a small table, in an empty folder that tests run in."""
    monkeypatch.chdir(tmp_path)
    cells = [
        nbformat.v4.new_markdown_cell("# How large is a square?"),
        nbformat.v4.new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]}),
        nbformat.v4.new_code_cell(BODY),
    ]
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    path = tmp_path / "square.ipynb"
    path.write_text(
        nbformat.writes(nbformat.v4.new_notebook(cells=cells, metadata=metadata)), encoding="utf-8"
    )
    return path


def grid_of(notebook, text):
    path = notebook.with_name("grid.yaml")
    path.write_text(text, encoding="utf-8")
    return read_grid(path, notebook)


def sweep(notebook, grid, out, jobs, cluster="", how=None):
    return module.sweep(plan(notebook, grid, out, how), jobs, cluster)


def collect(notebook, grid, rows, out, how=None):
    return module.collect(plan(notebook, grid, out, how), rows, out)


def rows_of(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_combination_is_listed_in_order(notebook):
    assert grid_of(notebook, "a: [1, 2]\nseconds: [0, 0.5]\nnames: [x, y]\n") == [
        {"a": a, "seconds": s, "names": ["x", "y"]} for a in (1, 2) for s in (0, 0.5)
    ]
    assert grid_of(notebook, "names: [[x], [x, y]]") == [{"names": ["x"]}, {"names": ["x", "y"]}]


def test_values_keep_their_kind_and_a_point_of_the_grid_counts_once(notebook):
    assert grid_of(notebook, "a: [1, 2, 1]\nseconds: [1, 1.0, 1e-3]") == [
        {"a": a, "seconds": s} for a in (1, 2) for s in (1, 0.001)
    ]
    assert grid_of(notebook, "file: [2020-01-31, 'yes', '007']") == [
        {"file": text} for text in ("2020-01-31", "yes", "007")
    ]
    assert grid_of(notebook, "names: [[2020-01-31]]") == [{"names": ["2020-01-31"]}]
    with pytest.raises(InputError, match="file must be text, not True"):
        grid_of(notebook, "file: [yes]")


def test_a_run_whose_files_are_gone_is_run_again(notebook, tmp_path):
    grid, out = grid_of(notebook, "a: [1, 2, 3]"), tmp_path / "out"
    list(sweep(notebook, grid, out, jobs=2))
    runs = sorted((out / "runs").iterdir())
    shutil.rmtree(runs[0])
    (runs[1] / "tables/squares.csv").unlink()
    rows = dict(sweep(notebook, grid, out, jobs=2))
    assert {row["state"] for row in rows.values()} == {"done"}
    assert len(rows_of(collect(notebook, grid, rows, out)[1])) == 3
    assert len(list((out / "log").iterdir())) == 5


def test_an_odd_table_is_one_line_of_the_report(notebook, tmp_path):
    odd = """content = {2: b"a\\n\\xe4\\n", 3: b"a\\n1,2,3\\n1,2\\n", 4: b""}.get(a, b"a\\n1\\n")
Path(out, "tables", "odd.csv").write_bytes(content)"""
    content = json.loads(notebook.read_text())
    content["cells"][-1]["source"] = [*content["cells"][-1]["source"], "\n" + odd]
    notebook.write_text(json.dumps(content))
    (tmp_path / "grid.yaml").write_text("a: [1, 2, 3, 4, 5]")
    command = [sys.executable, "-m", "crmo_analysis", "sweep", "square.ipynb", "grid.yaml", "--out", "out"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 1, done.stderr
    assert done.stdout.count("tables/odd.csv cannot be collected") == 3
    assert "2 done, 3 odd; " in done.stdout
    assert [row["state"] for row in rows_of(tmp_path / "out/runs.csv")] == ["done", *["odd"] * 3, "done"]
    assert [row["square"] for row in rows_of(tmp_path / "out/tables/squares.csv")] == [
        "1",
        "4",
        "9",
        "16",
        "25",
    ]
    assert len(rows_of(tmp_path / "out/tables/odd.csv")) == 2


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("b: [1]", InputError, "no parameter 'b'"),
        ("a: [one]", InputError, "a must be a whole number, not 'one'"),
        ("a: []", InputError, "gives 0 runs"),
        ("a: [1, 2", InputError, "cannot be read"),
        ("a: [1]\na: [2]", InputError, "grid.yaml"),
        ("- a", InputError, "expected names of parameters"),
        ("a: [&x [1, 2], *x]", InputError, "a reference"),
        ("a: " + "[" * 200_000 + "]" * 200_000, InputError, "has more than 50 parts within each other"),
        ("out: [x]", InputError, "out is set for every run"),
        ("a: !!python/object/apply:os.system [x]", InputError, "cannot be read"),
    ],
)
def test_what_is_no_grid_is_refused(notebook, text, error, message):
    with pytest.raises(error, match=message):
        grid_of(notebook, text)


def test_too_many_runs_are_refused(notebook, monkeypatch):
    monkeypatch.setattr(module, "MOST_RUNS", 3)
    with pytest.raises(InputError, match="gives 4 runs, expected 1 to 3"):
        grid_of(notebook, "a: [1, 2]\nseconds: [0.0, 0.1]")
    with pytest.raises(InputError, match="there is no such file"):
        read_grid(Path("no.yaml"), notebook)


def test_a_file_that_changes_in_a_long_process_is_seen(notebook, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "ROOT", tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "data/codebook.yaml").write_text("one")
    before = module.fingerprint(notebook, {})
    assert module.fingerprint(notebook, {}) == before
    (tmp_path / "data/codebook.yaml").write_text("two")
    assert module.fingerprint(notebook, {})["code"] != before["code"]


def test_tables_of_an_earlier_sweep_are_not_left_beside_a_later_one(notebook, tmp_path):
    def planned(name):
        (tmp_path / "runs" / name / "tables/x").mkdir(parents=True)
        (tmp_path / "runs" / name / "tables/x" / f"{name}.csv").write_text("a\n1\n")
        return module.Planned(notebook, {"n": 1}, {}, tmp_path / "runs" / name, {})

    module.collect([planned("old")], {0: {"state": "done", "cause": ""}}, tmp_path)
    (tmp_path / "tables/notes.csv").write_text("somebody's own")
    module.collect([planned("new")], {0: {"state": "failed", "cause": "x"}}, tmp_path)
    assert [path.name for path in (tmp_path / "tables").iterdir()] == ["notes.csv"]


def test_what_is_done_stays_done_and_a_failure_is_collected(notebook, tmp_path):
    grid, out = grid_of(notebook, "a: [1, 2, 13]\nnames: [[x], [x, y]]"), tmp_path / "out"
    rows = dict(sweep(notebook, grid, out, jobs=2))
    assert [rows[place]["state"] for place in range(6)] == ["done"] * 4 + ["failed"] * 2
    assert "thirteen" in rows[5]["cause"]
    written = collect(notebook, grid, rows, out)
    assert [path.name for path in written] == ["runs.csv", "squares.csv"]
    runs, squares = map(rows_of, written)
    assert [row["state"] for row in runs] == ["done"] * 4 + ["failed"] * 2
    assert runs[4]["command"].startswith("crmo run square.ipynb -p a 13")
    assert [(row["a"], row["square"], row["grid_names"]) for row in squares] == [
        ("1", "1", "['x']"), ("1", "1", "['x', 'y']"), ("2", "4", "['x']"), ("2", "4", "['x', 'y']"),
    ]  # fmt: skip
    before = len(list((out / "log").iterdir()))
    assert before == 4
    again = dict(sweep(notebook, grid, out, jobs=2))
    assert len(list((out / "log").iterdir())) == before
    assert again[0] == rows[0]
    bytes_before = written[0].read_bytes()
    assert collect(notebook, grid, again, out)[0].read_bytes() == bytes_before


def test_tables_are_collected_as_they_stand_and_hold_no_formula(notebook, tmp_path):
    text = notebook.read_text(encoding="utf-8").replace("{a * a}", "007").replace("{content}", "'=1+1")
    notebook.write_text(text, encoding="utf-8")
    grid, out = grid_of(notebook, 'a: [1]\nnames: [["=cmd", "-2"], ["+x"]]'), tmp_path / "out"
    runs, squares = map(rows_of, collect(notebook, grid, dict(sweep(notebook, grid, out, jobs=1)), out))
    assert [row["names"] for row in runs] == ["['=cmd', '-2']", "['+x']"]
    assert [(row["square"], row["names"], row["content"]) for row in squares] == [
        ("007", "'=cmd+-2", "'=1+1"), ("007", "'+x", "'=1+1"),
    ]  # fmt: skip


def test_another_input_file_is_another_run(notebook, tmp_path):
    (tmp_path / "in.txt").write_text("first", encoding="utf-8")
    grid = grid_of(notebook, "file: [in.txt]")
    assert grid[0]["file"] == str(tmp_path / "in.txt")
    names = set()
    for text in ("first", "second", "first"):
        (tmp_path / "in.txt").write_text(text, encoding="utf-8")
        names.add(plan(notebook, grid, tmp_path)[0].folder.name)
    assert len(names) == 2
    notebook.write_text(notebook.read_text(encoding="utf-8") + " ", encoding="utf-8")
    names.add(plan(notebook, grid, tmp_path)[0].folder.name)
    assert len(names) == 3


@pytest.mark.parametrize("name", ["version", "code", "notebook"])
def test_a_machine_with_another_version_or_file_refuses(notebook, tmp_path, name):
    [run] = plan(notebook, [{"a": 2}], tmp_path / "out")
    row = run_one(replace(run, expected=run.expected | {name: "other"}))
    assert row == {"state": "refused", "cause": f"this machine has no such file, or another: {name}"}
    assert not run.folder.exists()
    assert run_one(replace(run, notebook=tmp_path / "no.ipynb"))["state"] == "refused"


def test_no_cluster_is_a_clear_error(notebook, tmp_path, monkeypatch):
    distributed = pytest.importorskip("distributed")
    client = distributed.Client
    monkeypatch.setattr(
        distributed, "Client", lambda *given, **named: client(*given, **named | {"timeout": "1s"})
    )
    grid = grid_of(notebook, "a: [1]")
    with pytest.raises(InputError, match="there is no Dask scheduler at tcp"):
        list(sweep(notebook, grid, tmp_path / "out", 1, "tcp://127.0.0.1:9"))


@pytest.mark.parametrize("error", [CancelledError, ConnectionResetError])
def test_a_scheduler_lost_while_a_result_is_on_its_way_is_a_clear_error(
    notebook, tmp_path, monkeypatch, error
):
    distributed = pytest.importorskip("distributed")
    client = MagicMock()
    client.run.return_value = {"worker": ""}
    client.submit.side_effect = lambda *given, key, **named: Mock(
        key=key,
        **{"cancelled.return_value": False, "exception.return_value": None, "result.side_effect": error},
    )
    monkeypatch.setattr(distributed, "Client", lambda *given, **named: client)
    monkeypatch.setattr(distributed, "as_completed", lambda futures, **named: iter(futures))
    with pytest.raises(
        InputError, match="the Dask scheduler at there was lost; the same command does the rest"
    ):
        list(sweep(notebook, grid_of(notebook, "a: [1]"), tmp_path / "out", 1, "there"))


QUIET = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
DASK = [sys.executable, "-m", "dask"]


def start_worker(folder, place, **options):
    command = [
        "worker",
        "--scheduler-file",
        str(folder / "scheduler.json"),
        "--local-directory",
        str(folder / place),
    ]
    single = ["--no-nanny", "--nthreads", "1", "--host", "127.0.0.1", "--no-dashboard"]
    return subprocess.Popen([*DASK, *command, *single], **QUIET, **options)


def wait_for(address, workers):
    from distributed import Client

    with Client(address, timeout="300s", set_as_default=False) as client:
        client.wait_for_workers(workers, timeout=300)


@pytest.fixture
def cluster(tmp_path):
    """Start a scheduler and two workers on the loopback interface.

    Stop them at the end, whatever happened.
    """
    pytest.importorskip("distributed")
    scheduler_file = tmp_path / "scheduler.json"
    listening = [
        "--host",
        "127.0.0.1",
        "--port",
        "0",
        "--no-dashboard",
        "--scheduler-file",
        str(scheduler_file),
    ]
    processes = [subprocess.Popen([*DASK, "scheduler", *listening], **QUIET)]
    processes += [start_worker(tmp_path, f"worker-{place}") for place in range(2)]
    try:
        for _ in range(3000):
            if scheduler_file.is_file() and scheduler_file.stat().st_size:
                break
            time.sleep(0.1)
        address = json.loads(scheduler_file.read_text())["address"]
        wait_for(address, 2)
        yield address, processes
    finally:
        for process in processes[
            ::-1
        ]:  # one after the other: workers that leave together wait for each other
            process.terminate()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@pytest.mark.parametrize("many", [12, pytest.param(200, marks=pytest.mark.slow)])
def test_a_killed_worker_loses_no_run(notebook, tmp_path, cluster, many):
    address, processes = cluster
    values = [*range(14, 14 + many)]
    grid = grid_of(notebook, f"a: {values}")
    rows, out = {}, tmp_path / "out"
    for place, row in sweep(notebook, grid, out, 1, address):
        assert place not in rows
        rows[place] = row
        if len(rows) == many // 2:
            os.kill(processes[1].pid, signal.SIGKILL)
    assert {row["state"] for row in rows.values()} == {"done"}
    written = collect(notebook, grid, rows, out)
    assert sorted(int(row["a"]) for row in rows_of(written[1])) == values
    assert len(rows_of(written[0])) == len(grid) == len(list((out / "runs").iterdir())) == many
    rows = dict(sweep(notebook, grid, tmp_path / "threads", jobs=2))
    on_threads = collect(notebook, grid, rows, tmp_path / "threads")
    assert on_threads[1].read_bytes() == written[1].read_bytes()


@pytest.mark.slow
def test_a_lost_scheduler_is_a_clear_error(notebook, tmp_path, cluster):
    address, processes = cluster
    (tmp_path / "grid.yaml").write_text(f"a: {[*range(14, 100)]}\nseconds: 0.1", encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "crmo_analysis",
        "sweep",
        "square.ipynb",
        "grid.yaml",
        "--cluster",
        address,
    ]
    swept = subprocess.Popen(
        [*command, "--out", "out"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    for _ in range(3000):
        if len(list(tmp_path.glob("out/runs/*/run.json"))) > 4:
            break
        time.sleep(0.1)
    processes[0].kill()
    stdout, stderr = swept.communicate(timeout=300)
    lost = f"crmo: the Dask scheduler at {address} was lost; the same command does the rest\n"
    assert (stderr, swept.returncode) == (lost, 2), stdout
    assert re.search(r"\d+ done, \d+ waiting", stdout)
    done = [row["state"] for row in rows_of(tmp_path / "out" / "runs.csv")]
    assert done.count("done") >= 4
    assert set(done) == {"done", "waiting"}


@pytest.mark.slow
def test_workers_that_lack_something_are_left_out(notebook, tmp_path, cluster, capsys, monkeypatch):
    address, processes = cluster
    elsewhere, other = tmp_path / "elsewhere", tmp_path / "other version"
    for folder in (tmp_path, elsewhere):
        folder.mkdir(exist_ok=True)
        (folder / "in.txt").write_text(folder.name, encoding="utf-8")
    shutil.copytree(PACKAGE, other / "crmo_analysis")
    code = (PACKAGE / "__init__.py").read_text(encoding="utf-8")
    (other / "crmo_analysis" / "__init__.py").write_text(
        re.sub(r'"[\d.]+"', '"0.0.1"', code), encoding="utf-8"
    )
    processes.append(start_worker(tmp_path, "worker-elsewhere", cwd=elsewhere))
    processes.append(start_worker(tmp_path, "worker-other", env=os.environ | {"PYTHONPATH": str(other)}))
    wait_for(address, 4)
    # A path that leads every process to its own working folder: the third worker finds another file there.
    grid = grid_of(notebook, "a: [1, 2, 3, 4, 5, 6]\nfile: /proc/self/cwd/in.txt")
    rows = dict(sweep(notebook, grid, tmp_path / "out", 1, address))
    assert {row["state"] for row in rows.values()} == {"done"}
    said = capsys.readouterr().err
    assert said.count("is left out: it has no such file, or another: ") == 2
    assert "another: version, code\n" in said
    assert "another: /proc/self/cwd/in.txt\n" in said
    monkeypatch.chdir(other)
    (other / "in.txt").write_text("nobody has this", encoding="utf-8")
    with pytest.raises(InputError, match=r"no worker can take part: .*in\.txt"):
        list(sweep(notebook, grid, tmp_path / "out", 1, address))


@pytest.mark.slow
def test_a_worker_that_comes_later_and_lacks_something_loses_no_run(notebook, tmp_path, cluster, capsys):
    address, processes = cluster
    (tmp_path / "in.txt").write_text("here", encoding="utf-8")
    (tmp_path / "elsewhere").mkdir()
    grid = grid_of(notebook, f"a: {[*range(18, 30)]}\nfile: /proc/self/cwd/in.txt")
    rows, hold = {}, tmp_path / "out" / "hold"
    hold.parent.mkdir()
    hold.touch()  # all but the first two runs wait until the third worker is there
    for place, row in sweep(notebook, grid, tmp_path / "out", 1, address):
        rows[place] = row
        if len(rows) == 2:
            processes.append(start_worker(tmp_path, "worker-late", cwd=tmp_path / "elsewhere"))
            wait_for(address, 3)
            hold.unlink()
    assert len(rows) == 12
    assert {row["state"] for row in rows.values()} == {"done"}
    assert "is left out: it has no such file, or another: /proc/self/cwd/in.txt" in capsys.readouterr().err


def test_cohorts_of_the_same_patients_but_for_one_are_not_swept_together(tmp_path):
    rows = [f"Q{i:02},{1 + i * 7 % 12},{i * 3 % 11},{4 + i / 8:g}" for i in range(41)]
    header = "patient,n_lesions,clinical_severity,age_diagnosis\n"
    for name, n in (("2025", 40), ("2026", 41), ("2027", 20)):
        (tmp_path / f"{name}.csv").write_text(header + "\n".join(rows[:n]) + "\n", encoding="utf-8")
    book = PACKAGE.parent / "notebooks" / "60_lesions_and_severity.ipynb"

    def grid(*names, **values):
        return [{"cohort": str(tmp_path / f"{name}.csv"), **values} for name in names]

    with pytest.raises(
        InputError, match="are of the same patients but for fewer than 5, of whom tables of both"
    ):
        module.refuse_nearly_the_same(book, grid("2025", "2026"))
    module.refuse_nearly_the_same(book, grid("2025", "2026", suppress=False))
    module.refuse_nearly_the_same(book, grid("2025", "2025"))
    module.refuse_nearly_the_same(book, grid("2025", "2027"))
    module.refuse_nearly_the_same(book, grid("2025", "missing"))


def test_relative_paths_of_a_sweep_start_where_it_is_said(notebook, tmp_path):
    content = json.loads(notebook.read_text())
    content["cells"][-1]["source"] = "Path_of = open('beside.txt').read()\nprint(Path_of)"
    notebook.write_text(json.dumps(content))
    names = set()
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "beside.txt").write_text(folder)
        how = {"cwd": Path(folder), "time_limit": 60, "plain": False}
        grid = grid_of(notebook, "a: 1")
        rows = dict(sweep(notebook, grid, tmp_path / "out", jobs=1, how=how))
        [run] = rows_of(collect(notebook, grid, rows, tmp_path / "out", how)[0])
        assert run["state"] == "done", run
        assert f"--cwd {tmp_path / folder}" in run["command"]
        names.add(run["run"])
    assert len(names) == 2
