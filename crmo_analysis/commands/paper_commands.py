"""Commands that take in a paper: a study's folder begun, or removed, and a table turned into claims."""

import csv
import io
import shutil
from pathlib import Path

import click
import yaml

from crmo_analysis import files
from crmo_analysis.commands.messages import Commands, Wrong, check_project, check_studies, counted

_SKELETON = Path(__file__).with_name("new_study.yaml")  # of a study that is called beck_2010
_FIRST = '{name}.n,"abstract, sentence 1",own,count,everyone,,,patients,,write what is printed,,\n'


@click.group(cls=Commands)
def new():
    """Begin something new: a study."""


@new.command("study")
@click.argument("name")
def new_study(name):
    """Make a commented skeleton of a study: NAME in data/published, or the path of a folder anywhere."""
    is_path = Path(name).name != name
    if not is_path:
        check_project()
    folder = Path(name) if is_path else files.PUBLISHED / name
    if not folder.name.isidentifier():
        raise Wrong(f"{folder.name!r} is no name of a study; expected letters, digits and _, as in beck_2010")
    if folder.exists():
        raise Wrong(f"{files.short(folder)} is there already")
    from crmo_analysis.study import Claim

    text = _SKELETON.read_text(encoding="utf-8").replace("crmo audit beck_2010", f"crmo audit {name}")
    for example, own in (("beck_2010", folder.name), ("Beck 2010", folder.name.replace("_", " ").title())):
        text = text.replace(example, own)
    files.write_text_atomically(folder / "study.yaml", text)
    first = ",".join(Claim.COLUMNS) + "\n" + _FIRST.format(name=folder.name)
    files.write_text_atomically(folder / "claims.csv", first)
    click.echo(f"{files.short(folder)}: fill in study.yaml and claims.csv, then run: crmo audit {name}")


@click.group(cls=Commands)
def remove():
    """Remove something with all that belongs to it: a study."""


@remove.command("study")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
def remove_study(name, yes):
    """Remove the study NAME: its folder, notebook, figures and cohort."""
    check_project()
    from crmo_analysis.commands import tasks

    check_studies([name])
    books = [book for book in tasks.books() if book.study == name]
    places = [
        *(book.path for book in books if not book.values),
        *(files.PUBLISHED / name, files.FIGURES / name, files.COHORTS / f"{name}.csv"),
        *(files.RESULTS / "cohorts" / f"{name}.json", files.RESULTS / "tables" / name),
        *(files.RESULTS / "notebooks" / f"{book.name}.ipynb" for book in books),
    ]
    there = [place for place in places if place.exists()]
    click.echo("\n".join(str(files.short(place)) for place in there))
    if not yes:
        click.confirm("Remove these?", abort=True)
    for place in there:
        shutil.rmtree(place) if place.is_dir() else place.unlink()
    click.echo(f"{name} is gone; `crmo reproduce` brings what is about all studies up to date")


@click.group(cls=Commands)
def claims():
    """Work on the claims of a study."""


@claims.command("draft")
@click.argument("table", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--study", required=True, help="Its name, or its folder.")
@click.option("--where", default="table 1", show_default=True, help="What the paper calls the table.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="File [claims_draft.csv there].")
def draft_claims(table, study, where, out):
    """Turn a paper's TABLE (characteristics by groups, as CSV) into claims to be checked and copied."""
    from crmo_analysis.commands.drafting import draft
    from crmo_analysis.study import Claim, read_codebook

    folder = files.study_folder(study)
    codebook = read_codebook(study=folder)
    try:
        text = table.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise Wrong(f"{files.short(table)}: not UTF-8; save the table as CSV in UTF-8") from None
    delimiter = max(",;\t", key=text.partition("\n")[0].count)
    found = draft(list(csv.reader(io.StringIO(text), delimiter=delimiter)), codebook, folder.name, where)
    out = out or folder / "claims_draft.csv"
    buffer = io.StringIO(newline="")
    writer = csv.DictWriter(buffer, Claim.COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(found.rows)
    if out.exists() and out.read_bytes() != buffer.getvalue().encode():
        raise Wrong(
            f"{files.short(out)} is there already, with other rows, which may be somebody's work; "
            "move it away, or name another file with --out"
        )
    files.write_text_atomically(out, buffer.getvalue())
    for question in found.questions:
        click.echo(f"check: {question}")
    if found.variables:
        click.echo("for 'variables:' of study.yaml, with type and unit as they are:")
        for name, fields in found.variables.items():
            said = {name: {key: value for key, value in fields.items() if value != ""}}
            style = {"default_flow_style": True, "sort_keys": False, "allow_unicode": True, "width": 10_000}
            click.echo(f"  {yaml.safe_dump(said, **style).strip()[1:-1]}")
    click.echo(f"{files.short(out)}: {counted(len(found.rows), 'row')}, each to be held against the paper")
