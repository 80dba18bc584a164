"""The command ``crmo``: rerun the studies, run one notebook, check the numbers of a study."""

import difflib
import os
from contextlib import contextmanager
from pathlib import Path

import click

from crmo_analysis import __version__, progress, warm
from crmo_analysis.paths import PUBLISHED, ROOT
from crmo_analysis.run import TIME_LIMIT

# Imports that take long are inside the commands that need them: `crmo --help` should not wait for pandas.


class Stopped(click.ClickException):
    """A message in place of the way through the program: a notebook failed."""

    def show(self, file=None):
        """Print the message; it says by itself what went wrong and what to do next."""
        click.echo(f"crmo: {self.format_message()}", err=True, file=file)


class Wrong(Stopped):
    """Something that the person who typed the command can put right."""

    exit_code = 2


_time_limit = click.option(
    "--time-limit",
    type=click.IntRange(min=1),
    default=TIME_LIMIT,
    metavar="SECONDS",
    show_default=True,
    help="The longest time a cell may take.",
)


_smallest = click.option(
    "--smallest",
    type=click.IntRange(min=2),
    default=5,
    metavar="COUNT",
    show_default=True,
    help="So many patients are enough to be shown.",
)


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
    from crmo_analysis.parameters import NotebookError

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
    if (ROOT / "crmo_analysis" / "report.py").is_file():
        chosen += [f"cohort_{study}" for study in studies or known]
        chosen += [] if studies else ["ledger", "datapackage", "numbers"]
    # One more than cores: a notebook spends part of its time waiting for its kernel to start and to stop.
    raise SystemExit(progress.build(chosen, jobs or (os.cpu_count() or 1) + 1, fresh))


@main.command()
@click.argument("notebook", type=click.Path(path_type=Path))
@click.option("-p", "values", nargs=2, multiple=True, metavar="NAME VALUE", help="Set a parameter; repeatable.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Folder for all that it leaves.")
@_time_limit
@click.option("--plain", is_flag=True, help="Start an ordinary kernel instead of a preloaded one.")
def run(notebook, values, out, time_limit, plain):
    """Run one NOTEBOOK, with other values for some of its parameters."""
    if not plain:
        warm.start()
    from crmo_analysis.parameters import NotebookError, parse_value, read_parameters
    from crmo_analysis.run import NotebookFailed, execute

    with _plain_errors(NotebookError):
        known = read_parameters(notebook)
        # A name that is not there has no kind to read its text by; execute() says so.
        given = {name: parse_value(text, known[name]) if name in known else text for name, text in values}
        try:
            done = execute(notebook, given, out=out, time_limit=time_limit, plain=plain)
        except NotebookFailed as error:
            raise Stopped(str(error)) from None
    click.echo(f"{notebook.name}: done in {done.seconds:.1f} s, see {_short(done.executed)}")


@main.command()
@click.argument("notebook", type=click.Path(path_type=Path))
@click.argument("grid", type=click.Path(path_type=Path))
@click.option("--jobs", type=click.IntRange(min=1), help="Runs at the same time; by default, as many as cores.")
@click.option("--cluster", default="", metavar="ADDRESS", help="A Dask scheduler, whose workers do the runs.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Folder for all that the runs leave.")
@_time_limit
@click.option("--plain", is_flag=True, help="Start ordinary kernels instead of preloaded ones.")
def sweep(notebook, grid, jobs, cluster, out, time_limit, plain):
    """Run a NOTEBOOK with every combination of the values in GRID, a YAML file; what is done stays done."""
    if not plain and not cluster:
        warm.start()
    from crmo_analysis.parameters import NotebookError
    from crmo_analysis.sweep import SweepError, read_grid

    with _plain_errors(NotebookError, SweepError):
        runs = read_grid(grid, notebook)
        out = out or ROOT / "results" / "sweeps" / notebook.stem
        raise SystemExit(progress.sweep(notebook, runs, out, jobs or os.cpu_count() or 1, cluster, time_limit, plain))


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


@main.command()
@click.argument("study")
@click.option("--reading", "readings", multiple=True, metavar="NAME:OPTION", help="Read the study so; repeatable.")
@click.option("--format", "style", type=click.Choice(["text", "json"]), default="text", help="How to print it.")
@click.option("--seconds", type=float, default=60, show_default=True, help="Time allowed.")
def conflicts(study, readings, style, seconds):
    """List the printed numbers of STUDY that cannot stand together, and why."""
    with _study_errors(study):
        from crmo_analysis import report
        from crmo_analysis.claims import read_study
        from crmo_analysis.conflicts import conflicts as list_conflicts

        loaded = read_study(study)
        found = list_conflicts(loaded, _readings(loaded, readings), seconds=seconds)
    click.echo(report.conflicts_json(loaded, found) if style == "json" else report.conflicts_text(loaded, found))
    if not found.is_complete:
        raise Stopped(f"not proved: {seconds:g} s were not enough to list all conflicts; try a larger --seconds")


@main.command()
@click.argument("study")
@click.option("--count", type=click.IntRange(1, 1000), default=1, show_default=True, help="How many tables.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Other seeds give other tables.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="File; several are numbered.")
@click.option("--seconds", type=float, default=60, show_default=True, help="Time allowed.")
def reconstruct(study, count, seed, out, seconds):
    """Make tables of patients that fit every printed number of STUDY, or as many as can stand together."""
    with _study_errors(study):
        from crmo_analysis import datapackage
        from crmo_analysis.claims import read_study
        from crmo_analysis.fitting import fit
        from crmo_analysis.reconstruct import is_only_table

        fitted = fit(read_study(study), seconds=seconds)
        out = out or Path(f"{study}_reconstructed.csv")
        written = datapackage.write_tables(fitted, out, count, seed, seconds)
        only = is_only_table(fitted, seconds)
    for path in written:
        click.echo(f"{_short(path)}: {fitted.n} patients, reconstructed")
    if fitted.given_up:
        click.echo(f"Claims given up, because not all can stand together: {', '.join(fitted.given_up_ids)}.")
    if count > 1:
        click.echo("The tables are as unlike each other as could be found. They are not a random sample.")
    if only:
        click.echo(
            "Warning: only one table fits, up to its order. The printed numbers describe single patients.", err=True
        )


@main.command()
@click.argument("study")
@click.argument("expression")
@click.option("--format", "style", type=click.Choice(["text", "json"]), default="text", help="How to print it.")
@click.option("--witness", type=click.Path(path_type=Path, file_okay=False), help="Folder for a table at either end.")
@click.option("--seconds", type=float, default=60, show_default=True, help="Time allowed.")
def bounds(study, expression, style, witness, seconds):
    """Bound a number that STUDY did not print, such as "count(femur & tibia)"."""
    with _study_errors(study):
        from crmo_analysis import datapackage, report
        from crmo_analysis.bounds import bounds as find_bounds
        from crmo_analysis.bounds import parse_question
        from crmo_analysis.claims import read_study
        from crmo_analysis.codebook import read_codebook
        from crmo_analysis.fitting import fit

        loaded = read_study(study)
        parse_question(expression, read_codebook())
        found = find_bounds(fit(loaded, seconds=seconds), expression, seconds)
        if witness:
            datapackage.write_witnesses(found, witness)
    click.echo(report.bounds_json(found) if style == "json" else report.bounds_text(found))
    if not found.is_proved:
        raise Stopped(f"not proved within {seconds:g} s; what is shown is what was found, not a fact")


@main.command()
@click.argument("cohort", type=click.Path(path_type=Path))
@click.option("--map", "mapping", type=click.Path(path_type=Path), help="File that renames and recodes columns.")
@click.option("--lesions", type=click.Path(path_type=Path), help="A table with one row a lesion.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write the table as it was understood.")
def validate(cohort, mapping, lesions, out):
    """Check a table of patients (CSV, Excel, Parquet, REDCap export) against the codebook; list all problems."""
    from crmo_analysis.codebook import CodebookError
    from crmo_analysis.cohort import missing_lines, read_cohort, thin, write_cohort
    from crmo_analysis.spreadsheet import CohortError

    with _plain_errors(CodebookError, CohortError):
        read = read_cohort(cohort, mapping, lesions=lesions)
        for note in read.notes:
            click.echo(f"note: {note}")
        doubts = thin(read)
        for problem in (*read.problems, *doubts):
            click.echo(f"{'error' if problem.is_error else 'warning'}: {problem.place}: {problem.expected}")
        for line in missing_lines(read):
            click.echo(line)
        if out and not read.errors:
            write_cohort(read.patients, out, read.kinds)
            click.echo(f"{_short(out)}: written")
    known = [name for name in read.patients if name not in ("patient", "reconstructed", "simulated")]
    patients, columns = _counted(len(read.patients), "patient"), _counted(len(known), "variable")
    click.echo(f"{cohort}: {patients}, {columns} of the codebook")
    click.echo(f"{_counted(len(read.errors), 'error')}, {_counted(len(read.warnings) + len(doubts), 'warning')}")
    if read.errors:
        where = f" there or in {mapping}" if mapping else ", or map its columns with --map"
        raise Wrong(f"{cohort} cannot be analysed as it is. Put the errors right{where}.")


@main.command()
@click.argument("cohort", type=click.Path(path_type=Path))
@click.argument("studies", metavar="[STUDY]…", nargs=-1)
@click.option("--map", "mapping", type=click.Path(path_type=Path), help="File that renames and recodes columns.")
@click.option("--lesions", type=click.Path(path_type=Path), help="A table with one row a lesion.")
@click.option("--format", "style", type=click.Choice(["table", "csv", "json"]), help="How to print it.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Folder for tables, text and figure.")
@click.option("--confidence", type=float, default=0.95, show_default=True, help="Coverage of the intervals.")
@click.option("--p-values", is_flag=True, help="Test each difference as well (Fisher, Welch; Holm over all).")
@_smallest
@click.option("--show-small", is_flag=True, help="Show all counts and extremes of the cohort.")
def compare(cohort, studies, mapping, lesions, style, out, confidence, p_values, smallest, show_small):
    """Set a table of patients beside what each STUDY printed, or all studies did."""
    known = sorted(path.parent.name for path in PUBLISHED.glob("*/study.yaml"))
    _check_studies(studies, known)
    if not 0 < confidence < 1:
        raise Wrong(f"--confidence is {confidence:g}, expected a number between 0 and 1, such as 0.95.")
    from crmo_analysis import comparison_report
    from crmo_analysis.claims import ClaimsError, read_study
    from crmo_analysis.codebook import CodebookError, read_codebook
    from crmo_analysis.cohort import read_cohort, require_sound
    from crmo_analysis.compare import compare as set_beside
    from crmo_analysis.spreadsheet import CohortError

    with _plain_errors(ClaimsError, CodebookError, CohortError, OSError):
        read = require_sound(read_cohort(cohort, mapping, lesions=lesions))
        chosen = [read_study(study) for study in dict.fromkeys(studies or known)]
        settings = {"confidence": confidence, "p_values": p_values, "smallest": 0 if show_small else smallest}
        found = set_beside(read.patients, chosen, read_codebook(), **settings)
        if found.table.empty:
            raise Wrong(f"{cohort}: {comparison_report.nothing_text(found)}")
        notes = comparison_report.notes(found, read, show_small)
        written = comparison_report.write(found, read, out, notes) if out else []
    if read.warnings:
        click.echo(f"{_counted(len(read.warnings), 'warning')} about {cohort}; crmo validate lists all", err=True)
    if style == "csv":
        click.echo(comparison_report.to_csv(found), nl=False)
    elif style == "json":
        click.echo(comparison_report.to_json(found, notes))
    elif style == "table" or not out:
        _print_comparison(found)
    for note in notes:
        click.echo(f"note: {note}", err=style in ("csv", "json"))
    for path in written:
        click.echo(f"{_short(path)}: written", err=style in ("csv", "json"))


@main.command()
@click.argument("earlier", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument("later", type=click.Path(path_type=Path, exists=True, file_okay=False))
@_smallest
def disclosure(earlier, later, smallest):
    """Find counts of an own cohort that differ by a few patients between two folders of tables, EARLIER and LATER.

    Who sees both learns about those patients: show one of them, or wait until more have come.
    """
    from crmo_analysis.disclosure import releases

    compared, found = releases(earlier, later, smallest)
    if not compared:
        raise Wrong(f"{earlier} and {later} have no table of patients with the same name. Give two folders of --out.")
    for (table, column, before, after), rows in found.groupby(["table", "column", "earlier", "later"], sort=False):
        more = f" and {len(rows) - 1} more" if len(rows) > 1 else ""
        place = f"{table}, {column}: {rows['row'].iloc[0]}{more}"
        click.echo(f"{place}: {before} in {_short(earlier)}, {after} in {_short(later)}")
    said = f"{_counted(compared, 'table')} compared, {_counted(len(found), 'small difference')}"
    if len(found):
        raise Stopped(f"{said}: the two are not to be shown together")
    click.echo(said)


def _print_comparison(found):
    from rich.console import Console
    from rich.table import Table

    from crmo_analysis import comparison_report

    frame = comparison_report.in_columns(found)
    table = Table(box=None, pad_edge=False)
    for name in frame:
        table.add_column(name, overflow="fold")
    for row in frame.itertuples(index=False):
        table.add_row(*row)
    console = Console(highlight=False, markup=False)
    console = console if console.is_terminal else Console(highlight=False, markup=False, width=240)
    console.print(table)
    click.echo("\n" + "\n".join(comparison_report.sentences(found)) + "\n")
    for line in comparison_report.reasons_text(found):
        click.echo(f"not compared: {line}")


@main.command()
@click.option("--dictionary", required=True, type=click.Path(path_type=Path, dir_okay=False), help="File to write.")
def redcap(dictionary):
    """Write the codebook as a data dictionary that REDCap imports to build a registry's forms."""
    from crmo_analysis.codebook import CodebookError, read_codebook
    from crmo_analysis.paths import write_text_atomically
    from crmo_analysis.redcap import dictionary as make_dictionary

    with _plain_errors(CodebookError, OSError):
        text = make_dictionary(read_codebook(), read_codebook(section="lesions"))
        write_text_atomically(dictionary, text)
    click.echo(f"{_short(dictionary)}: {text.count(chr(10)) - 1} fields")


@main.command()
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Folder of the site [results/site].")
def site(out):
    """Build web pages of all results: verdicts, notebooks, the ledger to search, conflicts and figures."""
    from crmo_analysis import website
    from crmo_analysis.claims import ClaimsError
    from crmo_analysis.codebook import CodebookError

    with _plain_errors(website.SiteError, ClaimsError, CodebookError):
        built = website.build(out or website.SITE)
    for remark in built.remarks:
        click.echo(f"warning: {remark}", err=True)
    click.echo(f"{_short(built.folder / 'index.html')}: {len(built.pages)} pages, {built.n_figures} figures; open it")


@main.command()
@click.option("--journal", default="", metavar="NAME", help="An entry of data/journals.yaml [as manuscript.yml says].")
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), help="Folder of the package [results/manuscript]."
)
@click.option("--tiff", is_flag=True, help="Make figures as TIFF as well.")
def manuscript(journal, out, tiff):
    """Put together what manuscript.yml numbers: figures at a journal's size, tables, numbers, text, checklist."""
    from crmo_analysis.outline import ManuscriptError, read_outline

    with _plain_errors(ManuscriptError):
        outline = read_outline(ROOT, journal)
        warm.start()
        from crmo_analysis.manuscript import assemble

        out = out or ROOT / "results" / "manuscript"
        written = assemble(outline, out, tiff, click.echo)
    for number in outline.gaps:
        click.echo(f"note: there is no {number}", err=True)
    click.echo(f"{_short(out)}: {len(written)} files for {outline.journal.name}; README.txt says what is what")


def _readings(study, given):
    chosen = {}
    for text in given:
        name, _, option = text.partition(":")
        if option not in study.readings.get(name, {}):
            known = ", ".join(f"{n}:{o}" for n, options in study.readings.items() for o in options)
            raise Wrong(f"{study.study} has no reading {text!r}. It has {known or 'none'}.")
        chosen[name] = option
    return chosen


@contextmanager
def _study_errors(study):
    """Check the name of a study, and show what can go wrong with its joint model as a message."""
    _check_studies([study], sorted(path.parent.name for path in PUBLISHED.glob("*/study.yaml")))
    from crmo_analysis.claims import ClaimsError
    from crmo_analysis.codebook import CodebookError
    from crmo_analysis.entailment import RulesError
    from crmo_analysis.expressions import ExpressionError
    from crmo_analysis.joint import OutOfTimeError
    from crmo_analysis.patterns import TooManyPatternsError, UnlimitedError
    from crmo_analysis.reconstruct import NoTableError
    from crmo_analysis.simulate import NoSimulationError

    wrong = (ClaimsError, CodebookError, ExpressionError, RulesError, UnlimitedError, TooManyPatternsError)
    with _plain_errors(*wrong):
        try:
            yield
        except OutOfTimeError as error:
            raise Stopped(f"not proved: {error}; try a larger --seconds") from None
        except (NoTableError, NoSimulationError) as error:
            raise Stopped(str(error)) from None


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


def _counted(number, noun):
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _short(path):
    path, here = Path(path).absolute(), Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


if __name__ == "__main__":
    main()
