"""What of a comparison tells of few patients, and is taken out: counts, and what follows by subtraction."""

from collections.abc import Sequence

from crmo_analysis.comparison.facts import PARTS, QUARTILES, Fact
from crmo_analysis.patients import disclosure
from crmo_analysis.study import Codebook, expressions

OWN = tuple(f"cohort{part}" for part in PARTS)  # columns of what the cohort gives
_SHOWN = (*OWN, "excluded", "values")


def withhold(
    rows: Sequence[tuple[Fact, dict]], smallest: int, described: Sequence[tuple], codebook: Codebook
) -> None:
    """Take from rows what tells of few patients, itself or by subtraction from other rows.

    `described` are the groups that a description of the cohort shows, beside which the rows may stand.
    """
    for fact, row in rows:
        row["withheld"] = _tells_of_few(fact, row, smallest)
    _withhold_beside(rows, smallest)
    if smallest:
        _withhold_nearly_the_same(rows, smallest, described)
        _withhold_beside(rows, smallest)
        for fact, row in rows:
            row["withheld"] = row["withheld"] or _tells_of_ends(fact, row, smallest)
    for _, row in rows:
        for name in ("cells", "groups", "known"):
            row.pop(name)
        quartiles = tuple(f"cohort_{name}" for name in QUARTILES) * (row.get("cohort_n", 0) < 4 * smallest)
        hidden = ("cohort_min", "cohort_max") * bool(smallest) + quartiles
        _take(row, _SHOWN if row["withheld"] else hidden)
    _withhold_moments(rows, smallest, codebook)


def _tells_of_few(fact: Fact, row: dict, smallest: int) -> str:
    """Say why a row by itself tells of few patients, if it does."""
    is_everyone = fact.statistic == "share" and row["cohort_x"] in (0, row["cohort_n"])
    if any(0 < cell < smallest for cell in row["cells"]) or (smallest and is_everyone):
        return f"fewer than {smallest}, or all but as few"
    values = row.get("values", ())
    if len(values) and disclosure.spiked(values, smallest):
        return f"all but fewer than {smallest} have the same value"
    return ""


def _tells_of_ends(fact: Fact, row: dict, smallest: int) -> str:
    if fact.statistic == "range":
        return "extremes are not shown"
    is_few = fact.statistic != "share" and row["cohort_n"] < 2 * smallest
    return f"fewer than {smallest} patients on each side of the median" if is_few else ""


def _take(row: dict, names: Sequence[str]) -> None:
    for name in names:
        row.pop(name, None)


def _withhold_nearly_the_same(
    rows: Sequence[tuple[Fact, dict]], smallest: int, described: Sequence[tuple]
) -> None:
    """Take one of two rows whose patients, or those of whom a value is known, differ by a few."""
    told: dict[object, list] = {"": [(row, group) for _, row in rows for group in row["groups"]]}
    told[""] += [({"withheld": ""}, group) for group in described]
    for fact, row in rows:  # of whom a value is known matters beside another group with the same value
        known = row["known"].to_numpy(dtype=bool)
        told.setdefault((fact.claim.of, fact.claim.patients), []).append((row, (known, ~known)))
    for groups in told.values():
        shown = [(row, group) for row, group in groups if not row["withheld"]]
        pairs = disclosure.nearly_the_same([group for _, group in shown], smallest)
        # First the pairs of which one is described already, so that no more rows than need be are taken.
        for smaller, larger in sorted(pairs, key=lambda pair: all("cohort_n" in shown[at][0] for at in pair)):
            if not shown[smaller][0]["withheld"] and not shown[larger][0]["withheld"]:
                row = shown[smaller if "cohort_n" in shown[smaller][0] else larger][0]  # not the described
                row["withheld"] = f"differs from another row by fewer than {smallest} patients"


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
            _take(row, _SHOWN)


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
