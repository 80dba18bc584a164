"""A table of patients as a person asks it: one's own, which hides small counts, or a reconstructed one."""

import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import pandas as pd

from crmo_analysis.comparison import compare as set_beside
from crmo_analysis.display import frames, plot
from crmo_analysis.face import pictures
from crmo_analysis.face.comparisons import Compared
from crmo_analysis.face.results import Result, no_attribute
from crmo_analysis.files import InputError, markdown, meant
from crmo_analysis.joint import ledger
from crmo_analysis.patients import disclosure, made, scores
from crmo_analysis.study import describe, read_codebook, read_study

OWN = "user data"
SMALLEST = 5
MONTH = 487 / 16  # days
SHOW_ALL = "or read the cohort with hide_below=0 to show single patients"


def _no_numbers(values: pd.Series) -> int:
    """Count the values that are no numbers, nor of an ordered category."""
    if isinstance(values.dtype, pd.CategoricalDtype) and values.cat.ordered:
        return 0
    return int((pd.to_numeric(values.astype(object), errors="coerce").isna() & values.notna()).sum())


def _forbidden(table: pd.DataFrame) -> list[str]:
    """Say of each column how many numbers the codebook forbids, by what `read_cohort` asks of a file."""
    said = []
    for name, variable in read_codebook().items():
        if name in table and variable.is_numeric and not _no_numbers(table[name]):
            values = pd.to_numeric(table[name]).to_numpy(dtype=float, na_value=float("nan"))
            found = Counter(filter(None, variable.not_allowed(values)))
            said += [f"{count} of {len(table)} values of {name}: {text}" for text, count in found.items()]
    return said


def compare(
    cohort: "Cohort | pd.DataFrame", *studies, confidence: float = 0.95, p_values: bool = False
) -> Compared:
    """Set what a cohort gives beside what studies printed.

    Parameters
    ----------
    cohort : Cohort or DataFrame
        Of a plain table of one's own, findings of fewer than 5 patients stay hidden.
    *studies : Study or str
        All studies unless some are named.
    confidence : float
        Coverage of every interval.
    p_values : bool
        Whether to test each difference (Fisher, Welch; Holm over all).
    """
    cohort = Cohort.of(cohort)
    records = [read_study(each) if isinstance(each, str) else each.record for each in studies]
    if not studies:
        records, problems = ledger.read_each()
        for problem in problems.values():
            warnings.warn(f"left out: {problem}", stacklevel=2)
    settings = {"confidence": confidence, "p_values": p_values, "smallest": cohort.smallest}
    return Compared(cohort, set_beside(cohort.each_once, records, read_codebook(), **settings))


@dataclass(eq=False, repr=False)
class Cohort:
    """A table of patients, and what may be shown of it.

    Attributes
    ----------
    patients : DataFrame
        One row a patient, in the codebook's order; or one a visit, which what counts patients refuses.
    source : str
        "user data", "reconstructed" or "simulated".
    smallest : int
        Findings of fewer patients, and single patients, are not shown; 0 shows all.
    notes, problems : tuple
        What was converted or left out as the file was read, and what a person should look at.
    lesions, scans : DataFrame or None
        One row a lesion, and one row an MRI with a date: `patient, mri_date, n_lesions`.
    doubted : tuple of str
        Variables that a warning is about.
    """

    patients: pd.DataFrame
    source: str
    smallest: int = 0
    notes: tuple = ()
    problems: tuple = ()
    lesions: pd.DataFrame | None = None
    scans: pd.DataFrame | None = None
    doubted: tuple[str, ...] = ()

    @classmethod
    def of(cls, table, hide_below: int = SMALLEST) -> "Cohort":
        """Take a plain table of patients for a cohort; one marked as made from numbers is shown whole.

        Numbers that stand there as text are taken for numbers. Without a column `patient`, the index names
        patients, or, where it repeats itself, their place. InputError names numbers out of their limits.
        """
        if isinstance(table, cls):
            return table
        if not isinstance(table, pd.DataFrame):
            wanted = "a DataFrame, or a cohort: read_cohort reads a file, .patients() of a study gives one"
            raise InputError(f"{type(table).__name__} is no table of patients; expected {wanted}")
        if table.columns.nlevels > 1:
            raise InputError("the columns have names of several levels; expected one name a column")
        if not table.columns.is_unique:
            twice = ", ".join(map(str, table.columns[table.columns.duplicated()].unique()))
            raise InputError(f"the table has more than one column {twice}; drop or rename all but one")
        if "patient" not in table:
            is_named = table.index.is_unique and table.index.nlevels == 1
            table = table.assign(patient=table.index if is_named else range(1, len(table) + 1))
        codebook, table = read_codebook(), table.reset_index(drop=True)
        typed = [name for name in table if name in codebook and codebook[name].is_numeric]
        typed = [name for name in typed if table[name].dtype.kind == "O" and not _no_numbers(table[name])]
        source, table = made(table) or OWN, table.assign(**{n: pd.to_numeric(table[n]) for n in typed})
        if source == OWN and (wrong := _forbidden(table)):
            raise InputError(*wrong)
        return cls(table, source, hide_below if source == OWN else 0)

    def __getattr__(self, name: str):
        raise AttributeError(no_attribute(self, name, "patients"), name=name, obj=self)

    @property
    def hides(self) -> bool:
        """Whether single patients and small counts stay hidden."""
        return self.smallest > 0

    @property
    def who(self) -> str:
        """What to call it at the beginning of a sentence."""
        return "Your cohort" if self.source == OWN else f"A {self.source} cohort"

    @property
    def named(self) -> str:
        """What to call it in a title: one's own with how many it is of, a made one as what it is."""
        return f"{self.who}, n = {len(self)}" if self.source == OWN else self.who

    def __len__(self):
        return len(self.patients.drop_duplicates("patient"))

    @property
    def each_once(self) -> pd.DataFrame:
        """The table, where it has one row a patient; InputError where a patient has several."""
        several = self.patients["patient"].dropna().value_counts().gt(1).sum()
        if several:
            keep = 'keep one of each, as table.groupby("patient", as_index=False).first() does'
            raise InputError(
                f"{several} of {len(self)} patients have several rows, and patients are counted; {keep}"
            )
        return self.patients

    def __repr__(self):
        known = [name for name in read_codebook() if name in self.patients]
        said = f"{self.who}: {len(self)} patients, {len(known)} variables"
        if self.source != OWN:
            return f"{said}; no row was observed in a patient"
        shown = f"findings of fewer than {self.smallest} are hidden" if self.hides else ""
        shown, count = shown or "single patients are shown", len(self.problems)
        warned = f"; {count} warning{'' if count == 1 else 's'} about the file: .problems" if count else ""
        return f"{said}; {shown}{warned}"

    def introduced(self) -> list[str]:
        """Say what the table is and how it was read, a sentence each, for Markdown."""
        is_own, few = self.source == OWN, self.smallest
        made = f"a **{self.source}** table, of which no row was observed in a patient"
        said = [f"{len(self)} patients: {'your cohort' if is_own else made}.", *map(markdown, self.notes)]
        if self.hides:
            if self.problems:
                said.append(f"Warnings about the file: {len(self.problems)}; crmo validate lists them.")
            return [*said, f"Single patients, and findings of fewer than {few} patients, are not shown."]
        if is_own:
            chosen = "By choice, single patients and small counts are shown"
            said.append(f"{chosen}: results of this run identify patients.")
        return [*said, *(markdown(str(problem)) for problem in self.problems)]

    def describe(self) -> Result:
        """Describe every variable: x/n and percent, or median and range, and how many lack it."""
        described = frames.characteristics(self.each_once, read_codebook(), self.smallest)
        return Result(described, f"{self.named}: who is in it", source=self.source)

    def with_scores(self) -> "Cohort":
        """Return the same patients with the diagnostic scores that can be made from their items.

        `jansson_score` (Jansson 2009) and `nbo_score` (NBO score 2023), missing where an item is. A score
        that the table has stays as it is; of one whose items it lacks, the notes say which.
        """
        table, notes = self.patients.copy(), list(self.notes)
        for name in scores.POINTS:
            try:
                table = table if name in table else table.assign(**{name: scores.score(table, name)})
            except ValueError as why:
                notes.append(f"{name} is not made: {why}")
        return replace(self, patients=table, notes=tuple(notes))

    def grid(self, sections: Mapping[str, Sequence[str]] | None = None) -> Result:
        """Show who has what, one column a patient.

        Only of a table of which no row was observed, or by choice.

        Parameters
        ----------
        sections : mapping of str to sequence of str
            Headings and the variables below each; all that are yes or no unless given.

        Raises
        ------
        InputError
            If single patients are not to be shown.
        """
        self._require_single()
        codebook = read_codebook()
        findings = [name for name in self._known() if codebook[name].type == "boolean"]
        chosen = sections or {"Findings": findings}
        names = [name for group in chosen.values() for name in group]
        labels = {name: codebook[name].label for name in names}
        one = " One of many tables that print what was given; no row is a patient."
        result = Result(
            self.patients[["patient", *names]],
            f"{self.named}: who has what",
            caption="{whose}: who has what, a column each." + one * (self.source != OWN),
            subtitle="{whose}; a column each, filled where yes",
            alt="Grid of {n} patients by {count} findings, filled where yes.",
            terms={"n": len(self), "count": len(names)},
        )
        draw = partial(plot.patients, self.each_once, sections=chosen, labels=labels)
        return replace(self._of_this(result), draw=draw)

    def plot(self, ax=None, **options):
        """Draw who has what; see `grid`."""
        return self.grid().plot(ax=ax, **options)

    def skeleton(self, beside: Result | None = None) -> Result:
        """Show on a drawn skeleton how many patients have each bone affected.

        Parameters
        ----------
        beside : Result, optional
            The `skeleton` of a study or of another cohort, to stand on the right.
        """
        own = self._of_this(pictures.bones(self.each_once, self.smallest))
        return own if beside is None else pictures.side_by_side(own, beside)

    def sites(self) -> Result:
        """Show on a drawn skeleton a dot for each lesion.

        Raises
        ------
        InputError
            If there is no table of lesions, or single patients are not to be shown.
        """
        self._require_single()
        return self._of_this(pictures.sites(self.lesions))

    def together(self, *findings: str) -> Result:
        """Show which findings patients have exactly together (UpSet).

        Raises
        ------
        InputError
            If a finding is not there, or some combination is of so few patients that it stays hidden.
        """
        self.require(findings)
        return self._of_this(pictures.combined(self.each_once, findings, self.smallest))

    def participants(self, *names: str) -> Result:
        """Show how many patients are left as each variable has to be known (STROBE, item 13)."""
        self.require((), names)
        return self._of_this(pictures.participants(self.each_once, names, "Patients in the table"))

    def treatment_flow(self, drugs: Sequence[str], outcome: str) -> Result:
        """Show who moved from which drug to which, and what it led to; as `Study.treatment_flow`.

        Raises
        ------
        InputError
            If a drug is not there, or some way is of so few patients that it stays hidden.
        """
        self.require([*drugs, outcome])
        count = pictures.counted(self.each_once, read_codebook())
        result = pictures.treatment_flow(count, drugs, outcome, read_codebook())
        for source, ways in result.frame.groupby("source", sort=False) if self.hides else ():
            few = any(disclosure.hidden(ways["least"].tolist(), self.smallest))
            if few or (ways["least"] < ways["most"]).any():
                why = f"is of fewer than {self.smallest} patients, or gives such a count away"
                raise InputError(f"some way from {source} {why}; leave a drug out, {SHOW_ALL}")
        return self._of_this(result)

    def visits(self, name: str = "n_lesions") -> pd.DataFrame:
        """Return a variable at every visit of patients who have two or more, with `patient, visit, months`.

        Lesions are those of each MRI with a date, other variables those of the rows of a patient, in their
        order; without dates, months are missing.

        Raises
        ------
        InputError
            If no patient has two visits, or single patients are not to be shown.
        """
        self._require_single()
        table = self.patients
        if name == "n_lesions" and self.scans is not None:
            table = self.scans.sort_values(["patient", "mri_date"], kind="stable")
        if name not in table:
            raise InputError(f"the table has no column {name!r}{meant(name, table)}")
        table = table.dropna(subset=[name])
        table = table[table.groupby("patient")["patient"].transform("size") > 1]
        if table.empty:
            raise InputError(f"no patient has {name} at two visits: dates of MRIs, or rows, of one patient")
        of = table.groupby("patient", sort=False)
        months = pd.Series(float("nan"), index=table.index)
        if "mri_date" in table:
            months = ((table["mri_date"] - of["mri_date"].transform("first")).dt.days / MONTH).round(1)
        frame = pd.DataFrame({"patient": table["patient"], "visit": of.cumcount() + 1, "months": months})
        return frame.assign(**{name: table[name]}).reset_index(drop=True)

    def swimmer(self) -> Result:
        """Show the MRIs of patients with two or more, a lane each, and how many lesions each shows."""
        frame = self.visits().rename(columns={"months": "time"}).assign(event="MRI, and lesions on it")
        frame["text"] = frame.pop("n_lesions").astype(str)
        return self._of_visits(
            frame.drop(columns="visit"),
            "MRIs over time, and lesions on each",
            "A lane for each patient with two MRIs or more, from the first to the last, and how many lesions "
            "each shows. An MRI without a lesion has no row in a table of lesions, and is not seen here.",
        ).drawn(plot.swimmer, xlabel="months since the first MRI")

    def paired(self, name: str = "n_lesions") -> Result:
        """Show a variable over the visits of patients with two or more, a line each."""
        visits, label = self.visits(name), describe.in_sentence(read_codebook()[name].label)
        heading = f"{label} over visits"
        result = self._of_visits(visits, heading, f"A line for each patient: {heading}.")
        return result.drawn(plot.paired_lines, x="visit", y=name, by="patient", ylabel=label)

    def _of_visits(self, frame: pd.DataFrame, heading: str, caption: str) -> Result:
        subtitle = "{whose}; {patients} of {all} patients have two visits or more"
        terms = {"patients": frame["patient"].nunique(), "all": self.patients["patient"].nunique()}
        alt = f"{heading}, of {{patients}} patients."
        return self._of_this(Result(frame, heading, caption, subtitle, alt, terms=terms))

    def _of_this(self, result: Result) -> Result:
        return replace(result, source=self.source, terms={**result.terms, "whose": self.named})

    def _require_single(self) -> None:
        if self.hides:
            how = f"describe() gives what can be, {SHOW_ALL}"
            raise InputError(f"single patients of this cohort are not shown; {how}")

    def beside(self, *studies, **options) -> Result:
        """Set this cohort beside what studies printed, all of them unless some are named; see `compare`."""
        return compare(self, *studies, **options)

    def _known(self) -> list[str]:
        named = (name for name in read_codebook() if name in self.patients)
        return [name for name in named if self.patients[name].notna().any()]

    def require(self, names, codes=()) -> None:
        """Check that the table has variables: numbers, yes or no (`names`), or categories too (`codes`).

        Raises
        ------
        InputError
            Naming each variable that is not there, and those that are.
        """
        if not len(self):
            raise InputError("the table has no patients")
        codebook, known = read_codebook(), self._known()
        numbers = [name for name in known if codebook[name].is_numeric or codebook[name].type == "boolean"]
        for name, fit in [*((name, numbers) for name in names), *((name, known) for name in codes)]:
            choose = f"choose from: {', '.join(fit) or 'nothing, as no column is'}{meant(name, fit)}"
            if not isinstance(name, str):
                raise InputError(f"{name!r} is no name; expected one variable, and others by also=")
            if name not in codebook:
                raise InputError(f"{name!r} is no variable of the codebook; {choose}")
            if name not in known:
                have = "has no value of" if name in self.patients else "has no column"
                raise InputError(f"the table {have} {name!r}; map a column to it, or {choose}")
            if name not in fit:
                raise InputError(f"{name!r} is neither a number nor yes or no; {choose}")
            if name in names and (wrong := _no_numbers(self.patients[name])):
                how = "read the file with a map, or recode the column"
                raise InputError(f"{wrong} of {len(self)} values of {name!r} are no numbers; {how}")
