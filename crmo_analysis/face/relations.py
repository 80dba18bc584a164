"""How an outcome goes with exposures in a table of patients: every correlation and model, side by side."""

import html
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial

import numpy as np
import pandas as pd

from crmo_analysis.display import frames, plot
from crmo_analysis.face import pictures
from crmo_analysis.face.cohorts import OWN, SHOW_ALL, Cohort
from crmo_analysis.face.hiding import models_shown, people_of, showable, too_few_together, whose
from crmo_analysis.face.results import Result, listed
from crmo_analysis.face.studies import Study
from crmo_analysis.files import InputError, NotEstimableError, meant
from crmo_analysis.models import MODELS, association, diagnostics, maximum_statistic, severity, specifications
from crmo_analysis.patients import disclosure
from crmo_analysis.study import describe, read_codebook

PLOTS = ("forest", "scatter", "specifications", "influence", "diagnostics")
EFFORT = {"resamples": 10_000, "permutations": 2_000, "seed": 1}
NUMBERS = ["estimate", "ci_low", "ci_high", "p"]
INTERVALS = {"BCa": "BCa intervals", "Fisher's z": "intervals by Fisher's z and the jackknife"}
TESTS = {
    "permutation": "by permutation",
    "t approx": "by t",
    "Fisher's z, ": "by Fisher's z and the jackknife",
}
SAID = ("spearman", "ordinal", "linear")  # models whose result is said in a sentence


def relate(
    cohort: "Cohort | pd.DataFrame",
    outcome: str,
    exposure: str,
    also: Sequence[str] = (),
    adjust: Sequence[str] = (),
    cut: float | Mapping[str, float] | None = None,
    cluster: str = "",
    imputations: int = 0,
    **effort: int,
) -> "Relation":
    """Relate an outcome to an exposure by every correlation and model that suits it.

    A table in which a `patient` has several rows is one of visits: correlations, permutations and pictures
    take each patient once, by the mean of the visits; models take every visit, with errors by patient.

    Parameters
    ----------
    cohort : Cohort or DataFrame
        Of a plain table of one's own, findings of fewer than 5 patients stay hidden.
    outcome, exposure : str
        Variables of the codebook: numbers, or yes or no.
    also : sequence of str
        Other exposures that are looked at beside it; those that the table lacks are left out, and noted.
    adjust : sequence of str
        Variables to adjust for, all at once; a category, such as `centre`, by one step for each.
    cut : float or mapping of str to float, optional
        From where on the outcome counts as yes, for the penalised logistic model; or that of each outcome.
    cluster : str
        A column of groups whose patients are alike, such as `centre`: errors of models, and of correlations,
        are by its groups, and joint tests permute within them.
    imputations : int
        Of how many tables with imputed values models are combined; 0 leaves out who lacks a value.
    **effort
        `resamples`, `permutations`, `seed`.

    Raises
    ------
    InputError
        If a variable is not there, or what is asked for would tell of a few patients.
    """
    cohort, codebook = Cohort.of(cohort), read_codebook()
    also, adjust = ([each] if isinstance(each, str) else list(each) for each in (also, adjust))
    known = [name for name in adjust if name in codebook or name not in cohort.patients]
    cohort.require([outcome, exposure, *(name for name in also if name not in codebook)], known)
    if wrong := [name for name in effort if name not in EFFORT]:
        options = ("also", "adjust", "cut", "cluster", "imputations", *EFFORT)
        said = f"relate has no option {wrong[0]!r}; it has {', '.join(options)}"
        raise InputError(said + meant(wrong[0], options))
    also = [name for name in also if name != exposure]
    exposures = [exposure, *[name for name in also if name in cohort.patients]]
    grouping = {"patient": whose(cohort.patients), "cluster": cluster, "imputations": imputations}
    cut = cut.get(outcome) if isinstance(cut, Mapping) else cut
    asked = severity.Question(outcome, exposures, list(adjust), cut=cut, **grouping)
    asked.check(cohort.patients)
    table, asked, said = showable(cohort, asked)
    said += [
        f"{name} is not analysed: the table has no such column." for name in also if name not in exposures
    ]
    return Relation(cohort, table, asked, said, severity.Effort(**(EFFORT | effort)))


class Relation(Result):
    """Every exposure in every model; `frame` has one row each, and `relation["ordinal"]` the fitted model.

    Attributes
    ----------
    cohort : Cohort
    notes : list of str
        What was left out because it would tell of few patients.
    """

    def __init__(
        self,
        cohort: Cohort,
        table: pd.DataFrame,
        asked: severity.Question,
        notes: list[str],
        effort: severity.Effort,
    ):
        self.cohort, self.notes = cohort, notes
        self._table, self._asked, self._effort = table, asked, effort
        labels = {name: variable.label for name, variable in read_codebook().items() if name in asked.names}
        self._labels = {name: describe.in_sentence(label) for name, label in labels.items()}
        self._models = models_shown(table, asked, cohort.smallest)
        self._effect = effect = severity.analyse(table, asked, self._models, effort)
        if cohort.hides:
            effect[["details", "events"]] = None  # numbers that tell of few
        self._rho = rho = effect[effect["model"] == "spearman"].iloc[0]  # of the first exposure
        values = {
            "who": cohort.who, "whose": self._whose, "exposure": labels[asked.exposures[0]],
            "outcome": self._labels[asked.outcome], "r": rho.estimate, "n": rho.n, "method": rho.method,
            "rank": "not estimable" if np.isnan(rho.estimate) else f"{rho.estimate:.2f}",
            "p": describe.p_text(rho.p), "sentence": severity.sentence(rho.to_dict(), self._labels),
        }  # fmt: skip
        shown = frames.significant(effect, [*NUMBERS, "p_error", "p_holm", "p_benjamini_hochberg"])
        empty = [name for name in ("groups", "imputed", "events", "details") if shown[name].isna().all()]
        shown = shown.drop(columns=[*empty, "unit"])
        super().__init__(shown, "Every exposure in every model", source=cohort.source, terms=values)

    def __getitem__(self, model: str):
        """Return a fitted model of the first exposure with all adjustment.

        It is statsmodels' results object, with `summary()`, whose intervals are Wald's; those of the table
        are profile likelihood's where its column `method` says so.

        Raises
        ------
        InputError
            If there is no such model, or single patients are not to be shown: the results hold every one.
        NotEstimableError
            If the data do not determine it.
        """
        if self.cohort.hides:
            what = "a fitted model holds single patients, which are not shown of this cohort"
            raise InputError(f"{what}; .frame has its estimates, {SHOW_ALL}")
        if model not in MODELS:
            raise InputError(
                f"there is no model {model!r}; there is {', '.join(MODELS)}{meant(model, MODELS)}"
            )
        return severity.fitted(self._table, model, self._asked).results

    def __iter__(self):
        return iter(MODELS)

    @property
    def analysed(self) -> Cohort:
        """The cohort, without values of those whom no model takes, so as not to tell of them."""
        return replace(self.cohort, patients=self._table)

    @property
    def _shown(self) -> pd.DataFrame:
        return frames.effects_in_words(self._effect, self._labels)

    def __repr__(self):
        return "\n".join([*self.notes, *self.sentences()])

    def _repr_mimebundle_(self, **kinds):
        said = "".join(f"<li>{html.escape(text)}</li>" for text in [*self.notes, *self.sentences()])
        bundle = super()._repr_mimebundle_(**kinds)
        return bundle | {"text/html": f"<ul>{said}</ul>{bundle['text/html']}"}

    def sentences(self, models: Sequence[str] = SAID) -> list[str]:
        """Say what the first exposure's models give, a sentence each."""
        effect, main = self._effect, self._asked.exposures[0]
        rows = effect[(effect["exposure"] == main) & effect["model"].isin(models)]
        return [severity.sentence(row, self._labels) for row in rows.to_dict("records")]

    def participants(self) -> Result:
        """Show how many patients the models lose, and to what."""
        names = [self._asked.exposures[0], self._asked.outcome, *self._asked.adjustment]
        people = people_of(self.cohort.patients, self._asked, names)
        result = pictures.participants(people, names, "Patients in the table")
        return replace(result, source=self.cohort.source, terms={**self.terms, **result.terms})

    def counted(self) -> str:
        """Say how many patients have both values."""
        names = [self._asked.exposures[0], self._asked.outcome]
        used = people_of(self.cohort.patients, self._asked, names).notna().all(axis=1)
        both = " and ".join(describe.in_sentence(read_codebook()[name].label) for name in names)
        return f"{int(used.sum())} of {len(used)} have both {both}."

    def plot(self, kind: str = "forest", ax=None, **options):
        """Draw a "forest", a "scatter", the "specifications", the "influence" of patients or "diagnostics".

        Raises
        ------
        InputError
            If there is no such picture.
        """
        there = PLOTS[: len(PLOTS) - self.cohort.hides]  # the last shows single patients
        if kind not in there:
            raise InputError(f"there is no picture {kind!r}; there is {', '.join(there)}{meant(kind, there)}")
        return getattr(self, kind)().plot(ax=ax, **options)

    def forest(self) -> Result:
        """Set the rank correlations of all exposures side by side."""
        spearman = self._effect[self._effect["model"] == "spearman"]
        rows = frames.effect_rows(spearman, read_codebook())
        counted = f"{len(rows)} rank correlation{'s' * (len(rows) > 1)}"
        first = rows.loc[rows["estimate"].abs().fillna(-1).idxmax()]  # of none that can be estimated, any
        return self._result(
            rows.drop(columns="text"),
            f"Rank correlation of each exposure with {self.terms['outcome']}: {self.cohort.named}",
            subtitle="{whose}: Spearman correlations with {outcome}, 95 % {intervals}",
            caption="{whose}. Correlation of each imaging parameter with the outcome; P {tests}{holm}.",
            holm=", then by Holm over all" if len(rows) > 1 else "",
            alt="Forest of {counted} with {outcome}: {said}.",
            draw=partial(plot.forest, rows, xlabel="Spearman correlation"),
            intervals=_ways(spearman["method"], INTERVALS),
            tests=_ways(spearman["method"], TESTS),
            count=len(rows),
            counted=counted,
            which=f"Largest of {counted}" if len(rows) > 1 else "Rank correlation",
            said=listed(rows["label"], rows["text"]),
            strongest=describe.in_sentence(first["label"]),
            largest=first["estimate"],
        )

    def scatter(self) -> Result:
        """Draw patients, or, where single ones stay hidden, the line alone."""
        outcome, exposure = self._asked.outcome, self._asked.exposures[0]
        used = self._used()
        line = diagnostics.linear_fit(used[exposure], used[outcome], share=self._middle).round(6)
        points = used.iloc[:0] if self.cohort.hides else used
        xlabel, ylabel = (frames.axis_label(read_codebook()[name]) for name in (exposure, outcome))
        named = {"x": exposure, "y": outcome, "xlabel": xlabel, "ylabel": ylabel}
        if "linear" not in self._models and self.cohort.hides:
            return self._result(
                pd.DataFrame({"not shown": ["the line of least squares"]}),
                f"No patients, and no line: {self.cohort.named}",
                subtitle="{who}, n = {n}; a line would tell of a few patients",
                caption="{who}. {sentence}",
                alt="Empty scales: patients and a line would tell of a few; rank correlation {rank}.",
                draw=partial(plot.scatter, points, **named),
            )
        return self._result(
            line if self.cohort.hides else points,
            f"Patients, and the line of least squares: {self.cohort.named}",
            subtitle="{who}, n = {n}; line: least squares with its 95 % interval (HC3)",
            caption="{who}. {sentence}",
            alt="Scatter of {n} patients with a fitted line; rank correlation {rank}.",
            draw=partial(plot.scatter, points, **named, line=line),
        )

    def together(self) -> Result:
        """Test all exposures together: the largest correlation, by permutation."""
        asked, few = self._asked, self.cohort.smallest
        heading = "All imaging parameters together: largest correlation by permutation"
        if reason := too_few_together(self._table, asked, few):
            shown = pd.DataFrame({"not shown": [f"the joint test of all imaging parameters: {reason}"]})
            return self._result(shown, heading)
        table = severity.once(self._table, replace(asked, adjustment=[]))
        family, scores = table[asked.exposures].astype(float), table[asked.outcome].astype(float)
        settings = {"permutations": self._effort.permutations, "seed": self._effort.seed}
        if asked.cluster:
            settings["groups"], heading = table[asked.cluster], f"{heading} within {asked.cluster}"
        try:
            joint = maximum_statistic(family, scores, **settings)
        except NotEstimableError as why:
            return self._result(pd.DataFrame({"not estimable": [str(why)]}), heading + self._complete)
        joint = frames.significant(joint, joint.select_dtypes("float"))
        return self._result(joint.assign(library=self._rho.library), heading + self._complete)

    def specifications(self) -> Result:
        """Ask in every defensible way (models, adjustment, who is left out), and test all ways together."""
        table, asked = self._once, replace(self._first, patient="", imputations=0)
        exposure, left_out = asked.exposures[0], {"nobody": [False] * len(table)}
        if not self.cohort.hides:
            highest = table[exposure] == table[exposure].max()
            left_out[f"highest: {self._labels[exposure]}"] = highest.fillna(False)
        questions = [replace(asked, adjustment=[]), *([asked] if asked.adjustment else [])]
        models = [model for model in self._models if model in MODELS]
        curve = specifications.specification_curve(table, questions, models, left_out, self._effort)
        chosen = ["model", "outcome", "adjusted_for", "left_out"]
        rows = curve.table[[*chosen, "n", "effect", *NUMBERS, "z"]].round(6)
        said = f" ({curve.method}; z takes patients for independent)" if asked.cluster else ""
        count, far = curve.estimable, round(curve.share_significant * curve.estimable)
        ends = {0: f"None of {count} specifications has", count: f"All {far} specifications have"}
        share = ends.get(far, f"{far} of {count} specifications have") + " |z| above 1.96"
        median = describe.p_text(curve.p_median)
        return self._result(
            rows.assign(library=curve.table["library"], confidence=asked.confidence),
            f"{share}; joint permutation test of that share {describe.p_text(curve.p_share)}, "
            f"of the median z {median}{said}{self._complete}.",
            data=rows,
            subtitle="{whose}: each point is one regression, on the scale of what it estimates",
            caption="{whose}. {share}. Joint permutation test of the median z: {median}.",
            alt="Specification curve of {count} specifications, each with its interval and what it chose. "
            "{share}.",
            draw=partial(plot.specification_curve, self._in_words(rows.dropna(subset=["z"]))),
            count=curve.estimable,
            share=share,
            median=median,
        )

    def _in_words(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Write what specifications chose in words."""
        labels, others = self._labels, rows["adjusted_for"].str.split(", ")
        return rows.assign(
            model=rows["model"].replace(frames.MODEL_NAMES),
            outcome=[frames.in_words_of(name, labels) for name in rows["outcome"]],
            adjusted_for=[", ".join(labels.get(name, name) for name in names) for names in others],
            left_out=rows["left_out"].str.replace("highest: ", "highest in "),
        )

    def influence(self) -> Result:
        """Estimate the rank correlation without each patient, or how far that goes where they stay hidden."""
        hides = self.cohort.hides
        exposure, outcome = self._asked.exposures[0], self._asked.outcome
        without = association.leave_one_out(self._once[exposure], self._once[outcome]).round(6)
        without["left_out"] = without["left_out"].map(self._once["patient"])
        if hides:
            inner = np.linspace(0.5 - self._middle / 2, 0.5 + self._middle / 2, 5).round(3)
            inside = without["estimate"].quantile(inner).round(6)
            named = [f"one patient ({100 * place:.0f} % point)" for place in inside.index]
            without = pd.DataFrame({"left_out": named, "estimate": inside})
        interval = self._rho.ci_low, self._rho.ci_high
        drawn = {"with_all": round(self._rho.estimate, 6), "ylabel": "Spearman correlation"}
        return self._result(
            without[["left_out", "estimate"]],
            f"The correlation without each patient in turn{self._complete}",
            subtitle="{whose}: Spearman, all {n} patients {r:.2f}",
            caption="{whose}. From {least:.2f} to {most:.2f} as one patient is left out{aside}.",
            alt="Points of the correlation without each patient, from {least:.2f} to {most:.2f}{aside}, "
            "around a line at {r:.2f} of all.",
            draw=partial(plot.influence, without, **drawn, interval=interval),
            least=without["estimate"].min(),
            most=without["estimate"].max(),
            aside=f" in the middle {100 * self._middle:.0f} % of cases" if hides else "",
        )

    def diagnostics(self) -> Result:
        """Check what the models rest on: residuals, leverage, dispersion, proportional odds, adjustment.

        The picture shows residuals over leverage of the linear model, one point a patient. Where single
        patients stay hidden there is none, and no row that is one patient's.
        """
        asked, hides = self._asked, self.cohort.hides
        rows, points = diagnostics.diagnose(self._once, self._first)
        rows = rows[~rows["check"].str.startswith("largest")] if hides else rows
        rows = rows[rows["model"].isin([*self._models, "all"])]
        draw = None
        if not (hides or points.empty):
            points = points.assign(patient=self._once["patient"].loc[points["patient"]].to_numpy())
            draw = partial(plot.residuals, points.round(6))
        said = f", patients of one {asked.cluster} taken for independent" if asked.cluster else ""
        return self._result(
            frames.significant(rows, ["value", "p"]),
            f"What the models rest on{said}{self._complete}",
            subtitle="{whose}: linear model of {outcome}; the size of a point is Cook's distance",
            caption="{whose}. Residuals and leverage of the linear model, with all adjustment.",
            alt="Studentised residuals over leverage, one point for each of {n} patients.",
            draw=draw,
        )

    def over(self, cohorts: Sequence[Cohort]) -> Result:
        """Ask the same of other cohorts, quickly: the spread of the estimates, one row a model."""
        quick = severity.Effort(200, 200, self._effort.seed)
        found = []
        for cohort in map(Cohort.of, cohorts):
            table, asked, _ = showable(cohort, self._first)
            models = [m for m in models_shown(table, asked, cohort.smallest) if m in ("spearman", "linear")]
            found.append(severity.analyse(table, asked, models, quick))
        spread = pd.concat(found) if found else pd.DataFrame(columns=["model", "estimate"])
        spread = spread.groupby("model")["estimate"].agg(["count", "min", "median", "max"])
        heading = "Estimates over the ensemble" if found else "No ensemble: no other cohorts"
        return self._result(spread.round(3).reset_index(), heading)

    def beside(self, study: "Study") -> str:
        """Say which P value a study prints for these two variables, and what this table gives."""
        pair = {self._asked.outcome, self._asked.exposures[0]}
        tests = [c for c in study.record.claims if c.statistic == "p_value" and set(c.parts) == pair]
        printed = f"prints {tests[0].printed}" if tests else "prints no P value"
        found = f"in this table, {self.cohort.who.lower()}, it is {describe.p_text(self._rho.p)}"
        return f"{study.short} {printed} for these two; {found} (Spearman; {self._rho.method})."

    @property
    def _complete(self) -> str:
        """Say that values are not imputed, where the models' table has imputed ones."""
        return ", of patients with all values" if self._asked.imputations else ""

    @cached_property
    def _middle(self) -> float:
        return disclosure.inner_share(len(self._used()), self.cohort.smallest) if self.cohort.hides else 1

    @cached_property
    def _once(self) -> pd.DataFrame:
        """The table with each patient once."""
        return severity.once(self._table, self._first)

    @property
    def _first(self) -> severity.Question:
        return replace(self._asked, exposures=self._asked.exposures[:1])

    @property
    def _whose(self) -> str:
        """Say who is analysed, and of one's own how many have the outcome and an exposure."""
        sizes = self._effect.loc[self._effect["model"] == "spearman", "n"]
        low, high = int(sizes.min()), int(sizes.max())
        counted = f", n = {low}" if low == high else f", n = {low} to {high}"
        return self.cohort.who + (counted if self.cohort.source == OWN else "")

    def _used(self) -> pd.DataFrame:
        return self._once[[self._asked.exposures[0], self._asked.outcome]].dropna().astype(float)

    def _result(self, frame: pd.DataFrame, heading: str, **words) -> Result:
        """Make a result of this relation; words that are no field of it are values for its templates."""
        names = words.keys() & {"subtitle", "caption", "alt", "draw", "data"}
        fields = {name: words.pop(name) for name in names}
        return Result(frame, heading, source=self.cohort.source, terms={**self.terms, **words}, **fields)


def _ways(methods: pd.Series, ways: dict[str, str]) -> str:
    """Say by which ways rows came about, each known by a word of its method; by the usual one if by none."""
    found = [said for word, said in ways.items() if methods.str.contains(word).any()]
    return " or ".join(found or [*ways.values()][:1])
