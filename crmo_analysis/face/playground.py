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


def lab_folder(name: str) -> Path:
    """Return the folder for the files of a run by hand: it is named after the notebook, else `name`."""
    notebook = _notebook()
    return files.RESULTS / "lab" / (notebook.stem if notebook else name)


def differences() -> list[str] | None:
    """List the parameters that differ from those of the published run; None where it is not certain which."""
    published = _published()
    if published is None:
        return None
    now, then = _variables(), _parameters(published)
    both = then.keys() & now.keys()
    is_same = {name: type(now[name]) is type(then[name]) and now[name] == then[name] for name in both}
    return [name for name in then if not is_same.get(name)]


def _published() -> Path | None:
    """Find the notebook of the published run that this one is to be held against.

    It is the one of this name in the collection; for a copy, the one of which it has all cells but those that
    set parameters.
    """
    said = _said()
    is_elsewhere = said and said.is_absolute() and said.parent != files.ROOT / "notebooks"
    notebook = _notebook_by_cells() if is_elsewhere else _notebook()
    if notebook is None or (files.RESULTS / "notebooks" / notebook.name).is_file():
        return notebook and files.RESULTS / "notebooks" / notebook.name
    books = {book.name: book for book in _collection(files.RESULTS)}
    if not _is_of_collection(notebook):
        books = {book.name: book for book in _collection(files.ROOT)} | books
    own = _code(notebook)
    twins = [book for book in books.values() if own and _code(book) == own]
    if len(twins) == 1:
        return twins[0]
    return notebook if _is_of_collection(notebook) and notebook.is_file() and not twins else None


def _collection(folder: Path) -> list[Path]:
    return sorted(filter(_is_of_collection, (folder / "notebooks").glob("*.ipynb")))


def _is_of_collection(notebook: Path) -> bool:
    return notebook.name[0].isdigit()


def _said() -> Path | None:
    """Return the notebook that JupyterLab or VS Code says runs here."""
    said = os.environ.get("JPY_SESSION_NAME") or str(_variables().get("__vsc_ipynb_file__", ""))
    return Path(said) if said.endswith(".ipynb") else None


def _notebook() -> Path | None:
    """Find the notebook that runs here, as JupyterLab and VS Code say or by the cells that have been run."""
    said = _said()
    return files.ROOT / "notebooks" / said.name if said else _notebook_by_cells()


def _notebook_by_cells() -> Path | None:
    """Find the notebook of the folder that has all cells that have been run here.

    Cells that only set values may be others: papermill sets parameters in a cell of its own. Of several, it
    is the one of the name that JupyterLab says; None without.
    """
    run = {text.strip() for text in _variables().get("In", ())} - {""}
    fixed = {text for text in run if not _only_sets_values(text)}
    alike = {}
    for book in sorted((files.ROOT / "notebooks").glob("*.ipynb")):
        cells = {"".join(cell["source"]).strip() for cell in _cells(book)}
        if fixed <= cells and run & cells:
            alike[book] = len(run & cells)
    found, said = [book for book, count in alike.items() if count == max(alike.values())], _said()
    found = [book for book in found if said and book.name == said.name] or found
    found = list(filter(_is_of_collection, found)) if len(found) > 1 else found
    return found[0] if len(found) == 1 else None


def _only_sets_values(text: str) -> bool:
    try:
        for line in ast.parse(text).body:
            ast.literal_eval(line.value)
    except (ValueError, AttributeError, TypeError, SyntaxError):
        return False
    return True


def _code(notebook: Path) -> list[str]:
    """Return the cells of code but the parameters."""
    code = (cell for cell in _cells(notebook) if cell["cell_type"] == "code")
    tagged = ("parameters", "injected-parameters")
    kept = (cell for cell in code if not {*tagged} & {*cell["metadata"].get("tags", [])})
    return ["".join(cell["source"]).strip() for cell in kept]


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
