"""What of a comparison tells of few patients, and is taken out: counts, and what follows by subtraction."""

from collections.abc import Sequence

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
    added_up = {codebook[name].group for name, several in gone.items() if any(several)} - {""}
    for fact, row in rows:
        cells, values, of = row.pop("cells"), row.get("values", ()), fact.claim.of
        is_everyone = fact.statistic == "share" and row["cohort_x"] in (0, row["cohort_n"])
        is_mean = fact.statistic == "mean" and of in codebook
        if any(0 < cell < smallest for cell in cells) or (smallest and is_everyone):
            row["withheld"] = f"fewer than {smallest}, or all but as few"
        elif not row["among"] and any(gone.get(of, ())):
            row["withheld"] = f"beside counts of fewer than {smallest}"
        elif is_mean and codebook[of].counts in added_up:
            row["withheld"] = f"adds up counts of fewer than {smallest}"
        elif len(values) and disclosure.spiked(values, smallest):
            row["withheld"] = f"all but fewer than {smallest} have the same value"
    _withhold_beside(rows, smallest)
    if smallest:
        _withhold_nearly_the_same(rows, smallest, disclosure.shown_groups(table, codebook, gone))
        _withhold_beside(rows, smallest)
    for fact, row in rows:
        row.pop("groups"), row.pop("known")
        if fact.statistic == "range" and smallest:
            row["withheld"] = row["withheld"] or "extremes are not shown"
        if fact.statistic != "share" and row["cohort_n"] < 2 * smallest:
            row["withheld"] = row["withheld"] or f"fewer than {smallest} patients on each side of the median"
        hidden = ("cohort_min", "cohort_max") * bool(smallest)
        if row.get("cohort_n", 0) < 4 * smallest:
            hidden += tuple(f"cohort_{name}" for name in QUARTILES)
        for name in (*OWN, "excluded", "values") if row["withheld"] else hidden:
            row.pop(name, None)
    _withhold_moments(rows, smallest, codebook)


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
        if fact.statistic not in ("mean", "sd") or disclosure.moments_tell(values, variable, smallest):
            row.pop("cohort_sd", None)
        if "cohort_sd" not in row and (
            fact.statistic == "sd"
            or (
                fact.statistic == "mean" and disclosure.moments_tell(values, variable, smallest, spread=False)
            )
        ):
            row["withheld"] = f"would tell of fewer than {smallest} patients with some values"
            for name in (*OWN, "excluded", "values"):
                row.pop(name, None)


def _withhold_beside(rows: Sequence[tuple[Fact, dict]], smallest: int) -> None:
    """Take with a share those beside it, of which it may be what is left."""
    shares = [
        ((expressions.variables(fact.claim.patients), fact.claim.group), row)
        for fact, row in rows
        if fact.statistic == "share"
    ]
    beside = {place for place, row in shares if row["withheld"]}
    for place, row in shares:
        if place in beside:
            row["withheld"] = row["withheld"] or f"beside counts of fewer than {smallest}"
