"""Commands for a reader: how many children a study needs, and what changed between two ledgers."""

from pathlib import Path

import click

from crmo_analysis.commands.messages import Wrong, counted
from crmo_analysis.files import RESULTS, short


@click.command()
@click.option(
    "--correlation",
    "correlations",
    type=click.FloatRange(-1, 1, min_open=True, max_open=True),
    multiple=True,
    default=(0.2, 0.35, 0.5),
    show_default=True,
    help="Latent correlation of lesion count and severity; repeatable.",
)
@click.option(
    "--patients",
    "sizes",
    type=click.IntRange(4, 2000),
    multiple=True,
    default=(15, 25, 40, 54, 80, 120, 200),
    show_default=True,
    help="Patients a study; repeatable.",
)
@click.option(
    "--width",
    type=click.FloatRange(0, 2, min_open=True),
    default=0.4,
    show_default=True,
    help="Wanted width of the 95 % interval of Spearman's correlation.",
)
@click.option(
    "--alpha", type=click.FloatRange(0, 1, min_open=True, max_open=True), default=0.05, show_default=True
)
def plan(correlations, sizes, width, alpha):
    """Say how many children a study of lesions and severity needs."""
    from crmo_analysis.face import plan as planned

    study = planned(sorted(set(correlations)), sorted(set(sizes)), alpha)
    click.echo("\n".join(study.sentences()) + "\n")
    for answer in (study.needed(width), study.tests()):
        click.echo(f"{answer.heading}\n{answer.frame.to_string(index=False)}\n")
    click.echo(
        "Simulated: counts and scores are assumptions; notebook 80_planning names them and takes others."
    )


@click.command()
@click.argument("before", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.argument("after", type=click.Path(path_type=Path, exists=True, dir_okay=False), required=False)
def diff(before, after):
    """Say what changed between two ledgers: claims, verdicts, reasons.

    AFTER is results/ledger.csv if it is left out.
    """
    from crmo_analysis.joint import ledger

    after = after or RESULTS / "ledger.csv"
    if not after.is_file():
        raise Wrong(f"{short(after)} is not there; run crmo reproduce, or name a second ledger.")
    found = ledger.changes(ledger.read_ledger(before), ledger.read_ledger(after))
    for claim_id, own in found.groupby("claim_id", sort=False):
        click.echo(claim_id)
        for row in own.itertuples():
            click.echo(f"  {row.what}: {row.before or '(none)'} -> {row.after or '(none)'}")
    click.echo(f"{counted(found['claim_id'].nunique(), 'claim')} changed between {before} and {short(after)}")
