"""Run odd notebooks by papermill and by `crmo run`, and compare what each leaves: error, outputs and files.

    python benchmarks/odd_notebooks.py [NAME…]

Each runs in an empty folder of its own, once with papermill's kernel and once with a forked one. Addresses, random
ids, numbers of processes and times are left out of the comparison, and what is printed in one go is one output.
"""

import json
import re
import sys
import tempfile
import time
from pathlib import Path

import papermill

from crmo_analysis.execution import NotebookFailed, execute, warm
from crmo_analysis.files import CrmoError

# Cells, with a line of % between; a last cell "# tags: NAME" gives the first one a tag.
CELLS = """
## nested loops
import asyncio
async def later(): await asyncio.sleep(0.01); return 5
await later()
%
try: asyncio.run(later())
except RuntimeError as error: print(error)
## cells of bash
%%bash
echo out; echo err >&2
for i in 1 2; do echo $i > f$i.txt; done
%
%%bash
exit 3
%
print("not reached")
## widgets
import ipywidgets
slider = ipywidgets.IntSlider(value=3); display(slider)
%
shown = ipywidgets.Output()
with shown: print("inside")
shown
%
ipywidgets.interact(lambda x: print("x", x), x=(0, 5));
## an animation
import matplotlib.pyplot as plt
from matplotlib.animation import FuncAnimation
figure, axes = plt.subplots(figsize=(2, 2)); line, = axes.plot([0, 1], [0, 1])
moved = FuncAnimation(figure, lambda i: line.set_ydata([0, i]), frames=3)
print(len(moved.to_jshtml()) > 1000); moved.save("a.gif", writer="pillow"); plt.close()
## two million characters
import sys
for _ in range(200): sys.stdout.write("x" * 9999 + "\\n")
## a progress bar in colour
import sys
for i in range(20): sys.stdout.write(f"\\r\\x1b[32m{i}\\x1b[0m"); sys.stdout.flush()
## raw bytes
import os, sys, time
os.write(1, b"\\xff\\xfe raw\\n"); time.sleep(0.3)
print("nul\\x00in text", "\\x07")
%
print("half \\ud800 a pair")
## no environment
import os
os.environ.clear()
%
print(len(os.environ))
## children that it kills
import os, subprocess
one = subprocess.Popen(["sleep", "60"]); two = subprocess.Popen("sleep 60 & sleep 60", shell=True, start_new_session=True)
one.kill(); os.killpg(two.pid, 9); print(one.wait(), two.wait())
## exit with a code
import sys
open("left.txt", "w").write("x"); sys.exit(3)
%
print("not reached")
## zombies
import os, time
for i in range(5):
    if os.fork() == 0: os._exit(i)
time.sleep(0.2)
## logging
import logging.handlers, sys
logging.basicConfig(level=logging.DEBUG, stream=sys.stdout); logging.getLogger("a").info("to the cell")
kept = logging.handlers.MemoryHandler(100, target=logging.FileHandler("kept.txt")); logging.getLogger().addHandler(kept)
logging.getLogger("m").warning("to a file")
## warnings that are errors
import warnings
warnings.simplefilter("error")
%
warnings.warn("stops")
## pools of processes
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
fork = multiprocessing.get_context("fork")
with fork.Pool(2) as pool: print(pool.map(abs, [-1, -2]))
with ProcessPoolExecutor(2, mp_context=fork) as pool: print(list(pool.map(abs, [-4, 5])))
## a thread without end
import threading, time
def run():
    while True: time.sleep(0.01)
threading.Thread(target=run, daemon=True).start()
## a process that stays
import subprocess
subprocess.Popen("sleep 0.5; echo done > d.txt", shell=True, start_new_session=True); print(1)
## signals
import os, signal, time
signal.signal(signal.SIGUSR1, lambda *_: print("user")); os.kill(os.getpid(), signal.SIGUSR1)
%
os.kill(os.getpid(), signal.SIGINT); time.sleep(0.2)
## recursion without end
def deeper(n): return deeper(n + 1)
deeper(0)
## metadata of an output
display({"text/plain": "a", "text/html": "<b>a</b>"}, raw=True, metadata={"text/html": {"isolated": True}})
%
from IPython.display import JSON, SVG, Javascript, Latex, Markdown
for shown in (JSON({"a": [1]}), Markdown("*x*"), Latex("$x$"), Javascript("1"), SVG("<svg/>")): display(shown)
## a display that is updated from another cell
handle = display("one", display_id="k"); display("two", display_id="k")
%
handle.update("three")
## input
input("name? ")
## empty cells
%

%
# a comment
%
1
## a hundred cells
""" + "%\n".join(f"x = {i}\n" for i in range(100)) + """
## a thread that prints into a later cell
import threading, time
threading.Thread(target=lambda: (time.sleep(0.2), print("late"))).start()
%
time.sleep(0.5)
## another folder
import os
os.mkdir("sub"); os.chdir("sub"); open("in_sub.txt", "w").write("1")
## an error from another
class Odd(Exception):
    def __str__(self): return "line 1\\nline 2"
try: 1 / 0
except ZeroDivisionError as error: raise Odd from error
## no Python
def f(:
## an interrupt by hand
raise KeyboardInterrupt("by hand")
## an error that is allowed
1 / 0
%
print("reached")
%
# tags: raises-exception
## a cell that is skipped
1 / 0
%
# tags: skip-execution
## a database
import sqlite3
base = sqlite3.connect("a.db"); base.execute("create table t(x)"); base.commit()
## names in other letters
änderung = 1; print(änderung, "日本")
open("datei ä.txt", "w").write("ü")
## few files at once
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
## what ends late
import atexit
class Ends:
    def __del__(self): open("deleted.txt", "a").write("d")
ends = Ends(); ends.me = ends; atexit.register(lambda: open("bye.txt", "w").write("bye"))
"""  # fmt: skip
VARYING = (r"0x[0-9a-f]+", r"(/tmp)?/ipykernel(_\d+)?/", r"[0-9a-f]{32}", r'"execution_count": \d+, ')


def write(path: Path, text: str) -> Path:
    """Write the notebook of some cells."""
    *sources, last = [source.strip("\n") for source in re.split(r"^%$", text, flags=re.MULTILINE)]
    tags = [last.removeprefix("# tags: ")] if last.startswith("# tags: ") else []
    sources += [] if tags else [last]
    cells = [
        {"cell_type": "code", "id": f"c{i}", "source": source, "outputs": [], "execution_count": None}
        | {"metadata": {"tags": tags if i == 0 else []}}
        for i, source in enumerate(sources)
    ]
    about = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    path.write_text(json.dumps({"cells": cells, "metadata": about, "nbformat": 4, "nbformat_minor": 5}))
    return path


def outputs(executed: Path | None) -> list:
    """Return the outputs of every cell; what was printed in one go is one, and what varies is left out."""
    found = []
    for cell in json.loads(executed.read_text(encoding="utf-8"))["cells"] if executed else ():
        printed, shown = None, []
        for output in cell.get("outputs", []):
            if output["output_type"] != "stream":
                printed, output = None, output | {"execution_count": 0}
                data = output.get("data", {}).items()
                output["data"] = {kind: "".join(v) if isinstance(v, list) else v for kind, v in data}
                shown.append(output)
                continue
            if printed is None:
                printed = {}
                shown.append(printed)
            printed[output["name"]] = printed.get(output["name"], "") + "".join(output["text"])
        if "papermill-error-cell-tag" not in cell["metadata"].get(
            "tags", []
        ):  # its words, above the notebook
            found.append(re.sub("|".join(VARYING), "", json.dumps(shown, sort_keys=True)))
    return found


def by_papermill(notebook: Path, cwd: Path) -> tuple:
    executed = notebook.with_name("executed.ipynb")
    try:
        papermill.execute_notebook(str(notebook), str(executed), cwd=str(cwd), progress_bar=False)
    except papermill.PapermillExecutionError as error:
        return error.ename, executed
    return "", executed


def by_crmo(notebook: Path, cwd: Path) -> tuple:
    try:
        return "", execute(notebook, out=cwd.parent / "out", cwd=cwd).executed
    except NotebookFailed as error:
        return error.kind or error.cause, error.partial
    except CrmoError as error:
        return str(error), None


def left(way, text: str, name: str) -> dict:
    """Run a notebook in one way; return its error, its outputs, and the files that it has left."""
    with tempfile.TemporaryDirectory() as folder:
        cwd = Path(folder) / "cwd"
        cwd.mkdir()
        error, executed = way(write(Path(folder) / f"{name}.ipynb", text), cwd)
        time.sleep(name == "a process that stays")
        files = {path.relative_to(cwd).as_posix(): path for path in cwd.rglob("*") if path.is_file()}
        contents = {name: path.read_bytes() for name, path in files.items()}
        return {"error": error, "outputs": outputs(executed), "files": contents}


def main() -> None:
    """Run all, or those that are named."""
    parts = re.split(r"^## (.+)\n", CELLS, flags=re.MULTILINE)[1:]
    notebooks = dict(zip(parts[::2], parts[1::2], strict=True))
    chosen, same = sys.argv[1:] or [*notebooks], 0
    warm.start(bare=True)
    for name in chosen:
        theirs, ours = (left(way, notebooks[name], name) for way in (by_papermill, by_crmo))
        other = [key for key in ours if ours[key] != theirs[key]]
        same += not other
        print(f"{name}: {'the same' if not other else ''}", flush=True)
        for key in other:
            print(f"    papermill, {key}: {str(theirs[key])[:300]}\n    crmo, {key}: {str(ours[key])[:300]}")
    warm.stop()
    print(f"{same} of {len(chosen)} the same")


if __name__ == "__main__":
    main()
