"""Commands about a cohort of one's own: check it, set it beside the studies, look at what its tables tell."""

import shutil
from pathlib import Path

import click

from crmo_analysis.commands.messages import (
    Stopped,
    Wrong,
    check_studies,
    counted,
    outside,
    print_table,
    refuse_left_out,
)
from crmo_analysis.files import csv_text, is_of_project, keep_to_one_cohort, short, write_text_atomically

_smallest = click.option(
    "--smallest",
    type=click.IntRange(min=2),
    default=5,
    metavar="COUNT",
    show_default=True,
    help="So many patients are enough to be shown.",
)


_path = click.Path(path_type=Path)
_folder = click.Path(path_type=Path, file_okay=False)
_released = click.Path(path_type=Path, exists=True, file_okay=False)
_cohort = click.argument("cohort", type=_path)
_mapping = click.option("--map", "mapping", type=_path, help="File that renames and recodes columns.")
_lesions = click.option("--lesions", type=_path, help="A table with one row a lesion.")


@click.command()
@_cohort
@_mapping
@_lesions
@click.option(
    "--out",
    type=_path,
    callback=outside,
    help="Write what was understood: a .csv file, or a folder with lesions and codebook.",
)
@click.option(
    "--skeleton",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where to write a mapping file to fill in, of what --map leaves open; beside COHORT without --map.",
)
@click.option("--strict", is_flag=True, help="Let a warning count as an error: exit code 1.")
def validate(cohort, mapping, lesions, out, skeleton, strict):
    """Check a table of patients (CSV, Excel, Stata, Parquet, REDCap export) against the codebook.

    List all problems, then what was understood, variable by variable. Without --map, write a mapping file to
    fill in where a column or a text is not recognised.
    """
    from crmo_analysis.patients import account, package, read_cohort

    read = read_cohort(cohort, mapping, lesions=lesions)
    for note in read.notes:
        click.echo(f"note: {note}")
    doubts = account.thin(read)
    for problem in (*read.problems, *doubts):
        click.echo(f"{'error' if problem.is_error else 'warning'}: {problem.place}: {problem.expected}")
    _print_understood(read)
    if skeleton or not mapping:
        _write_skeleton(cohort, lesions, mapping, skeleton or cohort.with_name(f"{cohort.stem}_map.yaml"))
    if out and not read.errors:
        paths = package.write_package(read, out) if out.suffix.lower() != ".csv" else ()
        for path in paths or [package.write_cohort(read.patients, out, read.kinds)]:
            click.echo(f"{short(path)}: written")
    known = [name for name in read.patients if name not in ("patient", "reconstructed", "simulated")]
    patients, columns = counted(len(read.patients), "patient"), counted(len(known), "variable")
    n_warnings = len(read.warnings) + len(doubts)
    click.echo(f"{cohort}: {patients}, {columns} of the codebook")
    click.echo(f"{counted(len(read.errors), 'error')}, {counted(n_warnings, 'warning')}")
    if read.errors:
        where = f" there or in {mapping}" if mapping else ", or map its columns with --map"
        raise Wrong(f"{cohort} cannot be analysed as it is. Put the errors right{where}.")
    if strict and n_warnings:
        raise Stopped(f"{cohort}: {counted(n_warnings, 'warning')}, which --strict does not allow.")


def _print_understood(read):
    """Print what was read: it repeats values, for those who own the file alone."""
    from crmo_analysis.patients import account

    table = account.understood(read)
    for title, rows in table.groupby("table", sort=False):
        click.echo(f"read as {title}:")
        rows = rows.drop(columns="table").astype(str)
        widths = [min(max(map(len, (name, *rows[name]))), 40) for name in rows]
        for row in (list(rows), *rows.to_numpy()):
            click.echo("  " + "  ".join(map(str.ljust, row, widths)).rstrip())


def _write_skeleton(cohort, lesions, mapping, path):
    """Write a mapping file to fill in, if anything is left open; never over a file that is there."""
    from crmo_analysis.patients import mapping_skeleton

    text = mapping_skeleton(cohort, lesions, mapping)
    if not text:
        return
    if path.exists():
        click.echo(f"{short(path)}: is there already; give it with --map, or another name with --skeleton")
        return
    try:
        if is_of_project(path):
            raise PermissionError
        write_text_atomically(path, text)
        click.echo(f"{short(path)}: a mapping file to fill in; then give it with --map")
    except OSError:  # the folder of the data may be one to read only
        click.echo(f"a mapping file to fill in:\n{text}")


@click.command()
@_cohort
@click.argument("studies", metavar="[STUDY]…", nargs=-1)
@_mapping
@_lesions
@click.option("--format", "style", type=click.Choice(["table", "csv", "json"]), help="How to print it.")
@click.option("--out", type=_folder, callback=outside, help="Folder for tables, text and figure.")
@click.option("--confidence", type=float, default=0.95, show_default=True, help="Coverage of the intervals.")
@click.option("--p-values", is_flag=True, help="Test each difference as well (Fisher, Welch; Holm over all).")
@_smallest
@click.option("--show-small", is_flag=True, help="Show all counts and extremes of the cohort.")
def compare(cohort, studies, mapping, lesions, style, out, confidence, p_values, smallest, show_small):
    """Set a table of patients beside what each STUDY printed, or all studies did."""
    check_studies(studies)
    if not 0 < confidence < 1:
        raise Wrong(f"--confidence is {confidence:g}, expected a number between 0 and 1, such as 0.95.")
    from crmo_analysis.comparison import compare as set_beside
    from crmo_analysis.comparison import words
    from crmo_analysis.joint import ledger
    from crmo_analysis.patients import read_cohort, require_sound
    from crmo_analysis.study import read_codebook, read_study

    read = require_sound(read_cohort(cohort, mapping, lesions=lesions), hides=not show_small)
    chosen, problems = [read_study(study) for study in dict.fromkeys(studies)], {}
    if not studies:
        chosen, problems = ledger.read_each()
    settings = {"confidence": confidence, "p_values": p_values, "smallest": 0 if show_small else smallest}
    found = set_beside(read.patients, chosen, read_codebook(), **settings)
    if found.table.empty:
        raise Wrong(f"{cohort}: {words.nothing_text(found)}")
    notes = words.notes(found, read, show_small)
    if out:
        keep_to_one_cohort(out, cohort)
    written = words.write(found, read, out, notes) if out else []
    if out:
        from crmo_analysis.face import read_cohort as open_cohort
        from crmo_analysis.face import report as page

        own = open_cohort(cohort, mapping, lesions, hide_below=0 if show_small else smallest)
        written.append(out / "associations.csv")
        write_text_atomically(written[-1], csv_text(page.associations_beside(own, confidence).frame))
    if read.warnings:
        click.echo(
            f"{counted(len(read.warnings), 'warning')} about {cohort}; crmo validate lists all", err=True
        )
    if style == "csv":
        click.echo(words.to_csv(found), nl=False)
    elif style == "json":
        click.echo(words.to_json(found, notes))
    elif style == "table" or not out:
        _print_comparison(found)
    for note in notes:
        click.echo(f"note: {note}", err=style in ("csv", "json"))
    for path in written:
        click.echo(f"{short(path)}: written", err=style in ("csv", "json"))
    refuse_left_out(problems)


@click.command()
@_cohort
@_mapping
@_lesions
@click.option("--out", required=True, type=_folder, callback=outside, help="Folder for it.")
@click.option("--outcome", default="clinical_severity", show_default=True, help="A variable of the codebook.")
@click.option("--exposure", default="n_lesions", show_default=True, help="A variable of the codebook.")
@_smallest
def report(cohort, mapping, lesions, out, outcome, exposure, smallest):
    """Write one page about a table of patients that a clinician can read, and that is safe to show.

    Who is in it, lesions against severity, every published number beside it, power at this size.
    """
    from crmo_analysis.face import read_cohort
    from crmo_analysis.face import report as page

    read = read_cohort(cohort, mapping, lesions, smallest)
    made = page.report(read, outcome, exposure, file=cohort.name)
    keep_to_one_cohort(out, cohort, replaced=("report.html", "report"))
    shutil.rmtree(out / "report", ignore_errors=True)
    write_text_atomically(out / "report.html", made.html)
    for name, table in made.tables.items():  # what the page shows, for `crmo release` to look at
        write_text_atomically(out / "report" / f"{name}.csv", csv_text(table))
    click.echo(f"{short(out / 'report.html')}: open it in a browser")


@click.command()
@click.argument("releases", metavar="RELEASE…", nargs=-1, required=True, type=_released)
@_smallest
def disclosure(releases, smallest):
    """Find what folders of results tell of a few patients of an own cohort, alone and two together.

    Each RELEASE is a folder of --out. What an outsider can derive is listed with how: then show another one,
    or wait until more patients have come.
    """
    from crmo_analysis.publish import releases as published

    compared, found = published.check(releases, smallest)
    if not any(path for folder in releases for path in folder.rglob("*.csv")):
        raise Wrong("no folder has a table. Give folders of --out.")
    _print_derived(found)
    said = f"{counted(compared, 'table')} of user data looked at, {counted(len(found), 'finding')}"
    if len(found):
        raise Stopped(f"{said}: not to be shown" + (" together" if len(releases) > 1 else ""))
    click.echo(said)


@click.command()
@click.argument("folder", type=_released)
@click.option("--out", required=True, type=_folder, callback=outside, help="The new folder.")
@click.option(
    "--beside", multiple=True, type=_released, help="A folder that was passed on before; repeatable."
)
@_smallest
def release(folder, out, beside, smallest):
    """Copy a FOLDER of results to be passed on, if it tells of no few patients; say what is hidden in it."""
    from crmo_analysis.publish import releases as published

    compared, found = published.release(folder, out, smallest, beside)
    _print_derived(found)
    if len(found):
        raise Stopped(f"{counted(len(found), 'finding')}: nothing was written")
    click.echo(f"{short(out)}: {counted(compared, 'table')} looked at; see {published.STATEMENT}")


def _print_derived(found):
    """Print what can be derived from tables, one line for what is derived alike."""
    for (table, column, derived), rows in found.groupby(["table", "column", "derived"], sort=False):
        more = f" and {len(rows) - 1} more" if len(rows) > 1 else ""
        place = ", ".join(text for text in (table, rows["row"].iloc[0], column) if text)
        click.echo(f"{place}{more}: {rows['shown'].iloc[0]}: {derived}")


def _print_comparison(found):
    from crmo_analysis.comparison import words

    print_table(words.in_columns(found))
    click.echo("\n" + "\n".join(words.sentences(found)) + "\n")
    for line in words.reasons_text(found):
        click.echo(f"not compared: {line}")


@click.command()
@click.option(
    "--dictionary",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    callback=outside,
    help="File to write.",
)
def redcap(dictionary):
    """Write the codebook as a data dictionary that REDCap imports to build a registry's forms."""
    from crmo_analysis.patients import redcap
    from crmo_analysis.study import read_codebook

    text = redcap.dictionary(read_codebook(), read_codebook(section="lesions"))
    write_text_atomically(dictionary, text)
    click.echo(f"{short(dictionary)}: {text.count(chr(10)) - 1} fields")
