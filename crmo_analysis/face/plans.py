"""A study to come: how often it would find an association, how narrow its intervals would be."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from numbers import Real
from statistics import NormalDist

import numpy as np
import pandas as pd

from crmo_analysis.display import canvas, plot
from crmo_analysis.face.cohorts import OWN, Cohort
from crmo_analysis.face.hiding import showable
from crmo_analysis.face.results import DERIVED, Result
from crmo_analysis.files import InputError
from crmo_analysis.models import planning, severity
from crmo_analysis.study import describe

LESIONS = {"mean": 6.0, "dispersion": 0.6, "levels": 11}
BAND = 1.96  # Monte Carlo errors on each side of a curve
ENOUGH = 0.8  # power that is usually wanted
STRAIGHT = (0.3, 0.98)  # power between which the size that gives it is interpolated
LEAST, MOST = 4, 100_000  # patients of a study
SMALLEST_ALPHA = 1e-9
QUICK = 2_000  # cohorts where a number is searched for


def plan(
    correlations: Sequence[float],
    sizes: Sequence[int],
    alpha: float = 0.05,
    cohorts: int = 4000,
    lesions: Mapping[str, float] | None = None,
    also: "dict[str, Sequence[Cohort]] | None" = None,
    outcome: str = "clinical_severity",
    exposure: str = "n_lesions",
) -> "Plan":
    """Simulate studies of lesions and severity under stated truths.

    Parameters
    ----------
    correlations : sequence of float
        Latent correlations of lesion count and severity, between -1 and 1.
    sizes : sequence of int
        Patients a study.
    alpha : float
        Two-sided level of its test.
    cohorts : int
        Simulated for each point.
    lesions : mapping of str to number, optional
        `mean` and `dispersion` of the count, which is negative binomial, and `levels` of the score, which are
        equally frequent; of those that are not given, as `LESIONS` has them.
    also : mapping of str to Cohort, or sequence of Cohort, optional
        More truths by name: cohorts, or tables, to draw patients from.
    outcome, exposure : str
        What is drawn from those cohorts: variables of the codebook, the exposure a count.

    Raises
    ------
    InputError
        If a number is not one that can be simulated, a cohort lacks a variable, or drawing from it would
        tell of a few patients.
    """
    truths, sizes = (tuple(dict.fromkeys(np.atleast_1d(each).tolist())) for each in (correlations, sizes))
    if not sizes or not (truths or also):
        raise InputError("expected one correlation or cohort at least, and one size")
    for each in truths:
        _require("a correlation", each, -1, 1)
    for each in sizes:
        _require("a size", each, LEAST, MOST, is_whole=True)
    _require("alpha", alpha, SMALLEST_ALPHA, 1 - SMALLEST_ALPHA)
    _require("cohorts", cohorts, 2, 1_000_000, is_whole=True)
    if unknown := set(lesions or {}) - set(LESIONS):
        raise InputError(f"lesions has {', '.join(sorted(unknown))}; expected {', '.join(LESIONS)}")
    mean, dispersion, levels = (LESIONS | dict(lesions or {})).values()
    _require("mean of lesions", mean, 0, 10_000)
    _require("dispersion of lesions", dispersion, 0, 10_000)
    _require("levels of lesions", levels, 2, 1_000, is_whole=True)
    one = Cohort | pd.DataFrame
    design = planning.Design(mean, dispersion, (1 / levels,) * levels)
    several = {name: [each] if isinstance(each, one) else each for name, each in (also or {}).items()}
    named = {name: [Cohort.of(each) for each in found] for name, found in several.items()}
    drawn = {name: [_pairs(each, outcome, exposure) for each in found] for name, found in named.items()}
    is_own = any(each.source == OWN for found in named.values() for each in found)
    return Plan(truths, tuple(map(int, sizes)), alpha, cohorts, design, drawn, OWN if is_own else "simulated")


def _require(name: str, value: object, low: float, high: float, is_whole: bool = False) -> None:
    """Raise an InputError if a value is no number between two others, or no whole one where it has to be."""
    if not (isinstance(value, Real) and low <= value <= high and not (is_whole and value % 1)):
        whole = "whole " if is_whole else ""
        raise InputError(f"{name} is {value!r}, expected a {whole}number from {low:g} to {high:,}")


def _published(n: int, alpha: float) -> None:
    """Raise an InputError where no study has so many patients, or no such level."""
    _require("n", n, LEAST, MOST, is_whole=True)
    _require("alpha", alpha, SMALLEST_ALPHA, 1 - SMALLEST_ALPHA)


def _pairs(cohort: Cohort, outcome: str, exposure: str) -> np.ndarray:
    cohort.require([outcome, exposure])
    table, _, _ = showable(cohort, severity.Question(outcome, [exposure]))
    return table[[exposure, outcome]].dropna().to_numpy(dtype=float)


@dataclass(eq=False)
class Plan:
    """Studies that were simulated; each question gives a table and most a figure."""

    correlations: tuple[float, ...]
    sizes: tuple[int, ...]
    alpha: float
    cohorts: int
    design: planning.Design
    also: dict[str, Sequence[np.ndarray]] = field(default_factory=dict)
    source: str = "simulated"

    def __repr__(self):
        sizes = " to ".join(str(size) for size in sorted({min(self.sizes), max(self.sizes)}))
        said = f"Studies of {sizes} patients, level {self.alpha:g}"
        return f"{said}; truths: {', '.join(self._truths)}\nask .sentences(), .power(), .needed()"

    @property
    def frame(self) -> pd.DataFrame:
        """The power of every truth and size."""
        return self.power().frame

    def plot(self, ax=None, **options):
        """Draw the power; see `power`."""
        return self.power().plot(ax=ax, **options)

    @property
    def _simulation(self) -> planning.Simulation:
        return planning.Simulation(self.cohorts, self.design)

    @cached_property
    def _rho(self) -> dict[float, float]:
        return {each: planning.population_spearman(each, self.design) for each in self.correlations}

    @cached_property
    def _truths(self) -> dict[str, object]:
        return {self._named(each): each for each in self.correlations} | self.also

    def _named(self, correlation: float) -> str:
        """Name a truth by its rank correlation, with as many decimals as tell it from all others."""
        for decimals in range(2, 12):
            if len({f"{rho:.{decimals}f}" for rho in self._rho.values()}) == len(self._rho):
                break
        return f"ρ = {self._rho[correlation]:.{decimals}f}"

    @cached_property
    def _power(self) -> pd.DataFrame:
        return self._of_test("spearman")

    def _of_test(self, test: str) -> pd.DataFrame:
        truths = list(self._truths.values())
        found = planning.power(truths, self.sizes, test, self.alpha, self._simulation)
        return found.assign(truth=found["truth"].map(dict(enumerate(self._truths))))

    def power(self) -> Result:
        """Show how often a study finds the association, by Spearman's test; `tests` has the other tests."""
        power, half = self._power["power"], BAND * self._power["power_error"]
        lines = self._power.assign(low=(power - half).clip(0), high=(power + half).clip(upper=1)).round(5)
        enough = lines[lines["power"] >= ENOUGH].groupby("truth", sort=False)["n"].min()
        named = [f"{n} {_under(name)}" for name, n in enough.items()]
        words = f"{', '.join(named)}" if named else "more patients than were tried"
        return Result(
            lines,
            f"Share of {self.cohorts} studies with P below {self.alpha:g}",
            caption="Share of simulated cohorts with P below {alpha:g}, by number of patients. The sizes "
            "named for {wanted:g} % are the smallest that were tried.",
            subtitle="Spearman; {cohorts} cohorts a point, band: 95 % Monte Carlo interval",
            alt="Power curves for {truths} truths over {sizes} sizes of cohort; patients for "
            "{wanted:g} %: {enough}.",
            source=self.source,
            draw=partial(_curves, lines, "power", ylim=(0, 1.02)),
            terms={**self._values, "enough": words, "wanted": 100 * ENOUGH},
        )

    def sentences(self) -> list[str]:
        """Say which rank correlation each latent correlation is, and how many patients 80 % power takes."""
        said = [
            f"A latent correlation of {each:g} is {self._named(each)} here: Spearman's, of counts and "
            "scores, which are discrete and have ties."
            for each in self.correlations
        ]
        for truth, rows in self._power.sort_values("n").groupby("truth", sort=False):
            patients = self._enough(rows["n"].to_numpy(), rows["power"].to_numpy())
            test = f"Spearman's test, P below {self.alpha:g}"
            said.append(f"{patients} for {100 * ENOUGH:g} % power {_under(truth)} ({test}).")
        return said

    @staticmethod
    def _enough(sizes: np.ndarray, power: np.ndarray) -> str:
        """Say how many patients give the wanted power: its probit is nearly straight in the root of n."""
        if power.max() < ENOUGH:
            return f"More than the {sizes[-1]:,} patients that were tried"
        first = int(np.argmax(power >= ENOUGH))
        if not first:
            return f"No more than the {sizes[0]:,} patients that were tried"
        near, tried = sizes[first - 1 : first + 1], power[first - 1 : first + 1]
        if tried[0] < STRAIGHT[0] or tried[1] > STRAIGHT[1]:
            return f"Between {near[0]:,} and {near[1]:,} patients"
        probits = [NormalDist().inv_cdf(each) for each in tried]
        root = np.interp(NormalDist().inv_cdf(ENOUGH), probits, np.sqrt(near))
        return f"About {root**2:,.0f} patients"

    def tests(self) -> Result:
        """Set the power of every test side by side, one row a truth and size."""
        others = {test: self._of_test(test)["power"] for test in planning.TESTS[1:]}
        frame = self._power[["truth", "n", "power"]].rename(columns={"power": "spearman"}).assign(**others)
        heading = f"Share of {self.cohorts} cohorts with P below {self.alpha:g}"
        return Result(frame.round(4), heading, source=self.source)

    def precision(self, width: float = 0.4) -> Result:
        """Show how wide the 95 % interval of Spearman's correlation is on average.

        Parameters
        ----------
        width : float
            The wanted width, drawn as a line.
        """
        lines = planning.power_and_precision(self.correlations, self.sizes, self.alpha, self._simulation)
        half = BAND * lines["width_error"]
        lines = lines.assign(
            truth=lines["correlation"].map(self._named), low=lines["width"] - half, high=lines["width"] + half
        )
        lines = lines[["truth", "n", "width", "width_error", "coverage", "low", "high"]].round(5)
        needed = self.needed(width).frame["patients"]
        named = {"ylabel": "width of the interval", "ylim": (0, 1.05 * lines["high"].max())}
        return Result(
            lines,
            f"Mean width of the 95 % interval ({planning.INTERVAL})",
            caption="{title}.",
            subtitle="Mean width of the 95 % interval of Spearman's correlation; band: Monte Carlo interval",
            alt="The interval narrows as cohorts grow, alike under every truth; {width:g} wide takes {least} "
            "to {most} patients.",
            source="simulated",
            draw=partial(_curves, lines, "width", line=width, **named),
            terms={**self._values, "width": width, "least": int(needed.min()), "most": int(needed.max())},
        )

    def needed(self, width: float = 0.4) -> Result:
        """Give the patients that an interval so wide takes on average."""
        _require("width", width, 0, 2)
        simulation = planning.Simulation(QUICK, self.design)
        found = [planning.needed_patients(width, each, simulation=simulation) for each in self.correlations]
        rows = [(self._named(each), *one) for each, one in zip(self.correlations, found, strict=True)]
        frame = pd.DataFrame(rows, columns=["truth", "patients", "lower limit", "upper limit"])
        heading = f"Patients for a 95 % interval {width:g} wide on average ({planning.INTERVAL}); limits: two"
        heading += " Monte Carlo errors"
        return Result(frame, heading, source="simulated")

    def models(self, model: str, fitted: int = 60) -> Result:
        """Give the precision of a model's estimate at a small, a middle and a large size.

        Parameters
        ----------
        model : {"ordinal", "negative_binomial"}
        fitted : int
            Cohorts to which it is fitted, for each size.
        """
        known = {
            "ordinal": "odds ratio per SD of lesions",
            "negative_binomial": "ratio of lesions per SD of severity",
        }
        if model not in known or not self.correlations:
            raise InputError(f"model is {model!r}, expected {' or '.join(known)}, of a latent correlation")
        _require("fitted", fitted, 1, 100_000, is_whole=True)
        middle = self.correlations[len(self.correlations) // 2]
        sizes = sorted(self.sizes)
        some = sorted({sizes[0], sizes[len(sizes) // 2], sizes[-1]})
        table = planning.model_precision(model, middle, some, planning.Simulation(fitted, self.design))
        heading = (
            "Factor from the lower to the upper end of the 95 % interval (Wald's; by profile likelihood up "
            f"to a tenth larger with 15 patients, a fiftieth with 54): {known[model]}, {self._named(middle)}"
        )
        return Result(table.round(4), heading, source="simulated")

    def selection(self, n: int, alpha: float) -> Result:
        """Say what is left of a correlation that was reported because its P value was small.

        Parameters
        ----------
        n : int
            Patients of the published result.
        alpha : float
            Its P was below this.
        """
        _published(n, alpha)
        given = planning.Simulation(QUICK, self.design)
        median, low, high = planning.evidence_of_significance(n, alpha, given)
        smallest = describe.smallest_pearson(alpha, n)
        least = f"P<{alpha:g} in {n} patients takes an observed correlation above {smallest:.3f}"
        ends = f"95 % credible interval {low:.2f} to {high:.2f}, all truths being as likely beforehand"
        text = f"Spearman's correlation in everybody: {median:.2f} ({ends})"
        ends = (smallest + 0.002, 0.8) if smallest < 0.75 else np.interp([0.05, 0.95], [0, 1], [smallest, 1])
        observed = np.linspace(*ends, 40)
        shrunk = [planning.conditional_estimate(each, n, alpha) for each in observed]
        sides = {"observed": observed, "as observed": observed, "given that P was small": shrunk}
        lines = pd.DataFrame(sides).melt("observed", var_name="which", value_name="estimate").round(5)
        lines = lines[["observed", "estimate", "which"]]
        named = {"x": "observed", "by": "which", "xlabel": "observed Spearman correlation"}
        return Result(
            lines,
            f"{least}.",
            caption="{least}. {text}.",
            subtitle="Estimate of the correlation, given that it was reported because P<{alpha:g}",
            alt="Two lines: the observed correlation, and an estimate that allows for selection, which is "
            "{left:.2f} where {seen:.2f} is observed and about the same where {most:.2f} is.",
            source=DERIVED,
            draw=partial(_curves, lines, "estimate", ylim=(0, 0.82), **named),
            terms={
                **self._values,
                "n": n,
                "alpha": alpha,
                "least": least,
                "text": text,
                "seen": observed[0],
                "left": shrunk[0],
                "most": observed[-1],
            },
        )

    def exaggeration(self, n: int, alpha: float) -> Result:
        """Say how much too large correlations are that such studies report with so small a P."""
        _published(n, alpha)
        found = planning.power_and_precision(self.correlations, [n], alpha, self._simulation)
        columns = ["rho", "power", "exaggeration", "exaggeration_error", "wrong_sign"]
        heading = f"Cohorts of {n} with P<{alpha:g}: how much too large"
        return Result(found[columns].round(4), heading, source="simulated")

    @property
    def _values(self) -> dict[str, object]:
        counts = {"truths": len(self._truths), "sizes": len(self.sizes), "cohorts": self.cohorts}
        return {**counts, "alpha": self.alpha}


def _under(truth: str) -> str:
    return truth if truth.startswith("as ") else f"at {truth}"


def _curves(lines, y, line=None, **options):
    """Draw curves, by patients and truth unless options say otherwise, over a wanted value."""
    axes = plot.curves(lines, y=y, **{"x": "n", "by": "truth", "xlabel": "patients", **options})
    if line is not None:
        axes.axhline(line, color=canvas.MUTED, lw=0.7, zorder=1)
    return axes
