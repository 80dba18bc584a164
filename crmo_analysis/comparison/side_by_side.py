"""What a cohort gives for what a study prints.

Shares, medians, means and ranges side by side, with their difference.

Claims that repeat each other are one row; claims that cannot be compared are listed with the reason.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product

import numpy as np
import pandas as pd
from scipy.stats import fisher_exact
from statsmodels.stats.proportion import confint_proportions_2indep

from crmo_analysis.comparison.facts import CENTRES, PARTS, QUARTILES, Fact, facts
from crmo_analysis.comparison.withholding import OWN, withhold
from crmo_analysis.files import InputError
from crmo_analysis.models import adjust, intervals
from crmo_analysis.patients import made
from crmo_analysis.recompute import tests_of_difference as tests
from crmo_analysis.study import Claim, Codebook, Study, describe, expressions, reproduction

PUBLISHED = tuple(f"published{part}" for part in PARTS)
DIFFERENCE = ("difference", "difference_low", "difference_high")
P_VALUES = ("p", "p_holm")
SAID = ("study", "short", "label", "group", "statistic", "unit", "of", "among", "reading", "printed", "where")
COLUMNS = (*SAID, *PUBLISHED, *OWN, "excluded", *DIFFERENCE, *P_VALUES)
COLUMNS += ("confidence", "withheld", "method", "claim_ids")
LACKS = "the cohort lacks "
_WHOLE = ("published_x", "published_n", "cohort_x", "cohort_n", "excluded")
_NO_DIFFERENCE = {
    "median": "a published median has no interval without single values, and so the difference has none",
    "mean": "no interval of the difference without a published standard deviation and number",
    "sd": "no interval",
    "range": "no interval",
}
_TYPES = {"boolean": "boolean", "integer": "Float64", "decimal": "Float64", "category": "string"}


@dataclass(frozen=True, eq=False)
class Comparison:
    """A cohort beside published numbers. Every claim of the studies is in one of the two tables.

    Attributes
    ----------
    table : DataFrame
        One row a fact that a study prints of its own patients, in `COLUMNS`: what it is of and how it was
        read; `published`, its interval, x and n, and what is printed beside it; the same of the cohort, and
        `excluded` (of whom it is not known); `difference` (cohort less published) with its interval; P if
        asked for; why the cohort's numbers are `withheld`. Shares are between 0 and 1.
    not_compared : DataFrame
        `claim_id, study, about, printed, reason`.
    confidence : float
    smallest : int
        Counts from 1 below this were not shown; 0 where nothing was withheld.
    """

    table: pd.DataFrame
    not_compared: pd.DataFrame
    confidence: float
    smallest: int


def compare(
    cohort_table: pd.DataFrame,
    studies: Sequence[Study],
    codebook: Codebook,
    *,
    confidence: float = 0.95,
    p_values: bool = False,
    resamples: int = 10_000,
    seed: int = 1,
    smallest: int = 5,
) -> Comparison:
    """Set what a cohort gives beside what studies print.

    Shares have Clopper-Pearson intervals and the difference Newcombe's; a patient of whom it is not known
    whether he or she is meant is excluded and counted. Of a cohort's median a percentile bootstrap, of its
    mean a BCa interval is given from ten patients on. A published median has no interval without single
    values, and so the difference has none; that of means has Welch's where a standard deviation is printed.

    Parameters
    ----------
    cohort_table : DataFrame
        One row a patient, columns of the codebook.
    studies : sequence of Study
    codebook : mapping of str to Variable
    confidence : float
        Coverage of every interval.
    p_values : bool
        Whether to test differences: Fisher's exact test of shares, Welch's of means; Holm over all rows.
    resamples, seed : int
        Of the bootstrap.
    smallest : int
        Counts from 1 below this, or of all but as few, are withheld, and with them the other rows on the same
        variables and group, from which they could be worked out; so are extremes, a median and an end of its
        interval with fewer patients beyond it, and rows on patients who are those of another row but for a
        few. 0 shows all. Tables whose every row is reconstructed or simulated are shown whole.

    Raises
    ------
    InputError
        If the confidence is not between 0 and 1, or nothing is to be resampled.

    References
    ----------
    Newcombe RG. Stat Med 1998;17:873-890, method 10. Efron B. J Am Stat Assoc 1987;82:171-185. Welch BL.
    Biometrika 1947;34:28-35. Holm S. Scand J Stat 1979;6:65-70.
    """
    if not 0 < confidence < 1 or resamples < 1:
        given = f"confidence is {confidence} and resamples {resamples}"
        raise InputError(f"{given}; expected a number between 0 and 1, such as 0.95, and 1 or more")
    if made(cohort_table):
        smallest = 0
    interval = partial(intervals.bootstrap_interval, confidence=confidence, resamples=resamples, seed=seed)
    rows, left = [], []
    for study in studies:
        words = {**codebook, **study.codebook}
        found, refused = facts(study, words)
        for fact in found:
            row, reason = _beside(fact, cohort_table, words)
            if reason:
                refused |= {claim.claim_id: reason for claim in fact.claims}
            else:
                rows.append((fact, {**_said(fact, study, words), **row}))
        claims = {claim.claim_id: claim for claim in reversed(study.claims) if claim.claim_id in refused}
        left += [
            [c.claim_id, c.study, c.about, c.printed, refused[c.claim_id]] for c in reversed(claims.values())
        ]
    withhold(rows, smallest, cohort_table, codebook)
    for fact, row in rows:
        if fact.statistic == "share":
            _compare_shares(row, confidence, p_values)
        else:
            row["coefficient"] = fact.claim.coefficient
            _compare_values(row, confidence, p_values, interval, smallest)
    listed = pd.DataFrame(left, columns=["claim_id", "study", "about", "printed", "reason"])
    frame = _as_frame([{**row, "confidence": confidence} for _, row in rows], p_values)
    return Comparison(frame, listed, confidence, smallest)


def _beside(fact: Fact, cohort_table: pd.DataFrame, codebook: Codebook) -> tuple[dict, str]:
    """Return what is published and what the cohort gives for it, or why it gives nothing."""
    table = _typed(cohort_table, fact.names, codebook)
    lacking = [name for name in codebook if name in fact.names and name not in table]
    if lacking:
        return {}, f"{LACKS}{', '.join(lacking)}"
    row = {**_published(fact), **_own(fact, table)}
    if not row["cohort_n"]:
        return {}, "known of nobody in the cohort"
    if fact.statistic == "sd" and row["cohort_n"] == 1:
        return {}, "a standard deviation needs two patients"
    return row, ""


def _as_frame(rows: Sequence[dict], p_values: bool) -> pd.DataFrame:
    frame = pd.DataFrame(rows).reindex(columns=[*COLUMNS])
    frame["p_holm"] = adjust(frame["p"])
    for name in P_VALUES:
        frame[name] = [float(f"{p:.{describe.DIGITS}g}") for p in frame[name]]
    numbers = [name for name in (*PUBLISHED, *OWN, *DIFFERENCE) if name not in _WHOLE]
    frame[numbers] = frame[numbers].astype(float).round(describe.DIGITS)
    frame = frame.astype(dict.fromkeys(_WHOLE, "Int64"))
    return frame if p_values else frame.drop(columns=[*P_VALUES])


def _typed(table: pd.DataFrame, names: frozenset[str], codebook: Codebook) -> pd.DataFrame:
    """Return the variables with types in which a missing value stays one in every comparison."""
    typed = table[[name for name in table if name in names]].astype(
        {name: _TYPES[codebook[name].type] for name in table if name in names}
    )
    for name in names:  # of those of whom something is known, see `rows.of_those_known`
        known = name.removesuffix("_known")
        if name not in typed and known != name and known in table:
            typed[name] = table[known].notna().astype("boolean")
    return typed


def _said(fact: Fact, study: Study, codebook: Codebook) -> dict:
    claim = fact.claim
    is_share = fact.statistic == "share"
    printed = dict.fromkeys(_as_printed(c, is_share) for c in fact.claims)
    where = dict.fromkeys(c.where for c in fact.claims)
    return {
        "study": study.study, "short": study.facts["short"], "label": fact.label(codebook),
        "group": expressions.in_words(claim.group, codebook), "statistic": fact.statistic,
        "unit": codebook[claim.of].unit if claim.is_of_values else claim.unit * (not is_share),
        "of": claim.of, "among": claim.among,
        "reading": " ".join(dict.fromkeys(c.reading for c in fact.claims if c.reading)),
        "printed": "; ".join(printed), "where": "; ".join(where),
        "claim_ids": " ".join(c.claim_id for c in fact.claims),
        "withheld": "", "method": fact.note,
    }  # fmt: skip


def _as_printed(claim: Claim, is_share: bool) -> str:
    if is_share:
        return f"{claim.printed} %" if claim.statistic == "percent" else claim.printed
    unit = f" {claim.unit}" if claim.number.scale != 1 else ""
    return f"{claim.statistic} {claim.printed}{unit}"


def _published(fact: Fact) -> dict:
    row = {f"published_{name}": float(value) for name, value in fact.printed.items() if name not in CENTRES}
    row["published_n"] = fact.n
    row.pop(f"published_{fact.statistic}", None)
    if fact.statistic in fact.printed:
        row["published"] = float(fact.printed[fact.statistic])
    return row


def _own(fact: Fact, table: pd.DataFrame) -> dict:
    """Return what the table gives; `cells` are the counts, `groups` the patients that the row tells of."""
    group = reproduction.members(fact.claim.group, table)
    inside = group.fillna(False).astype(bool)
    if fact.statistic != "share" and not fact.claim.is_of_values:
        return _own_pair(fact, table, group)
    is_share, name = fact.statistic == "share", fact.claim.of
    of = reproduction.members(fact.claim.patients, table) if is_share else table[name]
    known = of[inside].dropna()
    n, outside = len(known), int((~group.fillna(True).astype(bool)).sum())
    row = {
        "cohort_n": n,
        "excluded": int(group.isna().sum() + inside.sum() - n),
        "cells": [n, inside.sum(), outside],
        "groups": [_sides(group)],
        "known": inside & of.notna(),
    }
    if is_share:
        x = int(known.sum())
        holds = of.astype("boolean")
        groups = [*row["groups"], _sides(group & holds), _sides(group & ~holds)]
        return row | {"cohort_x": x, "cells": [*row["cells"], x, n - x], "groups": groups}
    values = np.sort(known.to_numpy(dtype=float))
    row |= {"values": values, "cohort_min": values[0], "cohort_max": values[-1]} if n else {}
    row |= {"cohort_sd": values.std(ddof=1)} if n > 1 else {}
    if n and fact.statistic in CENTRES:
        row["cohort"] = float(describe.statistic(fact.statistic, known))
    if n:
        quantiles = {name: share for name, share in QUARTILES.items() if name in fact.printed}
        row |= {f"cohort_{name}": float(np.quantile(values, share)) for name, share in quantiles.items()}
    if n and fact.statistic not in (*CENTRES, "sd", "range"):
        row["cohort"] = _value(fact.claim, table)
    return row | ({"cohort": row["cohort_sd"]} if fact.statistic == "sd" and n > 1 else {})


def _value(claim: Claim, table: pd.DataFrame) -> float | None:
    value = reproduction.value_of(claim, table)
    return None if value is None else float(value)


def _own_pair(fact: Fact, table: pd.DataFrame, group: pd.Series) -> dict:
    """Return what the table gives for two variables; `cells` are the counts that they cross."""
    claim, inside = fact.claim, group.fillna(False).astype(bool)
    known = inside & table[sorted(reproduction.named(claim))].notna().all(axis=1)
    n, outside = int(known.sum()), int((~group.fillna(True).astype(bool)).sum())
    sides = [[reproduction.members(tree, table) for tree in claim.levels(place)] for place in (0, 1)]
    crossed = [(known & one & other).sum() for one, other in product(*sides)] if all(sides) else []
    alone = [(known & each).sum() for each in sides[0] or sides[1]] if not all(sides) else []
    row = {
        "cohort_n": n, "excluded": int(group.isna().sum() + inside.sum() - n), "known": known,
        "cells": [n, inside.sum(), outside, *crossed, *alone], "groups": [_sides(group)],
    }  # fmt: skip
    return row | {"cohort": _value(claim, table) if n else None}


def _sides(group: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Return who is known to be in a group, and who is known not to be."""
    return group.fillna(False).to_numpy(dtype=bool), (~group.fillna(True)).to_numpy(dtype=bool)


def _compare_shares(row: dict, confidence: float, p_values: bool) -> None:
    published = int(row["published_x"]), row["published_n"]
    own = None if row["withheld"] else (row["cohort_x"], row["cohort_n"])
    for side, counts in (("published", published), ("cohort", own)):
        if counts:
            p = describe.proportion(*counts, confidence)
            row |= {side: p.estimate, f"{side}_low": p.exact_low, f"{side}_high": p.exact_high}
    words = ["Clopper-Pearson intervals"]
    if own:
        row["difference"] = row["cohort"] - row["published"]
        settings = {"method": "newcomb", "compare": "diff", "alpha": 1 - confidence}
        ends = confint_proportions_2indep(*own, *published, **settings)
        row["difference_low"], row["difference_high"] = map(float, ends)
        words.append("difference with Newcombe's hybrid score interval")
    if own and p_values:
        row["p"] = float(fisher_exact([[x, n - x] for x, n in (own, published)]).pvalue)
        words.append("P of Fisher's exact test")
    row["method"] = "; ".join([*words, *filter(None, [row["method"]])])


def _compare_values(row: dict, confidence: float, p_values: bool, interval: Callable, smallest: int) -> None:
    words, values, centre = [], row.pop("values", None), row["statistic"]
    if centre in CENTRES and values is not None:
        words.append(f"cohort: {_centre(row, values, interval, smallest)}")
    if row.get("cohort") is not None and not centre.endswith("ratio"):
        row["difference"] = row["cohort"] - row["published"]
    if centre == "mean" and (row["published_n"] or 0) > 1 and {"published_sd", "cohort_sd"} <= set(row):
        words += _compare_means(row, confidence, p_values)
    elif centre == "correlation":
        words.append(_compare_correlations(row, confidence))
    else:
        words.append(_NO_DIFFERENCE.get(centre, "no interval of the cohort's"))
    if row.get("cohort_n") and centre != "range" and pd.isna(row.get("cohort", math.nan)):
        why = "a cell is 0" if centre.endswith("ratio") else "a value does not vary"
        words.append(f"the cohort's is not estimable, as {why}")
    row["method"] = "; ".join(words)


def _centre(row: dict, values: np.ndarray, interval: Callable, smallest: int) -> str:
    """Give the cohort's mean or median its interval; return what it is by."""
    low, high, said = interval(values, row["statistic"])
    if row["statistic"] == "median" and min((values <= low).sum(), (values >= high).sum()) < smallest:
        low = high = None
        said = f"no interval that ends at one of the {smallest} lowest or highest values"
    row["cohort_low"], row["cohort_high"] = low, high
    return said


def _compare_means(row: dict, confidence: float, p_values: bool) -> list[str]:
    """Give a difference of means its interval and, if asked, its P value; return what they are by."""
    sides = [(row[f"{side}_sd"], row[f"{side}_n"]) for side in ("cohort", "published")]
    sds, n, apart = [(sd, sd) for sd, _ in sides], [size for _, size in sides], (row["difference"],) * 2
    if min(n) < 2 or not any(sds[0] + sds[1]):
        return ["no interval of the difference, as neither side varies"]
    low, high = tests.difference_interval(apart, sds, n, confidence)["welch"]
    row["difference_low"], row["difference_high"] = low[0], high[0]
    row |= {"p": tests.two_means((apart, (0.0, 0.0)), sds, n)["welch"].p[0]} if p_values else {}
    return ["difference with Welch's t interval", *["P of Welch's t test"] * p_values]


def _compare_correlations(row: dict, confidence: float) -> str:
    """Give both correlations their intervals; return what they are by."""
    for side in ("published", "cohort"):
        r, n = row.get(side), row.get(f"{side}_n")
        if r is not None and pd.notna(r) and abs(r) < 1 and pd.notna(n) and n > 3:
            ends = describe.fisher_interval(r, n, confidence, row["coefficient"])
            row[f"{side}_low"], row[f"{side}_high"] = ends
    return f"intervals by {describe.fisher_words(row['coefficient'])}"
