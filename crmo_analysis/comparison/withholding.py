"""What of a comparison tells of few patients, and is taken out: counts, and what follows by subtraction."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import pandas as pd

from crmo_analysis.comparison.facts import PARTS, QUARTILES, Fact
from crmo_analysis.patients import disclosure
from crmo_analysis.study import Codebook, expressions

OWN = tuple(f"cohort{part}" for part in PARTS)  # columns of what the cohort gives


def withhold(
    rows: Sequence[tuple[Fact, dict]], smallest: int, table: pd.DataFrame, codebook: Codebook
) -> None:
    """Take from rows what tells of few patients, itself or by subtraction from other rows.

    A description of the `table` may stand beside them: what it hides of all patients is hidden here too.
    """
    gone = disclosure.withheld(table, codebook, smallest) if smallest else {}
    parts = {name: [not is_gone for is_gone in several] for name, several in gone.items()}
    hidden = {side.tobytes() for sides in disclosure.shown_groups(table, codebook, parts) for side in sides}
    for fact, row in rows:
        row["withheld"] = _few(fact, row, hidden, smallest) or _added_up(fact, gone, codebook, smallest)
        row.pop("cells")
    _withhold_beside(rows, smallest)
    if smallest:
        _withhold_nearly_the_same(rows, smallest, disclosure.shown_groups(table, codebook, gone))
        _withhold_beside(rows, smallest)
    for fact, row in rows:
        row.pop("groups"), row.pop("known")
        if smallest and not row["withheld"]:
            row["withheld"] = _few_beside(fact, row, smallest)
        hidden = ("cohort_min", "cohort_max") * bool(smallest)
        if row.get("cohort_n", 0) < 4 * smallest:
            hidden += tuple(f"cohort_{name}" for name in QUARTILES)
        for name in (*OWN, "excluded", "values") if row["withheld"] else hidden:
            row.pop(name, None)
    _withhold_moments(rows, smallest, codebook)


def _few(fact: Fact, row: dict, hidden: Collection[bytes], smallest: int) -> str:
    """Say why a row tells of few patients itself, or of patients who are hidden; empty where it does not."""
    is_everyone = fact.statistic == "share" and row["cohort_x"] in (0, row["cohort_n"])
    if any(0 < cell < smallest for cell in row["cells"]) or (smallest and is_everyone):
        return f"fewer than {smallest}, or all but as few"
    told = row["groups"] if row["among"] else row["groups"][1:]  # the first are all patients
    if any(inside.tobytes() in hidden for inside, _ in told):
        return f"beside counts of fewer than {smallest}"
    values = row.get("values", ())
    is_spiked = len(values) and disclosure.spiked(values, smallest)
    return f"all but fewer than {smallest} have the same value" if is_spiked else ""


def _added_up(fact: Fact, gone: Mapping, codebook: Codebook, smallest: int) -> str:
    """Say that a mean adds up counts of which some are hidden; empty where it does not."""
    counts = codebook[fact.claim.of].counts if fact.statistic == "mean" and fact.claim.of in codebook else ""
    is_told = counts and any(any(several) for name, several in gone.items() if codebook[name].group == counts)
    return f"adds up counts of fewer than {smallest}" if is_told else ""


def _few_beside(fact: Fact, row: dict, smallest: int) -> str:
    """Say why a statistic of patients' values cannot be shown of so few."""
    if fact.statistic == "range":
        return "extremes are not shown"
    few = fact.statistic != "share" and row["cohort_n"] < 2 * smallest
    return f"fewer than {smallest} patients on each side of the median" if few else ""


def _withhold_nearly_the_same(
    rows: Sequence[tuple[Fact, dict]], smallest: int, described: Sequence[tuple]
) -> None:
    """Take of rows whose patients, or those of whom a value is known, differ by a few as few as do."""
    told: dict[object, list] = {"": [(None, group) for group in described]}
    for at, (fact, row) in enumerate(rows):  # of whom it is known matters beside others with the same value
        told[""] += [(at, group) for group in row["groups"]]
        known = row["known"].to_numpy(dtype=bool)
        told.setdefault((fact.claim.of, fact.claim.patients), []).append((at, (known, ~known)))
    edges = []
    for groups in told.values():
        shown = [(at, group) for at, group in groups if at is None or not rows[at][1]["withheld"]]
        pairs = disclosure.nearly_the_same([group for _, group in shown], smallest)
        edges += [{shown[one][0], shown[other][0]} - {None} for one, other in pairs]
    edges = [sorted(edge) for edge in edges if edge]  # what is described stays
    for at in disclosure.cover(edges, [row["cohort_n"] for _, row in rows]):
        rows[at][1]["withheld"] = f"differs from another row by fewer than {smallest} patients"


def _withhold_moments(rows: Sequence[tuple[Fact, dict]], smallest: int, codebook: Codebook) -> None:
    """Take a standard deviation, and a mean, from which follows how many few patients have a value."""
    for fact, row in rows if smallest else ():
        values, variable = row.get("values", ()), codebook.get(fact.claim.of)
        if row["withheld"] or variable is None or not len(values):
            continue
        is_mean = fact.statistic == "mean"
        if not (is_mean or fact.statistic == "sd") or disclosure.moments_tell(values, variable, smallest):
            row.pop("cohort_sd", None)
        told = is_mean and disclosure.moments_tell(values, variable, smallest, spread=False)
        if "cohort_sd" not in row and (told or fact.statistic == "sd"):
            row["withheld"] = f"would tell of fewer than {smallest} patients with some values"
            for name in (*OWN, "excluded", "values"):
                row.pop(name, None)


def _withhold_beside(rows: Sequence[tuple[Fact, dict]], smallest: int) -> None:
    """Take with a share those beside it, of which it may be what is left."""
    shares: dict[tuple, list[dict]] = {}
    for fact, row in rows:
        if fact.statistic == "share":
            key = expressions.variables(fact.claim.patients), fact.claim.group
            shares.setdefault(key, []).append(row)
    for beside in shares.values():
        known = np.logical_and.reduce([row["known"] for row in beside])
        groups = [row["groups"][1][0][known] for row in beside]
        if any(row["withheld"] for row in beside) or disclosure.follow(groups, smallest):
            for row in beside:
                row["withheld"] = row["withheld"] or f"beside counts of fewer than {smallest}"
