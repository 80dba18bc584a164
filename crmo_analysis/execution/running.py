"""Execute a notebook, strictly: parameters that exist, outputs that appear, errors that say where."""

import itertools
import json
import logging
import re
import shlex
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from crmo_analysis.execution import engine, warm
from crmo_analysis.execution.parameters import check_values, read_notebook, read_parameters, source_of
from crmo_analysis.files import (
    FIGURES,
    OWN_FOLDER,
    PUBLISHED_RUN,
    RESULTS,
    CrmoError,
    InputError,
    short,
    short_name,
    write_text_atomically,
)

FIGURE_FILES = (".svg", ".pdf", ".png", ".csv", ".json")
TIME_LIMIT = 3600  # seconds a cell may take

# Whose message is for whoever chose the data or the parameters.
_PLAIN = {kind.__name__ for kind in CrmoError.__subclasses__()}
_PAPERMILL = threading.Lock()
_COLOURS = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
_PROCESS = re.compile(r"(?<![^\s\"'])[^\s\"']*/ipykernel_\d+/")  # from the start of a word: tried once each
_PRINTED = re.compile(r"^(?:  \| )?(\w*(?:Error|Exception|Group)): (.*)$", re.MULTILINE)
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
            lines.append(f"  as far as it got: {short(self.partial)}")
        lines.append(f"  run it again: {self.command}")
        return "\n".join(lines)


@dataclass(frozen=True)
class Run:
    """What one execution left behind: the executed notebook, the declared files, and how long it took."""

    executed: Path
    outputs: tuple
    seconds: float


def output_files(values, figures=FIGURES):
    """List the files that a notebook declares with its `outputs` parameter: five for every name.

    `values` are its parameters by name: `outputs`, `cohort`, `study` or `folder`, `out`. `figures` is the
    project's folder for figures, used when `out` is empty.
    """
    names = values.get("outputs") or []
    if not isinstance(names, list):
        raise InputError(f"outputs is {names!r}, expected a list of names")
    folder = Path(values["out"]) / "figures" if values.get("out") else Path(figures)
    folder = folder / output_folder(values)
    return tuple(folder / f"{name}{ending}" for name in names for ending in FIGURE_FILES)


def output_folder(values):
    """Return the name of the folder, below those of figures and tables, for the files of a notebook."""
    about = OWN_FOLDER if values.get("cohort") else values.get("study") or values.get("folder") or "overview"
    return str(about)


def execute(
    notebook,
    parameters=None,
    *,
    out=None,
    results=RESULTS,
    figures=FIGURES,
    cwd=None,
    time_limit=TIME_LIMIT,
    plain=False,
    name="",
):
    """Execute a notebook and keep the result only if it came to its end.

    Parameters
    ----------
    notebook : Path
        The notebook; it is not changed. One that was executed before keeps the values injected then.
    parameters : dict, optional
        New values for some of its parameters, as JSON values.
    out : Path, optional
        Folder for everything that this run leaves: the executed notebook and, if the notebook has a parameter
        ``out``, its figures and tables. Without it that parameter's value; without both this is the published
        run, which leaves its files in the project's own folders.
    results, figures : Path
        The project's folders, used when `out` is not given.
    cwd : Path, optional
        Where the notebook's relative paths start; its own folder unless given.
    time_limit : int
        Seconds that a cell may take.
    plain : bool
        Start the kernel the ordinary way, without the preloaded server. The outputs are the same.
    name : str
        Of the executed notebook; that of `notebook` unless given.

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
    notebook, start = Path(notebook), time.monotonic()
    if cwd is not None and not Path(cwd).is_dir():
        raise InputError(f"{cwd}: there is no such folder to run the notebook in.")
    known = read_parameters(notebook)
    check_values(notebook, known, parameters or {})
    values = {each.name: each.value for each in known.values() if each.is_injected} | dict(parameters or {})
    command = rerun_command(notebook, known, values, out, time_limit, plain, cwd)
    out = values.get("out") or None if out is None else out
    if out is not None and "out" in known:
        values["out"] = str(Path(out).absolute())
    everything = {name: parameter.value for name, parameter in known.items()} | values
    folder = Path(out) if out is not None else Path(results) / "notebooks"
    place = folder / f"{name or notebook.stem}.ipynb"
    if place.resolve() == notebook.resolve():
        raise InputError(
            f"{notebook}: the executed notebook would replace it. Choose another folder with --out."
        )
    outputs = output_files(everything, figures)
    study = "" if everything.get("cohort") else everything.get("study") or ""
    kernel = {"plain": plain, "cwd": str(Path(cwd or notebook.parent).absolute())}
    kernel["environment"] = {PUBLISHED_RUN: "yes"} if out is None else {}
    path, failure = _run_into(place, notebook, (values, outputs), time_limit, kernel)
    if failure:
        heading, cause, *kind = failure
        raise NotebookFailed(notebook, study, heading, cause, command, path, *kind)
    return Run(path, outputs, time.monotonic() - start)


def _run_into(place, notebook, asked, time_limit, kernel):
    """Run a notebook and keep it in its place; return where it is, and what went wrong."""
    values, outputs = asked
    partial = place.with_name(f"{short_name(place.stem)}.failed.ipynb")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)  # a notebook may count on it
        failure = _run_papermill(notebook, values, time_limit, kernel) or _missing(outputs)
        path = partial if failure else place
        with warm.going_on:
            write_text_atomically(path, _without_traces(notebook, kernel["executed"], values))
            if not failure:
                partial.unlink(missing_ok=True)
        return path, failure
    except OSError as error:  # a full disk, a folder that cannot be written
        where = short(error.filename or place.parent)
        return None, ("the writing of its results", f"{error.strerror}: {where}")


def rerun_command(notebook, known, values, out=None, time_limit=TIME_LIMIT, plain=False, cwd=None):
    """Write the command that runs a notebook with values unlike its own, quoted for a shell: ``crmo run …``.

    `known` is from `read_parameters`, the rest as in `execute`.
    """
    words = ["crmo", "run", short(notebook)]
    for name, value in values.items():
        as_it_is = isinstance(value, str) and known[name].is_text
        words += ["-p", name, value if as_it_is else json.dumps(value, ensure_ascii=False)]
    if out is not None:
        words += ["--out", str(out)]
    if cwd is not None:
        words += ["--cwd", str(cwd)]
    if time_limit != TIME_LIMIT:
        words += ["--time-limit", str(time_limit)]
    join = subprocess.list2cmdline if sys.platform == "win32" else shlex.join
    return join(words + ["--plain"] * plain)


def import_jsonschema():
    """Import jsonschema without what it checks web addresses with, whose grammar takes 2 s to build."""
    # None makes Python say that the module is not there.
    sys.modules.setdefault("rfc3987_syntax", None)
    import jsonschema

    return jsonschema


def _import_papermill():
    with _PAPERMILL:
        import_jsonschema()
        import papermill

        # What it would print here, "Kernel died", is in our own message.
        logging.getLogger("papermill").addHandler(logging.NullHandler())
    return papermill


def _run_papermill(notebook, values, time_limit, kernel):
    """Execute into `kernel["executed"]`; return None, or the heading and the cause of what went wrong."""
    if not kernel["plain"]:
        warm.start()
    papermill = _import_papermill()
    from nbclient.exceptions import CellExecutionError

    try:
        papermill.execute_notebook(
            str(notebook).replace("{", "{{").replace("}", "}}"),  # papermill fills in {names}
            None,  # nothing is written before the end
            values,
            kernel_name="python3",
            language="python",
            progress_bar=False,
            engine_name=engine.register(),
            time_limit=time_limit,
            kernel=kernel,
        )
    except papermill.PapermillExecutionError as error:
        kind, said = error.ename, error.evalue
        if kind == CellExecutionError.__name__ and not said:
            kind, said = _printed_error(kernel["executed"])
        cause = _COLOURS.sub("", f"{'' if kind in _PLAIN else kind}: {said[:_LONGEST_CAUSE]}").strip(": ")
        return _heading_above(kernel["executed"], _has_error), cause, kind
    except engine.StoppedError as error:
        return _heading_above(kernel["executed"], _was_started), str(error)
    except OSError:
        raise
    except Exception as error:  # what Jupyter finds wrong with a notebook has many names
        raise InputError(f"{notebook}: Jupyter cannot run it ({type(error).__name__}: {error})") from error
    else:
        # Papermill takes exit() for success, though the cells below were not run.
        if any(map(_has_error, kernel["executed"].cells)):
            cause = "exit() was called; the cells below it were not run"
            return _heading_above(kernel["executed"], _has_error), cause
        return None


def _has_error(cell):
    is_noted = bool(cell["metadata"].get("papermill", {}).get("exception"))
    return is_noted or any(output["output_type"] == "error" for output in cell.get("outputs", []))


def _printed_error(executed):
    """Find the name and the message of an error that IPython prints and does not show.

    It does so with a group of errors, and with a magic command that is not there.
    """
    outputs = [output for cell in executed.cells for output in cell.get("outputs", [])]
    printed = "".join(output["text"] for output in outputs if output.get("name") == "stderr")
    return (_PRINTED.findall(printed) or [("", "an error without a message")])[-1]


def _was_started(cell):
    return cell["metadata"].get("papermill", {}).get("start_time") is not None


def _heading_above(executed, is_failing):
    """Find the nearest heading above the last cell of which `is_failing` holds."""
    heading, nearest = "the top of the notebook", None
    for cell in executed.cells:
        if cell["cell_type"] == "markdown":
            outside_code = re.sub(r"```.*?```", "", source_of(cell), flags=re.DOTALL)
            titles = re.findall(r"^#{1,6}\s+(.+?)\s*#*$", outside_code, flags=re.MULTILINE)
            heading = titles[-1] if titles else heading
        elif is_failing(cell):
            nearest = heading
    return nearest or heading


def _missing(outputs):
    names = ", ".join(short(path) for path in outputs if not path.is_file())
    cause = f"the parameter “outputs” declares files that were not written: {names}"
    return ("the end of the notebook", cause) if names else None


def _without_traces(notebook, executed, values):
    """Write an executed notebook without times and random cell ids: the same run gives the same bytes."""
    import nbformat

    before = {cell.get("id"): cell["metadata"] for cell in read_notebook(notebook)["cells"]}
    content = json.loads(nbformat.writes(executed))
    for number, cell in enumerate(content["cells"]):
        for key in ("papermill", "execution"):
            cell["metadata"].pop(key, None)
        if not cell["metadata"].get("tags", True) and "tags" not in before.get(cell.get("id"), {}):
            del cell["metadata"]["tags"]
        if cell.get("id") not in before:
            cell["id"] = f"cell-{number}"
        if "outputs" in cell:
            cell["outputs"] = list(_without_chance(cell["outputs"]))
    content["metadata"]["papermill"] = {"parameters": values}
    return json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def _without_chance(outputs):
    """Yield the outputs of a cell; what is printed in one go, however the clock divides it, is one."""
    runs = itertools.groupby(outputs, lambda output: output["output_type"] == "stream")
    for is_printed, group in runs:
        if not is_printed:
            yield from group
            continue
        texts = {"stdout": "", "stderr": ""}
        for output in group:
            texts[output["name"]] = texts.get(output["name"], "") + "".join(output["text"])
        # A warning names its cell by the number of the process.
        texts["stderr"] = _PROCESS.sub("/ipykernel/", texts["stderr"])
        for name, text in texts.items():
            if text:
                yield {"name": name, "output_type": "stream", "text": text.splitlines(keepends=True)}
