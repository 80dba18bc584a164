"""Commands about the numbers of the studies: check them, find conflicts, tables of patients and bounds."""

from pathlib import Path

import click

from crmo_analysis import files
from crmo_analysis.commands.messages import Unfinished, Wrong, check_studies, counted, outside, print_table

_style = click.option(
    "--format", "style", type=click.Choice(["text", "json"]), default="text", help="How to print it."
)


def _some_time(context, option, seconds: float) -> float:
    if not seconds >= 0:
        raise Wrong(f"--seconds is {seconds:g}, expected a number from 0.")
    return seconds


_allowed = {"type": float, "default": 60, "show_default": True, "callback": _some_time}
_seconds = click.option("--seconds", **_allowed, help="Time allowed.")


@click.command()
@click.argument("studies", metavar="[STUDY]…", nargs=-1)
@click.option(
    "--format", "style", type=click.Choice(["table", "csv", "json"]), default="table", help="How to print it."
)
@click.option("--why", metavar="CLAIM", help="Show why CLAIM has its verdict, and by which numbers.")
def audit(studies, style, why):
    """Give every number that a study printed a verdict; without STUDY, of all studies."""
    check_studies(studies)
    from crmo_analysis.joint import ledger as ledgers
    from crmo_analysis.joint import words

    audited, problems = ledgers.audit_each(studies)
    if why:
        asked = next((a for a in audited if a.claim.claim_id == why), None)
        if asked is None:
            raise Wrong(f"there is no claim {why!r} in {', '.join(studies) or 'any study'}.")
        click.echo(words.why_text(asked, audited))
        return
    ledger = ledgers.ledger(audited)
    if style == "csv":
        click.echo(files.csv_text(ledger), nl=False)
    elif style == "json":
        click.echo(ledger.to_json(orient="records", force_ascii=False, indent=1))
    elif len(ledger):
        _print_ledger(ledger)
        for line in ledgers.assumptions([s for s in studies or files.study_names() if s not in problems]):
            click.echo(line)
    if problems:
        raise Wrong("\n".join(problems.values()))
    unfinished = sum(a.verdict == "unfinished" for a in audited)
    if unfinished:
        raise Unfinished(f"unfinished: {counted(unfinished, 'claim')}, marked so")


def _print_ledger(ledger):
    from crmo_analysis.recompute import VERDICTS

    print_table(ledger[["claim_id", "printed", "recomputed", "verdict", "reason"]])  # `--why` has the others
    counts = ledger["verdict"].value_counts()
    click.echo(f"{len(ledger)} claims: " + ", ".join(f"{counts.get(name, 0)} {name}" for name in VERDICTS))
    for name in VERDICTS:
        if name not in ("matches", "stated") and counts.get(name, 0):
            click.echo(f"{name}: {', '.join(ledger.loc[ledger['verdict'] == name, 'claim_id'])}")


@click.command()
@click.argument("study")
@_style
@_seconds
def conflicts(study, style, seconds):
    """List the printed numbers of STUDY that cannot stand together, and why."""
    check_studies([study])
    from crmo_analysis.joint import find_conflicts, words
    from crmo_analysis.study import read_study

    loaded = read_study(study)
    found = find_conflicts(loaded, seconds=seconds)
    click.echo(
        words.conflicts_json(loaded, found) if style == "json" else words.conflicts_text(loaded, found)
    )
    if not found.is_complete:
        raise Unfinished(
            f"unfinished: {seconds:g} s were not enough to list all conflicts; try a larger --seconds"
        )


@click.command()
@click.argument("study")
@click.option("--count", type=click.IntRange(1, 1000), default=1, show_default=True, help="How many tables.")
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Other seeds give other tables."
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    callback=outside,
    help="File; several are numbered.",
)
@_seconds
def reconstruct(study, count, seed, out, seconds):
    """Make tables of patients that fit every printed number of STUDY, or as many as can stand together."""
    check_studies([study])
    from crmo_analysis.joint import datapackage, fit, is_only_table
    from crmo_analysis.study import read_study

    loaded = read_study(study)
    fitted = fit(loaded, seconds=seconds)
    out = out or Path(f"{loaded.study}_reconstructed.csv")
    written = datapackage.write_tables(fitted, out, count, seed, seconds)
    only = is_only_table(fitted, seconds)
    for path in written:
        click.echo(f"{files.short(path)}: {fitted.n} patients, reconstructed")
    if fitted.given_up:
        click.echo(f"Claims given up, because not all can stand together: {', '.join(fitted.given_up_ids)}.")
    if count > 1:
        click.echo("The tables are as unlike each other as could be found. They are not a random sample.")
    if only:
        click.echo(
            "Warning: only one table fits, up to its order. The printed numbers describe single patients.",
            err=True,
        )


@click.command()
@click.argument("study")
@click.argument("expressions", metavar="EXPRESSION…", nargs=-1, required=True)
@_style
@click.option(
    "--witness",
    type=click.Path(path_type=Path, file_okay=False),
    callback=outside,
    help="Folder for a table at either end.",
)
@_seconds
def bounds(study, expressions, style, witness, seconds):
    """Bound numbers that STUDY did not print, such as "count(femur & tibia)"."""
    check_studies([study])
    from crmo_analysis.joint import datapackage, find_bounds, fit, parse_question, words
    from crmo_analysis.study import read_study

    loaded = read_study(study)
    for expression in expressions:
        parse_question(expression, loaded.codebook)
    fitted = fit(loaded, seconds=seconds)
    found = [find_bounds(fitted, each, seconds, witnesses=bool(witness)) for each in expressions]
    for place, each in enumerate(found if witness else (), start=1):
        datapackage.write_witnesses(each, witness / str(place) if len(found) > 1 else witness)
    said = [words.bounds_json(each) if style == "json" else words.bounds_text(each) for each in found]
    text = "\n".join(said) if style == "text" else ",\n".join(said)
    click.echo(f"[{text}]" if style == "json" and len(said) > 1 else text)
    if not all(each.is_proved for each in found):
        raise Unfinished(f"not proved within {seconds:g} s; what is shown is what was found, not a fact")
