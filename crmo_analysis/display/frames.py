"""Tables of an audit: the ledger of every claim, the scoreboard, and a study's descriptive tables."""

import json
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import pandas as pd

from crmo_analysis import files
from crmo_analysis.files import csv_text
from crmo_analysis.joint.bounds import Bounds, bounds
from crmo_analysis.joint.conflicts import Conflicts, conflicts, with_conflicts
from crmo_analysis.joint.fitting import Fit
from crmo_analysis.models.regression import p_text
from crmo_analysis.patients.disclosure import hidden
from crmo_analysis.recompute.verdicts import VERDICTS, Audited, audit_study
from crmo_analysis.study.claims import Study, read_study, studies
from crmo_analysis.study.codebook import Codebook, Variable, read_codebook
from crmo_analysis.study.describe import interval_text, percent_text, proportion
from crmo_analysis.study.expressions import Everyone, in_words, parse
from crmo_analysis.study.reproduction import reproduce

LEDGER = files.RESULTS / "ledger.csv"
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
    """Audit the studies named, or all, alone and jointly."""
    return tuple(audited for study in names or studies() for audited in audit_jointly(read_study(study)))


def audit_jointly(study: Study) -> tuple[Audited, ...]:
    """Audit a study, and let what only its joint model shows count as conflicts too."""
    audited = audit_study(study)
    if not any(a.claim.about == "own" and a.claim.patients == Everyone() for a in audited):
        return audited  # without a number of patients there is no table
    return with_conflicts(audited, conflicts(study, other_readings=False))


def conflict_table(found: Conflicts) -> pd.DataFrame:
    """Return one row a conflict: `reading, claims, why, resolved by`."""
    rows = [
        [_options(c.reading), " ".join(c.claim_ids), c.sentence, _options(c.resolved_by) or "none"] for c in found.found
    ]
    return pd.DataFrame(rows, columns=["reading", "claims", "why", "resolved by"])


def implied(fitted: Fit, pairs: Sequence[str], seconds: float = 60) -> pd.DataFrame:
    """Bound how many patients have both of two findings of which only each is counted.

    Parameters
    ----------
    fitted : Fit
    pairs : sequence of str
        Expressions with one ``&`` each.
    seconds : float
        Time allowed for each.

    Returns
    -------
    DataFrame
        `expression, first, second, lower, upper, n, is_proved`, one row a pair: either finding in words with how many
        have it, and the fewest and most with both, of the n who can have the rarer one.
    """
    codebook, rows = fitted.view.codebook, []
    for pair in pairs:
        both = bounds(fitted, f"count({pair})", seconds, witnesses=False)
        alone = replace(fitted, others=())  # what else could be given up is asked of pairs only
        each = [bounds(alone, f"count({text})", seconds, witnesses=False) for text in pair.split("&")]
        names = [in_words(parse(text, codebook), codebook) for text in pair.split("&")]
        counted = [f"{name} ({_interval(count)})" for name, count in zip(names, each, strict=True)]
        ends = [_plain(end.value) for end in (both.lower, both.upper)]
        most = min(_plain(count.upper.value) for count in each)
        rows.append([pair, *counted, *ends, most, both.is_proved])
    return pd.DataFrame(rows, columns=["expression", "first", "second", "lower", "upper", "n", "is_proved"])


def _interval(found: Bounds) -> str:
    low, high = (_plain(end.value) for end in (found.lower, found.upper))
    return str(low) if low == high else f"{low} to {high}"


def reproduced(fitted: Fit, table: pd.DataFrame, where: str = "") -> pd.DataFrame:
    """Set every claim of a study's own patients beside what a reconstructed table gives for it.

    Parameters
    ----------
    fitted : Fit
    table : DataFrame
        Of the same study.
    where : str
        Only claims from places that start so; empty for all.

    Returns
    -------
    DataFrame
        `where, of, among, statistic, printed, from table, kept`, one row a claim; `kept` is "given up" for claims
        that the table was not made to keep.
    """
    claims = [c for s in (*fitted.kept, *fitted.given_up) for c in s.claims if c.where.startswith(where)]
    order = {claim.claim_id: place for place, claim in enumerate(fitted.view.claims)}
    frame = reproduce(sorted(claims, key=lambda claim: order[claim.claim_id]), table, fitted.view.codebook)
    frame["kept"] = ["given up" if i in fitted.given_up_ids else "yes" for i in frame["claim_id"]]
    frame = frame.rename(columns={"from_table": "from table"})
    return frame[["where", "of", "among", "statistic", "printed", "from table", "kept"]]


def characteristics(table: pd.DataFrame, codebook: Codebook, smallest: int = 0) -> pd.DataFrame:
    """Describe every variable of a table of patients: x/n and percent, or median [range], with how many lack it.

    Parameters
    ----------
    table : DataFrame
        One row a patient, columns of the codebook.
    codebook : mapping of str to Variable
    smallest : int
        Counts from 1 below this are not shown, nor others that would give them away, nor extremes, nor a median with
        fewer patients on a side of it; 0 shows all.

    Returns
    -------
    DataFrame
        `variable, statistic, value, n, missing`.
    """
    rows = []
    for name in (name for name in codebook if name in table):
        variable, values = codebook[name], table[name].dropna()
        n, lacking = len(values), int(table[name].isna().sum())
        counted = {"": values} if variable.type == "boolean" else {}
        if variable.type == "category":
            counted = {f": {category.replace('_', ' ')}": values == category for category in variable.categories}
        counts = [int(holds.sum()) for holds in counted.values()]
        parts = [*counts, n - sum(counts)]  # of a boolean: yes and no
        for suffix, x, is_hidden in zip(counted, counts, hidden(parts, smallest), strict=False):
            text = f"fewer than {smallest}, or with such a count" if is_hidden else f"{x}/{n}"
            text += f" ({percent_text(Fraction(x, n))} %)" if n and not is_hidden else ""
            rows.append([variable.label + suffix, "x/n (%)", text, n, lacking])
        if variable.is_numeric and n:
            ends = "" if smallest else f" [{values.min():g} to {values.max():g}]"
            text = f"fewer than {2 * smallest} patients" if n < 2 * smallest else f"{values.median():g}{ends}"
            kind = "median" if smallest else "median [range]"
            rows.append([axis_label(variable)[:1].upper() + axis_label(variable)[1:], kind, text, n, lacking])
    return pd.DataFrame(rows, columns=["variable", "statistic", "value", "n", "missing"])


def effect_rows(frame: pd.DataFrame, codebook: Codebook) -> pd.DataFrame:
    """Prepare rows of an analysis for a forest: `label, n, estimate, ci_low, ci_high, text`."""
    rows = []
    for row in frame.itertuples():
        label_text = codebook[row.exposure].label if row.exposure in codebook else row.exposure
        if pd.isna(row.estimate):
            rows.append([label_text, row.n, row.estimate, row.ci_low, row.ci_high, row.method])
            continue
        numbers = f"{row.estimate:.2f} ({row.ci_low:.2f} to {row.ci_high:.2f})"
        text = f"{numbers}   {p_text(row.p)}, Holm {p_text(row.p_holm)}"
        rows.append([label_text, row.n, *(round(v, 6) for v in (row.estimate, row.ci_low, row.ci_high)), text])
    return pd.DataFrame(rows, columns=["label", "n", "estimate", "ci_low", "ci_high", "text"])


def significant(frame: pd.DataFrame, columns: Sequence[str], digits: int = 4) -> pd.DataFrame:
    """Round columns to significant digits, so that a small P value does not become 0."""
    rounded = {name: [float(f"{value:.{digits}g}") for value in frame[name].astype(float)] for name in columns}
    return frame.assign(**rounded)


def in_sentence(label: str) -> str:
    """Write a label as it stands within a sentence: a small first letter, unless it begins an abbreviation."""
    return label if label[1:2].isupper() or label[1:2] in ("-", "") else label[:1].lower() + label[1:]


def axis_label(variable: Variable) -> str:
    """Write a label with its unit, unless it says it already."""
    known = not variable.unit or variable.unit.lower() in variable.label.lower()
    return in_sentence(variable.label) if known else f"{in_sentence(variable.label)}, {variable.unit}"


def _options(pairs: Sequence[tuple[str, str]]) -> str:
    return " ".join(f"{name}:{option}" for name, option in pairs)


def conflicts_text(study: Study, found: Conflicts) -> str:
    """Write conflicts as a list for reading."""
    if not found.found:
        return f"{study.study}: all printed numbers that can be modelled can stand together." * found.is_complete
    lines = []
    for number, conflict in enumerate(found.found, start=1):
        lines.append(f"{number}. {conflict.sentence[:1].upper()}{conflict.sentence[1:]}")
        lines.append(f"   claims: {', '.join(conflict.claim_ids)}")
        for kind, pairs in (("read as", conflict.reading), ("resolved if read as", conflict.resolved_by)):
            lines += [f"   {kind} {name}:{option}, {study.readings[name][option]['text']}" for name, option in pairs]
    return "\n".join(lines)


def conflicts_json(study: Study, found: Conflicts) -> str:
    """Write conflicts as JSON."""
    listed = [
        {
            "claims": list(conflict.claim_ids),
            "statements": [list(statement.claim_ids) for statement in conflict.statements],
            "reading": dict(conflict.reading),
            "sentence": conflict.sentence,
            "resolved_by": [f"{name}:{option}" for name, option in conflict.resolved_by],
        }
        for conflict in found.found
    ]
    result = {"study": study.study, "complete": found.is_complete, "conflicts": listed}
    return json.dumps(result, ensure_ascii=False, indent=1)


def bounds_json(found: Bounds) -> str:
    """Write bounds as JSON."""
    ends = {"lower": found.lower, "upper": found.upper}
    result = {"expression": found.expression}
    result |= {name: None if end.value is None else _plain(end.value) for name, end in ends.items()}
    result |= {f"{name}_proved": end.is_proved for name, end in ends.items()}
    result |= {"reading": dict(found.fitted.scenario), "given_up": list(found.fitted.given_up_ids)}
    return json.dumps({**result, "depends_on_given_up": found.depends}, ensure_ascii=False, indent=1)


def _plain(value: Fraction) -> int | float:
    return int(value) if value.denominator == 1 else round(float(value), 6)


def bounds_text(found: Bounds) -> str:
    """Write bounds as sentences."""
    ends = []
    for name, end in (("at least", found.lower), ("at most", found.upper)):
        value = "not found" if end.value is None else _plain(end.value)
        ends.append(f"{name} {value} ({'proved' if end.is_proved else 'not proved'})")
    lines = [f"{found.fitted.view.study.study}: {found.expression} is {ends[0]} and {ends[1]}."]
    if found.fitted.given_up:
        lines.append(f"Given up, because not all can stand together: {', '.join(found.fitted.given_up_ids)}.")
    if found.depends:
        lines.append("The interval depends on which of the conflicting claims are given up.")
    return "\n".join(lines)


def write_ledger() -> pd.DataFrame:
    """Write `results/ledger.csv` and the README's scoreboard; return the ledger."""
    frame = ledger(audit_all())
    files.write_text_atomically(LEDGER, csv_text(frame))
    readme = files.ROOT / "README.md"
    text = readme.read_text(encoding="utf-8")
    files.write_text_atomically(readme, with_scoreboard(text, scoreboard(frame)))
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
    by_id, codebook = {a.claim.claim_id: a for a in audited}, read_codebook()
    rows = []
    for claim_id in claim_ids:
        claim, x, n = by_id[claim_id].claim, by_id[claim_id].x, by_id[claim_id].n
        if claim.statistic != "count" or x is None or not n or x > n:
            raise ValueError(f"{claim_id} is no count of a group whose size is printed")
        p = proportion(x, n)
        ends = [p.exact_low, p.exact_high, p.wilson_low, p.wilson_high]
        named = (in_words(claim.patients, codebook), in_words(claim.group, codebook))
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
            head = {
                "variable": codebook[claim.of].label,
                "among": in_words(claim.group, codebook),
                "unit": codebook[claim.of].unit,
            }
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
