"""Series pooled: which counted the same, what they say together, and how far that hangs on the method."""

from collections.abc import Sequence
from functools import cached_property, partial

import numpy as np
import pandas as pd

from crmo_analysis.display import plot
from crmo_analysis.face import evidence
from crmo_analysis.face.cohorts import OWN
from crmo_analysis.face.results import DERIVED, Result, listed
from crmo_analysis.files import InputError
from crmo_analysis.models import pooling
from crmo_analysis.patients import responses

SHOWN = ["series", "n_responded", "n_treated", "fewest", "most", "outcome_definition", "time_point", "source"]


def responders(path: str = "") -> "Responders":
    """Read a table of series that counted who responded to a drug.

    Parameters
    ----------
    path : str
        A file in the columns of `data/published/bisphosphonate_response.csv`; that file itself if empty.

    Raises
    ------
    InputError
        If the file has errors; all are listed.
    """
    return Responders(responses.read_responses(path or responses.FILE), OWN if path else "published")


class Responders(Result):
    """Every outcome of every series, one row each."""

    def __init__(self, table: pd.DataFrame, source: str):
        whose = "read from abstracts and summaries, as the column source says"
        treated = table.groupby("overlap_group")["n_treated"].max()
        patients = f"{len(treated)} groups of patients, at most {treated.sum()} patients"
        whose = "your table" if source == OWN else whose
        super().__init__(table, f"{len(table)} outcomes of {patients}; {whose}.", source=source)

    def choose(self, drug: str, outcome: str, time_frame: str, stricter: bool = True) -> "Chosen":
        """Take the series that counted one outcome of one drug within one time frame, each patient once.

        Parameters
        ----------
        drug, outcome, time_frame : str
        stricter : bool
            Whether a series that counted only a stricter outcome is taken, with its count as the smallest.

        Raises
        ------
        InputError
            If there is none.
        """
        pool = responses.choose(self.frame, drug, outcome, time_frame, stricter)
        pool = responses.with_bounds(pool, evidence.study_limits(pool))
        said = {"drug": drug, "outcome": responses.OUTCOMES[outcome], "time_frame": time_frame}
        return Chosen(pool, said, self.source)

    def choices(self, stricter: bool = True) -> Result:
        """List every choice of drug, outcome and time frame that leaves two series or more."""
        heading = "Every choice of drug, outcome and time frame that leaves two series or more"
        frame = responses.pools(self.frame, stricter).drop(columns=["events", "totals"])
        return Result(frame, heading, source=self.source)


class Chosen(Result):
    """Series that counted the same; `left_out` says of the others why not."""

    def __init__(self, pool: responses.Pool, said: dict[str, str], source: str):
        self.pool = pool
        heading = "Series that counted: {outcome}, {time_frame}".format(**said)
        super().__init__(pool.rows[SHOWN], heading, source=source, terms=said)

    def left_out(self) -> Result:
        """List the outcomes that were left out, and why."""
        return Result(self.pool.left_out, "Outcomes left out, and why", source=self.source)


def pool(
    events: "Chosen | Sequence[int]",
    totals: Sequence[int] = (),
    method: str = "glmm",
    interval: str = "t",
    confidence: float = 0.95,
) -> "Pooled":
    """Pool the shares of patients who responded.

    Parameters
    ----------
    events : Chosen, or sequence of int
        Series chosen by `Responders.choose`; or how many responded in each.
    totals : sequence of int
        How many were treated in each, where events are numbers.
    method, interval, confidence
        As for `models.pooling.pool_proportions`; a single series has its exact interval.

    Raises
    ------
    NotEstimableError
        If these series do not determine a pooled share by that method.
    """
    if not isinstance(events, Chosen):
        events, totals = np.atleast_1d(events), np.atleast_1d(totals)
        if len(events) != len(totals):
            words = f"there are {len(events)} counts of events and {len(totals)} totals"
            raise InputError(f"{words}, expected one of each a series")
        rows = pd.DataFrame({"n_responded": events, "n_treated": totals}).assign(
            series=[f"series {i + 1}" for i in range(len(events))],
            fewest=lambda rows: rows["n_responded"],
            most=lambda rows: rows["n_responded"],
        )
        said = {"drug": "", "outcome": "a response", "time_frame": ""}
        events = Chosen(responses.Pool(rows.reindex(columns=SHOWN), rows.iloc[:0]), said, OWN)
    return Pooled(events, {"method": method, "interval": interval, "confidence": confidence})


class Pooled(Result):
    """A pooled share: `frame` has one row a series, `result` every number, `sentence` says it."""

    def __init__(self, chosen: Chosen, how: dict):
        self._chosen, rows = chosen, chosen.pool.rows
        self._events, self._totals = rows.set_index("series")["n_responded"], rows["n_treated"]
        self._how = how | {"method": how["method"] if len(rows) > 1 else "exact"}
        self.result = pooling.pool_proportions(self._events, self._totals, **self._how)
        series = evidence.series_rows(chosen.pool, self.result)
        pooled = evidence.method_rows([self.result]).assign(label="Pooled")
        below, patients = evidence.heterogeneity(self.result), int(self._totals.sum())
        outcome = chosen.terms["outcome"]
        self.sentence = evidence.pooled_sentence(self.result, outcome, patients)
        values = {
            **chosen.terms, "Outcome": outcome.capitalize(), "sentence": self.sentence,
            "events": int(self._events.sum()), "patients": patients, "count": len(rows),
            "name": evidence.name(self.result), "cover": 100 * how["confidence"],
            "estimate": pooled["text"][0], "said": listed(series["label"], series["text"]),
        }  # fmt: skip
        super().__init__(
            series.drop(columns="text").round(6),
            self.sentence,
            caption="{sentence} An arrow leads to what a smallest count allows.",
            subtitle="{drug}; {name} interval; intervals cover {cover:g} %",
            alt="Forest of {count} series, percent: {said}. Pooled {estimate}.",
            source=chosen.source,
            draw=partial(plot.pooled_forest, series, pooled=pooled, below=below),
            terms=values,
        )

    @cached_property
    def _every(self) -> list[pooling.Pooled]:
        return evidence.every_method(self._events, self._totals, self._how["confidence"])

    def methods(self) -> Result:
        """Pool the same series by every method."""
        rows = evidence.method_rows(self._every)
        several, said = len(self._every) > 1, listed(rows["label"], rows["text"])
        ends = {"lowest": rows["estimate"].min(), "highest": rows["estimate"].max()}
        agreement = (
            pooling.disagreement(self._every, evidence.name)
            if several
            else "One series leaves nothing to pool."
        )
        null = 100 * round(self.result.estimate, 6)
        return Result(
            rows.drop(columns="text").assign(library=self.result.library),
            "Every method on the same series, shares in percent",
            caption="{agreement}",
            subtitle="{drug}: {outcome}, {time_frame}; line: {name}",
            alt="Forest of {methods} methods on the same {count} series, percent: {said}.",
            source=self._derived,
            data=rows.drop(columns="text"),
            draw=partial(plot.forest, rows, xlabel="share of patients, %", null=null, xlim=(0, 100)),
            terms={**self.terms, "agreement": agreement, "methods": len(rows), **ends, "said": said},
        )

    def without_each(self) -> Result:
        """Pool again without each series in turn; two series or fewer leave nothing to pool."""
        frame = pd.DataFrame()
        if len(self._events) > 2:
            frame = pooling.leave_one_out(self._events, self._totals, **self._how).round(4)
        return Result(frame, "Without each series in turn", source=self._derived)

    def priors(self) -> Result:
        """Set the beta-binomial posterior under several priors side by side."""
        frame, cover = pd.DataFrame(), self._how["confidence"]
        if len(self._events) > 1:
            frame = pooling.prior_sensitivity(self._events, self._totals, confidence=cover).round(4)
        return Result(frame, "Beta-binomial posterior under several priors", source=self._derived)

    def open_counts(self) -> str:
        """Say how far the pooled share goes over all counts that are known only within limits."""
        rows = self._chosen.pool.rows
        found = pooling.pooled_range(rows["fewest"], rows["most"], self._totals, **self._how)
        is_open = int((rows["fewest"] < rows["most"]).sum())
        between = f"from {found.low:.1%} to {found.high:.1%} over {found.combinations} combinations"
        return (
            f"{is_open} of {len(rows)} counts are known only within limits: the pooled estimate goes "
            f"{between}, the intervals from {found.ci_low:.1%} to {found.ci_high:.1%}."
        )

    @property
    def _derived(self) -> str:
        return self.source if self.source == OWN else DERIVED
