"""A run of a notebook: what it calls first, how it shows and keeps what it makes, and what it calls last."""

import html
import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
from IPython.display import Image, Markdown, display

from crmo_analysis import files
from crmo_analysis.display import canvas
from crmo_analysis.face import pages, playground
from crmo_analysis.face.associations import Associations, associations
from crmo_analysis.face.audits import Audit, audit_of
from crmo_analysis.face.cohorts import SMALLEST, Cohort
from crmo_analysis.face.reading import read_cohort, read_shipped
from crmo_analysis.face.results import Result, filled
from crmo_analysis.face.studies import Study
from crmo_analysis.files import InputError, UnfitError, study_names
from crmo_analysis.joint import ledger

SCREEN_DPI = 130  # larger than on paper, so that 7 pt can be read on a screen
_FOLDER = re.compile(r"\w[\w-]{0,100}", re.ASCII)
_SIGNS = {"decimal", "p", "zero"}
_LIMITS = {"width": (30, 500), "dpi": (72, 1200)}


def start(
    study: str = "",
    outputs: Sequence[str] = (),
    out: str = "",
    page: Mapping[str, float] | None = None,
    folder: str = "overview",
    about: str = "",
    own: str = "",
    tables: Sequence[str] | None = None,
) -> "Run":
    """Begin a notebook: open its study, and say what this run is.

    Parameters
    ----------
    study : str
        A study's name, or its folder; empty for a notebook about all studies.
    outputs : sequence of str
        Names of the figures that the notebook leaves.
    out : str
        Folder for figures and tables. Empty for the project's own in the published run, which `crmo
        reproduce` does, and for ``results/lab/<notebook>`` in a run by hand.
    page : mapping of str to float
        `width` in millimetres, `dpi` and `signs` of figures for a journal; they have no titles, and figures
        that are not among the outputs are not drawn. Empty for the usual page.
    folder : str
        Where a notebook about no single study leaves its files.
    about : str
        What to say of a notebook that checks no claims.
    own : str
        File of one's own patients, if the run is about them: its files are not among those of a study.
    tables : sequence of str, optional
        Names of the tables that the notebook leaves; any, unless given.

    Raises
    ------
    InputError
        If the study's files have problems, all of which are listed, or there is no such page or folder.
    """
    canvas.use_page(_page(page) if page else None)
    name = Study(study).name if study else folder
    name = files.OWN_FOLDER if own else name
    if not _FOLDER.fullmatch(name):
        raise InputError(f"folder is {name!r}, expected a name of letters, digits, - and _")
    is_by_hand, is_in_lab = os.environ.get(files.PUBLISHED_RUN) != "yes", not out
    out = out or (str(playground.lab_folder(name)) if is_by_hand else "")
    outputs = [outputs] if isinstance(outputs, str) else outputs
    run = Run(study, name, (outputs, tables), out, bool(page))
    if is_by_hand and is_in_lab:
        run._earlier = sorted(Path(out).glob("*.ipynb"))  # `crmo run` leaves one, beside its figures
    if Path(out).parent == files.RESULTS / "lab":
        run._lab = Path(out)
    if is_by_hand and not page:
        run.note(*_set_apart(Path(out)))
    beside = f" They are set beside the published numbers of {run.study.short}." if run.study else ""
    own_about = f"This run: your own patients.{beside}" if own else ""
    display(Markdown(about or own_about or run.introduced()))
    return run


def _set_apart(out: Path) -> list[str]:
    """Say what differs from the published run, and where the files of this one are."""
    differences = playground.differences()
    said = [] if differences is None else ["This run has the parameters of the published one."]
    if differences:
        said = [f"This run is not the published one; it differs in: {', '.join(differences)}."]
    if out.is_relative_to(files.RESULTS):
        said.append(f"Its figures and tables are left in `{out.relative_to(files.RESULTS.parent)}`.")
    return said


def _page(settings: Mapping[str, object]) -> canvas.Page:
    if not isinstance(settings, Mapping):
        expected = "expected names and numbers; papermill takes them by -y 'page: {width: 120}'"
        raise InputError(f"page is {settings!r}, {expected}")
    signs = settings.get("signs")
    if signs is not None and not (isinstance(signs, Mapping) and set(signs) <= _SIGNS):
        raise InputError(f"page has 'signs': {signs!r}, expected some of {', '.join(sorted(_SIGNS))}")
    for name, value in ((name, value) for name, value in settings.items() if name != "signs"):
        low, high = _LIMITS.get(name, (0, 0))
        if not (isinstance(value, int | float) and low <= value <= high and high):
            expected = "; ".join(f"{key} from {ends[0]} to {ends[1]}" for key, ends in _LIMITS.items())
            raise InputError(f"page has {name!r}: {value!r}, expected {expected}")
    return canvas.Page(**settings, titles=False)


class Run:
    """One run of a notebook.

    Nothing is written before `finish`, so that a run that stops halfway leaves the files of the one before.

    Attributes
    ----------
    study : Study or None
        The study that the notebook is about.
    is_own : bool
        Whether it is about a file of one's own, beside which the study is set.
    """

    def __init__(self, study: str, name: str, declared: tuple, out: str, is_for_page: bool):
        self.study, self.is_own = Study(study) if study else None, name == files.OWN_FOLDER
        self._outputs, self._declared_tables = tuple(declared[0]), declared[1]
        self._is_for_page, self._files, self._earlier, self._lab = is_for_page, {}, [], None
        self._figures, self._tables = files.FIGURES / name, files.RESULTS / "tables" / name
        if out:
            self._figures, self._tables = Path(out) / "figures" / name, Path(out) / "tables" / name

    @property
    def _numbers(self) -> Mapping[str, object]:
        return self.study.numbers if self.study else {}

    def audit(self) -> Audit:
        """Give every claim of the study, or of all studies, a verdict."""
        return self.study.audit() if self.study else audit_of(ledger.audit_all())

    def introduced(self) -> str:
        """Say what this run is, for Markdown."""
        count = len(self.audit().frame)
        if not self.study:
            _, problems = ledger.audit_each()
            read = len({*study_names()} - problems.keys())
            left = "".join(f"\n\nNot read: {problem}" for problem in problems.values())
            said = f"This run: published numbers of {read} studies; {count} claims. No patient-level data."
            return said + files.markdown(left)
        facts, own = self.study.facts, int((self.audit().frame["about"] == "own").sum())
        return (
            f"**{facts['title']}.** {facts['citation']}\n\n"
            f"{facts['design']}. Available: {facts.get('available', '')}.\n\n"
            f"This run: published numbers of `{self.study.name}`; {count} claims, {own} of the study's own "
            f"patients. "
            "No patient-level data."
        )

    def cohort(self, path: str = "", map: str = "", lesions: str = "", hide_below: int = SMALLEST) -> Cohort:
        """Open the table of patients that this run is about, and say what it is.

        Parameters
        ----------
        path : str
            File of one's own patients; empty for the cohort that ships for the study.
        map, lesions, hide_below
            As for `read_cohort`.

        Raises
        ------
        InputError
            If the file has errors, or an own cohort would leave its figures among the project's.
        """
        self.require_own_folder(path)
        found = read_cohort(path, map, lesions, hide_below) if path else read_shipped(self.study.name)
        if path and not self._lab:  # where the last run's files alone are kept
            files.keep_to_one_cohort(self._tables.parents[1], path)
        self.note(*found.introduced())
        return found

    def associations(self) -> Associations:
        """Return what is published about lesions and clinical severity."""
        return associations()

    def require_own_folder(self, path: str) -> None:
        """Refuse data of one's own in a run that leaves its files among the project's.

        Raises
        ------
        InputError
        """
        if path and any(map(files.is_of_project, (self._figures, self._tables))):
            raise InputError("data of your own need a folder of their own: use --out")

    def say(self, *sentences: str, **values) -> None:
        """Show a sentence, or several as a list.

        Each is a template: it names values that are given, or claims of the study, "{spine.n} of {n}".
        """
        self.note(*[self._filled(text, values) for text in sentences])

    def _filled(self, template: str, values: Mapping[str, object]) -> str:
        try:
            return filled(template, {**self._numbers, **values})
        except InputError as why:
            if self.study is None:
                raise
            said = "If the text of this notebook is about another study: study.ipynb runs any"
            raise InputError(f"{why} {said}, {self.study.short} too.") from None

    def note(self, *texts: str) -> None:
        """Show a text as it stands, or several as a list: notes of a study, sentences of a result."""
        if texts:
            display(Markdown(str(texts[0]) if len(texts) == 1 else "\n".join(f"- {text}" for text in texts)))

    def table(self, name: str, result: "Result | pd.DataFrame") -> None:
        """Show a table, and keep it as CSV of that name, with its heading and source.

        Raises
        ------
        InputError
            If the table is not declared.
        """
        if self._declared_tables is not None and name not in self._declared_tables:
            declared = ", ".join(self._declared_tables)
            raise InputError(f"table '{name}' is not declared; the list tables has {declared}")
        result = result if isinstance(result, Result) else Result(result)
        notes = {"caption": result.heading, "source": result.source}
        self._files[self._tables / f"{name}.csv"] = files.csv_text(result.frame).encode()
        self._files[self._tables / f"{name}.json"] = (
            json.dumps(notes, indent=2, ensure_ascii=False) + "\n"
        ).encode()
        display(pages.as_bundle(result._shown, result.heading), raw=True)

    def describe(self) -> None:
        """Show the study's counts, and its medians, means and ranges, as tables."""
        self.table("description", self.study.counts())
        self.table("values", self.study.values())

    def check(self, conflicts: bool = True) -> None:
        """Show how many claims have which verdict, those that do not hold, and those that conflict."""
        self.table("verdicts", self.audit().scoreboard())
        self.table("checks", self.audit().checks())
        if conflicts:
            self.table("conflicts", self.study.conflicts())

    def show(self, name: str, result: Result, title: str, **words: object) -> None:
        """Show a figure, and keep it with its data, caption and alternative text.

        Parameters
        ----------
        name : str
            One of the outputs that the notebook declares; another is shown and not kept, and not drawn at all
            for a journal's page.
        result : Result
            It gives the figure, the data and, unless given here, the texts.
        title : str
            A template, filled in from the result's terms and the study's claims; the other texts may name
            it.
        **words
            `subtitle`, `caption` and `alt` are templates; anything else is a value that they may name.

        Raises
        ------
        InputError
            If a template names what is not there.
        UnfitError
            If it cannot be drawn so that it can be read.
        """
        if name not in self._outputs and self._is_for_page:
            return
        texts = {key: str(words.pop(key, getattr(result, key))) for key in ("subtitle", "caption", "alt")}
        values = {**result.terms, **words}
        title = self._filled(title, values)
        texts = {key: self._filled(text, {**values, "title": title}) for key, text in texts.items()}
        figure = result._drawn(title=title, subtitle=texts["subtitle"]).figure
        caption, alt = texts["caption"], texts["alt"]
        data = result.frame if result.data is None else result.data
        try:
            drawn = canvas.rendered(figure, files.csv_text(data), caption, alt, result.source)
        except UnfitError as error:
            raise UnfitError(f"figure '{name}': {error}") from None
        stem = self._figures / name
        if name in self._outputs:
            self._files.update({stem.with_suffix(ending): content for ending, content in drawn.items()})
        else:
            caption = f"{caption} Not kept: `{name}` is not among the outputs."
        width = round(figure.get_figwidth() * SCREEN_DPI)
        display(Image(data=drawn[".png"], width=width, alt=html.escape(alt, quote=True)))
        display(Markdown(f"*{caption}*"))

    def finish(self) -> None:
        """Write what the notebook leaves, or fail if a declared output is missing.

        In its folder of ``results/lab`` the figures and tables are those of the last run alone.

        Raises
        ------
        InputError
            Naming every declared figure or table that this run did not make.
        """
        missing = [name for name in self._outputs if self._figures / f"{name}.png" not in self._files]
        tables = self._declared_tables or ()
        missing += [name for name in tables if self._tables / f"{name}.csv" not in self._files]
        if missing:
            raise InputError(f"declared but not made: {', '.join(missing)}")
        for path, content in self._files.items():
            files.write_bytes_atomically(path, content)
        count = len(self._outputs)
        what = "1 figure" if count == 1 else f"{count} figures"
        said = f"Left {what}, each as SVG, PDF and PNG with its data, caption and alt text."
        if self._lab:
            self._remove_what_the_last_run_left(self._lab / ".made")
        for path in self._earlier:
            said += f" `{path.name}` beside them is of an earlier `crmo run`: these files are not its own."
        display(Markdown(said))

    def _remove_what_the_last_run_left(self, noted: Path) -> None:
        """Remove the figures and tables that the last run here noted and this one did not make."""
        made = {path.relative_to(self._lab).as_posix() for path in self._files}
        last = noted.read_text(encoding="utf-8").splitlines() if noted.is_file() else []
        for name in set(last) - made:
            (self._lab / name).unlink(missing_ok=True)
        files.write_text_atomically(noted, "".join(f"{name}\n" for name in sorted(made)))
