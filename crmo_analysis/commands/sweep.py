"""One notebook with every combination of some parameters.

On threads here, or on the workers of a Dask cluster.

Every run has a folder named by what goes into it: values, notebook, code and input files. What is done is
known by its `run.json`, which is written last; a sweep that was stopped goes on with the rest.
"""

import csv
import functools
import hashlib
import itertools
import json
import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import click

from crmo_analysis import __version__
from crmo_analysis.execution import NotebookFailed, check_values, execute, read_parameters, rerun_command
from crmo_analysis.files import (
    ROOT,
    InputError,
    absolute_file,
    is_file,
    read_yaml,
    short,
    write_text_atomically,
)
from crmo_analysis.store import code_behind, files_beside, notebook_source

MOST_RUNS = 100_000


def read_grid(path: Path, notebook: Path) -> list[dict]:
    """Read a grid and return every combination of its values.

    Parameters
    ----------
    path : Path
        YAML: names of parameters, each with a list of values, or with one value.
    notebook : Path
        Whose parameters they are.

    Returns
    -------
    list of dict
        In the order of the file, the last parameter changing fastest, each once; files are absolute paths,
        dates are text.

    Raises
    ------
    InputError
        If the file is no grid, or gives no run or more than `MOST_RUNS`.
    InputError
        If the notebook has no such parameter, or one of another kind.
    """
    grid = read_yaml(path)
    if not isinstance(grid, dict) or not grid or not all(isinstance(name, str) for name in grid):
        raise InputError(f"{path}: expected names of parameters, each with a list of values")
    known = read_parameters(notebook)
    lists = {}
    for name, values in grid.items():
        default = known[name].default if name in known else None
        many = isinstance(values, list) and not (
            isinstance(default, list) and not any(isinstance(v, list) for v in values)
        )
        lists[name] = [_as_json(value, known.get(name)) for value in (values if many else [values])]
        for value in lists[name]:
            check_values(notebook, known, {name: value})
    count = math.prod(map(len, lists.values()))
    if not 0 < count <= MOST_RUNS:
        raise InputError(f"{path}: gives {count:,} runs, expected 1 to {MOST_RUNS:,}")
    if "out" in lists:
        raise InputError(f"{path}: out is set for every run; leave it out")
    runs = {}
    for values in itertools.product(*lists.values()):
        run = {name: absolute_file(value) for name, value in zip(lists, values, strict=True)}
        # 1 and 1.0 are the same number, 1 and true are not the same value.
        runs.setdefault(repr(json.loads(json.dumps(run), parse_int=float)), run)
    return list(runs.values())


def _as_json(value: object, parameter) -> object:
    """Return what YAML reads as JSON has it: a date is text; 1e-3, a text to YAML, is a number."""
    if isinstance(value, list):
        return [_as_json(each, None) for each in value]
    if isinstance(value, dict):
        return {key: _as_json(each, None) for key, each in value.items()}
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, str) and parameter and float in parameter.kinds and str not in parameter.kinds:
        with suppress(ValueError):
            return float(value)
    return value


def refuse_nearly_the_same(notebook: Path, grid: Sequence[Mapping]) -> None:
    """Refuse own cohorts whose patients are the same but for a few: tables of both would tell of those."""
    known = read_parameters(notebook)
    if "cohort" not in known:
        return
    from crmo_analysis.patients import disclosure, read_cohort

    asked = [{name: parameter.default for name, parameter in known.items()} | dict(values) for values in grid]
    limits = [int(values.get("smallest", 5)) for values in asked if values.get("suppress", True)]
    sources = {tuple(values.get(name, "") for name in ("cohort", "mapping", "lesions")) for values in asked}
    read = {}
    for cohort, mapping, lesions in sorted(sources) if len(sources) > 1 and limits else ():
        with suppress(InputError):  # its own runs say what is wrong with it
            if cohort:
                read[cohort, mapping, lesions] = read_cohort(cohort, mapping or None, lesions=lesions or None)
    of_patients = [source for source, found in read.items() if not found.is_reconstructed]
    for one, other in itertools.combinations(of_patients, 2):
        names = disclosure.changed_variables(read[one].patients, read[other].patients, max(limits))
        if names:
            raise InputError(
                f"{one[0]} and {other[0]} are of the same patients but for fewer than {max(limits)}, of whom "
                f"tables of both would tell ({', '.join(names)}). Take one of them, or suppress: false"
            )


@dataclass(frozen=True)
class Planned:
    """One run: its values, hashes of all that its result depends on, its folder, and how it is executed."""

    notebook: Path
    parameters: dict
    expected: dict
    folder: Path
    how: dict


def plan(notebook: Path, grid: Sequence[Mapping], out: Path, how: Mapping | None = None) -> list[Planned]:
    """Plan all runs of a grid, each with a folder that is named by what goes into it.

    It is the same for the same values, code and files, wherever these lie.

    Parameters
    ----------
    notebook : Path
    grid : sequence of mappings
        From `read_grid`.
    out : Path
        Gets a folder `runs`; on a cluster every worker has to see it.
    how : mapping, optional
        `time_limit`, `plain` and `cwd`, as for `execute`.
    """
    notebook, plans = notebook.absolute(), []
    how = {name: value for name, value in (how or {}).items() if value is not None}
    how |= {"cwd": str(Path(how["cwd"]).absolute())} if "cwd" in how else {}
    for values in grid:
        expected = fingerprint(notebook, values)
        plain = {name: expected.get(v, v) if isinstance(v, str) else v for name, v in values.items()}
        hashes = [expected[name] for name in ("version", "code", "notebook")]
        parts = [notebook.name, plain, hashes, *([how["cwd"]] if "cwd" in how else [])]
        name = _hash(json.dumps(parts, sort_keys=True).encode())[:16]
        plans.append(Planned(notebook, dict(values), expected, out.absolute() / "runs" / name, how))
    return plans


def fingerprint(notebook: Path, values: Mapping) -> dict[str, str]:
    """Return hashes of all that a run's result depends on."""
    if not notebook.is_file():
        raise InputError(f"{notebook} is not there")
    inputs = {value: _hash(Path(value).read_bytes()) for value in values.values() if is_file(value)}
    own = {"code": _code(notebook), "notebook": _hash(notebook.read_bytes())}
    return {"version": __version__, **own, **inputs}


def _code(notebook: Path) -> str:
    """Hash the modules that a notebook can reach, files that it names, published numbers and cohorts."""
    data = [path for path in (ROOT / "data").rglob("*") if "private" not in path.parts]
    source = notebook_source(notebook)
    files = [*code_behind(source), ROOT / "requirements.lock", *files_beside(source, notebook.parent)]
    files += sorted(data)
    return _content(tuple((path, path.stat().st_mtime_ns) for path in files if path.is_file()))


@functools.lru_cache(maxsize=1)  # of all runs of a sweep, until a file changes
def _content(files: tuple[tuple[Path, int], ...]) -> str:
    return _hash(b"".join(_hash(path.read_bytes()).encode() for path, _ in files))


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def run_one(run: Planned) -> dict:
    """Do one run, unless it is done, and return its row: `state` done, failed or refused, and `cause`.

    A machine whose notebook, code or files are others than expected refuses.
    """
    marker = run.folder / "run.json"
    with suppress(OSError, ValueError):
        noted = json.loads(marker.read_text(encoding="utf-8"))
        if noted.pop("files", None) == _left(run.folder):
            return noted
    if lacking := _differences(run):
        return _row("refused", f"this machine {lacking}")
    try:
        execute(run.notebook, run.parameters, out=run.folder, **run.how)
    except NotebookFailed as error:
        return _row("failed", f"{error.heading}: {error.cause}")
    except (InputError, OSError) as error:
        return _row("failed", str(error))
    row = _row("done", "")
    write_text_atomically(marker, json.dumps(row | {"files": _left(run.folder)}) + "\n")
    return row


def _left(folder: Path) -> dict[str, str]:
    """Hash what a run has left: what was deleted or changed is made again."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != "run.json")
    return {path.relative_to(folder).as_posix(): _hash(path.read_bytes()) for path in paths}


def _row(state: str, cause: str) -> dict:
    return {"state": state, "cause": " ".join(cause.split())}


def sweep(plans: Sequence[Planned], jobs: int, cluster: str = "") -> Iterator[tuple[int, dict]]:
    """Do all runs that are planned; yield the place of each and its row, as they end.

    Parameters
    ----------
    plans : sequence of Planned
    jobs : int
        Runs at the same time, without a cluster.
    cluster : str
        Address of a Dask scheduler.

    Raises
    ------
    InputError
        If there is no such cluster any more, or no worker of it has what is needed.
    """
    if cluster:
        yield from _on_cluster(plans, cluster)
        return
    pool = ThreadPoolExecutor(jobs)
    try:
        futures = {pool.submit(run_one, run): place for place, run in enumerate(plans)}
        for future in as_completed(futures):
            yield futures[future], future.result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _on_cluster(plans: Sequence[Planned], address: str) -> Iterator[tuple[int, dict]]:
    try:
        from distributed import Client
        from distributed import as_completed as completed
    except ImportError:
        raise InputError("a cluster needs Dask: install the extra cluster of this project") from None
    try:
        client = Client(address, timeout="10s", set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        raise InputError(f"there is no Dask scheduler at {address}: {error}") from None
    for name in ("batched", "client", "utils"):  # of a lost scheduler our own message tells
        logging.getLogger(f"distributed.{name}").setLevel(logging.CRITICAL)
    with client:
        workers, asked = _fit_workers(client, plans[0]), {}

        def submit(place: int, again: str = "") -> Future:
            key = f"crmo-{plans[place].folder.name}-{place}{again}"
            asked[key] = (place, again)
            return client.submit(run_one, plans[place], key=key, workers=workers, retries=2)

        futures = completed([submit(place) for place in range(len(plans))], loop=client.loop)
        for future in futures:
            place, again = asked[future.key]
            try:
                error = future.exception()
                row = future.result() if error is None else _row("failed", str(error))
                if row["state"] == "refused" and not again:  # by a worker that has come later
                    workers = _fit_workers(client, plans[place])
                    futures.add(submit(place, "-again"))
                    continue
            except (OSError, CancelledError):  # also while a result is on its way
                lost = f"the Dask scheduler at {address} was lost; the same command does the rest"
                raise InputError(lost) from None
            yield place, row


def _fit_workers(client, run: Planned) -> list[str] | None:
    """Return the workers that have what is needed, None if all do."""
    found = client.run(_differences, run, on_error="return")
    wrong = {
        address: said if isinstance(said, str) else repr(said) for address, said in found.items() if said
    }
    if not found or len(wrong) == len(found):
        why = "; ".join(f"{address}: {said}" for address, said in wrong.items()) or "no worker has joined"
        raise InputError(f"no worker can take part: {why}")
    for address, said in wrong.items():
        click.echo(f"crmo: worker {address} is left out: it {said}", err=True)
    return sorted(set(found) - set(wrong)) if wrong else None


def _differences(run: Planned) -> str:
    """Say what this machine lacks of what a run needs, or has in another version; nothing if it has all."""
    if not run.notebook.is_file():
        return f"has no {run.notebook}"
    found = fingerprint(run.notebook, run.parameters)
    other = [name for name in run.expected if found.get(name) != run.expected[name]]
    return f"has no such file, or another: {', '.join(other)}" if other else ""


def collect(plans: Sequence[Planned], rows: Mapping[int, Mapping], out: Path) -> list[Path]:
    """Write one table of all runs, and every table that they left as one, with what distinguishes the runs.

    `rows` are what `sweep` gave. The first of the paths returned is `runs.csv`: run, values, state, cause and
    the command that runs it again. The state is odd where a table of the run could not be read; the others
    are collected.
    """
    import pandas as pd

    from crmo_analysis.files import csv_text

    known, grid = read_parameters(plans[0].notebook), [run.parameters for run in plans]
    varying = [name for name in grid[0] if len({json.dumps(values[name]) for values in grid}) > 1]
    runs, tables = [], {}
    for place, run in enumerate(plans):
        row, folder = rows.get(place, _row("waiting", "")), run.folder
        own = {"run": folder.name} | {key: str(run.parameters[key]) for key in varying}
        command = rerun_command(run.notebook, known, run.parameters, short(folder), **run.how)
        runs.append(own | dict(row) | {"command": command})
        if row["state"] == "done":
            for path in sorted((folder / "tables").rglob("*.csv")):
                try:
                    columns, rows_left = _read_table(path)
                except (ValueError, OSError, csv.Error) as error:
                    said = f"{path.relative_to(folder)} cannot be collected ({error})"
                    runs[-1] |= _row("odd", "; ".join(filter(None, [runs[-1]["cause"], said])))
                    continue
                table = pd.DataFrame(rows_left, columns=columns, dtype=str)
                for at, (key, value) in enumerate(own.items()):
                    while key in table:
                        key = f"grid_{key}"
                    table.insert(at, key, value)
                tables.setdefault(path.stem, []).append(table)
    written = [out / "runs.csv"]
    write_text_atomically(written[0], csv_text(pd.DataFrame(runs)))
    for name, parts in sorted(tables.items()):
        written.append(out / "tables" / f"{name}.csv")
        write_text_atomically(written[-1], csv_text(pd.concat(parts, ignore_index=True)))
    for path in set((out / "tables").glob("*.csv")) - set(written):  # collected before, of other runs
        if path.read_bytes().startswith(b"run,"):
            path.unlink()
    return written


def _read_table(path: Path) -> tuple[list[str], list[list[str]]]:
    """Return the columns and the rows of a table as they stand; ValueError if it is none."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        columns, *rows = [row for row in csv.reader(file) if row] or [[]]
    if not columns or len(set(columns)) < len(columns):
        raise ValueError("it is empty" if not columns else "two columns have the same name")
    for number, row in enumerate(rows, start=1):
        if len(row) != len(columns):
            raise ValueError(f"row {number} has {len(row)} cells, expected {len(columns)}")
    return columns, rows
