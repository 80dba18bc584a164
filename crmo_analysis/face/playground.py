"""What a run by hand is beside the published one: where its files go, and which parameters differ.

Only `crmo reproduce` and pytask, which say so to the kernel, write among the project's own files.
"""

import ast
import json
import os
from pathlib import Path

from IPython import get_ipython

from crmo_analysis import files

_OF_EVERY_RUN = ("out", "page")  # say where files go and how they look, not what they hold


def is_published() -> bool:
    """Say whether this is the run whose files are published."""
    return os.environ.get(files.PUBLISHED_RUN) == "yes"


def lab_folder(name: str) -> Path:
    """Return the folder for the files of a run by hand: it is named after the notebook, else `name`."""
    notebook = _notebook()
    return files.RESULTS / "lab" / (notebook.stem if notebook else name)


def differences() -> list[str] | None:
    """List the parameters that differ from those of the published run; None for another notebook."""
    notebook = _notebook()
    if notebook is None:
        return None
    last = files.RESULTS / "notebooks" / notebook.name
    published, now = _parameters(last) or _parameters(notebook), _variables()
    return [name for name, value in published.items() if not _is_equal(now, name, value)]


def _notebook() -> Path | None:
    """Find the notebook of the collection that runs here.

    JupyterLab and VS Code say which it is. Elsewhere it is the one of which most cells have been run as they
    stand: papermill sets parameters in a cell of its own.
    """
    now = _variables()
    said = Path(os.environ.get("JPY_SESSION_NAME") or str(now.get("__vsc_ipynb_file__", "")))
    if said.suffix == ".ipynb":
        return files.ROOT / "notebooks" / said.name
    run = {text.strip() for text in now.get("In", ())} - {""}
    books = sorted((files.ROOT / "notebooks").glob("*.ipynb"))
    alike = {book: len(run & {"".join(cell["source"]).strip() for cell in _cells(book)}) for book in books}
    found = max(alike, key=alike.get, default=None)
    return found if found and alike[found] else None


def _is_equal(now: dict, name: str, value: object) -> bool:
    return name in now and type(now[name]) is type(value) and now[name] == value


def _variables() -> dict:
    shell = get_ipython()
    return shell.user_ns if shell else {}


def _parameters(notebook: Path) -> dict:
    """Read the parameters cell of a notebook; nothing where it cannot be read."""
    try:
        tagged = (c for c in _cells(notebook) if "parameters" in c["metadata"].get("tags", []))
        source = "".join(next(tagged)["source"])
        lines = [each for each in ast.parse(source).body if isinstance(each, ast.Assign | ast.AnnAssign)]
        found = {ast.unparse(getattr(line, "target", None) or line.targets[0]): line.value for line in lines}
        return {name: ast.literal_eval(value) for name, value in found.items() if name not in _OF_EVERY_RUN}
    except (ValueError, KeyError, TypeError, AttributeError, StopIteration, SyntaxError):
        return {}


def _cells(notebook: Path) -> list:
    """Read the cells of a notebook; none where it cannot be read."""
    try:
        return json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    except (OSError, ValueError, KeyError, TypeError):
        return []
