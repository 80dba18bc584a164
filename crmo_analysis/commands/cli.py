"""The command ``crmo``: rerun the studies, run one notebook or many, make a site and a manuscript.

Imports that take long are inside the commands that need them: `crmo --help` should not wait for pandas.
"""

import signal
import time
from pathlib import Path

import click

from crmo_analysis import __version__
from crmo_analysis.commands import paper_commands, patient_commands, progress, reader_commands, study_commands
from crmo_analysis.commands.messages import (
    Commands,
    Wrong,
    check_project,
    check_studies,
    outside,
    refuse_left_out,
)
from crmo_analysis.execution import TIME_LIMIT, warm
from crmo_analysis.files import RESULTS, ROOT, absolute_file, is_study_folder, short, study_names
from crmo_analysis.store import manifest

_time_limit = click.option(
    "--time-limit",
    type=click.IntRange(min=1),
    default=TIME_LIMIT,
    metavar="SECONDS",
    show_default=True,
    help="The longest time a cell may take.",
)


def _found(context, parameter, path):
    """Take a notebook of the collection by its name too, from any folder."""
    own = ROOT / "notebooks" / path.with_suffix(".ipynb").name
    return own if own.is_file() and not path.exists() and path.parent.name in ("", "notebooks") else path


def _out(said):
    kind = click.Path(path_type=Path, file_okay=False)
    return click.option("--out", type=kind, callback=outside, help=said)


_notebook = click.argument("notebook", type=click.Path(path_type=Path), callback=_found)
_cwd = click.option(
    "--cwd",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where the notebook's relative paths start [its own folder].",
)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
@click.option(
    "--no-store", is_flag=True, help="Neither use nor keep results of earlier runs (results/store)."
)
def main(no_store):
    """Recompute and check the published numbers on chronic recurrent multifocal osteomyelitis."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # started in the background
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if no_store:
        from crmo_analysis.store import without_store

        without_store()


@main.command()
@click.argument("studies", metavar="[STUDY]…", nargs=-1)
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    help="Notebooks at the same time; by default, one more than there are cores.",
)
@click.option("--fresh", is_flag=True, help="Run everything, changed or not.")
@click.option("--explain", is_flag=True, help="Only say what would be run, and why; run nothing.")
@click.option("--prune", is_flag=True, help="Remove files that nothing makes any more.")
def reproduce(studies, jobs, fresh, explain, prune):
    """Run every notebook of which something has changed; with STUDY, only those about that study."""
    if not (studies and all(is_study_folder(study) for study in studies)):
        check_project()
    start = time.monotonic()
    if not fresh and (count := manifest.count_unchanged(ROOT, studies)):
        if explain:
            click.echo(f"{count} unchanged; nothing would be run. What the last rerun ran, and why:")
            progress.say_why(manifest.read(ROOT)["why"])
        else:
            click.echo(f"{count} unchanged; {time.monotonic() - start:.1f} s")
        code = 0
    else:
        code = _rerun(studies, jobs, fresh, explain)
    _tell_of_orphans(prune and not explain)
    raise SystemExit(code)


def _tell_of_orphans(prune):
    """Name the files that nothing makes any more, or remove them."""
    orphans = manifest.orphans(ROOT)
    for path in orphans:
        click.echo(f"{'removed' if prune else 'nothing makes any more'}: {path.relative_to(ROOT)}")
        if prune:
            path.unlink()
    if orphans and not prune:
        click.echo("crmo reproduce --prune removes what nothing makes any more.")


def _rerun(studies, jobs, fresh, explain):
    if fresh and not explain:
        # Everything will run: load the libraries while we find out what everything is.
        warm.start()

    from crmo_analysis.commands import tasks

    books = tasks.books(ROOT)
    known = study_names(ROOT / "data" / "published")
    folders = [study for study in studies if is_study_folder(study) and study not in known]
    for folder in folders:
        _reproduce_folder(Path(folder), explain)
    studies = tuple(study for study in studies if study not in folders)
    if folders and not studies:
        return None
    check_studies(studies, sorted({book.study for book in books} - {""}))
    chosen = _tasks_of(studies, books, known)
    for book in (book for book in books if book.name in chosen):
        for said in tasks.edited_parameters(book):
            click.echo(f"{book.name}: {said}")
    if explain:
        return progress.explain(chosen, fresh)
    # One more than cores: a notebook spends part of its time waiting for its kernel to start and to stop.
    return progress.build(chosen, jobs or progress.cores() + 1, fresh)


def _tasks_of(studies, books, known):
    """Name the tasks of the studies, of all if none is named."""
    from crmo_analysis.commands import tasks

    chosen = [book.name for book in books if not studies or book.study in studies]
    if not chosen:
        raise Wrong(f"there is no notebook in {ROOT / 'notebooks'}. Its name must start with a digit.")
    if (ROOT / "crmo_analysis" / "joint" / "ledger.py").is_file():
        chosen += [f"cohort_{study}" for study in studies or known if tasks.has_cohort(study)]
        chosen += [] if studies else ["ledger", "datapackage", "numbers"]
    return chosen


def _reproduce_folder(folder, explain):
    """Run the general notebook for a study that stands in a folder anywhere."""
    if explain:
        click.echo(f"{folder}: it is a folder of your own, and is run whenever it is named")
        return
    from crmo_analysis.execution import execute

    out = RESULTS / "studies" / folder.resolve().name
    done = execute(ROOT / "notebooks" / "study.ipynb", {"study": str(folder.resolve())}, out=out)
    click.echo(f"{folder}: done in {done.seconds:.1f} s, see {short(done.executed)}")


@main.command()
@_notebook
@click.option(
    "-p", "values", nargs=2, multiple=True, metavar="NAME VALUE", help="Set a parameter; repeatable."
)
@_out("Folder for all that it leaves [results/lab/NOTEBOOK].")
@_cwd
@_time_limit
@click.option("--plain", is_flag=True, help="Start an ordinary kernel instead of a preloaded one.")
def run(notebook, values, out, cwd, time_limit, plain):
    """Run one NOTEBOOK, with other values for some of its parameters."""
    if not plain:
        warm.start(bare=True)
    from crmo_analysis.execution import execute, parse_value, read_parameters

    known = read_parameters(notebook)
    # A name that is not there has no kind to read its text by; execute() says so.
    given = {name: parse_value(text, known[name]) if name in known else text for name, text in values}
    given = {name: absolute_file(value) for name, value in given.items()}
    if out is None and not given.get("out") and not ("out" in known and known["out"].value):
        out = RESULTS / "lab" / notebook.stem
    with progress.stopped_by_interrupt(lambda how: click.echo(f"Stopped by {how}.")):
        done = execute(notebook, given, out=out, cwd=cwd, time_limit=time_limit, plain=plain)
    click.echo(f"{notebook.name}: done in {done.seconds:.1f} s, see {short(done.executed)}")


@main.command()
@_notebook
@click.argument("grid", type=click.Path(path_type=Path))
@click.option(
    "--jobs", type=click.IntRange(min=1), help="Runs at the same time; by default, as many as cores."
)
@click.option("--cluster", default="", metavar="ADDRESS", help="A Dask scheduler, whose workers do the runs.")
@_out("Folder for all that the runs leave.")
@_cwd
@_time_limit
@click.option("--plain", is_flag=True, help="Start ordinary kernels instead of preloaded ones.")
def sweep(notebook, grid, jobs, cluster, out, **how):
    """Run a NOTEBOOK with every combination of the values in GRID, a YAML file; what is done stays done."""
    if not how["plain"] and not cluster:
        warm.start()
    from crmo_analysis.commands.sweep import read_grid, refuse_nearly_the_same

    runs = read_grid(grid, notebook)
    refuse_nearly_the_same(notebook, runs)
    out = out or RESULTS / "sweeps" / notebook.stem
    raise SystemExit(progress.sweep(notebook, runs, out, jobs or progress.cores(), cluster, how))


@main.command()
@_out("Folder of the site [results/site].")
def site(out):
    """Build web pages of all results: verdicts, notebooks, the ledger to search, conflicts and figures.

    They are of the studies in data/published; one elsewhere has its page by `crmo reproduce path/to/study`.
    """
    check_project()
    from crmo_analysis.joint import ledger
    from crmo_analysis.publish import website

    built = website.build(out or website.SITE)
    for remark in built.remarks:
        click.echo(f"warning: {remark}", err=True)
    click.echo(
        f"{short(built.folder / 'index.html')}: {len(built.pages)} pages, {built.n_figures} figures; open it"
    )
    refuse_left_out(ledger.read_each()[1])


@main.command()
@click.option(
    "--journal", default="", metavar="NAME", help="An entry of data/journals.yaml [as manuscript.yml says]."
)
@_out("Folder of the package [results/manuscript].")
@click.option("--tiff", is_flag=True, help="Make figures as TIFF as well.")
@click.option(
    "--text", "text_only", is_flag=True, help="Write the documents anew with the figures that are there."
)
def manuscript(journal, out, tiff, text_only):
    """Write the manuscript that manuscript.yml describes, as Word, LaTeX and a web page, with its supplement.

    Figures have a journal's size; numbers, references and tables its style.
    """
    check_project()
    from crmo_analysis.publish import read_outline

    outline = read_outline(ROOT, journal)
    if not text_only:
        warm.start()
    from crmo_analysis.publish import assemble

    out = out or ROOT / "results" / "manuscript"
    written = assemble(outline, out, tiff, text_only, click.echo)
    for remark in (*(f"there is no {number}" for number in outline.gaps), *written.remarks):
        click.echo(f"note: {remark}", err=True)
    count = len(written.files)
    first = short(out / "manuscript.docx")
    click.echo(f"{first}: {count} files for {outline.journal.name}; README.txt says what is what")
    refuse_left_out(outline.unread)


for module, names in (
    (reader_commands, "plan diff"),
    (study_commands, "audit conflicts reconstruct bounds"),
    (paper_commands, "new remove claims"),
    (patient_commands, "validate compare disclosure release report redcap"),
):
    for name in names.split():
        main.add_command(getattr(module, name))


if __name__ == "__main__":
    main()
