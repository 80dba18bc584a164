"""Tables of an audit: the ledger of every claim, the scoreboard, and a study's descriptive tables."""

import io
from collections.abc import Sequence
from fractions import Fraction

import pandas as pd

from crmo_analysis import paths
from crmo_analysis.audit import VERDICTS, Audited, audit_study
from crmo_analysis.claims import read_study, studies
from crmo_analysis.codebook import Codebook, read_codebook
from crmo_analysis.describe import interval_text, percent_text, proportion
from crmo_analysis.expressions import And, Compare, Everyone, Expression, Is, Not, Or

LEDGER = paths.RESULTS / "ledger.csv"
LEDGER_COLUMNS = (
    ["study", "claim_id", "where", "about", "statistic", "of", "among", "printed", "recomputed", "verdict", "rule", "related", "reason"]
)  # fmt: skip
SCOREBOARD_START, SCOREBOARD_END = ("<!-- scoreboard: written by `make reproduce` -->", "<!-- end of scoreboard -->")


def ledger(audited: Sequence[Audited]) -> pd.DataFrame:
    """Return one row a claim, in the columns of `results/ledger.csv`."""
    rows = [
        [getattr(a.claim, name) for name in LEDGER_COLUMNS[:8]]
        + [a.recomputed, a.verdict, a.rule, " ".join(a.related), a.reason]
        for a in audited
    ]
    return pd.DataFrame(rows, columns=LEDGER_COLUMNS)


def audit_all(names: Sequence[str] = ()) -> tuple[Audited, ...]:
    """Audit the studies named, or all."""
    return tuple(audited for study in names or studies() for audited in audit_study(read_study(study)))


def csv_text(frame: pd.DataFrame) -> str:
    """Write a table as CSV, the same bytes on every system."""
    buffer = io.StringIO(newline="")
    frame.to_csv(buffer, index=False, lineterminator="\n", float_format="%.6g")
    return buffer.getvalue()


def write_ledger() -> pd.DataFrame:
    """Write `results/ledger.csv` and the README's scoreboard; return the ledger."""
    frame = ledger(audit_all())
    paths.write_text_atomically(LEDGER, csv_text(frame))
    readme = paths.ROOT / "README.md"
    text = readme.read_text(encoding="utf-8")
    paths.write_text_atomically(readme, with_scoreboard(text, scoreboard(frame)))
    return frame


def scoreboard(frame: pd.DataFrame) -> pd.DataFrame:
    """Count verdicts by study, from a ledger."""
    counts = pd.crosstab(frame["study"], frame["verdict"]).reindex(columns=list(VERDICTS), fill_value=0)
    counts.insert(0, "claims", counts.sum(axis=1))
    titles = {study: read_study(study).facts["short"] for study in counts.index}
    counts = counts.rename(index=titles)
    counts.loc["all"] = counts.sum()
    return counts.rename_axis("study").rename_axis(None, axis=1).reset_index()


def with_scoreboard(text: str, table: pd.DataFrame) -> str:
    """Return the README's text with the scoreboard between its two marks.

    Raises
    ------
    ValueError
        If the marks are missing.
    """
    before, start, rest = text.partition(SCOREBOARD_START)
    _, end, after = rest.partition(SCOREBOARD_END)
    if not (start and end):
        raise ValueError(f"README.md lacks the lines '{SCOREBOARD_START}' and '{SCOREBOARD_END}'")
    lines = ["| " + " | ".join(map(str, row)) + " |" for row in table.itertuples(index=False)]
    head = ["| " + " | ".join(table.columns) + " |", "|---|" + "---:|" * (len(table.columns) - 1)]
    return before + start + "\n" + "\n".join(head + lines) + "\n" + end + after


def label(tree: Expression, codebook: Codebook | None = None) -> str:
    """Say an expression in the codebook's labels."""
    codebook = read_codebook() if codebook is None else codebook
    match tree:
        case Everyone():
            return "All patients"
        case Is(name):
            return codebook[name].label
        case Compare(name, "==", str() as value):
            return f"{codebook[name].label}: {value.replace('_', ' ')}"
        case Compare(name, ">=", value):
            return f"{codebook[name].label}, at least {value}"
        case Compare(name, "==", value):
            return f"{codebook[name].label}: {value}"
        case Compare(name, sign, value):
            return f"{codebook[name].label} {sign} {value}"
        case Not(Is(name)) if codebook[name].negation:
            return codebook[name].negation
        case Not(inner):
            return f"Not: {label(inner, codebook)[:1].lower()}{label(inner, codebook)[1:]}"
        case And(Compare(name, ">=", low), Compare(other, "<=", high)) if name == other:
            return f"{codebook[name].label} {low} to {high}"
        case And(left, right):
            return f"{label(left, codebook)} and {label(right, codebook)}"
        case Or(left, right):
            return f"{label(left, codebook)} or {label(right, codebook)}"
    raise TypeError(f"{tree!r} is no expression")


def proportions(audited: Sequence[Audited], claim_ids: Sequence[str]) -> pd.DataFrame:
    """Recompute shares from printed counts, with exact and Wilson 95 % intervals.

    Parameters
    ----------
    audited : sequence of Audited
        A study's.
    claim_ids : sequence of str
        Counts to show, in this order.

    Returns
    -------
    DataFrame
        `label, group, x, n, share, exact_low, exact_high, wilson_low, wilson_high, verdict, claim_id`;
        shares and intervals between 0 and 1.

    Raises
    ------
    ValueError
        If a claim is no count of a group whose size is printed.
    """
    by_id = {a.claim.claim_id: a for a in audited}
    rows = []
    for claim_id in claim_ids:
        claim, x, n = by_id[claim_id].claim, by_id[claim_id].x, by_id[claim_id].n
        if claim.statistic != "count" or x is None or not n or x > n:
            raise ValueError(f"{claim_id} is no count of a group whose size is printed")
        p = proportion(x, n)
        ends = [p.exact_low, p.exact_high, p.wilson_low, p.wilson_high]
        named = (label(claim.patients), label(claim.group))
        rows.append([*named, x, n, round(p.estimate, 6), *ends, by_id[claim_id].verdict, claim_id])
    columns = ["label", "group", "x", "n", "share", "exact_low", "exact_high", "wilson_low", "wilson_high"]
    return pd.DataFrame(rows, columns=[*columns, "verdict", "claim_id"])


def shares(rows: Sequence[tuple[str, str, int, int]]) -> pd.DataFrame:
    """Return shares with intervals for rows of section, label, x and n, for a plot of intervals."""
    columns = ["section", "label", "x", "n", "share", "exact_low", "exact_high", "wilson_low", "wilson_high"]
    found = []
    for section, name, x, n in rows:
        p = proportion(x, n)
        found.append(
            [section, name, x, n, round(p.estimate, 6), p.exact_low, p.exact_high, p.wilson_low, p.wilson_high]
        )
    return pd.DataFrame(found, columns=columns)


def rounding(audited: Sequence[Audited]) -> pd.DataFrame:
    """Return how far each printed percentage of the study's own counts lies from the exact one.

    `section, x_of_n, exact, printed, difference, rule`, in percentage points; rule is empty where none gives it.
    """
    rows = []
    for a in audited:
        if a.claim.statistic == "percent" and a.claim.about == "own" and a.x is not None and a.n:
            exact, printed = Fraction(100 * a.x, a.n), a.claim.number.value
            numbers = [round(float(value), 4) for value in (exact, printed, printed - exact)]
            rows.append([a.claim.section, f"{a.x}/{a.n}", *numbers, a.rule])
    return pd.DataFrame(rows, columns=["section", "x_of_n", "exact", "printed", "difference", "rule"])


def description(audited: Sequence[Audited]) -> pd.DataFrame:
    """Return a study's descriptive table of counts: x/n first, intervals, printed beside recomputed.

    One row a count of the study's own patients whose group's size is printed, where it is printed first.
    """
    seen, chosen = set(), []
    for a in audited:
        claim = a.claim
        key = (claim.patients, claim.group)
        fits = claim.statistic == "count" and claim.about == "own" and claim.patients != Everyone() and key not in seen
        if fits and a.x is not None and a.n and a.x <= a.n:
            seen.add(key)
            chosen.append(claim.claim_id)
    frame = proportions(audited, chosen)
    printed = {
        (a.claim.patients, a.claim.group): a.claim.printed
        for a in reversed(audited)
        if a.claim.statistic == "percent" and a.claim.about == "own"
    }
    by_id = {a.claim.claim_id: a.claim for a in audited}
    keys = [(by_id[claim_id].patients, by_id[claim_id].group) for claim_id in chosen]
    return pd.DataFrame({
        "characteristic": frame["label"],
        "among": frame["group"],
        "x/n": [f"{x}/{n}" for x, n in zip(frame["x"], frame["n"], strict=True)],
        "recomputed %": [percent_text(Fraction(x, n)) for x, n in zip(frame["x"], frame["n"], strict=True)],
        "printed %": [printed.get(key, "") for key in keys],
        "95 % exact": [interval_text(*ends) for ends in zip(frame["exact_low"], frame["exact_high"], strict=True)],
        "95 % Wilson": [interval_text(*ends) for ends in zip(frame["wilson_low"], frame["wilson_high"], strict=True)],
        "verdict": frame["verdict"],
    })  # fmt: skip


def values(audited: Sequence[Audited]) -> pd.DataFrame:
    """Return the study's own medians, means, ranges and sums, one row a variable and group, as printed."""
    rows: dict[tuple[str, str], dict[str, str]] = {}
    codebook = read_codebook()
    for a in audited:
        claim = a.claim
        if (
            claim.about == "own"
            and claim.statistic in ("median", "mean", "sum", "min", "max")
            and codebook[claim.of].type != "date"
        ):
            head = {"variable": codebook[claim.of].label, "among": label(claim.group), "unit": codebook[claim.of].unit}
            row = rows.setdefault((claim.of, claim.among), head)
            text = (
                claim.printed
                if row.get(claim.statistic, claim.printed) == claim.printed
                else f"{row[claim.statistic]}; {claim.printed}"
            )
            row[claim.statistic] = text
    columns = ["variable", "among", "unit", "median", "mean", "sum", "min", "max"]
    frame = pd.DataFrame(rows.values()).reindex(columns=columns).fillna("")
    return frame.loc[:, [name for name in columns if name in columns[:3] or frame[name].any()]]


def checks(audited: Sequence[Audited]) -> pd.DataFrame:
    """Return the claims that differ, conflict or are ambiguous, with the reason; of several studies, named."""
    rows = [
        [a.claim.study, a.claim.where, a.claim.of, a.claim.statistic, a.claim.printed, a.verdict, a.reason]
        for verdict in ("differs", "conflicts", "ambiguous")
        for a in audited
        if a.verdict == verdict
    ]
    frame = pd.DataFrame(rows, columns=["study", "where", "of", "statistic", "printed", "verdict", "reason"])
    return frame if len({a.claim.study for a in audited}) > 1 else frame.drop(columns="study")


def compared(audited: Sequence[Audited]) -> pd.DataFrame:
    """Return every claim that something printed recomputes: printed beside recomputed, with the verdict."""
    rows = [
        [a.claim.where, a.claim.of, a.claim.among, a.claim.statistic, a.claim.printed, a.recomputed, a.rule, a.verdict]
        for a in audited
        if a.recomputed
    ]
    columns = ["where", "of", "among", "statistic", "printed", "recomputed", "rule", "verdict"]
    return pd.DataFrame(rows, columns=columns)
