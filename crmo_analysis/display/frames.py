"""Tables to be shown: a study's, and those of a table of patients."""

from collections.abc import Mapping, Sequence
from fractions import Fraction

import pandas as pd

from crmo_analysis.display import lettering
from crmo_analysis.files import InputError
from crmo_analysis.models import MODELS
from crmo_analysis.patients import disclosure
from crmo_analysis.recompute import Audited
from crmo_analysis.study import Codebook, Variable, describe, expressions

TABLE = "application/vnd.crmo.table+json"  # a table in a notebook: caption, columns, rows and note, as texts
MODEL_NAMES = {
    "spearman": "Spearman's rank correlation",
    "kendall": "Kendall's rank correlation",
    "pearson": "Pearson's correlation",
    "linear": "linear model",
    "poisson": "Poisson model",
    "negative_binomial": "negative binomial model",
    "ordinal": "proportional odds model",
    "firth": "logistic model (Firth)",
}


def characteristics(table: pd.DataFrame, codebook: Codebook, smallest: int = 0) -> pd.DataFrame:
    """Describe every variable of a table of patients.

    X/n and percent, or median [range], with how many lack it.

    Parameters
    ----------
    table : DataFrame
        One row a patient, columns of the codebook.
    codebook : mapping of str to Variable
    smallest : int
        Counts from 1 below this are not shown, nor others that would give them away, nor extremes, nor a
        median with fewer patients on a side of it; 0 shows all.

    Returns
    -------
    DataFrame
        `variable, statistic, value, n, missing`.
    """
    rows, gone = [], disclosure.withheld(table, codebook, smallest)
    for name in (name for name in codebook if name in table):
        variable, values = codebook[name], table[name].dropna()
        n, lacking = len(values), int(table[name].isna().sum())
        counted = {"": values} if variable.type == "boolean" else {}
        if variable.type == "category":
            counted = {f": {each.replace('_', ' ')}": values == each for each in variable.categories}
        counts = [int(holds.sum()) for holds in counted.values()]
        for suffix, x, is_hidden in zip(counted, counts, gone.get(name, ()), strict=False):
            text = f"fewer than {smallest}, or hidden beside such a count" if is_hidden else f"{x}/{n}"
            text += f" ({describe.percent_text(Fraction(x, n))} %)" if n and not is_hidden else ""
            rows.append([variable.label + suffix, "x/n (%)", text, n, lacking])
        if variable.is_numeric and n:
            ends = "" if smallest else f" [{values.min():g} to {values.max():g}]"
            text = f"fewer than {2 * smallest} patients" if n < 2 * smallest else f"{values.median():g}{ends}"
            if disclosure.spiked(values, smallest):
                text = f"all but fewer than {smallest} have the same value"
            kind = "median" if smallest else "median [range]"
            label = axis_label(variable)
            rows.append([label[:1].upper() + label[1:], kind, text, n, lacking])
    return pd.DataFrame(rows, columns=["variable", "statistic", "value", "n", "missing"])


def effect_rows(frame: pd.DataFrame, codebook: Codebook) -> pd.DataFrame:
    """Prepare rows of an analysis for a forest: `label, n, estimate, ci_low, ci_high, text`."""
    rows = []
    for row in frame.itertuples():
        label_text = codebook[row.exposure].label if row.exposure in codebook else row.exposure
        if pd.isna(row.estimate):
            rows.append([label_text, row.n, row.estimate, row.ci_low, row.ci_high, row.method])
            continue
        holm = f", Holm {describe.p_text(row.p_holm)}" if len(frame) > 1 else ""
        text = f"{_with_interval(row)}   {describe.p_text(row.p)}{holm}"
        numbers = (round(value, 6) for value in (row.estimate, row.ci_low, row.ci_high))
        rows.append([label_text, row.n, *numbers, text])
    return pd.DataFrame(rows, columns=["label", "n", "estimate", "ci_low", "ci_high", "text"])


def _with_interval(row) -> str:
    ends = ["not determined" if pd.isna(end) else f"{end:.2f}" for end in (row.ci_low, row.ci_high)]
    return f"{row.estimate:.2f} ({' to '.join(ends)})"


def effects_in_words(frame: pd.DataFrame, labels: Mapping[str, str]) -> pd.DataFrame:
    """Return an analysis as a reader wants it: `exposure, model, adjusted for, estimate (interval), P, n`.

    Parameters
    ----------
    frame : DataFrame
        From `models.severity.analyse`; where a P value by Holm is another one, it stands beside.
    labels : mapping of str to str
        What to call variables.
    """
    rows = []
    for row in frame.itertuples():
        names = [name for name in row.adjusted_for.split(", ") if name != "none"]
        adjusted = ", ".join(labels.get(name, name) for name in names)
        model = MODEL_NAMES.get(row.model, row.model) + (f", {row.effect}" if row.model in MODELS else "")
        if pd.isna(row.estimate):
            number, p = row.method, ""
        else:
            number = lettering.true_minus(_with_interval(row))
            p, holm = (describe.p_text(value, alone=True) for value in (row.p, row.p_holm))
            p += f" (Holm {holm})" if pd.notna(row.p_holm) and row.p_holm != row.p else ""
        outcome = in_words_of(row.outcome, labels)
        rows.append([labels.get(row.exposure, row.exposure), outcome, model, adjusted, number, p, row.n])
    columns = ["exposure", "outcome", "model", "adjusted for", "estimate (95 % interval)", "P", "n"]
    table = pd.DataFrame(rows, columns=columns)
    return table if table["adjusted for"].any() else table.drop(columns="adjusted for")


def in_words_of(outcome: str, labels: Mapping[str, str]) -> str:
    """Write an outcome of an analysis in words: "clinical_severity >= 5" too."""
    name, is_cut, cut = str(outcome).partition(" >= ")
    return labels.get(name, name) + (f" of {cut} or more" if is_cut else "")


def significant(frame: pd.DataFrame, columns: Sequence[str], digits: int = 6) -> pd.DataFrame:
    """Round columns to significant digits, so that a small P value does not become 0."""
    return frame.assign(
        **{name: [float(f"{value:.{digits}g}") for value in frame[name].astype(float)] for name in columns}
    )


def axis_label(variable: Variable) -> str:
    """Write a label with its unit, unless it says it already."""
    label, unit = describe.in_sentence(variable.label), variable.unit
    return label if unit.lower() in label.lower() else f"{label}, {unit}"


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
    InputError
        If a claim is no count of a group whose size is printed.
    """
    by_id = {a.claim.claim_id: a for a in audited}
    rows = []
    for claim_id in claim_ids:
        claim, x, n = by_id[claim_id].claim, by_id[claim_id].x, by_id[claim_id].n
        if claim.statistic != "count" or x is None or not n or x > n:
            raise InputError(
                f"{claim_id} cannot be drawn as a share: it is no count of a group whose size is printed, in "
                "one way; leave it out of the figure"
            )
        label, group = (expressions.in_words(tree, claim.codebook) for tree in (claim.patients, claim.group))
        rows.append((group, label, x, n))
    found = shares(rows).rename(columns={"section": "group"})
    found.insert(0, "label", found.pop("label"))
    return found.assign(verdict=[by_id[claim_id].verdict for claim_id in claim_ids], claim_id=list(claim_ids))


def shares(rows: Sequence[tuple[str, str, int, int]]) -> pd.DataFrame:
    """Return shares with intervals for rows of section, label, x and n, for a plot of intervals."""
    found = []
    for section, name, x, n in rows:
        p = describe.proportion(x, n)
        ends = [p.exact_low, p.exact_high, p.wilson_low, p.wilson_high]
        found.append([section, name, x, n, round(p.estimate, 6), *ends])
    columns = ["section", "label", "x", "n", "share", "exact_low", "exact_high", "wilson_low", "wilson_high"]
    return pd.DataFrame(found, columns=columns)


def rounding(audited: Sequence[Audited]) -> pd.DataFrame:
    """Return how far each printed percentage of the study's own counts lies from the exact one.

    `section, x_of_n, exact, printed, place, difference, is_nearest, rule`, in percentage points; place is
    what one unit of the last printed digit is worth; rule, the section's, is empty where none gives it.
    """
    rows = []
    for a in audited:
        if a.claim.statistic == "percent" and a.claim.about == "own" and a.x is not None and a.n:
            exact, printed = Fraction(100 * a.x, a.n), a.claim.number.value
            place, difference = a.claim.number.place, printed - exact
            numbers = [round(float(value), 4) for value in (exact, printed, place, difference)]
            is_nearest = bool(abs(difference) <= place / 2)
            rows.append([a.claim.section, f"{a.x}/{a.n}", *numbers, is_nearest, a.rule])
    columns = ["section", "x_of_n", "exact", "printed", "place", "difference", "is_nearest", "rule"]
    return pd.DataFrame(rows, columns=columns)


def description(audited: Sequence[Audited]) -> pd.DataFrame:
    """Return a study's descriptive table of counts: x/n first, intervals, printed beside recomputed.

    One row a count of the study's own patients whose group's size is printed, where it is printed first. The
    verdict is the less good one of count and percentage.
    """
    chosen: dict[tuple, Audited] = {}
    own = [a for a in audited if a.claim.about == "own"]
    for a in own:
        is_finding = a.claim.statistic == "count" and a.claim.patients != expressions.Everyone()
        if is_finding and not a.claim.is_of_those_known and a.x is not None and a.n and a.x <= a.n:
            chosen.setdefault((a.claim.patients, a.claim.group), a)
    frame = proportions(audited, [a.claim.claim_id for a in chosen.values()])
    percents = [a for a in reversed(own) if a.claim.statistic == "percent"]
    printed = {(a.claim.patients, a.claim.group): a for a in percents}
    beside = [printed.get(key) for key in chosen]
    counts = list(zip(frame["x"], frame["n"], strict=True))
    ends = [(frame[f"{kind}_low"], frame[f"{kind}_high"]) for kind in ("exact", "wilson")]
    exact, wilson = ([*map(describe.interval_text, *pair)] for pair in ends)
    return pd.DataFrame({
        "characteristic": frame["label"],
        "among": frame["group"],
        "x/n": [f"{x}/{n}" for x, n in counts],
        "recomputed %": [describe.percent_text(Fraction(x, n)) for x, n in counts],
        "printed %": [a.claim.printed if a else "" for a in beside],
        "95 % exact": exact,
        "95 % Wilson": wilson,
        "verdict": [*map(_less_good, frame["verdict"], beside)],
    })  # fmt: skip


def _less_good(of_count: str, percent: Audited | None) -> str:
    """Return the verdict of a count, or that of the percentage beside it where that is less good."""
    order = ("matches", "stated", "unfinished", "ambiguous", "conflicts", "differs")
    worse = percent and order.index(percent.verdict) > order.index(of_count)
    return f"{percent.verdict} (the percentage)" if worse else of_count


def values(audited: Sequence[Audited]) -> pd.DataFrame:
    """Return the study's own medians, means, SDs, ranges and sums, a row a variable and group, as printed."""
    rows: dict[tuple[str, str], dict[str, str]] = {}
    statistics = ["median", "quartile_1", "quartile_3", "mean", "sd", "sum", "min", "max"]
    for a in audited:
        claim, codebook = a.claim, a.claim.codebook
        if claim.about == "own" and claim.statistic in statistics and codebook[claim.of].type != "date":
            among = expressions.in_words(claim.group, codebook)
            head = {"variable": codebook[claim.of].label, "among": among, "unit": claim.unit}
            row = rows.setdefault((claim.of, claim.among), head)
            before = row.get(claim.statistic, claim.printed)
            row[claim.statistic] = before if before == claim.printed else f"{before}; {claim.printed}"
    columns = ["variable", "among", "unit", *statistics]
    frame = pd.DataFrame(rows.values()).reindex(columns=columns).astype(object).fillna("")
    return frame.loc[:, [name for name in columns if name in columns[:3] or frame[name].any()]]


def words_of(text: str, codebook: Codebook) -> str:
    """Say variables and conditions, such as ``male, spine & fever``, in the codebook's labels."""
    found = []
    for part in filter(None, map(str.strip, text.split(","))):
        try:
            found.append(expressions.in_words(expressions.parse(part, codebook), codebook))
        except InputError:
            found.append(codebook[part].label if part in codebook else part)
    return " and ".join(found)


def checks(audited: Sequence[Audited]) -> pd.DataFrame:
    """Return the claims that differ, conflict or are ambiguous, with the reason.

    Of several studies, named.
    """
    rows = [a for verdict in ("differs", "conflicts", "ambiguous") for a in audited if a.verdict == verdict]
    columns = ["study", "where", "of", "statistic", "printed", "verdict", "reason"]
    return _in_words(rows, columns[len({a.claim.study for a in audited}) < 2 :])


def compared(audited: Sequence[Audited]) -> pd.DataFrame:
    """Return every claim that something printed recomputes: printed beside recomputed, with the verdict."""
    columns = ["where", "of", "among", "statistic", "printed", "recomputed", "rule", "verdict"]
    return _in_words([a for a in audited if a.recomputed], columns)


def _in_words(audited: Sequence[Audited], columns: Sequence[str]) -> pd.DataFrame:
    """Return columns of claims and of their verdicts, variables and conditions in words."""
    found = {name: [getattr(a if hasattr(a, name) else a.claim, name) for a in audited] for name in columns}
    for name in {"of", "among"} & found.keys():
        found[name] = [words_of(getattr(a.claim, name), a.claim.codebook) for a in audited]
    return pd.DataFrame(found, columns=columns)
