"""The command ``crmo``: rerun the studies, run one notebook, check the numbers of a study."""

import difflib
import os
import signal
import time
from contextlib import contextmanager
from pathlib import Path

import click

from crmo_analysis import __version__, warm
from crmo_analysis.paths import PUBLISHED, ROOT

# Imports that take long are inside the commands that need them: `crmo --help` should not wait for pandas.


class Stopped(click.ClickException):
    """A message in place of the way through the program: a notebook failed."""

    def show(self, file=None):
        """Print the message; it says by itself what went wrong and what to do next."""
        click.echo(f"crmo: {self.format_message()}", err=True, file=file)


class Wrong(Stopped):
    """Something that the person who typed the command can put right."""

    exit_code = 2


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def main():
    """Recompute and check the published numbers on chronic recurrent multifocal osteomyelitis."""


@main.command()
@click.argument("studies", metavar="[STUDY]…", nargs=-1)
@click.option(
    "--jobs", type=click.IntRange(min=1), help="Notebooks at the same time; by default, one more than there are cores."
)
@click.option("--fresh", is_flag=True, help="Run everything, changed or not.")
def reproduce(studies, jobs, fresh):
    """Run every notebook of which something has changed; with STUDY, only those about that study."""
    if fresh:
        # Everything will run: load the libraries while we find out what everything is.
        warm.start()
    from crmo_analysis.run import NotebookError

    with _plain_errors(NotebookError):
        from crmo_analysis import tasks

        by_notebook = tasks.notebook_studies(ROOT)
    known = sorted(path.parent.name for path in PUBLISHED.glob("*/study.yaml"))
    for study in set(studies) & set(known) - set(by_notebook.values()):
        raise Wrong(f"study {study} has no notebook yet. Copy one of another study and change its cells.")
    _check_studies(studies, sorted(set(by_notebook.values()) - {""}))
    chosen = [path.stem for path, study in by_notebook.items() if not studies or study in studies]
    if not chosen:
        raise Wrong(f"there is no notebook in {ROOT / 'notebooks'}. Its name must start with a digit.")
    if not studies and (ROOT / "crmo_analysis" / "report.py").is_file():
        chosen.append("ledger")
    # One more than cores: a notebook spends part of its time waiting for its kernel to start and to stop.
    raise SystemExit(_build(chosen, jobs or (os.cpu_count() or 1) + 1, fresh))


@main.command()
@click.argument("notebook", type=click.Path(path_type=Path))
@click.option("-p", "values", nargs=2, multiple=True, metavar="NAME VALUE", help="Set a parameter; repeatable.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Folder for all that it leaves.")
@click.option("--plain", is_flag=True, help="Start an ordinary kernel instead of a preloaded one.")
def run(notebook, values, out, plain):
    """Run one NOTEBOOK, with other values for some of its parameters."""
    if not plain:
        warm.start()
    from crmo_analysis.run import NotebookError, NotebookFailed, execute, parse_value, read_parameters

    with _plain_errors(NotebookError):
        known = read_parameters(notebook)
        # A name that is not there has no kind to read its text by; execute() says so.
        given = {name: parse_value(text, known[name]) if name in known else text for name, text in values}
        try:
            done = execute(notebook, given, out=out, plain=plain)
        except NotebookFailed as error:
            raise Stopped(str(error)) from None
    click.echo(f"{notebook.name}: done in {done.seconds:.1f} s, see {_short(done.executed)}")


@main.command()
@click.argument("studies", metavar="[STUDY]…", nargs=-1)
@click.option(
    "--format", "style", type=click.Choice(["table", "csv", "json"]), default="table", help="How to print it."
)
def audit(studies, style):
    """Check the arithmetic of every number that a study printed; without STUDY, of all studies."""
    _check_studies(studies, sorted(path.parent.name for path in PUBLISHED.glob("*/study.yaml")))
    from crmo_analysis import report
    from crmo_analysis.claims import ClaimsError
    from crmo_analysis.codebook import CodebookError

    with _plain_errors(ClaimsError, CodebookError):
        ledger = report.ledger(report.audit_all(studies))
    if style == "csv":
        click.echo(report.csv_text(ledger), nl=False)
    elif style == "json":
        click.echo(ledger.to_json(orient="records", force_ascii=False, indent=1))
    else:
        _print_ledger(ledger)


def _print_ledger(ledger):
    from rich.console import Console
    from rich.table import Table

    from crmo_analysis.audit import VERDICTS

    names = ["claim_id", "printed", "recomputed", "verdict", "reason", "related"]
    table = Table(box=None, pad_edge=False)
    for name in names:
        # An identifier that is cut short cannot be looked up.
        table.add_column(name, overflow="fold", no_wrap=name == "claim_id")
    for row in ledger[names].astype(str).itertuples(index=False):
        table.add_row(*row)
    console = Console(highlight=False, markup=False)
    # Into a file or a pipe, lines may be as long as they need to be for a search.
    console = console if console.is_terminal else Console(highlight=False, markup=False, width=240)
    console.print(table)
    counts = ledger["verdict"].value_counts()
    console.print(f"{len(ledger)} claims: " + ", ".join(f"{counts.get(name, 0)} {name}" for name in VERDICTS))


@contextmanager
def _plain_errors(*kinds):
    """Show errors of these kinds as a message, without the way through the program."""
    try:
        yield
    except kinds as error:
        raise Wrong(str(error)) from None


def _check_studies(studies, known):
    for study in studies:
        if study not in known:
            close = difflib.get_close_matches(study, known, n=1)
            hint = f" Did you mean {close[0]}?" if close else ""
            raise Wrong(f"there is no study {study!r}.{hint} The studies are: {', '.join(known) or 'none'}.")


def _short(path):
    path, here = Path(path).absolute(), Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


_COLOURS = {"failed": "bold red", "done": "green", "running": "bold"}


class Board:
    """One line a notebook: what it is doing, and for how long.

    Parameters
    ----------
    names : list of str
        What will be shown, in this order.
    console : rich.console.Console
        Where. A terminal is redrawn in place; anywhere else a line is added when something has ended.
    """

    def __init__(self, names, console):
        self.console = console
        self.states = dict.fromkeys(names, "waiting")
        self.starts, self.ends = {}, {}
        self.width = max(map(len, names))

    def started(self, name):
        """Note that a notebook is running now."""
        self.starts[name], self.states[name] = time.monotonic(), "running"

    def ended(self, name, state):
        """Note that a notebook has ended, and how."""
        self.ends[name], self.states[name] = time.monotonic(), state
        if not self.console.is_terminal:
            self.console.print(self.line(name))

    def interrupted(self):
        """Note that nothing goes on; return the message."""
        for name, state in self.states.items():
            if state not in ("done", "waiting"):
                self.ends[name], self.states[name] = time.monotonic(), "stopped"
        return ["Stopped by Ctrl-C. The same command goes on with what is not done."]

    def line(self, name):
        """Write one line: name, state, seconds."""
        from rich.text import Text

        state, start = self.states[name], self.starts.get(name)
        seconds = f"{self.ends.get(name, time.monotonic()) - start:6.1f} s" if start else ""
        line = Text(f"{name:<{self.width}}  ")
        return line.append(f"{state:<9}", style=_COLOURS.get(state, "dim")).append(seconds)

    def __rich__(self):
        from rich.console import Group

        return Group(*map(self.line, self.states))


def _build(names, jobs, fresh):
    """Let pytask run what has changed among these tasks; return the exit code."""
    from rich.console import Console
    from rich.live import Live

    from crmo_analysis import tasks

    console = Console(highlight=False)
    board, start = Board(names, console), time.monotonic()
    tasks.listeners.append(board)
    try:
        with Live(board, console=console, refresh_per_second=8, transient=not console.is_terminal) as live:
            session, interrupted = _pytask(names, jobs, fresh)
            errors = _read_reports(session, board) if not interrupted else board.interrupted()
            live.update(board)
    finally:
        tasks.listeners.remove(board)
        warm.stop()
    for error in errors:
        console.print(f"\n{error}", markup=False, soft_wrap=True)
    states = list(board.states.values())
    counts = {state: states.count(state) for state in ("done", "unchanged", "failed", "stopped", "waiting")}
    summary = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
    console.print(f"{summary}; {time.monotonic() - start:.1f} s")
    if interrupted:
        return 130
    return 1 if errors or counts["failed"] else 0


def _pytask(names, jobs, fresh):
    import pytask

    # Several notebooks write to one terminal only through our board, so pytask neither captures nor prints.
    pytask.console.quiet = True
    parallel = _threads(jobs) if jobs > 1 and len(names) > 1 else {}
    with _stopped_by_interrupt() as interrupts:
        session = pytask.build(
            paths=[ROOT / "crmo_analysis" / "tasks.py"],
            task_files=["tasks.py"],
            expression=" or ".join(names),
            force=fresh,
            capture="no",
            verbose=0,
            **parallel,
        )
    pytask.console.quiet = False
    return session, bool(interrupts)


def _threads(jobs):
    """Return the options for so many notebooks at the same time."""
    from pytask_parallel import execute

    # pytask-parallel looks for ended tasks, and starts the next, at intervals that grow to a second: as long as a
    # short notebook takes. There is no option for it, so that list of intervals is filled anew.
    if sleeper := getattr(execute, "_Sleeper", None):
        sleeper().timings[:] = [0.02] * 10
    return {"n_workers": jobs, "parallel_backend": "threads"}


@contextmanager
def _stopped_by_interrupt():
    # Notebooks run in threads, which Ctrl-C does not reach; without their kernels they come to an end.
    interrupts = []

    def stop_kernels(number, frame):
        interrupts.append(number)
        warm.stop()
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, stop_kernels)
    try:
        yield interrupts
    finally:
        signal.signal(signal.SIGINT, before)


def _read_reports(session, board):
    """Fill in the board from pytask's reports; return the messages of what went wrong."""
    errors = []
    for report in session.collection_reports:
        if report.outcome.name == "FAIL":
            errors.append(str(report.exc_info[1]))
    for report in session.execution_reports:
        name, outcome = report.task.base_name, report.outcome.name
        if outcome == "SKIP_UNCHANGED":
            board.states[name] = "unchanged"
        elif outcome == "FAIL":
            board.states[name] = "failed"
            errors.append(str(report.exc_info[1]))
    if session.exit_code and not errors:
        errors.append(f"pytask could not start ({session.exit_code.name}); run `pytask` here to see why.")
    return errors


if __name__ == "__main__":
    main()
