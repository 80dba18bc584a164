"""Execute a notebook, strictly: parameters that exist, outputs that appear, errors that say where."""

import contextlib
import functools
import json
import logging
import re
import shlex
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from crmo_analysis.execution import warm
from crmo_analysis.execution.parameters import check_values, read_cells, read_parameters, source_of
from crmo_analysis.files import FIGURES, OWN_FOLDER, RESULTS, CrmoError, InputError, write_text_atomically

FIGURE_FILES = (".svg", ".pdf", ".png", ".csv", ".json")
TIME_LIMIT = 3600  # seconds a cell may take
MOST_OUTPUT = 20_000_000  # characters a notebook may show

# Whose message is for whoever chose the data or the parameters.
_PLAIN = {kind.__name__ for kind in CrmoError.__subclasses__()}
_COLOURS = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
_PAPERMILL = threading.Lock()
_SECONDS_BETWEEN_SAVES = 5
_LONGEST_CAUSE = 5_000


class NotebookFailed(CrmoError, RuntimeError):  # noqa: N818
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
    kind : str
        Class of the error; empty where no cell raised one.
    """

    def __init__(self, notebook, study, heading, cause, command, partial=None, kind=""):
        # All arguments reach Exception, so that the error survives pickling on its way from another process.
        super().__init__(notebook, study, heading, cause, command, partial, kind)
        self.notebook, self.study, self.heading = notebook, study, heading
        self.cause, self.command, self.partial, self.kind = cause, command, partial, kind

    def __str__(self):
        study = f" (study {self.study})" if self.study else ""
        lines = [
            f"{Path(self.notebook).name}{study} stopped under “{self.heading}”.",
            f"  cause: {self.cause}",
        ]
        if self.partial:
            lines.append(f"  as far as it got: {_short(self.partial)}")
        lines.append(f"  run it again: {self.command}")
        return "\n".join(lines)


@dataclass(frozen=True)
class Run:
    """What one execution left behind: the executed notebook, the declared files, and how long it took."""

    notebook: Path
    study: str
    executed: Path
    outputs: tuple
    seconds: float


def output_files(values, figures=FIGURES):
    """List the files that a notebook declares with its `outputs` parameter.

    Parameters
    ----------
    values : dict
        Values of the notebook's parameters by name: `outputs` (names), `cohort`, `study` or `folder`, `out`.
    figures : Path
        The project's folder for figures, used when `out` is empty.

    Returns
    -------
    tuple of Path
        Five files for every name: .svg, .pdf, .png, .csv and .json.
    """
    folder = Path(values["out"]) / "figures" if values.get("out") else Path(figures)
    about = OWN_FOLDER if values.get("cohort") else values.get("study") or values.get("folder") or "overview"
    folder = folder / about
    return tuple(
        folder / f"{name}{ending}" for name in values.get("outputs") or [] for ending in FIGURE_FILES
    )


def execute(
    notebook,
    parameters=None,
    *,
    out=None,
    results=RESULTS,
    figures=FIGURES,
    time_limit=TIME_LIMIT,
    plain=False,
):
    """Execute a notebook and keep the result only if it came to its end.

    Parameters
    ----------
    notebook : Path
        The notebook; it is not changed.
    parameters : dict, optional
        New values for some of its parameters, as JSON values.
    out : Path, optional
        Folder for everything that this run leaves: the executed notebook and, if the notebook has a parameter
        ``out``, its figures and tables. Without it that parameter's value, or the project's own folders.
    results, figures : Path
        The project's folders, used when `out` is not given.
    time_limit : int
        Seconds that a cell may take.
    plain : bool
        Start the kernel the ordinary way, without the preloaded server. The outputs are the same.

    Returns
    -------
    Run
        The executed notebook, the declared files and the seconds it took.

    Raises
    ------
    InputError
        If the notebook or a parameter is not as it should be; nothing was run.
    NotebookFailed
        If a cell failed or a declared file is missing. What was executed so far is kept beside the place of
        the result as ``<name>.failed.ipynb``; an earlier good result stays.
    """
    notebook, values = Path(notebook), dict(parameters or {})
    known = read_parameters(notebook)
    check_values(notebook, known, values)
    command = rerun_command(notebook, known, values, out, time_limit, plain)
    out = values.get("out") or None if out is None else out
    if out is not None and "out" in known:
        values["out"] = str(Path(out).absolute())
    everything = {name: parameter.default for name, parameter in known.items()} | values
    folder = Path(out) if out is not None else Path(results) / "notebooks"
    executed, partial = folder / notebook.name, folder / f"{notebook.stem}.failed.ipynb"
    _check_path(notebook)
    _check_path(partial)
    if executed.resolve() == notebook.resolve():
        raise InputError(
            f"{notebook}: the executed notebook would replace it. Choose another folder with --out."
        )
    start = time.monotonic()
    outputs, study = output_files(everything, figures), everything.get("study") or ""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        failure = _run_papermill(notebook, partial, values, time_limit, plain) or _missing(outputs)
        if not failure:
            write_text_atomically(executed, _without_traces(notebook, partial, values))
            partial.unlink()
    except OSError as error:  # a full disk, a folder that cannot be written
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)  # not whole
        failure = "the writing of its results", f"{error.strerror}: {_short(error.filename or folder)}"
    if failure:
        heading, cause, *kind = failure
        raise NotebookFailed(
            notebook, study, heading, cause, command, partial if partial.is_file() else None, *kind
        )
    return Run(notebook, study, executed, outputs, time.monotonic() - start)


def rerun_command(notebook, known, values, out=None, time_limit=TIME_LIMIT, plain=False):
    """Write the command that runs a notebook with these values, quoted for a shell.

    Parameters
    ----------
    notebook : Path
        The notebook.
    known : dict of str to Parameter
        Its parameters, from `read_parameters`.
    values : dict
        The values that differ from the parameters cell.
    out, time_limit, plain
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
    if time_limit != TIME_LIMIT:
        words += ["--time-limit", str(time_limit)]
    return shlex.join(words + ["--plain"] * plain)


def _check_path(path):
    # Papermill fills in {names} in a path; ours are plain.
    if "{" in str(path) or "}" in str(path):
        raise InputError(
            f"{path}: a folder or notebook name cannot contain {{ or }}. Rename it or choose another with "
            f"--out."
        )


def _short(path):
    # A message is easier to read, and to share, without the folders above the project.
    path, here = Path(path).absolute(), Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def _import_papermill():
    # jsonschema checks web addresses with rfc3987_syntax if it is installed, and builds its grammar on
    # import: 2 s for a check that notebooks never use. None makes Python say that the module is not there.
    with _PAPERMILL:
        sys.modules.setdefault("rfc3987_syntax", None)
        import papermill

        # What it would print here, "Kernel died", is in our own message.
        logging.getLogger("papermill").addHandler(logging.NullHandler())
    return papermill


@functools.cache
def _engine():
    """Make papermill's engine save less often and stop a notebook that shows too much.

    Return its name for papermill.

    It writes the whole notebook twice a cell, which takes longer than a short cell does.
    """
    import asyncio

    from papermill.clientwrap import PapermillNotebookClient
    from papermill.engines import Engine, papermill_engines

    class BoundedClient(PapermillNotebookClient):
        shown = 0

        def output(self, outs, msg, display_id, cell_index):
            before = self.shown
            self.shown += _length(msg["content"])
            if before <= MOST_OUTPUT < self.shown:
                self.interrupt = asyncio.ensure_future(self.km.interrupt_kernel())
            if self.shown <= MOST_OUTPUT or msg["msg_type"] == "error":
                return super().output(outs, msg, display_id, cell_index)
            return None

    class StrictEngine(Engine):
        @classmethod
        def execute_managed_notebook(
            cls, nb_man, kernel_name, kernel_manager_class, execution_timeout, **ignored
        ):
            save, last = nb_man.save, time.monotonic()

            def save_sometimes(**changes):
                nonlocal last
                if time.monotonic() - last > _SECONDS_BETWEEN_SAVES:
                    save(**changes)
                    last = time.monotonic()

            nb_man.save = save_sometimes
            client = BoundedClient(
                nb_man,
                kernel_name=kernel_name,
                kernel_manager_class=kernel_manager_class,
                timeout=execution_timeout,
                record_timing=False,
                log=logging.getLogger("papermill"),
            )
            try:
                return client.execute()
            finally:
                nb_man.save = save  # papermill saves once more at the end, whatever happened
                if client.shown > MOST_OUTPUT:
                    raise _ShowsTooMuch

    papermill_engines.register("strict", StrictEngine)
    return "strict"


class _ShowsTooMuch(Exception):  # noqa: N818
    """A notebook has shown more than `MOST_OUTPUT`."""


def _length(content):
    shown = [content.get(name, "") for name in ("text", "evalue", "traceback")] + [
        *content.get("data", {}).values()
    ]
    return sum(
        len(value) if isinstance(value, str) else len(json.dumps(value, default=str)) for value in shown
    )


def _run_papermill(notebook, partial, values, time_limit, plain):
    """Execute into `partial`; return None, or the heading and the cause of what went wrong."""
    if not plain:
        warm.start()
    papermill = _import_papermill()
    from nbclient.exceptions import CellTimeoutError, DeadKernelError

    partial.unlink(missing_ok=True)
    try:
        papermill.execute_notebook(
            str(notebook),
            str(partial),
            values,
            kernel_name="python3",
            language="python",
            progress_bar=False,
            execution_timeout=time_limit,
            engine_name=_engine(),
            kernel_manager_class=warm.kernel_manager_class(plain),
        )
    except papermill.PapermillExecutionError as error:
        name = "" if error.ename in _PLAIN else error.ename
        cause = _COLOURS.sub("", f"{name}: {error.evalue[:_LONGEST_CAUSE]}").strip(": ")
        return _heading_above(partial, _has_error), cause, error.ename
    except CellTimeoutError:
        return _heading_above(partial, _was_started), (
            f"a cell took longer than {time_limit:,} s and was stopped; give it more with --time-limit"
        )
    except _ShowsTooMuch:
        return _heading_above(partial, _was_started), (
            f"it showed more than {MOST_OUTPUT // 1_000_000} million characters and was stopped; show less,"
            " or leave it as a table"
        )
    except DeadKernelError:
        return _heading_above(partial, _was_started), (
            "the Python process that ran the notebook crashed or was stopped from outside;"
            " often the memory of the machine was full"
        )
    # Papermill takes exit() for success, though the cells below were not run.
    if any(_has_error(cell) for cell in read_cells(partial)):
        return _heading_above(partial, _has_error), "exit() was called; the cells below it were not run"
    return None


def _has_error(cell):
    return any(output["output_type"] == "error" for output in cell.get("outputs", []))


def _was_started(cell):
    return cell["metadata"].get("papermill", {}).get("start_time") is not None


def _heading_above(executed, is_failing):
    """Find the nearest heading above the last cell of which `is_failing` holds."""
    heading, nearest = "the top of the notebook", None
    for cell in read_cells(executed):
        if cell["cell_type"] == "markdown":
            outside_code = re.sub(r"```.*?```", "", source_of(cell), flags=re.DOTALL)
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
    kept = {cell.get("id") for cell in read_cells(notebook)}
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
