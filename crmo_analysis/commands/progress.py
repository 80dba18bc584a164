"""Let pytask run what has changed, or a sweep what is left of it, and show what is going on."""

import csv
import os
import signal
import sys
import time
from contextlib import contextmanager

from crmo_analysis.execution import warm
from crmo_analysis.files import ROOT, InputError
from crmo_analysis.store import manifest

_COLOURS = {"failed": "bold red", "done": "green", "running": "bold"}


class Board:
    """One line a notebook, in the order of their `names`: what it is doing, and for how long.

    A terminal is redrawn in place; anywhere else a line is added when something has ended.
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

    def interrupted(self, how):
        """Note that nothing goes on, and what has stopped it; return the message."""
        for name, state in self.states.items():
            if state == "running":
                self.ends[name], self.states[name] = time.monotonic(), "stopped"
        return [f"Stopped by {how}. The same command goes on with what is not done."]

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


def cores():
    """Count the cores that this program may use: fewer than the machine's by affinity or in a container."""
    from loky import cpu_count

    return cpu_count()


def _counted(states, kinds):
    """Write how many are in each of these states, in their order."""
    return ", ".join(f"{states.count(kind)} {kind}" for kind in kinds if kind in states)


def explain(names, fresh):
    """Say which of these tasks `build` would run, and why; run none."""
    from crmo_analysis.commands import tasks

    why = _reasons(tasks.files_of(tasks.project_tasks(ROOT), ROOT), names, fresh)
    say_why(why)
    if why:
        print(f"{len(why)} would be run, and what is made from them; crmo reproduce runs them.")
    else:
        print("Nothing would be run.")


def _reasons(files, names, fresh):
    """Give the reasons of those of some tasks that have to run."""
    why = {name: said for name, said in manifest.reasons(ROOT, files).items() if name in names}
    return {name: why.get(name, ["everything was asked for"]) for name in names} if fresh else why


def build(names, jobs, fresh):
    """Let pytask run what has changed among these tasks, so many `jobs` at a time; return the exit code.

    With `fresh` it runs everything.
    """
    from rich.console import Console
    from rich.live import Live

    from crmo_analysis.commands import tasks

    console = Console(highlight=False)
    everything = tasks.project_tasks(ROOT)
    files = tasks.files_of(everything, ROOT)
    why = _reasons(files, names, fresh)
    board, start = Board(names, console), time.monotonic()
    tasks.listeners.append(board)

    def summarise(errors):
        for error in errors:
            console.print(f"\n{error}", markup=False, soft_wrap=True)
        states = list(board.states.values())
        said = _counted(states, ("done", "unchanged", "failed", "stopped", "waiting"))
        console.print(f"{said}; {time.monotonic() - start:.1f} s")
        return 1 if errors or "failed" in states else 0

    def stopped(how):
        live.stop()
        summarise(board.interrupted(how))

    try:
        with Live(board, console=console, refresh_per_second=8, transient=not console.is_terminal) as live:
            with stopped_by_interrupt(stopped):
                session = _pytask(everything, names, jobs, fresh)
            errors = _read_reports(session, board)
            live.update(board)
    finally:
        tasks.listeners.remove(board)
        warm.stop()
    sound = [name for name, state in board.states.items() if state in ("done", "unchanged")]
    try:
        manifest.write(ROOT, files, sound, why)
    except OSError as error:  # what went wrong with the notebooks is said all the same
        errors.append(f"{error.filename}: {error.strerror}; the next rerun looks at everything again")
    return summarise(errors)


def say_why(why):
    """Say why tasks are run, a line a reason."""
    for name, said in why.items():
        print(*(f"{name}: {reason}" for reason in said), sep="\n", flush=True)


def _pytask(everything, names, jobs, fresh):
    import pytask

    # Not by their names: one may be a part of another, or hold a blank.
    for task in everything:
        task.markers += [pytask.Mark("chosen", (), {})] * (task.base_name in names)
    # Several notebooks write to one terminal only through our board, so pytask neither captures nor prints.
    pytask.console.quiet = True
    parallel = _threads(jobs) if jobs > 1 and len(names) > 1 else {}
    session = pytask.build(
        tasks=everything,
        paths=[ROOT],
        ignore=["*.py"],  # where pytask looks for tasks itself
        marker_expression="chosen",
        force=fresh,
        capture="no",
        verbose=0,
        **parallel,
    )
    pytask.console.quiet = False
    return session


def _threads(jobs):
    """Return the options for so many notebooks at the same time."""
    from pytask_parallel import execute

    # pytask-parallel looks for ended tasks, and starts the next, at intervals that grow to a second: as long
    # as a short notebook takes. There is no option for it, so that list of intervals is filled anew.
    if sleeper := getattr(execute, "_Sleeper", None):
        sleeper().timings[:] = [0.02] * 10
    return {"n_workers": jobs, "parallel_backend": "threads"}


@contextmanager
def stopped_by_interrupt(say):
    """End the program on Ctrl-C, or when it is told to end, after its kernels; `say` tells what was finished.

    Notebooks run in threads, which Ctrl-C does not reach, and which would go on to the next one. They wait
    while results are written, and are not let go on.
    """

    def stop(number, frame):
        try:
            for each in before:
                signal.signal(each, signal.SIG_IGN)
            warm.going_on.acquire()
            warm.stop(at_once=True)
            say("Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name)
            sys.stdout.flush()
        finally:  # whatever went wrong, as where the terminal is gone: threads would wait for ever
            os._exit(128 + number)

    ends = [signal.Signals[name] for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    ignored = [each for each in ends[1:] if signal.getsignal(each) == signal.SIG_IGN]
    before = {each: signal.signal(each, stop) for each in ends if each not in ignored}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def _read_reports(session, board):
    """Fill in the board from pytask's reports; return the messages of what went wrong."""
    errors = [str(each.exc_info[1]) for each in session.collection_reports if each.outcome.name == "FAIL"]
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


def sweep(notebook, grid, out, jobs, cluster, how):
    """Do all runs of a grid as `sweep.sweep`, with a progress bar; collect them, and return the exit code.

    What is done is collected before an error is raised.
    """
    from rich.console import Console

    from crmo_analysis.commands import sweep as runs

    console, rows, lost, start = Console(highlight=False), {}, None, time.monotonic()
    plans = runs.plan(notebook, grid, out, how)

    def summarise(states, collected=""):
        said = _counted(states, ("done", "odd", "failed", "refused", "waiting"))
        console.print(f"{said}; {time.monotonic() - start:.1f} s{collected}", markup=False, soft_wrap=True)
        return 0 if set(states) == {"done"} else 1

    def stopped(how):
        bar.stop()
        console.print(f"Stopped by {how}. The same command goes on with what is not done.")
        summarise([rows.get(place, {"state": "waiting"})["state"] for place in range(len(plans))])

    try:
        with _bar(console) as bar:
            whole = bar.add_task("runs", total=len(plans))
            with stopped_by_interrupt(stopped):
                for place, row in runs.sweep(plans, jobs, cluster):
                    rows[place] = row
                    bar.advance(whole)
    except InputError as error:
        lost = error
        if not rows:
            raise
    finally:
        warm.stop()
    written = runs.collect(plans, rows, out)
    with written[0].open(encoding="utf-8", newline="") as file:
        collected = list(csv.DictReader(file))
    for row in collected:
        if row["state"] == "odd":
            console.print(f"run {row['run']}: {row['cause']}", markup=False, soft_wrap=True)
    code = summarise([row["state"] for row in collected], f"; see {written[0]}")
    from crmo_analysis.publish import releases  # late: it loads what plain sweeps do without

    if told := releases.told_by_sweep(out):
        said = f"warning: {told} findings of what the runs tell together of few patients; not to be shown"
        console.print(f"{said}: crmo disclosure {out / 'tables'}", markup=False, soft_wrap=True)
    if lost:
        raise lost
    return code


def _bar(console):
    """Make the bar that shows how many runs are done; in a terminal alone."""
    from rich import progress

    shown = (progress.BarColumn(), progress.MofNCompleteColumn(), progress.TimeElapsedColumn(), "left")
    return progress.Progress(
        *shown, progress.TimeRemainingColumn(), console=console, disable=not console.is_terminal
    )
