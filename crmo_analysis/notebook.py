"""What a notebook calls first and last, and how it shows and keeps what it makes."""

import html
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
from IPython.display import HTML, Image, Markdown, display
from matplotlib.figure import Figure

from crmo_analysis import figures, paths, report
from crmo_analysis.audit import Audited
from crmo_analysis.claims import Study, read_study, studies
from crmo_analysis.cohort import read_cohort, require_sound

SCREEN_DPI = 130  # larger than on paper, so that 7 pt can be read on a screen
TABLE_STYLE = (
    "<style>table.crmo td, table.crmo th {text-align: left !important; vertical-align: top; max-width: 44em}</style>"
)
FIGURE_ENDINGS = (".svg", ".pdf", ".png", ".csv", ".json")


class MissingOutputError(RuntimeError):
    """A notebook ended without an output that it declares."""


@dataclass(frozen=True)
class Run:
    """One run of a notebook: which study, where its outputs go, and which ones it has left so far."""

    study: Study | None
    audited: tuple[Audited, ...]
    figure_folder: Path
    table_folder: Path
    outputs: tuple[str, ...]
    done: set[str] = field(default_factory=set)


def start(study: str, outputs: Sequence[str], out: str = "") -> Run:
    """Load and check a study, and print what this run is.

    Parameters
    ----------
    study : str
        A study's id; empty for a notebook about all studies.
    outputs : sequence of str
        Names of the figures that the notebook leaves.
    out : str
        Folder for figures and tables; empty for the project's own.

    Raises
    ------
    ClaimsError, CodebookError
        If the study's files have problems; all are listed.
    """
    name = study or "overview"
    figure_folder, table_folder = paths.FIGURES / name, paths.RESULTS / "tables" / name
    if out:
        figure_folder, table_folder = Path(out) / "figures" / name, Path(out) / "tables" / name
    if study:
        loaded = read_study(study)
        audited = report.audit_jointly(loaded)
        own = sum(a.claim.about == "own" for a in audited)
        facts = loaded.facts
        text = (
            f"**{facts['title']}.** {facts['citation']}\n\n{facts['design']}. Available: {facts.get('available', '')}.\n\n"
            f"This run: published numbers of `{study}`; {len(audited)} claims, {own} of the study's own patients. "
            "No patient-level data."
        )
    else:
        loaded, audited = None, report.audit_all()
        text = f"This run: published numbers of {len(studies())} studies; {len(audited)} claims. No patient-level data."
    display(Markdown(text))
    return Run(loaded, audited, figure_folder, table_folder, tuple(outputs))


@dataclass(frozen=True)
class Patients:
    """A table of patients to analyse, and what it is: "reconstructed", "simulated" or "user data".

    `hides` says that single patients and small counts are not to be shown.
    """

    table: pd.DataFrame
    source: str
    hides: bool


def patients(run: Run, cohort: str = "", mapping: str = "", lesions: str = "", suppress: bool = True) -> Patients:
    """Load the table of patients that a notebook is about, and say what it is.

    Parameters
    ----------
    run : Run
    cohort : str
        File of an own cohort; empty for the one that the project ships for the study.
    mapping, lesions : str
        As for `cohort.read_cohort`; empty for none.
    suppress : bool
        Whether single patients and small counts of an own cohort stay hidden.

    Raises
    ------
    CohortError
        If the file has errors; all are listed.
    ValueError
        If an own cohort would leave its figures among the project's.
    """
    if cohort and run.figure_folder.is_relative_to(paths.FIGURES):
        raise ValueError("a cohort of your own needs a folder of its own: set the parameter out, or use --out")
    path = cohort or paths.COHORTS / f"{run.study.study}.csv"
    read = require_sound(read_cohort(path, mapping or None, lesions=lesions or None))
    made = "simulated" if "simulated" in read.patients else "reconstructed"
    source = made if read.is_reconstructed else "user data"
    is_own = source == "user data"
    what = "your cohort" if is_own else f"a **{made}** table, of which no row was observed in a patient"
    notes = [f"{len(read.patients)} patients: {what}.", *read.notes, *map(str, read.warnings)]
    if is_own and suppress:
        notes.append("Single patients, and counts of patients below 5, are not shown.")
    elif is_own:
        notes.append("By choice, single patients and small counts are shown: results of this run identify patients.")
    show_list(notes)
    return Patients(read.patients, source, is_own and suppress)


def number(run: Run, claim_id: str) -> int | float:
    """Return what a claim prints as a number, "all" worked out from its group; whole numbers as int.

    Raises
    ------
    KeyError, ValueError
        If the study has no such claim, or it prints no number.
    """
    claim = run.study.claim(claim_id)
    audited = next(a for a in run.audited if a.claim.claim_id == claim_id)
    value = audited.x if claim.statistic == "count" else claim.number and claim.number.value
    if value is None:
        raise ValueError(f"{claim_id} prints no number ('{claim.printed}')")
    return int(value) if value == int(value) else float(value)


def show_figure(
    run: Run, name: str, figure: Figure, data: pd.DataFrame, caption: str, alt: str, source: str = "published"
) -> None:
    """Write a figure with its data, caption and alternative text, and show it.

    Raises
    ------
    ValueError
        If the notebook does not declare the figure in its parameter `outputs`.
    """
    if name not in run.outputs:
        raise ValueError(f"figure '{name}' is not declared; the parameter outputs lists {', '.join(run.outputs)}")
    stem = run.figure_folder / name
    figures.save(figure, stem, report.csv_text(data), caption, alt, source)
    run.done.add(name)
    width = round(figure.get_figwidth() * SCREEN_DPI)
    display(Image(data=stem.with_suffix(".png").read_bytes(), width=width, alt=html.escape(alt, quote=True)))
    display(Markdown(f"*{caption}*"))


def show_table(run: Run, name: str, table: pd.DataFrame, caption: str) -> None:
    """Write a table as CSV to the folder of tables, and show it."""
    paths.write_text_atomically(run.table_folder / f"{name}.csv", report.csv_text(table))
    body = (
        "<p>None.</p>" if table.empty else table.to_html(index=False, escape=True, border=0, na_rep="", classes="crmo")
    )
    display(HTML(f"{TABLE_STYLE}<p><strong>{html.escape(caption)}</strong></p>{body}"))


def show_list(items: Sequence[str]) -> None:
    """Show sentences as a list."""
    display(Markdown("\n".join(f"- {item}" for item in items)))


def finish(run: Run) -> None:
    """Fail if a declared output is missing; say what was left.

    Raises
    ------
    MissingOutputError
        Naming every declared figure that this run did not make, and every file that is not there.
    """
    missing = [name for name in run.outputs if name not in run.done]
    files = [run.figure_folder / f"{name}{ending}" for name in run.outputs for ending in FIGURE_ENDINGS]
    missing += [str(path) for path in files if not path.is_file() and path.stem not in missing]
    if missing:
        raise MissingOutputError(f"declared but not made: {', '.join(missing)}")
    display(Markdown(f"Left {len(run.outputs)} figures, each as SVG, PDF and PNG with its data, caption and alt text."))
