"""What is published about lesions and clinical severity: statements of every kind, side by side."""

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import pandas as pd

from crmo_analysis import files
from crmo_analysis.display import plot
from crmo_analysis.face.cohorts import OWN, Cohort
from crmo_analysis.face.hiding import showable, whose
from crmo_analysis.face.results import DERIVED, Result
from crmo_analysis.files import CrmoError, InputError
from crmo_analysis.models import pooling, severity
from crmo_analysis.recompute import tests_of_difference as tests
from crmo_analysis.study import describe, rounding
from crmo_analysis.study.rounding import Printed

PUBLISHED = files.PUBLISHED / "lesion_severity.csv"
COLUMNS = ("row_id", "study", "year", "n", "exposure", "outcome", "kind", "printed", "p_printed", "direction")
VARIABLES = ("exposure_variable", "outcome_variable")
UNTESTED = ("descriptive", "parallel change")
MEASURES = {"spearman": "correlation", "OR": "measure", "regression": "measure"}  # by kind of statement
PRINTED = {  # what a statement prints, and how that is said of several
    "correlation": "a correlation",
    "measure": "another measure (such as an odds ratio)",
    "null": "a null",
    "P value": "a P value and no such number",
    "direction": "a direction in words",
    "untested": "",
}
BESIDE = (
    *("row_id", "study", "exposure", "outcome", "patients", "printed", "p_printed"),
    *("r", "r_low", "r_high", "least_r", "most_r"),
)
BY_Z = f"Intervals by {describe.fisher_words('spearman')}"


def associations(path: Path = PUBLISHED) -> "Associations":
    """Read what is published about lesions and severity.

    Parameters
    ----------
    path : Path
        As `data/published/lesion_severity.md` describes it.

    Raises
    ------
    InputError
        Naming the row and the column of what cannot be read.
    """
    frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    missing = [name for name in (*COLUMNS, *VARIABLES, "overlap_group", "note") if name not in frame]
    if missing:
        raise InputError(f"{path}: there is no column {', '.join(missing)}")
    rows = []
    for line, row in enumerate(frame.to_dict("records"), start=2):
        try:
            rows.append(row | _derived(row))
        except (InputError, ValueError) as error:
            raise InputError(f"{path}, row {line}: {error}") from None
    return Associations(pd.DataFrame(rows))


def _derived(row: dict) -> dict:
    """Return n, the coefficient with its interval, what the P value is, and which correlation it allows."""
    n = int(row["n"]) if row["n"] else None
    p = rounding.parse_printed(row["p_printed"]) if row["p_printed"] else None
    found = {"patients": n, "p": float(p.value) if p else None, "p_relation": p.relation if p else ""}
    found |= dict.fromkeys(("r", "r_low", "r_high", "p_low", "p_high", "agrees", "least_r", "most_r"))
    if row["kind"] == "spearman":
        r = rounding.parse_printed(row["printed"].partition("=")[2])
        low, high = describe.fisher_interval(float(r.value), n, statistic="spearman")
        ends = tuple(float(end) for end in rounding.interval(r))
        p_low, p_high = tests.correlation(ends, n)["spearman"].p
        agrees = p is None or (p_low < float(p.value + p.place) and float(p.value - p.place) < p_high)
        found |= {"r": float(r.value), "r_low": low, "r_high": high, "p_low": p_low, "p_high": p_high}
        found["agrees"] = "yes" if agrees else "no"
    if p and n and n > 3 and row["kind"] not in UNTESTED:
        ends = rounding.interval(p, "half_up") if p.relation == "=" else (p.value, p.value)
        low, high = tests.correlation_of_p(tuple(map(float, ends)), n)
        found["least_r"], found["most_r"] = low, None if p.relation != "=" else high
    return found | {"prints": _what_is_printed(row["kind"], row["direction"], p)}


def _what_is_printed(kind: str, direction: str, p: Printed | None) -> str:
    """Return which of `PRINTED` a statement is."""
    if kind in UNTESTED:
        return "untested"
    if kind in MEASURES:
        return MEASURES[kind]
    return "null" if direction == "none" else "P value" if p else "direction"


def _joined(groups: pd.Series) -> pd.Series:
    """Give those who may share patients one name: groups with a word in capitals in common."""
    words = {group: set(re.findall(r"[A-Z][A-Z\d-]+", group)) or {group} for group in groups}
    joined: list[set[str]] = []
    for names in words.values():
        touching = [each for each in joined if names & each]
        joined = [*(each for each in joined if not names & each), names.union(*touching)]
    return groups.map(lambda group: next(", ".join(sorted(each)) for each in joined if words[group] & each))


class Associations(Result):
    """Statements about lesions and severity, one row each, with what follows from their digits."""

    def __init__(self, frame: pd.DataFrame):
        self._rows = frame = frame.assign(overlap_group=_joined(frame["overlap_group"]))
        count = frame["prints"].value_counts()
        said = [f"{count[kind]} {words}" for kind, words in PRINTED.items() if words and kind in count]
        untested = f"; {count['untested']} describe, without a test" if "untested" in count else ""
        coefficients = frame[frame["r"].notna()]
        terms = {
            "count": len(frame), "studies": frame["study"].nunique(),
            "coefficients": len(coefficients), "cohorts": coefficients["overlap_group"].nunique(),
            "nulls": int((frame["direction"] == "none").sum()),
            "kinds": ", ".join(said).replace(" ", " print ", 1) + untested,
        }  # fmt: skip
        heading = f"{len(frame)} published statements about lesions and severity"
        super().__init__(frame[list(COLUMNS)], heading, terms=terms)

    def by_design(self) -> Result:
        """Count the statements by kind and direction."""
        counts = pd.crosstab(self._rows["kind"], self._rows["direction"])
        counts = counts.reset_index().rename_axis(None, axis=1)
        return Result(counts, "Statements by kind and direction", terms=self.terms)

    def overlaps(self) -> Result:
        """List which studies may share patients."""
        groups = self._rows.groupby("overlap_group", sort=False)
        listed = groups["study"].agg(lambda names: ", ".join(dict.fromkeys(names))).reset_index()
        return Result(listed, "Studies that may share patients stand in one row")

    def coefficients(self) -> Result:
        """Return printed coefficients with their intervals, and whether their P values agree with r and n."""
        names = ["row_id", "study", "patients", "time_point", "r", "r_low", "r_high", "p_printed"]
        names += ["p_low", "p_high", "agrees", "overlap_group"]
        rows = self._rows[self._rows["r"].notna()][names].round(4).reset_index(drop=True)
        heading = f"Printed rank correlations. {BY_Z}; P from r and n by t and by the normal"
        return Result(rows, heading, source=DERIVED, terms=self.terms)

    def allowed(self) -> Result:
        """Return the size of correlation that each printed P value allows; the least, if P is a limit."""
        rows = self._rows[self._rows["least_r"].notna() & self._rows["r"].isna()]
        names = ["row_id", "study", "patients", "exposure", "outcome", "kind"]
        names += ["p_printed", "least_r", "most_r"]
        heading = (
            "The size of correlation that a printed P value stands for, in that many patients, by t: from "
        )
        heading += "the smallest to the largest over all P values that are printed so, rounded half up"
        return Result(rows[names].round(3).reset_index(drop=True), heading, source=DERIVED)

    def beside(self, cohort, confidence: float = 0.95) -> Result:
        """Set the rank correlation of a cohort beside each statement about variables that it has.

        Parameters
        ----------
        cohort : Cohort or DataFrame
        confidence : float
            Coverage of all intervals.

        Returns
        -------
        Result
            One row a statement: what is printed, the coefficient with its interval or the size that the P
            value allows, and the cohort's with its interval; `note` says why there is none.
        """
        rows, known = [], {}
        for row in self._rows[self._rows["outcome_variable"] != ""].to_dict("records"):
            pair = row["outcome_variable"], row["exposure_variable"]
            if pair not in known:
                known[pair] = _own(cohort, *pair, confidence)
            printed = {name: row[name] for name in (*BESIDE, *VARIABLES)}
            printed["r_low"], printed["r_high"] = _interval(row["r"], row["patients"], confidence)
            rows.append({**printed, **known[pair], "confidence": confidence})
        columns = [*BESIDE, *VARIABLES, "own_n", "own_r", "own_low", "own_high", "confidence", "note"]
        frame = pd.DataFrame(rows, columns=columns).round(3).astype({"own_n": "Int64"})
        heading = "The rank correlation of this cohort beside what is published of the same variables. "
        shown = [name for name in columns if name not in ("row_id", *VARIABLES)]
        return Result(frame, heading + BY_Z, source=getattr(cohort, "source", OWN), columns=shown)

    def pooled(self) -> str:
        """Say what can be pooled: coefficients of one kind from cohorts that share no patients."""
        cohorts = self.terms["cohorts"]
        if cohorts < 2:
            printed = f"{self.terms['coefficients']} coefficients are printed, of {cohorts} cohort"
            others = "Nulls without a number and P values without a coefficient are not pooled."
            return f"No pooled estimate can be given: {printed}. {others}"
        # Of cohorts that share patients, the largest number at one time.
        largest = self._rows[self._rows["r"].notna()].sort_values("patients", kind="stable")
        largest = largest.groupby("overlap_group").tail(1)
        found = pooling.pool_correlations(largest["r"], largest["patients"], statistic="spearman")
        return (
            f"{cohorts} cohorts that share no patients: pooled correlation {found.estimate:.2f} "
            f"({found.ci_low:.2f} to {found.ci_high:.2f}), by Fisher's z with REML and Student's t."
        )

    def with_another(self, sizes: Sequence[int]) -> Result:
        """Show what a second study would add to the largest: its interval beside that of both together.

        Parameters
        ----------
        sizes : sequence of int
            Patients of the second study, which is taken to find the same coefficient.
        """
        first = self._rows[self._rows["r"].notna()].sort_values("patients").iloc[-1]
        rows = []
        for size in sizes:
            together = int(first.patients) + size - 3  # so that n - 3 is the sum of both
            ends = describe.fisher_interval(first.r, together, statistic="spearman")
            alone = describe.fisher_interval(first.r, size, statistic="spearman")
            rows.append([size, *alone, *ends])
        frame = pd.DataFrame(rows, columns=["patients", "low", "high", "both_low", "both_high"]).round(3)
        heading = f"A second study, if it also found {first.r:g}, and both together. {BY_Z}"
        return Result(frame, heading, source=DERIVED, terms={"r": first.r, "n": int(first.patients)})

    def harvest(self, own: Result | None = None) -> Result:
        """Draw all statements that a test stands behind, by P value and number of patients.

        Parameters
        ----------
        own : Relation, optional
            Of one's own cohort: its rank correlation stands among them, if it has a P value.
        """
        rows = self._rows[~self._rows["kind"].isin(UNTESTED) & self._rows["patients"].notna()]
        frame = pd.DataFrame(
            {
                "row_id": rows["row_id"], "label": rows["study"] + " " + rows["year"],
                "n": rows["patients"].astype(float), "p": rows["p"].astype(float),
                "kind": [_kind(row) for row in rows.to_dict("records")],
            }
        )  # fmt: skip
        if own:
            of = own.frame[own.frame["model"] == "spearman"].iloc[0]
            if pd.notna(of["p"]):
                frame.loc[len(frame)] = ["own", "your cohort", float(of["n"]), of["p"], "your cohort"]
        result = Result(
            frame.reset_index(drop=True),
            f"{len(frame)} statements with a test and a printed number of patients",
            caption="Published statements about lesions and severity: two-sided P value against patients. "
            "Grey curves: where a correlation of that size lies. P values printed as limits stand at the "
            "limit.",
            subtitle="the {drawn} with a test and a printed number of patients, some at one place; contours "
            "derived",
            alt="{count} statements of {studies} studies by P value and number of patients, with contours of "
            "the correlation; {nulls} nulls, most without a P value.",
            terms={**self.terms, "drawn": len(rows)},
        )
        return replace(result, draw=partial(plot.harvest, result.frame))


def _own(cohort, outcome: str, exposure: str, confidence: float) -> dict:
    """Return the rank correlation of two variables of a cohort with its interval, or why there is none."""
    cohort = Cohort.of(cohort)
    try:
        cohort.require([outcome, exposure])
        asked = severity.Question(outcome, [exposure], patient=whose(cohort.patients))
        table, asked, _ = showable(cohort, asked)
        row = severity.analyse(table, asked, ["spearman"], severity.Effort(1, 1)).iloc[0]
    except CrmoError as error:
        return {"note": str(error).partition("\n")[0].partition(";")[0]}
    if pd.isna(row["estimate"]):
        return {"own_n": row["n"], "note": row["method"]}
    low, high = _interval(row["estimate"], row["n"], confidence)
    return {"own_n": row["n"], "own_r": row["estimate"], "own_low": low, "own_high": high, "note": ""}


def _interval(r: float | None, n: int, confidence: float) -> tuple[float | None, float | None]:
    if pd.isna(r) or abs(r) >= 1:
        return None, None
    return describe.fisher_interval(r, n, confidence, "spearman")


def _kind(row: dict) -> str:
    if row["direction"] == "not printed":
        return "direction not printed"
    if pd.isna(row["p"]):
        return f"{'null' if row['direction'] == 'none' else 'positive'}, no P value printed"
    kinds = {"correlation": "coefficient", "measure": "odds ratio or other measure"}
    return kinds.get(row["prints"], "P value only")
