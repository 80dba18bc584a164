"""How a kernel ends, and what stays out of it: the same files as after an ordinary kernel, wherever it runs."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from crmo_analysis.execution import engine, running, warm
from crmo_analysis.execution.running import NotebookFailed, execute
from crmo_analysis.files import InputError

forked = pytest.mark.skipif(not warm.available(), reason="kernels are not forked on this system")

# What is left open, in a hurry or by others when the last cell has run.
LEFT = (
    """import atexit, bz2, functools, json, logging, lzma, os, sqlite3, sys, tempfile, threading, time, weakref
from logging.handlers import MemoryHandler
import pandas as pd
class Own:
    def __del__(self):
        open("del.txt", "w").write("deleted")
own = Own()
cycle = open("cycle.txt", "w"), [own]
cycle[1].append(cycle); cycle[0].write("in a cycle")
weakref.finalize(own, lambda: open("finalized.txt", "w").write("finalized"))
os.kept, sys.kept, pd.kept = open("os.txt", "w"), open("sys.txt", "w"), open("pandas.txt", "w")
_ = [each.write("in a module") for each in (os.kept, sys.kept, pd.kept)]
xz = lzma.open("left.xz", "wt"); _ = xz.write("x" * 9)
bz = bz2.open("left.bz2", "wb"); _ = bz.write(b"x" * 9)
temporary = tempfile.NamedTemporaryFile(dir=".")""",
    """handler = MemoryHandler(100, target=logging.FileHandler("buffered.log", delay=True))
logging.getLogger("left").addHandler(handler)
logging.getLogger("left").warning("buffered")
def counted():
    try:
        yield 1
    finally:
        open("generator.txt", "w").write("closed")
numbers = counted(); _ = next(numbers)
@functools.lru_cache
def cached(name):
    file = open(name, "w"); file.write("cached"); return file
_ = cached("cached.txt")""",
    """Path = __import__("pathlib").Path
Path("own_module.py").write_text(
    "import atexit\\nfile = open('module.txt', 'w')\\nfile.write('of a module')\\n"
    "atexit.register(lambda: open('atexit.txt', 'w').write('ran'))\\n")
import own_module
def late():
    time.sleep(0.5)
    open("late.txt", "w").write("late")
threading.Thread(target=late).start()
from concurrent.futures import ThreadPoolExecutor
pool = ThreadPoolExecutor(1)
_ = pool.submit(lambda: (time.sleep(0.5), open("pool.txt", "w").write("late")))""",
    """import csv, gzip, queue, zipfile
table = open("table.csv", "w", newline=""); csv.writer(table).writerows([[i, i * i] for i in range(1000)])
gz = gzip.open("left.gz", "wt"); _ = gz.write("x" * 9)
archive = zipfile.ZipFile("left.zip", "w"); archive.writestr("a", "b")
book = pd.ExcelWriter("left.xlsx"); pd.DataFrame({"a": [1]}).to_excel(book)
base = sqlite3.connect("left.db"); _ = base.execute("create table t(a)"), base.execute("insert into t values(1)")
rows = queue.Queue()
def write_rows():
    with open("rows.txt", "w") as file:
        while (row := rows.get()) is not None:
            time.sleep(0.02); file.write(f"{row}")
threading.Thread(target=write_rows).start()
_ = [rows.put(row) for row in (*range(20), None)]""",
)


def write_cells(path, *sources):
    cells = [
        {"cell_type": "code", "id": f"c{place}", "metadata": {}, "source": source, "outputs": []}
        | {"execution_count": None}
        for place, source in enumerate(sources)
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    return path


def contents(folder):
    """Read what a run left in its working directory, but for the seconds that gzip and zip write into it."""
    found = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    for name in found.keys() & {"left.gz", "left.zip"}:
        found[name] = len(found[name])
    return found


@pytest.mark.slow
@forked
@pytest.mark.parametrize("bare", [False, True])
def test_nothing_is_lost_when_a_kernel_ends(tmp_path, bare):
    warm.stop()
    warm.start(bare)
    notebook = write_cells(tmp_path / "left.ipynb", *LEFT)
    for way in ("warm", "plain"):
        (tmp_path / way).mkdir()
        execute(notebook, out=tmp_path / "out" / way, cwd=tmp_path / way, plain=way == "plain")
    warm.stop()
    left = contents(tmp_path / "warm")
    assert left == contents(tmp_path / "plain")
    texts = [content for name, content in left.items() if name.endswith((".txt", ".log", ".csv"))]
    assert len(texts) == 15
    assert all(texts)


@forked
def test_a_process_that_outlives_its_kernel_has_time_to_end(tmp_path):
    notebook = write_cells(
        tmp_path / "starts.ipynb",
        "import os, subprocess\nos.system('(sleep 1; echo x > behind.txt) &')\n"
        "_ = subprocess.Popen(['sh', '-c', 'sleep 1; echo x > apart.txt'], start_new_session=True)",
    )
    program = "from crmo_analysis.execution import execute, warm\nwarm.start(bare=True)\n"
    program += "execute('starts.ipynb', out='out')"
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True, timeout=120)
    assert {"behind.txt", "apart.txt"} <= {path.name for path in tmp_path.iterdir()}
    assert notebook.is_file()


@pytest.mark.parametrize("plain", [pytest.param(False, marks=forked), True])
@pytest.mark.parametrize(
    ("source", "cause"),
    [
        ("os._exit(3)", "ended itself with exit code 3"),
        ("os.kill(os.getpid(), 11)", r"crashed \(SIGSEGV\)"),
        ("os.kill(os.getpid(), 15); time.sleep(5)", "was stopped by SIGTERM"),
        ("os.kill(os.getpid(), 9)", "was stopped by SIGKILL"),
    ],
)
def test_a_kernel_that_dies_says_how(tmp_path, source, cause, plain):
    notebook = write_cells(tmp_path / "dies.ipynb", f"import os, time\n{source}")
    with pytest.raises(NotebookFailed, match=cause):
        execute(notebook, out=tmp_path / "out", plain=plain)


def test_memory_is_blamed_only_where_the_system_says_so(monkeypatch):
    killed = -signal.SIGKILL
    assert "memory" in engine._how_it_ended(killed, is_memory=True)
    assert "memory" not in engine._how_it_ended(killed, is_memory=False)
    assert "memory" not in engine._how_it_ended(-signal.SIGSEGV, is_memory=True)
    monkeypatch.setattr(Path, "read_text", lambda path: "nr_free_pages 7\noom_kill 4\n")
    assert engine._memory_kills() == 4


# The person's machine

SHOWN = (
    "import locale, os, sys, time, warnings\nimport matplotlib.pyplot as plt\n"
    "names = ('PYTHON', 'MPL', 'OMP', 'LC_', 'LANG', 'TZ', 'COLUMNS', 'CRMO')\n"
    "print({'a', 'b', 'c'}, time.tzname, locale.getlocale(), plt.rcParams['font.size'], sys.flags.optimize)\n"
    "print({name: value for name, value in os.environ.items() if name.startswith(names)}, 'mine' in globals())",
    "with plt.style.context('ggplot'):\n    figure = plt.figure(); _ = plt.plot([1, 2]); plt.close()\n"
    "    figure.savefig('figure.png'); print(plt.rcParams['font.size'])\n"
    "warnings.warn('said')",
)


@pytest.fixture
def hostile(tmp_path):
    """Return the environment of somebody who has set all that can be set, and a folder with settings."""
    home, startup = tmp_path / "home", tmp_path / "home/ipython/profile_default/startup"
    startup.mkdir(parents=True)
    (home / "stylelib").mkdir()
    (startup / "first.py").write_text("mine = 1\nprint('good morning')")
    (startup.parent / "ipython_kernel_config.py").write_text(
        "c.InteractiveShellApp.exec_lines = ['mine = 2']"
    )
    (home / "matplotlibrc").write_text("font.size: 20\nsavefig.dpi: 33\nfigure.figsize: 2, 2\n")
    (home / "stylelib/ggplot.mplstyle").write_text("font.size: 30\n")
    variables = {"MPLBACKEND": "svg", "PYTHONHASHSEED": "7", "OMP_NUM_THREADS": "2", "TZ": "Asia/Tokyo"}
    variables |= {"LANG": "de_DE.UTF-8", "LC_ALL": "de_DE.UTF-8", "PYTHONWARNINGS": "ignore", "COLUMNS": "40"}
    variables |= {
        "PYTHONOPTIMIZE": "1",
        "PYTHONSTARTUP": str(startup / "first.py"),
        "CRMO_PUBLISHED_RUN": "yes",
    }
    variables |= {"MPLCONFIGDIR": str(home), "MATPLOTLIBRC": str(home), "IPYTHONDIR": str(home / "ipython")}
    return os.environ | variables, home


@pytest.mark.parametrize("plain", [pytest.param(False, marks=forked), True])
def test_the_settings_of_a_person_stay_out(tmp_path, hostile, plain):
    environment, home = hostile
    write_cells(tmp_path / "shown.ipynb", *SHOWN)
    left = []
    for place, variables in ((tmp_path, None), (home, environment)):
        program = f"from crmo_analysis.execution import execute\nexecute({str(tmp_path / 'shown.ipynb')!r}"
        program += f", out={str(place / 'out')!r}, plain={plain})"
        subprocess.run([sys.executable, "-c", program], cwd=place, env=variables, check=True, timeout=120)
        left.append(((place / "out/shown.ipynb").read_bytes(), (tmp_path / "figure.png").read_bytes()))
    assert left[0] == left[1]
    assert b"UserWarning: said" in left[0][0]


def test_a_home_that_cannot_be_written_is_not_told_of_in_a_notebook(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc/none")
    place = Path(warm.environment()["MPLCONFIGDIR"])
    assert place.is_dir()
    assert warm.environment()["MPLCONFIGDIR"] == str(place)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert warm.environment()["MPLCONFIGDIR"] == str(tmp_path / "crmo_analysis/matplotlib")


# Parameters, folders, outputs


def shown(executed):
    cells = json.loads(executed.read_text(encoding="utf-8"))["cells"]
    return [output for cell in cells for output in cell.get("outputs", [])]


def test_relative_paths_start_in_the_notebooks_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "other").mkdir()
    notebook = write_cells(Path("notebooks/where.ipynb"), "import os\nprint(os.getcwd())")
    for cwd, expected in ((None, tmp_path / "notebooks"), (tmp_path / "other", tmp_path / "other")):
        output = shown(execute(notebook, out="out", cwd=cwd).executed)[0]
        assert output["text"] == [f"{expected}\n"]


def test_an_executed_notebook_keeps_what_was_injected(tmp_path):
    notebook = write_cells(
        tmp_path / "own.ipynb", "alpha: float = 0.5\nn = 3  # type: int", "print(alpha, n)"
    )
    notebook.write_text(
        notebook.read_text().replace('"metadata": {}', '"metadata": {"tags": ["parameters"]}', 1)
    )
    first = execute(notebook, {"alpha": 0.25}, out=tmp_path / "first").executed
    again = execute(first, {"n": 4}, out=tmp_path / "again")
    assert shown(again.executed)[0]["text"] == ["0.25 4\n"]
    third = execute(again.executed, out=tmp_path / "third").executed
    assert shown(third)[0]["text"] == ["0.25 4\n"]
    content = json.loads(third.read_text())
    assert content["metadata"]["papermill"]["parameters"] == {"alpha": 0.25, "n": 4}
    assert sum("injected-parameters" in cell["metadata"].get("tags", []) for cell in content["cells"]) == 1


@pytest.mark.filterwarnings("ignore:Non-unique cell id")
def test_cell_ids_that_are_given_twice_are_made_different(tmp_path):
    notebook = write_cells(tmp_path / "twice.ipynb", "1", "2")
    notebook.write_text(notebook.read_text().replace('"c0"', '"same"').replace('"c1"', '"same"'))
    executed = execute(notebook, out=tmp_path / "out").executed
    assert [cell["id"] for cell in json.loads(executed.read_text())["cells"]] == ["same", "cell-1"]


def test_what_is_printed_in_one_go_is_one_output(tmp_path):
    notebook = write_cells(
        tmp_path / "slow.ipynb",
        "import sys, time\nfor i in range(3):\n    print(i, flush=True)\n    print(-i, file=sys.stderr, flush=True)\n"
        "    time.sleep(0.3)\ndisplay(1)\nprint('end', end='\\r')",
    )
    outputs = shown(execute(notebook, out=tmp_path / "out").executed)
    assert [output.get("text") for output in outputs] == [
        ["0\n", "1\n", "2\n"], ["0\n", "-1\n", "-2\n"], None, ["end\r"],
    ]  # fmt: skip


def test_only_what_is_left_counts_as_shown(tmp_path, monkeypatch):
    monkeypatch.setattr(engine, "MOST_OUTPUT", 200_000)
    monkeypatch.setattr(engine, "_RECOUNTED", 10_000)
    notebook = write_cells(
        tmp_path / "bar.ipynb",
        "from IPython.display import clear_output, display\nhandle = display('x', display_id=True)\n"
        "for i in range(30):\n    handle.update('u' * 30_000)\n    clear_output(wait=i % 2)\n    print('x' * 30_000, i)",
        "handle = display('first', display_id=True)\nfor i in range(30):\n    handle.update(f'{i}' + 'x' * 30_000)",
    )
    outputs = shown(execute(notebook, out=tmp_path / "out").executed)
    assert [output["output_type"] for output in outputs] == ["stream", "display_data"]
    assert outputs[1]["data"]["text/plain"][0].startswith("'29x")


def test_what_papermill_keeps_of_a_notebook_is_kept(tmp_path):
    picture = {"image.png": {"image/png": "iVBORw0KGgo="}}
    cells = [
        {"cell_type": "markdown", "id": "m", "metadata": {"mine": 1}, "source": "![](attachment:image.png)"}
        | {"attachments": picture},
        {
            "cell_type": "raw",
            "id": "r",
            "metadata": {"format": "text/x-rst", "tags": []},
            "source": "as it is",
        },
        {"cell_type": "code", "id": "c", "metadata": {"collapsed": True, "tags": ["mine"]}, "source": "1"}
        | {"outputs": [], "execution_count": None},
    ]
    content = {"cells": cells, "metadata": {"mine": {"a": 1}}, "nbformat": 4, "nbformat_minor": 5}
    (tmp_path / "rich.ipynb").write_text(json.dumps(content))
    left = json.loads(execute(tmp_path / "rich.ipynb", out=tmp_path / "out").executed.read_text())
    assert left["metadata"]["mine"] == {"a": 1}
    kept = [{key: cell[key] for key in ("cell_type", "id", "metadata")} for cell in left["cells"]]
    assert kept == [{key: cell[key] for key in ("cell_type", "id", "metadata")} for cell in cells]
    assert left["cells"][0]["attachments"] == picture


def test_a_long_name_fails_in_a_file_of_its_own(tmp_path):
    notebook = write_cells(tmp_path / f"{'ä' * 120}.ipynb", "1 / 0")
    with pytest.raises(NotebookFailed, match="ZeroDivisionError"):
        execute(notebook, out=tmp_path / "out")
    assert len(list((tmp_path / "out").glob("*.failed.ipynb"))) == 1


@pytest.mark.parametrize(
    "change", [{"nbformat": 5}, {"cells": [{"outputs": "x"}]}, {"metadata": {"papermill": 5}}]
)
def test_what_jupyter_cannot_run_is_named(tmp_path, change):
    notebook = write_cells(tmp_path / "odd.ipynb", "1")
    content = json.loads(notebook.read_text())
    if "cells" in change:
        change = {"cells": [content["cells"][0] | change["cells"][0]]}
    notebook.write_text(json.dumps(content | change))
    with pytest.raises(InputError, match=r"odd\.ipynb: Jupyter cannot run it"):
        execute(notebook, out=tmp_path / "out")


@pytest.mark.parametrize(
    ("source", "cause"),
    [
        ("raise ExceptionGroup('several', [ValueError(1)])", r"ExceptionGroup: several \(1 sub-exception\)"),
        ("%nothing", "UsageError: Line magic function `%nothing` not found"),
    ],
)
def test_an_error_that_is_printed_and_not_shown_is_named(tmp_path, source, cause):
    notebook = write_cells(tmp_path / "printed.ipynb", "1", source)
    content = json.loads(notebook.read_text())
    for place, title in ((1, "# Where it fails"), (3, "# Below")):
        heading = {"cell_type": "markdown", "id": f"m{place}", "metadata": {}, "source": title}
        content["cells"].insert(place, heading)
    notebook.write_text(json.dumps(content))
    with pytest.raises(NotebookFailed, match=cause) as caught:
        execute(notebook, out=tmp_path / "out")
    assert caught.value.heading == "Where it fails"


def test_a_long_word_on_the_standard_error_does_not_hold_a_run_up():
    text = "x" * 3_000_000 + ' File "/tmp/a b/ipykernel_12/3.py", /tmp/ipykernel_7/1.py:1 warns'
    [left] = running._without_chance([{"output_type": "stream", "name": "stderr", "text": text}])
    assert left["text"][0].endswith('x File "/tmp/a /ipykernel/3.py", /ipykernel/1.py:1 warns')


def test_what_was_injected_without_a_parameters_cell_is_kept_and_can_be_changed(tmp_path):
    notebook = write_cells(tmp_path / "injected.ipynb", "a = 7\nb = 1", "print(a, b)")
    content = json.loads(notebook.read_text())
    content["cells"][0]["metadata"]["tags"] = ["injected-parameters"]
    notebook.write_text(json.dumps(content))
    for values, printed in ((None, "7 1"), ({"b": 2}, "7 2")):
        left = json.loads(execute(notebook, values, out=tmp_path / "out").executed.read_text())
        assert left["cells"][-1]["outputs"][0]["text"] == [f"{printed}\n"]


def test_the_kernel_that_is_asked_for_says_the_language(tmp_path):
    notebook = write_cells(tmp_path / "said.ipynb", "1")
    content = json.loads(notebook.read_text())
    about = {"kernelspec": {"name": "python3", "display_name": "Python"}, "language_info": {"name": "R"}}
    notebook.write_text(json.dumps(content | {"metadata": about}))
    execute(notebook, out=tmp_path / "out")
    about["kernelspec"]["language"] = "R"
    notebook.write_text(json.dumps(content | {"metadata": about}))
    with pytest.raises(InputError, match="is written in R"):
        execute(notebook, out=tmp_path / "out")


def test_lines_beside_parameters_are_run_as_papermill_runs_them(tmp_path):
    notebook = write_cells(tmp_path / "mixed.ipynb", "import os\na = 1\nb = a + 1", "print(a, b, os.sep)")
    content = json.loads(notebook.read_text())
    content["cells"][0]["metadata"]["tags"] = ["parameters"]
    notebook.write_text(json.dumps(content))
    left = json.loads(execute(notebook, out=tmp_path / "out").executed.read_text())
    assert left["cells"][-1]["outputs"][0]["text"] == ["1 2 /\n"]
    with pytest.raises(InputError, match=r"a cannot be set: .*line 3: 'b = a \+ 1' is not a parameter"):
        execute(notebook, {"a": 2}, out=tmp_path / "out")  # b would stay 2
