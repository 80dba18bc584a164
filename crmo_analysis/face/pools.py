"""Series pooled: which counted the same, what they say together, and how far that hangs on the method."""

import math
from collections.abc import Sequence
from contextlib import suppress
from functools import cached_property, partial
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd

from crmo_analysis.display import plot
from crmo_analysis.face.cohorts import OWN
from crmo_analysis.face.results import DERIVED, Result, listed
from crmo_analysis.files import InputError, NotEstimableError
from crmo_analysis.joint import find_bounds, fit, ledger
from crmo_analysis.models import pooling
from crmo_analysis.patients import responses
from crmo_analysis.study import describe

METHOD_NAMES = {
    "glmm": "binomial-normal (GLMM)",
    "reml": "logits, REML",
    "paule_mandel": "logits, Paule-Mandel",
    "dersimonian_laird": "logits, DerSimonian-Laird",
    "ml": "logits, ML",
    "beta_binomial": "beta-binomial, ML",
    "beta_binomial_grid": "beta-binomial, posterior",
    "exact": "single series",
}
INTERVAL_NAMES = {
    "z": "normal",
    "t": "t",
    "hartung_knapp": "Hartung-Knapp",
    "credible": "credible",
    "clopper_pearson": "Clopper-Pearson",
}
SHARES = ["estimate", "ci_low", "ci_high", "pi_low", "pi_high"]
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
    file = Path(path or responses.FILE)
    return Responders(responses.read_responses(file), OWN if path else "published", file.name)


class Responders(Result):
    """Every outcome of every series, one row each."""

    def __init__(self, table: pd.DataFrame, source: str, file: str):
        self._file = file
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
        if pool.rows.empty:
            words = "no series counted this outcome of this drug in this time frame"
            raise InputError(f"{words}; .choices() lists those that are there")
        pool = responses.with_bounds(pool, _limits(pool.rows), self._file)
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
        How many were treated in each, where events are numbers; a Series of events names the series.
    method, interval, confidence
        As for `models.pooling.pool_proportions`; a single series has its exact interval.

    Raises
    ------
    NotEstimableError
        If these series do not determine a pooled share by that method.
    """
    if not isinstance(events, Chosen):
        names = getattr(events, "index", None) if isinstance(events, pd.Series) else None
        events, totals = np.atleast_1d(events), np.atleast_1d(totals)
        if names is None or isinstance(names, pd.RangeIndex):
            names = [f"series {place}" for place in range(1, len(events) + 1)]
        if len(events) != len(totals):
            words = f"there are {len(events)} counts of events and {len(totals)} totals"
            raise InputError(f"{words}, expected one of each a series")
        rows = pd.DataFrame({"n_responded": events, "n_treated": totals}).assign(
            series=names, fewest=lambda rows: rows["n_responded"], most=lambda rows: rows["n_responded"]
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
        series = _series_rows(chosen.pool, self.result)
        pooled = _method_rows([self.result]).assign(label="Pooled")
        below, patients = _heterogeneity(self.result), int(self._totals.sum())
        outcome = chosen.terms["outcome"]
        self.sentence = _sentence(self.result, outcome, patients)
        values = {
            **chosen.terms, "Outcome": outcome.capitalize(), "sentence": self.sentence,
            "events": int(self._events.sum()), "patients": patients, "count": len(rows),
            "name": _name(self.result), "cover": 100 * how["confidence"],
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

    @property
    def _shown(self) -> pd.DataFrame:
        """The series, and below them the pooled share."""
        found = self.result
        pooled = "Pooled", int(self._events.sum()), int(self._totals.sum()), found.estimate
        ends = found.ci_low, found.ci_high
        pooled = pd.DataFrame([[*pooled, *ends]], columns=self.frame.columns[:6]).round(6)
        return pd.concat([self.frame, pooled], ignore_index=True)

    @cached_property
    def _every(self) -> list[pooling.Pooled]:
        return _every_method(self._events, self._totals, self._how["confidence"])

    def methods(self) -> Result:
        """Pool the same series by every method."""
        rows = _method_rows(self._every)
        several, said = len(self._every) > 1, listed(rows["label"], rows["text"])
        ends = {"lowest": rows["estimate"].min(), "highest": rows["estimate"].max()}
        agreement = (
            pooling.disagreement(self._every, _name) if several else "One series leaves nothing to pool."
        )
        null = 100 * round(self.result.estimate, 6)
        return Result(
            rows.drop(columns="text").assign(confidence=self._how["confidence"], library=self.result.library),
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
            frame = pooling.leave_one_out(self._events, self._totals, **self._how)
        return self._in_percent(frame, "Without each series in turn")

    def priors(self) -> Result:
        """Set the beta-binomial posterior under several priors side by side."""
        frame, cover = pd.DataFrame(), self._how["confidence"]
        if len(self._events) > 1:
            frame = pooling.prior_sensitivity(self._events, self._totals, confidence=cover)
        return self._in_percent(frame, "Beta-binomial posterior under several priors")

    def open_counts(self) -> str:
        """Say how far the pooled share goes over all counts that are known only within limits."""
        rows = self._chosen.pool.rows
        found = pooling.pooled_range(rows["fewest"], rows["most"], self._totals, **self._how)
        is_open = int((rows["fewest"] < rows["most"]).sum())
        ends = found.low, found.high, found.ci_low, found.ci_high
        low, high, ci_low, ci_high = (f"{describe.percent_text(end)} %" for end in ends)
        between = f"from {low} to {high} over {found.combinations} combinations"
        between += f", of which {found.skipped} cannot be pooled" * bool(found.skipped)
        return (
            f"{is_open} of {len(rows)} counts are known only within limits: the pooled estimate goes "
            f"{between}, the intervals from {ci_low} to {ci_high}."
        )

    def _in_percent(self, frame: pd.DataFrame, heading: str) -> Result:
        shares = frame.columns.intersection([*SHARES, "change"])
        frame = frame.assign(**100 * frame[shares], confidence=self._how["confidence"]).round(4)
        return Result(frame, f"{heading}, shares in percent", source=self._derived)

    @property
    def _derived(self) -> str:
        return self.source if self.source == OWN else DERIVED


def _limits(rows: pd.DataFrame) -> list[tuple[int, int, int]]:
    """Return row, fewest and most of counts of series, by all that their own studies print.

    Rows with `study`, while it is in the collection, and `bounds`, a question as `crmo bounds` takes it, are
    looked at.
    """
    found, read = [], {study.study: study for study in ledger.read_each()[0]}
    for row in rows[rows["study"].isin(read) & (rows["bounds"] != "")].itertuples():
        fitted = fit(read[row.study])
        limits = find_bounds(fitted, row.bounds)
        ends = (limits.lower.value, limits.upper.value) if limits.is_proved else (0, fitted.n)
        found.append((row.Index, *map(int, ends)))
    return found


def _every_method(
    events: Sequence[int], totals: Sequence[int], confidence: float = 0.95
) -> list[pooling.Pooled]:
    """Pool by every method, with the intervals in use for it; a method that has no estimate is left out."""
    ways = [("glmm", "z"), ("glmm", "t"), ("dersimonian_laird", "z")]
    ways += product(pooling.INVERSE_VARIANCE, ["hartung_knapp"])
    ways += [("beta_binomial", "t"), ("beta_binomial_grid", "t")]
    results = []
    for method, interval in ways if len(events) > 1 else [("exact", "t")]:
        with suppress(NotEstimableError):
            results.append(pooling.pool_proportions(events, totals, method, confidence, interval))
    return results


def _name(result: pooling.Pooled) -> str:
    return f"{METHOD_NAMES[result.method]}; {INTERVAL_NAMES[result.interval]}"


def _series_rows(pool: responses.Pool, result: pooling.Pooled) -> pd.DataFrame:
    """Return the series of a pool for a forest: shares with exact intervals.

    `most` is the share where the count is a smallest one.
    """
    rows = []
    for row, weight in zip(pool.rows.itertuples(), result.weights, strict=True):
        found = describe.proportion(row.n_responded, row.n_treated, result.confidence)
        ends = found.estimate, found.exact_low, found.exact_high
        text = ("≥ " if row.most > row.n_responded else "") + _in_percent(*ends)
        more = row.most / row.n_treated, round(weight, 6), text
        rows.append((row.series, row.n_responded, row.n_treated, *ends, *more))
    return pd.DataFrame(rows, columns=["label", "x", "n", "share", "low", "high", "most", "weight", "text"])


def _method_rows(results: Sequence[pooling.Pooled]) -> pd.DataFrame:
    """Return methods side by side for a table or a forest, in percent; `n` is of series."""
    rows = []
    for each in results:
        shares = [getattr(each, share) for share in SHARES]
        rows.append((_name(each), each.k, *(100 * s for s in shares), each.tau2, _in_percent(*shares[:3])))
    return pd.DataFrame(rows, columns=["label", "n", *SHARES, "tau2", "text"]).round(4)


def _in_percent(share: float, low: float, high: float) -> str:
    return f"{describe.percent_text(share, 0)} ({describe.interval_text(low, high, 0)})"


def _heterogeneity(result: pooling.Pooled) -> str:
    """Write a line on the spread between series."""
    if math.isnan(result.tau2):
        return "spread between series: not estimable"
    tau2, share = f"τ² {result.tau2:.2f}", f"I² {describe.percent_text(result.i2, 0)} %"
    if not math.isnan(result.tau2_low + result.tau2_high + result.i2_low + result.i2_high):
        tau2 += f" ({result.tau2_low:.2f} to {result.tau2_high:.2f})"
        share += f" ({describe.interval_text(result.i2_low, result.i2_high, 0)})"
    test = "Q" if result.method in pooling.INVERSE_VARIANCE else "likelihood ratio"
    return f"{tau2}, {share}; test of no spread: {test} {result.q:.2f}, {describe.p_text(result.q_p)}"


def _sentence(result: pooling.Pooled, outcome: str, patients: int) -> str:
    """Say a pooled share in words."""
    whose = "on average over series" if result.method.startswith("beta") else "in a typical series"
    share = f"{describe.percent_text(result.estimate)} %"
    ends = f"interval {describe.interval_text(result.ci_low, result.ci_high)} %"
    said = f"In {result.k} series of {patients} patients, the share with {outcome} {whose} is {share} "
    said += f"({100 * result.confidence:g} % {ends}; {_name(result)} interval)."
    if result.k == 1:
        said = f"One series of {patients} patients: {share} had {outcome} (exact {ends})."
    if not math.isnan(result.pi_low):
        within = describe.interval_text(result.pi_low, result.pi_high)
        said += f" In another such series it would lie within {within} % ({result.prediction_rule})."
    return " ".join([said, *(f"{note[0].upper()}{note[1:]}." for note in result.notes)])
