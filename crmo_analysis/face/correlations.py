"""What a printed P value says of a correlation that was not printed."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import pandas as pd

from crmo_analysis.display import canvas, plot
from crmo_analysis.face.results import DERIVED, Result
from crmo_analysis.study import describe

LARGEST = 90  # hundredths; correlations up to here are gone through


def printed_correlations(claims: Sequence, study: str) -> Result:
    """Give the correlations that a study prints their 95 % intervals, by Fisher's z.

    Those among patients whose number is not printed are left out.
    """
    own = [claim for claim in claims if claim.about == "own"]
    counts = [c for c in own if c.statistic == "count" and c.number.relation == "=" and c.number.value]
    sizes = {claim.patients: int(claim.number.value) for claim in counts}
    p_values = {c.claim_id.rpartition(".")[0]: c.printed for c in own if c.statistic == "p_value"}
    rows, kinds = [], []
    for claim in own:
        if claim.statistic == "correlation" and claim.group in sizes:
            labels = [claim.codebook[name.strip()].label for name in claim.of.split(",")]
            pair = " and ".join(describe.in_sentence(each.removesuffix(f" at {claim.at}")) for each in labels)
            pair = f"{pair[:1].upper()}{pair[1:]}" + f", {claim.at}" * bool(claim.at)
            r, n = float(claim.number.value), sizes[claim.group]
            low, high = describe.fisher_interval(r, n, statistic=claim.coefficient)
            kinds.append(claim.coefficient)
            p = p_values.get(claim.claim_id.rpartition(".")[0], "")
            text = f"{claim.printed} ({low:.2f} to {high:.2f})" + f"   P={p}" * bool(p)
            rows.append((f"{pair}, n = {n}", n, r, round(low, 6), round(high, 6), p, text))
    columns = ["label", "n", "estimate", "ci_low", "ci_high", "p_printed", "text"]
    frame = pd.DataFrame(rows, columns=columns).drop_duplicates(ignore_index=True)
    return Result(
        frame.drop(columns="text"),
        f"Correlations that {study} prints, with 95 % intervals",
        caption="Correlations and P values as they are printed, with 95 % intervals recomputed from the "
        "coefficient and the number of patients ({ways}).",
        subtitle="{study}, as printed; 95 % intervals recomputed",
        alt="Forest of {count} printed correlations, from {least:g} to {most:g}, each with its interval.",
        source=DERIVED,
        draw=partial(plot.forest, frame, xlabel="correlation", xlim=(-0.1, 1)),
        terms={
            "study": study,
            "ways": " or ".join(dict.fromkeys(map(describe.fisher_words, kinds))) or "Fisher's z",
            "count": len(frame),
            "least": frame["estimate"].min(),
            "most": frame["estimate"].max(),
        },
    )


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
            (size, round(describe.smallest_pearson(limit, size), 6), f"P={limit:g}")
            for limit in levels
            for size in sizes
        ]
        curves = pd.DataFrame(rows, columns=["n", "smallest_r", "limit"])
        return Result(
            curves,
            repr(self),
            caption="The smallest correlation whose two-sided P value reaches {levels} limits, over the "
            "number of patients. At n = {n} and P={p:g} it is {least:.5f}; without ties, the smallest "
            "attainable Spearman coefficient beyond it is {spearman:.5f}.",
            subtitle="derived from the printed P value and n of {study}; the coefficient itself is not "
            "printed",
            alt="{Levels} falling curves of the smallest correlation over n; a dot at n = {n} marks "
            "{least:.3f}.",
            source=DERIVED,
            draw=partial(self._draw_sizes, curves),
            terms={
                **self._terms,
                "levels": describe.number_word(len(levels)),
                "Levels": describe.number_word(len(levels)).capitalize(),
                "spearman": describe.smallest_spearman(self.p, self.n),
            },
        )

    def _draw_sizes(self, curves: pd.DataFrame, title: str = "", subtitle: str = "", ax=None):
        named = {"x": "n", "y": "smallest_r", "by": "limit", "xlabel": "patients"}
        named["ylabel"] = "smallest |r| with that P value"
        axes = plot.curves(curves, **named, title=title, subtitle=subtitle, ax=ax)
        axes.plot(self.n, self.least, "o", color=canvas.INK, ms=5, zorder=5)
        axes.vlines(self.n, 0, self.least, color=canvas.INK, lw=0.6, ls=":")
        style = {"xytext": (4, 6), "textcoords": "offset points", "fontsize": 7}
        axes.annotate(f"n = {self.n}, |r| ≈ {self.least:.3f}", (self.n, 0), **style)
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
            "correlation in the population (n = {n}), by {way}.",
            subtitle="derived for n = {n} by Fisher's z; correlations that P<{p:g} leaves possible",
            alt="A band that narrows as the sample correlation rises from {least:.2f} to {largest:g}; at the "
            "left end it runs from {low:.2f} to {high:.2f}.",
            source=DERIVED,
            draw=partial(self._draw_intervals, bands),
            terms={
                **self._terms,
                "low": low,
                "high": high,
                "largest": LARGEST / 100,
                "way": describe.fisher_words("pearson"),
            },
        )

    def _draw_intervals(self, bands: pd.DataFrame, title: str = "", subtitle: str = "", ax=None):
        lines = bands.melt("r", var_name="line", value_name="correlation")
        lines = lines.replace({"line": {"low": "lower end", "high": "upper end"}})
        named = {"x": "r", "y": "correlation", "by": "line", "xlabel": "correlation in the sample (its size)"}
        named["ylabel"] = "correlation in the population, 95 % interval"
        axes = plot.curves(lines, **named, title=title, subtitle=subtitle, ax=ax)
        axes.fill_between(bands["r"], bands["low"], bands["high"], color=canvas.SKY, alpha=0.25, lw=0)
        axes.axvline(self.least, color=canvas.MUTED, lw=0.8, ls=":")
        style = {"rotation": 90, "ha": "right", "va": "center", "fontsize": 6.5, "color": canvas.MUTED}
        axes.text(self.least - 0.008, 0.5, f"excluded by P<{self.p:g}", **style)
        axes.set(xlim=(0.3, LARGEST / 100), ylim=(0, 1))
        return axes

    @property
    def _terms(self) -> dict[str, object]:
        return {"p": self.p, "n": self.n, "least": self.least, "study": self.study}
