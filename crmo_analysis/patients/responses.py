"""Series of patients treated with a bisphosphonate: how many responded, and which rows can be pooled.

Rows are pooled only within one drug, one outcome and one time frame, and one row of every group of series
that share patients.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from crmo_analysis import files
from crmo_analysis.files import InputError, meant
from crmo_analysis.patients.problems import Problem
from crmo_analysis.patients.spreadsheet import read_sheet

FILE = files.PUBLISHED / "bisphosphonate_response.csv"
# From what is hardest to reach: whoever has the first of a pair has the second.
STRICTER = {
    "pain_gone": "pain_decreased",
    "imaging_complete": "imaging_improved",
    "complete_response": "clinical_response",
    "clinical_remission": "clinical_response",
}
OUTCOMES = {
    "pain_gone": "pain gone",
    "pain_decreased": "pain decreased",
    "imaging_complete": "no active lesion on imaging",
    "imaging_improved": "improvement on imaging",
    "complete_response": "complete response",
    "clinical_remission": "clinical remission",
    "clinical_response": "clinical response",
}
TIME_FRAMES = ("up to 3 months", "3 to 18 months")
NO_TIME_FRAME = "other or not stated"
NEEDED = (
    "outcome_id", "series", "drug", "n_treated", "n_responded", "outcome", "time_frame", "overlap_group",
)  # fmt: skip
OPTIONAL = ("population", "outcome_definition", "time_point", "study", "bounds", "source", "note")


@dataclass(frozen=True)
class Pool:
    """Rows that can be pooled, and the others."""

    rows: pd.DataFrame  # with `fewest` and `most` who can have had the outcome: of a stricter one fewer have
    left_out: pd.DataFrame  # `outcome_id, series, x_of_n, reason`


def read_responses(path: Path | str = FILE) -> pd.DataFrame:
    """Read and check a table of responses: CSV, Excel or Parquet, one row an outcome of a series.

    Its index is where a row stands in the file.

    It needs the columns `NEEDED` and may have those of `OPTIONAL`, whose missing text is "".

    Raises
    ------
    InputError
        Listing every problem: a column that is not there, a count that is none or larger than its whole, an
        outcome or time frame that is not known, an id that stands twice, a stricter outcome with more
        patients.
    """
    sheet = read_sheet(path, (*NEEDED, *OPTIONAL), "responses")
    count = {name: sheet.names.count(name) for name in NEEDED}
    wrong = {0: "this column is missing", 2: "this column stands twice"}
    problems = [Problem(sheet.file, 1, name, "", wrong[min(n, 2)]) for name, n in count.items() if n != 1]
    if problems or not len(sheet.rows):
        raise InputError(*([*sheet.problems, *problems] or [Problem(sheet.file, None, "", "", "has no row")]))
    columns = dict(zip(sheet.names, (column.to_pylist() for column in sheet.columns), strict=True))
    table = pd.DataFrame({name: columns.get(name, "") for name in (*NEEDED, *OPTIONAL)}, index=sheet.rows)
    problems = [problem for problem in sheet.problems if problem.is_error]
    problems += [Problem(sheet.file, *at, expected) for *at, expected in _wrong_cells(table)]
    if not problems:
        table = table.astype({"n_treated": int, "n_responded": int})
        problems = [Problem(sheet.file, *at, expected) for *at, expected in _wrong_rows(table)]
    if problems:
        raise InputError(*problems)
    return table.rename_axis("row")


def _wrong_cells(table: pd.DataFrame) -> Iterator[tuple[int, str, str, str]]:
    known = {"outcome": tuple(OUTCOMES), "time_frame": (*TIME_FRAMES, NO_TIME_FRAME)}
    for row, values in table.iterrows():
        for name, value in values[list(NEEDED)].items():
            if not value:
                yield row, name, "", "is empty; expected a value"
            elif name in known and value not in known[name]:
                yield row, name, value, f"expected one of {', '.join(known[name])}"
            elif name.startswith("n_") and not (value.isascii() and value.isdigit() and len(value) < 7):
                yield row, name, value, "expected a whole number of patients"


def _wrong_rows(table: pd.DataFrame) -> Iterator[tuple[int, str, str, str]]:
    for row in table.index[table["n_treated"] < 1]:
        yield row, "n_treated", "0", "expected at least one patient"
    for row, values in table[table["n_responded"] > table["n_treated"]].iterrows():
        expected = f"expected at most the {values.n_treated} who were treated"
        yield row, "n_responded", str(values.n_responded), expected
    for row in table.index[table["outcome_id"].duplicated()]:
        yield row, "outcome_id", table.loc[row, "outcome_id"], "stands above as well"
    same = ["overlap_group", "series", "drug", "time_frame", "n_treated"]
    weaker = (
        table.assign(stricter=table["outcome"].map(STRICTER))
        .reset_index(names="row")
        .merge(table, left_on=[*same, "stricter"], right_on=[*same, "outcome"], suffixes=("", "_of_weaker"))
    )
    more = weaker[weaker["n_responded"] > weaker["n_responded_of_weaker"]]
    for values in more.drop_duplicates("row").itertuples(index=False):
        than = f"{values.n_responded_of_weaker} of the same series with {OUTCOMES[values.stricter]}"
        yield values.row, "n_responded", str(values.n_responded), f"is more than the {than}"


def choose(table: pd.DataFrame, drug: str, outcome: str, time_frame: str, stricter: bool = True) -> Pool:
    """Choose the rows of one drug, outcome and time frame, one for every group of series that share patients.

    Where `stricter`, a series that counted only a stricter outcome is taken, as a smallest count. Of rows
    that share patients, one that counts the outcome itself goes before one that counts a stricter outcome,
    then the larger number of patients, then the larger count, then the order of the file.

    Raises
    ------
    ValueError
        If the table has no such drug, outcome or time frame.
    """
    for name, value, known in (
        ("drug", drug, sorted(set(table["drug"]))),
        ("outcome", outcome, OUTCOMES),
        ("time_frame", time_frame, TIME_FRAMES),
    ):
        if value not in known:
            raise InputError(f"{name} is {value!r}, expected one of {', '.join(known)}{meant(value, known)}")
    fits = [outcome, *(first for first, second in STRICTER.items() if second == outcome and stricter)]
    reasons = pd.Series("", index=table.index)
    reasons[table["time_frame"] != time_frame] = "time frame: " + table["time_frame"]
    reasons[~table["outcome"].isin(fits)] = "outcome: " + table["outcome"].map(OUTCOMES)
    reasons[table["drug"] != drug] = "drug: " + table["drug"]
    rows = table[reasons == ""]
    exact = rows["outcome"] == outcome
    order = rows.assign(exact=exact).sort_values(
        ["exact", "n_treated", "n_responded"], ascending=False, kind="stable"
    )
    chosen = order.drop_duplicates("overlap_group").sort_index()
    for row in rows.index.difference(chosen.index):
        kept = chosen.loc[chosen["overlap_group"] == rows.loc[row, "overlap_group"], "outcome_id"].iloc[0]
        reasons[row] = f"shares patients with {kept}"
    chosen = chosen.assign(
        fewest=chosen["n_responded"], most=chosen["n_responded"].where(chosen["exact"], chosen["n_treated"])
    ).drop(columns="exact")
    out = table[reasons != ""]
    left_out = out[["outcome_id", "series"]].assign(
        x_of_n=out["n_responded"].astype(str) + "/" + out["n_treated"].astype(str), reason=reasons[out.index]
    )
    return Pool(chosen, left_out.reset_index(drop=True))


def pools(table: pd.DataFrame, stricter: bool = False) -> pd.DataFrame:
    """List every choice of two series or more: `drug, outcome, time_frame, series, events, totals`."""
    found = []
    for drug in dict.fromkeys(table["drug"]):
        for outcome in OUTCOMES:
            for time_frame in TIME_FRAMES:
                rows = choose(table, drug, outcome, time_frame, stricter).rows
                if len(rows) > 1:
                    counts = tuple(rows["n_responded"]), tuple(rows["n_treated"])
                    found.append((drug, outcome, time_frame, ", ".join(rows["series"]), *counts))
    return pd.DataFrame(found, columns=["drug", "outcome", "time_frame", "series", "events", "totals"])


def with_bounds(pool: Pool, limits: Sequence[tuple[int, int, int]], file: str = FILE.name) -> Pool:
    """Take the limits of counts that a study's own numbers leave, as proved over all tables that fit.

    Raises
    ------
    InputError
        If a printed count lies outside its limits, each a row of the file, the fewest and the most.
    """
    rows = pool.rows.copy()
    for row, fewest, most in limits:
        name, count = rows.loc[row, ["outcome_id", "n_responded"]]
        if not fewest <= count <= most:
            expected = f"is the count of {name}, and the study's numbers allow {fewest} to {most}; mend it, "
            expected += f"or the question in column bounds, {rows.loc[row, 'bounds']}"
            raise InputError(Problem(file, row, "n_responded", str(count), expected))
        rows.loc[row, "fewest"] = fewest
        rows.loc[row, "most"] = max(most, rows.loc[row, "most"])
    return Pool(rows, pool.left_out)
