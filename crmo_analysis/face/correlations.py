"""What a printed P value says of a correlation that was not printed."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import pandas as pd

from crmo_analysis.display import plot
from crmo_analysis.face.results import DERIVED, Result
from crmo_analysis.study import describe

LARGEST = 90  # hundredths; correlations up to here are gone through


@dataclass(frozen=True)
class LeastCorrelation:
    """A correlation of which a study of `n` patients prints that its two-sided P value is below `p`.

    By the t distribution with n - 2 degrees of freedom, which serves Pearson's coefficient and is the usual
    approximation for Spearman's.
    """

    p: float
    n: int
    study: str

    @property
    def least(self) -> float:
        """The smallest size of a correlation with so small a P value."""
        return describe.smallest_pearson(self.p, self.n)

    def __repr__(self):
        needs = f"needs a correlation of {self.least:.2f} or more in size"
        return f"{self.study}: P<{self.p:g} in {self.n} patients {needs}"

    def over_sizes(self, limits: Sequence[float], sizes: Sequence[int]) -> Result:
        """Show the smallest correlation that reaches some limits of P, over the number of patients."""
        levels = sorted({self.p, *limits}, reverse=True)
        rows = [
            (size, round(describe.smallest_pearson(limit, size), 6), f"P = {limit:g}")
            for limit in levels
            for size in sizes
        ]
        curves = pd.DataFrame(rows, columns=["n", "smallest_r", "limit"])
        return Result(
            curves,
            repr(self),
            caption="The smallest correlation whose two-sided P value reaches {levels} limits, over the "
            "number of patients. At n = {n} and P = {p:g} it is {least:.5f}; without ties, the smallest "
            "attainable Spearman coefficient beyond it is {spearman:.5f}.",
            subtitle="derived from the printed P value and n of {study}; the coefficient itself is not "
            "printed",
            alt="{Levels} falling curves of the smallest correlation over n; a dot at n = {n} marks "
            "{least:.3f}.",
            source=DERIVED,
            draw=partial(self._draw_sizes, curves),
            terms={
                **self._terms,
                **_counted(len(levels)),
                "spearman": describe.smallest_spearman(self.p, self.n),
            },
        )

    def _draw_sizes(self, curves: pd.DataFrame, title: str = "", subtitle: str = "", ax=None):
        named = {"x": "n", "y": "smallest_r", "by": "limit", "xlabel": "patients"}
        named["ylabel"] = "smallest |r| with that P value"
        axes = plot.curves(curves, **named, title=title, subtitle=subtitle, ax=ax)
        axes.plot(self.n, self.least, "o", color=plot.INK, ms=5, zorder=5)
        text, spot = f"n = {self.n}\n|r| ≈ {self.least:.3f}", (self.n, self.least)
        line = {"arrowstyle": "-", "lw": 0.6}
        axes.annotate(text, spot, xytext=(30, 62), textcoords="offset points", fontsize=7, arrowprops=line)
        axes.set(xlim=(min(curves["n"]) - 2, max(curves["n"])), ylim=(0, 1))
        return axes

    def intervals(self) -> Result:
        """Show the 95 % interval of the correlation in everybody (Fisher's z), for all that P allows."""
        observed = [step / 100 for step in range(int(100 * self.least) + 1, LARGEST + 1)]
        rows = [(r, *[round(end, 6) for end in describe.fisher_interval(r, self.n)]) for r in observed]
        bands = pd.DataFrame(rows, columns=["r", "low", "high"])
        low, high = describe.fisher_interval(self.least, self.n)
        return Result(
            bands,
            f"At the limit of P<{self.p:g} the 95 % interval runs from {low:.2f} to {high:.2f}",
            caption="For each correlation in the sample that P<{p:g} allows, the 95 % interval of the "
            "correlation in the population (n = {n}).",
            subtitle="derived for n = {n} by Fisher's z; correlations that P<{p:g} leaves possible",
            alt="A band that narrows as the sample correlation rises from {least:.2f} to {largest:g}; at the "
            "left end it runs from {low:.2f} to {high:.2f}.",
            source=DERIVED,
            draw=partial(self._draw_intervals, bands),
            terms={**self._terms, "low": low, "high": high, "largest": LARGEST / 100},
        )

    def _draw_intervals(self, bands: pd.DataFrame, title: str = "", subtitle: str = "", ax=None):
        lines = bands.melt("r", var_name="line", value_name="correlation")
        lines = lines.replace({"line": {"low": "lower end", "high": "upper end"}})
        named = {"x": "r", "y": "correlation", "by": "line", "xlabel": "correlation in the sample (its size)"}
        named["ylabel"] = "correlation in the population, 95 % interval"
        axes = plot.curves(lines, **named, title=title, subtitle=subtitle, ax=ax)
        axes.fill_between(bands["r"], bands["low"], bands["high"], color=plot.SKY, alpha=0.25, lw=0)
        axes.axvline(self.least, color=plot.MUTED, lw=0.8, ls=":")
        style = {"rotation": 90, "ha": "right", "va": "center", "fontsize": 6.5, "color": plot.MUTED}
        axes.text(self.least - 0.008, 0.5, f"excluded by P<{self.p:g}", **style)
        axes.set(xlim=(0.3, LARGEST / 100), ylim=(0, 1))
        return axes

    @property
    def _terms(self) -> dict[str, object]:
        return {"p": self.p, "n": self.n, "least": self.least, "study": self.study}


def _counted(number: int) -> dict[str, str]:
    words = ("no", "one", "two", "three", "four", "five", "six")
    text = words[number] if number < len(words) else str(number)
    return {"levels": text, "Levels": text.capitalize()}
