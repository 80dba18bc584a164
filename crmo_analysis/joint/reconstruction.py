"""Tables of patients that fit every printed number that can be kept, and tables unlike each other that do."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd

from crmo_analysis.files import NoTableError, UnfinishedError
from crmo_analysis.joint.drawing import near
from crmo_analysis.joint.fits import Fit
from crmo_analysis.joint.kept import remembered
from crmo_analysis.joint.numbers import of_everyone
from crmo_analysis.joint.pieces import pieces
from crmo_analysis.joint.solving import Effort
from crmo_analysis.joint.statements import Plan, divide
from crmo_analysis.joint.writing import write_out
from crmo_analysis.study import expressions, reproduction

ATTEMPTS = 8  # random starts from which a table is sought
CANDIDATES = 3  # tables made for each one that is chosen, where tables are to be unlike each other


@remembered("cohorts")
def reconstruct(fitted: Fit, count: int = 1, seed: int = 0, seconds: float = 60) -> list[pd.DataFrame]:
    """Make tables of patients that fit.

    Parameters
    ----------
    fitted : Fit
    count : int
        How many tables; several are chosen to be as unlike each other as possible. They are no random sample.
    seed : int
        Another seed gives other tables, the same seed the same.
    seconds : float
        Effort allowed, as long as that takes on an ordinary machine.

    Returns
    -------
    list of DataFrame
        One row a patient: `patient`, the study's variables in the order of the codebook, and `reconstructed`.

    Raises
    ------
    UnfinishedError
        If the effort is spent before.
    NoTableError
        If no table that was found satisfies every statement when it is checked again.
    """
    effort = Effort(seconds)
    plans, unprinted, tables = plans_of(fitted), set(), []
    for number in range(CANDIDATES * count if count > 1 else 1):
        try:
            tables.append(_table(fitted, plans, np.random.default_rng([seed, number]), effort, unprinted))
        except UnfinishedError:
            if len(tables) < count:
                raise
            break
    return unlike(tables, count)


def plans_of(fitted: Fit, asked: Sequence = (), fine: bool | None = False) -> list[Plan]:
    """Return the parts of a study with the statements that are kept, in pieces where they fall into some."""
    plans = divide([s for s in fitted.kept if not of_everyone(s)], fitted.view, asked, fine)
    return [piece for plan in plans for piece in pieces(plan, fitted.n, fitted.view.codebook)]


def _table(
    fitted: Fit, plans: Sequence[Plan], rng: np.random.Generator, effort: Effort, unprinted: set[Plan]
) -> pd.DataFrame:
    """Solve every part near a random table, and write the patients out."""
    seed, missed = int(rng.integers(1 << 30)), []
    for attempt in range(ATTEMPTS):
        # Where no table keeps the two middle values of an even group together, every value is told apart.
        fine = attempt > 1
        tried = plans_of(fitted, fine=True) if fine else plans
        solved = [
            near(fitted, plan, np.random.default_rng([seed, attempt]), effort, fine, unprinted)
            for plan in tried
        ]
        if None not in solved:
            table = write_out(fitted, solved, np.random.default_rng([seed, attempt, 1]))
            missed = broken(fitted, table)
            if not missed:
                return table
    raise NoTableError(
        f"{fitted.view.study.study}: no table that keeps {', '.join(missed) or 'all claims'} was found"
    )


def broken(fitted: Fit, table: pd.DataFrame) -> list[str]:
    """Check a table, independently of the solver.

    Return the claims kept that it does not give, and rules it breaks.
    """
    read = reproduction.Rows(table)
    claims = [
        claim.claim_id
        for statement in fitted.kept
        for claim in statement.claims
        if not reproduction.agrees(claim, read, statement.rivals)
    ]
    rules = [
        why
        for rule, why in fitted.view.study.rules
        if expressions.variables(rule) <= set(table)
        and not reproduction.members(rule, read).fillna(True).all()
    ]
    times = [v for v in fitted.view.codebook.values() if v.start and {v.name, v.start, v.end} <= set(table)]
    return claims + rules + [time.name for time in times if not times_agree(fitted, table, time.name)]


def times_agree(fitted: Fit, table: pd.DataFrame, name: str) -> bool:
    """Say whether a time is everywhere the difference of the ages around it, within what rounding hides."""
    time = fitted.view.codebook[name]
    ages = [fitted.view.codebook[each] for each in (time.end, time.start)]
    per_unit, slack = time.between(*ages)
    later = (table[time.end] - table[time.start]).astype(float)
    apart = (per_unit * later - table[name]).abs().dropna()
    is_after = (later.dropna() >= -float(ages[0].before(ages[1])) - 1e-6).all()
    return bool((apart.astype(float) <= slack + 1e-6).all() and is_after)


# ---- tables unlike each other ------------------------------------------------------------------------------


def unlike(tables: Sequence[pd.DataFrame], count: int) -> list[pd.DataFrame]:
    """Choose tables as far from each other as possible, one after the other (Gonzalez 1985).

    Two tables are as far apart as their pairs of columns differ: in how many patients are in both of two
    yes/no variables, and in the rank correlation of two numbers.
    """
    if count >= len(tables):
        return list(tables)
    features = np.array([_pairs(table) for table in tables])
    scale = features.std(axis=0)
    features = features[:, scale > 0] / scale[scale > 0]
    chosen = [0]
    while len(chosen) < count:
        apart = np.abs(features[:, None, :] - features[None, chosen, :]).sum(axis=2).min(axis=1)
        apart[chosen] = -1
        chosen.append(int(apart.argmax()))
    return [tables[place] for place in chosen]


def _pairs(table: pd.DataFrame) -> list[float]:
    shown = table.drop(columns=["patient", "reconstructed"])
    yes_no = shown.select_dtypes("boolean").fillna(False).to_numpy(dtype=float)
    both = (yes_no.T @ yes_no)[np.triu_indices(yes_no.shape[1])]
    ranks = shown.select_dtypes("number").astype(float).rank()
    together = ranks.corr(min_periods=3).fillna(0).round(6)
    return [*both, *(float(together.loc[a, b]) for a, b in combinations(together.columns, 2))]
