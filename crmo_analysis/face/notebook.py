"""What a notebook calls first and last, and how it shows and keeps what it makes."""

import html
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
from IPython.display import HTML, Image, Markdown, display
from matplotlib.figure import Figure

from crmo_analysis import files
from crmo_analysis.display import canvas
from crmo_analysis.files import InputError, UnfitError, study_names
from crmo_analysis.joint import ledger as ledgers
from crmo_analysis.patients import disclosure, read_cohort, require_sound, responses, thin
from crmo_analysis.recompute import Audited
from crmo_analysis.study import Codebook, Study, read_study

SCREEN_DPI = 130  # larger than on paper, so that 7 pt can be read on a screen
_FOLDER = re.compile(r"\w[\w-]{0,100}", re.ASCII)
TABLE_STYLE = (
    "<style>table.crmo td, table.crmo th {text-align: left !important; vertical-align: top; max-width: 44em}</style>"
)


@dataclass(frozen=True)
class Run:
    """One run of a notebook: which study, where its outputs go, and which files it will leave at its end."""

    study: Study | None
    audited: tuple[Audited, ...]
    figure_folder: Path
    table_folder: Path
    outputs: tuple[str, ...]
    is_for_page: bool = False
    files: dict[Path, bytes] = field(default_factory=dict)


def start(
    study: str,
    outputs: Sequence[str],
    out: str = "",
    folder: str = "overview",
    about: str = "",
    page: Mapping[str, float] | None = None,
) -> Run:
    """Load and check a study, and print what this run is.

    Parameters
    ----------
    study : str
        A study's id; empty for a notebook about all studies.
    outputs : sequence of str
        Names of the figures that the notebook leaves.
    out : str
        Folder for figures and tables; empty for the project's own.
    folder : str
        Where in it a notebook about no single study leaves them.
    about : str
        What to say of a notebook that checks no claims.
    page : mapping of str to float
        `width` in millimetres and `dpi` of figures for a journal; they have no titles, and figures that are not
        among the outputs are not drawn. Empty for the usual page.

    Raises
    ------
    InputError
        If the study's files have problems; all are listed.
    InputError
        If there is no such page.
    """
    canvas.use_page(_page(page) if page else None)
    name = study or folder
    if not _FOLDER.fullmatch(name):
        raise InputError(f"folder is {name!r}, expected a name of letters, digits, - and _")
    figure_folder, table_folder = files.FIGURES / name, files.RESULTS / "tables" / name
    if out:
        figure_folder, table_folder = Path(out) / "figures" / name, Path(out) / "tables" / name
    if study:
        loaded = read_study(study)
        audited = ledgers.audit_jointly(loaded)
        own = sum(a.claim.about == "own" for a in audited)
        facts = loaded.facts
        text = (
            f"**{facts['title']}.** {facts['citation']}\n\n{facts['design']}. Available: {facts.get('available', '')}.\n\n"
            f"This run: published numbers of `{study}`; {len(audited)} claims, {own} of the study's own patients. "
            "No patient-level data."
        )
    elif about:
        loaded, audited, text = None, (), about
    else:
        loaded, audited = None, ledgers.audit_all()
        text = f"This run: published numbers of {len(study_names())} studies; {len(audited)} claims. No patient-level data."
    display(Markdown(text))
    return Run(loaded, audited, figure_folder, table_folder, tuple(outputs), bool(page))


def _page(settings: Mapping[str, float]) -> canvas.Page:
    limits = {"width": (30, 500), "dpi": (72, 1200)}
    for name, value in settings.items():
        low, high = limits.get(name, (0, 0))
        if not (isinstance(value, int | float) and low <= value <= high and high):
            expected = "; ".join(f"{key} from {ends[0]} to {ends[1]}" for key, ends in limits.items())
            raise InputError(f"page has {name!r}: {value!r}, expected {expected}")
    return canvas.Page(**settings, titles=False)


@dataclass(frozen=True)
class Patients:
    """A table of patients to analyse, and what it is: "reconstructed", "simulated" or "user data".

    `hides` says that single patients, and findings of fewer than `smallest`, are not to be shown; otherwise it is 0.
    """

    table: pd.DataFrame
    source: str
    hides: bool
    smallest: int


def patients(
    run: Run, cohort: str = "", mapping: str = "", lesions: str = "", suppress: bool = True, smallest: int = 5
) -> Patients:
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
    smallest : int
        Findings of fewer patients count as small.

    Raises
    ------
    InputError
        If the file has errors; all are listed.
    InputError
        If `smallest` hides nothing, or an own cohort would leave its figures among the project's.
    """
    _require_own_folder(run, cohort)
    path = cohort or files.COHORTS / f"{run.study.study}.csv"
    read = read_cohort(path, mapping or None, lesions=lesions or None)
    if read.errors and suppress and not read.is_reconstructed:
        name, count = Path(path).name, len(read.errors)
        raise InputError(f"{name} cannot be analysed: {count} errors, which crmo validate lists")
    require_sound(read)
    made = "simulated" if "simulated" in read.patients else "reconstructed"
    source = made if read.is_reconstructed else "user data"
    if smallest < 2:
        raise InputError(f"smallest is {smallest}, expected 2 or more; suppress false shows single patients")
    is_own = source == "user data"
    what = "your cohort" if is_own else f"a **{made}** table, of which no row was observed in a patient"
    doubts = thin(read) if is_own else ()
    notes = [f"{len(read.patients)} patients: {what}.", *map(files.markdown, read.notes)]
    said = [files.markdown(str(problem)) for problem in (*read.warnings, *doubts)]
    if is_own and suppress:
        if said:
            notes.append(f"Warnings about the file: {len(said)}; crmo validate lists them.")
        said = []
        notes.append(f"Single patients, and findings of fewer than {smallest} patients, are not shown.")
    elif is_own:
        notes.append("By choice, single patients and small counts are shown: results of this run identify patients.")
    show_list([*notes, *said])
    hides = is_own and suppress
    return Patients(read.patients, source, hides, smallest if hides else 0)


def require_variables(people: Patients, codebook: Codebook, names: Sequence[str], codes: Sequence[str] = ()) -> None:
    """Check that a table has the variables that a notebook's parameters name.

    Parameters
    ----------
    people : Patients
    codebook : mapping of str to Variable
    names : sequence of str
        Variables that have to be numbers, yes or no.
    codes : sequence of str
        Variables that may be categories as well.

    Raises
    ------
    InputError
        Naming each variable that is not there, and those that are.
    """
    known = [name for name in codebook if name in people.table and people.table[name].notna().any()]
    numbers = [name for name in known if codebook[name].is_numeric or codebook[name].type == "boolean"]
    for name, fit in [*((name, numbers) for name in names), *((name, known) for name in codes)]:
        if name not in codebook:
            raise InputError(f"{name!r} is no variable of the codebook; the table has {', '.join(fit)}")
        if name not in known:
            have = "has no value of" if name in people.table else "has no column"
            raise InputError(f"the table {have} {name!r}; map a column to it, or choose from: {', '.join(fit)}")
        if name not in fit:
            raise InputError(f"{name!r} is neither a number nor yes or no; choose from: {', '.join(fit)}")


def showable(
    people: Patients, outcome: str, exposures: Sequence[str], adjustment: Sequence[str], cut: float | None
) -> tuple[pd.DataFrame, list[str], float | None]:
    """Leave out of an analysis what would tell of a few patients of an own cohort, and say so.

    Parameters
    ----------
    people : Patients
        If it does not hide anything, nothing is left out.
    outcome, exposures, adjustment, cut
        As for `severity.analyse`; the first exposure is the one that the notebook is about.

    Returns
    -------
    DataFrame, list of str, float or None
        The patients to analyse: without the few who are known but for the adjustment, as a model with and one without
        them would show their values. The exposures, and the cut, that can be shown.

    Raises
    ------
    InputError
        If nothing is left.
    """
    table, few, said = people.table, people.smallest, []
    if not few:
        return table, list(exposures), cut
    main = exposures[0]
    if 0 < disclosure.lack_only(table, [outcome, main], adjustment) < few:
        table = table[table[[outcome, main]].isna().any(axis=1) | table[list(adjustment)].notna().all(axis=1)]
        said.append(f"Fewer than {few} patients lack {', '.join(adjustment)} only; they are left out everywhere.")
    reasons = {name: _reason(table, outcome, name, adjustment, few) for name in exposures}
    if reasons[main]:
        raise InputError(f"{reasons[main]}; choose other variables")
    kept = [name for name in exposures if not reasons[name]]
    said += [f"{name} is not analysed: {reason}." for name, reason in reasons.items() if reason]
    if cut is not None:
        severe = table.assign(**{outcome: (table[outcome] >= cut).astype("boolean")})
        if any(_reason(severe, outcome, name, adjustment, few) for name in kept):
            cut = None
            said.append(f"{outcome} is not cut into yes and no: fewer than {few} patients would share a value.")
    if said:
        show_list(said)
    return table, kept, cut


def _reason(table: pd.DataFrame, outcome: str, name: str, adjustment: Sequence[str], few: int) -> str:
    """Say why models of an exposure, with and without adjustment, would tell of few patients."""
    if 0 < disclosure.lack_only(table, [outcome, name], adjustment) < few:
        return f"fewer than {few} patients who have {name} lack the adjustment"
    alone = disclosure.too_few(table, [outcome, name], few)
    return alone or disclosure.too_few(table, [outcome, name, *adjustment], few)


def load_responses(run: Run, path: str = "") -> tuple[pd.DataFrame, str]:
    """Load the table of responses of series, the project's unless a path is given, and return what it is as well.

    Raises
    ------
    InputError
        If the file has errors; all are listed.
    InputError
        If an own table would leave its figures among the project's.
    """
    _require_own_folder(run, path)
    table = responses.read_responses(path or responses.FILE)
    whose = "your table" if path else "read from abstracts and summaries, as the column source says"
    patients = table.groupby("overlap_group")["n_treated"].max().sum()
    groups = table["overlap_group"].nunique()
    show_list([f"{len(table)} outcomes of {groups} groups of patients, at most {patients} patients; {whose}."])
    return table, "user data" if path else "published"


def _require_own_folder(run: Run, path: str) -> None:
    if path and any(map(files.is_of_project, (run.figure_folder, run.table_folder))):
        raise InputError("data of your own need a folder of their own: use --out")


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
    """Show a figure, and keep it with its data, caption and alternative text for `finish` to write.

    Raises
    ------
    ValueError
        If the notebook does not declare the figure in its parameter `outputs`.
    UnfitError
        If it cannot be drawn so that it can be read.
    """
    if name not in run.outputs:
        if run.is_for_page:
            return
        raise ValueError(f"figure '{name}' is not declared; the parameter outputs lists {', '.join(run.outputs)}")
    stem = run.figure_folder / name
    try:
        drawn = canvas.rendered(figure, files.csv_text(data), caption, alt, source)
    except UnfitError as error:
        raise UnfitError(f"figure '{name}': {error}") from None
    run.files.update({stem.with_suffix(ending): content for ending, content in drawn.items()})
    width = round(figure.get_figwidth() * SCREEN_DPI)
    display(Image(data=drawn[".png"], width=width, alt=html.escape(alt, quote=True)))
    display(Markdown(f"*{caption}*"))


def show_table(run: Run, name: str, table: pd.DataFrame, caption: str, source: str = "published") -> None:
    """Show a table, and keep it as CSV, and its caption and source, for `finish` to write."""
    run.files[run.table_folder / f"{name}.csv"] = files.csv_text(table).encode()
    notes = json.dumps({"caption": caption, "source": source}, indent=2, ensure_ascii=False) + "\n"
    run.files[run.table_folder / f"{name}.json"] = notes.encode()
    body = (
        "<p>None.</p>" if table.empty else table.to_html(index=False, escape=True, border=0, na_rep="", classes="crmo")
    )
    display(HTML(f"{TABLE_STYLE}<p><strong>{html.escape(caption)}</strong></p>{body}"))


def show_list(items: Sequence[str]) -> None:
    """Show sentences as a list."""
    display(Markdown("\n".join(f"- {item}" for item in items)))


def finish(run: Run) -> None:
    """Write what the notebook leaves, or fail if a declared output is missing; nothing is written before.

    Raises
    ------
    InputError
        Naming every declared figure that this run did not make.
    """
    missing = [name for name in run.outputs if run.figure_folder / f"{name}.png" not in run.files]
    if missing:
        raise InputError(f"declared but not made: {', '.join(missing)}")
    for path, content in run.files.items():
        files.write_bytes_atomically(path, content)
    display(Markdown(f"Left {len(run.outputs)} figures, each as SVG, PDF and PNG with its data, caption and alt text."))
