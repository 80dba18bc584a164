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
CELLS = Path(__file__).with_suffix(".txt")
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
    parts = re.split(r"^## (.+)\n", CELLS.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
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
