"""Execute a notebook, strictly: parameters that exist, outputs that appear, errors that say where."""

import ast
import difflib
import functools
import io
import json
import logging
import re
import shlex
import sys
import threading
import time
import tokenize
from dataclasses import dataclass
from pathlib import Path

from crmo_analysis import warm
from crmo_analysis.paths import FIGURES, RESULTS, write_text_atomically

FIGURE_FILES = (".svg", ".pdf", ".png", ".csv", ".json")

_KINDS = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    list: "a list, such as [1, 2]",
    dict: 'a dictionary, such as {"a": 1}',
    type(None): "any JSON value",
}
_NAMES = re.compile(r"[A-Za-z]\w*(\s*,\s*[A-Za-z]\w*)*")
_PLAIN = (
    "CohortError",
    "NotEstimableError",
    "SettingError",
)  # whose message is for whoever chose the data or the parameters
_COLOURS = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
_PAPERMILL = threading.Lock()
_SECONDS_BETWEEN_SAVES = 5


class NotebookError(ValueError):
    """A notebook, or a value given for one of its parameters, is not as it should be."""


class NotebookFailed(RuntimeError):  # noqa: N818
    """A notebook stopped before its end, or did not leave what it declares.

    Parameters
    ----------
    notebook : Path
        The notebook that was run.
    study : str
        The study it was run for; empty if it names none.
    heading : str
        The nearest heading above the cell that failed.
    cause : str
        Class and message of the error.
    command : str
        The command that runs the notebook again.
    partial : Path or None
        The notebook as far as it got, with the error inside.
    """

    def __init__(self, notebook, study, heading, cause, command, partial=None):
        # All arguments reach Exception, so that the error survives pickling on its way from another process.
        super().__init__(notebook, study, heading, cause, command, partial)
        self.notebook, self.study, self.heading = notebook, study, heading
        self.cause, self.command, self.partial = cause, command, partial

    def __str__(self):
        study = f" (study {self.study})" if self.study else ""
        lines = [f"{Path(self.notebook).name}{study} stopped under “{self.heading}”.", f"  cause: {self.cause}"]
        if self.partial:
            lines.append(f"  as far as it got: {_short(self.partial)}")
        lines.append(f"  run it again: {self.command}")
        return "\n".join(lines)


@dataclass(frozen=True)
class Parameter:
    """One line of a notebook's parameters cell: its name, the value it has there, and its comment."""

    name: str
    default: object
    help: str = ""

    @property
    def kind(self):
        """Say in words what a value for this parameter must be."""
        return _KINDS[type(self.default)]


@dataclass(frozen=True)
class Run:
    """What one execution left behind: the executed notebook, the declared files, and how long it took."""

    notebook: Path
    study: str
    executed: Path
    outputs: tuple
    seconds: float


def read_parameters(notebook):
    """Read the parameters of a notebook without running anything.

    Parameters
    ----------
    notebook : Path
        A notebook with one code cell tagged ``parameters``, which holds nothing but lines of the form
        ``name = value  # what it is for``. A value is text, a number, True, False, None, or a list or
        dictionary of these.

    Returns
    -------
    dict of str to Parameter
        In the order of the cell; empty if the notebook has no such cell.

    Raises
    ------
    NotebookError
        If the notebook cannot be read, or its parameters cell holds anything else.
    """
    notebook = Path(notebook)
    cells = [cell for cell in _read_cells(notebook) if "parameters" in cell.get("metadata", {}).get("tags", [])]
    if len(cells) > 1:
        raise NotebookError(f"{notebook}: {len(cells)} cells are tagged “parameters”. Keep one.")
    if not cells:
        return {}
    source = _source(cells[0])
    try:
        statements = ast.parse(source).body
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:  # the last two: nested too deeply
        raise _not_a_parameter(notebook, getattr(error, "lineno", None), source) from None
    comments = _trailing_comments(source)
    parameters = {}
    for statement in statements:
        name, value = _read_assignment(notebook, statement, source)
        if name in parameters:
            raise NotebookError(
                f"{notebook}, parameters cell, line {statement.lineno}: {name} is given twice. Keep one line."
            )
        parameters[name] = Parameter(name, value, comments.get(statement.end_lineno, ""))
    return parameters


def parse_value(text, parameter):
    """Read a value typed on the command line, according to the kind of the parameter's default.

    Parameters
    ----------
    text : str
        What was typed. For a text parameter it is taken as it is (``007`` stays ``007``); otherwise it is JSON
        (``12``, ``1.5``, ``true``, ``[1, 2]``). A parameter whose default is None takes JSON, and anything
        that is not JSON as text. A list also takes names with commas between them (``crp, esr``).
    parameter : Parameter
        The parameter it is for.

    Returns
    -------
    object
        The value.

    Raises
    ------
    NotebookError
        If the text is not a value of that kind.
    """
    if isinstance(parameter.default, str):
        return text
    try:
        value = json.loads(text, parse_constant=_refuse_constant)
    except ValueError:
        if parameter.default is None:
            return text
        if isinstance(parameter.default, list) and _NAMES.fullmatch(text):
            return [name.strip() for name in text.split(",")]
        hint = f" Did you mean {text.lower()}?" if text in ("True", "False") else ""
        raise NotebookError(f"{parameter.name} must be {parameter.kind}, not {text!r}.{hint}") from None
    _check_value(parameter, value)
    return value


def check_values(notebook, known, values):
    """Check values against the parameters of a notebook.

    Parameters
    ----------
    notebook : Path
        The notebook, for the message.
    known : dict of str to Parameter
        Its parameters, from `read_parameters`.
    values : dict
        New values by name.

    Raises
    ------
    NotebookError
        If a name is unknown or a value is not of the kind of its default.
    """
    for name, value in values.items():
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f" Did you mean {close[0]}?" if close else ""
            names = ", ".join(known) or "none: it has no cell tagged “parameters”"
            raise NotebookError(f"{Path(notebook).name} has no parameter {name!r}.{hint} Its parameters are: {names}.")
        _check_value(known[name], value)


def output_files(values, figures=FIGURES):
    """List the files that a notebook declares with its `outputs` parameter.

    Parameters
    ----------
    values : dict
        Values of the notebook's parameters by name: `outputs` (names), `study` or `folder`, `out`.
    figures : Path
        The project's folder for figures, used when `out` is empty.

    Returns
    -------
    tuple of Path
        Five files for every name: .svg, .pdf, .png, .csv and .json.
    """
    folder = Path(values["out"]) / "figures" if values.get("out") else Path(figures)
    folder = folder / (values.get("study") or values.get("folder") or "overview")
    return tuple(folder / f"{name}{ending}" for name in values.get("outputs") or [] for ending in FIGURE_FILES)


def execute(notebook, parameters=None, *, out=None, results=RESULTS, figures=FIGURES, plain=False):
    """Execute a notebook and keep the result only if it came to its end.

    Parameters
    ----------
    notebook : Path
        The notebook; it is not changed.
    parameters : dict, optional
        New values for some of its parameters, as JSON values.
    out : Path, optional
        Folder for everything that this run leaves: the executed notebook and, if the notebook has a parameter
        ``out``, its figures and tables. Without it the project's own folders are used.
    results, figures : Path
        The project's folders, used when `out` is not given.
    plain : bool
        Start the kernel the ordinary way, without the preloaded server. The outputs are the same.

    Returns
    -------
    Run
        The executed notebook, the declared files and the seconds it took.

    Raises
    ------
    NotebookError
        If the notebook or a parameter is not as it should be; nothing was run.
    NotebookFailed
        If a cell failed or a declared file is missing. What was executed so far is kept beside the place of
        the result as ``<name>.failed.ipynb``; an earlier good result stays.
    """
    notebook, values = Path(notebook), dict(parameters or {})
    known = read_parameters(notebook)
    check_values(notebook, known, values)
    command = rerun_command(notebook, known, values, out, plain)
    if out is not None and "out" in known:
        values["out"] = str(Path(out).absolute())
    everything = {name: parameter.default for name, parameter in known.items()} | values
    folder = Path(out) if out is not None else Path(results) / "notebooks"
    executed, partial = folder / notebook.name, folder / f"{notebook.stem}.failed.ipynb"
    _check_path(notebook)
    _check_path(partial)
    start = time.monotonic()
    folder.mkdir(parents=True, exist_ok=True)
    failure = _run_papermill(notebook, partial, values, plain)
    outputs = output_files(everything, figures)
    failure = failure or _missing(outputs)
    if failure:
        heading, cause = failure
        raise NotebookFailed(notebook, everything.get("study") or "", heading, cause, command, partial)
    write_text_atomically(executed, _without_traces(notebook, partial, values))
    partial.unlink()
    return Run(notebook, everything.get("study") or "", executed, outputs, time.monotonic() - start)


def rerun_command(notebook, known, values, out=None, plain=False):
    """Write the command that runs a notebook with these values, quoted for a shell.

    Parameters
    ----------
    notebook : Path
        The notebook.
    known : dict of str to Parameter
        Its parameters, from `read_parameters`.
    values : dict
        The values that differ from the parameters cell.
    out : Path, optional
        As in `execute`.
    plain : bool
        As in `execute`.

    Returns
    -------
    str
        ``crmo run …``
    """
    words = ["crmo", "run", _short(notebook)]
    for name, value in values.items():
        as_it_is = isinstance(known[name].default, str)
        words += ["-p", name, value if as_it_is else json.dumps(value, ensure_ascii=False)]
    if out is not None:
        words += ["--out", str(out)]
    return shlex.join(words + ["--plain"] * plain)


def _read_cells(notebook):
    try:
        cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    except FileNotFoundError:
        raise NotebookError(f"{notebook}: there is no such notebook.") from None
    except (ValueError, KeyError, TypeError, RecursionError):
        cells = None
    if not isinstance(cells, list) or not all(map(_is_cell, cells)):
        raise NotebookError(
            f"{notebook} is not a notebook in the format of Jupyter 4 or newer. Open and save it in JupyterLab."
        )
    return cells


def _is_cell(cell):
    if not isinstance(cell, dict) or not isinstance(cell.get("metadata"), dict):
        return False
    source = cell.get("source")
    is_text = isinstance(source, str) or (isinstance(source, list) and all(isinstance(line, str) for line in source))
    return is_text and isinstance(cell.get("cell_type"), str) and isinstance(cell["metadata"].get("tags", []), list)


def _source(cell):
    return "".join(cell["source"])


def _trailing_comments(source):
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {token.start[0]: token.string.lstrip("#").strip() for token in tokens if token.type == tokenize.COMMENT}


def _read_assignment(notebook, statement, source):
    one_name = (
        isinstance(statement, ast.Assign) and len(statement.targets) == 1 and isinstance(statement.targets[0], ast.Name)
    )
    if not one_name:
        raise _not_a_parameter(notebook, statement.lineno, source)
    try:
        value = ast.literal_eval(statement.value)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        raise _not_a_parameter(notebook, statement.lineno, source) from None
    if not _is_json(value):
        raise _not_a_parameter(notebook, statement.lineno, source)
    return statement.targets[0].id, value


def _not_a_parameter(notebook, line, source):
    lines = source.splitlines()
    text = lines[line - 1].strip() if line and line <= len(lines) else ""
    return NotebookError(
        f"{notebook}, parameters cell, line {line}: {text!r} is not a parameter. Expected: name = value"
        "  # what it is for, where the value is text, a number, True, False, None, or a list or dictionary"
        " of these. Move anything else to the next cell."
    )


def _is_json(value):
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_json(item) for key, item in value.items())
    if isinstance(value, list):
        return all(map(_is_json, value))
    # Neither "not a number" nor infinity is JSON; both would come out as something else.
    return value is None or isinstance(value, (str, int)) or (isinstance(value, float) and value - value == 0)


def _check_value(parameter, value):
    wanted = type(parameter.default)
    fits = wanted is type(None) or type(value) is wanted or (wanted is float and type(value) is int)
    if not (fits and _is_json(value)):
        raise NotebookError(f"{parameter.name} must be {parameter.kind}, not {value!r}.")


def _refuse_constant(name):
    raise ValueError(f"{name} is not JSON")


def _check_path(path):
    # Papermill fills in {names} in a path; ours are plain.
    if "{" in str(path) or "}" in str(path):
        raise NotebookError(
            f"{path}: a folder or notebook name cannot contain {{ or }}. Rename it or choose another with --out."
        )


def _short(path):
    # A message is easier to read, and to share, without the folders above the project.
    path, here = Path(path).absolute(), Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def _import_papermill():
    # jsonschema checks web addresses with rfc3987_syntax if it is installed, and builds its grammar on import:
    # 2 s for a check that notebooks never use. None makes Python say that the module is not there.
    with _PAPERMILL:
        sys.modules.setdefault("rfc3987_syntax", None)
        import papermill

        # What it would print here, "Kernel died", is in our own message.
        logging.getLogger("papermill").addHandler(logging.NullHandler())
    return papermill


@functools.cache
def _engine():
    """Make papermill's engine save less often, and say by which name papermill finds it.

    It writes the whole notebook twice a cell, which takes longer than a short cell does.
    """
    from papermill.engines import NBClientEngine, papermill_engines

    class SparingEngine(NBClientEngine):
        @classmethod
        def execute_managed_notebook(cls, nb_man, kernel_name, **options):
            save, last = nb_man.save, time.monotonic()

            def save_sometimes(**changes):
                nonlocal last
                if time.monotonic() - last > _SECONDS_BETWEEN_SAVES:
                    save(**changes)
                    last = time.monotonic()

            nb_man.save = save_sometimes
            try:
                return super().execute_managed_notebook(nb_man, kernel_name, **options)
            finally:
                nb_man.save = save  # papermill saves once more at the end, whatever happened

    papermill_engines.register("sparing", SparingEngine)
    return "sparing"


def _run_papermill(notebook, partial, values, plain):
    """Execute into `partial`; return None, or the heading and the cause of what went wrong."""
    if not plain:
        warm.start()
    papermill = _import_papermill()
    from nbclient.exceptions import DeadKernelError

    options = {} if plain else {"kernel_manager_class": warm.kernel_manager_class(), "engine_name": _engine()}
    partial.unlink(missing_ok=True)
    try:
        papermill.execute_notebook(
            str(notebook),
            str(partial),
            values,
            kernel_name="python3",
            language="python",
            progress_bar=False,
            record_timing=False,
            **options,
        )
    except papermill.PapermillExecutionError as error:
        name = "" if error.ename in _PLAIN else error.ename
        cause = _COLOURS.sub("", f"{name}: {error.evalue}").strip(": ")
        return _heading_above(partial, _has_error), cause
    except DeadKernelError:
        return _heading_above(partial, _was_started), (
            "the Python process that ran the notebook crashed or was stopped from outside;"
            " often the memory of the machine was full"
        )
    # Papermill takes exit() for success, though the cells below were not run.
    if any(_has_error(cell) for cell in _read_cells(partial)):
        return _heading_above(partial, _has_error), "exit() was called; the cells below it were not run"
    return None


def _has_error(cell):
    return any(output["output_type"] == "error" for output in cell.get("outputs", []))


def _was_started(cell):
    return cell["metadata"].get("papermill", {}).get("start_time") is not None


def _heading_above(executed, is_failing):
    """Find the nearest heading above the last cell of which `is_failing` holds."""
    heading, nearest = "the top of the notebook", None
    for cell in _read_cells(executed):
        if cell["cell_type"] == "markdown":
            outside_code = re.sub(r"```.*?```", "", _source(cell), flags=re.DOTALL)
            titles = re.findall(r"^#{1,6}\s+(.+?)\s*#*$", outside_code, flags=re.MULTILINE)
            heading = titles[-1] if titles else heading
        elif is_failing(cell):
            nearest = heading
    return nearest or heading


def _missing(outputs):
    missing = [path for path in outputs if not path.is_file()]
    if not missing:
        return None
    names = ", ".join(_short(path) for path in missing)
    return "the end of the notebook", f"the parameter “outputs” declares files that were not written: {names}"


def _without_traces(notebook, executed, values):
    """Write an executed notebook without times and random cell ids: the same run gives the same bytes."""
    kept = {cell.get("id") for cell in _read_cells(notebook)}
    content = json.loads(executed.read_text(encoding="utf-8"))
    for number, cell in enumerate(content["cells"]):
        for key in ("papermill", "execution"):
            cell["metadata"].pop(key, None)
        if not cell["metadata"].get("tags", True):
            del cell["metadata"]["tags"]
        if cell.get("id") not in kept:
            cell["id"] = f"cell-{number}"
    content["metadata"]["papermill"] = {"parameters": values}
    return json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
